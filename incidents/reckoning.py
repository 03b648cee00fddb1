"""
What an incident's duties are now: from its docket and the frozen terms of its regimes to a deadline for each. Pure.

Decides nothing and keeps nothing; decisions compare the result with what the docket has and write down what moved.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime

from incidents.deadlines import Due, due
from incidents.docket import Candidate, Docket, Duty, clock_id
from playbooks.anchors import EACH
from playbooks.regime_terms import Deadline, Limit, Terms


@dataclass(frozen=True, slots=True)
class Reckoned:
    """One duty as it should stand; the fields are those of ``docket.Duty``."""

    due: datetime | None = None
    latest: datetime | None = None
    starts: datetime | None = None
    projected: bool = False
    internal: bool = False
    waits_for: str | None = None
    asks: tuple[str, ...] = ()
    sooner: tuple[tuple[str, datetime], ...] = ()
    gone: str | None = None
    basis: str = ""


@dataclass(frozen=True, slots=True)
class _Found:
    """A limit that has a date: from which moment, by which words, and whether that moment is only assumed."""

    due: Due
    starts: datetime
    projected: bool
    words: str


@dataclass(slots=True)
class _Reckoning:
    """One regime of one incident; ``made`` grows deadline by deadline, so that later ones see earlier ones."""

    incident: str
    docket: Docket
    terms: Terms
    ended: str | None
    made: dict[str, Reckoned] = field(default_factory=dict)


def reckon(incident: str, docket: Docket, terms: Mapping[str, Terms], ended: str | None = None) -> dict[str, Reckoned]:
    """
    Every duty of an incident by clock id.

    Args:
        terms: By digest, as frozen.
        ended: Why nothing is owed any more (``false-alarm``, ``merged``), if so.
    """
    found: dict[str, Reckoned] = {}
    for taken in docket.taken.values():
        work = _Reckoning(incident, docket, terms[taken.digest], ended)
        for deadline in work.terms.deadlines:
            for occurrence in _occurrences(work, deadline):
                work.made[clock_id(incident, work.terms.id, deadline.name, occurrence)] = _duty(
                    work, deadline, occurrence
                )
        found |= work.made
    return found


def _occurrences(work: _Reckoning, deadline: Deadline) -> Iterator[int]:
    known = work.docket.of(work.terms.id, deadline.name)
    yield 1
    if deadline.repeats == EACH:
        anchor = next((limit.start for limit in deadline.limits), None) or ""
        standing = [candidate.id for candidate in _facts(work.docket, anchor)]
        yield from range(2, max([*standing, *(duty.occurrence for duty in known), 1]) + 1)
    elif deadline.repeats is not None:
        for duty in known:
            if duty.submitted_seq is not None and duty.occurrence == len(known):
                yield from (*range(2, len(known) + 1), len(known) + 1)
                return
        yield from range(2, len(known) + 1)


def _facts(docket: Docket, anchor: str) -> list[Candidate]:
    known = docket.anchors.get(anchor)
    return known.standing if known is not None else []


def _duty(work: _Reckoning, deadline: Deadline, occurrence: int) -> Reckoned:
    held, sooner, waits_for = _limits(work, deadline, occurrence)
    asks = _asks(work, deadline, held, sooner)
    first = min(held, key=lambda found: found.due.strict, default=None)
    if first is None and asks and sooner:  # every way to a date hangs on an answer: show the earliest of them
        first = min(sooner.values(), key=lambda found: found.due.strict)
    unborn = deadline.starts_with is not None and work.docket.moment(deadline.starts_with) is None
    gone = _gone(work, deadline, occurrence, first)
    earlier = {
        name: found.due.strict
        for name, found in sooner.items()
        if not asks and (first is None or found.due.strict < first.due.strict)
    }
    return Reckoned(
        due=first.due.strict if first else None,
        latest=first.due.latest if first else None,
        starts=first.starts if first else None,
        projected=first is not None and (first.projected or unborn),
        internal=deadline.internal,
        waits_for=deadline.starts_with if unborn else waits_for if first is None or first.projected else None,
        asks=asks,
        sooner=tuple(sorted(earlier.items())),
        gone=gone,
        basis=_basis(first),
    )


def _limits(
    work: _Reckoning, deadline: Deadline, occurrence: int
) -> tuple[list[_Found], dict[str, _Found], str | None]:
    """Limits that hold, those that hang on an answer by condition, and what the first of the others waits for."""
    held: list[_Found] = []
    sooner: dict[str, _Found] = {}
    waits_for = None
    for limit in deadline.limits:
        answer = work.docket.answers.get(limit.when) if limit.when else None
        if answer is not None and not answer.yes:
            continue
        found = _found(work, deadline, limit, occurrence)
        if found is None or found.projected:
            waits_for = waits_for or _awaited(limit, deadline, occurrence)
        if found is None or _overtaken(work.docket, limit, found):
            continue
        if limit.when and answer is None:
            if limit.when not in sooner or found.due.strict < sooner[limit.when].due.strict:
                sooner[limit.when] = found
        else:
            held.append(found)
    return held, sooner, waits_for


def _found(work: _Reckoning, deadline: Deadline, limit: Limit, occurrence: int) -> _Found | None:
    start, projected, words = _start(work, deadline, limit, occurrence)
    if start is None:
        return None
    counted = due(start, limit.after, work.terms.counting, from_year_end=limit.from_year_end)
    after = f"{limit.after} after " if limit.after is not None else ""
    return _Found(counted, start, projected, f"{after}{words}")


def _start(work: _Reckoning, deadline: Deadline, limit: Limit, occurrence: int) -> tuple[datetime | None, bool, str]:
    """The moment that a limit runs from, whether it is only assumed, and its name."""
    if limit.report is not None:
        return _report(work, deadline, limit.report, occurrence)
    anchor = limit.start or ""
    if deadline.repeats == EACH:
        found = next((c.at for c in _facts(work.docket, anchor) if c.id == occurrence), None)
        return found, False, f"{anchor} {occurrence}"
    return work.docket.moment(anchor), False, anchor


def _report(work: _Reckoning, deadline: Deadline, report: str, occurrence: int) -> tuple[datetime | None, bool, str]:
    """A report's submission, or, until it is submitted, its own limit: assumed."""
    name = deadline.name if occurrence > 1 else report
    before = [d for d in work.docket.of(work.terms.id, name) if name != deadline.name or d.occurrence < occurrence]
    sent = [duty.submitted_at for duty in before if duty.submitted_at is not None]
    if sent:
        return sent[-1], False, f"submission of {name}"
    assumed = work.made.get(clock_id(work.incident, work.terms.id, name, max(1, occurrence - 1)))
    if assumed is None or assumed.gone is not None or assumed.asks:
        return None, True, f"submission of {name}"
    return assumed.due, True, f"submission of {name}"


def _awaited(limit: Limit, deadline: Deadline, occurrence: int) -> str:
    if limit.report is not None:
        return f"report:{deadline.name if occurrence > 1 else limit.report}"
    return limit.start or ""


def _overtaken(docket: Docket, limit: Limit, found: _Found) -> bool:
    """``unless_later``: what should have come before this limit came after it."""
    moment = docket.moment(limit.unless_later) if limit.unless_later else None
    return moment is not None and moment > found.due.strict


def _asks(work: _Reckoning, deadline: Deadline, held: list[_Found], sooner: dict[str, _Found]) -> tuple[str, ...]:
    """Conditions without an answer on which it hangs whether this is owed at all."""
    if deadline.when is not None:
        return () if deadline.when in work.docket.answers else (deadline.when,)
    unconditional = [limit for limit in deadline.limits if limit.when is None]
    return () if held or unconditional else tuple(sooner)


def _gone(work: _Reckoning, deadline: Deadline, occurrence: int, first: _Found | None) -> str | None:
    """Why a duty fell away: an ended incident, an answer, the report that it follows, or the end of a row."""
    if work.ended is not None:
        return work.ended
    answer = work.docket.answers.get(deadline.when) if deadline.when else None
    if answer is not None and not answer.yes:
        return f"condition:{deadline.when}"
    if deadline.follows is not None and _not_owed(work, deadline.follows):
        return f"follows:{deadline.follows}"
    if deadline.repeats not in (None, EACH) and first is not None:
        over = work.docket.moment(deadline.repeats or "")
        if over is not None and first.due.strict > over:
            return f"over:{deadline.repeats}"
    facts = _facts(work.docket, deadline.limits[0].start or "") if deadline.repeats == EACH else []
    if facts and occurrence not in {candidate.id for candidate in facts}:
        return "withdrawn"
    return None


def _not_owed(work: _Reckoning, name: str) -> bool:
    before: Duty | None = next(iter(work.docket.of(work.terms.id, name)), None)
    if before is not None and before.submitted_seq is not None:
        return False
    made = work.made.get(clock_id(work.incident, work.terms.id, name))
    return (before is not None and before.decided_seq is not None) or (made is not None and made.gone is not None)


def _basis(found: _Found | None) -> str:
    if found is None:
        return ""
    skipped = ", ".join(day.isoformat() for day in found.due.skipped)
    return f"{found.words}; free: {skipped}" if skipped else found.words


def compressed(made: Reckoned, times: int, declared_at: datetime) -> Reckoned:
    """
    A drill's duty whose time goes so many ``times`` as fast: from when it starts, but not from before the drill.

    Its basis says when it would really be due.
    """
    begins = max(made.starts or declared_at, declared_at)

    def sooner(at: datetime) -> datetime:
        return begins + (at - begins) / times if at > begins else at

    if made.due is None:
        return made
    return replace(
        made,
        due=_whole(sooner(made.due)),
        latest=_whole(sooner(made.latest)) if made.latest is not None else None,
        sooner=tuple((name, _whole(sooner(at))) for name, at in made.sooner),
        basis=f"{made.basis}; {times} times as fast in this drill, really due {made.due:%Y-%m-%d %H:%M} UTC",
    )


def _whole(at: datetime) -> datetime:
    """As the log has it."""
    return at.replace(microsecond=at.microsecond // 1000 * 1000)
