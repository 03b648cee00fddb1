"""
A line while it is read, word by word after the verb: ids, pairs, numbers and the rest, each with its complaint.

Pure; knows the shape of an incident's id, no verb.
"""

from __future__ import annotations

import re

from incidents.slack.asked import Known, WrongUsage
from incidents.slack.typed import Kind, Typed, Word
from incidents.slack.verbs import Verb

INCIDENT = re.compile(r"(INC|DRILL|TEST)-(\d{4})-(\d{1,6})", re.IGNORECASE)
REQUEST = re.compile(r"(INC|DRILL|TEST)-(\d{4})-(\d{1,6})-R(\d{1,4})", re.IGNORECASE)


class Line:
    """A line while it is read, word by word after the verb."""

    def __init__(self, verb: Verb, typed: Typed, known: Known) -> None:
        self.verb, self.typed, self.known = verb, typed, known
        self.at = 1

    def wrong(self, message: str) -> WrongUsage:
        return WrongUsage(message, self.verb.name)

    @property
    def next(self) -> Word | None:
        return self.typed.words[self.at] if self.at < len(self.typed.words) else None

    def take(self, missing: str) -> Word:
        word = self.next
        if word is None:
            raise self.wrong(missing)
        self.at += 1
        return word

    def incident(self) -> str:
        """An id at this place, if there is one."""
        word = self.next
        found = incident_id(word) if word is not None else ""
        self.at += bool(found)
        return found

    def request(self) -> str:
        word = self.next
        if word is None or word.quoted or (found := REQUEST.fullmatch(word.text)) is None:
            return ""
        self.at += 1
        return f"{plain_id(found)}-R{int(found[4])}"

    def pairs(self, *known: str) -> dict[str, str]:
        """``key=value`` words that stand here; only known keys, so that a sentence may hold an equals sign."""
        found: dict[str, str] = {}
        while (word := self.next) is not None and (pair := word.pair) is not None and pair[0] in known:
            found[pair[0]] = pair[1]
            self.at += 1
        return found

    def rest(self, missing: str = "") -> str:
        text = self.typed.rest(self.at)
        self.at = len(self.typed.words)
        if missing and not text:
            raise self.wrong(missing)
        return text

    def number(self, missing: str) -> int:
        word = self.take(missing)
        digits = word.text.lstrip("#").rstrip(".:")
        if not (digits.isascii() and digits.isdigit() and len(digits) < 5):
            raise self.wrong(f"'{word.text[:40]}' is no number.")
        return int(digits)

    def end(self) -> None:
        word = self.next
        if word is not None:
            raise self.wrong(f"'{word.text[:40]}' is too much.")


def incident_id(word: Word) -> str:
    """``INC-2026-0001`` as it is written, ``latest``, or the channel that is named (``#C012AB3CD``); else empty."""
    if word.kind is Kind.CHANNEL:
        return f"#{word.id}"
    if word.quoted:
        return ""
    if word.text.lower() == "latest":
        return "latest"
    found = INCIDENT.fullmatch(word.text.rstrip(".,:"))
    return plain_id(found) if found is not None else ""


def plain_id(found: re.Match[str]) -> str:
    return f"{found[1].upper()}-{found[2]}-{int(found[3]):04d}"


def yes(text: str) -> bool:
    return text.lower() in ("yes", "true", "1")
