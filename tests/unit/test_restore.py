"""The way back: one person asks, another approves exactly that plan, and every attempt leaves a line."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from incidents.decisions import Asker, access
from incidents.errors import Conflicting, Forbidden, Invalid, LedgerUnavailable, Unknown
from incidents.ledger import AnswerKey
from incidents.testing import ADMIN, Workshop
from tests.support.acting import approve, ask, change_catalog, declare, kinds_of, restored, why

TOOLS = "orion-2:tool-use"
REVOKE = "revoke-partner: {partner: acme}"


@pytest.fixture
def grace(shop: Workshop) -> Asker:
    return shop.person("grace", "commander")


@pytest.fixture
def ada(shop: Workshop) -> Asker:
    return shop.person("ada", "commander")


@pytest.fixture
def incident(shop: Workshop) -> str:
    return declare(shop, REVOKE, f"switch-off: {{capability: '{TOOLS}'}}")


def token_for(shop: Workshop, by: Asker, name: str, role: str, person: str | None = None) -> Asker:
    """The asker behind a token that ``by`` makes."""
    _, secret = shop.service.operations.create_token(by, access.CreateToken(name=name, role=role, person=person))
    return shop.credential(secret or "").asker("api")


def denied(shop: Workshop, incident: str) -> list[str]:
    events = shop.service.ledger.incident(incident)
    return [e.data["because"] for e in events if e.kind == "restore:approval:denied"]


# --- the good way -----------------------------------------------------------------------------------------------------


def test_one_asks_another_approves_and_exactly_the_plan_happens(
    shop: Workshop, incident: str, grace: Asker, ada: Asker
) -> None:
    """Both names are in the log, and the holds go in the order that the plan said."""
    request = ask(shop, incident, grace)
    assert why(shop, "acme", TOOLS) == "capability-off"
    assert {(r["partner"], r["before"], r["after"]) for r in request["plan"]["access"] if r["flag"] == TOOLS} == {
        ("acme", "capability-off", "granted"), ("globex", "capability-off", "granted"),
    }  # fmt: skip

    body = approve(shop, request, ada)
    assert (body["state"], body["approvals_left"], body["lifted"]) == ("done", 0, [f"{incident}/h1", f"{incident}/h2"])
    assert body["revision"] == shop.service.desk.snapshot.revision
    assert why(shop, "acme", TOOLS) == "granted"
    last = [e for e in shop.service.ledger.incident(incident) if not e.kind.startswith("effect:")][-5:]
    assert [(e.kind, e.actor.person) for e in last] == [
        ("restore:request:asked", "grace"),
        ("restore:request:approved", "ada"),
        ("access:hold:lifted", "ada"),
        ("access:hold:lifted", "ada"),
        ("restore:step:done", "ada"),
    ]


def test_only_some_actions_are_given_back(shop: Workshop, incident: str) -> None:
    """The capability can come back while the partner stays dark."""
    restored(shop, incident, 2)
    assert why(shop, "acme", TOOLS) == "partner-revoked"
    assert why(shop, "globex", TOOLS) == "granted"
    with pytest.raises(Conflicting, match="holds of action 2 of INC-2026-0001 are lifted already"):
        ask(shop, incident, shop.person("grace", "commander"), 2)
    restored(shop, incident)
    assert why(shop, "acme", TOOLS) == "granted"
    with pytest.raises(Conflicting, match="holds nothing any more"):
        ask(shop, incident, shop.person("grace", "commander"))


def test_a_drill_is_restored_like_the_real_thing(shop: Workshop) -> None:
    """What is not practised does not work."""
    id = declare(shop, REVOKE, kind="drill")
    assert shop.service.desk.snapshot.shadow
    restored(shop, id)
    assert shop.service.desk.snapshot.shadow == {}


def test_two_approvals_take_two_more_people(shop: Workshop, grace: Asker, ada: Asker) -> None:
    """The playbook may ask for more than one; the same person twice is one."""
    change_catalog(shop, lambda c: c["people"]["linus"].update(roles=["commander"]))
    id = declare(shop, REVOKE, more="restore: {approvals: 2}\n")
    request = ask(shop, id, grace)
    assert request["approvals"] == 2

    first = approve(shop, request, ada)
    assert (first["state"], first["approvals_left"], first["lifted"]) == ("open", 1, [])
    assert why(shop, "acme", TOOLS) == "partner-revoked"
    with pytest.raises(Forbidden, match=r"ada has approved .* already; another person"):
        approve(shop, request, ada)
    assert approve(shop, request, shop.person("linus", "commander"))["state"] == "done"
    assert why(shop, "acme", TOOLS) == "granted"


def test_the_same_key_approves_once(shop: Workshop, incident: str, grace: Asker, ada: Asker) -> None:
    """A repeated click gets the first answer, not "done already"."""
    request = ask(shop, incident, grace)
    key = AnswerKey(owner="ada", route="approval", key="k", body="b" * 64)
    replies = [shop.service.operations.approve(ada, request["id"], request["plan_digest"], key) for _ in range(2)]
    assert replies[1].replayed
    assert replies[0].body == replies[1].body
    assert denied(shop, incident) == []


# --- two people -------------------------------------------------------------------------------------------------------


def test_who_asked_cannot_approve_not_even_with_another_token(shop: Workshop, incident: str, grace: Asker) -> None:
    """Rules about two people look at the person, never at the token; and the attempt is in the log."""
    request = ask(shop, incident, grace)
    other = token_for(shop, ADMIN, "grace-phone", "commander", person="grace")
    for own in (grace, other):
        with pytest.raises(Forbidden, match=r"grace asked for .*; another person approves it"):
            approve(shop, request, own)
    assert why(shop, "acme", TOOLS) == "capability-off"
    assert len(denied(shop, incident)) == 2
    assert kinds_of(shop, incident)[-1] == "restore:approval:denied"


def test_whoever_presses_without_end_is_refused_each_time_and_fills_no_log(
    shop: Workshop, incident: str, grace: Asker, ada: Asker
) -> None:
    """The log is evidence of the attempt, and nobody may push its other lines out of sight with it."""
    request = ask(shop, incident, grace)
    for _ in range(200):
        with pytest.raises(Forbidden, match="another person approves it"):
            approve(shop, request, grace)
    assert len(denied(shop, incident)) == 1

    with pytest.raises(Forbidden, match="needs the role"):
        approve(shop, request, shop.person("linus", "responder"))
    with pytest.raises(Conflicting, match="you approve plan 0000"):
        approve(shop, {**request, "plan_digest": "0" * 64}, ada)
    with pytest.raises(Conflicting, match="you approve plan 1111"):
        approve(shop, {**request, "plan_digest": "1" * 64}, ada)
    assert len(denied(shop, incident)) == 3, "others and other reasons have their own line, other words have none"

    shop.clock.advance(61)
    with pytest.raises(Forbidden):
        approve(shop, request, grace)
    assert len(denied(shop, incident)) == 4


def test_a_refused_approval_that_could_not_be_recorded_is_recorded_by_the_next_try(
    shop: Workshop, incident: str, grace: Asker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was not written must not count as written."""
    request = ask(shop, incident, grace)
    append = shop.service.ledger.append
    monkeypatch.setattr(shop.service.ledger, "append", full_disk)
    with pytest.raises(LedgerUnavailable):
        approve(shop, request, grace)
    monkeypatch.setattr(shop.service.ledger, "append", append)
    with pytest.raises(Forbidden):
        approve(shop, request, grace)

    assert len(denied(shop, incident)) == 1


def full_disk(*_: Any, **__: Any) -> None:
    raise LedgerUnavailable("the disk is full")


def test_a_token_that_the_asker_made_for_somebody_else_cannot_approve(shop: Workshop, incident: str) -> None:
    """An administrator could otherwise be both people."""
    boss = shop.person("ada", "admin")
    request = ask(shop, incident, boss)
    puppet = token_for(shop, boss, "grace-new", "commander", person="grace")
    with pytest.raises(Forbidden, match="this token goes back to ada"):
        approve(shop, request, puppet)
    assert approve(shop, request, shop.person("grace", "commander"))["state"] == "done"


def test_a_token_that_the_asker_made_by_way_of_another_token_cannot_approve(shop: Workshop, incident: str) -> None:
    """A machine's admin token in between has no person; the asker's hand is in it all the same."""
    boss = shop.person("ada", "admin")
    request = ask(shop, incident, boss)
    robot = token_for(shop, boss, "robot", "admin")
    puppet = token_for(shop, token_for(shop, robot, "robot-2", "admin"), "grace-new", "commander", person="grace")
    with pytest.raises(Forbidden, match="this token goes back to ada"):
        approve(shop, request, puppet)
    assert why(shop, "acme", TOOLS) == "capability-off"


def test_a_token_that_an_approver_made_is_not_the_next_approver(shop: Workshop, grace: Asker) -> None:
    """Where two have to approve, an administrator could otherwise be both of them."""
    change_catalog(shop, lambda c: c["people"]["linus"].update(roles=["commander"]))
    request = ask(shop, declare(shop, REVOKE, more="restore: {approvals: 2}\n"), grace)
    boss = shop.person("ada", "admin")
    approve(shop, request, boss)
    puppet = token_for(shop, boss, "linus-new", "commander", person="linus")
    with pytest.raises(Forbidden, match="this token goes back to ada, who has approved"):
        approve(shop, request, puppet)
    assert why(shop, "acme", TOOLS) == "partner-revoked"


def test_who_made_the_token_of_an_approver_is_not_the_next_one(shop: Workshop, grace: Asker) -> None:
    """The same the other way round: the puppet first, then the one who made it."""
    change_catalog(shop, lambda c: c["people"]["linus"].update(roles=["commander"]))
    request = ask(shop, declare(shop, REVOKE, more="restore: {approvals: 2}\n"), grace)
    boss = shop.person("ada", "admin")
    approve(shop, request, token_for(shop, boss, "linus-new", "commander", person="linus"))
    with pytest.raises(Forbidden, match=r"linus has approved .*, with a token that goes back to ada"):
        approve(shop, request, boss)
    assert why(shop, "acme", TOOLS) == "partner-revoked"


def test_a_token_without_a_person_neither_asks_nor_approves(shop: Workshop, incident: str, grace: Asker) -> None:
    """Nobody could say afterwards who it was. Neither does whoever sits at the ledger's file."""
    nobody = token_for(shop, ADMIN, "ci", "admin")
    request = ask(shop, incident, grace)
    for one in (nobody, ADMIN):
        with pytest.raises(Forbidden, match="belongs to a person"):
            approve(shop, request, one)
        with pytest.raises(Forbidden, match="belongs to a person"):
            ask(shop, declare(shop, REVOKE), one)


def test_a_person_who_lost_the_role_meanwhile_cannot_approve(
    shop: Workshop, incident: str, grace: Asker, ada: Asker
) -> None:
    """Rights count at the moment of the append, not of the sign-in."""
    request = ask(shop, incident, grace)
    change_catalog(shop, lambda c: c["people"]["ada"].update(roles=["responder"]))
    with pytest.raises(Forbidden, match="needs the role 'commander'"):
        approve(shop, request, ada)
    assert why(shop, "acme", TOOLS) == "capability-off"


def test_a_token_that_was_revoked_meanwhile_neither_asks_nor_approves(
    shop: Workshop, incident: str, grace: Asker, ada: Asker
) -> None:
    """A request that was under way when the token went must not win the race."""
    request = ask(shop, incident, grace)
    shop.service.operations.revoke_token(ADMIN, ada.token or "")
    with pytest.raises(Forbidden, match="has been revoked"):
        approve(shop, request, ada)


def test_a_responder_neither_asks_nor_approves(shop: Workshop, incident: str, grace: Asker) -> None:
    """Pulling the cord is anybody's; letting go is a commander's."""
    request = ask(shop, incident, grace)
    linus = shop.person("linus", "responder")
    with pytest.raises(Forbidden, match="needs the role 'commander'"):
        approve(shop, request, linus)
    with pytest.raises(Forbidden, match="needs the role 'commander'"):
        ask(shop, declare(shop, REVOKE), linus)
    assert len(denied(shop, incident)) == 1


# --- the plan ---------------------------------------------------------------------------------------------------------


def another_hold(shop: Workshop, incident: str) -> None:
    declare(shop, "halt-model: {model: orion-2}")


def another_grant(shop: Workshop, incident: str) -> None:
    change_catalog(shop, lambda c: c["grants"][0].update(expires="2026-11-01"))


def a_grant_that_expires(shop: Workshop, incident: str) -> None:
    """Nobody changed anything; the day is over."""
    shop.clock.advance(13 * 3600)


@pytest.mark.parametrize(
    ("meanwhile", "words"),
    [
        (another_hold, r"acme on orion-2:browsing would be as it is, not granted; refuse it"),
        (another_grant, r"would be grant-expired, not granted; refuse it and ask again"),
        (a_grant_that_expires, r"would be grant-expired, not granted; refuse it and ask again"),
    ],
)
def test_a_plan_that_no_longer_does_what_it_said_is_not_approved(
    shop: Workshop, grace: Asker, ada: Asker, meanwhile: Any, words: str
) -> None:
    """The second person agrees to what they read, not to whatever it has become; and reads what that is."""
    change_catalog(shop, lambda c: c["grants"][1].update(expires="2026-11-23"))
    id = declare(shop, REVOKE)
    request = ask(shop, id, grace)
    meanwhile(shop, id)
    with pytest.raises(Conflicting, match=f"has changed since it was asked for: .*{words}") as caught:
        approve(shop, request, ada)
    assert caught.value.code == "plan-changed"
    assert len(denied(shop, id)) == 1

    shop.service.operations.refuse(ada, request["id"], "changed")
    assert approve(shop, ask(shop, id, grace), ada)["state"] == "done"


def test_an_approval_of_another_plan_is_refused(shop: Workshop, incident: str, grace: Asker, ada: Asker) -> None:
    """The digest binds: an old tab of the browser approves nothing."""
    request = ask(shop, incident, grace)
    with pytest.raises(Conflicting, match="read the plan again"):
        approve(shop, {**request, "plan_digest": "0" * 64}, ada)


def test_a_change_that_the_plan_does_not_speak_of_is_no_obstacle(
    shop: Workshop, incident: str, grace: Asker, ada: Asker
) -> None:
    """Other people's work goes on; a restore must not have to be asked for again each time."""
    request = ask(shop, incident, grace)
    declare(shop, "halt-model: {model: vega-1}", kind="drill")
    shop.service.operations.note(grace, incident, "x")
    assert approve(shop, request, ada)["state"] == "done"


def test_an_action_that_was_validated_meanwhile_stays_held(shop: Workshop, grace: Asker, ada: Asker) -> None:
    """What was not in the plan is not given back with it."""
    id = declare(shop, REVOKE, "{switch-off: {capability: 'vega-1:browsing'}, after: validated}")
    request = ask(shop, id, grace)
    shop.service.operations.validate(grace, id, 2)
    assert approve(shop, request, ada)["state"] == "done"
    assert why(shop, "acme", TOOLS) == "granted"
    assert why(shop, "initech", "vega-1:browsing") == "capability-off"


# --- the end of a request ---------------------------------------------------------------------------------------------


def test_a_request_lasts_a_day(shop: Workshop, incident: str, grace: Asker, ada: Asker) -> None:
    """What was true yesterday has to be looked at again."""
    request = ask(shop, incident, grace)
    shop.clock.advance(timedelta(hours=24).total_seconds())
    with pytest.raises(Conflicting, match=r"expired at 2026-11-24T12:00:00.000Z; ask again") as caught:
        approve(shop, request, ada)
    assert caught.value.code == "expired"
    assert shop.service.operations.restore_request(ada, request["id"])["state"] == "expired"
    assert approve(shop, ask(shop, incident, grace), ada)["state"] == "done"


def test_a_second_approval_of_a_request_that_is_done_is_refused_and_written_down(
    shop: Workshop, incident: str, grace: Asker, ada: Asker
) -> None:
    """It must not lift anything that was placed since."""
    request = ask(shop, incident, grace)
    approve(shop, request, ada)
    again = declare(shop, REVOKE)
    with pytest.raises(Conflicting, match="is done already, by ada"):
        approve(shop, request, ada)
    assert len(denied(shop, incident)) == 1
    assert shop.service.desk.snapshot.held_by("acme", "orion-2", "tool-use") == (again,)


def test_a_refused_request_cannot_be_approved(shop: Workshop, incident: str, grace: Asker, ada: Asker) -> None:
    """No means no; another request may be asked for."""
    request = ask(shop, incident, grace)
    with pytest.raises(Conflicting, match="is open already"):
        ask(shop, incident, ada)
    with pytest.raises(Invalid, match="a reason is needed"):
        shop.service.operations.refuse(ada, request["id"], " ")
    shop.service.operations.refuse(ada, request["id"], "not yet")
    with pytest.raises(Conflicting, match="is refused already, by ada"):
        approve(shop, request, ada)
    assert ask(shop, incident, grace)["id"] == f"{incident}-R2"


@pytest.mark.parametrize(
    ("only", "reason", "words"),
    [([7], "x", "action 7 of INC-2026-0001 placed no hold; these did: 1, 2"), ([], "  ", "a reason is needed"),
     ([], "x" * 2001, "at most 2000")],
)  # fmt: skip
def test_a_request_that_is_wrong_is_refused_in_words(
    shop: Workshop, incident: str, grace: Asker, only: list[int], reason: str, words: str
) -> None:
    """The message says what could have been asked for."""
    with pytest.raises(Invalid, match=words):
        shop.service.operations.ask_restore(grace, incident, only, reason)


def test_an_unknown_request_is_named_with_the_nearest_and_leaves_no_line(
    shop: Workshop, incident: str, grace: Asker, ada: Asker
) -> None:
    """There is nothing that a denial could be about."""
    request = ask(shop, incident, grace)
    before = shop.service.ledger.head()
    with pytest.raises(Unknown, match=f"Did you mean '{request['id']}'?"):
        approve(shop, {**request, "id": f"{incident}-R9"}, ada)
    assert shop.service.ledger.head() == before
