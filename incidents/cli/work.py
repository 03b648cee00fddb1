"""
Working an incident: status, people, tasks, criteria, severity, who may see it, updates, lines, links.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import click

from incidents.cli import show as words
from incidents.cli.options import DUE, MOMENT, choice, json_option, say
from incidents.cli.transport import connect
from incidents.decisions.incident import SEVERITIES
from incidents.decisions.life import TYPED
from incidents.life import COMMANDER, OPEN, RESTRICTED

Json = dict[str, Any]
AT = click.option(
    "--at", callback=MOMENT, metavar="TIME", help="When it happened, if not now: 14:02 or 2026-11-23T14:02:07Z."
)


def _told(what: Callable[[Json], str]) -> Callable[[Json], list[str]]:
    """The sentence, or that it was so already."""

    def lines(answer: Json) -> list[str]:
        if answer.get("already"):
            return [f"{answer['incident']} was so already; nothing was changed"]
        return [f"{what(answer)}, event {answer['seq']}"]

    return lines


def _post(what: Callable[[Json], str], *path: str, **body: Any) -> None:
    given = {name: value for name, value in body.items() if value not in (None, "", [], ())}
    with connect() as andon:
        say(andon.post("incidents", *path, body=given), _told(what))


@click.command()
@click.argument("id")
@click.argument("status", metavar="STATUS")
@click.option("--reason", default="", help="Why; only mitigated goes without.")
@AT
@click.option("--into", default="", metavar="ID", help="With 'merged': the incident that it becomes part of.")
@click.option("--clocks-go-on", is_flag=True, help="With 'closed': although duties to others are owed still.")
@json_option
def status(id: str, status: str, reason: str, at: str | None, into: str, clocks_go_on: bool) -> None:
    """
    Bring an incident to another status.

    mitigated, resolved, closed, false-alarm, merged or reopened. Contained comes from evidence, reviewed from a
    published review. Says what stands against it; lifts nothing.

    \b
    Example:
      andon status INC-2026-0001 resolved --reason "no call on the old key for 24 h"
    """
    _post(
        lambda a: f"{a['incident']} is {a['status']}",
        id,
        "status",
        status=_near(status),
        reason=reason,
        at=at,
        into=into,
        clocks_go_on=clocks_go_on or None,
    )


def _near(status: str) -> str:
    """``resolve`` and ``mitigate`` mean what they say."""
    return next((known for known in TYPED if known.startswith(status.lower()) and len(status) > 3), status)


@click.command()
@click.argument("id")
@json_option
def ack(id: str) -> None:
    """
    Say that you are on it.

    \b
    Example:
      andon ack INC-2026-0001
    """
    _post(lambda a: f"{a['incident']} is acknowledged", id, "acknowledgement")


@click.command()
@click.argument("id")
@click.argument("role", default=COMMANDER)
@click.option("--force", is_flag=True, help="From whoever has command, without being handed it; needs a reason.")
@click.option("--reason", default="", help="Why it is taken over.")
@json_option
def take(id: str, role: str, force: bool, reason: str) -> None:
    """
    Take command, or another role.

    Also accepts command that was offered to you.

    \b
    Example:
      andon take INC-2026-0001
    """
    _post(
        lambda a: f"{a['person']} is {a['role']} of {a['incident']}",
        id,
        "roles",
        role=role,
        act="take",
        force=force or None,
        reason=reason,
    )


@click.command()
@click.argument("id")
@click.argument("role")
@click.argument("person")
@json_option
def assign(id: str, role: str, person: str) -> None:
    """
    Give a role to somebody.

    Command is offered: who has it keeps it until the other takes it.

    \b
    Example:
      andon assign INC-2026-0001 commander grace
    """

    def what(answer: Json) -> str:
        if answer.get("offered"):
            return f"command of {answer['incident']} is offered to {answer['person']}, who takes it with `andon take`"
        return f"{answer['person']} is {answer['role']} of {answer['incident']}"

    _post(what, id, "roles", role=role, act="assign", person=person)


@click.command()
@click.argument("id")
@click.argument("role", default=COMMANDER)
@click.option("--reason", default="", help="Why.")
@json_option
def decline(id: str, role: str, reason: str) -> None:
    """
    Decline an offer, or take yours back.

    \b
    Example:
      andon decline INC-2026-0001 --reason "on a plane until six"
    """
    what = "the offer of {role} of {incident} has ended"
    _post(lambda a: what.format(**a), id, "roles", role=role, act="decline", reason=reason)


@click.command()
@click.argument("id")
@click.argument("role")
@click.option("--reason", default="", help="Why.")
@json_option
def leave(id: str, role: str, reason: str) -> None:
    """
    Give up a role.

    Command is handed over instead (assign).

    \b
    Example:
      andon leave INC-2026-0001 scribe
    """
    _post(lambda a: f"nobody is {a['role']} of {a['incident']}", id, "roles", role=role, act="leave", reason=reason)


@click.command()
@click.argument("id")
@click.argument("number", type=click.IntRange(min=1))
@click.argument("what", type=choice(("done", "skip", "reopen", "change")))
@click.option("--reason", default="", help="Why it is skipped.")
@click.option("--owner", default="", help="With 'change': who does it.")
@click.option(
    "--due", callback=DUE, metavar="TIME", help="With 'change': until when: 2h, 3 business days or 14:05 (UTC)."
)
@click.option("--follow-up", is_flag=True, help="With 'change': it goes on after closing.")
@json_option
def task(id: str, number: int, what: str, reason: str, owner: str, due: str | None, follow_up: bool) -> None:
    """
    Settle or change a task.

    \b
    Example:
      andon task INC-2026-0001 3 done
      andon task INC-2026-0001 4 skip --reason "no data was involved"
      andon task INC-2026-0001 5 change --owner grace --follow-up
    """
    if what == "change":
        more: Json = {"owner": owner, "due_at": due, "follow_up": follow_up or None}
    else:
        more = {"state": {"done": "done", "skip": "skipped", "reopen": "open"}[what], "reason": reason}
    _post(
        lambda a: f"task {a['number']} of {a['incident']} is {a.get('state', 'changed')}",
        id,
        "tasks",
        str(number),
        **more,
    )


@click.command("add-task")
@click.argument("id")
@click.argument("title")
@click.option("--about", default="", help="More words.")
@click.option("--role", default="", help="The role that does it.")
@click.option("--owner", default="", help="The person who does it.")
@click.option("--due", callback=DUE, metavar="TIME", help="Until when: 2h, 3 business days or 14:05 (UTC).")
@click.option("--follow-up", is_flag=True, help="It goes on after closing.")
@json_option
def add_task(id: str, title: str, about: str, role: str, owner: str, due: str | None, follow_up: bool) -> None:
    """
    Add a task or a follow-up.

    \b
    Example:
      andon add-task INC-2026-0001 "Shorten the life of partner keys" --follow-up --owner grace
    """
    _post(
        lambda a: f"{'follow-up' if a['follow_up'] else 'task'} {a['number']} of {a['incident']} is added",
        id,
        "tasks",
        title=title,
        about=about,
        role=role,
        owner=owner,
        due_at=due,
        follow_up=follow_up or None,
    )


@click.command("exit")
@click.argument("id")
@click.argument("number", type=click.IntRange(min=1))
@click.option("--evidence", required=True, help="How you know.")
@click.option("--open", "reopened", is_flag=True, help="It is no longer met.")
@json_option
def exit_criterion(id: str, number: int, evidence: str, reopened: bool) -> None:
    """
    Call an exit criterion met.

    \b
    Example:
      andon exit INC-2026-0001 1 --evidence "no call on the old key at any gateway since Monday"
    """
    body: Json = {"evidence": evidence} | ({"met": False} if reopened else {})
    with connect() as andon:
        answer = andon.post("incidents", id, "exit", str(number), body=body)
        say(answer, _told(lambda a: f"criterion {a['number']} of {a['incident']} is {'met' if a['met'] else 'open'}"))


@click.command()
@click.argument("id")
@click.argument("action", type=click.IntRange(min=1))
@click.argument("state", type=choice(("done", "declined")))
@click.option("--reason", required=True, help="Why, or how you know.")
@json_option
def settle(id: str, action: int, state: str, reason: str) -> None:
    """
    Decline an action, or call it done outside.

    \b
    Example:
      andon settle INC-2026-0001 4 declined --reason "one partner alone was affected"
    """
    _post(
        lambda a: f"action {a['number']} of {a['incident']} is {a['state']}",
        id,
        "actions",
        str(action),
        "settlement",
        state=state,
        reason=reason,
    )


@click.command()
@click.argument("id")
@click.argument("severity", type=choice(SEVERITIES))
@click.option("--reason", required=True, help="Why.")
@json_option
def severity(id: str, severity: str, reason: str) -> None:
    """
    Raise or lower the severity.

    \b
    Example:
      andon severity INC-2026-0001 sev1 --reason "a second partner is affected"
    """
    what = "{incident} is {severity}, was {was}"
    _post(lambda a: what.format(**a), id, "severity", severity=severity, reason=reason)


@click.command()
@click.argument("id")
@click.argument("visibility", type=choice((OPEN, RESTRICTED)))
@click.option("--reason", required=True, help="Why.")
@json_option
def visibility(id: str, visibility: str, reason: str) -> None:
    """
    Restrict an incident, or open it.

    \b
    Example:
      andon visibility INC-2026-0001 restricted --reason "an insider is suspected"
    """
    _post(lambda a: f"{a['incident']} is {a['visibility']}", id, "visibility", visibility=visibility, reason=reason)


@click.command()
@click.argument("id")
@click.option("--add", multiple=True, metavar="PERSON", help="May see it; repeatable.")
@click.option("--remove", multiple=True, metavar="PERSON", help="May not any more; repeatable.")
@json_option
def members(id: str, add: Sequence[str], remove: Sequence[str]) -> None:
    """
    Let people see a restricted incident.

    \b
    Example:
      andon members INC-2026-0001 --add grace
    """
    _post(lambda a: f"who may see {a['incident']} has changed", id, "members", add=list(add), remove=list(remove))


@click.command()
@click.argument("id")
@click.argument("text")
@click.option("--next", "next_at", callback=DUE, metavar="TIME", help="When the next one comes: 30m or 14:05 (UTC).")
@json_option
def update(id: str, text: str, next_at: str | None) -> None:
    """
    Post a status update.

    \b
    Example:
      andon update INC-2026-0001 "Contained at 14:02; we are calling the partner."
    """
    _post(lambda a: f"posted in {a['incident']}", id, "updates", text=text, next_at=next_at)


@click.command()
@click.argument("id")
@click.argument("line", type=click.IntRange(min=1))
@AT
@click.option("--text", help="What it should have said (notes and updates).")
@click.option("--reason", required=True, help="Why.")
@json_option
def correct(id: str, line: int, at: str | None, text: str | None, reason: str) -> None:
    """
    Correct a line of a timeline.

    LINE is its number (seq). The line stays; the correction stands beside it.

    \b
    Example:
      andon correct INC-2026-0001 4012 --at 2026-11-23T13:40:00Z --reason "read off the gateway's log"
    """
    _post(
        lambda a: f"line {a['entry']} of {a['incident']} is corrected",
        id,
        "lines",
        str(line),
        "correction",
        at=at,
        text=text,
        reason=reason,
    )


@click.command()
@click.argument("id")
@click.argument("line", type=click.IntRange(min=1))
@click.option("--off", is_flag=True, help="No key moment any more.")
@json_option
def pin(id: str, line: int, off: bool) -> None:
    """
    Call a line a key moment.

    \b
    Example:
      andon pin INC-2026-0001 4012
    """
    body: Json = {"pinned": False} if off else {}
    with connect() as andon:
        answer = andon.post("incidents", id, "lines", str(line), "pin", body=body)
        say(answer, _told(lambda a: f"line {a['entry']} of {a['incident']} is {'pinned' if a['pinned'] else 'free'}"))


@click.command()
@click.argument("id")
@click.argument("line", type=click.IntRange(min=1))
@click.option("--reason", required=True, help="Why; it is kept, so it must not repeat the words.")
@json_option
def redact(id: str, line: int, reason: str) -> None:
    """
    Take a line's words out for good.

    The chain still proves that there were some.

    \b
    Example:
      andon redact INC-2026-0001 4012 --reason "held a customer's name"
    """
    what = "the words of line {entry} of {incident} are gone"
    _post(lambda a: what.format(**a), id, "lines", str(line), "redaction", reason=reason)


@click.command()
@click.argument("id")
@click.option("--for", "lasts", default="", metavar="TIME", help="How long it lives: 24h, 7d (default), at most 30d.")
@json_option
def share(id: str, lasts: str) -> None:
    """
    Make a read-only link for leadership.

    \b
    Example:
      andon share INC-2026-0001 --for 24h
    """
    with connect() as andon:
        answer = andon.post("incidents", id, "shares", body={"lasts": lasts} if lasts else {})
        say(
            answer,
            lambda a: [
                a["url"],
                f"until {words.moment(a['expires_at'])}; `andon unshare {id} {a['share']}` ends it",
                *([a["warning"]] if "warning" in a else []),
            ],
        )


@click.command()
@click.argument("id")
@click.argument("share")
@json_option
def unshare(id: str, share: str) -> None:
    """
    Revoke a read-only link.

    \b
    Example:
      andon unshare INC-2026-0001 Xk3v9QpLm2aB
    """
    _post(lambda a: f"link {a['share']} of {a['incident']} shows nothing any more", id, "shares", share, "revocation")


COMMANDS: list[click.Command] = [
    status,
    ack,
    take,
    assign,
    decline,
    leave,
    task,
    add_task,
    exit_criterion,
    settle,
    severity,
    visibility,
    members,
    update,
    correct,
    pin,
    redact,
    share,
    unshare,
]
