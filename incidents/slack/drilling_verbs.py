"""
Verbs about a drill that runs: who takes part, that it is over, or that it has turned out to be real.
"""

from __future__ import annotations

from typing import Any

from incidents.decisions import Asker
from incidents.errors import Unavailable
from incidents.service import Service
from incidents.slack import answers, asked
from incidents.slack.blocks import Message
from incidents.slack.declaring_verbs import declared_reply
from incidents.slack.turn import Turn
from incidents.slack.working_verbs import person_of

Json = dict[str, Any]


def viewed(service: Service, asker: Asker, id: str) -> Json:
    """An incident as the operations answer it; a drill with how it is held and when it ends by itself."""
    found: Json = service.operations.incident(asker, id)
    if found["kind"] == "drill":
        with service.desk.read(found["id"]) as state:
            run = state.drills.runs.get(found["id"])
        if run is not None:
            found["drill"] = {
                "mode": run.mode,
                "ends_at": run.ends_at,
                "how": run.how,
                "because": run.because,
                "real": run.real,
            }
    return found


def real(turn: Turn, wanted: asked.DrillReal) -> Message:
    """The drill is aborted and a real incident declared in one write; as urgent as any declaration."""
    incident = turn.incident(wanted)
    body = {"summary": wanted.text} if wanted.text else {}
    try:
        reply = turn.operations.call_real(turn.asker, incident, body, turn.key)
    except Unavailable as error:
        return answers.not_recorded(error, f"Calling {incident} real", turn.reader)
    return declared_reply(turn, reply)


def end(turn: Turn, wanted: asked.DrillEnd) -> Message:
    how = "aborted" if wanted.abort else "finished"
    reply = turn.operations.end_drill(turn.asker, turn.incident(wanted), how, wanted.reason, turn.key)
    return turn.once(reply, answers.drill_over(reply.body, turn.reader))


def take_part(turn: Turn, wanted: asked.DrillPart) -> Message:
    reply = turn.operations.drill_people(
        turn.asker,
        turn.incident(wanted),
        "leave" if wanted.leave else "join",
        person=person_of(turn, wanted),
        part=wanted.part or "participant",
        key=turn.key,
    )
    return turn.once(reply, answers.taking_part(reply.body, turn.reader, leave=wanted.leave))
