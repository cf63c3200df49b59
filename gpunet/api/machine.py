"""Restricted Boltzmann machines and stacks of them."""

from functools import cached_property
from typing import Any

import numpy as np

from ..backend import Arena, Context
from ..checkpoint import in_memory
from ..errors import ConfigError, DataError
from ..inspection.likelihood import Annealing, is_bound, is_easy, normaliser, over_samples, scores, states
from ..inspection.tempering import normaliser_of_trajectory
from ..persistence import Trained, TrainedStack, held_in, stack_of
from ..rbm import Couplings, LogZ, exact_log_z, inverse_temperature, pseudo_log_likelihood
from ..rbm.temperature import InverseTemperature
from .chains import Chains
from .gauge import in_zero_sum_gauge
from .log_likelihood import LogLikelihood
from .members import single
from .results import given
from .samples import weights_of
from .sampling import check_count, hidden_states, sampled, sampled_along
from .trusting import Judged

BLOCK = 1000  # samples whose bits are flipped at once


class Machine(Judged):
    """A trained restricted Boltzmann machine, a stack of them (a deep belief network), or a deep Boltzmann machine.

    >>> import gpunet, numpy as np
    >>> bits = (np.random.default_rng(0).random((200, 8)) < 0.3).astype(np.uint8)
    >>> rbm = gpunet.train("rbm", bits, hidden=4, epochs=3)
    >>> rbm.encode(bits[:5]).shape, rbm.sample(3, steps=10).shape, rbm.log_likelihood(bits).method
    ((5, 4), (3, 8), 'exact')

    Energies are numbers of NumPy, in nats; of CuPy with ``as_numpy=False`` on a GPU.  Free energies sum the hidden
    states out of energies, and the normaliser turns either into probabilities:

    >>> v = rbm.sampler(2000, seed=0).step(100)
    >>> h = (rbm.encode(v) > 0.5).astype(float)
    >>> rbm.energy(v, h).shape, bool((rbm.free_energy(v) <= rbm.energy(v, h)).all())
    ((2000,), True)
    >>> p = np.exp(-rbm.free_energy(v) - float(rbm.log_z().value[0]))
    >>> bool((p > 0).all() and (p < 1).all())
    True
    """

    _held: TrainedStack

    def encode(self, x: Any, *, layers: int | None = None, as_numpy: bool = True) -> Any:
        """Expected states of the hidden units of the top layer, (samples, hidden).

        Args:
            x: samples as in training.
            layers: how many layers upwards; all by default.
            as_numpy: False leaves the result on the device.

        Raises:
            ConfigError: a population, whose members have hidden units of their own.
            DataError: samples that the machine was not trained for.
        """
        if layers is not None:
            check_count("layers", layers)
            if layers > self._held.dbn.depth:
                rule, remedy = f"must be at most the {self._held.dbn.depth} there are", "Leave it out for all"
                raise ConfigError("layers", rule, layers, remedy)
        return self.encode_on(self._features(x), layers=layers, as_numpy=as_numpy)

    def encode_on(
        self, features: np.ndarray, *, layers: int | None = None, as_numpy: bool = True, precise: bool = False
    ) -> Any:
        """The same for samples of a data set.

        Args:
            features: (samples, *input_shape) on the host.
            layers: how many layers upwards; all by default.
            as_numpy: False leaves the result on the device.
            precise: compute in float64, where a state must not depend on the samples beside it by a rounding.
        """
        self._one("encode")
        held = self._precise if precise else self._held
        with self.device.activate():
            v, ctx = self._placed(features, held), self._context()
            return given(held.dbn.encode(v, ctx, layers).copy(), self.device, as_numpy)

    def decode(self, h: Any, *, as_numpy: bool = True) -> Any:
        """Expected samples for states of the top hidden units, in the units of the data: (samples, *input_shape)."""
        self._one("decode")
        device, states = self.device, hidden_states(h, self._held)
        with device.activate():
            hidden = device.put(states, self.parameters.dtype)
            return self._undone(self._held.dbn.decode(hidden, self._context()), as_numpy)

    def reconstruct(self, x: Any, *, as_numpy: bool = True) -> Any:
        """Expected samples after one way up and down, averaged over members: (samples, *input_shape)."""
        with self.device.activate():
            v, ctx, dbn = self._prepared(x), self._context(), self._held.dbn
            again = dbn.reconstruct(v, ctx)
            return self._undone(again.mean(axis=0) if self.parameters.members else again, as_numpy)

    def sample(
        self,
        n: int = 16,
        *,
        steps: int = 1000,
        seed: int = 0,
        start: Any = None,
        prepared: bool = False,
        trajectory: bool = False,
        clamp: Any = None,
    ) -> np.ndarray:
        """Means of the visible units after Gibbs steps of the top machine: ([members,] n, *input_shape).

        Of sequences they are letters that were drawn, as numbers: ``Sequences(drawn, m.description.alphabet)``.

        Args:
            n: how many chains.
            steps: Gibbs steps.
            seed: of the chains.
            start: samples to start at, repeated where they are fewer than n; the resting state by default.
            prepared: leave the means as the visible units have them, ([members,] n, features).
            trajectory: let chains exchange states with earlier versions of the machine: those that
                ``chains="trajectory"`` has frozen, or the snapshots of its run.
            clamp: features to hold, one sample for all chains or one for each: numbers, NaN where a feature is free;
                of sequences also texts, in which ``?`` is free.

        Raises:
            CheckpointError: a trajectory is wanted, and there are no versions, or those of another machine.
            ConfigError: versions too far apart, or a start or features to hold as well.
        """
        if trajectory:
            for name, too in (("start", start), ("clamp", clamp)):
                if too is not None:
                    raise ConfigError(name, "must be left out along a trajectory", "samples", "Leave it out")
            return sampled_along(self._held, n, steps, seed, prepared)
        begin, model = self._begin(n, start), self._held.dbn
        return sampled(model, self.parameters, self._held, n, steps, seed, begin, prepared=prepared, clamp=clamp)

    def sampler(self, n: int = 100, *, seed: int = 0, start: Any = None, clamp: Any = None) -> Chains:
        """Chains that are kept: ``chains.step(100)`` makes Gibbs steps and returns the states.

        Args:
            n: how many chains.
            seed: of the chains.
            start: samples to start at, repeated where they are fewer than n; the resting state by default.
            clamp: features to hold, as in :meth:`sample`.
        """
        return Chains(self._held, n, seed, self._begin(n, start), clamp)

    def energy(self, x: Any, h: Any = None, *, as_numpy: bool = True) -> Any:
        """``-log_base(v) - log_base(h) - b v - c h - v W h`` of each pair, ([members,] samples), in nats.

        Args:
            x: samples as in training.
            h: states of the hidden units, (samples, hidden); by default those expected for ``x``, which gives the
                expected energy where hidden units are Bernoulli or softmax.
            as_numpy: False leaves the result on the device.

        Raises:
            ConfigError: a stack, of which no energy is known.
            DataError: samples that the machine was not trained for, or states of another shape.
        """
        self._alone("energy")
        machine, ctx = self._held.dbn.top, self._context()
        with self.device.activate():
            v = self._prepared(x)
            if h is None:
                hidden = machine.encode(v, ctx)
            else:
                states = hidden_states(h, self._held)
                if len(states) != v.shape[-2]:
                    rule, got = f"must be as many states as the {v.shape[-2]:,} samples of x", f"{len(states):,}"
                    raise DataError("h", rule, got, "Pass one row for each sample")
                hidden = self.device.put(states, self.parameters.dtype)
            return given(machine.energy(v, hidden, ctx).copy(), self.device, as_numpy)

    def free_energy(self, x: Any, *, as_numpy: bool = True) -> Any:
        """Minus the logarithm of the unnormalised probability of each sample, ([members,] samples), in nats.

        Raises:
            ConfigError: a stack, whose free energy has no closed form.
        """
        self._alone("free_energy")
        with self.device.activate():
            v, ctx = self._prepared(x), self._context()
            return given(self._held.dbn.top.free_energy(v, ctx), self.device, as_numpy)

    def pseudo_likelihood(self, x: Any) -> np.ndarray:
        """The pseudo-log-likelihood of each sample, ([members,] samples), in nats: that of each bit given all others.

        All bits are flipped, one after the other, so the number has no noise, see
        :func:`gpunet.rbm.pseudo_log_likelihood`.

        Args:
            x: samples as in training, of zeros and ones.

        Raises:
            ConfigError: a stack, or visible units that are no bits.
        """
        return self.pseudo_likelihood_on(self._features(x))

    def pseudo_likelihood_on(self, features: np.ndarray) -> np.ndarray:
        """The same for samples of a data set, (samples, *input_shape) on the host."""
        self._alone("pseudo_likelihood")
        held, parts = self._precise, []
        with self.device.activate():
            for start in range(0, len(features), BLOCK):
                v = self._placed(features[start : start + BLOCK], held)
                parts.append(self.device.get(pseudo_log_likelihood(held.dbn.top, v, self._context())))
        return np.concatenate(parts, axis=-1)

    def log_likelihood(
        self,
        x: Any,
        *,
        weights: Any = None,
        runs: int = 100,
        steps: int = 1000,
        mixing: int = 300,
        binarise: bool = False,
        trajectory: bool = False,
    ) -> LogLikelihood:
        """Mean log-likelihood of samples with its bracket; exact where one side has at most 2^20 states.

        Of a stack it is a lower bound, as of a deep machine whose hidden layers have too many states to be summed.

        Args:
            x: samples as in training; values between 0 and 1 become bits, rounded or drawn.
            weights: how much each sample counts, (samples,), from 0: one of weight 2 counts as two.
            runs: annealing runs each way.
            steps: temperatures of each run.
            mixing: tempered Gibbs steps from data to the samples that annealing walks down from.
            binarise: draw bits with the values as probabilities instead of rounding.
            trajectory: find the normaliser along the machine's own training instead of by annealing, from the versions
                that ``chains="trajectory"`` has frozen or the snapshots of its run, see
                :mod:`gpunet.inspection.tempering`; ``runs`` are then the chains of each version, ``mixing`` the sweeps.

        Neal: Annealed importance sampling (2001); Salakhutdinov, Murray: On the quantitative analysis of deep belief
        networks (2008).
        """
        features = self._features(x)
        for name, number in (("runs", runs), ("steps", steps), ("mixing", mixing)):
            check_count(name, number)
        weight = None if weights is None else weights_of(weights, len(features))
        if weight is not None:
            features, weight = features[weight > 0], weight[weight > 0]
        with self.device.activate():
            precise = self._in_float64()
            self._check_bits(features)
            v = states(precise, features, binarise)
            device = self.device
            if trajectory:
                log_z = normaliser_of_trajectory(precise, runs, mixing)
            else:
                way = None if is_easy(precise) else Annealing.of(precise, device, steps)
                log_z = normaliser(precise, v, device, way, runs, mixing)
            unnormalised, bound = scores(precise, v, device)["unnormalised"], is_bound(precise, len(v))
        mean, spread = over_samples(unnormalised, weight)
        numbers: list[Any] = [mean - log_z.value, mean - log_z.high, mean - log_z.low, spread]
        value, low, high, error = numbers if self.parameters.members else (float(number[0]) for number in numbers)
        method = log_z.method if log_z.method in ("exact", "trajectory") else "bracket"
        return LogLikelihood(value, low, high, error, len(v), method, bound, log_z)

    def log_z(self) -> LogZ:
        """The exact logarithm of the normaliser of the top machine.

        Raises:
            ConfigError: both sides have more than 2^25 states; :meth:`log_likelihood` brackets it then.
        """
        with self.device.activate():
            precise = self._in_float64()
            return exact_log_z(precise.dbn.top, precise.parameters)

    def inverse_temperature(self, x: Any, h: Any = None) -> InverseTemperature:
        """The ``beta`` of the machine at which samples were drawn, such as those of an annealer, with its error.

        Args:
            x: samples, (samples, *input_shape); they are taken for independent.
            h: states of the hidden units that belong to them, (samples, hidden); summed out where they are not known.

        Raises:
            ConfigError: a stack, or without ``h`` visible units of more than two states.

        >>> import numpy as np
        >>> from gpunet.api.couplings import machine_of
        >>> from gpunet.rbm import Couplings
        >>> hot, cold = (
        ...     machine_of(Couplings(b * np.ones(4) * 0.1, b * np.zeros(3), b * np.full((4, 3), 0.3))) for b in (1, 2)
        ... )
        >>> 1.8 < hot.inverse_temperature(cold.sampler(3000).step(50)).value[0] < 2.2
        np.True_
        """
        self._alone("inverse_temperature")
        features = self._features(x)
        with self.device.activate():
            precise = self._in_float64()
            v = self._held.preprocessing.on_host(features.reshape(len(features), -1), np.float64)
            hidden = None if h is None else hidden_states(h, self._held)
            if hidden is not None and len(hidden) != len(v):
                rule, got = f"must be as many states as the {len(v):,} samples of x", f"{len(hidden):,}"
                raise DataError("h", rule, got, "Pass one row for each sample")
            return inverse_temperature(precise.dbn.top, precise.parameters, v, hidden)

    def couplings(self) -> Couplings:
        """Its fields and couplings as a model of spins, -1 and +1, with the same energies of all pairs of states.

        Raises:
            ConfigError: a stack, a population, or units that are neither bits nor spins.
        """
        self._alone("couplings")
        self._one("couplings")
        top = self._held.dbn.top
        weight, visible, hidden = (self.device.get(p.value) for p in (top.weight, top.visible_bias, top.hidden_bias))
        return Couplings.of(weight, visible, hidden, top.visible, top.hidden)

    def zero_sum(self) -> "Machine":
        """The same machine in the zero-sum gauge, with the same free energies, see :func:`gpunet.rbm.zero_sum`.

        Of a stack the lowest machine; the offsets that centre its gradient stay.

        Raises:
            ConfigError: visible units that are not softmax.

        >>> import gpunet, numpy as np
        >>> from gpunet.data import Sequences
        >>> family = Sequences.of(["ACGU", "AC-U", "GCGU", "GC-A"] * 10, "rna")
        >>> rbm = gpunet.train("rbm", family, hidden=3, epochs=2).zero_sum()
        >>> bool(np.abs(rbm.weights["weight"].reshape(4, 5, 3).sum(axis=1)).max() < 1e-6)
        True
        """
        with self.device.activate():
            held = held_in(in_memory(in_zero_sum_gauge(self._held)), self.device, self.config.families)
            assert isinstance(held, TrainedStack)
            return type(self)(held, self._unsavable, self.stopped, self.run)

    def score(self, x: Any, y: Any = None, *, weights: Any = None) -> float:
        """The mean log-likelihood in nats, see :meth:`log_likelihood`."""
        return float(self.log_likelihood(x, weights=weights))

    def _prepared(self, x: Any) -> Any:
        return self._placed(self._features(x))

    def _placed(self, features: np.ndarray, held: TrainedStack | None = None) -> Any:
        v = self._held.preprocessing.on_host(features.reshape(len(features), -1), self.parameters.dtype)
        return self.device.put(v, (held or self._held).parameters.dtype)

    def _check_bits(self, features: np.ndarray) -> None:
        """Refuse, for units that are bits, what is no bit and no probability of one."""
        if not self._held.dbn.visible.bits:
            return
        v = self._held.preprocessing.on_host(features.reshape(len(features), -1), self.parameters.dtype)
        if not 0 <= v.min() <= v.max() <= 1:
            rule, got = "must lie between 0 and 1 when prepared, as in training", f"{v.min():.4g} to {v.max():.4g}"
            raise DataError("x", rule, got, "Pass samples on the scale of the training")

    def _undone(self, v: Any, as_numpy: bool) -> Any:
        host = self._held.preprocessing.undo(self.device.get(v))
        shaped = host.reshape(*host.shape[:-1], *self.description.input_shape)
        return shaped if as_numpy else self.device.put(shaped)

    def _context(self) -> Context:
        return Context(False, Arena(self.device))

    def _begin(self, n: int, start: Any) -> Any:
        """Where chains start, ([members,] n, features) on the device, or None for the resting state."""
        check_count("n", n)
        if start is None:
            return None
        features = self._features(start, "start")
        chosen = features[np.arange(n) % len(features)].reshape(n, -1)
        v = self._held.preprocessing.on_host(chosen, self.parameters.dtype)
        each = np.broadcast_to(v, (*self.parameters.members, *v.shape))
        with self.device.activate():
            return self.device.put(each, self.parameters.dtype)

    def _alone(self, what: str) -> None:
        """Refuse a stack, of which only a bound is known."""
        if not self._held.dbn.single:
            remedy = "Use log_likelihood, which gives a lower bound"
            raise ConfigError(what, "needs a single machine", f"{self._held.dbn.depth} layers", remedy)

    @cached_property
    def _precise(self) -> TrainedStack:
        """The same machines in float64."""
        with self.device.activate():
            return self._in_float64()

    def _in_float64(self) -> TrainedStack:
        held = self._held
        return stack_of(Trained(held.checkpoint, held.config, held.description, held.preprocessing), self.device)

    def _member(self, number: int) -> "Machine":
        held = self._held
        with self.device.activate():
            return type(self)(single(held, number), self._unsavable, self.stopped, self.run)
