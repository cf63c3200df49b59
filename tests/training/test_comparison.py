"""Laws of a comparison: what the arms share, what decides, who pays, and that a planted difference is found."""

import numpy as np
import pytest

from gpunet.backend import Device
from gpunet.checkpoint import read, write
from gpunet.config import load_config
from gpunet.data import Dataset, split
from gpunet.datasets import load
from gpunet.errors import ConfigError, DataError, DivergedError
from gpunet.experiment import Experiment
from gpunet.interruption import Stop
from gpunet.persistence import snapshot
from gpunet.studies import ARMS, Comparison, Source, paired_difference

PRETRAINED, RANDOM, RELU = ARMS
STACK = {"model.hidden": [12, 8], "training.epochs": 2, "members": 2}
TUNE = {"training.epochs": 3, "training.updates": 10, "training.batch_size": 20}


def make(device=None, labels=(40, None), rates=(0.1,), dataset=None, tune=None, widen=0, **stack):
    dataset = dataset or load("digits")
    parts = split(dataset, validation=0.15, test=0.15, seed=0)
    configs = load_config("dbn", STACK | stack, {}), load_config("finetune", TUNE | (tune or {}), {})
    pretraining, network = configs
    return Comparison(Experiment(pretraining, dataset, parts, device or Device()), network, labels, rates, widen)


def pretrain(comparison, folder, labels=40):
    for run in comparison.stack(labels).stages():
        run.train()
    write(folder / "stack.h5", snapshot(run, best=True))
    return read(folder / "stack.h5")


@pytest.fixture(scope="module")
def stack(tmp_path_factory):
    """A checkpoint of two small stacks."""
    return pretrain(make(), tmp_path_factory.mktemp("stack"))


def weights(run, name):
    parameters = run.trainer.parameters
    return parameters.device.get(parameters.view(parameters.values, name))


def test_arms_share_everything_but_what_they_compare(device):
    comparison = make(device)
    runs = [comparison._run(arm, 40, [0.1]) for arm in ARMS]
    for run in runs[1:]:
        assert np.array_equal(run.rows, runs[0].rows), "the same labelled samples"
        assert np.array_equal(weights(run, "004_dense/weight"), weights(runs[0], "004_dense/weight")), "the same output"
        for own, other in zip((run, runs[0]), (runs[0], run)):
            own.trainer.feed.shuffle(own.trainer.parameters.seeds, 3)
            other.trainer.feed.shuffle(other.trainer.parameters.seeds, 3)
        assert np.array_equal(device.get(run.trainer.feed.order), device.get(runs[0].trainer.feed.order))
    configs = [run.config.model_dump() for run in runs]
    for config in configs:
        config["model"].pop("activation")
    assert configs[0] == configs[1] == configs[2]
    assert [run.config.model.activation for run in runs] == ["sigmoid", "sigmoid", "relu"]
    assert np.array_equal(weights(runs[0], "000_dense/weight"), weights(runs[1], "000_dense/weight"))
    ratio = weights(runs[2], "000_dense/weight").std() / weights(runs[1], "000_dense/weight").std()
    assert ratio == pytest.approx(np.sqrt(2 / 64) / np.sqrt(2 / 76), rel=0.1), "He against Glorot"


def test_the_test_part_has_no_say(stack, device):
    """Whatever the test part is: the same rates, epochs and weights, and another test error."""
    chosen = []
    for spoilt in (False, True):
        comparison = make(device, rates=(0.03, 0.3), tune={"training.updates": 100})
        if spoilt:
            test = comparison.split.test
            comparison.dataset.y[test] = (comparison.dataset.y[test] + 1) % 10
        chosen.append(comparison.result(PRETRAINED, 1257, Source(stack, 1.0)))
    first, second = chosen
    assert first.chosen.rate == second.chosen.rate
    assert np.array_equal(first.chosen.best_epoch, second.chosen.best_epoch)
    assert np.array_equal(weights(first.run, "004_dense/weight"), weights(second.run, "004_dense/weight"))
    assert (first.test_error < 0.5).all()
    assert (second.test_error > 0.5).all()


def test_the_rate_with_the_lowest_mean_validation_error_is_chosen(device):
    result = make(device, rates=(0.3, 1e-6, 0.1)).result(RANDOM, 1257, None)
    assert [trial.rate for trial in result.trials] == [1e-6, 0.1, 0.3]
    means = [trial.validation_error.mean() for trial in result.trials]
    assert result.chosen is result.trials[int(np.argmin(means))]
    assert result.chosen.rate != 1e-6
    assert result.test_error.shape == (2,)
    # Every trial judged 270 validation samples, never the 270 of the test part.
    assert all(((270 * trial.validation_error) % 1).round(6).max() in (0, 1) for trial in result.trials)


def test_rates_are_widened_until_the_choice_lies_inside(device):
    result = make(device, rates=(1e-4, 1e-3), tune={"training.updates": 60}, widen=6).result(RELU, 1257, None)
    rates = [trial.rate for trial in result.trials]
    assert rates[:4] == [1e-4, 1e-3, 1e-2, 0.1]
    assert rates[0] < result.chosen.rate < rates[-1]


def test_the_chosen_network_is_the_one_that_its_rate_alone_gives(stack, device):
    """Rates and seeds are one population, of which nothing is seen in what is kept."""
    source = Source(stack, 1.0)
    together = make(device, rates=(0.03, 0.1, 0.3)).result(PRETRAINED, 40, source)
    own = make(device, rates=(together.chosen.rate,)).result(PRETRAINED, 40, source)
    assert np.array_equal(own.test_error, together.test_error)
    assert np.array_equal(own.chosen.validation_error, together.chosen.validation_error)
    mine, alone = (snapshot(result.run, best=True) for result in (together, own))
    for path, array in alone["model"].walk():
        if hasattr(array, "data"):
            assert np.array_equal(mine[f"model/{path}"].data, array.data), path
    assert mine.attrs == alone.attrs
    assert len(together.run.history) == len(own.run.history)


def test_only_the_pretrained_arm_pays_for_pretraining(stack):
    source = Source.recorded(stack)
    history = sum(stack[f"pretraining/{layer}/history/seconds"].data.sum() for layer in ("000_rbm", "001_rbm"))
    assert source.seconds == pytest.approx(history)
    assert source.seconds > 0
    comparison = make(labels=(40,))
    charged = [comparison.result(arm, 40, source).pretraining for arm in ARMS]
    assert charged == [source.seconds, 0, 0]


def test_all_numbers_of_labels_may_train_equally_long(device):
    comparison = make(device, labels=(20, 100, None), tune={"training.patience": None, "training.updates": 63})
    for labels in comparison.labels:
        run = comparison.result(RANDOM, labels, None).run
        clock = int(device.get(run.trainer.clock)[0])
        assert 3 * 63 <= clock <= 3 * 126
        assert len(run.history) == 3


def planted(rng):
    """Two clusters in 60 features that unlabelled data shows and 10 labels under noise hardly do.

    One hidden cause sets 30 noisy pixels of each pattern, so machines find it; the label is the cause.
    """
    cause = rng.integers(0, 2, 3000)
    patterns = rng.random((2, 60)) < 0.5
    flipped = rng.random((3000, 60)) < 0.38
    x = (patterns[cause] ^ flipped).astype(np.float32)
    return Dataset("planted", x, cause.astype(np.int32), ("0", "1"))


def test_a_planted_difference_is_found(rng, tmp_path):
    stack = {"members": 4, "model.hidden": [10], "training.epochs": 30, "data.preprocess": "none"}
    tune = {"training.batch_size": 5, "training.epochs": 10, "training.updates": 20}
    comparison = make(labels=(10,), rates=(0.03, 0.1), dataset=planted(rng), tune=tune, **stack)
    source = Source(pretrain(comparison, tmp_path, 10), 1.0)
    errors = {arm: comparison.result(arm, 10, source).test_error for arm in ARMS}
    for control in (RANDOM, RELU):
        found = paired_difference(errors[control].tolist(), errors[PRETRAINED].tolist(), 1 / 450)
        assert found.sign == 1, errors
        assert found.mean > 0.03


def test_no_difference_is_found_between_equals(rng, tmp_path):
    """A stack that was drawn by Glorot and not trained is a random network of another seed."""
    stack = {"members": 4, "model.hidden": [10], "training.epochs": 1, "optimizer.learning_rate": 0.0}
    tune = {"training.batch_size": 5, "training.epochs": 10, "training.updates": 20}
    options = stack | {"data.preprocess": "none"}
    comparison = make(labels=(10,), rates=(0.1,), dataset=planted(rng), tune=tune, **options)
    source = Source(pretrain(comparison, tmp_path, 10), 1.0)
    errors = [comparison.result(arm, 10, source).test_error.tolist() for arm in (RANDOM, PRETRAINED)]
    assert paired_difference(*errors, 1 / 450).sign == 0, errors


def test_the_same_seeds_give_the_same_figures(stack, device):
    first, second = (make(device).result(PRETRAINED, 40, Source(stack, 1.0)) for _ in range(2))
    assert np.array_equal(first.test_error, second.test_error)
    assert np.array_equal(first.chosen.validation_error, second.chosen.validation_error)


@pytest.mark.parametrize(("method", "labelled"), [("supervised", True), ("denoising", False)])
def test_pretraining_never_sees_more_labels_than_its_arm(method, labelled, device):
    comparison = make(device, **{"model.method": method, "training.batch_size": 20})
    assert comparison.labelled_pretraining is labelled
    run = next(comparison.stack(40).stages())
    assert run.trainer.feed.samples == (40 if labelled else 1257)
    if labelled:
        assert np.array_equal(run.rows, [comparison._run(RANDOM, 40, [0.1]).rows[m][:40] for m in (0, 1)])


def test_a_stack_of_an_earlier_run_must_fit(stack, tmp_path, device):
    make(device).check_source(stack)
    y = np.arange(200, dtype=np.int32) % 2
    other = Dataset("other", np.arange(800.0, dtype=np.float32).reshape(200, 4), y, ("a", "b"))
    with pytest.raises(ConfigError, match="source: must be pretrained on the data of the comparison"):
        make(device, dataset=other, labels=(None,)).check_source(stack)
    with pytest.raises(ConfigError, match="source: must have all 3 layers, got 2"):
        make(device, **{"model.hidden": [12, 8, 4]}).check_source(stack)
    seen = {"model.method": "supervised", "data.labels": 50, "training.batch_size": 20}
    with pytest.raises(ConfigError, match="more labels than the fewest of the labels, 40, got 50 labels"):
        make(device, **seen).check_source(stack)
    make(device, labels=(50,), **seen).check_source(stack)


def test_a_rate_that_diverges_is_left_out(device):
    result = make(device, rates=(0.1, 1e25), tune={"training.l2": 0.1}).result(RELU, 40, None)
    assert result.chosen.rate == 0.1
    assert result.trials[1].validation_error is None
    with pytest.raises(DivergedError, match=r"relu with 40 labels: must stay finite at some learning rate, got 1e\+25"):
        make(device, rates=(1e25,), tune={"training.l2": 0.1}).result(RELU, 40, None)


def test_a_stop_leaves_no_result(device):
    stop = Stop()
    stop.request("test")
    assert make(device).result(RANDOM, 40, None, stop=stop) is None


def test_a_schedule_keeps_its_shape(device):
    tune = {"optimizer.learning_rate": {"name": "step", "value": 1.0, "factor": 0.5, "every": 2}}
    run = make(device, tune=tune)._run(RANDOM, 40, [0.25])
    assert run.trainer.optimizer.rule.learning_rate.value == 0.25
    assert run.trainer.optimizer.rule.learning_rate.factor == 0.5


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"labels": (9,)}, r"labels to compare: must be between the 10 classes and the 1,257 samples .*, got 9"),
        ({"labels": (1258,)}, r"labels to compare: must be between .*, got 1258"),
        ({"labels": (15,)}, r"network\.batch_size: must be at most the fewest labels, 15, got 20"),
        ({"model": "rbm", "model.hidden": 12}, r"compare: pretrains a stack of machines, got rbm"),
        ({"model.top_units": "gaussian"}, r"model: must have bernoulli hidden units .*, got bernoulli, gaussian"),
        ({"tune": {"model": {"name": "layers", "layers": []}}}, r"network\.model: must be mlp, got layers"),
        ({"tune": {"training.monitor": "train_loss"}}, r"network\.monitor: must be validation_accuracy"),
        (
            {"tune": {"optimizer.learning_rate": {"name": "piecewise", "values": [1, 0.1], "boundaries": [1]}}},
            r"network\.learning_rate: must have one value that the rates can replace, got piecewise",
        ),
    ],
)
def test_what_cannot_be_compared_is_refused_before_the_first_step(options, expected):
    with pytest.raises(ConfigError, match=expected):
        make(**options)


def test_classes_and_all_three_parts_are_needed():
    real = Dataset("real", np.eye(20, 4, dtype=np.float32), np.ones((20, 1), np.float32))
    with pytest.raises(DataError, match="real: must have classes to compare errors"):
        make(dataset=real)
    dataset = load("digits")
    configs = load_config("dbn", STACK, {}), load_config("finetune", TUNE, {})
    for part in ("validation", "test"):
        sizes = {"validation": 0.15, "test": 0.15} | {part: 0}
        with pytest.raises(ConfigError, match=rf"{part}: must have samples to choose on and to compare"):
            parts = split(dataset, seed=0, **sizes)
            Comparison(Experiment(configs[0], dataset, parts, Device()), configs[1], [40], [0.1])
