"""What runs came to, out of their folders: read by the guarded reader, without their weights."""

import json
import math
import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from ..checkpoint import BEST, CONFIG, LAST, PREVIOUS, Checkpoint, Group, NamedArray, changed_in, diverged_in, look_into
from ..config import as_begun, plain_by_member
from ..errors import DataError, GpunetError, WriteError, printable
from ..paths import exists, is_file, is_folder
from ..writing import make_folder, replace_file
from .foldfiles import kept_in

RESULTS = "compare.json"  # of a comparison
CACHE, REMEMBERED = "cache", "runs.json"  # folder beside runs, and what was read of them
VERSION = 1  # of what is remembered
# Groups that only the end of a run writes.
FINISHED = ("activations", "codes", "confusion", "ensemble", "images", "judgement")
AT_ONCE = 50  # runs whose files are open at one time
MAX_RESULTS = 1 << 24  # bytes


@dataclass(frozen=True)
class RunSummary:
    """What a run came to.

    Attributes:
        run: its folder.
        name: of its configuration.
        data: name of its data.
        model: word of its family.
        layers: of its model, in one line.
        parameters: trained numbers of one member.
        members: how many models were trained at once.
        epochs: that lie behind, of the layers of a stack together.
        monitor: what the best weights were chosen by, or ``last``.
        best: its value, the mean over members; None where nothing was chosen.
        test: figures of the test part by name, means over members.
        seconds: of all epochs, of the layers of a stack together.
        state: ``finished``, ``unfinished``, ``diverged``, or ``comparison``.
        created: when its checkpoint was written, UTC.
        differs: values in which members differ beside their seeds, by dotted key.
        diverged: how many members left the finite numbers, which ``best`` and ``test`` leave out.
    """

    run: str
    name: str = ""
    data: str = ""
    model: str = ""
    layers: str = ""
    parameters: int = 0
    members: int = 1
    epochs: int = 0
    monitor: str = ""
    best: float | None = None
    test: dict[str, float] = field(default_factory=dict)
    seconds: float = 0.0
    state: str = "unfinished"
    created: str = ""
    differs: dict[str, list[Any]] = field(default_factory=dict)
    diverged: int = 0

    @property
    def result(self) -> tuple[str, float] | None:
        """The figure of the test part that one looks for first, by its name."""
        for name in ("accuracy", "rmse", "error", "loss", "reconstruction_error"):
            if name in self.test:
                return name, self.test[name]
        return next(iter(self.test.items()), None)


def list_runs(folder: Path | str = "runs", remember: bool = True) -> tuple[list[RunSummary], dict[str, str]]:
    """What the runs below a folder came to, by the names of their folders.

    Files that have not changed since they were last read are not read again.

    Args:
        folder: that holds folders of runs, or is one itself.
        remember: keep what was read in ``cache/runs.json`` below the folder, where it can be written.

    Returns:
        The runs, and by path a line for each folder that is none or cannot be read.
    """
    root = Path(folder)
    places = [root] if _is_run(root) else [path for path in sorted(root.iterdir(), key=natural) if is_folder(path)]
    places = [path for path in places if path.name != CACHE and not path.name.startswith(".")]
    known = _remembered(root) if root not in places else {}
    found: dict[str, RunSummary] = {}
    problems: dict[str, str] = {}

    stamps = {path.name: _stamp(path) for path in places}
    fresh = [path for path in places if known.get(path.name, {}).get("stamp") != stamps[path.name]]
    summaries = dict(zip(fresh, summaries_of(fresh)))
    for path in places:
        summary = summaries.get(path)
        if summary is None:
            summary = RunSummary(**(known[path.name]["summary"] | {"run": str(path)}))
        if isinstance(summary, RunSummary):
            found[path.name] = summary
        else:
            del stamps[path.name]
            problems[str(path)] = str(summary) if _is_run(path) else f"{printable(str(path))}: is no run"
    if remember and root not in places and any(known.get(n, {}).get("stamp") != s for n, s in stamps.items()):
        kept = {name: {"stamp": stamps[name], "summary": asdict(one)} for name, one in found.items()}
        with suppress(WriteError, OSError):  # it is read again next time
            make_folder(root / CACHE)
            replace_file(root / CACHE / REMEMBERED, [json.dumps({"version": VERSION, "runs": kept}).encode()])
    return list(found.values()), problems


def natural(path: Path) -> list[tuple[int, int, str]]:
    """A key that sorts mlp-9 before mlp-10.

    >>> sorted([Path("mlp-10"), Path("mlp-9")], key=natural)[0].name
    'mlp-9'
    """
    parts: list[tuple[int, int, str]] = []
    for part in path.name.replace("_", "-").split("-"):
        parts.append((0, int(part), "") if part.isdecimal() and len(part) < 19 else (1, 0, part))
    return parts


def summaries_of(folders: Sequence[Path]) -> list[RunSummary | GpunetError]:
    """What runs came to, or why that cannot be said: no run, or one that is damaged."""
    workers = min(8, os.cpu_count() or 1)
    size = max(1, min(AT_ONCE, -(-len(folders) // workers)))
    groups = [folders[at : at + size] for at in range(0, len(folders), size)]
    with ThreadPoolExecutor(workers) as pool:  # each waits for a process that reads
        return [one for some in pool.map(_summaries, groups) for one in some]


def _summaries(folders: Sequence[Path]) -> list[RunSummary | GpunetError]:
    paths = {folder: path for folder in folders if (path := _first_file(folder)) is not None}
    first = dict(zip(paths, look_into(list(paths.values())))) if paths else {}
    going = [folder for folder, read in first.items() if _goes_on(folder, read)]
    last = dict(zip(going, look_into([folder / LAST for folder in going]))) if going else {}
    found: list[RunSummary | GpunetError] = []
    for folder in folders:
        try:
            found.append(summary_of(folder, first.get(folder), last.get(folder)))
        except GpunetError as error:
            found.append(error)
    return found


def _first_file(folder: Path) -> Path | None:
    """The one that says what a run came to; None of a comparison, and of a run that has only begun."""
    if exists(folder / RESULTS):
        return None
    there = [folder / name for name in (BEST, LAST, PREVIOUS) if exists(folder / name)] or kept_in(folder)
    return there[0] if there else None if exists(folder / CONFIG) else folder / PREVIOUS


def _goes_on(folder: Path, read: Checkpoint | GpunetError) -> bool:
    """Whether a run has best weights and has not come to its end."""
    if not isinstance(read, Checkpoint) or read.path.name != BEST:
        return False
    return not _is_finished(read) and exists(folder / LAST)


def _is_finished(read: Checkpoint) -> bool:
    ended = any(group in read.root for group in FINISHED)
    return read.path.name == BEST and ended and not _lacks_layers(read)


def summary_of(
    folder: Path, best: Checkpoint | GpunetError | None, last: Checkpoint | GpunetError | None = None
) -> RunSummary:
    """What one run came to.

    Args:
        folder: of it.
        best: its best weights, or what there is instead; None of a comparison or where there is nothing yet.
        last: the state that it goes on from, where it has not come to its end.

    Raises:
        GpunetError: no run, or one that is damaged.
    """
    if exists(folder / RESULTS):
        return _comparison(folder)
    if best is None:
        return RunSummary(str(folder), state="unfinished")
    last = best if last is None else last
    if isinstance(best, GpunetError):
        raise best
    if isinstance(last, GpunetError):
        raise last
    finished = _is_finished(best)
    state = "finished" if finished else "diverged" if last.attrs.get("diverged") else "unfinished"
    settings, attrs = best.note("config/json"), best.attrs
    data = best.root.children.get("data")
    model = settings.get("model")
    value, monitor = attrs.get("monitor_value"), str(attrs.get("monitor", ""))
    together = best.root.children.get("ensemble")
    differs = dict(plain_by_member(as_begun(settings, changed_in(best)))) if together is None else {}
    members = settings.get("members") if together is None else together.attrs.get("members")
    places = max(map(len, differs.values()), default=1)
    return RunSummary(
        str(folder),
        str(settings.get("name", "")),
        str(data.attrs.get("name", "")) if data is not None else "",
        str(model.get("name", "")) if isinstance(model, dict) else "",
        str(attrs.get("model", "")),
        int(attrs["parameters"]) if isinstance(attrs.get("parameters"), int) else 0,
        places * members if isinstance(members, int) else 1,
        _epochs(last),
        monitor,
        float(value) if isinstance(value, float) and monitor != "last" and math.isfinite(value) else None,
        _scores(best),
        _seconds(best),
        state,
        str(attrs.get("created_utc", "")),
        differs,
        len(diverged_in(best.root)),
    )


def _lacks_layers(found: Checkpoint) -> bool:
    """Whether it is a stack that has layers left to train."""
    model, group = found.note("config/json").get("model"), found.root.children.get("pretraining")
    hidden = model.get("hidden") if isinstance(model, dict) and model.get("name") == "dbn" else None
    return isinstance(hidden, list) and isinstance(group, Group) and len(group.children) < len(hidden)


def _is_run(folder: Path) -> bool:
    return any(exists(folder / name) for name in (BEST, LAST, PREVIOUS, RESULTS, CONFIG))


def _scores(found: Checkpoint) -> dict[str, float]:
    """Means over the members that have not diverged of what was measured on the test part."""
    group, gone = found.root.children.get("metrics"), list(diverged_in(found.root))
    scores = {}
    for name, array in sorted(group.children.items()) if isinstance(group, Group) else ():
        if isinstance(array, NamedArray) and array.dtype.kind == "f" and 0 < array.data.size <= 10_000:
            scores[name.removeprefix("test_")] = float(_kept(array.data, gone).mean())
    inner = group.children.get("figures") if isinstance(group, Group) else None
    rmse = inner.children.get("rmse") if isinstance(inner, Group) else None
    if isinstance(rmse, NamedArray) and rmse.data.ndim == 2 and rmse.data.size:
        scores["rmse"] = float(_kept(rmse.data, gone)[:, 0].mean())
    return {name: value for name, value in scores.items() if math.isfinite(value)}


def _kept(values: np.ndarray, gone: Sequence[int]) -> np.ndarray:
    """Values of members, (members, ...), without those of some."""
    return np.delete(values, gone, axis=0) if gone and len(values) > max(gone) else values


def _histories(found: Checkpoint) -> Iterator[Group]:
    """Of each layer of a stack, else the only one."""
    group = found.root.children.get("pretraining")
    layers = [
        layer.children["history"]
        for layer in (group.children.values() if isinstance(group, Group) else ())
        if isinstance(layer, Group) and "history" in layer.children
    ]
    alone = found.root.children.get("history")
    yield from (one for one in layers or ([] if alone is None else [alone]) if isinstance(one, Group))


def _seconds(found: Checkpoint) -> float:
    measured = found.root.children.get("metrics")
    told = measured.attrs.get("seconds") if isinstance(measured, Group) else None  # of an ensemble
    if isinstance(told, float) and math.isfinite(told):
        return told
    columns = [one.children.get("seconds") for one in _histories(found)]
    total = sum((float(np.sum(c.data)) for c in columns if isinstance(c, NamedArray) and c.dtype.kind in "iuf"), 0.0)
    return total if math.isfinite(total) else 0.0


def _epochs(found: Checkpoint) -> int:
    columns = [one.children.get("epoch") for one in _histories(found)]
    return sum(int(np.prod(c.shape)) for c in columns if isinstance(c, NamedArray))


def is_comparison(folder: str | Path) -> bool:
    """Whether a folder is one that a comparison wrote its results to."""
    return is_file(Path(folder) / RESULTS)


def read_comparison(folder: str | Path) -> dict[str, Any]:
    """What a comparison wrote to its folder.

    Raises:
        DataError: it is not what a comparison writes.
    """
    from ..config import read_text

    path = Path(folder) / RESULTS
    try:
        held = json.loads(read_text(path))
        for entry in held["results"]:
            _check_arm(entry, len(held["seeds"]))
        for key, kind in (("model", list), ("seeds", list), ("labels", list), ("conclusions", list), ("notes", list)):
            if not isinstance(held[key], kind):
                raise ValueError(f"{key} is no list")
        str(held["data"]), int(held["parts"]["train"]), int(held["parts"]["test"])
    except (ValueError, TypeError, LookupError, RecursionError) as error:
        reason = printable((str(error).splitlines() or ["damaged"])[0])
        raise DataError(printable(str(path)), "must hold what a comparison wrote", reason) from None
    return dict(held)


def _check_arm(entry: dict[str, Any], seeds: int) -> None:
    """Refuse an entry that cannot be shown: numbers that are none, an error for too few seeds, no difference."""
    from .arms import ARMS
    from .paired import Difference

    if len(entry["test_error"]) != seeds:
        raise ValueError(f"an arm with {len(entry['test_error'])} errors of {seeds} seeds")
    numbers = [*entry["test_error"], entry["rate"], entry["labels"]]
    numbers += [entry["pretraining_seconds"], entry["tuning_seconds"]]
    if entry["arm"] != ARMS[0].name:
        difference = Difference(**entry["against_pretrained"])
        numbers += [number for number in asdict(difference).values() if number is not None]
    if not all(math.isfinite(float(number)) for number in numbers) or not isinstance(entry["arm"], str):
        raise ValueError("an arm whose numbers are none")


def _comparison(folder: Path) -> RunSummary:
    """Of the folder of a comparison: the smallest mean error of its arms, and all their seconds."""
    held = read_comparison(folder)
    errors = [float(np.mean(entry["test_error"])) for entry in held["results"]]
    seconds = sum(float(entry[k]) for entry in held["results"] for k in ("pretraining_seconds", "tuning_seconds"))
    layers = "-".join(str(width) for width in held["model"])
    members, data = len(held["seeds"]), str(held["data"])
    test = {"error": min(errors)} if errors else {}
    return RunSummary(
        str(folder), "compare", data, "compare", layers, members=members, test=test, seconds=seconds, state="comparison"
    )


def _stamp(folder: Path) -> str:
    """What changes whenever a file of a run does."""
    parts = []
    for name in (BEST, LAST, PREVIOUS, RESULTS, *(path.name for path in kept_in(folder))):
        with suppress(OSError, ValueError):
            found = (folder / name).stat()
            parts.append(f"{name} {found.st_size} {found.st_mtime_ns} {found.st_ino}")
    return "; ".join(parts)


def _fits(summary: Any) -> bool:
    """Whether remembered values are of the kinds that a summary has."""
    usual = asdict(RunSummary(""))
    if not isinstance(summary, dict) or set(summary) != set(usual):
        return False
    numbers = [*summary["test"].values(), summary["seconds"], 0.0 if summary["best"] is None else summary["best"]]
    kinds = (type(value) for name, value in usual.items() if name not in ("best", "seconds"))
    held = (value for name, value in summary.items() if name not in ("best", "seconds"))
    return all(map(isinstance, held, kinds)) and all(isinstance(number, float) for number in numbers)


def _remembered(root: Path) -> dict[str, Any]:
    """What was read before, as far as it is what this version writes."""
    path = root / CACHE / REMEMBERED
    with suppress(OSError, ValueError, RecursionError, AttributeError, LookupError, TypeError):
        if path.stat().st_size <= MAX_RESULTS:
            held = json.loads(path.read_text())
            if held.get("version") == VERSION:
                return {name: one for name, one in held["runs"].items() if _fits(one["summary"])}
    return {}
