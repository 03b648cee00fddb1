"""
Tickets for browsers, which can't send headers with an event stream: good for hearing that something changed, no more.
"""

from __future__ import annotations

import hmac
from datetime import datetime
from hashlib import sha256

TICKET_SECONDS = 3600
STEP_SECONDS = 600  # tickets of one token are the same within this time, so that answers can be cached


class Tickets:
    """Signed with a key that survives restarts, bound to a token; nothing is kept."""

    def __init__(self, key: bytes) -> None:
        self._key = key

    def make(self, token: str, now: datetime) -> str:
        until = int(now.timestamp()) // STEP_SECONDS * STEP_SECONDS + TICKET_SECONDS
        text = f"{token}.{until}"
        return f"{text}.{self._seal(text)}"

    def token_of(self, ticket: str, now: datetime) -> str | None:
        """The token's id that a ticket was made for; None if it is not ours or its time is over."""
        text, _, seal = ticket.rpartition(".")
        token, _, until = text.partition(".")
        if not hmac.compare_digest(seal.encode(), self._seal(text).encode()) or int(until) < now.timestamp():
            return None
        return token

    def _seal(self, text: str) -> str:
        return hmac.new(self._key, text.encode(), sha256).hexdigest()[:32]
