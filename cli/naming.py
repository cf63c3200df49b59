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
# Fields that are also ordinary words, only where a message sets, raises, lowers or leaves them out, as in ``k=1``.
# Short keys are known; these are not short.
SET = {
    "minimum": "data.preprocess.minimum",
    "channels": "data.channels",
    "chains": "model.chains",
    "temperatures": "model.chains.temperatures",
}
# Arguments that are options, where a message sets them or is about them.
OPTIONS = {name: f"--{name}" for name in ("folds", "repeats", "size", "share", "combine", "rounds", "reference")}
# What an error is about.
THINGS = {
    "source": "--from",
    "labels to compare": "--labels",
    "rates to try": "--rates",
    "activations": "--activations",
    "pairs": "--graft",
    "depths": "--layers",
    "run": "--run",
    "trials": "--trials",
    "clamp": "--clamp",
    "signals": "--signal",
    "network.model": "tune.model.name",
}
# The command ``compare`` configures two models: the pretrained stack, and the network that is tuned from it.
NETWORK = "network."
# What to do about it.
PHRASES = {
    "Choose another folder": "Choose another --run",
    "Name a checkpoint to start from": "Name a checkpoint to start from with --from",
    "Pass run=FOLDER": "Add --run FOLDER",
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
    "Fine-tune an mlp": "Use tune.model.name=mlp",
    "Pretrain a dbn": "Use model.name=dbn",
    "Use the preset finetune": "Use --tune finetune",
    "allow what is not finite": "allow it with --allow-nonfinite",
}


def translated(text: str) -> str:
    """A text of the library with keys and options in the place of fields and arguments.

    >>> translated("Set l2=0, k=1 or raise learning_rate of training.l2; k is a number")
    'Set training.l2=0, model.k=1 or raise optimizer.learning_rate of training.l2; k is a number'
    >>> translated("Set network.batch_size=20")
    'Set tune.training.batch_size=20'
    """
    for phrase, said in PHRASES.items():
        text = text.replace(phrase, said)
    always, word = "|".join(map(re.escape, KEYS)), "[a-z][a-z_0-9]*"
    told = rf"{word}(?==)|(?<=[Rr]aise ){word}|(?<=[Ll]ower ){word}|(?<=[Ss]et ){word}|(?<=[Ll]eave ){word}(?= out)"
    pattern = rf"(?<![\w.\-])(?:{re.escape(NETWORK)}{word}|{always}|{told})(?![\w]|\.\w)"
    return re.sub(pattern, lambda found: _key(found[0]), text)


def explained(error: GpunetError) -> str:
    """The message of an error; what was received stands in it as it was."""
    if isinstance(error, ConfigErrors):  # of the configuration, whose keys these are
        return str(error)
    if str(error) != str(GpunetError(error.thing, error.rule, error.received, error.remedy)):
        return str(error)  # somebody has put something before it
    remedy = None if error.remedy is None else translated(error.remedy)
    return str(GpunetError(_thing(error.thing), translated(error.rule), error.received, remedy))


def _key(name: str) -> str:
    """The key of the configuration that a field of the library is set by; any other word is given back."""
    if name.startswith(NETWORK):
        return f"tune.{_key(name.removeprefix(NETWORK))}"
    known = KEYS | SET | OPTIONS
    if name in known:
        return known[name]
    from gpunet.config.shortcuts import full_key

    return full_key(name)


def _thing(name: str) -> str:
    """What an error is about: a field, an argument, an augmentation, or anything else by its own name."""
    if name in THINGS:
        return THINGS[name]
    if not re.fullmatch(r"(network\.)?[a-z][a-z_0-9.]*", name):
        return name
    from gpunet.vocabulary import AUGMENTATIONS

    return f"augmentation.{name}" if name in AUGMENTATIONS else _key(name)
