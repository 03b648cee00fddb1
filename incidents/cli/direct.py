"""
The API in this process, straight on the ledger: works with the service down, and mounts no page.

Appends beside a running service, which follows. Judges no containment of its own: only the service that grants
leases knows who has confirmed, and writes it into the log.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any, Self

import click
import structlog
from flask import Flask
from flask.testing import FlaskClient

from incidents.api import mount_api
from incidents.cli.outcome import Failed, of_error
from incidents.cli.show import plain
from incidents.cli.transport import judged
from incidents.credentials import local_admin
from incidents.errors import AndonError, Unavailable
from incidents.ledger import Ledger
from incidents.logs import configure_logs
from incidents.service import Service, os_user
from incidents.settings import Settings


class Direct:
    """An opened ledger. With a token, its owner asks; without one, whoever runs the command, as an admin."""

    def __init__(self, service: Service, client: FlaskClient, token: str | None) -> None:
        self.place = service.ledger.name
        self._service, self._client = service, client
        self._headers = {"Authorization": f"Bearer {token}"} if token else {}
        self._environ = {} if token else {"andon.asker": local_admin(os_user())}
        self._hints = ["unset ANDON_TOKEN to act as the admin that you are on this ledger"] if token else []

    @classmethod
    @contextmanager
    def opened(cls, settings: Settings, token: str | None) -> Iterator[Self]:
        """Says on standard error which ledger it was, and its head."""
        quiet_logs(settings)
        try:
            service = Service.open(settings)
        except AndonError as error:
            raise of_error(error) from error
        try:
            yield cls(service, _api(service), token)
        except Failed as failed:
            failed.lines += tuple(_named(service))  # what went wrong stands first
            raise
        except BaseException:
            tell(_named(service))
            raise
        else:
            tell(_named(service))
        finally:
            service.ledger.close()

    def send(self, method: str, target: str, headers: dict[str, Any], body: bytes | None) -> Any:
        self._service.desk.follow()
        answer = self._client.open(
            target, method=method, headers={**headers, **self._headers}, data=body, environ_overrides=self._environ
        )
        return judged(
            answer.status_code, answer.mimetype or "", answer.get_data(as_text=True), self.place, *self._hints
        )


def _api(service: Service) -> FlaskClient:
    app = Flask("andon", static_folder=None, template_folder=None)
    mount_api(app, service)
    return app.test_client(use_cookies=False)


def quiet_logs(settings: Settings) -> None:
    """The diagnosis log of a command: to standard error, and only what went wrong."""
    configure_logs(settings.log)
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))


def _named(service: Service) -> Iterator[str]:
    try:
        yield in_words(service.ledger)
    except Unavailable:  # the command has failed already, and says why
        return


def in_words(ledger: Ledger) -> str:
    return f"ledger {ledger.name} at seq {ledger.head().seq}"


def tell(lines: Iterable[str]) -> None:
    for line in lines:
        click.echo(plain(line), err=True)
