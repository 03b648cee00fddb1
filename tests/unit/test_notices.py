"""Notices: drafted with what is known, approved by the exact text and by two people, sent once, filed by hand."""

from __future__ import annotations

from typing import Any

import pytest

from incidents.decisions import Asker, Decided
from incidents.decisions.owing import Owing
from incidents.errors import Conflicting, Forbidden, Invalid, Unknown
from incidents.events import SYSTEM
from incidents.notices import digest_of
from incidents.recipients import about, of_role
from incidents.testing import ADMIN, Workshop
from tests.support.acting import change_catalog, declare, kinds_of

TO_ACME = "roles: [commander]\nnotify:\n  - {to: partner:acme, template: partner-notice}\n"
TO_ALL = "roles: [commander]\nnotify:\n  - {to: partners:affected}\n"
REVOKE = "revoke-partner: {partner: acme}"


@pytest.fixture
def ada(shop: Workshop) -> Asker:
    return shop.person("ada", "commander")


@pytest.fixture
def grace(shop: Workshop) -> Asker:
    return shop.person("grace", "commander")


def drafted(shop: Workshop, *contain: str, more: str = TO_ACME, **what: Any) -> str:
    """An incident whose notices have their first text."""
    id = declare(shop, *(contain or (REVOKE,)), more=more, **what)
    shop.post()
    return id


def look(shop: Workshop, id: str) -> dict[str, Any]:
    return shop.service.operations.notice(ADMIN, id)


def approve(shop: Workshop, id: str, by: Asker, digest: str = "") -> dict[str, Any]:
    return shop.service.operations.approve_notice(by, id, digest or look(shop, id)["digest"]).body


def to_acme(mail: Any) -> list[Any]:
    return [letter for address, letter in mail.letters if address.value == "security@acme.example"]


# --- the text ---------------------------------------------------------------------------------------------------------


def test_a_draft_says_what_concerns_the_partner_and_names_what_it_does_not_know(shop: Workshop) -> None:
    """Nothing is blank, and nothing is claimed that is not proven."""
    found = look(shop, f"{drafted(shop, REVOKE)}-N1")

    assert found["state"] == "waits for approval"
    assert "- tool-use on orion-2: all your access is revoked" in found["body"]
    assert "Proven at our gateways: unknown: not every gateway has confirmed it yet" in found["body"]
    assert "unknown: ANDON_ORGANISATION is not set" in found["body"]
    assert found["digest"] == digest_of(found["subject"], found["body"])


def test_a_partner_reads_nothing_of_others_and_no_incidents_name(shop: Workshop) -> None:
    """Neither another partner's name, nor a flag that it has no grant for, nor how we call the incident."""
    id = drafted(
        shop, REVOKE, "revoke-partner: {partner: globex}", "halt-model: {model: vega-1}", more=TO_ALL,
        parameters={"why": "globex's engineer sold the key"},
    )  # fmt: skip
    texts = {n["to"]: n["subject"] + n["body"] for n in shop.service.operations.notices(ADMIN, id)["notices"]}

    assert set(texts) == {"partner:acme", "partner:globex", "partner:initech"}
    others = {"acme": ("Acme", "acme"), "globex": ("Globex", "globex"), "initech": ("Initech", "initech")}
    for to, text in texts.items():
        partner = to.partition(":")[2]
        for other, names in others.items():
            assert (other == partner) == any(name in text for name in names), (to, other)
        assert id not in text
        assert "sold the key" not in text
    assert "fine-tuning on vega-1" in texts["partner:globex"]
    assert "fine-tuning" not in texts["partner:initech"]
    references = {text.split("reference ")[1][:10] for text in texts.values()}
    assert len(references) == 3


def test_a_partner_that_a_later_action_concerns_gets_its_own_notice_and_nobody_a_second(shop: Workshop) -> None:
    """An action that waited for a word is validated after an hour; globex goes dark then."""
    id = drafted(shop, REVOKE, "{revoke-partner: {partner: globex}, after: validated}", more=TO_ALL)
    assert [n["to"] for n in shop.service.operations.notices(ADMIN, id)["notices"]] == ["partner:acme"]
    shop.service.operations.validate(ADMIN, id, 2)
    shop.post()

    assert [n["to"] for n in shop.service.operations.notices(ADMIN, id)["notices"]] == [
        "partner:acme",
        "partner:globex",
    ]


def test_many_partners_are_written_to_in_several_appends(shop: Workshop) -> None:
    """A kill must not wait behind two hundred and fifty drafts."""
    partners = "".join(f"  p{n}: {{audience: internal}}\n" for n in range(250))
    grants = "".join(
        f"  - {{partner: p{n}, model: orion-2, capability: tool-use, terms: accepted}}\n" for n in range(250)
    )
    shop.service.operations.apply_catalog(ADMIN, f"partners:\n{partners}grants:\n{grants}", "c.yaml")
    id = drafted(shop, "halt-model: {model: orion-2}", more=TO_ALL)

    events = shop.service.ledger.incident(id)
    written = [e for e in events if e.kind == "notice:draft:written"]
    assert len(written) == 250
    assert len({e.data["notice"] for e in written}) == 250
    assert [len(e.data["partners"]) for e in events if e.kind == "notice:draft:shared-out"] == [250]


def test_a_template_that_went_away_leaves_a_draft_that_says_so(shop: Workshop) -> None:
    """A person can still write it; a silent nothing could not be seen."""
    id = drafted(shop, REVOKE, more="roles: [commander]\nnotify:\n  - {to: partner:acme, template: gone}\n")

    assert look(shop, f"{id}-N1")["body"] == "unknown: there is no such template any more\n"


# --- approval ---------------------------------------------------------------------------------------------------------


def test_a_partner_is_told_by_two_people_and_exactly_once(shop: Workshop, ada: Asker, grace: Asker) -> None:
    """The second approval is what owes it, in the same append, and what leaves is the text that both have read."""
    mail = shop.channel("email")
    notice = f"{drafted(shop)}-N1"
    assert approve(shop, notice, ada)["approvals_left"] == 1
    shop.post()
    assert to_acme(mail) == []

    assert approve(shop, notice, grace)["approvals_left"] == 0
    shop.post()
    shop.post()
    (letter,) = to_acme(mail)
    found = look(shop, notice)
    assert (letter.subject, letter.body) == (found["subject"], found["body"])
    assert (found["state"], found["approved_by"]) == ("sent", ["ada", "grace"])
    assert found["message"]["evidence"] == f"email-{letter.id}"


def test_the_same_person_is_not_the_second_not_even_with_another_token(shop: Workshop, ada: Asker) -> None:
    """As for restores: the rule looks at the person, and the attempt is in the log."""
    id = drafted(shop)
    approve(shop, f"{id}-N1", ada)
    for token in ("admin", "commander"):
        with pytest.raises(Forbidden, match=r"ada has approved .* already; another person approves it"):
            approve(shop, f"{id}-N1", shop.person("ada", token))

    assert kinds_of(shop, id).count("notice:approval:denied") == 2


def test_a_token_that_the_first_made_is_not_the_second(shop: Workshop, ada: Asker, grace: Asker) -> None:
    """Nor the other way round: somebody whose token was made by the second has had their hand lent."""
    from incidents.decisions import access

    id = drafted(shop)
    boss = shop.person("ada", "admin")
    request = access.CreateToken(name="puppet", role="commander", person="grace")
    _, secret = shop.service.operations.create_token(boss, request)
    puppet = shop.credential(secret or "").asker("api")
    approve(shop, f"{id}-N1", ada)
    with pytest.raises(Forbidden, match="this token goes back to ada"):
        approve(shop, f"{id}-N1", puppet)

    other = drafted(shop)
    approve(shop, f"{other}-N1", puppet)
    with pytest.raises(Forbidden, match="with a token that goes back to ada; a third person"):
        approve(shop, f"{other}-N1", ada)


def test_nobody_without_a_name_or_the_right_approves(shop: Workshop) -> None:
    """A machine can't be asked why, and a responder may not speak for the house."""
    id = drafted(shop)
    with pytest.raises(Forbidden, match="belongs to a person"):
        approve(shop, f"{id}-N1", ADMIN)
    with pytest.raises(Forbidden, match="needs the role 'commander'"):
        approve(shop, f"{id}-N1", shop.person("linus", "responder"))


def test_one_of_those_who_approve_has_the_role_that_the_playbook_names(
    shop: Workshop, ada: Asker, grace: Asker
) -> None:
    """Two commanders are not a lawyer."""
    more = "roles: [legal]\nnotify:\n  - {to: partner:acme, template: partner-notice, approval: legal}\n"
    change_catalog(shop, lambda c: c["people"].update(vera={"roles": ["commander"], "duties": ["legal"]}))
    id = drafted(shop, more=more)
    approve(shop, f"{id}-N1", ada)
    with pytest.raises(Forbidden, match="approved by a legal at last; grace is none"):
        approve(shop, f"{id}-N1", grace)

    assert approve(shop, f"{id}-N1", shop.person("vera", "commander"))["approvals_left"] == 0


def test_an_approval_of_a_text_that_was_changed_meanwhile_does_not_count(
    shop: Workshop, ada: Asker, grace: Asker
) -> None:
    """Whoever approved the first has not read the second."""
    mail = shop.channel("email")
    notice = f"{drafted(shop)}-N1"
    old = look(shop, notice)["digest"]
    approve(shop, notice, ada)
    shop.service.operations.write_notice(shop.person("linus", "responder"), notice, "Shorter", "Call us.\n")
    with pytest.raises(Conflicting, match="read it again") as caught:
        approve(shop, notice, grace, old)
    assert caught.value.code == "text-changed"
    assert approve(shop, notice, grace)["approvals_left"] == 1  # Ada's is void
    approve(shop, notice, ada)
    shop.post()

    (letter,) = to_acme(mail)
    assert (letter.subject, letter.body) == ("Shorter", "Call us.\n")


def test_writing_the_same_text_again_voids_nothing(shop: Workshop, ada: Asker) -> None:
    """A form pressed twice must not take an approval away."""
    notice = f"{drafted(shop)}-N1"
    found = look(shop, notice)
    approve(shop, notice, ada)
    reply = shop.service.operations.write_notice(ada, notice, found["subject"], found["body"])

    assert (reply.body["already"], look(shop, notice)["approved_by"]) == (True, ["ada"])


def test_an_entry_of_our_own_needs_one_approval_by_its_role(shop: Workshop, ada: Asker) -> None:
    """Two people are for those outside."""
    slack = shop.channel("slack")
    more = "roles: [commander]\nnotify:\n  - {to: slack:#all-hands, template: declared, approval: commander}\n"
    notice = f"{drafted(shop, more=more)}-N1"
    assert "#all-hands" not in {address.value for address, _ in slack.letters}
    assert approve(shop, notice, ada)["approvals_left"] == 0
    shop.post()

    assert "#all-hands" in {address.value for address, _ in slack.letters}


def test_a_text_that_was_redacted_after_its_approval_is_not_sent(shop: Workshop, ada: Asker, grace: Asker) -> None:
    """What people agreed to is gone; nothing else may go out in its name."""
    mail = shop.channel("email")
    id = drafted(shop)
    with shop.service.desk.read() as state:
        seq = state.incidents[id].drafts[f"{id}-N1"].text_seq or 0
    approve(shop, f"{id}-N1", ada)
    approve(shop, f"{id}-N1", grace)
    ledger = shop.service.ledger
    ledger.append([], actor=SYSTEM, now=shop.clock.now(), expected=ledger.head().seq, redact=[seq])
    shop.post()

    assert to_acme(mail) == []
    assert look(shop, f"{id}-N1")["state"] == "failed"


# --- no ---------------------------------------------------------------------------------------------------------------


def test_a_refused_notice_is_not_sent_and_says_why(shop: Workshop, ada: Asker, grace: Asker) -> None:
    """No means no, with a reason that the review will read."""
    notice = f"{drafted(shop)}-N1"
    with pytest.raises(Invalid, match="a reason is needed"):
        shop.service.operations.refuse_notice(ada, notice, " ")
    shop.service.operations.refuse_notice(ada, notice, "told on the telephone")

    for act in (
        lambda: approve(shop, notice, grace),
        lambda: shop.service.operations.write_notice(ada, notice, "a", "b"),
    ):
        with pytest.raises(Conflicting, match="is refused already, by ada"):
            act()


def test_a_false_alarm_withdraws_what_still_waits(shop: Workshop, ada: Asker) -> None:
    """What it was going to say is not so."""
    id = drafted(shop)
    shop.service.operations.move(ada, id, "false-alarm", reason="a test key")

    assert look(shop, f"{id}-N1")["state"] == "refused"


@pytest.mark.parametrize(
    ("subject", "body"), [("", "x"), ("two\nlines", "x"), ("x" * 201, "x"), ("x", " "), ("x", "y" * 20_001)]
)
def test_a_text_that_cannot_be_sent_is_refused(shop: Workshop, ada: Asker, subject: str, body: str) -> None:
    """The message names the field and what it takes."""
    notice = f"{drafted(shop)}-N1"
    with pytest.raises(Invalid) as caught:
        shop.service.operations.write_notice(ada, notice, subject, body)
    assert caught.value.errors


def test_an_unknown_notice_is_named_with_the_nearest(shop: Workshop, ada: Asker) -> None:
    """A slip of the finger is one keystroke away."""
    id = drafted(shop)
    with pytest.raises(Unknown, match=f"Did you mean '{id}-N1'?"):
        approve(shop, f"{id}-N7", ada, "x")


# --- by hand ----------------------------------------------------------------------------------------------------------


def owe_authority(shop: Workshop, id: str) -> str:
    """A notice to an authority that no clock has asked for."""

    def decide(state: Any, now: Any) -> Decided:
        owing = Owing(state, SYSTEM, now)
        on = about(state.incidents[id])
        owing.notice(on, to="authority:dpa-ie", template="authority-notice", approval="commander")
        return Decided(owing.drafts)

    shop.service.desk.submit(decide, actor=SYSTEM)
    shop.post()
    with shop.service.desk.read() as state:
        return list(state.incidents[id].drafts)[-1]


def test_an_authority_is_never_written_to_by_a_machine(shop: Workshop, ada: Asker, grace: Asker) -> None:
    """Approved by two, it is a document; what counts is the receipt that a person records."""
    channels = [shop.channel(name) for name in ("email", "slack", "webhook")]
    id = declare(shop, REVOKE)
    shop.post()
    before = [len(channel.letters) for channel in channels]
    notice = owe_authority(shop, id)
    told = [len(channel.letters) for channel in channels]
    assert "1. What happened" in look(shop, notice)["body"]
    assert "1 partner" in look(shop, notice)["body"]
    with pytest.raises(Conflicting, match="approve it before anybody is told"):
        shop.service.operations.receipt_notice(ada, notice, "filed")
    approve(shop, notice, ada)
    approve(shop, notice, grace)
    shop.post()
    assert look(shop, notice)["state"] == "approved, to be filed by hand"
    assert [len(channel.letters) for channel in channels] == told
    assert before != told  # whoever may approve was asked to

    shop.service.operations.receipt_notice(ada, notice, "portal, case 4711", "2026-11-23T11:59:00Z")
    found = look(shop, notice)
    assert (found["state"], found["receipt"], found["settled_by"]) == ("filed by hand", "portal, case 4711", "ada")
    assert found["settled_at"] == "2026-11-23T11:59:00.000Z"
    with pytest.raises(Conflicting, match="has a receipt already"):
        shop.service.operations.receipt_notice(ada, notice, "again")


def test_a_partner_that_no_channel_reaches_is_told_by_hand(shop: Workshop, ada: Asker, grace: Asker) -> None:
    """A dead letter ends when somebody has picked up the telephone, and says how that is known."""
    notice = f"{drafted(shop)}-N1"
    approve(shop, notice, ada)
    approve(shop, notice, grace)
    shop.post()
    assert look(shop, notice)["state"] == "failed"
    shop.service.operations.receipt_notice(grace, notice, "read to Ms Ito on +81 3 ...")

    assert look(shop, notice)["state"] == "told by hand"
    assert [r for r in shop.service.operations.messages(ADMIN)["items"] if r["notice"]] == []


# --- who is told ------------------------------------------------------------------------------------------------------


def test_for_a_role_its_holder_is_told_then_the_duty_then_whoever_may_command(shop: Workshop, ada: Asker) -> None:
    """A message that finds no reader would be the worst of all; whoever stands in reads why."""
    id = declare(shop, REVOKE, more="roles: [comms]\n")

    def readers() -> tuple[tuple[str, ...], str]:

        with shop.service.desk.read() as state:
            found = of_role(state, about(state.incidents[id]), "comms")
            return found.people, found.instead

    assert readers() == (("ada", "grace"), "comms")
    shop.service.operations.role(ada, id, "commander", "take")
    assert readers() == (("ada",), "comms")
    change_catalog(shop, lambda c: c["people"]["linus"].update(duties=["comms"]))
    assert readers() == (("linus",), "")
    shop.service.operations.role(shop.person("grace", "commander"), id, "comms", "take")
    assert readers() == (("grace",), "")


def test_of_a_restricted_incident_only_insiders_are_told(shop: Workshop, ada: Asker) -> None:
    """No place, and nobody by role who is not a member."""
    mail, slack = shop.channel("email"), shop.channel("slack")
    body = {"playbook": "partner-credential-abuse", "parameters": {"partner": "acme"}, "visibility": "restricted"}
    id = shop.service.operations.declare(shop.person("linus", "responder"), body).body["id"]
    for _ in range(40):
        shop.post()
        shop.clock.advance(600)
    told = {address.value for address, _ in (*mail.letters, *slack.letters)}

    assert told == {"U01LINUSL", "linus@example.com"}
    entries = {
        e["to"]: e["state"] for e in shop.service.operations.notices(shop.person("linus", "responder"), id)["entries"]
    }
    assert entries["slack:#incidents"] in ("withheld: the incident is restricted", "not yet owed")
    with pytest.raises(Unknown):
        shop.service.operations.notices(shop.person("grace", "commander"), id)
    shown = shop.service.operations.messages(shop.person("grace", "commander"), state="owed")["items"]
    assert [row for row in shown if row["incident"] == id] == []
