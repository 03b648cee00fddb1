"""
Routes about what goes out: notices that people approve, messages and orders, dead letters.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from incidents.api.forms import Form, Nothing, Reason
from incidents.api.queries import CURSOR, Query, limit
from incidents.api.registry import Answered, Call, Said, route, told
from incidents.decisions.notices import BODY_LIMIT, RECEIPT_LIMIT, SUBJECT_LIMIT
from incidents.roles import Right

SECTION = "Notices and messages"
CHANGED = {200: Answered("Recorded, or it was so already", "NoticeChanged")}


class NoticeText(Form):
    """The text that is to be sent, whole."""

    subject: Annotated[str, Field(json_schema_extra={"minLength": 1, "maxLength": SUBJECT_LIMIT})]
    body: Annotated[str, Field(json_schema_extra={"minLength": 1, "maxLength": BODY_LIMIT})]


class NoticeApproval(Form):
    """``digest`` of the text that was read; another text is another decision."""

    digest: str


class NoticeRefusal(Form):
    """Why it is not sent."""

    reason: Reason


class NoticeReceipt(Form):
    """
    How it is known that the reader has it; ``at`` (RFC 3339) when that was, if not now.

    ``late_because`` is needed where the clock that asked for it was past even its latest moment by then.
    """

    receipt: Annotated[str, Field(json_schema_extra={"minLength": 1, "maxLength": RECEIPT_LIMIT})]
    at: Annotated[str, Field(json_schema_extra={"format": "date-time"})] | None = None
    late_because: str = ""


@route(
    "GET",
    "/api/v1/incidents/{id}/notices",
    section=SECTION,
    right=Right.READ,
    answers={200: Answered("Notices, messages, and the playbook's entries with where each stands", "IncidentNotices")},
)
def incident_notices(call: Call) -> Said:
    """
    Everything that one incident has to tell the outside.

    `notices` wait for people or did; `messages` are what went out or is owed; `entries` are the playbook's list. A
    message is `sent` only with its target's receipt, and `unknown` where it may have arrived.
    """
    return Said(200, call.operations.notices(call.asker, call.path["id"]))


@route(
    "GET",
    "/api/v1/notices/{id}",
    section=SECTION,
    right=Right.READ,
    answers={200: Answered("The notice with its exact text", "Notice")},
)
def notice(call: Call) -> Said:
    """One notice with the text that an approval binds."""
    return Said(200, call.operations.notice(call.asker, call.path["id"]))


@route(
    "POST",
    "/api/v1/notices/{id}/text",
    section=SECTION,
    right=Right.RESPOND,
    form=NoticeText,
    example={"subject": "Your access is limited", "body": "To Acme Security ..."},
    answers=CHANGED,
)
def write_notice(call: Call) -> Said:
    """
    Change a notice's text.

    Approvals of the text before are void.
    """
    form = call.form(NoticeText)
    return told(call.operations.write_notice(call.asker, call.path["id"], form.subject, form.body, call.key))


@route(
    "POST",
    "/api/v1/notices/{id}/approval",
    section=SECTION,
    right=Right.COMMAND,
    guard=Right.READ,
    form=NoticeApproval,
    example={"digest": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"},
    answers=CHANGED,
)
def approve_notice(call: Call) -> Said:
    """
    Approve a notice's exact text.

    Partners and authorities are told by two people, one of whom has the role that is named; the last approval has it
    sent in the same write. An authority's is never sent: it is handed over, and its receipt is recorded. An approval
    that may not count is refused and written down.
    """
    return told(call.operations.approve_notice(call.asker, call.path["id"], call.form(NoticeApproval).digest, call.key))


@route(
    "POST",
    "/api/v1/notices/{id}/refusal",
    section=SECTION,
    right=Right.COMMAND,
    form=NoticeRefusal,
    example={"reason": "told on the telephone already, see the note of 14:05"},
    answers=CHANGED,
)
def refuse_notice(call: Call) -> Said:
    """Decide that a notice is not sent."""
    return told(call.operations.refuse_notice(call.asker, call.path["id"], call.form(NoticeRefusal).reason, call.key))


@route(
    "POST",
    "/api/v1/notices/{id}/receipt",
    section=SECTION,
    right=Right.COMMAND,
    form=NoticeReceipt,
    example={"receipt": "filed on the portal, case 2026-4711", "at": "2026-11-23T14:02:07Z"},
    answers=CHANGED,
)
def receipt_notice(call: Call) -> Said:
    """Record how an approved notice was filed or told by hand. Where a clock asked for it, the clock is settled too."""
    form = call.form(NoticeReceipt)
    return told(
        call.operations.receipt_notice(
            call.asker, call.path["id"], form.receipt, form.at, call.key, late_because=form.late_because
        )
    )


@route(
    "GET",
    "/api/v1/messages",
    section=SECTION,
    right=Right.READ,
    queries=(
        Query(name="state", about="`dead`: given up, a person may have them tried again", choices=("dead", "owed"),
              default="dead"),
        limit(),
        CURSOR,
    ),
    answers={200: Answered("Messages and orders, newest first", "MessagePage")},
)  # fmt: skip
def messages(call: Call) -> Said:
    """Dead letters, or what is owed now, across incidents."""
    query = call.query
    found = call.operations.messages(call.asker, state=query["state"], limit=query["limit"], cursor=query["cursor"])
    return Said(200, found)


@route(
    "POST",
    "/api/v1/messages/{id}/retry",
    section=SECTION,
    right=Right.RESPOND,
    form=Nothing,
    answers={200: Answered("Owed again", "MessageRetried")},
)
def retry_message(call: Call) -> Said:
    """
    Have a dead letter tried again, by all its channels.

    Where its state is `unknown` it may have arrived before; the message then says so.
    """
    return told(call.operations.retry_message(call.asker, call.path["id"], call.key))
