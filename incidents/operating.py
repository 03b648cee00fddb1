"""
What every operation stands on: deciding and recording through the desk, and looking only at what the asker may see.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from functools import wraps
from typing import Any, TypeVar

from incidents.clock import parse_rfc3339
from incidents.decisions import Asker, Decided, incident, sight
from incidents.denials import Denials
from incidents.desk import Desk
from incidents.errors import Conflicting, Forbidden, Invalid, Unknown
from incidents.events import Event
from incidents.ledger import Answer, AnswerKey
from incidents.recent_lines import RecentLines
from incidents.state import State

Json = dict[str, Any]
T = TypeVar("T")
F = TypeVar("F", bound=Callable[..., Any])
Answered = Callable[[State, Decided, Sequence[Event]], tuple[int, Json]]


@dataclass(frozen=True, slots=True)
class Reply:
    """``secret``: shown this once and never stored."""

    status: int
    body: Json
    replayed: bool = False


def veils(read: F) -> F:
    """
    Marks an operation whose answer names no incident that its asker may not know of.

    Everything public that answers with JSON values has it, or looks through ``_id``; a guard test says so.
    """

    @wraps(read)
    def run(self: Operating, asker: Asker, *args: Any, **kwargs: Any) -> Any:
        with self._veiled_refusals(asker):
            return self._veiled(asker, read(self, asker, *args, **kwargs))

    run.veils = True  # type: ignore[attr-defined]
    return run  # type: ignore[return-value]


class Operating:
    """Base of the operations. ``id`` of every operation may also be ``latest``, in any case of letters."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk
        self.lines = RecentLines(desk)
        self.denials = Denials(desk)

    def _id(self, asker: Asker, id: str) -> str:
        """
        The id of an incident that the asker may know of; ``latest`` is the newest of those.

        Raises:
            Unknown: There is none, for this asker.
        """
        try:
            return self._found(asker, id)
        except Unknown:  # perhaps another process has declared it a moment ago
            self.desk.follow()
            return self._found(asker, id)

    def _found(self, asker: Asker, id: str) -> str:
        if id == "latest":
            with self.desk.read() as state:
                newest = next((i for i in reversed(state.order) if sight.sees(state, asker, i)), None)
                if newest is None:
                    raise sight.unknown_incident(state, id)
                id = newest
        with self.desk.read(id) as state:
            found = incident.get_incident(state, id).id
            sight.check(state, asker, found)
            return found

    @contextmanager
    def _look(self, asker: Asker, id: str) -> Iterator[tuple[State, str]]:
        """The state with that incident in it, standing still while the block runs, and the incident's id."""
        known = self._id(asker, id)
        with self.desk.read(known) as state:
            yield state, known

    def _request_id(self, asker: Asker, id: str) -> str:
        """The id of a request of an incident that the asker may know of; a wrong one is left to the decision."""
        with self.desk.read(id) as state:
            known = state.requests.get(id) or state.requests.get(id.upper())
            if known is not None and not sight.sees(state, asker, known.incident):
                raise sight.unknown_request(state, id)
        return known.id if known is not None else id

    def _veiled(self, asker: Asker, value: T) -> T:
        """Plain JSON values without any incident that the asker may not know of."""
        with self.desk.read() as state:
            without = sight.hidden(state, asker)
        veiled: T = sight.veiled(value, without)
        return veiled

    @contextmanager
    def _veiled_refusals(self, asker: Asker) -> Iterator[None]:
        """A refusal may name what stands in the way; one of what was typed wrong only repeats what was typed."""
        try:
            yield
        except (Conflicting, Forbidden) as error:
            error.args = (self._veiled(asker, str(error)),)
            error.errors = tuple(replace(e, message=self._veiled(asker, e.message)) for e in error.errors)
            raise

    def _do(
        self,
        asker: Asker,
        decide: Callable[[State, datetime], Decided],
        answered: Answered,
        key: AnswerKey | None,
        *,
        about: str = "",
        narrowing: str = "",
        shares: bool = False,
    ) -> Reply:
        with self._veiled_refusals(asker):
            outcome = self.desk.submit(
                decide,
                actor=asker.actor,
                key=key,
                answer=lambda state, decided, events: as_answer(*answered(state, decided, events)),
                about=about,
                narrowing=narrowing,
                shares=shares,
            )
        return as_reply(outcome.answer, outcome.replayed)


def as_answer(status: int, body: Json) -> Answer:
    return Answer(status, json.dumps(body, separators=(",", ":")))


def as_reply(answer: Answer | None, replayed: bool) -> Reply:
    if answer is None:
        return Reply(200, {}, replayed)
    return Reply(answer.status, json.loads(answer.json), replayed)


def moment(at: str | None, where: str = "at") -> datetime | None:
    """
    Raises:
        Invalid: No time with its zone; names the field.
    """
    if at is None:
        return None
    try:
        return parse_rfc3339(at)
    except ValueError as error:
        message = f"'{at[:60]}' is not a time with its zone, like 2026-11-23T14:02:07Z"
        raise Invalid.at(where, message) from error
