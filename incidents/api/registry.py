"""
What the API offers: each route once, with everything that routing, guarding, checking and describing it takes.

Flask's routes, the OpenAPI document, the readable page and the tests of roles all read this list, so none of them can
drift from another. Knows no Flask.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from pydantic import BaseModel

from incidents.api.queries import Query
from incidents.decisions import Asker
from incidents.ledger import AnswerKey
from incidents.operations import Operations, Reply
from incidents.roles import Right
from incidents.service import Service

JSON = "application/json"
JSON_LIMIT = 1 << 20
Form = TypeVar("Form", bound=BaseModel)


@dataclass(frozen=True, slots=True)
class Said:
    """One answer. ``body`` is JSON values, or finished text where ``media`` is not JSON or it was written already."""

    status: int
    body: Any
    headers: Mapping[str, str] = field(default_factory=dict)
    media: str = JSON


@dataclass(frozen=True, slots=True)
class Call:
    """One request that has passed the guard and whose form is right."""

    service: Service
    asker: Asker
    path: Mapping[str, str]
    query: Mapping[str, Any]
    body: BaseModel | None
    raw: bytes
    key: AnswerKey | None

    @property
    def operations(self) -> Operations:
        return self.service.operations

    def form(self, kind: type[Form]) -> Form:
        """The body as the model that the route names."""
        if not isinstance(self.body, kind):
            raise TypeError(f"this route reads {type(self.body).__name__}, not {kind.__name__}")
        return self.body


Handler = Callable[[Call], Said]


@dataclass(frozen=True, slots=True)
class Answered:
    """What a status means, and the schema of its body (its name among the components). ``also``: other media types."""

    words: str
    schema: str = ""
    media: str = JSON
    also: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """
    One method on one path. ``right`` None needs no token.

    ``guard``: what is asked for before the handler runs, where the operation itself must see who lacks ``right``.
    ``own``: a partner's token may use it too, for itself alone.
    """

    method: str
    path: str
    name: str
    section: str
    summary: str
    handler: Handler
    right: Right | None
    answers: Mapping[int, Answered]
    guard: Right | None = None
    own: bool = False
    queries: tuple[Query, ...] = ()
    free_queries: bool = False
    form: type[BaseModel] | None = None
    example: Mapping[str, Any] | None = None
    media: tuple[str, ...] = (JSON,)
    limit: int = JSON_LIMIT
    keyed: bool = False
    about: str = ""

    @property
    def parameters(self) -> list[str]:
        """Names in braces in the path, in order."""
        return [part[1:-1] for part in self.path.split("/") if part.startswith("{")]

    @property
    def rule(self) -> str:
        """The path as Flask writes it. Plain text only: handlers judge ids, so that a wrong one is named."""
        return self.path.replace("{", "<").replace("}", ">")

    @property
    def takes_body(self) -> bool:
        return self.method in ("POST", "PUT")

    @property
    def asks(self) -> Right | None:
        return self.guard or self.right


ROUTES: list[Route] = []


def route(method: str, path: str, **what: Any) -> Callable[[Handler], Handler]:
    """Register a handler; its first docstring line is the summary, the rest is what the page says about it."""

    def register(handler: Handler) -> Handler:
        first, _, rest = (handler.__doc__ or "").strip().partition("\n")
        about = " ".join(rest.split())
        keyed = method == "POST" and what.pop("keyed", True)
        made = Route(
            method=method,
            path=path,
            name=handler.__name__,
            summary=first.rstrip("."),
            about=about,
            handler=handler,
            keyed=keyed,
            **what,
        )
        ROUTES.append(made)
        return handler

    return register


def told(reply: Reply, location: str = "") -> Said:
    """An operation's reply as an answer; 201 says where the new thing is, a repeat says that it is one."""
    headers = {"Idempotency-Replayed": "true"} if reply.replayed else {}
    if location and reply.status == 201:
        headers["Location"] = location
    return Said(reply.status, reply.body, headers)


def page(items: list[Any], limit: int, cursor_of: Callable[[Any], object]) -> dict[str, Any]:
    """``items`` holds one more than ``limit`` where there is a next page."""
    more = len(items) > limit
    return {"items": items[:limit], "next": str(cursor_of(items[limit - 1])) if more else None}
