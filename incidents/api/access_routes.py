"""
Routes about who may do what: restores, tokens, enforcement points, decisions.
"""

from __future__ import annotations

from incidents.api.forms import Approval, Nothing, Refusal, RestoreAsk, Stop, TokenRequest
from incidents.api.queries import CURSOR, Query, limit
from incidents.api.registry import Answered, Call, Said, page, route, told
from incidents.decisions.access import CreateToken
from incidents.errors import Forbidden, Invalid
from incidents.roles import Right

RESTORES, ACCESS = "Restores", "Tokens and points"


@route(
    "POST",
    "/api/v1/incidents/{id}/restores",
    section=RESTORES,
    right=Right.COMMAND,
    form=RestoreAsk,
    example={"reason": "The partner has a new key and has attested it.", "canary": "acme", "soak": "30m"},
    answers={201: Answered("Asked for; the plan and its digest", "RestoreAsked")},
)
def ask_restore(call: Call) -> Said:
    """
    Ask for an incident's holds to be lifted.

    Takes a token that belongs to a person. `only` names actions by number; without it every hold that stands is meant.
    Another person approves exactly the plan that is answered here, within 24 hours.
    With `canary` that partner gets its access back first and the rest follows by itself after `soak`, unless something
    speaks against it by then or a person stops it. 422 where the canary would get nothing back.
    `break_glass` passes over the playbook's checks and its number of approvals, never over the second person; everybody
    who may respond is told.
    """
    form = call.form(RestoreAsk)
    reply = call.operations.ask_restore(
        call.asker,
        call.path["id"],
        form.only,
        form.reason,
        call.key,
        canary=form.canary,
        soak=form.soak,
        break_glass=form.break_glass,
    )
    return told(reply, f"/api/v1/restores/{reply.body['id']}")


@route(
    "GET",
    "/api/v1/restores/{id}",
    section=RESTORES,
    right=Right.READ,
    answers={200: Answered("The request and its plan", "Restore")},
)
def restore(call: Call) -> Said:
    """One restore request with the plan that an approval binds."""
    return Said(200, call.operations.restore_request(call.asker, call.path["id"]))


@route(
    "POST",
    "/api/v1/restores/{id}/approval",
    section=RESTORES,
    right=Right.COMMAND,
    guard=Right.READ,
    form=Approval,
    example={"plan_digest": "9f2c…", "checks": ["partner-attested", "new-key-issued"]},
    answers={200: Answered("Counted; the last approval carries out the first step in the same write", "Approved")},
)
def approve(call: Call) -> Said:
    """
    Approve a restore as the second person.

    Send the `plan_digest` of the plan that you read, and all its `checks`: you say that each of them is true.
    The asker, a token that the asker made and a token without a person are refused, and the attempt is written down.
    409 if what the plan would do has changed meanwhile, 422 if a check is missing.
    """
    form = call.form(Approval)
    reply = call.operations.approve(call.asker, call.path["id"], form.plan_digest, call.key, checks=form.checks)
    return told(reply)


@route(
    "POST",
    "/api/v1/restores/{id}/refusal",
    section=RESTORES,
    right=Right.COMMAND,
    form=Refusal,
    example={"reason": "The new key is not attested yet."},
    answers={200: Answered("Refused for good", "RestoreRefused")},
)
def refuse(call: Call) -> Said:
    """Say no to a restore request, or take one's own back."""
    reason = call.form(Refusal).reason
    return told(call.operations.refuse(call.asker, call.path["id"], reason, call.key))


@route(
    "POST",
    "/api/v1/restores/{id}/stop",
    section=RESTORES,
    right=Right.RESPOND,
    form=Stop,
    example={"reason": "The first partner is being abused again.", "keep": False},
    answers={200: Answered("No further step; what it gave back is held again unless `keep`", "RestoreStopped")},
)
def stop(call: Call) -> Said:
    """
    Stop a restore, at once and alone.

    Takes one person who may respond. No further step is carried out, and what it has given back so far is held again
    (`keep` leaves it): an order to every enforcement point, like a kill. A restore that was stopped, or halted by
    itself, can still be taken back until another one is asked for.
    """
    form = call.form(Stop)
    return told(call.operations.stop_restore(call.asker, call.path["id"], form.reason, keep=form.keep, key=call.key))


@route(
    "GET",
    "/api/v1/decision",
    section="Decisions",
    right=Right.READ,
    own=True,
    queries=(
        Query(name="partner", about="Partner id; a partner's own token may leave it out"),
        Query(name="model", about="Model id", required=True),
        Query(name="capability", about="Capability id", required=True),
        Query(name="region", about="Where the request comes from (ISO 3166, or a group)"),
    ),
    answers={200: Answered("The decision and its reason", "Decision")},
)
def decision(call: Call) -> Said:
    """
    May this partner use this capability now, and why (not).

    Counts nothing. A partner's token is answered for itself alone, and is not told which incident holds what.
    """
    asked = call.query
    own = call.asker.may(Right.OWN_ACCESS)
    if own and asked["partner"] not in ("", call.asker.partner):
        raise Forbidden(f"a partner's token asks for itself: '{call.asker.partner}'")
    if not own and not asked["partner"]:
        raise Invalid.at("partner", "partner is missing")
    region = asked["region"] or None
    found = call.operations.check(call.asker, asked["partner"], asked["model"], asked["capability"], region)
    return Said(200, found)


@route(
    "GET",
    "/api/v1/points",
    section=ACCESS,
    right=Right.READ,
    queries=(limit(), CURSOR),
    answers={200: Answered("Enforcement points by name", "PointPage")},
)
def points(call: Call) -> Said:
    """Enforcement points: revision, lag, lease, instances, last seen."""
    rows = [row for row in call.operations.points_overview(call.asker) if row["name"] > call.query["cursor"]]
    return Said(200, page(rows, call.query["limit"], lambda row: row["name"]))


@route(
    "POST",
    "/api/v1/points/{name}/retirement",
    section=ACCESS,
    right=Right.PEOPLE,
    form=Nothing,
    answers={200: Answered("Retired; its tokens are refused from now on", "PointRetired")},
)
def retire_point(call: Call) -> Said:
    """Say for good that an enforcement point is gone."""
    return told(call.operations.retire_point(call.asker, call.path["name"], call.key))


@route(
    "GET",
    "/api/v1/tokens",
    section=ACCESS,
    right=Right.PEOPLE,
    queries=(limit(), CURSOR),
    answers={200: Answered("Tokens by id, without secrets", "TokenPage")},
)
def tokens(call: Call) -> Said:
    """List tokens; never their secrets."""
    rows = sorted(call.operations.tokens(call.asker), key=lambda row: str(row["id"]))
    rows = [row for row in rows if row["id"] > call.query["cursor"]]
    return Said(200, page(rows, call.query["limit"], lambda row: row["id"]))


@route(
    "POST",
    "/api/v1/tokens",
    section=ACCESS,
    right=Right.PEOPLE,
    form=TokenRequest,
    example={"name": "ada-laptop", "role": "commander", "person": "ada"},
    answers={201: Answered("Made; `secret` is shown this once", "TokenCreated")},
)
def create_token(call: Call) -> Said:
    """
    Make a token; its secret is shown this once.

    The answer to a repeated request leaves the secret out. A token of role `enforcer` registers the enforcement point
    of its name.
    """
    form = call.form(TokenRequest)
    request = CreateToken(name=form.name, role=form.role, person=form.person, partner=form.partner)
    reply, secret = call.operations.create_token(call.asker, request, call.key)
    said = told(reply, f"/api/v1/tokens/{reply.body['id']}")
    return Said(said.status, said.body | ({"secret": secret} if secret else {}), said.headers)


@route(
    "GET",
    "/api/v1/tokens/{id}",
    section=ACCESS,
    right=Right.PEOPLE,
    answers={200: Answered("The token, without its secret", "Token")},
)
def token(call: Call) -> Said:
    """One token, by id, or by name where only one in use has it."""
    return Said(200, call.operations.token(call.asker, call.path["id"]))


@route(
    "POST",
    "/api/v1/tokens/{id}/revocation",
    section=ACCESS,
    right=Right.PEOPLE,
    form=Nothing,
    answers={200: Answered("Refused from now on", "TokenRevoked")},
)
def revoke_token(call: Call) -> Said:
    """Revoke a token, by id, or by name where only one in use has it."""
    return told(call.operations.revoke_token(call.asker, call.path["id"], call.key))
