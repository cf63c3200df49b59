"""The portrait of a trained model: what a checkpoint keeps so that it can be looked at without data and without code.

Pictures; what the units of each layer give on data; the codes of the last hidden layer in the plane; which classes are
taken for which.  All of it follows from weights and data, so the content hash leaves it out.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np

from ..backend import Arena, Context, Device
from ..backend.arrays import Array
from ..checkpoint import Group, NamedArray, Scalar
from ..experiment import Run
from ..layers import Layer, Sequential
from ..members import MEMBER, axes_text, members_first, of_member
from ..models import DBM
from ..parameter import Parameter, children, find_parameters
from ..training import at_once
from .judgement import judgement
from .maps import Seen
from .pictures import GREY, pictures, prepared, shown

SAMPLES = 1000
BINS = 64
MOST_CLASSES = 200  # a larger table of confusions is no longer looked at
NEAR = 0.05  # of the range of a bounded unit
NEARLY_ALL = 0.95  # of the samples
STILL = 1e-6
VOLATILE: dict[str, Scalar] = {"volatile": True}


def portrait(run: Run) -> Group:
    """Groups ``judgement``, ``images``, ``activations``, ``codes`` and ``confusion`` of a run, those it can have."""
    seen = list(_outputs(run))
    confusion, images = _confusion(run), pictures(run, seen, _samples(run))
    if (counts := confusion.children.get("counts")) and isinstance(counts, NamedArray):
        images.children["confusion"] = _picture(members_first(counts.data, counts.members)[run.trainer.going_well])
    found = {
        "judgement": judgement(run),
        "images": images,
        "activations": Group(dict(VOLATILE), {one.name: activations(one) for one in seen}),
        "codes": _codes(run, seen),
        "confusion": confusion,
    }
    return Group({}, {name: group for name, group in found.items() if group.children})


def _outputs(run: Run) -> Iterator[Seen]:
    """What the layers give, from the data upwards; of an affine layer and its activation, the activation alone."""
    model, device, ctx = run.objective.model, run.device, Context(False, Arena(run.device))
    h: Array = device.put(prepared(run, _samples(run)))
    members, machine = run.trainer.parameters.members, run.machine
    if machine is not None and machine.visible.n == run.inputs.features:  # one with classes beside them sees more
        for number, each in enumerate([*run.lineage.machines, machine]):
            h = each.encode(h, ctx)
            name = f"{number:03d}_rbm"
            own = "" if run.config.model.layerwise is None else name
            yield Seen(name, device.get(h), members, each.hidden.range, own)
    elif deep := next((one for one in (model, getattr(model, "machine", None)) if isinstance(one, DBM)), None):
        found = deep.posterior(h, ctx)
        for (name, level), states in list(zip(children(deep), found.states))[1 : deep.depth + 1]:
            yield Seen(name, device.get(states), members, level.units.range, name if deep is model else "")
    elif isinstance(model, Sequential):
        yield from outputs_of(model, h, members, ctx, device)


def _samples(run: Run) -> int:
    """How many samples are looked at: fewer where the outputs of all layers would be too much."""
    return at_once(run.objective.model, run.inputs.shape, SAMPLES)


def outputs_of(model: Sequential, x: Array, members: tuple[int, ...], ctx: Context, device: Device) -> Iterator[Seen]:
    """What the layers of a network give at inference.

    An affine layer, which has parameters of its own, is shown only where no activation follows; layers that change
    nothing, or only the shape, are passed over.

    Args:
        model: its parameters have memory.
        x: (samples, ...), which all members see.
        members: of the model's parameters.
        ctx: of inference, with room for the outputs of all layers.
        device: where they are.
    """
    h, shared = x, True  # by all members, up to the first layer with parameters
    waiting: Seen | None = None
    units_of = ""
    for name, layer in children(model):
        before, own = h, [part for _, part in children(layer) if isinstance(part, Parameter)]
        h, _ = layer.forward(before, ctx)
        shared = shared and next(find_parameters(layer), None) is None
        if h is before or (h.shape != before.shape and _same(h, before)):
            continue
        weighted = any(part.role == "weight" for part in own)  # what batch norm does is part of the layer below
        if waiting is not None and weighted:
            yield waiting
        if weighted or any(part.role == "weight" for _, part in find_parameters(layer)):
            units_of = name  # those of a block are what it gives, whatever is inside
        seen = Seen(name, device.get(h), () if shared else members, layer.range, units_of)
        waiting = seen if own else None
        if not own:
            yield seen
    if waiting is not None:
        yield waiting


def _same(one: Array, other: Array) -> bool:
    """Whether the numbers are equal, in whatever shape."""
    return one.size == other.size and bool((one.ravel() == other.ravel()).all())


def activations(seen: Seen) -> Group:
    """How the outputs of a layer are spread, and how many of its units say nothing.

    A unit is constant when it gives the same for every sample, and saturated when it is within a twentieth of its
    range from the same or the other end for nearly every sample.  The units of a layer on positions are its channels,
    and what such a unit gives at each position counts like a sample.

    >>> found = activations(Seen("sigmoid", np.array([[0.0, 0.99, 0.2], [0.0, 1.0, 0.8]]), ends=(0, 1)))
    >>> found["constant_units"].data.item(), found["saturated_units"].data.item(), found["counts"].data.sum().item()
    (1, 2, 6)
    """
    values, members, ends = seen.values, seen.members, seen.ends
    samples, units = values.shape[len(members)], values.shape[-1]
    rows = values.reshape(*members, -1, units)
    edges = np.histogram_bin_edges(rows, BINS)
    counts = np.stack([np.histogram(each, edges)[0] for each in members_first(rows, members)])
    found = {
        "counts": NamedArray(counts.reshape(*members, BINS), {"axes": axes_text(("bin",), members)}),
        "edges": NamedArray(edges.astype(np.float64)),
        "constant_units": _per_member((np.ptp(rows, axis=-2) <= STILL).sum(axis=-1)),
    }
    if ends is not None:
        near = NEAR * (ends[1] - ends[0])
        share = ((rows < ends[0] + near) | (rows > ends[1] - near)).mean(axis=-2)
        found["saturated_units"] = _per_member((share >= NEARLY_ALL).sum(axis=-1))
    positions = rows.shape[-2] // samples
    attrs: dict[str, Scalar] = {"samples": samples, "units": units, "units_of": seen.units_of}
    return Group(attrs | ({"positions": positions} if positions > 1 else {}), dict(found))


def _per_member(number: Any) -> NamedArray:
    values = np.asarray(number, np.int64)
    return NamedArray(values, {"axes": MEMBER} if values.shape else {})


def _codes(run: Run, seen: list[Seen]) -> Group:
    """Codes of the first member in the plane of their two largest principal components, with their classes."""
    hidden = [(one.name, _codes_of(one)) for one in seen]
    hidden = [(name, values) for name, values in hidden if values.shape[1] > 1]
    if run.config.model.reconstructs:
        hidden = sorted(hidden, key=lambda one: one[1].shape[1])[:1]
    elif isinstance(run.objective.model, Sequential):
        hidden = hidden[:-1] or hidden  # the last is the output
    if not hidden:
        return Group()
    name, values = hidden[-1]
    points, share = plane(values)
    attrs = {**VOLATILE, "layer": name, "units": values.shape[1], "variance_shown": share}
    return Group(attrs, {"points": NamedArray(points), "targets": NamedArray(run.dataset.y[shown(run, _samples(run))])})


def _codes_of(one: Seen) -> np.ndarray:
    """What a layer of the first member gives, all numbers of a sample in a row: (samples, numbers)."""
    values = of_member(one.values, one.members)
    return values.reshape(len(values), -1)


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
    found = run.outcomes("test")
    if not found:
        return Group()
    members = run.trainer.parameters.members
    predicted = np.stack([outcome.predicted for outcome in found]) if members else found[0].predicted
    places = run.dataset.y[run.split.test] * classes + predicted
    rows = places.reshape(-1, places.shape[-1])
    counts = np.stack([np.bincount(row, minlength=classes**2) for row in rows])
    attrs: dict[str, Scalar] = {"axes": axes_text(("true", "predicted"), run.trainer.parameters.members)}
    return Group(
        {**VOLATILE, "part": "test"},
        {"counts": NamedArray(counts.reshape(*places.shape[:-1], classes, classes).astype(np.int64), attrs)},
    )


def _picture(counts: np.ndarray) -> NamedArray:
    """Confusions (members, true, predicted) of all together as an image, each row by its sum, pixels enlarged."""
    total = counts.sum(axis=0)
    rows = total / np.maximum(total.sum(axis=1, keepdims=True), 1)
    levels = np.rint(255 * rows).astype(np.uint8)
    side = max(1, 160 // len(levels))
    note: dict[str, Scalar] = {"description": "rows are true classes, columns predicted ones; white is all of a row"}
    return NamedArray(levels.repeat(side, axis=0).repeat(side, axis=1), GREY | note)
