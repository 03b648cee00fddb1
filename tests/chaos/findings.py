"""
What a fault found, and the list of all faults.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

SLACK = 0.15  # seconds: two processes on a busy machine; how long a thread that looks may not get to run


@dataclass
class Finding:
    """
    ``worst_s``: the longest time in which something was still allowed after it should have ended; ``bound_s``: what
    was promised for it.
    """

    trials: int = 0
    violations: list[str] = field(default_factory=list)
    worst_s: float | None = None
    bound_s: float | None = None
    note: str = ""
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def expect(self, holds: object, otherwise: str) -> bool:
        """Count a violation unless it holds."""
        if not holds:
            with self._lock:
                self.violations.append(otherwise)
        return bool(holds)

    def took(self, seconds: float, bound_s: float, what: str) -> None:
        """A time to deny, held against its bound; denied before it had to be counts as at once."""
        seconds = max(0.0, seconds)
        with self._lock:
            if self.worst_s is None or seconds > self.worst_s:
                self.worst_s = seconds
            self.bound_s = bound_s
        self.expect(
            seconds <= bound_s + SLACK, f"{what}: still allowed {seconds:.3f} s after, the bound is {bound_s:.3f} s"
        )

    def data(self) -> dict[str, Any]:
        return {
            "trials": self.trials,
            "violations": self.violations,
            "worst_s": None if self.worst_s is None else round(self.worst_s, 4),
            "bound_s": self.bound_s,
            "note": self.note,
        }


@dataclass(frozen=True)
class Fault:
    """
    One way for the world to be wrong. ``trials`` in ``make chaos``, ``short`` of them among the tests.

    ``alone``: it forks, turns this process's clock, counts its log or fills it with threads; nothing may run beside it.
    """

    name: str
    promise: str
    group: str
    trials: int
    short: int
    run: Callable[[int, Path], Finding]
    alone: bool = False


FAULTS: dict[str, Fault] = {}


def fault(
    name: str, promise: str, *, group: str, trials: int = 1, short: int = 1, alone: bool = False
) -> Callable[[Callable[[int, Path], Finding]], Callable[[int, Path], Finding]]:
    """Enter a function ``(trials, empty folder) -> Finding`` in the list."""

    def register(run: Callable[[int, Path], Finding]) -> Callable[[int, Path], Finding]:
        FAULTS[name] = Fault(name, promise, group, trials, short, run, alone)
        return run

    return register
