"""
What the forms of an incident's page ask for: its life, its people, its tasks, its lines.

Each translates what was typed into one operation and goes back to the card it came from; nothing is decided here.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flask import request
from werkzeug.wrappers import Response

from incidents.clock import rfc3339
from incidents.decisions.tasks import NewTask
from incidents.errors import Invalid
from incidents.operating import moment
from incidents.operations import Operations, Reply
from incidents.typed_times import typed_due, typed_moment
from incidents.web.frame import answer_key, asker, pages, service
from incidents.web.incident_pages import SAID, attempt
from incidents.web.working import NEXT
from playbooks.durations import duration

SAID.update(
    {
        "mitigated": "Mitigated: the page says since when.",
        "resolved": "Resolved. Its review is owed now.",
        "closed": "Closed. Holds that stand go on standing; follow-ups go on until they are done.",
        "false-alarm": "Called a false alarm. Nothing was given back by that.",
        "merged": "Merged: what happens next stands in the other incident.",
        "reopened": "It goes on. Exit criteria have to be met again.",
        "acknowledged": "You are on it.",
        "judged": "Written down, with how you know.",
        "settled": "Written down: the action is settled.",
        "severity": "The severity is changed, and everybody reads why.",
        "visibility": "Who may see it is changed.",
        "members": "Who may see it is changed.",
        "taken": "The role is yours.",
        "given": "The role is given.",
        "offered": "Command is offered. It changes hands when they accept.",
        "declined": "The offer has ended.",
        "left": "Nobody has the role now.",
        "task-added": "The task is added.",
        "task-changed": "The task is changed.",
        "task-done": "Done.",
        "task-skipped": "Skipped, with the reason.",
        "task-open": "The task is open again.",
        "updated": "Posted. The page counts down to the next word.",
        "corrected": "Corrected. What stood there stays, struck through.",
        "pinned": "Pinned as a key moment.",
        "unpinned": "No key moment any more.",
        "redacted": "Redacted: the words are gone for good.",
    }
)
Work = Callable[[Operations, Any], Reply]


def _go(
    id: str, form: str, said: str | Callable[[Reply], str], part: str, asked: dict[str, Any], work: Work, line: int = 0
) -> Response:
    """``asked`` is what was filled in: the same form with the same values does its work once."""

    def act() -> Reply:
        return work(service().operations, answer_key({"id": id} | asked))

    return attempt(id, form, act, said if callable(said) else lambda reply: said, part, line)


def _text(name: str) -> str:
    return request.form.get(name, "").replace("\r\n", "\n")


def _word(name: str) -> str:
    return request.form.get(name, "").strip()


def _ticked(name: str) -> bool:
    return request.form.get(name) == "1"


def _moment(name: str = "at") -> str | None:
    return typed_moment(_word(name), service().clock.now())


# --- the life -------------------------------------------------------------------------------------------------------


@pages.post("/incidents/<id>/status")
def move(id: str) -> Response:
    to, reason, at, into = _word("to"), _text("reason"), _word("at"), _word("into")
    go_on = bool(_word("clocks_go_on"))
    asked = {"to": to, "reason": reason, "at": at, "into": into, "clocks_go_on": go_on}

    def work(o: Operations, key: Any) -> Reply:
        return o.move(asker(), id, to, reason=reason, at=_moment(), into=into, clocks_go_on=go_on, key=key)

    return _go(id, f"status-{to}", to, "life", asked, work)


@pages.post("/incidents/<id>/acknowledgement")
def acknowledge(id: str) -> Response:
    return _go(id, "acknowledge", "acknowledged", "life", {}, lambda o, key: o.acknowledge(asker(), id, key))


@pages.post("/incidents/<id>/exit/<int:number>")
def judge_exit(id: str, number: int) -> Response:
    met, reason = _ticked("met"), _text("reason")

    def work(o: Operations, key: Any) -> Reply:
        return o.judge_exit(asker(), id, number, met, reason, key)

    return _go(id, f"exit-{number}", "judged", "life", {"number": number, "met": met, "reason": reason}, work)


@pages.post("/incidents/<id>/actions/<int:number>/settlement")
def settle_action(id: str, number: int) -> Response:
    to, reason = _word("to"), _text("reason")

    def work(o: Operations, key: Any) -> Reply:
        return o.settle_action(asker(), id, number, to, reason, key)

    return _go(id, f"action-{number}", "settled", "actions", {"number": number, "to": to, "reason": reason}, work)


@pages.post("/incidents/<id>/severity")
def set_severity(id: str) -> Response:
    severity, reason = _word("severity"), _text("reason")

    def work(o: Operations, key: Any) -> Reply:
        if not severity:
            raise Invalid.at("severity", "choose a severity")
        return o.set_severity(asker(), id, severity, reason, key)

    return _go(id, "severity", "severity", "life", {"severity": severity, "reason": reason}, work)


@pages.post("/incidents/<id>/visibility")
def set_visibility(id: str) -> Response:
    visibility, reason = _word("visibility"), _text("reason")

    def work(o: Operations, key: Any) -> Reply:
        return o.set_visibility(asker(), id, visibility, reason, key)

    return _go(id, "visibility", "visibility", "life", {"visibility": visibility, "reason": reason}, work)


@pages.post("/incidents/<id>/members")
def change_members(id: str) -> Response:
    add, remove = _word("add"), _word("remove")

    def work(o: Operations, key: Any) -> Reply:
        return o.change_members(asker(), id, [add] if add else [], [remove] if remove else [], key)

    form = "members-out" if remove else "members-in"
    return _go(id, form, "members", "life", {"add": add, "remove": remove}, work)


# --- people ---------------------------------------------------------------------------------------------------------


@pages.post("/incidents/<id>/roles")
def role(id: str) -> Response:
    name, act, person, reason, force = _word("role"), _word("act"), _word("person"), _text("reason"), _ticked("force")
    asked = {"role": name, "act": act, "person": person, "reason": reason, "force": force}

    def work(o: Operations, key: Any) -> Reply:
        return o.role(asker(), id, name, act, person=person, reason=reason, force=force, key=key)

    def said(reply: Reply) -> str:
        taken = "person" in reply.body and reply.body["person"] == asker().actor.person
        given = "taken" if taken else "offered" if name == "commander" else "given"
        return {"take": "taken", "assign": given, "decline": "declined", "leave": "left"}.get(act, "given")

    return _go(id, f"role-{name}-{'force' if force else act}", said, "people", asked, work)


# --- tasks ----------------------------------------------------------------------------------------------------------


@pages.post("/incidents/<id>/tasks")
def add_task(id: str) -> Response:
    names = ("title", "role", "owner", "due", "runbook")
    asked: dict[str, Any] = {name: _word(name) for name in names} | {"about": _text("about").strip()}
    asked["follow_up"] = _ticked("follow_up")

    def work(o: Operations, key: Any) -> Reply:
        if asked["runbook"]:
            service().runbook(asked["runbook"].partition("#")[0])
        new = NewTask(
            title=asked["title"],
            about=asked["about"],
            role=asked["role"],
            owner=asked["owner"],
            due_at=moment(typed_due(asked["due"], service().clock.now()), "due"),
            runbook=asked["runbook"],
            follow_up=asked["follow_up"],
        )
        return o.add_task(asker(), id, new, key)

    return _go(id, "task-new", "task-added", "tasks", asked, work)


@pages.post("/incidents/<id>/tasks/<int:number>")
def change_task(id: str, number: int) -> Response:
    owner, due, follow_up = _word("owner"), _word("due"), _ticked("follow_up")
    asked = {"number": number, "owner": owner, "due": due, "follow_up": follow_up}

    def work(o: Operations, key: Any) -> Reply:
        at = typed_due(due, service().clock.now())
        return o.change_task(asker(), id, number, owner=owner, due_at=at, follow_up=follow_up, key=key)

    return _go(id, f"task-{number}-change", "task-changed", f"task-{number}", asked, work)


@pages.post("/incidents/<id>/tasks/<int:number>/state")
def settle_task(id: str, number: int) -> Response:
    to, reason = _word("to"), _text("reason")
    form = {"skipped": "skip", "open": "open"}.get(to, "done")

    def work(o: Operations, key: Any) -> Reply:
        return o.settle_task(asker(), id, number, to, reason, key)

    asked = {"number": number, "to": to, "reason": reason}
    return _go(id, f"task-{number}-{form}", f"task-{to}", f"task-{number}", asked, work)


# --- lines ----------------------------------------------------------------------------------------------------------


@pages.post("/incidents/<id>/notes")
def add_note(id: str) -> Response:
    text, at, restricted = _text("text"), _word("at"), _ticked("restricted")

    def work(o: Operations, key: Any) -> Reply:
        return o.note(asker(), id, text, _moment(), key, restricted=restricted)

    return _go(id, "note", "noted", "what-happened", {"text": text, "at": at, "restricted": restricted}, work)


@pages.post("/incidents/<id>/updates")
def post_update(id: str) -> Response:
    text, following = _text("text"), _word("next")

    def work(o: Operations, key: Any) -> Reply:
        if following and following not in NEXT:
            raise Invalid.at("next", f"'{following[:20]}': choose when the next word comes, or that it is not promised")
        at = rfc3339(duration(following).end(service().clock.now())) if following else None
        return o.post_update(asker(), id, text, at, key)

    return _go(id, "update", "updated", "what-happened", {"text": text, "next": following}, work)


@pages.post("/incidents/<id>/lines/<int:seq>/correction")
def correct(id: str, seq: int) -> Response:
    text, at, reason = request.form.get("text"), _word("at"), _text("reason")
    words = text.replace("\r\n", "\n") if text is not None else None

    def work(o: Operations, key: Any) -> Reply:
        changed = words if words is not None and words != _as_it_reads(o, id, seq) else None
        return o.correct(asker(), id, seq, at=_moment(), text=changed, reason=reason, key=key)

    asked = {"seq": seq, "text": words, "at": at, "reason": reason}
    return _go(id, f"line-{seq}-correct", "corrected", f"line-{seq}", asked, work, seq)


def _as_it_reads(operations: Operations, id: str, seq: int) -> str:
    found = operations.timeline(asker(), id, after=seq - 1, limit=1)
    return found[0].text.replace("\r\n", "\n") if found and found[0].seq == seq else ""


@pages.post("/incidents/<id>/lines/<int:seq>/pin")
def pin(id: str, seq: int) -> Response:
    pinned = _ticked("pinned")

    def work(o: Operations, key: Any) -> Reply:
        return o.pin(asker(), id, seq, pinned, key)

    said = "pinned" if pinned else "unpinned"
    return _go(id, f"line-{seq}-pin", said, f"line-{seq}", {"seq": seq, "pinned": pinned}, work, seq)


@pages.post("/incidents/<id>/lines/<int:seq>/redaction")
def redact(id: str, seq: int) -> Response:
    reason = _text("reason")

    def work(o: Operations, key: Any) -> Reply:
        return o.redact(asker(), id, seq, reason, key)

    return _go(id, f"line-{seq}-redact", "redacted", f"line-{seq}", {"seq": seq, "reason": reason}, work, seq)
