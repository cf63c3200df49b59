"""Samples and normalisers of a machine out of versions that its training left: frozen ones, or snapshots of a run."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ..backend import Device
from ..backend.arrays import Array
from ..checkpoint import LAST, Checkpoint, NamedArray, read
from ..errors import CheckpointError, ConfigError
from ..models import DBM
from ..parameter import find_parameters
from ..paths import exists, is_folder
from ..persistence import SNAPSHOTS, TrainedStack, open_trained, stack_of
from ..rbm import RBM, LogZ
from ..rbm.bennett import foreseen_acceptance, one_sided
from ..rbm.freezing import FREEZE, climb, reach, thin
from ..rbm.ladder import Exchanges, Ladder, Values
from ..rbm.ways import first_on_the_way

KEPT = "loop/chains/versions"
MOST_SWEEPS = 300  # of a new version
LEAST_COLUMNS = 100  # by which a new version is judged
LEAST_ARRIVALS = 30  # of states that came all the way up, below which nothing is said
MORE = "Train with snapshots=30 or more, or with chains=trajectory"


@dataclass(frozen=True)
class Tempered:
    """A machine on top of its versions.

    Attributes:
        ladder: with the machine as the highest version.
        log_z: of the lowest version, exact.
    """

    ladder: Ladder
    log_z: float

    def measured(self, sweeps: int) -> tuple[Exchanges, LogZ]:
        """Sweep all versions, and find log Z of the machine by Bennett's ratios.

        The interval is three standard errors over independent columns either way, and reaches as far as the estimates
        from states of one version of each pair alone, which are low and high on average.  It is infinite where fewer
        than 30 states have come from the lowest version to the machine.

        Args:
            sweeps: of two Gibbs steps of each chain.
        """
        before = self.ladder.arrivals.sum()
        seen = self.ladder.run(sweeps)
        ratios, columns = seen.ratios()
        value, error = self.log_z + ratios.sum(), float(np.sqrt((columns.sum(axis=0) ** 2).sum()))
        pairs = len(ratios)
        below, above = one_sided(seen.lower.reshape(pairs, -1), seen.upper.reshape(pairs, -1))
        low = min(value - 3 * error, self.log_z + below.sum())
        high = max(value + 3 * error, self.log_z + above.sum())
        arrivals = float(self.ladder.arrivals.sum() - before)
        if arrivals < LEAST_ARRIVALS:
            low, high = -np.inf, np.inf
        middle, low, high, count = (np.array([float(number)]) for number in (value, low, high, arrivals))
        return seen, LogZ(middle, low, high, count, "trajectory")


@dataclass(frozen=True)
class Versions:
    """Earlier versions of a machine.

    Attributes:
        values: of each, from the first upwards.
        states: samples of each, (versions, rows, visible), where they are at rest, the first of them without weights.
    """

    values: list[Values]
    states: Array = None


def versions_of(held: TrainedStack) -> list[Versions]:
    """Earlier versions of the top machine of a checkpoint, those of each member, on the device.

    Those that training with ``chains=trajectory`` has frozen, kept in the last state of the run; else the snapshots in
    the run's folder.

    Raises:
        CheckpointError: neither, snapshots of another shape, or snapshots out of order.
    """
    path = Path(held.checkpoint.path)
    if not exists(path):
        rule = "must lie in the folder of its run to have earlier versions"
        raise CheckpointError(str(path), rule, "no such file", "Train it with a run folder")
    last = path.with_name(LAST)
    for checkpoint in (held.checkpoint, read(last) if path != last and exists(last) else None):
        if checkpoint is not None and KEPT in checkpoint.root:
            return _frozen(held, checkpoint)
    device = held.parameters.device
    members = range(len(held.parameters.seeds))
    found = [Versions([]) for _ in members]
    for one in snapshots(path.parent, device, held.parameters.dtype, deep=isinstance(held.dbn, DBM)):
        wanted, got = held.dbn.top.weight.shape, one.dbn.top.weight.shape
        if wanted != got or len(one.parameters.seeds) != len(members):
            rule = f"must hold {len(members)} machines of {wanted[0]}x{wanted[1]} units, as the checkpoint"
            received = f"{len(one.parameters.seeds)} of {got[0]}x{got[1]}"
            raise CheckpointError(str(one.checkpoint.path), rule, received, "Keep one run in a folder")
        for member in members:
            found[member].values.append(one.dbn.top.values(one.parameters.members, member))
    return found


def snapshots(run: Path, device: Device, dtype: Any = np.float64, deep: bool = False) -> list[TrainedStack]:
    """The snapshots of a run as machines, in the order of updates.

    Args:
        run: folder.
        device: where they are put.
        dtype: of their arrays.
        deep: whether they may be deep machines.

    Raises:
        CheckpointError: no snapshots, stacks, snapshots of several shapes, twice the same update, or files whose names
            say another order.
    """
    folder = run / SNAPSHOTS
    paths = sorted(folder.glob("update-*.h5")) if is_folder(folder) else []
    if not paths:
        raise CheckpointError(str(run), f"must hold {SNAPSHOTS}", "none", MORE)
    held = [_machine(stack_of(open_trained(read(path)), device, dtype), deep) for path in paths]
    shapes = {one.dbn.top.weight.shape for one in held}
    if len(shapes) > 1:
        received = ", ".join("x".join(map(str, shape)) for shape in sorted(shapes))
        raise CheckpointError(str(folder), "must hold machines of one shape", received, "Keep one run in a folder")
    updates = [int(one.checkpoint.attrs["step"]) for one in held]
    if len(set(updates)) < len(updates):
        raise CheckpointError(str(folder), "must hold one state of each update", f"{updates}", "Remove the others")
    for path, update in zip(paths, updates):
        if (named := re.fullmatch(r"update-(\d+)", path.stem)) is None or int(named[1]) != update:
            rule = "must be named after its update, so that snapshots lie in order"
            raise CheckpointError(str(path), rule, f"update {update}", f"Name it update-{update:09d}.h5")
    return held


def tempered(machine: RBM, values: Values, versions: Versions, device: Device, columns: int, seed: int = 0) -> Tempered:
    """Put a machine on top of its versions: only those that are needed, with machines between where they lie far apart.

    Versions that are at rest are taken as they are where they have samples for all columns; others are frozen anew.

    Args:
        machine: of these units.
        values: its parameters.
        versions: earlier ones.
        device: where it lives.
        columns: chains of each version.
        seed: of the chains.

    Raises:
        ConfigError: versions so far apart that no machines between lead from one to the next.
    """
    targets, states = [*versions.values, values], versions.states
    if states is not None and states.shape[1] >= columns:
        ladder = Ladder(machine, device, values["weight"].dtype, columns, seed)
        stacked = {name: device.xp.stack([one[name] for one in versions.values]) for name in ladder.shapes}
        base = ladder.adopt(stacked, states)
        thin(ladder)
        _lead(ladder, targets, len(versions.values))
        return Tempered(ladder, float(base[0]))
    # Frozen versions follow an equilibrium, and the first of them has no weights; snapshots may make detours.
    frozen = states is not None
    ways = {0} if frozen else {0, first_on_the_way(machine, device, targets, seed)}
    for way in sorted(ways, reverse=True):
        ladder = Ladder(machine, device, values["weight"].dtype, columns, seed)
        base = ladder.begin(targets[way])
        try:
            _lead(ladder, targets, way + frozen)
            break
        except ConfigError:
            if way == 0:
                raise
    return Tempered(ladder, float(base[0]))


def _lead(ladder: Ladder, targets: list[Values], position: int) -> None:
    """Add versions from one on, with machines between where they lie far apart."""
    while position < len(targets):
        reached = None
        for number in range(position, len(targets)):
            if foreseen_acceptance(ladder.difference(targets[number])) < FREEZE:
                break
            reached = number
        if reached is None:
            climb(ladder, targets[position], MOST_SWEEPS, f"version {position + 1} of {len(targets)}")
            continue
        made = reach(ladder, targets[reached], MOST_SWEEPS)[-1]
        if made.refused:
            rule = "must come to rest among the versions below it"
            raise ConfigError(f"version {reached + 1} of {len(targets)}", rule, made.refused, MORE)
        position = reached + 1


def normaliser_of_trajectory(held: TrainedStack, columns: int, sweeps: int) -> LogZ:
    """log Z of the top machine along its own training, of each member.

    Args:
        held: machines in float64.
        columns: chains of each version.
        sweeps: of all versions.

    Raises:
        CheckpointError: no versions, or those of another machine.
        ConfigError: versions too far apart.
    """
    parts = [made.measured(sweeps)[1] for made in _each(held, columns, 0)]

    def joined(name: str) -> np.ndarray:
        return np.concatenate([getattr(part, name) for part in parts])

    return LogZ(joined("value"), joined("low"), joined("high"), joined("effective_samples"), "trajectory")


def states_of_trajectory(held: TrainedStack, columns: int, steps: int, seed: int) -> Any:
    """Visible states of the top machine after sweeps of all versions, ([members,] columns, visible), on the device.

    Args:
        held: machines.
        columns: chains of each version.
        steps: Gibbs steps of each chain, once all versions are at rest.
        seed: of the chains; members use seed, seed + 1, ...
    """
    drawn = []
    for made in _each(held, max(columns, LEAST_COLUMNS), seed):
        made.ladder.run(-(-steps // 2))
        drawn.append(made.ladder.states[-1][:columns].copy())
    return held.parameters.device.xp.stack(drawn) if held.parameters.members else drawn[0]


def _each(held: TrainedStack, columns: int, seed: int) -> Iterator[Tempered]:
    top, members, device = held.dbn.top, held.parameters.members, held.parameters.device
    for member, versions in enumerate(versions_of(held)):
        yield tempered(top, top.values(members, member), versions, device, columns, seed + member)


def _machine(held: TrainedStack, deep: bool) -> TrainedStack:
    if not (held.dbn.single or (deep and isinstance(held.dbn, DBM))):
        path, received = str(held.checkpoint.path), f"{held.dbn.depth} layers"
        raise CheckpointError(path, "must hold one machine", received, "Look at statistics of its layers")
    return held


def _frozen(held: TrainedStack, checkpoint: Checkpoint) -> list[Versions]:
    """The versions that a checkpoint keeps with their samples, the lowest without weights."""
    top, device, dtype = held.dbn.top, held.parameters.device, held.parameters.dtype
    shapes = {name: parameter.shape for name, parameter in find_parameters(top.alone())}
    found = []
    for member in range(len(held.parameters.seeds)):
        place = f"{KEPT}/{member}"
        group = checkpoint.group(place) if place in checkpoint.root else None
        arrays = {}
        for name, shape in (*shapes.items(), ("states", None)):
            node = group[name] if group is not None and name in group else None
            got = tuple(node.data.shape) if isinstance(node, NamedArray) else ()
            if not got or (got[1:] != shape if shape is not None else len(got) != 3 or got[2] != top.visible.n):
                wanted = f"the shape of the machine, {shape}" if shape is not None else f"{top.visible.n} visible units"
                raise CheckpointError(
                    f"{checkpoint.path}: {place}/{name}", f"must have {wanted}", got or "nothing", MORE
                )
            arrays[name] = device.put(np.asarray(node.data), dtype)  # type: ignore[union-attr]
        count = {len(array) for array in arrays.values()}
        if len(count) != 1:
            raise CheckpointError(f"{checkpoint.path}: {place}", "must hold whole versions", f"{sorted(count)}", MORE)
        states = arrays.pop("states")
        found.append(Versions([{name: array[n] for name, array in arrays.items()} for n in range(count.pop())], states))
    return found
