"""
The demo's outbox: a message that nobody gets may be settled only in words that say so.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from incidents.connectors import Address, Letter, NotSent
from incidents.demo.outbox import Outbox

LETTER = Letter("M1", "l/M1", "INC-2026-0001 declared", "acme revoked", "declared", "INC-2026-0001", "live")
ROOM = Address("slack", "#incidents", "slack:#incidents")


def test_message_can_be_read_and_its_receipt_says_that_nobody_was_told(tmp_path: Path) -> None:
    """
    Whoever tries Andon sees what would have gone out, and can't take it for sent.
    """
    receipt = Outbox("slack", tmp_path / "demo-outbox").send(LETTER, ROOM, lambda: None)
    assert receipt.words == "demo, nobody was told: written to demo-outbox/M1-slack.txt"
    said = (tmp_path / "demo-outbox" / "M1-slack.txt").read_text(encoding="utf-8")
    assert said == "To: slack:#incidents\nSubject: INC-2026-0001 declared\n\nacme revoked"


def test_folder_that_can_not_be_written_is_a_message_that_did_not_get_through(tmp_path: Path) -> None:
    """
    Even a demo says what failed.
    """
    (tmp_path / "demo-outbox").write_text("a file in the way", encoding="utf-8")
    with pytest.raises(NotSent, match=r"can't write M1-slack\.txt"):
        Outbox("slack", tmp_path / "demo-outbox").send(LETTER, ROOM, lambda: None)
