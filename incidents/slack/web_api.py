"""
Slack's Web API as the rest of the edge calls it: one method, four ways to fail, no sleeping and no repeating.

The only file that makes a WebClient. What an error means for whoever called is decided here once: wait, give up, try
later, or: it may have been done.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from http.client import HTTPException
from typing import Any
from urllib.error import URLError

from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError, SlackClientError

Json = dict[str, Any]

TIMEOUT_S = 10
QUICK_S = 2  # a modal's trigger lives for three seconds
# Nothing that repeating would help; the token is one thing to mend, the channel another.
TOKEN_ERRORS = frozenset({
    "not_authed", "invalid_auth", "account_inactive", "token_revoked", "token_expired", "missing_scope",
    "no_permission", "org_login_required", "not_allowed_token_type",
})  # fmt: skip
CHANNEL_ERRORS = frozenset({
    "channel_not_found", "not_in_channel", "is_archived", "restricted_action",
    "restricted_action_read_only_channel", "user_not_found", "cannot_dm_bot", "user_disabled",
})  # fmt: skip
PASSING = frozenset({
    "internal_error", "fatal_error", "service_unavailable", "request_timeout", "accesslimited",
})  # fmt: skip

# slack_sdk logs what we log ourselves, and builds its debug lines with whole bodies in them.
SILENT = logging.getLogger("andon.slack_sdk")
SILENT.setLevel(logging.CRITICAL + 1)


class SlackTrouble(Exception):
    """Base; ``because`` is short and holds no secret, no address."""

    def __init__(self, because: str) -> None:
        super().__init__(because)
        self.because = because


class Rejected(SlackTrouble):
    """Slack said no, and will say no again. ``needed``: the scope that is missing."""

    def __init__(self, error: str, needed: str = "") -> None:
        super().__init__(f"{error} ({needed})" if needed else error)
        self.error, self.needed = error, needed

    @property
    def is_token(self) -> bool:
        return self.error in TOKEN_ERRORS


class Limited(SlackTrouble):
    """Too fast; nothing was done. ``after_s`` as Slack said."""

    def __init__(self, after_s: float) -> None:
        super().__init__(f"rate limited, {after_s:g} s")
        self.after_s = after_s


class Away(SlackTrouble):
    """Nothing reached Slack, or it has said that it could not; try later."""


class Unclear(SlackTrouble):
    """It may have been done: the answer never came, or came from something in between."""


class SlackApi:
    """
    Safe for threads.

    Args:
        token: Asked for each call, because a token may rotate.
    """

    def __init__(self, base_url: str, token: Callable[[], str]) -> None:
        self._base_url, self._token = base_url, token
        self._own = threading.local()

    def call(self, method: str, *, timeout_s: int = TIMEOUT_S, **args: Any) -> Json:
        """
        One call.

        Raises:
            Rejected, Limited, Away, Unclear: See there.
        """
        client = self._client(timeout_s)
        client.token = self._token()
        try:
            answer = client.api_call(method, json={k: v for k, v in args.items() if v is not None})
        except SlackApiError as error:
            raise _meaning(error) from None
        except (URLError, SlackClientError, HTTPException, OSError, ValueError) as error:
            raise _no_answer(error) from None
        data = answer.data
        return dict(data) if isinstance(data, dict) else {}

    def scopes(self) -> tuple[Json, list[str]]:
        """What ``auth.test`` says, and the token's scopes as Slack's header names them."""
        client = self._client(TIMEOUT_S)
        client.token = self._token()
        try:
            answer = client.auth_test()
        except SlackApiError as error:
            raise _meaning(error) from None
        except (URLError, SlackClientError, HTTPException, OSError, ValueError) as error:
            raise _no_answer(error) from None
        header = next((v for k, v in answer.headers.items() if k.lower() == "x-oauth-scopes"), "")
        said: Json = dict(answer.data) if isinstance(answer.data, dict) else {}
        return said, [scope.strip() for scope in str(header).split(",") if scope.strip()]

    def _client(self, timeout_s: int) -> WebClient:
        """One per thread and time-out: a client keeps the token that it sends with."""
        clients: dict[int, WebClient] = self._own.__dict__.setdefault("clients", {})
        if timeout_s not in clients:
            clients[timeout_s] = WebClient(base_url=self._base_url, timeout=timeout_s, retry_handlers=[], logger=SILENT)
        return clients[timeout_s]


def _meaning(error: SlackApiError) -> SlackTrouble:
    response = error.response
    status = getattr(response, "status_code", 200)
    data = response.data if isinstance(getattr(response, "data", None), dict) else {}
    word = str(data.get("error") or "")
    if status == 429 or word in ("ratelimited", "rate_limited"):
        headers = {k.lower(): v for k, v in (getattr(response, "headers", None) or {}).items()}
        return Limited(_seconds(headers.get("retry-after")))
    if status >= 500 or not word or " " in word:  # a proxy's page, which slack_sdk puts into ``error`` as words
        return Unclear(f"answered HTTP {status}")
    if word in PASSING:
        return Unclear(word)
    return Rejected(word, str(data.get("needed") or ""))


def _seconds(value: object) -> float:
    found = value[0] if isinstance(value, list) and value else value
    try:
        return min(max(float(str(found)), 1.0), 3600.0)
    except ValueError:
        return 1.0


def _no_answer(error: Exception) -> SlackTrouble:
    """A connection that never stood has carried nothing; of any other nobody knows."""
    reason = error.reason if isinstance(error, URLError) else error
    name = type(reason).__name__ if isinstance(reason, Exception) else "URLError"
    if isinstance(error, URLError) and not isinstance(reason, TimeoutError):
        return Away(f"not reached ({name})")
    if isinstance(reason, ConnectionRefusedError):
        return Away(f"not reached ({name})")
    return Unclear(f"no answer ({name})")
