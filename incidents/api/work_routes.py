"""
Routes with which people work an incident: status, roles, tasks, criteria, severity, visibility, lines, links.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from incidents.api import work_forms as forms
from incidents.api.forms import Nothing
from incidents.api.registry import Answered, Call, Handler, Said, route, told
from incidents.clock import parse_rfc3339
from incidents.decisions.tasks import NewTask
from incidents.errors import Unknown
from incidents.operating import moment
from incidents.roles import Right
from incidents.share_links import share_link

SECTION = "Working an incident"
HERE = "/api/v1/incidents/{id}"
WORKED = {200: Answered("Recorded, or it was so already", "Worked")}


Decorator = Callable[[Handler], Handler]


def _number(call: Call, name: str, what: str) -> int:
    """
    Raises:
        Unknown: No whole number, so there is nothing of that number.
    """
    text = call.path[name]
    if not (text.isascii() and text.isdigit() and len(text) <= 15):
        raise Unknown(f"no {what} '{text[:40]}': they are numbered from 1", code=f"unknown-{what.split()[-1]}")
    return int(text)


def _post(path: str, form: type[Any], example: dict[str, Any] | None = None, **more: Any) -> Decorator:
    answers, right = more.pop("answers", WORKED), more.pop("right", Right.RESPOND)
    return route("POST", HERE + path, section=SECTION, right=right, form=form, example=example, answers=answers, **more)


@_post("/status", forms.StatusChange, {"status": "mitigated", "reason": "the old key is refused everywhere"})
def status(call: Call) -> Said:
    """
    Bring an incident to another status.

    `mitigated`, `resolved`, `closed`, `false-alarm`, `merged` (with `into`) or `reopened`. `contained` is never typed:
    it comes from evidence; `reviewed` comes from a published review. 409 names every reason that stands against it.
    Nothing here lifts a hold.
    """
    form = call.form(forms.StatusChange)
    reply = call.operations.move(
        call.asker,
        call.path["id"],
        form.status,
        reason=form.reason,
        at=form.at,
        into=form.into,
        clocks_go_on=form.clocks_go_on,
        key=call.key,
    )
    return told(reply)


@_post("/acknowledgement", Nothing)
def acknowledge(call: Call) -> Said:
    """Say "I am on it"; a repeat changes nothing."""
    return told(call.operations.acknowledge(call.asker, call.path["id"], call.key))


@_post("/roles", forms.RoleChange, {"role": "commander", "act": "assign", "person": "grace"})
def roles(call: Call) -> Said:
    """
    Take, assign, decline or leave a role.

    Command assigned to another is an offer (`offered`): who has it keeps it until the other takes it.
    """
    form = call.form(forms.RoleChange)
    reply = call.operations.role(
        call.asker,
        call.path["id"],
        form.role,
        form.act,
        person=form.person,
        reason=form.reason,
        force=form.force,
        key=call.key,
    )
    return told(reply)


@_post(
    "/tasks",
    forms.TaskNew,
    {"title": "Rotate the signing key", "owner": "grace", "follow_up": True},
    answers={201: Answered("Added", "Worked")},
)
def add_task(call: Call) -> Said:
    """Add a task, or a follow-up that goes on after closing."""
    form = call.form(forms.TaskNew)
    new = NewTask(
        title=form.title,
        about=form.about,
        role=form.role,
        owner=form.owner,
        due_at=moment(form.due_at, "due_at"),
        runbook=form.runbook,
        follow_up=form.follow_up,
    )
    return told(call.operations.add_task(call.asker, call.path["id"], new, call.key))


@_post("/tasks/{n}", forms.TaskChange, {"state": "done"})
def task(call: Call) -> Said:
    """
    Settle a task, or change who does it and until when.

    With `state` it is settled (`skipped` needs a reason); without, owner, due time or follow-up change.
    """
    form, number = call.form(forms.TaskChange), _number(call, "n", "task")
    if form.state is not None:
        reply = call.operations.settle_task(call.asker, call.path["id"], number, form.state, form.reason, call.key)
    else:
        reply = call.operations.change_task(
            call.asker,
            call.path["id"],
            number,
            owner=form.owner,
            due_at=form.due_at,
            follow_up=form.follow_up,
            key=call.key,
        )
    return told(reply)


@_post("/exit/{n}", forms.ExitJudgement, {"met": True, "evidence": "no call seen at any gateway since Monday 09:00"})
def exit_criterion(call: Call) -> Said:
    """Say that an exit criterion is met, and how you know, or that it no longer is."""
    form, number = call.form(forms.ExitJudgement), _number(call, "n", "exit criterion")
    return told(call.operations.judge_exit(call.asker, call.path["id"], number, form.met, form.evidence, call.key))


@_post("/actions/{n}/settlement", forms.ActionSettlement, {"state": "declined", "reason": "one partner only"})
def settle(call: Call) -> Said:
    """
    Decline an action that waits or is owed outside, or say that it was done by hand outside.

    An action that waits for a word is carried out by its validation alone.
    """
    form, number = call.form(forms.ActionSettlement), _number(call, "n", "action")
    return told(call.operations.settle_action(call.asker, call.path["id"], number, form.state, form.reason, call.key))


@_post("/severity", forms.SeverityChange, {"severity": "sev1", "reason": "a second partner is affected"})
def severity(call: Call) -> Said:
    """Raise or lower the severity; lowering takes the role commander."""
    form = call.form(forms.SeverityChange)
    return told(call.operations.set_severity(call.asker, call.path["id"], form.severity, form.reason, call.key))


@_post("/visibility", forms.VisibilityChange, {"visibility": "restricted", "reason": "an insider is suspected"})
def visibility(call: Call) -> Said:
    """
    Restrict an incident to its members, or open it again.

    To everybody else a restricted incident does not exist: not in lists, search, pages, the log or exports.
    """
    form = call.form(forms.VisibilityChange)
    return told(call.operations.set_visibility(call.asker, call.path["id"], form.visibility, form.reason, call.key))


@_post("/members", forms.MembersChange, {"add": ["grace"]})
def members(call: Call) -> Said:
    """Let people see a restricted incident, or no longer."""
    form = call.form(forms.MembersChange)
    return told(call.operations.change_members(call.asker, call.path["id"], form.add, form.remove, call.key))


@_post(
    "/updates",
    forms.UpdateText,
    {"text": "Contained at 14:02; we are calling the partner."},
    answers={201: Answered("Posted", "Worked")},
)
def update(call: Call) -> Said:
    """Post a status update; `next_at` promises the next one."""
    form = call.form(forms.UpdateText)
    return told(call.operations.post_update(call.asker, call.path["id"], form.text, form.next_at, call.key))


@_post("/lines/{seq}/correction", forms.CorrectionText, {"at": "2026-11-23T13:40:00Z", "reason": "read off the log"})
def correct(call: Call) -> Said:
    """
    Correct the time or the words of a line.

    The line stays as it was; the correction is a line of its own that points at it.
    """
    form, seq = call.form(forms.CorrectionText), _number(call, "seq", "line")
    reply = call.operations.correct(
        call.asker, call.path["id"], seq, at=form.at, text=form.text, reason=form.reason, key=call.key
    )
    return told(reply)


@_post("/lines/{seq}/pin", forms.Pin, {"pinned": True})
def pin(call: Call) -> Said:
    """Call a line a key moment, or no longer."""
    form, seq = call.form(forms.Pin), _number(call, "seq", "line")
    return told(call.operations.pin(call.asker, call.path["id"], seq, form.pinned, call.key))


@_post("/lines/{seq}/redaction", forms.Redaction, {"reason": "held a customer's name"}, right=Right.COMMAND)
def redact(call: Call) -> Said:
    """Take the words of a line out for good; the chain stays whole."""
    form, seq = call.form(forms.Redaction), _number(call, "seq", "line")
    return told(call.operations.redact(call.asker, call.path["id"], seq, form.reason, call.key))


@_post(
    "/shares",
    forms.ShareLife,
    {"lasts": "24h"},
    answers={201: Answered("Made; the link is in `url`", "Shared")},
    right=Right.COMMAND,
)
def share(call: Call) -> Said:
    """
    Make a read-only link to an incident's page, for leadership.

    It expires, can be revoked, and never shows restricted words. `warning` is there where it may end before that.
    """
    form = call.form(forms.ShareLife)
    reply = call.operations.share(call.asker, call.path["id"], form.lasts, call.key)
    body = reply.body
    url = share_link(call.service, body["incident"], body["share"], parse_rfc3339(body["expires_at"]))
    said, warning = told(reply), call.service.links_end_early
    return Said(said.status, {**body, "url": url} | ({"warning": warning} if warning else {}), said.headers)


@_post("/shares/{share}/revocation", Nothing, right=Right.COMMAND)
def revoke_share(call: Call) -> Said:
    """Revoke a read-only link."""
    return told(call.operations.revoke_share(call.asker, call.path["id"], call.path["share"], call.key))
