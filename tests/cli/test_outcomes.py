"""What commands leave behind and say: exit codes, files, and the figures on stdout."""

import json
import re

import numpy as np
import pytest

from gpunet.checkpoint import read
from shell import gpunet

pytestmark = pytest.mark.timeout(300)  # many processes

NETWORK = ["model.hidden=[8]", "training.epochs=2", "--device", "cpu"]
MACHINE = ["model.hidden=6", "training.epochs=2", "--device", "cpu"]


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A folder with a network in net and a machine in rbm."""
    folder = tmp_path_factory.mktemp("work")
    gpunet("train", "digits", *NETWORK, "--run", "net", cwd=folder)
    gpunet("pretrain", "rbm", *MACHINE, "--run", "rbm", cwd=folder)
    return folder


RATE = 'learning_rate={{name="piecewise",values=[0.01,{}],boundaries=[1.5]}}'


def test_a_divergence_after_the_first_epoch_leaves_the_step_before_it_in_last_h5(tmp_path):
    """The rate is 1e30 from the middle of the second epoch on."""
    words = ["optimizer.name=sgd", f"optimizer.{RATE.format('1e30')}", "training.epochs=4", "loss=squared_error"]
    done = gpunet("train", "linear", *words, "--run", "r", "--device", "cpu", cwd=tmp_path, check=False)
    assert done.returncode == 6
    (line,) = [line for line in done.stderr.splitlines() if line.startswith("gpunet: ")]
    step = int(re.search(r"step (\d+):", line)[1])
    assert "resume r" in line
    last, best = read(tmp_path / "r/last.h5"), read(tmp_path / "r/best.h5")
    steps = 1257 // 32
    assert step == steps + -(-steps // 2) + 1, "the first step at the new rate"
    assert (last.attrs["step"], last.attrs["epoch"]) == (step - 1, 1)
    assert (last.group("loop").attrs["epoch"], last.group("loop").attrs["batch"]) == (1, step - 1 - steps)
    assert (best.attrs["epoch"], best.attrs["monitor_value"]) == (1, last.attrs["monitor_value"])
    assert np.isfinite(last["model/000_dense/weight"].data).all()
    # The steps after the first epoch are in it: it is not what was saved when that was over.
    assert not np.array_equal(last["model/000_dense/weight"].data, best["model/000_dense/weight"].data)
    again = gpunet("resume", "r", "lr=0.001", "epochs=2", "--device", "cpu", cwd=tmp_path)
    assert "Trained for 2 epochs" in again.stdout


def test_verify_says_whole_and_damaged_by_its_exit_code(trained, tmp_path):
    done = gpunet("verify", trained / "net/best.h5", trained / "rbm/last.h5", cwd=tmp_path)
    assert done.stdout.count(": whole, ") == 2
    content = bytearray((trained / "net/best.h5").read_bytes())
    weight = read(trained / "net/best.h5")["model/000_dense/weight"].data.tobytes()
    content[content.index(weight) + 10] ^= 1
    (tmp_path / "b.h5").write_bytes(content)
    done = gpunet("verify", "b.h5", cwd=tmp_path, check=False)
    assert done.returncode == 4
    assert done.stdout.splitlines()[0] == "b.h5: damaged"
    assert any("model/000_dense/weight: must match its hash" in line for line in done.stdout.splitlines())


def test_sample_writes_as_many_states_as_were_asked_for(trained, tmp_path):
    path = trained / "rbm/best.h5"
    done = gpunet("sample", path, "-n", 7, "--steps", 5, "-o", "a.npz", "--json", "--device", "cpu", cwd=tmp_path)
    assert isinstance(json.loads(done.stdout), dict)
    gpunet("sample", path, "-n", 7, "--steps", 5, "-o", "b.npz", "--device", "cpu", cwd=tmp_path)
    gpunet("sample", path, "-n", 7, "--steps", 5, "--seed", 1, "-o", "c.npz", "--device", "cpu", cwd=tmp_path)
    a, b, c = (np.load(tmp_path / f"{name}.npz")["x"] for name in "abc")
    assert a.reshape(7, -1).shape == (7, 64)
    assert a.min() >= 0
    assert 1 < a.max() <= 16, "in the units of the data"
    assert np.array_equal(a, b)
    assert not np.array_equal(a, c)
    refused = gpunet("sample", trained / "net/best.h5", "-o", "d.npz", cwd=tmp_path, check=False)
    assert (refused.returncode, refused.stdout) == (4, "")
    assert not (tmp_path / "d.npz").exists()


def test_report_writes_one_page_that_names_its_runs_and_figures(trained, tmp_path):
    gpunet("report", trained / "net", "-o", "page.html", cwd=tmp_path)
    page = (tmp_path / "page.html").read_text()
    assert page.lstrip().lower().startswith("<!doctype html")
    assert "<script" not in page
    error = 100 * (1 - read(trained / "net/best.h5")["metrics/test_accuracy"].data.mean())
    assert f"{error:.2f}" in page
    assert [p.name for p in tmp_path.iterdir()] == ["page.html"]


def test_gradcheck_is_silent_about_nothing_and_ends_well(trained, tmp_path):
    done = gpunet("gradcheck", trained / "net/best.h5", "--steps", 2, "--json", "--device", "cpu", cwd=tmp_path)
    text = json.dumps(json.loads(done.stdout))
    for name in ("000_dense/weight", "000_dense/bias", "003_dense/weight", "003_dense/bias"):
        assert name in text
    assert gpunet("gradcheck", "linear", "--steps", 1, "--device", "cpu", cwd=tmp_path).returncode == 0


def test_compare_that_is_dry_says_what_it_would_do(tmp_path):
    done = gpunet("compare", "--dry-run", "--device", "cpu", cwd=tmp_path)
    assert done.returncode == 0
    assert "nothing was trained and nothing was written" in done.stderr
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["train", "mlp", "optimizer.learning_rat=0.1"], 2),
        (["train", "mlp", "--data", "none.csv"], 3),
        (["evaluate", "none.h5"], 4),
        (["inspect", "text.h5"], 4),
        (["resume", "none"], 4),
        (["sample", "text.h5"], 4),
        (["likelihood", "text.h5"], 4),
        (["predict", "text.h5", "digits"], 4),
        (["report", "text.h5"], 4),
        (["gradcheck", "none.toml"], 2),
        (["train", "mlp", "--device", "cuda:x"], 5),
        (["train", "linear", "--run", "text.h5/r"], 74),
        (["nothing"], 2),
        (["train", "mlp", "--nothing"], 2),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_each_kind_of_mistake_has_its_exit_code_and_one_line(words, code, tmp_path):
    (tmp_path / "text.h5").write_text("no checkpoint")
    done = gpunet(*words, cwd=tmp_path, check=False)
    assert done.returncode == code, done.stderr
    assert done.stdout == ""
    assert "Traceback" not in done.stderr
    assert [p.name for p in tmp_path.iterdir()] == ["text.h5"]
