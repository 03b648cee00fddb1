"""
Messages that people put on the timeline: by shortcut, pin or emoji, once; edits and deletions are followed.

What a shortcut or a pin brings along is used as it is. An emoji names only the message, so its words are fetched.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from typing import Any

import structlog

from incidents.chat import message_key
from incidents.decisions.chat import Said
from incidents.errors import AndonError, Invalid
from incidents.operations import Reply
from incidents.service import Service
from incidents.slack import answers, forms
from incidents.slack.blocks import Message
from incidents.slack.console import Console, refusal
from incidents.slack.people import asker_of
from incidents.slack.place import Place
from incidents.slack.quick import Quick
from incidents.slack.turn import Turn
from incidents.slack.typed import readable
from incidents.slack.web_api import SlackApi

Json = dict[str, Any]
log = structlog.get_logger("andon.slack")

EMOJI = frozenset({"pushpin", "round_pushpin", "memo", "stopwatch"})
KEPT, CARRIED = 200, 1_500


class Captures:
    """``api``: for the words behind an emoji; None where there is no token."""

    def __init__(self, service: Service, console: Console, quick: Quick, api: SlackApi | None) -> None:
        self._service, self._console, self._quick, self._api = service, console, quick, api
        self._lock = threading.Lock()
        self._chosen: OrderedDict[str, Said] = OrderedDict()  # whole messages whose incident is being chosen

    # --- a person asks for it ---

    def by_shortcut(self, place: Place, message: Json) -> Message | None:
        """Where the channel says which incident, it is done; else a form asks. None: a form opens."""
        asker = asker_of(self._service, place.user)
        if asker is None:
            return self._console.stranger(place, "")
        turn = self._console.turn(place, asker, f"capture {place.channel} {message.get('ts')}")
        try:
            said = self.read(place.channel, message)
            if turn.here:
                return self._told(turn, self._service.operations.capture(asker, turn.here, said, "shortcut"))
            self._remember(said)
            rows = turn.operations.open_incidents(asker, 100)["open"]
            if not rows:
                raise Invalid("no incident is open, so there is no timeline to put it on")
            carried = {"c": said.channel, "t": said.ts, "u": said.author, "x": said.text[:CARRIED]}
            if not self._quick.open_view(place.trigger, forms.choose_incident(rows, carried)):
                raise Invalid("Andon has no bot token, so it can't ask which incident; do it in the incident's channel")
        except AndonError as error:
            return refusal(turn, error)
        return None

    def chosen(self, turn: Turn, about: Json, incident: str) -> Message:
        """
        The form came back with the incident.

        Raises:
            Refused: Not captured.
        """
        channel, ts = str(about.get("c")), str(about.get("t"))
        with self._lock:
            whole = self._chosen.get(message_key(channel, ts))
        carried = Said(channel=channel, ts=ts, author=str(about.get("u")), text=str(about.get("x", "")))
        return self._told(turn, turn.operations.capture(turn.asker, incident, whole or carried, "shortcut"))

    def _told(self, turn: Turn, reply: Reply) -> Message:
        words = "It is on the timeline already" if reply.body["already"] else "It is on the timeline"
        return answers.done(words, reply.body, turn.reader)

    def by_pin(self, user: str, channel: str, message: Json) -> None:
        """In an incident's channel or thread a pin is a line; anywhere else it is just a pin."""
        self._take(user, channel, message, "pin")

    def by_emoji(self, user: str, channel: str, ts: str, emoji: str) -> None:
        api = self._api
        if emoji.split("::")[0] not in EMOJI or asker_of(self._service, user) is None or api is None:
            return
        if not self.is_home(channel):
            return

        def fetch() -> None:
            found = fetch_message(api, channel, ts)
            if found is not None:
                self._take(user, channel, found, "emoji")

        self._quick.run("emoji", fetch)

    def knows(self, channel: str, ts: str) -> bool:
        """Whether this message was captured."""
        with self._service.desk.read() as state:
            return message_key(channel, ts) in state.chat.captured

    def is_home(self, channel: str) -> bool:
        """Whether something in this channel can belong to an incident."""
        with self._service.desk.read() as state:
            chat = state.chat
            return channel in chat.rooms or any(key.startswith(f"{channel}:") for key in chat.threads)

    def _take(self, user: str, channel: str, message: Json, how: str) -> None:
        asker = asker_of(self._service, user)
        if asker is None:
            return
        incident = self._service.operations.incident_at(asker, channel, str(message.get("thread_ts") or ""))
        if not incident or self._by_us(message):
            return
        try:
            self._service.operations.capture(asker, incident, self.read(channel, message), how)
        except AndonError as error:
            log.info("slack_not_captured", how=how, why=str(error))
            self._quick.whisper(channel, user, answers.refused(error, self._console.reader(asker), incident=incident))

    def _by_us(self, message: Json) -> bool:
        with self._service.desk.read() as state:
            return bool(message.get("bot_id")) and message.get("user") in (None, state.chat.bot)

    # --- what becomes of it in Slack ---

    def edited(self, channel: str, message: Json, before: Json) -> None:
        """Slack also says "changed" when it has unfurled a link; only other words are an edit."""
        text, was = str(message.get("text", "")), str(before.get("text", ""))
        edit = message.get("edited") or {}
        if text == was or not edit.get("ts"):
            return
        asker = asker_of(self._service, str(edit.get("user", "")))
        person = asker.actor.person if asker is not None else None
        words, ts = readable(text), str(message.get("ts"))
        self._service.operations.follow_edit(channel, ts, str(edit["ts"]), words, person)

    def deleted(self, channel: str, ts: str) -> None:
        self._service.operations.follow_deletion(channel, ts, None)

    # --- reading ---

    def read(self, channel: str, message: Json) -> Said:
        """A message as Slack delivers it, as it goes onto the timeline."""
        ts = str(message.get("ts", ""))
        files = [str(f.get("name") or f.get("title") or f.get("id")) for f in message.get("files") or ()]
        return Said(
            channel=channel,
            ts=ts,
            author=str(message.get("user") or message.get("bot_id") or "unknown"),
            text=readable(str(message.get("text", ""))),
            permalink=self._permalink(channel, ts, str(message.get("thread_ts") or "")),
            files=tuple(files),
        )

    def _permalink(self, channel: str, ts: str, thread: str) -> str:
        """As Slack builds it; empty until the workspace's address is known."""
        with self._service.desk.read() as state:
            seq = state.chat.team_seq
        found = self._service.ledger.read(after=seq - 1, limit=1) if seq else []
        base = (found[0].text or {}).get("url", "") if found else ""
        if not base:
            return ""
        rest = f"?thread_ts={thread}&cid={channel}" if thread and thread != ts else ""
        return f"{base.rstrip('/')}/archives/{channel}/p{ts.replace('.', '')}{rest}"

    def _remember(self, said: Said) -> None:
        with self._lock:
            self._chosen[message_key(said.channel, said.ts)] = said
            while len(self._chosen) > KEPT:
                self._chosen.popitem(last=False)


def fetch_message(api: SlackApi, channel: str, ts: str) -> Json | None:
    """
    One message by its time; in a thread it is looked for among the replies.

    Raises:
        SlackTrouble: It could not be read.
    """
    for method, root in (("conversations.history", None), ("conversations.replies", ts)):
        found = api.call(method, channel=channel, oldest=ts, latest=ts, inclusive=True, limit=1, ts=root)
        for message in found.get("messages", ()):
            if message.get("ts") == ts:
                return dict(message)
    return None
