"""gpunet.train: what can be trained, on what, and what comes back."""

import threading
from typing import Literal

import numpy as np
import pytest

import gpunet
from gpunet.backend.streams import host_philox
from gpunet.config import load_config
from gpunet.families import Family, RBMConfig
from gpunet.layers import Dense, Sequential, Tanh
from gpunet.losses import Hinge
from gpunet.optimizers import SGD
from gpunet.schedules import Step

NETWORKS = {
    "mlp": {"hidden": [8]},
    "digits": {"hidden": [8]},
    "linear": {},
    "residual": {},
    "finetune": {"hidden": [8]},
    "classrbm": {"hidden": 8},
    "updown": {"hidden": [8, 8]},
    "classdbm": {"hidden": [8, 6]},
    "dbm-finetune": {"hidden": [8, 6]},
}


@pytest.mark.parametrize("preset", NETWORKS)
def test_every_preset_with_classes_predicts_them(preset, table, tmp_path):
    x, y = table
    net = gpunet.train(preset, x, y, epochs=1, device="cpu", **NETWORKS[preset])
    assert set(net.predict(x)) <= {0, 1}
    np.testing.assert_allclose(net.predict_proba(x).sum(axis=1), 1, rtol=1e-5)
    assert net.history.epochs == 1
    if preset in ("residual", "classrbm", "updown", "classdbm", "dbm-finetune"):
        again = gpunet.load(net.save(tmp_path / "net.h5"))
        np.testing.assert_array_equal(again.outputs(x), net.outputs(x))


def test_a_network_learns_what_it_is_taught(table):
    x, y = table
    net = gpunet.train("mlp", x, y, hidden=[32], epochs=60, batch_size=20, input_dropout=0, lr=0.01, device="cpu")
    assert net.score(x, y) > 0.95


@pytest.mark.parametrize(
    ("labels", "kind"),
    [
        (["no", "yes"], "U"),
        ([b"no", b"yes"], "U"),
        ([False, True], "b"),
        ([3, 8], "i"),
        ([1.0, 2.0], "f"),
    ],
)
def test_classes_come_back_as_they_were_given(labels, kind, table, small, tmp_path):
    x, y = table
    given = np.array(labels)[y]
    net = gpunet.train("mlp", x, given, **small)
    found = gpunet.load(net.save(tmp_path / "net.h5")).predict(x)
    assert found.dtype.kind == kind
    shown = given.astype(str) if kind == "U" else given
    assert set(found.tolist()) <= set(shown.tolist())
    assert net.score(x, given) == np.mean(found == shown)


@pytest.mark.parametrize(
    "kind", [list, tuple, lambda y: y.astype(object), lambda y: y[:, None], lambda y: y.astype("u1")]
)
def test_labels_may_come_in_any_shape_that_says_one_class_a_sample(kind, table, small, net, equal):
    x, y = table
    assert equal(gpunet.train("mlp", x, kind(y), **small), net)


def test_values_of_one_target_are_predicted_in_one_row_and_of_several_in_columns(table, small):
    x, _ = table
    y = x @ np.arange(6)
    one, column = (gpunet.train("mlp", x, t, **small) for t in (y, y[:, None]))
    assert one.predict(x).shape == column.predict(x).shape == (200,)
    np.testing.assert_array_equal(one.predict(x), column.predict(x))
    assert gpunet.train("mlp", x, np.stack([y, -y], axis=1), **small).predict(x).shape == (200, 2)
    assert not len(one.classes)


def test_score_is_the_accuracy_of_classes_and_r2_of_values(table, small, net):
    x, y = table
    assert net.score(x, y) == np.mean(net.predict(x) == y)
    targets = np.stack([x @ np.arange(6), x[:, 0]], axis=1).astype(np.float64)
    values = gpunet.train("mlp", x, targets, **small)
    missed = ((targets - values.predict(x)) ** 2).sum(axis=0)
    r2 = 1 - missed / ((targets - targets.mean(axis=0)) ** 2).sum(axis=0)
    assert values.score(x, targets) == pytest.approx(r2.mean(), rel=1e-6)


def test_evaluate_gives_the_mean_loss_and_the_accuracy(net, table):
    x, y = table
    found = net.evaluate(x, y)
    loss = -np.log(net.predict_proba(x).astype(np.float64)[np.arange(200), y]).mean()
    assert found["loss"] == pytest.approx(loss, rel=1e-5)
    assert found["accuracy"] == net.score(x, y)


def test_member_i_is_the_run_of_its_seed_alone_and_predictions_are_averaged(population, table, small, equal):
    x, y = table
    alone = [gpunet.train("mlp", x, y, seed=seed, **small) for seed in range(3)]
    for member, solo in zip(population.members, alone):
        assert equal(member, solo)
        np.testing.assert_array_equal(member.outputs(x), solo.outputs(x))
        np.testing.assert_array_equal(member.history["validation_loss"], solo.history["validation_loss"])
        assert member.checkpoint.content_sha256 == solo.checkpoint.content_sha256
    mean = np.mean([solo.outputs(x).astype(np.float64) for solo in alone], axis=0)
    np.testing.assert_allclose(population.outputs(x), mean, rtol=1e-12)
    np.testing.assert_array_equal(population.predict(x), mean.argmax(axis=1))
    assert population.history["train_loss"].shape == (2, 3)
    assert population.seeds == (0, 1, 2)


def test_a_part_that_is_passed_by_itself_selects_and_scores(table, small):
    x, y = table
    net = gpunet.train("mlp", x[:150], y[:150], validation=(x[150:180], y[150:180]), test=(x[180:], y[180:]), **small)
    assert net.description.parts == (150, 30, 20)
    best = net.history["validation_accuracy"].max()
    assert net.score(x[150:180], y[150:180]) == pytest.approx(best)
    assert net.metrics["test_accuracy"] == pytest.approx(net.score(x[180:], y[180:]))
    assert net.metrics["test_loss"] == pytest.approx(net.evaluate(x[180:], y[180:])["loss"], rel=1e-5)
    several = gpunet.train("mlp", x, y, test=20, seeds=2, **small)
    assert several.metrics["test_accuracy"].shape == (2,)
    assert several.members[1].metrics["test_accuracy"] == several.metrics["test_accuracy"][1]
    assert gpunet.train("mlp", x, y, **small).metrics == {}


@pytest.mark.parametrize(("validation", "size"), [(0.25, 50), (40, 40), (0, 0), (None, 30)])
def test_a_part_of_the_samples_is_taken_as_a_fraction_or_a_number(validation, size, table, small):
    net = gpunet.train("mlp", *table, validation=validation, **small)
    assert net.description.parts == (200 - size, size, 0)


def test_a_preset_takes_smaller_batches_where_there_are_fewer_samples(table):
    x, y = table
    net = gpunet.train("mlp", x[:60], y[:60], hidden=[4], epochs=1, device="cpu")
    assert net.config.training.batch_size == net.description.parts[0] // 4 == 12
    with pytest.raises(gpunet.GpunetError, match="at most the 51 samples"):
        gpunet.train("mlp", x[:60], y[:60], batch_size=128, epochs=1, device="cpu")


def test_objects_names_and_numpy_values_say_the_same(table, small, equal):
    x, y = table
    words = {"optimizer": {"name": "sgd", "learning_rate": 0.1}, "loss": "hinge"}
    objects = {"optimizer": SGD(0.1), "loss": Hinge(), "hidden": np.array([8]), "epochs": np.int64(2)}
    assert equal(gpunet.train("mlp", x, y, **small | words), gpunet.train("mlp", x, y, **small | objects))
    assert gpunet.train("mlp", x, y, lr=Step(0.1, 0.5, 1), **small).config.optimizer.learning_rate.factor == 0.5


def test_settings_are_written_short_dotted_or_as_sections(table, small, net, equal):
    x, y = table
    rest = {"batch_size": 20, "device": "cpu"}
    assert equal(gpunet.train("mlp", x, y, {"training.epochs": 2, "model.hidden": [8]}, **rest), net)
    assert equal(gpunet.train("mlp", x, y, {"training": {"epochs": 2}, "hidden": [8]}, **rest | {"epochs": 2}), net)
    preset = load_config("mlp", {"model.hidden": [8], "training.epochs": 2, "training.batch_size": 20, "data.test": 0})
    assert equal(gpunet.train(preset, x, y, device="cpu"), net)


def test_a_toml_file_is_read(table, tmp_path):
    (tmp_path / "mine.toml").write_text('[model]\nname = "mlp"\nhidden = [3]\n[training]\nepochs = 1\n')
    net = gpunet.train(tmp_path / "mine.toml", *table, device="cpu")
    assert net.weights["000_dense/weight"].shape == (6, 3)


def test_a_path_of_files_is_data(small):
    one = gpunet.train("mlp", data="digits", **small)
    other = gpunet.train("mlp", "digits", **small)
    np.testing.assert_array_equal(one.outputs("digits"), other.outputs("digits"))
    assert one.description.parts[2] > 0


class Plane(Family):
    """One hidden layer; the widths of its inputs follow from the data."""

    name: Literal["plane"] = "plane"
    width: int = 4

    def network(self, shape, outputs):
        return Sequential([Dense(self.width), Tanh(), Dense(outputs)])


def test_a_family_of_ones_own_is_trained_saved_and_loaded(table, tmp_path, equal):
    x, y = table
    rest = {"epochs": 1, "device": "cpu"}
    net = gpunet.train({"model": "plane"}, x, y, families=[Plane], width=7, run=tmp_path / "run", **rest)
    assert net.weights["000_dense/weight"].shape == (6, 7)
    assert equal(gpunet.load(tmp_path / "run", families=[Plane]), net)
    assert equal(gpunet.train(Plane(width=7), x, y, **rest), net)
    assert equal(gpunet.train(Plane(), x, y, width=7, **rest), net)
    assert equal(gpunet.train(net.config, x, y, width=7, test=0, **rest), net)
    with pytest.raises(gpunet.GpunetError, match="families="):
        gpunet.load(tmp_path / "run")


def test_a_family_of_gpunet_may_stand_for_the_configuration(bits):
    assert gpunet.train(RBMConfig(hidden=3), bits, epochs=1, device="cpu").encode(bits).shape == (200, 3)


def test_a_preset_follows_its_start_unless_told_otherwise(bits, table):
    dbn = gpunet.train("dbn", bits, hidden=[8, 5], epochs=1, device="cpu")
    net = gpunet.train("finetune", bits, table[1], start=dbn, labels=100, epochs=1, lr=1e-30, device="cpu")
    assert net.config.model.hidden == (8, 5)
    assert net.config.data.preprocess == dbn.config.data.preprocess or not net.trained.preprocessing.steps
    np.testing.assert_array_equal(net.weights["000_dense/weight"], dbn.weights["000_rbm/weight"])
    assert net.description.parts[2] == 0
    grafts = [("000_rbm", "001_dense")]
    part = gpunet.train("mlp", bits, table[1], start=dbn, grafts=grafts, hidden=[8], epochs=1, lr=1e-30, device="cpu")
    np.testing.assert_array_equal(part.weights["001_dense/weight"], dbn.weights["000_rbm/weight"])


def test_autoencoders_and_networks_up_and_down_take_the_widths_of_their_start(bits, table):
    once = {"epochs": 1, "device": "cpu", "lr": 1e-30}
    dbn = gpunet.train("dbn", bits, hidden=[8, 5, 4], epochs=1, device="cpu")
    coder = gpunet.train("autoencoder", bits, start=dbn, **once)
    assert (coder.config.model.hidden, coder.config.model.code) == ((8, 5), 4)
    np.testing.assert_array_equal(coder.weights["004_dense/weight"], dbn.weights["002_rbm/weight"])
    np.testing.assert_array_equal(coder.weights["006_dense/weight"], dbn.weights["002_rbm/weight"].T)
    both = gpunet.train("updown", bits, table[1], start=dbn, **once)
    assert both.config.model.hidden == (8, 5, 4)
    np.testing.assert_array_equal(both.weights["recognition/002_dense/weight"], dbn.weights["001_rbm/weight"])
    net = gpunet.train("finetune", bits, table[1], start=coder, **once)
    assert net.config.model.hidden == (8, 5, 4), "the code is a layer of its encoder"
    np.testing.assert_array_equal(net.weights["004_dense/weight"], coder.weights["004_dense/weight"])
    again = gpunet.train("autoencoder", bits, start=coder, **once)
    np.testing.assert_array_equal(again.weights["010_dense/weight"], coder.weights["010_dense/weight"])
    one = gpunet.train("rbm", bits, hidden=8, epochs=1, device="cpu")
    low = gpunet.train("updown", bits, table[1], start=one, **once)
    assert low.config.model.hidden == (8, 2000)
    np.testing.assert_array_equal(low.weights["recognition/000_dense/weight"], one.weights["weight"])
    with pytest.raises(gpunet.GpunetError, match=r"hidden=\[8, 5\].*code=4"):
        gpunet.train("autoencoder", bits, start=dbn, code=3, **once)


@pytest.mark.parametrize("setting", [{"grafts": [("a", "b")]}, {"keep_layers": 1}])
def test_layers_of_a_start_need_one(setting, table, small):
    with pytest.raises(gpunet.GpunetError, match="no start"):
        gpunet.train("mlp", *table, **setting, **small)


def test_functions_hear_of_every_epoch_and_their_errors_pass_through(table, small):
    heard = []
    gpunet.train("mlp", *table, on_epoch=[lambda r: heard.append(r.epoch), heard.append], **small)
    assert heard[0] == 1
    assert heard[2] == 2
    assert heard[3].numbers["train_loss"].shape == (1,)

    def fail(record):
        raise LookupError("mine")

    with pytest.raises(LookupError, match="mine"):
        gpunet.train("mlp", *table, on_epoch=fail, **small)


def test_every_thread_draws_from_a_generator_of_its_own():
    found = [host_philox()[0]]
    thread = threading.Thread(target=lambda: found.append(host_philox()[0]))
    thread.start()
    thread.join()
    assert found[0] is not found[1]
    assert found[0] is host_philox()[0]


def test_trainings_in_threads_are_those_of_one_thread(table, small, equal):
    found = []
    threads = [
        threading.Thread(target=lambda: found.append(gpunet.train("mlp", *table, **small | {"epochs": 12})))
        for _ in range(3)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    alone = gpunet.train("mlp", *table, **small | {"epochs": 12})
    assert [equal(one, alone) for one in found] == [True] * 3
