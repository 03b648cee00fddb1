"""
What happened: the envelope of an event and every kind of fact that the log can hold.

A fact is past and final. Kinds read ``source:subject:action``; every ``access:`` kind changes what enforcement
points hold and so moves the revision, no other kind does. ``data`` is chained for good and is all that a fold may
read; ``text`` holds free words, is salted and can be redacted without breaking the chain.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, ClassVar, Self, dataclass_transform

ENVELOPE_VERSION = 1


@dataclass(frozen=True, slots=True)
class Actor:
    """Who did it: a person's id (or ``local:<os user>``, or None), the token's id, and through what."""

    person: str | None
    token: str | None
    via: str

    @property
    def name(self) -> str:
        return self.person or self.token or self.via


SYSTEM = Actor(person=None, token=None, via="system")


@dataclass(frozen=True, slots=True)
class Event:
    """
    One line of the log as it is stored.

    The chain covers the header (everything but ``data``, ``text``, ``salt`` and ``digest``); ``digest`` is the
    SHA-256 of that header, hex, and the next event's ``prev``. ``text`` is None where there was none or where it
    was redacted; ``text_digest`` tells which.
    """

    seq: int
    recorded_at: datetime
    at: datetime
    kind: str
    kind_v: int
    incident: str | None
    incident_prev: str | None
    actor: Actor
    data: dict[str, Any]
    text: dict[str, str] | None
    salt: bytes | None
    data_digest: str
    text_digest: str | None
    prev: str
    digest: str
    ledger: str
    v: int = ENVELOPE_VERSION


@dataclass(frozen=True, slots=True)
class Withheld:
    """All that somebody is given of an event that is not for them: its place in the chain."""

    seq: int
    ledger: str
    prev: str
    digest: str


WITHHELD = {"withheld": True}  # given in place of an event's data where those name what is not for the reader


class Fact:
    """Base of every kind of event; subclasses are frozen dataclasses whose fields are the event's ``data``."""

    __slots__ = ()
    kind: ClassVar[str] = ""
    fields: ClassVar[frozenset[str]] = frozenset()
    kind_v: ClassVar[int] = 1

    def data(self) -> dict[str, Any]:
        """The fields as plain JSON values; None is left out so that adding an optional field changes nothing."""
        found: dict[str, Any] = {}
        for item in dataclasses.fields(self):  # type: ignore[arg-type]
            value = getattr(self, item.name)
            if value is not None:
                found[item.name] = list(value) if isinstance(value, tuple) else value
        return found

    @classmethod
    def read(cls, data: Mapping[str, Any]) -> Self:
        """From an event's data; fields of a newer version are passed over."""
        if cls.knows(data):
            return cls(**data)
        return cls(**{name: value for name, value in data.items() if name in cls.fields})

    @classmethod
    def knows(cls, data: Mapping[str, Any]) -> bool:
        """False where a newer version wrote fields that this one has never heard of."""
        return data.keys() <= cls.fields


KINDS: dict[str, type[Fact]] = {}


@dataclass_transform(kw_only_default=True, frozen_default=True)
def _fact(kind: str) -> Callable[[type[Fact]], type[Any]]:
    """Register a class as the meaning of one stored kind, and make it a frozen dataclass."""

    def register(cls: type[Fact]) -> type[Any]:
        made = dataclass(frozen=True, slots=True, kw_only=True)(cls)
        made.kind = kind
        made.fields = frozenset(item.name for item in dataclasses.fields(made))  # type: ignore[arg-type]
        KINDS[kind] = made
        return made

    return register


@dataclass(frozen=True, slots=True)
class Draft:
    """A fact that is about to be appended. ``at`` is when it happened if that is not when it is recorded."""

    fact: Fact
    incident: str | None = None
    text: Mapping[str, str] = field(default_factory=dict)
    at: datetime | None = None


# --- the ledger itself ---------------------------------------------------------------------------------------------


@_fact("ledger:chain:opened")
class LedgerOpened(Fact):
    """The first event: this ledger's id and the public key that signs its checkpoints (None without a key)."""

    ledger_id: str
    public_key: str | None = None
    fingerprint: str | None = None


@_fact("ledger:chain:restored")
class LedgerRestored(Fact):
    """A backup goes on as a ledger of its own: every copy and lease of the old id is void."""

    from_ledger: str
    to_ledger: str


@_fact("ledger:write:resumed")
class WriteResumed(Fact):
    """Appending works again after a narrowing change could not be recorded; grants had stopped meanwhile."""

    failed_at: str
    what: str
    error: str


# --- access: everything that changes what enforcement points hold ---------------------------------------------------


@_fact("access:lease:set")
class LeaseSet(Fact):
    """How long a point may answer from its copy, whole seconds."""

    seconds: int


@_fact("access:catalog:applied")
class CatalogApplied(Fact):
    """The difference between two catalogs: ``models/orion-2`` -> value, and what went away."""

    set: dict[str, Any]
    remove: list[str]


@_fact("access:hold:placed")
class HoldPlaced(Fact):
    """An incident narrows the catalog. ``hold`` is the JSON form of ``holds.Hold``."""

    hold: dict[str, Any]


@_fact("access:hold:eased")
class HoldEased(Fact):
    """From now on a hold spares exactly these partners; for everybody else it stands. None: it is tightened again."""

    hold: str
    request: str
    step: int
    partners: list[str]


@_fact("access:hold:lifted")
class HoldLifted(Fact):
    """One incident's hold ends; holds of other incidents on the same thing stay."""

    hold: str
    request: str


# --- people and points ----------------------------------------------------------------------------------------------


@_fact("people:catalog:applied")
class PeopleApplied(Fact):
    """The difference between two lists of people; ids, names, roles and Slack ids only."""

    set: dict[str, Any]
    remove: list[str]


@_fact("people:contacts:changed")
class ContactsChanged(Fact):
    """Addresses changed in the directory, which is not chained; names the entries, never the addresses."""

    entries: list[str]


@_fact("people:token:created")
class TokenCreated(Fact):
    """A token was made. Only its SHA-256 is kept. An ``enforcer`` token registers the point of its name."""

    id: str
    name: str
    role: str
    digest: str
    person: str | None = None
    partner: str | None = None


@_fact("people:token:revoked")
class TokenRevoked(Fact):
    """The token is refused from now on."""

    id: str


@_fact("people:slack:linked")
class SlackLinked(Fact):
    """A person, signed in, says that this Slack account is theirs; what it asks counts as theirs from now on."""

    team: str
    user: str
    person: str


@_fact("points:point:retired")
class PointRetired(Fact):
    """A person says that this enforcement point is gone for good; its tokens are refused."""

    point: str


# --- an incident ----------------------------------------------------------------------------------------------------


@_fact("incident:life:declared")
class IncidentDeclared(Fact):
    """Somebody pulled the cord. Text: ``title``, ``summary``."""

    incident: str
    incident_kind: str
    severity: str
    playbook: str
    playbook_title: str
    playbook_version: int
    playbook_digest: str
    parameters: dict[str, str]
    visibility: str | None = None


@_fact("incident:life:joined")
class IncidentJoined(Fact):
    """Somebody else declared the same while its holds stood. Text: ``title``, ``summary`` as they wrote them."""

    person: str


@_fact("incident:action:recorded")
class ActionRecorded(Fact):
    """What became of one action of the plan: ``applied``, ``skipped``, ``waiting`` for a word, or owed ``outside``."""

    number: int
    name: str
    words: str
    state: str
    because: str | None = None
    order: dict[str, Any] | None = None


@_fact("incident:duties:owed")
class DutiesOwed(Fact):
    """What the declaration owes: tasks, notices, clocks to assess, the review with its due date, the way back."""

    tasks: list[dict[str, Any]]
    notices: list[dict[str, Any]]
    clocks: list[str]
    roles: list[str]
    exit: list[str]
    restore: dict[str, Any]
    postmortem: dict[str, Any]


@_fact("incident:life:contained")
class IncidentContained(Fact):
    """Every point confirmed or lapsed. The evidence: who, at which revision, how fast, and who may ask live."""

    revision: int
    total: int
    confirmed: int
    points: list[dict[str, Any]]
    ask_live: list[str]
    ms: int
    slowest: str | None = None


@_fact("incident:life:contradicted")
class ContainmentContradicted(Fact):
    """Evidence against a containment that had been written down; the state goes back to pending."""

    point: str
    because: str


@_fact("incident:evidence:frozen")
class EvidenceFrozen(Fact):
    """
    What stood where just before holds were placed: stages, flags, partners, access, points, other holds.

    ``access`` has a row per grant whose answer or cap changed; ``left_out`` counts rows beyond the limit. The whole
    decision table of ``revision`` is named by its digest, the one that enforcement points confirm. ``ladder``: the
    stages in their order.
    """

    revision: int
    table_digest: str
    models: dict[str, Any]
    flags: dict[str, Any]
    partners: dict[str, Any]
    access: list[dict[str, Any]]
    holds: list[dict[str, Any]]
    points: list[dict[str, Any]]
    connectors: dict[str, Any]
    left_out: int = 0
    ladder: list[str] | None = None


@_fact("incident:life:acknowledged")
class IncidentAcknowledged(Fact):
    """A person says that they have seen it and are on it."""


@_fact("incident:life:mitigated")
class IncidentMitigated(Fact):
    """The harm has stopped. Text: ``reason``."""


@_fact("incident:life:resolved")
class IncidentResolved(Fact):
    """What had to be true at the end is true; the review is due by ``review_due_at`` (RFC 3339). Text: ``reason``."""

    review_due_at: str | None = None


@_fact("incident:life:reviewed")
class IncidentReviewed(Fact):
    """Its review was published in this version."""

    version: int


@_fact("incident:life:closed")
class IncidentClosed(Fact):
    """
    Nothing more is to be done but the follow-ups. Text: ``reason``. Holds that stand go on standing.

    ``clocks``: duties that are owed still, of which whoever closed it said that they go on.
    """

    clocks: list[str] | None = None


@_fact("incident:life:ended")
class IncidentEnded(Fact):
    """It ends without a review: ``false-alarm``, or ``merged`` into another. Text: ``reason``."""

    end: str
    into: str | None = None


@_fact("incident:life:reopened")
class IncidentReopened(Fact):
    """It goes on after all, from what the evidence says. Text: ``reason``."""

    was: str


@_fact("incident:exit:judged")
class ExitJudged(Fact):
    """An exit criterion (numbered from 1) is met, or no longer. Text: ``evidence``."""

    number: int
    met: bool


@_fact("incident:action:settled")
class ActionSettled(Fact):
    """
    A person's word on an action that waits or is owed outside: ``declined``, or ``done`` by hand outside.

    Text: ``reason``.
    """

    number: int
    state: str


@_fact("incident:severity:set")
class SeveritySet(Fact):
    """Raised or lowered. Text: ``reason``."""

    severity: str
    was: str


@_fact("incident:visibility:set")
class VisibilitySet(Fact):
    """``open``: whoever may read; ``restricted``: its members alone. Text: ``reason``."""

    visibility: str
    was: str


@_fact("incident:members:changed")
class MembersChanged(Fact):
    """Who else may see a restricted incident, and restricted notes of any."""

    add: list[str]
    remove: list[str]


@_fact("incident:role:offered")
class RoleOffered(Fact):
    """Command is handed to a person, who has not accepted yet; whoever has it keeps it until then."""

    role: str
    person: str


@_fact("incident:role:declined")
class RoleDeclined(Fact):
    """The offer ends: ``person`` did not take it, or it was taken back. Text: ``reason``."""

    role: str
    person: str


@_fact("incident:role:taken")
class RoleTaken(Fact):
    """
    ``person`` has the role from now on; ``was`` had it before. ``forced``: taken over without being handed.

    Text: ``reason``, where it was taken over.
    """

    role: str
    person: str
    was: str | None = None
    forced: bool | None = None


@_fact("incident:role:left")
class RoleLeft(Fact):
    """``person`` has given the role up; nobody has it. Text: ``reason``."""

    role: str
    person: str


@_fact("incident:task:added")
class TaskAdded(Fact):
    """One more task; a follow-up goes on after closing. Text: ``title``, ``about``."""

    number: int
    follow_up: bool
    role: str | None = None
    owner: str | None = None
    due_at: str | None = None
    runbook: str | None = None


@_fact("incident:task:changed")
class TaskChanged(Fact):
    """Owner, due time, or that it goes on as a follow-up; what is absent stays."""

    number: int
    owner: str | None = None
    due_at: str | None = None
    follow_up: bool | None = None


@_fact("incident:task:settled")
class TaskSettled(Fact):
    """``done``, ``skipped`` or ``open`` again. Text: ``reason``."""

    number: int
    state: str


@_fact("incident:update:posted")
class UpdatePosted(Fact):
    """Where things stand, for whoever waits to hear. Text: ``update``."""

    next_at: str | None = None


@_fact("incident:note:added")
class NoteAdded(Fact):
    """A person's words. ``restricted``: for members alone. Text: ``note``."""

    restricted: bool | None = None


@_fact("incident:entry:corrected")
class EntryCorrected(Fact):
    """
    An earlier line (``entry`` is its sequence number) happened at another time, or said it otherwise.

    The line itself stays as it was. ``restricted``: the line is. Text: ``note`` (the new words), ``reason``.
    """

    entry: int
    at: str | None = None
    restricted: bool | None = None


@_fact("incident:entry:pinned")
class EntryPinned(Fact):
    """An earlier line is a key moment, or no longer."""

    entry: int
    pinned: bool


@_fact("incident:entry:redacted")
class EntryRedacted(Fact):
    """The words of an earlier line were taken out for good; the chain still covers them. Text: ``reason``."""

    entry: int


# --- the review -----------------------------------------------------------------------------------------------------


@_fact("review:owner:set")
class ReviewOwnerSet(Fact):
    """Who sees to the review."""

    person: str


@_fact("review:document:saved")
class ReviewSaved(Fact):
    """A version of the document, written on top of ``base`` (0: none). Text: ``document`` (Markdown)."""

    version: int
    base: int


@_fact("review:document:approved")
class ReviewApproved(Fact):
    """Somebody who wrote none of it has read this version and agrees."""

    version: int


@_fact("review:document:published")
class ReviewPublished(Fact):
    """The approved version is the review. ``digest``: SHA-256 of its text, hex."""

    version: int
    digest: str


# --- Slack ----------------------------------------------------------------------------------------------------------


@_fact("slack:team:recorded")
class SlackTeamRecorded(Fact):
    """The workspace and the bot's user that the token belongs to, as Slack itself said. Text: ``url``."""

    team: str
    bot: str


@_fact("slack:delivery:refused")
class SlackDeliveryRefused(Fact):
    """
    A request with a right signature that was refused all the same: ``replayed``, or of another ``team``.

    ``more``: how many others were refused for the same reason since the line before.
    """

    because: str
    route: str
    more: int = 0


@_fact("slack:channel:opened")
class SlackChannelOpened(Fact):
    """The incident has a channel of its own. Text: ``name``."""

    channel: str


@_fact("slack:message:posted")
class SlackMessagePosted(Fact):
    """The incident's message stands in a channel from now on and is updated in place; ``ts`` is Slack's name for it."""

    channel: str
    ts: str


@_fact("slack:message:captured")
class SlackMessageCaptured(Fact):
    """
    A person put a Slack message on the timeline, by ``how``: shortcut, pin or emoji. It happened when it was written.

    ``author``: a person's id, else the Slack account. Text: ``note``, ``permalink``, ``files``.
    """

    channel: str
    ts: str
    author: str
    how: str
    files: int = 0


@_fact("slack:message:edited")
class SlackMessageEdited(Fact):
    """A captured message reads otherwise in Slack now; the older words stay in their own lines. Text: ``note``."""

    channel: str
    ts: str
    edited_ts: str


@_fact("slack:message:deleted")
class SlackMessageDeleted(Fact):
    """A captured message was deleted in Slack; its words as captured stay."""

    channel: str
    ts: str


# --- links that are handed out --------------------------------------------------------------------------------------


@_fact("share:link:made")
class ShareMade(Fact):
    """A read-only link to one incident; the link itself is signed, never stored."""

    share: str
    expires_at: str


@_fact("share:link:revoked")
class ShareRevoked(Fact):
    """The link shows nothing any more."""

    share: str


# --- the way back ---------------------------------------------------------------------------------------------------


@_fact("restore:request:asked")
class RestoreAsked(Fact):
    """One person asks for holds to be lifted, exactly as ``plan`` says. Text: ``reason``."""

    request: str
    plan: dict[str, Any]
    plan_digest: str
    approvals: int
    expires_at: str


@_fact("restore:request:approved")
class RestoreApproved(Fact):
    """Another person agrees to that plan, and attests these of its checks."""

    request: str
    plan_digest: str
    checks: list[str] | None = None


@_fact("restore:glass:broken")
class GlassBroken(Fact):
    """A restore passes over what its playbook asks for (``waived``), ``asked`` or ``approved``; ``tells`` everybody."""

    request: str
    moment: str
    waived: dict[str, Any]
    tells: list[str]


@_fact("restore:step:done")
class RestoreStepDone(Fact):
    """
    One step of an approved plan was carried out: number ``step`` of ``of``; the next is due at ``next_at``.

    ``ended``: ``{partner, flag, expires}`` of what the plan named and what does not come back, because the grant ran
    out by itself after the plan was made.
    """

    request: str
    step: int
    of: int
    next_at: str | None = None
    ended: list[dict[str, str]] | None = None


@_fact("restore:request:stopped")
class RestoreStopped(Fact):
    """No further step after ``step`` (0: none was done), and perhaps all taken back. Text: ``reason`` of a person."""

    request: str
    step: int
    because: str
    taken_back: bool


@_fact("restore:request:refused")
class RestoreRefused(Fact):
    """A person says no. Text: ``reason``."""

    request: str


@_fact("restore:approval:denied")
class ApprovalDenied(Fact):
    """An approval that was not allowed to count, and why; its like within a minute leaves no second line."""

    request: str
    because: str


# --- drills ---------------------------------------------------------------------------------------------------------


@_fact("drill:run:started")
class DrillStarted(Fact):
    """
    A declaration of kind drill is a run: ``mode`` tabletop, dry-run, shadow or live, until ``ends_at`` (RFC 3339).

    ``targets``: all that its holds may bind, those that wait for a word too. ``live_digest``: of the live table just
    before. ``target_s``: seconds within which the playbook wants it contained. ``occurrence``: of the schedule.
    ``clocks``: which are right, as ``regime`` or ``regime.deadline``, run from ``facts`` that a person has confirmed.
    ``compress``: they run so many times as fast. ``people_s``: seconds until ``acknowledge`` and ``clocks`` should be.
    """

    drill: str
    mode: str
    ends_at: str
    targets: list[str]
    announced: bool
    live_digest: str
    target_s: int | None = None
    occurrence: str | None = None
    control: list[str] | None = None
    clocks: list[str] | None = None
    facts: list[str] | None = None
    compress: int | None = None
    people_s: dict[str, int] | None = None


@_fact("drill:run:ended")
class DrillEnded(Fact):
    """
    A run is over, and what it held is lifted: ``finished`` by a person, ``aborted``, or ``expired`` at its end time.

    ``equal``: the live table is as it was before (both digests). ``meanwhile``: what else has changed it since the
    start, where anything has. ``left``: live holds that stay, because they bind more than a ghost partner now.
    ``real``: the incident that took its place. ``points``: who had confirmed, where not everybody had.
    Text: ``reason``.
    """

    how: str
    because: str
    live_before: str
    live_after: str
    equal: bool
    meanwhile: list[dict[str, Any]]
    meanwhile_more: int
    left: list[str]
    real: str | None = None
    points: list[dict[str, Any]] | None = None


@_fact("drill:run:restored")
class DrillRestored(Fact):
    """Every point has confirmed the table without the drill's holds, or lapsed. The evidence, as of a containment."""

    revision: int
    total: int
    confirmed: int
    points: list[dict[str, Any]]
    ms: int


@_fact("drill:real:called")
class RealCalled(Fact):
    """In the middle of ``drill`` somebody said "real": this incident was declared, and the drill aborted."""

    drill: str


@_fact("drill:person:joined")
class DrillJoined(Fact):
    """``person`` takes part in a drill, as ``part``: participant, facilitator or observer."""

    person: str
    part: str


@_fact("drill:person:left")
class DrillLeft(Fact):
    """``person`` takes part no longer."""

    person: str


@_fact("drill:plan:scheduled")
class DrillScheduled(Fact):
    """An entry of the schedule is in force from now on as ``spec`` says; without one it is in force no longer."""

    schedule: str
    digest: str
    spec: dict[str, Any] | None = None


@_fact("drill:occurrence:due")
class OccurrenceDue(Fact):
    """A drill of the schedule is due: each ``occurrence`` once, however often the clock is looked at."""

    occurrence: str
    schedule: str
    due_at: str
    starts_at: str


@_fact("drill:occurrence:skipped")
class OccurrenceSkipped(Fact):
    """This one is not held, and why."""

    occurrence: str
    schedule: str
    due_at: str
    because: str


@_fact("drill:occurrence:missed")
class OccurrenceMissed(Fact):
    """Nothing ran at the time of this one. ``then``: it was ``run`` late, or ``skip``ped, as the schedule says."""

    occurrence: str
    schedule: str
    due_at: str
    then: str


@_fact("drill:playbook:reminded")
class DrillReminded(Fact):
    """
    Somebody was told that a playbook waits for a drill: it is ``overdue``, or ``stale`` (its text was never rehearsed).

    ``mark``: which time it was due, or the digest of the text. ``messages``: what was owed for it.
    """

    playbook: str
    because: str
    mark: str
    messages: list[str]


# --- effects: what is owed to the outside ----------------------------------------------------------------------------


@_fact("effect:message:owed")
class MessageOwed(Fact):
    """
    Somebody is to be told. ``to`` is a reference and never an address. Text: ``words``, what this message alone says.

    ``channels`` are tried in that order; ``topic``: a newer message of the same topic replaces one not yet sent.
    ``about``: the incidents of a message that gathers several; ``entry``: the playbook's notice that asks for it;
    ``reminds``: the reminders of its incident that it tells, each with the moment at which it was due.
    """

    id: str
    to: str
    channels: list[str]
    template: str
    lane: str
    table: str
    topic: str
    not_before: str
    deadline: str
    notice: str | None = None
    digest: str | None = None
    entry: int | None = None
    about: list[str] | None = None
    reminds: dict[str, str] | None = None


@_fact("effect:message:passed-on")
class MessagePassedOn(Fact):
    """One channel is given up: the message ``failed`` there, or it is ``unknown`` whether it arrived; next channel."""

    id: str
    channel: str
    outcome: str
    because: str
    tries: int


@_fact("effect:message:settled")
class MessageSettled(Fact):
    """
    What became of a message: ``sent``, ``failed``, ``unknown``, ``dead``, ``superseded``, ``rehearsed``. Text: receipt.

    ``digest`` is the SHA-256 of the exact text, which stands in this event's text, or in the notice's own where it
    has one. ``evidence`` names the message at its target.
    """

    id: str
    outcome: str
    channel: str | None = None
    tries: int | None = None
    because: str | None = None
    digest: str | None = None
    evidence: str | None = None


@_fact("effect:message:retried")
class MessageRetried(Fact):
    """A person wants a dead letter tried again, by all its channels."""

    id: str
    deadline: str


@_fact("effect:order:owed")
class OrderOwed(Fact):
    """
    A machine is to do something, and is told until it confirms. ``to`` is a connector or a web address' reference.

    ``action`` is the plan's action that it carries out, ``order`` what that is.
    """

    id: str
    to: str
    channels: list[str]
    template: str
    lane: str
    table: str
    topic: str
    not_before: str
    deadline: str | None = None
    action: int | None = None
    order: dict[str, Any] | None = None
    notice: str | None = None
    digest: str | None = None
    entry: int | None = None


@_fact("effect:order:settled")
class OrderSettled(Fact):
    """What became of an order: ``confirmed`` by its target, ``dead``, ``superseded``, ``rehearsed``. Text: receipt."""

    id: str
    outcome: str
    channel: str | None = None
    tries: int | None = None
    because: str | None = None
    digest: str | None = None
    evidence: str | None = None


@_fact("effect:order:retried")
class OrderRetried(Fact):
    """A person wants an order that was given up sent again."""

    id: str
    deadline: str | None = None


@_fact("effect:reminder:told")
class ReminderTold(Fact):
    """
    A reminder was told by ``messages`` that are not this incident's alone, or by none. ``due_at``: when it was due.
    """

    key: str
    due_at: str
    messages: list[str]


@_fact("effect:outage:caught-up")
class OutageCaughtUp(Fact):
    """Nobody ran between two moments; what fell due then is settled once: so many reminders, so many late messages."""

    since: str
    until: str
    reminders: int
    messages: int


# --- notices: what people approve before it goes out -----------------------------------------------------------------


@_fact("notice:draft:owed")
class NoticeOwed(Fact):
    """
    A notice that waits for people. ``number`` is the playbook's entry; ``approval`` the role, ``approvals`` how many.

    ``to``: ``partner:acme``, ``authority:...`` or any other reference. ``clock``: the duty that it is to fulfil.
    """

    notice: str
    to: str
    template: str
    approval: str
    approvals: int
    number: int | None = None
    moment: str | None = None
    clock: str | None = None


@_fact("notice:draft:shared-out")
class NoticeSharedOut(Fact):
    """A notice for all affected partners became one for each of these; none of them reads of another."""

    notice: str
    partners: list[str]


@_fact("notice:draft:written")
class NoticeWritten(Fact):
    """The text of a notice, drafted or edited; earlier approvals are void. Text: ``subject``, ``body``."""

    notice: str
    digest: str
    template: str | None = None


@_fact("notice:draft:approved")
class NoticeApproved(Fact):
    """A person agrees to exactly the text with this digest."""

    notice: str
    digest: str


@_fact("notice:draft:refused")
class NoticeRefused(Fact):
    """A person decides that this notice is not sent. Text: ``reason``."""

    notice: str


@_fact("notice:approval:denied")
class NoticeApprovalDenied(Fact):
    """An approval of a notice that was not allowed to count, and why; likewise one line a minute."""

    notice: str
    because: str


@_fact("notice:receipt:recorded")
class NoticeReceipted(Fact):
    """A person says how a notice reached its reader, filed or told by hand. Text: ``receipt``."""

    notice: str


# --- clocks: what is owed to whom by when ---------------------------------------------------------------------------


@_fact("clocks:regime:taken")
class RegimeTaken(Fact):
    """The incident assesses a regime, on these ``terms`` (JSON form of ``regime_terms.Terms``) whatever comes later."""

    regime: str
    version: int
    digest: str
    because: str
    terms: dict[str, Any]


@_fact("clocks:anchor:recorded")
class AnchorRecorded(Fact):
    """A person says when something happened that clocks run from. Text: ``evidence``."""

    anchor: str
    at: str
    zone: str


@_fact("clocks:anchor:chosen")
class AnchorChosen(Fact):
    """Of several times for one anchor this one counts. Text: ``evidence``."""

    anchor: str
    candidate: int
    at: str


@_fact("clocks:anchor:withdrawn")
class AnchorWithdrawn(Fact):
    """A time for an anchor was a mistake. Text: ``evidence``."""

    anchor: str
    candidate: int
    at: str


@_fact("clocks:condition:answered")
class ConditionAnswered(Fact):
    """A person says whether a condition holds that regimes ask for. Text: ``evidence``."""

    condition: str
    holds: bool


@_fact("clocks:duty:moved")
class DutiesMoved(Fact):
    """Deadlines that came about or changed, each with what it ``was`` and is ``due``; ``rules`` computed them."""

    moves: list[dict[str, Any]]
    because: str
    rules: str


@_fact("clocks:duty:submitted")
class DutySubmitted(Fact):
    """A person has sent or filed it at ``at``. Text: ``receipt``, ``late_because``."""

    clock: str
    at: str
    late: bool
    internal: bool | None = None


@_fact("clocks:duty:decided")
class DutyDecided(Fact):
    """A person decides that it is not to be reported. Text: ``reason``."""

    clock: str
    decision: str


@_fact("clocks:duty:stayed")
class DutyStayed(Fact):
    """An order or legal basis suspends it, perhaps only ``until`` a moment. Text: ``reason``."""

    clock: str
    until: str | None = None


@_fact("clocks:duty:reopened")
class DutyReopened(Fact):
    """A submission, decision or stay does not stand any more. Text: ``reason``."""

    clock: str


@_fact("clocks:duty:missed")
class DutyMissed(Fact):
    """
    A strict moment passed with nothing submitted; written once for each, however late it was noticed.

    ``messages`` of the same append tell it to whoever owns it; with them ``reminds`` (key -> when) counts as told.
    """

    clock: str
    due: str
    noticed_at: str
    internal: bool | None = None
    simulated: bool | None = None
    messages: list[str] | None = None
    reminds: dict[str, str] | None = None
