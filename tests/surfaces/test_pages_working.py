"""
Working an incident on its page: who is offered what, what each form does, and that nothing which was typed is lost.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from html import unescape
from html.parser import HTMLParser
from typing import Any

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from incidents.clock import rfc3339
from incidents.decisions.tasks import NewTask
from incidents.testing import Workshop
from tests.support.acting import (
    contain,
    declare,
    kinds_of,
    lived,
    meet_exits,
    review,
    settle_tasks,
    standing,
    with_a_clock_left,
)
from tests.surfaces.test_pages import HOSTILE, form_token, sign_in, words

ROLES = {"ada": "commander", "grace": "commander", "linus": "responder", "wall": "viewer"}


@dataclass
class Person:
    """Somebody at the page of one incident."""

    http: FlaskClient
    shop: Workshop
    name: str
    id: str

    @property
    def headers(self) -> dict[str, str]:
        person = self.name if self.name != "wall" else None
        return self.shop.headers(self.shop.secret(f"{self.name}-{ROLES[self.name]}", ROLES[self.name], person=person))

    def page(self, query: str = "") -> str:
        answer = self.http.get(f"/incidents/{self.id}{query}", headers=self.headers)
        assert answer.status_code == 200
        return answer.text

    def send(self, path: str, **fields: str) -> TestResponse:
        fields.setdefault("once", secrets.token_hex(8))
        return self.http.post(f"/incidents/{self.id}/{path}", headers=self.headers, data=fields)

    def card(self, part: str) -> str:
        return piece(self.page(), part)


def piece(page: str, part: str) -> str:
    """The HTML of one card."""
    return page.split(f'data-part="{part}"')[1].split("data-part=")[0]


def said(page: str, part: str) -> str:
    return unescape(words(f"<main {piece(page, part)}"))


def form(page: str, key: str) -> str:
    """The HTML of the form with that key."""
    return page.split(f'data-form="{key}"')[1].split("</form>")[0]


def forms(page: str) -> set[str]:
    return set(re.findall(r'data-form="([^"]+)"', page))


@pytest.fixture
def at(http: FlaskClient, shop: Workshop) -> Any:
    """``at("ada", id)``: Ada at the page of that incident."""
    return lambda name, id: Person(http, shop, name, id)


def noted(shop: Workshop, id: str, text: str = "They called at one.", by: str = "linus", **more: Any) -> int:
    who = shop.person(by, ROLES[by])
    return int(shop.service.operations.note(who, id, text, **more).body["seq"])


# --- who is offered what ----------------------------------------------------------------------------------------------


def test_viewer_is_offered_no_form_and_told_who_may(at: Any, shop: Workshop) -> None:
    """
    A button that is refused when it is pressed wastes the one minute in which somebody would have been called.
    """
    id = lived(shop)
    noted(shop, id)
    page = at("wall", id).page()
    assert forms(page) == set()
    for part, line in (
        ("life", "Working on it takes the role responder"),
        ("tasks", "Working on tasks takes the role responder"),
        ("lines", "Writing takes the role responder"),
    ):
        assert line in said(page, part)


def test_responder_is_offered_what_responders_may(at: Any, shop: Workshop) -> None:
    """
    Mitigating, judging, notes and tasks; and a line that says whom it takes for the rest.
    """
    id = lived(shop)
    page = at("linus", id).page()
    offered = forms(page)
    assert {"status-mitigated", "exit-1", "severity", "note", "update", "task-1-done", "task-new"} <= offered
    assert not {"status-resolved", "status-false-alarm", "status-merged", "role-commander-take"} & offered
    assert "Resolving, closing, false alarms and merging are for commanders" in said(page, "life")
    assert "Taking command takes the role commander" in said(page, "people")
    assert 'value="sev1"' in form(page, "severity")
    assert 'value="sev3"' not in form(page, "severity")


def test_commander_is_offered_the_rest_and_one_button_before_all_others(at: Any, shop: Workshop) -> None:
    """
    What comes next stands out; everything else is there, folded.
    """
    id = lived(shop, "met")
    at("ada", id).send("status", to="mitigated")
    page = at("ada", id).page()
    assert {"status-resolved", "status-reopened", "status-false-alarm", "role-commander-take"} <= forms(page)
    assert re.findall(r'class="button primary">([^<]+)', piece(page, "life")) == ["Resolve"]


def test_next_step_says_what_stands_against_it_instead_of_offering_it(at: Any, shop: Workshop) -> None:
    """
    The reasons come before the attempt.
    """
    id = lived(shop, "resolved")
    page = at("ada", id).page()
    assert "status-closed" not in forms(page)
    life = said(page, "life")
    assert "Before it is closed: 3 things" in life
    assert "Its review has no owner" in life
    assert "Task 1 is open: do it, skip it with a reason, or make it a follow-up" in life
    assert "It becomes reviewed when its review is published" in life


def test_whoever_closes_it_says_that_what_is_owed_to_others_goes_on(at: Any, shop: Workshop) -> None:
    """
    The duties stand where the button is: nobody closes them by the way, and nobody has to look for them.
    """
    id = with_a_clock_left(shop)
    ada = at("ada", id)
    asked = unescape(words(f"<main {form(ada.page(), 'status-closed')}"))
    assert "1 duty is owed still" in asked
    assert "Lead supervisory authority: due" in asked

    refused = ada.send("status", to="closed", reason="over")
    assert refused.status_code == 409
    assert "a clock is open" in words(refused.text)
    assert 'name="clocks_go_on"' in form(refused.text, "status-closed")
    ada.send("status", to="closed", reason="over", clocks_go_on="1")
    assert "It has ended as closed" in said(ada.page(), "life")


def test_ended_incident_offers_to_reopen_it_and_to_follow_up(at: Any, shop: Workshop) -> None:
    """
    Nothing else can be done to it, and what stands still is said.
    """
    id = lived(shop, "closed")
    page = at("linus", id).page()
    assert {"status-reopened", "task-new", "note"} <= forms(page)
    assert not {"severity", "exit-1", "role-scribe-take"} & forms(page)
    assert "It has ended as closed . 1 hold stands still." in said(page, "life")
    assert "Add a follow-up" in piece(page, "tasks")


def test_who_is_reachable_how_is_for_those_who_respond(at: Any, shop: Workshop) -> None:
    """
    Addresses are for people who have to ring somebody, not for everybody who may look.
    """
    id = lived(shop)
    shop.service.operations.role(shop.person("ada", "commander"), id, "commander", "take")
    assert "ada@example.com" in at("linus", id).card("people")
    assert "mailto:grace@example.com" in at("linus", id).card("people").split('id="others"')[1]
    seen = at("wall", id).page()
    assert "ada@example.com" not in seen
    assert "U01ADAADA" in piece(seen, "people")


# --- what the forms do ------------------------------------------------------------------------------------------------


def test_incident_is_worked_to_its_end_by_forms_alone(at: Any, shop: Workshop) -> None:
    """
    Each answers with the page at the card it came from, saying what was done.
    """
    id = lived(shop)
    ada, grace, linus = at("ada", id), at("grace", id), at("linus", id)
    for who, path, fields, kind, where in (
        (linus, "acknowledgement", {}, "life:acknowledged", "said=acknowledged#life"),
        (ada, "roles", {"role": "commander", "act": "take"}, "role:taken", "said=taken#people"),
        (
            ada,
            "roles",
            {"role": "commander", "act": "assign", "person": "Grace Lim"},
            "role:offered",
            "said=offered#people",
        ),
        (grace, "roles", {"role": "commander", "act": "take"}, "role:taken", "said=taken#people"),
        (linus, "roles", {"role": "scribe", "act": "assign", "person": "ada"}, "role:taken", "said=given#people"),
        (linus, "severity", {"severity": "sev1", "reason": "worse"}, "severity:set", "said=severity#life"),
        (linus, "tasks", {"title": "Ring them", "owner": "ada", "due": "2h"}, "task:added", "said=task-added#tasks"),
        (
            linus,
            "tasks/2",
            {"owner": "linus", "due": "3d", "follow_up": "1"},
            "task:changed",
            "said=task-changed#task-2",
        ),
        (linus, "tasks/1/state", {"to": "done"}, "task:settled", "said=task-done#task-1"),
        (linus, "updates", {"text": "Quiet.", "next": "30m"}, "update:posted", "said=updated#what-happened"),
        (linus, "status", {"to": "mitigated"}, "life:mitigated", "said=mitigated#life"),
        (linus, "exit/1", {"met": "1", "reason": "none since"}, "exit:judged", "said=judged#life"),
        (linus, "exit/2", {"met": "1", "reason": "rotated"}, "exit:judged", "said=judged#life"),
        (grace, "status", {"to": "resolved", "reason": "key gone"}, "life:resolved", "said=resolved#life"),
    ):
        known = len(kinds_of(shop, id))
        answer = who.send(path, **fields)
        assert (answer.status_code, answer.headers["Location"]) == (303, f"/incidents/{id}?{where}"), answer.text
        assert kinds_of(shop, id)[known] == f"incident:{kind}"
        assert 'role="status"' in who.page(f"?{where.partition('#')[0]}")
    review(shop, id)
    assert grace.send("status", to="closed", reason="done").status_code == 303
    assert standing(shop, id).status == "closed"
    assert standing(shop, id).tasks[2].owner == "linus"


def test_form_of_a_signed_in_person_needs_the_pages_own_token(http: FlaskClient, shop: Workshop) -> None:
    """
    Another site must not work an incident with somebody's session.
    """
    id = lived(shop)
    sign_in(http, shop.secret("linus-responder", "responder", person="linus"))
    page = http.get(f"/incidents/{id}").text
    fields = {"to": "mitigated", "once": "a1"}
    assert http.post(f"/incidents/{id}/status", data=fields).status_code == 403
    assert http.post(f"/incidents/{id}/status", data=fields | {"csrf": form_token(page)}).status_code == 303
    assert kinds_of(shop, id).count("incident:life:mitigated") == 1


def test_form_pressed_twice_is_one_line(at: Any, shop: Workshop) -> None:
    """
    A slow answer makes people press again.
    """
    linus = at("linus", lived(shop))
    answers = [linus.send("updates", text="Quiet.", next="30m", once="b2") for _ in range(2)]
    assert [a.status_code for a in answers] == [303, 303]
    assert kinds_of(shop, linus.id).count("incident:update:posted") == 1


def test_offer_is_accepted_or_declined_where_it_is_read(at: Any, shop: Workshop) -> None:
    """
    Whoever is asked sees it first thing on the card, with both answers beside it.
    """
    id = lived(shop)
    at("ada", id).send("roles", role="commander", act="take")
    at("ada", id).send("roles", role="commander", act="assign", person="grace")
    page = at("grace", id).page()
    assert "You are asked to take command." in said(page, "people")
    assert (
        "Accept command" in piece(page, "people").split('class="button primary"')[0] or 'class="primary">Accept' in page
    )
    assert "Offered to Grace Lim, who has not accepted yet." in said(at("ada", id).page(), "people")
    assert at("grace", id).send("roles", role="commander", act="decline").status_code == 303
    assert standing(shop, id).commander == "ada"


def test_command_is_taken_over_with_a_reason_in_a_place_of_its_own(at: Any, shop: Workshop) -> None:
    """
    Folded away and red, because it is for when nobody answers.
    """
    id = lived(shop)
    at("ada", id).send("roles", role="commander", act="take")
    page = at("grace", id).page()
    assert "role-commander-take" not in forms(page)
    assert 'class="danger"' in form(page, "role-commander-force")
    refused = at("grace", id).send("roles", role="commander", act="take", force="1", reason="")
    assert refused.status_code == 422
    assert "taking command over needs a reason" in words(refused.text)
    assert at("grace", id).send("roles", role="commander", act="take", force="1", reason="no answer").status_code == 303
    assert standing(shop, id).commander == "grace"


def test_restricted_note_is_offered_to_members_and_read_by_them_alone(at: Any, shop: Workshop) -> None:
    """
    Whoever is no member could not read their own note afterwards.
    """
    id = lived(shop)
    assert 'name="restricted"' in form(at("linus", id).page(), "note")
    assert 'name="restricted"' not in form(at("ada", id).page(), "note")
    assert at("linus", id).send("notes", text="It was Mr X.", restricted="1").status_code == 303
    assert "It was Mr X." in at("linus", id).page()
    seen = at("ada", id).page()
    assert "It was Mr X." not in seen
    assert "A note for members of the incident" in words(seen)


def test_people_are_let_in_and_out_and_the_incident_restricted(at: Any, shop: Workshop) -> None:
    """
    The card says why each of them is in, and offers to take out only those whom that takes out.
    """
    id = lived(shop)
    linus = at("linus", id)
    assert linus.send("members", add="Grace Lim").status_code == 303
    assert linus.send("visibility", visibility="restricted", reason="a named person").status_code == 303
    life = said(linus.page(), "life")
    assert "Restricted: the people below see it" in life
    assert "Linus Berg declared it" in life
    assert "Grace Lim was added" in life
    assert piece(linus.page(), "life").count(">Take out<") == 1
    assert at("ada", id).http.get(f"/incidents/{id}", headers=at("ada", id).headers).status_code == 404
    assert linus.send("members", remove="grace").status_code == 303
    assert standing(shop, id).members == []


def test_line_is_pinned_corrected_and_redacted_on_the_page_it_stands_on(at: Any, shop: Workshop) -> None:
    """
    A line among hundreds stays on the page: also when it is refused, also afterwards.
    """
    id = lived(shop)
    seq = noted(shop, id)
    for n in range(60):
        noted(shop, id, f"more {n}")
    linus, ada = at("linus", id), at("ada", id)
    assert f'id="line-{seq}"' not in linus.page()
    assert f"lines/{seq}/correction?line={seq}" in linus.page(f"?line={seq}")

    refused = linus.send(f"lines/{seq}/correction?line={seq}", text="They called at two.", reason="")
    assert refused.status_code == 422
    assert "They called at two." in form(refused.text, f"line-{seq}-correct")
    done = linus.send(f"lines/{seq}/correction?line={seq}", text="They called at two.", reason="clock")
    assert done.headers["Location"] == f"/incidents/{id}?said=corrected&line={seq}#line-{seq}"
    after = linus.page(f"?line={seq}")
    assert "It read They called at one." in words(after)
    assert linus.send(f"lines/{seq}/pin?line={seq}", pinned="1").status_code == 303
    assert "No key moment any more" in form(linus.page(f"?line={seq}"), f"line-{seq}-pin")
    assert f"line-{seq}-redact" not in forms(after)
    assert ada.send(f"lines/{seq}/redaction?line={seq}", reason="a number").status_code == 303
    assert "They called at two." not in ada.page(f"?line={seq}")


def test_correcting_only_the_time_leaves_the_words(at: Any, shop: Workshop) -> None:
    """
    The words stand in the form already; sent back unchanged they are no correction of the words.
    """
    id = lived(shop)
    seq = noted(shop, id, "one\ntwo")
    shop.clock.advance(3600)
    linus = at("linus", id)
    at_ = rfc3339(shop.clock.now())[:16]
    assert linus.send(f"lines/{seq}/correction", text="one\r\ntwo", at=at_, reason="later").status_code == 303
    event = shop.service.ledger.incident(id)[-1]
    assert event.data["at"].startswith(at_)
    assert event.text == {"reason": "later"}
    refused = linus.send(f"lines/{seq}/correction", text="one\r\ntwo", at="", reason="later")
    assert "a correction gives another time or other words" in words(refused.text)


def test_moment_of_the_life_is_retimed_and_evidence_is_not_offered(at: Any, shop: Workshop) -> None:
    """
    A step that was told late can be put right; what the machine saw can't.
    """
    id = lived(shop)
    at("linus", id).send("status", to="mitigated")
    moments = standing(shop, id).moments
    page = at("ada", id).page()
    assert f"line-{moments['mitigated'].seq}-correct" in forms(page)
    assert f"line-{moments['contained'].seq}-correct" not in forms(page)
    assert f"line-{moments['contained'].seq}-pin" in forms(page)


def test_action_owed_outside_is_called_done_or_declined(at: Any, shop: Workshop) -> None:
    """
    Until a connector does it a person does, and the page lets them say so.
    """
    id = declare(
        shop, "call: {connector: mlflow, action: roll-back-alias}", "{halt-model: {model: vega-1}, after: validated}"
    )
    linus = at("linus", id)
    assert {"action-1", "action-2"} <= forms(linus.page())
    assert linus.send("actions/1/settlement", to="done", reason="moved the alias").status_code == 303
    assert linus.send("actions/2/settlement", to="declined", reason="not needed").status_code == 303
    assert [a.state for a in standing(shop, id).actions.values()] == ["outside-done", "declined"]


# --- nothing that was typed is lost -----------------------------------------------------------------------------------

REFUSED = [
    ("linus", "status", {"to": "mitigated", "at": "25:99", "reason": "it was hot"}, "status-mitigated", "at", 422),
    ("ada", "status", {"to": "resolved", "reason": "far too early"}, "status-resolved", "", 409),
    ("ada", "status", {"to": "merged", "into": "INC-2026-0099", "reason": "same thing"}, "status-merged", "", 404),
    ("ada", "status", {"to": "false-alarm", "reason": " ", "at": "14:05"}, "status-false-alarm", "reason", 422),
    ("linus", "exit/1", {"met": "1", "reason": "x" * 2_001}, "exit-1", "reason", 422),
    ("linus", "severity", {"severity": "sev1", "reason": " "}, "severity", "reason", 422),
    ("linus", "severity", {"reason": "much worse now"}, "severity", "severity", 422),
    ("linus", "visibility", {"visibility": "restricted", "reason": " "}, "visibility", "reason", 422),
    ("linus", "members", {"add": "Grace Hopper"}, "members-in", "", 404),
    ("ada", "roles", {"role": "scribe", "act": "assign", "person": "grcae"}, "role-scribe-assign", "", 404),
    ("linus", "tasks", {"title": "Ring", "about": "by day", "due": "soon"}, "task-new", "due", 422),
    ("linus", "tasks", {"title": "Ring them twice", "owner": "nobody I know"}, "task-new", "", 404),
    ("linus", "tasks/1", {"owner": "grcae", "due": "2h"}, "task-1-change", "", 404),
    ("linus", "tasks/1/state", {"to": "skipped", "reason": " "}, "task-1-skip", "reason", 422),
    ("linus", "notes", {"text": "long " * 41_000}, "note", "text", 422),
    ("linus", "notes", {"text": "seen it", "at": "2031-01-01 10:00"}, "note", "at", 422),
    ("linus", "updates", {"text": "u" * 20_001, "next": "2h"}, "update", "text", 422),
    ("linus", "updates", {"text": "quiet", "next": "later"}, "update", "next", 422),
]  # fmt: skip


@pytest.mark.parametrize(("name", "path", "fields", "key", "field", "status"), REFUSED)
def test_refused_form_comes_back_open_with_what_was_typed_and_what_was_wrong(
    at: Any, shop: Workshop, name: str, path: str, fields: dict[str, str], key: str, field: str, status: int
) -> None:
    """
    At night nobody types it twice; the complaint stands at the field and is read out with it.
    """
    id = lived(shop)
    head = shop.service.ledger.head()
    answer = at(name, id).send(path, **fields)
    assert answer.status_code == status
    assert shop.service.ledger.head() == head
    back = form(answer.text, key)
    assert f'id="fault-{key}"' in back
    typed = [v.strip() for n, v in fields.items() if n not in ("to", "met", "act", "role", "visibility") and v.strip()]
    for value in typed:
        if value not in ("sev1", "later"):
            assert value in unescape(back)
    if field:
        assert f'aria-describedby="fault-{key}" aria-invalid="true" autofocus' in back or field == "severity"
    above = answer.text.split(f'data-form="{key}"')[0]
    folded = above[above.rfind("<details") :]
    assert " open>" in folded.split("<summary")[0]
    assert 'data-live="warn"' in answer.text


@pytest.mark.parametrize(
    ("path", "fields", "key"),
    [
        ("status", {"to": "resolved", "reason": "I was second, and wrote all this"}, "status-resolved"),
        ("severity", {"severity": "sev1", "reason": "I was second, and wrote all this"}, "severity"),
        ("exit/1", {"met": "1", "reason": "I was second, and wrote all this"}, "exit-1"),
        ("tasks/1/state", {"to": "skipped", "reason": "I was second, and wrote all this"}, "task-1-skip"),
        ("roles", {"role": "commander", "act": "take", "force": "1", "reason": "I was second, and wrote all this"}, ""),
    ],
)
def test_words_of_the_second_of_two_are_still_there(
    at: Any, shop: Workshop, path: str, fields: dict[str, str], key: str
) -> None:
    """
    Two people at once: one is told that it is so already and keeps what they wrote, though nobody is offered that now.
    """
    id = lived(shop, "met")
    ada, operations = shop.person("ada", "commander"), shop.service.operations
    match path:
        case "status":
            operations.move(ada, id, "resolved", reason="first")
        case "severity":
            operations.set_severity(ada, id, "sev1", "first")
        case "exit/1":
            pass
        case "tasks/1/state":
            operations.settle_task(ada, id, 1, "skipped", "first")
        case "roles":
            operations.role(shop.person("grace", "commander"), id, "commander", "take")
    answer = at("grace", id).send(path, **fields)
    assert answer.status_code == 409, answer.text
    assert "I was second, and wrote all this" in form(answer.text, key or "role-commander-force")


def test_words_survive_although_the_incident_has_ended_meanwhile(at: Any, shop: Workshop) -> None:
    """
    The note is taken; what can't be done any more comes back with its words.
    """
    id = lived(shop)
    shop.service.operations.move(shop.person("ada", "commander"), id, "false-alarm", reason="their test")
    linus = at("linus", id)
    assert linus.send("notes", text="I was writing this as you closed it").status_code == 303
    for path, fields, key in (
        ("status", {"to": "mitigated", "reason": "words of mine"}, "status-mitigated"),
        ("severity", {"severity": "sev1", "reason": "words of mine"}, "severity"),
        ("exit/1", {"met": "1", "reason": "words of mine"}, "exit-1"),
        ("tasks/1/state", {"to": "skipped", "reason": "words of mine"}, "task-1-skip"),
        ("tasks", {"title": "words of mine"}, "task-new"),
    ):
        answer = linus.send(path, **fields)
        assert answer.status_code == 409
        assert "words of mine" in form(answer.text, key)


@pytest.mark.parametrize("status", ["contained", "reviewed", "gone", ""])
def test_status_that_no_button_has_is_refused_in_words(at: Any, shop: Workshop, status: str) -> None:
    """
    A page that was made by hand gets the same answer as anybody.
    """
    id = lived(shop)
    answer = at("ada", id).send("status", to=status, reason="x")
    assert answer.status_code == 422
    assert standing(shop, id).status == "contained"


# --- what people type is text, and the page is in order ---------------------------------------------------------------


def test_nothing_that_people_typed_can_run(at: Any, shop: Workshop) -> None:
    """
    In every field of every form, shown again and refused alike.
    """
    id = lived(shop, "met")
    linus, ada = at("linus", id), at("ada", id)
    linus.send("tasks", title=HOSTILE, about=HOSTILE)
    linus.send("notes", text=HOSTILE)
    linus.send("updates", text=HOSTILE, next="1h")
    linus.send("tasks/1/state", to="skipped", reason=HOSTILE)
    linus.send("exit/1", met="0", reason=HOSTILE)
    linus.send("severity", severity="sev1", reason=HOSTILE)
    ada.send("roles", role="commander", act="take")
    at("grace", id).send("roles", role="commander", act="take", force="1", reason=HOSTILE)
    seen = [ada.page()] + [
        linus.send(path, **{name: HOSTILE}).text
        for path, name in (("members", "add"), ("tasks", "owner"), ("status", "to"), ("roles", "role"), ("notes", "at"))
    ]
    for page in seen:
        assert "<img src=x" not in page
        assert "{{ 1234*5678 }}" in unescape(page)
        assert [name for name in Fields(page).attributes if name.startswith("on") or name == "style"] == []


class Fields(HTMLParser):
    """Ids, fields and labels of a page."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.ids: list[str] = []
        self.fields: list[dict[str, str | None]] = []
        self.labelled: set[str] = set()
        self.within = 0
        self.wrapped: list[dict[str, str | None]] = []
        self.pointed: list[str] = []
        self.attributes: set[str] = set()
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        if values.get("id"):
            self.ids.append(str(values["id"]))
        self.attributes |= values.keys()
        self.pointed += str(values.get("aria-describedby") or "").split()
        if tag == "label":
            self.within += 1
            self.labelled.add(str(values.get("for")))
        if tag in ("input", "select", "textarea") and values.get("type") not in ("hidden",):
            (self.wrapped if self.within else self.fields).append(values)

    def handle_endtag(self, tag: str) -> None:
        self.within -= tag == "label"


def pages_to_read(at: Any, shop: Workshop) -> Iterator[str]:
    for to in ("contained", "resolved", "closed"):
        id = lived(shop, to)
        noted(shop, id)
        shop.service.operations.add_task(
            shop.person("linus", "responder"), id, NewTask(title="Keys", follow_up=True, owner="ada")
        )
        for name in ("ada", "linus", "wall"):
            yield at(name, id).page()
        yield at("linus", id).send("notes", text=" ").text


def test_every_field_has_a_label_and_every_id_is_there_once(at: Any, shop: Workshop) -> None:
    """
    A field without a name is silence to whoever can't see it; two of one id send them to the wrong one.
    """
    for page in pages_to_read(at, shop):
        found = Fields(page)
        assert [i for i in found.ids if found.ids.count(i) > 1] == []
        assert [f for f in found.fields if str(f.get("id")) not in found.labelled and not f.get("aria-label")] == []
        assert set(found.pointed) <= set(found.ids)


def test_settled_tasks_and_follow_ups_stand_apart(at: Any, shop: Workshop) -> None:
    """
    What is still to be done is what one sees; what goes on after closing says so.
    """
    id = lived(shop)
    linus = at("linus", id)
    linus.send("tasks", title="Shorter keys", owner="ada", follow_up="1")
    linus.send("tasks/1/state", to="done", reason="they rang")
    tasks = said(linus.page(), "tasks")
    assert tasks.index("Follow-ups") < tasks.index("Shorter keys") < tasks.index("1 settled")
    assert "done by Linus Berg just now : they rang" in tasks
    assert linus.send("tasks/1/state", to="open", reason="wrong number").status_code == 303
    assert "open again: wrong number" in said(linus.page(), "tasks")


def test_task_that_is_late_is_told_in_words_and_counts_up(at: Any, shop: Workshop) -> None:
    """
    Colour alone is nothing to some readers and on paper.
    """
    id = lived(shop)
    shop.clock.advance(3600)
    page = at("linus", id).page()
    assert re.search(r'class="stop"><time [^>]*data-until class="due over">over by \d+ min', piece(page, "tasks"))


def test_update_form_promises_what_the_severity_asks_for(at: Any, shop: Workshop) -> None:
    """
    The usual time is chosen already: an hour for sev2, half an hour once it is sev1.
    """
    id = lived(shop)
    assert re.search(r'value="1h" selected', form(at("linus", id).page(), "update"))
    at("linus", id).send("severity", severity="sev1", reason="worse")
    assert re.search(r'value="30m" selected', form(at("linus", id).page(), "update"))


def test_contradicted_incident_offers_no_step_over_the_missing_proof(at: Any, shop: Workshop) -> None:
    """
    While a point may still serve, the page offers nothing that says otherwise.
    """
    shop.point("edge-1")
    id = declare(shop, "revoke-partner: {partner: acme}")
    page = at("ada", id).page()
    assert not {"status-mitigated", "status-resolved"} & forms(page)
    assert "Containment lacks evidence" in said(page, "life")
    contain(shop)
    assert "status-mitigated" in forms(at("ada", id).page())
    meet_exits(shop, id, shop.person("ada", "commander"))
    settle_tasks(shop, id, shop.person("ada", "commander"))
