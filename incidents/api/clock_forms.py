"""
What requests about clocks may hold. Types only, as in ``forms``.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from incidents.api.forms import Form, Reason
from incidents.decisions.duties import DECISIONS
from incidents.decisions.incident import REASON_LIMIT
from playbooks.anchors import ANCHORS

Moment = Annotated[str, Field(json_schema_extra={"format": "date-time"})]
Words = Annotated[str, Field(json_schema_extra={"maxLength": REASON_LIMIT})]


class Fact(Form):
    """
    Either when something happened (``anchor``, ``at``) or whether a condition holds (``condition``, ``holds``).

    ``choose``: of several times for the anchor this one counts; ``withdraw``: that time was a mistake.
    """

    anchor: Annotated[str, Field(json_schema_extra={"enum": [*ANCHORS]})] | None = None
    at: Moment | None = None
    zone: str = "UTC"
    condition: str | None = None
    holds: bool | None = None
    evidence: Words = ""
    choose: bool = False
    withdraw: bool = False


class TakeRegime(Form):
    """A regime of the register that concerns this incident too."""

    regime: str


class Submission(Form):
    """
    ``receipt``: what shows that it was sent; ``at`` when, if not now.

    ``late_because`` is needed where even the latest moment had passed.
    """

    receipt: Reason
    at: Moment | None = None
    late_because: Words = ""


class ClockDecision(Form):
    """``not-reportable``, ``stayed`` (perhaps ``until`` a moment), or ``open`` again; always with the reason."""

    decision: Annotated[str, Field(json_schema_extra={"enum": [*DECISIONS]})]
    reason: Reason
    until: Moment | None = None
