"""
An incident worked to its end over the API: every answer as described, every refusal with its reasons.
"""

from __future__ import annotations

from typing import Any

import pytest
from flask.testing import FlaskClient

from incidents.testing import Workshop
from tests.support.api import CREDENTIAL_ABUSE, V1, Caller, caller, problem
from tests.surfaces.test_api_document import check

ONE = f"{V1}/incidents/{{id}}"
ID = "INC-2026-0001"


@pytest.fixture
def ada(shop: Workshop, http: FlaskClient) -> Caller:
    return caller(shop, http, "commander", "ada")


@pytest.fixture
def grace(shop: Workshop, http: FlaskClient) -> Caller:
    return caller(shop, http, "commander", "grace")


@pytest.fixture
def linus(shop: Workshop, http: FlaskClient) -> Caller:
    return caller(shop, http, "responder", "linus")


@pytest.fixture
def declared(shop: Workshop, ada: Caller) -> str:
    """A declared incident whose one point lapses by the bound."""
    shop.point("edge")
    assert ada.post("incidents", CREDENTIAL_ABUSE).status_code == 201
    return ID


def contain(shop: Workshop) -> None:
    shop.clock.advance(20)
    shop.service.cycle()


def work(who: Caller, path: str, body: dict[str, Any], status: int = 200) -> Any:
    """One request that is taken, its answer compared with the document."""
    answer = who.post(f"incidents/{ID}/{path}", body)
    assert answer.status_code == status, answer.get_data(as_text=True)
    parts = path.split("/")
    names = {"tasks": "n", "exit": "n", "actions": "n", "lines": "seq", "shares": "share"}
    if len(parts) > 1:
        parts[1] = f"{{{names[parts[0]]}}}"
    return check(answer, f"{ONE}/{'/'.join(parts)}", "post")


def test_an_incident_goes_all_the_way(shop: Workshop, declared: str, ada: Caller, grace: Caller) -> None:
    """What a team does on its worst day and in the week after, in order."""
    work(ada, "acknowledgement", {})
    work(ada, "roles", {"role": "commander"})
    refused = problem(ada.post(f"incidents/{ID}/status", {"status": "mitigated"}), 409)
    assert "containment lacks evidence" in refused["detail"]
    contain(shop)
    work(ada, "status", {"status": "mitigated"})
    refused = problem(ada.post(f"incidents/{ID}/status", {"status": "resolved", "reason": "over"}), 409)
    assert "exit criterion 1 is open" in refused["detail"]
    found = ada.get(f"incidents/{ID}").get_json()
    for criterion in found["exit"]:
        work(ada, f"exit/{criterion['number']}", {"evidence": "looked at every gateway"})
    assert work(ada, "status", {"status": "resolved", "reason": "over"})["status"] == "resolved"
    for task in found["tasks"][:-1]:
        work(grace, f"tasks/{task['number']}", {"state": "done"})
    work(grace, f"tasks/{found['tasks'][-1]['number']}", {"state": "skipped", "reason": "no data involved"})
    work(ada, "tasks", {"title": "Shorten the life of keys", "follow_up": True, "owner": "grace"}, 201)
    refused = problem(ada.post(f"incidents/{ID}/status", {"status": "closed", "reason": "done"}), 409)
    assert "its review is not published" in refused["detail"]
    assert f"notice {ID}-N1 waits" in refused["detail"]
    assert ada.post(f"notices/{ID}-N1/refusal", {"reason": "told on the telephone"}).status_code == 200

    operations, person = shop.service.operations, shop.person
    operations.review_owner(person("ada", "commander"), ID, "ada")
    answers = "".join(f"## {ask}\n\nA key leaked.\n\n" for ask in found["postmortem"]["ask"])
    operations.save_review(person("ada", "commander"), ID, f"# What happened\n\n{answers}", 0)
    operations.approve_review(person("grace", "commander"), ID, 1)
    operations.publish_review(person("ada", "commander"), ID, 1)
    refused = problem(ada.post(f"incidents/{ID}/status", {"status": "closed", "reason": "done"}), 409)
    assert refused["type"].endswith("clocks-open")
    assert f"{ID}.gdpr-art33.notify-authority" in refused["detail"]
    closing = {"status": "closed", "reason": "done", "clocks_go_on": True}
    assert work(ada, "status", closing)["status"] == "closed"
    whole = check(ada.get(f"incidents/{ID}"), ONE)
    assert [step["name"] for step in whole["life"] if step["reached"]] == [
        "declared", "contained", "mitigated", "resolved", "reviewed", "closed",
    ]  # fmt: skip
    assert whole["holds_standing"] > 0  # paperwork lifts nothing
    assert whole["next_decision"]["what"] == "Follow-up 7"


def test_what_is_evidence_is_not_typed(declared: str, ada: Caller) -> None:
    """Contained and reviewed are facts that come from elsewhere; the answer says from where."""
    for status, words in (("contained", "never typed"), ("reviewed", "published"), ("resloved", "resolved")):
        refused = problem(ada.post(f"incidents/{ID}/status", {"status": status, "reason": "x"}), 422)
        assert words in refused["detail"]


def test_command_changes_hands_when_the_other_accepts(declared: str, ada: Caller, grace: Caller) -> None:
    """Between offer and acceptance somebody must still be in command."""
    work(ada, "roles", {"role": "commander"})
    taken = problem(grace.post(f"incidents/{ID}/roles", {"role": "commander"}), 409)
    assert "ada has command" in taken["detail"]
    work(ada, "roles", {"role": "commander", "act": "assign", "person": "grace"})
    assert ada.get(f"incidents/{ID}").get_json()["commander"] == "ada"
    work(grace, "roles", {"role": "commander"})
    assert ada.get(f"incidents/{ID}").get_json()["commander"] == "grace"
    work(ada, "roles", {"role": "commander", "force": True, "reason": "grace is on a plane"})
    assert ada.get(f"incidents/{ID}").get_json()["commander"] == "ada"


def test_lines_are_corrected_pinned_and_redacted(declared: str, ada: Caller, linus: Caller) -> None:
    """The record stays honest: what was said first is still there, but for words that must go."""
    note = work(ada, "notes", {"text": "First misuse at 13:52"}, 201)
    where = f"lines/{note['seq']}"
    problem(linus.post(f"incidents/{ID}/{where}/correction", {"text": "no", "reason": "x"}), 403)
    work(ada, f"{where}/correction", {"text": "First misuse at 13:40", "reason": "read off the log"})
    work(ada, f"{where}/pin", {})
    rows = check(ada.get(f"incidents/{ID}/timeline"), f"{ONE}/timeline")["items"]
    row = next(r for r in rows if r["seq"] == note["seq"])
    assert (row["text"], row["pinned"]) == ("First misuse at 13:40", True)
    assert row["corrections"][0]["was_text"] == "First misuse at 13:52"
    work(ada, f"{where}/redaction", {"reason": "a name stood there"})
    problem(linus.post(f"incidents/{ID}/{where}/redaction", {"reason": "x"}), 403)
    row = next(r for r in ada.get(f"incidents/{ID}/timeline").get_json()["items"] if r["seq"] == note["seq"])
    assert row["redacted"]


def test_a_restricted_incident_is_not_there_for_others(declared: str, ada: Caller, grace: Caller) -> None:
    """Until an insider is ruled out, the incident must not be found by whoever it is about."""
    work(ada, "visibility", {"visibility": "restricted", "reason": "an insider is suspected"})
    for path in ("", "/timeline", "/containment"):
        problem(grace.get(f"incidents/{ID}{path}"), 404)
    assert grace.get("incidents").get_json()["items"] == []
    assert ID not in grace.get("partners/acme").get_data(as_text=True)
    assert ID not in grace.get("decision?partner=acme&model=orion-2&capability=tool-use").get_data(as_text=True)
    assert ID not in grace.get("log?limit=1000").get_data(as_text=True)
    problem(grace.post(f"incidents/{ID}/notes", {"text": "x"}), 404)
    work(ada, "members", {"add": ["grace"]})
    assert grace.get(f"incidents/{ID}").status_code == 200


def test_the_rest_answers_as_described(shop: Workshop, declared: str, ada: Caller) -> None:
    """A client generated from the document must be able to read what comes."""
    work(ada, "severity", {"severity": "sev1", "reason": "two partners"})
    work(ada, "updates", {"text": "Contained; calling the partner."}, 201)
    work(ada, "tasks/1", {"owner": "grace"})
    shared = work(ada, "shares", {"lasts": "24h"}, 201)
    assert shared["url"].startswith("http://127.0.0.1:8600/share/")
    work(ada, f"shares/{shared['share']}/revocation", {})
    jailbreak = {"playbook": "jailbreak-in-the-wild", "parameters": {"model": "orion-2", "capability": "tool-use"}}
    other = ada.post("incidents", jailbreak).get_json()["id"]
    waiting = [a for a in ada.get(f"incidents/{other}").get_json()["actions"] if a["state"] == "waiting"]
    declined = ada.post(
        f"incidents/{other}/actions/{waiting[0]['number']}/settlement", {"state": "declined", "reason": "not needed"}
    )
    check(declined, f"{ONE}/actions/{{n}}/settlement", "post")
    merged = ada.post(f"incidents/{other}/status", {"status": "merged", "into": ID, "reason": "the same leak"})
    assert check(merged, f"{ONE}/status", "post")["status"] == "merged"


@pytest.mark.parametrize(
    ("path", "body", "status", "words"),
    [
        ("status", {"status": "mitigated", "at": "2027-01-01T00:00:00Z"}, 422, "future"),
        ("status", {"status": "merged", "into": "INC-2026-0099", "reason": "x"}, 404, "INC-2026-0099"),
        ("status", {"status": "merged", "into": ID, "reason": "x"}, 422, "into itself"),
        ("roles", {"role": "comander"}, 422, "commander"),
        ("roles", {"role": "scribe", "act": "assign", "person": "nobody"}, 404, "nobody"),
        ("roles", {"role": "scribe", "act": "snatch"}, 422, "take"),
        ("tasks/99", {"state": "done"}, 404, "task 99"),
        ("tasks/1", {"state": "skipped"}, 422, "reason"),
        ("tasks/1", {}, 409, "already"),
        ("tasks", {"title": "x", "due_at": "2020-01-01T00:00:00Z"}, 422, "past"),
        ("exit/9", {"evidence": "x"}, 404, "exit criterion 9"),
        ("severity", {"severity": "sev9", "reason": "x"}, 422, "sev1"),
        ("lines/1/pin", {}, 404, "line 1"),
        ("lines/x/pin", {}, 404, "line 'x'"),
        ("updates", {"text": "  "}, 422, "empty"),
        ("notes", {"text": "x" * 200_000}, 422, "20000"),
        ("shares", {"lasts": "365d"}, 422, "30 days"),
        ("actions/1/settlement", {"state": "done", "reason": "x"}, 409, "can't be called done"),
    ],
)
def test_a_wrong_request_says_what_is_wrong(
    shop: Workshop, declared: str, ada: Caller, path: str, body: dict[str, Any], status: int, words: str
) -> None:
    """At night the error is the manual: it names the thing, the value and the way out."""
    contain(shop)
    refused = problem(ada.post(f"incidents/{ID}/{path}", body), status)

    assert words in refused["detail"]
