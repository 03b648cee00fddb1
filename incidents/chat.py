"""
What the log knows of Slack: the workspace, whose accounts there are, rooms of incidents, captured messages.

Value types of the state and how facts change them. An account is a credential of its person like a token, but for a
secret: it stands among the tokens as ``slack:<user>``, so every rule about people and tokens holds for it too.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from incidents import events as ev
from incidents.catalog import Person

if TYPE_CHECKING:
    from incidents.state import Token

ACCOUNT = "slack:"  # begins the id of an account among the tokens


@dataclass(slots=True)
class Captured:
    """A Slack message on an incident's timeline; ``seq`` is the line, ``edits`` the edits of it that were seen."""

    incident: str
    seq: int
    edits: list[str] = field(default_factory=list)
    deleted: bool = False


@dataclass(slots=True)
class Chat:
    """``rooms``: channel -> the incident that it is of. ``captured`` by ``channel:ts``."""

    team: str = ""
    bot: str = ""
    team_seq: int = 0
    rooms: dict[str, str] = field(default_factory=dict)
    threads: dict[str, str] = field(default_factory=dict)  # channel:ts of an incident's message -> the incident
    captured: dict[str, Captured] = field(default_factory=dict)

    def capture(self, incident: str, seq: int, fact: ev.SlackMessageCaptured) -> None:
        self.captured.setdefault(message_key(fact.channel, fact.ts), Captured(incident, seq))

    def edit(self, fact: ev.SlackMessageEdited) -> None:
        known = self.captured.get(message_key(fact.channel, fact.ts))
        if known is not None:
            known.edits.append(fact.edited_ts)

    def delete(self, fact: ev.SlackMessageDeleted) -> None:
        known = self.captured.get(message_key(fact.channel, fact.ts))
        if known is not None:
            known.deleted = True

    def incident_at(self, channel: str, thread: str = "") -> str:
        """The incident whose room or thread this is; empty where it is neither."""
        return self.rooms.get(channel) or (self.threads.get(message_key(channel, thread), "") if thread else "")


def message_key(channel: str, ts: str) -> str:
    return f"{channel}:{ts}"


def account_id(user: str) -> str:
    """An account's id among the tokens."""
    return f"{ACCOUNT}{user}"


def account_of(person: str, people: Mapping[str, Person], tokens: Mapping[str, Token]) -> str:
    """
    Where a person reads Slack: the catalog's id, else the account that was linked last; empty: nowhere.

    An account that was cut off is not written to either.
    """
    known = people.get(person)
    if known is None:
        return ""
    own = tokens.get(account_id(known.slack)) if known.slack else None
    if own is not None:
        return "" if own.revoked else known.slack
    found = [t.id for t in tokens.values() if t.person == person and is_account(t.id) and not t.revoked]
    return found[-1].removeprefix(ACCOUNT) if found else ""


def is_account(token: str | None) -> bool:
    return (token or "").startswith(ACCOUNT)
