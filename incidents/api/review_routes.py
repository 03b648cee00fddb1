"""
Routes about the review of an incident, and about carrying its whole record away.
"""

from __future__ import annotations

from incidents.api.forms import ReviewOwner, ReviewText, ReviewVersion
from incidents.api.queries import Query
from incidents.api.registry import Answered, Call, Said, route, told
from incidents.errors import Unknown
from incidents.records import FORMS
from incidents.roles import Right

SECTION = "Reviews"
POSTMORTEM = "/api/v1/incidents/{id}/postmortem"
BODY_LIMIT = 4 << 20  # a document of the longest length, every character of it escaped
FORMAT = Query(
    name="format", about="Markdown, one HTML file, or JSON for `andon verify`", choices=tuple(FORMS), default="json"
)
HANDED_OUT = Query(
    name="handed_out", about="Leave out what is for members alone, even for a member", switch=True, default=False
)
POLICY = "default-src 'none'; style-src 'unsafe-inline'; sandbox"


@route(
    "GET",
    POSTMORTEM,
    section=SECTION,
    right=Right.READ,
    answers={200: Answered("The review, with the facts that it stands on", "Postmortem")},
)
def postmortem(call: Call) -> Said:
    """
    The review of an incident, or its first draft.

    Where nothing is saved, `draft` is true and `document` is made from the log's facts and the playbook's questions;
    nothing is stored by looking. `may` says of saving, approving and publishing why you can't, null where you can.
    """
    return Said(200, call.operations.postmortem(call.asker, call.path["id"]))


@route(
    "PUT",
    POSTMORTEM,
    section=SECTION,
    right=Right.RESPOND,
    form=ReviewText,
    example={"document": "# Review\n\n## Who noticed first?\n\nThe partner.\n", "base": 0},
    limit=BODY_LIMIT,
    answers={200: Answered("Saved as the newest version, or the same was there already", "ReviewSaved")},
)
def save_postmortem(call: Call) -> Said:
    """
    Save the review on top of the version that was read.

    `base` is the `version` of the GET. Where somebody saved meanwhile: 409, and `newer` holds what they saved, so that
    both can be brought together. Sending the same again changes nothing.
    """
    form = call.form(ReviewText)
    return told(call.operations.save_review(call.asker, call.path["id"], form.document, form.base))


@route(
    "GET",
    f"{POSTMORTEM}/versions/{{version}}",
    section=SECTION,
    right=Right.READ,
    answers={200: Answered("The text of that version", "ReviewVersionText")},
)
def postmortem_version(call: Call) -> Said:
    """One version of the review, as it was saved."""
    number = call.path["version"]
    if not (number.isascii() and number.isdigit() and len(number) <= 6):
        raise Unknown(f"no version '{number[:40]}': versions are numbered from 1", code="unknown-version")
    return Said(200, call.operations.review_version(call.asker, call.path["id"], int(number)))


@route(
    "POST",
    f"{POSTMORTEM}/owner",
    section=SECTION,
    right=Right.RESPOND,
    form=ReviewOwner,
    example={"person": "grace"},
    answers={200: Answered("They see to the review", "ReviewOwned")},
)
def own_postmortem(call: Call) -> Said:
    """Say who sees to the review."""
    person = call.form(ReviewOwner).person
    return told(call.operations.review_owner(call.asker, call.path["id"], person, call.key))


@route(
    "POST",
    f"{POSTMORTEM}/approval",
    section=SECTION,
    right=Right.COMMAND,
    form=ReviewVersion,
    example={"version": 3},
    answers={200: Answered("Approved", "ReviewApproved")},
)
def approve_postmortem(call: Call) -> Said:
    """
    Agree to a version, as somebody who wrote none of it.

    A later save takes the approval away.
    """
    version = call.form(ReviewVersion).version
    return told(call.operations.approve_review(call.asker, call.path["id"], version, call.key))


@route(
    "POST",
    f"{POSTMORTEM}/publication",
    section=SECTION,
    right=Right.COMMAND,
    form=ReviewVersion,
    example={"version": 3},
    answers={200: Answered("Published; a resolved incident is reviewed with it", "ReviewPublished")},
)
def publish_postmortem(call: Call) -> Said:
    """
    Publish the approved version, as somebody other than its approver.

    Refused while a question is open, the review has no owner or the incident is not resolved: the detail names all of
    it. `digest` is the SHA-256 of the text.
    """
    version = call.form(ReviewVersion).version
    return told(call.operations.publish_review(call.asker, call.path["id"], version, call.key))


@route(
    "GET",
    "/api/v1/incidents/{id}/export",
    section=SECTION,
    right=Right.READ,
    queries=(FORMAT, HANDED_OUT),
    answers={200: Answered("The whole record", "Export", also=("text/markdown", "text/html"))},
)
def export_incident(call: Call) -> Said:
    """
    The whole record of an incident, to be kept elsewhere.

    HTML is one file without scripts or requests that prints well. JSON holds the incident's lines of the log as they
    are, the views with their digests, and a checkpoint signed over its newest line: `andon verify FILE` checks it, and
    so does the stand-alone script. Redacted words are in none; what you may not read is left out and listed.
    """
    found = call.service.records.export(
        call.asker, call.path["id"], call.query["format"], handed_out=call.query["handed_out"]
    )
    headers = {"Content-Disposition": f'attachment; filename="{found.name}"', "Content-Security-Policy": POLICY}
    return Said(200, found.text, headers, media=found.media)
