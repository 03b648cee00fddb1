"""
Times as people type them, into a form or after an option. Pure.
"""

from __future__ import annotations

from datetime import datetime

from incidents.clock import parse_rfc3339, rfc3339
from incidents.errors import Invalid
from playbooks.durations import duration


def typed_due(text: str, now: datetime) -> str | None:
    """
    When something is due: in so long (``2h``, ``3 business days``), or at a time as ``typed_moment`` takes it.

    Raises:
        Invalid: Neither; says how to write it.
    """
    if not text:
        return None
    try:
        return rfc3339(duration(text).end(now))
    except ValueError:
        pass
    try:
        return typed_moment(text, now)
    except Invalid as error:
        message = f"'{text[:60]}' is no due time; write 2h, 3d, 14:05 for today, or 2026-11-23 14:05 (UTC)"
        raise Invalid.at("due", message) from error


def typed_moment(at: str, now: datetime, where: str = "at") -> str | None:
    """
    ``14:05`` means today, UTC; a date with a time may leave its zone out, which is UTC then. None for nothing typed.

    Raises:
        Invalid: It is no time; says how to write one.
    """
    if not at:
        return None
    text = f"{now:%Y-%m-%d}T{at}" if at[2:3] == ":" else at
    for whole in (text, f"{text}Z"):
        try:
            parse_rfc3339(whole)
        except ValueError:
            continue
        return whole
    message = f"'{at[:60]}' is not a time; write 14:05 for today, or 2026-11-23 14:05 (UTC)"
    raise Invalid.at(where, message)
