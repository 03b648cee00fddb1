"""
Kills that come in at the same moment: written together, each as if it had been alone; and nobody who looks waits.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import pytest

from incidents.desk import Commit
from incidents.errors import LedgerUnavailable, Refused
from incidents.events import Event
from incidents.ledger import AnswerKey
from incidents.ledger.memory import MemoryLedger
from incidents.ledger.verify import verify
from incidents.operations import Reply
from incidents.snapshot import build
from incidents.testing import ADMIN, Workshop, workshop
from tests.support.servers import wait_for


class SlowDisk(MemoryLedger):
    """Waits while it is slow. ``full``: several do not fit together; ``dies``: after that, nothing fits."""

    def __init__(self) -> None:
        super().__init__()
        self.goes_on = threading.Event()
        self.goes_on.set()
        self.full = self.dies = self.broken = False
        self.writes: list[int] = []  # appends in each write of several

    def append(self, *args: Any, **more: Any) -> list[Event]:
        self.goes_on.wait(10)
        if self.broken:
            raise LedgerUnavailable("memory: the disk is gone")
        if self.writes and self.writes[-1] >= 0:
            self.writes[-1] += 1
        return super().append(*args, **more)

    @contextmanager
    def together(self) -> Iterator[None]:
        with super().together():
            self.writes.append(0)
            yield
            self.writes.append(-1)
            if self.full:
                self.broken = self.dies
                raise LedgerUnavailable("memory: no space left")


class Storm:
    """One kill is on its way to a slow disk; those that come in meanwhile wait for it."""

    def __init__(self) -> None:
        self.disk = SlowDisk()
        self.shop: Workshop = workshop(ledger=self.disk)
        self.people = ThreadPoolExecutor(8)
        self.commits: list[Commit] = []

    @property
    def desk(self) -> Any:
        return self.shop.service.desk

    def kill(self, what: str, name: str, key: AnswerKey | None = None) -> Future[Reply]:
        return self.people.submit(self.shop.service.operations.kill, ADMIN, what, name, "leak", key)

    def comes(self, *wanted: tuple[str, str], key: AnswerKey | None = None) -> list[Future[Reply]]:
        self.disk.goes_on.clear()
        first = self.kill("model", "vega-1")
        wait_for(lambda: _is_held(self.desk._order), "the first has the desk")
        others = [self.kill(what, name, key) for what, name in wanted]
        wait_for(lambda: self.desk.waiting == len(wanted), "the others wait")
        self.desk.on_commit(self.commits.append)
        return [first, *others]

    def passes(self) -> None:
        self.disk.goes_on.set()

    def known(self) -> list[str]:
        with self.desk.read() as state:
            assert build(state) == self.desk.snapshot
            return list(state.order)


def _is_held(lock: Any) -> bool:
    if lock.acquire(blocking=False):
        lock.release()
        return False
    return True


@pytest.fixture
def storm() -> Iterator[Storm]:
    made = Storm()
    yield made
    made.passes()
    made.people.shutdown()
    made.shop.service.stop()


THREE = (("partner", "acme"), ("partner", "globex"), ("capability", "orion-2:tool-use"))


def test_kills_that_wait_at_the_same_moment_are_one_write(storm: Storm) -> None:
    """Each by itself would wait for the disk once for everybody before it."""
    asked = storm.comes(*THREE)
    storm.passes()
    replies = [one.result(10).body for one in asked]

    assert sorted(reply["id"] for reply in replies) == [f"INC-2026-000{n}" for n in range(1, 5)]
    assert storm.disk.writes == [3, -1]
    assert {len(reply["holds"]) for reply in replies} == {1}
    assert len({reply["revision"] for reply in replies}) == 4
    assert len(storm.known()) == 4
    assert verify(storm.disk.read()).wrong is None


def test_points_are_told_once_and_of_all_of_them(storm: Storm) -> None:
    """A change that is told twice or not at all leaves a gateway with another table than ours."""
    asked = storm.comes(*THREE)
    before = storm.desk.snapshot
    storm.passes()
    [one.result(10) for one in asked]

    changes = [commit.change for commit in storm.commits if commit.change is not None]
    assert changes[0].from_revision == before.revision
    assert [c.from_revision for c in changes[1:]] == [c.revision for c in changes[:-1]]
    live = dict(before.live)
    for change in changes:
        live = {k: v for k, v in (live | change.live_set).items() if k not in change.live_remove}
    assert live == storm.desk.snapshot.live
    assert changes[-1].digest == storm.desk.snapshot.digest


def test_the_evidence_of_each_is_the_table_that_the_one_before_left(storm: Storm) -> None:
    """Written together or not, the log reads as if they had come one after the other."""
    asked = storm.comes(*THREE)
    storm.passes()
    [one.result(10) for one in asked]

    frozen = [event.data["table_digest"] for event in storm.disk.read() if event.kind == "incident:evidence:frozen"]
    assert len(set(frozen)) == 4


def test_one_that_is_refused_refuses_nobody_else(storm: Storm) -> None:
    asked = storm.comes(("partner", "acme"), ("partner", "nobody"), ("partner", "globex"))
    storm.passes()

    with pytest.raises(Refused, match="nobody"):
        asked[2].result(10)
    assert [asked[n].result(10).status for n in (0, 1, 3)] == [201, 201, 201]
    assert len(storm.known()) == 3


def test_the_same_wish_twice_in_one_write_is_done_once(storm: Storm) -> None:
    """Slack's second sending may arrive while the first still waits."""
    key = AnswerKey(owner="ada", route="slack", key="k", body="b")
    asked = storm.comes(("partner", "acme"), ("partner", "acme"), key=key)
    storm.passes()
    first, again = sorted((one.result(10) for one in asked[1:]), key=lambda reply: reply.replayed)

    assert (first.replayed, again.replayed) == (False, True)
    assert first.body == again.body
    assert len(storm.known()) == 2


def test_two_people_who_kill_the_same_thing_in_one_write_share_it(storm: Storm) -> None:
    asked = storm.comes(("partner", "acme"), ("partner", "acme"))
    storm.passes()
    bodies = [one.result(10).body for one in asked[1:]]

    assert {body["id"] for body in bodies} == {"INC-2026-0002"}
    assert sorted(body["joined"] for body in bodies) == [False, True]


def test_what_does_not_fit_together_is_written_one_by_one(storm: Storm) -> None:
    """A write of several that fails must cost nobody their kill; and the state holds nothing of what it held."""
    asked = storm.comes(*THREE)
    storm.disk.full = True
    storm.passes()

    assert [one.result(10).status for one in asked] == [201] * 4
    assert storm.known() == [f"INC-2026-000{n}" for n in range(1, 5)]
    assert verify(storm.disk.read()).wrong is None


def test_kills_that_can_not_be_written_at_all_stop_the_grants_and_leave_nothing_behind(storm: Storm) -> None:
    """What was never written may be seen by nobody, nor be counted on by the next decision."""
    asked = storm.comes(*THREE)
    storm.disk.full = storm.disk.dies = True
    storm.passes()

    assert asked[0].result(10).status == 201
    for one in asked[1:]:
        with pytest.raises(LedgerUnavailable):
            one.result(10)
    assert storm.desk.blocked is not None
    assert storm.known() == ["INC-2026-0001"]
    storm.disk.broken = False
    assert storm.kill("partner", "acme").result(10).body["id"] == "INC-2026-0002"


def test_grants_stop_before_the_last_of_many_kills_has_failed(storm: Storm, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each may wait seconds for a locked disk; no gateway may be granted anything until the last has waited."""
    asked = storm.comes(*THREE)
    storm.disk.full = storm.disk.dies = True
    blocked: list[bool] = []
    alone = storm.desk._done

    def watched(wish: Any) -> Any:
        if wish.narrowing:
            blocked.append(storm.desk.blocked is not None)
        return alone(wish)

    monkeypatch.setattr(storm.desk, "_done", watched)
    storm.passes()
    for one in asked[1:]:
        with pytest.raises(LedgerUnavailable):
            one.result(10)

    assert blocked == [True, True, True]
    storm.disk.broken = False
    storm.desk.try_resume()
    assert (storm.desk.blocked, storm.disk.read()[-1].kind) == (None, "ledger:write:resumed")


def test_notes_share_a_write_with_kills(storm: Storm) -> None:
    """In a storm people write as well; neither they nor the next kill wait for one another's disk."""
    storm.shop.service.operations.kill(ADMIN, "partner", "initech", "before")
    asked = storm.comes(("partner", "acme"))
    notes = [
        storm.people.submit(storm.shop.service.operations.note, ADMIN, "INC-2026-0001", f"seen {n}") for n in range(3)
    ]
    wait_for(lambda: storm.desk.waiting == 4, "they wait with the kill")
    storm.passes()
    lines = [note.result(10).body["seq"] for note in notes]

    assert [one.result(10).status for one in asked] == [201, 201]
    assert storm.disk.writes == [4, -1]
    assert len(set(lines)) == 3
    assert verify(storm.disk.read()).wrong is None


def test_whoever_only_looks_does_not_wait_for_the_disk(storm: Storm) -> None:
    """Fifty commands come in while one is written: those that ask are answered, those that kill get in line."""
    asked = storm.comes(("partner", "acme"))

    seen = storm.people.submit(storm.shop.service.operations.incidents, ADMIN).result(5)

    assert seen["items"] == []
    storm.passes()
    assert [one.result(10).status for one in asked] == [201, 201]


def test_who_follows_the_log_may_be_faster_than_who_wrote_it(shop: Workshop, monkeypatch: pytest.MonkeyPatch) -> None:
    """The engine looks at the head every 50 ms; what it has taken in must not be taken in a second time."""
    desk, heard = shop.service.desk, []
    append = shop.service.ledger.append

    def overtaken(*args: Any, **more: Any) -> list[Event]:
        events = append(*args, **more)
        engine = threading.Thread(target=desk.follow)
        engine.start()
        engine.join(10)
        return events

    desk.on_commit(lambda commit: heard.extend(event.seq for event in commit.events))
    monkeypatch.setattr(shop.service.ledger, "append", overtaken)
    shop.service.operations.kill(ADMIN, "partner", "acme", "leak")

    assert heard == sorted(set(heard))
    assert len(heard) > 3
    with desk.read() as state:
        assert build(state) == desk.snapshot
