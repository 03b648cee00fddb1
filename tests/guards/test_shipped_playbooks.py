"""What ships must be right: every playbook whole and linked, every runbook reachable and usable."""

from __future__ import annotations

import re

import pytest
import yaml

from playbooks.actions import from_order, to_order
from playbooks.forms import texts_of
from playbooks.loader import SHIPPED, Library, check
from playbooks.plan import PlanError, plan
from playbooks.rules import read
from playbooks.schema import ParameterKind
from playbooks.templates import names_in
from runbooks.library import Library as Runbooks

LIBRARY = Library.load()
RUNBOOKS = Runbooks.load()
# Only what the command line has; a procedure that names another command would fail in the reader's hands.
COMMANDS = {
    "approve", "check", "clocks", "declare", "fact", "kill", "not-reportable", "note", "pack", "points", "refuse",
    "restore", "show", "stop", "submit", "timeline", "verify",
}  # fmt: skip
VALUES = {
    ParameterKind.PARTNER: "acme",
    ParameterKind.MODEL: "orion-2",
    ParameterKind.CAPABILITY: "tool-use",
    ParameterKind.TEXT: "EU",
}


class Demo:
    """A catalog with one of each."""

    partners = ("acme",)
    models = ("orion-2",)
    flags = ("orion-2:tool-use",)
    ladder = ("internal", "red-team", "trusted-partner")

    def stage_in_force(self, model: str) -> str:
        return "trusted-partner"


def test_everything_that_ships_is_without_a_problem():
    """
    A shipped playbook with a dead link would be found in an incident.
    """
    assert check(SHIPPED) == []
    assert LIBRARY.problems == ()
    assert RUNBOOKS.faults == ()
    assert {"partner-credential-abuse", "jailbreak-in-the-wild", "break-glass"} <= set(LIBRARY.ids)


@pytest.mark.parametrize("playbook", list(LIBRARY), ids=lambda playbook: playbook.id)
def test_a_shipped_playbook_survives_being_written_and_read_again(playbook):
    """
    Export and import must not lose a safeguard.
    """
    written = playbook.model_dump(mode="json", by_alias=True, exclude_unset=True)

    assert read(yaml.safe_dump(written, sort_keys=False, allow_unicode=True), "again.yaml") == playbook


@pytest.mark.parametrize("playbook", list(LIBRARY), ids=lambda playbook: playbook.id)
def test_a_shipped_playbook_plans_with_all_its_parameters_and_skips_nothing(playbook):
    """
    Every action that is written must be reachable, and every one can be kept in the log.
    """
    given = {name: VALUES[playbook.kind_of(name)] for name in playbook.parameters}
    found = plan(playbook, given, Demo())

    assert [planned.skipped for planned in found.actions] == [None] * len(playbook.contain)
    assert found.left_out == ()
    assert all(from_order(to_order(planned.action)) == planned.action for planned in found.actions)


@pytest.mark.parametrize("playbook", list(LIBRARY), ids=lambda playbook: playbook.id)
def test_a_shipped_playbook_contains_at_once_with_its_required_parameters_alone(playbook):
    """
    At night people give the least that they must; that has to switch something off, without waiting for a word.
    """
    given = {name: VALUES[playbook.kind_of(name)] for name, p in playbook.parameters.items() if p.required}
    if not given:
        with pytest.raises(PlanError, match="nothing would be done: give"):
            plan(playbook, given, Demo())
        return
    narrowing = {planned.action.name for planned in plan(playbook, given, Demo()).effective if not planned.waits}

    assert narrowing & {"revoke-partner", "switch-off", "halt-model", "roll-back-stage"}


@pytest.mark.parametrize("playbook", list(LIBRARY), ids=lambda playbook: playbook.id)
def test_a_shipped_playbook_names_no_model_or_partner_of_its_own(playbook):
    """
    It runs against any catalog, so what goes off comes from parameters only.
    """
    texts = [text for item in playbook.contain for _, text in texts_of(item.form)]

    assert playbook.capabilities == ()
    assert all(names_in(text) for text in texts)


@pytest.mark.parametrize("playbook", list(LIBRARY), ids=lambda playbook: playbook.id)
def test_a_shipped_playbook_is_ready_for_its_incident(playbook):
    """
    Each step has a procedure and a time, each incident a review, an exit and a rehearsal.
    """
    assert all(step.runbook and step.within for step in playbook.steps)
    assert all(parameter.about for parameter in playbook.parameters.values())
    assert playbook.steps
    assert playbook.exit
    assert playbook.postmortem.ask
    assert playbook.drill is not None


@pytest.mark.parametrize("runbook", list(RUNBOOKS), ids=lambda runbook: runbook.slug)
def test_a_shipped_runbook_uses_only_commands_that_there_are(runbook):
    """
    A tired reader copies the line and runs it.
    """
    named = re.findall(r"`andon ([a-z-]+)", runbook.markdown)

    assert set(named) <= COMMANDS
    assert named


@pytest.mark.parametrize("runbook", list(RUNBOOKS), ids=lambda runbook: runbook.slug)
def test_a_shipped_runbook_has_numbered_steps_short_enough_to_follow(runbook):
    """
    Nobody follows a twelfth step, or one that fills half a page.
    """
    assert "<ol>" in runbook.html
    assert runbook.title
    numbers = [int(number) for number in re.findall(r"^(\d+)\. ", runbook.markdown, re.M)]
    assert max(numbers) <= 9
    assert all(len(line) <= 260 for line in runbook.markdown.splitlines())


def test_every_shipped_runbook_is_linked_from_somewhere():
    """
    A procedure that nothing leads to is never read.
    """
    linked = {(step.runbook or "").partition("#")[0] for playbook in LIBRARY for step in playbook.steps}
    linked |= {slug for runbook in RUNBOOKS for slug in re.findall(r"\]\(([a-z-]+)\.md", runbook.markdown)}

    assert {runbook.slug for runbook in RUNBOOKS} <= linked
