"""gpunet doctor."""

import importlib.util
import platform
from typing import Any

import click

from gpunet.errors import ConfigError

from ..options import choose_device, configuration, device_option, json_option, print_json


@click.command()
@click.argument("words", nargs=-1, metavar="[KEY=VALUE]...")
@click.option("--signal", metavar="CONFIG|PRESET", help="Look at what passes the layers of a model instead.")
@device_option
@json_option
def doctor(words: tuple[str, ...], signal: str | None, device: str, as_json: bool) -> None:
    """Say what this machine has, and check that the device computes.

    With --signal: mean and spread of outputs and gradients of each layer, on one batch before training. Outputs are
    compared with those of the first layer and gradients with those of the last; a hundredth vanishes, a hundredfold
    explodes.

    \b
    gpunet doctor
    gpunet doctor --device cuda
    gpunet doctor --signal my.toml model.initializer=lsuv
    """
    if signal is not None:
        _signal(signal, words, device, as_json)
        return
    if words:
        raise ConfigError("doctor", "takes KEY=VALUE with --signal alone", " ".join(words), "Add --signal CONFIG")
    import numpy as np

    from gpunet import __version__
    from gpunet.backend import probe_driver, resolve_device

    report = probe_driver()
    place = resolve_device(device)
    with place.activate():
        random, error = _check(place)
    findings = {
        "gpunet": __version__,
        "python": f"{platform.python_version()} on {platform.system()} {platform.machine()}",
        "numpy": f"{np.__version__}, {_blas()}",
        "cupy": _cupy(),
        "driver": f"CUDA {report.cuda_version}: {', '.join(report.gpus)}" if report.gpus else report.problem,
        "device": str(place),
        "random": "equal to numpy.random.Philox" if random else "DIFFERENT from numpy.random.Philox",
        "products": f"float32 error {error:.1e}",
    }
    if as_json:
        print_json(findings)
    else:
        for name, finding in findings.items():
            click.echo(f"{name:10} {finding}")
        if place.note:
            click.echo(place.note)
    if not random or error > 1e-3:
        raise click.ClickException("the device computes wrong numbers")


def _signal(source: str, words: tuple[str, ...], device: str, as_json: bool) -> None:
    """Mean and spread of outputs and gradients of each layer."""
    from dataclasses import asdict

    from gpunet.experiment import Experiment, Run
    from gpunet.inspection.signals import diagnosis, first_signals

    place = choose_device(device)
    with place.activate():
        config = configuration((source, *words), {}, source)
        from gpunet.api.reading import load_split

        dataset, parts = load_split(config)
        found = first_signals(Run(Experiment(config, dataset, parts, place)))
    said = diagnosis(found)
    if as_json:
        print_json({"layers": [asdict(signal) for signal in found], "diagnosis": said})
        return
    wide = max(len(signal.name) for signal in found)
    click.echo(f"{'layer':{wide}}  {'mean':>10}  {'spread':>10}  {'gradient':>10}  {'its size':>10}")
    for s in found:
        numbers = "  ".join(f"{v:10.3g}" for v in (s.mean, s.spread, s.gradient_mean, s.gradient_size))
        click.echo(f"{s.name:{wide}}  {numbers}  {s.verdict}".rstrip())
    advice = "Use relu or another of its family, model.initializer=lsuv, batch_norm, or a residual network"
    click.echo(f"{said}. {advice}." if said else "Outputs and gradients keep their size through all layers.")


def _check(place: Any) -> tuple[bool, float]:
    """Whether the device draws NumPy's random words, and the relative error of a float32 product."""
    import numpy as np

    from gpunet.backend import Arena, Purpose, Streams

    clock = place.put([7], np.uint64)
    drawn = place.get(Streams(place, 3, clock).bits16((4096,), Arena(place)))
    literal = np.random.Philox(key=[3, Purpose.LAYERS], counter=[0, 7, 0, 0]).random_raw(1024).view(np.uint16)
    a = np.random.Generator(np.random.Philox(key=[1, 1])).standard_normal((256, 256))
    single = place.put(a, np.float32)
    product = place.get(place.xp.matmul(single, single))
    return bool((drawn == literal).all()), float(np.abs(product - a @ a).max() / np.abs(a @ a).max())


def _blas() -> str:
    import numpy as np

    blas = np.show_config(mode="dicts")["Build Dependencies"]["blas"]
    return f"{blas['name']} {blas['version']}"


def _cupy() -> str:
    if importlib.util.find_spec("cupy") is None:
        return "not installed (pip install 'gpunet[cuda12]' or 'gpunet[cuda13]')"
    from importlib.metadata import packages_distributions, version

    name = packages_distributions()["cupy"][0]
    return f"{version(name)} ({name})"
