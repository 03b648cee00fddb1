"""
In which Slack channels an incident is shown. Pure.

The central channel, whatever channels its playbook names, and its own where it has one. A test is shown nowhere; a
restricted incident only in its own channel, which is private. Where a command was typed is never one: that may be a
channel shared with the partner whom it is about.
"""

from __future__ import annotations

from collections.abc import Iterable

from incidents.life import RESTRICTED, Incident

CENTRAL = "#incidents"  # as playbooks call it; the setting says which channel that is


def places(incident: Incident, central: str) -> list[str]:
    """Ids or ``#names``, the central one first."""
    if incident.kind == "test":
        return []
    room = [incident.room] if incident.room else []
    if incident.visibility == RESTRICTED:
        return room
    named = [central_name(to, central) for to in _channels(incident)]
    return list(dict.fromkeys([*([hashed(central)] if central else []), *named, *room]))


def _channels(incident: Incident) -> Iterable[str]:
    """``slack:#name`` entries of the playbook's ``notify``."""
    for notice in incident.notices:
        kind, _, id = str(notice.get("to", "")).partition(":")
        if kind == "slack" and id:
            yield id


def central_name(name: str, central: str) -> str:
    """``#incidents`` of a playbook is the central channel, if there is one; any other name is itself."""
    return hashed(central) if central and hashed(name) == CENTRAL else hashed(name)


def hashed(channel: str) -> str:
    """An id as it is, a name with its ``#``."""
    looks_like_id = channel[:1] in ("C", "G", "D") and channel.isupper()
    return channel if looks_like_id or channel.startswith("#") else f"#{channel}"


def room_name(incident: Incident) -> str:
    """``inc-2026-0001-acme``: what Slack takes as a channel's name."""
    named = "-".join(incident.parameters.values()).lower()
    slug = "".join(c if c.isascii() and (c.isalnum() or c in "-_") else "-" for c in named).strip("-")
    return f"{incident.id.lower()}{f'-{slug}' if slug else ''}"[:74].rstrip("-")
