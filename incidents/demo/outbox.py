"""
Where the demo's messages go while neither mail nor Slack is connected: files that one can read, and nobody is told.

Each receipt says so, on the incident's page and in its log. Outside the demo a channel that is missing stays loud.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from incidents.connectors import Address, Letter, NotSent, Receipt


class Outbox:
    """One channel, written to a folder: ``M1-email.txt``."""

    def __init__(self, channel: str, folder: Path) -> None:
        self.channel, self._folder = channel, folder

    def send(self, letter: Letter, address: Address, leaving: Callable[[], None]) -> Receipt:
        path = self._folder / f"{letter.id}-{self.channel}.txt"
        leaving()
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            path.write_text(f"To: {address.shown}\nSubject: {letter.subject}\n\n{letter.body}", encoding="utf-8")
        except OSError as error:
            raise NotSent(f"can't write {path.name}: {error.strerror}") from error
        return Receipt(f"demo, nobody was told: written to {self._folder.name}/{path.name}", "")

    def close(self) -> None:
        """Nothing is open."""
