"""What the tests of old files and the script that wrote them share; nothing else here knows names of the program.

Whoever renames a key or a word of configurations, or a path of checkpoints, adds it to the tables below, once: what was
written before keeps its old name for ever, and is expected under the new one in what is written from then on.
"""

import ctypes
import hashlib
import json
import math
import sys
from functools import cache
from pathlib import Path

import h5py
import numpy as np
from click.testing import CliRunner

from gpunet.cli import main
from gpunet.config import load_config

FIXTURES = Path(__file__).parent / "fixtures"
DATA = FIXTURES / "data"
FILES = ("best.h5", "last.h5")
STATE = ("model", "optimizer", "loop", "history")  # the groups that say what a run has come to

# (word of the table, or its section where it has none; old key) to the new key: ("batch_norm", "averaging") for one.
RENAMED_KEYS: dict[tuple[str, str], str] = {
    ("batch_norm", "averaging"): "momentum",
    ("data", "label"): "target",
}
# (word or section as above, old key, old value) to the new value: ("mlp", "activation", "linear"), or, for a word
# itself, ("linear", "name", "linear").
RENAMED_WORDS: dict[tuple[str, str, str], str] = {
    ("linear", "name", "linear"): "identity",
    ("mlp", "activation", "linear"): "identity",
    ("autoencoder", "activation", "linear"): "identity",
    ("autoencoder", "code_activation", "linear"): "identity",
}
# Beginning of a path in a checkpoint to what it begins with now.
RENAMED_PATHS: dict[str, str] = {}


def gpunet(*words, code=0):
    """Run a command in this process; what it printed on stdout."""
    done = CliRunner().invoke(main, [*map(str, words)])
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    assert done.exit_code == code, done.output
    return done.stdout


def fixtures():
    """Folders of old runs, by family and case."""
    return sorted(path.parent for path in FIXTURES.glob("*/*/expected.json"))


def name_of(folder):
    """``family/case``."""
    return folder.relative_to(FIXTURES).as_posix()


def expected_of(folder):
    """What was written down beside an old run."""
    return json.loads((folder / "expected.json").read_text())


def meaning(path, words=None, environment=None):
    """The whole configuration that a TOML file stands for, as plain data."""
    return load_config(str(path), words or {}, environment or {}).model_dump(mode="json")


# What a model gives: the same commands when the numbers were written down and when they are compared.


def measured(folder, name, data, commands):
    """The documents that commands print about a checkpoint, and what they draw.

    Args:
        folder: of a run.
        name: of its checkpoint.
        data: what to evaluate and predict, a file or folder.
        commands: of ``evaluate``, ``predict``, ``likelihood`` and ``sample``.
    """
    path, found = folder / name, {}
    place = ("--device", "cpu", "--json")
    if "evaluate" in commands:
        found["evaluate"] = json.loads(gpunet("evaluate", path, "--data", data, *place))
    if "predict" in commands:
        rows = json.loads(gpunet("predict", path, data, "--probabilities", *place))[:8]
        found["predict"] = [{key: value for key, value in row.items() if key != "input"} for row in rows]
    if "likelihood" in commands:
        brief = ("--runs", 4, "--steps", 20, "--mixing", 5, "--cases", 3)
        found["likelihood"] = json.loads(gpunet("likelihood", path, "--data", data, *brief, *place))
    return found


def drawn(path, output, *words):
    """Samples of a machine after a few Gibbs steps, as nested lists."""
    gpunet("sample", path, "-n", 4, "--steps", 5, "--seed", 3, "-o", output, "--device", "cpu", *words)
    with np.load(output) as found:
        return found["x"].tolist()


def arrays_of(path):
    """The arrays that say what a run has come to, by path; read without gpunet, and without what tells the time."""
    found = {}
    with h5py.File(path) as file:

        def keep(name, node):
            if isinstance(node, h5py.Dataset) and name.split("/")[0] in STATE and not node.attrs.get("volatile"):
                found[name] = node[()]

        file.visititems(keep)
    return found


def digest(array):
    """The first half of the SHA-256 over type, shape and bytes."""
    array = np.ascontiguousarray(array)
    return hashlib.sha256(f"{array.dtype.str} {array.shape}\n".encode() + array.tobytes()).hexdigest()[:32]


def digests(path):
    """Digests of the arrays of a checkpoint by path."""
    return {name: digest(array) for name, array in sorted(arrays_of(path).items())}


# Comparison.


def differences(expected, found, path="", tolerance=1e-5):
    """One line for each thing that is missing or different; what is new in ``found`` is no difference."""
    if isinstance(expected, dict):
        if not isinstance(found, dict):
            return [f"{path}: {found!r} instead of keys"]
        inner = [(f"{path}.{key}".strip("."), value, found.get(key, "nothing")) for key, value in expected.items()]
    elif isinstance(expected, list):
        if not isinstance(found, list) or len(found) != len(expected):
            return [f"{path}: {found!r} instead of {expected!r}"]
        inner = [(f"{path}.{i}".strip("."), *pair) for i, pair in enumerate(zip(expected, found))]
    else:
        number = isinstance(expected, float) and isinstance(found, int | float)
        same = math.isclose(expected, found, rel_tol=tolerance, abs_tol=tolerance) if number else expected == found
        return [] if same else [f"{path}: {found!r} instead of {expected!r}"]
    return [line for name, *pair in inner for line in differences(*pair, name, tolerance)]


def in_todays_words(document, section="config"):
    """A dumped configuration of long ago as it would be dumped now, by the tables of what was renamed."""
    if isinstance(document, list):
        return [in_todays_words(value, section) for value in document]
    if not isinstance(document, dict):
        return document
    word = section if section == "config" else document.get("name", section)  # a run has a name, which is no word
    found = {}
    for key, value in document.items():
        known = isinstance(value, str) and (word, key, value) in RENAMED_WORDS
        name = RENAMED_KEYS.get((word, key), key)
        found[name] = RENAMED_WORDS[word, key, value] if known else in_todays_words(value, key)
    return found


def todays_path(path):
    """A path in a checkpoint of long ago as it is written now."""
    was = next((was for was in RENAMED_PATHS if path.startswith(was)), "")
    return RENAMED_PATHS.get(was, "") + path[len(was) :]


# The machine: sums come out bit for bit where all of this is the same.


@cache
def machine():
    """Versions and processor features that rounding depends on."""
    simd = np.show_config(mode="dicts")["SIMD Extensions"]
    return {
        "numpy": np.__version__,
        "blas": _blas_core(),
        "simd": " ".join([*simd.get("baseline", []), *simd.get("found", [])]),
    }


def _blas_core():
    """The kernels that OpenBLAS chose for this processor, or what kind of BLAS there is instead."""
    names = ("scipy_openblas_get_corename64_", "scipy_openblas_get_corename", "openblas_get_corename64_")
    folders = (Path(np.__file__).parents[1] / "numpy.libs", Path(np.__file__).parent / ".dylibs")
    for library in (path for folder in folders for path in sorted(folder.glob("*openblas*"))):
        loaded = ctypes.CDLL(str(library))
        for name in (*names, "openblas_get_corename"):
            if hasattr(loaded, name):
                core = getattr(loaded, name)
                core.restype = ctypes.c_char_p
                return f"openblas {core().decode()}"
    return f"{np.show_config(mode='dicts')['Build Dependencies']['blas']['name']} on {sys.platform}"
