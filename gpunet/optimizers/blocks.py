"""How the flat vectors of a model are passed over: in stretches that fit a cache, each of parameters treated alike."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from ..backend.arrays import Array
from ..parameter import Parameters, Stretch

BLOCK = 65536  # numbers; a block of gradients, two slots, result and scratch fits the cache of one core


@dataclass
class Block:
    """Views of one stretch of the flat vectors, made once."""

    group: Stretch
    values: Array
    grads: Array
    deltas: Array
    slots: list[Array]
    scratch: Array
    momentum: Any  # of running statistics: a number, or that of each member; None for what a rule changes


def blocks_of(parameters: Parameters, deltas: Array, slots: Sequence[Array]) -> dict[float, list[Block]]:
    """The stretches of all groups, by the factor of their learning rate; they share one array of scratch.

    Args:
        parameters: of the model.
        deltas: flat, where updates are computed.
        slots: flat, of the rule.
    """
    device, size = parameters.device, parameters.values.shape[-1]
    longest = min(BLOCK, size) if device.kind == "cpu" else size
    scratch = device.empty((*parameters.members, longest), parameters.dtype)
    blocks: dict[float, list[Block]] = {}
    for group in parameters.groups:
        momentum = parameters.number(group.momentum)
        own = blocks.setdefault(group.rate_factor, [])
        for part in _parts(group.segment, longest):
            w, g, delta = (a[..., part] for a in (parameters.values, parameters.grads, deltas))
            views = [slot[..., part] for slot in slots]
            own.append(Block(group, w, g, delta, views, scratch[..., : part.stop - part.start], momentum))
    return blocks


def decaying_layers(parameters: Parameters, scratch: Array) -> dict[float, list[tuple[Array, Array, Array]]]:
    """Values, gradient and scratch of each trained parameter that decays, by the factor of its learning rate."""
    layers: dict[float, list[tuple[Array, Array, Array]]] = {}
    for name, p in parameters.named.items():
        if p.trainable and p.decay:
            part = parameters.segments[name]
            views = tuple(a[..., part] for a in (parameters.values, parameters.grads, scratch))
            layers.setdefault(p.rate_factor, []).append(views)
    return layers


def _parts(segment: slice, size: int) -> Iterator[slice]:
    for start in range(segment.start, segment.stop, size):
        yield slice(start, min(start + size, segment.stop))
