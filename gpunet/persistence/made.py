"""Checkpoints of machines that no run of ours has trained: their parameters came from elsewhere."""

import hashlib
from typing import Any

import numpy as np

from ..backend import Device
from ..checkpoint import Group, NamedArray, Scalar, note
from ..config import load_config, stamped
from ..data import Contract, Description, Preprocessing
from ..errors import DataError
from ..parameter import Parameters
from .snapshot import describe_data, environment, model_tree

SNAPSHOTS = "snapshots"  # folder in that of a run, with checkpoints of its states on the way


def snapshot_name(update: int) -> str:
    """Name of the checkpoint after so many updates.

    >>> snapshot_name(14)
    'update-000000014.h5'
    """
    return f"update-{update:09d}.h5"


def made_machine(
    weight: np.ndarray,
    visible_bias: np.ndarray,
    hidden_bias: np.ndarray,
    visible_units: Any = "bernoulli",
    hidden_units: Any = "bernoulli",
    name: str = "elsewhere",
    about: dict[str, Scalar] | None = None,
) -> Group:
    """The content of a checkpoint with a machine that has these parameters.

    Args:
        weight: (visible, hidden).
        visible_bias: (visible,).
        hidden_bias: (hidden,).
        visible_units: word of the kind of the visible units, see :class:`gpunet.families.RBMConfig`.
        hidden_units: likewise of the hidden ones.
        name: of where they come from.
        about: attributes to keep beside the model, such as the update that they are of.

    Raises:
        DataError: shapes that do not fit each other, or numbers that are not finite.
        ConfigError: no kind of units.
    """
    weight, b, c = (np.asarray(array, np.float64) for array in (weight, visible_bias, hidden_bias))
    if weight.ndim != 2 or b.shape != weight.shape[:1] or c.shape != weight.shape[1:]:
        rule, got = "must be (visible, hidden) with a bias for each", f"{weight.shape}, {b.shape} and {c.shape}"
        raise DataError(f"{name}: weight", rule, got, "Turn the weight, or check the names of the arrays")
    if not all(np.isfinite(array).all() for array in (weight, b, c)):
        raise DataError(f"{name}: parameters", "must be finite", "NaN or infinity", "Take an earlier state")
    units = {"model.visible_units": visible_units, "model.hidden_units": hidden_units}
    config = load_config("rbm", {**units, "model.hidden": len(c), "data.preprocess": "none"}, {})
    rbm: Any = config.model.network((len(b),), 0)
    parameters = Parameters(rbm, config.seeds, Device())
    for parameter, array in ((rbm.weight, weight), (rbm.visible_bias, b), (rbm.hidden_bias, c)):
        parameter.value[...] = array
    low, high = rbm.visible.ends or (0.0, 0.0)
    contract = Contract(low=low, high=high, whole=rbm.visible.ends is not None)
    digest = hashlib.sha256(b"".join(np.ascontiguousarray(array).tobytes() for array in (weight, b, c))).hexdigest()
    description = Description(name, digest, (), (), (len(b),), 0, 1.0, (0, 0, 0), contract=contract)
    settings = config.model_dump(mode="json")
    settings["data"].pop("source")
    attrs: dict[str, Scalar] = {
        "model": config.model.summary(rbm, len(b)), "parameters": parameters.count, "epoch": 0, "step": 0,
        "monitor": "last", "monitor_value": 0.0,
    }  # fmt: skip
    root = Group(attrs | (about or {}))
    root["config"] = Group({"NX_class": "NXnote"}, {"json": note(stamped(settings))})
    root["environment"] = Group({"NX_class": "NXnote"}, {"json": note(environment(Device()) | {"source": name})})
    root["data"] = describe_data(description, Preprocessing())
    root["model"] = model_tree(rbm, parameters, parameters.device.get(parameters.values))
    root["streams"] = Group({"generator": "philox4x64-10"}, {"seeds": NamedArray(np.zeros(1, np.uint64))})
    return root
