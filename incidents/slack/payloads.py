"""
What Slack sends, as far as it is read: forms, JSON, who pressed what where. Tolerant: a shape that nobody expects is
nothing, never an error.
"""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import parse_qsl

from incidents.errors import Invalid
from incidents.slack.blocks import Message
from incidents.slack.deliveries import Delivery
from incidents.slack.place import Place

Json = dict[str, Any]


def part(payload: Any, *names: str) -> Json:
    """A mapping inside a mapping; empty where there is none."""
    for name in names:
        payload = payload.get(name) if isinstance(payload, dict) else None
    return payload if isinstance(payload, dict) else {}


def text(payload: Json, *names: str) -> str:
    """A text inside a mapping; empty where there is none."""
    *before, last = names
    value = part(payload, *before).get(last)
    return value if isinstance(value, str) else ""


def place_of(payload: Json, delivery: Delivery) -> Place:
    """Where somebody pressed or sent something."""
    thread = text(payload, "message", "thread_ts") or text(payload, "message", "ts")
    return Place(
        team=text(payload, "team", "id"),
        user=text(payload, "user", "id"),
        channel=text(payload, "channel", "id") or text(payload, "container", "channel_id"),
        thread=thread or text(payload, "container", "message_ts"),
        trigger=text(payload, "trigger_id"),
        response_url=text(payload, "response_url"),
        delivery=delivery,
    )


def actions_of(payload: Json) -> list[Json]:
    found = payload.get("actions")
    return [action for action in found if isinstance(action, dict)] if isinstance(found, list) else []


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
