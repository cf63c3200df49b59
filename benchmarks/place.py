"""Where a benchmark runs: on the processor, or on the GPU that ``--device cuda`` asks for.

python benchmarks/place.py --device cuda    says which one, or in one line why there is none
"""

import sys
from functools import cache

from gpunet.backend import WARM_UPS, Device, capture, context, matmul, probe_driver, repeat, resolve_device
from gpunet.errors import DeviceError


@cache
def device() -> Device:
    """What the arguments of the program ask for; ends the program in one line where it cannot be had."""
    name = sys.argv[sys.argv.index("--device") + 1] if "--device" in sys.argv[:-1] else "cpu"
    try:
        return resolve_device(name)
    except DeviceError as error:
        print(f"{error}", file=sys.stderr)
        raise SystemExit(error.exit_code) from None


def on_gpu() -> bool:
    """Whether it is a GPU."""
    return device().kind == "cuda"


def gpu_name() -> str:
    """The name of the GPU."""
    return probe_driver().gpus[device().index]


def wait() -> None:
    """Wait until the GPU has done all that it was given, whoever gave it."""
    if on_gpu():
        device().xp.cuda.Device(device().index).synchronize()


def products_alone(products):
    """A floor on the GPU: products of float32, each given as its sizes (n, k, m), as one graph."""
    here, held = device(), []
    for n, k, m in products:
        a, b, out = (here.empty(shape, "float32") for shape in ((n, k), (k, m), (n, m)))
        a.fill(0.5)
        b.fill(0.25)
        held.append((a, b, out))

    def step():
        for a, b, out in held:
            matmul(a, b, out=out)

    return capture(step, here)


def on_one_stream(step):
    """A step of gpunet, recorded now, whose products all follow each other."""
    before, context.BESIDE = context.BESIDE, 0
    try:
        for _ in range(WARM_UPS + 1):
            step()
    finally:
        context.BESIDE = before
    return step


def several(trainer, samples, steps):
    """So many steps of a training on its first batches, as one graph on a GPU; a call makes them all."""

    def call():
        trainer.cursor.fill(0)  # the same batches again
        repeat(trainer.step, steps, samples, trainer.variant)

    call.steps = steps
    return call


def graph_of(step):
    """A step of PyTorch as one CUDA graph, which is the fastest way that it has."""
    import torch

    beside = torch.cuda.Stream()
    beside.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(beside):
        for _ in range(3):
            step()
    torch.cuda.current_stream().wait_stream(beside)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        step()
    return graph.replay


if __name__ == "__main__":
    print(gpu_name() if on_gpu() else "the processor; add --device cuda")
