"""
The streams: one change, told to thousands of open connections, narrowing changes first.

Lives on the event loop. A stream's ``send`` is stepped once instead of being awaited: it either finishes at once or
its reader is more than a socket buffer behind, and then the stream is closed (it resumes from the revision it has
applied). So one slow reader costs nobody else anything, and memory stays bounded.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Collection, Coroutine
from dataclasses import dataclass, field
from email.utils import formatdate
from typing import Any

import structlog

from incidents.enforcement.wire import Send, compact
from incidents.snapshot import Change, merge

log = structlog.get_logger("andon.streams")

CHUNK = 100  # streams told of a heartbeat before the loop may do something else
# A change goes to everybody before the first answers to it are worked off; only where that takes longer than this do
# other questions get a turn (some thousands of streams).
TURN_SECONDS = 0.05
HEARTBEAT_SECONDS = 10
QUIET_SECONDS = 1.0  # changes that only give something back wait at most this long
RING_CHANGES = 2_000
RING_ENTRIES = 200_000


class Ring:
    """The last changes, for bridging a gap. Appended by whoever commits, read on the loop."""

    def __init__(self) -> None:
        self._changes: deque[Change] = deque()
        self._entries = 0

    def add(self, change: Change) -> None:
        self._changes.append(change)
        self._entries += _size(change)
        while self._changes and (len(self._changes) > RING_CHANGES or self._entries > RING_ENTRIES):
            self._entries -= _size(self._changes.popleft())

    def bridge(self, ledger: str | None, revision: int, to: int | None = None) -> Change | None:
        """One change from ``revision`` to the newest (or to ``to``), or None where the gap can't be bridged."""
        found: Change | None = None
        for change in list(self._changes):
            if to is not None and change.revision > to:
                break
            if found is not None:
                if change.ledger != found.ledger:
                    return None
                found = merge(found, change)
            elif change.from_revision == revision and ledger in (None, change.ledger):
                found = change
        return found

    def contradicts(self, revision: int, digest: str | None) -> bool:
        """True if the table of that revision is known here and is not the one that ``digest`` is of."""
        if digest is None:
            return False
        return any(c.revision == revision and c.digest != digest for c in list(self._changes))


def _size(change: Change) -> int:
    return 1 + len(change.live_set) + len(change.live_remove) + len(change.shadow_set) + len(change.shadow_remove)


@dataclass(eq=False, slots=True)
class Stream:
    """
    One open connection. ``full``: gets changes; else only the note that something changed (browsers).

    ``token``: the id of the token that opened it; with that it ends.
    """

    send: Send
    revision: int
    full: bool
    token: str | None = None
    closing: bool = False
    task: asyncio.Task[Any] | None = field(default=None)

    def push(self, frame: bytes, *, last: bool = False) -> bool:
        """Write a frame if the connection can take it at once; False where the reader is too slow."""
        if self.closing:
            return False
        self.closing = last
        step = self.send({"type": "http.response.body", "body": frame, "more_body": not last})
        return _finished(step)


def _finished(step: Awaitable[None]) -> bool:
    """Run an ASGI send that should not wait; drop it where it does."""
    coroutine: Coroutine[Any, Any, None] = step  # type: ignore[assignment]
    try:
        coroutine.send(None)
    except StopIteration:
        return True
    coroutine.close()
    return False


class Hub:
    """All streams of this process."""

    def __init__(self, ring: Ring) -> None:
        self.ring = ring
        self.streams: set[Stream] = set()
        self.pages: set[Stream] = set()
        self.revision = 0  # the newest revision that streams were told
        self._waiting: asyncio.Queue[Change] = asyncio.Queue()
        self._held_back: Change | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._told_at = 0.0
        self._tasks: list[asyncio.Task[None]] = []

    def start(self, revision: int) -> None:
        self.revision = revision
        loop = asyncio.get_running_loop()
        self._tasks = [loop.create_task(self._fan_out()), loop.create_task(self._beat())]

    def publish(self, change: Change) -> None:
        """On the loop. Narrowing changes go out at once and take what was held back with them."""
        merged = change if self._held_back is None else merge(self._held_back, change)
        now = asyncio.get_running_loop().time()
        if merged.narrowing or now - self._told_at >= QUIET_SECONDS:
            self._tell(merged, now)
            return
        self._held_back = merged
        if self._timer is None:
            wait = QUIET_SECONDS - (now - self._told_at)
            self._timer = asyncio.get_running_loop().call_later(wait, self._quiet_is_over)

    def _quiet_is_over(self) -> None:
        self._timer = None
        if self._held_back is not None:
            self._tell(self._held_back, asyncio.get_running_loop().time())

    def _tell(self, change: Change, now: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._held_back, self._told_at = None, now
        self._waiting.put_nowait(change)

    async def _fan_out(self) -> None:
        while True:
            change = await self._waiting.get()
            try:
                await self._send_to_all(change)
            except Exception:
                log.exception("fan_out_failed", revision=change.revision)

    async def _send_to_all(self, change: Change) -> None:
        self.revision = change.revision
        note, whole = encode_note(change.revision), encode_change(change)
        turn_ends = time.monotonic() + TURN_SECONDS
        for stream in list(self.streams):
            if stream.revision < change.revision:
                self._send_one(stream, change, note, whole)
            if time.monotonic() >= turn_ends:
                await asyncio.sleep(0)
                turn_ends = time.monotonic() + TURN_SECONDS

    def _send_one(self, stream: Stream, change: Change, note: bytes, whole: bytes) -> None:
        frame = note
        if stream.full:
            frame = note + (whole if stream.revision == change.from_revision else self._bridged(stream, change))
        stream.revision = change.revision
        if not stream.push(frame):
            self.drop(stream)

    def _bridged(self, stream: Stream, change: Change) -> bytes:
        bridge = self.ring.bridge(change.ledger, stream.revision, change.revision)
        if bridge is None or bridge.revision != change.revision:
            return encode_resync(change.ledger, change.revision)
        return encode_change(bridge)

    def drop(self, stream: Stream) -> None:
        """Close a stream whose reader can't keep up; it will come back and resume."""
        self.streams.discard(stream)
        self.pages.discard(stream)
        stream.closing = True
        if stream.task is not None:
            stream.task.cancel()

    def end_without(self, tokens: Collection[str]) -> None:
        """Close the streams whose token is not among those in use."""
        for stream in list(self.streams):
            if stream.token is not None and stream.token not in tokens:
                self.drop(stream)

    async def _beat(self) -> None:
        while True:
            await asyncio.sleep(HEARTBEAT_SECONDS)
            for number, stream in enumerate([*self.streams, *self.pages], 1):
                if not stream.push(b": hb\n\n"):
                    self.drop(stream)
                if number % CHUNK == 0:
                    await asyncio.sleep(0)

    def tell_pages(self, about: dict[str, Any]) -> None:
        """Tell open pages that something they may show has changed."""
        frame = b"data: " + compact(about) + b"\n\n"
        for stream in list(self.pages):
            if not stream.push(frame):
                self.drop(stream)

    async def close(self) -> None:
        """End every stream cleanly; clients reconnect elsewhere or when we are back."""
        for task in self._tasks:
            task.cancel()
        for number, stream in enumerate([*self.streams, *self.pages], 1):
            if not stream.push(b": bye\n\n", last=True):
                self.drop(stream)
            if number % CHUNK == 0:
                await asyncio.sleep(0)


def encode_note(revision: int) -> bytes:
    """The event that OpenFeature providers understand: fetch again."""
    data = {"type": "refetchEvaluation", "etag": str(revision), "lastModified": formatdate(usegmt=True)}
    return b"data: " + compact(data) + b"\n\n"


def encode_change(change: Change) -> bytes:
    return b"event: change\nid: %d\ndata: %b\n\n" % (change.revision, compact(change.wire()))


def encode_resync(ledger: str, revision: int) -> bytes:
    return b"event: resync\ndata: " + compact({"ledger": ledger, "revision": revision}) + b"\n\n"
