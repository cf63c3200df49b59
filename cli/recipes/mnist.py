"""Recipes on MNIST: likelihoods of machines, and test errors of networks with and without pretraining.

The last 10,000 training images validate, as in ``benchmarks/results/mnist_*.md``, where the same commands were
measured; the learning rates are those that validation chose there.  The test part is read once.
"""

from collections.abc import Callable, Sequence

from .base import Finding, Recipe, Runner

WIDE = "model.hidden=[500,500,2000]"
SIGMOID = ["mlp", WIDE, "model.activation=sigmoid", "model.dropout=0", "training.batch_size=100"]
SGD = ["optimizer=sgd", "optimizer.momentum=0.9"]
AVERAGED = "training.averaging={name='ema', decay=0.999}"
DROPPED = ["model.dropout=0.5", "model.input_dropout=0.2"]
SCATTERED = "model.initializer={name='normal', std=0.1}"  # leaves the plateau that Glorot's variance stays on
TAIL = ["data.validation=10000", "data.split=tail"]
MACHINE = ["rbm", "model.hidden=500", *TAIL, "training.batch_size=100", "optimizer.momentum=0.5"]
ESTIMATE = ["--runs", 100, "--steps", 3000, "--mixing", 1000, "--cases", 0, "--binarise"]

Steps = Callable[[Runner, Sequence[str], Sequence[int]], Finding]


def falling(rate: float, epochs: int) -> list[str]:
    """So many epochs, the learning rate falling linearly to a hundredth of itself."""
    course = f"{{name='ramp', start={rate}, stop={rate / 100:g}, epochs={epochs}}}"
    return [f"optimizer.learning_rate={course}", f"training.epochs={epochs}"]


def halved(rate: float, epochs: int) -> list[str]:
    """So many epochs, the learning rate halved after each third of them."""
    course = f"{{name='step', value={rate}, factor=0.5, every={epochs // 3}}}"
    return [f"optimizer.learning_rate={course}", f"training.epochs={epochs}"]


def likelihood_of(words: Sequence[str], epochs: int) -> Steps:
    """Train a machine of 500 hidden units and bracket its test log-likelihood, pixels drawn binary."""

    def steps(run: Runner, data: Sequence[str], seeds: Sequence[int]) -> Finding:
        values, ends, lines = [], [], []
        for seed in seeds:
            name = f"machine-{seed}"
            run(name, "pretrain", *MACHINE, *words, *falling(0.05, epochs), *data, "--seed", seed)
            found = run(f"likelihood-{seed}", "likelihood", f"{run.path(name)}/best.h5", *ESTIMATE, folder=False)
            value, log_z = found["log_likelihood"][0], found["log_z"][0]
            low, high = (value + log_z - end[0] for end in found["log_z_bracket"][::-1])
            values.append(value)
            ends.append((low, high))
            trusted = "" if found["trusted"][0] else ", UNTRUSTED"
            lines.append(f"seed {seed}: {value:.2f} nats, bracket {low:.2f} to {high:.2f}{trusted}")
        return Finding(tuple(values), (min(low for low, _ in ends), max(high for _, high in ends)), tuple(lines))

    return steps


def error_of(
    words: Sequence[str],
    pretraining: Sequence[str] = (),
    layers: int | None = None,
) -> Steps:
    """Test error of a network, after pretraining where there is some."""

    def steps(run: Runner, data: Sequence[str], seeds: Sequence[int]) -> Finding:
        errors, lines = [], []
        for seed in seeds:
            common, start = [*data, *TAIL, "--seed", seed], []
            if pretraining:
                found = run(f"stack-{seed}", "pretrain", *pretraining, *common)
                lines.append(f"seed {seed}: pretrained in {found['seconds'] / 60:.0f} minutes")
                start = ["--from", f"{run.path(f'stack-{seed}')}/best.h5"]
            document = run(f"network-{seed}", "train", *words, *common, *start)
            errors.append(100 * (1 - document["test_accuracy"][0]))
        return Finding(tuple(errors), lines=tuple(lines))

    return steps


def population(run: Runner, data: Sequence[str], seeds: Sequence[int]) -> Finding:
    """Test error of the preset mlp, all seeds at once."""
    found = run("networks", "train", "mlp", *data, "--seeds", len(seeds), "--seed", seeds[0])
    return Finding(tuple(100 * (1 - accuracy) for accuracy in found["test_accuracy"]))


def few_labels(count: int) -> Steps:
    """Test error with so many labels, fine-tuned from a stack that saw 50,000 images without labels."""
    pretraining = [
        "dbn-mnist", "model.hidden=[500,500]", "training.epochs=15", "optimizer.learning_rate=0.1",
        "model.sparsity.target=0.1", "model.sparsity.cost=0.1",
    ]  # fmt: skip
    tuning = [
        "tune.model.dropout=0.5", "tune.model.input_dropout=0.2", "tune.training.averaging.name=ema",
        "tune.training.averaging.decay=0.998", "tune.training.epochs=16", "tune.training.updates=250",
        "tune.training.patience=5",
    ]  # fmt: skip

    def steps(run: Runner, data: Sequence[str], seeds: Sequence[int]) -> Finding:
        run("stack", "pretrain", *pretraining, *data)
        how = ["--labels", count, "--rates", "0.01,0.03,0.1", "--seeds", len(seeds), "--from"]
        found = run(f"labels-{count}", "compare", *how, f"{run.path('stack')}/best.h5", *data, *tuning)
        by_arm = {entry["arm"]: [100 * error for error in entry["test_error"]] for entry in found["results"]}
        others = (f"{arm}: {sum(e) / len(e):.2f} %" for arm, e in by_arm.items() if arm != "pretrained")
        return Finding(tuple(by_arm["pretrained"]), lines=(*others, *found["conclusions"]))

    return steps


MURRAY = "Salakhutdinov, Murray: On the quantitative analysis of deep belief networks, ICML 2008"
GREEDY = "Bengio, Lamblin, Popovici, Larochelle: Greedy layer-wise training of deep networks, NIPS 2006"
STACK = ["dbn-mnist", *falling(0.05, 90)]
SUPERVISED = ["dbn-mnist", "model.method=supervised", *SGD, *falling(0.1, 10)]
TUNED = [*SIGMOID, *SGD, AVERAGED]
PAGE = "gpunet, benchmarks/results/mnist_labels.md, 2026-11-21"


def _machine(name: str, how: str, words: list[str], epochs: int, published: float, of: str, minutes: float) -> Recipe:
    return Recipe(
        f"mnist-rbm-{name}", f"MNIST, machine of 784 and 500 bits, {how}, {epochs} epochs", "test log-likelihood",
        "nats", published, f"{MURRAY}, {of}", 1.0, True, (0,), minutes, "mnist",
        likelihood_of(["model.chains=from_data", *words], epochs),
    )  # fmt: skip


def _error(
    name: str, title: str, published: float, citation: str, tolerance: float, minutes: float, steps: Steps,
    seeds: tuple[int, ...] = (0,),
) -> Recipe:  # fmt: skip
    return Recipe(
        f"mnist-{name}", f"MNIST, {title}", "test error", "%", published, citation, tolerance, False, seeds, minutes,
        "mnist", steps,
    )  # fmt: skip


MNIST = (
    _machine("cd1", "CD-1", ["model.k=1"], 20, -125.5, "500 hidden units, CD1", 4),
    _machine("cd3", "CD-3", ["model.k=3"], 20, -105.5, "500 hidden units, CD3", 7),
    _machine("pcd", "PCD-1, 100 chains", ["model.k=1", "model.chains=100"], 250, -86.3, "500 hidden units, CD25", 50),
    _error(
        "dbn", "784-500-500-2000-10, pretrained, backpropagation", 1.2,
        "Hinton, Salakhutdinov: Reducing the dimensionality of data with neural networks, Science 313 (2006)", 0.1, 30,
        error_of([*TUNED, *halved(0.1, 24)], STACK),
    ),
    _error(
        "dbn-dropout", "784-500-500-2000-10, pretrained, dropout", 0.92,
        "Hinton, Srivastava, Krizhevsky, Sutskever, Salakhutdinov: Improving neural networks by preventing "
        "co-adaptation of feature detectors, arXiv 1207.0580 (2012); there from all 60,000 images", 0.15, 53,
        error_of([*TUNED, *DROPPED, *falling(0.2, 150)], STACK),
    ),
    _error(
        "greedy", "784-500-500-2000-10, supervised greedy", 2.0, GREEDY, 0.1, 5,
        error_of([*TUNED, *falling(0.2, 24)], SUPERVISED),
    ),
    _error(
        "random", "784-500-500-2000-10, sigmoid, no pretraining", 2.4, GREEDY, 0.1, 4,
        error_of([*TUNED, SCATTERED, *falling(0.2, 30)]),
    ),
    _error(
        "mlp", "784-512-512-10, dropout, Adam, preset mlp", 1.47,
        "gpunet, benchmarks/results/mnist_mlp.md, 2026-11-21; nothing published of this network", 0.15, 5, population,
        (0, 1, 2),
    ),
    _error("labels-1000", "1,000 labels, 784-500-500, pretrained", 4.91, PAGE, 0.5, 23, few_labels(1000), (0, 1, 2)),
    _error("labels-100", "100 labels, 784-500-500, pretrained", 15.42, PAGE, 2.0, 25, few_labels(100), (0, 1, 2)),
)  # fmt: skip
