"""
The moments that clocks run from, by name. A closed list: a misspelt anchor would be a clock that never starts.
"""

from __future__ import annotations

ANCHORS: dict[str, str] = {
    "occurrence": "it happened",
    "awareness": "we were reasonably certain that it had happened",
    "discovery": "anybody of ours first knew, or should have known",
    "reasonable-belief": "the facts gave reason to believe that it qualifies",
    "suspicion-of-link": "a causal link to the system was first suspected",
    "determination": "it was decided that it qualifies (for the SEC: that it is material)",
    "classification": "it was classified as major",
    "new-information": "facts became known that an earlier report did not have",
    "request-received": "somebody entitled asked for a report",
    "individuals-notified": "the people concerned were told",
    "measure-available": "a fix or another measure was available",
    "payment-made": "a ransom was paid",
    "recovered": "regular operation was back",
    "handled": "handling the incident was over",
    "resolved": "the incident was resolved",
    "order-served": "an order was served on us",
    "order-due": "the order itself says that it is to be followed by then",
    "policy-ends": "the insured period ends",
}
"""Anchor -> the moment when ..."""

MAY_LIE_AHEAD = frozenset({"order-due", "policy-ends"})
PROPOSED_BY_DECLARING = ("awareness", "discovery", "reasonable-belief")
"""Whoever declares knows by then at the latest; each is a candidate until a person says better, and fixes nothing."""
EACH = "each"
