"""The pages of notices and messages: what they claim, the forms that work without a script, and who sees them."""

from __future__ import annotations

import pytest
from flask.testing import FlaskClient

from incidents.testing import Workshop
from tests.surfaces.test_pages import HOSTILE, ada, declare, hidden, sign_in, words

N1 = "INC-2026-0001-N1"


@pytest.fixture
def incident(shop: Workshop) -> str:
    """Mail is there, Slack is not; a notice to acme waits."""
    shop.channel("email")
    id = declare(shop, summary="key leaked")
    shop.post()
    return id


def press(http: FlaskClient, page: str, action: str, **typed: str) -> str:
    """Send the form with that action as a browser would, and look at what comes."""
    return http.post(action, data={**hidden(page, action), **typed}, follow_redirects=True).text


def test_two_people_approve_the_exact_text_on_its_page(shop: Workshop, http: FlaskClient, incident: str) -> None:
    """The first is told that another has to, the second that it is owed."""
    sign_in(http, shop.secret("ada-commander", "commander", person="ada"))
    page = http.get(f"/notices/{N1}").text
    assert "2 people have still to approve exactly this text" in words(page)
    assert "all your access is revoked" in words(page)
    said = words(press(http, page, f"/notices/{N1}/approval"))
    assert "Approved by you. Another person has to approve the same text." in said
    refused = words(press(http, page, f"/notices/{N1}/approval"))
    assert "Nothing was done" in refused or "Approved by you" in refused

    sign_in(http, shop.secret("grace-commander", "commander", person="grace"))
    page = http.get(f"/notices/{N1}").text
    assert "It is owed now and sent by itself" in words(press(http, page, f"/notices/{N1}/approval"))
    shop.post()
    page = http.get(f"/notices/{N1}").text
    assert "Receipt: kept" in words(page)
    assert f'action="/notices/{N1}/approval"' not in page


def test_another_text_is_kept_as_typed_and_nothing_in_it_runs(shop: Workshop, http: FlaskClient, incident: str) -> None:
    """What a person wrote is shown as words; a text that is refused stays in its form."""
    sign_in(http, shop.secret("ada-commander", "commander", person="ada"))
    page = http.get(f"/notices/{N1}").text
    changed = press(http, page, f"/notices/{N1}/text", subject=HOSTILE, body=HOSTILE)
    assert "Earlier approvals are void" in words(changed)
    assert "<img src=x" not in changed
    assert "&lt;img src=x" in changed

    wrong = press(http, changed, f"/notices/{N1}/text", subject="", body="my long text")
    assert "Nothing was done" in words(wrong)
    assert ">my long text</textarea>" in wrong


def test_an_incidents_page_says_what_did_not_get_through_and_tries_it_again(
    shop: Workshop, http: FlaskClient, incident: str
) -> None:
    """Red first, with its reason and one button; then the messages that went out."""
    sign_in(http, shop.secret("ada-commander", "commander", person="ada"))
    page = http.get(f"/incidents/{incident}").text
    told = words(page).partition("Who is told")[2]
    assert "1 message did not get through" in told
    assert "slack: not connected" in told
    assert "Not connected: slack, see what `andon doctor slack` says." in told
    assert "waits for approval" in told
    assert "sent" in told

    slack_id = next(row["id"] for row in shop.service.operations.messages(shop.person("ada", "commander"))["items"])
    slack = shop.channel("slack")
    back = press(http, page, f"/messages/{slack_id}/retry")
    assert f"/incidents/{incident}" in back
    shop.post()
    assert [address.value for address, _ in slack.letters] == ["#incidents"]


def test_the_page_of_messages_lists_what_is_dead_and_what_is_owed(
    shop: Workshop, http: FlaskClient, incident: str
) -> None:
    """Words beside every colour; the newest first; one button for each."""
    page = sign_in(http, shop.secret("linus-responder", "responder", person="linus"))
    assert 'href="/messages"' in page
    found = words(http.get("/messages").text)
    assert "1 message did not get through" in found
    assert "slack:#incidents" in found
    assert "failed" in found
    assert "Nothing is owed." in found


def test_a_viewer_sees_the_messages_and_no_button(shop: Workshop, http: FlaskClient, incident: str) -> None:
    """What may not be pressed is not shown."""
    sign_in(http, shop.secret("v", "viewer"))
    for path in ("/messages", f"/incidents/{incident}", f"/notices/{N1}"):
        page = http.get(path)
        assert page.status_code == 200
        assert "Try again" not in page.text
        assert "Approve exactly" not in page.text


def test_a_notice_to_file_by_hand_says_so_and_takes_its_receipt(shop: Workshop, http: FlaskClient) -> None:
    """The page is the document: it says that nothing is sent, and asks how it is known that it arrived."""
    from tests.unit.test_notices import approve, owe_authority

    id = declare(shop)
    notice = owe_authority(shop, id)
    for name in ("ada", "grace"):
        approve(shop, notice, shop.person(name, "commander"))
    sign_in(http, shop.secret("ada-commander", "commander", person="ada"))
    page = http.get(f"/notices/{notice}").text
    assert "Andon never writes to an authority by itself" in words(page)
    said = words(press(http, page, f"/notices/{notice}/receipt", receipt="portal, case 4711"))

    assert "The receipt is recorded" in said
    assert "filed by hand" in said


def test_a_notice_that_nobody_may_know_of_is_not_there(shop: Workshop, http: FlaskClient) -> None:
    """Restricted is restricted on every page."""
    id = declare(shop, visibility="restricted")
    shop.post()
    sign_in(http, shop.secret("grace-commander", "commander", person="grace"))

    assert http.get(f"/notices/{id}-N1").status_code == 404
    assert id not in http.get("/messages").text
    assert http.get(f"/notices/{id}-N1", headers=ada(shop)).status_code == 404
