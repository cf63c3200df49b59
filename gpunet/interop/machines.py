"""Boltzmann machines as transformers: what they share, and the one of every unit pair and learner."""

from collections.abc import Mapping
from numbers import Integral
from typing import Any, ClassVar

import numpy as np
from sklearn.base import ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted

from ..api import Machine
from ..api.configuring import configured, plain
from ..errors import DataError
from .base import Estimator, is_wide, prepared_for


class Encoding(ClassNamePrefixFeaturesOutMixin, TransformerMixin, Estimator):
    """Base of the transformers: features become the states or codes of a trained model."""

    model_: Any

    def transform(self, X: Any) -> np.ndarray:  # noqa: N803 - scikit-learn's name
        """Expected states of the hidden units at the top, or codes, (samples, components), of the type of ``X``.

        Raises:
            ValueError: features that are unfit, or other ones than in training.
        """
        check_is_fitted(self)
        valid = self._validated(X)
        found = self.model_.encode_on(self._seen(valid), precise=is_wide(valid))
        return np.asarray(found, valid.dtype)

    def _seen(self, x: np.ndarray) -> np.ndarray:
        """Validated features as the model takes them."""
        return prepared_for(self.model_, x)

    @property
    def _n_features_out(self) -> int:
        """How many numbers a sample becomes."""
        return self._width

    def __sklearn_tags__(self) -> Any:
        """Numbers of either precision stay so."""
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags


class Generative(Encoding):
    """Base of the transformers that are made of Boltzmann machines."""

    keys: ClassVar[Mapping[str, str]] = {
        "seed": "random_state",
        "model.hidden": "n_components",
        "model.visible_units": "visible_units",
        "model.hidden_units": "hidden_units",
        "model.top_units": "top_units",
        "model.k": "k",
        "model.chains": "chains",
        "model.method": "method",
        "model.corruption": "corruption",
        "model.sparsity": "sparsity",
        "optimizer": "learning_rate",
        "optimizer.learning_rate": "learning_rate",
        "optimizer.momentum": "momentum",
        "training.l2": "l2",
        "training.epochs": "n_iter",
        "training.batch_size": "batch_size",
        "data.preprocess": "preprocess",
    }

    model_: Machine

    def inverse_transform(self, X: Any) -> np.ndarray:  # noqa: N803
        """Expected samples for states of the hidden units at the top, in the units of the data, (samples, features).

        Args:
            X: states, (samples, components), as :meth:`transform` gives them.

        Raises:
            ValueError: states of another width.
        """
        check_is_fitted(self)
        return np.asarray(self.model_.decode(X))

    def _pretraining(self, x: np.ndarray, model: dict[str, Any], epochs: Any) -> dict[str, Any]:
        """A configuration without a part that is held out."""
        size = self.batch_size
        return {
            "data": {"validation": 0, "test": 0, "preprocess": self._preparation(x)},
            "model": model,
            "optimizer": {"name": "sgd", "learning_rate": self.learning_rate, "momentum": self.momentum},
            "training": {
                "epochs": epochs, "l2": self.l2, "drop_last": False,
                "batch_size": min(int(size), len(x)) if isinstance(size, Integral) else size,
            },
        }  # fmt: skip

    def _preparation(self, x: np.ndarray) -> Any:
        """What is done to features: what the visible units ask for, where nothing else is said."""
        if not (isinstance(self.preprocess, str) and self.preprocess == "auto"):
            return self.preprocess
        with self._naming():
            probing: Any = configured(
                plain({"model": {"name": "rbm", "visible_units": self.visible_units}}, ""), {}
            ).model
        if probing.wants_standardised:
            return "standardise"
        return "min_max" if probing.takes_probabilities and not ((x >= 0) & (x <= 1)).all() else "none"


def pairs_bits(estimator: Any) -> bool:
    """Whether each visible unit is 0 or 1, as pseudo-likelihoods need it."""
    units = getattr(estimator, "visible_units", "bernoulli")
    name = units if isinstance(units, str) else type(units).__name__.lower()
    return name == "bernoulli"


class RBMTransformer(Generative):
    """A restricted Boltzmann machine of any units, learned in any way, whose hidden states are features.

    Args:
        n_components: number of hidden units.
        visible_units: ``bernoulli`` for values of 0 to 1, ``gaussian`` for real numbers, ``binomial`` for counts,
            ``softmax`` for groups of which one is 1, ``noisy_relu`` for numbers from 0, ``spin`` for -1 and 1; or an
            object of :mod:`gpunet.rbm`, or a mapping with a name, such as ``{"name": "binomial", "trials": 5}``.
        hidden_units: likewise.
        method: ``contrastive_divergence``, whose model term comes from ``chains``; ``denoising``; or ``supervised``,
            which needs ``y``.
        k: Gibbs steps of an update, or a schedule.
        chains: where samples of the model come from: ``from_data``; a number of persistent chains; ``fast_persistent``,
            ``tempered``; or an object or mapping with settings.
        corruption: part of the features that ``denoising`` sets to 0.
        center: centre the gradient on the running means of both sides.
        sparsity: pulls the mean activity of hidden units to a target, such as ``{"name": "sparsity", "target": 0.05}``.
        learning_rate: size of a step, a number or a schedule.
        momentum: part of the last change that is repeated.
        l2: strength of the penalty on squared weights.
        batch_size: samples of a step; all where there are fewer.
        n_iter: epochs.
        preprocess: what is done to features first.  ``auto`` does what the visible units ask for: ``standardise`` for
            Gaussian ones, ``min_max`` for Bernoulli ones where values lie outside of 0 to 1, nothing for others.
        verbose: print the numbers of each epoch.
        random_state: a whole number is the seed, with which a training repeats bit for bit.
        device: ``auto``, ``cpu`` or ``cuda[:N]``.
        settings: values for any other key of gpunet's configuration; they have the last word.

    Attributes:
        model_: the trained :class:`gpunet.api.Machine`, which samples, has likelihoods and saves itself.
        components_: the weights, (components, features).
        n_features_in_: how many features there are.
        feature_names_in_: their names, where a data frame had some.

    >>> import numpy as np
    >>> from gpunet.sklearn import RBMTransformer
    >>> X = np.random.default_rng(0).normal(size=(200, 6))
    >>> machine = RBMTransformer(8, visible_units="gaussian", learning_rate=0.01, n_iter=3, random_state=0).fit(X)
    >>> machine.transform(X).shape, machine.inverse_transform(machine.transform(X)).shape
    ((200, 8), (200, 6))
    """

    def __init__(
        self,
        n_components: int = 256,
        *,
        visible_units: Any = "bernoulli",
        hidden_units: Any = "bernoulli",
        method: str = "contrastive_divergence",
        k: Any = 1,
        chains: Any = "from_data",
        corruption: float = 0.25,
        center: bool = True,
        sparsity: Any = None,
        learning_rate: Any = 0.05,
        momentum: Any = 0.5,
        l2: float = 0.0,
        batch_size: int = 50,
        n_iter: int = 20,
        preprocess: Any = "auto",
        verbose: bool = False,
        random_state: Any = None,
        device: str = "auto",
        settings: Any = None,
    ):
        self.n_components, self.visible_units, self.hidden_units = n_components, visible_units, hidden_units
        self.method, self.k, self.chains, self.corruption = method, k, chains, corruption
        self.center, self.sparsity, self.learning_rate, self.momentum = center, sparsity, learning_rate, momentum
        self.l2, self.batch_size, self.n_iter, self.preprocess = l2, batch_size, n_iter, preprocess
        self.verbose, self.random_state, self.device, self.settings = verbose, random_state, device, settings

    def fit(self, X: Any, y: Any = None, sample_weight: Any = None) -> "RBMTransformer":  # noqa: N803
        """Train anew.

        Args:
            X: features, (samples, features).
            y: classes, which the method ``supervised`` learns from; ignored by the others.
            sample_weight: how much each sample counts, (samples,), from 0.

        Returns:
            The estimator.

        Raises:
            ValueError: features or parameters that are unfit.
            DivergedError: a gradient left the finite numbers; lower the learning rate.
        """
        x = self._validated(X, reset=True, least=2)
        y = targets_for(self.method, y)
        config = self._pretraining(x, self._model(), self.n_iter)
        whole = self.method == "contrastive_divergence"
        self.model_ = self._train(config, x, y, weights=self._weights(sample_weight, x), incremental=whole)
        return self

    def partial_fit(self, X: Any, y: Any = None, sample_weight: Any = None) -> "RBMTransformer":  # noqa: N803
        """One epoch on some samples, from where training stood, with its chains; features are prepared as at first.

        Args:
            X: features.
            y: ignored.
            sample_weight: how much each sample counts.

        Returns:
            The estimator.

        Raises:
            ValueError: features or parameters that are unfit, or another method than contrastive divergence.
        """
        start = getattr(self, "model_", None)
        x = self._validated(X, reset=start is None)
        config = self._pretraining(x, self._model(), 1)
        if start is not None:
            config["data"]["preprocess"] = start.config.data.model_dump(mode="json")["preprocess"]
        weights = self._weights(sample_weight, x)
        self.model_ = self._train(config, x, weights=weights, start=start, incremental=True)
        return self

    @available_if(pairs_bits)
    def score_samples(self, X: Any) -> np.ndarray:  # noqa: N803
        """The pseudo-log-likelihood of each sample over all bits, (samples,), in nats: always the same number.

        There for Bernoulli visible units alone; ``model_.log_likelihood`` tells the likelihood itself for all.

        Raises:
            ValueError: features that are unfit, or other ones than in training.
        """
        check_is_fitted(self)
        return self.model_.pseudo_likelihood_on(self._seen(self._validated(X)))

    @property
    def components_(self) -> np.ndarray:
        """The weights, (components, features), a copy."""
        weights = self.model_.weights
        return next(weights[name] for name in weights if name.rpartition("/")[2] == "weight").T

    @property
    def _width(self) -> int:
        return self.n_components

    def _model(self) -> dict[str, Any]:
        """The section of the model: one machine, or a stack of one where it learns in another way."""
        shared = {"visible_units": self.visible_units, "hidden_units": self.hidden_units}
        if self.method == "contrastive_divergence":
            return {
                "name": "rbm", "hidden": self.n_components, "k": self.k, "chains": self.chains, "center": self.center,
                "sparsity": self.sparsity, **shared,
            }  # fmt: skip
        own = {"corruption": self.corruption} if self.method == "denoising" else {}
        return {"name": "dbn", "hidden": [self.n_components], "method": self.method, **own, **shared}


def targets_for(method: Any, y: Any) -> Any:
    """The classes that a way to learn needs, or None.

    Raises:
        DataError: none where they are needed.
    """
    if method != "supervised":
        return None
    if y is None:
        raise DataError("y", "must be given for method supervised", "none", "Pass classes, or another method")
    return y
