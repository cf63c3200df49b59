"""The tests that use a device, on a GPU, in parts of a few minutes each: ``make test-gpu``.

A part is a process of its own.  It begins no test once its time is over, and the next part goes on with those that are
left; what was found is kept in ``build/test-gpu.json``, so that parts may also be run one by one.

python tests/gpu.py [--one] [--anew] [--seconds 330] [PATH...]
"""

import argparse
import json
import subprocess
import sys
import time
from pathlib import Path

import pytest

from gpunet.backend import resolve_device
from gpunet.errors import DeviceError

ROOT = Path(__file__).parents[1]
STATE = ROOT / "build" / "test-gpu.json"
# Of a part: with the two minutes that a test may take, and what it takes to find the tests, less than eight minutes.
SECONDS = 330.0


class Part:
    """Runs what is left for so many seconds, and notes what came of it.

    Args:
        state: the file.
        seconds: after which no test begins.
    """

    def __init__(self, state, seconds):
        self.state, self.seconds, self.began = state, seconds, time.monotonic()
        found = read(state)
        self.wanted, self.failed, self.passed = found["left"], found["failed"], found["passed"]
        self.done = set()

    def pytest_collection_modifyitems(self, config, items):
        """Leave those that use no device, and those that are done."""
        chosen = [item for item in items if "device" in getattr(item, "fixturenames", ())]
        if self.wanted is not None:
            left = set(self.wanted)
            chosen = [item for item in chosen if item.nodeid in left]
        kept = set(map(id, chosen))
        config.hook.pytest_deselected(items=[item for item in items if id(item) not in kept])
        items[:] = chosen
        self.wanted = [item.nodeid for item in items]

    @pytest.hookimpl(trylast=True)
    def pytest_runtest_logfinish(self, nodeid):
        """Note that a test is done."""
        self.done.add(nodeid)

    def pytest_runtest_logreport(self, report):
        """Count it."""
        if report.failed:
            self.failed.append(f"{report.nodeid} ({report.when})")
        elif report.passed and report.when == "call":
            self.passed += 1

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item):
        """Run it, and let nothing follow where the time is over."""
        result = yield
        if time.monotonic() - self.began > self.seconds:
            items = item.session.items
            del items[items.index(item) + 1 :]
        return result

    def pytest_sessionfinish(self):
        """Write what is left."""
        left = [name for name in self.wanted or () if name not in self.done]
        write(self.state, {"left": left, "failed": self.failed, "passed": self.passed})


def read(state):
    """What is known: tests that are left, or None before the first part; those that failed; how many passed."""
    return json.loads(state.read_text()) if state.exists() else {"left": None, "failed": [], "passed": 0}


def write(state, found):
    """Keep it."""
    state.parent.mkdir(parents=True, exist_ok=True)
    state.write_text(json.dumps(found, indent=1) + "\n")


def part(options):
    """One part, in this process."""
    words = ["-q", "-p", "no:cacheprovider", "-p", "no:xdist", "--backend", options.backend, *options.paths]
    return int(pytest.main(words, plugins=[Part(options.state, options.seconds)]))


def parts(options):
    """Parts one after the other, each a process, until nothing is left."""
    if options.anew or not read(options.state)["left"]:
        options.state.unlink(missing_ok=True)
    words = [sys.executable, __file__, "--part", "--state", str(options.state), "--seconds", str(options.seconds)]
    before = None
    while True:
        done = subprocess.run([*words, "--backend", options.backend, *options.paths], check=False, cwd=ROOT)
        found = read(options.state)
        if done.returncode not in (0, 1, 5) or found["left"] == before:
            print(f"test-gpu: a part ended with {done.returncode}, with {len(found['left'] or ())} tests left")
            return 1
        before = found["left"]
        print(f"test-gpu: {found['passed']} passed, {len(found['failed'])} failed, {len(before)} left", flush=True)
        if not before or options.one:
            break
    for name in found["failed"]:
        print(f"test-gpu: failed: {name}")
    return int(bool(found["failed"]))


def main():
    """See that there is a GPU, and run parts."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("paths", nargs="*", help="of tests; all by default")
    parser.add_argument("--one", action="store_true", help="run the next part alone")
    parser.add_argument("--anew", action="store_true", help="begin with the first part")
    parser.add_argument("--seconds", type=float, default=SECONDS, help="of a part, after which no test begins")
    parser.add_argument("--state", type=Path, default=STATE, help="where to keep what was found")
    parser.add_argument("--backend", choices=["cupy", "numpy"], default="cupy", help="numpy tries the parts themselves")
    parser.add_argument("--part", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.part:
        return part(options)
    if options.backend == "cupy":
        try:
            resolve_device("cuda")
        except DeviceError as error:
            print(f"test-gpu: {error}", file=sys.stderr)
            return error.exit_code
    return parts(options)


if __name__ == "__main__":
    sys.exit(main())
