"""
Changing what should be: catalog, lease length, tokens and points.

A change that a hold overrides is accepted and says so; what would let something slip out from under a hold is refused.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from incidents import events as ev
from incidents.catalog import Difference, Partner, difference
from incidents.decisions import Asker, Decided, needs
from incidents.errors import Conflicting, Invalid, Unknown, nearest
from incidents.events import Draft
from incidents.holds import Hold, HoldKind
from incidents.roles import PEOPLE_ROLES, Right, Role
from incidents.state import State, Token
from incidents.tokens import digest_of

NAME = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9._@:-]{0,63}")
LEASE_MIN, LEASE_MAX = 2, 300


# --- catalog --------------------------------------------------------------------------------------------------------


def apply_catalog(
    state: State,
    sections: Mapping[str, Any],
    directory: Mapping[str, str | None],
    known_directory: Mapping[str, str],
    asker: Asker,
) -> tuple[Decided, Difference]:
    """
    The drafts that make the catalog what ``sections`` says, and the difference (``describe`` puts it in words).

    ``directory`` holds the addresses that the file named (None: the entry has none any more).

    Raises:
        Forbidden: Without the right; people need the right to change people.
        Conflicting: A key moved away from under a hold, the ladder changed under a stage hold, silence under a hold.
    """
    diff = difference(state.catalog, sections)
    gone = {k: None for k in known_directory if k.rpartition("/")[0] in diff.removed}
    contacts = {k: v for k, v in (gone | dict(directory)).items() if known_directory.get(k) != v}
    if any(p.startswith("people/") for p in [*diff.changed, *diff.removed, *contacts]):
        needs(asker, Right.PEOPLE, "changing people")
    needs(asker, Right.CATALOG, "changing the catalog")
    _check_under_holds(state, diff)
    drafts: list[Draft] = []
    access, people = diff.part(people=False), diff.part(people=True)
    if access:
        drafts.append(Draft(ev.CatalogApplied(set=access.changed, remove=access.removed)))
    if people:
        drafts.append(Draft(ev.PeopleApplied(set=people.changed, remove=people.removed)))
    if contacts:
        drafts.append(Draft(ev.ContactsChanged(entries=sorted(contacts))))
    return Decided(drafts, subject="catalog", notes=tuple(overridden(state, diff)), directory=contacts), diff


def describe(state: State, diff: Difference) -> list[str]:
    """The difference, one line each: ``+ partners/acme``, ``~ models/orion-2: stage limited -> general``."""
    lines = []
    for path, value in sorted(diff.changed.items()):
        if path == "stages":
            lines.append(f"~ stages: {' < '.join(state.catalog.stages)} -> {' < '.join(value)}")
            continue
        section, _, id = path.partition("/")
        old = state.catalog.section(section).get(id)
        if old is None:
            lines.append(f"+ {path}")
            continue
        was = old.data()
        parts = [
            f"{k} {was.get(k, 'none')} -> {value.get(k, 'none')}"
            for k in sorted(was.keys() | value.keys())
            if was.get(k) != value.get(k)
        ]
        lines.append(f"~ {path}: {'; '.join(parts)}")
    return lines + [f"- {path}" for path in diff.removed]


def overridden(state: State, diff: Difference) -> list[str]:
    """Changes that take no effect for now, because a hold narrows them; one sentence each."""
    words = []
    for path, value in diff.changed.items():
        section, _, id = path.partition("/")
        match section:
            case "models":
                words += [
                    f"{path}: stage {value['stage']} takes no effect while {h.incident} holds it at {h.at_most}"
                    for h in state.holds_on(f"model:{id}")
                    if h.at_most and _beyond(state, value["stage"], h.at_most)
                ]
                words += [
                    f"{path}: stays halted by {h.incident}"
                    for h in state.holds_on(f"model:{id}")
                    if h.kind is HoldKind.HALT
                ]
            case "partners":
                words += [f"{path}: stays revoked by {h.incident}" for h in state.holds_on(f"partner:{id}")]
            case "grants":
                words += _grant_overridden(state, diff, path, value)
            case "capabilities":
                words += _flag_overridden(state, path, id, value)
    return sorted(set(words))


def _beyond(state: State, stage: str, at_most: str) -> bool:
    """Does a hold at ``at_most`` keep a model below ``stage``? One that names no known stage keeps it below any."""
    ladder = state.catalog.stages
    return at_most not in ladder or (stage in ladder and ladder.index(stage) > ladder.index(at_most))


def _grant_overridden(state: State, diff: Difference, path: str, value: Mapping[str, Any]) -> list[str]:
    partner, model, capability = path.partition("/")[2].split(":")
    flag = f"{model}:{capability}"
    on = [f"partner:{partner}", f"flag:{flag}", f"capability:{capability}", f"model:{model}"]
    audience = _newest(state, diff, "partners", partner).get("audience", "")
    words = [
        f"{path}: takes no effect while {hold.incident} stands ({hold.words()})"
        for target in on
        for hold in state.holds_on(target)
        # A stage that still admits the partner takes nothing from it, nor does a hold that was eased for it.
        if hold.binds(partner) and (hold.at_most is None or _beyond(state, audience, hold.at_most))
    ]
    cap = value.get("cap") or _newest(state, diff, "capabilities", capability).get("cap", {})
    for target in (f"cap:{who}:{what}" for who in (partner, "*") for what in (flag, f"*:{capability}")):
        holds = (h for h in state.holds_on(target) if h.binds(partner) and _throttles(h, cap))
        words += [f"{path}: throttled by {h.incident}" for h in holds]
    return words


def _newest(state: State, diff: Difference, section: str, id: str) -> Mapping[str, Any]:
    """An entry as it will stand after the change; empty where there will be none."""
    if (changed := diff.changed.get(f"{section}/{id}")) is not None:
        return changed  # type: ignore[no-any-return]
    entry = state.catalog.section(section).get(id)
    return entry.data() if entry is not None else {}


def _throttles(hold: Hold, cap: Mapping[str, int]) -> bool:
    return any(per not in cap or limit < cap[per] for per, limit in hold.cap.items())


def _flag_overridden(state: State, path: str, id: str, value: Mapping[str, Any]) -> list[str]:
    models = value.get("models", ())
    targets = [f"capability:{id}", *(f"flag:{m}:{id}" for m in models)]
    words = [f"{path}: {h.words()} by {h.incident} stays" for t in targets for h in state.holds_on(t)]
    if cap := value.get("cap"):
        on = (f"cap:*:{what}" for what in (f"*:{id}", *(f"{m}:{id}" for m in models)))
        words += [f"{path}: throttled by {h.incident}" for t in on for h in state.holds_on(t) if _throttles(h, cap)]
    return words


def _check_under_holds(state: State, diff: Difference) -> None:
    if "stages" in diff.changed:
        staged = [h for h in state.holds.values() if h.at_most]
        if staged:
            raise Conflicting(
                f"the ladder can't change while {staged[0].incident} holds {staged[0].model} at {staged[0].at_most}"
            )
    for path, value in diff.changed.items():
        section, _, id = path.partition("/")
        if section == "partners":
            _check_keys(state, Partner.read(id, value))
        if section == "capabilities" and value.get("on_silence") == "allow":
            _check_silence(state, id, value.get("models", ()))


def _check_keys(state: State, partner: Partner) -> None:
    """A key that ever belonged to a revoked partner can't come back as another partner's."""
    for key in partner.keys:
        owner = state.key_owner.get(key)
        if owner in (None, partner.id):
            continue
        for hold in state.holds_on(f"partner:{owner}"):
            raise Conflicting(
                f"partners/{partner.id}: key {key[:19]}… belongs to {owner}, whom {hold.incident} holds; "
                "it can't move to another partner while that hold stands"
            )


def _check_silence(state: State, capability: str, models: Any) -> None:
    was = state.catalog.capabilities.get(capability)
    if was is not None and was.on_silence == "allow" and set(models) <= set(was.models):
        return
    targets = (f"capability:{capability}", *(f"flag:{m}:{capability}" for m in models), *(f"model:{m}" for m in models))
    for target in targets:
        for hold in state.holds_on(target):
            raise Conflicting(
                f"capabilities/{capability}: on_silence can't become allow while {hold.incident} stands"
                f" ({hold.words()})"
            )


# --- lease ----------------------------------------------------------------------------------------------------------


def set_lease(state: State, seconds: int) -> Decided:
    """The setting, compared at start: a line in the log where it differs."""
    if not LEASE_MIN <= seconds <= LEASE_MAX:
        raise Invalid(f"a lease lasts {LEASE_MIN} to {LEASE_MAX} s, not {seconds}")
    return Decided([] if state.lease_seconds == seconds and state.revision else [Draft(ev.LeaseSet(seconds=seconds))])


# --- tokens and points ----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class CreateToken:
    name: str
    role: str
    person: str | None = None
    partner: str | None = None


def create_token(state: State, request: CreateToken, secret: str, asker: Asker) -> Decided:
    """
    Raises:
        Forbidden: Without the right to change people.
        Invalid: Unknown role or person, a partner token without a partner, an unusable name.
    """
    needs(asker, Right.PEOPLE, "making a token")
    _check_token(state, request)
    fact = ev.TokenCreated(
        id=secrets.token_hex(6),
        name=request.name,
        role=request.role,
        digest=digest_of(secret),
        person=request.person,
        partner=request.partner,
    )
    return Decided([Draft(fact)], subject=fact.id)


def _check_token(state: State, request: CreateToken) -> None:
    wrong = Invalid.at
    if not NAME.fullmatch(request.name):
        raise wrong("name", f"'{request.name[:80]}' is not a usable name; use letters, digits and . _ - (at most 64)")
    if request.role not in tuple(Role):
        known = ", ".join(Role)
        raise wrong("role", f"unknown role '{request.role[:80]}'.{nearest(request.role, list(Role))} Roles: {known}")
    if request.person is not None and request.person not in state.catalog.people:
        hint = nearest(request.person, state.catalog.people)
        raise wrong("person", f"unknown person '{request.person[:80]}'.{hint} People come from the catalog.")
    if (request.role == Role.PARTNER) != (request.partner is not None):
        raise wrong("partner", "a token of role 'partner' names its partner, and no other token does")
    if request.partner is not None and request.partner not in state.catalog.partners:
        hint = nearest(request.partner, state.catalog.partners)
        raise wrong("partner", f"unknown partner '{request.partner[:80]}'.{hint}")
    if request.person is not None and request.role not in PEOPLE_ROLES:
        raise wrong("person", f"a token of role '{request.role}' belongs to a machine, not to a person")
    point = state.points.get(request.name)
    if request.role == Role.ENFORCER and point is not None and point.retired:
        raise wrong("name", f"the point '{request.name}' was retired; give the new one another name")


def revoke_token(state: State, id: str, asker: Asker) -> Decided:
    """By id, or by name where only one token in use has it."""
    needs(asker, Right.PEOPLE, "revoking a token")
    token = find_token(state, id)
    if token.revoked:
        raise Conflicting(f"token {token.id} ({token.name}) is revoked already")
    return Decided([Draft(ev.TokenRevoked(id=token.id))], subject=token.id)


def find_token(state: State, id: str) -> Token:
    """
    Raises:
        Unknown: No such token, or a name that several have.
    """
    if id in state.tokens:
        return state.tokens[id]
    named = [t for t in state.tokens.values() if t.name == id and not t.revoked]
    if len(named) == 1:
        return named[0]
    if named:
        raise Unknown(f"{len(named)} tokens are named '{id}'; name one by its id: {', '.join(t.id for t in named)}")
    names = [*state.tokens, *(t.name for t in state.tokens.values())]
    raise Unknown(f"unknown token '{id[:80]}'.{nearest(id, names)}")


def retire_point(state: State, name: str, asker: Asker) -> Decided:
    """
    Say for good that an enforcement point is gone; its tokens are refused from now on.

    Raises:
        Conflicting: It is retired already.
    """
    needs(asker, Right.PEOPLE, "retiring an enforcement point")
    point = state.points.get(name)
    if point is None:
        raise Unknown(f"unknown enforcement point '{name[:80]}'.{nearest(name, state.points)}")
    if point.retired:
        raise Conflicting(f"{name} is retired already")
    return Decided([Draft(ev.PointRetired(point=name))], subject=name)
