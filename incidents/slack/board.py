"""
Keeps Slack showing what is: each incident's message up to date, what happened in its thread, its room, its topic.

Compares what should stand there with what does, so there is no queue that could grow: a storm of changes becomes the
next message. One write a second and channel; what says whether something is off goes first. While Slack is away nothing
is tried but a probe now and then, and what happened meanwhile is one message afterwards.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import structlog

from incidents.desk import Commit
from incidents.errors import AndonError
from incidents.operations import Operations
from incidents.service import Service
from incidents.slack.drilling_verbs import viewed
from incidents.slack.followers import READER
from incidents.slack.health import Health
from incidents.slack.incident_message import refusing
from incidents.slack.lanes import EVERY_S, Lanes
from incidents.slack.places import places
from incidents.slack.posts import Posts
from incidents.slack.reader import Reader
from incidents.slack.rooms import Rooms
from incidents.slack.web_api import Limited, Rejected, SlackApi, SlackTrouble

Json = dict[str, Any]
log = structlog.get_logger("andon.slack")

PAUSE_S = 0.25
LOOKED_AT = 40  # incidents rendered in one step


@dataclass(slots=True)
class Job:
    """One write that is wanted. The lowest ``rank`` goes first; ``run`` does it."""

    rank: tuple[int, int, int]
    channel: str
    what: str
    incident: str
    run: Callable[[], None] = field(repr=False)


class Board:
    def __init__(self, service: Service, api: SlackApi, reader: Callable[[], Reader]) -> None:
        self._service, self._api, self._reader = service, api, reader
        self.health = Health(service.clock)
        self.posts = Posts(service, api, self.health)
        self.rooms = Rooms(service, api, self.posts)
        self.lanes = Lanes(service.clock)
        self._looked_at: dict[str, float] = {}  # incidents that are not contained: their points answer without an event
        self._lock = threading.Lock()
        self._dirty: dict[str, None] = {}
        self._team_known = False
        self._wake = threading.Event()
        self._stopping = False
        self._thread: threading.Thread | None = None
        service.desk.on_commit(self._committed)
        service.remarks.append(self.health.remark)
        with service.desk.read() as state:
            self._dirty = dict.fromkeys(state.incidents)

    @property
    def _operations(self) -> Operations:
        return self._service.operations

    # --- running ---

    def start(self) -> None:
        self._thread = threading.Thread(target=self._run, name="andon-slack-board", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._stopping = True
        self._wake.set()
        if self._thread is not None:
            self._thread.join(timeout=1)  # a call under way is not waited for: the next start looks what became of it

    def _run(self) -> None:
        while not self._stopping:
            self._wake.wait(PAUSE_S)
            self._wake.clear()
            try:
                self.step()
            except Exception:
                log.exception("slack_board_failed")

    def _committed(self, commit: Commit) -> None:
        """Under the desk's lock: remember what has changed, no more."""
        with self._lock:
            for event in commit.events:
                if event.incident and not event.kind.startswith("slack:message:posted"):
                    self._dirty[event.incident] = None
        self._wake.set()

    # --- one step ---

    def step(self) -> int:
        """What is most wanted in each channel that may be written to now; returns how many writes were tried."""
        if not self.health.may_call:
            return 0
        if (self.health.outage is not None or not self._team_known) and not self._is_there():
            return 0
        done, wanted = 0, self._wanted()
        for job in wanted:
            if self._stopping or not self.health.may_call:
                break
            if self.lanes.take(job.channel, "board", first=job.rank[0] == 0):
                self._do(job)
                done += 1
        if not wanted:
            self.health.went_well()  # it was reached, and there is nothing to say
        return done

    def _do(self, job: Job) -> None:
        try:
            job.run()
        except Limited as trouble:
            self.lanes.hold(job.channel, trouble.after_s)
            self.health.was_limited()
            log.info("slack_limited", what=job.what, after_s=trouble.after_s)
        except Rejected as trouble:
            self.health.went_wrong(trouble)
            if not trouble.is_token:
                self.posts.refused(job.incident, job.channel, trouble)
            log.warning("slack_refused_us", what=job.what, incident=job.incident, because=trouble.because)
        except SlackTrouble as trouble:
            self.health.went_wrong(trouble)
            log.warning("slack_call_failed", what=job.what, incident=job.incident, because=trouble.because)
        except AndonError as error:
            log.warning("slack_not_recorded", what=job.what, incident=job.incident, error=str(error))
        else:
            self.health.went_well()

    def _is_there(self) -> bool:
        """``auth.test``: whose token this is, at the start; and the probe while Slack is away."""
        try:
            said = self._api.call("auth.test")
            self._operations.record_team(str(said["team_id"]), str(said["user_id"]), str(said.get("url", "")))
        except (SlackTrouble, AndonError) as trouble:
            if isinstance(trouble, SlackTrouble):
                self.health.went_wrong(trouble)
            log.warning("slack_team_unknown", because=str(trouble))
            return False
        self._team_known = True
        return True

    # --- what is wanted ---

    def _wanted(self) -> list[Job]:
        """The most urgent job of each channel; incidents that are all shown are put aside."""
        best: dict[str, Job] = {}
        for incident in self._to_look_at():
            for job in self._jobs_of(incident):
                if job.channel not in best or job.rank < best[job.channel].rank:
                    best[job.channel] = job
        return sorted(best.values(), key=lambda job: job.rank)

    def _to_look_at(self) -> list[str]:
        """Those that changed or are not contained yet; real ones first, then the worst, then the oldest."""
        now = self._service.clock.boot()
        with self._lock:
            dirty = list(self._dirty)
        with self._service.desk.read() as state:
            pending = [
                i.id
                for i in state.incidents.values()
                if i.holds and i.contained is None and now - self._looked_at.get(i.id, float("-inf")) >= EVERY_S
            ]
            ids = list(dict.fromkeys([*pending, *dirty]))

            def urgency(id: str) -> tuple[bool, bool, str, int]:
                known = state.incidents.get(id)
                if known is None:
                    return True, True, "z", 0
                return known.kind != "real", known.contained is not None, known.severity, known.seq

            return sorted(ids, key=urgency)[:LOOKED_AT]

    def _jobs_of(self, incident: str) -> list[Job]:
        """Finding out what is wanted may take a look into Slack, which may fail like anything else there."""
        try:
            return list(self._jobs(incident))
        except SlackTrouble as trouble:
            self.health.went_wrong(trouble)
            log.warning("slack_could_not_look", incident=incident, because=trouble.because)
        except AndonError as error:
            log.warning("slack_could_not_read", incident=incident, error=str(error))
        with self._lock:
            self._dirty[incident] = None
        return []

    def _jobs(self, id: str) -> Iterator[Job]:
        self._looked_at[id] = self._service.clock.boot()
        with self._lock:
            self._dirty.pop(id, None)  # what changes from here on makes it dirty again
        found = viewed(self._service, READER, id)
        with self._service.desk.read(id) as state:
            known = state.incidents[found["id"]]
            shown_in = places(known, self._service.settings.slack.channel)
            posts = dict(known.posts)
        reader = self._reader()
        c = found["containment"]
        off = bool(found["holds"]) and c["state"] != "contained"
        first = 0 if found["kind"] == "real" and off else 1
        wanted = self.posts.is_waiting(shown_in)
        for rank, channel, what, run in (
            *self.posts.wanted(found, shown_in, posts, reader),
            *self.posts.withdrawn(found, shown_in, posts, reader),
            *self.rooms.wanted(found, posts, reader),
        ):
            wanted = True
            worst = 0 if refusing(c) else 1
            yield Job((first if rank < 2 else 2, rank, worst), channel, what, id, run)
        if wanted:
            with self._lock:
                self._dirty[id] = None
        elif c["state"] == "contained":
            self._looked_at.pop(id, None)
