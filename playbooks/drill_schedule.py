"""
The schedule of drills: one file, ``drills.yaml``, in the company's own folder of playbooks.

Read once, at the start, like the playbooks. What is due when is worked out elsewhere.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Annotated, Literal
from zoneinfo import available_timezones

from cronsim import CronSim, CronSimError
from pydantic import AfterValidator, BeforeValidator, Field, StrictBool, StrictInt, StrictStr

from playbooks.durations import Duration, ElapsedField
from playbooks.forms import Form, Slug
from playbooks.loader import SCHEDULE, Library
from playbooks.occurrences import Spec
from playbooks.source import Document, Problem, SourceError, check, parse
from playbooks.words import nearest, shown

LIMIT = 64 * 1024
_CLOCK = re.compile(r"([01][0-9]|2[0-4]):([0-5][0-9])", re.ASCII)
_BLACKOUT = re.compile(r"([0-9]{4}-[0-9]{2}-[0-9]{2})\.\.([0-9]{4}-[0-9]{2}-[0-9]{2})", re.ASCII)


def _zone(name: str) -> str:
    if name not in available_timezones():
        raise ValueError(f"unknown time zone {shown(name)}.{nearest(name, available_timezones())}")
    return name


def _cron(text: str) -> str:
    """Five fields with a fixed minute and hour, so that no change of the clocks drops or doubles one."""
    fields = text.split()
    example = "write minute, hour, day, month, weekday, e.g. '30 10 * * 2'"
    if len(fields) != 5:
        raise ValueError(f"{shown(text)} has {len(fields)} fields: {example}")
    if fields[0].startswith("*") or fields[1].startswith("*"):
        raise ValueError(f"{shown(text)}: a drill has a fixed minute and hour; {example}")
    try:
        CronSim(text, _ANY_TIME)
    except CronSimError as error:
        raise ValueError(f"{shown(text)}: {str(error).lower()}; {example}") from error
    return text


def _minute(text: object) -> int:
    found = _CLOCK.fullmatch(text) if isinstance(text, str) else None
    minute = int(found[1]) * 60 + int(found[2]) if found else 24 * 60 + 1
    if minute > 24 * 60:
        raise ValueError(f"{shown(text)} is not a time of day: write it like '09:30', in quotes")
    return minute


def _days_off(value: object) -> tuple[date, date]:
    """One day, or ``first..last``."""
    if isinstance(value, date):
        return value, value
    found = _BLACKOUT.fullmatch(value) if isinstance(value, str) else None
    try:
        first, last = (date.fromisoformat(found[n]) for n in (1, 2)) if found else (date.max, date.min)
    except ValueError:
        first, last = date.max, date.min
    if first > last:
        raise ValueError(f"{shown(value)} is no day and no span: write 2026-12-24 or 2026-12-24..2027-01-02")
    return first, last


_ANY_TIME = datetime(2026, 1, 1, tzinfo=UTC)

Zone = Annotated[StrictStr, AfterValidator(_zone)]
Cron = Annotated[StrictStr, AfterValidator(_cron)]
Clock = Annotated[int, BeforeValidator(_minute)]
Blackout = Annotated[tuple[date, date], BeforeValidator(_days_off)]
Weekday = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
WEEK: tuple[Weekday, ...] = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
Person = Annotated[StrictStr, Field(min_length=1, max_length=64)]


class Window(Form):
    """When drills may be held: local weekdays, from a time until before another."""

    days: Annotated[tuple[Weekday, ...], Field(min_length=1)] = WEEK
    opens: Clock = Field(default=0, alias="from")
    until: Clock = 24 * 60


class Entry(Form):
    """One drill that comes again and again."""

    id: Slug
    playbook: Slug
    parameters: dict[str, StrictStr] = Field(default_factory=dict)
    mode: Literal["tabletop", "dry-run", "shadow", "live"] = "shadow"
    title: Annotated[StrictStr, Field(max_length=200)] = ""
    cron: Cron | None = None
    since: date | None = None
    at: Clock | None = None
    zone: Zone | None = None
    window: Window = Window()
    blackout: tuple[Blackout, ...] = ()
    unannounced: StrictBool = False
    jitter: ElapsedField | None = None
    control: tuple[Person, ...] = ()
    lasts: ElapsedField | None = None
    missed: Literal["run", "skip"] = "skip"
    compress: Annotated[StrictInt, Field(ge=1, le=1_000)] = 1


class DrillFile(Form):
    """The whole file; zone and blackout days are for every entry that does not name its own, blackout adds up."""

    zone: Zone = "UTC"
    blackout: tuple[Blackout, ...] = ()
    drills: Annotated[tuple[Entry, ...], Field(max_length=200)] = ()


@dataclass(frozen=True, slots=True)
class Schedule:
    """``specs`` are in force. With ``problems`` there are none: half a schedule would be one that nobody wrote."""

    specs: tuple[Spec, ...] = ()
    problems: tuple[Problem, ...] = ()


def load_schedule(folder: Path | None, library: Library) -> Schedule:
    """The company's schedule; empty where it has none."""
    path = folder / SCHEDULE if folder is not None else None
    if path is None or not path.is_file():
        return Schedule()
    try:
        return read_schedule(path.read_bytes(), path.name, library)
    except OSError as error:
        return Schedule(problems=(Problem(path.name, 1, f"can't be read: {error.strerror}"),))


def read_schedule(text: str | bytes, name: str, library: Library) -> Schedule:
    """The schedule in a text, or what is wrong with it."""
    try:
        document = parse(text, name, limit=LIMIT)
        form = check(document, DrillFile)
    except SourceError as error:
        return Schedule(problems=error.problems)
    problems = sorted(_wrong(document, form, library))
    return (
        Schedule(problems=tuple(problems))
        if problems
        else Schedule(tuple(_spec(e, form, library) for e in form.drills))
    )


def _wrong(document: Document, form: DrillFile, library: Library) -> Iterator[Problem]:
    seen: set[str] = set()
    for number, entry in enumerate(form.drills):
        at = ("drills", number)
        if entry.id in seen:
            yield document.problem((*at, "id"), f"drill '{entry.id}' is here twice")
        seen.add(entry.id)
        if entry.playbook not in library:
            hint = nearest(entry.playbook, library.ids)
            yield document.problem((*at, "playbook"), f"unknown playbook '{entry.playbook}'.{hint}")
            continue
        yield from (document.problem((*at, *loc), message) for loc, message in _wrong_times(entry, library))
        known = library.get(entry.playbook).parameters
        for parameter in entry.parameters:
            if parameter not in known:
                message = f"playbook '{entry.playbook}' has no parameter '{parameter}'.{nearest(parameter, known)}"
                yield document.problem((*at, "parameters", parameter), message)
        for parameter, asked in known.items():
            if asked.required and parameter not in entry.parameters:
                yield document.problem((*at, "parameters"), f"parameter '{parameter}' is missing")


def _wrong_times(entry: Entry, library: Library) -> Iterator[tuple[tuple[str, ...], str]]:
    if entry.cron is not None:
        for name in ("since", "at"):
            if getattr(entry, name) is not None:
                yield (name,), f"'{name}' goes with the playbook's own rhythm; with 'cron' leave it out"
    else:
        drill = library.get(entry.playbook).drill
        days = _whole_days(drill.every) if drill is not None else None
        if days is None:
            yield ("id",), f"say when: 'cron', or a playbook with 'drill: {{every: 30d}}' ('{entry.playbook}' has none)"
        elif entry.since is None or entry.at is None:
            yield (
                ("id",),
                "without 'cron' it follows the playbook's rhythm: say from which day and at what time (since, at)",
            )
    if entry.window.opens >= entry.window.until:
        yield ("window",), "the window closes before it opens"
    if entry.jitter is not None and not entry.unannounced:
        yield ("jitter",), "jitter is for unannounced drills: add 'unannounced: true', or leave it out"
    if entry.jitter is not None and (entry.jitter.elapsed or timedelta()) > timedelta(days=1):
        yield ("jitter",), "jitter is at most a day"


def _whole_days(every: Duration) -> int | None:
    elapsed = every.elapsed
    if elapsed is None or elapsed < timedelta(days=1) or elapsed % timedelta(days=1):
        return None
    return elapsed.days


def _spec(entry: Entry, form: DrillFile, library: Library) -> Spec:
    drill = library.get(entry.playbook).drill
    return Spec(
        id=entry.id,
        playbook=entry.playbook,
        zone=entry.zone or form.zone,
        mode=entry.mode,
        parameters=dict(entry.parameters),
        cron=entry.cron,
        every_days=(_whole_days(drill.every) or 0) if entry.cron is None and drill is not None else 0,
        since=entry.since,
        at=entry.at or 0,
        days=entry.window.days,
        opens=entry.window.opens,
        closes=entry.window.until,
        blackout=(*form.blackout, *entry.blackout),
        unannounced=entry.unannounced,
        jitter_s=_seconds(entry.jitter),
        control=entry.control,
        lasts_s=_seconds(entry.lasts),
        missed=entry.missed,
        compress=entry.compress,
        title=entry.title,
    )


def _seconds(span: Duration | None) -> int:
    return int((span.elapsed or timedelta()).total_seconds()) if span is not None else 0
