"""
A small enforcement server for tests of the client: real sockets, real threads, the wire format, and knobs for trouble.

It shares no code with the client or the service, so that an error in one of them can't hide in the other.
"""

from __future__ import annotations

import hashlib
import json
import queue
import socket
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

LADDER = ["internal", "red-team", "trusted-partner", "limited", "general"]


def sample_table() -> dict[str, Any]:
    """Two partners, two models, three flags; acme may use all of it."""
    return {
        "ladder": list(LADDER),
        "model:orion-2": {"stage": "trusted-partner"},
        "model:lyra-1": {"stage": "general"},
        "flag:orion-2:tool-use": {},
        "flag:orion-2:code-execution": {"silence": "allow"},
        "flag:lyra-1:tool-use": {},
        "partner:acme": {"audience": "trusted-partner"},
        "partner:globex": {"audience": "general"},
        "grant:acme:orion-2:tool-use": {"terms": True},
        "grant:acme:orion-2:code-execution": {"terms": True},
        "grant:acme:lyra-1:tool-use": {"terms": True, "cap": {"per_day": 3}},
        "grant:globex:orion-2:tool-use": {"terms": True},
    }


def digest_of(live: dict[str, Any], shadow: dict[str, Any]) -> str:
    """Written out once more from the definition: the whole sum each time."""
    total = 0
    for name, table in (("live", live), ("shadow", shadow)):
        for key, value in table.items():
            text = json.dumps([name, key, value], sort_keys=True, separators=(",", ":"), ensure_ascii=True)
            total += int(hashlib.sha256(text.encode()).hexdigest(), 16)
    return format(total % 2**256, "064x")


def snapshot_of(
    live: dict[str, Any], *, shadow: dict[str, Any] | None = None, ledger: str = "ledger-1", revision: int = 1
) -> dict[str, Any]:
    shadow = shadow or {}
    return {
        "ledger": ledger,
        "revision": revision,
        "digest": digest_of(live, shadow),
        "lease_seconds": 15,
        "live": live,
        "shadow": shadow,
    }


def wait_until(condition: Callable[[], object], within: float = 5.0, what: str = "") -> None:
    """Look every few milliseconds; fails with ``what`` after ``within`` seconds."""
    until = time.monotonic() + within
    while not condition():
        assert time.monotonic() < until, f"did not come true within {within} s: {what or condition}"
        time.sleep(0.004)


class FakeEnforcement:
    """
    The server's side of the wire.

    Knobs: ``lease_seconds``, ``delay`` (of a lease answer), ``frozen`` (accepts, answers nothing), ``status`` (route to
    HTTP status instead of an answer), ``wrong_nonce``, ``resync_only`` (never bridges a gap), ``spoil_next`` (the next
    change has lost what it should set, so its digest does not fit), ``keep_quiet`` (changes are not streamed),
    ``chunked`` (how streams are sent), ``others`` (uses by other instances).
    Seen: ``leases``, ``streams``, ``snapshots``, ``unchanged``.
    """

    def __init__(self, *, token: str = "andon_test") -> None:
        self.token = token
        self.ledger, self.revision = "ledger-1", 1
        self.live, self.shadow = sample_table(), dict[str, Any]()
        self.lease_seconds: float = 15
        self.delay = 0.0
        self.heartbeat = 0.1
        self.status: dict[str, int] = {}
        self.wrong_nonce = self.resync_only = self.spoil_next = self.keep_quiet = False
        self.chunked = True
        self.others: dict[str, int] = {}
        self.leases: list[dict[str, Any]] = []
        self.streams: list[dict[str, str]] = []
        self.snapshots = self.unchanged = 0
        self.changes: list[dict[str, Any]] = []
        self._lock = threading.RLock()
        self._open: list[queue.SimpleQueue[bytes | None]] = []
        self._running = threading.Event()
        self._running.set()
        self._stopped = False
        self._http: ThreadingHTTPServer | None = None
        self.port = 0

    # -- life

    def start(self) -> FakeEnforcement:
        fake = self

        class Handler(_Handler):
            server_side = fake

        class Server(ThreadingHTTPServer):
            daemon_threads = True
            block_on_close = False
            allow_reuse_address = True

            def handle_error(self, request: Any, client_address: Any) -> None:
                """A client that hangs up is part of the tests."""

        self._stopped = False
        self._http = Server(("127.0.0.1", self.port), Handler)
        self.port = self._http.server_address[1]
        threading.Thread(target=self._http.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        return self

    def stop(self) -> None:
        self._stopped = True
        self._running.set()
        self.cut_streams()
        if self._http is not None:
            self._http.shutdown()
            self._http.server_close()
            self._http = None

    def __enter__(self) -> FakeEnforcement:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    # -- knobs with an effect at once

    @property
    def frozen(self) -> bool:
        return not self._running.is_set()

    @frozen.setter
    def frozen(self, value: bool) -> None:
        (self._running.clear if value else self._running.set)()

    def cut_streams(self) -> None:
        with self._lock:
            for line in self._open:
                line.put(None)

    @property
    def open_streams(self) -> int:
        with self._lock:
            return len(self._open)

    def change(self, put: dict[str, Any] | None = None, remove: tuple[str, ...] = (), **shadow: Any) -> int:
        """One append: the next revision, streamed at once unless ``keep_quiet``. Returns the revision."""
        with self._lock:
            before = self.revision
            self.live = {key: value for key, value in self.live.items() if key not in remove} | (put or {})
            self.shadow = self.shadow | shadow.get("shadow", {})
            self.revision += 1
            change = {
                "ledger": self.ledger,
                "from": before,
                "revision": self.revision,
                "live": {"set": put or {}, "remove": list(remove)},
                "shadow": {"set": shadow.get("shadow", {}), "remove": []},
                "digest": digest_of(self.live, self.shadow),
            }
            if self.spoil_next:
                self.spoil_next, change["live"] = False, {"set": {}, "remove": []}
            self.changes.append(change)
            if not self.keep_quiet:
                self.send(change_bytes(change))
            return self.revision

    def replace(self, *, ledger: str, revision: int, live: dict[str, Any] | None = None) -> None:
        """Another history, as after a restore from backup. Nobody is told."""
        with self._lock:
            self.ledger, self.revision, self.changes = ledger, revision, []
            self.live = sample_table() if live is None else live

    def send(self, text: bytes) -> None:
        """Anything, to every open stream."""
        with self._lock:
            for line in self._open:
                line.put(text)

    # -- what the points have said

    def acknowledged(self, revision: int) -> bool:
        """Has somebody acknowledged this revision with the right digest?"""
        with self._lock:
            return any(each["revision"] == revision and each["digest"] for each in self.leases)

    # -- answers

    def snapshot(self) -> dict[str, Any]:
        with self._lock:
            return snapshot_of(dict(self.live), shadow=dict(self.shadow), ledger=self.ledger, revision=self.revision)

    def lease(self, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        with self._lock:
            self.leases.append(body)
            nonce = "not-yours" if self.wrong_nonce else body["nonce"]
            answer: dict[str, Any] = {"revision": self.revision, "nonce": nonce, "ledger": self.ledger}
            if body["ledger"] == self.ledger and body["revision"] > self.revision:
                return 409, {"title": "this server is older"}
            right = (self.ledger, self.revision, digest_of(self.live, self.shadow))
            if (body["ledger"], body["revision"], body["digest"]) != right:
                change = self._bridge(body)
                return 200, answer | {"lease_seconds": 0} | ({"change": change} if change else {"resync": True})
            rows = [row | {"count": row["count"] + self.others.get(row["per"], 0)} for row in body["usage"]]
            return 200, answer | {"lease_seconds": self.lease_seconds, "usage": rows}

    def _bridge(self, body: dict[str, Any]) -> dict[str, Any] | None:
        if self.resync_only or body["ledger"] != self.ledger:
            return None
        return next((each for each in self.changes if each["from"] == body["revision"]), None)

    def missed(self, ledger: str, revision: int) -> bytes:
        """What a stream that comes back gets first."""
        if ledger != self.ledger or (self.resync_only and revision != self.revision) or revision > self.revision:
            where = json.dumps({"ledger": self.ledger, "revision": self.revision})
            return f"event: resync\ndata: {where}\n\n".encode()
        return b"".join(change_bytes(each) for each in self.changes if each["from"] >= revision)


def change_bytes(change: dict[str, Any]) -> bytes:
    revision = change["revision"]
    refetch = json.dumps({"type": "refetchEvaluation", "etag": str(revision)})
    return f"data: {refetch}\n\nevent: change\nid: {revision}\ndata: {json.dumps(change)}\n\n".encode()


class _Handler(BaseHTTPRequestHandler):
    server_side: FakeEnforcement
    protocol_version = "HTTP/1.1"
    timeout = 30
    disable_nagle_algorithm = True  # head and body are written apart; else each answer waits 40 ms

    def do_GET(self) -> None:
        path = urlsplit(self.path).path
        if not self._admitted(path):
            return
        if path == "/enforce/v1/snapshot":
            self._snapshot()
        elif path == "/enforce/v1/stream":
            self._stream()

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if not self._admitted(urlsplit(self.path).path):
            return
        status, answer = self.server_side.lease(body)
        if self.server_side.delay:
            time.sleep(self.server_side.delay)
        self._json(status, answer)

    def _admitted(self, path: str) -> bool:
        fake = self.server_side
        fake._running.wait()
        if fake._stopped:
            self.close_connection = True
            return False
        status = fake.status.get(path.rsplit("/", 1)[-1])
        if self.headers["Authorization"] != f"Bearer {fake.token}":
            status = 401
        if status is not None:
            self._json(status, {"title": "trouble"})
        return status is None

    def _snapshot(self) -> None:
        body = self.server_side.snapshot()
        etag = f'"{body["ledger"]}-{body["revision"]}"'
        if self.headers["If-None-Match"] == etag:
            self.server_side.unchanged += 1
            self.send_response(304)
            self.send_header("ETag", etag)
            self.end_headers()
            return
        self.server_side.snapshots += 1
        self._json(200, body, etag=etag)

    def _json(self, status: int, body: dict[str, Any], etag: str | None = None) -> None:
        text = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(text)))
        if etag is not None:
            self.send_header("ETag", etag)
        self.end_headers()
        self.wfile.write(text)

    def _stream(self) -> None:
        fake = self.server_side
        line: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
        with fake._lock:
            ledger = parse_qs(urlsplit(self.path).query)["ledger"][0]
            fake.streams.append({"ledger": ledger, "last": self.headers["Last-Event-ID"]})
            first = b"retry: 1000\n\n" + fake.missed(ledger, int(self.headers["Last-Event-ID"]))
            fake._open.append(line)
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Transfer-Encoding" if fake.chunked else "Connection", "chunked" if fake.chunked else "close")
        self.end_headers()
        try:
            self._portion(first)
            while (text := self._next(line)) is not None:
                if not fake.frozen:
                    self._portion(text)
        finally:
            with fake._lock:
                fake._open.remove(line)
            self.close_connection = True
            self.connection.shutdown(socket.SHUT_RDWR)

    def _next(self, line: queue.SimpleQueue[bytes | None]) -> bytes | None:
        try:
            return line.get(timeout=self.server_side.heartbeat)
        except queue.Empty:
            return b": hb\n\n"

    def _portion(self, text: bytes) -> None:
        self.wfile.write(b"%x\r\n%s\r\n" % (len(text), text) if self.server_side.chunked else text)
        self.wfile.flush()

    def log_message(self, format: str, *args: Any) -> None:
        """Tests look at what was seen, not at an access log."""
