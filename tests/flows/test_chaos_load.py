"""
Streams, half-sent requests and stopping under load, in small: the short version of ``make chaos``.
"""

from __future__ import annotations

import socket
import time
from pathlib import Path
from typing import Any

import pytest

from incidents.enforcement import patience
from tests.chaos.__main__ import load_all
from tests.chaos.findings import FAULTS
from tests.support.inprocess import Live, live

load_all()


@pytest.mark.parametrize("name", [one.name for one in FAULTS.values() if one.group == "load" and one.short])
def test_load_leaves_kills_first_and_decisions_unharmed(name: str, tmp_path: Path) -> None:
    """A service that is drowned in connections is a kill switch that nobody can reach."""
    one = FAULTS[name]

    finding = one.run(one.short, tmp_path)

    assert finding.violations == []


@pytest.fixture
def andon(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setattr(patience, "HEAD_SECONDS", 0.3)
    monkeypatch.setattr(patience, "BODY_SECONDS", 0.6)
    with live(tmp_path) as running:
        yield running


def sent(andon: Live, text: bytes) -> socket.socket:
    host, port = andon.url.removeprefix("http://").split(":")
    connection = socket.create_connection((host, int(port)), timeout=5)
    connection.sendall(text)
    return connection


def ended(connection: socket.socket) -> bool:
    """True once the other side has closed it."""
    try:
        while connection.recv(65536):
            continue
    except TimeoutError:
        return False
    except ConnectionError:
        return True
    finally:
        connection.close()
    return True


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"GET /heal",
        b"GET /healthz HTTP/1.1\r\nHost: x\r\nX-Slow: ",
        b"POST /enforce/v1/lease HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n{",
        b"POST /api/v1/incidents HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n{",
        b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\nGET /heal",
    ],
)
def test_request_that_does_not_arrive_is_given_up(andon: Live, text: bytes) -> None:
    """Whoever holds a connection open without asking anything takes it from somebody who would."""
    assert ended(sent(andon, text))


def test_blank_lines_after_an_answer_hold_no_connection(andon: Live) -> None:
    """Any byte ends the keep-alive time; a byte that begins no request must not end it for good."""
    connection = sent(andon, b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
    while b'"ok"' not in connection.recv(65536):
        continue
    connection.sendall(b"\r\n")

    assert ended(connection)


def test_stream_is_not_taken_for_a_slow_request(andon: Live) -> None:
    """A stream is silent for ten seconds at a time, and that is its nature."""
    token = andon.point("edge")
    request = f"GET /enforce/v1/stream HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\n\r\n"
    connection = sent(andon, request.encode())
    connection.settimeout(0.2)
    began = time.monotonic()
    while time.monotonic() < began + 2.5:
        try:
            assert connection.recv(65536)
        except TimeoutError:
            continue

    andon.declare(partner="acme")
    connection.settimeout(5)
    assert b"event: change" in connection.recv(65536)
    connection.close()


@pytest.mark.parametrize("path", ["/login", "/api/v1/incidents"])
def test_body_without_end_keeps_nobody_from_declaring(andon: Live, path: str) -> None:
    """Flask answers with a few threads; if each waited for one slow body, the next kill would wait for them all."""
    token = andon.token("grace", "responder", person="grace")
    head = f"POST {path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\nContent-Length: 99\r\n"
    kind = "application/json" if path.startswith("/api") else "application/x-www-form-urlencoded"
    waiting = [sent(andon, f"{head}Content-Type: {kind}\r\n\r\n{{".encode()) for _ in range(40)]
    began = time.monotonic()
    answer = andon.ask(
        "POST",
        "/api/v1/incidents",
        token=andon.token("ada", "commander", person="ada"),
        json={"playbook": "partner-credential-abuse", "parameters": {"partner": "acme"}},
    )

    assert answer.status_code == 201
    assert time.monotonic() - began < 0.5
    for one in waiting:
        one.close()


@pytest.mark.parametrize("framing", ["length", "chunks"])
def test_body_larger_than_any_route_takes_is_refused_before_it_is_kept(andon: Live, framing: str) -> None:
    """What waits in memory must have an end, however it is sent."""
    portion = b"x" * (1 << 20)
    body = (portion for _ in range(12)) if framing == "chunks" else portion * 12
    try:
        status = andon.ask("POST", "/api/v1/incidents", data=body).status_code
    except OSError:  # refused while it was still being sent: requests does not look for an answer then
        status = 413

    assert status == 413


def test_room_for_large_bodies_is_shared_and_small_ones_never_wait(
    andon: Live, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Many large uploads at once must not take the memory, and a kill is small."""
    monkeypatch.setattr(patience, "ROOM", 150_000)
    monkeypatch.setattr(patience, "BODY_SECONDS", 30)
    head = b"PUT /api/v1/catalog HTTP/1.1\r\nHost: x\r\nContent-Length: 200000\r\n\r\n"
    large = sent(andon, head + b"x" * 199_000)
    big = {"playbook": "break-glass", "parameters": {"partner": "acme"}, "summary": "y" * 90_000}
    token = andon.token("ada", "commander", person="ada")

    def answered(body: Any) -> int:
        return andon.ask("POST", "/api/v1/incidents", token=token, json=body).status_code

    deadline = time.monotonic() + 5
    while answered(big) != 503:
        assert time.monotonic() < deadline, "there was room beyond the limit"
    assert answered({"playbook": "break-glass", "parameters": {"partner": "acme"}, "summary": "small"}) == 201
    large.close()
    while answered(big) == 503:
        assert time.monotonic() < deadline, "the room was not given back"
