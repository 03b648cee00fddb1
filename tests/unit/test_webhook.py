"""Webhooks, against a real server that may be hostile: what is signed, where it may go, that nothing holds it up."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import socket
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from incidents.clock import ManualClock
from incidents.connectors import Address, Letter, NotSent, Unclear
from incidents.connectors.webhook import Webhook, public, signature, written_secret
from tests.support import hooks
from tests.support.hooks import Target, says

SECRET = b"0123456789abcdef0123456789abcdef"
LETTER = Letter(
    id="M7", key="4711aa/M7", subject="sev1 INC-2026-0001 contained", body="It is off.\n", template="contained",
    thread="INC-2026-0001", lane="sev1", about={"incident": "INC-2026-0001", "severity": "sev1"},
)  # fmt: skip


@pytest.fixture
def target(tmp_path: Path) -> Iterator[Target]:
    with hooks.target(tmp_path) as running:
        yield running


def webhook(target: Target, **more: Any) -> Webhook:
    more = {"allow_private": True, "answer_s": 0.5} | more
    return Webhook(lambda url: SECRET, ManualClock(), trust=target.trust, **more)


def send(connector: Webhook, url: str) -> Any:
    return connector.send(LETTER, Address("webhook", url, "x"), lambda: None)


def test_a_delivery_says_what_happened_and_is_confirmed_by_its_answer(target: Target) -> None:
    """A status page has to be able to act on it without asking back."""
    receipt = send(webhook(target), target.url("/hooks/andon?team=red"))

    (delivery,) = target.deliveries
    assert delivery.path == "/hooks/andon?team=red"
    assert delivery.headers["host"] == f"localhost:{target.port}"
    assert json.loads(delivery.body) == {
        "id": "4711aa/M7", "type": "contained", "timestamp": "2026-11-23T12:00:00.000Z",
        "data": {
            "incident": "INC-2026-0001", "severity": "sev1", "subject": LETTER.subject, "text": LETTER.body,
            "order": None,
        },
    }  # fmt: skip
    assert receipt.words == "answered 200"
    assert receipt.evidence == f"sha256:{hashlib.sha256(b'ok').hexdigest()[:16]}"


def test_a_receiver_can_tell_a_forgery_a_replay_and_a_repeat(target: Target) -> None:
    """Checked here as the Standard Webhooks specification has it, with nothing of ours."""
    send(webhook(target), target.url())
    headers, body = target.deliveries[0].headers, target.deliveries[0].body
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    key = base64.b64decode(written_secret(SECRET).removeprefix("whsec_"))
    good = base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()

    assert headers["webhook-signature"] == f"v1,{good}"
    assert headers["webhook-timestamp"] == str(int(ManualClock().now().timestamp()))
    assert headers["webhook-id"] == headers["idempotency-key"] == LETTER.key
    assert signature(SECRET, LETTER.key, headers["webhook-timestamp"], body + b" ") != f"v1,{good}"


@pytest.mark.parametrize(
    ("status", "after"), [(500, None), (404, None), (429, timedelta(seconds=7)), (503, timedelta(hours=1))]
)
def test_an_order_that_was_refused_is_known_not_to_be_done(
    target: Target, status: int, after: timedelta | None
) -> None:
    """It is told again later, never sooner than the target asked for, and never later than in an hour."""
    wait = {429: "Retry-After: 7", 503: "Retry-After: 99999"}.get(status)
    target.behaviour = says(status, *([wait] if wait else []))

    with pytest.raises(NotSent, match=f"answered {status}") as caught:
        send(webhook(target), target.url())

    assert (caught.value.after, caught.value.for_good) == (after, False)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("where", ["https://127.0.0.1:1/", "http://169.254.169.254/latest/meta-data/", "/elsewhere"])
def test_no_redirect_is_followed_least_of_all_to_a_private_address(target: Target, status: int, where: str) -> None:
    """The machine next door answers whoever asks from inside."""
    target.behaviour = says(status, f"Location: {where}")

    with pytest.raises(NotSent, match="redirects are not followed"):
        send(webhook(target), target.url())

    assert target.connections == 1


@pytest.mark.parametrize("behaviour", [hooks.drips, hooks.many_headers, hooks.says_nothing])
def test_a_target_without_a_whole_answer_leaves_it_open_whether_it_acted(
    target: Target, behaviour: hooks.Behaviour
) -> None:
    """However it goes about it, it is over in time, and the order is repeated with the same key."""
    target.behaviour = behaviour
    began = time.monotonic()

    with pytest.raises(Unclear, match="no whole answer"):
        send(webhook(target), target.url())

    assert time.monotonic() - began < 3


def test_an_endless_answer_is_not_read_to_its_end(target: Target) -> None:
    """200 is what counts; nobody fills our memory."""
    target.behaviour = hooks.never_ends
    began = time.monotonic()

    assert send(webhook(target), target.url()).words == "answered 200"
    assert time.monotonic() - began < 3


def test_a_target_that_takes_no_connection_has_certainly_not_been_told(target: Target) -> None:
    """Nothing was about to leave, so nothing has to be guessed."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    left: list[int] = []

    with pytest.raises(NotSent, match="can't be reached"):
        webhook(target).send(LETTER, Address("webhook", f"https://localhost:{port}/", "x"), lambda: left.append(1))

    assert left == []


def test_a_certificate_that_nobody_vouches_for_gets_nothing(target: Target) -> None:
    """Whoever took over the name must not read it."""
    with pytest.raises(NotSent, match="not trusted"):
        send(Webhook(lambda url: SECRET, ManualClock(), allow_private=True), target.url())

    assert target.deliveries == []


# --- where it may go --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "127.1", "0x7f000001", "2130706433"])
def test_a_private_target_is_not_even_connected_to(target: Target, host: str) -> None:
    """However the loopback address is written; it is the resolved one that is looked at."""
    with pytest.raises(NotSent) as caught:
        send(webhook(target, allow_private=False), target.url(host=host))

    assert target.connections == 0
    assert "private" in caught.value.because or "resolved" in caught.value.because


def test_the_address_that_was_checked_is_the_one_that_is_connected_to(
    target: Target, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A name that answers with another address the second time must not lead inside."""
    asked: list[str] = []

    def rebinding(host: str, port: int, **more: Any) -> list[Any]:
        asked.append(host)
        ip = "203.0.113.7" if len(asked) == 1 else "127.0.0.1"
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (ip, port))]

    monkeypatch.setattr(socket, "getaddrinfo", rebinding)
    monkeypatch.setattr("incidents.connectors.webhook.public", lambda ip: ip != "127.0.0.1")
    monkeypatch.setattr("incidents.connectors.webhook.CONNECT_S", 0.2)

    with pytest.raises(NotSent):
        send(webhook(target, allow_private=False), target.url(host="rebinding.example"))

    assert asked == ["rebinding.example"]
    assert target.connections == 0


def test_a_name_with_a_private_address_among_others_is_reached_by_the_others_alone(
    target: Target, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One good answer must not open the door to the bad one beside it."""

    def both(host: str, port: int, **more: Any) -> list[Any]:
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (ip, port)) for ip in ("127.0.0.1", "203.0.113.7")]

    monkeypatch.setattr(socket, "getaddrinfo", both)
    monkeypatch.setattr("incidents.connectors.webhook.public", lambda ip: ip != "127.0.0.1")
    monkeypatch.setattr("incidents.connectors.webhook.CONNECT_S", 0.2)

    with pytest.raises(NotSent, match="can't be reached"):
        send(webhook(target, allow_private=False), target.url(host="mixed.example"))

    assert target.connections == 0


@pytest.mark.parametrize(
    "ip",
    ["127.0.0.1", "127.255.0.9", "10.0.0.1", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1", "0.0.0.0",
     "224.0.0.1", "255.255.255.255", "::1", "::", "fe80::1", "fe80::1%eth0", "fc00::1", "fd12::1", "ff02::1",
     "::ffff:127.0.0.1", "::ffff:10.0.0.1", "64:ff9b::7f00:1", "64:ff9b::a00:1", "2002:7f00:1::", "2002:a00:1::",
     "192.0.2.1", "198.18.0.1", "240.0.0.1"],
)  # fmt: skip
def test_what_is_not_of_the_open_internet_is_private(ip: str) -> None:
    """IPv4 hidden in IPv6 included."""
    assert not public(ip)


@pytest.mark.parametrize("ip", ["1.1.1.1", "93.184.215.14", "2606:4700::1111", "::ffff:1.1.1.1", "64:ff9b::101:101"])
def test_what_is_of_the_open_internet_may_be_reached(ip: str) -> None:
    """Or no webhook would ever leave."""
    assert public(ip)


def test_http_is_only_for_whoever_allowed_private_targets(target: Target) -> None:
    """In clear, anybody on the way reads it."""
    with pytest.raises(NotSent, match="no usable address"):
        send(webhook(target, allow_private=False), "http://status.example/hook")
