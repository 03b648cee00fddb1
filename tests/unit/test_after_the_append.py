"""
What comes after an append: it is recorded, so nothing that fails now may hide it or keep it from the points.
"""

from __future__ import annotations

from typing import Any

import pytest

from incidents.desk import Commit
from incidents.errors import LedgerUnavailable
from incidents.testing import ADMIN, Workshop

BODY = {"playbook": "break-glass", "parameters": {"partner": "acme"}}


def test_listener_that_fails_keeps_neither_the_answer_nor_the_others_from_the_kill(shop: Workshop) -> None:
    """A fault in what watches must not turn a recorded kill into an error, or into one that nobody hears of."""
    heard: list[int] = []

    def broken(commit: Commit) -> None:
        raise RuntimeError("a fault of its own")

    shop.service.desk.on_commit(broken, first=True)
    shop.service.desk.on_commit(lambda commit: heard.append(commit.events[-1].seq))

    assert shop.service.operations.declare(ADMIN, BODY).status == 201
    assert heard


def test_contradiction_that_could_not_be_written_is_written_later(
    shop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Evidence against a containment must outlive a full disk."""
    shop.point("edge")
    points, clock = shop.service.points, shop.clock

    def says(revision: int, **more: Any) -> None:
        copy = points.acknowledge("edge", "i1", revision, applies=["live"], boot=clock.boot(), at=clock.now(), **more)
        if not more:
            points.grant(copy, 15, clock.boot())

    says(shop.service.desk.snapshot.revision)
    id = shop.service.operations.declare(ADMIN, BODY).body["id"]
    says(shop.service.desk.snapshot.revision)
    shop.service.cycle()
    assert shop.service.operations.containment(ADMIN, id)["state"] == "contained"

    says(1, refused="no room for the table")
    with monkeypatch.context() as broken:

        def full(*_: Any, **__: Any) -> None:
            raise LedgerUnavailable("the disk is full")

        broken.setattr(shop.service.ledger, "append", full)
        with pytest.raises(LedgerUnavailable):
            shop.service.cycle()
    shop.service.cycle()

    assert shop.service.operations.containment(ADMIN, id)["state"] == "pending"
