"""
The API's description: valid, complete in both directions, and true of real answers.
"""

from __future__ import annotations

import asyncio
import copy
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from flask.testing import FlaskClient
from openapi_spec_validator import OpenAPIV31SpecValidator

from app import create_app
from incidents.api.front_paths import FRONT_PATHS
from incidents.api.openapi import document
from incidents.api.registry import ROUTES
from incidents.ledger.checkpoint import make_key
from incidents.serve import build_front
from incidents.settings import Settings
from incidents.testing import Workshop, workshop
from tests.support.api import CREDENTIAL_ABUSE, JAILBREAK, V1, Caller, caller

OWN = ("/api/", "/metrics")


def test_the_document_is_valid_openapi_3_1() -> None:
    """Generators and gateways refuse an invalid one."""
    OpenAPIV31SpecValidator(document()).validate()


def test_every_route_of_the_api_is_in_the_document_and_nothing_else(http: FlaskClient) -> None:
    """A route without a line is unknown to users; a line without a route is a lie."""
    served = {
        (method, rule.rule.replace("<", "{").replace(">", "}"))
        for rule in http.application.url_map.iter_rules()
        if rule.rule.startswith(OWN)
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
    }
    described = {
        (method.upper(), path)
        for path, item in document()["paths"].items()
        if path not in FRONT_PATHS
        for method in item
        if method != "parameters"
    }

    assert served == described


@pytest.mark.parametrize("path", FRONT_PATHS)
def test_every_enforcement_route_in_the_document_is_the_fronts(shop: Workshop, path: str) -> None:
    """That part is written by hand: the front has to answer each path itself, with a status that is described."""
    front = build_front(shop.service)
    method = "post" if "post" in FRONT_PATHS[path] else "get"
    sent: list[dict[str, Any]] = []

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b""}

    where = path.replace("{key}", "orion-2:tool-use").replace("{rest}", "any/thing")
    scope = {"type": "http", "method": method.upper(), "path": where, "query_string": b"", "headers": []}
    asyncio.run(front(scope, receive, send))

    assert sent[0]["status"] != 404  # Flask, below the front, has none of these
    assert str(sent[0]["status"]) in FRONT_PATHS[path][method]["responses"]


def test_every_name_and_schema_that_is_referred_to_exists_and_is_used() -> None:
    """An orphan is left over from something that changed."""
    text = str(document())

    for name in document()["components"]["schemas"]:
        assert f"#/components/schemas/{name}'" in text, name
    names = [op["operationId"] for item in document()["paths"].values() for k, op in item.items() if k != "parameters"]
    assert len(names) == len(set(names))


def test_both_descriptions_need_no_token(http: FlaskClient) -> None:
    """Whoever writes a client reads them first."""
    assert http.get("/api/openapi.json").json == document()
    assert http.get("/api/docs").content_type.startswith("text/html")


# --- real answers ---------------------------------------------------------------------------------------------------


def closed(schema: dict[str, Any]) -> dict[str, Any]:
    """The same schema, but a field that it does not name is an error."""
    whole = {"$ref": "#/components/schemas/X", "components": copy.deepcopy(document()["components"])}
    whole["components"]["schemas"]["X"] = schema

    def close(node: Any) -> None:
        if isinstance(node, dict):
            if "properties" in node:
                node.setdefault("additionalProperties", False)
            for value in node.values():
                close(value)
        elif isinstance(node, list):
            for value in node:
                close(value)

    close(whole["components"])
    return whole


def check(answer: Any, path: str, method: str = "get") -> Any:
    """The answer's body, compared with what the document says of it."""
    responses = document()["paths"][path][method]["responses"]
    media = responses[str(answer.status_code)]["content"]["application/json"]
    jsonschema.Draft202012Validator(closed(media["schema"])).validate(answer.json)
    return answer.json


@pytest.fixture
def people(shop: Workshop, http: FlaskClient) -> tuple[Caller, Caller]:
    shop.point("edge")
    return caller(shop, http, "admin", "ada"), caller(shop, http, "commander", "grace")


def test_answers_about_incidents_are_as_described(shop: Workshop, people: tuple[Caller, Caller]) -> None:
    """A client generated from the document must be able to read what comes."""
    ada, grace = people
    one, two = f"{V1}/incidents/{{id}}", f"{V1}/restores/{{id}}"
    check(ada.post("previews", JAILBREAK), f"{V1}/previews", "post")
    check(ada.post("incidents", JAILBREAK), f"{V1}/incidents", "post")
    check(ada.post("incidents", CREDENTIAL_ABUSE), f"{V1}/incidents", "post")
    check(grace.post("incidents", CREDENTIAL_ABUSE), f"{V1}/incidents", "post")
    check(ada.post("kills", {"what": "partner", "name": "globex", "reason": "x"}), f"{V1}/kills", "post")
    check(ada.post("incidents/INC-2026-0001/notes", {"text": "x"}), f"{one}/notes", "post")
    check(ada.post("incidents/INC-2026-0001/actions/4/validation"), f"{one}/actions/{{n}}/validation", "post")
    check(ada.post("kills", {"what": "capability", "name": "vega-1:browsing", "reason": "x"}), f"{V1}/kills", "post")
    wanted = {"reason": "x", "canary": "initech", "soak": "2h"}
    asked = check(ada.post("incidents/INC-2026-0004/restores", wanted), f"{one}/restores", "post")
    request = f"restores/{asked['id']}"
    check(ada.get(request), two)
    approval = {"plan_digest": asked["plan_digest"], "checks": asked["plan"]["checks"]}
    check(grace.post(f"{request}/approval", approval), f"{two}/approval", "post")
    check(ada.get(request), two)
    check(ada.get("incidents/INC-2026-0004"), one)
    check(grace.post(f"{request}/stop", {"reason": "x"}), f"{two}/stop", "post")
    check(ada.get(request), two)
    glass = {"reason": "x", "break_glass": True}
    check(ada.post("incidents/INC-2026-0004/restores", glass), f"{one}/restores", "post")
    again = ada.post("incidents/INC-2026-0002/restores", {"reason": "x"}).json["id"]
    check(grace.post(f"restores/{again}/refusal", {"reason": "x"}), f"{two}/refusal", "post")
    shop.clock.advance(20)
    shop.service.cycle()
    for path in ("", "/timeline", "/containment"):
        for id in ("INC-2026-0001", "INC-2026-0002", "INC-2026-0004"):
            check(ada.get(f"incidents/{id}{path}"), one + path)
    assert check(ada.get("incidents"), f"{V1}/incidents")["items"]


def test_answers_about_what_there_is_are_as_described(people: tuple[Caller, Caller], shop: Workshop) -> None:
    """The same for everything else, held and not."""
    ada, _ = people
    ada.post("incidents", CREDENTIAL_ABUSE)
    for path in ("models", "partners", "capabilities", "grants", "playbooks", "runbooks", "points", "tokens", "log"):
        assert check(ada.get(path), f"{V1}/{path}")["items"]
    check(ada.get("catalog"), f"{V1}/catalog")
    check(ada.put("catalog?check=true", "models: {}\ngrants: []\ncapabilities: {}"), f"{V1}/catalog", "put")
    check(ada.get("models/orion-2"), f"{V1}/models/{{id}}")
    check(ada.get("partners/acme"), f"{V1}/partners/{{id}}")
    check(caller(shop, ada.client, "partner", partner="acme").get("partners/acme"), f"{V1}/partners/{{id}}")
    check(ada.get("capabilities/orion-2:tool-use"), f"{V1}/capabilities/{{flag}}")
    check(ada.get("playbooks/break-glass"), f"{V1}/playbooks/{{id}}")
    check(ada.get("runbooks/break-glass"), f"{V1}/runbooks/{{slug}}")
    check(ada.get("decision?partner=acme&model=orion-2&capability=tool-use"), f"{V1}/decision")
    made = check(ada.post("tokens", {"name": "t", "role": "viewer"}), f"{V1}/tokens", "post")
    check(ada.get(f"tokens/{made['id']}"), f"{V1}/tokens/{{id}}")
    check(ada.post(f"tokens/{made['id']}/revocation"), f"{V1}/tokens/{{id}}/revocation", "post")
    check(ada.post("points/edge/retirement"), f"{V1}/points/{{name}}/retirement", "post")


def test_every_refusal_that_happens_is_described(shop: Workshop, http: FlaskClient, tmp_path: Path) -> None:
    """Each route's statuses come from one rule; here the rule meets the routes."""
    make_key(tmp_path / "k")
    keyed = workshop(settings=Settings(signing_key=tmp_path / "k"))
    ada = caller(keyed, create_app(service=keyed.service).test_client(), "admin", "ada")
    wrong: list[dict[str, Any]] = [
        {"data": b"{", "content_type": "application/json"},
        {"data": b"{}", "content_type": "text/html"},
        {"json": {"nobody": "knows"}},
        {"data": b"x" * (9 << 20), "content_type": "application/json"},
        {"headers": {"Authorization": ""}},
        {"headers": {"Transfer-Encoding": "chunked"}},
        {},
    ]
    for route in ROUTES:
        path = "/".join("x" if part.startswith("{") else part for part in route.path.split("/"))
        for more in wrong if route.takes_body else wrong[-3:]:
            answer = ada.send(route.method, path, **more)
            known = document()["paths"][route.path][route.method.lower()]["responses"]
            assert str(answer.status_code) in known, (route.name, answer.status_code, more.keys())
    keyed.service.stop()


# --- the page -------------------------------------------------------------------------------------------------------


class Page(HTMLParser):
    """What a browser would fetch from elsewhere, run, or jump to."""

    def __init__(self) -> None:
        super().__init__()
        self.outside: list[str] = []
        self.anchors: set[str] = set()
        self.links: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        named = dict(attrs)
        if tag in ("script", "link", "img", "iframe") or "src" in named:
            self.outside.append(tag)
        self.anchors.add(named.get("id") or "")
        if (named.get("href") or "").startswith("#"):
            self.links.add((named["href"] or "")[1:])


def test_the_page_shows_every_route_and_needs_nothing_from_elsewhere(http: FlaskClient) -> None:
    """It is read when other things are down."""
    text = http.get("/api/docs").get_data(as_text=True)
    page = Page()
    page.feed(text)

    assert page.outside == []
    assert page.links <= page.anchors
    for path, item in document()["paths"].items():
        assert path in text
        assert {op["operationId"] for k, op in item.items() if k != "parameters"} <= page.anchors
    assert "prefers-color-scheme" in text
    assert "curl -sS" in text
    assert "{{" not in text
