"""
Two people at one text: what both wrote stays, whatever they did to it.
"""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from incidents.merging import LONGEST, differences, marks, merge

LINES = st.lists(st.sampled_from(["", "a", "b", "c", "# A", "- x"]), max_size=12)
TEXTS = st.builds(lambda lines, end: "\n".join(lines) + end, LINES, st.sampled_from(["", "\n"]))


def numbered(count: int) -> list[str]:
    return [f"line {n}\n" for n in range(count)]


@given(TEXTS, TEXTS)
def test_change_of_one_alone_is_the_result(base: str, changed: str) -> None:
    """Whoever wrote while nobody else did must find exactly their own text."""
    assert merge(base, changed, base).text == changed
    assert merge(base, base, changed).text == changed
    assert merge(base, changed, changed).text == changed
    assert merge(base, changed, base).conflicts == 0


@given(TEXTS, TEXTS, TEXTS)
def test_no_line_that_anybody_wrote_is_lost(base: str, mine: str, theirs: str) -> None:
    """The rule that matters most: what a person typed survives."""
    kept = set(merge(base, mine, theirs).text.splitlines())
    written = (set(mine.splitlines()) | set(theirs.splitlines())) - set(base.splitlines())

    assert written <= kept


@given(TEXTS, TEXTS)
def test_without_a_base_everything_that_either_wrote_is_kept(mine: str, theirs: str) -> None:
    """Where nobody knows what both began with, too much stands there rather than too little."""
    kept = set(merge(None, mine, theirs).text.splitlines())

    assert set(mine.splitlines()) | set(theirs.splitlines()) <= kept
    assert merge(None, mine, mine).text == mine


@given(TEXTS, TEXTS, TEXTS)
def test_conflicts_are_counted_as_they_are_marked(base: str, mine: str, theirs: str) -> None:
    """A mark that nobody announced would end up in the review."""
    found = merge(base, mine, theirs)

    assert len(marks(found.text)) == 2 * found.conflicts


@given(st.integers(2, 30), st.data())
def test_changes_in_different_places_both_come_in_by_themselves(count: int, data: st.DataObject) -> None:
    """Two people at two questions of one review must not have to merge by hand."""
    base = numbered(count + 1)
    border = data.draw(st.integers(1, count - 1))
    mine, theirs = base.copy(), base.copy()
    mine[: data.draw(st.integers(0, border))] = ["mine\n"]
    theirs[data.draw(st.integers(border + 1, count + 1)) :] = ["theirs\n"]

    found = merge("".join(base), "".join(mine), "".join(theirs))

    assert found.conflicts == 0
    assert found.text.splitlines()[0] == "mine"
    assert found.text.splitlines()[-1] == "theirs"
    assert f"line {border}" in found.text


def test_both_changed_the_same_line_and_both_stand_there_with_their_names() -> None:
    """A person decides; until then neither is preferred."""
    found = merge("a\nold\nz\n", "a\nmine\nz\n", "a\nhers\nz\n", mine_is="yours", theirs_is="version 4, grace")

    assert found.text == "a\n<<<<<<< yours\nmine\n=======\nhers\n>>>>>>> version 4, grace\nz\n"
    assert found.conflicts == 1
    assert marks(found.text) == [2, 6]


def test_last_lines_without_an_end_are_not_glued_together() -> None:
    """An editor that writes no last line feed must not make one line of two."""
    found = merge("old", "mine", "hers")

    assert found.text.splitlines() == ["<<<<<<< yours", "mine", "=======", "hers", ">>>>>>> theirs"]


@pytest.mark.parametrize("line", ["a\n", "{n}\n"])
def test_huge_texts_take_no_time(line: str) -> None:
    """Two people with 200,000 characters each must not stop the service for everybody else."""
    base = "".join(line.format(n=n) for n in range(100_000))
    began = time.perf_counter()
    found = merge(base, "mine\n" + base + "mine\n", "theirs\n" + base[::-1] + "\n")
    differences(base, base[::-1])

    assert time.perf_counter() - began < 5
    assert "mine" in found.text
    assert "theirs" in found.text


def test_longest_text_that_is_compared_line_by_line_takes_no_time() -> None:
    """The limit itself has to be quick, with the lines that are worst for it."""
    mine = "".join(f"{n % 97}\n" for n in range(LONGEST))
    theirs = "".join(f"{n * 7 % 97}\n" for n in range(LONGEST))
    began = time.perf_counter()
    merge("x\n" + mine + "y\n", mine + "1\n", theirs + "2\n")

    assert time.perf_counter() - began < 5


# --- what differs -----------------------------------------------------------------------------------------------------


@given(TEXTS, TEXTS)
def test_differences_hold_the_new_text_and_what_went_away(old: str, new: str) -> None:
    """Read down the new lines and the new text is there; nothing that went away is hidden."""
    found = differences(old, new)
    if not found:
        assert old.splitlines() == new.splitlines()
    gone = [line.text for line in found if line.kind == "gone"]
    added = [line.text for line in found if line.kind == "new"]
    skipped = sum(int(line.text) for line in found if line.kind == "skipped")
    same = sum(line.kind == "same" for line in found) + skipped
    if found:
        assert len(gone) + same == len(old.splitlines())
        assert len(added) + same == len(new.splitlines())


def test_differences_leave_out_what_is_far_from_any_change() -> None:
    """A long review with one changed word must not be shown twice."""
    old = numbered(100)
    new = [*old[:50], "changed\n", *old[51:]]

    assert [(line.kind, line.text) for line in differences("".join(old), "".join(new))] == [
        ("skipped", "48"),
        ("same", "line 48"),
        ("same", "line 49"),
        ("gone", "line 50"),
        ("new", "changed"),
        ("same", "line 51"),
        ("same", "line 52"),
        ("skipped", "47"),
    ]
