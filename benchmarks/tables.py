"""How fast a table is read: 50,000 rows of 100 numbers and a label, 47 MB of text.

    .venv/bin/python benchmarks/tables.py [ROUNDS] [OLDER]

The ways take turns, each in a process of its own that has imported what it needs and read a small table before, so that
all of them meet the same load of the machine; what the import costs is said beside.  OLDER is a folder with another
version of gpunet, such as ``git archive 154e02e~1 | tar -x -C OLDER`` makes it, whose reader takes part.
"""

import importlib.util
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

ROWS, COLUMNS = 50_000, 100


def write(path: Path) -> None:
    """The table, always the same."""
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(ROWS, COLUMNS)).round(6), rng.integers(0, 3, ROWS)
    with path.open("w") as file:
        file.write(",".join(f"c{i}" for i in range(COLUMNS)) + ",label\n")
        for row, label in zip(x.tolist(), y.tolist()):
            file.write(",".join(map(repr, row)) + f",{label}\n")


def reader_of(way: str):
    """A function of a path that reads it: of a library, or of the gpunet in a folder."""
    if way in ("polars", "pandas"):
        return __import__(way).read_csv
    if way != "gpunet":
        sys.path.insert(0, way)
        import gpunet

        gpunet.__path__.insert(0, f"{way}/gpunet")  # before what an editable installation finds
        folder = Path(way) / "datasets"
        spec = importlib.util.spec_from_file_location(
            "gpunet.datasets", folder / "__init__.py", submodule_search_locations=[str(folder)]
        )
        sys.modules["gpunet.datasets"] = module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return module.load
    from gpunet.datasets import load

    return load


def serve(way: str, small: str) -> None:
    """Read the path of each line of standard input, and print how long it took."""
    wall, cpu = time.perf_counter(), time.process_time()
    read = reader_of(way)
    read(small)
    print(time.perf_counter() - wall, time.process_time() - cpu, flush=True)
    for line in sys.stdin:
        wall, cpu = time.perf_counter(), time.process_time()
        read(line.strip())
        print(time.perf_counter() - wall, time.process_time() - cpu, flush=True)


def main() -> None:
    """Print one line for each way."""
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 7
    ways = ["gpunet", "polars", "pandas", *sys.argv[2:3]]
    ways = [way for way in ways if way != "pandas" or importlib.util.find_spec("pandas")]
    with tempfile.TemporaryDirectory() as folder:
        path, small = Path(folder) / "t.csv", Path(folder) / "small.csv"
        write(path)
        small.write_text("a,b,label\n1,2,0\n3,4,1\n")
        command = [sys.executable, __file__, "--serve"]
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
        readers = {way: subprocess.Popen([*command, way, str(small)], **pipes) for way in ways}
        starts = {way: float(reader.stdout.readline().split()[1]) for way, reader in readers.items()}
        seen: dict[str, list[tuple[float, ...]]] = {way: [] for way in ways}
        for _ in range(rounds + 1):
            for way, reader in readers.items():
                print(path, file=reader.stdin, flush=True)
                seen[way].append(tuple(map(float, reader.stdout.readline().split())))
        for reader in readers.values():
            reader.stdin.close()
            reader.wait()
        print(
            f"{path.stat().st_size / 1e6:.1f} MB of {ROWS:,} x {COLUMNS}, medians of {rounds} rounds after a first one"
        )
        print("way         seconds   of processors   first one   imports, of processors")
    for way in ways:
        first, *later = seen[way]
        wall, cpu = (statistics.median(column) for column in zip(*later))
        print(f"{Path(way).name:10} {wall:8.2f} {cpu:15.2f} {first[0]:11.2f} {starts[way]:24.2f}")


if __name__ == "__main__":
    serve(*sys.argv[2:]) if sys.argv[1:2] == ["--serve"] else main()
