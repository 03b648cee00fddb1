"""
Decisions per second over HTTP: C connections, each asking again as soon as it was answered.

The generator is this file (uvloop, raw HTTP, one process); the bare server's empty answer under the same generator is
the most that can be seen with it. ``python -m tests.bench.asks`` takes orders as JSON on standard input.
"""

from __future__ import annotations

import asyncio
import gc
import json
import sys
import time
from typing import Any

import uvloop

from tests.bench.figures import percentile


class Asker(asyncio.Protocol):
    """One connection with one request under way."""

    def __init__(self, request: bytes, expect: bytes, until: float, took: list[float]) -> None:
        self._request, self._expect, self._until, self._took = request, expect, until, took
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._unread = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport: asyncio.WriteTransport = transport  # type: ignore[assignment]
        self._ask()

    def _ask(self) -> None:
        self._began = time.perf_counter()
        self._transport.write(self._request)

    def data_received(self, data: bytes) -> None:
        self._unread += data
        end = self._unread.find(b"\r\n\r\n")
        if end < 0:
            return
        head = self._unread[:end].lower()
        at = head.find(b"content-length: ")
        if at < 0:
            self._fail(f"an answer without a length: {self._unread[:400]!r}")
            return
        length = int(head[at + 16 :].partition(b"\r\n")[0])
        if len(self._unread) < end + 4 + length:
            return
        now = time.perf_counter()
        if not self._unread.startswith(b"HTTP/1.1 200") or self._expect not in self._unread:
            self._fail(f"unexpected answer: {self._unread[:400]!r}")
            return
        self._unread = b""
        self._took.append(now - self._began)
        if now < self._until:
            self._ask()
        elif not self.done.done():
            self.done.set_result(None)

    def connection_lost(self, exc: Exception | None) -> None:
        self._fail(f"the connection ended: {exc}")

    def _fail(self, why: str) -> None:
        if not self.done.done():
            self.done.set_exception(AssertionError(why))
            self._transport.close()


async def rate(port: int, request: bytes, expect: bytes, connections: int, seconds: float) -> dict[str, float]:
    """Answers per second and how long they took, in milliseconds."""
    loop, took = asyncio.get_running_loop(), list[float]()
    began = time.perf_counter()
    lines = [
        await loop.create_connection(lambda: Asker(request, expect, began + seconds, took), "127.0.0.1", port)
        for _ in range(connections)
    ]
    await asyncio.wait_for(asyncio.gather(*(asker.done for _, asker in lines)), seconds + 30)
    lasted = time.perf_counter() - began
    for transport, _ in lines:
        transport.close()
    millis = [t * 1e3 for t in took]
    return {
        "per_second": round(len(took) / lasted),
        "p50_ms": round(percentile(millis, 50), 3),
        "p99_ms": round(percentile(millis, 99), 3),
    }


async def run(orders: dict[str, Any]) -> list[dict[str, Any]]:
    """Every kind of question in turn, again and again; one row for each turn."""
    rows: list[dict[str, Any]] = []
    gc.disable()
    for _ in range(orders["rounds"]):
        for kind in orders["kinds"]:
            for connections in orders["connections"]:
                found = await rate(
                    kind["port"], kind["request"].encode(), kind["expect"].encode(), connections, orders["seconds"]
                )
                rows.append({"kind": kind["name"], "connections": connections, **found})
                await asyncio.sleep(0.05)
    return rows


if __name__ == "__main__":
    print(json.dumps(uvloop.run(run(json.load(sys.stdin)))))
