"""
"Say who you are": a Slack account becomes its person's, and what they had typed there is done.

Looking at the link does nothing, because chat programs open links to preview them; the button does it, once.
"""

from __future__ import annotations

from flask import request
from werkzeug.wrappers import Response

from incidents.account_links import Wanted
from incidents.errors import AndonError, Conflicting
from incidents.ledger import AnswerKey
from incidents.web.frame import asker, pages, service, show
from incidents.web.trouble import page

GONE = "It was used already, or is older than ten minutes. Type the command in Slack again; it gives you a new one."


@pages.get("/link")
def look_at_link() -> Response:
    wanted = service().account_links.read(request.args.get("x", ""))
    if wanted is None:
        return page(403, "This link does not work any more", GONE)
    return show("link.html", wanted=wanted, link=request.args["x"])


@pages.post("/link")
def use_link() -> Response:
    wanted = service().account_links.read(request.form.get("x", ""))
    if wanted is None:
        return page(403, "This link does not work any more", GONE)
    try:
        reply = service().operations.link_account(asker(), wanted.user, _once(wanted))
        if reply.replayed:
            raise Conflicting("this link was used already; type the command in Slack again")
    except AndonError as error:
        return show("link.html", error.status, wanted=wanted, link=request.form["x"], error=error)
    return show("link.html", wanted=wanted, done=True, said=service().account_links.run(asker(), wanted))


def _once(wanted: Wanted) -> AnswerKey:
    """The ledger remembers that a link was used, longer than any link lives."""
    return AnswerKey(owner="slack", route="/link", key=wanted.nonce, body=wanted.nonce)
