"""
The Events API: messages edited and deleted, pins, reactions, and that our token was taken away.

Slack tells of every message in every channel that the bot is in; what is no business of ours is not even written down.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import structlog

from incidents.slack.captures import Captures

Json = dict[str, Any]
log = structlog.get_logger("andon.slack")


class Events:
    """``token_gone``: told when Slack says that our token, or the whole app, was taken away."""

    def __init__(self, captures: Captures, token_gone: Callable[[], None]) -> None:
        self._captures, self._token_gone = captures, token_gone

    def concerns(self, event: Json) -> bool:
        """Whether an event is to be written down and acted on."""
        channel = str(event.get("channel") or event.get("channel_id") or "")
        match event.get("type"), event.get("subtype"):
            case "message", "message_changed":
                return self._captures.knows(channel, str((event.get("message") or {}).get("ts")))
            case "message", "message_deleted":
                return self._captures.knows(channel, str(event.get("deleted_ts")))
            case "pin_added", _:
                return self._captures.is_home(channel)
            case "reaction_added", _:
                return self._captures.is_home(str((event.get("item") or {}).get("channel")))
        return event.get("type") in ("tokens_revoked", "app_uninstalled")

    def take(self, event: Json) -> None:
        """Act on an event that concerns us; a second time changes nothing."""
        channel = str(event.get("channel") or event.get("channel_id") or "")
        item = event.get("item") or {}
        match event.get("type"), event.get("subtype"):
            case "message", "message_changed":
                self._captures.edited(channel, event.get("message") or {}, event.get("previous_message") or {})
            case "message", "message_deleted":
                self._captures.deleted(channel, str(event.get("deleted_ts")))
            case "pin_added", _ if item.get("type") == "message":
                self._captures.by_pin(str(event.get("user")), channel, item.get("message") or {})
            case "reaction_added", _ if item.get("type") == "message":
                where, ts = str(item.get("channel")), str(item.get("ts"))
                self._captures.by_emoji(str(event.get("user")), where, ts, str(event.get("reaction")))
            case ("tokens_revoked" | "app_uninstalled") as kind, _:
                log.error("slack_token_gone", kind=kind)
                self._token_gone()
