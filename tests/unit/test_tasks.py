"""Tasks and follow-ups: who does what until when, and what goes on after everybody has gone home."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from incidents.clock import parse_rfc3339, rfc3339
from incidents.decisions import Asker
from incidents.decisions.tasks import TASK_LIMIT, NewTask
from incidents.errors import AndonError, Conflicting, Forbidden, Invalid, Unknown
from incidents.testing import Workshop
from tests.support.acting import kinds_of, lived, standing, told


@pytest.fixture
def ada(shop: Workshop) -> Asker:
    return shop.person("ada", "commander")


@pytest.fixture
def linus(shop: Workshop) -> Asker:
    return shop.person("linus", "responder")


def task(shop: Workshop, id: str, number: int) -> dict[str, Any]:
    rows = shop.service.operations.incident(shop.person("ada", "commander"), id)["tasks"]
    return next(row for row in rows if row["number"] == number)


# --- from the playbook ------------------------------------------------------------------------------------------------


def test_steps_of_the_playbook_are_tasks_from_the_start(shop: Workshop) -> None:
    """With role, runbook and the time that the playbook gives them, counted from the declaration."""
    id = lived(shop)
    row = task(shop, id, 1)
    assert {k: row[k] for k in ("title", "role", "runbook", "owner", "state", "overdue", "follow_up")} == {
        "title": "Call the partner by a known number",
        "role": "comms",
        "runbook": "restore-access#verify-the-partner",
        "owner": None,
        "state": "open",
        "overdue": False,
        "follow_up": False,
    }
    assert parse_rfc3339(row["due_at"]) == standing(shop, id).declared_at + timedelta(minutes=30)
    shop.clock.advance(3600)
    assert task(shop, id, 1)["overdue"]


def test_task_is_given_done_and_says_by_whom(shop: Workshop, linus: Asker) -> None:
    """The second who presses done reads who was first."""
    id, operations = lived(shop), shop.service.operations
    operations.change_task(linus, id, 1, owner="Grace Lim")
    operations.settle_task(linus, id, 1, "done", "they rotate the key now")
    row = task(shop, id, 1)
    assert (row["owner"], row["state"], row["settled_by"], row["reason"]) == (
        "grace", "done", "linus", "they rotate the key now",
    )  # fmt: skip
    with pytest.raises(Conflicting, match=r"task 1 of .* is done already, by linus at 2026-"):
        operations.settle_task(linus, id, 1, "done")
    assert kinds_of(shop, id).count("incident:task:settled") == 1


def test_skipping_needs_a_reason_and_doing_none(shop: Workshop, linus: Asker) -> None:
    """What was left out is asked about; what was done speaks for itself."""
    id, operations = lived(shop), shop.service.operations
    with pytest.raises(Invalid, match="skipping a task needs a reason"):
        operations.settle_task(linus, id, 1, "skipped")
    operations.settle_task(linus, id, 1, "skipped", "the partner called us")
    assert told(shop, id, linus)[-1] == "Task 1 skipped: the partner called us"


def test_task_that_was_not_done_after_all_is_open_again(shop: Workshop, linus: Asker) -> None:
    """Nothing of the settling is left on it, but for the line in the log."""
    id, operations = lived(shop), shop.service.operations
    operations.settle_task(linus, id, 1, "done")
    operations.settle_task(linus, id, 1, "open", "wrong number")
    row = task(shop, id, 1)
    assert (row["state"], row["settled_by"], row["settled_at"], row["reason"]) == ("open", None, None, "wrong number")
    with pytest.raises(Conflicting, match="is open already"):
        operations.settle_task(linus, id, 1, "open")


@pytest.mark.parametrize(
    ("number", "to", "error", "words"),
    [(7, "done", Unknown, "has no task 7; it has 1"), (1, "finished", Invalid, "done, skipped or open")],
)
def test_task_or_state_that_is_not_there_is_named(
    shop: Workshop, linus: Asker, number: int, to: str, error: type[AndonError], words: str
) -> None:
    """A wrong number must not settle another task."""
    with pytest.raises(error, match=words):
        shop.service.operations.settle_task(linus, lived(shop), number, to)


# --- one more ---------------------------------------------------------------------------------------------------------


def test_new_task_keeps_its_words_out_of_the_chain(shop: Workshop, linus: Asker) -> None:
    """What people type can be redacted; ids, numbers and times are for good."""
    id, operations = lived(shop), shop.service.operations
    due = rfc3339(shop.clock.now() + timedelta(hours=2))
    new = NewTask(
        title=" Ask their CISO ", about="+32 470 00 00 00", role="liaison", owner="ada",
        due_at=shop.clock.now() + timedelta(hours=2), runbook="restore-access#verify-the-partner",
    )  # fmt: skip
    reply = operations.add_task(linus, id, new)
    assert (reply.status, reply.body["number"]) == (201, 2)
    event = shop.service.ledger.incident(id)[-1]
    assert event.data == {
        "number": 2, "follow_up": False, "role": "liaison", "owner": "ada", "due_at": due,
        "runbook": "restore-access#verify-the-partner",
    }  # fmt: skip
    assert event.text == {"title": "Ask their CISO", "about": "+32 470 00 00 00"}
    row = task(shop, id, 2)
    assert (row["title"], row["about"], row["owner"], row["due_at"]) == (
        "Ask their CISO", "+32 470 00 00 00", "ada", due,
    )  # fmt: skip


def test_redacted_task_goes_on_without_its_words(shop: Workshop, linus: Asker, ada: Asker) -> None:
    """The number can be called done when nobody may read any more what it was."""
    id, operations = lived(shop), shop.service.operations
    seq = operations.add_task(linus, id, NewTask(title="Ring +32 470 00 00 00")).body["seq"]
    operations.redact(ada, id, seq, "a private number")
    assert task(shop, id, 2)["title"] == "[redacted]"
    operations.settle_task(linus, id, 2, "done")
    assert task(shop, id, 2)["state"] == "done"


@pytest.mark.parametrize(
    ("new", "where", "words"),
    [
        ({"title": "  "}, "title", "the title is empty"),
        ({"title": "x" * 201}, "title", "at most 200"),
        ({"title": "x", "about": "x" * 20_001}, "about", "at most 20000"),
        ({"title": "x", "role": "skribe"}, "role", "Did you mean 'scribe'"),
        ({"title": "x", "runbook": "call acme on +32 470"}, "runbook", "is not a runbook link"),
        ({"title": "x", "runbook": "a" * 200}, "runbook", "is not a runbook link"),
    ],
)
def test_task_that_cannot_be_is_refused_at_its_field(
    shop: Workshop, linus: Asker, new: dict[str, str], where: str, words: str
) -> None:
    """The form shows the complaint at the field; free words never get into what is chained for good."""
    with pytest.raises(Invalid, match=words) as refused:
        shop.service.operations.add_task(linus, lived(shop), NewTask(**new))  # type: ignore[arg-type]
    assert [e.where for e in refused.value.errors] == [where]


def test_time_that_has_passed_is_no_due_time(shop: Workshop, linus: Asker) -> None:
    """A task that is late when it is made is a typing mistake."""
    id, operations = lived(shop), shop.service.operations
    with pytest.raises(Invalid, match="is past"):
        operations.add_task(linus, id, NewTask(title="x", due_at=shop.clock.now()))
    with pytest.raises(Invalid, match="is past"):
        operations.change_task(linus, id, 1, due_at=rfc3339(shop.clock.now() - timedelta(minutes=1)))


def test_unknown_owner_is_refused_with_the_nearest(shop: Workshop, linus: Asker) -> None:
    """A task of nobody looks as if somebody had it."""
    with pytest.raises(Unknown, match="Did you mean 'grace'"):
        shop.service.operations.add_task(linus, lived(shop), NewTask(title="x", owner="grcae"))


def test_viewer_works_on_no_task(shop: Workshop) -> None:
    """Reading is all that a viewer may do."""
    id, operations = lived(shop), shop.service.operations
    viewer = shop.credential(shop.secret("wall", "viewer")).asker("api")
    for act in (
        lambda: operations.add_task(viewer, id, NewTask(title="x")),
        lambda: operations.change_task(viewer, id, 1, owner="ada"),
        lambda: operations.settle_task(viewer, id, 1, "done"),
    ):
        with pytest.raises(Forbidden):
            act()


def test_change_that_changes_nothing_is_refused(shop: Workshop, linus: Asker) -> None:
    """Two people who give it to the same person leave one line."""
    id, operations = lived(shop), shop.service.operations
    operations.change_task(linus, id, 1, owner="ada")
    with pytest.raises(Conflicting, match="is that already"):
        operations.change_task(linus, id, 1, owner="ada", follow_up=False)


def test_settled_task_is_not_changed(shop: Workshop, linus: Asker) -> None:
    """It has to be opened again first, which leaves its line."""
    id, operations = lived(shop), shop.service.operations
    operations.settle_task(linus, id, 1, "done")
    with pytest.raises(Conflicting, match="is done already, by linus"):
        operations.change_task(linus, id, 1, owner="ada")


def test_number_of_tasks_has_an_end(shop: Workshop, linus: Asker) -> None:
    """A script gone wild must not make the page unreadable."""
    id, operations = lived(shop), shop.service.operations
    for n in range(TASK_LIMIT - 1):
        operations.add_task(linus, id, NewTask(title=f"task {n}"))
    with pytest.raises(Conflicting, match=f"has {TASK_LIMIT} tasks already"):
        operations.add_task(linus, id, NewTask(title="one more"))


# --- follow-ups -------------------------------------------------------------------------------------------------------


def test_follow_up_goes_on_after_closing_until_it_is_done(shop: Workshop, linus: Asker, ada: Asker) -> None:
    """The lesson is learnt when the work is done, not when the incident is closed."""
    id, operations = lived(shop, "reviewed"), shop.service.operations
    operations.change_task(linus, id, 1, follow_up=True, owner="grace")
    operations.move(ada, id, "closed", reason="the rest goes on")
    shop.service.desk.let_go()
    found = operations.incident(linus, id)["next_decision"]
    assert (found["what"], found["who"]) == ("Follow-up 1", "grace")
    operations.change_task(linus, id, 1, owner="linus")
    operations.settle_task(linus, id, 1, "done")
    assert operations.incident(linus, id)["next_decision"] is None


def test_follow_up_is_added_to_a_closed_incident_and_an_ordinary_task_is_not(shop: Workshop, linus: Asker) -> None:
    """What comes up in the months after belongs to it; work on it as an incident means reopening it."""
    id, operations = lived(shop, "closed"), shop.service.operations
    assert operations.add_task(linus, id, NewTask(title="Shorter keys", follow_up=True, owner="ada")).status == 201
    with pytest.raises(Conflicting, match="reopen it first"):
        operations.add_task(linus, id, NewTask(title="Call again"))


def test_follow_up_of_a_closed_incident_stays_one(shop: Workshop, linus: Asker) -> None:
    """As an ordinary task nobody could call it done any more, and closed would mean that nothing is left."""
    id, operations = lived(shop, "closed"), shop.service.operations
    operations.add_task(linus, id, NewTask(title="Shorter keys", follow_up=True, owner="ada"))
    with pytest.raises(Conflicting, match="reopen it first"):
        operations.change_task(linus, id, 2, follow_up=False)
    assert standing(shop, id).open_tasks(follow_ups=False) == []


def test_false_alarm_takes_no_follow_up(shop: Workshop, linus: Asker, ada: Asker) -> None:
    """There is nothing to follow up; if there is, it was no false alarm."""
    id, operations = lived(shop), shop.service.operations
    operations.move(ada, id, "false-alarm", reason="their own test")
    with pytest.raises(Conflicting, match="reopen it first"):
        operations.add_task(linus, id, NewTask(title="Shorter keys", follow_up=True))


def test_ordinary_task_of_an_ended_incident_is_left_as_it_is(shop: Workshop, linus: Asker, ada: Asker) -> None:
    """The record of what was open at the end stays true."""
    id, operations = lived(shop), shop.service.operations
    operations.move(ada, id, "false-alarm", reason="their own test")
    for act in (
        lambda: operations.settle_task(linus, id, 1, "done"),
        lambda: operations.change_task(linus, id, 1, owner="ada"),
    ):
        with pytest.raises(Conflicting, match="reopen it first"):
            act()
