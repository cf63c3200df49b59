"""What the program says about itself, and that saying it is quick."""

import subprocess
import sys
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from gpunet.cli import main
from gpunet.cli.commands import SUMMARIES


def commands(command=main, path=()):
    """Every command that the program has, as words, the program itself first."""
    yield path
    if isinstance(command, click.Group):
        with click.Context(command) as ctx:
            for name in command.list_commands(ctx):
                yield from commands(command.get_command(ctx, name), (*path, name))


@pytest.mark.parametrize("path", list(commands()), ids=" ".join)
def test_every_help_text_has_an_example(path):
    done = CliRunner().invoke(main, [*path, "--help"], prog_name="gpunet")
    assert done.exit_code == 0
    if path not in (("data",), ("presets",), ("config",)):
        assert f"  gpunet {' '.join(path)}".rstrip() in done.output


def test_the_help_lists_every_command_in_full():
    files = {path.stem for path in (Path(__file__).parents[2] / "cli" / "commands").glob("*.py")} - {"__init__"}
    assert {path[0] for path in commands() if path} == files == set(SUMMARIES)
    listed = CliRunner().invoke(main, ["--help"], prog_name="gpunet").output
    assert "..." not in listed.partition("\n")[2]
    assert all(f"  {name} " in listed and summary in listed for name, summary in SUMMARIES.items())


def test_help_is_quick_because_it_loads_no_command_and_nothing_heavy():
    code = """
import sys
from gpunet.cli import main
from gpunet.cli.commands import SUMMARIES
try:
    main(["--help"], prog_name="gpunet")
except SystemExit as ended:
    heavy = {"numpy", "h5py", "pydantic", "rich", "cupy", "json", "difflib", "gpunet.cli.options"}
    print(ended.code, sorted(name for name in sys.modules if name in heavy or name.startswith("gpunet.cli.commands.")))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=50)
    assert done.stdout.splitlines()[-1] == "0 []", done.stdout + done.stderr
