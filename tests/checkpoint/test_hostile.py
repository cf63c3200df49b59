"""Files that someone made to do harm: seal and hashes fit, so only the guards behind them can refuse."""

import importlib.util
import json
import os
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import h5py
import numpy as np
import pytest
from h5py import h5d, h5p, h5s, h5t

from gpunet.checkpoint import Group, NamedArray, note, read, write
from gpunet.checkpoint.hashing import array_sha256, content_sha256
from gpunet.checkpoint.seal import SIZE, make_seal
from gpunet.errors import CheckpointError, DamagedError, ReaderError

pytestmark = pytest.mark.confined

FUZZ = Path(__file__).parents[2] / "benchmarks/checkpoint_fuzz.py"
LATEST = ("v108", "v110")


@pytest.fixture(scope="module")
def fuzz():
    """The benchmark as a module, for HDF5's checksum."""
    sys.path.insert(0, str(FUZZ.parent))
    spec = importlib.util.spec_from_file_location("checkpoint_fuzz", FUZZ)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    sys.path.remove(str(FUZZ.parent))
    return module


def good(path):
    root = Group({"model": "dense(3, 2)", "epoch": 3})
    root["config/json"] = note({"name": "a"})
    root["model/weight"] = NamedArray(np.arange(6.0), {"role": "weight"})
    root["model/copy"] = NamedArray(np.arange(6.0), {"role": "weight"})
    write(path, root)


def finish(path):
    """Give every array its hash, the whole its content hash, and the file its seal, where that is possible at all."""
    root = Group()

    def collect(name, thing):
        attrs = {key: plain(value) for key, value in thing.attrs.items()}
        if isinstance(thing, h5py.Dataset):
            assert thing.nbytes < 1 << 20
            data = np.asarray(thing[()])
            if "sha256" not in attrs:
                thing.attrs.create("sha256", np.bytes_(array_sha256(data)))
            root[name] = NamedArray(data, attrs)
        else:
            root[name] = Group(attrs)

    beyond_numpy = suppress(OSError, ValueError, TypeError, KeyError, AttributeError, RuntimeError, AssertionError)
    with h5py.File(path, "r+", libver=LATEST) as file, beyond_numpy:
        file.visititems(collect)
        root.attrs.update({key: plain(value) for key, value in file.attrs.items()})
        file.attrs.modify("content_sha256", np.bytes_(content_sha256(root)))
    seal(path)


def plain(value):
    return value.decode() if isinstance(value, bytes) else bool(value) if value.dtype == "u1" else value.item()


def seal(path):
    content = path.read_bytes()
    path.write_bytes(make_seal(memoryview(content)[SIZE:]) + content[SIZE:])


def array(file, name, kind, shape=(2,), layout=h5d.CONTIGUOUS, space=None):
    """A data set by HDF5's own functions, with a type that NumPy may not have."""
    plist = h5p.create(h5p.DATASET_CREATE)
    plist.set_layout(layout)
    if layout in (h5d.CONTIGUOUS, h5d.COMPACT):
        plist.set_alloc_time(h5d.ALLOC_TIME_EARLY)
    return h5d.create(file.id, name, kind, space or h5s.create_simple(shape), plist)


def odd_integer():
    kind = h5t.STD_I32LE.copy()
    kind.set_precision(24)
    return kind


def bfloat16():
    kind = h5t.IEEE_F16LE.copy()
    kind.set_fields(15, 7, 8, 0, 7)
    kind.set_ebias(127)
    return kind


def many_links(file):
    group = file.create_group("many").id
    for number in range(50_001):
        group.links.create_soft(b"%d" % number, b"/")


def many_attributes(file):
    text = np.bytes_(b"x" * 60_000)
    for number in range(12):
        group = file.create_group(f"group{number}")
        for index in range(60):
            group.attrs.create(f"a{index}", text)


def deep(file, depth):
    place = file
    for _ in range(depth):
        place = place.create_group("a")


def virtual(file):
    layout = h5py.VirtualLayout((4,), "f4")
    layout[:] = h5py.VirtualSource("/etc/passwd", "a", (4,))
    file.create_virtual_dataset("a", layout)


def escape(file):
    file["model"].attrs.create("class", np.bytes_(b"\x1b]0;owned\x07"))
    file["model"].attrs.create("\x1b[31mred", 1)


def late(file, kind, shape):
    """A data set that takes no space yet."""
    h5d.create(file.id, b"a", kind, h5s.create_simple(shape))


def text_type(size):
    kind = h5t.C_S1.copy()
    kind.set_size(size)
    return kind


def json_note(file, text):
    file["config"].create_dataset("note", data=np.bytes_(text)).attrs.create(
        "media_type", np.bytes_(b"application/json")
    )


def configuration_of_numbers(file):
    del file["config"]
    file.create_dataset("config", data=np.zeros(2))


CONTIGUOUS = "must be stored contiguously, without filters, in this file, got "
PLAIN = "must hold fixed-size little-endian numbers or text, got "
ATTRIBUTE = "must have attributes of one number or fixed-length text"

HOSTILE = {
    "soft link": (lambda f: f.__setitem__("a", h5py.SoftLink("/config")), "must be a hard link, got a soft link"),
    "external link": (
        lambda f: f.__setitem__("a", h5py.ExternalLink("/etc/passwd", "/")),
        "must be a hard link, got an external link",
    ),
    "alias": (lambda f: f.__setitem__("a", f["model/weight"]), "must be the only name of its object"),
    "circle": (lambda f: f.__setitem__("model/up", f["/"]), "must be the only name of its object"),
    "compact": (lambda f: array(f, b"a", h5t.IEEE_F32LE, layout=h5d.COMPACT), CONTIGUOUS + "compact"),
    "chunked": (lambda f: f.create_dataset("a", data=np.zeros(9), chunks=(3,)), CONTIGUOUS + "chunked"),
    "growing": (lambda f: f.create_dataset("a", (1,), "f4", maxshape=(None,)), CONTIGUOUS + "chunked"),
    "compressed": (lambda f: f.create_dataset("a", data=np.zeros(9), compression="gzip"), CONTIGUOUS + "filtered"),
    "external storage": (
        lambda f: f.create_dataset("a", (8,), "u1", external=[("/etc/passwd", 0, 8)]),
        CONTIGUOUS + "external",
    ),
    "virtual": (virtual, CONTIGUOUS + "virtual"),
    "named type": (lambda f: f.__setitem__("a", np.dtype("f4")), "must be a group or an array"),
    "object reference": (lambda f: f.create_dataset("a", data=f.ref, dtype=h5py.ref_dtype), PLAIN + "references"),
    "region reference": (lambda f: array(f, b"a", h5t.STD_REF_DSETREG), PLAIN + "references"),
    "opaque": (lambda f: array(f, b"a", h5t.create(h5t.OPAQUE, 5)), PLAIN + "opaque data"),
    "bit field": (lambda f: array(f, b"a", h5t.STD_B8LE), PLAIN + "bit fields"),
    "enumeration": (lambda f: f.create_dataset("a", data=np.zeros(2, bool)), PLAIN + "enumerations"),
    "compound": (lambda f: f.create_dataset("a", data=np.zeros(2, "i4,f4")), PLAIN + "compound records"),
    "complex": (lambda f: f.create_dataset("a", data=np.zeros(2, "c8")), PLAIN),
    "array type": (lambda f: array(f, b"a", h5t.array_create(h5t.IEEE_F32LE, (3,))), PLAIN + "arrays"),
    "variable text": (lambda f: f.create_dataset("a", data="abc"), PLAIN + "variable-length text"),
    "variable array": (lambda f: f.create_dataset("a", (2,), h5py.vlen_dtype("f4")), PLAIN + "variable-length data"),
    "big endian": (lambda f: f.create_dataset("a", data=np.zeros(2, ">f4")), PLAIN + "other floats"),
    "odd integer": (lambda f: array(f, b"a", odd_integer()), PLAIN + "other integers"),
    "odd float": (lambda f: array(f, b"a", bfloat16()), PLAIN + "other floats"),
    "long double": (lambda f: f.create_dataset("a", data=np.zeros(2, "g")), PLAIN + "other floats"),
    "text of a gigabyte": (lambda f: late(f, text_type(1 << 30), (1,)), PLAIN + "long text"),
    "shape of a petabyte": (lambda f: late(f, h5t.IEEE_F64LE, (1 << 47,)), "must lie within the file"),
    "shape beyond integers": (lambda f: late(f, h5t.STD_U8LE, (1 << 20,) * 3), "must lie within the file"),
    "empty but endless": (lambda f: late(f, h5t.IEEE_F64LE, (0, 1 << 62)), "must lie within the file"),
    "never written": (lambda f: late(f, h5t.IEEE_F64LE, (3,)), "got 24 bytes nowhere"),
    "many axes": (lambda f: array(f, b"a", h5t.STD_U8LE, (1,) * 32), "must have at most 8 axes, got 32"),
    "no shape": (lambda f: f.create_dataset("a", data=h5py.Empty("f4")), "must have a shape"),
    "nested": (lambda f: deep(f, 40), "nested at most 16 deep"),
    "nested for ever": (lambda f: deep(f, 400), "nested at most 16 deep"),
    "escape in a name": (
        lambda f: f.create_group("a\x1b[31m"),
        r"must hold plain names of letters, digits and _.-, got 'a\x1b[31m'",
    ),
    "space in a name": (lambda f: f.create_group("a b"), "must hold plain names"),
    "foreign name": (lambda f: f.create_group("grün"), "must hold plain names"),
    "long name": (lambda f: f.create_group("a" * 60_000), "must hold plain names"),
    "many names": (many_links, "must hold at most 50000 names"),
    "escape in an attribute": (escape, "must have attributes with plain names"),
    "attribute of two": (lambda f: f.attrs.__setitem__("a", [1, 2]), ATTRIBUTE),
    "attribute of none": (lambda f: f.attrs.__setitem__("a", h5py.Empty("f4")), ATTRIBUTE),
    "variable attribute": (lambda f: f.attrs.__setitem__("a", "text"), ATTRIBUTE),
    "referring attribute": (lambda f: f.attrs.__setitem__("a", f.ref), ATTRIBUTE),
    "compound attribute": (lambda f: f.attrs.create("a", np.zeros((), "i4,f4")), ATTRIBUTE),
    "large attribute": (lambda f: f.attrs.create("a", np.bytes_(b"x" * 100_000)), ATTRIBUTE),
    "attribute in no encoding": (
        lambda f: f.attrs.create("a", np.bytes_(b"\xff\xfe")),
        "must have attributes in UTF-8",
    ),
    "truth beyond 1": (lambda f: f.attrs.create("a", np.uint8(7)), "must have truth values of 0 or 1"),
    "many attributes": (lambda f: [f.attrs.create(f"a{i}", i) for i in range(70)], "at most 64 attributes, got 7"),
    "megabytes of attributes": (many_attributes, "must keep paths and attributes within 32 MiB"),
    "text in no encoding": (
        lambda f: f["config"].create_dataset("text", data=np.bytes_(b"\xff")),
        "must be text in UTF-8",
    ),
    "nested JSON": (lambda f: json_note(f, b"[" * 100_000), "must be JSON"),
    "JSON of many levels": (
        lambda f: json_note(f, b"[" * 500 + b"]" * 500),
        "must be JSON of at most 100 levels, got 500",
    ),
    "broken JSON": (lambda f: json_note(f, b'{"a": '), "must be JSON"),
    "not a number": (lambda f: f.create_dataset("a", data=np.array([1, np.nan])), "must be finite, got 1 NaN"),
    "infinite": (lambda f: f.create_dataset("a", data=np.array([np.inf, -np.inf])), "must be finite, got 2 NaN"),
    "no hash": (lambda f: f.create_dataset("a", data=np.zeros(2)).attrs.create("sha256", 1), "must match its hash"),
    "no configuration": (lambda f: f.__delitem__("config"), "must hold the group config"),
    "configuration of numbers": (configuration_of_numbers, "must hold the group config"),
    "another format": (lambda f: f.attrs.modify("format", np.bytes_(b"\x1b[31m")), r"got \u001b[31m"),
    "a later format": (lambda f: f.attrs.modify("format_version", np.int64(2)), "must have format version 1, got 2"),
}


# Between the tests and the command, since a program begins with the memory peak of the one that started it.
MEASURE = """
import json, resource, subprocess, sys
done = subprocess.run(sys.argv[1:], capture_output=True, text=True)
peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
print(json.dumps([done.returncode, done.stdout, done.stderr.splitlines(), peak]))
"""


def inspected(path, *options):
    """Run gpunet inspect on a file; its exit code, output, lines on stderr and MiB at the most."""
    command = [sys.executable, "-c", MEASURE, sys.executable, "-m", "gpunet.cli", "inspect", str(path), *options]
    return json.loads(subprocess.run(command, capture_output=True, text=True).stdout)


@pytest.fixture(scope="module")
def baseline(tmp_path_factory):
    """MiB that inspecting a good file takes."""
    path = tmp_path_factory.mktemp("good") / "a.h5"
    good(path)
    code, out, *_, memory = inspected(path)
    assert (code, "all hashes hold" in out) == (0, True)
    return memory


@pytest.mark.parametrize("case", HOSTILE)
def test_whatever_does_not_belong_is_refused_by_name(case, tmp_path, baseline):
    make, expected = HOSTILE[case]
    path = tmp_path / "h.h5"
    good(path)
    with h5py.File(path, "r+", libver=LATEST) as file:
        make(file)
    finish(path)
    code, out, errors, memory = inspected(path)
    assert (code, out, len(errors)) == (4, "", 1), errors
    assert expected in errors[0]
    assert errors[0].isprintable()
    assert memory < baseline + 512


def test_finishing_a_hostile_file_would_make_a_good_one(tmp_path):
    """Else the cases above might be refused for their hashes."""
    good(tmp_path / "a.h5")
    with h5py.File(tmp_path / "a.h5", "r+", libver=LATEST) as file:
        file.create_dataset("more/numbers", data=np.arange(3.0))
        file.attrs.create("more", 1.5)
    finish(tmp_path / "a.h5")
    assert read(tmp_path / "a.h5")["more/numbers"].data.tolist() == [0, 1, 2]


OUTSIDE = "must (lie within the file|be a well-formed HDF5 file)"  # newer versions of HDF5 look for themselves


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        (lambda content, weight, copy: copy, "must not overlap another array"),
        (lambda content, weight, copy: copy + 8, "must not overlap another array"),
        (lambda content, weight, copy: len(content) - 8, OUTSIDE),
        (lambda content, weight, copy: 1 << 60, OUTSIDE),
        (lambda content, weight, copy: 0, "must match its hash"),  # relative to the end of the seal
        (lambda content, weight, copy: 2**64 - 512, "must"),  # back into the seal, if nobody looked
    ],
)
def test_arrays_lie_in_the_file_and_apart(target, expected, tmp_path, fuzz):
    path = tmp_path / "h.h5"
    good(path)
    with h5py.File(path) as file:
        places = [file[f"model/{name}"].id.get_offset() - SIZE for name in ("weight", "copy")]
    content = path.read_bytes()
    blocks = fuzz.checksummed(content)
    field = places[0].to_bytes(8, "little")
    assert content.count(field) == 1
    wanted = target(content, *places).to_bytes(8, "little")
    changed = fuzz.fit_checksums(bytearray(content.replace(field, wanted)), content, blocks)
    path.write_bytes(fuzz.reseal(changed))
    with pytest.raises(CheckpointError, match=expected):
        read(path)


def test_the_checksum_of_hdf5_is_the_one_of_its_authors(fuzz):
    assert [fuzz.lookup3(text) for text in (b"", b"Four score and seven years ago")] == [0xDEADBEEF, 0x17770551]


def test_nothing_but_a_regular_file_is_read(tmp_path):
    os.mkfifo(tmp_path / "pipe.h5")
    for path in (tmp_path / "pipe.h5", tmp_path, Path("/dev/zero"), Path("/dev/full")):
        with pytest.raises(CheckpointError, match="must be a regular file"):
            read(path)
    with pytest.raises(CheckpointError, match="must be readable"):
        read("a\0b")


def test_a_hole_of_a_terabyte_is_not_read(tmp_path):
    path = tmp_path / "hole.h5"
    path.write_bytes(f"gpunet-checkpoint 1 {(1 << 40) - SIZE} {'0' * 64}\n".encode().ljust(SIZE, b"\0"))
    os.truncate(path, 1 << 40)
    with pytest.raises(CheckpointError, match="must have its bytes on disk"):
        read(path)


def test_hdf5_must_follow_the_seal(tmp_path):
    body = bytes(512) + h5py_file(tmp_path)
    (tmp_path / "a.h5").write_bytes(make_seal(memoryview(body)) + body)
    with pytest.raises(CheckpointError, match="must hold HDF5 right after its seal"):
        read(tmp_path / "a.h5")


def h5py_file(folder):
    with h5py.File(folder / "plain.h5", "w", libver=LATEST) as file:
        file.create_group("config")
    return (folder / "plain.h5").read_bytes()


@pytest.mark.parametrize(
    ("death", "expected"),
    [
        ("os.kill(os.getpid(), 11)", "must be a well-formed HDF5 file, got a crash of HDF5, SIGSEGV"),
        ("bytearray(400 << 20)", "more than memory holds"),
        ("time.sleep(60)", "was not read to its end, got more than 1 seconds"),
        ("while_true()", "got more than 1 seconds of computing"),
        ("open('/etc/passwd')", "Too many open files"),
        ("os.write(1, b'half')", "a crash of HDF5"),
    ],
)
def test_a_walk_that_dies_loops_or_grabs_is_stopped(death, expected, tmp_path, monkeypatch):
    """The walk itself with a defect in place of libhdf5's: the same limits, shortened."""
    from gpunet.checkpoint import index, walk

    text = Path(walk.__file__).read_text()
    for limit in ("PROCESSOR_SECONDS = 7", "SECONDS = 60"):
        if ("sleep" in death) == limit.startswith("SECONDS"):
            text = text.replace(f"\n{limit}", f"\n{limit.split()[0]} = 1")
    text = text.replace("walk = StructureWalk()\n    try:\n", f"walk = StructureWalk()\n    try:\n        {death}\n")
    helper = "\nimport time\ndef while_true():\n    while True: pass\n\ndef main"
    (tmp_path / "walk.py").write_text(text.replace("\ndef main", helper))
    good(tmp_path / "a.h5")
    monkeypatch.setattr(index.walk, "__file__", str(tmp_path / "walk.py"))
    monkeypatch.setattr(index.walk, "PROCESSOR_SECONDS", 1)
    monkeypatch.setattr(index.walk, "SECONDS", 1)
    with pytest.raises(ReaderError if "sleep" in death else CheckpointError) as caught:
        read(tmp_path / "a.h5")
    assert expected in str(caught.value)
    assert not isinstance(caught.value, DamagedError), "the seal holds, so these are the bytes that were written"


def test_random_damage_ends_in_equal_content_or_a_clean_error(tmp_path):
    command = [sys.executable, str(FUZZ), "--cases", "250", "--seconds", "600", "--seed", "1"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "Read as other content: 0" in done.stdout
