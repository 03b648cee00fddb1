"""
Links that show one incident to whoever has them: signed over incident, link and end, and never stored.

Knows nothing of what a link shows. Whether the link still stands is asked of the log each time: a signature alone
opens nothing.
"""

from __future__ import annotations

import base64
import hmac
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from typing import Protocol

from incidents.clock import parse_rfc3339
from incidents.settings import Settings

PURPOSE = "share"
LONGEST = 400  # characters of what is signed; ours are far shorter


class Signer(Protocol):
    """What of the service is needed here."""

    settings: Settings

    def secret(self, purpose: str) -> bytes: ...


@dataclass(frozen=True, slots=True)
class Claim:
    """What a link with a good signature says of itself."""

    incident: str
    share: str
    expires_at: datetime


def share_link(service: Signer, incident_id: str, share_id: str, expires_at: datetime | str) -> str:
    """
    The address to hand out, the same each time for the same link.

    Args:
        expires_at: As the log has it; RFC 3339 where it is text.
    """
    until = parse_rfc3339(expires_at) if isinstance(expires_at, str) else expires_at
    text = "\n".join([incident_id, share_id, str(int(until.timestamp()))])
    body = _text(text.encode())
    return f"{service.settings.url}/share/{body}.{_seal(service, body)}"


def read_link(service: Signer, signed: str) -> Claim | None:
    """What ``/share/<signed>`` names; None unless the signature is ours."""
    body, _, seal = signed.rpartition(".")
    if not body or len(signed) > LONGEST or not signed.isascii():
        return None
    if not hmac.compare_digest(seal.encode(), _seal(service, body).encode()):
        return None
    incident, share, until = base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)).decode().split("\n")
    return Claim(incident, share, datetime.fromtimestamp(int(until), UTC))


def _seal(service: Signer, body: str) -> str:
    return _text(hmac.new(service.secret(PURPOSE), body.encode(), sha256).digest())


def _text(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")
