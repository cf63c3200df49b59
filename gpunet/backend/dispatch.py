"""Ops: an array function with a reference, and faster overrides for the array types that have one."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial, update_wrapper
from typing import Any


class Op:
    """A function of arrays that is chosen by the type of its first argument.

    The reference runs wherever no override is registered.  An override is registered under the name of the
    array library, so that registering one for CuPy does not import CuPy.

    >>> @op
    ... def twice(x):
    ...     return x * 2
    >>> @twice.override("cupy")
    ... def _(x):
    ...     return x + x
    >>> twice(3)
    6
    """

    __name__: str

    def __init__(self, reference: Callable[..., Any]):
        self.reference = reference
        self.overrides: dict[str, Callable[..., Any]] = {}
        update_wrapper(self, reference)

    def override(self, library: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
        """Register a faster equal for the arrays of one library: ``"cupy"`` or ``"numpy"``."""

        def register(function: Callable[..., Any]) -> Callable[..., Any]:
            self.overrides[library] = function
            return function

        return register

    def __call__(self, array: Any, *args: Any, **kwargs: Any) -> Any:
        """Run the override for ``array``'s library, or the reference."""
        if self.overrides:
            library = type(array).__module__.partition(".")[0]
            return self.overrides.get(library, self.reference)(array, *args, **kwargs)
        return self.reference(array, *args, **kwargs)


def op(reference: Callable[..., Any]) -> Op:
    """Make an :class:`Op` of its reference implementation."""
    return Op(reference)


@contextmanager
def watching(told: Callable[[Op, tuple[Any, ...], Callable[[], Any]], Any]) -> Iterator[None]:
    """A block in which somebody stands between every op and its callers, those of other threads included.

    Outside of such blocks ops are called as they are, and nothing is asked for it.

    Args:
        told: called with the op, all of its arguments, and a function that computes; gives what that gives.

    >>> twice, seen = op(lambda x: 2 * x), []
    >>> with watching(lambda one, arguments, compute: seen.append(arguments) or compute()):
    ...     twice(3)
    6
    >>> twice(4), seen
    (8, [(3,)])
    """
    plain = Op.__call__

    def call(self: Op, *args: Any, **kwargs: Any) -> Any:
        return told(self, (*args, *kwargs.values()), partial(plain, self, *args, **kwargs))

    setattr(Op, "__call__", call)  # noqa: B010  a type checker takes methods for constants
    try:
        yield
    finally:
        setattr(Op, "__call__", plain)  # noqa: B010
