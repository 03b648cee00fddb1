"""Notices and messages over the API: as described, veiled, keyed, and refused in words."""

from __future__ import annotations

import pytest
from flask.testing import FlaskClient

from incidents.connectors import NotSent, Unclear
from incidents.testing import Workshop
from tests.support.api import CREDENTIAL_ABUSE, V1, Caller, caller, problem
from tests.surfaces.test_api_document import check

N1 = "INC-2026-0001-N1"
ONE = f"{V1}/notices/{{id}}"


@pytest.fixture
def people(shop: Workshop, http: FlaskClient) -> tuple[Caller, Caller]:
    """Ada and Grace; an incident with a notice to acme that waits for them."""
    shop.channel("email")
    linus = caller(shop, http, "responder", "linus")
    linus.post("incidents", CREDENTIAL_ABUSE | {"summary": "key on a paste site"})
    shop.post()
    return caller(shop, http, "commander", "ada"), caller(shop, http, "commander", "grace")


def digest(who: Caller) -> str:
    return str(check(who.get(f"notices/{N1}"), ONE)["digest"])


def test_a_notice_goes_its_whole_way(shop: Workshop, people: tuple[Caller, Caller]) -> None:
    """Read, changed, approved by one, by another, sent; each answer as the document says."""
    ada, grace = people
    found = check(ada.get(f"notices/{N1}"), ONE)
    assert found["state"] == "waits for approval"
    text = {"subject": found["subject"], "body": found["body"] + "\nCall +353 1 555 0100.\n"}
    assert check(ada.post(f"notices/{N1}/text", text), f"{ONE}/text", "post")["approvals_left"] == 2
    first = check(ada.post(f"notices/{N1}/approval", {"digest": digest(ada)}), f"{ONE}/approval", "post")
    second = check(grace.post(f"notices/{N1}/approval", {"digest": digest(grace)}), f"{ONE}/approval", "post")
    assert (first["approvals_left"], second["approvals_left"]) == (1, 0)
    shop.post()

    whole = check(ada.get("incidents/INC-2026-0001/notices"), f"{V1}/incidents/{{id}}/notices")
    notice, filing = whole["notices"]
    assert (filing["to"], filing["clock"]) == ("authority:gdpr-art33", "INC-2026-0001.gdpr-art33.notify-authority")
    assert (notice["state"], notice["message"]["receipt"]) == ("sent", "kept")
    states = {(e["to"], e["at"]): e["state"] for e in whole["entries"]}
    assert states[("partner:acme", "declared")] == "sent"
    assert states[("role:comms", "declared")] == "reminds"
    assert states[("slack:#incidents", "contained")] == "not yet owed"
    assert states[("slack:#incidents", "declared")] == "failed"  # Slack is not connected here


def test_the_same_key_approves_once_and_is_answered_the_same(shop: Workshop, people: tuple[Caller, Caller]) -> None:
    """A lost connection is tried again; the second answer must not say that it is approved already."""
    ada, _ = people
    body = {"digest": digest(ada)}
    first = ada.post(f"notices/{N1}/approval", body, key="k1")
    again = ada.post(f"notices/{N1}/approval", body, key="k1")

    assert first.json == again.json
    assert again.headers["Idempotency-Replayed"] == "true"
    assert first.json is not None
    assert first.json["approvals_left"] == 1


def test_a_refused_approval_is_a_problem_that_says_why(shop: Workshop, people: tuple[Caller, Caller]) -> None:
    """And it is written down."""
    ada, _ = people
    assert problem(ada.post(f"notices/{N1}/approval", {"digest": "0" * 64}), 409)["type"].endswith("text-changed")
    ada.post(f"notices/{N1}/approval", {"digest": digest(ada)})
    said = problem(ada.post(f"notices/{N1}/approval", {"digest": digest(ada)}), 403)

    assert said["type"].endswith("second-person-needed")
    kinds = [e.kind for e in shop.service.ledger.incident("INC-2026-0001")]
    assert kinds.count("notice:approval:denied") == 2


def test_a_refusal_and_a_receipt_are_as_described(shop: Workshop, people: tuple[Caller, Caller]) -> None:
    """Told by hand needs an approval first, unlike not telling at all."""
    ada, grace = people
    problem(ada.post(f"notices/{N1}/receipt", {"receipt": "told"}), 409)
    check(ada.post(f"notices/{N1}/refusal", {"reason": "told on the telephone"}), f"{ONE}/refusal", "post")
    problem(grace.post(f"notices/{N1}/approval", {"digest": digest(ada)}), 409)
    assert check(ada.get(f"notices/{N1}"), ONE)["state"] == "refused"


def test_dead_letters_are_listed_and_tried_again(shop: Workshop, http: FlaskClient) -> None:
    """One click; the answer says that it is owed, not that it is sent."""
    mail = shop.channel("email")
    mail.trouble = [NotSent("no such box", for_good=True), Unclear("cut off")]
    ada = caller(shop, http, "commander", "ada")
    ada.post("kills", {"what": "partner", "name": "acme", "reason": "leaked"})
    shop.post()
    page = check(ada.get("messages?limit=2"), f"{V1}/messages")
    rows = list(page["items"])
    while page["next"]:
        page = check(ada.get(f"messages?limit=2&cursor={page['next']}"), f"{V1}/messages")
        rows += page["items"]
    assert len({row["id"] for row in rows}) == len(rows) > 2
    dead = {row["id"]: row for row in rows}
    assert {row["state"] for row in rows} == {"failed", "unknown"}
    assert all(row["retry"] and row["because"] for row in rows)

    wanted = next(id for id, row in dead.items() if row["because"] == "no such box")
    answer = check(ada.post(f"messages/{wanted}/retry"), f"{V1}/messages/{{id}}/retry", "post")
    assert answer == {"id": wanted, "state": "owed"}
    owed = check(ada.get("messages?state=owed"), f"{V1}/messages")
    assert wanted in [row["id"] for row in owed["items"]]
    problem(ada.post("messages/M999/retry"), 404)
    problem(ada.get("messages?state=lost"), 422)
    after = check(ada.get(f"messages?cursor={wanted}"), f"{V1}/messages")["items"]  # the place of one that has left
    assert {row["id"] for row in after} == {id for id in dead if int(id[1:]) < int(wanted[1:])}


def test_of_a_restricted_incident_nobody_else_reads_a_notice_or_a_message(shop: Workshop, http: FlaskClient) -> None:
    """It does not exist for them, by any of its names."""
    linus, grace = caller(shop, http, "responder", "linus"), caller(shop, http, "commander", "grace")
    linus.post("incidents", CREDENTIAL_ABUSE | {"visibility": "restricted"})
    shop.post()
    seen = check(linus.get("messages"), f"{V1}/messages")["items"]
    assert seen

    assert [r for r in check(grace.get("messages"), f"{V1}/messages")["items"] if r["incident"]] == []
    for path in ("incidents/INC-2026-0001/notices", f"notices/{N1}"):
        problem(grace.get(path), 404)
    problem(grace.post(f"messages/{seen[0]['id']}/retry"), 404)
    problem(grace.post(f"notices/{N1}/approval", {"digest": "0" * 64}), 404)
    problem(grace.post(f"notices/{N1}/refusal", {"reason": "x"}), 404)


def test_an_answer_about_an_incident_names_where_each_notice_stands(
    shop: Workshop, people: tuple[Caller, Caller]
) -> None:
    """Whoever reads the incident alone must not read "owed" of something that failed an hour ago."""
    ada, _ = people
    found = check(ada.get("incidents/INC-2026-0001"), f"{V1}/incidents/{{id}}")

    assert {n["to"]: n["state"] for n in found["notices"] if n["at"] == "declared"} == {
        "slack:#incidents": "failed", "role:comms": "reminds", "partner:acme": "waits for approval",
    }  # fmt: skip


def test_a_web_address_is_shown_by_its_host_and_kept_out_of_the_log(shop: Workshop, http: FlaskClient) -> None:
    """A hook's path may hold a secret."""
    from tests.support.acting import declare

    more = "notify:\n  - {to: webhook:https://status.example/hooks/s3cr3t}\n  - {to: email:desk@example.com}\n"
    id = declare(shop, "revoke-partner: {partner: acme}", more=more)
    ada = caller(shop, http, "commander", "ada")
    entries = check(ada.get(f"incidents/{id}/notices"), f"{V1}/incidents/{{id}}/notices")["entries"]

    assert [(e["to"], e.get("host")) for e in entries] == [
        (f"webhook:{id}/1", "status.example"), (f"email:{id}/2", None),
    ]  # fmt: skip
    log = "".join(str((e.data, e.text)) for e in shop.service.ledger.read())
    assert "s3cr3t" not in log
    assert "desk@example.com" not in log
    book = shop.service.postroom.runners[0].office.book
    assert [found.value for to in (e["to"] for e in entries) if (found := book.find(to.partition(":")[0], to))] == [
        "https://status.example/hooks/s3cr3t", "desk@example.com",
    ]  # fmt: skip
