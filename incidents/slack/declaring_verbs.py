"""
Verbs that stop something: declare, preview, drill, kill, and the word for an action that waits.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import structlog

from incidents.decisions.incident import NOTE_LIMIT, REASON_LIMIT
from incidents.errors import AndonError, Unavailable
from incidents.ledger import AnswerKey
from incidents.operations import Reply
from incidents.slack import answers, asked, declared_answers, forms
from incidents.slack.blocks import Message, cut
from incidents.slack.turn import Turn

Json = dict[str, Any]
log = structlog.get_logger("andon.slack")


def declare(turn: Turn, wanted: asked.Declare) -> Message:
    if not wanted.playbook:
        return open_form(turn, wanted.text)
    body = body_of(wanted)
    if wanted.preview:
        line = "declare " + turn.line.strip().partition(" ")[2]
        return declared_answers.preview(turn.operations.preview(turn.asker, body), line, turn.reader)
    return declare_body(turn, body)


def declare_body(turn: Turn, body: Json) -> Message:
    """
    Declare and say what became of it.

    Raises:
        Refused: Nothing was declared.
    """
    try:
        begin = turn.operations.start_drill if body.get("kind") == "drill" else turn.operations.declare
        reply = begin(turn.asker, body, _key(turn))
    except Unavailable as error:
        if body.get("kind", "real") != "real":
            raise
        return answers.not_recorded(error, f"Declaring {body['playbook']}", turn.reader)
    return declared_reply(turn, reply)


def _key(turn: Turn) -> AnswerKey:
    """The same wish only while all that it held is held still: what was given back meanwhile is stopped again."""

    def stands(body: Mapping[str, Any]) -> bool:
        with turn.service.desk.read(body["id"]) as state:
            incident = state.incidents.get(body["id"])
            if incident is None:
                return False
            return not incident.lifted if incident.holds else not incident.ended

    return turn.key_while(stands)


def kill(turn: Turn, wanted: asked.Kill) -> Message:
    """However long the reason is: a pasted log must not keep it from being done, and is kept as a note."""
    try:
        reply = turn.operations.kill(turn.asker, wanted.what, wanted.name, cut(wanted.reason, REASON_LIMIT), _key(turn))
        if len(wanted.reason) > REASON_LIMIT and not reply.replayed:
            _note_it_all(turn, reply.body["id"], wanted.reason)
    except Unavailable as error:
        return answers.not_recorded(error, f"Killing {wanted.what} {wanted.name}", turn.reader)
    return declared_reply(turn, reply)


def _note_it_all(turn: Turn, incident: str, reason: str) -> None:
    try:
        turn.operations.note(turn.asker, incident, cut(reason, NOTE_LIMIT))
    except AndonError as error:
        log.warning("slack_reason_not_kept", incident=incident, error=str(error))


def declared_reply(turn: Turn, reply: Reply) -> Message:
    if turn.place.response_url and reply.body["containment"]["state"] != "contained":
        turn.follow(reply.body["id"], turn.place.response_url)
    return turn.once(reply, declared_answers.declared(reply.body, turn.person, turn.reader))


def validate(turn: Turn, wanted: asked.Validate) -> Message:
    incident = turn.incident(wanted)
    try:
        reply = turn.operations.validate(turn.asker, incident, wanted.number, turn.key)
    except Unavailable as error:
        return answers.not_recorded(error, f"Action {wanted.number} of {incident}", turn.reader)
    words = f"Action {wanted.number} is in force, revision {reply.body['revision']}"
    return turn.once(reply, answers.done(words, reply.body, turn.reader))


def open_form(turn: Turn, text: str) -> Message:
    """The form opens beside the answer; where Slack can't be reached, the answer's buttons and link are enough."""
    books = shelf(turn)
    turn.quick.open_view(turn.place.trigger, forms.choose_playbook(books, text))
    return declared_answers.choose_playbook(books, text, turn.reader)


def shelf(turn: Turn) -> list[tuple[str, str]]:
    """Playbooks as (id, title), the one for emergencies last."""
    return [(b.id, b.title) for b in sorted(turn.service.playbooks, key=lambda b: (b.id == "break-glass", b.title))]


def body_of(wanted: asked.Declare) -> Json:
    """A declaration as the operations take it."""
    body: Json = {"playbook": wanted.playbook, "parameters": dict(wanted.parameters), "kind": wanted.kind}
    for name in ("title", "severity", "mode", "lasts", "compress"):
        if value := getattr(wanted, name):
            body[name] = value
    if wanted.text:
        body["summary"] = wanted.text
    return body | ({"separate": True} if wanted.separate else {})
