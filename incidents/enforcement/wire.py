"""
Reading requests and writing answers on the bare ASGI interface: just enough of HTTP for the hot routes.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Iterable
from typing import Any
from urllib.parse import parse_qs

from incidents.credentials import sent_secrets
from incidents.problems import MEDIA_TYPE, problem

Scope = dict[str, Any]
Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]
Headers = Iterable[tuple[bytes, bytes]]

BODY_LIMIT = 1 << 20
HEADER_LIMIT = 16 << 10
NO_STORE = (b"cache-control", b"no-store")
VARY = (b"vary", b"authorization, x-api-key")


class TooLarge(Exception):
    """The body is larger than the limit."""


class Disconnected(Exception):
    """The client went away while it was sending."""


class Request:
    """One request, with headers looked up by their lower-case name; the first of several of one name counts."""

    __slots__ = ("_headers", "_repeated", "header_bytes", "receive", "scope")

    def __init__(self, scope: Scope, receive: Receive) -> None:
        self.scope, self.receive = scope, receive
        self._headers: dict[bytes, bytes] = {}
        self._repeated: set[bytes] = set()
        size = 0
        for key, value in scope["headers"]:
            size += len(key) + len(value)
            if key in self._headers:
                self._repeated.add(key)
            else:
                self._headers[key] = value
        self.header_bytes = size

    @property
    def path(self) -> str:
        return str(self.scope["path"])

    @property
    def method(self) -> str:
        return str(self.scope["method"])

    def header(self, name: bytes) -> str | None:
        value = self._headers.get(name)
        return None if value is None else value.decode("latin-1")

    def only_header(self, name: bytes) -> tuple[str | None, bool]:
        """A header's value, and whether it was sent more than once (then nobody can say which one counts)."""
        return self.header(name), name in self._repeated

    def query(self) -> dict[str, str]:
        parsed = parse_qs(self.scope.get("query_string", b"").decode("latin-1"))
        return {name: values[-1] for name, values in parsed.items()}

    def tokens(self) -> list[str]:
        """What may be a token: ``X-API-Key``, then ``Authorization: Bearer``."""
        return sent_secrets(self.header(b"x-api-key") or "", self.header(b"authorization") or "")

    async def body(self) -> bytes:
        """
        Raises:
            TooLarge: Over 1 MiB.
            Disconnected: It never arrived whole.
        """
        message = await self.receive()
        chunk: bytes = message.get("body", b"")
        if message["type"] == "http.request" and not message.get("more_body"):
            if len(chunk) > BODY_LIMIT:
                raise TooLarge
            return chunk
        parts, size = [chunk], len(chunk)
        while message["type"] == "http.request" and message.get("more_body"):
            message = await self.receive()
            parts.append(message.get("body", b""))
            size += len(parts[-1])
            if size > BODY_LIMIT:
                raise TooLarge
        if message["type"] != "http.request":
            raise Disconnected
        return b"".join(parts)


def compact(value: Any) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()


async def answer(send: Send, status: int, body: bytes, headers: Headers = ()) -> None:
    await send(
        {
            "type": "http.response.start",
            "status": status,
            "headers": [(b"content-length", str(len(body)).encode()), *headers],
        }
    )
    await send({"type": "http.response.body", "body": body})


async def answer_json(send: Send, status: int, value: Any, headers: Headers = ()) -> None:
    await answer(send, status, compact(value), [(b"content-type", b"application/json"), NO_STORE, *headers])


async def answer_problem(send: Send, status: int, detail: str, code: str = "", headers: Headers = ()) -> None:
    body = compact(problem(status, detail, code=code))
    await answer(send, status, body, [(b"content-type", MEDIA_TYPE.encode()), NO_STORE, *headers])
