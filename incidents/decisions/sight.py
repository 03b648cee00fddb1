"""
Who may see what: the one place where visibility is decided.

A restricted incident exists for its insiders alone, whatever their rights. To everybody else it is unknown, and what it
holds is held by "a restricted incident". A local administrator reads the file itself, so nothing is hidden there.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

from incidents.decisions import Asker
from incidents.errors import Unknown, nearest
from incidents.events import WITHHELD, Event, Withheld
from incidents.state import State

INSTEAD = "a restricted incident"
SUGGESTED = 500  # the newest incidents, among which the nearest id is looked for
_ID = re.compile(r"(?:INC|DRILL|TEST)-\d{4}-\d+", re.IGNORECASE)


def sees(state: State, asker: Asker, incident: str) -> bool:
    """Whether the asker may know of an incident (True for one that nobody knows)."""
    insiders = state.restricted.get(incident)
    return insiders is None or is_insider(asker, insiders)


def is_insider(asker: Asker, insiders: list[str]) -> bool:
    return asker.actor.via == "system" or asker.actor.name in insiders or local(asker)


def local(asker: Asker) -> bool:
    """Whoever has opened the ledger's file reads all of it anyway."""
    return asker.token is None and (asker.actor.person or "").startswith("local:")


def hidden(state: State, asker: Asker) -> frozenset[str]:
    """Every incident that the asker may not know of."""
    return frozenset(id for id, insiders in state.restricted.items() if not is_insider(asker, insiders))


def check(state: State, asker: Asker, incident: str) -> None:
    """
    Raises:
        Unknown: In the very words of an incident that does not exist.
    """
    if not sees(state, asker, incident):
        raise unknown_incident(state, incident)


def unknown_incident(state: State, id: str) -> Unknown:
    """What is said of an id that means nothing to the asker; suggests only what everybody may know of."""
    near = nearest(id.upper(), [i for i in state.order[-SUGGESTED:] if i not in state.restricted])
    return Unknown(f"unknown incident '{_short(id)}'.{near}", code="unknown-incident")


def unknown_request(state: State, id: str) -> Unknown:
    """The same for a restore request."""
    near = nearest(id.upper(), [r.id for r in state.requests.values() if r.incident not in state.restricted])
    return Unknown(f"unknown restore request '{_short(id)}'.{near}", code="unknown-request")


def _short(text: str) -> str:
    return text if len(text) <= 80 else text[:77] + "..."


def veiled(value: Any, without: frozenset[str]) -> Any:
    """
    Plain JSON values in which no incident of ``without`` is named.

    Rows that are about one (``incident`` or ``id`` names it) fall out of lists; names elsewhere become words. Under
    ``held_by`` rows stay: what is held has to say that it is, though not by whom.
    """
    if not without:
        return value
    if isinstance(value, dict):
        return {veiled(key, without): _under(key, item, without) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return _once([veiled(item, without) for item in value if not _is_about(item, without)])
    if isinstance(value, str):
        return _ID.sub(lambda found: INSTEAD if found[0].upper() in without else found[0], value)
    return value


def _under(key: str, value: Any, without: frozenset[str]) -> Any:
    if key == "held_by" and isinstance(value, list | tuple):
        return _once([veiled(row, without) for row in value])
    return veiled(value, without)


def _once(items: list[Any]) -> list[Any]:
    """Several restricted incidents in a list of names are named once."""
    return list(dict.fromkeys(items)) if INSTEAD in items and all(isinstance(i, str) for i in items) else items


def _is_about(item: Any, without: frozenset[str]) -> bool:
    return isinstance(item, dict) and (item.get("id") in without or item.get("incident") in without)


def veiled_event(event: Event, without: frozenset[str], *, inside: bool) -> Event | Withheld:
    """
    A line of the log as an asker may read it. What is withheld leaves its digest, so the chain can still be followed.

    Args:
        without: Incidents that the asker may not know of: of those, only the links. A header beside its digest would
            betray the incident, because there are few ids to try.
        inside: Whether restricted notes of the line's incident are for the asker.
    """
    if event.incident in without:
        return Withheld(event.seq, event.ledger, event.prev, event.digest)
    data, text = event.data, event.text
    if without and veiled(data, without) != data:
        data = dict(WITHHELD)
    if text is not None and ((event.data.get("restricted") and not inside) or veiled(text, without) != text):
        text = None
    return (
        event
        if data is event.data and text is event.text
        else replace(event, data=data, text=text, salt=event.salt if text is not None else None)
    )
