"""
The way back and what is due: a restore's exact plan, clocks, the review, one decision. Pure.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from incidents.clock_views import still_owed
from incidents.slack.answers import said, some
from incidents.slack.blocks import (
    Message,
    actions,
    button,
    confirm,
    context,
    esc,
    header,
    message,
    one_line,
    section,
)
from incidents.slack.incident_message import is_open
from incidents.slack.reader import Reader

Json = dict[str, Any]
_MOMENT = re.compile(r"\d{4}-\d\d-\d\dT[\d:.]+Z")


def checked(asked: Mapping[str, str], d: Json, reader: Reader) -> Message:
    verdict = ":large_green_circle: *allowed*" if d["allowed"] else f":no_entry: *denied*: `{d['reason']}`"
    held = (
        f", held by {', '.join(reader.link(i) if '-' in i else esc(i) for i in d['held_by'])}" if d["held_by"] else ""
    )
    who = f"{esc(asked['partner'])} on {esc(asked['flag'])}"
    return said(f"{verdict}  {who}{held} · revision {d['revision']}", reader)


def restore_plan(r: Json, reason: str, reader: Reader, *, able: bool, mine: bool, commands: bool = False) -> Message:
    """
    The exact plan and its digest, with buttons for whoever may agree to exactly that.

    ``commands``: whoever reads has command of the incident, and is told that they would be the second person too.
    """
    blocks = plan_blocks(r, reason, reader)
    if r["state"] != "open":
        return message(f"Restore {r['id']}: the plan", blocks, reader.link(r["incident"], part="way-back"))
    value = {"r": r["id"], "d": r["plan_digest"]}
    back = button("andon.refuse", "Take it back" if mine else "Refuse", {"a": "refuse", **value}, style="danger")
    decide = button("andon.decide", "Approve exactly this ...", {"a": "decide", **value}, style="primary")
    if able and not r["plan"].get("checks"):
        short = f"Plan `{r['plan_digest'][:12]}`: what it names is given back at once."
        sure = confirm("Approve exactly this?", short, "Approve")
        value_now = {"a": "approve", **value}
        decide = button("andon.approve", "Approve exactly this", value_now, style="primary", confirm=sure)
    blocks += [actions("andon.plan", *([decide] if able else []), back)] if able or mine else []
    if mine:
        blocks.append(context("Another person with the role commander approves it; you can't, by no token or account."))
    elif able:
        line = f"refuse {r['id']} WHY"
        blocks.append(context(f"Or type {reader.type(line)}."))
        if commands:
            blocks.append(context(f":warning: {YOU_COMMAND}"))
    return message(f"Restore {r['id']}: the plan", blocks, reader.link(r["incident"], part="way-back"))


YOU_COMMAND = (
    "You have command of this incident as well. You may approve; somebody who has not led it sees more. The log names"
    " both."
)


def refused(r: Json, reader: Reader) -> Message:
    return said(f":no_entry_sign: {esc(r['id'])} is refused; what it asked for stays off.", reader)


def approved(r: Json, reader: Reader) -> Message:
    """What an approval did."""
    if r["state"] == "open":
        return said(f":white_check_mark: Approved; {esc(r['id'])} needs {r['approvals_left']} more.", reader)
    back = len(r["lifted"]) + len(r.get("eased", ()))
    words = f"{back} hold{'s' if back != 1 else ''} {'eased' if r.get('eased') and not r['lifted'] else 'lifted'}"
    if r["state"] == "running":
        words += f"; the next step is at {reader.moment(r['next_at'])}, and `stop` ends it" if r.get("next_at") else ""
    return said(f":white_check_mark: {esc(r['id'])} is approved, {words}, revision {r['revision']}.", reader)


def stopped(r: Json, reader: Reader) -> Message:
    again = f", {len(r['held_again'])} holds in force again" if r["taken_back"] else "; what it gave back is kept"
    return said(f":octagonal_sign: {esc(r['id'])} is stopped{again}, revision {r['revision']}.", reader)


def plan_blocks(r: Json, reason: str, reader: Reader) -> list[Json]:
    plan = r["plan"]
    checks = [esc(c) for c in plan.get("checks") or ()]
    approved = f", approved by {', '.join(reader.who(p) for p in r['approved_by'])}" if r["approved_by"] else ""
    blocks = [
        header(f"Restore {r['id']}"),
        section(
            f"Asked for by {reader.who(r['asked_by'])} at {reader.moment(r['asked_at'])}{approved};"
            f" it is *{r['state']}*"
            + (f", until {reader.moment(r['expires_at'])}" if r["state"] == "open" else "")
            + (f"\n> {esc(one_line(reason))}" if reason else "")
        ),
        *_steps(r, reader),
    ]
    if checks:
        blocks.append(section("*To be true before*\n" + some(checks, "")))
    return [*blocks, context(f"Plan digest `{r['plan_digest']}`. An approval binds exactly this plan.")]


def clocks(i: Json, reader: Reader) -> Message:
    """Duties with deadlines, and everything else of the incident that has a date, the next one first."""
    return message(f"Clocks of {i['id']}", clock_blocks(i, reader), reader.link(i["id"]))


def all_clocks(incidents: Sequence[Json], reader: Reader) -> Message:
    blocks = [block for i in incidents for block in clock_blocks(i, reader)] or [section("Nothing is open.")]
    return message("Clocks of everything that is open", blocks, reader.url)


def _steps(r: Json, reader: Reader) -> list[Json]:
    """What comes back in which order, for whom; and how far that has got."""
    plan = r["plan"]
    blocks = []
    if plan.get("break_glass"):
        blocks.append(section(f":rotating_light: *Break glass*: passes over {_waived(plan.get('waived') or {})}."))
    progress = {row["number"]: row for row in r.get("progress", ())}
    for step in plan.get("steps") or [{"number": 1, "title": "", "after_s": 0, "lift": plan["holds"], **plan}]:
        known = progress.get(step["number"], {})
        when = f", {known['state']} at {reader.moment(known['at'])}" if known.get("at") else ""
        waits = f", {step['after_s'] // 60} min after the one before" if step["after_s"] and not when else ""
        spare = step.get("spare") or {}
        back = [esc(h["words"]) for h in step["lift"]]
        back += [f"{esc(h['words'])}: not for {esc(spare['partner'])}" for h in spare.get("holds", ())]
        title = f"Step {step['number']}: {step['title']}" if step["title"] else "Would be lifted, in this order"
        blocks.append(section(f"*{esc(title)}*{waits}{when}\n{some(back, 'nothing')}"))
        access = [f"{esc(a['partner'])} on {esc(a['flag'])}: {_change(a)}" for a in step["access"]]
        blocks.append(
            section("*Access afterwards*\n" + some(access, "no grant's answer changes: something else holds it"))
        )
    return blocks


def _waived(waived: Json) -> str:
    checks = f"the checks {esc(', '.join(waived['checks']))}" if waived.get("checks") else ""
    approvals = f"{waived['approvals']} approvals" if waived.get("approvals") else ""
    return " and ".join(part for part in (checks, approvals) if part) or "what the playbook asks"


def _change(row: Json) -> str:
    """What becomes of one grant: its answer, or its cap."""
    if row["before"] != row["after"]:
        return f"{row['before']} → *{row['after']}*"
    caps = (row.get("cap_before"), row.get("cap_after"))
    return f"{row['after']}, cap {_cap(caps[0])} → *{_cap(caps[1])}*" if any(caps) else f"*{row['after']}*"


def _cap(cap: Json | None) -> str:
    return ", ".join(f"{n:,} {per.replace('_', ' ')}" for per, n in sorted((cap or {}).items())) or "none"


def clock_blocks(i: Json, reader: Reader) -> list[Json]:
    """Everything of one incident that has a date, the next one first; and what waits for a fact."""
    open_ones = [c for c in i["clocks"] if is_open(c)]
    dated = [(c["due"], _clock(c, reader)) for c in open_ones if c.get("due")]
    dated += [
        (t["due_at"], f"task {t['number']}: {esc(t['title'])} ({reader.who(t['owner'], esc(t['role'] or 'nobody'))})")
        for t in i["tasks"]
        if t["state"] == "open" and t["due_at"]
    ]
    if i.get("next_update_at"):
        dated.append((i["next_update_at"], "the next status update"))
    if i["postmortem"].get("due_at"):
        dated.append((i["postmortem"]["due_at"], f"the review ({esc(i['postmortem']['state'])})"))
    lines = [f"{reader.moment(at)}  {words}" for at, words in sorted(dated)]
    waiting = [f"{_clock(c, reader)}: {esc(c['waits_for'] or 'no date yet')}" for c in open_ones if not c.get("due")]
    blocks = [section(f"*{reader.link(i['id'])}*\n" + some(lines, "nothing has a date yet", 20))]
    if waiting:
        blocks.append(section(f"*No date yet*\n{some(waiting, '')}"))
    line = f"submit {i['id']} CLOCK RECEIPT"
    return [*blocks, context(f"Sent or filed it? {reader.type(line)}")] if open_ones else blocks


def _clock(c: Json, reader: Reader) -> str:
    who = reader.who(c["owner"], esc(c["owner_role"] or "nobody"))
    missed = ":alarm_clock: *late* " if c["state"] == "late" else ""
    return f"{missed}{esc(c['title'])}, to {esc(c['recipient'])} (`{esc(short_id(c))}`, {who})"


def owed(i: Json, reader: Reader) -> list[str]:
    """Duties of which whoever closes the incident says that they go on."""
    return [f"{_clock(c, reader)}: {_due(c, reader)}" for c in still_owed(i["clocks"])]


def short_id(clock: Json) -> str:
    """``gdpr-art33.notify-authority``: a clock's id inside its incident."""
    return str(clock["clock"]).removeprefix(f"{clock['incident']}.")


def fact_told(anchor: str, body: Json, reader: Reader) -> Message:
    """What moved by a fact, the loud things first."""
    head = f":white_check_mark: {esc(anchor)} is recorded on {reader.link(body['incident'])}."
    moved = [f"{_clock(c, reader)}: {_due(c, reader)}" for c in body["clocks"]]
    loud = [
        _MOMENT.sub(lambda m: reader.moment(m[0]), line.removeprefix(f"{body['incident']}.")) for line in body["shout"]
    ]
    blocks = [section(head), *(section(f":rotating_light: {esc(line)}") for line in loud[:10])]
    blocks.append(section(f"*What runs from it*\n{some(moved, 'no deadline has moved')}"))
    return message(f"{anchor} is recorded", blocks, reader.link(body["incident"]))


def _due(clock: Json, reader: Reader) -> str:
    return f"due {reader.moment(clock['due'])}" if clock.get("due") else esc(clock["state"])


def submittable(i: Json) -> list[tuple[str, str]]:
    """Clocks that may be said to be met, as (id inside the incident, title), the one that is due first on top."""
    open_ones = sorted((c for c in i["clocks"] if is_open(c)), key=lambda c: (c.get("due") or "9", c["clock"]))
    return [(short_id(c), c["title"]) for c in open_ones]


def submitted(clock: Json, reader: Reader) -> Message:
    late = " :alarm_clock: late" if clock.get("late") else ""
    words = f":white_check_mark: {esc(clock['title'])} is recorded as sent{late}, on {reader.link(clock['incident'])}."
    return said(words, reader)


def which_clock(line: str, clocks: Sequence[Json], reader: Reader) -> Message:
    """The word fits none or several: each with what to type."""
    lines = [f"`{esc(short_id(c))}`  {esc(c['title'])}, {_due(c, reader)}" for c in clocks]
    return said(f"Which clock?\n{some(lines, 'none is open')}", reader)


def review(i: Json, reader: Reader) -> Message:
    p = i["postmortem"]
    due = (
        f", due {reader.moment(p['due_at'])}"
        if p["due_at"]
        else f", due {esc(p['due'])} after it is resolved"
        if p["due"]
        else ""
    )
    text = f"*Review of {reader.link(i['id'])}*  {esc(p['state'])}{due}, owner {reader.who(p['owner'])}"
    asks = some([esc(q) for q in p["ask"]], "nothing in particular")
    page = reader.link(i["id"], "write it on the page", "review")
    return message(f"Review of {i['id']}", [section(text), section(f"*It answers*\n{asks}"), section(page)], page)
