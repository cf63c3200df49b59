"""Networks that grow: each is trained in turn, from the weights of the one before and new ones in one place."""

from collections.abc import Iterator

from ..config import Config
from ..experiment import Run
from ..parameter import children


def growth(run: Run) -> Iterator[Run]:
    """The runs after a run whose network grows; whoever iterates trains each before asking for the next.

    All see the same samples by the same seeds, and each is trained for all epochs of the configuration.
    """
    while (family := run.config.model.grown_on) is not None:
        config = run.config.model_copy(update={"model": family})
        following = Run(run.experiment.configured(config), run.inputs, lineage=run.lineage)
        carry_over(run, following, run.config.model.grows_at)
        yield following
        run = following


def full_grown(config: Config) -> Config:
    """The configuration of the last of the networks that grow, or of a network that does not."""
    while (family := config.model.grown_on) is not None:
        config = config.model_copy(update={"model": family})
    return config


def carry_over(before: Run, after: Run, place: int) -> list[str]:
    """Copy the weights of a network into one that has more layers.

    Args:
        before: trained.
        after: to be trained; the layers that it has more are in one place.
        place: how many layers come before them.

    Returns:
        The names of what is new, and begins as usual.
    """
    old, new = ([name for name, _ in children(run.objective.model)] for run in (before, after))
    more = len(new) - len(old)
    source = dict(zip([*new[:place], *new[place + more :]], old))
    ours, theirs = after.trainer.parameters, before.trainer.parameters
    fresh = []
    for name, parameter in ours.named.items():
        layer, _, rest = name.partition("/")
        other = f"{source.get(layer)}/{rest}"
        if other in theirs.named and theirs.named[other].shape == parameter.shape:
            ours.view(ours.values, name)[...] = theirs.view(theirs.values, other)
        else:
            fresh.append(name)
    return fresh
