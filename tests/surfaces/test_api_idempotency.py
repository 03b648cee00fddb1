"""
Idempotency-Key: the same request again is the same answer again, never a second deed.
"""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient

from app import create_app
from incidents.ledger import Ledger
from incidents.ledger.memory import MemoryLedger
from incidents.ledger.sqlite import SqliteLedger
from incidents.testing import Workshop, workshop
from tests.support.api import CREDENTIAL_ABUSE, Caller, caller, problem

SEPARATE = CREDENTIAL_ABUSE | {"separate": True}


@pytest.fixture
def ada(shop: Workshop, http: FlaskClient) -> Caller:
    return caller(shop, http, "admin", "ada")


def test_four_times_the_same_request_declares_once(ada: Caller) -> None:
    """A retry after a lost answer must not make a second incident."""
    answers = [ada.post("incidents", SEPARATE, key="first") for _ in range(4)]

    assert {a.status_code for a in answers} == {201}
    assert len({a.get_data() for a in answers}) == 1
    assert [a.headers.get("Idempotency-Replayed") for a in answers] == [None, "true", "true", "true"]
    assert {a.headers["Location"] for a in answers} == {"/api/v1/incidents/INC-2026-0001"}
    assert len(ada.get("incidents").json["items"]) == 1


def test_without_a_key_the_same_request_is_done_again(ada: Caller) -> None:
    """Only the key says that it is a repeat."""
    assert [ada.post("incidents", SEPARATE).json["id"] for _ in range(2)] == ["INC-2026-0001", "INC-2026-0002"]


def test_the_same_body_written_otherwise_is_the_same_request(ada: Caller) -> None:
    """A client that orders its keys differently on a retry has not changed its mind."""
    ada.post("incidents", key="k", data=b'{"playbook":"break-glass","parameters":{"model":"orion-2"}}', **JSON)

    again = ada.post(
        "incidents", key="k", data=b'{ "parameters": {"model": "orion-2"}, "playbook": "break-glass" }', **JSON
    )

    assert (again.status_code, again.headers["Idempotency-Replayed"]) == (201, "true")


JSON: dict[str, Any] = {"content_type": "application/json"}


def test_another_body_under_the_same_key_is_refused(ada: Caller) -> None:
    """Two different orders can't share an answer; the second would believe itself done."""
    ada.post("incidents", SEPARATE, key="k")

    refused = problem(ada.post("incidents", SEPARATE | {"title": "other"}, key="k"), 422)

    assert refused["type"].endswith("idempotency-key-reused")
    assert len(ada.get("incidents").json["items"]) == 1


def test_a_key_belongs_to_its_person_and_route(shop: Workshop, http: FlaskClient, ada: Caller) -> None:
    """Two people who both number their requests from 1 must not get each other's answers."""
    grace = caller(shop, http, "commander", "grace")

    first = ada.post("incidents", SEPARATE, key="1").json["id"]
    second = grace.post("incidents", SEPARATE, key="1").json["id"]
    note = ada.post(f"incidents/{first}/notes", {"text": "x"}, key="1")
    other = ada.post(f"incidents/{second}/notes", {"text": "x"}, key="1")

    assert first != second
    assert note.json["incident"] == first
    assert other.json["incident"] == second


def test_two_tokens_of_one_person_share_their_keys(shop: Workshop, http: FlaskClient, ada: Caller) -> None:
    """The contract binds a key to the person, whichever device repeats the request."""
    other_device = Caller(http, shop.headers(shop.secret("phone", "commander", person="ada")))
    ada.post("incidents", SEPARATE, key="k")

    assert other_device.post("incidents", SEPARATE, key="k").headers["Idempotency-Replayed"] == "true"


@pytest.mark.parametrize("path", ["kills", "tokens", "points/edge/retirement", "incidents/INC-2026-0001/restores"])
def test_every_changing_post_is_repeated_not_redone(shop: Workshop, ada: Caller, path: str) -> None:
    """A retried retirement or restore must say again what it said, not that it is done already."""
    shop.point("edge")
    ada.post("incidents", CREDENTIAL_ABUSE)
    bodies: dict[str, Any] = {
        "kills": {"what": "model", "name": "orion-2", "reason": "x"},
        "tokens": {"name": "t", "role": "viewer"},
        "incidents/INC-2026-0001/restores": {"reason": "x"},
    }

    first = ada.post(path, bodies.get(path), key="k")
    head = shop.service.ledger.head()
    again = ada.post(path, bodies.get(path), key="k")

    assert first.status_code in (200, 201)
    assert (again.status_code, again.headers["Idempotency-Replayed"]) == (first.status_code, "true")
    assert {k: v for k, v in first.json.items() if k != "secret"} == again.json
    assert shop.service.ledger.head() == head


def test_a_repeated_token_request_leaves_the_secret_out(ada: Caller) -> None:
    """Stored answers must not hold secrets."""
    first = ada.post("tokens", {"name": "t", "role": "viewer"}, key="k")
    again = ada.post("tokens", {"name": "t", "role": "viewer"}, key="k")

    assert first.json["secret"].startswith("andon_")
    assert "secret" not in again.json


def test_a_refused_request_may_be_mended_under_its_key(ada: Caller) -> None:
    """Nothing was done, so nothing binds the key."""
    problem(ada.post("incidents", {"playbook": "braek-glass"}, key="k"), 422)

    answer = ada.post("incidents", {"playbook": "break-glass", "parameters": {"model": "orion-2"}}, key="k")

    assert answer.status_code == 201


@pytest.mark.parametrize("key", ["", "x" * 201, "tab\there", "caf\xe9"])
def test_an_unusable_key_is_refused_before_anything_is_done(ada: Caller, key: str) -> None:
    """A key that is cut or mangled on the way would match the wrong answer."""
    errors = problem(ada.post("incidents", CREDENTIAL_ABUSE, key=key), 422)["errors"]

    assert errors[0]["where"] == "Idempotency-Key"
    assert ada.get("incidents").json["items"] == []


@pytest.mark.parametrize("store", ["memory", "sqlite"])
def test_racing_repeats_make_one_incident_and_one_answer(tmp_path: Path, store: str) -> None:
    """Impatient clients send the retry while the first is still being written."""
    ledger: Ledger = MemoryLedger() if store == "memory" else SqliteLedger.create(tmp_path / "andon.db")
    shop = workshop(ledger=ledger)
    try:
        app = create_app(service=shop.service)
        headers = shop.headers(shop.secret("ada", "responder", person="ada"))
        start, answers = threading.Barrier(8), []

        def repeat() -> None:
            start.wait(timeout=10)
            answers.append(Caller(app.test_client(), headers).post("incidents", SEPARATE, key="k"))

        threads = [threading.Thread(target=repeat) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(timeout=30)

        assert len({a.get_data() for a in answers}) == 1
        assert len(answers) == 8
        assert sorted(a.headers.get("Idempotency-Replayed", "no") for a in answers) == ["no", *["true"] * 7]
        assert len(Caller(app.test_client(), headers).get("incidents").json["items"]) == 1
    finally:
        shop.service.stop()
