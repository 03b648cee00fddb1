"""
Slack's Web API over HTTP on 127.0.0.1: tokens, scopes, rates and every way in which it has a bad day.

``slack_sdk.WebClient(base_url=fake.url)`` talks to it unchanged. What a method does to the workspace stands in
``slack_methods``; here is whether and when the caller hears of it.
"""

from __future__ import annotations

import base64
import contextlib
import json
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from fnmatch import fnmatch
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl

from incidents.testing.slack_methods import Methods
from incidents.testing.slack_rules import ALL_SCOPES, OTHERS_PER_MINUTE, PER_MINUTE, SCOPES, Call, Fault, Token
from incidents.testing.slack_workspace import SlackError

Json = dict[str, Any]


@dataclass
class FakeSlack:
    """
    One app in one workspace. ``with FakeSlack() as slack: WebClient(token=slack.token, base_url=slack.url)``.

    ``now``: seconds, for tokens, rates and triggers; a test may pass its own clock's.
    """

    now: Callable[[], float] = time.time
    signing_secret: str = "8f742231b10e8888abcd99yyyzzz85a5"  # noqa: S105 - the fake's own
    client_id: str = "1111.2222"
    client_secret: str = "fake-client-secret"  # noqa: S105
    rates: bool = True
    calls: list[Call] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)
    tokens: dict[str, Token] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.workspace = Methods(self.now)
        self._lock = threading.Lock()
        self._seen: dict[tuple[str, ...], list[float]] = {}
        self._refresh = {"xoxe-1-first": "first"}
        self._rotations = 0
        self.token = "xoxb-fake-andon"  # noqa: S105
        self.app_token = "xapp-fake-andon"  # noqa: S105
        self.socket_url = ""
        self.tokens[self.token] = Token(ALL_SCOPES)
        self._server: ThreadingHTTPServer | None = None

    # --- running ---

    def __enter__(self) -> FakeSlack:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self, port: int = 0) -> FakeSlack:
        handler = type("Handler", (_Handler,), {"fake": self})
        self._server = ThreadingHTTPServer(("127.0.0.1", port), handler)
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, args=(0.02,), name="fake-slack", daemon=True).start()
        return self

    def stop(self) -> None:
        """Nothing listens any more: callers are refused a connection."""
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._server = None

    @property
    def base(self) -> str:
        if self._server is None:
            raise RuntimeError("the fake Slack is not running")
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    @property
    def url(self) -> str:
        """What ``base_url`` and ANDON_SLACK_API_URL take."""
        return f"{self.base}/api/"

    def response_url(self, channel: str, user: str) -> str:
        return f"{self.base}/commands/{self.workspace.hook(channel, user)}"

    # --- bad days ---

    def fails(self, methods: str, error: str, *, times: int | None = 1) -> Fault:
        """``ok: false`` with Slack's word, nothing done."""
        return self._fault(Fault(methods, error=error, times=times))

    def limits(self, methods: str, retry_after: int, *, times: int | None = 1) -> Fault:
        return self._fault(Fault(methods, error="ratelimited", status=429, retry_after=retry_after, times=times))

    def breaks(self, methods: str = "*", status: int = 503, *, times: int | None = 1) -> Fault:
        """A proxy's page instead of Slack's answer."""
        return self._fault(Fault(methods, status=status, times=times))

    def hangs_up(self, methods: str = "*", *, times: int | None = None) -> Fault:
        """The connection ends without an answer, nothing done."""
        return self._fault(Fault(methods, silent=True, times=times))

    def loses_the_answer(self, methods: str, *, times: int | None = 1) -> Fault:
        """It is done, but the caller never hears of it."""
        return self._fault(Fault(methods, silent=True, done=True, times=times))

    def is_late(self, methods: str, delay_s: float, *, times: int | None = 1) -> Fault:
        """It is done at once and answered late: past a client's time-out that is a time-out after success."""
        return self._fault(Fault(methods, delay_s=delay_s, done=True, times=times))

    def _fault(self, fault: Fault) -> Fault:
        with self._lock:
            self.faults.append(fault)
        return fault

    @contextlib.contextmanager
    def unreachable(self) -> Iterator[None]:
        """While the block runs, no call is answered and nothing is done."""
        fault = self.hangs_up()
        try:
            yield
        finally:
            fault.end()

    def revoke(self, token: str = "") -> None:
        self.tokens[token or self.token].state = "token_revoked"

    def give(self, token: str, *, without: str = "", until: float | None = None) -> str:
        """A token with every scope that is used, but for some (separated by blanks)."""
        self.tokens[token] = Token(ALL_SCOPES - set(without.split()), until)
        return token

    # --- what was called ---

    def called(self, method: str) -> list[Call]:
        with self._lock:
            return [c for c in self.calls if fnmatch(c.method, method)]

    # --- answering ---

    def answer(self, method: str, token: str, args: Json) -> tuple[int, dict[str, str], Json] | None:
        """Status, headers and body; None where the connection is to end without an answer."""
        call = Call(method, args, self.now(), token=token)
        with self._lock:
            self.calls.append(call)
            fault = next((f for f in self.faults if f.fits(method)), None)
            if fault is not None:
                fault.used += 1
        said: tuple[int, dict[str, str], Json] | None
        if fault is None or fault.done:
            said = self._do(method, token, args)
            if fault is not None:
                time.sleep(fault.delay_s)
                said = None if fault.silent else said
        elif fault.silent:
            said = None
        elif fault.error:
            headers = {"Retry-After": str(fault.retry_after)} if fault.retry_after else {}
            said = fault.status, headers, {"ok": False, "error": fault.error}
        else:
            said = fault.status, {}, {}
        call.error = "unanswered" if said is None else said[2].get("error", "") if said[2] else f"http {said[0]}"
        return said

    def _do(self, method: str, token: str, args: Json) -> tuple[int, dict[str, str], Json]:
        try:
            if method == "oauth.v2.access":
                return 200, {}, {"ok": True, **self._rotate(args)}
            if method == "apps.connections.open":
                return 200, {}, {"ok": True, "url": self._socket(token)}
            self._check_token(method, token, args)
            wait = self._too_many(method, str(args.get("channel", "")))
            if wait:
                return 429, {"Retry-After": str(wait)}, {"ok": False, "error": "ratelimited"}
            with self.workspace.lock:
                done: Json = getattr(self.workspace, method.replace(".", "_"))(args)
            return 200, {"X-OAuth-Scopes": ",".join(sorted(self.tokens[token].scopes))}, {"ok": True, **done}
        except SlackError as error:
            return 200, {}, {"ok": False, "error": error.error, **error.more}

    def _needed(self, method: str, args: Json) -> str:
        """The same call takes another scope where the channel is private."""
        channel = self.workspace.channels.get(str(args.get("channel") or args.get("channel_id") or ""))
        private = args.get("is_private") in (True, "true", "1") or (channel is not None and channel.private)
        if private and SCOPES[method].startswith("channels:"):
            return SCOPES[method].replace("channels:manage", "groups:write").replace("channels:", "groups:")
        return SCOPES[method]

    def _check_token(self, method: str, token: str, args: Json) -> None:
        if method not in SCOPES:
            raise SlackError("unknown_method", req_method=method)
        if not token:
            raise SlackError("not_authed")
        known = self.tokens.get(token)
        if known is None:
            raise SlackError("invalid_auth")
        if known.state:
            raise SlackError(known.state)
        if known.until is not None and self.now() >= known.until:
            raise SlackError("token_expired")
        needed = self._needed(method, args)
        if needed and needed not in known.scopes:
            raise SlackError("missing_scope", needed=needed, provided=",".join(sorted(known.scopes)))

    def _too_many(self, method: str, channel: str) -> int:
        """Seconds to wait; 0 where the call is within Slack's rates."""
        if not self.rates:
            return 0
        now = self.now()
        with self._lock:
            if method == "chat.postMessage":
                posts = self._seen.setdefault((method, channel), [])
                posts[:] = [at for at in posts if now - at < 1.0]
                if posts:
                    return 1
                posts.append(now)
            calls = self._seen.setdefault((method,), [])
            calls[:] = [at for at in calls if now - at < 60.0]
            if len(calls) >= PER_MINUTE.get(method, OTHERS_PER_MINUTE):
                return max(1, int(60 - (now - calls[0])) + 1)
            calls.append(now)
        return 0

    def _rotate(self, args: Json) -> Json:
        """A refresh token works once; the access token that it gives lives for twelve hours."""
        if (args.get("client_id"), args.get("client_secret")) != (self.client_id, self.client_secret):
            raise SlackError("invalid_client_id")
        with self._lock:
            if self._refresh.pop(str(args.get("refresh_token")), None) is None:
                raise SlackError("invalid_refresh_token")
            self._rotations += 1
            token, refresh = f"xoxe.xoxb-1-{self._rotations}", f"xoxe-1-{self._rotations}"
            self._refresh[refresh] = token
        self.give(token, until=self.now() + 43_200)
        return {
            "access_token": token,
            "refresh_token": refresh,
            "expires_in": 43_200,
            "token_type": "bot",
            "team": {"id": self.workspace.team},
        }

    def _socket(self, token: str) -> str:
        if token != self.app_token:
            raise SlackError("not_allowed_token_type" if token in self.tokens else "invalid_auth")
        if not self.socket_url:
            raise SlackError("internal_error")
        return self.socket_url


class _Handler(BaseHTTPRequestHandler):
    """One request; ``fake`` is set by ``FakeSlack.start``."""

    fake: FakeSlack
    protocol_version = "HTTP/1.1"
    timeout = 30

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if self.path.startswith("/commands/"):
            status = self.fake.workspace.answer_hook(self.path.removeprefix("/commands/"), json.loads(body))
            self._send(status, "text/plain", {}, b"ok" if status == 200 else b"expired_url")
            return
        token, args = self._read(body)
        said = self.fake.answer(self.path.split("?")[0].removeprefix("/api/"), token, args)
        if said is None:
            self.close_connection = True
            return
        status, headers, answer = said
        if answer:
            self._send(status, "application/json; charset=utf-8", headers, json.dumps(answer).encode())
        else:
            self._send(status, "text/html", headers, b"<html><body>Something went wrong</body></html>")

    do_GET = do_POST  # noqa: N815

    def _read(self, body: bytes) -> tuple[str, Json]:
        scheme, _, token = (self.headers.get("Authorization") or "").partition(" ")
        if (self.headers.get("Content-Type") or "").startswith("application/json"):
            args: Json = json.loads(body or b"{}")
        else:
            args = dict(parse_qsl(body.decode()))
        if scheme == "Basic":
            args["client_id"], _, args["client_secret"] = base64.b64decode(token).decode().partition(":")
            token = ""
        return token or str(args.pop("token", "")), args

    def _send(self, status: int, kind: str, headers: dict[str, str], body: bytes) -> None:
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):  # the caller has given up waiting
            self.send_response(status)
            for name, value in {"Content-Type": kind, "Content-Length": str(len(body)), **headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Calls are kept in ``FakeSlack.calls``; nothing goes to the terminal."""
