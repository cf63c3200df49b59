"""A convolutional autoencoder: the convolutions of a network, and the way back to the image."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from ..initializers import He, Initializer
from ..layers import Conv2D, Flatten, Layer, ReLU, Sequential, Upsample2D
from .convnet import stages
from .resnet import Norm, normalised


@dataclass(eq=False)
class EncoderDecoder(Sequential):
    """Layers of which the first lead to a code, and the others back.

    Args:
        layers: all of them.
        encoder_layers: how many lead to the code, which is what other networks take over.
    """

    encoder_layers: int = 0

    def build(self, shape: tuple[int, ...]) -> None:
        """Build all layers, and note the shape of the code."""
        super().build(shape)
        self.code_shape = Sequential(self.layers[: self.encoder_layers]).output_shape(shape)

    @classmethod
    def examples(cls) -> list[Layer]:
        """None of its own: those of a sequence."""
        return []


def convolutional_autoencoder(
    shape: tuple[int, ...],
    channels: Sequence[int] = (32, 64),
    convolutions: int = 1,
    size: int = 3,
    norm: Norm = "batch",
    separable: bool = False,
    activation: Callable[[], Layer] = ReLU,
    initializer: Initializer | None = None,
) -> EncoderDecoder:
    """The stages of :func:`~gpunet.models.convnet` and their mirror image, whose output is the image in one row.

    Where a stage halves the image, the decoder doubles it again, each pixel as a square, before its convolution.

    Args:
        shape: of one image, (height, width, channels).
        channels: of each stage, see :func:`~gpunet.models.convnet`, likewise all below.
        convolutions: see there.
        size: see there.
        norm: see there; behind each convolution but the last.
        separable: see there; the decoder has whole convolutions.
        activation: see there.
        initializer: see there.

    >>> model = convolutional_autoencoder((28, 28, 1), (8, 16))
    >>> model.output_shape((28, 28, 1)), model.encoder_layers
    ((784,), 8)
    """
    rule = initializer or He()
    layers = stages(shape[-1], channels, convolutions, size, norm, separable, activation, rule)
    count, sizes = len(layers), [(shape[0], shape[1])]
    for _ in channels:
        sizes.append((-(-sizes[-1][0] // 2), -(-sizes[-1][1] // 2)))
    widths = [shape[-1], *channels[:-1]]
    for number in reversed(range(len(channels))):
        rows, columns = (2 * small - large for small, large in zip(sizes[number + 1], sizes[number]))
        layers.append(Upsample2D(2, (rows, columns)))
        width, last = widths[number], number == 0
        layers.append(Conv2D(width, size, with_bias=last or norm == "none", initializer=rule))
        layers += [] if last else [*normalised(norm, width), activation()]
    model = EncoderDecoder([*layers, Flatten()], encoder_layers=count)
    model.build(shape)
    return model
