"""
The fold: what is true now, from what happened.

Reads only headers and ``data`` of events, never free words. An ``access:`` kind that this program does not know
means that it can't tell what is allowed: ``unreadable`` is set, and everything is denied until somebody updates it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from incidents import events as ev
from incidents.catalog import Catalog
from incidents.chat import Chat, account_id, is_account, message_key
from incidents.clock import parse_rfc3339
from incidents.drill_runs import (
    PLAN_FOLDS,
    RUN_FOLDS,
    Drills,
    OfARun,
    OfThePlan,
    mind,
    note_containment,
    note_contradiction,
)
from incidents.events import Event
from incidents.holds import LIVE, SHADOW, Hold
from incidents.life import ENDS, FALSE_ALARM, RESTRICTED, Handler, outline, rehearsed, unproven
from incidents.life import FOLDS as LIFE_FOLDS
from incidents.life import Action as Action
from incidents.life import Containment as Containment
from incidents.life import Incident as Incident
from incidents.life import Over as Over
from incidents.life import opened as opened_incident
from incidents.notices import FOLDS as NOTICE_FOLDS
from incidents.outbox import DONE, Outbox
from incidents.outbox import FOLDS as OUTBOX_FOLDS
from incidents.roles import PEOPLE_RIGHTS, RIGHTS, Right, Role, rights_of
from playbooks.regime_terms import Terms, read_terms

DEFAULT_LEASE_SECONDS = 15


@dataclass(slots=True)
class Token:
    """
    ``created_by`` is the person (or ``local:<os user>``) who made it, ``created_with`` the token they used.

    A person's Slack account is one too (see ``chat``): it has no secret, so no digest, and its person's roles alone.
    """

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
class RestoreRequest:
    """
    ``lifted`` and ``eased`` (hold -> partners) are what it has given back so far and nobody took back since.

    A plan without steps is of before there were any: everything at its last approval.
    """

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
    approved_with: list[str | None] = field(default_factory=list)  # the token of each of them
    state: str = "open"  # open, running, done, refused, stopped
    settled_by: str | None = None
    settled_at: datetime | None = None
    severity: str = ""  # of the incident, when the last approval was given
    attested: dict[str, list[str]] = field(default_factory=dict)  # who approved -> the checks they attested
    done: list[datetime] = field(default_factory=list)  # when each step was carried out, in order
    lifted: list[str] = field(default_factory=list)
    eased: dict[str, list[str]] = field(default_factory=dict)
    ended: list[dict[str, str]] = field(default_factory=list)  # what its steps left out: grants that had run out
    against: str | None = None  # the point that contradicted the containment while it ran
    stopped_because: str | None = None
    taken_back: bool = False

    @property
    def steps(self) -> list[dict[str, Any]]:
        return self.plan.get("steps") or []

    @property
    def break_glass(self) -> bool:
        return bool(self.plan.get("break_glass"))

    @property
    def next_due(self) -> datetime | None:
        """When its next step is due; None where it waits for none."""
        if self.state != "running" or not self.done or len(self.done) >= len(self.steps):
            return None
        return self.done[-1] + timedelta(seconds=self.steps[len(self.done)]["after_s"])


@dataclass(frozen=True, slots=True)
class BrokenGlass:
    """A break-glass restore, as everybody has to see it for a while: ``moment`` is asked or approved."""

    at: datetime
    request: str
    incident: str
    moment: str
    by: str
    waived: dict[str, Any]


@dataclass(slots=True)
class State:
    """Everything that decisions read. Changed by ``fold`` alone."""

    ledger: str = ""
    opened_at: datetime | None = None  # its first line
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
    restricted: dict[str, list[str]] = field(default_factory=dict)  # restricted incident -> who may see it
    requests: dict[str, RestoreRequest] = field(default_factory=dict)
    broken_glass: list[BrokenGlass] = field(default_factory=list)  # the last few, oldest first
    numbers: dict[str, int] = field(default_factory=dict)
    key_owner: dict[str, str] = field(default_factory=dict)  # every partner key digest ever bound, for good
    chat: Chat = field(default_factory=Chat)
    drills: Drills = field(default_factory=Drills)
    outbox: Outbox = field(default_factory=Outbox)
    terms: dict[str, Terms] = field(default_factory=dict)  # of regimes that incidents have taken, by digest
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
        own = PEOPLE_RIGHTS if is_account(token.id) else RIGHTS[Role(token.role)]
        if token.person is None or own.isdisjoint(PEOPLE_RIGHTS):
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
        if access and state.drills.running and _touches_live(state, event):
            mind(state.drills, event)
        handler(state, event, kind.read(event.data))
        if (incident := state.incidents.get(event.incident or "")) is not None:
            incident.newest_seq = event.seq
    elif access:
        state.unreadable = f"event {event.seq} is of kind '{event.kind}' (version {event.kind_v})"


def _touches_live(state: State, event: Event) -> bool:
    """Whether an ``access:`` event, not folded yet, may change the live table."""
    match event.kind:
        case ev.HoldPlaced.kind:
            return Hold.read(event.data["hold"]).table == LIVE
        case ev.HoldLifted.kind | ev.HoldEased.kind:
            return state.holds[event.data["hold"]].table == LIVE
    return event.kind != ev.LeaseSet.kind


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
    state.ledger, state.opened_at = fact.ledger_id, event.at
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
    before = {id: person.slack for id, person in state.catalog.people.items()}
    state.catalog.apply(fact.set, fact.remove)
    for path in (*fact.remove, *fact.set):
        id = path.partition("/")[2]
        person = state.catalog.people.get(id)
        if person is None or person.slack != before.get(id, ""):
            _forget_accounts(state, id)
    for path in fact.set:  # after all were forgotten: an account may go from one person to another in one write
        person = state.catalog.people[path.partition("/")[2]]
        if person.slack and person.slack != before.get(person.id, ""):
            _bind_account(state, event, person.slack, person.id)


def _forget_accounts(state: State, person: str) -> None:
    for account in state.tokens.values():
        if is_account(account.id) and account.person == person:
            account.revoked = True  # kept: what was asked for with it still goes back to whoever bound it


def _bind_account(state: State, event: Event, user: str, person: str) -> None:
    """Whoever said whose account it is has a hand in it, as in a token that they make."""
    state.tokens[account_id(user)] = Token(
        id=account_id(user),
        name=f"Slack account {user}",
        role="slack-account",
        digest="",
        person=person,
        partner=None,
        created_by=event.actor.person,
        created_with=event.actor.token,
        created_at=event.at,
        seq=event.seq,
    )


@_on(ev.SlackLinked)
def _linked(state: State, event: Event, fact: ev.SlackLinked) -> None:
    _bind_account(state, event, fact.user, fact.person)


@_on(ev.SlackTeamRecorded)
def _team(state: State, event: Event, fact: ev.SlackTeamRecorded) -> None:
    state.chat.team, state.chat.bot, state.chat.team_seq = fact.team, fact.bot, event.seq


@_on(ev.SlackDeliveryRefused)
def _delivery_refused(state: State, event: Event, fact: ev.SlackDeliveryRefused) -> None:
    """A line for the log; nothing changes."""


@_on(ev.SlackChannelOpened)
def _room(state: State, event: Event, fact: ev.SlackChannelOpened) -> None:
    incident = _incident(state, event)
    incident.room = fact.channel
    state.chat.rooms[fact.channel] = incident.id


@_on(ev.SlackMessagePosted)
def _posted(state: State, event: Event, fact: ev.SlackMessagePosted) -> None:
    incident = _incident(state, event)
    incident.posts[fact.channel] = fact.ts
    state.chat.threads[message_key(fact.channel, fact.ts)] = incident.id


@_on(ev.SlackMessageCaptured)
def _captured(state: State, event: Event, fact: ev.SlackMessageCaptured) -> None:
    state.chat.capture(event.incident or "", event.seq, fact)


@_on(ev.SlackMessageEdited)
def _edited(state: State, event: Event, fact: ev.SlackMessageEdited) -> None:
    state.chat.edit(fact)


@_on(ev.SlackMessageDeleted)
def _deleted(state: State, event: Event, fact: ev.SlackMessageDeleted) -> None:
    state.chat.delete(fact)


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
    incident.revision, incident.ordered_at = event.seq, event.recorded_at
    unproven(incident)


@_on(ev.HoldLifted)
def _lifted(state: State, event: Event, fact: ev.HoldLifted) -> None:
    hold = state.holds.pop(fact.hold)
    state.by_target[hold.table, hold.target].pop(hold.id)
    if not state.by_target[hold.table, hold.target]:
        del state.by_target[hold.table, hold.target]
    _incident(state, event).lifted[hold.id] = event.at
    request = state.requests.get(fact.request)
    if request is not None:
        request.lifted.append(hold.id)
        request.eased.pop(hold.id, None)


@_on(ev.HoldEased)
def _eased(state: State, event: Event, fact: ev.HoldEased) -> None:
    """Sparing somebody is no order. Sparing somebody no longer is one, and waits for every point like any other."""
    before = state.holds[fact.hold]
    hold = state.holds[fact.hold] = replace(before, spared=tuple(fact.partners))
    state.by_target[hold.table, hold.target][hold.id] = hold
    incident = _incident(state, event)
    incident.placed[hold.id] = hold.data()
    if not set(before.eased_for) <= set(hold.eased_for):
        incident.revision, incident.ordered_at = event.seq, event.recorded_at
        unproven(incident)
    request = state.requests.get(fact.request)
    if request is not None:
        kept = [p for p in request.eased.get(hold.id, []) if p in hold.spared]
        request.eased[hold.id] = kept + [p for p in hold.spared if p not in (*before.spared, *kept)]
        if not request.eased[hold.id]:
            del request.eased[hold.id]


@_on(ev.IncidentDeclared)
def _declared(state: State, event: Event, fact: ev.IncidentDeclared) -> None:
    state.order.append(fact.incident)
    series, _, number = fact.incident.rpartition("-")
    state.numbers[series] = int(number)
    state.incidents[fact.incident] = opened_incident(event, fact)
    _mind_restricted(state, state.incidents[fact.incident])


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
    request.approved_with.append(event.actor.token)
    request.attested[event.actor.person or ""] = list(fact.checks or [])
    if len(request.approved_by) >= request.approvals:
        request.state = "running" if request.steps else "done"
        request.settled_by, request.settled_at = event.actor.name, event.at
        request.severity = _incident(state, event).severity


@_on(ev.GlassBroken)
def _glass_broken(state: State, event: Event, fact: ev.GlassBroken) -> None:
    told = BrokenGlass(event.at, fact.request, event.incident or "", fact.moment, event.actor.name, fact.waived)
    state.broken_glass = [*state.broken_glass[-19:], told]


@_on(ev.RestoreStepDone)
def _step_done(state: State, event: Event, fact: ev.RestoreStepDone) -> None:
    request = state.requests[fact.request]
    request.done.append(event.at)
    request.ended += fact.ended or []
    if len(request.done) >= len(request.steps):
        request.state, request.settled_at = "done", event.at


@_on(ev.RestoreStopped)
def _stopped(state: State, event: Event, fact: ev.RestoreStopped) -> None:
    request = state.requests[fact.request]
    request.state, request.settled_by, request.settled_at = "stopped", event.actor.name, event.at
    request.stopped_because = fact.because
    if fact.taken_back:
        request.taken_back, request.lifted, request.eased = True, [], {}


@_on(ev.RestoreRefused)
def _refused(state: State, event: Event, fact: ev.RestoreRefused) -> None:
    request = state.requests[fact.request]
    request.state, request.settled_by, request.settled_at = "refused", event.actor.name, event.at


@_on(ev.ApprovalDenied)
def _denied(state: State, event: Event, fact: ev.ApprovalDenied) -> None:
    """A line for the log; nothing changes."""


def _line(state: State, event: Event, fact: Any) -> None:
    """The line is all there is: whoever shows the timeline reads it from the log."""


_FOLDS.update({kind.kind: _line for kind in (ev.NoteAdded, ev.EntryPinned, ev.EntryRedacted)})


def _mind_restricted(state: State, incident: Incident) -> None:
    """Keep at hand who may see it, also when the incident itself has left memory."""
    if incident.visibility == RESTRICTED:
        state.restricted[incident.id] = incident.insiders
    else:
        state.restricted.pop(incident.id, None)


def _of_one_incident(handler: Handler) -> Callable[[State, Event, Any], None]:
    def run(state: State, event: Event, fact: Any) -> None:
        incident = _incident(state, event)
        handler(incident, event, fact)
        _mind_restricted(state, incident)

    return run


_FOLDS.update({kind: _of_one_incident(handler) for kind, handler in LIFE_FOLDS.items()})
_TAKES_REGIME = _FOLDS[ev.RegimeTaken.kind]


@_on(ev.RegimeTaken)
def _regime(state: State, event: Event, fact: ev.RegimeTaken) -> None:
    """Equal terms are kept once, however many incidents have taken them."""
    if fact.digest not in state.terms:
        state.terms[fact.digest] = read_terms(fact.terms)
    _TAKES_REGIME(state, event, fact)


def _of_a_run(handler: OfARun) -> Callable[[State, Event, Any], None]:
    return lambda state, event, fact: handler(state.drills, _incident(state, event), event, fact)


def _of_the_plan(handler: OfThePlan) -> Callable[[State, Event, Any], None]:
    return lambda state, event, fact: handler(state.drills, event, fact)


_FOLDS.update({kind: _of_a_run(handler) for kind, handler in RUN_FOLDS.items()})
_FOLDS.update({kind: _of_the_plan(handler) for kind, handler in PLAN_FOLDS.items()})


@_on(ev.DrillEnded)
def _drill_ended(state: State, event: Event, fact: ev.DrillEnded) -> None:
    RUN_FOLDS[ev.DrillEnded.kind](state.drills, _incident(state, event), event, fact)
    rehearsed(_incident(state, event), event)


@_on(ev.IncidentContained)
def _incident_contained(state: State, event: Event, fact: ev.IncidentContained) -> None:
    _of_one_incident(LIFE_FOLDS[ev.IncidentContained.kind])(state, event, fact)
    note_containment(state.drills, event, fact)


@_on(ev.ContainmentContradicted)
def _contradicted(state: State, event: Event, fact: ev.ContainmentContradicted) -> None:
    """It also speaks against whatever is being given back at that moment."""
    incident = _incident(state, event)
    unproven(incident)
    note_contradiction(state.drills, event, fact)
    for request in (state.requests[id] for id in incident.requests):
        if request.state == "running":
            request.against = fact.point


# --- effects and notices --------------------------------------------------------------------------------------------


def _of_the_outbox(handler: Callable[[Outbox, Event, Any], Any]) -> Callable[[State, Event, Any], None]:
    def run(state: State, event: Event, fact: Any) -> None:
        handler(state.outbox, event, fact)
        incident = state.incidents.get(event.incident or "")
        if incident is None:
            return
        if getattr(fact, "notice", None) in incident.drafts:
            incident.drafts[fact.notice].effect = fact.id
        if isinstance(fact, ev.MessageSettled) and fact.outcome == "sent":
            incident.notified_at = incident.notified_at or event.at
        # Not when it was due: what was missed is told once, not one by one.
        incident.reminded.update(dict.fromkeys(getattr(fact, "reminds", None) or (), event.at))

    return run


def _of_a_notice(handler: Callable[[Any, Event, Any], None]) -> Callable[[State, Event, Any], None]:
    def run(state: State, event: Event, fact: Any) -> None:
        handler(_incident(state, event).drafts, event, fact)

    return run


_FOLDS.update({kind: _of_the_outbox(handler) for kind, handler in OUTBOX_FOLDS.items()})
_FOLDS.update({kind: _of_a_notice(handler) for kind, handler in NOTICE_FOLDS.items()})


@_on(ev.OrderSettled)
def _order_settled(state: State, event: Event, fact: ev.OrderSettled) -> None:
    """An action of the plan that an outside system was to carry out is done once that confirms it."""
    effect = state.outbox.settle(fact.id, fact.outcome, fact.because, event.at)
    incident = state.incidents.get(event.incident or "")
    if effect is None or effect.action is None or incident is None:
        return
    action = incident.actions.get(effect.action)
    if action is not None and action.state == "outside" and fact.outcome in DONE:
        action.state = "outside-done"


def is_over(state: State, incident: Incident) -> bool:
    """Ended, and nothing held, ordered, asked for, waited for, owed or to be followed up: the log is enough."""
    return (
        incident.stage in ENDS
        and not incident.standing
        and not _clocks_run(incident)
        and not incident.waits_for_proof
        and (incident.stage != "closed" or all(not task.is_open for task in incident.tasks.values()))
        and all(action.state not in ("waiting", "outside") for action in incident.actions.values())
        and all(state.requests[request].state not in ("open", "running") for request in incident.requests)
        and (incident.rehearsed or not any(draft.waits for draft in incident.drafts.values()))
    )


def _clocks_run(incident: Incident) -> bool:
    """A duty outlives its incident; but not a rehearsed one, nor one that proved to be none."""
    return incident.kind == "real" and incident.stage != FALSE_ALARM and incident.docket.open


def let_go(state: State, id: str) -> None:
    """Forget all but the outline of an incident that is over. ``bring_back`` undoes it."""
    incident = state.incidents.pop(id)
    for request in incident.requests:
        del state.requests[request]
    state.over[id] = outline(incident)


def bring_back(state: State, id: str, events: Iterable[Event]) -> None:
    """Put an incident back, folded from its own ``events`` up to the state's head."""
    apart = State()
    for event in events:
        if event.seq <= state.seq:
            fold(apart, event)
    state.incidents[id] = apart.incidents[id]
    state.requests.update(apart.requests)
    state.terms.update(apart.terms)
    del state.over[id]
