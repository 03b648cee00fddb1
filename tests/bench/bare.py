"""
The floor to stand on: event stream and acknowledgements over plain sockets, without framework, ledger or decision.

Measures what the machine and the kernel need for the same traffic pattern; Andon's figures are quoted as multiples.
Runs as its own process: ``python -m tests.bench.bare PORT``.
"""

from __future__ import annotations

import asyncio
import contextlib
import sys

import uvloop

STREAM_HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ncache-control: no-store\r\n\r\n: open\n\n"


class Hall:
    """Everybody who listens, and how many have answered the newest call."""

    def __init__(self) -> None:
        self.listeners: set[asyncio.Transport] = set()
        self.call = 0
        self.answered = 0


class Line(asyncio.Protocol):
    """One connection. Requests have no body, so a blank line ends each of them."""

    def __init__(self, hall: Hall) -> None:
        self._hall = hall
        self._unread = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport: asyncio.Transport = transport  # type: ignore[assignment]  # uvloop's is one without being it

    def connection_lost(self, exc: Exception | None) -> None:
        self._hall.listeners.discard(self._transport)

    def data_received(self, data: bytes) -> None:
        self._unread += data
        while (end := self._unread.find(b"\r\n\r\n")) >= 0:
            request, self._unread = self._unread[:end], self._unread[end + 4 :]
            self._serve(request.split(b" ", 2)[1])

    def _serve(self, path: bytes) -> None:
        hall = self._hall
        if path == b"/ack":
            hall.answered += 1
            self._say(b"ok")
        elif path == b"/listen":
            self._transport.write(STREAM_HEAD)
            hall.listeners.add(self._transport)
        elif path == b"/call":
            hall.call, hall.answered = hall.call + 1, 0
            frame = b'event: change\ndata: {"revision":%d}\n\n' % hall.call
            for listener in hall.listeners:
                listener.write(frame)
            self._say(b"%d" % hall.call)
        elif path == b"/count":
            self._say(b"%d %d" % (len(hall.listeners), hall.answered))
        else:
            self._say(b"")

    def _say(self, body: bytes) -> None:
        self._transport.write(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n%b" % (len(body), body))


async def serve(port: int) -> None:
    hall = Hall()
    server = await asyncio.get_running_loop().create_server(lambda: Line(hall), "127.0.0.1", port, backlog=4096)
    async with server:
        await server.serve_forever()


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        uvloop.run(serve(int(sys.argv[1])))
