"""Ends of training steps, driven by random gradients outside of any training."""

from types import SimpleNamespace

import numpy as np

from gpunet.initializers import Normal
from gpunet.members import PerMember
from gpunet.optimizers import (
    EMA,
    LARS,
    NEVER,
    SGD,
    SWA,
    Adam,
    AdamW,
    Clipping,
    Counters,
    Optimization,
    Optimizer,
    end_step,
)
from gpunet.parameter import Parameter, Parameters
from gpunet.schedules import Step
from gpunet.testing import LOG, plain

STEPS, ROWS = 4, 37


def model():
    """Parameters of all kinds, of sizes that fill no block; one weight is longer than a tile of the tests."""
    return SimpleNamespace(
        weight=Parameter((43, 37), Normal(0.5), max_norm=2.0),
        bias=Parameter((37,), Normal(0.5), role="bias", unit_rates=[k / 18 for k in range(37)]),
        slow=Parameter((250, 3), Normal(0.5), rate_factor=0.1, unit_rates=[1.0, 0.5, 2.0]),
        machine=Parameter((5, 7), Normal(0.5), limit=100.0),
        other=Parameter((7, 5), Normal(0.5), limit=100.0),
        single=Parameter((1,), Normal(0.5), role="bias"),
        mean=Parameter((37,), Normal(0.5), role="running_mean", momentum=0.1),
    )


def trained(device, given, seeds=0, dtype=np.float64, spoil=None, steps=STEPS, make=model, weighted=False):
    """End some steps with random gradients and measures; gives everything that changes."""
    rng, lead = np.random.default_rng(0), () if np.ndim(seeds) == 0 else (len(seeds),)
    parameters = Parameters(make(), seeds, device, dtype)
    optimizer = Optimizer(given, parameters)
    members = max(1, *lead) if lead else 1
    counters = Counters(
        device.put(np.ones(members, bool)),
        device.put(np.full(members, NEVER)),
        device.zeros((3, members), np.float64),
        device.put([5], np.uint64),
        device.put([1], np.int64),
    )
    optimizer.plan(np.arange(STEPS + 1) / 3, counters.cursor)
    kept = []
    for step in range(steps):
        if step == 1:
            LOG.clear()  # of what was launched for the memory of all this
        parameters.zero_grad()
        measures = [rng.random((*lead, ROWS)).astype(dtype) for _ in range(2)]
        weight = rng.random(ROWS).astype(dtype) if weighted else None
        gradients = {name: rng.normal(size=p.value.shape) for name, p in parameters.named.items()}
        if spoil is not None:
            spoil(step, gradients, measures, counters, device)
        for name, p in parameters.named.items():
            p.accumulate(None, lambda out, gradient=gradients[name]: device.copy_into(out, gradient))
        measures = [device.put(measure) for measure in measures]
        placed = None if weight is None else device.put(weight)
        kept.append(end_step(parameters.grads, optimizer, counters, measures, placed, ROWS))
        kept[-1] = np.array(plain(kept[-1]))
    arrays = [parameters.values, *optimizer.slots.values(), optimizer.updates]
    arrays += [counters.failed, counters.totals, counters.clock, counters.cursor]
    return [np.array(plain(a)) for a in arrays] + kept


AROUND = {
    "clipping": Optimization(Adam(0.01), l2=0.1, clipping=Clipping(value=0.5, norm=2.0)),
    "clipping by norm": Optimization(LARS(0.1, weight_decay=0.1), clipping=Clipping(norm=2.0)),
    "average": Optimization(AdamW(Step(0.01, factor=0.5, every=1)), averaging=EMA(0.5)),
    "average of epochs": Optimization(SGD(0.1), averaging=SWA(start=1)),
}
OWN = Optimization(
    SGD(PerMember([0.1, 0.2, 0.3]), momentum=PerMember([0.0, 0.5, 0.9])), l1=PerMember([0.1, 0.0, 0.2]),
    l2=PerMember([0.0, 0.1, 0.2]), clipping=Clipping(PerMember([1.0, None, 0.5]), PerMember([None, 3.0, 1.0])),
    averaging=EMA(PerMember([0.9, 0.5, 0.1])),
)  # fmt: skip


def spoilers():
    """What goes wrong in a step, each a function that changes what the step is given."""

    def loss(step, gradients, measures, counters, device):
        if step == 1:
            measures[0][..., 1, 3] = np.nan

    def gradient(step, gradients, measures, counters, device):
        if step == 2:
            gradients["slow"][0, 3, 1] = np.inf

    def large(step, gradients, measures, counters, device):
        if step == 1:
            gradients["machine"][2] *= 1e6  # beyond the limits of these parameters
            gradients["other"][1] *= 1e6

    def inactive(step, gradients, measures, counters, device):
        if step == 1:
            device.copy_into(counters.active, [True, False, True])

    def everyone(step, gradients, measures, counters, device):
        if step == 1:
            measures[0][..., 0] = np.inf

    return [loss, gradient, large, inactive, everyone]
