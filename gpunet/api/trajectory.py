"""What a machine was on the way of its training: its snapshots one after the other."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ..backend import Arena, Context, Device, resolve_device
from ..errors import DataError
from ..inspection.likelihood import coded, is_easy, over_samples, scores, states
from ..inspection.tempering import snapshots
from ..persistence import TrainedStack
from ..rbm import ais_log_z, exact_log_z
from ..rbm.monitors import NEVER
from .evaluation import evaluation_data
from .weighing import counting

MOST = 1000  # samples of each part that likelihoods are measured on
LARGEST = 10  # singular values that are kept


@dataclass(frozen=True)
class Trajectory:
    """Numbers of each snapshot, in the order of updates; of the first member of a population.

    Attributes:
        updates: (snapshots,), updates that lay behind.
        singular_values: (snapshots, k), the largest of the weight, in descending order.
        effective_dimension: (snapshots,), ``(sum s^2)^2 / sum s^4`` of all singular values: how many directions carry
            the weight.
        dead_units: (snapshots,), share of the hidden units whose mean stays in the lowest tenth of its range for all
            samples; empty where data are not to be had, or units have no range.
        log_likelihood: mean in nats by part, each (snapshots,); empty where data are not to be had.
        method: of the normalisers: ``exact``, or ``ais``, estimated from below, so that likelihoods are high.
        missing: why there are no likelihoods, or empty.
    """

    updates: np.ndarray
    singular_values: np.ndarray
    effective_dimension: np.ndarray
    dead_units: np.ndarray
    log_likelihood: dict[str, np.ndarray]
    method: str
    missing: str

    @property
    def columns(self) -> dict[str, np.ndarray]:
        """All numbers by name, each (snapshots,)."""
        found = {"update": self.updates, "effective_dimension": self.effective_dimension}
        found |= {"dead_units": self.dead_units} if self.dead_units.size else {}
        found |= {f"{part}_log_likelihood": values for part, values in self.log_likelihood.items()}
        return found | {
            f"singular_value_{k + 1}": self.singular_values[:, k] for k in range(self.singular_values.shape[1])
        }


def trajectory(run: str | Path, device: str = "auto") -> Trajectory:
    """Measure the snapshots of a run, see ``training.snapshots``, or of an archive that was converted.

    Args:
        run: folder.
        device: ``auto``, ``cpu`` or ``cuda[:N]``.

    Raises:
        CheckpointError: no snapshots, one of another shape, out of order, or no single machine.
    """
    place = resolve_device(device)
    with place.activate():
        held = snapshots(Path(run), place)
        updates = [int(one.checkpoint.attrs["step"]) for one in held]
        values = np.stack([np.linalg.svd(_first(one, one.dbn.top.weight), compute_uv=False) for one in held])
        parts, missing = _parts(held[-1])
        weight = {name: w for name, (_, w) in parts.items()}
        found: dict[str, list[float]] = {name: [] for name in parts}
        dead: list[float] = []
        exact = is_easy(held[-1])
        for one in held if parts else ():
            log_z = _log_z(one, exact)
            for name, (v, _) in parts.items():
                unnormalised = scores(one, v, place)["unnormalised"]
                found[name].append(float(over_samples(unnormalised, weight[name])[0][0] - log_z))
            dead += _dead(one, parts["train"][0], place)
    squares = values**2
    total = np.maximum((squares**2).sum(axis=1), np.finfo(float).tiny)
    return Trajectory(
        np.array(updates), values[:, :LARGEST], squares.sum(axis=1) ** 2 / total, np.array(dead),
        {name: np.array(one) for name, one in found.items()}, "exact" if exact else "ais", missing,
    )  # fmt: skip


def _first(held: TrainedStack, parameter: Any) -> np.ndarray:
    values = held.parameters.device.get(parameter.value)
    return values[0] if held.parameters.members else values


def _parts(held: TrainedStack) -> tuple[dict[str, tuple[np.ndarray, np.ndarray | None]], str]:
    """Samples of the training part and of one that was held out, prepared, with their weights."""
    found: dict[str, tuple[np.ndarray, np.ndarray | None]] = {}
    for part, name in (("train", "train"), ("validation", "held_out"), ("test", "held_out")):
        if name in found:
            continue
        try:
            dataset, chosen = evaluation_data(held, None, part)
        except DataError as error:
            if part == "train":
                return {}, str(error)
            continue
        chosen = counting(dataset, chosen)[:MOST]
        weights = None if dataset.weights is None else dataset.weights[chosen]
        found[name] = states(held, dataset.x[chosen], False), weights
    return found, ""


def _log_z(held: TrainedStack, exact: bool) -> float:
    top, parameters = held.dbn.top, held.parameters
    if exact:
        return float(exact_log_z(top, parameters).value[0])
    base = parameters.device.get(top.visible_offset.value).reshape(-1, top.visible.n).mean(axis=0)
    return float(ais_log_z(top, parameters, base, runs=50, betas=np.linspace(0, 1, 301)).value[0])


def _dead(held: TrainedStack, v: np.ndarray, place: Device) -> list[float]:
    """The share of hidden units that are never on, or nothing where units have no range."""
    ends = held.dbn.top.hidden.range
    if ends is None:
        return []
    ctx = Context(False, Arena(place))
    means = place.get(held.dbn.top.encode(place.put(coded(held, v)), ctx))
    means = means[0] if held.parameters.members else means
    return [float((means.max(axis=0) < ends[0] + NEVER * (ends[1] - ends[0])).mean())]
