"""Several checkpoints as one network, by the mean of their weights."""

from collections.abc import Callable, Sequence

import numpy as np

from ..checkpoint import Group, NamedArray
from ..errors import CheckpointError

Score = tuple[float, float]  # lower is better; the second decides between equal ones


def averaged_weights(contents: Sequence[Group], names: Sequence[str] = ()) -> Group:
    """The content of a checkpoint whose arrays are the mean of those of several; all else is that of the first.

    Running statistics are averaged like weights.

    Args:
        contents: of checkpoints.
        names: of them, for messages.

    Raises:
        CheckpointError: arrays of other names or shapes than the first has.
    """
    first = _arrays(contents[0])
    others = [_arrays(content) for content in contents]
    for number, arrays in enumerate(others):
        wrong = [path for path in sorted({*first, *arrays}) if _shape(first, path) != _shape(arrays, path)]
        if wrong:
            path = wrong[0]
            name = names[number] if number < len(names) else f"network {number}"
            received = f"{path} of shape {_shape(arrays, path)}"
            remedy = f"The first has {_shape(first, path)}; combine their predictions instead"
            raise CheckpointError(name, "must have weights of the shapes of the first", received, remedy)
    found = Group(dict(contents[0].attrs), dict(contents[0].children))
    found["model"] = _copied(contents[0]["model"])
    for path, array in first.items():
        if array.dtype.kind == "f":
            mean = np.mean([arrays[path].data.astype(np.float64) for arrays in others], axis=0)
            attrs = {name: value for name, value in array.attrs.items() if name != "sha256"}
            found[f"model/{path}"] = NamedArray(mean.astype(array.dtype), attrs)
    return found


def greedy_soup(
    contents: Sequence[Group], judge: Callable[[Group], Score], names: Sequence[str] = ()
) -> tuple[Group, list[int], list[Score]]:
    """The mean of the weights of those networks that do not make it worse, beginning with the best.

    Wortsman et al.: Model soups: averaging weights of multiple fine-tuned models improves accuracy without increasing
    inference time (2022).

    Args:
        contents: of checkpoints.
        judge: the score of one on samples that none was trained on, lower is better.
        names: of them, for messages.

    Returns:
        The content of the soup's checkpoint, the numbers of the networks in it, and the score of each network alone.

    Raises:
        CheckpointError: arrays of other names or shapes than the first has.
    """
    averaged_weights(contents, names)  # whatever does not fit is found before anything is judged
    alone = [judge(content) for content in contents]
    order = sorted(range(len(contents)), key=lambda number: alone[number])
    taken, best = [order[0]], alone[order[0]]
    for number in order[1:]:
        score = judge(averaged_weights([contents[k] for k in (*taken, number)]))
        if score <= best:
            taken, best = [*taken, number], score
    return averaged_weights([contents[k] for k in taken]), taken, alone


def _arrays(content: Group) -> dict[str, NamedArray]:
    return {path: child for path, child in content["model"].walk() if isinstance(child, NamedArray)}


def _shape(arrays: dict[str, NamedArray], path: str) -> tuple[int, ...] | None:
    return arrays[path].shape if path in arrays else None


def _copied(group: Group) -> Group:
    children = {name: _copied(child) if isinstance(child, Group) else child for name, child in group.children.items()}
    return Group(dict(group.attrs), children)
