"""Lists of decisions and of measured results, by the files that are there."""

from pathlib import Path

from .markdown import joined

ROOT = Path(__file__).parents[2]


def decisions() -> str:
    """Every decision, the latest first."""
    found = sorted((ROOT / "docs/decisions").glob("*.md"), reverse=True)
    return joined(
        "\n".join(f"- [{_title(path)}](decisions/{path.name})" for path in found), _toctree("decisions", found)
    )


def benchmarks() -> str:
    """Every page of results."""
    found = sorted((ROOT / "benchmarks/results").glob("*.md"))
    links = "\n".join(f"- [{_title(path)}](../benchmarks/results/{path.name})" for path in found)
    return joined(links, _toctree("../benchmarks/results", found))


def _title(path: Path) -> str:
    return path.read_text(encoding="utf-8").split("\n")[0].removeprefix("# ")


def _toctree(folder: str, paths: list[Path]) -> str:
    names = "\n".join(f"{folder}/{path.stem}" for path in paths)
    return f"```{{toctree}}\n:hidden:\n\n{names}\n```"
