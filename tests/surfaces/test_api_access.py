"""
Who may do what over the API: tokens, roles, partners' own sheets, decisions and enforcement points.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from app import create_app
from incidents.api.openapi import roles_for
from incidents.api.registry import ROUTES, Route
from incidents.credentials import local_admin
from incidents.roles import PEOPLE_ROLES, Right, Role
from incidents.testing import Workshop, workshop
from tests.support.api import CREDENTIAL_ABUSE, Caller, caller, problem

BODIES: dict[str, object] = {
    "declare": CREDENTIAL_ABUSE,
    "preview": CREDENTIAL_ABUSE,
    "kill": {"what": "partner", "name": "globex", "reason": "test"},
    "note": {"text": "seen"},
    "validate": {},
    "ask_restore": {"reason": "test"},
    "approve": {"plan_digest": "0" * 64},
    "refuse": {"reason": "test"},
    "stop": {"reason": "test"},
    "save_postmortem": {"document": "# Review", "base": 0},
    "own_postmortem": {"person": "linus"},
    "approve_postmortem": {"version": 1},
    "publish_postmortem": {"version": 1},
    "create_token": {"name": "made", "role": "viewer"},
    "retire_point": {},
    "revoke_token": {},
    "status": {"status": "mitigated"},
    "acknowledge": {},
    "roles": {"role": "scribe"},
    "add_task": {"title": "look"},
    "task": {"state": "done"},
    "exit_criterion": {"evidence": "seen"},
    "settle": {"state": "declined", "reason": "test"},
    "severity": {"severity": "sev1", "reason": "test"},
    "visibility": {"visibility": "restricted", "reason": ""},
    "members": {"add": ["ada"]},
    "update": {"text": "here we stand"},
    "correct": {"text": "other words", "reason": "test"},
    "pin": {},
    "redact": {"reason": "test"},
    "share": {},
    "revoke_share": {},
    "write_notice": {"subject": "s", "body": "b"},
    "approve_notice": {"digest": "0" * 64},
    "refuse_notice": {"reason": "test"},
    "receipt_notice": {"receipt": "told"},
    "retry_message": {},
    "submit_clock": {"receipt": "x"},
    "draft_notice": {},
    "decide_clock": {"decision": "not-reportable", "reason": "x"},
    "tell_fact": {"anchor": "awareness", "at": "2026-11-23T11:00:00Z"},
    "take_regime": {"regime": "uk-gdpr-art33"},
    "start_drill": {"playbook": "break-glass", "parameters": {"partner": "acme"}},
    "end_drill": {},
    "call_real": {},
    "drill_people": {},
}
CLOCK_ROUTES = ("clock", "clock_pack", "submit_clock", "draft_notice")
NOTICES = ("notice", "write_notice", "approve_notice", "refuse_notice", "receipt_notice")
PATHS = {
    "id": {
        "model": "orion-2",
        "partner": "acme",
        "playbook": "break-glass",
        "restore": "INC-2026-0001-R1",
        "approve": "INC-2026-0001-R1",
        "refuse": "INC-2026-0001-R1",
        **dict.fromkeys(NOTICES, "INC-2026-0001-N1"),
        "retry_message": "M1",
        **dict.fromkeys(CLOCK_ROUTES, "INC-2026-0001.gdpr-art33.notify-authority"),
        "decide_clock": "INC-2026-0001.contract-partner-notice",
        "regime": "gdpr-art33",
        "stop": "INC-2026-0001-R1",
    },
    "name": {"retire_point": "nobody"},
    "flag": {"flag": "orion-2:tool-use"},
    "slug": {"runbook": "break-glass"},
    "n": {"validate": "1", "task": "1", "exit_criterion": "1", "settle": "1"},
    "seq": dict.fromkeys(("correct", "pin", "redact"), "999999"),
    "share": {"revoke_share": "none"},
    "version": {"postmortem_version": "1"},
}
QUERIES = {"decision": "partner=acme&model=orion-2&capability=tool-use"}
GUARDED = [route for route in ROUTES if route.right is not None]


@pytest.fixture(scope="module")
def world() -> Iterator[tuple[Workshop, FlaskClient]]:
    """One incident with an open restore request; what the table's requests do to it changes no right."""
    shop = workshop()
    http = create_app(service=shop.service).test_client()
    grace = caller(shop, http, "commander", "grace")
    grace.post("incidents", CREDENTIAL_ABUSE)
    grace.post("incidents/INC-2026-0001/restores", {"reason": "table"})
    yield shop, http
    shop.service.stop()


def token_of(shop: Workshop, http: FlaskClient, role: Role) -> Caller:
    if role in PEOPLE_ROLES:
        # Ada's own roles carry every right, so only the token's role decides.
        return caller(shop, http, role.value, "ada")
    if role is Role.PARTNER:
        return caller(shop, http, role.value, partner="acme")
    return caller(shop, http, role.value)


def ask(who: Caller, route: Route) -> TestResponse:
    path = route.path
    for name in route.parameters:
        path = path.replace("{" + name + "}", PATHS[name].get(route.name, "INC-2026-0001"))
    if route.name in QUERIES:
        path += f"?{QUERIES[route.name]}"
    if route.name == "apply_catalog":
        return who.put(path, "models: {}")
    body = {"json": BODIES[route.name]} if route.takes_body else {}
    return who.send(route.method, path, **body)


@pytest.mark.parametrize("role", Role)
@pytest.mark.parametrize("route", GUARDED, ids=lambda route: f"{route.method} {route.path}")
def test_each_role_gets_exactly_the_routes_that_the_document_says(
    world: tuple[Workshop, FlaskClient], route: Route, role: Role
) -> None:
    """The table of roles is the product's promise about who can pull and who can give back."""
    shop, http = world
    answer = ask(token_of(shop, http, role), route)

    if role.value in roles_for(route):
        two_people = answer.status_code == 403 and answer.json["type"].endswith("second-person-needed")
        assert two_people or answer.status_code not in (401, 403), answer.get_data(as_text=True)
        assert answer.status_code < 500 or route.name == "checkpoint"  # this world has no signing key
    else:
        problem(answer, 403)


def test_the_table_of_roles_is_the_contracts() -> None:
    """The registry could agree with itself and still be wrong: these are the contract's own words."""
    allowed = {route.name: set(roles_for(route)) for route in ROUTES}
    people = {"viewer", "responder", "commander", "release-manager", "admin"}

    assert allowed["incidents"] == people
    responders = {"responder", "commander", "admin"}
    assert allowed["declare"] == allowed["kill"] == allowed["note"] == allowed["stop"] == responders
    assert allowed["postmortem"] == allowed["export_incident"] == people
    assert allowed["save_postmortem"] == allowed["own_postmortem"] == allowed["declare"]
    assert allowed["approve_postmortem"] == allowed["publish_postmortem"] == {"commander", "admin"}
    assert allowed["ask_restore"] == allowed["approve"] == allowed["refuse"] == {"commander", "admin"}
    assert allowed["apply_catalog"] == {"release-manager", "admin"}
    assert allowed["tokens"] == allowed["create_token"] == allowed["retire_point"] == {"admin"}
    assert allowed["decision"] == allowed["partner"] == people | {"partner"}
    assert {r.name for r in ROUTES if r.right is None} == {"openapi", "docs"}


@pytest.mark.parametrize("route", GUARDED, ids=lambda route: f"{route.method} {route.path}")
def test_without_a_token_every_route_answers_401(world: tuple[Workshop, FlaskClient], route: Route) -> None:
    """One forgotten guard would be an open door."""
    answer = ask(Caller(world[1], {}), route)

    problem(answer, 401)
    assert answer.headers["WWW-Authenticate"].startswith("Bearer")


@pytest.mark.parametrize(
    "headers",
    [
        {"Authorization": "Bearer andon_wrong"},
        {"Authorization": "Bearer "},
        {"Authorization": "Basic YTpi"},
        {"Authorization": "Bearer \xff\xfe"},
        {"X-API-Key": "x" * 10_000},
        {"Cookie": "session=whatever"},
        {"Andon.Asker": "admin"},
        {"Andon-Asker": "admin"},
    ],
)
def test_what_is_no_token_opens_nothing(http: FlaskClient, headers: dict[str, str]) -> None:
    """Neither a cookie nor a header that imitates the inside caller may pass."""
    problem(Caller(http, headers).get("incidents"), 401)


def test_either_header_carries_a_token(shop: Workshop, http: FlaskClient) -> None:
    """Gateways and CI often can set only one of the two."""
    secret = shop.secret("ci", "viewer")

    assert Caller(http, {"X-API-Key": secret}).get("incidents").status_code == 200
    assert Caller(http, {"Authorization": f"bearer {secret}"}).get("incidents").status_code == 200


def test_a_caller_inside_the_program_brings_its_own_asker(http: FlaskClient) -> None:
    """The command line beside a ledger has no token; it is the operating system's user."""
    answer = http.get("/api/v1/incidents", environ_overrides={"andon.asker": local_admin("root")})

    assert answer.status_code == 200


def test_a_revoked_token_is_refused_at_once(shop: Workshop, http: FlaskClient) -> None:
    """Revocation is how a leaked token is stopped."""
    admin = caller(shop, http, "admin", "ada")
    viewer = caller(shop, http, "viewer")
    id = next(row["id"] for row in admin.get("tokens").json["items"] if row["name"] == "machine-viewer")

    assert admin.post(f"tokens/{id}/revocation").json == {"id": id, "revoked": True}

    problem(viewer.get("incidents"), 401)
    problem(admin.post(f"tokens/{id}/revocation"), 409)


def test_a_new_token_is_told_once_and_works(shop: Workshop, http: FlaskClient) -> None:
    """The secret exists in this one answer: not in lists, not in the log."""
    admin = caller(shop, http, "admin", "ada")

    answer = admin.post("tokens", {"name": "laptop", "role": "viewer", "person": "linus"})

    secret = answer.json["secret"]
    assert answer.status_code == 201
    assert Caller(http, {"X-API-Key": secret}).get("models").status_code == 200
    assert admin.get(answer.headers["Location"]).json["name"] == "laptop"
    for path in ("tokens", "log", answer.headers["Location"]):
        assert secret not in admin.get(path).get_data(as_text=True)


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"name": "x", "role": "comander"}, "Did you mean 'commander'?"),
        ({"name": "x", "role": "viewer", "person": "adda"}, "Did you mean 'ada'?"),
        ({"name": "x", "role": "partner"}, "names its partner"),
        ({"name": "x", "role": "partner", "partner": "acmee"}, "Did you mean 'acme'?"),
        ({"name": "../x", "role": "viewer"}, "not a usable name"),
        ({"name": "x", "role": "enforcer", "person": "ada"}, "belongs to a machine"),
    ],
)
def test_a_token_that_can_not_be_made_says_why(
    shop: Workshop, http: FlaskClient, body: dict[str, str], words: str
) -> None:
    """The nearest known name saves the second try."""
    assert words in problem(caller(shop, http, "admin").post("tokens", body), 422)["detail"]


# --- partners -------------------------------------------------------------------------------------------------------


@pytest.fixture
def acme(shop: Workshop, http: FlaskClient) -> Caller:
    return caller(shop, http, "partner", partner="acme")


def test_a_partner_asks_for_itself_and_is_told_the_reason_alone(
    shop: Workshop, http: FlaskClient, acme: Caller
) -> None:
    """A partner must not learn which incident concerns it."""
    caller(shop, http, "responder").post("incidents", CREDENTIAL_ABUSE)

    for query in ("partner=acme&", ""):
        answer = acme.get(f"decision?{query}model=orion-2&capability=tool-use").json
        assert (answer["allowed"], answer["reason"], answer["held_by"]) == (False, "partner-revoked", [])


def test_a_partner_that_asks_for_another_is_refused(acme: Caller) -> None:
    """An answer about itself would read as one about the other."""
    problem(acme.get("decision?partner=globex&model=orion-2&capability=tool-use"), 403)


def test_a_partner_reads_its_own_sheet_without_incidents(shop: Workshop, http: FlaskClient, acme: Caller) -> None:
    """Its grants and what each gives now, but never who holds what."""
    caller(shop, http, "responder").post("incidents", CREDENTIAL_ABUSE)

    answer = acme.get("partners/acme")

    assert answer.status_code == 200
    assert {row["reason"] for row in answer.json["grants"]} == {"partner-revoked"}
    assert "INC-" not in answer.get_data(as_text=True)
    assert "held_by" not in answer.get_data(as_text=True)


@pytest.mark.parametrize("other", ["globex", "nobody", "ACME", "acme%20"])
def test_a_partner_learns_nothing_of_others_not_even_that_they_are(acme: Caller, other: str) -> None:
    """Known and unknown names are refused alike."""
    problem(acme.get(f"partners/{other}"), 403)


# --- points and decisions -------------------------------------------------------------------------------------------


def test_a_decision_needs_to_know_about_whom(shop: Workshop, http: FlaskClient) -> None:
    """Everything that is missing is named at once."""
    errors = problem(caller(shop, http, "viewer").get("decision"), 422)["errors"]
    assert [e["where"] for e in errors] == ["model", "capability"]

    without = problem(caller(shop, http, "viewer").get("decision?model=orion-2&capability=tool-use"), 422)
    assert without["errors"][0]["where"] == "partner"


def test_points_are_listed_in_pages_and_retired_for_good(shop: Workshop, http: FlaskClient) -> None:
    """A point that is gone must leave the count, and must not come back under its old token."""
    for name in ("edge-a", "edge-b", "edge-c"):
        shop.point(name)
    admin = caller(shop, http, "admin")
    first = admin.get("points?limit=2").json

    assert [p["name"] for p in first["items"]] == ["edge-a", "edge-b"]
    assert [p["name"] for p in admin.get(f"points?cursor={first['next']}").json["items"]] == ["edge-c"]
    assert admin.post("points/edge-b/retirement").json == {"name": "edge-b", "retired": True}
    assert "Did you mean 'edge-a'" in problem(admin.post("points/edge-aa/retirement"), 404)["detail"]
    problem(admin.post("points/edge-b/retirement"), 409)


def test_rights_follow_the_person_not_the_token(shop: Workshop, http: FlaskClient) -> None:
    """Linus is a responder now: a commander's token that he still holds gives him no more than that."""
    linus = caller(shop, http, "commander", "linus")

    assert Right.COMMAND not in shop.person("linus", "commander").rights
    assert linus.post("incidents", CREDENTIAL_ABUSE).status_code == 201
    problem(linus.post("incidents/INC-2026-0001/restores", {"reason": "x"}), 403)
