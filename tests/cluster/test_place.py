"""Where a cluster may be, and what is said where there is none: one line with the remedy."""

import socket
import subprocess
import sys
import threading

import pytest

import gpunet
from gpunet.cluster import ATTEMPTS, Gone, Local, Tasks, opened, place_of
from gpunet.cluster.cluster import difference
from gpunet.cluster.processes import visible_gpus
from gpunet.ensembles.remote import divided
from gpunet.errors import ClusterError, ConfigError, ConfigErrors, DivergedError
from gpunet.interruption import Stop
from shell import refused


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("local:3", Local(3)),
        ("tcp://10.0.0.1:8786", "tcp://10.0.0.1:8786"),
        ("node-1.example:8786", "tcp://node-1.example:8786"),
        ("tls://[::1]:8786/", "tls://[::1]:8786"),
    ],
)
def test_places(text, expected):
    assert place_of(text) == expected


@pytest.mark.parametrize(
    "text", ["", "local", "local:0", "local:-1", "local:many", "local:99999", "host", "tcp://host", "tcp://host:0",
             "host:99999", "http://host:80", "tcp://a b:8786", "tcp://user@host:8786", 3, None]
)  # fmt: skip
def test_what_is_no_place_is_one_line(text):
    with pytest.raises(ConfigError, match=r"^dask: must .*For example") as error:
        place_of(text)
    assert "\n" not in str(error.value)


def test_nothing_at_an_address_is_one_line(tmp_path, monkeypatch):
    monkeypatch.setattr("gpunet.cluster.cluster.ANSWER", 1)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"tcp://127.0.0.1:{free.getsockname()[1]}"
    with pytest.raises(ClusterError, match="must be a Dask scheduler that answers") as error, opened(address):
        pass
    assert error.value.exit_code == 7
    assert f"dask scheduler --port {address.rpartition(':')[2]}" in str(error.value)
    assert "\n" not in str(error.value)


def test_another_program_at_an_address_is_one_line(monkeypatch):
    monkeypatch.setattr("gpunet.cluster.cluster.ANSWER", 1)

    def greet():
        for _ in range(2):
            connection, _ = server.accept()
            with connection:
                connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")

    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=greet, daemon=True)
        thread.start()
        address = f"tcp://127.0.0.1:{server.getsockname()[1]}"
        with pytest.raises(ClusterError, match="must be a Dask scheduler that answers"), opened(address):
            pass
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"tcp://127.0.0.1:{silent.getsockname()[1]}"
        with pytest.raises(ClusterError, match="must be a Dask scheduler that answers"), opened(address):
            pass


def test_workers_of_other_versions_are_told_apart():
    here = {"host": {"python": "3.11.7.final.0"}, "packages": {"gpunet": "0.1.0", "distributed": "2026.8.0"}}

    def other(python="3.11.2", **packages):
        return {"host": {"python": python}, "packages": here["packages"] | packages}

    assert difference(here, other()) == ""
    assert difference(here, other(python="3.12.1")) == "must have Python 3.11, got 3.12"
    assert difference(here, other(gpunet="0.2.0")) == "must have gpunet 0.1.0, got 0.2.0"
    assert difference(here, other(gpunet=None)) == "must have gpunet 0.1.0, got none"
    assert difference(here, other(distributed="2025.1.0")) == "must have distributed 2026.8.0, got 2025.1.0"


def test_gpus_of_workers_are_those_of_this_process():
    assert visible_gpus({"CUDA_VISIBLE_DEVICES": "GPU-1a, 3"}) == ["GPU-1a", "3"]
    assert visible_gpus({"CUDA_VISIBLE_DEVICES": ""}) == []


def test_a_task_that_ends_its_workers_is_given_up(monkeypatch):
    """Three workers are gone, one after the other, while they had it."""
    started = []
    tasks = Tasks(None, len, len, None)
    monkeypatch.setattr(tasks, "start", lambda job, argument: started.append(job) or True)
    monkeypatch.setattr(tasks, "ended", lambda: [(started[-1], Gone("tcp://worker"))])
    with pytest.raises(ClusterError, match="one whose worker was gone 3 times"):
        list(tasks.each(["argument"], Stop()))
    assert started == [0] * ATTEMPTS


def test_parts_of_an_ensemble_are_all_of_it():
    for size in range(1, 9):
        for parts in range(1, 12):
            found = divided(size, parts)
            assert [first + n for first, count in found for n in range(count)] == list(range(size))
            assert {count for _, count in found} <= {size // min(parts, size), -(-size // min(parts, size))}


def test_errors_come_from_other_processes_as_they_were_raised():
    import pickle

    first = ConfigError("l2", "must be at least 0", -1, "Leave it out")
    several = ConfigErrors([first, ConfigError("epochs", "must be above 0")])
    diverged = DivergedError("loss", "must be finite", "nan")
    diverged.healthy = "last.h5"
    for error in (first, several, diverged):
        again = pickle.loads(pickle.dumps(error))  # noqa: S301 - of our own making
        assert (type(again), str(again), vars(again)) == (type(error), str(error), vars(error))


def test_what_does_not_go_with_a_cluster_is_one_line(tmp_path):
    refused("search", "mlp", "--dask", "local:2", "--workers", "2", cwd=tmp_path, code=2, expected="Leave one of both")
    refused("train", "mlp", "--dask", "local:2", cwd=tmp_path, code=2, expected="Add --folds K")
    with pytest.raises(ConfigError, match="Leave one of both out"):
        gpunet.search("mlp", [[0.0], [1.0]], [0, 1], workers=2, dask="local:2")


def test_distributed_is_loaded_when_it_is_asked_for():
    said = "import sys, gpunet.cluster, gpunet.api; sys.exit('distributed' in sys.modules or 'dask' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", said], check=False).returncode == 0
