"""gpunet train."""

import click

from gpunet.errors import ConfigError

from .execution import execute
from .options import configuration, run_options


@click.command()
@run_options
def train(
    words: tuple[str, ...],
    data: str | None,
    run: str | None,
    device: str,
    seed: int | None,
    members: int | None,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Train a model and keep the weights that are best on validation.

    Takes a preset (gpunet presets ls) or a TOML file; mlp by default. KEY=VALUE overrides any key of it.

    \b
    gpunet train
    gpunet train mlp --data flowers.csv training.epochs=50 optimizer.learning_rate=3e-4
    gpunet train residual --seeds 5 --run runs/five
    gpunet train my.toml --dry-run
    """
    config = configuration(words, {"data.source": data, "seed": seed, "members": members}, "mlp")
    if config.model.name == "rbm":
        raise ConfigError("train", "trains networks with targets", "an RBM", "Use gpunet pretrain")
    execute(config, run, device, dry_run, as_json)
