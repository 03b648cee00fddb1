"""
E-mail by SMTP. A message has left when its text has been handed over; what fails before is known not to have arrived.

Connections are kept between letters for a short while, one for each at work. A password is only sent over TLS. A
letter has a time for all of it, so that a server that answers drop by drop holds nobody's.
"""

from __future__ import annotations

import smtplib
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from email.message import EmailMessage
from email.policy import SMTP, SMTPUTF8
from email.utils import format_datetime
from functools import cached_property
from urllib.parse import parse_qs, unquote, urlsplit

from incidents.clock import Clock
from incidents.connectors import Address, Letter, NotSent, Receipt, Unclear
from incidents.lap import Lap, Watch

TIMEOUT_S = 15.0  # for one answer
LETTER_S = 60.0  # for all of a letter, from the connection to the receipt
IDLE_S = 20.0
RECEIPT_LIMIT = 200


@dataclass(frozen=True, slots=True)
class MailServer:
    """Where mail is handed in. ``tls`` from the first byte; else it is asked for by STARTTLS where that is offered."""

    host: str
    port: int
    tls: bool
    user: str = ""
    password: str = ""
    sender: str = ""

    def __repr__(self) -> str:
        return f"MailServer({self.host}:{self.port})"


def mail_server(url: str) -> MailServer:
    """
    Read ``smtp://user:password@host:587?from=andon@example.com`` (``smtps`` for TLS from the first byte).

    Raises:
        ValueError: It is no such URL.
    """
    parts = urlsplit(url)
    if parts.scheme not in ("smtp", "smtps") or not parts.hostname or parts.path not in ("", "/") or parts.fragment:
        raise ValueError("no smtp URL")
    query = parse_qs(parts.query, strict_parsing=bool(parts.query))
    sender = query.pop("from", [""])[-1]
    if query or (sender and ("@" not in sender or not sender.isascii() or any(c.isspace() for c in sender))):
        raise ValueError("unknown part")
    tls = parts.scheme == "smtps"
    user, password = unquote(parts.username or ""), unquote(parts.password or "")
    return MailServer(parts.hostname, parts.port or (465 if tls else 587), tls, user, password, sender)


class _Connection(smtplib.SMTP):
    """One whose lap begins before the server's first word and before any handshake; ``trust``: TLS from the start."""

    def __init__(self, server: MailServer, watch: Watch, trust: ssl.SSLContext | None, hostname: str) -> None:
        self._watch, self._context = watch, trust
        self.lap: Lap | None = None
        try:
            super().__init__(server.host, server.port, timeout=TIMEOUT_S, local_hostname=hostname)
        except BaseException:
            self.close()
            raise

    def _get_socket(self, host: str, port: int, timeout: float) -> socket.socket:
        """As the library's own, for both kinds."""
        made = socket.create_connection((host, port), timeout)
        self.lap = Lap(self._watch, made)
        self.lap.begin(LETTER_S)
        return self._context.wrap_socket(made, server_hostname=host) if self._context is not None else made

    def close(self) -> None:
        super().close()
        if self.lap is not None:
            self.lap.close()

    @property
    def over(self) -> bool:
        """It was ended because the letter took too long."""
        return self.lap is not None and self.lap.over


class Email:
    """One mail server."""

    channel = "email"

    def __init__(
        self, server: MailServer, clock: Clock, *, domain: str = "andon.invalid", trust: ssl.SSLContext | None = None
    ) -> None:
        self._server, self._clock, self._domain = server, clock, domain
        self._given_trust = trust
        self._sender = server.sender or f"andon@{domain}"
        self._watch = Watch(clock)
        self._idle: list[tuple[float, _Connection]] = []
        self._lock = threading.Lock()

    @cached_property
    def _trust(self) -> ssl.SSLContext:
        return self._given_trust or ssl.create_default_context()

    def send(self, letter: Letter, address: Address, leaving: Callable[[], None]) -> Receipt:
        to = _usable(address.value)
        message = self._message(letter, to)
        with self._connection() as connection:
            options = [] if to.isascii() else _beyond_ascii(connection)
            octets = message.as_bytes(policy=(SMTPUTF8 if options else SMTP))
            options += [f"SIZE={len(octets)}"] if connection.has_extn("size") else []
            _accepted(lambda: connection.mail(self._sender, options))
            _accepted(lambda: connection.rcpt(to))
            leaving()
            try:
                code, said = connection.data(octets)
            except smtplib.SMTPDataError as error:  # the server said no instead of taking the text
                raise _refusal(error.smtp_code) from error
            except (OSError, smtplib.SMTPException) as error:
                raise Unclear("the connection broke after the text") from error
            if connection.over:  # what has come of an answer looks like a whole one
                raise Unclear("no whole answer came after the text")
        if code != 250:
            raise _refusal(code)
        return Receipt(f"{code} {_words(said)}", str(message["Message-ID"]))

    def _message(self, letter: Letter, to: str) -> EmailMessage:
        made = EmailMessage()
        made["From"] = self._sender
        made["To"] = to
        made["Subject"] = " ".join(letter.subject.split())[:900]
        made["Date"] = format_datetime(self._clock.now())
        made["Message-ID"] = f"<{letter.key.replace('/', '.')}@{self._domain}>"
        made["Auto-Submitted"] = "auto-generated"
        made["X-Andon-Message"] = letter.id
        if letter.thread:
            made["References"] = f"<{letter.thread}@{self._domain}>"
        made.set_content(letter.body)
        return made

    # --- connections ---

    @contextmanager
    def _connection(self) -> Iterator[_Connection]:
        """A connection with nothing under way; given back if the letter went well, else closed."""
        connection = self._kept() or self._opened()
        try:
            yield connection
        except BaseException as error:
            connection.close()
            if connection.over and isinstance(error, NotSent | Unclear):
                raise type(error)(f"the mail server took longer than {LETTER_S:.0f} s") from error
            raise
        if connection.lap is not None:
            connection.lap.end()
        with self._lock:
            self._idle.append((self._clock.boot(), connection))

    def _kept(self) -> _Connection | None:
        while True:
            with self._lock:
                if not self._idle:
                    return None
                since, connection = self._idle.pop()
            with suppress(OSError, smtplib.SMTPException):
                if connection.lap is not None and self._clock.boot() - since < IDLE_S:
                    connection.lap.begin(LETTER_S)
                    if connection.rset()[0] == 250:
                        return connection
            connection.close()

    def _opened(self) -> _Connection:
        try:
            made = _Connection(self._server, self._watch, self._trust if self._server.tls else None, self._domain)
        except (OSError, smtplib.SMTPException) as error:
            raise NotSent(f"the mail server can't be reached ({type(error).__name__})") from error
        try:
            self._greet(made)
        except BaseException:
            made.close()
            raise
        return made

    def _greet(self, connection: smtplib.SMTP) -> None:
        try:
            connection.ehlo()
            if not self._server.tls and connection.has_extn("starttls"):
                connection.starttls(context=self._trust)
                connection.ehlo()
            if self._server.user:
                if not isinstance(connection.sock, ssl.SSLSocket):
                    raise NotSent("the mail server offers no TLS, so it gets no password")
                connection.login(self._server.user, self._server.password)
        except smtplib.SMTPAuthenticationError as error:
            raise NotSent("the mail server refuses our sign-in") from error
        except ssl.SSLError as error:
            raise NotSent("the mail server's certificate is not trusted") from error
        except (OSError, smtplib.SMTPException) as error:
            raise NotSent(f"the mail server's greeting failed ({type(error).__name__})") from error

    def close(self) -> None:
        """Close what is idle."""
        with self._lock:
            idle, self._idle = self._idle, []
        for _, connection in idle:
            connection.close()


def _usable(address: str) -> str:
    """
    As it goes to the server; the name of a domain in the letters that every server takes (RFC 5891).

    Raises:
        NotSent: It is no address, or several.
    """
    name, at, domain = address.rpartition("@")
    if not at or not name or "," in address or any(c.isspace() or not c.isprintable() for c in address):
        raise NotSent("no usable address", for_good=True)
    try:
        return f"{name}@{domain if domain.isascii() else domain.encode('idna').decode()}"
    except UnicodeError as error:
        raise NotSent("no usable address", for_good=True) from error


def _beyond_ascii(connection: _Connection) -> list[str]:
    """
    What it takes to write to a name that is not ASCII (RFC 6531).

    Raises:
        NotSent: This server does not know how; another channel may reach them.
    """
    if not connection.has_extn("smtputf8"):
        raise NotSent("the mail server takes no address with other letters than ASCII (no SMTPUTF8)", for_good=True)
    return ["SMTPUTF8"]


def _accepted(step: Callable[[], tuple[int, bytes]]) -> None:
    try:
        code, _ = step()
    except (OSError, smtplib.SMTPException) as error:
        raise NotSent(f"the connection to the mail server broke ({type(error).__name__})") from error
    if not 200 <= code < 300:
        raise _refusal(code)


def _refusal(code: int) -> NotSent:
    """4xx: try later. 5xx: not this message, ever."""
    return NotSent(f"the mail server answered {code}" if code > 0 else "the mail server hung up", for_good=code >= 500)


def _words(said: bytes) -> str:
    return " ".join(said.decode("ascii", "replace").split())[:RECEIPT_LIMIT]
