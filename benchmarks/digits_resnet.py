"""The bundled digits with the preset ``resnet-digits``: test accuracy over six splits, each trained with its own seed.

    python benchmarks/digits_resnet.py [--splits 6] [--processes 2] [--save]

So many runs at once, each with one thread.  The weights kept are those of the last epoch; the test part is read once,
at the end, and nothing is chosen by it.  A run that was measured is kept in --folder, so the recipe may be stopped and
go on.
"""

import os

os.environ |= {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}

import resource
import statistics
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from page import result, saving
from recipe import remembered


def main():
    parser = saving(__doc__)
    parser.add_argument("--splits", type=int, default=6)
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--folder", type=Path, help="where runs are kept; a temporary one by default")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder, began = options.folder or Path(temporary), time.perf_counter()

        def train(number):
            words = ["train", "resnet-digits", "--data", "digits", "--seed", number, f"data.split_seed={number}"]
            return remembered(folder / f"{number}.json", *words, "--device", "cpu", "--run", folder / f"run-{number}")

        with ThreadPoolExecutor(options.processes) as pool:
            found = list(pool.map(train, range(options.splits)))
        seconds = time.perf_counter() - began
        used = resource.getrusage(resource.RUSAGE_CHILDREN)
    accuracies = [100 * document["test_accuracy"][0] for document in found]
    lines = [
        f"Test accuracy **{statistics.mean(accuracies):.2f} ± {statistics.stdev(accuracies):.2f} %** over "
        f"{len(accuracies)} splits.",
        f"All together {seconds:.0f} s with {options.processes} processes of one thread; {used.ru_utime:.0f} s of "
        f"computing time, {found[0]['epochs']} epochs each.",
        "",
        "| split and seed | test accuracy | seconds |",
        "|---|---|---|",
        *(f"| {n} | {a:.2f} % | {d['seconds']:.0f} |" for n, (a, d) in enumerate(zip(accuracies, found))),
    ]
    result("digits_resnet", "Digits, preset resnet-digits", lines, options.save)


if __name__ == "__main__":
    main()
