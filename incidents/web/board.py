"""
The first page: what is open, who is dark, whether the points are there. Partners see their own access instead.
"""

from __future__ import annotations

from werkzeug.wrappers import Response

from incidents.web.clock_card import next_clocks
from incidents.web.frame import asker, may_enter, pages, service, show, visitor


@pages.get("/")
def board() -> Response:
    if not may_enter(visitor()):
        return _own_access()
    found = service().operations.board(asker())
    real = [row for row in found["open"] if row["kind"] == "real"]
    rehearsed = [row for row in found["open"] if row["kind"] != "real"]
    here = [p for p in found["points"] if p["standing"] != "token revoked"]
    return show(
        "board.html",
        real=real,
        rehearsed=rehearsed,
        recent=found["recent"],
        dark=found["dark"],
        drills_overdue=service().operations.drills_overdue(asker()),
        broken=found["broken_glass"],
        late_follow_ups=found["overdue_follow_ups"],
        points=here,
        held=[p for p in here if p["standing"] == "holds a lease"],
        missing=[p for p in here if p["standing"] in ("lapsed", "never connected")],
        clocks=next_clocks(),
        names=service().operations.people_names(asker()),
    )


def _own_access() -> Response:
    found = service().operations.partner(asker(), asker().partner or "")
    return show("own_access.html", partner=found)
