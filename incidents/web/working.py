"""
What a person may do on an incident's page and what stands against it: values for the cards with which it is worked.

Decides nothing: what is not offered here is refused by the decisions all the same, with its reasons.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any

from incidents.clock_views import still_owed
from incidents.decisions import Asker
from incidents.decisions.entries import EVIDENCE, WORDS
from incidents.decisions.incident import TITLE_LIMIT
from incidents.decisions.sight import is_insider, sees
from incidents.errors import AndonError
from incidents.life import COMMANDER, ENDS
from incidents.reading import Reading
from incidents.roles import Right, Role, rights_of
from incidents.timeline import Row
from incidents.web.frame import service

Json = dict[str, Any]
CALLABLE = 40  # people beyond the roles who are listed as reachable; the catalog has the rest
SUGGESTED = 50
NEXT = {
    "15m": "in 15 minutes",
    "30m": "in 30 minutes",
    "1h": "in 1 hour",
    "2h": "in 2 hours",
    "4h": "in 4 hours",
    "8h": "in 8 hours",
    "24h": "in 24 hours",
}
ALIASES = {"due_at": "due", "next_at": "next", "note": "text", "update": "text", "document": "text"}


@dataclass(frozen=True, slots=True)
class Move:
    """One way to go on, as the page offers it. ``right``: what it takes; ``must``: a reason has to be given."""

    to: str
    button: str
    asks: str
    right: Right = Right.COMMAND
    must: bool = True


_MOVES = {
    move.to: move
    for move in (
        Move("mitigated", "Mark as mitigated", "What stopped the harm?", Right.RESPOND, must=False),
        Move("resolved", "Resolve", "Why is it over?"),
        Move("closed", "Close", "What is there to say at the end?"),
        Move("false-alarm", "Call it a false alarm", "How do you know that it was none?"),
        Move("merged", "Merge into another", "Why are they one?"),
        Move("reopened", "Reopen", "What has come up?", Right.RESPOND),
    )
}
_FORWARD = {
    "declared": ("mitigated", "resolved"),
    "contained": ("mitigated", "resolved"),
    "mitigated": ("resolved",),
    "resolved": ("closed",),
    "reviewed": ("closed",),
}


def values(found: Reading, asker: Asker, *, form: str, error: AndonError | None) -> Json:
    """
    For ``work_life.html``, ``work_people.html``, ``work_tasks.html`` and ``work_lines.html``, under the name ``w``.

    Args:
        form: Which form was refused, as its key says (``task-3-skip``); with ``error``.
    """
    whole, me = found.whole, asker.actor.person if asker.actor.person in found.people else None
    inside = is_insider(asker, whole["insiders"])
    return {
        "me": me,
        "inside": inside,
        "ended": whole["status"] in ENDS,
        "faults": {ALIASES.get(e.where, e.where) for e in error.errors} if error is not None else set(),
        "moves": _moves(whole, asker, form),
        "mergeable": _mergeable(whole, asker),
        "acknowledge": asker.may(Right.RESPOND) and not whole["acknowledged_at"] and whole["status"] not in ENDS,
        "severities": _severities(whole, asker),
        "roles": [_role(row, whole, asker, me) for row in whole["roles"]],
        "members": _members(whole),
        **_people(found),
        "tasks": _tasks(whole, asker, form),
        "runbooks": sorted((book.slug, book.title) for book in service().runbooks),
        "next_in": NEXT,
        "next_usual": _usual_next(whole),
        "title_limit": TITLE_LIMIT,
        "line": _tools(whole, asker, me, inside),
    }


# --- the life -------------------------------------------------------------------------------------------------------


def _moves(whole: Json, asker: Asker, form: str) -> Json:
    """
    ``{forward, back, ends, refused}``, each a row ``{to, button, asks, must, may, blocked, first}``.

    ``first`` marks the one that the page offers before all others: the nearest that nothing stands against. ``refused``
    is one that was sent and is no way from here: somebody was faster, and what was typed must not be lost.
    """
    status, blocked = whole["status"], {step["name"]: step["blocked"] for step in whole["life"]}

    def row(to: str) -> Json:
        move = _MOVES[to]
        may, stands = asker.may(move.right), blocked.get(to, [])
        clocks = still_owed(whole["clocks"]) if to == "closed" else []
        return {
            "to": to,
            "button": move.button,
            "asks": move.asks,
            "must": move.must,
            "may": may,
            "blocked": stands,
            "clocks": clocks,
        }

    forward = [row(to) for to in _FORWARD.get(status, ())]
    first = next((m for m in forward if m["may"] and not m["blocked"]), None)
    back = row("reopened") if status not in ("declared", "contained") else None
    if back is not None and status == "mitigated":
        back["button"] = "It goes on after all"
    ends = [row("false-alarm"), row("merged")] if status in ("declared", "contained", "mitigated") else []
    offered = {m["to"] for m in (*forward, *ends, back) if m is not None}
    sent = form.removeprefix("status-")
    return {
        "forward": [m | {"first": m is first} for m in forward],
        "back": back,
        "ends": ends,
        "refused": row(sent) if sent in _MOVES and sent != form and sent not in offered else None,
    }


def _mergeable(whole: Json, asker: Asker) -> list[str]:
    """Open incidents of the same kind, the newest first, for the field's suggestions."""
    with service().desk.read() as state:
        others = [i.id for i in state.incidents.values() if i.kind == whole["kind"] and not i.ended]
        return [id for id in others[::-1] if id != whole["id"] and sees(state, asker, id)][:SUGGESTED]


def _severities(whole: Json, asker: Asker) -> list[Json]:
    """All four, the worst first, with what they mean and whether this person may go there."""
    now, order = whole["severity"], list(service().severities.all())
    return [
        {
            "name": name,
            "title": terms.title,
            "means": terms.means,
            "every": str(terms.update_every),
            "current": name == now,
            "may": asker.may(Right.RESPOND if order.index(name) < order.index(now) else Right.COMMAND),
        }
        for name, terms in service().severities.all().items()
    ]


def _usual_next(whole: Json) -> str:
    """The next update as the severity's terms have it, where that is one of the choices."""
    every = str(service().severities.of(whole["severity"]).update_every)
    return every if every in NEXT else "1h"


# --- people ---------------------------------------------------------------------------------------------------------


def _role(row: Json, whole: Json, asker: Asker, me: str | None) -> Json:
    """A role, what this person may do with it (``take``, ``force``, ``hand``), and whether it is offered to them."""
    command, is_command = asker.may(Right.COMMAND), row["role"] == COMMANDER
    works = asker.may(Right.RESPOND) and whole["status"] not in ENDS
    person, offered, mine = row["person"], row["offered_to"], me is not None and row["person"] == me
    to_me = me is not None and offered == me
    able = works and me is not None and not mine and (command or not is_command)
    return row | {
        "mine": mine,
        "to_me": to_me,
        "take": able and (not is_command or person is None or to_me),
        "force": able and is_command and person is not None and not to_me,
        "hand": works and (not is_command or person is None or mine or command),
        "leave": works and person is not None and not is_command and (mine or command),
        "decline": works and offered is not None and (to_me or mine or command),
        "worked": works,
    }


def _members(whole: Json) -> list[Json]:
    """Who may see it while it is restricted, each with why, and whether they can be taken out."""
    roles = {row["person"]: row["role"] for row in whole["roles"] if row["person"]}
    offered = {row["offered_to"]: row["role"] for row in whole["roles"] if row["offered_to"]}
    found = []
    for id in whole["insiders"]:
        declared = id == whole["declared_by"] or id in whole["joined"]
        why = (
            "declared it" if declared
            else roles[id] if id in roles
            else f"{offered[id]} is offered to them" if id in offered
            else "was added"
        )  # fmt: skip
        found.append({"id": id, "why": why, "out": why == "was added"})
    return found


def _people(found: Reading) -> Json:
    """Whom a role or task can be given to, and who else can be reached; by name."""
    with service().desk.read() as state:
        rights = {p.id: rights_of(Role(r) for r in p.roles) for p in state.catalog.people.values()}
    working = {row["person"] for row in found.whole["roles"]}
    by_name = sorted(rights, key=lambda id: str(found.people[id]["name"]) if id in found.people else id)
    respond = [id for id in by_name if Right.RESPOND in rights[id]]
    return {
        "responders": respond,
        "commanders": [id for id in by_name if Right.COMMAND in rights[id]],
        "others": [id for id in respond if id not in working][:CALLABLE],
        "everybody": by_name,
    }


# --- tasks ----------------------------------------------------------------------------------------------------------


def _tasks(whole: Json, asker: Asker, form: str) -> Json:
    """``{open, follow_ups, settled}``; ``works``: this person may work on it now. What is due first comes first."""
    ended = whole["status"] in ENDS
    rows = [
        task
        | {
            "works": asker.may(Right.RESPOND) and (task["follow_up"] or not ended),
            "shown": form.startswith(f"task-{task['number']}-"),
        }
        for task in whole["tasks"]
    ]
    still = sorted((t for t in rows if t["state"] == "open"), key=lambda t: t["due_at"] or "9")
    return {
        "open": [t for t in still if not t["follow_up"]],
        "follow_ups": [t for t in still if t["follow_up"]],
        "settled": [t for t in rows if t["state"] != "open"],
        "new": asker.may(Right.RESPOND) and whole["status"] not in ("false-alarm", "merged"),
        "only_follow_ups": ended,
    }


# --- lines ----------------------------------------------------------------------------------------------------------


def _tools(whole: Json, asker: Asker, me: str | None, inside: bool) -> Callable[[Row], Json]:
    """For a row of the timeline: ``{pin, words, time, redact}``, each whether this person may do it."""
    retimed: Collection[int] = {m["seq"] for name, m in whole["moments"].items() if name not in EVIDENCE}
    respond, command = asker.may(Right.RESPOND), asker.may(Right.COMMAND)

    def tools(row: Row) -> Json:
        mine = me is not None and row.by == me
        mends = respond and (mine or command) and (inside or not row.restricted)
        worded = row.kind in WORDS
        return {
            "pin": respond and row.kind != "incident:entry:redacted",
            "words": mends and worded and not row.redacted,
            "time": mends and (worded or row.seq in retimed),
            "redact": command and row.worded and (inside or not row.restricted),
        }

    return tools
