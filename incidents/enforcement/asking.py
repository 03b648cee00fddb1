"""
Decisions over HTTP: nginx, Caddy and Envoy (``authorize``) and OpenFeature (OFREP), from memory.

Who asks is the token's matter, never the request's: a gateway speaks for partners that it has authenticated, a
partner for itself alone. A denial is an answer, not an error: clients turn errors into whatever default they hold.
"""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from incidents.credentials import Credential
from incidents.enforcement.usage import UsageBook
from incidents.roles import Role
from incidents.snapshot import Decision, Snapshot

FLAG_KEY = re.compile(r"([a-z0-9][a-z0-9._-]*):([a-z0-9][a-z0-9-]*)")
# What is answered as a flag, known or not: a key that is merely wrong must be denied, not left to a caller's default.
ANY_KEY = re.compile(r"([A-Za-z0-9._-]+)(?::([A-Za-z0-9._-]*))?")
LAPSED = "lease-lapsed"
_SWITCHED = frozenset({"model-halted", "capability-off", "region-off", "partner-revoked"})
_HELD = _SWITCHED | {"stage"}


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked; ``partner`` None where nobody knows who it is."""

    partner: str | None
    model: str
    capability: str
    region: str | None = None


class Asking:
    """Answers questions from one snapshot; counts what ``authorize`` allows, and what a hold keeps it from."""

    def __init__(self, usage: UsageBook) -> None:
        self._usage = usage

    def decide(self, snapshot: Snapshot, question: Question, now: datetime, *, in_time: bool, count: bool) -> Decision:
        """``in_time``: the ledger's head was looked at recently enough; otherwise nobody may say yes."""
        if not in_time:
            return Decision(False, LAPSED, snapshot.revision)
        decision = snapshot.decide(
            question.partner,
            question.model,
            question.capability,
            now=now,
            region=question.region,
            used=lambda partner, flag, per: self._usage.used(partner, flag, per, now),
            name_holders=False,  # gateways and partners get the reason alone
        )
        if decision.allowed and count and question.partner:
            self._count(snapshot, question, now)
        elif count and question.partner and decision.reason in _HELD:
            self._usage.refuse(question.partner, f"{question.model}:{question.capability}", now)
        return decision

    def _count(self, snapshot: Snapshot, question: Question, now: datetime) -> None:
        flag = f"{question.model}:{question.capability}"
        cap = snapshot.live[f"grant:{question.partner}:{flag}"].get("cap")
        if cap and question.partner:
            self._usage.count(question.partner, flag, cap, now)


def partner_of(credential: Credential, snapshot: Snapshot, named: str | None, key: str | None = None) -> str | None:
    """
    The partner that may be spoken for, or None.

    A gateway names it, or hands over the partner's key; both must agree where both are there.
    """
    if credential.role == Role.PARTNER:
        return credential.partner
    if key is None:
        return named
    owner = snapshot.keys.get("sha256:" + hashlib.sha256(key.encode("utf-8", "replace")).hexdigest())
    return owner if named in (None, "", owner) else None


def may_ask(credential: Credential) -> bool:
    return credential.role in (Role.ENFORCER, Role.PARTNER)


# --- OpenFeature remote evaluation 0.3.0 ----------------------------------------------------------------------------


class NotJson(Exception):
    """The body is there but is not a JSON object."""


def context_of(body: bytes) -> dict[str, Any]:
    """
    The evaluation context; an empty one where there is no body or no context.

    Raises:
        NotJson: A body that is no JSON object, or a context that is none.
    """
    if not body.strip():
        return {}
    try:
        parsed = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise NotJson(str(error)) from error
    if not isinstance(parsed, dict):
        raise NotJson("the body is not an object")
    context = parsed.get("context")
    if context is None:
        return {}
    if not isinstance(context, dict):
        raise NotJson("context is not an object")
    return context


def text_in(context: dict[str, Any], name: str) -> str | None:
    value = context.get(name)
    return value if isinstance(value, str) and value else None


def evaluation(key: str, decision: Decision, **extra: Any) -> dict[str, Any]:
    """One OFREP evaluation: always a value, a variant and a reason from the standard list."""
    switched = decision.reason in _SWITCHED
    return {
        "key": key,
        "value": decision.allowed,
        "variant": "on" if decision.allowed else "off",
        "reason": "DISABLED" if switched else "TARGETING_MATCH",
        "metadata": {"revision": decision.revision, "reason": decision.reason, **extra},
    }


def bulk_etag(snapshot: Snapshot, partner: str | None, context: dict[str, Any], token: str, now: datetime) -> str:
    """Another context, token, day or revision is another answer."""
    text = json.dumps([partner, context, token, now.date().isoformat()], sort_keys=True, default=str)
    return f'"{snapshot.ledger}-{snapshot.revision}-{hashlib.sha256(text.encode()).hexdigest()[:16]}"'
