"""A checkpoint of a machine of Potts variables in the zero-sum gauge."""

from dataclasses import replace
from typing import Any

import numpy as np

from ..checkpoint import Group
from ..errors import ConfigError
from ..fields import term
from ..models import DBN
from ..persistence import TrainedStack
from ..rbm import Softmax, zero_sum

ARRAYS = ("weight", "visible_bias", "hidden_bias")


def in_zero_sum_gauge(held: TrainedStack) -> Group:
    """The content of a checkpoint with the lowest machine in the zero-sum gauge; all else is as it was.

    Args:
        held: whose lowest visible units are softmax.

    Raises:
        ConfigError: a deep machine, or other visible units.
    """
    units = held.dbn.visible
    if not isinstance(units, Softmax) or not isinstance(held.dbn, DBN):
        rule = "needs a machine or a stack with softmax visible units"
        raise ConfigError("zero_sum", rule, term(type(units)), "Leave it out")
    root = held.checkpoint.root
    model: Any = root["model"]
    name = "" if "weight" in model.children else sorted(model.children)[0]
    machine: Any = model[name] if name else model
    arrays = [machine[array] for array in ARRAYS]
    weight, visible_bias, hidden_bias = (array.data for array in arrays)
    changed = zero_sum(weight, visible_bias, hidden_bias, units.group)
    made = {key: replace(array, data=np.asarray(new, array.dtype)) for key, array, new in zip(ARRAYS, arrays, changed)}
    lowest = Group(machine.attrs, {**machine.children, **made})
    whole = Group(model.attrs, {**model.children, name: lowest}) if name else lowest
    return Group(root.attrs, {**root.children, "model": whole})
