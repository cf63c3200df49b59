"""No file that gpunet reads can make it run something: a scan over all code."""

import ast

import pytest

from test_architecture import MODULES

FORBIDDEN = {
    "pickle", "cPickle", "dill", "cloudpickle", "joblib", "marshal", "shelve", "runpy", "imp", "code", "codeop", "yaml",
}  # fmt: skip
CALLS = {"eval", "exec", "compile", "__import__", "execfile"}
MEMBERS = {"import_module", "literal_eval", "resolve_name", "spec_from_file_location", "locate", "exec_module"}
IMPORTS_BY_NAME = {"gpunet.cli.commands": "a command of its own table", "gpunet.studies": "a file of its own table"}
PACKS = {"gpunet.cluster.carrying": "what a client sends to its own workers, over a connection and never from a file"}
OPENS_HDF5 = {
    "gpunet.checkpoint.walk": "in the child",
    "gpunet.checkpoint.foreign_walk": "in the child",
    "gpunet.checkpoint.layout": "its own bytes",
}


def offences(text, module=""):
    """What a source text does that a file could turn against its reader."""
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import | ast.ImportFrom):
            origins = [node.module or ""] if isinstance(node, ast.ImportFrom) else [a.name for a in node.names]
            forbidden = FORBIDDEN - ({"cloudpickle"} if module in PACKS else set())
            yield from (f"imports {o}" for o in origins if o.split(".")[0] in forbidden)
            names = [a.name for a in node.names] if isinstance(node, ast.ImportFrom) else []
            yield from (f"imports {n}" for n in names if n in MEMBERS and module not in IMPORTS_BY_NAME)
        elif isinstance(node, ast.Call):
            name = node.func.id if isinstance(node.func, ast.Name) else getattr(node.func, "attr", "")
            words = {word.arg: word.value for word in node.keywords}
            if isinstance(node.func, ast.Name) and name in CALLS:
                yield f"calls {name}"
            constant = all(isinstance(argument, ast.Constant) for argument in node.args)
            if name in MEMBERS and not constant and module not in IMPORTS_BY_NAME:
                yield f"calls {name}"
            if name == "load" and ast.unparse(node.func).startswith(("np.", "numpy.")):
                yield "calls numpy.load, which asks for memory before it looks"
            if any(
                key in ("allow_pickle", "shell") and not (isinstance(value, ast.Constant) and value.value is False)
                for key, value in words.items()
            ):
                yield f"{name} with allow_pickle or shell"
            if ast.unparse(node.func) in ("h5py.File", "hdf5().File") and module not in OPENS_HDF5:
                yield "opens HDF5 in the process itself"


@pytest.mark.parametrize("module", MODULES)
def test_nothing_runs_what_a_file_says(module):
    assert not list(offences(MODULES[module].read_text(), module))


@pytest.mark.parametrize(
    "text",
    [
        "import pickle", "from pickle import loads", "import importlib; importlib.import_module(name)", "eval(text)",
        "from importlib import import_module", "exec(text)", "np.load(path)", "np.load(path, allow_pickle=True)",
        "read_array(file, allow_pickle=flag)", "subprocess.run(text, shell=True)", "h5py.File(path)",
        "hdf5().File(path)",
        "__import__(name)", "import yaml", "ast.literal_eval(text)", "compile(text, '', 'exec')",
        "import joblib.numpy_pickle",
    ],
)  # fmt: skip
def test_the_scan_sees_what_it_is_for(text):
    assert list(offences(text))


def test_the_scan_lets_plain_reading_be():
    plain = """
import json, importlib, re
importlib.import_module("cupy")
re.compile("a")
json.loads(text)
read_array(file, allow_pickle=False)
"""
    assert not list(offences(plain))
