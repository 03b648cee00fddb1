"""
Everything of the Slack edge put together, for one service.
"""

from __future__ import annotations

import json
import secrets
import threading
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl

import structlog

from incidents.errors import AndonError, Invalid, Refused, Unavailable
from incidents.metrics import SLACK_REFUSED
from incidents.service import Service
from incidents.slack.blocks import Message
from incidents.slack.board import Board
from incidents.slack.captures import Captures
from incidents.slack.console import Console
from incidents.slack.declaring_verbs import shelf
from incidents.slack.deliveries import Deliveries, Delivery
from incidents.slack.events import Events
from incidents.slack.followers import READER, Followers
from incidents.slack.forms import choose_playbook, told
from incidents.slack.people import asker_of, check_team
from incidents.slack.place import Place
from incidents.slack.pressed import press, value_of
from incidents.slack.quick import Quick
from incidents.slack.signature import NotSlack, Verifier
from incidents.slack.submitted import Submitted
from incidents.slack.web_api import SlackApi

Json = dict[str, Any]
log = structlog.get_logger("andon.slack")

AUDIT_EVERY_S = 10.0  # a line in the ledger at most so often per reason: it is evidence, not a place to be flooded


class Edge:
    """``api`` is None where Andon has no token: it hears and answers, and posts nothing."""

    def __init__(self, service: Service, api: SlackApi | None) -> None:
        settings = service.settings.slack
        self.service, self.api = service, api
        self.verifier = Verifier(settings.signing_secret, service.clock) if settings.signing_secret else None
        self.quick = Quick(api, service.clock, settings.api_url)
        self.deliveries = Deliveries(service.desk)
        self.followers = Followers(service, self.quick)
        self.console = Console(service, self.deliveries, self.quick, self.followers.follow)
        self.captures = Captures(service, self.console, self.quick, api)
        self.submitted = Submitted(self.console, self.captures)
        self.events = Events(self.captures)
        self.board = Board(service, api, lambda: self.console.reader(READER)) if api is not None else None
        self._audited: dict[str, tuple[float, int]] = {}
        self._lock = threading.Lock()
        service.account_links.run = self.console.after_linking

    def start(self) -> None:
        if self.board is not None:
            self.board.start()

    def stop(self) -> None:
        if self.board is not None:
            self.board.stop()
        self.quick.stop()

    # --- requests over HTTP ---

    def command(self, headers: Mapping[str, str], body: bytes) -> Json:
        """
        ``POST /slack/commands``.

        Raises:
            NotSlack: Answered 401.
        """
        signature = self._verified("/slack/commands", headers, body)
        form = read_form(body)
        try:
            self._check_team("/slack/commands", form.get("team_id", ""))
        except Unavailable as error:
            return ephemeral(Message(f":warning: {error}"))
        return self.run_command(form, self._written("/slack/commands", body, signature))

    def interaction(self, headers: Mapping[str, str], body: bytes) -> Json:
        signature = self._verified("/slack/interactions", headers, body)
        payload = read_payload(read_form(body).get("payload", ""))
        self._check_teams("/slack/interactions", payload)
        return self.run_interaction(payload, self._written("/slack/interactions", body, signature))

    def event(self, headers: Mapping[str, str], body: bytes) -> Json:
        signature = self._verified("/slack/events", headers, body)
        payload = read_payload(body.decode("utf-8", "replace"))
        if payload.get("type") == "url_verification":
            return {"challenge": str(payload.get("challenge", ""))}
        self._check_team("/slack/events", str(payload.get("team_id", "")))
        if self.events.concerns(payload.get("event") or {}):
            self._written("/slack/events", body, signature)
            self.run_event(payload)
        return {}

    # --- the same over Socket Mode, where the connection vouches for them ---

    def command_over_socket(self, form: Mapping[str, str], body: bytes, sending: str) -> Json:
        self._check_team("socket", form.get("team_id", ""))
        return self.run_command(form, self._written("/slack/commands", body, sending))

    def interaction_over_socket(self, payload: Json, body: bytes, sending: str) -> Json:
        self._check_teams("socket", payload)
        return self.run_interaction(payload, self._written("/slack/interactions", body, sending))

    def event_over_socket(self, payload: Json, body: bytes, sending: str) -> Json:
        self._check_team("socket", str(payload.get("team_id", "")))
        if self.events.concerns(payload.get("event") or {}):
            self._written("/slack/events", body, sending)
            self.run_event(payload)
        return {}

    # --- who sent it ---

    def _verified(self, route: str, headers: Mapping[str, str], body: bytes) -> str:
        if self.verifier is None:
            raise Unavailable("Slack is not connected: ANDON_SLACK_SIGNING_SECRET is not set")
        try:
            return self.verifier.check(headers, body)
        except NotSlack as refused:
            self._refused(route, refused)
            raise

    def _written(self, route: str, body: bytes, signature: str) -> Delivery:
        try:
            return self.deliveries.take(route, body, signature)
        except NotSlack as refused:
            self._refused(route, refused)
            raise

    def _check_team(self, route: str, *teams: str) -> None:
        try:
            check_team(self.service, *teams)
        except NotSlack as refused:
            self._refused(route, refused)
            raise

    def _check_teams(self, route: str, payload: Json) -> None:
        user, team = payload.get("user") or {}, payload.get("team") or {}
        self._check_team(route, str(team.get("id") or ""), str(user.get("team_id") or ""))

    def _refused(self, route: str, refused: NotSlack) -> None:
        """Counted and logged; in the ledger only what had a right signature, and not more often than it is read."""
        SLACK_REFUSED.labels(refused.reason).inc()
        log.warning("slack_refused", route=route, reason=refused.reason)
        if refused.reason not in ("replayed", "wrong-team"):
            return
        now = self.service.clock.boot()
        with self._lock:
            at, more = self._audited.get(refused.reason, (float("-inf"), 0))
            if now - at < AUDIT_EVERY_S:
                self._audited[refused.reason] = (at, more + 1)
                return
            self._audited[refused.reason] = (now, 0)
        try:
            self.service.operations.record_refused_delivery(refused.reason, route, more)
        except Unavailable as error:
            log.warning("slack_refusal_not_written", error=str(error))

    # --- what was asked, however it came (HTTP or Socket Mode) ---

    def run_command(self, form: Mapping[str, str], delivery: Delivery) -> Json:
        place = Place(
            team=form.get("team_id", ""),
            user=form.get("user_id", ""),
            channel=form.get("channel_id", ""),
            trigger=form.get("trigger_id", ""),
            response_url=form.get("response_url", ""),
            delivery=delivery,
        )
        try:
            return ephemeral(self.console.answer(place, form.get("text", "")))
        except Exception:
            reference = secrets.token_hex(4)
            log.exception("slack_command_broke", reference=reference)
            words = f":boom: Andon broke on this (reference {reference}, in the service's log). Look with"
            return ephemeral(Message(f"{words} `{self.service.settings.slack.command} list` what has been done."))

    def run_interaction(self, payload: Json, delivery: Delivery) -> Json:
        place = _place(payload, delivery)
        match payload.get("type"):
            case "view_submission":
                return self.submitted.answer(place, payload.get("view") or {})
            case "block_actions":
                self._pressed(place, payload)
            case "message_action":
                self._tell(place, self.captures.by_shortcut(place, payload.get("message") or {}))
            case "shortcut":
                self._shortcut(place)
        return {}

    def _pressed(self, place: Place, payload: Json) -> None:
        for action in payload.get("actions") or ():
            if action.get("url") or action.get("action_id") == "andon.link":
                continue  # a link: the browser has gone there already
            try:
                value = value_of(action)
            except Refused as error:
                self._tell(place, Message(str(error)))
                continue
            self._tell(place, press(self.console, place, value), view=str((payload.get("view") or {}).get("id", "")))

    def _shortcut(self, place: Place) -> None:
        """The global shortcut: the form, from anywhere."""
        asker = asker_of(self.service, place.user)
        if asker is None:
            self.quick.whisper(place.user, place.user, self.console.stranger(place, ""))
            return
        turn = self.console.turn(place, asker, "declare")
        self.quick.open_view(place.trigger, choose_playbook(shelf(turn), ""))

    def _tell(self, place: Place, message: Message | None, *, view: str = "") -> None:
        if message is None:
            return
        if view:
            self.quick.update_view(view, told("Andon", message))
        elif place.response_url:
            self.quick.reply(place.response_url, message)
        elif place.channel:
            self.quick.whisper(place.channel, place.user, message)

    def run_event(self, payload: Json) -> None:
        try:
            self.events.take(payload.get("event") or {})
        except AndonError as error:
            log.warning("slack_event_not_taken", kind=(payload.get("event") or {}).get("type"), error=str(error))
            if isinstance(error, Unavailable):
                raise  # Slack sends it again


def _place(payload: Json, delivery: Delivery) -> Place:
    message, container = payload.get("message") or {}, payload.get("container") or {}
    thread = str(message.get("thread_ts") or message.get("ts") or container.get("message_ts") or "")
    return Place(
        team=str((payload.get("team") or {}).get("id") or ""),
        user=str((payload.get("user") or {}).get("id") or ""),
        channel=str((payload.get("channel") or {}).get("id") or container.get("channel_id") or ""),
        thread=thread,
        trigger=str(payload.get("trigger_id") or ""),
        response_url=str(payload.get("response_url") or ""),
        delivery=delivery,
    )


def ephemeral(message: Message) -> Json:
    return {"response_type": "ephemeral", **message.wire()}


def read_form(body: bytes) -> dict[str, str]:
    """The fields of a form; the first of each name."""
    found: dict[str, str] = {}
    for name, value in parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True, max_num_fields=200):
        found.setdefault(name, value)
    return found


def read_payload(text: str) -> Json:
    """
    Raises:
        Invalid: No JSON object.
    """
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise Invalid("the payload is no JSON object")
    return found
