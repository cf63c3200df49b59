"""Networks that predict targets."""

from functools import cached_property
from typing import Any

import numpy as np

from ..data import Features, Feed, Streamed, feed_of
from ..errors import ConfigError, DataError
from ..metrics import Estimate, Outcome, class_numbers, constant_prediction, estimates, measured, usual_metrics
from ..persistence import Trained, TrainedModel, network_of
from ..training import Evaluator, Scores, decided, outcomes, outputs_of, task_of
from .frames import check_order, columns_of, is_frame
from .members import single
from .results import Result, given
from .sampling import check_count, sampled
from .targets import column_of, split_frame, target_array


class Network(Result):
    """A trained network, or a population of them, whose predictions are then averaged.

    >>> import gpunet, numpy as np
    >>> x = np.random.default_rng(0).random((200, 4), np.float32)
    >>> net = gpunet.train("linear", x, x[:, 0] > x[:, 1], epochs=30)
    >>> net.predict([[0.9, 0.1, 0.5, 0.5], [0.1, 0.9, 0.5, 0.5]]).tolist()
    [True, False]
    """

    _held: TrainedModel

    def outputs(self, x: Any, *, as_numpy: bool = True) -> Any:
        """The activated outputs, averaged over the members that have not diverged: (samples, outputs).

        They are probabilities of the classes, of each label, or predicted values, as the loss says; for two classes
        with one output, that of the second class.

        Args:
            x: samples as in training: an array, a data frame with the same columns, nested lists, or a path of files.
            as_numpy: False leaves the result on the device of the model.

        Raises:
            DataError: samples that this network was not trained for.
        """
        return self.outputs_on(self.read(x).x, as_numpy=as_numpy)

    def outputs_on(self, features: Features, *, as_numpy: bool = True, precise: bool = False) -> Any:
        """The same for samples of a data set.

        Args:
            features: (samples, *input_shape) on the host.
            as_numpy: False leaves the result on the device.
            precise: compute in float64, where an output must not depend on the samples beside it by a rounding.
        """
        held, device = self._precise if precise else self._held, self.device
        with device.activate():
            parts = []
            x = features.reshape(len(features), *held.input_shape)
            for out in outputs_of(held.model, held.loss, held.preprocessing, x, device, held.parameters.dtype):
                several = bool(self.parameters.members)
                parts.append(out[held.predicting].mean(axis=0, dtype=np.float64) if several else out.copy())
            found = device.xp.concatenate(parts)
            if held.description.target_scale is not None:
                found = held.description.target_scale.undo(found, device.xp)
            return given(found, device, as_numpy)

    def member_outputs_on(self, features: Features) -> np.ndarray:
        """The activated outputs of each member by itself, (members, samples, outputs), float64 on the host.

        Args:
            features: (samples, *input_shape) of a data set.
        """
        held, device = self._held, self.device
        with device.activate():
            parts = []
            x = features.reshape(len(features), *held.input_shape)
            for out in outputs_of(held.model, held.loss, held.preprocessing, x, device, held.parameters.dtype):
                parts.append(np.array(device.get(out), np.float64))
        found = np.concatenate(parts, axis=-2).reshape(len(self.seeds), len(features), -1)
        scale = held.description.target_scale
        return found if scale is None else np.asarray(scale.undo(found))

    def predict(self, x: Any, *, as_numpy: bool = True) -> Any:
        """The class of each sample, as it was given in training, or its predicted values.

        Args:
            x: samples as in training, see :meth:`outputs`.
            as_numpy: False leaves the result on the device; classes are then their numbers.

        Returns:
            (samples,) classes or values; (samples, outputs) where there are several targets, 0 and 1 of several labels.

        Raises:
            DataError: samples that this network was not trained for.
        """
        found = self.outputs(x, as_numpy=as_numpy)
        if self.predicts_labels:
            return self.labels(found)
        if not self.description.classes:
            return found[:, 0] if found.shape[1] == 1 else found
        numbers = self._numbers(found)
        return self.description.labels[numbers] if as_numpy else numbers

    def predict_proba(self, x: Any, *, as_numpy: bool = True) -> Any:
        """The probability of each class, (samples, classes), in the order of :attr:`classes`.

        Raises:
            ConfigError: outputs that are no probabilities of classes.
            DataError: samples that this network was not trained for.
        """
        held = self._held
        if self.predicts_labels and held.loss.meaning == "probability":
            return self.outputs(x, as_numpy=as_numpy)
        if not self.description.classes and not self.predicts_labels:
            raise ConfigError("predict_proba", "needs a network that predicts classes", "values", "Use predict")
        if held.loss.meaning != "probability":
            remedy = 'Use outputs for the scores, or train with loss="categorical_cross_entropy"'
            raise ConfigError("predict_proba", "needs a loss with probabilities", type(held.loss).__name__, remedy)
        found = self.outputs(x, as_numpy=as_numpy)
        if found.shape[1] == 1:
            xp = np if as_numpy else self.device.xp
            return xp.concatenate([1 - found, found], axis=1)
        return found

    @cached_property
    def _precise(self) -> TrainedModel:
        """The same network in float64."""
        held = self._held
        found = Trained(held.checkpoint, held.config, held.description, held.preprocessing)
        with self.device.activate():
            return network_of(found, self.device)

    @property
    def predicts_labels(self) -> bool:
        """Whether each of its outputs speaks for or against a label, of which a sample may have several."""
        return self.description.task == "multilabel" and self._held.loss.predicts == "labels"

    def labels(self, outputs: Any, threshold: float | None = None) -> Any:
        """Which labels outputs speak for, 0 and 1: (samples, labels), on the device of the outputs.

        Args:
            outputs: activated, of this network or of an ensemble that it is part of.
            threshold: beyond which a label is predicted, where it is not the one of this network.
        """
        usual = 0.5 if self.meaning == "probability" else 0.0
        limit = self.threshold if threshold is None else threshold
        return (outputs > (usual if limit is None else limit)).astype(np.int64)

    @property
    def reconstructs(self) -> bool:
        """Whether its outputs are its inputs again, and no predictions of targets."""
        return self._held.reconstructs

    @property
    def meaning(self) -> str:
        """What an output is: ``probability`` or ``score`` of a class or of a label, or ``value``."""
        return self._held.loss.meaning if self.description.classes or self.predicts_labels else "value"

    @property
    def classes(self) -> np.ndarray:
        """The classes as they were given in training, in the order of the outputs; empty for values."""
        return self.description.labels

    def score(self, x: Any, y: Any = None) -> float:
        """Share of right classes or labels, or for values the coefficient of determination R2, averaged over targets.

        Args:
            x: samples as in training.
            y: their targets, or the name of a column of the data frame ``x``, or several; by default the columns of the
                data frame that the network learned to predict.

        Raises:
            DataError: samples or targets that this network was not trained for.
        """
        return self.score_of(self.outputs(x), self.targets(x, y))

    def targets(self, x: Any, y: Any) -> Any:
        """The targets that ``y`` are, or names as columns of the data frame ``x``; without ``y`` those of the training.

        Raises:
            DataError: no targets, or no such column.
        """
        if y is None and is_frame(x) and set(self.description.targets) & set(columns_of(x, "x")):
            y = list(self.description.targets) if len(self.description.targets) > 1 else self.description.targets[0]
        if y is None:
            raise DataError("y", "must be given", "none", "Pass targets, or names of columns of a data frame x")
        named = isinstance(y, str) or (isinstance(y, list | tuple) and all(isinstance(name, str) for name in y))
        if named and is_frame(x):
            found, names = split_frame(x, y)
            return target_array(found, name=column_of("x", names))
        check_order(x, y)
        return y

    def score_of(self, outputs: np.ndarray, y: Any, threshold: float | None = None) -> float:
        """The score of outputs, of this network or of an ensemble that it is part of and whose threshold this is."""
        raw = target_array(y, len(outputs))
        if self.description.classes:
            return float(np.mean(self._numbers(outputs, threshold) == self._class_numbers(raw)))
        wanted = self._values(raw)
        if self.predicts_labels:
            return float(np.mean(self.labels(outputs, threshold) == (wanted > 0.5)))
        found = outputs.reshape(wanted.shape).astype(np.float64)
        spread = ((wanted - wanted.mean(axis=0)) ** 2).sum(axis=0)
        missed = ((wanted - found) ** 2).sum(axis=0)
        return float(np.mean(1 - missed / np.where(spread == 0, 1, spread)))

    def evaluate(self, x: Any, y: Any = None) -> dict[str, Any]:
        """Loss and all metrics that suit the targets over samples, each a number, or (members,) for a population.

        The names are those of ``gpunet evaluate --json``; :meth:`figures` gives intervals and baselines beside them.

        Raises:
            DataError: samples or targets that this network was not trained for.
        """
        features, about = self.read(x).x, self.description
        if self.reconstructs:
            targets = np.zeros((len(features), 0), np.float32)
        else:
            raw = target_array(self.targets(x, y), len(features))
            targets = self._class_numbers(raw) if about.classes else self._values(raw)
        outcomes = [self.outcome(outputs, targets) for outputs in self.member_outputs_on(features)]
        found = measured([one for one in outcomes if one is not None]) if not self.reconstructs else {}
        found |= self.scores(features, targets)
        return {name: values if self.parameters.members else float(values[0]) for name, values in found.items()}

    def scores(self, features: Features, targets: np.ndarray, weights: np.ndarray | None = None) -> Scores:
        """Loss and measures over samples of a data set, each (members,).

        Args:
            features: (samples, *input_shape), as they are in the data set.
            targets: (samples,) numbers of classes, or (samples, outputs) values.
            weights: (samples,), how much each counts; all alike by default.
        """
        held, device = self._held, self.device
        with device.activate():
            x = features.reshape(len(features), *held.input_shape)
            scale = held.description.target_scale
            wanted = targets if scale is None else scale.apply(targets, held.parameters.dtype)
            how = held.preprocessing, held.parameters.dtype
            if isinstance(x, Streamed):
                feed = feed_of(device, x, wanted, *how, weights=weights, training=True)
            else:
                feed = Feed(device, x, wanted, *how, weights=weights)
            found = Evaluator(held.objective, feed, len(self.seeds), device).scores()
            if held.thresholds is None:
                return found
            return decided(found, outcomes(held.model, held.loss, feed, device, held.thresholds, scale))

    @property
    def generates(self) -> bool:
        """Whether features can be sampled from it, as from a network trained up and down."""
        return self.config.model.generator(self._held.model) is not None

    def sample(
        self,
        n: int = 16,
        *,
        steps: int = 1000,
        seed: int = 0,
        label: Any = None,
        prepared: bool = False,
        clamp: Any = None,
    ) -> np.ndarray:
        """Samples of a network that generates, a classrbm or updown: ([members,] n, *input_shape).

        Args:
            n: how many.
            steps: Gibbs steps of the top machine.
            seed: of the chains.
            label: the class to dream of, as in :attr:`classes`; all in turn by default.
            prepared: leave the means as the visible units have them, ([members,] n, features).
            clamp: features to hold, as in :meth:`gpunet.api.Machine.sample`; of a classrbm.

        Raises:
            ConfigError: a network that generates nothing, or a class that it does not know.
        """
        if not self.generates:
            remedy = "Train an rbm, a dbn, classrbm or updown to sample from"
            raise ConfigError("sample", "needs a model that generates", self.config.model.name, remedy)
        check_count("n", n)
        numbers = np.arange(n) % len(self.classes)
        if label is not None:
            numbers = np.full(n, self._class_numbers(target_array([label], name="label"), "label")[0])
        return sampled(
            self.config.model.generator(self._held.model),
            self.parameters,
            self._held,
            n,
            steps,
            seed,
            None,
            numbers,
            prepared,
            clamp=clamp,
        )

    def _member(self, number: int) -> "Network":
        held, device = self._held, self.device
        with device.activate():
            return type(self)(single(held, number, bool(self._unsavable)), self._unsavable, self.stopped, self.run)

    @property
    def threshold(self) -> float | None:
        """The output beyond which the second of two classes, or a label, is predicted, where it was fitted.

        It is fitted with ``training.threshold``; that of a population is the mean over its members.
        """
        found = self._held.thresholds
        return None if found is None else float(found[self._held.predicting].mean())

    def _numbers(self, outputs: Any, threshold: float | None = None) -> Any:
        limit = self.threshold if threshold is None else threshold
        return class_numbers(outputs, self._held.loss.meaning == "probability", limit)

    def figures(self, x: Any, y: Any) -> dict[str, Estimate]:
        """All metrics that suit the targets, by name, each with its 95 % interval over samples and its baseline.

        The baseline is always saying the same: the share of each class among these samples, or their mean.  Outputs are
        averaged over the members of a population.

        Args:
            x: samples as in training.
            y: their targets, or the name of a column of the data frame ``x``, or several.

        Raises:
            DataError: samples or targets that this network was not trained for.

        >>> import gpunet, numpy as np
        >>> x = np.random.default_rng(0).random((200, 4), np.float32)
        >>> net = gpunet.train("linear", x, x[:, 0] > x[:, 1], epochs=30)
        >>> found = net.figures(x, x[:, 0] > x[:, 1])
        >>> bool(found["accuracy"].low <= found["accuracy"].value <= found["accuracy"].high)
        True
        """
        raw, outputs = target_array(self.targets(x, y)), self.outputs(x)
        about = self.description
        targets = self._class_numbers(raw) if about.classes else self._values(raw)
        outcome = self.outcome(outputs, targets)
        if outcome is None:
            return {}
        found = estimates(usual_metrics(), outcome, constant_prediction(outcome))
        return {one.name: one for one in found}

    def outcome(self, outputs: np.ndarray, targets: np.ndarray) -> Outcome | None:
        """What figures are computed from, given activated outputs and targets as numbers; None where there are none."""
        held = self._held
        task = None if self.reconstructs else task_of(held.loss, targets)
        if task is None:
            return None
        probable = held.loss.meaning == "probability"
        return Outcome(task, np.asarray(outputs, np.float64), targets, None, probable, self.threshold)

    def target_numbers(self, y: np.ndarray) -> np.ndarray:
        """Targets as a data set has them: numbers of classes (samples,), or values (samples, outputs).

        Raises:
            DataError: classes that the network does not know, or no finite numbers.
        """
        return self._class_numbers(y) if self.description.classes else self._values(y)

    def _class_numbers(self, y: np.ndarray, name: str = "y") -> np.ndarray:
        """Numbers of classes that the network knows."""
        labels = self.description.labels
        if labels.dtype.kind in "US":
            y = y.astype(str)
        known = {label: number for number, label in enumerate(labels.tolist())}
        values = y.reshape(len(y)).tolist() if y.size == len(y) else None
        if values is None:
            raise DataError(name, "needs one class for each sample", f"an array of shape {y.shape}", "Pass (samples,)")
        unknown = [value for value in values if value not in known]
        if unknown:
            shown = ", ".join(map(repr, labels.tolist()[:20]))
            remedy = f"The network knows {shown}"
            raise DataError(name, "must hold classes that the network was trained on", repr(unknown[0]), remedy)
        return np.array([known[value] for value in values], np.int32)

    def _values(self, y: np.ndarray) -> np.ndarray:
        """Targets as numbers, (samples, outputs)."""
        outputs = self.description.outputs
        if y.dtype.kind not in "biuf" or y.size != len(y) * outputs:
            rule = f"must hold {outputs} number{'s' if outputs > 1 else ''} for each sample, as in training"
            raise DataError("y", rule, f"{y.dtype} of shape {y.shape}", f"Pass (samples, {outputs})")
        values = y.reshape(len(y), outputs).astype(np.float64)
        if not np.isfinite(values).all():
            raise DataError("y", "must hold finite numbers", "NaN or infinity", "Remove such samples")
        return values
