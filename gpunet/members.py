"""The members axis: where arrays of a population have it, said and never guessed from their rank.

``members`` is ``()`` for one model and ``(E,)`` for a population of E, as a model's ``Parameters`` say it.
An array of a population has them as its first axis; an image (N, H, W, C) of one model has as many axes as rows of a
population's positions, so that only whoever made the array can know.
"""

from collections.abc import Sequence
from typing import Any

MEMBER = "member"  # the name of that axis in checkpoints


def of_member(array: Any, members: tuple[int, ...], number: int = 0) -> Any:
    """What belongs to one member of a population; the array itself where there is but one model.

    >>> import numpy as np
    >>> of_member(np.arange(6).reshape(2, 3), (2,), 1).tolist(), of_member(np.arange(3), ()).tolist()
    ([3, 4, 5], [0, 1, 2])
    """
    return array[number] if members else array


def members_first(array: Any, members: tuple[int, ...]) -> Any:
    """With a members axis in front in any case: ``(E, ...)``, of length 1 for one model.

    >>> import numpy as np
    >>> members_first(np.zeros((5, 4)), ()).shape, members_first(np.zeros((2, 5, 4)), (2,)).shape
    ((1, 5, 4), (2, 5, 4))
    """
    return array if members else array[None]


def other_axes(array: Any, members: tuple[int, ...]) -> tuple[int, ...]:
    """The numbers of all axes but that of the members.

    >>> import numpy as np
    >>> other_axes(np.zeros((2, 5, 4)), (2,)), other_axes(np.zeros((5, 4)), ())
    ((1, 2), (0, 1))
    """
    return tuple(range(len(members), len(array.shape)))


def axes_text(names: Sequence[str], members: tuple[int, ...]) -> str:
    """The names of the axes of an array as checkpoints keep them.

    >>> axes_text(("true", "predicted"), (3,)), axes_text(("bin",), ())
    ('member,true,predicted', 'bin')
    """
    return ",".join((MEMBER, *names) if members else names)
