"""
The review: its questions, its versions, and who may agree to what.
"""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from incidents.decisions import Asker
from incidents.decisions.access import CreateToken
from incidents.decisions.review import DOCUMENT_LIMIT
from incidents.errors import Conflicting, Forbidden, Invalid, Outdated, Refused, Unknown
from incidents.ledger.memory import MemoryLedger
from incidents.operations import Operations
from incidents.review_questions import UNANSWERED, questions, unready
from incidents.service import Service
from incidents.settings import Settings
from incidents.testing import ADMIN, Workshop
from incidents.tokens import digest_of
from tests.support.acting import change_catalog, declare

ASK = ["Why was the key *long-lived*?", "Who noticed first?"]
MORE = f"postmortem: {{due: 5 business days, ask: ['{ASK[0]}', '{ASK[1]}']}}\n"
ANSWERED = f"# Review\n\n## {ASK[0]}\n\nNobody owned it.\n\n## {ASK[1]}\n\nThe partner.\n"


@pytest.fixture
def ops(shop: Workshop) -> Operations:
    return shop.service.operations


@pytest.fixture
def ada(shop: Workshop) -> Asker:
    return shop.person("ada", "commander")


@pytest.fixture
def grace(shop: Workshop) -> Asker:
    return shop.person("grace", "commander")


@pytest.fixture
def linus(shop: Workshop) -> Asker:
    return shop.person("linus", "responder")


@pytest.fixture
def resolved(shop: Workshop, ada: Asker) -> str:
    """A contained and resolved incident whose review is owed."""
    id = declare(shop, "revoke-partner: {partner: acme}", more=MORE, by=ada)
    shop.service.cycle()
    shop.service.operations.move(ada, id, "mitigated")
    shop.service.operations.move(ada, id, "resolved", reason="the key is dead")
    return id


# --- questions --------------------------------------------------------------------------------------------------------


def states(document: str, ask: list[str] = ASK) -> list[str]:
    return [question.state for question in questions(ask, document)]


def test_answered_under_its_heading_counts_however_the_heading_is_set() -> None:
    """People change the look of a heading; that must not make an answer disappear."""
    assert states(ANSWERED) == ["answered", "answered"]
    assert states("### *Why* was the key long-lived\n\nx\n\nWho noticed first?\n===\n\ny") == ["answered", "answered"]


@pytest.mark.parametrize(
    ("document", "expected"),
    [
        ("", ["missing", "missing"]),
        (f"## {ASK[0]}\n\n{UNANSWERED}\n\n## {ASK[1]}\n", ["open", "open"]),
        (f"## {ASK[0]}\n\n \n\n## {ASK[1]}\n\nx", ["open", "answered"]),
        (f"## {ASK[0]}\n\nx\n\n  {UNANSWERED}  \n\n## {ASK[1]}\n\nx", ["open", "answered"]),
        (
            f"## {ASK[0]}\n\n### In short\n\nx\n\n## {ASK[1]}\n\n### In short\n\n{UNANSWERED}",
            ["answered", "open", "open"],
        ),
        (f"```\n## {ASK[0]}\n```\nx\n\n## {ASK[1]}\n\nx", ["missing", "answered"]),
        (f"{ANSWERED}\n## Another\n\n{UNANSWERED}\n", ["answered", "answered", "open"]),
        (f"{UNANSWERED}\n\n{ANSWERED}", ["answered", "answered", "open"]),
    ],
)
def test_question_is_open_until_something_is_said_under_it(document: str, expected: list[str]) -> None:
    """A review with a deleted question, or an empty answer, has answered nothing."""
    assert states(document) == expected


def test_heading_with_a_placeholder_that_nobody_asked_is_open_too() -> None:
    """Whoever left it there meant to come back."""
    found = questions(ASK, f"{ANSWERED}\n## Costs\n\n{UNANSWERED}\n")

    assert found[-1].text == "Costs"
    assert "Costs" in unready(ASK, f"{ANSWERED}\n## Costs\n\n{UNANSWERED}\n")[0]


def test_marks_of_a_merge_keep_it_from_being_published() -> None:
    """Nobody must read two versions of a sentence in a published review."""
    assert unready(ASK, ANSWERED) == []
    assert unready(ASK, f"{ANSWERED}\n<<<<<<< yours\na\n=======\nb\n>>>>>>> hers\n") == [
        "line 11 is still a mark of a merge",
        "line 15 is still a mark of a merge",
    ]


@given(st.text(max_size=300), st.lists(st.text(max_size=40), max_size=3))
def test_any_text_can_be_asked_for_its_questions(document: str, ask: list[str]) -> None:
    """What people paste must never break the page that shows it."""
    assert len(questions(ask, document)) >= len(ask)


# --- versions ---------------------------------------------------------------------------------------------------------


def test_second_writer_is_told_of_the_first_and_loses_nothing(ops: Operations, ada, linus, resolved) -> None:
    """Two people at once: the one who comes second gets what the first wrote, and nothing was written over."""
    ops.save_review(ada, resolved, "Ada's words", 0)
    with pytest.raises(Outdated) as refused:
        ops.save_review(linus, resolved, "Linus' words", 0)

    newer = refused.value.more["newer"]
    assert (newer["version"], newer["document"], newer["saved_by"]) == (1, "Ada's words", "ada")
    assert ops.postmortem(linus, resolved)["document"] == "Ada's words"
    assert ops.save_review(linus, resolved, "both", 1).body["version"] == 2


def test_saving_what_is_there_already_changes_nothing(ops: Operations, ada, linus, resolved) -> None:
    """A request that is sent again after a lost connection must not fail, nor take an approval away."""
    ops.save_review(ada, resolved, "words\r\nmore", 0)
    again = ops.save_review(ada, resolved, "words\nmore", 0)

    assert (again.body["already"], again.body["version"]) == (True, 1)
    assert ops.save_review(linus, resolved, "words\rmore", 1).body["version"] == 1


@pytest.mark.parametrize(
    ("document", "base", "words"),
    [
        ("", 0, "is empty"),
        (" \n ", 0, "is empty"),
        ("x" * (DOCUMENT_LIMIT + 1), 0, "200001 characters; at most 200000"),
        ("x", 3, "there is no version 3"),
    ],
)
def test_document_that_can_not_be_saved_says_why(ops: Operations, ada, resolved, document, base, words) -> None:
    """Each limit is named, so that nobody has to guess what to shorten."""
    with pytest.raises(Invalid, match=words):
        ops.save_review(ada, resolved, document, base)


def test_reader_may_not_write_and_a_false_alarm_has_no_review(shop: Workshop, ops: Operations, ada, resolved) -> None:
    """A review is written by those who respond, about something that happened."""
    with pytest.raises(Forbidden, match="'responder'"):
        ops.save_review(shop.credential(shop.secret("v", "viewer")).asker("api"), resolved, "x", 0)
    ops.move(ada, resolved, "reopened", reason="look again")
    ops.move(ada, resolved, "false-alarm", reason="it was a test of theirs")
    with pytest.raises(Conflicting, match="ended as false-alarm"):
        ops.save_review(ada, resolved, "x", 0)


def test_owner_is_somebody_who_exists(ops: Operations, ada, resolved) -> None:
    """A review that belongs to a misspelled name belongs to nobody."""
    with pytest.raises(Unknown, match="Did you mean 'grace'"):
        ops.review_owner(ada, resolved, "gracee")
    ops.review_owner(ada, resolved, "Grace Lim")

    assert ops.postmortem(ada, resolved)["owner"] == "grace"


# --- approval and publication -----------------------------------------------------------------------------------------


def written(ops: Operations, resolved: str, by: Asker, document: str = ANSWERED) -> int:
    if ops.postmortem(by, resolved)["owner"] is None:
        ops.review_owner(by, resolved, "linus")
    version = ops.postmortem(by, resolved)["version"]
    return int(ops.save_review(by, resolved, document, version).body["version"])


def test_review_takes_a_writer_a_reader_and_a_publisher(ops: Operations, ada, grace, linus, resolved) -> None:
    """The whole way; publishing makes the incident reviewed, and its digest is of exactly that text."""
    version = written(ops, resolved, linus)
    ops.approve_review(ada, resolved, version)
    with pytest.raises(Forbidden, match="ada approved this version"):
        ops.publish_review(ada, resolved, version)
    answer = ops.publish_review(grace, resolved, version).body

    assert (answer["status"], answer["version"]) == ("reviewed", 1)
    assert answer["digest"] == digest_of(ANSWERED)
    found = ops.postmortem(linus, resolved)
    assert (found["state"], found["published_by"], found["approved_by"]) == ("published", "grace", "ada")


def test_writer_may_publish_what_another_approved(ops: Operations, ada, grace, resolved) -> None:
    """Two people are enough: one wrote it and puts it out, the other has read it."""
    version = written(ops, resolved, ada)
    ops.approve_review(grace, resolved, version)

    assert ops.publish_review(ada, resolved, version).body["status"] == "reviewed"


def test_whoever_wrote_any_part_does_not_approve(ops: Operations, ada, grace, resolved) -> None:
    """Also of an earlier version: their words may still be in it."""
    written(ops, resolved, ada, "first")
    version = written(ops, resolved, grace)

    for author in (ada, grace):
        with pytest.raises(Forbidden, match="wrote part of this review"):
            ops.approve_review(author, resolved, version)


def token_made_by(shop: Workshop, maker: Asker, name: str, **more: Any) -> Asker:
    request = CreateToken(name=name, role="commander", **more)
    _, secret = shop.service.operations.create_token(maker, request)
    return shop.credential(secret or "").asker("api")


def test_author_does_not_approve_by_a_token_in_another_name(shop: Workshop, ops: Operations, resolved) -> None:
    """An administrator can make a token for anybody; that must not make two people of one."""
    ada = shop.person("ada", "admin")
    version = written(ops, resolved, ada)
    with pytest.raises(Forbidden, match="this token goes back to ada, who wrote part"):
        ops.approve_review(token_made_by(shop, ada, "grace-2", person="grace"), resolved, version)


def test_maker_of_the_writing_token_does_not_approve(shop: Workshop, ops: Operations, resolved) -> None:
    """Nor may they write under another name, a person's or a machine's, and approve under their own."""
    ada = shop.person("ada", "admin")
    written(ops, resolved, token_made_by(shop, ada, "bot"))
    with pytest.raises(Forbidden, match="bot wrote part of this review, with a token that goes back to ada; a third"):
        ops.approve_review(ada, resolved, 1)


def test_approver_does_not_publish_by_a_token_in_another_name(shop: Workshop, ops: Operations, grace, resolved) -> None:
    """The same hand twice, the other way round."""
    ada = shop.person("ada", "admin")
    version = written(ops, resolved, grace)
    ops.approve_review(ada, resolved, version)
    with pytest.raises(Forbidden, match="this token goes back to ada, who approved"):
        ops.publish_review(token_made_by(shop, ada, "hedy-2", person="grace"), resolved, version)


def test_machine_and_local_administrator_neither_approve_nor_publish(shop: Workshop, ops: Operations, linus, resolved):
    """It takes a person who can be asked about it."""
    version = written(ops, resolved, linus)
    machine = shop.credential(shop.secret("ci", "commander")).asker("api")
    for nobody in (ADMIN, machine):
        with pytest.raises(Forbidden, match="belongs to a person"):
            ops.approve_review(nobody, resolved, version)
        with pytest.raises(Forbidden, match="belongs to a person"):
            ops.publish_review(nobody, resolved, version)


def test_approver_who_lost_the_role_meanwhile_is_refused(shop: Workshop, ops: Operations, linus, grace, resolved):
    """The right is looked up when it is used, not when the token was read."""
    version = written(ops, resolved, linus)
    change_catalog(shop, lambda c: c["people"]["grace"].update(roles=["viewer"]))
    with pytest.raises(Forbidden, match="grace does not have it"):
        ops.approve_review(grace, resolved, version)


def test_approval_is_of_one_version_and_ends_with_the_next(ops: Operations, ada, grace, linus, resolved) -> None:
    """What was approved is what is published, to the letter."""
    version = written(ops, resolved, linus)
    ops.approve_review(ada, resolved, version)
    written(ops, resolved, linus, ANSWERED + "One more thing.\n")
    with pytest.raises(Conflicting, match="version 2 is the newest, not 1"):
        ops.publish_review(grace, resolved, 1)
    with pytest.raises(Conflicting, match="is not approved yet"):
        ops.publish_review(grace, resolved, 2)


def test_publication_names_everything_that_stands_against_it(shop: Workshop, ops: Operations, ada, grace) -> None:
    """One refusal with the whole list, not one after the other."""
    id = declare(shop, "revoke-partner: {partner: acme}", more=MORE, by=ada)
    ops.save_review(ada, id, f"## {ASK[0]}\n\n{UNANSWERED}\n", 0)
    with pytest.raises(Conflicting) as refused:
        ops.publish_review(grace, id, 1)

    said = str(refused.value)
    for words in (
        "not resolved",
        "no owner",
        "is not approved yet",
        f"'{ASK[0]}' is not answered",
        "heading that asks it",
    ):
        assert words in said
    assert "; ".join(ops.postmortem(ada, id)["blocked"]) in said


def test_redacted_version_can_be_neither_approved_nor_published(ops: Operations, ada, grace, linus, resolved) -> None:
    """An empty text has no open questions; it must not pass for an answered review."""
    version = written(ops, resolved, linus)
    ops.approve_review(ada, resolved, version)
    ops.redact(ada, resolved, 1 + _saved_before(ops, linus, resolved), "a customer's name")
    with pytest.raises(Conflicting, match="were redacted"):
        ops.publish_review(grace, resolved, version)
    found = ops.postmortem(linus, resolved)
    assert (found["document"], found["redacted"]) == (None, True)

    assert ops.save_review(linus, resolved, ANSWERED, version).body["version"] == 2


def _saved_before(ops: Operations, asker: Asker, id: str) -> int:
    return max(row.seq for row in ops.timeline(asker, id) if row.kind == "review:document:saved") - 1


def test_reopened_incident_needs_a_review_of_what_came_after(ops: Operations, ada, grace, linus, resolved) -> None:
    """The published version knows nothing of the second half; saying "published already" would end in a dead end."""
    version = written(ops, resolved, linus)
    ops.approve_review(ada, resolved, version)
    ops.publish_review(grace, resolved, version)
    ops.move(ada, resolved, "reopened", reason="it went on")
    ops.move(ada, resolved, "mitigated")
    ops.move(ada, resolved, "resolved", reason="now it is")
    with pytest.raises(Conflicting, match="save what was learned as a new version"):
        ops.publish_review(grace, resolved, version)
    version = written(ops, resolved, linus, ANSWERED + "And again.\n")
    ops.approve_review(ada, resolved, version)

    assert ops.publish_review(grace, resolved, version).body["status"] == "reviewed"


def test_published_version_stays_readable_beside_a_newer_one(ops: Operations, ada, grace, linus, resolved) -> None:
    """A draft of version 2 must not hide what was published."""
    version = written(ops, resolved, linus)
    ops.approve_review(ada, resolved, version)
    ops.publish_review(grace, resolved, version)
    written(ops, resolved, linus, "just an idea")
    found = ops.postmortem(ada, resolved)

    assert (found["published"], found["published_document"], found["document"]) == (1, ANSWERED, "just an idea")


def test_what_another_process_saved_is_what_is_published(shop: Workshop, ops: Operations, ada, grace, linus, resolved):
    """The command line may save beside the service: the digest must be of the version that was approved."""
    written(ops, resolved, linus, "old words")
    ledger = shop.service.ledger
    assert isinstance(ledger, MemoryLedger)
    beside = Service.open(Settings(), ledger=ledger.beside(), clock=shop.clock).operations
    beside.save_review(linus, resolved, ANSWERED, 1)
    beside.approve_review(ada, resolved, 2)

    assert ops.publish_review(grace, resolved, 2).body["digest"] == digest_of(ANSWERED)


def test_reader_is_told_what_they_may_do_and_why_not(ops: Operations, ada, grace, linus, resolved) -> None:
    """The page and the command line say the same as the refusal would."""
    version = written(ops, resolved, ada)
    mine, hers, his = (ops.postmortem(who, resolved)["may"] for who in (ada, grace, linus))

    assert mine["save"] is None
    assert "another person approves it" in mine["approve"]
    assert hers["approve"] is None
    assert "is not approved yet" in hers["publish"]
    assert "'commander'" in his["approve"]
    for who, said in ((ada, mine), (linus, his)):
        with pytest.raises(Refused) as refused:
            ops.approve_review(who, resolved, version)
        assert str(refused.value) == said["approve"]


def test_review_is_due_in_business_days_from_resolution(shop: Workshop, ops: Operations, ada) -> None:
    """Five business days from a Friday end on the Friday after; the declaration's own guess no longer counts."""
    id = declare(shop, "revoke-partner: {partner: acme}", more=MORE, by=ada)
    assert ops.postmortem(ada, id)["due_at"] == "2026-11-30T23:59:59.000Z"  # declared on a Monday
    shop.service.cycle()
    shop.clock.advance(4 * 86_400)
    ops.move(ada, id, "mitigated")
    ops.move(ada, id, "resolved", reason="done")

    assert ops.postmortem(ada, id)["due_at"] == "2026-12-04T23:59:59.000Z"


def test_next_decision_leads_through_the_review(ops: Operations, ada, grace, linus, resolved) -> None:
    """Whoever opens the incident reads whose turn it is."""

    def next_one() -> tuple[str, str]:
        found = ops.incident(ada, resolved)["next_decision"]
        return found["what"], found["who"]

    ops.role(ada, resolved, "commander", "take")
    assert next_one() == ("Who owns the review?", "ada")
    ops.review_owner(ada, resolved, "linus")
    assert next_one() == ("Write the review", "linus")
    ops.save_review(linus, resolved, ANSWERED, 0)
    assert next_one()[0] == "Approve version 1 of the review?"
    ops.approve_review(ada, resolved, 1)
    assert next_one() == ("Publish version 1 of the review?", "a commander other than ada")


def test_review_of_an_incident_that_has_left_memory_goes_on(shop: Workshop, ops: Operations, ada, grace) -> None:
    """It is often written when nobody thinks of the incident any more."""
    id = declare(shop, "revoke-partner: {partner: acme}", more=MORE, kind="test", by=ada)
    ops.move(ada, id, "mitigated")
    ops.move(ada, id, "resolved", reason="done")
    version = written(ops, id, ada)
    ops.approve_review(grace, id, version)
    ops.publish_review(ada, id, version)
    ops.move(ada, id, "closed", reason="over")
    before = ops.postmortem(ada, id)
    shop.service.desk.let_go()
    with shop.service.desk.read() as state:
        assert id in state.over

    assert ops.postmortem(ada, id) == before
    shop.service.desk.let_go()
    assert ops.save_review(grace, id, ANSWERED + "One thing more.\n", version).body["version"] == 2
    shop.service.desk.let_go()
    assert shop.service.records.export(ada, id, "md").text
