"""Contrastive divergence, from the data (CD-k) or from persistent chains (PCD)."""

from typing import Any

import numpy as np

from ..backend import Context, Device, array_module
from ..backend.arrays import Array
from ..errors import ConfigError
from ..ops.linear import affine_grad_weight
from .machine import RBM
from .units import Bernoulli


class ContrastiveDivergence:
    """Gradient of the log-likelihood with its model term estimated by ``k`` Gibbs steps.

    The positive term uses the hidden means under the data; chains are driven by samples on both sides, and the last
    hidden states enter as means, which removes their sampling noise (Hinton 2010, section 3).  Each term is a mean over
    its samples, so the learning rate does not depend on the batch size.

    Hinton: Training products of experts by minimizing contrastive divergence (2002); Tieleman: Training restricted
    Boltzmann machines using approximations to the likelihood gradient (2008).

    Args:
        model: the machine.
        k: Gibbs steps of an update.
        chains: None starts them at each batch (CD); a number keeps so many from update to update (PCD).
        binarise: draw each data value as 0 or 1 with its value as probability, anew at every step.
        center: subtract the running means of both sides inside the gradient.
    """

    measures: tuple[str, ...] = ("reconstruction_error",)
    scores: tuple[str, ...] = ("reconstruction_error", "free_energy")

    def __init__(self, model: RBM, k: int = 1, chains: int | None = None, binarise: bool = False, center: bool = True):
        if k < 1:
            raise ConfigError("k", "must be at least 1 Gibbs step", k, "Set model.k=1")
        self.model, self.k, self.chains, self.binarise, self.center = model, k, chains, binarise, center
        self.states: Array = None

    def start_chains(self, device: Device, members: tuple[int, ...], dtype: Any = np.float32) -> None:
        """Give persistent chains their memory; they start at visible states of zero."""
        if self.chains is not None:
            self.states = device.zeros((*members, self.chains, self.model.visible.n), dtype)

    def learn(self, x: Array, target: Array, ctx: Context) -> tuple[Array, ...]:
        """Add the gradient of the batch ``x`` ([members,] N, visible); ``target`` is not used.

        Returns:
            The squared reconstruction error of one mean-field step, summed over the visible units, ([members,] N).
        """
        rbm = self.model
        v = Bernoulli.draw(x, ctx) if self.binarise else x
        inputs = rbm.hidden_input(v, ctx)
        h = rbm.hidden.mean(inputs, ctx)
        v_model, h_model = self._chain(rbm.hidden.sample(inputs, ctx), ctx)
        self._accumulate(v, h, v_model, h_model, ctx)
        return (self._reconstruction_error(v, h, ctx),)

    def judge(self, x: Array, target: Array, ctx: Context) -> tuple[Array, ...]:
        """Reconstruction error, and free energy in nats: a log-likelihood up to the unknown log Z, ([members,] N)."""
        h = self.model.hidden.mean(self.model.hidden_input(x, ctx), ctx)
        return self._reconstruction_error(x, h, ctx), self.model.free_energy(x, ctx)

    def _reconstruction_error(self, v: Array, h: Array, ctx: Context) -> Array:
        """Squared distance between the visible states and their mean given the hidden means."""
        difference = self.model.visible.mean(self.model.visible_input(h, ctx), ctx)
        difference -= v
        difference *= difference
        return difference.sum(axis=-1)

    def _chain(self, h: Array, ctx: Context) -> tuple[Array, Array]:
        """Run the chains and return their visible states and hidden means."""
        rbm = self.model
        if self.states is not None:
            h = rbm.hidden.sample(rbm.hidden_input(self.states, ctx), ctx)
        for step in range(self.k):
            v = rbm.visible.sample(rbm.visible_input(h, ctx), ctx)
            inputs = rbm.hidden_input(v, ctx)
            if step + 1 < self.k:
                h = rbm.hidden.sample(inputs, ctx)
        if self.states is not None:
            array_module(v).copyto(self.states, v)
        return v, rbm.hidden.mean(inputs, ctx)

    def _accumulate(self, v: Array, h: Array, v_model: Array, h_model: Array, ctx: Context) -> None:
        """Write the gradient to minimise: model term minus data term.

        Both weight terms are one product: data and model states lie below each other, with signs and weights of the
        means in the hidden factor.
        """
        rbm, xp = self.model, array_module(v)
        samples, chains = v.shape[-2], v_model.shape[-2]
        v_mean, h_mean = v.mean(axis=-2), h.mean(axis=-2)
        stacked_v = ctx.empty((*v.shape[:-2], samples + chains, v.shape[-1]), v.dtype)
        stacked_h = ctx.empty((*h.shape[:-2], samples + chains, h.shape[-1]), h.dtype)
        mu = rbm.visible_offset.value[..., None, :] if self.center else 0
        nu = rbm.hidden_offset.value[..., None, :] if self.center else 0
        xp.subtract(v, mu, out=stacked_v[..., :samples, :])
        xp.subtract(v_model, mu, out=stacked_v[..., samples:, :])
        xp.subtract(nu, h, out=stacked_h[..., :samples, :])
        stacked_h[..., :samples, :] *= 1 / samples
        xp.subtract(h_model, nu, out=stacked_h[..., samples:, :])
        stacked_h[..., samples:, :] *= 1 / chains
        rbm.weight.accumulate(ctx, lambda out: affine_grad_weight(stacked_v, stacked_h, out))
        visible, hidden = v_model.mean(axis=-2) - v_mean, h_model.mean(axis=-2) - h_mean
        if self.center:
            # The centred gradient in the parameters of the plain energy (Melchior et al. 2016).
            slope = rbm.weight.grad
            visible = visible - xp.matmul(slope, rbm.hidden_offset.value[..., :, None])[..., 0]
            hidden = hidden - xp.matmul(rbm.visible_offset.value[..., None, :], slope)[..., 0, :]
        rbm.visible_bias.accumulate(ctx, lambda out: xp.copyto(out, visible))
        rbm.hidden_bias.accumulate(ctx, lambda out: xp.copyto(out, hidden))
        rbm.visible_offset.accumulate(ctx, lambda out: xp.copyto(out, v_mean))
        rbm.hidden_offset.accumulate(ctx, lambda out: xp.copyto(out, h_mean))
