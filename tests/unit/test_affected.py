"""
Who was cut off and for how long, against a second way of finding out: asking the naive decision at every moment.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from incidents.affected import OFF, REGIONS, THROTTLED, Affected, Window, affected
from incidents.clock import parse_rfc3339
from incidents.decisions import Asker
from incidents.events import Event
from incidents.testing import ADMIN, Workshop, workshop
from tests.support import naive
from tests.support.acting import approve, ask, change_catalog, declare, restored

ELSEWHERE = "ZZ"  # a region that no hold names


def found(shop: Workshop, id: str) -> Affected:
    return affected(shop.service.ledger.incident(id), shop.clock.now())


def lines(shop: Workshop, id: str) -> list[tuple[str, str, str, int]]:
    return [(w.partner, w.flag, w.what, w.ms) for w in found(shop, id).windows]


# --- a second implementation ----------------------------------------------------------------------------------------


def holds_at(events: list[Event], id: str) -> Iterator[tuple[datetime, list[dict[str, Any]]]]:
    """After each moment at which something changed: the incident's holds as plain JSON."""
    standing: dict[str, dict[str, Any]] = {}
    moments = sorted({e.recorded_at for e in events})
    for moment in moments:
        for event in (e for e in events if e.recorded_at == moment and e.incident == id):
            if event.kind == "access:hold:placed":
                standing[event.data["hold"]["id"]] = event.data["hold"]
            elif event.kind == "access:hold:lifted":
                del standing[event.data["hold"]]
        yield moment, list(standing.values())


def looks(catalog: dict[str, Any], holds: list[dict[str, Any]], grant: dict[str, Any], today: str) -> str:
    """What these holds make of one grant, asked of the naive decision."""

    def answer(with_holds: list[dict[str, Any]], region: str | None) -> bool:
        where = {"partner": grant["partner"], "model": grant["model"], "capability": grant["capability"]}
        return naive.decide(catalog, with_holds, {}, region=region, today=today, **where)[0]

    if not answer([], None):
        return ""
    if not answer(holds, ELSEWHERE):
        return OFF
    if not answer(holds, None):
        return REGIONS
    return THROTTLED if strictest(catalog, holds, grant) != strictest(catalog, [], grant) else ""


def strictest(catalog: dict[str, Any], holds: list[dict[str, Any]], grant: dict[str, Any]) -> dict[str, int]:
    caps = naive.caps_of(catalog, holds, grant)
    return {per: min(cap[per] for cap in caps if per in cap) for per in {per for cap in caps for per in cap}}


def naively(shop: Workshop, id: str) -> list[tuple[str, str, str, datetime, datetime | None]]:
    catalog = shop.service.operations.catalog(ADMIN)
    seen = []
    for grant in catalog["grants"]:
        what, since = "", shop.clock.now()
        for at, holds in holds_at(shop.service.ledger.read(), id):
            now = looks(catalog, holds, grant, at.date().isoformat())
            if now != what:
                if what:
                    seen.append((grant["partner"], f"{grant['model']}:{grant['capability']}", what, since, at))
                what, since = now, at
        if what:
            seen.append((grant["partner"], f"{grant['model']}:{grant['capability']}", what, since, None))
    return sorted(seen, key=lambda w: (*w[:2], w[3]))


ACTIONS = (
    "revoke-partner: {partner: acme}",
    "revoke-partner: {partner: initech}",
    "switch-off: {capability: orion-2:tool-use}",
    "switch-off: {capability: tool-use}",
    "switch-off: {capability: browsing, regions: [EU]}",
    "switch-off: {capability: orion-2:code-execution, regions: [DE, FR]}",
    "tighten-cap: {partner: acme, capability: orion-2:tool-use, cap: {per_day: 10}}",
    "tighten-cap: {capability: tool-use, cap: {per_day: 9000}}",
    "tighten-cap: {capability: vega-1:browsing, cap: {per_minute: 0}}",
    "roll-back-stage: {model: vega-1, stages: 1}",
    "roll-back-stage: {model: orion-2, stages: 1}",
    "halt-model: {model: vega-1}",
    "freeze-promotion: {model: orion-2}",
)


def lived_through(shop: Workshop, rng: Random) -> str:
    """An incident with some of these actions, given the word for, given back and put on again at random."""
    chosen = rng.sample(ACTIONS, rng.randint(1, 6))
    waits = [rng.random() < 0.3 for _ in chosen]
    shop.clock.advance(rng.randint(1, 5))
    id = declare(shop, *(f"{{{a}, after: validated}}" if w else a for a, w in zip(chosen, waits, strict=True)))
    waiting = [n for n, w in enumerate(waits, 1) if w]
    for _ in range(rng.randint(0, 7)):
        shop.clock.advance(rng.randint(1, 5))
        with shop.service.desk.read() as state:
            placed = sorted({state.holds[h].action for h in state.incidents[id].standing})
        if waiting and rng.random() < 0.5:
            shop.service.operations.validate(ADMIN, id, waiting.pop(rng.randrange(len(waiting))))
        elif placed:
            restored(shop, id, *rng.sample(placed, rng.randint(1, len(placed))))
    shop.clock.advance(rng.randint(1, 5))
    return id


@settings(max_examples=120)
@given(st.integers(0, 2**32))
def test_windows_are_those_that_asking_at_every_moment_finds(seed: int) -> None:
    """
    A partner who was cut off for an hour must not be told of twenty minutes, whatever order things were given back in.
    """
    shop = workshop()
    id = lived_through(shop, Random(seed))
    mine = [(w.partner, w.flag, w.what, w.since, w.until) for w in found(shop, id).windows]

    assert mine == naively(shop, id)
    shop.service.stop()


@settings(max_examples=60)
@given(st.integers(0, 2**32), st.integers(0, 600))
def test_open_windows_grow_with_time_and_closed_ones_do_not(seed: int, seconds: int) -> None:
    """A figure that was right when the review was written has to stay so."""
    shop = workshop()
    id = lived_through(shop, Random(seed))
    before = found(shop, id).windows
    shop.clock.advance(seconds)

    for was, now in zip(before, found(shop, id).windows, strict=True):
        assert now.ms - was.ms == (seconds * 1000 if was.until is None else 0)
        assert replace(now, ms=was.ms) == was
    shop.service.stop()


# --- what each situation means ---------------------------------------------------------------------------------------


def test_partner_given_back_in_part_has_windows_of_different_length(shop: Workshop) -> None:
    """One capability may be safe again long before another."""
    id = declare(shop, "switch-off: {capability: orion-2:tool-use}", "switch-off: {capability: orion-2:browsing}")
    shop.clock.advance(60)
    restored(shop, id, 2)
    shop.clock.advance(60)

    assert lines(shop, id) == [
        ("acme", "orion-2:browsing", OFF, 60_000),
        ("acme", "orion-2:tool-use", OFF, 120_000),
        ("globex", "orion-2:tool-use", OFF, 120_000),
    ]
    assert [w.until is None for w in found(shop, id).windows] == [False, True, True]


def test_same_partner_off_twice_has_two_windows(shop: Workshop) -> None:
    """The time between, when they could work, is not counted as an outage."""
    id = declare(shop, "revoke-partner: {partner: globex}", "{halt-model: {model: vega-1}, after: validated}")
    shop.clock.advance(10)
    restored(shop, id)
    shop.clock.advance(100)
    shop.service.operations.validate(ADMIN, id, 2)
    shop.clock.advance(5)

    assert [w for w in lines(shop, id) if w[0] == "globex" and w[1] == "vega-1:fine-tuning"] == [
        ("globex", "vega-1:fine-tuning", OFF, 10_000),
        ("globex", "vega-1:fine-tuning", OFF, 5_000),
    ]


def test_throttle_and_region_are_not_called_off(shop: Workshop) -> None:
    """A slowed partner is not a dark one; leadership counts the dark ones."""
    id = declare(
        shop,
        "tighten-cap: {partner: acme, capability: orion-2:tool-use, cap: {per_minute: 1}}",
        "switch-off: {capability: orion-2:code-execution, regions: [EU]}",
    )
    shop.clock.advance(7)

    assert lines(shop, id) == [
        ("acme", "orion-2:code-execution", REGIONS, 7_000),
        ("acme", "orion-2:tool-use", THROTTLED, 7_000),
    ]
    assert found(shop, id).longest_ms == 0


def test_who_had_no_access_before_was_not_affected(shop: Workshop) -> None:
    """Initech's terms for tool-use are pending: nothing was taken from it there."""
    id = declare(shop, "halt-model: {model: vega-1}")
    shop.clock.advance(1)

    assert ("initech", "vega-1:tool-use") not in {(w.partner, w.flag) for w in found(shop, id).windows}
    assert "initech" in found(shop, id).partners


def test_given_back_while_another_incident_still_holds_it_says_why_it_is_off(shop: Workshop) -> None:
    """This incident's time ends with its own holds; the reader must not think that access is back."""
    first = declare(shop, "revoke-partner: {partner: acme}")
    shop.clock.advance(5)
    second = declare(shop, "switch-off: {capability: orion-2:tool-use}")
    shop.clock.advance(5)
    restored(shop, first)
    window = next(w for w in found(shop, first).windows if w.flag == "orion-2:tool-use")

    assert (window.ms, window.until is not None) == (10_000, True)
    assert {w.partner for w in found(shop, second).windows} == {"globex"}  # acme was the first one's already


def test_grant_that_ran_out_meanwhile_is_named_as_the_reason(shop: Workshop) -> None:
    """After the restore something else denies it; saying nothing would look like a restore that failed."""
    id = declare(shop, "revoke-partner: {partner: acme}")
    change_catalog(shop, lambda c: c["grants"][0].update(expires="2026-11-22"))
    shop.clock.advance(5)
    restored(shop, id)

    then = {w.flag: w.then for w in found(shop, id).windows}
    assert then["orion-2:tool-use"] == "grant-expired"
    assert then["orion-2:browsing"] is None


def test_what_the_evidence_left_out_is_counted(shop: Workshop) -> None:
    """A list that was cut must say so, or its length would be taken for the truth."""
    id = declare(shop, "halt-model: {model: vega-1}")
    events = [
        replace(e, data=e.data | {"left_out": 3_000}) if e.kind == "incident:evidence:frozen" else e
        for e in shop.service.ledger.incident(id)
    ]

    assert affected(events, shop.clock.now()).uncounted == 3_000


# --- a way back in steps ----------------------------------------------------------------------------------------------


def rewritten(event: Event, kind: str, after: float = 0, **data: Any) -> Event:
    at = event.recorded_at + timedelta(seconds=after)
    return replace(event, kind=kind, data=data, at=at, recorded_at=at)


def test_partner_that_is_spared_first_is_back_first(shop: Workshop) -> None:
    """A canary partner's outage ends with its step, the others' with theirs; taken back, it begins again."""
    grace: Asker = shop.person("grace", "commander")
    id = declare(shop, "roll-back-stage: {model: orion-2, stages: 1}")
    shop.clock.advance(10)
    approve(shop, ask(shop, id, grace), shop.person("ada", "commander"))
    events = shop.service.ledger.incident(id)
    asked = next(e for e in events if e.kind == "restore:request:asked")
    request, hold = asked.data["request"], asked.data["plan"]["holds"][0]["hold"]
    rows = [r for r in asked.data["plan"]["access"] if r["partner"] == "acme"], asked.data["plan"]["access"]
    plan = asked.data["plan"] | {"steps": [{"access": rows[0]}, {"access": rows[1]}]}
    kept = [replace(e, data=e.data | {"plan": plan}) if e is asked else e for e in events]
    kept = [e for e in kept if e.kind != "access:hold:lifted"]
    more = [
        rewritten(asked, "access:hold:eased", 10, hold=hold, request=request, step=1, partners=["acme"]),
        rewritten(asked, "restore:step:done", 10, request=request, step=1, of=2),
        rewritten(asked, "access:hold:eased", 25, hold=hold, request=request, step=1, partners=[]),
    ]
    now = asked.recorded_at + timedelta(seconds=30)

    def of(partner: str, windows: tuple[Window, ...]) -> list[int]:
        return [w.ms for w in windows if w.partner == partner and w.flag == "orion-2:tool-use"]

    assert of("acme", affected([*kept, *more[:2]], now).windows) == [20_000]
    assert of("globex", affected([*kept, *more[:2]], now).windows) == [40_000]
    assert of("acme", affected([*kept, *more], now).windows) == [20_000, 5_000]


def test_evidence_is_the_first_and_a_later_action_adds_its_own(shop: Workshop) -> None:
    """What stood before the incident stays what it was; whom a validated action reaches is known as exactly."""
    id = declare(shop, "revoke-partner: {partner: acme}", "{halt-model: {model: vega-1}, after: validated}")
    shop.service.operations.validate(ADMIN, id, 2)
    frozen = [e for e in shop.service.ledger.incident(id) if e.kind == "incident:evidence:frozen"]

    assert [sorted({r["partner"] for r in e.data["access"]}) for e in frozen] == [
        ["acme"],
        ["acme", "globex", "initech"],
    ]
    assert shop.service.operations.incident(ADMIN, id)["evidence"] == frozen[0].data


@pytest.mark.parametrize("kind", ["drill", "real"])
def test_drill_counts_like_the_real_thing(shop: Workshop, kind: str) -> None:
    """A rehearsal is only worth something if its figures can be compared."""
    id = declare(shop, "revoke-partner: {partner: acme}", kind=kind)
    start = parse_rfc3339(shop.service.operations.incident(ADMIN, id)["declared_at"])
    shop.clock.advance(3)

    assert {w.since for w in found(shop, id).windows} == {start}
    assert len(found(shop, id).windows) == 4
