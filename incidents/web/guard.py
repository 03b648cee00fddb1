"""
Whether a form that arrives was sent from one of our own pages. Knows nothing of what the form asks for.
"""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from urllib.parse import urlsplit

FIELD = "csrf"


def from_elsewhere(headers: Mapping[str, str], host: str, public_url: str) -> str | None:
    """
    Why a request can't have come from our own pages, or None where nothing speaks against it.

    Hosts are compared, not schemes: a proxy that ends TLS before us hides the scheme. Programs send neither header.
    """
    site = headers.get("sec-fetch-site")
    if site is not None and site not in ("same-origin", "none"):
        return f"the browser says that it was sent from another site (Sec-Fetch-Site: {site[:20]})"
    origin = headers.get("origin")
    if origin is None:
        return None
    sender = urlsplit(origin).netloc if origin != "null" else ""
    if sender and sender in (host, urlsplit(public_url).netloc):
        return None
    return f"it was sent from {origin[:100]}, not from {host}"


def right_token(sent: str, expected: str) -> bool:
    return hmac.compare_digest(sent.encode("utf-8", "replace"), expected.encode())


def local_path(path: str) -> str:
    """``path`` if it leads to a page of ours, else ``/``: nobody is sent elsewhere after signing in."""
    safe = path.startswith("/") and not path.startswith(("//", "/\\")) and path.isprintable() and "\\" not in path
    return path if safe else "/"
