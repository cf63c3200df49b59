"""Models trained on files give classes back as the files hold them."""

import numpy as np
import pytest

import gpunet


@pytest.mark.parametrize(
    ("labels", "kind"),
    [([3, 5], "i"), ([True, False], "b"), ([1.0, 2.0], "f"), (["yes", "no"], "U")],
)
def test_classes_of_an_archive_come_back_in_their_type(tmp_path, labels, kind):
    rng = np.random.default_rng(0)
    x, y = rng.random((60, 3)).astype(np.float32), np.array(labels)[rng.integers(0, 2, 60)]
    np.savez(tmp_path / "some.npz", x=x, y=y)
    net = gpunet.train(
        "linear", data=tmp_path / "some.npz", epochs=1, batch_size=10, task="classification", device="cpu"
    )
    again = gpunet.load(net.save(tmp_path / "net.h5"), device="cpu")
    for model in (net, again):
        found = model.predict(x)
        assert found.dtype.kind == kind
        assert set(found.tolist()) <= set(labels)
    assert again.score(x, y) == pytest.approx(np.mean(again.predict(x) == y))


def test_digits_are_numbers():
    net = gpunet.train("linear", data="digits", epochs=1, device="cpu")
    assert net.classes.tolist() == list(range(10))


def test_files_and_arrays_do_not_go_on_together(tmp_path):
    with pytest.raises(gpunet.GpunetError, match="data: stands for files and stands alone, got arrays as well"):
        gpunet.resume(tmp_path, np.ones((3, 2)), np.ones(3), data="digits")
