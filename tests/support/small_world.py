"""
A world small enough to ask every question of: random catalogs, holds and histories for property tests.

A history goes through a real Desk on a ledger in memory; ``World`` remembers in plain JSON what should be in force.
"""

from __future__ import annotations

import copy
import itertools
from collections.abc import Iterator
from random import Random
from typing import Any, assert_never

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


def some(rng: Random, of: tuple[str, ...], *, mostly_all: bool = True) -> list[str]:
    """Leaning towards access that is given: where nothing is allowed, no mistake of a hold can show."""
    if mostly_all and rng.random() < 0.6:
        return list(of)
    return sorted(rng.sample(of, rng.randint(0, len(of))))


def random_cap(rng: Random, *, empty: float = 0.5) -> dict[str, int]:
    if rng.random() < empty:
        return {}
    return {per: rng.randint(0, 3) for per in rng.sample(PERIODS, rng.randint(1, 2))}


def random_catalog(rng: Random) -> Json:
    """A whole catalog in the file's form, with its references in order."""
    stages = rng.choice(LADDERS)
    models = {m: {"stage": rng.choice([*stages, *[stages[-1]] * 3])} for m in some(rng, MODELS)}
    capabilities: Json = {}
    for name in some(rng, CAPABILITIES):
        having, silence = some(rng, tuple(models)), rng.choice(["", "", "allow"])
        capabilities[name] = {"models": having, "cap": random_cap(rng), "on_silence": silence}
    partners = {p: {"audience": rng.choice([*stages, *[stages[0]] * 3])} for p in some(rng, PARTNERS)}
    possible = [(p, m, c) for p in partners for c, entry in capabilities.items() for m in entry["models"]]
    grants = [
        {
            "partner": p,
            "model": m,
            "capability": c,
            "cap": random_cap(rng),
            "expires": rng.choice(["", "", "", TODAY, "2027-01-31", "2026-11-22"]),
            "terms": rng.choice(["accepted"] * 5 + [""]),
        }
        for p, m, c in possible
        if rng.random() < 0.9
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


def random_hold(rng: Random) -> Json:
    """What a hold names, without its id: also ids that no catalog has at the moment."""
    kind = rng.choice([*HoldKind, HoldKind.CAP, HoldKind.FLAG, HoldKind.FLAG])
    partner, model, capability = rng.choice(PARTNERS), rng.choice(MODELS), rng.choice(CAPABILITIES)
    match kind:
        case HoldKind.PARTNER:
            return {"kind": kind, "partner": partner}
        case HoldKind.FLAG:
            regions = some(rng, REGIONS, mostly_all=False)
            return {"kind": kind, "model": model, "capability": capability, "regions": regions}
        case HoldKind.CAPABILITY:
            return {"kind": kind, "capability": capability, "regions": some(rng, REGIONS, mostly_all=False)}
        case HoldKind.CAP:
            found: Json = {"kind": kind, "capability": capability, "cap": random_cap(rng, empty=0)}
            found |= {"partner": partner} if rng.random() < 0.5 else {}
            return found | ({"model": model} if rng.random() < 0.5 else {})
        case HoldKind.HALT:
            return {"kind": kind, "model": model}
        case HoldKind.STAGE | HoldKind.PROMOTION:
            return {"kind": kind, "model": model, "at_most": rng.choice(LADDERS[0])}
    assert_never(kind)


def edited(catalog: Json, rng: Random) -> Json:
    """The catalog with one small change: what two appends in a row can do that a whole new catalog hardly ever does."""
    new: Json = copy.deepcopy(catalog)
    model, capability, partner = rng.choice(MODELS), rng.choice(CAPABILITIES), rng.choice(PARTNERS)
    entry = new["capabilities"].get(capability)
    match rng.choice(["take away", "take away", "give", "remove", "remove", "add", "leave"]):
        case "take away" if entry:
            entry["models"] = [m for m in entry["models"] if m != model]
        case "give" if entry and model in new["models"] and model not in entry["models"]:
            entry["models"].append(model)
        case "remove":
            new["models"].pop(model, None)
            for each in new["capabilities"].values():
                each["models"] = [m for m in each["models"] if m != model]
        case "add":
            new["models"].setdefault(model, {"stage": new["stages"][-1]})
        case "leave":
            new["partners"].pop(partner, None)
    new["grants"] = [
        g
        for g in new["grants"]
        if g["partner"] in new["partners"] and g["model"] in new["capabilities"][g["capability"]]["models"]
    ]
    return new


Step = tuple[str, Any, Any]


def random_step(rng: Random) -> Step:
    match rng.choice(["place"] * 4 + ["catalog"] * 2 + ["edit"] * 3 + ["lift"] * 3 + ["ease"] * 4 + ["lease", "note"]):
        case "place":
            wanted = [random_hold(rng) for _ in range(rng.randint(1, 3))]
            return "place", wanted, rng.choice(["live", "live", "shadow"])
        case "catalog":
            return "catalog", random_catalog(rng), None
        case "edit":
            return "edit", rng.randint(0, 2**16), None
        case "lift":
            return "lift", rng.randint(0, 10), None
        case "ease":
            # Leaning towards one of the two partners, for whom all that narrows a thing is eased now and then.
            spared = rng.choice([["acme"], ["acme"], ["acme", "globex"], ["globex"], []])
            return "ease", rng.randint(0, 10), spared
        case "lease":
            return "lease", rng.randint(2, 300), None
    return "note", None, None


@st.composite
def histories(draw: st.DrawFn, longest: int = 10) -> tuple[Json, list[Step]]:
    """
    A first catalog and what happened after it.

    Drawn from a seed: Hypothesis' own small examples hardly ever allow anything. Fewer steps of the same seed are the
    beginning of the same history, so a failure still shrinks to its shortest form.
    """
    rng = Random(draw(st.integers(0, 2**32)))
    first = random_catalog(rng)
    steps = [random_step(rng) for _ in range(longest)]
    return first, steps[: draw(st.integers(1, longest))]


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

    def step(self, step: Step) -> None:
        name, what, table = step
        match name:
            case "place":
                self.place(what, table)
            case "catalog":
                # A ladder that changes under a stage hold is refused by the decision, which is tested elsewhere.
                self.apply(what if not self._staged() else {**what, **self._on_the_ladder_in_force(what)})
            case "edit":
                self.apply(edited(self.catalog, Random(what)))
            case "lift":
                self.lift(what)
            case "ease":
                self.ease(what, table)
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

    def ease(self, which: int, partners: list[str]) -> None:
        """One of the holds on everybody spares exactly these from now on."""
        kept = {**self.live, **self.shadow}
        able = sorted(id for id, hold in kept.items() if "partner" not in hold)
        if able:
            id = able[which % len(able)]
            fact = ev.HoldEased(hold=id, request="R", step=1, partners=partners)
            self.write(Draft(fact, incident=id.partition("/")[0]))
            kept[id]["spared"] = partners

    def holds(self, table: str) -> list[Json]:
        """Those in force; a drill sees the live ones too."""
        return [*self.live.values(), *(self.shadow.values() if table == "shadow" else ())]


def _frozen(hold: Json) -> Json:
    return {key: tuple(value) if isinstance(value, list) else value for key, value in hold.items()}


def questions() -> Iterator[tuple[str, str, str, str | None]]:
    """Partner, model, capability, region: everything that can be asked here, unknown names and odd regions included."""
    return itertools.product(
        (*PARTNERS, "nobody"), (*MODELS, "m-9"), (*CAPABILITIES, "fly"), (None, "", "de", "US", "FR")
    )
