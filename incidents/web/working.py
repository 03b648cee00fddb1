"""
The forms with which people work an incident: status, people, tasks, criteria, severity, visibility, lines.

Each reads what was typed, has it done once, and goes back to the part of the page that it belongs to; after a refusal
the page comes back with everything still typed. Decides nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flask import request
from werkzeug.wrappers import Response

from incidents.decisions.tasks import NewTask
from incidents.ledger import AnswerKey
from incidents.operating import moment
from incidents.operations import Operations, Reply
from incidents.web.frame import answer_key, asker, pages, service, visitor
from incidents.web.incident_pages import attempt
from incidents.web.times import typed_moment

Json = dict[str, Any]
Act = Callable[[Operations, AnswerKey | None], Reply]


def _do(id: str, form: str, said: str | Callable[[Reply], str], part: str, have: Act, **what: Any) -> Response:
    """``what`` was typed: the same again under the same form is done once."""

    def run() -> Reply:
        return have(service().operations, answer_key({"id": id, "form": form, **what}))

    return attempt(id, form, run, said if callable(said) else lambda reply: said, part)


def _text(name: str) -> str:
    return request.form.get(name, "").replace("\r\n", "\n").strip()


def _at(name: str = "at") -> str | None:
    return typed_moment(_text(name), service().clock.now(), name)


# --- life -----------------------------------------------------------------------------------------------------------


@pages.post("/incidents/<id>/status")
def change_status(id: str) -> Response:
    status, reason, into, at = _text("status"), _text("reason"), _text("into"), _text("at")

    def act(operations: Operations, key: AnswerKey | None) -> Reply:
        return operations.move(asker(), id, status, reason=reason, at=_at(), into=into, key=key)

    return _do(id, f"status-{status[:20]}", "moved", "life", act, status=status, reason=reason, into=into, at=at)


@pages.post("/incidents/<id>/acknowledgement")
def acknowledge(id: str) -> Response:
    return _do(id, "acknowledge", "acknowledged", "life", lambda o, key: o.acknowledge(asker(), id, key))


@pages.post("/incidents/<id>/updates")
def post_update(id: str) -> Response:
    text, next_at = _text("text"), _text("next_at")

    def act(operations: Operations, key: AnswerKey | None) -> Reply:
        return operations.post_update(asker(), id, text, _at("next_at"), key)

    return _do(id, "update", "posted", "what-happened", act, text=text, next_at=next_at)


@pages.post("/incidents/<id>/severity")
def change_severity(id: str) -> Response:
    severity, reason = _text("severity"), _text("reason")
    return _do(
        id,
        "severity",
        "severity",
        "life",
        lambda o, key: o.set_severity(asker(), id, severity, reason, key),
        severity=severity,
        reason=reason,
    )


@pages.post("/incidents/<id>/visibility")
def change_visibility(id: str) -> Response:
    visibility, reason = _text("visibility"), _text("reason")
    return _do(
        id,
        "visibility",
        "visibility",
        "people",
        lambda o, key: o.set_visibility(asker(), id, visibility, reason, key),
        visibility=visibility,
        reason=reason,
    )


@pages.post("/incidents/<id>/members")
def change_members(id: str) -> Response:
    add, remove = request.form.getlist("add"), request.form.getlist("remove")
    add = [person for person in add if person]
    return _do(
        id,
        "members",
        "visibility",
        "people",
        lambda o, key: o.change_members(asker(), id, add, remove, key),
        add=add,
        remove=remove,
    )


@pages.post("/incidents/<id>/exit/<int:number>")
def judge_exit(id: str, number: int) -> Response:
    evidence, met = _text("evidence"), _text("met") != "no"
    return _do(
        id,
        f"exit-{number}",
        "judged",
        "life",
        lambda o, key: o.judge_exit(asker(), id, number, met, evidence, key),
        evidence=evidence,
        met=met,
    )


@pages.post("/incidents/<id>/actions/<int:number>/settlement")
def settle_action(id: str, number: int) -> Response:
    state, reason = _text("state"), _text("reason")
    return _do(
        id,
        f"settle-{number}",
        "settled",
        "actions",
        lambda o, key: o.settle_action(asker(), id, number, state, reason, key),
        state=state,
        reason=reason,
    )


# --- people and tasks -----------------------------------------------------------------------------------------------


@pages.post("/incidents/<id>/roles")
def change_role(id: str) -> Response:
    role, wanted, person = _text("role"), _text("act"), _text("person")
    reason, force = _text("reason"), bool(_text("force"))

    def act(operations: Operations, key: AnswerKey | None) -> Reply:
        return operations.role(asker(), id, role, wanted, person=person, reason=reason, force=force, key=key)

    def said(reply: Reply) -> str:
        offers = wanted == "assign" and role == "commander" and person != visitor().credential.person
        return {"decline": "ended", "leave": "left"}.get(wanted, "offered" if offers else "taken")

    form = f"role-{wanted}-{role}"[:60]
    return _do(id, form, said, "people", act, role=role, wanted=wanted, person=person, reason=reason, force=force)


@pages.post("/incidents/<id>/tasks")
def add_task(id: str) -> Response:
    typed = {name: _text(name) for name in ("title", "about", "owner", "due_at")}
    follow_up = bool(_text("follow_up"))

    def act(operations: Operations, key: AnswerKey | None) -> Reply:
        new = NewTask(
            title=typed["title"],
            about=typed["about"],
            owner=typed["owner"],
            due_at=moment(_at("due_at"), "due_at"),
            follow_up=follow_up,
        )
        return operations.add_task(asker(), id, new, key)

    return _do(id, "task-new", "task-added", "tasks", act, follow_up=follow_up, **typed)


@pages.post("/incidents/<id>/tasks/<int:number>")
def work_task(id: str, number: int) -> Response:
    """``done``, ``skipped`` and ``open`` settle it; anything else changes owner, due time or follow-up."""
    state, reason, owner, due_at = _text("state"), _text("reason"), _text("owner"), _text("due_at")
    follow_up = True if _text("follow_up") else None

    def act(operations: Operations, key: AnswerKey | None) -> Reply:
        if state:
            return operations.settle_task(asker(), id, number, state, reason, key)
        return operations.change_task(
            asker(), id, number, owner=owner, due_at=_at("due_at"), follow_up=follow_up, key=key
        )

    return _do(
        id,
        f"task-{number}",
        "task-changed",
        "tasks",
        act,
        state=state,
        reason=reason,
        owner=owner,
        due_at=due_at,
        follow_up=follow_up,
    )


# --- lines ----------------------------------------------------------------------------------------------------------


@pages.post("/incidents/<id>/lines/<int:seq>/correction")
def correct_line(id: str, seq: int) -> Response:
    at, text, reason = _text("at"), request.form.get("text"), _text("reason")
    words = text.replace("\r\n", "\n") if text is not None and text.strip() else None

    def act(operations: Operations, key: AnswerKey | None) -> Reply:
        return operations.correct(asker(), id, seq, at=_at(), text=words, reason=reason, key=key)

    return _do(id, f"correct-{seq}", "corrected", f"line-{seq}", act, at=at, text=words, reason=reason)


@pages.post("/incidents/<id>/lines/<int:seq>/pin")
def pin_line(id: str, seq: int) -> Response:
    pinned = _text("pinned") != "no"
    return _do(
        id, f"pin-{seq}", "pinned", f"line-{seq}", lambda o, key: o.pin(asker(), id, seq, pinned, key), pinned=pinned
    )


@pages.post("/incidents/<id>/lines/<int:seq>/redaction")
def redact_line(id: str, seq: int) -> Response:
    reason = _text("reason")
    return _do(
        id,
        f"redact-{seq}",
        "redacted",
        f"line-{seq}",
        lambda o, key: o.redact(asker(), id, seq, reason, key),
        reason=reason,
    )
