"""
Everything of the Slack edge put together, for one service.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from typing import Any

import structlog

from incidents.errors import AndonError, Refused, Unavailable
from incidents.service import Service
from incidents.slack.blocks import Message
from incidents.slack.board import Board
from incidents.slack.captures import Captures
from incidents.slack.connector import SlackConnector
from incidents.slack.console import Console
from incidents.slack.declaring_verbs import shelf
from incidents.slack.deliveries import Deliveries, Delivery
from incidents.slack.door import Door
from incidents.slack.events import Events
from incidents.slack.followers import READER, Followers
from incidents.slack.forms import choose_playbook, instead, told
from incidents.slack.payloads import actions_of, ephemeral, part, place_of, read_form, read_payload, text
from incidents.slack.people import asker_of
from incidents.slack.place import Place
from incidents.slack.pressed import press, value_of
from incidents.slack.quick import Quick
from incidents.slack.rehearsed import marked
from incidents.slack.submitted import Submitted
from incidents.slack.web_api import Rejected, SlackApi

Json = dict[str, Any]
log = structlog.get_logger("andon.slack")


class Edge:
    """``api`` is None where Andon has no token: it hears and answers, and posts nothing."""

    def __init__(self, service: Service, api: SlackApi | None) -> None:
        settings = service.settings.slack
        self.service, self.api = service, api
        self.quick = Quick(api, service.clock, settings.api_url)
        self.deliveries = Deliveries(service.desk)
        self.door = Door(service, self.deliveries)
        self.followers = Followers(service, self.quick)
        self.console = Console(service, self.deliveries, self.quick, self.followers.follow)
        self.captures = Captures(service, self.console, self.quick, api)
        self.submitted = Submitted(self.console, self.captures)
        self.board = Board(service, api, lambda: self.console.reader(READER)) if api is not None else None
        self.connector = SlackConnector(service, api, self.board) if api and self.board else None
        self.events = Events(self.captures, self._token_gone)
        service.account_links.run = self.console.after_linking

    def start(self) -> None:
        if self.connector is not None:
            self.service.postroom.add(self.connector)
        if self.board is not None:
            self.board.start()

    def stop(self) -> None:
        if self.board is not None:
            self.board.stop()
        self.quick.stop()

    def _token_gone(self) -> None:
        if self.board is not None:
            self.board.health.went_wrong(Rejected("token_revoked"))

    # --- requests over HTTP ---

    def command(self, headers: Mapping[str, str], body: bytes) -> Json:
        """
        ``POST /slack/commands``.

        Raises:
            NotSlack: Answered 401.
        """
        signature = self.door.verified("/slack/commands", headers, body)
        form = read_form(body)
        try:
            self.door.check_team("/slack/commands", form.get("team_id", ""))
        except Unavailable as error:
            return ephemeral(Message(f":warning: {error}"))
        return self.run_command(form, self.door.written("/slack/commands", body, signature))

    def interaction(self, headers: Mapping[str, str], body: bytes) -> Json:
        signature = self.door.verified("/slack/interactions", headers, body)
        payload = read_payload(read_form(body).get("payload", ""))
        self.door.check_teams("/slack/interactions", payload)
        return self.run_interaction(payload, self.door.written("/slack/interactions", body, signature))

    def event(self, headers: Mapping[str, str], body: bytes) -> Json:
        signature = self.door.verified("/slack/events", headers, body)
        payload = read_payload(body.decode("utf-8", "replace"))
        if payload.get("type") == "url_verification":
            return {"challenge": str(payload.get("challenge", ""))}
        self.door.check_team("/slack/events", str(payload.get("team_id", "")))
        if self.events.concerns(part(payload, "event")):
            self.door.written("/slack/events", body, signature)
            self.run_event(payload)
        return {}

    # --- the same over Socket Mode, where the connection vouches for them ---

    def command_over_socket(self, form: Mapping[str, str], body: bytes, sending: str) -> Json:
        self.door.check_team("socket", form.get("team_id", ""))
        return self.run_command(form, self.door.written("/slack/commands", body, sending))

    def interaction_over_socket(self, payload: Json, body: bytes, sending: str) -> Json:
        self.door.check_teams("socket", payload)
        return self.run_interaction(payload, self.door.written("/slack/interactions", body, sending))

    def event_over_socket(self, payload: Json, body: bytes, sending: str) -> Json:
        self.door.check_team("socket", str(payload.get("team_id", "")))
        if self.events.concerns(part(payload, "event")):
            self.door.written("/slack/events", body, sending)
            self.run_event(payload)
        return {}

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
            return ephemeral(marked(self.console.answer(place, form.get("text", ""))))
        except Exception:  # noqa: BLE001 - logged with its traceback; whoever typed must not be met with silence
            return ephemeral(self._broke("slack_command_broke"))

    def run_interaction(self, payload: Json, delivery: Delivery) -> Json:
        place = place_of(payload, delivery)
        try:
            return self._interact(place, payload)
        except Exception:  # noqa: BLE001 - as above
            broke = self._broke("slack_interaction_broke")
            if payload.get("type") == "view_submission":
                return instead(told("Andon broke", broke))
            self._tell(place, broke)
            return {}

    def _broke(self, what: str) -> Message:
        """An error of ours: the person reads where it stands in the log, and how to see what was done."""
        reference = secrets.token_hex(4)
        log.exception(what, reference=reference)
        words = f":boom: Andon broke on this (reference {reference}, in the service's log). Look with"
        return Message(f"{words} `{self.service.settings.slack.command} list` what has been done.")

    def _interact(self, place: Place, payload: Json) -> Json:
        match payload.get("type"):
            case "view_submission":
                return self.submitted.answer(place, part(payload, "view"))
            case "block_actions":
                self._pressed(place, payload)
            case "message_action":
                self._tell(place, self.captures.by_shortcut(place, part(payload, "message")))
            case "shortcut":
                self._shortcut(place)
        return {}

    def _pressed(self, place: Place, payload: Json) -> None:
        for action in actions_of(payload):
            if action.get("url") or action.get("action_id") == "andon.link":
                continue  # a link: the browser has gone there already
            try:
                value = value_of(action)
            except Refused as error:
                self._tell(place, Message(str(error)))
                continue
            self._tell(place, press(self.console, place, value), view=text(payload, "view", "id"))

    def _shortcut(self, place: Place) -> None:
        """The global shortcut: the form, from anywhere."""
        asker = asker_of(self.service, place.user)
        if asker is None:
            self.quick.open_view(place.trigger, told("Who are you?", self.console.stranger(place, "")))
            return
        turn = self.console.turn(place, asker, "declare")
        self.quick.open_view(place.trigger, choose_playbook(shelf(turn), ""))

    def _tell(self, place: Place, message: Message | None, *, view: str = "") -> None:
        if message is None:
            return
        if view:
            self.quick.update_view(view, told("Andon", message))
        elif place.response_url:
            self.quick.reply(place.response_url, marked(message))
        elif place.channel:
            self.quick.whisper(place.channel, place.user, marked(message))

    def run_event(self, payload: Json) -> None:
        try:
            self.events.take(part(payload, "event"))
        except AndonError as error:
            log.warning("slack_event_not_taken", kind=part(payload, "event").get("type"), error=str(error))
            if isinstance(error, Unavailable):
                raise  # Slack sends it again
