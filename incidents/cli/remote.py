"""
The API over HTTP, at ANDON_URL.
"""

from __future__ import annotations

from importlib.metadata import version
from typing import Any

import requests

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
        try:
            answer = self._once(method, target, headers, body)
        except requests.ConnectionError:
            if "Idempotency-Key" not in headers and method == "POST":
                raise self._not_reached(method) from None
            try:
                answer = self._once(method, target, headers, body)
            except requests.RequestException as error:
                raise self._not_reached(method, error) from None
        except requests.RequestException as error:
            raise self._not_reached(method, error) from None
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

    def _not_reached(self, method: str, error: requests.RequestException | None = None) -> Failed:
        if isinstance(error, requests.ReadTimeout):
            lines = [f"{self.place}: no answer within {ANSWER_S} s"]
            if method != "GET":
                lines.append("whether it was recorded is not known; see `andon incidents`, or ask again: it is joined")
        elif isinstance(error, requests.exceptions.SSLError):
            lines = [f"{self.place}: its certificate is not trusted"]
        else:
            lines = [f"{self.place}: could not be reached; is the service running there?"]
        lines.append("on the ledger's machine the same command works without the service: unset ANDON_URL")
        return Failed(Exit.NOT_REACHED, *lines)
