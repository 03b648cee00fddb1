"""
The slash command, verb by verb: what is done, what is answered, and that nothing is ever met with silence.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from incidents.slack.limits import message_faults
from incidents.testing import ADMIN
from incidents.testing.slack_limits import faults
from incidents.testing.slack_reading import as_read
from tests.support.acting import change_catalog, with_a_clock_left
from tests.support.api import caller
from tests.support.slack import Scene, slack_scene


@pytest.fixture
def scene() -> Iterator[Scene]:
    with slack_scene() as made:
        made.shop.point("eu-1")
        yield made


@pytest.fixture
def killed(scene: Scene) -> Scene:
    scene.types(scene.linus, "kill partner acme their key is on a paste site")
    return scene


def seen(scene: Scene, id: str = "INC-2026-0001") -> dict:
    return scene.shop.service.operations.incident(scene.shop.person("ada", "commander"), id)


# --- stopping -------------------------------------------------------------------------------------------------------


def test_kill_needs_a_reason_and_nothing_else(scene: Scene) -> None:
    """One command, from the phone, in the dark: done, by whom, at which revision, n of m confirmed."""
    said = scene.types(scene.linus, "kill partner acme their key is on a paste site")

    assert "declared* by Linus Berg, revision" in said
    assert "acme revoked" in said
    assert "0 of 1 points confirmed, certain by 12:00:16 UTC" in said
    assert [word in said for word in ("take INC-2026-0001", "note INC-2026-0001", "show INC-2026-0001")] == [True] * 3
    assert seen(scene)["summary"] == "their key is on a paste site"


def test_the_bare_name_of_one_thing_is_enough(scene: Scene) -> None:
    """Whoever forgets the word 'partner' at night still stops the partner."""
    assert "acme revoked" in scene.types(scene.linus, "Kill Acme leak")


def test_what_a_phone_makes_of_a_command_still_kills(scene: Scene) -> None:
    """Capitals, a hard blank, smart quotes, a typographic hyphen."""
    said = scene.types(
        scene.linus, "Kill\u00a0Capability orion\u20112:tool\u2011use \u201cit can\u2019t be trusted\u201d"
    )

    assert "orion-2:tool-use switched off" in said
    assert seen(scene)["summary"] == "it can't be trusted"


def test_declaring_takes_parameters_and_words(scene: Scene) -> None:
    """The words stay words: ten users are no severity."""
    scene.types(
        scene.linus, 'declare partner-credential-abuse partner=acme title="Key on a paste site" about 10 users, a=b'
    )

    found = seen(scene)
    assert (found["title"], found["summary"], found["severity"]) == (
        "Key on a paste site",
        "about 10 users, a=b",
        "sev2",
    )
    assert found["parameters"] == {"partner": "acme"}


def test_a_drill_that_turns_out_to_be_real_becomes_a_real_incident(scene: Scene) -> None:
    """One press: nobody looks for the playbook again while it burns."""
    scene.types(scene.linus, "drill break-glass partner=acme lasts=20m")
    scene.posts(3)
    (message,) = scene.top()
    scene.linus.press(message, "It is REAL")
    said = scene.hears(scene.linus)
    scene.posts(4)
    drill = scene.shop.service.operations.incident(ADMIN, "DRILL-2026-0001")

    assert "INC-2026-0001|INC-2026-0001> declared* by Linus Berg" in said
    assert "acme revoked" in said
    assert drill["status"] == "closed"
    assert "INC-2026-0001> is the real one" in as_read(scene.top()[0])
    assert "It is REAL" not in as_read(scene.top()[0])


def test_a_drill_is_ended_and_says_what_was_left_of_it(scene: Scene) -> None:
    """What it held is lifted in the same write, and whether live access is untouched is said, not believed."""
    scene.types(scene.linus, "drill break-glass partner=acme")
    said = scene.types(scene.linus, "drill stop DRILL-2026-0001 went through")
    again = scene.types(scene.linus, "drill abort DRILL-2026-0001 too late")

    assert "The drill is finished, 1 hold lifted; live access is as it was before." in said
    assert "DRILL-2026-0001 is over: finished" in again


def test_people_join_and_leave_a_drill(scene: Scene) -> None:
    """Who takes part, and as what, is written down from where they are."""
    scene.types(scene.linus, "drill run break-glass partner=acme")
    joined = scene.types(scene.linus, "drill join latest as facilitator")
    named = scene.types(scene.ada, "drill join latest <@U01GRACEG|grace>")
    again = scene.types(scene.ada, "drill join latest @grace as participant")
    left = scene.types(scene.linus, "drill leave latest")
    wrong = scene.types(scene.ada, "drill join latest as observr")
    people = scene.shop.service.operations.drill_report(ADMIN, "DRILL-2026-0001")["people"]

    assert "Linus Berg takes part as facilitator" in joined
    assert "Grace Lim takes part as participant" in named
    assert "nothing was changed" in again
    assert "Linus Berg takes part no longer" in left
    assert "Did you mean 'observer'?" in wrong
    assert people == [{"person": "grace", "part": "participant"}]


def test_the_clocks_of_a_drill_run_as_fast_as_it_was_typed(scene: Scene) -> None:
    """Seventy-two hours are rehearsed in little more than one."""
    scene.types(scene.linus, "drill partner-credential-abuse partner=acme compress=60")
    wrong = scene.types(scene.linus, "drill partner-credential-abuse partner=globex compress=fast")

    assert scene.shop.service.operations.drill_report(ADMIN, "DRILL-2026-0001")["compress"] == 60
    assert "say how many times as fast" in wrong


def test_a_tabletop_holds_nothing(scene: Scene) -> None:
    scene.types(scene.linus, "drill break-glass partner=acme mode=tabletop lasts=45m")
    scene.posts(3)

    assert "tabletop, ends by itself at 12:45" in as_read(scene.top()[0])
    assert scene.shop.service.operations.incident(ADMIN, "DRILL-2026-0001")["holds"] == []


def test_a_live_drill_says_whom_it_touches(scene: Scene) -> None:
    """'No live access is touched' would be a lie: ghost partners' is."""
    change_catalog(scene.shop, lambda c: c["partners"]["acme"].update(ghost=True))
    scene.types(scene.ada, "drill break-glass partner=acme mode=live")
    scene.posts(3)
    read = as_read(scene.top()[0])

    assert read.count("on ghost partners: nobody real is touched") == 2
    assert "no live access is touched" not in read


def test_a_drill_is_beyond_doubt_at_both_ends(scene: Scene) -> None:
    """Nobody may take a rehearsal for the real thing, nor the other way round."""
    said = scene.types(scene.linus, "drill break-glass partner=acme").splitlines()

    assert "DRILL" in said[0]
    assert "DRILL" in said[-1]
    assert scene.types(scene.linus, "check acme orion-2:tool-use").startswith(":large_green_circle: *allowed*")


OF_A_DRILL = [
    "show latest", "list", "note latest seen", "update latest all deny", "ack latest", "take latest",
    "task latest 1 done", "assign latest comms <@U01GRACEG|grace>", "clocks latest", "postmortem latest",
    "status latest mitigated all good", "restore latest over", "task latest 99 done", "validate latest 9",
    "drill stop latest went through", "preview break-glass partner=acme kind=drill",
]  # fmt: skip


@pytest.mark.parametrize("line", OF_A_DRILL)
def test_every_answer_about_a_drill_says_so_at_both_ends(scene: Scene, line: str) -> None:
    """Also the smallest, also a refusal: nobody reads one line and runs."""
    scene.types(scene.linus, "drill break-glass partner=acme")
    answer = scene.ada.command(line).json
    read = as_read(answer).splitlines()

    assert "*DRILL*" in read[0]
    assert "*DRILL*" in read[-1]
    assert answer["text"].startswith("DRILL · ")
    assert answer["text"].endswith("(DRILL)")
    assert faults(answer["blocks"]) == []


def test_an_answer_about_a_real_incident_says_drill_nowhere(killed: Scene) -> None:
    assert "DRILL" not in killed.types(killed.ada, "show latest")


def test_a_kill_takes_whatever_is_pasted_behind_it(scene: Scene) -> None:
    """Two screens of a log are no reason to leave a partner on; they are kept as a note."""
    pasted = "their key is out\n" + "GET /v1/models 200\n" * 400
    said = scene.types(scene.linus, f"kill partner acme {pasted}")
    found = seen(scene)
    notes = [
        e.text["note"] for e in scene.shop.service.ledger.incident("INC-2026-0001") if e.kind == "incident:note:added"
    ]

    assert "acme revoked" in said
    assert found["summary"].startswith("their key is out")
    assert len(found["summary"]) <= 2_000
    assert notes == [pasted.strip()]


def test_a_kill_that_can_not_be_recorded_says_so_and_stops_the_grants(scene: Scene) -> None:
    """The one thing worse than a failing kill is one that seems to have worked."""
    scene.shop.service.ledger.close()

    said = scene.types(scene.linus, "kill partner acme leak")

    assert "could NOT be recorded" in said
    assert "every gateway denies everything" in said
    assert scene.shop.service.desk.blocked is not None


def test_a_kill_with_the_api_of_slack_hanging_is_answered_at_once(scene: Scene) -> None:
    """Nothing about Slack may stop the stop: no call to Slack is on the way of the answer."""
    with scene.slack.unreachable():
        said = scene.types(scene.linus, "kill partner acme leak")

    assert "declared* by Linus Berg" in said
    assert scene.slack.calls == []


def test_preview_changes_nothing_and_its_red_button_declares(scene: Scene) -> None:
    """See who goes dark first; then one press."""
    message = scene.linus.command("preview partner-credential-abuse partner=acme capability=orion-2:tool-use").json
    assert scene.types(scene.linus, "list").startswith("*Nothing is open.*")

    scene.linus.press(message, "Declare, switch it off", channel=scene.linus.channel)

    assert "INC-2026-0001" in scene.hears(scene.linus)
    assert "orion-2:tool-use switched off" in scene.types(scene.linus, "show latest")


def test_who_declared_from_anywhere_hears_that_it_is_contained(scene: Scene) -> None:
    """Typed in a channel where Andon may not even post: the answer's own address is enough."""
    scene.slack.workspace.add_channel("random", bot=False).members.add(scene.linus.user)
    scene.types(scene.linus, "kill partner acme leak", channel="random")
    scene.shop.clock.advance(17)
    scene.shop.service.cycle()

    assert "*Contained*" in scene.hears(scene.linus)
    assert scene.slack.workspace.channel("random").messages == []


# --- working --------------------------------------------------------------------------------------------------------


def test_the_verbs_work_an_incident_to_its_end(killed: Scene) -> None:
    """From command to closed, without leaving Slack."""
    say = killed.types
    killed.shop.clock.advance(20)
    killed.shop.service.cycle()
    assert "You are commander now" in say(killed.ada, "take latest")
    assert "Acknowledged" in say(killed.grace, "ack latest")
    assert "Noted at 11:59:00 UTC" in say(killed.linus, "note latest at=11:59 their mail")
    assert "update is posted" in say(killed.ada, "update latest gateways all deny")
    assert "Grace Lim is comms now" in say(killed.ada, "assign latest comms <@U01GRACEG|grace>")
    assert "Task 1 is done" in say(killed.linus, "task latest 1 done")
    assert "Task 2 is skipped" in say(killed.linus, "task latest 2 skip nobody to ask")
    assert "mitigated" in say(killed.ada, "status latest mitigated old key dead")
    assert "can't be resolved yet" in say(killed.ada, "status latest resolved all good")
    say(killed.grace, "restore latest new key issued")
    assert "waits for a decision" not in say(killed.ada, "approve latest")
    assert "is refused" in say(killed.ada, "refuse latest not attested yet")
    found = seen(killed)
    assert (found["status"], found["commander"]) == ("mitigated", "ada")
    assert [t["state"] for t in found["tasks"]][:2] == ["done", "skipped"]


def test_command_is_handed_over_only_when_it_is_accepted(killed: Scene) -> None:
    """Until the new one says yes, the old one has it."""
    killed.types(killed.ada, "take latest")

    offered = killed.types(killed.ada, "assign latest commander <@U01GRACEG|grace>")
    between = seen(killed)["commander"]
    killed.types(killed.grace, "take latest")

    assert "offered to <@U01GRACEG>" in offered
    assert (between, seen(killed)["commander"]) == ("ada", "grace")


def test_command_that_somebody_has_is_not_taken_by_accident(killed: Scene) -> None:
    """It says who has it, and how to take it over where they can't be reached."""
    killed.types(killed.ada, "take latest")

    said = killed.types(killed.grace, "take latest")

    assert "ada has command" in said
    assert "over WHY" in said
    assert "You are commander now" in killed.types(killed.grace, "take latest over Ada is on a plane")


def test_an_action_that_waits_is_carried_out_by_word(scene: Scene) -> None:
    """What the playbook leaves to a person."""
    scene.types(scene.linus, "declare partner-credential-abuse partner=acme model=orion-2")

    said = scene.types(scene.linus, "validate latest 4")

    assert "Action 4 is in force" in said
    assert "orion-2 rolled back to red-team" in scene.types(scene.linus, "show latest")


def test_clocks_facts_and_submissions_are_worked_in_slack(scene: Scene) -> None:
    """What is due, since when, and that it went out; by short names inside the incident."""
    scene.types(scene.linus, "declare partner-credential-abuse partner=acme")

    due = scene.types(scene.ada, "clocks latest")
    earlier = scene.types(scene.ada, "fact latest awareness at=09:00 the partner's mail")
    sent = scene.types(scene.ada, "submit latest gdpr-art33 case 4711 at the authority's portal")
    after = scene.types(scene.ada, "clocks latest")

    assert "26 Nov 12:00:00 UTC  Notification of the breach to the supervisory authority" in due
    assert "(`gdpr-art33.notify-authority`, commander)" in due
    assert "due 26 Nov 09:00:00 UTC" in earlier
    assert "is recorded as sent" in sent
    assert "gdpr-art33.notify-authority" not in after


def test_whoever_closes_it_says_in_slack_that_its_clocks_go_on(scene: Scene) -> None:
    """Refused with the very line that does it; nobody has to leave Slack to close an incident."""
    id = with_a_clock_left(scene.shop)

    refused = scene.types(scene.ada, f"status {id} closed over")
    closed = scene.types(scene.ada, f"status {id} closed clocks=go-on over")

    assert f"can't be closed yet: a clock is open ({id}.gdpr-art33.notify-authority)" in refused
    assert f"`/incident status {id} closed clocks=go-on WHY`" in refused
    assert "It is closed now" in closed
    assert seen(scene, id)["status"] == "closed"
    (line,) = [e for e in scene.shop.service.ledger.incident(id) if e.kind == "incident:life:closed"]
    assert line.data["clocks"] == [f"{id}.gdpr-art33.notify-authority"]


def test_a_clock_that_several_could_be_is_asked_for(scene: Scene) -> None:
    """A submission recorded on the wrong duty would be told to an authority."""
    scene.types(scene.linus, "declare partner-credential-abuse partner=acme")
    seen_before = seen(scene)["clocks"]

    none = scene.types(scene.ada, "submit latest gdpr case 4711")
    refused = scene.types(scene.linus, "submit latest gdpr-art33 case 4711")

    assert "Which clock?" in none
    assert "`gdpr-art33.notify-authority`" in none
    assert "needs the role 'commander'" in refused
    assert "Who can:" in refused
    assert seen(scene)["clocks"] == seen_before


def test_clocks_outside_an_incident_are_those_of_all(scene: Scene) -> None:
    """In the morning: what is due, whatever the incident."""
    scene.types(scene.linus, "declare partner-credential-abuse partner=acme")
    scene.types(scene.linus, "declare partner-credential-abuse partner=globex")

    said = scene.types(scene.ada, "clocks")

    assert "INC-2026-0001" in said
    assert "INC-2026-0002" in said


# --- never silence --------------------------------------------------------------------------------------------------


def test_a_line_without_its_incident_offers_the_open_ones(killed: Scene) -> None:
    """Typed in the wrong channel: the button does it on the right incident."""
    message = killed.linus.command("note called them").json

    killed.linus.press(message, "This one: INC-2026-0001", channel=killed.linus.channel)

    assert "Noted" in killed.hears(killed.linus)
    assert killed.kinds("INC-2026-0001").count("incident:note:added") == 1


def test_in_the_incidents_own_channel_the_id_is_left_out(killed: Scene) -> None:
    """And in the thread of its message a button means this incident."""
    killed.slack.workspace.add_channel("inc-1").members.add(killed.linus.user)
    room = killed.slack.workspace.channel("inc-1").id
    killed.shop.service.operations.record_room("INC-2026-0001", room, "inc-1")

    assert "Noted" in killed.types(killed.linus, "note called them", channel="inc-1")
    assert "INC-2026-0001" in killed.types(killed.linus, f"show <#{room}|inc-1>")


def test_a_closed_incident_says_how_to_go_on(killed: Scene) -> None:
    """Whoever comes late is told the way, not just no."""
    killed.shop.clock.advance(20)
    killed.shop.service.cycle()
    killed.types(killed.ada, "status latest false-alarm the key was a test key")

    said = killed.types(killed.linus, "task INC-2026-0001 1 done")

    assert "false-alarm" in said
    assert "status INC-2026-0001 reopened" in said or "status ID reopened" in said


ANSWERED = [
    ("", "Stop something now"),
    ("help", "Stop something now"),
    ("help kill", "For example"),
    ("hlep", "Did you mean 'help'?"),
    ("kill", "Kill what?"),
    ("kill partner acne leak", "Did you mean 'acme'?"),
    ("declare partner-credental-abuse", "Did you mean"),
    ("declare partner-credential-abuse", "'partner' is missing"),
    ("declare partner-credential-abuse partner=acne", "Did you mean 'acme'?"),
    ("show INC-2026-0009", "unknown incident"),
    ("status latest closed done", "can't be closed yet"),
    ("validate latest 9", "has no action 9"),
    ("task latest 99 done", "has no task 99"),
    ("approve latest", "waits for a decision"),
    ("approve INC-2026-0001-R9", "unknown restore request"),
    ("assign latest juggler grace", "unknown role"),
    ("assign latest comms <@U0STRANGER|who>", "nobody that Andon knows"),
    ("note latest at=tomorrow x", "is no time"),
    ("note latest at=2030-01-01T00:00Z x", "future"),
    ("check acme orion-2:flying", "unknown-capability"),
    ("list nothing-like-this", "Matching"),
]


@pytest.mark.parametrize(("line", "says"), ANSWERED, ids=[line or "nothing" for line, _ in ANSWERED])
def test_every_wrong_turn_gets_an_answer(killed: Scene, line: str, says: str) -> None:
    """Wrong channel, wrong word, wrong person, wrong moment: what is wrong, and what works."""
    assert says in killed.types(killed.ada, line)


def test_the_wrong_role_is_told_who_can(killed: Scene) -> None:
    """A refusal that names nobody leaves people alone at night."""
    said = killed.types(killed.linus, "restore latest please")

    assert "needs the role 'commander'" in said
    assert "Who can: <@U01ADAADA>, <@U01GRACEG>." in said


def test_every_answer_is_one_that_slack_takes(killed: Scene) -> None:
    """Ours and the fake's check of Slack's limits agree on every answer that these tests see."""
    long = "x" * 3000
    lines = ["help", "list", "show latest", "clocks latest", "clocks all", "postmortem latest", "declare", "link"]
    lines += [f"note latest {long}", f"declare break-glass partner=acme separate=yes {long}", "show latest", long]
    for line in lines:
        answer = killed.ada.command(line).json
        assert message_faults(answer["text"], answer.get("blocks", [])) == []
        assert faults(answer.get("blocks", [])) == []


def test_another_root_command_is_shown_as_it_is_called(scene: Scene) -> None:
    """Where /incident is taken, help must not tell people to type it."""
    with slack_scene(settings={"command": "/andon"}) as other:
        said = other.types(other.ada, "help kill", root="/andon")

    assert "`/andon kill partner acme" in said
    assert "/incident" not in said


def test_an_error_of_ours_is_answered_with_a_reference(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    """Slack would show its own line, and nobody would know what to look for in our log."""
    monkeypatch.setattr(scene.edge.console, "answer", lambda place, line: 1 / 0)

    assert "reference" in scene.types(scene.ada, "list")


# --- what goes on elsewhere -----------------------------------------------------------------------------------------


def test_slack_and_the_api_at_once_make_one_order_set(scene: Scene) -> None:
    """Two people, two surfaces, one kill."""
    ada = caller(scene.shop, scene.http, "commander", "ada")
    ada.post("kills", {"what": "partner", "name": "acme", "reason": "leak"})

    said = scene.types(scene.linus, "kill partner acme leak")

    assert "does that already" in said
    assert "Ada Okafor" in said
    assert scene.kinds("INC-2026-0001").count("access:hold:placed") == 1


def test_a_restricted_incident_is_unknown_to_others_in_slack(killed: Scene) -> None:
    """Whoever is not a member reads the same as for an incident that does not exist."""
    ada = killed.shop.person("ada", "commander")
    killed.types(killed.ada, "take latest")
    killed.shop.service.operations.set_visibility(ada, "INC-2026-0001", "restricted", "legal")

    assert "unknown incident" in killed.types(killed.grace, "show INC-2026-0001")
    assert "INC-2026-0001" not in killed.types(killed.grace, "list")
    assert "INC-2026-0001" in killed.types(killed.ada, "show INC-2026-0001")
