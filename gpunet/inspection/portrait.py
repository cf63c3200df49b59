"""The portrait of a trained model: what a checkpoint keeps so that it can be looked at without data and without code.

Pictures; what the units of each layer give on data; the codes of the last hidden layer in the plane; which classes are
taken for which.  All of it follows from weights and data, so the content hash leaves it out.
"""

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from ..backend import Arena, Context
from ..backend.arrays import Array as DeviceArray
from ..checkpoint import Array, Group, Scalar
from ..config import build_loss
from ..experiment import Run
from ..layers import BatchNorm, Dense, Layer, Sequential
from ..parameter import children
from ..training import Predictor
from .pictures import GREY, pictures, prepared, shown

SAMPLES = 1000
BINS = 64
MOST_CLASSES = 200  # a larger table of confusions is no longer looked at
NEAR = 0.05  # of the range of a bounded unit
NEARLY_ALL = 0.95  # of the samples
STILL = 1e-6
VOLATILE: dict[str, Scalar] = {"volatile": True}


class Seen(NamedTuple):
    """A layer's name, what it gives on the samples, the ends of its range if it has some, and whose units they are."""

    name: str
    values: np.ndarray
    ends: tuple[float, float] | None
    units_of: str


def portrait(run: Run) -> Group:
    """Groups ``images``, ``activations``, ``codes`` and ``confusion`` of a trained run, those that it can have."""
    seen = list(_outputs(run))
    confusion, images = _confusion(run), pictures(run)
    if (counts := confusion.children.get("counts")) and isinstance(counts, Array):
        images.children["confusion"] = _picture(counts.data)
    found = {
        "images": images,
        "activations": Group(dict(VOLATILE), {one.name: activations(*one[1:]) for one in seen}),
        "codes": _codes(run, seen),
        "confusion": confusion,
    }
    return Group({}, {name: group for name, group in found.items() if group.children})


def _outputs(run: Run) -> Iterator[Seen]:
    """What the layers give, ([members,] samples, units), from the data upwards; linear ones after their activation."""
    model, device, ctx = run.objective.model, run.device, Context(False, Arena(run.device))
    h: DeviceArray = device.put(prepared(run, SAMPLES))
    machine = run.machine
    if machine is not None and machine.visible.n == run.inputs.features:  # one with classes beside them sees more
        for number, each in enumerate([*run.lineage.machines, machine]):
            h = each.encode(h, ctx)
            name = f"{number:03d}_rbm"
            own = "" if run.config.model.layerwise is None else name
            yield Seen(name, device.get(h), each.hidden.range, own)
    elif isinstance(model, Sequential):
        affine: tuple[str, DeviceArray] | None = None  # shown only where no activation follows
        units_of = ""
        for name, layer in children(model):
            before = h
            h, _ = layer.forward(before, ctx)
            if h is before:  # some layers do nothing at inference
                continue
            if affine is not None and isinstance(layer, Dense):
                yield Seen(affine[0], device.get(affine[1]), None, units_of)
            affine = (name, h) if isinstance(layer, Dense | BatchNorm) else None
            units_of = name if isinstance(layer, Dense) else units_of
            if affine is None:
                yield Seen(name, device.get(h), layer.range, units_of)
        if affine is not None:
            yield Seen(affine[0], device.get(affine[1]), None, units_of)


def activations(values: np.ndarray, ends: tuple[float, float] | None, units_of: str = "") -> Group:
    """How the outputs of a layer are spread, and how many of its units say nothing.

    A unit is constant when it gives the same for every sample, and saturated when it is within a twentieth of its
    range from the same or the other end for nearly every sample.

    Args:
        values: ([members,] samples, units).
        ends: of the range, where it is bounded.
        units_of: the layer whose weights lead to these units.

    >>> found = activations(np.array([[0.0, 0.99, 0.2], [0.0, 1.0, 0.8]]), (0, 1))
    >>> found["constant_units"].data.item(), found["saturated_units"].data.item(), found["counts"].data.sum().item()
    (1, 2, 6)
    """
    edges = np.histogram_bin_edges(values, BINS)
    flat = values.reshape(-1, values.shape[-2] * values.shape[-1])
    counts = np.stack([np.histogram(row, edges)[0] for row in flat]).reshape(*values.shape[:-2], BINS)
    member = "member," if values.ndim == 3 else ""
    found = {
        "counts": Array(counts, {"axes": f"{member}bin"}),
        "edges": Array(edges.astype(np.float64)),
        "constant_units": _per_member((np.ptp(values, axis=-2) <= STILL).sum(axis=-1)),
    }
    if ends is not None:
        near = NEAR * (ends[1] - ends[0])
        share = ((values < ends[0] + near) | (values > ends[1] - near)).mean(axis=-2)
        found["saturated_units"] = _per_member((share >= NEARLY_ALL).sum(axis=-1))
    return Group({"samples": values.shape[-2], "units": values.shape[-1], "units_of": units_of}, dict(found))


def _per_member(number: Any) -> Array:
    values = np.asarray(number, np.int64)
    return Array(values, {"axes": "member"} if values.ndim else {})


def _codes(run: Run, seen: list[Seen]) -> Group:
    """Codes of the first member in the plane of their two largest principal components, with their classes."""
    hidden = [one for one in seen if one.values.shape[-1] > 1]
    if run.config.model.reconstructs:
        hidden = sorted(hidden, key=lambda one: one.values.shape[-1])[:1]
    elif isinstance(run.objective.model, Sequential):
        hidden = hidden[:-1] or hidden  # the last is the output
    if not hidden:
        return Group()
    name, values = hidden[-1][:2]
    points, share = plane(values[(0,) if values.ndim == 3 else ()])
    attrs = {**VOLATILE, "layer": name, "units": values.shape[-1], "variance_shown": share}
    return Group(attrs, {"points": Array(points), "targets": Array(run.dataset.y[shown(run, SAMPLES)])})


def plane(values: np.ndarray) -> tuple[np.ndarray, float]:
    """Points (n, units) projected on their two largest principal components, and the part of the variance in them.

    >>> points, share = plane(np.array([[0.0, 0, 3], [0, 0, -3], [1, 0, 0], [-1, 0, 0]]))
    >>> np.abs(points).tolist(), share
    ([[3.0, 0.0], [3.0, 0.0], [0.0, 1.0], [0.0, 1.0]], 1.0)
    """
    centred = values.astype(np.float64) - values.mean(axis=0, dtype=np.float64)
    _, singular, axes = np.linalg.svd(centred, full_matrices=False)
    # The sign of a component means nothing: its largest entry is made positive, so that equal codes look equal.
    axes *= np.sign(axes[np.arange(len(axes)), np.abs(axes).argmax(axis=1)])[:, None]
    total = (singular**2).sum()
    share = float((singular[:2] ** 2).sum() / total) if total else 1.0
    return np.ascontiguousarray(centred @ axes[:2].T, np.float32), share


def _confusion(run: Run) -> Group:
    """How often samples of each class of the test part were taken for each, ([members,] true, predicted)."""
    model, classes = run.objective.model, len(run.description.classes)
    if not (isinstance(model, Layer) and 0 < classes <= MOST_CLASSES and len(run.split.test)):
        return Group()
    if run.config.model.reconstructs:
        return Group()
    predictor = Predictor(model, build_loss(run.config, classes), run.inputs.feed("test"), run.device)
    outputs = np.concatenate(list(predictor.batches()), axis=-2)
    predicted = outputs[..., 0] > 0.5 if outputs.shape[-1] == 1 else outputs.argmax(axis=-1)
    places = run.dataset.y[run.split.test] * classes + predicted
    rows = places.reshape(-1, places.shape[-1])
    counts = np.stack([np.bincount(row, minlength=classes**2) for row in rows])
    member = "member," if places.ndim == 2 else ""
    attrs: dict[str, Scalar] = {"axes": f"{member}true,predicted"}
    return Group(
        {**VOLATILE, "part": "test"},
        {"counts": Array(counts.reshape(*places.shape[:-1], classes, classes).astype(np.int64), attrs)},
    )


def _picture(counts: np.ndarray) -> Array:
    """Confusions of all members together as an image, each row by its sum; one pixel would be too small to see."""
    total = counts.sum(axis=0) if counts.ndim == 3 else counts
    rows = total / np.maximum(total.sum(axis=1, keepdims=True), 1)
    levels = np.rint(255 * rows).astype(np.uint8)
    side = max(1, 160 // len(levels))
    note: dict[str, Scalar] = {"description": "rows are true classes, columns predicted ones; white is all of a row"}
    return Array(levels.repeat(side, axis=0).repeat(side, axis=1), GREY | note)
