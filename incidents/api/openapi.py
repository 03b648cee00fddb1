"""
The OpenAPI 3.1 document, made from the registry and, for the front, from ``front_paths``. Pure.
"""

from __future__ import annotations

from functools import cache
from importlib.metadata import version
from typing import Any

from incidents.api.clock_schemas import CLOCK_COMPONENTS
from incidents.api.front_paths import FRONT_COMPONENTS, FRONT_PATHS
from incidents.api.queries import Query
from incidents.api.registry import JSON, ROUTES, Answered, Route
from incidents.api.review_schemas import REVIEW_COMPONENTS
from incidents.api.schemas import COMPONENTS, TEXT, ref
from incidents.problems import MEDIA_TYPE
from incidents.roles import RIGHTS, Right

DIALECT = "https://spec.openapis.org/oas/3.1/dialect/base"
ABOUT = """Incident response and kill switch for AI model releases.

Times are RFC 3339 with zone, UTC out. Errors are `application/problem+json` (RFC 9457); wrong fields stand under
`errors`. Lists take `limit` and `cursor` and answer `items` and `next`. New fields may appear in any answer.

A POST with an `Idempotency-Key` that is repeated by the same person with the same body within 7 days gets the first
answer again (`Idempotency-Replayed: true`); with another body it is refused."""
KEY_PARAMETER = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": False,
    "description": "1 to 200 printable ASCII characters; the same key and body gets the first answer again",
    "schema": {"type": "string", "minLength": 1, "maxLength": 200, "pattern": "^[ -~]{1,200}$"},
}
FIRST = ("Incidents", "Clocks", "Restores", "Decisions", "Catalog", "Playbooks and runbooks", "Tokens and points")
FAULTS = {
    400: "Not JSON, or not UTF-8",
    401: "No token that is in use",
    403: "The token's role, or its person's, does not allow it",
    404: "Unknown; the detail names the nearest that is known",
    409: "It contradicts what stands now",
    411: "The body's length is not told",
    413: "The body is too large; the detail names the limit",
    415: "The body is of another content type",
    422: "The request is wrong; `errors` names each field",
    503: "The ledger can't be read or written now; the same request may work later",
}


@cache
def document() -> dict[str, Any]:
    """The whole document, as JSON values. Made once; nobody changes it."""
    paths: dict[str, dict[str, Any]] = {}
    for route in ROUTES:
        item = paths.setdefault(route.path, _path_item(route))
        item[route.method.lower()] = _operation(route)
    return {
        "openapi": "3.1.0",
        "jsonSchemaDialect": DIALECT,
        "info": {"title": "Andon", "version": version("andon"), "description": ABOUT, "license": _LICENSE},
        "security": [{"bearer": []}, {"apiKey": []}],
        "tags": [{"name": name} for name in sections()],
        "paths": paths | FRONT_PATHS,
        "components": {
            "securitySchemes": {
                "bearer": {"type": "http", "scheme": "bearer"},
                "apiKey": {"type": "apiKey", "in": "header", "name": "X-API-Key"},
            },
            "schemas": COMPONENTS | CLOCK_COMPONENTS | REVIEW_COMPONENTS | FRONT_COMPONENTS | _forms(),
        },
    }


_LICENSE = {"name": "Apache-2.0", "identifier": "Apache-2.0"}


def sections() -> list[str]:
    """The headings, in the order in which a reader needs them."""
    front = [op["tags"][0] for item in FRONT_PATHS.values() for op in item.values() if "tags" in op]
    found = dict.fromkeys([*(route.section for route in ROUTES), *front])
    return [name for name in FIRST if name in found] + [name for name in found if name not in FIRST]


def roles_for(route: Route) -> list[str]:
    """The roles whose tokens may use a route; none means that it takes no token."""
    if route.right is None:
        return []
    enough = {route.right, Right.OWN_ACCESS} if route.own else {route.right}
    return [role.value for role, rights in RIGHTS.items() if not rights.isdisjoint(enough)]


def faults_of(route: Route) -> list[int]:
    """Statuses of the problems that a route can answer."""
    found = {422, 503} if route.right is not None else set()
    if route.right is not None:
        found |= {401, 403}
    if route.parameters:
        found.add(404)
    if route.takes_body:
        found |= {411, 413, 415}
        found |= {400} if route.form is not None else set()
    if route.keyed and (route.parameters or route.right is Right.PEOPLE):
        found.add(409)
    if route.method == "PUT":
        found.add(409)
    if route.path == "/metrics":
        found -= {422, 503}
    return sorted(found)


def _path_item(route: Route) -> dict[str, Any]:
    names = route.parameters
    return {"parameters": [_path_parameter(name) for name in names]} if names else {}


def _path_parameter(name: str) -> dict[str, Any]:
    schema = {"type": "integer", "minimum": 1} if name in ("n", "version") else {"type": "string"}
    return {"name": name, "in": "path", "required": True, "schema": schema}


def _operation(route: Route) -> dict[str, Any]:
    made: dict[str, Any] = {"operationId": route.name, "tags": [route.section], "summary": route.summary}
    words = [route.about] if route.about else []
    if route.right is None:
        made["security"] = []
    else:
        words.append(f"Roles: {', '.join(roles_for(route))}.")
    if words:
        made["description"] = "\n\n".join(words)
    parameters = [_query(query) for query in route.queries] + ([KEY_PARAMETER] if route.keyed else [])
    if parameters:
        made["parameters"] = parameters
    if route.takes_body:
        made["requestBody"] = _body(route)
    made["responses"] = {str(status): _answer(status, answer) for status, answer in sorted(route.answers.items())}
    made["responses"] |= {str(status): _fault(status) for status in faults_of(route)}
    return made


def _query(query: Query) -> dict[str, Any]:
    return {
        "name": query.name,
        "in": "query",
        "required": query.required,
        "description": query.about,
        "schema": query.schema(),
    }


def _body(route: Route) -> dict[str, Any]:
    schema = ref(route.form.__name__) if route.form is not None else ref("Catalog")
    content: dict[str, Any] = {"schema": schema}
    if route.example is not None:
        content["example"] = route.example
    needed = route.form is None or any(field.is_required() for field in route.form.model_fields.values())
    return {"required": needed, "content": dict.fromkeys(route.media, content)}


def _answer(status: int, answer: Answered) -> dict[str, Any]:
    made: dict[str, Any] = {"description": answer.words}
    if status == 201:
        made["headers"] = {"Location": {"description": "Where the new thing is", "schema": {"type": "string"}}}
    schema = ref(answer.schema) if answer.media == JSON else {"type": "string"}
    made["content"] = {answer.media: {"schema": schema}} | {media: {"schema": TEXT} for media in answer.also}
    return made


def _fault(status: int) -> dict[str, Any]:
    made: dict[str, Any] = {"description": FAULTS[status], "content": {MEDIA_TYPE: {"schema": ref("Problem")}}}
    if status == 401:
        made["headers"] = {"WWW-Authenticate": {"description": "How to ask", "schema": {"type": "string"}}}
    return made


def _forms() -> dict[str, Any]:
    forms = {route.form for route in ROUTES if route.form is not None}
    return {form.__name__: form.model_json_schema() for form in sorted(forms, key=lambda form: form.__name__)}
