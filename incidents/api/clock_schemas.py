"""
What answers about clocks hold, as JSON Schema; ``openapi`` puts them beside the others.
"""

from __future__ import annotations

from typing import Any

from incidents.api.schemas import (
    ANY_OBJECT,
    TEXT,
    TEXTS,
    TIME,
    TRUTH,
    WHOLE,
    Schema,
    many,
    paged,
    ref,
    some,
    thing,
)
from incidents.docket import STATES
from playbooks.regime_schema import Status

QUESTION = {"condition": TEXT, "question": TEXT}
CLOCK: dict[str, Schema] = {
    "clock": TEXT,
    "incident": TEXT,
    "kind": {"type": "string", "enum": ["real", "drill", "test"]},
    "simulated": TRUTH,
    "regime": TEXT,
    "regime_title": TEXT,
    "name": TEXT,
    "occurrence": WHOLE,
    "title": TEXT,
    "recipient": TEXT,
    "source": TEXT,
    "state": {"type": "string", "enum": [*STATES]},
    "due": some(TIME),
    "latest": some(TIME),
    "zone": TEXT,
    "starts": some(TIME),
    "basis": TEXT,
    "projected": TRUTH,
    "internal": TRUTH,
    "undated": some(TEXT),
    "waits_for": some(TEXT),
    "asks": many(thing(**QUESTION)),
    "sooner": many(thing(**QUESTION, due=TIME)),
    "owner_role": TEXT,
    "owner": some(TEXT),
    "moved_earlier": TRUTH,
    "was": some(TIME),
    "missed_at": some(TIME),
    "noticed_at": some(TIME),
    "submitted_at": some(TIME),
    "submitted_by": some(TEXT),
    "late": TRUTH,
    "decided_at": some(TIME),
    "decided_by": some(TEXT),
    "stayed": TRUTH,
    "stayed_until": some(TIME),
    "fell_away": some(TEXT),
    "note": some(TEXT),
}
REGIME: dict[str, Schema] = {
    "id": TEXT,
    "title": TEXT,
    "jurisdiction": TEXT,
    "status": {"type": "string", "enum": [status.value for status in Status]},
    "applies_from": some({"type": "string", "format": "date"}),
    "enabled": TRUTH,
    "because": TEXT,
    "verified": TRUTH,
    "reviewed_on": {"type": "string", "format": "date"},
    "review_due": {"type": "string", "format": "date"},
    "stale": TRUTH,
    "version": WHOLE,
    "binds": TEXT,
    "recipient": TEXT,
    "source": TEXT,
    "partner": some(TEXT),
    "deadlines": WHOLE,
}
BOTH = some(thing(utc=TIME, local=TEXT))
CLOCK_COMPONENTS: dict[str, Any] = {
    "Clock": thing(**CLOCK),
    "ClockPage": paged("Clock"),
    "ClockProposed": thing(
        {"title": TEXT},
        regime=TEXT,
        taken=TRUTH,
        because=TEXT,
        deadlines=many(
            thing(
                name=TEXT,
                title=TEXT,
                recipient=TEXT,
                due=some(TIME),
                projected=TRUTH,
                internal=TRUTH,
                asks=TEXTS,
            )
        ),
    ),
    "ClockWhole": thing(
        **CLOCK,
        content=TEXTS,
        trigger=TEXT,
        binds=TEXT,
        regime_version=WHOLE,
        receipt=some(TEXT),
        late_because=some(TEXT),
        decision_reason=some(TEXT),
        stay_reason=some(TEXT),
        history=many(
            thing(seq=WHOLE, at=TIME, by=TEXT, was=some(TIME), due=some(TIME), because=TEXT, rules=TEXT),
        ),
        notice=some(thing(id=TEXT, state=TEXT, approvals_left=WHOLE, waits=TRUTH)),
        may_draft=TRUTH,
    ),
    "ClockNotice": thing(id=TEXT, incident=TEXT, clock=TEXT),
    "ClocksMoved": thing({"already": TRUTH}, incident=TEXT, seq=WHOLE, clocks=many(ref("Clock")), shout=TEXTS),
    "ClockFacts": thing(
        anchors=many(
            thing(
                anchor=TEXT,
                means=TEXT,
                at=some(TIME),
                chosen=TRUTH,
                contested=TRUTH,
                candidates=many(
                    thing(
                        id=WHOLE,
                        at=TIME,
                        zone=TEXT,
                        by=TEXT,
                        recorded_at=TIME,
                        proposed=TRUTH,
                        withdrawn=TRUTH,
                        counts=TRUTH,
                        evidence=some(TEXT),
                    )
                ),
            )
        ),
        conditions=many(
            thing(
                **QUESTION,
                answer=some({"type": "string", "enum": ["yes", "no"]}),
                by=some(TEXT),
                at=some(TIME),
                evidence=some(TEXT),
            )
        ),
        regimes=many(
            thing(
                regime=TEXT,
                title=TEXT,
                version=WHOLE,
                because=TEXT,
                taken_at=TIME,
                source=TEXT,
                trigger=TEXT,
                binds=TEXT,
                status=TEXT,
            )
        ),
    ),
    "IncidentClocks": thing(
        incident=TEXT,
        kind=TEXT,
        clocks=many(ref("Clock")),
        facts=ref("ClockFacts"),
        left_out=many(thing(regime=TEXT, because=TEXT)),
        coming=TEXTS,
        may_add=many(thing(regime=TEXT, title=TEXT)),
    ),
    "FilingPack": thing(
        clock=TEXT,
        incident=TEXT,
        simulated=TRUTH,
        regime=TEXT,
        source=TEXT,
        jurisdiction=TEXT,
        title=TEXT,
        recipient=TEXT,
        state=TEXT,
        due=BOTH,
        latest=BOTH,
        basis=TEXT,
        receipt=some(TEXT),
        notice=some(
            thing(
                id=TEXT,
                state=TEXT,
                approved_by=TEXTS,
                digest=some(TEXT),
                subject=some(TEXT),
                body=some(TEXT),
            )
        ),
        late_because=some(TEXT),
        items=many(thing(item=TEXT, text=some(TEXT), unknown=some(TEXT))),
        facts=ref("ClockFacts"),
        evidence=many(thing(seq=WHOLE, at=TIME, kind=TEXT, text=TEXT, digest=TEXT)),
        log=thing(ledger=TEXT, events=WHOLE, first_seq=WHOLE, last_seq=WHOLE, last_digest=TEXT, terms_digest=TEXT),
        made_at=TIME,
        markdown=TEXT,
    ),
    "RegimeRow": thing(**REGIME),
    "RegimePage": paged("RegimeRow"),
    "Regime": thing(**REGIME, definition=ANY_OBJECT, shipped=TRUTH, digest=TEXT),
    "CalendarLink": thing(url=TEXT, scope={"type": "string", "enum": ["all", "mine"]}),
}
