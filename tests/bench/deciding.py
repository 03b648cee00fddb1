"""
Decisions: asked over HTTP (authorize, OFREP) beside the bare server's empty answer, and made in the gateway's memory.
"""

from __future__ import annotations

import json
import subprocess
import sys
import timeit
from collections.abc import Callable
from pathlib import Path
from typing import Any

from incidents.client import GRANTED, LEASE_LAPSED, Gateway
from tests.bench import servers
from tests.bench.figures import percentile, ratio
from tests.bench.ground import CAPPED, FLAG, Ground, lay
from tests.support.servers import environment_of, wait_for

CONNECTIONS = (16, 64)
BARE = "bare empty answer"


def measure(folder: Path, *, rounds: int, seconds: float) -> dict[str, Any]:
    ground = lay(folder, points=2)
    with servers.andon(ground) as ours, servers.bare(folder) as bare:
        orders = {
            "kinds": [{"name": BARE, "port": bare.port, "request": _get("/"), "expect": ""}, *_ours(ours.port, ground)],
            "connections": CONNECTIONS,
            "rounds": rounds,
            "seconds": seconds,
        }
        ran = subprocess.run(
            [sys.executable, "-m", "tests.bench.asks"],
            input=json.dumps(orders),
            capture_output=True,
            text=True,
            timeout=600,
            cwd=servers.ROOT,
            env=environment_of(folder),
            check=False,
        )
        if ran.returncode != 0:
            raise AssertionError(f"the generator ended with {ran.returncode}: {ran.stderr[-3000:]}")
        local = in_memory(ours.port, ground)
    return {"generator": "own, uvloop, one process", "http": summary(json.loads(ran.stdout)), "local": local}


def _ours(port: int, ground: Ground) -> list[dict[str, Any]]:
    _, token = ground.points[0]
    partner = ground.partners[0]
    body = json.dumps({"context": {"targetingKey": partner}})
    ofrep = (
        f"POST /ofrep/v1/evaluate/flags/{FLAG} HTTP/1.1\r\nHost: bench\r\nAuthorization: Bearer {token}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n{body}"
    )
    return [
        {"name": "authorize", "port": port, "request": authorize(token, partner, FLAG), "expect": "granted"},
        {"name": "authorize, counted", "port": port, "request": authorize(token, partner, CAPPED), "expect": "granted"},
        {"name": "OFREP single", "port": port, "request": ofrep, "expect": '"value":true'},
    ]


def _get(path: str, headers: str = "") -> str:
    return f"GET {path} HTTP/1.1\r\nHost: bench\r\n{headers}\r\n"


def authorize(token: str, partner: str, flag: str) -> str:
    model, _, capability = flag.partition(":")
    headers = f"Authorization: Bearer {token}\r\nX-Partner: {partner}\r\nX-Model: {model}\r\n"
    return _get("/enforce/v1/authorize", f"{headers}X-Capability: {capability}\r\n")


def summary(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Medians over the rounds, one row for each kind and number of connections."""
    found = []
    for kind in dict.fromkeys(row["kind"] for row in rows):
        for connections in CONNECTIONS:
            taken = [r for r in rows if (r["kind"], r["connections"]) == (kind, connections)]
            peers = [r for r in rows if (r["kind"], r["connections"]) == (BARE, connections)]
            medians = {k: percentile([r[k] for r in taken], 50) for k in ("per_second", "p50_ms", "p99_ms")}
            share = ratio(medians["per_second"], percentile([r["per_second"] for r in peers], 50))
            found.append({"kind": kind, "connections": connections, **medians, "of_bare": share, "rounds": len(taken)})
    return found


# --- in memory --------------------------------------------------------------------------------------------------------


def in_memory(port: int, ground: Ground) -> dict[str, float]:
    """Nanoseconds for one decision of the client, and for one look-up in a dict of the same size."""
    name, token = ground.points[1]
    partner, (model, capability), capped = ground.partners[0], FLAG.split(":"), CAPPED.partition(":")[2]
    table = {(p, model, capability, None): True for p in ground.partners}
    with Gateway(f"http://127.0.0.1:{port}", token, name, cache_dir=None) as gateway:
        wait_for(lambda: gateway.decide(partner, model, capability).reason == GRANTED, "the gateway holds a lease")
        decide = gateway.decide
        assert decide(partner, model, capped).reason == GRANTED
        found = {
            "dict_look_up": nanoseconds(lambda: table.get((partner, model, capability, None))),
            "memoised": nanoseconds(lambda: decide(partner, model, capability)),
            "capped": nanoseconds(lambda: decide(partner, model, capped)),
        }
    assert decide(partner, model, capability).reason == LEASE_LAPSED
    return found | {"lapsed": nanoseconds(lambda: decide(partner, model, capability))}


def nanoseconds(call: Callable[[], object], number: int = 50_000) -> float:
    """The best of seven series, the empty call's cost taken off."""
    empty = min(timeit.repeat(lambda: None, number=number, repeat=7))
    return round((min(timeit.repeat(call, number=number, repeat=7)) - empty) / number * 1e9)
