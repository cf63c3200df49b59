"""A population is its models: each member ends, bit for bit, as a run of its seed alone, whatever is switched on."""

from dataclasses import replace

import numpy as np
import pytest

from gpunet.config import load_config
from gpunet.data import split
from gpunet.datasets import load
from gpunet.errors import ConfigError
from gpunet.experiment import Experiment, Run
from gpunet.stages import Stack
from gpunet.testing import make_context

SEED = 6
NETWORK = {"model.hidden": [12], "training.epochs": 3, "training.batch_size": 50}
MACHINE = {"model.hidden": 10, "training.epochs": 2, "training.batch_size": 50}
FAST = {"name": "sgd", "learning_rate": 0.5, "momentum": 0.9}

NETWORKS = {
    "labels": {"data.labels": 60, "training.updates": 20},
    "labels, once": {"data.labels": 100},
    "plateau": {"training.plateau": {"patience": 1, "factor": 0.3}, "optimizer": FAST, "training.epochs": 6},
    "ema": {"training.averaging": {"name": "ema", "decay": 0.9}},
    "swa": {"training.averaging": {"name": "swa", "start": 2}},
    "ema of batch statistics": {"training.averaging": "ema", "model.batch_norm": "after"},
    "classic dropout": {"model.dropout": 0.4, "model.input_dropout": 0.1, "model.dropout_mode": "classic"},
    "noise": {"model.input_noise": 0.3, "model.dropout": 0.5},
    "augmentation": {
        "augmentation.shift.pixels": 1, "augmentation.rotate.degrees": 20, "augmentation.noise.std": 0.1,
        "augmentation.mixup": True, "augmentation.cut_out.pixels": 2, "augmentation.elastic": True,
    },
    "mixed images": {"augmentation.cut_mix": True, "augmentation.rand_augment": {"operations": 2, "strength": 0.5}},
    "augmented labels": {
        "data.labels": 60, "training.updates": 20, "augmentation.shift": True, "augmentation.mixup": True
    },
    "stochastic bits": {"data.preprocess": ["scale", {"name": "binarise", "stochastic": True}]},
    "batch norm": {"model.batch_norm": "before"},
    "patience": {"training.patience": 1, "training.epochs": 8, "optimizer": FAST},
    "patience with averaging": {
        "training.patience": 1, "training.epochs": 8, "optimizer": FAST, "training.averaging": "ema"
    },
    "length of the gradient": {"training.clip_norm": 0.05},
    "size of the gradient": {"training.clip_value": 1e-3},
    "penalties": {"training.l1": 1e-3, "training.l2": 1e-2},
    "decay": {"optimizer": {"name": "adamw", "weight_decay": 0.1}},
    "lars": {"optimizer": {"name": "lars", "learning_rate": 2.0}},
    "max norm": {"model.max_norm": 0.5},
    "lsuv": {"model.initializer": "lsuv"},
    "remainder": {"training.drop_last": False, "training.batch_size": 70},
    "training loss": {"training.monitor": "train_loss"},
    "last": {"training.monitor": "last"},
    "squared error": {"loss": "softmax_squared_error", "model.activation": "leaky_relu"},
    "schedule": {"optimizer": {"name": "sgd", "learning_rate": {"name": "one_cycle", "value": 0.5, "epochs": 3}}},
}  # fmt: skip
MACHINES = {
    "contrastive divergence": {"model.chains": "from_data", "model.k": 2},
    "mean field": {"model.chains": {"name": "from_data", "mean_field": True}},
    "persistent": {"model.chains": 7},
    "fast persistent": {"model.chains": {"name": "fast_persistent", "count": 7}},
    "tempered": {"model.chains": {"name": "tempered", "count": 3, "temperatures": 3}, "training.epochs": 3},
    "trajectory": {
        "model.chains": {"name": "trajectory", "count": 7, "reservoir": 20, "freeze": 0.7, "every": 2, "sweeps": 40},
        "optimizer.learning_rate": 0.02,
    },
    "growing k": {"model.k": {"name": "step", "value": 1, "factor": 2, "every": 1}},
    "sparsity": {"model.sparsity": {"target": 0.2, "cost": 0.1}},
    "plain gradient": {"model.center": False, "model.binarise": False},
    "gaussian": {"model.visible_units": {"name": "gaussian", "learn_variance": True}, "optimizer.learning_rate": 1e-3},
    "rectified": {"model.hidden_units": "noisy_relu", "optimizer.learning_rate": 1e-3},
    "penalties": {"training.l1": 1e-3, "training.l2": 1e-2},
    "ema": {"training.averaging": "ema"},
}
OTHERS = {
    "autoencoder": ("autoencoder", {"model.hidden": [12], "model.code": 4, "training.epochs": 2}),
    "classrbm": ("classrbm", {"model.hidden": 10, "training.epochs": 2, "model.generative": 0.1}),
    "updown": ("updown", {"model.hidden": [12, 10], "training.epochs": 3, "model.greedy": 1}),
    "dbm": ("dbm", {"model.hidden": [9, 8], "training.epochs": 3, "model.greedy": 1, "model.k": 2}),
    "classdbm": ("classdbm", {"model.hidden": [9, 8, 7], "training.epochs": 2, "model.greedy": 0}),
    "dbm_mlp": ("dbm-finetune", {"model.hidden": [9, 8], "training.epochs": 2, "training.updates": 10}),
}


def make(preset, device, **overrides):
    config = load_config(preset, overrides, {})
    whole = load("digits")
    dataset = replace(whole, x=whole.x[:400], y=whole.y[:400])
    return Experiment(config, dataset, split(dataset, validation=0.25, test=0.25, seed=0), device)


def state(run):
    """Everything that training has made, by name: each array with the members first, if there are several."""
    device, trainer, selection = run.device, run.trainer, run.selection
    arrays = {"weights": trainer.parameters.values, "best weights": selection.weights}
    arrays |= {f"slot {name}": slot for name, slot in trainer.optimizer.slots.items()}
    arrays |= {f"state {name}": array for name, array in run.objective.state().items()}
    found = {name: device.get(array) for name, array in arrays.items()}
    found |= {"best epoch": selection.best_epoch, "best": selection.best_so_far, "active": selection.active}
    return found | {"rate scale": run.trainer.optimizer.rate_scale}


def assert_same(together, alone, member, device):
    for name, expected in alone.items():
        mine = together[name][member].reshape(expected.shape)
        same = np.array_equal(mine, expected) if device.kind == "cpu" else np.allclose(mine, expected, atol=1e-4)
        assert same, name


def check(preset, device, overrides):
    several = Run(make(preset, device, members=3, seed=SEED, **overrides))
    several.train()
    together = state(several)
    for member in range(3):
        run = Run(make(preset, device, seed=SEED + member, **overrides))
        run.train()
        assert_same(together, state(run), member, device)
        mine, alone = several.history, run.history
        # A population goes on until its last member stops.
        assert len(mine) >= len(alone)
        for ours, theirs in zip(mine, alone):
            for name, values in theirs.numbers.items():
                assert ours.numbers[name][member] == pytest.approx(values[0], rel=1e-5, abs=1e-6), name
        for name, values in run.test_scores.items():
            assert several.test_scores[name][member] == pytest.approx(values[0], rel=1e-5)
    return several


@pytest.mark.parametrize("name", NETWORKS)
def test_a_member_of_a_population_of_networks_is_the_model_of_its_seed(name, device):
    several = check("mlp", device, NETWORK | {"model.dropout": 0.0, "model.input_dropout": 0.0} | NETWORKS[name])
    weights = several.device.get(several.trainer.parameters.values)
    assert not np.array_equal(weights[0], weights[1])
    if name == "plateau":
        assert len(set(several.trainer.optimizer.rate_scale)) > 1, "the members must fall at different epochs"
    if name.startswith("patience"):
        assert len(set(several.selection.best_epoch)) > 1, "the members must stop at different epochs"


@pytest.mark.parametrize("name", MACHINES)
def test_a_member_of_a_population_of_machines_is_the_machine_of_its_seed(name, device):
    check("rbm", device, MACHINE | MACHINES[name])


@pytest.mark.parametrize("name", OTHERS)
def test_a_member_of_any_other_population_is_the_model_of_its_seed(name, device):
    preset, overrides = OTHERS[name]
    check(preset, device, {"training.batch_size": 50} | overrides)


@pytest.mark.parametrize("method", ["contrastive_divergence", "denoising", "supervised"])
@pytest.mark.parametrize("chains", ["from_data", 7])
def test_a_member_of_a_population_of_stacks_is_the_stack_of_its_seed(method, chains, device):
    """Each layer, on what the layer below of the same seed makes of the data."""
    overrides = {
        "model.hidden": [12, 8], "training.epochs": 2, "training.batch_size": 50,
        "model.method": method, "model.chains": chains,
    }  # fmt: skip
    if method == "supervised":
        overrides["data.labels"] = 100

    def layers(**options):
        found = []
        for run in Stack(make("dbn", device, **overrides, **options)).stages():
            run.train()
            found.append(state(run))
        return found

    together = layers(members=2, seed=SEED)
    for member in range(2):
        for mine, alone in zip(together, layers(seed=SEED + member), strict=True):
            assert_same(mine, alone, member, device)


def test_each_member_learns_from_the_labelled_samples_of_its_own_seed(device):
    """The batches themselves: of member 1 as of the run of its seed, not of member 0's share."""
    options = NETWORK | {"data.labels": 60}
    several = Run(make("mlp", device, members=2, seed=SEED, **options))
    assert not np.array_equal(np.sort(several.rows[0]), np.sort(several.rows[1]))
    several.trainer.begin_epoch(0, 1)
    feed, ctx = several.trainer.feed, make_context(device, [SEED, SEED + 1])
    *batch, weight = feed.batch(ctx, several.trainer.cursor, 60, 60)
    assert weight is None
    x, y = (device.get(part) for part in batch)
    train = several.split.train
    for member in range(2):
        own = train[several.rows[member]]
        order = device.get(feed.order)[member]
        assert np.array_equal(y[member], several.dataset.y[own][order])
        expected = several.dataset.x[own].reshape(60, -1)[order] / 16
        assert x[member] == pytest.approx(expected, rel=1e-6)


SGD = {"name": "sgd", "learning_rate": 0.1, "momentum": 0.9}
DIFFERING = {
    "rate": {"optimizer.learning_rate": [0.1, 0.003, 0.001]},
    "momentum": {"optimizer": SGD, "optimizer.momentum": [0.9, 0.0, 0.5], "optimizer.dampening": [0.0, 0.5, 0.1]},
    "numbers of adam": {
        "optimizer.beta1": [0.9, 0.5, 0.0], "optimizer.beta2": [0.999, 0.9, 0.99],
        "optimizer.epsilon": [1e-8, 1e-3, 1.0],
    },
    "lars": {"optimizer": {"name": "lars", "trust": [1e-3, 1e-2, 0.1], "weight_decay": [0.0, 0.1, 0.01]}},
    "rmsprop": {"optimizer": {"name": "rmsprop", "momentum": [0.0, 0.5, 0.9], "decay": [0.9, 0.99, 0.5]}},
    "decay": {"optimizer": {"name": "adamw", "weight_decay": [0.1, 0.0, 1.0]}},
    "schedules": {"optimizer.learning_rate": [0.01, "cosine", {"name": "step", "value": 0.01, "every": 1}]},
    "numbers of a schedule": {
        "optimizer.learning_rate": {
            "name": "warm_up", "epochs": [1, 2, 3],
            "then": {"name": "exponential", "value": [0.1, 0.01, 0.03], "factor": [0.9, 0.5, 0.1]},
        }
    },
    "penalties": {"training.l1": [0.0, 1e-3, 1e-2], "training.l2": [1e-2, 0.0, 1e-1]},
    "length of the gradient": {"training.clip_norm": [0.05, 1.0, 10.0]},
    "size of the gradient": {"training.clip_value": [1e-3, 1e-2, 1.0]},
    "averaging": {"training.averaging": {"name": "ema", "decay": [0.9, 0.5, 0.99]}},
    "start of averaging": {"training.averaging": {"name": "swa", "start": [1, 2, 3]}},
    "dropout": {"model.dropout": [0.0, 0.2, 0.5], "model.input_dropout": [0.1, 0.0, 0.3]},
    "classic dropout": {
        "model.dropout": [0.3, 0.0, 0.5], "model.input_dropout": [0.0, 0.1, 0.2], "model.dropout_mode": "classic"
    },
    "dropout by old rules": {"model.dropout": [1e-7, 0.2, 0.5], "numerics": 1},
    "noise": {"model.input_noise": [0.0, 0.1, 0.5], "model.dropout": [0.5, 0.0, 0.5]},
    "length of weights": {"model.max_norm": [0.5, 1.0, None]},
    "no bound beside one": {"training.clip_norm": [0.05, None, 1.0], "training.patience": [1, None, 2]},
    "deviation of weights": {"model.initializer": {"name": "normal", "std": [0.01, 0.1, 0.3]}},
    "gain by lsuv": {"model.initializer": {"name": "lsuv", "gain": [1.0, 0.5, 2.0]}},
    "sparse weights": {"model.initializer": {"name": "sparse", "k": [2, 15, 5], "std": [1.0, 0.5, 0.1]}},
    "smoothing": {"loss": {"name": "categorical_cross_entropy", "label_smoothing": [0.0, 0.1, 0.3]}},
    "patience": {"training.patience": [1, 2, 3], "training.epochs": 8, "optimizer": SGD | {"learning_rate": 1.0}},
    "plateau": {
        "training.plateau": {"patience": [1, 2, 1], "factor": [0.1, 0.3, 0.5]}, "training.epochs": 6,
        "optimizer": SGD | {"learning_rate": [0.5, 1.0, 0.7]},
    },
}  # fmt: skip
DIFFERING_MACHINES = {
    "rate": {"optimizer.learning_rate": [0.1, 0.01, 0.03]},
    "k": {"model.k": [1, 3, 2]},
    "k by schedule": {"model.k": [1, {"name": "step", "value": 1, "factor": 2, "every": 1}, 3]},
    "factor of k": {"model.k": {"name": "step", "value": 1, "factor": [1, 2, 3], "every": 1}},
    "k of persistent chains": {"model.chains": 7, "model.k": [2, 1, 3]},
    "k of fast chains": {"model.chains": {"name": "fast_persistent", "count": 7}, "model.k": [2, 1, 3]},
    "fast parameters": {
        "model.chains": {
            "name": "fast_persistent", "count": 7, "fast_rate": [0.05, 0.1, 0.01], "fast_decay": [0.95, 0, 0.5],
        }
    },
    "k of tempered chains": {"model.chains": {"name": "tempered", "count": 3, "temperatures": 3}, "model.k": [2, 1, 3]},
    "k of noisy units": {"model.hidden_units": "noisy_relu", "optimizer.learning_rate": 1e-3, "model.k": [3, 1, 2]},
    "sparsity": {"model.sparsity": {"target": [0.1, 0.2, 0.3], "cost": [0.1, 0.0, 1.0]}},
}  # fmt: skip
DIFFERING_OTHERS = {
    "autoencoder": (
        "autoencoder", {"model.hidden": [12], "model.code": 4, "training.epochs": 2, "training.l2": [0, 0.1]}
    ),
    "classrbm": ("classrbm", {"model.hidden": 10, "training.epochs": 2, "model.generative": 0.1, "model.k": [2, 1]}),
    "updown": ("updown", {"model.hidden": [12, 10], "training.epochs": 3, "model.greedy": 1, "model.k": [1, 2]}),
    "dbm": ("dbm", {"model.hidden": [9, 8], "training.epochs": 3, "model.greedy": 1, "model.k": [1, 2]}),
    "dbm_mlp": (
        "dbm-finetune",
        {"model.hidden": [9, 8], "training.epochs": 1, "training.updates": 9, "model.dropout": [0.0, 0.5]},
    ),
    "weights of likelihoods": (
        "classrbm",
        {
            "model.hidden": 10, "training.epochs": 2, "model.generative": [0.1, 0.5],
            "model.discriminative": [0.3, 1.0],
        },
    ),
    "weights of likelihoods of weighted samples": (
        "classrbm",
        {
            "model.hidden": 10, "training.epochs": 2, "model.generative": [0.1, 0.5],
            "model.discriminative": [0.3, 1.0],
            "data.labels": 50, "training.class_weight": "balanced",
        },
    ),
    "pixels missing": (
        "denoiser",
        {"model.channels": [2], "training.epochs": 1, "model.corruption": [0.0, 0.4]},
    ),
    "momentum of statistics": (
        "mlp",
        {
            "model": {
                "name": "layers",
                "layers": [
                    {"name": "dense", "n_out": 8}, {"name": "batch_norm", "momentum": [0.1, 0.5]}, "relu",
                ],
            },
            "training.epochs": 2, "training.clip_norm": 0.5,
        },
    ),
    "length of kernels": (
        "mlp",
        {
            "model": {
                "name": "layers",
                "layers": [{"name": "conv2d", "n_out": 2, "size": 3, "max_norm": [0.1, 0.5]}, "relu", "flatten"],
            },
            "training.epochs": 1,
        },
    ),
    "resmlp": (
        "mlp",
        {
            "model": {"name": "resmlp"}, "model.blocks": 2, "model.width": 8, "training.epochs": 2,
            "model.dropout": [0.0, 0.5], "model.stochastic_depth": [0.3, 0.0],
        },
    ),
}  # fmt: skip


def check_differing(preset, device, overrides, seeds=1):
    """Each member against the run of its own configuration alone."""
    several = Run(make(preset, device, members=seeds, seed=SEED, **overrides))
    several.train()
    together, config = state(several), several.config
    for member in range(config.population):
        run = Run(several.experiment.configured(config.member(member)))
        run.train()
        alone = state(run)
        if len(alone) < len(together):  # without momentum there is no velocity, which is the gradient itself
            assert together.keys() - alone.keys() == {"slot velocity"}
        assert_same(together, alone, member, device)
        for ours, theirs in zip(several.history, run.history):
            for name, values in theirs.numbers.items():
                assert ours.numbers[name][member] == pytest.approx(values[0], rel=1e-5, abs=1e-6), name
        for name, values in run.test_scores.items():
            assert several.test_scores[name][member] == pytest.approx(values[0], rel=1e-5)
    weights = several.device.get(several.trainer.parameters.values)
    stopped = [np.flatnonzero(~np.array([record.active[member] for record in several.history])) for member in range(2)]
    assert not np.array_equal(weights[0], weights[seeds]) or not np.array_equal(*stopped)
    return several


@pytest.mark.parametrize("name", DIFFERING)
def test_members_that_differ_are_the_runs_of_their_own_numbers(name, device):
    check_differing("mlp", device, NETWORK | {"model.dropout": 0.0, "model.input_dropout": 0.0} | DIFFERING[name])


@pytest.mark.parametrize("name", DIFFERING_MACHINES)
def test_machines_that_differ_are_the_machines_of_their_own_numbers(name, device):
    check_differing("rbm", device, MACHINE | DIFFERING_MACHINES[name])


@pytest.mark.parametrize("name", DIFFERING_OTHERS)
def test_any_other_models_that_differ_are_those_of_their_own_numbers(name, device):
    preset, overrides = DIFFERING_OTHERS[name]
    check_differing(preset, device, {"training.batch_size": 50} | overrides)


def test_every_value_goes_with_every_seed_values_outermost(device):
    several = check_differing("mlp", device, NETWORK | {"optimizer.learning_rate": [0.1, 0.001]}, seeds=2)
    assert several.config.seeds == [SEED, SEED + 1, SEED, SEED + 1]
    assert several.history[0].numbers["learning_rate"].tolist() == [0.1, 0.1, 0.001, 0.001]


def test_stacks_that_differ_in_corruption_are_those_of_their_own(device):
    overrides = {
        "model.hidden": [12, 8], "training.epochs": 1, "training.batch_size": 50, "model.method": "denoising",
    }  # fmt: skip

    def layers(corruption):
        found = []
        for run in Stack(make("dbn", device, seed=SEED, **overrides, **{"model.corruption": corruption})).stages():
            run.train()
            found.append(state(run))
        return found

    together = layers([0.0, 0.5])
    for member, corruption in enumerate((0.0, 0.5)):
        for mine, alone in zip(together, layers(corruption), strict=True):
            assert_same(mine, alone, member, device)


def test_no_generation_beside_some_is_refused(device):
    options = {"model.hidden": 10, "model.generative": [0.0, 0.1]}
    with pytest.raises(ConfigError, match="generative: must be 0 for all members or for none, got"):
        Run(make("classrbm", device, **options))
