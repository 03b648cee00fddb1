"""The client's lease, alone and as part of a point: clocks are arguments, so every second here is a chosen one."""

from __future__ import annotations

import math
from typing import Any

import pytest

from incidents.client import GRANTED, LEASE_LAPSED, Copy, Lease, Point, Usage
from tests.support.fake_enforcement import sample_table, snapshot_of

NOW = 1_795_435_200.0  # 2026-11-23T12:00:00Z


def copy_at(revision: int = 812, **entries: Any) -> Copy:
    return Copy.from_snapshot(snapshot_of(sample_table() | entries, revision=revision))


def asks(point: Point, nonce: str, *, boot: float = 100.0, wall: float = NOW) -> dict[str, Any]:
    assert point.copy is not None
    body = point.ask(nonce, point.copy, point.copy.revision, [], boot, wall)
    assert body is not None
    return body


def grant(nonce: str, *, revision: int = 812, seconds: object = 15, ledger: str = "ledger-1") -> dict[str, Any]:
    return {"nonce": nonce, "revision": revision, "ledger": ledger, "lease_seconds": seconds, "usage": []}


def leased_point(**entries: Any) -> Point:
    point = Point("i-1", copy_at(**entries))
    asks(point, "n-1")
    assert point.answered(grant("n-1"), Usage()) == "granted"
    return point


def test_a_lease_counts_from_sending_so_a_slow_answer_shortens_it() -> None:
    """The server's bound starts at the request; a second on the line must come off the lease, not be added to it."""
    lease = Lease()
    lease.begin("n", 100.0, NOW)
    lease.granted("n", 15)

    assert lease.held(114.9, NOW + 14.9)
    assert not lease.held(115.0, NOW + 15.0)
    assert lease.left(110.0, NOW + 10.0) == pytest.approx(5.0)


def test_a_retry_keeps_the_time_of_the_first_attempt() -> None:
    """The server may have granted the first attempt, whose answer was lost."""
    lease = Lease()
    lease.begin("n", 100.0, NOW)
    lease.begin("n", 104.0, NOW + 4)
    lease.granted("n", 15)

    assert not lease.held(116.0, NOW + 16)


@pytest.mark.parametrize("nonce", ["other", ""])
def test_an_answer_to_another_request_is_discarded(nonce: str) -> None:
    """An answer that was delayed for an hour must not be counted from now."""
    lease = Lease()
    lease.begin("n", 100.0, NOW)

    assert not lease.granted(nonce, 15)
    assert not lease.held(100.0, NOW)
    assert lease.granted("n", 15), "the real answer still counts"


def test_the_same_answer_twice_counts_once() -> None:
    """A duplicate must not be taken for the answer to a request with a later time."""
    lease = Lease()
    lease.begin("n", 100.0, NOW)
    assert lease.granted("n", 15)
    assert not lease.granted("n", 15)
    lease.begin("m", 110.0, NOW + 10)

    assert not lease.granted("n", 15)
    assert not lease.held(116.0, NOW + 16)


def test_of_two_grants_the_one_that_ends_last_counts_in_either_order() -> None:
    """Answers overtake each other; a late old one must neither shorten nor lengthen the lease."""
    for order in (("old", "new"), ("new", "old")):
        lease = Lease()
        lease.begin("old", 100.0, NOW)
        lease.begin("new", 105.0, NOW + 5)
        for nonce in order:
            assert lease.granted(nonce, 15)

        assert lease.held(119.9, NOW + 19.9)
        assert not lease.held(120.0, NOW + 20)


def test_a_wall_clock_that_jumps_forward_ends_the_lease_for_good() -> None:
    """A machine image resumed elsewhere shows in the wall clock only; turning it back must not revive the lease."""
    lease = Lease()
    lease.begin("n", 100.0, NOW)
    lease.granted("n", 15)

    assert not lease.held(101.0, NOW + 3600)
    assert not lease.held(102.0, NOW + 2)


def test_a_wall_clock_that_jumps_back_does_not_lengthen_the_lease() -> None:
    """The wall clock may only shorten: the boot clock still ends it."""
    lease = Lease()
    lease.begin("n", 100.0, NOW)
    lease.granted("n", 15)

    assert lease.held(114.0, NOW - 3600)
    assert not lease.held(115.0, NOW - 3600)


@pytest.mark.parametrize("seconds", [-1, 300.1, math.nan, math.inf, True, "15", None])
def test_a_length_that_is_no_number_from_0_to_300_is_refused(seconds: object) -> None:
    """A bound of 300 s is promised; no answer may stretch it."""
    lease = Lease()
    lease.begin("n", 100.0, NOW)

    assert not lease.granted("n", seconds)
    assert not lease.held(100.0, NOW)


def test_an_ended_lease_is_not_brought_back_by_an_answer_under_way() -> None:
    """After a 401 the grant that was sent just before it must not count."""
    lease = Lease()
    lease.begin("n", 100.0, NOW)
    lease.granted("n", 15)
    lease.begin("m", 101.0, NOW + 1)
    lease.end()

    assert not lease.granted("m", 15)
    assert not lease.held(101.0, NOW + 1)


def test_a_point_allows_only_while_its_lease_lasts() -> None:
    """The whole purpose: an old copy is dead one lease after its last renewal."""
    point = leased_point()

    assert point.decide("acme", "orion-2", "tool-use", None, 114.9, NOW + 14).reason == GRANTED
    assert point.decide("acme", "orion-2", "tool-use", None, 115.0, NOW + 15).reason == LEASE_LAPSED


def test_a_copy_from_the_disk_gives_no_authority() -> None:
    """A process that starts has no lease whatever it finds, and flags that allow on silence wait for one as well."""
    point = Point("i-1", copy_at())

    for capability in ("tool-use", "code-execution"):
        assert point.decide("acme", "orion-2", capability, None, 100.0, NOW).reason == LEASE_LAPSED


def test_silence_allows_with_known_holds_once_a_lease_was_held() -> None:
    """on_silence: allow keeps the last known decision, and what is known to be held stays held."""
    point = leased_point(**{"partner:globex": {"audience": "trusted-partner", "revoked": True}})
    point_says = [point.decide(p, "orion-2", "code-execution", None, 999.0, NOW + 900) for p in ("acme", "globex")]

    assert [each.reason for each in point_says] == [GRANTED, "partner-revoked"]
    assert point.decide("acme", "orion-2", "tool-use", None, 999.0, NOW + 900).reason == LEASE_LAPSED


def test_a_token_that_was_taken_away_ends_lease_and_silence_at_once() -> None:
    """401 is an answer, not silence."""
    point = leased_point()
    point.turned_away()

    for capability in ("tool-use", "code-execution"):
        assert point.decide("acme", "orion-2", capability, None, 101.0, NOW + 1).reason == LEASE_LAPSED


def test_a_fork_leaves_the_child_without_lease_or_authority() -> None:
    """The child is another instance: the server does not know it, so nobody would wait for it."""
    point = leased_point()
    asks(point, "n-2", boot=101.0)
    point.forked("i-2")

    assert point.answered(grant("n-2"), Usage()) == "discarded"
    assert point.decide("acme", "orion-2", "code-execution", None, 102.0, NOW).reason == LEASE_LAPSED
    assert asks(point, "n-3")["instance"] == "i-2"


def test_another_ledger_drops_copy_and_lease() -> None:
    """Revision 900 of a restored backup says nothing about revision 812 of this one."""
    point = leased_point()
    point.take_change({"ledger": "ledger-2", "from": 812, "revision": 813, "digest": "0" * 64})

    assert point.copy is None
    assert point.wants_snapshot
    assert not point.lease.held(101.0, NOW + 1)


def test_a_grant_from_before_the_ledger_changed_is_discarded() -> None:
    """The lease was given for a table that is gone."""
    point = leased_point()
    asks(point, "n-2", boot=101.0)
    point.take_snapshot(Copy.from_snapshot(snapshot_of(sample_table(), ledger="ledger-2", revision=5)))

    assert point.answered(grant("n-2"), Usage()) == "discarded"
    assert not point.lease.held(102.0, NOW + 2)


def test_a_grant_for_another_revision_than_was_acknowledged_is_discarded() -> None:
    """A server that grants against something this point does not hold is mistaken about one of the two."""
    point = Point("i-1", copy_at())
    asks(point, "n-1")

    assert point.answered(grant("n-1", revision=813), Usage()) == "discarded"
    assert not point.lease.held(100.0, NOW)
    assert point.wants_snapshot


def test_a_stale_answer_brings_the_change_and_no_lease() -> None:
    """Renewal is also the way by which a change arrives when the stream is dead."""
    point = leased_point()
    old = point.copy
    assert old is not None
    table = old.live | {"partner:acme": {"audience": "trusted-partner", "revoked": True}}
    change = {
        "ledger": "ledger-1",
        "from": 812,
        "revision": 813,
        "live": {"set": {"partner:acme": table["partner:acme"]}, "remove": []},
        "shadow": {"set": {}, "remove": []},
        "digest": snapshot_of(table)["digest"],
    }
    asks(point, "n-2", boot=110.0)

    assert point.answered(grant("n-2", revision=813, seconds=0) | {"change": change}, Usage()) == "stale"
    assert point.decide("acme", "orion-2", "tool-use", None, 111.0, NOW).reason == "partner-revoked"
    assert point.lease.boot_end == 115.0, "the old grant runs out as it would have"


def change_to_813(**spoiled: Any) -> dict[str, Any]:
    new = {"partner:new": {"audience": "general"}}
    return {
        "ledger": "ledger-1",
        "from": 812,
        "revision": 813,
        "live": {"set": new, "remove": []},
        "shadow": {"set": {}, "remove": []},
        "digest": snapshot_of(sample_table() | new)["digest"],
    } | spoiled


def test_a_change_that_continues_the_copy_is_applied_once() -> None:
    """Stream and renewal may both bring it."""
    point = leased_point()

    assert point.take_change(change_to_813())
    assert point.copy is not None
    assert point.copy.revision == 813
    assert not point.take_change(change_to_813())
    assert not point.wants_snapshot


@pytest.mark.parametrize(
    ("spoiled", "says_why"),
    [
        ({"from": 811}, False),
        ({"digest": "0" * 64}, True),
        ({"live": {"set": {}, "remove": []}}, True),
        ({"live": {"set": [], "remove": []}}, True),
        ({"from": None}, True),
        ({"revision": "814"}, True),
    ],
)
def test_a_change_that_does_not_fit_is_not_applied_and_a_snapshot_wanted(
    spoiled: dict[str, Any], says_why: bool
) -> None:
    """A point that applied it would confirm a table that the server does not have."""
    point = leased_point()
    before = point.copy

    assert not point.take_change(change_to_813(**spoiled))
    assert point.copy is before
    assert point.wants_snapshot
    assert (point.refused is not None) == says_why


def test_a_point_never_takes_a_snapshot_older_than_its_mark() -> None:
    """After a restart against a server that lost its last revisions, a lifted kill must not come back to life."""
    point = Point("i-2", None, {"ledger-1": 812})

    assert not point.take_snapshot(copy_at(811))
    assert point.copy is None
    assert "811" in str(point.refused)
    assert point.take_snapshot(copy_at(812))


def test_the_mark_of_one_ledger_does_not_bind_another() -> None:
    """A restored ledger starts where its backup was, far below."""
    point = Point("i-2", copy_at(812), {"ledger-1": 812})

    assert point.take_snapshot(Copy.from_snapshot(snapshot_of(sample_table(), ledger="ledger-2", revision=3)))


def test_without_a_written_mark_nothing_is_acknowledged_and_no_grant_counts() -> None:
    """The client writes down before it acknowledges; a full disk may cost the lease, never the rule."""
    point = leased_point()
    assert point.copy is not None
    body = point.ask("n-2", point.copy, None, [], 101.0, NOW)

    assert body is not None
    assert (body["digest"], body["revision"]) == ("", 812)
    assert "could not be written down" in body["refused"]
    assert point.answered(grant("n-2"), Usage()) == "discarded"


def test_another_process_that_was_ahead_keeps_this_one_from_acknowledging() -> None:
    """Processes that share a folder share its mark: none of them may fall behind what one has acknowledged."""
    point = leased_point()
    assert point.copy is not None

    assert point.ask("n-2", point.copy, 813, [], 101.0, NOW) is None
    assert point.wants_snapshot
    assert not point.take_snapshot(copy_at(812))
    assert point.take_snapshot(copy_at(813))
