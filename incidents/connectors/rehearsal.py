"""
A drill's way to the outside: there is none.

Its address book knows no ledger, no catalog and no setting, so it can't find a real address, whoever asks. Its
channels write down what would have gone out. Whether it would have arrived it asks of whoever knows the real ways, and
hears no more than why not. Every letter says in its subject, first and last line what it is.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence

from incidents.connectors import Address, Connector, Letter, Office, Receipt
from incidents.outbox import Outcome

MARK = "DRILL. This is a rehearsal: nothing is wrong, and nothing was taken away from anybody."


class NobodysBook:
    """Finds for everybody the same nobody."""

    def find(self, channel: str, to: str) -> Address | None:
        return Address("nowhere", f"nowhere, for {to}", to)


class Rehearsal:
    """A channel that leads nowhere."""

    def __init__(self, channel: str) -> None:
        self.channel = channel

    def send(self, letter: Letter, address: Address, leaving: Callable[[], None]) -> Receipt:
        leaving()
        return Receipt(f"rehearsed: by {self.channel}, to {address.shown}; nothing left", "", Outcome.REHEARSED)

    def close(self) -> None:
        """Nothing is open."""


class RehearsalOffice(Office):
    """Takes nothing, so nothing real can be in it; serves every channel there may be."""

    def __init__(self, real_ways: Callable[[str, Sequence[str]], str | None]) -> None:
        super().__init__(NobodysBook())
        self._real_ways = real_ways

    def by(self, channel: str) -> Connector | None:
        return Rehearsal(channel)

    def why_not(self, to: str, channels: Sequence[str]) -> str | None:
        return self._real_ways(to, channels)

    def dressed(self, letter: Letter) -> Letter:
        """With DRILL in its subject, its first and its last line."""
        body = f"{MARK}\n\n{letter.body.strip()}\n\n{MARK}\n"
        return dataclasses.replace(letter, subject=f"DRILL: {letter.subject}", body=body)
