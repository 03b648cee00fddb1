"""
Setting Slack up in ten minutes: the manifest, the doctor, Socket Mode, and a token that rotates.
"""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner, Result

from incidents.cli import cli
from incidents.clock import ManualClock, SystemClock
from incidents.errors import Invalid
from incidents.settings import read_settings
from incidents.slack.manifest import EVENTS, ROOM_SCOPES, manifest, scopes
from incidents.slack.rotation import RotatingToken
from incidents.slack.socket_mode import SocketMode
from incidents.slack.web_api import SlackApi, SlackTrouble
from incidents.testing.slack_api import FakeSlack
from incidents.testing.slack_reading import as_read
from incidents.testing.slack_rules import SCOPES
from incidents.testing.slack_socket import FakeSocket
from tests.support.servers import wait_for
from tests.support.slack import ADA, over_http, slack_scene, slack_settings


@pytest.fixture
def slack() -> Iterator[FakeSlack]:
    with FakeSlack() as running:
        running.workspace.add_channel("incidents")
        yield running


def environment(slack: FakeSlack, **more: str) -> dict[str, str]:
    return {
        "ANDON_SLACK_SIGNING_SECRET": slack.signing_secret,
        "ANDON_SLACK_BOT_TOKEN": slack.token,
        "ANDON_SLACK_API_URL": slack.url,
        "ANDON_SLACK_CHANNEL": "#incidents",
        "ANDON_PUBLIC_URL": "https://127.0.0.1:1",
        **more,
    }


@pytest.fixture
def andon(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    for name in [n for n in os.environ if n.startswith("ANDON_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("ANDON_DATABASE_URL", f"sqlite:///{tmp_path / 'andon.db'}")

    def run(*words: str, **env: str) -> Result:
        return CliRunner().invoke(cli, words, env=env, prog_name="andon")

    return run


# --- the manifest ---------------------------------------------------------------------------------------------------


def test_the_manifest_has_the_right_addresses_and_the_least_scopes(andon) -> None:
    """Paste it, install the app, copy two values: that is all of it."""
    out = andon("slack", "manifest", "--url", "https://andon.example/", ANDON_SLACK_COMMAND="/andon")
    found = yaml.safe_load(out.output)

    (command,) = found["features"]["slash_commands"]
    assert (command["command"], command["url"]) == ("/andon", "https://andon.example/slack/commands")
    assert command["should_escape"] is True
    assert found["settings"]["interactivity"]["request_url"] == "https://andon.example/slack/interactions"
    assert found["settings"]["event_subscriptions"]["request_url"] == "https://andon.example/slack/events"
    assert set(found["oauth_config"]["scopes"]["bot"]) == set(scopes(rooms=False))
    assert not set(found["oauth_config"]["scopes"]["bot"]) & set(ROOM_SCOPES)


def test_socket_mode_needs_no_address(andon) -> None:
    """Where nothing is reachable from outside, nothing has to be."""
    found = yaml.safe_load(andon("slack", "manifest", "--socket").output)

    assert found["settings"]["socket_mode_enabled"] is True
    assert "url" not in found["features"]["slash_commands"][0]
    assert "http://" not in str(found)


def test_a_manifest_over_http_is_refused(andon) -> None:
    """Slack would take it and never call."""
    out = andon("slack", "manifest", "--url", "http://andon.example")

    assert out.exit_code != 0


def test_every_scope_that_a_call_needs_is_asked_for() -> None:
    """Read from the fake's list of what each method takes, and from the events."""
    called = {"auth.test", "chat.postMessage", "chat.update", "chat.postEphemeral", "conversations.create",
              "conversations.invite", "conversations.setTopic", "conversations.info", "conversations.list",
              "conversations.history", "conversations.replies", "bookmarks.add", "bookmarks.list", "views.open",
              "views.update"}  # fmt: skip
    needed = {SCOPES[method] for method in called} - {""}

    assert needed <= set(scopes(rooms=True))
    assert {"message.channels", "pin_added", "reaction_added"} <= set(EVENTS)
    made = manifest("https://x", "/incident", rooms=True, socket=False, rotation=False)
    assert len(made["display_information"]["description"]) <= 140


# --- the doctor -----------------------------------------------------------------------------------------------------


def checks(out: Result) -> dict[str, dict]:
    text = out.output[: out.output.rindex("}") + 1]
    return {row["check"]: row for row in json.loads(text)["checks"]}


def test_the_doctor_finds_nothing_wrong_where_nothing_is(andon) -> None:
    """With the running service behind its public address, signature and all."""
    with slack_scene() as scene, over_http(scene.http.application) as url:
        scene.shop.clock.advance((SystemClock().now() - scene.shop.clock.now()).total_seconds())
        scene.slack.socket_url = "ws://127.0.0.1:9/link"
        env = environment(scene.slack, ANDON_PUBLIC_URL=url, ANDON_SLACK_APP_TOKEN=scene.slack.app_token)
        out = andon("doctor", "slack", "--json", **env)

    assert {name for name, row in checks(out).items() if not row["good"]} == set()
    assert out.exit_code == 0
    assert checks(out)["channel"]["words"].startswith("the bot is in #incidents")
    assert checks(out)["way-in"]["words"].endswith("takes what is signed with this secret")


def test_the_doctor_says_what_to_do(andon, slack: FakeSlack) -> None:
    """Each fault with the step that mends it, and never a secret."""
    few = slack.give("xoxb-few", without="reactions:read pins:read")
    slack.workspace.add_channel("closed", bot=False)

    none = andon("doctor", "slack")
    some = andon(
        "doctor", "slack", "--json", **environment(slack, ANDON_SLACK_BOT_TOKEN=few, ANDON_SLACK_TEAM="T0OTHER")
    )
    outside = andon("doctor", "slack", "--json", **environment(slack, ANDON_SLACK_CHANNEL="#closed"))
    nowhere = andon("doctor", "slack", "--json", **environment(slack, ANDON_SLACK_CHANNEL="#nothing"))
    slack.revoke()
    revoked = andon("doctor", "slack", "--json", **environment(slack))
    slack.stop()
    away = andon("doctor", "slack", "--json", **environment_of_stopped(slack))

    assert none.exit_code == 1
    assert "ANDON_SLACK_SIGNING_SECRET" in none.output
    assert "reactions:read" in checks(some)["scopes"]["words"]
    assert "ANDON_SLACK_TEAM=T01ANDON" in checks(some)["team"]["advice"]
    assert "/invite @andon" in checks(outside)["channel"]["advice"]
    assert "there is no channel #nothing" in checks(nowhere)["channel"]["words"]
    assert "install the app again" in checks(revoked)["token"]["advice"]
    assert "does not answer" in checks(away)["token"]["words"]
    for out in (none, some, outside, nowhere, revoked, away):
        assert slack.signing_secret not in out.output
        assert slack.token not in out.output


def test_the_doctor_looks_at_socket_mode_too(andon, slack: FakeSlack) -> None:
    """A wrong app-level token means that nobody is heard, and nothing else would say so."""
    slack.socket_url = "ws://127.0.0.1:9/link"
    env = {**environment(slack), "ANDON_SLACK_SIGNING_SECRET": ""}
    good = andon("doctor", "slack", "--json", **env, ANDON_SLACK_APP_TOKEN=slack.app_token)
    wrong = andon("doctor", "slack", "--json", **env, ANDON_SLACK_APP_TOKEN="xapp-wrong")
    slack.socket_url = ""
    off = andon("doctor", "slack", "--json", **env, ANDON_SLACK_APP_TOKEN=slack.app_token)

    assert good.exit_code == 0
    assert checks(good)["socket"]["good"]
    assert "invalid_auth" in checks(wrong)["socket"]["words"]
    assert "connections:write" in checks(wrong)["socket"]["advice"]
    assert "Socket Mode is on" in checks(off)["socket"]["advice"]
    for out in (good, wrong, off):
        assert "xapp-" not in out.output
        assert "127.0.0.1:9" not in out.output


def test_the_doctor_says_that_nobody_is_let_in_without_a_workspace(andon, slack: FakeSlack) -> None:
    """Commands only: without a token there is nobody to ask which workspace it is."""
    env = {**environment(slack), "ANDON_SLACK_BOT_TOKEN": ""}
    without = andon("doctor", "slack", "--json", **env)
    told = andon("doctor", "slack", "--json", **env, ANDON_SLACK_TEAM="T01ANDON")

    assert "ANDON_SLACK_TEAM" in checks(without)["team"]["advice"]
    assert "team" not in checks(told)


def environment_of_stopped(slack: FakeSlack) -> dict[str, str]:
    return {
        "ANDON_SLACK_SIGNING_SECRET": slack.signing_secret,
        "ANDON_SLACK_BOT_TOKEN": slack.token,
        "ANDON_SLACK_API_URL": "http://127.0.0.1:9/api/",
        "ANDON_PUBLIC_URL": "https://127.0.0.1:1",
    }


# --- settings -------------------------------------------------------------------------------------------------------

WRONG = [
    ("ANDON_SLACK_BOT_TOKEN", "xoxp-a-users-own"),
    ("ANDON_SLACK_BOT_TOKEN", "xoxb-with blank"),
    ("ANDON_SLACK_APP_TOKEN", "xoxb-a-bots"),
    ("ANDON_SLACK_API_URL", "ftp://slack.com/api/"),
    ("ANDON_SLACK_CHANNEL", "#Has Blanks"),
    ("ANDON_SLACK_ROOMS", "yes"),
    ("ANDON_SLACK_COMMAND", "incident"),
    ("ANDON_SLACK_TEAM", "acme"),
]


@pytest.mark.parametrize(("name", "value"), WRONG)
def test_a_wrong_setting_names_itself_and_no_secret(name: str, value: str) -> None:
    """One line at the start; a token that is wrong is still a token."""
    with pytest.raises(Invalid) as error:
        read_settings({name: value})

    assert name in str(error.value)
    if "TOKEN" in name:
        assert value not in str(error.value)


def test_secrets_stand_in_no_repr(slack: FakeSlack) -> None:
    """Tracebacks and logs show reprs."""
    shown = repr(read_settings(environment(slack)))

    assert slack.signing_secret not in shown
    assert slack.token not in shown


# --- Socket Mode ----------------------------------------------------------------------------------------------------


def test_socket_mode_takes_the_same_commands() -> None:
    """slack_sdk's own client over a websocket: commands, a retry, a button."""
    with slack_scene(settings={"signing_secret": ""}) as scene, FakeSocket(scene.slack) as socket:
        mode = SocketMode(scene.edge, scene.slack.app_token, scene.slack.url)
        mode.start()
        socket.wait_connected()
        scene.out.send = socket.send
        said = scene.types(scene.linus, "kill partner acme leak")
        again = scene.out.again(scene.out.sent[-1])
        scene.posts(3)
        scene.ada.press(scene.top()[0], "Take command")
        heard = scene.hears(scene.ada)
        kinds = scene.kinds("INC-2026-0001")
        mode.stop()

    assert "declared* by Linus Berg" in said
    assert "declared* by Linus Berg" in as_read(again.json)
    assert "You are commander now" in heard
    assert kinds.count("access:hold:placed") == 1


def test_a_page_says_that_slack_is_not_heard() -> None:
    """A wrong app-level token: whoever waits for an answer in Slack is not the only one to know."""
    with slack_scene(settings={"signing_secret": "", "app_token": "xapp-wrong"}) as scene:
        mode = scene.shop.service.beside[1]
        mode.start()
        wait_for(lambda: mode.remark() is not None, "it has tried")
        scene.shop.service.cycle()
        page = scene.http.get("/", headers=scene.shop.headers(scene.shop.secret("v", "viewer"))).get_data(as_text=True)
        mode.stop()

    assert "Slack is not heard" in page
    assert "invalid_auth" in page
    assert "xapp-" not in page


@pytest.mark.slow
def test_socket_mode_comes_back_after_the_connection_dropped() -> None:
    """Slack closes every connection after some hours, and the network whenever it likes."""
    with slack_scene(settings={"signing_secret": ""}) as scene, FakeSocket(scene.slack) as socket:
        mode = SocketMode(scene.edge, scene.slack.app_token, scene.slack.url)
        mode.start()
        socket.wait_connected()
        socket.drop()
        socket.wait_connected(20)
        scene.out.send = socket.send
        said = scene.types(scene.linus, "list")
        mode.stop()

    assert "Nothing is open" in said


def test_socket_mode_refuses_another_workspace_too(slack: FakeSlack) -> None:
    """The connection says that it is Slack, not that it is ours."""
    with slack_scene(settings={"signing_secret": ""}) as scene, FakeSocket(scene.slack) as socket:
        mode = SocketMode(scene.edge, scene.slack.app_token, scene.slack.url)
        mode.start()
        socket.wait_connected()
        scene.out.send = socket.send
        scene.slack.workspace.team = "T0ELSEWHERE"
        answered = scene.out.person(ADA, "#incidents").command("kill partner acme leak")
        mode.stop()
        with scene.shop.service.desk.read() as state:
            known = list(state.order)

    assert answered.text == ""
    assert known == []


# --- rotation -------------------------------------------------------------------------------------------------------


def rotating(slack: FakeSlack, path: Path, clock: ManualClock, **more: str) -> RotatingToken:
    settings = slack_settings(
        slack,
        bot_token="",
        client_id=slack.client_id,
        client_secret=slack.client_secret,
        refresh_token="xoxe-1-first",
        **more,
    )
    return RotatingToken(settings, path, clock)


def test_a_token_is_rotated_before_it_ends_and_survives_a_restart(slack: FakeSlack, tmp_path: Path) -> None:
    """The refresh token works once, so the new pair is on the disk before it is used."""
    clock, path = ManualClock(), tmp_path / "andon.slack"
    slack.now = lambda: clock.now().timestamp()
    token = rotating(slack, path, clock)
    api = SlackApi(slack.url, token)
    first = token()
    api.call("auth.test")
    clock.advance(10 * 3600 + 61)
    second = token()
    restarted = rotating(slack, path, clock)
    clock.advance(11 * 3600)

    assert first != second
    assert SlackApi(slack.url, restarted).call("auth.test")["ok"]
    assert len(slack.called("oauth.v2.access")) == 3
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_two_processes_do_not_use_up_each_others_refresh_token(slack: FakeSlack, tmp_path: Path) -> None:
    """`andon doctor slack` beside a running service."""
    clock, path = ManualClock(), tmp_path / "andon.slack"
    slack.now = lambda: clock.now().timestamp()
    service = rotating(slack, path, clock)
    service()
    clock.advance(11 * 3600)
    rotating(slack, path, clock)()
    clock.advance(61)

    assert SlackApi(slack.url, service).call("auth.test")["ok"]
    assert len(slack.called("oauth.v2.access")) == 2


def test_a_token_that_can_not_be_rotated_is_used_as_long_as_it_lives(slack: FakeSlack, tmp_path: Path) -> None:
    """Slack is away in the hour in which it should be done."""
    clock, path = ManualClock(), tmp_path / "andon.slack"
    slack.now = lambda: clock.now().timestamp()
    token = rotating(slack, path, clock)
    first = token()
    slack.hangs_up("oauth.v2.access")
    clock.advance(11 * 3600)
    meanwhile = token()
    clock.advance(3600)

    assert meanwhile == first
    with pytest.raises(SlackTrouble, match="no answer"):
        token()
