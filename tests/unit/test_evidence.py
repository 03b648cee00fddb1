"""What stood where before a kill is frozen into the incident, and stays what it was whatever comes after."""

from __future__ import annotations

import json
from typing import Any

import pytest

from incidents.decisions import Asker
from incidents.evidence import ROWS
from incidents.testing import ADMIN, Workshop, sample_catalog, workshop
from playbooks.source import parse
from tests.support.acting import change_catalog, declare, kinds_of, restored, told

REVOKE = "revoke-partner: {partner: acme}"
HALT = "halt-model: {model: orion-2}"
TOOLS = "orion-2:tool-use"


@pytest.fixture
def linus(shop: Workshop) -> Asker:
    return shop.person("linus", "responder")


def evidence(shop: Workshop, id: str, by: Asker = ADMIN) -> dict[str, Any]:
    found: dict[str, Any] = shop.service.operations.incident(by, id)["evidence"]
    return found


def test_evidence_is_written_before_the_first_hold(shop: Workshop) -> None:
    """In the same write, so that nothing can come between."""
    id = declare(shop, REVOKE)
    kinds = kinds_of(shop, id)
    assert kinds.index("incident:evidence:frozen") < kinds.index("access:hold:placed")
    (line,) = [e for e in shop.service.ledger.incident(id) if e.kind == "incident:evidence:frozen"]
    assert line.recorded_at == shop.service.ledger.incident(id)[0].recorded_at


def test_what_stood_before_is_exact_after_everything_has_changed(shop: Workshop) -> None:
    """Stage, grants and caps as they were, though the catalog has moved on and the hold is lifted."""
    id = declare(shop, REVOKE, HALT)
    before = evidence(shop, id)
    restored(shop, id)

    def change(catalog: dict[str, Any]) -> None:
        catalog["models"]["orion-2"]["stage"] = "internal"
        catalog["grants"] = [g for g in catalog["grants"] if g["partner"] != "acme"]

    change_catalog(shop, change)
    assert evidence(shop, id) == before
    assert before["models"]["orion-2"] == {
        "stage": "trusted-partner", "stage_in_force": "trusted-partner", "halted": False,
    }  # fmt: skip
    row = next(r for r in before["access"] if (r["partner"], r["flag"]) == ("acme", TOOLS))
    assert (row["before"], row["after"], row["cap"]) == ("granted", "model-halted", {"per_day": 2000})
    assert {r["partner"] for r in before["access"]} == {"acme", "globex"}


def test_table_that_points_held_is_named_by_its_digest(shop: Workshop) -> None:
    """The digest is the one that gateways confirm, at the revision before the kill."""
    snapshot = shop.service.desk.snapshot
    shop.point("edge-1")
    body = {"playbook": "break-glass", "parameters": {"partner": "acme"}, "summary": "x"}
    id = str(shop.service.operations.declare(ADMIN, body).body["id"])
    found = evidence(shop, id)
    assert (found["revision"], found["table_digest"]) == (snapshot.revision, snapshot.digest)
    assert [(p["name"], p["standing"]) for p in found["points"]] == [("edge-1", "never connected")]


def test_what_other_incidents_held_by_then_is_told(shop: Workshop) -> None:
    """Else the review would blame this one for what another had switched off."""
    first = declare(shop, HALT)
    id = declare(shop, REVOKE, HALT)
    (row,) = evidence(shop, id)["holds"]
    assert (row["incident"], row["words"]) == (first, "orion-2 halted")
    assert evidence(shop, id)["models"]["orion-2"]["halted"] is True


@pytest.mark.parametrize(
    ("earlier", "words"),
    [
        ("switch-off: {capability: tool-use}", "tool-use switched off on every model"),
        (
            "tighten-cap: {capability: tool-use, cap: {per_day: 5}}",
            "every partner throttled on tool-use: at most 5 per day",
        ),
        ("switch-off: {capability: 'orion-2:tool-use'}", "orion-2:tool-use switched off"),
    ],
)
def test_hold_that_names_neither_partner_nor_model_is_told_too(shop: Workshop, earlier: str, words: str) -> None:
    """It is the widest that there is, and hides the most of what came after it."""
    first = declare(shop, earlier)
    found = evidence(shop, declare(shop, REVOKE))["holds"]
    assert [(row["incident"], row["words"]) for row in found] == [(first, words)]


def test_hold_on_what_the_kill_does_not_reach_is_left_out(shop: Workshop) -> None:
    """The sheet is read in a hurry."""
    declare(shop, "switch-off: {capability: fine-tuning}")
    assert evidence(shop, declare(shop, REVOKE))["holds"] == []


def test_drill_freezes_what_it_would_change(shop: Workshop) -> None:
    """Practised like the real thing: the same sheet, from the table of the drills."""
    live = dict(shop.service.desk.snapshot.live)
    id = declare(shop, REVOKE, kind="drill")
    assert {r["partner"] for r in evidence(shop, id)["access"]} == {"acme"}
    assert shop.service.desk.snapshot.live == live


def test_more_rows_than_a_page_can_bear_are_counted() -> None:
    """A capability with thousands of grants is switched off in one write that stays small enough."""
    catalog = parse(sample_catalog().encode(), "catalog.yaml", limit=1 << 20).value
    many = [f"p-{n:04d}" for n in range(ROWS + 50)]
    catalog["partners"] |= {p: {"title": p, "audience": "general"} for p in many}
    catalog["models"]["vega-1"]["stage"] = "general"
    catalog["grants"] += [
        {"partner": p, "model": "vega-1", "capability": "browsing", "terms": "accepted"} for p in many
    ]
    shop = workshop(catalog=json.dumps(catalog, default=str))
    id = declare(shop, "switch-off: {capability: vega-1:browsing}")
    found, lines = evidence(shop, id), told(shop, id, ADMIN)
    shop.service.stop()
    assert len(found["access"]) == ROWS
    assert found["left_out"] >= 50
    assert any(f"{ROWS + found['left_out']:,} grants" in line for line in lines)


def test_evidence_has_no_words_and_no_addresses(shop: Workshop, linus: Asker) -> None:
    """It is chained for good."""
    id = declare(shop, REVOKE, HALT, by=linus)
    (line,) = [e for e in shop.service.ledger.incident(id) if e.kind == "incident:evidence:frozen"]
    assert line.text is None
    assert "@" not in json.dumps(line.data)
