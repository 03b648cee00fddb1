"""
Figures over many incidents: medians and worst cases, real ones and drills apart, nothing averaged away.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from incidents.insights import drilled, insights, percentile, spread
from incidents.life import Over
from incidents.testing import ADMIN, Workshop
from incidents.web.trend import HEIGHT, draw_trend

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)


def over(*, days: int, contained: float | None = 1.0, kind: str = "real", playbook: str = "p") -> Over:
    return Over(
        kind=kind,
        status="closed",
        severity="sev2",
        playbook=playbook,
        declared_at=NOW - timedelta(days=days),
        contained_s=contained,
    )


@given(st.lists(st.floats(0, 1e6), min_size=1, max_size=60), st.floats(0.01, 1))
def test_a_percentile_is_a_value_that_so_many_are_within(values: list[float], share: float) -> None:
    """Nearest rank: a figure that somebody really took, never one between two."""
    found = percentile(values, share)

    assert found in values
    assert sum(v <= found for v in values) >= share * len(values) - 1e-9
    assert sum(v < found for v in values) < share * len(values) + 1e-9


def test_the_worst_night_is_named() -> None:
    """An average of these would say a quarter of an hour, which nobody ever waited."""
    assert spread([1, 1, 1, 3600]) == {"count": 4, "p50": 1, "p90": 3600, "worst": 3600}
    assert spread([]) is None


def test_real_incidents_and_drills_never_stand_in_one_figure() -> None:
    """A fast drill must not make a slow month look good."""
    known = {"a": over(days=1, contained=100), "b": over(days=1, contained=1, kind="drill")}

    assert insights(known, kind="real", now=NOW)["measures"]["contain"]["all"]["worst"] == 100
    assert insights(known, kind="drill", now=NOW)["measures"]["contain"]["all"]["worst"] == 1


def test_a_trend_has_each_month_and_each_playbook() -> None:
    """Months without an incident stay in the picture, empty."""
    known = {"a": over(days=0), "b": over(days=40, contained=5, playbook="q"), "c": over(days=800)}
    found = insights(known, kind="real", now=NOW)
    contain = found["measures"]["contain"]

    assert (len(found["months"]), found["months"][-1], found["incidents"]) == (12, "2026-11", 2)
    assert [row["month"] for row in contain["months"] if row["spread"]] == ["2026-10", "2026-11"]
    assert [row["playbook"] for row in contain["playbooks"]] == ["p", "q"]
    assert contain["slowest"] == "b"
    assert insights(known, kind="real", now=NOW, playbook="q")["incidents"] == 1


def test_a_playbook_that_was_never_drilled_comes_first() -> None:
    """A kill switch that was never pulled doesn't work."""
    last = {"old": NOW - timedelta(days=40), "new": NOW - timedelta(days=1)}
    month = 30 * 86_400.0
    rows = drilled(last, {"old": month, "new": month, "never": month, "free": None}, NOW)

    assert [row["playbook"] for row in rows] == ["free", "never", "old", "new"]
    assert {row["playbook"]: row["overdue"] for row in rows} == {
        "free": False, "never": True, "old": True, "new": False,
    }  # fmt: skip


def test_what_was_promised_after_an_incident_is_chased(shop: Workshop) -> None:
    """Follow-ups go on after closing until they are done; the board says so."""
    operations = shop.service.operations
    id = operations.declare(ADMIN, {"playbook": "break-glass", "parameters": {"partner": "acme"}}).body["id"]
    from incidents.decisions.tasks import NewTask

    due = shop.clock.now() + timedelta(hours=1)
    operations.add_task(ADMIN, id, NewTask(title="Shorten keys", owner="grace", due_at=due, follow_up=True))
    assert operations.insights(ADMIN)["overdue_follow_ups"] == []
    shop.clock.advance(7200)

    found = operations.insights(ADMIN)["overdue_follow_ups"]
    assert [(row["incident"], row["title"], row["owner"]) for row in found] == [(id, "Shorten keys", "grace")]
    assert len(operations.board(ADMIN)["overdue_follow_ups"]) == 1
    operations.settle_task(ADMIN, id, found[0]["number"], "done")
    assert operations.insights(ADMIN)["overdue_follow_ups"] == []


@pytest.mark.parametrize("seconds", [[0.002], [1, 60, 90_000], [1e-5, 1e9]])
def test_a_trend_is_drawn_inside_its_frame(seconds: list[float]) -> None:
    """Whatever the figures are, no mark leaves the card."""
    months = [{"month": f"2026-{n:02d}", "spread": spread([s])} for n, s in enumerate(seconds, 1)]
    drawn = draw_trend([*months, {"month": "2026-12", "spread": None}])

    assert drawn is not None
    assert all(0 <= y <= HEIGHT for mark in drawn.marks for y in (mark.p50, mark.p90, mark.worst))
    assert draw_trend([{"month": "2026-12", "spread": None}]) is None
