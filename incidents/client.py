"""
The Python enforcement point: keeps a copy of the decision table, and denies when it can't prove that the copy is fresh.

Stands alone: the standard library and ``requests`` (2.28 or later). Copy this file into a gateway.
Refuses to know: incidents, people, the catalog. It holds what the server sent, and never a default answer.

    with Gateway("https://andon.example", token, "eu-gateway-1").start() as gateway:
        decision = gateway.decide("acme", "orion-2", "tool-use", region="DE")
        if not decision.allowed:
            return 403, decision.reason

From the top: ``Lease``, ``Copy``, ``Usage`` and ``Point`` are pure (clocks are arguments; no file, thread or network).
``Disk``, ``EventLines`` and ``Gateway`` are the machinery around them.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import json
import logging
import os
import queue
import random
import re
import secrets
import socket
import sys
import threading
import time
import weakref
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple
from urllib.parse import quote, urlsplit

import requests
from requests.auth import AuthBase

if sys.platform != "win32":
    import fcntl

__all__ = ["Copy", "Decision", "Disk", "EventLines", "Gateway", "Lease", "Point", "Unusable", "Usage"]

log = logging.getLogger("andon.gateway")

GRANTED = "granted"
UNKNOWN_MODEL = "unknown-model"
UNKNOWN_CAPABILITY = "unknown-capability"
UNKNOWN_PARTNER = "unknown-partner"
MODEL_HALTED = "model-halted"
CAPABILITY_OFF = "capability-off"
REGION_OFF = "region-off"
PARTNER_REVOKED = "partner-revoked"
STAGE = "stage"
NO_GRANT = "no-grant"
GRANT_EXPIRED = "grant-expired"
TERMS_NOT_ACCEPTED = "terms-not-accepted"
USAGE_CAP = "usage-cap"
LEASE_LAPSED = "lease-lapsed"
INTERNAL_ERROR = "internal-error"
"""Only the client gives this one: a fault in its own code or an unusable question. It denies, and is logged."""

LONGEST_LEASE_S = 300.0
DAY_S = 86_400
WINDOWS = {"minute": 60, "hour": 3_600, "day": DAY_S, "refused": 3_600}
"""Lengths in seconds. ``refused`` counts by the hour what was denied as something is held; no cap looks at it."""
HELD = frozenset({MODEL_HALTED, CAPABILITY_OFF, REGION_OFF, PARTNER_REVOKED, STAGE})
CAP_PERIODS = {"per_minute": "minute", "per_hour": "hour", "per_day": "day"}
MEMO_LIMIT = 50_000
USAGE_ROWS_LIMIT = 4_000
_DIGEST_SIZE = 2**256
_ISO_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")
_ELSEWHERE = "*elsewhere*"

# Time that also passes while the machine sleeps. On Linux that is CLOCK_BOOTTIME; on macOS CLOCK_MONOTONIC counts
# sleep although time.monotonic() there does not.
_CLOCK_ID = getattr(time, "CLOCK_BOOTTIME", getattr(time, "CLOCK_MONOTONIC", None))
_boot_now: Callable[[], float] = (
    functools.partial(time.clock_gettime, _CLOCK_ID) if _CLOCK_ID is not None else time.monotonic
)
_wall_now: Callable[[], float] = time.time

Thing = tuple["str | None", "str | None", "str | None"]
"""Partner, model, capability; None is "any"."""


class Decision(NamedTuple):
    """One answer. It is true in a condition only if it allows, so ``if gateway.decide(...)`` can't fail open."""

    allowed: bool
    reason: str
    revision: int

    def __bool__(self) -> bool:
        return self.allowed


class Unusable(Exception):
    """What was received or read can't be used; ``str()`` says why."""


# --------------------------------------------------------------------------------------------------------------- Lease


class Lease:
    """
    How long this process may answer from its copy.

    Pure. Two clocks are passed in: ``boot_now`` also runs while the machine sleeps and decides; ``wall_now`` may only
    shorten. A lease counts from the moment before the first attempt of the request that earned it.
    """

    OUTSTANDING_LIMIT = 8

    def __init__(self) -> None:
        self.boot_end = float("-inf")
        self.wall_end = float("-inf")
        self._asked: dict[str, tuple[float, float]] = {}

    def begin(self, nonce: str, boot_now: float, wall_now: float) -> None:
        """Note the time of a request, before its first attempt. A retry of the same nonce keeps the first time."""
        self._asked.setdefault(nonce, (boot_now, wall_now))
        while len(self._asked) > self.OUTSTANDING_LIMIT:
            del self._asked[next(iter(self._asked))]

    def granted(self, nonce: str, lease_seconds: object) -> bool:
        """
        Take a grant: False, and nothing changed, if no outstanding request has this nonce or the length is no number
        from 0 to 300. Of several grants the one that ends last counts.
        """
        if isinstance(lease_seconds, bool) or not isinstance(lease_seconds, (int, float)):
            return False
        if not 0 <= lease_seconds <= LONGEST_LEASE_S:  # also refuses NaN
            return False
        asked = self._asked.pop(nonce, None)
        if asked is None:
            return False
        boot, wall = asked
        if boot + lease_seconds > self.boot_end:
            self.boot_end, self.wall_end = boot + lease_seconds, wall + lease_seconds
        return True

    def forget(self, nonce: str) -> None:
        """The request with this nonce will not be granted any more."""
        self._asked.pop(nonce, None)

    def end(self) -> None:
        """Over at once, and no request that is under way can bring it back."""
        self.boot_end = self.wall_end = float("-inf")
        self._asked.clear()

    def held(self, boot_now: float, wall_now: float) -> bool:
        """True while it lasts. Once the wall clock was seen past the end, turning it back does not help."""
        if wall_now > self.wall_end:
            self.boot_end = self.wall_end = float("-inf")
        return boot_now < self.boot_end

    def left(self, boot_now: float, wall_now: float) -> float:
        """Seconds left, 0.0 without a lease."""
        return max(0.0, min(self.boot_end - boot_now, self.wall_end - wall_now))


# ---------------------------------------------------------------------------------------------------------------- Copy


def _weight(table: str, key: str, value: object) -> int:
    text = json.dumps([table, key, value], sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return int.from_bytes(hashlib.sha256(text.encode("ascii")).digest(), "big")


def _table(body: Mapping[str, Any], name: str) -> dict[str, Any]:
    table = body.get(name)
    if not isinstance(table, dict):
        raise Unusable(f"'{name}' is missing or not a table")
    return table


def _number(body: Mapping[str, Any], name: str) -> int:
    value = body.get(name)
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise Unusable(f"'{name}' is {value!r}, not a whole number from 0")
    return value


def _text(body: Mapping[str, Any], name: str) -> str:
    value = body.get(name)
    if not isinstance(value, str) or not value:
        raise Unusable(f"'{name}' is {value!r}, not a text")
    return value


class Verdict(NamedTuple):
    """What the table alone says. ``caps`` are (period, limit) that the caller still has to count."""

    reason: str
    caps: tuple[tuple[str, int], ...] = ()


class Copy:
    """
    The decision table as of one revision of one ledger. Immutable: a change makes a new one.

    Pure. ``live`` decides; ``shadow`` holds the keys that drills narrow. Values are JSON as received; whatever can't be
    understood denies. An entry of a model or flag is the strictest that anybody meets; its ``for`` may hold another one
    for a partner that is spared.
    """

    __slots__ = ("_sum", "ledger", "live", "revision", "shadow")

    def __init__(self, ledger: str, revision: int, live: dict[str, Any], shadow: dict[str, Any], total: int) -> None:
        self.ledger = ledger
        self.revision = revision
        self.live = live
        self.shadow = shadow
        self._sum = total

    @property
    def digest(self) -> str:
        """64 lower-case hex digits over every entry of both tables."""
        return f"{self._sum:064x}"

    @classmethod
    def from_snapshot(cls, body: object) -> Copy:
        """
        Raises:
            Unusable: A member is missing or of the wrong kind, or the digest is not that of the tables.
        """
        if not isinstance(body, dict):
            raise Unusable("the snapshot is not an object")
        ledger, revision = _text(body, "ledger"), _number(body, "revision")
        live, shadow = _table(body, "live"), _table(body, "shadow")
        total = sum(_weight("live", key, value) for key, value in live.items())
        total += sum(_weight("shadow", key, value) for key, value in shadow.items())
        copy = cls(ledger, revision, live, shadow, total % _DIGEST_SIZE)
        if copy.digest != body.get("digest"):
            raise Unusable(f"the digest of the snapshot at revision {revision} is not that of its tables")
        return copy

    def after(self, change: Mapping[str, Any]) -> Copy:
        """
        This copy with one change applied; the caller has checked ledger and ``from``.

        Raises:
            Unusable: The change is malformed, or the result's digest is not the one that was announced.
        """
        revision = _number(change, "revision")
        total = self._sum
        tables = {"live": self.live, "shadow": self.shadow}
        for name, old in tables.items():
            part = change.get(name, {})
            if not isinstance(part, dict):
                raise Unusable(f"'{name}' of the change to revision {revision} is not an object")
            tables[name], total = _changed(name, old, part, total)
        copy = Copy(self.ledger, revision, tables["live"], tables["shadow"], total % _DIGEST_SIZE)
        if copy.digest != change.get("digest"):
            raise Unusable(f"after the change to revision {revision} the digest is not the announced one")
        return copy

    def as_body(self) -> dict[str, Any]:
        """The members of a snapshot, for the disk."""
        return {
            "ledger": self.ledger,
            "revision": self.revision,
            "digest": self.digest,
            "live": self.live,
            "shadow": self.shadow,
        }

    def entry(self, key: str, *, shadow: bool = False) -> dict[str, Any] | None:
        value = self.shadow.get(key, self.live.get(key)) if shadow else self.live.get(key)
        return value if isinstance(value, dict) else None

    def allows_on_silence(self, model: str, capability: str, partner: str | None = None) -> bool:
        """Does this flag keep its last known decision (for this partner) when the lease has lapsed?"""
        flag = _own(self.entry(f"flag:{model}:{capability}"), partner)
        return flag is not None and flag.get("silence") == "allow"

    def verdict(
        self, partner: str, model: str, capability: str, region: str | None, today: str, *, shadow: bool = False
    ) -> Verdict:
        """
        The table's answer in the fixed order; the first check that fails is the reason.

        Args:
            region: None or empty is "not told". Upper and lower case are the same.
            today: The UTC date, ``2026-11-23``.
        """
        model_entry = _own(self.entry(f"model:{model}", shadow=shadow), partner)
        flag = _own(self.entry(f"flag:{model}:{capability}", shadow=shadow), partner)
        partner_entry = self.entry(f"partner:{partner}", shadow=shadow)
        if model_entry is None:
            return Verdict(UNKNOWN_MODEL)
        if flag is None:
            return Verdict(UNKNOWN_CAPABILITY)
        if partner_entry is None:
            return Verdict(UNKNOWN_PARTNER)
        if model_entry.get("halted"):
            return Verdict(MODEL_HALTED)
        if flag.get("off"):
            return Verdict(CAPABILITY_OFF)
        if _region_is_off(flag.get("regions"), region):
            return Verdict(REGION_OFF)
        if partner_entry.get("revoked"):
            return Verdict(PARTNER_REVOKED)
        if not self._admits(model_entry, partner_entry, shadow=shadow):
            return Verdict(STAGE)
        return _grant_verdict(self.entry(f"grant:{partner}:{model}:{capability}", shadow=shadow), today)

    def _admits(self, model: Mapping[str, Any], partner: Mapping[str, Any], *, shadow: bool) -> bool:
        ladder = self.shadow.get("ladder", self.live.get("ladder")) if shadow else self.live.get("ladder")
        stage, audience = model.get("stage"), partner.get("audience")
        if not isinstance(ladder, list) or stage not in ladder or audience not in ladder:
            return False
        return ladder.index(audience) <= ladder.index(stage)


def _changed(name: str, old: dict[str, Any], part: Mapping[str, Any], total: int) -> tuple[dict[str, Any], int]:
    added, removed = part.get("set", {}), part.get("remove", [])
    if not isinstance(added, dict) or not isinstance(removed, list):
        raise Unusable(f"'{name}' of a change is not {{set, remove}}")
    if not added and not removed:
        return old, total
    new = dict(old)
    for key in removed:
        if key in new:
            total -= _weight(name, key, new.pop(key))
    for key, value in added.items():
        if key in new:
            total -= _weight(name, key, new[key])
        new[key] = value
        total += _weight(name, key, value)
    return new, total


def _own(entry: dict[str, Any] | None, partner: str | None) -> dict[str, Any] | None:
    """The entry as it is for one partner; the strict one where nothing that can be understood says otherwise."""
    exceptions = entry.get("for") if entry is not None and partner is not None else None
    own = exceptions.get(partner) if isinstance(exceptions, dict) else None
    return own if isinstance(own, dict) else entry


def _region_is_off(regions: object, region: str | None) -> bool:
    if not regions:
        return False
    if not isinstance(regions, list) or not region:
        return True
    return region.strip().upper() in {str(each).strip().upper() for each in regions}


def _grant_verdict(grant: Mapping[str, Any] | None, today: str) -> Verdict:
    if grant is None:
        return Verdict(NO_GRANT)
    expires = grant.get("expires")
    if expires is not None and not (
        isinstance(expires, str) and _ISO_DAY.fullmatch(expires) is not None and today <= expires
    ):
        return Verdict(GRANT_EXPIRED)
    if grant.get("terms") is not True:
        return Verdict(TERMS_NOT_ACCEPTED)
    caps = _caps(grant.get("cap"))
    if caps is None or any(limit <= 0 for _, limit in caps):
        return Verdict(USAGE_CAP)
    return Verdict(GRANTED, caps)


def _caps(cap: object) -> tuple[tuple[str, int], ...] | None:
    """Periods and limits; None if a cap is written in a way that can't be held here (that denies)."""
    if not cap:
        return ()
    if not isinstance(cap, dict):
        return None
    for name, limit in cap.items():
        if name not in CAP_PERIODS or isinstance(limit, bool) or not isinstance(limit, int):
            return None
    return tuple((CAP_PERIODS[name], limit) for name, limit in sorted(cap.items()))


def revoked(old: Copy, new: Copy, today: str) -> list[Thing]:
    """
    What ``old`` allowed somewhere and ``new`` does not: usage is not looked at, except that a cap of 0 denies.

    Exact triples, drawn together where a whole thing went: ``(None, model, None)`` for a model that was halted or
    removed, ``(None, model, capability)`` for a flag, ``(partner, None, None)`` for a partner.
    """
    changed = {key for key, value in old.live.items() if key not in new.live or new.live[key] != value}
    lost: dict[Thing, None] = {}
    for key in old.live:
        if not key.startswith("grant:") or key.count(":") != 3:
            continue
        _, partner, model, capability = key.split(":")
        flag = f"flag:{model}:{capability}"
        if not changed.isdisjoint((key, "ladder", f"model:{model}", flag, f"partner:{partner}")):
            regions = (_own(new.entry(flag), partner) or {}).get("regions")
            probes = [_ELSEWHERE, *(str(each) for each in regions)] if isinstance(regions, list) else [_ELSEWHERE]
            if any(
                old.verdict(partner, model, capability, region, today).reason == GRANTED
                and new.verdict(partner, model, capability, region, today).reason != GRANTED
                for region in probes
            ):
                lost[_widest(old, new, partner, model, capability)] = None
    return list(lost)


def _widest(old: Copy, new: Copy, partner: str, model: str, capability: str) -> Thing:
    if _went(old, new, f"model:{model}", "halted"):
        return (None, model, None)
    if _went(old, new, f"flag:{model}:{capability}", "off"):
        return (None, model, capability)
    if _went(old, new, f"partner:{partner}", "revoked"):
        return (partner, None, None)
    return (partner, model, capability)


def _went(old: Copy, new: Copy, key: str, mark: str) -> bool:
    """It is gone for everybody, and was there for more than those whom an exception had spared."""
    entry = new.entry(key)
    return entry is None or (bool(entry.get(mark)) and "for" not in entry and not (old.entry(key) or {}).get(mark))


# --------------------------------------------------------------------------------------------------------------- Usage

UsageKey = tuple[str, str, str, int]
"""Partner, flag, period, start of the window in seconds since 1970."""


@functools.lru_cache(maxsize=1_024)
def _window_start(start: int) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(start))


class Usage:
    """
    How often capped grants were used, and how often something held was asked for, per UTC-aligned window.

    Pure. Own counts only grow within a window, so a report that is sent twice counts nothing twice. What all the
    other instances used is the server's total less what this one had reported; it lags by one renewal.
    """

    KEEP_UNREPORTED_S = 3_600

    def __init__(self) -> None:
        self._own: dict[UsageKey, int] = {}
        self._others: dict[UsageKey, int] = {}
        self._acknowledged: dict[UsageKey, int] = {}

    def spend(self, partner: str, flag: str, caps: Iterable[tuple[str, int]], wall_now: float) -> bool:
        """Count one use against every cap, or none if one of them is used up."""
        windows: list[UsageKey] = []
        for per, limit in caps:
            length = WINDOWS[per]
            key = (partner, flag, per, int(wall_now // length) * length)
            if self.used(key) >= limit:
                return False
            windows.append(key)
        for key in windows:
            self._own[key] = self._own.get(key, 0) + 1
        return True

    def refuse(self, partner: str, flag: str, wall_now: float) -> None:
        """Count one question that was denied because something is held."""
        length = WINDOWS["refused"]
        key = (partner, flag, "refused", int(wall_now // length) * length)
        self._own[key] = self._own.get(key, 0) + 1

    def used(self, key: UsageKey) -> int:
        return self._own.get(key, 0) + self._others.get(key, 0)

    def report(self, wall_now: float, limit: int = USAGE_ROWS_LIMIT) -> list[dict[str, Any]]:
        """Rows for the server: what it has not confirmed first, then the windows still open (to learn their totals)."""
        self._prune(wall_now)
        news = [key for key, count in self._own.items() if self._acknowledged.get(key) != count]
        if len(news) < limit:
            known = set(news)
            news += [key for key in self._own if key not in known]
        return [
            {"partner": key[0], "flag": key[1], "per": key[2], "window_start": _window_start(key[3]), "count": count}
            for key, count in ((key, self._own[key]) for key in news[:limit])
        ]

    def merge(self, reported: Iterable[Mapping[str, Any]], totals: object) -> None:
        """Take the server's totals for rows of one report. Unknown or malformed rows are ignored."""
        sent = {_row_id(row): row["count"] for row in reported}
        keys = {(key[0], key[1], key[2], _window_start(key[3])): key for key in self._own}
        for row in totals if isinstance(totals, list) else []:
            if not isinstance(row, dict) or isinstance(row.get("count"), bool) or not isinstance(row.get("count"), int):
                continue
            key = keys.get(_row_id(row))
            own = sent.get(_row_id(row))
            if key is None or own is None:
                continue
            self._acknowledged[key] = max(self._acknowledged.get(key, 0), own)
            self._others[key] = max(self._others.get(key, 0), row["count"] - own)

    def inherited(self) -> Usage:
        """For a forked child: counts of its own from zero, with all that its parent knew as the others' use."""
        child = Usage()
        child._others = {key: self.used(key) for key in {*self._own, *self._others}}
        return child

    def _prune(self, wall_now: float) -> None:
        for key in [*self._own, *(key for key in self._others if key not in self._own)]:
            ended_for = wall_now - (key[3] + WINDOWS[key[2]])
            settled = self._own.get(key) == self._acknowledged.get(key)
            if ended_for > (0 if settled else self.KEEP_UNREPORTED_S):
                for counts in (self._own, self._others, self._acknowledged):
                    counts.pop(key, None)


def _row_id(row: Mapping[str, Any]) -> tuple[Any, Any, Any, Any]:
    return (str(row.get("partner")), str(row.get("flag")), str(row.get("per")), str(row.get("window_start")))


# --------------------------------------------------------------------------------------------------------------- Point


class _Asked(NamedTuple):
    ledger: str
    revision: int
    usage: list[dict[str, Any]]


class Point:
    """
    What one instance holds and may say: copy, lease, acknowledged revisions, and whether silence may be trusted.

    Pure. ``trusted`` means that this instance has held a lease for this ledger since it started; only then do flags
    with ``on_silence: allow`` keep their last known decision. A refusal by the server (401, 403) is no silence.
    """

    def __init__(self, instance: str, copy: Copy | None = None, marks: Mapping[str, int] | None = None) -> None:
        self.instance = instance
        self.copy = copy
        self.marks: dict[str, int] = dict(marks or {})
        self.lease = Lease()
        self.trusted = False
        self.ever_held = False
        self.wants_snapshot = copy is None
        self.refused: str | None = None
        self._asked: dict[str, _Asked] = {}

    def floor(self, ledger: str) -> int:
        """The lowest revision of this ledger that may still be used."""
        held = self.copy.revision if self.copy is not None and self.copy.ledger == ledger else 0
        return max(held, self.marks.get(ledger, 0))

    def take_snapshot(self, copy: Copy) -> bool:
        """
        Replace the copy. Another ledger's snapshot drops copy and lease first. False: older than what was acknowledged.
        """
        if self.copy is not None and self.copy.ledger != copy.ledger:
            self.drop()
        if copy.revision < self.floor(copy.ledger):
            self.refused = (
                f"the server offers revision {copy.revision}, this point has acknowledged {self.floor(copy.ledger)}"
            )
            return False
        self.copy, self.wants_snapshot, self.refused = copy, False, None
        return True

    def take_change(self, change: object) -> bool:
        """
        Apply a change if it continues this copy. False: nothing applied; ``wants_snapshot`` says if one is needed.
        """
        if not isinstance(change, dict):
            self.wants_snapshot = True
            return False
        if self.copy is None or "ledger" not in change or not self._same_ledger(change["ledger"]):
            self.wants_snapshot = True
            return False
        try:
            if _number(change, "revision") <= self.copy.revision:
                return False
            if _number(change, "from") != self.copy.revision:
                self.wants_snapshot = True
                return False
            self.copy = self.copy.after(change)
        except Unusable as unusable:
            self.refused = str(unusable)
            self.wants_snapshot = True
            return False
        self.refused = None
        return True

    def ask(
        self, nonce: str, copy: Copy, mark: int | None, usage: list[dict[str, Any]], boot_now: float, wall_now: float
    ) -> dict[str, Any] | None:
        """
        The members of a lease request for ``copy``. Call it right before the first attempt: the lease counts from here.

        Args:
            mark: The highest acknowledged revision of this ledger that is written down, None if it could not be.

        Returns:
            None if there is nothing to say for this copy: its ledger is gone, or another process of the folder has
            acknowledged a later revision, which must be had first. Without a mark, a request that acknowledges only
            what was written down before and says why; no answer to it is taken for a lease.
        """
        if self.copy is None or self.copy.ledger != copy.ledger:
            return None
        if mark is not None and mark > copy.revision:
            self.marks[copy.ledger] = mark
            self.wants_snapshot = self.wants_snapshot or self.copy.revision < mark
            return None
        revision, digest, refused = copy.revision, copy.digest, self.refused
        if mark is None:
            revision, digest = min(self.marks.get(copy.ledger, 0), copy.revision), ""
            refused = f"revision {copy.revision} could not be written down, so it is not acknowledged"
        else:
            self.marks[copy.ledger] = max(revision, self.marks.get(copy.ledger, 0))
            self.lease.begin(nonce, boot_now, wall_now)
            self._asked[nonce] = _Asked(copy.ledger, revision, usage)
            while len(self._asked) > Lease.OUTSTANDING_LIMIT:
                del self._asked[next(iter(self._asked))]
        body: dict[str, Any] = {
            "instance": self.instance,
            "nonce": nonce,
            "ledger": copy.ledger,
            "revision": revision,
            "digest": digest,
            "usage": usage,
        }
        if refused is not None:
            body["refused"] = refused[:500]
        return body

    def answered(self, body: object, usage: Usage) -> str:
        """
        Take a 200 answer to a lease request: ``granted``, ``stale`` (perhaps with a change applied) or ``discarded``.
        """
        nonce = body.get("nonce") if isinstance(body, dict) else None
        asked = self._asked.pop(nonce, None) if isinstance(nonce, str) else None
        if not isinstance(body, dict) or not isinstance(nonce, str) or asked is None:
            return "discarded"
        if (
            self.copy is None
            or self.copy.ledger != asked.ledger
            or not self._same_ledger(body.get("ledger", asked.ledger))
        ):
            self.lease.forget(nonce)
            self.wants_snapshot = True
            return "discarded"
        usage.merge(asked.usage, body.get("usage"))
        if body.get("lease_seconds") == 0 and not isinstance(body.get("lease_seconds"), bool):
            self.lease.forget(nonce)
            self._catch_up(body)
            return "stale"
        if body.get("revision") != asked.revision:
            self.lease.forget(nonce)
            self.wants_snapshot = True
            return "discarded"
        if not self.lease.granted(nonce, body.get("lease_seconds")):
            self.lease.forget(nonce)
            return "discarded"
        self.trusted = self.ever_held = True
        self.refused = None  # the server has just agreed on revision and digest
        return "granted"

    def resync(self, body: object) -> None:
        """The server can't say what changed: a snapshot is needed, and another ledger's name drops the copy now."""
        if isinstance(body, dict) and self.copy is not None and body.get("ledger") not in (None, self.copy.ledger):
            self.drop()
        self.wants_snapshot = True

    def turned_away(self) -> None:
        """401 or 403: the token is gone. The lease ends at once, and so does the trust in silence."""
        self.lease.end()
        self._asked.clear()
        self.trusted = False

    def drop(self) -> None:
        """Another ledger: nothing of this copy may be used any more. Its mark stays."""
        self.turned_away()
        self.copy = None
        self.wants_snapshot = True
        self.refused = None

    def forked(self, instance: str) -> None:
        """In the child: another instance, without lease and without the copy's authority."""
        self.turned_away()
        self.instance = instance
        self.ever_held = False

    def decide(
        self, partner: str, model: str, capability: str, region: str | None, boot_now: float, wall_now: float
    ) -> Verdict:
        """The decision at this moment, before usage is counted."""
        copy = self.copy
        if copy is None:
            return Verdict(LEASE_LAPSED)
        may_answer = self.lease.held(boot_now, wall_now) or (
            self.trusted and copy.allows_on_silence(model, capability, partner)
        )
        if not may_answer:
            return Verdict(LEASE_LAPSED)
        return copy.verdict(partner, model, capability, region, _utc_day(wall_now))

    def _catch_up(self, body: Mapping[str, Any]) -> None:
        if "change" in body:
            self.take_change(body["change"])
        elif body.get("resync"):
            self.wants_snapshot = True

    def _same_ledger(self, ledger: object) -> bool:
        """False for another ledger's id; then copy and lease are gone."""
        if self.copy is not None and ledger == self.copy.ledger:
            return True
        self.drop()
        return False


def _utc_day(wall_now: float) -> str:
    return time.strftime("%Y-%m-%d", time.gmtime(wall_now))


# ---------------------------------------------------------------------------------------------------------------- Disk


class Disk:
    """
    The copy and the marks (highest acknowledged revision per ledger) in one folder, which several processes may share.

    Files are 0600 and replaced atomically. A file that is corrupt, of another format or, for a copy, older than its
    mark is ignored. ``folder=None`` keeps the marks in memory only.

    A mark that can't be written stops acknowledgement: after a restart nothing would keep this point from taking an
    older table for the truth. Decisions go on until the lease ends; then the point denies and says why. A gateway
    without a disk says so with ``cache_dir=None``, and then relies on the server alone for that.
    """

    FORMAT = 1
    LOCK_WAIT_S = 0.5

    def __init__(self, folder: str | os.PathLike[str] | None, url: str, warn: Callable[[str, str], None]) -> None:
        self.folder = None if folder is None else os.path.abspath(os.path.expanduser(os.fspath(folder)))
        self.error: str | None = None
        self._warn = warn
        self._copy_name = f"copy-{hashlib.sha256(url.encode()).hexdigest()[:16]}.json"
        self._memory: dict[str, int] = {}

    def load(self) -> tuple[Copy | None, dict[str, int]]:
        """Whatever can be used of the last run, marks included. Never raises for what it finds."""
        if self.folder is None:
            return None, dict(self._memory)
        copy: Copy | None = None
        try:
            marks = self._read_marks(self.folder)
            body = self._read(os.path.join(self.folder, self._copy_name))
        except OSError as problem:
            self._failed(f"{self.folder} can't be read: {problem}")
            return None, {}
        if body is not None:
            try:
                copy = Copy.from_snapshot(body)
                if copy.revision < marks.get(copy.ledger, 0):
                    raise Unusable(f"revision {copy.revision} is older than the acknowledged {marks[copy.ledger]}")
            except Unusable as unusable:
                copy = None
                self._warn("disk-copy", f"the copy on disk is not used: {unusable}")
        return copy, marks

    def mark(self, ledger: str, revision: int) -> int | None:
        """
        Write down that this revision is about to be acknowledged; durable when it returns.

        Returns:
            The highest mark of this ledger, which is above ``revision`` if another process of the folder was ahead.
            None if it could not be written.
        """
        if self.folder is None:
            self._memory[ledger] = max(revision, self._memory.get(ledger, 0))
            return self._memory[ledger]
        try:
            os.makedirs(self.folder, mode=0o700, exist_ok=True)
            with self._locked(self.folder):
                marks = self._read_marks(self.folder)
                if marks.get(ledger, -1) < revision:
                    marks[ledger] = revision
                    self._write(os.path.join(self.folder, "marks.json"), {"format": self.FORMAT, "marks": marks})
        except OSError as problem:
            self._failed(f"revision {revision} could not be written down in {self.folder}: {problem}")
            return None
        self.error = None
        return marks[ledger]

    def save(self, copy: Copy) -> bool:
        """Keep the copy for the next start. A failure is reported and costs nothing but a snapshot then."""
        if self.folder is None:
            return True
        try:
            os.makedirs(self.folder, mode=0o700, exist_ok=True)
            self._write(os.path.join(self.folder, self._copy_name), {"format": self.FORMAT, **copy.as_body()})
        except OSError as problem:
            self._failed(f"the copy at revision {copy.revision} could not be kept in {self.folder}: {problem}")
            return False
        return True

    def _failed(self, what: str) -> None:
        self.error = what
        self._warn("disk", f"{what}. Make room, pass another cache_dir, or cache_dir=None for memory only.")

    def _read_marks(self, folder: str) -> dict[str, int]:
        body = self._read(os.path.join(folder, "marks.json"))
        marks = body.get("marks") if body is not None else None
        if not isinstance(marks, dict):
            return {}
        return {key: value for key, value in marks.items() if isinstance(value, int) and not isinstance(value, bool)}

    def _read(self, path: str) -> dict[str, Any] | None:
        try:
            with open(path, encoding="utf-8") as file:
                body = json.load(file)
        except FileNotFoundError:
            return None
        except (ValueError, RecursionError) as problem:
            self._warn(f"disk-{path}", f"{path} is not JSON and is ignored: {problem}")
            return None
        if not isinstance(body, dict) or body.get("format") != self.FORMAT:
            self._warn(f"disk-{path}", f"{path} has another format and is ignored")
            return None
        return body

    @contextlib.contextmanager
    def _locked(self, folder: str) -> Iterator[None]:
        handle = os.open(os.path.join(folder, "marks.lock"), os.O_RDWR | os.O_CREAT, 0o600)
        try:
            if sys.platform != "win32":
                self._lock_within(handle, time.monotonic() + self.LOCK_WAIT_S)
            yield
        finally:
            if sys.platform != "win32":
                # Explicitly: a child forked meanwhile has this open file too, and closing ours alone would not unlock.
                fcntl.flock(handle, fcntl.LOCK_UN)
            os.close(handle)

    def _lock_within(self, handle: int, until: float) -> None:
        # Never blocking: a process that was stopped while it held the lock must not stop the others.
        while sys.platform != "win32":
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return
            except BlockingIOError:
                if time.monotonic() >= until:
                    raise
                time.sleep(0.01)

    @staticmethod
    def _write(path: str, body: Mapping[str, Any]) -> None:
        draft = f"{path}.{os.getpid()}.{secrets.token_hex(4)}"
        try:
            handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                json.dump(body, file, separators=(",", ":"))
                file.flush()
                os.fsync(file.fileno())
            os.replace(draft, path)
        except BaseException:
            with contextlib.suppress(OSError):
                os.unlink(draft)
            raise
        if sys.platform != "win32":
            folder = os.open(os.path.dirname(path), os.O_RDONLY)
            try:
                os.fsync(folder)
            finally:
                os.close(folder)


def default_cache_dir() -> str:
    """``$ANDON_GATEWAY_CACHE``, else ``$XDG_CACHE_HOME/andon``, else ``~/.cache/andon``."""
    own = os.environ.get("ANDON_GATEWAY_CACHE")
    if own:
        return own
    base = os.environ.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache")
    return os.path.join(base, "andon")


# ---------------------------------------------------------------------------------------------------------- EventLines


class StreamEvent(NamedTuple):
    """One server-sent event."""

    kind: str
    data: str


class EventLines:
    """Bytes of a ``text/event-stream`` in any portions, events out. Comments only prove that the line is alive."""

    LIMIT = 32 * 1024 * 1024

    def __init__(self) -> None:
        self._rest = bytearray()
        self._kind = ""
        self._data: list[str] = []
        self._size = 0

    def feed(self, portion: bytes) -> list[StreamEvent]:
        """
        Raises:
            Unusable: An event is longer than 32 MiB, or not UTF-8.
        """
        self._rest += portion
        if b"\n" not in portion and len(self._rest) <= self.LIMIT:
            return []
        *lines, rest = self._rest.split(b"\n")
        self._rest = rest
        events: list[StreamEvent] = []
        for line in lines:
            self._size += len(line)
            if self._size > self.LIMIT:
                raise Unusable("an event of the stream is longer than 32 MiB")
            event = self._line(bytes(line))
            if event is not None:
                events.append(event)
        if len(rest) + self._size > self.LIMIT:
            raise Unusable("an event of the stream is longer than 32 MiB")
        return events

    def _line(self, line: bytes) -> StreamEvent | None:
        try:
            text = line.rstrip(b"\r").decode("utf-8")
        except UnicodeDecodeError as problem:
            raise Unusable(f"the stream is not UTF-8: {problem}") from problem
        if not text:
            event = StreamEvent(self._kind or "message", "\n".join(self._data)) if self._data else None
            self._kind, self._data, self._size = "", [], 0
            return event
        field, _, value = text.partition(":")
        value = value[1:] if value.startswith(" ") else value
        if field == "event":
            self._kind = value
        elif field == "data":
            self._data.append(value)
        return None


# ------------------------------------------------------------------------------------------------------------- Gateway


class _View:
    """All that ``decide`` reads, swapped as one. Only its memos grow, and they belong to one copy and one UTC day."""

    __slots__ = (
        "boot_end",
        "capped",
        "copy",
        "day_end",
        "day_start",
        "held",
        "memo",
        "revision",
        "today",
        "trusted",
        "wall_before",
        "wall_end",
    )

    def __init__(
        self, copy: Copy | None, lease: Lease | None, *, trusted: bool, wall: float, last: _View | None
    ) -> None:
        self.copy = copy
        self.trusted = trusted
        self.revision = copy.revision if copy is not None else 0
        self.boot_end = lease.boot_end if lease is not None else float("-inf")
        self.wall_end = lease.wall_end if lease is not None else float("-inf")
        self.day_start = wall // DAY_S * DAY_S
        self.day_end = self.day_start + DAY_S
        self.today = _utc_day(self.day_start)
        self.wall_before = min(self.wall_end, self.day_end)
        same = last is not None and last.copy is copy and last.day_start == self.day_start
        self.memo: dict[tuple[str, str, str, str | None], Decision] = last.memo if last is not None and same else {}
        self.capped: dict[tuple[str, str, str, str | None], tuple[tuple[str, int], ...]] = (
            last.capped if last is not None and same else {}
        )
        self.held: dict[tuple[str, str, str, str | None], Decision] = last.held if last is not None and same else {}


class _Bearer(AuthBase):
    """As ``auth``, not as a header: else a ~/.netrc entry for the host would silently replace the token."""

    def __init__(self, token: str) -> None:
        self._value = f"Bearer {token}"

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers["Authorization"] = self._value
        return request


class _QuietLog:
    """Says each kind of trouble at most once a minute, with the number of times it was left unsaid."""

    EVERY_S = 60.0

    def __init__(self, on_error: Callable[[str, BaseException | None], None] | None) -> None:
        self._on_error = on_error
        self._said: dict[str, tuple[float, int]] = {}
        self._lock = threading.Lock()
        self.last: dict[str, Any] | None = None

    def say(
        self, kind: str, message: str, problem: BaseException | None = None, *, level: int = logging.WARNING
    ) -> None:
        now = time.monotonic()
        with self._lock:
            self.last = {"what": message, "at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(_wall_now()))}
            said_at, unsaid = self._said.get(kind, (float("-inf"), 0))
            if now - said_at < self.EVERY_S:
                self._said[kind] = (said_at, unsaid + 1)
                return
            if len(self._said) > 1_000:
                self._said.clear()
            self._said[kind] = (now, 0)
        more = f" ({unsaid} more of this kind were not logged)" if unsaid else ""
        log.log(level, "%s%s", message, more, exc_info=problem if level >= logging.ERROR else None)
        if self._on_error is not None:
            try:
                self._on_error(message, problem)
            except Exception:  # the user's code must not stop the thread that reports to it
                log.warning("on_error raised", exc_info=True)


@dataclass
class _Backoff:
    """0.2 s doubling to ``most``, with jitter, so that a thousand gateways do not come back at once."""

    most: float
    step: float = 0.2

    def next(self) -> float:
        pause = self.step * random.uniform(0.5, 1.0)  # noqa: S311  jitter, no secret
        self.step = min(self.most, self.step * 2)
        return pause

    def reset(self) -> None:
        self.step = 0.2


class _Default:
    """Stands for "the default folder" where None means "no folder"."""


_DEFAULT = _Default()


class Gateway:
    """
    An enforcement point: answers from its copy, keeps it fresh in the background, denies when it can't.

    Args:
        url: Where Andon is, ``https://andon.example``.
        token: An ``enforcer`` token of this point.
        name: The point's name, as registered with the token.
        cache_dir: Folder for copy and marks; None for memory only. See ``default_cache_dir`` and ``Disk``.
        applies: The tables this point applies. Without ``shadow`` it never confirms a drill.
        on_error: Called with a sentence and perhaps an exception, at most once a minute for each kind of trouble.

    ``start`` returns at once; until the first lease is granted every decision is ``lease-lapsed``. A forked child
    denies until it has a lease of its own. After ``close`` it denies for good.
    """

    HEARTBEAT_S = 10.0
    TIMEOUT_S = 2.0
    POLL_S = 1.0
    SAVE_EVERY_S = 2.0

    def __init__(
        self,
        url: str,
        token: str,
        name: str,
        *,
        cache_dir: str | os.PathLike[str] | _Default | None = _DEFAULT,
        applies: Iterable[str] = ("live", "shadow"),
        on_error: Callable[[str, BaseException | None], None] | None = None,
    ) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.netloc:
            raise ValueError(f"url '{url}' is not one; write it like https://andon.example")
        if not token.strip() or not name.strip():
            raise ValueError("token and name must not be empty")
        self._applies = list(applies)
        if "live" not in self._applies or not set(self._applies) <= {"live", "shadow"}:
            raise ValueError(f"applies {self._applies} must hold 'live', and may hold 'shadow'")
        self._base = url.rstrip("/") + "/enforce/v1"
        self._auth = _Bearer(token.strip())
        self._name = name
        self._trouble = _QuietLog(on_error)
        folder = default_cache_dir() if isinstance(cache_dir, _Default) else cache_dir
        self._disk = Disk(folder, self._base, self._trouble.say)
        self._callbacks: list[Callable[[str | None, str | None, str | None], None]] = []
        self._usage = Usage()
        self._point = Point(secrets.token_hex(8))
        self._started = False
        self._saved: Copy | None = None
        self._basis: Copy | None = None  # what on_revoked was last told about; outlives a dropped copy
        self._fresh_machinery()
        self._view = _View(None, None, trusted=False, wall=_wall_now(), last=None)

    def _fresh_machinery(self) -> None:
        """Everything that can't be shared with another process: locks, events, threads, connections."""
        self._lock = threading.RLock()
        self._usage_lock = threading.Lock()
        self._closed = threading.Event()
        self._wake = threading.Event()
        self._has_copy = threading.Event()
        self._threads: dict[str, threading.Thread] = {}
        self._revoked: queue.SimpleQueue[Thing | None] = queue.SimpleQueue()
        self._streaming = False
        self._ack_due = False
        self._poll_from = 0.0
        self._etag: tuple[str, str, int] | None = None
        self._line: socket.socket | None = None
        self._line_fd = -1
        self._patient = False

    # -- what users call

    def start(self) -> Gateway:
        """Load what is on disk and start the threads. A second call changes nothing."""
        if self._closed.is_set():
            raise RuntimeError(f"gateway '{self._name}' is closed; make a new one")
        with self._lock:
            if self._started:
                return self
            self._started = True
            copy, marks = self._disk.load()
            self._point = Point(self._point.instance, copy, marks)
            self._saved = copy
            self._publish()
        _LIVE.add(self)
        self._start_threads()
        return self

    def decide(self, partner: str, model: str, capability: str, region: str | None = None) -> Decision:
        """
        May this partner use this capability of this model now? Never raises, never waits for the network.

        An allowed decision on a capped grant counts one use. ``region`` is an ISO 3166 code or a group; where a
        capability is off in some regions only, a request that does not tell its region is denied.
        """
        try:
            view = self._view
            wall = _wall_now()
            if _boot_now() < view.boot_end and view.day_start <= wall < view.wall_before:
                known = view.memo.get((partner, model, capability, region))
                if known is not None:
                    return known
            return self._work_out(partner, model, capability, region)
        except Exception as problem:  # noqa: BLE001  whatever went wrong here, the answer is no; logged with traceback
            with contextlib.suppress(Exception):  # not even a fault in reporting may reach the caller
                self._trouble.say("decide", f"a decision was denied: {problem!r}", problem, level=logging.ERROR)
            return Decision(False, INTERNAL_ERROR, 0)

    def on_revoked(self, callback: Callable[[str | None, str | None, str | None], None]) -> None:
        """
        Have ``callback(partner, model, capability)`` called for each thing that was allowed and, after an applied
        change, no longer is; None stands for all of them (``(None, "orion-2", None)``: the whole model).

        It says where to look, not what to cut: ask ``decide`` again for what is running and cut what it denies (a
        capability that went off in one region may still run in others). Called from a thread of its own, in order.
        A lease that lapses calls nothing.
        """
        with self._lock:
            self._callbacks.append(callback)

    def status(self) -> dict[str, Any]:
        """What this point knows of itself, for a health page."""
        boot, wall = _boot_now(), _wall_now()
        with self._lock:
            point = self._point
            left = point.lease.left(boot, wall)
            copy = point.copy
            return {
                "name": self._name,
                "instance": point.instance,
                "ledger": copy.ledger if copy is not None else None,
                "revision": copy.revision if copy is not None else 0,
                "acknowledged": point.marks.get(copy.ledger, 0) if copy is not None else 0,
                "lease_left_s": round(left, 3),
                "silence_trusted": point.trusted,
                "connected": "stream" if self._streaming else "polling" if self._threads else "no",
                "refused": point.refused,
                "cache_dir": self._disk.folder,
                "disk_error": self._disk.error,
                "last_error": self._trouble.last,
                "threads": {name: thread.is_alive() for name, thread in self._threads.items()},
                "closed": self._closed.is_set(),
            }

    def close(self) -> None:
        """Deny from now on and end the threads. Waits about a second for them at most; a second call does nothing."""
        with self._lock:
            self._closed.set()
            self._point.turned_away()
            self._publish()
            self._cut_line()
        _LIVE.discard(self)
        self._wake.set()
        self._has_copy.set()
        self._revoked.put(None)
        until = time.monotonic() + 1.0
        for thread in self._threads.values():
            if thread is not threading.current_thread():
                thread.join(max(0.0, until - time.monotonic()))

    def __enter__(self) -> Gateway:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.close()

    # -- decisions

    def _work_out(self, partner: str, model: str, capability: str, region: str | None) -> Decision:
        """The way round: first question of its kind, capped grant, lease lapsed, new day."""
        if not (isinstance(partner, str) and isinstance(model, str) and isinstance(capability, str)):
            raise TypeError(f"partner, model and capability must be text, not {partner!r}, {model!r}, {capability!r}")
        if region is not None and not isinstance(region, str):
            raise TypeError(f"region must be text or None, not {region!r}")
        boot, wall = _boot_now(), _wall_now()
        view = self._view
        if not view.day_start <= wall < view.day_end or (boot < view.boot_end and wall > view.wall_end):
            with self._lock:
                if not self._point.lease.held(boot, wall):  # this remembers a wall clock past the end
                    self._ack_due = True  # and the next renewal is due now, not in a third of that lease
                self._publish()
                view = self._view
            self._wake.set()
        copy = view.copy
        held = boot < view.boot_end and wall <= view.wall_end
        if copy is None or not (held or (view.trusted and copy.allows_on_silence(model, capability, partner))):
            return Decision(False, LEASE_LAPSED, view.revision)
        key = (partner, model, capability, region)
        known = view.memo.get(key)
        if known is not None:
            return known
        refused = view.held.get(key)
        if refused is not None:
            return self._refuse(refused, partner, f"{model}:{capability}", wall)
        caps = view.capped.get(key)
        if caps is None:
            verdict = copy.verdict(partner, model, capability, region, view.today)
            if not verdict.caps:
                decision = Decision(verdict.reason == GRANTED, verdict.reason, copy.revision)
                if verdict.reason in HELD:
                    _remember(view.held, key, decision)
                    return self._refuse(decision, partner, f"{model}:{capability}", wall)
                _remember(view.memo, key, decision)
                return decision
            caps = verdict.caps
            _remember(view.capped, key, caps)
        with self._usage_lock:
            spent = self._usage.spend(partner, f"{model}:{capability}", caps, wall)
        return Decision(spent, GRANTED if spent else USAGE_CAP, copy.revision)

    def _refuse(self, decision: Decision, partner: str, flag: str, wall: float) -> Decision:
        """Counted, for people to see how much an incident keeps out."""
        with self._usage_lock:
            self._usage.refuse(partner, flag, wall)
        return decision

    def _publish(self) -> None:
        """Make what the point holds now visible to ``decide``. The lock is held."""
        point = self._point
        if self._closed.is_set() or not self._started:
            self._view = _View(None, None, trusted=False, wall=_wall_now(), last=None)
            return
        self._view = _View(point.copy, point.lease, trusted=point.trusted, wall=_wall_now(), last=self._view)
        if point.copy is not None:
            self._has_copy.set()
        else:
            self._has_copy.clear()

    # -- changes

    def _apply(self, step: Callable[[], Any]) -> Any:
        """Let ``step`` change the point, show the result to ``decide``, then see to acknowledgement and callbacks."""
        with self._lock:
            before, told = self._point.copy, self._point.ever_held
            basis = self._basis if before is None else before
            outcome = step()
            after = self._point.copy
            self._publish()
            moved = after is not None and after is not before
            self._basis = basis if after is None else after
            self._ack_due = self._ack_due or moved
            if moved or self._point.wants_snapshot:
                self._wake.set()
        if moved and told and self._callbacks and basis is not None and after is not None:
            for thing in revoked(basis, after, _utc_day(_wall_now())):
                self._revoked.put(thing)
        return outcome

    def _turned_away(self, where: str, status: int) -> None:
        self._apply(self._point.turned_away)
        self._trouble.say(
            f"http-{status}",
            f"{where} answered {status}: the token of '{self._name}' is not accepted, so everything is denied",
            level=logging.ERROR,
        )

    # -- threads

    def _start_threads(self) -> None:
        for name, loop in (("stream", self._stream), ("lease", self._keep), ("callbacks", self._call_back)):
            thread = threading.Thread(
                target=self._supervised, args=(name, loop, self._closed), name=f"andon-{name}", daemon=True
            )
            self._threads[name] = thread
            thread.start()

    def _supervised(self, name: str, loop: Callable[[], None], closed: threading.Event) -> None:
        pause = _Backoff(most=5.0)
        while not closed.is_set():
            began = _boot_now()
            try:
                loop()
            except Exception as problem:  # noqa: BLE001  a thread of the point must not die; logged with traceback
                if closed.is_set():
                    return
                self._trouble.say(
                    f"thread-{name}-{type(problem).__name__}",
                    f"the {name} thread failed and starts again: {problem!r}",
                    problem,
                    level=logging.ERROR,
                )
                if _boot_now() - began > 30:
                    pause.reset()
                closed.wait(pause.next())

    def _session(self) -> requests.Session:
        session = requests.Session()
        session.auth = self._auth
        session.headers.update({"User-Agent": "andon-gateway/1", "Accept-Encoding": "identity"})
        return session

    def _call_back(self) -> None:
        while not self._closed.is_set():
            thing = self._revoked.get()
            if thing is None:
                return
            for callback in list(self._callbacks):
                try:
                    callback(*thing)
                except Exception as problem:  # noqa: BLE001  one callback must not keep the others from being called
                    self._trouble.say(
                        "callback", f"an on_revoked callback raised {problem!r}", problem, level=logging.ERROR
                    )

    # -- stream thread

    def _stream(self) -> None:
        pause = _Backoff(most=5.0)
        with self._session() as session:
            while not self._closed.is_set():
                if not self._has_copy.wait(timeout=1.0):
                    continue
                if self._closed.is_set():
                    return
                try:
                    self._read_stream(session, pause)
                except (requests.RequestException, Unusable, OSError, ValueError) as problem:
                    if not self._closed.is_set():
                        self._trouble.say("stream", f"the stream broke and is opened again: {problem}")
                finally:
                    self._line_lost()
                self._closed.wait(pause.next())

    def _read_stream(self, session: requests.Session, pause: _Backoff) -> None:
        with self._lock:
            copy = self._point.copy
        if copy is None:
            return
        idle = 2.5 * self.HEARTBEAT_S
        response = session.get(
            f"{self._base}/stream?ledger={quote(copy.ledger, safe='')}",
            headers={"Accept": "text/event-stream", "Last-Event-ID": str(copy.revision)},
            stream=True,
            # The headers come at once; waiting for them as long as for a heartbeat would keep close() waiting too.
            timeout=(self.TIMEOUT_S, idle if self._patient else self.TIMEOUT_S),
            allow_redirects=False,
        )
        with contextlib.closing(response):
            if response.status_code in (401, 403):
                self._turned_away("the stream", response.status_code)
                return
            kind = response.headers.get("Content-Type", "")
            if response.status_code != 200 or not kind.startswith("text/event-stream"):
                raise Unusable(f"the stream answered {response.status_code} {kind or 'without a content type'}")
            self._line_found(response, idle)
            lines = EventLines()
            for portion in _portions(response):
                if self._closed.is_set():
                    return
                if not self._streaming:
                    self._streaming = True
                    pause.reset()
                for event in lines.feed(portion):
                    self._heard(event)
        if not self._closed.is_set():
            raise Unusable("the server ended it")

    def _heard(self, event: StreamEvent) -> None:
        if event.kind == "change":
            change = json.loads(event.data)
            self._apply(lambda: self._point.take_change(change))
        elif event.kind == "resync":
            where = json.loads(event.data)
            self._apply(lambda: self._point.resync(where))

    def _line_found(self, response: requests.Response, idle: float) -> None:
        """Let the open stream wait for heartbeats, and keep an end of it for ``close`` and for a forked child."""
        below = _socket_of(response)
        if below is None:
            self._patient = True  # this transport hides its socket: use the long time-out from the next attempt on
            return
        below.settimeout(idle)
        with self._lock:
            self._line_fd = below.fileno()
            self._line = socket.socket(fileno=os.dup(self._line_fd))
            if self._closed.is_set():
                self._cut_line()

    def _line_lost(self) -> None:
        with self._lock:
            if self._line is not None:
                self._line.close()
            self._line, self._line_fd = None, -1
            if self._streaming:
                self._streaming = False
                self._poll_from = _boot_now() + random.uniform(0.1, self.POLL_S)  # noqa: S311  jitter, no secret
        self._wake.set()

    def _cut_line(self) -> None:
        if self._line is not None:
            with contextlib.suppress(OSError):
                self._line.shutdown(socket.SHUT_RDWR)

    # -- lease thread: renews, acknowledges, takes snapshots, polls while there is no stream

    def _keep(self) -> None:
        renewal = _Renewal()
        snapshot_pause = _Backoff(most=5.0)
        snapshot_from = saved_at = 0.0
        with self._session() as session:
            while not self._closed.is_set():
                self._wake.clear()
                now = _boot_now()
                if self._snapshot_is_due(now, snapshot_from):
                    took = self._fetch_snapshot(session)
                    if took:
                        snapshot_pause.reset()
                    snapshot_from = _boot_now() + (0.0 if took else snapshot_pause.next())
                    self._poll_from = _boot_now() + self.POLL_S
                with self._lock:
                    copy, ack_due, self._ack_due = self._point.copy, self._ack_due, False
                if copy is not None and (ack_due or _boot_now() >= renewal.due):
                    self._renew(session, copy, renewal)
                if copy is not None and copy is not self._saved and _boot_now() >= saved_at + self.SAVE_EVERY_S:
                    saved_at = _boot_now()
                    if self._disk.save(copy):
                        self._saved = copy
                self._wake.wait(self._pause(renewal, snapshot_from, saved_at))
        with self._lock:
            copy = self._point.copy
        if copy is not None and copy is not self._saved:
            self._disk.save(copy)

    def _snapshot_is_due(self, now: float, snapshot_from: float) -> bool:
        if self._point.wants_snapshot:
            return now >= snapshot_from
        return not self._streaming and now >= self._poll_from

    def _pause(self, renewal: _Renewal, snapshot_from: float, saved_at: float) -> float:
        now = _boot_now()
        with self._lock:
            point = self._point
            if self._ack_due:
                return 0.0
            waits = [] if point.copy is None else [renewal.due - now]
            if point.wants_snapshot:
                waits.append(snapshot_from - now)
            elif not self._streaming:
                waits.append(self._poll_from - now)
            if point.copy is not None and point.copy is not self._saved:
                waits.append(saved_at + self.SAVE_EVERY_S - now)
        return max(0.0, min(waits, default=1.0))

    def _fetch_snapshot(self, session: requests.Session) -> bool:
        """True if the copy is as the server has it now."""
        headers = {"Accept": "application/json"}
        with self._lock:
            copy, etag = self._point.copy, self._etag
            # Only a poll may be answered "unchanged": a copy that is in doubt is replaced even at the same revision.
            sure = not self._point.wants_snapshot and self._point.refused is None
            if sure and copy is not None and etag is not None and etag[1:] == (copy.ledger, copy.revision):
                headers["If-None-Match"] = etag[0]
        try:
            response = session.get(
                f"{self._base}/snapshot",
                headers=headers,
                timeout=(self.TIMEOUT_S, self.TIMEOUT_S),
                allow_redirects=False,
            )
            if response.status_code in (401, 403):
                self._turned_away("the snapshot", response.status_code)
                return False
            if response.status_code == 304:
                return True
            if response.status_code != 200:
                raise Unusable(f"it answered {response.status_code}")
            new = Copy.from_snapshot(json.loads(response.content))
        except (requests.RequestException, Unusable, ValueError) as problem:
            if isinstance(problem, Unusable):
                with self._lock:
                    self._point.refused = str(problem)
            self._trouble.say("snapshot", f"no snapshot could be taken: {problem}")
            return False
        return self._take_snapshot(new, response.headers.get("ETag"))

    def _take_snapshot(self, new: Copy, etag: str | None) -> bool:
        with self._lock:
            held = self._point.copy
            same = held is not None and (held.ledger, held.revision, held.digest) == (
                new.ledger,
                new.revision,
                new.digest,
            )
        if same and held is not None:
            new = held  # keeps the memos, and nothing is acknowledged twice
        took = bool(self._apply(lambda: self._point.take_snapshot(new)))
        if took:
            self._etag = (etag, new.ledger, new.revision) if etag else None
        else:
            self._trouble.say("older", f"the snapshot is not used: {self._point.refused}")
        return took

    def _renew(self, session: requests.Session, copy: Copy, renewal: _Renewal) -> None:
        """One attempt. Sets when the next is due."""
        body = renewal.body_for(copy)
        if body is None:
            body, began = self._ask(copy)
            if body is None:
                renewal.due = _boot_now() + renewal.pause.next()
                return
            renewal.begun(copy, body, began)
        try:
            response = session.post(
                f"{self._base}/lease",
                json=body,
                timeout=(self.TIMEOUT_S, self.TIMEOUT_S),
                allow_redirects=False,
            )
        except requests.RequestException as problem:
            self._trouble.say("lease", f"the lease could not be renewed: {problem}")
            renewal.due = _boot_now() + renewal.pause.next()
            return
        renewal.settled()
        self._take_answer(response, body, renewal)

    def _ask(self, copy: Copy) -> tuple[dict[str, Any] | None, float]:
        mark = self._disk.mark(copy.ledger, copy.revision)
        wall = _wall_now()
        with self._usage_lock:
            usage = self._usage.report(wall)
        with self._lock:
            boot, wall = _boot_now(), _wall_now()
            body = self._point.ask(secrets.token_hex(12), copy, mark, usage, boot, wall)
        return ({"name": self._name, "applies": self._applies, **body} if body is not None else None), boot

    def _take_answer(self, response: requests.Response, body: Mapping[str, Any], renewal: _Renewal) -> None:
        status, now = response.status_code, _boot_now()
        if status in (401, 403):
            self._turned_away("the lease", status)
            renewal.due = now + random.uniform(1.0, 5.0)  # noqa: S311  jitter, no secret
            return
        if status != 200:
            why = {
                409: f"the server is older than revision {body['revision']}, which this point has acknowledged",
                503: "the server may not grant now",
            }.get(status, f"the server answered {status}")
            self._trouble.say(f"lease-{status}", f"the lease was not renewed: {why}")
            renewal.due = now + renewal.pause.next()
            return
        try:
            answer = json.loads(response.content)
        except (ValueError, RecursionError) as problem:
            self._trouble.say("lease-answer", f"the lease answer can't be read: {problem}")
            renewal.due = now + renewal.pause.next()
            return

        def take() -> str:
            with self._usage_lock:
                return self._point.answered(answer, self._usage)

        outcome = self._apply(take)
        if outcome == "granted":
            renewal.granted(answer["lease_seconds"], now)
            return
        if outcome == "discarded" and body["digest"] and not self._closed.is_set():
            self._trouble.say("lease-answer", "a lease answer was discarded: not for the request that was sent")
        renewal.due = now + renewal.pause.next()

    # -- fork

    def _after_fork(self) -> None:
        """In the child: no lease, a new instance, locks and threads of its own."""
        self._leave_line_to_parent()
        closed = self._closed.is_set()
        self._fresh_machinery()
        self._trouble._lock = threading.Lock()
        if closed:
            self._closed.set()
        self._usage = self._usage.inherited()
        self._point.forked(secrets.token_hex(8))
        self._publish()
        if self._started and not closed:
            self._start_threads()

    def _leave_line_to_parent(self) -> None:
        """Give up the inherited connection without a word on it; else it would stay open after the parent's end."""
        if self._line is None:
            return
        with contextlib.suppress(OSError):
            nothing = os.open(os.devnull, os.O_RDWR)
            # Not closed but replaced: the reader's object still names this number and may close it later.
            os.dup2(nothing, self._line_fd, inheritable=False)
            os.close(nothing)
        self._line.close()


class _Renewal:
    """One lease request from first attempt to answer, and when the next is due. A retry keeps nonce, body and time."""

    def __init__(self) -> None:
        self.due = 0.0
        self.pause = _Backoff(most=1.0)
        self._retry_within = 3.0
        self._copy: Copy | None = None
        self._body: dict[str, Any] | None = None
        self._began = 0.0

    def body_for(self, copy: Copy) -> dict[str, Any] | None:
        """The unanswered request for this very copy, if it is worth another attempt: an old one earns a short lease."""
        if self._copy is not copy or _boot_now() - self._began > self._retry_within:
            return None
        return self._body

    def begun(self, copy: Copy, body: dict[str, Any], began: float) -> None:
        self._copy, self._body, self._began = copy, body, began

    def settled(self) -> None:
        self._copy = self._body = None

    def granted(self, lease_seconds: float, now: float) -> None:
        """The next is due a third of the lease after the request that earned it."""
        self.pause.reset()
        self._retry_within = min(3.0, lease_seconds / 3)
        third = lease_seconds / 3 * random.uniform(0.9, 1.0)  # noqa: S311  jitter, no secret
        self.due = max(self._began + third, now + 0.05)


def _remember(memo: dict[Any, Any], key: object, value: object) -> None:
    if len(memo) >= MEMO_LIMIT:
        memo.clear()
    memo[key] = value


def _socket_of(response: requests.Response) -> Any:
    """The socket below an open response, or None where the transport hides it."""
    below: Any = response.raw
    for name in ("_fp", "fp", "raw", "_sock"):
        below = getattr(below, name, None)
    return below if hasattr(below, "settimeout") and hasattr(below, "fileno") else None


def _portions(response: requests.Response) -> Iterator[bytes]:
    """Bytes as they come. Without chunks only single bytes are sure not to wait for more."""
    size = None if getattr(response.raw, "chunked", False) else 1
    portions: Iterator[bytes] = response.iter_content(chunk_size=size)
    return portions


_LIVE: weakref.WeakSet[Gateway] = weakref.WeakSet()


def _after_fork_in_child() -> None:
    for gateway in list(_LIVE):
        gateway._after_fork()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork_in_child)
