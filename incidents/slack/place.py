"""
Where a person typed or pressed, and how they can be answered. Pure.
"""

from __future__ import annotations

from dataclasses import dataclass

from incidents.slack.deliveries import Delivery


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """``thread``: the message's thread, where it was pressed on a message. ``trigger`` opens a modal once."""

    team: str
    user: str
    channel: str
    delivery: Delivery
    thread: str = ""
    trigger: str = ""
    response_url: str = ""
