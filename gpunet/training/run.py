"""A run: configuration and data become a trainer, evaluators and a selection, and are trained."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..backend import Device
from ..config import Config, RBMConfig, build_averaging, build_clipping, build_loss, build_model, build_rule
from ..data import Feed, Preprocessing, fit_preprocessing
from ..errors import ConfigError
from ..rbm import ContrastiveDivergence
from .description import Parts, Samples, describe
from .evaluation import Evaluator, Scores
from .loop import EpochRecord, Stop, fit
from .objective import Objective, Supervised
from .plateau import Plateau
from .pretraining import contrastive_divergence
from .selection import Monitor, Selection
from .trainer import Trainer


class Run:
    """Everything of one training, ready to start; making it checks all that can be wrong before the first step.

    Args:
        config: checked configuration.
        dataset: samples and targets on the host.
        split: which samples train, select and test.
        device: where to train.

    Raises:
        ConfigError: a batch larger than the training part, or a monitor without its data.
        DataError: targets that the loss is not defined for.
    """

    def __init__(self, config: Config, dataset: Samples, split: Parts, device: Device):
        self.config, self.dataset, self.split, self.device = config, dataset, split, device
        self.description = describe(dataset, split)
        training, classify = config.training, bool(dataset.classes)
        if training.batch_size > len(split.train):
            raise ConfigError(
                "training.batch_size",
                f"must be at most the {len(split.train)} samples of the training part",
                training.batch_size,
                f"Set training.batch_size={min(32, len(split.train))}",
            )
        self.monitor = self._monitor(classify)
        self.preprocessing = self._preprocessing()
        self.objective = self._objective(classify)
        members = () if config.members == 1 else (config.members,)
        self.trainer = Trainer(
            self.objective,
            build_rule(config),
            config.seeds,
            self._feed(split.train, members),
            training.batch_size,
            device,
            training.l2,
            clipping=build_clipping(config),
            averaging=build_averaging(config),
        )
        if isinstance(self.objective, ContrastiveDivergence):
            self.objective.start_chains(device, members)
            self.objective.model.start_from(self._preprocessed().mean(axis=0, dtype=np.float64))
        self.validation = self._evaluator(split.validation) if len(split.validation) else None
        self.selection = Selection(self.trainer.parameters, self.monitor, training.patience)
        self.plateau = self._plateau()
        self.history: list[EpochRecord] = []
        self.test_scores: Scores = {}

    def train(
        self,
        on_epoch: Sequence[Callable[[EpochRecord], None]] = (),
        on_step: Callable[[int, int, int], None] | None = None,
        stop: Stop | None = None,
    ) -> None:
        """Train, put the best weights back and evaluate the test part, once.

        Raises:
            DivergedError: the weights are those of the last good step.
        """
        training = self.config.training
        callbacks: list[Callable[[EpochRecord], None]] = [self.history.append]
        callbacks += [self.plateau] if self.plateau else []
        callbacks += on_epoch
        fit(
            self.trainer, self.validation, self.selection, training.epochs, training.drop_last, callbacks, on_step, stop
        )
        if stop is not None and stop.requested:
            return
        self.selection.restore()
        if len(self.split.test):
            self.test_scores = self._evaluator(self.split.test).scores()

    def _objective(self, classify: bool) -> Objective:
        model, classes = self.config.model, len(self.dataset.classes)
        if isinstance(model, RBMConfig):
            return contrastive_divergence(model, self._preprocessed(), self.preprocessing)
        loss = build_loss(self.config, classes)
        loss.check_targets(self.dataset.y)
        outputs = loss.outputs(classes) if classify else self.description.outputs
        return Supervised(build_model(self.config, self.description.features, outputs), loss, classify)

    def _monitor(self, classify: bool) -> Monitor:
        monitor = self.config.training.monitor
        if isinstance(self.config.model, RBMConfig):
            # No cheap number tells a better machine from a worse one, so the latest weights are kept.
            if monitor not in ("auto", "last"):
                raise ConfigError("training.monitor", "must be last for an RBM", monitor, "Set training.monitor=last")
            return "last"
        if monitor == "last":
            return "last"
        if monitor == "auto":
            if not len(self.split.validation):
                return "train_loss"
            return "validation_accuracy" if classify else "validation_loss"
        needs_part = monitor.startswith("validation") and not len(self.split.validation)
        if needs_part or (monitor.endswith("accuracy") and not classify):
            what = "a validation part" if needs_part else "classes"
            raise ConfigError("training.monitor", f"{monitor} needs {what}", "none", "Set training.monitor=auto")
        return monitor

    def _plateau(self) -> Plateau | None:
        settings = self.config.training.plateau
        if settings is None:
            return None
        if self.monitor == "last":
            rule = "needs a monitored number that can improve"
            raise ConfigError("training.plateau", rule, "monitor last", "Leave it out or set training.monitor=auto")
        return Plateau(self.trainer.optimizer, settings.patience, settings.factor)

    def _preprocessing(self) -> Preprocessing:
        kind, model = self.config.data.preprocess, self.config.model
        if kind == "auto":
            gaussian = isinstance(model, RBMConfig) and model.visible_units.name == "gaussian"
            kind = "scale" if self.dataset.scale != 1 and not gaussian else "standardise"
        train = self.dataset.x[self.split.train]
        return fit_preprocessing(kind, train.reshape(len(train), -1), self.dataset.scale)

    def _preprocessed(self) -> np.ndarray:
        """The training part as the model sees it, on the host."""
        p, train = self.preprocessing, self.dataset.x[self.split.train]
        flat = train.reshape(len(train), -1)
        return p.apply(flat, p.shift, p.factor, np.empty(flat.shape, np.float32))

    def _feed(self, part: np.ndarray, members: tuple[int, ...] = ()) -> Feed:
        dtype: Any = np.dtype(np.float32)
        return Feed(self.device, self.dataset.x[part], self.dataset.y[part], self.preprocessing, dtype, members)

    def _evaluator(self, part: np.ndarray) -> Evaluator:
        return Evaluator(self.objective, self._feed(part), self.config.members, self.device)
