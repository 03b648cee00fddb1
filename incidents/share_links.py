"""
Read-only links as they are handed out: signed, so that nobody can make one up. Knows no page and no decision.
"""

from __future__ import annotations

import base64
import binascii
import hmac
from datetime import datetime
from typing import Protocol

from incidents.clock import parse_rfc3339, rfc3339
from incidents.settings import Settings

MAC_BYTES = 18


class Signer(Protocol):
    """What a link needs of the service."""

    settings: Settings

    def secret(self, purpose: str) -> bytes: ...


def share_link(signer: Signer, incident: str, share: str, expires_at: datetime) -> str:
    """The whole address, on the service's public URL."""
    return f"{signer.settings.url}/share/{sealed(signer.secret('share'), incident, share, expires_at)}"


def sealed(secret: bytes, incident: str, share: str, expires_at: datetime) -> str:
    """``<what it says>.<signature>``, both URL-safe."""
    said = f"{incident}|{share}|{rfc3339(expires_at)}".encode()
    return f"{_text(said)}.{_text(_mac(secret, said))}"


def opened(secret: bytes, link: str) -> tuple[str, str, datetime] | None:
    """Incident, share and expiry of a link that was signed here; None for anything else."""
    said, _, mac = link.partition(".")
    try:
        plain, sent = _octets(said), _octets(mac)
    except (ValueError, binascii.Error):
        return None
    if not hmac.compare_digest(sent, _mac(secret, plain)):
        return None
    incident, share, expires_at = plain.decode().split("|")
    return incident, share, parse_rfc3339(expires_at)


def _mac(secret: bytes, said: bytes) -> bytes:
    return hmac.digest(secret, said, "sha256")[:MAC_BYTES]


def _text(octets: bytes) -> str:
    return base64.urlsafe_b64encode(octets).decode().rstrip("=")


def _octets(text: str) -> bytes:
    return base64.b64decode(text.encode("ascii") + b"=" * (-len(text) % 4), altchars=b"-_", validate=True)
