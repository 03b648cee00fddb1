"""
What Slack has to be told at once or not at all: a modal within three seconds, an answer by ``response_url``.

Never durable and never waited for: the thing itself is in the ledger before anything is put here, and what is lost
here can be read with a command, on the page and in the incident's message.
"""

from __future__ import annotations

import contextlib
import json
import queue
import threading
from collections.abc import Callable
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit
from urllib.request import Request, urlopen

import structlog

from incidents.clock import Clock
from incidents.slack.blocks import Message
from incidents.slack.web_api import QUICK_S, SlackApi, SlackTrouble

Json = dict[str, Any]
log = structlog.get_logger("andon.slack")

HOOKS = "https://hooks.slack.com/"
WAITING = 500
TRIES = 3


class Quick:
    """A few threads, started when they are first needed. ``hooks``: where a ``response_url`` may point to."""

    def __init__(self, api: SlackApi | None, clock: Clock, api_url: str, *, threads: int = 3) -> None:
        self._api, self._clock, self._threads = api, clock, threads
        parts = urlsplit(api_url)
        own = f"{parts.scheme}://{parts.netloc}/"
        real = parts.hostname in ("slack.com", "slack-gov.com")
        self._hooks = (f"https://hooks.{parts.hostname}/",) if real else (HOOKS, own)
        self._jobs: queue.Queue[tuple[str, Callable[[], None]] | None] = queue.Queue(WAITING)
        self._lock = threading.Lock()
        self._running: list[threading.Thread] = []
        self._stopped = False

    # --- what can be asked for ---

    def open_view(self, trigger: str, view: Json) -> bool:
        """False where Andon can't post: say it another way."""
        return self._call("views.open", trigger_id=trigger, view=view)

    def update_view(self, view_id: str, view: Json) -> bool:
        return self._call("views.update", view_id=view_id, view=view)

    def reply(self, response_url: str, message: Message, *, replace: bool = False) -> bool:
        """Something that only they see. An address that is not Slack's is never called."""
        if not response_url.startswith(self._hooks):
            return False
        body = message.wire() | {"response_type": "ephemeral", "replace_original": replace}
        return self._put("response_url", lambda: _post(response_url, body))

    def whisper(self, channel: str, user: str, message: Message) -> bool:
        """The same where there is no ``response_url``."""
        return self._call("chat.postEphemeral", channel=channel, user=user, **message.wire())

    def run(self, what: str, job: Callable[[], None]) -> bool:
        """Anything else that talks to Slack and can't be waited for."""
        return self._put(what, job)

    # --- inside ---

    def _call(self, method: str, **args: Any) -> bool:
        api = self._api
        if api is None:
            return False

        def job() -> None:
            api.call(method, timeout_s=QUICK_S, **args)

        return self._put(method, job)

    def _put(self, what: str, job: Callable[[], None]) -> bool:
        with self._lock:
            if self._stopped:
                return False
            if len(self._running) < self._threads:
                thread = threading.Thread(target=self._work, name=f"andon-slack-{len(self._running)}", daemon=True)
                self._running.append(thread)
                thread.start()
        try:
            self._jobs.put_nowait((what, job))
        except queue.Full:
            log.warning("slack_quick_full", what=what)
            return False
        return True

    def _work(self) -> None:
        while (found := self._jobs.get()) is not None:
            what, job = found
            try:
                job()
            except SlackTrouble as trouble:
                log.warning("slack_quick_failed", what=what, because=trouble.because)
            except Exception:
                log.exception("slack_quick_broke", what=what)
            finally:
                self._jobs.task_done()

    def settle(self) -> None:
        """Wait until everything that was put here is done; for tests and for the end."""
        self._jobs.join()

    def stop(self) -> None:
        with self._lock:
            self._stopped = True
            threads = list(self._running)
        for _ in threads:
            with contextlib.suppress(queue.Full):
                self._jobs.put_nowait(None)
        for thread in threads:
            thread.join(timeout=0.3)  # what hangs is not waited for: it is lost anyway, and stands on the page


def _post(url: str, body: Json) -> None:
    """A ``response_url`` takes five posts; a repeat shows the same words again to one person, which does no harm."""
    request = Request(url, data=json.dumps(body).encode(), headers={"Content-Type": "application/json"})  # noqa: S310
    for left in range(TRIES - 1, -1, -1):
        try:
            with urlopen(request, timeout=QUICK_S):  # noqa: S310 - checked by ``reply``
                return
        except HTTPError as error:
            error.close()
            if not left or error.code < 500:
                log.warning("slack_reply_failed", because=f"HTTP {error.code}")
                return
        except (URLError, OSError) as error:
            if not left:
                log.warning("slack_reply_failed", because=type(error).__name__)
                return
