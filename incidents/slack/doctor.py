"""
What is wrong between Andon and Slack, and what to do: settings, tokens, scopes, clock, channel, the way in.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Iterator
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.request import Request, urlopen

from incidents.clock import Clock
from incidents.settings import Settings
from incidents.slack.manifest import scopes
from incidents.slack.web_api import Rejected, SlackApi, SlackTrouble

Json = dict[str, Any]
SKEW_S = 60


@dataclass(frozen=True, slots=True)
class Finding:
    """``good`` False: something has to be done, and ``advice`` says what. ``name`` is stable."""

    name: str
    good: bool
    words: str
    advice: str = ""


def examine(settings: Settings, api: SlackApi | None, clock: Clock) -> Iterator[Finding]:
    """Look at one thing after the other; what rests on a thing that failed is not looked at."""
    yield from _settings(settings)
    said: Json | None = None
    if api is not None:
        said, found = _token(settings, api)
        yield from found
        yield _clock(settings, clock)
        if said is not None:
            yield from _channel(settings, api)
    if settings.slack.app_token:
        yield _socket(settings)
    if settings.slack.signing_secret:
        yield _way_in(settings, clock)


def _settings(settings: Settings) -> Iterator[Finding]:
    slack = settings.slack
    where = "https://api.slack.com/apps, your app"
    if slack.signing_secret:
        yield Finding("secret", True, "the signing secret is set")
    elif slack.app_token:
        yield Finding("secret", True, "no signing secret, but Socket Mode: Slack is heard over Andon's own connection")
    else:
        advice = f"copy it from {where}, Basic Information, into ANDON_SLACK_SIGNING_SECRET"
        yield Finding("secret", False, "no signing secret: nothing that Slack sends is taken", advice)
    if slack.speaks:
        how = "a token that rotates" if slack.rotates else "a bot token"
        yield Finding("bot-token", True, f"{how} is set")
        if slack.rotates and not (slack.client_id and slack.client_secret):
            advice = "set ANDON_SLACK_CLIENT_ID and ANDON_SLACK_CLIENT_SECRET (Basic Information)"
            yield Finding("rotation", False, "a refresh token alone fetches nothing", advice)
    else:
        advice = f"install the app and copy the token from {where}, OAuth & Permissions, into ANDON_SLACK_BOT_TOKEN"
        yield Finding("bot-token", False, "no bot token: Andon answers commands, but posts no messages", advice)
        if not slack.team:
            advice = "set ANDON_SLACK_TEAM to the workspace's id (T..., in the address of Slack in a browser)"
            words = "without a bot token nobody says which workspace is ours, so nobody is let in"
            yield Finding("team", False, words, advice)
    if settings.url.startswith("http://") and not slack.app_token:
        advice = "set ANDON_PUBLIC_URL to the https address that Slack can reach, or use Socket Mode"
        yield Finding("public-url", False, f"Slack calls https only, and the public address is {settings.url}", advice)


def _token(settings: Settings, api: SlackApi) -> tuple[Json | None, list[Finding]]:
    try:
        said, held = api.scopes()
    except Rejected as trouble:
        return None, [Finding("token", False, f"Slack refuses the token: {trouble.because}", _mend(trouble))]
    except SlackTrouble as trouble:
        advice = f"see that this machine reaches {settings.slack.api_url} (proxy, firewall, https://status.slack.com)"
        return None, [Finding("token", False, f"Slack does not answer: {trouble.because}", advice)]
    team = str(said.get("team_id", ""))
    found = [
        Finding("token", True, f"the token is of {said.get('team', team)} ({team}), bot user {said.get('user_id')}")
    ]
    if settings.slack.team and settings.slack.team != team:
        advice = f"one of them is wrong: set ANDON_SLACK_TEAM={team}, or take the token of the other workspace"
        found.append(Finding("team", False, f"ANDON_SLACK_TEAM says {settings.slack.team}", advice))
    wanted = scopes(rooms=settings.slack.rooms != "off")
    missing = {scope: why for scope, why in wanted.items() if scope not in held}
    if held and missing:
        words = "; ".join(f"{scope} ({why})" for scope, why in missing.items())
        advice = "paste the newest manifest (`andon slack manifest`) into the app and install it again"
        found.append(Finding("scopes", False, f"scopes are missing: {words}", advice))
    elif held:
        found.append(Finding("scopes", True, f"all {len(wanted)} scopes are there"))
    extra = sorted(set(held) - set(scopes(rooms=True)))
    if extra:
        found.append(Finding("least-scopes", True, f"more than Andon needs: {', '.join(extra)}"))
    return said, found


def _mend(trouble: Rejected) -> str:
    match trouble.error:
        case "token_revoked" | "account_inactive" | "invalid_auth":
            return "install the app again (OAuth & Permissions) and set the new ANDON_SLACK_BOT_TOKEN"
        case "token_expired" | "invalid_refresh_token":
            return "it rotates: reinstall the app and set the new ANDON_SLACK_REFRESH_TOKEN, with client id and secret"
    return "see OAuth & Permissions in the app's settings"


def _socket(settings: Settings) -> Finding:
    """Whether a connection would be given to us; none is opened."""
    try:
        SlackApi(settings.slack.api_url, lambda: settings.slack.app_token).call("apps.connections.open")
    except Rejected as trouble:
        advice = (
            "make an app-level token with the scope connections:write (Basic Information, App-Level Tokens), set it as"
            " ANDON_SLACK_APP_TOKEN, and see that Socket Mode is on (Settings, Socket Mode)"
        )
        return Finding("socket", False, f"Slack refuses the app-level token: {trouble.because}", advice)
    except SlackTrouble as trouble:
        advice = f"see that this machine reaches {settings.slack.api_url}, and that Socket Mode is on in the app"
        return Finding("socket", False, f"Slack gives no connection: {trouble.because}", advice)
    return Finding("socket", True, "Slack gives a connection for Socket Mode")


def _clock(settings: Settings, clock: Clock) -> Finding:
    """Slack's Date header against our own clock: signatures are good for five minutes."""
    try:
        with urlopen(Request(f"{settings.slack.api_url}api.test", data=b""), timeout=10) as answer:  # noqa: S310
            date = answer.headers.get("Date")
    except HTTPError as error:
        date = error.headers.get("Date")
    except (URLError, OSError) as error:
        return Finding("clock", False, f"Slack's clock could not be read ({type(error).__name__})", "try again")
    if not date:
        return Finding("clock", True, "Slack did not say what time it is")
    off = (clock.now() - parsedate_to_datetime(date)).total_seconds()
    if abs(off) > SKEW_S:
        words = f"this machine's clock is {abs(off):.0f} s {'ahead of' if off > 0 else 'behind'} Slack's"
        return Finding("clock", False, words, "set it by NTP: at 300 s off every request is refused as stale")
    return Finding("clock", True, f"the clocks agree within {max(1, round(abs(off)))} s")


def _channel(settings: Settings, api: SlackApi) -> Iterator[Finding]:
    channel = settings.slack.channel
    if not channel:
        advice = "set ANDON_SLACK_CHANNEL to a channel's id; without it only channels of playbooks are posted to"
        yield Finding("channel", False, "no central channel is set", advice)
        return
    try:
        found = _find(api, channel)
    except SlackTrouble as trouble:
        yield Finding("channel", False, f"{channel} could not be looked at: {trouble.because}", "see the scopes above")
        return
    if found is None:
        advice = "create it, or set ANDON_SLACK_CHANNEL to another one; a private one has to have the bot in it first"
        yield Finding("channel", False, f"there is no channel {channel}, or it is private without the bot", advice)
    elif found.get("is_archived"):
        yield Finding("channel", False, f"{channel} is archived", "unarchive it, or set ANDON_SLACK_CHANNEL")
    elif not found.get("is_member"):
        advice = f"type `/invite @andon` in #{found.get('name')}"
        yield Finding("channel", False, f"the bot is not in #{found.get('name')}", advice)
    else:
        hint = "" if channel == found.get("id") else f"; its id {found.get('id')} is the surer setting"
        yield Finding("channel", True, f"the bot is in #{found.get('name')}{hint}")


def _find(api: SlackApi, channel: str) -> Json | None:
    if channel[:1] in ("C", "G") and channel.isupper():
        try:
            return dict(api.call("conversations.info", channel=channel)["channel"])
        except Rejected as trouble:
            if trouble.error == "channel_not_found":
                return None
            raise
    cursor = None
    for _ in range(50):
        page = api.call("conversations.list", limit=200, cursor=cursor, types="public_channel,private_channel")
        for found in page.get("channels", ()):
            if found.get("name") == channel.lstrip("#"):
                return dict(found)
        cursor = (page.get("response_metadata") or {}).get("next_cursor")
        if not cursor:
            break
    return None


def _way_in(settings: Settings, clock: Clock) -> Finding:
    """Slack's own first question, signed with our secret, over the public address: the whole way in at once."""
    body = json.dumps({"type": "url_verification", "challenge": "andon-doctor"}).encode()
    stamp = str(int(clock.now().timestamp()))
    secret = settings.slack.signing_secret.encode()
    mac = hmac.new(secret, b"v0:" + stamp.encode() + b":" + body, hashlib.sha256).hexdigest()
    headers = {
        "Content-Type": "application/json",
        "X-Slack-Request-Timestamp": stamp,
        "X-Slack-Signature": f"v0={mac}",
    }
    address = f"{settings.url}/slack/events"
    try:
        with urlopen(Request(address, data=body, headers=headers), timeout=10) as answer:  # noqa: S310
            if b"andon-doctor" in answer.read(10_000):
                return Finding("way-in", True, f"{address} takes what is signed with this secret")
            words = f"{address} answers, but not as Andon does"
            return Finding("way-in", False, words, "something else has that address: see the reverse proxy")
    except HTTPError as error:
        if error.code == 401:
            advice = "the running service has another ANDON_SLACK_SIGNING_SECRET, or its clock is minutes off"
            return Finding("way-in", False, f"{address} refuses the signature", advice)
        advice = "let the reverse proxy pass POST /slack/ on unchanged; a firewall may answer in its place"
        return Finding("way-in", False, f"{address} answers HTTP {error.code}", advice)
    except (URLError, OSError) as error:
        advice = "start the service, and see that ANDON_PUBLIC_URL leads to it"
        return Finding("way-in", False, f"{address} is not reached ({type(error).__name__})", advice)
