"""
The one message of an incident in a channel: where it stands, containment first, what comes next, three buttons.

Pure: from the view that every surface shows. Equal views give equal messages, so it is updated only when something
has changed; nothing in it counts the seconds.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from incidents.slack.blocks import (
    Message,
    context,
    cut,
    esc,
    header,
    message,
    section,
)
from incidents.slack.incident_buttons import ENDED, buttons, first_task
from incidents.slack.reader import Reader

Json = dict[str, Any]

BANDS = {
    "drill": ":construction: *DRILL* · a rehearsal: no live access is touched :construction:",
    "test": ":test_tube: *TEST* · nothing is held, nobody is told :test_tube:",
}
GHOSTS = ":construction: *DRILL* · a rehearsal on ghost partners: nobody real is touched :construction:"
SHOWN = 8  # holds, points: the rest is on the page


def incident_message(i: Json, reader: Reader) -> Message:
    """``i`` as ``operations.incident`` answers it; of a drill also how it is held (``drilling_verbs.viewed``)."""
    band = bands(i)
    page = reader.link(i["id"], "the incident's page")
    blocks = [
        *band,
        header(headline(i)),
        section(_title(i, page), more=page),
        section(containment(i["containment"], reader, holds=len(i["holds"])), more=page),
        section(_held(i, reader), more=page),
        section(_work(i, reader), more=page),
        *buttons(i),
        context(_foot(i, reader)),
        *band,
    ]
    return message(notification(i), blocks, page)


def bands(i: Json) -> list[Json]:
    """What stands above and below whatever is not real; none for what is."""
    if i["kind"] not in BANDS:
        return []
    return [context(GHOSTS if (i.get("drill") or {}).get("mode") == "live" else BANDS[i["kind"]])]


def restricted_message(i: Json, reader: Reader) -> Message:
    """What is left where it may not be read any more."""
    text = f"{i['id']} is restricted: its members see it in Andon."
    words = section(f":lock: {reader.link(i['id'])} is restricted: its members see it in Andon.")
    return message(text, [*bands(i), words, *bands(i)], "")


def headline(i: Json) -> str:
    """``SEV 1 · INC-2026-0001 · not contained yet``."""
    words = status_words(i)
    return f"{_light(i)} {kind_word(i)}{severity(i['severity'])} · {i['id']} · {words}"


def notification(i: Json) -> str:
    """What the phone's lock screen says: everything that matters in the first words, a drill at both ends."""
    held = "; ".join(h["words"] for h in i["holds"] if h["standing"]) or "nothing is held"
    end = f" ({kind_word(i).strip(' ·')})" if i["kind"] != "real" else ""
    return (
        esc(cut(f"{kind_word(i)}{severity(i['severity'])} {i['id']} {status_words(i)}: {held}. {i['title']}", 400))
        + end
    )


def kind_word(i: Json) -> str:
    return "" if i["kind"] == "real" else f"{i['kind'].upper()} · "


def severity(text: str) -> str:
    return f"SEV {text[3:]}" if text.startswith("sev") else text


def status_words(i: Json) -> str:
    c = i["containment"]
    if i["holds"] and c["state"] != "contained" and any(h["standing"] for h in i["holds"]):
        still = "NOT CONTAINED" if refusing(c) else "not contained yet"
        count = f"{c['confirmed']} of {c['total']} confirmed"
        return (
            f"{still}, {count}" if i["status"] in ("declared", "contained") else f"{i['status']}, but {still}, {count}"
        )
    return f"merged into {i['into']}" if i["status"] == "merged" else str(i["status"]).replace("-", " ")


def refusing(c: Json) -> bool:
    """Whether a point says that it can't apply the change: worse than not having answered."""
    return any(p["state"] == "refused" for p in c["points"])


def _light(i: Json) -> str:
    if i["kind"] != "real":
        return ":construction:"
    if i["status"] in ENDED:
        return ":white_circle:"
    if i["holds"] and i["containment"]["state"] != "contained":
        return ":red_circle:"
    return ":large_green_circle:" if i["status"] in ("resolved", "reviewed") else ":large_orange_circle:"


def _title(i: Json, page: str) -> str:
    summary = f"\n{cut(esc(i['summary']), 600, page)}" if i.get("summary") else ""
    return f"*{esc(i['title'])}*{summary}"


def containment(c: Json, reader: Reader, *, holds: int = 1) -> str:
    """How far it is, who is missing, and by when it is certain."""
    if not holds:
        return "*Containment*  nothing is off yet" if c["state"] == "pending" else "*Containment*  it holds nothing"
    if c["state"] == "contained":
        slowest = f", slowest {esc(c['slowest'])}" if c.get("slowest") else ""
        within = f" within {c['ms']} ms{slowest}" if c.get("ms") is not None and c["confirmed"] else ""
        lapsed = c["total"] - c["confirmed"]
        rest = f"; {lapsed} lapsed and {'denies' if lapsed == 1 else 'deny'}" if lapsed else ""
        return f"*Contained*  {c['confirmed']} of {c['total']} points confirmed{within}{rest}{_outside(c)}"
    by = f", certain by {reader.moment(c['contained_by'])} at the latest" if _is_certain(c) else ""
    lines = [f"*Not contained yet*  {c['confirmed']} of {c['total']} points confirmed{by}{_outside(c)}"]
    return "\n".join([*lines, *_missing(c)])


def _is_certain(c: Json) -> bool:
    return not refusing(c) and not any("may still serve" in p["because"] for p in c["points"])


def _missing(c: Json) -> Iterator[str]:
    order = {"refused": 0, "pending": 1, "lapsed": 2}
    marks = {"refused": ":rotating_light:", "pending": ":hourglass:", "lapsed": ":lock:"}
    open_points = sorted((p for p in c["points"] if p["state"] in order), key=lambda p: (order[p["state"]], p["name"]))
    for point in open_points[:SHOWN]:
        yield f"{marks[point['state']]} {esc(point['name'])}: {esc(point['because'])}"
    if len(open_points) > SHOWN:
        yield f"… and {len(open_points) - SHOWN} more"


def _outside(c: Json) -> str:
    outside = c.get("outside") or {}
    return f"; {outside['done']} of {outside['total']} outside systems done" if outside.get("total") else ""


def _held(i: Json, reader: Reader) -> str:
    standing = [h for h in i["holds"] if h["standing"]]
    lifted = [h for h in i["holds"] if not h["standing"]]
    waiting = [a for a in i["actions"] if a["state"] == "waiting"]
    off = "*Off now*" if i["kind"] == "real" else "*Off in the rehearsal*"
    lines = [off if standing else f"{off}  nothing"]
    lines += [f"• {esc(h['words'])}{_also(h, reader)}" for h in standing[:SHOWN]]
    if len(standing) > SHOWN:
        lines.append(f"… and {len(standing) - SHOWN} more")
    lines += [f"• given back: {esc(h['words'])}{_also(h, reader)}" for h in lifted[:SHOWN]]
    lines += [f"• waits for a word, action {a['number']}: {esc(a['words'])}" for a in waiting[:SHOWN]]
    return "\n".join(lines)


def _also(hold: Json, reader: Reader) -> str:
    others = hold.get("also_held_by") or []
    return f" (also held by {', '.join(reader.link(o) if '-' in o else esc(o) for o in others)})" if others else ""


def _work(i: Json, reader: Reader) -> str:
    lines = [*_drill(i, reader), f"*Command*  {_command(i, reader)}"]
    decision = i.get("next_decision")
    if decision:
        by = f", by {reader.moment(decision['by'])}" if decision.get("by") else ""
        lines.append(f"*Next*  {esc(decision['what'])} ({reader.who(decision['who'])}{by})")
    tasks = [t for t in i["tasks"] if t["state"] == "open" and not t.get("follow_up")]
    if tasks:
        lines.append(f"*Tasks*  {len(tasks)} open; {_task(first_task(tasks), reader)}")
    lines += _deadlines(i, reader)
    for request in i["restores"]:
        if request["state"] == "open":
            lines.append(
                f"*Restore*  {request['id']} asked for by {reader.who(request['asked_by'])}: another person reads the"
                f" plan and approves it, until {reader.moment(request['expires_at'])}"
            )
        elif request["state"] == "running":
            steps = request.get("progress", ())
            done = sum(step["state"] == "done" for step in steps)
            then = f", the next at {reader.moment(request['next_at'])}" if request.get("next_at") else ""
            lines.append(f"*Restore*  {request['id']} runs: {done} of {len(steps)} steps done{then}")
    return "\n".join(lines)


def _drill(i: Json, reader: Reader) -> Iterator[str]:
    run = i.get("drill")
    if not run:
        return
    if not run["how"]:
        yield f"*Drill*  {esc(run['mode'])}, ends by itself at {reader.moment(run['ends_at'])}"
    else:
        real = f"; {reader.link(run['real'])} is the real one" if run["real"] else ""
        yield f"*Drill*  {esc(run['mode'])}, {esc(run['how'])}: {esc(run['because'])}{real}"


def _command(i: Json, reader: Reader) -> str:
    role = next((r for r in i["roles"] if r["role"] == "commander"), None)
    if role is None:
        return "nobody yet"
    offered = f"; offered to {reader.call(role['offered_to'])}, who has not accepted" if role["offered_to"] else ""
    return f"{reader.call(role['person'])}{offered}"


def _task(task: Json, reader: Reader) -> str:
    who = reader.call(task.get("owner"), "") or esc(task.get("role") or "nobody")
    due = f", due {reader.moment(task['due_at'])}" if task["due_at"] else ""
    late = " :alarm_clock: *overdue*" if task.get("overdue") else ""
    return f"{task['number']}. {esc(task['title'])} ({who}{due}){late}"


def _deadlines(i: Json, reader: Reader) -> Iterator[str]:
    dated = sorted((c for c in i["clocks"] if is_open(c) and c.get("due")), key=lambda c: str(c["due"]))
    for clock in dated[:3]:
        late = ":alarm_clock: *late*, was due" if clock["state"] == "late" else "due"
        yield f"*Clock*  {esc(clock['title'])} ({esc(clock['regime'])}), {late} {reader.moment(clock['due'])}"
    rest = len([c for c in i["clocks"] if is_open(c)]) - len(dated[:3])
    if rest > 0:
        command = reader.type(f"clocks {i['id']}")
        yield f"*Clocks*  {rest} more: {command}"
    if i.get("next_update_at"):
        yield f"*Update*  the next one is due {reader.moment(i['next_update_at'])}"


def is_open(clock: Json) -> bool:
    """Somebody still has to do something about it."""
    return clock["state"] in ("under-assessment", "not-started", "running", "late", "stayed")


def _foot(i: Json, reader: Reader) -> str:
    joined = f", joined by {', '.join(reader.who(p) for p in i['joined'])}" if i["joined"] else ""
    revision = f" · revision {i['revision']}" if i["revision"] else ""
    return (
        f"Declared by {reader.who(i['declared_by'])}{joined} at {reader.moment(i['declared_at'])} by {esc(i['via'])}"
        f"{revision} · playbook {esc(i['playbook']['id'])} · {reader.link(i['id'], 'page')}"
    )
