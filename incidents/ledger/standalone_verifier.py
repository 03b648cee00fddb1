"""
Check an exported Andon log without Andon: for an auditor who trusts nobody's program but this one file.

    python standalone_verifier.py LOG [--incident] [--ledger ID] [--checkpoint FILE --key KEY]
    python standalone_verifier.py EXPORT.json [--key KEY] [--checkpoint FILE]

LOG holds one event a line, as ``andon export-log`` writes it (``-`` reads standard input). EXPORT.json is one
incident's record, as ``andon export --format json`` writes it; with KEY its own signature is checked. KEY is the public
key in base64 or PEM (or a file that holds it), or its SHA-256 fingerprint, and must come from anywhere but the log's
owner.
Exit status: 0 whole, 1 wrong (the first wrong line is printed), 2 could not be checked, which is also said of a log of
which its reader was not given everything: nobody can see what a withheld event hangs on.

Needs the standard library; a checkpoint's signature needs ``cryptography`` as well. Imports nothing of Andon and
writes the rules down a second time, so that a mistake in the service can't hide in here: ``digest`` is the SHA-256 of
the header in the form of RFC 8785 (JCS), ``prev`` the digest of the event before, ``incident_prev`` that of the same
incident's event before, ``data_digest`` and ``text_digest`` cover the two bodies, the second behind its salt.
"""

from __future__ import annotations

import argparse
import base64
import binascii
import hashlib
import itertools
import json
import os
import re
import sys
from collections.abc import Iterable, Iterator
from typing import Any, BinaryIO, NamedTuple

VERSION = 1  # of the event's envelope
GENESIS = "0" * 64
LARGEST = 2**53 - 1
HEADER = (
    *("actor", "at", "data_digest", "incident", "incident_prev", "kind", "kind_v", "ledger"),
    *("prev", "recorded_at", "seq", "text_digest", "v"),
)
FIELDS = {*HEADER, "data", "text", "salt", "digest"}
LINKS = {"digest", "ledger", "prev", "seq", "withheld"}  # all that is given of an event that is not for the reader
WITHHELD = {"withheld": True}  # given in place of an event's data
RESTORED = "ledger:chain:restored"  # the only kind of event at which a log may change its ledger's id
TIME = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{6}Z")
HEX_64 = re.compile(r"[0-9a-f]{64}")
PEM_PREFIX = bytes.fromhex("302a300506032b6570032100")  # SubjectPublicKeyInfo of Ed25519 up to the key (RFC 8410)


class Wrong(Exception):
    """The log, or the checkpoint, is not what it should be."""


class CannotCheck(Exception):
    """Nothing was found out: a file is missing, or an argument is no key."""


class Checkpoint(NamedTuple):
    """At some moment the newest event of ``ledger`` was number ``seq`` with this digest. ``export``: signed with it."""

    ledger: str
    seq: int
    digest: str
    export: str | None = None


class Report(NamedTuple):
    """What was found: ``line`` is the first wrong line, counted from 1, and ``seq`` the place of its event."""

    events: int
    redacted: int
    seq: int
    digest: str
    ledgers: tuple[str, ...]
    wrong_line: int | None = None
    wrong_seq: int | None = None
    why: str | None = None
    withheld: int = 0

    @property
    def ok(self) -> bool:
        return self.why is None


# --- canonical JSON (RFC 8785) for null, booleans, integers, text, lists and objects --------------------------------


def canonical(value: Any) -> bytes:
    """
    Raises:
        ValueError: A value that no log holds: a float, an integer beyond 2^53 - 1, half a character.
    """
    return _written(value).encode()


def _written(value: Any) -> str:
    if value is None:
        return "null"
    if value is True or value is False:
        return "true" if value else "false"
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False)  # escapes exactly what RFC 8785, 3.2.2.2 escapes
    if isinstance(value, int):
        if abs(value) > LARGEST:
            raise ValueError(f"the integer {value} is beyond 2^53 - 1")
        return str(value)
    if isinstance(value, list):
        return "[" + ",".join(map(_written, value)) + "]"
    if isinstance(value, dict):
        names = sorted(value, key=lambda name: name.encode("utf-16-be"))  # 3.2.3: by UTF-16 code units
        return "{" + ",".join(f"{_written(name)}:{_written(value[name])}" for name in names) + "}"
    raise ValueError(f"a {type(value).__name__} has no place in a log")


def _no_float(text: str) -> None:
    raise ValueError(f"'{text}' is a float; a log holds none")


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("an object names a field twice")
    return found


# --- one line -------------------------------------------------------------------------------------------------------


def read_event(line: bytes, *, links: bool = False) -> dict[str, Any]:
    """
    The event in a line, byte for byte as it was exported; with ``links`` perhaps only its place in the chain.

    Raises:
        Wrong: Not an event, or written in any other way than the canonical one.
    """
    try:
        event: dict[str, Any] = json.loads(
            line.decode(), object_pairs_hook=_object, parse_float=_no_float, parse_constant=_no_float
        )
        hidden = links and isinstance(event, dict) and event.keys() == LINKS
        if not hidden and (not isinstance(event, dict) or event.keys() != FIELDS):
            raise Wrong("not an event of an exported log (fields are missing or unknown)")
        if canonical(event) != line:
            raise Wrong("not in the canonical form in which a log is exported (RFC 8785)")
    except RecursionError as error:
        raise Wrong("not an event of an exported log (nested too deeply)") from error
    except ValueError as error:
        raise Wrong(f"not an event of an exported log ({error})") from error
    if hidden:
        if [type(event[name]) for name in sorted(LINKS)] != [str, str, str, int, bool] or not event["withheld"]:
            raise Wrong("not an event of an exported log (its place in the chain is not given)")
        return event
    if event["v"] != VERSION:
        raise Wrong(f"its envelope version is {event['v']}, this program knows {VERSION}")
    if type(event["seq"]) is not int:
        raise Wrong("its number is no whole number")
    for name in ("recorded_at", "at"):
        if not isinstance(event[name], str) or not TIME.fullmatch(event[name]):
            raise Wrong(f"'{name}' is no time of a log (RFC 3339, UTC, microseconds)")
    return event


def content(event: dict[str, Any], *, without_data: bool = False, copy: bool = False) -> str | None:
    """
    Why the event is not what was sealed; None if it is.

    ``without_data``: its reader was not given them. ``copy``: of a log, where that is said in their place.
    """
    if event.keys() == LINKS:
        return None
    withheld = (without_data and event["data"] is None) or (copy and event["data"] == WITHHELD)
    if not withheld and sha256(canonical(event["data"])) != event["data_digest"]:
        return "its data was changed (they don't give the recorded digest)"
    if event["text"] is None:
        if event["salt"] is not None:
            return "its text was removed, but not by a redaction (the salt is still there)"
    else:
        if event["text_digest"] is None or not isinstance(event["salt"], str):
            return "it has a text that was never sealed (no digest or no salt)"
        try:
            salt = bytes.fromhex(event["salt"])
        except ValueError:
            return "its salt is no hexadecimal text"
        if salt.hex() != event["salt"]:
            return "its salt is not written as it was exported"
        if sha256(salt + canonical(event["text"])) != event["text_digest"]:
            return "its text was changed (it doesn't give the recorded digest)"
    if sha256(canonical({name: event[name] for name in HEADER})) != event["digest"]:
        return "its header was changed (it doesn't give the recorded digest)"
    return None


def sha256(text: bytes) -> str:
    return hashlib.sha256(text).hexdigest()


# --- the chain ------------------------------------------------------------------------------------------------------


class Chain:
    """Where in the log we are. ``whole``: the log from its first event; else one incident's events alone."""

    def __init__(self, *, whole: bool) -> None:
        self.whole = whole
        self.events = self.redacted = self.seq = 0
        self.digest = GENESIS
        self.recorded_at = ""
        self.ledgers: list[str] = []
        self.newest_of: dict[str, str] = {}
        self.unseen: set[str] = set()  # digests of withheld events
        self.withheld = 0

    def link(self, event: dict[str, Any]) -> str | None:
        """Why the event doesn't hang on the one before it; None if it does."""
        if event.keys() == LINKS:
            return self._behind_the_last(event)
        incident = event["incident"]
        if self.whole:
            why = self._in_its_place(event)
        else:
            why = self._of_one_incident(event)
        if why is not None:
            return why
        newest = None if incident is None else self.newest_of.get(incident)
        if event["incident_prev"] != newest and event["incident_prev"] not in self.unseen:
            return f"its link to the event before it of {incident or 'no incident'} is wrong"
        if event["recorded_at"] < self.recorded_at:
            return f"recorded at {event['recorded_at']}, before the event in front of it ({self.recorded_at})"
        return None

    def _behind_the_last(self, event: dict[str, Any]) -> str | None:
        if event["seq"] != self.seq + 1:
            return f"in its place stands number {event['seq']}; events are missing or out of order"
        if event["prev"] != self.digest:
            return "its link names another event than the one before it"
        return None

    def _in_its_place(self, event: dict[str, Any]) -> str | None:
        if (why := self._behind_the_last(event)) is not None:
            return why
        before, here = (self.ledgers[-1] if self.ledgers else None), event["ledger"]
        if event["kind"] == RESTORED:
            said = event["data"] if isinstance(event["data"], dict) else {}
            old, new = said.get("from_ledger"), said.get("to_ledger")
            if (old, new) != (before or old, here) or old == new:
                return f"it says that ledger {old} went on as {new}, the chain says {before} and {here}"
        elif before is not None and here != before:
            return f"it belongs to ledger {here}, the one before it to {before}, and no restore is recorded"
        return None

    def _of_one_incident(self, event: dict[str, Any]) -> str | None:
        if event["incident"] is None:
            return "it belongs to no incident, and so not into an incident's export"
        if self.newest_of and event["incident"] not in self.newest_of:
            return f"it belongs to {event['incident']}, the export is of {next(iter(self.newest_of))}"
        if event["seq"] <= self.seq:
            return f"it stands after event {self.seq}; events are out of order"
        return None

    def step(self, event: dict[str, Any]) -> None:
        self.events += 1
        if event.keys() == LINKS:
            self.withheld += 1
            self.seq, self.digest = event["seq"], event["digest"]
            self.unseen.add(self.digest)
            return
        self.withheld += event["data"] == WITHHELD
        self.redacted += event["text"] is None and event["text_digest"] is not None
        self.seq, self.digest, self.recorded_at = event["seq"], event["digest"], event["recorded_at"]
        if self.ledgers[-1:] != [event["ledger"]]:
            self.ledgers.append(event["ledger"])
        if event["incident"] is not None:
            self.newest_of[event["incident"]] = event["digest"]

    def report(self, line: int | None = None, seq: int | None = None, why: str | None = None) -> Report:
        parts = (self.events, self.redacted, self.seq, self.digest, tuple(self.ledgers))
        return Report(*parts, line, seq, why, self.withheld)


def check(
    lines: Iterable[bytes], *, incident: bool = False, ledger: str | None = None, against: Checkpoint | None = None
) -> Report:
    """
    Follow the log from its first line.

    Args:
        incident: The lines are one incident's events alone, linked by ``incident_prev``.
        ledger: The id that the ledger claims to have now.
        against: A checkpoint whose signature has been checked (``read_checkpoint``).
    """
    chain = Chain(whole=not incident)
    number = 0
    for number, line in enumerate(lines, 1):
        if not line:  # an editor may leave one at the end; it says nothing
            continue
        place = chain.seq + 1
        try:
            event = read_event(line, links=not incident)
            place = event["seq"] if incident else place
            why = chain.link(event) or content(event, copy=not incident) or _contradicted(event, against)
        except (Wrong, ValueError) as error:
            why = str(error)
        if why is not None:
            return chain.report(number, place, why)
        chain.step(event)
    if ledger is not None and chain.ledgers and chain.ledgers[-1] != ledger:
        return chain.report(
            number, chain.seq, f"the ledger calls itself {ledger}, its last event belongs to {chain.ledgers[-1]}"
        )
    if against is not None:
        return _reaches(chain, against, number)
    return chain.report()


def _contradicted(event: dict[str, Any], point: Checkpoint | None) -> str | None:
    if point is None or event["seq"] != point.seq:
        return None
    if event["ledger"] != point.ledger:
        return f"it belongs to ledger {event['ledger']}, the checkpoint is of ledger {point.ledger}"
    if event["digest"] != point.digest:
        return f"the log was rewritten: the signed checkpoint holds {point.digest} here, the log {event['digest']}"
    return None


def _reaches(chain: Chain, point: Checkpoint, lines: int) -> Report:
    if chain.seq < point.seq:
        why = f"the tail was cut off: the signed checkpoint knows event {point.seq}, the log ends with {chain.seq}"
        return chain.report(lines + 1, chain.seq + 1, why)
    if point.seq == 0 and chain.ledgers and chain.ledgers[0] != point.ledger:
        return chain.report(1, 1, f"the log began as ledger {chain.ledgers[0]}, the checkpoint is of {point.ledger}")
    return chain.report()


# --- one incident's export ------------------------------------------------------------------------------------------

BEGINS = b'{"andon_export":'
ABOUT = ("incident", "kind", "ledger", "exported_at", "exported_by", "withheld")


class ExportReport(NamedTuple):
    """``line`` is the first wrong line, counted from 1; ``signed`` is good, unchecked or none."""

    incident: str
    events: int = 0
    redacted: int = 0
    withheld: int = 0
    seq: int = 0
    digest: str = ""
    signed: str = "none"
    line: int | None = None
    why: str | None = None


class Lines:
    """The file's lines, taken off one by one; an export is written in one way only."""

    def __init__(self, octets: bytes) -> None:
        self.left = octets.split(b"\n")[::-1]
        self.number = 0

    def next(self) -> bytes:
        if not self.left:
            raise Wrong("the export ends here, in the middle")
        self.number += 1
        return self.left.pop()

    def expect(self, line: bytes) -> None:
        if self.next() != line:
            raise Wrong(f"not written as an export is: here stands {line.decode()}")

    def field(self, name: str, end: bytes = b",") -> Any:
        """The value of ``"name":value,``, written as RFC 8785 wants it."""
        line, before = self.next(), f'"{name}":'.encode()
        if not line.startswith(before) or not line.endswith(end):
            raise Wrong(f"not written as an export is: here stands the field '{name}'")
        return exact(line[len(before) : len(line) - len(end)])

    def items(self, last: bytes) -> Iterator[bytes]:
        """Lines up to ``last``, without the comma that all but the final one end with."""
        line = self.next()
        while line != last:
            following = self.left[-1] if self.left else b""
            if line.endswith(b",") != (following != last):
                raise Wrong("not written as an export is: a comma is missing, or one too many")
            yield line.removesuffix(b",")
            line = self.next()


def exact(octets: bytes) -> Any:
    try:
        value = json.loads(octets.decode(), object_pairs_hook=_object, parse_float=_no_float, parse_constant=_no_float)
        if canonical(value) != octets:
            raise Wrong("not in the canonical form in which it is exported (RFC 8785)")
    except (ValueError, RecursionError) as error:
        raise Wrong(f"not JSON as it is exported ({error})") from error
    return value


def check_export(octets: bytes, *, key: str | None = None, against: Checkpoint | None = None) -> ExportReport:
    """
    Args:
        key: What the export's own signature is checked with; without it nobody knows who wrote the file.
        against: A checkpoint that was kept elsewhere, of an event of this incident.

    Raises:
        CannotCheck: ``key`` is none, or ``against`` is of no event in the export.
    """
    lines = Lines(octets)
    about: dict[str, Any] = {}
    try:
        return _export(lines, about, key, against)
    except (Wrong, ValueError, TypeError, KeyError, AttributeError) as error:
        return ExportReport(str(about.get("incident", "")), line=max(1, lines.number), why=str(error))


def _export(lines: Lines, about: dict[str, Any], key: str | None, against: Checkpoint | None) -> ExportReport:
    lines.expect(BEGINS + b"1,")
    for name in ABOUT:
        about[name] = lines.field(name)
    hidden = {entry["seq"] for entry in about["withheld"] if entry["part"] == "data"}
    lines.expect(b'"events":[')
    chain, seen, event = Chain(whole=False), {}, {}
    for line in lines.items(b"],"):
        event = read_event(line)
        why = chain.link(event) or content(event, without_data=event["seq"] in hidden)
        why = why or (None if event["incident"] == about["incident"] else f"it is no event of {about['incident']}")
        if why is None and against is not None and event["seq"] == against.seq:
            why = _contradicted(event, against)
        if why is not None:
            raise Wrong(f"event {event['seq']}: {why}")
        chain.step(event)
        seen[event["seq"]] = event["digest"]
    if not seen:
        raise Wrong("it holds no event")
    lines.expect(b'"views":{')
    views = _views(lines)
    digest = _digest(lines, about, chain, views)
    signed = _signed(lines, event["ledger"], chain, digest, key)
    if lines.next() != b"" or lines.left:
        raise Wrong("something stands behind the end of the export")
    if against is not None and against.seq not in seen:
        raise CannotCheck(f"the checkpoint is of event {against.seq}, which is none of this incident's")
    texts = sum(entry["part"] == "text" for entry in about["withheld"])
    parts = (chain.events, chain.redacted - texts, len(about["withheld"]), chain.seq, chain.digest, signed)
    return ExportReport(about["incident"], *parts)


def _views(lines: Lines) -> dict[str, tuple[int, str]]:
    """Name -> on which line it stands, and its digest."""
    found: dict[str, tuple[int, str]] = {}
    for line in lines.items(b"},"):
        name, view = next(iter(exact(b"{" + line + b"}").items()))
        if list(found) and name <= list(found)[-1]:
            raise Wrong("its views are out of order")
        found[name] = (lines.number, sha256(canonical(view)))
    return found


def _digest(lines: Lines, about: dict[str, Any], chain: Chain, views: dict[str, tuple[int, str]]) -> str:
    digests = lines.field("digests")
    for name, (number, found) in views.items():
        if digests.get(name) != found:
            lines.number = number
            raise Wrong(f"the view '{name}' was changed (it doesn't give the recorded digest)")
    if digests.keys() != views.keys():
        raise Wrong("digests of views that are not there")
    sealed = {**about, "andon_export": 1, "digests": digests, "events": chain.events}
    sealed["head"] = {"seq": chain.seq, "digest": chain.digest}
    digest: str = lines.field("digest")
    if digest != sha256(canonical(sealed)):
        raise Wrong("what the export says of itself was changed (it doesn't give the recorded digest)")
    return digest


def _signed(lines: Lines, ledger: str, chain: Chain, digest: str, key: str | None) -> str:
    text = lines.field("checkpoint", end=b"}")
    if text is None:
        return "none"
    if not re.fullmatch(r"— andon/\S+ [A-Za-z0-9+/]+={0,2}\n", text.partition("\n\n")[2]):
        raise Wrong("it does not end with one signature, as an export does")
    point = read_checkpoint(text, key) if key is not None else _unsigned(text)
    if (point.ledger, point.seq, point.digest) != (ledger, chain.seq, chain.digest):
        raise Wrong(f"it is signed at event {point.seq}, the export ends with event {chain.seq}")
    if point.export != digest:
        raise Wrong("it was signed for another export of this incident")
    return "unchecked" if key is None else "good"


# --- the checkpoint: a signed note (https://c2sp.org/signed-note) ---------------------------------------------------


def read_checkpoint(text: str, key: str) -> Checkpoint:
    """
    Raises:
        Wrong: No checkpoint, or not signed with the key.
        CannotCheck: ``key`` is none, or ``cryptography`` is not there.
    """
    point = _unsigned(text)
    body, _, signatures = text.partition("\n\n")
    lines = body.split("\n")
    public = _public_key(key.strip(), _extension(lines, "key"))
    _check_signature(lines[0], f"{body}\n".encode(), signatures, public)
    return point


def _unsigned(text: str) -> Checkpoint:
    """What it says, whoever signed it."""
    body, gap, _ = text.partition("\n\n")
    lines = body.split("\n")
    if not gap or len(lines) < 3 or not lines[0].startswith("andon/") or lines[0] == "andon/":
        raise Wrong("the checkpoint is none: it begins with 'andon/<ledger id>' and ends with a signature")
    if not re.fullmatch("0|[1-9][0-9]{0,18}", lines[1]):
        raise Wrong(f"the checkpoint's size '{lines[1]}' is no decimal number")
    root = _base64(lines[2])
    if root is None or len(root) != 32 or (root == bytes(32)) != (lines[1] == "0"):
        raise Wrong(f"the checkpoint's root is no digest of event {lines[1]}")
    return Checkpoint(lines[0][len("andon/") :], int(lines[1]), root.hex(), _extension(lines, "export"))


def _extension(lines: list[str], word: str) -> str | None:
    return next((line[len(word) + 1 :] for line in lines[3:] if line.startswith(f"{word} ")), None)


def _public_key(key: str, carried: str | None) -> bytes:
    """The 32 raw bytes of the key that the signature must be of."""
    if HEX_64.fullmatch(key.lower()):
        raw = _base64(carried or "")
        if not raw:
            raise Wrong("the checkpoint carries no public key; give the key itself instead of its fingerprint")
        if sha256(raw) != key.lower():
            raise Wrong(f"the checkpoint is signed with another key: its fingerprint is {sha256(raw)}")
        return raw
    if key.startswith("-----BEGIN PUBLIC KEY-----"):
        der = _base64("".join(line for line in key.splitlines() if not line.startswith("-----"))) or b""
        raw = der[len(PEM_PREFIX) :] if der.startswith(PEM_PREFIX) else b""
    else:
        raw = _base64(key) or b""
    if len(raw) != 32:
        raise CannotCheck("--key is no Ed25519 key: give base64 of 32 bytes, PEM, or its fingerprint (64 hex digits)")
    return raw


def _check_signature(origin: str, body: bytes, signatures: str, public: bytes) -> None:
    """Signatures of other keys are passed over: witnesses may have added theirs."""
    key_id = hashlib.sha256(origin.encode() + b"\n\x01" + public).digest()[:4]
    for line in signatures.splitlines():
        words = line.split(" ")
        blob = _base64(words[2]) if len(words) == 3 and words[:2] == ["—", origin] else None
        if blob is not None and blob[:4] == key_id:
            _verify_ed25519(public, blob[4:], body)
            return
    raise Wrong(f"the checkpoint is not signed with that key (fingerprint {sha256(public)})")


def _verify_ed25519(public: bytes, signature: bytes, body: bytes) -> None:
    try:
        from cryptography.exceptions import InvalidSignature
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
    except ImportError as error:
        raise CannotCheck("a checkpoint's signature needs the package 'cryptography'; pip install it") from error
    try:
        Ed25519PublicKey.from_public_bytes(public).verify(signature, body)
    except (InvalidSignature, ValueError) as error:
        raise Wrong("the checkpoint was changed after it was signed: the signature is not of this text") from error


def _base64(text: str) -> bytes | None:
    try:
        octets = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return None
    return octets if base64.b64encode(octets).decode() == text else None  # one of several ways to write the same


# --- the command ----------------------------------------------------------------------------------------------------


def lines_of(file: BinaryIO) -> Iterator[bytes]:
    """Lines without their line feed; nothing else is taken off, because nothing else belongs to a log."""
    for line in file:
        yield line[:-1] if line.endswith(b"\n") else line


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Check an exported Andon log without Andon.")
    parser.add_argument("log", help="file with one event a line, or an incident's export; - for standard input")
    parser.add_argument("--incident", action="store_true", help="the file holds one incident's events alone, as lines")
    parser.add_argument("--ledger", help="the id that the ledger claims to have")
    parser.add_argument("--checkpoint", metavar="FILE", help="a signed checkpoint that was kept elsewhere")
    parser.add_argument("--key", help="the public key (base64, PEM, or a file with it) or its fingerprint")
    asked = parser.parse_args(arguments)
    if asked.checkpoint is not None and asked.key is None:
        parser.error("--checkpoint needs --key: a checkpoint is worth what its key is")
    if asked.incident and asked.checkpoint is not None:
        parser.error("--checkpoint is about a whole log, not about one incident's lines")
    try:
        return _run(asked)
    except CannotCheck as error:
        sys.stderr.write(f"not checked: {error}\n")
        return 2
    except OSError as error:
        sys.stderr.write(f"not checked: {error.filename}: {error.strerror}\n")
        return 2


def _run(asked: argparse.Namespace) -> int:
    try:
        point = _kept(asked)
    except Wrong as error:
        sys.stdout.write(f"WRONG: {error}\n")
        return 1
    if asked.log == "-":
        return _run_on(sys.stdin.buffer, asked, point)
    with open(asked.log, "rb") as file:
        return _run_on(file, asked, point)


def _kept(asked: argparse.Namespace) -> Checkpoint | None:
    """The checkpoint that was kept elsewhere, its signature checked."""
    if asked.checkpoint is None:
        return None
    with open(asked.checkpoint, encoding="utf-8", newline="\n") as file:
        return read_checkpoint(file.read(), _key(asked.key))


def _run_on(file: BinaryIO, asked: argparse.Namespace, point: Checkpoint | None) -> int:
    first = file.readline()
    if first.startswith(BEGINS):
        return _run_export(first + file.read(), asked, point)
    if asked.key is not None and point is None:
        raise CannotCheck("--key is for a --checkpoint, or for an incident's export, and this is a log")
    lines = itertools.chain([first.removesuffix(b"\n")] if first else [], lines_of(file))
    report = check(lines, incident=asked.incident, ledger=asked.ledger, against=point)
    if report.why is not None:
        sys.stdout.write(f"WRONG: line {report.wrong_line} (event {report.wrong_seq}): {report.why}\n")
        return 1
    if report.withheld:
        sys.stdout.write(
            f"not proven: {report.withheld} of {report.events} events are withheld from whoever made this copy; "
            f"nothing is wrong with what it shows, up to event {report.seq} {report.digest}\n"
        )
        return 2
    sys.stdout.write(
        f"whole: {report.events} events, {report.redacted} of them redacted, ledger {' -> '.join(report.ledgers)}, "
        f"head {report.seq} {report.digest}\n"
    )
    if point is not None:
        sys.stdout.write(f"it holds the signed checkpoint of event {point.seq}\n")
    else:
        sys.stdout.write("not shown by a log alone: whether its tail was cut off, or all of it written anew\n")
    return 0


def _run_export(octets: bytes, asked: argparse.Namespace, point: Checkpoint | None) -> int:
    report = check_export(octets, key=_key(asked.key) if asked.key is not None else None, against=point)
    if report.why is not None:
        sys.stdout.write(f"WRONG: line {report.line}: {report.why}\n")
        return 1
    if report.signed == "none" and asked.key is not None:
        sys.stdout.write("WRONG: it is not signed, so it can't be of that key\n")
        return 1
    sys.stdout.write(
        f"whole: {report.incident}, {report.events} events, {report.redacted} of them redacted, "
        f"{report.withheld} parts withheld, head {report.seq} {report.digest}\n"
    )
    said = {
        "good": "its signature is of the key that you gave",
        "unchecked": "its signature was not checked: give --key, else nobody knows who wrote this file",
        "none": "it is not signed, so nobody knows who wrote this file",
    }
    sys.stdout.write(f"{said[report.signed]}\n")
    return 0


def _key(given: str) -> str:
    if not os.path.isfile(given):
        return given
    with open(given, encoding="utf-8") as file:
        return file.read()


if __name__ == "__main__":
    sys.exit(main())
