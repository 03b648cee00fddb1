"""
Sets the demo's scene on a real service: catalog, tokens, one gateway process, and a folder for what goes out.

Nothing here is faked; what no channel is connected for is written to files, and says that it was.

Tokens are made anew at each start, because only their digests are kept; those of the last start are revoked.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from contextlib import ExitStack

import click

from incidents.credentials import local_admin
from incidents.decisions.access import CreateToken
from incidents.demo.outbox import Outbox
from incidents.service import Service, os_user
from incidents.testing import sample_catalog
from incidents.web import sign_in_link

GATEWAY = "demo-gateway"


def set_scene(service: Service, stack: ExitStack, url: str) -> Callable[[], None]:
    """Prepare everything; the callback starts the gateway and says what to try, once the service listens."""
    admin = local_admin(os_user())
    with service.desk.read() as state:
        empty = not state.catalog.models
        old = [t.id for t in state.tokens.values() if t.name in (GATEWAY, "demo-ada", "demo-grace") and not t.revoked]
    if empty:
        service.operations.apply_catalog(admin, sample_catalog(), "demo/catalog.yaml")
    ada, ada_id = _token(service, CreateToken(name="demo-ada", role="admin", person="ada"))
    _, grace_id = _token(service, CreateToken(name="demo-grace", role="commander", person="grace"))
    gateway, _ = _token(service, CreateToken(name=GATEWAY, role="enforcer"))
    written = _connect_outbox(service)
    for id in old:
        service.operations.revoke_token(admin, id)

    def started() -> None:
        process = _start_gateway(url, gateway)
        stack.callback(_end, process)
        _say(service, url, ada, sign_in_link(service, ada_id, url), sign_in_link(service, grace_id, url), written)

    return started


def _token(service: Service, request: CreateToken) -> tuple[str, str]:
    """The secret and the id. A person whom another catalog does not know gives a token without a person."""
    with service.desk.read() as state:
        if request.person not in (None, *state.catalog.people):
            request = CreateToken(name=request.name, role=request.role)
    reply, secret = service.operations.create_token(local_admin(os_user()), request)
    return secret or "", reply.body["id"]


def _connect_outbox(service: Service) -> str:
    """A file for each message that mail or Slack would have taken; returns where, or nothing if both are there."""
    office, folder = service.postroom.office, service.settings.database_path.parent / "demo-outbox"
    missing = [channel for channel in ("email", "slack") if office.by(channel) is None]
    for channel in missing:
        office.add(Outbox(channel, folder))
    return (
        f"{folder}\n                  (files: {' and '.join(missing)} not connected, nobody is told)" if missing else ""
    )


def _start_gateway(url: str, token: str) -> subprocess.Popen[bytes]:
    environment = os.environ | {"ANDON_GATEWAY_TOKEN": token}
    command = [sys.executable, "-m", "incidents.demo.gateway", "--andon", url, "--port", str(gateway_port(url))]
    return subprocess.Popen(command, env=environment)


def gateway_port(url: str) -> int:
    """8601 beside the default port, one above any other."""
    return int(url.rpartition(":")[2]) + 1


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(timeout=5)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _say(service: Service, url: str, token: str, link: str, second_link: str, outbox: str) -> None:
    messages = f"  messages        {outbox}\n" if outbox else ""
    gateway = f"http://127.0.0.1:{gateway_port(url)}"
    click.echo(
        f"""
Andon is ready.   {url}
  ledger          {service.ledger.name}
  sign in         {link}
                  (Ada, commander and admin; works once, for 10 minutes)
  second person   {second_link}
                  (Grace, commander: approves a restore that Ada asked for; likewise, in another browser profile)
  admin token     {token}
  demo gateway    {gateway}   try, as a partner:
                  curl -H 'X-Partner-Key: acme-demo-key' {gateway}/v1/orion-2/tool-use
{messages}Stop with Ctrl-C.
"""
    )
