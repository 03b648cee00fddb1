"""
The way in and out: a pasted token or a one-time link becomes a session.
"""

from __future__ import annotations

from flask import request
from werkzeug.wrappers import Response

from incidents.credentials import Credential, find
from incidents.roles import Right
from incidents.web.frame import pages, service, show, sign_in, sign_out, web
from incidents.web.guard import local_path

GONE = "This sign-in link was used already or is older than ten minutes. Paste a token, or ask for a new link."
UNKNOWN = "No token in use is like this one. Check that all of it was copied; it begins with andon_."


@pages.get("/login")
def login() -> Response:
    """With ``?link=``: who it would sign in, and a button, because previews of links are opened too."""
    nonce = request.args.get("link", "")
    if not nonce:
        return _form(200)
    token = web().links.whose(nonce)
    credential = web().sessions.credential_of(token) if token is not None else None
    if credential is None:
        return _form(403, wrong=GONE)
    return show("login.html", link=nonce, who=_name(credential), role=credential.role, onward=_onward())


@pages.post("/login")
def take_token() -> Response:
    if "link" in request.form:
        token = web().links.use(request.form["link"])
        credential = web().sessions.credential_of(token) if token is not None else None
        wrong = GONE
    else:
        credential = find(service().desk.credentials, request.form.get("token", "").strip())
        wrong = UNKNOWN
    if credential is None:
        return _form(403, wrong=wrong)
    if credential.rights.isdisjoint({Right.READ, Right.OWN_ACCESS}):
        return _form(
            403, wrong=f"A token of role '{credential.role}' is a machine's; pages take a person's or a partner's."
        )
    return sign_in(credential.token, _onward())


@pages.post("/logout")
def logout() -> Response:
    return sign_out()


def _form(status: int, wrong: str = "") -> Response:
    return show("login.html", status, wrong=wrong, onward=_onward())


def _onward() -> str:
    return local_path(request.values.get("next", "/"))


def _name(credential: Credential) -> str:
    with service().desk.read() as state:
        person = state.catalog.people.get(credential.person or "")
        return person.name if person is not None and person.name else credential.name
