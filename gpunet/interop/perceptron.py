"""What networks of dense layers have in common as estimators: parameters, configuration, curves and weights."""

import itertools
import math
import re
import warnings
from collections.abc import Callable, Mapping
from numbers import Integral, Real
from typing import Any, ClassVar

import numpy as np
from sklearn.exceptions import ConvergenceWarning

from ..api import Network
from ..errors import ConfigError
from .base import Estimator, is_wide, prepared_for, widths_of
from .following import Follower

ACTIVATIONS = {"logistic": "sigmoid"}  # names of scikit-learn for what has another one here
USUAL_BATCH = 200
# Multiplications of a product that take less time than what is around it: up to here double precision is next to free,
# and a weight of 2 is two samples to the last digits; beyond, it would double the time on a CPU, and far more on a GPU.
SMALL = 1 << 20


def _is_number(value: Any) -> bool:
    """Whether it is a finite number, and not True or False."""
    return isinstance(value, Real) and not isinstance(value, bool | np.bool_) and math.isfinite(value)


def _is_flag(value: Any) -> bool:
    """Whether it is True or False."""
    return isinstance(value, bool | np.bool_)


def _is_count(value: Any) -> bool:
    """Whether it is a whole number from 1 on."""
    return isinstance(value, Integral) and not isinstance(value, bool) and int(value) >= 1


def _is_below_one(value: Any) -> bool:
    return _is_number(value) and 0 <= value < 1


FLAG = ("must be True or False", _is_flag)
SHARE_KEPT = ("must be a number from 0 to below 1", _is_below_one)
# What each parameter must be whether or not it plays a part; those that are not here are keys of the configuration, or
# may be other things than numbers.
RULES: dict[str, tuple[str, Callable[[Any], bool]]] = {
    "alpha": ("must be a number from 0 on", lambda value: _is_number(value) and value >= 0),
    "tol": ("must be a number from 0 on", lambda value: _is_number(value) and value >= 0),
    "momentum": ("must be a number from 0 to 1", lambda value: _is_number(value) and 0 <= value <= 1),
    "beta_1": SHARE_KEPT,
    "beta_2": SHARE_KEPT,
    "epsilon": ("must be a number above 0", lambda value: _is_number(value) and value > 0),
    "validation_fraction": (
        "must be a fraction between 0 and 1, such as 0.1", lambda value: _is_number(value) and 0 < value < 1
    ),
    "max_iter": ("must be a number of epochs, from 1 on", _is_count),
    "n_iter_no_change": (
        "must be a number of epochs, from 1 on, or infinity", lambda value: _is_count(value) or value == math.inf
    ),
    "early_stopping": FLAG,
    "nesterovs_momentum": FLAG,
    "warm_start": FLAG,
    "device": (
        "must be auto, cpu or cuda[:N]",
        lambda value: isinstance(value, str) and re.fullmatch(r"auto|cpu|cuda(:\d+)?", value) is not None,
    ),
}  # fmt: skip
STATE = "loop"  # group of a checkpoint that training can go on from


class Perceptron(Estimator):
    """Base of the estimators that train a network of dense layers by backpropagation.

    Attributes:
        model_: the trained :class:`gpunet.api.Network`, which has figures, saves itself, and so on.
        n_iter_: epochs of the last fit.
        loss_: mean training loss of the last epoch.
        best_loss_: smallest one; None with early stopping, which looks at scores.
        loss_curve_: mean training loss of each epoch.
        t_: training samples that were seen, in all epochs.
        validation_scores_: with early stopping, the accuracy of each epoch, or minus the loss; else None.
    """

    keys: ClassVar[Mapping[str, str]] = {
        "seed": "random_state",
        "model.hidden": "hidden_layer_sizes",
        "model.activation": "activation",
        "model.dropout": "dropout",
        "loss": "loss",
        "optimizer": "solver",
        "optimizer.name": "solver",
        "optimizer.learning_rate": "learning_rate_init",
        "optimizer.momentum": "momentum",
        "optimizer.beta1": "beta_1",
        "optimizer.beta2": "beta_2",
        "optimizer.epsilon": "epsilon",
        "training.l2": "alpha",
        "training.epochs": "max_iter",
        "training.batch_size": "batch_size",
        "data.validation": "validation_fraction",
    }

    model_: Network
    n_iter_: int
    t_: int
    loss_curve_: list[float]
    task: ClassVar[str] = "classification"

    def _learn(
        self,
        x: np.ndarray,
        y: np.ndarray | None,
        weights: np.ndarray | None,
        classes: Any = None,
        partial: bool = False,
        several: bool = False,
    ) -> None:
        """Train anew, or go on where training stood.

        Args:
            x: validated features.
            y: validated targets.
            weights: of the samples.
            classes: all that there are.
            partial: one epoch from where training stood.
            several: whether a sample may have several labels.
        """
        self._check_parameters()
        stopping = self.early_stopping and not partial
        goes_on = hasattr(self, "model_") and (partial or self.warm_start)
        start = self.model_ if goes_on else None
        incremental = not stopping and (start is None or STATE in start.checkpoint.root)
        follower = self._follower(stopping, "multilabel" if several else self.task, partial)
        config = self._configuration(x, weights, stopping, several)
        config["training"]["epochs"] = 1 if partial else self.max_iter
        config["training"]["precision"] = (
            start.config.training.precision if start is not None else self._precision(x, config)
        )
        config["training"]["monitor"] = follower.monitor if stopping else "last"
        start = self._pretrained(x, weights, config) if start is None else start
        self.model_ = self._train(
            config, x, y, weights=weights, classes=classes, start=start,
            incremental=incremental and (goes_on or start is None), follower=follower,
        )  # fmt: skip
        seen = len(follower.losses) * (len(x) - (config["data"]["validation"] if stopping else 0))
        self.t_ = seen + (self.t_ if goes_on and hasattr(self, "t_") else 0)
        self._note(follower, stopping, partial)

    def _check_parameters(self) -> None:
        """Refuse values that can mean nothing, also of parameters that play no part in this training.

        Raises:
            ConfigError: a ValueError that names the parameter.
        """
        for name, (rule, right) in RULES.items():
            value = getattr(self, name, None)
            if hasattr(self, name) and not right(value):
                raise ConfigError(
                    self._called(name), rule, repr(value.item() if isinstance(value, np.generic) else value)
                )

    def _precision(self, x: np.ndarray, config: dict[str, Any]) -> str:
        """That of the features where it costs next to nothing, see :data:`SMALL`; the rule looks at sizes alone."""
        widths, batch = [x.shape[1], *config["model"]["hidden"]], config["training"]["batch_size"]
        largest = max((above * below for above, below in itertools.pairwise(widths)), default=0)
        small = isinstance(batch, Integral) and int(batch) * largest <= SMALL
        return "float64" if is_wide(x) and small else "float32"

    def _pretrained(self, x: np.ndarray, weights: np.ndarray | None, config: dict[str, Any]) -> Any:
        """What a network that is trained anew starts from; nothing, unless a subclass trains it first."""
        return None

    def _configuration(
        self, x: np.ndarray, weights: np.ndarray | None, stopping: bool, several: bool
    ) -> dict[str, dict[str, Any]]:
        """The parameters as a configuration."""
        held_out = self._held_out(len(x)) if stopping else 0
        batch = self._batch(len(x) - held_out)
        mean = 1.0 if weights is None else float(weights.mean()) or 1.0
        activation = self.activation
        return {
            "data": {
                "validation": held_out, "test": 0, "preprocess": "none",
                "task": "multilabel" if several else self.task,
            },
            "model": {
                "name": "mlp", "hidden": widths_of(self.hidden_layer_sizes, self._called("hidden_layer_sizes")),
                "activation": ACTIVATIONS.get(activation, activation), "dropout": getattr(self, "dropout", 0.0),
            },
            "optimizer": self._optimizer(),
            "training": {"batch_size": batch, "drop_last": False, "l2": self._penalty(batch, mean)},
        }  # fmt: skip

    def _optimizer(self) -> Any:
        """The rule of ``solver`` with the parameters that belong to it; a rule or a mapping is taken as it is."""
        if not isinstance(self.solver, str):
            return self.solver
        own: dict[str, Any] = {
            "adam": {"beta1": self.beta_1, "beta2": self.beta_2, "epsilon": self.epsilon},
            "sgd": {"momentum": self.momentum, "nesterov": bool(self.nesterovs_momentum and self.momentum)},
        }.get(self.solver, {})
        return {"name": self.solver, "learning_rate": self.learning_rate_init, **own}

    def _penalty(self, batch: Any, weight: float) -> Any:
        """``alpha`` as scikit-learn means it: the penalty of a step is divided by the samples of the step.

        Args:
            batch: samples of a step.
            weight: that they have on average.
        """
        usual = isinstance(self.alpha, int | float | np.number) and isinstance(batch, Integral) and int(batch) > 0
        return float(self.alpha) / (int(batch) * weight) if usual else self.alpha  # what is unusual is refused later

    def _held_out(self, samples: int) -> int:
        """How many samples early stopping is decided on."""
        held_out = math.ceil(self.validation_fraction * samples)
        if held_out < 2 or samples - held_out < 1:
            received, remedy = f"{held_out} of {samples}", "Raise validation_fraction, or give more samples"
            raise ConfigError(self._called("validation_fraction"), "must leave 2 samples or more", received, remedy)
        return held_out

    def _batch(self, samples: int) -> Any:
        """Samples of a step; at most all there are, which is said."""
        if isinstance(self.batch_size, str) and self.batch_size == "auto":
            return min(USUAL_BATCH, samples)
        if isinstance(self.batch_size, Integral) and int(self.batch_size) > samples:
            warnings.warn(f"{self._called('batch_size')} is {self.batch_size}: all {samples} are taken", stacklevel=5)
            return samples
        return self.batch_size

    def _follower(self, stopping: bool, task: str, partial: bool) -> Follower:
        monitor = (
            ("validation_accuracy" if task == "classification" else "validation_loss") if stopping else "train_loss"
        )
        patience = None if partial else float(self.n_iter_no_change)
        return Follower(monitor, monitor.endswith("accuracy"), self.tol, patience)

    def _note(self, follower: Follower, stopping: bool, partial: bool) -> None:
        """Keep the curves, and say where the loss was still falling at the end."""
        before = self.loss_curve_ if partial and hasattr(self, "loss_curve_") else []
        self.loss_curve_ = [*before, *follower.losses]
        self.n_iter_ = self.n_iter_ + len(follower.losses) if before else len(follower.losses)
        self.loss_ = self.loss_curve_[-1] if self.loss_curve_ else float("nan")
        self.best_loss_ = None if stopping else min(self.loss_curve_, default=None)
        sign = 1 if follower.higher else -1
        self.validation_scores_ = [sign * value for value in follower.monitored] if stopping else None
        self.best_validation_score_ = max(self.validation_scores_, default=None) if self.validation_scores_ else None
        if not (partial or follower.converged or self.model_.stopped) and self.n_iter_no_change < self.max_iter:
            remedy = "Raise max_iter, learning_rate_init or tol."
            warnings.warn(
                f"{self._called('max_iter')} of {self.max_iter} was reached before the training converged. {remedy}",
                ConvergenceWarning,
                stacklevel=4,
            )

    def _outputs(self, x: Any) -> np.ndarray:
        """Activated outputs for samples that are validated first, float64 (samples, outputs)."""
        valid = self._validated(x)
        return np.asarray(self.model_.outputs_on(prepared_for(self.model_, valid), precise=is_wide(valid)), np.float64)

    @property
    def coefs_(self) -> list[np.ndarray]:
        """The weights of each layer, (inputs, outputs); copies, which change nothing."""
        return self._arrays("weight")

    @property
    def intercepts_(self) -> list[np.ndarray]:
        """The biases of each layer, (outputs,); copies."""
        return self._arrays("bias")

    @property
    def n_outputs_(self) -> int:
        """How many outputs there are; one for two classes where a loss in ``settings`` wants that."""
        return int(self.coefs_[-1].shape[1])

    @property
    def out_activation_(self) -> str:
        """What turns sums of the last layer into outputs, by scikit-learn's names."""
        if self.model_.meaning != "probability":
            return "identity"
        return "logistic" if self.model_.predicts_labels or self.n_outputs_ == 1 else "softmax"

    @property
    def n_layers_(self) -> int:
        """How many layers there are, with that of the features."""
        return len(self.coefs_) + 1

    def _arrays(self, kind: str) -> list[np.ndarray]:
        weights = self.model_.weights
        return [weights[name] for name in weights if name.rpartition("/")[2] == kind]
