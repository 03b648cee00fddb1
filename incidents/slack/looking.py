"""
Looking into Slack for what stands there: our own posts by their metadata, channels by their names.

Each post of ours carries what it is, so that one whose answer was lost is found instead of made again.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import structlog

from incidents.slack.web_api import Rejected, SlackApi

Json = dict[str, Any]
log = structlog.get_logger("andon.slack")

INCIDENT, LINES, LETTER = "andon_incident", "andon_lines", "andon_letter"  # kinds of metadata
PAGES, PAGE = 20, 200


def marked_as(kind: str, **payload: Any) -> Json:
    """Metadata for a post."""
    return {"event_type": kind, "event_payload": payload}


@dataclass(slots=True)
class Looking:
    api: SlackApi
    ids: dict[str, str] = field(default_factory=dict)  # #name -> id
    names: dict[str, str] = field(default_factory=dict)  # id -> #name

    # --- posts ---

    def post_of(self, incident: str, channel: str, since: float) -> tuple[tuple[str, str] | None, bool]:
        """
        An incident's message, if it stands in a channel: its channel and ``ts``; and whether we could look at all.

        Args:
            since: Seconds since the epoch; older posts are not looked at.
        """
        id = self.resolved(channel)
        if id is None:
            return None, False
        try:
            for payload, ts in self._ours(INCIDENT, "conversations.history", channel=id, oldest=f"{since - 5:.6f}"):
                if payload.get("id") == incident:
                    return (id, ts), True
        except Rejected as trouble:
            log.warning("slack_can_not_look", channel=id, because=trouble.because)
            return None, False
        return None, True

    def told_up_to(self, channel: str, ts: str) -> int | None:
        """The newest event that a thread tells of; 0 where it tells of none yet, None where we may not look."""
        try:
            found = self._ours(LINES, "conversations.replies", channel=channel, ts=ts)
            return max((int(payload.get("upto", 0)) for payload, _ in found), default=0)
        except Rejected as trouble:
            log.warning("slack_can_not_look", channel=channel, because=trouble.because)
            return None

    def letter(self, key: str, channel: str, thread: str | None, since: float) -> tuple[str, str] | None:
        """A notice by its key: its channel and ``ts``. Only the newest page is looked at."""
        id = self.resolved(channel)
        method, where = ("conversations.replies", {"ts": thread}) if thread else ("conversations.history", {})
        page = self.api.call(
            method, channel=id, limit=PAGE, oldest=f"{since - 5:.6f}", include_all_metadata=True, timeout_s=5, **where
        )
        for message in page.get("messages", ()):
            metadata = message.get("metadata") or {}
            if metadata.get("event_type") == LETTER and metadata.get("event_payload", {}).get("key") == key:
                return str(id), str(message["ts"])
        return None

    def _ours(self, kind: str, method: str, **args: Any) -> Iterator[tuple[Json, str]]:
        """Payload and ``ts`` of every post of ours of that kind."""
        for page in self._pages(method, include_all_metadata=True, **args):
            for message in page.get("messages", ()):
                metadata = message.get("metadata") or {}
                if metadata.get("event_type") == kind:
                    yield metadata.get("event_payload") or {}, str(message["ts"])

    def _pages(self, method: str, **args: Any) -> Iterator[Json]:
        cursor = None
        for _ in range(PAGES):
            page = self.api.call(method, limit=PAGE, cursor=cursor, **args)
            yield page
            cursor = (page.get("response_metadata") or {}).get("next_cursor")
            if not cursor:
                return

    # --- channels ---

    def learned(self, channel: str, id: str) -> None:
        """Slack took a post to this name and said which channel that is."""
        if channel.startswith("#"):
            self.ids[channel], self.names[id] = id, channel

    def known_id(self, channel: str, posts: Mapping[str, str]) -> str | None:
        """The id behind a ``#name``, found among the channels that an incident stands in already."""
        if not channel.startswith("#"):
            return channel
        if channel not in self.ids:
            for id in posts:
                if id not in self.names:
                    self.names[id] = self._name_of(id)
                self.ids.setdefault(self.names[id], id)
        return self.ids.get(channel)

    def _name_of(self, id: str) -> str:
        try:
            return f"#{self.api.call('conversations.info', channel=id)['channel'].get('name', '')}"
        except Rejected:
            return ""  # gone, or we may not look: it is no name of ours

    def resolved(self, channel: str) -> str | None:
        """A name's id by going through the channels: only where there is no other way, so hardly ever."""
        if not channel.startswith("#") or channel in self.ids:
            return self.ids.get(channel, channel)
        kinds = "public_channel,private_channel"
        try:
            for page in self._pages("conversations.list", exclude_archived=True, types=kinds):
                for found in page.get("channels", ()):
                    if f"#{found.get('name')}" == channel:
                        self.learned(channel, str(found["id"]))
                        return str(found["id"])
        except Rejected as trouble:
            log.warning("slack_can_not_look", channel=channel, because=trouble.because)
        return None
