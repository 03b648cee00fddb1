"""
What an incident puts on a thing to narrow the catalog.

A hold names ids, not objects: it outlives the thing's removal from the catalog. Lifting takes away one hold only.
Easing lets one hold spare named partners and leaves it standing for everybody else; what other holds say is not eased.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Self


class HoldKind(StrEnum):
    PARTNER = "partner"  # revoked: all access of one partner
    FLAG = "flag"  # one model's capability off, perhaps only in some regions
    CAPABILITY = "capability"  # the same on every model that has it
    CAP = "cap"  # throttled: at most so many decisions in a window
    HALT = "halt"  # the model answers nobody
    STAGE = "stage"  # the model stands at most on this stage
    PROMOTION = "promotion"  # likewise, and says that it must not be promoted


LIVE, SHADOW = "live", "shadow"


@dataclass(frozen=True, slots=True, kw_only=True)
class Hold:
    """
    One narrowing. ``id`` is ``<incident>/h<n>``; ``action`` the number of the plan's action that placed it.

    ``spared``: partners for whom it was eased. It means nothing on a hold that names one partner: that one is lifted.
    """

    id: str
    incident: str
    action: int
    kind: HoldKind
    table: str = LIVE
    partner: str | None = None
    model: str | None = None
    capability: str | None = None
    regions: tuple[str, ...] = ()
    at_most: str | None = None
    cap: dict[str, int] = field(default_factory=dict)
    spared: tuple[str, ...] = ()

    @property
    def can_spare(self) -> bool:
        """It binds everybody, so that it can be eased for some."""
        return self.partner is None

    @property
    def eased_for(self) -> tuple[str, ...]:
        """Whom it spares now."""
        return self.spared if self.can_spare else ()

    def binds(self, partner: str | None) -> bool:
        """Does it still hold for this partner? None is everybody who is not spared."""
        return partner not in self.eased_for

    @property
    def target(self) -> str:
        """What it binds, as an index key."""
        match self.kind:
            case HoldKind.PARTNER:
                return f"partner:{self.partner}"
            case HoldKind.FLAG:
                return f"flag:{self.model}:{self.capability}"
            case HoldKind.CAPABILITY:
                return f"capability:{self.capability}"
            case HoldKind.CAP:
                return f"cap:{self.partner or '*'}:{self.model or '*'}:{self.capability}"
            case HoldKind.HALT | HoldKind.STAGE | HoldKind.PROMOTION:
                return f"model:{self.model}"

    @property
    def flag(self) -> str:
        return f"{self.model}:{self.capability}" if self.model else f"{self.capability}"

    def words(self) -> str:
        """One sentence without a full stop, for people."""
        match self.kind:
            case HoldKind.PARTNER:
                return f"{self.partner} revoked"
            case HoldKind.FLAG | HoldKind.CAPABILITY:
                where = f" in {', '.join(self.regions)}" if self.regions else ""
                every = "" if self.model else " on every model"
                return f"{self.flag} switched off{every}{where}"
            case HoldKind.CAP:
                caps = ", ".join(f"{n} {per.replace('_', ' ')}" for per, n in sorted(self.cap.items()))
                return f"{self.partner or 'every partner'} throttled on {self.flag}: at most {caps}"
            case HoldKind.HALT:
                return f"{self.model} halted"
            case HoldKind.STAGE:
                return f"{self.model} rolled back to {self.at_most}"
            case HoldKind.PROMOTION:
                return f"promotion of {self.model} frozen at {self.at_most}"

    def words_now(self) -> str:
        """Likewise, with whom it spares."""
        return f"{self.words()}, except for {', '.join(self.eased_for)}" if self.eased_for else self.words()

    def data(self) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for item in dataclasses.fields(self):
            value = getattr(self, item.name)
            if value or value == 0:
                found[item.name] = list(value) if isinstance(value, tuple) else value
        return found

    @classmethod
    def read(cls, data: Mapping[str, Any]) -> Self:
        known = {item.name for item in dataclasses.fields(cls)}
        values: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in data.items() if k in known}
        values["kind"] = HoldKind(data["kind"])
        return cls(**values)
