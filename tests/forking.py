"""Many runs of the program out of one process that has everything loaded: each in a fork, with streams of its own.

A case is ``words``, with any of: ``out`` and ``err``, each of ``file`` (its content comes back), ``full``, ``closed``
or ``gone``, a pipe whose reader has left; ``encoding`` of both; ``signal``, sent from within when a file whose name
ends in ``at`` is opened; ``ignored``, signals that the program finds ignored.
"""

import io
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

PROGRAM = """
import json, sys
sys.path.insert(0, sys.argv[1])
import forking
forking.serve(json.load(sys.stdin))
"""
LOADED = "api.loading", "api.samples", "cli.terminal", "cli.reporting.page", "cli.views.history", "inspection.sampling"


def runs(cases, cwd):
    """(exit code, standard output, standard error) of each case; a signal that ends it is a negative code."""
    for place, case in enumerate(cases):
        case["place"] = str(cwd / f".case-{place}")
    environment = {k: v for k, v in os.environ.items() if not k.startswith("GPUNET_")} | {"OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, Path(__file__).parent], input=json.dumps(cases), cwd=cwd, env=environment,
        capture_output=True, text=True, timeout=500,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    codes = json.loads(done.stdout)
    assert len(codes) == len(cases)
    found = []
    for code, case in zip(codes, cases):
        texts = []
        for name in ("out", "err"):
            path = Path(f"{case['place']}.{name}")
            texts.append(path.read_bytes().decode("utf-8", "surrogateescape") if path.exists() else "")
            path.unlink(missing_ok=True)
        found.append((code, *texts))
    return found


def serve(cases):
    """Run all cases, one after the other, and print their exit codes."""
    for module in LOADED:
        __import__(f"gpunet.{module}")
    codes = []
    for case in cases:
        child = os.fork()
        if not child:
            begin(case)
        codes.append(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
    print(json.dumps(codes))


def begin(case):
    """Be the program; does not return."""
    for name, descriptor in (("out", 1), ("err", 2)):
        redirect(case.get(name, "file"), descriptor, f"{case['place']}.{name}")
    encoding = case.get("encoding", "utf-8")
    closed = [case.get(name) == "closed" for name in ("out", "err")]
    sys.stdout, sys.stderr = (
        None if gone else io.TextIOWrapper(open(d, "wb", closefd=False), encoding, "strict")  # noqa: SIM115
        for d, gone in zip((1, 2), closed)
    )
    signal.signal(signal.SIGINT, signal.default_int_handler)
    for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1):  # ignored where the tests run under nohup
        signal.signal(number, signal.SIG_DFL)
    for number in case.get("ignored", []):
        signal.signal(number, signal.SIG_IGN)
    if "signal" in case:
        sys.addaudithook(lambda event, arguments: interrupt(case, event, arguments))
    sys.argv = ["gpunet", *case["words"]]
    from gpunet.cli.program import run

    code = 1
    try:
        run()
    except SystemExit as done:
        code = done.code or 0
    except BaseException:  # noqa: BLE001  a fork must not go on as its parent
        import traceback

        traceback.print_exc()
    finally:
        for stream in filter(None, (sys.stdout, sys.stderr)):
            stream.flush()
        os._exit(code)


def redirect(kind, descriptor, path):
    """Let a descriptor be what a case says."""
    if kind == "closed":
        os.close(descriptor)
        return
    if kind == "gone":
        reader, writer = os.pipe()
        os.close(reader)
    else:
        writer = os.open("/dev/full" if kind == "full" else path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
    os.dup2(writer, descriptor)
    os.close(writer)


def interrupt(case, event, arguments):
    """Send the signal of a case at its place, once."""
    if event == "open" and "signal" in case and str(arguments[0]).endswith(case["at"]):
        signal.raise_signal(case.pop("signal"))
