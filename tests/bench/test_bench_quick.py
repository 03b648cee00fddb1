"""The bench itself: two points, two rounds, and a report. No figure is judged here."""

from __future__ import annotations

import asyncio
from itertools import pairwise
from pathlib import Path
from xml.etree import ElementTree

import pytest

from incidents.ledger.sqlite import SqliteLedger
from incidents.service import Service
from tests.bench import asks, deciding, drilling, finding, owed, pending, picture, servers, switch, table
from tests.bench.figures import machine
from tests.bench.ground import FLAG, add_closed_incidents, lay, settings_in
from tests.bench.picture import LABEL_GAP, spaced


def test_two_points_deny_and_confirm_in_every_round_and_the_report_can_be_drawn(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    The fleet checks for itself that each point denies and that the server counted it; a bench that can't run is rot.
    """
    monkeypatch.setattr(switch, "WARM_UP", 1)

    found = {"machine": machine(), "switch": [switch.measure(tmp_path, 2, rounds=2)]}

    assert len(found["switch"][0]["rounds"]["ours"]) == 2
    assert "all confirmed" in "\n".join(table.lines(found))
    assert ElementTree.fromstring(picture.draw(found)).tag.endswith("svg")


def test_the_generator_gets_allowed_answers_and_counts_them(tmp_path: Path) -> None:
    """
    A generator that counts refusals as decisions would make the fastest server the one that is broken.
    """
    ground = lay(tmp_path, points=1, partners=1)
    request = deciding.authorize(ground.points[0][1], ground.partners[0], FLAG).encode()
    with servers.andon(ground) as ours:
        found = asyncio.run(asks.rate(ours.port, request, b"granted", 2, 0.1))
        with pytest.raises(AssertionError, match="unexpected answer"):
            asyncio.run(asks.rate(ours.port, request.replace(b"partner-0000", b"nobody"), b"granted", 1, 0.1))

    assert found["per_second"] > 0


def test_a_made_up_past_folds_into_closed_incidents(tmp_path: Path) -> None:
    """
    The long past is written straight to the ledger; it must mean what it says, or the comparison measures nothing.
    """
    ground = lay(tmp_path, partners=3)
    ledger = SqliteLedger.open(ground.settings.database_path)
    add_closed_incidents(ledger, 5, ground.partners)
    ledger.close()

    service = Service.open(settings_in(tmp_path))
    with service.desk.read() as state:
        closed = list(state.over)
        assert len(closed) == 5
        assert not state.holds
    service.stop()


def test_lists_and_searches_are_asked_of_a_short_and_a_long_past(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    Each question has to find what it is named for, or an empty answer would look quick.
    """
    monkeypatch.setattr(finding, "SHORT", 510)
    past = finding._Past(tmp_path / "seen", 600)
    sizes = {name: len(ask(past.service.operations, 600).get("items", ())) for name, ask in finding.QUESTIONS.items()}
    past.service.stop()

    found = {"machine": machine(), "finding": finding.measure(tmp_path, closed=520, rounds=1)}

    assert sizes == {
        "newest 25": 25,
        "25 from the middle": 25,
        "a filter that none fits": 0,
        "the board": 0,
        "a word that one has": 1,
        "a word that some have": 2,
        "a word that all have": 25,
        "two letters that all have": 25,
        "a word that all have, a filter that none fits": 0,
    }
    assert "a word that some have" in "\n".join(table.lines(found))


def test_pending_deadlines_are_ticked_missed_and_settled_after_an_outage(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    The bench counts what was written: a tick that does nothing would be the fastest.
    """
    monkeypatch.setattr(pending, "LEAD_S", 0.6)
    found = pending.measure(tmp_path, few=20, many=100, ticks=2)

    assert found["written_at_once"] == found["at_once"] == 5
    assert found["after_outage"] == 2 * 5
    assert "due in the same second" in "\n".join(table.pending(found))


def test_labels_that_want_the_same_place_are_drawn_apart() -> None:
    """
    A picture whose labels lie on each other can't be read.
    """
    placed = sorted(spaced([100.0, 101.0, 99.0, 300.0]))

    assert all(b - a >= LABEL_GAP - 0.1 for a, b in pairwise(placed))
    assert placed[-1] == pytest.approx(300.0)


def test_what_falls_due_at_once_is_counted_to_the_last(tmp_path: Path) -> None:
    """
    A bench of sending that loses messages, or counts what never left, would show the best figures of all.
    """
    found = owed.measure(tmp_path, due=40, waiting=60)

    assert [row["waiting"] for row in found["tick"]] == [1_000, 60]
    assert found["mails"]["left_s"]["last"] >= found["mails"]["left_s"]["p50"]
    assert "Owed to the outside" in "\n".join(table.lines({"machine": machine(), "owed": found}))


def test_a_drill_is_measured_beside_live_decisions_that_are_all_looked_at(tmp_path: Path) -> None:
    """
    A load that does not look at its answers would show that a drill is fast, not that it is safe.
    """
    found = drilling.measure(tmp_path, 2, rounds=2)

    assert found["decisions_asked"] > 100
    assert found["ms"]["all_confirmed"]["n"] == 2
    assert "end -> all confirmed" in "\n".join(table.drill([found]))
