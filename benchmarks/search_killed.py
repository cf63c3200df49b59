"""Kills workers of searches at random instants: every trial is finished once, none is lost or doubled.

The same searches are carried out alone before; values, scores and curves of all trials, the chosen model and its noise
must be the same afterwards, but where a trial was given up because its workers were gone three times.  Half of the
kills hit a worker that holds a trial, the others any worker; on a cluster all hit one that trains.

    python benchmarks/search_killed.py --kills 100 --save
    python benchmarks/search_killed.py --kills 20 --dask local:4 --save
"""

import json
import os
import random
import shutil
import signal
import tempfile
import threading
import time
from collections import Counter
from contextlib import ExitStack, suppress
from pathlib import Path

from page import result, saving

import gpunet
from gpunet.cluster import opened
from gpunet.searches.drawing import sizes

WORKERS = 4
SPACE = {
    "lr": {"log": [1e-4, 1e-1]},
    "optimizer": {"choice": ["sgd", "adam"]},
    "momentum": {"one_minus_log": [0.5, 0.99], "when": {"optimizer": "sgd"}},
}
KEYS = {"hidden": [32], "dropout": 0.0, "input_dropout": 0.0, "epochs": 6, "device": "cpu", "noise": 2}
COMPLETE, ENDED = 1, (1, 2, 3)  # states of trials in the journal


def carried_out(options, seed, run=None, **more):
    """One search on digits, stage after stage."""
    how = {"trials": options.trials, "method": "coarse_to_fine", "seed": seed, "together": 4, **KEYS, **more}
    return gpunet.search("mlp", data="digits", space=SPACE, run=run, **how)


def known(found):
    """What may not depend on who trained it."""
    trials = [(one["number"], one["values"], one["scores"], one["curve"], one["state"]) for one in found["trials"]]
    return trials, found["best"], found["test"], found["noise"]


def ends_of(journal):
    """The states that each trial has ended in, by its number, as the journal says line by line."""
    found = {}
    for line in journal.read_text().splitlines():
        record = json.loads(line)
        if record["op_code"] == 6 and record["state"] in ENDED:
            found.setdefault(record["trial_id"], []).append(record["state"])
    return found


class Killer(threading.Thread):
    """Kills a worker now and then, until it is told that the search is over.

    Args:
        rng: of instants and victims.
        victims: the processes that may be killed now.
        most: kills.
    """

    def __init__(self, rng, victims, most):
        super().__init__(daemon=True)
        self.rng, self.victims, self.most, self.kills, self.over = rng, victims, most, 0, threading.Event()

    def run(self):
        """Kill."""
        while not self.over.wait(self.rng.uniform(0.05, 1.0)):
            pids = self.victims()
            if pids and self.kills < self.most:
                with suppress(ProcessLookupError):
                    os.kill(self.rng.choice(pids), signal.SIGKILL)
                    self.kills += 1


def children(program):
    """Processes that this one has started and that run a module."""
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            parent = int(path.read_text().rpartition(")")[2].split()[1])
            if parent == os.getpid() and program.encode() in path.with_name("cmdline").read_bytes():
                found.append(int(path.parent.name))
    return sorted(found)


def holding(journal):
    """Workers that hold a trial, by the last leases in the journal."""
    there, found = set(children("gpunet.api.worker")), {}
    with suppress(OSError, ValueError):
        for line in journal.read_text().splitlines():
            if '"lease"' in line or '"op_code": 6' in line:
                record = json.loads(line)
                lease = record.get("user_attr", {}).get("lease")
                if lease:
                    found[record["trial_id"]] = lease["pid"]
                elif record["op_code"] == 6 and record["state"] in ENDED:
                    found.pop(record["trial_id"], None)
    return sorted(set(found.values()) & there)


def training(client):
    """Workers of a cluster of this machine that have a task."""
    with suppress(OSError, TimeoutError, RuntimeError):
        busy = [worker for worker, keys in client.processing().items() if keys]
        return sorted(client.run(os.getpid, workers=busy, on_error="ignore").values()) if busy else []
    return []


def main():
    """Read the options, kill, compare, report."""
    parser = saving(__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--trials", type=int, default=48)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--dask", metavar="local:N")
    options = parser.parse_args()
    rng, base, began = random.Random(options.seed), Path(tempfile.mkdtemp()), time.monotonic()
    counted, alone = Counter(), {}
    with ExitStack() as stack:
        cluster = stack.enter_context(opened(options.dask, "cpu")) if options.dask else None
        while counted["kills"] < options.kills:
            seed = counted["searches"] % 4
            if seed not in alone:
                alone[seed] = known(carried_out(options, seed).document)
            run = base / f"search-{counted['searches']}"
            journal = run / "search.journal"

            def victims(journal=journal):
                if cluster is not None:
                    cluster.workers()  # starts those again that were killed
                    return training(cluster.client)
                return holding(journal) if rng.random() < 0.5 else children("gpunet.api.worker")

            killer = Killer(rng, victims, options.kills - counted["kills"])
            killer.start()
            more = {"workers": WORKERS} if cluster is None else {"dask": cluster.client}
            found = carried_out(options, seed, run=run, **more).document
            killer.over.set()
            killer.join()
            check(found, alone[seed], ends_of(journal), options.trials, counted)
            counted["kills"] += killer.kills
            counted["searches"] += 1
            counted["again"] += sum(one["attempts"] > 1 for one in found["trials"])
            print(
                f"{counted['kills']} kills, {counted['searches']} searches, {time.monotonic() - began:.0f} s",
                flush=True,
            )
    shutil.rmtree(base)  # left where it is when something was wrong
    where = f"the workers of `--dask {options.dask}`" if options.dask else f"{WORKERS} processes"
    lines = [
        f"Searches of {options.trials} trials each, {counted['searches']} of them, coarse to fine, over learning rate, "
        f"optimizer and momentum of 64-32-10 on digits, by {where}.",
        "",
        f"{counted['kills']} workers were killed with SIGKILL. {counted['again']} trials had to be begun again; "
        f"{counted['given up']} were given up after their workers were gone three times, as is the rule.",
        "",
        f"All {counted['trials']} trials ended once in the journal, none was lost, none doubled. In {counted['whole']} "
        f"of {counted['searches']} searches none was given up: values, scores and curves of all trials, chosen model, "
        "test error and noise were those of the same search without workers. Elsewhere the finished trials were, or "
        "where one of the first stage was given up, on which the second depends, those of the first.",
    ]
    how = f"seed {options.seed}, {time.monotonic() - began:.0f} s"
    name, title = ("cluster_killed", "Workers of a cluster that were killed") if options.dask else (
        "search_killed", "Workers of searches that were killed"
    )  # fmt: skip
    result(name, title, lines, options.save, how)


def check(found, alone, ends, trials, counted):
    """Compare a search whose workers were killed with the same one alone.

    Raises:
        AssertionError: a trial was lost or doubled, or came to something else.
    """
    assert sorted(ends) == list(range(trials)), f"lost: {sorted(set(range(trials)) - set(ends))}"
    assert all(len(states) == 1 for states in ends.values()), f"doubled: {ends}"
    given_up = [one["number"] for one in found["trials"] if one["state"] == "failed"]
    for number in given_up:
        assert "times" in found["trials"][number]["problem"], found["trials"][number]["problem"]
    if not given_up:
        assert known(found) == alone, "another result than without a kill"
        counted["whole"] += 1
    elif min(given_up) < sizes(trials, 2)[0]:
        # The second stage follows from what the first one came to: here from one trial less.
        ours, theirs = (trials_of[: sizes(trials, 2)[0]] for trials_of in (known(found)[0], alone[0]))
        assert [one for one in ours if one[0] not in given_up] == [one for one in theirs if one[0] not in given_up]
    else:
        assert [one for one in known(found)[0] if one[0] not in given_up] == [
            one for one in alone[0] if one[0] not in given_up
        ], "another trial than without a kill"
    counted["given up"] += len(given_up)
    counted["trials"] += trials


if __name__ == "__main__":
    main()
