"""How lines read: every kind that people should see has words, and late, corrected and pinned lines say so."""

from __future__ import annotations

import dataclasses
from datetime import timedelta
from typing import Any

import pytest

from incidents import events as ev
from incidents.clock import rfc3339
from incidents.decisions import Asker, Decided
from incidents.events import KINDS, SYSTEM, Draft
from incidents.testing import ADMIN, Workshop
from incidents.timeline import SILENT, Row, rows
from tests.support.acting import declare, lived, standing

# Kinds of an incident that are no line of its story.
NO_LINE = {*SILENT}
OF_AN_INCIDENT = sorted(
    kind
    for kind in KINDS
    if kind.split(":")[0] in ("incident", "review", "share", "restore") or kind.startswith("access:hold:")
)


@pytest.fixture
def linus(shop: Workshop) -> Asker:
    return shop.person("linus", "responder")


def last(shop: Workshop, id: str, by: Asker = ADMIN) -> Row:
    return shop.service.operations.timeline(by, id)[-1]


@pytest.mark.parametrize("kind", [k for k in OF_AN_INCIDENT if k not in NO_LINE])
def test_every_kind_of_an_incident_has_words_of_its_own(kind: str) -> None:
    """A line that reads ``incident:task:added`` tells a reader nothing."""
    from incidents.timeline import _TELLINGS

    assert kind in _TELLINGS


def told_by(shop: Workshop, id: str, fact: ev.Fact, **text: str) -> str:
    shop.service.desk.submit(lambda state, now: Decided([Draft(fact, incident=id, text=text)]), actor=SYSTEM)
    return next(row.text for row in shop.service.operations.timeline(ADMIN, id)[::-1] if row.kind == fact.kind)


@pytest.mark.parametrize(
    ("fact", "text", "words"),
    [
        (ev.IncidentMitigated(), {"reason": "quiet"}, "Mitigated: quiet"),
        (ev.IncidentMitigated(), {}, "Mitigated"),
        (ev.IncidentEnded(end="merged", into="INC-2026-0009"), {"reason": "same"}, "Merged into INC-2026-0009: same"),
        (ev.IncidentEnded(end="false-alarm"), {"reason": "test"}, "Called a false alarm: test"),
        (ev.IncidentReopened(was="closed"), {"reason": "a call"}, "Reopened, was closed: a call"),
        (ev.ExitJudged(number=1, met=True), {"evidence": "logs"}, "Exit criterion 1 met: logs"),
        (ev.ExitJudged(number=1, met=False), {"evidence": "logs"}, "Exit criterion 1 open again: logs"),
        (ev.SeveritySet(severity="sev1", was="sev2"), {"reason": "worse"}, "Severity sev2 -> sev1: worse"),
        (ev.MembersChanged(add=["ada"], remove=["grace"]), {}, "ada may see it; grace may not any more"),
        (ev.RoleTaken(role="scribe", person="ada"), {}, "Ada Okafor is scribe now"),
        (
            ev.RoleTaken(role="commander", person="ada", was="grace", forced=True),
            {"reason": "no answer"},
            "Ada Okafor took command over from Grace Lim: no answer",
        ),
        (ev.TaskAdded(number=4, follow_up=True, owner="ada"), {"title": "Keys"}, "Follow-up 4, Ada Okafor: Keys"),
        (ev.TaskChanged(number=1, owner="ada", follow_up=True), {}, "Task 1: owner Ada Okafor, goes on as a follow-up"),
        (ev.TaskChanged(number=1, due_at="2026-11-23T15:00:00.000Z"), {}, "Task 1: due 2026-11-23 15:00 UTC"),
        (ev.TaskSettled(number=1, state="skipped"), {"reason": "they rang"}, "Task 1 skipped: they rang"),
        (ev.UpdatePosted(), {"update": "All is quiet."}, "All is quiet."),
        (ev.ReviewPublished(version=2, digest="0" * 64), {}, "Review version 2 published"),
    ],
)
def test_line_reads_as_a_sentence(shop: Workshop, fact: ev.Fact, text: dict[str, str], words: str) -> None:
    """Who reads it at night should not have to know the event."""
    assert told_by(shop, lived(shop), fact, **text) == words


@pytest.mark.parametrize("kind", [k for k in OF_AN_INCIDENT if k not in NO_LINE])
def test_line_without_its_words_is_still_a_line(kind: str, shop: Workshop) -> None:
    """After a redaction every kind has to be readable; a missing word must not break the page."""
    id = lived(shop, "closed")
    for event in shop.service.ledger.incident(id):
        if event.kind == kind:
            bare = dataclasses.replace(event, text=None, salt=None)
            (row,) = rows([bare], {})
            assert row.text


def test_late_means_that_it_happened_well_before_it_was_written_down(shop: Workshop, linus: Asker) -> None:
    """A minute is typing; more is hindsight, and the reader should know."""
    id, operations = lived(shop), shop.service.operations
    shop.clock.advance(3600)
    for seconds, late in ((60, False), (61, True)):
        operations.note(linus, id, "x", rfc3339(shop.clock.now() - timedelta(seconds=seconds)))
        assert last(shop, id).late is late


def test_rows_stand_in_the_order_in_which_they_were_recorded(shop: Workshop, linus: Asker) -> None:
    """Also where what they tell of happened earlier; who shows them may sort by the other time."""
    id, operations = lived(shop), shop.service.operations
    shop.clock.advance(3600)
    operations.note(linus, id, "the first call", rfc3339(shop.clock.now() - timedelta(minutes=50)))
    found = operations.timeline(linus, id)
    assert [r.seq for r in found] == sorted(r.seq for r in found)
    assert found[-1].at < found[-1].recorded_at


def test_page_of_rows_goes_on_where_the_last_one_ended(shop: Workshop, linus: Asker) -> None:
    """Corrections of earlier lines are shown on whichever page the line is."""
    id, operations = lived(shop), shop.service.operations
    seq = operations.note(linus, id, "at noon").body["seq"]
    operations.note(linus, id, "more")
    operations.correct(linus, id, seq, text="at one", reason="clock")
    every = operations.timeline(linus, id)
    first = operations.timeline(linus, id, limit=3)
    rest = operations.timeline(linus, id, after=first[-1].seq)
    assert [r.seq for r in [*first, *rest]] == [r.seq for r in every]
    assert next(r.text for r in rest if r.seq == seq) == "at one"


def test_actors_are_shown_by_name_and_machines_by_what_they_are(shop: Workshop, linus: Asker) -> None:
    """``linus`` is an id; ``Linus Berg`` is somebody to ring."""
    id = lived(shop)
    found: dict[str, Any] = {r.kind: r for r in shop.service.operations.timeline(linus, id)}
    assert found["incident:life:declared"].actor == "Linus Berg"
    assert (found["incident:life:contained"].actor, found["incident:life:contained"].lane) == ("system", "machine")


def test_turning_points_are_marked_and_the_rest_is_not(shop: Workshop, linus: Asker) -> None:
    """Ten lines of two hundred are the story."""
    id = lived(shop, "closed")
    key = [r.kind.rpartition(":")[2] for r in shop.service.operations.timeline(linus, id) if r.key]
    assert key == ["declared", "placed", "contained", "resolved", "published", "reviewed", "closed"]


def test_unknown_kind_is_shown_raw(shop: Workshop) -> None:
    """A newer version wrote it; hiding it would be worse."""
    id = declare(shop, "revoke-partner: {partner: acme}")
    event = dataclasses.replace(shop.service.ledger.incident(id)[-1], kind="incident:future:thing")
    (row,) = rows([event], {})
    assert row.text == "incident:future:thing"
    assert standing(shop, id).status == "declared"
