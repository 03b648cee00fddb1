"""
From the ASGI front to Flask and back with one change of threads each way.

a2wsgi's own way back takes four, and each waits for whichever thread is computing: with fifty commands at once that is
felt. It may, because it streams; here an answer is small and there before it is sent.
"""

from __future__ import annotations

import asyncio
import contextvars
import io
from typing import Any

from a2wsgi import WSGIMiddleware
from a2wsgi.wsgi import build_environ

from incidents.enforcement.wire import Receive, Scope, Send

Headers = list[tuple[bytes, bytes]]


class Bridge(WSGIMiddleware):
    """The WSGI app below ``WholeRequests``: a body comes in one piece."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # type: ignore[override]
        if scope["type"] != "http":
            await super().__call__(scope, receive, send)  # type: ignore[arg-type]
            return
        body = (await receive()).get("body", b"")
        environ: Any = build_environ(scope, io.BytesIO(body))  # type: ignore[arg-type]
        loop, context = asyncio.get_running_loop(), contextvars.copy_context()
        status, headers, said = await loop.run_in_executor(self.executor, context.run, self._asked, environ)
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": said})

    def _asked(self, environ: dict[str, Any]) -> tuple[int, Headers, bytes]:
        """In one of the threads: the whole answer."""
        began: list[tuple[str, list[tuple[str, str]]]] = []
        said: list[bytes] = []

        def start_response(status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> Any:
            began.append((status, headers))
            return said.append

        answer: Any = self.app(environ, start_response)  # type: ignore[arg-type]
        try:
            said.extend(answer)
        finally:
            getattr(answer, "close", lambda: None)()
        status, headers = began[-1]
        sent = [(name.lower().encode("latin1"), value.encode("latin1")) for name, value in headers]
        return int(status.partition(" ")[0]), sent, b"".join(said)
