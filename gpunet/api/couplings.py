"""Fields and couplings in files, as other programs have them: JSON and HDF5."""

import json
from pathlib import Path
from typing import Any

import numpy as np

from ..backend import resolve_device
from ..checkpoint import NamedArray, in_memory, plain_hdf5, read_foreign
from ..config import read_text
from ..errors import CheckpointError, ConfigError, DataError
from ..persistence import made_machine
from ..rbm import Couplings
from ..writing import replace_file
from .loading import result_of

FORMAT = "gpunet-couplings"
ENERGY = "E(s, t) = offset - h_visible s - h_hidden t - s J t with s, t of -1 and +1, at an inverse temperature of 1"
REMEDY = "Write h_visible, h_hidden and J (visible, hidden), as exported couplings have them"


def write_couplings(couplings: Couplings, path: str | Path) -> Path:
    """Write fields and couplings as ``.json`` or ``.h5``, whole or not at all.

    The arrays are ``h_visible``, ``h_hidden``, ``J`` (visible, hidden) and ``offset``; the energy stands beside them.

    Raises:
        ConfigError: another ending.
        WriteError: the folder is not there, or the disk refuses.
    """
    path = Path(path)
    arrays = {"h_visible": couplings.visible, "h_hidden": couplings.hidden, "J": couplings.between}
    if path.suffix.lower() == ".json":
        plain = {name: array.tolist() for name, array in arrays.items()}
        content = {"format": FORMAT, "energy": ENERGY, "offset": couplings.offset} | plain
        replace_file(path, [json.dumps(content).encode()])
        return path
    if path.suffix.lower() not in (".h5", ".hdf5"):
        raise ConfigError("path", "must end in .json or .h5", str(path), f"For example {path.stem or 'couplings'}.json")
    about = {"format": FORMAT, "energy": ENERGY}
    replace_file(path, [plain_hdf5({**arrays, "offset": np.array(couplings.offset)}, about)])
    return path


def read_couplings(path: str | Path) -> Couplings:
    """Fields and couplings out of a JSON or HDF5 file, which is taken for hostile: nothing of it is run.

    Raises:
        DataError: missing, or without the arrays that :func:`write_couplings` writes.
    """
    path = Path(path)
    found = _of_json(path) if path.suffix.lower() == ".json" else _of_hdf5(path)
    lacking = [name for name in ("h_visible", "h_hidden", "J") if name not in found]
    if lacking:
        raise DataError(str(path), f"must hold {lacking[0]}", ", ".join(sorted(found)) or "nothing", REMEDY)
    arrays = {}
    for name in ("h_visible", "h_hidden", "J", "offset"):
        try:
            arrays[name] = np.array(found.get(name, 0.0), np.float64)
        except (ValueError, TypeError):
            raise DataError(f"{path}: {name}", "must be numbers of one shape", "something else", REMEDY) from None
    if arrays["offset"].size != 1:
        raise DataError(f"{path}: offset", "must be one number", f"shape {arrays['offset'].shape}", REMEDY)
    try:
        return Couplings(arrays["h_visible"], arrays["h_hidden"], arrays["J"], float(arrays["offset"].reshape(())))
    except DataError as error:
        raise DataError(f"{path}: {error.thing}", error.rule, error.received, error.remedy) from None


def machine_of(
    couplings: Couplings, visible_units: str = "spin", hidden_units: str = "spin", device: str = "auto"
) -> Any:
    """The machine with these couplings, of spins or bits; energies differ by a number that is the same for all states.

    >>> import numpy as np
    >>> couplings = Couplings(np.array([0.5, -0.2]), np.array([0.1]), np.array([[1.0], [-1.0]]))
    >>> machine = machine_of(couplings)
    >>> f"{machine.energy([[1, -1]], [[1]])[0]:.3f}"
    '-2.800'
    """
    kinds = load_units(visible_units, hidden_units)
    weight, b, c, _ = couplings.machine(*kinds)
    place = resolve_device(device)
    with place.activate():
        return result_of(in_memory(made_machine(weight, b, c, visible_units, hidden_units, "couplings")), place)


def load_units(visible: str, hidden: str) -> tuple[Any, Any]:
    """Units of two states by their words.

    Raises:
        ConfigError: other words.
    """
    from ..rbm import Bernoulli, Spin

    known = {"spin": Spin, "bernoulli": Bernoulli}
    for key, word in (("visible_units", visible), ("hidden_units", hidden)):
        if word not in known:
            raise ConfigError(key, "must be spin or bernoulli for couplings", repr(word), "For example spin")
    return known[visible](1), known[hidden](1)


def _of_json(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(read_text(path))
    except (ValueError, RecursionError) as error:
        raise DataError(str(path), "must be JSON", str(error)[:100], REMEDY) from None
    if not isinstance(found, dict):
        raise DataError(str(path), "must be a JSON object", type(found).__name__, REMEDY)
    return found


def _of_hdf5(path: Path) -> dict[str, Any]:
    try:
        root = read_foreign(path, ("h_visible", "h_hidden", "J", "offset")).root
    except CheckpointError as error:
        raise DataError(error.thing, error.rule, error.received, error.remedy) from None
    return {name: node.data for name, node in root.children.items() if isinstance(node, NamedArray)}
