"""Multilayer perceptrons as estimators."""

from typing import Any, ClassVar

import numpy as np
from sklearn.base import ClassifierMixin, RegressorMixin
from sklearn.utils.multiclass import (
    _check_partial_fit_first_call,
    check_classification_targets,
    type_of_target,
    unique_labels,
)
from sklearn.utils.validation import check_is_fitted, column_or_1d, validate_data

from ..errors import ConfigError, DataError
from ..metrics import class_numbers
from .base import PRECISE
from .perceptron import Perceptron


class Classifying(ClassifierMixin, Perceptron):
    """What classifiers have in common.

    Attributes:
        classes_: the labels, in the order of the probabilities; numbers of the labels where a sample may have several.
    """

    classes_: np.ndarray

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Any:  # noqa: N803 - scikit-learn's name
        """Train anew, or with ``warm_start`` from where training stood.

        Args:
            X: features, (samples, features): an array, a data frame or nested lists of numbers.
            y: labels, (samples,): texts, whole numbers or truth values; or 0 and 1, (samples, labels), where a sample
                may have several.
            sample_weight: how much each sample counts, (samples,), from 0; all alike by default.

        Returns:
            The estimator.

        Raises:
            ValueError: features, labels or parameters that are unfit.
            DivergedError: a loss or gradient left the finite numbers; lower the learning rate.
        """
        x, labels, several = self._checked(X, y, reset=True)
        classes = np.arange(labels.shape[1]) if several else _classes(labels)
        if self.warm_start and hasattr(self, "model_") and not np.array_equal(classes, self.classes_):
            rule, received = "must hold the classes of before with warm_start", f"{classes} instead of {self.classes_}"
            raise DataError("y", rule, received, "Set warm_start=False, or pass all classes")
        if len(classes) < 2 and not several:
            received, remedy = (
                f"one class, {classes[0].item()!r}"
                if isinstance(classes[0], np.generic)
                else f"one class, {classes[0]!r}",
                "Add samples of another class",
            )
            raise DataError("y", "must hold at least two classes", received, remedy)
        self.classes_ = classes
        self._learn(x, labels, self._weights(sample_weight, x), None if several else classes, several=several)
        return self

    def predict(self, X: Any) -> np.ndarray:  # noqa: N803
        """The label of each sample, (samples,), or 0 and 1 for each label, (samples, labels).

        Raises:
            ValueError: features that are unfit, or other ones than in training.
        """
        check_is_fitted(self)
        outputs = self._outputs(X)
        if self.model_.predicts_labels:
            return self.model_.labels(outputs)
        numbers = class_numbers(outputs, self.model_.meaning == "probability", self.model_.threshold)
        return self.classes_[numbers]

    def predict_proba(self, X: Any) -> np.ndarray:  # noqa: N803
        """The probability of each class, or of each label, (samples, classes), float64.

        Raises:
            ValueError: features that are unfit, or a loss in ``settings`` whose outputs are no probabilities.
        """
        check_is_fitted(self)
        outputs = self._outputs(X)
        if self.model_.meaning != "probability":
            remedy = "Use predict, or another loss"
            raise ConfigError(self._called("settings"), "must have a loss with probabilities", None, remedy)
        if self.model_.predicts_labels:
            return outputs
        both = np.hstack([1 - outputs, outputs]) if outputs.shape[1] == 1 else outputs
        return both / both.sum(axis=1, keepdims=True)

    def predict_log_proba(self, X: Any) -> np.ndarray:  # noqa: N803
        """The logarithm of :meth:`predict_proba`."""
        with np.errstate(divide="ignore"):
            return np.log(self.predict_proba(X))

    def _checked(self, x: Any, y: Any, reset: bool) -> tuple[np.ndarray, np.ndarray, bool]:
        """Validated features and labels, and whether a sample may have several."""
        x, y = validate_data(self, x, y, dtype=PRECISE, multi_output=True, reset=reset)
        y = y.toarray() if hasattr(y, "toarray") else y
        if y.dtype.kind == "O" and len({isinstance(label, str) for label in y.ravel()}) > 1:
            kinds = sorted({type(label).__name__ for label in y.ravel()})
            raise DataError("y", "must hold labels of one type", " and ".join(kinds), "Convert them with y.astype(str)")
        check_classification_targets(y)
        if type_of_target(y) == "multilabel-indicator":
            return x, y, True
        return x, column_or_1d(y, warn=True), False

    def __sklearn_tags__(self) -> Any:
        """It takes several labels for a sample."""
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_label = True
        return tags


class MLPClassifier(Classifying):
    """A multilayer perceptron that predicts classes, or several labels for each sample.

    Names and meanings of the parameters are those of scikit-learn's ``MLPClassifier`` where that has them.  Features
    are taken as they are: put a ``StandardScaler`` before it, as before scikit-learn's.

    Args:
        hidden_layer_sizes: width of each hidden layer.
        activation: of the hidden layers: ``identity``, ``logistic``, ``tanh``, ``relu``, or any other of gpunet.
        solver: ``adam``, ``sgd`` or the name of any other rule of gpunet; or a rule of :mod:`gpunet.optimizers`, which
            has numbers of its own.
        alpha: strength of the L2 penalty; that of a step is divided by the samples of the step.
        batch_size: samples of a step; ``auto`` is 200, or all where there are fewer.
        learning_rate_init: size of a step; a number or a schedule of :mod:`gpunet.schedules`.
        max_iter: epochs, at most.
        random_state: a whole number is the seed, with which a training repeats bit for bit.
        tol: improvements of loss or score that are not larger do not count.
        verbose: print the numbers of each epoch.
        warm_start: go on from the last fit instead of anew.
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
        settings: values for any other key of gpunet's configuration, such as ``{"clip_norm": 1.0}``, short
            or dotted as for :func:`gpunet.train`; they have the last word.

    Attributes:
        classes_: the labels, in the order of the probabilities.
        model_: the trained :class:`gpunet.api.Network`: ``clf.model_.save("net.h5")`` writes it for the command line.
        n_features_in_: how many features there are.
        feature_names_in_: their names, where a data frame had some.
        n_iter_: epochs that were trained.
        loss_: mean training loss of the last epoch.
        loss_curve_: of each epoch.
        coefs_: weights of each layer.
        intercepts_: biases of each layer.

    >>> from sklearn.datasets import load_iris
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.preprocessing import StandardScaler
    >>> from gpunet.sklearn import MLPClassifier
    >>> X, y = load_iris(return_X_y=True)
    >>> net = make_pipeline(StandardScaler(), MLPClassifier((16,), learning_rate_init=0.02, random_state=0)).fit(X, y)
    >>> net.score(X, y) > 0.95
    True
    """

    def __init__(
        self,
        hidden_layer_sizes: Any = (100,),
        activation: str = "relu",
        *,
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
        dropout: float = 0.0,
        device: str = "auto",
        settings: Any = None,
    ):
        self.hidden_layer_sizes, self.activation, self.solver, self.alpha = (
            hidden_layer_sizes,
            activation,
            solver,
            alpha,
        )
        self.batch_size, self.learning_rate_init, self.max_iter = batch_size, learning_rate_init, max_iter
        self.random_state, self.tol, self.verbose, self.warm_start = random_state, tol, verbose, warm_start
        self.momentum, self.nesterovs_momentum = momentum, nesterovs_momentum
        self.early_stopping, self.validation_fraction = early_stopping, validation_fraction
        self.beta_1, self.beta_2, self.epsilon, self.n_iter_no_change = beta_1, beta_2, epsilon, n_iter_no_change
        self.dropout, self.device, self.settings = dropout, device, settings

    def partial_fit(self, X: Any, y: Any, sample_weight: Any = None, classes: Any = None) -> "MLPClassifier":  # noqa: N803
        """One epoch on some samples, from where training stood, with what the optimizer remembers.

        Args:
            X: features.
            y: labels, which may lack some of the classes.
            sample_weight: how much each sample counts.
            classes: all labels that there are; must be passed to the first call.

        Returns:
            The estimator.

        Raises:
            ValueError: features, labels or parameters that are unfit, or no classes in the first call.
        """
        if self.early_stopping:
            rule = "must be False for partial_fit, which holds nothing out"
            raise ConfigError(self._called("early_stopping"), rule, True, "Set early_stopping=False, or use fit")
        first = not hasattr(self, "model_")
        if _check_partial_fit_first_call(self, classes):
            self.classes_ = np.asarray(self.classes_)
        x, labels, several = self._checked(X, y, reset=first)
        weights = self._weights(sample_weight, x)
        self._learn(x, labels, weights, None if several else self.classes_, partial=True, several=several)
        return self


class MLPRegressor(RegressorMixin, Perceptron):
    """A multilayer perceptron that predicts numbers.

    Names and meanings of the parameters are those of scikit-learn's ``MLPRegressor`` where that has them.  Features are
    taken as they are; targets are standardised inside by the numbers of the first fit, and predictions are in their own
    units (``settings={"scale_target": False}`` leaves targets alone).

    Args:
        loss: ``squared_error``, half of it as in scikit-learn, or any other loss of gpunet for numbers, such as
            ``huber`` or ``absolute_error``.
        hidden_layer_sizes: width of each hidden layer.
        activation: of the hidden layers: ``identity``, ``logistic``, ``tanh``, ``relu``, or any other of gpunet.
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
        dropout: share of the hidden units that a step leaves out.
        device: ``auto``, ``cpu`` or ``cuda[:N]``.
        settings: values for any other key of gpunet's configuration; they have the last word.

    Attributes:
        model_: the trained :class:`gpunet.api.Network`.
        n_features_in_: how many features there are.
        feature_names_in_: their names, where a data frame had some.
        n_iter_: epochs that were trained.
        loss_: mean training loss of the last epoch.
        loss_curve_: of each epoch.
        coefs_: weights of each layer.
        intercepts_: biases of each layer.

    >>> from sklearn.datasets import load_diabetes
    >>> from sklearn.preprocessing import StandardScaler
    >>> from gpunet.sklearn import MLPRegressor
    >>> X, y = load_diabetes(return_X_y=True)
    >>> X = StandardScaler().fit_transform(X)
    >>> net = MLPRegressor(hidden_layer_sizes=(16,), learning_rate_init=0.01, max_iter=60, n_iter_no_change=60)
    >>> net.fit(X, y).score(X, y) > 0.5
    True
    """

    task: ClassVar[str] = "regression"

    def __init__(
        self,
        loss: Any = "squared_error",
        hidden_layer_sizes: Any = (100,),
        activation: str = "relu",
        *,
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
        dropout: float = 0.0,
        device: str = "auto",
        settings: Any = None,
    ):
        self.loss = loss
        self.hidden_layer_sizes, self.activation, self.solver, self.alpha = (
            hidden_layer_sizes,
            activation,
            solver,
            alpha,
        )
        self.batch_size, self.learning_rate_init, self.max_iter = batch_size, learning_rate_init, max_iter
        self.random_state, self.tol, self.verbose, self.warm_start = random_state, tol, verbose, warm_start
        self.momentum, self.nesterovs_momentum = momentum, nesterovs_momentum
        self.early_stopping, self.validation_fraction = early_stopping, validation_fraction
        self.beta_1, self.beta_2, self.epsilon, self.n_iter_no_change = beta_1, beta_2, epsilon, n_iter_no_change
        self.dropout, self.device, self.settings = dropout, device, settings

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> "MLPRegressor":  # noqa: N803
        """Train anew, or with ``warm_start`` from where training stood.

        Args:
            X: features, (samples, features): an array, a data frame or nested lists of numbers.
            y: numbers, (samples,) or (samples, outputs).
            sample_weight: how much each sample counts, (samples,), from 0; all alike by default.

        Returns:
            The estimator.

        Raises:
            ValueError: features, targets or parameters that are unfit.
            DivergedError: a loss or gradient left the finite numbers; lower the learning rate.
        """
        self._regress(X, y, sample_weight, partial=False)
        return self

    def partial_fit(self, X: Any, y: Any, sample_weight: Any = None) -> "MLPRegressor":  # noqa: N803
        """One epoch on some samples, from where training stood, with what the optimizer remembers.

        The samples of the first call say by which mean and deviation targets are standardised.

        Args:
            X: features.
            y: numbers.
            sample_weight: how much each sample counts.

        Returns:
            The estimator.

        Raises:
            ValueError: features, targets or parameters that are unfit.
        """
        if self.early_stopping:
            rule = "must be False for partial_fit, which holds nothing out"
            raise ConfigError(self._called("early_stopping"), rule, True, "Set early_stopping=False, or use fit")
        self._regress(X, y, sample_weight, partial=True)
        return self

    def predict(self, X: Any) -> np.ndarray:  # noqa: N803
        """The numbers that are expected, (samples,) or (samples, outputs), float64.

        Raises:
            ValueError: features that are unfit, or other ones than in training.
        """
        check_is_fitted(self)
        outputs = self._outputs(X)
        return outputs[:, 0] if outputs.shape[1] == 1 else outputs

    def _regress(self, x: Any, y: Any, sample_weight: Any, partial: bool) -> None:
        goes_on = partial and hasattr(self, "model_")
        x, y = validate_data(self, x, y, dtype=PRECISE, y_numeric=True, multi_output=True, reset=not goes_on)
        if y.ndim == 2 and y.shape[1] == 1:
            y = column_or_1d(y, warn=True)
        if goes_on and y.reshape(len(y), -1).shape[1] != self.model_.description.outputs:
            rule = f"must hold {self.model_.description.outputs} numbers for each sample, as before"
            raise DataError("y", rule, y.shape, "Pass all of them")
        self._learn(x, y, self._weights(sample_weight, x), partial=partial)

    def _configuration(self, *args: Any) -> dict[str, Any]:
        loss = {"name": "squared_error", "half": True} if self.loss == "squared_error" else self.loss
        return {**super()._configuration(*args), "loss": loss}


def _classes(y: np.ndarray) -> np.ndarray:
    """The labels that there are, sorted."""
    return unique_labels(y)
