"""Counting what caps compare with: cumulative per instance, merged by the highest, in UTC windows."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from incidents.enforcement.usage import UsageBook, window_start
from incidents.errors import LedgerUnavailable
from incidents.ledger import Usage

NOW = datetime(2026, 11, 23, 14, 2, 30, tzinfo=UTC)
FLAG = "orion-2:tool-use"


def row(count: Any, per: str = "minute", **changes: Any) -> dict[str, Any]:
    start = window_start(NOW, per)
    return {"partner": "acme", "flag": FLAG, "per": per, "window_start": start, "count": count} | changes


def used(book: UsageBook, per: str = "minute", now: datetime = NOW) -> int:
    return book.used("acme", FLAG, per, now)


@pytest.mark.parametrize(
    ("per", "expected"),
    [("minute", "2026-11-23T14:02:00Z"), ("hour", "2026-11-23T14:00:00Z"), ("day", "2026-11-23T00:00:00Z")],
)
def test_windows_are_aligned_to_utc(per: str, expected: str) -> None:
    """Every point must count in the same windows, wherever it stands."""
    assert window_start(NOW, per) == expected
    assert window_start(NOW.astimezone(tz=None), per) == expected


@given(st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 50)), max_size=30))
def test_the_total_is_the_sum_of_each_instance_s_highest_in_whatever_order_reports_come(
    reports: list[tuple[str, int]],
) -> None:
    """A report that is repeated, or overtaken by a later one, counts nothing twice and takes nothing back."""
    book = UsageBook()
    for instance, count in reports:
        book.report(instance, [row(count)], NOW)
    highest: dict[str, int] = {}
    for instance, count in reports:
        highest[instance] = max(highest.get(instance, 0), count)
    assert used(book) == sum(highest.values())


def test_an_instance_hears_the_total_over_all_of_them() -> None:
    """So that the next decision at each point knows of the others."""
    book = UsageBook()
    book.report("a", [row(3)], NOW)
    assert [r["count"] for r in book.report("b", [row(2)], NOW)] == [5]


def test_own_decisions_and_reports_add_up() -> None:
    """One partner may come through a gateway and through authorize."""
    book = UsageBook()
    book.count("acme", FLAG, {"per_minute": 9, "per_day": 9}, NOW)
    book.count("acme", FLAG, {"per_minute": 9, "per_day": 9}, NOW)
    book.report("a", [row(3)], NOW)
    assert (used(book), used(book, "day"), used(book, "hour")) == (5, 2, 0)


@pytest.mark.parametrize(
    "wrong",
    [
        row(-1), row("3"), row(True), row(1.5), row(None), row(3, per="week", window_start="2026-11-23T00:00:00Z"),
        row(3, partner=None), row(3, flag=7), row(3, window_start="2026-11-23T14:00:00Z"),
        row(3, window_start="2027-01-01T00:00:00Z"), row(3, window_start=None), {},
    ],
)  # fmt: skip
def test_a_row_that_means_nothing_is_passed_over_and_the_others_count(wrong: dict[str, Any]) -> None:
    """One broken line of a gateway must not cost it its lease, nor change a decision."""
    book = UsageBook()
    assert len(book.report("a", [wrong, row(2, "hour")], NOW)) == 1
    assert (used(book), used(book, "hour")) == (0, 2)


def test_what_was_refused_is_summed_over_hours_and_is_no_use() -> None:
    """What an incident keeps out is told to people; it must neither fill a cap nor look like use."""
    book, before = UsageBook(), NOW - timedelta(hours=3)
    book.refuse("acme", FLAG, before)
    book.refuse("acme", FLAG, NOW)
    book.report("a", [row(4, "refused")], NOW)
    book.report("a", [row(4, "refused")], NOW)
    assert book.refused("acme", FLAG, NOW) == 5
    assert book.refused("acme", FLAG, before) == 6
    assert book.refused("globex", FLAG, before) == 0
    assert book.of(now=NOW) == []
    assert book.allowed("acme", FLAG, NOW) is None
    book.prune(NOW + timedelta(days=3))
    assert book.refused("acme", FLAG, before) == 0


def test_use_in_which_something_began_is_told_by_the_longest_window_known() -> None:
    """Before and since: how much a kill costs."""
    book = UsageBook()
    book.report("a", [row(3), row(40, "day")], NOW)
    assert book.allowed("acme", FLAG, NOW) == (40, "day")


def test_a_report_of_the_window_before_is_still_taken() -> None:
    """Decisions of the last second of a window arrive in the next."""
    book = UsageBook()
    assert book.report("a", [row(4)], NOW + timedelta(seconds=60)) != []
    assert book.report("b", [row(4)], NOW + timedelta(seconds=120)) == []
    assert used(book, now=NOW + timedelta(seconds=60)) == 0


def test_a_new_window_starts_at_nought() -> None:
    """The minute is over, the throttle opens again."""
    book = UsageBook()
    book.count("acme", FLAG, {"per_minute": 1}, NOW)
    assert used(book, now=NOW + timedelta(seconds=29)) == 1
    assert used(book, now=NOW + timedelta(seconds=30)) == 0


def test_what_was_written_and_loaded_counts_on() -> None:
    """A restart in the middle of the day must not give everybody their cap again."""
    book = UsageBook()
    book.count("acme", FLAG, {"per_day": 9}, NOW)
    book.report("a", [row(3, "day")], NOW)
    rows = book.take_unwritten()
    assert book.take_unwritten() == []

    again = UsageBook()
    again.load(rows)
    assert again.take_unwritten() == []
    assert used(again, "day") == 4
    again.count("acme", FLAG, {"per_day": 9}, NOW)
    assert used(again, "day") == 5


def test_what_could_not_be_written_goes_with_the_next() -> None:
    """A full disk for a second must not give everybody their cap again after the next restart."""

    def full(rows: list[Usage]) -> None:
        raise LedgerUnavailable("the disk is full")

    book = UsageBook()
    book.report("a", [row(3, "day")], NOW)
    with pytest.raises(LedgerUnavailable):
        book.write_changed(full)
    written: list[Usage] = []
    book.write_changed(written.extend)
    assert [use.count for use in written] == [3]

    book.report("a", [row(4, "day")], NOW)
    book.prune(NOW + timedelta(days=2))
    book.write_changed(full)  # nothing is left to write


@pytest.mark.parametrize("wrong", [{"per": []}, {"per": {}}, {"partner": "\ud800"}, {"flag": 7}, {"window_start": []}])
def test_rows_that_nobody_could_count_are_passed_over(wrong: dict[str, object]) -> None:
    """A row comes from another program: it must neither fail the renewal nor what is written beside it."""
    book = UsageBook()
    assert book.report("a", [row(3) | wrong, row(4)], NOW)[0]["count"] == 4
    assert len(book.take_unwritten()) == 1


def test_old_windows_are_forgotten_and_the_current_ones_kept() -> None:
    """Telemetry must not grow for ever."""
    book = UsageBook()
    book.count("acme", FLAG, {"per_minute": 1, "per_day": 1}, NOW)
    assert book.prune(NOW + timedelta(days=1)) == "2026-11-23T00:00:00Z"
    assert used(book, "day") == 1
    assert book.prune(NOW + timedelta(days=2)) == "2026-11-24T00:00:00Z"
    assert used(book, "day") == 0


def test_people_see_the_current_windows_alone() -> None:
    """Live usage on a preview is what is used now."""
    book = UsageBook()
    book.count("acme", FLAG, {"per_minute": 1, "per_day": 1}, NOW)
    later = NOW + timedelta(minutes=5)
    assert [(r["per"], r["count"]) for r in book.of(now=NOW)] == [("day", 1), ("minute", 1)]
    assert [(r["per"], r["count"]) for r in book.of("acme", FLAG, now=later)] == [("day", 1)]
    assert book.of("globex", now=NOW) == []
