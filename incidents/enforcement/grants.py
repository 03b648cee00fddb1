"""
May this copy be used a little longer? The server's half of the lease protocol, as one pure rule.

No clock, no store, no network: the times and facts are handed in, so that an exhaustive search can drive it.
The client's half is ``Lease`` in ``incidents/client.py``. For a kill committed at ``c`` every older grant was given
before ``c + HEAD_AGE`` and ends before ``c + HEAD_AGE + lease x (1 + DRIFT)``: ``bound`` is that sum.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

HEAD_AGE = 1.0  # seconds: how old the last look at the ledger's head may be when a grant is given
DRIFT = 0.01  # how far any two clocks run apart


class Verdict(StrEnum):
    GRANT = "grant"
    STALE = "stale"  # an older revision: here is the change, no lease
    RESYNC = "resync"  # another ledger or another table: take a snapshot, no lease
    AHEAD = "ahead"  # above our head: look at the ledger again; still above: refuse
    NO_RIGHT = "no-right"  # this server may not grant now
    NOT_YOURS = "not-yours"  # the token belongs to another point


@dataclass(frozen=True, slots=True)
class Ask:
    """What a point says it holds. ``digest`` and ``ledger`` are None where it does not say."""

    point: str
    token_point: str | None
    ledger: str | None
    revision: int
    digest: str | None


@dataclass(frozen=True, slots=True)
class Standing:
    """What the server knows at this moment; ``read_began`` and ``now`` are readings of its own boot clock."""

    ledger: str
    revision: int
    digest: str
    read_began: float
    now: float
    blocked: bool = False  # a kill could not be recorded, or the log holds what this program can't read


def judge(ask: Ask, standing: Standing) -> Verdict:
    """The rule. Each line is there because an exhaustive search finds an open gate without it."""
    if ask.point != ask.token_point:
        return Verdict.NOT_YOURS
    if ask.ledger is not None and ask.ledger != standing.ledger:
        return Verdict.RESYNC
    if ask.revision > standing.revision:
        return Verdict.AHEAD
    if ask.revision < standing.revision:
        return Verdict.STALE
    if ask.digest is not None and ask.digest != standing.digest:
        return Verdict.RESYNC
    if standing.blocked or not fresh(standing):
        return Verdict.NO_RIGHT
    return Verdict.GRANT


def fresh(standing: Standing) -> bool:
    """
    The head was looked at recently enough to know that no newer kill stands in the log.

    Recently by any clock, this one being perhaps slow: others count ``bound`` on theirs.
    """
    return (standing.now - standing.read_began) * (1 + DRIFT) < HEAD_AGE


def bound(lease_seconds: float) -> float:
    """Seconds after which no copy older than a commit can be in use, counted from when the commit was seen."""
    return HEAD_AGE + lease_seconds * (1 + DRIFT)


def longest_hold(lease_seconds: float) -> float:
    """Seconds after a grant was given during which the point may still use it."""
    return lease_seconds * (1 + DRIFT)
