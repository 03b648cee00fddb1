"""
The API over HTTP, at ANDON_URL.
"""

from __future__ import annotations

from importlib.metadata import version
from typing import Any

import requests
from urllib3.exceptions import NewConnectionError

from incidents.cli.outcome import Exit, Failed
from incidents.cli.transport import judged

CONNECT_S, ANSWER_S = 5, 30


class _Bearer(requests.auth.AuthBase):
    """Set as ``auth``, because requests would else put a password of ~/.netrc in its place."""

    def __init__(self, token: str | None) -> None:
        self._token = token

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        if self._token is not None:
            request.headers["Authorization"] = f"Bearer {self._token}"
        return request


class Remote:
    """One service at one address."""

    def __init__(self, url: str, token: str | None) -> None:
        self.place = url
        self._session = requests.Session()
        self._session.auth = _Bearer(token)
        self._session.headers["User-Agent"] = f"andon/{version('andon')}"
        self._hint = (
            f"the token of ANDON_TOKEN was sent to {url}" if token else "set ANDON_TOKEN to a token of that service"
        )

    def send(self, method: str, target: str, headers: dict[str, Any], body: bytes | None) -> Any:
        answer = self._answered(method, target, headers, body)
        if answer.is_redirect:
            to = answer.headers.get("Location", "")
            raise Failed(Exit.NOT_REACHED, f"{self.place}: it redirects to {to}; set ANDON_URL to where Andon is")
        media_type = answer.headers.get("Content-Type", "").partition(";")[0].strip().lower()
        answer.encoding = "utf-8"
        return judged(answer.status_code, media_type, answer.text, self.place, self._hint)

    def _once(self, method: str, target: str, headers: dict[str, Any], body: bytes | None) -> requests.Response:
        return self._session.request(
            method,
            self.place + target,
            headers=headers,
            data=body,
            timeout=(CONNECT_S, ANSWER_S),
            allow_redirects=False,  # a redirected POST would arrive as a GET
        )

    def _answered(self, method: str, target: str, headers: dict[str, Any], body: bytes | None) -> requests.Response:
        """Tried once more after a lost connection, where a repeat changes nothing."""
        tries = 1 if method == "POST" and "Idempotency-Key" not in headers else 2
        while True:
            tries -= 1
            try:
                return self._once(method, target, headers, body)
            except requests.RequestException as error:
                if not (tries and isinstance(error, requests.ConnectionError)):
                    raise self._not_reached(method, error) from None

    def _not_reached(self, method: str, error: requests.RequestException) -> Failed:
        lines = [f"{self.place}: {_what_happened(error)}"]
        if method != "GET" and not _never_sent(error):
            lines.append("whether it was recorded is not known: look at `andon incidents` or `andon token list`")
        lines.append("on the ledger's machine the same command works without the service: unset ANDON_URL")
        return Failed(Exit.NOT_REACHED, *lines)


def _what_happened(error: requests.RequestException) -> str:
    match error:
        case requests.exceptions.SSLError():
            return "its certificate is not trusted"
        case requests.ConnectTimeout():
            return f"no connection within {CONNECT_S} s"
        case requests.Timeout():
            return f"no answer within {ANSWER_S} s"
    return "could not be reached; is the service running there?" if _never_sent(error) else "the connection broke"


def _never_sent(error: requests.RequestException) -> bool:
    """True if there was no connection at all, so that nothing can have been recorded."""
    reason = getattr(error.args[0], "reason", None) if error.args else None
    return isinstance(error, requests.ConnectTimeout) or isinstance(reason, NewConnectionError)
