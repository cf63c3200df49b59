"""Interleaved timing."""

import statistics
import time
from collections.abc import Callable

from page import result, saving


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
    parser = saving(description)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=60)
    options = parser.parse_args()
    if options.rounds < 2:
        parser.error(f"--rounds must be at least 2, for a spread, got {options.rounds}")
    times = interleave(candidates, options.rounds, inner)
    baseline = baseline if baseline in candidates else next(iter(candidates))
    how = f"{options.rounds} interleaved rounds"
    result(save_as, f"{title}, {options.threads} threads", table(times, baseline), options.save, how)


def table(times: dict[str, list[float]], baseline: str) -> list[str]:
    """Medians, spreads and ratios to the baseline, the fastest first."""
    base = statistics.median(times[baseline])
    rows = [f"| | median ms | 10 % to 90 % | ratio to {baseline} |", "|---|---|---|---|"]
    for name, values in sorted(times.items(), key=lambda item: statistics.median(item[1])):
        deciles = statistics.quantiles(values, n=10)
        middle = statistics.median(values)
        spread = f"{deciles[0] * 1e3:.2f} to {deciles[-1] * 1e3:.2f}"
        rows.append(f"| {name} | {middle * 1e3:.2f} | {spread} | {middle / base:.2f} |")
    return rows
