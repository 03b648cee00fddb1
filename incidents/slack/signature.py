"""
Is this request Slack's? The signature over the raw body, five minutes, and no signature twice.

slack_sdk's verifier raises on hostile input (a timestamp of letters, a signature that is no ASCII); here every
exception means the same: not Slack's.
"""

from __future__ import annotations

import hashlib
import threading
from collections import OrderedDict
from collections.abc import Mapping

from incidents.clock import Clock
from incidents.errors import Refused

WINDOW = 300  # seconds that a signature may be old, either way
KEPT = 2 * WINDOW + 60
MOST = 200_000  # signatures in memory; the oldest go first


class NotSlack(Refused):
    """Answered 401. ``reason`` is unsigned, stale, forged, replayed or wrong-team."""

    status = 401
    code = "not-slack"

    def __init__(self, reason: str) -> None:
        super().__init__(f"not a request of Slack's: {reason}")
        self.reason = reason


class _Now:
    """slack_sdk's idea of a clock, on ours."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    def now(self) -> float:
        return self._clock.now().timestamp()


class Verifier:
    """Safe for threads. Remembers signatures in memory; ``deliveries`` remembers across a restart."""

    def __init__(self, secret: str, clock: Clock) -> None:
        from slack_sdk.signature import SignatureVerifier

        self._clock = clock
        self._verifier = SignatureVerifier(secret, _Now(clock))  # type: ignore[arg-type]
        self._lock = threading.Lock()
        self._seen: OrderedDict[str, float] = OrderedDict()

    def check(self, headers: Mapping[str, str], body: bytes) -> str:
        """
        The digest of a right signature that was not seen before.

        Raises:
            NotSlack: Anything else.
        """
        stamp, signature = headers.get("X-Slack-Request-Timestamp", ""), headers.get("X-Slack-Signature", "")
        if not stamp or not signature:
            raise NotSlack("unsigned")
        try:
            late = abs(self._clock.now().timestamp() - int(stamp)) > WINDOW
            right = not late and self._verifier.is_valid(body, stamp, signature)
        except Exception:  # noqa: BLE001 - hostile input; which exception it makes is slack_sdk's business
            raise NotSlack("forged") from None
        if late:
            raise NotSlack("stale")
        if not right:
            raise NotSlack("forged")
        digest = hashlib.sha256(signature.encode()).hexdigest()
        if not self._is_new(digest):
            raise NotSlack("replayed")
        return digest

    def _is_new(self, digest: str) -> bool:
        now = self._clock.now().timestamp()
        with self._lock:
            while self._seen and (len(self._seen) > MOST or next(iter(self._seen.values())) < now - KEPT):
                self._seen.popitem(last=False)
            if digest in self._seen:
                return False
            self._seen[digest] = now
            return True
