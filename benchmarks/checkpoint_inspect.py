"""What gpunet inspect takes for a checkpoint of a gigabyte, as a program of its own: seconds and memory.

Seconds by the clock depend on who else is at work, see the load; those of the processor hardly do.

python benchmarks/checkpoint_inspect.py --rounds 7 --save
"""

import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

os.environ.update(OPENBLAS_NUM_THREADS="1", OMP_NUM_THREADS="1")

from checkpoint_speed import tree
from page import result, saving

from gpunet.checkpoint import write

# Between us and the command, since a program begins with the memory peak of the one that started it.
MEASURE = """
import json, resource, subprocess, sys, time
began = time.perf_counter()
subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL, check=True)
seconds, used = time.perf_counter() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
print(json.dumps([seconds, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024]))
"""
OPTIONS = {
    "the tree, nothing verified": ("--no-verify",),
    "one array of 16 MB, its hash verified": ("model/000_dense/weight", "--no-verify"),
    "the tree, all hashes verified": (),
}


def measured(*arguments: str) -> tuple[float, float, float]:
    """Seconds by the clock and of the processor, its child included, and MiB of one call."""
    command = [sys.executable, "-c", MEASURE, sys.executable, "-m", "gpunet.cli", "inspect", *arguments]
    seconds, used, memory = json.loads(subprocess.run(command, capture_output=True, check=True).stdout)
    return seconds, used, memory


def main() -> None:
    """Measure and report."""
    parser = saving(__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=7)
    options = parser.parse_args()
    rows = ["| gpunet inspect, 1 GB | seconds, median | least to most | of the processor | memory |"]
    rows += ["|---|---|---|---|---|"]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "large.h5"
        write(path, tree(1024))
        for name, words in OPTIONS.items():
            found = [measured(str(path), *words) for _ in range(options.rounds)]
            seconds, used, memory = map(list, zip(*found))
            span = f"{min(seconds):.2f} to {max(seconds):.2f}"
            middles = f"{statistics.median(seconds):.2f} | {span} | {statistics.median(used):.2f}"
            rows.append(f"| {name} | {middles} | {max(memory):,.0f} MiB |")
    title, how = "Looking into a checkpoint of a gigabyte", f"{options.rounds} rounds"
    result("checkpoint_inspect", title, rows, options.save, how)


if __name__ == "__main__":
    main()
