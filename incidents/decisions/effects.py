"""
What becomes of what is owed: tried, passed on, settled, given up, tried again by a person's word. Pure.

Outcomes are written down as they were found out, also where they come too late to matter: they are evidence.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from incidents import events as ev
from incidents.clock import rfc3339
from incidents.decisions import Asker, Decided, needs, sight
from incidents.errors import Conflicting, Unknown, nearest
from incidents.events import Draft
from incidents.outbox import Effect, Outcome, Sort
from incidents.roles import Right
from incidents.state import State

RETRY_LIFE = timedelta(hours=4)  # how long a dead letter is tried after a person wanted it


@dataclass(frozen=True, slots=True, kw_only=True)
class Tried:
    """
    One channel's last word about an effect. ``text`` goes beside the log's chain: the receipt.

    ``incident`` is what the effect is about, for the line in its timeline; ``last``: there is no other way to its
    reader.
    """

    id: str
    sort: str
    incident: str | None
    channel: str
    outcome: Outcome
    tries: int
    last: bool = True
    because: str | None = None
    digest: str | None = None
    evidence: str | None = None
    text: dict[str, str] = field(default_factory=dict)


def record(state: State, tried: Iterable[Tried]) -> Decided:
    """Write down what was found out; a message that did not get through by one channel goes to its next."""
    return Decided([_line(state.outbox.owed.get(one.id), one) for one in tried])


def _line(effect: Effect | None, one: Tried) -> Draft:
    fact: ev.Fact
    if one.sort == Sort.ORDER:
        fact = ev.OrderSettled(
            id=one.id,
            outcome=one.outcome,
            channel=one.channel or None,
            tries=one.tries,
            because=one.because,
            digest=one.digest,
            evidence=one.evidence or None,
        )
    elif one.outcome in (Outcome.FAILED, Outcome.UNKNOWN) and not one.last and effect is not None:
        fact = ev.MessagePassedOn(
            id=one.id, channel=one.channel, outcome=one.outcome, because=one.because or "", tries=one.tries
        )
    else:
        fact = ev.MessageSettled(
            id=one.id,
            outcome=one.outcome,
            channel=one.channel or None,
            tries=one.tries,
            because=one.because,
            digest=one.digest,
            evidence=one.evidence or None,
        )
    return Draft(fact, incident=one.incident, text=one.text)


def superseded(effect: Effect, because: str) -> Draft:
    """Something newer says it, or it is not wanted any more."""
    kind = ev.OrderSettled if effect.sort == Sort.ORDER else ev.MessageSettled
    return Draft(kind(id=effect.id, outcome=Outcome.SUPERSEDED, because=because), incident=effect.incident)


def retry(state: State, id: str, asker: Asker, now: datetime) -> Decided:
    """
    Have a dead letter tried again, by all its channels.

    Raises:
        Forbidden: Without the right to respond.
        Unknown: No such message among those that are owed or dead, for this asker.
        Conflicting: It is not dead: it is being tried as it is.
    """
    needs(asker, Right.RESPOND, "trying a message again")
    effect = get_effect(state, id, asker)
    if effect.outcome is None:
        raise Conflicting(f"{effect.id} is still owed and tried by itself; there is nothing to try again", code="owed")
    until = now + RETRY_LIFE
    if effect.sort == Sort.ORDER:
        fact: ev.Fact = ev.OrderRetried(id=effect.id, deadline=rfc3339(until) if effect.deadline else None)
    else:
        fact = ev.MessageRetried(id=effect.id, deadline=rfc3339(until))
    return Decided([Draft(fact, incident=effect.incident)], subject=effect.id)


def get_effect(state: State, id: str, asker: Asker) -> Effect:
    """
    Raises:
        Unknown: With the nearest id that everybody may know of; the hidden are not there at all.
    """
    found = state.outbox.find(id) or state.outbox.find(id.upper())
    if found is None or (found.incident is not None and not sight.sees(state, asker, found.incident)):
        raise _unknown(state, id)
    return found


def _unknown(state: State, id: str) -> Unknown:
    every = [*state.outbox.letters.values(), *state.outbox.owed.values()][-sight.SUGGESTED :]
    near = nearest(id.upper(), [effect.id for effect in every if effect.incident not in state.restricted])
    return Unknown(
        f"unknown message '{id[:40]}'.{near} Only those that are owed or dead can be named", code="unknown-message"
    )
