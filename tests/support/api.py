"""
A person or program that talks to the API in process: the Flask client with a token in its pocket.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from incidents.testing import Workshop

V1 = "/api/v1"
CREDENTIAL_ABUSE = {"playbook": "partner-credential-abuse", "parameters": {"partner": "acme"}}
JAILBREAK = {
    "playbook": "jailbreak-in-the-wild",
    "parameters": {"model": "orion-2", "capability": "tool-use"},
}


@dataclass
class Caller:
    """Paths are below ``/api/v1`` unless they begin with a slash."""

    client: FlaskClient
    headers: dict[str, str]

    def get(self, path: str, **more: Any) -> TestResponse:
        return self.send("GET", path, **more)

    def post(self, path: str, json: Any = None, *, key: str | None = None, **more: Any) -> TestResponse:
        headers = {"Idempotency-Key": key} if key is not None else {}
        if json is not None:
            more["json"] = json
        return self.send("POST", path, headers=headers | more.pop("headers", {}), **more)

    def put(self, path: str, data: str | bytes, kind: str = "application/yaml") -> TestResponse:
        return self.send("PUT", path, data=data, content_type=kind)

    def send(self, method: str, path: str, **more: Any) -> TestResponse:
        where = path if path.startswith("/") else f"{V1}/{path}"
        headers = self.headers | more.pop("headers", {})
        return self.client.open(where, method=method, headers=headers, **more)


def caller(shop: Workshop, http: FlaskClient, role: str, person: str | None = None, **more: Any) -> Caller:
    """Somebody with a token of that role."""
    secret = shop.secret(f"{person or 'machine'}-{role}", role, person=person, **more)
    return Caller(http, shop.headers(secret))


def problem(answer: TestResponse, status: int) -> dict[str, Any]:
    """The problem that the answer is, checked to be one."""
    assert answer.status_code == status, answer.get_data(as_text=True)
    assert answer.content_type == "application/problem+json"
    assert answer.headers["Cache-Control"] == "no-store"
    body: dict[str, Any] = answer.get_json()
    assert body["status"] == status
    assert {"type", "title", "detail"} <= body.keys()
    return body
