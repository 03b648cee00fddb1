"""
Settings from the environment, read once. A wrong value stops the start with one line that says what it takes.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar
from urllib.parse import urlsplit

from incidents.decisions.access import LEASE_MAX, LEASE_MIN
from incidents.errors import Invalid
from incidents.slack_settings import SlackSettings, read_slack
from incidents.state import DEFAULT_LEASE_SECONDS

T = TypeVar("T")
SQLITE = "sqlite:///"
_PASSWORD = re.compile(r"//[^/@]*@")  # who a URL signs in as, and with what


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What the environment says; see the README's table."""

    database_url: str = "sqlite:///var/andon.db"
    host: str = "127.0.0.1"
    port: int = 8600
    public_url: str = ""
    catalog: Path | None = None
    playbooks: Path | None = None
    lease_seconds: int | None = None
    signing_key: Path | None = None
    organisation: str = ""
    smtp_url: str = field(default="", repr=False)  # holds a password
    webhook_secret: str = field(default="", repr=False)
    allow_private_webhooks: bool = False
    log: str = "console"
    slack: SlackSettings = field(default_factory=SlackSettings)

    @property
    def database_path(self) -> Path:
        """The SQLite file, absolute; taken from the working directory."""
        return Path(self.database_url.removeprefix(SQLITE)).absolute()

    @property
    def key_path(self) -> Path:
        return self.signing_key or self.database_path.with_suffix(".key")

    @property
    def url(self) -> str:
        """Where people and gateways reach this service."""
        return self.public_url or f"http://{for_url(self.host)}:{self.port}"

    @property
    def lease(self) -> int:
        return self.lease_seconds if self.lease_seconds is not None else DEFAULT_LEASE_SECONDS


def read_settings(environment: Mapping[str, str]) -> Settings:
    """
    Raises:
        Invalid: Names the variable, the value and what it takes.
    """

    def read(name: str, parse: Callable[[str], T], takes: str, default: T) -> T:
        value = environment.get(name, "")
        if not value.strip():
            return default
        try:
            return parse(value.strip())
        except ValueError:
            shown = "[masked]" if name.endswith("SECRET") else _PASSWORD.sub("//[masked]@", value)
            raise Invalid(f"{name}={shown!r}: it takes {takes}") from None

    none: Path | None = None
    no_lease: int | None = None
    return Settings(
        database_url=read(
            "ANDON_DATABASE_URL",
            _database,
            "sqlite:///PATH (three slashes, or four for an absolute path)",
            Settings().database_url,
        ),
        host=read("ANDON_HOST", _text, "an address to listen on", "127.0.0.1"),
        port=read("ANDON_PORT", lambda v: _between(v, 0, 65535), "a port, 0 to 65535", 8600),
        public_url=read("ANDON_PUBLIC_URL", _web_address, "an http(s) address without a path's trailing slash", ""),
        catalog=read("ANDON_CATALOG", _file, "a readable file", none),
        playbooks=read("ANDON_PLAYBOOKS", _folder, "a folder", none),
        lease_seconds=read(
            "ANDON_LEASE_SECONDS",
            lambda v: _between(v, LEASE_MIN, LEASE_MAX),
            f"whole seconds, {LEASE_MIN} to {LEASE_MAX}",
            no_lease,
        ),
        signing_key=read("ANDON_SIGNING_KEY", Path, "a path", none),
        organisation=read("ANDON_ORGANISATION", str, "your name, as partners and authorities read it", ""),
        smtp_url=read("ANDON_SMTP_URL", _smtp, "smtp://USER:PASSWORD@HOST:PORT?from=ADDRESS, or smtps://", ""),
        webhook_secret=read("ANDON_WEBHOOK_SECRET", _secret, "at least 24 characters", ""),
        allow_private_webhooks=read(
            "ANDON_ALLOW_PRIVATE_WEBHOOKS", lambda v: _one_of(v, ("yes", "no")) == "yes", "yes or no", False
        ),
        log=read("ANDON_LOG", lambda v: _one_of(v, ("json", "console")), "json or console", "console"),
        slack=read_slack(read, environment),
    )


def _database(value: str) -> str:
    if not value.startswith(SQLITE) or value == SQLITE:
        raise ValueError(value)
    return value


def _smtp(value: str) -> str:
    from incidents.connectors.email import mail_server

    mail_server(value)
    return value


def _secret(value: str) -> str:
    if len(value) < 24:
        raise ValueError
    return value


def _text(value: str) -> str:
    if any(c.isspace() or c == "/" for c in value):
        raise ValueError(value)
    return value


def _between(value: str, low: int, high: int) -> int:
    number = int(value)
    if not low <= number <= high:
        raise ValueError(value)
    return number


def _web_address(value: str) -> str:
    parts = urlsplit(value)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError(value)
    return value.rstrip("/")


def _file(value: str) -> Path:
    path = Path(value)
    if not path.is_file():
        raise ValueError(value)
    return path.absolute()


def _folder(value: str) -> Path:
    path = Path(value)
    if not path.is_dir():
        raise ValueError(value)
    return path.absolute()


def _one_of(value: str, known: tuple[str, ...]) -> str:
    if value not in known:
        raise ValueError(value)
    return value


def for_url(host: str) -> str:
    """A host to listen on as it stands in a URL that reaches it from this machine."""
    if host in ("0.0.0.0", "::"):  # noqa: S104 - compared, not bound
        return "127.0.0.1"
    return f"[{host}]" if ":" in host else host
