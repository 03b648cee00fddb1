"""
The link for leadership: made by a commander, read by whoever has it, dead when it has ended.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from flask.testing import FlaskClient

from incidents.errors import LedgerUnavailable
from incidents.ledger.checkpoint import make_key
from incidents.share_links import sealed, share_link
from incidents.testing import Workshop
from tests.surfaces.test_pages import acknowledge, ada, declare, hidden, sign_in, words


def link(shop: Workshop, id: str, life: str = "24h") -> str:
    """The path of a new link."""
    from incidents.clock import parse_rfc3339

    made = shop.service.operations.share(shop.person("ada", "admin"), id, life).body
    url = share_link(shop.service, id, made["share"], parse_rfc3339(made["expires_at"]))
    assert url.startswith(shop.service.settings.url)
    return url.removeprefix(shop.service.settings.url)


def test_link_shows_the_answers_without_a_session(http: FlaskClient, shop: Workshop) -> None:
    """
    A board member opens it on a train: no account, the same answers on top.
    """
    shop.point("edge-1")
    id = declare(shop, title="Acme leaks", summary="A key was found.")
    acknowledge(shop, "edge-1")
    shop.service.cycle()
    path = link(shop, id)
    answer = http.get(path)
    assert answer.status_code == 200
    said = words(answer.text)
    places = [
        said.index(q)
        for q in ("Real incident", "Acme leaks", "A key was found", "Yes, proven", "Who is dark", "Next decision")
    ]
    assert places == sorted(places)
    assert "read-only" in said.lower()


def test_card_says_that_links_end_early_where_there_is_no_signing_key_to_sign_them_with(
    http: FlaskClient, shop: Workshop, tmp_path: Path
) -> None:
    """
    A link that was promised for a week and is dead after the next start costs trust in all of them.
    """
    id = declare(shop)
    sign_in(http, shop.secret("ada", "admin", person="ada"))
    assert "a link works in the process that made it alone" in words(http.get(f"/incidents/{id}").text)
    shop.service.__dict__["signing_key"] = make_key(tmp_path / "andon.key")
    assert "a link works in the process" not in words(http.get(f"/incidents/{id}").text)


def test_page_behind_a_link_offers_nothing_and_leads_nowhere(http: FlaskClient, shop: Workshop) -> None:
    """
    No form that writes, no way into the house, nothing kept, nothing told to other sites.
    """
    id = declare(shop)
    other = declare(shop, "break-glass", parameters={"partner": "acme"})
    shop.service.operations.note(shop.person("linus", "responder"), id, f"as in {other}; mail me at linus@example.com")
    answer = http.get(link(shop, id))
    page = answer.text
    assert "method=" not in page.replace('method="get"', "")
    assert 'name="csrf"' not in page
    hrefs = re.findall(r'href="([^"]*)"', page)
    assert all(h.startswith(("#", "/static/", "/share/")) for h in hrefs), hrefs
    assert other not in page
    assert "linus@example.com" not in page
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["Referrer-Policy"] == "no-referrer"
    assert "noindex" in answer.headers["X-Robots-Tag"]
    assert "script-src 'self'" in answer.headers["Content-Security-Policy"]
    assert "Set-Cookie" not in answer.headers


def test_signed_in_person_sees_no_more_behind_a_link(http: FlaskClient, shop: Workshop) -> None:
    """
    Whoever sends it on wants to see what the others will see.
    """
    id = declare(shop)
    path = link(shop, id)
    stranger = http.get(path).text
    sign_in(http, shop.secret("ada-admin", "admin", person="ada"))
    assert http.get(path).text == stranger


def test_filters_and_pages_work_behind_a_link(http: FlaskClient, shop: Workshop) -> None:
    """
    Leadership reads the key moments, not the two thousand lines.
    """
    id = declare(shop)
    for n in range(60):
        shop.service.operations.note(shop.person("linus", "responder"), id, f"note {n}")
    path = link(shop, id)
    page = http.get(f"{path}?page=2").text
    assert "Page 2 of 2" in words(page)
    assert f'action="{path}#what-happened"' in page
    assert "note 59" not in words(http.get(f"{path}?key=1").text)


@pytest.mark.parametrize("spoil", ["x", "", ".", "%00", "a.b", "..", "ä.ö", "A" * 3000, "=.="])
def test_made_up_link_gets_a_page_that_tells_nothing(http: FlaskClient, shop: Workshop, spoil: str) -> None:
    """
    Guessing must not even teach which incidents there are.
    """
    declare(shop)
    answer = http.get(f"/share/{spoil}")
    assert answer.status_code == 404
    assert "INC-" not in answer.text
    assert answer.headers["Cache-Control"] == "no-store"


def test_changed_link_is_no_link(http: FlaskClient, shop: Workshop) -> None:
    """
    Every letter of it is signed: another incident, another end, another key.
    """
    id, other = declare(shop), declare(shop, parameters={"partner": "globex"})
    path = link(shop, id)
    signed = path.removeprefix("/share/")
    for place in range(0, len(signed), 7):
        spoilt = signed[:place] + ("A" if signed[place] != "A" else "B") + signed[place + 1 :]
        assert http.get(f"/share/{spoilt}").status_code == 404, place
    share = shop.service.operations.incident(shop.person("ada", "admin"), id)["shares"][0]["id"]
    end = shop.clock.now().replace(year=2030)
    forged = sealed(b"another key", id, share, end)
    assert http.get(f"/share/{forged}").status_code == 404
    swapped = sealed(shop.service.secret("share"), other, share, end)
    assert http.get(f"/share/{swapped}").status_code == 404


def test_link_that_has_ended_says_that_it_shows_nothing(http: FlaskClient, shop: Workshop) -> None:
    """
    The same words for an expired and a revoked one, and none of what was behind it.
    """
    id = declare(shop, title="Acme leaks")
    operations, boss = shop.service.operations, shop.person("ada", "admin")
    short, long = link(shop, id, "1h"), link(shop, id, "7d")
    operations.revoke_share(boss, id, operations.incident(boss, id)["shares"][1]["id"])
    shop.clock.advance(3601)
    answers = [http.get(path) for path in (short, long)]
    assert [a.status_code for a in answers] == [410, 410]
    strip = [re.sub(r'data-(self|now)="[^"]*"', "", a.text) for a in answers]
    assert strip[0] == strip[1]
    for answer in answers:
        assert "This link shows nothing" in answer.text
        assert "Acme" not in answer.text
        assert id not in answer.text
        assert "noindex" in answer.headers["X-Robots-Tag"]


def test_longer_end_than_was_recorded_does_not_help(http: FlaskClient, shop: Workshop) -> None:
    """
    What counts is the end that stands in the log, whatever a link says of itself.
    """
    id = declare(shop)
    link(shop, id, "1h")
    share = shop.service.operations.incident(shop.person("ada", "admin"), id)["shares"][0]["id"]
    shop.clock.advance(3601)
    signed = sealed(shop.service.secret("share"), id, share, shop.clock.now().replace(year=2030))
    assert http.get(f"/share/{signed}").status_code == 410


def test_restricted_incident_shows_facts_and_no_typed_word(http: FlaskClient, shop: Workshop) -> None:
    """
    Restricted after the link was handed out: the words go, the facts stay.
    """
    linus = shop.person("linus", "responder")
    id = declare(shop, title="xyzzy", summary="xyzzy")
    shop.service.operations.note(linus, id, "xyzzy")
    path = link(shop, id)
    assert "xyzzy" in http.get(path).text
    shop.service.operations.set_visibility(linus, id, "restricted", "xyzzy")
    page = http.get(path).text
    assert "xyzzy" not in page
    assert "A partner&#39;s credentials are abused</h1>" in page
    assert "acme revoked" in page


def test_commander_makes_and_revokes_a_link_on_the_page(http: FlaskClient, shop: Workshop) -> None:
    """
    Two presses to hand it out, one to take it back.
    """
    id = declare(shop)
    sign_in(http, shop.secret("grace-commander", "commander", person="grace"))
    page = http.get(f"/incidents/{id}").text
    assert "No link stands." in page
    fields = hidden(page, f"/incidents/{id}/shares")
    assert http.post(f"/incidents/{id}/shares", data=fields | {"for": "99y"}).status_code == 422
    answer = http.post(f"/incidents/{id}/shares", data=fields | {"for": "1h"})
    assert answer.headers["Location"] == f"/incidents/{id}?said=shared#share"
    again = http.post(f"/incidents/{id}/shares", data=fields | {"for": "1h"})
    assert again.status_code == 303  # the same press makes no second link
    page = http.get(f"/incidents/{id}").text
    (url,) = re.findall(r'readonly value="([^"]+)"', page)
    path = url.removeprefix(shop.service.settings.url)
    assert http.application.test_client().get(path).status_code == 200
    (revocation,) = re.findall(rf'action="(/incidents/{id}/shares/[^"]+)"', page)
    assert http.post(revocation, data=hidden(page, revocation)).status_code == 303
    assert http.application.test_client().get(path).status_code == 410
    assert url not in http.get(f"/incidents/{id}").text


def test_links_are_shown_and_made_by_commanders_alone(http: FlaskClient, shop: Workshop) -> None:
    """
    A link opens the incident to people outside: that is not every responder's to decide.
    """
    id = declare(shop)
    path = link(shop, id)
    sign_in(http, shop.secret("linus-responder", "responder", person="linus"))
    page = http.get(f"/incidents/{id}").text
    assert path not in page
    assert "/shares" not in page
    csrf = re.search(r'name="csrf" value="([0-9a-f]+)"', page)
    assert csrf is not None
    assert http.post(f"/incidents/{id}/shares", data={"csrf": csrf[1], "for": "1h"}).status_code == 403


def test_trouble_is_told_to_strangers_without_its_inside(
    http: FlaskClient, shop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    Paths of files are nothing for people outside; that it may be old is.
    """
    id = declare(shop)
    path = link(shop, id)
    shop.service.cycle()
    assert "may be old" not in http.get(path).text
    shop.service.desk.trouble = "disk I/O error at /srv/andon.db"
    page = http.get(path).text
    assert "What this page shows may be old" in page
    assert "/srv" not in page

    def gone(*_: object) -> None:
        raise LedgerUnavailable("can't read /srv/andon.db")

    shop.service.operations.note(shop.person("linus", "responder"), id, "one more line")
    monkeypatch.setattr(shop.service.ledger, "incident", gone)
    answer = http.get(path)
    assert answer.status_code == 503
    assert "right now" in answer.text
    assert "/srv" not in answer.text
    assert ada(shop)  # who is signed in reads why, on the incident's own page
