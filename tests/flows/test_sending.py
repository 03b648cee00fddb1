"""A real service sends: mail to people, a signed hook to a machine, nothing of a drill, nothing twice after a kill."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import signal
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from incidents.testing import sample_catalog
from tests.support import hooks, mail
from tests.support.hooks import Target
from tests.support.mail import MailServer
from tests.support.servers import Andon, andon_command, environment_of, free_port, serving, wait_for

PLAYBOOK = """\
id: tell-everybody
title: Tell everybody
version: 1
severity: sev1
parameters: {partner: {required: true}}
contain:
  - revoke-partner: {partner: "{{ partner }}"}
roles: [commander, comms]
notify:
  - {to: role:commander, at: declared}
  - {to: "webhook:https://localhost:PORT/hooks/andon", at: declared}
  - {to: email:status@example.com, at: contained}
  - {to: "partner:{{ partner }}", template: partner-notice}
"""


@dataclass
class World:
    """One ledger; the service can be ended and started as often as wanted."""

    folder: Path
    server: MailServer
    target: Target
    environment: dict[str, str]
    admin: str
    port: int

    def run(self) -> Any:
        return serving(self.folder, self.admin, self.environment, self.port)


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with mail.mail_server() as server, hooks.target(tmp_path / "tls") as target:
        books = tmp_path / "books"
        books.mkdir()
        (books / "tell-everybody.yaml").write_text(PLAYBOOK.replace("PORT", str(target.port)))
        (tmp_path / "catalog.yaml").write_text(sample_catalog(), encoding="utf-8")
        environment = environment_of(
            tmp_path,
            ANDON_LEASE_SECONDS="2",
            ANDON_PLAYBOOKS=str(books),
            ANDON_CATALOG=str(tmp_path / "catalog.yaml"),
            ANDON_SMTP_URL=f"smtp://127.0.0.1:{server.port}?from=andon@example.com",
            ANDON_ALLOW_PRIVATE_WEBHOOKS="yes",
            ANDON_ORGANISATION="Example Labs",
            SSL_CERT_FILE=str(tmp_path / "tls" / "server.pem"),
        )
        made = subprocess.run(
            andon_command("init", "--json"), env=environment, capture_output=True, text=True, check=True
        )
        yield World(tmp_path, server, target, environment, json.loads(made.stdout)["token"], free_port())


def declare(andon: Andon, kind: str = "real") -> str:
    body = {"playbook": "tell-everybody", "parameters": {"partner": "acme"}, "kind": kind, "separate": True}
    answer = andon.call("POST", "/api/v1/incidents", body)
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


def settled(andon: Andon, id: str) -> list[dict[str, Any]]:
    """Its messages, once none is under way any more."""

    def all_done() -> list[dict[str, Any]] | None:
        rows = andon.call("GET", f"/api/v1/incidents/{id}/notices").json()["messages"]
        done = rows and all(row["settled_at"] for row in rows)
        return rows if done and any(r["template"] in ("contained", "escalation") for r in rows) else None

    found: list[dict[str, Any]] = wait_for(all_done, f"everything of {id} is settled", 20)
    return found


def test_a_declaration_is_heard_of_by_people_and_machines_and_a_drill_by_nobody(world: World) -> None:
    """Everything is there to send for real; the drill opens not one connection."""
    with world.run() as andon:
        rehearsed = settled(andon, declare(andon, "drill"))  # first: nobody rehearses beside what is real
        assert {row["state"] for row in rehearsed} == {"rehearsed"}
        assert {row["channel"] for row in rehearsed} >= {"slack", "webhook"}
        assert (world.server.sessions, world.target.connections) == (0, 0)

        id = declare(andon)
        rows = settled(andon, id)
        wait_for(lambda: "status@example.com" in world.server.to, "the status desk hears that it is contained", 10)
        assert {row["state"] for row in rows} <= {"sent", "confirmed"}, rows
        assert sorted(set(world.server.to)) == ["ada@example.com", "grace@example.com", "status@example.com"]
        assert world.server.sessions
        assert world.target.connections
        (delivery,) = world.target.deliveries
        _check_signature(world, delivery)
        assert json.loads(delivery.body)["data"]["incident"] == id


def _check_signature(world: World, delivery: hooks.Delivery) -> None:
    """With the secret that the command line prints, by nothing of ours."""
    printed = subprocess.run(
        andon_command("notices", "secret", world.target.url()), env=world.environment, capture_output=True, text=True,
        check=True,
    )  # fmt: skip
    key = base64.b64decode(printed.stdout.strip().removeprefix("whsec_"))
    head = delivery.headers
    signed = f"{head['webhook-id']}.{head['webhook-timestamp']}.".encode() + delivery.body
    assert (
        head["webhook-signature"] == "v1," + base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
    )


def test_a_service_that_is_killed_while_it_sends_tells_nobody_twice_by_mail(world: World) -> None:
    """The mail server has the text and the service dies before it hears so; the next one says what it does not know."""
    with world.run() as andon:

        def die() -> None:
            world.server.before_answer = lambda: None
            andon.process.send_signal(signal.SIGKILL)

        world.server.before_answer = die
        id = declare(andon)
        assert andon.process.wait(timeout=20) == -signal.SIGKILL
    with world.run() as andon:
        rows = settled(andon, id)
        dead = andon.call("GET", "/api/v1/messages?state=dead").json()["items"]

        assert len([row for row in rows if row["state"] == "unknown"]) >= 1
        assert {row["because"] for row in dead if row["state"] == "unknown"} == {"Andon ended while it was being sent"}
        subjects = [(tos[0], message["Subject"], message["X-Andon-Message"]) for tos, message in world.server.taken]
        assert len(subjects) == len(set(subjects))
