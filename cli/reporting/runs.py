"""A run as a report sees it: numbers, texts and arrays out of its checkpoint, each checked before it is used."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from gpunet.checkpoint import Checkpoint, Group, NamedArray, changed_in, diverged_in, read
from gpunet.config import as_begun, plain_by_member
from gpunet.errors import CheckpointError
from gpunet.inspection.ancestry import lineage
from gpunet.inspection.differences import flatten
from gpunet.members import members_first
from gpunet.paths import exists, is_folder

from ..opening import unfinished
from ..views.history import history_columns, layers_of, without
from ..views.pictures import drawable, grid, tiles_of

CHECKPOINTS = ("best.h5", "last.h5")
# What may differ between runs of one experiment.
SEEDING = ("seed", "members", "name", "config_version")
MOST_PIXELS = 1 << 22
FILTERS = 100
LARGEST = 1e30
PICTURES = ("filters", "feature_maps", "saliency", "reconstructions", "fantasies")


def open_run(path: str) -> RunFile:
    """Read the best checkpoint of a run's folder, else its last one, or a checkpoint by its own path.

    Raises:
        CheckpointError: there is none, or it is not exactly what was written.
    """
    place = Path(path)
    if not is_folder(place):
        return RunFile(str(place), read(place))
    found = next((place / name for name in CHECKPOINTS if exists(place / name)), None)
    if found is None:
        rule = f"must hold {' or '.join(CHECKPOINTS)}"
        received, remedy = unfinished(path) or ("neither", "Name the folder of a run, or a checkpoint")
        raise CheckpointError(path, rule, received, remedy)
    return RunFile(str(place), read(found))


@dataclass(frozen=True)
class RunFile:
    """A run by the name that it was asked for, and its checkpoint."""

    name: str
    checkpoint: Checkpoint

    @cached_property
    def settings(self) -> dict[str, Any]:
        """Its configuration by dotted names."""
        return flatten(self.checkpoint.note("config/json"))

    @property
    def experiment(self) -> str:
        """Equal for runs that differ in their seeds alone."""
        settings = sorted((k, repr(v)) for k, v in self.settings.items() if k not in SEEDING)
        data = self.checkpoint.root.children.get("data")
        return repr((settings, data and data.attrs.get("data_sha256"), self.checkpoint.attrs.get("model")))

    @property
    def facts(self) -> dict[str, Any]:
        """What the root says: model, parameters, epoch and so on."""
        return dict(self.checkpoint.attrs)

    @property
    def origin(self) -> dict[str, Any]:
        """Where it comes from, by dotted names."""
        return flatten(lineage(self.checkpoint))

    @property
    def environment(self) -> dict[str, Any]:
        """Versions, device and command."""
        return flatten(self.checkpoint.note("environment/json"))

    @property
    def seeds(self) -> list[int]:
        """The seeds of its members."""
        found = self._numbers("streams/seeds")
        return [] if found is None else [int(n) for n in found.ravel()[:1000]]

    @property
    def diverged(self) -> tuple[int, ...]:
        """The members that left the finite numbers, which no figure, curve or mean counts."""
        return diverged_in(self.checkpoint.root)

    @property
    def places(self) -> dict[str, list[Any]]:
        """Values in which members began to differ beside their seeds, by dotted key."""
        begun = as_begun(self.checkpoint.note("config/json"), changed_in(self.checkpoint))
        return dict(plain_by_member(begun))

    @property
    def classes(self) -> list[str]:
        """Names of the classes."""
        found = self.checkpoint.note("data/json").get("classes")
        return [str(name) for name in found] if isinstance(found, list) else []

    @cached_property
    def history(self) -> dict[str, np.ndarray]:
        """Columns over the epochs, each (epochs, members that have not diverged); empty where no epoch was finished."""
        try:
            found = history_columns(self.checkpoint)
        except CheckpointError:
            return {}
        found = without(found, self.diverged)
        return {name: _drawable(values.reshape(len(values), -1)) for name, values in found.items()}

    @cached_property
    def layers(self) -> dict[str, dict[str, np.ndarray]]:
        """The numbers of every epoch of each layer of a stack, by its name."""
        found = {}
        for path in layers_of(self.checkpoint):
            with suppress(CheckpointError):  # of a layer without an epoch
                columns = without(history_columns(self.checkpoint, path), self.diverged)
                found[path.split("/")[1]] = {n: _drawable(v.reshape(len(v), -1)) for n, v in columns.items()}
        return found

    @property
    def scores(self) -> dict[str, np.ndarray]:
        """The measured numbers of the test part of the members that have not diverged, (members,) each."""
        group, gone = self.checkpoint.root.children.get("metrics"), self.diverged
        found = group.children if isinstance(group, Group) else {}
        return {
            name: _drawable(np.delete(child.data.ravel(), [m for m in gone if m < child.size]))
            for name, child in sorted(found.items())
            if isinstance(child, NamedArray) and child.dtype.kind in "iuf" and 0 < child.size <= 10_000
        }

    @property
    def names(self) -> list[str]:
        """Names of the classes, or of the labels or targets where there are several."""
        found = self.checkpoint.note("data/json").get("targets")
        return self.classes or ([str(name) for name in found] if isinstance(found, list) else [])

    @property
    def by_class(self) -> dict[str, np.ndarray]:
        """Figures of each class, label or target by name, (members, classes); NaN where there is none."""
        group = self.checkpoint.root.children.get("metrics")
        inner = group.children.get("by_class") if isinstance(group, Group) else None
        found = inner.children if isinstance(inner, Group) else {}
        bounded = ("r2", "rmse", "mae", "median_error")
        return {
            name: self._going(
                _drawable(child.data) if name in bounded else np.where(child.data < 0, np.nan, _drawable(child.data))
            )
            for name, child in found.items()
            if isinstance(child, NamedArray) and child.dtype.kind == "f" and child.data.ndim == 2 and child.data.size
        }

    def _going(self, values: np.ndarray) -> np.ndarray:
        """Rows of members without those that diverged."""
        return np.delete(values, [member for member in self.diverged if member < len(values)], axis=0)

    def curves_of(self, kind: str) -> list[dict[str, Any]]:
        """Curves ``roc`` or ``precision_recall`` of the first member: points, area, and which class each is of."""
        x, y = self._numbers(f"judgement/{kind}/x"), self._numbers(f"judgement/{kind}/y")
        numbers, area = self._numbers(f"judgement/{kind}/numbers"), self._numbers(f"judgement/{kind}/area")
        if x is None or y is None or numbers is None or area is None or x.ndim != 2 or x.shape != y.shape:
            return []
        if numbers.shape != (len(x),) or area.shape != (len(x),) or not x.size:
            return []
        names = self.names
        return [
            {
                "x": _drawable(x[k]),
                "y": _drawable(y[k]),
                "area": float(area[k]),
                "name": names[n] if 0 <= n < len(names) else f"{n}",
            }
            for k, n in enumerate(numbers.tolist()[:10])
        ]

    @property
    def calibration(self) -> dict[str, np.ndarray] | None:
        """In bins of probability: weight of samples, mean probability, and share that came true."""
        found = {name: self._numbers(f"judgement/calibration/{name}") for name in ("weight", "probability", "right")}
        held = {name: _drawable(values) for name, values in found.items() if values is not None and values.ndim == 1}
        alike = len(held) == 3 and len({values.shape for values in held.values()}) == 1
        return held if alike and held["weight"].size and held["weight"].sum() > 0 else None

    @property
    def values(self) -> tuple[np.ndarray, np.ndarray] | None:
        """True and predicted values of a regression, (samples, targets) each."""
        true, said = self._numbers("judgement/values/true"), self._numbers("judgement/values/predicted")
        if true is None or said is None or true.shape != said.shape or true.ndim != 2 or not true.size:
            return None
        return _drawable(true), _drawable(said)

    @property
    def figures(self) -> dict[str, np.ndarray]:
        """Figures of the test part by name, (members, 4): value, ends of its 95 % interval over samples, baseline; NaN
        where one of them is not known."""
        group = self.checkpoint.root.children.get("metrics")
        inner = group.children.get("figures") if isinstance(group, Group) else None
        found = inner.children if isinstance(inner, Group) else {}
        return {
            name: self._going(_known(child))
            for name, child in sorted(found.items())
            if isinstance(child, NamedArray) and child.dtype.kind == "f" and child.data.shape[1:] == (4,)
        }

    @property
    def confusion(self) -> np.ndarray | None:
        """True against predicted classes, summed over the members that have not diverged."""
        array, classes = self._array("confusion/counts"), len(self.classes)
        if array is None or array.dtype.kind not in "iuf" or array.shape != (*array.members, classes, classes):
            return None
        total = self._going(members_first(array.data, array.members)).sum(axis=0).astype(np.float64)
        return total if total.sum() > 0 else None

    @property
    def activations(self) -> dict[str, dict[str, Any]]:
        """For each layer its histogram and, of so many units, how many are constant and saturated (means)."""
        group, found = self.checkpoint.root.children.get("activations"), {}
        for name, layer in sorted(group.children.items()) if isinstance(group, Group) else ():
            counts, edges = self._numbers(f"activations/{name}/counts"), self._numbers(f"activations/{name}/edges")
            if counts is None or edges is None or not counts.size or edges.shape != (counts.shape[-1] + 1,):
                continue
            silent = {
                kind: values.mean()
                for kind in ("constant", "saturated")
                if (values := self._numbers(f"activations/{name}/{kind}_units")) is not None and values.size
            }
            total = counts.reshape(-1, len(edges) - 1).sum(axis=0)
            found[name] = {"counts": total, "edges": _drawable(edges), "units": layer.attrs.get("units", 0), **silent}
        return found

    @property
    def codes(self) -> dict[str, Any] | None:
        """Points in the plane with their targets, and the layer that they come from."""
        points, targets = self._numbers("codes/points"), self._numbers("codes/targets")
        if points is None or targets is None or not targets.size or points.shape != (*targets.shape[:1], 2):
            return None
        attrs = self.checkpoint.group("codes").attrs
        share = attrs.get("variance_shown")
        classed = bool(self.classes) and targets.ndim == 1 and targets.dtype.kind == "i"
        return {
            "points": _drawable(points),
            "targets": targets if classed else targets.reshape(len(targets), -1)[:, 0],
            "classed": classed,
            "layer": str(attrs.get("layer", "")),
            "share": share if isinstance(share, float) else None,
        }

    @cached_property
    def pictures(self) -> dict[str, tuple[np.ndarray, str]]:
        """Images of bytes by name, each with its description; filters from weights where it keeps no picture."""
        found = {}
        for name in PICTURES:
            array = self._array(f"images/{name}")
            if array is not None and array.dtype == np.uint8 and 1 <= array.size <= MOST_PIXELS:
                shape = array.shape
                if len(shape) == 2 or (len(shape) == 3 and shape[-1] == 3):
                    found[name] = (array.data, str(array.attrs.get("description", "")))
        weights = [path for path in drawable(self.checkpoint) if not path.startswith("images/")]
        if "filters" not in found and weights:
            tiles, note = tiles_of(self.checkpoint, weights[0], self.checkpoint.array(weights[0]))
            if tiles[:FILTERS].size <= MOST_PIXELS:
                found["filters"] = (grid(tiles[:FILTERS]), note)
        return found

    def _numbers(self, path: str) -> np.ndarray | None:
        array = self._array(path)
        return array.data if array is not None and array.dtype.kind in "iuf" else None

    def _array(self, path: str) -> NamedArray | None:
        root = self.checkpoint.root
        return found if path in root and isinstance(found := root[path], NamedArray) else None


def _known(figure: NamedArray) -> np.ndarray:
    """The columns of a figure, NaN for those that it says it does not know."""
    columns = ("value", "low", "high", "baseline")
    lacking = str(figure.attrs.get("unknown", "")).split(",")
    return np.where([name in lacking for name in columns], np.nan, figure.data)


def _drawable(values: np.ndarray) -> np.ndarray:
    """In double precision, and within what sums of squares and axes can hold."""
    return np.clip(values.astype(np.float64), -LARGEST, LARGEST)
