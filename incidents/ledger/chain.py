"""
How an event is sealed: which bytes are hashed, in which form, and how events hang on each other.

Pure: clock, randomness of the salt aside, everything is an argument. Knows nothing of storage or of what a kind means.
Anybody can check a log with RFC 8785 (JCS) and SHA-256 alone: ``digest = sha256(JCS(header))``.
"""

from __future__ import annotations

import hashlib
import json
import secrets
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import rfc8785

from incidents.errors import Invalid
from incidents.events import ENVELOPE_VERSION, Actor, Draft, Event, Withheld
from incidents.ledger import GENESIS, Head

SALT_BYTES = 16
_LARGEST = 2**53 - 1  # beyond it a reader with IEEE 754 numbers (RFC 8785, 3.2.2.3) sees another number
HEADER_FIELDS = (
    *("actor", "at", "data_digest", "incident", "incident_prev", "kind", "kind_v", "ledger"),
    *("prev", "recorded_at", "seq", "text_digest", "v"),
)
_SURROGATES = "\ud800"
_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), sort_keys=True).encode


def _no_float(text: str) -> None:
    raise ValueError(f"'{text}' is a float; the log holds none")


_decode = json.JSONDecoder(parse_float=_no_float, parse_constant=_no_float).raw_decode


@dataclass(frozen=True, slots=True)
class Tip:
    """What the next event hangs on: the head, and the time before which nothing more can be recorded."""

    seq: int = 0
    digest: str = GENESIS
    recorded_at: datetime | None = None

    @property
    def head(self) -> Head:
        return Head(self.seq, self.digest)


def canonical(value: Any) -> bytes:
    """
    The bytes of RFC 8785 for JSON values without floats.

    For such values the C encoder of ``json`` writes the same bytes ten times faster. Only the order of keys may
    differ (JCS sorts by UTF-16 units, Python by code points), and that only with characters from the surrogates on.
    """
    text = _encode(value)
    return text.encode() if text.isascii() or max(text) < _SURROGATES else rfc8785.dumps(value)


def parsed(text: str) -> Any:
    """
    JSON without floats, so that ``1.0`` can't stand in for the ``1`` that was sealed.

    Raises:
        ValueError: Not JSON, or it holds a float.
    """
    value, end = _decode(text)
    if end != len(text):
        raise ValueError(f"not JSON from character {end + 1} on")
    return value


def mint() -> str:
    """A new ledger id: random, so that no two ledgers share one."""
    return secrets.token_hex(8)


def stamp(moment: datetime) -> str:
    """``2026-11-23T14:02:07.123456Z``: always this wide, so that text order is time order."""
    in_utc = moment if moment.tzinfo is UTC else moment.astimezone(UTC)
    return in_utc.isoformat(timespec="microseconds")[:-6] + "Z"


def header(event: Event) -> dict[str, Any]:
    """The part of an event that its digest covers."""
    recorded_at = stamp(event.recorded_at)
    return {
        "actor": {"person": event.actor.person, "token": event.actor.token, "via": event.actor.via},
        "at": recorded_at if event.at == event.recorded_at else stamp(event.at),
        "data_digest": event.data_digest,
        "incident": event.incident,
        "incident_prev": event.incident_prev,
        "kind": event.kind,
        "kind_v": event.kind_v,
        "ledger": event.ledger,
        "prev": event.prev,
        "recorded_at": recorded_at,
        "seq": event.seq,
        "text_digest": event.text_digest,
        "v": event.v,
    }


def digest_of_header(event: Event) -> str:
    return hashlib.sha256(canonical(header(event))).hexdigest()


def digest_of_data(data: Mapping[str, Any]) -> str:
    return hashlib.sha256(canonical(data)).hexdigest()


def digest_of_text(text: Mapping[str, str], salt: bytes) -> str:
    """Salted, so that a short note which was redacted can't be guessed from its digest."""
    return hashlib.sha256(salt + canonical(text)).hexdigest()


def seal(
    draft: Draft,
    *,
    actor: Actor,
    now: datetime,
    ledger: str,
    seq: int,
    prev: str,
    incident_prev: str | None,
    not_before: datetime | None = None,
) -> Event:
    """
    Make the event that ``draft`` becomes as number ``seq`` of a chain.

    Args:
        now: Aware time; becomes ``recorded_at``, and ``at`` where the draft names none.
        not_before: When the event before was recorded; a clock that went back is overruled by it.

    Raises:
        Invalid: The data or text holds what has no canonical form (float, huge integer, broken character).
    """
    recorded_at = (now if not_before is None else max(now, not_before)).astimezone(UTC)
    data = _plain(draft.fact.data(), draft.fact.kind)
    text = _plain(draft.text, draft.fact.kind) if draft.text else None
    salt = secrets.token_bytes(SALT_BYTES) if text is not None else None
    event = Event(
        seq=seq,
        recorded_at=recorded_at,
        at=recorded_at if draft.at is None else draft.at.astimezone(UTC),
        kind=draft.fact.kind,
        kind_v=draft.fact.kind_v,
        incident=draft.incident,
        incident_prev=incident_prev,
        actor=actor,
        data=data,
        text=text,
        salt=salt,
        data_digest=digest_of_data(data),
        text_digest=digest_of_text(text, salt) if text is not None and salt is not None else None,
        prev=prev,
        digest="",
        ledger=ledger,
    )
    # Not by ``replace``: copying twenty fields cost a sixth of the sealing, and nobody else has this event yet.
    object.__setattr__(event, "digest", digest_of_header(event))
    return event


def seal_all(
    drafts: Sequence[Draft],
    *,
    actor: Actor,
    now: datetime,
    ledger: str,
    tip: Tip,
    newest_of: Callable[[str], str | None],
) -> list[Event]:
    """Seal drafts one after another; ``newest_of`` gives the digest of an incident's newest stored event."""
    sealed: list[Event] = []
    newest: dict[str, str | None] = {}
    for draft in drafts:
        if draft.incident is not None and draft.incident not in newest:
            newest[draft.incident] = newest_of(draft.incident)
        event = seal(
            draft,
            actor=actor,
            now=now,
            ledger=ledger,
            seq=tip.seq + 1,
            prev=tip.digest,
            incident_prev=newest[draft.incident] if draft.incident is not None else None,
            not_before=tip.recorded_at,
        )
        if event.incident is not None:
            newest[event.incident] = event.digest
        tip = Tip(event.seq, event.digest, event.recorded_at)
        sealed.append(event)
    return sealed


def _plain(value: Any, kind: str, path: str = "") -> Any:
    """The value as it will be read back (lists for tuples, plain strings for enums), or a refusal."""
    where = path or "the value"
    match value:
        case None | bool():
            return value
        case str():
            return _unbroken(str.__str__(value), kind, where)
        case int():
            if abs(value) > _LARGEST:
                raise Invalid(f"{kind}: {where} is {value}; integers go to 2^53 - 1, write it as text")
            return int(value)
        case float():
            raise Invalid(f"{kind}: {where} is {value!r}; the log takes no floats, use whole units or text")
        case Mapping():
            return {
                _key(key, kind, where): _plain(item, kind, f"{path}.{key}" if path else f"{key}")
                for key, item in value.items()
            }
        case list() | tuple():
            return [_plain(item, kind, f"{path}[{number}]") for number, item in enumerate(value)]
        case _:
            raise Invalid(f"{kind}: {where} is a {type(value).__name__}; the log takes JSON values only")


def _key(key: Any, kind: str, where: str) -> str:
    if not isinstance(key, str):
        raise Invalid(f"{kind}: {where} has the key {key!r}; keys must be text")
    return _unbroken(str.__str__(key), kind, where)


def _unbroken(text: str, kind: str, where: str) -> str:
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise Invalid(f"{kind}: {where} holds a broken character (position {error.start}); type it again") from error
    return text


def to_json(event: Event | Withheld) -> str:
    """The whole event as one line of canonical JSON; salt in hex, ``text`` null where there is none (any more)."""
    return canonical(whole(event)).decode()


def whole(event: Event | Withheld) -> dict[str, Any]:
    """Header, both bodies and digest, as plain JSON values; of one that is withheld, its links."""
    if isinstance(event, Withheld):
        return {
            "digest": event.digest,
            "ledger": event.ledger,
            "prev": event.prev,
            "seq": event.seq,
            "withheld": True,
        }
    return {
        **header(event),
        "data": event.data,
        "text": event.text,
        "salt": None if event.salt is None else event.salt.hex(),
        "digest": event.digest,
    }


def from_copy(line: str) -> Event | Withheld:
    """
    What is in a line of a log that somebody was given: an event, or the links of one that was not for them.

    Raises:
        Invalid: Neither, or not written as ``to_json`` writes it.
    """
    line = line.strip()
    if not line.endswith('"withheld":true}'):
        return from_json(line)
    try:
        links = parsed(line)
        found = Withheld(*(links[name] for name in ("seq", "ledger", "prev", "digest")))
        as_exported = to_json(found)
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise Invalid(f"not an event of an exported log: {error}") from error
    if as_exported != line or [type(value) for value in links.values()] != [str, str, str, int, bool]:
        raise Invalid("not an event of an exported log: it is not written as it was exported (RFC 8785)")
    return found


def from_json(line: str) -> Event:
    """
    The event in a line of an exported log. Says nothing about its being true: that is ``verify``.

    Raises:
        Invalid: Not JSON, a field is missing or of the wrong type, or it is not written as ``to_json`` writes it: a
            changed byte must show even where it changes nothing that is read (``T`` in a time, a salt's letters).
    """
    try:
        event = _from_whole(parsed(line.strip()))
        as_exported = to_json(event)
    except KeyError as error:
        raise Invalid(f"not an event of an exported log: the field {error} is missing") from error
    except (ValueError, TypeError, AttributeError, RecursionError) as error:
        raise Invalid(f"not an event of an exported log: {error}") from error
    if as_exported != line.strip():
        raise Invalid("not an event of an exported log: it is not written as it was exported (RFC 8785)")
    return event


def from_lines(lines: Iterable[str]) -> list[Event]:
    """Every event of an exported log; empty lines are skipped."""
    return [from_json(line) for line in lines if line.strip()]


def _from_whole(whole: dict[str, Any]) -> Event:
    unknown = whole.keys() - _FIELDS
    if unknown:
        raise ValueError(f"unknown field '{min(unknown)}'")
    if whole["v"] != ENVELOPE_VERSION:
        raise ValueError(f"envelope version {whole['v']!r}; this program reads version {ENVELOPE_VERSION}")
    actor = whole["actor"]
    return Event(
        v=whole["v"],
        ledger=whole["ledger"],
        seq=whole["seq"],
        recorded_at=_moment(whole["recorded_at"]),
        at=_moment(whole["at"]),
        kind=whole["kind"],
        kind_v=whole["kind_v"],
        incident=whole["incident"],
        incident_prev=whole["incident_prev"],
        actor=Actor(person=actor["person"], token=actor["token"], via=actor["via"]),
        data=whole["data"],
        text=whole["text"],
        salt=None if whole["salt"] is None else bytes.fromhex(whole["salt"]),
        data_digest=whole["data_digest"],
        text_digest=whole["text_digest"],
        prev=whole["prev"],
        digest=whole["digest"],
    )


_FIELDS = {*HEADER_FIELDS, "data", "text", "salt", "digest"}


def _moment(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError(f"the time '{text}' has no zone")
    return moment
