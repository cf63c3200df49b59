"""Greedy layer-wise pretraining: one run for each layer, on what the layers below make of the data."""

from collections.abc import Iterator
from dataclasses import replace

from ..backend import Device
from ..checkpoint import Checkpoint, Group
from ..config import Config, DBNConfig, build_stack
from ..errors import CheckpointError, ConfigError
from ..objective import Objective
from ..parameter import Parameters
from ..rbm import Bernoulli, Denoising, SupervisedGreedy, WithOutput
from .description import Parts, Samples
from .lineage import FinishedLayer, Lineage
from .loading import fill_group
from .objectives import contrastive_divergence
from .run import Run, prepare_inputs
from .snapshot import finished_layer


class Stack:
    """Trains the machines of a deep belief network from the data upwards.

    The data as the layers below represent them, by their means, is computed once for each layer and kept.

    Args:
        config: with a DBN as model.
        dataset: samples and targets on the host.
        split: which samples train, select and test.
        device: where to train.
        source: a checkpoint to take finished layers from.
        layers: how many of them; all that it holds by default.

    Raises:
        CheckpointError: layers of another shape than configured.
        ConfigError: a way of learning that does not fit units or targets.
    """

    def __init__(
        self,
        config: Config,
        dataset: Samples,
        split: Parts,
        device: Device,
        source: Checkpoint | None = None,
        layers: int | None = None,
    ):
        assert isinstance(config.model, DBNConfig)
        self.config, self.settings, self.dataset, self.split, self.device = config, config.model, dataset, split, device
        self.inputs = prepare_inputs(config, dataset, split, device)
        self.machines = build_stack(self.settings, self.inputs.features)
        self._check_method()
        self.lineage = Lineage([])
        if source is not None:
            self._restore(source, layers)

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
            run = Run(self.config, self.dataset, self.split, self.device, self.inputs, self._objective(number))
            run.lineage = replace(self.lineage, machines=self.machines[:number])
            yield run
            self.lineage.below = [*self.finished, finished_layer(run)]
            self.inputs = self.inputs.encoded(self.machines[number].encode)

    def _objective(self, number: int) -> Objective:
        machine, method = self.machines[number], self.settings.method
        if method == "denoising":
            return Denoising(machine, self.settings.corruption)
        if method == "supervised":
            return SupervisedGreedy(WithOutput(machine, len(self.dataset.classes)))
        return contrastive_divergence(self.settings, machine, self.inputs if number == 0 else None)

    def _check_method(self) -> None:
        method = self.settings.method
        if method == "supervised" and not self.dataset.classes:
            raise ConfigError("model.method", "supervised needs classes", "real-valued targets", "Use denoising")
        if method != "contrastive_divergence" and not all(isinstance(m.hidden, Bernoulli) for m in self.machines):
            remedy = "Leave model.hidden_units and model.top_units out"
            raise ConfigError("model.method", f"{method} needs bernoulli hidden units", "others", remedy)

    def _restore(self, source: Checkpoint, layers: int | None) -> None:
        """Take finished layers from a checkpoint and put them into the machines."""
        held: Group = source.root["pretraining"] if "pretraining" in source.root else Group()
        names = sorted(held.children)
        count = len(names) if layers is None else layers
        if not 0 < count <= min(len(names), len(self.machines)):
            at_most = f"between 1 and {min(len(names), len(self.machines))}"
            raise CheckpointError(str(source.path), f"must give {at_most} finished layers", count, "Change --layers")
        widths = [source.root[f"model/{name}/hidden_bias"].data.shape[-1] for name in names[:count]]
        configured = [machine.hidden.n for machine in self.machines[:count]]
        if widths != configured:
            rule, remedy = f"must begin with {widths}, as in the checkpoint", "Change it, or keep fewer --layers"
            raise ConfigError("model.hidden", rule, configured, remedy)
        for name, machine in zip(names[:count], self.machines):
            parameters = Parameters(machine, self.config.seeds, self.device)
            model = source.root["model"].children[name]
            fill_group(parameters, model, f"{source.path}: model/{name}")
            layer = FinishedLayer(name, model, held.children[name])  # type: ignore[arg-type]
            self.lineage.below = [*self.finished, layer]
            self.inputs = self.inputs.encoded(machine.encode)
        self.lineage.parent_sha256 = source.content_sha256
