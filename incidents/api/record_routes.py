"""
Routes about the record and the service itself: log, signed head, metrics, and the API's own description.
"""

from __future__ import annotations

from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from incidents.api.docs import docs_page
from incidents.api.openapi import document
from incidents.api.queries import Query, limit
from incidents.api.registry import Answered, Call, Said, route
from incidents.ledger.chain import to_json
from incidents.metrics import REGISTRY
from incidents.roles import Right

RECORD = "Record and operation"


@route(
    "GET",
    "/api/v1/log",
    section=RECORD,
    right=Right.READ,
    queries=(
        Query(name="after", about="Events after this sequence number", low=0, default=0),
        limit(default=500, high=1000),
    ),
    answers={200: Answered("Whole events in order, each as an exported log has it", "LogPage")},
)
def log(call: Call) -> Said:
    """
    The chained log, whole events in order.

    `next` is the `after` of the next page. Each item, as canonical JSON (RFC 8785), is a line of an exported log. Of
    events of restricted incidents that are not for you only their place in the chain is given (`withheld`).
    """
    size = call.query["limit"]
    events = call.operations.log(call.asker, after=call.query["after"], limit=size + 1)
    following = f'"{events[size - 1].seq}"' if len(events) > size else "null"
    # Put together as text: these are the canonical bytes, and parsing them to write them again would cost the most.
    return Said(200, f'{{"items":[{",".join(map(to_json, events[:size]))}],"next":{following}}}')


@route(
    "GET",
    "/api/v1/checkpoint",
    section=RECORD,
    right=Right.READ,
    answers={200: Answered("A signed note: ledger, sequence number, digest, signature", media="text/plain")},
)
def checkpoint(call: Call) -> Said:
    """
    The ledger's head, signed.

    Keep it somewhere else: `andon verify --against` proves with it that the log was not rewritten since. 503 where this
    service has no signing key.
    """
    return Said(200, call.service.checkpoint(), media="text/plain; charset=utf-8")


@route(
    "GET",
    "/metrics",
    section=RECORD,
    right=Right.READ,
    free_queries=True,
    answers={200: Answered("Prometheus text format", media="text/plain")},
)
def metrics(call: Call) -> Said:
    """Counters for Prometheus; takes any token that may read."""
    return Said(200, generate_latest(REGISTRY).decode(), media=CONTENT_TYPE_LATEST)


@route(
    "GET",
    "/api/openapi.json",
    section=RECORD,
    right=None,
    free_queries=True,
    answers={200: Answered("OpenAPI 3.1", "OpenApi")},
)
def openapi(call: Call) -> Said:
    """This API as an OpenAPI document."""
    return Said(200, document())


@route(
    "GET",
    "/api/docs",
    section=RECORD,
    right=None,
    free_queries=True,
    answers={200: Answered("A page for people", media="text/html")},
)
def docs(call: Call) -> Said:
    """This API as a page for people, with examples."""
    return Said(200, docs_page(call.service.settings.url), media="text/html; charset=utf-8")
