"""
The lines that approvals leave in the log when they were not allowed to count, kept from flooding it.

Whoever presses again and again is answered each time, and leaves one line a minute for the same reason. What was
written is remembered in this process alone: after a restart a line comes early, and none is lost.
"""

from __future__ import annotations

import threading

from incidents.decisions import Asker
from incidents.desk import Decide, Desk
from incidents.errors import Refused
from incidents.events import Actor

QUIET_S = 60.0  # the same person by the same token, the same thing to approve, the same reason: one line in this time


class Denials:
    """Safe for threads; remembers no more than was written within ``QUIET_S``."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._written: dict[tuple[Actor, str, str], float] = {}  # who, what, why -> boot clock
        self._lock = threading.Lock()

    def write(self, asker: Asker, id: str, error: Refused, decide: Decide) -> None:
        """
        Append the line of ``decide``, unless its like was written a moment ago.

        ``id``: the request or notice. The reason is the error's code: its words may hold what somebody sent.

        Raises:
            Unavailable: It could not be recorded; the next try is written.
        """
        line = (asker.actor, id.upper(), error.code)
        with self._lock:
            now = self._desk.clock.boot()
            self._written = {known: at for known, at in self._written.items() if now - at < QUIET_S}
            if line in self._written:
                return
            self._desk.submit(decide, actor=asker.actor, about=id)
            self._written[line] = now
