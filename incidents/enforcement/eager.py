"""
Hot requests answered in the step in which they arrive, with one write.

uvicorn makes a task for each request and writes head and body apart. For the routes that gateways ask thousands of
times a second, and that hardly ever wait, both cost more than the answer. Such a request is stepped once as soon as it
is there; where it has to wait after all (the first grant to an instance is written down first), a task goes on with it.
"""

from __future__ import annotations

import types
from collections.abc import Coroutine, Generator
from typing import Any

from incidents.enforcement.patience import PromptProtocol

HOT = ("/enforce/v1/lease", "/enforce/v1/authorize", "/ofrep/v1/evaluate/flags/")


class EagerProtocol(PromptProtocol):
    """uvicorn's connection; what is said about a hot route here holds only while its bytes are being read."""

    _reading = False
    _next: tuple[Any, Any] | None = None

    def data_received(self, data: bytes) -> None:
        self._reading = True
        try:
            super().data_received(data)
            while self._next is not None:  # answering one may bring up the next of a pipeline
                (cycle, app), self._next = self._next, None
                self._step(cycle, app)
        finally:
            self._reading = False

    def _start_asgi_task(self, cycle: Any, app: Any) -> None:
        if self._reading and cycle.scope["path"].startswith(HOT):
            self._next = cycle, app  # when the rest of these bytes was read: the body is most likely among them
        else:
            super()._start_asgi_task(cycle, app)

    def _step(self, cycle: Any, app: Any) -> None:
        joined = _Joined(self.transport)
        cycle.transport = joined
        answering = cycle.run_asgi(app)
        try:
            waits_for = answering.send(None)
        except StopIteration:
            return
        finally:
            cycle.transport = self.transport
            joined.flush()
        task = self.loop.create_task(_go_on(answering, waits_for))
        task.add_done_callback(self.tasks.discard)
        self.tasks.add(task)


class _Joined:
    """A transport that keeps what is written until it is flushed."""

    def __init__(self, transport: Any) -> None:
        self._transport = transport
        self._parts: list[bytes] = []

    def write(self, data: bytes) -> None:
        self._parts.append(data)

    def flush(self) -> None:
        if self._parts:
            self._transport.write(b"".join(self._parts))
            self._parts = []

    def close(self) -> None:
        self.flush()
        self._transport.close()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)


async def _go_on(answering: Coroutine[Any, Any, None], waits_for: Any) -> None:
    await _rest(answering, waits_for)


@types.coroutine
def _rest(answering: Coroutine[Any, Any, None], waits_for: Any) -> Generator[Any, Any, None]:
    """Everything after the first step, as the task that runs it would have had it."""
    while True:
        try:
            sent = yield waits_for
        except BaseException as error:  # noqa: BLE001 - whatever is thrown in belongs to the one that waits
            thrown: BaseException | None = error
        else:
            thrown = None
        try:
            waits_for = answering.send(sent) if thrown is None else answering.throw(thrown)
        except StopIteration:
            return
