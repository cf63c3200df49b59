"""The commands, one file each: parse, call the library, print.

A command is loaded when it is called, so that ``gpunet --help`` loads none of them.  A new one is a file here whose
function has the file's name, and a line below.
"""

from importlib import import_module

import click

# What ``gpunet --help`` lists under each heading: the commands, with what they do in a few words.
SECTIONS = {
    "Train": {
        "train": "Train a network, and keep the weights that are best.",
        "pretrain": "Train machines, stacks or convolutions without labels.",
        "resume": "Go on with a run exactly where it stopped, or longer.",
        "compare": "Pretrained networks against tuned controls.",
        "ensemble": "Several networks as one, and what that gains.",
        "search": "Find the best values of keys, and train the chosen model.",
        "depth": "What depth does to networks, with shortcuts and without.",
        "repro": "Run a published experiment: is its number reproduced?",
    },
    "Use": {
        "evaluate": "Measure error and other figures of a checkpoint.",
        "predict": "Predict classes or values of new data.",
        "sample": "Draw what a machine, or a stack, imagines.",
        "likelihood": "Log-likelihood of data under a machine.",
    },
    "Look": {
        "inspect": "Show what is in a checkpoint.",
        "runs": "List runs: data, model, best, test, time, state.",
        "report": "Write runs as one page: curves, filters, figures.",
        "convert": "Take over a machine that another program trained.",
        "verify": "Recompute every hash, and name what is damaged.",
    },
    "Prepare and check": {
        "data": "Say what data are taken for; draw known data sets.",
        "config": "Show, check and write configurations.",
        "presets": "List and copy the configurations that come along.",
        "doctor": "Say what this machine has, and whether signals flow.",
        "gradcheck": "Check gradients against central differences.",
    },
}
SUMMARIES = {name: summary for section in SECTIONS.values() for name, summary in section.items()}


def load(name: str) -> click.Command | None:
    """The command of a name, or None where there is none."""
    if name not in SUMMARIES:
        return None
    command: click.Command = getattr(import_module(f"{__name__}.{name}"), name)
    return command
