"""What the families of networks on images share."""

from ..errors import ConfigError, DataError
from .base import Family

FEW = 4  # channels at most of an image: grey, with transparency, colour, both


class ImageFamily(Family):
    """Base of the families whose networks take images as they are."""

    @property
    def sees_positions(self) -> bool:
        """Images stay images."""
        return True


def check_image(name: str, shape: tuple[int, ...]) -> None:
    """Refuse samples that are no images of height x width x channels.

    Args:
        name: of the model, for errors.
        shape: of a sample.

    Raises:
        ConfigError: samples of plain features.
        DataError: images whose channels seem to stand in front.

    >>> check_image("convnet", (3, 32, 32))
    Traceback (most recent call last):
    gpunet.errors.DataError: data of convnet: must have channels last, got 3x32x32, which has them first. Use np.moveaxis(x, 1, -1).
    """  # noqa: E501
    if len(shape) != 3:
        received = f"{'x'.join(map(str, shape))} features"
        remedy = "Use an mlp, or resmlp"
        raise ConfigError(f"model {name}", "needs images of height x width x channels", received, remedy)
    first, height, width = shape
    if first in (1, 3, 4) and min(height, width) > FEW:
        received = f"{'x'.join(map(str, shape))}, which has them first"
        raise DataError(f"data of {name}", "must have channels last", received, "Use np.moveaxis(x, 1, -1)")
