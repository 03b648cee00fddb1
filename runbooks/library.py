"""
The runbooks that there are: those that ship, and those of an extra folder, one Markdown file each.

A file's name is its slug; in the extra folder it replaces a shipped one of that name. Read once, at the start.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from runbooks.render import headings, internal_links, render

SIZE_LIMIT = 256 * 1024
"""The largest runbook, in bytes."""

SHIPPED = Path(__file__).parent
_SLUG = re.compile(r"[a-z0-9][a-z0-9-]{0,99}", re.ASCII)


class UnknownRunbook(LookupError):
    """No runbook has this slug."""


@dataclass(frozen=True, slots=True, order=True)
class Fault:
    """Something wrong in a runbook's file; ``line`` counts from 1."""

    file: str
    line: int
    message: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.message}"


@dataclass(frozen=True, slots=True)
class Runbook:
    """One procedure. ``anchors`` are the ids of its headings, in order."""

    slug: str
    title: str
    html: str
    anchors: tuple[str, ...]
    markdown: str


class Library:
    """Runbooks by slug, and what is wrong with their files."""

    def __init__(self, runbooks: Mapping[str, Runbook], faults: tuple[Fault, ...] = ()) -> None:
        self._runbooks = dict(sorted(runbooks.items()))
        self.faults = tuple(sorted((*faults, *self._broken_links())))

    @classmethod
    def load(cls, extra: Path | None = None) -> Library:
        """Read the shipped runbooks, then those of the extra folder (which may hold other files as well)."""
        found: dict[str, Runbook] = {}
        faults: list[Fault] = []
        for folder in (SHIPPED, extra):
            for path in sorted(folder.glob("*.md")) if folder is not None else ():
                read = _read(path, path.parent)
                if isinstance(read, Runbook):
                    found[read.slug] = read
                else:
                    faults.append(read)
        return cls(found, tuple(faults))

    def __iter__(self) -> Iterator[Runbook]:
        return iter(self._runbooks.values())

    def __len__(self) -> int:
        return len(self._runbooks)

    def __contains__(self, slug: object) -> bool:
        return slug in self._runbooks

    @property
    def anchors(self) -> dict[str, tuple[str, ...]]:
        """The anchors of each runbook, by slug."""
        return {slug: runbook.anchors for slug, runbook in self._runbooks.items()}

    def get(self, slug: str) -> Runbook:
        """
        One runbook.

        Raises:
            UnknownRunbook: There is none; the message names the nearest.
        """
        if slug in self._runbooks:
            return self._runbooks[slug]
        close = difflib.get_close_matches(slug[:100], self._runbooks, n=1, cutoff=0.55)
        hint = f" Did you mean '{close[0]}'?" if close else ""
        raise UnknownRunbook(f"unknown runbook {slug[:100]!r}.{hint}")

    def _broken_links(self) -> Iterator[Fault]:
        for runbook in self:
            for line, slug, anchor in internal_links(runbook.markdown):
                target = self._runbooks.get(slug or runbook.slug)
                if target is None:
                    yield Fault(f"{runbook.slug}.md", line, f"link to an unknown runbook '{slug}'")
                elif anchor and anchor not in target.anchors:
                    yield Fault(f"{runbook.slug}.md", line, f"runbook '{target.slug}' has no heading '{anchor}'")


def _read(path: Path, folder: Path) -> Runbook | Fault:
    if _SLUG.fullmatch(path.stem) is None:
        return Fault(path.name, 1, "a runbook's file name holds lower-case letters, digits and '-' before '.md'")
    if not path.resolve().is_relative_to(folder.resolve()):
        return Fault(path.name, 1, "leads out of its folder; put the file itself there")
    if not path.is_file():
        return Fault(path.name, 1, "is not a regular file")
    try:
        with path.open("rb") as file:
            octets = file.read(SIZE_LIMIT + 1)
        markdown = octets.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        return Fault(path.name, octets.count(b"\n", 0, error.start) + 1, "not UTF-8")
    except OSError as error:
        return Fault(path.name, 1, f"can't be read: {error.strerror}")
    if len(octets) > SIZE_LIMIT:
        return Fault(path.name, 1, f"larger than {SIZE_LIMIT:,} bytes")
    found = headings(markdown)
    if not found:
        return Fault(path.name, 1, "has no heading; the first one is its title")
    return Runbook(path.stem, found[0][1], render(markdown), tuple(anchor for anchor, _ in found), markdown)
