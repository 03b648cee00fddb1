"""
What every ledger promises, whatever it is stored in.

To add a store, give it a fixture's worth of ``Opened`` in ``STORES``; no test here knows which one it has.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest

from incidents.errors import HeadMoved, Invalid, LedgerUnavailable, Unknown
from incidents.ledger import GENESIS, Answer, AnswerKey, Head, Instance, Ledger, PointUse, Usage, Wanted, pages
from incidents.ledger.memory import MemoryLedger
from incidents.ledger.sqlite import SqliteLedger
from incidents.ledger.verify import verify
from tests.contracts.ledger_facts import ADA, NOON, noted

KEY = AnswerKey(owner="ada", route="POST /api/v1/incidents", key="k-1", body="b" * 64)


@dataclass
class Opened:
    """One ledger, and the way to open the same one again as another program would."""

    ledger: Ledger
    beside: Callable[[], Ledger]


def _memory(_: Path) -> Opened:
    ledger = MemoryLedger()
    return Opened(ledger, ledger.beside)


def _sqlite(folder: Path) -> Opened:
    ledger = SqliteLedger.create(folder / "andon.db")
    return Opened(ledger, lambda: SqliteLedger.open(folder / "andon.db"))


STORES: dict[str, Callable[[Path], Opened]] = {"memory": _memory, "sqlite": _sqlite}


@pytest.fixture(params=sorted(STORES))
def opened(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Opened]:
    made = STORES[request.param](tmp_path)
    others: list[Ledger] = []
    open_beside = made.beside

    def beside() -> Ledger:
        others.append(open_beside())
        return others[-1]

    yield Opened(made.ledger, beside)
    for one in [made.ledger, *others]:
        one.close()


@pytest.fixture
def ledger(opened: Opened) -> Ledger:
    return opened.ledger


def append(ledger: Ledger, *drafts, **more):
    """Append on the head as it is."""
    return ledger.append(drafts, actor=ADA, now=more.pop("now", NOON), expected=ledger.head().seq, **more)


def test_new_ledger_has_an_id_and_no_events(ledger):
    """Everybody starts from the same place: number 0 and a digest that no event can have."""
    assert ledger.head() == Head(0, GENESIS)
    assert ledger.read() == []
    assert ledger.id


def test_two_ledgers_never_share_an_id(tmp_path, ledger):
    """A gateway drops its copy by the id; two ledgers with one id would let an old copy live on."""
    other = SqliteLedger.create(tmp_path / "other.db")
    other.close()

    assert other.id != ledger.id


def test_appended_events_are_read_back_as_they_were_returned(ledger):
    """What the decider saw is what every later reader folds."""
    made = append(ledger, noted(1, incident="INC-2026-0001", words="grüße 😀"), noted(2, anything={"a": [1, None]}))

    assert ledger.read() == made
    assert [event.seq for event in made] == [1, 2]
    assert ledger.head() == Head(2, made[1].digest)
    assert made[0].at == made[0].recorded_at == NOON


def test_another_handle_reads_what_was_appended(opened):
    """The command line and the service work on one log."""
    made = append(opened.ledger, noted(1))
    other = opened.beside()

    assert other.id == opened.ledger.id
    assert other.read() == made


def test_what_is_appended_together_is_there_together_or_not_at_all(ledger):
    """A write that several share must not be half of it."""
    with ledger.together():
        made = [*append_on(ledger, 0, noted(1)), *append_on(ledger, 1, noted(2), noted(3))]

    def fails():
        with ledger.together():
            append_on(ledger, 3, noted(4))
            raise LookupError

    with pytest.raises(LookupError):
        fails()

    assert ledger.read() == made
    assert append(ledger, noted(5))[0].seq == 4


def test_an_append_that_fails_among_others_leaves_those_alone(ledger):
    """One that comes too late, or holds what the log does not take, costs the others nothing."""
    key = AnswerKey("ada", "kill", "k", "b")
    with ledger.together():
        append_on(ledger, 0, noted(1), key=key, answer=lambda events: Answer(201, "1"))
        with pytest.raises(HeadMoved):
            append_on(ledger, 0, noted(2))
        with pytest.raises(HeadMoved):
            append_on(ledger, 1, noted(2), key=key, answer=lambda events: Answer(201, "2"))
        with pytest.raises(Invalid):
            append_on(ledger, 1, noted(2), noted(3, anything=0.5))
        append_on(ledger, 1, noted(2))

    assert [event.seq for event in ledger.read()] == [1, 2]
    assert ledger.answer(key).json == "1"


def append_on(ledger, head, *drafts, **more):
    """Append on a head of this very write, which cannot be looked up yet."""
    return ledger.append(drafts, actor=ADA, now=NOON, expected=head, **more)


def test_append_on_an_old_head_stores_nothing(ledger):
    """Two people deciding at once must not both act on what only one of them saw."""
    append(ledger, noted(1))

    with pytest.raises(HeadMoved, match="event 1"):
        ledger.append([noted(2)], actor=ADA, now=NOON, expected=0, directory={"ada": "x"})

    assert ledger.head().seq == 1
    assert ledger.directory() == {}


def test_append_that_can_not_be_sealed_stores_nothing(ledger):
    """All drafts of one decision are stored, or none: half a containment would look whole."""
    with pytest.raises(Invalid, match=r"anything\.cap is 1\.5"):
        append(ledger, noted(1), noted(2, anything={"cap": 1.5}), directory={"ada": "x"})

    assert ledger.read() == []
    assert ledger.directory() == {}


def test_read_starts_after_a_number_and_stops_at_a_limit(ledger):
    """The follower reads on from where it is; verification reads in pages."""
    append(ledger, *[noted(number) for number in range(1, 8)])

    assert [event.seq for event in ledger.read(after=5)] == [6, 7]
    assert [event.seq for event in ledger.read(after=2, limit=3)] == [3, 4, 5]
    assert ledger.read(after=7) == []
    assert [event.seq for event in pages(ledger, size=3)] == [1, 2, 3, 4, 5, 6, 7]


def test_events_of_an_incident_are_linked_to_each_other_and_to_no_other(ledger):
    """An incident's export must be provable without the rest of the log."""
    append(ledger, noted(1, incident="INC-2026-0001"), noted(2, incident="INC-2026-0002"))
    append(ledger, noted(3), noted(4, incident="INC-2026-0001"), noted(5, incident="INC-2026-0001"))
    first, second, third = ledger.incident("INC-2026-0001")

    assert (first.seq, second.seq, third.seq) == (1, 4, 5)
    assert first.incident_prev is None
    assert second.incident_prev == first.digest
    assert third.incident_prev == second.digest
    assert ledger.read()[2].incident_prev is None
    assert ledger.incident("INC-2026-9999") == []


def test_clock_that_goes_back_does_not_turn_the_log_around(ledger):
    """A timeline sorted by when things were recorded must be the order in which they were."""
    append(ledger, noted(1))
    (late,) = append(ledger, noted(2), now=NOON - timedelta(hours=1))

    assert late.recorded_at == NOON
    assert verify(ledger.read()).ok


def test_answer_is_kept_with_the_events_and_found_again(opened):
    """A caller whose connection broke repeats the request and must get the first answer, not a second incident."""
    events = append(opened.ledger, noted(1), key=KEY, answer=lambda made: Answer(201, f'{{"seq": {made[0].seq}}}'))

    found = opened.beside().answer(KEY)

    assert events[0].seq == 1
    assert found == Answer(201, '{"seq": 1}', KEY.body)
    assert opened.ledger.answer(AnswerKey("bob", KEY.route, KEY.key, KEY.body)) is None


def test_answer_is_found_whatever_the_body(ledger):
    """Only so can the same key with another body be told apart and refused."""
    append(ledger, noted(1), key=KEY, answer=lambda _: Answer(201, "{}"))

    found = ledger.answer(AnswerKey(KEY.owner, KEY.route, KEY.key, "c" * 64))

    assert found is not None
    assert found.body == KEY.body


def test_key_that_was_answered_meanwhile_stores_nothing(ledger):
    """Two deliveries of one request, both past the look-up: the second must look again, not act again."""
    append(ledger, noted(1), key=KEY, answer=lambda _: Answer(201, "{}"))

    with pytest.raises(HeadMoved, match="k-1"):
        append(ledger, noted(2), key=KEY, answer=lambda _: Answer(201, "{}"))

    assert ledger.head().seq == 1


def test_answer_that_can_not_be_made_takes_the_events_with_it(ledger):
    """An event without its answer would be repeated by the caller."""

    def broken(_: object) -> Answer:
        raise RuntimeError("no answer")

    with pytest.raises(RuntimeError):
        append(ledger, noted(1), key=KEY, answer=broken)

    assert ledger.read() == []
    assert append(ledger, noted(1))[0].seq == 1


def test_append_without_drafts_keeps_answer_and_directory_only(ledger):
    """A request that changed nothing is still answered the same way twice."""
    assert append(ledger, key=KEY, answer=lambda _: Answer(200, "{}"), directory={"ada": "ada@example.com"}) == []

    assert ledger.head().seq == 0
    assert ledger.answer(KEY) == Answer(200, "{}", KEY.body)
    assert ledger.directory() == {"ada": "ada@example.com"}


def test_kept_answers_are_the_first_of_their_key(opened):
    """Requests that change nothing are remembered too, many in one write, and the first one counts."""
    other = AnswerKey(KEY.owner, KEY.route, "k-2", KEY.body)
    first = opened.ledger.keep_answers([(KEY, Answer(200, "1")), (other, Answer(200, "2"))], now=NOON)
    again = opened.beside().keep_answers([(KEY, Answer(200, "3"))], now=NOON)

    assert [answer.json for answer in first] == ["1", "2"]
    assert again == [Answer(200, "1", KEY.body)]
    assert opened.ledger.head().seq == 0
    assert opened.ledger.keep_answers([], now=NOON) == []


def test_old_answers_are_forgotten_and_young_ones_kept(ledger):
    """Answers are promised for seven days, not for ever."""
    append(ledger, key=KEY, answer=lambda _: Answer(200, "{}"))
    younger = AnswerKey(KEY.owner, KEY.route, "k-2", KEY.body)
    append(ledger, key=younger, answer=lambda _: Answer(200, "{}"), now=NOON + timedelta(days=1))

    assert ledger.forget_answers(NOON + timedelta(hours=1)) == 1

    assert ledger.answer(KEY) is None
    assert ledger.answer(younger) is not None


def test_directory_entries_are_set_changed_and_removed(ledger):
    """Contact data must be able to go, which the chain would not let it."""
    append(ledger, noted(1), directory={"ada": "ada@example.com", "bob": "bob@example.com"})
    append(ledger, directory={"ada": "ada@new.example", "bob": None, "nobody": None})

    assert ledger.directory() == {"ada": "ada@new.example"}


def test_redacted_text_is_gone_and_the_chain_still_holds(ledger):
    """A name typed into a note can be taken out without the log looking forged."""
    append(ledger, noted(1, words="the key of Jane Doe"), noted(2, words="stays"))
    (after,) = append(ledger, noted(3), redact=[1])
    append(ledger, redact=[1])
    first, second, third = ledger.read()

    assert (first.text, first.salt) == (None, None)
    assert first.text_digest is not None
    assert second.text == {"note": "stays"}
    assert third == after
    verdict = verify(ledger.read())
    assert (verdict.ok, verdict.redacted) == (True, 1)


def test_redacting_what_does_not_exist_stores_nothing(ledger):
    """A mistyped number must not leave an event that claims a redaction."""
    append(ledger, noted(1))

    with pytest.raises(Unknown, match="no event 7"):
        append(ledger, noted(2), redact=[7])

    assert ledger.head().seq == 1


def test_moved_tells_of_another_handles_append_once(opened):
    """The service follows what the command line does, and does not read again for nothing."""
    other = opened.beside()
    assert not opened.ledger.moved()

    append(other, noted(1))

    assert opened.ledger.moved()
    assert not opened.ledger.moved()
    assert opened.ledger.head().seq == 1


def test_state_copy_is_given_back_to_the_same_version_only(ledger):
    """A fold that has changed must fold anew, not trust what the old one kept."""
    assert ledger.load_state("v1") is None
    ledger.save_state(3, "v1", b"old")
    ledger.save_state(9, "v1", b"\x00state")

    assert ledger.load_state("v1") == (9, b"\x00state")
    assert ledger.load_state("v2") is None


def test_instances_are_refreshed_and_dropped(opened):
    """Containment waits for every instance that may still hold a lease; it has to outlive the service."""
    opened.ledger.write_instances([Instance("edge", "i1", NOON, NOON), Instance("edge", "i2", NOON, NOON)])
    later = NOON + timedelta(seconds=9)
    opened.ledger.write_instances([Instance("edge", "i1", later, later)])
    opened.ledger.write_instances([Instance("edge", "i1", NOON, NOON)])
    opened.ledger.drop_instances([("edge", "i2"), ("edge", "never")], before=NOON + timedelta(days=1))
    opened.ledger.drop_instances([("edge", "i1")], before=later)  # it was written again since

    assert opened.beside().instances() == [Instance("edge", "i1", NOON, later)]


def test_use_of_a_point_once_seen_stays_seen(ledger):
    """A point that ever held a copy counts as a copy holder, also after it only asked for a while."""
    later = NOON + timedelta(seconds=9)
    ledger.write_point_uses([PointUse("edge", copies=True, flagd=False, asks=False, last_at=later)])
    ledger.write_point_uses([PointUse("edge", copies=False, flagd=False, asks=True, last_at=NOON)])

    assert ledger.point_uses() == [PointUse("edge", copies=True, flagd=False, asks=True, last_at=later)]


def test_usage_keeps_the_highest_count(ledger):
    """Counts are cumulative, so a report that arrives twice or late must not add or take away."""
    row = Usage("i1", "acme", "orion-2:tool-use", "day", "2026-11-23T00:00:00Z", 7)
    ledger.write_usage([row])
    ledger.write_usage([Usage("i1", "acme", "orion-2:tool-use", "day", "2026-11-23T00:00:00Z", 5)])
    ledger.write_usage([Usage("i1", "acme", "orion-2:tool-use", "day", "2026-11-22T00:00:00Z", 9)])

    assert ledger.usage(since="2026-11-23T00:00:00Z") == [row]
    ledger.drop_usage(before="2026-11-23T00:00:00Z")
    assert ledger.usage(since="") == [row]


# --- claims of effects ------------------------------------------------------------------------------------------------

LATER, MUCH_LATER = NOON + timedelta(seconds=30), NOON + timedelta(minutes=5)


def take(ledger: Ledger, ticket: str, *, channel: str = "email", now=NOON, until=LATER, effect: str = "m1"):
    return ledger.claim([Wanted(effect, channel, ticket)], now=now, until=until)


def test_effect_is_claimed_once_until_its_claimant_is_given_up(opened):
    """Two that both see a message as owed must not both send it."""
    (first,) = take(opened.ledger, "a/1")
    other = opened.beside()

    assert (first.phase, first.tries, first.owner, first.until) == ("claimed", 1, "a", LATER)
    assert take(other, "b/1", now=LATER - timedelta(microseconds=1)) == []
    (second,) = take(other, "b/2", now=LATER, until=MUCH_LATER)
    assert (second.ticket, second.tries) == ("b/2", 2)
    assert opened.ledger.claims() == [second]
    assert opened.ledger.begin_sending([("m1", "a/1")], until=MUCH_LATER) == [False]


def test_of_many_wanted_those_that_are_free_are_taken(ledger):
    """A batch is one write, and one that is held must not keep the others from going out."""
    take(ledger, "a/1")
    taken = ledger.claim([Wanted("m1", "email", "b/1"), Wanted("m2", "slack", "b/2")], now=NOON, until=LATER)

    assert [(claim.effect, claim.channel) for claim in taken] == [("m2", "slack")]
    assert ledger.claim([], now=NOON, until=LATER) == []


def test_what_may_have_left_is_never_claimed_again(opened):
    """Nobody is told twice because somebody died in the middle of telling."""
    take(opened.ledger, "a/1")
    assert opened.ledger.begin_sending([("m1", "a/1")], until=LATER) == [True]
    assert opened.ledger.begin_sending([("m1", "a/1"), ("m9", "a/9")], until=LATER) == [False, False]

    assert take(opened.beside(), "b/1", now=MUCH_LATER) == []
    assert opened.ledger.claims()[0].phase == "sending"
    opened.ledger.drop_claims(["a/1", "never"])
    assert opened.ledger.claims() == []
    assert len(take(opened.ledger, "b/2")) == 1


def test_what_was_put_back_waits_and_counts_its_tries(ledger):
    """The back-off has to survive a restart, or a broken mail server is hammered by one that restarts."""
    take(ledger, "a/1")
    assert ledger.begin_sending([("m1", "a/1")], until=LATER) == [True]

    assert ledger.put_back("m1", "a/1", until=LATER, error="answered 451")
    assert take(ledger, "b/1", now=NOON) == []
    (again,) = take(ledger, "b/2", now=LATER, until=MUCH_LATER)
    assert (again.tries, again.error) == (2, "answered 451")
    assert not ledger.put_back("m1", "a/1", until=LATER, error="late")
    (elsewhere,) = take(ledger, "c/1", channel="slack", now=MUCH_LATER)
    assert elsewhere.tries == 1


def test_threads_that_append_at_once_leave_one_whole_chain(opened):
    """Every declaration is stored exactly once, however many people press at the same moment."""
    each = 25

    def work(ledger: Ledger, number: int) -> None:
        done = 0
        while done < each:
            try:
                append(ledger, noted(number * 100 + done, incident=f"INC-2026-{number:04d}"))
                done += 1
            except HeadMoved:
                continue

    handles = [opened.ledger, opened.ledger, opened.beside(), opened.beside()]
    threads = [threading.Thread(target=work, args=(one, number)) for number, one in enumerate(handles)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)

    events = opened.ledger.read()
    assert sorted(event.data["number"] for event in events) == sorted(
        n * 100 + i for n in range(4) for i in range(each)
    )
    assert verify(events, ledger=opened.ledger.id).ok


def test_reader_beside_a_writer_never_sees_half_an_append(opened):
    """A containment of three holds is there as a whole or not at all, for every reader at every moment."""
    stop = threading.Event()

    def work() -> None:
        try:
            for _ in range(60):
                append(opened.ledger, noted(1), noted(2), noted(3))
        finally:
            stop.set()

    other, lengths = opened.beside(), []
    thread = threading.Thread(target=work)
    thread.start()
    while not stop.is_set():
        lengths.append(len(other.read()))
    thread.join(60)

    assert {length % 3 for length in lengths} <= {0}
    assert len(other.read()) == 180


def test_closed_ledger_says_so(ledger):
    """A late request during shutdown gets a clear refusal, not a crash of the store's library."""
    ledger.close()
    ledger.close()

    for ask in (ledger.head, ledger.read, ledger.moved, ledger.directory):
        with pytest.raises(LedgerUnavailable, match="closed"):
            ask()
    with pytest.raises(LedgerUnavailable, match="closed"):
        ledger.append([noted(1)], actor=ADA, now=NOON, expected=0)
