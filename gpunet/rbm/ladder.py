"""Earlier versions of a machine one above the other, and chains of each that exchange their states.

The lowest has no weights, so each of its Gibbs steps draws independent samples; exchanges carry them upwards, past
walls that no chain of the highest would climb.

Béreux, Decelle, Furtlehner, Seoane: Fast training and sampling of restricted Boltzmann machines (2024).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from ..backend import Arena, Context, Device, Purpose, Streams
from ..backend.arrays import Array
from ..parameter import find_parameters, place
from .bennett import bennett, influences
from .machine import RBM

Values = Mapping[str, Array]  # parameters of one machine by name


@dataclass(frozen=True)
class Exchanges:
    """What was seen in some sweeps, on the host.

    Attributes:
        lower: ``log f_upper - log f_lower`` of states of the lower machine of each pair, (pairs, sweeps, columns).
        upper: the same of states of the upper machine.
        energy: free energy of the states of the highest machine, (sweeps, columns).
        places: where the states of the second highest and of the highest machine lie along the directions that were
            asked for, (2, sweeps, columns, directions).
    """

    lower: np.ndarray
    upper: np.ndarray
    energy: np.ndarray
    places: np.ndarray

    @property
    def acceptance(self) -> np.ndarray:
        """Mean probability of an exchange of each pair, (pairs,)."""
        return np.exp(np.minimum(0, self.lower - self.upper)).mean(axis=(1, 2))

    def ratios(self) -> tuple[np.ndarray, np.ndarray]:
        """``log Z_upper - log Z_lower`` of each pair, (pairs,), and what each column adds, (pairs, columns)."""
        pairs = len(self.lower)
        found = bennett(self.lower.reshape(pairs, -1), self.upper.reshape(pairs, -1))
        return found, influences(self.lower, self.upper, found)

    def after(self, sweeps: int) -> "Exchanges":
        """Without the first sweeps."""
        rest = self.lower[:, sweeps:], self.upper[:, sweeps:], self.energy[sweeps:], self.places[:, sweeps:]
        return Exchanges(*rest)

    def highest(self, versions: int) -> "Exchanges":
        """Of the pairs of so many versions, counted from above."""
        pairs = max(0, len(self.lower) - (versions - 1))
        return Exchanges(self.lower[pairs:], self.upper[pairs:], self.energy, self.places)

    @classmethod
    def joined(cls, parts: Sequence["Exchanges"]) -> "Exchanges":
        """One after the other."""
        axes = (("lower", 1), ("upper", 1), ("energy", 0), ("places", 1))
        return cls(*(np.concatenate([getattr(part, name) for part in parts], axis=axis) for name, axis in axes))


class Ladder:
    """Versions of one machine and the visible states of as many chains at each.

    A chain of one version exchanges states with that of the same number of its neighbours alone, so the columns of the
    array of states are independent of each other.

    Args:
        rbm: a machine of the same units, whose values are not looked at.
        device: where it lives.
        dtype: of everything.
        columns: chains of each version.
        seed: of their random numbers; may be set later.

    Attributes:
        values: parameters by name, (versions, *shape).
        states: (versions, columns, visible).
        arrivals: how often a state that was drawn at the lowest version has come to the highest, (columns,).
        gibbs_steps: steps of single chains so far.
    """

    def __init__(self, rbm: RBM, device: Device, dtype: object, columns: int, seed: int = 0):
        self.machine, self.device, self.dtype, self.columns = rbm.alone(), device, dtype, columns
        self.shapes = {name: parameter.shape for name, parameter in find_parameters(self.machine)}
        self.clock = device.zeros((1,), np.uint64)
        self.values: dict[str, Array] = {}
        self.states: Array = None
        self.gibbs_steps = 0.0
        self._origin: np.ndarray = np.zeros((0, columns), bool)
        self.arrivals = np.zeros(columns, np.int64)
        self.seed(seed)

    def seed(self, seed: int) -> None:
        """Choose the random numbers; they go on at the present clock."""
        streams = Streams(self.device, seed, self.clock, Purpose.SAMPLING)
        self.context = Context(False, Arena(self.device), streams)

    def __len__(self) -> int:
        """How many versions there are."""
        return 0 if self.states is None else len(self.states)

    def version(self, number: int) -> dict[str, Array]:
        """The parameters of one version, counted from the lowest; -1 is the highest."""
        return {name: array[number] for name, array in self.values.items()}

    def make_room(self, versions: int) -> None:
        """Arrays of so many versions, to be filled."""
        zeros, n = self.device.zeros, self.machine.visible.n
        self.values = {name: zeros((versions, *shape), self.dtype) for name, shape in self.shapes.items()}
        self.states = zeros((versions, self.columns, n), self.dtype)
        self._origin = np.zeros((versions, self.columns), bool)

    def begin(self, values: Values) -> np.ndarray:
        """Start at the machine without weights whose means are the offsets of another one; its exact log Z, (1,)."""
        self.make_room(1)
        for name, array in values.items():
            self.values[name][0] = array
        self.values["weight"].fill(0)
        self.values["hidden_bias"].fill(0)
        mean = self.device.get(self.values["visible_offset"][0]).astype(np.float64)
        self.device.copy_into(self.values["visible_bias"][0], self.machine.visible.input_for(mean))
        machine, ctx = self._placed(), self._begin_step()
        resting = self.device.zeros((1, self.columns, machine.visible.n), self.dtype)
        resting += machine.visible_bias.value[..., None, :]
        self.states[...] = machine.visible.sample(resting, ctx)
        return self.log_z_of_lowest()

    def adopt(self, values: Values, states: Array) -> np.ndarray:
        """Go on from versions that are at rest; the exact log Z of the lowest, which has no weights, (1,).

        Args:
            values: of all versions by name, (versions, *shape).
            states: samples of each, (versions, columns or more, visible), of which the first are taken.
        """
        self.make_room(len(states))
        for name, array in values.items():
            self.values[name][...] = array
        self.states[...] = states[:, : self.columns]
        return self.log_z_of_lowest()

    def log_z_of_lowest(self) -> np.ndarray:
        """Exact log Z of the lowest version, whose units do not know of each other, (1,)."""
        place(self.machine, self.version(0))
        machine, ctx = self.machine, self.context
        ctx.arena.rewind()
        bias, zero = machine.visible_bias.value[None], self.device.zeros((1, machine.hidden.n), self.dtype)
        total = machine.visible.log_partition(bias, ctx) + machine.hidden.log_partition(zero, ctx)
        return self.device.get(total).astype(np.float64).reshape(1)

    def difference(self, values: Values) -> np.ndarray:
        """``log f_other - log f_highest`` of the states of the highest version, (columns,), for another machine."""
        own, other = (self.device.get(e).astype(np.float64) for e in (self.energies(), self.energies(values)))
        return own - other

    def energies(self, values: Values | None = None, of: int = -1) -> Array:
        """Free energies of the states of a version, the highest by default, under the highest or another machine."""
        place(self.machine, self.version(-1) if values is None else values)
        self.context.arena.rewind()
        return self.machine.free_energy(self.states[of], self.context).copy()

    def acceptance(self, lower: int, upper: int) -> float:
        """How often two versions, both at rest, would exchange their states."""
        below, above = (
            [self.device.get(self.energies(self.version(n), of)).astype(np.float64) for n in (lower, upper)]
            for of in (lower, upper)
        )
        gain = (below[0] - below[1])[:, None] - (above[0] - above[1])
        return float(np.exp(np.minimum(0, gain)).mean())

    def keep(self, versions: Sequence[int]) -> None:
        """Take all other versions away."""
        rows = list(versions)
        self.values = {name: array[rows] for name, array in self.values.items()}
        self.states, self._origin = self.states[rows], self._origin[rows]

    def chance(self) -> float:
        """One random number between 0 and 1."""
        return float(self.device.get(self._begin_step().uniform((1,), np.float64))[0])

    def extend(self, values: Values, rows: np.ndarray) -> None:
        """Add a version above all others, whose chains start at some of the states of the one below."""
        xp = self.device.xp
        self.values = {name: xp.concatenate([array, values[name][None]]) for name, array in self.values.items()}
        self.states = xp.concatenate([self.states, self.states[-1:].take(self.device.put(rows), axis=1)])
        self._origin = np.concatenate([self._origin, np.zeros((1, self.columns), bool)])

    def become(self, values: Values) -> None:
        """Give the highest version other parameters; its chains stay where they are."""
        for name, array in values.items():
            self.values[name][-1] = array

    def drop(self) -> None:
        """Take the highest version away."""
        self.values = {name: array[:-1].copy() for name, array in self.values.items()}
        self.states, self._origin = self.states[:-1].copy(), self._origin[:-1]

    def run(self, sweeps: int, directions: Array = None, highest: int | None = None) -> Exchanges:
        """So many sweeps: a Gibbs step of all chains and exchanges of even pairs, another and those of odd pairs.

        Args:
            sweeps: how many.
            directions: (visible, q), along which states of the two highest versions are measured; none by default.
            highest: how many versions, counted from above; all by default.  Those below keep their states.
        """
        versions, columns = min(len(self), highest or len(self)), self.columns
        lowest = len(self) - versions
        width = 0 if directions is None else directions.shape[1]
        lower, upper = (np.empty((versions - 1, sweeps, columns)) for _ in range(2))
        energy, places = np.empty((sweeps, columns)), np.zeros((2, sweeps, columns, width))
        machine, get = self._placed(lowest), self.device.get
        hidden_input = machine.hidden_input(self.states[lowest:], self._begin_step()).copy()
        for sweep in range(sweeps):
            for parity in (0, 1):
                ctx = self._begin_step()
                h = machine.hidden.sample(hidden_input, ctx)
                v = machine.visible.sample(machine.visible_input(h, ctx), ctx)
                first = np.arange(parity, versions - 1, 2)
                partner = np.arange(versions)
                partner[first], partner[first + 1] = first + 1, first
                other = v[self.device.put(partner)]
                inputs, others = machine.hidden_input(v, ctx), machine.hidden_input(other, ctx)
                own = get(machine.free_energy_from(v, inputs, ctx)).astype(np.float64)
                cross = get(machine.free_energy_from(other, others, ctx)).astype(np.float64)
                lower[first, sweep] = own[first] - cross[first + 1]
                upper[first, sweep] = cross[first] - own[first + 1]
                if versions > 1 and parity == versions % 2:  # the pair of the highest versions
                    energy[sweep] = own[-1]
                    if width:
                        places[:, sweep] = get(v[-2:] @ directions)
                chance = get(ctx.uniform((versions, columns), np.float64))[first]
                swap = np.zeros((versions, columns), bool)
                swap[first] = swap[first + 1] = np.log(chance) < lower[first, sweep] - upper[first, sweep]
                self._exchange(lowest, swap, partner, (v, other), (inputs, others))
                hidden_input[...] = inputs
        self.gibbs_steps += 2.0 * sweeps * versions * columns
        return Exchanges(lower, upper, energy, places)

    def _exchange(
        self,
        lowest: int,
        swap: np.ndarray,
        partner: np.ndarray,
        states: tuple[Array, Array],
        inputs: tuple[Array, Array],
    ) -> None:
        """Put the states of partners in the places of those that change, in place, and their inputs likewise."""
        xp, chosen = self.device.xp, self.device.put(swap)[..., None]
        xp.copyto(inputs[0], inputs[1], where=chosen)
        self.states[lowest:] = xp.where(chosen, states[1], states[0])
        origin = self._origin[lowest:]
        origin[...] = np.where(swap, origin[partner], origin)
        if not lowest:
            origin[0] = True
        self.arrivals += origin[-1]
        origin[-1] = False

    def _placed(self, lowest: int = 0) -> RBM:
        place(self.machine, {name: array[lowest:] for name, array in self.values.items()})
        return self.machine

    def _begin_step(self) -> Context:
        ctx = self.context
        self.clock += 1
        ctx.arena.rewind()
        assert ctx.streams is not None
        ctx.streams.rewind()
        return ctx
