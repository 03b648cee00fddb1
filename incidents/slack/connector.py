"""
Slack as one of the outbox's ways: notices into a channel, reminders to a person.

Where an incident's message stands in the channel, a notice goes into its thread and is shown in the channel too; that
an incident was declared is told by that message itself, so it becomes the evidence and nothing is posted twice.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import structlog

from incidents.connectors import Address, Letter, NotSent, Receipt, Unclear
from incidents.life import RESTRICTED
from incidents.service import Service
from incidents.slack import web_api
from incidents.slack.board import Board
from incidents.slack.letter_message import letter_message
from incidents.slack.looking import LETTER, marked_as
from incidents.slack.places import central_name, places
from incidents.slack.posts import TOO_MUCH
from incidents.slack.web_api import CHANNEL_ERRORS, Limited, Rejected, SlackApi, SlackTrouble

Json = dict[str, Any]
log = structlog.get_logger("andon.slack")

TURN_S = 0.1
TIMEOUT_S = 8
SOON, LATER = timedelta(seconds=1), timedelta(minutes=1)


class _NotYet(NotSent):
    """It is about to be possible."""


class SlackConnector:
    """Called from several threads; each address is served by one at a time."""

    channel = "slack"

    def __init__(self, service: Service, api: SlackApi, board: Board) -> None:
        self._service, self._api, self._board = service, api, board
        self._closed = threading.Event()
        self.patience_s = 5.0  # of waiting for what is about to be possible; 0: the next try is soon enough

    def send(self, letter: Letter, address: Address, leaving: Callable[[], None]) -> Receipt:
        where = self._channel(letter, address)
        if not self._board.health.may_call:
            raise self._away(where)
        thread = self._awaited_thread(letter, where)
        if thread is not None and letter.template == "declared":
            leaving()
            return Receipt("told by the incident's own message", "/".join(thread))
        self._turn(where)
        return self._post(letter, where, thread, leaving)

    def close(self) -> None:
        """Whoever waits for a turn waits no longer."""
        self._closed.set()

    # --- where ---

    def _channel(self, letter: Letter, address: Address) -> str:
        """
        An id or a ``#name``; a person's id is a conversation with them.

        Raises:
            NotSent: Not everybody in that channel may know of it.
        """
        if is_person(address.value):
            return address.value
        where = central_name(address.value, self._service.settings.slack.channel)
        with self._service.desk.read(letter.thread) as state:
            incident = state.incidents.get(letter.thread)
            if incident is not None and incident.visibility == RESTRICTED and where != incident.room:
                raise NotSent("the incident is restricted, the channel is not", for_good=True)
        return where

    def _awaited_thread(self, letter: Letter, where: str) -> tuple[str, str] | None:
        """``_thread``, waited for a while: right after a declaration the board is about to post it."""
        end = time.monotonic() + self.patience_s / 2
        while True:
            try:
                return self._thread(letter, where)
            except _NotYet:
                if time.monotonic() >= end or not self._board.health.may_call or self._closed.wait(TURN_S):
                    raise

    def _away(self, where: str) -> NotSent:
        """Whoever can be reached otherwise is, soon; a channel's notices need not be tried before Slack is."""
        health = self._board.health
        because = f"Slack is away: {health.outage.because if health.outage else 'it asked to wait'}"
        return NotSent(because, after=None if is_person(where) else timedelta(seconds=health.wait_s + 1))

    def _thread(self, letter: Letter, where: str) -> tuple[str, str] | None:
        """
        The incident's message in that channel: the channel's id and ``ts``. None where none will ever stand.

        Raises:
            NotSent: One is to stand there and does not yet.
        """
        with self._service.desk.read(letter.thread) as state:
            incident = state.incidents.get(letter.thread)
            if incident is None or where not in places(incident, self._service.settings.slack.channel):
                return None
            posts = dict(incident.posts)
        if where in self._board.posts.broken:
            raise NotSent(f"Slack: {self._board.health.broken.get(where, 'the channel takes nothing')}", after=LATER)
        try:
            id = self._board.posts.looking.known_id(where, posts)
        except SlackTrouble as trouble:
            raise self._not_sent(trouble, where) from trouble
        if id is None or id not in posts:
            raise _NotYet("the incident's own message does not stand there yet", after=SOON)
        return id, posts[id]

    def _turn(self, where: str) -> None:
        lanes = self._board.lanes
        end = time.monotonic() + self.patience_s
        while not lanes.take(where, "notices"):
            if time.monotonic() >= end or lanes.wait_s(where) > self.patience_s or self._closed.wait(TURN_S):
                wait = timedelta(seconds=lanes.wait_s(where))
                raise NotSent("other things are written to this channel", after=max(SOON, wait))

    # --- posting ---

    def _post(self, letter: Letter, where: str, thread: tuple[str, str] | None, leaving: Callable[[], None]) -> Receipt:
        url = self._service.settings.url
        made = letter_message(letter, f"{url}/incidents/{letter.thread}" if letter.thread else url)
        args: Json = {"channel": thread[0] if thread else where, "metadata": marked_as(LETTER, key=letter.key)}
        if thread is not None:
            args |= {"thread_ts": thread[1], "reply_broadcast": True}
        began = self._service.clock.now().timestamp()
        leaving()
        try:
            try:
                said = self._api.call("chat.postMessage", timeout_s=TIMEOUT_S, **args, **made.wire())
            except Rejected as trouble:
                if trouble.error not in TOO_MUCH:
                    raise
                log.error("slack_took_no_blocks", because=trouble.because)
                said = self._api.call("chat.postMessage", timeout_s=TIMEOUT_S, **args, text=made.text)
        except web_api.Unclear as trouble:
            self._board.health.went_wrong(trouble)
            return self._found_after_all(letter, args, began, trouble)
        except SlackTrouble as trouble:
            raise self._not_sent(trouble, where) from trouble
        self._board.health.went_well()
        if not is_person(where):
            self._board.posts.looking.learned(where, str(said["channel"]))
        return _receipt(str(said["channel"]), str(said["ts"]))

    def _found_after_all(self, letter: Letter, args: Json, began: float, trouble: SlackTrouble) -> Receipt:
        """Its answer was lost; the message itself may stand there. That it doesn't is no proof: it may come late."""
        found = None
        if not is_person(args["channel"]):  # we may not read what we told people alone
            try:
                found = self._board.posts.looking.letter(letter.key, args["channel"], args.get("thread_ts"), began)
            except SlackTrouble as other:
                log.info("slack_can_not_look", because=other.because)
        if found is None:
            raise Unclear(f"Slack: {trouble.because}") from trouble
        return _receipt(*found)

    def _not_sent(self, trouble: SlackTrouble, where: str) -> NotSent:
        """Nothing was done. Whoever can be reached otherwise is, soon; a channel is tried until it takes things."""
        self._board.health.went_wrong(trouble)
        match trouble:
            case Limited(after_s=seconds):
                self._board.lanes.hold(where, seconds)
                return NotSent("Slack asked to wait", after=timedelta(seconds=seconds))
            case Rejected() if trouble.is_token:
                return NotSent(f"Slack: {trouble.because}")
            case Rejected() if trouble.error in CHANNEL_ERRORS and not is_person(where):
                return NotSent(f"Slack: {trouble.because}", after=LATER)
            case Rejected():
                return NotSent(f"Slack: {trouble.because}", for_good=True)
        return NotSent(f"Slack: {trouble.because}")


def is_person(id: str) -> bool:
    return id[:1] in ("U", "W") and id.isupper()


def _receipt(channel: str, ts: str) -> Receipt:
    return Receipt(f"posted, {ts}", f"{channel}/{ts}")
