"""
What a way to the outside has to offer, and what it is handed: a finished letter, an address, and nothing else.

A connector knows one outside system. It decides neither what is said nor to whom nor how often, and knows no other
connector. ``Office`` is a set of connectors with the only address book that they are asked with.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Protocol

from incidents.outbox import Outcome


@dataclass(frozen=True, slots=True)
class Letter:
    """
    One message or order, ready to leave.

    ``key`` is the same for every try of it, for targets that can tell a repeat by it; ``thread`` is the same for all
    that is about one incident. ``order`` is what a machine is to do, where it is an order.
    """

    id: str
    key: str
    subject: str
    body: str
    template: str
    thread: str
    lane: str
    order: Mapping[str, Any] | None = None
    about: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Address:
    """Where a channel delivers to. ``shown`` names it for people without giving it away."""

    channel: str
    value: str
    shown: str


@dataclass(frozen=True, slots=True)
class Receipt:
    """
    Proof that the target took it. ``words`` are the target's own, shortened; ``evidence`` the message's name there.
    """

    words: str
    evidence: str
    outcome: Outcome = Outcome.SENT


class NotSent(Exception):
    """
    It certainly did not arrive. ``because`` is a short word of ours, without addresses and secrets.

    ``for_good``: trying this channel again would not help. ``after``: the target asked to wait so long.
    """

    def __init__(self, because: str, *, for_good: bool = False, after: timedelta | None = None) -> None:
        super().__init__(because)
        self.because, self.for_good, self.after = because, for_good, after


class Unclear(Exception):
    """It may have arrived. ``because`` is a short word of ours."""

    def __init__(self, because: str) -> None:
        super().__init__(because)
        self.because = because


class Connector(Protocol):
    """One way to the outside. Called from several threads at once."""

    @property
    def channel(self) -> str:
        """``email``, ``slack``, ``webhook`` ...: the word in an effect's list of channels."""

    def send(self, letter: Letter, address: Address, leaving: Callable[[], None]) -> Receipt:
        """
        Deliver, within half a minute.

        ``leaving`` is called exactly once, right before the step after which the target may have it: whatever fails
        earlier is known not to have arrived. If it raises, nothing may be sent.

        Raises:
            NotSent: Known not to have arrived, at whatever step.
            Unclear: It may have arrived.
        """

    def close(self) -> None:
        """Nothing is sent any more; let go of what is held open."""


class AddressBook(Protocol):
    """Finds addresses. The only place that knows any."""

    def find(self, channel: str, to: str) -> Address | None:
        """Where ``to`` (``person:ada``, ``partner:acme`` ...) is reached by a channel; None: not known there."""


class Office:
    """Connectors by channel, the book that their addresses come from, and what is written onto every letter."""

    def __init__(self, book: AddressBook, *connectors: Connector) -> None:
        self.book = book
        self._connectors: dict[str, Connector] = {connector.channel: connector for connector in connectors}

    def add(self, connector: Connector) -> None:
        """Connect one more channel; before the outbox is started."""
        self._connectors[connector.channel] = connector

    def by(self, channel: str) -> Connector | None:
        """What serves a channel; None where nothing does."""
        return self._connectors.get(channel)

    def dressed(self, letter: Letter) -> Letter:
        """The letter as it leaves this office."""
        return letter

    def why_not(self, to: str, channels: Sequence[str]) -> str | None:
        """Of an office that only rehearses: why the real one would not reach a reader now; None where it would."""
        return None

    @property
    def channels(self) -> list[str]:
        return sorted(self._connectors)

    def close(self) -> None:
        for connector in self._connectors.values():
            connector.close()
