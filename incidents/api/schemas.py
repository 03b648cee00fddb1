"""
What answers hold, as JSON Schema: the components of the OpenAPI document.

Open for additions, as the API itself is: readers ignore fields that they don't know. Tests close them and compare
with real answers, so none is missing here and none is made up.
"""

from __future__ import annotations

from typing import Any

from incidents.life import STATUSES

Schema = dict[str, Any]

TEXT: Schema = {"type": "string"}
WHOLE: Schema = {"type": "integer"}
TRUTH: Schema = {"type": "boolean"}
NUMBER: Schema = {"type": "number"}
ANY_OBJECT: Schema = {"type": "object", "additionalProperties": True}
TIME: Schema = {"type": "string", "format": "date-time"}
CAP: Schema = {"type": "object", "additionalProperties": {"type": "integer", "minimum": 0}}
STATUS: Schema = {"type": "string", "enum": list(STATUSES)}


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


def open_thing(**fields: Schema) -> Schema:
    """An object with at least these fields; more say what was recorded."""
    return thing(**fields) | {"additionalProperties": True}


def paged(name: str) -> Schema:
    return thing(items=many(ref(name)), next=some(TEXT))


TEXTS = many(TEXT)
HELD_BY = many(thing(incident=TEXT, words=TEXT))
ENTRY = thing(key=TEXT, before=some(ANY_OBJECT), after=some(ANY_OBJECT))
ACCESS = thing(
    {"cap_before": some(CAP), "cap_after": some(CAP), "regions_before": TEXTS, "regions_after": TEXTS},
    partner=TEXT,
    flag=TEXT,
    before=TEXT,
    after=TEXT,
)
PLAN_HOLD = thing(hold=TEXT, action=WHOLE, words=TEXT)
WAIVED = thing(checks=TEXTS, approvals=WHOLE)
TASK_FIELDS = {"number": WHOLE, "title": TEXT, "role": TEXT}
TASK_MORE = {"runbook": TEXT, "within": TEXT, "due_at": TIME, "about": TEXT}
NOTICE_FIELDS = {"number": WHOLE, "to": TEXT, "at": TEXT}
NOTICE_MORE = dict.fromkeys(("every", "until", "remind", "template", "approval", "host"), TEXT) | {"every_s": WHOLE}
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
PARTNER = {
    "id": TEXT,
    "title": TEXT,
    "audience": TEXT,
    "keys": WHOLE,
    "timezone": TEXT,
    "ghost": TRUTH,
    "revoked": TRUTH,
}
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
DRILL_SCORE = thing(
    **dict.fromkeys(
        (
            *("target_ms", "acknowledge_ms", "command_ms", "order_ms", "first_confirm_ms", "last_confirm_ms"),
            *("contain_ms", "end_ms", "restore_ms", "clocks_ms"),
        ),
        some(WHOLE),
    ),
    **dict.fromkeys(("confirmed", "points", "holds", "wrong_targets"), WHOLE),
    **dict.fromkeys(("steps", "steps_done", "steps_late", "steps_skipped", "called"), WHOLE),
    verified=some({"type": "number"}),
    met=some(TRUTH),
    wrong=TEXTS,
    roles_unfilled=TEXTS,
    not_reached=many(thing(who=TEXT, because=TEXT)),
    silent=TEXTS,
    clocks=some(thing(right=TRUTH, missing=TEXTS, extra=TEXTS, unconfirmed=TEXTS)),
    equal=some(TRUTH),
    explained=TRUTH,
)
DRILL_ROW = {
    "id": TEXT,
    "title": TEXT,
    "playbook": TEXT,
    "playbook_version": WHOLE,
    "mode": {"type": "string", "enum": ["tabletop", "dry-run", "shadow", "live"]},
    "parameters": {"type": "object", "additionalProperties": TEXT},
    "announced": TRUTH,
    "occurrence": some(TEXT),
    "compress": WHOLE,
    "started_at": TIME,
    "started_by": TEXT,
    "ends_at": TIME,
    "running": TRUTH,
    "how": some(TEXT),
    "because": some(TEXT),
    "ended_at": some(TIME),
    "equal": some(TRUTH),
    "left": TEXTS,
    "real": some(TEXT),
    "people": many(thing(person=TEXT, part=TEXT)),
    "score": some(DRILL_SCORE),
}
TOKEN = {"id": TEXT, "name": TEXT, "role": TEXT, "person": some(TEXT), "partner": some(TEXT)}

MESSAGE = {
    "id": TEXT,
    "sort": {"type": "string", "enum": ["message", "order"]},
    "incident": some(TEXT),
    "to": TEXT,
    "template": TEXT,
    "lane": {"type": "string", "enum": ["containment", "sev1", "rest"]},
    "channels": TEXTS,
    "owed_at": TIME,
    "deadline": some(TIME),
    "notice": some(TEXT),
    "state": TEXT,
    "channel": some(TEXT),
    "tries": WHOLE,
    "because": some(TEXT),
    "settled_at": some(TIME),
    "next_try_at": some(TIME),
    "retry": TRUTH,
}

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
        {"drill": thing(mode=TEXT, ends_at=TIME, announced=TRUTH)},
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
        clocks_proposed=many(ref("ClockProposed")),
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
    "IncidentRow": thing({"hits": many(ref("Hit"))}, **INCIDENT_ROW),
    "Hit": thing(seq=WHOLE, kind=TEXT, field=TEXT, place=TEXT, snippet=TEXT, marks=many(many(WHOLE))),
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
        notices=many(ref("NoticeEntry")),
        clocks=many(ref("Clock")),
        clock_facts=ref("ClockFacts"),
        roles=many(ref("IncidentRole")),
        exit=many(
            thing(number=WHOLE, text=TEXT, met=TRUTH, by=some(TEXT), at=some(TIME), evidence=some(TEXT)),
        ),
        restore=thing(approvals=WHOLE, checks=TEXTS),
        restores=many(ref("Restore")),
        broken_glass=many(ref("BrokenGlass")),
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
    "Spread": thing(count=WHOLE, p50=NUMBER, p90=NUMBER, worst=NUMBER),
    "Insights": thing(
        kind=TEXT,
        playbook=TEXT,
        months=TEXTS,
        incidents=WHOLE,
        playbooks=TEXTS,
        by_severity={"type": "object", "additionalProperties": WHOLE},
        by_month=many(thing(month=TEXT, count=WHOLE)),
        measures={
            "type": "object",
            "additionalProperties": thing(
                words=TEXT,
                all=some(ref("Spread")),
                slowest=some(TEXT),
                months=many(thing(month=TEXT, spread=some(ref("Spread")))),
                playbooks=many(thing(playbook=TEXT, spread=some(ref("Spread")))),
            ),
        },
        overdue_follow_ups=many(
            thing(incident=TEXT, number=WHOLE, owner=some(TEXT), due_at=TIME, seq=WHOLE, status=STATUS, title=TEXT),
        ),
        drilled=many(thing(playbook=TEXT, last_at=some(TIME), every_s=some(NUMBER), overdue=TRUTH)),
    ),
    "NoteWritten": thing({"restricted": TRUTH}, incident=TEXT, status=STATUS, seq=WHOLE, at=TIME),
    "Worked": open_thing(incident=TEXT, status=STATUS),
    "Shared": open_thing(incident=TEXT, status=STATUS, share=TEXT, expires_at=TIME, url=TEXT, seq=WHOLE, at=TIME),
    "Validated": thing(incident=TEXT, action=WHOLE, revision=WHOLE),
    "Plan": thing(
        {
            "steps": many(ref("PlanStep")),
            "partners": many(
                thing(partner=TEXT, step=WHOLE, access=many(thing(flag=TEXT, stage=TEXT, cap=CAP))),
            ),
            "others": many(thing(hold=TEXT, incident=TEXT, words=TEXT)),
            "canary": some(TEXT),
            "soak_s": WHOLE,
            "break_glass": TRUTH,
            "waived": some(WAIVED),
        },
        incident=TEXT,
        holds=many(PLAN_HOLD),
        entries=many(ENTRY),
        access=many(ACCESS),
        checks=TEXTS,
        approvals=WHOLE,
    ),
    "PlanStep": thing(
        number=WHOLE,
        title=TEXT,
        after_s=WHOLE,
        lift=many(PLAN_HOLD),
        spare=some(thing(partner=TEXT, holds=many(PLAN_HOLD))),
        entries=many(ENTRY),
        access=many(ACCESS),
        tell=many(thing(partner=TEXT, words=TEXT, next=TEXT)),
    ),
    "BrokenGlass": thing(
        request=TEXT,
        incident=TEXT,
        moment={"type": "string", "enum": ["asked", "approved"]},
        stoppable=TRUTH,
        by=TEXT,
        at=TIME,
        waived=WAIVED,
    ),
    "RestoreAsked": thing(
        id=TEXT, incident=TEXT, state=TEXT, plan=ref("Plan"), plan_digest=TEXT, approvals=WHOLE, expires_at=TIME
    ),
    "Restore": thing(
        id=TEXT,
        incident=TEXT,
        state={"type": "string", "enum": ["open", "running", "done", "refused", "stopped", "expired"]},
        asked_by=TEXT,
        asked_at=TIME,
        expires_at=TIME,
        plan=ref("Plan"),
        plan_digest=TEXT,
        approvals=WHOLE,
        approved_by=TEXTS,
        attested={"type": "object", "additionalProperties": TEXTS},
        break_glass=TRUTH,
        progress=many(
            thing(
                number=WHOLE,
                state={"type": "string", "enum": ["done", "next", "later", "dropped"]},
                at=some(TIME),
            )
        ),
        next_at=some(TIME),
        gave_back=TRUTH,
        ended=many(thing(partner=TEXT, flag=TEXT, expires={"type": "string", "format": "date"})),
        stopped_because=some(TEXT),
        taken_back=TRUTH,
        settled_by=some(TEXT),
        settled_at=some(TIME),
    ),
    "Approved": thing(
        id=TEXT,
        incident=TEXT,
        state={"type": "string", "enum": ["open", "running", "done"]},
        approvals_left=WHOLE,
        lifted=TEXTS,
        eased=TEXTS,
        next_at=some(TIME),
        revision=WHOLE,
    ),
    "RestoreStopped": thing(
        id=TEXT, incident=TEXT, state={"const": "stopped"}, taken_back=TRUTH, held_again=TEXTS, revision=WHOLE
    ),
    "RestoreRefused": thing(id=TEXT, state={"const": "refused"}),
    "DrillRow": thing(**DRILL_ROW),
    "DrillPage": thing(
        items=many(ref("DrillRow")),
        next=some(TEXT),
        playbooks=many(
            thing(
                playbook=TEXT,
                title=TEXT,
                every=some(TEXT),
                last=some(TEXT),
                last_at=some(TIME),
                due_at=some(TIME),
                overdue=TRUTH,
                never=TRUTH,
                stale=TRUTH,
            )
        ),
        coming=many(ref("DrillComing")),
        schedule_problems=TEXTS,
    ),
    "DrillComing": thing(
        schedule=TEXT,
        playbook=TEXT,
        mode=TEXT,
        due_at=some(TIME),
        starts_at=some(TIME),
        unannounced=TRUTH,
        last=some(thing(occurrence=TEXT, due_at=TIME, outcome=TEXT, because=TEXT, drill=some(TEXT))),
        words=TEXT,
    ),
    "DrillReport": thing(
        **DRILL_ROW,
        measures=many(
            thing(
                name=TEXT,
                words=TEXT,
                ms=some(WHOLE),
                target_ms=some(WHOLE),
                last_ms=some(WHOLE),
                best_ms=some(WHOLE),
            )
        ),
        bars=many(
            thing(lane=TEXT, name=TEXT, start_ms=WHOLE, end_ms=some(WHOLE), state=TEXT, due_ms=some(WHOLE)),
        ),
        last=some(TEXT),
        best=some(TEXT),
        trend=many(
            thing(
                drill=TEXT,
                last_confirm_ms=some(WHOLE),
                verified=some({"type": "number"}),
                steps_late=WHOLE,
                steps_skipped=WHOLE,
                clocks_ms=some(WHOLE),
                met=some(TRUTH),
            )
        ),
        next=many(thing(what=TEXT, by=some(TIME), who=some(TEXT))),
        names={"type": "object", "additionalProperties": TEXT},
        follow_ups=many(thing(number=WHOLE, title=TEXT, owner=some(TEXT), due_at=some(TIME), state=TEXT)),
        said=many(thing(at=TIME, by=TEXT, text=TEXT)),
        as_of=TIME,
    ),
    "DrillEnded": thing(
        id=TEXT,
        lifted=TEXTS,
        how=TEXT,
        because=TEXT,
        equal=TRUTH,
        left=TEXTS,
        meanwhile=many(open_thing(seq=WHOLE, kind=TEXT)),
    ),
    "DrillEvidence": thing(
        ok=TRUTH,
        days=WHOLE,
        as_of=TIME,
        until=some(TIME),
        points=many(
            thing(
                point=TEXT,
                registered_at=TIME,
                ok=TRUTH,
                drill=some(TEXT),
                mode=some(TEXT),
                confirmed_at=some(TIME),
                until=some(TIME),
                because=TEXT,
            )
        ),
    ),
    "NoticeEntry": thing(NOTICE_MORE, **NOTICE_FIELDS, state=TEXT),
    "Message": thing(
        **MESSAGE,
        entry=some(WHOLE),
        evidence=some(TEXT),
        receipt=some(TEXT),
        tried=many(thing(channel=TEXT, outcome=TEXT, because=TEXT)),
    ),
    "Letter": thing(**MESSAGE, drill=TRUTH, doubt=TEXTS),
    "MessagePage": paged("Letter"),
    "MessageRetried": thing(id=TEXT, state={"const": "owed"}),
    "Notice": thing(
        id=TEXT,
        incident=TEXT,
        to=TEXT,
        template=TEXT,
        moment=some(TEXT),
        entry=some(WHOLE),
        approval=TEXT,
        approvals=WHOLE,
        approvals_left=WHOLE,
        approved_by=TEXTS,
        state=TEXT,
        waits=TRUTH,
        by_hand=TRUTH,
        clock=some(TEXT),
        owed_at=TIME,
        written_by=some(TEXT),
        written_at=some(TIME),
        digest=some(TEXT),
        subject=some(TEXT),
        body=some(TEXT),
        redacted=TRUTH,
        settled_by=some(TEXT),
        settled_at=some(TIME),
        receipt=some(TEXT),
        message=some(ref("Message")),
    ),
    "NoticeChanged": thing(id=TEXT, incident=TEXT, already=TRUTH, approvals_left=WHOLE, digest=some(TEXT)),
    "IncidentNotices": thing(
        incident=TEXT, notices=many(ref("Notice")), messages=many(ref("Message")), entries=many(ref("NoticeEntry"))
    ),
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
    "WithheldEvent": thing(digest=TEXT, ledger=TEXT, prev=TEXT, seq=WHOLE, withheld={"type": "boolean", "const": True}),
    "LogPage": thing(items=many({"oneOf": [ref("Event"), ref("WithheldEvent")]}), next=some(TEXT)),
}
