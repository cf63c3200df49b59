"""MNIST, 784-500-500-2000-10: pretrained and fine-tuned in each way, beside the same network without pretraining.

    python benchmarks/mnist_dbn.py --data ../shared/data/mnist --folder runs/mnist-dbn [--rows up-down,relu] [--save]

The last 10,000 training images validate: they choose the epoch, and the learning rate where several are tried. The
test part is read once for each run; that of the rate chosen is reported. Runs that lie in the folder already are not
repeated, so the recipe may be stopped and started again. One seed, given with --seed.
"""

import os
import sys
from pathlib import Path

from page import result, saving
from recipe import remembered

WIDE = "model.hidden=[500,500,2000]"
SIGMOID = ["mlp", WIDE, "model.activation=sigmoid", "model.dropout=0", "training.batch_size=100"]
RELU = ["mlp", WIDE, "model.activation=relu", "model.dropout=0", "training.batch_size=100"]
AVERAGED = "training.averaging={name='ema', decay=0.999}"
DROPPED = ["model.dropout=0.5", "model.input_dropout=0.2"]


def falling(rate, epochs):
    """A learning rate that falls linearly to a hundredth of itself."""
    return f"optimizer.learning_rate={{name='ramp', start={rate}, stop={rate / 100:g}, epochs={epochs}}}"


def sgd(rate, epochs):
    """Gradient descent with momentum 0.9 for so many epochs."""
    return ["optimizer=sgd", "optimizer.momentum=0.9", falling(rate, epochs), f"training.epochs={epochs}"]


PRETRAINING = {
    "dbn": ["dbn-mnist", falling(0.05, 90), "training.epochs=90"],
    "greedy": ["dbn-mnist", "model.method=supervised", *sgd(0.1, 10)],
}
# Title, what it starts from, words, learning rates to choose from, epochs, published error.
ROWS = {
    "backpropagation": ("DBN, backpropagation", "dbn", SIGMOID, (0.05, 0.1, 0.2), 24, "1.15 to 1.2"),
    "dropout": ("DBN, backpropagation with dropout", "dbn", [*SIGMOID, *DROPPED], (0.2,), 200, "0.92"),
    "greedy": ("supervised greedy, backpropagation", "greedy", SIGMOID, (0.05, 0.1, 0.2), 24, "2.0"),
    "sigmoid": (
        "no pretraining, weights of 0.1",
        None,
        [*SIGMOID, "model.initializer={name='normal', std=0.1}"],
        (0.05, 0.1, 0.2),
        30,
        "2.4",
    ),
    "relu": ("no pretraining, ReLU and He", None, RELU, (0.02, 0.05, 0.1), 24, ""),
    "relu-dropout": ("no pretraining, ReLU and He, dropout", None, [*RELU, *DROPPED], (0.05,), 120, ""),
}


def run(name, *words, options, command):
    """The JSON document of a run, made now or before, and its checkpoint."""
    folder = options.folder / f"{name}-seed{options.seed}"
    data = ["--data", options.data, "data.validation=10000", "data.split=tail", f"seed={options.seed}"]
    return remembered(Path(f"{folder}.json"), command, *words, *data, "--run", folder), folder / "best.h5"


def measure(row, options):
    """One line of the table: the run of the learning rate that validation chose."""
    title, source, words, rates, epochs, published = ROWS[row]
    before, start = 0.0, []
    if source is not None:
        pretrained, checkpoint = run(source, *PRETRAINING[source], options=options, command="pretrain")
        before, start = pretrained["seconds"], ["--from", checkpoint]
    tried = {}
    for rate in rates:
        settings = [*words, *sgd(rate, epochs), AVERAGED]
        tried[rate], _ = run(f"{row}-{rate}", *settings, *start, options=options, command="train")
    rate, best = max(tried.items(), key=lambda item: item[1]["best"][0])
    return line(title, rate, rates, best, before, published)


def up_down(options):
    """The line of contrastive wake-sleep, which starts at the two lower layers of the DBN."""
    pretrained, checkpoint = run("dbn", *PRETRAINING["dbn"], options=options, command="pretrain")
    rates = "optimizer.learning_rate={name='piecewise', values=[0.05, 0.01, 0.003], boundaries=[10, 30]}"
    steps = "model.k={name='piecewise', values=[1, 3], boundaries=[10]}"
    words = ["updown", WIDE, "model.greedy=10", "training.epochs=40", "training.batch_size=100", rates, steps]
    best, _ = run("up-down", *words, "--from", checkpoint, options=options, command="train")
    return line("up-down with labels", 0.05, (0.05,), best, pretrained["seconds"], "1.25")


def line(title, rate, rates, best, before, published):
    error, chosen = (100 * (1 - best[key][0]) for key in ("test_accuracy", "best"))
    of = f"{rate:g}" if len(rates) == 1 else f"{rate:g} of {', '.join(f'{r:g}' for r in rates)}"
    return (
        f"| {title} | {chosen:.2f} % | **{error:.2f} %** | {f'{published} %' if published else ''} | {of} | "
        f"{best['best_epoch'][0]} of {best['epochs']} | {before:.0f} + {best['seconds']:.0f} s |"
    )


def main():
    parser = saving(__doc__)
    parser.add_argument("--data", default="../shared/data/mnist")
    parser.add_argument("--folder", type=Path, default=Path("runs/mnist-dbn"))
    parser.add_argument("--rows", default=",".join([*ROWS, "up-down"]))
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    lines = []
    for row in options.rows.split(","):
        lines.append(up_down(options) if row == "up-down" else measure(row, options))
        print(lines[-1], file=sys.stderr, flush=True)
    body = [
        f"50,000 images train, 10,000 choose; seed {options.seed}; "
        f"{os.environ.get('OPENBLAS_NUM_THREADS', 'all')} thread(s).",
        "",
        "| | validation error | test error | published | rate chosen | best epoch | pretraining + training |",
        "|---|---|---|---|---|---|---|",
        *lines,
    ]
    result("mnist_dbn", "MNIST, 784-500-500-2000-10", body, options.save)


if __name__ == "__main__":
    main()
