"""Training of models that are put together from objects."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from ..backend import resolve_device
from ..config import check
from ..errors import ConfigError
from ..experiment import Experiment, Run, prepare_inputs
from ..interruption import Stop
from ..layers import Layer, Sequential
from ..losses import CategoricalCrossEntropy, Loss, SquaredError
from ..metrics import Accuracy
from ..objectives import Supervised
from ..optimizers import Adam, Rule
from ..parameter import Parameters
from ..persistence import TrainedModel, open_trained, snapshot
from ..stages import Carried, carry_out
from .configuring import configured
from .loading import wrapped
from .members import in_memory as checkpoint_in_memory
from .network import Network
from .progress import Watch, wants_bar
from .samples import in_memory, parts
from .training import OnEpoch, carried, functions, pair, settle, signals_heard
from .words import without_word, word_of


def fit(
    model: Layer,
    x: Any,
    y: Any,
    loss: Loss | None = None,
    rule: Rule | None = None,
    *,
    epochs: int = 20,
    batch_size: int = 32,
    validation: float | int | tuple[Any, Any] = 0.0,
    test: float | int | tuple[Any, Any] = 0,
    target: Any = None,
    seeds: int = 1,
    seed: int = 0,
    preprocess: Any = None,
    run: str | Path | None = None,
    device: str = "auto",
    on_epoch: OnEpoch | Iterable[OnEpoch] = (),
    progress: bool | None = None,
    stop: Stop | None = None,
    **keywords: Any,
) -> Network:
    """Train a network of layers that you put together, output layer included.

    Args:
        model: layers with a linear output of as many units as there are classes or values; widths of inputs follow
            from the data where they are left out.
        x: features, see :func:`gpunet.train`.
        y: targets.
        loss: categorical cross-entropy for classes and squared error for values by default.
        rule: optimizer rule; ``Adam()`` by default.
        epochs: how long.
        batch_size: samples of a step.
        validation: part to select the best epoch on: a fraction, a number of samples, or a pair (x, y); none by
            default, so that the epoch with the lowest training loss is kept.
        test: part for a final figure: likewise.
        target: column of a frame ``x`` with the targets, instead of ``y``.
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
    >>> net = fit(Sequential([Dense(16), ReLU(), Dense(2)]), x, x[:, 0] > x[:, 1], rule=Adam(0.01), epochs=20)
    >>> net.score(x, x[:, 0] > x[:, 1]) > 0.9
    True
    """
    if not isinstance(model, Layer):
        remedy = 'Pass layers such as Sequential([Dense(10)]), or gpunet.train("mlp", x, y)'
        raise ConfigError("model", "must be a layer", type(model).__name__, remedy)
    rule = rule or Adam()
    settings = {
        "epochs": epochs, "batch_size": batch_size, "members": seeds, "seed": seed, "preprocess": preprocess,
        "optimizer": word_of(rule), "data.test": 0, "name": "fit",
    } | keywords  # fmt: skip
    for name, part in (("data.validation", validation), ("data.test", test)):
        settings |= {} if isinstance(part, tuple | list) else {name: part}
    config = configured(check({}), None, {k: v for k, v in settings.items() if v is not None})
    config, dataset = in_memory(config, x, y, target, pair(validation), pair(test))
    loss = loss or (CategoricalCrossEntropy() if dataset.classes else SquaredError())
    missing = without_word(model) or without_word(loss)
    if not missing:
        layers = model.layers if isinstance(model, Sequential) else [model]
        words = [word_of(layer) for layer in layers]
        config = configured(config, {"model": {"name": "layers", "layers": words, "output": False}}, {})
        config = configured(config, {"loss": word_of(loss)}, {})
    place, split = resolve_device(device), parts(config, dataset)
    with place.activate():
        if not missing:
            return carried(config, dataset, split, place, run=run, on_epoch=on_epoch, progress=progress, stop=stop)
        if run is not None:
            remedy = "Leave run out, or pass a family of your own: train(..., families=[...])"
            raise ConfigError("run", "needs a model that a file can describe", missing, remedy)
        stop = stop or Stop()
        inputs = prepare_inputs(config, dataset, split, place, model.needs_positions)
        loss.check_targets(inputs.y)
        objective = Supervised(model, loss, [Accuracy()] if dataset.classes else [])
        job = Run(Experiment(config, dataset, split, place), inputs, objective)
        with signals_heard(stop, None):
            found = carry_out(iter([job]), None, Watch(functions(on_epoch), wants_bar(progress), False), stop)
        return _by_hand(found, model, loss, missing, stop)


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
