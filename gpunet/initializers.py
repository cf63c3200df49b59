"""Initial values of parameters.

A rule draws on the host, in float64, from a generator that depends on the model's seed and the parameter's place.
``fan_in`` is the product of all axes but the last, ``fan_out`` the last: for a dense weight its two widths.
"""

from dataclasses import dataclass
from math import prod, sqrt
from typing import ClassVar, Literal

import numpy as np

__all__ = ["Constant", "Glorot", "He", "Initializer", "Lecun", "Normal"]


@dataclass(frozen=True)
class Initializer:
    """Base of the rules: draws an array of a shape."""

    def draw(self, generator: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
        """Return float64 values of ``shape``."""
        raise NotImplementedError


@dataclass(frozen=True)
class Constant(Initializer):
    """Every entry is ``value``."""

    value: float = 0.0

    def draw(self, generator: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
        """Return ``value`` everywhere."""
        return np.full(shape, self.value)


@dataclass(frozen=True)
class Normal(Initializer):
    """Normal with mean 0 and standard deviation ``std``; 0.01 is Hinton's choice for RBMs (2010, section 8)."""

    std: float = 0.01

    def draw(self, generator: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
        """Draw the entries independently."""
        return generator.normal(0.0, self.std, shape)


@dataclass(frozen=True)
class _ScaledVariance(Initializer):
    """Mean 0 and a variance that follows from the fans, normal or uniform."""

    distribution: Literal["normal", "uniform"] = "normal"
    gain: ClassVar[float] = 1.0

    def variance(self, fan_in: int, fan_out: int) -> float:
        """The variance of one entry."""
        return self.gain / fan_in

    def draw(self, generator: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
        """Draw the entries independently."""
        std = sqrt(self.variance(prod(shape[:-1]), shape[-1]))
        if self.distribution == "normal":
            return generator.normal(0.0, std, shape)
        limit = sqrt(3.0) * std
        return generator.uniform(-limit, limit, shape)


@dataclass(frozen=True)
class Lecun(_ScaledVariance):
    """Variance ``1 / fan_in``. LeCun, Bottou, Orr, Müller: Efficient BackProp (1998), section 4.6."""


@dataclass(frozen=True)
class He(_ScaledVariance):
    """Variance ``2 / fan_in``, for ReLU. He, Zhang, Ren, Sun: Delving deep into rectifiers (2015), eq. 10."""

    gain: ClassVar[float] = 2.0


@dataclass(frozen=True)
class Glorot(_ScaledVariance):
    """Variance ``2 / (fan_in + fan_out)``. Glorot, Bengio: Understanding the difficulty ... (2010), eq. 12.

    >>> Glorot().variance(300, 100)
    0.005
    """

    def variance(self, fan_in: int, fan_out: int) -> float:
        """The variance of one entry."""
        return 2.0 / (fan_in + fan_out)
