"""import gpunet costs nothing, and what Ctrl-C leaves is usable."""

import subprocess
import sys

import numpy as np
import pytest

import gpunet


def python(code, **options):
    """Run a program in a process of its own."""
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120, **options)


def test_importing_gpunet_imports_nothing_that_takes_time():
    code = "import sys, gpunet; print([m for m in ('numpy', 'pydantic', 'click', 'h5py', 'rich') if m in sys.modules])"
    done = python(code)
    assert done.stdout == "[]\n", done.stdout + done.stderr


def test_the_functions_of_the_door_are_there_and_nothing_else_is():
    assert set(gpunet.__all__) <= set(dir(gpunet))
    assert all(callable(getattr(gpunet, name)) for name in ("train", "fit", "load", "resume"))
    with pytest.raises(AttributeError, match="no attribute 'trian'"):
        gpunet.trian  # noqa: B018


def test_frames_are_read_without_importing_libraries_that_nobody_has_used():
    code = """
import sys, numpy as np, gpunet
x = np.random.default_rng(0).random((50, 3))
gpunet.train("linear", x, x[:, 0] > 0.5, epochs=1, device="cpu")
print([m for m in ("narwhals", "pandas", "polars", "pyarrow", "matplotlib", "IPython") if m in sys.modules])
"""
    done = python(code)
    assert done.stdout == "[]\n", done.stdout + done.stderr


STOPPED = """
import os, signal, numpy as np, gpunet
x = np.random.default_rng(0).random((200, 6), np.float32)
y = (x[:, 0] > x[:, 1]).astype(int)
def press(record):
    if record.epoch == 3:
        os.kill(os.getpid(), signal.{signal})
settings = dict(hidden=[8], epochs=6, batch_size=20, device="cpu")
"""


def test_ctrl_c_gives_the_best_weights_so_far_and_raises_nothing(tmp_path):
    code = (
        STOPPED.format(signal="SIGINT")
        + """
net = gpunet.train("mlp", x, y, on_epoch=press, **settings)
print(net.stopped, net.history.epochs, net.predict(x).shape, "stopped by SIGINT" in repr(net))
best = net.history["validation_accuracy"].argmax() + 1
whole = gpunet.train("mlp", x, y, **settings | {"epochs": int(best)})
print(all((whole.weights[p] == net.weights[p]).all() for p in net.weights))
"""
    )
    done = python(code)
    assert done.returncode == 0, done.stderr
    assert done.stdout == "SIGINT 3 (200,) True\nTrue\n"
    assert done.stderr == ""


def test_a_run_goes_on_after_ctrl_c_as_if_nothing_had_been(table, tmp_path, equal):
    code = STOPPED.format(signal="SIGINT") + 'print(gpunet.train("mlp", x, y, on_epoch=press, run="run", **settings))'
    done = python(code, cwd=tmp_path)
    assert "stopped by SIGINT" in done.stdout, done.stderr
    settings = {"hidden": [8], "batch_size": 20, "epochs": 6, "device": "cpu"}
    on = gpunet.resume(tmp_path / "run", *table, device="cpu")
    assert equal(on, gpunet.train("mlp", *table, **settings))
    assert on.stopped == ""


def test_other_signals_end_a_training_with_its_folder_and_say_where_it_is(tmp_path):
    code = (
        STOPPED.format(signal="SIGTERM")
        + """
try:
    gpunet.train("mlp", x, y, on_epoch=press, run="run", **settings)
except gpunet.GpunetError as error:
    print(type(error).__name__, error)
"""
    )
    done = python(code, cwd=tmp_path)
    assert "Interrupted training: was stopped by SIGTERM; its state is in run" in done.stdout, done.stderr
    assert "gpunet.resume('run')" in done.stdout
    assert (tmp_path / "run/last.h5").exists()


def test_two_trainings_after_each_other_do_not_know_of_each_other(table, small, net, equal):
    gpunet.train("mlp", *table, seed=9, **small)
    assert equal(gpunet.train("mlp", *table, **small), net)


def test_random_numbers_of_the_caller_are_left_alone(table, small):
    np.random.seed(3)
    expected = np.random.random()
    np.random.seed(3)
    gpunet.train("mlp", *table, **small)
    assert np.random.random() == expected
