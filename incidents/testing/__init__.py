"""
A whole Andon in memory, for tests of Andon and of what is built on it.

Same wiring as the real thing: only the ledger is kept in memory and the clock moves when it is told to.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from importlib.resources import files

from incidents.clock import ManualClock
from incidents.connectors import Address, Letter, Receipt
from incidents.credentials import Credential, local_admin
from incidents.decisions import Asker, access
from incidents.events import Actor, Draft, LeaseSet, LedgerOpened
from incidents.ledger import Ledger
from incidents.ledger.memory import MemoryLedger
from incidents.service import Service
from incidents.settings import Settings
from incidents.tokens import digest_of

ADMIN = local_admin("tester")


def sample_catalog() -> str:
    """The catalog of the demo: acme, globex, initech; orion-2, vega-1."""
    return files("incidents.demo").joinpath("catalog.yaml").read_text(encoding="utf-8")


class Pigeonhole:
    """
    A channel that keeps what it is given. ``trouble`` is raised by the next tries, one each; None lets one pass.

    ``after_leaving``: whether the trouble comes when the letter may have arrived already.
    """

    def __init__(self, channel: str = "email") -> None:
        self.channel = channel
        self.letters: list[tuple[Address, Letter]] = []
        self.trouble: list[Exception | None] = []
        self.after_leaving = False
        self._lock = threading.Lock()

    def send(self, letter: Letter, address: Address, leaving: Callable[[], None]) -> Receipt:
        with self._lock:
            trouble = self.trouble.pop(0) if self.trouble else None
        if trouble is not None and not self.after_leaving:
            raise trouble
        leaving()
        with self._lock:
            self.letters.append((address, letter))
        if trouble is not None:
            raise trouble
        return Receipt("kept", f"{self.channel}-{letter.id}")

    def close(self) -> None:
        """Nothing is open."""

    @property
    def told(self) -> list[tuple[str, str]]:
        """To whom, and the subject."""
        return [(address.value, letter.subject) for address, letter in self.letters]


@dataclass
class Workshop:
    """A service with actors that have names: ``secret("ada", "commander")`` makes a token once and gives it again."""

    service: Service
    clock: ManualClock
    _secrets: dict[tuple[str, str, str | None, str | None], str] = field(default_factory=dict)

    def secret(self, name: str, role: str, *, person: str | None = None, partner: str | None = None) -> str:
        wanted = (name, role, person, partner)
        if wanted not in self._secrets:
            request = access.CreateToken(name=name, role=role, person=person, partner=partner)
            _, secret = self.service.operations.create_token(ADMIN, request)
            self._secrets[wanted] = secret or ""
        return self._secrets[wanted]

    def person(self, id: str, role: str) -> Asker:
        """The asker behind a token of that person."""
        return self.credential(self.secret(f"{id}-{role}", role, person=id)).asker("api")

    def point(self, name: str) -> str:
        """Registers an enforcement point; returns its token."""
        return self.secret(name, "enforcer")

    def credential(self, secret: str) -> Credential:
        return self.service.desk.credentials[digest_of(secret)]

    def channel(self, name: str = "email") -> Pigeonhole:
        """Connect a channel that keeps what is sent; before anything is posted."""
        made = Pigeonhole(name)
        self.service.postroom.add(made)
        return made

    def post(self) -> None:
        """Have everything done that is due now, and wait until it is."""
        room = self.service.postroom
        end = time.monotonic() + 20
        while room.turn() or not room.idle:
            room.wake.wait(0.02)
            room.wake.clear()
            if time.monotonic() > end:
                raise AssertionError("what is due now was not done within 20 s")

    def headers(self, secret: str) -> dict[str, str]:
        return {"Authorization": f"Bearer {secret}"}


def open_ledger(ledger: Ledger, clock: ManualClock, *, lease_seconds: int = 15) -> None:
    """What ``andon init`` writes, but for the first token."""
    opening = [Draft(LedgerOpened(ledger_id=ledger.id)), Draft(LeaseSet(seconds=lease_seconds))]
    ledger.append(opening, actor=Actor(None, None, "test"), now=clock.now(), expected=0)


def workshop(
    *,
    ledger: Ledger | None = None,
    catalog: str | None = None,
    lease_seconds: int = 15,
    settings: Settings | None = None,
) -> Workshop:
    """A service on a fresh ledger, with the sample catalog applied."""
    clock = ManualClock()
    store = ledger or MemoryLedger()
    open_ledger(store, clock, lease_seconds=lease_seconds)
    service = Service.open(settings or Settings(), ledger=store, clock=clock)
    service.operations.apply_catalog(ADMIN, catalog if catalog is not None else sample_catalog(), "catalog.yaml")
    return Workshop(service, clock)
