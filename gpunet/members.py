"""The members axis: where arrays of a population have it, said and never guessed from their rank; and settings that
differ along it.

``members`` is ``()`` for one model and ``(E,)`` for a population of E, as a model's ``Parameters`` say it.
An array of a population has them as its first axis; an image (N, H, W, C) of one model has as many axes as rows of a
population's positions, so that only whoever made the array can know.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields, is_dataclass, replace
from typing import Any

from .errors import ConfigError

MEMBER = "member"  # the name of that axis in checkpoints
MEMBERS = "members"  # the one key of a table that has a value for each member of a population


def by_member(value: Any) -> Any:
    """The values of a setting that is written as one for each member, else None.

    >>> by_member({"members": [0.1, 0.01]}), by_member({"name": "cosine"}), by_member(0.1)
    ([0.1, 0.01], None, None)
    """
    return value[MEMBERS] if isinstance(value, Mapping) and value.keys() == {MEMBERS} else None


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


class PerMember(tuple[Any, ...]):
    """One value for each member of a population, where another setting has one for all.

    It may stand for any number that is no shape: rates and other numbers of rules and schedules, penalties, clipping,
    dropout, noise, label smoothing.  Fewer values than members stand for as many members in a row each.

    >>> PerMember([0.1, 0.01]).among(4)
    PerMember([0.1, 0.1, 0.01, 0.01])
    >>> PerMember([0.1, 0.01]).of(3, 4)
    0.01
    """

    def of(self, member: int, members: int) -> Any:
        """The value of one member among so many.

        Raises:
            ConfigError: so many members cannot have as many values.
        """
        if not self or members % len(self):
            several = f"{members} members" if members > 1 else "the one model"
            remedy = "Give one value for each member"
            raise ConfigError("values by member", f"must be as many as {several}", f"{len(self)} values", remedy)
        return self[member * len(self) // members]

    def among(self, members: int) -> "PerMember":
        """The values of so many members.

        Raises:
            ConfigError: so many members cannot have as many values.
        """
        return PerMember(self.of(member, members) for member in range(members))

    def __repr__(self) -> str:
        """As it would be written."""
        return f"PerMember({list(self)!r})"


def values_of(setting: Any) -> tuple[Any, ...]:
    """All values of a setting: that of all members, or those of each."""
    return tuple(setting) if isinstance(setting, PerMember) else (setting,)


def each(formula: Callable[[Any], Any], setting: Any) -> Any:
    """A formula of a setting, or of that of each member.

    >>> each(lambda rate: 2 * rate, PerMember([1, 3])), each(lambda rate: 2 * rate, 2)
    (PerMember([2, 6]), 4)
    """
    return PerMember(map(formula, setting)) if isinstance(setting, PerMember) else formula(setting)


def differs(thing: Any) -> bool:
    """Whether a setting, or one inside of it, differs by member."""
    return isinstance(thing, PerMember) or any(differs(part) for part in _parts(thing).values())


def own(thing: Any, member: int, members: int) -> Any:
    """A setting, or a dataclass of settings such as a schedule, as one member among so many has it.

    >>> from gpunet.schedules import Step
    >>> own(Step(PerMember([0.1, 0.3])), 1, 2).value
    0.3
    """
    if isinstance(thing, PerMember):
        return own(thing.of(member, members), member, members)
    if not differs(thing):
        return thing
    if isinstance(thing, list | tuple):
        return tuple(own(part, member, members) for part in thing)
    return replace(thing, **{name: own(part, member, members) for name, part in _parts(thing).items()})


def settled(thing: Any) -> Any:
    """A setting with no more than its own values by member: a schedule that holds some becomes one for each.

    >>> from gpunet.schedules import Step
    >>> [step.value for step in settled(Step(PerMember([0.1, 0.3])))]
    [0.1, 0.3]
    """
    count = _count(thing)
    return PerMember(own(thing, member, count) for member in range(count)) if count else thing


def _count(thing: Any) -> int:
    """How many values by member there are, 0 for none."""
    if isinstance(thing, PerMember):
        return len(thing)
    return max((_count(part) for part in _parts(thing).values()), default=0)


def _parts(thing: Any) -> dict[Any, Any]:
    """What a list or a dataclass holds."""
    if isinstance(thing, list | tuple):
        return dict(enumerate(thing))
    held = is_dataclass(thing) and not isinstance(thing, type)
    return {field.name: getattr(thing, field.name) for field in fields(thing)} if held else {}
