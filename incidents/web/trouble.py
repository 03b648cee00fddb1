"""
Pages for what goes wrong: refused, signed out, not found, not recorded, broken. They keep what was typed.
"""

from __future__ import annotations

from urllib.parse import quote

from flask import Flask, Response, g, make_response, render_template, request
from werkzeug.exceptions import HTTPException
from werkzeug.wrappers import Response as AnyResponse

from incidents.errors import AndonError
from incidents.web.frame import NOT_PAGES, frame, log, pages, show, web, with_headers
from incidents.web.guard import FIELD

TITLES = {
    400: "That request can't be read",
    403: "Not allowed",
    404: "There is no such page",
    405: "This address only takes what a form sends",
    409: "It stands differently by now",
    413: "That is too much at once",
    422: "Something in it is wrong",
    500: "Something broke",
    503: "It could not be recorded or read",
}
WORDS = {
    400: "The browser sent something that is not a form.",
    404: "Nothing has this address. The board knows what there is.",
    405: "It was opened like a page. Go back to the page with the form.",
    413: "A form may hold 1 MiB.",
    500: "Andon could not make this page. The log of the service has the details; nothing was changed by looking.",
}


def page(status: int, title: str, words: str, **values: object) -> AnyResponse:
    return show("trouble.html", status, status=status, title=title, words=words, **values)


def typed() -> list[tuple[str, str]]:
    """What the visitor filled in, without what the form carries for itself."""
    return [(name, value) for name, value in request.form.items(multi=True) if name not in (FIELD, "once", "token")]


def not_sent_by_us(why: str, *, resend: bool) -> AnyResponse:
    """``resend``: it came from our own site, so a button may send it again; else it is only shown."""
    words = f"Nothing was done: {why}."
    return page(403, "This form can't be accepted", words, typed=typed(), resend=resend and g.visitor is not None)


def signed_out() -> AnyResponse:
    if request.method in ("GET", "HEAD"):
        onward = request.full_path.rstrip("?")
        response = make_response("", 303)
        response.headers["Location"] = "/login" if onward == "/" else f"/login?next={quote(onward, safe='/')}"
        return response
    words = "Nothing was done. Sign in in another tab, come back here and send it again."
    return page(401, "You are signed out", words, typed=typed(), resend=True)


@pages.errorhandler(AndonError)
def _known(error: AndonError) -> AnyResponse:
    """What a person can fix, or the world being wrong: our own words say which."""
    return page(error.status, TITLES.get(error.status, "Refused"), str(error), errors=error.errors, typed=typed())


@pages.errorhandler(HTTPException)
def _http(error: HTTPException) -> AnyResponse:
    if error.response is not None:
        return error.get_response()
    status = error.code or 500
    return page(status, TITLES.get(status, error.name), WORDS.get(status, error.description or ""))


@pages.errorhandler(Exception)
def _broken(error: Exception) -> AnyResponse:
    log.error("page_failed", path=request.path, error=repr(error), exc_info=error)
    return page(500, TITLES[500], WORDS[500])


def give_faces(app: Flask) -> None:
    """
    Errors outside any page of ours (no such address, the wrong method) get our page as well.

    Done to the answer, not by an error handler of the app: there can be one such handler only, and the API has it.
    """

    @app.after_request
    def _face(response: Response) -> Response:
        if response.status_code < 400 or request.blueprint is not None or request.path.startswith(NOT_PAGES):
            return response
        status = response.status_code
        if "visitor" not in g:
            g.visitor = web().sessions.visitor({name.lower(): value for name, value in request.headers.items()})
        title, words = TITLES.get(status, response.status), WORDS.get(status, "")
        response.set_data(render_template("trouble.html", **frame(), status=status, title=title, words=words))
        response.mimetype = "text/html"
        return with_headers(response)
