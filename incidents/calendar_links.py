"""
Addresses of calendar feeds: signed for one token, so that revoking the token ends the feed. Knows no page.
"""

from __future__ import annotations

import base64
import binascii
import hmac

MAC_BYTES = 18
SCOPES = ("all", "mine")


def sealed(secret: bytes, token: str, scope: str) -> str:
    """``<token's id and scope>.<signature>``, URL-safe."""
    said = f"{token}|{scope}".encode()
    return f"{_text(said)}.{_text(_mac(secret, said))}"


def opened(secret: bytes, link: str) -> tuple[str, str] | None:
    """The token's id and the scope of a link that was signed here; None for anything else."""
    said, _, mac = link.partition(".")
    try:
        plain, sent = _octets(said), _octets(mac)
    except (ValueError, binascii.Error):
        return None
    if not hmac.compare_digest(sent, _mac(secret, plain)):
        return None
    token, _, scope = plain.decode().partition("|")
    return token, scope


def _mac(secret: bytes, said: bytes) -> bytes:
    return hmac.digest(secret, said, "sha256")[:MAC_BYTES]


def _text(octets: bytes) -> str:
    return base64.urlsafe_b64encode(octets).decode().rstrip("=")


def _octets(text: str) -> bytes:
    return base64.b64decode(text.encode("ascii") + b"=" * (-len(text) % 4), altchars=b"-_", validate=True)
