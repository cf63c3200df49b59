"""Every key and option that a message of searches, folds and comparisons names is one that there is."""

import ast
import re
from dataclasses import fields
from pathlib import Path

import pytest

import gpunet
from gpunet.cli import main
from gpunet.cli.naming import translated
from gpunet.config import dotted_keys, short_keys
from gpunet.searches import Settings

ROOT = Path(__file__).parents[2]
FILES = [
    *sorted((ROOT / "gpunet/searches").glob("*.py")),
    ROOT / "gpunet/data/folding.py",
    *(ROOT / f"gpunet/studies/{name}.py" for name in ("comparison", "crossvalidation", "execution", "tuning", "depth")),
    *(ROOT / f"gpunet/{name}.py" for name in ("stages/milestones", "stages/control", "persistence/folder")),
    *sorted((ROOT / "gpunet/cluster").glob("*.py")),
    *(ROOT / f"cli/{name}.py" for name in ("searching", "comparing", "folding", "clusters", "opening")),
    *(ROOT / f"cli/commands/{name}.py" for name in ("search", "compare", "train", "depth")),
]
COMMANDS = ("search", "compare", "train", "depth", "ensemble")
OPTIONS = {name for command in COMMANDS for one in main.get_command(None, command).params for name in one.opts}
OPTIONS |= {"--port"}  # of dask scheduler
KEYS = {
    *dotted_keys(),
    *short_keys(),
    "lr",
    "model.name",
    "optimizer.name",
    *(f"search.{field.name}" for field in fields(Settings)),
}
PYTHON = {"run", "resume", "data", "workers", "dask", *(field.name for field in fields(Settings)), *short_keys()}


def text(node):
    """A text of the source, with a letter where something is filled in."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.JoinedStr):
        return "".join(part.value if isinstance(part, ast.Constant) else "X" for part in node.values)
    if isinstance(node, ast.IfExp):
        return f"{text(node.body)} {text(node.orelse)}"
    return ""


def remedies(path):
    """The remedies in a module: what is given as one, and what is called one."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Call) and ast.unparse(node.func).endswith("Error"):
            given = node.args[3:4] + [word.value for word in node.keywords if word.arg == "remedy"]
            yield from filter(None, map(text, given))
        elif isinstance(node, ast.Assign):
            for name, value in zip(
                *((n.elts if isinstance(n, ast.Tuple) else [n]) for n in (node.targets[0], node.value))
            ):
                if isinstance(name, ast.Name) and name.id == "remedy" and text(value):
                    yield text(value)


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_remedies_name_what_there_is(path):
    for remedy in remedies(path):
        said = translated(remedy)
        for option in re.findall(r"(?<![\w-])--?[a-z][a-z-]*", said):
            assert option in OPTIONS, remedy
        for key in re.findall(r"(?<![\w.{-])([a-z][a-z_]*(?:\.[a-z_]+)*)=", said):
            assert key in KEYS or key.removeprefix("tune.") in KEYS, remedy
        for key in re.findall(r"(?<![\w/])(?:search|tune|data|model|optimizer|training)\.[a-z_]+(?:\.[a-z_]+)*", said):
            assert key in KEYS or key.removeprefix("tune.") in KEYS, remedy


def test_remedies_of_the_front_door_name_its_arguments():
    found = list(remedies(ROOT / "gpunet/api/searching.py"))
    assert len(found) >= 2
    for remedy in found:
        assert {*re.findall(r"(?<![\w.])([a-z_]+)=", remedy)} <= PYTHON, remedy
    assert gpunet.search.__kwdefaults__.keys() >= {"run", "resume", "data", "workers", "dask"}


def test_there_are_remedies_to_look_at():
    assert sum(len(list(remedies(path))) for path in FILES) > 80
