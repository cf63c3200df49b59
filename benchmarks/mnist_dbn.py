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
SCATTERED = "model.initializer={name='normal', std=0.1}"  # leaves the plateau that Glorot's variance stays on


def falling(rate, epochs):
    """So many epochs, the learning rate falling linearly to a hundredth of itself."""
    return [
        f"optimizer.learning_rate={{name='ramp', start={rate}, stop={rate / 100:g}, epochs={epochs}}}",
        f"training.epochs={epochs}",
    ]


def halved(rate, epochs):
    """So many epochs, the learning rate halved after each third of them."""
    return [
        f"optimizer.learning_rate={{name='step', value={rate}, factor=0.5, every={epochs // 3}}}",
        f"training.epochs={epochs}",
    ]


SGD = ["optimizer=sgd", "optimizer.momentum=0.9"]
PRETRAINING = {
    "dbn": ["dbn-mnist", *falling(0.05, 90)],
    "greedy": ["dbn-mnist", "model.method=supervised", *SGD, *falling(0.1, 10)],
}
# Title, what it starts from, words, learning rates to choose from, their course, published error.
ROWS = {
    "backpropagation": ("DBN, backpropagation", "dbn", SIGMOID, (0.1,), (halved, 24), "1.15 to 1.2"),
    "dropout": ("DBN, dropout", "dbn", [*SIGMOID, *DROPPED], (0.2, 0.3), (falling, 150), "0.92"),
    "greedy": ("supervised greedy", "greedy", SIGMOID, (0.05, 0.1, 0.2), (falling, 24), "2.0"),
    "sigmoid": ("no pretraining", None, [*SIGMOID, SCATTERED], (0.05, 0.1, 0.2), (falling, 30), "2.4"),
    "relu": ("no pretraining, ReLU and He", None, RELU, (0.02, 0.05, 0.1), (falling, 24), ""),
    "relu-dropout": ("no pretraining, ReLU, He, dropout", None, [*RELU, *DROPPED], (0.05,), (falling, 120), ""),
}
TAIL = ["data.validation=10000", "data.split=tail"]
WHOLE = ["data.validation=0", "training.monitor=last"]


def run(name, *words, options, command, parts=TAIL):
    """The JSON document of a run, made now or before, and its checkpoint."""
    folder = options.folder / f"{name}-seed{options.seed}"
    data = ["--data", options.data, *parts, f"seed={options.seed}"]
    return remembered(Path(f"{folder}.json"), command, *words, *data, "--run", folder), folder / "best.h5"


def stack(name, options):
    """Seconds of pretraining, and where its machines are."""
    pretrained, checkpoint = run(name, *PRETRAINING[name], options=options, command="pretrain")
    return pretrained["seconds"], checkpoint


def measure(row, options):
    """The lines of a row: the run of the learning rate that validation chose, and that again with all images."""
    title, source, words, rates, (course, epochs), published = ROWS[row]
    before, start = 0.0, []
    if source is not None:
        before, checkpoint = stack(source, options)
        start = ["--from", checkpoint]

    def fine_tuned(name, rate, **parts):
        settings = [*words, *SGD, *course(rate, epochs), AVERAGED, *start]
        return run(name, *settings, options=options, command="train", **parts)[0]

    tried = {rate: fine_tuned(f"{row}-{rate}", rate) for rate in rates}
    rate, best = max(tried.items(), key=lambda item: item[1]["best"][0])
    yield line(title, rate, rates, best, before, published)
    if row in options.whole.split(","):
        best = fine_tuned(f"{row}-{rate}-whole", rate, parts=WHOLE)
        yield line(f"{title}, all 60,000 images", rate, (rate,), best, before, published, validated=False)


def up_down(options):
    """The line of contrastive wake-sleep, which starts at the two lower layers of the DBN."""
    before, checkpoint = stack("dbn", options)
    greedy, fine = (
        "{name='ramp', start=0.05, stop=0.005, epochs=30}",
        "{name='ramp', start=0.01, stop=0.0005, epochs=60}",
    )
    rates = f"optimizer.learning_rate={{name='join', schedules=[{greedy}, {fine}], epochs=[30]}}"
    steps = "model.k={name='piecewise', values=[1, 3, 6], boundaries=[30, 60]}"
    words = ["updown", WIDE, "model.greedy=30", "training.epochs=90", "training.batch_size=100", rates, steps]
    best, _ = run("up-down", *words, "--from", checkpoint, options=options, command="train")
    yield line("up-down with labels", 0.05, (0.05,), best, before, "1.25")


def line(title, rate, rates, best, before, published, validated=True):
    """One line of the table; without validation images the last epoch counts."""
    error = 100 * (1 - best["test_accuracy"][0])
    chosen = f"{100 * (1 - best['best'][0]):.2f} %" if validated else ""
    of = f"{rate:g}" if len(rates) == 1 else f"{rate:g} of {', '.join(f'{r:g}' for r in rates)}"
    return (
        f"| {title} | {chosen} | **{error:.2f} %** | {f'{published} %' if published else ''} | {of} | "
        f"{best['best_epoch'][0]} of {best['epochs']} | {before:.0f} + {best['seconds']:.0f} s |"
    )


def main():
    parser = saving(__doc__)
    parser.add_argument("--data", default="../shared/data/mnist")
    parser.add_argument("--folder", type=Path, default=Path("runs/mnist-dbn"))
    parser.add_argument("--rows", default=",".join([*ROWS, "up-down"]))
    parser.add_argument("--whole", default="", help="rows to train once more on all images, with what was chosen")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    lines = []
    for row in options.rows.split(","):
        for found in up_down(options) if row == "up-down" else measure(row, options):
            lines.append(found)
            print(found, file=sys.stderr, flush=True)
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
