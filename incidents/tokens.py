"""
What a token looks like: how it is made, digested and masked. Pure; who holds one and what it may do stands elsewhere.
"""

from __future__ import annotations

import hashlib
import re
import secrets

_TOKEN = re.compile(r"andon_[A-Za-z0-9_-]{6,}")


def new_secret() -> str:
    """A token: 256 random bits behind ``andon_``, so that it is recognised and masked wherever it turns up."""
    return "andon_" + secrets.token_urlsafe(32)


def digest_of(secret: str) -> str:
    """What is stored. 256 random bits need no slow hash. Takes whatever was sent; broken characters match nothing."""
    return hashlib.sha256(secret.encode("utf-8", "replace")).hexdigest()


def mask(text: str) -> str:
    """Tokens do not belong in any log: what looks like one is cut to its first letters."""
    return _TOKEN.sub("andon_[masked]", text)
