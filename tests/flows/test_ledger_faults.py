"""
The ledger on its worst day, with real files and real processes: the short version of ``make chaos``.
"""

from __future__ import annotations

import asyncio
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from incidents.errors import LedgerUnavailable
from incidents.ledger import sqlite
from incidents.ledger.sqlite import SqliteLedger
from incidents.serve import build_front
from incidents.testing import ADMIN, workshop

ROOT = Path(__file__).parents[2]
FORKING = ["kill -9 at each commit point", "kill -9 at any moment", "kill -9 between claim, sending and outcome"]


@pytest.mark.parametrize("name", FORKING)
def test_kill_minus_nine_loses_nothing_and_halves_nothing(name: str) -> None:
    """An acknowledged kill that is gone after a crash, or half of one, would be found by the wrong people."""
    # A program of its own: it forks, and this one may have threads.
    command = [sys.executable, "-m", "tests.chaos", "--only", name, "--short"]
    ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)

    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert ran.stdout.endswith("trials, 0 violations\n")


def ask_live(front: Any, token: str) -> str:
    """The reason with which a gateway that asks live is answered."""
    headers = {
        "authorization": f"Bearer {token}",
        "x-partner": "acme",
        "x-model": "orion-2",
        "x-capability": "browsing",
    }
    scope = {
        "type": "http",
        "method": "GET",
        "path": "/enforce/v1/authorize",
        "query_string": b"",
        "headers": [(name.encode(), value.encode()) for name, value in headers.items()],
    }
    sent: list[dict[str, Any]] = []

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    asyncio.run(front(scope, None, send))
    return next(value.decode() for name, value in sent[0]["headers"] if name == b"x-andon-reason")


def test_gateway_that_asks_live_is_denied_one_lease_after_a_kill_that_could_not_be_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The lease counts from the failed kill, not from whoever asks first afterwards, however late that is."""
    shop = workshop(ledger=SqliteLedger.create(tmp_path / "andon.db"), lease_seconds=15)
    token, front = shop.point("edge"), build_front(shop.service)

    def fails(point: str) -> None:
        if point == "before-commit":
            raise LedgerUnavailable("the disk is full")

    with monkeypatch.context() as patched:
        patched.setattr(sqlite, "fault", fails)
        with pytest.raises(LedgerUnavailable):
            shop.service.operations.kill(ADMIN, "partner", "acme", "leaked")
    shop.clock.advance(16)
    shop.service.desk.follow()

    assert ask_live(front, token) == "lease-lapsed"
    shop.service.desk.try_resume()
    assert ask_live(front, token) == "granted"
    shop.service.stop()
