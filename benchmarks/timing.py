"""Interleaved timing."""

import argparse
import math
import statistics
import time
from collections.abc import Callable, Mapping

import place
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


Candidates = dict[str, Callable[[], object]]
CALL = 0.01  # seconds that a timing takes at least, by calling more than once
FEWEST, MOST = 5, 60  # rounds of a case


def cases_parser(description: str | None, names: Mapping[str, object]) -> argparse.ArgumentParser:
    """The options of a benchmark of several cases."""
    parser = saving(description)
    parser.add_argument("--threads", type=int, default=2, help="of products; set before NumPy is imported")
    parser.add_argument("--device", default="cpu", help="cuda runs what can be run there on a GPU")
    parser.add_argument("--seconds", type=float, default=8, help="for each case")
    parser.add_argument("--only", action="append", choices=list(names), help="one of the cases; repeatable")
    return parser


def for_a_while(candidates: Candidates, seconds: float) -> dict[str, list[float]]:
    """Seconds per step of each candidate, in so many interleaved rounds as the time allows.

    A call is one step, or as many as its attribute ``steps`` says.
    """
    calls = {}
    for name, call in candidates.items():
        for _ in range(3):  # on a GPU the third one is recorded
            call()
        place.wait()
        began = time.perf_counter()
        call()
        place.wait()
        calls[name] = max(1, math.ceil(CALL / max(1e-9, time.perf_counter() - began)))

    def several(name: str) -> Callable[[], None]:
        def run_them() -> None:
            for _ in range(calls[name]):
                candidates[name]()
            place.wait()

        return run_them

    turns = {name: several(name) for name in candidates}
    began = time.perf_counter()
    for turn in turns.values():
        turn()
    rounds = min(MOST, max(FEWEST, int(seconds / (time.perf_counter() - began))))
    times: dict[str, list[float]] = {name: [] for name in turns}
    names = list(turns)
    for number in range(rounds):
        for name in names[number % len(names) :] + names[: number % len(names)]:
            began = time.perf_counter()
            turns[name]()
            each = calls[name] * getattr(candidates[name], "steps", 1)
            times[name].append((time.perf_counter() - began) / each)
    return times


def run_cases(
    description: str | None,
    title: str,
    cases: Mapping[str, Callable[[], Candidates]],
    baseline: str,
    save_as: str,
    notes: tuple[str, ...] = (),
) -> None:
    """The main function of a benchmark of several cases: each candidate's median, and its ratio to the baseline.

    Args:
        description: the module's docstring, for the help.
        title: of the page.
        cases: by name, what makes the candidates; they are let go before the next case.
        baseline: the candidate that ratios are to, or the first one where it is missing.
        save_as: name of the files in results/.
        notes: lines behind the table.
    """
    options = cases_parser(description, cases).parse_args()
    figures, names = [], list[str]()
    for case in options.only or cases:
        with place.device().activate():
            times = for_a_while(cases[case](), options.seconds)
        names += [name for name in times if name not in names]
        base = statistics.median(times[baseline if baseline in times else next(iter(times))])
        for name, values in times.items():
            deciles = statistics.quantiles(values, n=10)
            found = {"median_ms": 1e3 * statistics.median(values), "low_ms": 1e3 * deciles[0]}
            found |= {"high_ms": 1e3 * deciles[-1], "ratio": statistics.median(values) / base, "rounds": len(values)}
            where = {"device": place.gpu_name()} if place.on_gpu() else {"threads": options.threads}
            figures.append({"case": case, **where, "candidate": name, **found})
    base = baseline if baseline in names else names[0]
    lines = [f"Median ms (10 % to 90 % of the rounds), then the ratio to {base}.", ""]
    lines += ["| | " + " | ".join(names) + " |", "|---" * (len(names) + 1) + "|"]
    for case in options.only or cases:
        held = {f["candidate"]: f for f in figures if f["case"] == case}
        lines.append(f"| {case} | " + " | ".join(_cell(held.get(name)) for name in names) + " |")
    lines += ["", *notes] if notes else []
    threads = f"{options.threads} thread" + ("s" if options.threads > 1 else "")
    name = save_as if options.threads == 2 else f"{save_as}_{options.threads}"
    if place.on_gpu():
        threads, name = place.gpu_name(), f"{save_as}_gpu"
    result(name, f"{title}, {threads}", lines, options.save, "interleaved rounds", figures=figures)


def _cell(found: Mapping[str, float] | None) -> str:
    if found is None:
        return ""
    digits = 3 if found["median_ms"] < 1 else 2 if found["median_ms"] < 100 else 0
    median, low, high = (f"{found[key]:.{digits}f}" for key in ("median_ms", "low_ms", "high_ms"))
    return f"{median} ({low} to {high}), {found['ratio']:.2f}"
