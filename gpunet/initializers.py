"""Initial values of parameters.

A rule draws on the host, in float64, from a generator that depends on the model's seed and the parameter's place.
``fan_in`` is the product of all axes but the last, ``fan_out`` the last: for a dense weight its two widths.  A number
of a rule may differ by member of a population; each member then draws by a rule with a number of its own.
"""

from dataclasses import dataclass
from math import prod, sqrt
from typing import Any, ClassVar, Literal

import numpy as np

from .fields import Count, NonNegative, Positive, check_fields
from .members import PerMember

__all__ = ["LSUV", "Constant", "Glorot", "He", "Initializer", "Lecun", "Normal", "Orthogonal", "Sparse", "Uniform"]


@dataclass(frozen=True)
class Initializer:
    """Base of the rules: draws an array of a shape."""

    def __post_init__(self) -> None:
        """Check the bounds of the fields."""
        check_fields(self)

    def draw(self, generator: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
        """Return float64 values of ``shape``."""
        raise NotImplementedError


@dataclass(frozen=True)
class Constant(Initializer):
    """Every entry is the same number.

    Args:
        value: of every entry; 0.0 by default.
    """

    value: float | PerMember = 0.0

    def draw(self, generator: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
        """An array full of ``value``; the generator is not used."""
        return np.full(shape, self.value)


@dataclass(frozen=True)
class Normal(Initializer):
    """Normal with mean 0 and standard deviation ``std``; 0.01 is Hinton's choice for RBMs (2010, section 8).

    Args:
        std: standard deviation of the entries; 0.01 by default.
    """

    std: NonNegative | PerMember = 0.01

    def draw(self, generator: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
        """Each entry from ``N(0, std^2)``, independently."""
        return generator.normal(0.0, self.std, shape)


@dataclass(frozen=True)
class Uniform(Initializer):
    """Uniform from ``-limit`` to ``limit``.

    Args:
        limit: largest size of an entry; 0.05 by default.
    """

    limit: Positive | PerMember = 0.05

    def draw(self, generator: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
        """Each entry from ``-limit`` to ``limit``, independently."""
        limit: Any = self.limit
        return generator.uniform(-limit, limit, shape)


@dataclass(frozen=True)
class Orthogonal(Initializer):
    """``gain`` times a random orthogonal matrix of fan_in rows and fan_out columns.

    The shorter of rows and columns are orthonormal, so lengths are kept as well as can be.  The matrix is the Q of a
    normal matrix, with the signs that make the diagonal of R positive: without them it would not be uniform.

    Saxe, McClelland, Ganguli: Exact solutions to the nonlinear dynamics of learning in deep linear neural networks
    (2014); signs: Mezzadri: How to generate random matrices from the classical compact groups (2007).

    Args:
        gain: length of the orthonormal rows or columns; 1.0 by default.
    """

    gain: Positive | PerMember = 1.0

    def draw(self, generator: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
        """The Q of a normal matrix with the signs of R's diagonal, times ``gain``."""
        rows, columns = prod(shape[:-1]), shape[-1]
        q, r = np.linalg.qr(generator.normal(size=(max(rows, columns), min(rows, columns))))
        q *= np.where(np.diag(r) < 0, -1.0, 1.0)
        gain: Any = self.gain
        return gain * (q if rows >= columns else q.T).reshape(shape)


@dataclass(frozen=True)
class LSUV(Orthogonal):
    """Layer-sequential unit variance: orthogonal, then scaled so that the layer's output has variance ``gain`` squared.

    The scale depends on data: layer by layer from the bottom, on samples of the training part, before training starts.

    Mishkin, Matas: All you need is a good init (2016).
    """


@dataclass(frozen=True)
class Sparse(Initializer):
    """Each unit has ``k`` incoming weights that are not zero, normal with standard deviation ``std``.

    The size of a unit's input then does not depend on the number of its inputs.  A unit with fewer than ``k`` has all.

    Martens: Deep learning via Hessian-free optimization (2010).

    Args:
        k: weights into each unit that are not zero; 15 by default.
        std: standard deviation of those; 1.0 by default.
    """

    k: Count | PerMember = 15
    std: Positive | PerMember = 1.0

    def draw(self, generator: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
        """Draw the places, then the values."""
        rows, columns = prod(shape[:-1]), shape[-1]
        wanted: Any = self.k
        k = min(wanted, rows)
        places = generator.random((rows, columns)).argsort(axis=0)[:k]
        drawn = np.zeros((rows, columns))
        np.put_along_axis(drawn, places, generator.normal(0.0, self.std, (k, columns)), axis=0)
        return drawn.reshape(shape)


@dataclass(frozen=True)
class _ScaledVariance(Initializer):
    """Mean 0 and a variance that follows from the fans, normal or uniform.

    Args:
        distribution: normal, or uniform between plus and minus sqrt(3) standard deviations; normal by default.
    """

    distribution: Literal["normal", "uniform"] = "normal"
    gain: ClassVar[float] = 1.0

    def variance(self, fan_in: int, fan_out: int) -> float:
        """The variance of one entry."""
        return self.gain / fan_in

    def draw(self, generator: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
        """Each entry with mean 0 and :meth:`variance`, independently."""
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
