"""
The review and the export over the API: whole answers as described, two writers, and files that are safe to open.
"""

from __future__ import annotations

import json
import re
from typing import Any

import jsonschema
import pytest
from flask.testing import FlaskClient

from app import create_app
from incidents.api.openapi import document
from incidents.decisions.review import DOCUMENT_LIMIT
from incidents.ledger.checkpoint import make_key
from incidents.ledger.export_check import check as check_export
from incidents.settings import Settings
from incidents.testing import Workshop, workshop
from incidents.tokens import digest_of
from tests.support.acting import declare
from tests.support.api import V1, Caller, caller, problem
from tests.surfaces.test_api_document import check, closed

PATH = f"{V1}/incidents/{{id}}/postmortem"
MORE = "postmortem: {due: 5 business days, ask: ['Why?']}\n"
ANSWERED = "# Review\n\n## Why?\n\nBecause.\n"
HOSTILE = "<script>alert(1)</script><img src=https://evil.example/x onerror=alert(2)>"


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
def resolved(shop: Workshop) -> str:
    ada = shop.person("ada", "commander")
    id = declare(shop, "revoke-partner: {partner: acme}", more=MORE, by=ada)
    shop.service.cycle()
    shop.service.operations.move(ada, id, "mitigated")
    shop.service.operations.move(ada, id, "resolved", reason="done")
    return id


def save(who: Caller, id: str, text: str, base: int) -> Any:
    return who.send("PUT", f"incidents/{id}/postmortem", json={"document": text, "base": base})


def test_whole_way_answers_as_described(resolved: str, ada: Caller, grace: Caller, linus: Caller) -> None:
    """Draft, owner, save, approval, publication: a client made from the document can read each of them."""
    at = f"incidents/{resolved}/postmortem"
    draft = check(linus.get(at), PATH)
    assert (draft["draft"], draft["base"], draft["state"]) == (True, 0, "owed")
    check(linus.post(f"{at}/owner", {"person": "linus"}), f"{PATH}/owner", "post")
    saved = check(save(linus, resolved, ANSWERED, 0), PATH, "put")
    assert (saved["version"], saved["base"]) == (1, 0)
    assert check(save(linus, resolved, ANSWERED, 0), PATH, "put")["already"] is True
    check(ada.post(f"{at}/approval", {"version": 1}), f"{PATH}/approval", "post")
    published = check(grace.post(f"{at}/publication", {"version": 1}), f"{PATH}/publication", "post")
    assert (published["status"], published["digest"]) == ("reviewed", digest_of(ANSWERED))
    found = check(ada.get(at), PATH)
    assert (found["state"], found["document"]) == ("published", ANSWERED)
    assert check(ada.get(f"{at}/versions/1"), f"{PATH}/versions/{{version}}")["document"] == ANSWERED
    assert [(v["version"], v["saved_by"]) for v in found["versions"]] == [(1, "linus")]
    for wrong in ("0", "2", "x", "9" * 30):
        problem(ada.get(f"{at}/versions/{wrong}"), 404)


def test_late_writer_gets_the_newer_version_in_the_problem(resolved: str, ada: Caller, linus: Caller) -> None:
    """A program can bring both together without asking again."""
    save(ada, resolved, "Ada's words", 0)
    answer = save(linus, resolved, "Linus' words", 0)
    said = problem(answer, 409)

    assert said["type"] == "urn:andon:problem:version-conflict"
    assert said["newer"] == {
        "version": 1,
        "document": "Ada's words",
        "saved_by": "ada",
        "saved_at": "2026-11-23T12:00:00.000Z",
    }
    schema = document()["components"]["schemas"]["Problem"]
    jsonschema.Draft202012Validator(closed(schema)).validate(said)
    problem(save(linus, resolved, "x", 7), 422)


def test_longest_document_passes_whatever_it_is_written_in(resolved: str, ada: Caller) -> None:
    """The limit counts characters, so no script may run into a limit of octets first."""
    for n, character in enumerate(("x", "ж", "語", "😀")):
        answer = save(ada, resolved, character * DOCUMENT_LIMIT, n)
        assert answer.status_code == 200, answer.get_data(as_text=True)
    problem(save(ada, resolved, "😀" * (DOCUMENT_LIMIT + 1), 4), 422)
    problem(save(ada, resolved, "x" * (5 << 20), 4), 413)


def test_refusals_say_who_may(resolved: str, ada: Caller, linus: Caller) -> None:
    """The words are the same as the page's."""
    save(ada, resolved, ANSWERED, 0)
    said = problem(ada.post(f"incidents/{resolved}/postmortem/approval", {"version": 1}), 403)

    assert said["type"] == "urn:andon:problem:second-person-needed"
    assert said["detail"] == ada.get(f"incidents/{resolved}/postmortem").json["may"]["approve"]
    problem(linus.post(f"incidents/{resolved}/postmortem/publication", {"version": 1}), 403)
    problem(ada.post(f"incidents/{resolved}/postmortem/publication", {"version": 1}), 409)
    problem(ada.post(f"incidents/{resolved}/postmortem/owner", {"person": "nobody"}), 404)


def test_viewer_of_an_open_incident_reads_without_names_of_restricted_ones(shop: Workshop, http, ada: Caller) -> None:
    """Whoever may write sees the text as it is, else a save would lose the name; a reader does not."""
    secret = shop.service.operations.declare(
        shop.person("ada", "commander"),
        {"playbook": "break-glass", "parameters": {"partner": "acme"}, "visibility": "restricted"},
    ).body["id"]
    id = declare(shop, "halt-model: {model: vega-1}", more=MORE)
    save(ada, id, f"see {secret}", 0)
    viewer, linus = caller(shop, http, "viewer"), caller(shop, http, "responder", "linus")

    assert viewer.get(f"incidents/{id}/postmortem").json["document"] == "see a restricted incident"
    assert linus.get(f"incidents/{id}/postmortem").json["document"] == f"see {secret}"
    problem(linus.get(f"incidents/{secret}/postmortem"), 404)
    problem(linus.get(f"incidents/{secret}/export"), 404)


# --- export ----------------------------------------------------------------------------------------------------------


def test_json_is_what_the_schema_says_and_what_verify_accepts(resolved: str, ada: Caller) -> None:
    """The body is the file, to the byte: parsing and writing it again would break its form."""
    answer = ada.get(f"incidents/{resolved}/export")
    check(answer, f"{V1}/incidents/{{id}}/export")

    assert answer.headers["Content-Disposition"] == f'attachment; filename="{resolved}.json"'
    assert check_export(answer.get_data(as_text=True)).ok


@pytest.mark.parametrize(("form", "media"), [("md", "text/markdown"), ("html", "text/html")])
def test_other_forms_are_files_too(resolved: str, ada: Caller, form: str, media: str) -> None:
    """A browser that is led there keeps the file and runs nothing."""
    answer = ada.get(f"incidents/{resolved}/export?format={form}")

    assert answer.mimetype == media
    assert answer.headers["Content-Disposition"] == f'attachment; filename="{resolved}.{form}"'
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert "sandbox" in answer.headers["Content-Security-Policy"]


@pytest.mark.parametrize("query", ["format=pdf", "format=", "form=md", "handed_out=1"])
def test_wrong_queries_are_refused(resolved: str, ada: Caller, query: str) -> None:
    """A parameter that is quietly ignored would hand out more than was meant."""
    problem(ada.get(f"incidents/{resolved}/export?{query}"), 422)


def test_member_can_take_a_copy_to_hand_out(shop: Workshop, resolved: str, ada: Caller) -> None:
    """An authority gets the record, not the informant."""
    ada.post(f"incidents/{resolved}/notes", {"text": "x"})
    shop.service.operations.note(shop.person("ada", "commander"), resolved, "the informant is Bob", restricted=True)

    assert "informant" in ada.get(f"incidents/{resolved}/export?format=md").get_data(as_text=True)
    handed_out = ada.get(f"incidents/{resolved}/export?format=md&handed_out=true").get_data(as_text=True)
    assert "informant" not in handed_out
    assert "Withheld from this copy" in handed_out


def test_html_asks_for_nothing_and_runs_nothing_whatever_people_typed(shop: Workshop, http: FlaskClient) -> None:
    """It is opened on other people's machines, years later, with no service behind it."""
    ops, ada = shop.service.operations, shop.person("ada", "commander")
    body = {"playbook": "break-glass", "parameters": {"partner": "acme"}, "title": HOSTILE, "summary": HOSTILE}
    id = ops.declare(ada, body).body["id"]
    seq = ops.note(ada, id, f"{HOSTILE}\n\n[x](javascript:alert(3)) ![y](https://evil.example/y.png)").body["seq"]
    ops.correct(ada, id, seq, text=f"{HOSTILE} again", at="2026-11-23T11:00:00Z", reason=HOSTILE)
    ops.save_review(ada, id, f"# {HOSTILE}\n\n[z](data:text/html,x) {HOSTILE}", 0)
    page = caller(shop, http, "commander", "ada").get(f"incidents/{id}/export?format=html").get_data(as_text=True)

    tags = re.findall(r"<([a-zA-Z!/][^\s>]*)([^>]*)>", page)
    assert {tag.lower() for tag, _ in tags}.isdisjoint({"script", "img", "iframe", "link", "object", "form", "base"})
    for tag, attributes in tags:
        assert not re.search(r"\bon\w+\s*=", attributes), (tag, attributes)
        assert "src=" not in attributes
        hrefs = re.findall(r'href="([^"]*)"', attributes)
        assert all(href.startswith(("http://127.0.0.1", "https://", "#")) for href in hrefs), hrefs
    assert "url(" not in page
    assert "@import" not in page
    assert "default-src 'none'" in page
    assert "&lt;script&gt;" in page


def test_service_signs_what_it_exports(tmp_path: Any) -> None:
    """With the pinned fingerprint the file proves where it comes from."""
    key = make_key(tmp_path / "k")
    keyed = workshop(settings=Settings(signing_key=tmp_path / "k"))
    id = declare(keyed, "revoke-partner: {partner: acme}")
    ada = caller(keyed, create_app(service=keyed.service).test_client(), "commander", "ada")
    text = ada.get(f"incidents/{id}/export").get_data(as_text=True)

    assert check_export(text, pinned=key.fingerprint).signed == "good"
    assert json.loads(text)["exported_by"] == "ada"
    keyed.service.stop()
