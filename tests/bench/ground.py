"""
Ledgers to measure on: tokens, a catalog and, where wanted, a long past. Written in process before a server opens them.

Tokens and past events are appended in large batches, straight to the ledger: one by one they would take minutes.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from incidents import events as ev
from incidents.clock import SystemClock
from incidents.credentials import local_admin
from incidents.events import SYSTEM, Draft
from incidents.holds import LIVE, Hold, HoldKind
from incidents.ledger import Ledger
from incidents.ledger.sqlite import SqliteLedger
from incidents.service import Service, init
from incidents.settings import Settings
from incidents.tokens import digest_of, new_secret

MODELS = ("orion-2", "vega-1")
FLAG = "orion-2:tool-use"
CAPPED = "orion-2:browsing"
BATCH = 2_000
STAGES = ["internal", "red-team", "trusted-partner", "limited", "general"]


@dataclass(frozen=True)
class Ground:
    """A ledger that is ready to be served. ``points`` are (name, token) pairs."""

    folder: Path
    admin: str
    points: list[tuple[str, str]]
    partners: list[str]

    @property
    def settings(self) -> Settings:
        return settings_in(self.folder)


def settings_in(folder: Path) -> Settings:
    return Settings(database_url=f"sqlite:///{folder}/andon.db", log="json")


def lay(folder: Path, *, points: int = 0, partners: int = 300, capped: bool = True) -> Ground:
    """A new ledger with that many enforcement points and partners, each partner with one or two grants."""
    folder.mkdir(parents=True, exist_ok=True)
    settings = settings_in(folder)
    admin, _ = init(settings)
    made = [(f"point-{i:04d}", new_secret()) for i in range(points)]
    names = [f"partner-{i:04d}" for i in range(partners)]
    ledger = SqliteLedger.open(settings.database_path)
    try:
        append_all(ledger, (_token(name, secret) for name, secret in made))
    finally:
        ledger.close()
    service = Service.open(settings)
    try:
        service.operations.apply_catalog(local_admin("bench"), _catalog(names, capped=capped), "bench.yaml")
    finally:
        service.stop()
    return Ground(folder, admin, made, names)


def append_all(ledger: Ledger, drafts: Iterable[Draft]) -> int:
    """Append however many there are, in batches; returns how many."""
    clock, left, written = SystemClock(), iter(drafts), 0
    while batch := list(islice(left, BATCH)):
        ledger.append(batch, actor=SYSTEM, now=clock.now(), expected=ledger.head().seq)
        written += len(batch)
    return written


def _token(name: str, secret: str) -> Draft:
    return Draft(ev.TokenCreated(id=secrets.token_hex(6), name=name, role="enforcer", digest=digest_of(secret)))


def _catalog(partners: list[str], *, capped: bool) -> str:
    """JSON, which is YAML too and is read faster."""
    capabilities = {
        name: {"title": name, "models": list(MODELS), "may": ["be measured"], "may_not": [], "must_provide": []}
        for name in ("tool-use", "browsing", "code-execution")
    }
    grants = [{"partner": p, "model": "orion-2", "capability": "tool-use", "terms": "accepted"} for p in partners]
    if capped:
        cap = {"per_day": 1_000_000_000}
        more = {"model": "orion-2", "capability": "browsing", "cap": cap, "terms": "accepted"}
        grants += [{"partner": p, **more} for p in partners]
    return json.dumps(
        {
            "stages": STAGES,
            "models": {m: {"title": m, "stage": "trusted-partner", "owner": "release@example.com"} for m in MODELS},
            "capabilities": capabilities,
            "partners": {p: {"title": p, "audience": "trusted-partner"} for p in partners},
            "grants": grants,
        }
    )


def add_closed_incidents(ledger: Ledger, count: int, partners: list[str]) -> int:
    """Append incidents that were declared, contained, restored and closed; returns how many events that took."""
    return append_all(ledger, _closed(count, partners))


def _closed(count: int, partners: list[str]) -> Iterator[Draft]:
    for number in range(1, count + 1):
        id = f"INC-2020-{number:04d}"
        partner = partners[number % len(partners)]
        hold = Hold(id=f"{id}/h1", incident=id, action=1, kind=HoldKind.PARTNER, table=LIVE, partner=partner)
        declared = ev.IncidentDeclared(
            incident=id,
            incident_kind="real",
            severity="sev2",
            playbook="partner-credential-abuse",
            playbook_title="A partner's credentials are abused",
            playbook_version=1,
            playbook_digest="0" * 64,
            parameters={"partner": partner},
        )
        contained = ev.IncidentContained(revision=1, total=0, confirmed=0, points=[], ask_live=[], ms=5)
        yield Draft(declared, incident=id, text={"title": "long over", "summary": ""})
        yield Draft(ev.HoldPlaced(hold=hold.data()), incident=id)
        yield Draft(contained, incident=id)
        yield Draft(ev.HoldLifted(hold=hold.id, request=f"R-{number}"), incident=id)
        yield Draft(ev.IncidentResolved(), incident=id)
        yield Draft(ev.IncidentClosed(), incident=id)


def add_notes(ledger: Ledger, count: int) -> int:
    """Append incidents with many notes: a long log whose fold stays small."""
    incident = "INC-2019-0001"
    declared = ev.IncidentDeclared(
        incident=incident,
        incident_kind="test",
        severity="sev4",
        playbook="break-glass",
        playbook_title="Break glass",
        playbook_version=1,
        playbook_digest="0" * 64,
        parameters={},
    )
    first = Draft(declared, incident=incident, text={"title": "a long log", "summary": ""})
    notes = (Draft(ev.NoteAdded(), incident=incident, text={"note": f"line {i}"}) for i in range(count - 1))
    return append_all(ledger, [first]) + append_all(ledger, notes)
