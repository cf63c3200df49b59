"""Residual networks: for images, and for features."""

from collections.abc import Callable, Sequence
from typing import Any, Literal

from ..errors import ConfigError
from ..initializers import Constant, He, Initializer
from ..layers import (
    BatchNorm,
    Conv2D,
    Dense,
    Dropout,
    GlobalAveragePool,
    GroupNorm,
    Identity,
    Layer,
    PadChannels,
    ReLU,
    Residual,
    Sequential,
    StochasticDepth,
)
from ..members import each

Norm = Literal["batch", "group", "none"]
Block = Literal["basic", "bottleneck"]
Order = Literal["post", "pre"]
Shortcut = Literal["projection", "zeros", "none"]
EXPANSION = 4  # of the channels of a bottleneck at its end
NOTHING = Constant(0.0)


def normalised(norm: Norm, channels: int, first: float = 1.0) -> list[Layer]:
    """The norm behind a convolution, or nothing.

    Args:
        norm: which.
        channels: that it normalises.
        first: what the scales of a batch norm start with.
    """
    if norm == "group":
        return [GroupNorm(groups=next(g for g in (8, 4, 2, 1) if channels % g == 0))]
    return [BatchNorm(initial_scale=first)] if norm == "batch" else []


def residual_block(
    n_in: int,
    width: int,
    stride: int = 1,
    block: Block = "basic",
    order: Order = "post",
    shortcut: Shortcut = "projection",
    norm: Norm = "batch",
    activation: Callable[[], Layer] = ReLU,
    initializer: Initializer | None = None,
    zero_start: bool = True,
    drop: float = 0.0,
) -> list[Layer]:
    """One block of a residual network for images, as layers that follow each other.

    Args:
        n_in: channels that it sees.
        width: channels of its 3x3 convolutions; a basic block ends in as many, a bottleneck in four times as many.
        stride: of its first 3x3 convolution.
        block: two 3x3 convolutions, or a 3x3 one between two of 1x1.
        order: norm and activation behind each convolution and behind the sum (He et al. 2016a), or in front (2016b).
        shortcut: where shapes differ: a 1x1 convolution, or channels of zeros; elsewhere the identity.  None makes the
            block a plain one.
        norm: of the batch, of groups of 8 channels, or none.
        activation: makes one activation layer.
        initializer: of the kernels; He's by default.
        zero_start: begin as the shortcut: the last norm of the batch with scales 0, else the last kernel with 0.
        drop: probability that a sample passes by the shortcut alone while training.

    >>> [type(layer).__name__ for layer in residual_block(16, 32, stride=2)]
    ['Residual', 'ReLU']
    """
    rule, bias = initializer or He(), norm == "none"
    n_out = width * (EXPANSION if block == "bottleneck" else 1)
    steps = [(width, 3, stride), (n_out, 3, 1)]
    if block == "bottleneck":
        steps = [(width, 1, 1), (width, 3, stride), (n_out, 1, 1)]
    plain = shortcut == "none"
    zero = zero_start and not plain
    body: list[Layer] = []
    channels = n_in
    for number, (units, size, step) in enumerate(steps):
        last = number == len(steps) - 1
        by_scale = order == "post" and norm == "batch"
        start = NOTHING if zero and last and not by_scale else rule
        kernel = Conv2D(units, size, step, padding=size // 2, with_bias=bias, initializer=start)
        if order == "pre":
            body += [*normalised(norm, channels), activation(), kernel]
        else:
            body += [kernel, *normalised(norm, units, 0.0 if zero and last else 1.0)]
            body += [] if last else [activation()]
        channels = units
    after: list[Layer] = [activation()] if order == "post" else []
    if plain:
        return [*body, *after]
    body += [StochasticDepth(drop)] if drop else []
    if stride == 1 and n_in == n_out:
        return [Residual(Sequential(body)), *after]
    if shortcut == "zeros":
        return [Residual(Sequential(body), PadChannels(n_out, stride)), *after]
    side: list[Layer] = [Conv2D(n_out, 1, stride, with_bias=bias, initializer=rule)]
    if order == "post":
        return [Residual(Sequential(body), Sequential([*side, *normalised(norm, n_out)])), *after]
    # What is normalised and activated first serves both branches.
    common = next(i for i, layer in enumerate(body) if isinstance(layer, Conv2D))
    return [*body[:common], Residual(Sequential(body[common:]), side[0])]


def blocks_for(depth: int, stages: int, block: Block) -> int:
    """Blocks of each stage of a network of so many layers with weights, the first and the last included.

    Raises:
        ConfigError: a depth that no whole number of blocks has.

    >>> blocks_for(20, 3, "basic"), blocks_for(110, 3, "basic"), blocks_for(164, 3, "bottleneck")
    (3, 18, 18)
    """
    each = stages * (3 if block == "bottleneck" else 2)
    blocks, rest = divmod(depth - 2, each)
    if rest or blocks < 1:
        rule = f"must be 2 more than a multiple of {each}, the layers of one {block} block in each of {stages} stages"
        raise ConfigError("depth", rule, depth, f"Use {max(blocks + (2 * rest >= each), 1) * each + 2}")
    return blocks


def stacked_blocks(
    widths: Sequence[int],
    each: int,
    block: Block,
    order: Order,
    shortcut: Shortcut,
    norm: Norm,
    activation: Callable[[], Layer] = ReLU,
    initializer: Initializer | None = None,
    zero_start: bool = True,
    stochastic_depth: float = 0.0,
    blocks: int | None = None,
) -> list[list[Layer]]:
    """The layers of the first blocks of a residual network, block by block.

    Args:
        widths: channels of each stage.
        each: blocks of a stage.
        block: see :func:`residual_block`, likewise the settings down to ``zero_start``.
        order: see there.
        shortcut: see there.
        norm: see there.
        activation: see there.
        initializer: see there.
        zero_start: see there.
        stochastic_depth: see :func:`resnet`.
        blocks: how many, of all stages by default.
    """
    total = each * len(widths)
    channels, found = widths[0], []
    for number in range(total if blocks is None else blocks):
        width, drop = widths[number // each], _rising(stochastic_depth, number + 1, total)
        stride = 2 if number and not number % each else 1
        found.append(
            residual_block(
                channels, width, stride, block, order, shortcut, norm, activation, initializer, zero_start, drop
            )
        )
        channels = width * (EXPANSION if block == "bottleneck" else 1)
    return found


def resnet(
    shape: tuple[int, ...],
    n_out: int,
    depth: int = 20,
    widths: Sequence[int] = (16, 32, 64),
    block: Block = "basic",
    order: Order = "post",
    shortcut: Shortcut = "projection",
    norm: Norm = "batch",
    activation: Callable[[], Layer] = ReLU,
    initializer: Initializer | None = None,
    zero_start: bool = True,
    stochastic_depth: float = 0.0,
    dropout: float = 0.0,
    blocks: int | None = None,
) -> Sequential:
    """The residual network for small images: a convolution, stages of blocks, the mean over positions, the output.

    Each stage but the first halves height and width in its first block.  Depths 20, 32, 44, 56 and 110 with the three
    default widths are those of He, Zhang, Ren, Sun: Deep residual learning for image recognition (2016a), section 4.2;
    ``order="pre"`` is their Identity mappings in deep residual networks (2016b).

    Args:
        shape: of one image, (height, width, channels).
        n_out: outputs, linear as losses expect.
        depth: layers with weights that follow each other: 2 + 2 or 3 for each block.
        widths: channels of each stage, see :func:`residual_block`.
        block: see :func:`residual_block`, likewise the settings down to ``zero_start``.
        order: see there.
        shortcut: see there.
        norm: see there.
        activation: see there.
        initializer: see there.
        zero_start: see there.
        stochastic_depth: probability that a sample passes the last block by its shortcut; that of the blocks before
            grows evenly up to it (Huang et al. 2016).
        dropout: rate in front of the output layer.
        blocks: only the first so many, of a network that grows; all by default.

    Raises:
        ConfigError: samples that are no images, a depth that no whole number of blocks has.

    >>> model = resnet((32, 32, 3), 10, depth=20)
    >>> from gpunet.parameter import Parameters
    >>> Parameters(model, seeds=0).count
    272474
    """
    count = blocks_for(depth, len(widths), block)
    rule = initializer or He()
    layers: list[Layer] = [Conv2D(widths[0], with_bias=norm == "none", initializer=rule)]
    if order == "post":
        layers += [*normalised(norm, widths[0]), activation()]
    made = stacked_blocks(
        widths, count, block, order, shortcut, norm, activation, rule, zero_start, stochastic_depth, blocks
    )
    layers += [layer for one in made for layer in one]
    channels = widths[(len(made) - 1) // count] * (EXPANSION if block == "bottleneck" else 1)
    if order == "pre":
        layers += [*normalised(norm, channels), activation()]
    layers += [GlobalAveragePool(), *([Dropout(dropout)] if dropout else []), Dense(n_out)]
    model = Sequential(layers)
    model.build(shape)
    return model


def resmlp(
    n_in: int,
    n_out: int,
    width: int = 128,
    blocks: int = 4,
    norm: bool = True,
    activation: Callable[[], Layer] = ReLU,
    initializer: Initializer | None = None,
    zero_start: bool = True,
    stochastic_depth: float = 0.0,
    dropout: float = 0.0,
    shortcut: bool = True,
) -> Sequential:
    """A residual network for features: blocks of two dense layers, norm and activation in front of each.

    Args:
        n_in: features.
        n_out: outputs, linear as losses expect.
        width: of all hidden layers.
        blocks: how many; the network has two layers with weights for each, and two more.
        norm: whether to normalise over the batch.
        activation: makes one activation layer.
        initializer: of the hidden weights; He's by default.
        zero_start: begin as the shortcuts: the last weight of each block with 0.
        stochastic_depth: as in :func:`resnet`.
        dropout: rate in front of the second dense layer of each block.
        shortcut: False makes a plain network of the same layers.

    >>> model = resmlp(64, 10, width=32, blocks=2)
    >>> [type(layer).__name__ for layer in model.layers]
    ['Dense', 'Residual', 'Residual', 'BatchNorm', 'ReLU', 'Dense']
    """
    rule = initializer or He()

    def ready() -> list[Layer]:
        return [*([BatchNorm()] if norm else []), activation()]

    layers: list[Layer] = [Dense(width, initializer=rule)]
    for number in range(blocks):
        body = [*ready(), Dense(width, initializer=rule), *ready(), *([Dropout(dropout)] if dropout else [])]
        body += [Dense(width, initializer=NOTHING if zero_start and shortcut else rule)]
        drop = _rising(stochastic_depth, number + 1, blocks)
        body += [StochasticDepth(drop)] if drop and shortcut else []
        layers += [Residual(Sequential(body), Identity())] if shortcut else body
    model = Sequential([*layers, *ready(), Dense(n_out)])
    model.build((n_in,))
    return model


def _rising(rate: Any, number: int, blocks: int) -> Any:
    """The rate of one of several blocks, which rises in a straight line up to the last one."""
    return each(lambda own: own * number / blocks, rate)
