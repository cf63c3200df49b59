"""Autoencoders: networks that reconstruct, with a code in between."""

from typing import Any, Literal

import numpy as np

from ..backend import Arena, Context
from ..errors import ConfigError, DataError
from ..layers import Layer
from ..persistence import TrainedModel
from .arrays import feature_array
from .network import Network
from .results import given


class Autoencoder(Network):
    """A network that was trained to give back what it is given."""

    def reconstruct(self, x: Any, *, as_numpy: bool = True) -> Any:
        """What remains of samples that went through the code, in the units of the data: (samples, *input_shape)."""
        prepared = self.outputs(x)
        host = self._held.preprocessing.undo(prepared).reshape(len(prepared), *self.description.input_shape)
        return host if as_numpy else self.device.put(host)

    def encode(self, x: Any, *, as_numpy: bool = True) -> Any:
        """The codes of samples, (samples, code).

        Raises:
            ConfigError: a population, whose members have codes of their own, or a model of a family without codes.
        """
        return self.encode_on(self._features(x), as_numpy=as_numpy)

    def encode_on(self, features: np.ndarray, *, as_numpy: bool = True, precise: bool = False) -> Any:
        """The same for samples of a data set.

        Args:
            features: (samples, *input_shape) on the host.
            as_numpy: False leaves the result on the device.
            precise: compute in float64, where a code must not depend on the samples beside it by a rounding.
        """
        held, device = self._precise if precise else self._held, self.device
        half = self._half("encode", "encoder", held)
        with device.activate():
            ctx = Context(False, Arena(device))
            prepared = held.preprocessing.on_host(features.reshape(len(features), -1), self.parameters.dtype)
            shape = held.preprocessing.shape(held.input_shape)
            prepared = device.put(prepared.reshape(len(prepared), *shape), held.parameters.dtype)
            code, _ = half.forward(prepared, ctx)
            return given(code.copy(), device, as_numpy)

    def decode(self, code: Any, *, as_numpy: bool = True) -> Any:
        """What codes stand for, in the units of the data: (samples, *input_shape).

        Args:
            code: (samples, code), as :meth:`encode` gives them.
            as_numpy: False leaves the result on the device.

        Raises:
            ConfigError: a population, or a model of a family without codes.
            DataError: codes of another width.
        """
        half, held, device = self._half("decode", "decoder"), self._held, self.device
        codes = feature_array(code, "code")
        shape = self._half("decode", "encoder").output_shape(held.preprocessing.shape(held.input_shape))
        if codes.shape[1:] != shape:
            wanted = ", ".join(map(str, shape))
            raise DataError("code", f"must be of shape (samples, {wanted})", codes.shape, "Pass what encode gives")
        with device.activate():
            ctx = Context(False, Arena(device))
            z, _ = half.forward(device.put(codes, self.parameters.dtype), ctx)
            prepared = device.get(held.loss.predict(z, ctx.like(z)))
        host = held.preprocessing.undo(prepared.reshape(len(prepared), -1))
        host = host.reshape(len(prepared), *self.description.input_shape)
        return host if as_numpy else device.put(host)

    def _half(self, what: str, part: Literal["encoder", "decoder"], held: TrainedModel | None = None) -> Layer:
        """The encoder, or the decoder, of the one model that there is."""
        if self.parameters.members:
            remedy = f"Use net.members[0].{what}(...)"
            raise ConfigError(what, "needs one model", f"{len(self.seeds)} members", remedy)
        half: Layer | None = getattr(self.config.model, part)((held or self._held).model)
        if half is None:
            remedy = f"Its family says which part does so: Family.{part}"
            raise ConfigError(what, f"needs a model with {part}", self.config.model.name, remedy)
        return half

    def predict(self, x: Any, *, as_numpy: bool = True) -> Any:
        """The reconstruction, see :meth:`reconstruct`."""
        return self.reconstruct(x, as_numpy=as_numpy)

    def score(self, x: Any, y: Any = None) -> float:
        """Share of the variance of the prepared features that the reconstruction explains, in (-infinity, 1]."""
        features = self._features(x)
        rows = features.reshape(len(features), -1)
        wanted = self._held.preprocessing.on_host(rows, self.parameters.dtype).astype(np.float64)
        missed = ((wanted - self.outputs(x)) ** 2).sum()
        spread = ((wanted - wanted.mean(axis=0)) ** 2).sum()
        return float(1 - missed / spread) if spread else 0.0
