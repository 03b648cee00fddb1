"""
Short ways to say what people do in a workshop: declare what a test writes down, change the catalog, ask and approve.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from incidents.decisions import Asker, incident
from incidents.decisions.incident import Declare, Kind
from incidents.testing import ADMIN, Workshop
from playbooks.rules import read
from playbooks.schema import Playbook

PARAMETERS = "{partner: {}, model: {}, capability: {}, why: {}}"


def playbook(*contain: str, more: str = "") -> Playbook:
    """A playbook with these actions; all its parameters are optional."""
    head = f"id: p\ntitle: P\nversion: 2\nseverity: sev2\nparameters: {PARAMETERS}\ncontain:\n"
    return read(head + "".join(f"  - {action}\n" for action in contain) + more, "p.yaml")


def declare(
    shop: Workshop,
    *contain: str,
    more: str = "",
    kind: str = "real",
    by: Asker = ADMIN,
    separate: bool = True,
    parameters: dict[str, str] | None = None,
) -> str:
    """Declare a playbook with these actions; returns the incident's id."""
    request = Declare(
        playbook=playbook(*contain, more=more),
        digest="0" * 64,
        parameters=parameters or {},
        kind=Kind(kind),
        separate=separate,
    )
    outcome = shop.service.desk.submit(
        lambda state, now: incident.declare(state, request, by, now), actor=by.actor, narrowing="p"
    )
    return outcome.decided.subject


def why(shop: Workshop, partner: str, flag: str, region: str | None = None, **more: Any) -> str:
    """The reason of the decision now."""
    model, _, capability = flag.partition(":")
    snapshot = shop.service.desk.snapshot
    return snapshot.decide(partner, model, capability, now=shop.clock.now(), region=region, **more).reason


def change_catalog(shop: Workshop, change: Callable[[dict[str, Any]], None]) -> dict[str, Any]:
    """Apply the whole catalog with one change made to it; returns the answer."""
    catalog = shop.service.operations.catalog(ADMIN)
    change(catalog)
    return shop.service.operations.apply_catalog(ADMIN, json.dumps(catalog), "catalog.yaml")


def ask(shop: Workshop, id: str, by: Asker, *only: int, **way: Any) -> dict[str, Any]:
    """``way``: canary, soak, break_glass."""
    return shop.service.operations.ask_restore(by, id, list(only), "cause fixed", **way).body


def approve(shop: Workshop, request: dict[str, Any], by: Asker) -> dict[str, Any]:
    """Attests every check of the plan."""
    checks = request["plan"]["checks"]
    return shop.service.operations.approve(by, request["id"], request["plan_digest"], checks=checks).body


def restored(shop: Workshop, id: str, *only: int) -> None:
    """Grace asks, Ada approves."""
    approve(shop, ask(shop, id, shop.person("grace", "commander"), *only), shop.person("ada", "commander"))


def kinds_of(shop: Workshop, id: str) -> list[str]:
    """The kinds of an incident's events, in order."""
    return [event.kind for event in shop.service.ledger.incident(id)]
