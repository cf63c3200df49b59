"""Results written down: what was run, when, and on what."""

import argparse
import importlib.metadata
import json
import os
import platform
import shlex
import subprocess
import sys
from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).with_name("results")
PACKAGES = ("gpunet", "numpy", "h5py", "cupy-cuda12x", "cupy-cuda13x", "torch", "scikit-learn")


def saving(description: str | None) -> argparse.ArgumentParser:
    """The options of a benchmark: those that it adds, and ``--save``."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--save", action="store_true", help="write the result to benchmarks/results/")
    return parser


def result(
    name: str,
    title: str,
    lines: Sequence[str],
    save: bool,
    how: str = "",
    command: str = "",
    figures: Sequence[Mapping[str, Any]] = (),
) -> None:
    """Print a result as Markdown under its title, command, date and machine.

    Args:
        name: of the file in results/.
        title: of the page.
        lines: of its body.
        save: whether to write it to results/.
        how: said behind the command, such as the number of rounds.
        command: where it is not the one that runs.
        figures: what was measured, for other programs; they are written beside the page as JSON.
    """
    command = command or f"python benchmarks/{Path(sys.argv[0]).name} {shlex.join(sys.argv[1:])}".strip()
    when = ", ".join(part for part in (f"`{command}`", how, f"{date.today()}") if part)
    page = "\n".join([f"# {title}", "", f"{when}, load {os.getloadavg()[0]:.1f}", "", machine(), "", *lines, ""])
    print(page)
    if save:
        RESULTS.mkdir(exist_ok=True)
        (RESULTS / f"{name}.md").write_text(page)
    if save and figures:
        about = {"title": title, "command": command, "how": how, "date": f"{date.today()}", "commit": commit()}
        about |= {"load": round(os.getloadavg()[0], 1), "processor": processor(), "versions": versions()}
        text = json.dumps(about | {"figures": list(figures)}, indent=1)
        (RESULTS / f"{name}.json").write_text(text + "\n")


def commit() -> str:
    """The commit of the checkout, with a sign where files differ from it; empty outside of one."""
    said = subprocess.run(
        ["git", "describe", "--always", "--dirty", "--abbrev=12"], capture_output=True, text=True, check=False,
        cwd=RESULTS.parent,
    )  # fmt: skip
    return said.stdout.strip()


def machine() -> str:
    """Processor, system and package versions, in two lines."""
    known = ", ".join(f"{package} {version}" for package, version in versions().items())
    return f"{processor()}, {platform.system()}\n{known}"


def processor() -> str:
    """Its name, with the number of its cores where the system tells."""
    info = Path("/proc/cpuinfo")
    if not info.exists():
        return platform.processor() or platform.machine()
    lines = [line for line in info.read_text().splitlines() if line.startswith("model name")]
    return f"{len(lines)} cores of {lines[0].partition(':')[2].strip()}"


def versions() -> dict[str, str]:
    """Of Python and of the packages that matter, as far as they are there."""
    known = {"Python": platform.python_version()}
    for package in PACKAGES:
        try:
            known[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            continue
    return known
