"""The library names its fields and arguments, the command line keys and options."""

import ast
import re

import pytest

from gpunet.cli import main
from gpunet.cli.naming import KEYS, OPTIONS, PHRASES, SET, THINGS, explained, translated
from gpunet.config import Config
from gpunet.errors import ConfigError, DataError
from test_architecture import MODULES, room_of

# Flags of other programs, compilers and Dask, and gpunet commands as a whole.
FOREIGN = {"--std", "--from", "--no", "--nthreads", "--memory", "--local", "--port", "--gpu"}


def texts(module):
    """All text constants of a module but its docstrings."""
    tree = ast.parse(MODULES[module].read_text())
    documented = [n for n in ast.walk(tree) if isinstance(n, ast.Module | ast.ClassDef | ast.FunctionDef) and n.body]
    docstrings = {id(n.body[0].value) for n in documented if isinstance(n.body[0], ast.Expr)}
    constants = [n for n in ast.walk(tree) if isinstance(n, ast.Constant) and id(n) not in docstrings]
    return [n.value for n in constants if isinstance(n.value, str)]


LIBRARY = {module: texts(module) for module in MODULES if room_of(module) != "gpunet.cli"}


def test_no_message_of_the_library_names_an_option():
    found = [
        (module, text)
        for module, lines in LIBRARY.items()
        for text in lines
        if set(re.findall(r"(?<![\w-])--[a-z]+", text)) - FOREIGN
    ]
    assert not found


def test_no_message_outside_the_configuration_names_its_keys():
    """Keys stand in code where a configuration is changed, as whole texts; no sentence holds one."""
    key = re.compile(r"(?<![\w.])(tune|training|optimizer|data|model)\.(?!toml\b)[a-z]")
    whole = re.compile(r"(training|optimizer|data|model)\.[a-z0-9_]*")
    rooms = [m for m in LIBRARY if room_of(m) != "gpunet.config"]
    found = [(m, text) for m in rooms for text in LIBRARY[m] if key.search(text) and not whole.fullmatch(text)]
    assert not found


def test_no_error_outside_the_configuration_is_about_a_key():
    """The first argument of an error is the thing that is wrong: a field."""
    found = []
    for module, path in MODULES.items():
        if room_of(module) in ("gpunet.cli", "gpunet.config"):
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id.endswith("Error"):
                thing = ast.unparse(node.args[0]) if node.args else ""
                if re.match(r"f?'(tune|training|optimizer|data|model)\.", thing):
                    found.append((module, thing))
    assert not found


@pytest.mark.parametrize("phrase", PHRASES)
def test_what_is_translated_is_said_somewhere(phrase):
    assert any(phrase in text for lines in LIBRARY.values() for text in lines)


@pytest.mark.parametrize("thing", THINGS)
def test_things_are_what_errors_are_about(thing):
    assert any(thing in lines for lines in LIBRARY.values())


@pytest.mark.parametrize("path", [*KEYS.values(), *SET.values()])
def test_keys_are_keys_of_the_configuration(path):
    section, _, key = path.partition(".")
    assert section in Config.model_fields
    schema = str(Config.model_json_schema())
    assert f"'{key.rpartition('.')[2]}': " in schema


@pytest.mark.parametrize(("name", "option"), OPTIONS.items())
def test_arguments_that_are_options_are_those_of_a_command(name, option):
    commands = [main.get_command(None, word) for word in ("train", "ensemble")]
    assert any(option in parameter.opts for command in commands for parameter in command.params)
    assert translated(f"Set {name}=3, or leave {name} out") == f"Set {option}=3, or leave {option} out"
    assert translated(f"the {name} are many") == f"the {name} are many"


def test_messages_are_translated_part_by_part():
    error = ConfigError("l2", "must be 0 with LARS", "l2=3, k=1", "Set l2=0 and weight_decay")
    assert (
        explained(error)
        == "training.l2: must be 0 with LARS, got l2=3, k=1. Set training.l2=0 and optimizer.weight_decay."
    )
    assert explained(ConfigError("k", "must be at least 1", 0)) == "model.k: must be at least 1, got 0."
    assert explained(ConfigError("source", "must have layers")) == "--from: must have layers."
    untouched = "training.l2, Adam.learning_rate, learning_rates, k of them, a set of chains"
    assert translated(untouched) == untouched
    assert translated("raise k, set chains=tempered") == "raise model.k, set model.chains=tempered"
    assert explained(DataError("l2.csv", "must be finite")) == "l2.csv: must be finite."
