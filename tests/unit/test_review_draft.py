"""
The first draft: facts of the log that are right, questions that are open, and words that can't pretend to be either.
"""

from __future__ import annotations

import html
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from incidents.decisions import Asker
from incidents.decisions.tasks import NewTask
from incidents.operations import Operations
from incidents.review_draft import plain
from incidents.spans import spelled
from incidents.testing import ADMIN, Workshop
from runbooks.render import render_document, sections
from tests.support.acting import declare, restored
from tests.surfaces.test_pages import acknowledge

MORE = "postmortem: {due: 5 business days, ask: ['Why was the key long-lived?', 'Who noticed | first?']}\n"
HOSTILE = (
    "# Summary\n\n## Why was the key long-lived?\n\n_To be answered._ <img src=x onerror=alert(1)> | [x](javascript:1)"
)


@pytest.fixture
def ops(shop: Workshop) -> Operations:
    return shop.service.operations


@pytest.fixture
def ada(shop: Workshop) -> Asker:
    return shop.person("ada", "commander")


def draft_of(shop: Workshop, id: str, who: Asker | None = None) -> str:
    return str(shop.service.operations.postmortem(who or shop.person("grace", "commander"), id)["document"])


def part(document: str, heading: str) -> str:
    return next(s.whole for s in sections(document) if s.heading == heading)


def test_draft_has_the_facts_and_every_question_open(shop: Workshop, ops: Operations, ada: Asker) -> None:
    """Whoever opens the review finds the figures there, and nothing that looks answered."""
    shop.point("edge-1")
    acknowledge(shop, "edge-1")
    id = declare(shop, "revoke-partner: {partner: acme}", more=MORE, by=ada)
    shop.clock.advance(2.5)
    acknowledge(shop, "edge-1")
    shop.service.cycle()
    shop.clock.advance(597.5)
    ops.add_task(ada, id, NewTask(title="Shorten keys", follow_up=True, owner="linus"))
    restored(shop, id)
    document = draft_of(shop, id)

    assert "Contained after 2.5 s: 1 of 1 points confirmed." in part(document, "Summary")
    assert "1 partner affected on 4 capability flags, off for at most 10 min." in part(document, "Summary")
    assert "| ordered to contained | 2.5 s |" in part(document, "Durations")
    assert "| acme | orion-2:browsing | off | 2026-11-23 12:00:00 | 2026-11-23 12:10:00 | 10 min | |" in part(
        document, "Who was affected"
    )
    assert "was approved by a second person, Ada Okafor" in part(document, "What worked")
    assert f"(/incidents/{id}?line=20#line-20)" in part(document, "Key moments")
    assert "| 1 | Shorten keys | linus | no date | open |" in part(document, "Follow-ups")
    assert [q["state"] for q in ops.postmortem(ada, id)["questions"]] == ["open", "open"]


def test_nothing_is_stored_until_somebody_saves(shop: Workshop, ops: Operations, ada: Asker) -> None:
    """Looking must not write."""
    id = declare(shop, "revoke-partner: {partner: acme}", more=MORE, by=ada)
    before = shop.service.ledger.head()
    found = ops.postmortem(ada, id)

    assert (found["draft"], found["version"], found["base"], found["state"]) == (True, 0, 0, "owed")
    assert shop.service.ledger.head() == before


def test_draft_that_is_saved_as_it_is_still_has_its_questions_open(shop: Workshop, ops: Operations, ada: Asker) -> None:
    """A draft that nobody has worked on must not be publishable."""
    id = declare(shop, "revoke-partner: {partner: acme}", more=MORE, by=ada)
    ops.save_review(ada, id, draft_of(shop, id), 0)

    blocked = ops.postmortem(ada, id)["blocked"]
    assert [line for line in blocked if "is not answered" in line] == [
        "'Why was the key long-lived?' is not answered",
        "'Who noticed | first?' is not answered",
    ]


def test_words_of_people_can_neither_answer_nor_ask(shop: Workshop, ops: Operations, ada: Asker) -> None:
    """A title is typed in a hurry, perhaps by somebody hostile; in the draft it is text and nothing else."""
    body = {"playbook": "partner-credential-abuse", "parameters": {"partner": "acme"}, "title": HOSTILE[:200]}
    id = ops.declare(ada, {**body, "summary": HOSTILE}).body["id"]
    document = draft_of(shop, id)

    headings = [s.heading for s in sections(document)]
    assert headings.count("Summary") == 1
    assert len(headings) == len(set(headings))
    page = render_document(document)
    assert "<img" not in page
    assert 'href="javascript' not in page
    states = [q["state"] for q in ops.postmortem(ada, id)["questions"]]
    assert set(states) == {"open"}


def test_restricted_notes_and_redacted_words_stay_out_for_insiders_too(shop: Workshop, ops: Operations, ada) -> None:
    """The draft becomes a text for everybody who may see the incident, whoever asked for it first."""
    id = declare(shop, "revoke-partner: {partner: acme}", more=MORE, by=ada)
    secret = ops.note(ada, id, "the informant is Bob", restricted=True).body["seq"]
    gone = ops.note(ada, id, "hunter2 was the key").body["seq"]
    for seq in (secret, gone):
        ops.pin(ada, id, seq, True)
    ops.redact(ada, id, gone, "a secret")
    document = draft_of(shop, id, ada)

    assert "informant" not in document
    assert "hunter2" not in document
    assert r"\[redacted\]" in document


def test_pinned_line_and_corrected_time_are_among_the_moments(shop: Workshop, ops: Operations, ada: Asker) -> None:
    """What people called a key moment is one; a corrected time says what stood there first."""
    id = declare(shop, "revoke-partner: {partner: acme}", more=MORE, by=ada)
    shop.clock.advance(600)
    seq = ops.note(ada, id, "acme called back").body["seq"]
    ops.pin(ada, id, seq, True)
    ops.correct(ada, id, seq, at="2026-11-23T12:01:00Z", reason="looked at the phone")

    moments = part(draft_of(shop, id), "Key moments")
    assert "| 2026-11-23 12:01:00 (first told as 2026-11-23 12:10:00) | acme called back |" in moments


@pytest.mark.parametrize("kind", ["drill", "test"])
def test_rehearsal_says_so_in_its_first_lines(shop: Workshop, kind: str) -> None:
    """A drill's review that is read as a real one does harm."""
    id = declare(shop, "revoke-partner: {partner: acme}", more=MORE, by=ADMIN, kind=kind)

    assert kind.upper() in draft_of(shop, id).split("## ")[0]


@given(st.text(max_size=200))
def test_any_words_come_through_markdown_as_they_were(words: str) -> None:
    """Whatever people paste, the reader sees exactly that, in a paragraph and in a table."""
    expected = " ".join(words.replace("\0", "\ufffd").split())

    def seen(made: str) -> str:
        return " ".join(html.unescape(re.sub(r"<[^>]+>", "", made)).split())

    assert seen(render_document(plain(words))) == expected
    table = render_document(f"| a | b |\n|---|---|\n| {plain(words)} | end |")
    assert seen(table).removeprefix("a b").removesuffix("end").strip() == expected


@pytest.mark.parametrize(
    ("ms", "words"),
    [
        (0, "0 ms"),
        (999, "999 ms"),
        (1000, "1 s"),
        (2149, "2.1 s"),
        (59_900, "1 min"),
        (61_000, "1 min 1 s"),
        (3_600_000, "1 h"),
        (7_500_000, "2 h 5 min"),
        (86_400_000, "1 day"),
        (270_000_000, "3 days 3 h"),
        (-5000, "5 s before"),
    ],
)
def test_durations_are_spelled_with_their_two_largest_units(ms: int, words: str) -> None:
    """People compare them at a glance."""
    assert spelled(ms) == words
