"""
The picture of an incident: whatever the times are, labels never collide, get cut or leave it.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from incidents.clock import rfc3339
from incidents.picture import LEFT, RIGHT, Picture, draw
from incidents.timeline import Row

START = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
KINDS = [
    ("incident:life:declared", "people", True),
    ("access:hold:placed", "machine", True),
    ("incident:life:contained", "machine", True),
    ("incident:note:added", "people", False),
    ("restore:request:asked", "people", True),
    ("incident:duties:owed", "machine", False),
]


def row(seq: int, after_s: float, kind: int = 3, text: str = "a note", late: bool = False) -> Row:
    name, lane, key = KINDS[kind]
    at = rfc3339(START + timedelta(seconds=after_s))
    return Row(seq, at, at, name, "Ada Okafor", "web", text, lane, "plain", key, late, {"ms": 84}, "0" * 64, False)


rows = st.lists(
    st.builds(
        row,
        seq=st.integers(1, 10_000),
        after_s=st.one_of(st.floats(0, 2), st.floats(0, 600), st.floats(0, 40 * 86_400)),
        kind=st.integers(0, len(KINDS) - 1),
        text=st.text(st.characters(codec="utf-8", exclude_categories=["Cs", "Cc"]), max_size=80),
        late=st.booleans(),
    ),
    max_size=40,
)


@given(rows, st.floats(0, 86_400))
def test_labels_never_collide_or_leave_the_picture(found: list[Row], later: float) -> None:
    """
    A picture that can't be read is worse than none, and it is looked at with real times, not with ours.
    """
    drawn = draw(found, START + timedelta(seconds=later))
    if drawn is None:
        return
    boxes = [
        (label.left, label.right, label.y)
        for lane in drawn.lanes
        for dot in lane.dots
        if (label := dot.label) is not None
    ]
    for left, right, y in boxes:
        assert LEFT <= left < right <= RIGHT
        assert 12 <= y <= drawn.height - 30
    for index, (left, right, y) in enumerate(boxes):
        for other_left, other_right, other_y in boxes[index + 1 :]:
            assert right < other_left or other_right < left or abs(y - other_y) >= 12
    for lane in drawn.lanes:
        xs = [dot.x for dot in lane.dots]
        assert all(LEFT <= x <= RIGHT for x in xs)
        assert all(b - a >= 14 for a, b in pairwise(xs))
    for before, after in pairwise(drawn.ticks):
        assert before.right < after.left


def drawn(*found: Row) -> Picture:
    made = draw(found, START + timedelta(hours=1))
    assert made is not None
    return made


def labels(picture: Picture) -> list[str]:
    return [dot.label.text for lane in picture.lanes for dot in lane.dots if dot.label is not None]


def test_moments_that_fall_together_become_one_dot_that_counts_them() -> None:
    """
    Three holds in one write are one moment on the scale of an hour.
    """
    picture = drawn(row(1, 0, 0), row(2, 0, 1, "In force: a"), row(3, 0, 1, "In force: b"), row(4, 3600, 3))
    assert "12:00:00 2 holds in force" in labels(picture)
    assert sum(len(dot.rows) for lane in picture.lanes for dot in lane.dots) == 4


def test_what_was_told_later_stands_in_the_world_lane() -> None:
    """
    What happened outside and was learnt afterwards is not something that a person did at that moment.
    """
    world = drawn(row(1, 0, 0), row(2, -1200, 3, "first misuse", late=True)).lanes[0]
    assert [dot.rows[0].text for dot in world.dots] == ["first misuse"]


def test_incident_without_anything_to_show_has_no_picture() -> None:
    """
    An empty frame would look like a fault.
    """
    assert draw([], START) is None
