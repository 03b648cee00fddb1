"""
One incident's whole record as a JSON file that can be checked alone: its events as log lines, the views, a signed end.

Owns the form of the file; knows nothing of what an event means or who may read it. Written in one way only, an event a
line, so that two files that differ are never both the record. ``export_check`` reads it back.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from incidents.ledger import GENESIS, Head
from incidents.ledger.chain import canonical

FORM = 1
BEGINS = '{"andon_export":'
ABOUT = ("incident", "kind", "ledger", "exported_at", "exported_by", "withheld")
FIELDS = ("andon_export", *ABOUT, "events", "views", "digests", "digest", "checkpoint")
FIRST_EVENT = 9  # the line on which it stands
Json = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Export:
    """
    ``events``: each as ``chain.whole`` has it, or without its text (and salt) or its data where ``withheld`` says so.

    ``withheld``: ``{seq, part, because}``, ``part`` text or data. ``views``: name -> what people read, without floats.
    """

    incident: str
    kind: str
    ledger: str
    exported_at: str
    exported_by: str
    withheld: list[Json]
    events: list[Json]
    views: dict[str, Any]
    checkpoint: str | None = None

    @property
    def digests(self) -> dict[str, str]:
        return {name: _sha256(view) for name, view in sorted(self.views.items())}

    @property
    def head(self) -> Head:
        return Head(self.events[-1]["seq"], self.events[-1]["digest"]) if self.events else Head(0, GENESIS)

    @property
    def digest(self) -> str:
        """SHA-256 over everything but the checkpoint: the events by the digest of the last, the views by theirs."""
        sealed = {name: getattr(self, name) for name in ABOUT} | {"andon_export": FORM, "digests": self.digests}
        return _sha256(
            sealed | {"events": len(self.events), "head": {"seq": self.head.seq, "digest": self.head.digest}}
        )

    def signed(self, checkpoint: str | None) -> Export:
        return replace(self, checkpoint=checkpoint)

    def written(self) -> str:
        """The file."""
        return "".join(self.lines(self.digests, self.digest))

    def lines(self, digests: Json, digest: str) -> Iterator[str]:
        yield f"{BEGINS}{FORM},\n"
        for name in ABOUT:
            yield f'"{name}":{json_of(getattr(self, name))},\n'
        yield '"events":[\n'
        yield ",\n".join(map(json_of, self.events))
        yield '\n],\n"views":{\n'
        yield ",\n".join(f"{json_of(name)}:{json_of(view)}" for name, view in sorted(self.views.items()))
        yield f'\n}},\n"digests":{json_of(digests)},\n"digest":{json_of(digest)},\n'
        yield f'"checkpoint":{json_of(self.checkpoint)}}}\n'


def json_of(value: Any) -> str:
    return canonical(value).decode()


def _sha256(value: Any) -> str:
    return hashlib.sha256(canonical(value)).hexdigest()
