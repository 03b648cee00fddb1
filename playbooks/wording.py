"""
What messages say: one text file per template, with the facts that are put into it named between double braces.

Names come from a closed list per audience, so a text for a partner can't even name what concerns the others. No
expressions, no code. Read once, at the start; nothing that a request names ever becomes a path.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from playbooks.forms import SLUG
from playbooks.source import Problem
from playbooks.templates import fill, names_in
from playbooks.words import nearest, shown

SIZE_LIMIT = 64 * 1024
"""The largest template, in bytes."""

SHIPPED = Path(__file__).parent / "notices"


class Audience(StrEnum):
    """Whose eyes a text is for: our own people and machines, one partner, or an authority."""

    TEAM = "team"
    PARTNER = "partner"
    AUTHORITY = "authority"


_OF_INCIDENT = (
    "incident", "title", "summary", "severity", "status", "kind", "playbook", "declared_at", "declared_by",
    "held", "contained", "contained_at", "partners_affected", "words",
)  # fmt: skip
CLOCK_FACTS = ("title", "recipient", "regime", "source", "due", "items")
"""What an authority's text may name of the clock that asks for it, as ``clock.<name>``."""
FACTS: dict[Audience, frozenset[str]] = {
    Audience.TEAM: frozenset(
        {*_OF_INCIDENT, "parameters", "moment", "commander", "update", "update_at", "review_due", "page"}
    ),
    Audience.PARTNER: frozenset({"partner.id", "partner.title", "concerned", "since", "proven", "reference", "sender"}),
    Audience.AUTHORITY: frozenset(
        {*_OF_INCIDENT, "authority", "update", "sender", *(f"clock.{name}" for name in CLOCK_FACTS)}
    ),
}
"""Which facts a text for each audience may name."""


class UnknownWording(LookupError):
    """No template has this name."""


@dataclass(frozen=True, slots=True)
class Wording:
    """One template. ``facts`` are the names that it takes, in order."""

    slug: str
    audience: Audience
    subject: str
    body: str

    @property
    def facts(self) -> tuple[str, ...]:
        return names_in(f"{self.subject}\n{self.body}")

    def written(self, values: Mapping[str, str]) -> tuple[str, str]:
        """
        Subject (one line) and body with the values in them; a value is never read as a template again.

        Raises:
            Absent: A name has no value.
        """
        return " ".join(fill(self.subject, values).split()), fill(self.body, values).strip() + "\n"


class Wordings:
    """Templates by name, and what is wrong with their files. A file with a problem is not taken."""

    def __init__(self, wordings: Mapping[str, Wording], problems: tuple[Problem, ...] = ()) -> None:
        self._wordings = dict(sorted(wordings.items()))
        self.problems = tuple(sorted(problems))

    @classmethod
    def load(cls, extra: Path | None = None) -> Wordings:
        """Read the shipped templates, then ``notices/*.txt`` of the extra folder, which replace those of their name."""
        found: dict[str, Wording] = {}
        problems: list[Problem] = []
        for folder in (SHIPPED, extra / "notices" if extra is not None else None):
            for path in sorted(folder.glob("*.txt")) if folder is not None else ():
                read = _read(path)
                if isinstance(read, Wording):
                    found[read.slug] = read
                else:
                    problems += read
        return cls(found, tuple(problems))

    def __iter__(self) -> Iterator[Wording]:
        return iter(self._wordings.values())

    def __contains__(self, slug: object) -> bool:
        return slug in self._wordings

    @property
    def audiences(self) -> dict[str, Audience]:
        """Whom each template is for, by its name: what a playbook's notices are checked against."""
        return {slug: wording.audience for slug, wording in self._wordings.items()}

    def get(self, slug: str) -> Wording:
        """
        Raises:
            UnknownWording: There is none; the message names the nearest.
        """
        if slug not in self._wordings:
            raise UnknownWording(f"unknown template {shown(slug)}.{nearest(slug, self._wordings)}")
        return self._wordings[slug]


def _read(path: Path) -> Wording | list[Problem]:
    def wrong(line: int, message: str) -> list[Problem]:
        return [Problem(path.name, line, message)]

    if SLUG.fullmatch(path.stem) is None:
        return wrong(1, "a template's file name holds lower-case letters, digits and '-' before '.txt'")
    if not path.resolve().is_relative_to(path.parent.resolve()) or not path.is_file():
        return wrong(1, "is not a regular file of this folder")
    try:
        with path.open("rb") as file:
            octets = file.read(SIZE_LIMIT + 1)
        text = octets.decode("utf-8-sig")
    except OSError as error:
        return wrong(1, f"can't be read: {error.strerror}")
    except UnicodeDecodeError as error:
        return wrong(octets.count(b"\n", 0, error.start) + 1, "not UTF-8")
    if len(octets) > SIZE_LIMIT:
        return wrong(1, f"larger than {SIZE_LIMIT:,} bytes")
    return _parsed(path, text)


def _parsed(path: Path, text: str) -> Wording | list[Problem]:
    lines = text.replace("\r\n", "\n").split("\n")
    head = [line.partition(": ") for line in lines[:2]]
    if [name for name, _, _ in head] != ["For", "Subject"] or (lines[2:3] or [""])[0].strip():
        return [Problem(path.name, 1, "begins with 'For: team|partner|authority', 'Subject: ...' and an empty line")]
    audience = head[0][2].strip()
    if audience not in tuple(Audience):
        known = ", ".join(Audience)
        return [Problem(path.name, 1, f"is for {shown(audience)}.{nearest(audience, Audience)} It is one of: {known}")]
    problems = list(_unknown_facts(path, lines, Audience(audience)))
    body = "\n".join(lines[3:])
    if not body.strip():
        problems.append(Problem(path.name, 4, "says nothing"))
    return problems or Wording(path.stem, Audience(audience), head[1][2].strip(), body)


def _unknown_facts(path: Path, lines: list[str], audience: Audience) -> Iterator[Problem]:
    known = FACTS[audience]
    for number, line in enumerate(lines, 1):
        for name in names_in(line):
            if name in known:
                continue
            message = f"unknown fact {shown(name)} in a text for the {audience}.{nearest(name, known)}"
            yield Problem(path.name, number, message)
        rest = fill(line, dict.fromkeys(names_in(line), ""))
        if "{{" in rest or "}}" in rest:
            yield Problem(path.name, number, "only '{{ name }}' is put in, no expressions")
