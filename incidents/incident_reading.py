"""
One incident as a page shows it, read in one go: what it is, its lines, who could use what, and whom to reach.

For a person who may read it, or for whoever was handed a link, who is nobody in particular and is shown less.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from incidents import views
from incidents.clock import parse_rfc3339
from incidents.decisions import Asker, needs
from incidents.decisions.sharing import live_share
from incidents.decisions.sight import hidden, is_insider, veiled
from incidents.drill_views import cut_short
from incidents.enforcement.points import Points, point_row
from incidents.enforcement.usage import UsageBook
from incidents.errors import Unknown
from incidents.events import Event
from incidents.exposure import exposure
from incidents.incident_work import IncidentWork
from incidents.life import RESTRICTED
from incidents.operating import Json
from incidents.reading import Reading
from incidents.recent_lines import Lines
from incidents.roles import Right
from incidents.shared_view import for_strangers, without_words
from incidents.state import Incident, State
from incidents.timeline import Row, rows


class IncidentReading(IncidentWork):
    points: Points
    usage: UsageBook

    def reading(self, asker: Asker, id: str) -> Reading:
        """
        Raises:
            Unknown: There is no such incident, for this asker.
        """
        needs(asker, Right.READ, "reading an incident")
        known = self._id(asker, id)
        lines = self.lines.of(known)
        directory = self.desk.ledger.directory() if asker.may(Right.RESPOND) else {}
        with self.desk.read(known) as state:
            found, now = state.incidents[known], self.desk.clock.now()
            without = hidden(state, asker)
            return Reading(
                whole=veiled(self._whole(state, found, lines.events, now), without),
                rows=self._told(state, found, lines, asker),
                exposure=veiled(self._exposure(state, found, lines.events, now), without),
                people=_people(state, directory),
            )

    def shared_reading(self, id: str, share: str) -> Reading | None:
        """
        What a link shows to whoever was handed it; None once it shows nothing any more. The link's signature was
        checked by the caller.

        Raises:
            Unknown: There is no such incident, or it never had that link.
        """
        lines = self.lines.of(id).events
        with self.desk.read(id) as state:
            found, now = state.incidents.get(id), self.desk.clock.now()
            if found is None or share not in found.shares:
                raise Unknown("unknown link", code="unknown-share")
            if live_share(found, share, now) is None:
                return None
            told = without_words(lines) if found.visibility == RESTRICTED else lines
            people = _people(state, {})
            reading = Reading(
                whole=self._whole(state, found, told, now),
                rows=rows(told, {who: row["name"] for who, row in people.items()}, inside=False),
                exposure=self._exposure(state, found, told, now),
                people=people,
            )
        return for_strangers(reading, bare=found.visibility == RESTRICTED)

    def _whole(self, state: State, found: Incident, lines: Sequence[Event], now: datetime) -> Json:
        return views.incident_whole(state, found, lines, self._containment(state, found), now)

    def _exposure(self, state: State, found: Incident, lines: Sequence[Event], now: datetime) -> Json:
        """
        With what it costs, of what is really kept out: ``refused``, how often it was asked for since, and
        ``allowed``, ``{count, per}`` of the window of usage in which that began. Both are telemetry of the last day;
        without a row where none is known.
        """
        told = exposure(state, self.desk.snapshot, found, lines, now)
        for row in told["access"] if found.kind == "real" else ():
            if row["dark"]:
                since = parse_rfc3339(row["dark"][0]["from"])
                row["refused"] = self.usage.refused(row["partner"], row["flag"], since)
                if row["dark"][-1]["to"] is None and (known := self.usage.allowed(row["partner"], row["flag"], since)):
                    row["allowed"] = {"count": known[0], "per": known[1]}
        return told

    def _told(
        self, state: State, found: Incident, lines: Lines, asker: Asker, *, handed_out: bool = False
    ) -> list[Row]:
        """The incident's lines as this asker may read them; ``handed_out``: without restricted words, whoever asks."""
        without, names = hidden(state, asker), views.names(state)
        inside = not handed_out and is_insider(asker, found.insiders)

        def made() -> list[Row]:
            told = rows(lines.events, names, inside=inside)
            return [_veil(row, without) for row in told] if without else told

        return lines.rows((inside, without, frozenset(names.items())), made)

    def _containment(self, state: State, found: Incident) -> Json:
        """With every point's row: of what is still going on from memory, of what was written down from the log."""
        containment = self.points.containment(state, found, self.desk.clock.boot())
        if found.contained is not None:
            written = self.desk.ledger.read(after=found.contained.seq - 1, limit=1)[0]
            containment["points"] = [point_row(row) for row in written.data["points"]]
        elif found.rehearsed and found.holds:
            containment |= cut_short(self.desk.ledger.incident(found.id))
        return containment


def _veil(row: Row, without: frozenset[str]) -> Row:
    """The line without naming an incident that its reader may not know of."""
    corrected = tuple(
        replace(c, reason=veiled(c.reason, without), was_text=veiled(c.was_text, without)) for c in row.corrections
    )
    return replace(row, text=veiled(row.text, without), data=veiled(row.data, without), corrections=corrected)


def _people(state: State, directory: dict[str, str]) -> dict[str, Json]:
    """Whoever the catalog knows; addresses only where a directory is given."""
    found: dict[str, Any] = {}
    for person in state.catalog.people.values():
        email = directory.get(f"people/{person.id}/email")
        found[person.id] = {"name": person.name or person.id, "slack": person.slack or None, "email": email}
    return found
