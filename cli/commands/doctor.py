"""gpunet doctor."""

import importlib.util
import os
import platform
from pathlib import Path
from typing import Any

import click

from gpunet.errors import ConfigError

from ..drawing import FORMATS, require_matplotlib
from ..guidance import BEFORE, FILES, NETWORKS, PAGE
from ..options import choose_device, configuration, device_option, json_option, print_json
from ..output import Output


@click.command()
@click.argument("words", nargs=-1, metavar="[KEY=VALUE]...")
@click.option("--signal", metavar="CONFIG|PRESET", help="Look at what passes the layers of a model instead.")
@click.option("-o", "--output", metavar="FILE", help="Where to draw the signals: a .png, .svg or .pdf.")
@device_option
@json_option
def doctor(words: tuple[str, ...], signal: str | None, output: str | None, device: str, as_json: bool) -> None:
    """Say what this machine has, and check that the device computes.

    With --signal: mean and spread of outputs and gradients of each layer, on one batch before training. Outputs are
    compared with those of the first layer and gradients with those of the last; a hundredth vanishes, a hundredfold
    explodes. -o draws both over the depth of the network.

    \b
    gpunet doctor
    gpunet doctor --device cuda
    gpunet doctor --signal my.toml model.initializer=lsuv
    gpunet doctor --signal depth model.shortcut=false model.activation=sigmoid -o signals.png
    """
    if signal is not None:
        _signal(signal, words, output, device, as_json)
        return
    if output is not None:
        raise ConfigError("-o", "draws signals", None, "Add --signal CONFIG")
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
        "numpy": np.__version__,
        "cores": _cores(),
        "blas": _blas(),
        "threads": _threads(),
        "cupy": _cupy(),
        "driver": f"CUDA {report.cuda_version}: {', '.join(report.gpus)}" if report.gpus else report.problem,
        "device": str(place),
        "random": "equal to numpy.random.Philox" if random else "DIFFERENT from numpy.random.Philox",
        "products": f"float32 error {error:.1e}",
        "diagnose": f"{PAGE}: symptoms of a run, what is behind them, what to change",
    }
    if as_json:
        print_json(findings)
    else:
        for name, finding in findings.items():
            click.echo(f"{name:10} {finding}")
        if place.note:
            click.echo(f"{place.note} See {FILES}.")
    if not random or error > 1e-3:
        raise click.ClickException("the device computes wrong numbers")


def _signal(source: str, words: tuple[str, ...], output: str | None, device: str, as_json: bool) -> None:
    """Mean and spread of outputs and gradients of each layer."""
    from dataclasses import asdict

    from gpunet.experiment import Experiment, Run
    from gpunet.inspection.signals import diagnosis, first_signals

    drawing = None
    if output is not None:
        drawing = Output("-o", Path(output), FORMATS, [source])
        require_matplotlib("-o")
    place = choose_device(device)
    with place.activate():
        config = configuration((source, *words), {}, source)
        from gpunet.api.reading import load_split

        dataset, parts = load_split(config)
        found = first_signals(Run(Experiment(config, dataset, parts, place)))
    said = diagnosis(found)
    if drawing is not None:
        from ..views.depth_plot import draw_signals

        shown = [signal for signal in found if "/" not in signal.name]
        draw_signals(f"{config.name}: {said or 'outputs and gradients keep their size'}", shown, drawing)
    if as_json:
        print_json({"layers": [asdict(signal) for signal in found], "diagnosis": said})
        return
    wide = max(len(signal.name) for signal in found)
    click.echo(f"{'layer':{wide}}  {'mean':>10}  {'spread':>10}  {'gradient':>10}  {'its size':>10}")
    for s in found:
        numbers = "  ".join(f"{v:10.3g}" for v in (s.mean, s.spread, s.gradient_mean, s.gradient_size))
        click.echo(f"{s.name:{wide}}  {numbers}  {s.verdict}".rstrip())
    advice = "Use relu or another of its family, model.initializer=lsuv, batch_norm, or a residual network"
    click.echo(
        f"{said}. {advice}; see {NETWORKS}." if said else "Outputs and gradients keep their size through all layers."
    )


def _check(place: Any) -> tuple[bool, float]:
    """Whether the device draws NumPy's random words, and the relative error of a product of a step."""
    import numpy as np

    from gpunet.backend import Arena, Purpose, Streams, matmul

    clock = place.put([7], np.uint64)
    drawn = place.get(Streams(place, 3, clock).bits16((4096,), Arena(place)))
    literal = np.random.Philox(key=[3, Purpose.LAYERS], counter=[0, 7, 0, 0]).random_raw(1024).view(np.uint16)
    a = np.random.Generator(np.random.Philox(key=[1, 1])).standard_normal((256, 256))
    single = place.put(a, np.float32)
    product = place.get(matmul(single, single))
    return bool((drawn == literal).all()), float(np.abs(product - a @ a).max() / np.abs(a @ a).max())


def _cores() -> str:
    """How many this process may use, and how busy they are."""
    count = _usable_cores()
    load = f", load {os.getloadavg()[0]:.1f} over the last minute" if hasattr(os, "getloadavg") else ""
    return f"{count} of {os.cpu_count() or 1} usable{load}"


def _usable_cores() -> int:
    """Cores that this process may use, by its affinity."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _blas() -> str:
    """The libraries that multiply matrices, and how many threads each may have."""
    from gpunet.backend import blas

    found = [f"{name}, {count} thread{'s' if count > 1 else ''}" for name, count in blas()]
    return "; ".join(found) or "none was recognised"


def _threads() -> str:
    """What a product of a step takes on one thread and on all, now, and what to do where all are slower."""
    from gpunet.backend import blas, threads_of_blas

    most = max((count for _, count in blas()), default=1)
    said = "a product of 128x512x512 takes "
    with threads_of_blas(1):
        one = _product_seconds()
    if most == 1:
        return f"{said}{1e3 * one:.1f} ms on one thread"
    with threads_of_blas(most):
        several = _product_seconds()
    found = f"{said}{1e3 * one:.1f} ms on one thread, {1e3 * several:.1f} ms on {most}"
    if several > 1.2 * one:
        found += "; the cores are busy, so that training large models is faster with OMP_NUM_THREADS=1 in front"
        found += f"; see {BEFORE}"
    return found


def _product_seconds() -> float:
    """Median time of a product."""
    import statistics
    import time

    import numpy as np

    a, b = np.ones((128, 512), np.float32), np.ones((512, 512), np.float32)
    out, times = np.matmul(a, b), []
    for _ in range(9):
        began = time.perf_counter()
        np.matmul(a, b, out=out)
        times.append(time.perf_counter() - began)
    return statistics.median(times)


def _cupy() -> str:
    if importlib.util.find_spec("cupy") is None:
        return "not installed (pip install 'gpunet[cuda12]' or 'gpunet[cuda13]')"
    from importlib.metadata import packages_distributions, version

    name = packages_distributions()["cupy"][0]
    return f"{version(name)} ({name})"
