"""
The frame around every page: who is looking, what may be sent, headers, and what stands on top of all of them.

Pages add their routes to ``pages``. The service and the sessions hang on the app, so that several apps may live in
one program.
"""

from __future__ import annotations

import hashlib
import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from weakref import WeakKeyDictionary

import structlog
from flask import Blueprint, Flask, Response, abort, current_app, g, make_response, redirect, render_template, request
from werkzeug.wrappers import Response as AnyResponse

from incidents.decisions import Asker
from incidents.desk import Commit
from incidents.ledger import AnswerKey
from incidents.roles import Right
from incidents.service import Service
from incidents.web.guard import FIELD, from_elsewhere, right_token
from incidents.web.session import COOKIE, SESSION_LIFE, Sessions, SignInLinks, Visitor
from incidents.web.words import forget_notes

log = structlog.get_logger("andon.pages")

pages = Blueprint("pages", __name__, template_folder="templates", static_folder="static", static_url_path="/static")
Answered = AnyResponse | str | tuple[str, int]

OPEN_TO_ALL = {"pages.login", "pages.take_token", "pages.static", "pages.calendar_feed", "pages.shared"}
PARTNERS_OWN = {"pages.board", "pages.logout"}
NOT_PAGES = (
    "/api/",
    "/metrics",
    "/enforce/",
    "/ofrep/",
    "/flagd/",
    "/healthz",
    "/readyz",
    "/live",
    "/static/",
    "/slack/",
)
BODY_LIMIT = 1 << 20
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)


@dataclass(frozen=True, slots=True)
class Web:
    """What the pages of one app share."""

    service: Service
    sessions: Sessions
    links: SignInLinks
    secure: bool
    assets: str


def attach(app: Flask, service: Service) -> None:
    """Hang the pages' own parts on the app."""
    app.extensions["andon.web"] = Web(
        service=service,
        sessions=Sessions(service.secret("session"), service.desk),
        links=links_of(service),
        secure=service.settings.url.startswith("https://"),
        assets=_version_of_assets(),
    )
    service.desk.on_commit(_forget_redacted)


def _forget_redacted(commit: Commit) -> None:
    if any(event.kind == "incident:entry:redacted" for event in commit.events):
        forget_notes()


_LINKS: WeakKeyDictionary[Service, SignInLinks] = WeakKeyDictionary()


def links_of(service: Service) -> SignInLinks:
    """The sign-in links of a service: whoever starts it makes them, its pages take them."""
    return _LINKS.setdefault(service, SignInLinks(service.clock))


def _version_of_assets() -> str:
    """Changes with the style sheet or the script, so that browsers may keep both for as long as they like."""
    folder = Path(__file__).parent / "static"
    return hashlib.sha256(b"".join(p.read_bytes() for p in sorted(folder.iterdir()) if p.is_file())).hexdigest()[:12]


def web_of(app: Flask) -> Web:
    found: Web = app.extensions["andon.web"]
    return found


def web() -> Web:
    return web_of(current_app)


def service() -> Service:
    return web().service


def visitor() -> Visitor:
    """Whoever looks at a page that is not open to all."""
    found: Visitor = g.visitor
    return found


def asker() -> Asker:
    return visitor().asker


# --- before and after -----------------------------------------------------------------------------------------------


@pages.before_request
def _enter() -> AnyResponse | tuple[str, int] | None:
    from incidents.web import trouble

    here = web()
    if (request.content_length or 0) > BODY_LIMIT:
        abort(413)
    request.max_form_memory_size = BODY_LIMIT  # what may arrive may also be read
    headers = {name.lower(): value for name, value in request.headers.items()}
    g.visitor = here.sessions.visitor(headers)
    if request.method == "POST":
        elsewhere = from_elsewhere(headers, request.host, here.service.settings.url)
        if elsewhere is not None:
            return trouble.not_sent_by_us(elsewhere, resend=False)
    if request.endpoint in OPEN_TO_ALL:
        return None
    if g.visitor is None:
        return trouble.signed_out()
    if request.method == "POST" and g.visitor.session is not None:
        expected = here.sessions.form_token(g.visitor.session)
        if not right_token(request.form.get(FIELD, ""), expected):
            return trouble.not_sent_by_us("the form's own token is missing or of an older session", resend=True)
    if not may_enter(g.visitor) and request.endpoint not in PARTNERS_OWN:
        return trouble.page(
            403, "This page is not for partners", "Your token shows your own access, on the first page."
        )
    return None


def may_enter(who: Visitor) -> bool:
    return Right.READ in who.credential.rights


@pages.after_request
def _leave(response: Response) -> Response:
    return with_headers(response, kept=request.endpoint == "pages.static")


def with_headers(response: Response, *, kept: bool = False) -> Response:
    response.headers["Content-Security-Policy"] = POLICY
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers["X-Frame-Options"] = "DENY"
    handed_out = request.path.startswith("/share/")
    response.headers["Referrer-Policy"] = "no-referrer" if handed_out else "same-origin"
    if handed_out:
        response.headers["X-Robots-Tag"] = "noindex, nofollow, noarchive"
    fresh = kept and response.status_code == 200 and request.args.get("v") == web().assets
    response.headers["Cache-Control"] = "public, max-age=31536000, immutable" if fresh else "no-store"
    return response


# --- answering ------------------------------------------------------------------------------------------------------


def show(template: str, status: int = 200, /, **values: Any) -> AnyResponse:
    """A page in its frame."""
    return make_response(render_template(template, **{**frame(), **values}), status)


def frame() -> dict[str, Any]:
    """What every template may use."""
    here = web()
    who: Visitor | None = g.get("visitor")
    return {
        "visitor": who,
        "may": {right.name.lower(): who is not None and right in who.credential.rights for right in Right},
        "csrf": here.sessions.form_token(who.session) if who is not None and who.session is not None else "",
        "once": secrets.token_hex(16),
        "now": here.service.clock.now(),
        "revision": here.service.desk.snapshot.revision,
        "trouble": standing_trouble(here.service) if who is not None and may_enter(who) else None,
        "assets": here.assets,
        "path": request.path,
    }


def standing_trouble(known: Service) -> dict[str, str] | None:
    """What stands on top of every page while Andon is not well: in which words, and how loud."""
    why = known.ready()
    if why is None:
        return next((found for remark in known.remarks if (found := remark()) is not None), None)
    desk = known.desk
    if desk.blocked is not None:
        title = "Grants have stopped: a kill could not be recorded"
        return {"title": title, "why": f"{why}. Points deny when their lease runs out.", "tone": "stop"}
    if desk.trouble is not None:
        title = "Andon can't read its ledger"
        return {"title": title, "why": f"{why}. What this page shows may be old.", "tone": "stop"}
    if desk.snapshot.unreadable is not None:
        return {"title": "Everything is denied", "why": f"{why}. Update Andon.", "tone": "stop"}
    return {"title": "Not ready", "why": f"{why}; containment is not being judged", "tone": "wait"}


def sign_in(token: str, onward: str) -> AnyResponse:
    """Send the visitor on with a fresh cookie."""
    here = web()
    response = redirect(onward, 303)
    response.set_cookie(
        COOKIE,
        here.sessions.seal(token),
        max_age=int(SESSION_LIFE.total_seconds()),
        httponly=True,
        secure=here.secure,
        samesite="Lax",
        path="/",
    )
    return response


def sign_out() -> AnyResponse:
    response = redirect("/login", 303)
    response.delete_cookie(COOKIE, path="/", httponly=True, secure=web().secure, samesite="Lax")
    return response


def answer_key(values: Mapping[str, Any]) -> AnswerKey | None:
    """
    A form pressed twice does its work once: the key is the form's own, bound to what was filled in.

    Other values under the same form are another wish, so they make another key instead of an error.
    """
    once = request.form.get("once", "")
    if not once.isalnum() or len(once) > 64:
        return None
    who = visitor().credential
    body = hashlib.sha256(json.dumps(values, sort_keys=True).encode("utf-8", "surrogatepass")).hexdigest()
    return AnswerKey(owner=who.person or who.token, route=f"web {request.path}", key=f"{once}-{body[:16]}", body=body)
