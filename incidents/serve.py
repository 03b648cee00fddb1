"""
One serving process: ledger, engine, ticker, ASGI front with Flask below it, and a clean end.

Everything is opened before the port is, so that whoever can connect gets an answer; on SIGTERM the streams are
closed first, because the server would otherwise wait for them for ever.
"""

from __future__ import annotations

import asyncio
import resource
import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from types import FrameType

import click
import uvicorn

from app import create_app
from incidents.credentials import local_admin
from incidents.enforcement.bridge import Bridge
from incidents.enforcement.front import Front
from incidents.enforcement.patience import PromptProtocol, WholeRequests, close_the_slow
from incidents.errors import Conflicting, Unavailable
from incidents.ledger.serving import serve_lock
from incidents.logs import configure_logs
from incidents.service import Service, init, os_user
from incidents.settings import Settings, for_url
from incidents.ticker import Ticker
from incidents.web import page_reader

BACKLOG = 4096
FLASK_THREADS = 32
GRACE_SECONDS = 3


class CannotListen(Unavailable):
    """The address is taken or not ours."""


class Server(uvicorn.Server):
    """Closes the streams before it waits for connections to end."""

    def __init__(self, config: uvicorn.Config, front: Front, started: Callable[[], None]) -> None:
        super().__init__(config)
        self._front, self._started = front, started
        self._loop: asyncio.AbstractEventLoop | None = None
        self._sweeping: asyncio.Task[None] | None = None

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets=sockets)
        self._loop = asyncio.get_running_loop()
        self._sweeping = self._loop.create_task(close_the_slow(self.server_state.connections))
        self._started()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        if self._sweeping is not None:
            self._sweeping.cancel()
        await super().shutdown(sockets=sockets)

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """As uvicorn does, but without raising the signal again afterwards: we still have things to put away."""
        with super().capture_signals():
            yield
            self._captured_signals.clear()

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        self.end_streams()
        super().handle_exit(sig, frame)

    def end_streams(self) -> None:
        """From any thread: close every stream cleanly, so that stopping has nothing to wait for."""
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self._close_streams)

    def _close_streams(self) -> None:
        self._closing = asyncio.get_running_loop().create_task(self._front.hub.close())


def build_front(service: Service) -> Front:
    """The ASGI app over a service, Flask included."""
    flask = create_app(service=service)
    below = WholeRequests(Bridge(flask, workers=FLASK_THREADS))  # type: ignore[arg-type]
    front = Front(
        service.desk,
        service.points,
        service.usage,
        below,
        ready=service.ready,
        page_reader=page_reader(flask),
        ticket_key=service.secret("stream tickets"),
        acknowledged=service.wake.set,
    )
    service.tell_pages = front.tell_pages
    return front


DEMO_NAME = "Andon Demo Lab"  # who signs the demo's notices, where nobody has said


def run(settings: Settings, *, demo: bool = False) -> None:
    """
    Serve until SIGTERM or SIGINT.

    Raises:
        Unavailable: The ledger can't be opened or is being served already, or the address can't be listened on.
        Invalid: The catalog file is wrong.
    """
    configure_logs(settings.log)
    if demo and not settings.organisation:
        settings = replace(settings, organisation=DEMO_NAME)
    _allow_many_connections()
    with ExitStack() as stack:
        if not settings.database_path.exists():
            _first_start(settings, quiet=demo)
        stack.enter_context(serve_lock(settings.database_path))
        listening = stack.enter_context(_listen(settings.host, settings.port))
        service = Service.open(settings)
        stack.callback(service.stop)
        _prepare(service)
        front = build_front(service)
        say = _demo(service, stack, listening) if demo else lambda: _say_ready(service, listening)
        service.start()
        ticker = Ticker(service)
        ticker.start()
        stack.callback(ticker.stop)
        make_server(front, say).run(sockets=[listening])


def make_server(front: Front, started: Callable[[], None]) -> Server:
    """uvicorn, set up for thousands of streams; ``started`` is called once it listens."""
    config = uvicorn.Config(
        front,
        http=PromptProtocol,
        log_level="warning",
        access_log=False,
        lifespan="on",
        ws="none",
        backlog=BACKLOG,
        server_header=False,
        proxy_headers=False,
        timeout_keep_alive=75,
        timeout_graceful_shutdown=GRACE_SECONDS,
    )
    return Server(config, front, started)


def _allow_many_connections() -> None:
    """Each stream is an open file, and many systems start programs with 1,024 of them."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    with suppress(ValueError, OSError):  # "unlimited" may not be had everywhere
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family, backlog=BACKLOG)
    except OSError as error:
        text = f"can't listen on {host} port {port}: {error.strerror}; choose another with --port or ANDON_PORT"
        raise CannotListen(text) from error


def _first_start(settings: Settings, *, quiet: bool) -> None:
    secret, key = init(settings)
    click.echo(f"New ledger {settings.database_path}, key {settings.key_path}, fingerprint {key.fingerprint}")
    if not quiet:
        click.echo(f"First admin token, shown this once: {secret}")


def _prepare(service: Service) -> None:
    service.use_lease_setting()
    for remark in (*service.playbooks.remarks, *map(str, (*service.playbooks.problems, *service.rhythm_problems))):
        click.echo(f"playbooks: {remark}", err=True)
    if service.settings.catalog is not None:
        _apply_catalog(service, service.settings.catalog)


def _apply_catalog(service: Service, path: Path) -> None:
    """What an incident's hold forbids to change stays as it is: a restart in the middle of one must come up."""
    try:
        said = service.operations.apply_catalog(local_admin(os_user()), path.read_bytes(), str(path))
    except Conflicting as error:
        click.echo(f"catalog: {path} was not applied: {error}", err=True)
        return
    for line in (*said["changes"], *said["overridden"]):
        click.echo(f"catalog: {line}")


def _say_ready(service: Service, listening: socket.socket) -> None:
    with service.desk.read() as state:
        seq = state.seq
    click.echo(f"Andon serves {address(listening)} from {service.ledger.name} at seq {seq}")


def address(listening: socket.socket) -> str:
    """The URL of a listening socket."""
    host, port = listening.getsockname()[:2]
    return f"http://{for_url(host)}:{port}"


def _demo(service: Service, stack: ExitStack, listening: socket.socket) -> Callable[[], None]:
    from incidents.demo.scene import set_scene

    return set_scene(service, stack, address(listening))
