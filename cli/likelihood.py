"""gpunet likelihood."""

import math
from typing import Any

import click

from .options import choose_device, device_option, json_option, print_json

TRUSTED = 1.0  # nats; an interval of log Z wider than this says little
EASY = 2.0**20  # states that are summed exactly in seconds


@click.command()
@click.argument("checkpoint")
@click.option("--data", metavar="SOURCE", help="Other data than it was trained on; all of it is used.")
@click.option(
    "--part", type=click.Choice(["train", "validation", "test"]), default="test", show_default=True,
    help="Which part of the data it was trained on.",
)  # fmt: skip
@click.option("--exact", is_flag=True, help="Sum over up to 2^25 states, however long it takes.")
@click.option("--runs", default=100, show_default=True, type=click.IntRange(2), help="Independent AIS runs.")
@click.option("--steps", default=1000, show_default=True, type=click.IntRange(1), help="AIS temperatures.")
@device_option
@json_option
def likelihood(
    checkpoint: str, data: str | None, part: str, exact: bool, runs: int, steps: int, device: str, as_json: bool
) -> None:
    """Log-likelihood of data under a restricted Boltzmann machine, in nats.

    The normaliser is exact where one side has at most 2^20 states, else estimated by annealed importance sampling, with
    an interval of three standard errors. An interval wider than 1 nat is called UNTRUSTED. AIS alone tends to
    overestimate likelihoods. Bernoulli data between 0 and 1 are rounded, so that they are states.

    \b
    gpunet likelihood runs/rbm-1/best.h5
    gpunet likelihood runs/rbm-1/best.h5 --runs 500 --steps 10000
    """
    from gpunet.training import load_rbm

    from .models import evaluation_data, log_likelihoods

    place = choose_device(device)
    with place.activate():
        model = load_rbm(checkpoint, place)
        dataset, chosen = evaluation_data(model, data, part)
        rbm = model.rbm
        summed = exact or min(rbm.visible.state_count, rbm.hidden.state_count) <= EASY
        log_z, per_sample = log_likelihoods(model, dataset.x[chosen], place, summed, runs, steps)
    width = (log_z.high - log_z.low).tolist()
    document: dict[str, Any] = {
        "data": dataset.name,
        "samples": len(chosen),
        "method": log_z.method,
        "log_z": log_z.value.tolist(),
        "log_z_interval": [log_z.low.tolist(), log_z.high.tolist()],
        "effective_samples": [None if math.isinf(e) else e for e in log_z.effective_samples.tolist()],
        "log_likelihood": per_sample.mean(axis=1).tolist(),
        "standard_error": (per_sample.std(axis=1) / math.sqrt(len(chosen))).tolist(),
        "trusted": [w <= TRUSTED for w in width],
    }
    if as_json:
        print_json(document)
        return
    how = "exact" if summed else f"by {runs} AIS runs of {steps} temperatures"
    click.echo(f"{dataset.name}: {len(chosen):,} samples, log Z {how}")
    for member, seed in enumerate(model.parameters.seeds):
        name = f"seed {seed}: " if len(model.parameters.seeds) > 1 else ""
        mean, error = document["log_likelihood"][member], document["standard_error"][member]
        click.echo(f"{name}log-likelihood {mean:.2f} ± {error:.2f} nats")
        line = f"{name}log Z {log_z.value[member]:.2f}"
        if not summed:
            low, high, effective = log_z.low[member], log_z.high[member], log_z.effective_samples[member]
            line += f" ({low:.2f} to {high:.2f}, {effective:.0f} effective runs)"
        click.echo(line + ("" if width[member] <= TRUSTED else "  UNTRUSTED: raise --runs and --steps"))
