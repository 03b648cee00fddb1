"""
The API in this process, straight on the ledger: works with the service down.

Appends beside a running service, which follows. Judges no containment of its own: only the service that grants
leases knows who has confirmed, and writes it into the log.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Self

import click
import structlog
from flask.testing import FlaskClient

from incidents.cli.outcome import of_error
from incidents.cli.show import plain
from incidents.cli.transport import judged
from incidents.credentials import local_admin
from incidents.errors import AndonError, Unavailable
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
            from app import create_app

            yield cls(service, create_app(service=service).test_client(use_cookies=False), token)
        finally:
            _name(service)
            service.ledger.close()

    def send(self, method: str, target: str, headers: dict[str, Any], body: bytes | None) -> Any:
        self._service.desk.follow()
        answer = self._client.open(
            target, method=method, headers={**headers, **self._headers}, data=body, environ_overrides=self._environ
        )
        return judged(answer.status_code, answer.mimetype, answer.get_data(as_text=True), self.place, *self._hints)


def quiet_logs(settings: Settings) -> None:
    """The diagnosis log of a command: to standard error, and only what went wrong."""
    configure_logs(settings.log)
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))


def _name(service: Service) -> None:
    try:
        head = service.ledger.head()
    except Unavailable:  # the command has failed already, and says why
        return
    name_ledger(service.ledger.name, head.seq)


def name_ledger(name: str, seq: int) -> None:
    click.echo(plain(f"ledger {name} at seq {seq}"), err=True)
