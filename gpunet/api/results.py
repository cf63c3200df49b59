"""What comes of a training, or out of a checkpoint: something that can be used, looked at and saved."""

import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from ..backend import Device, resolve_device
from ..backend.arrays import Array as DeviceArray
from ..checkpoint import Checkpoint, Group, NamedArray, in_memory, write
from ..config import Config
from ..data import Description, Given, Sequences, abridged, fulfil, oriented
from ..errors import CheckpointError, ConfigError, DataError, WriteError
from ..measurement import history_units
from ..parameter import Parameters
from ..persistence import Trained, TrainedModel, TrainedStack, held_in
from .arrays import feature_array
from .frames import is_frame, table_of
from .history import History, table
from .reading import features_in
from .samples import is_path

Own = TypeVar("Own", bound="Result")


class Weights(Mapping[str, np.ndarray]):
    """The arrays of a model by their paths, as NumPy arrays ([members,] *shape); copies, which change nothing.

    Args:
        parameters: of the model.
    """

    def __init__(self, parameters: Parameters):
        self._parameters = parameters

    def __getitem__(self, path: str) -> np.ndarray:
        """One array."""
        return self._parameters.device.get(self._parameters.named[path].value)

    def __iter__(self) -> Iterator[str]:
        """The paths."""
        return iter(self._parameters.named)

    def __len__(self) -> int:
        """How many arrays there are."""
        return len(self._parameters.named)

    def __repr__(self) -> str:
        """A line for each array: path and shape."""
        members = self._parameters.members
        return "\n".join(f"{n}  {'x'.join(map(str, (*members, *p.shape)))}" for n, p in self._parameters.named.items())


class Result:
    """Base of all that can be used after a training.

    Attributes:
        config: what it was trained by.
        description: name, shape, columns and classes of the data that it was trained on.
        device: where its weights live.
        stopped: what ended its training before its last epoch, or empty.
        run: folder of its training, or None where nothing was written.
    """

    def __init__(self, held: TrainedModel | TrainedStack, unsavable: str = "", stopped: str = "", run: Any = None):
        self._held, self._unsavable = held, unsavable
        self.stopped, self.run = stopped, run

    @property
    def checkpoint(self) -> Checkpoint:
        """All that a file of it holds.

        Raises:
            CheckpointError: a part of the model has no configuration word, so that no file could say how to build it.
        """
        if self._unsavable:
            remedy = "Build it of gpunet's own layers, or pass a family of your own: train(..., families=[...])"
            raise CheckpointError("the model", "must be made of what has a configuration word", self._unsavable, remedy)
        return self._held.checkpoint

    @property
    def trained(self) -> Trained:
        """What its checkpoint says about configuration, data and preprocessing."""
        return self._held

    @property
    def config(self) -> Config:
        """What it was trained by."""
        return self._held.config

    @property
    def description(self) -> Description:
        """What it knows about its data."""
        return self._held.description

    @property
    def parameters(self) -> Parameters:
        """Its parameters, on its device."""
        return self._held.parameters

    @property
    def device(self) -> Device:
        """Where its weights live."""
        return self.parameters.device

    @property
    def weights(self) -> Weights:
        """Its arrays by path, as NumPy arrays: ``net.weights["000_dense/weight"]``."""
        return Weights(self.parameters)

    @cached_property
    def history(self) -> History:
        """The numbers of every epoch, see :class:`~gpunet.api.history.History`."""
        found = self._held.checkpoint
        if "history" not in found.root:
            return History({})
        group = found.root["history"]
        units = history_units(found.note("config/json"), group.children, self.description.task, False)
        return History.of(group, units, self.trained.diverged)

    @property
    def metrics(self) -> dict[str, Any]:
        """What the test part came to when training was over, by name, such as ``test_accuracy``; empty without one.

        Each is a number, or (members,) of a population.
        """
        root = self._held.checkpoint.root
        found = root["metrics"].children if "metrics" in root else {}
        known = {name: array.data for name, array in found.items() if isinstance(array, NamedArray)}
        return {n: data.copy() if self.parameters.members else float(data.reshape(())) for n, data in known.items()}

    @property
    def seeds(self) -> tuple[int, ...]:
        """The seed of each member."""
        return self.parameters.seeds

    @property
    def parameter_count(self) -> int:
        """Trained numbers of one member."""
        return self.parameters.count

    @property
    def summary(self) -> str:
        """One line: the layers with the shapes of their weights."""
        return str(self._held.checkpoint.attrs.get("model", self.config.model.name))

    def save(self, path: str | Path) -> Path:
        """Write it as a checkpoint, atomically, to be loaded by :func:`gpunet.load` and by the command line.

        Args:
            path: a file name that ends in ``.h5``; a file that is there is replaced.

        Returns:
            The path.

        Raises:
            CheckpointError: a part of the model has no configuration word.
            ConfigError: another ending.
            WriteError: the folder is not there, or the disk refuses.
        """
        return written(path, lambda: self.checkpoint.root)

    def __reduce_ex__(self, protocol: Any) -> Any:
        """Pickled as the content of its checkpoint with its device's name; copied as it is where no file could."""
        if self._unsavable:
            return super().__reduce_ex__(protocol)
        families = self.config.families
        return _unpickled, (type(self), self.checkpoint.root, str(self.device), self.stopped, self.run, families)

    @property
    def members(self: Own) -> list[Own]:
        """Each model of a population by itself; a single model is the only member of its own."""
        if not self.parameters.members:
            return [self]
        return [self._member(number) for number in range(len(self.seeds))]

    def _member(self: Own, number: int) -> Own:
        raise NotImplementedError

    def _features(self, x: Any, name: str = "x") -> np.ndarray:
        """What was passed as features of this model's kind, (samples, *input_shape).

        Raises:
            DataError: another shape than in training, missing columns, or no numbers.
        """
        found: np.ndarray = self.read(x, name).x[:]  # refused where it streams and is too large
        return found

    def read(self, x: Any, name: str = "x") -> Given:
        """What was passed as samples of this model's kind, with the names of the samples and what is to be said.

        Args:
            x: an array, a data frame, nested lists, sequences, or the path of files.
            name: of the argument, for messages.

        Raises:
            DataError: what does not fulfil the contract of the model.
        """
        if is_path(x):
            found = features_in(str(x), self.trained)
            _warn(str(x), found.notes)
            return found
        if self.description.vocabulary and not is_frame(x):
            remedy = "Pass a data frame with the column, or write them to a .csv"
            raise DataError(name, "must be the path of a table of texts", type(x).__name__, remedy)
        data = self.config.data
        offered: Any = x
        if is_frame(x):
            offered = table_of(x, name)
        elif isinstance(x, Sequences):
            offered = replace(x, notes=())  # whoever has read them knows
        else:
            offered = oriented(feature_array(x, name), data.channels, data.transposed)[0]
        found = fulfil(self.description, offered, name)
        _warn(name, found.notes)
        return found

    def __repr__(self) -> str:
        """Kind, layers with shapes, number of parameters, members, and how well it did."""
        parts = [self.summary, f"{self.parameter_count:,} parameters"]
        parts += [f"{len(self.seeds)} members"] if self.parameters.members else []
        parts += [f"stopped by {self.stopped}"] if self.stopped else []
        return f"{type(self).__name__}({', '.join(parts + self._figures())})"

    def _repr_html_(self) -> str:
        """The same as a table, with the curves of its history."""
        about = self.description
        rows = {
            "model": self.summary,
            "parameters": f"{self.parameter_count:,}",
            "members": len(self.seeds),
            "data": f"{about.name}, samples of shape {'x'.join(map(str, about.input_shape))}",
            "classes": ", ".join(about.classes[:12]) + (", ..." if len(about.classes) > 12 else ""),
            "trained": ", ".join(self._figures()) or f"{self.history.epochs} epochs",
        }
        return table({name: value for name, value in rows.items() if value}) + self.history._repr_html_()

    def _figures(self) -> list[str]:
        """What the monitored number and the test part came to."""
        root, found = self._held.checkpoint.root, []
        monitor = str(root.attrs.get("monitor", "last"))
        if monitor != "last" and self.history.epochs:
            found.append(f"{monitor.replace('_', ' ')} {root.attrs['monitor_value']:.4g}")
        found += [f"{name.replace('_', ' ')} {float(np.mean(value)):.4g}" for name, value in self.metrics.items()]
        return found


def written(path: str | Path, content: Callable[[], Group]) -> Path:
    """Write a content that is made once the path is known to be good; returns the path.

    Raises:
        ConfigError: a path that does not end in ``.h5``.
        WriteError: the folder is not there, or the disk refuses.
    """
    path = Path(path)
    if path.suffix.lower() not in (".h5", ".hdf5"):
        raise ConfigError("path", "must end in .h5", str(path), f"For example {path.stem or 'net'}.h5")
    if not path.parent.is_dir():
        received, remedy = f"no folder {path.parent}", f"Make it first: mkdir -p {path.parent}"
        raise WriteError(str(path), "needs a folder that is there", received, remedy)
    write(path, content())
    return path


def _warn(name: str, notes: Sequence[str]) -> None:
    """Say in the way of Python what the user should know."""
    for note in abridged(notes):
        warnings.warn(f"{name}: {note}", stacklevel=5)


def _unpickled(kind: Any, root: Group, device: str, stopped: str, run: Any, families: Any) -> Any:
    """A result out of what :meth:`Result.__reduce_ex__` keeps."""
    place = resolve_device(device)
    with place.activate():
        return kind(held_in(in_memory(root), place, families), stopped=stopped, run=run)


def given(array: DeviceArray, device: Device, as_numpy: bool) -> Any:
    """A result as NumPy, or on the device where asked for."""
    return device.get(array) if as_numpy else array
