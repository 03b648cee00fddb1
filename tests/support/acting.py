"""
Short ways to say what people do in a workshop: declare what a test writes down, change the catalog, ask and approve.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from incidents.decisions import Asker, incident
from incidents.decisions.incident import Declare, Kind
from incidents.life import Incident
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


# --- an incident's life ---------------------------------------------------------------------------------------------

LIVED = """\
roles: [commander, comms]
steps:
  - {title: Call the partner by a known number, role: comms, runbook: restore-access#verify-the-partner, within: 30m}
exit: [No call on the old key for 24 h, The partner has a new key]
postmortem: {due: 5 business days, ask: [Why was the key long-lived?]}
"""
ANSWERED = "# Review\n\n## Why was the key long-lived?\n\nNobody had asked.\n"
ORDER = ("contained", "met", "resolved", "reviewed", "closed")


def lived(shop: Workshop, to: str = "contained", *, by: Asker | None = None, **more: Any) -> str:
    """
    An incident with people, a task, two exit criteria and a review, brought on as far as ``to`` (see ``ORDER``).

    Linus declares and writes, Ada commands, Grace approves and Ada publishes.
    """
    id = declare(
        shop, "revoke-partner: {partner: acme}", more=LIVED, by=by or shop.person("linus", "responder"), **more
    )
    ada = shop.person("ada", "commander")
    steps = ORDER[: ORDER.index(to) + 1]
    if "contained" in steps:
        contain(shop)
    if "met" in steps:
        meet_exits(shop, id, ada)
    if "resolved" in steps:
        shop.service.operations.move(ada, id, "resolved", reason="the key is gone")
    if "reviewed" in steps:
        review(shop, id)
    if "closed" in steps:
        settle_tasks(shop, id, ada)
        shop.service.operations.move(ada, id, "closed", reason="nothing is left to do")
    return id


def contain(shop: Workshop) -> None:
    """Time for every lease to run out, and the engine to write down what that proves."""
    shop.clock.advance(30)
    shop.service.cycle()


def meet_exits(shop: Workshop, id: str, by: Asker) -> None:
    for criterion in shop.service.operations.incident(by, id)["exit"]:
        if not criterion["met"]:
            shop.service.operations.judge_exit(by, id, criterion["number"], met=True, evidence="seen in the logs")


def settle_tasks(shop: Workshop, id: str, by: Asker) -> None:
    for task in shop.service.operations.incident(by, id)["tasks"]:
        if task["state"] == "open" and not task["follow_up"]:
            shop.service.operations.settle_task(by, id, task["number"], "done")


def review(shop: Workshop, id: str, document: str = ANSWERED) -> None:
    """A version that Linus writes, Grace approves and Ada, who owns the review, publishes."""
    operations = shop.service.operations
    ada, linus = shop.person("ada", "commander"), shop.person("linus", "responder")
    known = operations.incident(ada, id)["postmortem"]
    if known["owner"] is None:
        operations.review_owner(ada, id, "ada")
    operations.save_review(linus, id, document, known["version"])
    operations.approve_review(shop.person("grace", "commander"), id, known["version"] + 1)
    operations.publish_review(ada, id, known["version"] + 1)


def with_a_clock_left(shop: Workshop) -> str:
    """A reviewed incident of which nothing is left to do but its duty to an authority."""
    id, ada = lived(shop, "reviewed"), shop.person("ada", "commander")
    settle_tasks(shop, id, ada)
    shop.service.operations.take_regime(ada, id, "gdpr-art33")
    return id


def standing(shop: Workshop, id: str) -> Incident:
    """The incident as the desk holds it now."""
    with shop.service.desk.read(id) as state:
        return state.incidents[id]


def told(shop: Workshop, id: str, by: Asker) -> list[str]:
    """The texts of its timeline, as this person reads them, without what is owed to whom because of it."""
    return [row.text for row in shop.service.operations.timeline(by, id) if not row.kind.startswith("effect:")]
