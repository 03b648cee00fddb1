"""
The review as surfaces show it: where it stands, what is open, what this reader may do with it. Pure.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from incidents import incident_views
from incidents.decisions import Asker, Decided, review
from incidents.errors import Refused
from incidents.review_questions import Question
from incidents.state import State

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Texts:
    """What the log holds in words. ``newest`` None: nothing is saved yet, or the newest version was redacted."""

    newest: str | None
    published: str | None
    questions: Sequence[Question]
    unready: Sequence[str]


def whole(state: State, id: str, texts: Texts, asker: Asker) -> Json:
    """Everything but the document itself, the facts and the follow-ups."""
    incident = state.incidents[id]
    known = incident.review
    return incident_views.review(incident) | {
        "incident": id,
        "kind": incident.kind,
        "visibility": incident.visibility,
        "severity": incident.severity,
        "status": incident.status,
        "base": known.version,
        "draft": known.version == 0,
        "redacted": known.version > 0 and texts.newest is None,
        "published_document": texts.published if known.published not in (0, known.version) else None,
        "questions": [{"question": q.text, "state": q.state} for q in texts.questions],
        "blocked": review.not_published_yet(incident, texts.unready),
        "may": {
            "save": _why_not(lambda: review.save(state, id, "x", known.version, texts.newest, asker)),
            "approve": _why_not(lambda: review.approve(state, id, known.version, texts.newest, asker)),
            "publish": _why_not(lambda: review.publish(state, id, known.version, texts.newest, texts.unready, asker)),
        },
    }


def _why_not(act: Callable[[], Decided]) -> str | None:
    """None where it would be done, else why not: the decision itself is asked."""
    try:
        act()
    except Refused as error:
        return str(error)
    return None
