"""
What the way-back card of an incident's page shows: its requests with their steps, whom to begin with, how long to wait.
"""

from __future__ import annotations

from typing import Any

from flask import request

from incidents.roles import Right
from incidents.web.frame import asker, service

SOAKS = (
    ("10m", "10 minutes"),
    ("30m", "30 minutes"),
    ("2h", "2 hours"),
    ("8h", "8 hours"),
    ("1d", "1 day"),
    ("3d", "3 days"),
    ("7d", "7 days"),
)
Json = dict[str, Any]


def values(found: Json, *, again: bool) -> Json:
    """
    For ``way_back.html`` and ``way_back_answer.html``.

    Args:
        found: The incident as ``operations.incident`` gives it.
        again: A form was refused: what was ticked in it stays ticked.
    """
    requests = [_request(r, newest=r is found["restores"][-1]) for r in found["restores"][::-1]]
    asking = next((r for r in requests if r["state"] == "open"), None)
    running = next((r for r in requests if r["state"] == "running"), None)
    may_ask = asker().may(Right.COMMAND) and not asking and not running
    return {
        "requests": requests,
        "asking": asking,
        "running": running,
        "broken": found["broken_glass"],
        "canaries": service().operations.canaries(asker(), found["id"]) if may_ask else [],
        "soaks": SOAKS,
        "only": request.form.getlist("only") if again else [],
        "attested": request.form.getlist("checks") if again else [],
    }


def _request(row: Json, *, newest: bool) -> Json:
    """With its steps, each knowing how far it is; and whether what it gave back could be taken back still."""
    shown = [step | how for step, how in zip(row["plan"].get("steps", []), row["progress"], strict=False)]
    return row | {
        "shown": shown,
        "done": len([step for step in shown if step["state"] == "done"]),
        "can_take_back": newest and row["state"] == "stopped" and row["gave_back"],
    }
