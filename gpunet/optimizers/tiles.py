"""How the flat vectors of a model are cut for the kernels that end a step, and what is done to each piece."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..backend.arrays import Array
from ..members import PerMember, values_of
from ..parameter import Parameter, Parameters
from .optimization import Optimization

TILE, MOST_TILES = 4096, 1024  # numbers of a tile, which grows where there would be more tiles
COLUMNS = 32  # of a block that bounds the weights into as many units
MOST = float(np.finfo(np.float64).max)
STATISTIC, DECAYS, BOUNDED, MEASURED = 1, 2, 4, 8  # as in tail.cu


@dataclass(frozen=True)
class Tiles:
    """Tables on the device, as ``ops/cuda/tail.cu`` reads them.

    Attributes:
        starts: int64 (tiles,), where each begins in the flat vectors.
        tiles: int32 (tiles, 3): how many numbers, of which parameter, and the place of the first one within it.
        places: int32 (parameters, 6): first tile, tiles, treatment, units, place of its unit rates or -1, rows.
        numbers: float64 (members, parameters, 4): rate factor, momentum, limit, bound on the length into a unit.
        settings: float64 (members, 4): l1, l2, and the bounds of clipping by value and by norm.
        unit_rates: of all parameters that have some, one after the other.
        columns: int32 (blocks, 2): parameter and first unit of each block of bounded weights.
        trained: how many tiles hold weights and no running statistics; those come first.
        count: of tiles.
        bounds: of blocks of bounded weights.
        limited: whether some parameter has a limit.
    """

    starts: Array
    tiles: Array
    places: Array
    numbers: Array
    settings: Array
    unit_rates: Array
    columns: Array
    trained: int
    count: int
    bounds: int
    limited: bool


def tiles_of(parameters: Parameters, optimization: Optimization) -> Tiles:
    """The tables of a model."""
    device, size = parameters.device, parameters.values.shape[-1]
    named = sorted(parameters.named.items(), key=lambda item: parameters.segments[item[0]].start)
    length = max(TILE, -(-size // MOST_TILES))
    starts: list[int] = []
    tiles: list[tuple[int, int, int]] = []
    places: list[tuple[int, ...]] = []
    rates: list[float] = []  # of the units of all parameters that have some
    columns: list[tuple[int, int]] = []
    for number, (name, p) in enumerate(named):
        part, first = parameters.segments[name], len(starts)
        for at in range(0, part.stop - part.start, length):
            starts.append(part.start + at)
            tiles.append((min(length, part.stop - part.start - at), number, at))
        units = p.shape[-1] if p.shape else 1
        own_rates = -1 if p.unit_rates is None else len(rates)
        rates += p.unit_rates or ()
        rows = math.prod(p.shape[:-1])
        places.append((first, len(starts) - first, _treatment(p, optimization), units, own_rates, rows))
        if p.max_norm is not None:
            columns += [(number, column) for column in range(0, units, COLUMNS)]
    count = len(parameters.seeds)
    most = float(np.finfo(parameters.dtype).max)
    numbers = np.array([list(_numbers(p, count, most)) for _, p in named]).transpose(2, 0, 1)
    clipping = optimization.clipping
    value, norm = (None, None) if clipping is None else (clipping.value, clipping.norm)
    settings = [_by_member(s, count, most) for s in (optimization.l1, optimization.l2, value, norm)]
    return Tiles(
        device.put(np.array(starts, np.int64)),
        device.put(np.array(tiles, np.int32)),
        device.put(np.array(places, np.int32)),
        device.put(np.ascontiguousarray(numbers)),
        device.put(np.stack(settings, axis=-1)),
        device.put(np.array(rates or [1.0]), parameters.dtype),
        device.put(np.array(columns or [(0, 0)], np.int32)),
        sum(1 for _, number, _ in tiles if named[number][1].trainable),
        len(tiles),
        len(columns),
        any(p.limit is not None for _, p in named),
    )


def _treatment(p: Parameter, optimization: Optimization) -> int:
    measured = p.limit is not None or (optimization.rule.layerwise and p.trainable and p.decay)
    return (
        STATISTIC * (not p.trainable)
        + DECAYS * (p.trainable and p.decay)
        + BOUNDED * (p.max_norm is not None)
        + MEASURED * bool(measured)
    )


def _numbers(p: Parameter, members: int, most: float) -> Iterator[np.ndarray]:
    limit = MOST if p.limit is None else p.limit
    for setting in (p.rate_factor, 0.0 if p.momentum is None else p.momentum, limit, p.max_norm):
        yield _by_member(setting, members, most)


def _by_member(setting: Any, members: int, most: float) -> np.ndarray:
    """The number of each member; one without a bound has the largest there is."""
    given = setting.among(members) if isinstance(setting, PerMember) else values_of(setting) * members
    return np.array([most if value is None else value for value in given], np.float64)
