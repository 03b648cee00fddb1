"""Clocks that want to be spoken of reach people: once for each moment, quiet once submitted, once after a night."""

from __future__ import annotations

from datetime import timedelta

import pytest

from incidents.clock import rfc3339
from incidents.decisions.passing import LISTED
from incidents.errors import LedgerUnavailable
from incidents.events import Event
from incidents.ledger.memory import MemoryLedger
from incidents.service import Service
from incidents.settings import Settings
from incidents.testing import Pigeonhole, Workshop
from tests.support.clocks import AUTHORITY, GDPR, assessing, submit, tell

DAY = 86_400


def tick(shop: Workshop, hours: float = 0) -> None:
    shop.clock.advance(hours * 3600)
    shop.service.every_second()
    shop.post()


def told(mail: Pigeonhole, word: str) -> list[str]:
    return [line for _, letter in mail.letters for line in letter.body.splitlines() if word in line]


@pytest.fixture
def mail(shop: Workshop) -> Pigeonhole:
    return shop.channel("email")


def answered(shop: Workshop, id: str) -> None:
    """So that only clocks are heard of."""
    shop.service.operations.role(shop.person("ada", "commander"), id, "commander", "take")


def test_whoever_owns_a_clock_hears_of_each_of_its_moments_once(shop: Workshop, mail: Pigeonhole) -> None:
    """Half-way, at four fifths, an hour before: with what is left."""
    id = assessing(shop, GDPR)
    answered(shop, id)
    for hours in (36.01, 0.2, 21.6, 13.21, 0.3):
        tick(shop, hours)
    lines = [line for line in told(mail, "supervisory") if "due at" in line]

    assert [line.rpartition("in ")[2] for line in lines] == ["1 day 11 h", "14 h 11 min", "58 min"]
    assert all("2026-11-26 12:00 UTC" in line for line in lines)
    assert {address.value for address, letter in mail.letters if "supervisory" in letter.body} == {"ada@example.com"}


def test_a_submitted_clock_is_heard_of_no_more(shop: Workshop, mail: Pigeonhole) -> None:
    """Nobody reads reminders of what they have done."""
    id = assessing(shop, GDPR)
    answered(shop, id)
    submit(shop, id, AUTHORITY)
    for _ in range(10):
        tick(shop, 12)

    assert told(mail, "supervisory") == []


def test_after_a_night_down_the_newest_moment_of_a_clock_is_told_and_the_others_count_as_told(
    shop: Workshop, mail: Pigeonhole
) -> None:
    """Half-way and four fifths were missed: one line, and neither comes again after the next start."""
    id = assessing(shop, GDPR)
    answered(shop, id)
    shop.post()
    assert isinstance(shop.service.ledger, MemoryLedger)
    for hours, expected in ((60, 1), (0.01, 0)):
        shop.service.postroom.stop()
        shop.clock.advance(hours * 3600)
        again = Workshop(Service.open(Settings(), ledger=shop.service.ledger.beside(), clock=shop.clock), shop.clock)
        other = again.channel("email")
        tick(again)
        tick(again)
        assert len(told(other, "supervisory")) == expected
        with again.service.desk.read() as state:
            keys = [key for key in state.incidents[id].reminded if AUTHORITY in key]
        assert {key.rpartition("/")[2].partition("@")[0] for key in keys} == {"50%", "80%"}
        again.service.stop()


def test_a_drills_clock_is_heard_of_in_rehearsal_alone(shop: Workshop, mail: Pigeonhole) -> None:
    """It runs, and nobody outside hears."""
    assessing(shop, GDPR, kind="drill")
    for _ in range(8):
        tick(shop, 12)

    assert [letter.subject for _, letter in mail.letters if letter.template != "drills-due"] == []
    rehearsed = [e for e in shop.service.ledger.read() if e.data.get("outcome") == "rehearsed"]
    assert rehearsed


def test_a_deadline_that_came_nearer_is_told_at_once(shop: Workshop, mail: Pigeonhole) -> None:
    """We knew a day before we thought: the fact and the message are one write."""
    id = assessing(shop, GDPR)
    answered(shop, id)
    tick(shop, 30)
    before = len(mail.letters)
    tell(shop, id, "awareness", rfc3339(shop.clock.now() - timedelta(hours=54)))
    head = shop.service.ledger.read()[-1]
    assert head.kind == "effect:message:owed"
    shop.post()

    (line,) = [letter.body.splitlines()[0] for _, letter in mail.letters[before:] if "earlier" in letter.body]
    assert line.endswith("is due earlier: 2026-11-25 12:00 UTC, before it was 2026-11-26 12:00 UTC")


# --- what passes is written and told in one append ---


def of_kind(shop: Workshop, kind: str, after: int) -> list[Event]:
    return [event for event in shop.service.ledger.read(after=after) if event.kind == kind]


def test_a_missed_deadline_and_the_word_of_it_stand_in_one_append(shop: Workshop, mail: Pigeonhole) -> None:
    """Whoever dies between the two would else have told nobody, or have nothing that says why they were told."""
    id = assessing(shop, GDPR)
    answered(shop, id)
    shop.clock.advance(3 * DAY + 1)
    head = shop.service.ledger.head().seq
    shop.service.clockwork.tick()

    line, message = shop.service.ledger.read(after=head)
    assert (line.kind, message.kind) == ("clocks:duty:missed", "effect:message:owed")
    assert line.data["messages"] == [message.data["id"]]
    with shop.service.desk.read() as state:
        assert line.data["reminds"].keys() <= state.incidents[id].reminded.keys()
    shop.post()
    tick(shop)
    assert len(told(mail, "nothing was submitted")) == 1


def test_however_many_pass_together_each_reader_gets_one_message_with_the_sev1_first(
    shop: Workshop, mail: Pigeonhole, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Written in several appends so that a kill need not wait, told in one message so that somebody reads it."""
    monkeypatch.setattr("incidents.clockwork.BATCH", 4)
    ids = [assessing(shop, GDPR) for _ in range(30)]
    for id in ids:
        answered(shop, id)
    shop.service.operations.set_severity(shop.person("ada", "commander"), ids[-1], "sev1", "it grew")
    shop.clock.advance(3 * DAY + 1)
    head = shop.service.ledger.head().seq
    shop.service.clockwork.tick()

    lines = of_kind(shop, "clocks:duty:missed", head)
    (message,) = of_kind(shop, "effect:message:owed", head)
    assert len({line.seq for line in lines if line.data["messages"] == [message.data["id"]]}) == 30
    assert lines[0].incident == ids[-1]
    words = (message.text or {})["words"].splitlines()
    assert len(words) == LISTED + 1
    assert words[-1] == f"- and {30 - LISTED} more; the page of all clocks has them"
    assert message.data["lane"] == "sev1"


def test_what_was_written_before_a_kill_minus_nine_is_told_and_the_rest_after_it(
    shop: Workshop, mail: Pigeonhole, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The next process finds what has no line yet; nobody hears of a deadline twice."""
    monkeypatch.setattr("incidents.clockwork.BATCH", 2)
    ids = [assessing(shop, GDPR) for _ in range(4)]
    for id in ids:
        answered(shop, id)
    shop.clock.advance(3 * DAY + 1)
    head, append = shop.service.ledger.head().seq, shop.service.ledger.append

    def once(*args: object, **more: object) -> object:
        monkeypatch.setattr(shop.service.ledger, "append", dead)
        return append(*args, **more)  # type: ignore[arg-type]

    def dead(*_: object, **__: object) -> None:
        raise LedgerUnavailable("gone")

    monkeypatch.setattr(shop.service.ledger, "append", once)
    with pytest.raises(LedgerUnavailable):
        shop.service.clockwork.tick()
    assert isinstance(shop.service.ledger, MemoryLedger)
    again = Workshop(Service.open(Settings(), ledger=shop.service.ledger.beside(), clock=shop.clock), shop.clock)
    again.service.clockwork.tells = True
    again.service.clockwork.tick()

    lines = of_kind(again, "clocks:duty:missed", head)
    assert sorted(line.incident or "" for line in lines) == ids
    first, second = of_kind(again, "effect:message:owed", head)
    assert [line.data["messages"] for line in lines] == [[first.data["id"]]] * 2 + [[second.data["id"]]] * 2


def test_real_and_rehearsed_deadlines_never_share_a_message(shop: Workshop, mail: Pigeonhole) -> None:
    """What is rehearsed can't reach anybody, not even as a line in what is real."""
    drill, real = assessing(shop, GDPR, kind="drill"), assessing(shop, GDPR)
    answered(shop, real)
    answered(shop, drill)
    shop.clock.advance(3 * DAY + 1)
    head = shop.service.ledger.head().seq
    shop.service.clockwork.tick()

    by_table = {e.data["table"]: (e.text or {})["words"] for e in of_kind(shop, "effect:message:owed", head)}
    assert set(by_table) == {"live", "shadow"}
    assert len(of_kind(shop, "effect:message:owed", head)) == 2


def test_what_was_missed_while_only_the_command_line_wrote_is_told_too(shop: Workshop, mail: Pigeonhole) -> None:
    """A note that somebody added beside the stopped service must not make its deadlines look handed on."""
    id = assessing(shop, GDPR)
    answered(shop, id)
    tick(shop)
    shop.clock.advance(4 * DAY)
    shop.service.operations.note(shop.person("ada", "commander"), id, "the service is down")
    assert isinstance(shop.service.ledger, MemoryLedger)
    again = Workshop(Service.open(Settings(), ledger=shop.service.ledger.beside(), clock=shop.clock), shop.clock)
    other = again.channel("email")
    tick(again, 0.001)

    assert len(told(other, "nothing was submitted")) == 1
    again.service.stop()


def test_a_fault_in_what_is_said_costs_no_line(
    shop: Workshop, mail: Pigeonhole, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Evidence that a deadline passed must not hang on the words that tell of it."""
    ids = [assessing(shop, GDPR) for _ in range(2)]
    shop.clock.advance(3 * DAY + 1)
    head = shop.service.ledger.head().seq

    def faulty(*_: object) -> None:
        raise KeyError("a fault")

    monkeypatch.setattr("incidents.decisions.passing.prompts", faulty)
    shop.service.clockwork.tick()

    assert [line.incident for line in of_kind(shop, "clocks:duty:missed", head)] == ids
