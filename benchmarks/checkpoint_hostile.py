"""Every hostile file of the tests, opened by the program as a user does, and counted by how it ends.

python benchmarks/checkpoint_hostile.py --save
"""

import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import h5py
from page import result, saving

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT / "tests" / room) for room in ("", "checkpoint", "datasets")]

import test_hostile
import test_reading

from gpunet.datasets import load
from gpunet.errors import DataError

Outcome = tuple[str, float, float]  # how it ended, seconds, MiB beyond a good file


def checkpoints(folder: Path) -> dict[str, Outcome]:
    """Outcome of gpunet inspect for each hostile checkpoint; its seal and hashes fit wherever they can."""
    found = {}
    test_hostile.good(folder / "good.h5")
    *_, usual = test_hostile.inspected(folder / "good.h5")
    for case, (make, rule) in test_hostile.HOSTILE.items():
        path = folder / "hostile.h5"
        test_hostile.good(path)
        with h5py.File(path, "r+", libver=test_hostile.LATEST) as file:
            make(file)
        test_hostile.finish(path)
        began = time.perf_counter()
        code, out, errors, memory = test_hostile.inspected(path)
        seconds = time.perf_counter() - began
        clean = code == 4 and not out and len(errors) == 1 and rule in errors[0]
        found[case] = ("refused by name, exit 4" if clean else f"exit {code}: {errors[:1]}", seconds, memory - usual)
    return found


def data_sets(folder: Path) -> dict[str, Outcome]:
    """Outcome of loading each hostile or broken data set."""
    found = {}
    for number, (case, (make, rule)) in enumerate(test_reading.BAD.items()):
        place = folder / str(number)
        place.mkdir()
        path, began = make(place), time.perf_counter()
        found[case] = (_loaded(lambda path=path: load(str(path)), rule), time.perf_counter() - began, 0.0)
    return found


def _loaded(read: Callable[[], object], rule: str) -> str:
    try:
        read()
    except DataError as error:
        return "refused by name, exit 3" if rule in str(error) and "\n" not in str(error) else str(error)
    return "accepted"


def main() -> None:
    """Open all, report."""
    parser = saving(__doc__.splitlines()[0])
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        results = {"checkpoints": checkpoints(Path(folder)), "data sets": data_sets(Path(folder))}
    rows = ["| files | outcome | how many | slowest | most memory beyond a good file |", "|---|---|---|---|---|"]
    for kind, found in results.items():
        for outcome, count in Counter(o for o, _, _ in found.values()).most_common():
            seconds = max(s for o, s, _ in found.values() if o == outcome)
            memory = max(m for o, _, m in found.values() if o == outcome)
            shown = f"{memory:.0f} MiB" if kind == "checkpoints" else "not measured"
            rows.append(f"| hostile {kind} | {outcome} | {count} | {seconds:.2f} s | {shown} |")
    named = [f"Hostile {kind}: {', '.join(found)}." for kind, found in results.items()]
    title = f"{sum(map(len, results.values()))} hostile files by outcome"
    result("checkpoint_hostile", title, [*rows, "", "\n\n".join(named)], options.save)


if __name__ == "__main__":
    main()
