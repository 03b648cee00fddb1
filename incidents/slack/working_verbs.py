"""
Verbs that work an incident: notes, updates, status, roles, tasks.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from incidents.errors import Unknown
from incidents.slack import answers, asked
from incidents.slack.blocks import Message
from incidents.slack.moments import typed_moment
from incidents.slack.people import asker_of
from incidents.slack.turn import Turn


def note(turn: Turn, wanted: asked.Note) -> Message:
    at = typed_moment(wanted.at, turn.reader.now)
    reply = turn.operations.note(turn.asker, turn.incident(wanted), wanted.text, at, turn.key)
    return turn.once(reply, answers.noted(reply.body, turn.reader))


def update(turn: Turn, wanted: asked.Update) -> Message:
    reply = turn.operations.post_update(turn.asker, turn.incident(wanted), wanted.text, key=turn.key)
    return turn.once(reply, answers.done("The update is posted", reply.body, turn.reader))


def acknowledge(turn: Turn, wanted: asked.Acknowledge) -> Message:
    reply = turn.operations.acknowledge(turn.asker, turn.incident(wanted), turn.key)
    words = "Acknowledged already" if reply.body.get("already") else "Acknowledged"
    return turn.once(reply, answers.done(words, reply.body, turn.reader))


def status(turn: Turn, wanted: asked.SetStatus) -> Message:
    reply = turn.operations.move(
        turn.asker,
        turn.incident(wanted),
        wanted.status,
        reason=wanted.reason,
        at=typed_moment(wanted.at, turn.reader.now),
        into=wanted.into,
        clocks_go_on=wanted.clocks_go_on,
        key=turn.key,
    )
    return turn.once(reply, answers.done(f"It is {reply.body['status']} now", reply.body, turn.reader))


def take(turn: Turn, wanted: asked.Take) -> Message:
    incident = turn.incident(wanted)

    def stands(body: Mapping[str, Any]) -> bool:
        roles = turn.operations.incident(turn.asker, body["incident"])["roles"]
        return any(r["role"] == wanted.role and r["person"] == turn.person for r in roles)

    reply = turn.operations.role(
        turn.asker,
        incident,
        wanted.role,
        "take",
        reason=wanted.reason,
        force=wanted.over,
        key=turn.key_while(stands),
    )
    return turn.once(reply, answers.done(f"You are {wanted.role} now", reply.body, turn.reader))


def assign(turn: Turn, wanted: asked.Assign) -> Message:
    incident, person = turn.incident(wanted), person_of(turn, wanted)
    role = "commander" if wanted.role in ("command", "ic", "lead") else wanted.role
    reply = turn.operations.role(turn.asker, incident, role, "assign", person=person, key=turn.key)
    who = str(reply.body.get("person", person))
    words = f"{turn.reader.who(who)} is {role} now"
    if role == "commander" and who != turn.person:
        accept = turn.reader.type(f"take {reply.body['incident']}")
        words = f"Command is offered to {turn.reader.call(who)}, who accepts it with {accept}"
    return turn.once(reply, answers.done(words, reply.body, turn.reader))


def person_of(turn: Turn, wanted: asked.Assign | asked.DrillPart) -> str:
    """
    Who is named: the mentioned account's person, or the id as it was written.

    Raises:
        Unknown: The mentioned account is nobody's.
    """
    if not wanted.account:
        return wanted.person
    known = asker_of(turn.service, wanted.account)
    if known is None or known.actor.person is None:
        hint = f"let them type '{turn.reader.root} link'"
        raise Unknown(f"@{wanted.person} is nobody that Andon knows: {hint}", code="unknown-person")
    return known.actor.person


def task(turn: Turn, wanted: asked.CloseTask) -> Message:
    to = "done" if wanted.outcome == "done" else "skipped"
    reply = turn.operations.settle_task(turn.asker, turn.incident(wanted), wanted.number, to, wanted.reason, turn.key)
    return turn.once(reply, answers.done(f"Task {wanted.number} is {to}", reply.body, turn.reader))
