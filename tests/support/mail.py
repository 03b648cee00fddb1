"""
A real mail server that can be rude: it keeps what it took, and refuses, hangs up or waits where it is told to.
"""

from __future__ import annotations

import email.policy
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes
from email.message import EmailMessage
from pathlib import Path
from typing import Any, cast

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

from tests.support.servers import free_port

Answer = Callable[[Envelope], str | None]


@dataclass
class MailServer:
    """``on_rcpt`` and ``on_data`` answer instead of the server (None: as usual); ``hang_up`` cuts after the text."""

    port: int = 0
    taken: list[tuple[list[str], EmailMessage]] = field(default_factory=list)
    logins: list[bytes] = field(default_factory=list)
    on_rcpt: Answer = lambda envelope: None
    on_data: Answer = lambda envelope: None
    hang_up: bool = False
    before_answer: Callable[[], None] = lambda: None
    sessions: int = 0
    password: bytes | None = None
    lock: threading.Lock = field(default_factory=threading.Lock)

    async def handle_EHLO(  # noqa: N802 - aiosmtpd's names
        self, server: SMTP, session: Session, envelope: Envelope, hostname: str, responses: list[str]
    ) -> list[str]:
        session.host_name = hostname
        self.sessions += 1
        return responses

    async def handle_RCPT(  # noqa: N802
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if self.password is not None and not session.authenticated:
            return "530 sign in first"
        said = self.on_rcpt(envelope)
        if said is None:
            envelope.rcpt_tos.append(address)
        return said or "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        said = self.on_data(envelope)
        if said is not None:
            return said
        message = message_from_bytes(cast(bytes, envelope.content), policy=email.policy.default)
        with self.lock:
            self.taken.append((list(envelope.rcpt_tos), cast(EmailMessage, message)))
        self.before_answer()
        if self.hang_up:
            server.transport.close()  # type: ignore[union-attr]
        return f"250 2.0.0 taken as {len(self.taken)}"

    @property
    def to(self) -> list[str]:
        """Who got something, in order."""
        with self.lock:
            return [to for tos, _ in self.taken for to in tos]

    def texts(self, to: str) -> list[str]:
        with self.lock:
            return [str(m.get_content()) for tos, m in self.taken if to in tos]


@contextmanager
def mail_server(
    *,
    tls: ssl.SSLContext | None = None,
    starttls: ssl.SSLContext | None = None,
    password: bytes | None = None,
    utf8: bool = True,
) -> Iterator[MailServer]:
    """Listens on a port of its own. ``password``: everybody has to sign in with it; ``utf8``: it knows SMTPUTF8."""
    made = MailServer(password=password)

    def sign_in(server: Any, session: Any, envelope: Any, mechanism: str, data: Any) -> AuthResult:
        given = data.password if isinstance(data, LoginPassword) else b""
        made.logins.append(given)
        return AuthResult(success=given == password)

    more: dict[str, Any] = {"enable_SMTPUTF8": utf8}
    if password is not None:
        more |= {"authenticator": sign_in, "auth_require_tls": starttls is not None}
    if starttls is not None:
        starttls.check_hostname = False  # of its clients, which have no name; it would warn
        more["tls_context"] = starttls
    controller = Controller(made, hostname="127.0.0.1", port=free_port(), ssl_context=tls, **more)
    controller.start()
    try:
        made.port = controller.port
        yield made
    finally:
        controller.stop()


def certificate(folder: Path) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """A server's context with a certificate for localhost, and a client's that trusts it."""
    from datetime import UTC, datetime, timedelta
    from ipaddress import ip_address

    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    names = x509.SubjectAlternativeName([x509.DNSName("localhost"), x509.IPAddress(ip_address("127.0.0.1"))])
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(names, critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / "server.pem"
    file.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        + made.public_bytes(serialization.Encoding.PEM)
    )
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(file)
    client = ssl.create_default_context(cafile=str(file))
    return server, client
