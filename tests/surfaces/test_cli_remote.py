"""The command line over HTTP, at ANDON_URL."""

from __future__ import annotations

import logging
import socket
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
import structlog
from flask import Flask
from werkzeug.serving import make_server

from incidents.api import mount_api
from incidents.ledger import standalone_verifier
from incidents.service import Service
from tests.surfaces.test_cli import Shell, bare, shell  # noqa: F401 - fixtures

pytestmark = pytest.mark.usefixtures("shell")


@dataclass
class Served:
    """The shell's ledger, served; ``prompt`` is a shell elsewhere, with an admin's token."""

    shell: Shell
    service: Service
    url: str

    def run(self, *arguments: str, **environment: str) -> Any:
        return self.shell.run(*arguments, **environment)


@pytest.fixture
def served(shell: Shell) -> Iterator[Served]:  # noqa: F811
    admin = shell.token_of("ada", "admin")
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    service = shell.opened()
    service.start()
    app = Flask("andon")
    mount_api(app, service)
    server = make_server("127.0.0.1", 0, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    url = f"http://127.0.0.1:{server.server_port}"
    shell.environment = {"ANDON_URL": url, "ANDON_TOKEN": admin, "ANDON_DATABASE_URL": "sqlite:///not-here.db"}
    yield Served(shell, service, url)
    server.shutdown()
    thread.join(10)
    server.server_close()
    service.stop()


@dataclass
class Stub:
    """A server that answers as told, and remembers what it was asked."""

    answers: list[Callable[[BaseHTTPRequestHandler], None]]
    asked: list[tuple[str, str, dict[str, str]]] = field(default_factory=list)
    url: str = ""


def says(status: int, body: str, media: str = "application/json", **headers: str) -> Any:
    def answer(handler: BaseHTTPRequestHandler) -> None:
        octets = body.encode()
        handler.send_response(status)
        for name, value in {"Content-Type": media, "Content-Length": str(len(octets)), **headers}.items():
            handler.send_header(name, value)
        handler.end_headers()
        handler.wfile.write(octets)

    return answer


def hangs_up(handler: BaseHTTPRequestHandler) -> None:
    handler.connection.shutdown(socket.SHUT_RDWR)


@pytest.fixture
def stub() -> Iterator[Stub]:
    made = Stub([])

    class Handler(BaseHTTPRequestHandler):
        def answer(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            made.asked.append((self.command, self.path, {k.lower(): v for k, v in self.headers.items()}))
            made.answers.pop(0)(self)

        do_GET = do_POST = do_PUT = answer  # noqa: N815 - the names that the base class looks for

        def log_message(self, *args: Any) -> None:
            """Nothing on the test's output."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    made.url = f"http://127.0.0.1:{server.server_address[1]}"
    yield made
    server.shutdown()
    thread.join(10)
    server.server_close()


DECLARED = (
    '{"id":"INC-2026-0001","kind":"real","severity":"sev1","status":"declared","title":"t","joined":false,"holds":[],'
    '"skipped":[],"revision":9,"url":"u","containment":{"state":"contained","confirmed":0,"total":0,"points":[],'
    '"contained_by":"2026-11-23T12:00:00.000Z"}}'
)


def test_kill_over_http_waits_until_the_service_says_contained(served: Served) -> None:
    """
    The main job from a laptop: off, and proof that it is.
    """
    ran = served.run("kill", "partner", "acme", "--reason", "key leaked", "--wait")

    assert ran.code == 0, ran.err
    assert "off now      acme revoked" in ran.out
    assert "contained" in ran.out
    assert served.run("check", "acme", "orion-2:tool-use").code == 1


def test_wait_as_json_is_one_document_with_the_newest_containment(served: Served) -> None:
    """
    A script reads one answer, not a stream of them.
    """
    found = served.run("kill", "partner", "acme", "--reason", "x", "--wait", "--json").json

    assert found["containment"]["state"] == "contained"


def test_remote_answers_name_no_local_ledger(served: Served) -> None:
    """
    The ledger of this machine has nothing to do with it, and is not opened.
    """
    ran = served.run("incidents", "--json")

    assert (ran.code, ran.err) == (0, "")
    assert not (served.shell.folder / "not-here.db").exists()


def test_whole_log_is_verified_and_exported_over_http(served: Served) -> None:
    """
    Whoever checks the log need not have the ledger's file. The pages of the log are put together without a gap.
    """
    served.shell.patch.setattr("incidents.cli.ledger.LOG_PAGE", 2)

    ran = served.run("verify")

    assert (ran.code, ran.out.startswith("good: 7 events")) == (0, True), ran.err
    assert served.shell.done("export-log", "remote.jsonl")["events"] == 7


def test_copy_of_the_log_that_leaves_out_restricted_incidents_says_so_and_is_not_called_proven(served: Served) -> None:
    """
    It was called WRONG: a false alarm about the one thing that must never give one. The way out stands beside it.
    """
    id = served.shell.done("kill", "partner", "acme", "--reason", "x")["id"]
    grace = str(
        served.run("token", "create", "--name", "g", "--role", "viewer", "--person", "grace", "--json").json["secret"]
    )
    served.shell.done("visibility", id, "restricted", "--reason", "a named person is involved")

    made = served.run("export-log", "copy.jsonl", ANDON_TOKEN=grace)
    assert made.code == 0
    assert "withheld from you, so this copy proves nothing. A copy made beside the ledger" in made.out
    for ran in (served.run("verify", ANDON_TOKEN=grace), served.run("verify", "copy.jsonl")):
        assert (ran.code, ran.out.startswith("NOT PROVEN: nothing is wrong")) == (1, True)
        assert "events are not for whoever made this copy" in ran.err

    assert standalone_verifier.main([str(served.shell.folder / "copy.jsonl")]) == 2

    assert served.run("verify").out.startswith("good: ")  # ada is a member: she declared it


def test_every_reading_command_speaks_json_over_http(served: Served) -> None:
    """
    ``--json`` is promised for every command; whatever the answer is, it parses.
    """
    id = served.shell.done("kill", "partner", "acme", "--reason", "x")["id"]
    for command in (
        ["incidents"],
        ["incidents", "show", id],
        ["timeline", id],
        ["note", id, "text"],
        ["token", "list"],
        ["catalog", "show"],
        ["playbooks", "list"],
        ["playbooks", "show", "break-glass"],
        ["points"],
        ["checkpoint"],
        ["verify"],
        ["declare", "break-glass", "-p", "partner=globex", "--preview"],
        ["check", "globex", "orion-2:tool-use"],
    ):
        served.shell.done(*command)


def test_missing_token_says_which_variable_is_needed(served: Served) -> None:
    """
    401 alone sends a responder to the manual.
    """
    ran = served.run("incidents", ANDON_TOKEN="")

    assert ran.code == 1
    assert "set ANDON_TOKEN" in ran.err


def test_backup_over_http_is_wrong_usage(served: Served) -> None:
    """
    A backup of this machine's ledger, while another one is meant, would be found out too late.
    """
    ran = served.run("backup", "copy.db")

    assert ran.code == 2
    assert "ANDON_URL" in ran.err


def test_service_that_is_down_is_named_with_the_way_round(shell: Shell) -> None:  # noqa: F811
    """
    In the worst hour the cord still hangs on the ledger: the message says so.
    """
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{taken.getsockname()[1]}"
        ran = shell.run("kill", "partner", "acme", "--reason", "x", ANDON_URL=url)

    assert ran.code == 3
    assert ran.err.startswith(f"{url}: could not be reached")
    assert "unset ANDON_URL" in ran.err
    assert "not known" not in ran.err


def test_lost_answer_is_asked_for_again_with_the_same_key(shell: Shell, stub: Stub) -> None:  # noqa: F811
    """
    The connection broke after the kill was sent: a second one with the same key can't declare it twice.
    """
    stub.answers += [hangs_up, says(201, DECLARED)]

    ran = shell.run("kill", "partner", "acme", "--reason", "x", ANDON_URL=stub.url)

    keys = [headers["idempotency-key"] for _, _, headers in stub.asked]
    assert ran.code == 0, ran.err
    assert len(keys) == 2
    assert keys[0] == keys[1]


def test_token_is_never_asked_for_twice(shell: Shell, stub: Stub) -> None:  # noqa: F811
    """
    The repeated answer would come without the secret, and a token that nobody holds would stay in use.
    """
    stub.answers += [hangs_up]

    ran = shell.run("token", "create", "--name", "t", "--role", "viewer", ANDON_URL=stub.url)

    assert ran.code == 3
    assert len(stub.asked) == 1
    assert "whether it was recorded is not known" in ran.err


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (says(503, '{"detail":"no space left","status":503}', "application/problem+json"), "no space left"),
        (says(502, "<h1>Bad gateway</h1>", "text/html"), "answered 502"),
        (says(404, "<h1>Not found</h1>", "text/html"), "is it Andon?"),
        (says(200, "<h1>Welcome</h1>", "application/json"), "no JSON"),
        (says(302, "", "text/html", Location="https://elsewhere.example/"), "https://elsewhere.example/"),
        (says(500, "[]", "application/problem+json"), "answered 500"),
    ],
)
def test_answers_that_are_not_andons_end_with_the_url(
    shell: Shell,  # noqa: F811
    stub: Stub,
    answer: Any,
    words: str,
) -> None:
    """
    A proxy, a wrong port, a login page in between: the URL is what is wrong, so it is what is named.
    """
    stub.answers += [answer]

    ran = shell.run("incidents", ANDON_URL=stub.url)

    assert (ran.code, ran.out) == (3, "")
    assert stub.url in ran.err
    assert words in ran.err


def test_token_is_sent_to_the_url_alone_and_netrc_is_left_out(
    shell: Shell,  # noqa: F811
    stub: Stub,
) -> None:
    """
    A password for that host in ~/.netrc would else be sent in the token's place.
    """
    (shell.folder / "netrc").write_text("default login eve password secret\n")
    (shell.folder / "netrc").chmod(0o600)
    stub.answers += [says(200, '{"items":[],"next":null}')]

    shell.run("incidents", ANDON_URL=stub.url, ANDON_TOKEN="andon_x", NETRC=str(shell.folder / "netrc"))

    assert stub.asked[0][2]["authorization"] == "Bearer andon_x"


@pytest.mark.parametrize("url", ["ftp://x", "127.0.0.1:8600", "http://", "http://a b", "http://x:99999", "http://[1"])
def test_unusable_url_is_wrong_usage(shell: Shell, url: str) -> None:  # noqa: F811
    """
    Falling back to the local ledger would switch off something else than what was meant.
    """
    ran = shell.run("incidents", ANDON_URL=url)

    assert (ran.code, ran.err.startswith("ANDON_URL=")) == (2, True)


def test_password_in_the_url_is_refused_and_not_repeated(shell: Shell) -> None:  # noqa: F811
    """
    Errors end up in tickets and chats.
    """
    ran = shell.run("incidents", ANDON_URL="http://eve:hunter2@127.0.0.1:8600")

    assert ran.code == 2
    assert "hunter2" not in ran.err
