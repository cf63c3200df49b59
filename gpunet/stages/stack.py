"""Greedy layer-wise pretraining: one run for each layer, on what the layers below make of the data."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

from ..checkpoint import Checkpoint
from ..errors import CheckpointError, ConfigError
from ..experiment import Experiment, FinishedLayer, Lineage, Run
from ..parameter import Parameters
from ..persistence import check_preprocessing, fill_group, finished_layer, restore_state
from ..rbm import RBM


class Stack:
    """Trains machines on top of each other, from the data upwards.

    The data as the layers below represent them, by their means, is computed once for each layer and kept.

    Args:
        experiment: with a model whose layers are trained one after the other.
        source: a checkpoint to take finished layers from.
        layers: how many of them; all that it holds by default.
        interrupted: a checkpoint of this very training, to go on in the layer that it was written in.

    Raises:
        CheckpointError: layers of another shape than configured.
        ConfigError: a way of learning that does not fit units or targets.
    """

    def __init__(
        self,
        experiment: Experiment,
        source: Checkpoint | None = None,
        layers: int | None = None,
        interrupted: Checkpoint | None = None,
    ):
        assert experiment.config.model.layerwise is not None
        self.experiment, self.family = experiment, experiment.config.model.layerwise
        self.inputs = experiment.inputs
        self.machines = self.family.machines((self.inputs.features,))
        self.family.check_stages(self.machines, len(experiment.dataset.classes))
        if experiment.config.numerics != 1:
            self.family.check_machines(self.machines)
        self.lineage, self._interrupted = Lineage([]), interrupted
        if interrupted is not None:
            self.lineage = Lineage.of(interrupted)
            self._take(interrupted, _held(interrupted)[:-1])
        elif source is not None:
            check_preprocessing(source, self.inputs.original)
            self._take(source, self._chosen(source, layers))
            self.lineage.parent_sha256 = source.content_sha256

    @property
    def finished(self) -> list[FinishedLayer]:
        """Layers that are trained, from the data upwards."""
        return list(self.lineage.below)

    @property
    def left(self) -> int:
        """How many layers are still to be trained."""
        return len(self.machines) - len(self.finished)

    def stages(self) -> Iterator[Run]:
        """Yield the run of each layer that is left; whoever iterates trains it before asking for the next."""
        for number in range(len(self.finished), len(self.machines)):
            classes = len(self.experiment.dataset.classes)
            objective = self.family.stage(self.machines[number], self.inputs, number == 0, classes)
            lineage = replace(self.lineage, machines=self.machines[:number])
            run = Run(self.experiment, self.inputs, objective, lineage)
            if self._interrupted is not None:
                restore_state(run, self._interrupted)
                self._interrupted = None
            yield run
            self.lineage.below = [*self.finished, finished_layer(run)]
            self._climb(self.machines[number])

    def _climb(self, machine: RBM) -> None:
        """What the next layer sees: what this one makes of its own inputs."""
        config = self.experiment.config
        self.inputs = self.inputs.encoded(machine.encode, config.population > 1, config.numerics)

    def _chosen(self, source: Checkpoint, layers: int | None) -> list[str]:
        """Names of the layers to take from a checkpoint."""
        names = _held(source)
        count = len(names) if layers is None else layers
        if not 0 < count <= min(len(names), len(self.machines)):
            at_most = f"between 1 and {min(len(names), len(self.machines))}"
            raise CheckpointError(
                str(source.path), f"must give {at_most} finished layers", count, "Change the number of layers"
            )
        return names[:count]

    def _take(self, source: Checkpoint, names: Sequence[str]) -> None:
        """Put layers of a checkpoint into the machines."""
        widths = [source.array(f"model/{name}/hidden_bias").data.shape[-1] for name in names]
        configured = [machine.hidden.n for machine in self.machines[: len(names)]]
        if widths != configured:
            rule, remedy = f"must begin with {widths}, as in the checkpoint", "Change it, or keep fewer layers"
            raise ConfigError("hidden", rule, configured, remedy)
        for name, machine in zip(names, self.machines):
            config = self.experiment.config
            parameters = Parameters(machine, config.seeds, self.experiment.device, config.dtype)
            model = source.group(f"model/{name}")
            fill_group(parameters, model, f"{source.path}: model/{name}")
            layer = FinishedLayer(name, model, source.group(f"pretraining/{name}"))
            self.lineage.below = [*self.finished, layer]
            self._climb(machine)


def _held(source: Checkpoint) -> list[str]:
    """Names of the layers that a checkpoint holds, from the data upwards; the last may be under way."""
    return sorted(source.group("pretraining").children) if "pretraining" in source.root else []
