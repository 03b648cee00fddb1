"""
The app's manifest: what Slack has to know of Andon, with the least scopes for what is used. Pure.
"""

from __future__ import annotations

from typing import Any

import yaml

from incidents.slack.verbs import VERBS

Json = dict[str, Any]

# What each scope is for; ``doctor`` says it where one is missing.
SCOPES = {
    "commands": "the slash command and the shortcuts",
    "chat:write": "incidents' messages, and answers to buttons",
    "channels:read": "whether the bot is in a channel",
    "channels:history": "finding its own message after a lost answer; edits and deletions of captured messages",
    "groups:read": "the same in private channels",
    "groups:history": "the same in private channels",
    "pins:read": "a pin puts a message on the timeline",
    "reactions:read": "an emoji puts a message on the timeline",
}
ROOM_SCOPES = {
    "channels:manage": "a channel for each incident: making it, inviting, the topic",
    "groups:write": "the same for restricted incidents",
    "bookmarks:read": "bookmarks to the page and the runbooks",
    "bookmarks:write": "bookmarks to the page and the runbooks",
}
EVENTS = ("message.channels", "message.groups", "pin_added", "reaction_added", "tokens_revoked", "app_uninstalled")


def scopes(*, rooms: bool) -> dict[str, str]:
    """Scope -> what it is for."""
    return SCOPES | (ROOM_SCOPES if rooms else {})


def manifest(url: str, command: str, *, rooms: bool, socket: bool, rotation: bool) -> Json:
    """
    As Slack's "From a manifest" takes it.

    Args:
        url: Where Slack reaches this Andon over https; not used with ``socket``.
        socket: Socket Mode: Andon calls Slack, and nothing has to be reachable from outside.
    """

    def at(path: str, key: str = "request_url") -> Json:
        return {} if socket else {key: f"{url}{path}"}

    return {
        "display_information": {
            "name": "Andon",
            "description": "Stops AI model releases when something goes wrong, and proves that they have stopped.",
            "background_color": "#1c1917",
        },
        "features": {
            "bot_user": {"display_name": "andon", "always_online": True},
            # Reminders come to people alone; nothing that is written there is read.
            "app_home": {
                "home_tab_enabled": False,
                "messages_tab_enabled": True,
                "messages_tab_read_only_enabled": True,
            },
            "slash_commands": [
                {
                    "command": command,
                    "description": "Declare an incident, switch access off, see that it is off",
                    "usage_hint": " | ".join(list(VERBS)[1:7]),
                    "should_escape": True,
                    **at("/slack/commands", "url"),
                }
            ],
            "shortcuts": [
                {
                    "name": "Declare an incident",
                    "type": "global",
                    "callback_id": "andon.declare",
                    "description": "Opens the form",
                },
                {
                    "name": "Add to the timeline",
                    "type": "message",
                    "callback_id": "andon.capture",
                    "description": "Puts this message on an incident's timeline",
                },
            ],
        },
        "oauth_config": {"scopes": {"bot": sorted(scopes(rooms=rooms))}},
        "settings": {
            "event_subscriptions": {**at("/slack/events"), "bot_events": list(EVENTS)},
            "interactivity": {"is_enabled": True, **at("/slack/interactions")},
            "org_deploy_enabled": False,
            "socket_mode_enabled": socket,
            "token_rotation_enabled": rotation,
        },
    }


def as_yaml(found: Json) -> str:
    return yaml.safe_dump(found, sort_keys=False, allow_unicode=True, width=120)
