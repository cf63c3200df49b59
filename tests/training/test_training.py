"""The training loop: populations, failures, selection, evaluation."""

import numpy as np
import pytest

from gpunet.backend import Device
from gpunet.checkpoint import read, write
from gpunet.config import load_config
from gpunet.data import Dataset, Feed, fit_preprocessing, split
from gpunet.datasets import load
from gpunet.errors import ConfigError, DataError, DivergedError
from gpunet.experiment import Experiment, Run
from gpunet.interruption import Stop
from gpunet.layers import Dense, Sequential
from gpunet.losses import CategoricalCrossEntropy, SquaredError
from gpunet.objectives import Supervised
from gpunet.optimizers import SGD
from gpunet.parameter import Parameters
from gpunet.persistence import snapshot
from gpunet.training import EpochRecord, Evaluator, Predictor, Selection, Trainer


def make_run(device=None, preset="mlp", **overrides):
    config = load_config(preset, {"model.hidden": [16], "training.epochs": 2} | overrides, {})
    dataset = load("digits")
    data = config.data
    parts = split(dataset, validation=data.validation, test=data.test, seed=data.split_seed, order=data.split)
    return Run(Experiment(config, dataset, parts, device or Device()))


@pytest.mark.parametrize("drop_last", [True, False])
def test_each_member_is_the_model_of_its_seed(drop_last, device):
    """Weights, order, dropout and batch statistics: bit for bit on the CPU."""
    options = {"model.batch_norm": True, "training.drop_last": drop_last}
    together = make_run(device, members=3, seed=4, **options)
    together.train()
    for member in range(3):
        alone = make_run(device, seed=4 + member, **options)
        alone.train()
        a = device.get(together.trainer.parameters.values)[member]
        b = device.get(alone.trainer.parameters.values)
        assert np.array_equal(a, b) if device.kind == "cpu" else np.allclose(a, b, atol=1e-5)
        assert together.test_scores["loss"][member] == pytest.approx(alone.test_scores["loss"][0], rel=1e-6)


def test_the_same_seed_trains_the_same_and_another_does_not():
    runs = [make_run(seed=seed) for seed in (1, 1, 2)]
    for run in runs:
        run.train()
    a, b, c = (run.trainer.parameters.values for run in runs)
    assert np.array_equal(a, b)
    assert not np.array_equal(a, c)


def test_every_sample_is_seen_once_per_epoch_in_a_new_order(device):
    x = np.arange(20, dtype=np.float32)[:, None]
    feed = Feed(device, x, np.zeros(20, np.int32), fit_preprocessing("none", x, 1.0), np.dtype(np.float32), (2,))
    orders = []
    for epoch in range(3):
        feed.shuffle((1, 2), epoch)
        orders += list(device.get(feed.order))
    assert all(sorted(order) == list(range(20)) for order in orders)
    assert len({tuple(order) for order in orders}) == 6


def test_remainder_counts_as_its_size(device):
    run = make_run(device, **{"training.drop_last": False, "training.batch_size": 500, "training.epochs": 1})
    assert run.trainer.steps_per_epoch(True) == 2
    run.train()
    assert device.get(run.trainer.totals)[-1].tolist() == [1257]


def test_evaluation_pads_and_masks(device, rng):
    """Any batch size gives the same means, and they are those of the whole set computed at once."""
    x, y = rng.normal(size=(23, 3)).astype(np.float32), rng.integers(0, 2, 23).astype(np.int32)
    model, loss = Dense(2, n_in=3), CategoricalCrossEntropy()
    Parameters(model, 0, device)
    feed = Feed(device, x, y, fit_preprocessing("none", x, 1.0), np.dtype(np.float32))
    z = x @ device.get(model.weight.value)
    log_p = z - np.log(np.exp(z).sum(axis=1, keepdims=True))
    for batch in (4, 23, 100):
        scores = Evaluator(Supervised(model, loss), feed, 1, device, batch).scores()
        assert scores["loss"][0] == pytest.approx(-log_p[np.arange(23), y].mean(), rel=1e-5)
        assert scores["accuracy"][0] == pytest.approx((z.argmax(axis=1) == y).mean())
        predicted = np.concatenate(list(Predictor(model, loss, feed, device, batch).batches()))
        assert predicted == pytest.approx(np.exp(log_p), rel=1e-5)


def poisoned(device, bad_step, seeds=0):
    """A trainer whose data holds a NaN in the batch of one step."""
    x, y = np.ones((40, 2), np.float32), np.zeros((40, 1), np.float32)
    members = () if np.ndim(seeds) == 0 else (len(seeds),)
    feed = Feed(device, x, y, fit_preprocessing("none", x, 1.0), np.dtype(np.float32), members)
    trainer = Trainer(
        Supervised(Sequential([Dense(1)]), SquaredError(), []),
        optimization=SGD(0.1, momentum=0.5),
        seeds=seeds,
        feed=feed,
        batch_size=4,
        device=device,
    )
    trainer.begin_epoch(0, 10)
    sample = int(device.get(feed.order).reshape(-1, 40)[0, bad_step * 4])
    feed.x[sample] = np.nan
    return trainer


def test_a_bad_step_changes_nothing_and_is_named(device):
    trainer = poisoned(device, bad_step=3)
    for _ in range(3):
        trainer.step(4)
    good = device.get(trainer.parameters.values), device.get(trainer.optimizer.slots["velocity"])
    with np.errstate(all="ignore"):
        for _ in range(4):
            trainer.step(4)
    assert trainer.failures().tolist() == [3]
    assert np.array_equal(device.get(trainer.parameters.values), good[0])
    assert np.array_equal(device.get(trainer.optimizer.slots["velocity"]), good[1])


def test_divergence_ends_training_with_exit_code_6():
    run = make_run(**{"optimizer": {"name": "sgd", "learning_rate": 1e20}})
    with pytest.raises(DivergedError, match=r"step \d+: \w+ must have a finite length") as caught:
        run.train()
    assert caught.value.exit_code == 6
    assert np.isfinite(run.trainer.parameters.values).all()


def test_selection_keeps_the_best_weights_of_each_member_and_stops_it(device):
    parameters = Parameters(Dense(1, n_in=2), [1, 2], device)
    selection = Selection(parameters, "validation_accuracy", patience=2, higher=True)
    seen = []
    for epoch, values in enumerate([[0.5, 0.5], [0.4, 0.7], [0.4, 0.6], [0.9, 0.8], [0.9, 0.8]], 1):
        parameters.values[...] = epoch
        seen.append(selection.update(epoch, np.array(values)).tolist())
    # The first member stops after two epochs without a better one, so its 0.9 comes too late.
    assert seen == [[True, True], [False, True], [False, False], [False, True], [False, False]]
    assert selection.best_epoch.tolist() == [1, 4]
    selection.restore()
    assert device.get(parameters.values)[:, 0].tolist() == [1, 4]
    assert selection.active.tolist() == [False, True]


def test_a_member_that_stopped_is_frozen(device):
    run = make_run(device, members=2, **{"training.patience": 1, "training.epochs": 1})
    run.train()
    trainer = run.trainer
    device.copy_into(trainer.active, [False, True])
    trainer.begin_epoch(1, 3)
    before = device.get(trainer.parameters.values)
    trainer.step(128)
    after = device.get(trainer.parameters.values)
    assert np.array_equal(before[0], after[0])
    assert not np.array_equal(before[1], after[1])


def test_stop_ends_after_the_current_step():
    run, stop, steps = make_run(**{"training.epochs": 50}), Stop(), []

    def on_step(epoch, step, total):
        steps.append((epoch, step))
        if len(steps) == 12:
            stop.request("SIGINT")

    run.train(on_step=on_step, stop=stop)
    assert int(run.trainer.clock[0]) == len(steps) == 12
    assert run.test_scores == {}


def test_a_run_that_was_stopped_in_its_first_epoch_can_be_saved_and_read(tmp_path):
    run, stop = make_run(), Stop()
    run.train(on_step=lambda *_: stop.request("SIGTERM"), stop=stop)
    write(tmp_path / "last.h5", snapshot(run, best=False))
    found = read(tmp_path / "last.h5")
    assert (found.attrs["epoch"], found.attrs["step"], found["loop"].attrs["batch"]) == (0, 1, 1)
    assert found["loop/best_epoch"].data.tolist() == [-1]


def test_standardisation_sees_the_training_part_alone(rng):
    x = rng.normal(3, 2, (300, 4)).astype(np.float32)
    dataset = Dataset("d", x, (x[:, 0] > 3).astype(np.int32), ("no", "yes"))
    config = load_config("linear", {"data.preprocess": "standardise"}, {})
    parts = split(dataset, validation=0.2, test=0.2, seed=0)
    fitted = Run(Experiment(config, dataset, parts, Device())).preprocessing.steps[0].arrays
    assert fitted["shift"] == pytest.approx(x[parts.train].mean(axis=0), rel=1e-5)
    assert fitted["factor"] == pytest.approx(1 / x[parts.train].std(axis=0), rel=1e-4)
    x[parts.validation] += 100
    x[parts.test] -= 100
    again = Run(Experiment(config, dataset, parts, Device())).preprocessing.steps[0].arrays
    assert np.array_equal(again["shift"], fitted["shift"])
    assert np.array_equal(again["factor"], fitted["factor"])


def test_a_batch_larger_than_the_training_part_is_refused():
    with pytest.raises(ConfigError, match="must be at most the 1257 samples of the training part, got 2000"):
        make_run(**{"training.batch_size": 2000})


def test_a_monitor_needs_its_data():
    with pytest.raises(ConfigError, match="validation_loss needs a validation part"):
        make_run(**{"training.monitor": "validation_loss", "data.validation": 0})


def test_targets_are_checked_against_the_loss_before_training(rng):
    dataset = Dataset("d", rng.normal(size=(50, 2)).astype(np.float32), rng.normal(size=(50, 1)).astype(np.float32), ())
    config = load_config("linear", {"loss": "poisson", "training.batch_size": 8}, {})
    with pytest.raises(DataError, match="targets: must be counts of 0 or more for poisson, got -"):
        Run(Experiment(config, dataset, split(dataset, validation=0.2, test=0.2, seed=0), Device()))


def test_poisson_regression_finds_the_rates(rng):
    """Counts whose mean is exp(0.8 a + 1), and a second feature that says nothing."""
    x = rng.normal(size=(2000, 2)).astype(np.float32)
    y = rng.poisson(np.exp(0.8 * x[:, :1] + 1)).astype(np.float32)
    options = {"loss": "poisson", "data.preprocess": "none", "training.l2": 0, "optimizer.learning_rate": 1e-3}
    config, dataset = load_config("linear", options, {}), Dataset("d", x, y, ())
    run = Run(Experiment(config, dataset, split(dataset, validation=0.1, test=0.1, seed=0), Device()))
    run.train()
    found = {name: p.value for name, p in run.trainer.parameters.named.items()}
    assert found["000_dense/weight"][:, 0] == pytest.approx([0.8, 0], abs=0.05)
    assert found["000_dense/bias"] == pytest.approx([1], abs=0.05)


def test_a_configured_bound_holds_in_training():
    """Plain steps of rate 1 move the weights by no more than the bound on the gradient's length."""
    run = make_run(**{"optimizer": {"name": "sgd", "learning_rate": 1.0}, "training.clip_norm": 1e-3})
    trainer = run.trainer
    trainer.begin_epoch(0, 3)
    for _ in range(3):
        before = trainer.parameters.values.copy()
        trainer.step(128)
        assert np.linalg.norm(trainer.parameters.values - before) == pytest.approx(1e-3, rel=1e-3)
    assert make_run().trainer.optimizer.optimization.clipping is None


def record(epoch, improved):
    improved = np.array(improved)
    return EpochRecord(epoch, 9, {}, improved, np.ones(improved.shape, bool), 0.0)


def test_the_rate_falls_after_epochs_without_improvement():
    """The first member improves in epochs 1 and 4, the second in each but 5 and 6."""
    run = make_run(members=2, **{"training.plateau": {"patience": 2, "factor": 0.5}})
    seen = []
    for epoch in range(1, 9):
        run.plateau(record(epoch, [epoch in (1, 4), epoch not in (5, 6)]))
        seen.append(run.trainer.optimizer.rate_scale.tolist())
    assert [first for first, _ in seen] == [1, 1, 0.5, 0.5, 0.5, 0.25, 0.25, 0.125]
    assert [second for _, second in seen] == [1, 1, 1, 1, 1, 0.5, 0.5, 0.5]


def test_a_plateau_scales_the_schedule_of_the_run():
    """With a rate of 0 nothing improves after the first epoch; the recorded rates are what the steps used."""
    options = {"name": "sgd", "learning_rate": {"name": "ramp", "start": 0.0, "stop": 0.0, "epochs": 1}}
    still = make_run(**{"optimizer": options, "training.plateau.patience": 1, "training.epochs": 3})
    still.train()
    assert still.trainer.optimizer.rate_scale == pytest.approx(0.01)
    rate = {"name": "step", "value": 1e-9, "factor": 0.5, "every": 1}
    run = make_run(
        **{"optimizer": {"name": "sgd", "learning_rate": rate}, "training.epochs": 4, "training.plateau.patience": 2}
    )
    run.train()
    used = [r.numbers["learning_rate"][0] for r in run.history]
    scale = [1.0]
    waited = 0
    for r in run.history:
        waited = 0 if r.improved[0] else waited + 1
        scale.append(scale[-1] * (0.1 if waited == 2 else 1))
        waited %= 2
    assert used == pytest.approx([1e-9 * 0.5**epoch * s for epoch, s in enumerate(scale[:4])])
    again = make_run(**{"training.plateau.patience": 2})
    for r in run.history:
        again.plateau(r)
    assert again.trainer.optimizer.rate_scale == run.trainer.optimizer.rate_scale, "it follows from the records"


def test_a_plateau_needs_a_monitor():
    with pytest.raises(ConfigError, match=r"plateau: needs a monitored number that can improve"):
        make_run(**{"training.plateau.patience": 2, "training.monitor": "last"})
