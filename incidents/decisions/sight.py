"""
Who may see what: the one place where visibility is decided.

A restricted incident exists for its insiders alone, whatever their rights. To everybody else it is unknown, and what it
holds is held by "a restricted incident". A local administrator reads the file itself, so nothing is hidden there.
"""

from __future__ import annotations

from typing import Any

from incidents.decisions import Asker
from incidents.errors import Unknown
from incidents.state import State

INSTEAD = "a restricted incident"


def sees(state: State, asker: Asker, incident: str) -> bool:
    """Whether the asker may know of an incident (True for one that nobody knows)."""
    insiders = state.restricted.get(incident)
    return insiders is None or is_insider(asker, insiders)


def is_insider(asker: Asker, insiders: list[str]) -> bool:
    person = asker.actor.person
    return asker.actor.via == "system" or (person is not None and (person in insiders or local(asker)))


def local(asker: Asker) -> bool:
    """Whoever has opened the ledger's file reads all of it anyway."""
    return asker.token is None and (asker.actor.person or "").startswith("local:")


def hidden(state: State, asker: Asker) -> frozenset[str]:
    """Every incident that the asker may not know of."""
    return frozenset(id for id, insiders in state.restricted.items() if not is_insider(asker, insiders))


def check(state: State, asker: Asker, incident: str) -> None:
    """
    Raises:
        Unknown: In the words of an incident that does not exist.
    """
    if not sees(state, asker, incident):
        raise Unknown(f"unknown incident '{incident}'.", code="unknown-incident")


def veiled(value: Any, without: frozenset[str]) -> Any:
    """
    Plain JSON values in which no incident of ``without`` is named.

    Rows that are about one (``incident`` or ``id`` names it) fall out of lists; names elsewhere become words.
    """
    if not without:
        return value
    if isinstance(value, dict):
        return {key: veiled(item, without) for key, item in value.items()}
    if isinstance(value, list | tuple):
        kept = [veiled(item, without) for item in value if not _is_about(item, without)]
        return list(dict.fromkeys(kept)) if INSTEAD in kept and all(isinstance(k, str) for k in kept) else kept
    if isinstance(value, str):
        for id in without:
            if id in value:
                value = value.replace(id, INSTEAD)
    return value


def _is_about(item: Any, without: frozenset[str]) -> bool:
    return isinstance(item, dict) and (item.get("id") in without or item.get("incident") in without)
