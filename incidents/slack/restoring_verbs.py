"""
The way back in Slack: one person asks, another reads the exact plan and approves it, and any one person stops it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from incidents.errors import Conflicting, Unavailable
from incidents.roles import Right
from incidents.slack import answers, asked, plan_answers
from incidents.slack.blocks import Message
from incidents.slack.turn import Turn


def restore(turn: Turn, wanted: asked.Restore) -> Message:
    def stands(body: Mapping[str, Any]) -> bool:
        return turn.operations.restore_request(turn.asker, body["id"])["state"] in ("open", "running", "done")

    reply = turn.operations.ask_restore(
        turn.asker,
        turn.incident(wanted),
        list(wanted.only),
        wanted.reason,
        turn.key_while(stands),
        canary=wanted.canary or None,
        soak=wanted.soak or None,
        break_glass=wanted.break_glass,
    )
    return turn.once(reply, plan(turn, reply.body["id"]))


def approve(turn: Turn, wanted: asked.Approve) -> Message:
    """Typing it shows the plan; the button below agrees to exactly that one."""
    return plan(turn, wanted.request or request_of(turn, turn.incident(wanted), "open"))


def approve_exactly(turn: Turn, request: str, digest: str, checks: Sequence[str]) -> Message:
    """
    Agree to exactly the plan whose digest was shown, saying that its checks are true.

    Raises:
        Refused: See ``operations.approve``.
    """
    reply = turn.operations.approve(turn.asker, request, digest, turn.key, checks=checks)
    return turn.once(reply, plan_answers.approved(reply.body, turn.reader))


def refuse(turn: Turn, wanted: asked.Refuse) -> Message:
    request = wanted.request or request_of(turn, turn.incident(wanted), "open")
    key = turn.key_while(lambda body: body["id"] == request)
    reply = turn.operations.refuse(turn.asker, request, wanted.reason, key)
    return turn.once(reply, plan_answers.refused(reply.body, turn.reader))


def stop(turn: Turn, wanted: asked.Stop) -> Message:
    request = wanted.request or request_of(turn, turn.incident(wanted), "running")
    return stop_request(turn, request, wanted.reason, keep=wanted.keep)


def stop_request(turn: Turn, request: str, reason: str, *, keep: bool) -> Message:
    try:
        key = turn.key_while(lambda body: body["id"] == request)
        reply = turn.operations.stop_restore(turn.asker, request, reason, keep=keep, key=key)
    except Unavailable as error:
        return answers.not_recorded(error, f"Stopping {request}", turn.reader)
    return turn.once(reply, plan_answers.stopped(reply.body, turn.reader))


def plan(turn: Turn, request: str) -> Message:
    """The exact plan; with buttons for whoever may decide on it."""
    found = turn.operations.restore_request(turn.asker, request)
    mine = found["asked_by"] == turn.person
    able = turn.asker.may(Right.COMMAND) and not mine
    commands = turn.operations.incident(turn.asker, found["incident"])["commander"] == turn.person
    why = reason_of(turn, found)
    return plan_answers.restore_plan(found, why, turn.reader, able=able, mine=mine, commands=commands)


def reason_of(turn: Turn, request: Mapping[str, Any]) -> str:
    """Why a restore was asked for; the words live in the log, not in the request."""
    for row in turn.operations.timeline(turn.asker, request["incident"], limit=100_000):
        if row.kind == "restore:request:asked" and row.data["request"] == request["id"]:
            return row.text.partition("Reason: ")[2]
    return ""


def request_of(turn: Turn, incident: str, state: str) -> str:
    """
    The incident's restore that is open, or that is running.

    Raises:
        Conflicting: None is.
    """
    found = turn.operations.incident(turn.asker, incident)
    waiting = [r["id"] for r in found["restores"] if r["state"] == state]
    if not waiting:
        words = "waits for a decision" if state == "open" else "is running"
        raise Conflicting(f"no restore of {found['id']} {words}")
    return str(waiting[0])
