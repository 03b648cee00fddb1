"""
The live address book: from a reference in the log to where it is reached now.

Addresses come from the directory beside the log and from the catalog; none of them is ever written to the log.
"""

from __future__ import annotations

from incidents.chat import account_of
from incidents.connectors import Address
from incidents.desk import Commit, Desk

_DIRECTORY = {"person": "people/{}/email", "partner": "partners/{}/contact", "email": "notices/{}"}
_CHANGES = ("people:contacts:changed", "incident:life:declared", "ledger:chain:restored")


class LiveBook:
    """Reads the directory once and again after it may have changed."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._changes = 0
        self._read: tuple[int, dict[str, str]] = (-1, {})  # as of how many changes, and what stood there
        desk.on_commit(self._changed)

    def _changed(self, commit: Commit) -> None:
        if any(event.kind in _CHANGES for event in commit.events):
            self._changes += 1

    def find(self, channel: str, to: str) -> Address | None:
        kind, _, id = to.partition(":")
        match channel:
            case "email" if kind in _DIRECTORY:
                return self._of_directory("email", _DIRECTORY[kind].format(id), to)
            case "webhook" if kind == "webhook":
                return self._of_directory("webhook", f"notices/{id}", to)
            case "slack":
                return self._slack(kind, id, to)
        return Address(channel, id, to) if kind == "connector" else None

    def _of_directory(self, channel: str, entry: str, shown: str) -> Address | None:
        changes = self._changes
        if self._read[0] != changes:
            self._read = (changes, self._desk.ledger.directory())
        value = self._read[1].get(entry)
        return Address(channel, value, shown) if value else None

    def _slack(self, kind: str, id: str, shown: str) -> Address | None:
        if kind == "slack":
            return Address("slack", id, shown)
        if kind != "person":
            return None
        with self._desk.read() as state:
            found = account_of(id, state.catalog.people, state.tokens)
        return Address("slack", found, shown) if found else None
