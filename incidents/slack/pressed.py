"""
Buttons: what a press means. Most are a line that could have been typed; the others open a form.

A press by somebody who may not is answered with who may. Nothing here is trusted but the act and the id that the
button's own value names: rights, state and digest are looked at again when it is done.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from incidents.decisions import needs
from incidents.errors import AndonError, Invalid
from incidents.roles import Right
from incidents.slack import forms, plan_answers
from incidents.slack.blocks import Message
from incidents.slack.console import Console, refusal
from incidents.slack.declaring_verbs import shelf
from incidents.slack.incident_buttons import STEP_LABELS
from incidents.slack.people import asker_of
from incidents.slack.place import Place
from incidents.slack.restoring_verbs import approve_exactly, reason_of
from incidents.slack.turn import Turn
from playbooks.loader import UnknownPlaybook
from playbooks.schema import ParameterKind, Playbook

Json = dict[str, Any]

# Acts that are a line: what the button says, typed.
LINES: dict[str, Callable[[Json], str]] = {
    "run": lambda v: str(v.get("l", "")),
    "take": lambda v: f"take {v.get('i', '')}",
    "ack": lambda v: f"ack {v.get('i', '')}",
    "task": lambda v: f"task {v.get('i', '')} {v.get('n', '')} done",
    "real": lambda v: f"drill real {v.get('i', '')}",
    "over": lambda v: f"drill stop {v.get('i', '')}",
    "validate": lambda v: f"validate {v.get('i', '')} {v.get('n', '')}",
}


def value_of(action: Json) -> Json:
    """
    What a button or an entry behind "More" carries.

    Raises:
        Invalid: Not one of ours.
    """
    text = action.get("value") or (action.get("selected_option") or {}).get("value") or "{}"
    try:
        found = json.loads(text)
    except ValueError:
        found = {}
    if not isinstance(found, dict) or not isinstance(found.get("a"), str):
        raise Invalid("this button is of an older Andon; type the command instead")
    return found


def press(console: Console, place: Place, value: Json) -> Message | None:
    """What only they read; None where a form opens in its place."""
    act = value["a"]
    line = LINES[act](value) if act in LINES else ""
    if line:
        return console.answer(place, line)
    asker = asker_of(console.service, place.user)
    if asker is None:
        return console.stranger(place, "")
    turn = console.turn(place, asker, f"press {json.dumps(value, sort_keys=True)}")
    opens = _FORMS.get(act)
    try:
        if act == "approve":
            return approve_exactly(turn, str(value.get("r", "")), str(value.get("d", "")), ())
        if opens is None:
            raise Invalid("this button is of an older Andon; type the command instead")
        shown = opens(turn, value)
        if not console.quick.open_view(place.trigger, shown):
            raise Invalid(f"Andon has no bot token, so it can't open forms; type '{turn.reader.root} help'")
    except AndonError as error:
        return refusal(turn, error, str(value.get("i", "")))
    return None


# --- forms that a press opens ---------------------------------------------------------------------------------------


def _note(turn: Turn, value: Json) -> Json:
    needs(turn.asker, Right.RESPOND, "writing a note")
    return forms.note_form(_id(turn, value))


def _update(turn: Turn, value: Json) -> Json:
    needs(turn.asker, Right.RESPOND, "posting an update")
    return forms.update_form(_id(turn, value))


def _status(turn: Turn, value: Json) -> Json:
    status = str(value.get("s"))
    needs(turn.asker, Right.RESPOND if status == "mitigated" else Right.COMMAND, f"'{status}'")
    found = turn.operations.incident(turn.asker, str(value.get("i")))
    owed = plan_answers.owed(found, turn.reader) if status == "closed" else []
    return forms.status_form(found["id"], status, STEP_LABELS.get(status, status), owed)


def _clocks(turn: Turn, value: Json) -> Json:
    found = turn.operations.incident(turn.asker, _id(turn, value))
    return forms.clocks_view(found, turn.reader, able=turn.asker.may(Right.COMMAND))


def _ask(turn: Turn, value: Json) -> Json:
    needs(turn.asker, Right.COMMAND, "asking for a restore")
    found = turn.operations.incident(turn.asker, _id(turn, value))
    return forms.ask_restore_form(found, [str(p) for p in turn.operations.canaries(turn.asker, found["id"])])


def _decide(turn: Turn, value: Json) -> Json:
    needs(turn.asker, Right.COMMAND, "deciding on a restore")
    found = turn.operations.restore_request(turn.asker, str(value.get("r")))
    return forms.decide_restore_form(found, reason_of(turn, found), turn.reader)


def _refuse(turn: Turn, value: Json) -> Json:
    needs(turn.asker, Right.COMMAND, "refusing a restore")
    return forms.refuse_form(turn.operations.restore_request(turn.asker, str(value.get("r")))["id"])


def _stop(turn: Turn, value: Json) -> Json:
    needs(turn.asker, Right.RESPOND, "stopping a restore")
    return forms.stop_form(turn.operations.restore_request(turn.asker, str(value.get("r")))["id"])


def _form(turn: Turn, value: Json) -> Json:
    needs(turn.asker, Right.RESPOND, "declaring an incident")
    return filled_form(turn, str(value.get("b")), "real", str(value.get("l", "")))


def _choose(turn: Turn, value: Json) -> Json:
    needs(turn.asker, Right.RESPOND, "declaring an incident")
    return forms.choose_playbook(shelf(turn), "")


def _id(turn: Turn, value: Json) -> str:
    """The incident of a button, if the asker may know of it."""
    return str(turn.operations.incident(turn.asker, str(value.get("i")))["id"])


def filled_form(turn: Turn, playbook: str, kind: str, text: str) -> Json:
    """
    The form of a playbook.

    Raises:
        Invalid: There is no such playbook (any more).
    """
    try:
        book = turn.service.playbooks.get(playbook)
    except UnknownPlaybook as error:
        raise Invalid.at("playbook", str(error), code="unknown-playbook") from error
    return forms.declare_form(book, kind, text, _choices(turn, book))


def _choices(turn: Turn, book: Playbook) -> dict[str, list[str]]:
    with turn.service.desk.read() as state:
        catalog = state.catalog
        of_kind = {
            ParameterKind.PARTNER: sorted(catalog.partners),
            ParameterKind.MODEL: sorted(catalog.models),
            ParameterKind.CAPABILITY: [*catalog.flags(), *sorted(catalog.capabilities)],
        }
    return {name: of_kind.get(book.kind_of(name), []) for name in book.parameters}


_FORMS: dict[str, Callable[[Turn, Json], Json]] = {
    "note": _note,
    "update": _update,
    "status": _status,
    "clocks": _clocks,
    "ask": _ask,
    "restore": _decide,
    "decide": _decide,
    "refuse": _refuse,
    "stop": _stop,
    "form": _form,
    "choose": _choose,
}
