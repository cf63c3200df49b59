"""How fast a table is read: 50,000 rows of 100 numbers and a label, 46 MB of text.

    .venv/bin/python benchmarks/tables.py [ROUNDS]

Medians of several rounds in one process, the processor's time of all threads beside them; polars is imported before.
"""

import statistics
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from gpunet.datasets import load

ROWS, COLUMNS = 50_000, 100


def write(path: Path) -> None:
    """The table, always the same."""
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(ROWS, COLUMNS)).round(6), rng.integers(0, 3, ROWS)
    with path.open("w") as file:
        file.write(",".join(f"c{i}" for i in range(COLUMNS)) + ",label\n")
        for row, label in zip(x.tolist(), y.tolist()):
            file.write(",".join(map(repr, row)) + f",{label}\n")


def main() -> None:
    """Print one line."""
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "t.csv"
        write(path)
        small = Path(folder) / "small.csv"
        small.write_text("a,b,label\n1,2,0\n3,4,1\n")
        load(str(small))
        walls, cpus = [], []
        for _ in range(rounds):
            wall, cpu = time.perf_counter(), time.process_time()
            load(str(path))
            walls.append(time.perf_counter() - wall)
            cpus.append(time.process_time() - cpu)
        size = path.stat().st_size / 1e6
    wall, cpu = statistics.median(walls), statistics.median(cpus)
    print(f"{size:.1f} MB of {ROWS:,} x {COLUMNS}: {wall:.2f} s, {cpu:.2f} s of processors, median of {rounds}")


if __name__ == "__main__":
    main()
