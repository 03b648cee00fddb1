"""Pages about clocks: what they show, that their forms work without a script, the card, the calendar feed."""

from __future__ import annotations

import re

import pytest
from flask.testing import FlaskClient
from icalendar import Calendar

from incidents.testing import ADMIN, Workshop
from playbooks.drill_schedule import Schedule
from playbooks.occurrences import Spec
from tests.support.clocks import AUTHORITY, COP, assessing, state_of, tell
from tests.surfaces.test_pages import HOSTILE, ada, hidden, sign_in, words

ID = "INC-2026-0001"
CLOCK = f"{ID}.{AUTHORITY}"


@pytest.fixture
def page(shop: Workshop, http: FlaskClient) -> FlaskClient:
    """Ada, signed in, and an incident whose playbook names clocks."""
    sign_in(http, shop.secret("ada-commander", "commander", person="ada"))
    body = {"playbook": "partner-credential-abuse", "parameters": {"partner": "acme"}, "title": f"Key {HOSTILE}"}
    shop.service.operations.declare(shop.person("ada", "commander"), body)
    return http


def send(page: FlaskClient, shown: str, action: str, **values: str) -> str:
    """Fill in and send a form of a page, as a browser without scripts does; the page that comes of it."""
    form = hidden(page.get(shown).text, action)
    answer = page.post(action, data=form | values)
    if answer.status_code == 303:
        return page.get(answer.headers["Location"].partition("#")[0]).text
    return answer.text


def test_the_list_says_what_is_due_when_for_whom(page: FlaskClient) -> None:
    """
    Sorted by the strict moment, in the recipient's own time, with who sees to it.
    """
    text = page.get("/clocks").text
    said = words(text)

    assert "2 deadlines are running" in said
    assert said.index("First notice to the partner") < said.index("Notification of the breach")
    assert "Thu 26 Nov 2026, 13:00 Brussels" in said
    assert "nobody" in said
    assert '<time datetime="2026-11-26T12:00:00.000Z"' in text
    assert "1 without a moment of their own yet" in said


def test_the_list_can_be_narrowed_and_a_wrong_filter_shows_everything_open(page: FlaskClient) -> None:
    """
    A filter in an old bookmark must not show an empty house.
    """
    assert "Nothing is like that" in words(page.get("/clocks?state=submitted").text)
    assert "First notice to the partner" in words(page.get("/clocks?kind=real").text)
    assert "First notice to the partner" in words(page.get("/clocks?state=rubbish").text)
    assert page.get("/clocks?cursor=rubbish").status_code == 422


def test_what_people_typed_can_not_run(page: FlaskClient, shop: Workshop) -> None:
    """
    Evidence, receipts and reasons come from anybody.
    """
    tell(shop, ID, "awareness", "2026-11-23T08:00:00Z", evidence=HOSTILE)
    send(page, f"/clocks/{CLOCK}", f"/clocks/{CLOCK}/submission", receipt=HOSTILE)
    for path in (f"/incidents/{ID}/clocks", f"/clocks/{CLOCK}", f"/incidents/{ID}", "/clocks?state=all"):
        text = page.get(path).text
        assert "<img" not in text, path
        assert "7006652" not in words(text), path


def test_a_fact_is_told_without_a_script(page: FlaskClient, shop: Workshop) -> None:
    """
    At night, from a phone, through a bad line.
    """
    where = f"/incidents/{ID}/clocks"
    said = words(
        send(page, where, f"/incidents/{ID}/facts", anchor="awareness", at="2026-11-22 09:00", evidence="a mail")
    )

    assert "Recorded. The deadlines below are computed with it." in said
    assert "Sun 22 Nov 2026, 09:00 UTC" in said
    assert "moved earlier" in said
    again = send(page, where, f"/incidents/{ID}/facts", anchor="awareness", at="2026-11-22 09:00", evidence="a mail")
    assert "It was so already." in words(again)


def test_a_refused_fact_keeps_what_was_typed(page: FlaskClient) -> None:
    """
    Nobody writes the evidence twice.
    """
    text = send(
        page, f"/incidents/{ID}/clocks", f"/incidents/{ID}/facts", anchor="awareness", at="noon", evidence="mail"
    )

    assert "Nothing was done." in words(text)
    assert "is not a time; write 14:05 for today" in words(text)
    assert 'value="noon"' in text
    assert ">mail</textarea>" in text


def test_a_question_is_answered_and_a_regime_taken_up(page: FlaskClient, shop: Workshop) -> None:
    """
    The two things that a playbook cannot know.
    """
    where = f"/incidents/{ID}/clocks"
    assert "Taken up." in words(send(page, where, f"/incidents/{ID}/clocks", regime=COP))
    said = words(send(page, where, f"/incidents/{ID}/answers", condition="death", holds="yes", evidence="hospital"))

    assert "Did a person die? yes" in said
    assert "moved earlier" in said
    assert state_of(shop, ID, f"{COP}.initial") == "running"


def test_a_clock_is_submitted_and_shows_its_receipt(page: FlaskClient, shop: Workshop) -> None:
    """
    The page says that it was recorded, not that Andon has sent it.
    """
    said = words(send(page, f"/clocks/{CLOCK}", f"/clocks/{CLOCK}/submission", receipt="portal 4411"))

    assert "Recorded as submitted. Andon has sent nothing." in said
    assert "In time" in said
    assert "portal 4411" in said
    assert "Let it run again" in said


def test_a_late_submission_is_asked_for_its_reason(page: FlaskClient, shop: Workshop) -> None:
    """
    The form comes back with the field that is missing.
    """
    shop.clock.advance(4 * 86_400)
    sign_in(page, shop.secret("ada-commander", "commander", person="ada"))
    where = f"/clocks/{CLOCK}"
    text = send(page, where, f"{where}/submission", receipt="portal 4411", late_because="")
    assert "say why it is late" in words(text)
    assert ">portal 4411</textarea>" in text
    said = words(
        send(page, f"/clocks/{CLOCK}", f"/clocks/{CLOCK}/submission", receipt="p", late_because="unknown till")
    )
    assert "Late because: unknown till" in said


def test_deciding_and_staying_take_their_reason(page: FlaskClient, shop: Workshop) -> None:
    """
    A decision without a reason is refused and nothing is changed.
    """
    action = f"/clocks/{CLOCK}/decision"
    assert "a reason is needed" in words(send(page, f"/clocks/{CLOCK}", action, decision="not-reportable", reason=" "))
    assert state_of(shop, ID, AUTHORITY) == "running"
    said = words(send(page, f"/clocks/{CLOCK}", action, decision="stayed", reason="order", until="2026-12-24 12:00"))
    assert "Stayed until Thu 24 Dec 2026, 13:00 Brussels: order" in said
    said = words(send(page, f"/clocks/{CLOCK}", action, decision="not-reportable", reason="no data"))
    assert "Decided by Ada" in said


def test_who_may_not_submit_is_told_and_has_no_form(shop: Workshop, http: FlaskClient, page: FlaskClient) -> None:
    """
    A button that only refuses is an insult at night.
    """
    sign_in(http, shop.secret("linus-responder", "responder", person="linus"))
    text = http.get(f"/clocks/{CLOCK}").text

    assert f'action="/clocks/{CLOCK}/submission"' not in text
    assert "take the role commander and a token that belongs to a person" in words(text)
    assert f'action="/incidents/{ID}/facts"' in http.get(f"/incidents/{ID}/clocks").text


def test_the_pack_is_a_download(page: FlaskClient) -> None:
    """
    It is filed by hand, so it has to leave the page.
    """
    for written in ("md", "html"):
        answer = page.get(f"/clocks/{CLOCK}/pack.{written}")
        assert answer.headers["Content-Disposition"] == f'attachment; filename="{CLOCK}.{written}"'
        assert "Unknown: no record of this incident" in answer.text
        assert re.search(r"(?<!\\)<img", answer.text) is None, "in Markdown it stands there escaped"
    assert page.get(f"/clocks/{CLOCK}/pack.exe").status_code == 404


def test_the_incidents_page_and_the_board_show_the_next_deadlines(page: FlaskClient) -> None:
    """
    Leadership looks there, not on a list of clocks.
    """
    assert "Notification of the breach to the supervisory authority" in words(page.get(f"/incidents/{ID}").text)
    board = words(page.get("/").text)
    assert "Next deadlines" in board
    assert "First notice to the partner" in board


def test_a_drills_clocks_say_simulated_wherever_they_are_shown(page: FlaskClient, shop: Workshop) -> None:
    """
    Nobody may rush to an authority for a rehearsal.
    """
    id = assessing(shop, "gdpr-art33", kind="drill")
    for path in ("/clocks", f"/incidents/{id}/clocks", f"/clocks/{id}.{AUTHORITY}", f"/incidents/{id}"):
        assert "simulated" in words(page.get(path).text), path
    assert id not in page.get("/").text.split("Next deadlines")[1].split("</section>")[0]


def test_a_stale_register_shows_a_banner(page: FlaskClient, shop: Workshop) -> None:
    """
    Old law looks as certain as new law.
    """
    assert "not reviewed in time" not in words(page.get("/clocks").text)
    shop.clock.advance(200 * 86_400)
    sign_in(page, shop.secret("ada-commander", "commander", person="ada"))
    for path in ("/clocks", "/regimes", "/regimes/gdpr-art33"):
        assert re.search("not reviewed in time", words(page.get(path).text), re.IGNORECASE), path


def test_the_register_shows_what_counts_and_why_the_rest_does_not(page: FlaskClient) -> None:
    """
    A bill stands under "off", with its reason.
    """
    said = words(page.get("/regimes").text)

    on, off = said.split(" Off ", 1)
    assert "Personal data breach, to the supervisory authority" in on
    assert "us-circia is a proposal" in " ".join(off.split()) or "is a proposal, not law" in off
    assert "24 hours after awareness, unless classification came later" in words(
        page.get("/regimes/eu-dora-art19").text
    )
    assert page.get("/regimes/none").status_code == 404


# --- the calendar feed ---


def feed_of(shop: Workshop, http: FlaskClient, scope: str = "") -> str:
    answer = http.get(f"/api/v1/calendar{scope}", headers=ada(shop))
    return str(answer.json["url"]).removeprefix("http://127.0.0.1:8600")


def test_the_feed_is_a_calendar_that_needs_no_session(page: FlaskClient, shop: Workshop) -> None:
    """
    A calendar program has an address and nothing else; what it shows are deadlines, and no word of the incident.
    """
    path = feed_of(shop, page)
    page.delete_cookie("andon_session")
    answer = page.get(path)
    events = {str(e["UID"]): e for e in Calendar.from_ical(answer.data).walk("VEVENT")}

    assert answer.content_type == "text/calendar; charset=utf-8"
    found = next(e for uid, e in events.items() if uid.startswith(CLOCK))
    assert found["DTSTART"].dt.isoformat() == "2026-11-26T12:00:00+00:00"
    assert str(found["SUMMARY"]) == f"Notification of the breach to the supervisory authority ({ID})"
    assert "Key" not in answer.text
    assert all(line.isprintable() and len(line.encode()) <= 75 for line in answer.text.split("\r\n"))


def test_the_feed_ends_with_its_token(page: FlaskClient, shop: Workshop) -> None:
    """
    A laptop is lost: one revocation ends its sessions and its feed.
    """
    path = feed_of(shop, page)
    assert page.get(path).status_code == 200
    token = shop.credential(shop.secret("ada-admin", "admin", person="ada")).token
    shop.service.operations.revoke_token(ADMIN, token)

    assert page.get(path).status_code == 404


def test_a_feed_nobody_signed_is_nothing(page: FlaskClient, shop: Workshop) -> None:
    """
    The address is the key: a changed one opens nothing, and does not say why.
    """
    path = feed_of(shop, page)
    other = path[:-5] + ("B" if path[-5] == "A" else "A") + ".ics"
    wrong_ones = (path.replace(".", "x", 1), other, "/calendar/x.ics", "/calendar/.ics", "/calendar/é.y.ics")
    for wrong in wrong_ones:
        assert page.get(wrong).status_code == 404, wrong


def test_a_feed_of_ones_own_holds_what_one_has_to_see_to(page: FlaskClient, shop: Workshop) -> None:
    """
    The commander's calendar, not everybody's.
    """
    mine = feed_of(shop, page, "?mine=true")
    assert "VEVENT" not in page.get(mine).text
    shop.service.operations.role(shop.person("ada", "commander"), ID, "commander", "take")
    assert CLOCK in page.get(mine).text.replace("\r\n ", "")


def test_a_feed_shows_no_restricted_incident_to_others(page: FlaskClient, shop: Workshop) -> None:
    """
    What the person may not see, their calendar may not either.
    """
    path = feed_of(shop, page)
    id = assessing(shop, "gdpr-art33")
    shop.service.operations.set_visibility(shop.person("linus", "responder"), id, "restricted", "insider")

    assert id not in page.get(path).text


def test_scheduled_drills_are_in_the_feed_and_say_what_they_are(page: FlaskClient, shop: Workshop) -> None:
    """
    A drill that stands in a calendar like a deadline would one day be taken for one.
    """
    entry = Spec(id="weekly", playbook="partner-credential-abuse", zone="UTC", cron="30 14 * * *", title="Chk Ltd")
    shop.service.operations.schedule = Schedule((entry,))
    shop.service.operations.hold_schedule()
    answer = page.get(feed_of(shop, page))
    drills = [e for e in Calendar.from_ical(answer.data).walk("VEVENT") if str(e["UID"]).startswith("weekly.")]

    assert len(drills) == 90
    assert {str(e["SUMMARY"]) for e in drills} == {"DRILL, NOT REAL: partner-credential-abuse (shadow)"}
    assert {e["DTSTART"].dt.hour * 60 + e["DTSTART"].dt.minute for e in drills} == {870}
    assert "Chk" not in answer.text, "its title is free words"


def test_a_notice_is_approved_from_its_clock_and_asked_for_anew_where_it_was_refused(
    page: FlaskClient, shop: Workshop
) -> None:
    """
    From the deadline to the text that two people approve is one step, and back.
    """
    shop.post()
    (notice,) = (n for n in shop.service.operations.notices(ADMIN, ID)["notices"] if n["clock"] == CLOCK)
    on = page.get(f"/clocks/{CLOCK}").text
    assert f'href="/notices/{notice["id"]}"' in on
    assert "Draft the notice" not in on
    assert f'href="/clocks/{CLOCK}"' in page.get(f"/notices/{notice['id']}").text
    shop.service.operations.refuse_notice(shop.person("ada", "commander"), notice["id"], "wrong numbers")
    assert "Draft the notice again" in page.get(f"/clocks/{CLOCK}").text

    answer = page.post(f"/clocks/{CLOCK}/notice", headers=ada(shop), data={"once": "n1"})
    assert answer.status_code == 303
    assert "To: Lead supervisory authority" in page.get(answer.headers["Location"]).text
