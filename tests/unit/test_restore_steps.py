"""The way back in steps: one partner first, the rest by itself after a soak time, and any one person stops it."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from incidents import events as ev
from incidents.affected import affected
from incidents.decisions import Asker, Decided
from incidents.decisions.restore_plan import digest_of
from incidents.errors import Conflicting, Forbidden, Invalid, Unavailable
from incidents.events import SYSTEM, Draft
from incidents.ledger.memory import MemoryLedger
from incidents.service import Service
from incidents.settings import Settings
from incidents.testing import ADMIN, Workshop
from tests.support.acting import approve, ask, change_catalog, declare, kinds_of, why

TOOLS, CODE = "orion-2:tool-use", "orion-2:code-execution"
OFF = f"switch-off: {{capability: '{TOOLS}'}}"
REVOKE = "revoke-partner: {partner: acme}"


@pytest.fixture
def grace(shop: Workshop) -> Asker:
    return shop.person("grace", "commander")


@pytest.fixture
def ada(shop: Workshop) -> Asker:
    return shop.person("ada", "commander")


@pytest.fixture
def linus(shop: Workshop) -> Asker:
    return shop.person("linus", "responder")


@pytest.fixture
def incident(shop: Workshop) -> str:
    return declare(shop, REVOKE, OFF)


def later(shop: Workshop, minutes: float) -> None:
    """Time passes, and the service looks, as it does each second."""
    shop.clock.advance(minutes * 60)
    shop.service.every_second()


def running(shop: Workshop, id: str, grace: Asker, ada: Asker, **way: Any) -> str:
    """Asked with acme first and 30 minutes for the rest, and approved; returns the request's id."""
    asked = ask(shop, id, grace, **{"canary": "acme", "soak": "30m", **way})
    assert approve(shop, asked, ada)["state"] == "running"
    return str(asked["id"])


def state_of(shop: Workshop, request: str) -> dict[str, Any]:
    return shop.service.operations.restore_request(ADMIN, request)


def stop(shop: Workshop, request: str, by: Asker, *, keep: bool = False) -> dict[str, Any]:
    return shop.service.operations.stop_restore(by, request, "it misbehaves", keep=keep).body


def both(shop: Workshop) -> tuple[str, str]:
    """What acme and globex get on tool-use now."""
    return why(shop, "acme", TOOLS), why(shop, "globex", TOOLS)


# --- one partner first ------------------------------------------------------------------------------------------------


def test_canary_gets_its_access_at_the_approval_and_the_rest_after_the_soak_time(
    shop: Workshop, incident: str, grace: Asker, ada: Asker
) -> None:
    """What was wrong shows at one partner before it shows at all of them."""
    asked = ask(shop, incident, grace, canary="acme", soak="30m")
    assert both(shop) == ("capability-off", "capability-off")

    answer = approve(shop, asked, ada)
    assert (answer["state"], answer["lifted"], answer["eased"]) == ("running", [f"{incident}/h1"], [f"{incident}/h2"])
    assert answer["revision"] == shop.service.desk.snapshot.revision
    assert both(shop) == ("granted", "capability-off")

    later(shop, 29.9)
    assert both(shop) == ("granted", "capability-off")
    later(shop, 0.1)
    assert both(shop) == ("granted", "granted")
    assert state_of(shop, asked["id"])["state"] == "done"
    assert shop.service.desk.snapshot.holders == {}


def test_plan_says_who_gets_what_back_in_which_step_at_which_stage_and_caps(
    shop: Workshop, incident: str, grace: Asker
) -> None:
    """The second person agrees to exactly this, so it has to be all there."""
    plan = ask(shop, incident, grace, canary="acme", soak="2h")["plan"]

    first, second = plan["steps"]
    assert (first["number"], first["title"], first["after_s"]) == (1, "acme first", 0)
    assert [h["hold"] for h in first["lift"]] == [f"{incident}/h1"]
    assert first["spare"]["partner"] == "acme"
    assert [h["words"] for h in first["spare"]["holds"]] == [f"{TOOLS} switched off"]
    assert {row["partner"] for row in first["access"]} == {"acme"}
    assert (second["title"], second["after_s"], second["spare"]) == ("everybody else", 7200, None)
    assert [h["hold"] for h in second["lift"]] == [f"{incident}/h2"]
    assert [(row["partner"], row["before"], row["after"]) for row in second["access"]] == [
        ("globex", "capability-off", "granted")
    ]
    assert {p["partner"]: p["step"] for p in plan["partners"]} == {"acme": 1, "globex": 2}
    acme = next(p for p in plan["partners"] if p["partner"] == "acme")
    assert {"flag": TOOLS, "stage": "trusted-partner", "cap": {"per_day": 2000}} in acme["access"]
    assert (plan["canary"], plan["soak_s"], plan["checks"], plan["approvals"]) == ("acme", 7200, [], 1)


def test_without_a_canary_it_is_one_step(shop: Workshop, incident: str, grace: Asker, ada: Asker) -> None:
    """The plain way back stays what it was."""
    asked = ask(shop, incident, grace)
    (step,) = asked["plan"]["steps"]
    assert (step["title"], step["after_s"], step["spare"]) == ("everything", 0, None)
    assert step["access"] == asked["plan"]["access"]
    assert approve(shop, asked, ada)["state"] == "done"
    assert both(shop) == ("granted", "granted")


def test_canary_of_a_halted_rolled_back_and_throttled_model_gets_all_of_it_back(
    shop: Workshop, grace: Asker, ada: Asker
) -> None:
    """Every kind of hold on everybody can spare somebody; a frozen promotion keeps the stage down as well."""
    id = declare(
        shop,
        "roll-back-stage: {model: orion-2}",
        "freeze-promotion: {model: orion-2}",
        "halt-model: {model: orion-2}",
        "switch-off: {capability: tool-use}",
        "tighten-cap: {capability: code-execution, cap: {per_day: 5}}",
    )
    running(shop, id, grace, ada)

    table = shop.service.desk.snapshot.live
    assert both(shop) == ("granted", "model-halted")
    assert why(shop, "acme", CODE) == "granted"
    assert table[f"grant:acme:{CODE}"]["cap"] == {"per_day": 5000}
    assert table["model:orion-2"] == {
        "stage": "red-team", "halted": True, "for": {"acme": {"stage": "trusted-partner"}},
    }  # fmt: skip
    later(shop, 31)
    assert both(shop) == ("granted", "granted")
    assert shop.service.desk.snapshot.live["model:orion-2"] == {"stage": "trusted-partner"}


def test_capability_that_is_off_in_some_regions_can_come_back_for_one_partner_first(
    shop: Workshop, grace: Asker, ada: Asker
) -> None:
    """A regional hold binds everybody too."""
    id = declare(shop, f"switch-off: {{capability: '{TOOLS}', regions: [EU]}}")
    running(shop, id, grace, ada)
    assert (why(shop, "acme", TOOLS, "EU"), why(shop, "globex", TOOLS, "EU")) == ("granted", "region-off")


def test_canary_stays_off_what_another_incident_holds(shop: Workshop, grace: Asker, ada: Asker) -> None:
    """The strictest wins: one incident spares nobody from another one's hold."""
    id = declare(shop, "halt-model: {model: orion-2}")
    other = declare(shop, f"switch-off: {{capability: '{CODE}'}}")
    asked = ask(shop, id, grace, canary="acme", soak="30m")
    assert [row["incident"] for row in asked["plan"]["others"]] == [other]
    approve(shop, asked, ada)
    assert why(shop, "acme", TOOLS) == "granted"
    assert why(shop, "acme", CODE) == "capability-off"
    assert shop.service.desk.snapshot.held_by("acme", "orion-2", "code-execution") == (other,)
    assert shop.service.desk.snapshot.held_by("globex", "orion-2", "code-execution") == (id, other)


def test_drill_spares_its_canary_in_shadow_only(shop: Workshop, grace: Asker, ada: Asker) -> None:
    """The way back is practised in steps too, and no live answer moves."""
    id = declare(shop, OFF, kind="drill")
    before = shop.service.desk.snapshot.live
    running(shop, id, grace, ada)
    assert (why(shop, "acme", TOOLS, table="shadow"), why(shop, "globex", TOOLS, table="shadow")) == (
        "granted",
        "capability-off",
    )
    assert shop.service.desk.snapshot.live == before
    later(shop, 30)
    assert shop.service.desk.snapshot.shadow == {}


def test_only_some_actions_come_back_in_steps(shop: Workshop, grace: Asker, ada: Asker) -> None:
    """What was not asked for stays as it is, for the canary too."""
    id = declare(shop, OFF, f"switch-off: {{capability: '{CODE}'}}")
    asked = ask(shop, id, grace, 1, canary="acme", soak="30m")
    approve(shop, asked, ada)
    later(shop, 30)
    assert both(shop) == ("granted", "granted")
    assert why(shop, "acme", CODE) == "capability-off"


@pytest.mark.parametrize(
    ("contain", "canary", "words"),
    [
        (REVOKE, "globex", "globex would get nothing back in the first step .*; ask without a canary, or .* acme"),
        (OFF, "initech", "initech would get nothing back .*these holds take nothing from it"),
        (REVOKE, "acme", "all that would be given back is acme's alone"),
        (OFF, "acmee", "unknown partner 'acmee'. Did you mean 'acme'?"),
    ],
)
def test_canary_that_shows_nothing_is_refused_with_the_way_out(
    shop: Workshop, grace: Asker, contain: str, canary: str, words: str
) -> None:
    """A soak time in which nothing can be seen is a false comfort."""
    id = declare(shop, contain)
    with pytest.raises(Invalid, match=words) as caught:
        ask(shop, id, grace, canary=canary, soak="30m")
    assert caught.value.errors[0].where == "canary"


def test_canary_that_another_incident_holds_would_show_nothing(shop: Workshop, grace: Asker) -> None:
    """It says what stands in the way."""
    id = declare(shop, OFF)
    declare(shop, REVOKE)
    with pytest.raises(Invalid, match=f"acme would get nothing .*{TOOLS} would still be partner-revoked.*globex"):
        ask(shop, id, grace, canary="acme")


@pytest.mark.parametrize(
    ("way", "words"),
    [
        ({"canary": "acme", "soak": "59s"}, "59 seconds; it lasts 1 minute to 30 days"),
        ({"canary": "acme", "soak": "31d"}, "31 days; it lasts"),
        ({"canary": "acme", "soak": "soon"}, "'soon' is not a duration"),
        ({"canary": "acme", "soak": "2 business days"}, "needs a calendar"),
        ({"soak": "30m"}, "name a canary too"),
    ],
)
def test_soak_time_that_makes_no_sense_is_refused(
    shop: Workshop, incident: str, grace: Asker, way: dict[str, str], words: str
) -> None:
    """The message says what could have been written."""
    with pytest.raises(Invalid, match=words) as caught:
        ask(shop, incident, grace, **way)
    assert caught.value.errors[0].where == "soak"


# --- what partners are told -------------------------------------------------------------------------------------------


def test_each_partner_is_told_of_its_own_access_and_what_comes_next(
    shop: Workshop, incident: str, grace: Asker
) -> None:
    """Neither who goes first nor anything else about another partner is in it."""
    first, second = ask(shop, incident, grace, canary="acme", soak="90m")["plan"]["steps"]
    told = {(number, row["partner"]): row for number, step in ((1, first), (2, second)) for row in step["tell"]}

    assert told[1, "acme"]["words"].startswith("You have access again: orion-2:browsing, ")
    assert f"{TOOLS} (at most 2,000 per day)" in told[1, "acme"]["words"]
    assert told[1, "acme"]["next"].startswith("We watch for 1 hour 30 minutes.")
    assert told[1, "globex"]["words"] == f"Not back yet: {TOOLS}."
    assert "1 hour 30 minutes from now at the earliest" in told[1, "globex"]["next"]
    assert told[2, "acme"]["words"].startswith("Your access stays: ")
    assert told[2, "globex"] == {
        "partner": "globex",
        "words": f"You have access again: {TOOLS} (at most 10,000 per day).",
        "next": "Nothing more follows.",
    }
    for (_, partner), row in told.items():
        others = {"acme", "globex", "initech"} - {partner}
        assert not any(other in row["words"] + row["next"] for other in others)


def test_partner_whose_model_another_incident_halts_is_not_told_of_access_in_a_region(
    shop: Workshop, grace: Asker
) -> None:
    """Lifting a regional switch opens nothing where the model stands still."""
    id = declare(shop, f"switch-off: {{capability: '{TOOLS}', regions: [EU]}}")
    declare(shop, "halt-model: {model: orion-2}")
    asked = ask(shop, id, grace)
    assert asked["plan"]["access"]
    assert asked["plan"]["steps"][0]["tell"] == []
    shop.service.operations.refuse(grace, asked["id"], "for the test")
    with pytest.raises(Invalid, match="acme would get nothing back"):
        ask(shop, id, grace, canary="acme")


# --- at most once, alive after a restart ------------------------------------------------------------------------------


def test_step_is_carried_out_once_however_often_one_looks(
    shop: Workshop, incident: str, grace: Asker, ada: Asker
) -> None:
    """Two services or a tick that comes late must not give back twice."""
    request = running(shop, incident, grace, ada)
    later(shop, 30)
    for _ in range(3):
        later(shop, 1)
        shop.service.operations.advance_restore(request)
    assert kinds_of(shop, incident).count("restore:step:done") == 2
    assert kinds_of(shop, incident).count("access:hold:lifted") == 2


def test_step_that_falls_due_while_nothing_runs_is_carried_out_at_the_next_start(
    shop: Workshop, incident: str, grace: Asker, ada: Asker
) -> None:
    """When it is due follows from the log, not from anybody's memory."""
    request = running(shop, incident, grace, ada)
    shop.clock.advance(3600)
    ledger = shop.service.ledger
    assert isinstance(ledger, MemoryLedger)
    again = Service.open(Settings(), ledger=ledger.beside(), clock=shop.clock)
    again.every_second()
    again.every_second()
    shop.service.desk.follow()
    assert state_of(shop, request)["state"] == "done"
    assert both(shop) == ("granted", "granted")
    assert kinds_of(shop, incident).count("restore:step:done") == 2


def test_request_of_before_there_were_steps_lifts_everything_at_its_approval(
    shop: Workshop, incident: str, grace: Asker, ada: Asker
) -> None:
    """A log that an older version wrote means what it meant."""
    plan = ask(shop, incident, grace)["plan"]
    shop.service.operations.refuse(ada, f"{incident}-R1", "for the test")
    old = {name: plan[name] for name in ("incident", "holds", "entries", "access", "checks", "approvals")}
    asked = ev.RestoreAsked(
        request=f"{incident}-R2", plan=old, plan_digest=digest_of(old), approvals=1, expires_at="2026-11-24T12:00:00Z"
    )
    shop.service.desk.submit(lambda state, now: Decided([Draft(asked, incident=incident)]), actor=grace.actor)

    answer = approve(shop, {"id": f"{incident}-R2", "plan": old, "plan_digest": digest_of(old)}, ada)
    assert (answer["state"], len(answer["lifted"])) == ("done", 2)
    assert both(shop) == ("granted", "granted")
    assert state_of(shop, f"{incident}-R2")["progress"] == []


# --- it halts by itself -----------------------------------------------------------------------------------------------


def the_flag_is_held_by_another(shop: Workshop, id: str) -> None:
    declare(shop, OFF)


def the_canary_is_revoked(shop: Workshop, id: str) -> None:
    declare(shop, REVOKE)


def a_throttle_that_changes_no_answer(shop: Workshop, id: str) -> None:
    declare(shop, f"tighten-cap: {{capability: '{TOOLS}', cap: {{per_day: 100000}}}}")


def a_grant_changes(shop: Workshop, id: str) -> None:
    change_catalog(shop, lambda c: c["grants"][4].update(terms="pending"))


def the_partner_leaves(shop: Workshop, id: str) -> None:
    def leave(catalog: dict[str, Any]) -> None:
        del catalog["partners"]["globex"]
        catalog["grants"] = [g for g in catalog["grants"] if g["partner"] != "globex"]

    change_catalog(shop, leave)


def the_approver_loses_the_role(shop: Workshop, id: str) -> None:
    change_catalog(shop, lambda c: c["people"]["ada"].update(roles=["viewer"]))


def the_asker_leaves(shop: Workshop, id: str) -> None:
    change_catalog(shop, lambda c: c["people"].pop("grace"))


def containment_is_contradicted(shop: Workshop, id: str) -> None:
    fact = ev.ContainmentContradicted(point="eu", because="holds revision 3")
    shop.service.desk.submit(lambda state, now: Decided([Draft(fact, incident=id)]), actor=SYSTEM)


@pytest.mark.parametrize(
    ("meanwhile", "because"),
    [
        (the_flag_is_held_by_another, "INC-2026-0002 holds the same things now: orion-2:tool-use switched off"),
        (the_canary_is_revoked, "INC-2026-0002 holds the same things now: acme revoked"),
        (a_throttle_that_changes_no_answer, "INC-2026-0002 holds the same things now: every partner throttled"),
        (a_grant_changes, "step 2 would do something else now: globex on orion-2:tool-use would be terms-not-accepted"),
        (the_partner_leaves, "step 2 would do something else now: globex on orion-2:tool-use"),
        (the_approver_loses_the_role, "ada, who approved it, may restore no more"),
        (the_asker_leaves, "grace, who asked for it, may restore no more"),
        (containment_is_contradicted, "the containment of INC-2026-0001 was contradicted by eu"),
    ],
)
def test_rest_is_not_given_back_once_something_speaks_against_it(
    shop: Workshop, incident: str, grace: Asker, ada: Asker, meanwhile: Callable[[Workshop, str], None], because: str
) -> None:
    """It halts as soon as it is seen, says why, and leaves to a person whether the canary keeps its access."""
    request = running(shop, incident, grace, ada)
    later(shop, 5)
    meanwhile(shop, incident)
    later(shop, 1)
    found = state_of(shop, request)
    assert found["state"] == "stopped"
    assert found["stopped_because"].startswith(because)
    later(shop, 60)
    assert why(shop, "globex", TOOLS) != "granted"
    assert kinds_of(shop, incident).count("restore:request:stopped") == 1
    assert [e.actor.name for e in shop.service.ledger.incident(incident) if e.kind.endswith(":stopped")] == ["system"]


def test_incident_that_became_more_severe_halts_its_way_back(
    shop: Workshop, incident: str, grace: Asker, ada: Asker
) -> None:
    """What was approved at sev2 was not approved at sev1; lowering it is no obstacle."""
    request = running(shop, incident, grace, ada)
    shop.service.operations.set_severity(grace, incident, "sev3", "one partner alone")
    later(shop, 1)
    assert state_of(shop, request)["state"] == "running"
    shop.service.operations.set_severity(grace, incident, "sev1", "all of them")
    later(shop, 1)
    assert state_of(shop, request)["stopped_because"] == f"{incident} was raised from sev2 to sev1"


def test_way_back_that_runs_stands_against_calling_the_incident_resolved(
    shop: Workshop, incident: str, grace: Asker, ada: Asker
) -> None:
    """What is still being given back is not over; and the page says what is to be decided next."""
    request = running(shop, incident, grace, ada)
    with pytest.raises(Conflicting, match=f"{request} is running"):
        shop.service.operations.move(grace, incident, "resolved", reason="x")
    shop.service.operations.role(grace, incident, "commander", "take")
    decision = shop.service.operations.incident(ADMIN, incident)["next_decision"]
    assert (decision["what"], decision["by"]) == (
        f"Stop restore {request}, or let its next step come?",
        "2026-11-23T12:30:00.000Z",
    )


def test_only_insiders_of_a_restricted_incident_are_told_of_its_broken_glass(
    shop: Workshop, incident: str, grace: Asker, ada: Asker, linus: Asker
) -> None:
    """Telling everybody must not tell those for whom the incident does not exist; to them another one is nameless."""
    operations = shop.service.operations
    operations.change_members(ADMIN, incident, ["grace", "ada"], [])
    operations.set_visibility(ADMIN, incident, "restricted", "press")
    other = declare(shop, OFF)
    seen = ask(shop, other, linus_as_commander(shop))
    assert incident not in json.dumps(seen)
    operations.refuse(ada, seen["id"], "x")
    ask(shop, incident, grace, break_glass=True)
    told = [e.data["tells"] for e in shop.service.ledger.incident(incident) if e.kind == "restore:glass:broken"]
    assert told == [["ada", "grace"]]
    assert operations.board(linus)["broken_glass"] == []
    assert [g["incident"] for g in operations.board(grace)["broken_glass"]] == [incident]


def linus_as_commander(shop: Workshop) -> Asker:
    change_catalog(shop, lambda c: c["people"]["linus"].update(roles=["commander"]))
    return shop.person("linus", "commander")


def test_grant_that_runs_out_during_the_soak_does_not_come_back_and_the_rest_does(
    shop: Workshop, incident: str, grace: Asker, ada: Asker
) -> None:
    """Nobody changed anything: less than was approved comes back, and the log, the request and the figures say so."""
    change_catalog(shop, lambda c: c["grants"][4].update(expires="2026-11-23"))
    request = running(shop, incident, grace, ada, soak="2d")
    later(shop, 13 * 60)
    assert state_of(shop, request)["state"] == "running"
    later(shop, 35 * 60)

    left = [{"partner": "globex", "flag": TOOLS, "expires": "2026-11-23"}]
    assert (state_of(shop, request)["state"], state_of(shop, request)["ended"]) == ("done", left)
    assert both(shop) == ("granted", "grant-expired")
    assert shop.service.desk.snapshot.holders == {}
    words = [r.text for r in shop.service.operations.timeline(ADMIN, incident) if r.kind == "restore:step:done"]
    assert f"Not back, because the grant ran out meanwhile: globex on {TOOLS} (until 2026-11-23)" in words[1]
    windows = affected(shop.service.ledger.incident(incident), shop.clock.now()).windows
    assert [w.then for w in windows if (w.partner, w.flag) == ("globex", TOOLS)] == ["grant-expired"]


def end_it_today(shop: Workshop, id: str) -> None:
    change_catalog(shop, lambda c: c["grants"][4].update(expires="2026-11-22"))


def renew_what_had_ended(shop: Workshop, id: str) -> None:
    change_catalog(shop, lambda c: c["grants"][4].update(expires="2027-11-23"))


@pytest.mark.parametrize(
    ("at_first", "meanwhile", "because"),
    [
        ("", end_it_today, f"globex on {TOOLS} would be grant-expired, not granted"),
        ("2026-11-22", renew_what_had_ended, f"globex on {TOOLS} would be granted, not grant-expired"),
    ],
)
def test_grant_that_somebody_ends_or_renews_during_the_soak_halts_it(
    shop: Workshop,
    incident: str,
    grace: Asker,
    ada: Asker,
    at_first: str,
    meanwhile: Callable[[Workshop, str], None],
    because: str,
) -> None:
    """Time alone is no change of the plan; whatever a person does to it is, and most of all what would give more."""
    change_catalog(shop, lambda c: c["grants"][4].update(expires=at_first) if at_first else None)
    request = running(shop, incident, grace, ada, soak="2d")
    meanwhile(shop, incident)
    later(shop, 1)
    assert because in state_of(shop, request)["stopped_because"]


def test_other_peoples_work_does_not_halt_it(shop: Workshop, incident: str, grace: Asker, ada: Asker) -> None:
    """A soak of days must survive an ordinary week."""
    request = running(shop, incident, grace, ada, soak="2d")
    declare(shop, "switch-off: {capability: 'vega-1:fine-tuning'}")
    declare(shop, REVOKE, kind="drill")
    shop.service.operations.note(grace, incident, "all quiet")
    change_catalog(shop, lambda c: c["partners"]["initech"].update(title="Initech Ltd"))
    later(shop, 60)
    assert state_of(shop, request)["state"] == "running"
    later(shop, 48 * 60)
    assert state_of(shop, request)["state"] == "done"


# --- stopping ---------------------------------------------------------------------------------------------------------


def test_one_responder_stops_it_and_what_it_gave_back_is_held_again(
    shop: Workshop, incident: str, grace: Asker, ada: Asker, linus: Asker
) -> None:
    """Letting go takes two; pulling the cord takes one, also while letting go."""
    request = running(shop, incident, grace, ada)
    answer = stop(shop, request, linus)
    assert (answer["state"], answer["taken_back"]) == ("stopped", True)
    assert answer["held_again"] == [f"{incident}/h2", f"{incident}/h3"]
    assert answer["revision"] == shop.service.desk.snapshot.revision
    assert both(shop) == ("capability-off", "capability-off")
    assert "for" not in shop.service.desk.snapshot.live[f"flag:{TOOLS}"]
    with shop.service.desk.read() as state:
        again = state.holds[f"{incident}/h3"]
        assert (again.partner, again.action, again.spared) == ("acme", 1, ())
    later(shop, 60)
    assert both(shop) == ("capability-off", "capability-off")
    assert approve(shop, ask(shop, incident, grace), ada)["state"] == "done"
    assert both(shop) == ("granted", "granted")


def test_stopping_may_keep_what_was_given_back(
    shop: Workshop, incident: str, grace: Asker, ada: Asker, linus: Asker
) -> None:
    """The canary is fine, the rest shall wait; and it can still be taken back afterwards."""
    request = running(shop, incident, grace, ada)
    assert stop(shop, request, linus, keep=True)["taken_back"] is False
    later(shop, 60)
    assert both(shop) == ("granted", "capability-off")
    with pytest.raises(Conflicting, match="is stopped already, by linus"):
        stop(shop, request, linus, keep=True)
    stop(shop, request, linus)
    assert both(shop) == ("capability-off", "capability-off")
    with pytest.raises(Conflicting, match="is stopped already"):
        stop(shop, request, linus)


def test_second_canary_keeps_what_the_first_one_kept(
    shop: Workshop, incident: str, grace: Asker, ada: Asker, linus: Asker
) -> None:
    """Stopping the second way back takes back what that one gave, and not what two people agreed to before."""
    change_catalog(shop, lambda c: c["grants"].append(
        {"partner": "initech", "model": "orion-2", "capability": "tool-use", "terms": "accepted"}))  # fmt: skip
    change_catalog(shop, lambda c: c["partners"]["initech"].update(audience="trusted-partner"))
    first = running(shop, incident, grace, ada)
    stop(shop, first, linus, keep=True)
    second = running(shop, incident, ada, grace, canary="globex")
    assert [*both(shop), why(shop, "initech", TOOLS)] == ["granted", "granted", "capability-off"]
    with pytest.raises(Conflicting, match=f"{second} came after {first}"):
        stop(shop, first, linus)
    stop(shop, second, linus)
    assert [*both(shop), why(shop, "initech", TOOLS)] == ["granted", "capability-off", "capability-off"]


def test_stopping_needs_a_responder_and_a_reason(
    shop: Workshop, incident: str, grace: Asker, ada: Asker, linus: Asker
) -> None:
    """Who only reads may not; why it was stopped is what the next person needs."""
    request = running(shop, incident, grace, ada)
    with pytest.raises(Forbidden, match="needs the role 'responder'"):
        stop(shop, request, shop.person("linus", "viewer"))
    with pytest.raises(Invalid, match="a reason is needed"):
        shop.service.operations.stop_restore(linus, request, " ")
    machine = shop.credential(shop.secret("monitor", "responder")).asker("api")
    assert stop(shop, request, machine)["state"] == "stopped"


def test_request_that_waits_for_approval_can_be_stopped_by_a_responder(
    shop: Workshop, incident: str, grace: Asker, ada: Asker, linus: Asker
) -> None:
    """Whoever stops does not have to know whether the approval has come in the same second."""
    asked = ask(shop, incident, grace, canary="acme")
    assert stop(shop, asked["id"], linus)["taken_back"] is False
    with pytest.raises(Conflicting, match="is stopped already, by linus"):
        approve(shop, asked, ada)
    assert both(shop) == ("capability-off", "capability-off")


def test_what_is_done_is_not_stopped_but_declared_again(
    shop: Workshop, incident: str, grace: Asker, ada: Asker, linus: Asker
) -> None:
    """A restore that is over is over; a kill is one command."""
    asked = ask(shop, incident, grace)
    approve(shop, asked, ada)
    with pytest.raises(Conflicting, match="is done already, by ada; to switch off what it gave back, declare again"):
        stop(shop, asked["id"], linus)


def test_taking_back_that_cannot_be_recorded_stops_all_grants(
    shop: Workshop, incident: str, grace: Asker, ada: Asker, linus: Asker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is an order like a kill."""
    request = running(shop, incident, grace, ada)

    def full(*_: Any, **__: Any) -> Any:
        raise Unavailable("no space left")

    monkeypatch.setattr(shop.service.ledger, "append", full)
    with pytest.raises(Unavailable):
        stop(shop, request, linus, keep=True)
    assert shop.service.desk.blocked is None
    with pytest.raises(Unavailable):
        stop(shop, request, linus)
    assert shop.service.desk.blocked is not None


def test_declaring_the_same_again_while_a_canary_is_out_is_a_new_incident(
    shop: Workshop, grace: Asker, ada: Asker
) -> None:
    """Joining the first one would leave the canary's gate open."""
    id = declare(shop, OFF, separate=False)
    assert declare(shop, OFF, separate=False) == id
    running(shop, id, grace, ada)
    assert declare(shop, OFF, separate=False) != id
    assert both(shop) == ("capability-off", "capability-off")


# --- one at a time, two people ----------------------------------------------------------------------------------------


def test_second_request_waits_until_the_first_is_over(
    shop: Workshop, incident: str, grace: Asker, ada: Asker, linus: Asker
) -> None:
    """Two ways back at once could not be told apart when one is taken back."""
    request = running(shop, incident, grace, ada)
    with pytest.raises(Conflicting, match=f"{request} is running; stop it first"):
        ask(shop, incident, ada)
    with pytest.raises(Conflicting, match=f"{request} was approved by ada and is running; stop it"):
        shop.service.operations.refuse(ada, request, "no")
    stop(shop, request, linus)
    assert ask(shop, incident, ada)["id"] == f"{incident}-R2"


def test_asker_cannot_approve_the_steps_either(shop: Workshop, incident: str, grace: Asker) -> None:
    """A small first step is no way round the second person."""
    asked = ask(shop, incident, grace, canary="acme")
    with pytest.raises(Forbidden, match="another person approves it"):
        approve(shop, asked, grace)
    assert both(shop) == ("capability-off", "capability-off")


def test_first_step_waits_for_the_last_approval(shop: Workshop, grace: Asker, ada: Asker) -> None:
    """Not even the canary comes back on half an agreement."""
    change_catalog(shop, lambda c: c["people"]["linus"].update(roles=["commander"]))
    id = declare(shop, OFF, more="restore: {approvals: 2}\n")
    asked = ask(shop, id, grace, canary="acme")
    assert approve(shop, asked, ada)["state"] == "open"
    assert both(shop) == ("capability-off", "capability-off")
    assert approve(shop, asked, shop.person("linus", "commander"))["state"] == "running"
    assert both(shop) == ("granted", "capability-off")


@pytest.mark.parametrize("meanwhile", [the_flag_is_held_by_another, a_grant_changes, the_partner_leaves])
def test_plan_in_steps_that_changed_before_the_approval_is_refused(
    shop: Workshop, incident: str, grace: Asker, ada: Asker, meanwhile: Callable[[Workshop, str], None]
) -> None:
    """Also where the change concerns the last step alone."""
    asked = ask(shop, incident, grace, canary="acme")
    meanwhile(shop, incident)
    with pytest.raises(Conflicting, match="has changed since it was asked for"):
        approve(shop, asked, ada)


def test_request_in_steps_expires_like_any_other_and_runs_on_once_approved(
    shop: Workshop, incident: str, grace: Asker, ada: Asker
) -> None:
    """The day is for the approval; a soak of a week is longer."""
    asked = ask(shop, incident, grace, canary="acme")
    shop.clock.advance(timedelta(hours=24).total_seconds())
    with pytest.raises(Conflicting, match="expired"):
        approve(shop, asked, ada)
    request = running(shop, incident, grace, ada, soak="7d")
    later(shop, 6 * 24 * 60)
    assert state_of(shop, request)["state"] == "running"
    later(shop, 24 * 60)
    assert state_of(shop, request)["state"] == "done"


# --- the playbook's checks --------------------------------------------------------------------------------------------


def test_approver_attests_every_check_of_the_plan(shop: Workshop, grace: Asker, ada: Asker) -> None:
    """The log says who said that it is true."""
    id = declare(shop, REVOKE, more="restore: {approvals: 1, checks: [partner-attested, new-key-issued]}\n")
    asked = ask(shop, id, grace)
    operations = shop.service.operations
    for checks, words in (
        ([], "not said of: partner-attested, new-key-issued. Give all of its checks: partner-attested, new-key-issued"),
        (["new-key-issued"], "not said of: partner-attested. "),
        (["partner-attested", "new-key-issued", "their dog's name"], "has no such check; its checks: partner-attested"),
    ):
        with pytest.raises(Invalid, match=words) as caught:
            operations.approve(ada, asked["id"], asked["plan_digest"], checks=checks)
        assert caught.value.errors[0].where.startswith("checks")
    assert why(shop, "acme", TOOLS) == "partner-revoked"
    assert "dog" not in json.dumps([e.data for e in shop.service.ledger.incident(id)])

    assert approve(shop, asked, ada)["state"] == "done"
    assert state_of(shop, asked["id"])["attested"] == {"ada": ["partner-attested", "new-key-issued"]}


# --- break-glass ------------------------------------------------------------------------------------------------------


def test_break_glass_passes_over_checks_and_approvals_but_never_over_the_second_person(
    shop: Workshop, grace: Asker, ada: Asker
) -> None:
    """When the playbook can't be followed two people still decide, and everybody hears of it."""
    id = declare(shop, REVOKE, more="restore: {approvals: 3, checks: [partner-attested]}\n")
    asked = ask(shop, id, grace, break_glass=True)
    plan = asked["plan"]
    assert (plan["approvals"], plan["checks"], plan["break_glass"]) == (1, [], True)
    assert plan["waived"] == {"checks": ["partner-attested"], "approvals": 2}
    with pytest.raises(Forbidden, match="another person approves it"):
        shop.service.operations.approve(grace, asked["id"], asked["plan_digest"])
    assert why(shop, "acme", TOOLS) == "partner-revoked"

    assert shop.service.operations.approve(ada, asked["id"], asked["plan_digest"]).body["state"] == "done"
    assert why(shop, "acme", TOOLS) == "granted"
    told = [e.data for e in shop.service.ledger.incident(id) if e.kind == "restore:glass:broken"]
    assert [(d["moment"], d["tells"]) for d in told] == [
        ("asked", ["ada", "grace", "linus"]), ("approved", ["ada", "grace", "linus"]),
    ]  # fmt: skip
    rows = [r for r in shop.service.operations.timeline(ADMIN, id) if r.kind == "restore:glass:broken"]
    assert [(r.tone, r.key) for r in rows] == [("stop", True), ("stop", True)]
    assert "without partner-attested, 2 more approvals. Told: ada, grace, linus" in rows[1].text


def test_break_glass_may_go_in_steps_too(shop: Workshop, incident: str, grace: Asker, ada: Asker) -> None:
    """Passing over the checks is a reason more to watch one partner first."""
    running(shop, incident, grace, ada, break_glass=True)
    assert both(shop) == ("granted", "capability-off")
    later(shop, 30)
    assert both(shop) == ("granted", "granted")


def test_broken_glass_is_in_everybodys_sight_for_a_day_also_after_the_incident_is_over(
    shop: Workshop, grace: Asker, ada: Asker
) -> None:
    """An incident that is over leaves memory within a second; this must not leave the board with it."""
    id = declare(shop, REVOKE)
    approve(shop, ask(shop, id, grace, break_glass=True), ada)
    shop.service.cycle()
    shop.service.operations.move(ada, id, "false-alarm", reason="their own test")
    later(shop, 1)
    with shop.service.desk.read() as state:
        assert id in state.over
    operations = shop.service.operations
    assert [(g["incident"], g["moment"], g["by"]) for g in operations.board(ADMIN)["broken_glass"]] == [
        (id, "approved", "ada"), (id, "asked", "grace"),
    ]  # fmt: skip
    assert len(operations.incident(ADMIN, id)["broken_glass"]) == 2
    later(shop, 24 * 60)
    assert operations.board(ADMIN)["broken_glass"] == []


# --- the log ----------------------------------------------------------------------------------------------------------


def test_incident_read_again_from_the_log_knows_how_far_its_way_back_is(
    shop: Workshop, incident: str, grace: Asker, ada: Asker, linus: Asker
) -> None:
    """State that is kept, state that is folded anew and an incident that was brought back must be the same."""
    request = running(shop, incident, grace, ada)
    stop(shop, request, linus)
    running(shop, incident, grace, ada)
    ledger = shop.service.ledger
    assert isinstance(ledger, MemoryLedger)
    shop.service.desk.keep_state(always=True)
    from_copy = Service.open(Settings(), ledger=ledger.beside(), clock=shop.clock)
    anew = Service.open(Settings(), ledger=ledger.beside(), clock=shop.clock)
    with shop.service.desk.read() as one, from_copy.desk.read() as two, anew.desk.read() as three:
        assert one.requests == two.requests == three.requests
        assert one.holds == two.holds == three.holds
        assert one.by_target == two.by_target
        assert replace(one.holds[f"{incident}/h2"], spared=()) == replace(two.holds[f"{incident}/h2"], spared=())
    assert shop.service.desk.snapshot == from_copy.desk.snapshot
