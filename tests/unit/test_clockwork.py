"""
What clocks do by themselves: each missed moment is written once, whatever was down meanwhile; reminders are handed on.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pytest

from incidents.agenda import Agenda
from incidents.clockwork import BATCH, Call
from incidents.decisions import duties
from incidents.errors import LedgerUnavailable
from incidents.metrics import REGISTRY
from incidents.service import Service
from incidents.testing import ADMIN, Workshop
from tests.support.clocks import AUTHORITY, COP, GDPR, assessing, at, commander, due, lines, say, submit, tell

DAY = 86_400


def restarted(shop: Workshop) -> Workshop:
    """Another process on the same ledger."""
    return Workshop(Service.open(shop.service.settings, ledger=shop.service.ledger, clock=shop.clock), shop.clock)


def missed(shop: Workshop, id: str) -> list[str]:
    return [line["clock"] for line in lines(shop, id, "clocks:duty:missed")]


def listening(shop: Workshop) -> list[Call]:
    heard: list[Call] = []
    shop.service.clockwork.on_reminder(heard.extend)
    return heard


def test_a_missed_deadline_is_written_once(shop: Workshop) -> None:
    """The line is evidence: one for each, with when it was noticed."""
    id = assessing(shop, GDPR)
    shop.clock.advance(3 * DAY)
    shop.service.every_second()
    assert missed(shop, id) == [], "at the very second it is still in time"
    for _ in range(3):
        shop.clock.advance(1)
        shop.service.every_second()

    (line,) = lines(shop, id, "clocks:duty:missed")
    assert (line["clock"], line["due"], line["noticed_at"]) == (
        f"{id}.{AUTHORITY}", "2026-11-26T12:00:00.000Z", "2026-11-26T12:00:01.000Z",
    )  # fmt: skip


def test_after_a_day_down_everything_is_settled_once_in_one_write(shop: Workshop) -> None:
    """Nothing is kept in a scheduler; the first tick of the next process finds what fell due."""
    ids = [assessing(shop, GDPR) for _ in range(5)]
    shop.clock.advance(4 * DAY)
    after = restarted(shop)
    head = after.service.ledger.head().seq
    after.service.every_second()

    written = after.service.ledger.read(after=head)
    assert [e.kind for e in written] == ["clocks:duty:missed"] * 5 + ["effect:message:owed"] * 2
    assert len({e.recorded_at for e in written}) == 1
    assert sorted(e.incident or "" for e in written[:5]) == ids
    again = restarted(after)
    again.service.every_second()
    assert again.service.ledger.head().seq == head + 7


def test_two_processes_that_tick_at_once_write_it_once(shop: Workshop) -> None:
    """A second service can start before the first has stopped."""
    id = assessing(shop, GDPR)
    other = restarted(shop)
    shop.clock.advance(4 * DAY)
    shop.service.every_second()
    other.service.desk.follow()
    other.service.every_second()

    assert missed(other, id) == [f"{id}.{AUTHORITY}"]


def test_more_than_a_batch_at_once_is_written_in_batches(shop: Workshop, monkeypatch: pytest.MonkeyPatch) -> None:
    """A kill waits behind one batch at the most, and none is left out."""
    monkeypatch.setattr("incidents.clockwork.BATCH", 4)
    ids = [assessing(shop, GDPR) for _ in range(10)]
    shop.clock.advance(4 * DAY)
    head = shop.service.ledger.head().seq
    shop.service.every_second()

    assert [len(missed(shop, id)) for id in ids] == [1] * 10
    written = [e for e in shop.service.ledger.read(after=head) if e.kind == "clocks:duty:missed"]
    assert len(written) == 10
    assert BATCH <= 500


def test_a_deadline_that_moved_and_passed_again_is_missed_again(shop: Workshop) -> None:
    """The second moment is another promise that was not kept."""
    id = assessing(shop, GDPR)
    shop.clock.advance(4 * DAY)
    shop.service.every_second()
    tell(shop, id, "awareness", "2026-11-24T12:00:00Z", choose=True, evidence="not before")
    shop.clock.advance(2 * DAY)
    shop.service.every_second()

    assert [line["due"] for line in lines(shop, id, "clocks:duty:missed")] == [
        "2026-11-26T12:00:00.000Z", "2026-11-27T12:00:00.000Z",
    ]  # fmt: skip


def test_what_is_under_assessment_is_asked_about_but_never_missed(shop: Workshop) -> None:
    """A duty that may not be owed is no broken promise; its question is."""
    heard = listening(shop)
    id = assessing(shop, "us-hipaa")
    shop.clock.advance(61 * DAY)
    shop.service.every_second()

    assert missed(shop, id) == []
    assert {call.reminder.key.partition("@")[0] for call in heard} >= {"ask:covered-entity:due"}
    say(shop, id, "covered-entity", True)
    shop.service.every_second()
    assert f"{id}.us-hipaa.individuals" in missed(shop, id), "answered too late, it is late at once"


def test_a_deadline_that_a_fact_moves_into_the_past_is_missed_at_the_next_tick(shop: Workshop) -> None:
    """An old mail is found: nobody may wait for the next daily look to learn that the time has passed."""
    id = assessing(shop, GDPR)
    shop.service.every_second()
    answer = tell(shop, id, "awareness", "2026-11-10T12:00:00Z", evidence="an old mail")
    assert any("PAST already" in line for line in answer["shout"])
    shop.clock.advance(1)
    shop.service.every_second()

    assert missed(shop, id) == [f"{id}.{AUTHORITY}"]


def test_what_is_rehearsed_counts_in_no_statistics(shop: Workshop) -> None:
    """A house that drills much would else look like one that is always late."""
    assessing(shop, GDPR, kind="drill")
    before = REGISTRY.get_sample_value("andon_clocks_missed_total")
    shop.clock.advance(4 * DAY)
    shop.service.every_second()
    assert REGISTRY.get_sample_value("andon_clocks_missed_total") == before

    assessing(shop, GDPR)
    shop.clock.advance(4 * DAY)
    shop.service.every_second()
    assert REGISTRY.get_sample_value("andon_clocks_missed_total") == (before or 0) + 1


def test_nothing_is_missed_in_a_rehearsal_that_has_ended(shop: Workshop) -> None:
    """Weeks later nobody wants to hear of a drill."""
    id = assessing(shop, GDPR, kind="drill")
    shop.service.operations.move(commander(shop), id, "false-alarm", reason="over")
    shop.clock.advance(4 * DAY)
    shop.service.every_second()

    assert missed(shop, id) == []


def test_where_there_is_a_tick_declaring_leaves_clocks_to_it(shop: Workshop) -> None:
    """In the moment after a kill every gateway is being told; arithmetic can wait for a second."""
    shop.service.clockwork.ticked = True
    shop.service.every_second()
    body = {"playbook": "partner-credential-abuse", "parameters": {"partner": "acme"}}
    id = shop.service.operations.declare(commander(shop), body).body["id"]
    shown = shop.service.operations.incident_clocks(ADMIN, id)
    assert (shown["clocks"], shown["coming"]) == ([], ["contract-partner-notice", "gdpr-art33"])
    shop.service.every_second()

    shown = shop.service.operations.incident_clocks(ADMIN, id)
    assert (len(shown["clocks"]), shown["coming"]) == (3, [])


# --- reminders ---


def test_each_reminder_is_handed_on_when_its_moment_has_come(shop: Workshop) -> None:
    """The outbox is told which clock and which moment; it decides who hears it."""
    heard = listening(shop)
    id = assessing(shop, GDPR)
    for hours in (35.9, 0.2, 21.5, 14):
        shop.clock.advance(hours * 3600)
        shop.service.every_second()
        shop.service.every_second()

    assert [call.reminder.key for call in heard] == [
        "50%@2026-11-26T12:00:00.000Z",
        "80%@2026-11-26T12:00:00.000Z",
        "1h@2026-11-26T12:00:00.000Z",
    ]
    assert {(call.clock, call.incident, call.simulated) for call in heard} == {(f"{id}.{AUTHORITY}", id, False)}


def test_a_submitted_clock_is_not_reminded_of(shop: Workshop) -> None:
    """People stop reading reminders of what they have done."""
    heard = listening(shop)
    id = assessing(shop, GDPR)
    submit(shop, id, AUTHORITY)
    shop.clock.advance(2 * DAY)
    shop.service.every_second()

    assert heard == []


def test_after_an_outage_each_clock_hands_on_what_it_missed_with_the_same_keys(shop: Workshop) -> None:
    """Whoever sends can tell that they are stale, and that some may have been sent before."""
    id = assessing(shop, GDPR)
    shop.clock.advance(2.5 * DAY)
    after = restarted(shop)
    heard = listening(after)
    after.service.every_second()
    after.service.every_second()

    assert [call.reminder.key.partition("@")[0] for call in heard] == ["50%", "80%"]
    assert {call.clock for call in heard} == {f"{id}.{AUTHORITY}"}


def test_a_listener_that_fails_costs_no_line_and_is_told_again(shop: Workshop) -> None:
    """Evidence, and what is told with it, must not wait for whoever hears of the rest."""
    heard: list[Call] = []
    id = assessing(shop, GDPR)
    shop.clock.advance(2 * DAY)
    assessing(shop, GDPR)

    def deaf(calls: Sequence[Call]) -> None:
        heard.extend(calls)
        if len(heard) < 2:
            raise RuntimeError("out of order")

    shop.service.clockwork.on_reminder(deaf)
    shop.clock.advance(1.6 * DAY)
    for _ in range(3):
        try:
            shop.service.every_second()
        except RuntimeError:
            continue

    assert missed(shop, id) == [f"{id}.{AUTHORITY}"]
    assert [c.reminder.key for c in heard] == ["50%@2026-11-28T12:00:00.000Z"] * 2


# --- trouble ---


def test_a_ledger_that_can_not_be_written_is_tried_again(shop: Workshop, monkeypatch: pytest.MonkeyPatch) -> None:
    """A full disk at the moment of the deadline must not swallow the line."""
    id = assessing(shop, GDPR)
    shop.clock.advance(4 * DAY)

    def full(*_: Any, **__: Any) -> None:
        raise LedgerUnavailable("disk full")

    with monkeypatch.context() as patch:
        patch.setattr(shop.service.ledger, "append", full)
        with pytest.raises(LedgerUnavailable):
            shop.service.every_second()
    shop.service.every_second()

    assert missed(shop, id) == [f"{id}.{AUTHORITY}"]


def test_one_incident_that_can_not_be_computed_costs_the_others_nothing(
    shop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A fault in one regime must not silence every deadline of the house."""
    good, bad = assessing(shop, GDPR), assessing(shop, COP)
    shop.clock.advance(4 * DAY)
    real = duties.missed
    from incidents.decisions import clockfacts

    consider = clockfacts.consider

    def faulty(state: Any, id: str, *rest: Any) -> Any:
        if id == bad:
            raise RuntimeError("a fault")
        return consider(state, id, *rest)

    monkeypatch.setattr("incidents.decisions.clockfacts.consider", faulty)
    after = restarted(shop)
    after.service.every_second()

    assert missed(after, good) == [f"{good}.{AUTHORITY}"]
    assert real is duties.missed


def test_the_agenda_holds_what_the_log_says_after_any_changes(shop: Workshop) -> None:
    """It is derived: filled anew from the state it must be the same as the one that was kept up."""
    ids = [assessing(shop, GDPR, COP), assessing(shop, "eu-dora-art19", kind="drill")]
    shop.service.every_second()
    say(shop, ids[0], "death", True)
    submit(shop, ids[0], AUTHORITY)
    tell(shop, ids[1], "classification", "2026-11-23T11:00:00Z")
    shop.clock.advance(11 * DAY)
    shop.service.every_second()
    kept = shop.service.clockwork.agenda
    fresh = Agenda()
    with shop.service.desk.read() as state:
        rows = [
            shop.service.clockwork._row(i, d, shop.clock.now())
            for i in state.incidents.values()
            for d in i.docket.duties.values()
        ]
    fresh.fill(rows)

    assert kept.by_due() == fresh.by_due()
    assert kept.next() == fresh.next()


def test_clocks_are_listed_by_strict_due_moment_and_paged(shop: Workshop) -> None:
    """The page across incidents: what is first due stands first, and no page skips or repeats one."""
    ids = [assessing(shop, GDPR, COP) for _ in range(4)]
    submit(shop, ids[0], AUTHORITY)
    found, cursor = [], ""
    while True:
        page = shop.service.operations.clocks(ADMIN, limit=3, cursor=cursor)
        found += page["items"]
        cursor = page["next"]
        if cursor is None:
            break

    dues = [row["due"] or "9999" for row in found]
    assert dues == sorted(dues)
    assert len({row["clock"] for row in found}) == len(found) == 4 * 4 - 1
    settled = shop.service.operations.clocks(ADMIN, state="submitted")["items"]
    assert [row["clock"] for row in settled] == [f"{ids[0]}.{AUTHORITY}"]
    own = shop.service.operations.clocks(ADMIN, state="all", incident=ids[0])["items"]
    assert len(own) == 4


def test_restricted_incidents_are_not_in_the_list_of_others(shop: Workshop) -> None:
    """An insider case must not show by its deadline."""
    id = assessing(shop, GDPR)
    shop.service.operations.set_visibility(commander(shop), id, "restricted", "insider")
    grace = shop.person("grace", "commander")

    assert shop.service.operations.clocks(grace)["items"] == []
    assert shop.service.operations.clocks(commander(shop))["items"]


def test_an_hour_is_an_hour_for_the_tick_too(shop: Workshop) -> None:
    """Acted on within a second of its time."""
    id = assessing(shop, "in-cert-in")
    assert due(shop, id, "in-cert-in.report") == at("2026-11-23T18:00:00Z")
    shop.clock.advance(6 * 3600 + 1)
    shop.service.every_second()
    line = lines(shop, id, "clocks:duty:missed")[0]

    assert at(line["noticed_at"]) - at(line["due"]) <= timedelta(seconds=1)
