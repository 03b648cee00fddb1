"""
What a playbook file holds, field by field.

Only what one field can tell alone is checked here; what fields must say about each other is in ``rules``.
"""

from __future__ import annotations

import re
from enum import StrEnum
from typing import Annotated, Any
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, StrictBool, StrictInt, StrictStr

from playbooks.anchors import ANCHORS
from playbooks.durations import Duration, DurationField, ElapsedField, Unit
from playbooks.forms import SLUG, ContainItem, Form, Slug, flag_or_capability
from playbooks.templates import Literally, Templated, names_in
from playbooks.words import either, nearest, shown

SIZE_LIMIT = 256 * 1024
"""The largest playbook file, in bytes."""

_PARAMETER = re.compile(r"[a-z][a-z0-9_-]{0,39}", re.ASCII)
_CHANNEL = re.compile(r"#[a-z0-9_-]{1,80}|[CG][A-Z0-9]{6,20}", re.ASCII)
_EMAIL = re.compile(r"[^@\s,;<>\"]{1,64}@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+", re.ASCII)
_RUNBOOK = re.compile(r"[a-z0-9][a-z0-9-]*(#[a-z0-9][a-z0-9_-]*)?", re.ASCII)
RUNBOOK_LINK_LIMIT = 160


class Severity(StrEnum):
    """How bad; sev1 is the worst."""

    SEV1 = "sev1"
    SEV2 = "sev2"
    SEV3 = "sev3"
    SEV4 = "sev4"


class ParameterKind(StrEnum):
    """What a parameter's value must be."""

    PARTNER = "partner"
    MODEL = "model"
    CAPABILITY = "capability"
    TEXT = "text"


class Moment(StrEnum):
    """The moments of an incident at which a message can go out."""

    DECLARED = "declared"
    CONTAINED = "contained"
    MITIGATED = "mitigated"
    RESOLVED = "resolved"
    REVIEWED = "reviewed"
    CLOSED = "closed"


class AddressKind(StrEnum):
    """Who or what is told."""

    SLACK = "slack"
    ROLE = "role"
    PARTNER = "partner"
    PARTNERS = "partners"
    WEBHOOK = "webhook"
    EMAIL = "email"
    PERSON = "person"


def address(text: str) -> str:
    """
    An address such as ``slack:#incidents``, whole or with parameters still in it.

    Raises:
        ValueError: The kind is unknown, or what follows it can't be such an address.
    """
    kind, colon, rest = text.partition(":")
    if not colon or kind not in set(AddressKind):
        kinds = either(f"{known}:" for known in AddressKind)
        raise ValueError(f"{shown(text)} is not an address: begin with {kinds}.{nearest(kind, AddressKind)}")
    if names_in(rest):
        if kind in (AddressKind.WEBHOOK, AddressKind.EMAIL, AddressKind.ROLE, AddressKind.PARTNERS):
            # Whoever fills a parameter must not choose the machine or mailbox that is told.
            raise ValueError(f"{shown(text)}: no parameters in an address of kind '{kind}'")
        return text
    return whole_address(text)


def whole_address(text: str) -> str:
    """An address of a known kind with no parameters left in it; raises ValueError like ``address``."""
    kind, _, rest = text.partition(":")
    match AddressKind(kind):
        case AddressKind.SLACK:
            good, shape = _CHANNEL.fullmatch(rest) is not None, "slack:#channel"
        case AddressKind.WEBHOOK:
            good, shape = _is_https(rest), "webhook:https://host/path"
        case AddressKind.EMAIL:
            good, shape = _EMAIL.fullmatch(rest) is not None, "email:someone@example.com"
        case AddressKind.ROLE:
            good, shape = SLUG.fullmatch(rest) is not None, "role:commander"
        case AddressKind.PARTNERS:
            good, shape = rest == "affected", "partners:affected"  # one notice for each, of what concerns it alone
        case AddressKind.PARTNER | AddressKind.PERSON:
            good, shape = re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}", rest) is not None, f"{kind}:name"
    if not good:
        raise ValueError(f"{shown(text)} is not an address: write it like '{shape}'")
    return text


def _is_https(url: str) -> bool:
    if not url.isascii() or not url.isprintable() or " " in url or "\\" in url:
        return False
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        return False
    return parts.scheme == "https" and bool(host) and parts.username is None and parts.password is None


def _parameter_name(text: str) -> str:
    if _PARAMETER.fullmatch(text) is None:
        raise ValueError(f"{shown(text)} is not a parameter name: lower-case letters, digits, '_' and '-', at most 40")
    return text


def runbook_link(text: str) -> str:
    """``slug`` or ``slug#part``; raises ValueError for anything else."""
    if _RUNBOOK.fullmatch(text) is None or len(text) > RUNBOOK_LINK_LIMIT:
        raise ValueError(f"{shown(text)} is not a runbook link: write it like 'restore-access#verify-the-partner'")
    return text


ParameterName = Annotated[str, AfterValidator(_parameter_name)]
Title = Annotated[str, Field(min_length=1, max_length=200)]
TemplatedTitle = Annotated[Templated, Field(max_length=200)]
Flag = Annotated[Literally, AfterValidator(flag_or_capability)]


class Parameter(Form):
    """What whoever declares must or may tell."""

    required: StrictBool = False
    about: Literally | None = None
    kind: ParameterKind | None = None


class Trigger(Form):
    """A signal that proposes this playbook or, with ``auto``, declares it."""

    when: Annotated[dict[ParameterName, StrictStr | StrictBool | StrictInt], Field(min_length=1)]
    parameters: dict[ParameterName, Templated] = Field(default_factory=dict)
    auto: StrictBool = False


class Notice(Form):
    """A message that is owed: once at a moment, or every so often from it until another."""

    to: Annotated[Templated, AfterValidator(address)]
    at: Moment = Moment.DECLARED
    every: ElapsedField | None = None
    until: Moment | None = None
    remind: Slug | None = None
    template: Slug | None = None
    approval: Slug | None = None


class Step(Form):
    """Something that a person does."""

    title: TemplatedTitle
    role: Slug
    runbook: Annotated[str, AfterValidator(runbook_link)] | None = None
    within: DurationField | None = None
    about: Templated | None = None


class Restore(Form):
    """What giving access back takes; never fewer than one other person."""

    approvals: Annotated[StrictInt, Field(ge=1, le=10)] = 1
    checks: tuple[Slug, ...] = ()

    def data(self) -> dict[str, Any]:
        """As plain JSON values."""
        return {"approvals": self.approvals, "checks": list(self.checks)}


class Postmortem(Form):
    """When the review is due after the incident is resolved, and what it must answer."""

    due: DurationField = Duration(5, Unit.BUSINESS_DAY)
    ask: tuple[Literally, ...] = ()


def _ours(text: str) -> str:
    """An address of people of ours; raises ValueError for others."""
    kind = whole_address(address(text)).partition(":")[0]
    if kind not in (AddressKind.ROLE, AddressKind.PERSON, AddressKind.SLACK):
        raise ValueError(f"{shown(text)}: who is reminded of drills is a role:, a person: or a slack:#channel")
    return text


def _anchor(name: str) -> str:
    if name not in ANCHORS:
        raise ValueError(f"unknown fact {shown(name)}.{nearest(name, ANCHORS)} It is one of: {', '.join(ANCHORS)}")
    return name


class Drill(Form):
    """
    How often this playbook is rehearsed, and how fast it should be then: contained at every gateway, acknowledged by
    somebody, its list of clocks right.

    ``tell``: who is reminded when a drill is overdue, or the text was never rehearsed. ``clocks``: the list of clocks
    that is right in it, as ``regime`` (at least one of its clocks, any of them) or ``regime.deadline``; ``facts``: the
    anchors that a person has to confirm for it.
    """

    every: DurationField
    target_containment: ElapsedField
    target_acknowledge: ElapsedField | None = None
    target_clocks: ElapsedField | None = None
    tell: Annotated[Literally, AfterValidator(_ours)] = "role:commander"
    clocks: Annotated[tuple[Literally, ...], Field(max_length=50)] = ()
    facts: tuple[Annotated[str, AfterValidator(_anchor)], ...] = ()


class Playbook(Form):
    """One playbook as it stands in its file."""

    id: Slug
    title: Title
    version: Annotated[StrictInt, Field(ge=1)]
    severity: Severity
    parameters: dict[ParameterName, Parameter] = Field(default_factory=dict)
    capabilities: tuple[Flag, ...] = ()
    triggers: tuple[Trigger, ...] = ()
    contain: Annotated[tuple[ContainItem, ...], Field(min_length=1, max_length=100)]
    roles: tuple[Slug, ...] = ()
    notify: tuple[Notice, ...] = ()
    clocks: tuple[Slug, ...] = ()
    steps: tuple[Step, ...] = ()
    exit: tuple[Literally, ...] = ()
    restore: Restore = Restore()
    postmortem: Postmortem = Postmortem()
    drill: Drill | None = None

    def kind_of(self, parameter: str) -> ParameterKind:
        """What a declared parameter stands for: as the file says, else by its name, else text."""
        if (kind := self.parameters[parameter].kind) is not None:
            return kind
        return ParameterKind(parameter) if parameter in set(ParameterKind) else ParameterKind.TEXT
