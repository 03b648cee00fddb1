"""
Lines that are kept for the next look: never older than what has happened, never after they were redacted.
"""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from incidents import events as ev
from incidents.events import Draft, Event
from incidents.recent_lines import INCIDENTS, READERS, RecentLines
from incidents.testing import ADMIN, Workshop
from incidents.timeline import rows
from tests.support.acting import declare


def kinds(events: Sequence[Event]) -> list[str]:
    return [event.kind for event in events]


def test_second_look_reads_nothing(shop: Workshop, monkeypatch: pytest.MonkeyPatch) -> None:
    """
    A hundred people who watch one incident must not read it a hundred times a second.
    """
    id = declare(shop, "revoke-partner: {partner: acme}")
    recent = RecentLines(shop.service.desk)
    first = recent.of(id)
    monkeypatch.setattr(shop.service.ledger, "incident", lambda which: pytest.fail("read again"))
    assert recent.of(id) is first


def test_line_that_another_process_appended_is_there(shop: Workshop) -> None:
    """
    The command line writes beside the service.
    """
    id = declare(shop, "revoke-partner: {partner: acme}")
    recent, ledger = RecentLines(shop.service.desk), shop.service.ledger
    recent.of(id)
    note = Draft(ev.NoteAdded(), incident=id, text={"note": "from elsewhere"})
    ledger.append([note], actor=ADMIN.actor, now=shop.clock.now(), expected=ledger.head().seq)
    shop.service.desk.follow()
    assert (recent.of(id).events[-1].text or {}) == {"note": "from elsewhere"}


def test_redacted_words_are_gone_at_once(shop: Workshop) -> None:
    """
    "Gone for good when this answers" includes what was kept to be quick.
    """
    id = declare(shop, "revoke-partner: {partner: acme}")
    operations = shop.service.operations
    seq = operations.note(shop.person("linus", "responder"), id, "xyzzy").body["seq"]
    recent = RecentLines(shop.service.desk)
    assert "xyzzy" in str(recent.of(id).events)
    operations.redact(shop.person("ada", "commander"), id, seq, "a secret")
    assert "xyzzy" not in str(recent._kept)
    assert "xyzzy" not in str(recent.of(id).events)


def test_what_was_read_while_something_happened_is_not_kept(shop: Workshop, monkeypatch: pytest.MonkeyPatch) -> None:
    """
    Read before, kept after: such a copy would stay old until the next event.
    """
    id = declare(shop, "revoke-partner: {partner: acme}")
    recent, real = RecentLines(shop.service.desk), shop.service.ledger.incident
    linus = shop.person("linus", "responder")

    def slow(which: str) -> list[Event]:
        found = real(which)
        monkeypatch.setattr(shop.service.ledger, "incident", real)
        shop.service.operations.note(linus, id, "meanwhile")
        return found

    monkeypatch.setattr(shop.service.ledger, "incident", slow)
    assert kinds(recent.of(id).events)[-1] != "incident:note:added"
    assert kinds(recent.of(id).events)[-1] == "incident:note:added"


def test_rows_are_made_once_for_each_kind_of_reader(shop: Workshop) -> None:
    """
    An outsider must never get the rows that were made for a member.
    """
    id = declare(shop, "revoke-partner: {partner: acme}")
    shop.service.operations.note(shop.person("linus", "responder"), id, "for members", restricted=True)
    lines = RecentLines(shop.service.desk).of(id)
    inside = lines.rows("inside", lambda: rows(lines.events, {}, inside=True))
    outside = lines.rows("outside", lambda: rows(lines.events, {}, inside=False))
    assert [row.text for row in (inside[-1], outside[-1])] == ["for members", ""]
    assert lines.rows("inside", lambda: pytest.fail("made again")) is inside


def test_only_the_last_ones_are_kept(shop: Workshop) -> None:
    """
    Memory must not grow with everything that anybody ever looked at.
    """
    ids = [declare(shop, "revoke-partner: {partner: acme}") for _ in range(INCIDENTS + 3)]
    recent = RecentLines(shop.service.desk)
    for id in ids:
        recent.of(id)
    assert list(recent._kept) == ids[-INCIDENTS:]
    lines = recent.of(ids[-1])
    for reader in range(READERS + 3):
        lines.rows(reader, list)
    assert len(lines._rows) == READERS
