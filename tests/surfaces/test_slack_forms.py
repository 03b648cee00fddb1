"""
Buttons and forms: what a press does, who may, and that the answer comes in the same breath.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from incidents.slack.limits import view_faults
from incidents.testing.slack_limits import view_faults as slacks_view_faults
from incidents.testing.slack_person import SlackPerson
from incidents.testing.slack_reading import as_read, view_as_read
from tests.support.acting import change_catalog, with_a_clock_left
from tests.support.slack import Scene, slack_scene


@pytest.fixture
def scene() -> Iterator[Scene]:
    with slack_scene() as made:
        made.shop.point("eu-1")
        yield made


@pytest.fixture
def shown(scene: Scene) -> Scene:
    """A killed partner whose message stands in #incidents."""
    scene.types(scene.linus, "kill partner acme leak")
    scene.posts(3)
    return scene


def message(scene: Scene) -> Any:
    return scene.top()[0]


def form(scene: Scene, who: SlackPerson) -> str:
    """The modal that somebody sees, after what was asked for has been done."""
    scene.settle()
    view = who.view()
    assert slacks_view_faults({k: v for k, v in view.items() if not k.startswith("_")}) == []
    assert view_faults(view) == []
    return view_as_read(view)


def seen(scene: Scene) -> dict[str, Any]:
    return scene.shop.service.operations.incident(scene.shop.person("ada", "commander"), "INC-2026-0001")


# --- buttons on the message -----------------------------------------------------------------------------------------


def test_three_buttons_at_most_and_the_rest_behind_more(shown: Scene) -> None:
    """Under stress too many buttons are none."""
    (row,) = [b for b in message(shown)["blocks"] if b["type"] == "actions"]
    kinds = [e["type"] for e in row["elements"]]

    assert kinds == ["button", "button", "button", "overflow"]


def test_taking_command_by_button(shown: Scene) -> None:
    """One press, and the message says who it is."""
    shown.ada.press(message(shown), "Take command")

    assert "You are commander now" in shown.hears(shown.ada)
    shown.posts(3)
    assert "*Command*  <@U01ADAADA>" in as_read(message(shown))


def test_a_button_pressed_twice_says_that_it_is_done(shown: Scene) -> None:
    """Two presses, two bodies, one role."""
    shown.ada.press(message(shown), "Take command")
    shown.settle()
    shown.shop.clock.advance(30)
    shown.ada.press(message(shown), "Take command")

    assert "is commander of INC-2026-0001 already" in shown.hears(shown.ada)
    assert shown.kinds("INC-2026-0001").count("incident:role:taken") == 1


@pytest.mark.parametrize("label", ["Take command", "Ask for a restore"])
def test_a_button_pressed_by_somebody_without_the_role_says_who_can(shown: Scene, label: str) -> None:
    """And nothing opens, nothing changes."""
    before = shown.kinds("INC-2026-0001")

    shown.linus.press(message(shown), label)

    heard = shown.hears(shown.linus)
    assert "needs the role 'commander'" in heard or "takes the role 'commander'" in heard
    assert shown.slack.workspace.open_view(shown.linus.user) is None
    assert shown.kinds("INC-2026-0001") == before


def test_a_strangers_press_gets_the_link(shown: Scene) -> None:
    """The channel is full of people whom Andon does not know."""
    shown.nobody.press(message(shown), "Take command")

    assert "does not know this Slack account" in shown.hears(shown.nobody)


def test_acknowledging_and_a_task_by_button(shown: Scene) -> None:
    """Two of the three that are most wanted at the start."""
    shown.grace.press(message(shown), "Acknowledge")
    shown.linus.press(message(shown), "Task 1 done")
    shown.settle()

    assert seen(shown)["acknowledged_at"] is not None
    assert seen(shown)["tasks"][0]["state"] == "done"


def test_a_note_by_form(shown: Scene) -> None:
    """Long words are written in a form; it closes when they are on the timeline."""
    shown.linus.press(message(shown), "Note")
    assert form(shown, shown.linus).startswith("== Note, INC-2026-0001 ==")

    shown.linus.submit({"Note": "called them\non the known number", "When it happened": "11:58"})

    assert shown.slack.workspace.open_view(shown.linus.user) is None
    (note,) = [e for e in shown.shop.service.ledger.incident("INC-2026-0001") if e.kind == "incident:note:added"]
    assert note.text == {"note": "called them\non the known number"}
    assert note.at.isoformat() == "2026-11-23T11:58:00+00:00"


def test_a_wrong_time_is_said_at_its_field(shown: Scene) -> None:
    """The form stays open with what was written in it."""
    shown.linus.press(message(shown), "Note")
    shown.settle()

    answered = shown.linus.submit({"Note": "called them", "When it happened": "tomorrow"})

    assert answered.json["response_action"] == "errors"
    assert "is no time" in answered.json["errors"]["at"]


def test_a_form_sent_twice_is_done_once(shown: Scene) -> None:
    """The answer was lost; Slack lets them press Add again."""
    shown.linus.press(message(shown), "Note")
    shown.settle()
    view = dict(shown.linus.view())
    shown.linus.submit({"Note": "called them"})
    shown.shop.clock.advance(5)
    shown.slack.workspace.views[view["id"]] = view
    shown.linus.submit({"Note": "called them"})

    assert shown.kinds("INC-2026-0001").count("incident:note:added") == 1


def test_status_update_and_clocks_by_form(shown: Scene) -> None:
    """What stands behind More works as well."""
    shown.ada.press(message(shown), "Status update")
    shown.settle()
    shown.ada.submit({"Where do things stand?": "all gateways deny"})
    shown.ada.press(message(shown), "Clocks")
    text = form(shown, shown.ada)

    assert "incident:update:posted" in shown.kinds("INC-2026-0001")
    assert "task 1: See that every enforcement point has confirmed" in text


@pytest.fixture
def owing(scene: Scene) -> Scene:
    """An incident with a duty to an authority, whose message stands in #incidents."""
    scene.types(scene.linus, "declare partner-credential-abuse partner=acme")
    scene.posts(3)
    return scene


def clock(scene: Scene, name: str = "gdpr-art33.notify-authority") -> dict[str, Any]:
    return next(c for c in seen(scene)["clocks"] if c["clock"] == f"INC-2026-0001.{name}")


SENT = {"Sent or filed": "gdpr-art33.notify-authority", "Its receipt": "case 4711", "When it happened": "11:59"}


def test_a_clock_is_submitted_by_form(owing: Scene) -> None:
    """Nobody types the name of a duty at night; sent twice it is recorded once."""
    owing.ada.press(message(owing), "Clocks")
    asked = form(owing, owing.ada)
    view = dict(owing.ada.view())
    owing.ada.submit(SENT)
    told = form(owing, owing.ada)
    owing.slack.workspace.views[view["id"]] = view
    owing.shop.clock.advance(1)
    owing.ada.submit(SENT)
    (line,) = [e for e in owing.shop.service.ledger.incident("INC-2026-0001") if e.kind == "clocks:duty:submitted"]

    assert "Notification of the breach to the supervisory authority" in asked
    assert "is recorded as sent" in told
    assert (line.text, line.actor.person) == ({"receipt": "case 4711"}, "ada")
    assert clock(owing)["submitted_at"] == "2026-11-23T11:59:00.000Z"


def test_what_is_late_says_why_in_the_form(owing: Scene) -> None:
    """The authority asks it anyway; the fault stands at its field, and what was typed is kept."""
    owing.shop.clock.advance(4 * 86_400)
    typed = owing.types(owing.ada, "submit latest gdpr-art33 case 4711")
    owing.ada.press(message(owing), "Clocks")
    owing.settle()
    sent = {name: value for name, value in SENT.items() if name != "When it happened"}
    without = owing.ada.submit(sent)
    owing.ada.submit({**sent, "Why it is late": "their portal was down"})

    assert "The button *Clocks*" in typed
    assert without.json["errors"] == {"late_because": "say why it is late"}
    assert clock(owing)["late"] is True


def test_whoever_may_not_submit_only_reads_the_clocks(owing: Scene) -> None:
    """And a form of somebody who had the role is refused when it has gone."""
    owing.linus.press(message(owing), "Clocks")
    read = form(owing, owing.linus)
    owing.ada.press(message(owing), "Clocks")
    owing.settle()
    change_catalog(owing.shop, lambda c: c["people"]["ada"].update(roles=["responder"]))
    owing.ada.submit(SENT)

    assert "gdpr-art33.notify-authority" in read
    assert read.endswith("(nothing to send)")
    assert "needs the role 'commander'" in form(owing, owing.ada)
    assert clock(owing)["submitted_at"] is None


def test_a_step_of_its_life_by_form(shown: Scene) -> None:
    """Harm has stopped: with when, and how one knows."""
    shown.posts(20)
    shown.ada.press(message(shown), "Take command")
    shown.posts(3)
    shown.ada.press(message(shown), "Harm has stopped")
    shown.settle()
    shown.ada.submit({"How do you know?": "no call for an hour"})

    assert seen(shown)["status"] == "mitigated"


def test_closing_by_form_says_that_the_clocks_go_on(scene: Scene) -> None:
    """What is owed still stands where the button is; sent without the tick it stays open and says how."""
    id = with_a_clock_left(scene.shop)
    scene.posts(4)
    scene.ada.press(message(scene), "Close")
    asked = form(scene, scene.ada)
    without = scene.ada.submit({"How do you know?": "all is done"})
    scene.ada.submit({"How do you know?": "all is done", "These duties": ["go-on"]})

    assert "Notification of the breach to the supervisory authority, to Lead supervisory authority" in asked
    assert "a clock is open" in without.json["errors"]["reason"]
    assert scene.shop.service.operations.incident(scene.shop.person("ada", "commander"), id)["status"] == "closed"


def test_asking_for_a_restore_and_refusing_it_by_form(shown: Scene) -> None:
    """Asked by one, read and refused by another."""
    shown.grace.press(message(shown), "Ask for a restore")
    assert "acme revoked" in form(shown, shown.grace)
    shown.grace.submit({"Why is it safe again?": "new key"})
    assert "Restore INC-2026-0001-R1" in view_as_read(shown.grace.view())
    shown.posts(3)
    shown.ada.press(message(shown), "Read the restore")
    text = form(shown, shown.ada)
    shown.ada.submit({"Your decision": "refuse", "Reason": "not attested"})

    assert "Plan digest" in text
    assert "> new key" in text
    assert seen(shown)["restores"][0]["state"] == "refused"


def test_an_old_button_of_an_older_version_says_so(shown: Scene) -> None:
    """Messages live for years; a button that nobody knows any more must not be met with silence."""
    button = {"type": "button", "action_id": "old", "value": "{}", "text": {"type": "plain_text", "text": "Old"}}
    old = {"ts": "1", "blocks": [{"type": "actions", "block_id": "x", "elements": [button]}]}

    shown.ada.press(old, "Old", channel=shown.ada.channel)

    assert "older Andon" in shown.hears(shown.ada)


def test_a_button_of_a_restricted_incident_tells_others_nothing(shown: Scene) -> None:
    """The value of a button is no right to know."""
    ada = shown.shop.person("ada", "commander")
    shown.types(shown.ada, "take latest")
    shown.shop.service.operations.set_visibility(ada, "INC-2026-0001", "restricted", "legal")

    shown.grace.press(message(shown), "Note")

    assert "unknown incident" in shown.hears(shown.grace)


# --- declaring by form ----------------------------------------------------------------------------------------------


def test_declaring_by_form_shows_the_blast_radius_before_the_button(scene: Scene) -> None:
    """Playbook, its parameters as fields, who goes dark, then the button."""
    scene.linus.command("declare two countries at once")
    first = form(scene, scene.linus)
    scene.linus.submit({"Playbook": "partner-credential-abuse", "Kind": "real"})
    second = form(scene, scene.linus)
    scene.linus.submit({"Partner": "acme", "Severity": "sev1"})
    third = form(scene, scene.linus)
    before = scene.types(scene.linus, "list")
    scene.linus.submit({})
    last = form(scene, scene.linus)

    assert "A partner's credentials are abused" in first
    assert "Partner *: <acme / globex / initech>" in second
    assert "_two countries at once_" in second
    assert "• acme on orion-2:tool-use" in third
    assert third.splitlines()[-1] == "[Switch it off]"
    assert before.startswith("*Nothing is open.*")
    assert "declared* by Linus Berg" in last
    found = seen(scene)
    assert (found["summary"], found["severity"]) == ("two countries at once", "sev1")


def test_declaring_by_form_needs_nothing_of_slacks_api_after_it_opened(scene: Scene) -> None:
    """Each step is the answer to the step before, so a form that is open works through an outage."""
    scene.linus.command("declare")
    scene.settle()
    with scene.slack.unreachable():
        scene.linus.submit({"Playbook": "break-glass", "Kind": "drill"})
        scene.linus.submit({"Partner": "acme"})
        scene.linus.submit({})

    assert "DRILL-2026-0001" in view_as_read(scene.linus.view())


def test_what_is_missing_is_said_at_its_field(scene: Scene) -> None:
    """Unknown partners too, with the nearest one."""
    scene.linus.command("declare")
    scene.settle()
    scene.linus.submit({"Playbook": "partner-credential-abuse", "Kind": "real"})

    answered = scene.linus.submit({})

    assert "is missing" in answered.json["errors"]["p:partner"]


def test_a_confirmed_form_sent_twice_declares_once(scene: Scene) -> None:
    """Even a drill, which nothing joins."""
    scene.linus.command("declare")
    scene.settle()
    scene.linus.submit({"Playbook": "break-glass", "Kind": "test"})
    scene.linus.submit({"Partner": "acme"})
    view = dict(scene.linus.view())
    scene.linus.submit({})
    scene.slack.workspace.views[view["id"]] = view
    scene.linus.submit({})

    with scene.shop.service.desk.read() as state:
        assert state.order == ["TEST-2026-0001"]


def test_where_no_form_can_open_the_answer_does_as_well(scene: Scene) -> None:
    """The trigger has expired, or Slack's API is down: buttons, typed lines and the page are in the answer."""
    with scene.slack.unreachable():
        said = scene.types(scene.linus, "declare")
        scene.settle()

    assert "`/incident declare partner-credential-abuse`" in said
    assert "https://andon.example/declare" in said
    assert scene.slack.workspace.open_view(scene.linus.user) is None


def test_the_global_shortcut_opens_the_form(scene: Scene) -> None:
    """From anywhere in Slack, without remembering a word."""
    scene.out.interaction(scene.linus._base() | {"type": "shortcut", "callback_id": "andon.declare"})

    assert form(scene, scene.linus).startswith("== Declare ==")


def test_a_response_url_that_is_not_slacks_is_never_called(shown: Scene) -> None:
    """Otherwise whoever knows the secret makes us call into our own network."""
    from incidents.slack.blocks import Message
    from incidents.slack.quick import Quick

    quick = Quick(None, shown.shop.clock, "https://slack.com/api/")

    assert not quick.reply("http://169.254.169.254/latest", Message("x"))
    assert not quick.reply("https://hooks.slack.com.evil.example/x", Message("x"))
    assert not quick.reply(shown.slack.base + "/commands/x", Message("x"))


# --- shapes that nobody expects -------------------------------------------------------------------------------------

LEAF = st.one_of(st.none(), st.booleans(), st.integers(), st.text(max_size=20))
VALUE = st.recursive(
    LEAF, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner), max_leaves=12
)
KEYS = st.sampled_from(
    ["view", "actions", "message", "container", "channel", "callback_id", "state", "trigger_id", "event"]
)
KINDS = st.sampled_from(["block_actions", "view_submission", "message_action", "shortcut", "view_closed", "x"])


@given(
    kind=KINDS,
    more=st.dictionaries(KEYS, VALUE),
    act=st.sampled_from(["run", "take", "note", "approve", "ask", "x"]),
    value=VALUE,
)
@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_payload_is_answered(scene: Scene, kind: str, more: dict[str, Any], act: str, value: Any) -> None:
    """Slack changes what it sends; an unknown shape is answered, and breaks nothing."""
    person = scene.ada._base()
    pressed = {"action_id": "a", "value": json.dumps({"a": act, "i": value, "l": value, "r": value})}
    payload = person | {"type": kind, "actions": [pressed]} | more
    scene.shop.clock.advance(1)  # the same shape in the same second would be a replay

    assert scene.out.interaction(payload).status == 200
    assert scene.out.event(more | {"type": kind}).status == 200


# --- rights ---------------------------------------------------------------------------------------------------------

NEED_A_ROLE = ["Take command", "Acknowledge", "Task 1 done", "Note", "Harm has stopped", "Status update",
               "Ask for a restore"]  # fmt: skip


def viewer(scene: Scene) -> SlackPerson:
    vera = {"name": "Vera", "slack": "U0VIEWER1", "roles": ["viewer"]}
    change_catalog(scene.shop, lambda c: c["people"].update(vera=vera))
    return scene.out.person("U0VIEWER1", "#incidents")


def told_who_can(scene: Scene, who: SlackPerson, message: Any, label: str) -> None:
    before = scene.shop.service.ledger.head().seq
    who.press(message, label)
    heard = scene.hears(who)

    assert "the role" in heard, f"{label}: {heard}"
    assert "Who can: " in heard, f"{label}: {heard}"
    assert scene.slack.workspace.open_view(who.user) is None
    assert scene.shop.service.ledger.head().seq == before


def test_every_button_of_an_incident_asks_for_its_role(shown: Scene) -> None:
    """Whoever presses without the right reads who has it; nothing opens, nothing changes."""
    vera = viewer(shown)
    for label in NEED_A_ROLE:
        told_who_can(shown, vera, message(shown), label)
    shown.types(shown.grace, "restore latest new key")
    shown.posts(4)
    told_who_can(shown, vera, message(shown), "Read the restore")
    vera.press(message(shown), "Clocks")
    assert "task 1" in form(shown, vera)  # to read is hers


def test_the_buttons_of_a_drill_and_of_what_waits_ask_for_their_role(scene: Scene) -> None:
    vera = viewer(scene)
    scene.types(scene.linus, "drill partner-credential-abuse partner=acme model=orion-2")
    scene.posts(4)
    for label in ("It is REAL", "Action 4", "End the drill"):
        told_who_can(scene, vera, message(scene), label)


def test_whoever_lost_the_role_with_the_form_open_can_not_send_it(shown: Scene) -> None:
    """Rights are those of the moment in which it is done."""
    shown.linus.press(message(shown), "Note")
    shown.settle()
    change_catalog(shown.shop, lambda c: c["people"]["linus"].update(roles=["viewer"]))
    shown.linus.submit({"Note": "called them"})

    assert "needs the role 'responder'" in form(shown, shown.linus)
    assert "incident:note:added" not in shown.kinds("INC-2026-0001")
