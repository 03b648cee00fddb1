"""
So long may one exchange with a server take in all: a server that answers byte by byte never runs into a timeout.

A timeout of a socket counts from the last byte. Here a thread shuts the connection of whatever is over its time, and
whoever waits on it wakes with an error. The thread lives only while something is under way.
"""

from __future__ import annotations

import os
import socket
import threading
from contextlib import suppress

from incidents.clock import Clock

LOOK_S = 0.25


class Lap:
    """One connection. ``over``: it was shut because its time was over."""

    def __init__(self, watch: Watch, connection: socket.socket) -> None:
        # A handle of our own: TLS moves the connection to another object, and a closed number is soon somebody else's.
        self._handle = socket.socket(fileno=os.dup(connection.fileno()))
        self._watch = watch
        self.over = False

    def begin(self, seconds: float) -> None:
        """From now on it has so long, until ``end``."""
        self._watch.add(self, seconds)

    def end(self) -> None:
        self._watch.drop(self)

    def close(self) -> None:
        self.end()
        self._handle.close()

    def shut(self) -> None:
        self.over = True
        with suppress(OSError):  # it has gone by itself meanwhile
            self._handle.shutdown(socket.SHUT_RDWR)


class Watch:
    """Looks after any number of connections. Safe to use from several threads."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._until: dict[Lap, float] = {}  # by the boot clock
        self._running = False
        self._lock = threading.Lock()

    def add(self, lap: Lap, seconds: float) -> None:
        with self._lock:
            self._until[lap] = self._clock.boot() + seconds
            if not self._running:
                self._running = True
                threading.Thread(target=self._run, name="andon-laps", daemon=True).start()

    def drop(self, lap: Lap) -> None:
        with self._lock:
            self._until.pop(lap, None)

    def _run(self) -> None:
        pause = threading.Event()
        while True:
            pause.wait(LOOK_S)
            with self._lock:
                if not self._until:
                    self._running = False
                    return
                now = self._clock.boot()
                for lap in [lap for lap, until in self._until.items() if until <= now]:
                    del self._until[lap]
                    lap.shut()  # under the lock: its handle is closed only by whoever drops it first
