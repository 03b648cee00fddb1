"""
Pulling the cord through the page: preview first, once only, and the short way.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from flask.testing import FlaskClient

from incidents.testing import Workshop
from tests.surfaces.test_pages import hidden, sign_in, words

ASKED = {
    "playbook": "partner-credential-abuse",
    "p:partner": "acme",
    "p:capability": "orion-2:tool-use",
    "step": "preview",
}


@pytest.fixture
def linus(http: FlaskClient, shop: Workshop) -> FlaskClient:
    sign_in(http, shop.secret("linus-responder", "responder", person="linus"))
    return http


def form(client: FlaskClient, playbook: str = "partner-credential-abuse") -> dict[str, str]:
    return hidden(client.get(f"/declare?playbook={playbook}").text, "/declare")


def preview(client: FlaskClient, **more: str) -> str:
    answer = client.post("/declare", data=form(client) | ASKED | more)
    assert answer.status_code == 200, answer.text
    return answer.text


def test_form_asks_for_the_parameters_with_what_there_is(linus: FlaskClient) -> None:
    """
    Nobody remembers exact ids at night: each field offers what the catalog has.
    """
    page = linus.get("/declare?playbook=partner-credential-abuse").text
    assert 'name="p:partner"' in page
    assert 'list="known-partners"' in page
    for option in ("acme", "orion-2:tool-use", "tool-use", "orion-2"):
        assert f'<option value="{option}">' in page


def test_preview_tells_the_blast_radius_and_changes_nothing(linus: FlaskClient, shop: Workshop) -> None:
    """
    What goes dark, for whom, how soon and who would be told, before anything happens.
    """
    shop.point("edge-1")
    before = shop.service.ledger.head()
    said = words(preview(linus, title="Leak"))
    assert "nothing has happened yet" in said
    assert "5 grants of 2 partners" in said
    assert "tool-use on orion-2 on off" in said
    assert "acme revoked at once" in said
    assert "not done : no model was given" in said
    assert "slack:#incidents" in said
    assert "gdpr-art33" in said
    assert "within" in said
    assert shop.service.ledger.head() == before


def test_declare_button_carries_what_was_previewed(linus: FlaskClient, shop: Workshop) -> None:
    """
    What was read is what is done.
    """
    page = preview(linus, title="Leak", summary="two\nlines", severity="sev1")
    answer = linus.post("/declare", data=hidden(page, "/declare") | {"step": "declare"})
    assert answer.headers["Location"] == "/incidents/INC-2026-0001?said=declared"
    said = words(linus.get("/incidents/INC-2026-0001?said=declared").text)
    for text in ("Leak", "two lines", "SEV 1", "acme revoked", "orion-2:tool-use switched off", "Declared."):
        assert text in said
    assert shop.service.desk.snapshot.live["partner:acme"]["revoked"]


def test_double_click_declares_once(linus: FlaskClient, shop: Workshop) -> None:
    """
    Trembling fingers press twice; two presses at the same moment must still be one incident, even when asked apart.
    """
    sent = hidden(preview(linus, separate="1"), "/declare") | {"step": "declare"}
    assert sent["separate"] == "1"
    cookie = linus.get_cookie("andon_session")
    assert cookie is not None

    def press(_: int) -> str:
        other = linus.application.test_client()
        other.set_cookie("andon_session", cookie.value)
        return other.post("/declare", data=sent).headers["Location"]

    with ThreadPoolExecutor(4) as pool:
        led_to = set(pool.map(press, range(4)))
    assert led_to == {"/incidents/INC-2026-0001?said=declared"}
    assert shop.service.operations.incidents(shop.person("ada", "admin"))["next"] is None
    assert len(shop.service.operations.incidents(shop.person("ada", "admin"))["items"]) == 1


def test_same_declaration_is_joined_and_said_before(linus: FlaskClient, shop: Workshop) -> None:
    """
    Two people see the same thing: the second learns of the first before pressing.
    """
    linus.post("/declare", data=hidden(preview(linus), "/declare") | {"step": "declare"})
    other = linus.application.test_client()
    sign_in(other, shop.secret("grace-commander", "commander", person="grace"))
    page = preview(other)
    assert "The same stands already" in page
    assert "Join INC-2026-0001" in page
    answer = other.post("/declare", data=hidden(page, "/declare") | {"step": "declare"})
    assert answer.headers["Location"] == "/incidents/INC-2026-0001?said=joined"
    assert "also declared by Grace Lim" in words(other.get("/incidents/INC-2026-0001").text)


def test_wrong_parameter_comes_back_beside_its_field(linus: FlaskClient) -> None:
    """
    A typo must be shown where it is, with the likely word, and nothing typed may be lost.
    """
    answer = linus.post("/declare", data=form(linus) | ASKED | {"p:partner": "acm", "summary": "long story"})
    assert answer.status_code == 422
    assert "Did you mean &#39;acme&#39;?" in answer.text
    assert 'value="acm"' in answer.text
    assert "long story</textarea>" in answer.text
    assert 'aria-invalid="true"' in answer.text


def test_change_something_goes_back_to_the_filled_form(linus: FlaskClient) -> None:
    """
    After a preview the way back must not begin from nothing.
    """
    page = preview(linus, title="Leak")
    back = linus.post("/declare", data=hidden(page, "/declare") | {"step": "edit"}).text
    assert 'value="acme"' in back
    assert 'value="Leak"' in back


def test_drill_button_never_looks_like_the_real_one(linus: FlaskClient, shop: Workshop) -> None:
    """
    Starting a rehearsal and killing access must not look alike.
    """
    page = preview(linus, kind="drill")
    assert "Start the drill" in page
    assert "Declare now" not in page
    answer = linus.post("/declare", data=hidden(page, "/declare") | {"step": "declare"})
    assert answer.headers["Location"].startswith("/incidents/DRILL-2026-0001")
    assert "revoked" not in shop.service.desk.snapshot.live["partner:acme"]


def test_kill_needs_a_name_and_a_reason_and_keeps_both(linus: FlaskClient, shop: Workshop) -> None:
    """
    The short way asks for three things; what is there stays when one is missing.
    """
    fields = hidden(linus.get("/kill").text, "/kill")
    for missing in ("what", "name", "reason"):
        sent = {"what": "capability", "name": "tool-use", "reason": "abused", missing: ""}
        answer = linus.post("/kill", data=fields | sent)
        assert answer.status_code == 422, missing
        assert ("abused</textarea>" in answer.text) == (missing != "reason")
    answer = linus.post("/kill", data=fields | {"what": "capability", "name": "tool-use", "reason": "abused"})
    assert answer.status_code == 303
    assert shop.service.desk.snapshot.live["flag:orion-2:tool-use"]["off"]
    assert shop.service.desk.snapshot.live["flag:vega-1:tool-use"]["off"]


def test_kill_form_sent_with_another_name_is_another_kill(linus: FlaskClient, shop: Workshop) -> None:
    """
    Going back in the browser to kill a second thing must not be answered with the first.
    """
    fields = hidden(linus.get("/kill").text, "/kill")
    first = linus.post("/kill", data=fields | {"what": "partner", "name": "acme", "reason": "x"})
    second = linus.post("/kill", data=fields | {"what": "partner", "name": "globex", "reason": "x"})
    assert first.headers["Location"] != second.headers["Location"]
    assert shop.service.desk.snapshot.live["partner:globex"]["revoked"]


def test_unknown_playbook_in_a_link_is_explained(linus: FlaskClient) -> None:
    """
    Links in old messages name playbooks that were renamed.
    """
    answer = linus.get("/declare?playbook=jailbreak-in-the-wlid")
    assert answer.status_code == 422
    assert "Did you mean &#39;jailbreak-in-the-wild&#39;?" in answer.text
