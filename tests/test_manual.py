"""The manual and README keep their word: what they show is what happens, and what is generated leaves nothing out."""

import importlib.util
import re
import sys
import tomllib
from pathlib import Path

import click
import pytest
import yaml

import gpunet
from examples import compare, pictures, run
from gpunet import api
from gpunet.cli import main
from gpunet.config import Config
from gpunet.config.reference import keys
from gpunet.config.sources import preset_names

pytestmark = pytest.mark.timeout(600)  # the examples of a page are many trainings

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
NAMES = [str(page.relative_to(ROOT)) for page in PAGES]
LARGEST = 150_000  # bytes of a picture


@pytest.mark.parametrize("page", PAGES, ids=NAMES)
def test_the_examples_of_a_page_do_what_it_says(page, tmp_path, monkeypatch, request):
    monkeypatch.chdir(tmp_path)
    text = page.read_text()
    run(text, str(page.relative_to(ROOT)), tmp_path)
    for path in pictures(text):
        kept, drawn = page.parent / path, tmp_path / path.name
        if request.config.getoption("--draw") and drawn.exists():
            kept.write_bytes(drawn.read_bytes())
        assert kept.stat().st_size <= LARGEST
        if drawn.exists():
            assert size(kept) == size(drawn), f"{path} is not what the page draws: make pictures"


def size(path):
    from PIL import Image

    with Image.open(path) as image:
        return image.size


def test_every_picture_is_shown():
    shown = {(page.parent / path).resolve() for page in PAGES for path in pictures(page.read_text())}
    assert shown == set((ROOT / "docs/pictures").iterdir())


@pytest.fixture(scope="module")
def generated():
    """The parts of the manual that are made from the code."""
    place = ROOT / "docs/_generate/__init__.py"
    spec = importlib.util.spec_from_file_location("_generate", place, submodule_search_locations=[str(place.parent)])
    room = sys.modules["_generate"] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(room)
    return room


def test_every_part_stands_on_a_page(generated):
    used = [name for page in PAGES for name in generated.MARK.findall(page.read_text())]
    assert sorted(used) == sorted(generated.PARTS)
    page = "# A\n\n<!-- generated: exit-codes -->\n\nB\n"
    assert "| 74 | `WriteError` |" in generated.filled(page)


def test_commands_have_all_options_and_examples(generated):
    text = generated.PARTS["commands"]()

    def walk(command, context):
        head = f"# {context.command_path}\n"
        assert head in text
        part = text.split(head)[1].split("\n#")[0]
        for parameter in command.params:
            if isinstance(parameter, click.Option):
                assert all(f"{option}" in part for option in parameter.opts), (context.command_path, parameter.opts)
        if isinstance(command, click.Group):
            for name in command.list_commands(context):
                inner = command.get_command(context, name)
                walk(inner, click.Context(inner, info_name=name, parent=context))

    top = click.Context(main, info_name="gpunet")
    for name in main.list_commands(top):
        command = main.get_command(top, name)
        walk(command, click.Context(command, info_name=name, parent=top))
    assert "```sh\ngpunet train\ngpunet train flowers.csv\n" in text
    assert "\b" not in text


def test_keys_are_those_that_config_show_lists(generated):
    text = "\n".join(generated.PARTS[name]() for name in ("keys", "families", "rules"))
    rows = re.sub(r"\\(.)", r"\1", text).splitlines()
    for key in keys(Config()):
        if not key.section:
            assert any(row.startswith(f"| `{key.path}`") and row.endswith(f"| {key.about} |") for row in rows), key.path
    assert "| `training.epochs` or `epochs` | `20` | a whole number from 1 |" in text
    assert "| `optimizer.learning_rate` or `learning_rate` |" in text


def test_words_presets_metrics_and_exports_are_all_there(generated):
    words, rows = generated.PARTS["words"](), generated.PARTS["presets"]()
    assert "### `dense`" in words
    assert "| `n_out` |" in words
    assert all(f"| `{name}` |" in rows for name in preset_names())
    assert "| `roc_auc` |" in generated.PARTS["metrics"]()
    door, results = generated.PARTS["front-door"](), generated.PARTS["results"]()
    functions = [name for name in gpunet.__all__ if name.islower() and not name.startswith("_")]
    assert all(f".. autofunction:: gpunet.{name}\n" in door for name in functions)
    classes = [name for name in api.__all__ if name[0].isupper() and name != "Result"]
    assert all(f".. autoclass:: gpunet.api.{name}\n" in results for name in classes)


def test_the_citation_is_complete_and_of_this_version():
    """What schema 1.2.0 of the Citation File Format asks for."""
    found = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    assert {"authors", "cff-version", "message", "title"} <= found.keys()
    assert found["cff-version"] == "1.2.0"
    assert found["version"] == gpunet.__version__
    assert found["type"] == "software"
    assert found["license"] == tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["license"]
    assert all(author["name"] for author in found["authors"])


def test_a_transcript_that_is_wrong_is_noticed():
    compare("loss 0.25 in 1.0 s\n...\ndone 3\n", "loss  0.26 in 99.0 s\nx\ny\ndone 3\n", "here")
    for wrong in ("loss 0.90 in 1.0 s\ndone 3\n", "loss 0.25 in 1.0 s\ndone 4\n", "loss 0.25 in 1.0 s\n"):
        with pytest.raises(AssertionError, match="here prints"):
            compare("loss 0.25 in 1.0 s\n...\ndone 3\n", wrong, "here")
