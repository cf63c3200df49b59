"""The journal: who has a trial, what a killed writer leaves, and what is no journal of this search."""

import json
import os
from dataclasses import replace

import pytest

from gpunet.errors import ConfigError, DataError
from gpunet.searches import Journal
from gpunet.searches.journal import NAME
from gpunet.searches.lease import ATTEMPTS, SECONDS, Lease, Worker

ONE = {"version": 1, "data_sha256": "a", "search_sha256": "b"}


class Clock:
    now = 1000.0

    def __call__(self):
        return self.now


def opened(folder, clock=None, owner="first", begins=True, identity=ONE):
    return Journal(folder, identity, False, begins, Worker(owner, clock or Clock()))


def queued(folder, clock=None, count=3):
    journal = opened(folder, clock)
    journal.enqueue([{"n": n} for n in range(count)], [{}] * count, 0)
    return journal


def states(journal):
    return [trial.state.name for trial in journal.trials()]


def test_a_trial_has_one_worker(tmp_path):
    first = queued(tmp_path)
    second = opened(tmp_path, owner="second")
    taken = [first.take()[0].number, second.take()[0].number, first.take()[0].number]
    assert taken == [0, 1, 2]
    assert not second.take()


def test_trials_are_queued_once(tmp_path):
    journal = queued(tmp_path)
    opened(tmp_path, owner="second").enqueue([{"n": n} for n in range(3)], [{}] * 3, 0)
    assert len(journal.trials()) == 3


def test_a_lease_that_is_over_frees_the_trial_and_its_late_result_is_left_out(tmp_path):
    clock = Clock()
    first, second = queued(tmp_path, clock), opened(tmp_path, clock, "second")
    (mine,) = first.take()
    assert second.take()[0].number == 1
    clock.now += SECONDS - 1
    assert second.requeue_stale() == []
    first.renew([mine])
    clock.now += 2
    assert second.requeue_stale() == [1]
    clock.now += SECONDS - 1
    assert second.requeue_stale() == [0]
    (theirs,) = second.take()
    assert theirs.number == mine.number
    assert not first.finish(mine, "COMPLETE", 0.5, {})
    assert second.finish(theirs, "COMPLETE", 0.25, {})
    assert second.trials()[0].value == 0.25
    assert not first.finish(mine, "COMPLETE", 0.5, {})


def test_a_trial_of_a_process_that_is_gone_is_free_at_once(tmp_path):
    journal = queued(tmp_path)
    (taken,) = journal.take()
    lease = Lease.of(journal.trials()[0].user_attrs["lease"])
    assert lease.is_alive(1000)
    assert not replace(lease, started="0").is_alive(1000)  # another process has its number now
    assert replace(lease, host="elsewhere", started="0").is_alive(1000)
    child = os.fork()
    if not child:
        opened(tmp_path, owner="child").take()
        os._exit(0)
    os.waitpid(child, 0)
    assert states(journal) == ["RUNNING", "RUNNING", "WAITING"]
    assert journal.requeue_stale() == [1]
    assert taken.number == 0


def test_a_kill_frees_all_trials_of_a_population(tmp_path):
    journal = queued(tmp_path, Clock(), 5)
    child = os.fork()
    if not child:
        opened(tmp_path, owner="child").take(3)
        os._exit(0)
    os.waitpid(child, 0)
    assert states(journal) == ["RUNNING"] * 3 + ["WAITING"] * 2
    assert journal.requeue_stale() == [0, 1, 2]
    assert [trial.number for trial in journal.take(5)] == [0, 1, 2, 3, 4]


def test_workers_share_what_goes_together(tmp_path):
    journal = queued(tmp_path, Clock(), 7)

    def fit(first, other):
        return first["n"] % 2 == other["n"] % 2

    assert [trial.number for trial in journal.take(16, fit=fit, workers=2)] == [0, 2]
    assert [trial.number for trial in journal.take(1, fit=fit, workers=2)] == [1]
    assert [trial.number for trial in journal.take(16, fit=fit)] == [3, 5]
    assert [trial.number for trial in journal.take(16, fit=fit, workers=9)] == [4]


def test_a_trial_that_ends_its_workers_is_given_up(tmp_path):
    clock = Clock()
    journal = queued(tmp_path, clock, 1)
    for _ in range(ATTEMPTS):
        assert journal.take()
        clock.now += SECONDS + 1
    assert not journal.take()
    assert states(journal) == ["FAIL"]
    assert "gone" in journal.trials()[0].user_attrs["problem"]


def test_what_is_given_back_does_not_count_as_an_attempt(tmp_path):
    journal = queued(tmp_path, count=1)
    for _ in range(ATTEMPTS + 2):
        journal.give_back(journal.take())
    assert states(journal) == ["WAITING"]


def test_what_a_killed_writer_left_at_the_end_is_cut_off(tmp_path):
    journal = queued(tmp_path)
    before = (tmp_path / NAME).read_bytes()
    with (tmp_path / NAME).open("ab") as file:
        file.write(b'{"op_code":6,"wor')
    again = opened(tmp_path, owner="again", begins=False)
    assert (tmp_path / NAME).read_bytes() == before
    assert again.take()[0].number == 0
    assert states(journal) == states(again)


@pytest.mark.parametrize("damage", [b"no json\n", b'{"op_code":6}\n', b"[]\n", b"\xff\xfe\n", b'{"op_code":99}\n'])
def test_a_damaged_journal_is_refused_in_one_line(tmp_path, damage):
    queued(tmp_path)
    lines = (tmp_path / NAME).read_bytes().splitlines(keepends=True)
    (tmp_path / NAME).write_bytes(b"".join([*lines[:3], damage, *lines[3:]]))
    with pytest.raises(DataError, match=r"must be a journal as it was written.*Restore it") as error:
        opened(tmp_path, begins=False).trials()
    assert "\n" not in str(error.value)


def test_an_emptied_journal_begins_nothing(tmp_path):
    queued(tmp_path)
    (tmp_path / NAME).write_bytes(b"")
    with pytest.raises(DataError, match="must be a journal as it was written, got no record of a search"):
        opened(tmp_path, begins=False)
    assert (tmp_path / NAME).read_bytes() == b""


def test_with_a_bound_later_trials_wait_on(tmp_path):
    journal = queued(tmp_path, Clock(), 5)
    assert [trial.number for trial in journal.take(5, below=2)] == [0, 1]
    assert not journal.take(5, below=2)
    assert [trial.number for trial in journal.take(5)] == [2, 3, 4]


def test_a_journal_of_another_search_is_refused(tmp_path):
    queued(tmp_path)
    with pytest.raises(ConfigError, match="must be the journal of this search, got one of other data"):
        opened(tmp_path, identity=ONE | {"data_sha256": "c"})
    with pytest.raises(ConfigError, match="got one of another configuration, space or settings"):
        opened(tmp_path, identity=ONE | {"search_sha256": "c"})
    with pytest.raises(ConfigError, match="none"):
        opened(tmp_path / "nowhere", begins=False)
    (tmp_path / "other").mkdir()
    record = {"op_code": 0, "worker_id": "w", "study_name": "theirs", "directions": [1]}
    (tmp_path / "other" / NAME).write_text(json.dumps(record) + "\n")
    with pytest.raises(ConfigError, match="a journal of another program"):
        opened(tmp_path / "other")
