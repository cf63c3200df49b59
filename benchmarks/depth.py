"""What depth does to plain and residual networks on the bundled digits: ``gpunet depth`` with six seeds.

python benchmarks/depth.py [--layers 8,16,32,64] [--seeds 6] [--save]
"""

import json
import os
import statistics
import subprocess
import sys
import tempfile

from page import result, saving


def main():
    parser = saving(__doc__)
    parser.add_argument("--layers", default="8,16,32,64")
    parser.add_argument("--seeds", default="6")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        words = ["depth", "--layers", options.layers, "--seeds", options.seeds, "--json", "--run", f"{folder}/run"]
        command = [sys.executable, "-m", "gpunet.cli", *words, "--device", "cpu"]
        done = subprocess.run(
            command, check=True, capture_output=True, text=True, env={**os.environ, "OMP_NUM_THREADS": "1"}
        )
    found = json.loads(done.stdout)
    entries, kinds = found["results"], list(dict.fromkeys(entry["kind"] for entry in found["results"]))
    depths = sorted({entry["layers"] for entry in entries})
    by = {(entry["kind"], entry["layers"]): entry for entry in entries}

    def error(entry):
        values = entry["test_error"]
        if values is None:
            return "diverged"
        return f"{100 * statistics.mean(values):.2f} ± {100 * statistics.stdev(values):.2f} %"

    def ratio(entry):
        sizes = [signal["gradient_size"] for signal in entry["signals"]]
        return f"{sizes[0] / sizes[-1]:.1e}" if sizes[-1] else "0"

    head = [f"| | {' | '.join(f'{depth} layers' for depth in depths)} |", "|---" * (len(depths) + 1) + "|"]
    rows = [f"| {kind} | {' | '.join(error(by[kind, depth]) for depth in depths)} |" for kind in kinds]
    sizes = [f"| {kind} | {' | '.join(ratio(by[kind, depth]) for depth in depths)} |" for kind in kinds]
    lines = [
        f"Networks of the preset `depth` (dense layers 32 wide, no norms), {found['epochs']} epochs, "
        f"{options.seeds} seeds; always giving the most frequent class errs in {100 * found['baseline_error']:.2f} %.",
        "",
        "Test error at the epoch that is best on validation:",
        "",
        *head,
        *rows,
        "",
        "Size of the gradients at the first layer over that at the last, on the first batch:",
        "",
        *head,
        *sizes,
        "",
        *(f"- {line}" for line in found["conclusions"]),
        "",
        f"All together {sum(entry['seconds'] for entry in entries):.0f} s of training with one thread.",
    ]
    result("depth", "Depth, plain and residual, on digits", lines, options.save)


if __name__ == "__main__":
    main()
