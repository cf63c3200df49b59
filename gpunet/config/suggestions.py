"""What was probably meant by a key that is none where it stands: the same key elsewhere, or another one."""

import difflib
from collections.abc import Iterable, Sequence
from functools import cache
from typing import Any, get_args

from pydantic import BaseModel

from ..errors import meant
from .schema import Config
from .shortcuts import SECTIONS, alternatives, full_key, inner_sections

# Names of the same things in scikit-learn, Keras, PyTorch and elsewhere.
SEARCHES = ("space", "search", "tune")  # tables beside those of a configuration
ELSEWHERE = {
    "alpha": "training.l2",
    "augment": "augmentation.shift=true, rotate=true, ...",
    "batch": "training.batch_size",
    "batchnorm": "model.batch_norm",
    "class_weights": "training.class_weight",
    "cutout": "augmentation.cut_out",
    "dropout_rate": "model.dropout",
    "early_stopping": "training.patience",
    "ema": "training.averaging=ema",
    "gradient_clipping": "training.clip_norm",
    "hidden_dim": "model.hidden",
    "hidden_layer_sizes": "model.hidden",
    "hidden_layers": "model.hidden",
    "hidden_size": "model.hidden",
    "hidden_sizes": "model.hidden",
    "init": "model.initializer",
    "input": "data.source",
    "iterations": "training.epochs",
    "lr_scheduler": "optimizer.learning_rate=cosine",
    "max_epochs": "training.epochs",
    "max_iter": "training.epochs",
    "mini_batch": "training.batch_size",
    "n_components": "model.hidden",
    "n_epochs": "training.epochs",
    "n_hidden": "model.hidden",
    "n_iter": "training.epochs",
    "num_epochs": "training.epochs",
    "nonlinearity": "model.activation",
    "normalize": "data.preprocess",
    "optim": "optimizer",
    "preprocessing": "data.preprocess",
    "random_state": "seed",
    "rate": "optimizer.learning_rate",
    "schedule": "optimizer.learning_rate=cosine",
    "scheduler": "optimizer.learning_rate=cosine",
    "seeds": "members",
    "size": "model.hidden",
    "solver": "optimizer",
    "source": "data.source",
    "step_size": "optimizer.learning_rate",
    "test_size": "data.test",
    "test_split": "data.test",
    "units": "model.hidden",
    "val": "data.validation",
    "val_size": "data.validation",
    "validation_size": "data.validation",
    "validation_split": "data.validation",
    "visible": "model.visible_units",
}
# Words for the same things elsewhere.
ALSO = {
    "bce": ("binary_cross_entropy",),
    "ce": ("categorical_cross_entropy",),
    "cross_entropy": ("categorical_cross_entropy", "binary_cross_entropy"),
    "crossentropy": ("categorical_cross_entropy", "binary_cross_entropy"),
    "cyclic": ("triangular", "cosine_restarts"),
    "kaiming": ("he",),
    "kl": ("kullback_leibler",),
    "l1": ("absolute_error",),
    "l2": ("squared_error",),
    "linear": ("identity", "ramp"),
    "log_loss": ("categorical_cross_entropy", "binary_cross_entropy"),
    "logistic": ("sigmoid",),
    "mae": ("absolute_error",),
    "mape": ("absolute_percentage_error",),
    "momentum": ("sgd",),
    "mse": ("squared_error",),
    "msle": ("squared_logarithmic_error",),
    "nesterov": ("sgd",),
    "nll": ("categorical_cross_entropy",),
    "sparse_categorical_crossentropy": ("categorical_cross_entropy",),
    "categorical_crossentropy": ("categorical_cross_entropy",),
    "binary_crossentropy": ("binary_cross_entropy",),
    "warmup": ("warm_up",),
    "xavier": ("glorot",),
}
USUAL = ("sgd", "adamw", "mlp", "rbm")  # kinds to name first


def for_key(key: str, schema: type[Config]) -> str:
    """The remedy for a first part of a key that no configuration has.

    >>> for_key("hidden_size", Config), for_key("epohcs", Config)
    ('Did you mean hidden (model.hidden)?', 'Did you mean epochs (training.epochs)?')
    """
    places = _places(schema)
    if found := places.get(key):
        return f"Write {' or '.join(found)}"
    if key in SEARCHES:
        return f"Use gpunet search, whose files have [{key}]"
    if key in ELSEWHERE:
        return f"Did you mean {_said(ELSEWHERE[key])}?"
    sections = [name for name in schema.model_fields if name.startswith(key) or key.startswith(name[:5])]
    if sections:
        return f"Did you mean {sections[0]}?"
    close = difflib.get_close_matches(key, [*places, *schema.model_fields], 1, 0.7)
    if close:
        return f"Did you mean {' or '.join(map(_said, places.get(close[0], [close[0]])))}?"
    return f"gpunet config show lists all keys; the sections are {', '.join(schema.model_fields)}"


def _said(path: str) -> str:
    """A dotted key, behind the short one that stands for it."""
    short = path.rpartition(".")[2]
    return f"{short} ({path})" if short != path and full_key(short) == path else path


def for_inner_key(path: str, name: str, beside: list[str], schema: type[Config]) -> tuple[str, str]:
    """Rule and remedy for a key that a section with several kinds does not have, where another kind may have it.

    Args:
        path: dotted, of the key.
        name: of the kind that was chosen, or nothing.
        beside: keys that it has.
        schema: that was checked against.
    """
    *sections, key = path.split(".")
    others = sorted(_kinds_with(".".join(sections), key, schema)) if name else []
    if not others:
        return "is no key here", meant(key, beside, f"Known: {', '.join(beside)}")
    usual = next((kind for kind in USUAL if kind in others), others[0])
    return f"is no key of {name}, but of {', '.join(others)}", f"Write {sections[-1]}={usual}, or leave it out"


def for_word(word: str, known: Sequence[str]) -> str:
    """The remedy for a word that is no choice.

    >>> for_word("mse", ["absolute_error", "squared_error"])
    'Did you mean squared_error?'
    """
    also = [name for name in ALSO.get(word, ()) if name in known]
    return f"Did you mean {' or '.join(also)}?" if also else meant(word, known, f"Known: {', '.join(known)}")


def _kinds_with(section: str, key: str, schema: type[Config]) -> Iterable[str]:
    """Names of the kinds of a section that have a key."""
    field = schema.model_fields.get(section)
    for model in alternatives(field.annotation) if field is not None else ():
        named = model.model_fields.get("name")
        if key in model.model_fields and named is not None and get_args(named.annotation):
            yield get_args(named.annotation)[0]


def dotted_keys() -> list[str]:
    """All keys of all kinds of models and rules, dotted."""
    return sorted({path for paths in _places(Config).values() for path in paths})


@cache
def _places(schema: type[Config]) -> dict[str, list[str]]:
    """Where each key stands, by its last part: of all sections, and of those inside them."""
    found: dict[str, set[str]] = {}

    def note(path: str, model: type[BaseModel]) -> None:
        for name, field in model.model_fields.items():
            if name != "name":
                found.setdefault(name, set()).add(f"{path}.{name}")
                _inside(f"{path}.{name}", field.annotation)

    def _inside(path: str, annotation: Any) -> None:
        for inner in inner_sections(annotation):
            note(path, inner)

    for section in (*SECTIONS, "augmentation"):
        for model in alternatives(schema.model_fields[section].annotation):
            note(section, model)
    return {
        key: [full_key(key)] if full_key(key) != key else sorted(paths, key=lambda path: (path.count("."), path))
        for key, paths in found.items()
    }
