"""
An incident in figures: which moment counts, what a duration runs from and to, what is called late.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from incidents.clock import rfc3339
from incidents.decisions.tasks import NewTask
from incidents.events import SYSTEM, Event
from incidents.measures import SPANS, Measures, measure
from incidents.shortcomings import LateUpdate, shortcomings
from incidents.testing import ADMIN, Workshop
from tests.support.acting import approve, ask, declare, restored
from tests.surfaces.test_pages import acknowledge

MINUTE = 60_000


def measured(shop: Workshop, id: str) -> Measures:
    return measure(shop.service.ledger.incident(id), shop.clock.now())


def spans(shop: Workshop, id: str) -> dict[str, int]:
    return {span.name: span.ms for span in measured(shop, id).spans}


def contained(shop: Workshop, *names: str, seconds: float = 0.25) -> None:
    """Each point confirms a moment after the one before, then the engine writes it down."""
    for name in names:
        shop.clock.advance(seconds)
        acknowledge(shop, name)
    shop.service.cycle()


# --- moments and durations --------------------------------------------------------------------------------------------


def test_whole_life_has_a_duration_for_each_question(shop: Workshop) -> None:
    """These are the figures that a review argues about; each must run from and to what its words say."""
    ops, ada, grace = shop.service.operations, shop.person("ada", "commander"), shop.person("grace", "commander")
    for name in ("edge-1", "edge-2"):
        shop.point(name)
        acknowledge(shop, name)
    id = declare(shop, "revoke-partner: {partner: acme}", by=shop.person("linus", "responder"))
    contained(shop, "edge-1", "edge-2", seconds=0.5)
    shop.clock.advance(59)
    ops.role(ada, id, "commander", "take")
    ops.note(ada, id, "First call that was not theirs", "2026-11-23T11:45:00Z")
    shop.clock.advance(60)
    ops.post_update(ada, id, "It is off.")
    ops.move(ada, id, "mitigated")
    shop.clock.advance(3600)
    request = ask(shop, id, ada)
    shop.clock.advance(600)
    approve(shop, request, grace)
    ops.move(ada, id, "resolved", reason="the key is dead")

    assert spans(shop, id) == {
        "notice": 15 * MINUTE,
        "acknowledge": 60_000,
        "command": 60_000,
        "order": 0,
        "first-confirm": 500,
        "confirm": 1000,
        "contain": 1000,
        "update": 120_000,
        "mitigate": 120_000,
        "resolve": 120_000 + 70 * MINUTE,
        "restore": 600_000,
        "hold": 120_000 + 70 * MINUTE,
        "restore-approval": 600_000,
        "restore-carrying-out": 0,
    }


def test_any_two_moments_can_be_measured(shop: Workshop) -> None:
    """Nobody knows beforehand which two moments a review will ask about."""
    id = declare(shop, "revoke-partner: {partner: acme}")
    shop.clock.advance(30)
    shop.service.operations.note(ADMIN, id, "acme called")
    shop.clock.advance(12)
    shop.service.operations.acknowledge(shop.person("linus", "responder"), id)
    found = measured(shop, id)
    note = next(m for m in found.moments if m.name == "note")

    assert found.between(note.key, "acknowledged") == 12_000
    assert found.between("acknowledged", note.key) == -12_000
    assert found.between("declared", "closed") is None


def test_first_point_and_last_point_are_named(shop: Workshop) -> None:
    """The slowest gateway is the one to look at."""
    for name in ("slow", "quick"):
        shop.point(name)
        acknowledge(shop, name)
    id = declare(shop, "revoke-partner: {partner: acme}")
    contained(shop, "quick", "slow", seconds=0.2)
    found = measured(shop, id)

    assert [m.words for m in found.moments if "confirmed" in m.name] == [
        "first point confirmed by quick",
        "last point confirmed by slow",
    ]
    assert [(c.total, c.confirmed, c.slowest, c.slowest_ms, c.ms) for c in found.containments] == [
        (2, 2, "slow", 400, 400)
    ]


def test_lapsed_points_are_told_apart_from_confirmed_ones(shop: Workshop) -> None:
    """Contained by a lease that ran out is no evidence that the gateway obeyed."""
    for name in ("here", "gone"):
        shop.point(name)
        acknowledge(shop, name)
    id = declare(shop, "revoke-partner: {partner: acme}")
    contained(shop, "here")
    shop.clock.advance(20)
    shop.service.cycle()

    only = measured(shop, id).containments[0]
    assert (only.confirmed, only.total, only.lapsed) == (1, 2, ("gone",))
    assert measured(shop, id).first("last-confirmed").at < only.at  # type: ignore[union-attr]


def test_corrected_time_is_the_one_that_counts_and_says_so(shop: Workshop) -> None:
    """A duration must run from when it happened, not from when somebody got round to the keyboard."""
    ops, ada = shop.service.operations, shop.person("ada", "commander")
    id = declare(shop, "revoke-partner: {partner: acme}", by=ada)
    shop.service.cycle()
    shop.clock.advance(600)
    seq = ops.move(ada, id, "mitigated").body["seq"]
    shop.clock.advance(600)
    ops.correct(ada, id, seq, at="2026-11-23T12:05:00Z", reason="it was the call, not my typing")
    found = measured(shop, id)

    assert spans(shop, id)["mitigate"] == 5 * MINUTE
    assert [m.corrected for m in found.moments if m.name == "mitigated"] == [True]


def test_reopened_incident_is_neither_mitigated_nor_resolved(shop: Workshop) -> None:
    """What was said too early must not stay in the figures; said again, it counts from then."""
    ops, ada = shop.service.operations, shop.person("ada", "commander")
    id = declare(shop, "revoke-partner: {partner: acme}", by=ada)
    shop.service.cycle()
    ops.move(ada, id, "mitigated")
    ops.move(ada, id, "resolved", reason="done")
    shop.clock.advance(60)
    ops.move(ada, id, "reopened", reason="not done")
    assert {"mitigate", "resolve"}.isdisjoint(spans(shop, id))
    shop.clock.advance(60)
    ops.move(ada, id, "mitigated")

    assert spans(shop, id)["mitigate"] == 2 * MINUTE
    assert [m.words for m in measured(shop, id).moments if m.name == "mitigated"] == ["mitigated", "mitigated 2"]


def test_partial_restore_gives_nothing_back_as_a_whole(shop: Workshop) -> None:
    """ "Given back" means everything: one hold that stands keeps the clock running."""
    id = declare(shop, "revoke-partner: {partner: acme}", "halt-model: {model: vega-1}")
    restored(shop, id, 1)
    found = measured(shop, id)
    assert (found.holds, found.standing) == (2, 1)
    assert {"restore", "hold"}.isdisjoint(spans(shop, id))
    shop.clock.advance(90)
    restored(shop, id, 2)

    assert spans(shop, id)["hold"] == 90_000


def test_figures_for_comparing_are_there_for_every_incident(shop: Workshop) -> None:
    """Insights lay incidents side by side: each name must be in each of them, plain and small."""
    empty = measured(shop, declare(shop, "revoke-partner: {partner: acme}", kind="test")).brief()
    id = declare(shop, "revoke-partner: {partner: acme}")
    shop.clock.advance(10)
    full = measured(shop, id).brief()

    assert empty.keys() == full.keys() >= {f"{name.replace('-', '_')}_ms" for name, *_ in SPANS}
    assert (empty["partners_affected"], full["partners_affected"], full["longest_off_ms"]) == (0, 1, 10_000)
    assert all(isinstance(value, int | None) for value in [*empty.values(), *full.values()])


def test_words_of_a_redacted_line_change_no_figure(shop: Workshop) -> None:
    """Whoever redacts must not have to fear for the review."""
    ops, ada = shop.service.operations, shop.person("ada", "commander")
    id = declare(shop, "revoke-partner: {partner: acme}", by=ada)
    seq = ops.note(ada, id, "their key is hunter2").body["seq"]
    before = measured(shop, id).wire()
    ops.redact(ada, id, seq, "a secret")

    assert measured(shop, id).wire() == before


# --- what did not go as it should have --------------------------------------------------------------------------------


def test_tasks_past_their_time_are_told_with_how_late(shop: Workshop) -> None:
    """Late and still open are different things; on time is none of both."""
    ops, ada = shop.service.operations, shop.person("ada", "commander")
    id = declare(shop, "revoke-partner: {partner: acme}", by=ada)
    for minutes in (5, 5, 60):
        due = shop.clock.now() + timedelta(minutes=minutes)
        ops.add_task(ada, id, NewTask(title="x", due_at=due))
    shop.clock.advance(6 * 60)
    ops.settle_task(ada, id, 1, "done")
    ops.settle_task(ada, id, 3, "done")
    shop.clock.advance(60)

    assert [(t.number, t.late_ms, t.settled_at is None) for t in measured(shop, id).shortcomings.overdue] == [
        (1, MINUTE, False),
        (2, 2 * MINUTE, True),
    ]


def test_moved_due_time_and_reopened_task_count_as_they_stand(shop: Workshop) -> None:
    """A task that was called done by mistake is late again; one that got more time is not."""
    ops, ada = shop.service.operations, shop.person("ada", "commander")
    id = declare(shop, "revoke-partner: {partner: acme}", by=ada)
    for _ in range(2):
        ops.add_task(ada, id, NewTask(title="x", due_at=shop.clock.now() + timedelta(minutes=5)))
    ops.change_task(ada, id, 1, due_at=rfc3339(shop.clock.now() + timedelta(hours=1)))
    ops.settle_task(ada, id, 2, "done")
    ops.settle_task(ada, id, 2, "open")
    shop.clock.advance(6 * 60)

    assert [t.number for t in measured(shop, id).shortcomings.overdue] == [2]


def test_tasks_of_a_false_alarm_stop_counting_with_it(shop: Workshop) -> None:
    """Nobody owes steps of an incident that was none."""
    ops, ada = shop.service.operations, shop.person("ada", "commander")
    id = declare(shop, "revoke-partner: {partner: acme}", by=ada)
    ops.add_task(ada, id, NewTask(title="x", due_at=shop.clock.now() + timedelta(minutes=5)))
    ops.move(ada, id, "false-alarm", reason="their own test")
    shop.clock.advance(3600)

    assert measured(shop, id).shortcomings.none


def test_denied_approval_and_contradiction_are_told_in_their_own_words(shop: Workshop) -> None:
    """Both are lines that somebody hopes are overlooked."""
    ops, ada = shop.service.operations, shop.person("ada", "commander")
    shop.point("edge")
    acknowledge(shop, "edge")
    id = declare(shop, "revoke-partner: {partner: acme}", by=ada)
    contained(shop, "edge")
    request = ops.ask_restore(ada, id, [], "x").body
    with pytest.raises(Exception, match="another person approves it"):
        ops.approve(ada, request["id"], request["plan_digest"])
    shop.service.points.acknowledge(
        "edge", "1", 1, applies=[], boot=shop.clock.boot(), at=shop.clock.now(), refused="its table is broken"
    )
    shop.service.cycle()
    short = measured(shop, id).shortcomings

    assert [d.about for d in short.denied] == [request["id"]]
    assert "another person" in short.denied[0].because
    assert [c.about for c in short.contradicted] == ["edge"]


def test_late_entries_are_those_that_the_timeline_marks(shop: Workshop) -> None:
    """Two lists of late lines that differ would make both useless."""
    ops, ada = shop.service.operations, shop.person("ada", "commander")
    id = declare(shop, "revoke-partner: {partner: acme}", by=ada)
    ops.note(ada, id, "long before", "2026-11-23T11:00:00Z")
    ops.note(ada, id, "just now", "2026-11-23T11:59:30Z")
    seq = ops.note(ada, id, "said to be now").body["seq"]
    ops.correct(ada, id, seq, at="2026-11-23T11:10:00Z", reason="it was earlier")

    marked = [row.seq for row in ops.timeline(ada, id) if row.late]
    assert [*measured(shop, id).shortcomings.late_entries] == marked
    assert len(marked) == 2


def test_command_taken_over_is_told(shop: Workshop) -> None:
    """It may have been right; the review has to look at it."""
    ops = shop.service.operations
    ada, grace = shop.person("ada", "commander"), shop.person("grace", "commander")
    id = declare(shop, "revoke-partner: {partner: acme}", by=ada)
    ops.role(ada, id, "commander", "take")
    ops.role(grace, id, "commander", "take", force=True, reason="no answer for ten minutes")

    assert [s.about for s in measured(shop, id).shortcomings.taken_over] == ["grace"]


# --- updates that were owed -------------------------------------------------------------------------------------------

NOON = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
CADENCE = 30


def line(minute: int, kind: str, **data: Any) -> Event:
    at = NOON + timedelta(minutes=minute)
    return Event(
        seq=minute + 2, recorded_at=at, at=at, kind=kind, kind_v=1, incident="INC-2026-0001", incident_prev=None,
        actor=SYSTEM, data=data, text=None, salt=None, data_digest="", text_digest=None, prev="", digest="", ledger="x",
    )  # fmt: skip


def owed(cadence: int | None) -> Event:
    notices = [{"remind": "status-update", "every_s": cadence * 60}, {"every_s": 60}] if cadence else []
    return line(0, "incident:duties:owed", notices=notices, tasks=[])


def late(*events: Event, cadence: int | None = CADENCE, now: int = 600) -> list[tuple[int, int | None]]:
    """(minute at which it was due, minute at which it came) of each late update."""
    found = shortcomings([line(0, "incident:life:declared"), owed(cadence), *events], {}, NOON + timedelta(minutes=now))
    return [(minutes(u.due_at), minutes(u.came_at)) for u in found.late_updates]  # type: ignore[misc]


def minutes(at: datetime | None) -> int | None:
    return None if at is None else int((at - NOON).total_seconds()) // 60


def update(minute: int, promised: int | None = None) -> Event:
    next_at = {"next_at": rfc3339(NOON + timedelta(minutes=promised))} if promised else {}
    return line(minute, "incident:update:posted", **next_at)


RESOLVED, REOPENED = "incident:life:resolved", "incident:life:reopened"


@pytest.mark.parametrize(
    ("events", "now", "expected"),
    [
        ([update(29), update(58)], 80, []),
        ([update(31)], 40, [(30, 31)]),
        ([], 31, [(30, None)]),
        ([update(10, promised=100)], 99, []),
        ([update(10, promised=100), update(101)], 110, [(100, 101)]),
        ([line(29, RESOLVED)], 600, []),
        ([line(45, RESOLVED)], 600, [(30, None)]),
        ([line(20, RESOLVED), line(300, REOPENED), update(329)], 350, []),
        ([line(20, RESOLVED), line(300, REOPENED), update(331)], 350, [(330, 331)]),
        ([update(20), line(25, "incident:life:ended", end="false-alarm")], 600, []),
    ],
)
def test_update_is_late_past_what_was_promised_or_else_the_cadence(
    events: list[Event], now: int, expected: list[tuple[int, int | None]]
) -> None:
    """Leadership waits for the word that was promised; silence is what the review should find."""
    assert late(*events, now=now) == expected


def test_without_cadence_only_a_promise_can_be_broken() -> None:
    """A playbook that asks for no updates owes none."""
    assert late(cadence=None) == []
    assert late(update(10, promised=20), cadence=None) == [(20, None)]


@given(
    st.lists(st.tuples(st.integers(1, 40), st.sampled_from(["update", "promise", "resolve", "reopen"])), max_size=12),
    st.integers(1, 60),
)
def test_late_updates_are_those_that_watching_the_clock_finds(steps: list[tuple[int, str]], after: int) -> None:
    """A second implementation: somebody looks at the clock each minute and writes down when a word is missing."""
    events, minute = [], 0
    for gap, what in steps:
        minute += gap
        match what:
            case "update":
                events.append(update(minute))
            case "promise":
                events.append(update(minute, promised=minute + 45))
            case "resolve":
                events.append(line(minute, RESOLVED))
            case "reopen":
                events.append(line(minute, REOPENED))
    by_minute = {minutes(e.at): e for e in events}
    due, missed, found = CADENCE, None, []
    for now in range(1, minute + after + 1):
        if due is not None and now > due and missed is None:
            missed = due
        event = by_minute.get(now)
        if event is None:
            continue
        came = now if event.kind == "incident:update:posted" else None
        if missed is not None and event.kind != REOPENED:
            found.append((missed, came))
        if event.kind == REOPENED and missed is not None:
            found.append((missed, None))
        missed = None
        due = None if event.kind == RESOLVED else now + (45 if event.data.get("next_at") else CADENCE)
    if missed is not None:
        found.append((missed, None))

    assert late(*events, now=minute + after) == found


def test_late_update_says_by_how_much() -> None:
    """A minute and an hour are not the same failure."""
    found = shortcomings([line(0, "incident:life:declared"), owed(30), update(75)], {}, NOON + timedelta(minutes=80))

    assert found.late_updates == (LateUpdate(NOON + timedelta(minutes=30), NOON + timedelta(minutes=75), 45 * MINUTE),)
