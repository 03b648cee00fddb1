"""
The picture of an incident: whatever the times are, labels never collide, get cut or leave it.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from incidents.clock import rfc3339
from incidents.picture import Picture, draw
from incidents.scale import NARROW, WIDE, Scale, Sheet
from incidents.timeline import Row

START = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
SHEETS = (WIDE, NARROW)
KINDS = [
    ("incident:life:declared", "people", True),
    ("access:hold:placed", "machine", True),
    ("incident:life:contained", "machine", True),
    ("incident:note:added", "people", False),
    ("restore:request:asked", "people", True),
    ("incident:duties:owed", "machine", False),
]
Held = dict[str, Any]


def row(seq: int, after_s: float, kind: int = 3, text: str = "a note", late: bool = False, pinned: bool = False) -> Row:
    name, lane, key = KINDS[kind]
    at = rfc3339(START + timedelta(seconds=after_s))
    data = {"ms": 84}
    return Row(seq, at, at, name, "Ada Okafor", "web", text, lane, "plain", key, late, data, "0" * 64, False, pinned)


def held(start: float, end: float | None = None, words: str = "acme revoked", kind: str = "partner") -> Held:
    until = rfc3339(START + timedelta(seconds=end)) if end is not None else None
    return {"kind": kind, "words": words, "from": rfc3339(START + timedelta(seconds=start)), "to": until}


moments = st.one_of(st.floats(0, 2), st.floats(0, 600), st.floats(0, 40 * 86_400))
texts = st.text(st.characters(codec="utf-8", exclude_categories=["Cs", "Cc"]), max_size=80)
rows = st.lists(
    st.builds(
        row,
        seq=st.integers(1, 10_000),
        after_s=moments,
        kind=st.integers(0, len(KINDS) - 1),
        text=texts,
        late=st.booleans(),
        pinned=st.booleans(),
    ),
    max_size=40,
)
holds = st.lists(
    st.tuples(moments, st.one_of(st.none(), st.floats(0, 86_400)), texts).map(
        lambda drawn: held(drawn[0], None if drawn[1] is None else drawn[0] + drawn[1], drawn[2])
    ),
    max_size=6,
)


@given(rows, holds, st.floats(0, 86_400), st.sampled_from(SHEETS))
def test_labels_never_collide_or_leave_the_picture(
    found: list[Row], off: list[Held], later: float, sheet: Sheet
) -> None:
    """
    A picture that can't be read is worse than none, and it is looked at with real times, not with ours.
    """
    pictures = draw(found, START + timedelta(seconds=later), off, sheets=(sheet,))
    if not pictures:
        return
    drawn = pictures[0]
    labels = [dot.label for lane in drawn.lanes for dot in lane.dots if dot.label is not None]
    labels += [bar.label for bar in drawn.bars]
    for label in labels:
        assert sheet.left <= label.left < label.right <= sheet.right
        assert 12 <= label.y <= drawn.height - 30
    names = [(0.0, 60.0, lane.name_y) for lane in drawn.lanes]
    names += [(0.0, 60.0, drawn.bars_name.y)] if drawn.bars_name else []
    boxes = [(label.left, label.right, label.y) for label in labels] + names
    for index, (left, right, y) in enumerate(boxes):
        for other_left, other_right, other_y in boxes[index + 1 :]:
            assert right < other_left or other_right < left or abs(y - other_y) >= 11
    for lane in drawn.lanes:
        xs = [dot.x for dot in lane.dots]
        assert all(sheet.left <= x <= sheet.right for x in xs)
        assert all(b - a >= 14 for a, b in pairwise(xs))
    for bar in drawn.bars:
        assert sheet.left <= bar.x
        assert bar.x + bar.width <= sheet.right + 6
    assert drawn.ticks
    for before, after in pairwise(drawn.ticks):
        assert before.right < after.left
    assert drawn.ticks[0].left >= sheet.left
    assert drawn.ticks[-1].right <= sheet.right


@given(st.lists(moments, min_size=1, max_size=40), st.sampled_from(SHEETS))
def test_time_never_runs_backwards(found: list[float], sheet: Sheet) -> None:
    """
    Gaps may be drawn short; what came first stands first all the same.
    """
    at = sorted(START + timedelta(seconds=s) for s in found)
    scale = Scale(at, [], at[-1], sheet)
    places = [scale.x(moment) for moment in at]
    assert places == sorted(places)
    assert sheet.left <= places[0] <= places[-1] <= sheet.right


def drawn(*found: Row, off: list[Held] | None = None, after: float = 3600, sheet: Sheet = WIDE) -> Picture:
    return draw(found, START + timedelta(seconds=after), off or [], sheets=(sheet,))[0]


def labels(picture: Picture) -> list[str]:
    return [dot.label.text for lane in picture.lanes for dot in lane.dots if dot.label is not None]


def test_moments_that_fall_together_become_one_dot_that_counts_them() -> None:
    """
    Three holds in one write are one moment on the scale of an hour.
    """
    picture = drawn(row(1, 0, 0), row(2, 0, 1, "In force: a"), row(3, 0, 1, "In force: b"), row(4, 3600, 3))
    assert "12:00:00 2 holds in force" in labels(picture)
    assert sum(len(dot.rows) for lane in picture.lanes for dot in lane.dots) == 4


def test_dot_of_several_is_named_by_the_most_telling_at_its_own_time() -> None:
    """
    "Contained" under the time of something else would be a wrong fact in a picture.
    """
    contained = replace(row(2, 1, 2), tone="ok")
    picture = drawn(replace(row(1, 0, 1, "In force: a"), tone="stop"), contained, row(3, 7200, 3))
    assert "12:00:01 contained after 84 ms +1" in labels(picture)
    assert picture.lanes[1].dots[0].tone == "ok"


def test_label_has_the_words_of_a_note_and_not_its_markup() -> None:
    """
    Stars and brackets in a picture look like a fault in it.
    """
    picture = drawn(row(1, 0, 0), row(2, 900, 3, "Called **Acme** on [the line](https://tel.example/1)"))
    assert "12:15:00 Called Acme on the line" in labels(picture)


def test_what_was_told_later_stands_in_the_world_lane() -> None:
    """
    What happened outside and was learnt afterwards is not something that a person did at that moment.
    """
    world = drawn(row(1, 0, 0), row(2, -1200, 3, "first misuse", late=True)).lanes[0]
    assert [dot.rows[0].text for dot in world.dots] == ["first misuse"]


def test_pinned_line_is_a_key_moment_in_the_picture() -> None:
    """
    Somebody said that it matters.
    """
    people = drawn(row(1, 0, 0), row(2, 900, 3, "the partner called", pinned=True)).lanes[2]
    assert [dot.key for dot in people.dots] == [True, True]
    assert "the partner called" in " ".join(
        labels(drawn(row(1, 0, 0), row(2, 900, 3, "the partner called", pinned=True)))
    )


def test_long_quiet_is_drawn_short_and_says_how_long_it_was() -> None:
    """
    Two days of waiting must not press the ten minutes that mattered into one dot.
    """
    found = [row(n, n * 60, 0 if n == 0 else 3, f"note {n}") for n in range(10)]
    picture = drawn(*found, row(99, 2 * 86_400, 4))
    assert len(picture.lanes[2].dots) > 8
    gap = next(tick for tick in picture.ticks if tick.gap)
    assert gap.text == "1 day 23 h"
    assert "23 Nov 12:00" in labels(picture)[0]


def test_ordinary_times_are_drawn_to_scale() -> None:
    """
    A picture that bends time without need lies.
    """
    picture = drawn(row(1, -1320, 3, "first", late=True), row(2, 0, 0), row(3, 300, 3))
    assert not any(tick.gap for tick in picture.ticks)
    first, declared, note = picture.lanes[0].dots[0].x, picture.lanes[2].dots[0].x, picture.lanes[2].dots[1].x
    assert (declared - first) / (note - declared) == pytest.approx(1320 / 300, rel=0.01)


def test_darkness_is_a_bar_from_when_to_when() -> None:
    """
    Who was off for how long is seen at a glance, and what is still off reaches the end.
    """
    picture = drawn(
        row(1, 0, 0), off=[held(0, 1800), held(0, None, "orion-2 halted", "halt"), held(0, None, "frozen", "promotion")]
    )
    assert [(bar.lasts, bar.title) for bar in picture.bars] == [
        (False, "12:00:00 acme revoked, for 30 min"),
        (True, "12:00:00 orion-2 halted, still"),
    ]
    short, long = picture.bars
    assert long.x + long.width == pytest.approx(WIDE.right - 8)
    assert short.width == pytest.approx(long.width / 2, rel=0.01)


def test_many_things_that_are_off_are_one_bar() -> None:
    """
    Ten bars would be a picture of bars.
    """
    picture = drawn(row(1, 0, 0), off=[held(n, None, f"p{n} revoked") for n in range(10)])
    assert [bar.title for bar in picture.bars] == ["12:00:00 10 things off, still"]


def test_long_words_are_cut_between_words_and_say_so() -> None:
    """
    Half a word reads like another word.
    """
    text = "a burst of calls from an address that the partner has never used before in its whole life"
    (label,) = labels(drawn(row(1, 0, 3, text)))
    assert label.endswith("…")
    assert text.startswith(label.partition(" ")[2].removesuffix("…"))
    assert text[len(label.partition(" ")[2]) - 1] == " "


def test_incident_without_anything_to_show_has_no_picture() -> None:
    """
    An empty frame would look like a fault.
    """
    assert draw([], START) == []
