"""
A shadow drill with N streaming points, beside a load of live decisions on the very partner that it rehearses with.

Each decision's answer is looked at: one denial, and the measure fails. The fleet is that of the switch; here a point
has heard the drill when its shadow table denies, and its end when it allows again. Points and server share the cores.
"""

from __future__ import annotations

import asyncio
import json
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from incidents.client import GRANTED, Copy
from tests.bench import asks, deciding, servers
from tests.bench.figures import spread
from tests.bench.fleet import CAPABILITY, MODEL, ROUND_SECONDS, Fleet, Told
from tests.bench.ground import FLAG, lay

LOAD_CONNECTIONS = 2


class DrillFleet(Fleet):
    """Points that listen for what a drill does in shadow; that the live table stays is asserted at every change."""

    wants_denied = True

    def told(self, copy: Copy, frame: bytes) -> Told:
        known = self._known.get((copy.revision, frame))
        if known is None:
            after = copy.after(json.loads(frame))
            today = datetime.now(UTC).date().isoformat()
            live = after.verdict(self.partner, MODEL, CAPABILITY, None, today).reason
            assert live == GRANTED, f"a drill took {self.partner} away: {live}"
            shadow = after.verdict(self.partner, MODEL, CAPABILITY, None, today, shadow=True).reason
            known = self._known[copy.revision, frame] = Told(after, (shadow != GRANTED) == self.wants_denied)
        return known

    async def drill(self, partner: str) -> dict[str, float]:
        """Start one and end it; milliseconds until every point has confirmed each."""
        self.partner = partner
        started, answer = await self._order(
            "/api/v1/drills", True, playbook="partner-credential-abuse", partner=partner
        )
        contained = await self._containment(answer["id"])
        ended, proof = await self._order(f"/api/v1/drills/{answer['id']}/end", False)
        assert proof["equal"], proof
        return {"all_confirmed": started, "back_confirmed": ended, "server_says": float(contained["ms"])}

    async def _order(self, path: str, denied: bool, playbook: str = "", partner: str = "") -> tuple[float, Any]:
        self.wants_denied, self.denying, self.granted = denied, 0, 0
        self._known.clear()
        self.whole.clear()
        body = {"playbook": playbook, "parameters": {"partner": partner}} if playbook else {}
        began = time.perf_counter()
        status, answer = await self._caller.ask("POST", path, self.admin, json.dumps(body).encode())
        assert status in (200, 201), (status, answer[:500])
        await asyncio.wait_for(self.whole.wait(), ROUND_SECONDS)
        return (self.granted_at - began) * 1e3, json.loads(answer)


def measure(folder: Path, count: int, rounds: int) -> dict[str, Any]:
    """One fleet size: figures in milliseconds, and how many live decisions were asked meanwhile."""
    ground = lay(folder, points=count + 1)
    asking, streaming = ground.points[0][1], ground.points[1:]
    with servers.andon(ground) as ours:
        return asyncio.run(_rounds(ours.port, streaming, asking, ground.admin, ground.partners[0], rounds))


async def _rounds(
    port: int, points: list[tuple[str, str]], asking: str, admin: str, partner: str, rounds: int
) -> dict[str, Any]:
    fleet = DrillFleet(port, points, admin)
    request = deciding.authorize(asking, partner, FLAG).encode()
    await asks.rate(port, request, b"granted", 1, 0.05)  # the point that asks live: no copy of its own to wait for
    await fleet.open()
    took, load = [], {"per_second": 0.0, "p99_ms": 0.0}
    asked = 0.0
    for _ in range(rounds):
        questions = asyncio.create_task(asks.rate(port, request, b"granted", LOAD_CONNECTIONS, 1.5))
        took.append(await fleet.drill(partner))
        load = await questions
        asked += load["per_second"] * 1.5
    fleet.close()
    names = ("all_confirmed", "back_confirmed", "server_says")
    return {
        "points": len(points),
        "ms": {name: spread([one[name] for one in took]) for name in names},
        "decisions_asked": round(asked),
        "decisions_denied": 0,  # one would have failed the measure
        "decision_p99_ms": load["p99_ms"],
    }
