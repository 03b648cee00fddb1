"""What is due next: the look-up, its back-off and its allowance, against naive second implementations."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from incidents.backoff import Allowance, wait
from incidents.due import DueList

NOON = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)


def at(seconds: float) -> datetime:
    return NOON + timedelta(seconds=seconds)


STEPS = st.one_of(
    st.tuples(st.just("put"), st.integers(0, 6), st.integers(0, 9), st.integers(0, 2)),
    st.tuples(st.just("drop"), st.integers(0, 6)),
    st.tuples(st.just("take"), st.integers(0, 9), st.integers(0, 4)),
)


@given(st.lists(STEPS, max_size=60))
def test_an_agenda_gives_what_a_sorted_list_would(steps: list[tuple[int | str, ...]]) -> None:
    """Entering, moving, dropping and taking in any order: nothing is lost, nothing comes twice, nothing early."""
    agenda: DueList[int] = DueList()
    naive: dict[int, tuple[datetime, int]] = {}
    for step in steps:
        match step:
            case ("put", int(key), int(second), int(rank)):
                agenda.put(key, at(second), rank)
                naive[key] = (at(second), rank)
            case ("drop", int(key)):
                agenda.drop(key)
                naive.pop(key, None)
            case ("take", int(second), int(limit)):
                taken = agenda.take(at(second), limit)
                due = sorted(when for when, _ in naive.values() if when <= at(second))
                assert len(taken) == min(limit, len(due))
                assert sorted(naive[key][0] for key in taken) == due[: len(taken)]
                assert [naive[key][1] for key in taken] == sorted(naive[key][1] for key in taken)
                for key in taken:
                    del naive[key]
        assert len(agenda) == len(naive)
        assert agenda.next_at() == min((when for when, _ in naive.values()), default=None)


def test_an_agenda_that_is_moved_about_for_ever_does_not_grow() -> None:
    """A reminder moves with every update; a year of them must not fill memory."""
    agenda: DueList[str] = DueList()
    for number in range(10_000):
        agenda.put("one", at(number))

    assert len(agenda._heap) < 200
    assert agenda.take(at(99_999), 5) == ["one"]


@given(st.integers(1, 200), st.booleans(), st.integers())
def test_waits_grow_and_are_never_longer_than_their_bound(tries: int, urgent: bool, seed: int) -> None:
    """A target that is down for a day is asked every few minutes, not once more tomorrow."""
    longest = 30 if urgent else 300
    full = min(longest, (1 if urgent else 5) * 2 ** min(tries - 1, 20))
    found = wait(tries, Random(seed), urgent=urgent).total_seconds()

    assert full / 2 - 1e-6 <= found <= full + 1e-6


def test_waits_of_many_are_spread() -> None:
    """A thousand that failed together must not come back together."""
    chance = Random(1)
    found = {round(wait(5, chance, urgent=False).total_seconds(), 3) for _ in range(100)}

    assert len(found) > 90


@pytest.mark.parametrize("burst", [1, 5])
def test_an_allowance_lets_a_burst_through_and_then_so_many_a_minute(burst: int) -> None:
    """Over ten minutes no more than was allowed, and no less either."""
    allowance = Allowance(per_minute=60, burst=burst)
    gone = sum(allowance.take(1_000, at(second)) for second in range(601))

    assert gone == burst + 600
    assert allowance.take(1, at(600)) == 0
    assert allowance.next_at(at(600)) == at(601)


def test_an_allowance_takes_back_what_did_not_go() -> None:
    """A message whose reader is busy must not use up what another could have used."""
    allowance = Allowance(per_minute=60, burst=5)
    assert allowance.take(5, NOON) == 5
    allowance.give_back(3)

    assert allowance.take(5, NOON) == 3


def test_a_clock_that_goes_back_gives_nothing_away() -> None:
    """Nor does it block for as long as it went back."""
    allowance = Allowance(per_minute=60, burst=1)
    assert allowance.take(1, at(100)) == 1
    assert allowance.take(1, at(0)) == 0
    assert allowance.take(1, at(101)) == 1
