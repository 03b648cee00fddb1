"""
The way back and what is due: a restore's exact plan, clocks, the review, one decision. Pure.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

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
from incidents.slack.reader import Reader

Json = dict[str, Any]


def checked(asked: Mapping[str, str], d: Json, reader: Reader) -> Message:
    verdict = ":large_green_circle: *allowed*" if d["allowed"] else f":no_entry: *denied*: `{d['reason']}`"
    held = (
        f", held by {', '.join(reader.link(i) if '-' in i else esc(i) for i in d['held_by'])}" if d["held_by"] else ""
    )
    who = f"{esc(asked['partner'])} on {esc(asked['flag'])}"
    return said(f"{verdict}  {who}{held} · revision {d['revision']}", reader)


def restore_plan(r: Json, reason: str, reader: Reader, *, able: bool, mine: bool) -> Message:
    """The exact plan and its digest, with buttons for whoever may agree to exactly that."""
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
    return message(f"Restore {r['id']}: the plan", blocks, reader.link(r["incident"], part="way-back"))


def refused(r: Json, reader: Reader) -> Message:
    return said(f":no_entry_sign: {esc(r['id'])} is refused; what it asked for stays off.", reader)


def approved(r: Json, reader: Reader) -> Message:
    """What an approval did."""
    if r["state"] == "open":
        left = r["approvals_left"]
        return said(f":white_check_mark: Approved; {esc(r['id'])} needs {left} more.", reader)
    lifted = f", {len(r['lifted'])} holds lifted" if r.get("lifted") else ""
    return said(f":white_check_mark: {esc(r['id'])} is approved{lifted}, revision {r['revision']}.", reader)


def plan_blocks(r: Json, reason: str, reader: Reader) -> list[Json]:
    plan = r["plan"]
    holds = [esc(h["words"]) for h in plan["holds"]]
    access = [f"{esc(a['partner'])} on {esc(a['flag'])}: {a['before']} → *{a['after']}*" for a in plan["access"]]
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
        section("*Would be lifted, in this order*\n" + some(holds, "nothing")),
        section("*Access afterwards*\n" + some(access, "no grant's answer changes: something else holds it")),
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


def clock_blocks(i: Json, reader: Reader) -> list[Json]:
    dated: list[tuple[str, str]] = []
    dated += [(c["due_at"], f"clock {esc(c['clock'])}: {esc(c['state'])}") for c in i["clocks"] if c.get("due_at")]
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
    waiting = [esc(c["clock"]) for c in i["clocks"] if not c.get("due_at")]
    blocks = [section(f"*{reader.link(i['id'])}*\n" + some(lines, "nothing has a date yet", 20))]
    if waiting:
        blocks.append(section(f"*No date yet, to assess*\n{some(waiting, '')}"))
    return blocks


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
