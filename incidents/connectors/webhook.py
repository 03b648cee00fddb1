"""
Webhooks: signed POSTs to web addresses that a playbook names, told until they confirm.

Signed as https://www.standardwebhooks.com has it (HMAC-SHA256 over id, time and body), so a receiver can refuse
forgeries and replays. The target is hostile until shown otherwise: it is connected to by the very address that was
checked, redirects are not followed, and neither a slow nor an endless answer holds anything up.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import http.client
import ipaddress
import json
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from functools import cached_property
from urllib.parse import SplitResult, urlsplit

from incidents.clock import Clock, rfc3339
from incidents.connectors import Address, Letter, NotSent, Receipt, Unclear

CONNECT_S, ANSWER_S = 5.0, 10.0
ANSWER_LIMIT = 64 * 1024  # octets of an answer that are read; nobody needs more
LONGEST_WAIT = timedelta(hours=1)  # of what a target may ask for


class Webhook:
    """Any number of targets. ``secret`` gives the bytes that a URL's deliveries are signed with."""

    channel = "webhook"

    def __init__(
        self,
        secret: Callable[[str], bytes],
        clock: Clock,
        *,
        allow_private: bool = False,
        trust: ssl.SSLContext | None = None,
        answer_s: float = ANSWER_S,
    ) -> None:
        self._secret, self._clock, self._allow_private, self._answer_s = secret, clock, allow_private, answer_s
        self._given_trust = trust

    @cached_property
    def _trust(self) -> ssl.SSLContext:
        return self._given_trust or ssl.create_default_context()

    def send(self, letter: Letter, address: Address, leaving: Callable[[], None]) -> Receipt:
        target = self._parts(address.value)
        body = self._body(letter)
        with _connected(self._checked(target), self._trust if target.scheme == "https" else None, target) as socket_:
            leaving()
            with _hung_up_after(self._answer_s, socket_):
                return _judged(*_asked(socket_, target, body, self._headers(letter, target, body)))

    def close(self) -> None:
        """Every request has a connection of its own."""

    def _parts(self, url: str) -> SplitResult:
        parts = urlsplit(url)
        if (parts.scheme != "https" and not (self._allow_private and parts.scheme == "http")) or not parts.hostname:
            raise NotSent("no usable address", for_good=True)
        return parts

    def _body(self, letter: Letter) -> bytes:
        told = {
            "id": letter.key,
            "type": letter.template,
            "timestamp": rfc3339(self._clock.now()),
            "data": {**letter.about, "subject": letter.subject, "text": letter.body, "order": letter.order},
        }
        return json.dumps(told, ensure_ascii=False, separators=(",", ":")).encode()

    def _headers(self, letter: Letter, target: SplitResult, body: bytes) -> dict[str, str]:
        at = str(int(self._clock.now().timestamp()))
        return {
            "Content-Type": "application/json; charset=utf-8",
            "User-Agent": "andon",
            "Idempotency-Key": letter.key,
            "webhook-id": letter.key,
            "webhook-timestamp": at,
            "webhook-signature": signature(self._secret(target.geturl()), letter.key, at, body),
            "Connection": "close",
        }

    def _checked(self, target: SplitResult) -> list[tuple[int, str, int]]:
        """Where to connect to, by number; those that may not be reached are left out."""
        port = target.port or (443 if target.scheme == "https" else 80)
        try:
            found = socket.getaddrinfo(target.hostname, port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError) as error:
            raise NotSent("the target's name can't be resolved") from error
        allowed = [
            (int(family), str(where[0]), port)
            for family, _, _, _, where in found
            if self._allow_private or public(str(where[0]))
        ]
        if not allowed:
            raise NotSent("the target is at a private address", for_good=True)
        return allowed


def public(address: str) -> bool:
    """Whether an IP address is one of the open internet: not private, loopback, link-local, shared or reserved."""
    ip = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(ip, ipaddress.IPv6Address):
        inner = ip.ipv4_mapped or ip.sixtofour or (ip.teredo[1] if ip.teredo else None) or _nat64(ip)
        if inner is not None:
            return public(str(inner))
    return ip.is_global and not ip.is_multicast


def _nat64(ip: ipaddress.IPv6Address) -> ipaddress.IPv4Address | None:
    if ip in ipaddress.IPv6Network("64:ff9b::/96"):
        return ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF)
    return None


def signature(secret: bytes, id: str, at: str, body: bytes) -> str:
    """``v1,<base64>`` over ``id.at.body``; ``at`` is Unix time in whole seconds."""
    made = hmac.new(secret, f"{id}.{at}.".encode() + body, hashlib.sha256).digest()
    return f"v1,{base64.b64encode(made).decode()}"


def written_secret(secret: bytes) -> str:
    """How a receiver's library takes it: ``whsec_<base64>``."""
    return f"whsec_{base64.b64encode(secret).decode()}"


# --- one request ------------------------------------------------------------------------------------------------------


@contextmanager
def _connected(
    where: list[tuple[int, str, int]], trust: ssl.SSLContext | None, target: SplitResult
) -> Iterator[socket.socket]:
    """The first of the checked addresses that takes a connection; the name is not looked up a second time."""
    failure: Exception | None = None
    for family, ip, port in where[:4]:
        try:
            plain = socket.socket(family, socket.SOCK_STREAM)
        except OSError as error:
            failure = error
            continue
        try:
            plain.settimeout(CONNECT_S)
            plain.connect((ip, port))
            with _hung_up_after(CONNECT_S, plain):
                secured = trust.wrap_socket(plain, server_hostname=target.hostname) if trust is not None else plain
        except OSError as error:
            failure = error
            plain.close()
            continue
        try:
            yield secured
        finally:
            secured.close()
        return
    if isinstance(failure, ssl.SSLCertVerificationError):
        raise NotSent("the target's certificate is not trusted") from failure
    raise NotSent(f"the target can't be reached ({type(failure).__name__})") from failure


@contextmanager
def _hung_up_after(seconds: float, connection: socket.socket) -> Iterator[None]:
    """Whatever the other side does, one octet at a time included, it is over by then."""

    def hang_up() -> None:
        with suppress(OSError):
            connection.shutdown(socket.SHUT_RDWR)

    timer = threading.Timer(seconds, hang_up)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def _asked(
    connection: socket.socket, target: SplitResult, body: bytes, headers: dict[str, str]
) -> tuple[int, str, str]:
    """Status, ``Retry-After`` and a digest of the beginning of the answer."""
    request = http.client.HTTPConnection(target.hostname or "", target.port)
    request.sock = connection
    path = (target.path or "/") + (f"?{target.query}" if target.query else "")
    host = target.netloc.rpartition("@")[2]
    try:
        request.request("POST", path, body=body, headers={"Host": host, **headers})
        answer = request.getresponse()
        said = answer.read(ANSWER_LIMIT) if 200 <= answer.status < 300 else b""
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise Unclear(f"no whole answer ({type(error).__name__})") from error
    return answer.status, answer.headers.get("Retry-After") or "", hashlib.sha256(said).hexdigest()[:16]


def _judged(status: int, retry_after: str, digest: str) -> Receipt:
    if 200 <= status < 300:
        return Receipt(f"answered {status}", f"sha256:{digest}")
    if 300 <= status < 400:
        raise NotSent(f"answered {status}; redirects are not followed")
    after = timedelta(seconds=int(retry_after)) if retry_after.isdecimal() and len(retry_after) < 9 else None
    raise NotSent(f"answered {status}", after=min(after, LONGEST_WAIT) if after is not None else None)
