"""Several incidents, stages, regions and throttles: what is allowed is the catalog narrowed by every hold in force."""

from __future__ import annotations

from typing import Any

import pytest

from incidents.errors import Conflicting
from incidents.holds import Hold, HoldKind
from incidents.testing import Workshop
from tests.support.acting import change_catalog, declare, restored, why

TOOLS, CODE = "orion-2:tool-use", "orion-2:code-execution"


def entry(shop: Workshop, key: str) -> Any:
    return shop.service.desk.snapshot.live[key]


def held_by(shop: Workshop, partner: str, flag: str) -> tuple[str, ...]:
    model, _, capability = flag.partition(":")
    return shop.service.desk.snapshot.held_by(partner, model, capability)


def test_two_incidents_on_one_partner_and_one_lifted_leaves_the_other(shop: Workshop) -> None:
    """Whoever closes the first incident must not open what the second still needs shut."""
    first, second = (declare(shop, "revoke-partner: {partner: acme}") for _ in range(2))
    assert held_by(shop, "acme", TOOLS) == (first, second)

    restored(shop, first)
    assert why(shop, "acme", TOOLS) == "partner-revoked"
    assert held_by(shop, "acme", TOOLS) == (second,)

    restored(shop, second)
    assert why(shop, "acme", TOOLS) == "granted"
    assert held_by(shop, "acme", TOOLS) == ()


def test_two_throttles_on_one_grant_and_the_stricter_wins_in_each_period(shop: Workshop) -> None:
    """Strictest wins period by period, not incident by incident."""
    first = declare(
        shop, f"tighten-cap: {{partner: acme, capability: '{TOOLS}', cap: {{per_minute: 10, per_day: 50}}}}"
    )
    declare(shop, f"tighten-cap: {{partner: acme, capability: '{TOOLS}', cap: {{per_minute: 20, per_day: 40}}}}")
    assert entry(shop, f"grant:acme:{TOOLS}")["cap"] == {"per_day": 40, "per_minute": 10}

    restored(shop, first)
    assert entry(shop, f"grant:acme:{TOOLS}")["cap"] == {"per_day": 40, "per_minute": 20}


def test_off_everywhere_is_stricter_than_off_in_a_region(shop: Workshop) -> None:
    """The reason tells the partner which of the two it is, and lifting the wide one leaves the region."""
    declare(shop, f"switch-off: {{capability: '{TOOLS}', regions: [DE]}}")
    wide = declare(shop, "switch-off: {capability: tool-use}")
    assert why(shop, "acme", TOOLS, "FR") == "capability-off"

    restored(shop, wide)
    assert [why(shop, "acme", TOOLS, region) for region in ("FR", "DE", None)] == [
        "granted",
        "region-off",
        "region-off",
    ]


@pytest.mark.parametrize(
    ("region", "expected"),
    [("DE", "region-off"), ("de", "region-off"), (" De ", "region-off"), ("", "region-off"), (None, "region-off"),
     ("eu", "region-off"), ("FR", "granted")],
)  # fmt: skip
def test_a_regional_hold_denies_there_and_where_the_region_is_not_told(
    shop: Workshop, region: str | None, expected: str
) -> None:
    """Leaving the region out, or writing it in lower case, must not be a way round; gateways decide the same."""
    declare(shop, f"switch-off: {{capability: '{TOOLS}', regions: [DE, EU]}}")
    assert why(shop, "acme", TOOLS, region) == expected


def test_a_capability_hold_reaches_models_that_get_the_capability_later(shop: Workshop) -> None:
    """A capability named without a model is off on every model, also on the one that is released tomorrow."""
    declare(shop, "switch-off: {capability: code-execution}")
    change_catalog(shop, lambda c: c["capabilities"]["code-execution"]["models"].append("vega-1"))
    assert "off" in entry(shop, "flag:vega-1:code-execution")


def test_roll_back_below_the_first_stage_halts_the_model(shop: Workshop) -> None:
    """There is no stage below internal; the only thing narrower is nobody."""
    declare(shop, "roll-back-stage: {model: orion-2, stages: 3}")
    assert entry(shop, "model:orion-2") == {"stage": "trusted-partner", "halted": True}
    assert why(shop, "acme", TOOLS) == "model-halted"


def test_two_roll_backs_go_down_two_stages_and_come_back_one_by_one(shop: Workshop) -> None:
    """The second counts from the stage in force, and is stored as an absolute: lifting the first changes nothing."""
    first, second = (declare(shop, "roll-back-stage: {model: orion-2}") for _ in range(2))
    assert entry(shop, "model:orion-2") == {"stage": "internal"}

    restored(shop, first)
    assert entry(shop, "model:orion-2") == {"stage": "internal"}
    restored(shop, second)
    assert entry(shop, "model:orion-2") == {"stage": "trusted-partner"}


def test_two_roll_backs_in_one_plan_go_down_two_stages(shop: Workshop) -> None:
    """Within one write the later action sees the earlier."""
    declare(shop, "roll-back-stage: {model: vega-1}", "roll-back-stage: {model: vega-1}")
    assert entry(shop, "model:vega-1") == {"stage": "red-team"}
    assert why(shop, "initech", "vega-1:browsing") == "stage"


def test_frozen_promotion_narrows_a_later_catalog_raise_and_says_so(shop: Workshop) -> None:
    """The release manager's change is taken, but they must learn that it does nothing for now."""
    id = declare(shop, "freeze-promotion: {model: orion-2}")
    said = change_catalog(shop, lambda c: c["models"]["orion-2"].update(stage="general"))

    assert said["applied"]
    assert said["overridden"] == [
        f"models/orion-2: stage general takes no effect while {id} holds it at trusted-partner"
    ]
    assert entry(shop, "model:orion-2") == {"stage": "trusted-partner"}
    restored(shop, id)
    assert entry(shop, "model:orion-2") == {"stage": "general"}


def test_a_catalog_change_below_the_hold_takes_effect_and_is_not_called_overridden(shop: Workshop) -> None:
    """A message that says "takes no effect" when it did is worse than none."""
    declare(shop, "freeze-promotion: {model: orion-2}")
    said = change_catalog(shop, lambda c: c["models"]["orion-2"].update(stage="internal"))
    assert said["overridden"] == []
    assert entry(shop, "model:orion-2") == {"stage": "internal"}


def test_catalog_changes_under_holds_are_accepted_and_each_is_named(shop: Workshop) -> None:
    """What should be may change at any time; what is does not, and whoever changed it is told by which incident."""
    one = declare(shop, "revoke-partner: {partner: acme}")
    two = declare(shop, "halt-model: {model: vega-1}")
    three = declare(shop, "tighten-cap: {capability: tool-use, cap: {per_day: 5}}")

    def change(catalog: dict[str, Any]) -> None:
        catalog["partners"]["acme"]["title"] = "Acme"
        catalog["models"]["vega-1"]["title"] = "Vega"
        catalog["capabilities"]["tool-use"]["cap"] = {"per_day": 9}
        catalog["grants"][0]["cap"] = {"per_day": 7}
        catalog["grants"][5]["expires"] = "2028-01-01"  # globex, vega-1:fine-tuning

    assert change_catalog(shop, change)["overridden"] == [
        f"capabilities/tool-use: throttled by {three}",
        f"grants/acme:orion-2:tool-use: takes no effect while {one} stands (acme revoked)",
        f"grants/acme:orion-2:tool-use: throttled by {three}",
        f"grants/globex:vega-1:fine-tuning: takes no effect while {two} stands (vega-1 halted)",
        f"models/vega-1: stays halted by {two}",
        f"partners/acme: stays revoked by {one}",
    ]


def test_a_grant_under_a_stage_that_still_admits_its_partner_is_not_called_overridden(shop: Workshop) -> None:
    """A frozen promotion at the stage that the partner is admitted at takes nothing from it."""
    declare(shop, "freeze-promotion: {model: orion-2}")
    said = change_catalog(shop, lambda c: c["grants"][0].update(expires="2028-01-01"))
    assert said["overridden"] == []


def test_the_ladder_cannot_change_under_a_stage_hold(shop: Workshop) -> None:
    """A hold names its stage; on another ladder that name could mean more than it did."""
    id = declare(shop, "roll-back-stage: {model: orion-2}")
    stages = ["internal", "red-team", "trusted-partner", "limited", "beta", "general"]
    with pytest.raises(Conflicting, match=f"the ladder can't change while {id} holds orion-2 at red-team"):
        change_catalog(shop, lambda c: c.update(stages=stages))

    restored(shop, id)
    assert change_catalog(shop, lambda c: c.update(stages=stages))["applied"]


def test_a_key_cannot_move_to_another_partner_while_its_owner_is_held_not_even_in_two_steps(shop: Workshop) -> None:
    """Moving a leaked key to a partner who is not revoked would let it in again by the side door."""
    id = declare(shop, "revoke-partner: {partner: acme}")
    key = shop.service.operations.catalog(shop.person("ada", "admin"))["partners"]["acme"]["keys"][0]

    def move(catalog: dict[str, Any]) -> None:
        catalog["partners"]["acme"].pop("keys", None)
        catalog["partners"]["globex"]["keys"] = [key]

    with pytest.raises(Conflicting, match=f"belongs to acme, whom {id} holds"):
        change_catalog(shop, move)
    change_catalog(shop, lambda c: c["partners"]["acme"].pop("keys"))
    with pytest.raises(Conflicting, match=f"belongs to acme, whom {id} holds"):
        change_catalog(shop, move)

    restored(shop, id)
    assert change_catalog(shop, move)["applied"]


@pytest.mark.parametrize(
    "action",
    ["switch-off: {capability: tool-use}", f"switch-off: {{capability: '{TOOLS}', regions: [DE]}}",
     "halt-model: {model: vega-1}"],
)  # fmt: skip
def test_silence_cannot_become_allow_while_the_flag_is_held(shop: Workshop, action: str) -> None:
    """A point that can't be reached would go on with what was just switched off."""
    id = declare(shop, action)

    def allow(catalog: dict[str, Any]) -> None:
        catalog["capabilities"]["tool-use"]["on_silence"] = "allow"

    with pytest.raises(Conflicting, match=f"on_silence can't become allow while {id} stands"):
        change_catalog(shop, allow)
    restored(shop, id)
    assert change_catalog(shop, allow)["applied"]


def test_a_hold_outlives_the_removal_and_the_return_of_what_it_binds(shop: Workshop) -> None:
    """Ids are bound, not objects: taking the partner out of the file and putting it back must not set it free."""
    id = declare(shop, "revoke-partner: {partner: acme}", "halt-model: {model: vega-1}")
    whole = shop.service.operations.catalog(shop.person("ada", "admin"))

    def without(catalog: dict[str, Any]) -> None:
        del catalog["partners"]["acme"], catalog["models"]["vega-1"], catalog["capabilities"]["fine-tuning"]
        catalog["grants"] = [g for g in catalog["grants"] if g["partner"] != "acme" and g["model"] != "vega-1"]
        for capability in catalog["capabilities"].values():
            capability["models"] = [m for m in capability["models"] if m != "vega-1"]

    change_catalog(shop, without)
    assert why(shop, "acme", TOOLS) == "unknown-partner"
    assert why(shop, "globex", "vega-1:fine-tuning") == "unknown-model"

    said = change_catalog(shop, lambda c: (c.clear(), c.update(whole)))
    assert f"models/vega-1: stays halted by {id}" in said["overridden"]
    assert why(shop, "acme", TOOLS) == "partner-revoked"
    assert why(shop, "globex", "vega-1:fine-tuning") == "model-halted"


@pytest.mark.parametrize(
    ("named", "throttled"),
    [
        ("partner: acme, capability: 'orion-2:tool-use'", {"acme:orion-2:tool-use"}),
        ("capability: 'orion-2:tool-use'", {"acme:orion-2:tool-use", "globex:orion-2:tool-use"}),
        ("partner: acme, capability: tool-use", {"acme:orion-2:tool-use", "acme:vega-1:tool-use"}),
        (
            "capability: tool-use",
            {"acme:orion-2:tool-use", "globex:orion-2:tool-use", "acme:vega-1:tool-use", "initech:vega-1:tool-use"},
        ),
    ],
)
def test_a_throttle_reaches_exactly_what_it_names(shop: Workshop, named: str, throttled: set[str]) -> None:
    """Too wide throttles the innocent, too narrow leaves the leak open."""
    declare(shop, f"tighten-cap: {{{named}, cap: {{per_hour: 3}}}}")
    grants = {k: v for k, v in shop.service.desk.snapshot.live.items() if k.startswith("grant:")}
    assert {k.removeprefix("grant:") for k, v in grants.items() if v.get("cap", {}).get("per_hour") == 3} == throttled


def test_a_throttle_leaves_the_other_periods_of_the_cap_in_force(shop: Workshop) -> None:
    """acme's own 2,000 a day, and where the grant has no cap of its own the capability's default."""
    declare(shop, "tighten-cap: {capability: tool-use, cap: {per_minute: 10}}")
    assert entry(shop, f"grant:acme:{TOOLS}")["cap"] == {"per_day": 2000, "per_minute": 10}
    assert entry(shop, f"grant:globex:{TOOLS}")["cap"] == {"per_day": 10000, "per_minute": 10}


def test_a_throttle_to_nothing_denies_also_where_nobody_counts(shop: Workshop) -> None:
    """flagd and previews can't count; a cap of 0 needs no counting."""
    declare(shop, f"tighten-cap: {{partner: acme, capability: '{TOOLS}', cap: {{per_minute: 0}}}}")
    assert why(shop, "acme", TOOLS) == "usage-cap"
    assert why(shop, "acme", TOOLS, used=lambda partner, flag, per: 0) == "usage-cap"
    assert why(shop, "globex", TOOLS) == "granted"


def test_every_kind_of_hold_survives_the_way_into_the_log_and_back() -> None:
    """What was placed is what is folded, whoever reads it later."""
    base = {"id": "INC-2026-0001/h1", "incident": "INC-2026-0001", "action": 1}
    holds = [
        Hold(**base, kind=HoldKind.PARTNER, partner="acme"),
        Hold(**base, kind=HoldKind.FLAG, model="m", capability="c", regions=("EU", "DE")),
        Hold(**base, kind=HoldKind.CAP, capability="c", cap={"per_day": 0}),
        Hold(**base, kind=HoldKind.STAGE, model="m", at_most="internal", table="shadow"),
    ]
    assert [Hold.read(hold.data()) for hold in holds] == holds
    assert [hold.words() for hold in holds] == [
        "acme revoked",
        "m:c switched off in EU, DE",
        "every partner throttled on c: at most 0 per day",
        "m rolled back to internal",
    ]
