"""
Notices that people approve: written, changed, approved by the exact text, refused, receipted. Pure.

Whoever is outside (a partner, an authority) is told by two people, never by one; one of them has the role that the
playbook names. An edit makes it another text, so approvals begin anew. An authority is never written to by a machine:
the approved text is handed over, and a person records how it was filed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from incidents import events as ev
from incidents.decisions import Asker, Decided, sight
from incidents.decisions.duties import get_duty
from incidents.decisions.duties import submit as submit_duty
from incidents.decisions.effects import superseded
from incidents.decisions.incident import check_reason
from incidents.decisions.life import check_past
from incidents.decisions.owing import NOTICE_LIFE, Owing
from incidents.decisions.persons import acting_person
from incidents.decisions.two_people import Hand, check_another
from incidents.errors import Conflicting, FieldError, Forbidden, Invalid, Refused, Unknown, nearest
from incidents.events import SYSTEM, Draft
from incidents.life import Incident
from incidents.notices import NoticeDraft, NoticeState, digest_of
from incidents.recipients import About, about, holds_role
from incidents.roles import Right
from incidents.state import State

AT_ONCE = 100
SUBJECT_LIMIT, BODY_LIMIT, RECEIPT_LIMIT = 200, 20_000, 2_000


# --- by the service ---------------------------------------------------------------------------------------------------


def draft(state: State, notice_id: str, subject: str, body: str) -> Decided:
    """The first text, as the template has it; nothing where somebody has written one meanwhile."""
    incident, notice = get_notice(state, notice_id)
    if notice.state != NoticeState.UNDRAFTED:
        return Decided([], subject=notice.id)
    fact = ev.NoticeWritten(notice=notice.id, digest=digest_of(subject, body), template=notice.template)
    return Decided([Draft(fact, incident=incident.id, text={"subject": subject, "body": body})], subject=notice.id)


def share_out(state: State, notice_id: str, texts: Mapping[str, tuple[str, str]], now: datetime) -> Decided:
    """
    A notice for all affected partners becomes one for each, with its own text; none for one who has one already.

    At most ``AT_ONCE`` in one append: called again it goes on, until the notice is marked as shared out.

    Args:
        texts: Partner -> subject and body, for every partner that the incident has taken something from.
    """
    incident, notice = get_notice(state, notice_id)
    if notice.state != NoticeState.UNDRAFTED:
        return Decided([], subject=notice.id)
    on, owing = about(incident), Owing(state, SYSTEM, now)
    have = {d.to: d.id for d in incident.drafts.values() if d.number == notice.number and d.moment == notice.moment}
    wanted = [partner for partner in sorted(texts) if f"partner:{partner}" not in have]
    for partner in wanted[:AT_ONCE]:
        _owe_one(owing, on, notice, partner, *texts[partner])
    if len(wanted) <= AT_ONCE:
        fact = ev.NoticeSharedOut(notice=notice.id, partners=sorted(texts))
        owing.drafts.append(Draft(fact, incident=incident.id))
    return Decided(owing.drafts, subject=notice.id)


def _owe_one(owing: Owing, on: About, notice: NoticeDraft, partner: str, subject: str, body: str) -> None:
    fact = owing.notice(
        on,
        to=f"partner:{partner}",
        template=notice.template,
        approval=notice.approval,
        asks=False,
        number=notice.number,
        moment=notice.moment,
    )
    written = ev.NoticeWritten(notice=fact.notice, digest=digest_of(subject, body), template=notice.template)
    owing.drafts.append(Draft(written, incident=on.incident, text={"subject": subject, "body": body}))


# --- by people --------------------------------------------------------------------------------------------------------


def edit(state: State, notice_id: str, subject: str, body: str, asker: Asker) -> Decided:
    """
    Another text; approvals of the one before are void. The same text again changes nothing.

    Raises:
        Invalid: Empty or too long, or a subject of several lines.
        Conflicting: It is approved, refused or sent already.
    """
    incident, notice = get_notice(state, notice_id, asker)
    acting_person(state, asker, Right.RESPOND, "to write a notice")
    _check_waits(notice)
    _check_text(subject, body)
    fact = ev.NoticeWritten(notice=notice.id, digest=digest_of(subject, body))
    if notice.digest == fact.digest:
        return Decided([], subject=notice.id)
    return Decided([Draft(fact, incident=incident.id, text={"subject": subject, "body": body})], subject=notice.id)


def approve(state: State, notice_id: str, *, digest: str, asker: Asker, now: datetime) -> Decided:
    """
    Agree to exactly this text; the last approval that it needs has it sent, in the same append.

    Raises:
        Forbidden: No right, no person, a person who has approved already, or nobody has the role that is needed.
        Conflicting: It has another text now, or does not wait any more.
    """
    incident, notice = get_notice(state, notice_id, asker)
    person = acting_person(state, asker, Right.COMMAND, "to approve a notice")
    _check_waits(notice)
    if notice.digest is None:
        raise Conflicting(f"{notice.id} has no text yet; it is drafted within a second, or write one", code="undrafted")
    if digest != notice.digest:
        raise Conflicting(
            f"you approve text {digest[:12]}…, but {notice.id} says {notice.digest[:12]}… now; read it again",
            code="text-changed",
        )
    check_another(state, _hands(notice), asker)
    _check_role(state, incident, notice, person)
    drafts = [Draft(ev.NoticeApproved(notice=notice.id, digest=digest), incident=incident.id)]
    if notice.approvals_left <= 1 and not notice.by_hand:
        drafts += _carried_out(state, incident, notice, now)
    return Decided(drafts, subject=notice.id)


def refuse(state: State, notice_id: str, *, reason: str, asker: Asker) -> Decided:
    """
    It is not sent. Needs a reason and the right to command.

    Raises:
        Conflicting: It does not wait any more.
    """
    incident, notice = get_notice(state, notice_id, asker)
    acting_person(state, asker, Right.COMMAND, "to refuse a notice")
    check_reason(reason)
    _check_waits(notice)
    fact = ev.NoticeRefused(notice=notice.id)
    return Decided([Draft(fact, incident=incident.id, text={"reason": reason})], subject=notice.id)


def receipt(
    state: State,
    notice_id: str,
    words: str,
    at: datetime | None,
    asker: Asker,
    now: datetime,
    *,
    late_because: str = "",
) -> Decided:
    """
    Say how an approved notice reached its reader by hand: filed at an authority, told on the telephone.

    A notice that a clock asked for settles that clock: what was filed is its submission.

    Args:
        late_because: As for a submission, where even the latest moment had passed.

    Raises:
        Conflicting: It is not approved, or sent by a channel already.
        Invalid: No words, too many, a time in the future, or late without a reason.
    """
    incident, notice = get_notice(state, notice_id, asker)
    acting_person(state, asker, Right.COMMAND, "to record a receipt")
    if not words.strip() or len(words) > RECEIPT_LIMIT:
        raise Invalid.at("receipt", f"say how it is known, in 1 to {RECEIPT_LIMIT} characters")
    if at is not None:
        check_past(at, now)
    if notice.state == NoticeState.RECEIPTED:
        raise Conflicting(f"{notice.id} has a receipt already, recorded by {notice.settled_by}", code="already")
    if notice.state != NoticeState.APPROVED:
        raise Conflicting(f"{notice.id} is '{notice.state}': approve it before anybody is told", code="not-approved")
    effect = state.outbox.find(notice.effect or "")
    if notice.effect is not None and effect is None:
        raise Conflicting(f"{notice.id} was sent already; its receipt is in the log", code="already")
    fact = ev.NoticeReceipted(notice=notice.id)
    drafts = [Draft(fact, incident=incident.id, text={"receipt": words}, at=at)]
    if effect is not None:
        drafts.append(superseded(effect, "told by hand"))
    if notice.clock is not None and not get_duty(state, notice.clock)[1].settled:
        drafts += submit_duty(
            state, notice.clock, receipt=words, late_because=late_because, at=at, asker=asker, now=now
        ).drafts
    return Decided(drafts, subject=notice.id)


def denied(incident: str, notice: str, error: Refused) -> Decided:
    """The line that an approval leaves behind when it was not allowed to count."""
    return Decided(
        [Draft(ev.NoticeApprovalDenied(notice=notice, because=str(error)), incident=incident)], subject=notice
    )


# --- looking ----------------------------------------------------------------------------------------------------------


def get_notice(state: State, id: str, asker: Asker | None = None) -> tuple[Incident, NoticeDraft]:
    """
    A notice by its id; for the service itself where nobody asks.

    Raises:
        Unknown: With the nearest id of its incident; of a hidden incident in the very words of one that is not there.
    """
    wanted = id.upper()
    incident = state.incidents.get(wanted.rpartition("-N")[0])
    if incident is not None and asker is not None and not sight.sees(state, asker, incident.id):
        incident = None
    notice = incident.drafts.get(wanted) if incident is not None else None
    if incident is None or notice is None:
        known = incident.drafts if incident is not None else ()
        raise Unknown(f"unknown notice '{id[:60]}'.{nearest(wanted, known)}", code="unknown-notice")
    return incident, notice


def undrafted(incident: Incident) -> Sequence[NoticeDraft]:
    """Notices that have no text yet."""
    return [notice for notice in incident.drafts.values() if notice.state == NoticeState.UNDRAFTED]


def _hands(notice: NoticeDraft) -> list[Hand]:
    return [Hand(a.person, a.token, f"has approved {notice.id} already") for a in notice.approved]


def _check_waits(notice: NoticeDraft) -> None:
    if not notice.waits:
        by = f", by {notice.settled_by}" if notice.settled_by else ""
        raise Conflicting(f"{notice.id} is {notice.state} already{by}", code="settled")


def _check_role(state: State, incident: Incident, notice: NoticeDraft, person: str) -> None:
    """One of those who approve has the role; the last place is kept for them."""
    having = [a.person for a in notice.approved if holds_role(state, incident, a.person, notice.approval)]
    if notice.approvals_left <= 1 and not having and not holds_role(state, incident, person, notice.approval):
        raise Forbidden(
            f"{notice.id} is approved by a {notice.approval} at last; {person} is none of {incident.id}, nor is"
            f" whoever approved before",
            code="role-needed",
        )


def _check_text(subject: str, body: str) -> None:
    wrong = []
    if not subject.strip() or len(subject) > SUBJECT_LIMIT or any(c in subject for c in "\r\n"):
        wrong.append(FieldError("subject", f"the subject is one line of 1 to {SUBJECT_LIMIT} characters"))
    if not body.strip() or len(body) > BODY_LIMIT:
        wrong.append(FieldError("body", f"the text has 1 to {BODY_LIMIT} characters"))
    if wrong:
        raise Invalid("; ".join(e.message for e in wrong), errors=wrong)


def _carried_out(state: State, incident: Incident, notice: NoticeDraft, now: datetime) -> list[Draft]:
    owing = Owing(state, SYSTEM, now)
    topic, on = f"{incident.id}/notice/{notice.id}", about(incident)
    what = {"life": NOTICE_LIFE, "notice": notice.id, "digest": notice.digest, "entry": notice.number}
    kind, _, role = notice.to.partition(":")
    if kind == "role":
        owing.tell_role(role, notice.template, on, topic, **what)  # type: ignore[arg-type]
    else:
        owing.tell(notice.to, notice.template, on, topic, **what)  # type: ignore[arg-type]
    return owing.drafts
