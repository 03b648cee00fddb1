"""
The fake Slack is what everything about Slack is tested with, so slack_sdk itself has to find it convincing.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from http.client import RemoteDisconnected

import pytest
from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError
from slack_sdk.signature import SignatureVerifier

from incidents.testing.slack_api import FakeSlack
from incidents.testing.slack_person import Answered, Deliveries, Delivery


@pytest.fixture
def slack() -> Iterator[FakeSlack]:
    with FakeSlack() as running:
        yield running


def client(slack: FakeSlack, token: str = "", timeout: int = 3) -> WebClient:
    return WebClient(token=token or slack.token, base_url=slack.url, timeout=timeout, retry_handlers=[])


def refused(slack: FakeSlack, method: str, **args: object) -> str:
    with pytest.raises(SlackApiError) as error:
        client(slack).api_call(method, json=args)
    return str(error.value.response["error"])


def test_a_message_is_posted_updated_and_found_again(slack: FakeSlack) -> None:
    """The calls that everything else stands on, through the real client."""
    channel = slack.workspace.add_channel("incidents")
    web = client(slack)

    posted = web.chat_postMessage(channel="#incidents", text="one", metadata={"event_type": "a", "event_payload": {}})
    web.chat_update(channel=channel.id, ts=posted["ts"], text="two")
    found = web.conversations_history(channel=channel.id, include_all_metadata=True)["messages"]

    assert [m["text"] for m in found] == ["two"]
    assert found[0]["metadata"]["event_type"] == "a"
    assert web.auth_test()["team_id"] == slack.workspace.team


def test_each_error_has_slacks_word(slack: FakeSlack) -> None:
    """We act on these words; a fake that invents its own would test nothing."""
    slack.rates = False
    inside, outside = slack.workspace.add_channel("in"), slack.workspace.add_channel("out", bot=False)
    archived = slack.workspace.add_channel("old")
    archived.archived = True

    assert refused(slack, "chat.postMessage", channel="#nowhere", text="x") == "channel_not_found"
    assert refused(slack, "chat.postMessage", channel=outside.id, text="x") == "not_in_channel"
    assert refused(slack, "chat.postMessage", channel=archived.id, text="x") == "is_archived"
    assert refused(slack, "chat.postMessage", channel=inside.id, text="x" * 4_001) == "msg_too_long"
    assert refused(slack, "chat.postMessage", channel=inside.id) == "no_text"
    divider = {"type": "divider"}
    assert refused(slack, "chat.postMessage", channel=inside.id, blocks=[divider] * 51) == "invalid_blocks"
    assert refused(slack, "chat.update", channel=inside.id, ts="1.0", text="x") == "message_not_found"
    assert refused(slack, "conversations.create", name="in") == "name_taken"
    assert refused(slack, "conversations.setTopic", channel=inside.id, topic="x" * 251) == "too_long"
    assert refused(slack, "views.open", trigger_id="no", view={}) == "invalid_trigger_id"
    assert refused(slack, "no.such", a="b") == "unknown_method"


def test_tokens_are_checked_as_slack_does(slack: FakeSlack) -> None:
    """Revoked, expired, unknown, or lacking a scope: four different things to tell an operator."""
    slack.workspace.add_channel("in")
    slack.give("xoxb-few", without="chat:write")
    slack.give("xoxb-old", until=time.time() - 1)

    with pytest.raises(SlackApiError) as few:
        client(slack, "xoxb-few").chat_postMessage(channel="#in", text="x")
    with pytest.raises(SlackApiError) as old:
        client(slack, "xoxb-old").auth_test()
    with pytest.raises(SlackApiError) as unknown:
        client(slack, "xoxb-who").auth_test()
    slack.revoke()
    with pytest.raises(SlackApiError) as revoked:
        client(slack).auth_test()

    assert (few.value.response["error"], few.value.response["needed"]) == ("missing_scope", "chat:write")
    words = [e.value.response["error"] for e in (old, unknown, revoked)]
    assert words == ["token_expired", "invalid_auth", "token_revoked"]


def test_a_refresh_token_works_once(slack: FakeSlack) -> None:
    """Rotation: whoever loses the new refresh token has lost the app."""
    web = WebClient(base_url=slack.url, retry_handlers=[])
    asked = {"client_id": slack.client_id, "client_secret": slack.client_secret, "grant_type": "refresh_token"}

    first = web.oauth_v2_access(**asked, refresh_token="xoxe-1-first")
    with pytest.raises(SlackApiError) as again:
        web.oauth_v2_access(**asked, refresh_token="xoxe-1-first")

    assert client(slack, first["access_token"]).auth_test()["ok"]
    assert again.value.response["error"] == "invalid_refresh_token"


def test_a_second_message_within_a_second_is_limited(slack: FakeSlack) -> None:
    """One message a second and channel, and the answer says how long to wait."""
    slack.workspace.add_channel("in")
    slack.workspace.add_channel("other")
    web = client(slack)
    web.chat_postMessage(channel="#in", text="one")

    with pytest.raises(SlackApiError) as limited:
        web.chat_postMessage(channel="#in", text="two")

    assert limited.value.response.status_code == 429
    assert limited.value.response.headers["Retry-After"] == "1"
    assert web.chat_postMessage(channel="#other", text="three")["ok"]


def test_bad_days_reach_the_client(slack: FakeSlack) -> None:
    """5xx, silence, and silence after it was done: the last one must leave the message there."""
    channel = slack.workspace.add_channel("in")
    slack.rates = False

    slack.breaks(status=503)
    with pytest.raises(SlackApiError) as broken:
        client(slack).chat_postMessage(channel="#in", text="one")
    with slack.unreachable(), pytest.raises(RemoteDisconnected):
        client(slack).chat_postMessage(channel="#in", text="two")
    slack.loses_the_answer("chat.postMessage")
    with pytest.raises(RemoteDisconnected):
        client(slack).chat_postMessage(channel="#in", text="three")
    slack.is_late("chat.postMessage", 1.5)
    with pytest.raises(TimeoutError):
        client(slack, timeout=1).chat_postMessage(channel="#in", text="four")

    assert broken.value.response.status_code == 503
    assert [m["text"] for m in channel.messages] == ["three", "four"]
    assert [c.error for c in slack.called("chat.*")][:3] == ["http 503", "unanswered", "unanswered"]


def test_a_trigger_opens_one_modal_within_three_seconds() -> None:
    """What comes late or twice is the trap of every modal."""
    now = [1000.0]
    with FakeSlack(now=lambda: now[0]) as slack:
        title, close = ({"type": "plain_text", "text": "A form"},) * 2
        view = {"type": "modal", "title": title, "close": close, "blocks": [{"type": "divider"}]}
        once, late = slack.workspace.trigger("U1"), slack.workspace.trigger("U1")

        assert client(slack).views_open(trigger_id=once, view=view)["view"]["id"]
        assert refused(slack, "views.open", trigger_id=once, view=view) == "exchanged_trigger_id"
        now[0] += 3.5
        assert refused(slack, "views.open", trigger_id=late, view=view) == "expired_trigger_id"


def test_deliveries_are_signed_as_slack_signs(slack: FakeSlack) -> None:
    """slack_sdk's own verifier takes what the driver signs; the retry has a signature of its own."""
    seen: list[tuple[dict[str, str], bytes]] = []

    def send(path: str, headers: object, body: bytes) -> Answered:
        seen.append((dict(headers), body))  # type: ignore[call-overload]
        return Answered(200, "")

    now = [time.time() - 10]
    slack.now = lambda: now[0]
    out = Deliveries(slack, send)
    out.person("U1", "#incidents").command("kill partner acme leak")
    delivery: Delivery = out.sent[0]
    now[0] += 3
    out.again(delivery)
    out.replay(delivery)

    verifier = SignatureVerifier(slack.signing_secret)
    assert all(verifier.is_valid_request(body, headers) for headers, body in seen)
    signatures = [headers["X-Slack-Signature"] for headers, _ in seen]
    assert signatures[0] != signatures[1] == signatures[2]
    assert len({body for _, body in seen}) == 1
