"""Messages of the library in the words of the command line.

The library names its own fields and arguments, ``l2`` or ``source``; whoever types commands knows them as keys of the
configuration and as options, ``training.l2`` and ``--from``.  The translation happens once, where errors are shown.
"""

from __future__ import annotations

import re

from gpunet.errors import ConfigErrors, GpunetError

# Fields of library classes, wherever a message names them.
KEYS = {
    "l1": "training.l1",
    "l2": "training.l2",
    "learning_rate": "optimizer.learning_rate",
    "weight_decay": "optimizer.weight_decay",
    "mean_field": "model.chains.mean_field",
    "hidden_units": "model.hidden_units",
    "momentum": "optimizer.momentum",
    "rate_factors": "model.rate_factors",
    "top_units": "model.top_units",
    "sparsity.target": "model.sparsity.target",
}
# Fields with names that are also ordinary words: only where a message sets or raises them, as in ``k=1``.
SET = {
    "k": "model.k",
    "preprocess": "data.preprocess",
    "task": "data.task",
    "visible_units": "model.visible_units",
    "minimum": "data.preprocess.minimum",
    "label": "data.label",
    "layers": "model.layers",
    "method": "model.method",
    "chains": "model.chains",
    "temperatures": "model.chains.temperatures",
}
# What an error is about.
THINGS = {"source": "--from", "labels": "--labels", "pairs": "--graft", "run": "--run", "signals": "--signal"}
# What to do about it.
PHRASES = {
    "Choose another folder": "Choose another --run",
    "Try auto": "Try --device auto",
    "Use cpu": "Use --device cpu",
    "hoose layers by name": "hoose layers with --graft",
    "the same seeds": "the same --seeds",
    "Give the same data, or pretrain anew without a source": "Give the same --data, or pretrain anew without --from",
    "Pass the same data from elsewhere": "Pass the same data from elsewhere with --data",
    "Say where the data are now": "Say with --data where the data are now",
    "the fewest of the labels": "the fewest of --labels",
    "Lower the rates": "Lower --rates",
    "fewer epochs or a smaller hidden layer": "fewer training.epochs or a smaller model.hidden",
    "widen the rates": "widen --rates",
    "the rates can replace": "--rates can replace",
    "Lower validation or test": "Lower data.validation or data.test",
    "Change the number of layers": "Change --layers",
    "keep fewer layers": "keep fewer --layers",
    "Keep fewer of its layers": "Choose fewer --layers",
    "Pass the data to use": "Pass the data to use with --data",
    "Choose another part": "Choose another --part",
    "Say where to go on in another folder": "Say with --run where to go on",
    "It has likelihoods and samples, and a network can start from it": (
        "Use gpunet likelihood or sample, or train --from it"
    ),
    "or the number of steps": "or --steps",
    "Use the preset finetune": "Use --tune finetune",
    "allow what is not finite": "allow it with --allow-nonfinite",
}


def translated(text: str) -> str:
    """A text of the library with keys and options in the place of fields and arguments.

    >>> translated("Set l2=0, k=1 or raise learning_rate of training.l2; k is a number")
    'Set training.l2=0, model.k=1 or raise optimizer.learning_rate of training.l2; k is a number'
    """
    for phrase, said in PHRASES.items():
        text = text.replace(phrase, said)
    keys, settable = ("|".join(map(re.escape, names)) for names in (KEYS, SET))
    told = rf"(?:{settable})(?==)|(?<=[Rr]aise )(?:{settable})|(?<=[Ll]ower )(?:{settable})|(?<=Set )(?:{settable})"
    pattern = rf"(?<![\w.\-])(?:{keys}|{told})(?![\w]|\.\w)"
    return re.sub(pattern, lambda found: (KEYS | SET)[found[0]], text)


def explained(error: GpunetError) -> str:
    """The message of an error; what was received stands in it as it was."""
    if isinstance(error, ConfigErrors):  # of the configuration, whose keys these are
        return str(error)
    if str(error) != str(GpunetError(error.thing, error.rule, error.received, error.remedy)):
        return str(error)  # somebody has put something before it
    remedy = None if error.remedy is None else translated(error.remedy)
    return str(GpunetError(_thing(error.thing), translated(error.rule), error.received, remedy))


def _thing(name: str) -> str:
    """What an error is about: a field, an argument, an augmentation, or anything else by its own name."""
    known = THINGS | KEYS | SET
    if name not in known and re.fullmatch("[a-z_]+", name):
        from gpunet.vocabulary import AUGMENTATIONS

        known |= {word: f"augmentation.{word}" for word in AUGMENTATIONS}
    return known.get(name, name)
