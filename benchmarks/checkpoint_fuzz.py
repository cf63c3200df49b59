"""Damages good checkpoints at random and reads them: each read must end in equal content or a clean error.

Damage of bytes, of fields that HDF5 trusts, and of types and shapes; truncation; each file sealed as it was, sealed
anew, and sealed anew with HDF5's own checksums made to fit, as an attacker would.

    python benchmarks/checkpoint_fuzz.py --seconds 600 --save
"""

import os

os.environ["OPENBLAS_NUM_THREADS"] = "1"  # forking wants one thread

import random
import re
import resource
import shutil
import struct
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import h5py
import numpy as np
from page import result, saving

from gpunet.checkpoint import Group, NamedArray, index, note, read, walk, write
from gpunet.checkpoint.seal import SIZE, make_seal
from gpunet.errors import CheckpointError

MASK = 0xFFFFFFFF
SIGNATURES = re.compile(rb"\x89HDF|OHDR|OCHK|FRHP|FHDB|FHIB|BTHD|BTLF|BTIN|FSHD|FSSE|SMTB|SMLI")
TRUSTED = [0, 1, 7, 255, 256, 65_535, 2**31 - 1, 2**32 - 1, 2**40, 2**63 - 1, 2**64 - 1, 512, 4096]
TYPES = ["<f4", "<f8", "<i4", "<i8", "u1", ">f4", "<c8", "S4", "<u2"]


def lookup3(data: bytes) -> int:
    """Bob Jenkins' hash, which HDF5 has behind each block of metadata."""

    def turn(x: int, k: int) -> int:
        return ((x << k) | (x >> (32 - k))) & MASK

    a = b = c = (0xDEADBEEF + len(data)) & MASK
    while len(data) > 12:
        x, y, z = struct.unpack_from("<3I", data)
        a, b, c = (a + x) & MASK, (b + y) & MASK, (c + z) & MASK
        a, c = ((a - c) & MASK) ^ turn(c, 4), (c + b) & MASK
        b, a = ((b - a) & MASK) ^ turn(a, 6), (a + c) & MASK
        c, b = ((c - b) & MASK) ^ turn(b, 8), (b + a) & MASK
        a, c = ((a - c) & MASK) ^ turn(c, 16), (c + b) & MASK
        b, a = ((b - a) & MASK) ^ turn(a, 19), (a + c) & MASK
        c, b = ((c - b) & MASK) ^ turn(b, 4), (b + a) & MASK
        data = data[12:]
    if not data:
        return c
    x, y, z = struct.unpack("<3I", data.ljust(12, b"\0"))
    a, b, c = (a + x) & MASK, (b + y) & MASK, (c + z) & MASK
    c = ((c ^ b) - turn(b, 14)) & MASK
    a = ((a ^ c) - turn(c, 11)) & MASK
    b = ((b ^ a) - turn(a, 25)) & MASK
    c = ((c ^ b) - turn(b, 16)) & MASK
    a = ((a ^ c) - turn(c, 4)) & MASK
    b = ((b ^ a) - turn(a, 14)) & MASK
    return ((c ^ b) - turn(b, 24)) & MASK


def checksummed(content: bytes) -> list[tuple[int, int]]:
    """Where blocks of metadata begin and where their checksums stand, found by trying."""
    found = []
    for match in SIGNATURES.finditer(content, SIZE):
        start = match.start()
        for stop in range(start + 8, min(start + 1200, len(content) - 3)):
            # Cheap enough: blocks are short, and checksums are found at the first fit.
            if lookup3(content[start:stop]) == int.from_bytes(content[stop : stop + 4], "little"):
                found.append((start, stop))
                break
    return found


def fit_checksums(content: bytearray, good: bytes, blocks: list[tuple[int, int]]) -> bytearray:
    """Make HDF5's checksums agree with metadata that differs from that of a good file."""
    for start, stop in blocks:
        if content[start:stop] != good[start:stop]:
            content[stop : stop + 4] = lookup3(bytes(content[start:stop])).to_bytes(4, "little")
    return content


def reseal(content: bytes | bytearray) -> bytes:
    """The same with a seal that fits."""
    body = bytes(content[SIZE:])
    return make_seal(memoryview(body)) + body


def good_tree(rng: np.random.Generator) -> Group:
    """A checkpoint with compact and dense groups and attributes, texts, numbers of all kinds and empty arrays."""
    root = Group({"model": "dense(3, 2)", "epoch": 3, "monitor_value": 0.25})
    root["config/json"] = note({"name": "ünï", "list": [1, 2]})
    for layer in range(12):
        group = Group({"class": "dense", "n_in": 3, "rate": 0.5, "with_bias": True})
        group["weight"] = NamedArray(rng.normal(size=(3, 2)).astype("f4"), {"role": "weight", "trainable": True})
        group["bias"] = NamedArray(rng.normal(size=2).astype("f8"))
        root[f"model/{layer:03}_dense"] = group
    root["model"].attrs |= {f"setting_{i}": i for i in range(12)}
    root["data/counts"] = NamedArray(np.arange(5))
    root["data/empty"] = NamedArray(np.zeros((0, 4), np.uint8))
    root["data/single"] = NamedArray(np.array(7, np.int16))
    return root


def damages(good: bytes, blocks: list[tuple[int, int]], rng: random.Random) -> Iterator[tuple[str, bytes]]:
    """One damaged file of each kind, without end."""
    metadata = [place for start, stop in blocks for place in range(start, stop)]
    while True:
        content = bytearray(good)
        for _ in range(rng.choice([1, 1, 2, 8])):
            content[rng.randrange(SIZE, len(good))] ^= 1 << rng.randrange(8)
        yield "bits, sealed as it was", bytes(content)
        yield "bits, sealed anew", reseal(content)
        content = bytearray(good)
        for _ in range(rng.choice([1, 1, 1, 2, 4])):
            content[rng.choice(metadata)] = rng.randrange(256)
        yield "metadata bytes, sealed anew with checksums", reseal(fit_checksums(content, good, blocks))
        content = bytearray(good)
        width, place = rng.choice([1, 2, 4, 8]), rng.choice(metadata)
        value = rng.choice([*TRUSTED, len(good), len(good) - 8, *rng.choice(blocks)])
        content[place : place + width] = (value & (256**width - 1)).to_bytes(width, "little")
        yield "trusted fields, sealed anew with checksums", reseal(fit_checksums(content, good, blocks))
        (a, a_stop), (b, b_stop) = rng.choice(blocks), rng.choice(blocks)
        content, width = bytearray(good), min(a_stop - a, b_stop - b)
        content[a : a + width] = good[b : b + width]
        yield "blocks exchanged, sealed anew with checksums", reseal(fit_checksums(content, good, blocks))
        length = rng.choice([*(s for block in blocks for s in block), rng.randrange(len(good))])
        yield "truncated, sealed as it was", good[:length]
        yield "truncated, sealed anew", reseal(good[: max(length, SIZE)])


def retyped(path: Path, rng: random.Random) -> bytes:
    """A good file with one array of another type or shape, which keeps its old hash and has its old bytes if it can."""
    with h5py.File(path, "r+", libver=("v108", "v110")) as file:
        arrays: list[h5py.Dataset] = []
        file.visititems(lambda _, thing: arrays.append(thing) if isinstance(thing, h5py.Dataset) else None)
        old = rng.choice(arrays)
        name, attrs = old.name, dict(old.attrs)
        raw = old[()].tobytes()
        dtype = np.dtype(rng.choice(TYPES))
        count = max(1, len(raw) // dtype.itemsize)
        shape = rng.choice([(count,), (count, 1), (1, count), (0, count), ()])
        new = np.frombuffer(raw.ljust(count * dtype.itemsize, b"\0"), dtype, count)
        del file[name]
        data = new[: int(np.prod(shape))].reshape(shape)
        stored = file.create_dataset(name, data=data, track_times=False)
        for key, value in attrs.items():
            if isinstance(value, bytes):
                stored.attrs.create(key, np.bytes_(value))
            else:
                stored.attrs.create(key, value)
    return reseal(path.read_bytes())


def forked_walk(descriptor: int) -> tuple[bytes, int]:
    """The walk in a fork instead of a new program: the same limits, without the imports."""
    read_end, write_end = os.pipe()
    child = os.fork()
    if not child:
        try:
            os.dup2(descriptor, 0)
            os.dup2(write_end, 1)
            os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
            walk.walk_input()
        finally:
            os._exit(0)
    os.close(write_end)
    with os.fdopen(read_end, "rb") as pipe:
        answer = pipe.read()
    return answer, os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


class Tally:
    """Counts how reads end.

    Args:
        limit: seconds of one read, beyond which the run ends; None where nobody times it.
    """

    def __init__(self, limit: float | None = None) -> None:
        self.limit = limit
        self.outcomes: Counter[tuple[str, str]] = Counter()
        self.crashes: Counter[str] = Counter()
        self.slowest = 0.0

    def read(self, kind: str, path: Path, expected: str) -> None:
        """Read a damaged file; anything but equal content and a clean error ends the run, with the file kept."""
        began = time.perf_counter()
        try:
            outcome = "equal" if read(path).content_sha256 == expected else "OTHER CONTENT"
        except CheckpointError as error:
            outcome, message = "refused", str(error)
        else:
            message = ""
        seconds = time.perf_counter() - began
        self.slowest = max(self.slowest, seconds)
        self.outcomes[kind, outcome] += 1
        dead = re.search(r"a crash of HDF5, \w+|more than .* seconds.*?\.", message)
        self.crashes.update([dead[0]] if dead else [])
        assert message.isprintable(), f"{path}: the message is not one plain line: {message!r}"
        assert outcome != "OTHER CONTENT", f"{path}: {kind}: was read as other content"
        assert self.limit is None or seconds < self.limit, f"{path}: {kind}: took {seconds:.1f} s"


def fuzz(seconds: float, cases: int, seed: int, folder: Path, limit: float | None = None) -> Tally:
    """Damage and read until time or cases run out; ``limit`` is that of one read in seconds."""
    rng, tally = random.Random(seed), Tally(limit)
    path = folder / "damaged.h5"
    expected = write(path, good_tree(np.random.default_rng(seed)), created_utc="2026-01-01T00:00:00+00:00")
    good = path.read_bytes()
    blocks = checksummed(good)
    assert len(blocks) > 40, "the checksums of HDF5 were not found"
    tally.read("untouched", path, expected)
    assert tally.outcomes["untouched", "equal"] == 1
    stream, stop = damages(good, blocks, rng), time.monotonic() + seconds
    while sum(tally.outcomes.values()) < cases and time.monotonic() < stop:
        for kind, content in (next(stream) for _ in range(7)):
            path.write_bytes(content)
            tally.read(kind, path, expected)
        path.write_bytes(good)
        path.write_bytes(retyped(path, rng))
        tally.read("another type or shape, sealed anew", path, expected)
    return tally


def report(tally: Tally, before: int) -> list[str]:
    """The lines of the result."""
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    rows = ["| damage | files | equal content | refused |", "|---|---|---|---|"]
    for kind in dict.fromkeys(kind for kind, _ in tally.outcomes):
        equal, refused = tally.outcomes[kind, "equal"], tally.outcomes[kind, "refused"]
        rows.append(f"| {kind} | {equal + refused:,} | {equal:,} | {refused:,} |")
    deaths = "; ".join(f"{what} {n:,} times" for what, n in tally.crashes.most_common()) or "none"
    return [
        *rows,
        "",
        f"Read as other content: 0. Slowest read: {tally.slowest:.2f} s. "
        f"Memory of the reading process grew by {grown:.0f} MiB.",
        f"Ends of the child that walks the structure, each turned into a clean refusal: {deaths}.",
    ]


def main() -> None:
    """Read the options, fuzz, report."""
    parser = saving(__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--cases", type=int, default=10**9)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    index.run_walk = forked_walk
    before, began = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.monotonic()
    folder = Path(tempfile.mkdtemp())
    tally = fuzz(options.seconds, options.cases, options.seed, folder, limit=10)
    shutil.rmtree(folder)  # left where it is when an assertion failed
    title = f"{sum(tally.outcomes.values()):,} damaged checkpoints"
    how = f"seed {options.seed}, {time.monotonic() - began:.0f} s"
    result("checkpoint_fuzz", title, report(tally, before), options.save, how)


if __name__ == "__main__":
    main()
