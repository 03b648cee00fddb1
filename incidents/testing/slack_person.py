"""
People in the fake Slack: they type commands, press buttons, send forms, pin, react, edit; Slack signs and delivers.

Deliveries can be sent again as Slack does (a fresh signature over the same body, with its retry headers), in any
order, or replayed byte for byte as an eavesdropper would.
"""

from __future__ import annotations

import hashlib
import hmac
import itertools
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.error import HTTPError
from urllib.parse import urlencode
from urllib.request import Request, urlopen

from incidents.testing.slack_api import FakeSlack
from incidents.testing.slack_hands import chosen, filled, pressed, sent_view

Json = dict[str, Any]
FORM, JSON = "application/x-www-form-urlencoded", "application/json"


@dataclass(frozen=True, slots=True)
class Answered:
    """What our server answered to one delivery."""

    status: int
    text: str

    @property
    def json(self) -> Json:
        found: Json = json.loads(self.text) if self.text else {}
        return found


Send = Callable[[str, Mapping[str, str], bytes], Answered]


def over_http(base: str) -> Send:
    """Deliver to a server that runs."""

    def send(path: str, headers: Mapping[str, str], body: bytes) -> Answered:
        try:
            with urlopen(Request(base + path, data=body, headers=dict(headers)), timeout=10) as answer:  # noqa: S310
                return Answered(answer.status, answer.read().decode())
        except HTTPError as error:
            return Answered(error.code, error.read().decode())

    return send


def into_flask(client: Any) -> Send:
    """Deliver to a Flask test client."""

    def send(path: str, headers: Mapping[str, str], body: bytes) -> Answered:
        answer = client.post(path, headers=dict(headers), data=body)
        return Answered(answer.status_code, answer.get_data(as_text=True))

    return send


@dataclass(slots=True)
class Delivery:
    """One request of Slack's. ``headers`` are those of its newest sending."""

    path: str
    body: bytes
    kind: str
    headers: dict[str, str] = field(default_factory=dict)


class Deliveries:
    """Slack's outgoing side: builds, signs and sends."""

    def __init__(self, slack: FakeSlack, send: Send) -> None:
        self.slack, self.send = slack, send
        self.sent: list[Delivery] = []
        self._count = itertools.count(1)

    def deliver(self, path: str, body: bytes, kind: str) -> Answered:
        delivery = Delivery(path, body, kind)
        self.sent.append(delivery)
        return self.again(delivery, retry=0)

    def again(self, delivery: Delivery, *, retry: int = 1, reason: str = "http_timeout") -> Answered:
        """The same body with a fresh signature, as Slack re-sends what was not answered in time."""
        delivery.headers = self.signed(delivery.body, delivery.kind)
        if retry:
            delivery.headers |= {"X-Slack-Retry-Num": str(retry), "X-Slack-Retry-Reason": reason}
        return self.replay(delivery)

    def replay(self, delivery: Delivery) -> Answered:
        """Exactly what was sent before, signature and all."""
        return self.send(delivery.path, delivery.headers, delivery.body)

    def signed(self, body: bytes, kind: str, *, at: int | None = None) -> dict[str, str]:
        stamp = str(int(self.slack.now()) if at is None else at)
        mac = hmac.new(self.slack.signing_secret.encode(), b"v0:" + stamp.encode() + b":" + body, hashlib.sha256)
        return {
            "Content-Type": kind,
            "X-Slack-Request-Timestamp": stamp,
            "X-Slack-Signature": f"v0={mac.hexdigest()}",
        }

    def interaction(self, payload: Json) -> Answered:
        body = urlencode({"payload": json.dumps(payload)}).encode()
        return self.deliver("/slack/interactions", body, FORM)

    def event(self, event: Json) -> Answered:
        body = {
            "token": "verification-token",
            "team_id": self.slack.workspace.team,
            "api_app_id": "A01ANDON",
            "type": "event_callback",
            "event_id": f"Ev{next(self._count):08d}",
            "event_time": int(self.slack.now()),
            "event": event,
        }
        return self.deliver("/slack/events", json.dumps(body).encode(), JSON)

    def person(self, user: str, channel: str, name: str = "") -> SlackPerson:
        """Somebody in a channel; both are made where they are not there yet."""
        work = self.slack.workspace
        if user not in work.people:
            work.add_person(user, name)
        if not any(channel.lstrip("#") in (c.name, c.id) for c in work.channels.values()):
            work.add_channel(channel.lstrip("#"))
        work.channel(channel).members.add(user)
        return SlackPerson(self, user, work.channel(channel).id)


@dataclass
class SlackPerson:
    """Verbs of a person. ``heard`` is what only they saw."""

    slack: Deliveries
    user: str
    channel: str

    @property
    def _work(self) -> Any:
        return self.slack.slack.workspace

    def _base(self) -> Json:
        work = self._work
        return {
            "user": {"id": self.user, "team_id": work.team, "username": work.people[self.user].name},
            "team": {"id": work.team, "domain": "andon-test"},
            "api_app_id": "A01ANDON",
            "trigger_id": work.trigger(self.user),
        }

    def command(self, text: str, *, root: str = "/incident", channel: str = "") -> Answered:
        work = self._work
        where = work.channel(channel).id if channel else self.channel
        form = {
            "token": "verification-token",
            "team_id": work.team,
            "team_domain": "andon-test",
            "channel_id": where,
            "channel_name": work.channels[where].name,
            "user_id": self.user,
            "user_name": "whatever-they-like",
            "command": root,
            "text": text,
            "api_app_id": "A01ANDON",
            "is_enterprise_install": "false",
            "response_url": self.slack.slack.response_url(where, self.user),
            "trigger_id": work.trigger(self.user),
        }
        answered = self.slack.deliver("/slack/commands", urlencode(form).encode(), FORM)
        self._hear(answered, where)
        return answered

    def _hear(self, answered: Answered, channel: str) -> None:
        """An answer to a command shows up to them alone, or in the channel if it says so."""
        if answered.status == 200 and answered.text:
            said = {k: v for k, v in answered.json.items() if k in ("text", "blocks")}
            if answered.json.get("response_type") == "in_channel":
                self._work._keep(self._work.channels[channel], said | {"user": self._work.bot})
            else:
                self._work.ephemerals.append({"channel": channel, "user": self.user, **said})

    @property
    def heard(self) -> list[Json]:
        return [e for e in self._work.ephemerals if e["user"] == self.user]

    def press(self, message: Json, label: str, *, channel: str = "") -> Answered:
        """The button, or the entry behind "More", that reads like that."""
        action = pressed(message, label)
        where = channel or next((c.id for c in self._work.channels.values() if message in c.messages), self.channel)
        container = {"type": "message", "message_ts": message.get("ts", ""), "channel_id": where}
        payload = self._base() | {
            "type": "block_actions",
            "container": container,
            "channel": {"id": where, "name": self._work.channels[where].name},
            "message": message,
            "response_url": self.slack.slack.response_url(where, self.user),
            "actions": [action],
        }
        return self.slack.interaction(payload)

    def view(self) -> Json:
        """The modal in front of them."""
        found: Json | None = self._work.open_view(self.user)
        assert found is not None, f"{self.user} sees no modal"  # noqa: S101 - a test's own check
        return found

    def choose(self, label: str, value: str = "") -> Answered:
        """A button or a choice inside the modal; ``value`` is the option's for a select."""
        view = self.view()
        action = chosen(view, label, value) if value else pressed(view, label)
        payload = self._base() | {
            "type": "block_actions",
            "container": {"type": "view", "view_id": view["id"]},
            "view": sent_view(view, self._state(view, {})),
            "actions": [action],
        }
        return self.slack.interaction(payload)

    def submit(self, values: Mapping[str, Any]) -> Answered:
        """Send the modal; ``values`` by the label of the field. Option values for selects, text for fields."""
        view = self.view()
        payload = self._base() | {"type": "view_submission", "view": sent_view(view, self._state(view, values))}
        answered = self.slack.interaction(payload)
        action = answered.json.get("response_action") if answered.status == 200 else "errors"
        if action == "update":
            self._work._placed({"id": view["id"]}, answered.json["view"], self.user)
        elif action != "errors":
            self._work.views.pop(view["id"], None)
        return answered

    def _state(self, view: Json, values: Mapping[str, Any]) -> Json:
        found: Json = {}
        left = dict(values)
        for block in view["blocks"]:
            element = block.get("element") or block.get("accessory")
            if element is None or "action_id" not in element or element["type"] in ("button", "overflow"):
                continue
            label = (block.get("label") or block.get("text"))["text"]
            given = left.pop(label) if label in left else None
            found[block["block_id"]] = {element["action_id"]: filled(element, given)}
        assert not left, f"the form has no {', '.join(left)}"  # noqa: S101
        return {"values": found}

    # --- capturing ---

    def shortcut(self, message: Json, callback_id: str) -> Answered:
        payload = self._base() | {
            "type": "message_action",
            "callback_id": callback_id,
            "channel": {"id": self.channel, "name": self._work.channels[self.channel].name},
            "message": message,
            "message_ts": message["ts"],
            "response_url": self.slack.slack.response_url(self.channel, self.user),
        }
        return self.slack.interaction(payload)

    def say(self, text: str, **more: Any) -> Json:
        message: Json = self._work.say(self.user, self.channel, text, **more)
        return message

    def react(self, message: Json, emoji: str) -> Answered:
        item = {"type": "message", "channel": self.channel, "ts": message["ts"]}
        event = {"type": "reaction_added", "user": self.user, "reaction": emoji, "item": item}
        return self.slack.event(event | {"item_user": message["user"], "event_ts": str(self.slack.slack.now())})

    def pin(self, message: Json) -> Answered:
        self._work.channels[self.channel].pins.append(message["ts"])
        item = {"type": "message", "channel": self.channel, "created_by": self.user, "message": message}
        return self.slack.event(
            {"type": "pin_added", "user": self.user, "channel_id": self.channel, "item": item, "event_ts": "1"}
        )

    def edit(self, message: Json, text: str) -> Answered:
        before = dict(message)
        message.update(text=text, edited={"user": self.user, "ts": f"{self.slack.slack.now():.6f}"})
        return self.slack.event(
            {
                "type": "message",
                "subtype": "message_changed",
                "channel": self.channel,
                "message": dict(message),
                "previous_message": before,
                "event_ts": message["edited"]["ts"],
            }
        )

    def delete(self, message: Json) -> Answered:
        self._work.channels[self.channel].messages.remove(message)
        return self.slack.event(
            {
                "type": "message",
                "subtype": "message_deleted",
                "channel": self.channel,
                "deleted_ts": message["ts"],
                "previous_message": message,
                "event_ts": "2",
            }
        )
