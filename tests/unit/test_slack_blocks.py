"""
Pieces and limits of Slack's messages: what is escaped, cut and refused before it is sent.
"""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from slack_sdk.errors import SlackObjectFormationError
from slack_sdk.models.blocks import Block

from incidents.clock import ManualClock
from incidents.errors import Invalid
from incidents.slack import blocks as b
from incidents.slack.incident_message import incident_message
from incidents.slack.limits import message_faults, view_faults
from incidents.slack.moments import typed_moment
from incidents.slack.places import hashed, places, room_name
from incidents.slack.reader import Reader
from incidents.testing import Workshop
from incidents.testing.slack_limits import faults
from incidents.testing.slack_limits import view_faults as slacks_view_faults
from incidents.testing.slack_reading import as_read
from tests.support.acting import declare

NOW = ManualClock().now()
READER = Reader(now=NOW, url="https://andon.example", names={"ada": "Ada Okafor"}, accounts={"ada": "U01ADAADA"})
ANY = st.text(max_size=4000)

SIX = [b.option("o", str(n)) for n in range(6)]
TOO_MUCH = [
    ("51 blocks", [b.divider()] * 51),
    ("a long section", [{"type": "section", "text": {"type": "mrkdwn", "text": "x" * 3001}}]),
    ("a long header", [{"type": "header", "text": {"type": "plain_text", "text": "x" * 151}}]),
    ("26 buttons", [b.actions("a", *(b.button(f"b{n}", "B") for n in range(26)))]),
    ("11 in a context", [{"type": "context", "elements": [b.marked("x")] * 11}]),
    ("no buttons", [{"type": "actions", "block_id": "a", "elements": []}]),
    ("an action twice", [b.actions("a", b.button("x", "B"), b.button("x", "C"))]),
    ("a block twice", [b.actions("a", b.button("x", "B")), b.actions("a", b.button("x", "B"))]),
    ("a long button", [b.actions("a", {**b.button("x", "B"), "text": {"type": "plain_text", "text": "x" * 76}})]),
    ("a long value", [b.actions("a", {**b.button("x", "B"), "value": "x" * 2001})]),
    ("a style", [b.actions("a", {**b.button("x", "B"), "style": "red"})]),
    ("six behind More", [b.actions("a", {"type": "overflow", "action_id": "x", "options": SIX})]),
    ("an empty section", [{"type": "section"}]),
    ("an empty text", [{"type": "section", "text": {"type": "mrkdwn", "text": ""}}]),
    ("marks in a header", [{"type": "header", "text": {"type": "mrkdwn", "text": "x"}}]),
    ("another kind", [{"type": "carousel"}]),
]  # fmt: skip


@pytest.mark.parametrize(("what", "blocks"), TOO_MUCH, ids=[what for what, _ in TOO_MUCH])
def test_what_slack_refuses_is_found_before_it_is_sent(what: str, blocks: list[Any]) -> None:
    """Our own check and the fake's, written apart, say the same; slack_sdk's lets some of it through."""
    assert message_faults("text", blocks)
    assert faults(blocks)


@given(title=ANY, body=ANY, label=ANY, page=st.sampled_from(["", "<https://a.example|more>"]))
def test_whatever_people_write_fits(title: str, body: str, label: str, page: str) -> None:
    """Built with our pieces, any text makes a message that Slack takes, by three different checks."""
    made = b.message(
        body,
        [
            b.header(title),
            b.section(b.esc(body), b.button("a", label, {"x": 1}), more=page),
            b.context(b.esc(title)),
            b.actions("row", b.button("b", label), b.overflow("c", [(label, {"n": 1})])),
        ],
        page,
    )

    assert message_faults(made.text, made.blocks) == []
    assert faults(list(made.blocks)) == []
    for block in made.blocks:
        try:
            Block.parse(block).to_dict()  # type: ignore[union-attr]
        except SlackObjectFormationError as error:
            pytest.fail(f"slack_sdk refuses {block}: {error}")


@given(st.lists(ANY, min_size=1, max_size=80))
def test_too_many_blocks_are_cut_with_a_link(texts: list[str]) -> None:
    """A novel becomes what fits, and where the rest is."""
    made = b.message("x", [b.section(b.esc(text)) for text in texts], "<https://a.example|more>")

    assert message_faults(made.text, made.blocks) == []
    if len(made.blocks) < len(texts):
        assert "There is more: <https://a.example|more>" in as_read(made.wire())


@given(ANY, st.integers(40, 200))
def test_a_cut_never_ends_inside_a_mark(text: str, limit: int) -> None:
    """Half a link or half an ``&amp;`` would be shown as garbage."""
    cut = b.cut(b.esc(text), limit, "<u|more>")

    assert len(cut) <= max(limit, 9)
    body = cut.removesuffix("… <u|more>")
    assert body.rfind("&") <= body.rfind(";") or len(body) - body.rfind("&") >= 8 or "&" not in body[-8:]


def test_a_form_without_a_button_to_send_it_is_refused() -> None:
    """Slack would refuse to open it, and the person would see nothing."""
    made = b.view("x", "Title", [b.field("a", "A", b.text_input())])

    assert view_faults(made)
    assert slacks_view_faults(made)


# --- the incident's message -----------------------------------------------------------------------------------------


def view_of(shop: Workshop, id: str) -> dict[str, Any]:
    return shop.service.operations.incident(shop.person("ada", "commander"), id)


def test_a_point_that_can_not_apply_the_change_is_not_contained(shop: Workshop) -> None:
    """It answers, and serves as before: the loudest line of all; nothing promises an end."""
    shop.point("eu-1")
    id = declare(shop, "revoke-partner: {partner: acme}")
    now = shop.clock.now()
    shop.service.points.acknowledge(
        "eu-1", "a", 0, applies=["live"], boot=shop.clock.boot(), at=now, refused="disk full"
    )
    found = view_of(shop, id)

    text = as_read(incident_message(found, READER).wire())

    assert "NOT CONTAINED, 0 of 1 confirmed" in text
    assert ":rotating_light: eu-1: says that it can't apply the change: disk full" in text
    assert "at the latest" not in text


def test_what_another_incident_holds_too_is_named(shop: Workshop) -> None:
    """Given back here, still off there: nobody may read that a partner is back who is not."""
    first = declare(shop, "revoke-partner: {partner: acme}", kind="real")
    second = declare(shop, "revoke-partner: {partner: acme}", kind="real")
    text = as_read(incident_message(view_of(shop, first), READER).wire())

    assert f"acme revoked (also held by <https://andon.example/incidents/{second}|{second}>)" in text


def test_equal_incidents_have_equal_messages(shop: Workshop) -> None:
    """Nothing in it counts the seconds, or each of them would be an update."""
    id = declare(shop, "revoke-partner: {partner: acme}")
    first = incident_message(view_of(shop, id), READER)
    shop.clock.advance(1)
    second = incident_message(view_of(shop, id), READER)

    assert first.digest == second.digest


# --- small things ---------------------------------------------------------------------------------------------------

TIMES = [
    ("", None),
    ("11:58", "2026-11-23T11:58:00.000Z"),
    ("11:58:30", "2026-11-23T11:58:30.000Z"),
    ("12:00", "2026-11-23T12:00:00.000Z"),
    ("23:59", "2026-11-22T23:59:00.000Z"),
    ("9:05 UTC", "2026-11-23T09:05:00.000Z"),
    ("2026-11-20 14:00", "2026-11-20T14:00:00.000Z"),
    ("2026-11-20T14:00+01:00", "2026-11-20T13:00:00.000Z"),
]


@pytest.mark.parametrize(("typed", "meant"), TIMES, ids=[typed or "nothing" for typed, _ in TIMES])
def test_times_as_people_type_them(typed: str, meant: str | None) -> None:
    """A time of day is the last one: after midnight, 23:59 was yesterday."""
    assert typed_moment(typed, NOW) == meant


@pytest.mark.parametrize("typed", ["25:00", "noon", "yesterday", "2026-13-01"])
def test_a_time_that_is_none_says_what_one_looks_like(typed: str) -> None:
    """Guessing would put evidence at the wrong place."""
    with pytest.raises(Invalid, match="write 14:02"):
        typed_moment(typed, NOW)


def test_where_an_incident_is_shown(shop: Workshop) -> None:
    """The central channel first; `#incidents` of a playbook is that one; a test is shown nowhere."""
    more = "notify:\n  - {to: 'slack:#incidents', at: declared}\n  - {to: 'slack:#red-phone', at: declared}\n"
    real, test = (declare(shop, "halt-model: {model: orion-2}", more=more, kind=kind) for kind in ("real", "test"))
    with shop.service.desk.read() as state:
        incident = state.incidents[real]
        assert places(incident, "C0CENTRAL") == ["C0CENTRAL", "#red-phone"]
        assert places(incident, "") == ["#incidents", "#red-phone"]
        assert places(state.incidents[test], "C0CENTRAL") == []
        assert room_name(incident) == "inc-2026-0001"
    assert (hashed("incidents"), hashed("C0CENTRAL"), hashed("#x")) == ("#incidents", "C0CENTRAL", "#x")
