"""Random numbers as a function of the sample: seed, epoch, sample, site.

What is drawn for a sample, so that it looks different in every epoch, must not depend on the batch that it is in, nor
on its place there; then a run that is resumed inside an epoch, or with another batch size, sees the same.  The key is
(seed, purpose) and the counter (0, epoch, sample, site).
"""

from pathlib import Path

import numpy as np

from .arrays import Array
from .context import Context
from .device import Device
from .dispatch import op
from .kernels import kernel
from .philox import host_philox
from .streams import Purpose, unit_interval


class SampleStreams:
    """Draws for the samples of a batch, inside the captured step.

    Args:
        device: where the numbers are wanted.
        members: () or (members,).
    """

    def __init__(self, device: Device, members: tuple[int, ...] = ()):
        self.device = device
        self.keys = device.zeros((*(members or (1,)), 2), np.uint64)
        self.epoch = device.zeros((1,), np.uint64)

    def begin(self, seeds: tuple[int, ...], epoch: int) -> None:
        """Say, on the host and between steps, which epoch it is; ``seeds`` has one for each member."""
        self.device.copy_into(self.keys, np.array([[seed, Purpose.SAMPLES] for seed in seeds], np.uint64))
        self.device.copy_into(self.epoch, epoch)

    def uniform(self, samples: Array, count: int, site: int, ctx: Context, dtype: np.dtype) -> Array:
        """Uniform numbers strictly between 0 and 1, ([members,] rows, count).

        Args:
            samples: int64 ([members,] rows), numbers of the samples.
            count: numbers for each.
            site: which of several draws for the same sample this is.
            ctx: memory.
            dtype: of the result.
        """
        words = ctx.empty((*samples.shape, -(-count // 2)), np.uint64)
        draw_sample_words(words, self.keys, self.epoch, samples, site)
        return unit_interval(words.view(np.uint32)[..., :count], ctx.empty((*samples.shape, count), dtype))


@op
def draw_sample_words(out: Array, keys: Array, epoch: Array, samples: Array, site: int) -> None:
    """Fill ``out``, uint64 ([members,] rows, words), with raw Philox words of each sample.

    Args:
        out: filled in place.
        keys: uint64 (members, 2).
        epoch: uint64 (1,), the second word of the counter, read where the array lives.
        samples: int64 ([members,] rows), the third.
        site: the fourth.
    """
    generator, state = host_philox()
    counter, now, rows = state["state"], int(epoch[0]), samples.reshape(len(keys), -1)
    for member, key in enumerate(keys):
        counter["key"][:] = key
        for row, sample in zip(out.reshape(*rows.shape, -1)[member], rows[member].tolist()):
            counter["counter"][:] = (0, now, sample, site)
            generator.state = state
            row[:] = generator.random_raw(len(row))


@draw_sample_words.override("cupy")
def _draw_sample_words_cuda(out: Array, keys: Array, epoch: Array, samples: Array, site: int) -> None:
    words, threads = out.shape[-1], 128
    count = samples.size * -(-words // 4)
    arguments = (
        out, np.int64(words), np.int64(samples.size), np.int64(samples.size // len(keys)), keys, epoch, samples,
        np.uint64(site),
    )  # fmt: skip
    function = kernel(Path(__file__).with_name("philox.cu"), "philox_sample_words")
    function((-(-count // threads),), (threads,), arguments)
