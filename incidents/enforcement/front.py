"""
The ASGI front: stream, lease, authorize, OFREP, flagd and health from memory; Flask below it for the rest.

Reads the desk's published snapshot and credentials without a lock and never waits for the ledger, except to write
down a new instance before its first grant and to look again when a point is ahead of us.
"""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Awaitable, Callable
from typing import Any

import structlog

from incidents.clock import Clock
from incidents.credentials import Credential, find
from incidents.desk import Commit, Desk
from incidents.enforcement import asking, flagd, grants
from incidents.enforcement.asking import Asking, Question
from incidents.enforcement.grants import Ask, Standing, Verdict
from incidents.enforcement.hub import Hub, Ring, Stream, encode_change, encode_note, encode_resync
from incidents.enforcement.points import KNOWN_WITHOUT_NAME, Copy, Points
from incidents.enforcement.renewal import read_renewal
from incidents.enforcement.tickets import Tickets
from incidents.enforcement.usage import UsageBook
from incidents.enforcement.wire import (
    HEADER_LIMIT,
    NO_STORE,
    VARY,
    Disconnected,
    Receive,
    Request,
    Scope,
    Send,
    TooLarge,
    answer,
    answer_json,
    answer_problem,
    compact,
)
from incidents.errors import Unavailable
from incidents.ledger import Instance
from incidents.metrics import DECISIONS, LEASES, STREAMS
from incidents.problems import MEDIA_TYPE, problem
from incidents.roles import Right

log = structlog.get_logger("andon.front")

App = Callable[[Scope, Receive, Send], Awaitable[None]]
ASKED_SECONDS = 5.0
_count_of = functools.cache(DECISIONS.labels)  # reasons are a closed list
_LEASE_COUNTS = {verdict: LEASES.labels(verdict.value) for verdict in Verdict}
USAGE_ROWS = 5_000
CORS = [
    (b"access-control-allow-origin", b"*"),
    (b"access-control-expose-headers", b"etag"),
]
PREFLIGHT = [
    *CORS,
    (b"access-control-allow-methods", b"POST, OPTIONS"),
    (b"access-control-allow-headers", b"content-type, authorization, x-api-key, if-none-match"),
    (b"access-control-max-age", b"600"),
]


class Front:
    """One per process. ``page_reader`` tells whether a request's headers belong to somebody who may see pages."""

    def __init__(
        self,
        desk: Desk,
        points: Points,
        usage: UsageBook,
        below: App,
        *,
        ready: Callable[[], str | None],
        page_reader: Callable[[dict[str, str]], bool],
        ticket_key: bytes,
        acknowledged: Callable[[], None],
    ) -> None:
        self._desk, self._points, self._usage, self._below = desk, points, usage, below
        self._clock: Clock = desk.clock
        self._asking = Asking(usage)
        self._ready, self._page_reader, self._tickets = ready, page_reader, Tickets(ticket_key)
        self._acknowledged = acknowledged
        self._asked_until: dict[str, float] = {}
        self.ring = Ring()
        self.hub = Hub(self.ring)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._snapshot_bytes: tuple[tuple[str, int], bytes] = (("", -1), b"")
        self._flagd_bytes: tuple[str, bytes] = ("", b"")
        self._unwritten: list[tuple[Copy, asyncio.Future[None]]] = []
        self._writing = False
        desk.on_commit(self._committed, first=True)

    # --- from the desk, on whatever thread commits ---

    def _committed(self, commit: Commit) -> None:
        if commit.change is not None:
            self.ring.add(commit.change)
        loop = self._loop
        if loop is not None and not loop.is_closed():
            with self._desk.read() as state:  # every page hears of it: a restricted one is not named
                named = {"restricted" if e.incident in state.restricted else e.incident or "" for e in commit.events}
            loop.call_soon_threadsafe(self._publish, commit, sorted(named))

    def _publish(self, commit: Commit, named: list[str]) -> None:
        if commit.change is not None:
            self.hub.publish(commit.change)
        if any(event.kind in ("people:token:revoked", "points:point:retired") for event in commit.events):
            self.hub.end_without({credential.token for credential in self._desk.credentials.values()})
        self.hub.tell_pages({"seq": commit.events[-1].seq, "incidents": named})

    def tell_pages(self) -> None:
        """Something that pages show has changed without an event (acknowledgements coming in)."""
        loop = self._loop
        if loop is not None and not loop.is_closed():
            loop.call_soon_threadsafe(self.hub.tell_pages, {"points": True})

    # --- ASGI ---

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._lifespan(receive, send)
            return
        if scope["type"] != "http":
            return
        request = Request(scope, receive)
        if request.header_bytes > HEADER_LIMIT:
            await self._refuse_headers(scope, send)
            return
        handler = self._route(scope["path"])
        if handler is None:
            await self._below(scope, receive, send)
            return
        try:
            await handler(request, send)
        except TooLarge:
            await answer_problem(send, 413, "the body is larger than 1 MiB", "too-large")
        except Disconnected:
            return
        except Unavailable as error:
            await answer_problem(send, 503, str(error), "unavailable")

    async def _refuse_headers(self, scope: Scope, send: Send) -> None:
        """Gateways turn anything but 200 and 403 into errors of their own, so authorize denies."""
        text, revision = f"the headers are larger than {HEADER_LIMIT} bytes", self._desk.snapshot.revision
        if self._route(scope["path"]) == self._authorize:
            _count_of("authorize", "too-large").inc()
            told = [(b"x-andon-reason", b"too-large"), (b"x-andon-revision", str(revision).encode())]
            await answer_problem(send, 403, text, "too-large", told)
        else:
            await answer_problem(send, 413, text, "too-large")

    def _route(self, path: str) -> Callable[[Request, Send], Awaitable[None]] | None:
        if path == "/enforce/v1/authorize" or path.startswith("/enforce/v1/authorize/"):
            return self._authorize
        if path.startswith("/ofrep/v1/evaluate/flags/"):
            return self._single
        return {
            "/ofrep/v1/evaluate/flags": self._bulk,
            "/enforce/v1/lease": self._lease,
            "/enforce/v1/stream": self._stream,
            "/enforce/v1/snapshot": self._snapshot,
            "/flagd/flags.json": self._flagd,
            "/healthz": self._healthz,
            "/readyz": self._readyz,
            "/live": self._live,
        }.get(path)

    async def _lifespan(self, receive: Receive, send: Send) -> None:
        while True:
            message = await receive()
            if message["type"] == "lifespan.startup":
                self._loop = asyncio.get_running_loop()
                self.hub.start(self._desk.snapshot.revision)
                await send({"type": "lifespan.startup.complete"})
            elif message["type"] == "lifespan.shutdown":
                self._loop = None
                await self.hub.close()
                await send({"type": "lifespan.shutdown.complete"})
                return

    # --- who asks ---

    def _credential(self, request: Request) -> Credential | None:
        for secret in request.tokens():
            found = find(self._desk.credentials, secret)
            if found is not None:
                return found
        return None

    async def _enforcer(self, request: Request, send: Send) -> Credential | None:
        """The enforcement point that asks, or None after the refusal was sent."""
        credential = self._credential(request)
        if credential is None:
            await answer_problem(
                send,
                401,
                "a token is needed: Authorization: Bearer <token> or X-API-Key",
                "unauthenticated",
                [(b"www-authenticate", b"Bearer")],
            )
            return None
        if Right.ENFORCE not in credential.rights:
            await answer_problem(
                send, 403, f"this takes a token of role 'enforcer'; yours is '{credential.role}'", "forbidden"
            )
            return None
        return credential

    # --- how fresh we are ---

    def _standing(self) -> Standing:
        snapshot = self._desk.snapshot
        return Standing(
            ledger=snapshot.ledger,
            revision=snapshot.revision,
            digest=snapshot.digest,
            read_began=self._desk.read_began,
            now=self._clock.boot(),
            blocked=self._desk.blocked is not None or snapshot.unreadable is not None,
        )

    def _in_time(self) -> bool:
        """May a live question be answered from memory: the head was looked at less than one lease ago."""
        now, looked, blocked = self._clock.boot(), self._desk.read_began, self._desk.blocked
        if blocked is not None:  # a kill could not be recorded: one lease later nothing is answered any more
            looked = min(looked, blocked.since_boot)
        return now - looked < self._desk.snapshot.lease_seconds

    # --- decisions ---

    async def _authorize(self, request: Request, send: Send) -> None:
        """Exactly 200 or 403, whatever the method and path: every gateway understands those two."""
        credential = self._credential(request)
        snapshot = self._desk.snapshot
        if credential is None or not asking.may_ask(credential):
            await self._denied(request, send, "token-not-accepted", snapshot.revision)
            return
        if credential.point is not None:
            self._asked(credential.point)
        question = self._question(request, credential)
        decision = self._asking.decide(snapshot, question, self._clock.now(), in_time=self._in_time(), count=True)
        if not decision.allowed:
            await self._denied(request, send, decision.reason, decision.revision)
            return
        _count_of("authorize", "granted").inc()
        await answer(
            send,
            200,
            b"",
            [
                NO_STORE,
                VARY,
                (b"x-andon-reason", b"granted"),
                (b"x-andon-revision", str(decision.revision).encode()),
            ],
        )

    def _asked(self, point: str) -> None:
        """Remember that it asks live; looked at again after a few seconds only."""
        boot = self._clock.boot()
        if boot >= self._asked_until.get(point, boot):
            self._asked_until[point] = boot + ASKED_SECONDS
            self._points.used(point, at=self._clock.now(), asks=True)

    def _question(self, request: Request, credential: Credential) -> Question:
        """A header that is there twice names nobody: two gateways in a row would read it differently."""
        named, twice_named = request.only_header(b"x-partner")
        key, twice_key = request.only_header(b"x-partner-key")
        model, twice_model = request.only_header(b"x-model")
        capability, twice_capability = request.only_header(b"x-capability")
        region, twice_region = request.only_header(b"x-region")
        partner = asking.partner_of(credential, self._desk.snapshot, named, key)
        return Question(
            partner=None if twice_named or twice_key else partner,
            model="" if twice_model or model is None else model,
            capability="" if twice_capability or capability is None else capability,
            region=None if twice_region or not region else region,
        )

    async def _denied(self, request: Request, send: Send, reason: str, revision: int) -> None:
        _count_of("authorize", reason).inc()
        body = b"" if request.method == "HEAD" else compact(problem(403, f"denied: {reason}", code=reason))
        headers = [
            (b"content-type", MEDIA_TYPE.encode()),
            NO_STORE,
            VARY,
            (b"x-andon-reason", reason.encode()),
            (b"x-andon-revision", str(revision).encode()),
        ]
        await answer(send, 403, body, headers)

    async def _single(self, request: Request, send: Send) -> None:
        key = request.path.removeprefix("/ofrep/v1/evaluate/flags/")
        if await self._preflight(request, send):
            return
        credential = await self._asker(request, send)
        if credential is None:
            return
        named = asking.ANY_KEY.fullmatch(key)
        if named is None or len(key) > 200:
            text = "a flag key is model:capability, in lower-case letters, digits and . _ -"
            await answer_json(send, 404, {"key": key[:200], "errorCode": "FLAG_NOT_FOUND", "errorDetails": text}, CORS)
            return
        try:
            context = asking.context_of(await request.body())
        except asking.NotJson as error:
            body = {"key": key, "errorCode": "PARSE_ERROR", "errorDetails": str(error)}
            await answer_json(send, 400, body, CORS)
            return
        if credential.point is not None:
            self._asked(credential.point)
        snapshot = self._desk.snapshot
        partner = asking.partner_of(credential, snapshot, asking.text_in(context, "targetingKey"))
        question = Question(partner, named[1], named[2] or "", asking.text_in(context, "region"))
        decision = self._asking.decide(snapshot, question, self._clock.now(), in_time=self._in_time(), count=False)
        _count_of("ofrep", decision.reason).inc()
        await answer_json(send, 200, asking.evaluation(key, decision), [*CORS, VARY])

    async def _bulk(self, request: Request, send: Send) -> None:
        """For browsers, and advisory: they keep what they get for as long as they like; the gateway decides."""
        if await self._preflight(request, send):
            return
        credential = await self._asker(request, send)
        if credential is None:
            return
        try:
            context = asking.context_of(await request.body())
        except asking.NotJson as error:
            await answer_json(send, 400, {"errorCode": "PARSE_ERROR", "errorDetails": str(error)}, CORS)
            return
        snapshot, now, in_time = self._desk.snapshot, self._clock.now(), self._in_time()
        partner = asking.partner_of(credential, snapshot, asking.text_in(context, "targetingKey"))
        etag = asking.bulk_etag(snapshot, partner, context, credential.token, now) if in_time else '"lapsed"'
        headers = [*CORS, VARY, (b"etag", etag.encode())]
        if in_time and request.header(b"if-none-match") == etag:
            await answer(send, 304, b"", [NO_STORE, *headers])
            return
        region = asking.text_in(context, "region")
        found = []
        for entry in snapshot.live:
            if entry.startswith("flag:"):
                _, model, capability = entry.split(":")
                question = Question(partner, model, capability, region)
                decision = self._asking.decide(snapshot, question, now, in_time=in_time, count=False)
                found.append(asking.evaluation(f"{model}:{capability}", decision, advisory=True))
        uri = f"/enforce/v1/stream?ticket={self._tickets.make(credential.token, now)}"
        streams = [{"type": "sse", "endpoint": {"requestUri": uri}, "inactivityDelaySec": 120}]
        metadata = {"revision": snapshot.revision, "advisory": True}
        await answer_json(send, 200, {"flags": found, "metadata": metadata, "eventStreams": streams}, headers)

    async def _preflight(self, request: Request, send: Send) -> bool:
        if request.method == "OPTIONS":
            await answer(send, 204, b"", PREFLIGHT)
            return True
        if request.method != "POST":
            await answer_problem(send, 405, "OFREP asks with POST", "method-not-allowed", [(b"allow", b"POST")])
            return True
        return False

    async def _asker(self, request: Request, send: Send) -> Credential | None:
        credential = self._credential(request)
        if credential is None:
            headers = [*CORS, (b"www-authenticate", b"Bearer")]
            await answer_problem(send, 401, "a token is needed", "unauthenticated", headers)
            return None
        if not asking.may_ask(credential):
            await answer_problem(
                send, 403, f"a token of role '{credential.role}' can't ask for partners", "forbidden", CORS
            )
            return None
        return credential

    # --- copies ---

    async def _snapshot(self, request: Request, send: Send) -> None:
        credential = await self._enforcer(request, send)
        if credential is None or credential.point is None:
            return
        self._points.used(credential.point, at=self._clock.now(), copies=True)
        snapshot = self._desk.snapshot
        etag = f'"{snapshot.ledger}-{snapshot.revision}"'.encode()
        if (request.header(b"if-none-match") or "").encode() == etag:
            await answer(send, 304, b"", [NO_STORE, (b"etag", etag)])
            return
        if self._snapshot_bytes[0] != (snapshot.ledger, snapshot.revision):
            self._snapshot_bytes = ((snapshot.ledger, snapshot.revision), compact(snapshot.wire()))
        headers = [(b"content-type", b"application/json"), NO_STORE, (b"etag", etag)]
        await answer(send, 200, self._snapshot_bytes[1], headers)

    async def _flagd(self, request: Request, send: Send) -> None:
        credential = await self._enforcer(request, send)
        if credential is None or credential.point is None:
            return
        self._points.used(credential.point, at=self._clock.now(), flagd=True)
        if self._points.use_unwritten(credential.point):
            # Before its first lease is out: after a crash its slack must still be counted.
            await asyncio.get_running_loop().run_in_executor(None, self._write_uses)
        standing = self._standing()
        if standing.blocked or not grants.fresh(standing):
            await answer_problem(send, 503, "no right to publish leases now", "no-right-to-grant")
            return
        snapshot, now = self._desk.snapshot, self._clock.now()
        end = flagd.lease_end(now, snapshot.lease_seconds)
        etag = flagd.etag(snapshot, end)
        if request.header(b"if-none-match") == etag:
            await answer(send, 304, b"", [NO_STORE, (b"etag", etag.encode())])
            return
        if self._flagd_bytes[0] != etag:
            self._flagd_bytes = (etag, compact(flagd.flag_set(snapshot, now, end)))
        headers = [(b"content-type", b"application/json"), NO_STORE, (b"etag", etag.encode())]
        await answer(send, 200, self._flagd_bytes[1], headers)

    def _write_uses(self) -> None:
        self._points.write_changed_uses(self._desk.ledger.write_point_uses)

    async def _lease(self, request: Request, send: Send) -> None:
        """Renewal and acknowledgement in one."""
        if request.method != "POST":
            await answer_problem(
                send, 405, "a lease is asked for with POST", "method-not-allowed", [(b"allow", b"POST")]
            )
            return
        credential = await self._enforcer(request, send)
        if credential is None or credential.point is None:
            return
        said, wrong = read_renewal(await request.body())
        if said is None:
            await answer_problem(send, 422, wrong, "invalid")
            return
        self._points.used(credential.point, at=self._clock.now(), copies=True)
        ask = Ask(said["name"], credential.point, said.get("ledger"), said["revision"], said.get("digest"))
        standing = self._standing()
        verdict = grants.judge(ask, standing)
        if verdict is Verdict.AHEAD:
            await self._look_again()
            standing = self._standing()
            verdict = grants.judge(ask, standing)
        _LEASE_COUNTS[verdict].inc()
        await self._lease_answer(send, said, verdict, standing)

    async def _look_again(self) -> None:
        try:
            await asyncio.get_running_loop().run_in_executor(None, self._desk.follow)
        except Unavailable as error:
            log.warning("head_not_read", error=str(error))

    async def _lease_answer(self, send: Send, said: dict[str, Any], verdict: Verdict, standing: Standing) -> None:
        base = {"revision": standing.revision, "nonce": said.get("nonce"), "ledger": standing.ledger}
        match verdict:
            case Verdict.NOT_YOURS:
                await answer_problem(
                    send, 403, f"this token does not belong to the point '{said['name']}'", "forbidden"
                )
            case Verdict.AHEAD:
                await answer_problem(
                    send,
                    409,
                    f"revision {said['revision']} is above this ledger's head, {standing.revision}",
                    "revision-ahead",
                )
            case Verdict.RESYNC:
                if said.get("refused"):
                    self._acknowledge(said)  # acknowledges nothing: it only says why not
                await answer_json(send, 200, base | {"lease_seconds": 0, "resync": True})
            case Verdict.STALE if self.ring.contradicts(said["revision"], said.get("digest") or None):
                await answer_json(send, 200, base | {"lease_seconds": 0, "resync": True})
            case Verdict.STALE:
                self._acknowledge(said)
                bridge = self.ring.bridge(said.get("ledger"), said["revision"])
                way = {"change": bridge.wire()} if bridge else {"resync": True}
                if bridge:
                    base["revision"] = bridge.revision
                await answer_json(send, 200, base | {"lease_seconds": 0} | way)
            case Verdict.NO_RIGHT:
                self._acknowledge(said)
                await answer_problem(send, 503, self._why_no_right(), "no-right-to-grant")
            case Verdict.GRANT:
                await self._grant(send, said, base)

    def _why_no_right(self) -> str:
        if self._desk.blocked is not None:
            return "grants are stopped: a kill could not be recorded"
        return self._desk.trouble or self._desk.snapshot.unreadable or "the ledger's head was not read in time"

    def _acknowledge(self, said: dict[str, Any]) -> Copy:
        copy = self._points.acknowledge(
            said["name"],
            said.get("instance") or KNOWN_WITHOUT_NAME,
            said["revision"],
            applies=said.get("applies", ("live",)),
            boot=self._clock.boot(),
            at=self._clock.now(),
            refused=said.get("refused"),
        )
        if self._points.complete():
            self._acknowledged()
        return copy

    async def _grant(self, send: Send, said: dict[str, Any], base: dict[str, Any]) -> None:
        """An instance is written down before its first grant: a restart must know whom to wait for."""
        copy = self._acknowledge(said)
        if not copy.written:
            await self._write_down(copy)
            standing = self._standing()
            ask = Ask(said["name"], said["name"], said.get("ledger"), said["revision"], said.get("digest"))
            verdict = grants.judge(ask, standing)
            if verdict is not Verdict.GRANT:  # the world went on while we wrote
                await self._lease_answer(send, said, verdict, standing)
                return
        seconds = self._desk.snapshot.lease_seconds
        self._points.grant(copy, seconds, self._clock.boot())
        totals: list[dict[str, Any]] = []
        if said.get("usage"):
            instance = f"{copy.point}/{copy.instance}"
            totals = self._usage.report(instance, said["usage"][:USAGE_ROWS], self._clock.now())
        await answer_json(send, 200, base | {"lease_seconds": seconds, "usage": totals})

    async def _write_down(self, copy: Copy) -> None:
        """Group commit: a thousand points that start at once cost a few transactions."""
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._unwritten.append((copy, done))
        if not self._writing:
            self._writing = True
            try:
                while self._unwritten:
                    batch, self._unwritten = self._unwritten, []
                    await self._write_batch(batch)
            finally:
                self._writing = False
        await done

    async def _write_batch(self, batch: list[tuple[Copy, asyncio.Future[None]]]) -> None:
        now = self._clock.now()
        rows = [Instance(copy.point, copy.instance, now, now) for copy, _ in batch]
        try:
            await asyncio.get_running_loop().run_in_executor(None, self._desk.ledger.write_instances, rows)
        except Exception as error:
            log.warning("instances_not_written", error=str(error), exc_info=not isinstance(error, Unavailable))
            for _, done in batch:
                if not done.done():
                    done.set_exception(Unavailable(f"the instance could not be written down: {error}"))
            return
        for _, done in batch:
            if not done.done():
                done.set_result(None)

    # --- streams ---

    async def _stream(self, request: Request, send: Send) -> None:
        ticket = request.query().get("ticket")
        if ticket is not None:
            token = self._tickets.token_of(ticket, self._clock.now())
            if all(c.token != token for c in self._desk.credentials.values()):
                await answer_problem(send, 401, "the ticket has expired; fetch the flags again", "ticket-expired", CORS)
                return
            await self._hold_open(request, send, Stream(send, self.hub.revision, full=False), b"", CORS)
            return
        credential = await self._enforcer(request, send)
        if credential is None or credential.point is None:
            return
        self._points.used(credential.point, at=self._clock.now(), copies=True)
        first, revision = self._first_frames(request)
        await self._hold_open(request, send, Stream(send, revision, full=True, token=credential.token), first)

    def _first_frames(self, request: Request) -> tuple[bytes, int]:
        """What brings a stream from the revision that it has applied to the one that streams were told last."""
        resume = request.header(b"last-event-id") or ""
        ledger, now_at = self._desk.snapshot.ledger, self.hub.revision
        if not resume.isascii() or not resume.isdigit() or request.query().get("ledger", ledger) != ledger:
            return encode_resync(ledger, now_at), now_at
        applied = int(resume[:18])
        if applied == now_at:
            return b"", now_at
        if now_at < applied <= self._desk.snapshot.revision:
            return b"", applied
        bridge = self.ring.bridge(ledger, applied, now_at)
        if bridge is None or bridge.revision != now_at:
            return encode_resync(ledger, now_at), now_at
        return encode_note(now_at) + encode_change(bridge), now_at

    async def _hold_open(
        self,
        request: Request,
        send: Send,
        stream: Stream,
        first: bytes,
        headers: list[tuple[bytes, bytes]] | None = None,
        among: set[Stream] | None = None,
    ) -> None:
        await send(
            {
                "type": "http.response.start",
                "status": 200,
                "headers": [
                    (b"content-type", b"text/event-stream"),
                    (b"cache-control", b"no-store"),
                    (b"x-accel-buffering", b"no"),
                    *(headers or []),
                ],
            }
        )
        stream.task = asyncio.current_task()
        streams = self.hub.streams if among is None else among
        streams.add(stream)
        STREAMS.inc()
        try:
            if not stream.push(b"retry: 1000\n: hello\n\n" + first):
                return
            while (await request.receive())["type"] != "http.disconnect":
                continue
        except asyncio.CancelledError:
            if not stream.closing:
                raise
        finally:
            streams.discard(stream)
            STREAMS.dec()

    async def _live(self, request: Request, send: Send) -> None:
        """Tells an open page that what it shows has changed; the page then fetches itself."""
        headers = {k.decode("latin-1"): v.decode("latin-1") for k, v in request.scope["headers"]}
        if not self._page_reader(headers):
            await answer_problem(send, 401, "sign in first", "unauthenticated")
            return
        await self._hold_open(request, send, Stream(send, 0, full=False), b"", among=self.hub.pages)

    # --- health ---

    async def _healthz(self, request: Request, send: Send) -> None:
        await answer_json(send, 200, {"status": "ok"})

    async def _readyz(self, request: Request, send: Send) -> None:
        why = self._ready()
        if why is None:
            await answer_json(send, 200, {"status": "ready", "revision": self._desk.snapshot.revision})
        else:
            await answer_problem(send, 503, why, "not-ready")
