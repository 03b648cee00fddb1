"""What a playbook file may say, and how its mistakes are told."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from playbooks.durations import Duration, Unit, duration
from playbooks.rules import read
from playbooks.schema import SIZE_LIMIT, ParameterKind, Playbook, Severity
from playbooks.source import SourceError

GOOD = """\
id: partner-misuse
title: A partner's credentials are abused
version: 3
severity: sev2
parameters: {partner: {required: true}, model: {required: false}}
capabilities: [orion-2:tool-use]
triggers:
  - {when: {kind: key-leaked}, parameters: {partner: "{{ signal.partner }}"}, auto: false}
contain:
  - revoke-partner: {partner: "{{ partner }}"}
  - switch-off: {capability: orion-2:tool-use}
  - roll-back-stage: {model: "{{ model }}", stages: 1}
  - halt-model: {model: "{{ model }}"}
  - switch-off: {capability: orion-2:tool-use, regions: [EU, NO]}
  - tighten-cap: {partner: "{{ partner }}", capability: orion-2:tool-use, cap: {per_minute: 10}}
  - {freeze-promotion: {model: "{{ model }}"}, after: validated}
  - call: {connector: mlflow, action: roll-back-alias, arguments: {model: "{{ model }}", dry: true}}
roles: [commander, comms, scribe]
notify:
  - {to: slack:#incidents, at: declared}
  - {to: role:comms, every: 30m, until: resolved, remind: status-update}
  - {to: "partner:{{ partner }}", template: partner-notice, approval: commander}
  - {to: webhook:https://status.example/hooks/andon, at: contained}
clocks: [contract-partner-notice, gdpr-art33]
steps:
  - {title: Call the partner by a known number, role: comms, runbook: restore-access#verify-the-partner, within: 30m}
exit: [No call on the old credentials for 24 h]
restore: {approvals: 1, checks: [partner-attested, new-key-issued]}
postmortem: {due: 5 business days, ask: [Why was the key long-lived?]}
drill: {every: 30d, target_containment: 5s}
"""


def problems(before: str, after: str) -> list[str]:
    """The messages for the good playbook with one place changed."""
    assert before in GOOD
    with pytest.raises(SourceError) as caught:
        read(GOOD.replace(before, after, 1), "partner-misuse.yaml")
    return [str(problem) for problem in caught.value.problems]


def test_a_whole_playbook_is_read_as_it_is_written():
    """
    This is the documented form; every part of it has to arrive.
    """
    playbook = read(GOOD, "partner-misuse.yaml")

    assert playbook.severity is Severity.SEV2
    assert [item.action_name for item in playbook.contain] == [
        "revoke-partner",
        "switch-off",
        "roll-back-stage",
        "halt-model",
        "switch-off",
        "tighten-cap",
        "freeze-promotion",
        "call",
    ]
    assert [item.after for item in playbook.contain].count("validated") == 1
    assert playbook.notify[1].every == Duration(30, Unit.MINUTE)
    assert playbook.postmortem.due == Duration(5, Unit.BUSINESS_DAY)
    assert playbook.drill is not None
    assert playbook.drill.target_containment.elapsed == timedelta(seconds=5)


def test_what_is_written_out_reads_back_equal():
    """
    The API shows playbooks as JSON; what it shows must be the playbook.
    """
    playbook = read(GOOD, "p.yaml")
    written = playbook.model_dump_json(by_alias=True, exclude_unset=True)

    assert read(written, "p.yaml") == playbook


def test_an_unknown_action_is_named_with_the_nearest():
    """
    The message that the style guide shows, word for word.
    """
    assert problems("revoke-partner:", "revok-partner:") == [
        "partner-misuse.yaml:10: unknown action 'revok-partner'. Did you mean 'revoke-partner'?"
    ]


@pytest.mark.parametrize("approvals", ["0", "-1"])
def test_fewer_than_one_approval_is_an_error(approvals):
    """
    A restore without a second person must not be possible to write down.
    """
    (message,) = problems("approvals: 1", f"approvals: {approvals}")

    assert message == f"partner-misuse.yaml:28: 'approvals' must be 1 or more, not {approvals}"


@pytest.mark.parametrize(
    ("before", "after", "words"),
    [
        ("per_minute: 10", "per_minut: 10", "15: unknown key 'per_minut'. Did you mean 'per_minute'?"),
        ("cap: {per_minute: 10}", "cap: {}", "15: a cap needs per_minute, per_hour or per_day"),
        ("per_minute: 10", "per_minute: -1", "15: 'per_minute' must be 0 or more, not -1"),
        ("per_minute: 10", "per_minute: 1.5", "15: 'per_minute' must be a whole number, not 1.5"),
        ("stages: 1", "stages: 0", "12: 'stages' must be 1 or more, not 0"),
        ("regions: [EU, NO]", "regions: []", "14: 'regions' must have at least 1 entry"),
        ("[EU, NO]", "[EU, 'a b']", "14: 'a b' is not a region"),
        ("restore: {", "restor: {", "28: unknown key 'restor'. Did you mean 'restore'?"),
        ("severity: sev2", "severity: sev9", "4: 'severity' must be 'sev1', 'sev2', 'sev3' or 'sev4', not 'sev9'"),
        ("version: 3", "version: '3'", "3: 'version' must be a whole number, not '3'"),
        ("auto: false", "auto: no", "8: 'auto' must be true or false, not 'no'"),
        ("after: validated", "after: validate", "16: 'after' must be 'validated'"),
        ('halt-model: {model: "{{ model }}"}', "halt-model:", "13: 'halt-model' must be a mapping"),
        ('halt-model: {model: "{{ model }}"}', "after: validated", "13: an entry of 'contain' names an action"),
        ("{freeze-promotion:", "{halt-model: {model: m}, freeze-promotion:", "16: an entry of 'contain' holds one"),
        ('"{{ model }}", stages', '"{{ modle }}", stages', "12: unknown parameter 'modle'"),
        ('"{{ model }}", stages', '"{{ signal.model }}", stages', "12: '{{ signal.model }}' is known in triggers only"),
        ('"{{ model }}", stages', '"{{ model | upper }}", stages', "12: '{{ model | upper }}' is not a template"),
        ('"{{ model }}", stages', '"{{ 7*7 }}", stages', "12: '{{ 7*7 }}' is not a template"),
        ('"{{ model }}", stages', '"{{ model.__class__ }}", stages', "is not a template"),
        ('"{{ signal.partner }}"', '"{{ partner }}"', "8: a trigger knows only the signal"),
        ('parameters: {partner: "{{ signal', 'parameters: {partnr: "{{ signal', "8: the trigger does not fill"),
        ("{kind: key-leaked}", "{sort: key-leaked}", "8: 'when' needs the signal's kind"),
        ("role: comms,", "role: coms,", "26: role 'coms' is not under 'roles'. Did you mean 'comms'?"),
        ("approval: commander", "approval: comander", "22: role 'comander' is not under 'roles'"),
        ("to: role:comms", "to: role:legal", "21: role 'legal' is not under 'roles'"),
        ("slack:#incidents", "slak:#incidents", "20: 'slak:#incidents' is not an address"),
        ("slack:#incidents", "slack:incidents", "20: 'slack:incidents' is not an address: write it like"),
        ("https://status", "http://status", "23: 'webhook:http://status.example/hooks/andon' is not an address"),
        ("https://status", "https://user:pw@status", "is not an address"),
        ("https://status.example", "https://", "is not an address"),
        ("webhook:https://status.example/hooks/andon", "'webhook:https://{{ partner }}/'", "23: 'webhook:https"),
        ("webhook:https://status.example/hooks/andon", "'email:{{ partner }}@x.example'", "23: 'email:"),
        ("every: 30m", "every: 30", "21: 30 is not a duration: write 5s, 30m"),
        ("every: 30m", "every: 0m", "21: '0m' is not a duration"),
        ("every: 30m", "every: 2 business days", "21: '2 business days' needs a calendar"),
        ("until: resolved, ", "", "21: 'every' needs 'until'"),
        ("every: 30m, ", "", "21: 'until' needs 'every'"),
        ("at: declared", "at: declard", "20: 'at' must be 'declared', 'contained'"),
        ("restore-access#verify", "../restore-access#verify", "26: '../restore-access#verify-the-partner' is not a"),
        ("[commander, comms, scribe]", "[commander, comms, comms]", "18: 'comms' is under 'roles' twice"),
        ("capabilities: [orion-2:tool-use]", "capabilities: ['Tool Use']", "6: 'Tool Use' is neither a flag"),
        ("capabilities: [orion-2:tool-use]", "capabilities: ['{{ x }}']", "6: '{{ x }}' stands where nothing is"),
        ("id: partner-misuse", "id: ../../etc", "1: '../../etc' is not a name"),
        ("parameters: {partner: {r", "parameters: {Partner: {r", "5: 'Partner' is not a parameter name"),
        (
            "title: A partner's credentials are abused",
            "title: 12",
            "2: 'title' must be text, not 12 (put it in quotes)",
        ),
        ("target_containment: 5s", "target_containment: soon", "30: 'soon' is not a duration"),
        (
            "target_containment: 5s",
            "target_containment: 5s, tell: 'email:a@b.example'",
            "is a role:, a person: or a slack",
        ),
    ],
)
def test_a_mistake_is_named_with_its_line_and_the_way_out(before, after, words):
    """
    The author sits with an editor, perhaps during an incident: file, line, what, and what instead.
    """
    found = problems(before, after)

    assert any(words in message and message.startswith("partner-misuse.yaml:") for message in found), found


def test_every_link_mistake_is_told_at_once():
    """
    One run of the check, one round of corrections.
    """
    broken = GOOD.replace("role: comms,", "role: coms,").replace('"{{ model }}", stages', '"{{ modle }}", stages')
    with pytest.raises(SourceError) as caught:
        read(broken, "p.yaml")

    assert [problem.line for problem in caught.value.problems] == [12, 26]


def test_a_playbook_without_containment_is_refused():
    """
    A plan that holds nothing would look like protection.
    """
    start, end = GOOD.index("contain:"), GOOD.index("roles:")
    with pytest.raises(SourceError) as caught:
        read(GOOD[:start] + "contain: []\n" + GOOD[end:], "p.yaml")

    assert "'contain' must have at least 1 entry" in str(caught.value)


def test_a_file_over_the_limit_is_refused_by_size():
    """
    The limit is part of the contract: 256 KiB.
    """
    with pytest.raises(SourceError, match=f"the limit is {SIZE_LIMIT:,}"):
        read(GOOD + "# " + "x" * SIZE_LIMIT, "p.yaml")


def test_a_parameter_is_checked_by_its_kind_else_by_its_name():
    """
    A parameter called partner is a partner, unless the author says otherwise.
    """
    playbook = read(GOOD.replace("model: {required: false}", "model: {kind: text}, who: {kind: partner}, why: {}"), "p")

    assert [playbook.kind_of(name) for name in playbook.parameters] == [
        ParameterKind.PARTNER,
        ParameterKind.TEXT,
        ParameterKind.PARTNER,
        ParameterKind.TEXT,
    ]


def test_the_schema_can_be_published():
    """
    The API describes playbooks from the same models.
    """
    schema = Playbook.model_json_schema()

    assert schema["properties"]["contain"]["minItems"] == 1


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("5s", timedelta(seconds=5)),
        ("30m", timedelta(minutes=30)),
        ("24 h", timedelta(hours=24)),
        ("30d", timedelta(days=30)),
        ("2w", timedelta(days=14)),
    ],
)
def test_durations_are_read_as_people_write_them(written, value):
    """
    A deadline that is read wrong is missed.
    """
    assert duration(written).elapsed == value
    assert duration(str(duration(written))) == duration(written)


@pytest.mark.parametrize(
    "written", ["", "m", "-5m", "0d", "1.5h", "5 days", "99999d", "5 business", "５m", None, 30, True]
)
def test_what_is_no_duration_is_refused(written):
    """
    Guessing a unit would be worse than asking.
    """
    with pytest.raises(ValueError, match="is not a duration"):
        duration(written)


def test_business_days_leave_weekends_out_and_end_with_the_day():
    """
    Five business days from a Monday is the next Monday's end, from a Saturday the Friday's.
    """
    five = duration("5 business days")

    assert five.end(datetime(2026, 11, 23, 12, tzinfo=UTC)) == datetime(2026, 11, 30, 23, 59, 59, tzinfo=UTC)
    assert five.end(datetime(2026, 11, 28, 12, tzinfo=UTC)) == datetime(2026, 12, 4, 23, 59, 59, tzinfo=UTC)
    assert (five.business_days, five.elapsed) == (5, None)
    assert str(duration("1 business day")) == "1 business day"
