"""How putting a run together goes through the files: how often each is entered from another one.

A call from a function of one file into a function of another enters that file; going back by returning does not count.

python benchmarks/construction.py [--save]
"""

import sys
from collections import Counter
from pathlib import Path

from page import result, saving

import gpunet.api  # everything is imported before anything is counted
from gpunet.backend import Device
from gpunet.config import load_config
from gpunet.data import split
from gpunet.datasets import load
from gpunet.experiment import Experiment, Run

ROOT = Path(gpunet.api.__file__).parents[1]


def entries(preset: str) -> Counter[str]:
    """By file, how often it is entered while the run of a preset is put together."""
    dataset = load("digits")
    config = load_config(preset, {}, {})
    experiment = Experiment(config, dataset, split(dataset, validation=0.15, test=0.15, seed=0), Device())
    found: Counter[str] = Counter()

    def watch(frame, event, _):
        caller = frame.f_back
        if event == "call" and caller is not None and frame.f_code.co_filename != caller.f_code.co_filename:
            path = Path(frame.f_code.co_filename)
            if path.is_relative_to(ROOT) and not frame.f_code.co_name.startswith("<"):
                found[str(path.relative_to(ROOT))] += 1

    sys.setprofile(watch)
    try:
        Run(experiment)
    finally:
        sys.setprofile(None)
    return found


def main() -> None:
    """Count for a network and for a machine."""
    options = saving(__doc__).parse_args()
    lines = [
        "| preset | files entered | entered once | the conductor, `experiment/run.py` | most often |",
        "|---|---|---|---|---|",
    ]
    for preset in ("mlp", "rbm"):
        found = entries(preset)
        once = sum(count == 1 for count in found.values())
        most = ", ".join(f"`{name}` {count}" for name, count in found.most_common(4))
        lines.append(f"| {preset} | {len(found)} | {once} | {found['experiment/run.py']} | {most} |")
    lines += [
        "",
        "The conductor is entered once. What is entered more often serves each layer, parameter and field by itself:",
        "memory on the device, bounds of fields, the walk that finds parameters.",
    ]
    result("construction", "Putting a run together", lines, options.save, "counted, not timed")


if __name__ == "__main__":
    main()
