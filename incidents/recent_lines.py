"""
The lines of incidents that people look at now, so that each look does not read all of them from the ledger again.

Nothing stays longer than until the next event of its incident, whoever appended it: what was redacted is gone from
here when the redaction answers. Knows nothing of what the lines say.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, field

from incidents.desk import Commit, Desk
from incidents.events import Event
from incidents.timeline import Row

INCIDENTS = 8
LONGEST = 20_000  # lines; a longer incident is read anew each time
READERS = 4  # kinds of readers of one incident, for whom its rows differ


@dataclass(slots=True)
class Lines:
    """An incident's events, and the rows made of them for each kind of reader."""

    events: Sequence[Event]
    _rows: OrderedDict[Hashable, list[Row]] = field(default_factory=OrderedDict)

    def rows(self, reader: Hashable, made: Callable[[], list[Row]]) -> list[Row]:
        """``made()``, or what it made for the same ``reader`` before. Not to be changed by whoever gets it."""
        found = self._rows.get(reader)
        if found is None:
            found = self._rows[reader] = made()
            while len(self._rows) > READERS:
                self._rows.popitem(last=False)
        return found


class RecentLines:
    """Safe to use from several threads; rows of one incident are made under the desk's lock."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._lock = threading.Lock()
        self._kept: OrderedDict[str, Lines] = OrderedDict()
        self._changes = 0
        desk.on_commit(self._changed)

    def of(self, incident: str) -> Lines:
        """
        Raises:
            LedgerUnavailable: They are not here and can't be read.
        """
        with self._lock:
            if incident in self._kept:
                self._kept.move_to_end(incident)
                return self._kept[incident]
            changes = self._changes
        read = Lines(self._desk.ledger.incident(incident))
        with self._lock:
            # What was read while something happened may be older than that.
            if changes == self._changes and len(read.events) <= LONGEST:
                self._kept[incident] = read
                while len(self._kept) > INCIDENTS:
                    self._kept.popitem(last=False)
        return read

    def _changed(self, commit: Commit) -> None:
        with self._lock:
            self._changes += 1
            for event in commit.events:
                self._kept.pop(event.incident or "", None)
