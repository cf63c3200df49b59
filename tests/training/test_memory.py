"""Memory that does not suffice: one line with the batch that does."""

from dataclasses import dataclass, replace

import pytest

from gpunet.backend import Device, out_of_memory
from gpunet.config import load_config
from gpunet.data import split
from gpunet.datasets import load
from gpunet.errors import DeviceError, GpunetError
from gpunet.experiment import Experiment, Run
from gpunet.stages import Stack, largest_batch, within_memory
from small_device import OutOfMemoryError, SmallDevice


def parts_of(preset, overrides):
    config, dataset = load_config(preset, overrides, {}), load("digits")
    return config, dataset, split(dataset, validation=0.15, test=0.15, seed=0)


def train(config, dataset, parts, device):
    stacked = config.model.name == "dbn"
    for run in (
        Stack(Experiment(config, dataset, parts, device)).stages()
        if stacked
        else [Run(Experiment(config, dataset, parts, device))]
    ):
        run.train()


def test_feeds_keep_one_copy_of_the_samples_once_a_run_is_put_together():
    run = Run(Experiment(*parts_of("linear", {}), Device()))
    feeds = [run.trainer.feed, run.validation.feed]
    assert [feed._host for feed in feeds] == [None, None]
    assert [feed.targets().tolist() for feed in feeds] == [
        run.dataset.y[part].tolist() for part in (run.split.train, run.split.validation)
    ]


@pytest.mark.parametrize(
    ("preset", "hidden", "batch"),
    [("mlp", [4096], 1200), ("rbm", 4096, 1200), ("dbn", [64, 4096], 1200)],
)
def test_the_batch_that_is_named_fits_and_the_next_larger_does_not(preset, hidden, batch):
    """There is room for the states of 1,000 samples, which are looked at after each epoch, but not for 1,200."""
    device = SmallDevice(limit=17 << 20)
    overrides = {"model.hidden": hidden, "training.batch_size": batch, "training.epochs": 1}
    config, dataset, parts = parts_of(preset, overrides)
    with pytest.raises(DeviceError) as caught:
        within_memory(lambda: train(config, dataset, parts, device), Experiment(config, dataset, parts, device))
    fitting = largest_batch(Experiment(config, dataset, parts, device))
    assert str(caught.value) == (
        f"batch_size: must fit into the memory of cpu, with model and data, got {batch}. "
        f"Set batch_size={fitting}, which fits."
    )
    assert caught.value.exit_code == 5
    assert 0 < fitting < batch
    within_memory(
        lambda: train(*parts_of(preset, overrides | {"training.batch_size": fitting}), device),
        Experiment(config, dataset, parts, device),
    )  # fmt: skip
    with pytest.raises(OutOfMemoryError):
        train(*parts_of(preset, overrides | {"training.batch_size": 2 * fitting}), device)


def test_a_model_that_does_not_fit_at_all_says_so():
    config, dataset, parts = parts_of("linear", {})
    device = SmallDevice(limit=100)
    with pytest.raises(DeviceError, match=r"got 32, and there is no room even for one sample\. Choose a smaller"):
        within_memory(lambda: train(config, dataset, parts, device), Experiment(config, dataset, parts, device))


def test_other_errors_pass_and_results_come_back():
    config, dataset, parts = parts_of("linear", {})
    experiment = Experiment(config, dataset, parts, Device())
    with pytest.raises(GpunetError, match="another"):
        within_memory(lambda: (_ for _ in ()).throw(GpunetError("another", "thing")), experiment)
    assert within_memory(lambda: 7, experiment) == 7


def test_memory_errors_are_known_by_kind_code_and_cause():
    assert out_of_memory(RuntimeError("cudaErrorMemoryAllocation: out of memory"))
    try:
        try:
            raise MemoryError
        finally:
            raise RuntimeError("the capture could not be ended")
    except RuntimeError as error:
        assert out_of_memory(error)
    assert not out_of_memory(ValueError("MemoryError is not what this is"))
    cupy = pytest.importorskip("cupy")
    assert out_of_memory(cupy.cuda.memory.OutOfMemoryError(1, 2))


def test_what_filled_the_memory_is_let_go_before_batches_are_tried():
    """An array of the failed attempt that is still alive would make every batch seem too large."""
    config, dataset, parts = parts_of("linear", {})
    alive = []

    @dataclass(frozen=True)
    class Watching(SmallDevice):
        def release(self):
            super().release()
            alive.append(len(Held.all))

    device = replace(Watching(), limit=100)

    def attempt():
        held = Held()
        raise MemoryError(id(held))

    with pytest.raises(DeviceError):
        within_memory(attempt, Experiment(config, dataset, parts, device))
    assert alive[0] == 0


class Held:
    """Something that says whether it still exists."""

    all: set[int] = set()  # noqa: RUF012 - shared on purpose

    def __init__(self):
        self.all.add(id(self))

    def __del__(self):
        self.all.discard(id(self))
