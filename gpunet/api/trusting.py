"""Whether to trust the samples of machines, from Python."""

import zlib
from typing import Any

import numpy as np

from ..errors import ConfigError, DataError
from ..inspection.equilibrium import Equilibrium, equilibrium
from ..inspection.sampling import Sampler
from ..inspection.tempering import states_of_trajectory
from ..inspection.trust import Trust, trust
from ..persistence import TrainedStack
from .evaluation import evaluation_data
from .results import Result
from .sampling import check_count
from .weighing import counting

MOST_ENERGIES = 2000  # rows of each kind


class Judged(Result):
    """What machines say about their samples; a base of :class:`gpunet.api.Machine`."""

    _held: TrainedStack

    def trust(
        self,
        samples: Any = None,
        *,
        train: Any = None,
        held_out: Any = None,
        n: int = 1000,
        steps: int = 1000,
        seed: int = 0,
        trajectory: bool = False,
    ) -> Trust:
        """Compare samples with the data: memorised, complete, told apart, correlations and energies.

        Values between 0 and 1 that stand for the probability of a bit become bits, the same for rows that are alike.

        Args:
            samples: as the data are, (samples, *input_shape); states of new chains by default.
            train: rows that were learned from; the training part by default.
            held_out: rows that were not; the validation and test parts by default.
            n: how many new chains.
            steps: Gibbs steps of each.
            seed: of the chains.
            trajectory: let them exchange states with earlier versions, see :meth:`gpunet.api.Machine.sample`.

        Raises:
            DataError: no held-out rows, or data that are not there.
            ConfigError: a population.

        >>> import gpunet, numpy as np
        >>> draw = np.random.default_rng(0)
        >>> x = (draw.random((600, 16)) < draw.choice([0.2, 0.8], (600, 1))).astype(np.uint8)
        >>> rbm = gpunet.train("rbm", x[:300], hidden=4, epochs=3, validation=0)
        >>> rbm.trust(x[:300], train=x[:300], held_out=x[300:]).verdicts[0].name
        'memorised'
        """
        self._one("Machine.trust")
        rows, classes = self._data(train, held_out)
        with self.device.activate():
            if samples is None:
                found = self._drawn(n, steps, seed, trajectory)
            else:
                found = self._as_states(self._features(samples, "samples"))
            return trust(found, rows["train"], rows["held_out"], *classes, self._energies(rows | {"samples": found}))

    def equilibrium(self, x: Any = None, *, steps: int = 1000, chains: int = 200, seed: int = 0) -> Equilibrium:
        """Run chains from data and from noise: how long they remember, whether they meet, and what they pass by.

        Args:
            x: rows of the data, as in training; the training part by default.
            steps: Gibbs steps.
            chains: from each start.
            seed: of the chains.

        Raises:
            ConfigError: a stack, a population, or fewer than 20 steps.
            DataError: data that are not there.

        >>> import gpunet, numpy as np
        >>> x = (np.random.default_rng(0).random((300, 8)) < 0.3).astype(np.uint8)
        >>> gpunet.train("rbm", x, hidden=4, epochs=3, validation=0).equilibrium(x, steps=100).mixing < 50
        True
        """
        self._one("Machine.equilibrium")
        check_count("steps", steps, 20)
        check_count("chains", chains, 10)
        if not self._held.dbn.single:
            received = f"{self._held.dbn.depth} layers"
            raise ConfigError("equilibrium", "needs a single machine", received, "Look at one layer")
        rows = self._as_states(self._features(x)) if x is not None else self._part("train")[0]
        with self.device.activate():
            return equilibrium(self._held, rows, steps, chains, seed)

    def _one(self, what: str) -> None:
        """Refuse a population, for a method by its name or by that of its class as well."""
        if self.parameters.members:
            remedy = f"Use rbm.members[0].{what.rpartition('.')[2]}(...)"
            raise ConfigError(what, "needs one machine", f"a population of {len(self.seeds)}", remedy)

    def _data(self, train: Any, held_out: Any) -> tuple[dict[str, np.ndarray], tuple[Any, Any]]:
        """Rows of both kinds, and the class of each training row with the names of classes, where they are known."""
        classes: tuple[Any, Any] = (None, ())
        if train is None:
            learned, classes = self._part("train")
        else:
            learned = self._as_states(self._features(train, "train"))
        if held_out is not None:
            rest = self._as_states(self._features(held_out, "held_out"))
        else:
            parts = []
            for part in ("validation", "test"):
                try:
                    parts.append(self._part(part)[0])
                except DataError as error:
                    if "part" not in error.rule:
                        raise
            if not parts:
                rule, remedy = "must have rows that were held out of training", "Pass held_out"
                raise DataError(self.description.name, rule, "a training part alone", remedy)
            rest = np.concatenate(parts)
        return {"train": learned, "held_out": rest}, classes

    def _part(self, part: str) -> tuple[np.ndarray, tuple[Any, Any]]:
        dataset, chosen = evaluation_data(self._held, None, part)
        chosen = counting(dataset, chosen)
        known = (dataset.y[chosen], dataset.classes) if dataset.classes and dataset.y.ndim == 1 else (None, ())
        return self._as_states(dataset.x[chosen]), known

    def _as_states(self, features: np.ndarray) -> np.ndarray:
        """Prepared rows; probabilities of bits become bits, by random numbers that follow from the row itself."""
        v = self._held.preprocessing.on_host(features.reshape(len(features), -1), np.float32)
        if not self._held.dbn.visible.bits:
            return v
        between = np.flatnonzero(((v > 0) & (v < 1)).any(axis=1))
        for row in between:
            generator = np.random.default_rng(zlib.crc32(v[row].tobytes()))
            v[row] = generator.random(v.shape[1]) < v[row]
        return v

    def _drawn(self, n: int, steps: int, seed: int, trajectory: bool) -> np.ndarray:
        """States of new chains, prepared, (n, features)."""
        check_count("n", n, 10)
        check_count("steps", steps)
        held = self._held
        sampler = Sampler(held.dbn, held.parameters, n, seed)
        if trajectory:
            sampler.states[...] = states_of_trajectory(held, n, steps, seed)
        else:
            sampler.run(steps)
        return self.device.get(sampler.drawn()).reshape(n, -1)

    def _energies(self, rows: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        """Free energies of some rows of each kind under a single machine."""
        machine = self._held.dbn.top
        if not self._held.dbn.single:
            return {}
        found = {}
        for name, values in rows.items():
            v = self.device.put(values[:MOST_ENERGIES], self.parameters.dtype)
            found[name] = self.device.get(machine.free_energy(v, self._context())).astype(np.float64)
        return found

    def _context(self) -> Any:
        raise NotImplementedError
