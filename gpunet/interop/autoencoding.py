"""Autoencoders as transformers."""

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
from sklearn.base import ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.utils.validation import check_is_fitted

from ..api import Autoencoder
from ..errors import ConfigError
from .base import is_wide, prepared_for, widths_of
from .perceptron import ACTIVATIONS, Perceptron


class AutoencoderTransformer(ClassNamePrefixFeaturesOutMixin, TransformerMixin, Perceptron):
    """An autoencoder whose code is what features become.

    Args:
        n_components: width of the code.
        hidden_layer_sizes: width of each hidden layer of the encoder; the decoder is its mirror image.
        activation: of the hidden layers: ``identity``, ``logistic``, ``tanh``, ``relu``, or any other of gpunet.
        code_activation: of the code.
        loss: between features and what comes back: ``squared_error``, ``binary_cross_entropy`` for features between 0
            and 1, or any other of gpunet for numbers.
        preprocess: what is done to features first; ``standardise`` suits the squared error, ``none`` and ``min_max``
            the cross-entropy.
        solver: ``adam``, ``sgd``, the name of any other rule of gpunet, or a rule of :mod:`gpunet.optimizers`.
        alpha: strength of the L2 penalty; that of a step is divided by the samples of the step.
        batch_size: samples of a step; ``auto`` is 200, or all where there are fewer.
        learning_rate_init: size of a step; a number or a schedule of :mod:`gpunet.schedules`.
        max_iter: epochs, at most.
        random_state: a whole number is the seed, with which a training repeats bit for bit.
        tol: improvements of the loss that are not larger do not count.
        verbose: print the numbers of each epoch.
        warm_start: go on from the last fit instead of anew.
        momentum: of ``sgd``.
        nesterovs_momentum: whether that is Nesterov's.
        early_stopping: hold out a part, end where its loss no longer improves, and keep the best epoch.
        validation_fraction: that part.
        beta_1: of ``adam``: what remains of the mean gradient at each step.
        beta_2: of ``adam``: what remains of its mean square.
        epsilon: of ``adam``: added where it divides.
        n_iter_no_change: epochs without improvement that are allowed.
        device: ``auto``, ``cpu`` or ``cuda[:N]``.
        settings: values for any other key of gpunet's configuration; they have the last word.

    Attributes:
        model_: the trained :class:`gpunet.api.Autoencoder`.
        n_features_in_: how many features there are.
        feature_names_in_: their names, where a data frame had some.
        n_iter_: epochs that were trained.
        loss_curve_: mean training loss of each epoch.

    >>> from sklearn.datasets import load_iris
    >>> from gpunet.sklearn import AutoencoderTransformer
    >>> X, _ = load_iris(return_X_y=True)
    >>> coder = AutoencoderTransformer(2, hidden_layer_sizes=(16,), learning_rate_init=0.01, max_iter=100, tol=0.01)
    >>> coder.set_params(random_state=0).fit(X).transform(X).shape, coder.score(X) > 0.9
    ((150, 2), True)
    """

    keys: ClassVar[Mapping[str, str]] = {
        **Perceptron.keys,
        "model.code": "n_components",
        "model.code_activation": "code_activation",
        "data.preprocess": "preprocess",
    }
    task: ClassVar[str] = "auto"

    model_: Autoencoder

    def __init__(
        self,
        n_components: int = 10,
        *,
        hidden_layer_sizes: Any = (128,),
        activation: str = "relu",
        code_activation: str = "identity",
        loss: Any = "squared_error",
        preprocess: Any = "standardise",
        solver: Any = "adam",
        alpha: float = 0.0001,
        batch_size: Any = "auto",
        learning_rate_init: Any = 0.001,
        max_iter: int = 200,
        random_state: Any = None,
        tol: float = 1e-4,
        verbose: bool = False,
        warm_start: bool = False,
        momentum: float = 0.9,
        nesterovs_momentum: bool = True,
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-8,
        n_iter_no_change: int = 10,
        device: str = "auto",
        settings: Any = None,
    ):
        self.n_components, self.hidden_layer_sizes = n_components, hidden_layer_sizes
        self.activation, self.code_activation, self.loss = activation, code_activation, loss
        self.preprocess, self.solver, self.alpha = preprocess, solver, alpha
        self.batch_size, self.learning_rate_init, self.max_iter = batch_size, learning_rate_init, max_iter
        self.random_state, self.tol, self.verbose, self.warm_start = random_state, tol, verbose, warm_start
        self.momentum, self.nesterovs_momentum = momentum, nesterovs_momentum
        self.early_stopping, self.validation_fraction = early_stopping, validation_fraction
        self.beta_1, self.beta_2, self.epsilon, self.n_iter_no_change = beta_1, beta_2, epsilon, n_iter_no_change
        self.device, self.settings = device, settings

    def fit(self, X: Any, y: Any = None, sample_weight: Any = None) -> "AutoencoderTransformer":  # noqa: N803
        """Train anew, or with ``warm_start`` from where training stood.

        Args:
            X: features, (samples, features).
            y: ignored.
            sample_weight: how much each sample counts, (samples,), from 0.

        Returns:
            The estimator.

        Raises:
            ValueError: features or parameters that are unfit.
            DivergedError: a loss or gradient left the finite numbers; lower the learning rate.
        """
        x = self._validated(X, reset=True, least=2)
        self._learn(x, None, self._weights(sample_weight, x))
        return self

    def partial_fit(self, X: Any, y: Any = None, sample_weight: Any = None) -> "AutoencoderTransformer":  # noqa: N803
        """One epoch on some samples, from where training stood; features are prepared as at first.

        Args:
            X: features.
            y: ignored.
            sample_weight: how much each sample counts.

        Returns:
            The estimator.

        Raises:
            ValueError: features or parameters that are unfit.
        """
        if self.early_stopping:
            rule = "must be False for partial_fit, which holds nothing out"
            raise ConfigError(self._called("early_stopping"), rule, True, "Set early_stopping=False, or use fit")
        x = self._validated(X, reset=not hasattr(self, "model_"))
        self._learn(x, None, self._weights(sample_weight, x), partial=True)
        return self

    def transform(self, X: Any) -> np.ndarray:  # noqa: N803
        """The codes of samples, (samples, components), of the type of ``X``.

        Raises:
            ValueError: features that are unfit, or other ones than in training.
        """
        check_is_fitted(self)
        valid = self._validated(X)
        found = self.model_.encode_on(prepared_for(self.model_, valid), precise=is_wide(valid))
        return np.asarray(found, valid.dtype)

    def inverse_transform(self, X: Any) -> np.ndarray:  # noqa: N803
        """What codes stand for, in the units of the features, (samples, features).

        Args:
            X: codes, (samples, components), as :meth:`transform` gives them.

        Raises:
            ValueError: codes of another width.
        """
        check_is_fitted(self)
        return np.asarray(self.model_.decode(X))

    def score(self, X: Any, y: Any = None) -> float:  # noqa: N803
        """Share of the variance of the features that comes back, in (-infinity, 1].

        Raises:
            ValueError: features that are unfit, or other ones than in training.
        """
        x = self._validated(X)
        back = self.inverse_transform(self.transform(X))
        spread = float(((x - x.mean(axis=0)) ** 2).sum())
        return 1 - float(((x - back) ** 2).sum()) / spread if spread else 0.0

    @property
    def _n_features_out(self) -> int:
        return self.n_components

    def _configuration(
        self, x: np.ndarray, weights: np.ndarray | None, stopping: bool, several: bool
    ) -> dict[str, dict[str, Any]]:
        config = super()._configuration(x, weights, stopping, several)
        counts = weights is not None and isinstance(self.preprocess, str) and self.preprocess == "standardise"
        config["data"]["preprocess"] = {"name": "standardise", "weighted": True} if counts else self.preprocess
        config["model"] = {
            "name": "autoencoder", "code": self.n_components,
            "hidden": widths_of(self.hidden_layer_sizes, self._called("hidden_layer_sizes")),
            "activation": ACTIVATIONS.get(self.activation, self.activation),
            "code_activation": ACTIVATIONS.get(self.code_activation, self.code_activation),
        }  # fmt: skip
        return {**config, "loss": self.loss}

    def __sklearn_tags__(self) -> Any:
        """Numbers of either precision stay so."""
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags
