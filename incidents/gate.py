"""
The gate that letters leave through: each is written down as leaving before it may, and those that come together are
written down in one go.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass

Mark = Callable[[Sequence[tuple[str, str]]], Sequence[bool]]


@dataclass(slots=True)
class _Passing:
    effect: str
    ticket: str
    done: bool = False
    may_leave: bool = False
    trouble: Exception | None = None


class Gate:
    """``mark`` writes down durably what is about to leave, and answers for each whether it still may."""

    def __init__(self, mark: Mark) -> None:
        self._mark = mark
        self._waiting: list[_Passing] = []
        self._lock = threading.Lock()
        self._marking = threading.Lock()

    def passes(self, effect: str, ticket: str) -> bool:
        """
        Whether it may leave now; written down when this returns. Called from several threads at once.

        Raises:
            Unavailable: It can't be written down, so it must not leave.
        """
        own = _Passing(effect, ticket)
        with self._lock:
            self._waiting.append(own)
        with self._marking:  # whoever gets here first writes for all that wait; the others find it done
            if not own.done:
                with self._lock:
                    together, self._waiting = self._waiting, []
                self._write(together)
        if own.trouble is not None:
            raise own.trouble
        return own.may_leave

    def _write(self, together: Sequence[_Passing]) -> None:
        try:
            answers = self._mark([(one.effect, one.ticket) for one in together])
            for one, answer in zip(together, answers, strict=True):
                one.may_leave = answer
        except Exception as error:  # noqa: BLE001 - each of those that wait has to hear of it
            for one in together:
                one.trouble = error
        for one in together:
            one.done = True
