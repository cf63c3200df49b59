"""The bundled digits with 100 labels of 1,257: labels alone, and with the other images, their class summed out.

    python benchmarks/digits_labels.py [--folder runs/digits-labels] [--save]

The recipe is ``gpunet repro digits-few-labels``; what lies in the folder is not run again.
"""

import tempfile
from pathlib import Path

from page import result, saving
from recipe import gpunet


def main():
    parser = saving(__doc__)
    parser.add_argument("--folder", help="where steps are kept; a temporary one by default")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = options.folder or str(Path(temporary) / "steps")
        found = gpunet("repro", "digits-few-labels", "--folder", folder, "--device", "cpu")
    low, high = found["bracket"]
    lines = [
        f"The images without labels add **{found['value']:.2f} points** of accuracy ({low:+.2f} to {high:+.2f}, "
        f"paired 95 % interval over {len(found['seeds'])} seeds): {found['verdict']}.",
        "",
        *(f"- {note}" for note in found["notes"]),
        "",
        "| seed | points of accuracy more |",
        "|---|---|",
        *(f"| {seed} | {gain:+.2f} |" for seed, gain in zip(found["seeds"], found["values"])),
        "",
        *(f"`{command}`" for command in found["commands"]),
        "",
        f"{found['seconds']:.0f} s for both. The 270 validation labels choose the epoch of both arms; the 270 test "
        "images are read once.",
        "The arms differ in rule and number of epochs: settings of each were chosen by validation with seed 0.",
    ]
    result("digits_labels", "Digits with 100 labels of 1,257", lines, options.save)


if __name__ == "__main__":
    main()
