"""Work on a second stream: it is tied to the first one, its memory is left alone, and numbers stay the same."""

from contextlib import nullcontext

import numpy as np
import pytest

from emulation import COMPILER
from gpunet.backend import Arena, Context, Device, context, forks, matmul, products
from gpunet.data import Feed, fit_preprocessing
from gpunet.layers import Conv2D, Dense, Flatten, ReLU, Residual, Sequential
from gpunet.losses import CategoricalCrossEntropy
from gpunet.objectives import Supervised
from gpunet.optimizers import SGD
from gpunet.rbm import RBM, Bernoulli, ContrastiveDivergence, FromData, Persistent
from gpunet.training import Trainer
from recording import RECORDED, STATE, TIES, recording

pytestmark = [pytest.mark.skipif(COMPILER is None, reason="needs a C++ compiler"), pytest.mark.timeout(600)]
ORDERS = ("forward", "backward", "shuffled")


def trained(device, objective, shape=(12,), seeds=0):
    """Some steps, two before the graph is recorded."""
    rng = np.random.default_rng(0)
    x, y = rng.integers(0, 256, (40, *shape)).astype(np.uint8), rng.integers(0, 3, 40).astype(np.int32)
    members = () if np.ndim(seeds) == 0 else (len(seeds),)
    feed = Feed(device, x, y, fit_preprocessing("scale", x, 255.0), np.dtype(np.float32), members)
    trainer = Trainer(objective, optimization=SGD(0.1), seeds=seeds, feed=feed, batch_size=8, device=device)
    trainer.begin_epoch(0, 5)
    for number in range(5):
        trainer.train_batch(number)
    return trainer


def deep(device, seeds=0):
    """Five dense layers, two of them a block whose branches both have something to learn."""
    block = Residual(Sequential([Dense(6), ReLU(), Dense(5)]), Dense(5, with_bias=False))
    layers = [Dense(7), ReLU(), block, ReLU(), Dense(4), ReLU(), Dense(3)]
    return trained(device, Supervised(Sequential(layers), CategoricalCrossEntropy()), seeds=seeds)


def convolved(device, seeds=0):
    """Three convolutions below each other, whose gradients take memory for columns."""
    layers = [Conv2D(4), ReLU(), Conv2D(5, stride=2, padding=1), ReLU(), Conv2D(3), Flatten(), Dense(3)]
    return trained(device, Supervised(Sequential(layers), CategoricalCrossEntropy()), (6, 6, 1), seeds)


def machine(device, chains=None, k=2):
    return trained(device, ContrastiveDivergence(RBM(Bernoulli(12), Bernoulli(7)), k, chains, binarise=True))


def persistent(device):
    return machine(device, Persistent(count=9))


def numbers(trainer):
    return [trainer.device.get(a).tobytes() for a in (trainer.parameters.values, trainer.totals, trainer.clock)]


def found_in(make, order, **options):
    with recording("forward") as device:
        STATE.order = order
        return numbers(make(device, **options)), RECORDED[0], TIES[0]


# By what makes it: how many launches are on the second stream.
APART = {deep: 5, convolved: None, persistent: 1}


@pytest.mark.parametrize("make", APART)
@pytest.mark.parametrize("order", ORDERS[1:])
def test_numbers_do_not_depend_on_when_the_second_stream_gets_on(make, order):
    early, late = found_in(make, "forward"), found_in(make, order)
    assert early[0] == late[0]
    assert late[2].apart == (APART[make] or late[2].apart) > 0


@pytest.mark.parametrize("make", [deep, convolved])
def test_members_fork_together(make):
    together, alone = found_in(make, "backward", seeds=[3, 4]), found_in(make, "backward")
    assert together[2].apart == alone[2].apart
    assert together[0] == found_in(make, "forward", seeds=[3, 4])[0]


@pytest.mark.parametrize("make", APART)
def test_a_step_has_as_many_nodes_and_the_same_numbers_on_one_stream(make, monkeypatch):
    forked = found_in(make, "forward")
    monkeypatch.setattr(context, "BESIDE", 0)
    alone = found_in(make, "forward")
    assert alone[0] == forked[0]
    assert alone[1] == forked[1]
    assert alone[2].apart == 0


def test_chains_that_begin_at_the_batch_wait_for_it():
    assert found_in(lambda device: machine(device, FromData()), "forward")[2].apart == 0


@pytest.mark.parametrize(("name", "said"), [("join", "Unjoined"), ("fork", "a launch outside of the capture")])
def test_a_stream_that_is_not_tied_is_found(name, said, monkeypatch):
    monkeypatch.setattr(forks._Lane, name, lambda lane, main: None)
    with pytest.raises(RuntimeError, match=said):
        found_in(deep, "forward")


def test_memory_that_is_given_back_too_early_is_found(monkeypatch):
    monkeypatch.setattr(Arena, "keeping", lambda arena: nullcontext())
    assert found_in(convolved, "forward")[0] != found_in(convolved, "backward")[0]


def test_a_join_that_comes_too_late_is_found(monkeypatch):
    """Joined at the end of the step alone: the layers below write where the second stream still reads."""
    late, join = [], forks._Lane.join
    monkeypatch.setattr(forks._Lane, "join", lambda lane, main: late.append((lane, main)))
    end = Supervised.learn

    def learn(self, *arguments):
        found = end(self, *arguments)
        join(*late[-1])
        return found

    monkeypatch.setattr(Supervised, "learn", learn)

    def many(device):
        layers = [layer for n in (9, 8, 7, 6, 5) for layer in (Dense(n), ReLU())]
        return trained(device, Supervised(Sequential([*layers, Dense(3)]), CategoricalCrossEntropy()))

    assert found_in(many, "forward")[0] != found_in(many, "backward")[0]


def test_products_beside_each_other_have_a_library_of_their_own(monkeypatch):
    with recording() as device:
        asked, given = [], products._blas
        monkeypatch.setattr(products, "_blas", lambda *key: asked.append(key[-1]) or given(*key))
        a, b, ctx = device.zeros((3, 4), np.float32), device.zeros((4, 5), np.float32), Context(True, Arena(device))
        ctx.beside(lambda: matmul(a, b), lambda: matmul(a, b), 15)
        ctx.beside(lambda: ctx.beside(lambda: matmul(a, b), lambda: matmul(a, b), 15), lambda: None, 15)
        matmul(a, b)
        assert asked == [True, False, True, True, False]


@pytest.mark.parametrize("failing", [0, 1])
def test_the_error_of_either_is_raised_and_the_streams_are_joined(failing, monkeypatch):
    with recording() as device:
        joined, join = [], forks._Lane.join
        monkeypatch.setattr(forks._Lane, "join", lambda lane, main: joined.append(1) or join(lane, main))
        two = [lambda: 1, lambda: 2]

        def fail():
            raise ValueError("its own")

        two[failing], main = fail, STATE.streams[-1]
        with pytest.raises(ValueError, match="its own"):
            Context(True, Arena(device)).beside(*two, 1)
        assert joined == [1]
        assert STATE.streams == [main]
        assert not forks.is_beside()


def test_on_the_processor_they_follow_each_other():
    did, ctx = [], Context(True, Arena(Device()))
    assert ctx.beside(lambda: did.append(1) or "one", lambda: did.append(2) or "two", 1) == ("one", "two")
    assert did == [1, 2]
