"""
A Slack workspace in memory: people, channels, messages, modals, and what Slack refuses in any of them.

Knows nothing of HTTP, tokens or rates; ``slack_api`` puts those around it, ``slack_methods`` is what can be called.
Errors are Slack's own words.
"""

from __future__ import annotations

import itertools
import json
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from incidents.testing.slack_limits import faults

Json = dict[str, Any]
TRIGGER_SECONDS = 3.0
HOOK_SECONDS, HOOK_USES = 1800.0, 5
TEXT_LIMIT, TOPIC_LIMIT, NAME_LIMIT, VIEW_BYTES = 4_000, 250, 80, 250_000  # 40,000 on paper; refused from 4,000 on
BLOCK_CHARACTERS = 13_200  # of a message's blocks as JSON: on no page of Slack's, but refused all the same


class SlackError(Exception):
    """``ok: false`` with this error; ``more`` goes into the answer beside it."""

    def __init__(self, error: str, **more: Any) -> None:
        super().__init__(error)
        self.error, self.more = error, more


@dataclass
class Channel:
    id: str
    name: str
    private: bool = False
    archived: bool = False
    direct: bool = False
    members: set[str] = field(default_factory=set)
    creator: str = ""
    topic: str = ""
    messages: list[Json] = field(default_factory=list)
    bookmarks: list[Json] = field(default_factory=list)
    pins: list[str] = field(default_factory=list)


@dataclass
class Person:
    id: str
    name: str
    team: str
    deleted: bool = False
    bot: bool = False


@dataclass
class Hook:
    """A ``response_url``: five posts within half an hour."""

    channel: str
    user: str
    until: float
    uses: int = 0


class Workspace:
    """One team with the bot in it. Safe for threads. ``now`` gives seconds; tests may hand in their own clock."""

    def __init__(self, now: Callable[[], float], team: str = "T01ANDON", bot: str = "U0ANDONBOT") -> None:
        self.now, self.team, self.bot = now, team, bot
        self.lock = threading.RLock()
        self.people = {bot: Person(bot, "andon", team, bot=True)}
        self.channels: dict[str, Channel] = {}
        self.ephemerals: list[Json] = []
        self.views: dict[str, Json] = {}
        self.hooks: dict[str, Hook] = {}
        self._triggers: dict[str, tuple[float, str]] = {}
        self._used_triggers: set[str] = set()
        self._count = itertools.count(1)
        self._last_ts = 0

    # --- what a test sets up and looks at ---

    def add_person(self, id: str, name: str = "") -> Person:
        self.people[id] = Person(id, name or id.lower(), self.team)
        return self.people[id]

    def add_channel(self, name: str, *, bot: bool = True, private: bool = False) -> Channel:
        channel = Channel(f"C{next(self._count):08d}", name, private=private, members={self.bot} if bot else set())
        self.channels[channel.id] = channel
        return channel

    def channel(self, name: str) -> Channel:
        """By name or id, as a test names it."""
        return next(c for c in self.channels.values() if name.lstrip("#") in (c.name, c.id))

    def trigger(self, user: str) -> str:
        """What a command or a press carries: opens one modal within three seconds."""
        id = f"{next(self._count)}.{self.team}.trigger"
        self._triggers[id] = (self.now() + TRIGGER_SECONDS, user)
        return id

    def hook(self, channel: str, user: str) -> str:
        id = f"{self.team}/{next(self._count)}/hook"
        self.hooks[id] = Hook(channel, user, self.now() + HOOK_SECONDS)
        return id

    def say(self, user: str, channel: str, text: str, **more: Any) -> Json:
        """A person writes something in a channel, in Slack's own window."""
        return self._keep(self.channel(channel), {"user": user, "text": text, **more})

    def open_view(self, user: str) -> Json | None:
        """The modal that a person sees."""
        mine = [v for v in self.views.values() if v["_user"] == user]
        return mine[-1] if mine else None

    # --- inside ---

    def _ts(self) -> str:
        self._last_ts = max(self._last_ts + 1, int(self.now() * 1_000_000))
        return f"{self._last_ts // 1_000_000}.{self._last_ts % 1_000_000:06d}"

    def _keep(self, channel: Channel, message: Json) -> Json:
        kept = {"type": "message", "team": self.team, "ts": self._ts()} | message
        channel.messages.append(kept)
        return kept

    def _found(self, id: object, *, by_name: bool = False) -> Channel:
        text = str(id or "")
        if text in self.channels:
            return self._visible(self.channels[text])
        if by_name and text.startswith("U") and text in self.people:
            return self._direct(text)
        for channel in self.channels.values():
            if by_name and text.lstrip("#") == channel.name:
                return self._visible(channel)
        raise SlackError("channel_not_found")

    def _visible(self, channel: Channel) -> Channel:
        if channel.private and self.bot not in channel.members:
            raise SlackError("channel_not_found")
        return channel

    def _direct(self, user: str) -> Channel:
        for channel in self.channels.values():
            if channel.direct and user in channel.members:
                return channel
        made = Channel(f"D{next(self._count):08d}", "", direct=True, members={self.bot, user})
        self.channels[made.id] = made
        return made

    def _inside(self, id: object, *, by_name: bool = False) -> Channel:
        channel = self._found(id, by_name=by_name)
        if self.bot not in channel.members:
            raise SlackError("not_in_channel")
        if channel.archived:
            raise SlackError("is_archived")
        return channel

    def _message(self, channel: Channel, ts: object) -> Json:
        for message in channel.messages:
            if message["ts"] == ts:
                return message
        raise SlackError("message_not_found")

    def _content(self, args: Json) -> Json:
        text, blocks = args.get("text") or "", plain(args.get("blocks"))
        if not text and not blocks:
            raise SlackError("no_text")
        if len(text) > TEXT_LIMIT:
            raise SlackError("msg_too_long")
        if blocks and len(json.dumps(blocks, ensure_ascii=False)) > BLOCK_CHARACTERS:
            raise SlackError("msg_blocks_too_long")
        if blocks and (wrong := faults(blocks)):
            raise SlackError("invalid_blocks", errors=wrong, response_metadata={"messages": wrong})
        kept: Json = {"text": text, **({"blocks": blocks} if blocks else {})}
        if (metadata := plain(args.get("metadata"))) is not None:
            kept["metadata"] = metadata
        return kept


def plain(value: Any) -> Any:
    """Blocks and views come as JSON, or as JSON in a form field."""
    if isinstance(value, str):
        try:
            return json.loads(value)
        except ValueError:
            raise SlackError("invalid_arguments") from None
    return value


def true(value: object) -> bool:
    return value in (True, "true", "1", 1)


def in_channel(message: Json) -> bool:
    """Whether it is seen without opening a thread."""
    return message.get("thread_ts", message["ts"]) == message["ts"] or message.get("subtype") == "thread_broadcast"


def without_metadata(message: Json) -> Json:
    return {k: v for k, v in message.items() if k != "metadata"}
