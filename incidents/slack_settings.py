"""
What the environment says of Slack. Secrets stand in no repr and in no error.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol, TypeVar
from urllib.parse import urlsplit

from incidents.errors import Invalid

T = TypeVar("T")
SLACK_API = "https://slack.com/api/"


@dataclass(frozen=True, slots=True, kw_only=True)
class SlackSettings:
    """Slack, as far as it is connected. Secrets never show up in a repr."""

    signing_secret: str = field(default="", repr=False)
    bot_token: str = field(default="", repr=False)
    app_token: str = field(default="", repr=False)
    client_id: str = ""
    client_secret: str = field(default="", repr=False)
    refresh_token: str = field(default="", repr=False)
    api_url: str = SLACK_API
    channel: str = ""
    rooms: str = "off"  # a channel of its own for each incident: off, real, all
    command: str = "/incident"
    team: str = ""

    @property
    def speaks(self) -> bool:
        """Andon may post."""
        return bool(self.bot_token or self.refresh_token)

    @property
    def hears(self) -> bool:
        """Slack may call, or is listened to (Socket Mode)."""
        return bool(self.signing_secret or self.app_token)

    @property
    def rotates(self) -> bool:
        return bool(self.refresh_token)


class _Read(Protocol):
    def __call__(self, name: str, parse: Callable[[str], T], takes: str, default: T) -> T: ...


def read_slack(read: _Read, environment: Mapping[str, str]) -> SlackSettings:
    """
    Raises:
        Invalid: Names the variable and what it takes; of a secret never the value.
    """

    def secret(name: str, takes: str, *starts: str) -> str:
        """Like ``read``, but the value never stands in an error."""
        value = environment.get(name, "").strip()
        if value and not (value.isascii() and value.isprintable() and " " not in value and value.startswith(starts)):
            raise Invalid(f"{name}: it takes {takes}; what it holds is not shown")
        return value

    return SlackSettings(
        signing_secret=secret("ANDON_SLACK_SIGNING_SECRET", "the app's signing secret (Basic Information)", ""),
        bot_token=secret("ANDON_SLACK_BOT_TOKEN", "a bot token, xoxb-...", "xoxb-", "xoxe.xoxb-"),
        app_token=secret("ANDON_SLACK_APP_TOKEN", "an app-level token for Socket Mode, xapp-...", "xapp-"),
        client_id=secret("ANDON_SLACK_CLIENT_ID", "the app's client id, for a token that rotates", ""),
        client_secret=secret("ANDON_SLACK_CLIENT_SECRET", "the app's client secret, for a token that rotates", ""),
        refresh_token=secret("ANDON_SLACK_REFRESH_TOKEN", "the first refresh token, xoxe-...", "xoxe-"),
        api_url=read("ANDON_SLACK_API_URL", _api_address, "an http(s) address ending in /api/", SLACK_API),
        channel=read("ANDON_SLACK_CHANNEL", _channel, "a channel's id (C012AB3CD) or name (#incidents)", ""),
        rooms=read("ANDON_SLACK_ROOMS", _rooms, "off, real or all", "off"),
        command=read("ANDON_SLACK_COMMAND", _command, "a slash command's name, like /incident", "/incident"),
        team=read("ANDON_SLACK_TEAM", _team, "a workspace's id, T...", ""),
    )


def _api_address(value: str) -> str:
    parts = urlsplit(value)
    if parts.scheme not in ("http", "https") or not parts.hostname or "@" in parts.netloc:
        raise ValueError(value)
    return value.rstrip("/") + "/"


def _rooms(value: str) -> str:
    if value not in ("off", "real", "all"):
        raise ValueError(value)
    return value


def _channel(value: str) -> str:
    if re.fullmatch(r"[CG][A-Z0-9]{5,20}|#?[a-z0-9][a-z0-9_-]{0,79}", value) is None:
        raise ValueError(value)
    return value


def _command(value: str) -> str:
    if re.fullmatch(r"/[a-z0-9_-]{1,31}", value) is None:
        raise ValueError(value)
    return value


def _team(value: str) -> str:
    if re.fullmatch(r"[TE][A-Z0-9]{5,20}", value) is None:
        raise ValueError(value)
    return value
