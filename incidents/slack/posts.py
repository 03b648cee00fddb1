"""
An incident's message in each of its channels, and the lines in its thread: what stands there, what is missing.

A post whose outcome is unknown is looked for before it is made again: each carries, as metadata, what it is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import structlog

from incidents.clock import parse_rfc3339
from incidents.life import RESTRICTED
from incidents.service import Service
from incidents.slack.blocks import Message, context
from incidents.slack.followers import READER
from incidents.slack.health import Health
from incidents.slack.incident_message import incident_message, restricted_message
from incidents.slack.lines import catch_up, thread_lines, worth_telling
from incidents.slack.looking import INCIDENT, LINES, Looking, marked_as
from incidents.slack.reader import Reader
from incidents.slack.web_api import CHANNEL_ERRORS, Rejected, SlackApi, Unclear
from incidents.timeline import Row

Json = dict[str, Any]
Wanted = tuple[int, str, str, Callable[[], None]]  # rank, channel, what, how
log = structlog.get_logger("andon.slack")

LATE = timedelta(seconds=90)  # a line that could not be told for so long is told as a catch-up
BROKEN_S = 300.0
GONE = frozenset({"message_not_found", "cant_update_message", "edit_window_closed"})
TOO_MUCH = frozenset({"msg_too_long", "msg_blocks_too_long", "invalid_blocks", "invalid_arguments"})


@dataclass(slots=True)
class Shown:
    """What stands in one channel: the message's digest, lines told up to an event, and what is in doubt."""

    digest: str = ""
    told: int = -1  # -1: not known yet
    doubt_since: float | None = None  # a post that may have arrived, looked for from this time on
    plain: bool = False  # Slack took no blocks here: words and a link


@dataclass(slots=True)
class Posts:
    service: Service
    api: SlackApi
    health: Health
    shown: dict[tuple[str, str], Shown] = field(default_factory=dict)
    broken: dict[str, float] = field(default_factory=dict)  # channel -> boot clock at which it is tried again
    started: datetime = field(init=False)
    looking: Looking = field(init=False)

    def __post_init__(self) -> None:
        self.started, self.looking = self.service.clock.now(), Looking(self.api)

    # --- what is wanted ---

    def wanted(self, i: Json, channels: Sequence[str], posts: Mapping[str, str], reader: Reader) -> Iterator[Wanted]:
        """Rank 0: no message yet; 1: it says something old; 2: lines that nobody was told."""
        message = incident_message(i, reader)
        for channel in channels:
            if self.is_broken(channel):
                continue
            known = self.looking.known_id(channel, posts)
            ts = posts.get(known or "")
            if ts is None:
                yield 0, channel, "post", lambda c=channel, m=message: self._post(i, c, m)  # type: ignore[misc]
                continue
            shown = self.shown.setdefault((i["id"], known or channel), Shown())
            if shown.digest != message.digest:
                yield 1, channel, "update", lambda c=known, t=ts, m=message: self._update(i, str(c), t, m)  # type: ignore[misc]
            elif self._untold(i["id"], shown):
                yield 2, channel, "lines", lambda c=known, t=ts: self._tell(i, str(c), t, reader)  # type: ignore[misc]

    def _untold(self, incident: str, shown: Shown) -> bool:
        newest = self._newest(incident)
        if shown.told < 0 or (shown.told < newest and self._rows(incident, shown.told)):
            return True
        shown.told = newest
        return False

    def is_waiting(self, channels: Sequence[str]) -> bool:
        """One of these takes nothing just now, so there may be something to say later."""
        return any(channel in self.broken for channel in channels)

    def withdrawn(self, i: Json, channels: Sequence[str], posts: Mapping[str, str], reader: Reader) -> Iterator[Wanted]:
        """Rank 0: what was restricted since must not stand where everybody reads it."""
        if i["visibility"] != RESTRICTED:
            return
        kept = {self.looking.ids.get(channel, channel) for channel in channels}
        message = restricted_message(i, reader)
        for channel, ts in posts.items():
            shown = self.shown.setdefault((i["id"], channel), Shown())
            if channel not in kept and shown.digest != message.digest and not self.is_broken(channel):
                yield 0, channel, "withdraw", lambda c=channel, t=ts: self._withdraw(i, c, t, message)  # type: ignore[misc]

    def _withdraw(self, i: Json, channel: str, ts: str, message: Message) -> None:
        try:
            self.api.call("chat.update", channel=channel, ts=ts, **message.wire())
        except Rejected as trouble:
            if trouble.error not in GONE:
                raise
        self.shown[i["id"], channel].digest = message.digest

    def _rows(self, incident: str, after: int) -> list[Row]:
        rows = self.service.operations.timeline(READER, incident, after=after, limit=100_000)
        return [row for row in rows if worth_telling(row)]

    # --- doing it ---

    def _post(self, i: Json, channel: str, message: Message) -> None:
        shown = self.shown.setdefault((i["id"], channel), Shown())
        since = shown.doubt_since
        if since is None and (declared_at := parse_rfc3339(i["declared_at"])) < self.started:
            since = declared_at.timestamp()  # an earlier process may have posted it and died before it wrote that down
        if since is not None:
            found, looked = self.looking.post_of(i["id"], channel, since)
            if found is not None:
                self._stands(i, channel, *found, digest="")
                return
            if not looked and shown.doubt_since is not None:
                note = "An earlier copy of this message may stand above; it changes no more."
                message = with_note(message, note)
        began = self.service.clock.now().timestamp()
        try:
            metadata = marked_as(INCIDENT, id=i["id"])
            answer = self._send("chat.postMessage", shown, message, channel=channel, metadata=metadata)
        except Unclear:
            shown.doubt_since = shown.doubt_since or began
            raise
        self._stands(i, channel, str(answer["channel"]), str(answer["ts"]), digest=message.digest)

    def _stands(self, i: Json, channel: str, id: str, ts: str, *, digest: str) -> None:
        """The message is there: written down, so that a restart updates it instead of posting another."""
        self.looking.learned(channel, id)
        known = self.shown.pop((i["id"], channel), Shown())
        with self.service.desk.read(i["id"]) as state:
            told = state.incidents[i["id"]].newest_seq
        self.shown[i["id"], id] = Shown(digest=digest, told=told, plain=known.plain)
        self.service.operations.record_post(i["id"], id, ts)

    def _update(self, i: Json, channel: str, ts: str, message: Message) -> None:
        shown = self.shown[i["id"], channel]
        try:
            self._send("chat.update", shown, message, channel=channel, ts=ts)
        except Rejected as trouble:
            if trouble.error not in GONE:
                raise
            self._post(i, channel, message)  # somebody deleted it: another one, which is the one from now on
            return
        shown.digest = message.digest

    def _tell(self, i: Json, channel: str, ts: str, reader: Reader) -> None:
        shown = self.shown[i["id"], channel]
        if shown.told < 0 or shown.doubt_since is not None:
            shown.told = self._told_up_to(i["id"], channel, ts)
            shown.doubt_since = None
        rows = self._rows(i["id"], shown.told)
        if not rows:
            shown.told = self._newest(i["id"])
            return
        upto = max(rows[-1].seq, shown.told)
        message = self._lines(i, rows, reader)
        try:
            metadata = marked_as(LINES, id=i["id"], upto=upto)
            self._send("chat.postMessage", Shown(), message, channel=channel, thread_ts=ts, metadata=metadata)
        except Unclear:
            shown.doubt_since = self.service.clock.now().timestamp()
            raise
        shown.told = upto

    def _lines(self, i: Json, rows: Sequence[Row], reader: Reader) -> Message:
        """What was held up is told as one message that says since when."""
        oldest = parse_rfc3339(rows[0].recorded_at)
        if reader.now - oldest > LATE and len(rows) > 1:
            outage = self.health.outage or self.health.ended
            away = outage is not None and outage.since - LATE < oldest
            since = min(outage.since, oldest) if outage is not None and away else oldest
            return catch_up(i, rows, since, reader, away=away)
        return thread_lines(i, rows, reader)

    def _newest(self, incident: str) -> int:
        with self.service.desk.read(incident) as state:
            return state.incidents[incident].newest_seq

    def _send(self, method: str, shown: Shown, message: Message, **args: Any) -> Json:
        """With words alone where Slack takes no blocks: a fault of ours must not keep the news from arriving."""
        wire = {"text": message.text} if shown.plain else message.wire()
        try:
            return self.api.call(method, **wire, **args)
        except Rejected as trouble:
            if trouble.error not in TOO_MUCH or shown.plain:
                raise
            log.error("slack_took_no_blocks", because=trouble.because)
            shown.plain = True
            return self.api.call(method, text=message.text, blocks=[], **args)

    # --- finding out what stands there ---

    def _told_up_to(self, incident: str, channel: str, ts: str) -> int:
        """How far the thread has got; where we may not look, nothing old is told again."""
        told = self.looking.told_up_to(channel, ts)
        if told is None:
            return self._newest(incident)
        return told or self._posted_seq(incident, channel)

    def _posted_seq(self, incident: str, channel: str) -> int:
        """The line that wrote the message down: what came before it is in the message itself."""
        for event in reversed(self.service.ledger.incident(incident)):
            if event.kind == "slack:message:posted" and event.data["channel"] == channel:
                return event.seq
        return self._newest(incident)

    # --- channels that don't take anything ---

    def refused(self, incident: str, channel: str, trouble: Rejected) -> None:
        """A channel that is gone, archived or closed to us is left alone for a while, and said so."""
        if trouble.error in CHANNEL_ERRORS:
            self.broken[channel] = self.service.clock.boot() + BROKEN_S
            self.health.broken[channel] = trouble.error

    def is_broken(self, channel: str) -> bool:
        until = self.broken.get(channel)
        if until is None:
            return False
        if self.service.clock.boot() < until:
            return True
        del self.broken[channel]
        self.health.broken.pop(channel, None)
        return False


def with_note(message: Message, note: str) -> Message:
    return Message(message.text, (*message.blocks[:49], context(note)))
