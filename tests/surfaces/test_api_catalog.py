"""
The catalog over the API, what there is, and the record: log, checkpoint, metrics.
"""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pytest
from flask.testing import FlaskClient

from app import create_app
from incidents.ledger.chain import canonical, from_json, to_json
from incidents.ledger.checkpoint import make_key
from incidents.settings import Settings
from incidents.testing import Workshop, sample_catalog, workshop
from tests.support.api import CREDENTIAL_ABUSE, Caller, caller, problem


@pytest.fixture
def admin(shop: Workshop, http: FlaskClient) -> Caller:
    return caller(shop, http, "admin", "ada")


@pytest.fixture
def manager(shop: Workshop, http: FlaskClient) -> Caller:
    return caller(shop, http, "release-manager")


def test_what_get_answers_put_takes_without_a_difference(admin: Caller) -> None:
    """The catalog can be read, kept in a repository and applied again."""
    whole = admin.get("catalog").get_data()

    answer = admin.put("catalog", whole, "application/json")

    assert answer.json["changed"] is False
    assert answer.json["changes"] == []


def test_the_dry_run_says_what_would_change_and_changes_nothing(shop: Workshop, http: FlaskClient) -> None:
    """A pull request's check runs with a viewer's token."""
    text = sample_catalog().replace("audience: limited", "audience: general")
    viewer = caller(shop, http, "viewer")
    head = shop.service.ledger.head()

    answer = viewer.put("catalog?check=true", text)

    assert (answer.json["applied"], answer.json["changed"]) == (False, True)
    assert any("initech" in line and "limited -> general" in line for line in answer.json["changes"])
    assert shop.service.ledger.head() == head


def test_a_viewer_can_not_find_out_an_address_by_trying(shop: Workshop, http: FlaskClient) -> None:
    """The dry run is open to viewers, addresses are not."""
    viewer = caller(shop, http, "viewer")
    right = "models: {orion-2: {stage: limited, owner: release@example.com}, vega-1: {stage: limited}}"

    answers = [viewer.put("catalog?check=true", text).json for text in (right, right.replace("release@", "guess@"))]

    assert answers[0] == answers[1]
    assert "address" not in str(answers[0])


def test_applying_changes_it_and_twice_changes_nothing(manager: Caller) -> None:
    """A pipeline applies on every run."""
    text = "models: {orion-2: {title: Orion 2, stage: limited}, vega-1: {title: Vega 1, stage: limited}}"

    first, again = manager.put("catalog", text), manager.put("catalog", text)

    assert (first.json["applied"], again.json["applied"]) == (True, False)
    assert manager.get("models/orion-2").json["stage"] == "limited"


def test_a_change_that_a_hold_overrides_is_accepted_and_says_so(manager: Caller, admin: Caller) -> None:
    """The catalog says what should be; whoever changes it must see that it takes no effect yet."""
    admin.post("kills", {"what": "model", "name": "orion-2", "reason": "x"})
    text = "models: {orion-2: {title: Orion 2, stage: general}, vega-1: {title: Vega 1, stage: limited}}"

    answer = manager.put("catalog", text)

    assert answer.json["applied"] is True
    assert any("INC-2026-0001" in line for line in answer.json["overridden"])


@pytest.mark.parametrize(
    ("text", "where", "words"),
    [
        ("models:\n  orion-2: {stage: limted}\n", "lab.yaml:2", "Did you mean 'limited'?"),
        ("modles: {}\n", "lab.yaml:1", "Did you mean 'models'?"),
        ("partners:\n  acme:\n    audiance: limited\n", "lab.yaml:3", "Did you mean 'audience'?"),
        ("models: {a: {stage: limited}, a: {stage: limited}}\n", "lab.yaml:1", "here twice"),
        ("models: [\n", "lab.yaml:2", "YAML"),
        ("a: *b\n", "lab.yaml:1", "alias"),
    ],
)
def test_a_wrong_catalog_names_file_line_and_nearest_key(admin: Caller, text: str, where: str, words: str) -> None:
    """A catalog has thousands of lines; the answer has to point."""
    errors = problem(admin.put("catalog?name=lab.yaml", text), 422)["errors"]

    assert any(e["where"] == where and words in e["message"] for e in errors), errors


def test_a_release_manager_changes_everything_but_people(manager: Caller) -> None:
    """Who may release models must not be able to hand out the right to restore."""
    problem(manager.put("catalog", "people: {mallory: {roles: [admin]}}"), 403)


def test_a_viewer_reads_no_addresses(shop: Workshop, http: FlaskClient, admin: Caller) -> None:
    """Addresses are for those who respond."""
    assert "@" in admin.get("catalog").get_data(as_text=True)
    assert "@" not in caller(shop, http, "viewer").get("catalog").get_data(as_text=True)


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("models", "id"),
        ("partners", "id"),
        ("capabilities", "id"),
        ("playbooks", "id"),
        ("runbooks", "slug"),
        ("grants", None),
        ("tokens", "id"),
    ],
)
def test_lists_walked_one_by_one_are_the_whole_list(admin: Caller, path: str, name: str | None) -> None:
    """Following `next` meets everything once."""
    whole = admin.get(f"{path}?limit=200").json
    seen, cursor = [], ""
    while cursor is not None:
        page = admin.get(path, query_string={"limit": 1, "cursor": cursor}).json
        seen += page["items"]
        cursor = page["next"]

    assert whole["next"] is None
    assert seen == whole["items"] != []
    if name is not None:
        assert [row[name] for row in seen] == sorted(row[name] for row in seen)


def test_the_guardrail_sheet_says_who_has_it_and_what_holds_it(admin: Caller) -> None:
    """One page answers: may they, what must they provide, why not now."""
    admin.post("incidents", CREDENTIAL_ABUSE)

    sheet = admin.get("capabilities/orion-2:tool-use").json

    assert sheet["must_provide"]
    rows = {row["partner"]: row for row in sheet["grants"]}
    assert (rows["acme"]["reason"], rows["acme"]["held_by"]) == ("partner-revoked", ["INC-2026-0001"])
    assert rows["globex"]["allowed"] is True


def test_playbooks_and_runbooks_are_readable_whole(admin: Caller) -> None:
    """A responder reads before pulling."""
    playbook = admin.get("playbooks/jailbreak-in-the-wild").json
    runbook = admin.get("runbooks/restore-access").json

    assert {"name": "model", "required": True, "kind": "model"}.items() <= playbook["parameters"][0].items()
    assert playbook["definition"]["id"] == "jailbreak-in-the-wild"
    assert runbook["html"].startswith("<h1")
    assert runbook["anchors"]


# --- the record -----------------------------------------------------------------------------------------------------


def test_the_log_read_in_pages_is_the_exported_log(shop: Workshop, admin: Caller) -> None:
    """Anybody with a viewer's token can check the chain from outside."""
    admin.post("incidents", CREDENTIAL_ABUSE | {"title": "Größe ✓"})
    lines, after = [], "0"
    while after is not None:
        page = admin.get(f"log?after={after}&limit=3").json
        lines += [from_json(canonical(event).decode()) for event in page["items"]]
        after = page["next"]

    assert [to_json(event) for event in lines] == [to_json(event) for event in shop.service.ledger.read()]
    assert all(event.prev == before.digest for before, event in pairwise(lines))


def test_the_checkpoint_is_signed_text(tmp_path: Path) -> None:
    """What is kept outside is the witness against a rewritten log."""
    make_key(tmp_path / "andon.key")
    shop = workshop(settings=Settings(signing_key=tmp_path / "andon.key"))
    answer = caller(shop, create_app(service=shop.service).test_client(), "viewer").get("checkpoint")

    assert answer.status_code == 200
    assert answer.content_type.startswith("text/plain")
    assert answer.get_data(as_text=True) == shop.service.checkpoint()
    shop.service.stop()


def test_metrics_take_any_token_that_reads(shop: Workshop, http: FlaskClient) -> None:
    """Prometheus scrapes with a viewer's token."""
    answer = caller(shop, http, "viewer").get("/metrics")

    assert answer.status_code == 200
    assert answer.content_type.startswith("text/plain")
    assert b"andon_ledger_seq" in answer.get_data()
