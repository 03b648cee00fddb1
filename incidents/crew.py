"""
The threads that carry effects out, a few for each channel, so that a slow one holds up nobody else.

Some of each crew are kept for what is urgent: a channel that is busy with the rest still takes a kill at once. Knows
neither what is carried out nor what becomes of it.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from typing import Generic, TypeVar

import structlog

J = TypeVar("J")
log = structlog.get_logger("andon.effects")

WORKERS, RESERVED = 8, 2
WAITING = 4  # for each worker, jobs that may be claimed ahead


class Crew(Generic[J]):
    """``work`` is called with one job at a time in each thread, and must not raise. Threads start when needed."""

    def __init__(self, name: str, work: Callable[[J], None]) -> None:
        self._name, self._work = name, work
        self._waiting: dict[bool, deque[J]] = {True: deque(), False: deque()}
        self._changed = threading.Condition()
        self._threads: list[threading.Thread] = []
        self._busy = {True: 0, False: 0}  # by whether the thread is reserved
        self._stopping = False

    def room(self, *, urgent: bool) -> int:
        """How many more jobs make sense now."""
        with self._changed:
            size = (WORKERS + RESERVED if urgent else WORKERS) * WAITING
            return max(0, size - len(self._waiting[urgent]))

    def put(self, job: J, *, urgent: bool) -> None:
        with self._changed:
            self._waiting[urgent].append(job)
            self._hire(urgent)
            self._changed.notify_all()

    @property
    def dry(self) -> bool:
        """Nothing waits for a thread: it could carry more."""
        with self._changed:
            return not any(self._waiting.values())

    @property
    def idle(self) -> bool:
        with self._changed:
            return not any(self._waiting.values()) and not any(self._busy.values())

    def stop(self, seconds: float) -> None:
        """Take no more jobs; wait a while for those under way."""
        with self._changed:
            self._stopping = True
            self._changed.notify_all()
            threads = list(self._threads)
        for number, thread in enumerate(threads):
            thread.join(seconds if number == 0 else seconds / len(threads))

    def _hire(self, urgent: bool) -> None:
        wanted = min(WORKERS, sum(map(len, self._waiting.values())) + self._busy[False])
        usual = sum(not thread.name.endswith("urgent") for thread in self._threads)
        if usual < wanted and usual < WORKERS:
            self._start(reserved=False, number=usual)
        if urgent and len(self._threads) - usual < RESERVED:
            self._start(reserved=True, number=len(self._threads) - usual)

    def _start(self, *, reserved: bool, number: int) -> None:
        name = f"andon-{self._name}-{number}{'-urgent' if reserved else ''}"
        thread = threading.Thread(target=self._run, args=(reserved,), name=name, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _run(self, reserved: bool) -> None:
        while (job := self._next(reserved)) is not None:
            try:
                self._work(job)
            except Exception:  # the thread must live on, whatever one job met
                log.exception("effect_worker_failed", channel=self._name)
            finally:
                with self._changed:
                    self._busy[reserved] -= 1

    def _next(self, reserved: bool) -> J | None:
        with self._changed:
            while True:
                if self._stopping:
                    return None
                for urgent in (True, False) if not reserved else (True,):
                    if self._waiting[urgent]:
                        self._busy[reserved] += 1
                        return self._waiting[urgent].popleft()
                self._changed.wait()
