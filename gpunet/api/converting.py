"""Machines of other programs: archives of ``rbms``, arrays by name, and couplings, into checkpoints of ours."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ..checkpoint import BEST, Checkpoint, Group, NamedArray, Scalar, read_foreign, write
from ..errors import ConfigError, DataError, WriteError, printable
from ..paths import exists
from ..persistence import SNAPSHOTS, made_machine, snapshot_name
from ..writing import make_folder
from .couplings import load_units, read_couplings

UPDATE = re.compile(r"update_(\d{1,12})")
PARAMETERS = ("weight_matrix", "vbias", "hbias")  # of a state in an archive of rbms
KNOWN = {"BBRBM": "bits on both sides", "PBRBM": "Potts variables and bits"}
ARRAYS = ("weight", "visible_bias", "hidden_bias")


@dataclass(frozen=True)
class Converted:
    """What came of another program's file.

    Attributes:
        path: of the checkpoint, or of the folder of the run.
        kind: what was read.
        updates: of each state, in order; none where there is one machine.
        chains: how many persistent chains came along.
        model: the units of the machine.
    """

    path: Path
    kind: str
    updates: tuple[int, ...]
    chains: int
    model: str


def convert(
    source: str | Path,
    output: str | Path,
    keys: Mapping[str, str] | None = None,
    visible_units: str | None = None,
    hidden_units: str | None = None,
) -> Converted:
    """Write a machine of another program as a checkpoint of ours, or its archive as the folder of a run.

    The file is read by a confined child process; nothing of it is run or loaded as an object.

    Args:
        source: an archive of ``rbms`` 0.5 or 0.6; a JSON or HDF5 file of couplings, see
            :func:`gpunet.api.couplings.write_couplings`; or any HDF5 file of arrays, with ``keys``.
        output: of an archive a folder that is not there yet, which gets the last state as ``best.h5`` and every state
            below ``snapshots``; else a file name that ends in ``.h5``.
        keys: paths within the file of ``weight`` (visible, hidden), ``visible_bias`` and ``hidden_bias``; a bias that
            is left out is 0.
        visible_units: ``bernoulli`` or ``spin``, for couplings and arrays; spin for couplings by default, else bits.
        hidden_units: likewise.

    Raises:
        DataError: none of these, an archive of an unknown version or kind, or parameters that do not fit each other.
        CheckpointError: damaged, or hostile.
        WriteError: the output is there, or the disk refuses.

    >>> import tempfile, gpunet
    >>> from gpunet.api.couplings import write_couplings
    >>> from gpunet.rbm import Couplings
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     held = Couplings(np.zeros(2), np.zeros(1), np.ones((2, 1)))
    ...     path = write_couplings(held, f"{folder}/ising.json")
    ...     made = convert(path, f"{folder}/ising.h5")
    ...     gpunet.load(made.path).couplings().between.tolist()
    [[1.0], [1.0]]
    """
    source, output = Path(source), Path(output)
    if not exists(source):
        raise DataError(str(source), "must be an existing file", "no such file", "Check the path")
    if exists(output):
        raise WriteError(str(output), "must not be there yet", "a file or folder", "Choose another name")
    if keys:
        return _of_keys(source, output, keys, visible_units or "bernoulli", hidden_units or "bernoulli")
    if source.suffix.lower() == ".json":
        return _of_couplings(source, output, visible_units or "spin", hidden_units or "spin")
    found = read_foreign(source)
    if any(UPDATE.fullmatch(name) for name in found.root.children):
        return _of_archive(source, output)
    if {"h_visible", "h_hidden", "J"} <= set(found.root.children):
        return _of_couplings(source, output, visible_units or "spin", hidden_units or "spin")
    names = printable(", ".join(list(found.root.children)[:10])) or "nothing"
    remedy = "Name its arrays: weight, visible bias and hidden bias"
    raise DataError(str(source), "must be an archive of rbms, or hold couplings", names, remedy)


def _of_archive(source: Path, output: Path) -> Converted:
    found = read_foreign(source, ("",), most=1 << 28)
    root, name = found.root, source.name
    kind = _text(root.children.get("model_type"))
    if kind not in KNOWN:
        rule = "must say a model_type that is known: " + ", ".join(f"{k} ({what})" for k, what in KNOWN.items())
        raise DataError(str(source), rule, printable(kind or "none"), "Name its arrays one by one instead")
    updates = sorted(int(match[1]) for child in root.children if (match := UPDATE.fullmatch(child)))
    states = [(update, _state(found, update, kind, name)) for update in updates]
    if len({tuple(np.shape(a.data) for _, a in _model_arrays(state)) for _, state in states}) > 1:
        raise DataError(str(source), "must hold states of one shape", "several", "Convert them one by one")
    chains = root.children.get("parallel_chains")
    last = states[-1][1]
    count = 0
    if isinstance(chains, NamedArray):
        held = _states(chains.data, last, f"{source}: parallel_chains")
        last["chains"] = Group({"description": "persistent chains"}, {"states": NamedArray(held)})
        count = len(held)
    folder = output / SNAPSHOTS
    try:
        make_folder(folder)
    except OSError as error:
        rule, remedy = "must be a folder that can be made", "Check the path"
        raise WriteError(str(output), rule, error.strerror or "", remedy) from None
    for update, state in states:
        write(folder / snapshot_name(update), state)
    write(output / BEST, last)
    return Converted(output, f"rbms archive, {KNOWN[kind]}", tuple(updates), count, str(last.attrs["model"]))


def _state(found: Checkpoint, update: int, kind: str, name: str) -> Group:
    """One state of an archive; in files of 0.6 an array may stand under two names, of which one is read."""
    arrays = []
    for parameter in PARAMETERS:
        places = (f"update_{update}/params/{parameter}", f"update_{update}/{parameter}")
        here = [found.root[place] for place in places if place in found.root]
        node = next((node for node in here if isinstance(node, NamedArray)), None)
        if node is None:
            rule = f"must hold {parameter} of update {update}, as archives of rbms 0.5 and 0.6 do"
            raise DataError(str(found.path), rule, "none", "Name its arrays one by one instead")
        arrays.append(node.data)
    weight, b, c = arrays
    units: Any = "bernoulli"
    if kind == "PBRBM":
        if weight.ndim != 3 or b.shape != weight.shape[:2]:
            rule, got = "must be (sites, states, hidden) with a field for each state", f"{weight.shape}, {b.shape}"
            raise DataError(f"{found.path}: update_{update}", rule, got, "Check the archive")
        units = {"name": "softmax", "group": weight.shape[1]}
        weight, b = weight.reshape(-1, weight.shape[-1]), b.reshape(-1)
    about: dict[str, Scalar] = {"step": update}
    return made_machine(weight, b, c, units, "bernoulli", name, about)


def _states(chains: np.ndarray, state: Group, name: str) -> np.ndarray:
    """Chains as the machine has them, (chains, visible); numbers of letters become one 1 among as many units.

    Raises:
        DataError: they are no states of the machine.
    """
    model: Any = state["model"]
    visible, letters = len(model["visible_bias"].data), int(model["visible"].attrs.get("group", 1))
    flat = chains.reshape(len(chains), -1) if chains.ndim > 1 else chains
    rule, remedy = "must hold states of the machine in rows", "Write the archive again"
    if flat.ndim == 2 and flat.shape[1] == visible and np.isin(flat, (0, 1)).all():
        return flat.astype(np.float32)
    if flat.ndim != 2 or letters == 1 or flat.shape[1] * letters != visible:
        raise DataError(name, rule, f"shape {chains.shape}", remedy)
    if not np.isin(flat, np.arange(letters)).all():
        raise DataError(name, rule, f"numbers that are not 0 to {letters - 1}", remedy)
    return np.eye(letters, dtype=np.float32)[flat.astype(np.int64)].reshape(len(flat), -1)


def _model_arrays(state: Group) -> list[tuple[str, NamedArray]]:
    model: Any = state["model"]
    return [(path, node) for path, node in model.walk() if isinstance(node, NamedArray)]


def _of_couplings(source: Path, output: Path, visible: str, hidden: str) -> Converted:
    couplings = read_couplings(source)
    weight, b, c, _ = couplings.machine(*load_units(visible, hidden))
    return _written(output, made_machine(weight, b, c, visible, hidden, source.name), "couplings")


def _of_keys(source: Path, output: Path, keys: Mapping[str, str], visible: str, hidden: str) -> Converted:
    if "weight" not in keys or not set(keys) <= set(ARRAYS):
        raise ConfigError("keys", f"must name weight and may name {ARRAYS[1]} and {ARRAYS[2]}", ", ".join(keys))
    found = read_foreign(source, tuple(keys.values()))
    arrays = {}
    for name, path in keys.items():
        node: Any = found.root[path] if path in found.root else Group()
        if not isinstance(node, NamedArray):
            known = [place for place, child in found.root.walk() if isinstance(child, NamedArray)]
            listed = printable(", ".join(known[:10])) or "no arrays"
            raise DataError(str(source), f"must hold an array {printable(path)}", listed, "Check its name")
        arrays[name] = node.data
    weight = arrays["weight"]
    if weight.ndim != 2:
        raise DataError(f"{source}: {keys['weight']}", "must be (visible, hidden)", f"shape {weight.shape}", "Check it")
    b, c = (arrays.get(name, np.zeros(n)) for name, n in zip(ARRAYS[1:], weight.shape))
    return _written(output, made_machine(weight, b, c, visible, hidden, source.name), "arrays")


def _written(output: Path, content: Group, kind: str) -> Converted:
    if output.suffix.lower() not in (".h5", ".hdf5"):
        raise ConfigError("output", "must end in .h5", str(output), f"For example {output.stem or 'machine'}.h5")
    write(output, content)
    return Converted(output, kind, (), 0, str(content.attrs["model"]))


def _text(node: Any) -> str:
    if not isinstance(node, NamedArray) or node.data.dtype.kind not in "SU" or node.data.size != 1:
        return ""
    value = node.data.reshape(-1)[0]
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
