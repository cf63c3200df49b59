"""gpunet likelihood."""

import math
from typing import Any

import click

from gpunet.errors import ConfigError

from .. import completing
from ..guidance import MACHINES
from ..options import choose_device, device_option, json_option, print_json


@click.command()
@click.argument("checkpoint", shell_complete=completing.runs)
@click.option("--data", metavar="SOURCE", help="Other data than it was trained on; all of it is used.")
@click.option(
    "--part", type=click.Choice(["train", "validation", "test"]), default="test", show_default=True,
    help="Which part of the data it was trained on.",
)  # fmt: skip
@click.option("--weights", metavar="FILE", help="How much each sample of --data counts: one number a line, or .npy.")
@click.option("--exact", is_flag=True, help="Sum over up to 2^25 states, however long it takes.")
@click.option("--trajectory", is_flag=True, help="log Z along the training: frozen versions, or snapshots of the run.")
@click.option("--runs", default=100, show_default=True, type=click.IntRange(2), help="Independent AIS runs.")
@click.option("--steps", default=1000, show_default=True, type=click.IntRange(1), help="AIS temperatures.")
@click.option(
    "--mixing", default=300, show_default=True, type=click.IntRange(1),
    help="Tempered Gibbs steps from data to the samples that AIS walks down from.",
)  # fmt: skip
@click.option(
    "--cases", default=20, show_default=True, type=click.IntRange(0), help="Samples for RAISE and pseudo-likelihood."
)
@click.option(
    "--precision", type=click.Choice(["float64", "float32"]), default="float64", show_default=True,
    help="Of products; sums of walks and over samples are float64 in any case.",
)  # fmt: skip
@click.option("--binarise", is_flag=True, help="Draw Bernoulli data with their values as probabilities, not rounded.")
@device_option
@json_option
def likelihood(
    checkpoint: str,
    data: str | None,
    part: str,
    weights: str | None,
    exact: bool,
    trajectory: bool,
    runs: int,
    steps: int,
    mixing: int,
    cases: int,
    precision: str,
    binarise: bool,
    device: str,
    as_json: bool,
) -> None:
    """Log-likelihood of data under restricted Boltzmann machines, in nats.

    The normaliser is exact where one side has at most 2^20 states. Else annealed importance sampling gives it from
    below, walking up from a machine without weights, and from above, walking down from samples of the machine; the
    bracket reaches three standard errors beyond both. A bracket wider than 1 nat is called UNTRUSTED, and values that
    rest on rectified normal samples (noisy_relu with sampler=rectified) APPROXIMATE.

    With --trajectory Bennett's ratios give log Z along the training of the machine itself, from the versions that
    chains=trajectory has frozen or that snapshots=30 has kept: --runs chains of each version, --mixing sweeps. It holds
    where AIS, from a machine without weights straight to this one, is UNTRUSTED.

    RAISE gives stochastic lower bounds for single test cases. For a stack the value is a variational lower bound; for a
    deep machine too, but where the states of every other hidden layer can be summed for all samples in seconds, or with
    --exact up to 2^25 of them: the log-likelihood is then exact and the bound stands beside it.
    With --precision float32 products take half the time on a processor, and far less on a GPU that has few units for
    float64; what that changes stands in docs/quantities.md.
    Bernoulli data between 0 and 1 are rounded, so that they are states. Samples have the weights that they were trained
    with, those of --data the weights of their column or array, or of --weights.

    \b
    gpunet likelihood runs/digits-rbm-1/best.h5
    gpunet likelihood runs/digits-rbm-1/best.h5 --runs 500 --steps 10000 --mixing 2000
    gpunet likelihood runs/digits-dbn-1/best.h5 --cases 0
    gpunet likelihood runs/digits-dbm-1 --runs 200 --steps 5000
    gpunet likelihood runs/digits-rbm-1 --trajectory --mixing 1000
    """
    import numpy as np

    from gpunet.api.evaluation import evaluation_data
    from gpunet.api.weighing import counting
    from gpunet.inspection.likelihood import (
        TRUSTED,
        Annealing,
        case_bounds,
        is_approximate,
        is_bound,
        is_easy,
        normaliser,
        over_samples,
        scores,
        states,
    )
    from gpunet.inspection.tempering import normaliser_of_trajectory
    from gpunet.persistence import load_stack

    from ..opening import checkpoint_at
    from ..progress import working

    place = choose_device(device)
    with place.activate():
        model = load_stack(checkpoint_at(checkpoint), place, np.dtype(precision))
        dataset, chosen = evaluation_data(model, data, part, weights)
        chosen = counting(dataset, chosen)
        weight = None if dataset.weights is None else dataset.weights[chosen]
        x = states(model, dataset.x[chosen], binarise)
        if exact and trajectory:
            raise ConfigError("--trajectory", "must stand without --exact", "both", "Leave one out")
        summed = (exact or is_easy(model)) and not trajectory
        single = model.dbn.single
        way: Any = None
        if not (summed or trajectory) or (single and cases):
            with working(f"Placing {steps:,} temperatures"):
                way = Annealing.of(model, place, steps)
        if trajectory:
            with working(f"Sweeping {runs:,} chains of each version"):
                log_z = normaliser_of_trajectory(model, runs, mixing)
        else:
            with working("Summing over all states" if summed else f"Annealing {runs:,} walks up and down"):
                log_z = normaliser(model, x, place, None if summed else way, runs, mixing)
        with working(f"Scoring {len(x):,} samples"):
            found, bound = scores(model, x, place, exact), is_bound(model, len(x), exact)
        bounds = {}
        if single and cases:
            with working(f"Bounds of {min(cases, len(x)):,} samples"):
                bounds = case_bounds(model, x[:cases], place, way)
    mean, error = over_samples(found.pop("unnormalised") - log_z.value[:, None], weight)
    if "lower_bound" in found:
        found["lower_bound"] = found["lower_bound"] - log_z.value[:, None]
    width = (log_z.high - log_z.low).tolist()
    document: dict[str, Any] = {
        "data": dataset.name,
        "samples": len(chosen),
        "kind": "variational lower bound" if bound else "log-likelihood",
        "method": log_z.method,
        "precision": precision,
        "log_z": log_z.value.tolist(),
        "log_z_bracket": [[x if math.isfinite(x) else None for x in e.tolist()] for e in (log_z.low, log_z.high)],
        "effective_samples": [None if math.isinf(e) else e for e in log_z.effective_samples.tolist()],
        "log_likelihood": mean.tolist(),
        "standard_error": error.tolist(),
        "trusted": [w <= TRUSTED for w in width],
        "approximate": is_approximate(model, log_z),
        "cases": min(cases, len(chosen)),
        "inputs": model.dbn.visible.n,
        "states": _states(model, binarise),
    }
    if weight is not None:
        document["sum_of_weights"] = float(weight.sum())
    for name, values in (found | bounds).items():
        document[name] = over_samples(values, None if weight is None else weight[: values.shape[1]])[0].tolist()
    if as_json:
        print_json(document)
        return
    how = "exact" if summed else f"between {runs} AIS runs up and as many down, {steps} temperatures"
    if trajectory:
        how = f"along the training, {runs} chains of each version, {mixing} sweeps"
    weighed = "" if weight is None else f" with weights, as many as {weight.sum() ** 2 / (weight**2).sum():,.0f} alike"
    click.echo(f"{dataset.name}: {len(chosen):,} samples{weighed}, log Z {how}")
    for member, seed in enumerate(model.parameters.seeds):
        name = f"seed {seed}: " if len(model.parameters.seeds) > 1 else ""
        _print_member(document, member, name, width[member])


def _states(model: Any, binarise: bool) -> str:
    """What was done to the data, so that figures of training, on data as they are, are others."""
    if not model.dbn.visible.bits:
        return "as they are"
    return "binarised" if binarise else "rounded"


def _print_member(document: dict[str, Any], member: int, name: str, width: float) -> None:
    mean, error = document["log_likelihood"][member], document["standard_error"][member]
    log_z = document["log_z"][member]
    ends = (end[member] for end in document["log_z_bracket"])
    low, high = (sign * math.inf if end is None else end for sign, end in zip((-1, 1), ends))
    if width > 0:
        more = "--runs and --mixing" if document["method"] == "trajectory" else "--runs, --steps and --mixing"
        trust = "" if document["trusted"][member] else f"  UNTRUSTED: raise {more}; see {MACHINES}"
        width_shown = f", bracket {mean + log_z - high:.2f} to {mean + log_z - low:.2f}{trust}"
    else:
        width_shown = ""
    if document["approximate"]:
        width_shown += "  APPROXIMATE: noisy_relu with sampler=rectified does not draw from the machine"
    click.echo(f"{name}{document['kind']} {mean:.2f} ± {error:.2f} nats{width_shown}")
    effective = document["effective_samples"][member]
    what = "states that came up from the first version" if document["method"] == "trajectory" else "effective runs"
    runs = "" if effective is None else f" ({low:.2f} to {high:.2f}, {effective:.0f} {what})"
    click.echo(f"{name}log Z {log_z:.2f}{runs}")
    some = f"first {document['cases']} samples"
    states, inputs = document["states"], document["inputs"]
    on = "" if states == "as they are" else f" of {states} data"
    labels = {
        "lower_bound": "variational lower bound",
        "raise_bound": f"RAISE, stochastic lower bound, {some}",
        "pseudo_log_likelihood": f"pseudo-log-likelihood over all bits, no likelihood, {some}",
        "free_energy": f"free energy{on}, nats up to log Z",
        "reconstruction_error": f"reconstruction error{on}, squared, summed over {inputs:,} inputs, no likelihood",
    }
    for key, label in labels.items():
        if key in document:
            click.echo(f"{name}{label}: {document[key][member]:.2f}")
