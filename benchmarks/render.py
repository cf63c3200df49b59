"""README.md of this folder, from the JSON files in results/: what was measured side by side, and where the rest stands.

python benchmarks/render.py
"""

import json
from pathlib import Path

from page import RESULTS

HEAD = """# Benchmarks

One file a question; each prints its page, and with `--save` writes it to `results/`. `make bench` runs those of speed
on the processor in about a quarter of an hour and draws this page from what they wrote: medians in milliseconds, or
megabytes, and in brackets the ratio to gpunet. All candidates of a row took turns in one process.
"""

QUANTITIES = {"median_ms": "", "megabytes": "MB"}  # what stands in a figure, and above its table


def section(found: dict) -> list[str]:
    """Title, circumstances and table of one benchmark."""
    lines = [f"## {found['title']}", ""]
    known = ", ".join(f"{package} {version}" for package, version in found["versions"].items())
    lines += [f"`{found['command']}`, {found['date']}, {found['processor']}, load {found['load']}, {known}", ""]
    for quantity, unit in QUANTITIES.items():
        figures = [figure for figure in found["figures"] if quantity in figure]
        lines += table(figures, quantity, unit) if figures else []
    return lines


def table(figures: list[dict], quantity: str, unit: str) -> list[str]:
    """A row for each case, a column for each candidate, gpunet first."""
    names = list(dict.fromkeys(figure["candidate"] for figure in figures))
    names.sort(key=lambda name: name != "gpunet")
    lines = [f"| {unit} | " + " | ".join(names) + " |", "|---" * (len(names) + 1) + "|"]
    for case in dict.fromkeys(figure["case"] for figure in figures):
        values = {figure["candidate"]: figure[quantity] for figure in figures if figure["case"] == case}
        lines.append(f"| {case} | " + " | ".join(cell(name, values) for name in names) + " |")
    return [*lines, ""]


def cell(name: str, values: dict[str, float]) -> str:
    """A number with its ratio to gpunet's; empty where it was not measured."""
    if name not in values:
        return ""
    shown = f"{values[name]:.3g}" if values[name] < 100 else f"{values[name]:.0f}"
    ratio = values[name] / values["gpunet"] if "gpunet" in values and name != "gpunet" else None
    return shown if ratio is None else f"{shown} ({ratio:.2f})"


def main():
    """Write the page."""
    lines = [HEAD]
    measured = [(path, json.loads(path.read_text())) for path in sorted(RESULTS.glob("*.json"))]
    for _, found in measured:
        lines += section(found)
    rest = [path for path in sorted(RESULTS.glob("*.md")) if not path.with_suffix(".json").exists()]
    titles = {path: path.read_text().splitlines()[0].removeprefix("# ") for path in rest}
    lines += ["## Other results", "", *(f"- [{title}](results/{path.name})" for path, title in titles.items()), ""]
    Path(__file__).with_name("README.md").write_text("\n".join(lines))


if __name__ == "__main__":
    main()
