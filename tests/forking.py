"""Runs of the program out of one process that has everything loaded: each in a fork, with streams of its own.

A fork is a process like any other, but for what a start takes. What must be seen from the start, as variables that
libraries read when they are loaded, is seen in a process of its own (``shell.gpunet`` with ``env``).

A case is ``words``, with any of: ``input``, the text of standard input; ``out`` and ``err``, each of ``file`` (its
content comes back), ``full``, ``closed`` or ``gone``, a pipe whose reader has left, and ``err`` of ``joined``, which is
where ``out`` goes; ``encoding`` of both; ``signal``, sent from within when a file whose name ends in ``at`` is opened;
``ignored``, signals that the program finds ignored.
"""

import atexit
import io
import json
import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

PROGRAM = """
import sys
sys.path.insert(0, sys.argv[1])
import forking
forking.serve()
"""
LOADED = "api.loading", "api.samples", "cli.terminal", "cli.reporting.page", "cli.views.history", "inspection.sampling"


class Server:
    """The process that is forked, started when it is first asked."""

    def __init__(self):
        self.process = None
        self.folder = tempfile.TemporaryDirectory(prefix="gpunet-tests-")
        atexit.register(self.end)

    def run(self, case, cwd):
        """(exit code, standard output, standard error) of a case; a signal that ends it is a negative code."""
        place = str(Path(self.folder.name) / "case")
        environment = {k: v for k, v in os.environ.items() if not k.startswith("GPUNET_")}
        case = case | {"place": place, "cwd": str(cwd), "environment": environment | {"OMP_NUM_THREADS": "1"}}
        Path(f"{place}.in").write_text(case.pop("input", ""))
        code = self.ask(json.dumps(case))
        texts = []
        for name in ("out", "err"):
            path = Path(f"{place}.{name}")
            texts.append(path.read_bytes().decode("utf-8", "surrogateescape") if path.exists() else "")
            path.unlink(missing_ok=True)
        return code, *texts

    def ask(self, line):
        """What the process answers; where the answer does not come, or is not waited for, it ends with its forks."""
        if self.process is None:
            self.process = subprocess.Popen(
                [sys.executable, "-c", PROGRAM, Path(__file__).parent], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                env=os.environ | {"OMP_NUM_THREADS": "1"}, text=True, bufsize=1, start_new_session=True,
            )  # fmt: skip
        try:
            self.process.stdin.write(line + "\n")
            return int(self.process.stdout.readline())
        except BaseException:
            self.end()
            raise

    def end(self):
        """End the process and what it has forked."""
        if self.process is not None:
            os.killpg(self.process.pid, signal.SIGKILL)
            with self.process:
                self.process = None


SERVER = Server()


def runs(cases, cwd):
    """(exit code, standard output, standard error) of each case, run in a folder one after the other."""
    return [SERVER.run(case, cwd) for case in cases]


def serve():
    """Run a case for each line of standard input, and print its exit code."""
    for module in LOADED:
        __import__(f"gpunet.{module}")
    from walking import in_this_process

    with in_this_process():
        for line in sys.stdin:
            child = os.fork()
            if not child:
                begin(json.loads(line))
            print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)


def begin(case):
    """Be the program; does not return."""
    os.chdir(case["cwd"])
    os.environ.clear()
    os.environ.update(case["environment"])
    reader = os.open(f"{case['place']}.in", os.O_RDONLY)
    os.dup2(reader, 0)
    os.close(reader)
    for name, descriptor in (("out", 1), ("err", 2)):
        redirect(case.get(name, "file"), descriptor, f"{case['place']}.{name}")
    encoding = case.get("encoding", "utf-8")
    sys.stdin = io.TextIOWrapper(open(0, "rb", closefd=False), "utf-8")  # noqa: SIM115
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
    if kind == "joined":
        os.dup2(1, descriptor)
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
