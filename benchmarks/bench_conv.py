"""Convolutions, forward and backward with the gradient of the input, against their products alone, other ways in NumPy,
and PyTorch; and a whole step of ResNet-20.

All candidates take turns in every round of one process, so that a busy machine slows all of them alike; what counts is
the ratio of medians.  Images lie channels last in gpunet, channels first in PyTorch unless said.

    python benchmarks/bench_conv.py [--case 3x3] [--threads 2] [--rounds 20] [--save]

PyTorch comes with the optional extra ``peers`` and is left out where it is missing.
"""

import os
import sys

THREADS = sys.argv[sys.argv.index("--threads") + 1] if "--threads" in sys.argv else "2"
os.environ |= {"OMP_NUM_THREADS": THREADS, "OPENBLAS_NUM_THREADS": THREADS, "MKL_NUM_THREADS": THREADS}

import importlib.util
import itertools
import statistics
import subprocess

import numpy as np
from page import result, saving
from timing import interleave, table

from gpunet.backend import Device
from gpunet.layers import Conv2D
from gpunet.models import resnet
from gpunet.ops import windows
from gpunet.parameter import Parameters
from gpunet.testing import make_context

CASES = {
    "3x3": {"n_in": 32, "n_out": 32, "image": 32, "size": 3, "stride": 1, "groups": 1},
    "1x1": {"n_in": 64, "n_out": 256, "image": 32, "size": 1, "stride": 1, "groups": 1},
    "stride 2": {"n_in": 32, "n_out": 64, "image": 32, "size": 3, "stride": 2, "groups": 1},
    "depthwise": {"n_in": 64, "n_out": 64, "image": 16, "size": 3, "stride": 1, "groups": 64},
}
BATCH, RESNET_BATCH = 64, 128


def images(case):
    shape = (BATCH, case["image"], case["image"], case["n_in"])
    return np.random.default_rng(0).standard_normal(shape, np.float32)


def gpunet_layer(case, block=None):
    """The layer as it stands, or with blocks of another size; gives the pass, and its results by name."""
    layer = Conv2D(
        case["n_out"], case["size"], case["stride"], case["size"] // 2, groups=case["groups"], n_in=case["n_in"]
    )
    x = images(case)
    layer.build(x.shape[1:])
    parameters, ctx = Parameters(layer, 0), make_context(Device())
    y, _ = layer.forward(x, ctx)
    gradient, usual = np.random.default_rng(1).standard_normal(y.shape, np.float32), windows.BLOCK["numpy"]
    dy = np.empty_like(gradient)

    def step():
        windows.BLOCK["numpy"] = block or usual
        ctx.arena.rewind()
        parameters.zero_grad()
        y, backward = layer.forward(x, ctx)
        np.copyto(dy, gradient)
        dx = backward(dy)
        windows.BLOCK["numpy"] = usual
        return {"y": y, "dx": dx, "weight": layer.weight.grad, "bias": layer.bias.grad}

    return step, layer


def products_alone(case):
    """The floor of all ways by columns: their three products, block by block into fixed memory, with all threads."""
    positions = (case["image"] // case["stride"]) ** 2
    width, samples = case["size"] ** 2 * case["n_in"], 8
    rng = np.random.default_rng(0)
    columns = rng.standard_normal((samples * positions, width), np.float32)
    rows, kernel = (rng.standard_normal(s, np.float32) for s in ((len(columns), case["n_out"]), (width, case["n_out"])))
    y, dw, dx = (np.empty_like(a) for a in (rows, kernel, columns))

    def step():
        for _ in range(BATCH // samples):
            np.matmul(columns, kernel, out=y)
            np.matmul(columns.T, rows, out=dw)
            np.matmul(rows, kernel.T, out=dx)

    return step


def textbook(case):
    """Columns of the whole batch at once in new arrays, as tutorials write it."""
    x, size, stride = images(case), case["size"], case["stride"]
    kernel = np.random.default_rng(1).standard_normal((size * size * case["n_in"], case["n_out"]), np.float32)
    side = case["image"] // stride
    places = list(itertools.product(range(size), range(size)))
    around = size // 2

    def seen(array, i, j):
        return array[:, i : i + stride * (side - 1) + 1 : stride, j : j + stride * (side - 1) + 1 : stride]

    def step():
        padded = np.pad(x, ((0, 0), (around, around), (around, around), (0, 0)))
        columns = np.concatenate([seen(padded, i, j) for i, j in places], axis=-1).reshape(-1, len(kernel))
        y = columns @ kernel
        dw = columns.T @ y
        dcolumns = (y @ kernel.T).reshape(BATCH, side, side, len(places), -1)
        dx = np.zeros_like(padded)
        for number, (i, j) in enumerate(places):
            seen(dx, i, j)[...] += dcolumns[:, :, :, number]
        return y, dw, dx

    return step


def shifted(case):
    """One product for each pixel of the kernel, of the shifted images, added up; without columns."""
    x, size, stride = images(case), case["size"], case["stride"]
    kernel = np.random.default_rng(1).standard_normal((size, size, case["n_in"], case["n_out"]), np.float32)
    side, around = case["image"] // stride, size // 2
    padded = np.pad(x, ((0, 0), (around, around), (around, around), (0, 0)))
    y = np.empty((BATCH, side, side, case["n_out"]), np.float32)
    dx, dw, part = np.empty_like(padded), np.empty_like(kernel), np.empty_like(y)
    rows = part.reshape(-1, case["n_out"])

    def seen(array, i, j):
        return array[:, i : i + stride * (side - 1) + 1 : stride, j : j + stride * (side - 1) + 1 : stride]

    def step():
        y.fill(0)
        dx.fill(0)
        for i, j in np.ndindex(size, size):
            np.matmul(seen(padded, i, j).reshape(-1, case["n_in"]), kernel[i, j], out=rows)
            np.add(y, part, out=y)
        flat = y.reshape(-1, case["n_out"])
        for i, j in np.ndindex(size, size):
            np.matmul(seen(padded, i, j).reshape(-1, case["n_in"]).T, flat, out=dw[i, j])
            target = seen(dx, i, j)
            target += (flat @ kernel[i, j].T).reshape(target.shape)

    return step


def torch_layer(case, last, weight=None, bias=None):
    """PyTorch eager; gives the pass, and its results in the order of gpunet's axes."""
    import torch

    torch.set_num_threads(int(THREADS))
    layer = torch.nn.Conv2d(
        case["n_in"], case["n_out"], case["size"], case["stride"], case["size"] // 2, groups=case["groups"]
    )
    if weight is not None:
        with torch.no_grad():
            layer.weight.copy_(torch.from_numpy(weight.transpose(3, 2, 0, 1)))
            layer.bias.copy_(torch.from_numpy(bias))
    x = torch.from_numpy(images(case).transpose(0, 3, 1, 2)).contiguous()
    if last:
        layer, x = layer.to(memory_format=torch.channels_last), x.to(memory_format=torch.channels_last)
    x.requires_grad_(True)
    shape = layer(x).permute(0, 2, 3, 1).shape
    dy = torch.from_numpy(np.random.default_rng(1).standard_normal(tuple(shape), np.float32)).permute(0, 3, 1, 2)
    dy = dy.contiguous(memory_format=torch.channels_last if last else torch.contiguous_format)

    def step():
        x.grad = layer.weight.grad = layer.bias.grad = None
        y = layer(x)
        y.backward(dy)
        return {
            "y": y.detach().permute(0, 2, 3, 1).numpy(),
            "dx": x.grad.permute(0, 2, 3, 1).numpy(),
            "weight": layer.weight.grad.permute(2, 3, 1, 0).numpy(),
            "bias": layer.bias.grad.numpy(),
        }

    return step


def gpunet_resnet():
    """Forward and backward of ResNet-20 on 32x32 images in colour."""
    model = resnet((32, 32, 3), 10)
    parameters, ctx = Parameters(model, 0), make_context(Device()).with_input_gradient(False)
    x = np.random.default_rng(0).standard_normal((RESNET_BATCH, 32, 32, 3), np.float32)

    def step():
        ctx.arena.rewind()
        parameters.zero_grad()
        y, backward = model.forward(x, ctx)
        backward(np.ones_like(y))

    return step


def torch_resnet(last=False):
    """The same network in PyTorch eager."""
    import torch
    from torch import nn

    torch.set_num_threads(int(THREADS))

    class Block(nn.Module):
        def __init__(self, n_in, n_out, stride):
            super().__init__()
            self.body = nn.Sequential(
                nn.Conv2d(n_in, n_out, 3, stride, 1, bias=False), nn.BatchNorm2d(n_out), nn.ReLU(),
                nn.Conv2d(n_out, n_out, 3, 1, 1, bias=False), nn.BatchNorm2d(n_out),
            )  # fmt: skip
            side = [nn.Conv2d(n_in, n_out, 1, stride, bias=False), nn.BatchNorm2d(n_out)]
            self.side = nn.Identity() if n_in == n_out else nn.Sequential(*side)

        def forward(self, x):
            return torch.relu(self.body(x) + self.side(x))

    layers, channels = [nn.Conv2d(3, 16, 3, 1, 1, bias=False), nn.BatchNorm2d(16), nn.ReLU()], 16
    for stage, width in enumerate((16, 32, 64)):
        for number in range(3):
            layers.append(Block(channels, width, 2 if stage and not number else 1))
            channels = width
    network = nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(64, 10))
    x = torch.randn(RESNET_BATCH, 3, 32, 32)
    if last:
        network, x = network.to(memory_format=torch.channels_last), x.to(memory_format=torch.channels_last)

    def step():
        network.zero_grad()
        y = network(x)
        y.backward(torch.ones_like(y))

    return step


def resnet_memory(which):
    """MB that three steps take beyond what the process held before, as the operating system counts them.

    The peak of ``getrusage`` would be no less than what the parent held when it started the process.
    """
    lines = [
        "import pathlib, re, sys",
        f"sys.argv = ['x', '--threads', '{THREADS}']",
        "sys.path.insert(0, 'benchmarks')",
        "import bench_conv",
        f"step = bench_conv.{which}()",
        "said = lambda name: int(re.search(name + r':\\s+(\\d+)', pathlib.Path('/proc/self/status').read_text())[1])",
        "before = said('VmRSS')",
        "for _ in range(3): step()",
        "print((said('VmHWM') - before) / 1024)",
    ]
    code = "\n".join(lines)
    return float(subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout)


def case_lines(name, case, rounds, torch):
    ours, layer = gpunet_layer(case)
    candidates = {"gpunet": ours}
    if case["groups"] == 1:
        candidates |= {
            "products alone": products_alone(case),
            "shifted products": shifted(case),
            "textbook": textbook(case),
        }
    if name == "3x3":
        candidates |= {
            "gpunet, blocks of 8 samples": gpunet_layer(case, block=8 * 32 * 32 * 288 * 4)[0],
            "gpunet, all samples at once": gpunet_layer(case, block=1 << 40)[0],
        }
    said = f"{case['n_in']} to {case['n_out']} channels, {case['image']}x{case['image']}, kernel {case['size']}"
    said += (
        f", stride {case['stride']}, {case['groups']} groups" if case["groups"] > 1 else f", stride {case['stride']}"
    )
    lines = [f"## {name}: {said}, batch {BATCH}", ""]
    if torch:
        weight, bias = (np.array(p.value) for p in (layer.weight, layer.bias))
        candidates |= {"PyTorch eager": torch_layer(case, False), "PyTorch, channels last": torch_layer(case, True)}
        theirs = torch_layer(case, False, weight, bias)()
        far = {key: float(np.abs(a - theirs[key]).max() / np.abs(theirs[key]).max()) for key, a in ours().items()}
        lines += [
            "Largest difference from PyTorch, of the largest entry: "
            + ", ".join(f"{k} {v:.0e}" for k, v in far.items()),
            "",
        ]
    times = interleave(candidates, rounds, 1)
    return [*lines, *table(times, "PyTorch eager" if torch else "gpunet"), ""]


def main():
    parser = saving(__doc__)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--case", action="append", choices=[*CASES, "resnet20", "memory"], help="all by default")
    options = parser.parse_args()
    chosen, torch = options.case or [*CASES, "resnet20", "memory"], bool(importlib.util.find_spec("torch"))
    lines = []
    for name, case in CASES.items():
        lines += case_lines(name, case, options.rounds, torch) if name in chosen else []
    if "resnet20" in chosen:
        candidates = {"gpunet": gpunet_resnet()}
        if torch:
            candidates |= {"PyTorch eager": torch_resnet(), "PyTorch, channels last": torch_resnet(last=True)}
        times = interleave(candidates, max(3, options.rounds // 4), 1)
        lines += [f"## ResNet-20, 32x32x3, batch {RESNET_BATCH}, forward and backward", ""]
        lines += [*table(times, "PyTorch eager" if torch else "gpunet"), ""]
    if "memory" in chosen:
        sides = {"gpunet": "gpunet_resnet"} | ({"PyTorch eager": "torch_resnet"} if torch else {})
        found = {side: statistics.median(resnet_memory(which) for _ in range(3)) for side, which in sides.items()}
        lines += [
            f"## Memory of three steps of ResNet-20, batch {RESNET_BATCH}, beyond what the process held before",
            "",
        ]
        lines += ["| | MB |", "|---|---|", *(f"| {side} | {mb:.0f} |" for side, mb in found.items()), ""]
    title = f"Convolutions, forward and backward, float32, {options.threads} threads"
    result("bench_conv", title, lines, options.save, f"{options.rounds} interleaved rounds")


if __name__ == "__main__":
    main()
