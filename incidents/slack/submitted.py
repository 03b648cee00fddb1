"""
Forms that were sent: the answer goes back in the same breath, so it reaches them even while Slack's API is down.

A form is a wish of its own, named by its view: sent twice, it is done once.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from incidents.errors import AndonError, Forbidden, Invalid
from incidents.slack import answers, forms, plan_answers, restoring_verbs
from incidents.slack.blocks import Message
from incidents.slack.captures import Captures
from incidents.slack.console import Console, refusal
from incidents.slack.declaring_verbs import declare_body
from incidents.slack.forms import PARAMETER
from incidents.slack.moments import typed_moment
from incidents.slack.people import asker_of
from incidents.slack.place import Place
from incidents.slack.pressed import filled_form
from incidents.slack.turn import Turn

Json = dict[str, Any]
CLOSE: Json = {}


class Submitted:
    def __init__(self, console: Console, captures: Captures) -> None:
        self._console, self._captures = console, captures

    def answer(self, place: Place, view: Json) -> Json:
        """What Slack is told: close, another view, or errors beside the fields."""
        asker = asker_of(self._console.service, place.user)
        if asker is None:
            return forms.instead(forms.told("Who are you?", self._console.stranger(place, "")))
        turn = self._console.turn(place, asker, f"form {view.get('id', '')} {view.get('callback_id', '')}")
        try:
            about = json.loads(view.get("private_metadata") or "{}")
            handler = self._handlers().get(str(view.get("callback_id")))
            if handler is None:
                raise Invalid("this form is of an older Andon; type the command instead")
            return handler(turn, about, forms.values_of(view))
        except Forbidden as error:
            return forms.instead(forms.told("Not done", refusal(turn, error)))
        except AndonError as error:
            return _beside_fields(turn, view, error)

    def _handlers(self) -> dict[str, Callable[[Turn, Json, Json], Json]]:
        return {
            "declare.choose": _chosen,
            "declare.fill": _filled,
            "declare.confirm": _confirmed,
            "note": _note,
            "update": _update,
            "status": _status,
            "clock.submit": _submit_clock,
            "restore.ask": _ask,
            "restore.decide": _decide,
            "restore.refuse": _refuse,
            "restore.stop": _stop,
            "capture": self._capture,
        }

    def _capture(self, turn: Turn, about: Json, values: Json) -> Json:
        message = self._captures.chosen(turn, about, str(values.get("incident", "")))
        return forms.instead(forms.told("Added", message))


def _beside_fields(turn: Turn, view: Json, error: AndonError) -> Json:
    """Each fault at its field; what is about none at the first one."""
    inputs = [str(b["block_id"]) for b in view.get("blocks", ()) if b.get("type") == "input"]
    if not inputs:
        return forms.instead(forms.told("Not done", refusal(turn, error)))
    found: dict[str, str] = {}
    for fault in error.errors:
        name = fault.where.removeprefix("parameters.")
        place = next((i for i in inputs if i in (name, PARAMETER + name)), inputs[0])
        found[place] = f"{found[place]} {fault.message}" if place in found else fault.message
    return forms.wrong(found or {inputs[0]: str(error)})


# --- declaring ------------------------------------------------------------------------------------------------------


def _chosen(turn: Turn, about: Json, values: Json) -> Json:
    shown = filled_form(turn, str(values.get("playbook", "")), str(values.get("kind", "real")), str(about.get("s", "")))
    return forms.instead(shown)


def _filled(turn: Turn, about: Json, values: Json) -> Json:
    parameters = {k.removeprefix(PARAMETER): str(v).strip() for k, v in values.items() if k.startswith(PARAMETER)}
    body: Json = {"playbook": about.get("b"), "parameters": parameters, "kind": about.get("k") or "real"}
    body |= {name: str(values[name]) for name in ("title", "summary") if values.get(name)}
    if values.get("severity") not in (None, "-"):
        body["severity"] = values["severity"]
    return forms.instead(forms.declare_preview(turn.operations.preview(turn.asker, body), body, turn.reader))


def _confirmed(turn: Turn, about: Json, values: Json) -> Json:
    return _told("Declared", declare_body(turn, about))


def _told(title: str, message: Message) -> Json:
    return forms.instead(forms.told(title, message))


# --- working --------------------------------------------------------------------------------------------------------


def _note(turn: Turn, about: Json, values: Json) -> Json:
    at = typed_moment(str(values.get("at", "")), turn.reader.now)
    turn.operations.note(turn.asker, str(about.get("i")), str(values.get("text", "")), at, turn.key)
    return CLOSE


def _update(turn: Turn, about: Json, values: Json) -> Json:
    turn.operations.post_update(turn.asker, str(about.get("i")), str(values.get("text", "")), key=turn.key)
    return CLOSE


def _status(turn: Turn, about: Json, values: Json) -> Json:
    turn.operations.move(
        turn.asker,
        str(about.get("i")),
        str(about.get("s")),
        reason=str(values.get("reason", "")),
        at=typed_moment(str(values.get("at", "")), turn.reader.now),
        clocks_go_on=forms.GO_ON in values.get("clocks", ()),
        key=turn.key,
    )
    return CLOSE


def _submit_clock(turn: Turn, about: Json, values: Json) -> Json:
    reply = turn.operations.submit_clock(
        turn.asker,
        f"{about.get('i')}.{values.get('clock', '')}",
        str(values.get("receipt", "")),
        at=typed_moment(str(values.get("at", "")), turn.reader.now),
        late_because=str(values.get("late_because", "")),
        key=turn.key,
    )
    return _told("Recorded", plan_answers.submitted(reply.body["clocks"][0], turn.reader))


def _ask(turn: Turn, about: Json, values: Json) -> Json:
    only = [int(n) for n in values.get("only", ()) if str(n).isdigit()]
    reason = str(values.get("reason", ""))
    reply = turn.operations.ask_restore(
        turn.asker,
        str(about.get("i")),
        only,
        reason,
        turn.key,
        canary=values.get("canary"),
        soak=values.get("soak"),
    )
    return _told("Asked", restoring_verbs.plan(turn, reply.body["id"]))


def _decide(turn: Turn, about: Json, values: Json) -> Json:
    request, digest = str(about.get("r")), str(about.get("d"))
    if values.get("decision") == "refuse":
        return _refuse(turn, about, values)
    plan = turn.operations.restore_request(turn.asker, request)["plan"]
    checks = list(plan.get("checks") or ())
    chosen = tuple(checks[int(n)] for n in values.get("checks", ()) if str(n).isdigit() and int(n) < len(checks))
    return _told("Decided", restoring_verbs.approve_exactly(turn, request, digest, chosen))


def _refuse(turn: Turn, about: Json, values: Json) -> Json:
    reply = turn.operations.refuse(turn.asker, str(about.get("r")), str(values.get("reason", "")), turn.key)
    return _told("Decided", answers.said(f":no_entry_sign: {reply.body['id']} is refused.", turn.reader))


def _stop(turn: Turn, about: Json, values: Json) -> Json:
    keep = values.get("keep") == "keep"
    return _told(
        "Stopped", restoring_verbs.stop_request(turn, str(about.get("r")), str(values.get("reason", "")), keep=keep)
    )
