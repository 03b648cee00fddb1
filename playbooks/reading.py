"""
Files of a folder that people edit: which there are, and their bytes, never from outside the folder.
"""

from __future__ import annotations

from pathlib import Path

from playbooks.forms import SLUG
from playbooks.source import Problem, SourceError


def yaml_files(folder: Path) -> list[Path]:
    """In the order of their names; none where there is no such folder."""
    return sorted([*folder.glob("*.yaml"), *folder.glob("*.yml")])


def octets_of(path: Path, limit: int, what: str) -> bytes:
    """
    The file's bytes; never of a file outside its folder, nor more than ``limit``.

    Raises:
        SourceError: Its name, place, kind or size is wrong; ``what`` says what it should be.
    """
    fault = None
    if SLUG.fullmatch(path.stem) is None:
        fault = f"a {what}'s file name holds lower-case letters, digits and '-' before '.yaml'"
    elif path.suffix != ".yaml":
        fault = f"call the file '{path.stem}.yaml'"
    elif not path.resolve().is_relative_to(path.parent.resolve()):
        fault = "leads out of its folder; put the file itself there"
    elif not path.is_file():
        fault = "is not a regular file"
    if fault is None:
        try:
            with path.open("rb") as file:
                octets = file.read(limit + 1)
        except OSError as error:
            fault = f"can't be read: {error.strerror}"
        else:
            if len(octets) <= limit:
                return octets
            fault = f"larger than {limit:,} bytes"
    raise SourceError([Problem(path.name, 1, fault)])
