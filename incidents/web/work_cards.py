"""
What the cards with which an incident is worked need beside it: who can be chosen, what comes next, what words mean.
"""

from __future__ import annotations

from typing import Any

from incidents.decisions.incident import TITLE_LIMIT
from incidents.decisions.sight import sees
from incidents.life import ENDS
from incidents.roles import Right, Role, rights_of
from incidents.web.frame import asker, service, visitor

Json = dict[str, Any]

SAID = {
    "moved": "Recorded: the status has changed.",
    "acknowledged": "Acknowledged: others see that somebody is on it.",
    "taken": "Recorded: the role has changed.",
    "offered": "Offered. Whoever has command keeps it until the other takes it.",
    "ended": "The offer has ended.",
    "left": "Recorded: nobody has the role now.",
    "task-added": "Added.",
    "task-changed": "Recorded.",
    "judged": "Recorded, with how it is known.",
    "settled": "Recorded: the action waits no longer.",
    "severity": "Recorded: the severity has changed.",
    "visibility": "Recorded: who may see it has changed.",
    "posted": "Posted.",
    "corrected": "Corrected. What stood there before stays beside it.",
    "pinned": "Recorded.",
    "redacted": "Redacted: the words are gone for good, the chain still covers them.",
}


def values(whole: Json) -> Json:
    """What the cards need beside the incident itself: who can be chosen, what is open to do, what words mean."""
    with service().desk.read() as state:
        people = sorted(state.catalog.people.values(), key=lambda p: p.name or p.id)
        able = [(p.id, p.name or p.id, rights_of(Role(r) for r in p.roles)) for p in people]
        others = [id for id in reversed(state.order) if id in state.incidents and sees(state, asker(), id)]
    me = visitor().credential.person
    steps = {step["name"]: step for step in whole["life"]}
    return {
        "me": me,
        "responders": [(id, name) for id, name, rights in able if Right.RESPOND in rights],
        "commanders": [(id, name) for id, name, rights in able if Right.COMMAND in rights],
        "ended": whole["status"] in ENDS,
        "next_step": _next_step(whole),
        "blocked": next((s["blocked"] for n, s in steps.items() if n == _next_step(whole)), []),
        "severities": service().severities.all(),
        "mergeable": [id for id in others if id != whole["id"] and id.split("-")[0] == whole["id"].split("-")[0]][:50],
        "title_limit": TITLE_LIMIT,
    }


def _next_step(whole: Json) -> str | None:
    """The next status that a person can bring it to; None where that is not a form on this page."""
    return {
        "declared": "mitigated",
        "contained": "mitigated",
        "mitigated": "resolved",
        "reviewed": "closed",
    }.get(whole["status"])
