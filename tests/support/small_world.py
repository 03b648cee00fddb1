"""
A world small enough to ask every question of: random catalogs, holds and histories for property tests.

A history goes through a real Desk on a ledger in memory; ``World`` remembers in plain JSON what should be in force.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

from hypothesis import strategies as st

from incidents import catalog as cat
from incidents import events as ev
from incidents.clock import ManualClock
from incidents.decisions import Decided
from incidents.desk import Commit, Desk
from incidents.events import SYSTEM, Draft
from incidents.holds import Hold, HoldKind
from incidents.ledger.memory import MemoryLedger
from incidents.snapshot import Change

Json = dict[str, Any]
MODELS, CAPABILITIES, PARTNERS = ("m-1", "m-2", "m.3"), ("chat", "tool-use"), ("acme", "globex")
LADDERS = (["internal", "trusted", "general"], ["internal", "red-team", "trusted", "general"])
REGIONS = ("EU", "DE", "us")
PERIODS = ("per_minute", "per_hour", "per_day")
TODAY = "2026-11-23"

caps = st.one_of(st.just({}), st.dictionaries(st.sampled_from(PERIODS), st.integers(0, 3), min_size=1, max_size=2))


def subsets(of: tuple[str, ...]) -> st.SearchStrategy[list[str]]:
    return st.lists(st.sampled_from(of), unique=True, max_size=len(of)).map(sorted)


@st.composite
def catalogs(draw: st.DrawFn) -> Json:
    """A whole catalog in the file's form, with its references in order."""
    stages = draw(st.sampled_from(LADDERS))
    stage = st.sampled_from(stages)
    models = {m: {"stage": draw(stage)} for m in draw(subsets(MODELS))}
    capabilities: Json = {}
    for name in draw(subsets(CAPABILITIES)):
        silence = draw(st.sampled_from(["", "", "allow"]))
        having = draw(subsets(tuple(models))) if models else []
        capabilities[name] = {"models": having, "cap": draw(caps), "on_silence": silence}
    partners = {p: {"audience": draw(stage)} for p in draw(subsets(PARTNERS))}
    possible = [(p, m, c) for p in partners for c, entry in capabilities.items() for m in entry["models"]]
    grants = [
        {
            "partner": p,
            "model": m,
            "capability": c,
            "cap": draw(caps),
            "expires": draw(st.sampled_from(["", "2026-11-22", TODAY, "2027-01-31"])),
            "terms": draw(st.sampled_from(["accepted", "accepted", "accepted", ""])),
        }
        for p, m, c in possible
        if draw(st.integers(0, 3))
    ]
    return {"stages": stages, "models": models, "capabilities": capabilities, "partners": partners, "grants": grants}


def sections(catalog: Json) -> Json:
    """The same as catalog entries by section."""
    return {
        "stages": tuple(catalog["stages"]),
        "models": {id: cat.Model(id=id, **m) for id, m in catalog["models"].items()},
        "capabilities": {
            id: cat.Capability(id=id, **{**c, "models": tuple(c["models"])})
            for id, c in catalog["capabilities"].items()
        },
        "partners": {id: cat.Partner(id=id, **p) for id, p in catalog["partners"].items()},
        "grants": {g.id: g for g in map(_grant, catalog["grants"])},
    }


def _grant(row: Json) -> cat.Grant:
    id = f"{row['partner']}:{row['model']}:{row['capability']}"
    return cat.Grant(id=id, terms=row["terms"], expires=row["expires"], cap=row["cap"])


@st.composite
def holds(draw: st.DrawFn) -> Json:
    """What a hold names, without its id: also ids that no catalog has at the moment."""
    kind = draw(st.sampled_from([*HoldKind, HoldKind.CAP, HoldKind.FLAG]))
    partner, model, capability = (st.sampled_from(of) for of in (PARTNERS, MODELS, CAPABILITIES))
    match kind:
        case HoldKind.PARTNER:
            return {"kind": kind, "partner": draw(partner)}
        case HoldKind.FLAG:
            return {"kind": kind, "model": draw(model), "capability": draw(capability), "regions": draw(subsets(REGIONS))}
        case HoldKind.CAPABILITY:
            return {"kind": kind, "capability": draw(capability), "regions": draw(subsets(REGIONS))}
        case HoldKind.CAP:
            found: Json = {"kind": kind, "capability": draw(capability), "cap": draw(caps.filter(bool))}
            found |= {"partner": draw(partner)} if draw(st.booleans()) else {}
            return found | ({"model": draw(model)} if draw(st.booleans()) else {})
        case HoldKind.HALT:
            return {"kind": kind, "model": draw(model)}
        case HoldKind.STAGE | HoldKind.PROMOTION:
            return {"kind": kind, "model": draw(model), "at_most": draw(st.sampled_from(LADDERS[0]))}


steps = st.one_of(
    st.tuples(st.just("place"), st.lists(holds(), min_size=1, max_size=3), st.sampled_from(["live", "live", "shadow"])),
    st.tuples(st.just("catalog"), catalogs(), st.none()),
    st.tuples(st.just("lift"), st.integers(0, 10), st.none()),
    st.tuples(st.just("lease"), st.integers(2, 300), st.none()),
    st.tuples(st.just("note"), st.none(), st.none()),
)
histories = st.tuples(catalogs(), st.lists(steps, min_size=1, max_size=8))


class World:
    """A desk on a ledger in memory, and beside it, in plain JSON, what must be in force."""

    def __init__(self, catalog: Json) -> None:
        self.clock = ManualClock()
        self.ledger = MemoryLedger()
        self.desk = Desk(self.ledger, self.clock)
        self.desk.start()
        self.changes: list[Change] = []
        self.desk.on_commit(self._remember)
        self.catalog: Json = {"stages": [], "models": {}, "capabilities": {}, "partners": {}, "grants": []}
        self.live: dict[str, Json] = {}
        self.shadow: dict[str, Json] = {}
        self.write(Draft(ev.LedgerOpened(ledger_id=self.ledger.id)))
        self.apply(catalog)

    def _remember(self, commit: Commit) -> None:
        if commit.change is not None:
            self.changes.append(commit.change)

    def write(self, *drafts: Draft) -> None:
        self.desk.submit(lambda state, now: Decided(list(drafts)), actor=SYSTEM)

    def step(self, step: tuple[str, Any, Any]) -> None:
        name, what, table = step
        match name:
            case "place":
                self.place(what, table)
            case "catalog":
                # A ladder that changes under a stage hold is refused by the decision, which is tested elsewhere.
                self.apply(what if not self._staged() else {**what, **self._on_the_ladder_in_force(what)})
            case "lift":
                self.lift(what)
            case "lease":
                self.write(Draft(ev.LeaseSet(seconds=what)))
            case "note":
                with self.desk.read() as state:
                    about = next(iter(state.incidents), None)
                self.write(Draft(ev.NoteAdded(), incident=about, text={"note": "seen"}))

    def _staged(self) -> bool:
        return any(h.get("at_most") for h in [*self.live.values(), *self.shadow.values()])

    def _on_the_ladder_in_force(self, wanted: Json) -> Json:
        ladder = self.catalog["stages"]

        def known(entry: Json, key: str) -> Json:
            return {**entry, key: entry[key] if entry[key] in ladder else ladder[0]}

        return {
            "stages": ladder,
            "models": {id: known(m, "stage") for id, m in wanted["models"].items()},
            "partners": {id: known(p, "audience") for id, p in wanted["partners"].items()},
        }

    def apply(self, catalog: Json) -> None:
        with self.desk.read() as state:
            found = cat.difference(state.catalog, sections(catalog))
        if found:
            self.write(Draft(ev.CatalogApplied(set=found.changed, remove=found.removed)))
        self.catalog = catalog

    def place(self, wanted: list[Json], table: str) -> None:
        series = "INC" if table == "live" else "DRILL"
        with self.desk.read() as state:
            incident = f"{series}-2026-{state.numbers.get(f'{series}-2026', 0) + 1:04d}"
        placed = [
            Hold(id=f"{incident}/h{n}", incident=incident, action=n, table=table, **_frozen(hold))
            for n, hold in enumerate(wanted, 1)
        ]
        declared = ev.IncidentDeclared(
            incident=incident,
            incident_kind="real" if table == "live" else "drill",
            severity="sev2",
            playbook="p",
            playbook_title="P",
            playbook_version=1,
            playbook_digest="0" * 64,
            parameters={},
        )
        drafts = [Draft(ev.HoldPlaced(hold=h.data()), incident=incident) for h in placed]
        self.write(Draft(declared, incident=incident), *drafts)
        kept = self.live if table == "live" else self.shadow
        kept.update({h.id: {"incident": incident, **raw} for h, raw in zip(placed, wanted, strict=True)})

    def lift(self, which: int) -> None:
        standing = sorted([*self.live, *self.shadow])
        if standing:
            id = standing[which % len(standing)]
            self.write(Draft(ev.HoldLifted(hold=id, request="R"), incident=id.partition("/")[0]))
            self.live.pop(id, None)
            self.shadow.pop(id, None)

    def holds(self, table: str) -> list[Json]:
        """Those in force; a drill sees the live ones too."""
        return [*self.live.values(), *(self.shadow.values() if table == "shadow" else ())]


def _frozen(hold: Json) -> Json:
    return {key: tuple(value) if isinstance(value, list) else value for key, value in hold.items()}


def questions() -> Iterator[tuple[str, str, str, str | None]]:
    """Partner, model, capability, region: everything that can be asked here, unknown names and odd regions included."""
    return itertools.product((*PARTNERS, "nobody"), (*MODELS, "m-9"), (*CAPABILITIES, "fly"), (None, "", "de", "US", "FR"))
