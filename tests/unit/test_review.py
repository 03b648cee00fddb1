"""The review: two writers never overwrite each other, and nobody approves what they wrote."""

from __future__ import annotations

import hashlib

import pytest

from incidents.decisions import Asker, Decided
from incidents.decisions.review import DOCUMENT_LIMIT
from incidents.errors import Conflicting, Forbidden, Invalid
from incidents.events import SYSTEM, ContainmentContradicted, Draft
from incidents.incident_views import review as review_of
from incidents.review_questions import UNANSWERED, unready
from incidents.testing import ADMIN, Workshop
from tests.support.acting import ANSWERED, contain, kinds_of, lived, review, standing

DOCUMENT = f"# Review\n\n## Why was the key long-lived?\n\n{UNANSWERED}\n"


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
def id(shop: Workshop) -> str:
    return lived(shop, "resolved")


# --- writing ----------------------------------------------------------------------------------------------------------


def test_two_writers_at_once_do_not_overwrite_each_other(shop: Workshop, id: str, ada: Asker, linus: Asker) -> None:
    """The second is told whose version came between, and takes it in."""
    operations = shop.service.operations
    operations.save_review(linus, id, "by linus", 0)
    words = r"version 1 was saved by linus at .* while you wrote on version 0"
    with pytest.raises(Conflicting, match=words) as refused:
        operations.save_review(ada, id, "by ada", 0)
    assert refused.value.code == "version-conflict"
    operations.save_review(ada, id, "by both", 1)
    found = operations.incident(ada, id)["postmortem"]
    assert (found["version"], found["authors"], found["saved_by"]) == (2, ["linus", "ada"], "ada")


@pytest.mark.parametrize(
    ("document", "words"), [(" \n", "the document is empty"), ("x" * (DOCUMENT_LIMIT + 1), "at most 200000")]
)
def test_document_that_cannot_be_kept_is_refused(
    shop: Workshop, id: str, linus: Asker, document: str, words: str
) -> None:
    """Nothing is cut off silently."""
    with pytest.raises(Invalid, match=words) as refused:
        shop.service.operations.save_review(linus, id, document, 0)
    assert [e.where for e in refused.value.errors] == ["document"]


def test_review_is_written_before_the_incident_is_resolved(shop: Workshop, linus: Asker) -> None:
    """What people remember on the first evening is worth keeping."""
    id = lived(shop)
    assert shop.service.operations.save_review(linus, id, DOCUMENT, 0).body["version"] == 1


def test_owner_is_a_person_and_named_once(shop: Workshop, id: str, linus: Asker) -> None:
    """Somebody sees to it; who, is one line."""
    operations = shop.service.operations
    operations.review_owner(linus, id, "Grace Lim")
    with pytest.raises(Conflicting, match=r"grace has the review of .* already"):
        operations.review_owner(linus, id, "grace")
    assert standing(shop, id).review.owner == "grace"


def test_review_is_due_when_the_playbook_says_counted_from_the_resolving(
    shop: Workshop, linus: Asker, ada: Asker
) -> None:
    """Five business days from Monday noon are the next Monday, whenever it was declared."""
    id = lived(shop, "met")
    shop.clock.advance(86_400)
    shop.service.operations.move(ada, id, "resolved", reason="the key is gone")
    assert (shop.service.operations.incident(linus, id)["postmortem"]["due_at"] or "")[:10] == "2026-12-01"


def test_false_alarm_has_no_review(shop: Workshop, ada: Asker) -> None:
    """There is nothing to learn but why it was called."""
    id = lived(shop)
    shop.service.operations.move(ada, id, "false-alarm", reason="their own test")
    with pytest.raises(Conflicting, match="reopen it for one"):
        shop.service.operations.save_review(ada, id, DOCUMENT, 0)


# --- approving and publishing -----------------------------------------------------------------------------------------


def test_three_people_write_approve_and_publish(shop: Workshop, id: str) -> None:
    """And the incident is reviewed by that, in the same write."""
    review(shop, id)
    assert standing(shop, id).status == "reviewed"
    published = next(e for e in shop.service.ledger.incident(id) if e.kind == "review:document:published")
    assert published.data["digest"] == hashlib.sha256(ANSWERED.encode()).hexdigest()
    found = shop.service.operations.incident(ADMIN, id)["postmortem"]
    assert (found["state"], found["approved_by"], found["published_by"]) == ("published", "grace", "ada")


def test_nobody_approves_what_they_wrote_part_of(shop: Workshop, id: str, ada: Asker, linus: Asker) -> None:
    """Also not a version that somebody else saved last."""
    operations = shop.service.operations
    operations.save_review(ada, id, "by ada", 0)
    operations.save_review(linus, id, "by linus", 1)
    with pytest.raises(Forbidden, match="ada wrote part of this review"):
        operations.approve_review(ada, id, 2)


def test_whoever_approved_does_not_publish(shop: Workshop, id: str, ada: Asker, grace: Asker, linus: Asker) -> None:
    """Two pairs of eyes after the writer's."""
    operations = shop.service.operations
    operations.review_owner(linus, id, "ada")
    operations.save_review(linus, id, ANSWERED, 0)
    operations.approve_review(grace, id, 1)
    with pytest.raises(Forbidden, match="grace approved this version; another person publishes it"):
        operations.publish_review(grace, id, 1)
    assert operations.publish_review(ada, id, 1).body["status"] == "reviewed"


def test_responder_and_machine_neither_approve_nor_publish(shop: Workshop, id: str, linus: Asker) -> None:
    """It takes a person with the right to command; the file's own administrator is nobody's colleague."""
    operations = shop.service.operations
    operations.save_review(shop.person("ada", "commander"), id, ANSWERED, 0)
    machine = shop.credential(shop.secret("ci", "commander")).asker("api")
    for who in (linus, machine, ADMIN):
        for act in (operations.approve_review, operations.publish_review):
            with pytest.raises(Forbidden):
                act(who, id, 1)


def test_new_version_takes_the_approval_away(shop: Workshop, id: str, ada: Asker, grace: Asker, linus: Asker) -> None:
    """What was agreed to is exactly the text that was read."""
    operations = shop.service.operations
    operations.review_owner(linus, id, "ada")
    operations.save_review(linus, id, ANSWERED, 0)
    operations.approve_review(grace, id, 1)
    operations.save_review(linus, id, ANSWERED + "One more word.\n", 1)
    assert review_of(standing(shop, id))["state"] == "written"
    with pytest.raises(Conflicting, match="version 2 is the newest, not 1"):
        operations.publish_review(ada, id, 1)
    with pytest.raises(Conflicting, match="version 2 is not approved yet"):
        operations.publish_review(ada, id, 2)


def test_publishing_is_refused_with_every_reason_at_once(shop: Workshop, ada: Asker, linus: Asker) -> None:
    """Not resolved, no owner, not approved, and the question that nobody answered."""
    id, operations = lived(shop), shop.service.operations
    operations.save_review(linus, id, DOCUMENT, 0)
    with pytest.raises(Conflicting) as refused:
        operations.publish_review(ada, id, 1)
    for reason in ("not resolved", "no owner", "is not approved yet", "'Why was the key long-lived?' is not answered"):
        assert reason in str(refused.value)


@pytest.mark.parametrize("version", [-1, 0, 1])
def test_version_that_is_not_there_is_not_approved(shop: Workshop, id: str, grace: Asker, version: int) -> None:
    """The number comes from a page that may be old."""
    with pytest.raises(Conflicting, match="nothing is written"):
        shop.service.operations.approve_review(grace, id, version)


def test_second_approval_and_publication_say_who_was_first(shop: Workshop, id: str, ada: Asker, grace: Asker) -> None:
    """One line each, whoever presses again."""
    review(shop, id)
    with pytest.raises(Conflicting, match="approved already, by grace"):
        shop.service.operations.approve_review(grace, id, 1)
    with pytest.raises(Conflicting, match="published already, by ada"):
        shop.service.operations.publish_review(ada, id, 1)
    assert kinds_of(shop, id).count("review:document:published") == 1


def test_better_version_is_published_after_closing(shop: Workshop, linus: Asker) -> None:
    """What is learnt later belongs into the review; the incident stays closed."""
    id = lived(shop, "closed")
    review(shop, id, ANSWERED + "\nLater we found more.\n")
    found = shop.service.operations.incident(linus, id)
    assert (found["status"], found["postmortem"]["published"]) == ("closed", 2)
    assert kinds_of(shop, id).count("incident:life:reviewed") == 1


def test_evidence_against_it_takes_the_review_off_the_incident(shop: Workshop, ada: Asker) -> None:
    """Somebody was served after all: what was said on top of the containment is open again, the document stays."""
    id = lived(shop, "reviewed")
    contradicted = Draft(ContainmentContradicted(point="edge-1", because="it served acme at 14:09"), incident=id)
    shop.service.desk.submit(lambda state, now: Decided([contradicted]), actor=SYSTEM)
    assert standing(shop, id).status == "declared"
    contain(shop)
    shop.service.operations.move(ada, id, "resolved", reason="now it is")
    found = shop.service.operations.incident(ada, id)
    assert (found["status"], found["postmortem"]["state"]) == ("resolved", "published")
    with pytest.raises(Conflicting, match="published review is older than what came after"):
        shop.service.operations.move(ada, id, "closed", reason="enough")


def test_questions_left_open_are_found_under_their_headings() -> None:
    """Only a line that is nothing but the placeholder counts; quoting it in a sentence is an answer."""
    text = f"{UNANSWERED}\n# A\n  {UNANSWERED}  \n## B\nWe left {UNANSWERED} there.\n### C\n{UNANSWERED}\n"
    assert unready([], text) == [f"'{heading}' is not answered" for heading in ("the beginning", "A", "C")]


@pytest.mark.parametrize("act", ["save", "owner"])
def test_viewer_writes_nothing(shop: Workshop, id: str, act: str) -> None:
    """Reading is all that a viewer may do."""
    viewer = shop.credential(shop.secret("wall", "viewer")).asker("api")
    operations = shop.service.operations
    with pytest.raises(Forbidden):
        operations.save_review(viewer, id, DOCUMENT, 0) if act == "save" else operations.review_owner(viewer, id, "ada")
