"""
A channel for each incident, where the setting asks for it: made once, with its people, its bookmarks and its topic.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import structlog

from incidents.life import RESTRICTED
from incidents.service import Service
from incidents.slack.blocks import cut
from incidents.slack.incident_message import kind_word, severity, status_words
from incidents.slack.limits import BOOKMARK, TOPIC
from incidents.slack.places import room_name
from incidents.slack.posts import Posts, Wanted
from incidents.slack.reader import Reader
from incidents.slack.web_api import Rejected, SlackApi

Json = dict[str, Any]
log = structlog.get_logger("andon.slack")

NEW = "(new channel)"  # the lane of a channel that is not there yet
NAMES_TRIED = 5
HARMLESS = frozenset({"already_in_channel", "cant_invite_self", "user_not_found", "cant_invite", "user_is_restricted"})


@dataclass(slots=True)
class Room:
    """What was done with one channel since the start; Slack itself says "already" to what was done before."""

    topic: str = ""
    invited: set[str] = field(default_factory=set)
    bookmarked: bool = False


@dataclass(slots=True)
class Rooms:
    service: Service
    api: SlackApi
    posts: Posts
    rooms: dict[str, Room] = field(default_factory=dict)
    tried: dict[str, int] = field(default_factory=dict)  # incident -> names that were taken

    def wanted(self, i: Json, posts: Mapping[str, str], reader: Reader) -> Iterator[Wanted]:
        """Rank 1: the channel itself; 3: people; 4: topic; 5: bookmarks."""
        if not self._wants_room(i):
            return
        with self.service.desk.read(i["id"]) as state:
            channel = state.incidents[i["id"]].room
        if not channel:
            if i["status"] not in ("closed", "false-alarm", "merged"):
                yield 1, NEW, "room", lambda: self._open(i)
            return
        if self.posts.is_broken(channel):
            return
        room = self.rooms.setdefault(channel, Room())
        people = [reader.accounts[p] for p in self._people(i) if p in reader.accounts]
        missing = [account for account in people if account not in room.invited]
        topic = topic_of(i, reader)
        if missing:
            yield 3, channel, "invite", lambda: self._invite(channel, room, missing)
        if room.topic != topic:
            yield 4, channel, "topic", lambda: self._set_topic(channel, room, topic)
        if not room.bookmarked:
            yield 5, channel, "bookmarks", lambda: self._bookmark(i, channel, room, reader)

    def _wants_room(self, i: Json) -> bool:
        rooms = self.service.settings.slack.rooms
        return i["kind"] != "test" and (rooms == "all" or (rooms == "real" and i["kind"] == "real"))

    def _people(self, i: Json) -> list[str]:
        """Whoever has or is offered a role, declared or joined it; of a restricted one its members alone."""
        if i["visibility"] == RESTRICTED:
            return list(i["insiders"])
        roles = [r[name] for r in i["roles"] for name in ("person", "offered_to") if r[name]]
        return list(dict.fromkeys([i["declared_by"], *i["joined"], *roles]))

    def _open(self, i: Json) -> None:
        with self.service.desk.read(i["id"]) as state:
            base = room_name(state.incidents[i["id"]])
        tried = self.tried.get(i["id"], 0)
        name = base if not tried else f"{base}-{tried + 1}"
        try:
            made = self.api.call("conversations.create", name=name, is_private=i["visibility"] == RESTRICTED)
            channel = str(made["channel"]["id"])
        except Rejected as trouble:
            if trouble.error != "name_taken" or tried >= NAMES_TRIED:
                raise
            mine = self._ours(name)
            if mine is None:
                self.tried[i["id"]] = tried + 1
                return
            channel = mine  # made by an earlier try whose answer never came
        self.service.operations.record_room(i["id"], channel, name)

    def _ours(self, name: str) -> str | None:
        """A channel of that name that we made and that belongs to no incident yet."""
        id = self.posts.looking.resolved(f"#{name}")
        if id is None:
            return None
        found = self.api.call("conversations.info", channel=id)["channel"]
        with self.service.desk.read() as state:
            mine = found.get("creator") == state.chat.bot and id not in state.chat.rooms
        return id if mine else None

    def _invite(self, channel: str, room: Room, accounts: list[str]) -> None:
        try:
            self.api.call("conversations.invite", channel=channel, users=",".join(accounts[:100]), force=True)
        except Rejected as trouble:
            if trouble.error not in HARMLESS:
                raise
        room.invited.update(accounts[:100])

    def _set_topic(self, channel: str, room: Room, topic: str) -> None:
        self.api.call("conversations.setTopic", channel=channel, topic=topic)
        room.topic = topic

    def _bookmark(self, i: Json, channel: str, room: Room, reader: Reader) -> None:
        """The page, and the runbooks that the tasks link to; what is there already is left alone."""
        there = {str(b.get("link")) for b in self.api.call("bookmarks.list", channel_id=channel).get("bookmarks", ())}
        for title, url in links_of(i, reader):
            if url not in there:
                short = cut(title, BOOKMARK)
                self.api.call("bookmarks.add", channel_id=channel, title=short, type="link", link=url)
        room.bookmarked = True


def topic_of(i: Json, reader: Reader) -> str:
    """``SEV 1 · contained · IC Ada · https://...``: changes with status, severity and command alone."""
    command = next((r["person"] for r in i["roles"] if r["role"] == "commander"), None)
    state = "not contained yet" if "ontained yet" in status_words(i) else status_words(i).split(",")[0]
    who = reader.names.get(command, command) if command else "nobody yet"
    return cut(f"{kind_word(i)}{severity(i['severity'])} · {state} · IC {who} · {reader.page(i['id'])}", TOPIC)


def links_of(i: Json, reader: Reader) -> list[tuple[str, str]]:
    runbooks = dict.fromkeys(t["runbook"].partition("#")[0] for t in i["tasks"] if t.get("runbook"))
    return [
        ("Timeline", reader.page(i["id"])),
        ("Playbook", f"{reader.url}/playbooks/{i['playbook']['id']}"),
        *((f"Runbook {slug}", f"{reader.url}/runbooks/{slug}") for slug in list(runbooks)[:5]),
    ]
