"""
Who is looking at a page: a signed cookie that names a token, the token itself as a bearer, or a one-time link.

The cookie holds a token's id and its own end, nothing secret; whether that token may still be used is asked of the
desk each time, so a revoked token is signed out at once.
"""

from __future__ import annotations

import base64
import hmac
import json
import secrets
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256

from incidents.clock import Clock
from incidents.credentials import Credential, find
from incidents.decisions import Asker
from incidents.desk import Desk

COOKIE = "andon_session"
SESSION_LIFE = timedelta(hours=12)
LINK_LIFE = timedelta(minutes=10)


@dataclass(frozen=True, slots=True)
class Session:
    """What the cookie says, once its seal was found to be ours and its time not over."""

    token: str
    nonce: str
    until: int


@dataclass(frozen=True, slots=True)
class Visitor:
    """``session`` is None where the request carried the token itself."""

    credential: Credential
    session: Session | None

    @property
    def asker(self) -> Asker:
        return self.credential.asker("web")


class Sessions:
    """Seals and opens cookies, and finds the visitor behind a request's headers."""

    def __init__(self, key: bytes, desk: Desk) -> None:
        self._key, self._desk = key, desk
        self._clock: Clock = desk.clock

    def seal(self, token: str) -> str:
        """A cookie for a token's id, good for ``SESSION_LIFE``."""
        until = int((self._clock.now() + SESSION_LIFE).timestamp())
        body = json.dumps({"t": token, "n": secrets.token_hex(16), "u": until}, separators=(",", ":")).encode()
        text = base64.urlsafe_b64encode(body).decode().rstrip("=")
        return f"{text}.{self._mac('cookie', text)}"

    def open(self, cookie: str) -> Session | None:
        text, _, seal = cookie.rpartition(".")
        if (
            not text
            or not cookie.isascii()
            or not hmac.compare_digest(seal.encode(), self._mac("cookie", text).encode())
        ):
            return None
        said = json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
        session = Session(token=said["t"], nonce=said["n"], until=said["u"])
        return session if self._clock.now().timestamp() < session.until else None

    def form_token(self, session: Session) -> str:
        """What every form of this session carries; only our own pages can know it."""
        return self._mac("form", session.nonce)

    def _mac(self, purpose: str, text: str) -> str:
        return hmac.new(self._key, f"{purpose}\0{text}".encode(), sha256).hexdigest()

    def credential_of(self, token: str) -> Credential | None:
        """The credential of a token's id, if it may still be used."""
        return next((c for c in list(self._desk.credentials.values()) if c.token == token), None)

    def visitor(self, headers: Mapping[str, str]) -> Visitor | None:
        """``headers`` by lower-case name."""
        scheme, _, secret = headers.get("authorization", "").partition(" ")
        bearer = secret.strip() if scheme.lower() == "bearer" else headers.get("x-api-key", "")
        if bearer:
            found = find(self._desk.credentials, bearer)
            return Visitor(found, None) if found is not None else None
        session = self.open(_cookie(headers.get("cookie", "")))
        credential = self.credential_of(session.token) if session is not None else None
        return Visitor(credential, session) if credential is not None else None


def _cookie(header: str) -> str:
    """Our cookie's value. Other sites' cookies on this host may hold any bytes; they must not trip us."""
    for part in header.split(";"):
        name, _, value = part.partition("=")
        if name.strip() == COOKIE:
            return value.strip()
    return ""


class SignInLinks:
    """
    Links that sign somebody in once, kept in memory: ten minutes, one use.

    Looking at a link does not use it up, because chat programs open links to preview them.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._made: dict[str, tuple[str, datetime]] = {}

    def make(self, token: str) -> str:
        """The nonce of a new link for a token's id."""
        nonce = secrets.token_urlsafe(24)
        with self._lock:
            self._drop_old()
            self._made[nonce] = (token, self._clock.now() + LINK_LIFE)
        return nonce

    def whose(self, nonce: str) -> str | None:
        """The token's id that a link would sign in; None if it is unknown, used or too old."""
        with self._lock:
            self._drop_old()
            return self._made.get(nonce, (None,))[0]

    def use(self, nonce: str) -> str | None:
        """Like ``whose``, for the one time that it works."""
        with self._lock:
            self._drop_old()
            return self._made.pop(nonce, (None,))[0]

    def _drop_old(self) -> None:
        now = self._clock.now()
        self._made = {nonce: made for nonce, made in self._made.items() if now < made[1]}
