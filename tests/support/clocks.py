"""
Short ways to say what happens to clocks in a workshop: an incident that assesses regimes, facts, submissions.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from incidents.clock import parse_rfc3339
from incidents.decisions import Asker
from incidents.decisions.clockfacts import AnchorFact
from incidents.docket import Duty
from incidents.state import Incident
from incidents.testing import ADMIN, Workshop
from tests.support.acting import declare

CONTAIN = "halt-model: {model: orion-2}"
GDPR, AUTHORITY = "gdpr-art33", "gdpr-art33.notify-authority"
COP, DORA, SEC, HIPAA = "eu-ai-act-art55-gpai-cop", "eu-dora-art19", "us-sec-8k-105", "us-hipaa"


def assessing(shop: Workshop, *regimes: str, kind: str = "real", parameters: dict[str, str] | None = None) -> str:
    """An incident whose playbook names these regimes, taken up; returns its id."""
    more = f"clocks: [{', '.join(regimes)}]\n"
    id = declare(shop, CONTAIN, more=more, kind=kind, parameters=parameters)
    shop.service.clockwork.consider(id)
    return id


def commander(shop: Workshop) -> Asker:
    return shop.person("ada", "commander")


def incident(shop: Workshop, id: str) -> Incident:
    with shop.service.desk.read(id) as state:
        return state.incidents[id]


def duty(shop: Workshop, id: str, name: str) -> Duty:
    """A duty by regime and deadline, ``gdpr-art33.notify-authority``."""
    return incident(shop, id).docket.duties[f"{id}.{name}"]


def state_of(shop: Workshop, id: str, name: str) -> str:
    return duty(shop, id, name).state(shop.clock.now())


def due(shop: Workshop, id: str, name: str) -> datetime | None:
    return duty(shop, id, name).due


def at(written: str) -> datetime:
    return parse_rfc3339(written)


def tell(shop: Workshop, id: str, anchor: str, when: str, by: Asker | None = None, **more: Any) -> dict[str, Any]:
    """Record a time; ``when`` is RFC 3339 in UTC."""
    fact = AnchorFact(anchor=anchor, at=at(when), **more)
    return shop.service.operations.tell_fact(by or commander(shop), id, fact).body


def say(shop: Workshop, id: str, condition: str, holds: bool, by: Asker | None = None) -> dict[str, Any]:
    return shop.service.operations.answer_condition(by or commander(shop), id, condition, holds).body


def submit(shop: Workshop, id: str, name: str, **more: Any) -> dict[str, Any]:
    return shop.service.operations.submit_clock(commander(shop), f"{id}.{name}", "receipt 1", **more).body


def decide(shop: Workshop, id: str, name: str, decision: str = "not-reportable", **more: Any) -> dict[str, Any]:
    clock = f"{id}.{name}"
    return shop.service.operations.decide_clock(commander(shop), clock, decision, "as counsel says", **more).body


def lines(shop: Workshop, id: str, kind: str) -> list[dict[str, Any]]:
    """The data of an incident's events of one kind, in order."""
    return [event.data for event in shop.service.ledger.incident(id) if event.kind == kind]


def told(shop: Workshop, id: str) -> list[str]:
    """The timeline's words about clocks."""
    rows = shop.service.operations.timeline(ADMIN, id)
    return [row.text for row in rows if row.kind.startswith("clocks:")]
