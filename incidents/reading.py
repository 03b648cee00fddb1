"""
One incident as it is shown: everything that a page, a hand-out or a message about it is made of. Pure values.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from incidents.timeline import Row

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Reading:
    """
    ``whole`` is what the API answers, ``rows`` every line in the order in which they were recorded, ``exposure`` who
    could use what before and now, ``people`` ``{name, slack, email}`` of everybody in the catalog, by id.
    """

    whole: Json
    rows: list[Row]
    exposure: Json
    people: dict[str, Json]
