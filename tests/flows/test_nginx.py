"""
nginx with the shipped configuration, in front of a small upstream: what operators copy is what is tested.
"""

from __future__ import annotations

import http.client
import json
import signal
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import requests

from incidents.testing import sample_catalog
from tests.support.servers import Andon, andon, free_port, nginx, upstream, wait_for
from tests.system_parts import need

pytestmark = pytest.mark.nginx

SHIPPED = Path(__file__).parents[2] / "incidents/enforcement/gateways/nginx.conf"
ACME = {"X-API-Key": "acme-demo-key"}


@dataclass
class Gate:
    """Andon, nginx and an upstream, and what a partner can ask."""

    service: Andon
    port: int

    def ask(self, path: str = "/v1/orion-2/tool-use", *, method: str = "GET", **more: object) -> requests.Response:
        headers = more.pop("headers", ACME)
        return requests.request(
            method,
            f"http://127.0.0.1:{self.port}{path}",
            headers=headers,
            timeout=5,
            **more,  # type: ignore[arg-type]
        )


@pytest.fixture(scope="module")
def gate(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gate]:
    program = need("nginx")
    folder = tmp_path_factory.mktemp("nginx")
    folder.chmod(0o755)
    with andon(folder) as service, upstream() as behind:
        service.apply(sample_catalog())
        port = free_port()
        conf = SHIPPED.read_text()
        for old, new in (
            ("127.0.0.1:8600", f"127.0.0.1:{service.port}"),
            ("127.0.0.1:8700", f"127.0.0.1:{behind}"),
            ("127.0.0.1:8080", f"127.0.0.1:{port}"),
            ("andon_REPLACE_ME", service.token("edge", "enforcer")),
        ):
            assert conf.count(old) == 1, old
            conf = conf.replace(old, new)
        with nginx(program, folder / "nginx", conf, port):
            yield Gate(service, port)


def test_granted_partner_passes_and_the_body_arrives(gate: Gate) -> None:
    """A POST must neither hang nor lose its body because of the check before it."""
    answer = gate.ask(method="POST", data=b"x" * 100_000)

    assert answer.status_code == 200
    assert len(answer.json()["body"]) == 100_000
    assert int(answer.headers["X-Andon-Revision"]) > 0


def test_what_was_judged_is_what_the_model_is_asked(gate: Gate) -> None:
    """nginx judges the path as it understands it; an upstream that reads the raw one would serve something else."""
    for sent in ("/v1/vega-1/fine-tuning/../../orion-2/tool-use?a=1", "/v1/orion%2D2/tool%2Duse?a=1"):
        asked = http.client.HTTPConnection("127.0.0.1", gate.port, timeout=5)
        asked.request("GET", sent, headers=ACME)
        answer = asked.getresponse()
        assert (answer.status, json.load(answer)["path"]) == (200, "/v1/orion-2/tool-use?a=1")
        asked.close()


def test_partner_without_a_known_key_is_refused_with_the_reason(gate: Gate) -> None:
    """Who is not known is not let in, and can be told why."""
    for headers in ({}, {"X-API-Key": "guess"}, {"X-Partner": "acme"}, {"X-Partner-Key": "acme-demo-key"}):
        answer = gate.ask(headers=headers)

        assert (answer.status_code, answer.headers["X-Andon-Reason"]) == (403, "unknown-partner")


def test_client_cannot_speak_in_andons_or_another_partners_name(gate: Gate) -> None:
    """nginx passes all client headers on; the configuration has to set or empty each one that decides."""
    spoof = ACME | {
        "X-Partner": "globex",
        "X-Model": "vega-1",
        "X-Capability": "fine-tuning",
        "X-Andon-Revision": "999999",
        "X-Andon-Reason": "granted",
        "Authorization": "Bearer nonsense",
    }
    answer = gate.ask(headers=spoof)

    assert answer.status_code == 200
    behind = {k.lower(): v for k, v in answer.json()["headers"].items()}
    assert behind["x-andon-revision"] == answer.headers["X-Andon-Revision"] != "999999"
    assert "x-andon-reason" not in behind
    assert "x-partner" not in behind


def test_declaration_closes_the_gate_and_a_restore_opens_it(gate: Gate) -> None:
    """The main job, through a real gateway: declared, refused; approved by a second person, let in again."""
    assert gate.ask().status_code == 200
    declared = gate.service.declare("partner-credential-abuse", partner="acme")

    answer = gate.ask()
    assert (answer.status_code, answer.headers["X-Andon-Reason"]) == (403, "partner-revoked")
    assert int(answer.headers["X-Andon-Revision"]) >= declared["revision"]
    assert gate.service.containment(declared["id"])["ask_live"] == ["edge"]

    ada = gate.service.token("ada", "commander", person="ada")
    grace = gate.service.token("grace", "commander", person="grace")
    path = f"/api/v1/incidents/{declared['id']}/restores"
    asked = gate.service.call("POST", path, {"reason": "new key issued"}, token=ada).json()
    approval = f"/api/v1/restores/{asked['id']}/approval"
    body = {"plan_digest": asked["plan_digest"], "checks": asked["plan"]["checks"]}
    answer = gate.service.call("POST", approval, body, token=grace)
    assert answer.status_code == 200, answer.text
    wait_for(lambda: gate.ask().status_code == 200, "the gate opens again")


def test_frozen_andon_fails_closed(gate: Gate) -> None:
    """If the service that decides can't answer, nobody gets in."""
    gate.service.process.send_signal(signal.SIGSTOP)
    try:
        assert gate.ask().status_code == 500
    finally:
        gate.service.process.send_signal(signal.SIGCONT)
    wait_for(lambda: gate.ask().status_code == 200, "the gate works again")


def test_path_that_names_no_capability_is_not_served(gate: Gate) -> None:
    """Whatever the configuration doesn't recognise must not slip past the check."""
    for path in ("/v1/orion-2", "/v1/orion-2/tool-use/extra", "/anything", "/_andon"):
        assert gate.ask(path).status_code == 404
