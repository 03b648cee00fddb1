"""The agenda answers who is next from the front of a list, whatever was put and dropped before."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from incidents.agenda import NEVER, Agenda

START = datetime(2026, 11, 23, 12, tzinfo=UTC)
times = st.one_of(st.none(), st.integers(0, 50).map(lambda s: START + timedelta(seconds=s)))
changes = st.lists(st.tuples(st.sampled_from("abcdefgh"), times, times, st.booleans()), max_size=60)


@given(changes, st.integers(0, 60))
def test_it_is_what_looking_at_every_clock_gives(
    made: list[tuple[str, datetime | None, datetime | None, bool]], seconds: int
) -> None:
    """Two lists that are kept up must never differ from the clocks that they index."""
    agenda, known = Agenda(), {}
    for clock, due, wake, drop in made:
        if drop:
            agenda.drop(clock)
            known.pop(clock, None)
        else:
            agenda.put(clock, due, wake)
            known[clock] = (due, wake)
    now = START + timedelta(seconds=seconds)
    awake = sorted((wake, clock) for clock, (_, wake) in known.items() if wake is not None and wake < now)
    by_due = sorted((due or NEVER, clock) for clock, (due, _) in known.items())

    assert agenda.by_due() == by_due
    assert len(agenda) == sum(wake is not None for _, wake in known.values())
    again = Agenda()
    again.fill([(clock, due, wake) for clock, (due, wake) in known.items()])
    assert again.by_due() == by_due
    assert again.next() == agenda.next()
    for taken in (agenda.take(now), again.take(now)):
        assert sorted(taken) == sorted(clock for _, clock in awake)
        assert [known[clock][1] for clock in taken] == [wake for wake, _ in awake]
    assert agenda.take(now) == [], "taken is taken, until it is put anew"


def test_pages_go_on_after_the_last_row() -> None:
    """Clocks due at the same moment are told apart by their ids, so no page repeats or skips one."""
    agenda = Agenda()
    for clock in "cab":
        agenda.put(clock, START, None)
    agenda.put("z", None, None)

    first = agenda.by_due(limit=2)
    assert first == [(START, "a"), (START, "b")]
    assert agenda.by_due(first[-1]) == [(START, "c"), (NEVER, "z")]


def test_a_clock_wakes_after_its_moment_not_at_it() -> None:
    """At the very second of the deadline a submission is still in time."""
    agenda = Agenda()
    agenda.put("a", START, START)

    assert agenda.take(START) == []
    assert agenda.take(START + timedelta(milliseconds=1)) == ["a"]
