"""Every diagnosis names the section of the page that says what is behind it, and the section is there."""

import re
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from click.testing import CliRunner

from gpunet.cli import guidance
from gpunet.cli.commands.doctor import doctor
from gpunet.cli.execution import _few_updates, _waits
from gpunet.cli.progress import report

ROOT = Path(__file__).parents[2]
LINKS = {name: value for name, value in vars(guidance).items() if name.isupper() and "#" in value}


def anchors(page):
    """The links to the headings of a page, as forges and Sphinx make them."""
    heads = re.findall(r"^#{1,4} (.+)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", head).strip().lower().replace(" ", "-") for head in heads}


@pytest.mark.parametrize("link", LINKS.values(), ids=LINKS)
def test_the_section_that_a_diagnosis_names_is_there(link):
    path, _, anchor = link.partition("#")
    assert anchor in anchors(ROOT / path)


def test_no_other_link_into_the_manual_leads_nowhere():
    """Neither from the code nor from one page to another."""
    sources = [*(ROOT / "cli").rglob("*.py"), *(ROOT / "gpunet").rglob("*.py"), *(ROOT / "docs").glob("*.md")]
    found = [(source, link) for source in sources for link in re.findall(r"([\w/]+\.md)#([\w-]+)", source.read_text())]
    assert len(found) >= 5
    for source, (path, anchor) in found:
        page = ROOT / path if path.startswith("docs/") else source.parent / path
        if "<!-- generated:" not in page.read_text():  # whose headings come with it
            assert anchor in anchors(page), (source, path, anchor)


def test_what_a_machine_is_warned_of_names_its_section():
    record = SimpleNamespace(
        epoch=1, epochs=2, numbers={}, seconds=0.0, improved=np.array([False]), selects=False, diverged=(),
        warnings=["the chains hardly move: raise k", "33% of the hidden units are never on: lower learning_rate"],
    )  # fmt: skip
    lines = report(record).splitlines()
    assert len(lines) == 3
    assert all(line.startswith("  Warning: ") and line.endswith(f"; see {guidance.MACHINES}.") for line in lines[1:])


def test_what_is_told_before_training_names_its_section(monkeypatch):
    settings = SimpleNamespace(drop_last=True, epochs=2)
    trainer = SimpleNamespace(steps_per_epoch=lambda drop: 12, products=lambda steps: (1e12, 1e12))
    job = SimpleNamespace(
        config=SimpleNamespace(training=settings), trainer=trainer, machine=object(), device=SimpleNamespace(kind="cpu")
    )
    assert _few_updates(job)[0].endswith(f"; see {guidance.MACHINES}")
    monkeypatch.setattr("os.getloadavg", lambda: (1e4, 1e4, 1e4))
    monkeypatch.setattr("gpunet.backend.lanes", lambda: 2)
    monkeypatch.setattr("gpunet.backend.threads_pay", lambda *sizes: True)
    assert _waits(job)[0].endswith(f"; see {guidance.BEFORE}")


def test_the_doctor_names_the_page_and_where_a_missing_gpu_is_treated():
    text = CliRunner().invoke(doctor, ["--device", "auto"]).output
    assert f"diagnose   {guidance.PAGE}: " in text
    assert "Running on the CPU" not in text or f"See {guidance.FILES}." in text
