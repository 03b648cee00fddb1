"""The fold, the copy of it that is kept for the next start, and the desk that keeps it at the ledger's head."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings

from incidents import events as ev
from incidents.clock import ManualClock, rfc3339
from incidents.decisions import Decided, access
from incidents.desk import Desk
from incidents.errors import HeadMoved, Invalid, LedgerUnavailable, Unavailable
from incidents.events import SYSTEM, Actor, Draft, Event
from incidents.ledger import Answer, AnswerKey
from incidents.ledger.memory import MemoryLedger
from incidents.snapshot import build
from incidents.state import State, fold
from incidents.state_copy import FOLD_VERSION, dump_state, load_state
from incidents.testing import ADMIN, Workshop
from tests.support.acting import ask, change_catalog, declare, restored
from tests.support.small_world import World, histories

# --- the kept state ---------------------------------------------------------------------------------------------------


@settings(max_examples=150)
@given(histories())
def test_a_state_that_was_kept_and_loaded_is_the_state(history: tuple[Any, Any]) -> None:
    """A start from the kept state must decide as one from the whole log, down to the index of holds."""
    world = World(history[0])
    for step in history[1]:
        world.step(step)
    with world.desk.read() as state:
        loaded = load_state(dump_state(state))
        assert loaded == state
        assert build(loaded) == build(state)


def test_everything_that_people_do_survives_the_kept_state(shop: Workshop) -> None:
    """Tokens, points, requests, containment and actions are in it too, and what is folded on top goes on from there."""
    id = declare(
        shop, "revoke-partner: {partner: acme}", "{halt-model: {model: orion-2}, after: validated}",
        "call: {connector: mlflow, action: roll-back-alias}",
    )  # fmt: skip
    shop.point("eu-1")
    shop.service.operations.validate(ADMIN, id, 2)
    restored(shop, id, 1)
    ask(shop, id, shop.person("grace", "commander"))
    shop.service.operations.retire_point(ADMIN, "eu-1")
    shop.service.cycle()

    with shop.service.desk.read() as state:
        loaded = load_state(dump_state(state))
        assert loaded == state
        assert loaded.incidents[id].standing == [f"{id}/h2"]
        assert loaded.points["eu-1"].retired


def test_a_start_takes_the_kept_state_and_folds_only_the_tail(shop: Workshop) -> None:
    """Start-up must not grow with the age of the log."""
    declare(shop, "revoke-partner: {partner: acme}")
    shop.service.desk.keep_state(always=True)
    declare(shop, "halt-model: {model: vega-1}")
    read: list[int] = []

    class Watched(MemoryLedger):
        def read(self, *, after: int = 0, limit: int | None = None) -> list[Event]:
            if limit != 1:
                read.append(after)
            return super().read(after=after, limit=limit)

    kept = shop.service.ledger.load_state(FOLD_VERSION)
    assert kept is not None
    desk = Desk(Watched(_store=shop.service.ledger._store), shop.clock)  # type: ignore[attr-defined]
    desk.start()
    assert read[0] == kept[0]
    assert desk.snapshot == shop.service.desk.snapshot


def kept(ledger: MemoryLedger, change: dict[str, Any] | bytes) -> None:
    """Put something else in the place of the kept state."""
    found = ledger.load_state(FOLD_VERSION)
    assert found is not None
    body = change if isinstance(change, bytes) else json.dumps(json.loads(found[1]) | change).encode()
    ledger.save_state(found[0], FOLD_VERSION, body)


@pytest.mark.parametrize("change", [{"digest": "f" * 64}, b"{broken", b"", {"seq": 10_000}, {"holds": 7}])
def test_a_kept_state_of_another_chain_or_a_broken_one_is_not_used(
    shop: Workshop, change: dict[str, Any] | bytes
) -> None:
    """It is never evidence: whatever it says, the log decides."""
    declare(shop, "revoke-partner: {partner: acme}")
    shop.service.desk.keep_state(always=True)
    kept(shop.service.ledger, change)  # type: ignore[arg-type]
    desk = Desk(shop.service.ledger.beside(), shop.clock)  # type: ignore[attr-defined]
    desk.start()
    assert desk.snapshot == shop.service.desk.snapshot


def test_a_kept_state_of_another_fold_is_not_used(shop: Workshop) -> None:
    """After an update the same events may mean more; the copy of the old meaning must not linger."""
    shop.service.ledger.save_state(1, "another", b"{}")
    assert shop.service.ledger.load_state(FOLD_VERSION) is None


# --- folding ----------------------------------------------------------------------------------------------------------


def test_only_access_events_move_the_revision_and_every_hold_does(shop: Workshop) -> None:
    """A note must not make a thousand points fetch; a hold that changes no answer must still be confirmed."""
    desk = shop.service.desk
    id = declare(shop, "revoke-partner: {partner: acme}")
    placed = desk.snapshot.revision
    shop.service.operations.note(ADMIN, id, "seen")
    assert desk.snapshot.revision == placed
    declare(shop, "revoke-partner: {partner: acme}")
    assert desk.snapshot.revision > placed
    assert desk.snapshot.live == build_of(shop).live


def build_of(shop: Workshop) -> Any:
    with shop.service.desk.read() as state:
        return build(state)


def test_a_person_who_lost_a_role_loses_the_right_whatever_their_tokens_say(shop: Workshop) -> None:
    """Rights are the token's role and the person's roles now."""
    secret = shop.secret("grace-commander", "commander", person="grace")
    assert "command" in shop.credential(secret).rights
    change_catalog(shop, lambda c: c["people"]["grace"].update(roles=["viewer"]))
    assert shop.credential(secret).rights == {"read"}


def test_the_longest_lease_in_force_within_the_window_counts(shop: Workshop) -> None:
    """A lease that was granted before it was shortened still runs its old length."""
    desk, start = shop.service.desk, shop.clock.now()
    desk.submit(lambda state, now: access.set_lease(state, 60), actor=SYSTEM)
    shop.clock.advance(10)
    desk.submit(lambda state, now: access.set_lease(state, 5), actor=SYSTEM)
    with desk.read() as state:
        assert state.longest_lease(start) == 60
        assert state.longest_lease(shop.clock.now() + timedelta(seconds=1)) == 5


@pytest.mark.parametrize("seconds", [1, 301])
def test_a_lease_of_an_impossible_length_is_refused(shop: Workshop, seconds: int) -> None:
    """Shorter than two seconds nobody can renew in time; longer than five minutes nobody can wait."""
    with pytest.raises(Invalid, match="2 to 300 s"):
        access.set_lease(State(), seconds)


def test_a_point_whose_last_token_is_revoked_is_gone_and_comes_back_with_a_new_one(shop: Workshop) -> None:
    """A point is its tokens: rotating one must not make it vanish, revoking all must."""
    operations = shop.service.operations
    shop.point("eu-1")
    second, _ = operations.create_token(ADMIN, access.CreateToken(name="eu-1", role="enforcer"))
    with shop.service.desk.read() as state:
        first = next(t.id for t in state.tokens.values() if t.name == "eu-1")
        operations.revoke_token(ADMIN, first)
        assert state.points["eu-1"].gone_seq is None
        operations.revoke_token(ADMIN, second.body["id"])
        assert state.points["eu-1"].gone_seq == state.seq
        operations.create_token(ADMIN, access.CreateToken(name="eu-1", role="enforcer"))
        assert state.points["eu-1"].gone_seq is None


def test_folding_event_by_event_is_folding_the_whole_log(shop: Workshop) -> None:
    """The state in memory and the one after a restart must be the same."""
    restored(shop, declare(shop, "revoke-partner: {partner: acme}", kind="drill"))
    again = State()
    for event in shop.service.ledger.read():
        fold(again, event)
    with shop.service.desk.read() as state:
        assert again == state


# --- the desk ---------------------------------------------------------------------------------------------------------

KEY = AnswerKey(owner="ada", route="POST /x", key="k-1", body="b" * 64)


def note_of(id: str) -> Any:
    return lambda state, now: Decided([Draft(ev.NoteAdded(), incident=id, text={"note": "x"})], subject=id)


def answer_of(state: State, decided: Decided, events: Sequence[Event]) -> Answer:
    return Answer(201, json.dumps({"seq": events[0].seq}))


def test_the_answer_is_stored_with_the_append_and_given_again_by_whoever_is_asked(shop: Workshop) -> None:
    """After a crash, or by the command line beside: the same key gets the same answer and nothing is done twice."""
    id = declare(shop, "revoke-partner: {partner: acme}")
    desk, other = shop.service.desk, Desk(shop.service.ledger.beside(), shop.clock)  # type: ignore[attr-defined]
    other.start()
    first = desk.submit(note_of(id), actor=SYSTEM, key=KEY, answer=answer_of)
    again = other.submit(note_of(id), actor=SYSTEM, key=KEY, answer=answer_of)

    assert (first.replayed, again.replayed) == (False, True)
    assert again.answer is not None
    assert first.answer is not None
    assert again.answer.json == first.answer.json
    assert again.events == []


def test_the_same_key_with_another_body_is_refused(shop: Workshop) -> None:
    """Answering with the first one's answer would tell the caller something that did not happen."""
    id = declare(shop, "revoke-partner: {partner: acme}")
    shop.service.desk.submit(note_of(id), actor=SYSTEM, key=KEY, answer=answer_of)
    other = AnswerKey(owner=KEY.owner, route=KEY.route, key=KEY.key, body="c" * 64)
    with pytest.raises(Invalid, match="used for another request body"):
        shop.service.desk.submit(note_of(id), actor=SYSTEM, key=other, answer=answer_of)


def test_a_conflicting_append_beside_decides_again_on_the_newer_state(shop: Workshop) -> None:
    """Two programs counting from the same state would give two incidents the same number."""
    desk, ledger = shop.service.desk, shop.service.ledger
    other = Desk(ledger.beside(), shop.clock)  # type: ignore[attr-defined]
    other.start()
    seen: list[int] = []

    def decide(state: State, now: object) -> Decided:
        seen.append(state.seq)
        if len(seen) == 1:  # somebody else appends between our reading and our append
            other.submit(note_of(id), actor=SYSTEM)
        return note_of(id)(state, now)  # type: ignore[no-any-return]

    id = declare(shop, "revoke-partner: {partner: acme}")
    outcome = desk.submit(decide, actor=SYSTEM)
    assert seen == [outcome.events[0].seq - 2, outcome.events[0].seq - 1]
    other.follow()
    with desk.read() as ours, other.read() as theirs:
        assert ours == theirs


def test_who_always_comes_too_late_gives_up_in_words(shop: Workshop) -> None:
    """A declaration may not hang for ever behind a busy neighbour."""
    other = shop.service.ledger.beside()  # type: ignore[attr-defined]

    def decide(state: State, now: object) -> Decided:
        other.append([Draft(ev.LeaseSet(seconds=15))], actor=SYSTEM, now=shop.clock.now(), expected=state.seq)
        return Decided([Draft(ev.LeaseSet(seconds=16))])

    with pytest.raises(Unavailable, match=r"could not be recorded: .* others appended"):
        shop.service.desk.submit(decide, actor=SYSTEM, narrowing="halt vega-1")
    assert shop.service.desk.blocked is not None


class FailingLedger(MemoryLedger):
    """A disk that may be full."""

    full = False

    def append(self, *args: Any, **kwargs: Any) -> list[Event]:
        if self.full:
            raise LedgerUnavailable("memory: no space left")
        return super().append(*args, **kwargs)


@pytest.fixture
def failing() -> tuple[FailingLedger, Desk, ManualClock]:
    ledger, clock = FailingLedger(), ManualClock()
    desk = Desk(ledger, clock)
    desk.start()
    desk.submit(lambda state, now: Decided([Draft(ev.LedgerOpened(ledger_id=ledger.id))]), actor=SYSTEM)
    return ledger, desk, clock


def lease(seconds: int) -> Any:
    return lambda state, now: Decided([Draft(ev.LeaseSet(seconds=seconds))])


def test_a_narrowing_change_that_cannot_be_recorded_blocks_until_an_append_works(
    failing: tuple[FailingLedger, Desk, ManualClock],
) -> None:
    """A kill that can't be written stops everything within one lease, and the log says so afterwards."""
    ledger, desk, clock = failing
    ledger.full = True
    with pytest.raises(LedgerUnavailable):
        desk.submit(lease(9), actor=SYSTEM, narrowing="revoke acme")
    failed_at = clock.now()
    clock.advance(5)
    with pytest.raises(LedgerUnavailable):
        desk.submit(lease(9), actor=SYSTEM, narrowing="halt orion-2")
    assert desk.blocked is not None
    assert (desk.blocked.since, desk.blocked.what) == (failed_at, "revoke acme")
    with pytest.raises(LedgerUnavailable):
        desk.try_resume()
    assert desk.blocked is not None

    ledger.full = False
    desk.try_resume()
    assert desk.blocked is None
    last = ledger.read()[-1]
    assert last.kind == "ledger:write:resumed"
    assert last.data == {"failed_at": rfc3339(failed_at), "what": "revoke acme", "error": "memory: no space left"}
    desk.try_resume()
    assert ledger.read()[-1] == last


def test_the_failure_is_written_down_also_where_somebody_else_s_append_worked_first(
    failing: tuple[FailingLedger, Desk, ManualClock],
) -> None:
    """A note that gets through lifts the block; that grants had stopped must stand in the log all the same."""
    ledger, desk, _ = failing
    ledger.full = True
    with pytest.raises(LedgerUnavailable):
        desk.submit(lease(9), actor=SYSTEM, narrowing="revoke acme")
    ledger.full = False
    desk.submit(lease(8), actor=SYSTEM)
    assert desk.blocked is None
    desk.try_resume()
    assert [event.kind for event in ledger.read()[-2:]] == ["access:lease:set", "ledger:write:resumed"]


def test_a_change_that_narrows_nothing_does_not_stop_grants(failing: tuple[FailingLedger, Desk, ManualClock]) -> None:
    """A note that could not be written is no reason to turn partners away."""
    ledger, desk, _ = failing
    ledger.full = True
    with pytest.raises(LedgerUnavailable):
        desk.submit(lease(9), actor=SYSTEM)
    assert desk.blocked is None


def test_a_token_in_free_words_is_masked_before_it_is_appended(shop: Workshop) -> None:
    """The log is for good; a pasted token must not be."""
    id = declare(shop, "revoke-partner: {partner: acme}")
    shop.service.operations.note(ADMIN, id, "they used andon_Abc-123_xyzXYZ in the call")
    text = shop.service.ledger.incident(id)[-1].text
    assert text == {"note": "they used andon_[masked] in the call"}


def test_the_head_is_as_old_as_the_last_look_that_succeeded(
    failing: tuple[FailingLedger, Desk, ManualClock], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Grants are judged by it: a look that failed must not make the head look fresh."""
    ledger, desk, clock = failing
    clock.advance(3)
    desk.follow()
    looked = clock.boot()
    clock.advance(3)
    with monkeypatch.context() as patched:
        patched.setattr(ledger, "moved", lambda: (_ for _ in ()).throw(LedgerUnavailable("gone")))
        with pytest.raises(LedgerUnavailable):
            desk.follow()
    assert (desk.read_began, desk.trouble) == (looked, "gone")
    desk.follow()
    assert (desk.read_began, desk.trouble) == (clock.boot(), None)


def test_head_moved_is_no_trouble_for_people() -> None:
    """It is told apart from a ledger that can't be written, and so is decided again instead of blocking."""
    assert issubclass(HeadMoved, Unavailable)
    assert not issubclass(HeadMoved, LedgerUnavailable)
    assert Actor(None, None, "system").name == "system"
