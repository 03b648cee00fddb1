"""
What declaring a playbook with these parameters would do now.

Pure: playbook, parameters and a view of the present in, a plan out. Nothing is carried out here, and no clock is read:
what is due when is counted by whoever declares.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from playbooks.actions import Action, RollBackStage
from playbooks.durations import Duration
from playbooks.forms import ContainItem, texts_of
from playbooks.resolve import NotHere, Resolver, Wrong, as_written
from playbooks.schema import AddressKind, Moment, Notice, Playbook, Postmortem, Restore, Severity, Step, whole_address
from playbooks.templates import Absent, names_in
from playbooks.values import Fault, World, faults
from playbooks.words import nearest, shown

__all__ = ["Address", "Plan", "PlanError", "PlannedAction", "PlannedNotice", "PlannedTask", "World", "plan"]


class PlanError(Exception):
    """Nothing can be planned from this. ``errors`` are pairs: where it stands in the request, and what is wrong."""

    def __init__(self, errors: Iterable[Fault]) -> None:
        self.errors: tuple[Fault, ...] = tuple(errors)
        super().__init__("; ".join(message for _, message in self.errors))


@dataclass(frozen=True, slots=True)
class PlannedAction:
    """
    One entry of ``contain``, numbered from 1 as in the file.

    ``skipped`` says why it is not done; its ``action`` then only shows what the file has. ``waits``: until a person
    has validated it.
    """

    number: int
    action: Action
    skipped: str | None = None
    waits: bool = False

    def describe(self) -> str:
        """A sentence for people, without a full stop."""
        if self.skipped is not None:
            return f"Not done: {self.action.describe()} ({self.skipped})"
        return f"{self.action.describe()}, once a person has validated it" if self.waits else self.action.describe()


@dataclass(frozen=True, slots=True)
class PlannedTask:
    """A step for a person, numbered from 1 as in the file; ``within`` counts from the declaration."""

    number: int
    title: str
    role: str
    runbook: str | None
    within: Duration | None
    about: str | None

    def data(self, now: datetime) -> dict[str, Any]:
        """As plain JSON values, with the moment until which it is due."""
        due_at = None if self.within is None else f"{self.within.end(now):%Y-%m-%dT%H:%M:%SZ}"
        found = {"number": self.number, "title": self.title, "role": self.role, "runbook": self.runbook}
        found |= {"within": self.within and str(self.within), "due_at": due_at, "about": self.about}
        return {key: value for key, value in found.items() if value is not None}


@dataclass(frozen=True, slots=True)
class Address:
    """Who or what is told."""

    kind: AddressKind
    value: str

    def __str__(self) -> str:
        return f"{self.kind}:{self.value}"


@dataclass(frozen=True, slots=True)
class PlannedNotice:
    """A message that will be owed. ``every`` repeats it from ``at`` on, until ``until``."""

    number: int
    to: Address
    at: Moment
    every: Duration | None
    until: Moment | None
    remind: str | None
    template: str | None
    approval: str | None

    def data(self) -> dict[str, Any]:
        """As plain JSON values; ``every_s`` is the cadence in seconds."""
        found: dict[str, Any] = {"number": self.number, "to": str(self.to), "at": str(self.at)}
        if self.every is not None and self.every.elapsed is not None:
            found |= {"every": str(self.every), "every_s": int(self.every.elapsed.total_seconds())}
        rest = {"until": self.until, "remind": self.remind, "template": self.template, "approval": self.approval}
        return found | {key: str(value) for key, value in rest.items() if value is not None}


@dataclass(frozen=True, slots=True)
class Plan:
    """Everything that a declaration would set in motion. ``left_out``: which notices and tasks fall away, and why."""

    playbook: str
    version: int
    title: str
    severity: Severity
    parameters: tuple[tuple[str, str], ...]
    actions: tuple[PlannedAction, ...]
    tasks: tuple[PlannedTask, ...]
    notices: tuple[PlannedNotice, ...]
    left_out: tuple[str, ...]
    roles: tuple[str, ...]
    clocks: tuple[str, ...]
    exit: tuple[str, ...]
    restore: Restore
    postmortem: Postmortem

    @property
    def effective(self) -> tuple[PlannedAction, ...]:
        """The actions that are not skipped."""
        return tuple(planned for planned in self.actions if planned.skipped is None)


def plan(playbook: Playbook, parameters: Mapping[str, str], world: World) -> Plan:
    """
    Work out what a playbook would do with these parameters.

    Raises:
        PlanError: A parameter is missing, unknown or names nothing that exists, or no action at all would be done.
    """
    if wrong := list(faults(playbook, parameters, world)):
        raise PlanError(wrong)
    resolver = Resolver(parameters, world)
    left_out: list[str] = []
    wrong = []
    actions = tuple(_actions(playbook, resolver, wrong))
    tasks = tuple(_tasks(playbook.steps, resolver, left_out))
    notices = tuple(_notices(playbook.notify, resolver, left_out, wrong))
    if wrong:
        raise PlanError(wrong)
    made = Plan(
        playbook=playbook.id,
        version=playbook.version,
        title=playbook.title,
        severity=playbook.severity,
        parameters=tuple(sorted(parameters.items())),
        actions=actions,
        tasks=tasks,
        notices=notices,
        left_out=tuple(left_out),
        roles=playbook.roles,
        clocks=playbook.clocks,
        exit=playbook.exit,
        restore=playbook.restore,
        postmortem=playbook.postmortem,
    )
    if not made.effective:
        raise PlanError([("parameters", _nothing_done(playbook, made))])
    return made


def _actions(playbook: Playbook, resolver: Resolver, wrong: list[Fault]) -> Iterator[PlannedAction]:
    for number, item in enumerate(playbook.contain, start=1):
        try:
            yield _action(number, item, resolver)
        except Wrong as error:
            wrong.append((f"contain[{number}]", f"{item.action_name}: {error}"))


def _action(number: int, item: ContainItem, resolver: Resolver) -> PlannedAction:
    waits = item.after is not None
    try:
        action = resolver.action(item.form)
    except Absent as error:
        return PlannedAction(number, as_written(item.form), f"no {_alternatives(error.names)} was given", waits)
    except NotHere as error:
        return PlannedAction(number, as_written(item.form), f"not in this catalog: {error}".rstrip("."), waits)
    if isinstance(action, RollBackStage) and action.stage is not None and not waits:
        resolver.lowered[action.model] = action.stage
    return PlannedAction(number, action, waits=waits)


def _tasks(steps: Iterable[Step], resolver: Resolver, left_out: list[str]) -> Iterator[PlannedTask]:
    for number, step in enumerate(steps, start=1):
        try:
            about = None if step.about is None else resolver.text(step.about)
            yield PlannedTask(number, resolver.text(step.title), step.role, step.runbook, step.within, about)
        except Absent as error:
            left_out.append(f"Task '{step.title}' falls away, because no {_alternatives(error.names)} was given.")


def _notices(
    notices: Iterable[Notice], resolver: Resolver, left_out: list[str], wrong: list[Fault]
) -> Iterator[PlannedNotice]:
    for number, notice in enumerate(notices, start=1):
        try:
            to = _address(notice, resolver)
        except Absent as error:
            left_out.append(f"Notice to {notice.to} falls away, because no {_alternatives(error.names)} was given.")
        except NotHere as error:
            left_out.append(f"Notice to {notice.to} falls away, because this catalog does not have it: {error}")
        except Wrong as error:
            wrong.append((f"notify[{number}]", str(error)))
        else:
            yield PlannedNotice(
                number, to, notice.at, notice.every, notice.until, notice.remind, notice.template, notice.approval
            )


def _address(notice: Notice, resolver: Resolver) -> Address:
    try:
        written = whole_address(resolver.text(notice.to))
    except ValueError as error:
        raise Wrong(str(error)) from None
    kind, _, value = written.partition(":")
    partners = resolver.world.partners
    if kind == AddressKind.PARTNER and value not in partners:
        raise NotHere(f"unknown partner {shown(value)}.{nearest(value, partners)}")
    return Address(AddressKind(kind), value)


def _nothing_done(playbook: Playbook, made: Plan) -> str:
    given = dict(made.parameters)
    helpful = [
        name
        for name in playbook.parameters
        if name not in given
        and any(name in names_in(text) for item in playbook.contain for _, text in texts_of(item.form))
    ]
    if helpful:
        return f"nothing would be done: give {_alternatives(helpful)}"
    reasons = (f"{planned.action.describe()} ({planned.skipped})" for planned in made.actions)
    return f"nothing would be done: {'; '.join(reasons)}"


def _alternatives(names: Iterable[str]) -> str:
    listed = list(names)
    return listed[0] if len(listed) == 1 else f"{', '.join(listed[:-1])} or {listed[-1]}"
