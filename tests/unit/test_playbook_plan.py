"""What a declaration would do: parameters checked, actions resolved, the rest named."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from playbooks import actions as act
from playbooks.plan import Plan, PlanError, plan
from playbooks.rules import read
from playbooks.schema import Playbook, Severity
from playbooks.triggers import proposals
from playbooks.words import way_out

NOW = datetime(2026, 11, 23, 14, 2, tzinfo=UTC)


@dataclass
class SmallWorld:
    """Two models on two stages, two partners."""

    partners: tuple[str, ...] = ("acme", "globex")
    models: tuple[str, ...] = ("orion-2", "vega-1")
    flags: tuple[str, ...] = ("orion-2:tool-use", "vega-1:tool-use", "orion-2:browsing")
    ladder: tuple[str, ...] = ("internal", "red-team", "trusted-partner", "limited", "general")
    stages: dict[str, str] = field(default_factory=lambda: {"orion-2": "red-team", "vega-1": "limited"})

    def stage_in_force(self, model: str) -> str:
        return self.stages[model]


def playbook(*contain: str, parameters: str = "partner, model, capability, region, why", more: str = "") -> Playbook:
    """A playbook with these actions; all its parameters are optional unless ``parameters`` is a whole mapping."""
    declared = parameters if ":" in parameters else ", ".join(f"{name}: {{}}" for name in parameters.split(", "))
    head = f"id: p\ntitle: P\nversion: 2\nseverity: sev2\nparameters: {{{declared}}}\ncontain:\n"
    return read(head + "".join(f"  - {action}\n" for action in contain) + more, "p.yaml")


def made(book: Playbook, world: SmallWorld | None = None, **parameters: str) -> Plan:
    return plan(book, parameters, world or SmallWorld())


def errors(book: Playbook, world: SmallWorld | None = None, **parameters: str) -> tuple[tuple[str, str], ...]:
    with pytest.raises(PlanError) as caught:
        made(book, world, **parameters)
    return caught.value.errors


def test_parameters_become_real_actions_in_the_order_of_the_file():
    """
    The order is the author's: what matters most goes first.
    """
    found = made(
        playbook(
            'revoke-partner: {partner: "{{ partner }}"}',
            "switch-off: {capability: tool-use, regions: [EU, EU, NO]}",
            'tighten-cap: {partner: "{{ partner }}", capability: orion-2:tool-use, cap: {per_minute: 10, per_day: 0}}',
            'freeze-promotion: {model: "{{ model }}"}',
            'call: {connector: mlflow, action: roll-back-alias, arguments: {name: "{{ model }}", dry: true}}',
        ),
        partner="acme",
        model="orion-2",
    )

    assert [planned.action for planned in found.actions] == [
        act.RevokePartner("acme"),
        act.SwitchOff("tool-use", ("orion-2:tool-use", "vega-1:tool-use"), ("EU", "NO")),
        act.TightenCap("orion-2:tool-use", act.Cap(per_minute=10, per_day=0), ("orion-2:tool-use",), "acme"),
        act.FreezePromotion("orion-2"),
        act.Call("mlflow", "roll-back-alias", (("dry", True), ("name", "orion-2"))),
    ]
    assert [planned.number for planned in found.actions] == [1, 2, 3, 4, 5]
    assert found.severity is Severity.SEV2


def test_an_action_without_its_optional_parameter_is_skipped_and_says_so():
    """
    Whoever previews must see what will not happen, in words.
    """
    found = made(playbook("halt-model: {model: orion-2}", 'revoke-partner: {partner: "{{ partner }}"}'))

    assert found.actions[1].skipped == "no partner was given"
    assert found.actions[1].describe() == "Not done: Revoke all access of partner <partner> (no partner was given)"
    assert [planned.number for planned in found.effective] == [1]


def test_a_throttle_whose_partner_is_absent_never_becomes_one_for_everybody():
    """
    Filling the hole with "each partner" would throttle those who have nothing to do with it.
    """
    book = playbook(
        'tighten-cap: {partner: "{{ partner }}", capability: tool-use, cap: {per_hour: 1}}',
        "tighten-cap: {capability: tool-use, cap: {per_hour: 1}}",
    )
    first, second = made(book).actions

    assert first.skipped
    assert isinstance(second.action, act.TightenCap)
    assert second.action.partner is None
    assert "each partner" in second.describe()


def test_a_region_limit_whose_region_is_absent_skips_the_action():
    """
    Without the region the action would be off everywhere, which nobody asked for.
    """
    book = playbook("halt-model: {model: vega-1}", 'switch-off: {capability: tool-use, regions: ["{{ region }}"]}')

    assert made(book).actions[1].skipped == "no region was given"


@pytest.mark.parametrize(
    ("stages", "stage", "words"),
    [
        (1, "trusted-partner", "Roll vega-1 back one stage, from limited to trusted-partner"),
        (3, "internal", "Roll vega-1 back 3 stages, from limited to internal"),
        (4, None, "Halt vega-1: 4 stages below limited there is none"),
        (100, None, "Halt vega-1: 100 stages below limited there is none"),
    ],
)
def test_rolling_back_counts_from_the_stage_in_force(stages, stage, words):
    """
    Below the first stage there is nothing left to stand on: the model is halted.
    """
    (planned,) = made(playbook(f"roll-back-stage: {{model: vega-1, stages: {stages}}}")).actions

    assert planned.action == act.RollBackStage("vega-1", stages, stage, "limited")
    assert planned.describe() == words


def test_two_roll_backs_go_down_two_stages_unless_the_first_only_waits():
    """
    The plan must show what the append will do; an action that waits has not happened yet.
    """
    step = "roll-back-stage: {model: vega-1}"

    assert [planned.action.stage for planned in made(playbook(step, step)).actions] == ["trusted-partner", "red-team"]
    waiting = made(playbook(f"{{{step}, after: validated}}", step))
    assert [planned.action.stage for planned in waiting.actions] == ["trusted-partner", "trusted-partner"]


def test_a_model_on_an_unknown_stage_is_halted_by_a_roll_back():
    """
    When it is not known what is below, nothing is the safe answer.
    """
    world = SmallWorld(stages={"orion-2": "gone", "vega-1": "limited"})

    assert made(playbook("roll-back-stage: {model: orion-2}"), world).actions[0].action.stage is None


def test_a_literal_that_this_catalog_lacks_is_skipped_not_refused():
    """
    A playbook written for several installations must not fail during an incident over a flag that is not here.
    """
    found = made(playbook("switch-off: {capability: orion-3:tool-use}", "halt-model: {model: vega-1}"))

    assert found.actions[0].skipped == (
        "not in this catalog: unknown flag 'orion-3:tool-use'. Did you mean 'orion-2:tool-use'?"
    )
    assert found.actions[1].skipped is None


@pytest.mark.parametrize(
    ("given_", "where", "message"),
    [
        ({"partner": "acm"}, "parameters.partner", "unknown partner 'acm'. Did you mean 'acme'?"),
        ({"model": "orion2"}, "parameters.model", "unknown model 'orion2'. Did you mean 'orion-2'?"),
        ({"capability": "tool-us"}, "parameters.capability", "unknown capability 'tool-us'. Did you mean 'tool-use'?"),
        (
            {"capability": "orion-2:tool-us"},
            "parameters.capability",
            "unknown flag 'orion-2:tool-us'. Did you mean 'orion-2:tool-use'?",
        ),
        ({"partner": "hooli"}, "parameters.partner", "unknown partner 'hooli'. The catalog has acme, globex."),
        ({"partnr": "acme"}, "parameters.partnr", "playbook 'p' has no parameter 'partnr'. Did you mean 'partner'?"),
        ({"partner": ""}, "parameters.partner", "'partner' is empty: give a value or leave it out"),
        (
            {"partner": "../../x"},
            "parameters.partner",
            "'../../x' can't be a partner: letters, digits and . _ : - only",
        ),
        ({"partner": "acme\n"}, "parameters.partner", "'acme\\n' can't be a partner: letters, digits and . _ : - only"),
        ({"model": "a" * 201}, "parameters.model", "'model' may have at most 200 characters, not 201"),
        ({"why": "a\x00b"}, "parameters.why", "'a\\x00b' holds characters that 'why' can't have"),
    ],
)
def test_a_wrong_parameter_is_refused_with_its_place_and_the_nearest(given_, where, message):
    """
    A typo must neither contain the wrong partner nor pass as "nothing to do".
    """
    book = playbook("halt-model: {model: vega-1}", 'revoke-partner: {partner: "{{ partner }}"}')

    assert errors(book, **given_) == ((where, message),)


def test_an_unknown_name_always_leads_somewhere():
    """
    Nothing may be near, and a first kill may come before the first catalog.
    """
    assert way_out("x", "abcdefg") == " The catalog has a, b, c, d, e and 2 more."
    assert way_out("acme", ()) == " The catalog has none yet: `andon catalog apply FILE` loads some."


def test_a_missing_required_parameter_is_named_with_what_it_is_for():
    """
    The person declaring may see this playbook for the first time.
    """
    book = playbook("halt-model: {model: vega-1}", parameters="partner: {required: true, about: whose keys}")

    assert errors(book) == (("parameters.partner", "'partner' is missing (whose keys): give it as partner=..."),)


def test_all_wrong_parameters_are_told_at_once():
    """
    One refusal, one correction.
    """
    book = playbook("halt-model: {model: vega-1}", parameters="partner: {required: true}, model: {}")

    assert [where for where, _ in errors(book, model="x", nix="y")] == [
        "parameters.model",
        "parameters.nix",
        "parameters.partner",
    ]


def test_a_text_parameter_in_an_id_s_place_must_still_name_something():
    """
    The kind of a parameter is the author's word; what goes off is checked all the same.
    """
    book = playbook('revoke-partner: {partner: "{{ why }}"}')

    assert errors(book, why="acm") == (("contain[1]", "revoke-partner: unknown partner 'acm'. Did you mean 'acme'?"),)


def test_model_and_capability_make_a_flag_however_the_capability_is_given():
    """
    Under stress people give the whole flag where only its second half is asked.
    """
    book = playbook('switch-off: {capability: "{{ model }}:{{ capability }}"}')

    for capability in ("tool-use", "orion-2:tool-use"):
        (planned,) = made(book, model="orion-2", capability=capability).actions
        assert planned.action == act.SwitchOff("orion-2:tool-use", ("orion-2:tool-use",))
    assert "unknown flag 'orion-2:vega-1:tool-use'" in errors(book, model="orion-2", capability="vega-1:tool-use")[0][1]


def test_a_plan_that_would_do_nothing_is_refused_and_says_what_would_help():
    """
    An incident that contains nothing would calm everybody down for no reason.
    """
    book = playbook('revoke-partner: {partner: "{{ partner }}"}', 'halt-model: {model: "{{ model }}"}')

    assert errors(book) == (("parameters", "nothing would be done: give partner or model"),)
    (where, message), *_ = errors(playbook("switch-off: {capability: orion-9:x}"))
    assert where == "parameters"
    assert message.startswith("nothing would be done: Switch orion-9:x off (not in this catalog")


def test_an_action_after_validation_waits_and_says_so():
    """
    It is part of the plan, but a person has to say the word.
    """
    (planned,) = made(playbook("{halt-model: {model: vega-1}, after: validated}")).actions

    assert planned.waits
    assert planned.describe() == "Halt model vega-1 for everybody, once a person has validated it"


MORE = """\
roles: [commander, comms]
notify:
  - {to: slack:#incidents}
  - {to: role:comms, every: 30m, until: resolved, remind: update}
  - {to: "partner:{{ partner }}", approval: commander}
  - {to: partner:initech}
steps:
  - {title: "Call {{ partner }}", role: comms, within: 30m}
  - {title: Read the points, role: commander, runbook: confirm-containment, within: 1 business day}
clocks: [gdpr-art33]
exit: [quiet for a day]
"""


def test_notices_and_tasks_that_lack_their_parameter_fall_away_with_a_reason():
    """
    A task "Call {{ partner }}" helps nobody; that it fell away must be visible.
    """
    found = made(playbook("halt-model: {model: vega-1}", more=MORE))

    assert [task.title for task in found.tasks] == ["Read the points"]
    assert [str(notice.to) for notice in found.notices] == ["slack:#incidents", "role:comms"]
    assert len(found.left_out) == 3
    assert any("unknown partner 'initech'" in sentence for sentence in found.left_out)
    assert (found.clocks, found.exit, found.restore.approvals) == (("gdpr-art33",), ("quiet for a day",), 1)


def test_tasks_and_notices_carry_what_the_log_needs():
    """
    These values go into the log as they are; deadlines are absolute from then on.
    """
    found = made(playbook("halt-model: {model: vega-1}", more=MORE), partner="acme")

    assert found.tasks[0].data(NOW) == {
        "number": 1,
        "title": "Call acme",
        "role": "comms",
        "within": "30m",
        "due_at": "2026-11-23T14:32:00Z",
    }
    assert found.tasks[1].data(NOW)["due_at"] == "2026-11-24T23:59:59Z"
    assert found.notices[1].data() == {
        "number": 2,
        "to": "role:comms",
        "at": "declared",
        "every": "30m",
        "every_s": 1800,
        "until": "resolved",
        "remind": "update",
    }


def test_a_value_is_never_read_as_a_template_again():
    """
    Otherwise whoever fills one parameter could pull in another.
    """
    book = playbook("halt-model: {model: vega-1}", more='roles: [c]\nsteps: [{title: "Ask {{ why }}", role: c}]\n')

    assert made(book, why="{{ partner }}", partner="acme").tasks[0].title == "Ask {{ partner }}"


def test_an_address_filled_with_nonsense_is_refused():
    """
    A message must not go somewhere because a parameter held a clever text.
    """
    book = playbook("halt-model: {model: vega-1}", more='notify: [{to: "slack:#inc-{{ why }}"}]\n')

    assert str(made(book, why="acme").notices[0].to) == "slack:#inc-acme"
    assert errors(book, why="a b")[0][0] == "notify[1]"
    assert errors(book, why="{{ x }}")[0][0] == "notify[1]"


def test_every_action_survives_being_written_down():
    """
    An action that waits is kept in the log and carried out days later by another process.
    """
    written = [
        act.RevokePartner("acme"),
        act.SwitchOff("tool-use", ("a:tool-use",), ("EU",)),
        act.RollBackStage("m", 1, None, "internal"),
        act.RollBackStage("m", 1, "internal", "red-team"),
        act.HaltModel("m"),
        act.TightenCap("a:x", act.Cap(per_day=0), ("a:x",)),
        act.FreezePromotion("m"),
        act.Call("mlflow", "roll-back", (("dry", True), ("n", 1))),
    ]

    assert [act.from_order(act.to_order(action)) for action in written] == written
    assert {type(action) for action in written} == set(act.ACTIONS)


@pytest.mark.parametrize(
    "order", [{}, {"action": "explode"}, {"action": "halt-model"}, {"action": "halt-model", "x": 1}, {"action": "call"}]
)
def test_an_order_that_is_not_whole_is_refused(order):
    """
    Better no action than half of one.
    """
    with pytest.raises(ValueError, match=r"unknown action|not a complete"):
        act.from_order(order)


@given(values=st.dictionaries(st.sampled_from(["partner", "model", "capability", "why", "x"]), st.text(max_size=30)))
def test_whatever_is_given_is_planned_or_refused_and_names_only_what_exists(values):
    """
    Parameters come from Slack, signals and scripts: no text may lead to an action on something that is not there.
    """
    world = SmallWorld()
    book = playbook(
        'revoke-partner: {partner: "{{ partner }}"}',
        'switch-off: {capability: "{{ capability }}"}',
        'halt-model: {model: "{{ model }}"}',
        "freeze-promotion: {model: vega-1}",
    )
    try:
        found = plan(book, values, world)
    except PlanError as refused:
        assert refused.errors  # noqa: PT017 (either outcome is fine, a silent one is not)
        return
    for planned in found.effective:
        named = act.to_order(planned.action)
        assert named.get("partner", "acme") in world.partners
        assert named.get("model", "orion-2") in world.models
        assert set(named.get("flags", ())) <= set(world.flags)


SIGNALS = """\
triggers:
  - {when: {kind: key-leaked, sure: true}, parameters: {partner: "{{ signal.partner }}"}, auto: true}
  - {when: {kind: key-leaked}, parameters: {partner: "{{ signal.partner }}", why: "seen by {{ signal.source }}"}}
"""


def proposed(**signal: str | int | bool):
    book = playbook("halt-model: {model: vega-1}", parameters="partner: {required: true}, why: {}", more=SIGNALS)
    return list(proposals(signal, [book]))


def test_a_signal_proposes_by_the_first_trigger_that_fits():
    """
    One signal, one proposal per playbook.
    """
    (proposal,) = proposed(kind="key-leaked", partner="acme", source="scanner")

    assert proposal.parameters == (("partner", "acme"), ("why", "seen by scanner"))
    assert not proposal.auto
    assert proposed(kind="other", partner="acme") == []


def test_auto_holds_only_for_the_trigger_that_says_so_and_only_when_whole():
    """
    Declaring without a person must never happen on a signal that says 1 instead of true, or that names nobody.
    """
    assert proposed(kind="key-leaked", sure=True, partner="acme")[0].auto
    assert not proposed(kind="key-leaked", sure=1, partner="acme")[0].auto
    (incomplete,) = proposed(kind="key-leaked", sure=True)
    assert (incomplete.auto, incomplete.missing) == (False, ("partner",))
