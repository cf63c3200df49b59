"""gpunet report."""

import click

from .. import completing
from ..options import json_option, print_json


@click.command()
@click.argument("runs", nargs=-1, required=True, metavar="RUN...", shell_complete=completing.runs)
@click.option("-o", "--output", default="report.html", show_default=True, metavar="FILE.html", help="Where to write.")
@click.option(
    "--steps", default=1000, show_default=True, type=click.IntRange(0), metavar="N",
    help="Gibbs steps of the samples of machines that are judged, 0 to judge none.",
)  # fmt: skip
@json_option
def report(runs: tuple[str, ...], output: str, steps: int, as_json: bool) -> None:
    """Write what runs came to as one HTML page: curves, filters, confusions, codes, settings, lineage.

    Of restricted and deep Boltzmann machines and stacks of them it draws new samples and shows what gpunet evaluate
    says of these: verdicts, principal components, correlations, nearest rows, energies. That needs the data and, for
    large machines, some minutes; everything else comes out of the checkpoints.

    A run is its folder or a checkpoint; the folder of gpunet compare is shown by its table and picture, an ensemble by
    its members, picture and figures, and the folder of gpunet search by its trials in front of the chosen model. Runs
    that differ in their seeds alone become one experiment, shown by mean and spread; experiments stand side by side.
    The page holds everything in itself and asks no server for anything. Needs matplotlib.

    \b
    gpunet report runs/digits-mlp-1
    gpunet report runs/digits-* -o seeds.html
    gpunet report runs/digits-mlp-1 runs/digits-residual-1 -o compared.html
    gpunet report runs/compare-1 runs/digits-dbn-1 -o pretraining.html
    """
    from pathlib import Path

    from gpunet.paths import is_folder
    from gpunet.persistence import is_ensemble
    from gpunet.searches import is_search
    from gpunet.studies import is_comparison

    from ..drawing import require_matplotlib
    from ..output import Output
    from ..reporting.comparisons import comparison_section
    from ..reporting.ensembles import ensemble_section
    from ..reporting.page import render
    from ..reporting.runs import open_run
    from ..reporting.searches import search_section
    from ..reporting.trusting import trust_of

    require_matplotlib("report")
    file = Output("-o", Path(output), [".html", ".htm"], [run for run in runs if not is_folder(run)])
    compared = [run for run in runs if is_comparison(run)]
    searched = [run for run in runs if is_search(run)]
    opened = [open_run(path) for path in runs if path not in compared]
    page = render(
        [run for run in opened if not is_ensemble(run.checkpoint.root)],
        [comparison_section(path) for path in compared],
        [search_section(path) for path in searched],
        [ensemble_section(run.name, run.checkpoint) for run in opened if is_ensemble(run.checkpoint.root)],
        judge=lambda run: trust_of(run, steps) if steps else None,
    ).encode("utf-8", "backslashreplace")
    file.write([page])
    if as_json:
        print_json({"output": output, "bytes": len(page), "runs": list(runs)})
    else:
        click.echo(f"Report of {len(runs)} run{'s' if len(runs) > 1 else ''}, {len(page) / 1e3:,.0f} kB: {output}")
