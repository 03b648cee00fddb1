"""
What a point says when it asks for its lease: read and checked once. Pure.
"""

from __future__ import annotations

import json
from typing import Any

_TEXTS = (("name", 128), ("instance", 128), ("nonce", 128), ("ledger", 128), ("digest", 128), ("refused", 1000))


def read_renewal(body: bytes) -> tuple[dict[str, Any] | None, str]:
    """The members of a lease request, or None and what is wrong with it, in words."""
    try:
        said = json.loads(body)
    except (ValueError, RecursionError):
        return None, "the body is not JSON"
    if not isinstance(said, dict):
        return None, "the body is not an object"
    wrong = _wrong_text(said) or _wrong_rest(said)
    return (None, wrong) if wrong else (said, "")


def _wrong_text(said: dict[str, Any]) -> str:
    for name, limit in _TEXTS:
        value = said.get(name)
        if value is None:
            continue
        if not isinstance(value, str) or len(value) > limit:
            return f"{name} is a text of at most {limit} characters"
        if not value.isascii() and any("\ud800" <= c <= "\udfff" for c in value):
            return f"{name} holds half of a surrogate pair, which can't be stored"
    return "" if said.get("name") else "name is missing: the enforcement point's own name"


def _wrong_rest(said: dict[str, Any]) -> str:
    revision = said.get("revision")
    if not isinstance(revision, int) or isinstance(revision, bool) or revision < 0:
        return "revision is a whole number: the one that the copy holds"
    usage, applies = said.get("usage", []), said.get("applies", [])
    if not isinstance(usage, list) or not all(isinstance(row, dict) for row in usage):
        return "usage is a list of objects"
    if not isinstance(applies, list) or not all(isinstance(row, str) for row in applies):
        return "applies is a list of texts"
    return ""
