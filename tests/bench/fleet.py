"""
N enforcement points in one process: each has its own token, one open stream and one kept-alive lease connection.

They speak raw HTTP over uvloop, because the fleet shares two cores with the server. For the same reason a change is
decoded, applied (with the client's own ``Copy``) and decided once per frame and remembered by its bytes: in life every
gateway does that on a machine of its own. Every lease request is real and different: nonce, instance, digest.

``python -m tests.bench.fleet`` takes its orders as JSON on standard input and prints its figures as JSON.
"""

from __future__ import annotations

import asyncio
import gc
import json
import random
import resource
import sys
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import uvloop

from incidents.client import GRANTED, Copy
from tests.bench.figures import resident_mib

ROUND_SECONDS = 30.0
MODEL, CAPABILITY = "orion-2", "tool-use"
JSON = "Content-Type: application/json\r\n"


class Caller:
    """One kept-alive connection for requests whose answer is awaited."""

    def __init__(self, port: int) -> None:
        self._port = port

    async def open(self) -> Caller:
        self._reader, self._writer = await asyncio.open_connection("127.0.0.1", self._port)
        return self

    async def ask(self, method: str, path: str, token: str = "", body: bytes = b"") -> tuple[int, bytes]:
        head = f"{method} {path} HTTP/1.1\r\nHost: bench\r\n"
        head += f"Authorization: Bearer {token}\r\n" if token else ""
        head += f"{JSON}Content-Length: {len(body)}\r\n" if body else ""
        self._writer.write(head.encode() + b"\r\n" + body)
        answer = await self._reader.readuntil(b"\r\n\r\n")
        length = int(answer.lower().partition(b"content-length:")[2].partition(b"\r\n")[0] or b"0")
        return int(answer[9:12]), await self._reader.readexactly(length)

    def close(self) -> None:
        self._writer.close()


@dataclass(slots=True)
class Told:
    """What one frame means for a copy: the copy afterwards, and whether the partner in question is denied by it."""

    after: Copy
    denies: bool


class Fleet:
    """The points of one Andon, and the round that is being timed."""

    def __init__(self, port: int, points: list[tuple[str, str]], admin: str) -> None:
        self.port, self.admin = port, admin
        self.partner = ""
        self.denied_at = self.granted_at = self.first_at = 0.0
        self.denying = self.granted = 0
        self.whole = asyncio.Event()
        self.revision = 0
        self._known: dict[tuple[int, bytes], Told] = {}
        self.points = [Point(self, name, token) for name, token in points]

    async def open(self) -> None:
        self._caller = await Caller(self.port).open()
        if not self.points:
            return
        status, body = await self._caller.ask("GET", "/enforce/v1/snapshot", self.points[0].token)
        assert status == 200, body
        copy = Copy.from_snapshot(json.loads(body))
        self.revision = copy.revision
        self.whole.clear()
        for start in range(0, len(self.points), 200):
            await asyncio.gather(*(p.open(copy) for p in self.points[start : start + 200]))
        await asyncio.wait_for(self.whole.wait(), ROUND_SECONDS * 2)

    def told(self, copy: Copy, frame: bytes) -> Told:
        """Decode, apply and decide; once per frame and copy."""
        known = self._known.get((copy.revision, frame))
        if known is None:
            change = json.loads(frame)
            assert change["ledger"] == copy.ledger, change
            assert change["from"] == copy.revision, (change["from"], copy.revision)
            after = copy.after(change)
            today = datetime.now(UTC).date().isoformat()
            denies = after.verdict(self.partner, MODEL, CAPABILITY, None, today).reason != GRANTED
            known = self._known[copy.revision, frame] = Told(after, denies)
        return known

    def one_denies(self, revision: int) -> None:
        self.denied_at = time.perf_counter()
        self.revision = revision
        if self.denying == 0:
            self.first_at = self.denied_at
        self.denying += 1

    def one_granted(self, revision: int) -> None:
        if revision != self.revision:
            return
        self.granted += 1
        if self.granted == len(self.points):
            self.granted_at = time.perf_counter()
            self.whole.set()

    async def round(self, partner: str) -> dict[str, float]:
        """Declare against one partner; milliseconds until the first and last point denies and all are confirmed."""
        self.partner, self.denying, self.granted = partner, 0, 0
        self._known.clear()
        self.whole.clear()
        body = json.dumps({"playbook": "partner-credential-abuse", "parameters": {"partner": partner}}).encode()
        began = time.perf_counter()
        status, answer = await self._caller.ask("POST", "/api/v1/incidents", self.admin, body)
        answered = time.perf_counter()
        assert status == 201, (status, answer[:500])
        await asyncio.wait_for(self.whole.wait(), ROUND_SECONDS)
        assert self.denying == len(self.points), f"{self.denying} of {len(self.points)} deny"
        contained = await self._containment(json.loads(answer)["id"])
        return {
            "first_denies": (self.first_at - began) * 1e3,
            "last_denies": (self.denied_at - began) * 1e3,
            "all_confirmed": (self.granted_at - began) * 1e3,
            "declare_answered": (answered - began) * 1e3,
            "server_says": float(contained["ms"]),
        }

    async def _containment(self, incident: str) -> dict[str, Any]:
        """The server must have counted every point too, and written it down."""
        for _ in range(200):
            _, body = await self._caller.ask("GET", f"/api/v1/incidents/{incident}/containment", self.admin)
            found: dict[str, Any] = json.loads(body)
            if found["state"] == "contained":
                assert found["confirmed"] == len(self.points), found["confirmed"]
                return found
            await asyncio.sleep(0.01)
        raise AssertionError(f"{incident} is not contained: {found['confirmed']} of {found['total']}")

    def close(self) -> None:
        for point in self.points:
            point.close()
        self._caller.close()


class Point:
    """One gateway: its copy, its stream and its lease connection."""

    def __init__(self, fleet: Fleet, name: str, token: str) -> None:
        self.fleet, self.name, self.token = fleet, name, token
        self._asked = 0
        self._head = (
            f"POST /enforce/v1/lease HTTP/1.1\r\nHost: bench\r\nAuthorization: Bearer {token}\r\n{JSON}Content-Length: "
        ).encode()
        self._body = b""

    async def open(self, copy: Copy) -> None:
        loop, port = asyncio.get_running_loop(), self.fleet.port
        self.copy = copy
        self._lease, _ = await loop.create_connection(lambda: LeaseLine(self), "127.0.0.1", port)
        listening: asyncio.Future[None] = loop.create_future()
        self._stream, _ = await loop.create_connection(lambda: StreamLine(self, listening), "127.0.0.1", port)
        self._stream.write(
            f"GET /enforce/v1/stream?ledger={copy.ledger} HTTP/1.1\r\nHost: bench\r\nAccept: text/event-stream\r\n"
            f"Last-Event-ID: {copy.revision}\r\nAuthorization: Bearer {self.token}\r\n\r\n".encode()
        )
        await listening
        self.ask()

    def ask(self) -> None:
        """Renew the lease, which acknowledges the copy's revision."""
        self._asked += 1
        copy = self.copy
        body = (
            f'{{"name":"{self.name}","applies":["live","shadow"],"instance":"{self.name}-1",'
            f'"nonce":"{self.name}-{self._asked}","ledger":"{copy.ledger}","revision":{copy.revision},'
            f'"digest":"{copy.digest}","usage":[]}}'
        ).encode()
        self._lease.write(b"%b%d\r\n\r\n%b" % (self._head, len(body), body))

    def answered(self, body: bytes) -> None:
        said = json.loads(body)
        assert said.get("nonce") == f"{self.name}-{self._asked}", said
        if said["lease_seconds"]:
            self.fleet.one_granted(said["revision"])
        elif "change" in said:
            self.change(json.dumps(said["change"]).encode())

    def change(self, frame: bytes) -> None:
        told = self.fleet.told(self.copy, frame)
        self.copy = told.after
        if told.denies:
            self.fleet.one_denies(told.after.revision)
        self.ask()

    def close(self) -> None:
        self._lease.close()
        self._stream.close()


class StreamLine(asyncio.Protocol):
    """Reads a chunked event stream; passes on the data of each ``change``."""

    def __init__(self, point: Point, listening: asyncio.Future[None]) -> None:
        self._point, self._listening, self._unread = point, listening, b""

    def data_received(self, data: bytes) -> None:
        if not self._listening.done():
            self._unread += data
            if b": hello" not in self._unread:
                return
            assert self._unread.startswith(b"HTTP/1.1 200"), self._unread[:200]
            self._listening.set_result(None)
            self._unread = b""
            return
        self._unread += data
        while (start := self._unread.find(b"event: change\n")) >= 0:
            at = self._unread.find(b"data: ", start)
            end = self._unread.find(b"\n\n", at)
            if at < 0 or end < 0:
                return
            frame, self._unread = self._unread[at + 6 : end], self._unread[end + 2 :]
            self._point.change(frame)
        self._unread = self._unread[-32:]


class LeaseLine(asyncio.Protocol):
    """Reads the answers on a kept-alive connection."""

    def __init__(self, point: Point) -> None:
        self._point, self._unread = point, b""

    def data_received(self, data: bytes) -> None:
        self._unread += data
        head, blank, rest = self._unread.partition(b"\r\n\r\n")
        if not blank:
            return
        assert head.startswith(b"HTTP/1.1 200"), self._unread[:400]
        length = int(head.partition(b"content-length: ")[2].partition(b"\r\n")[0])
        if len(rest) < length:
            return
        self._unread = rest[length:]
        self._point.answered(rest[:length])


# --- the same against the bare server ---------------------------------------------------------------------------------


class BareFleet:
    """N listeners that acknowledge on a connection of their own."""

    def __init__(self, port: int, count: int) -> None:
        self.port, self.count = port, count
        self.heard_at = self.settled_at = 0.0
        self.heard = self.settled = 0
        self.whole = asyncio.Event()
        self._lines: list[asyncio.Transport] = []

    async def open(self) -> None:
        loop = asyncio.get_running_loop()
        self._caller = await Caller(self.port).open()
        for _ in range(self.count):
            ack, _ = await loop.create_connection(lambda: BareAck(self), "127.0.0.1", self.port)
            stream, _ = await loop.create_connection(lambda a=ack: BareStream(self, a), "127.0.0.1", self.port)  # type: ignore[misc]
            stream.write(b"GET /listen HTTP/1.1\r\nHost: bench\r\n\r\n")
            self._lines += [ack, stream]
        for _ in range(500):
            _, body = await self._caller.ask("GET", "/count")
            if int(body.split()[0]) == self.count:
                return
            await asyncio.sleep(0.01)
        raise AssertionError(f"only {body!r} of {self.count} listen")

    async def round(self) -> dict[str, float]:
        self.heard = self.settled = 0
        self.whole.clear()
        began = time.perf_counter()
        await self._caller.ask("POST", "/call")
        await asyncio.wait_for(self.whole.wait(), ROUND_SECONDS)
        _, body = await self._caller.ask("GET", "/count")
        assert int(body.split()[1]) == self.count, body
        return {"last_denies": (self.heard_at - began) * 1e3, "all_confirmed": (self.settled_at - began) * 1e3}

    def close(self) -> None:
        for line in self._lines:
            line.close()
        self._caller.close()


class BareStream(asyncio.Protocol):
    def __init__(self, fleet: BareFleet, ack: asyncio.Transport) -> None:
        self._fleet, self._ack = fleet, ack

    def data_received(self, data: bytes) -> None:
        if b"event: change" in data:
            self._fleet.heard += 1
            self._fleet.heard_at = time.perf_counter()
            self._ack.write(b"POST /ack HTTP/1.1\r\nHost: bench\r\n\r\n")


class BareAck(asyncio.Protocol):
    def __init__(self, fleet: BareFleet) -> None:
        self._fleet = fleet

    def data_received(self, data: bytes) -> None:
        self._fleet.settled += 1
        if self._fleet.settled == self._fleet.count:
            self._fleet.settled_at = time.perf_counter()
            self._fleet.whole.set()


# --- rounds -----------------------------------------------------------------------------------------------------------


async def run(orders: dict[str, Any]) -> dict[str, Any]:
    """Ours and the bare server in turn, round by round."""
    count = len(orders["points"])
    resident = [resident_mib(orders["pid"])]
    ours = Fleet(orders["port"], [(n, t) for n, t in orders["points"]], orders["admin"])
    peer = BareFleet(orders["bare_port"], count)
    await ours.open()
    resident.append(resident_mib(orders["pid"]))
    await peer.open()
    gc.collect()
    gc.freeze()
    gc.disable()
    found: dict[str, list[dict[str, float]]] = {"ours": [], "bare": []}
    for number, partner in enumerate(orders["partners"]):
        # Rounds come further apart than changes that may be held back, and at no fixed phase of the server's clocks.
        await asyncio.sleep(random.uniform(0.05, 0.15) + count / 20_000)
        first = await ours.round(partner)
        await asyncio.sleep(random.uniform(0.05, 0.15) + count / 20_000)
        second = await peer.round()
        if number >= orders["warm_up"]:
            found["ours"].append(first)
            found["bare"].append(second)
    resident.append(resident_mib(orders["pid"]))
    ours.close()
    peer.close()
    return {"points": count, **found, "resident_mib": resident, "bare_resident_mib": resident_mib(orders["bare_pid"])}


def main() -> None:
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    print(json.dumps(uvloop.run(run(json.load(sys.stdin)))))


if __name__ == "__main__":
    main()
