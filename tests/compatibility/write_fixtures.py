"""Writes the old runs of ``cases.py`` with what they give, to be read for ever after.

The set that is committed was written by the version of commit 3ca7d91, with

    OMP_NUM_THREADS=1 PYTHONPATH=tests python -m compatibility.write_fixtures

It is never written again: files of that time cannot be had from any later version. What exists is left alone, so that a
later version can add cases of its own.

For each run there are ``config.toml``, ``best.h5`` and ``last.h5`` as they lay in its folder when it was cut off, and
``expected.json`` with what commands made of them and where ``gpunet resume`` ended. Before that is written down, it is
compared with the same training in one go.
"""

import json
import os
import platform
import shutil
import signal
import struct
import sys
import tempfile
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from compatibility.cases import CASES
from compatibility.old_files import DATA, FILES, FIXTURES, arrays_of, digests, drawn, gpunet, machine, measured

CPU = ("--device", "cpu")
COMMANDS = {  # by the class of the model that a checkpoint names
    "sequential": ("evaluate", "predict"),
    "classrbm": ("evaluate", "predict"),
    "labelleddbn": ("evaluate", "predict", "sample"),
    "rbm": ("likelihood", "sample"),
    "dbn": ("likelihood", "sample"),
}


class Gone(Exception):
    """Stands for the end of a process that nobody was told of."""


def write_data():
    """Small data sets of every form, made up."""
    rng = np.random.default_rng(11)
    DATA.mkdir(parents=True)
    kinds = np.arange(48) % 3
    flowers = rng.normal([[5, 3, 1.5, 0.2], [6, 2.7, 4, 1.3], [6.5, 3, 5.5, 2]], 0.5, (16, 3, 4)).reshape(48, 4)
    rows = [[f"{v:.2f}" for v in row] + [("oak", "pine", "yew")[k]] for row, k in zip(flowers, kinds)]
    _write_rows("flowers.csv", [["length", "width", "height", "depth", "species"], *rows])
    _write_rows("plain.tsv", [[str(k), *row[:3]] for k, row in zip(kinds, rows)])
    houses = rng.uniform(0.5, 3, (40, 4))
    prices = houses @ [1.5, 0.5, 2, 0.7] + rng.normal(0, 0.2, 40) + 3
    rows = [[f"{v:.3f}" for v in (*row, price)] for row, price in zip(houses, prices)]
    _write_rows("houses.csv", [["rooms", "age", "area", "garden", "target"], *rows])
    levels = rng.integers(0, 3, (40, 4))
    rows = [[*map(str, row), ("no", "yes")[int(row[0] > row[1] - (i % 3 == 0))]] for i, row in enumerate(levels)]
    _write_rows("levels.csv", [["a", "b", "c", "d", "label"], *rows])
    words = np.array(["good", "bad", "film", "plot", "dull", "bright", "the", "a", "and", "very", "actor", "scene"])
    words = np.append(words, ["long", "music"])
    rows = []
    for number in range(36):
        weights = np.where(words == ("good", "bad")[number % 2], 6.0, 1.0)
        rows.append(
            [" ".join(rng.choice(words, 4 + number % 5, p=weights / weights.sum())), ("up", "down")[number % 2]]
        )
    _write_rows("texts.csv", [["text", "label"], *rows])
    x = rng.normal(2, 3, (40, 4)).astype(np.float32)
    _write_arrays("pairs.npz", x, np.stack([x[:, 0] - x[:, 1], x[:, 2] * 0.5], 1) + rng.normal(0, 0.1, (40, 2)))
    colours = rng.integers(0, 256, (36, 4, 4, 3), np.uint8)
    _write_arrays("colours.npz", colours, (colours[..., 0].mean((1, 2)) > colours[..., 1].mean((1, 2))) * 1)
    counts = rng.integers(0, 3, (48, 5)).astype(np.float32)
    _write_arrays("counts.npz", counts, (counts.sum(1) > 5) * 1)
    bits = np.concatenate([np.eye(4)[rng.integers(0, 4, 48)], np.eye(4)[rng.integers(0, 4, 48)]], 1).astype(np.float32)
    _write_arrays("bits.npz", bits, bits[:, 0].astype(int))
    _write_images(rng)


def _write_rows(name, rows):
    separator = "\t" if name.endswith(".tsv") else ","
    (DATA / name).write_text("".join(f"{separator.join(row)}\n" for row in rows))


def _write_arrays(name, x, y):
    np.savez(DATA / name, x=x, y=y.astype(np.float32 if y.ndim == 2 else np.int64))


def _write_images(rng):
    """Bars of three kinds in 4x4 pixels, as IDX files with a test part."""
    shapes = np.zeros((3, 4, 4))
    shapes[0, 1:3], shapes[1, :, 1:3], shapes[2] = 1, 1, np.eye(4)
    (DATA / "images").mkdir()
    for part, count in (("train", 48), ("t10k", 15)):
        labels = (np.arange(count) % 3).astype(np.uint8)
        images = np.clip(shapes[labels] * 220 + rng.normal(10, 25, (count, 4, 4)), 0, 255).astype(np.uint8)
        for what, array in (("images", images), ("labels", labels)):
            header = struct.pack(f">HBB{array.ndim}I", 0, 8, array.ndim, *array.shape)
            (DATA / "images" / f"{part}-{what}-idx{array.ndim}-ubyte").write_bytes(header + array.tobytes())


@contextmanager
def cut_off(how, step):
    """Training ends after so many steps of all runs together."""
    from gpunet.training import Trainer

    train_batches, done = Trainer.train_batches, 0

    def counted(trainer, number, count):
        nonlocal done
        if how == "kill" and done == step:
            raise Gone
        train_batches(trainer, number, count)
        done += count
        if how == "stop" and done == step:
            signal.raise_signal(signal.SIGTERM)

    Trainer.train_batches = counted
    try:
        yield
    finally:
        Trainer.train_batches = train_batches


def begin(case, folder, **options):
    """Run the command of a case, which notes it in its files."""
    command, words, data, _, *more = CASES[case]
    source = ["--from", FIXTURES / more[0] / "best.h5", *(more[1] if len(more) > 1 else [])] if more else []
    sys.argv = ["gpunet", command, *words, "--data", data]
    gpunet(command, *words, "--data", data, *source, "--run", folder, *CPU, **options)


def write_case(case, place):
    """A run that was cut off, and what becomes of it."""
    how, step = CASES[case][3]
    data, folder, run, whole = DATA / CASES[case][2], FIXTURES / case, place / "run", place / "whole"
    words = [f"epochs={step}"] if how == "more" else []
    try:
        with cut_off(how, step):
            begin(case, run, code=130 if how == "stop" else 0)
        assert how != "kill", "there was no such step"
    except Gone:
        pass
    folder.mkdir(parents=True, exist_ok=True)
    for name in ("config.toml", "best.h5", "last.h5"):
        if (run / name).exists():
            shutil.copy(run / name, folder)
    CASES[case] = (CASES[case][0], [*CASES[case][1], *words], *CASES[case][2:])
    begin(case, whole)
    report = json.loads(gpunet("resume", run, *words, "--data", data, "--json", *CPU))
    for name in FILES if case != "dbn/finished" else ():  # whose lower layers keep their number of epochs
        assert digests(run / name) == digests(whole / name), f"{case}: not the same as in one go"
    expected = describe(folder, data, place)
    kept = {key: value for key, value in report.items() if key not in ("checkpoint", "seconds")}
    expected["resume"] = {"words": words, "report": kept} | {
        "digests": {name: digests(run / name) for name in FILES},
        "weights": {
            name: array.tolist() for name, array in arrays_of(run / "last.h5").items() if name.startswith("model/")
        },
    }
    expected["machine"] = machine()
    (folder / "expected.json").write_text(_compact(expected))


def describe(folder, data, place):
    """What commands say about the files of a folder."""
    expected = {"data": data.name, "files": {}}
    for name in FILES:
        if not (folder / name).exists():
            continue
        head = json.loads(gpunet("inspect", folder / name, "--json"))
        cls = head["children"]["model"]["attributes"]["class"]
        commands = COMMANDS[cls] if folder.parent.name != "autoencoder" else ("evaluate",)
        found = {"content_sha256": head["content_sha256"], "class": cls, "model": head["attributes"]["model"]}
        found |= measured(folder, name, data, commands)
        if "sample" in commands:
            found["sample"] = drawn(folder / name, place / "drawn.npz")
        expected["files"][name] = found
    return expected


def _compact(document):
    """JSON with a line for each thing, and lists of numbers in one line."""
    text = json.dumps(document, indent=1, sort_keys=True)
    lines, inside = [], 0
    for line in text.splitlines():
        if inside:
            lines[-1] += line.strip()
        else:
            lines.append(line)
        inside += line.rstrip().endswith("[") - line.strip().startswith("]")
    return "\n".join(lines) + "\n"


def main():
    """Write what is not there yet."""
    platform.platform = lambda: "Linux"
    if not DATA.exists():
        write_data()
    os.chdir(DATA)
    for case in sorted(CASES, key=lambda name: name != "dbn/finished"):  # what others begin from first
        if not (FIXTURES / case / "expected.json").exists():
            with tempfile.TemporaryDirectory() as place:
                print(case, flush=True)
                write_case(case, Path(place))


if __name__ == "__main__":
    main()
