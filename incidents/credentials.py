"""
Who a token speaks for, as one immutable table that hot paths can look up without a lock.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from incidents.chat import account_id
from incidents.decisions import Asker
from incidents.events import Actor
from incidents.roles import Right, Role
from incidents.state import State
from incidents.tokens import digest_of


@dataclass(frozen=True, slots=True)
class Credential:
    """A token in use, with the rights it has now."""

    token: str
    name: str
    role: str
    person: str | None
    partner: str | None
    rights: frozenset[Right]

    @property
    def point(self) -> str | None:
        """The enforcement point that this token is, if it is one."""
        return self.name if self.role == Role.ENFORCER else None

    def asker(self, via: str) -> Asker:
        actor = Actor(person=self.person, token=self.token, via=via)
        return Asker(actor=actor, rights=self.rights, token=self.token, partner=self.partner, point=self.point)


def credentials(state: State) -> dict[str, Credential]:
    """Every token that may still be used, by its digest. Slack accounts have none: no header opens anything as one."""
    return {
        t.digest: Credential(t.id, t.name, t.role, t.person, t.partner, state.rights(t))
        for t in state.tokens.values()
        if not t.revoked and t.digest
    }


def slack_asker(state: State, user: str) -> Asker | None:
    """Whoever has this Slack account, with the rights that they have now; None: it is nobody's, or was revoked."""
    account = state.tokens.get(account_id(user))
    if account is None or account.revoked or account.person not in state.catalog.people:
        return None
    actor = Actor(person=account.person, token=account.id, via="slack")
    return Asker(actor=actor, rights=state.rights(account), token=account.id)


def find(table: Mapping[str, Credential], secret: str) -> Credential | None:
    """The credential of a token as it was sent. The table is keyed by digest, so timing tells nothing of a secret."""
    return table.get(digest_of(secret))


def sent_secrets(api_key: str, authorization: str) -> list[str]:
    """What may be a token in a request's headers: ``X-API-Key``, then ``Authorization: Bearer``."""
    scheme, _, rest = authorization.partition(" ")
    bearer = rest if scheme.lower() == "bearer" else ""
    return [secret for secret in (api_key.strip(), bearer.strip()) if secret]


def local_admin(user: str) -> Asker:
    """Whoever can open the ledger's file is an administrator of it, but never the second person of a restore."""
    rights = frozenset({Right.READ, Right.RESPOND, Right.COMMAND, Right.CATALOG, Right.PEOPLE})
    return Asker(actor=Actor(person=f"local:{user}", token=None, via="cli"), rights=rights)
