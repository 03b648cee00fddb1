"""
The register of regimes for every surface, and what a declaration would take up of it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from incidents.clock import rfc3339
from incidents.clockwork import Clockwork
from incidents.decisions import Asker, needs
from incidents.desk import Desk
from incidents.docket import Docket, Hand, Taken, clock_id
from incidents.errors import Unknown
from incidents.operating import Json, Operating
from incidents.reckoning import reckon
from incidents.roles import Right
from playbooks.anchors import PROPOSED_BY_DECLARING
from playbooks.regime_schema import Regime
from playbooks.register import Proposal, UnknownRegime


class RegisterOperations(Operating):
    def __init__(self, desk: Desk, clockwork: Clockwork) -> None:
        super().__init__(desk)
        self.clockwork = clockwork

    def regimes(self, asker: Asker) -> list[Json]:
        """The whole register by id: what is on, what is off and why, and what nobody has reviewed for too long."""
        needs(asker, Right.READ, "reading the register")
        return [self._regime(regime) for regime in self.clockwork.register]

    def regime(self, asker: Asker, id: str) -> Json:
        needs(asker, Right.READ, "reading the register")
        register = self.clockwork.register
        try:
            entry = register.entry(id)
        except UnknownRegime as error:
            raise Unknown(str(error), code="unknown-regime") from error
        return self._regime(entry.regime) | {
            "definition": entry.regime.model_dump(mode="json", by_alias=True, exclude_none=True),
            "shipped": entry.shipped,
            "digest": entry.terms.digest,
        }

    def stale_regimes(self, asker: Asker) -> list[Json]:
        """Those that are on and whose last review is too long ago, the oldest first."""
        needs(asker, Right.READ, "reading the register")
        return [self._regime(r) for r in self.clockwork.register.stale(self.desk.clock.now().date())]

    def _regime(self, regime: Regime) -> Json:
        today = self.desk.clock.now().date()
        standing = self.clockwork.register.standing(regime.id, today)
        return {
            "id": regime.id,
            "title": regime.title,
            "jurisdiction": regime.jurisdiction,
            "status": regime.status.value,
            "applies_from": regime.applies_from.isoformat() if regime.applies_from else None,
            "enabled": standing.enabled,
            "because": standing.because,
            "verified": regime.verified,
            "reviewed_on": regime.reviewed.on.isoformat(),
            "review_due": regime.reviewed.until.isoformat(),
            "stale": regime.reviewed.until < today,
            "version": regime.version,
            "binds": regime.binds,
            "recipient": regime.recipient,
            "source": regime.source.cite,
            "partner": regime.partner,
            "deadlines": len(regime.deadlines),
        }

    def proposed_clocks(self, playbook: str, clocks: Sequence[str], parameters: Mapping[str, Any]) -> list[Json]:
        """What declaring this now would take up, with the deadlines that would run; and what would be left out."""
        now = self.desk.clock.now()
        partner = parameters.get("partner")
        found, left_out = self.clockwork.register.proposals(playbook, clocks, partner, now.date())
        taken = [_as_if_declared(proposal, now) for proposal in found]
        return taken + [{"regime": id, "taken": False, "because": why, "deadlines": []} for id, why in left_out]


def _as_if_declared(proposal: Proposal, now: datetime) -> Json:
    """A regime with the deadlines that would run if this moment were when we became aware."""
    terms = proposal.terms
    docket = Docket()
    for anchor in PROPOSED_BY_DECLARING:
        docket.propose(anchor, now, Hand("", now, 0))
    docket.taken[terms.id] = Taken(terms.id, terms.version, terms.digest, terms.title, proposal.because, now, 0)
    made = reckon("preview", docket, {terms.digest: terms})
    return {
        "regime": terms.id,
        "taken": True,
        "because": proposal.because,
        "title": terms.title,
        "deadlines": [
            {
                "name": deadline.name,
                "title": deadline.title,
                "recipient": deadline.recipient,
                "due": rfc3339(reckoned.due) if reckoned.due else None,
                "projected": reckoned.projected,
                "internal": reckoned.internal,
                "asks": [terms.asks.get(name, name) for name in reckoned.asks],
            }
            for deadline in terms.deadlines
            if (reckoned := made[clock_id("preview", terms.id, deadline.name)])
        ],
    }
