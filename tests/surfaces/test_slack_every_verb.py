"""
Every verb of the slash command in every wrong place, by every wrong person, with whatever a phone makes of it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest

from app import create_app
from incidents.slack.limits import message_faults
from incidents.slack.verbs import VERBS
from incidents.testing.slack_limits import faults
from incidents.testing.slack_person import SlackPerson
from incidents.testing.slack_reading import as_read
from tests.support.acting import change_catalog
from tests.support.slack import Scene, slack_scene

# A line for each verb that changes something or asks for an incident, on the incident that is put in.
ON_AN_INCIDENT = {
    "show": "show {}", "note": "note {} seen", "update": "update {} all deny", "ack": "ack {}",
    "status": "status {} mitigated the key is dead", "take": "take {}", "assign": "assign {} comms grace",
    "task": "task {} 1 done", "validate": "validate {} 4", "restore": "restore {} new key",
    "approve": "approve {}", "refuse": "refuse {} not yet", "stop": "stop {} errors are back", "clocks": "clocks {}",
    "fact": "fact {} awareness at=11:00 their mail", "submit": "submit {} gdpr-art33 case 4711",
    "postmortem": "postmortem {}",
}  # fmt: skip
OTHERS = {
    "help": "help", "list": "list", "kill": "kill partner globex leak", "link": "link",
    "declare": "declare partner-credential-abuse partner=globex", "check": "check acme orion-2:tool-use",
    "preview": "preview partner-credential-abuse partner=globex", "drill": "drill break-glass partner=globex",
}  # fmt: skip
READING = ("help", "list", "show", "check", "clocks", "postmortem", "preview", "link", "approve")

HOSTILE = {
    "smart quotes": "\u201cpartner\u201d \u2018acme\u2019 can\u2019t \u201e\u00ab",
    "hard blanks": "\u00a0\u202f\u2009\u3000partner\u00a0acme\u00a0",
    "emoji": "\U0001f525\U0001f6a8 :fire: \U0001f468\u200d\U0001f692 partner acme",
    "right to left": "\u202epartner\u202c \u05e9\u05dc\u05d5\u05dd \u0645\u0631\u062d\u0628\u0627 acme",
    "unseen": "\u200bpartner\u200d \ufeffacme\u00ad \x00\x07\x1b[31m",
    "broken marks": "<@> <#|> <!> <!channel> <@U999999|> <http://|> < > &amp; &lt;!here&gt; <@U1",
    "people nobody knows": "<@U0NOBODY12|ghost> <@W0NOBODY12> <!subteam^S123|@all> <!channel> <!here>",
    "channels": "<#C0NOWHERE1|nowhere> <#C0NOWHERE2> #incidents",
    "links": "<https://evil.example/?a=1&amp;b=2|acme> <mailto:a@b.c|a@b.c> <tel:+1>",
    "pairs": "partner==acme =acme partner= a=b=c at= only=, kind=\u201cdrill\u201d separate=maybe",
    "numbers": "INC-9999-999999 INC-2026-0001-R9999 99999999999999999999 -1 0 #0 \u0661\u0662 1e9",
    "lines": "partner acme\n\n\r\n\tsecond line\n> quoted\n```code```",
    "quotes": '"\'"\'"""\'\'\' partner "acme',
    "markup": "*bold* _it_ ~no~ `code` {{ 7*7 }} ${x} %s %n '; DROP TABLE event; --",
    "long": "partner acme " + "x" * 8_000,
    "many words": "acme " * 1_600,
    "a screen of emoji": "\U0001f525" * 1_000,
}


@pytest.fixture
def scene() -> Iterator[Scene]:
    with slack_scene() as made:
        made.shop.point("eu-1")
        yield made


@pytest.fixture
def two_open(scene: Scene) -> Scene:
    scene.types(scene.linus, "declare partner-credential-abuse partner=acme model=orion-2 first")
    scene.types(scene.linus, "kill partner initech second")
    return scene


def checked(who: SlackPerson, line: str) -> str:
    """What is read: never nothing, never a fault of ours, nothing that calls anybody, and Slack takes it."""
    answered = who.command(line)
    assert answered.status == 200, line
    said = answered.json
    read = as_read(said)
    assert read.strip(), line
    assert "Andon broke" not in read, f"{line!r}: {read}"
    assert message_faults(said["text"], said.get("blocks", [])) == [], line
    assert faults(said.get("blocks", [])) == [], line
    assert not re.search(r"<!|<@(?!U01ADAADA|U01GRACEG|U01LINUSL)", read + said["text"]), line
    return read


def newcomer(scene: Scene, id: str, user: str, *roles: str) -> SlackPerson:
    change_catalog(scene.shop, lambda c: c["people"].update({id: {"name": id, "slack": user, "roles": list(roles)}}))
    return scene.out.person(user, "#incidents")


def events(scene: Scene) -> int:
    return scene.shop.service.ledger.head().seq


def test_the_lines_are_of_every_verb() -> None:
    """A new verb gets its wrong turns tried as well."""
    assert {**ON_AN_INCIDENT, **OTHERS}.keys() == VERBS.keys()


def test_every_verb_has_help_and_shows_its_usage_on_nonsense(two_open: Scene) -> None:
    """Whoever has mistyped needs the right line, not a manual."""
    for name, verb in VERBS.items():
        assert verb.usage in checked(two_open.ada, f"help {name}").replace("&lt;", "<").replace("&gt;", ">")
        checked(two_open.ada, f"{name} \u00bf?")
        assert "Did you mean" in checked(two_open.ada, f"{name}x") or name in ("ack", "fact", "kill", "list", "link")


def test_a_viewer_is_told_who_can_and_changes_nothing(two_open: Scene) -> None:
    """Each verb that changes something asks for its role; who has it is named."""
    vera = newcomer(two_open, "vera", "U0VIEWER1", "viewer")
    two_open.types(two_open.grace, "restore INC-2026-0001 new key")
    before = events(two_open)
    for name, line in {**ON_AN_INCIDENT, **OTHERS}.items():
        read = checked(vera, line.format("INC-2026-0001"))
        if name not in (*READING, "stop"):  # nothing runs that could be stopped
            assert "the role" in read, f"{line}: {read}"
            assert "Who can: " in read, f"{line}: {read}"
    assert events(two_open) == before


def test_a_responder_is_told_which_commander_can(two_open: Scene) -> None:
    two_open.types(two_open.grace, "restore INC-2026-0001 new key")
    for name in ("restore", "refuse", "submit"):
        read = checked(two_open.linus, ON_AN_INCIDENT[name].format("INC-2026-0001"))
        assert "Who can: <@U01ADAADA>, <@U01GRACEG>." in read, read


def test_typed_where_no_incident_is_at_home_the_open_ones_are_offered(two_open: Scene) -> None:
    """Each with a button that does exactly that line there."""
    two_open.slack.workspace.add_channel("random").members.add(two_open.ada.user)
    for name, line in ON_AN_INCIDENT.items():
        answer = two_open.ada.command(line.replace(" {}", ""), channel="random").json
        read = as_read(answer)
        if name == "clocks":  # of all that is open
            assert read.count("|INC-2026-000") >= 2
            continue
        assert "[This one: INC-2026-0001]" in read, f"{line}: {read}"
        values = [str(b["accessory"]["value"]) for b in answer["blocks"] if "accessory" in b]
        assert f'"{line.format("INC-2026-0002")}"' in values[0], values


def test_what_is_too_long_for_a_button_is_not_cut_behind_ones_back(two_open: Scene) -> None:
    """Pressing would have written half of the note; and ten emoji count as ten."""
    two_open.slack.workspace.add_channel("random").members.add(two_open.ada.user)
    long = as_read(two_open.ada.command("note " + "x" * 2_500, channel="random").json)
    short = as_read(two_open.ada.command("note " + "\U0001f525" * 900, channel="random").json)

    assert "too long for a button" in long
    assert "[This one" not in long
    assert "[This one: INC-2026-0001]" in short


def test_an_incident_that_is_over_answers_every_verb_with_a_way(two_open: Scene) -> None:
    """Reading works; changing says how to go on."""
    two_open.shop.clock.advance(20)
    two_open.shop.service.cycle()
    two_open.types(two_open.ada, "status INC-2026-0001 false-alarm a test key")
    for name, line in ON_AN_INCIDENT.items():
        read = checked(two_open.ada, line.format("INC-2026-0001"))
        if name in ("ack", "status", "take", "assign", "task", "validate"):
            assert "status INC-2026-0001 reopened WHY" in read, f"{line}: {read}"


def test_an_incident_that_nobody_has_heard_of_is_said_to_be_unknown(scene: Scene) -> None:
    for line in ON_AN_INCIDENT.values():
        assert "unknown incident 'INC-2026-0404'" in checked(scene.ada, line.format("INC-2026-0404")), line


@pytest.mark.parametrize("what", HOSTILE)
def test_whatever_a_phone_or_a_paste_makes_of_it_every_verb_answers(two_open: Scene, what: str) -> None:
    """In a note it stays words; as an argument it gets its usage; nobody is called, nothing breaks."""
    for verb in VERBS:
        if verb in ("kill", "declare", "drill"):  # these would act on it: see below
            continue
        checked(two_open.ada, f"{verb} {HOSTILE[what]}")
        two_open.shop.clock.advance(30)
    checked(two_open.ada, HOSTILE[what])


@pytest.mark.parametrize("what", HOSTILE)
def test_a_kill_works_with_any_of_it_as_its_reason(scene: Scene, what: str) -> None:
    """Whatever somebody pastes behind it in the dark, the partner is off."""
    read = checked(scene.linus, f"kill partner acme {HOSTILE[what]}")

    assert "acme revoked" in read, read


def test_a_stranger_of_any_verb_gets_a_link_that_does_it_in_their_name(two_open: Scene) -> None:
    """Said once who one is, the very line is done: by the person, with the person's rights."""
    lines = {**ON_AN_INCIDENT, **OTHERS}
    people = {f"p{n}": {"name": f"P {n}", "roles": ["commander"]} for n in range(len(lines))}
    change_catalog(two_open.shop, lambda c: c["people"].update(people))
    for number, (name, line) in enumerate(lines.items()):
        typed = line.format("INC-2026-0001")
        stranger = two_open.out.person(f"U0NEW{number:04d}", "#incidents")
        said = checked(stranger, typed)
        assert "does not know this Slack account" in said
        page = linked(two_open, f"p{number}", said)
        assert (f"`/incident {typed}` is done in your name" in said) == (name != "link"), said
        assert "Andon broke" not in page
        assert "does not know this Slack account" not in checked(stranger, "list")
    by = {(e.kind, e.actor.person) for e in two_open.shop.service.ledger.read()}
    assert ("incident:note:added", f"p{list(lines).index('note')}") in by
    assert ("incident:life:declared", f"p{list(lines).index('kill')}") in by
    assert ("incident:role:taken", f"p{list(lines).index('take')}") in by
    assert ("restore:request:asked", f"p{list(lines).index('restore')}") in by


def linked(scene: Scene, person: str, said: str) -> str:
    """Their browser, signed in, opens the link and presses its button; the page that comes."""
    found = re.search(r"https://andon\.example(/link\?x=([\w.-]+))", said)
    assert found is not None, said
    browser: Any = create_app(service=scene.shop.service).test_client()
    browser.post("/login", data={"token": scene.shop.secret(f"{person}-token", "commander", person=person)})
    page = browser.get(found[1]).get_data(as_text=True)
    csrf = re.search(r'name="csrf" value="([^"]*)"><input type="hidden" name="x"', page)
    assert csrf is not None, page
    return str(browser.post("/link", data={"csrf": csrf[1], "x": found[2]}).get_data(as_text=True))
