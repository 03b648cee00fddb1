"""
One-time links by which a person says that a Slack account is theirs, carrying what they had typed.

Signed, so that nobody can make one up; used once, which the ledger remembers. Knows no page and not what the typed
line means: whoever answers Slack puts that into ``run``.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import json
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from incidents.clock import Clock
from incidents.decisions import Asker

LIFE = timedelta(minutes=10)
LINE_LIMIT = 1_500


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a link says: which account, and the line that was typed (perhaps none)."""

    user: str
    team: str
    channel: str
    line: str
    nonce: str
    until: datetime


class AccountLinks:
    """``run`` does what was typed, as the person, and answers in plain words."""

    def __init__(self, secret: bytes, clock: Clock, url: str) -> None:
        self._secret, self._clock, self._url = secret, clock, url
        self.run: Callable[[Asker, Wanted], str] = lambda asker, wanted: ""

    def make(self, user: str, team: str, channel: str, line: str) -> str:
        """The address; a line that is too long to carry is left out."""
        until = int((self._clock.now() + LIFE).timestamp())
        carried = line if len(line) <= LINE_LIMIT else ""
        said = {"u": user, "t": team, "c": channel, "l": carried, "n": secrets.token_urlsafe(12), "e": until}
        text = _text(json.dumps(said, separators=(",", ":")).encode())
        return f"{self._url}/link?x={text}.{self._mac(text)}"

    def read(self, link: str) -> Wanted | None:
        """What a link says, if it is ours and not too old; whether it was used is seen when it is."""
        text, _, mac = link.partition(".")
        if not link.isascii() or not hmac.compare_digest(mac, self._mac(text)):
            return None
        try:
            said = json.loads(_octets(text))
        except (ValueError, binascii.Error):
            return None
        until = datetime.fromtimestamp(said["e"], tz=self._clock.now().tzinfo)
        if self._clock.now() >= until:
            return None
        return Wanted(said["u"], said["t"], said["c"], said["l"], said["n"], until)

    def _mac(self, text: str) -> str:
        return _text(hmac.digest(self._secret, text.encode(), "sha256")[:18])


def _text(octets: bytes) -> str:
    return base64.urlsafe_b64encode(octets).decode().rstrip("=")


def _octets(text: str) -> bytes:
    return base64.b64decode(text.encode("ascii") + b"=" * (-len(text) % 4), altchars=b"-_", validate=True)
