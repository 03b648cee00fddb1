"""An incident's life: each step is a fact, contained is never typed, and no paperwork lifts a hold."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from incidents.clock import rfc3339
from incidents.decisions import Asker
from incidents.errors import Conflicting, Forbidden, Invalid, Unknown
from incidents.ledger import AnswerKey
from incidents.life import STATUSES
from incidents.testing import ADMIN, Workshop
from tests.support.acting import (
    ANSWERED,
    contain,
    declare,
    kinds_of,
    lived,
    meet_exits,
    review,
    settle_tasks,
    standing,
    why,
)

REVOKE = "revoke-partner: {partner: acme}"
WAITS = "{revoke-partner: {partner: acme}, after: validated}"
CALL = "call: {connector: mlflow, action: roll-back-alias}"


@pytest.fixture
def ada(shop: Workshop) -> Asker:
    return shop.person("ada", "commander")


@pytest.fixture
def grace(shop: Workshop) -> Asker:
    return shop.person("grace", "commander")


@pytest.fixture
def linus(shop: Workshop) -> Asker:
    return shop.person("linus", "responder")


def reached(shop: Workshop, id: str) -> list[str]:
    return [step["name"] for step in shop.service.operations.incident(ADMIN, id)["life"] if step["reached"]]


def earlier(shop: Workshop, **by: float) -> str:
    return rfc3339(shop.clock.now() - timedelta(**by))


# --- the way through --------------------------------------------------------------------------------------------------


def test_whole_life_leaves_one_line_per_step_and_the_hold_stands(shop: Workshop, ada: Asker) -> None:
    """Closing is paperwork: the partner stays dark until two people give the access back."""
    id = lived(shop, "met")
    shop.service.operations.move(ada, id, "mitigated")
    shop.service.operations.move(ada, id, "resolved", reason="the key is gone")
    review(shop, id)
    settle_tasks(shop, id, ada)
    reply = shop.service.operations.move(ada, id, "closed", reason="nothing is left to do")

    assert reply.body["status"] == "closed"
    assert [k for k in kinds_of(shop, id) if k.startswith("incident:life:")] == [
        f"incident:life:{step}" for step in ("declared", "contained", "mitigated", "resolved", "reviewed", "closed")
    ]
    assert reached(shop, id) == ["declared", "contained", "mitigated", "resolved", "reviewed", "closed"]
    assert standing(shop, id).standing == [f"{id}/h1"]
    assert why(shop, "acme", "orion-2:tool-use") == "partner-revoked"


def test_mitigated_can_be_left_out(shop: Workshop) -> None:
    """Some harm stops at the moment in which it is resolved; nobody has to invent a step."""
    assert reached(shop, lived(shop, "resolved")) == ["declared", "contained", "resolved"]


@pytest.mark.parametrize("status", ["contained", "reviewed", "declared"])
def test_what_evidence_writes_is_never_typed(shop: Workshop, ada: Asker, status: str) -> None:
    """A person's word is no proof, and the refusal says where the proof comes from."""
    id = declare(shop, REVOKE)
    with pytest.raises(Invalid) as refused:
        shop.service.operations.move(ada, id, status, reason="I am sure")
    assert refused.value.code == "not-typed"
    assert standing(shop, id).status == "declared"


def test_unknown_status_is_refused_with_the_nearest(shop: Workshop, ada: Asker) -> None:
    """A typing mistake must not become a state that nothing understands."""
    id = lived(shop)
    with pytest.raises(Invalid, match=r"unknown status 'resolvd'.*Did you mean 'resolved'") as refused:
        shop.service.operations.move(ada, id, "resolvd", reason="x")
    assert refused.value.code == "unknown-status"


# --- what stands against a step ---------------------------------------------------------------------------------------


def test_nothing_is_mitigated_before_containment_is_proven(shop: Workshop, linus: Asker) -> None:
    """Somebody may still be serving: the page must not say that the harm has stopped."""
    shop.point("edge-1")
    id = declare(shop, REVOKE)
    with pytest.raises(Conflicting, match="containment lacks evidence"):
        shop.service.operations.move(linus, id, "mitigated")
    contain(shop)
    assert shop.service.operations.move(linus, id, "mitigated").body["status"] == "mitigated"


def test_resolving_is_refused_with_every_reason_at_once(shop: Workshop, ada: Asker, grace: Asker) -> None:
    """One refusal that lists everything saves a walk per reason."""
    id = declare(shop, REVOKE, CALL, more="exit: [The key is gone]\n")
    shop.service.operations.ask_restore(grace, id, [], "new key")
    with pytest.raises(Conflicting) as refused:
        shop.service.operations.move(ada, id, "resolved", reason="done")
    for reason in (
        "lacks evidence",
        "action 2 is owed",
        "exit criterion 1 is open: The key is gone",
        f"restore {id}-R1",
    ):
        assert reason in str(refused.value)


def test_incident_without_a_hold_waits_for_its_actions_to_be_decided(shop: Workshop, ada: Asker) -> None:
    """Nothing is held, so nothing is proven as long as a word may still switch something off."""
    id = declare(shop, WAITS)
    with pytest.raises(Conflicting, match=r"lacks evidence.*action 1 waits for a person's word"):
        shop.service.operations.move(ada, id, "resolved", reason="nothing there")
    shop.service.operations.settle_action(ada, id, 1, "declined", "it was a test call")
    assert shop.service.operations.move(ada, id, "resolved", reason="nothing there").body["status"] == "resolved"


def test_word_that_places_a_hold_takes_the_progress_back(shop: Workshop, ada: Asker) -> None:
    """What was mitigated without this hold has to be proven again with it."""
    id = declare(shop, REVOKE, WAITS)
    contain(shop)
    shop.service.operations.move(ada, id, "mitigated")
    shop.service.operations.validate(ada, id, 2)
    assert standing(shop, id).status == "declared"
    contain(shop)
    assert standing(shop, id).status == "contained"


def test_step_of_before_a_contradiction_is_not_shown_as_reached(shop: Workshop, ada: Asker) -> None:
    """Mitigated an hour before it was contained (again) would be a lie about the order of things."""
    id = declare(shop, REVOKE, WAITS)
    contain(shop)
    shop.service.operations.move(ada, id, "mitigated")
    shop.service.operations.validate(ada, id, 2)
    contain(shop)
    shop.service.operations.move(ada, id, "resolved", reason="quiet since")
    assert reached(shop, id) == ["declared", "contained", "resolved"]


@pytest.mark.parametrize(
    ("to", "missing"),
    [
        ("resolved", ["its review has no owner", "its review is not published", "task 1 is open"]),
        ("reviewed", ["task 1 is open"]),
    ],
)
def test_closing_says_what_is_missing(shop: Workshop, ada: Asker, to: str, missing: list[str]) -> None:
    """A published review with an owner, and no task left over: else the lessons are never learnt."""
    id = lived(shop, to)
    with pytest.raises(Conflicting) as refused:
        shop.service.operations.move(ada, id, "closed", reason="enough")
    found = str(refused.value).partition("can't be closed yet: ")[2]
    assert [reason.split(":")[0] for reason in found.split("; ")] == missing


def test_follow_up_without_an_owner_keeps_it_from_closing(shop: Workshop, ada: Asker) -> None:
    """It goes on when everybody has gone home, so somebody has to have it."""
    id = lived(shop, "reviewed")
    shop.service.operations.change_task(ada, id, 1, follow_up=True)
    with pytest.raises(Conflicting, match="follow-up 1 has no owner"):
        shop.service.operations.move(ada, id, "closed", reason="enough")
    shop.service.operations.change_task(ada, id, 1, owner="linus")
    assert shop.service.operations.move(ada, id, "closed", reason="enough").body["status"] == "closed"


def test_criterion_called_open_again_keeps_it_from_closing(shop: Workshop, ada: Asker, linus: Asker) -> None:
    """What turned out not to be true after all must be seen to."""
    id = lived(shop, "reviewed")
    shop.service.operations.judge_exit(linus, id, 1, met=False, evidence="one more call at 18:02")
    settle_tasks(shop, id, ada)
    with pytest.raises(Conflicting, match="exit criterion 1 is open"):
        shop.service.operations.move(ada, id, "closed", reason="enough")


# --- who may, and what is asked for -----------------------------------------------------------------------------------


@pytest.mark.parametrize("status", ["resolved", "closed", "false-alarm", "merged"])
def test_responder_does_not_end_an_incident(shop: Workshop, linus: Asker, status: str) -> None:
    """Ending is for whoever answers for it."""
    id = lived(shop, "met")
    other = declare(shop, REVOKE)
    with pytest.raises(Forbidden, match="needs the role 'commander'"):
        shop.service.operations.move(linus, id, status, reason="enough", into=other if status == "merged" else "")


def test_viewer_changes_nothing(shop: Workshop) -> None:
    """Reading is all that a viewer may do, also where a responder needs no more than a word."""
    id, viewer = lived(shop), shop.credential(shop.secret("wall", "viewer")).asker("api")
    operations = shop.service.operations
    head = shop.service.ledger.head()
    for act in (
        lambda: operations.move(viewer, id, "mitigated"),
        lambda: operations.acknowledge(viewer, id),
        lambda: operations.judge_exit(viewer, id, 1, met=True, evidence="seen"),
        lambda: operations.set_severity(viewer, id, "sev1", "worse"),
        lambda: operations.post_update(viewer, id, "all well"),
        lambda: operations.settle_action(viewer, id, 1, "declined", "no"),
    ):
        with pytest.raises(Forbidden):
            act()
    assert shop.service.ledger.head() == head


@pytest.mark.parametrize("status", ["resolved", "false-alarm", "reopened"])
def test_reason_is_asked_for(shop: Workshop, ada: Asker, status: str) -> None:
    """The review begins with why somebody thought that it was over."""
    id = lived(shop, "resolved" if status == "reopened" else "met")
    with pytest.raises(Invalid, match=f"a reason is needed for '{status}'") as refused:
        shop.service.operations.move(ada, id, status, reason="  ")
    assert [e.where for e in refused.value.errors] == ["reason"]


def test_second_press_of_the_same_button_is_one_step(shop: Workshop, linus: Asker) -> None:
    """The same key gets the same answer; another one is told who was first and when."""
    id = lived(shop)
    key = AnswerKey(owner="linus", route="status", key="k", body="b" * 64)
    replies = [shop.service.operations.move(linus, id, "mitigated", key=key) for _ in range(2)]
    assert replies[0].body == replies[1].body
    with pytest.raises(Conflicting, match=r"is mitigated already, by linus at 2026-"):
        shop.service.operations.move(linus, id, "mitigated")
    assert kinds_of(shop, id).count("incident:life:mitigated") == 1


# --- ends -------------------------------------------------------------------------------------------------------------


def test_false_alarm_leaves_the_hold_and_stays_on_the_board(shop: Workshop, ada: Asker) -> None:
    """Calling it false gives nothing back: the way back is the same for everybody."""
    id = declare(shop, REVOKE)
    shop.service.operations.move(ada, id, "false-alarm", reason="their own test")
    assert why(shop, "acme", "orion-2:tool-use") == "partner-revoked"
    assert [row["id"] for row in shop.service.operations.board(ada)["open"]] == [id]


def test_ended_incident_says_so_to_whatever_comes_next(shop: Workshop, ada: Asker) -> None:
    """One truth: it is over, and the way out is to reopen it."""
    id = declare(shop, REVOKE)
    operations = shop.service.operations
    operations.move(ada, id, "false-alarm", reason="their own test")
    for act in (
        lambda: operations.move(ada, id, "mitigated"),
        lambda: operations.move(ada, id, "resolved", reason="x"),
        lambda: operations.move(ada, id, "false-alarm", reason="x"),
        lambda: operations.set_severity(ada, id, "sev1", "x"),
        lambda: operations.acknowledge(ada, id),
        lambda: operations.role(ada, id, "commander", "take"),
    ):
        with pytest.raises(Conflicting, match=r"false-alarm.*reopen it first"):
            act()


def test_note_at_the_moment_of_closing_is_kept(shop: Workshop, linus: Asker) -> None:
    """Whoever was still writing does not lose their words because somebody was faster."""
    id = lived(shop, "closed")
    shop.service.operations.note(linus, id, "The partner called once more.")
    assert shop.service.operations.timeline(linus, id)[-1].text == "The partner called once more."
    assert standing(shop, id).status == "closed"


def test_merged_names_the_other_and_keeps_its_holds(shop: Workshop, ada: Asker) -> None:
    """Two declarations of one thing become one story; what each holds stays held."""
    first, second = lived(shop), declare(shop, "revoke-partner: {partner: globex}")
    reply = shop.service.operations.move(ada, second, "merged", reason="same key", into=first.lower())
    assert (reply.body["status"], reply.body["into"]) == ("merged", first)
    assert shop.service.operations.incident(ada, second)["into"] == first
    assert why(shop, "globex", "orion-2:tool-use") == "partner-revoked"


def test_merging_goes_to_another_incident_of_the_same_kind_that_is_not_merged_itself(
    shop: Workshop, ada: Asker
) -> None:
    """A drill never becomes real, and nobody is sent round in a circle."""
    id, drill = declare(shop, REVOKE), declare(shop, REVOKE, kind="drill")
    gone = declare(shop, REVOKE)
    operations = shop.service.operations
    operations.move(ada, gone, "merged", reason="same", into=id)
    for into, error, words in (
        (id, Invalid, "into itself"),
        (drill, Invalid, "they never mix"),
        (gone, Conflicting, f"{gone} is merged itself"),
        ("", Invalid, "say which incident"),
        ("INC-2026-0099", Unknown, "unknown incident"),
    ):
        with pytest.raises(error, match=words):
            operations.move(ada, id, "merged", reason="same", into=into)
    assert standing(shop, id).status == "declared"


def test_merging_a_restricted_incident_into_an_open_one_is_refused(shop: Workshop, ada: Asker) -> None:
    """The line in the open one would tell everybody of the other."""
    id, other = lived(shop), declare(shop, REVOKE)
    shop.service.operations.role(ada, id, "commander", "take")
    shop.service.operations.set_visibility(ada, id, "restricted", "a named person is involved")
    with pytest.raises(Invalid, match="not seen by the same people"):
        shop.service.operations.move(ada, id, "merged", reason="same", into=other)


# --- reopening --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("to", ["resolved", "reviewed", "closed"])
def test_reopened_goes_on_from_what_the_evidence_says(shop: Workshop, linus: Asker, to: str) -> None:
    """It is contained still; what people had said on top of that has to be said again."""
    id = lived(shop, to)
    reply = shop.service.operations.move(linus, id, "reopened", reason="a call on the old key")
    assert reply.body["status"] == standing(shop, id).status == "contained"
    assert reply.body["was"] == to
    assert reached(shop, id) == ["declared", "contained"]
    assert standing(shop, id).criteria_open == [1, 2]


def test_what_was_only_mitigated_can_be_taken_back_too(shop: Workshop, linus: Asker) -> None:
    """The harm went on after all: without this the page would go on saying that it has stopped."""
    id = lived(shop)
    shop.service.operations.move(linus, id, "mitigated")
    assert shop.service.operations.move(linus, id, "reopened", reason="it goes on").body["status"] == "contained"


def test_contained_incident_is_not_reopened(shop: Workshop, linus: Asker) -> None:
    """It is open; the refusal says what can be reopened."""
    with pytest.raises(Conflicting, match="only what was mitigated, resolved or ended can be reopened"):
        shop.service.operations.move(linus, lived(shop), "reopened", reason="x")


def test_reopened_incident_is_resolved_reviewed_and_closed_once_more(shop: Workshop, ada: Asker, linus: Asker) -> None:
    """The old review says nothing of what came after it: closing asks for a new version, and says so."""
    id = lived(shop, "closed")
    operations = shop.service.operations
    operations.move(linus, id, "reopened", reason="a call on the old key")
    meet_exits(shop, id, ada)
    operations.move(ada, id, "resolved", reason="that was the last one")
    with pytest.raises(Conflicting, match="published review is older than what came after"):
        operations.move(ada, id, "closed", reason="enough")
    review(shop, id, ANSWERED + "\nAnd again.\n")
    assert operations.move(ada, id, "closed", reason="enough").body["status"] == "closed"


def test_reopened_false_alarm_can_be_closed_like_any_other(shop: Workshop, ada: Asker) -> None:
    """The end that was wrong leaves no trace in what is true now, only in the log."""
    id = declare(shop, REVOKE)
    operations = shop.service.operations
    operations.move(ada, id, "false-alarm", reason="their own test")
    operations.move(ada, id, "reopened", reason="it was not theirs")
    assert (standing(shop, id).status, standing(shop, id).into) == ("declared", None)
    contain(shop)
    assert operations.move(ada, id, "resolved", reason="key gone").body["status"] == "resolved"


# --- times ------------------------------------------------------------------------------------------------------------


def test_step_told_late_keeps_both_times(shop: Workshop, linus: Asker) -> None:
    """When it happened and when it was written down are two facts."""
    id = lived(shop)
    shop.clock.advance(3600)
    at = earlier(shop, minutes=20)
    shop.service.operations.move(linus, id, "mitigated", at=at)
    moment = shop.service.operations.incident(linus, id)["moments"]["mitigated"]
    assert (moment["at"], moment["recorded_at"]) == (at, rfc3339(shop.clock.now()))
    assert shop.service.operations.timeline(linus, id)[-1].late


@pytest.mark.parametrize(("by", "words"), [({"days": 30}, "before contained"), ({"hours": -1}, "lies in the future")])
def test_step_at_a_time_that_cannot_be_is_refused(
    shop: Workshop, linus: Asker, by: dict[str, float], words: str
) -> None:
    """The order of a life holds in its times too, and nobody knows the future."""
    id = lived(shop)
    with pytest.raises(Invalid, match=words) as refused:
        shop.service.operations.move(linus, id, "mitigated", at=earlier(shop, **by))
    assert [e.where for e in refused.value.errors] == ["at"]
    assert standing(shop, id).status == "contained"


def test_clock_that_runs_a_little_ahead_counts_as_now(shop: Workshop, linus: Asker, ada: Asker) -> None:
    """Half a minute of skew is no lie, yet the next step must not seem to come before this one."""
    id = lived(shop, "met")
    shop.service.operations.move(linus, id, "mitigated", at=earlier(shop, seconds=-30))
    shop.service.operations.move(ada, id, "resolved", reason="quiet")
    moments = standing(shop, id).moments
    assert moments["mitigated"].at == moments["mitigated"].recorded_at
    assert moments["mitigated"].at <= moments["resolved"].at


@pytest.mark.parametrize("step", ["mitigated", "reopened"])
def test_nothing_after_a_reopening_lies_before_it(shop: Workshop, linus: Asker, step: str) -> None:
    """Neither the reopening before what it reopens, nor the next step before the reopening."""
    id = lived(shop, "resolved")
    shop.clock.advance(3600)
    if step == "mitigated":
        shop.service.operations.move(linus, id, "reopened", reason="a call")
    with pytest.raises(Invalid, match=f"would lie before {'reopened' if step == 'mitigated' else 'resolved'}"):
        shop.service.operations.move(linus, id, step, reason="x", at=earlier(shop, seconds=3610))


def test_false_alarm_is_not_called_before_what_is_known_of_it(shop: Workshop, ada: Asker) -> None:
    """An end lies after everything that it ends."""
    id = lived(shop)
    shop.service.operations.move(ada, id, "mitigated")
    with pytest.raises(Invalid, match="would lie before mitigated"):
        shop.service.operations.move(ada, id, "false-alarm", reason="x", at=earlier(shop, hours=1))


# --- severity, acknowledging, updates, actions ------------------------------------------------------------------------


def test_severity_is_raised_by_a_responder_and_lowered_by_a_commander(shop: Workshop, linus: Asker, ada: Asker) -> None:
    """Raising wakes people, which is safe; lowering sends them home."""
    id, operations = lived(shop), shop.service.operations
    shop.clock.advance(60)
    operations.set_severity(linus, id, "sev1", "a second partner is hit")
    assert (standing(shop, id).severity, standing(shop, id).severity_since) == ("sev1", shop.clock.now())
    with pytest.raises(Forbidden, match="lowering the severity"):
        operations.set_severity(linus, id, "sev3", "it is quiet")
    operations.set_severity(ada, id, "sev3", "it is quiet")
    assert operations.timeline(ada, id)[-1].text == "Severity sev1 -> sev3: it is quiet"


@pytest.mark.parametrize(
    ("severity", "reason", "error", "words"),
    [
        ("sev9", "x", Invalid, "unknown severity 'sev9'; it is one of sev1"),
        ("sev1", "", Invalid, "a reason is needed"),
        ("sev2", "x", Conflicting, "is sev2 already"),
    ],
)
def test_severity_that_says_nothing_new_is_refused(
    shop: Workshop, ada: Asker, severity: str, reason: str, error: type[Exception], words: str
) -> None:
    """Each change is a turning point on the page, so each has to be one."""
    with pytest.raises(error, match=words):
        shop.service.operations.set_severity(ada, lived(shop), severity, reason)


def test_acknowledging_twice_is_one_line(shop: Workshop, linus: Asker, ada: Asker) -> None:
    """The second person is told that somebody is on it, without another line."""
    id, operations = lived(shop), shop.service.operations
    assert operations.acknowledge(linus, id).body["seq"]
    assert operations.acknowledge(ada, id).body["already"]
    assert kinds_of(shop, id).count("incident:life:acknowledged") == 1


def test_taking_command_acknowledges(shop: Workshop, ada: Asker) -> None:
    """Whoever commands has seen it."""
    id = lived(shop)
    shop.service.operations.role(ada, id, "commander", "take")
    assert standing(shop, id).acknowledged_at == shop.clock.now()
    assert shop.service.operations.acknowledge(ada, id).body["already"]


def test_update_promises_the_next_one(shop: Workshop, linus: Asker) -> None:
    """Leadership reads when the next word comes, and the promise ends with the incident."""
    id, operations = lived(shop, "met"), shop.service.operations
    following = rfc3339(shop.clock.now() + timedelta(minutes=45))
    operations.post_update(linus, id, "Contained; we look for the leak.", following)
    assert operations.incident(linus, id)["next_update_at"] == following
    operations.move(shop.person("ada", "commander"), id, "resolved", reason="x")
    assert operations.incident(linus, id)["next_update_at"] is None


@pytest.mark.parametrize(
    ("words", "minutes", "complaint"),
    [(" \n ", 10, "the update is empty"), ("x" * 20_001, 10, "at most 20000"), ("x", -1, "which is past")],
)
def test_update_that_cannot_be_is_refused(
    shop: Workshop, linus: Asker, words: str, minutes: int, complaint: str
) -> None:
    """An empty word or a promise in the past tells nobody anything."""
    following = rfc3339(shop.clock.now() + timedelta(minutes=minutes))
    with pytest.raises(Invalid, match=complaint):
        shop.service.operations.post_update(linus, lived(shop), words, following)


def test_next_word_follows_the_playbook_where_nobody_promised_one(shop: Workshop, linus: Asker) -> None:
    """Every 30 minutes from the declaration, then from the last update."""
    more = "roles: [comms]\nnotify:\n  - {to: 'role:comms', every: 30m, until: resolved, remind: status-update}\n"
    id = declare(shop, REVOKE, more=more)
    at = datetime(2026, 1, 1, tzinfo=UTC)
    for advance in (0, 900):
        shop.clock.advance(advance)
        if advance:
            shop.service.operations.post_update(linus, id, "going on")
        at = shop.clock.now()
        assert shop.service.operations.incident(linus, id)["next_update_at"] == rfc3339(at + timedelta(minutes=30))


def test_outside_action_is_called_done_by_hand_once(shop: Workshop, linus: Asker) -> None:
    """Until the connector is there a person does it, and the log has their word for it."""
    id, operations = declare(shop, CALL), shop.service.operations
    operations.settle_action(linus, id, 1, "done", "alias moved in the registry at 14:10")
    assert standing(shop, id).actions[1].state == "outside-done"
    with pytest.raises(Conflicting, match="is outside-done"):
        operations.settle_action(linus, id, 1, "declined", "x")


@pytest.mark.parametrize(
    ("number", "to", "reason", "error", "words"),
    [
        (1, "done", "x", Conflicting, "validate it to have it done"),
        (1, "gone", "x", Invalid, "settled as done or declined"),
        (1, "declined", "", Invalid, "a reason is needed"),
        (7, "declined", "x", Unknown, "has no action 7; it has 1"),
    ],
)
def test_waiting_action_is_declined_with_a_reason_or_validated(
    shop: Workshop, linus: Asker, number: int, to: str, reason: str, error: type[Exception], words: str
) -> None:
    """Nobody calls a kill done that was never carried out."""
    with pytest.raises(error, match=words):
        shop.service.operations.settle_action(linus, declare(shop, WAITS), number, to, reason)


@pytest.mark.parametrize(
    ("number", "met", "evidence", "error", "words"),
    [
        (3, True, "x", Unknown, "has no exit criterion 3; it has 2"),
        (0, True, "x", Unknown, "has no exit criterion 0"),
        (1, True, " ", Invalid, "say how you know"),
        (1, False, "x", Conflicting, "criterion 1 is open already"),
    ],
)
def test_exit_criterion_takes_evidence(
    shop: Workshop, linus: Asker, number: int, met: bool, evidence: str, error: type[Exception], words: str
) -> None:
    """A tick without a word of how it is known is worth nothing in the review."""
    with pytest.raises(error, match=words):
        shop.service.operations.judge_exit(linus, lived(shop), number, met=met, evidence=evidence)


def test_second_judge_is_told_who_was_first(shop: Workshop, linus: Asker, ada: Asker) -> None:
    """Two people who tick at once leave one line, and the second reads whose."""
    id = lived(shop)
    shop.service.operations.judge_exit(linus, id, 1, met=True, evidence="none since 14:00")
    with pytest.raises(Conflicting, match="criterion 1 is met already, says linus"):
        shop.service.operations.judge_exit(ada, id, 1, met=True, evidence="none")
    row = shop.service.operations.incident(ada, id)["exit"][0]
    assert (row["met"], row["by"], row["evidence"]) == (True, "linus", "none since 14:00")


# --- what comes next --------------------------------------------------------------------------------------------------


def test_page_names_one_decision_at_a_time_and_who_takes_it(shop: Workshop, ada: Asker, linus: Asker) -> None:
    """Ten seconds on the page must be enough to know whom the incident waits for."""
    id, operations, asked = lived(shop), shop.service.operations, []

    def note() -> None:
        found = operations.incident(ada, id)["next_decision"]
        asked.append((found["what"].split(":")[0], found["who"]) if found else None)

    note()
    operations.role(linus, id, "commander", "assign", person="ada")
    note()
    operations.role(ada, id, "commander", "take")
    note()
    operations.move(ada, id, "mitigated")
    note()
    meet_exits(shop, id, ada)
    note()
    operations.move(ada, id, "resolved", reason="x")
    note()
    review(shop, id)
    note()
    settle_tasks(shop, id, ada)
    operations.move(ada, id, "closed", reason="x")
    note()
    assert asked == [
        ("Who takes command?", "anybody with the role commander"),
        ("Accept command, offered by linus?", "ada"),
        ("Has the harm stopped (mitigated)?", "ada"),
        ("Before it is resolved", "ada"),
        ("Is it resolved?", "ada"),
        ("Who owns the review?", "ada"),
        ("Close it?", "ada"),
        None,
    ]


def test_every_status_is_one_that_the_contract_names() -> None:
    """Programs compare these words."""
    assert STATUSES == (
        "declared", "contained", "mitigated", "resolved", "reviewed", "closed", "false-alarm", "merged",
    )  # fmt: skip
