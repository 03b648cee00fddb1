"""Drills: they walk the real path, touch nobody real, end by themselves, and give way to what is real."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from incidents.clock import parse_rfc3339
from incidents.decisions import Asker, access, drills, incident
from incidents.decisions.drills import Start
from incidents.decisions.incident import Declare, Kind
from incidents.desk import Desk
from incidents.drill_runs import Mode, Run
from incidents.errors import Conflicting, Forbidden, Invalid, Unknown
from incidents.service import Service
from incidents.settings import Settings
from incidents.testing import ADMIN, Workshop
from tests.support.acting import change_catalog, declare, kinds_of, playbook, standing, why

CREDENTIALS = "partner-credential-abuse"
REVOKE = "revoke-partner: {partner: acme}"
TOOLS = "orion-2:tool-use"


def run(shop: Workshop, mode: str = "shadow", *, by: Asker = ADMIN, partner: str = "acme", **more: Any) -> str:
    """Start a drill of the shipped playbook; returns its id."""
    body = {"playbook": CREDENTIALS, "parameters": {"partner": partner}, "mode": mode, **more}
    return str(shop.service.operations.start_drill(by, body).body["id"])


def started(shop: Workshop, *contain: str, mode: str = "shadow", more: str = "") -> str:
    """Start a drill of a playbook with these actions."""
    book = playbook(*contain, more=more)
    request = Declare(playbook=book, digest="0" * 64, parameters={}, kind=Kind.DRILL, mode=mode, separate=True)
    desk = shop.service.desk
    start = Start(what=request, live_digest=desk.snapshot.live_digest)
    return desk.submit(lambda state, now: drills.start(state, start, ADMIN, now), actor=ADMIN.actor).decided.subject


def of(shop: Workshop, id: str) -> Run:
    with shop.service.desk.read(id) as state:
        return state.drills.runs[id]


def end_fact(shop: Workshop, id: str) -> dict[str, Any]:
    return next(e.data for e in shop.service.ledger.incident(id) if e.kind == "drill:run:ended")


def ghosts(shop: Workshop, *partners: str) -> None:
    def mark(catalog: dict[str, Any]) -> None:
        for id in partners:
            catalog["partners"][id]["ghost"] = True

    change_catalog(shop, mark)


def acknowledge_at(service: Service, name: str) -> None:
    """The same at another process, of its newest revision."""
    boot, now, revision = service.clock.boot(), service.clock.now(), service.desk.snapshot.revision
    service.points.acknowledge(name, "i1", revision, applies=["live", "shadow"], boot=boot, at=now)


def acknowledged(shop: Workshop, name: str, revision: int) -> None:
    """An instance of that point says that it has applied the revision, shadow holds too."""
    boot, now = shop.clock.boot(), shop.clock.now()
    shop.service.points.acknowledge(name, "i1", revision, applies=["live", "shadow"], boot=boot, at=now)


# --- kinds ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("mode", "live", "shadow", "state"),
    [
        ("tabletop", "granted", "granted", "skipped"),
        ("dry-run", "granted", "granted", "skipped"),
        ("shadow", "granted", "partner-revoked", "applied"),
    ],
)
def test_each_kind_of_drill_goes_exactly_as_far_as_it_says(
    shop: Workshop, mode: str, live: str, shadow: str, state: str
) -> None:
    """A tabletop that holds anything, or a shadow drill that holds nothing, teaches the wrong lesson."""
    id = run(shop, mode)

    assert why(shop, "acme", TOOLS) == live
    assert why(shop, "acme", TOOLS, table="shadow") == shadow
    assert standing(shop, id).actions[1].state == state
    assert standing(shop, id).tasks, "people have their steps in every kind"


def test_a_dry_run_shows_what_would_go_dark(shop: Workshop) -> None:
    """That is all it is for."""
    id = run(shop, "dry-run")

    evidence = shop.service.operations.incident(ADMIN, id)["evidence"]
    assert {row["after"] for row in evidence["access"]} == {"partner-revoked"}


def test_a_drill_calls_no_outside_system(shop: Workshop) -> None:
    """A rehearsal that rolls back the registry for real is an outage: its order never leaves the drill's own outbox."""
    call = "call: {connector: mlflow, action: roll-back-alias}"
    shadow, dry = started(shop, REVOKE, call), started(shop, REVOKE, call, mode="dry-run")

    assert standing(shop, dry).actions[2].state == "skipped"
    with shop.service.desk.read() as state:
        tables = {effect.table for effect in state.outbox.owed.values() if effect.incident in (shadow, dry)}
    assert tables <= {"shadow"}
    shop.service.operations.end_drill(ADMIN, shadow)
    assert standing(shop, shadow).actions[2].state in ("declined", "outside-done")


def test_a_live_drill_switches_off_a_ghost_partner_and_gives_back(shop: Workshop) -> None:
    """The real switch on somebody who consents: off while it runs, back at its end, without a second person."""
    ghosts(shop, "acme")
    id = run(shop, "live")
    assert why(shop, "acme", TOOLS) == "partner-revoked"
    assert shop.service.operations.board(ADMIN)["dark"] == [], "nobody real is dark"

    shop.service.operations.end_drill(ADMIN, id)

    assert why(shop, "acme", TOOLS) == "granted"
    assert end_fact(shop, id)["equal"]


@pytest.mark.parametrize(
    "action",
    [
        "revoke-partner: {partner: globex}",
        "switch-off: {capability: orion-2:tool-use}",
        "halt-model: {model: orion-2}",
        "freeze-promotion: {model: orion-2}",
        "roll-back-stage: {model: orion-2}",
        "{revoke-partner: {partner: globex}, after: validated}",
        "tighten-cap: {capability: orion-2:tool-use, cap: {per_minute: 1}}",
    ],
)
def test_a_live_drill_that_would_touch_anybody_real_is_refused_by_the_core(shop: Workshop, action: str) -> None:
    """Whatever asks: one action too many in a plan must not be found out by a customer."""
    ghosts(shop, "acme")
    before, desk = shop.service.ledger.head(), shop.service.desk

    with pytest.raises(Forbidden, match="ghost partners alone"):
        started(shop, REVOKE, action, mode="live")
    alone = Declare(playbook=playbook(action), digest="0", parameters={}, kind=Kind.DRILL, mode=Mode.LIVE)
    with pytest.raises(Forbidden):  # nor by declaring it without a run
        desk.submit(lambda state, now: incident.declare(state, alone, ADMIN, now), actor=ADMIN.actor)

    assert shop.service.ledger.head() == before


def test_a_waiting_action_of_a_live_drill_is_judged_again_at_its_word(shop: Workshop) -> None:
    """Who was a ghost at the start may be a customer by now."""
    ghosts(shop, "acme", "globex")
    id = started(shop, REVOKE, "{revoke-partner: {partner: globex}, after: validated}", mode="live")
    change_catalog(shop, lambda catalog: catalog["partners"]["globex"].update(ghost=False))

    with pytest.raises(Forbidden, match="ghost"):
        shop.service.operations.validate(ADMIN, id, 2)

    assert why(shop, "globex", TOOLS) == "granted"


def test_a_live_hold_stays_where_the_partner_is_no_ghost_any_more(shop: Workshop) -> None:
    """Lifting a live hold of somebody real takes two people; the end says what it has left."""
    ghosts(shop, "acme")
    id = run(shop, "live")
    change_catalog(shop, lambda catalog: catalog["partners"]["acme"].update(ghost=False))

    shop.service.operations.end_drill(ADMIN, id)

    assert why(shop, "acme", TOOLS) == "partner-revoked"
    assert of(shop, id).left == [f"{id}/h1"]
    assert [row["incidents"] for row in shop.service.operations.board(ADMIN)["dark"]] == [[id]]


def test_a_live_drill_takes_the_right_to_command(shop: Workshop) -> None:
    """It switches something off for real."""
    ghosts(shop, "acme")

    with pytest.raises(Forbidden, match="commander"):
        run(shop, "live", by=shop.person("linus", "responder"))


# --- the end ----------------------------------------------------------------------------------------------------------


def test_a_drill_ends_by_itself_and_gives_back_in_the_same_write(shop: Workshop) -> None:
    """Everybody forgets to end a drill; its holds must not stand until the next one."""
    id = run(shop, lasts="10m")
    shop.clock.advance(599)
    shop.service.cycle()
    assert of(shop, id).running

    shop.clock.advance(2)
    shop.service.cycle()

    assert of(shop, id).how == "expired"
    assert kinds_of(shop, id)[-3:] == ["access:hold:lifted", "drill:run:ended", "drill:run:restored"]
    assert not standing(shop, id).standing
    assert standing(shop, id).status == "closed"


def test_a_drill_beside_a_sev1_or_sev2_is_refused(shop: Workshop) -> None:
    """Nobody has time for a rehearsal then, and nobody must mistake the one for the other."""
    real = declare(shop, REVOKE)

    with pytest.raises(Conflicting, match=f"{real} .*real and open"):
        run(shop)
    with pytest.raises(Conflicting, match="real and open"):  # and no other way around it
        shop.service.operations.declare(
            ADMIN, {"playbook": CREDENTIALS, "parameters": {"partner": "acme"}, "kind": "drill"}
        )


@pytest.mark.parametrize("severity", ["sev1", "sev2"])
def test_something_real_aborts_a_running_drill_in_the_same_cycle(shop: Workshop, severity: str) -> None:
    """From that moment on everything that happens is about the real one."""
    id = run(shop)
    body = {"playbook": CREDENTIALS, "parameters": {"partner": "globex"}, "severity": severity}
    real = shop.service.operations.declare(ADMIN, body).body["id"]

    shop.service.cycle()

    assert (of(shop, id).how, real in of(shop, id).because) == ("aborted", True)
    assert not standing(shop, id).standing
    assert why(shop, "globex", TOOLS) == "partner-revoked"


def test_a_small_real_incident_raised_to_sev1_aborts_it_too(shop: Workshop) -> None:
    """What counts is how bad it is now."""
    id = run(shop)
    body = {"playbook": CREDENTIALS, "parameters": {"partner": "globex"}, "severity": "sev3"}
    real = shop.service.operations.declare(ADMIN, body).body["id"]
    shop.service.cycle()
    assert of(shop, id).running

    shop.service.operations.set_severity(ADMIN, real, "sev1", "worse than it looked")
    shop.service.cycle()

    assert of(shop, id).how == "aborted"


def test_a_restricted_incident_aborts_a_drill_without_being_named(shop: Workshop) -> None:
    """A drill's log is open to everybody; that something secret goes on is all it may say."""
    id = run(shop)
    body = {"playbook": CREDENTIALS, "parameters": {"partner": "globex"}, "visibility": "restricted"}
    real = shop.service.operations.declare(ADMIN, body).body["id"]
    shop.service.cycle()

    assert of(shop, id).how == "aborted"
    assert real not in of(shop, id).because
    assert real not in str(shop.service.operations.incident(shop.person("linus", "responder"), id))


def test_the_end_of_a_drill_leaves_a_real_hold_on_the_same_partner_alone(shop: Workshop) -> None:
    """Two incidents on one thing can't undo each other, and least of all a rehearsal a real one."""
    id = run(shop)
    body = {"playbook": CREDENTIALS, "parameters": {"partner": "acme"}}
    real = shop.service.operations.declare(ADMIN, body).body["id"]
    shop.service.cycle()

    assert of(shop, id).how == "aborted"
    assert why(shop, "acme", TOOLS) == "partner-revoked"
    assert standing(shop, real).standing
    fact = end_fact(shop, id)
    assert not fact["equal"]
    assert {row["incident"] for row in fact["meanwhile"]} == {real}


def test_an_end_says_that_the_live_table_is_as_before(shop: Workshop) -> None:
    """The proof is written down, not assumed."""
    before = shop.service.desk.snapshot.live_digest
    id = run(shop)
    shop.service.operations.end_drill(ADMIN, id, reason="went well")

    fact = end_fact(shop, id)
    assert (fact["live_before"], fact["live_after"], fact["equal"], fact["meanwhile"]) == (before, before, True, [])


def test_a_catalog_change_meanwhile_is_named_as_what_it_is(shop: Workshop) -> None:
    """A difference that has an explanation must not look like one that has none."""
    id = run(shop)
    change_catalog(shop, lambda catalog: catalog["models"]["orion-2"].update(stage="general"))
    shop.service.operations.end_drill(ADMIN, id)

    fact = end_fact(shop, id)
    assert (fact["equal"], [row["kind"] for row in fact["meanwhile"]]) == (False, ["access:catalog:applied"])


def test_two_drills_at_once_do_not_count_as_live_changes(shop: Workshop) -> None:
    """What stands in shadow changes nobody's answer."""
    first, second = run(shop), run(shop, partner="globex")
    shop.service.operations.end_drill(ADMIN, second)
    shop.service.operations.end_drill(ADMIN, first)

    assert (end_fact(shop, first)["equal"], end_fact(shop, first)["meanwhile"]) == (True, [])


def test_what_was_owed_in_a_drill_is_owed_no_longer(shop: Workshop) -> None:
    """Nobody is chased for a rehearsed step, and a drill that is over leaves memory like anything that is over."""
    id = run(shop)
    shop.service.operations.end_drill(ADMIN, id)
    shop.service.desk.let_go()

    with shop.service.desk.read() as state:
        assert id in state.over
    assert {task.state for task in standing(shop, id).tasks.values()} == {"skipped"}
    with pytest.raises(Conflicting, match="was a drill and is over"):
        shop.service.operations.move(ADMIN, id, "reopened", reason="again")


def test_a_drill_that_is_over_is_not_ended_again(shop: Workshop) -> None:
    """The second one learns how it ended."""
    id = run(shop)
    shop.service.operations.end_drill(ADMIN, id)

    with pytest.raises(Conflicting, match="is over: finished"):
        shop.service.operations.end_drill(ADMIN, id)


@pytest.mark.parametrize(
    ("how", "reason", "message"),
    [("aborted", "", "needs a reason"), ("expired", "", "finished or aborted"), ("stopped", "", "finished or aborted")],
)
def test_how_a_person_ends_a_drill(shop: Workshop, how: str, reason: str, message: str) -> None:
    """Breaking off needs a word about why; an end time is never typed."""
    id = run(shop)

    with pytest.raises(Invalid, match=message):
        shop.service.operations.end_drill(ADMIN, id, how, reason)


@pytest.mark.parametrize("lasts", ["30s", "9h", "2 business days", "soon"])
def test_a_drill_lasts_a_minute_to_eight_hours(shop: Workshop, lasts: str) -> None:
    """One without an end in sight is no drill."""
    with pytest.raises(Invalid):
        run(shop, lasts=lasts)


# --- REAL -------------------------------------------------------------------------------------------------------------


def test_calling_it_real_aborts_the_drill_and_declares_a_new_incident_in_one_write(shop: Workshop) -> None:
    """The drill's id never becomes real; the real one is linked, and held before anybody has hung up."""
    id = run(shop)
    head = shop.service.ledger.head().seq

    reply = shop.service.operations.call_real(ADMIN, id, {"summary": "their key is really out"})

    real = reply.body["id"]
    assert (reply.status, reply.body["kind"], real) == (201, "real", "INC-2026-0001")
    assert why(shop, "acme", TOOLS) == "partner-revoked"
    assert (of(shop, id).how, of(shop, id).real) == ("aborted", real)
    written = shop.service.ledger.read(after=head)
    assert len({event.recorded_at for event in written}) == 1
    assert {"incident:life:declared", "drill:real:called", "access:hold:lifted", "drill:run:ended"} <= {
        event.kind for event in written
    }


def test_real_is_never_refused_because_the_drill_is_over(shop: Workshop) -> None:
    """Whoever says it a minute late has to get the same."""
    id = run(shop)
    shop.service.operations.end_drill(ADMIN, id)

    body = shop.service.operations.call_real(ADMIN, id, {"parameters": {"partner": "globex"}}).body

    assert (body["kind"], why(shop, "globex", TOOLS)) == ("real", "partner-revoked")
    assert of(shop, id).how == "finished"


# --- people -----------------------------------------------------------------------------------------------------------


def test_people_join_a_drill_and_leave_it(shop: Workshop) -> None:
    """Who was there is part of the record."""
    id, ada = run(shop), shop.person("ada", "commander")
    shop.service.operations.drill_people(ada, id, "join", part="facilitator")
    shop.service.operations.drill_people(ada, id, "join", person="grace")
    shop.service.operations.drill_people(ada, id, "leave", person="grace")

    assert of(shop, id).people == {"ada": "facilitator"}
    assert shop.service.operations.drill_people(ada, id, "join", part="facilitator").body["already"]
    with pytest.raises(Invalid, match="participant, facilitator, observer"):
        shop.service.operations.drill_people(ada, id, "join", part="audience")


def test_what_is_no_drill_has_no_run(shop: Workshop) -> None:
    """Ending a real incident as if it were a drill would lift its holds with one person."""
    real = declare(shop, REVOKE)

    with pytest.raises(Unknown, match="is no drill"):
        shop.service.operations.end_drill(ADMIN, real)

    assert standing(shop, real).standing


# --- death in the middle ----------------------------------------------------------------------------------------------


def test_a_process_that_died_in_the_middle_ends_the_drill_when_it_comes_back(shop: Workshop) -> None:
    """Nothing about a drill is kept in memory alone."""
    id = run(shop, lasts="10m")
    shop.clock.advance(3600)
    again = Service.open(Settings(), ledger=shop.service.ledger, clock=shop.clock)

    again.cycle()

    with again.desk.read(id) as state:
        assert (state.drills.runs[id].how, state.incidents[id].standing) == ("expired", [])


def test_after_a_long_pause_a_drill_is_ended_once_whoever_looks_first(shop: Workshop) -> None:
    """Two processes, each cycling twice: one end, one lifting of its hold, one word that all have let go."""
    shop.point("eu-1")
    id = run(shop, lasts="10m")
    shop.clock.advance(10 * 86_400)
    others = [Service.open(Settings(), ledger=shop.service.ledger, clock=shop.clock) for _ in range(2)]
    for other in (*others, *others):
        other.cycle()
        acknowledge_at(other, "eu-1")
        other.cycle()

    written = Counter(event.kind for event in shop.service.ledger.incident(id))
    ends = ("drill:run:ended", "access:hold:lifted", "drill:run:restored")
    assert {kind: written[kind] for kind in ends} == dict.fromkeys(ends, 1)


def test_a_drill_that_ended_right_before_a_crash_is_seen_back_at_every_gateway(shop: Workshop) -> None:
    """It had left memory already; nobody but the next service can say that the gateways have let go of it."""
    shop.point("eu-1")
    id = run(shop)
    shop.service.operations.end_drill(ADMIN, id)
    shop.service.desk.let_go()
    shop.service.desk.keep_state(always=True)
    again = Service.open(Settings(), ledger=shop.service.ledger, clock=shop.clock)
    with again.desk.read() as state:
        assert id in state.over

    again.watch()
    acknowledge_at(again, "eu-1")
    again.cycle()

    assert kinds_of(shop, id)[-1] == "drill:run:restored"


def test_a_process_that_comes_back_in_time_goes_on_with_the_drill(shop: Workshop) -> None:
    """A restart is no reason to break off; the gateways are watched again."""
    shop.point("eu-1")
    id = run(shop, lasts="10m")
    again = Service.open(Settings(), ledger=shop.service.ledger, clock=shop.clock)
    with again.desk.read(id) as state:
        again._watch(state, state.incidents[id], shop.clock.boot())
        revision = state.incidents[id].revision
    again.points.acknowledge(
        "eu-1", "i1", revision, applies=["live", "shadow"], boot=shop.clock.boot(), at=shop.clock.now()
    )
    again.cycle()

    with again.desk.read(id) as state:
        assert state.drills.runs[id].running
        assert state.drills.confirmed["eu-1"].drill == id


def test_the_kept_state_has_the_drills_in_it(shop: Workshop) -> None:
    """A start from the kept state must know which drill runs and until when."""
    id = run(shop)
    shop.service.desk.keep_state(always=True)
    desk = Desk(shop.service.ledger, shop.clock)
    desk.start()

    with desk.read() as state:
        assert (state.drills.running, state.drills.runs[id]) == ([id], of(shop, id))


# --- what points confirm ----------------------------------------------------------------------------------------------


def test_points_confirm_a_drill_and_the_way_back_from_it(shop: Workshop) -> None:
    """That it is over in the log is one thing; that every gateway has let go of it is another."""
    for name in ("eu-1", "us-1"):
        shop.point(name)
        acknowledged(shop, name, shop.service.desk.snapshot.revision)
    id = run(shop)
    acknowledged(shop, "eu-1", standing(shop, id).revision)
    shop.clock.advance(2)
    acknowledged(shop, "us-1", standing(shop, id).revision)
    shop.service.cycle()
    shop.service.operations.end_drill(ADMIN, id)
    for name in ("eu-1", "us-1"):
        acknowledged(shop, name, shop.service.desk.snapshot.revision)
    shop.service.cycle()

    assert kinds_of(shop, id)[-1] == "drill:run:restored"
    score = shop.service.operations.drill_report(ADMIN, id)["score"]
    assert (score["confirmed"], score["points"], score["last_confirm_ms"], score["met"]) == (2, 2, 2000, True)
    assert (score["wrong_targets"], score["equal"], score["restore_ms"]) == (0, True, 0)


def test_a_drill_that_ends_before_every_point_has_confirmed_says_who_had_not(shop: Workshop) -> None:
    """An acknowledgement of the end proves nothing about the holds before it."""
    for name in ("eu-1", "us-1"):
        shop.point(name)
        acknowledged(shop, name, shop.service.desk.snapshot.revision)
        shop.service.points.grant(shop.service.points.copy_of(name, "i1"), 15, shop.clock.boot())  # type: ignore[arg-type]
    id = run(shop)
    acknowledged(shop, "eu-1", standing(shop, id).revision)
    shop.service.operations.end_drill(ADMIN, id)
    for name in ("eu-1", "us-1"):
        acknowledged(shop, name, shop.service.desk.snapshot.revision)
    shop.service.cycle()

    assert "incident:life:contained" not in kinds_of(shop, id)
    score = shop.service.operations.drill_report(ADMIN, id)["score"]
    assert (score["confirmed"], score["points"], score["met"]) == (1, 2, False)
    containment = shop.service.operations.containment(ADMIN, id)
    assert {p["name"]: p["state"] for p in containment["points"]} == {"eu-1": "confirmed", "us-1": "pending"}


def test_evidence_wants_every_registered_gateway_within_the_days(shop: Workshop) -> None:
    """One gateway that was never reached by a drill is the one that will not be reached by the real thing."""
    evidence = shop.service.operations.drill_evidence
    assert not evidence(ADMIN)["ok"], "no gateway: nothing proven"
    for name in ("eu-1", "us-1"):
        shop.point(name)
    id = run(shop)
    acknowledged(shop, "eu-1", standing(shop, id).revision)
    shop.clock.advance(60)
    shop.service.cycle()
    found = evidence(ADMIN)
    assert not found["ok"]
    assert [(p["point"], p["ok"], p["drill"]) for p in found["points"]] == [("eu-1", True, id), ("us-1", False, None)]

    shop.service.operations.retire_point(ADMIN, "us-1")
    assert evidence(ADMIN)["ok"]
    until = parse_rfc3339(evidence(ADMIN)["until"])
    shop.clock.advance((until - shop.clock.now()).total_seconds())
    assert evidence(ADMIN)["ok"]
    shop.clock.advance(1)
    assert not evidence(ADMIN)["ok"]


def proven(shop: Workshop, name: str) -> tuple[bool, str]:
    (row,) = [r for r in shop.service.operations.drill_evidence(ADMIN)["points"] if r["point"] == name]
    return row["ok"], row["because"]


def test_a_gateway_that_came_after_the_last_drill_is_not_proven(shop: Workshop) -> None:
    """Nor is one that took over the name of another: what that had confirmed, this one never has."""
    shop.point("eu-1")
    id = run(shop)
    acknowledged(shop, "eu-1", standing(shop, id).revision)
    shop.service.cycle()
    assert proven(shop, "eu-1") == (True, "confirmed a drill in time")
    shop.point("us-1")
    assert proven(shop, "us-1") == (False, "it has never confirmed a drill")

    shop.clock.advance(60)
    shop.service.operations.revoke_token(ADMIN, shop.credential(shop.secret("eu-1", "enforcer")).token)
    shop.service.operations.create_token(ADMIN, access.CreateToken(name="eu-1", role="enforcer"))

    assert proven(shop, "eu-1") == (
        False,
        "it was registered anew on 2026-11-23, after the last drill that went through it",
    )


def test_a_confirmation_that_proved_wrong_is_no_evidence(shop: Workshop) -> None:
    """The gateway said that it held the drill's revision, and then that it did not."""
    shop.point("eu-1")
    id = run(shop)
    acknowledged(shop, "eu-1", standing(shop, id).revision)
    shop.service.cycle()
    boot, now = shop.clock.boot(), shop.clock.now()
    shop.service.points.acknowledge(
        "eu-1", "i1", 1, applies=["live", "shadow"], boot=boot, at=now, refused="no room for the table"
    )
    shop.service.cycle()

    assert "incident:life:contradicted" in kinds_of(shop, id)
    assert proven(shop, "eu-1") == (False, "it has never confirmed a drill")
