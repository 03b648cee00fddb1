"""
What stands in the ledger of the small world: a few events, the tables that follow from them, and folded states.

One partner, one model, two capabilities ``f`` and ``g``. Everything is worked out once and shared: it never changes.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any, NamedTuple

from incidents.catalog import Capability, Catalog
from incidents.client import Copy, _weight
from incidents.holds import Hold, HoldKind
from incidents.state import Incident, Point, State

TICK = 60.0  # seconds; ``Points.expired`` waits 60 s, which is one tick here
HEAD_AGE = TICK  # twice that in worlds that are about it
DRIFT = 1.0  # a clock may run at half the speed of another: the smallest that whole ticks can show
SHORT, LONG = 60, 120  # lease lengths in seconds

POINT, PARTNER, MODEL = "eu", "acme", "m"
EPOCH = datetime(2026, 11, 23, tzinfo=UTC)
WALL = EPOCH.timestamp()

Json = dict[str, Any]


class Log(NamedTuple):
    """A ledger: id, events in order, the tick of each commit; ``behind``: ticks by which its writer's clock is."""

    id: str
    events: tuple[str, ...] = ()
    at: tuple[int, ...] = ()
    behind: int = 0
    lease: int = LONG  # the length in force at the beginning

    @property
    def head(self) -> int:
        """The newest revision; 1 is the ledger before the first event."""
        return len(self.events) + 1

    def adding(self, event: str, tick: int) -> Log:
        return self._replace(events=(*self.events, event), at=(*self.at, tick))


class Kill(NamedTuple):
    """A hold that was committed: the capability that no older copy may allow once the bound is over."""

    ledger: str
    revision: int
    thing: str
    at: int


def moment(tick: float) -> datetime:
    return EPOCH + timedelta(seconds=tick * TICK)


def lease_of(log: Log, revision: int) -> int:
    """The lease length in force at a revision."""
    found = log.lease
    for event in log.events[: revision - 1]:
        if event.startswith("lease "):
            found = SHORT if event == "lease short" else LONG
    return found


@cache
def live_table(events: tuple[str, ...]) -> Json:
    """The effective table after these events, as the snapshot would hold it."""
    off: set[str] = set()
    eased: set[str] = set()
    silent: set[str] = set()
    for event in events:
        word, _, thing = event.partition(" ")
        if word in ("kill", "lift"):
            (off.add if word == "kill" else off.discard)(thing)
        elif word in ("ease", "tighten"):
            (eased.add if word == "ease" else eased.discard)(thing)
        elif word in ("silence", "unsilence"):
            (silent.add if word == "silence" else silent.discard)(thing)
    table: Json = {
        "ladder": ["internal", "general"],
        f"model:{MODEL}": {"stage": "general"},
        f"partner:{PARTNER}": {"audience": "general"},
    }
    for thing in ("f", "g"):
        table[f"grant:{PARTNER}:{MODEL}:{thing}"] = {"terms": True}
        open_ = {"silence": "allow"} if thing in silent else {}
        table[f"flag:{MODEL}:{thing}"] = ({"off": True} if thing in off else {}) | open_
        if thing in off & eased:
            table[f"flag:{MODEL}:{thing}"]["for"] = {PARTNER: open_}
    return table


@cache
def _copy(ledger: str, revision: int, events: tuple[str, ...]) -> Copy:
    plain = Copy(ledger, revision, {}, {}, 0)
    live = live_table(events)
    whole = plain.after({"revision": revision, "live": {"set": live}, "digest": _digest_of(live)})
    return Copy.from_snapshot(whole.as_body())


def _digest_of(live: Json) -> str:
    return f"{sum(_weight('live', key, value) for key, value in live.items()) % 2**256:064x}"


def copy_of(log: Log, revision: int) -> Copy:
    """The true copy at a revision."""
    return _copy(log.id, revision, log.events[: revision - 1])


def damaged_copy(log: Log, revision: int, table_of: int) -> Copy:
    """A copy that says ``revision`` and holds the table of an older one, with that table's digest."""
    return _copy(log.id, revision, log.events[: table_of - 1])


@cache
def _change(ledger: str, old: tuple[str, ...], new: tuple[str, ...]) -> Json:
    before, after = live_table(old), live_table(new)
    return {
        "ledger": ledger,
        "from": len(old) + 1,
        "revision": len(new) + 1,
        "live": {"set": {k: v for k, v in after.items() if before.get(k) != v}, "remove": []},
        "shadow": {"set": {}, "remove": []},
        "digest": _digest_of(after),
    }


def change_of(log: Log, old: int, new: int) -> Json:
    """The change between two revisions as the wire carries it."""
    return _change(log.id, log.events[: old - 1], log.events[: new - 1])


@cache
def state_of(log: Log, revision: int) -> State:
    """The folded state: what the register reads of it is filled in."""
    state = State(ledger=log.id, seq=revision, revision=revision, lease_seconds=log.lease)
    point = Point(POINT, 1, EPOCH)
    silent: set[str] = set()
    for number, event in enumerate(log.events[: revision - 1], 2):
        word, _, thing = event.partition(" ")
        if word == "lease":
            seconds = SHORT if thing == "short" else LONG
            if seconds != state.lease_seconds:
                state.lease_was = [*state.lease_was, (moment(log.at[number - 2] - log.behind), state.lease_seconds)]
            state.lease_seconds = seconds
        elif word == "silence":
            silent.add(thing)
        elif word == "unsilence":
            silent.discard(thing)
            state.silence_ended[thing] = number
        elif word == "token":
            point.gone_seq = number
        elif word == "restored":
            state.restored_at = moment(log.at[number - 2])
        elif word in ("kill", "tighten"):  # sparing somebody no longer is an order of its own
            incident = _incident(number, thing, log.at[number - 2] - log.behind)
            state.incidents[incident.id] = incident
    state.points[POINT] = point
    state.catalog = Catalog(
        capabilities={c: Capability(id=c, models=(MODEL,), on_silence="allow" if c in silent else "") for c in "fg"}
    )
    return state


def incident_name(revision: int) -> str:
    return f"INC-{revision}"


def _incident(revision: int, thing: str, tick: int) -> Incident:
    id = incident_name(revision)
    hold = Hold(id=f"{id}/h1", incident=id, action=1, kind=HoldKind.FLAG, model=MODEL, capability=thing)
    at = moment(tick)
    return Incident(
        id=id, kind="real", severity="sev1", playbook="p", playbook_title="P", playbook_version=1,
        playbook_digest="0" * 64, parameters={}, declared_at=at, declared_by="ada", via="cli", seq=revision,
        revision=revision, ordered_at=at, holds=[hold.id], placed={hold.id: hold.data()},
    )  # fmt: skip
