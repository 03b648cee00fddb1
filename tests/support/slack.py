"""
A whole Andon with Slack around it: the fake Slack's API, people who type and press, and the Flask app they reach.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from threading import Thread
from typing import Any

from flask.testing import FlaskClient
from werkzeug.serving import make_server

from app import create_app
from incidents.settings import Settings
from incidents.slack_settings import SlackSettings
from incidents.testing import Workshop, workshop
from incidents.testing.slack_api import FakeSlack
from incidents.testing.slack_person import Deliveries, SlackPerson, into_flask
from incidents.testing.slack_reading import as_read

ADA, GRACE, LINUS, NOBODY = "U01ADAADA", "U01GRACEG", "U01LINUSL", "U0STRANGER"
URL = "https://andon.example"


@dataclass(repr=False)
class Scene:
    """``ada`` commands, ``grace`` too, ``linus`` responds, ``nobody`` is in the workspace but not in the catalog."""

    shop: Workshop
    slack: FakeSlack
    http: FlaskClient
    out: Deliveries
    ada: SlackPerson
    grace: SlackPerson
    linus: SlackPerson
    nobody: SlackPerson

    @property
    def edge(self) -> Any:
        return self.shop.service.beside[0]

    def types(self, who: SlackPerson, line: str, **more: Any) -> str:
        """What the person reads after typing."""
        answered = who.command(line, **more)
        assert answered.status == 200, answered.text
        return as_read(answered.json)

    @property
    def board(self) -> Any:
        return self.edge.board

    def posts(self, seconds: float = 6) -> None:
        """Let the board work for so long, a step every half second."""
        for _ in range(int(seconds * 2)):
            self.board.step()
            self.shop.clock.advance(0.5)
            self.shop.service.cycle()

    def connects(self) -> None:
        """What a started service does: notices go out by Slack too. The clock stands while one would wait."""
        self.edge.connector.patience_s = 0
        self.shop.service.postroom.add(self.edge.connector)

    def sends(self, seconds: float) -> None:
        """The board and the post room at work, a turn of each every second."""
        for _ in range(int(seconds)):
            self.board.step()
            self.shop.clock.advance(1)
            self.shop.service.cycle()
            self.shop.post()

    def direct(self, user: str) -> list[Any]:
        """What was written to a person alone."""
        channels = self.slack.workspace.channels.values()
        return [m for c in channels if c.id[0] == "D" and user in c.members for m in c.messages]

    def top(self, channel: str = "#incidents") -> list[Any]:
        """Messages of a channel that are no answers in a thread."""
        found = self.slack.workspace.channel(channel).messages
        return [m for m in found if m.get("thread_ts", m["ts"]) == m["ts"]]

    def thread(self, message: Any, channel: str = "#incidents") -> list[str]:
        found = self.slack.workspace.channel(channel).messages
        return [as_read(m) for m in found if m.get("thread_ts") == message["ts"]]

    def settle(self) -> None:
        """Everything that was put into Slack's hands at once has been tried."""
        self.edge.quick.settle()

    def hears(self, who: SlackPerson) -> str:
        """The newest thing that only they see."""
        self.settle()
        return as_read(who.heard[-1])

    def kinds(self, incident: str) -> list[str]:
        return [event.kind for event in self.shop.service.ledger.incident(incident)]


def slack_settings(slack: FakeSlack, **more: Any) -> SlackSettings:
    base = SlackSettings(
        signing_secret=slack.signing_secret,
        bot_token=slack.token,
        api_url=slack.url,
        channel="#incidents",
        team=slack.workspace.team,
    )
    return replace(base, **more)


@contextmanager
def over_http(app: Any) -> Iterator[str]:
    """The Flask app on a port of its own; its address."""
    server = make_server("127.0.0.1", 0, app, threaded=True)
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@contextmanager
def slack_scene(*, settings: dict[str, Any] | None = None, ledger: Any = None) -> Iterator[Scene]:
    """The clock of Slack is the workshop's, so that nothing waits."""
    with FakeSlack(now=lambda: shop.clock.now().timestamp()) as slack:
        shop: Workshop
        made = Settings(public_url=URL, slack=slack_settings(slack, **(settings or {})))
        shop = workshop(settings=made, ledger=ledger)
        http = create_app(service=shop.service).test_client()
        out = Deliveries(slack, into_flask(http))
        people = [out.person(user, "#incidents") for user in (ADA, GRACE, LINUS, NOBODY)]
        scene = Scene(shop, slack, http, out, *people)
        try:
            yield scene
        finally:
            shop.service.stop()
