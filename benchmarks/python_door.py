"""The same task, digits trained, validated, predicted, saved and loaded, in gpunet and in its peers.

python benchmarks/python_door.py [--rounds 15] [--save]

Each is written as its own documentation would have it.  Lines, imports and concepts are counted in the text that runs;
a concept is a name that the reader has to know: what is imported, called, or passed by name.  Times are those of the
processor (``time.process_time`` and that of child processes, in which checkpoints are read), so that other work on the
machine disturbs them little; rounds are interleaved.
"""

import os

for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(variable, "1")

import ast
import resource
import statistics
import tempfile
import textwrap
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from page import result, saving

import gpunet
from gpunet.backend import Device
from gpunet.config import load_config
from gpunet.data import Dataset, split
from gpunet.datasets import load
from gpunet.experiment import Experiment, Run

TASKS = {
    "gpunet": """
        import gpunet

        net = gpunet.train("mlp", x, y, hidden=[128], dropout=0, input_dropout=0, epochs=20, batch_size=64)
        net.save(path + ".h5")
        again = gpunet.load(path + ".h5")
        predicted = again.predict(x_test)
        score = again.score(x_test, y_test)
    """,
    "scikit-learn": """
        import joblib
        from sklearn.neural_network import MLPClassifier
        from sklearn.pipeline import make_pipeline
        from sklearn.preprocessing import MinMaxScaler

        net = make_pipeline(
            MinMaxScaler(),
            MLPClassifier([128], batch_size=64, max_iter=20, early_stopping=True, validation_fraction=0.15,
                          n_iter_no_change=20, random_state=0),
        )
        net.fit(x, y)
        joblib.dump(net, path + ".joblib")
        again = joblib.load(path + ".joblib")
        predicted = again.predict(x_test)
        score = again.score(x_test, y_test)
    """,
    "PyTorch": """
        import copy
        import torch
        from torch import nn
        from torch.utils.data import DataLoader, TensorDataset, random_split

        torch.manual_seed(0)
        data = TensorDataset(torch.as_tensor(x / 16, dtype=torch.float32), torch.as_tensor(y))
        train, validation = random_split(data, [0.85, 0.15])
        net = nn.Sequential(nn.Linear(64, 128), nn.ReLU(), nn.Linear(128, 10))
        loss = nn.CrossEntropyLoss()
        optimizer = torch.optim.Adam(net.parameters(), lr=1e-3)
        best, weights = -1.0, None
        for epoch in range(20):
            net.train()
            for features, labels in DataLoader(train, batch_size=64, shuffle=True):
                optimizer.zero_grad()
                loss(net(features), labels).backward()
                optimizer.step()
            net.eval()
            with torch.no_grad():
                features, labels = validation[:]
                accuracy = (net(features).argmax(dim=1) == labels).float().mean().item()
            if accuracy > best:
                best, weights = accuracy, copy.deepcopy(net.state_dict())
        torch.save(weights, path + ".pt")
        again = nn.Sequential(nn.Linear(64, 128), nn.ReLU(), nn.Linear(128, 10))
        again.load_state_dict(torch.load(path + ".pt"))
        again.eval()
        with torch.no_grad():
            predicted = again(torch.as_tensor(x_test / 16, dtype=torch.float32)).argmax(dim=1).numpy()
        score = float((predicted == y_test).mean())
    """,
}


def concepts(text: str) -> tuple[int, list[str]]:
    """How many lines import something, and the names that a reader has to know."""
    tree, names, imports = ast.parse(text), set(), 0
    for node in ast.walk(tree):
        if isinstance(node, ast.Import | ast.ImportFrom):
            imports += 1
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.Call):
            called = node.func
            names |= {called.attr} if isinstance(called, ast.Attribute) else set()
            names |= {word.arg for word in node.keywords if word.arg}
    return imports, sorted(names)


def cpu(action: Callable[[], Any]) -> float:
    """Milliseconds of the processor that something takes, its child processes included."""
    began = _spent()
    action()
    return (_spent() - began) * 1e3


def _spent() -> float:
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() + children.ru_utime + children.ru_stime


def tasks(rounds: int) -> list[str]:
    """The table of the task side by side."""
    digits = load("digits")
    x, y = digits.x.reshape(len(digits.x), -1), digits.y.astype(np.int64)
    order = np.random.default_rng(0).permutation(len(x))
    train, test = order[:1400], order[1400:]
    given = {"x": x[train], "y": y[train], "x_test": x[test], "y_test": y[test]}
    times: dict[str, list[float]] = {name: [] for name in TASKS}
    scores: dict[str, float] = {}
    loading = []
    with tempfile.TemporaryDirectory() as folder:
        for number in range(rounds + 1):
            for name, text in TASKS.items():
                scope = dict(given, path=str(Path(folder) / "net"))
                code = compile(textwrap.dedent(text), name, "exec")
                spent = cpu(lambda code=code, scope=scope: exec(code, scope))
                scores[name] = scope["score"]
                times[name] += [spent] if number else []  # the first round imports
            loading.append(cpu(lambda: gpunet.load(Path(folder) / "net.h5")))
    rows = ["| | lines | imports | concepts | ms of the processor | test accuracy |", "|---|---|---|---|---|---|"]
    lists = []
    for name, text in TASKS.items():
        lines = [line for line in textwrap.dedent(text).splitlines() if line.strip()]
        imports, names = concepts(textwrap.dedent(text))
        middle = statistics.median(times[name])
        rows.append(f"| {name} | {len(lines)} | {imports} | {len(names)} | {middle:.0f} | {scores[name]:.4f} |")
        lists.append(f"- {name}: {', '.join(f'`{word}`' for word in names)}")
    middle = statistics.median(loading)
    guard = f"Of gpunet's time {middle:.0f} ms load the checkpoint, which a child process reads guarded."
    return [*rows, "", guard, "", *lists]


EPOCHS, BATCH = 10, 50


def overhead(rounds: int) -> list[str]:
    """The table of what gpunet.train costs beyond its steps, on 1,000 samples."""
    x = np.random.default_rng(0).random((1000, 20), np.float32)
    y = (x[:, 0] > x[:, 1]).astype(np.int64)
    settings = {"hidden": [64], "epochs": EPOCHS, "batch_size": BATCH}
    dotted = {"model.hidden": [64], "training.epochs": EPOCHS, "training.batch_size": BATCH, "data.test": 0}
    config, device = load_config("mlp", dotted, {}), Device()
    dataset = Dataset("arrays", x, y.astype(np.int32))
    parts = split(dataset, validation=0.15, test=0, seed=0)

    def steps_alone() -> float:
        trainer = Run(Experiment(config, dataset, parts, device)).trainer
        number = trainer.steps_per_epoch(True)

        def run() -> None:
            for epoch in range(EPOCHS):
                trainer.begin_epoch(epoch, number)
                for step in range(number):
                    trainer.train_batch(step)

        return cpu(run)

    def epochs() -> float:
        run = Run(Experiment(config, dataset, parts, device))
        return cpu(run.train)

    def whole() -> float:
        return cpu(lambda: gpunet.train("mlp", x, y, device="cpu", **settings))

    found: dict[str, list[float]] = {"steps alone": [], "with validation and selection": [], "gpunet.train": []}
    measures = dict(zip(found, (steps_alone, epochs, whole)))
    for number in range(rounds + 3):
        for name, measure in measures.items():
            spent = measure()
            found[name] += [spent] if number >= 3 else []
    medians = {name: statistics.median(values) for name, values in found.items()}
    rows = ["| | ms of the processor, median |", "|---|---|"]
    rows += [f"| {name} | {middle:.1f} |" for name, middle in medians.items()]
    beyond = statistics.median(np.subtract(found["gpunet.train"], found["steps alone"]).tolist())
    return [*rows, f"| beyond the steps, median of the differences | {beyond:.1f} |"]


def main() -> None:
    """Measure and report."""
    parser = saving(__doc__)
    parser.add_argument("--rounds", type=int, default=15)
    options = parser.parse_args()
    torch.set_num_threads(1)
    warnings.filterwarnings("ignore", message="Stochastic Optimizer")
    lines = [
        "Digits: 1,400 samples, 64-128-10, 20 epochs of batches of 64 with Adam, of which 15 % choose the best epoch;",
        "saved, loaded again, and the other 397 predicted. The text of each is in the script. Other programs worked on",
        "the machine meanwhile, so times are those of the processor, and still uncertain by a tenth.",
        "",
        *tasks(options.rounds),
        "",
        f"What `gpunet.train` costs beyond its steps: 1,000 samples, 20-64-2 with dropout, {EPOCHS} epochs of batches",
        f"of {BATCH}; the target is 30 ms.",
        "",
        *overhead(3 * options.rounds),
    ]
    how = f"{options.rounds} and {3 * options.rounds} interleaved rounds, 1 thread"
    result("python_door", "The Python door", lines, options.save, how)


if __name__ == "__main__":
    main()
