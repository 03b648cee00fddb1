"""
What a person typed after the slash command, as words: what phones and Slack do to text is undone here.

Pure. Knows quotes, mentions, channels, links and typographic characters; knows no verb.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

_SPACES = re.compile("[\t\r\u00a0\u1680\u2000-\u200a\u202f\u205f\u3000]")
_UNSEEN = re.compile("[\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufe00-\ufe0f\ufeff]")
_HYPHENS = re.compile("[\u2010-\u2012\u2212\ufe63\uff0d]")
_DASH_IN_WORD = re.compile(r"(?<=[A-Za-z0-9])\u2013(?=[A-Za-z0-9])")
_DOUBLE = str.maketrans(dict.fromkeys("\u201c\u201d\u201e\u201f\u2033\u00ab\u00bb\uff02", '"'))
_SINGLE = str.maketrans(dict.fromkeys("\u2018\u2019\u201a\u201b\u2032\u2039\u203a\uff07", "'"))
_SIGNS = str.maketrans({"\uff1d": "=", "\uff1a": ":", "\ufe55": ":"})
_REFERENCE = re.compile(r"<([@#!]?)([^<>|]*)(?:\|([^<>]*))?>")


class Kind(StrEnum):
    WORD = "word"
    PERSON = "person"  # <@U012AB3CD|ada>
    CHANNEL = "channel"  # <#C012AB3CD|incidents>
    LINK = "link"  # <https://...|words>


@dataclass(frozen=True, slots=True)
class Word:
    """
    One word: ``text`` without its quotes and as people read it, ``id`` of the person or channel that it names.

    ``start`` is where it stands in the cleaned text, so that the rest from there can be taken as it was written.
    ``quoted`` words are never a key, an id or a verb.
    """

    text: str
    start: int
    kind: Kind = Kind.WORD
    id: str = ""
    quoted: bool = False

    @property
    def pair(self) -> tuple[str, str] | None:
        """``key=value``, or None. ``key="two words"`` is one too."""
        key, equals, value = self.text.partition("=")
        return (
            (key.lower(), value) if equals and re.fullmatch(r"[A-Za-z][\w-]{0,39}", key) and not self.quoted else None
        )


@dataclass(frozen=True, slots=True)
class Typed:
    """The whole line: its words, and the text from any of them on."""

    text: str
    words: tuple[Word, ...]

    def rest(self, after: int) -> str:
        """Everything from word number ``after`` on, as it was written; quotes around all of it are taken off."""
        if after >= len(self.words):
            return ""
        text = self.text[self.words[after].start :].strip()
        if len(text) > 1 and text[0] == text[-1] == '"' and text.count('"') == 2:
            text = text[1:-1].strip()
        return readable(text)


def clean(text: str) -> str:
    """Straight quotes, plain spaces and hyphens; nothing invisible. Line breaks stay."""
    text = _HYPHENS.sub("-", _UNSEEN.sub("", _SPACES.sub(" ", text)))
    return _DASH_IN_WORD.sub("-", text.translate(_DOUBLE).translate(_SINGLE).translate(_SIGNS)).strip()


def read(text: str) -> Typed:
    """Never fails: a quote that nobody closes is a character like any other."""
    cleaned = clean(text)
    return Typed(cleaned, tuple(_words(cleaned)))


def _words(text: str) -> Iterator[Word]:
    at = 0
    while at < len(text):
        if text[at].isspace():
            at += 1
            continue
        found = _REFERENCE.match(text, at)
        if found is not None and (found.end() == len(text) or text[found.end()].isspace()):
            yield _reference(found, at)
            at = found.end()
            continue
        word, quoted, end = _plain(text, at)
        yield Word(readable(word), at, quoted=quoted)
        at = end


def _plain(text: str, start: int) -> tuple[str, bool, int]:
    """One word that may hold quoted parts, whether all of it was quoted, and where it ends."""
    parts: list[str] = []
    at, quoted = start, text[start] in "\"'" and _closing(text, start) is not None
    while at < len(text) and not text[at].isspace():
        close = _closing(text, at) if text[at] == '"' or (text[at] == "'" and _opens(text, start, at)) else None
        if close is not None:
            parts.append(text[at + 1 : close])
            at = close + 1
        elif text[at] == "<" and (found := _REFERENCE.match(text, at)) is not None:
            parts.append(found[0])
            at = found.end()
        else:
            parts.append(text[at])
            at += 1
            quoted = False
    return "".join(parts), quoted, at


def _opens(text: str, start: int, at: int) -> bool:
    """An apostrophe inside a word (can't) opens nothing."""
    return at == start or text[at - 1] in "=:,("


def _closing(text: str, at: int) -> int | None:
    """Where the quote that opens at ``at`` ends: for a single one only before a blank or the end."""
    mark = text[at]
    close = text.find(mark, at + 1)
    while close != -1 and mark == "'" and not (close + 1 == len(text) or text[close + 1].isspace()):
        close = text.find(mark, close + 1)
    return close if close != -1 else None


def _reference(found: re.Match[str], at: int) -> Word:
    sign, id, label = found[1], found[2], found[3] or ""
    match sign:
        case "@":
            return Word(f"@{html.unescape(label) or id}", at, Kind.PERSON, id)
        case "#":
            return Word(f"#{html.unescape(label) or id}", at, Kind.CHANNEL, id)
        case "!":
            return Word(readable(found[0]), at)
    return Word(readable(found[0]), at, Kind.LINK, html.unescape(id))


def readable(text: str) -> str:
    """Slack's marks as people read them: ``@ada``, ``#incidents``, ``words (https://...)``; ``&amp;`` is ``&``."""
    return html.unescape(_REFERENCE.sub(_shown, text))


def _shown(found: re.Match[str]) -> str:
    sign, id, label = found[1], found[2], found[3] or ""
    if sign == "!":
        return f"@{(label or id.split('^')[0]).lstrip('@')}"
    if sign:
        return f"{sign}{label or id}"
    if not re.match(r"(?:https?|mailto|tel|ftp):", id, re.IGNORECASE):
        return found[0]
    bare = id.removeprefix("mailto:").removeprefix("tel:")
    return f"{label} ({bare})" if label and label not in (bare, id, re.sub(r"^https?://", "", id)) else bare
