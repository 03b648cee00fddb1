"""
A bot token that rotates: it lives for twelve hours, and the refresh token that gives the next one works once.

The pair is kept in a file of mode 0600 beside the signing key, replaced whole before the new token is used: whoever
loses the newest refresh token has to install the app again.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import structlog
from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError, SlackClientError

from incidents.clock import Clock
from incidents.slack.web_api import SILENT, Away, Rejected, Unclear
from incidents.slack_settings import SlackSettings

log = structlog.get_logger("andon.slack")
EARLY_S = 2 * 3600.0  # a new one is fetched so long before the old one ends
AGAIN_S = 60.0


@dataclass(frozen=True, slots=True)
class Pair:
    """``until``: seconds since the epoch. ``first``: digest of the refresh token of the settings that it began with."""

    token: str
    refresh: str
    until: float
    first: str


class RotatingToken:
    """Call it for a token that works now. Never in a request: it may talk to Slack."""

    def __init__(self, settings: SlackSettings, path: Path, clock: Clock) -> None:
        self._settings, self._path, self._clock = settings, path, clock
        self._lock = threading.Lock()
        self._first = hashlib.sha256(settings.refresh_token.encode()).hexdigest()
        known_good = clock.now().timestamp() + EARLY_S / 2 if settings.bot_token else 0.0  # nobody says for how long
        self._pair = self._kept() or Pair(settings.bot_token, settings.refresh_token, known_good, self._first)
        self._try_at = float("-inf")

    def __call__(self) -> str:
        """
        Raises:
            SlackTrouble: There is no token that still works, and no new one could be had.
        """
        with self._lock:
            now = self._clock.now().timestamp()
            if now >= self._pair.until - EARLY_S and self._clock.boot() >= self._try_at:
                self._try_at = self._clock.boot() + AGAIN_S
                try:
                    self._rotate(now)
                except (Rejected, Away, Unclear) as trouble:
                    if now >= self._pair.until:
                        raise
                    log.warning("slack_token_not_rotated", because=trouble.because)
            if not self._pair.token:
                raise Rejected("token_expired")
            return self._pair.token

    def _rotate(self, now: float) -> None:
        """One process at a time: `andon doctor` beside a service must not use its refresh token up."""
        with self._alone():
            newer = self._kept()
            if newer is not None and newer.until > self._pair.until:
                self._pair = newer
                if now < newer.until - EARLY_S:
                    return
            self._fetch(now)

    @contextlib.contextmanager
    def _alone(self) -> Iterator[None]:
        handle = os.open(self._path.with_suffix(".slack-lock"), os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
            yield
        finally:
            os.close(handle)

    def _fetch(self, now: float) -> None:
        client = WebClient(base_url=self._settings.api_url, timeout=10, retry_handlers=[], logger=SILENT)
        try:
            said = client.oauth_v2_access(
                client_id=self._settings.client_id,
                client_secret=self._settings.client_secret,
                grant_type="refresh_token",
                refresh_token=self._pair.refresh,
            )
        except SlackApiError as error:
            data: Any = error.response.data
            raise Rejected(str(data.get("error")) if isinstance(data, dict) else "no answer") from None
        except (SlackClientError, OSError) as error:
            raise Unclear(f"no answer ({type(error).__name__})") from None
        until = now + float(said["expires_in"])
        self._keep(Pair(str(said["access_token"]), str(said["refresh_token"]), until, self._first))
        log.info("slack_token_rotated")

    def _kept(self) -> Pair | None:
        """The newest pair, unless the settings begin with another refresh token by now."""
        with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
            found = Pair(**json.loads(self._path.read_text(encoding="utf-8")))
            return found if found.first == self._first else None
        return None

    def _keep(self, pair: Pair) -> None:
        """On the disk first; a crash on any line leaves the old file or the new one."""
        unfinished = self._path.with_suffix(".slack-new")
        handle = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        try:
            os.fchmod(handle, 0o600)
            said = {"token": pair.token, "refresh": pair.refresh, "until": pair.until, "first": pair.first}
            os.write(handle, json.dumps(said).encode())
            os.fsync(handle)
        finally:
            os.close(handle)
        os.replace(unfinished, self._path)
        self._pair = pair
