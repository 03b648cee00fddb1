"""
Whatever several people do in whatever order, nothing comes back that two of them did not agree to.

An auditor reads the log line by line and keeps its own account of what is held; the answers have to be exactly those
that follow from it. It knows nothing of the decisions, only what was promised.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import permutations
from random import Random
from typing import Any
from unittest.mock import patch

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from incidents.decisions import Asker, access, restore, restore_plan, restore_steps
from incidents.errors import Refused
from incidents.events import Event
from incidents.ledger.memory import MemoryLedger
from incidents.service import Service
from incidents.settings import Settings
from incidents.state import State
from incidents.testing import ADMIN, workshop
from tests.support import naive
from tests.support.acting import change_catalog, declare

Json = dict[str, Any]
Hand = tuple[str, frozenset[str]]
PARTNERS, FLAGS = ("acme", "globex", "initech"), ("orion-2:tool-use", "vega-1:tool-use", "vega-1:browsing")
KILLS = (
    ["revoke-partner: {partner: acme}", "switch-off: {capability: 'orion-2:tool-use'}"],
    ["switch-off: {capability: tool-use}"],
    ["roll-back-stage: {model: orion-2}", "freeze-promotion: {model: orion-2}"],
    ["halt-model: {model: vega-1}", "tighten-cap: {capability: tool-use, cap: {per_day: 0}}"],
    ["switch-off: {capability: browsing, regions: [EU]}", "revoke-partner: {partner: globex}"],
    ["tighten-cap: {partner: acme, capability: 'orion-2:tool-use', cap: {per_day: 0}}", "halt-model: {model: orion-2}"],
)
MORE = ("", "", "restore: {approvals: 2, checks: [cause-understood]}\n", "restore: {checks: [a, b]}\n")


WEIGHTS = {"declare": 1, "ask": 12, "approve": 18, "stop": 1, "refuse": 3, "time": 12, "catalog": 2, "restart": 1}

WHILE_RUNNING = {"declare": 3, "ask": 2, "approve": 2, "stop": 5, "refuse": 1, "time": 10, "catalog": 5, "restart": 1}


class House:
    """A workshop in which people do things at random; what is refused changes nothing, and that is all they learn."""

    def __init__(self, rng: Random) -> None:
        self.rng, self.shop = rng, workshop()
        change_catalog(self.shop, _everybody_may)
        change_catalog(
            self.shop, lambda c: [g.update(expires="2026-11-24") for g in c["grants"][rng.randrange(6) :: 4]]
        )
        self.auditor = Auditor()
        ada, grace = self.shop.person("ada", "admin"), self.shop.person("grace", "commander")
        puppet = self._made_by(ada, "grace-new", "commander", "grace")
        own = self._made_by(ada, "ada-phone", "commander", "ada")
        robot = self._made_by(ada, "robot", "admin", None)
        other = self._made_by(robot, "linus-new", "commander", "linus")
        self.people = [ada, grace, puppet, own, robot, other, self.shop.person("linus", "responder"), ADMIN]
        self.able = [ada, grace, self.shop.person("linus", "commander")]
        self.incidents: list[str] = []
        self.declare()

    def _made_by(self, who: Asker, name: str, role: str, person: str | None) -> Asker:
        wanted = access.CreateToken(name=name, role=role, person=person)
        _, secret = self.shop.service.operations.create_token(who, wanted)
        return self.shop.credential(secret or "").asker("api")

    def request(self) -> str | None:
        """Mostly one that waits or runs, now and then one that is over."""
        now = self.shop.clock.now()
        with self.shop.service.desk.read() as state:
            alive = [r.id for r in state.requests.values() if restore.is_open(r, now) or r.state == "running"]
            known = alive if alive and self.rng.random() < 0.9 else [*state.requests]
        return self.rng.choice(known) if known else None

    def act(self) -> str:
        """One thing that somebody does, or time. Returns what it was."""
        with self.shop.service.desk.read() as state:
            running = any(request.state == "running" for request in state.requests.values())
        weights = WHILE_RUNNING if running else WEIGHTS
        (name,) = self.rng.choices([*weights], weights=[*weights.values()])
        if not self.auditor.holds:
            name = "declare"  # else there is nothing left to talk about
        try:
            getattr(self, name)()
        except Refused:
            return f"{name}, refused"
        return name

    def somebody(self) -> Asker:
        """Often one of the three who may, each with a token of their own; else anybody with anything."""
        return self.rng.choice(self.able if self.rng.random() < 0.6 else self.people)

    def declare(self) -> None:
        rng = self.rng
        contain, kind = rng.choice(KILLS), rng.choice(["real", "real", "real", "drill"])
        self.incidents.append(
            declare(self.shop, *contain, more=rng.choice(MORE), kind=kind, separate=rng.random() < 0.8)
        )

    def ask(self) -> None:
        rng = self.rng
        if self.incidents:
            id = rng.choice(self.incidents)
            able = self.shop.service.operations.canaries(ADMIN, id) if rng.random() < 0.8 else PARTNERS
            canary = rng.choice([None, *able, *able])
            self.shop.service.operations.ask_restore(
                self.somebody(),
                id,
                rng.choice([[], [], [], [1], [2]]),
                "x",
                canary=canary,
                soak=rng.choice(["1m", "30m", "30m", "2d"]) if canary else None,
                break_glass=rng.random() < 0.2,
            )

    def approve(self) -> None:
        if id := self.request():
            row = self.shop.service.operations.restore_request(ADMIN, id)
            checks = row["plan"]["checks"] if self.rng.random() < 0.8 else []
            self.shop.service.operations.approve(self.somebody(), id, row["plan_digest"], checks=checks)

    def stop(self) -> None:
        if id := self.request():
            keep = self.rng.random() < 0.5
            self.shop.service.operations.stop_restore(self.rng.choice(self.people), id, "x", keep=keep)

    def refuse(self) -> None:
        if id := self.request():
            self.shop.service.operations.refuse(self.rng.choice(self.people), id, "x")

    def time(self) -> None:
        self.shop.clock.advance(60 * self.rng.choice([1, 1, 29, 31, 31, 31, 60 * 25, 60 * 49]))
        self.shop.service.cycle()
        self.shop.service.every_second()

    def catalog(self) -> None:
        rng = self.rng
        person, roles = rng.choice(["ada", "grace", "linus"]), rng.choice([["commander", "admin"], ["responder"]])
        grant = rng.randrange(8)
        change = rng.choice(
            [
                lambda c: c["people"][person].update(roles=roles),
                lambda c: c["grants"][grant].update(terms=rng.choice(["accepted", "pending"])),
                lambda c: c["grants"][grant].update(expires=rng.choice(["2026-11-24", "2027-12-31"])),
                lambda c: c["models"]["vega-1"].update(stage=rng.choice(["limited", "general", "trusted-partner"])),
            ]
        )
        change_catalog(self.shop, change)

    def restart(self) -> None:
        """Another process on the same log."""
        ledger = self.shop.service.ledger
        assert isinstance(ledger, MemoryLedger)
        self.shop.service = Service.open(Settings(), ledger=ledger.beside(), clock=self.shop.clock)

    def granted(self) -> set[tuple[str, str]]:
        return {(p, f) for p in PARTNERS for f in FLAGS if self.answer(p, f) == "granted"}

    def answer(self, partner: str, flag: str, table: str = "live") -> str:
        model, _, capability = flag.partition(":")
        snapshot = self.shop.service.desk.snapshot
        return snapshot.decide(partner, model, capability, now=self.shop.clock.now(), table=table).reason

    def audit(self) -> list[Event]:
        """The lines that came since; each is judged, then the answers are compared with what this account holds."""
        new = self.shop.service.ledger.read(after=self.auditor.seq, limit=100_000)
        for event in new:
            self.auditor.read(event)
        catalog, today = self.shop.service.operations.catalog(ADMIN), self.shop.clock.now().date().isoformat()
        for table in ("live", "shadow"):
            holds = self.auditor.in_force(table)
            for partner in PARTNERS:
                for flag in FLAGS:
                    model, _, capability = flag.partition(":")
                    asked = {"partner": partner, "model": model, "capability": capability, "region": None}
                    _, expected = naive.decide(catalog, holds, {}, **asked, today=today)
                    assert self.answer(partner, flag, table) == expected, (partner, flag, table)
        return list(new)


def _everybody_may(catalog: Json) -> None:
    catalog["people"]["linus"]["roles"] = ["commander"]
    for partner in catalog["partners"].values():
        partner["audience"] = "trusted-partner"


@dataclass
class Asked:
    """A request as the log told of it; a hand is a person and everybody who had a part in the token that they used."""

    by: Hand
    plan: Json
    approvals: int
    expires_at: datetime
    by_others: list[Hand] = field(default_factory=list)
    done_at: list[datetime] = field(default_factory=list)
    over: bool = False

    def may_give(self, hold: str, partner: str | None, at: datetime) -> None:
        """Is it allowed to lift this hold (or spare this partner) now?"""
        hands = [self.by, *self.by_others]
        assert len({person for person, _ in hands}) == len(hands) >= 2, "two different people, each counted once"
        for one, another in permutations(hands, 2):
            assert one[0] not in another[1], "nobody made the token that another one used"
        assert len(self.by_others) >= self.approvals, "as many as the plan says"
        assert not self.over, "it was stopped or refused"
        number = len(self.done_at)
        step = self.plan["steps"][number]
        named = step["lift"] if partner is None else step["spare"]["holds"]
        assert hold in {row["hold"] for row in named}, "this step says so"
        assert partner is None or partner == step["spare"]["partner"]
        assert number == 0 or at >= self.done_at[-1] + timedelta(seconds=step["after_s"]), "not before its time"


class Auditor:
    """What is held, and by which right anything was given back, from the log's lines alone."""

    def __init__(self) -> None:
        self.seq = 0
        self.holds: dict[str, Json] = {}
        self.asked: dict[str, Asked] = {}
        self.makers: dict[str, frozenset[str]] = {}  # token -> whose hands are in it
        self.given: list[Json] = []  # access that the steps of the last reading said they give

    def in_force(self, table: str) -> list[Json]:
        tables = ("live",) if table == "live" else ("live", "shadow")
        return [hold for hold in self.holds.values() if hold["table"] in tables]

    def hand(self, event: Event) -> Hand:
        return str(event.actor.person), self.makers.get(event.actor.token or "", frozenset())

    def read(self, event: Event) -> None:
        self.seq, data = event.seq, event.data
        match event.kind:
            case "people:token:created":
                person, made_with = self.hand(event)
                self.makers[data["id"]] = made_with | {person}
            case "access:hold:placed":
                self.holds[data["hold"]["id"]] = dict(data["hold"])
            case "access:hold:lifted":
                self.asked[data["request"]].may_give(data["hold"], None, event.at)
                del self.holds[data["hold"]]
            case "access:hold:eased":
                before = set(self.holds[data["hold"]].get("spared", []))
                for partner in set(data["partners"]) - before:
                    self.asked[data["request"]].may_give(data["hold"], partner, event.at)
                self.holds[data["hold"]]["spared"] = data["partners"]
            case "restore:request:asked":
                until = datetime.fromisoformat(data["expires_at"])
                self.asked[data["request"]] = Asked(self.hand(event), data["plan"], data["approvals"], until)
            case "restore:request:approved":
                asked = self.asked[data["request"]]
                assert event.at < asked.expires_at
                assert set(data.get("checks", [])) == set(asked.plan["checks"])
                asked.by_others.append(self.hand(event))
            case "restore:step:done":
                asked = self.asked[data["request"]]
                ended = {(row["partner"], row["flag"]) for row in data.get("ended", [])}
                for row in asked.plan["steps"][len(asked.done_at)]["access"]:
                    late = (row["partner"], row["flag"]) in ended and row["after"] == "granted"
                    self.given.append(row | {"after": "grant-expired"} if late else row)
                asked.done_at.append(event.at)
            case "restore:request:stopped" | "restore:request:refused":
                self.asked[data["request"]].over = True


def lived(rng: Random, actions: int) -> House:
    """A house after so many actions, audited after each."""
    house = House(rng)
    house.audit()
    for _ in range(actions):
        before = house.granted()
        what = house.act()
        house.auditor.given = []
        house.audit()
        given = house.auditor.given
        for row in given:  # exactly what was read and approved, at that moment
            shadow = {house.answer(row["partner"], row["flag"], table) for table in ("live", "shadow")}
            assert row["after"] in shadow, (what, row)
        if what.startswith(("catalog", "declare")) or not house.granted() - before:
            continue
        assert house.granted() - before <= {(row["partner"], row["flag"]) for row in given}, what
    return house


@settings(max_examples=60)
@given(st.integers(0, 2**32), st.integers(1, 40))
def test_nothing_comes_back_that_two_people_did_not_approve_or_another_incident_holds(seed: int, actions: int) -> None:
    """The rule that makes one person enough for the switch: it takes two, and exactly what they read, to undo it."""
    lived(Random(seed), actions)


def test_lives_of_the_rule_give_back_in_steps_and_halt_and_take_back() -> None:
    """A search that never gets as far as a second step proves nothing about it."""
    kinds: dict[str, int] = {}
    for seed in range(30):
        house = lived(Random(seed), 40)
        for event in house.shop.service.ledger.read(limit=100_000):
            kinds[event.kind] = kinds.get(event.kind, 0) + 1
            if event.kind == "restore:step:done" and event.data["step"] == 2:
                kinds["second step"] = kinds.get("second step", 0) + 1
                kinds["a grant had ended"] = kinds.get("a grant had ended", 0) + bool(event.data.get("ended"))
            if event.kind == "restore:request:stopped":
                name = "taken back" if event.data["taken_back"] else f"stopped by {event.actor.via}"
                kinds[name] = kinds.get(name, 0) + 1
    assert kinds["a grant had ended"] >= 1
    for kind in ("second step", "taken back", "stopped by system", "access:hold:eased", "restore:approval:denied",
                 "restore:glass:broken", "access:hold:lifted"):  # fmt: skip
        assert kinds.get(kind, 0) >= 2, (kind, kinds)


MISTAKES: dict[str, tuple[Any, str, Any]] = {
    "the asker may approve": (restore, "check_another", lambda *_: None),
    "a changed plan may be approved": (restore, "still_is", lambda *_: True),
    "nothing halts a running request": (restore_steps, "against", lambda *_: None),
    "expired requests may be approved": (
        restore, "_check_open", lambda request, now: None if request.state == "open" else refuse_it()),
    "whoever made the token may approve": (State, "makers", lambda *_: set()),
    "what ran out is not told": (restore_steps, "ended", lambda *_: []),
    "checks need not be attested": (restore, "_check_attested", lambda *_: None),
    "the canary is spared by lifting": (
        restore_plan, "sparing", lambda state, ids, partner: restore_plan.without_holds(state, ids)),
}  # fmt: skip


def refuse_it() -> None:
    raise Refused("settled")


@pytest.mark.parametrize("mistake", MISTAKES)
def test_the_rule_is_sharp_enough_to_find(mistake: str) -> None:
    """Each of these has to be seen by the auditor, or the test above would let it through."""
    with patch.object(*MISTAKES[mistake]):
        assert any(_caught(seed) for seed in range(60))


def _caught(seed: int) -> bool:
    try:
        lived(Random(seed), 40)
    except AssertionError:
        return True
    return False
