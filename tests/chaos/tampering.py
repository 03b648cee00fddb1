"""
Every way in which somebody could change a log, and the two verifiers that must name it.

``samples`` are whole logs of a real service; ``changes`` are cases with the line at which both must stop.
"""

from __future__ import annotations

import functools
import json
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

from incidents.errors import Invalid
from incidents.events import Actor, Draft, Event, LedgerRestored
from incidents.ledger import Head, standalone_verifier
from incidents.ledger.chain import Tip, digest_of_data, digest_of_header, digest_of_text, from_json, seal_all, to_json
from incidents.ledger.checkpoint import SigningKey, make_key, sign
from incidents.ledger.checkpoint import parse_and_check as parse_checkpoint
from incidents.ledger.memory import MemoryLedger
from incidents.ledger.verify import verify, verify_incident
from incidents.testing import workshop
from tests.contracts.ledger_facts import ADA, NOON, noted


@dataclass(frozen=True)
class Found:
    """Where a verifier stopped: the line, counted from 1, and its sentence; ``line`` None is a whole log."""

    line: int | None
    why: str
    redacted: int = 0


@dataclass(frozen=True)
class Witness:
    """A signed checkpoint, and the key that the asker trusts."""

    text: str
    pinned: str


Verifier = Callable[..., Found]


def ours(log: bytes, *, incident: bool = False, witness: Witness | None = None) -> Found:
    """The product's own verification of an exported log."""
    events: list[Event] = []
    unread: Found | None = None
    for number, line in enumerate(_lines(log), 1):
        try:
            events.append(from_json(line.decode()))
        except (Invalid, UnicodeDecodeError) as error:
            unread = Found(number, str(error))
            break
    point = parse_checkpoint(witness.text, witness.pinned) if witness else None
    # What can't be read ends the log there; the checkpoint is asked only about a log that could be read to its end.
    verdict = verify_incident(events) if incident else verify(events, against=point if unread is None else None)
    if not verdict.ok:
        return Found(verdict.events + 1, str(verdict.why), verdict.redacted)
    return unread or Found(None, "", verdict.redacted)


def standalone(log: bytes, *, incident: bool = False, witness: Witness | None = None) -> Found:
    """The auditor's file."""
    point = standalone_verifier.read_checkpoint(witness.text, witness.pinned) if witness else None
    report = standalone_verifier.check(_lines(log), incident=incident, against=point)
    return Found(report.wrong_line, report.why or "", report.redacted)


VERIFIERS: dict[str, Verifier] = {"ours": ours, "standalone": standalone}


def _lines(log: bytes) -> list[bytes]:
    return log.removesuffix(b"\n").split(b"\n")


def exported(events: list[Event]) -> bytes:
    return b"".join(to_json(event).encode() + b"\n" for event in events)


# --- logs -----------------------------------------------------------------------------------------------------------


@functools.cache
def service_log() -> tuple[Event, ...]:
    """What a service writes: catalog, tokens, two incidents, notes in several scripts, a way back, a redaction."""
    ledger = MemoryLedger()
    shop = workshop(ledger=ledger)
    operations = shop.service.operations
    ada, grace = shop.person("ada", "commander"), shop.person("grace", "commander")
    first = operations.declare(
        ada,
        {
            "playbook": "partner-credential-abuse",
            "parameters": {"partner": "acme"},
            "title": "Schlüssel \u001f von Acme 😀",
            "summary": 'A key was "seen"\nin a paste \\ \u2028 done',
        },
    ).body["id"]
    shop.clock.advance(3)
    second = operations.kill(grace, "model", "vega-1", "too good to be true").body["id"]
    for id in (first, second, first):
        shop.clock.advance(1)
        operations.note(ada, id, "Jane Doe called back, ﬁnally — 電話")
    notes = [event.seq for event in ledger.read() if event.kind == "incident:note:added"]
    ledger.append([], actor=ADA, now=shop.clock.now(), expected=ledger.head().seq, redact=notes[:1])
    operations.ask_restore(ada, first, [], "key rotated")
    events = tuple(ledger.read())
    shop.service.stop()
    return events


@functools.cache
def restored_log() -> tuple[Event, ...]:
    """A ledger that was restored from a backup and went on under another id."""
    drafts = [noted(n, incident="INC-2026-0001" if n % 2 else None, words=f"note {n}") for n in range(6)]
    before = seal_all(drafts, actor=ADA, now=NOON, ledger="a1", tip=Tip(), newest_of=lambda _: None)
    newest = {event.incident: event.digest for event in before if event.incident}
    going_on = [Draft(LedgerRestored(from_ledger="a1", to_ledger="b2")), noted(7, incident="INC-2026-0001"), noted(8)]
    tip = Tip(before[-1].seq, before[-1].digest, NOON)
    after = seal_all(going_on, actor=ADA, now=NOON, ledger="b2", tip=tip, newest_of=newest.get)
    return (*before, *after)


LOGS: dict[str, Callable[[], tuple[Event, ...]]] = {"service": service_log, "restored": restored_log}


def signing_key(folder: Path) -> SigningKey:
    return make_key(folder / "signing.key")


def witness_of(events: tuple[Event, ...], key: SigningKey, *, seq: int | None = None) -> Witness:
    """The checkpoint of event ``seq`` (of the last one if not told) as an outsider kept it."""
    event = events[-1] if seq is None else events[seq - 1]
    return Witness(sign(event.ledger, Head(event.seq, event.digest), key, at=event.recorded_at), key.fingerprint)


# --- changes --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Change:
    """A changed log; ``line`` is the first wrong one. ``by_witness``: whole in itself, only a checkpoint can tell."""

    name: str
    log: bytes
    line: int
    by_witness: bool = False


def changed_bytes(events: tuple[Event, ...], picks: random.Random, count: int) -> Iterator[Change]:
    """One byte of the exported log becomes another, at ``count`` places spread over every line."""
    log = exported(list(events))
    for offset in sorted(picks.sample(range(len(log) - 1), min(count, len(log) - 1))):
        new = picks.choice((log[offset] ^ 1, log[offset] ^ 32, picks.randrange(256)))
        if new == log[offset]:
            new ^= 1
        line = log.count(b"\n", 0, offset) + 1
        changed = log[:offset] + bytes([new]) + log[offset + 1 :]
        yield Change(f"byte {offset} ({log[offset]:#x} to {new:#x})", changed, line)


def sealed_again(event: Event, **changes: object) -> Event:
    """A changed event with all its own digests made right, as somebody who can compute would leave it."""
    changed = replace(event, **changes)  # type: ignore[arg-type]
    text = digest_of_text(changed.text, changed.salt) if changed.text is not None and changed.salt else None
    changed = replace(changed, data_digest=digest_of_data(changed.data), text_digest=text or changed.text_digest)
    return replace(changed, digest=digest_of_header(changed))


def rewritten(events: tuple[Event, ...], start: int) -> list[Event]:
    """Everything from event ``start`` on sealed anew by somebody who knows how: whole in itself."""
    chain = list(events[: start - 1])
    newest = {event.incident: event.digest for event in chain if event.incident}
    for event in events[start - 1 :]:
        prev = chain[-1].digest if chain else event.prev
        incident_prev = newest.get(event.incident) if event.incident else None
        actor = Actor("mallory", None, "api") if event.seq == start else event.actor
        made = sealed_again(event, prev=prev, incident_prev=incident_prev, actor=actor)
        if made.incident:
            newest[made.incident] = made.digest
        chain.append(made)
    return chain


def changes(events: tuple[Event, ...]) -> Iterator[Change]:
    """The ways of a person who has the file and a program."""
    last = len(events)
    for at in sorted({1, 2, last // 2, last - 1, last}):
        yield from _at(events, at)
    for at in (1, last // 2, last):
        yield Change(f"rewritten from {at}", exported(rewritten(events, at)), at, by_witness=True)
    for kept in (1, last // 2, last - 1):
        yield Change(f"tail cut after {kept}", exported(list(events[:kept])), kept + 1, by_witness=True)
    yield Change("first event dropped", exported(list(events[1:])), 1)
    yield Change("an event twice", exported([*events[:3], *events[2:]]), 4)


def _at(events: tuple[Event, ...], at: int) -> Iterator[Change]:
    last, event, all_of = len(events), events[at - 1], list(events)

    def instead(*put: Event) -> bytes:
        return exported([*all_of[: at - 1], *put, *all_of[at:]])

    other = "0" * 64 if event.digest[:1] != "0" else "1" * 64
    yield Change(f"digest of {at} changed", instead(replace(event, digest=other)), at)
    yield Change(f"data of {at} changed", instead(replace(event, data={**event.data, "x": 1})), at)
    yield Change(f"kind of {at} changed", instead(replace(event, kind=f"{event.kind}x")), at)
    yield Change(f"actor of {at} changed", instead(replace(event, actor=Actor("mallory", None, "api"))), at)
    yield Change(f"time of {at} changed", instead(replace(event, at=event.at - timedelta(1))), at)
    yield Change(f"{at} moved to another incident", instead(replace(event, incident="INC-1999-0001")), at)
    if event.text is not None:
        yield Change(f"words of {at} changed", instead(replace(event, text={"note": "nothing happened"})), at)
        yield Change(f"words of {at} taken, salt left", instead(replace(event, text=None)), at)
    if at < last:
        forged = sealed_again(event, actor=Actor("mallory", None, "api"))
        yield Change(f"{at} forged with a right digest", instead(forged), at + 1)
        yield Change(f"{at} dropped", exported([*all_of[: at - 1], *all_of[at:]]), at)
        swapped = [*all_of[: at - 1], all_of[at], all_of[at - 1], *all_of[at + 1 :]]
        yield Change(f"{at} and {at + 1} swapped", exported(swapped), at)
        yield Change(
            f"one put in after {at}", exported([*all_of[:at], replace(event, seq=at + 1), *all_of[at:]]), at + 1
        )


def line_changes(events: tuple[Event, ...]) -> Iterator[Change]:
    """Other spellings of the same event: they read the same, so only the form can show that somebody was there."""
    lines = [to_json(event) for event in events]
    salted = next(n for n, event in enumerate(events) if event.salt)
    spellings = {
        "a space after a comma": (salted, lines[salted].replace(",", ", ", 1)),
        "upper-case salt": (salted, _upper_salt(lines[salted])),
        "a time with another separator": (0, _other_time(lines[0])),
        "a field named twice": (0, lines[0].replace("{", '{"v":1,', 1)),
        "keys in another order": (0, json.dumps(dict(reversed(json.loads(lines[0]).items())), separators=(",", ":"))),
        "a field more": (1, lines[1][:-1] + ',"zz":1}'),
        "a float for an integer": (1, lines[1].replace('"v":1}', '"v":1.0}')),
        "no object": (1, "[]"),
    }
    for name, (at, line) in spellings.items():
        if line != lines[at]:
            yield Change(name, "\n".join([*lines[:at], line, *lines[at + 1 :]]).encode(), at + 1)


def _upper_salt(line: str) -> str:
    salt = json.loads(line)["salt"]
    return line.replace(salt, salt.upper())


def _other_time(line: str) -> str:
    moment = json.loads(line)["recorded_at"]
    return line.replace(moment, moment.replace("T", " "))
