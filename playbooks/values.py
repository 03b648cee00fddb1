"""
What whoever declares has told: checked against what there is, and put into the playbook's texts.

Pure: asks a World what exists; reads no file, no clock and no network.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Protocol

from playbooks.schema import ParameterKind, Playbook
from playbooks.words import nearest, shown, way_out

MAX_LENGTH = 200
_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]*", re.ASCII)

Fault = tuple[str, str]
"""Where it stands in the request, and what is wrong."""


class World(Protocol):
    """What a plan may ask about the present."""

    @property
    def partners(self) -> Collection[str]: ...

    @property
    def models(self) -> Collection[str]: ...

    @property
    def flags(self) -> Collection[str]:
        """Every capability flag, ``model:capability``."""
        ...

    @property
    def ladder(self) -> Sequence[str]:
        """The stages, the narrowest first."""
        ...

    def stage_in_force(self, model: str) -> str:
        """The stage that the model stands on now, holds included."""
        ...


def faults(playbook: Playbook, parameters: Mapping[str, str], world: World) -> Iterator[Fault]:
    """What is wrong with the parameters that were given."""
    for name, value in parameters.items():
        where = f"parameters.{name[:MAX_LENGTH]}"
        if name not in playbook.parameters:
            yield where, f"playbook '{playbook.id}' has no parameter {shown(name)}.{_known(name, playbook)}"
        elif message := _fault(playbook.kind_of(name), name, value, world):
            yield where, message
    for name, parameter in playbook.parameters.items():
        if parameter.required and name not in parameters:
            about = f" ({parameter.about})" if parameter.about else ""
            yield f"parameters.{name}", f"'{name}' is missing{about}: give it as {name}=..."


def flags_of(capability: str, world: World) -> tuple[str, ...]:
    """The flags that ``orion-2:tool-use`` or ``tool-use`` (on every model) stands for; perhaps none."""
    if ":" in capability:
        return (capability,) if capability in world.flags else ()
    return tuple(sorted(flag for flag in world.flags if flag.partition(":")[2] == capability))


def unknown_capability(capability: str, world: World) -> str:
    """The sentence about a flag or capability that does not exist."""
    if ":" in capability:
        return f"unknown flag {shown(capability)}.{way_out(capability, world.flags)}"
    known = {flag.partition(":")[2] for flag in world.flags}
    return f"unknown capability {shown(capability)}.{way_out(capability, known)}"


def _fault(kind: ParameterKind, name: str, value: object, world: World) -> str:
    if not isinstance(value, str):
        return f"'{name}' must be text, not {shown(value)}"
    if not value.strip():
        return f"'{name}' is empty: give a value or leave it out"
    if len(value) > MAX_LENGTH:
        return f"'{name}' may have at most {MAX_LENGTH} characters, not {len(value)}"
    if kind is ParameterKind.TEXT:
        return "" if value.isprintable() else f"{shown(value)} holds characters that '{name}' can't have"
    if _ID.fullmatch(value) is None:
        return f"{shown(value)} can't be a {kind}: letters, digits and . _ : - only"
    return _unknown(kind, value, world)


def _unknown(kind: ParameterKind, value: str, world: World) -> str:
    if kind is ParameterKind.CAPABILITY:
        return "" if flags_of(value, world) else unknown_capability(value, world)
    known = world.partners if kind is ParameterKind.PARTNER else world.models
    return "" if value in known else f"unknown {kind} {shown(value)}.{way_out(value, known)}"


def _known(name: str, playbook: Playbook) -> str:
    if hint := nearest(name, playbook.parameters):
        return hint
    return f" It takes: {', '.join(playbook.parameters)}." if playbook.parameters else " It takes none."
