"""
What answers hold, as JSON Schema: the components of the OpenAPI document.

Open for additions, as the API itself is: readers ignore fields that they don't know. Tests close them and compare
with real answers, so none is missing here and none is made up.
"""

from __future__ import annotations

from typing import Any

Schema = dict[str, Any]

TEXT: Schema = {"type": "string"}
WHOLE: Schema = {"type": "integer"}
TRUTH: Schema = {"type": "boolean"}
ANY_OBJECT: Schema = {"type": "object", "additionalProperties": True}
TIME: Schema = {"type": "string", "format": "date-time"}
CAP: Schema = {"type": "object", "additionalProperties": {"type": "integer", "minimum": 0}}
STATUS: Schema = {"type": "string", "examples": ["declared", "contained"]}


def some(schema: Schema) -> Schema:
    """The same, or null."""
    return {"anyOf": [schema, {"type": "null"}]}


def many(schema: Schema) -> Schema:
    return {"type": "array", "items": schema}


def ref(name: str) -> Schema:
    return {"$ref": f"#/components/schemas/{name}"}


def thing(_optional: dict[str, Schema] | None = None, /, **fields: Schema) -> Schema:
    """An object whose named fields are always there; those of the first argument may be."""
    return {"type": "object", "properties": {**fields, **(_optional or {})}, "required": sorted(fields)}


def paged(name: str) -> Schema:
    return thing(items=many(ref(name)), next=some(TEXT))


TEXTS = many(TEXT)
HELD_BY = many(thing(incident=TEXT, words=TEXT))
ENTRY = thing(key=TEXT, before=some(ANY_OBJECT), after=some(ANY_OBJECT))
ACCESS = thing({"cap_before": some(CAP), "cap_after": some(CAP)}, partner=TEXT, flag=TEXT, before=TEXT, after=TEXT)
TASK_FIELDS = {"number": WHOLE, "title": TEXT, "role": TEXT}
TASK_MORE = {"runbook": TEXT, "within": TEXT, "due_at": TIME, "about": TEXT}
NOTICE_FIELDS = {"number": WHOLE, "to": TEXT, "at": TEXT}
NOTICE_MORE = dict.fromkeys(("every", "until", "remind", "template", "approval"), TEXT) | {"every_s": WHOLE}
INCIDENT_ROW = {
    "id": TEXT,
    "kind": {"type": "string", "enum": ["real", "drill", "test"]},
    "status": STATUS,
    "severity": TEXT,
    "visibility": {"type": "string", "enum": ["open", "restricted"]},
    "commander": some(TEXT),
    "title": TEXT,
    "playbook": TEXT,
    "declared_at": TIME,
    "declared_by": TEXT,
    "revision": WHOLE,
    "holds_standing": WHOLE,
    "holds": TEXTS,
}
MODEL = {
    "id": TEXT,
    "title": TEXT,
    "stage": TEXT,
    "stage_in_force": TEXT,
    "halted": TRUTH,
    "ladder": TEXTS,
    "capabilities": TEXTS,
    "held_by": HELD_BY,
}
PARTNER = {"id": TEXT, "title": TEXT, "audience": TEXT, "keys": WHOLE, "timezone": TEXT, "revoked": TRUTH}
GRANT = {
    "partner": TEXT,
    "flag": TEXT,
    "model": TEXT,
    "capability": TEXT,
    "terms": {"type": "string", "enum": ["accepted", "pending"]},
    "expires": some({"type": "string", "format": "date"}),
    "cap": CAP,
    "allowed": TRUTH,
    "reason": TEXT,
}
CAPABILITY = {
    "id": TEXT,
    "title": TEXT,
    "on_silence": {"type": "string", "enum": ["deny", "allow"]},
    "may": TEXTS,
    "may_not": TEXTS,
    "must_provide": TEXTS,
    "cap": CAP,
}
PLAYBOOK = {
    "id": TEXT,
    "title": TEXT,
    "version": WHOLE,
    "severity": TEXT,
    "parameters": many(thing(name=TEXT, required=TRUTH, kind=TEXT, about=some(TEXT))),
    "capabilities": TEXTS,
    "digest": TEXT,
    "shipped": TRUTH,
}
TOKEN = {"id": TEXT, "name": TEXT, "role": TEXT, "person": some(TEXT), "partner": some(TEXT)}

COMPONENTS: dict[str, Schema] = {
    "Problem": thing(
        {"errors": many(thing(where=TEXT, message=TEXT)), "newer": ref("NewerVersion")},
        type=TEXT,
        title=TEXT,
        status=WHOLE,
        detail=TEXT,
    ),
    "OpenApi": ANY_OBJECT,
    "Containment": thing(
        {"contained_at": TIME, "slowest": some(TEXT), "ms": WHOLE},
        state={"type": "string", "enum": ["pending", "contained"]},
        revision=WHOLE,
        ordered_at=TIME,
        contained_by=TIME,
        points=many(ref("PointState")),
        confirmed=WHOLE,
        total=WHOLE,
        ask_live=TEXTS,
        may_serve=TRUTH,
        outside=thing(done=WHOLE, total=WHOLE),
    ),
    "PointState": thing(
        name=TEXT,
        state={"type": "string", "enum": ["confirmed", "pending", "lapsed", "serving", "refused"]},
        revision=WHOLE,
        ms=some(WHOLE),
        instances=WHOLE,
        because=TEXT,
        at=some(TIME),
    ),
    "Declared": thing(
        **{name: INCIDENT_ROW[name] for name in ("id", "kind", "status", "severity", "title", "revision", "holds")},
        skipped=TEXTS,
        url=TEXT,
        joined={"const": False},
        containment=ref("Containment"),
    ),
    "Joined": thing(**INCIDENT_ROW, joined={"const": True}, first_by=TEXT, containment=ref("Containment")),
    "Preview": thing(
        playbook=TEXT,
        title=TEXT,
        kind=TEXT,
        severity=TEXT,
        actions=many(thing({"because": TEXT}, number=WHOLE, name=TEXT, words=TEXT, state=TEXT)),
        flags=TEXTS,
        partners=TEXTS,
        models=many(thing(model=TEXT, before=some(ANY_OBJECT), after=some(ANY_OBJECT))),
        access=many(ACCESS),
        turned_off=many(ACCESS),
        entries=many(ENTRY),
        usage=many(thing(partner=TEXT, flag=TEXT, per=TEXT, window_start=TIME, count=WHOLE)),
        clocks=TEXTS,
        told=many(thing(NOTICE_MORE, **NOTICE_FIELDS)),
        tasks=many(thing(TASK_MORE, **TASK_FIELDS)),
        roles=TEXTS,
        left_out=TEXTS,
        points=WHOLE,
        ask_live=TEXTS,
        may_serve=TRUTH,
        contained_within_s={"type": "number"},
        contained_by=TIME,
        would_join=some(TEXT),
    ),
    "IncidentRow": thing(**INCIDENT_ROW),
    "IncidentPage": paged("IncidentRow"),
    "Incident": thing(
        **(
            INCIDENT_ROW
            | {
                "playbook": thing(id=TEXT, title=TEXT, version=WHOLE, digest=TEXT),
                "holds": many(
                    thing(
                        id=TEXT,
                        action=WHOLE,
                        kind=TEXT,
                        table=TEXT,
                        words=TEXT,
                        standing=TRUTH,
                        lifted_at=some(TIME),
                        also_held_by=TEXTS,
                    )
                ),
            }
        ),
        summary=TEXT,
        parameters={"type": "object", "additionalProperties": TEXT},
        via=TEXT,
        joined=TEXTS,
        containment=ref("Containment"),
        actions=many(thing({"because": TEXT}, number=WHOLE, name=TEXT, words=TEXT, state=TEXT)),
        severity_since=TIME,
        members=TEXTS,
        insiders=TEXTS,
        acknowledged_at=some(TIME),
        life=many(thing(name=TEXT, reached=TRUTH, at=some(TIME), blocked=TEXTS)),
        moments={"type": "object", "additionalProperties": ref("Moment")},
        tasks=many(ref("Task")),
        notices=many(thing(NOTICE_MORE, **NOTICE_FIELDS, state=TEXT)),
        clocks=many(thing(clock=TEXT, state=TEXT)),
        roles=many(ref("IncidentRole")),
        exit=many(
            thing(number=WHOLE, text=TEXT, met=TRUTH, by=some(TEXT), at=some(TIME), evidence=some(TEXT)),
        ),
        restore=thing(approvals=WHOLE, checks=TEXTS),
        restores=many(ref("Restore")),
        postmortem=ref("Review"),
        updated_at=some(TIME),
        next_update_at=some(TIME),
        next_decision=some(thing(what=TEXT, who=TEXT, by=some(TIME), where=TEXT)),
        evidence=some(ANY_OBJECT),
        shares=many(thing(id=TEXT, made_by=TEXT, made_at=TIME, expires_at=TIME, state=TEXT)),
        into=some(TEXT),
    ),
    "Moment": thing(at=TIME, recorded_at=TIME, by=TEXT, seq=WHOLE, was=many(TIME)),
    "Task": thing(
        number=WHOLE,
        title=TEXT,
        about=some(TEXT),
        role=some(TEXT),
        owner=some(TEXT),
        runbook=some(TEXT),
        within=some(TEXT),
        due_at=some(TIME),
        overdue=TRUTH,
        follow_up=TRUTH,
        state={"type": "string", "enum": ["open", "done", "skipped"]},
        settled_by=some(TEXT),
        settled_at=some(TIME),
        reason=some(TEXT),
    ),
    "IncidentRole": thing(
        role=TEXT,
        person=some(TEXT),
        since=some(TIME),
        offered_to=some(TEXT),
        offered_at=some(TIME),
        of_playbook=TRUTH,
    ),
    "Review": thing(
        state={"type": "string", "enum": ["owed", "written", "approved", "published"]},
        ask=TEXTS,
        due=some(TEXT),
        due_at=some(TIME),
        owner=some(TEXT),
        version=WHOLE,
        authors=TEXTS,
        saved_at=some(TIME),
        saved_by=some(TEXT),
        approved=WHOLE,
        approved_by=some(TEXT),
        approved_at=some(TIME),
        published=WHOLE,
        published_by=some(TEXT),
        published_at=some(TIME),
    ),
    "TimelineRow": thing(
        seq=WHOLE,
        at=TIME,
        recorded_at=TIME,
        kind=TEXT,
        actor=TEXT,
        via=TEXT,
        text=TEXT,
        lane={"type": "string", "enum": ["world", "machine", "people"]},
        key=TRUTH,
        late=TRUTH,
        redacted=TRUTH,
        pinned=TRUTH,
        restricted=TRUTH,
        corrections=many(
            thing(seq=WHOLE, by=TEXT, recorded_at=TIME, reason=TEXT, was_at=some(TIME), was_text=some(TEXT))
        ),
        data=ANY_OBJECT,
        digest=TEXT,
    ),
    "TimelinePage": paged("TimelineRow"),
    "NoteWritten": thing({"restricted": TRUTH}, incident=TEXT, status=STATUS, seq=WHOLE, at=TIME),
    "Validated": thing(incident=TEXT, action=WHOLE, revision=WHOLE),
    "Plan": thing(
        incident=TEXT,
        holds=many(thing(hold=TEXT, action=WHOLE, words=TEXT)),
        entries=many(ENTRY),
        access=many(ACCESS),
        checks=TEXTS,
        approvals=WHOLE,
    ),
    "RestoreAsked": thing(
        id=TEXT, incident=TEXT, state=TEXT, plan=ref("Plan"), plan_digest=TEXT, approvals=WHOLE, expires_at=TIME
    ),
    "Restore": thing(
        id=TEXT,
        incident=TEXT,
        state={"type": "string", "enum": ["open", "done", "refused", "expired"]},
        asked_by=TEXT,
        asked_at=TIME,
        expires_at=TIME,
        plan=ref("Plan"),
        plan_digest=TEXT,
        approvals=WHOLE,
        approved_by=TEXTS,
        settled_by=some(TEXT),
        settled_at=some(TIME),
    ),
    "Approved": thing(id=TEXT, incident=TEXT, state=TEXT, approvals_left=WHOLE, lifted=TEXTS, revision=WHOLE),
    "RestoreRefused": thing(id=TEXT, state={"const": "refused"}),
    "Decision": thing(allowed=TRUTH, reason=TEXT, revision=WHOLE, held_by=TEXTS),
    "Point": thing(
        name=TEXT,
        standing=TEXT,
        revision=WHOLE,
        behind=some(WHOLE),
        lease_left_s={"type": "number"},
        instances=WHOLE,
        last_seen=some(TIME),
        registered_at=TIME,
        applies_shadow=TRUTH,
        ask_live=TRUTH,
    ),
    "PointPage": paged("Point"),
    "PointRetired": thing(name=TEXT, retired={"const": True}),
    "Token": thing(**TOKEN, created_by=some(TEXT), created_at=TIME, revoked=TRUTH),
    "TokenPage": paged("Token"),
    "TokenCreated": thing({"secret": TEXT}, **TOKEN),
    "TokenRevoked": thing(id=TEXT, revoked={"const": True}),
    "Catalog": thing(
        stages=TEXTS,
        models={"type": "object", "additionalProperties": ANY_OBJECT},
        capabilities={"type": "object", "additionalProperties": ANY_OBJECT},
        partners={"type": "object", "additionalProperties": ANY_OBJECT},
        grants=many(ANY_OBJECT),
        people={"type": "object", "additionalProperties": ANY_OBJECT},
    ),
    "CatalogApplied": thing(applied=TRUTH, changed=TRUTH, changes=TEXTS, overridden=TEXTS, revision=WHOLE),
    "Model": thing(**MODEL),
    "ModelPage": paged("Model"),
    "Partner": thing(**PARTNER, grants=TEXTS, held_by=HELD_BY),
    "PartnerPage": paged("Partner"),
    "PartnerSheet": thing({"held_by": HELD_BY}, **PARTNER, grants=many(thing({"held_by": TEXTS}, **GRANT))),
    "Capability": thing(**CAPABILITY, models=TEXTS),
    "CapabilityPage": paged("Capability"),
    "FlagSheet": thing(
        **CAPABILITY,
        flag=TEXT,
        model=ref("Model"),
        off=TRUTH,
        regions_off=TEXTS,
        grants=many(thing(**GRANT, held_by=TEXTS, used=CAP)),
        held_by=HELD_BY,
    ),
    "Grant": thing(**GRANT, held_by=TEXTS),
    "GrantPage": paged("Grant"),
    "PlaybookRow": thing(**PLAYBOOK),
    "PlaybookPage": paged("PlaybookRow"),
    "Playbook": thing(**PLAYBOOK, definition=ANY_OBJECT, source=TEXT),
    "RunbookRow": thing(slug=TEXT, title=TEXT),
    "RunbookPage": paged("RunbookRow"),
    "Runbook": thing(slug=TEXT, title=TEXT, anchors=TEXTS, markdown=TEXT, html=TEXT),
    "Event": thing(
        v=WHOLE,
        ledger=TEXT,
        seq=WHOLE,
        recorded_at=TIME,
        at=TIME,
        kind=TEXT,
        kind_v=WHOLE,
        incident=some(TEXT),
        incident_prev=some(TEXT),
        actor=thing(person=some(TEXT), token=some(TEXT), via=TEXT),
        data=ANY_OBJECT,
        data_digest=TEXT,
        text=some({"type": "object", "additionalProperties": TEXT}),
        text_digest=some(TEXT),
        salt=some(TEXT),
        prev=TEXT,
        digest=TEXT,
    ),
    "LogPage": paged("Event"),
}
