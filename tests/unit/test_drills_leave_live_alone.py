"""
Drills beside the same history without them: whatever happens in between, not one live answer differs.

Random catalogs and interleavings: catalog changes, real holds placed, eased and lifted, and drills of every kind that
start, wait for a word, end, are aborted, run out or give way.
"""

from __future__ import annotations

from random import Random
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from incidents import events as ev
from incidents.clock import ManualClock
from incidents.decisions import drills, incident
from incidents.decisions.drills import End, How, Start
from incidents.decisions.incident import Declare, Kind
from incidents.drill_runs import Mode
from incidents.errors import Refused
from incidents.events import SYSTEM, Draft
from incidents.holds import LIVE
from incidents.snapshot import build
from incidents.testing import ADMIN
from tests.support.acting import playbook
from tests.support.small_world import Json, World, histories, questions

GHOST = "ghost-1"
NOW = ManualClock().now()
ACTIONS = (
    "revoke-partner: {partner: acme}",
    "revoke-partner: {partner: globex}",
    "switch-off: {capability: tool-use}",
    "switch-off: {capability: 'm-1:chat', regions: [EU]}",
    "halt-model: {model: m-2}",
    "roll-back-stage: {model: m-1}",
    "freeze-promotion: {model: m.3}",
    "tighten-cap: {capability: chat, cap: {per_minute: 0}}",
    "{revoke-partner: {partner: acme}, after: validated}",
)
GHOSTLY = (f"revoke-partner: {{partner: {GHOST}}}", f"{{revoke-partner: {{partner: {GHOST}}}, after: validated}}")


class Town(World):
    """A world with a ghost partner, whose real incidents are small enough to rehearse beside."""

    def apply(self, catalog: Json) -> None:
        ghost = {"audience": catalog["stages"][-1], "ghost": True}
        super().apply({**catalog, "partners": {**catalog["partners"], GHOST: ghost}})

    def place(self, wanted: list[Json], table: str) -> None:
        super().place(wanted, LIVE)
        with self.desk.read() as state:
            newest = [id for id in state.order if id.startswith("INC-")][-1]
        self.write(Draft(ev.SeveritySet(severity="sev3", was="sev2"), incident=newest))

    def ease(self, which: int, partners: list[str]) -> None:
        super().ease(which, [p for p in partners if p != GHOST])


class Rehearsing(Town):
    """The same, with drills in between."""

    def rehearse(self, rng: Random) -> None:
        act = rng.choice(("start", "start", "start", "end", "abort", "word", "time", "engine"))
        with self.desk.read() as state:
            running = list(state.drills.running)
        try:
            match act:
                case "start":
                    self._start(rng)
                case "end" | "abort" if running:
                    how = How.FINISHED if act == "end" else How.ABORTED
                    self._end(rng.choice(running), End(how=how, because="said so", reason="said so"))
                case "word" if running:
                    self._word(rng.choice(running))
                case "time":
                    self.clock.advance(rng.choice((30, 600, 2400)))
                case "engine":
                    self.engine()
        except Refused:
            pass  # a partner or model that is not there now; nothing was changed

    def _start(self, rng: Random) -> None:
        mode = rng.choice((*Mode, Mode.SHADOW, Mode.SHADOW))
        actions = GHOSTLY if mode is Mode.LIVE else tuple(rng.sample(ACTIONS, rng.randint(1, 4)))
        what = Declare(
            playbook=playbook(*actions), digest="0", parameters={}, kind=Kind.DRILL, mode=mode, separate=True
        )
        start = Start(what=what, live_digest=self.desk.snapshot.live_digest)
        self.desk.submit(lambda state, now: drills.start(state, start, ADMIN, now), actor=SYSTEM)

    def _end(self, id: str, end: End) -> None:
        self.desk.submit(lambda state, now: drills.end(state, id, end, self.desk.snapshot, ADMIN), actor=SYSTEM)
        self._check_end(id)

    def _word(self, id: str) -> None:
        with self.desk.read() as state:
            waiting = [a.number for a in state.incidents[id].actions.values() if a.state == "waiting"]
        for number in waiting:
            self.desk.submit(lambda state, now, n=number: incident.validate(state, id, n, now), actor=SYSTEM)  # type: ignore[misc]

    def engine(self) -> None:
        with self.desk.read() as state:
            owed = drills.owed(state, self.clock.now())
        for id in owed:
            self.desk.submit(
                lambda state, now, id=id: drills.settle(state, id, self.desk.snapshot, now),  # type: ignore[misc]
                actor=SYSTEM,
            )
            self._check_end(id)

    def _check_end(self, id: str) -> None:
        """What the end wrote down is what came of it, and it has left nothing behind that it may lift."""
        fact: Any = next(e.data for e in reversed(self.ledger.incident(id)) if e.kind == ev.DrillEnded.kind)
        assert fact["live_after"] == self.desk.snapshot.live_digest
        assert fact["equal"] == (fact["live_before"] == fact["live_after"])
        assert fact["equal"] or fact["meanwhile"], "a difference that nothing explains"
        with self.desk.read() as state:
            assert state.incidents[id].standing == fact["left"]
            assert not fact["left"] or not state.catalog.partners[GHOST].ghost


def answers(world: World) -> list[tuple[bool, str]]:
    snapshot = world.desk.snapshot
    return [
        (decision.allowed, decision.reason)
        for partner, model, capability, region in questions()
        for decision in [snapshot.decide(partner, model, capability, now=NOW, region=region)]
    ]


@settings(max_examples=120)
@given(histories(), st.integers(0, 2**32))
def test_no_interleaving_of_drills_changes_one_live_answer(history: tuple[Any, Any], seed: int) -> None:
    """The promise under which a drill may be held at noon on a working day."""
    first, steps = history
    quiet, loud, rng = Town(first), Rehearsing(first), Random(seed)
    for step in steps:
        for _ in range(rng.randint(0, 3)):
            loud.rehearse(rng)
            assert answers(loud) == answers(quiet)
        if step[0] == "note":
            continue
        quiet.step(step)
        loud.step(step)
        loud.engine()
        assert answers(loud) == answers(quiet)
        assert loud.desk.snapshot.live_digest == quiet_digest(loud)
    loud.clock.advance(10 * 3600)
    loud.engine()

    with loud.desk.read() as state:
        assert not state.drills.running
        assert not [h for h in state.holds.values() if h.incident.startswith("DRILL-")]
    assert loud.desk.snapshot.live == quiet.desk.snapshot.live
    assert loud.desk.snapshot.live_digest == quiet.desk.snapshot.live_digest


def quiet_digest(world: World) -> str:
    """The live digest worked out from nothing."""
    with world.desk.read() as state:
        return build(state).live_digest
