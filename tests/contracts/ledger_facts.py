"""Facts of the ledger tests' own, so that they don't change whenever a real kind does."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, ClassVar

from incidents.events import Actor, Draft, Fact, IncidentDeclared

NOON = datetime(2026, 11, 23, 12, 0, 7, 123456, tzinfo=UTC)
ADA = Actor(person="ada", token="tok_1", via="http")


@dataclass(frozen=True, slots=True, kw_only=True)
class Noted(Fact):
    """Something harmless."""

    kind: ClassVar[str] = "test:thing:noted"
    number: int = 0
    tags: tuple[str, ...] = ()
    anything: Any = None
    restricted: bool | None = None


def noted(
    number: int = 0,
    *,
    incident: str | None = None,
    words: str = "",
    anything: Any = None,
    restricted: bool | None = None,
) -> Draft:
    """A draft with the number in its data and, if given, words in its text."""
    fact = Noted(number=number, anything=anything, restricted=restricted)
    return Draft(fact, incident=incident, text={"note": words} if words else {})


def declared(incident: str, title: str = "", summary: str = "", **parameters: str) -> Draft:
    """A declaration as the core writes it."""
    fact = IncidentDeclared(
        incident=incident,
        incident_kind="real",
        severity="sev2",
        playbook="partner-credential-abuse",
        playbook_title="A partner's credentials are abused",
        playbook_version=1,
        playbook_digest="0" * 64,
        parameters=parameters,
    )
    return Draft(fact, incident=incident, text={"title": title, "summary": summary})
