"""Ensembles trained from Python, and what all that train them share."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from ..checkpoint import Checkpoint, in_memory
from ..cluster import opened
from ..config import Config, build_loss
from ..ensembles import (
    Combination,
    Evidence,
    Made,
    Making,
    Method,
    Temperature,
    fitted_temperature,
    made_on,
    method_named,
    usual_size,
)
from ..errors import ConfigError
from ..experiment import Experiment
from ..families import Family
from ..interruption import Stop
from ..stages import Callbacks
from .ensemble import Ensemble
from .loading import result_of
from .progress import Watch, wants_bar
from .training import OnEpoch, experiment_of, failures_told, functions, signals_heard


def train_ensemble(
    config: str | Path | Mapping[str, Any] | Config | Family = "mlp",
    x: Any = None,
    y: Any = None,
    settings: Mapping[str, Any] | None = None,
    *,
    method: str | Method = "seeds",
    size: int | None = None,
    combine: str | None = None,
    share: float | None = None,
    start: Any = None,
    dask: Any = None,
    device: str = "auto",
    on_epoch: OnEpoch | Iterable[OnEpoch] | None = None,
    progress: bool | None = None,
    stop: Stop | None = None,
    **keywords: Any,
) -> Ensemble:
    """Train several networks that predict together.

    With a validation part the temperature of probabilities is fitted there, after averaging.

    Args:
        config: what every member is, see :func:`gpunet.train`.
        x: features, likewise.
        y: targets, likewise.
        settings: values by dotted or short key, likewise.
        method: ``seeds`` for other first weights and order; ``bagging`` for samples drawn with replacement, with the
            out-of-bag error in ``facts``; ``subspaces`` for random parts of the features; ``snapshots`` for the ends of
            cosine cycles of one training; ``boosting`` (SAMME); ``swa`` and ``soup`` for one network whose weights are
            the mean of several.
        size: how many members, or cycles, or networks to average; 5 by default, or 1 of ``seeds`` where values differ
            by member, which are as many members: with ``size`` every value has so many seeds.
        combine: ``mean``, ``geometric``, ``logits`` or ``majority``; what suits the method by default.
        share: of the samples that each member of ``bagging`` draws, or of the features of ``subspaces``.
        start: weights that every member starts from, see :func:`gpunet.train`.
        dask: a cluster whose workers train, see :func:`gpunet.search`: members that are made apart (``seeds``,
            ``bagging``, ``subspaces``, ``soup``) are shared by them, others are trained by one.
        device: ``auto``, ``cpu`` or ``cuda[:N]``; with ``dask`` that of each worker.
        on_epoch: function, or several, called with the record of each epoch.
        progress: whether to show a bar.
        stop: ends all of it where it is requested.
        keywords: further arguments and short keys of :func:`gpunet.train`: ``validation=0.2, epochs=20, hidden=[64]``.

    Raises:
        ConfigError: what cannot be trained so.
        DataError: data that are missing, damaged or unfit.
        Interrupted: it was stopped; nothing is kept.
        DivergedError: a loss or gradient left the finite numbers.
        ClusterError: the cluster cannot be had, or was lost; nothing is kept.

    >>> x = np.random.default_rng(0).random((300, 5), np.float32)
    >>> together = train_ensemble("linear", x, x[:, 0] > x[:, 1], method="bagging", size=3, epochs=3)
    >>> len(together), together.facts["out_of_bag"]["samples"] > 100
    (3, True)
    """
    for name in ("run", "seeds", "members", "grafts", "keep_layers"):
        if keywords.get(name) is not None:
            remedy = "Use save for a file" if name == "run" else "Say size and start instead"
            raise ConfigError(name, "does not go with an ensemble", repr(keywords[name]), remedy)
    chosen = method_named(method, share) if isinstance(method, str) else method
    if not isinstance(chosen, Method):
        raise ConfigError("method", "must be a name or a method", type(method).__name__, 'For example "bagging"')
    here = device if dask is None else "auto"
    experiment, source = experiment_of(config, x, y, settings, start=start, device=here, **keywords)
    stop = stop or Stop()
    watch = Watch(functions(on_epoch), wants_bar(progress), keep_portrait=False)
    with experiment.device.activate(), signals_heard(stop, None), failures_told():
        count = usual_size(experiment, chosen) if size is None else size
        if dask is None:
            return made(experiment, chosen, count, combine, source, watch, stop)
        check_method(Making(experiment, count, source), chosen, combine)
        with opened(dask, device) as cluster:
            _, found = next(made_on(cluster, [experiment], chosen, count, [source], stop))
        return made(experiment, chosen, count, combine, source, watch, stop, found)


def made(
    experiment: Experiment,
    method: Method,
    size: int,
    combine: str | None = None,
    source: Checkpoint | None = None,
    callbacks: Callbacks | None = None,
    stop: Stop | None = None,
    found: Made | None = None,
) -> Ensemble:
    """An ensemble trained by a method, at the temperature of the validation part.

    Args:
        experiment: of the first member.
        method: that makes the members.
        size: how many.
        combine: how their outputs become one; what suits the method by default.
        source: checkpoint that every member starts from.
        callbacks: what is told meanwhile.
        stop: ends all of it where it is requested.
        found: what the method has made elsewhere, where it has.

    Raises:
        ConfigError: a combination that does not suit the method or the targets.
    """
    making = Making(experiment, size, source, callbacks or Callbacks(), stop or Stop())
    check_method(making, method, combine)
    given: Any = combine or method.combine or "mean"
    found = method.make(making) if found is None else found
    networks = [
        result_of(in_memory(content), experiment.device, families=experiment.config.families)
        for content in found.networks
    ]
    combination = Combination(given, found.combination.weights)
    together = Ensemble.of(networks, combination, method.name, found.facts)
    return together.at(temperature_of(together, validation_of(together, experiment)))


def check_method(making: Making, method: Method, combine: str | None) -> None:
    """Refuse, before anything is trained, what a method does not suit, or a combination that the targets do not suit.

    Raises:
        ConfigError: what is wrong.
    """
    method.check(making)
    if combine is None:
        return
    if method.combine is None:
        raise ConfigError("combine", f"has nothing to do with {method.name}, which makes one network", combine)
    given: Any = combine
    about = making.experiment.dataset
    loss = build_loss(making.experiment.config, len(about.classes), about.task == "multilabel")
    Combination(given).check(making.size, "value" if about.task == "regression" else loss.meaning)


def validation_of(together: Ensemble, experiment: Experiment) -> Evidence | None:
    """What the members say about the validation part; None where there is none."""
    return evidence_of(together, experiment, experiment.split.validation)


def evidence_of(together: Ensemble, experiment: Experiment, rows: np.ndarray) -> Evidence | None:
    """What the members say about samples of an experiment; None where there are none, or no figures of them."""
    if not len(rows):
        return None
    about = experiment.dataset
    weight = None if about.weights is None else about.weights[rows]
    return together.evidence([about.x[rows]] * len(together.networks), about.y[rows], weight)


def temperature_of(together: Ensemble, validation: Evidence | None) -> Temperature:
    """The temperature of what members say together on validation; 1, and why, where none can be fitted."""
    if together.networks[0].meaning != "probability" or together.combination.rule == "majority":
        return Temperature(1.0, 0, "no probabilities")
    if validation is None:
        return Temperature(1.0, 0, "no validation part")
    return fitted_temperature(validation.together(together.combination))
