"""What depth does to a network, with shortcuts and without: how signals pass its layers, and what it learns."""

import json
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from ..config import check
from ..errors import ConfigError, DataError, DivergedError, Interrupted
from ..experiment import Experiment, Run
from ..inspection.signals import Signal, diagnosis, first_signals
from ..interruption import Stop
from ..persistence import RunFolder, snapshot
from ..plain import finite
from .comparison import check_distinct

RESULTS = "depth.json"
LITTLE = 0.75  # of the error of the most frequent class: a network that errs more has learned next to nothing


@dataclass(frozen=True)
class Built:
    """A network of the study.

    Attributes:
        residual: whether it has shortcuts.
        activation: of its hidden layers.
        layers: with weights, one after the other.
    """

    residual: bool
    activation: str
    layers: int

    @property
    def kind(self) -> str:
        """``"plain sigmoid"`` and so on."""
        return f"{'residual' if self.residual else 'plain'} {self.activation}"

    @property
    def title(self) -> str:
        """Its kind and depth."""
        return f"{self.kind} network of {self.layers} layers"


@dataclass(frozen=True)
class DepthResult:
    """What came of one network.

    Attributes:
        built: which.
        signals: what passed its layers on the first batch, before training, first to last.
        diagnosis: what is wrong with them, or nothing.
        test_error: (seeds,) of the best epoch of each; None where a seed diverged.
        train_loss: (seeds,) of the last epoch, likewise.
        seconds: of training, for all seeds together.
        run: with its best weights; None where a seed diverged.
    """

    built: Built
    signals: Sequence[Signal]
    diagnosis: str
    test_error: np.ndarray | None
    train_loss: np.ndarray | None
    seconds: float
    run: Run | None

    def learns(self, baseline: float) -> bool:
        """Whether its mean error is clearly below that of always giving the most frequent class."""
        return self.test_error is not None and float(self.test_error.mean()) < LITTLE * baseline


class DepthStudy:
    """Plain and residual networks of several depths, each trained with all seeds at once.

    Args:
        experiment: whose family has networks of any depth, such as ``resmlp`` and ``resnet``; all else holds for all.
        layers: how deep.
        activations: of the hidden layers.

    Attributes:
        baseline: error of always giving the class that is most frequent in the training part.

    Raises:
        ConfigError: another family, or a depth that it cannot have.
        DataError: data without classes, or without a test part.
    """

    def __init__(self, experiment: Experiment, layers: Sequence[int], activations: Sequence[str]):
        check_distinct("depths", layers)
        check_distinct("activations", activations)
        self.experiment, self.layers, self.activations = experiment, sorted(layers), list(activations)
        dataset, split = experiment.dataset, experiment.split
        if not dataset.classes:
            raise DataError(dataset.name, "must have classes to compare errors", "real-valued targets")
        if not len(split.test):
            raise ConfigError("test", "must have samples to compare", 0, "Set it to 0.15")
        counts = np.bincount(dataset.y[split.train])
        self.baseline = float((dataset.y[split.test] != counts.argmax()).mean())
        for built in self.networks():  # wrong settings are found here, before hours of training
            self._run(built)

    def networks(self) -> Iterator[Built]:
        """By activation, plain ones before residual ones, from shallow to deep."""
        for activation in self.activations:
            for residual in (False, True):
                for count in self.layers:
                    yield Built(residual, activation, count)

    def result(
        self, built: Built, stop: Stop | None = None, on_step: Callable[[], None] = lambda: None
    ) -> DepthResult | None:
        """Look at the signals of a network, train it and score it; None where ``stop`` was requested.

        Args:
            built: which network.
            stop: ends it after the present step where it is requested.
            on_step: called before each launch.
        """
        signals = [signal for signal in first_signals(self._run(built)) if "/" not in signal.name]
        run, began = self._run(built), time.perf_counter()
        error = loss = kept = None
        with suppress(DivergedError):
            run.train((), lambda *_: on_step(), stop, test=False, apart=lambda *_: False)
            if stop is not None and stop.requested:
                return None
            run.score_test()
            error, kept = 1 - np.asarray(run.test_scores["accuracy"]), run
            loss = np.asarray(run.history[-1].numbers["train_loss"])
        return DepthResult(built, signals, diagnosis(signals), error, loss, time.perf_counter() - began, kept)

    def _run(self, built: Built) -> Run:
        config = self.experiment.config
        model = config.model.of_depth(built.layers, built.residual, built.activation)
        if model is None:
            remedy = "Use resmlp or resnet"
            raise ConfigError("model", "must have networks of any depth, with shortcuts or without", config.model.name,
                              remedy)  # fmt: skip
        values = config.model_dump() | {"model": model.model_dump()}
        return Run(self.experiment.configured(check(values, config.families)))


def carry_out_depth_study(
    study: DepthStudy,
    folder: RunFolder,
    on_result: Callable[[DepthResult], None] = lambda result: None,
    stop: Stop | None = None,
    on_step: Callable[[], None] = lambda: None,
) -> list[DepthResult]:
    """Train every network, and write what came of each: ``depth.json``, and its best weights.

    Args:
        study: checked.
        folder: entered; files are written as soon as there is something to write.
        on_result: called after each network.
        stop: ends the study after the present step where it is requested.
        on_step: called before each launch.

    Raises:
        Interrupted: ``stop`` was requested; what was finished is in the folder.
    """
    stop, results = stop or Stop(), []
    for built in study.networks():
        result = study.result(built, stop, on_step)
        if result is None:
            rule, remedy = f"was stopped by {stop.requested}", f"What was finished is in {folder.path}"
            raise Interrupted("depth", rule, None, remedy)
        results.append(result)
        if result.run is not None:
            name = f"{built.kind.replace(' ', '-')}-{built.layers}.h5"
            folder.write(name, snapshot(result.run, best=True))
        folder.write_text(RESULTS, json.dumps(finite(depth_document(study, results)), indent=2) + "\n")
        on_result(result)
    return results


def depth_document(study: DepthStudy, results: Sequence[DepthResult]) -> dict[str, Any]:
    """All numbers as plain data, and what follows from them in words."""
    config = study.experiment.config
    return {
        "data": study.experiment.dataset.name,
        "model": config.model.name,
        "seeds": [config.seed + i for i in range(config.members)],
        "epochs": config.training.epochs,
        "baseline_error": study.baseline,
        "results": [
            {
                **asdict(result.built),
                "kind": result.built.kind,
                "test_error": None if result.test_error is None else result.test_error.tolist(),
                "train_loss": None if result.train_loss is None else result.train_loss.tolist(),
                "learns": result.learns(study.baseline),
                "diagnosis": result.diagnosis,
                "signals": [asdict(signal) for signal in result.signals],
                "seconds": round(result.seconds, 3),
            }
            for result in results
        ],
        "conclusions": list(_conclusions(study, results)),
    }


def _conclusions(study: DepthStudy, results: Sequence[DepthResult]) -> Iterator[str]:
    """One sentence for each kind of network: from which depth on it learns no more, and what its signals do there."""
    for kind in dict.fromkeys(result.built.kind for result in results):
        own = [result for result in results if result.built.kind == kind]
        stuck = [result for result in own if not result.learns(study.baseline)]
        depths = ", ".join(str(result.built.layers) for result in stuck)
        if not stuck:
            yield f"{kind}: learns at every depth tried, {own[0].built.layers} to {own[-1].built.layers} layers."
            continue
        found = next((result.diagnosis for result in stuck if result.diagnosis), "")
        why = f": {found}" if found else ""
        yield f"{kind}: hardly learns with {depths} layers{why}."
