"""What proves that a kill has arrived: the containment table, line by line, on a clock that a test moves."""

from __future__ import annotations

from typing import Any

import pytest

from incidents.clock import rfc3339
from incidents.decisions import Decided, access
from incidents.enforcement.grants import bound
from incidents.enforcement.hub import Ring
from incidents.enforcement.points import FLAGD_SLACK, KNOWN_WITHOUT_NAME, Points
from incidents.events import SYSTEM, ContainmentContradicted, Draft
from incidents.ledger import Instance
from incidents.service import Service
from incidents.testing import ADMIN, Workshop
from tests.support.acting import approve, ask, change_catalog, declare, kinds_of, restored

BOUND = bound(15)  # 16.15 s
REVOKE = "revoke-partner: {partner: acme}"


class Gateway:
    """An instance of a point, as the front registers what it says."""

    def __init__(self, shop: Workshop, point: str, instance: str = "i-1", *, applies: tuple[str, ...] = ("live",)):
        self.shop, self.point, self.instance, self.applies = shop, point, instance, applies
        shop.point(point)
        self.points: Points = shop.service.points

    def acknowledges(self, revision: int | None = None, *, refused: str | None = None) -> None:
        """Says what it holds; the newest where it does not say."""
        self.points.used(self.point, at=self.shop.clock.now(), copies=True)
        self.copy = self.points.acknowledge(
            self.point,
            self.instance,
            self.shop.service.desk.snapshot.revision if revision is None else revision,
            applies=self.applies,
            boot=self.shop.clock.boot(),
            at=self.shop.clock.now(),
            refused=refused,
        )

    def renews(self) -> None:
        """Acknowledges the newest table and is granted a lease."""
        self.acknowledges()
        self.points.grant(self.copy, self.shop.service.desk.snapshot.lease_seconds, self.shop.clock.boot())


def containment(shop: Workshop, id: str) -> dict[str, Any]:
    shop.service.cycle()
    return shop.service.operations.containment(ADMIN, id)


def states(shop: Workshop, id: str) -> dict[str, str]:
    return {p["name"]: p["state"] for p in containment(shop, id)["points"]}


def overall(shop: Workshop, id: str) -> tuple[str, int, int]:
    found = containment(shop, id)
    return found["state"], found["confirmed"], found["total"]


def allow_silence(shop: Workshop) -> None:
    change_catalog(shop, lambda c: c["capabilities"]["tool-use"].update(on_silence="allow"))


# --- confirmed --------------------------------------------------------------------------------------------------------


def test_without_points_it_is_contained_at_once_and_written_once(shop: Workshop) -> None:
    """Nought of nought; and the log says it one time, however often one looks."""
    id = declare(shop, REVOKE)
    assert overall(shop, id) == ("contained", 0, 0)
    shop.clock.advance(60)
    shop.service.cycle()
    assert kinds_of(shop, id).count("incident:life:contained") == 1


def test_a_point_confirms_by_acknowledging_this_revision_or_a_later_one(shop: Workshop) -> None:
    """And the log keeps who, at which revision and how fast."""
    eu, us = Gateway(shop, "eu-1"), Gateway(shop, "us-1")
    eu.renews()
    us.renews()
    id = declare(shop, REVOKE)
    revision = shop.service.desk.snapshot.revision
    eu.acknowledges(revision - 1)
    assert states(shop, id) == {"eu-1": "pending", "us-1": "pending"}

    shop.clock.advance(0.084)
    eu.acknowledges(revision)
    assert overall(shop, id) == ("pending", 1, 2)
    shop.clock.advance(0.1)
    declare(shop, "halt-model: {model: vega-1}")
    us.acknowledges()
    assert overall(shop, id) == ("contained", 2, 2)
    data = shop.service.ledger.incident(id)[-1].data
    assert (data["revision"], data["slowest"], data["ms"], data["total"]) == (revision, "us-1", 184, 2)
    assert {p["name"]: (p["state"], p["ms"]) for p in data["points"]} == {
        "eu-1": ("confirmed", 84), "us-1": ("confirmed", 184),
    }  # fmt: skip


def test_a_point_is_confirmed_only_when_every_instance_that_may_hold_a_lease_has_acknowledged(shop: Workshop) -> None:
    """One of two processes with the old table is an open gate."""
    one, two = Gateway(shop, "eu-1", "a"), Gateway(shop, "eu-1", "b")
    one.renews()
    two.renews()
    id = declare(shop, REVOKE)
    one.acknowledges()
    assert states(shop, id) == {"eu-1": "pending"}
    two.acknowledges()
    assert states(shop, id) == {"eu-1": "confirmed"}


def test_an_instance_whose_lease_has_run_out_is_not_waited_for(shop: Workshop) -> None:
    """It denies by itself; the others confirm as soon as it does, before the bound."""
    dead, living = Gateway(shop, "eu-1", "a"), Gateway(shop, "eu-1", "b")
    dead.renews()
    shop.clock.advance(10)
    living.renews()
    id = declare(shop, REVOKE)
    living.acknowledges()
    shop.clock.advance(5.1)  # the dead one's lease: 15.15 s
    assert states(shop, id) == {"eu-1": "pending"}
    shop.clock.advance(0.1)
    assert states(shop, id) == {"eu-1": "confirmed"}


def test_an_instance_that_starts_after_the_kill_has_no_lease_and_unconfirms_nothing(shop: Workshop) -> None:
    """It comes with an old copy from its disk, and is told the change; it could not allow anything."""
    one = Gateway(shop, "eu-1", "a")
    one.renews()
    old = shop.service.desk.snapshot.revision
    id = declare(shop, REVOKE)
    Gateway(shop, "eu-1", "late").acknowledges(old)
    assert states(shop, id) == {"eu-1": "pending"}
    one.acknowledges()
    assert states(shop, id) == {"eu-1": "confirmed"}
    Gateway(shop, "eu-1", "later").acknowledges(old)
    assert states(shop, id) == {"eu-1": "confirmed"}


def test_a_second_instance_that_was_granted_before_the_kill_is_waited_for_although_the_first_was_quick(
    shop: Workshop,
) -> None:
    """The second one's last renewal may be the youngest: its lease ends last."""
    one = Gateway(shop, "eu-1", "a")
    one.renews()
    shop.clock.advance(14)
    two = Gateway(shop, "eu-1", "b")
    two.renews()
    id = declare(shop, REVOKE)
    one.acknowledges()
    shop.clock.advance(15)
    assert states(shop, id) == {"eu-1": "pending"}
    shop.clock.advance(0.2)  # now b's lease, renewed at 14 s, is over too
    assert states(shop, id) == {"eu-1": "confirmed"}


def test_processes_that_name_no_instance_are_confirmed_by_the_bound(shop: Workshop) -> None:
    """Two of them look like one: when the first has the kill, the second may still allow from the copy before it."""
    unnamed = Gateway(shop, "eu-1", KNOWN_WITHOUT_NAME)
    unnamed.renews()
    id = declare(shop, REVOKE)
    shop.clock.advance(5)
    unnamed.renews()
    assert states(shop, id) == {"eu-1": "pending"}
    shop.clock.advance(BOUND - 5)
    assert states(shop, id) == {"eu-1": "confirmed"}


# --- lapsed -----------------------------------------------------------------------------------------------------------


def test_a_point_that_stays_silent_lapses_at_the_bound_and_not_before(shop: Workshop) -> None:
    """A second for the server's look, a lease, and one percent: then no copy older than the kill is in use."""
    Gateway(shop, "eu-1").renews()
    id = declare(shop, REVOKE)
    shop.clock.advance(BOUND - 0.01)
    assert overall(shop, id) == ("pending", 0, 1)
    shop.clock.advance(0.02)
    assert overall(shop, id) == ("contained", 0, 1)
    assert states(shop, id) == {"eu-1": "lapsed"}


def test_a_point_that_never_connected_counts_and_lapses_by_the_same_bound(shop: Workshop) -> None:
    """It may be a gateway that runs on a copy which this server never saw."""
    shop.point("eu-1")
    id = declare(shop, REVOKE)
    assert overall(shop, id) == ("pending", 0, 1)
    assert containment(shop, id)["points"][0]["because"] == "has not connected; lapses by the bound"
    shop.clock.advance(BOUND)
    assert states(shop, id) == {"eu-1": "lapsed"}


def test_the_bound_is_that_of_the_longest_lease_that_was_in_force(shop: Workshop) -> None:
    """Shortening the lease just before a kill does not shorten what was granted already."""
    Gateway(shop, "eu-1").renews()
    desk = shop.service.desk
    desk.submit(lambda state, now: access.set_lease(state, 60), actor=SYSTEM)
    desk.submit(lambda state, now: access.set_lease(state, 5), actor=SYSTEM)
    id = declare(shop, REVOKE)
    shop.clock.advance(bound(60) - 0.01)
    assert states(shop, id) == {"eu-1": "pending"}
    shop.clock.advance(0.02)
    assert states(shop, id) == {"eu-1": "lapsed"}


@pytest.mark.parametrize(
    "action",
    [REVOKE, "switch-off: {capability: tool-use}", "switch-off: {capability: 'orion-2:tool-use'}",
     "halt-model: {model: orion-2}", "roll-back-stage: {model: orion-2}",
     "tighten-cap: {capability: tool-use, cap: {per_day: 1}}"],
)  # fmt: skip
def test_a_kill_that_touches_a_flag_which_goes_on_in_silence_stays_pending_until_the_point_is_retired(
    shop: Workshop, action: str
) -> None:
    """Lapsing proves nothing there: the point was told to keep its last answer."""
    allow_silence(shop)
    Gateway(shop, "eu-1").renews()
    id = declare(shop, action)
    shop.clock.advance(10 * BOUND)
    found = containment(shop, id)
    assert (found["state"], found["may_serve"], found["points"][0]["state"]) == ("pending", True, "pending")
    assert "may still serve" in found["points"][0]["because"]

    shop.service.operations.retire_point(ADMIN, "eu-1")
    assert overall(shop, id) == ("contained", 0, 1)


def test_such_a_point_is_contained_by_confirming(shop: Workshop) -> None:
    """Late is not never."""
    allow_silence(shop)
    point = Gateway(shop, "eu-1")
    point.renews()
    id = declare(shop, REVOKE)
    shop.clock.advance(10 * BOUND)
    point.acknowledges()
    assert overall(shop, id) == ("contained", 1, 1)


def test_a_kill_beside_the_flag_that_goes_on_in_silence_lapses_as_usual(shop: Workshop) -> None:
    """One flag's exception is not every flag's."""
    allow_silence(shop)
    Gateway(shop, "eu-1").renews()
    id = declare(shop, "switch-off: {capability: code-execution}")
    shop.clock.advance(BOUND)
    assert states(shop, id) == {"eu-1": "lapsed"}


# --- who counts -------------------------------------------------------------------------------------------------------


def revoke_tokens(shop: Workshop, point: str) -> None:
    with shop.service.desk.read() as state:
        ids = [t.id for t in state.tokens.values() if t.name == point and not t.revoked]
    for id in ids:
        shop.service.operations.revoke_token(ADMIN, id)


def test_a_token_that_is_revoked_after_the_kill_leaves_only_after_the_bound(shop: Workshop) -> None:
    """Revoking a token reaches no copy: until its lease is over the gateway goes on."""
    Gateway(shop, "eu-1").renews()
    id = declare(shop, REVOKE)
    revoke_tokens(shop, "eu-1")
    assert states(shop, id) == {"eu-1": "pending"}
    shop.clock.advance(BOUND)
    assert overall(shop, id) == ("contained", 0, 1)


def test_a_token_that_was_revoked_before_the_kill_counts_while_its_copies_may_be_in_use(shop: Workshop) -> None:
    """Same reason, other order; once they can't be, it is nobody's concern."""
    Gateway(shop, "eu-1").renews()
    revoke_tokens(shop, "eu-1")
    id = declare(shop, REVOKE)
    assert states(shop, id) == {"eu-1": "pending"}
    shop.clock.advance(BOUND)
    assert states(shop, id) == {"eu-1": "lapsed"}
    assert overall(shop, declare(shop, REVOKE)) == ("contained", 0, 0)


def test_a_point_that_is_registered_after_the_kill_is_no_part_of_it(shop: Workshop) -> None:
    """It can never have held the older table."""
    id = declare(shop, REVOKE)
    shop.point("eu-1")
    assert overall(shop, id) == ("contained", 0, 0)


def test_who_asks_live_is_listed_apart_and_never_counted(shop: Workshop) -> None:
    """It holds no copy: its next question gets the new answer."""
    shop.point("nginx-1")
    shop.service.points.used("nginx-1", at=shop.clock.now(), asks=True)
    id = declare(shop, REVOKE)
    found = containment(shop, id)
    assert (found["state"], found["total"], found["ask_live"]) == ("contained", 0, ["nginx-1"])
    assert shop.service.operations.points_overview(ADMIN)[0]["standing"] == "asks live"


def test_any_use_of_a_copy_makes_a_point_a_copy_holder_for_good(shop: Workshop) -> None:
    """A token that took one snapshot may have put it anywhere."""
    shop.point("eu-1")
    points = shop.service.points
    points.used("eu-1", at=shop.clock.now(), copies=True)
    points.used("eu-1", at=shop.clock.now(), asks=True)
    assert overall(shop, declare(shop, REVOKE)) == ("pending", 0, 1)
    shop.service.flush()
    assert [(u.copies, u.asks) for u in shop.service.ledger.point_uses()] == [(True, True)]


def test_a_flagd_point_is_never_confirmed_and_has_its_clock_error_on_top_of_the_bound(shop: Workshop) -> None:
    """An unmodified client compares its own wall clock, in whole seconds."""
    point = Gateway(shop, "eu-1")
    shop.service.points.used("eu-1", at=shop.clock.now(), flagd=True)
    id = declare(shop, REVOKE)
    point.acknowledges()
    shop.clock.advance(BOUND)
    assert states(shop, id) == {"eu-1": "pending"}
    shop.clock.advance(FLAGD_SLACK)
    assert states(shop, id) == {"eu-1": "lapsed"}


def test_a_point_that_cannot_apply_the_change_says_so_until_its_lease_is_over(shop: Workshop) -> None:
    """Its own words stand on the page; it gets no lease for the new table, so the bound holds."""
    point = Gateway(shop, "eu-1")
    point.renews()
    id = declare(shop, REVOKE)
    point.acknowledges(refused="digest differs")
    found = containment(shop, id)["points"][0]
    assert (found["state"], "digest differs" in found["because"]) == ("refused", True)
    shop.clock.advance(BOUND)
    assert states(shop, id) == {"eu-1": "lapsed"}


# --- drills -----------------------------------------------------------------------------------------------------------


def test_a_point_that_does_not_apply_shadow_never_confirms_a_drill(shop: Workshop) -> None:
    """It practised nothing; and as it goes on with its lease, nobody may say that it denies."""
    plain, full = Gateway(shop, "eu-1"), Gateway(shop, "us-1", applies=("live", "shadow"))
    plain.renews()
    full.renews()
    id = declare(shop, REVOKE, kind="drill")
    plain.renews()
    full.renews()
    assert states(shop, id) == {"eu-1": "pending", "us-1": "confirmed"}
    shop.clock.advance(BOUND - 5)
    plain.renews()
    shop.clock.advance(5)
    found = {p["name"]: p for p in containment(shop, id)["points"]}
    assert found["eu-1"]["state"] == "lapsed"
    assert found["eu-1"]["because"] == "not confirmed: it does not apply drills; it serves as usual"


def test_a_point_that_applies_shadow_confirms_a_drill_and_a_plain_one_the_real_thing(shop: Workshop) -> None:
    """The two tables are acknowledged apart."""
    plain = Gateway(shop, "eu-1")
    plain.renews()
    real = declare(shop, REVOKE)
    plain.acknowledges()
    assert states(shop, real) == {"eu-1": "confirmed"}
    plain.applies = ("live", "shadow")
    drill = declare(shop, REVOKE, kind="drill")
    plain.acknowledges()
    assert states(shop, drill) == {"eu-1": "confirmed"}


# --- and again --------------------------------------------------------------------------------------------------------


def test_a_later_hold_of_the_same_incident_makes_it_pending_again(shop: Workshop) -> None:
    """What was confirmed was the first revision; the new hold has to arrive as well."""
    point = Gateway(shop, "eu-1")
    point.renews()
    id = declare(shop, REVOKE, "{halt-model: {model: orion-2}, after: validated}")
    point.renews()
    assert overall(shop, id) == ("contained", 1, 1)

    shop.service.operations.validate(ADMIN, id, 2)
    assert overall(shop, id) == ("pending", 0, 1)
    point.acknowledges()
    assert overall(shop, id) == ("contained", 1, 1)
    assert kinds_of(shop, id).count("incident:life:contained") == 2


def test_evidence_against_a_containment_makes_it_pending_again(shop: Workshop) -> None:
    """A contradiction is an event too; the state follows the evidence."""
    point = Gateway(shop, "eu-1")
    point.renews()
    id = declare(shop, REVOKE)
    point.acknowledges()
    assert overall(shop, id) == ("contained", 1, 1)
    fact = ContainmentContradicted(point="eu-1", because="a probe got through")
    shop.service.desk.submit(lambda state, now: Decided([Draft(fact, incident=id)]), actor=SYSTEM)
    with shop.service.desk.read() as state:
        assert state.incidents[id].contained is None
    told = ["incident:life:contradicted", *["effect:message:owed"] * 2]  # whoever may command hears of it
    assert kinds_of(shop, id)[-3:] == told


def test_lifting_a_hold_leaves_the_proof_of_the_containment_as_it_was(shop: Workshop) -> None:
    """What was contained then was contained then."""
    point = Gateway(shop, "eu-1")
    point.renews()
    id = declare(shop, REVOKE)
    point.acknowledges()
    shop.service.cycle()
    restored(shop, id)
    assert overall(shop, id) == ("contained", 1, 1)


def test_a_restart_counts_anew_and_waits_for_every_instance_that_was_written_down(shop: Workshop) -> None:
    """After a restart it knows less than before, and so may only take longer."""
    shop.point("eu-1")
    now = shop.clock.now()
    shop.service.ledger.write_instances([Instance("eu-1", "old", now, now)])
    id = declare(shop, REVOKE)
    shop.clock.advance(BOUND - 1)

    again = Service.open(shop.service.settings, ledger=shop.service.ledger.beside(), clock=shop.clock)  # type: ignore[attr-defined]
    again.start()
    try:
        restarted = Workshop(again, shop.clock)
        restarted._secrets = shop._secrets
        Gateway(restarted, "eu-1", "new").renews()
        shop.clock.advance(2)
        assert overall(restarted, id) == ("pending", 0, 1)
        shop.clock.advance(BOUND - 2)
        assert states(restarted, id) == {"eu-1": "confirmed"}
    finally:
        again.stop()


def test_an_instance_is_forgotten_a_minute_after_it_can_hold_nothing(shop: Workshop) -> None:
    """Rows of processes that are long gone must not pile up, nor go while they could still count."""
    point = Gateway(shop, "eu-1")
    point.renews()
    shop.clock.advance(15.15 + 59)
    assert shop.service.points.expired(shop.clock.boot()) == []
    shop.clock.advance(2)
    assert shop.service.points.expired(shop.clock.boot()) == [("eu-1", "i-1")]
    assert shop.service.points.copy_of("eu-1", "i-1") is None


def test_the_first_answer_shows_every_point_as_pending_and_the_moment_of_the_bound(shop: Workshop) -> None:
    """It is made inside the transaction, before anybody can have answered."""
    Gateway(shop, "eu-1").renews()
    reply = shop.service.operations.kill(ADMIN, "partner", "acme", "leak")
    found = reply.body["containment"]
    assert (found["state"], found["confirmed"], found["total"]) == ("pending", 0, 1)
    assert found["points"][0]["state"] == "pending"
    assert found["contained_by"] == rfc3339(shop.clock.now().replace(second=16, microsecond=150_000))


def test_a_process_that_serves_no_points_says_that_it_does_not_know(shop: Workshop) -> None:
    """The command line beside the ledger must not call contained what it can't see."""
    Gateway(shop, "eu-1").renews()
    id = declare(shop, REVOKE)
    with shop.service.desk.read() as state:
        found = Points().containment(state, state.incidents[id], shop.clock.boot())
    assert (found["state"], found["points"][0]["state"]) == ("pending", "pending")
    assert "ask the running service" in found["points"][0]["because"]


def test_a_process_that_serves_no_points_counts_those_whose_token_has_just_gone(shop: Workshop) -> None:
    """Taking a gateway's token away before the kill does not take its copy away."""
    Gateway(shop, "eu-1").renews()
    shop.service.flush()
    revoke_tokens(shop, "eu-1")
    id = declare(shop, REVOKE)
    beside = Points()
    beside.load([Instance("eu-1", "i-1", shop.clock.now(), shop.clock.now())], [], boot=shop.clock.boot(), lease=15)
    with shop.service.desk.read() as state:
        found = beside.containment(state, state.incidents[id], shop.clock.boot())
    assert (found["state"], [p["name"] for p in found["points"]]) == ("pending", ["eu-1"])


def test_what_waits_for_a_word_is_not_contained(shop: Workshop) -> None:
    """Nothing is off yet; an answer that says "contained" would send somebody back to bed."""
    Gateway(shop, "eu-1").renews()
    id = declare(shop, "{revoke-partner: {partner: acme}, after: validated}")
    with shop.service.desk.read() as state:
        found = shop.service.points.containment(state, state.incidents[id], shop.clock.boot())
    assert (found["state"], found["total"]) == ("pending", 0)


def test_what_a_page_shows_of_each_point(shop: Workshop) -> None:
    """Who is dark must be seen before the kill, not after."""
    points = shop.service.points
    Gateway(shop, "eu-1").renews()
    for name in ("never", "flagd", "gone", "retired"):
        shop.point(name)
    points.used("flagd", at=shop.clock.now(), flagd=True)
    revoke_tokens(shop, "gone")
    shop.service.operations.retire_point(ADMIN, "retired")

    def standing() -> dict[str, str]:
        return {row["name"]: row["standing"] for row in shop.service.operations.points_overview(ADMIN)}

    assert standing() == {
        "eu-1": "holds a lease", "flagd": "flagd", "gone": "token revoked", "never": "never connected",
        "retired": "retired",
    }  # fmt: skip
    shop.clock.advance(16)
    assert standing()["eu-1"] == "lapsed"


def test_a_table_that_is_not_the_one_of_its_revision_is_a_contradiction(shop: Workshop) -> None:
    """A point that says an older revision with another digest holds something that nobody sent it."""
    ring = Ring()
    shop.service.desk.on_commit(lambda commit: ring.add(commit.change) if commit.change else None)
    declare(shop, REVOKE)
    snapshot = shop.service.desk.snapshot
    assert not ring.contradicts(snapshot.revision, snapshot.digest)
    assert ring.contradicts(snapshot.revision, "0" * 64)
    assert not ring.contradicts(snapshot.revision, None)


def test_the_ring_bridges_a_gap_that_it_has_seen_and_no_other(shop: Workshop) -> None:
    """A stream that resumes gets one change from what it has applied; a gap that is not known gets a snapshot."""
    ring, start = Ring(), shop.service.desk.snapshot
    shop.service.desk.on_commit(lambda commit: ring.add(commit.change) if commit.change else None)
    first = declare(shop, REVOKE)
    declare(shop, "halt-model: {model: vega-1}")
    restored(shop, first)
    bridge = ring.bridge(start.ledger, start.revision)
    assert bridge is not None
    assert (bridge.from_revision, bridge.revision) == (start.revision, shop.service.desk.snapshot.revision)
    assert bridge.digest == shop.service.desk.snapshot.digest
    assert ring.bridge(start.ledger, start.revision - 1) is None
    assert ring.bridge("another", start.revision) is None


# --- holds that are eased ---------------------------------------------------------------------------------------------


def test_easing_leaves_a_containment_alone_and_tightening_is_an_order_to_every_point(shop: Workshop) -> None:
    """Giving one partner its access back proves nothing anew; taking it away again has to arrive like any kill."""
    eu = Gateway(shop, "eu")
    id = declare(shop, "halt-model: {model: orion-2}")
    eu.renews()
    assert overall(shop, id) == ("contained", 1, 1)
    before = shop.service.desk.snapshot.revision
    changes: list[Any] = []
    shop.service.desk.on_commit(lambda commit: changes.append(commit.change) if commit.change else None)

    asked = ask(shop, id, shop.person("grace", "commander"), canary="acme")
    approve(shop, asked, shop.person("ada", "commander"))
    assert shop.service.desk.snapshot.revision > before
    assert not changes[-1].narrowing
    assert overall(shop, id) == ("contained", 1, 1)
    eu.renews()

    shop.service.operations.stop_restore(shop.person("linus", "responder"), asked["id"], "it misbehaves")
    assert changes[-1].narrowing
    found = containment(shop, id)
    assert (found["state"], found["confirmed"], found["total"]) == ("pending", 0, 1)
    assert found["revision"] == shop.service.desk.snapshot.revision
    shop.clock.advance(2)
    eu.acknowledges(found["revision"] - 1)
    assert overall(shop, id) == ("pending", 0, 1)
    eu.acknowledges()
    assert overall(shop, id) == ("contained", 1, 1)
    assert kinds_of(shop, id).count("incident:life:contained") == 2


def test_tightening_counts_its_own_bound_for_a_point_that_went_silent(shop: Workshop) -> None:
    """Its lease may be as young as the moment before the order."""
    eu = Gateway(shop, "eu")
    id = declare(shop, "halt-model: {model: orion-2}")
    eu.renews()
    asked = ask(shop, id, shop.person("grace", "commander"), canary="acme")
    approve(shop, asked, shop.person("ada", "commander"))
    eu.renews()
    shop.service.cycle()
    shop.service.operations.stop_restore(shop.person("linus", "responder"), asked["id"], "it misbehaves")
    shop.clock.advance(BOUND - 0.1)
    assert states(shop, id) == {"eu": "pending"}
    shop.clock.advance(0.1)
    assert states(shop, id) == {"eu": "lapsed"}
