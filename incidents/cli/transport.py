"""
How a command reaches the API: over HTTP to ANDON_URL, or in this process, straight on the ledger.

Both speak the same routes, so every rule holds in both. Knows nothing of what is asked or how answers are shown.
"""

from __future__ import annotations

import json
import os
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Protocol
from urllib.parse import quote, urlencode, urlsplit

import click

from incidents.cli.outcome import Exit, Failed, of_problem
from incidents.errors import Invalid
from incidents.settings import Settings, read_settings

Json = dict[str, Any]
Query = Mapping[str, str | int | None]
PROBLEM = "application/problem+json"
YAML = "application/yaml"


class Transport(Protocol):
    """``place`` names the URL or the ledger, for people."""

    place: str

    def send(self, method: str, target: str, headers: Json, body: bytes | None) -> Json | list[Any] | str:
        """
        One request; ``target`` is path and query. The answer's JSON, or its text where it is not JSON.

        Raises:
            Failed: Refused, or nobody could be reached.
        """


class Andon:
    """The API as commands use it: ``andon.get("incidents", id, "timeline", limit=200)``."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    @property
    def place(self) -> str:
        return self._transport.place

    def get(self, *path: str, **query: str | int | None) -> Any:
        return self._transport.send("GET", _target(path, query), {}, None)

    def post(self, *path: str, body: Json | None = None, repeatable: bool = True) -> Any:
        """``repeatable``: with a key of its own, so that a lost connection is tried again without doing it twice."""
        headers = {"Content-Type": "application/json"}
        if repeatable:
            headers["Idempotency-Key"] = str(uuid.uuid4())
        return self._transport.send("POST", _target(path, {}), headers, _octets(body or {}))

    def put(self, *path: str, octets: bytes, **query: str | int | None) -> Any:
        return self._transport.send("PUT", _target(path, query), {"Content-Type": YAML}, octets)

    def put_json(self, *path: str, body: Json) -> Any:
        return self._transport.send("PUT", _target(path, {}), {"Content-Type": "application/json"}, _octets(body))

    def items(self, *path: str, **query: str | int | None) -> Iterator[Any]:
        """Every item of a list, page by page."""
        while True:
            page = self.get(*path, **query)
            yield from page["items"]
            if not page["items"] or page.get("next") is None or page["next"] == query.get("cursor"):
                return
            query["cursor"] = page["next"]


@contextmanager
def connect(*, person_needed: str = "") -> Iterator[Andon]:
    """
    The API where the environment says that it is.

    Args:
        person_needed: What takes the token of a person even straight on the ledger, e.g. "a restore".
    """
    token = _token()
    url = remote_url()
    if url is not None:
        from incidents.cli.remote import Remote

        yield Andon(Remote(url, token))
        return
    if person_needed and token is None:
        raise Failed(
            Exit.REFUSED,
            f"{person_needed} takes a person's token, also straight on the ledger: set ANDON_TOKEN",
            "`andon token create --name NAME --role commander --person PERSON` makes one",
        )
    from incidents.cli.direct import Direct

    with Direct.opened(settings(), token) as direct:
        yield Andon(direct)


def settings(*, starting: bool = False) -> Settings:
    """
    Args:
        starting: Also what only a service reads when it starts: a kill must not fail for a file that it never opens.

    Raises:
        Failed: A variable is wrong; the line names it, its value and what it takes.
    """
    read = os.environ if starting else {name: told for name, told in os.environ.items() if name != "ANDON_CATALOG"}
    try:
        return read_settings(read)
    except Invalid as error:
        raise Failed(Exit.WRONG_USAGE, str(error)) from error


def remote_url() -> str | None:
    """ANDON_URL without its last slash; None where it is not set."""
    value = os.environ.get("ANDON_URL", "").strip()
    if not value:
        return None
    takes = "it takes an http(s) address such as http://127.0.0.1:8600"
    try:
        parts = urlsplit(value)
        good = parts.scheme in ("http", "https") and parts.hostname and (parts.port or 0) >= 0 and not parts.query
    except ValueError:
        good = False
    if not good or not value.isprintable() or " " in value:
        raise Failed(Exit.WRONG_USAGE, f"ANDON_URL={value!r}: {takes}")
    if "@" in parts.netloc:
        raise Failed(Exit.WRONG_USAGE, f"ANDON_URL: {takes}, without a password; the token goes into ANDON_TOKEN")
    return value.rstrip("/")


def refuse_remote(command: str) -> None:
    """For what can only be done on the ledger's own machine."""
    url = remote_url()
    if url is not None:
        raise click.UsageError(
            f"'{command}' works on the ledger's file, but ANDON_URL={url} is set: run it on the ledger's machine,"
            " with ANDON_URL unset"
        )


def judged(status: int, media_type: str, text: str, place: str, *hints: str) -> Any:
    """What an answer means: its JSON or text, or how the command fails."""
    if 200 <= status < 300:
        if media_type != "application/json":
            return text
        try:
            return json.loads(text)
        except ValueError:
            raise Failed(Exit.NOT_REACHED, f"{place}: what it answered is no JSON; is it Andon?") from None
    problem = _problem(status, media_type, text)
    if problem is not None:
        raise of_problem(problem, place, *(hints if status in (401, 403) else ()))
    raise Failed(Exit.NOT_REACHED, f"{place}: answered {status}, but not as Andon does; is it Andon?")


def _problem(status: int, media_type: str, text: str) -> Json | None:
    if media_type != PROBLEM:
        return None
    try:
        found = json.loads(text)
    except ValueError:
        return None
    return found | {"status": status} if isinstance(found, dict) else None


def _token() -> str | None:
    value = os.environ.get("ANDON_TOKEN", "").strip()
    if not value:
        return None
    if not value.isascii() or not value.isprintable() or " " in value:
        raise Failed(Exit.WRONG_USAGE, "ANDON_TOKEN: it takes a token as `andon token create` printed it")
    return value


def _target(path: tuple[str, ...], query: Query) -> str:
    """Path and query below /api/v1; what a person typed stays one step of the path, whatever is in it."""
    for part in path:
        if part in ("", ".", ".."):
            raise Failed(Exit.WRONG_USAGE, f"'{part}' can't be the name of anything")
    told = {name: value for name, value in query.items() if value is not None}
    try:
        target = "/api/v1/" + "/".join(quote(part, safe="") for part in path)
        return f"{target}?{urlencode(told)}" if told else target
    except UnicodeEncodeError:
        raise _not_text() from None


def _octets(body: Json) -> bytes:
    try:
        return json.dumps(body, ensure_ascii=False).encode()
    except UnicodeEncodeError:  # the shell passed bytes that are no UTF-8; Python keeps them as lone surrogates
        raise _not_text() from None


def _not_text() -> Failed:
    return Failed(Exit.WRONG_USAGE, "an argument is not valid UTF-8 text")
