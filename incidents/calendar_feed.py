"""
Clocks and scheduled drills as a calendar (RFC 5545): the only file that knows the ``icalendar`` library.

A feed leaves the house, often to a provider of calendars: it names incidents, regimes and recipients, and no word that
a person has written.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any

from icalendar import Alarm, Calendar, Event

from incidents.clock import parse_rfc3339

LAST_CALL = timedelta(hours=1)


def feed(
    rows: Iterable[Mapping[str, Any]], drills: Iterable[Mapping[str, Any]], *, url: str, ledger: str, now: datetime
) -> bytes:
    """
    The feed of clocks that have a due moment, and of scheduled drills.

    Args:
        rows: As ``clock_views.row`` makes them.
        drills: As ``drill_views.dated`` makes them.
        url: Where the pages are.
        ledger: Its id, so that two houses' clocks are never one event.
    """
    calendar = Calendar()
    calendar.add("prodid", "-//Andon//Clocks//EN")
    calendar.add("version", "2.0")
    calendar.add("method", "PUBLISH")
    calendar.add("x-wr-calname", "Andon deadlines and drills")
    calendar.add("refresh-interval", timedelta(minutes=15), parameters={"VALUE": "DURATION"})
    for row in rows:
        if row["due"] is not None:
            calendar.add_component(_event(row, url, ledger, now))
    for row in drills:
        calendar.add_component(_drill(row, url, ledger, now))
    return bytes(calendar.to_ical())


def _drill(row: Mapping[str, Any], url: str, ledger: str, now: datetime) -> Event:
    """One that was skipped or missed stays for some days, as cancelled: a calendar that held it has to let go of it."""
    event = Event()
    event.add("uid", f"{row['occurrence'].replace('@', '.')}@{ledger}.andon")
    event.add("dtstamp", now)
    event.add("dtstart", parse_rfc3339(row["starts_at"]))
    event.add("duration", timedelta(seconds=row["lasts_s"]))
    event.add("summary", f"DRILL, NOT REAL: {row['playbook']} ({row['mode']})")
    event.add("description", "Unannounced: tell nobody." if row["unannounced"] else "A scheduled drill.")
    event.add("url", f"{url}/drills")
    event.add("status", "CANCELLED" if row["outcome"] in ("skipped", "missed") else "CONFIRMED")
    event.add("transp", "TRANSPARENT")
    event.add("categories", ["DRILL"])
    return event


def _event(row: Mapping[str, Any], url: str, ledger: str, now: datetime) -> Event:
    event = Event()
    due = parse_rfc3339(row["due"])
    event.add("uid", f"{row['clock']}@{ledger}.andon")
    event.add("dtstamp", now)
    event.add("dtstart", due)
    event.add("duration", timedelta(0))
    event.add("summary", _summary(row))
    event.add("description", _description(row))
    event.add("url", f"{url}/clocks/{row['clock']}")
    event.add("status", "TENTATIVE" if row["projected"] or row["asks"] else "CONFIRMED")
    event.add("transp", "TRANSPARENT")
    event.add("categories", ["DRILL" if row["simulated"] else "Deadline"])
    if not row["projected"]:
        event.add_component(_alarm(row))
    return event


def _summary(row: Mapping[str, Any]) -> str:
    mark = "DRILL, NOT REAL: " if row["simulated"] else ""
    kind = "projected: " if row["projected"] else "own target: " if row["internal"] else ""
    late = "LATE: " if row["state"] == "late" else ""
    return f"{mark}{late}{kind}{row['title']} ({row['incident']})"


def _description(row: Mapping[str, Any]) -> str:
    lines = [
        f"To: {row['recipient']}",
        f"Under: {row['source']}",
        f"State: {str(row['state']).replace('-', ' ')}",
        f"Owner: {row['owner'] or 'nobody, ' + row['owner_role']}",
        *(f"Only if: {asked['question']}" for asked in row["asks"]),
        *(f"Sooner, {soon['due']}, if yes: {soon['question']}" for soon in row["sooner"]),
    ]
    return "\n".join(lines)


def _alarm(row: Mapping[str, Any]) -> Alarm:
    alarm = Alarm()
    alarm.add("action", "DISPLAY")
    alarm.add("description", _summary(row))
    alarm.add("trigger", -LAST_CALL)
    return alarm
