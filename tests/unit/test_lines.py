"""
Which lines of a timeline a page shows, and that every address of it leads somewhere.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qsl

import pytest
from hypothesis import given
from hypothesis import strategies as st

from incidents.clock import rfc3339
from incidents.timeline import Correction, Row
from incidents.web.lines import KINDS, LANES, ON_A_PAGE, Wanted, choose, lane_of, wanted

START = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
NOTE = "incident:note:added"


def line(seq: int, kind: str = NOTE, text: str = "seen", lane: str = "people", **more: object) -> Row:
    at = rfc3339(START + timedelta(seconds=seq))
    values = {"key": False, "late": False, "pinned": False, "data": {}} | more
    return Row(
        seq=seq, at=at, recorded_at=at, kind=kind, actor="Ada", via="web", text=text, lane=lane, tone="plain",
        digest="0" * 64, redacted=False, **values,  # type: ignore[arg-type]
    )  # fmt: skip


MIXED = [
    line(1, "incident:life:declared", "Declared", key=True),
    line(2, "access:hold:placed", "In force: acme revoked", "machine", key=True),
    line(3, text="first misuse", late=True),
    line(4, text="called the partner", pinned=True),
    line(5, "incident:update:posted", "all quiet"),
    line(6, "incident:task:settled", "Task 1 done"),
]


def seqs(**args: str) -> list[int]:
    return [row.seq for row in choose(MIXED, wanted(args)).rows]


@pytest.mark.parametrize(
    ("args", "expected"),
    [
        ({}, [6, 5, 4, 3, 2, 1]),
        ({"order": "oldest"}, [1, 2, 3, 4, 5, 6]),
        ({"lane": "world"}, [3]),
        ({"lane": "machine"}, [2]),
        ({"kind": "notes"}, [4, 3]),
        ({"kind": "updates"}, [5]),
        ({"kind": "decisions"}, [6, 1]),
        ({"kind": "machine"}, [2]),
        ({"key": "1"}, [4, 2, 1]),
        ({"q": "ACME revoked"}, [2]),
        ({"q": "ada", "key": "1", "kind": "notes"}, [4]),
        ({"q": "nothing like it"}, []),
    ],
)
def test_filters_leave_what_was_asked_for(args: dict[str, str], expected: list[int]) -> None:
    """
    Leadership wants the twelve moments, the scribe wants the notes.
    """
    assert seqs(**args) == expected


def test_words_that_were_corrected_are_still_found() -> None:
    """
    Who remembers the wrong time or name searches for that.
    """
    said = Correction(9, "Ada", rfc3339(START), "typo", was_text="globex called")
    row = line(8, text="acme called", corrections=(said,))
    assert choose([row], wanted({"q": "globex"})).found == 1


def test_counts_say_what_there_is_before_filtering() -> None:
    """
    A filter that shows how many it would find saves trying it.
    """
    shown = choose(MIXED, wanted({"lane": "machine"}))
    assert (shown.total, shown.found, shown.keys) == (6, 1, 3)
    assert shown.lanes == {"world": 1, "machine": 1, "people": 4}
    assert shown.kinds == {"notes": 2, "updates": 1, "decisions": 2, "machine": 1}


def test_link_to_one_line_leads_to_the_page_that_has_it() -> None:
    """
    A line that somebody points at must be there, whatever was written since.
    """
    rows = [line(n) for n in range(1, 1001)]
    shown = choose(rows, wanted({"line": "3"}))
    assert 3 in [row.seq for row in shown.rows]
    assert (shown.page, shown.pages) == (20, 20)


@pytest.mark.parametrize("page", ["0", "-1", "99999999999999999999", "x", "٣", "3.5"])
def test_page_that_does_not_exist_becomes_one_that_does(page: str) -> None:
    """
    An address is typed, cut off and kept for weeks.
    """
    shown = choose([line(n) for n in range(1, 120)], wanted({"page": page}))
    assert 1 <= shown.page <= shown.pages
    assert shown.rows


def test_unknown_choices_are_passed_over() -> None:
    """
    A wrong filter shows everything instead of nothing.
    """
    assert wanted({"lane": "sky", "kind": "<script>", "order": "random", "key": "yes", "page": ""}) == Wanted()


@given(
    st.integers(0, 400),
    st.builds(
        Wanted,
        lane=st.sampled_from(["", *LANES]),
        kind=st.sampled_from(["", *KINDS]),
        key=st.booleans(),
        text=st.sampled_from(["", "seen", "a b", "&=?#%"]),
        order=st.sampled_from(["newest", "oldest"]),
    ),
)
def test_pages_together_show_each_line_once(count: int, wish: Wanted) -> None:
    """
    Nothing falls between two pages, and the address of each page brings it back.
    """
    rows = [
        line(n, key=n % 3 == 0, lane="machine" if n % 2 else "people", late=n % 5 == 0) for n in range(1, count + 1)
    ]
    pages = choose(rows, wish).pages
    seen: list[int] = []
    for page in range(1, pages + 1):
        again = wanted(dict(parse_qsl(wish.query(page=page))))
        shown = choose(rows, again)
        assert shown.page == page
        assert len(shown.rows) <= ON_A_PAGE
        assert (shown.first, shown.last) == ((len(seen) + 1, len(seen) + len(shown.rows)) if shown.rows else (0, 0))
        seen += [row.seq for row in shown.rows]
    assert len(seen) == len(set(seen)) == choose(rows, wish).found
    assert seen == sorted(seen, reverse=wish.order == "newest")


OWED, SETTLED = "effect:message:owed", "effect:message:settled"
MACHINE = [
    line(1, "incident:life:declared", "Declared", key=True),
    line(2, "incident:action:recorded", "Action 1: acme revoked", "machine", data={"number": 1, "state": "applied"}),
    line(3, "access:hold:placed", "In force: acme revoked", "machine", key=True, data={"hold": {"action": 1}}),
    line(4, "incident:action:recorded", "Action 2 skipped", "machine", data={"number": 2, "state": "skipped"}),
    line(5, OWED, "M1 owed to slack:#ops", "machine", data={"id": "M1"}),
    line(6, OWED, "M2 owed to Ada", "machine", data={"id": "M2"}),
    line(7, SETTLED, "M1 sent by slack", "machine", data={"id": "M1"}),
    line(8, SETTLED, "M2 dead", "machine", pinned=True, data={"id": "M2"}),
]


def test_what_is_owed_and_what_became_of_it_are_one_line() -> None:
    """
    Nobody reads thirty lines of a machine twice; both times stay, and a line that somebody pinned stands for itself.
    """
    shown = {row.seq: [a.seq for a in row.after] for row in choose(MACHINE, wanted({"order": "oldest"})).rows}
    assert shown == {1: [4], 3: [2], 5: [7], 6: [], 8: []}


def test_line_told_with_another_is_still_found() -> None:
    """
    A link to the moment at which a message went out, or a search for it, must not lead nowhere.
    """
    assert [row.seq for row in choose(MACHINE, wanted({"q": "sent by slack"})).rows] == [5]
    many = [*MACHINE, *(line(n) for n in range(9, 400))]
    assert 7 in [row.seq for row in choose(many, wanted({"line": "7"})).rows]


def test_late_note_belongs_to_the_world() -> None:
    """
    What was learnt later happened outside, not at the desk of who wrote it down.
    """
    assert lane_of(line(1, late=True)) == "world"
    assert lane_of(line(1)) == "people"
