"""The Bernoulli machine by scikit-learn's names, so that a pipeline swaps one import."""

import warnings
from collections.abc import Mapping
from numbers import Integral
from typing import Any, ClassVar

import numpy as np
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted

from ..api import Machine
from .base import prepared_for, seed_of
from .machines import Encoding


class BernoulliRBM(Encoding):
    """A restricted Boltzmann machine of zeros and ones, as scikit-learn's ``BernoulliRBM``.

    Parameters, attributes and methods have scikit-learn's names and meanings: stochastic maximum likelihood with
    persistent chains, one for each sample of a batch.  What differs: :meth:`score_samples` flips every bit instead of
    one drawn at random, so it always gives the same number; visible biases begin at the data's log-odds; and the
    gradient is centred.  Where features lie outside of 0 to 1, which no probability of a bit can, all are scaled by
    their ranges in the first samples, with a warning.

    Args:
        n_components: number of hidden units.
        learning_rate: size of a step.
        batch_size: samples of a step, and chains.
        n_iter: epochs.
        verbose: print the numbers of each epoch.
        random_state: a whole number is the seed, with which a training repeats bit for bit.
        device: ``auto``, ``cpu`` or ``cuda[:N]``.
        settings: values for any key of gpunet's configuration; they have the last word.

    Attributes:
        components_: the weights, (components, features).
        intercept_hidden_: biases of the hidden units, (components,).
        intercept_visible_: biases of the visible units, (features,).
        h_samples_: hidden states of the chains, (batch_size, components).
        n_features_in_: how many features there are.
        feature_names_in_: their names, where a data frame had some.
        model_: the trained :class:`gpunet.api.Machine`.

    >>> import numpy as np
    >>> from gpunet.sklearn import BernoulliRBM
    >>> X = np.array([[0, 0, 0], [0, 1, 1], [1, 0, 1], [1, 1, 1]])
    >>> machine = BernoulliRBM(n_components=2, random_state=0).fit(X)
    >>> machine.components_.shape, machine.transform(X).shape
    ((2, 3), (4, 2))
    >>> bool((machine.score_samples(X) == machine.score_samples(X)).all())
    True
    """

    keys: ClassVar[Mapping[str, str]] = {
        "seed": "random_state",
        "model.hidden": "n_components",
        "model.chains": "batch_size",
        "optimizer": "learning_rate",
        "optimizer.learning_rate": "learning_rate",
        "training.epochs": "n_iter",
        "training.batch_size": "batch_size",
    }

    model_: Machine

    def __init__(
        self,
        n_components: int = 256,
        *,
        learning_rate: float = 0.1,
        batch_size: int = 10,
        n_iter: int = 10,
        verbose: Any = 0,
        random_state: Any = None,
        device: str = "auto",
        settings: Any = None,
    ):
        self.n_components, self.learning_rate, self.batch_size = n_components, learning_rate, batch_size
        self.n_iter, self.verbose, self.random_state = n_iter, verbose, random_state
        self.device, self.settings = device, settings

    def fit(self, X: Any, y: Any = None) -> "BernoulliRBM":  # noqa: N803 - scikit-learn's name
        """Train anew.

        Args:
            X: features between 0 and 1, (samples, features).
            y: ignored.

        Returns:
            The estimator.

        Raises:
            ValueError: features or parameters that are unfit.
        """
        x = self._probabilities(self._validated(X, reset=True, least=2), first=True)
        size = self.batch_size
        batch = min(int(size), len(x)) if isinstance(size, Integral) else size
        self._go(x, batch, self.n_iter, None)
        return self

    def partial_fit(self, X: Any, y: Any = None) -> "BernoulliRBM":  # noqa: N803
        """One step on samples, which are one batch, from where training stood.

        Args:
            X: features between 0 and 1.
            y: ignored.

        Returns:
            The estimator.

        Raises:
            ValueError: features or parameters that are unfit.
        """
        start = getattr(self, "model_", None)
        x = self._probabilities(self._validated(X, reset=start is None), first=start is None)
        self._go(x, len(x), 1, start)
        return self

    def gibbs(self, v: Any) -> np.ndarray:
        """Visible states after one Gibbs step, bool (samples, features).

        Args:
            v: visible states to begin at.

        Raises:
            ValueError: states that are unfit.
        """
        check_is_fitted(self)
        rng = self._generator()
        hidden = self.model_.encode_on(self._seen(self._validated(v)))
        drawn = (rng.uniform(size=hidden.shape) < hidden).astype(hidden.dtype)
        mean = self.model_.decode(drawn)
        return rng.uniform(size=mean.shape) < mean

    def score_samples(self, X: Any) -> np.ndarray:  # noqa: N803
        """The pseudo-log-likelihood of each sample over all bits, (samples,), in nats: always the same number.

        Args:
            X: zeros and ones, (samples, features).

        Raises:
            ValueError: features that are unfit, or other ones than in training.
        """
        check_is_fitted(self)
        return self.model_.pseudo_likelihood_on(self._seen(self._validated(X)))

    @property
    def components_(self) -> np.ndarray:
        """The weights, (components, features), a copy."""
        return self.model_.weights["weight"].T

    @property
    def intercept_hidden_(self) -> np.ndarray:
        """Biases of the hidden units, (components,), a copy."""
        return self.model_.weights["hidden_bias"]

    @property
    def intercept_visible_(self) -> np.ndarray:
        """Biases of the visible units, (features,), a copy."""
        return self.model_.weights["visible_bias"]

    @property
    def _width(self) -> int:
        return self.n_components

    def _go(self, x: np.ndarray, batch: Any, epochs: Any, start: Machine | None) -> None:
        """Train with as many chains as there were at first."""
        config = {
            "data": {"validation": 0, "test": 0, "preprocess": "none"},
            "model": {"name": "rbm", "hidden": self.n_components, "chains": self.batch_size, "binarise": False},
            "optimizer": {"name": "sgd", "learning_rate": self.learning_rate},
            "training": {"epochs": epochs, "batch_size": batch, "drop_last": False},
        }
        self.model_ = self._train(config, x, start=start, incremental=True)
        states: Any = self.model_.checkpoint.array("loop/chains/states").data
        mean = self.model_.encode_on(np.asarray(states))
        rng = np.random.default_rng(self.model_.seeds[0])
        self.h_samples_ = (rng.random(mean.shape) < mean).astype(x.dtype)

    def _seen(self, x: np.ndarray) -> np.ndarray:
        return prepared_for(self.model_, self._scaled(x))

    def _probabilities(self, x: np.ndarray, first: bool) -> np.ndarray:
        """Features to learn from, between 0 and 1."""
        low, high = float(x.min()), float(x.max())
        outside = not 0 <= low <= high <= 1
        if first:
            self._ranges = (x.min(axis=0), x.max(axis=0)) if outside else None
        if first and outside:
            what = f"X: should lie between 0 and 1 for {type(self).__name__}, got {low:.4g} to {high:.4g}"
            remedy = "Put a MinMaxScaler before it, or take RBMTransformer(visible_units='gaussian')."
            warnings.warn(f"{what}: each feature is scaled by its range here. {remedy}", stacklevel=3)
        return self._scaled(x).clip(0, 1)

    def _scaled(self, x: np.ndarray) -> np.ndarray:
        """Features on the scale of the first samples."""
        if self._ranges is None:
            return x
        low, high = self._ranges
        return ((x - low) / np.where(high > low, high - low, 1)).astype(x.dtype)

    def _generator(self) -> np.random.RandomState:
        """The random numbers of Gibbs steps, which go on from step to step."""
        if not hasattr(self, "random_state_"):
            self.random_state_ = check_random_state(seed_of(self.random_state))
        return self.random_state_
