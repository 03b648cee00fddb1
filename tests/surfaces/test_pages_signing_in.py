"""
Who gets to see a page, and whose forms are believed.
"""

from __future__ import annotations

import re

import pytest
from flask.testing import FlaskClient

from app import create_app
from incidents.settings import Settings
from incidents.testing import ADMIN, Workshop, workshop
from incidents.web import SignInLinks, page_reader, sign_in_link
from tests.surfaces.test_pages import form_token, sign_in


def test_page_without_session_leads_to_login_and_back(http: FlaskClient, shop: Workshop) -> None:
    """
    A link from chat must still lead to its incident after signing in.
    """
    answer = http.get("/points?said=retired")
    assert answer.status_code == 303
    assert answer.headers["Location"] == "/login?next=/points%3Fsaid%3Dretired"

    onward = http.post("/login", data={"token": shop.secret("eve", "viewer"), "next": "/points"})
    assert (onward.status_code, onward.headers["Location"]) == (303, "/points")
    assert http.get("/points").status_code == 200


@pytest.mark.parametrize(
    "target", ["//evil.example", "https://evil.example/", "/\\evil.example", "javascript:alert(1)", "/a\nb"]
)
def test_login_never_leads_to_another_site(http: FlaskClient, shop: Workshop, target: str) -> None:
    """
    An open redirect after a real sign-in is how tokens are phished.
    """
    answer = http.post("/login", data={"token": shop.secret("eve", "viewer"), "next": target})
    assert answer.headers["Location"] == "/"


def test_session_cookie_is_closed_and_names_no_secret(http: FlaskClient, shop: Workshop) -> None:
    """
    Scripts and other sites must not get at the session, and a stolen backup of cookies must not hold tokens.
    """
    secret = shop.secret("eve", "viewer")
    cookie = http.post("/login", data={"token": secret}).headers["Set-Cookie"]
    assert {"HttpOnly", "SameSite=Lax", "Path=/"} <= set(cookie.split("; "))
    assert "Secure" not in cookie
    assert secret not in cookie
    assert "Max-Age=43200" in cookie


def test_session_cookie_is_secure_behind_https() -> None:
    """
    Where people reach Andon by https, the cookie never travels in the clear.
    """
    shop = workshop(settings=Settings(public_url="https://andon.example"))
    cookie = create_app(service=shop.service).test_client().post("/login", data={"token": shop.secret("eve", "viewer")})
    assert "Secure" in cookie.headers["Set-Cookie"]
    shop.service.stop()


def test_wrong_token_says_so_and_gives_no_cookie(http: FlaskClient) -> None:
    """
    A mistyped token is a person's mistake, not a mystery.
    """
    answer = http.post("/login", data={"token": "andon_nope"})
    assert answer.status_code == 403
    assert "No token in use is like this one" in answer.text
    assert "Set-Cookie" not in answer.headers


def test_machine_token_is_no_way_into_pages(http: FlaskClient, shop: Workshop) -> None:
    """
    A gateway's token lies on many machines; it must not open the incident record.
    """
    assert "is a machine" in http.post("/login", data={"token": shop.point("edge-1")}).text
    assert http.get("/", headers=shop.headers(shop.point("edge-1"))).status_code == 403


def test_revoked_token_is_signed_out_at_once(http: FlaskClient, shop: Workshop) -> None:
    """
    Whoever loses a token loses the open session as well, not twelve hours later.
    """
    secret = shop.secret("eve", "viewer")
    sign_in(http, secret)
    assert http.get("/").status_code == 200
    shop.service.operations.revoke_token(ADMIN, shop.credential(secret).token)
    assert http.get("/").status_code == 303


def test_session_ends_after_twelve_hours(http: FlaskClient, shop: Workshop) -> None:
    """
    A browser left open on a wall is not signed in for ever.
    """
    sign_in(http, shop.secret("eve", "viewer"))
    shop.clock.advance(12 * 3600 - 1)
    assert http.get("/").status_code == 200
    shop.clock.advance(2)
    assert http.get("/").status_code == 303


@pytest.mark.parametrize(
    "forge",
    [
        lambda c: c[:-1] + ("0" if c[-1] != "0" else "1"),
        lambda c: "A" + c[1:],
        lambda c: c.split(".")[0],
        lambda c: "." + c,
        lambda c: "",
    ],
)
def test_forged_cookie_is_nobody(http: FlaskClient, shop: Workshop, forge: object) -> None:
    """
    The cookie is believed only whole and sealed by us.
    """
    made = http.post("/login", data={"token": shop.secret("eve", "viewer")}).headers["Set-Cookie"]
    value = made.partition("=")[2].partition(";")[0]
    http.set_cookie("andon_session", forge(value))  # type: ignore[operator]
    assert http.get("/").status_code == 303


@pytest.mark.parametrize("value", ["\xff.\xff", "\udc80.x", "." * 5000, '"a\\377.b"', "e30.0", "; ;=;", "\x00"])
def test_cookie_of_any_bytes_is_nobody_and_no_fault(http: FlaskClient, value: str) -> None:
    """
    Other programs on the same host set cookies too; no byte of theirs may break our pages or the live stream.
    """
    assert not page_reader(http.application)({"cookie": f"andon_session={value}"})
    if value.isascii() and value.isprintable():
        assert http.get("/", headers={"Cookie": f"andon_session={value}"}).status_code == 303


def test_sign_out_forgets_the_session(http: FlaskClient, shop: Workshop) -> None:
    """
    Leaving a shared machine has to work.
    """
    page = sign_in(http, shop.secret("eve", "viewer"))
    assert http.post("/logout", data={"csrf": form_token(page)}).headers["Location"] == "/login"
    assert http.get("/").status_code == 303


# --- one-time links ---


def test_sign_in_link_survives_previews_and_works_once(http: FlaskClient, shop: Workshop) -> None:
    """
    Chat programs open links to preview them; that must not burn the link, and a second reader must not get in.
    """
    token = shop.credential(shop.secret("ada-admin", "admin", person="ada")).token
    path = sign_in_link(shop.service, token, "http://localhost").removeprefix("http://localhost")
    for _ in range(3):
        assert "Sign in as Ada Okafor" in http.get(path).text
    nonce = path.partition("link=")[2]
    assert http.post("/login", data={"link": nonce}).headers["Location"] == "/"
    assert http.get("/").status_code == 200

    other = http.application.test_client()
    assert other.post("/login", data={"link": nonce}).status_code == 403
    assert "used already" in other.get(path).text


def test_sign_in_link_is_over_after_ten_minutes(shop: Workshop) -> None:
    """
    A link in old chat history opens nothing.
    """
    links = SignInLinks(shop.clock)
    nonce = links.make("some-token")
    shop.clock.advance(599)
    assert links.whose(nonce) == "some-token"
    shop.clock.advance(2)
    assert links.use(nonce) is None


# --- forms ---


def test_form_without_its_token_is_refused_and_keeps_what_was_typed(http: FlaskClient, shop: Workshop) -> None:
    """
    A form that we did not make must do nothing; a person whose session changed must not lose a paragraph.
    """
    sign_in(http, shop.secret("linus", "responder", person="linus"))
    answer = http.post("/kill", data={"what": "partner", "name": "acme", "reason": "they <b>leak</b>", "csrf": "wrong"})
    assert answer.status_code == 403
    assert "they &lt;b&gt;leak&lt;/b&gt;" in answer.text
    assert not shop.service.desk.snapshot.live["partner:acme"].get("revoked")

    again = dict(
        re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)"', answer.text.split("What you typed")[1])
    )
    assert http.post("/kill", data=again).status_code == 303


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ],
    ids=lambda h: " ".join(h.values()),
)
def test_form_from_another_site_is_refused_even_with_its_token(
    http: FlaskClient, shop: Workshop, headers: dict[str, str]
) -> None:
    """
    Two walls: a leaked form token alone is not enough, and no button offers to send it after all.
    """
    page = sign_in(http, shop.secret("linus", "responder", person="linus"))
    sent = {"what": "partner", "name": "acme", "reason": "x", "csrf": form_token(page)}
    answer = http.post("/kill", data=sent, headers=headers)
    assert answer.status_code == 403
    assert "Send it again" not in answer.text
    assert not shop.service.desk.snapshot.live["partner:acme"].get("revoked")
    assert http.post("/login", data={"token": "x"}, headers=headers).status_code == 403


def test_form_of_our_own_site_passes_both_walls(http: FlaskClient, shop: Workshop) -> None:
    """
    The walls must not stand before our own forms.
    """
    page = sign_in(http, shop.secret("linus", "responder", person="linus"))
    sent = {"what": "partner", "name": "acme", "reason": "x", "csrf": form_token(page)}
    answer = http.post("/kill", data=sent, headers={"Origin": "http://localhost", "Sec-Fetch-Site": "same-origin"})
    assert answer.status_code == 303


def test_form_sent_after_signing_out_keeps_what_was_typed(http: FlaskClient, shop: Workshop) -> None:
    """
    Sessions end at bad moments; the words must still be there.
    """
    answer = http.post("/kill", data={"what": "model", "name": "orion-2", "reason": "a long story"})
    assert answer.status_code == 401
    assert "a long story" in answer.text
    assert "halted" not in shop.service.desk.snapshot.live["model:orion-2"]


def test_page_reader_knows_sessions_and_bearers_that_may_read(http: FlaskClient, shop: Workshop) -> None:
    """
    The live stream tells when something happens; only those who may read pages may hear it.
    """
    reads = page_reader(http.application)
    assert not reads({})
    assert not reads({"cookie": "andon_session=x.y"})
    assert reads({"authorization": f"Bearer {shop.secret('eve', 'viewer')}"})
    assert not reads({"authorization": f"Bearer {shop.point('edge-1')}"})
    assert not reads({"authorization": f"Bearer {shop.secret('portal', 'partner', partner='acme')}"})
    cookie = http.post("/login", data={"token": shop.secret("eve", "viewer")}).headers["Set-Cookie"].partition(";")[0]
    assert reads({"cookie": f"other=1; {cookie}"})
