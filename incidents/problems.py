"""
Errors as every HTTP answer tells them: RFC 9457 ``application/problem+json``.
"""

from __future__ import annotations

from collections.abc import Sequence
from http import HTTPStatus
from typing import Any

from incidents.errors import AndonError, FieldError

MEDIA_TYPE = "application/problem+json"


def problem(status: int, detail: str, *, code: str = "", errors: Sequence[FieldError] = ()) -> dict[str, Any]:
    """``type`` is ``urn:andon:problem:<code>``; ``title`` the status in words unless a code says more."""
    known = HTTPStatus(status).phrase
    body: dict[str, Any] = {
        "type": f"urn:andon:problem:{code}" if code else "about:blank",
        "title": code.replace("-", " ").capitalize() if code else known,
        "status": status,
        "detail": detail,
    }
    if errors:
        body["errors"] = [{"where": e.where, "message": e.message} for e in errors]
    return body


def of_error(error: AndonError) -> dict[str, Any]:
    """The problem that one of our own errors is."""
    return problem(error.status, str(error), code=error.code, errors=error.errors) | dict(error.more)
