"""
The other end of Socket Mode: a websocket that slack_sdk's own client connects to, and envelopes through it.
"""

from __future__ import annotations

import itertools
import json
import threading
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl

from websockets.exceptions import ConnectionClosed
from websockets.sync.server import Server, ServerConnection, serve

from incidents.testing.slack_api import FakeSlack
from incidents.testing.slack_person import Answered

Json = dict[str, Any]
KINDS = {"/slack/commands": "slash_commands", "/slack/interactions": "interactive", "/slack/events": "events_api"}


class FakeSocket:
    """``with FakeSocket(slack) as socket: Deliveries(slack, socket.send)`` delivers as over HTTP."""

    def __init__(self, slack: FakeSlack) -> None:
        self._slack = slack
        self._count = itertools.count(1)
        self._changed = threading.Condition()
        self._connections: list[ServerConnection] = []
        self._answers: dict[str, Json] = {}
        self._server: Server | None = None

    def __enter__(self) -> FakeSocket:
        self._server = serve(self._talk, "127.0.0.1", 0)
        port = self._server.socket.getsockname()[1]
        self._slack.socket_url = f"ws://127.0.0.1:{port}/link/?ticket=1&app_id=A01ANDON"
        threading.Thread(target=self._server.serve_forever, name="fake-slack-socket", daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        for connection in list(self._connections):
            connection.close()
        if self._server is not None:
            self._server.shutdown()

    def _talk(self, connection: ServerConnection) -> None:
        connection.send(json.dumps({"type": "hello", "num_connections": 1, "connection_info": {"app_id": "A01ANDON"}}))
        with self._changed:
            self._connections.append(connection)
            self._changed.notify_all()
        try:
            for message in connection:
                said = json.loads(message)
                with self._changed:
                    self._answers[said["envelope_id"]] = said
                    self._changed.notify_all()
        except ConnectionClosed:
            pass
        finally:
            with self._changed:
                self._connections.remove(connection)
                self._changed.notify_all()

    def wait_connected(self, seconds: float = 10) -> None:
        with self._changed:
            assert self._changed.wait_for(lambda: self._connections, seconds), "nobody connected"  # noqa: S101

    def drop(self) -> None:
        """Slack closes the connection, as it does every few hours."""
        for connection in list(self._connections):
            connection.close()
        with self._changed:
            self._changed.wait_for(lambda: not self._connections, 10)

    def send(self, path: str, headers: Mapping[str, str], body: bytes) -> Answered:
        """One envelope; what was acknowledged, as if over HTTP. 504 where nothing came back in time."""
        kind = KINDS[path]
        payload: Json
        if kind == "events_api":
            payload = json.loads(body)
        else:
            form = dict(parse_qsl(body.decode(), keep_blank_values=True))
            payload = json.loads(form["payload"]) if kind == "interactive" else form
        return self.envelope(kind, payload)

    def envelope(self, kind: str, payload: Json, *, id: str = "") -> Answered:
        made = id or f"envelope-{next(self._count)}"
        with self._changed:
            self._answers.pop(made, None)
            connection = self._connections[-1]
        connection.send(
            json.dumps({"envelope_id": made, "type": kind, "payload": payload, "accepts_response_payload": True})
        )
        with self._changed:
            if not self._changed.wait_for(lambda: made in self._answers, 5):
                return Answered(504, "")
            answer = self._answers[made].get("payload")
        return Answered(200, json.dumps(answer) if answer else "")
