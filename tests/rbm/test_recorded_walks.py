"""Chains outside of training with their CUDA kernels, run on the processor: what NumPy gives, in few nodes."""

import numpy as np
import pytest

from emulation import COMPILER
from gpunet.backend import Device
from gpunet.inspection.sampling import Sampler
from gpunet.models import DBN, LabelledDBN
from gpunet.parameter import Parameters
from gpunet.rbm import (
    RBM,
    Bernoulli,
    Gaussian,
    NoisyReLU,
    Softmax,
    Spin,
    ais_log_z,
    model_samples,
    raise_log_likelihoods,
    reverse_ais_log_z,
    temperatures,
)
from gpunet.rbm.path import TOGETHER
from recording import RECORDED, recording

pytestmark = [pytest.mark.skipif(COMPILER is None, reason="needs a C++ compiler"), pytest.mark.timeout(600)]
MACHINES = {
    "bits": lambda: RBM(Bernoulli(11), Bernoulli(7)),
    "gaussian to spins": lambda: RBM(Gaussian(11, learn_variance=True), Spin(7)),
    "categories to counts": lambda: RBM(Softmax(12, group=4), NoisyReLU(7)),
}
BETAS = np.linspace(0, 1, 4 * TOGETHER + 4)  # more than two graphs, and a remainder
# Nodes of a temperature, products included, and two of a graph that move its clock.
LIMITS = {"up": 5, "down": 6, "raise": 7, "samples": 7}


def placed(make, seeds, device, scale=0.4):
    machine = make()
    parameters = Parameters(machine, seeds, device, np.float64)
    drawn = np.random.default_rng(3).normal(0, scale, parameters.values.shape)
    device.copy_into(parameters.values, drawn)
    return machine, parameters


def start_of(machine, rows=6):
    rng, n = np.random.default_rng(4), machine.visible.n
    if isinstance(machine.visible, Softmax):
        return np.eye(4)[rng.integers(0, 4, (rows, n // 4))].reshape(rows, n)
    return rng.integers(0, 2, (rows, n)).astype(np.float64)


def walks(make, seeds, device):
    """What each kind of walk gives, and the nodes of its largest graph."""
    machine, parameters = placed(make, seeds, device)
    mean, v = np.full(machine.visible.n, 0.3), device.put(start_of(machine))
    found, nodes = {}, {}
    walks = {
        "up": lambda: ais_log_z(machine, parameters, mean, runs=5, betas=BETAS).value,
        "down": lambda: reverse_ais_log_z(machine, parameters, mean, v, betas=BETAS).value,
        "raise": lambda: raise_log_likelihoods(machine, parameters, mean, v, runs=2, betas=BETAS),
        "pilot": lambda: temperatures(machine, parameters, mean, runs=5, steps=100),
        "samples": lambda: device.get(model_samples(machine, parameters, start(v), steps=40, temperatures=3)),
    }

    def start(v):
        return device.xp.broadcast_to(v, (*parameters.members, *v.shape)) if parameters.members else v

    for name, walk in walks.items():
        RECORDED.clear()
        found[name] = walk()
        nodes[name] = max(RECORDED, key=lambda graph: graph.count) if RECORDED else None
    return found, nodes


@pytest.mark.parametrize("seeds", [2, [2, 3]])
@pytest.mark.parametrize("name", MACHINES)
def test_walks_along_temperatures(name, seeds):
    wanted, _ = walks(MACHINES[name], seeds, Device())
    with recording("shuffled") as device:
        found, nodes = walks(MACHINES[name], seeds, device)
    for walk, values in wanted.items():
        np.testing.assert_allclose(found[walk], values, rtol=1e-6, atol=1e-6, err_msg=walk)
    for walk, limit in LIMITS.items():
        assert nodes[walk].kernels["draw_double"] == TOGETHER * 2
        assert nodes[walk].count <= TOGETHER * limit + 2, nodes[walk]


def sampled(make, seeds, device, **options):
    model, parameters = placed(make, seeds, device)
    sampler = Sampler(model, parameters, 6, seed=1, **options)
    for steps in (35, 1, 2):
        sampler.run(steps)
    return device.get(sampler.states), sampler.data()


@pytest.mark.parametrize("seeds", [2, [2, 3]])
@pytest.mark.parametrize("name", [*MACHINES, "stack", "classes"])
def test_gibbs_sampling(name, seeds):
    makes = {key: lambda make=make: DBN([make()]) for key, make in MACHINES.items()}
    makes["stack"] = lambda: DBN([RBM(Bernoulli(8), Spin(6)), RBM(Spin(6), Bernoulli(5))])
    makes["classes"] = lambda: LabelledDBN(Gaussian(5), (4, 3, 6), 3)
    options = {"labels": np.arange(6) % 3} if name == "classes" else {}
    wanted = sampled(makes[name], seeds, Device(), **options)
    with recording("backward") as device:
        found = sampled(makes[name], seeds, device, **options)
        nodes = RECORDED[0]
    for f, w in zip(found, wanted):
        np.testing.assert_allclose(f, w, rtol=1e-6, atol=1e-6)
    assert nodes.count <= TOGETHER * (5 if name == "classes" else 4) + 2, nodes
