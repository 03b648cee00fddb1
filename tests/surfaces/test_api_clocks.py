"""Clocks over the API: listed, told facts, submitted, decided, packed, and the register behind them."""

from __future__ import annotations

from typing import Any

import pytest
from flask.testing import FlaskClient

from incidents.testing import Workshop
from tests.support.api import CREDENTIAL_ABUSE, V1, Caller, caller, problem
from tests.surfaces.test_api_document import check

ID = "INC-2026-0001"
AUTHORITY = f"{ID}.gdpr-art33.notify-authority"
CLOCK = f"{V1}/clocks/{{id}}"


@pytest.fixture
def ada(shop: Workshop, http: FlaskClient) -> Caller:
    found = caller(shop, http, "commander", "ada")
    assert found.post("incidents", CREDENTIAL_ABUSE).status_code == 201
    return found


def moved(answer: Any) -> Any:
    assert answer.status_code in (200, 201), answer.get_data(as_text=True)
    return answer.json


def test_answers_about_clocks_are_as_described(ada: Caller, shop: Workshop) -> None:
    """A client generated from the document must be able to read what comes, in every state of a clock."""
    one = f"{V1}/incidents/{{id}}"
    for regime in ("eu-ai-act-art55-gpai-cop", "us-hipaa", "eu-dora-art19"):
        check(ada.post(f"incidents/{ID}/clocks", {"regime": regime}), f"{one}/clocks", "post")
    fact = {"anchor": "awareness", "at": "2026-11-23T08:00:00Z", "zone": "Europe/Paris", "evidence": "mail"}
    check(ada.post(f"incidents/{ID}/facts", fact), f"{one}/facts", "post")
    check(ada.post(f"incidents/{ID}/facts", fact), f"{one}/facts", "post")
    check(ada.post(f"incidents/{ID}/facts", {"condition": "death", "holds": True}), f"{one}/facts", "post")
    check(ada.post(f"clocks/{AUTHORITY}/submission", {"receipt": "x"}), f"{CLOCK}/submission", "post")
    stay = {"decision": "stayed", "reason": "order", "until": "2026-12-01T00:00:00Z"}
    check(ada.post(f"clocks/{ID}.eu-ai-act-art55-gpai-cop.initial/decision", stay), f"{CLOCK}/decision", "post")
    no = {"decision": "not-reportable", "reason": "x"}
    check(ada.post(f"clocks/{ID}.us-hipaa/decision", no), f"{CLOCK}/decision", "post")
    shop.clock.advance(3 * 86_400)
    shop.service.every_second()
    found = check(ada.get("clocks?state=all"), f"{V1}/clocks")["items"]
    assert {row["state"] for row in found} >= {"submitted", "not-reportable", "stayed", "late", "not-started"}
    for row in found:
        check(ada.get(f"clocks/{row['clock']}"), CLOCK)
        check(ada.get(f"clocks/{row['clock']}/pack"), f"{CLOCK}/pack")
    check(ada.get(f"incidents/{ID}/clocks"), f"{one}/clocks")
    check(ada.get(f"incidents/{ID}"), one)
    check(ada.get("regimes"), f"{V1}/regimes")
    check(ada.get("regimes/us-sec-8k-105"), f"{V1}/regimes/{{id}}")
    check(ada.get("calendar"), f"{V1}/calendar")


def test_the_answer_tells_how_the_clocks_stand_after_the_fact(ada: Caller) -> None:
    """Kept for its key, the answer is made before the fold; it must show what is true once it is in."""
    fact = {"anchor": "awareness", "at": "2026-11-20T08:00:00Z"}
    keyed = moved(ada.post(f"incidents/{ID}/facts", fact, key="k1"))
    row = next(r for r in keyed["clocks"] if r["clock"] == AUTHORITY)

    assert (row["state"], row["due"], row["moved_earlier"]) == ("late", "2026-11-23T08:00:00.000Z", True)
    assert any("PAST already" in line for line in keyed["shout"])
    assert moved(ada.post(f"incidents/{ID}/facts", fact, key="k1")) == keyed


def test_the_same_submission_sent_twice_is_recorded_once(ada: Caller) -> None:
    """The network fails after the portal has answered; nobody wants two receipts."""
    body = {"receipt": "portal 1"}
    first = ada.post(f"clocks/{AUTHORITY}/submission", body, key="s")
    again = ada.post(f"clocks/{AUTHORITY}/submission", body, key="s")

    assert (first.status_code, again.status_code) == (201, 201)
    assert again.headers["Idempotency-Replayed"] == "true"
    assert first.headers["Location"] == f"{V1}/clocks/{AUTHORITY}"
    problem(ada.post(f"clocks/{AUTHORITY}/submission", body), 409)


@pytest.mark.parametrize(
    ("body", "where", "said"),
    [
        ({}, "anchor", "tell either when something happened"),
        ({"anchor": "awareness", "condition": "death"}, "anchor", "tell either when something happened"),
        ({"anchor": "awareness"}, "at", "say when, with its zone"),
        ({"anchor": "awareness", "at": "yesterday"}, "at", "is not a time with its zone"),
        ({"anchor": "awarenes", "at": "2026-11-23T08:00:00Z"}, "anchor", "Did you mean 'awareness'?"),
        ({"condition": "death"}, "holds", "say whether the condition holds"),
        ({"anchor": "awareness", "at": "2026-11-23T08:00:00Z", "chose": True}, "chose", "Did you mean 'choose'?"),
    ],
)
def test_a_fact_that_is_no_fact_is_refused_at_its_field(
    ada: Caller, body: dict[str, Any], where: str, said: str
) -> None:
    """Programs fill forms too; each fault has its place."""
    found = problem(ada.post(f"incidents/{ID}/facts", body), 422)

    assert found["errors"][0]["where"] == where
    assert said in found["detail"]


def test_rights_are_the_contracts(ada: Caller, shop: Workshop, http: FlaskClient) -> None:
    """A fact is a responder's; submitting and deciding a commander's with a person behind the token."""
    linus = caller(shop, http, "responder", "linus")
    robot = caller(shop, http, "commander")
    fact = {"anchor": "occurrence", "at": "2026-11-23T08:00:00Z"}

    assert linus.post(f"incidents/{ID}/facts", fact).status_code == 201
    problem(linus.post(f"clocks/{AUTHORITY}/submission", {"receipt": "x"}), 403)
    refused = problem(robot.post(f"clocks/{AUTHORITY}/submission", {"receipt": "x"}), 403)
    assert "a token that belongs to a person" in refused["detail"]
    problem(robot.post(f"clocks/{AUTHORITY}/decision", {"decision": "not-reportable", "reason": "x"}), 403)
    problem(robot.get("calendar"), 403)


def test_lists_can_be_filtered_and_paged(ada: Caller) -> None:
    """By state, incident, kind and owner; strict due moment first."""
    ada.post(f"incidents/{ID}/severity", {"severity": "sev3", "reason": "nobody rehearses beside a sev2"})
    ada.post("incidents", CREDENTIAL_ABUSE | {"kind": "drill"})
    ada.post(f"incidents/{ID}/roles", {"role": "commander", "act": "take"})
    first = ada.get("clocks?limit=2").json
    second = ada.get(f"clocks?limit=2&cursor={first['next']}").json

    drilled = ada.get("clocks?kind=drill").json["items"]
    assert [row["incident"] for row in drilled] == ["DRILL-2026-0001"] * 3
    assert not {r["clock"] for r in first["items"]} & {r["clock"] for r in second["items"]}
    assert {row["owner"] for row in ada.get("clocks?owner=ada").json["items"]} == {"ada"}
    assert ada.get(f"clocks?incident={ID}").json["items"][0]["incident"] == ID
    problem(ada.get("clocks?state=laten"), 422)
    problem(ada.get("clocks?cursor=abc~d"), 422)
    problem(ada.get("clocks?incident=INC-2026-0009"), 404)


def test_the_filing_pack_is_a_document_that_hides_nothing_and_invents_nothing(ada: Caller) -> None:
    """What is known is filled in; what is not is called unknown with the reason; markup of people stays text."""
    ada.post(f"incidents/{ID}/facts", {"anchor": "awareness", "at": "2026-11-23T08:00:00Z", "evidence": "# <b>mail"})
    written = ada.get(f"clocks/{AUTHORITY}/pack?format=md")
    text = written.get_data(as_text=True)
    page = ada.get(f"clocks/{AUTHORITY}/pack?format=html").get_data(as_text=True)

    assert written.headers["Content-Disposition"] == f'attachment; filename="{AUTHORITY}.md"'
    assert "### Categories and approximate number of people\n\n*Unknown: no record of this incident holds it;" in text
    assert "> acme revoked (2026-11-23 12:00:00 UTC)" in text
    assert "by ada, counts: # \\<b>mail" in text
    assert "<b>mail" not in page
    assert "Nothing was sent" in page
    log = ada.get(f"clocks/{AUTHORITY}/pack").json["log"]
    assert log["last_digest"] in text


def test_a_pack_of_a_drill_says_so_at_both_ends(ada: Caller) -> None:
    """A rehearsed notice that is sent by mistake must not be believed."""
    ada.post(f"incidents/{ID}/severity", {"severity": "sev3", "reason": "nobody rehearses beside a sev2"})
    id = ada.post("incidents", CREDENTIAL_ABUSE | {"kind": "drill"}).json["id"]
    text = ada.get(f"clocks/{id}.gdpr-art33.notify-authority/pack?format=md").get_data(as_text=True)

    assert text.count("**DRILL, NOT REAL.**") == 2


def test_a_preview_tells_the_clocks_that_would_run(ada: Caller) -> None:
    """Before the cord is pulled: what would be owed, and what a playbook names that is no obligation."""
    found = ada.post("previews", CREDENTIAL_ABUSE).json["clocks_proposed"]
    due = {d["name"]: d["due"] for regime in found for d in regime["deadlines"]}

    assert due["notify-authority"] == "2026-11-26T12:00:00.000Z"
    assert all(regime["taken"] for regime in found)
