"""Ensembles of networks that start from one pretrained stack against those that start from random weights.

    python benchmarks/ensembles_pretrained.py --save                               digits; about 4 minutes on 2 cores
    python benchmarks/ensembles_pretrained.py --data ../shared/data/mnist --save   about 25 minutes

More: [--labels 100] [--size 5] [--repetitions 6] [--epochs N] [--workers 2] [--set KEY=VALUE ...]

A stack is pretrained anew for each repetition, on all samples of the training part; all networks learn from the same
few labels.  A common start makes members better and more alike; what counts is what is left to gain.
"""

import sys
import tempfile

from page import result

from ensembles import archive, between, diversity, gpunet, in_turn, member_errors, options_of, spread

LABELS = "--labels"
WIDTHS = {"digits": "[64,64]", "mnist": "[256,256]"}


def repetition(options, data, labels, number, folder):
    """The document of an ensemble from a stack, with that of its control inside."""
    widths = WIDTHS.get(options.name, WIDTHS["digits"])
    stack = f"{folder}/stack-{number}"
    gpunet("pretrain", "dbn", "--data", data, f"model.hidden={widths}", "--seed", number, "--run", stack)
    words = ["ensemble", "finetune", "--data", data, "--from", stack, "--control", "--size", options.size]
    words += ["--seed", number * options.size, f"data.labels={labels}", f"training.epochs={options.epochs}"]
    return gpunet(*words, *options.set, "--run", f"{folder}/tuned-{number}")


def main():
    labels = 100
    if LABELS in sys.argv:
        place = sys.argv.index(LABELS)
        labels = int(sys.argv[place + 1])
        del sys.argv[place : place + 2]
    options = options_of(__doc__)
    with tempfile.TemporaryDirectory() as folder:
        data = archive(options.data, folder)
        jobs = [lambda n=number: repetition(options, data, labels, n, folder) for number in range(options.repetitions)]
        tuned = in_turn(options, jobs)
    starts = {"pretrained": tuned, "random": [one["control"] for one in tuned]}
    table = ["| start | member | ensemble | gain in points | disagreement | error correlation |", "|---" * 6 + "|"]
    gains, errors = {}, {}
    for name, documents in starts.items():
        members, errors[name] = member_errors(documents), [one["ensemble"]["error"] for one in documents]
        gains[name] = [one - other for one, other in zip(members, errors[name])]
        table.append(
            f"| {name} | {spread(members)} | {spread(errors[name])} | {between(members, errors[name], 100)} | "
            f"{diversity(documents, 'disagreement', 100, ' %')} | {diversity(documents, 'error_correlation')} |"
        )
    lines = [
        f"{options.name}, {labels} labels, {tuned[0]['samples']:,} test samples, {options.size} members, "
        f"{options.epochs} epochs, {options.repetitions} repetitions of other seeds. Intervals: 95 %, paired over "
        "repetitions.",
        "",
        *table,
        "",
        f"- The pretrained ensemble against the random one: {between(errors['random'], errors['pretrained'], 100)} "
        "points less error",
        f"- Gain of the random members over that of the pretrained ones: "
        f"{between(gains['random'], gains['pretrained'], 100)} points",
    ]
    title = f"Ensembles from pretrained and from random weights: {options.name}"
    result(f"ensembles_pretrained_{options.name}", title, lines, options.save)


if __name__ == "__main__":
    main()
