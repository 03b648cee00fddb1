"""
The routes of the ASGI front, for the document: enforcement, OFREP, flagd and health.

They are served elsewhere and from memory; here stands only what a reader has to know. A test asks the front for each.
"""

from __future__ import annotations

from typing import Any

from incidents.api.schemas import ANY_OBJECT, TEXT, WHOLE, Schema, many, ref, some, thing

SECTION = "Enforcement points"
OPERATION = "Health"

TABLE: Schema = {
    "type": "object",
    "additionalProperties": True,
    "description": (
        "Key -> entry, sparse. An entry of a model or a flag is the strictest that anybody meets; its `for` may hold"
        " another entry for a partner that is spared. A reader that does not know `for` denies more, never less."
    ),
}
USED = thing(partner=TEXT, flag=TEXT, per=TEXT, window_start=TEXT, count=WHOLE)
FRONT_COMPONENTS: dict[str, Schema] = {
    "Snapshot": thing(ledger=TEXT, revision=WHOLE, digest=TEXT, lease_seconds=WHOLE, live=TABLE, shadow=TABLE),
    "LeaseAsk": thing(
        {
            "instance": TEXT,
            "nonce": TEXT,
            "ledger": TEXT,
            "digest": TEXT,
            "applies": many({"type": "string", "enum": ["live", "shadow"]}),
            "usage": many(USED),
            "refused": TEXT,
        },
        name=TEXT,
        revision=WHOLE,
    ),
    "Lease": thing(
        {"usage": many(USED), "change": ANY_OBJECT, "resync": {"type": "boolean"}},
        lease_seconds=WHOLE,
        revision=WHOLE,
        nonce=some(TEXT),
        ledger=TEXT,
    ),
    "EvaluationContext": {
        "type": "object",
        "properties": {"context": {"type": "object", "properties": {"targetingKey": TEXT, "region": TEXT}}},
    },
    "Evaluation": thing(
        key=TEXT,
        value={"type": "boolean"},
        variant={"type": "string", "enum": ["on", "off"]},
        reason=TEXT,
        metadata=ANY_OBJECT,
    ),
    "EvaluationError": thing({"key": TEXT}, errorCode=TEXT, errorDetails=TEXT),
    "Evaluations": thing(flags=many(ref("Evaluation")), metadata=ANY_OBJECT, eventStreams=many(ANY_OBJECT)),
    "FlagSet": ANY_OBJECT,
    "Healthy": thing(status=TEXT),
    "Ready": thing(status=TEXT, revision=WHOLE),
}


def _header(name: str, about: str) -> dict[str, Any]:
    return {"name": name, "in": "header", "required": False, "description": about, "schema": TEXT}


AUTHORIZE_HEADERS = [
    _header("X-Partner", "Partner id that the gateway has authenticated"),
    _header("X-Partner-Key", "The partner's own key instead; its digest is in the catalog"),
    _header("X-Model", "Model id"),
    _header("X-Capability", "Capability id"),
    _header("X-Region", "Where the request comes from"),
]


def _json(words: str, schema: str) -> dict[str, Any]:
    return {"description": words, "content": {"application/json": {"schema": ref(schema)}}}


def _problems(*statuses: int) -> dict[str, Any]:
    words = {
        400: "Not JSON",
        401: "No token in use",
        403: "Not a token of role `enforcer`, or not of this point",
        404: "No such flag key",
        409: "The revision is above this ledger's head",
        422: "The request is wrong",
        503: "No right to grant now",
    }
    return {str(status): _problem(words[status]) for status in statuses}


def _problem(words: str) -> dict[str, Any]:
    return {"description": words, "content": {"application/problem+json": {"schema": ref("Problem")}}}


def _operation(
    name: str, summary: str, responses: dict[str, Any], section: str = SECTION, **more: Any
) -> dict[str, Any]:
    return {"operationId": name, "tags": [section], "summary": summary, **more, "responses": responses}


def _authorize(name: str) -> dict[str, Any]:
    responses = {
        "200": {"description": "Allowed; the body is empty, `X-Andon-Reason` and `X-Andon-Revision` say why"},
        "403": _problem("Denied, or a token that may not ask; `X-Andon-Reason` says why"),
    }
    summary = "Ask for one request: nginx auth_request, Caddy forward_auth, Envoy ext_authz (any method)"
    return _operation(name, summary, responses, parameters=AUTHORIZE_HEADERS)


FRONT_PATHS: dict[str, dict[str, Any]] = {
    "/enforce/v1/snapshot": {
        "get": _operation(
            "snapshot",
            "The whole decision table",
            {
                "200": _json("The table; `ETag` names ledger and revision", "Snapshot"),
                "304": {"description": "Unchanged since the `ETag` in `If-None-Match`"},
                **_problems(401, 403),
            },
        )
    },
    "/enforce/v1/stream": {
        "get": _operation(
            "stream",
            "Changes as they happen (server-sent events)",
            {
                "200": {
                    "description": "`change` with the difference per revision, `resync` where it can't be bridged",
                    "content": {"text/event-stream": {"schema": TEXT}},
                },
                **_problems(401, 403),
            },
            parameters=[_header("Last-Event-ID", "The revision that was applied last")],
        )
    },
    "/enforce/v1/lease": {
        "post": _operation(
            "lease",
            "Renew the lease and acknowledge a revision",
            {
                "200": _json("Granted, or `lease_seconds: 0` with the change where the copy is stale", "Lease"),
                **_problems(401, 403, 409, 422, 503),
            },
            requestBody={"required": True, "content": {"application/json": {"schema": ref("LeaseAsk")}}},
        )
    },
    "/enforce/v1/authorize": {"get": _authorize("authorize")},
    "/enforce/v1/authorize/{rest}": {
        "parameters": [{"name": "rest", "in": "path", "required": True, "schema": TEXT, "description": "Ignored"}],
        "get": _authorize("authorizeBelow"),
    },
    "/ofrep/v1/evaluate/flags/{key}": {
        "parameters": [
            {"name": "key", "in": "path", "required": True, "schema": TEXT, "description": "`orion-2:tool-use`"}
        ],
        "post": _operation(
            "evaluateFlag",
            "OpenFeature remote evaluation of one flag",
            {
                "200": _json("A denial is `value: false`", "Evaluation"),
                "400": _json("The body is not JSON (`errorCode: PARSE_ERROR`)", "EvaluationError"),
                "404": _json("Not a flag key (`errorCode: FLAG_NOT_FOUND`)", "EvaluationError"),
                **_problems(401, 403),
            },
            requestBody={"content": {"application/json": {"schema": ref("EvaluationContext")}}},
        ),
    },
    "/ofrep/v1/evaluate/flags": {
        "post": _operation(
            "evaluateFlags",
            "OpenFeature remote evaluation of every flag; advisory, for browsers",
            {
                "200": _json("Every flag; `ETag` for `If-None-Match`", "Evaluations"),
                "304": {"description": "Unchanged"},
                "400": _json("The body is not JSON (`errorCode: PARSE_ERROR`)", "EvaluationError"),
                **_problems(401, 403),
            },
            requestBody={"content": {"application/json": {"schema": ref("EvaluationContext")}}},
        )
    },
    "/flagd/flags.json": {
        "get": _operation(
            "flagdFlags",
            "The table as a flagd flag set, with a lease rule",
            {
                "200": _json("The flag set; `ETag` names revision and lease end", "FlagSet"),
                "304": {"description": "Unchanged"},
                **_problems(401, 403, 503),
            },
        )
    },
    "/healthz": {
        "get": _operation("healthz", "Is the process up", {"200": _json("Yes", "Healthy")}, OPERATION, security=[])
    },
    "/readyz": {
        "get": _operation(
            "readyz",
            "Has a full cycle run, does the ledger answer",
            {"200": _json("Ready", "Ready"), "503": _problem("Not ready, and why")},
            OPERATION,
            security=[],
        )
    },
}
