"""Every way in which machines learn, and their sampling, can be captured: nothing is read back, nothing uploaded."""

import copy

import numpy as np
import pytest

from gpunet import rbm as room
from gpunet.backend import Device
from gpunet.backend.streams import host_philox
from gpunet.data import Feed, OneHot, fit_preprocessing
from gpunet.inspection.sampling import Sampler
from gpunet.members import PerMember
from gpunet.models import DBN, LabelledDBN
from gpunet.optimizers import SGD
from gpunet.parameter import Parameters
from gpunet.rbm import (
    RBM,
    Bernoulli,
    ClassRBM,
    ContrastiveDivergence,
    Denoising,
    FastPersistent,
    HybridLearning,
    Softmax,
    Sparsity,
    SupervisedGreedy,
    Tempered,
    Trajectory,
    Units,
    WithOutput,
)
from gpunet.testing import LOG, HostReadError, TracedDevice, examples, plain
from gpunet.training import Trainer

SEEDS = [0, [1, 2]]
UNITS = list(examples(Units, room))


@pytest.fixture
def no_uploads(monkeypatch):
    """Host numbers cannot become arrays while a step is recorded."""

    def refuse(*_, **__):
        raise HostReadError("a captured step must not upload")

    def record(step):
        host_philox()  # made once, on the host
        with monkeypatch.context() as patch:
            patch.setattr(np, "asarray", refuse)
            step()

    return record


def trainer(device, objective, seeds, x, weights=None, rows=None, chain="none"):
    y = np.arange(len(x), dtype=np.int32) % 3
    members = () if np.ndim(seeds) == 0 else (len(seeds),)
    fitted = fit_preprocessing(chain, x, 1.0)
    feed = Feed(device, x, y, fitted, np.dtype(np.float32), members, rows=rows, weights=weights)
    made = Trainer(objective, optimization=SGD(0.05, momentum=0.5), seeds=seeds, feed=feed, batch_size=8, device=device)
    made.begin_epoch(0, 5)
    return made


def check(make, seeds, x, no_uploads, weights=None, **more):
    """Two replays of a recorded step are two more real ones."""
    recorded, real = (trainer(device, make(), seeds, x, weights, **more) for device in (TracedDevice(), Device()))
    LOG.clear()
    no_uploads(lambda: recorded.step(8))
    LOG.replay()
    LOG.replay()
    for _ in range(3):
        real.step(8)
    assert np.array_equal(plain(recorded.parameters.values), real.parameters.values)
    assert np.array_equal(plain(recorded.totals), real.totals)
    for a, b in zip(recorded.objective.state().values(), real.objective.state().values()):
        assert np.array_equal(plain(a), b)


def states_of(units, rng):
    """Samples that the units can take."""
    if isinstance(units, Softmax):
        return np.eye(units.group, dtype=np.float32)[rng.integers(0, units.group, (40, 4 // units.group))].reshape(
            40, 4
        )
    return rng.integers(0, 2, (40, 4)).astype(np.float32)


@pytest.mark.parametrize("seeds", SEEDS)
@pytest.mark.parametrize("units", range(len(UNITS)), ids=lambda number: repr(UNITS[number])[:40])
def test_units_of_every_type_on_either_side(units, seeds, no_uploads, rng):
    def fresh():
        return list(examples(Units, room))[units]

    x = states_of(fresh(), rng)
    check(lambda: ContrastiveDivergence(RBM(fresh(), Bernoulli(3)), k=2), seeds, x, no_uploads)
    x = rng.integers(0, 2, (40, 4)).astype(np.float32)
    check(lambda: ContrastiveDivergence(RBM(Bernoulli(4), fresh()), k=2), seeds, x, no_uploads)


def classifier():
    model = ClassRBM(Bernoulli(4), Bernoulli(3), 3)
    return HybridLearning(model, ContrastiveDivergence(model.joint, chains=FastPersistent(count=5)), binarise=True)


LEARNING = {
    "tempered": lambda: ContrastiveDivergence(
        RBM(Bernoulli(4), Bernoulli(3)), chains=Tempered(count=2, temperatures=3), binarise=True, sparsity=Sparsity()
    ),
    "trajectory": lambda: ContrastiveDivergence(
        RBM(Bernoulli(4), Bernoulli(3)), k=2, chains=Trajectory(count=5, reservoir=7)
    ),
    "fast": lambda: ContrastiveDivergence(RBM(Bernoulli(4), Bernoulli(3)), k=2, chains=FastPersistent(count=5)),
    "denoising": lambda: Denoising(RBM(Bernoulli(4), Bernoulli(3))),
    "greedy": lambda: SupervisedGreedy(WithOutput(RBM(Bernoulli(4), Bernoulli(3)), 3)),
    "classifier": classifier,
}


@pytest.mark.parametrize("seeds", SEEDS)
@pytest.mark.parametrize("name", LEARNING)
def test_every_way_to_learn(name, seeds, no_uploads, rng):
    check(LEARNING[name], seeds, rng.random((40, 4)).astype(np.float32), no_uploads)


@pytest.mark.parametrize("name", LEARNING)
def test_every_way_to_learn_from_weighted_samples(name, no_uploads, rng):
    check(LEARNING[name], [1, 2], rng.random((40, 4)).astype(np.float32), no_uploads, rng.random(40))


@pytest.mark.parametrize("seeds", SEEDS)
@pytest.mark.parametrize("chains", [None, FastPersistent(count=5)], ids=["from_data", "fast_persistent"])
def test_samples_without_labels(chains, seeds, no_uploads, rng):
    def make():
        model = ClassRBM(Bernoulli(4), Bernoulli(3), 3)
        generation = ContrastiveDivergence(model.joint, chains=copy.copy(chains), sparsity=Sparsity())
        return HybridLearning(model, generation, 0.7, 0.3, binarise=True, unlabelled=0.5)

    rows = np.where(np.arange(40) % 3, ~np.arange(40), np.arange(40)).astype(np.int32)
    rows = rows if np.ndim(seeds) == 0 else np.stack([rows, rows[::-1]])
    check(make, seeds, rng.random((40, 4)).astype(np.float32), no_uploads, rng.random(40), rows=rows)


@pytest.mark.parametrize("seeds", SEEDS)
def test_categories(seeds, no_uploads, rng):
    def make():
        return ContrastiveDivergence(RBM(Softmax(12, group=3, pseudocount=1.0), Bernoulli(3)), k=2)

    check(make, seeds, rng.integers(0, 3, (40, 4)).astype(np.uint8), no_uploads, chain=[OneHot(states=3)])


def recorded_and_real(model, seeds, no_uploads, **held):
    """Samplers of one model after three Gibbs steps: the first recorded its steps and replayed them."""
    samplers = []
    for device in (TracedDevice(), Device()):
        made = model()
        parameters = Parameters(made, seeds, device)
        device.copy_into(parameters.values, np.random.default_rng(3).normal(size=parameters.values.shape))
        samplers.append(Sampler(made, parameters, 6, **held))
    recorded, real = samplers
    LOG.clear()
    no_uploads(lambda: recorded.run(1))
    LOG.replay()
    LOG.replay()
    real.run(3)
    return recorded, real


@pytest.mark.parametrize("seeds", SEEDS)
def test_sampling_with_features_and_classes_that_are_held(seeds, no_uploads):
    hold = (np.array([[1.0, 0, 0, 1, 0]]), np.array([[True, False, False, True, True]]))
    recorded, real = recorded_and_real(
        lambda: ClassRBM(Bernoulli(5), Bernoulli(4), 3), seeds, no_uploads, labels=np.arange(6) % 3, clamp=hold
    )
    assert np.array_equal(plain(recorded.states), real.states)
    assert (real.states[..., [0, 3, 4]] == [1, 1, 0]).all()
    assert (real.data()[..., [0, 3, 4]] == [1, 1, 0]).all()


@pytest.mark.parametrize("seeds", SEEDS)
@pytest.mark.parametrize("held", [False, True])
def test_sampling(held, seeds, no_uploads):
    recorded, real = recorded_and_real(
        lambda: LabelledDBN(Bernoulli(5), (4, 3, 6), 3) if held else DBN([RBM(Bernoulli(5), Bernoulli(4))]),
        seeds,
        no_uploads,
        labels=np.arange(6) % 3 if held else None,
    )
    assert np.array_equal(plain(recorded.states), real.states)


@pytest.mark.parametrize("chains", [None, FastPersistent(count=5), Tempered(count=2, temperatures=3)])
def test_members_with_numbers_of_their_own(chains, no_uploads, rng):
    """What differs by member is on the device after the first step."""
    x = rng.random((40, 4)).astype(np.float32)

    def make():
        sparsity = Sparsity(PerMember([0.1, 0.3]), PerMember([0.0, 0.5]))
        machine = RBM(Bernoulli(4), Bernoulli(3))
        return ContrastiveDivergence(machine, PerMember([1, 3]), copy.copy(chains), binarise=True, sparsity=sparsity)

    recorded, real = (trainer(device, make(), [1, 2], x) for device in (TracedDevice(), Device()))
    recorded.step(8)
    LOG.clear()
    no_uploads(lambda: recorded.step(8))
    LOG.replay()
    for _ in range(3):
        real.step(8)
    assert np.array_equal(plain(recorded.parameters.values), real.parameters.values)
