"""
Who is behind a Slack account: (team, user) to a person of the catalog, with the roles that they have now.

``user_name`` is never looked at: anybody may call themselves anything.
"""

from __future__ import annotations

from incidents.credentials import slack_asker
from incidents.decisions import Asker
from incidents.errors import Unavailable
from incidents.service import Service
from incidents.slack.signature import NotSlack


def own_team(service: Service) -> str:
    """The workspace that Andon belongs to: as set, else as the bot's token said; empty where neither is known."""
    with service.desk.read() as state:
        return service.settings.slack.team or state.chat.team


def check_team(service: Service, *teams: str) -> None:
    """
    Only the one workspace; a channel shared with another company brings its people along.

    Raises:
        NotSlack: Another team's.
        Unavailable: Nobody has said which one is ours.
    """
    ours = own_team(service)
    if not ours:
        raise Unavailable(
            "Andon does not know its workspace yet: set ANDON_SLACK_TEAM, or give it a bot token that works"
        )
    if any(team != ours for team in teams if team) or not any(teams):
        raise NotSlack("wrong-team")


def asker_of(service: Service, user: str) -> Asker | None:
    """The person with this account; None for a stranger."""
    with service.desk.read() as state:
        return slack_asker(state, user)
