"""
What the schedule of drills owes: which entries are in force, and each occurrence exactly once, held or not, and said.

Everything is worked out from the log and the entries, so that a clock that is looked at twice, a restart and a second
process change nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta

from incidents import events as ev
from incidents.clock import rfc3339
from incidents.decisions import Decided
from incidents.errors import Conflicting, Refused
from incidents.events import Draft
from incidents.state import State
from playbooks.occurrences import Occurrence, Spec, next_occurrences

ON_TIME = timedelta(minutes=5)  # later than that it was missed
WORDS_LIMIT = 300
Starts = Callable[[State, datetime], Decided]


def put_in_force(state: State, specs: Sequence[Spec]) -> Decided:
    """Write down which entries have changed, come or gone. An entry owes nothing for the time before its line."""
    known, wanted = state.drills.schedules, {spec.id: spec for spec in specs}
    drafts = [
        Draft(ev.DrillScheduled(schedule=spec.id, digest=spec.digest, spec=_shown(spec)))
        for spec in specs
        if spec.id not in known or known[spec.id].digest != spec.digest
    ]
    gone = [id for id, entry in known.items() if entry.spec is not None and id not in wanted]
    return Decided([*drafts, *(Draft(ev.DrillScheduled(schedule=id, digest="")) for id in gone)])


def _shown(spec: Spec) -> dict[str, object]:
    """What the log tells of an entry: of an unannounced one not when. Its title is free words, so never that."""
    hidden = {"title"} | ({"cron", "since", "at", "days", "opens", "closes", "jitter_s"} if spec.unannounced else set())
    return {name: value for name, value in spec.data().items() if name not in hidden}


def owed(state: State, spec: Spec, seed: bytes, now: datetime) -> Occurrence | None:
    """The oldest occurrence that should have started by now and is not handled; None where there is none."""
    known = state.drills.schedules.get(spec.id)
    if known is None or known.digest != spec.digest:
        return None
    first = next(next_occurrences(spec, known.upto, now, seed=seed), None)
    return first if first is not None and first.starts_at <= now else None


def ahead(spec: Spec, upto: datetime, now: datetime, until: datetime, seed: bytes = b"") -> Iterator[Occurrence]:
    """What still starts between ``now`` and ``until``, the last that was handled being at ``upto``."""
    found = next_occurrences(spec, min(upto, now), until, seed=seed)
    return (one for one in found if one.barred is None and one.starts_at >= now and one.due_at > upto)


def handle(state: State, spec: Spec, occurrence: Occurrence, seed: bytes, now: datetime, starts: Starts) -> Decided:
    """
    Hold an occurrence, or say why not. Handled already (by another process, or before a restart): nothing.

    Args:
        starts: Decides the drill itself; where it refuses, the occurrence is skipped with that reason.
    """
    if owed(state, spec, seed, now) != occurrence:
        return Decided([])
    if occurrence.barred is not None:
        return _skipped(occurrence, occurrence.barred)
    late = now - occurrence.starts_at > ON_TIME
    if late and (spec.missed == "skip" or _has_newer(spec, occurrence, seed, now)):
        return Decided([Draft(ev.OccurrenceMissed(**_of(occurrence), then="skip"))])
    if any(state.drills.runs[id].playbook == spec.playbook for id in state.drills.running):
        return _skipped(occurrence, "a drill of this playbook is running")
    try:
        started = starts(state, now)
    except Refused as error:
        return _skipped(occurrence, _why(error))
    if late:
        first: ev.Fact = ev.OccurrenceMissed(**_of(occurrence), then="run")
    else:
        first = ev.OccurrenceDue(**_of(occurrence), starts_at=rfc3339(occurrence.starts_at))
    return Decided([Draft(first), *started.drafts], subject=started.subject)


def _of(occurrence: Occurrence) -> dict[str, str]:
    return {
        "occurrence": occurrence.id,
        "schedule": occurrence.schedule,
        "due_at": rfc3339(occurrence.due_at),
    }


def _skipped(occurrence: Occurrence, because: str) -> Decided:
    return Decided([Draft(ev.OccurrenceSkipped(**_of(occurrence), because=because[:WORDS_LIMIT]))])


def _has_newer(spec: Spec, occurrence: Occurrence, seed: bytes, now: datetime) -> bool:
    """Of several that were missed only the newest is made up for."""
    later = next_occurrences(spec, occurrence.due_at, now, seed=seed)
    return any(one.starts_at <= now and one.barred is None for one in later)


def _why(error: Refused) -> str:
    """The real incident is not named: it may be restricted, and this line is for everybody."""
    if isinstance(error, Conflicting) and error.code == "real-incident-open":
        return "a real sev1 or sev2 was open"
    return f"refused: {error}"
