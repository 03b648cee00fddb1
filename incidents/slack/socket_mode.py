"""
Socket Mode: where nothing can be reached from outside, Andon calls Slack and is told over that connection.

The same requests as over HTTP, without signatures: the connection is authenticated by the app-level token.
"""

from __future__ import annotations

import hashlib
import json
import threading
from typing import Any

import structlog
from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError, SlackClientError
from slack_sdk.socket_mode import SocketModeClient
from slack_sdk.socket_mode.client import BaseSocketModeClient
from slack_sdk.socket_mode.request import SocketModeRequest
from slack_sdk.socket_mode.response import SocketModeResponse

from incidents.errors import AndonError
from incidents.slack.edge import Edge
from incidents.slack.web_api import SILENT

Json = dict[str, Any]
log = structlog.get_logger("andon.slack")
AGAIN_S = 5.0
CLOSING_S = 0.5


class SocketMode:
    """Keeps the connection up from ``start`` to ``stop``; the client reconnects by itself once it has stood."""

    def __init__(self, edge: Edge, app_token: str, api_url: str) -> None:
        self._edge, self._token, self._api_url = edge, app_token, api_url
        self._client: SocketModeClient | None = None
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None
        self._because = ""  # why there is no first connection yet

    def start(self) -> None:
        self._thread = threading.Thread(target=self._connect, name="andon-slack-socket", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._stopping.set()
        if self._thread is not None:
            self._thread.join(timeout=1)
        if self._client is not None:
            closing = threading.Thread(target=self._client.close, name="andon-slack-socket-end", daemon=True)
            closing.start()
            closing.join(timeout=CLOSING_S)  # it waits for its threads, which look up every few seconds

    @property
    def is_connected(self) -> bool:
        return self._client is not None and self._client.is_connected()

    def _connect(self) -> None:
        while not self._stopping.is_set():
            web = WebClient(base_url=self._api_url, timeout=10, retry_handlers=[], logger=SILENT)
            client = SocketModeClient(app_token=self._token, web_client=web, logger=SILENT, concurrency=8)
            client.socket_mode_request_listeners.append(self._take)
            try:
                client.connect()
            except (SlackClientError, OSError) as error:
                client.close()
                self._because = _why(error)
                log.warning("slack_socket_not_connected", because=self._because)
                self._stopping.wait(AGAIN_S)
                continue
            self._client = client
            return

    def remark(self) -> dict[str, str] | None:
        """What stands on every page while nothing that is typed in Slack reaches us."""
        if not self._because or self._client is not None:
            return None
        return {
            "title": "Slack is not heard",
            "why": f"Socket Mode has no connection ({self._because}); what is typed in Slack does not arrive,"
            " everything else works. `andon doctor slack` says what to do",
            "tone": "wait",
        }

    def _take(self, client: BaseSocketModeClient, request: SocketModeRequest) -> None:
        """One envelope: answered within Slack's three seconds, like a request."""
        payload: Json | None
        try:
            payload = self._answer(request)
        except AndonError as error:
            log.warning("slack_socket_refused", kind=request.type, error=str(error))
            payload = None
        except Exception:
            log.exception("slack_socket_failed", kind=request.type)
            return  # not acknowledged: Slack sends it again
        client.send_socket_mode_response(SocketModeResponse(envelope_id=request.envelope_id, payload=payload or None))

    def _answer(self, request: SocketModeRequest) -> Json | None:
        body = json.dumps(request.payload, sort_keys=True).encode()
        sending = hashlib.sha256(request.envelope_id.encode()).hexdigest()
        match request.type:
            case "slash_commands":
                form = {name: str(value) for name, value in request.payload.items()}
                return self._edge.command_over_socket(form, body, sending)
            case "interactive":
                return self._edge.interaction_over_socket(request.payload, body, sending)
            case "events_api":
                return self._edge.event_over_socket(request.payload, body, sending)
        return None


def _why(error: Exception) -> str:
    """Slack's own word where it said one."""
    data = error.response.data if isinstance(error, SlackApiError) else None
    return str(data.get("error")) if isinstance(data, dict) and data.get("error") else type(error).__name__
