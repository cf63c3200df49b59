"""The convolutional network without shortcuts, and the blocks that it is made of."""

from collections.abc import Callable, Sequence

from ..initializers import He, Initializer
from ..layers import Conv2D, Dense, Dropout, Flatten, Layer, MaxPool2D, ReLU, Sequential, SpatialDropout
from .resnet import Norm, normalised


def depthwise_separable(
    n_in: int,
    n_out: int,
    size: int = 3,
    stride: int = 1,
    norm: Norm = "batch",
    activation: Callable[[], Layer] = ReLU,
    initializer: Initializer | None = None,
) -> list[Layer]:
    """A convolution of each channel by itself and one across channels at each position, with norms and activations.

    Howard et al.: MobileNets (2017), section 3.1.

    Args:
        n_in: channels that it sees.
        n_out: channels that it gives.
        size: of the kernel of each channel.
        stride: of that.
        norm: behind both, see :func:`~gpunet.models.residual_block`.
        activation: makes one activation layer.
        initializer: of the kernels; He's by default.

    >>> [type(layer).__name__ for layer in depthwise_separable(16, 32)]
    ['Conv2D', 'BatchNorm', 'ReLU', 'Conv2D', 'BatchNorm', 'ReLU']
    """
    rule, bias = initializer or He(), norm == "none"
    each = Conv2D(n_in, size, stride, groups="depthwise", with_bias=bias, initializer=rule)
    across = Conv2D(n_out, 1, with_bias=bias, initializer=rule)
    return [each, *normalised(norm, n_in), activation(), across, *normalised(norm, n_out), activation()]


def stages(
    n_in: int,
    channels: Sequence[int],
    convolutions: int,
    size: int,
    norm: Norm,
    separable: bool,
    activation: Callable[[], Layer],
    initializer: Initializer,
    spatial_dropout: float = 0.0,
) -> list[Layer]:
    """The convolutions of :func:`convnet`, which has the arguments, as layers; ``n_in`` channels go in."""
    seen, layers = n_in, list[Layer]()
    for width in channels:
        for _ in range(convolutions):
            if separable and layers:
                layers += depthwise_separable(seen, width, size, 1, norm, activation, initializer)
            else:
                layers += [Conv2D(width, size, with_bias=norm == "none", initializer=initializer)]
                layers += [*normalised(norm, width), activation()]
            seen = width
        layers += [MaxPool2D(2, padding="same")]
        layers += [SpatialDropout(spatial_dropout)] if spatial_dropout else []
    return layers


def convnet(
    shape: tuple[int, ...],
    n_out: int,
    channels: Sequence[int] = (32, 64),
    convolutions: int = 1,
    size: int = 3,
    hidden: Sequence[int] = (128,),
    norm: Norm = "batch",
    separable: bool = False,
    activation: Callable[[], Layer] = ReLU,
    initializer: Initializer | None = None,
    spatial_dropout: float = 0.0,
    dropout: float = 0.0,
) -> Sequential:
    """Stages of convolutions, each closed by a 2x2 maximum, then dense layers; the output is linear, as losses expect.

    Args:
        shape: of one image, (height, width, channels).
        n_out: outputs.
        channels: of each stage.
        convolutions: of each stage.
        size: of the kernels.
        hidden: width of each dense layer behind.
        norm: behind each convolution, see :func:`~gpunet.models.residual_block`.
        separable: use depthwise-separable blocks in place of all convolutions but the first.
        activation: makes one activation layer.
        initializer: of kernels and hidden weights; He's by default.
        spatial_dropout: rate of channels, behind each stage.
        dropout: rate behind each dense layer.

    >>> model = convnet((28, 28, 1), 10)
    >>> [layer.weight.shape for layer in model.layers if hasattr(layer, "weight")]
    [(3, 3, 1, 32), (3, 3, 32, 64), (3136, 128), (128, 10)]
    """
    rule = initializer or He()
    layers = stages(shape[-1], channels, convolutions, size, norm, separable, activation, rule, spatial_dropout)
    layers.append(Flatten())
    for width in hidden:
        layers += [Dense(width, initializer=rule), activation()]
        layers += [Dropout(dropout)] if dropout else []
    model = Sequential([*layers, Dense(n_out)])
    model.build(shape)
    return model
