"""
How long a client may take to send a request, and how much of it waits where.

uvicorn waits for ever for the rest of a request line, and the bridge to Flask keeps one of a few threads waiting for
the rest of a body: some dozens of half-sent requests would keep everybody from declaring. Here a connection that sends
too slowly is closed, and Flask is asked only when a request has arrived whole.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from incidents.enforcement.wire import BODY_LIMIT, Receive, Scope, Send, TooLarge, answer_problem

HEAD_SECONDS = 10.0  # from connecting, or from the first byte of a later request, to the end of its headers
BODY_SECONDS = 60.0  # from there to the end of the body
LARGEST_BODY = 9 * BODY_LIMIT  # of any route; each has its own limit below it
SMALL_BODY = 64 << 10  # a body up to here never has to wait for room
ROOM = 64 * BODY_LIMIT  # for all larger bodies that are on their way together
SWEEP_CHUNK = 500


class PromptProtocol(HttpToolsProtocol):
    """uvicorn's connection, with a moment until which what is missing of a request must have come."""

    due = float("inf")

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self.due = self.loop.time() + HEAD_SECONDS

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self.due == float("inf") and (self.cycle is None or self.cycle.response_complete):
            self.due = self.loop.time() + HEAD_SECONDS  # blank lines between two requests begin none

    def on_message_begin(self) -> None:
        super().on_message_begin()
        if self.due == float("inf"):
            self.due = self.loop.time() + HEAD_SECONDS

    def on_headers_complete(self) -> None:
        self.due = self.loop.time() + BODY_SECONDS
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        self.due = float("inf")
        super().on_message_complete()

    def shutdown(self) -> None:
        """Stopping waits for requests that are here, and for no other."""
        if self.due != float("inf"):
            self.transport.close()
        super().shutdown()


async def close_the_slow(connections: Iterable[Any]) -> None:
    """Once a second, close whoever is late. Runs until it is cancelled."""
    loop = asyncio.get_running_loop()
    while True:
        await asyncio.sleep(1)
        for number, connection in enumerate(list(connections), 1):
            if isinstance(connection, PromptProtocol) and connection.due < loop.time():
                connection.transport.close()
            if number % SWEEP_CHUNK == 0:
                await asyncio.sleep(0)


class NoRoom(Exception):
    """Too many large bodies are on their way."""


class WholeRequests:
    """The app below, asked when the body is there; so its threads wait for nobody's network."""

    def __init__(self, below: Any) -> None:
        self._below = below
        self._taken = 0  # bytes beyond SMALL_BODY, over all requests that are here

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._below(scope, receive, send)
            return
        body = bytearray()
        counted = 0
        try:
            while True:
                message = await receive()
                if message["type"] != "http.request":
                    return  # gone before all of it was here
                body += message.get("body", b"")
                large = max(0, len(body) - SMALL_BODY)
                self._taken, counted = self._taken + large - counted, large
                if len(body) > LARGEST_BODY:
                    raise TooLarge
                if large and self._taken > ROOM:
                    raise NoRoom
                if not message.get("more_body"):
                    break
            await self._below(scope, _Replay(bytes(body), receive), send)
        except TooLarge:
            await answer_problem(send, 413, f"the body is larger than {LARGEST_BODY >> 20} MiB", "too-large")
        except NoRoom:
            text = "too many large requests at once; try again in a moment"
            await answer_problem(send, 503, text, "busy", [(b"retry-after", b"2")])
        finally:
            self._taken -= counted


class _Replay:
    """``receive`` for an app that is handed the whole body at once."""

    def __init__(self, body: bytes, receive: Receive) -> None:
        self._body: bytes | None = body
        self._receive = receive

    async def __call__(self) -> dict[str, Any]:
        if self._body is None:
            return await self._receive()
        body, self._body = self._body, None
        return {"type": "http.request", "body": body, "more_body": False}
