"""Single decisions whose edge matters: the last day of a grant, terms, caps, a log newer than the program."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from incidents import events as ev
from incidents.clock import ManualClock
from incidents.decisions import Decided
from incidents.desk import Desk
from incidents.enforcement.asking import Asking, Question, evaluation, partner_of
from incidents.enforcement.flagd import flag_set, lease_end
from incidents.enforcement.usage import UsageBook
from incidents.events import SYSTEM, Draft
from incidents.ledger.memory import MemoryLedger
from incidents.snapshot import build
from incidents.state import State, fold
from incidents.testing import ADMIN, Workshop
from tests.support.acting import change_catalog, declare, why

TOOLS = "orion-2:tool-use"


def decided(shop: Workshop, now: datetime) -> str:
    return shop.service.desk.snapshot.decide("acme", "orion-2", "tool-use", now=now).reason


@pytest.mark.parametrize(
    ("now", "expected"),
    [
        (datetime(2027, 12, 31, 0, 0, tzinfo=UTC), "granted"),
        (datetime(2027, 12, 31, 23, 59, 59, 999999, tzinfo=UTC), "granted"),
        (datetime(2028, 1, 1, 0, 0, tzinfo=UTC), "grant-expired"),
    ],
)
def test_a_grant_counts_through_its_last_day_in_utc(shop: Workshop, now: datetime, expected: str) -> None:
    """`expires` is a date that is included; a partner in Tokyo and one in New York lose it at the same moment."""
    assert decided(shop, now) == expected


def test_terms_that_are_pending_deny_and_accepted_terms_allow(shop: Workshop) -> None:
    """Without the partner's word there is no access, however complete the rest is."""
    assert why(shop, "initech", "vega-1:tool-use") == "terms-not-accepted"
    change_catalog(shop, lambda c: c["grants"][7].update(terms="accepted"))
    assert why(shop, "initech", "vega-1:tool-use") == "granted"


def test_the_stage_and_the_audience_decide_who_is_admitted(shop: Workshop) -> None:
    """A partner of a later audience waits until the model has come that far."""
    change_catalog(
        shop, lambda c: c["grants"].append({"partner": "initech", "model": "orion-2", "capability": "browsing",
                                            "terms": "accepted"})
    )  # fmt: skip
    assert why(shop, "initech", "orion-2:browsing") == "stage"
    change_catalog(shop, lambda c: c["models"]["orion-2"].update(stage="limited"))
    assert why(shop, "initech", "orion-2:browsing") == "granted"


def test_every_decision_carries_the_revision(shop: Workshop) -> None:
    """Without it nobody can tell whether an answer is older than a kill."""
    before = shop.service.desk.snapshot.revision
    declare(shop, "revoke-partner: {partner: acme}")
    answer = shop.service.operations.check(ADMIN, "acme", "orion-2", "tool-use")
    assert answer == {
        "allowed": False,
        "reason": "partner-revoked",
        "revision": shop.service.desk.snapshot.revision,
        "held_by": ["INC-2026-0001"],
    }
    assert answer["revision"] > before


def test_a_partner_asks_for_itself_alone_and_is_not_told_who_holds_it(shop: Workshop) -> None:
    """Whatever the request says; and an incident's id is nothing that a partner should learn from a denial."""
    declare(shop, "revoke-partner: {partner: acme}")
    acme = shop.credential(shop.secret("acme", "partner", partner="acme")).asker("api")
    answer = shop.service.operations.check(acme, "globex", "orion-2", "tool-use")
    assert (answer["reason"], answer["held_by"]) == ("partner-revoked", [])


# --- a log that holds what this program can't read --------------------------------------------------------------------


def unknown(shop: Workshop, **changes: Any) -> State:
    """The state after one more event that has been changed as a later version might write it."""
    shop.service.operations.note(ADMIN, declare(shop, "revoke-partner: {partner: globex}"), "x")
    last = shop.service.ledger.read()[-1]
    with shop.service.desk.read() as state:
        fold(state, replace(last, seq=last.seq + 1, **changes))
        return state


@pytest.mark.parametrize(
    "changes",
    [
        {"kind": "access:embargo:set", "data": {"country": "XX"}},
        {"kind": "access:lease:set", "kind_v": 2, "data": {"seconds": 15}},
        {"kind": "access:lease:set", "data": {"seconds": 15, "only_for": "acme"}},
    ],
    ids=["unknown kind", "newer version of a kind", "unknown field"],
)
def test_an_access_event_that_is_not_understood_denies_everything(shop: Workshop, changes: dict[str, Any]) -> None:
    """It changed who may do what, and nobody here can tell how; guessing would be guessing open."""
    snapshot = build(unknown(shop, **changes))
    assert snapshot.unreadable
    assert not snapshot.decide("acme", "orion-2", "tool-use", now=shop.clock.now()).allowed


@pytest.mark.parametrize(
    "changes",
    [
        {"kind": "incident:mood:changed", "data": {"to": "calm"}},
        {"kind": "incident:note:added", "kind_v": 2, "data": {"tone": "calm"}},
        {"kind": "incident:note:added", "data": {"tone": "calm"}},
    ],
    ids=["unknown kind", "newer version of a kind", "unknown field"],
)
def test_another_event_that_is_not_understood_changes_no_decision(shop: Workshop, changes: dict[str, Any]) -> None:
    """A note of a newer version must not take every gateway down."""
    snapshot = build(unknown(shop, **changes))
    assert snapshot.unreadable is None
    assert snapshot.decide("acme", "orion-2", "tool-use", now=shop.clock.now()).allowed


def test_an_unreadable_log_is_seen_by_who_follows_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """The desk's own path, not only the fold: the snapshot that decisions are made from must deny."""
    clock = ManualClock()
    ledger = MemoryLedger()
    desk, follower = Desk(ledger, clock), Desk(ledger.beside(), clock)
    desk.start()
    follower.start()
    desk.submit(lambda state, now: Decided([Draft(ev.LedgerOpened(ledger_id=ledger.id))]), actor=SYSTEM)
    follower.follow()
    assert follower.snapshot.unreadable is None

    with monkeypatch.context() as patched:
        patched.setattr(ev.LeaseSet, "kind", "access:embargo:set")
        desk.submit(lambda state, now: Decided([Draft(ev.LeaseSet(seconds=15))]), actor=SYSTEM)
    follower.follow()
    assert "access:embargo:set" in (follower.snapshot.unreadable or "")
    assert follower.snapshot.decide("a", "m", "c", now=clock.now()).reason == "no-grant"


# --- asked over HTTP --------------------------------------------------------------------------------------------------


def test_what_authorize_allows_is_counted_and_the_cap_ends_it_until_the_window_is_over(shop: Workshop) -> None:
    """A throttle that counted nothing would be a word."""
    declare(shop, f"tighten-cap: {{partner: acme, capability: '{TOOLS}', cap: {{per_minute: 2}}}}")
    asking, snapshot = Asking(UsageBook()), shop.service.desk.snapshot

    def ask(count: bool = True) -> str:
        question = Question("acme", "orion-2", "tool-use")
        return asking.decide(snapshot, question, shop.clock.now(), in_time=True, count=count).reason

    assert [ask(count=False), ask(), ask(), ask()] == ["granted", "granted", "granted", "usage-cap"]
    shop.clock.advance(60)
    assert ask() == "granted"


def test_nobody_may_say_yes_who_has_not_looked_at_the_log_in_time(shop: Workshop) -> None:
    """A server that is cut off from its log can't know of a kill."""
    question = Question("acme", "orion-2", "tool-use")
    found = Asking(UsageBook()).decide(
        shop.service.desk.snapshot, question, shop.clock.now(), in_time=False, count=True
    )
    assert (found.allowed, found.reason) == (False, "lease-lapsed")


def test_what_a_hold_keeps_out_is_counted_where_it_is_asked_live(shop: Workshop) -> None:
    """People want to know what a kill costs; what the catalog never allowed costs nothing."""
    book, now = UsageBook(), shop.clock.now()
    declare(shop, "revoke-partner: {partner: acme}")
    for partner in ("acme", "acme", "nobody", "initech"):
        question = Question(partner, "orion-2", "browsing")
        Asking(book).decide(shop.service.desk.snapshot, question, now, in_time=True, count=partner != "initech")
    assert book.refused("acme", "orion-2:browsing", now) == 2
    assert book.refused("nobody", "orion-2:browsing", now) == book.refused("initech", "orion-2:browsing", now) == 0


def test_a_key_names_its_partner_and_a_name_that_contradicts_it_names_nobody(shop: Workshop) -> None:
    """A gateway that is told two things about who asks must not pick the more convenient one."""
    gateway, snapshot = shop.credential(shop.point("eu-1")), shop.service.desk.snapshot
    assert partner_of(gateway, snapshot, None, "acme-demo-key") == "acme"
    assert partner_of(gateway, snapshot, "acme", "acme-demo-key") == "acme"
    assert partner_of(gateway, snapshot, "globex", "acme-demo-key") is None
    assert partner_of(gateway, snapshot, "acme", "no-such-key") is None
    partner = shop.credential(shop.secret("globex", "partner", partner="globex"))
    assert partner_of(partner, snapshot, "acme", "acme-demo-key") == "globex"


def test_a_denial_in_openfeature_is_a_value_and_never_an_error(shop: Workshop) -> None:
    """Clients turn errors into the caller's default, and that may be True."""
    declare(shop, "revoke-partner: {partner: acme}")
    decision = shop.service.desk.snapshot.decide("acme", "orion-2", "tool-use", now=shop.clock.now())
    found = evaluation(TOOLS, decision)
    assert (found["value"], found["variant"], found["reason"]) == (False, "off", "DISABLED")
    assert found["metadata"]["reason"] == "partner-revoked"


def test_flagd_lists_who_is_allowed_and_every_rule_ends_with_its_lease(shop: Workshop) -> None:
    """An unmodified client compares its clock with this number; a rule without it would serve for ever."""
    declare(shop, f"switch-off: {{capability: '{TOOLS}', regions: [DE]}}")
    declare(shop, "tighten-cap: {partner: acme, capability: 'orion-2:browsing', cap: {per_day: 0}}")
    now = shop.clock.now()
    end = lease_end(now, 15)
    flags = flag_set(shop.service.desk.snapshot, now, end)["flags"]

    assert 0 < end - now.timestamp() <= 15
    lease, who, told, where = flags[TOOLS]["targeting"]["if"][0]["and"]
    assert lease == {"<": [{"var": "$flagd.timestamp"}, end]}
    assert who == {"in": [{"var": "targetingKey"}, ["acme", "globex"]]}
    assert told == {"!!": [{"var": "region"}]}
    assert {"DE", "de"} <= set(where["!"]["in"][1])
    assert flags["orion-2:browsing"]["targeting"]["if"][0] is False
    assert {flag["state"] for flag in flags.values()} == {"ENABLED"}
