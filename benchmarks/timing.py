"""Interleaved timing, and reports that say where and with what they were measured."""

import argparse
import importlib.metadata
import platform
import statistics
import sys
import time
from collections.abc import Callable
from datetime import date
from pathlib import Path

RESULTS = Path(__file__).with_name("results")
PACKAGES = ("gpunet", "numpy", "cupy-cuda12x", "cupy-cuda13x", "torch", "scikit-learn")


def interleave(candidates: dict[str, Callable[[], None]], rounds: int, inner: int) -> dict[str, list[float]]:
    """Seconds per call of each candidate in each round; every round runs all of them, in a turning order."""
    names = list(candidates)
    for name in names:
        for _ in range(5):
            candidates[name]()
    times: dict[str, list[float]] = {name: [] for name in names}
    for number in range(rounds):
        for name in names[number % len(names) :] + names[: number % len(names)]:
            began = time.perf_counter()
            for _ in range(inner):
                candidates[name]()
            times[name].append((time.perf_counter() - began) / inner)
    return times


def run(
    description: str,
    title: str,
    candidates: dict[str, Callable[[], None]],
    baseline: str,
    save_as: str,
    inner: int = 10,
) -> None:
    """The main function of a benchmark: read --threads, --rounds and --save, time, report.

    ``--threads`` must have taken effect before NumPy was imported; here it is only checked.  Where the baseline is
    missing, ratios are to the first candidate.
    """
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=60)
    parser.add_argument("--save", action="store_true", help="write the result to benchmarks/results/")
    options = parser.parse_args()
    times = interleave(candidates, options.rounds, inner)
    baseline = baseline if baseline in candidates else next(iter(candidates))
    report(f"{title}, {options.threads} threads", times, baseline, save_as if options.save else None)


def machine() -> str:
    """Processor, system and package versions, in two lines."""
    processor = platform.processor() or platform.machine()
    info = Path("/proc/cpuinfo")
    if info.exists():
        lines = [line for line in info.read_text().splitlines() if line.startswith("model name")]
        processor = f"{len(lines)} cores of {lines[0].partition(':')[2].strip()}"
    versions = []
    for package in PACKAGES:
        try:
            versions.append(f"{package} {importlib.metadata.version(package)}")
        except importlib.metadata.PackageNotFoundError:
            continue
    return f"{processor}, {platform.system()}\nPython {platform.python_version()}, {', '.join(versions)}"


def report(title: str, times: dict[str, list[float]], baseline: str, save_as: str | None) -> None:
    """Print a table of medians and ratios; ``save_as`` also writes it to results/ as Markdown."""
    base = statistics.median(times[baseline])
    rows = [f"| | median ms | 10 % to 90 % | ratio to {baseline} |", "|---|---|---|---|"]
    for name, values in sorted(times.items(), key=lambda item: statistics.median(item[1])):
        deciles = statistics.quantiles(values, n=10)
        middle = statistics.median(values)
        spread = f"{deciles[0] * 1e3:.2f} to {deciles[-1] * 1e3:.2f}"
        rows.append(f"| {name} | {middle * 1e3:.2f} | {spread} | {middle / base:.2f} |")
    rounds = len(next(iter(times.values())))
    command = f"python benchmarks/{Path(sys.argv[0]).name} {' '.join(sys.argv[1:])}".strip()
    head = [f"# {title}", "", f"`{command}`, {rounds} interleaved rounds, {date.today()}", "", machine(), ""]
    text = "\n".join([*head, *rows, ""])
    print(text)
    if save_as:
        RESULTS.mkdir(exist_ok=True)
        (RESULTS / f"{save_as}.md").write_text(text)
