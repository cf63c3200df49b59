"""The command line as a user runs it: in a process of its own, or in this one, which is quicker still."""

import os
import subprocess
import sys

from click.testing import CliRunner

from forking import SERVER
from gpunet.cli import main


def gpunet(*arguments, cwd, check=True, env=None, input=""):
    """Run the program in a folder, without the settings of whoever runs the tests.

    With variables of its own it starts anew; otherwise it is forked from a process that has it loaded.
    """
    words = [*map(str, arguments)]
    if env is None:
        done = subprocess.CompletedProcess(["gpunet", *words], *SERVER.run({"words": words, "input": input}, cwd))
    else:
        environment = {k: v for k, v in os.environ.items() if not k.startswith("GPUNET_")} | env
        done = subprocess.run(
            [sys.executable, "-m", "gpunet.cli", *words], cwd=cwd, input=input, env=environment,
            capture_output=True, text=True, timeout=300,
        )  # fmt: skip
    assert not check or done.returncode == 0, done.stderr
    return done


def invoked(*words, code=0):
    """Run the program in this process; what it raises that is no exit is raised here."""
    done = CliRunner().invoke(main, [*map(str, words)])
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    assert done.exit_code == code, done.output
    return done


def refused(*arguments, cwd, code, expected):
    """A mistake gets one line on stderr, its exit code, nothing on stdout and nothing on disk."""
    before = sorted(cwd.rglob("*"))
    done = gpunet(*arguments, "--device", "cpu", cwd=cwd, check=False)
    assert done.returncode == code, done.stderr
    assert done.stdout == ""
    lines = done.stderr.strip().splitlines()
    assert any(expected in line for line in lines), done.stderr
    assert "Traceback" not in done.stderr
    assert len([line for line in lines if line.startswith("gpunet: ")]) == 1
    assert sorted(cwd.rglob("*")) == before
