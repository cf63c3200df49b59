"""gpunet pretrain."""

import click

from gpunet.errors import ConfigError

from .execution import execute
from .options import configuration, run_options


@click.command()
@run_options
def pretrain(
    words: tuple[str, ...],
    data: str | None,
    run: str | None,
    device: str,
    seed: int | None,
    members: int | None,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Train a restricted Boltzmann machine without labels.

    Contrastive divergence with model.k Gibbs steps, from the data or from model.chains persistent chains.
    Reconstruction error and free energy are printed for orientation; neither is a likelihood, see gpunet likelihood.

    \b
    gpunet pretrain rbm
    gpunet pretrain rbm --data mnist/ model.hidden=500 model.k=3 model.chains=100
    gpunet pretrain rbm --data t.csv model.visible_units=gaussian optimizer.learning_rate=0.001
    """
    config = configuration(words, {"data.source": data, "seed": seed, "members": members}, "rbm")
    if config.model.name != "rbm":
        raise ConfigError("pretrain", "trains restricted Boltzmann machines", config.model.name, "Use gpunet train")
    execute(config, run, device, dry_run, as_json)
