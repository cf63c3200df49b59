"""A deep Boltzmann machine out of a checkpoint becomes a network that sees its posterior."""

from typing import Any

import numpy as np

from ..checkpoint import Checkpoint
from ..errors import CheckpointError, ConfigError
from ..experiment import Lineage, Run
from ..fields import term
from ..models import DBM, LabelledDBM, PosteriorMLP
from ..parameter import find_parameters
from .loading import open_trained, unfilled


def adopt(run: Run, source: Checkpoint) -> list[str]:
    """Copy a machine into the network of a run, and its weights into the layers; note where they came from.

    A layer sees what is below it beside the posterior of what is above it, so it begins with the weights to both.

    Args:
        run: of a :class:`~gpunet.models.PosteriorMLP`, not trained yet.
        source: a deep machine, with classes or without.

    Returns:
        One line for each part that was set.

    Raises:
        CheckpointError: no deep machine.
        ConfigError: one of other widths, units or members.
    """
    network, path = run.objective.model, str(source.path)
    assert isinstance(network, PosteriorMLP)
    found: Any = None if source.foreign else unfilled(open_trained(source))
    prefix = "machine/" if isinstance(found, LabelledDBM) else ""
    theirs = found.machine if isinstance(found, LabelledDBM) else found
    if not isinstance(theirs, DBM):
        remedy = "Use the preset finetune for stacks and single machines"
        received = "arrays alone" if source.foreign else run_name(source)
        raise CheckpointError(path, "must hold a deep Boltzmann machine", received, remedy)
    _check_units(network.machine, theirs, path)
    arrays: dict[str, np.ndarray] = {}
    for name, _ in find_parameters(network.machine):
        held = source.array(f"model/{prefix}{name}")
        arrays[name] = np.asarray(held.data)
        _put(run, f"machine/{name}", arrays[name], len(held.members))
    members = len(source.array(f"model/{prefix}000_level/bias").members)
    lines, grafts = ["machine from the checkpoint, which stays as it is"], []
    for number in range(1, theirs.depth + 1):
        level, upper = f"{number:03d}_level", f"{number + 1:03d}_level"
        weights = [arrays[f"{level}/weight"]]
        if number < theirs.depth:
            weights.append(arrays[f"{upper}/weight"].swapaxes(-1, -2))
        place = f"{number - 1:03d}_sequential/000_dense"
        _put(run, f"{place}/weight", np.concatenate(weights, axis=-2), members)
        _put(run, f"{place}/bias", arrays[f"{level}/bias"], members)
        names = f"{prefix}{level}" + (f" and {prefix}{upper}, turned" if number < theirs.depth else "")
        lines.append(f"{place} from {names}")
        sha256 = str(source.array(f"model/{prefix}{level}/weight").attrs.get("sha256", ""))
        grafts.append({"to": place, "from": f"{prefix}{level}", "mirrored": False, "sha256": sha256})
    run.came_from(Lineage(parent_sha256=source.content_sha256, grafts=grafts))
    return lines


def run_name(source: Checkpoint) -> str:
    """The family of a checkpoint's model."""
    return open_trained(source).config.model.name


def _check_units(ours: DBM, theirs: DBM, path: str) -> None:
    mine, other = ([(term(type(u)), u.n) for u in machine.sides[: machine.depth + 1]] for machine in (ours, theirs))
    if mine == other:
        return
    if [n for _, n in mine] != [n for _, n in other]:
        widths = [n for _, n in other[1:]]
        received = [n for _, n in mine[1:]]
        raise ConfigError("hidden", f"must be {widths}, as in {path}", received, f"Set hidden={widths}")
    if mine[1:] != other[1:]:
        kinds = ", ".join(dict.fromkeys(kind for kind, _ in other[1:]))
        rule = "must hold a machine of bernoulli hidden units, for which sigmoid layers stand"
        raise CheckpointError(path, rule, kinds, "Pretrain one with hidden_units=bernoulli")
    rule, remedy = f"must be {other[0][0]}, as in {path}", f"Set visible_units={other[0][0]}"
    raise ConfigError("visible_units", rule, mine[0][0], remedy)


def _put(run: Run, name: str, data: np.ndarray, axes: int) -> None:
    """Copy an array, of one model or of each member, into a parameter of the network."""
    parameters = run.trainer.parameters
    view = parameters.view(parameters.values, name)
    if axes and len(data) == run.config.members:  # of each seed, for every place of values by member
        data = np.tile(data, (run.config.places, *(1 for _ in data.shape[1:])))
    if axes and data.shape != view.shape:
        remedy = "Train with the same seeds, or pretrain a single model"
        raise ConfigError("source", f"holds {len(data)} members, the run", run.config.population, remedy)
    parameters.device.copy_into(view, np.broadcast_to(data, view.shape))
