"""Training of models that are put together from objects."""

import copy
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from ..backend import resolve_device
from ..checkpoint import in_memory as checkpoint_in_memory
from ..config import build_loss, override
from ..data import Dataset
from ..errors import ConfigError, DataError
from ..experiment import Experiment, Run, prepare_inputs
from ..interruption import Stop
from ..layers import Layer, Sequential
from ..losses import Loss
from ..metrics import Accuracy
from ..objectives import Supervised, degree
from ..optimizers import Adam, Rule
from ..parameter import Parameters
from ..persistence import TrainedModel, open_trained, snapshot
from ..stages import Carried, carry_out
from ..vocabulary import without_word, word_of
from .configuring import configured, full_keys
from .loading import wrapped
from .network import Network
from .progress import Watch, wants_bar
from .reading import parts
from .samples import in_memory, pair
from .starting import batch_that_fits
from .training import OnEpoch, carried, functions, settle, signals_heard, with_parts


def fit(
    model: Layer | Sequence[Layer],
    x: Any,
    y: Any = None,
    loss: Loss | str | None = None,
    optimizer: Rule | str | None = None,
    *,
    epochs: int = 20,
    batch_size: int | None = None,
    validation: Any = 0.0,
    test: Any = 0,
    target: Any = None,
    weights: Any = None,
    seeds: int = 1,
    seed: int = 0,
    preprocess: Any = None,
    run: str | Path | None = None,
    device: str = "auto",
    on_epoch: OnEpoch | Iterable[OnEpoch] | None = None,
    progress: bool | None = None,
    stop: Stop | None = None,
    **keywords: Any,
) -> Network:
    """Train a network of layers that you put together, output layer included.

    The layers that you pass say what the network is and stay as they are: each call trains a network of its own, which
    it returns.

    Args:
        model: layers, or a list of them, with a linear output of as many units as there are classes or values; widths
            of inputs follow from the data where they are left out.
        x: features, see :func:`gpunet.train`.
        y: targets.
        loss: an object of :mod:`gpunet.losses` or its name; categorical cross-entropy for classes and squared error
            for values by default.
        optimizer: a rule of :mod:`gpunet.optimizers` or its name; ``Adam()`` by default.
        epochs: how long.
        batch_size: samples of a step; 32 by default, or all where there are fewer.
        validation: part to select the best epoch on: a fraction, a number of samples, or a pair (x, y); none by
            default, so that the epoch with the lowest training loss is kept.
        test: part for a final figure: likewise.
        target: column of a frame ``x`` with the targets, instead of ``y``.
        weights: how much each sample of x counts, (samples,), from 0: one of weight 2 counts as two; all alike by
            default.
        seeds: how many models to train at once.
        seed: of weights, order and dropout.
        preprocess: what is done to the features first, one word or a list of them; by default they are standardised, or
            images scaled to 0..1; ``"none"`` leaves them alone.
        run: folder to write checkpoints to.
        device: ``auto``, ``cpu`` or ``cuda[:N]``.
        on_epoch: function, or several, called with the record of each epoch.
        progress: whether to show a bar.
        stop: ends the training after the present step where it is requested.
        keywords: further values by short key, as for :func:`gpunet.train`: ``l2=1e-4, clip_norm=1.0``.

    Returns:
        The trained network; it is saved and loaded like any other as long as all its parts have configuration words.

    Raises:
        ConfigError: settings that do not go together, or a model whose outputs do not suit loss and targets.
        DataError: data that are unfit.
        DivergedError: a loss or gradient left the finite numbers.

    >>> import numpy as np
    >>> from gpunet.layers import Dense, ReLU, Sequential
    >>> x = np.random.default_rng(0).random((200, 6), np.float32)
    >>> net = fit(Sequential([Dense(16), ReLU(), Dense(2)]), x, x[:, 0] > x[:, 1], optimizer=Adam(0.01), epochs=20)
    >>> net.score(x, x[:, 0] > x[:, 1]) > 0.9
    True
    """
    network = _network(model)
    if loss is not None and not isinstance(loss, Loss | str):
        got = f"the class {loss.__name__}" if isinstance(loss, type) else type(loss).__name__
        raise ConfigError("loss", "must be an object of gpunet.losses, or a name", got, "For example SquaredError()")
    settings = {
        "epochs": epochs, "batch_size": 32 if batch_size is None else batch_size, "seeds": seeds, "seed": seed,
        "preprocess": preprocess, "data.test": 0, "name": "fit",
        "optimizer": Adam() if optimizer is None else optimizer,
    }  # fmt: skip
    given = full_keys({k: v for k, v in settings.items() if v is not None} | with_parts(keywords, validation, test))
    _check_keys(given)
    if isinstance(loss, str):
        given["loss"] = loss
    config, dataset = in_memory(configured({}, given), x, y, target, pair(validation), pair(test), weights=weights)
    _check_targets(dataset)
    judge = loss if isinstance(loss, Loss) else build_loss(config, len(dataset.classes), dataset.task == "multilabel")
    place, split = resolve_device(device), parts(config, dataset)
    config = batch_that_fits(config, split) if batch_size is None else config
    missing = without_word(network) or without_word(judge)
    if missing and run is not None:
        remedy = "Leave run out, or pass a family of your own: train(..., families=[...])"
        raise ConfigError("run", "needs a model that a file can describe", missing, remedy)
    if not missing:
        layers = network.layers if isinstance(network, Sequential) else [network]
        named = {"name": "layers", "layers": [word_of(layer) for layer in layers], "output": False}
        config = override(config, {"model": named, "loss": word_of(judge)})
    elif degree(judge) is None:
        config = override(config, {"data.scale_target": False})
    with place.activate():
        experiment = Experiment(config, dataset, split, place)
        positions = network.needs_positions
        scale = experiment.target_scale
        inputs = prepare_inputs(config, dataset, split, place, positions, scale) if missing else experiment.inputs
        own = copy.deepcopy(network)
        _build(own, inputs.shape, judge.outputs(len(dataset.classes)) if dataset.classes else inputs.y.shape[-1])
        if not missing:
            return carried(experiment, run=run, on_epoch=on_epoch, progress=progress, stop=stop)
        stop = stop or Stop()
        judge.check_targets(inputs.y)
        objective = Supervised(own, judge, [Accuracy()] if dataset.classes else [], scale)
        job = Run(experiment, inputs, objective)
        with signals_heard(stop, None):
            found = carry_out(iter([job]), None, Watch(functions(on_epoch), wants_bar(progress), False), stop)
        return _by_hand(found, own, judge, missing, stop)


def _network(model: Any) -> Layer:
    """The layers that were passed as one."""
    if isinstance(model, list | tuple) and model and all(isinstance(layer, Layer) for layer in model):
        return Sequential(list(model))
    if not isinstance(model, Layer):
        remedy = 'Pass layers such as Sequential([Dense(10)]), or gpunet.train("mlp", x, y)'
        got = f"the class {model.__name__}" if isinstance(model, type) else type(model).__name__
        raise ConfigError("model", "must be a layer, or a list of them", got, remedy)
    return model


def _check_targets(dataset: Dataset) -> None:
    """Refuse to learn from nothing."""
    if not dataset.classes and not dataset.y.shape[-1]:
        raise DataError("y", "must be given to learn from", "none", "Pass y, or target=COLUMN of a data frame")


def _check_keys(given: Mapping[str, Any]) -> None:
    """Refuse keys that say what the network is, which the layers say already."""
    for key in given:
        if key.partition(".")[0] == "model":
            raise ConfigError(key, "is said by the layers themselves", repr(given[key]), "Leave it out")


def _build(network: Layer, shape: tuple[int, ...], outputs: int) -> None:
    """Build layers for samples of a shape.

    Raises:
        ConfigError: they were made for others, or end in another number of outputs than loss and targets ask for.
    """
    network.build(shape)
    end = network.output_shape(shape)
    if end != (outputs,):
        units = "1 output" if outputs == 1 else f"{outputs} outputs"
        got = "x".join(map(str, end))
        remedy = f"Use n_out={outputs} in the last layer" if len(end) == 1 else "Put Flatten() before the last layer"
        raise ConfigError("model", f"must end in the {units} that loss and targets ask for", got, remedy)


def _by_hand(found: Carried, model: Layer, loss: Loss, missing: str, stop: Stop) -> Network:
    """A network whose model no file can describe; everything else about it is known."""
    job = found.run
    if not found.finished:
        settle(job)
    parameters: Parameters = job.trainer.parameters
    held = open_trained(checkpoint_in_memory(snapshot(job, best=False)))
    network = wrapped(TrainedModel(**vars(held), model=model, loss=loss, parameters=parameters), missing)
    network.stopped = "" if found.finished else stop.requested
    return network
