"""
Bad input and bad luck over the API: always a problem that names the way out, never a traceback, never a 5xx by a body.
"""

from __future__ import annotations

import io
from typing import Any

import pytest
from flask.testing import FlaskClient
from structlog.testing import capture_logs

from incidents.errors import LedgerUnavailable
from incidents.testing import Workshop
from tests.support.api import CREDENTIAL_ABUSE, Caller, caller, problem

JSON = "application/json"


@pytest.fixture
def ada(shop: Workshop, http: FlaskClient) -> Caller:
    return caller(shop, http, "admin", "ada")


# --- what a declaration may get wrong -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "where", "words"),
    [
        ({"playbook": "partner-credential-abus"}, "playbook", "Did you mean 'partner-credential-abuse'?"),
        ({"playbook": "../../etc/passwd"}, "playbook", "unknown playbook"),
        ({"playbook": ""}, "playbook", "unknown playbook"),
        ({"playbook": 7}, "playbook", "must be text, not 7"),
        ({"playbook": None}, "playbook", "must be text"),
        ({"parameters": {}}, "partner", "partner"),
        ({"parameters": {"partner": "acm"}}, "partner", "Did you mean 'acme'?"),
        ({"parameters": {"partner": "acme", "modell": "orion-2"}}, "modell", "Did you mean 'model'?"),
        ({"parameters": {"partner": 7}}, "parameters.partner", "must be text, not 7"),
        ({"parameters": ["acme"]}, "parameters", "must be an object"),
        ({"titel": "x"}, "titel", "unknown field 'titel'. Did you mean 'title'?"),
        ({"title": "x" * 201}, "title", "at most 200"),
        ({"summary": "x" * 20_001}, "summary", "at most 20000"),
        ({"title": "a\0b"}, "title", "NUL"),
        ({"severity": "sev9"}, "severity", "sev1, sev2, sev3, sev4"),
        ({"kind": "rehearsal"}, "kind", "real, drill or test"),
        ({"separate": "yes"}, "separate", "must be true or false"),
        ({"separate": 1}, "separate", "must be true or false"),
    ],
)
def test_a_wrong_declaration_names_field_value_and_way_out(
    shop: Workshop, ada: Caller, change: dict[str, Any], where: str, words: str
) -> None:
    """Somebody under pressure has mistyped one word; the answer must mend it, and nothing may be written."""
    head = shop.service.ledger.head()

    for route in ("incidents", "previews"):
        errors = problem(ada.post(route, CREDENTIAL_ABUSE | change), 422)["errors"]
        assert any(where in e["where"] and words in e["message"] for e in errors), errors

    assert shop.service.ledger.head() == head


def test_every_wrong_field_is_named_at_once(ada: Caller) -> None:
    """One round trip per mistake is too slow at 3 a.m."""
    errors = problem(ada.post("incidents", {"playbok": "x", "separate": 1, "title": []}), 422)["errors"]

    assert {e["where"] for e in errors} == {"playbok", "playbook", "separate", "title"}


@pytest.mark.parametrize(
    "title", ["<script>alert(1)</script>", "{{ 7*7 }}", "${7*7}", "%s%n", "'; DROP TABLE events; --", "\u202egnp.exe"]
)
def test_template_and_script_text_comes_back_as_it_was_sent(ada: Caller, title: str) -> None:
    """Titles are quoted evidence: nothing in them is evaluated, nothing is lost."""
    id = ada.post("incidents", CREDENTIAL_ABUSE | {"title": title}).json["id"]

    assert ada.get(f"incidents/{id}").json["title"] == title


# --- bodies ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("octets", "status", "words"),
    [
        (b"", 422, "a body is needed"),
        (b"{", 400, "not JSON"),
        (b"[]", 422, "a JSON object, not a list"),
        (b"null", 422, "not null"),
        (b'"text"', 422, "not a text"),
        (b"\xff\xfe{}", 400, "UTF-8"),
        (b'\xef\xbb\xbf{"playbook": "x"}', 400, "not JSON"),
        (b'{"playbook": "a", "playbook": "b"}', 422, "there twice"),
        (b'{"separate": NaN}', 400, "NaN"),
        (b'{"separate": -Infinity}', 400, "Infinity"),
        (b'{"playbook": "\\ud800"}', 422, "surrogate"),
        (b'{"\\udfff": 1}', 422, "surrogate"),
        (b'{"playbook": "\\u0000"}', 422, "NUL"),
        (b"[" * 100_000, 400, "nested deeper"),
        (b'{"a":' * 60 + b"1" + b"}" * 60, 400, "nested deeper"),
        (b'{"separate": ' + b"9" * 5000 + b"}", 400, "not JSON that is taken"),
    ],
)
def test_a_body_that_can_not_be_read_safely_is_refused(ada: Caller, octets: bytes, status: int, words: str) -> None:
    """What two readers could understand differently, or no ledger could store, must not get in."""
    answer = ada.post("incidents", data=octets, content_type=JSON)

    assert words in problem(answer, status)["detail"]


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", ""])
def test_another_content_type_is_415(ada: Caller, kind: str) -> None:
    """A form posted by a browser from elsewhere must never be read as an order."""
    answer = ada.post("incidents", data=b'{"playbook": "break-glass"}', content_type=kind)

    assert "application/json" in problem(answer, 415)["detail"]


def test_a_charset_beside_the_type_is_fine(ada: Caller) -> None:
    """Many clients add it."""
    answer = ada.post(
        "kills", data=b'{"what":"model","name":"orion-2","reason":"x"}', content_type=f"{JSON}; charset=utf-8"
    )

    assert answer.status_code == 201


def test_a_body_above_1_mib_is_413_naming_the_limit(ada: Caller) -> None:
    """The sender has to know how much would have been taken."""
    answer = ada.post("incidents", data=b" " * ((1 << 20) + 1), content_type=JSON)

    assert "1048576 (1 MiB)" in problem(answer, 413)["detail"]


def test_a_catalog_may_have_8_mib_and_no_more(ada: Caller) -> None:
    """A large organisation's catalog fits; a flood does not."""
    comment = b"# " + b"x" * (2 << 20) + b"\n"
    assert ada.put("catalog?check=true", comment * 3 + b"stages: [internal, general]").status_code in (200, 422)

    assert "8 MiB" in problem(ada.put("catalog", b"#" * ((8 << 20) + 1)), 413)["detail"]
    assert "MiB" in problem(ada.put("catalog", b"#" * (10 << 20)), 413)["detail"]


def test_a_body_of_unknown_length_is_411(ada: Caller) -> None:
    """A connection that breaks half-way through a catalog would leave half a catalog, complete in form."""
    answer = ada.send(
        "PUT",
        "catalog",
        input_stream=io.BytesIO(b"models: {}"),
        content_type="application/yaml",
        headers={"Transfer-Encoding": "chunked"},
    )

    problem(answer, 411)


# --- paths ----------------------------------------------------------------------------------------------------------

HOSTILE = [
    "../../x",
    "..%2f..%2fx",
    "a%3Fb",
    "%00",
    "a%00b",
    "%FF",
    "x" * 9_000,
    "%F0%9F%94%A5",
    "a;b",
    "'",
    "{id}",
    "-",
]


@pytest.mark.parametrize("id", HOSTILE)
@pytest.mark.parametrize(
    "path",
    [
        "incidents/{}",
        "incidents/{}/timeline",
        "incidents/{}/containment",
        "restores/{}",
        "models/{}",
        "partners/{}",
        "capabilities/{}",
        "playbooks/{}",
        "runbooks/{}",
        "tokens/{}",
    ],
)
def test_a_hostile_id_is_an_unknown_id(ada: Caller, path: str, id: str) -> None:
    """Nothing that a path names becomes a file, a query or a traceback."""
    answer = ada.get(path.format(id))

    problem(answer, answer.status_code)
    assert answer.status_code in (404, 422)


@pytest.mark.parametrize("id", HOSTILE)
@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("incidents/{}/notes", {"text": "x"}),
        ("incidents/{}/restores", {"reason": "x"}),
        ("incidents/INC-2026-0001/actions/{}/validation", {}),
        ("restores/{}/approval", {"plan_digest": "x"}),
        ("restores/{}/refusal", {"reason": "x"}),
        ("restores/{}/stop", {"reason": "x"}),
        ("points/{}/retirement", {}),
        ("tokens/{}/revocation", {}),
    ],
)
def test_a_hostile_id_changes_nothing(shop: Workshop, ada: Caller, path: str, body: dict[str, str], id: str) -> None:
    """The same for orders, and the log stays as it is."""
    head = shop.service.ledger.head()

    answer = ada.post(path.format(id), body)

    problem(answer, answer.status_code)
    assert answer.status_code in (404, 422)
    assert shop.service.ledger.head() == head


def test_an_unknown_id_comes_with_the_nearest(ada: Caller) -> None:
    """Ids are typed by hand."""
    ada.post("incidents", CREDENTIAL_ABUSE)

    for path, near in (
        ("incidents/INC-2026-001", "INC-2026-0001"),
        ("models/orion2", "orion-2"),
        ("partners/acmee", "acme"),
        ("capabilities/orion-2:tooluse", "orion-2:tool-use"),
        ("playbooks/break-glas", "break-glass"),
        ("runbooks/restore-acces", "restore-access"),
    ):
        assert f"Did you mean '{near}'?" in problem(ada.get(path), 404)["detail"]


@pytest.mark.parametrize(
    "path", ["/api/", "/api/v1", "/api/v2/incidents", "/api/v1/incidents/", "/api//v1/incidents", "/metrics/"]
)
def test_a_path_that_is_not_there_is_a_404_problem_and_no_redirect(ada: Caller, path: str) -> None:
    """A redirect would turn a POST into a GET and drop the token on the way."""
    problem(ada.get(path), 404)
    problem(ada.post(path, CREDENTIAL_ABUSE), 404)


def test_a_wrong_method_is_405_with_what_is_allowed(ada: Caller) -> None:
    """`Allow` is required, and tells at once what to send."""
    answer = ada.send("DELETE", "incidents")

    problem(answer, 405)
    assert {"GET", "POST"} <= set(answer.headers["Allow"].split(", "))


# --- bad luck -------------------------------------------------------------------------------------------------------


def test_an_unexpected_error_is_logged_whole_and_answered_without_details(
    shop: Workshop, ada: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The operator needs the traceback, the caller must not get it."""

    def broken(*given: object, **named: object) -> None:
        raise RuntimeError("the password is hunter2")

    monkeypatch.setattr(shop.service.operations, "incidents", broken)
    with capture_logs() as lines:
        answer = ada.get("incidents")

    body = problem(answer, 500)
    assert "hunter2" not in str(body)
    assert isinstance(lines[0]["exc_info"], RuntimeError)
    assert lines[0]["event"] == "request_failed"


def test_a_kill_that_can_not_be_recorded_is_503_and_stops_grants(
    shop: Workshop, ada: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A responder must not believe that it is off when nothing was written."""

    def full(*given: object, **named: object) -> None:
        raise LedgerUnavailable("/srv/andon.db: the disk is full")

    monkeypatch.setattr(shop.service.ledger, "append", full)

    assert "disk is full" in problem(ada.post("incidents", CREDENTIAL_ABUSE), 503)["detail"]
    assert shop.service.desk.blocked is not None


def test_a_checkpoint_without_a_key_says_what_makes_one(shop: Workshop, ada: Caller) -> None:
    """The way out is one command."""
    assert "andon init" in problem(ada.get("checkpoint"), 503)["detail"]


def test_answers_are_never_stored_by_anything_between(ada: Caller) -> None:
    """A cached decision or incident would outlive the truth."""
    for path in (
        "incidents",
        "decision?partner=acme&model=orion-2&capability=tool-use",
        "/metrics",
        "/api/openapi.json",
    ):
        assert ada.get(path).headers["Cache-Control"] == "no-store"
