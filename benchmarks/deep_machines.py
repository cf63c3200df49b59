"""Deep machines beside their controls on the four data sets drawn after Larochelle et al. 2007, six seeds each.

    python benchmarks/deep_machines.py --mnist ../shared/data/mnist [--folder runs/deep-machines] [--save]

The recipes are ``gpunet repro deep-rectangles``, ``deep-convex``, ``deep-rotated`` and ``deep-background``; steps that
lie in the folder are not run again.
"""

import os
import sys
import tempfile
from pathlib import Path

from page import result, saving
from recipe import remembered

NAMES = ("rectangles", "convex", "rotated", "background")
DIGITS = ("rotated", "background")  # drawn from digits of MNIST


def main():
    parser = saving(__doc__)
    parser.add_argument("--mnist", default="../shared/data/mnist", help="whose digits are turned and put on noise")
    parser.add_argument("--folder", type=Path, help="where steps are kept; a temporary one by default")
    parser.add_argument("--only", choices=NAMES, action="append", help="of the data sets; all by default")
    options = parser.parse_args()
    rows, notes = [], []
    with tempfile.TemporaryDirectory() as temporary:
        folder = options.folder or Path(temporary)
        for name in options.only or NAMES:
            digits = ["--data", options.mnist] if name in DIGITS else []
            words = ["repro", f"deep-{name}", *digits, "--folder", folder / name, "--device", "cpu"]
            found = remembered(folder / f"{name}.json", *words)
            low, high = found["bracket"]
            rows.append(
                f"| {name} | {found['value']:+.2f} ({low:+.2f} to {high:+.2f}) | {found['published']:+.2f} | "
                f"{found['verdict']} | {found['seconds']:.0f} s |"
            )
            notes += ["", f"**{name}**", "", *(f"- {note}" for note in found["notes"])]
            print(rows[-1], file=sys.stderr, flush=True)
    lines = [
        "Points of test error that the better deep machine saves over the better control, and the paired 95 % interval",
        f"over six seeds; {os.environ.get('OMP_NUM_THREADS', 'all')} thread(s). Rates, epochs, the deep machine and",
        "the control are chosen on validation.",
        "",
        "| data set | here | in the paper | | time |",
        "|---|---|---|---|---|",
        *rows,
        *notes,
        "",
        "The paper has 8,000 to 12,000 images (1,200 rectangles), three hidden layers, far wider, and compares DBN-3",
        "with a network of one hidden layer.",
    ]
    result("deep_machines", "Deep machines on drawn images", lines, options.save)


if __name__ == "__main__":
    main()
