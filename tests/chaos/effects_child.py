"""
One life of a sending service, in a process of its own: opens the ledger, sends what is owed, and dies where it is told.

Imported once by the process that the lives are forked from; nothing here may start a thread at import.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from incidents import effects
from incidents.clock import SystemClock
from incidents.connectors import Address, Letter, Receipt
from incidents.connectors.email import Email, mail_server
from incidents.ledger import sqlite
from incidents.ledger.sqlite import SqliteLedger
from incidents.service import Service
from incidents.settings import Settings

SECONDS = 30


@dataclass(frozen=True)
class Life:
    """``point``: where it dies, of the runner or of the ledger, at the ``passes``-th time; "" lives to the end."""

    ledger: Path
    mail_port: int
    outbox: Path
    point: str = ""
    passes: int = 1


class InFile:
    """A channel whose far side is a file: one line for each delivery, there for good once it is written."""

    def __init__(self, channel: str, path: Path) -> None:
        self.channel, self._path = channel, path

    def send(self, letter: Letter, address: Address, leaving: Callable[[], None]) -> Receipt:
        leaving()
        doubted = "not known whether" in letter.body
        line = f"{self.channel}\t{letter.id}\t{letter.key}\t{address.value}\t{'again?' if doubted else ''}\n"
        with self._path.open("a") as file:
            file.write(line)
        return Receipt("written", letter.id)

    def close(self) -> None:
        """Nothing is open."""


def live(life: Life) -> None:
    """The whole life; a process that is not killed ends with exit code 0 once nothing is owed any more."""
    service = Service.open(Settings(), ledger=SqliteLedger.open(life.ledger), clock=SystemClock())
    room = service.postroom
    room.add(Email(mail_server(f"smtp://127.0.0.1:{life.mail_port}"), service.clock))
    room.add(InFile("slack", life.outbox))
    room.add(InFile("mlflow", life.outbox))
    if life.point:
        _arm(life)
    end = service.clock.boot() + SECONDS
    while room.turn() or not room.idle:
        room.wake.wait(0.01)
        room.wake.clear()
        if service.clock.boot() > end:
            os._exit(8)
    room.stop()
    service.ledger.close()
    os._exit(0)


def _arm(life: Life) -> None:
    left = [life.passes]

    def hook(at: str) -> None:
        if at == life.point:
            left[0] -= 1
            if left[0] == 0:
                os.kill(os.getpid(), signal.SIGKILL)

    effects.fault = hook
    sqlite.fault = hook
