"""
What answers about the review and the figures of an incident hold, as JSON Schema.
"""

from __future__ import annotations

from incidents.api.schemas import COMPONENTS, STATUS, TEXT, TEXTS, TIME, TRUTH, WHOLE, Schema, many, ref, some, thing

SAID = thing(seq=WHOLE, at=TIME, about=TEXT, because=TEXT)

VERSION = {"version": WHOLE, "base": WHOLE, "seq": WHOLE, "saved_by": TEXT, "saved_at": TIME, "redacted": TRUTH}

REVIEW_COMPONENTS: dict[str, Schema] = {
    "Facts": thing(
        moments=many(thing(key=TEXT, words=TEXT, at=TIME, seq=WHOLE, by=TEXT, corrected=TRUTH)),
        durations=many(thing(name=TEXT, words=TEXT, **{"from": TEXT}, to=TEXT, ms=WHOLE)),
        affected=many(
            thing(
                partner=TEXT,
                flag=TEXT,
                what={"type": "string", "enum": ["off", "regions", "throttled"]},
                since=TIME,
                until=some(TIME),
                ms=WHOLE,
                then=some(TEXT),
            )
        ),
        affected_uncounted=WHOLE,
        containments=many(
            thing(
                seq=WHOLE,
                at=TIME,
                revision=WHOLE,
                ms=WHOLE,
                total=WHOLE,
                confirmed=WHOLE,
                slowest=some(TEXT),
                slowest_ms=some(WHOLE),
                lapsed=TEXTS,
                ask_live=TEXTS,
            )
        ),
        holds=WHOLE,
        holds_standing=WHOLE,
        tasks_overdue=many(thing(number=WHOLE, due_at=TIME, settled_at=some(TIME), late_ms=WHOLE, follow_up=TRUTH)),
        late_entries=many(WHOLE),
        late_updates=many(thing(due_at=TIME, came_at=some(TIME), late_ms=WHOLE)),
        contradicted=many(SAID),
        denied_approvals=many(SAID),
        restores_stopped=many(SAID),
        command_taken_over=many(SAID),
    ),
    "Postmortem": thing(
        **COMPONENTS["Review"]["properties"],
        incident=TEXT,
        kind={"type": "string", "enum": ["real", "drill", "test"]},
        visibility={"type": "string", "enum": ["open", "restricted"]},
        title=TEXT,
        severity=TEXT,
        status=STATUS,
        as_of=TIME,
        base=WHOLE,
        draft=TRUTH,
        redacted=TRUTH,
        document=some(TEXT),
        published_document=some(TEXT),
        versions=many(thing(**VERSION)),
        questions=many(thing(question=TEXT, state={"type": "string", "enum": ["answered", "open", "missing"]})),
        blocked=TEXTS,
        may=thing(save=some(TEXT), approve=some(TEXT), publish=some(TEXT)),
        follow_ups=many(ref("Task")),
        facts=ref("Facts"),
    ),
    "ReviewVersionText": thing(**VERSION, incident=TEXT, document=some(TEXT)),
    "NewerVersion": thing(version=WHOLE, document=some(TEXT), saved_by=some(TEXT), saved_at=some(TIME)),
    "ReviewSaved": thing(
        {"base": WHOLE, "seq": WHOLE, "at": TIME, "already": TRUTH}, incident=TEXT, status=STATUS, version=WHOLE
    ),
    "ReviewApproved": thing(incident=TEXT, status=STATUS, version=WHOLE, seq=WHOLE, at=TIME),
    "ReviewPublished": thing(incident=TEXT, status=STATUS, version=WHOLE, digest=TEXT, seq=WHOLE, at=TIME),
    "ReviewOwned": thing(incident=TEXT, status=STATUS, person=TEXT, seq=WHOLE, at=TIME),
    "Export": thing(
        andon_export={"const": 1},
        incident=TEXT,
        kind=TEXT,
        ledger=TEXT,
        exported_at=TIME,
        exported_by=TEXT,
        withheld=many(thing(seq=WHOLE, part={"type": "string", "enum": ["text", "data"]}, because=TEXT)),
        events=many(ref("ExportedEvent")),
        views=thing(
            incident=ref("Incident"),
            measures=ref("Facts"),
            review=ref("ExportedReview"),
            timeline=many(ref("TimelineRow")),
        ),
        digests={"type": "object", "additionalProperties": TEXT},
        digest=TEXT,
        checkpoint=some(TEXT),
    ),
    "ExportedEvent": thing(
        **{
            name: some(schema) if name == "data" else schema
            for name, schema in COMPONENTS["Event"]["properties"].items()
        }
    ),
}
REVIEW_COMPONENTS["ExportedReview"] = thing(
    **{n: s for n, s in REVIEW_COMPONENTS["Postmortem"]["properties"].items() if n not in ("may", "facts")}
)
