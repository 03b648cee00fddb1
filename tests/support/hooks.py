"""
A real web server that a webhook is sent to, friendly or hostile: slow, endless, redirecting, silent.
"""

from __future__ import annotations

import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from tests.support.mail import certificate


@dataclass
class Delivery:
    """One request as it came in."""

    path: str
    headers: dict[str, str]
    body: bytes


Behaviour = Callable[[socket.socket], None]


def says(status: int, *headers: str, body: bytes = b"ok") -> Behaviour:
    """A whole answer."""

    def behave(connection: socket.socket) -> None:
        lines = [f"HTTP/1.1 {status} X", f"Content-Length: {len(body)}", "Connection: close", *headers]
        connection.sendall("\r\n".join(lines).encode() + b"\r\n\r\n" + body)

    return behave


def drips(connection: socket.socket) -> None:
    """One octet of a status line at a time, for ever."""
    with suppress(OSError):
        while True:
            connection.sendall(b"H")
            time.sleep(0.02)


def never_ends(connection: socket.socket) -> None:
    """200, and then as much as anybody takes."""
    connection.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    with suppress(OSError):
        while True:
            connection.sendall(b"10000\r\n" + b"x" * 65_536 + b"\r\n")


def many_headers(connection: socket.socket) -> None:
    """A head that is larger than any honest one."""
    with suppress(OSError):
        connection.sendall(b"HTTP/1.1 200 OK\r\n")
        for number in range(100_000):
            connection.sendall(f"X-{number}: {'y' * 200}\r\n".encode())


def says_nothing(connection: socket.socket) -> None:
    """Hangs up without a word."""


@dataclass
class Target:
    port: int
    trust: ssl.SSLContext
    behaviour: Behaviour = field(default_factory=lambda: says(200))
    deliveries: list[Delivery] = field(default_factory=list)
    connections: int = 0

    def url(self, path: str = "/hooks/andon", host: str = "localhost") -> str:
        return f"https://{host}:{self.port}{path}"


@contextmanager
def target(folder: Path) -> Iterator[Target]:
    """HTTPS on a port of its own; ``trust`` vouches for it."""
    server, client = certificate(folder)
    listening = socket.create_server(("127.0.0.1", 0))
    made = Target(listening.getsockname()[1], client)
    stopping = threading.Event()
    threads: list[threading.Thread] = []

    def serve() -> None:
        while not stopping.is_set():
            try:
                plain, _ = listening.accept()
            except OSError:
                return
            made.connections += 1
            thread = threading.Thread(target=answer, args=(plain,), daemon=True)
            threads.append(thread)
            thread.start()

    def answer(plain: socket.socket) -> None:
        with suppress(OSError), server.wrap_socket(plain, server_side=True) as connection:
            made.deliveries.append(_read(connection))
            made.behaviour(connection)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield made
    finally:
        stopping.set()
        listening.shutdown(socket.SHUT_RDWR)
        listening.close()
        for one in (thread, *threads):
            one.join(5)


def _read(connection: socket.socket) -> Delivery:
    octets = b""
    while b"\r\n\r\n" not in octets:
        more = connection.recv(65_536)
        if not more:
            raise OSError("hung up")
        octets += more
    head, _, body = octets.partition(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").split("\r\n")
    headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
    while len(body) < int(headers.get("content-length", "0")):
        body += connection.recv(65_536)
    return Delivery(first.split(" ")[1], headers, body)
