"""gpunet pretrain."""

from functools import partial

import click

from gpunet.errors import ConfigError

from ..options import Request, from_option, profile_option, run_options


@click.command()
@from_option
@click.option("--layers", type=click.IntRange(1), metavar="N", help="Keep N finished layers of --from; all by default.")
@profile_option
@run_options
def pretrain(request: Request, source: str | None, layers: int | None, profile: bool) -> None:
    """Train without labels: Boltzmann machines, one, a stack or a deep one, or a convolutional autoencoder.

    Contrastive divergence with model.k Gibbs steps; model.chains says where samples of the model come from: from_data
    (CD), a number or persistent (PCD), fast_persistent, tempered (parallel tempering), trajectory (tempering along
    the training itself, docs/sampling.md). A stack can also learn by model.method=denoising or supervised.
    Reconstruction error and free energy are printed for orientation; neither is a likelihood, see gpunet likelihood. A
    dbm is a deep Boltzmann machine: model.greedy epochs for each layer alone, then all together. A conv_autoencoder
    learns to fill in missing pixels of images. Fine-tune with gpunet train --from. --profile says where the time of a
    step goes, of each layer of a stack, and stops (docs/profile.md).

    \b
    gpunet pretrain dbn
    gpunet pretrain rbm --data mnist/ model.hidden=500 model.k=3 model.chains=100
    gpunet pretrain rbm --data mnist/ model.chains=trajectory
    gpunet pretrain rbm --data t.csv model.visible_units=gaussian optimizer.learning_rate=0.001
    gpunet pretrain dbm model.hidden=[300,300,200] model.greedy=10
    gpunet pretrain denoiser
    gpunet pretrain dbn --profile
    gpunet pretrain dbn --from runs/digits-dbn-1/best.h5 --layers 1 model.hidden=[256,64]
    """
    from ..terminal import execute

    config = request.configuration("rbm")
    if config.model.command != "pretrain":
        raise ConfigError(
            "pretrain",
            "trains without labels",
            config.model.name,
            "Use gpunet train",
        )
    if config.model.layerwise is None and source is not None and not config.model.has_outputs:
        received = f"model.name={config.model.name}"
        raise ConfigError("--from", "continues a stack of layers", received, "Use model.name=dbn")
    if layers is not None and source is None:
        raise ConfigError("--layers", "needs a checkpoint to take them from", "none", "Add --from CHECKPOINT")
    instead = None
    if profile:
        from ..profiling import check_profile, run_profile

        check_profile(request)
        instead = partial(run_profile, request, (), layers)
    execute(request, config, source, (), layers, instead=instead)
