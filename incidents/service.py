"""
The wiring: one function builds everything, and tests call the same one.

Owns the engine thread that follows the ledger every 50 ms and writes down what was proven. Only ``serve`` starts it;
the command line beside a ledger builds the same service without it.
"""

from __future__ import annotations

import getpass
import hashlib
import hmac
import os
import secrets
import threading
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Protocol
from urllib.parse import urlsplit

import structlog

from incidents.account_links import AccountLinks
from incidents.clock import Clock, SystemClock, rfc3339
from incidents.clockwork import Clockwork
from incidents.connectors import Office
from incidents.decisions import Decided, access
from incidents.decisions.restore_steps import rests_on
from incidents.desk import Commit, Desk
from incidents.drill_runs import Run
from incidents.enforcement.grants import bound
from incidents.enforcement.points import RETURN, Doubt, Finished, Points, brief, silent_below
from incidents.enforcement.usage import UsageBook, window_start
from incidents.errors import AndonError, Conflicting, Unavailable, Unknown
from incidents.events import (
    SYSTEM,
    Actor,
    ContainmentContradicted,
    Draft,
    DrillRestored,
    IncidentContained,
    LeaseSet,
    LedgerOpened,
    TokenCreated,
)
from incidents.ledger import Head, Ledger
from incidents.ledger.checkpoint import SigningKey, load_key, make_key
from incidents.ledger.checkpoint import sign as sign_checkpoint
from incidents.ledger.sqlite import SqliteLedger
from incidents.letters import Letters
from incidents.metrics import (
    BLOCKED,
    CONTAINED,
    CYCLE_FAILURES,
    HEAD,
    HEAD_AGE,
    OPEN_INCIDENTS,
    POINTS,
    REVISION,
    TURN_AGE,
)
from incidents.operations import Operations
from incidents.records import Records
from incidents.settings import Settings
from incidents.state import Incident, State
from incidents.tokens import digest_of, new_secret
from playbooks import rhythm
from playbooks.drill_schedule import load_schedule
from playbooks.loader import Entry, UnknownPlaybook
from playbooks.loader import Library as Playbooks
from playbooks.register import Register
from playbooks.severities import load_severities
from runbooks.library import Library as Runbooks
from runbooks.library import Runbook, UnknownRunbook

if TYPE_CHECKING:
    from incidents.postroom import PostRoom

log = structlog.get_logger("andon.service")

CYCLE_SECONDS = 0.05
READY_SECONDS = 2.0
ANSWERS_KEPT = timedelta(days=7)
RETURN_WATCHED = timedelta(hours=1)
RESTORED_LATELY = timedelta(days=1)  # by the wall clock, hence so generous: what counts is one lease


class Beside(Protocol):
    """What an edge lets run as long as the engine runs."""

    def start(self) -> None: ...

    def stop(self) -> None: ...


class Service:
    """Everything that runs, put together. ``open`` it, then ``start`` the engine if it serves points."""

    def __init__(self, settings: Settings, ledger: Ledger, clock: Clock) -> None:
        self.settings, self.ledger, self.clock = settings, ledger, clock
        self.runbooks = Runbooks.load(settings.playbooks)
        self.register = Register.load(settings.playbooks)
        self.playbooks = Playbooks.load(settings.playbooks, self.runbooks, self.register)
        self.rhythm, self.rhythm_problems = rhythm.load(settings.playbooks)
        self.severities, wrong = load_severities(settings.playbooks)
        for line in wrong:
            log.warning("severities_refused", why=line, instead="the shipped ones are in force")
        self.desk = Desk(ledger, clock)
        self.points = Points()
        self.usage = UsageBook()
        self.clockwork = Clockwork(self.desk, self.register, self.rhythm.deadlines.prompts())
        self.operations = Operations(self.desk, self.points, self.usage, self.playbooks, settings.url, self.clockwork)
        self.letters = Letters(self.desk, self.playbooks.wordings, page=settings.url, sender=settings.organisation)
        self.operations.letters = self.letters
        self.beside: list[Beside] = []
        self.remarks: list[Callable[[], dict[str, str] | None]] = []  # what pages say on top: title, why, tone
        self.operations.schedule = load_schedule(settings.playbooks, self.playbooks)
        for problem in self.operations.schedule.problems:
            log.warning("drill_schedule_refused", why=str(problem), instead="no scheduled drill is held")
        self.records = Records(self.operations, self._sign_export)
        self.tell_pages: Callable[[], None] = lambda: None
        self.wake = threading.Event()
        self._stopping = False
        self._thread: threading.Thread | None = None
        self._cycle_at = float("-inf")
        self._complained: dict[str, float] = {}
        self._told = 0
        self._judged: dict[str, object] = {}  # running restores -> what was there when they were last looked at

    @classmethod
    def open(cls, settings: Settings, *, ledger: Ledger | None = None, clock: Clock | None = None) -> Service:
        """
        Open the ledger and fold it.

        Raises:
            LedgerUnavailable: It is missing, locked, corrupt or newer than this program.
        """
        service = cls(settings, ledger or SqliteLedger.open(settings.database_path), clock or SystemClock())
        service.desk.start()
        service.operations.seed = service.secret("drills")
        service._load_telemetry()
        service.desk.on_commit(service._committed)
        return service

    def _load_telemetry(self) -> None:
        now, boot = self.clock.now(), self.clock.boot()
        with self.desk.read() as state:
            lease = state.longest_lease(now - timedelta(minutes=10))
            restored = state.restored_at is not None and now - state.restored_at < RESTORED_LATELY
            self.points.load(
                self.ledger.instances(),
                self.ledger.point_uses(),
                boot=boot,
                lease=lease,
                unknown_at=state.points if restored else (),
            )
            self.usage.load(self.ledger.usage(since=window_start(now - timedelta(days=1), "day")))

    # --- what is on the shelf ---

    def playbook(self, id: str) -> Entry:
        """
        Raises:
            Unknown: With the nearest id.
        """
        try:
            return self.playbooks.entry(id)
        except UnknownPlaybook as error:
            raise Unknown(str(error), code="unknown-playbook") from error

    def runbook(self, slug: str) -> Runbook:
        """
        Raises:
            Unknown: With the nearest slug.
        """
        try:
            return self.runbooks.get(slug)
        except UnknownRunbook as error:
            raise Unknown(str(error), code="unknown-runbook") from error

    # --- secrets that pages and tickets are signed with ---

    @cached_property
    def signing_key(self) -> SigningKey | None:
        path = self.settings.key_path
        return load_key(path) if path.exists() else None

    def secret(self, purpose: str) -> bytes:
        """Derived from the signing key, so that it survives restarts; random for this process where there is none."""
        if self.signing_key is None:
            return hmac.new(self._random, purpose.encode(), hashlib.sha256).digest()
        seed = self.signing_key.sign(b"andon secrets, not a checkpoint")
        return hmac.new(seed, purpose.encode(), hashlib.sha256).digest()

    @property
    def links_end_early(self) -> str | None:
        """Why links that are signed here don't last as long as they say; None where they do."""
        if self.signing_key is not None:
            return None
        return (
            f"There is no signing key at {self.settings.key_path}: a link works in the process that made it alone, and"
            " ends with it. Put the key back from its backup and start again."
        )

    @cached_property
    def account_links(self) -> AccountLinks:
        """Links by which people say whose a Slack account is: made by the Slack edge, taken by the pages."""
        return AccountLinks(self.secret("account links"), self.clock, self.settings.url)

    @cached_property
    def _random(self) -> bytes:
        return secrets.token_bytes(32)

    def checkpoint(self) -> str:
        """
        The ledger's head, signed.

        Raises:
            Unavailable: There is no signing key.
        """
        if self.signing_key is None:
            raise Unavailable(f"no signing key at {self.settings.key_path}; `andon init` makes one")
        return sign_checkpoint(self.ledger.id, self.ledger.head(), self.signing_key, at=self.clock.now())

    def _sign_export(self, ledger: str, head: Head, at: datetime, export: str) -> str | None:
        if self.signing_key is None:
            return None
        return sign_checkpoint(ledger, head, self.signing_key, at=at, export=export)

    # --- what goes out ---

    @cached_property
    def postroom(self) -> PostRoom:
        """Made by whoever sends: ``start`` does. Another channel is added to it before that (``postroom.add``)."""
        from incidents.connectors.addresses import LiveBook
        from incidents.connectors.email import Email, mail_server
        from incidents.connectors.webhook import Webhook
        from incidents.postroom import PostRoom
        from playbooks.rhythm import Pace

        settings = self.settings
        webhook = Webhook(self.webhook_key, self.clock, allow_private=settings.allow_private_webhooks)
        office = Office(LiveBook(self.desk), webhook)
        if settings.smtp_url:
            domain = urlsplit(settings.url).hostname or "localhost"
            office.add(Email(mail_server(settings.smtp_url), self.clock, domain=domain))
        made = PostRoom(self.desk, office, self.letters, Pace(self.rhythm, self.severities))
        self.clockwork.on_reminder(made.hear)
        self.clockwork.tells = True
        return made

    def webhook_key(self, url: str) -> bytes:
        """What deliveries to a URL are signed with: of its own for each host, so that one can't forge another's."""
        host = urlsplit(url).hostname or ""
        if self.settings.webhook_secret:
            secret = self.settings.webhook_secret.encode()
            return hmac.new(secret, f"webhook {host}".encode(), hashlib.sha256).digest()
        return self.secret(f"webhook {host}")

    # --- the engine ---

    def start(self) -> None:
        """Watch what is not proven yet, and follow the ledger."""
        self.watch()
        for problem in (*self.register.problems, *self.register.unknown_calendars()):
            log.warning("register_problem", where=f"{problem.file}:{problem.line}", why=problem.message)
        self.desk.prove_writable()
        self.cycle()
        self._thread = threading.Thread(target=self._run, name="andon-engine", daemon=True)
        self._thread.start()
        for other in self.beside:
            other.start()
        self.postroom.start()

    def stop(self) -> None:
        """Stop the engine, write down what is only in memory, and close the ledger."""
        self._stopping = True
        for other in self.beside:
            other.stop()
        self.wake.set()
        if "postroom" in self.__dict__:
            self.postroom.stop()
        if self._thread is not None:
            self._thread.join(timeout=5)
        for last in (self.flush, lambda: self.desk.keep_state(always=True)):
            try:
                last()
            except Unavailable as error:
                log.warning("not_written_at_stop", error=str(error))
        self.ledger.close()

    def _run(self) -> None:
        while not self._stopping:
            self.wake.wait(CYCLE_SECONDS)
            self.wake.clear()
            try:
                self.cycle()
            except Exception as error:  # noqa: BLE001 - the engine must go on, whatever one cycle met
                CYCLE_FAILURES.inc()
                self._complain(error)

    def _complain(self, error: Exception) -> None:
        """Each trouble once a minute; with the traceback where it is not one that we know."""
        now = self.clock.boot()
        if now - self._complained.get(str(error), float("-inf")) >= 60:
            self._complained = {str(error): now}
            log.error("cycle_failed", error=str(error), exc_info=not isinstance(error, AndonError))

    def cycle(self) -> None:
        """Follow the head, judge containment, write down what is proven."""
        self.desk.follow()
        self.operations.mind_drills()
        boot = self.clock.boot()
        with self.desk.read() as state:
            points = dict(state.points)
        doubts = self.points.take_doubts()
        try:
            while doubts:
                self._write_contradicted(doubts[0])
                doubts.pop(0)
        finally:
            self.points.doubt_again(doubts)
        self._write_finished(self.points.tick(points, boot))
        self._cycle_at = boot
        told = self.points.acknowledgements
        if told != self._told:
            self._told = told
            self.tell_pages()

    def ready(self) -> str | None:
        """Why this process is not ready; None if it is."""
        if self.desk.blocked is not None:
            return f"a kill could not be recorded since {rfc3339(self.desk.blocked.since)}: {self.desk.blocked.error}"
        if self.desk.trouble is not None:
            return self.desk.trouble
        if self.desk.snapshot.unreadable is not None:
            return f"the log holds what this version can't read: {self.desk.snapshot.unreadable}"
        if self.clock.boot() - self._cycle_at > READY_SECONDS:
            return "the engine has not finished a cycle in time"
        return None

    def _committed(self, commit: Commit) -> None:
        """Under the desk's lock: start to watch what was ordered, stop where it was written down."""
        with self.desk.read() as state:
            for event in commit.events:
                incident = state.incidents.get(event.incident or "")
                if incident is None:
                    continue
                tightened = event.kind == "access:hold:eased" and incident.revision == event.seq
                if tightened or event.kind in ("access:hold:placed", "incident:life:contradicted"):
                    self._watch(state, incident, commit.seen_boot)
                elif event.kind == "incident:life:contained":
                    self.points.settle(incident.id, int(event.data["revision"]))
                elif event.kind == "drill:run:ended":
                    self.points.settle(incident.id, incident.revision)
                    self._watch_return(state, incident, commit.seen_boot)
        self.wake.set()

    def watch(self) -> None:
        """What whoever ran before has left unproven, counted anew: it may only take longer."""
        boot = self.clock.boot()
        with self.desk.read() as state:
            for incident in state.incidents.values():
                self._watch(state, incident, boot)
            ended = [run.drill for run in state.drills.runs.values() if self._is_coming_back(run)]
        for drill in ended:  # most have left memory at their end
            with self.desk.read(drill) as state:
                self._watch_return(state, state.incidents[drill], boot)

    def _watch(self, state: State, incident: Incident, boot: float) -> None:
        self.points.order(state, incident, boot=boot, now=self.clock.now())

    def _watch_return(self, state: State, incident: Incident, boot: float) -> None:
        """A drill that is over is over at a gateway only when that has confirmed it."""
        run = state.drills.runs.get(incident.id)
        if run is not None and self._is_coming_back(run) and incident.holds and not incident.standing:
            self.points.follow_return(state, incident, boot=boot, now=self.clock.now())

    def _is_coming_back(self, run: Run) -> bool:
        lately = run.ended_at is not None and self.clock.now() - run.ended_at < RETURN_WATCHED
        return lately and run.restored_at is None

    def _write_restored(self, finished: Finished) -> None:
        """That every point has confirmed the table without a drill's holds, once."""
        drill = finished.incident.removesuffix(RETURN)

        def decide(state: State, now: object) -> Decided:
            if state.drills.runs[drill].restored_at is not None:
                return Decided([])
            fact = DrillRestored(
                revision=finished.revision,
                total=len(finished.points),
                confirmed=len(finished.confirmed),
                points=[brief(p) for p in finished.points],
                ms=finished.ms,
            )
            return Decided([Draft(fact, incident=drill)], subject=drill)

        self.desk.submit(decide, actor=SYSTEM, about=drill)
        self.points.settle(finished.incident, finished.revision)

    def _write_finished(self, found: Sequence[Finished]) -> None:
        """In one write, however many: each by itself would keep the kills that come in meanwhile waiting."""
        self._write_contained([finished for finished in found if not finished.incident.endswith(RETURN)])
        for finished in found:
            if finished.incident.endswith(RETURN):
                self._write_restored(finished)

    def _write_contained(self, found: Sequence[Finished]) -> None:
        """The fact that matters, once for each."""
        if not found:
            return

        def decide(state: State, now: object) -> Decided:
            return Decided(
                [
                    Draft(_contained(finished), incident=finished.incident)
                    for finished in found
                    if (incident := state.incidents[finished.incident]).waits_for_proof
                    and incident.revision == finished.revision
                ]
            )

        written = {event.incident for event in self.desk.submit(decide, actor=SYSTEM).events}
        for finished in found:
            self.points.settle(finished.incident, finished.revision)
            if finished.incident in written:
                if not finished.incident.startswith("DRILL-"):  # what is rehearsed is not among the real figures
                    CONTAINED.observe(finished.ms / 1000)
                log.info("contained", incident=finished.incident, revision=finished.revision, ms=finished.ms)

    def _write_contradicted(self, doubt: Doubt) -> None:
        """What had been proven at a revision that the point does not hold is pending again."""

        def decide(state: State, now: object) -> Decided:
            fact = ContainmentContradicted(point=doubt.point, because=doubt.because)
            return Decided(
                [
                    Draft(fact, incident=incident.id)
                    for incident in state.incidents.values()
                    if incident.contained is not None and incident.standing and incident.revision > doubt.revision
                ]
            )

        if self.desk.submit(decide, actor=SYSTEM).events:
            log.warning("containment_contradicted", point=doubt.point, revision=doubt.revision, because=doubt.because)

    # --- once a second, and once an hour ---

    def flush(self) -> None:
        """Telemetry to its side tables; what can't be written now goes with the next."""
        self.points.write_changed_uses(self.ledger.write_point_uses)
        self.usage.write_changed(self.ledger.write_usage)

    def every_second(self) -> None:
        self.postroom.wake.set()
        self.desk.try_resume()
        self.flush()
        self._advance_restores()
        self.operations.hold_schedule()
        self.operations.remind_of_drills()
        with self.desk.read() as state:
            silent = silent_below(state)
        if gone := self.points.expired(self.clock.boot(), silent):
            self.ledger.drop_instances(gone, before=self.clock.now() - timedelta(seconds=30))
        self.desk.let_go()
        self.desk.keep_state()
        self._measure()
        self.clockwork.tick()
        self.ledger.tidy()

    def every_moment(self) -> None:
        if self.clockwork.is_due():
            self.clockwork.tick()

    def _advance_restores(self) -> None:
        """A running restore is looked at again when anything that it rests on has changed, or its next step is due."""
        now = self.clock.now()
        with self.desk.read() as state:
            running = {r.id: rests_on(state, r, now) for r in state.requests.values() if r.next_due is not None}
        self._judged = {id: seen for id, seen in self._judged.items() if id in running}
        for id, seen in running.items():
            if self._judged.get(id) == seen:
                continue
            try:
                self.operations.advance_restore(id)
            except Unavailable:
                raise
            except Exception:  # one restore that can't be judged must not keep the others waiting
                log.exception("restore_not_advanced", request=id)
            else:
                self._judged[id] = seen

    def every_hour(self) -> None:
        now = self.clock.now()
        self.ledger.forget_answers(now - ANSWERS_KEPT)
        self.ledger.drop_usage(before=self.usage.prune(now))

    def _measure(self) -> None:
        boot = self.clock.boot()
        with self.desk.read() as state:
            REVISION.set(state.revision)
            HEAD.set(state.seq)
            HEAD_AGE.set(max(0.0, boot - self.desk.read_began))
            BLOCKED.set(self.desk.blocked is not None)
            TURN_AGE.set(max(0.0, boot - self.postroom.turned_at))
            overview = self.points.overview(state, boot)
            holding = [i.kind for i in state.incidents.values() if i.standing]
        POINTS.clear()
        for row in overview:
            POINTS.labels(row["standing"]).inc()
        OPEN_INCIDENTS.clear()
        for kind in holding:
            OPEN_INCIDENTS.labels(kind).inc()

    def use_lease_setting(self) -> None:
        """The lease length is an event; the setting is compared with it at the start of ``serve``."""
        if self.settings.lease_seconds is not None:
            seconds = self.settings.lease_seconds
            self.desk.submit(lambda state, now: access.set_lease(state, seconds), actor=SYSTEM)

    @property
    def bound_seconds(self) -> float:
        return bound(self.desk.snapshot.lease_seconds)


def _contained(finished: Finished) -> IncidentContained:
    slowest = finished.slowest
    return IncidentContained(
        revision=finished.revision,
        total=len(finished.points),
        confirmed=len(finished.confirmed),
        points=[brief(p) for p in finished.points],
        ask_live=finished.ask_live,
        ms=finished.ms,
        slowest=slowest.name if slowest else None,
    )


# --- a new ledger ---------------------------------------------------------------------------------------------------


def init(settings: Settings, *, token_name: str = "first-admin") -> tuple[str, SigningKey]:  # noqa: S107
    """
    Create the ledger, its signing key and the first admin token; returns the token (shown once) and the key.

    Raises:
        Conflicting: There is a ledger already.
        LedgerUnavailable: It can't be made.
    """
    path = settings.key_path
    refuse_existing_ledger(settings)
    key = load_key(path) if path.exists() else make_key(path)
    ledger = _empty_ledger(settings)
    try:
        secret = new_secret()
        opening = [
            Draft(LedgerOpened(ledger_id=ledger.id, public_key=key.public, fingerprint=key.fingerprint)),
            Draft(LeaseSet(seconds=settings.lease)),
            Draft(TokenCreated(id=secrets.token_hex(6), name=token_name, role="admin", digest=digest_of(secret))),
        ]
        actor = Actor(person=f"local:{os_user()}", token=None, via="cli")
        ledger.append(opening, actor=actor, now=SystemClock().now(), expected=0)
    finally:
        ledger.close()
    return secret, key


def refuse_existing_ledger(settings: Settings) -> None:
    """
    Raises:
        Conflicting: There is a ledger with something in it.
    """
    path = settings.database_path
    if path.exists():
        ledger = SqliteLedger.open(path)
        try:
            if ledger.head().seq:
                raise Conflicting(f"{path} exists already; a ledger is never overwritten")
        finally:
            ledger.close()


def _empty_ledger(settings: Settings) -> SqliteLedger:
    """A new ledger, or one whose making was interrupted before its first line."""
    if settings.database_path.exists():
        return SqliteLedger.open(settings.database_path)
    return SqliteLedger.create(settings.database_path)


def os_user() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError):
        return str(os.getuid())
