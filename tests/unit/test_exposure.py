"""
Who could use what before an incident and who can now: exact whatever the catalog has become meanwhile.
"""

from __future__ import annotations

from typing import Any

from incidents import events as ev
from incidents.clock import rfc3339
from incidents.decisions import Decided
from incidents.events import Draft
from incidents.exposure import exposure
from incidents.holds import Hold, HoldKind
from incidents.testing import ADMIN, Workshop
from tests.support.acting import approve, change_catalog, declare, restored

Json = dict[str, Any]


def seen(shop: Workshop, id: str) -> Json:
    desk = shop.service.desk
    lines = desk.ledger.incident(id)
    with desk.read(id) as state:
        return exposure(state, desk.snapshot, state.incidents[id], lines, shop.clock.now())


def access(found: Json) -> dict[tuple[str, str], Json]:
    return {(row["partner"], row["flag"]): row for row in found["access"]}


def test_before_stays_as_it_was_when_the_catalog_changes(shop: Workshop) -> None:
    """
    The question of next week is what stood there that night, not what stands there now.
    """
    id = declare(shop, "roll-back-stage: {model: orion-2, stages: 1}", "revoke-partner: {partner: acme}")

    def change(catalog: Json) -> None:
        catalog["models"]["orion-2"]["stage"] = "general"
        catalog["grants"] = [g for g in catalog["grants"] if g["partner"] != "acme"]
        del catalog["partners"]["acme"]

    change_catalog(shop, change)
    found = seen(shop, id)
    rows = access(found)
    assert found["exact"]
    assert rows["acme", "vega-1:tool-use"]["before"] == "granted"
    assert rows["acme", "vega-1:tool-use"]["now"] == "unknown-partner"
    assert rows["acme", "vega-1:tool-use"]["audience"] == "trusted-partner"
    assert rows["globex", "orion-2:tool-use"] | {"held_by": []} == {
        "partner": "globex",
        "title": "Globex Research",
        "audience": "trusted-partner",
        "flag": "orion-2:tool-use",
        "before": "granted",
        "now": "stage",
        "lost": True,
        "dark": [{"from": rfc3339(shop.clock.now()), "to": None}],
        "held_by": [],
    }
    model = next(m for m in found["models"] if m["model"] == "orion-2")
    assert model["before"] == {"stage": "trusted-partner", "halted": False}
    assert model["now"] == {"stage": "red-team", "halted": False}


def test_model_that_left_the_catalog_is_said_to_be_gone(shop: Workshop) -> None:
    """
    An empty cell would read like "as before".
    """
    id = declare(shop, "halt-model: {model: vega-1}")

    def change(catalog: Json) -> None:
        catalog["grants"] = [g for g in catalog["grants"] if g["model"] != "vega-1"]
        for capability in catalog["capabilities"].values():
            capability["models"] = [m for m in capability["models"] if m != "vega-1"]
        catalog["capabilities"] = {k: v for k, v in catalog["capabilities"].items() if v["models"]}
        del catalog["models"]["vega-1"]

    change_catalog(shop, change)
    found = seen(shop, id)
    assert [m["now"] for m in found["models"]] == [None]
    assert {row["now"] for row in found["access"]} == {"unknown-model"}


def test_darkness_has_a_beginning_and_an_end(shop: Workshop) -> None:
    """
    For how long a partner was cut off is what it will ask, and what the contract counts.
    """
    began = shop.clock.now()
    id = declare(shop, "revoke-partner: {partner: acme}")
    shop.clock.advance(5400)
    restored(shop, id)
    row = access(seen(shop, id))["acme", "orion-2:tool-use"]
    assert row["now"] == "granted"
    assert row["dark"] == [{"from": rfc3339(began), "to": rfc3339(shop.clock.now())}]


def test_two_holds_on_the_same_grant_are_one_darkness(shop: Workshop) -> None:
    """
    Hours counted twice would make the harm look larger than it was; a gap between them would make it smaller.
    """
    began = shop.clock.now()
    id = declare(shop, "revoke-partner: {partner: acme}", "switch-off: {capability: orion-2:tool-use}")
    shop.clock.advance(60)
    restored(shop, id, 1)
    still = access(seen(shop, id))
    assert still["acme", "orion-2:tool-use"]["dark"] == [{"from": rfc3339(began), "to": None}]
    assert still["acme", "vega-1:tool-use"]["dark"] == [{"from": rfc3339(began), "to": rfc3339(shop.clock.now())}]
    shop.clock.advance(60)
    restored(shop, id, 2)
    dark = access(seen(shop, id))["acme", "orion-2:tool-use"]["dark"]
    assert dark == [{"from": rfc3339(began), "to": rfc3339(shop.clock.now())}]


def test_what_another_incident_holds_is_dark_still_and_names_it(shop: Workshop) -> None:
    """
    Given back by one and held by the other is not allowed, and the reader has to know where to ask.
    """
    one = declare(shop, "revoke-partner: {partner: acme}")
    other = declare(shop, "revoke-partner: {partner: acme}")
    restored(shop, one)
    row = access(seen(shop, one))["acme", "orion-2:tool-use"]
    assert (row["now"], row["held_by"]) == ("partner-revoked", [other])
    assert row["dark"][0]["to"] is not None


def test_action_that_waited_freezes_what_it_changes_when_it_is_validated(shop: Workshop) -> None:
    """
    The halt of a whole model always comes later, by a person's word: its "before" must be as exact as the first one.
    """
    id = declare(shop, "revoke-partner: {partner: initech}", "{halt-model: {model: orion-2}, after: validated}")
    change_catalog(shop, lambda catalog: catalog["grants"][0].update(cap={"per_day": 7}))
    shop.service.operations.validate(ADMIN, id, 2)
    change_catalog(shop, lambda catalog: catalog["models"]["orion-2"].update(stage="general"))
    found = seen(shop, id)
    model = next(m for m in found["models"] if m["model"] == "orion-2")
    assert (model["before"]["stage"], model["now"]["halted"]) == ("trusted-partner", True)
    assert access(found)["globex", "orion-2:tool-use"]["before"] == "granted"
    assert access(found)["initech", "vega-1:browsing"]["before"] == "granted"


def test_what_was_frozen_first_counts(shop: Workshop) -> None:
    """
    A later action freezes a world in which the incident holds something already; that is not "before".
    """
    id = declare(shop, "revoke-partner: {partner: acme}", "{halt-model: {model: orion-2}, after: validated}")
    shop.service.operations.validate(ADMIN, id, 2)
    row = access(seen(shop, id))["acme", "orion-2:tool-use"]
    assert (row["before"], row["now"], row["lost"]) == ("granted", "model-halted", True)


def test_drill_shows_what_it_would_do_and_what_it_did_not(shop: Workshop) -> None:
    """
    In a drill "now" is the rehearsed table; the live one is as it was.
    """
    id = declare(shop, "revoke-partner: {partner: acme}", kind="drill")
    row = access(seen(shop, id))["acme", "orion-2:tool-use"]
    assert (row["before"], row["now"], row["held_by"]) == ("granted", "partner-revoked", [id])
    assert shop.service.desk.snapshot.decide("acme", "orion-2", "tool-use", now=shop.clock.now()).allowed


def test_throttle_shows_both_caps_and_no_darkness(shop: Workshop) -> None:
    """
    Fewer is not none.
    """
    id = declare(shop, "tighten-cap: {partner: acme, capability: 'orion-2:tool-use', cap: {per_day: 5}}")
    row = access(seen(shop, id))["acme", "orion-2:tool-use"]
    assert (row["cap_before"], row["cap_now"]) == ({"per_day": 2000}, {"per_day": 5})
    assert (row["now"], row["lost"], row["dark"]) == ("granted", False, [])


def test_incident_that_froze_nothing_reckons_and_says_so(shop: Workshop) -> None:
    """
    Older incidents have no evidence; a guess must not look like one.
    """
    hold = Hold(id="INC-2020-0001/h1", incident="INC-2020-0001", action=1, kind=HoldKind.HALT, model="orion-2")
    declared = ev.IncidentDeclared(
        incident="INC-2020-0001",
        incident_kind="real",
        severity="sev2",
        playbook="p",
        playbook_title="P",
        playbook_version=1,
        playbook_digest="0" * 64,
        parameters={},
    )
    drafts = [
        Draft(declared, incident="INC-2020-0001", text={"title": "old"}),
        Draft(ev.HoldPlaced(hold=hold.data()), incident="INC-2020-0001"),
    ]
    shop.service.desk.submit(lambda state, now: Decided(drafts), actor=ADMIN.actor)
    found = seen(shop, "INC-2020-0001")
    assert not found["exact"]
    assert access(found)["acme", "orion-2:tool-use"]["before"] == "granted"
    assert [(m["model"], m["before"], m["now"]) for m in found["models"]] == [
        ("orion-2", {"stage": "trusted-partner", "halted": False}, {"stage": "trusted-partner", "halted": True})
    ]


def test_partner_that_is_given_back_first_is_dark_for_less_long(shop: Workshop) -> None:
    """
    One partner first, the rest after a soak time: each has its own end, and who is taken back has two darknesses.
    """
    began = shop.clock.now()
    id = declare(shop, "switch-off: {capability: orion-2:tool-use}")
    ada, grace = shop.person("ada", "commander"), shop.person("grace", "commander")
    shop.clock.advance(600)
    asked = shop.service.operations.ask_restore(grace, id, [], "fixed", canary="acme", soak="30m").body
    approve(shop, asked, ada)
    first = shop.clock.now()
    rows = access(seen(shop, id))
    assert rows["acme", "orion-2:tool-use"]["now"] == "granted"
    assert rows["acme", "orion-2:tool-use"]["dark"] == [{"from": rfc3339(began), "to": rfc3339(first)}]
    assert rows["globex", "orion-2:tool-use"]["dark"] == [{"from": rfc3339(began), "to": None}]
    shop.clock.advance(60)
    shop.service.operations.stop_restore(ada, asked["id"], "it goes on", keep=False)
    assert access(seen(shop, id))["acme", "orion-2:tool-use"]["dark"] == [
        {"from": rfc3339(began), "to": rfc3339(first)},
        {"from": rfc3339(shop.clock.now()), "to": None},
    ]
