"""Networks that grow block by block: what they begin with, what learns, and that they resume."""

import numpy as np
import pytest
from click.testing import CliRunner

import gpunet
from gpunet.backend import Arena, Context
from gpunet.checkpoint import read
from gpunet.cli.app import main
from gpunet.config import load_config
from gpunet.data import split
from gpunet.datasets import load
from gpunet.errors import ConfigError
from gpunet.experiment import Experiment
from gpunet.interruption import Stop
from gpunet.stages.execution import runs_of
from gpunet.stages.growth import full_grown

SMALL = {"training.epochs": 2, "model.width": 8, "model.blocks": 3, "data.labels": 200}


def experiment(device, **more):
    dataset = load("digits")
    config = load_config("grown", SMALL | more, {})
    return Experiment(config, dataset, split(dataset, validation=0.15, test=0.15, seed=0), device)


def answers(run, count=40):
    x = run.inputs.some("test", count)
    ctx = Context(False, Arena(run.device))
    return run.device.get(run.objective.model.forward(run.device.put(x, np.float32), ctx)[0]).copy()


@pytest.mark.parametrize("members", [1, 2])
def test_a_new_block_begins_as_nothing(members, device):
    before, sizes = None, []
    for run in runs_of(experiment(device, members=members)):
        sizes.append(run.config.model.present)
        if before is not None:
            assert answers(run) == pytest.approx(before, abs=1e-5), "what it answers is what the one before answered"
        run.train()
        before = answers(run)
    assert sizes == [1, 2, 3]


def test_members_grow_as_each_does_alone(device):
    *_, both = (trained(run) for run in runs_of(experiment(device, members=2)))
    *_, second = (trained(run) for run in runs_of(experiment(device, seed=1)))
    values = [both.trainer.parameters, second.trainer.parameters]
    for name in values[1].named:
        assert np.array_equal(values[0].view(values[0].values, name)[1], values[1].view(values[1].values, name))


def trained(run):
    run.train()
    return run


def test_of_a_greedy_one_the_newest_block_and_the_output_learn_and_at_the_end_all(device):
    learned, said = [], []
    for run in runs_of(experiment(device, **{"model.grow": "newest"})):
        parameters = run.trainer.parameters
        weights = {n: parameters.view(parameters.values, n).copy() for n, p in parameters.named.items() if p.trainable}
        run.train()
        changed = {n.split("/")[0] for n, old in weights.items() if not np.array_equal(old, parameters.view(
            parameters.values, n))}  # fmt: skip
        learned.append(sorted(int(name[:3]) for name in changed))
        said.append(run.config.model.growth)
    assert learned[0] == [0, 1, 2, 4], "first layer, block, norm and output; an activation has nothing to learn"
    assert learned[1] == [2, 3, 5]
    assert learned[2] == [3, 4, 6]
    assert learned[3] == [0, 1, 2, 3, 4, 6]
    assert said[1:] == [
        "2 of 3 blocks, the newest learns",
        "3 of 3 blocks, the newest learns",
        "3 of 3 blocks, all learn",
    ]


def test_the_last_network_is_the_one_that_is_trained_at_once(device):
    grown = full_grown(experiment(device).config).model
    at_once = experiment(device, **{"model.grow": "none"}).config.model
    shapes = [[getattr(layer, "n_out", type(layer)) for layer in each.network((64,), 10).layers]
              for each in (grown, at_once)]  # fmt: skip
    assert shapes[0] == shapes[1]
    assert grown.grown == 3
    assert at_once.grown_on is None


@pytest.mark.parametrize(("grow", "stopped_after"), [("all", 2), ("newest", 1), ("newest", 5)])
def test_growth_goes_on_where_it_stopped(grow, stopped_after, tmp_path):
    settings = {**SMALL, "model.grow": grow}
    whole = gpunet.train("grown", data="digits", settings=settings, run=tmp_path / "whole", progress=False)
    stop, epochs = Stop(), []

    def count(record):
        epochs.append(record)
        if len(epochs) == stopped_after:
            stop.request("SIGINT")

    broken = gpunet.train(
        "grown", data="digits", settings=settings, run=tmp_path / "b", progress=False, stop=stop, on_epoch=count
    )
    assert broken.stopped
    gpunet.resume(tmp_path / "b", progress=False)
    assert read(tmp_path / "b" / "best.h5").content_sha256 == read(tmp_path / "whole" / "best.h5").content_sha256
    assert whole.trained.config.model.grown == (3 if grow == "all" else 4)


def test_a_checkpoint_of_any_of_them_is_a_network_like_others(tmp_path):
    words = ["train", "grown", "epochs=1", "blocks=2", "width=8", "--run", str(tmp_path / "r"), "--device", "cpu"]
    done = CliRunner().invoke(main, words)
    assert done.exit_code == 0, done.stderr
    assert "1 of 2 blocks: " in done.stderr
    assert "2 of 2 blocks: " in done.stderr
    found = CliRunner().invoke(main, ["evaluate", str(tmp_path / "r"), "--device", "cpu"])
    assert found.exit_code == 0, found.stderr


def test_growth_without_shortcuts_is_refused(device):
    with pytest.raises(ConfigError, match=r"grow: must be none without shortcuts"):
        next(runs_of(experiment(device, **{"model.shortcut": False})))


IMAGES = {"training.epochs": 1, "model.depth": 8, "model.widths": [8, 8, 16], "data.labels": 200}


def images(device, **more):
    dataset = load("digits")
    config = load_config("resnet-digits", IMAGES | {"model.grow": "all"} | more, {})
    return Experiment(config, dataset, split(dataset, validation=0.15, test=0.15, seed=0), device)


@pytest.mark.parametrize("order", ["post", "pre"])
@pytest.mark.parametrize("block", ["basic", "bottleneck"])
def test_a_residual_network_of_images_grows_by_the_layers_of_one_block(block, order, device):
    depth = {"basic": 14, "bottleneck": 20}[block]
    family = images(device, **{"model.depth": depth, "model.block": block, "model.order": order}).config.model
    whole = family.model_copy(update={"grow": "none"}).network((8, 8, 1), 10)
    before, sizes = None, []
    while family is not None:
        model = family.network((8, 8, 1), 10)
        if before is not None:
            old, place = before
            added = len(model.layers) - len(old.layers)
            kinds = [[type(layer) for layer in layers] for layers in (old.layers, model.layers)]
            assert kinds[1][:place] + kinds[1][place + added :] == kinds[0], "what is new is in one place"
        before = model, family.grows_at
        sizes.append(family.present)
        family = family.grown_on
    assert sizes == [1, 2, 3, 4, 5, 6]
    assert [type(layer) for layer in model.layers] == [type(layer) for layer in whole.layers]


def test_a_block_of_a_stage_begins_as_nothing_and_weights_are_carried_over(device):
    more = {"model.depth": 14, "model.norm": "group", "augmentation": {}}
    before, carried = None, []
    for run in runs_of(images(device, **more)):
        if before is not None and run.config.model.present % 2 == 0:
            assert answers(run) == pytest.approx(before, abs=1e-4), "the second block of a stage adds nothing"
            carried.append(run.config.model.present)
        run.train()
        before = answers(run)
    assert carried == [2, 4, 6]


def test_of_a_greedy_one_of_images_blocks_below_the_newest_keep_their_weights(device):
    for run in runs_of(images(device, **{"model.grow": "newest"})):
        parameters, family = run.trainer.parameters, run.config.model
        weights = {n: parameters.view(parameters.values, n).copy() for n, p in parameters.named.items() if p.trainable}
        run.train()
        changed = {int(n[:3]) for n, old in weights.items() if not np.array_equal(old, parameters.view(
            parameters.values, n))}  # fmt: skip
        if family.holds:
            newest = family.grows_at - 2
            assert min(changed) == newest, family.growth
        else:
            assert min(changed) == 0
        last = family.growth
    assert last == "3 of 3 blocks, all learn"


def test_a_residual_network_of_images_goes_on_growing_where_it_stopped(tmp_path):
    settings = {**IMAGES, "model.grow": "newest"}
    words = {"data": "digits", "settings": settings, "progress": False, "device": "cpu"}
    gpunet.train("resnet-digits", run=tmp_path / "whole", **words)
    stop, epochs = Stop(), []

    def count(record):
        epochs.append(record)
        if len(epochs) == 2:
            stop.request("SIGINT")

    assert gpunet.train("resnet-digits", run=tmp_path / "b", stop=stop, on_epoch=count, **words).stopped
    gpunet.resume(tmp_path / "b", progress=False)
    assert read(tmp_path / "b" / "best.h5").content_sha256 == read(tmp_path / "whole" / "best.h5").content_sha256


def test_a_plain_network_of_images_does_not_grow(device):
    with pytest.raises(ConfigError, match=r"grow: must be none without shortcuts"):
        next(runs_of(images(device, **{"model.shortcut": "none"})))
