"""
Times as people type them: ``14:02`` is the last 14:02 (UTC), a date may leave its zone out. Pure.
"""

from __future__ import annotations

import re
from datetime import datetime, timedelta

from incidents.clock import parse_rfc3339, rfc3339
from incidents.errors import Invalid

_CLOCK = re.compile(r"(\d{1,2}):(\d{2})(?::(\d{2}))?(?:Z|\s*UTC)?", re.IGNORECASE)


def typed_moment(text: str, now: datetime) -> str | None:
    """
    RFC 3339, or None where nothing was typed.

    Raises:
        Invalid: No time; says what one looks like.
    """
    if not text.strip():
        return None
    found = _CLOCK.fullmatch(text.strip())
    if found is not None and int(found[1]) < 24 and int(found[2]) < 60 and int(found[3] or 0) < 60:
        at = now.replace(hour=int(found[1]), minute=int(found[2]), second=int(found[3] or 0), microsecond=0)
        return rfc3339(at - timedelta(days=1) if at > now + timedelta(minutes=1) else at)
    plain = re.sub(r"\s*UTC$", "Z", text.strip())
    for whole in (plain, f"{plain}Z"):
        try:
            return rfc3339(parse_rfc3339(whole))
        except ValueError:
            continue
    message = f"'{text[:60]}' is no time; write 14:02 for the last 14:02 (UTC), or 2026-11-23T14:02Z"
    raise Invalid.at("at", message)
