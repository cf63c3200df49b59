"""Gradient checks of what a configuration trains: loss, penalties, dropout and all, in float64."""

from collections.abc import Iterator

import numpy as np

from ..backend.arrays import Array
from ..checkpoint import Checkpoint
from ..config import build_rule
from ..errors import ConfigError, DivergedError
from ..experiment import Experiment, build_augmenter, build_objective, scale_to_unit_variance
from ..objectives import Objective
from ..ops.weighting import shares
from ..optimizers import Optimization
from ..persistence import fill
from ..testing import Finding, check_parameters
from ..training import NEVER, Trainer

BATCH = 32  # samples of the checked batch, and of the steps between the checks


class GradientCheck:
    """The model of a configuration on one batch whose random decisions are made once and for all.

    The batch is augmented once; dropout draws the same masks at every evaluation, as the streams are rewound; batch
    norm uses the statistics of the batch, so its gradient runs through them; penalties are part of the loss.  Decoupled
    weight decay and the bound on weights are no gradients and are left out.

    Args:
        experiment: of a network with a loss; a population is checked as a whole.
        checkpoint: whose weights to check instead of initial ones.

    Raises:
        ConfigError: a machine trained by contrastive divergence, which is the gradient of no function.
    """

    def __init__(self, experiment: Experiment, checkpoint: Checkpoint | None = None):
        config, inputs = experiment.config, experiment.inputs
        objective = config.model.differentiable(build_objective(config, experiment.description, inputs))
        if objective is None:
            remedy = "Contrastive divergence and its like follow no such gradient; check a network or a classrbm"
            raise ConfigError("model", "must be trained by the gradient of a loss", config.model.name, remedy)
        training, members = config.training, () if config.population == 1 else (config.population,)
        augmenter = build_augmenter(experiment, len(experiment.split.train), objective, np.float64)
        feed = inputs.feed("train", members, np.float64, augmenter)
        self.trainer = Trainer(
            objective,
            optimization=Optimization(build_rule(config), training.l1, training.l2),
            seeds=config.seeds,
            feed=feed,
            batch_size=min(BATCH, feed.samples),
            device=experiment.device,
            dtype=np.float64,
        )
        self.objective: Objective = objective
        self.epoch, self.epochs = 0, training.epochs
        scale_to_unit_variance(objective.model, self.trainer.parameters, inputs)
        if checkpoint is not None:
            fill(self.trainer.parameters, checkpoint)

    def findings(self) -> Iterator[Finding]:
        """Check each parameter at the present weights."""
        trainer = self.trainer
        trainer.begin_epoch(self.epoch % self.epochs, 1)
        ctx, device = trainer.context, trainer.device
        ctx.arena.rewind()
        trainer.feed.provide(0, trainer.batch_size)
        batch = trainer.feed.batch(ctx, trainer.cursor, trainer.batch_size, trainer.batch_size)
        # Copies, since the arena is used again for each loss.
        x, target, weight = (None if part is None else device.put(device.get(part)) for part in batch)
        share = shares(weight)
        self.epoch += 1

        def restart() -> None:
            ctx.arena.rewind()
            trainer.streams.rewind()

        def gradient() -> None:
            restart()
            trainer.parameters.zero_grad()
            self.objective.learn(x, target, weight, ctx)
            trainer.parameters.finish_grad()
            trainer.optimizer.penalise()

        def loss() -> float:
            restart()
            losses: Array = self.objective.judge(x, target, ctx)[0]
            mean = losses.mean(axis=-1) if share is None else (losses * share).sum(axis=-1)
            return float(device.get((mean + trainer.optimizer.penalty()).sum()))

        with np.errstate(all="ignore"):
            yield from check_parameters(trainer.parameters, gradient, loss)

    def train(self, steps: int) -> None:
        """Take some steps, so that biases are no longer zero and units have begun to saturate or to die.

        Raises:
            DivergedError: the steps left the finite numbers.
        """
        trainer = self.trainer
        per_epoch = trainer.steps_per_epoch(drop_last=True)
        with np.errstate(all="ignore"):
            for number in range(steps):
                if number % per_epoch == 0:
                    trainer.begin_epoch(self.epoch % self.epochs, per_epoch)
                    self.epoch += 1
                trainer.train_batch(number % per_epoch)
        if (trainer.failures() != NEVER).any():
            remedy = "Lower learning_rate or the number of steps"
            raise DivergedError("training between the checks", "must stay finite", "NaN or infinity", remedy)
