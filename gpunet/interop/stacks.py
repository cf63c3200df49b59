"""Deep belief networks as estimators: stacks of machines, and networks that start from them."""

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
from sklearn.base import clone

from ..api import Machine
from ..errors import ConfigError
from .base import widths_of
from .machines import Generative, targets_for
from .mlp import Classifying
from .perceptron import Perceptron


class DBNTransformer(Generative):
    """A deep belief network: machines trained one on top of the other, whose top hidden states are features.

    Args:
        hidden_layer_sizes: number of hidden units of each layer, from the data upwards.
        visible_units: ``bernoulli`` for values of 0 to 1, ``gaussian`` for real numbers, or any other of gpunet.
        hidden_units: of all hidden layers.
        top_units: of the last one; ``hidden_units`` by default.
        method: how each layer learns: ``contrastive_divergence``, ``denoising``, or ``supervised``, which needs ``y``.
        k: Gibbs steps of an update, or a schedule.
        chains: where samples of the model come from: ``from_data``, a number of persistent chains, or as for
            :class:`RBMTransformer`.
        corruption: part of the inputs that ``denoising`` sets to 0.
        learning_rate: size of a step, a number or a schedule.
        momentum: part of the last change that is repeated.
        l2: strength of the penalty on squared weights.
        batch_size: samples of a step; all where there are fewer.
        n_iter: epochs of each layer.
        preprocess: what is done to features first.  ``auto`` does what the visible units ask for: ``standardise`` for
            Gaussian ones, ``min_max`` for Bernoulli ones where values lie outside of 0 to 1, nothing for others.
        verbose: print the numbers of each epoch.
        random_state: a whole number is the seed, with which a training repeats bit for bit.
        device: ``auto``, ``cpu`` or ``cuda[:N]``.
        settings: values for any other key of gpunet's configuration; they have the last word.

    Attributes:
        model_: the trained :class:`gpunet.api.Machine`.
        n_features_in_: how many features there are.
        feature_names_in_: their names, where a data frame had some.

    >>> import numpy as np
    >>> from gpunet.sklearn import DBNTransformer
    >>> X = (np.random.default_rng(0).random((100, 8)) < 0.3).astype(float)
    >>> DBNTransformer((6, 3), n_iter=2, random_state=0).fit_transform(X).shape
    (100, 3)
    """

    keys: ClassVar[Mapping[str, str]] = {**Generative.keys, "model.hidden": "hidden_layer_sizes"}

    def __init__(
        self,
        hidden_layer_sizes: Any = (256, 256),
        *,
        visible_units: Any = "bernoulli",
        hidden_units: Any = "bernoulli",
        top_units: Any = None,
        method: str = "contrastive_divergence",
        k: Any = 1,
        chains: Any = "from_data",
        corruption: float = 0.25,
        learning_rate: Any = 0.1,
        momentum: Any = 0.5,
        l2: float = 0.0002,
        batch_size: int = 50,
        n_iter: int = 20,
        preprocess: Any = "auto",
        verbose: bool = False,
        random_state: Any = None,
        device: str = "auto",
        settings: Any = None,
    ):
        self.hidden_layer_sizes, self.visible_units, self.hidden_units = hidden_layer_sizes, visible_units, hidden_units
        self.top_units, self.method, self.k, self.chains = top_units, method, k, chains
        self.corruption, self.learning_rate, self.momentum, self.l2 = corruption, learning_rate, momentum, l2
        self.batch_size, self.n_iter, self.preprocess = batch_size, n_iter, preprocess
        self.verbose, self.random_state, self.device, self.settings = verbose, random_state, device, settings

    def fit(self, X: Any, y: Any = None, sample_weight: Any = None) -> "DBNTransformer":  # noqa: N803 - scikit-learn's
        """Train anew, layer by layer.

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
        config = self._pretraining(x, self._model(), self.n_iter)
        weights = self._weights(sample_weight, x)
        self.model_ = self._train(config, x, targets_for(self.method, y), weights=weights)
        return self

    @property
    def _width(self) -> int:
        return widths_of(self.hidden_layer_sizes, "hidden_layer_sizes")[-1]

    def _model(self) -> dict[str, Any]:
        widths = widths_of(self.hidden_layer_sizes, self._called("hidden_layer_sizes"))
        return {
            "name": "dbn", "hidden": widths, "visible_units": self.visible_units, "hidden_units": self.hidden_units,
            "top_units": self.top_units, "method": self.method, "k": self.k, "chains": self.chains,
            "corruption": self.corruption,
        }  # fmt: skip


class DBNClassifier(Classifying):
    """A network that predicts classes and starts from a deep belief network trained on the same features.

    Its layers are first trained as machines, one on top of the other, without labels; then an output layer is put on
    top and all is trained by backpropagation.  It pays where few samples have labels: pretrain a
    :class:`DBNTransformer` on all of them then, and pass it as ``pretrained``.

    Args:
        hidden_layer_sizes: width of each hidden layer.
        pretrained: a :class:`DBNTransformer` of these widths to start from, instead of one that is made here.  One that
            is not fitted is fitted to the same features first; scikit-learn's searches and cross-validation unfit it,
            unless it is a ``sklearn.frozen.FrozenEstimator`` of it, or its ``model_``.
        visible_units: ``bernoulli`` for values of 0 to 1, ``gaussian`` for real numbers, or any other of gpunet.
        pretraining: how each layer learns: ``contrastive_divergence`` or ``denoising``.
        pretraining_iter: epochs of each layer.
        pretraining_rate: size of a step while layers are trained as machines.
        pretraining_batch: samples of such a step.
        preprocess: what is done to features first, see :class:`DBNTransformer`.
        solver: ``sgd``, ``adam``, the name of any other rule of gpunet, or a rule of :mod:`gpunet.optimizers`.
        alpha: strength of the L2 penalty; that of a step is divided by the samples of the step.
        batch_size: samples of a step; ``auto`` is 200, or all where there are fewer.
        learning_rate_init: size of a step of backpropagation; a number or a schedule.
        max_iter: epochs of backpropagation, at most.
        random_state: a whole number is the seed, with which a training repeats bit for bit.
        tol: improvements of loss or score that are not larger do not count.
        verbose: print the numbers of each epoch.
        momentum: of ``sgd``.
        nesterovs_momentum: whether that is Nesterov's.
        early_stopping: hold out a part, end where its accuracy no longer improves, and keep the best epoch.
        validation_fraction: that part.
        beta_1: of ``adam``: what remains of the mean gradient at each step.
        beta_2: of ``adam``: what remains of its mean square.
        epsilon: of ``adam``: added where it divides.
        n_iter_no_change: epochs without improvement that are allowed.
        dropout: share of the hidden units that a step leaves out.
        device: ``auto``, ``cpu`` or ``cuda[:N]``.
        settings: values for any other key of gpunet's configuration of the backpropagation; they have the last word.

    Attributes:
        classes_: the labels, in the order of the probabilities.
        pretrained_: what it started from, fitted.
        model_: the trained :class:`gpunet.api.Network`.
        n_features_in_: how many features there are.
        feature_names_in_: their names, where a data frame had some.
        n_iter_: epochs of backpropagation.
        loss_curve_: mean training loss of each.

    >>> from sklearn.datasets import load_digits
    >>> from gpunet.sklearn import DBNClassifier
    >>> X, y = load_digits(return_X_y=True)
    >>> net = DBNClassifier((64,), pretraining_iter=3, max_iter=30, n_iter_no_change=30, random_state=0).fit(X / 16, y)
    >>> net.score(X / 16, y) > 0.9
    True
    """

    keys: ClassVar[Mapping[str, str]] = {
        **Perceptron.keys,
        "data.preprocess": "preprocess",
        "model.visible_units": "visible_units",
        "model.method": "pretraining",
    }

    def __init__(
        self,
        hidden_layer_sizes: Any = (256, 256),
        *,
        pretrained: Any = None,
        visible_units: Any = "bernoulli",
        pretraining: str = "contrastive_divergence",
        pretraining_iter: int = 20,
        pretraining_rate: Any = 0.1,
        pretraining_batch: int = 50,
        preprocess: Any = "auto",
        solver: Any = "sgd",
        alpha: float = 0.0001,
        batch_size: Any = 20,
        learning_rate_init: Any = 0.1,
        max_iter: int = 100,
        random_state: Any = None,
        tol: float = 1e-4,
        verbose: bool = False,
        momentum: float = 0.9,
        nesterovs_momentum: bool = False,
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-8,
        n_iter_no_change: int = 10,
        dropout: float = 0.0,
        device: str = "auto",
        settings: Any = None,
    ):
        self.hidden_layer_sizes, self.pretrained, self.visible_units = hidden_layer_sizes, pretrained, visible_units
        self.pretraining, self.pretraining_iter = pretraining, pretraining_iter
        self.pretraining_rate, self.pretraining_batch = pretraining_rate, pretraining_batch
        self.preprocess, self.solver, self.alpha, self.batch_size = preprocess, solver, alpha, batch_size
        self.learning_rate_init, self.max_iter, self.random_state = learning_rate_init, max_iter, random_state
        self.tol, self.verbose, self.momentum, self.nesterovs_momentum = tol, verbose, momentum, nesterovs_momentum
        self.early_stopping, self.validation_fraction = early_stopping, validation_fraction
        self.beta_1, self.beta_2, self.epsilon, self.n_iter_no_change = beta_1, beta_2, epsilon, n_iter_no_change
        self.dropout, self.device, self.settings = dropout, device, settings

    activation = "logistic"  # as the machines have it
    warm_start = False

    def _pretrained(self, x: np.ndarray, weights: np.ndarray | None, config: dict[str, Any]) -> Machine:
        """The machines to start from, whose preparation of the features is kept."""
        below: Any = self.pretrained
        if below is None:
            below = DBNTransformer(
                self.hidden_layer_sizes, visible_units=self.visible_units, method=self.pretraining,
                learning_rate=self.pretraining_rate, batch_size=self.pretraining_batch, n_iter=self.pretraining_iter,
                preprocess=self.preprocess, verbose=self.verbose, random_state=self.random_state, device=self.device,
            )  # fmt: skip
        if not isinstance(below, Machine) and not hasattr(below, "model_"):
            below = clone(below).fit(x, sample_weight=weights)
        self.pretrained_ = below
        machine: Machine = below if isinstance(below, Machine) else below.model_
        widths, wanted = config["model"]["hidden"], list(machine.config.model.hidden_widths)
        if widths != wanted:
            remedy = f"Set hidden_layer_sizes={tuple(wanted)}"
            raise ConfigError(self._called("hidden_layer_sizes"), "must be those of pretrained", tuple(widths), remedy)
        config["data"]["preprocess"] = machine.config.data.model_dump(mode="json")["preprocess"]
        return machine
