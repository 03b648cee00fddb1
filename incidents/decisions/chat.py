"""
What is written down about Slack: whose account it is, where an incident is shown, messages that people captured.

Knows nothing of Slack's API; ids, times and words are handed in.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from incidents import events as ev
from incidents.chat import account_id, message_key
from incidents.decisions import Asker, Decided, needs
from incidents.decisions.incident import NOTE_LIMIT, get_incident
from incidents.decisions.sight import local
from incidents.errors import Conflicting, Forbidden, Invalid
from incidents.events import Draft
from incidents.roles import Right
from incidents.state import State

HOWS = ("shortcut", "pin", "emoji")


def link_account(state: State, user: str, asker: Asker) -> Decided:
    """
    Say that a Slack account is one's own.

    Raises:
        Forbidden: Not a person's token.
        Conflicting: The account is somebody else's, or the catalog names another account for this person.
    """
    needs(asker, Right.READ, "linking a Slack account")
    person = asker.actor.person
    if person not in state.catalog.people or local(asker):
        raise Forbidden("a Slack account is linked by a person, signed in with their own token", code="person-needed")
    known = state.tokens.get(account_id(user))
    if known is not None and not known.revoked and known.person != person:
        raise Conflicting(f"Slack account {user} is {known.person}'s already", code="account-taken")
    written = state.catalog.people[person].slack
    if written and written != user:
        raise Conflicting(
            f"the catalog says that {person}'s Slack account is {written}, not {user}; change it there",
            code="account-taken",
        )
    if known is not None and not known.revoked and known.created_by == person:
        return Decided([], subject=person, joined=True)
    fact = ev.SlackLinked(team=state.chat.team, user=user, person=person)
    return Decided([Draft(fact)], subject=person)


def record_team(state: State, team: str, bot: str, url: str) -> Decided:
    """Which workspace the token is of. Nothing where it is known already."""
    if (state.chat.team, state.chat.bot) == (team, bot):
        return Decided([])
    return Decided([Draft(ev.SlackTeamRecorded(team=team, bot=bot), text={"url": url})])


def record_post(state: State, incident_id: str, channel: str, ts: str) -> Decided:
    """An incident's message stands in a channel. Nothing where it is known already."""
    incident = get_incident(state, incident_id)
    if incident.posts.get(channel) == ts:
        return Decided([])
    return Decided([Draft(ev.SlackMessagePosted(channel=channel, ts=ts), incident=incident.id)], subject=incident.id)


def record_room(state: State, incident_id: str, channel: str, name: str) -> Decided:
    """The incident has a channel of its own."""
    incident = get_incident(state, incident_id)
    if incident.room == channel:
        return Decided([])
    fact = ev.SlackChannelOpened(channel=channel)
    return Decided([Draft(fact, incident=incident.id, text={"name": name})], subject=incident.id)


# --- captured messages ----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """A message in Slack. ``author`` is a Slack user; ``files`` their names."""

    channel: str
    ts: str
    author: str
    text: str
    permalink: str = ""
    files: tuple[str, ...] = ()


def capture(state: State, incident_id: str, said: Said, how: str, asker: Asker, now: datetime) -> Decided:
    """
    Put a Slack message on the timeline, at the time at which it was written; a second time does nothing.

    Raises:
        Invalid: It has neither words nor files.
        Conflicting: It stands on another incident's timeline.
    """
    needs(asker, Right.RESPOND, "putting a message on the timeline")
    incident = get_incident(state, incident_id)
    known = state.chat.captured.get(message_key(said.channel, said.ts))
    if known is not None and known.incident != incident.id:
        raise Conflicting("this message stands on another incident's timeline already", code="already")
    if known is not None:
        return Decided([], subject=incident.id, joined=True)
    if not said.text.strip() and not said.files:
        raise Invalid("this message has neither words nor files")
    fact = ev.SlackMessageCaptured(
        channel=said.channel, ts=said.ts, author=_author(state, said.author), how=how, files=len(said.files)
    )
    return Decided([Draft(fact, incident=incident.id, text=_text(said), at=_at(said.ts, now))], subject=incident.id)


def _text(said: Said) -> dict[str, str]:
    text = {"note": said.text[:NOTE_LIMIT], "permalink": said.permalink, "files": ", ".join(said.files)[:NOTE_LIMIT]}
    return {name: words for name, words in text.items() if words}


def _author(state: State, user: str) -> str:
    """The person's id where the account is somebody's."""
    account = state.tokens.get(account_id(user))
    return account.person if account is not None and account.person and not account.revoked else user


def _at(ts: str, now: datetime) -> datetime | None:
    """When a message was written, by its ``ts``; None where that can't be."""
    try:
        at = datetime.fromtimestamp(float(ts), tz=UTC)
    except (ValueError, OverflowError, OSError):
        return None
    return at if now - timedelta(days=3650) < at <= now + timedelta(minutes=1) else None


def edited(state: State, channel: str, ts: str, edited_ts: str, text: str, now: datetime) -> Decided:
    """A captured message was edited: a line of its own, once per edit. Nothing for a message that nobody captured."""
    known = state.chat.captured.get(message_key(channel, ts))
    if known is None or edited_ts in known.edits:
        return Decided([])
    fact = ev.SlackMessageEdited(channel=channel, ts=ts, edited_ts=edited_ts)
    draft = Draft(
        fact, incident=known.incident, text={"note": text[:NOTE_LIMIT] or "(no words)"}, at=_at(edited_ts, now)
    )
    return Decided([draft], subject=known.incident)


def deleted(state: State, channel: str, ts: str) -> Decided:
    """A captured message was deleted: a tombstone, once."""
    known = state.chat.captured.get(message_key(channel, ts))
    if known is None or known.deleted:
        return Decided([])
    return Decided([Draft(ev.SlackMessageDeleted(channel=channel, ts=ts), incident=known.incident)], known.incident)


def refused_delivery(because: str, route: str, more: int) -> Decided:
    return Decided([Draft(ev.SlackDeliveryRefused(because=because, route=route, more=more))])
