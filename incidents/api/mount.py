"""
The registry on Flask: reads a request, guards it, checks it, calls the handler, writes the answer.

Every failure leaves as a problem; what nobody expected is logged with its traceback and answered without it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

import structlog
from flask import Blueprint, Flask, Response, request
from werkzeug.exceptions import HTTPException, RequestEntityTooLarge
from werkzeug.routing import RequestRedirect

from incidents import problems
from incidents.api.auth import Unauthenticated, asker_of, guard, owner_of
from incidents.api.bodies import digest_of, printable, read_form, read_json
from incidents.api.queries import read_queries
from incidents.api.registry import ROUTES, Call, Route, Said
from incidents.decisions import Asker
from incidents.errors import AndonError, FieldError, Invalid, Refused, nearest
from incidents.events import SYSTEM
from incidents.ledger import AnswerKey
from incidents.service import Service

log = structlog.get_logger("andon.api")

KEY_LIMIT = 200
NOBODY = Asker(actor=SYSTEM, rights=frozenset())


class TooLarge(Refused):
    """A body above the route's limit."""

    status = 413
    code = "too-large"


class NoLength(Refused):
    """A body of unknown length: where it was cut off could not be told from where it ends."""

    status = 411
    code = "length-required"


class WrongMedia(Refused):
    """A body that is not of a type that the route reads."""

    status = 415
    code = "unsupported-media-type"


def blueprint(routes: list[Route], service: Service) -> Blueprint:
    made = Blueprint("api", __name__)
    for route in routes:
        made.add_url_rule(route.rule, route.name, _view(route, service), methods=[route.method])
    made.register_error_handler(AndonError, _refused)
    made.register_error_handler(Exception, _unexpected)
    for code in (400, 404, 405, 413, 415):
        made.register_error_handler(code, _http_error)
    made.register_error_handler(HTTPException, _http_error)
    made.after_request(_not_stored)
    return made


def answer_unrouted(app: Flask) -> None:
    """Paths of ours that no route has: before any page's error handler sees them."""

    @app.before_request
    def unrouted() -> Response | None:
        error = request.routing_exception
        if error is None or not ours(request.path):
            return None
        if isinstance(error, RequestRedirect):  # a doubled slash: no answer of ours is a redirect
            return _problem(404, _nothing_at(request.path), "not-found")
        return _http_error(error)


def ours(path: str) -> bool:
    return path.startswith(("/api/", "/metrics", "/enforce/", "/ofrep/", "/flagd/"))


# --- one request ----------------------------------------------------------------------------------------------------


def _view(route: Route, service: Service) -> Callable[..., Response]:
    def view(**path: str) -> Response:
        asker = NOBODY if route.right is None else asker_of(request.environ, service.desk)
        guard(route, asker)
        _check_path(path)
        given = request.args.items(multi=True)
        query = {} if route.free_queries else read_queries(route.queries, given)
        raw = _octets(route) if route.takes_body else b""
        value = _value(route, raw)
        body = read_form(value, route.form) if route.form is not None else None
        key = _key(asker, digest_of(value)) if route.keyed else None
        return _write(route.handler(Call(service, asker, path, query, body, raw, key)))

    return view


def _check_path(path: Mapping[str, str]) -> None:
    for name, text in path.items():
        if "\0" in text or "\ufffd" in text:
            raise Invalid.at(name, f"{name} holds a character that no id has (NUL, or bytes that are not UTF-8)")


def _octets(route: Route) -> bytes:
    """
    Raises:
        TooLarge: Over the route's limit.
        NoLength: Sent in chunks. Half a catalog would still be a catalog.
        WrongMedia: The body is not of a type that the route reads.
    """
    limit = route.limit
    words = f"{limit >> 20} MiB"
    if "Transfer-Encoding" in request.headers:
        raise NoLength("the length of the body is not told; send it whole, with Content-Length")
    length = request.content_length or 0
    if length > limit:
        raise TooLarge(f"the body has {length} bytes; at most {limit} ({words}) are taken")
    try:
        raw = request.get_data(cache=False)
    except RequestEntityTooLarge as error:
        raise TooLarge(f"the body is larger than {limit} bytes ({words})") from error
    if raw and request.mimetype not in route.media:
        known = ", ".join(route.media)
        kind = request.mimetype[:80] or "not named"
        raise WrongMedia(f"the content type is {kind}; this route reads {known}")
    return raw


def _value(route: Route, raw: bytes) -> Any:
    if route.form is None:
        return None
    if not raw:
        if any(field.is_required() for field in route.form.model_fields.values()):
            message = f"a body is needed: JSON with {', '.join(_needed(route))}"
            raise Invalid(message, errors=[FieldError(name, f"{name} is missing") for name in _needed(route)])
        return {}
    return read_json(raw)


def _needed(route: Route) -> list[str]:
    fields = route.form.model_fields if route.form is not None else {}
    return [name for name, field in fields.items() if field.is_required()]


def _key(asker: Asker, digest: str) -> AnswerKey | None:
    """
    Raises:
        Invalid: An Idempotency-Key that is empty, too long or not printable ASCII.
    """
    text = request.headers.get("Idempotency-Key")
    if text is None:
        return None
    if not (0 < len(text) <= KEY_LIMIT and text.isascii() and text.isprintable()):
        message = f"Idempotency-Key is 1 to {KEY_LIMIT} printable ASCII characters; this one has {len(text)}"
        raise Invalid.at("Idempotency-Key", message)
    return AnswerKey(owner=owner_of(asker), route=f"{request.method} {request.path}", key=text, body=digest)


# --- answers --------------------------------------------------------------------------------------------------------


def _write(said: Said) -> Response:
    text = said.body if isinstance(said.body, str) else json.dumps(said.body, separators=(",", ":")) + "\n"
    return Response(text, said.status, headers=dict(said.headers), content_type=said.media)


def _problem(status: int, detail: str, code: str = "", headers: Mapping[str, str] | None = None) -> Response:
    return _sent(problems.problem(status, detail, code=code), headers)


def _sent(body: dict[str, Any], headers: Mapping[str, str] | None = None) -> Response:
    text = json.dumps(body, separators=(",", ":")) + "\n"
    made = Response(text, body["status"], headers=dict(headers or {}), content_type=problems.MEDIA_TYPE)
    return _not_stored(made)


def _not_stored(response: Response) -> Response:
    response.headers["Cache-Control"] = "no-store"
    response.headers["X-Content-Type-Options"] = "nosniff"
    return response


def _refused(error: AndonError) -> Response:
    headers = {"WWW-Authenticate": 'Bearer realm="andon"'} if isinstance(error, Unauthenticated) else {}
    if not isinstance(error, Refused):
        log.warning("unavailable", method=request.method, path=request.path, error=str(error))
    return _sent(problems.of_error(error), headers)


def _http_error(error: HTTPException) -> Response:
    status = error.code or 500
    headers = {}
    if status == 405:
        headers["Allow"] = ", ".join(sorted(error.valid_methods or ()))  # type: ignore[attr-defined]
        detail = f"{request.path} takes {headers['Allow']}, not {request.method}"
    elif status == 404:
        detail = _nothing_at(request.path)
    else:
        detail = error.description or error.name
    return _problem(status, detail, error.name.lower().replace(" ", "-"), headers)


def _nothing_at(path: str) -> str:
    shown = printable(path, 200)
    return f"nothing is at {shown}.{nearest(shown, [route.path for route in ROUTES])}"


def _unexpected(error: Exception) -> Response:
    log.error("request_failed", method=request.method, path=request.path, exc_info=error)
    return _problem(500, "something went wrong here; it is written in the service's log", "internal")
