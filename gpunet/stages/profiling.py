"""What the training steps of an experiment cost, with nothing trained to its end and nothing written."""

from collections.abc import Callable, Sequence

from ..checkpoint import Checkpoint
from ..experiment import Experiment, Run
from ..training import StepProfile, profile_step
from .execution import runs_of
from .memory import at_once, first_portion, within_memory


def profiles_of(
    experiment: Experiment,
    source: Checkpoint | None = None,
    grafts: Sequence[tuple[str, str]] = (),
    layers: int | None = None,
    seconds: float = 2.0,
    on_run: Callable[[Run], None] = lambda run: None,
) -> list[StepProfile]:
    """A profile of the one training, or of that of each layer of a stack, or of each network that grows.

    Of a population, it is of those members that are trained at once.

    Args:
        experiment: what would be trained, on what, and where.
        source: checkpoint to take weights from, see :func:`.runs_of`.
        grafts: pairs of layers, of that checkpoint and of the network.
        layers: how many finished layers of that checkpoint to keep, for a stack.
        seconds: to spend on each at least.
        on_run: called with each run before its steps.

    Raises:
        ConfigError: what cannot be trained so.
        DeviceError: memory does not suffice; it names the batch that does.
        DivergedError: the steps left the finite numbers.
    """
    own = first_portion(experiment, at_once(experiment.config))

    def measure() -> list[StepProfile]:
        found = []
        for run in runs_of(own, source, grafts, layers):
            on_run(run)
            drop_last = run.config.training.drop_last
            found.append(profile_step(run.trainer, name_of(run), seconds, drop_last))
        return found

    return within_memory(measure, own)


def name_of(run: Run) -> str:
    """What a run trains: the model, or which of its layers."""
    model, number = run.config.model, len(run.lineage.below)
    if model.layerwise is None:
        return model.growth or model.name
    widths: Sequence[int] = getattr(model, "hidden")  # noqa: B009  of every family that is trained layer by layer
    return f"{model.name}, layer {number + 1} of {len(widths)}: {run.inputs.features} to {widths[number]}"
