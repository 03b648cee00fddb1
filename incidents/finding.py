"""
Which incidents somebody asked for: filters and words, page by page, without ever listing all that there are.

Decides nothing about visibility (``sight`` does), but asks before anything counts: what is hidden takes no place on a
page, gives no snippet, and is not betrayed by finding where its id was mentioned.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice

from incidents.decisions import Asker, sight
from incidents.decisions.incident import SERIES
from incidents.desk import Desk
from incidents.errors import Invalid
from incidents.ledger.hits import matches
from incidents.ledger.search import Hit, asked, folded, holds, is_restricted, said
from incidents.life import Over
from incidents.state import Incident, State

CHUNK = 500  # incidents looked at between two moments at which others get their turn
MOST_WORDS = 12
HITS_EACH = 3
HIGHEST = 2**63 - 1


@dataclass(frozen=True, slots=True)
class Wanted:
    """Filters, "" for any, and the words that must all be found."""

    status: str = ""
    kind: str = ""
    severity: str = ""
    words: tuple[str, ...] = ()

    def among(self, ids: Sequence[str]) -> Sequence[str]:
        """Those that may fit by their ids alone, which cost a good deal less to read than what is known of each."""
        series = SERIES.get(self.kind)
        return [id for id in ids if id.startswith(series)] if series else ids

    def fits(self, known: Incident | Over) -> bool:
        return (
            (not self.kind or self.kind == known.kind)
            and (not self.severity or self.severity == known.severity)
            and (not self.status or self.status == known.status)
        )


class Finder:
    """
    What one person looks for.

    Raises:
        Invalid: More words than are taken.
    """

    def __init__(self, desk: Desk, asker: Asker, wanted: Wanted) -> None:
        if len(wanted.words) > MOST_WORDS:
            raise Invalid.at("q", f"{len(wanted.words)} words to look for; at most {MOST_WORDS} are taken")
        self._desk, self._asker, self._wanted = desk, asker, wanted
        self._phrases = asked(wanted.words)
        with desk.read() as state:
            self._hidden = sight.hidden(state, asker)
        ids = [folded(id) for id in self._hidden]
        self._names_hidden = any(holds(id, one) or holds(one, id) for id in ids for one in self._phrases)

    def ids(self, *, after: str, limit: int) -> list[str]:
        """
        At most so many, the newest declared first, behind ``after`` (an id, or "" for the newest).

        Raises:
            Invalid: ``after`` is no incident that the asker may know of.
        """
        if after:
            self._check(after)
        if self._wanted.words:
            return self._desk.ledger.find(
                self._wanted.words, before=after or None, limit=limit, among=self._next, reads=self._reads
            )
        return list(islice(self._walk(after), limit))

    def _check(self, after: str) -> None:
        with self._desk.read() as state:
            if _outline(state, after) is None or not sight.sees(state, self._asker, after):
                message = f"unknown cursor '{after[:40]}'; take 'next' of the page before as it is"
                raise Invalid.at("cursor", message)

    def _walk(self, after: str) -> Iterator[str]:
        """What fits and may be seen, from the newest down; what leaves or enters the filter meanwhile moves nothing."""
        with self._desk.read() as state:
            known = _outline(state, after)
        number = self._next(known.seq - 1 if known is not None else HIGHEST)
        while number is not None:
            with self._desk.read() as state:
                id = state.order[_place(state, number) - 1]
            yield id
            number = self._next(number - 1)

    def _next(self, number: int) -> int | None:
        """
        The first event's number of the newest incident that fits, may be seen, and is no newer than ``number``.

        Whoever else wants the state gets its turn after each chunk.
        """
        end: int | None = None
        while end is None or end > 0:
            with self._desk.read() as state:
                end = _place(state, number) if end is None else end
                over, others, fits = state.over, state.incidents, self._wanted.fits
                for id in reversed(self._wanted.among(state.order[max(0, end - CHUNK) : end])):
                    known = over.get(id) or others[id]
                    if fits(known) and sight.sees(state, self._asker, id):
                        return known.seq
                end = max(0, end - CHUNK)
        return None

    # --- words ---

    def _reads(self, id: str, for_members: bool) -> bool:
        """Whether what the ledger found in an incident, or in its lines for members, counts for this person."""
        if for_members:
            return self._inside(id)
        return not self._names_hidden or self._stands_veiled(id)

    def _inside(self, id: str) -> bool:
        with self._desk.read(id) as state:
            known = state.incidents.get(id)
            return known is not None and sight.is_insider(self._asker, known.insiders)

    def _stands_veiled(self, id: str) -> bool:
        """Whether every word is still found where hidden ids are left out; asked only if one may be among the words."""
        lines = [event for event in self._desk.ledger.incident(id) if not is_restricted(event) or self._inside(id)]
        words = [folded(sight.veiled(text, self._hidden)) for event in lines for _, text in said(event)]
        return all(any(holds(one, phrase) for one in words) for phrase in self._phrases)

    def hits(self, ids: Sequence[str]) -> list[Hit]:
        """Where the words were found in incidents that ``ids`` has given."""
        found = self._desk.ledger.hits(
            self._wanted.words, ids, each=HITS_EACH, reads=lambda id, for_members: not for_members or self._inside(id)
        )
        return [hit for hit in map(self._veiled, found) if hit.marks]

    def _veiled(self, hit: Hit) -> Hit:
        snippet = sight.veiled(hit.snippet, self._hidden)
        if snippet == hit.snippet:
            return hit
        return replace(hit, snippet=snippet, marks=tuple(matches(snippet, self._phrases)))


def _outline(state: State, id: str) -> Incident | Over | None:
    return state.over.get(id) or state.incidents.get(id)  # most are over


def _place(state: State, number: int) -> int:
    """How many incidents are no newer than that event. Found by halving: they stand as they were declared."""

    def first(id: str) -> int:
        known = _outline(state, id)
        return known.seq if known is not None else 0

    return bisect_right(state.order, number, key=first)
