"""
Links for leadership: made and revoked on the incident's page, and what they show to whoever has one.

The page behind a link knows no session: it shows the same to everybody, and to nobody once the link has ended.
"""

from __future__ import annotations

from flask import request
from werkzeug.wrappers import Response

from incidents.errors import Unavailable, Unknown
from incidents.operations import Reply
from incidents.share_links import opened
from incidents.web.frame import answer_key, asker, log, pages, service, show
from incidents.web.incident_pages import attempt, story

NOT_SHARED: dict[str, object] = {"visitor": None, "may": {}, "csrf": "", "once": ""}


@pages.get("/share/<signed>")
def shared(signed: str) -> Response:
    claim = opened(service().secret("share"), signed)
    if claim is None:
        return _nothing(404)
    incident, share, until = claim
    try:
        found = service().operations.shared_reading(incident, share)
    except Unknown:
        return _nothing(404)
    except Unavailable as error:
        log.warning("share_not_shown", error=str(error))
        return _nothing(503)
    if found is None:
        return _nothing(410)
    return show("share.html", **story(found), **NOT_SHARED, trouble=_trouble(), until=until)


def _nothing(status: int) -> Response:
    """The same words whatever it once was."""
    return show("share_over.html", status, **NOT_SHARED, trouble=None, later=status == 503)


def _trouble() -> dict[str, str] | None:
    """That what is shown may be old, without saying why to people from elsewhere."""
    if service().ready() is None:
        return None
    return {"title": "Andon is not well", "why": "What this page shows may be old", "tone": "wait"}


@pages.post("/incidents/<id>/shares")
def make_share(id: str) -> Response:
    life = request.form.get("for", "")

    def act() -> Reply:
        return service().operations.share(asker(), id, life, answer_key({"id": id, "for": life}))

    return attempt(id, "share", act, lambda reply: "shared", "share")


@pages.post("/incidents/<id>/shares/<share>/revocation")
def revoke_share(id: str, share: str) -> Response:
    def act() -> Reply:
        return service().operations.revoke_share(asker(), id, share, answer_key({"id": id, "share": share}))

    return attempt(id, f"revoke-{share}", act, lambda reply: "unshared", "share")
