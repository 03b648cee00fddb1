"""Lines that people look at again: nothing is edited, what was corrected stays readable, what was redacted is gone."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from incidents.clock import rfc3339
from incidents.decisions import Asker
from incidents.desk import Desk
from incidents.errors import AndonError, Conflicting, Forbidden, Invalid, Unknown
from incidents.ledger.sqlite import SqliteLedger
from incidents.ledger.verify import verify
from incidents.state_copy import dump_state
from incidents.testing import Workshop, workshop
from incidents.timeline import Row
from tests.support.acting import contain, declare, lived, standing

SECRET = "hunter2-is-the-password"


@pytest.fixture
def ada(shop: Workshop) -> Asker:
    return shop.person("ada", "commander")


@pytest.fixture
def linus(shop: Workshop) -> Asker:
    return shop.person("linus", "responder")


@pytest.fixture
def on_disk(tmp_path: Path) -> Iterator[Workshop]:
    made = workshop(ledger=SqliteLedger.create(tmp_path / "andon.db"))
    yield made
    made.service.stop()


def noted(shop: Workshop, by: Asker, id: str, text: str = "Acme called at noon.", **more: Any) -> int:
    return int(shop.service.operations.note(by, id, text, **more).body["seq"])


def row(shop: Workshop, by: Asker, id: str, seq: int) -> Row:
    return next(r for r in shop.service.operations.timeline(by, id) if r.seq == seq)


def ago(shop: Workshop, **by: float) -> str:
    return rfc3339(shop.clock.now() - timedelta(**by))


def moment_line(shop: Workshop, id: str, name: str) -> int:
    return standing(shop, id).moments[name].seq


# --- notes ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "the note is empty"),
        ("\n \t", "the note is empty"),
        ("x" * 204_800, "has 204800 characters; at most 20000"),
    ],
)
def test_note_that_cannot_be_kept_says_why(shop: Workshop, linus: Asker, text: str, words: str) -> None:
    """Nothing of it is written, so that it can be shortened and sent again."""
    id = lived(shop)
    head = shop.service.ledger.head()
    with pytest.raises(Invalid, match=words) as refused:
        noted(shop, linus, id, text)
    assert [e.where for e in refused.value.errors] == ["text"]
    assert shop.service.ledger.head() == head


def test_note_of_the_longest_length_is_kept_whole(shop: Workshop, linus: Asker) -> None:
    """The limit is the limit, not one less."""
    id = lived(shop)
    assert len(row(shop, linus, id, noted(shop, linus, id, "x" * 20_000)).text) == 20_000


def test_note_from_the_future_is_refused(shop: Workshop, linus: Asker) -> None:
    """A time zone mistake must not put a line after everything that comes."""
    with pytest.raises(Invalid, match="lies in the future"):
        noted(shop, linus, lived(shop), at=ago(shop, hours=-1))


def test_pasted_token_is_masked_before_it_is_written(shop: Workshop, linus: Asker) -> None:
    """The one thing that people paste at night."""
    id = lived(shop)
    secret = shop.secret("ada-commander", "commander", person="ada")
    assert secret not in row(shop, linus, id, noted(shop, linus, id, f"it used {secret}")).text


# --- corrections ------------------------------------------------------------------------------------------------------


def test_corrected_words_show_what_stood_there_and_why(shop: Workshop, linus: Asker) -> None:
    """Struck through, not gone: the record says what was believed at the time."""
    id, operations = lived(shop), shop.service.operations
    seq = noted(shop, linus, id)
    operations.correct(linus, id, seq, text="Acme called at one.", reason="wrong clock")
    found = row(shop, linus, id, seq)
    assert found.text == "Acme called at one."
    (correction,) = found.corrections
    assert (correction.was_text, correction.was_at, correction.reason, correction.by) == (
        "Acme called at noon.", None, "wrong clock", "Linus Berg",
    )  # fmt: skip
    first = next(e for e in shop.service.ledger.incident(id) if e.seq == seq)
    assert first.text == {"note": "Acme called at noon."}


def test_second_correction_keeps_the_first(shop: Workshop, linus: Asker) -> None:
    """Every version that anybody read can be read again, the oldest first."""
    id, operations = lived(shop), shop.service.operations
    shop.clock.advance(3600)
    seq = noted(shop, linus, id)
    for text in ("at one", "at two"):
        operations.correct(linus, id, seq, text=text, reason="still wrong")
    operations.correct(linus, id, seq, at=ago(shop, minutes=30), reason="it was earlier")
    found = row(shop, linus, id, seq)
    assert (found.text, found.at, found.late) == ("at two", ago(shop, minutes=30), True)
    assert [(c.was_text, c.was_at) for c in found.corrections] == [
        ("Acme called at noon.", None), ("at one", None), (None, found.recorded_at),
    ]  # fmt: skip


def test_moment_told_at_the_wrong_time_is_corrected_and_keeps_the_original(shop: Workshop, linus: Asker) -> None:
    """Back-dating is a correction with a reason, never an edit."""
    id, operations = lived(shop), shop.service.operations
    shop.clock.advance(3600)
    said = rfc3339(shop.clock.now())
    operations.move(linus, id, "mitigated")
    operations.correct(linus, id, moment_line(shop, id, "mitigated"), at=ago(shop, minutes=40), reason="wrote it late")
    moment = operations.incident(linus, id)["moments"]["mitigated"]
    assert (moment["at"], moment["was"]) == (ago(shop, minutes=40), [said])


def test_declaration_was_earlier_than_it_was_typed(shop: Workshop, linus: Asker) -> None:
    """What counts from it (severity since, the measures) counts from the true moment."""
    id, operations = lived(shop), shop.service.operations
    at = ago(shop, hours=1)
    operations.correct(linus, id, moment_line(shop, id, "declared"), at=at, reason="told by phone first")
    found = operations.incident(linus, id)
    assert (found["declared_at"], found["severity_since"]) == (at, at)


@pytest.mark.parametrize(
    ("name", "by", "words"),
    [
        ("declared", {"seconds": 1}, "declared at .* would lie after contained"),
        ("resolved", {"hours": 9}, "resolved at .* would lie before contained"),
        ("contained", {"seconds": 1}, "is evidence and is not corrected"),
        ("reviewed", {"seconds": 1}, "is evidence and is not corrected"),
        ("closed", {"hours": -1}, "lies in the future"),
    ],
)
def test_moment_is_not_corrected_against_evidence_or_order(
    shop: Workshop, ada: Asker, name: str, by: dict[str, float], words: str
) -> None:
    """Times may be mended, the order of things may not."""
    id, operations = lived(shop, "closed"), shop.service.operations
    shop.clock.advance(3600)
    head = shop.service.ledger.head()
    with pytest.raises(Invalid, match=words):
        operations.correct(ada, id, moment_line(shop, id, name), at=ago(shop, **by), reason="x")
    assert shop.service.ledger.head() == head


def test_end_is_corrected_like_any_other_moment(shop: Workshop, ada: Asker) -> None:
    """Called a false alarm on the phone at two, typed at three."""
    id, operations = lived(shop), shop.service.operations
    shop.clock.advance(7200)
    operations.move(ada, id, "false-alarm", reason="their own test")
    operations.correct(ada, id, moment_line(shop, id, "false-alarm"), at=ago(shop, hours=1), reason="said by phone")
    assert operations.incident(ada, id)["moments"]["false-alarm"]["at"] == ago(shop, hours=1)


@pytest.mark.parametrize(
    ("change", "error", "words"),
    [
        ({"reason": "x"}, Invalid, "gives another time or other words"),
        ({"text": "y", "reason": " "}, Invalid, "a correction needs a reason"),
        ({"text": "  ", "reason": "x"}, Invalid, "the note is empty"),
        ({"text": "y" * 20_001, "reason": "x"}, Invalid, "at most 20000"),
        ({"at": "noon", "reason": "x"}, Invalid, "'noon' is not a time with its zone"),
    ],
)
def test_correction_that_says_nothing_is_refused(
    shop: Workshop, linus: Asker, change: dict[str, str], error: type[AndonError], words: str
) -> None:
    """Each correction has to be one, and to say why."""
    id = lived(shop)
    with pytest.raises(error, match=words):
        shop.service.operations.correct(linus, id, noted(shop, linus, id), **change)


def test_somebody_elses_line_is_corrected_by_whoever_may_command(shop: Workshop, linus: Asker, ada: Asker) -> None:
    """A responder mends what they wrote; the commander answers for the record."""
    id, operations = lived(shop), shop.service.operations
    seq = noted(shop, ada, id)
    with pytest.raises(Forbidden, match="correcting somebody else's line"):
        operations.correct(linus, id, seq, text="y", reason="x")
    seq = noted(shop, linus, id)
    operations.correct(ada, id, seq, text="y", reason="x")
    assert row(shop, ada, id, seq).text == "y"


def test_words_of_machines_are_not_corrected(shop: Workshop, ada: Asker) -> None:
    """What the system wrote is what it saw."""
    id = lived(shop)
    with pytest.raises(Invalid, match="is no note or update"):
        shop.service.operations.correct(ada, id, moment_line(shop, id, "contained"), text="y", reason="x")


def test_line_of_another_incident_is_not_touched(shop: Workshop, ada: Asker, linus: Asker) -> None:
    """A number from another tab must not change this page's story, nor that one's."""
    id, other = lived(shop), declare(shop, "revoke-partner: {partner: globex}")
    seq, operations = noted(shop, linus, other), shop.service.operations
    for act in (
        lambda: operations.correct(ada, id, seq, text="y", reason="x"),
        lambda: operations.pin(ada, id, seq, True),
        lambda: operations.redact(ada, id, seq, "x"),
        lambda: operations.redact(ada, id, 0, "x"),
        lambda: operations.pin(ada, id, 10**9, True),
    ):
        with pytest.raises(Unknown, match=f"{id} has no line"):
            act()
    assert row(shop, ada, other, seq).text == "Acme called at noon."


# --- pins -------------------------------------------------------------------------------------------------------------


def test_pinned_line_is_marked_and_unpinned_again(shop: Workshop, linus: Asker) -> None:
    """The pin is a line of the log, yet not one of the story."""
    id, operations = lived(shop), shop.service.operations
    seq = noted(shop, linus, id)
    operations.pin(linus, id, seq, True)
    assert row(shop, linus, id, seq).pinned
    assert operations.timeline(linus, id)[-1].seq == seq
    operations.pin(linus, id, seq, False)
    assert not row(shop, linus, id, seq).pinned


def test_line_that_is_pinned_already_is_not_pinned_again(shop: Workshop, linus: Asker, ada: Asker) -> None:
    """Two people press the same button: one line in the log, and the second one is told."""
    id, operations = lived(shop), shop.service.operations
    seq = noted(shop, linus, id)
    assert "already" not in operations.pin(linus, id, seq, True).body
    assert operations.pin(ada, id, seq, True).body["already"] is True
    operations.pin(linus, id, seq, False)
    assert operations.pin(ada, id, seq, False).body["already"] is True
    assert [e.data["pinned"] for e in shop.service.ledger.incident(id) if e.kind == "incident:entry:pinned"] == [
        True, False,
    ]  # fmt: skip


def test_line_about_a_line_is_not_pinned(shop: Workshop, linus: Asker, ada: Asker) -> None:
    """The story is pinned, not what was done to its lines."""
    id, operations = lived(shop), shop.service.operations
    seq = operations.redact(ada, id, noted(shop, linus, id), "a name").body["seq"]
    with pytest.raises(Invalid, match="is about another line"):
        operations.pin(linus, id, seq, True)


# --- redaction --------------------------------------------------------------------------------------------------------


def test_redacted_words_are_nowhere_and_the_chain_is_whole(on_disk: Workshop, tmp_path: Path) -> None:
    """Not in the timeline, the state, the log, nor in a byte of the files; and the log still proves itself."""
    shop, operations = on_disk, on_disk.service.operations
    ada, linus = shop.person("ada", "commander"), shop.person("linus", "responder")
    id = lived(shop)
    seq = noted(shop, linus, id, f"They told me that {SECRET}.")
    operations.correct(linus, id, seq, text=f"They told us that {SECRET}.", reason="we were two")
    assert any(SECRET.encode() in path.read_bytes() for path in tmp_path.iterdir())

    operations.redact(ada, id, seq, "a password")
    texts = [r.text for r in operations.timeline(linus, id)]
    assert (row(shop, linus, id, seq).text, row(shop, linus, id, seq).redacted) == ("[redacted]", True)
    assert SECRET not in str([r.wire() for r in operations.timeline(linus, id)])
    assert texts[-1] == f"The words of line {seq} were redacted: a password"
    assert SECRET not in str(operations.log(ada)) + str(operations.incident(ada, id))
    with shop.service.desk.read() as state:
        assert SECRET.encode() not in dump_state(state)
    assert [path.name for path in tmp_path.iterdir() if SECRET.encode() in path.read_bytes()] == []
    verdict = verify(shop.service.ledger.read())
    assert (verdict.why, verdict.redacted) == (None, 2)


def test_redacted_title_leaves_the_words_at_hand_too(shop: Workshop, ada: Asker) -> None:
    """Lists keep titles in memory; also another process that has read them already."""
    body = {
        "playbook": "partner-credential-abuse",
        "parameters": {"partner": "acme"},
        "title": SECRET,
        "summary": SECRET,
    }
    id, operations = str(shop.service.operations.declare(ada, body).body["id"]), shop.service.operations
    beside = Desk(shop.service.ledger.beside(), shop.clock)  # type: ignore[attr-defined]
    beside.start()
    assert SECRET in str(operations.incidents(ada))
    assert beside.words(id)["title"] == SECRET

    operations.redact(ada, id, moment_line(shop, id, "declared"), "a password")
    beside.follow()
    assert beside.words(id) == {}
    for answer in (operations.incidents(ada), operations.incident(ada, id), operations.board(ada)):
        assert SECRET not in str(answer)
    assert operations.incidents(ada, search="hunter2")["items"] == []


def test_redacting_the_review_leaves_its_state(shop: Workshop, ada: Asker) -> None:
    """Who wrote which version stays; the text is gone, and an empty text is not published as the review."""
    id, operations = lived(shop, "resolved"), shop.service.operations
    operations.review_owner(ada, id, "ada")
    seq = operations.save_review(shop.person("linus", "responder"), id, SECRET, 0).body["seq"]
    operations.approve_review(shop.person("grace", "commander"), id, 1)
    operations.redact(ada, id, seq, "a password")
    with pytest.raises(Conflicting, match="were redacted"):
        operations.publish_review(ada, id, 1)
    assert operations.incident(ada, id)["postmortem"]["version"] == 1


@pytest.mark.parametrize("which", ["again", "no words"])
def test_line_without_words_has_nothing_to_redact(shop: Workshop, ada: Asker, which: str) -> None:
    """A repeat says that it is done; a machine's line says that there never were any."""
    id, operations = lived(shop), shop.service.operations
    seq = noted(shop, ada, id) if which == "again" else moment_line(shop, id, "contained")
    if which == "again":
        operations.redact(ada, id, seq, "a name")
    with pytest.raises(Conflicting, match="has no words any more" if which == "again" else "has no words$"):
        operations.redact(ada, id, seq, "a name")


def test_redacted_line_is_not_corrected(shop: Workshop, ada: Asker) -> None:
    """New words would look as if they had always been there."""
    id, operations = lived(shop), shop.service.operations
    seq = noted(shop, ada, id)
    operations.redact(ada, id, seq, "a name")
    with pytest.raises(Conflicting, match="was redacted; write a new one"):
        operations.correct(ada, id, seq, text="y", reason="x")


def test_redacting_needs_a_reason_and_the_right_to_command(shop: Workshop, ada: Asker, linus: Asker) -> None:
    """Taking words out of the record is asked about later."""
    id, operations = lived(shop), shop.service.operations
    seq = noted(shop, linus, id)
    with pytest.raises(Forbidden, match="redacting a line"):
        operations.redact(linus, id, seq, "a name")
    with pytest.raises(Invalid, match="a redaction needs a reason"):
        operations.redact(ada, id, seq, " ")
    assert row(shop, linus, id, seq).text == "Acme called at noon."


# --- restricted notes -------------------------------------------------------------------------------------------------


def test_restricted_note_is_read_by_members_alone(shop: Workshop, linus: Asker, ada: Asker) -> None:
    """That there is one is known to all who see the incident; what it says is not, also not in the log."""
    id, operations = lived(shop), shop.service.operations
    seq = noted(shop, linus, id, SECRET, restricted=True)
    operations.correct(linus, id, seq, text=f"{SECRET}!", reason=f"about {SECRET}")
    assert (row(shop, linus, id, seq).text, row(shop, linus, id, seq).restricted) == (f"{SECRET}!", True)
    assert SECRET in str(operations.log(linus))

    outside = row(shop, ada, id, seq)
    assert (outside.text, outside.restricted) == ("", True)
    assert SECRET not in str([r.wire() for r in operations.timeline(ada, id)])
    assert SECRET not in str(operations.log(ada))


def test_restricted_note_is_neither_changed_nor_redacted_from_outside(shop: Workshop, linus: Asker, ada: Asker) -> None:
    """Whoever may not read it can't know what they would take away."""
    id, operations = lived(shop), shop.service.operations
    seq = noted(shop, linus, id, SECRET, restricted=True)
    with pytest.raises(Forbidden, match="is for the members of"):
        operations.correct(ada, id, seq, text="y", reason="x")
    with pytest.raises(Forbidden, match="is for the members of"):
        operations.redact(ada, id, seq, "x")
    operations.change_members(linus, id, ["ada"], [])
    operations.redact(ada, id, seq, "a password")
    assert row(shop, linus, id, seq).text == "[redacted]"


def test_note_on_a_moment_that_time_has_passed_stays_in_order(shop: Workshop, linus: Asker) -> None:
    """A late entry is marked, and one whose time was mended to the moment of writing is not."""
    id, operations = lived(shop), shop.service.operations
    contain(shop)
    seq = noted(shop, linus, id, at=ago(shop, minutes=25))
    assert row(shop, linus, id, seq).late
    operations.correct(linus, id, seq, at=rfc3339(shop.clock.now()), reason="it was just now")
    assert not row(shop, linus, id, seq).late
