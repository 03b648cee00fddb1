"""
Answers in words: aligned lines of plain text. Pure; every value that people wrote is made harmless for a terminal.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from incidents.life import ENDS
from incidents.spans import in_full

Json = Mapping[str, Any]
Lines = Iterator[str]


def plain(text: str) -> str:
    """
    One line that can do nothing to a terminal: control and format characters become ``\\xNN`` or ``\\uNNNN``.

    A title that holds escape sequences could otherwise clear the screen, or forge a line of output.
    """
    return "".join(c if _harmless(c) else c.encode("unicode_escape").decode() for c in text)


def _harmless(character: str) -> bool:
    return unicodedata.category(character) not in ("Cc", "Cf", "Cs", "Zl", "Zp")


def table(header: Sequence[str], rows: Iterable[Sequence[Any]], *, none: str) -> Lines:
    """Columns as wide as their widest cell; ``none`` is said where there is no row."""
    cells = [[plain(_cell(value)) for value in row] for row in rows]
    if not cells:
        yield none
        return
    widths = [max(map(_width, column)) for column in zip(header, *cells, strict=True)]
    for row in (header, *cells):
        yield "  ".join(cell + " " * (width - _width(cell)) for cell, width in zip(row, widths, strict=True)).rstrip()


def _cell(value: Any) -> str:
    if value is None or value == "":
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


def _width(text: str) -> int:
    wide = sum(unicodedata.east_asian_width(c) in "WF" for c in text)
    return len(text) + wide - sum(unicodedata.combining(c) > 0 for c in text)


def moment(text: str | None) -> str:
    """``2026-11-23 14:02:07Z`` of RFC 3339 in UTC."""
    return f"{text[:19].replace('T', ' ')}Z" if text else "-"


def when_due(row: Json) -> str:
    """When a clock is due, ``2026-11-26 14:02:07Z``, with what has to be known about it."""
    if row["due"] is None:
        return "-"
    marks = [
        *(["own target"] if row["internal"] else []),
        *(["projected"] if row["projected"] else []),
        *(["if owed"] if row["asks"] else []),
    ]
    return f"{moment(row['due'])} ({marks[0]})" if marks else moment(row["due"])


def facts(*pairs: tuple[str, Any]) -> Lines:
    """``name   value`` lines; a list has a line per entry, what is empty is left out."""
    told = [(name, value) for name, value in pairs if value not in (None, "", [], {})]
    width = max((len(name) for name, _ in told), default=0)
    for name, value in told:
        entries = value if isinstance(value, list) else str(value).split("\n")
        for number, entry in enumerate(entries):
            yield f"{name if number == 0 else '':{width}}  {plain(_cell(entry))}".rstrip()


# --- declaring ------------------------------------------------------------------------------------------------------


def declared(answer: Json) -> Lines:
    """What a tired responder needs: what is off now, since when it counts, what is still open, where to look."""
    title = plain(answer["title"])
    if answer.get("joined"):
        yield f"{answer['id']} stands already: joined {answer['id']}, first declared by {plain(answer['first_by'])}"
        yield f"{answer['kind']}, {answer['severity']}, {answer['status']}: {title}"
    else:
        yield f"{answer['id']} declared ({answer['kind']}, {answer['severity']}): {title}"
    yield from facts(
        (_off(str(answer["kind"])), answer["holds"] or ["nothing"]),
        ("skipped", answer.get("skipped")),
        ("revision", answer["revision"]),
        ("containment", _evidence(answer)),
        ("page", answer.get("url")),
    )


def _off(kind: str) -> str:
    return {"drill": "off in shadow", "test": "off"}.get(kind, "off now")


def _evidence(answer: Json) -> list[str]:
    return list(containment(answer["containment"])) if answer["holds"] else ["nothing is held, so nothing to confirm"]


def containment(found: Json) -> Lines:
    """State and count, then whoever has not confirmed."""
    count = f"{found['confirmed']} of {found['total']} points confirmed"
    if found["state"] == "contained":
        at = f" at {moment(found['contained_at'])}" if found.get("contained_at") else ""
        yield f"contained{at}: {count}" if found["total"] else f"contained{at}: no enforcement point holds a copy"
    else:
        by = f"every copy has lapsed by {moment(found['contained_by'])}"
        yield f"pending: {count}; {by}" if found["total"] else f"pending: no point to wait for, {by}"
    for point in found["points"]:
        if point["state"] != "confirmed":
            yield f"{point['name']} {point['state']} at revision {point['revision']}: {point['because']}"
    if found.get("ask_live"):
        yield f"ask at every request, so are off already: {', '.join(found['ask_live'])}"
    if found.get("may_serve"):
        yield "a flag here goes on when its gateway is silent: a lapsed copy of it proves nothing"
    outside = found.get("outside") or {}
    if outside.get("total"):
        yield f"outside systems: {outside['done']} of {outside['total']} have answered"


def news(before: Json, now: Json) -> Lines:
    """What has changed between two looks at a containment."""
    known = {point["name"]: point["state"] for point in before["points"]}
    for point in now["points"]:
        if point["state"] != known.get(point["name"]):
            after = f" after {point['ms']} ms" if point["ms"] is not None else ""
            yield plain(f"{point['name']} {point['state']}{after}")
    if now["state"] != before["state"]:
        yield next(containment(now))


def preview(answer: Json) -> Lines:
    """The blast radius; nothing has happened yet."""
    yield f"preview, nothing was changed: {plain(answer['title'])} ({answer['kind']}, {answer['severity']})"
    yield from facts(
        ("would join", answer["would_join"]),
        ("actions", [_planned(action) for action in answer["actions"]]),
        ("left out", answer["left_out"]),
        ("flags", answer["flags"]),
        ("partners", answer["partners"]),
        ("models", [f"{m['model']}: {_model(m['before'])} -> {_model(m['after'])}" for m in answer["models"]]),
        ("lose access", [f"{row['partner']} {row['flag']}: {row['after']}" for row in answer["turned_off"]]),
        ("in use", [f"{r['partner']} {r['flag']}: {r['count']} this {r['per']}" for r in answer["usage"]]),
        ("clocks", answer["clocks"]),
        ("told", [f"{n['to']}{_when(n)}" for n in answer["told"]]),
        ("tasks", [task["title"] for task in answer["tasks"]]),
        ("points", f"{answer['points']} to confirm, all contained within {answer['contained_within_s']:g} s"),
        ("ask live", answer["ask_live"]),
    )
    if answer["may_serve"]:
        yield "a flag here goes on when its gateway is silent: a lapsed copy of it proves nothing"


def _planned(action: Json) -> str:
    because = f" ({action['because']})" if action.get("because") else ""
    return f"{action['number']} {action['state']}: {action['words']}{because}"


def _model(entry: Json | None) -> str:
    if not entry:
        return "unknown"
    return "halted" if entry.get("halted") else str(entry.get("stage"))


def _when(notice: Json) -> str:
    if notice.get("at"):
        return f" when {notice['at']}"
    return f" every {notice['every']}" if notice.get("every") else ""


# --- incidents ------------------------------------------------------------------------------------------------------


def incidents(answer: Json) -> Lines:
    """A line each; below it where the words were found that somebody searched for."""
    rows = answer["items"]
    head, *lines = table(
        ("ID", "SEVERITY", "STATUS", "HOLDS", "DECLARED", "BY", "TITLE"),
        [
            (
                row["id"],
                row["severity"],
                row["status"],
                row["holds_standing"],
                moment(row["declared_at"]),
                row["declared_by"],
                row["title"],
            )
            for row in rows
        ],
        none="no incident",
    )
    yield head
    for line, row in zip(lines, rows, strict=True):
        yield line
        for hit in row.get("hits", ()):
            if hit["snippet"] not in (row["title"], row["id"]):
                yield f"    {hit['place']}, line {hit['seq']}: {plain(hit['snippet'])}"
    if answer.get("next"):
        yield "... older ones are left out; --limit shows more, --search and --status fewer"


def incident(answer: Json) -> Lines:
    yield f"{answer['id']} {answer['status']} ({answer['kind']}, {answer['severity']}): {plain(answer['title'])}"
    playbook = answer["playbook"]
    told = ", ".join(f"{k}={v}" for k, v in answer["parameters"].items())
    joined = f"; joined by {', '.join(answer['joined'])}" if answer["joined"] else ""
    yield from facts(
        ("declared", f"{moment(answer['declared_at'])} by {answer['declared_by']} ({answer['via']}){joined}"),
        ("summary", answer["summary"]),
        ("next", _next(answer["next_decision"])),
        ("people", [_role(role) for role in answer["roles"] if role["person"] or role["offered_to"]] or ["nobody yet"]),
        ("visible to", answer["insiders"] if answer["visibility"] == "restricted" else None),
        ("playbook", f"{playbook['id']} v{playbook['version']} {told}"),
        ("revision", answer["revision"]),
        ("containment", _evidence(answer)),
        ("actions", [_planned(action) for action in answer["actions"]]),
        ("holds", [_hold(hold) for hold in answer["holds"]]),
        ("exit", [_criterion(criterion) for criterion in answer["exit"]]),
        ("tasks", [_task(task) for task in answer["tasks"]]),
        ("owed", _owed(answer)),
        ("restores", [_restore(request) for request in answer["restores"]]),
    )


def _restore(request: Json) -> str:
    glass = ", break-glass" if request["break_glass"] else ""
    due = f", next step {moment(request['next_at'])}" if request["next_at"] else ""
    because = f": {request['stopped_because']}" if request["stopped_because"] else ""
    return f"{request['id']} {request['state']}{glass}, asked by {request['asked_by']}{due}{because}"


def _hold(hold: Json) -> str:
    state = "in force" if hold["standing"] else f"lifted {moment(hold['lifted_at'])}"
    others = f"; also held by {', '.join(hold['also_held_by'])}" if hold["also_held_by"] else ""
    return f"action {hold['action']}, {state}: {hold['words']}{others}"


def _next(decision: Json | None) -> str | None:
    if decision is None:
        return None
    by = f", by {moment(decision['by'])}" if decision["by"] else ""
    return f"{decision['what']} ({decision['who']}{by})"


def _role(role: Json) -> str:
    offered = f"; offered to {role['offered_to']}, not accepted yet" if role["offered_to"] else ""
    return f"{role['role']}: {role['person'] or 'nobody'}{offered}"


def _criterion(criterion: Json) -> str:
    state = f"met, says {criterion['by']}: {criterion['evidence'] or '[redacted]'}" if criterion["met"] else "open"
    return (
        f"{criterion['number']} {state}: {criterion['text']}"
        if not criterion["met"]
        else f"{criterion['number']} {state}"
    )


def _task(task: Json) -> str:
    who = task["owner"] or task["role"] or "nobody yet"
    due = f", due {moment(task['due_at'])}" if task["due_at"] and task["state"] == "open" else ""
    late = ", OVERDUE" if task["overdue"] else ""
    kind = "follow-up, " if task["follow_up"] else ""
    return f"{task['number']} {task['state']}: {task['title']} ({kind}{who}{due}{late})"


def _is_open(clock: Json) -> bool:
    return clock["state"] not in ("submitted", "not-reportable", "not-applicable")


def _running(clock: Json) -> str:
    state = clock["state"].replace("-", " ")
    return f"{state}, due {when_due(clock)}" if clock["due"] else f"{state}, no date yet"


def _owed(answer: Json) -> list[str]:
    review = answer["postmortem"].get("due_at") if answer["postmortem"]["state"] != "published" else None
    past = answer["kind"] != "real" and answer["status"] in ENDS  # a rehearsal that is over owes nobody anything
    return [
        *(f"notice to {n.get('host') or n['to']}{_when(n)}: {n['state']}" for n in answer["notices"]),
        *(f"clock {c['clock']}, {_running(c)}" for c in answer["clocks"] if _is_open(c) and not past),
        *([f"status update, due {moment(answer['next_update_at'])}"] if answer["next_update_at"] else []),
        *([f"review, due {moment(review)}"] if review else []),
    ]


def timeline(answer: Json) -> Lines:
    """A line per row; what was written in several lines goes on below, indented."""
    rows = answer["items"]
    if not rows:
        yield "nothing has been recorded"
    actors = max((_width(plain(row["actor"])) for row in rows), default=0)
    for row in rows:
        actor = plain(row["actor"])
        first, *more = [plain(line) for line in row["text"].splitlines()] or [""]
        late = f" (recorded {moment(row['recorded_at'])})" if row.get("late") else ""
        told = f"{'* ' if row['pinned'] else ''}{'[restricted]' if row['restricted'] and not first else first}{late}"
        yield f"{moment(row['at'])}  {actor}{' ' * (actors - _width(actor))}  {told} [{row['seq']}]"
        for line in more:
            yield f"{' ' * (24 + actors)}{line}".rstrip()
        for said in row["corrections"]:
            was = moment(said["was_at"]) if said["was_at"] else plain(said["was_text"] or "")
            yield plain(f"{' ' * (24 + actors)}was: {was}; corrected by {said['by']}: {said['reason']}")


# --- the way back ---------------------------------------------------------------------------------------------------


def plan(request: Json) -> Lines:
    """Exactly what an approval gives back."""
    found = request["plan"]
    yield from facts(
        ("asked by", _asked(request)),
        ("lifts", [f"action {hold['action']}: {hold['words']}" for hold in found["holds"]]),
        (
            "gives back",
            [f"{r['partner']} {r['flag']}: {r['before']} -> {r['after']}" for r in found["access"]]
            or ["no access (something else still denies it)"],
        ),
        ("steps", [_step(step) for step in found.get("steps", ()) if len(found["steps"]) > 1]),
        ("changes", [_entry(entry) for entry in found["entries"]]),
        ("partners", _first([_partner(partner) for partner in found.get("partners", ())])),
        ("told", _first([_told(step["number"], told) for step in found.get("steps", ()) for told in step["tell"]])),
        ("stays", [f"{other['words']} ({other['incident']})" for other in found.get("others", ())]),
        ("break-glass", _waived(found.get("waived"))),
        ("you attest", found["checks"]),
        ("approvals", f"{len(request.get('approved_by', []))} of {request['approvals']}"),
        ("expires", moment(request["expires_at"])),
        ("plan digest", request["plan_digest"]),
    )


def _first(lines: list[str], most: int = 12) -> list[str]:
    more = [f"... and {len(lines) - most} more; --json and the page have all of them"] if len(lines) > most else []
    return [*lines[:most], *more]


def _step(step: Json) -> str:
    when = f"after {in_full(step['after_s'])} " if step["after_s"] else ""
    spare = step["spare"]
    eased = [f"spare {spare['partner']} from: {h['words']}" for h in spare["holds"]] if spare else []
    return f"{step['number']}, {when}{step['title']}: {'; '.join([*eased, *(h['words'] for h in step['lift'])])}"


def _partner(partner: Json) -> str:
    access = (f"{row['flag']} at {row['stage']}, {_caps(row['cap'])}" for row in partner["access"])
    return f"{partner['partner']} in step {partner['step']}: {'; '.join(access)}"


def _caps(cap: Json) -> str:
    return ", ".join(f"{n} {per.replace('_', ' ')}" for per, n in sorted(cap.items())) or "no cap"


def _told(step: int, told: Json) -> str:
    return f"{told['partner']} in step {step}: {told['words']} {told['next']}"


def _waived(waived: Json | None) -> list[str]:
    if waived is None:
        return []
    more = [f"{waived['approvals']} more approval(s)"] if waived["approvals"] else []
    return [f"without {', '.join([*waived['checks'], *more]) or 'anything left out'}; everybody is told"]


def _asked(request: Json) -> str:
    return f"{request['asked_by']} at {moment(request['asked_at'])}" if request.get("asked_by") else ""


def _entry(entry: Json) -> str:
    return f"{entry['key']}: {_value(entry['before'])} -> {_value(entry['after'])}"


def _value(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{key} {_value(inner)}" for key, inner in value.items()) or "nothing special"
    return "not there" if value is None else _cell(value)


def asked(answer: Json) -> Lines:
    yield f"{answer['id']} asks to restore {answer['incident']}; nothing has changed yet"
    yield from plan(answer)
    yield f"another person approves it with: andon approve {answer['id']}"


def approved(answer: Json) -> Lines:
    if answer["state"] == "done":
        lifted = len(answer["lifted"])
        holds = f"{lifted} hold{'' if lifted == 1 else 's'} lifted"
        yield f"{answer['id']} approved: {holds} of {answer['incident']}, revision {answer['revision']}"
    elif answer["state"] == "running":
        yield f"{answer['id']} approved: step 1 of {answer['incident']} is done, revision {answer['revision']}"
        yield f"the rest follows at {moment(answer['next_at'])}, by the running service"
        yield f"one person stops it with: andon stop {answer['id']} --reason ..."
    else:
        yield f"{answer['id']} approved; {answer['approvals_left']} more approval(s) needed, nothing has changed yet"


def stopped(answer: Json) -> Lines:
    again = len(answer["held_again"])
    what = (
        f"{again} hold{'' if again == 1 else 's'} in force again" if answer["taken_back"] else "nothing was taken back"
    )
    yield f"{answer['id']} stopped: no further step, {what}, revision {answer['revision']}"


# --- access, points, tokens, playbooks ------------------------------------------------------------------------------


def decision(answer: Json) -> Lines:
    word = "allowed" if answer["allowed"] else "denied"
    held = f", held by {', '.join(answer['held_by'])}" if answer["held_by"] else ""
    yield f"{word}: {answer['reason']}{held} (revision {answer['revision']})"


def points(answer: Json) -> Lines:
    yield from table(
        ("POINT", "STANDING", "REVISION", "BEHIND", "LEASE", "INSTANCES", "LAST SEEN", "ASKS LIVE"),
        [
            (
                row["name"],
                row["standing"],
                row["revision"] or None,
                row["behind"],
                f"{row['lease_left_s']:g} s" if row["lease_left_s"] > 0 else None,
                row["instances"],
                moment(row["last_seen"]) if row["last_seen"] else "never",
                row["ask_live"],
            )
            for row in answer["items"]
        ],
        none="no enforcement point is registered; `andon token create --role enforcer` registers one",
    )


def tokens(answer: Json) -> Lines:
    yield from table(
        ("ID", "NAME", "ROLE", "PERSON", "PARTNER", "MADE BY", "MADE", "STATE"),
        [
            (
                row["id"],
                row["name"],
                row["role"],
                row["person"],
                row["partner"],
                row["created_by"],
                moment(row["created_at"]),
                "revoked" if row["revoked"] else "in use",
            )
            for row in answer["items"]
        ],
        none="no token",
    )


def catalog_change(answer: Json) -> Lines:
    """A line per difference, then what a hold keeps off all the same."""
    yield from map(plain, answer["changes"])
    for line in answer["overridden"]:
        yield plain(f"held all the same: {line}")
    count = len(answer["changes"])
    changes = f"{count} change{'' if count == 1 else 's'}"
    if answer["applied"]:
        yield f"applied: {changes}, revision {answer['revision']}"
    elif not answer["changed"]:
        yield "no difference: the catalog stands as the file says"
    else:
        yield f"good: would apply {changes}; nothing was changed"
