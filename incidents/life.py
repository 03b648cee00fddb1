"""
One incident as its events tell it: people, tasks, moments, severity, visibility, review, and where it stands.

Owns the fold of every ``incident:``, ``review:`` and ``share:`` kind that concerns one incident alone. Knows neither
the catalog nor other incidents. Free words are not here: they may be redacted, so readers take them from the log.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from incidents import events as ev
from incidents.clock import parse_rfc3339
from incidents.docket import APPLIES, Docket, Hand
from incidents.events import Event
from incidents.notices import NoticeDraft, NoticeState
from playbooks.anchors import PROPOSED_BY_DECLARING

OPEN, RESTRICTED = "open", "restricted"
FALSE_ALARM, MERGED = "false-alarm", "merged"
STEPS = ("declared", "contained", "mitigated", "resolved", "reviewed", "closed")
STATUSES = (*STEPS, FALSE_ALARM, MERGED)
ENDS = ("closed", FALSE_ALARM, MERGED)
COMMANDER = "commander"


@dataclass(slots=True)
class Action:
    """What became of one action of the plan."""

    number: int
    name: str
    words: str
    state: str
    because: str | None = None
    order: dict[str, Any] | None = None


@dataclass(slots=True)
class Containment:
    """The evidence as it was written down, in short; event ``seq`` has every point's row."""

    seq: int
    at: datetime
    revision: int
    total: int
    confirmed: int
    ms: int
    ask_live: list[str]
    slowest: str | None = None


@dataclass(slots=True)
class Moment:
    """When something of its life happened. ``was``: what it said before it was corrected, the oldest first."""

    at: datetime
    recorded_at: datetime
    seq: int
    by: str
    was: list[datetime] = field(default_factory=list)


@dataclass(slots=True)
class Holder:
    """Who has a role, or whom it is offered to."""

    person: str
    since: datetime
    by: str


@dataclass(slots=True)
class Task:
    """Something that a person does. ``title`` and ``about`` are None where they are free words: see event ``seq``."""

    number: int
    seq: int
    title: str | None = None
    about: str | None = None
    role: str | None = None
    runbook: str | None = None
    within: str | None = None
    due_at: str | None = None
    owner: str | None = None
    follow_up: bool = False
    state: str = "open"  # open, done, skipped
    settled_by: str | None = None
    settled_at: datetime | None = None
    reason_seq: int | None = None

    @property
    def is_open(self) -> bool:
        return self.state == "open"


@dataclass(slots=True)
class Judged:
    """The last word on an exit criterion; event ``seq`` has the evidence."""

    met: bool
    by: str
    at: datetime
    seq: int


@dataclass(slots=True)
class Review:
    """
    Versions count from 1; event ``seq`` has the text of the newest, ``published_seq`` that of the published one.

    ``tokens``: what it was written with, so that nobody approves what they wrote under another name.
    """

    owner: str | None = None
    due_at: str | None = None
    version: int = 0
    seq: int = 0
    authors: list[str] = field(default_factory=list)
    tokens: list[str] = field(default_factory=list)
    saved_at: datetime | None = None
    saved_by: str | None = None
    approved: int = 0
    approved_by: str | None = None
    approved_at: datetime | None = None
    approved_token: str | None = None
    published: int = 0
    published_seq: int = 0
    published_by: str | None = None
    published_at: datetime | None = None


@dataclass(slots=True)
class Share:
    id: str
    made_by: str
    made_at: datetime
    expires_at: datetime
    revoked: bool = False


@dataclass(slots=True)
class Incident:
    """Title and summary are not here: they are free words and may be redacted."""

    id: str
    kind: str
    severity: str
    playbook: str
    playbook_title: str
    playbook_version: int
    playbook_digest: str
    parameters: dict[str, str]
    declared_at: datetime
    declared_by: str
    via: str
    seq: int
    revision: int = 0  # of its newest hold; 0 where it placed none
    ordered_at: datetime | None = None
    holds: list[str] = field(default_factory=list)  # every hold that it placed, lifted ones too
    placed: dict[str, dict[str, Any]] = field(default_factory=dict)
    lifted: dict[str, datetime] = field(default_factory=dict)
    actions: dict[int, Action] = field(default_factory=dict)
    tasks: dict[int, Task] = field(default_factory=dict)
    notices: list[dict[str, Any]] = field(default_factory=list)
    clocks: list[str] = field(default_factory=list)
    roles: list[str] = field(default_factory=list)
    exit: list[str] = field(default_factory=list)
    restore: dict[str, Any] = field(default_factory=dict)
    postmortem: dict[str, Any] = field(default_factory=dict)
    contained: Containment | None = None
    joined: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)
    stage: str = ""  # what people brought it to after containment; "" before
    into: str | None = None  # the incident that it was merged into
    moments: dict[str, Moment] = field(default_factory=dict)
    first_contained: Containment | None = None
    severity_since: datetime | None = None
    visibility: str = OPEN
    members: list[str] = field(default_factory=list)  # who was added; see ``insiders``
    holders: dict[str, Holder] = field(default_factory=dict)
    offers: dict[str, Holder] = field(default_factory=dict)
    acknowledged_at: datetime | None = None
    judged: dict[int, Judged] = field(default_factory=dict)
    updated_at: datetime | None = None  # the last status update; event ``update_seq`` has its words
    update_seq: int | None = None
    next_update_at: str | None = None  # promised with it
    review: Review = field(default_factory=Review)
    shares: dict[str, Share] = field(default_factory=dict)
    drafts: dict[str, NoticeDraft] = field(default_factory=dict)
    reminded: dict[str, datetime] = field(default_factory=dict)  # key of a reminder -> when it was told last
    frozen_seq: int | None = None
    notified_at: datetime | None = None  # when somebody was first told, with evidence of it
    docket: Docket = field(default_factory=Docket)
    newest_seq: int = 0
    room: str = ""  # its own Slack channel
    posts: dict[str, str] = field(default_factory=dict)  # Slack channel -> its message there
    rehearsed: bool = False  # it was a drill, and its run is over

    @property
    def status(self) -> str:
        """Contained is what the evidence says; what stands behind it in the life counts only while it does."""
        return self.stage or ("contained" if self.contained else "declared")

    @property
    def ended(self) -> bool:
        return self.stage in ENDS

    @property
    def standing(self) -> list[str]:
        """Holds that are still in force."""
        return [h for h in self.holds if h not in self.lifted]

    @property
    def insiders(self) -> list[str]:
        """Who may see it while it is restricted: whoever is involved, and who was added."""
        return list(dict.fromkeys([*self.involved, *self.members]))

    @property
    def involved(self) -> list[str]:
        """Who declared it (a token's id where no person did), and who has or is offered a role."""
        found = [h.person for h in (*self.holders.values(), *self.offers.values())]
        return list(dict.fromkeys([self.declared_by, *self.joined, *found]))

    @property
    def commander(self) -> str | None:
        holder = self.holders.get(COMMANDER)
        return holder.person if holder else None

    def reached(self, step: str) -> Moment | None:
        """When it came to a step on the way to where it stands; None where it has not, or what was said was undone."""
        moment, limit = self.moments.get(step), STEPS.index(self.status) if self.status in STEPS else len(STEPS)
        if moment is None or STEPS.index(step) > limit:
            return None
        if step == "contained":
            return moment if self.contained is not None else None
        undone = [self.moments["reopened"].seq] if "reopened" in self.moments else []
        undone += [self.contained.seq] if self.contained is not None and not self.ended else []
        return moment if step == "declared" or moment.seq > max(undone, default=0) else None

    @property
    def waits_for_proof(self) -> bool:
        """Something was ordered and is not proven yet. A drill that is over waits for nothing any more."""
        return bool(self.holds) and self.contained is None and not self.rehearsed

    @property
    def proven(self) -> bool:
        """It is contained, or it never held anything and nothing waits to be held."""
        waits = any(action.state == "waiting" for action in self.actions.values())
        return self.contained is not None or (not self.holds and not waits)

    @property
    def criteria_open(self) -> list[int]:
        """Exit criteria that nobody has called met, numbered from 1."""
        return [n for n in range(1, len(self.exit) + 1) if n not in self.judged or not self.judged[n].met]

    def open_tasks(self, *, follow_ups: bool) -> list[Task]:
        return [t for t in self.tasks.values() if t.is_open and t.follow_up == follow_ups]


@dataclass(frozen=True, slots=True)
class Over:
    """What stays in memory of an incident that is over; the log has the rest. Durations in seconds."""

    kind: str
    status: str
    severity: str = ""
    seq: int = 0  # of its declaration
    playbook: str = ""
    declared_at: datetime | None = None
    contained_s: float | None = None
    confirmed_ms: int | None = None
    notified_s: float | None = None
    restored_s: float | None = None


def outline(incident: Incident) -> Over:
    """The measures count from the declaration as corrected; ``restored_s`` only where every hold was lifted."""
    first = incident.first_contained
    lifted = max(incident.lifted.values()) if incident.holds and not incident.standing else None

    def since(at: datetime | None) -> float | None:
        return None if at is None else max(0.0, round((at - incident.declared_at).total_seconds(), 3))

    return Over(
        kind=incident.kind,
        status=incident.status,
        severity=incident.severity,
        seq=incident.seq,
        playbook=incident.playbook,
        declared_at=incident.declared_at,
        contained_s=since(first.at if first else None),
        confirmed_ms=first.ms if first and first.confirmed else None,
        notified_s=since(incident.notified_at),
        restored_s=since(lifted),
    )


# --- the fold -------------------------------------------------------------------------------------------------------

Handler = Callable[[Incident, Event, Any], None]
FOLDS: dict[str, Handler] = {}


def _on(fact: type[ev.Fact]) -> Callable[[Handler], Handler]:
    def register(handler: Handler) -> Handler:
        FOLDS[fact.kind] = handler
        return handler

    return register


def _moment(incident: Incident, name: str, event: Event) -> None:
    incident.moments[name] = Moment(event.at, event.recorded_at, event.seq, event.actor.name)


def _hand(event: Event) -> Hand:
    return Hand(event.actor.name, event.recorded_at, event.seq)


def opened(event: Event, fact: ev.IncidentDeclared) -> Incident:
    """A new incident, from its first event."""
    made = Incident(
        id=fact.incident,
        kind=fact.incident_kind,
        severity=fact.severity,
        playbook=fact.playbook,
        playbook_title=fact.playbook_title,
        playbook_version=fact.playbook_version,
        playbook_digest=fact.playbook_digest,
        parameters=dict(fact.parameters),
        declared_at=event.at,
        declared_by=event.actor.name,
        via=event.actor.via,
        seq=event.seq,
        severity_since=event.at,
        visibility=fact.visibility or OPEN,
    )
    _moment(made, "declared", event)
    for anchor in PROPOSED_BY_DECLARING:
        made.docket.propose(anchor, event.at, _hand(event))
    return made


@_on(ev.ReminderTold)
def _reminded(incident: Incident, event: Event, fact: ev.ReminderTold) -> None:
    incident.reminded[fact.key] = event.at  # not when it was due: what was missed is told once, not one by one


@_on(ev.IncidentJoined)
def _joined(incident: Incident, event: Event, fact: ev.IncidentJoined) -> None:
    incident.joined.append(fact.person)


@_on(ev.ActionRecorded)
def _action(incident: Incident, event: Event, fact: ev.ActionRecorded) -> None:
    incident.actions[fact.number] = Action(fact.number, fact.name, fact.words, fact.state, fact.because, fact.order)


@_on(ev.ActionSettled)
def _settled(incident: Incident, event: Event, fact: ev.ActionSettled) -> None:
    incident.actions[fact.number].state = "outside-done" if fact.state == "done" else fact.state
    incident.actions[fact.number].because = None


@_on(ev.DutiesOwed)
def _duties(incident: Incident, event: Event, fact: ev.DutiesOwed) -> None:
    known = ("title", "about", "role", "runbook", "within", "due_at")
    for task in fact.tasks:
        number = int(task["number"])
        values = {name: task[name] for name in known if name in task}
        incident.tasks[number] = Task(number=number, seq=event.seq, **values)
    incident.notices, incident.clocks = list(fact.notices), list(fact.clocks)
    incident.roles, incident.exit = list(fact.roles), list(fact.exit)
    incident.restore, incident.postmortem = dict(fact.restore), dict(fact.postmortem)
    incident.review.due_at = fact.postmortem.get("due_at")


@_on(ev.EvidenceFrozen)
def _frozen(incident: Incident, event: Event, fact: ev.EvidenceFrozen) -> None:
    """The first one: what stood there before anything of it was held. Later holds freeze what they change as well."""
    incident.frozen_seq = incident.frozen_seq or event.seq


@_on(ev.IncidentContained)
def _contained(incident: Incident, event: Event, fact: ev.IncidentContained) -> None:
    incident.contained = Containment(
        seq=event.seq,
        at=event.at,
        revision=fact.revision,
        total=fact.total,
        confirmed=fact.confirmed,
        ms=fact.ms,
        ask_live=list(fact.ask_live),
        slowest=fact.slowest,
    )
    incident.first_contained = incident.first_contained or incident.contained
    _moment(incident, "contained", event)


def unproven(incident: Incident) -> None:
    """Containment has to be shown (again), and with it all that was said on top of it. An end stays an end."""
    incident.contained = None
    if not incident.ended:
        incident.stage = ""


def rehearsed(incident: Incident, event: Event) -> None:
    """The run of a drill is over, and with it what was owed in it: nobody does a rehearsed step afterwards."""
    incident.rehearsed = True
    for task in incident.open_tasks(follow_ups=False):
        task.state, task.settled_by, task.settled_at = "skipped", event.actor.name, event.at
    for action in incident.actions.values():
        if action.state in ("waiting", "outside"):
            action.state, action.because = "declined", "the drill was over"
    if not incident.ended:
        incident.stage = "closed"
        _moment(incident, "closed", event)


@_on(ev.IncidentAcknowledged)
def _acknowledged(incident: Incident, event: Event, fact: ev.IncidentAcknowledged) -> None:
    incident.acknowledged_at = incident.acknowledged_at or event.at


@_on(ev.IncidentMitigated)
def _mitigated(incident: Incident, event: Event, fact: ev.IncidentMitigated) -> None:
    incident.stage = "mitigated"
    _moment(incident, "mitigated", event)


@_on(ev.IncidentResolved)
def _resolved(incident: Incident, event: Event, fact: ev.IncidentResolved) -> None:
    incident.stage = "resolved"
    incident.review.due_at = fact.review_due_at or incident.review.due_at
    _moment(incident, "resolved", event)
    incident.docket.propose("resolved", event.at, _hand(event))


@_on(ev.IncidentReviewed)
def _reviewed(incident: Incident, event: Event, fact: ev.IncidentReviewed) -> None:
    incident.stage = "reviewed"
    _moment(incident, "reviewed", event)


@_on(ev.IncidentClosed)
def _closed(incident: Incident, event: Event, fact: ev.IncidentClosed) -> None:
    incident.stage = "closed"
    _moment(incident, "closed", event)


@_on(ev.IncidentEnded)
def _ended(incident: Incident, event: Event, fact: ev.IncidentEnded) -> None:
    incident.stage, incident.into = fact.end, fact.into
    _moment(incident, fact.end, event)


@_on(ev.IncidentReopened)
def _reopened(incident: Incident, event: Event, fact: ev.IncidentReopened) -> None:
    incident.stage, incident.into = "", None
    incident.acknowledged_at = None
    incident.judged.clear()  # what was true of the end before says nothing of the next one
    _moment(incident, "reopened", event)
    incident.docket.retract("resolved")


@_on(ev.ExitJudged)
def _judged(incident: Incident, event: Event, fact: ev.ExitJudged) -> None:
    incident.judged[fact.number] = Judged(fact.met, event.actor.name, event.at, event.seq)


@_on(ev.SeveritySet)
def _severity(incident: Incident, event: Event, fact: ev.SeveritySet) -> None:
    incident.severity, incident.severity_since = fact.severity, event.at


@_on(ev.VisibilitySet)
def _visibility(incident: Incident, event: Event, fact: ev.VisibilitySet) -> None:
    incident.visibility = fact.visibility


@_on(ev.MembersChanged)
def _members(incident: Incident, event: Event, fact: ev.MembersChanged) -> None:
    kept = [m for m in incident.members if m not in fact.remove]
    incident.members = list(dict.fromkeys([*kept, *fact.add]))


@_on(ev.RoleOffered)
def _offered(incident: Incident, event: Event, fact: ev.RoleOffered) -> None:
    incident.offers[fact.role] = Holder(fact.person, event.at, event.actor.name)


@_on(ev.RoleDeclined)
def _declined(incident: Incident, event: Event, fact: ev.RoleDeclined) -> None:
    incident.offers.pop(fact.role, None)


@_on(ev.RoleTaken)
def _taken(incident: Incident, event: Event, fact: ev.RoleTaken) -> None:
    incident.holders[fact.role] = Holder(fact.person, event.at, event.actor.name)
    incident.offers.pop(fact.role, None)
    if fact.role == COMMANDER:
        incident.acknowledged_at = incident.acknowledged_at or event.at


@_on(ev.RoleLeft)
def _left(incident: Incident, event: Event, fact: ev.RoleLeft) -> None:
    incident.holders.pop(fact.role, None)


@_on(ev.TaskAdded)
def _task(incident: Incident, event: Event, fact: ev.TaskAdded) -> None:
    incident.tasks[fact.number] = Task(
        number=fact.number,
        seq=event.seq,
        role=fact.role,
        owner=fact.owner,
        due_at=fact.due_at,
        runbook=fact.runbook,
        follow_up=fact.follow_up,
    )


@_on(ev.TaskChanged)
def _task_changed(incident: Incident, event: Event, fact: ev.TaskChanged) -> None:
    task = incident.tasks[fact.number]
    task.owner = fact.owner or task.owner
    task.due_at = fact.due_at or task.due_at
    task.follow_up = task.follow_up if fact.follow_up is None else fact.follow_up


@_on(ev.TaskSettled)
def _task_settled(incident: Incident, event: Event, fact: ev.TaskSettled) -> None:
    task = incident.tasks[fact.number]
    done = fact.state != "open"
    task.state, task.reason_seq = fact.state, event.seq
    task.settled_by, task.settled_at = (event.actor.name, event.at) if done else (None, None)


@_on(ev.UpdatePosted)
def _updated(incident: Incident, event: Event, fact: ev.UpdatePosted) -> None:
    incident.updated_at, incident.update_seq, incident.next_update_at = event.at, event.seq, fact.next_at


@_on(ev.EntryCorrected)
def _corrected(incident: Incident, event: Event, fact: ev.EntryCorrected) -> None:
    """Only a moment of its life is held here; other lines are read from the log by whoever shows them."""
    if fact.at is None:
        return
    at = parse_rfc3339(fact.at)
    incident.docket.correct(fact.entry, at)
    for name, moment in incident.moments.items():
        if moment.seq == fact.entry:
            moment.was.append(moment.at)
            moment.at = at
            if name == "declared":
                if incident.severity_since == incident.declared_at:
                    incident.severity_since = at
                incident.declared_at = at


@_on(ev.ReviewOwnerSet)
def _review_owner(incident: Incident, event: Event, fact: ev.ReviewOwnerSet) -> None:
    incident.review.owner = fact.person


@_on(ev.ReviewSaved)
def _review_saved(incident: Incident, event: Event, fact: ev.ReviewSaved) -> None:
    review = incident.review
    review.version, review.seq, review.saved_at, review.saved_by = fact.version, event.seq, event.at, event.actor.name
    review.approved, review.approved_by, review.approved_at, review.approved_token = 0, None, None, None
    if event.actor.name not in review.authors:
        review.authors.append(event.actor.name)
    if event.actor.token and event.actor.token not in review.tokens:
        review.tokens.append(event.actor.token)


@_on(ev.ReviewApproved)
def _review_approved(incident: Incident, event: Event, fact: ev.ReviewApproved) -> None:
    review = incident.review
    review.approved, review.approved_by = fact.version, event.actor.name
    review.approved_at, review.approved_token = event.at, event.actor.token


@_on(ev.ReviewPublished)
def _review_published(incident: Incident, event: Event, fact: ev.ReviewPublished) -> None:
    review = incident.review
    review.published, review.published_seq = fact.version, review.seq
    review.published_by, review.published_at = event.actor.name, event.at


@_on(ev.ShareMade)
def _share_made(incident: Incident, event: Event, fact: ev.ShareMade) -> None:
    expires_at = parse_rfc3339(fact.expires_at)
    incident.shares[fact.share] = Share(fact.share, event.actor.name, event.at, expires_at)


@_on(ev.ShareRevoked)
def _share_revoked(incident: Incident, event: Event, fact: ev.ShareRevoked) -> None:
    incident.shares[fact.share].revoked = True


def _clock(incident: Incident, event: Event, fact: ev.Fact) -> None:
    incident.docket.apply(fact, _hand(event))


FOLDS.update({fact.kind: _clock for fact in APPLIES})


@_on(ev.DutiesMoved)
def _duties_moved(incident: Incident, event: Event, fact: ev.DutiesMoved) -> None:
    """A notice that nobody has touched is drafted anew, so that it names the deadline as it is now."""
    _clock(incident, event, fact)
    clocks = {move["clock"] for move in fact.moves}
    for draft in incident.drafts.values():
        if draft.clock in clocks and draft.as_drafted:
            draft.state = NoticeState.UNDRAFTED


@_on(ev.DutyMissed)
def _duty_missed(incident: Incident, event: Event, fact: ev.DutyMissed) -> None:
    """Whoever owns it was told in the same append."""
    _clock(incident, event, fact)
    incident.reminded.update(dict.fromkeys(fact.reminds or (), event.recorded_at))
