"""
The closed list of what a playbook may do, resolved: real ids in place of parameters.

Each action says what it is in one sentence for people, without a full stop. What it means for access is not known here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, ClassVar, TypeAlias

Scalar: TypeAlias = str | int | bool


@dataclass(frozen=True, slots=True)
class Cap:
    """At most so many uses in each window; a window that is None is not limited by this cap."""

    per_minute: int | None = None
    per_hour: int | None = None
    per_day: int | None = None

    def keys(self) -> list[str]:
        """The windows that are limited; with ``[]`` this makes ``dict(cap)`` work."""
        return [window for window in ("per_minute", "per_hour", "per_day") if getattr(self, window) is not None]

    def __getitem__(self, window: str) -> int:
        count: int = getattr(self, window)
        return count

    def __str__(self) -> str:
        return ", ".join(f"{self[window]} a {window.removeprefix('per_')}" for window in self.keys())


@dataclass(frozen=True, slots=True)
class RevokePartner:
    """The partner may use nothing."""

    name: ClassVar[str] = "revoke-partner"
    partner: str

    def describe(self) -> str:
        return f"Revoke all access of partner {self.partner}"


@dataclass(frozen=True, slots=True)
class SwitchOff:
    """
    A capability is off, everywhere or in some regions.

    ``capability`` is what was named, ``flags`` what that means now: one flag, or one per model.
    """

    name: ClassVar[str] = "switch-off"
    capability: str
    flags: tuple[str, ...] = ()
    regions: tuple[str, ...] = ()

    def describe(self) -> str:
        where = f" in {_listed(self.regions)}, and where the region is not told" if self.regions else ""
        return f"Switch {_extent(self.capability, self.flags)} off{where}"


@dataclass(frozen=True, slots=True)
class RollBackStage:
    """
    The model stands at most on ``stage``; below the first stage (``stage`` is None) it is halted.

    The stage is absolute, counted from ``stage_before``: the one in force when the plan was made, or to which an
    earlier action of the plan brings the model. An action that is skipped has none.
    """

    name: ClassVar[str] = "roll-back-stage"
    model: str
    stages: int
    stage: str | None = None
    stage_before: str = ""

    def describe(self) -> str:
        if not self.stage_before:
            return f"Roll {self.model} back {_count(self.stages, 'stage')}"
        if self.stage is None:
            return f"Halt {self.model}: {_count(self.stages, 'stage')} below {self.stage_before} there is none"
        return f"Roll {self.model} back {_count(self.stages, 'stage')}, from {self.stage_before} to {self.stage}"


@dataclass(frozen=True, slots=True)
class HaltModel:
    """Nobody may use the model."""

    name: ClassVar[str] = "halt-model"
    model: str

    def describe(self) -> str:
        return f"Halt model {self.model} for everybody"


@dataclass(frozen=True, slots=True)
class TightenCap:
    """A capability stays on with a lower cap, for one partner or (``partner`` is None) for each."""

    name: ClassVar[str] = "tighten-cap"
    capability: str
    cap: Cap
    flags: tuple[str, ...] = ()
    partner: str | None = None

    def describe(self) -> str:
        whom = f"partner {self.partner}" if self.partner else "each partner"
        return f"Throttle {whom} on {_extent(self.capability, self.flags)} to {self.cap}"


@dataclass(frozen=True, slots=True)
class FreezePromotion:
    """The model may not move up the ladder."""

    name: ClassVar[str] = "freeze-promotion"
    model: str

    def describe(self) -> str:
        return f"Freeze the promotion of {self.model}"


@dataclass(frozen=True, slots=True)
class Call:
    """An order to an outside system, sent after the write until it answers."""

    name: ClassVar[str] = "call"
    connector: str
    action: str
    arguments: tuple[tuple[str, Scalar], ...] = ()

    def describe(self) -> str:
        given = ", ".join(f"{name} {value}" for name, value in self.arguments)
        return f"Call {self.connector}: {self.action}{f' ({given})' if given else ''}"


Action: TypeAlias = RevokePartner | SwitchOff | RollBackStage | HaltModel | TightenCap | FreezePromotion | Call

ACTIONS: tuple[type[Action], ...] = (
    RevokePartner, SwitchOff, RollBackStage, HaltModel, TightenCap, FreezePromotion, Call,
)  # fmt: skip
"""Every action that there is; a playbook can name no other."""


def to_order(action: Action) -> dict[str, Any]:
    """The action as plain JSON values, to be kept and carried out later; equal actions give equal values."""
    if isinstance(action, Call):
        order = {"connector": action.connector, "call": action.action, "arguments": dict(action.arguments)}
    else:
        order = {key: _plain(value) for key, value in asdict(action).items() if value not in (None, ())}
    return {"action": action.name, **order}


def from_order(order: Mapping[str, Any]) -> Action:
    """
    The action that ``to_order`` wrote down.

    Raises:
        ValueError: No such action, or its parts are missing.
    """
    kind = {known.name: known for known in ACTIONS}.get(str(order.get("action")))
    parts = {key: value for key, value in order.items() if key != "action"}
    try:
        if kind is Call:
            return Call(parts["connector"], parts["call"], tuple(sorted(parts["arguments"].items())))
        if kind is not None:
            parts |= {"cap": Cap(**parts["cap"])} if "cap" in parts else {}
            settings: dict[str, Any] = {key: _frozen(value) for key, value in parts.items()}
            return kind(**settings)
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"not a complete {order['action']}: {error}") from error
    raise ValueError(f"unknown action {order.get('action')!r}")


def _frozen(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: part for key, part in value.items() if part is not None}
    return list(value) if isinstance(value, tuple) else value


def _extent(capability: str, flags: tuple[str, ...]) -> str:
    if not flags or flags == (capability,):
        return capability
    return f"{capability} on every model ({_listed(tuple(flag.partition(':')[0] for flag in flags))})"


def _listed(words: tuple[str, ...]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"


def _count(number: int, noun: str) -> str:
    return f"one {noun}" if number == 1 else f"{number} {noun}s"
