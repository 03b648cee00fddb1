"""
What the parts of a playbook must say about each other.

Each rule sees the whole playbook and names the place in the file that breaks it. Runbooks are told by their slugs.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping

from playbooks.forms import texts_of
from playbooks.schema import SIZE_LIMIT, AddressKind, Playbook
from playbooks.source import Document, Loc, SourceError, check, parse
from playbooks.templates import names_in
from playbooks.wording import Audience
from playbooks.words import nearest, shown

Complaint = tuple[Loc, str]


def read(text: str | bytes, name: str) -> Playbook:
    """
    Read one playbook file.

    Raises:
        SourceError: With every problem found, each with its line.
    """
    return read_document(parse(text, name, limit=SIZE_LIMIT))


def read_document(document: Document) -> Playbook:
    """A parsed document as a playbook; raises SourceError like ``read``."""
    playbook = check(document, Playbook)
    found = [document.problem(loc, message) for loc, message in _complaints(playbook)]
    if found:
        raise SourceError(sorted(found))
    return playbook


def broken_links(playbook: Playbook, runbooks: Mapping[str, Collection[str]]) -> Iterator[Complaint]:
    """Steps whose runbook, or whose heading in it, does not exist. ``runbooks`` is anchors by slug."""
    for number, step in enumerate(playbook.steps):
        slug, _, anchor = (step.runbook or "").partition("#")
        if slug and slug not in runbooks:
            yield ("steps", number, "runbook"), f"unknown runbook {shown(slug)}.{nearest(slug, runbooks)}"
        elif anchor and anchor not in runbooks[slug]:
            hint = nearest(anchor, runbooks[slug])
            yield ("steps", number, "runbook"), f"runbook '{slug}' has no heading {shown(anchor)}.{hint}"


def unknown_clocks(playbook: Playbook, register: Mapping[str, Collection[str]]) -> Iterator[Complaint]:
    """Clocks that no regime of the register has; ``register`` is the names of its deadlines by its id."""
    for number, clock in enumerate(playbook.clocks):
        if clock not in register:
            yield ("clocks", number), f"unknown clock {shown(clock)}: no regime has this id.{nearest(clock, register)}"
    for number, clock in enumerate(playbook.drill.clocks if playbook.drill is not None else ()):
        here: Loc = ("drill", "clocks", number)
        regime, _, deadline = clock.partition(".")
        if regime not in register:
            yield here, f"unknown clock {shown(clock)}: no regime has this id.{nearest(regime, register)}"
        elif deadline and register[regime] and deadline not in register[regime]:
            yield here, f"regime '{regime}' has no deadline {shown(deadline)}.{nearest(deadline, register[regime])}"


def unfit_templates(playbook: Playbook, audiences: Mapping[str, Audience]) -> Iterator[Complaint]:
    """Notices whose template does not exist, or is for other eyes. ``audiences`` is whom each template is for."""
    for number, notice in enumerate(playbook.notify):
        if notice.template is None:
            continue
        here: Loc = ("notify", number, "template")
        kind = notice.to.partition(":")[0]
        wanted = Audience.PARTNER if kind in (AddressKind.PARTNER, AddressKind.PARTNERS) else Audience.TEAM
        if notice.template not in audiences:
            yield here, f"unknown template {shown(notice.template)}.{nearest(notice.template, audiences)}"
        elif audiences[notice.template] is not wanted:
            yield here, f"template '{notice.template}' is for the {audiences[notice.template]}, not for the {wanted}"


def _complaints(playbook: Playbook) -> Iterator[Complaint]:
    yield from _undeclared(playbook)
    yield from _triggers(playbook)
    yield from _roles(playbook)
    yield from _cadence(playbook)
    yield from _repeated(playbook)


def _undeclared(playbook: Playbook) -> Iterator[Complaint]:
    for loc, text in _templates(playbook):
        for name in names_in(text):
            if name in playbook.parameters:
                continue
            if name.startswith("signal."):
                yield (
                    loc,
                    f"'{{{{ {name} }}}}' is known in triggers only: declare a parameter and let the trigger fill it",
                )
            else:
                yield loc, f"unknown parameter {shown(name)}: declare it under 'parameters'." + _near(name, playbook)


def _templates(playbook: Playbook) -> Iterator[tuple[Loc, str]]:
    for number, item in enumerate(playbook.contain):
        for loc, text in texts_of(item.form):
            yield ("contain", number, item.action_name, *loc), text
    for number, notice in enumerate(playbook.notify):
        yield ("notify", number, "to"), notice.to
    for number, step in enumerate(playbook.steps):
        yield ("steps", number, "title"), step.title
        yield ("steps", number, "about"), step.about or ""


def _triggers(playbook: Playbook) -> Iterator[Complaint]:
    required = {name for name, parameter in playbook.parameters.items() if parameter.required}
    for number, trigger in enumerate(playbook.triggers):
        here: Loc = ("triggers", number)
        if "kind" not in trigger.when:
            yield (*here, "when"), "'when' needs the signal's kind, for instance {kind: key-leaked}"
        for name, text in trigger.parameters.items():
            if name not in playbook.parameters:
                yield (*here, "parameters", name), f"unknown parameter {shown(name)}." + _near(name, playbook)
            for hole in names_in(text):
                if not hole.startswith("signal."):
                    yield (*here, "parameters", name), f"a trigger knows only the signal: '{{{{ signal.{hole} }}}}'"
        for name in sorted(required - set(trigger.parameters)):
            yield (*here, "parameters"), f"the trigger does not fill '{name}', which this playbook requires"


def _roles(playbook: Playbook) -> Iterator[Complaint]:
    for loc, role in _roles_named(playbook):
        if role not in playbook.roles:
            yield loc, f"role {shown(role)} is not under 'roles'.{nearest(role, playbook.roles)}"


def _roles_named(playbook: Playbook) -> Iterator[tuple[Loc, str]]:
    for number, step in enumerate(playbook.steps):
        yield ("steps", number, "role"), step.role
    for number, notice in enumerate(playbook.notify):
        kind, _, rest = notice.to.partition(":")
        if kind == AddressKind.ROLE and not names_in(rest):
            yield ("notify", number, "to"), rest
        if notice.approval is not None:
            yield ("notify", number, "approval"), notice.approval


def _cadence(playbook: Playbook) -> Iterator[Complaint]:
    for number, notice in enumerate(playbook.notify):
        here: Loc = ("notify", number)
        if notice.every is not None and notice.until is None:
            yield (*here, "every"), "'every' needs 'until', or the messages would never end"
        if notice.every is None and notice.until is not None:
            yield (*here, "until"), "'until' needs 'every'"
        if notice.every is None and notice.remind is not None:
            yield (*here, "remind"), "'remind' needs 'every'"
        if notice.remind is not None and notice.template is not None:
            yield (*here, "template"), "a reminder asks a person to write, a template is sent as it is: choose one"


def _repeated(playbook: Playbook) -> Iterator[Complaint]:
    named = {
        "roles": playbook.roles,
        "clocks": playbook.clocks,
        "capabilities": playbook.capabilities,
    }
    for field, values in named.items():
        for index, value in enumerate(values):
            if value in values[:index]:
                yield (field, index), f"{shown(value)} is under '{field}' twice"


def _near(name: str, playbook: Playbook) -> str:
    return nearest(name, playbook.parameters)
