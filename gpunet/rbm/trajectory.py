"""Chains that exchange their states with earlier versions of the machine, frozen along its own training."""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np
from annotated_types import Gt, Lt

from ..backend import Context, Device, array_module
from ..backend.arrays import Array
from ..errors import ConfigError
from ..fields import Count
from ..parameter import place
from .chains import Persistent, Steps
from .freezing import BLOCK, FREEZE, HIGHEST, REFUSE, Frozen, climb, freeze
from .ladder import Ladder
from .machine import RBM

Share = Annotated[float, Gt(0), Lt(1)]
BEGINNING = "weights that training begins with"
NAMED = re.compile(r"versions/(\d+)/states")


@dataclass(eq=False)
class Trajectory(Persistent):
    """Parallel trajectory tempering: persistent chains that exchange states with a frozen earlier version.

    After ``k`` Gibbs steps each chain takes a sample of the last frozen version, out of a reservoir, for its state,
    with the Metropolis probability of an exchange.  The reservoir keeps its sample: chains follow a machine that moves,
    and would take out of it what the frozen version needs.  Where the machine has moved so far that exchanges are
    accepted less often than ``freeze``, it is frozen as a new version: all versions, from one without weights upwards,
    exchange states with their neighbours until 20 autocorrelation times have passed, and Bennett's ratio tells its
    log Z.  A version that exchanges less often than ``refuse``, is not at rest, or has lost a part of its mass is
    refused: the machine goes back to the last one, and its learning rate is halved.

    Béreux, Decelle, Furtlehner, Seoane: Fast training and sampling of restricted Boltzmann machines (2024).

    Args:
        count: how many chains.
        reservoir: samples of each frozen version, at least as many as chains.
        freeze: acceptance below which the machine is frozen.
        refuse: acceptance below which a version is refused.
        every: updates between two looks at the acceptance.
        refresh: updates between two sweeps of the frozen versions, of which one in ten is of all and the others are of
            the highest 8.
        sweeps: that a new version is given at most.
    """

    reservoir: Count = 500
    freeze: Share = FREEZE
    refuse: Share = REFUSE
    every: Count = 5
    refresh: Count = 20
    sweeps: Count = 1000

    def __post_init__(self) -> None:
        """Only samples can be exchanged, and each chain with one of its own."""
        super().__post_init__()
        if self.mean_field:
            rule = "must be false where versions exchange their states"
            raise ConfigError("mean_field", rule, True, "Leave it out")
        if self.reservoir < self.count:
            rule = f"must be at least the {self.count} chains"
            raise ConfigError("reservoir", rule, self.reservoir, f"Set reservoir={self.count}")
        if not self.refuse < self.freeze:
            raise ConfigError("refuse", f"must be below freeze, {self.freeze}", self.refuse, "Set refuse=0.1")

    def start(self, rbm: RBM, device: Device, members: tuple[int, ...], dtype: Any) -> None:
        """Chains and a reservoir of zeros; versions are made before the first step."""
        super().start(rbm, device, members, dtype)
        self.device, self.members, self.dtype, self.rbm = device, members, np.dtype(dtype), rbm
        self.samples = device.zeros((*members, self.reservoir, rbm.visible.n), dtype)
        self.energies = device.zeros((*members, self.reservoir), dtype)
        self.accepted, self.attempts, self.gibbs_steps = (device.zeros((*members, 1), np.float64) for _ in range(3))
        self.ladders: list[Ladder] = []
        self.records: list[Array] = []  # of each member: refused versions, last acceptance, Gibbs steps of versions
        self.log_z: list[Array] = []  # of each member: (2, versions), value and standard error
        ladder = Ladder(rbm, device, dtype, 1)
        self._last = {n: device.zeros((*members, *shape), dtype) for n, shape in ladder.shapes.items()}
        self._machine = ladder.machine
        place(self._machine, self._last)
        self._ready = False  # whether the last version lies where steps read it

    def state(self) -> dict[str, Array]:
        """Chains and counts, from which the next step goes on."""
        counts = {"accepted": self.accepted, "attempts": self.attempts, "gibbs_steps": self.gibbs_steps}
        return super().state() | counts

    def begin_at(self, rbm: RBM, data_input: Array, ctx: Context) -> None:
        """Nothing: chains come up from the machine without weights, over versions that lie between."""

    def kept(self) -> dict[str, Array]:
        """All versions of each member with their samples, by name."""
        found: dict[str, Array] = {}
        for number, ladder in enumerate(self.ladders):
            arrays = {"states": ladder.states, "clock": ladder.clock, "log_z": self.log_z[number]}
            arrays |= {"record": self.records[number]} | ladder.values
            found |= {f"versions/{number}/{name}": array for name, array in arrays.items()}
        return found

    def make_room(self, shapes: Mapping[str, tuple[int, ...]]) -> None:
        """Make arrays for versions that a checkpoint holds; those of another machine are left out."""
        rows = {int(m[1]): shape for name, shape in shapes.items() if (m := NAMED.fullmatch(name))}
        wanted = (self.reservoir, self.rbm.visible.n)
        self._ready = False
        if sorted(rows) != list(range(self._rows)) or not all(s[0] and s[1:] == wanted for s in rows.values()):
            return
        self.ladders = [Ladder(self.rbm, self.device, self.dtype, self.reservoir) for _ in range(self._rows)]
        zeros = self.device.zeros
        self.records = [zeros((3,), np.float64) for _ in self.ladders]
        self.log_z = [zeros((2, rows[number][0]), np.float64) for number in range(self._rows)]
        for number, ladder in enumerate(self.ladders):
            ladder.make_room(rows[number][0])

    def draw(self, rbm: RBM, data_input: Array, k: Steps, ctx: Context) -> tuple[Array, Array]:
        """Gibbs steps, then exchanges with as many samples of the reservoir, with others in each step."""
        v, hidden_input = self._gibbs(rbm, rbm.hidden_input(self.states, ctx), k, ctx)
        xp = array_module(v)
        clock = ctx.streams.clock.astype(np.int64) if ctx.streams is not None else 0
        rows = (xp.arange(self.count) + clock * (self.count + 1)) % self.reservoir
        other = xp.take(self.samples, rows, axis=-2)
        other_input = rbm.hidden_input(other, ctx)
        # log of p(other) q(v) / (p(v) q(other)), p of this machine and q of the last version, up to both log Z
        gain = rbm.free_energy_from(v, hidden_input, ctx) - rbm.free_energy_from(other, other_input, ctx)
        gain += xp.take(self.energies, rows, axis=-1) - self._machine.free_energy(v, ctx)
        chance = xp.exp(xp.minimum(gain, 0))
        swap = (ctx.uniform(gain.shape, gain.dtype) < chance)[..., None]
        xp.copyto(self.states, xp.where(swap, other, v))
        self.accepted += chance.mean(axis=-1)[..., None]
        self.attempts += 1
        self.gibbs_steps += ctx.number(k, self.gibbs_steps) * self.count
        return self.states, xp.where(swap, other_input, hidden_input)

    def between(self, rbm: RBM, number: int, ctx: Context) -> np.ndarray | None:
        """Look at the acceptance, freeze versions and refresh them, where it is time.

        Args:
            rbm: the machine.
            number: of the step to come in its epoch.
            ctx: of the steps, whose seeds the versions have.

        Returns:
            Which members went back to their last version, (members,), or None where none did.
        """
        if not self._ready:
            self._prepare(rbm, ctx)
        looks, sweeps = number % self.every == 0, number % self.refresh == 0
        if not (looks or sweeps):
            return None
        accepted, attempts = (self.device.get(a).reshape(-1) for a in (self.accepted, self.attempts))
        back = np.zeros(self._rows, bool)
        for member in map(int, np.flatnonzero(attempts)):
            share = float(accepted[member] / attempts[member])
            if looks:
                self._note(member, 1, share)
            if looks and share < self.freeze:
                back[member] = not self._freeze(rbm, member, share)
            elif sweeps:
                self.ladders[member].run(1, highest=None if number % (self.refresh * BLOCK) == 0 else HIGHEST)
                self._show(member)
        if looks:
            self.accepted.fill(0)
            self.attempts.fill(0)
        return back if back.any() else None

    def looks(self) -> int:
        """Acceptance and frozen versions are looked at every so many steps."""
        return math.gcd(self.every, self.refresh)

    def numbers(self) -> dict[str, np.ndarray]:
        """Versions, those that were refused, the last acceptance, log Z of the last version, and Gibbs steps of single
        chains, those of frozen versions included, each (members,).

        Before the first step of the chains, as while the layers of a deep machine learn alone, there are no versions,
        and log Z is that of the machine without weights, which the first version will be.
        """
        if not self.ladders:
            return self._numbers_at_rest()
        records = np.array([self.device.get(record) for record in self.records])
        steps = self.device.get(self.gibbs_steps).reshape(-1) + records[:, 2]
        log_z = np.array([self.device.get(found)[0, -1] for found in self.log_z])
        return {
            "versions": np.array([float(len(ladder)) for ladder in self.ladders]),
            "refused_versions": records[:, 0],
            "exchange_rate": records[:, 1],
            "log_z": log_z,
            "gibbs_steps": steps,
        }

    def _numbers_at_rest(self) -> dict[str, np.ndarray]:
        ladders = [Ladder(self.rbm, self.device, self.dtype, 1) for _ in range(self._rows)]
        log_z = [ladder.begin(self._values(self.rbm, member)) for member, ladder in enumerate(ladders)]
        none = {name: np.zeros(self._rows) for name in ("versions", "refused_versions", "exchange_rate")}
        return none | {"log_z": np.concatenate(log_z), "gibbs_steps": np.zeros(self._rows)}

    @property
    def _rows(self) -> int:
        return math.prod(self.members)

    def _of(self, array: Array, member: int) -> Array:
        return array[member] if self.members else array

    def _values(self, rbm: RBM, member: int) -> dict[str, Array]:
        return rbm.values(self.members, member)

    def _note(self, member: int, place_: int, value: float) -> None:
        self.records[member][place_ : place_ + 1] = value

    def _prepare(self, rbm: RBM, ctx: Context) -> None:
        """Make the versions before the first step, or take those of a checkpoint."""
        assert ctx.streams is not None
        seeds, new = self.device.get(ctx.streams.keys)[:, 0], not self.ladders
        for member in range(self._rows):
            if new:
                self._begin(rbm, member, int(seeds[member]))
            self.ladders[member].seed(int(seeds[member]))
            self._show(member)
        self._ready = True

    def _begin(self, rbm: RBM, member: int, seed: int) -> None:
        """The machine without weights, what lies between, and the machine that training begins with."""
        ladder, values = Ladder(rbm, self.device, self.dtype, self.reservoir, seed), self._values(rbm, member)
        log_z = ladder.begin(values)
        self.ladders.append(ladder)
        self.records.append(self.device.zeros((3,), np.float64))
        self.log_z.append(self.device.put(np.stack([log_z, np.zeros(1)]), np.float64))
        made = [*climb(ladder, values, self.sweeps, BEGINNING), freeze(ladder, values, self.sweeps, 0.0)]
        if made[-1].refused:
            raise ConfigError(BEGINNING, "must be near to a machine at rest", made[-1].refused, "Use other chains")
        for one in made:
            self._add_log_z(member, one)
        self._restart(member)

    def _freeze(self, rbm: RBM, member: int, share: float) -> bool:
        """Make the machine a version, or put it back to the last one where it is refused."""
        ladder, values = self.ladders[member], self._values(rbm, member)
        made = None
        if share >= self.refuse:
            made = freeze(ladder, values, self.sweeps, self.refuse)
        if made is not None and not made.refused:
            self._add_log_z(member, made)
            self._show(member)
            return True
        self.records[member][:1] += 1
        rbm.take(ladder.version(-1), self.members, member)
        self._restart(member)
        self._show(member)
        return False

    def _restart(self, member: int) -> None:
        """Let the chains be samples of the last version."""
        self._of(self.states, member)[...] = self.ladders[member].states[-1][: self.count]

    def _add_log_z(self, member: int, made: Frozen) -> None:
        """Note log Z of a new version, with the error of all steps up to it."""
        known = self.device.get(self.log_z[member])
        added = [[known[0, -1] + made.log_ratio], [math.hypot(known[1, -1], made.error)]]
        self.log_z[member] = self.device.put(np.concatenate([known, np.array(added)], axis=1), np.float64)

    def _show(self, member: int) -> None:
        """Put the last version and its samples where steps read them."""
        ladder = self.ladders[member]
        self._of(self.samples, member)[...] = ladder.states[-1]
        self._of(self.energies, member)[...] = ladder.energies()
        self.records[member][2:] += ladder.gibbs_steps
        ladder.gibbs_steps = 0.0
        for name, array in ladder.version(-1).items():
            self._of(self._last[name], member)[...] = array
