"""May a copy be used a little longer? Each verdict of the server's rule, and which of them comes first."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from incidents.enforcement.grants import (
    DRIFT,
    HEAD_AGE,
    Ask,
    Standing,
    Verdict,
    bound,
    fresh,
    judge,
    longest_hold,
)

ASK = Ask(point="eu-1", token_point="eu-1", ledger="L", revision=8, digest="d")
STANDING = Standing(ledger="L", revision=8, digest="d", read_began=100.0, now=100.5)


@pytest.mark.parametrize(
    ("ask", "standing", "expected"),
    [
        (ASK, STANDING, Verdict.GRANT),
        (replace(ASK, ledger=None, digest=None), STANDING, Verdict.GRANT),
        (replace(ASK, token_point="eu-2"), STANDING, Verdict.NOT_YOURS),
        (replace(ASK, token_point=None), STANDING, Verdict.NOT_YOURS),
        (replace(ASK, ledger="M"), STANDING, Verdict.RESYNC),
        (replace(ASK, revision=9), STANDING, Verdict.AHEAD),
        (replace(ASK, revision=7), STANDING, Verdict.STALE),
        (replace(ASK, revision=7, digest="e"), STANDING, Verdict.STALE),
        (replace(ASK, digest="e"), STANDING, Verdict.RESYNC),
        (ASK, replace(STANDING, blocked=True), Verdict.NO_RIGHT),
        (ASK, replace(STANDING, now=101.0), Verdict.NO_RIGHT),
        (ASK, replace(STANDING, read_began=float("-inf")), Verdict.NO_RIGHT),
    ],
)
def test_each_ask_gets_its_verdict(ask: Ask, standing: Standing, expected: Verdict) -> None:
    """A lease is given for the newest table, by a server that has just looked, to the token's own point; else not."""
    assert judge(ask, standing) is expected


def test_another_ledger_is_seen_before_its_numbers_are_compared() -> None:
    """A revision of another ledger is a number that means nothing here, above the head or below."""
    for revision in (7, 8, 9):
        assert judge(replace(ASK, ledger="M", revision=revision), STANDING) is Verdict.RESYNC


def test_a_stale_copy_is_told_the_change_even_by_a_server_that_may_not_grant() -> None:
    """A kill travels also while grants are stopped."""
    assert judge(replace(ASK, revision=7), replace(STANDING, blocked=True)) is Verdict.STALE


@given(
    st.builds(
        Ask,
        point=st.sampled_from("ab"),
        token_point=st.sampled_from(["a", "b", None]),
        ledger=st.sampled_from(["L", "M", None]),
        revision=st.integers(7, 9),
        digest=st.sampled_from(["d", "e", None]),
    ),
    st.floats(0, 3, allow_nan=False),
    st.booleans(),
)
def test_nothing_is_granted_unless_every_condition_holds(ask: Ask, age: float, blocked: bool) -> None:
    """The conditions written down a second time, all at once."""
    standing = replace(STANDING, now=STANDING.read_began + age, blocked=blocked)
    granted = judge(ask, standing) is Verdict.GRANT
    assert granted == (
        ask.point == ask.token_point
        and ask.ledger in (None, "L")
        and ask.revision == 8
        and ask.digest in (None, "d")
        and not blocked
        and (standing.now - standing.read_began) * (1 + DRIFT) < HEAD_AGE
    )


def test_a_look_at_the_head_is_good_for_less_than_a_second() -> None:
    """The bound counts on it: a kill that was committed a second ago, by any clock, must have been seen."""
    assert fresh(replace(STANDING, now=100.98))
    assert not fresh(replace(STANDING, now=100.995))  # a clock that runs 1 % slow has a second by now
    assert not fresh(replace(STANDING, now=101.0))


@given(st.integers(2, 300))
def test_no_lease_outlives_the_bound(lease: int) -> None:
    """The last grant against the old table, on the slowest clock, ends before the bound of the kill."""
    committed = 50.0
    last_grant = committed + HEAD_AGE
    assert last_grant + lease * (1 + DRIFT) <= committed + bound(lease) + 1e-9
    assert longest_hold(lease) == pytest.approx(lease * 1.01)
