"""Machines of Potts variables have more parameters than distributions: one choice among those that say the same."""

import numpy as np

from ..errors import DataError


def zero_sum(
    weight: np.ndarray, visible_bias: np.ndarray, hidden_bias: np.ndarray, group: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The same machine in the zero-sum gauge: over the states of each site the weights of a hidden unit sum to 0.

    As exactly one state of a site is there, a number that is added to all its weights into a hidden unit is a part of
    that unit's bias.  It goes there, so the input of every hidden unit, and with it every free energy, is what it was.
    The fields of all sites get one sum, which is what is left of theirs: 0 where their own sums add up to 0.  Tubiana,
    Cocco, Monasson: Learning protein constitutive motifs from sequence data (2019).

    Args:
        weight: ([members,] visible, hidden), of visible units in groups.
        visible_bias: ([members,] visible), the fields.
        hidden_bias: ([members,] hidden).
        group: states of a site.

    Returns:
        The three, in float64.

    Raises:
        DataError: groups that do not fill the visible side.

    >>> w, b, c = zero_sum(np.array([[1.0], [3.0]]), np.array([2.0, 0.0]), np.array([0.5]), 2)
    >>> w.tolist(), b.tolist(), c.tolist()
    ([[-1.0], [1.0]], [2.0, 0.0], [2.5])
    """
    weight, visible_bias, hidden_bias = (np.asarray(a, np.float64) for a in (weight, visible_bias, hidden_bias))
    *members, visible, hidden = weight.shape
    if visible % group:
        raise DataError("weight", f"must have visible units in groups of {group}", f"{visible} of them", "Check group")
    by_site = weight.reshape(*members, visible // group, group, hidden)
    shift = by_site.mean(axis=-2, keepdims=True)
    fields = visible_bias.reshape(*members, visible // group, group)
    level = fields.mean(axis=-1, keepdims=True)
    even = fields - level + level.mean(axis=-2, keepdims=True)
    return (
        (by_site - shift).reshape(weight.shape),
        even.reshape(visible_bias.shape),
        hidden_bias + shift[..., 0, :].sum(axis=-2),
    )
