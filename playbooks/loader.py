"""
The playbooks that there are: those that ship, and those of an extra folder, one YAML file each.

A file is named after its id; in the extra folder it replaces a shipped one of that name, and the entry says so.
Read once, at the start; nothing that a request names ever becomes a path.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from playbooks.reading import octets_of, yaml_files
from playbooks.register import Register, check_folder
from playbooks.rules import broken_links, read_document, unfit_templates, unknown_clocks
from playbooks.schema import SIZE_LIMIT, Playbook
from playbooks.source import Problem, SourceError, parse
from playbooks.wording import Audience, Wordings
from playbooks.words import nearest, shown
from runbooks.library import Library as Runbooks

SHIPPED = Path(__file__).parent
SCHEDULE = "drills.yaml"  # stands beside a company's playbooks and is none


class UnknownPlaybook(LookupError):
    """No playbook has this id."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One playbook and where it came from. ``digest`` is the SHA-256 of the file's bytes, in hex."""

    playbook: Playbook
    digest: str
    path: Path
    text: str
    shipped: bool
    replaces_shipped: bool = False


class Library:
    """Playbooks by id, and what is wrong with their files. A file with a problem is not taken."""

    def __init__(
        self, entries: Mapping[str, Entry], problems: tuple[Problem, ...] = (), wordings: Wordings | None = None
    ) -> None:
        self._entries = dict(sorted(entries.items()))
        self.wordings = wordings if wordings is not None else Wordings.load()
        self.problems = tuple(sorted((*problems, *self.wordings.problems)))

    @classmethod
    def load(
        cls, extra: Path | None = None, runbooks: Runbooks | None = None, register: Register | None = None
    ) -> Library:
        """
        Read the shipped playbooks, then those of the extra folder.

        A broken file in the extra folder leaves the shipped playbook of that name in force and is among ``problems``.
        """
        anchors = (runbooks if runbooks is not None else Runbooks.load(extra)).anchors
        clocks = (register if register is not None else Register.load(extra)).deadlines
        wordings = Wordings.load(extra)
        entries: dict[str, Entry] = {}
        problems: list[Problem] = []
        for folder in (SHIPPED, extra):
            for path in _files(folder) if folder is not None else ():
                try:
                    shipped, replaces = folder is SHIPPED, path.stem in entries
                    entry = _read(path, anchors, clocks, wordings.audiences, shipped=shipped, replaces=replaces)
                except SourceError as error:
                    problems += error.problems
                else:
                    entries[entry.playbook.id] = entry
        if extra is not None and not extra.is_dir():
            problems.append(Problem(str(extra), 1, "there is no such folder of playbooks"))
        return cls(entries, tuple(problems), wordings)

    def __iter__(self) -> Iterator[Playbook]:
        return (entry.playbook for entry in self._entries.values())

    def __len__(self) -> int:
        return len(self._entries)

    def __contains__(self, identifier: object) -> bool:
        return identifier in self._entries

    @property
    def ids(self) -> tuple[str, ...]:
        """The ids, sorted."""
        return tuple(self._entries)

    @property
    def remarks(self) -> tuple[str, ...]:
        """What an operator should know at the start: which shipped playbooks are replaced, and by which file."""
        return tuple(
            f"playbook '{identifier}' is taken from {entry.path}, not from the shipped one"
            for identifier, entry in self._entries.items()
            if entry.replaces_shipped
        )

    def entry(self, identifier: str) -> Entry:
        """
        One playbook with its origin.

        Raises:
            UnknownPlaybook: There is none; the message names the nearest.
        """
        if identifier not in self._entries:
            raise UnknownPlaybook(f"unknown playbook {shown(identifier)}.{nearest(identifier, self._entries)}")
        return self._entries[identifier]

    def get(self, identifier: str) -> Playbook:
        """One playbook; raises UnknownPlaybook like ``entry``."""
        return self.entry(identifier).playbook

    def digest(self, identifier: str) -> str:
        """The digest of a playbook's file; raises UnknownPlaybook like ``entry``."""
        return self.entry(identifier).digest


def _files(folder: Path) -> list[Path]:
    return [path for path in yaml_files(folder) if path.name != SCHEDULE]


def check(path: Path, runbooks: Runbooks | None = None) -> list[Problem]:
    """
    What is wrong with a playbook file, or with every one in a folder; empty when all is well.

    Links are checked against the shipped runbooks and those beside the file, unless ``runbooks`` is given; clocks
    against the register with the regimes beside the file, which are checked with a folder, and so are
    the templates of ``notices``.
    """
    folder = path if path.is_dir() else path.parent
    if not path.exists():
        return [Problem(str(path), 1, "there is no such file or folder")]
    anchors = (runbooks if runbooks is not None else Runbooks.load(folder)).anchors
    clocks = Register.load(folder).deadlines
    wordings = Wordings.load(folder if folder != SHIPPED else None)
    problems: list[Problem] = [*check_folder(path), *wordings.problems] if path.is_dir() else []
    for file in _files(path) if path.is_dir() else [path]:
        try:
            _read(file, anchors, clocks, wordings.audiences)
        except SourceError as error:
            problems += error.problems
    if path.is_dir() and not _files(path):
        problems.append(Problem(str(path), 1, "there is no playbook (*.yaml) in this folder"))
    return sorted(problems)


def _read(
    path: Path,
    anchors: Mapping[str, Collection[str]],
    clocks: Mapping[str, Collection[str]],
    audiences: Mapping[str, Audience],
    *,
    shipped: bool = False,
    replaces: bool = False,
) -> Entry:
    octets = octets_of(path, SIZE_LIMIT, "playbook")
    document = parse(octets, path.name, limit=SIZE_LIMIT)
    playbook = read_document(document)
    complaints = [
        *broken_links(playbook, anchors),
        *unknown_clocks(playbook, clocks),
        *unfit_templates(playbook, audiences),
    ]
    problems = [document.problem(loc, message) for loc, message in complaints]
    if playbook.id != path.stem:
        message = f"id '{playbook.id}' and file name differ: call the file '{playbook.id}.yaml'"
        problems.append(document.problem(("id",), message))
    if problems:
        raise SourceError(sorted(problems))
    digest = hashlib.sha256(octets).hexdigest()
    return Entry(playbook, digest, path, octets.decode("utf-8-sig"), shipped, replaces and not shipped)
