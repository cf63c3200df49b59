"""What all estimators share: one way to train, seeds, the names of parameters in errors, and pickles."""

import inspect
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from numbers import Integral
from typing import Any, ClassVar

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.exceptions import InconsistentVersionWarning
from sklearn.utils import check_random_state
from sklearn.utils.validation import _check_sample_weight, validate_data

from .. import __version__
from ..api import train
from ..api.configuring import plain
from ..api.results import Result
from ..backend import resolve_device
from ..checkpoint import from_bytes, to_bytes
from ..data import portable_features
from ..errors import CheckpointError, ConfigError, DeviceError
from ..interruption import Stop
from .following import Follower

PRECISE = (np.float64, np.float32)  # what features are validated as; the first is the default
PICKLED = "the pickled estimator"


class VersionWarning(InconsistentVersionWarning):
    """An estimator was pickled by another version of gpunet."""

    def __str__(self) -> str:
        """What was read, and what to do about it."""
        return (
            f"{self.estimator_name}: should be unpickled by the version of gpunet that pickled it, got version "
            f"{self.current_sklearn_version} for a pickle of {self.original_sklearn_version}. Its weights are a "
            "verified checkpoint, but its parameters may mean something else now: compare its predictions, or fit it "
            "again."
        )


@dataclass(frozen=True)
class Stored:
    """A trained model inside a pickle.

    Attributes:
        content: bytes of its checkpoint file.
        stopped: what ended its training early, or empty.
    """

    content: bytes
    stopped: str


class Estimator(BaseEstimator):
    """Base of the estimators: scikit-learn's conventions around :func:`gpunet.train`.

    A subclass turns its parameters into a configuration, and ``keys`` says which key of it each parameter fills, so
    that errors name the parameter.
    """

    keys: ClassVar[Mapping[str, str]] = {}  # parameter by dotted key of the configuration

    def _train(
        self,
        config: Mapping[str, Any],
        x: np.ndarray,
        y: Any = None,
        *,
        weights: np.ndarray | None = None,
        classes: Any = None,
        start: Result | None = None,
        incremental: bool = False,
        follower: Follower | None = None,
    ) -> Any:
        """Train a model by the parameters and ``settings``, which have the last word.

        Raises:
            ConfigError: a ValueError that names the parameter.
            DataError: a ValueError, of data that cannot be learned from.
            DivergedError: a loss or gradient left the finite numbers.
        """
        stop, told = Stop(), follower or Follower()
        told.attend(stop)
        settings = self.get_params(deep=False)["settings"]
        if settings is not None and not isinstance(settings, Mapping):
            received, remedy = type(settings).__name__, 'For example settings={"clip_norm": 1.0}'
            raise ConfigError(self._called("settings"), "must map keys of the configuration", received, remedy)
        seed = seed_of(self.random_state)
        shown = [print] if self.verbose else []
        with self._naming():
            found = train(
                plain({"seed": seed, **config}, type(self).__name__), x, y, dict(settings or {}), weights=weights,
                classes=classes, start=start, incremental=incremental, device=self.device, on_epoch=[told, *shown],
                progress=False, stop=stop,
            )  # fmt: skip
        if stop.requested.startswith("SIG"):
            warnings.warn(f"{type(self).__name__}: training was interrupted by the user", stacklevel=3)
        return found

    @contextmanager
    def _naming(self) -> Iterator[None]:
        """Have errors of the configuration name the parameter that fills the key.

        Raises:
            ConfigError: the error, by that name.
        """
        try:
            yield
        except ConfigError as error:
            name = self._parameter(error.thing)
            if name is None or "\n" in str(error):
                raise
            raise ConfigError(self._called(name), error.rule, error.received, self._remedy(error)) from None

    def _parameter(self, key: str) -> str | None:
        """The parameter that fills a key of the configuration, or a part of its value."""
        full = key if "." in key or key in self.keys else f"training.{key}"
        while full and full not in self.keys:
            full = full.rpartition(".")[0]
        return self.keys.get(full)

    def _called(self, parameter: str) -> str:
        """A parameter as errors name it."""
        return f"{type(self).__name__}: {parameter}"

    def _remedy(self, error: ConfigError) -> str | None:
        """The remedy in terms of parameters."""
        remedy = error.remedy
        for key, name in self.keys.items():
            remedy = remedy and remedy.replace(f"{key}=", f"{name}=")
        return remedy

    def _validated(self, x: Any, *, reset: bool = False, least: int = 1) -> np.ndarray:
        """Features as scikit-learn validates them, float64 or float32; at least so many samples."""
        return validate_data(self, x, dtype=PRECISE, reset=reset, ensure_min_samples=least)

    def _weights(self, sample_weight: Any, x: np.ndarray) -> np.ndarray | None:
        """How much each sample counts, float64 (samples,), or None where all count alike."""
        if sample_weight is None:
            return None
        return _check_sample_weight(sample_weight, x, dtype=np.float64, ensure_non_negative=True)

    def __getstate__(self) -> dict[str, Any]:
        """The parameters and what was learned, models as the bytes of their checkpoints."""
        state = dict(super().__getstate__())
        for name, value in state.items():
            if isinstance(value, Result):
                state[name] = Stored(to_bytes(value.checkpoint.root), value.stopped)
        return state | {"_gpunet_version": __version__}

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Put back what was pickled; models go to the device of the estimator, or the default one where that is gone.

        Raises:
            CheckpointError: weights that are damaged, or of a version that this one does not know.
        """
        state = dict(state)
        before = state.pop("_gpunet_version", "of before there were versions")
        if before != __version__:
            warning = VersionWarning(
                estimator_name=type(self).__name__,
                current_sklearn_version=__version__,
                original_sklearn_version=before,
            )
            warnings.warn(warning, stacklevel=2)
        known = inspect.signature(type(self).__init__).parameters.values()
        lacking = {p.name: p.default for p in known if p.name not in state and p.default is not p.empty}
        for name, value in state.items():
            if isinstance(value, Stored):
                state[name] = _restored(value, state.get("device", "auto"), type(self).__name__)
        super().__setstate__(lacking | state)


def _restored(stored: Stored, device: str, name: str) -> Any:
    """A model out of a pickle."""
    from ..api.loading import result_of

    try:
        place = resolve_device(device)
    except DeviceError as error:
        place = resolve_device("auto")
        warnings.warn(f"{name} was trained on {device} and is on {place} now: {error}", stacklevel=4)
    with place.activate():
        try:
            return result_of(from_bytes(stored.content), place, stored.stopped)
        except CheckpointError as error:
            remedy = f"{error.remedy}; or fit it again" if error.remedy else "Fit it again"
            raise CheckpointError(f"{PICKLED} {name}", error.rule, error.received, remedy) from None


def seed_of(random_state: Any) -> int:
    """The seed that a ``random_state`` stands for: whole numbers themselves, else one that is drawn.

    >>> seed_of(7), seed_of(np.random.RandomState(0)) == seed_of(np.random.RandomState(0))
    (7, True)
    """
    generator = check_random_state(random_state)
    if isinstance(random_state, Integral):
        return int(random_state)
    return int(generator.randint(np.iinfo(np.int32).max))


def is_wide(x: np.ndarray) -> bool:
    """Whether validated features are computed with in float64, as scikit-learn does with such features."""
    return x.dtype == np.float64


def prepared_for(model: Result, x: np.ndarray) -> np.ndarray:
    """Validated features as a model of the estimators takes them, of the precision of its training, on the host.

    Unlike the front door this takes numbers far from those of the training, as scikit-learn's estimators do.
    """
    contract = model.description.contract
    moved = x - np.array(contract.offset) if contract.offset else x
    return portable_features("X", moved, contract.wide)


def widths_of(given: Any, named: str) -> list[int]:
    """Widths of hidden layers as a list; one number stands for one layer.

    Raises:
        ConfigError: something else, by the name of the parameter.

    >>> widths_of((256, 64), "hidden_layer_sizes"), widths_of(30, "hidden_layer_sizes")
    ([256, 64], [30])
    """
    several = [given] if isinstance(given, Integral) else given
    listed = isinstance(several, tuple | list | np.ndarray)
    if not listed or not all(isinstance(n, Integral) and int(n) > 0 for n in several):
        raise ConfigError(named, "must be whole numbers from 1", repr(given), "For example (256, 256)")
    return [int(n) for n in several]
