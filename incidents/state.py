"""
The fold: what is true now, from what happened.

Reads only headers and ``data`` of events, never free words. An ``access:`` kind that this program does not know
means that it can't tell what is allowed: ``unreadable`` is set, and everything is denied until somebody updates it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from incidents import events as ev
from incidents.catalog import Catalog
from incidents.clock import parse_rfc3339
from incidents.events import Event
from incidents.holds import LIVE, SHADOW, Hold
from incidents.notices import Approval, NoticeDraft, NoticeState
from incidents.outbox import Effect, Outbox, Outcome, Sort
from incidents.roles import PEOPLE_ROLES, RIGHTS, Right, Role, rights_of

DEFAULT_LEASE_SECONDS = 15


@dataclass(slots=True)
class Token:
    """``created_by`` is the person (or ``local:<os user>``) who made it, ``created_with`` the token they used."""

    id: str
    name: str
    role: str
    digest: str
    person: str | None
    partner: str | None
    created_by: str | None
    created_with: str | None
    created_at: datetime
    seq: int
    revoked: bool = False


@dataclass(slots=True)
class Point:
    """An enforcement point, registered by its first ``enforcer`` token."""

    name: str
    seq: int
    registered_at: datetime
    gone_seq: int | None = None  # every token revoked, or retired: the event that did it
    retired: bool = False


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
class RestoreRequest:
    id: str
    incident: str
    asked_by: str
    asked_token: str | None
    asked_at: datetime
    expires_at: datetime
    plan: dict[str, Any]
    plan_digest: str
    approvals: int
    approved_by: list[str] = field(default_factory=list)
    state: str = "open"  # open, done, refused
    settled_by: str | None = None
    settled_at: datetime | None = None


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
    tasks: list[dict[str, Any]] = field(default_factory=list)
    notices: list[dict[str, Any]] = field(default_factory=list)
    clocks: list[str] = field(default_factory=list)
    roles: list[str] = field(default_factory=list)
    exit: list[str] = field(default_factory=list)
    restore: dict[str, Any] = field(default_factory=dict)
    postmortem: dict[str, Any] = field(default_factory=dict)
    contained: Containment | None = None
    joined: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)
    drafts: dict[str, NoticeDraft] = field(default_factory=dict)
    reminded: dict[str, datetime] = field(default_factory=dict)  # key of a reminder -> the moment that was told last

    @property
    def status(self) -> str:
        return "contained" if self.contained else "declared"

    @property
    def standing(self) -> list[str]:
        """Holds that are still in force."""
        return [h for h in self.holds if h not in self.lifted]


@dataclass(frozen=True, slots=True)
class Over:
    """What stays in memory of an incident that holds nothing any more; the log has the rest."""

    kind: str
    status: str


@dataclass(slots=True)
class State:
    """Everything that decisions read. Changed by ``fold`` alone."""

    ledger: str = ""
    restored_at: datetime | None = None  # a backup went on as this ledger
    seq: int = 0
    digest: str = "0" * 64
    revision: int = 0
    recorded_at: datetime | None = None
    catalog: Catalog = field(default_factory=Catalog)
    lease_seconds: int = DEFAULT_LEASE_SECONDS
    lease_was: list[tuple[datetime, int]] = field(default_factory=list)
    tokens: dict[str, Token] = field(default_factory=dict)
    points: dict[str, Point] = field(default_factory=dict)
    silence_ended: dict[str, int] = field(default_factory=dict)  # capability -> revision that took its on_silence away
    holds: dict[str, Hold] = field(default_factory=dict)
    incidents: dict[str, Incident] = field(default_factory=dict)
    order: list[str] = field(default_factory=list)  # every incident's id, as they were declared
    over: dict[str, Over] = field(default_factory=dict)  # those that are not among ``incidents``
    requests: dict[str, RestoreRequest] = field(default_factory=dict)
    numbers: dict[str, int] = field(default_factory=dict)
    key_owner: dict[str, str] = field(default_factory=dict)  # every partner key digest ever bound, for good
    outbox: Outbox = field(default_factory=Outbox)
    unreadable: str | None = None
    public_key: str | None = None
    fingerprint: str | None = None
    # Index over ``holds``: (table, target) -> holds by id. Derived; rebuilt when a kept state is loaded.
    by_target: dict[tuple[str, str], dict[str, Hold]] = field(default_factory=dict)

    def holds_on(self, target: str, table: str = LIVE) -> Iterable[Hold]:
        """Holds in force on one target; the shadow table sees live and shadow holds."""
        yield from self.by_target.get((LIVE, target), {}).values()
        if table == SHADOW:
            yield from self.by_target.get((SHADOW, target), {}).values()

    def index_holds(self) -> None:
        self.by_target = {}
        for hold in self.holds.values():
            self.by_target.setdefault((hold.table, hold.target), {})[hold.id] = hold

    def rights(self, token: Token) -> frozenset[Right]:
        """
        What a token may do now: its role, narrowed by its person's roles.

        A person who lost a role loses the right at once, whatever tokens are still around. Tokens are only made for
        people in the catalog, so one whose person is not there any more may do nothing.
        """
        own = RIGHTS[Role(token.role)]
        if token.person is None or Role(token.role) not in PEOPLE_ROLES:
            return own
        person = self.catalog.people.get(token.person)
        return own & rights_of(Role(r) for r in person.roles) if person is not None else frozenset()

    def makers(self, token: Token) -> set[str]:
        """Everybody whose hand is in a token: who made it, who made the token that it was made with, and so on."""
        found: set[str] = set()
        at: Token | None = token
        while at is not None:
            found.add(at.created_by or "")
            at = self.tokens.get(at.created_with or "")
        return found - {""}

    def longest_lease(self, since: datetime) -> int:
        """The longest lease length in force at any moment after ``since``."""
        longest = self.lease_seconds
        for ended_at, seconds in self.lease_was:
            if ended_at >= since:
                longest = max(longest, seconds)
        return longest


def fold(state: State, event: Event) -> None:
    """Take one event into the state. Events come in order, each exactly once."""
    state.seq, state.digest, state.recorded_at = event.seq, event.digest, event.recorded_at
    if event.kind.startswith("access:"):
        state.revision = event.seq
    access, handler = event.kind.startswith("access:"), _FOLDS.get(event.kind)
    kind = ev.KINDS[event.kind] if handler is not None else None
    # A field that is not known may only add to what people read; where it is about access it may mean anything.
    if handler is not None and kind and event.kind_v <= kind.kind_v and (not access or kind.knows(event.data)):
        handler(state, event, kind.read(event.data))
    elif access:
        state.unreadable = f"event {event.seq} is of kind '{event.kind}' (version {event.kind_v})"


_FOLDS: dict[str, Callable[[State, Event, Any], None]] = {}


def _on(fact: type[ev.Fact]) -> Callable[[Callable[[State, Event, Any], None]], Callable[[State, Event, Any], None]]:
    def register(handler: Callable[[State, Event, Any], None]) -> Callable[[State, Event, Any], None]:
        _FOLDS[fact.kind] = handler
        return handler

    return register


def _incident(state: State, event: Event) -> Incident:
    return state.incidents[event.incident or ""]


@_on(ev.LedgerOpened)
def _opened(state: State, event: Event, fact: ev.LedgerOpened) -> None:
    state.ledger = fact.ledger_id
    state.public_key, state.fingerprint = fact.public_key, fact.fingerprint


@_on(ev.LedgerRestored)
def _restored(state: State, event: Event, fact: ev.LedgerRestored) -> None:
    state.ledger, state.restored_at = fact.to_ledger, event.recorded_at
    state.outbox.doubt_all()


@_on(ev.WriteResumed)
def _resumed(state: State, event: Event, fact: ev.WriteResumed) -> None:
    """Nothing to hold: the line itself is the evidence."""


@_on(ev.LeaseSet)
def _lease(state: State, event: Event, fact: ev.LeaseSet) -> None:
    if state.lease_seconds != fact.seconds:
        state.lease_was = [*state.lease_was[-15:], (event.recorded_at, state.lease_seconds)]
    state.lease_seconds = fact.seconds


@_on(ev.CatalogApplied)
def _catalog(state: State, event: Event, fact: ev.CatalogApplied) -> None:
    silent = {c.id for c in state.catalog.capabilities.values() if c.on_silence == "allow"}
    state.catalog.apply(fact.set, fact.remove)
    silent -= {c.id for c in state.catalog.capabilities.values() if c.on_silence == "allow"}
    state.silence_ended.update(dict.fromkeys(silent, event.seq))
    for path in fact.set:
        if path.startswith("partners/"):
            partner = state.catalog.partners[path.partition("/")[2]]
            state.key_owner.update(dict.fromkeys(partner.keys, partner.id))


@_on(ev.PeopleApplied)
def _people(state: State, event: Event, fact: ev.PeopleApplied) -> None:
    state.catalog.apply(fact.set, fact.remove)


@_on(ev.ContactsChanged)
def _contacts(state: State, event: Event, fact: ev.ContactsChanged) -> None:
    """Addresses are in the directory, not in the state."""


@_on(ev.TokenCreated)
def _token(state: State, event: Event, fact: ev.TokenCreated) -> None:
    state.tokens[fact.id] = Token(
        id=fact.id,
        name=fact.name,
        role=fact.role,
        digest=fact.digest,
        person=fact.person,
        partner=fact.partner,
        created_by=event.actor.person,
        created_with=event.actor.token,
        created_at=event.at,
        seq=event.seq,
    )
    if fact.role == Role.ENFORCER:
        known = state.points.get(fact.name)
        if known is None or known.gone_seq is not None:
            state.points[fact.name] = Point(name=fact.name, seq=event.seq, registered_at=event.at)


@_on(ev.TokenRevoked)
def _revoked(state: State, event: Event, fact: ev.TokenRevoked) -> None:
    token = state.tokens[fact.id]
    token.revoked = True
    point = state.points.get(token.name) if token.role == Role.ENFORCER else None
    others = (t for t in state.tokens.values() if t.name == token.name and t.role == Role.ENFORCER and not t.revoked)
    if point is not None and point.gone_seq is None and not any(others):
        point.gone_seq = event.seq


@_on(ev.PointRetired)
def _retired(state: State, event: Event, fact: ev.PointRetired) -> None:
    point = state.points[fact.point]
    point.retired = True
    point.gone_seq = point.gone_seq or event.seq
    for token in state.tokens.values():
        if token.role == Role.ENFORCER and token.name == fact.point:
            token.revoked = True


@_on(ev.HoldPlaced)
def _placed(state: State, event: Event, fact: ev.HoldPlaced) -> None:
    hold = Hold.read(fact.hold)
    state.holds[hold.id] = hold
    state.by_target.setdefault((hold.table, hold.target), {})[hold.id] = hold
    incident = _incident(state, event)
    incident.holds.append(hold.id)
    incident.placed[hold.id] = fact.hold
    incident.revision, incident.ordered_at, incident.contained = event.seq, event.recorded_at, None


@_on(ev.HoldLifted)
def _lifted(state: State, event: Event, fact: ev.HoldLifted) -> None:
    hold = state.holds.pop(fact.hold)
    state.by_target[hold.table, hold.target].pop(hold.id)
    if not state.by_target[hold.table, hold.target]:
        del state.by_target[hold.table, hold.target]
    _incident(state, event).lifted[hold.id] = event.at


@_on(ev.IncidentDeclared)
def _declared(state: State, event: Event, fact: ev.IncidentDeclared) -> None:
    state.order.append(fact.incident)
    series, _, number = fact.incident.rpartition("-")
    state.numbers[series] = int(number)
    state.incidents[fact.incident] = Incident(
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
    )


@_on(ev.IncidentJoined)
def _joined(state: State, event: Event, fact: ev.IncidentJoined) -> None:
    _incident(state, event).joined.append(fact.person)


@_on(ev.ActionRecorded)
def _action(state: State, event: Event, fact: ev.ActionRecorded) -> None:
    _incident(state, event).actions[fact.number] = Action(
        fact.number, fact.name, fact.words, fact.state, fact.because, fact.order
    )


@_on(ev.DutiesOwed)
def _duties(state: State, event: Event, fact: ev.DutiesOwed) -> None:
    incident = _incident(state, event)
    incident.tasks, incident.notices, incident.clocks = list(fact.tasks), list(fact.notices), list(fact.clocks)
    incident.roles, incident.exit = list(fact.roles), list(fact.exit)
    incident.restore, incident.postmortem = dict(fact.restore), dict(fact.postmortem)


@_on(ev.IncidentContained)
def _contained(state: State, event: Event, fact: ev.IncidentContained) -> None:
    _incident(state, event).contained = Containment(
        seq=event.seq,
        at=event.at,
        revision=fact.revision,
        total=fact.total,
        confirmed=fact.confirmed,
        ms=fact.ms,
        ask_live=list(fact.ask_live),
        slowest=fact.slowest,
    )


@_on(ev.ContainmentContradicted)
def _contradicted(state: State, event: Event, fact: ev.ContainmentContradicted) -> None:
    _incident(state, event).contained = None


@_on(ev.NoteAdded)
def _note(state: State, event: Event, fact: ev.NoteAdded) -> None:
    """Notes are read from the log by whoever shows the timeline."""


@_on(ev.RestoreAsked)
def _asked(state: State, event: Event, fact: ev.RestoreAsked) -> None:
    incident = _incident(state, event)
    incident.requests.append(fact.request)
    state.requests[fact.request] = RestoreRequest(
        id=fact.request,
        incident=incident.id,
        asked_by=event.actor.person or "",
        asked_token=event.actor.token,
        asked_at=event.at,
        expires_at=parse_rfc3339(fact.expires_at),
        plan=fact.plan,
        plan_digest=fact.plan_digest,
        approvals=fact.approvals,
    )


@_on(ev.RestoreApproved)
def _approved(state: State, event: Event, fact: ev.RestoreApproved) -> None:
    request = state.requests[fact.request]
    request.approved_by.append(event.actor.person or "")
    if len(request.approved_by) >= request.approvals:
        request.state, request.settled_by, request.settled_at = "done", event.actor.name, event.at


@_on(ev.RestoreRefused)
def _refused(state: State, event: Event, fact: ev.RestoreRefused) -> None:
    request = state.requests[fact.request]
    request.state, request.settled_by, request.settled_at = "refused", event.actor.name, event.at


@_on(ev.ApprovalDenied)
def _denied(state: State, event: Event, fact: ev.ApprovalDenied) -> None:
    """A line for the log; nothing changes."""


# --- effects and notices ----------------------------------------------------------------------------------------------


@_on(ev.MessageOwed)
def _message_owed(state: State, event: Event, fact: ev.MessageOwed) -> None:
    state.outbox.owe(_effect(event, fact, Sort.MESSAGE, fact.deadline, about=list(fact.about or ())))
    _now_carried_by(state, event, fact)


@_on(ev.OrderOwed)
def _order_owed(state: State, event: Event, fact: ev.OrderOwed) -> None:
    state.outbox.owe(_effect(event, fact, Sort.ORDER, fact.deadline, action=fact.action, order=fact.order))
    _now_carried_by(state, event, fact)


def _effect(event: Event, fact: ev.MessageOwed | ev.OrderOwed, sort: Sort, deadline: str | None, **more: Any) -> Effect:
    return Effect(
        id=fact.id,
        sort=sort,
        to=fact.to,
        channels=list(fact.channels),
        template=fact.template,
        lane=fact.lane,
        table=fact.table,
        topic=fact.topic,
        incident=event.incident,
        not_before=parse_rfc3339(fact.not_before),
        deadline=parse_rfc3339(deadline) if deadline else None,
        owed_at=event.at,
        seq=event.seq,
        all_channels=list(fact.channels),
        notice=fact.notice,
        digest=fact.digest,
        **more,
    )


def _now_carried_by(state: State, event: Event, fact: ev.MessageOwed | ev.OrderOwed) -> None:
    if fact.notice is not None:
        _incident(state, event).drafts[fact.notice].effect = fact.id


@_on(ev.MessagePassedOn)
def _passed_on(state: State, event: Event, fact: ev.MessagePassedOn) -> None:
    state.outbox.pass_on(fact.id, fact.channel, fact.outcome)


@_on(ev.MessageSettled)
def _message_settled(state: State, event: Event, fact: ev.MessageSettled) -> None:
    state.outbox.settle(fact.id, fact.outcome, fact.because, event.at)


@_on(ev.OrderSettled)
def _order_settled(state: State, event: Event, fact: ev.OrderSettled) -> None:
    effect = state.outbox.settle(fact.id, fact.outcome, fact.because, event.at)
    done = fact.outcome in (Outcome.CONFIRMED, Outcome.REHEARSED)
    if done and effect is not None and effect.action is not None and effect.incident in state.incidents:
        action = state.incidents[effect.incident].actions.get(effect.action)
        if action is not None and action.state == "outside":
            action.state = "outside-done"


@_on(ev.MessageRetried)
def _message_retried(state: State, event: Event, fact: ev.MessageRetried) -> None:
    state.outbox.retry(fact.id, parse_rfc3339(fact.deadline), event.at)


@_on(ev.OrderRetried)
def _order_retried(state: State, event: Event, fact: ev.OrderRetried) -> None:
    state.outbox.retry(fact.id, parse_rfc3339(fact.deadline) if fact.deadline else None, event.at)


@_on(ev.ReminderTold)
def _reminded(state: State, event: Event, fact: ev.ReminderTold) -> None:
    _incident(state, event).reminded[fact.key] = parse_rfc3339(fact.due_at)


@_on(ev.OutageCaughtUp)
def _caught_up(state: State, event: Event, fact: ev.OutageCaughtUp) -> None:
    """A line for people; what it settled has lines of its own."""


@_on(ev.NoticeOwed)
def _notice_owed(state: State, event: Event, fact: ev.NoticeOwed) -> None:
    _incident(state, event).drafts[fact.notice] = NoticeDraft(
        id=fact.notice,
        to=fact.to,
        template=fact.template,
        approval=fact.approval,
        approvals=fact.approvals,
        owed_at=event.at,
        seq=event.seq,
        number=fact.number,
        moment=fact.moment,
    )


@_on(ev.NoticeWritten)
def _notice_written(state: State, event: Event, fact: ev.NoticeWritten) -> None:
    draft = _incident(state, event).drafts[fact.notice]
    draft.digest, draft.text_seq, draft.approved, draft.state = fact.digest, event.seq, [], NoticeState.WAITS
    draft.written_by, draft.written_token, draft.written_at = event.actor.person, event.actor.token, event.at


@_on(ev.NoticeApproved)
def _notice_approved(state: State, event: Event, fact: ev.NoticeApproved) -> None:
    draft = _incident(state, event).drafts[fact.notice]
    draft.approved = [*draft.approved, Approval(event.actor.person or "", event.actor.token, event.at)]
    if not draft.approvals_left:
        draft.state, draft.settled_by, draft.settled_at = NoticeState.APPROVED, event.actor.name, event.at


@_on(ev.NoticeRefused)
def _notice_refused(state: State, event: Event, fact: ev.NoticeRefused) -> None:
    draft = _incident(state, event).drafts[fact.notice]
    draft.state, draft.settled_by, draft.settled_at = NoticeState.REFUSED, event.actor.name, event.at


@_on(ev.NoticeApprovalDenied)
def _notice_denied(state: State, event: Event, fact: ev.NoticeApprovalDenied) -> None:
    """A line for the log; nothing changes."""


@_on(ev.NoticeReceipted)
def _notice_receipted(state: State, event: Event, fact: ev.NoticeReceipted) -> None:
    draft = _incident(state, event).drafts[fact.notice]
    draft.state, draft.receipt_seq = NoticeState.RECEIPTED, event.seq
    draft.settled_by, draft.settled_at = event.actor.name, event.at


def is_over(state: State, incident: Incident) -> bool:
    """Nothing is held, ordered, asked for, waited for or owed to an outside system: the log is enough."""
    return (
        not incident.standing
        and (incident.contained is not None or not incident.holds)
        and all(action.state not in ("waiting", "outside") for action in incident.actions.values())
        and all(state.requests[request].state != "open" for request in incident.requests)
        and not any(draft.waits for draft in incident.drafts.values())
    )


def let_go(state: State, id: str) -> None:
    """Forget all but the outline of an incident that is over. ``bring_back`` undoes it."""
    incident = state.incidents.pop(id)
    for request in incident.requests:
        del state.requests[request]
    state.over[id] = Over(incident.kind, incident.status)


def bring_back(state: State, id: str, events: Iterable[Event]) -> None:
    """Put an incident back, folded from its own ``events`` up to the state's head."""
    apart = State()
    for event in events:
        if event.seq <= state.seq:
            fold(apart, event)
    state.incidents[id] = apart.incidents[id]
    state.requests.update(apart.requests)
    del state.over[id]
