"""
What the fake Slack asks of a call, scopes and rates, and what can be made to happen to one.
"""

from __future__ import annotations

from dataclasses import dataclass
from fnmatch import fnmatch
from typing import Any

Json = dict[str, Any]

# What a bot token has to hold for each method; "" takes any valid token.
SCOPES = {
    "auth.test": "",
    "chat.postMessage": "chat:write",
    "chat.update": "chat:write",
    "chat.postEphemeral": "chat:write",
    "chat.getPermalink": "",
    "conversations.create": "channels:manage",
    "conversations.invite": "channels:manage",
    "conversations.setTopic": "channels:manage",
    "conversations.info": "channels:read",
    "conversations.list": "channels:read",
    "conversations.join": "channels:join",
    "conversations.open": "im:write",
    "conversations.history": "channels:history",
    "conversations.replies": "channels:history",
    "bookmarks.add": "bookmarks:write",
    "bookmarks.list": "bookmarks:read",
    "pins.add": "pins:write",
    "reactions.add": "reactions:write",
    "users.info": "users:read",
    "views.open": "",
    "views.update": "",
}
EVENT_SCOPES = ("commands", "pins:read", "reactions:read", "groups:read", "groups:history", "groups:write")
ALL_SCOPES = frozenset({*SCOPES.values(), *EVENT_SCOPES} - {""})
# Slack's tiers, calls a minute; posting a message is one a second and channel on top of its tier.
PER_MINUTE = {
    "conversations.create": 20,
    "conversations.list": 20,
    "conversations.join": 50,
    "bookmarks.add": 20,
    "pins.add": 20,
    "chat.update": 50,
    "conversations.invite": 50,
    "conversations.setTopic": 20,
}
OTHERS_PER_MINUTE = 100


@dataclass
class Call:
    """One call as it came in. ``error`` is what was answered: Slack's word, ``http 503``, ``unanswered`` or empty."""

    method: str
    args: Json
    at: float
    error: str = ""
    token: str = ""


@dataclass
class Fault:
    """
    What happens to calls whose method fits ``methods`` (a shell pattern): ``times`` times, or until ``end``.

    ``done``: the workspace has changed all the same, only the caller does not hear of it.
    """

    methods: str
    error: str = ""
    status: int = 200
    retry_after: int = 0
    delay_s: float = 0.0
    done: bool = False
    silent: bool = False
    times: int | None = None
    used: int = 0

    def fits(self, method: str) -> bool:
        return fnmatch(method, self.methods) and (self.times is None or self.used < self.times)

    def end(self) -> None:
        self.times = self.used


@dataclass
class Token:
    scopes: frozenset[str]
    until: float | None = None
    state: str = ""  # or token_revoked, account_inactive
