"""
Whatever several people do to an incident, in whatever order: some things are always true.

What must hold is worked out from the log alone, without the fold and without the decisions that are tested.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

from hypothesis import event as seen
from hypothesis import given, settings
from hypothesis import strategies as st

from incidents.clock import rfc3339
from incidents.decisions import Asker, Decided
from incidents.decisions.tasks import NewTask
from incidents.errors import Refused
from incidents.events import SYSTEM, ContainmentContradicted, Draft, Event
from incidents.ledger.verify import verify
from incidents.life import ENDS, STATUSES
from incidents.operations import Operations
from incidents.state import State, bring_back, fold, let_go
from incidents.state_copy import dump_state, load_state
from incidents.testing import Workshop, workshop
from tests.support.acting import ANSWERED, LIVED, contain, declare, meet_exits, review, settle_tasks

PEOPLE = {"ada": "commander", "grace": "commander", "linus": "responder", "wall": "viewer"}
MOVES = ("mitigated", "resolved", "closed", "false-alarm", "merged", "reopened")
WRONG = ("contained", "reviewed", "declared", "gone")
STARTS = ("declared", "contained", "met", "resolved", "reviewed", "closed")
WAITING = "met, an action waits"


@dataclass
class World:
    """One incident with a hold, an action that waits for a word, tasks and criteria; and another to merge into."""

    shop: Workshop
    id: str
    other: str

    @property
    def operations(self) -> Operations:
        return self.shop.service.operations

    def lines(self) -> list[Event]:
        return self.shop.service.ledger.incident(self.id)

    def at(self, minutes: int | None) -> str | None:
        return None if minutes is None else rfc3339(self.shop.clock.now() + timedelta(minutes=minutes))

    def line(self, n: int) -> int:
        """Any line, and every third time one that says where the incident stands."""
        lines = self.lines()
        if n % 3 == 0:
            lines = [line for line in lines if line.kind.startswith("incident:life:")]
        return lines[n // 3 % len(lines)].seq if n % 3 == 0 else lines[n % len(lines)].seq


def as_person(shop: Workshop, name: str) -> Asker:
    if name == "wall":
        return shop.credential(shop.secret("wall", "viewer")).asker("api")
    return shop.person(name, PEOPLE[name])


def started(at: str) -> World:
    shop = workshop()
    for name in PEOPLE:
        as_person(shop, name)
    linus, ada = shop.person("linus", "responder"), shop.person("ada", "commander")
    other = declare(shop, "revoke-partner: {partner: globex}", by=linus)
    waits = "{switch-off: {capability: 'orion-2:tool-use'}, after: validated}"
    id = declare(shop, "revoke-partner: {partner: acme}", waits, more=LIVED, by=linus)
    world = World(shop, id, other)
    if at == WAITING:
        contain(shop)
        meet_exits(shop, id, ada)
        return world
    step = STARTS.index(at)
    if step >= 1:
        contain(shop)
        world.operations.settle_action(linus, id, 2, "declined", "not needed")
    if step >= 2:
        meet_exits(shop, id, ada)
    if step >= 3:
        world.operations.move(ada, id, "resolved", reason="quiet")
    if step >= 4:
        review(shop, id)
    if step >= 5:
        settle_tasks(shop, id, ada)
        world.operations.move(ada, id, "closed", reason="done")
    return world


# --- what people do ---------------------------------------------------------------------------------------------------

Act = Callable[[World, Asker, int, int | None], object]


def _contradict(world: World, who: Asker, n: int, minutes: int | None) -> object:
    fact = ContainmentContradicted(point="edge-1", because="it served")

    def decide(state: State, now: datetime) -> Decided:
        known = state.incidents[world.id]
        return Decided([Draft(fact, incident=world.id)] if known.contained is not None and known.standing else [])

    return world.shop.service.desk.submit(decide, actor=SYSTEM, about=world.id)


def _approve(world: World, who: Asker, n: int, minutes: int | None) -> object:
    found = world.operations.incident(who, world.id)["restores"]
    digest = found[-1]["plan_digest"] if found else "0" * 64
    return world.operations.approve(who, f"{world.id}-R{max(1, len(found))}", digest)


def _move(to: str) -> Act:
    def act(w: World, who: Asker, n: int, minutes: int | None) -> object:
        into = w.other if to == "merged" else ""
        return w.operations.move(who, w.id, to, reason="because", at=w.at(minutes) if n % 4 == 0 else None, into=into)

    return act


def _task(world: World, who: Asker, n: int, minutes: int | None) -> object:
    state = ("done", "skipped", "open")[n % 3]
    return world.operations.settle_task(who, world.id, 1 + n % 2, state, "because")


ACTS: dict[str, Act] = {
    "time passes": lambda w, who, n, m: w.shop.clock.advance(60 * (1 + n)),
    "evidence comes": lambda w, who, n, m: contain(w.shop),
    "evidence against it": _contradict,
    "memory is tidied": lambda w, who, n, m: w.shop.service.desk.let_go(),
    "mitigated": _move("mitigated"),
    "resolved": _move("resolved"),
    "closed": _move("closed"),
    "false-alarm": _move("false-alarm"),
    "merged": _move("merged"),
    "reopened": _move("reopened"),
    "what is no move": lambda w, who, n, m: w.operations.move(who, w.id, WRONG[n % len(WRONG)], reason="because"),
    "correct": lambda w, who, n, m: w.operations.correct(who, w.id, w.line(n), at=w.at(m or 0), reason="clock"),
    "correct words": lambda w, who, n, m: w.operations.correct(who, w.id, w.line(n), text="other words", reason="typo"),
    "judge": lambda w, who, n, m: w.operations.judge_exit(who, w.id, 1 + n % 2, met=n % 4 < 2, evidence="seen"),
    "meet all": lambda w, who, n, m: meet_exits(w.shop, w.id, who),
    "word": lambda w, who, n, m: w.operations.validate(who, w.id, 2),
    "decline": lambda w, who, n, m: w.operations.settle_action(who, w.id, 2, "declined", "no"),
    "ask": lambda w, who, n, m: w.operations.ask_restore(who, w.id, [], "because"),
    "approve": _approve,
    "refuse": lambda w, who, n, m: w.operations.refuse(who, f"{w.id}-R1", "no"),
    "task": _task,
    "all tasks": lambda w, who, n, m: settle_tasks(w.shop, w.id, who),
    "new task": lambda w, who, n, m: w.operations.add_task(
        who, w.id, NewTask(title="more", follow_up=n % 2 == 0, owner="ada" if n % 3 else "")
    ),
    "follow up": lambda w, who, n, m: w.operations.change_task(who, w.id, 1 + n % 2, follow_up=n % 3 > 0, owner="ada"),
    "take command": lambda w, who, n, m: w.operations.role(
        who, w.id, "commander", "take", force=n % 3 == 0, reason="no answer" if n % 2 else ""
    ),
    "hand over": lambda w, who, n, m: w.operations.role(
        who, w.id, "commander", "assign", person=("ada", "grace", "linus")[n % 3]
    ),
    "leave": lambda w, who, n, m: w.operations.role(who, w.id, ("commander", "scribe")[n % 2], "leave"),
    "scribe": lambda w, who, n, m: w.operations.role(who, w.id, "scribe", "take"),
    "owner": lambda w, who, n, m: w.operations.review_owner(who, w.id, ("ada", "grace")[n % 2]),
    "write": lambda w, who, n, m: w.operations.save_review(who, w.id, f"# Review {n}", n % 3),
    "agree": lambda w, who, n, m: w.operations.approve_review(who, w.id, n % 3),
    "publish": lambda w, who, n, m: w.operations.publish_review(who, w.id, n % 3),
    "whole review": lambda w, who, n, m: review(w.shop, w.id, ANSWERED + "\nBy three.\n"),
    "severity": lambda w, who, n, m: w.operations.set_severity(who, w.id, f"sev{1 + n % 4}", "because"),
    "update": lambda w, who, n, m: w.operations.post_update(who, w.id, "so far", w.at(m)),
    "note": lambda w, who, n, m: w.operations.note(who, w.id, "seen", w.at(m), restricted=n % 2 == 0),
    "pin": lambda w, who, n, m: w.operations.pin(who, w.id, w.line(n), n % 2 == 0),
    "redact": lambda w, who, n, m: w.operations.redact(who, w.id, w.line(n), "a name"),
    "members": lambda w, who, n, m: w.operations.change_members(
        who, w.id, ["grace"] * (n % 2), ["grace"] * (1 - n % 2)
    ),
    "acknowledge": lambda w, who, n, m: w.operations.acknowledge(who, w.id),
}

OFTEN = ["decline", "evidence comes", "correct", "meet all", "all tasks", "owner", "take command", "whole review"]

STEPS = st.tuples(
    st.sampled_from([*ACTS, *OFTEN * 3]),
    st.sampled_from(["ada", "ada", "ada", "grace", "grace", "linus", "linus", "wall"]),
    st.integers(0, 40),
    st.none() | st.integers(-200, 3),
)


# After each step somebody in a hurry tries to go on, whether it is time or not: what is refused leaves no trace, and
# what is let through is judged like everything else. By chance alone hardly any life gets to a door.
HURRY = st.sampled_from(["", "reopened", "mitigated", "resolved", "closed"])


# --- what must hold ---------------------------------------------------------------------------------------------------


@dataclass
class Known:
    """What the log alone says, worked out in the plainest way there is."""

    proven: bool = False
    placed: int = 0
    waiting: bool = False
    lifted: int = 0
    met: frozenset[int] = frozenset()
    asked: bool = False
    status: str = ""
    owner: str = ""
    published: int = 0
    version: int = 0
    tasks: dict[int, tuple[str, bool, str]] | None = None
    commander: str = ""
    offered: str = ""


def told(lines: list[Event]) -> Known:
    k = Known(tasks={})
    assert k.tasks is not None
    for line in lines:
        kind, data = line.kind, line.data
        match kind:
            case "incident:action:recorded":
                k.waiting = data["state"] == "waiting"
            case "incident:action:settled":
                k.waiting = False
            case "access:hold:placed":
                k.placed, k.proven = k.placed + 1, False
                k.status = k.status if k.status in ENDS else ""
            case "incident:life:contradicted":
                k.proven, k.status = False, k.status if k.status in ENDS else ""
            case "incident:life:contained":
                k.proven = True
            case "access:hold:lifted":
                k.lifted += 1
            case "incident:exit:judged":
                k.met = k.met | {data["number"]} if data["met"] else k.met - {data["number"]}
            case "restore:request:asked":
                k.asked = True
            case "restore:request:approved" | "restore:request:refused":
                k.asked = False
            case "incident:life:reopened":
                k.met, k.status = frozenset(), ""
            case "incident:life:ended":
                k.status = data["end"]
            case (
                "incident:life:mitigated" | "incident:life:resolved" | "incident:life:reviewed" | "incident:life:closed"
            ):
                k.status = kind.rpartition(":")[2]
            case "review:owner:set":
                k.owner = data["person"]
            case "review:document:saved":
                k.version = data["version"]
            case "review:document:published":
                k.published = data["version"]
            case "incident:duties:owed":
                k.tasks |= {t["number"]: ("open", False, "") for t in data["tasks"]}
            case "incident:task:added":
                k.tasks[data["number"]] = ("open", data["follow_up"], data.get("owner", ""))
            case "incident:task:settled":
                k.tasks[data["number"]] = (data["state"], *k.tasks[data["number"]][1:])
            case "incident:task:changed":
                was = k.tasks[data["number"]]
                k.tasks[data["number"]] = (was[0], data.get("follow_up", was[1]), data.get("owner", was[2]))
            case "incident:role:offered":
                k.offered = data["person"]
            case "incident:role:declined":
                k.offered = ""
            case "incident:role:taken" if data["role"] == "commander":
                k.commander, k.offered = data["person"], ""
    return k


def check_line(before: Known, line: Event) -> None:
    """Whether this line was allowed to follow on what the log said before it."""
    match line.kind:
        case "incident:life:mitigated":
            assert before.proven
        case "incident:life:resolved":
            assert before.proven
            assert not before.waiting
            assert before.met == {1, 2}
        case "incident:life:reviewed":
            assert before.status == "resolved"
            assert before.published == before.version > 0
        case "incident:life:closed":
            assert before.status == "reviewed"
            assert before.proven
            assert before.met == {1, 2}
            assert before.owner
            assert all(s != "open" or (follow_up and owner) for s, follow_up, owner in (before.tasks or {}).values())
        case "incident:life:contained" | "incident:life:contradicted":
            assert line.actor == SYSTEM
        case "incident:role:taken" if line.data["role"] == "commander" and before.commander:
            assert line.data["was"] == before.commander
            if line.data.get("forced"):
                assert line.text
            else:
                assert before.offered == line.data["person"]


def check_stands(world: World) -> None:
    """What must be true of the incident as it stands, whatever brought it there."""
    lines = world.lines()
    k = told(lines)
    with world.shop.service.desk.read(world.id) as state:
        incident = state.incidents[world.id]
        assert incident.status in STATUSES
        assert incident.status == (k.status or ("contained" if k.proven else "declared"))
        assert (incident.contained is not None) == k.proven
        assert len(incident.standing) == k.placed - k.lifted
        assert {h for h in state.holds if h.startswith(f"{world.id}/")} == set(incident.standing)
        moments = sorted(incident.moments.values(), key=lambda moment: moment.seq)
        assert all(a.at <= b.at for a, b in pairwise(moments)), "moments are out of order"
        assert all(m.at <= max(world.shop.clock.now(), m.recorded_at) for m in moments)
        assert incident.commander == (k.commander or None)
    found = world.operations.incident(as_person(world.shop, "ada"), world.id)
    reached = [step for step in found["life"] if step["reached"]]
    assert [s["at"] for s in reached] == sorted(s["at"] for s in reached) or incident.status in ENDS


def check_folds(world: World) -> None:
    """The same incident, however its state was come by."""
    ledger, desk = world.shop.service.ledger, world.shop.service.desk
    fresh = State()
    for line in ledger.read():
        fold(fresh, line)
    with desk.read(world.id) as state:
        assert state.incidents[world.id] == fresh.incidents[world.id]
        assert {r: state.requests[r] for r in fresh.incidents[world.id].requests} == fresh.requests
        assert state.restricted == fresh.restricted
        copied = load_state(dump_state(state))
    assert copied.incidents[world.id] == fresh.incidents[world.id]
    let_go(copied, world.id)
    bring_back(copied, world.id, ledger.incident(world.id))
    assert copied.incidents[world.id] == fresh.incidents[world.id]
    assert copied.requests == fresh.requests
    assert verify(ledger.read()).why is None


SEVERAL = ("meet all", "all tasks", "whole review")  # each is more than one change
DENIED = {"restore:approval:denied"}  # the one line that a refusal leaves

Step = tuple[str, str, int, int | None]


@settings(max_examples=50)
@given(st.sampled_from([*STARTS, WAITING]), st.lists(st.tuples(STEPS, HURRY), min_size=12, max_size=30))
def test_whatever_people_do_the_incident_stays_true(start: str, steps: list[tuple[Step, str]]) -> None:
    """
    Contained only from evidence, resolved and closed never over what stands against it, no hold lifted by paperwork,
    times in the order of the lines, refusals without a trace; and any way to fold the log gives the same incident.
    """
    world = started(start)
    lines = world.lines()
    for name, person, n, minutes in hurried(steps):
        head = world.shop.service.ledger.head()
        try:
            ACTS[name](world, as_person(world.shop, person), n, minutes)
        except Refused:
            refused = world.shop.service.ledger.read(after=head.seq)
            assert name in SEVERAL or {e.kind for e in refused} <= DENIED
        new = world.lines()[len(lines) :]
        assert person != "wall" or name in SEVERAL or {e.kind for e in new if e.actor != SYSTEM} <= DENIED
        for line in new:
            check_line(told(lines), line)
            lines.append(line)
            if line.kind == "access:hold:lifted":
                assert name == "approve"
            if line.data.get("forced"):
                assert (name, n % 3) == ("take command", 0)
        check_stands(world)
    check_folds(world)
    seen(f"ended as {told(lines).status or 'open'}")
    world.shop.service.stop()


def hurried(steps: list[tuple[Step, str]]) -> Iterator[Step]:
    """Each step, and what somebody tries after it."""
    for step, to in steps:
        yield step
        if to:
            yield to, "ada", 1, None


@settings(max_examples=40)
@given(st.lists(STEPS, min_size=4, max_size=12), st.data())
def test_timeline_tells_every_line_once_whatever_was_done_to_it(steps: list[Step], data: Any) -> None:
    """Corrected, pinned, redacted or late: each line is there, in order, and outsiders read no restricted word."""
    world = started(data.draw(st.sampled_from(STARTS)))
    for name, person, n, minutes in steps:
        try:
            ACTS[name](world, as_person(world.shop, person), n, minutes)
        except Refused:
            continue
    inside, outside = (world.operations.timeline(as_person(world.shop, p), world.id) for p in ("linus", "wall"))
    told_of = [e.seq for e in world.lines() if e.kind != "incident:entry:pinned"]
    assert [r.seq for r in inside] == [r.seq for r in outside] == told_of
    assert all(
        r.text in ("", "[redacted]") and not any(c.was_text or c.reason for c in r.corrections)
        for r in outside
        if r.restricted
    )
    assert all(r.text for r in inside)
    world.shop.service.stop()
