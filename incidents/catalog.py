"""
What should be: models on a ladder of stages, capabilities, partners, grants and people.

Value types and the difference between two catalogs. Knows nothing of holds, files or time.
Addresses (e-mail) are not here: they live in the directory beside the log, so that they can be forgotten.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self

DEFAULT_LADDER = ("internal", "red-team", "trusted-partner", "limited", "general")
PERIODS = {"per_minute": "minute", "per_hour": "hour", "per_day": "day"}

Cap = dict[str, int]  # per_minute, per_hour, per_day -> decisions


class Entry:
    """Base of catalog entries: to and from the JSON that the log holds; defaults are left out."""

    __slots__ = ()

    def data(self) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for item in dataclasses.fields(self):  # type: ignore[arg-type]
            value = getattr(self, item.name)
            if item.name == "id" or not value:
                continue
            found[item.name] = list(value) if isinstance(value, tuple) else value
        return found

    @classmethod
    def read(cls, id: str, data: Mapping[str, Any]) -> Self:
        known = {item.name for item in dataclasses.fields(cls)}  # type: ignore[arg-type]
        values = {k: tuple(v) if isinstance(v, list) else v for k, v in data.items() if k in known}
        return cls(**{"id": id, **values})


@dataclass(frozen=True, slots=True, kw_only=True)
class Model(Entry):
    id: str
    title: str = ""
    stage: str
    registry: dict[str, str] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Capability(Entry):
    """``models`` are those that have it: each pair is a capability flag. ``cap`` is each partner's default."""

    id: str
    title: str = ""
    models: tuple[str, ...] = ()
    on_silence: str = ""  # "allow": a point keeps its last answer when it can't reach us
    may: tuple[str, ...] = ()
    may_not: tuple[str, ...] = ()
    must_provide: tuple[str, ...] = ()
    cap: Cap = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Partner(Entry):
    """
    ``audience`` is the stage from which it is admitted; ``keys`` are ``sha256:<hex>`` digests of its API keys.

    ``ghost``: no real organisation; it consents to be cut off by live drills.
    """

    id: str
    title: str = ""
    audience: str
    keys: tuple[str, ...] = ()
    timezone: str = ""
    ghost: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant(Entry):
    """Partner x flag. ``id`` is ``partner:model:capability``; ``expires`` (ISO date) counts through that day, UTC."""

    id: str
    terms: str = ""
    expires: str = ""
    cap: Cap = field(default_factory=dict)

    @property
    def partner(self) -> str:
        return self.id.split(":")[0]

    @property
    def flag(self) -> str:
        return self.id.split(":", 1)[1]

    @property
    def accepted(self) -> bool:
        return self.terms == "accepted"


@dataclass(frozen=True, slots=True, kw_only=True)
class Person(Entry):
    """``roles`` say what they may do; ``duties`` are the incident roles for which they are told, such as ``comms``."""

    id: str
    name: str = ""
    slack: str = ""
    roles: tuple[str, ...] = ()
    duties: tuple[str, ...] = ()


ENTRIES: dict[str, type[Entry]] = {
    "models": Model,
    "capabilities": Capability,
    "partners": Partner,
    "grants": Grant,
    "people": Person,
}


@dataclass(slots=True)
class Catalog:
    """All sections by id. Mutable only through ``apply``."""

    stages: tuple[str, ...] = DEFAULT_LADDER
    models: dict[str, Model] = field(default_factory=dict)
    capabilities: dict[str, Capability] = field(default_factory=dict)
    partners: dict[str, Partner] = field(default_factory=dict)
    grants: dict[str, Grant] = field(default_factory=dict)
    people: dict[str, Person] = field(default_factory=dict)

    def section(self, name: str) -> dict[str, Entry]:
        return getattr(self, name)  # type: ignore[no-any-return]

    def flags(self) -> list[str]:
        """Every capability flag, ``model:capability``, sorted."""
        return sorted(f"{m}:{c.id}" for c in self.capabilities.values() for m in c.models)

    def has_flag(self, flag: str) -> bool:
        model, _, capability = flag.partition(":")
        found = self.capabilities.get(capability)
        return found is not None and model in found.models

    def apply(self, changed: Mapping[str, Any], removed: list[str]) -> None:
        """Apply a difference as the log holds it: ``section/id`` -> data, ``stages`` -> list."""
        for path in removed:
            section, _, id = path.partition("/")
            self.section(section).pop(id, None)
        for path, value in changed.items():
            if path == "stages":
                self.stages = tuple(value)
                continue
            section, _, id = path.partition("/")
            self.section(section)[id] = ENTRIES[section].read(id, value)


@dataclass(frozen=True, slots=True)
class Difference:
    """What one catalog has that another has not: ``section/id`` -> entry, and the paths that went away."""

    changed: dict[str, Any]
    removed: list[str]

    def __bool__(self) -> bool:
        return bool(self.changed or self.removed)

    def part(self, *, people: bool) -> Difference:
        """Only the people, or everything but them: they are different kinds of event."""
        return Difference(
            {k: v for k, v in self.changed.items() if k.startswith("people/") == people},
            [k for k in self.removed if k.startswith("people/") == people],
        )


def difference(current: Catalog, sections: Mapping[str, Any]) -> Difference:
    """
    What applying ``sections`` (name -> {id: entry}, ``stages`` -> ladder) would change.

    A section that is there is complete: what it doesn't name goes away. Absent sections stay as they are.
    """
    changed: dict[str, Any] = {}
    removed: list[str] = []
    for name, wanted in sections.items():
        if name == "stages":
            if tuple(wanted) != current.stages:
                changed["stages"] = list(wanted)
            continue
        have = current.section(name)
        changed.update({f"{name}/{id}": e.data() for id, e in wanted.items() if have.get(id) != e})
        removed.extend(f"{name}/{id}" for id in have if id not in wanted)
    return Difference(changed, sorted(removed))
