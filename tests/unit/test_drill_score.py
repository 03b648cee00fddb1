"""What a drill's report knows of its clocks and its people: right when, reached how, by evidence alone."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from incidents.connectors import NotSent
from incidents.drill_report import verdicts
from incidents.errors import Invalid
from incidents.testing import ADMIN, Workshop
from tests.support import clocks
from tests.support.acting import change_catalog
from tests.support.clocks import AUTHORITY, say, tell

NOON = "2026-11-23T12:00:00Z"
PARTNER, JAILBREAK = "partner-credential-abuse", "jailbreak-in-the-wild"


def run(shop: Workshop, playbook: str = PARTNER, **more: Any) -> str:
    parameters = {"partner": "acme"} if playbook == PARTNER else {"model": "orion-2"}
    body = {"playbook": playbook, "parameters": parameters, "lasts": "8h", **more}
    id = str(shop.service.operations.start_drill(ADMIN, body).body["id"])
    shop.service.clockwork.tick()
    return id


def report(shop: Workshop, id: str) -> dict[str, Any]:
    found: dict[str, Any] = shop.service.operations.drill_report(ADMIN, id)
    return found


def said(shop: Workshop, id: str, word: str) -> list[str]:
    return [line for line in verdicts(report(shop, id)) if word in line]


# --- the list of clocks -----------------------------------------------------------------------------------------------


def test_a_clock_list_is_right_once_a_person_confirms_what_it_runs_from(shop: Workshop) -> None:
    """The proposed clocks run at once; that they are the right ones nobody knows before somebody has said so."""
    id = run(shop)
    score = report(shop, id)["score"]
    assert score["clocks"] == {"right": False, "missing": [], "extra": [], "unconfirmed": ["awareness"]}
    assert [n["what"] for n in report(shop, id)["next"] if "clock list" in n["what"]] == [
        "the clock list: nobody has confirmed awareness"
    ]
    shop.clock.advance(240)
    tell(shop, id, "awareness", "2026-11-23T11:30:00Z")

    measure = next(m for m in report(shop, id)["measures"] if m["name"] == "clocks")
    assert (measure["ms"], said(shop, id, "clock list")) == (240_000, ["The clock list was right after 4 min."])


@pytest.mark.parametrize(("after_s", "word"), [(300, "within"), (301, "NOT within"), (None, "NOT within")])
def test_people_are_measured_by_the_playbooks_targets(shop: Workshop, after_s: int | None, word: str) -> None:
    """Nobody has failed while it runs, nor where it was broken off before their time; after that a dash is a miss."""
    id = run(shop)
    assert said(shop, id, "the target of 5 min") == []
    shop.clock.advance(after_s or 600)
    if after_s is not None:
        shop.service.operations.acknowledge(shop.person("ada", "commander"), id)
    shop.service.operations.end_drill(ADMIN, id)

    assert said(shop, id, "the target of 5 min") == [f"Acknowledged {word} the target of 5 min."]
    assert said(shop, id, "the target of 30 min") == []


def test_a_superfluous_clock_and_a_withdrawn_fact_make_it_wrong_again(shop: Workshop) -> None:
    """The first time that it was right counts; how it stood at the end is told beside it."""
    id = run(shop)
    tell(shop, id, "awareness", "2026-11-23T11:30:00Z")
    shop.service.operations.take_regime(clocks.commander(shop), id, "us-sec-8k-105")
    tell(shop, id, "determination", NOON)
    tell(shop, id, "awareness", "2026-11-23T11:30:00Z", withdraw=True, evidence="a slip of the pen")

    assert report(shop, id)["score"]["clocks_ms"] == 0
    assert said(shop, id, "wrong again") == [
        "The clock list is wrong again: nobody has confirmed awareness;"
        " superfluous or undecided us-sec-8k-105.determine, us-sec-8k-105.form-8k."
    ]


def test_a_duty_that_was_decided_away_is_missing(shop: Workshop) -> None:
    """Waving a deadline through must not look like having seen it."""
    id = run(shop)
    clocks.decide(shop, id, AUTHORITY)
    tell(shop, id, "awareness", NOON)

    found = report(shop, id)["score"]["clocks"]
    assert (found["missing"], report(shop, id)["score"]["clocks_ms"]) == (["gdpr-art33"], None)


def test_an_open_question_keeps_a_clock_list_from_being_right(shop: Workshop) -> None:
    """Whether 24 hours or 15 days run is the question; an answer ends it, and what was answered no is no clock."""
    id = run(shop, JAILBREAK)
    for anchor in ("awareness", "discovery"):
        tell(shop, id, anchor, NOON)
    assert report(shop, id)["score"]["clocks"]["extra"] == ["us-ca-sb53.imminent-danger"]
    shop.clock.advance(60)
    say(shop, id, "imminent-danger", holds=False)

    assert report(shop, id)["score"]["clocks_ms"] == 60_000


def test_clocks_of_a_drill_that_is_over_are_in_no_list_of_what_runs(shop: Workshop) -> None:
    """Neither right after it nor while somebody has opened it to look back: nobody owes anything under a rehearsal."""
    id = run(shop)
    shop.service.every_second()
    assert {row["incident"] for row in shop.service.operations.clocks(ADMIN)["items"]} == {id}
    shop.service.operations.end_drill(ADMIN, id)
    assert shop.service.operations.clocks(ADMIN)["items"] == []

    shop.service.every_second()
    shop.service.desk.let_go()
    assert shop.service.operations.incident(ADMIN, id)["clocks"], "they can still be looked at there"
    assert shop.service.operations.clocks(ADMIN, state="all")["items"] == []


def test_a_playbook_that_names_no_clocks_is_not_measured_by_them(shop: Workshop) -> None:
    """A dash, and no word about a list that nobody wrote."""
    body = {"playbook": "break-glass", "parameters": {"partner": "acme"}}
    id = shop.service.operations.start_drill(ADMIN, body).body["id"]

    assert report(shop, id)["score"]["clocks"] is None
    assert said(shop, id, "clock") == []


# --- time that goes faster --------------------------------------------------------------------------------------------


def test_the_clocks_of_a_drill_can_run_faster(shop: Workshop) -> None:
    """72 hours in 72 minutes: a team can live through its deadline in a morning, and it is missed like a real one."""
    id = run(shop, compress=60)
    duty = clocks.duty(shop, id, AUTHORITY)
    assert duty.due == clocks.at(NOON) + timedelta(minutes=72)
    assert "60 times as fast in this drill, really due 2026-11-26 12:00 UTC" in duty.basis
    tell(shop, id, "awareness", "2026-11-22T12:00:00Z")
    assert clocks.due(shop, id, AUTHORITY) == clocks.at(NOON) + timedelta(minutes=48), "a day of it was over before"
    shop.clock.advance(3600)
    shop.service.clockwork.tick()

    assert [line["simulated"] for line in clocks.lines(shop, id, "clocks:duty:missed")] == [True, True]


@pytest.mark.parametrize("times", [-1, 1001])
def test_time_runs_neither_backwards_nor_at_any_speed(shop: Workshop, times: int) -> None:
    """A slip of the finger must not make every clock late at once."""
    with pytest.raises(Invalid, match="1 to 1000 times as fast"):
        run(shop, compress=times)


# --- people -----------------------------------------------------------------------------------------------------------


def test_who_was_called_and_gave_a_sign_is_told_from_who_did_not(shop: Workshop) -> None:
    """A delivered message is no answer; a line of one's own in the drill is."""
    mail = shop.channel("email")
    id = run(shop)
    shop.post()
    shop.clock.advance(30)
    shop.service.operations.acknowledge(shop.person("ada", "commander"), id)
    score = report(shop, id)["score"]

    assert mail.letters == []
    assert (score["called"], score["not_reached"], score["silent"]) == (2, [], ["grace"])
    assert said(shop, id, "gave no sign") == ["Called, and gave no sign: grace."]


def test_somebody_without_an_address_is_not_reached_in_a_drill_either(shop: Workshop) -> None:
    """That is what a drill is for: to find it out now."""
    shop.channel("email")
    change_catalog(shop, lambda c: c["people"]["grace"].pop("email"))
    id = run(shop)
    shop.post()

    assert said(shop, id, "Not reached") == ["Not reached: grace (slack: not connected; email: no address is known)."]


def test_a_channel_that_is_down_shows_in_a_drill(shop: Workshop) -> None:
    """What really failed a minute ago would fail the drill's message too; once something got through it would not."""
    mail = shop.channel("email")
    shop.clock.advance(2 * 86_400)
    mail.trouble = [NotSent("the server does not answer")] * 2  # the reminders that drills are due, to ada and grace
    shop.service.operations.remind_of_drills()
    shop.post()
    down = run(shop)
    shop.post()
    assert said(shop, down, "Not reached: ada") == [
        "Not reached: ada, grace (slack: not connected; email: its last try failed (the server does not answer))."
    ]
    shop.clock.advance(3600)
    shop.post()
    assert len(mail.letters) == 2
    again = run(shop)
    shop.post()

    assert said(shop, again, "Not reached") == []


def test_a_call_that_was_not_tried_yet_reached_nobody(shop: Workshop) -> None:
    """Owed is not told."""
    id = run(shop)

    assert {row["because"] for row in report(shop, id)["score"]["not_reached"]} == {"not tried yet"}
