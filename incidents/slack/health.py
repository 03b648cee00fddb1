"""
Whether Slack is there: since when not, why, and when it is tried again. Pure but for the clock handed in.

A failure of the whole way (no answer, a token that was taken away) stops every call for a while; one channel's own
trouble is kept with the channel.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from incidents.clock import Clock, rfc3339
from incidents.slack.web_api import Away, Limited, Rejected, SlackTrouble, Unclear

LONGEST_S = 60.0
LIMITED_LONG = timedelta(minutes=1)  # asked to wait for so long without one success, it is an outage like any other
TOKEN_AGAIN_S = 60.0


@dataclass(frozen=True, slots=True)
class Outage:
    """``since`` is the first failure in a row."""

    since: datetime
    because: str
    tries: int


class Health:
    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._resume = float("-inf")
        self._limited_since: datetime | None = None
        self.outage: Outage | None = None
        self.ended: Outage | None = None  # the last one, for whoever tells what happened meanwhile
        self.broken: dict[str, str] = {}  # channel -> why nothing can be posted there

    @property
    def may_call(self) -> bool:
        return self._clock.boot() >= self._resume

    @property
    def wait_s(self) -> float:
        """Until Slack is called again."""
        return max(0.0, self._resume - self._clock.boot())

    def went_well(self) -> None:
        if self.outage is not None:
            self.ended, self.outage = self.outage, None
        self._resume, self._limited_since = float("-inf"), None

    def was_limited(self) -> None:
        """Nothing unusual, until it goes on: then people have to know why they read nothing new."""
        now = self._clock.now()
        self._limited_since = since = self._limited_since or now
        if now - since >= LIMITED_LONG:
            tries = self.outage.tries + 1 if self.outage else 2
            self.outage = Outage(self.outage.since if self.outage else since, "it asks to wait, again and again", tries)

    def went_wrong(self, trouble: SlackTrouble) -> None:
        """A failure of the way itself; one of a single channel or message is none."""
        match trouble:
            case Limited(after_s=wait):
                pass
            case Away() | Unclear():
                wait = min(LONGEST_S, 2.0 ** min(self.outage.tries if self.outage else 0, 6))
            case Rejected() if trouble.is_token:
                wait = TOKEN_AGAIN_S
            case _:
                return
        self._resume = self._clock.boot() + wait
        if isinstance(trouble, Limited):
            self.was_limited()
            return
        tries = self.outage.tries + 1 if self.outage else 1
        since = self.outage.since if self.outage else self._clock.now()
        self.outage = Outage(since, trouble.because, tries)

    def remark(self) -> dict[str, str] | None:
        """What stands on top of every page while Slack is not well."""
        if self.outage is not None and self.outage.tries > 1:
            since = rfc3339(self.outage.since)[11:19]
            return {
                "title": "Slack is degraded",
                "why": f"nothing can be posted since {since} UTC ({self.outage.because}); everything else works, and"
                " what happens is posted as one message when it is back. `andon doctor slack` says what to do",
                "tone": "wait",
            }
        if self.broken:
            channel, why = next(iter(self.broken.items()))
            return {
                "title": "A Slack channel can't be posted to",
                "why": f"{channel}: {why}; `andon doctor slack` says what to do",
                "tone": "wait",
            }
        return None
