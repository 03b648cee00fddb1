"""
The catalog as a file: YAML (or JSON) checked with file, line and nearest known key.

Splits what may be chained from what may not: addresses go to the directory beside the log.
Cross-references are checked against the file together with what stands already, since absent sections stay as they are.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated, Any
from zoneinfo import available_timezones

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, field_validator

from incidents.catalog import Capability, Catalog, Grant, Model, Partner, Person
from incidents.errors import FieldError, Invalid, nearest
from incidents.roles import PEOPLE_ROLES
from playbooks.source import Document, Problem, SourceError, check, parse

LIMIT = 8 << 20

ModelId = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9._-]*$", max_length=64)]
CapabilityId = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9-]*$", max_length=64)]
Title = Annotated[str, StringConstraints(min_length=1, max_length=200)]
Words = Annotated[str, StringConstraints(min_length=1, max_length=2000)]
Address = Annotated[str, StringConstraints(pattern=r"^[^@\s]+@[^@\s]+$", max_length=254)]
KeyDigest = Annotated[str, StringConstraints(pattern=r"^sha256:[0-9a-f]{64}$")]
Count = Annotated[int, Field(ge=0, le=10**12)]


class _Form(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class CapForm(_Form):
    per_minute: Count | None = None
    per_hour: Count | None = None
    per_day: Count | None = None

    def data(self) -> dict[str, int]:
        return {k: v for k, v in self.model_dump().items() if v is not None}


class RegistryForm(_Form):
    kind: Annotated[str, StringConstraints(pattern=r"^[a-z0-9-]+$")]
    name: str
    alias: str | None = None


class ModelForm(_Form):
    title: Title | None = None
    stage: str
    owner: Address | None = None
    registry: RegistryForm | None = None


class CapabilityForm(_Form):
    title: Title | None = None
    models: list[ModelId]
    on_silence: Annotated[str, StringConstraints(pattern="^(deny|allow)$")] = "deny"
    may: list[Words] = []
    may_not: list[Words] = []
    must_provide: list[Words] = []
    cap: CapForm | None = None


class PartnerForm(_Form):
    title: Title | None = None
    audience: str
    contact: Address | None = None
    keys: list[KeyDigest] = []
    timezone: str | None = None
    ghost: bool = False

    @field_validator("timezone")
    @classmethod
    def _is_known(cls, value: str | None) -> str | None:
        if value is not None and value not in available_timezones():
            raise ValueError(f"unknown time zone '{value}'.{nearest(value, available_timezones())}")
        return value


class GrantForm(_Form):
    partner: ModelId
    model: ModelId
    capability: CapabilityId
    cap: CapForm | None = None
    expires: dt.date | None = None
    terms: Annotated[str, StringConstraints(pattern="^(accepted|pending)$")] = "pending"

    @field_validator("expires", mode="before")
    @classmethod
    def _date(cls, value: Any) -> Any:
        return dt.date.fromisoformat(value) if isinstance(value, str) else value


class PersonForm(_Form):
    name: Title | None = None
    email: Address | None = None
    slack: Annotated[str, StringConstraints(pattern=r"^[A-Z0-9]{2,20}$")] | None = None
    roles: list[str] = []
    duties: list[CapabilityId] = []


class CatalogForm(_Form):
    stages: Annotated[list[CapabilityId], Field(min_length=1, max_length=50)] | None = None
    models: dict[ModelId, ModelForm] | None = None
    capabilities: dict[CapabilityId, CapabilityForm] | None = None
    partners: dict[ModelId, PartnerForm] | None = None
    grants: list[GrantForm] | None = None
    people: dict[ModelId, PersonForm] | None = None


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a file asks for: sections of entries, and addresses for the directory (None: has none any more)."""

    sections: dict[str, Any]
    directory: dict[str, str | None]


def read(text: str | bytes, name: str, current: Catalog) -> Wanted:
    """
    A catalog file, checked by itself and against what stands.

    Raises:
        Invalid: Every problem with ``file:line`` and the way out.
    """
    try:
        document = parse(text, name, limit=LIMIT)
        form = check(document, CatalogForm)
        wanted = _wanted(form)
        problems = list(_cross_check(document, form, _merged(current, wanted.sections)))
        if problems:
            raise SourceError(problems)
    except SourceError as error:
        found = [FieldError(f"{p.file}:{p.line}", p.message) for p in error.problems]
        raise Invalid(str(error), code="invalid-catalog", errors=found) from error
    return wanted


def _wanted(form: CatalogForm) -> Wanted:
    sections: dict[str, Any] = {}
    directory: dict[str, str | None] = {}
    if form.stages is not None:
        sections["stages"] = tuple(form.stages)
    if form.models is not None:
        sections["models"] = {id: _model(id, m) for id, m in form.models.items()}
        directory |= {f"models/{id}/owner": m.owner for id, m in form.models.items()}
    if form.capabilities is not None:
        sections["capabilities"] = {id: _capability(id, c) for id, c in form.capabilities.items()}
    if form.partners is not None:
        sections["partners"] = {id: _partner(id, p) for id, p in form.partners.items()}
        directory |= {f"partners/{id}/contact": p.contact for id, p in form.partners.items()}
    if form.grants is not None:
        sections["grants"] = {g.id: g for g in map(_grant, form.grants)}
    if form.people is not None:
        sections["people"] = {id: _person(id, p) for id, p in form.people.items()}
        directory |= {f"people/{id}/email": p.email for id, p in form.people.items()}
    return Wanted(sections, directory)


def _model(id: str, form: ModelForm) -> Model:
    registry = form.registry.model_dump(exclude_none=True) if form.registry else None
    return Model(id=id, title=form.title or "", stage=form.stage, registry=registry)


def _capability(id: str, form: CapabilityForm) -> Capability:
    return Capability(
        id=id,
        title=form.title or "",
        models=tuple(form.models),
        on_silence="" if form.on_silence == "deny" else form.on_silence,
        may=tuple(form.may),
        may_not=tuple(form.may_not),
        must_provide=tuple(form.must_provide),
        cap=form.cap.data() if form.cap else {},
    )


def _partner(id: str, form: PartnerForm) -> Partner:
    return Partner(
        id=id,
        title=form.title or "",
        audience=form.audience,
        keys=tuple(form.keys),
        timezone=form.timezone or "",
        ghost=form.ghost,
    )


def _grant(form: GrantForm) -> Grant:
    return Grant(
        id=f"{form.partner}:{form.model}:{form.capability}",
        terms="accepted" if form.terms == "accepted" else "",
        expires=form.expires.isoformat() if form.expires else "",
        cap=form.cap.data() if form.cap else {},
    )


def _person(id: str, form: PersonForm) -> Person:
    return Person(
        id=id, name=form.name or "", slack=form.slack or "", roles=tuple(form.roles), duties=tuple(form.duties)
    )


def _merged(current: Catalog, sections: Mapping[str, Any]) -> Catalog:
    """The catalog as it would stand afterwards, for checking references."""
    return Catalog(
        stages=sections.get("stages", current.stages),
        models=sections.get("models", current.models),
        capabilities=sections.get("capabilities", current.capabilities),
        partners=sections.get("partners", current.partners),
        grants=sections.get("grants", current.grants),
        people=sections.get("people", current.people),
    )


def _cross_check(document: Document, form: CatalogForm, after: Catalog) -> Iterator[Problem]:
    yield from _twice(document, form)
    yield from _stages(document, after)
    for id, capability in after.capabilities.items():
        for number, model in enumerate(capability.models):
            yield from _known(document, ("capabilities", id, "models", number), "model", model, after.models)
    yield from _grants(document, form, after)
    for id, person in after.people.items():
        for number, role in enumerate(person.roles):
            yield from _known(document, ("people", id, "roles", number), "role", role, list(PEOPLE_ROLES))


def _twice(document: Document, form: CatalogForm) -> Iterator[Problem]:
    if form.stages is not None:
        for number, stage in enumerate(form.stages):
            if stage in form.stages[:number]:
                yield document.problem(("stages", number), f"stage '{stage}' stands twice on the ladder")
    seen: dict[str, int] = {}
    for number, grant in enumerate(form.grants or []):
        id = f"{grant.partner}:{grant.model}:{grant.capability}"
        if id in seen:
            text = f"a second grant of {grant.model}:{grant.capability} to {grant.partner}"
            yield document.problem(("grants", number), f"{text}; the first is in line {seen[id]}")
        seen.setdefault(id, document.line(("grants", number)))
    owners: dict[str, str] = {}
    for id, partner in (form.partners or {}).items():
        for number, key in enumerate(partner.keys):
            if owners.setdefault(key, id) != id:
                text = f"key {key[:19]}… belongs to '{owners[key]}' already; a key is one partner's"
                yield document.problem(("partners", id, "keys", number), text)
    accounts: dict[str, str] = {}
    for id, person in (form.people or {}).items():
        if person.slack is not None and accounts.setdefault(person.slack, id) != id:
            text = f"Slack account {person.slack} is {accounts[person.slack]}'s already; an account is one person's"
            yield document.problem(("people", id, "slack"), text)


def _stages(document: Document, after: Catalog) -> Iterator[Problem]:
    for id, model in after.models.items():
        yield from _known(document, ("models", id, "stage"), "stage", model.stage, after.stages)
    for id, partner in after.partners.items():
        yield from _known(document, ("partners", id, "audience"), "stage", partner.audience, after.stages)


def _grants(document: Document, form: CatalogForm, after: Catalog) -> Iterator[Problem]:
    lines = {_grant(g).id: number for number, g in enumerate(form.grants or [])}
    for id in after.grants:
        partner, model, capability = id.split(":")
        at: tuple[str | int, ...] = ("grants", lines[id]) if id in lines else ("grants",)
        problems = [
            *_known(document, (*at, "partner"), "partner", partner, after.partners),
            *_known(document, (*at, "model"), "model", model, after.models),
            *_known(document, (*at, "capability"), "capability", capability, after.capabilities),
        ]
        yield from problems
        if not problems and model not in after.capabilities[capability].models:
            has = ", ".join(after.capabilities[capability].models) or "none"
            yield document.problem((*at, "capability"), f"{model} does not have '{capability}'; models that do: {has}")


def _known(
    document: Document, loc: tuple[str | int, ...], what: str, word: str, known: Iterable[str]
) -> Iterator[Problem]:
    if word not in known:
        yield document.problem(loc, f"unknown {what} '{word}'.{nearest(word, known)}")


def as_file(catalog: Catalog, directory: Mapping[str, str]) -> dict[str, Any]:
    """The whole catalog in the file's form; what ``read`` takes again without a difference."""
    return {
        "stages": list(catalog.stages),
        "models": {id: _with(m.data(), directory, f"models/{id}/owner") for id, m in catalog.models.items()},
        "capabilities": {id: {"models": [], **c.data()} for id, c in catalog.capabilities.items()},
        "partners": {id: _with(p.data(), directory, f"partners/{id}/contact") for id, p in catalog.partners.items()},
        "grants": [_grant_row(g) for g in catalog.grants.values()],
        "people": {id: _with(p.data(), directory, f"people/{id}/email") for id, p in catalog.people.items()},
    }


def _with(data: dict[str, Any], directory: Mapping[str, str], path: str) -> dict[str, Any]:
    address = directory.get(path)
    return data | ({path.rpartition("/")[2]: address} if address else {})


def _grant_row(grant: Grant) -> dict[str, Any]:
    partner, model, capability = grant.id.split(":")
    return {"partner": partner, "model": model, "capability": capability, **grant.data()}
