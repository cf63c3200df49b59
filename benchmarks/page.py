"""Results written down: what was run, when, and on what."""

import argparse
import importlib.metadata
import os
import platform
import shlex
import sys
from collections.abc import Sequence
from datetime import date
from pathlib import Path

RESULTS = Path(__file__).with_name("results")
PACKAGES = ("gpunet", "numpy", "h5py", "cupy-cuda12x", "cupy-cuda13x", "torch", "scikit-learn")


def saving(description: str | None) -> argparse.ArgumentParser:
    """The options of a benchmark: those that it adds, and ``--save``."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--save", action="store_true", help="write the result to benchmarks/results/")
    return parser


def result(name: str, title: str, lines: Sequence[str], save: bool, how: str = "", command: str = "") -> None:
    """Print a result as Markdown under its title, command, date and machine.

    Args:
        name: of the file in results/.
        title: of the page.
        lines: of its body.
        save: whether to write it to results/.
        how: said behind the command, such as the number of rounds.
        command: where it is not the one that runs.
    """
    command = command or f"python benchmarks/{Path(sys.argv[0]).name} {shlex.join(sys.argv[1:])}".strip()
    when = ", ".join(part for part in (f"`{command}`", how, f"{date.today()}") if part)
    page = "\n".join([f"# {title}", "", f"{when}, load {os.getloadavg()[0]:.1f}", "", machine(), "", *lines, ""])
    print(page)
    if save:
        RESULTS.mkdir(exist_ok=True)
        (RESULTS / f"{name}.md").write_text(page)


def machine() -> str:
    """Processor, system and package versions, in two lines."""
    processor = platform.processor() or platform.machine()
    info = Path("/proc/cpuinfo")
    if info.exists():
        lines = [line for line in info.read_text().splitlines() if line.startswith("model name")]
        processor = f"{len(lines)} cores of {lines[0].partition(':')[2].strip()}"
    versions = []
    for package in PACKAGES:
        try:
            versions.append(f"{package} {importlib.metadata.version(package)}")
        except importlib.metadata.PackageNotFoundError:
            continue
    return f"{processor}, {platform.system()}\nPython {platform.python_version()}, {', '.join(versions)}"
