"""
Lists and searches with a long past beside a short one: the same questions in turn, as an operator asks them.

In process, on real ledgers whose index is tidy: HTTP and templates cost the same in both.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from incidents.credentials import local_admin
from incidents.ledger.sqlite import SqliteLedger
from incidents.operations import Operations
from incidents.service import Service
from tests.bench.figures import percentile, ratio, spread
from tests.bench.ground import Ground, add_closed_incidents, lay

SHORT = 1_000
ASKER = local_admin("bench")
Ask = Callable[[Operations, int], Any]

# Each with the number of closed incidents that there are, so that a page in the middle is one.
QUESTIONS: dict[str, Ask] = {
    "newest 25": lambda o, n: o.incidents(ASKER, limit=25),
    "25 from the middle": lambda o, n: o.incidents(ASKER, limit=25, cursor=f"INC-2020-{n // 2:04d}"),
    "a filter that none fits": lambda o, n: o.incidents(ASKER, limit=25, kind="drill"),
    "the board": lambda o, n: o.board(ASKER),
    "a word that one has": lambda o, n: o.incidents(ASKER, limit=25, search="inc-2020-0500"),
    "a word that some have": lambda o, n: o.incidents(ASKER, limit=25, search="partner-0007"),
    "a word that all have": lambda o, n: o.incidents(ASKER, limit=25, search="long"),
    "two letters that all have": lambda o, n: o.incidents(ASKER, limit=25, search="l o"),
    "a word that all have, a filter that none fits": lambda o, n: o.incidents(ASKER, kind="drill", search="long"),
}


def measure(folder: Path, *, closed: int, rounds: int) -> dict[str, Any]:
    """``short_ms`` and ``long_ms`` of each question, and ``ratio`` of the medians."""
    with ExitStack() as stack:
        short = stack.enter_context(_Past(folder / "short", SHORT))
        long = stack.enter_context(_Past(folder / "long", closed))
        rows = [_row(name, short, long, rounds) for name in QUESTIONS]
        return {"short": SHORT, "long": closed, "index_s": round(long.index_s, 1), "rows": rows}


class _Past:
    """A service on a ledger with that many closed incidents behind it."""

    def __init__(self, folder: Path, closed: int) -> None:
        self.closed = closed
        ground: Ground = lay(folder, partners=300)
        ledger = SqliteLedger.open(ground.settings.database_path)
        add_closed_incidents(ledger, closed, ground.partners)
        began = time.perf_counter()
        while not ledger.tidy():
            pass
        self.index_s = time.perf_counter() - began
        ledger.close()
        self.service = Service.open(ground.settings)

    def ask(self, question: Ask) -> float:
        """Milliseconds; what was read of closed incidents is forgotten again, as the engine does each second."""
        began = time.perf_counter()
        answer = question(self.service.operations, self.closed)
        took = (time.perf_counter() - began) * 1e3
        assert answer
        self.service.desk.let_go()
        return took

    def __enter__(self) -> _Past:
        return self

    def __exit__(self, *_: object) -> None:
        self.service.stop()


def _row(name: str, short: _Past, long: _Past, rounds: int) -> dict[str, Any]:
    took: dict[str, list[float]] = {"short": [], "long": []}
    for number in range(rounds + 1):
        for which, past in (("short", short), ("long", long)):
            found = past.ask(QUESTIONS[name])
            if number:  # the first one warms up
                took[which].append(found)
    medians = (percentile(took["long"], 50), percentile(took["short"], 50))
    return {
        "question": name,
        "short_ms": spread(took["short"]),
        "long_ms": spread(took["long"]),
        "ratio": ratio(*medians),
    }
