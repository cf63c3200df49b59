"""A run: configuration and data become a trainer, evaluators and a selection, and are trained."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..backend import Device
from ..config import Config, begun, build_optimization
from ..data import Augmenter, Dataset, Description, Feed, Inputs, Part, Preprocessing, Split
from ..errors import ConfigError, DivergedError, meant
from ..interruption import Stop
from ..layers import Layer
from ..metrics import (
    Estimate,
    Metric,
    Outcome,
    constant_prediction,
    estimates,
    fitted_threshold,
    usual_metrics,
)
from ..objectives import Objective
from ..rbm import RBM, ChainMonitors, ContrastiveDivergence
from ..training import EpochRecord, Evaluator, Plateau, Scores, Selection, Trainer, decided, fit, outcomes, task_of
from .augmenting import build_augmenter
from .checking import check_batches
from .experiment import Experiment
from .figures import automatic_monitor, check_threshold, chosen_figures, class_weights, known_figures
from .labelled import epoch_rows
from .lineage import Lineage
from .monitoring import ChainDoctor, Doctor
from .objectives import build_objective
from .watching import scale_to_unit_variance

WORST = float(np.finfo(np.float32).max)  # what a score of a member that has diverged is at most


class Run:
    """Everything of one training, ready to start; making it checks all that can be wrong before the first step.

    Args:
        experiment: what is trained, on what, and where.
        inputs: what the model sees instead of the prepared features, where it stands on other models.
        objective: what is learned instead of what the configuration alone says.
        lineage: what the run stands on, and where its first weights come from.
        rows: ([members,] n), which samples of the training part an epoch learns from, instead of what the configuration
            says; a sample may come several times.
        weights: (samples,) of the data set, how much each counts in training, beside what the configuration says.

    Attributes:
        history: of the epochs that lie behind.
        batch: where training begins in the epoch after them; more than 0 where a run goes on inside an epoch.
        lineage: as passed, or what :meth:`came_from` noted.
        changes: what was changed while it was trained: ``epoch`` from which it holds, ``key``, ``before``, ``after``.
        controlled_by: hash of the file that said so last, or nothing.

    Raises:
        ConfigError: a batch larger than the training part, or a monitor without its data.
        DataError: targets that the loss is not defined for.
    """

    def __init__(
        self,
        experiment: Experiment,
        inputs: Inputs | None = None,
        objective: Objective | None = None,
        lineage: Lineage | None = None,
        rows: np.ndarray | None = None,
        weights: np.ndarray | None = None,
    ):
        self.experiment = experiment
        config = experiment.config
        training = config.training
        self.inputs = inputs or experiment.inputs
        self.objective = objective or build_objective(config, self.description, self.inputs)
        self.objective.numerics = config.numerics
        self.rows, self._weights = self._rows(rows), weights
        self.known_figures = self._known_figures()
        self.figures = chosen_figures(config, self.known_figures, self.objective.scores)
        self._check_threshold()
        self.monitor = self._monitor()
        members = () if config.population == 1 else (config.population,)
        self.trainer = Trainer(
            self.objective,
            optimization=build_optimization(config),
            seeds=config.seeds,
            feed=self._training_feed(members),
            batch_size=training.batch_size,
            device=self.device,
            dtype=config.dtype,
            precision=training.precision,
        )
        if config.numerics != 1:
            check_batches(config, self.objective.model, self.trainer.feed.samples)
            if self.machine is not None:
                config.model.check_machines([self.machine])
        scale_to_unit_variance(self.objective.model, self.trainer.parameters, self.inputs)
        self.validation = self._evaluator("validation") if len(self.split.validation) else None
        higher = self._higher_is_better(self.monitor.partition("_")[2])
        self.selection = Selection(self.trainer.parameters, self.monitor, training.patience, higher=higher)
        self.plateau, self.doctor = self._plateau(), self._doctor()
        self.history: list[EpochRecord] = []
        self.batch = 0
        self.changes: list[dict[str, Any]] = []
        self.controlled_by = ""
        self.test_scores: Scores = {}
        self.thresholds: np.ndarray | None = None
        self._test_figures: list[list[Estimate]] | None = None  # of the weights that are kept
        self.lineage = lineage or Lineage()

    @property
    def config(self) -> Config:
        """What it is trained by."""
        return self.experiment.config

    @property
    def begun(self) -> Config:
        """What its training began with, before anything was changed: members are told apart by these values."""
        return begun(self.config, self.changes)

    @property
    def dataset(self) -> Dataset:
        """Samples and targets on the host."""
        return self.experiment.dataset

    @property
    def split(self) -> Split:
        """Which samples train, select and test."""
        return self.experiment.split

    @property
    def device(self) -> Device:
        """Where it is trained."""
        return self.experiment.device

    @property
    def description(self) -> Description:
        """What the trained model must remember about the data."""
        return self.experiment.description

    @property
    def preprocessing(self) -> Preprocessing:
        """What is done to the data's features before any layer sees them."""
        return self.inputs.original

    @property
    def machine(self) -> RBM | None:
        """The machine that is trained, where there is one inside the model."""
        return self.config.model.machine(self.objective.model)

    def came_from(self, lineage: Lineage) -> None:
        """Note where the first weights come from, before training."""
        self.lineage = lineage

    def go_on_from(self, history: Sequence[EpochRecord], batch: int) -> None:
        """Note what lies behind: whole epochs, and batches of the one after them."""
        self.history, self.batch = list(history), batch
        for record in self.history if self.plateau else ():
            self.plateau(record)  # type: ignore[misc]

    def train(
        self,
        on_epoch: Sequence[Callable[[EpochRecord], None]] = (),
        on_step: Callable[[int, int, int], None] | None = None,
        stop: Stop | None = None,
        test: bool = True,
        apart: Callable[[int, int, int], bool] | None = None,
    ) -> bool:
        """Train what is left, put the best weights back and evaluate the test part, once.

        Args:
            on_epoch: called with the record of each epoch.
            on_step: called with (epoch, step, steps) before each step; with ``apart`` before each launch.
            stop: looked at after each launch.
            test: False leaves the test part to :meth:`score_test`, where several runs are chosen from.
            apart: which steps ``on_step`` has to see what is there before, see :func:`~gpunet.training.fit`.

        Returns:
            False where ``stop`` came first; the run is then in the middle of its training.

        Raises:
            DivergedError: the weights are those of the last good step.
        """
        training = self.config.training
        doctor = self.doctor
        callbacks: list[Callable[[EpochRecord], None]] = [doctor.on_epoch] if doctor else []
        callbacks += [self.history.append]
        callbacks += [self.plateau] if self.plateau else []
        callbacks += on_epoch
        # What looks from outside comes first: it sees the state as the step before left it.
        before = [watch for watch in (on_step, doctor.on_step if doctor else None) if watch is not None]

        def on_each_step(epoch: int, step: int, steps: int) -> None:
            for watch in before:
                watch(epoch, step, steps)

        def on_its_own(epoch: int, step: int, steps: int) -> bool:
            if on_step is not None and (apart is None or apart(epoch, step, steps)):
                return True
            return doctor is not None and doctor.looks_before(step, steps)

        fit(
            self.trainer,
            self.validation,
            self.selection,
            training.epochs,
            training.drop_last,
            callbacks,
            on_each_step if before else None,
            stop,
            done=len(self.history),
            batch=self.batch,
            last=self.history[-1].numbers if self.history else None,
            apart=on_its_own,
        )
        if stop is not None and stop.requested:
            return False
        self.conclude(test)
        return True

    def conclude(self, test: bool = True) -> None:
        """Put the best weights back, and evaluate the test part with them, unless it is left to :meth:`score_test`.

        Raises:
            DivergedError: weights so large that a score is not finite.
        """
        self.selection.restore()
        self._fit_thresholds()
        if test:
            self.score_test()

    def conclude_as(self, scores: Scores, thresholds: np.ndarray | None, figures: list[list[Estimate]]) -> None:
        """Put the best weights back, where what :meth:`conclude` finds out of them is known already."""
        self.selection.restore()
        self.test_scores, self.thresholds, self._test_figures = scores, thresholds, figures

    def score_test(self) -> None:
        """Evaluate the test part with the present weights, where there is one.

        Raises:
            DivergedError: weights so large that a score is not finite.
        """
        self._test_figures = None
        if len(self.split.test):
            scores = self._evaluator("test").scores()
            ended = list(self.trainer.diverged)
            for name, values in scores.items():
                values[ended] = np.nan_to_num(values[ended], nan=WORST, posinf=WORST, neginf=-WORST)
                if not np.isfinite(values).all():
                    rule, remedy = f"test_{name} must be finite", "Lower learning_rate"
                    raise DivergedError("the test part", rule, "NaN or infinity", remedy)
            self.test_scores = scores
        if self.thresholds is not None:
            self.test_scores = decided(self.test_scores, self.outcomes("test"))

    def outcomes(self, part: Part) -> list[Outcome]:
        """What each member says about a part with the present weights; nothing where its targets have no figures."""
        if not self.known_figures or not len(getattr(self.split, part)):
            return []
        held: Any = self.objective
        scale = getattr(held, "scale", None)  # only objectives of targets that are numbers have one
        return outcomes(held.model, held.loss, self.inputs.feed(part), self.device, self.thresholds, scale)

    def test_figures(self) -> list[list[Estimate]]:
        """All figures of each member on the test part, beside what always saying the same would reach there."""
        if self._test_figures is None:
            constant = self._constant()
            self._test_figures = [estimates(usual_metrics(), one, constant) for one in self.outcomes("test")]
        return self._test_figures

    def _constant(self) -> np.ndarray | None:
        """What is best said of all samples alike, by the training part."""
        held: Any = self.objective
        rows, weights = self.dataset.labelled(self.split.train), self.dataset.weights
        y = self.dataset.y[rows]
        task = task_of(held.loss, y) if self.known_figures else None
        if task is None:
            return None
        weight = None if weights is None else weights[rows]
        outputs = np.zeros((len(y), held.model.output_shape(self.inputs.shape)[-1]))
        return constant_prediction(Outcome(task, outputs, y, weight, held.loss.meaning == "probability"))

    def _known_figures(self) -> list[Metric]:
        """Metrics that say something about its targets."""
        objective: Any = self.objective
        if not objective.wants_targets or not isinstance(objective.model, Layer):
            return []
        loss = getattr(objective, "loss", None)
        if loss is None:
            return []
        objective.build(self.inputs.shape)
        width = objective.model.output_shape(self.inputs.shape)[-1]
        return known_figures(loss, self.dataset.y[self.dataset.labelled(self.split.train)], width)

    def _check_threshold(self) -> None:
        classes, validates = len(self.description.classes), bool(len(self.split.validation))
        check_threshold(self.config, self.known_figures, classes, validates)

    def _fit_thresholds(self) -> None:
        """Find where each member's decisions change, on the validation part."""
        word = self.config.training.threshold
        if word is None:
            return
        metric = word.build()
        self.thresholds = np.array([fitted_threshold(metric, outcome) for outcome in self.outcomes("validation")])

    def _training_feed(self, members: tuple[int, ...]) -> Feed:
        weights = class_weights(self.config, self.dataset, self.split)
        if self._weights is not None:
            weights = self._weights if weights is None else self._weights * weights
        return self.inputs.feed(
            "train", members, augmenter=self._augmenter(), rows=self.rows, weights=weights, training=True
        )

    def _higher_is_better(self, name: str) -> bool:
        """As the metric of that name says; losses and errors are not."""
        own = [metric for metric in self.figures if metric.name == name]
        return own[0].higher_is_better if own else self.objective.higher_is_better(name)

    def _rows(self, given: np.ndarray | None) -> np.ndarray | None:
        """What an epoch learns from."""
        labels, batch = self.config.data.labels, self.config.training.batch_size
        y, wants_targets = self.dataset.y[self.split.train], self.objective.wants_targets
        samples, what = len(y), "samples"
        everything = self.config.model.learns_unlabelled
        if wants_targets and labels is not None and labels < samples and not everything:
            samples, what = labels, "labelled samples"
        if given is not None:
            population, samples = self.config.population, given.shape[-1]
            if given.shape[:-1] != ((population,) if population > 1 else ()):
                raise ConfigError("rows", f"must be so many for each of {population} members", str(given.shape))
        if batch > samples:
            rule, remedy = f"must be at most the {samples} {what} of the training part", min(32, samples)
            raise ConfigError("batch_size", rule, batch, f"Set batch_size={remedy}")
        classes = len(self.dataset.classes)
        return given if given is not None else epoch_rows(self.config, y, classes, wants_targets, everything)

    def _monitor(self) -> str:
        monitor, scores = self.config.training.monitor, self.objective.scores
        if "loss" not in scores:
            # No cheap number tells a better machine from a worse one, so the latest weights are kept.
            if monitor not in ("auto", "last"):
                remedy = "Set monitor=last"
                raise ConfigError("monitor", "must be last for layer-wise pretraining", monitor, remedy)
            return "last"
        if monitor == "last":
            return "last"
        validates = bool(len(self.split.validation))
        if monitor == "auto" and not validates:
            return "train_loss" if "loss" in self.objective.measures else "last"
        if monitor == "auto":
            return automatic_monitor(self.config) if "accuracy" in scores else "validation_loss"
        self._check_monitor(monitor, validates)
        return monitor

    def _check_monitor(self, monitor: str, validates: bool) -> None:
        """Refuse a number that no epoch has."""
        if monitor.startswith("validation_") and not validates:
            remedy = "Set monitor=auto"
            raise ConfigError("monitor", f"{monitor} needs a validation part", "none", remedy)
        known = [f"train_{name}" for name in self.objective.measures]
        known += [f"validation_{name}" for name in self.objective.scores] if validates else []
        figures = {f"validation_{metric.name}": metric for metric in (*self.known_figures, *self.figures)}
        known += [name for name in figures if name not in known] if validates else []
        if monitor not in known:
            rule = "must be a number that is measured, auto or last"
            raise ConfigError("monitor", rule, monitor, meant(monitor, known, f"There are {', '.join(known)}"))

    def _plateau(self) -> Plateau | None:
        settings = self.config.training.plateau
        if settings is None:
            return None
        if self.monitor == "last":
            rule = "needs a monitored number that can improve"
            raise ConfigError("plateau", rule, "monitor last", "Leave it out or set monitor=auto")
        return Plateau(self.trainer.optimizer, settings.patience, settings.factor)

    def _doctor(self) -> ChainDoctor | None:
        if isinstance(self.objective, ContrastiveDivergence):
            return Doctor(self.objective, self.trainer, self.inputs)
        if isinstance(sampled := self.objective.sampled, ContrastiveDivergence):
            return ChainDoctor(ChainMonitors(sampled, self.trainer.parameters))
        return None

    def _augmenter(self) -> Augmenter | None:
        samples = len(self.split.train) if self.rows is None else self.rows.shape[-1]
        return build_augmenter(self.experiment, samples, self.objective)

    def _evaluator(self, part: Part) -> Evaluator:
        feed = self.inputs.feed(part)
        return Evaluator(self.objective, feed, self.config.population, self.device, figures=self.figures)
