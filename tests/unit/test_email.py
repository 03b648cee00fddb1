"""E-mail, against a real mail server: what is known not to have arrived, what may have, and what is proven."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from incidents.clock import ManualClock
from incidents.connectors import Address, Letter, NotSent, Unclear
from incidents.connectors.email import LETTER_S, Email, mail_server
from tests.support import mail
from tests.support.mail import MailServer

Make = Callable[..., Email]
ADA = Address("email", "ada@example.com", "person:ada")
LETTER = Letter(
    id="M1", key="ledger/M1", subject="sev1 INC-2026-0001\r\nBcc: eve@example.com", body="Grüße.\n.\nEnd.\n",
    template="declared", thread="INC-2026-0001", lane="sev1",
)  # fmt: skip


class Leaving:
    """Counts how often a letter was about to leave."""

    def __init__(self) -> None:
        self.times = 0

    def __call__(self) -> None:
        self.times += 1


@pytest.fixture
def server() -> Iterator[MailServer]:
    with mail.mail_server() as running:
        yield running


@pytest.fixture
def leaving() -> Leaving:
    return Leaving()


@pytest.fixture
def connector() -> Iterator[Callable[..., Email]]:
    """Makes connectors; all are closed at the end."""
    made: list[Email] = []

    def make(server: MailServer | str, **more: Any) -> Email:
        url = server if isinstance(server, str) else f"smtp://127.0.0.1:{server.port}?from=andon@example.com"
        made.append(Email(mail_server(url), ManualClock(), domain="andon.example", **more))
        return made[-1]

    yield make
    for one in made:
        one.close()


def test_a_letter_arrives_whole_and_its_receipt_is_the_servers(
    server: MailServer, connector: Make, leaving: Leaving
) -> None:
    """Sent means: the server said that it took it, and under which name."""
    receipt = connector(server).send(LETTER, ADA, leaving)

    ((to, message),) = server.taken
    assert (to, message["From"], message["To"]) == (["ada@example.com"], "andon@example.com", "ada@example.com")
    assert message["Message-ID"] == receipt.evidence == "<ledger.M1@andon.example>"
    assert message["Auto-Submitted"] == "auto-generated"
    assert message["References"] == "<INC-2026-0001@andon.example>"
    assert message.get_content().replace("\r\n", "\n") == LETTER.body
    assert receipt.words == "250 2.0.0 taken as 1"
    assert leaving.times == 1


def test_a_subject_cannot_smuggle_a_header_in(server: MailServer, connector: Make, leaving: Leaving) -> None:
    """A title is typed by anybody who may declare."""
    connector(server).send(LETTER, ADA, leaving)

    ((_, message),) = server.taken
    assert message["Bcc"] is None
    assert message["Subject"] == "sev1 INC-2026-0001 Bcc: eve@example.com"


@pytest.mark.parametrize(
    "address", ["", "ada", "ada@example.com, eve@example.com", "ada@exa mple.com", "nowhere, for x"]
)
def test_what_is_no_address_is_given_to_no_server(
    server: MailServer, connector: Make, leaving: Leaving, address: str
) -> None:
    """The directory is written by people; two addresses in one would tell somebody else."""
    with pytest.raises(NotSent) as caught:
        connector(server).send(LETTER, Address("email", address, "x"), leaving)

    assert caught.value.for_good
    assert (server.taken, leaving.times) == ([], 0)


@pytest.mark.parametrize(("code", "for_good"), [("550 no such user", True), ("451 try later", False)])
def test_a_reader_that_the_server_refuses_is_not_told(
    server: MailServer, connector: Make, leaving: Leaving, code: str, for_good: bool
) -> None:
    """5xx is final, 4xx is tried again; nothing was about to leave either way."""
    server.on_rcpt = lambda envelope: code

    with pytest.raises(NotSent, match=f"answered {code[:3]}") as caught:
        connector(server).send(LETTER, ADA, leaving)

    assert (caught.value.for_good, leaving.times, server.taken) == (for_good, 0, [])


def test_a_text_that_the_server_refuses_is_known_not_to_have_arrived(
    server: MailServer, connector: Make, leaving: Leaving
) -> None:
    """The server answered, so nobody has to guess."""
    server.on_data = lambda envelope: "552 too large for us"

    with pytest.raises(NotSent, match="answered 552") as caught:
        connector(server).send(LETTER, ADA, leaving)

    assert caught.value.for_good


def test_a_connection_that_breaks_after_the_text_leaves_it_open_whether_it_arrived(
    server: MailServer, connector: Make, leaving: Leaving
) -> None:
    """This server did take it: sent again, Ada would be told twice."""
    server.hang_up = True

    with pytest.raises(Unclear):
        connector(server).send(LETTER, ADA, leaving)

    assert len(server.taken) == leaving.times == 1


def test_a_server_that_is_not_there_is_known_to_have_got_nothing(connector: Make, leaving: Leaving) -> None:
    """The message of the failure names no address and no password."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    away = connector(f"smtp://user:secret@127.0.0.1:{port}")

    with pytest.raises(NotSent) as caught:
        away.send(LETTER, ADA, leaving)

    assert not caught.value.for_good
    assert "secret" not in caught.value.because
    assert leaving.times == 0


def test_letters_share_a_connection_and_a_broken_one_is_replaced(
    server: MailServer, connector: Make, leaving: Leaving
) -> None:
    """Five thousand greetings would take longer than five thousand letters."""
    one = connector(server)
    for _ in range(3):
        one.send(LETTER, ADA, leaving)
    assert server.sessions == 1

    one._idle[0][1].sock.shutdown(socket.SHUT_RDWR)  # type: ignore[union-attr]
    one.send(LETTER, ADA, leaving)
    one.close()

    assert len(server.taken) == 4
    assert server.sessions == 2


def test_a_password_is_only_sent_over_tls(connector: Make, leaving: Leaving, tmp_path: Path) -> None:
    """Whoever sits on the wire must not get it, whatever the server offers."""
    with mail.mail_server(password=b"s3cret") as plain:
        away = connector(f"smtp://andon:s3cret@127.0.0.1:{plain.port}")
        with pytest.raises(NotSent, match="no TLS"):
            away.send(LETTER, ADA, leaving)
        assert plain.logins == []

    server, client = mail.certificate(tmp_path)
    with mail.mail_server(starttls=server, password=b"s3cret") as secured:
        home = connector(f"smtp://andon:s3cret@localhost:{secured.port}", trust=client)
        home.send(LETTER, ADA, leaving)
        home.close()
        assert secured.logins == [b"s3cret"]
        assert len(secured.taken) == 1


def test_tls_from_the_first_byte_and_a_certificate_that_nobody_vouches_for(
    connector: Make, leaving: Leaving, tmp_path: Path
) -> None:
    """smtps means TLS; a stranger's certificate means no letter."""
    server, client = mail.certificate(tmp_path)
    with mail.mail_server(tls=server) as secured:
        url = f"smtps://localhost:{secured.port}"
        with pytest.raises(NotSent, match="can't be reached"):
            connector(url).send(LETTER, ADA, leaving)
        one = connector(url, trust=client)
        one.send(LETTER, ADA, leaving)
        one.close()

    assert len(secured.taken) == 1


@pytest.mark.parametrize("url", ["http://x", "smtp://", "smtp://h/path", "smtp://h?form=a@b", "smtp://h?from=nobody"])
def test_a_wrong_setting_is_refused(url: str) -> None:
    """It stops the start, not the first message."""
    with pytest.raises(ValueError):
        mail_server(url)


def test_a_mail_servers_words_never_show_its_password() -> None:
    """Settings are printed when something goes wrong."""
    assert "secret" not in repr(mail_server("smtp://user:secret@mail.example:587"))


# --- readers whose names are not ASCII --------------------------------------------------------------------------------


def test_a_name_that_is_not_ascii_is_written_to_where_the_server_knows_how(
    server: MailServer, connector: Make, leaving: Leaving
) -> None:
    """People have the addresses that they have; the next letter on that connection is as any other."""
    one = connector(server)
    one.send(LETTER, Address("email", "jürgen@bücher.example", "person:j"), leaving)
    one.send(LETTER, ADA, leaving)

    (first, written), (second, _) = server.taken
    assert (first, second) == (["jürgen@xn--bcher-kva.example"], ["ada@example.com"])
    assert written["To"] == "jürgen@xn--bcher-kva.example"
    assert written.get_content().replace("\r\n", "\n") == LETTER.body
    assert server.sessions == 1


def test_a_server_that_does_not_know_how_is_given_nothing_and_it_is_said_why(connector: Make, leaving: Leaving) -> None:
    """For good: the next channel is tried at once, instead of this one all night."""
    with mail.mail_server(utf8=False) as old:
        one = connector(old)
        with pytest.raises(NotSent, match="no SMTPUTF8") as caught:
            one.send(LETTER, Address("email", "jürgen@example.com", "person:j"), leaving)
        one.send(LETTER, Address("email", "ada@bücher.example", "person:a"), leaving)

    assert caught.value.for_good
    assert [to for to, _ in old.taken] == [["ada@xn--bcher-kva.example"]]
    assert leaving.times == 1


# --- a server that takes its time -------------------------------------------------------------------------------------


@contextmanager
def dripping(dialogue: list[str]) -> Iterator[tuple[int, threading.Event]]:
    """A server that answers as told, and then drop by drop for ever; the event: it has begun to drip."""
    begun, stop = threading.Event(), threading.Event()

    def serve(listening: socket.socket) -> None:
        with suppress(OSError), listening.accept()[0] as connection, connection.makefile("rb") as said:
            for answer in dialogue:
                connection.sendall(answer.encode())
                if answer is not dialogue[-1]:
                    while not said.readline().endswith(END.get(answer, b"\r\n")):
                        continue
            while not stop.wait(0.02):
                connection.sendall(b"2")
                begun.set()

    with socket.create_server(("127.0.0.1", 0)) as listening:
        thread = threading.Thread(target=serve, args=(listening,))
        thread.start()
        try:
            yield listening.getsockname()[1], begun
        finally:
            stop.set()
            thread.join()


TEXT = "354 go on\r\n"
END = {TEXT: b".\r\n"}
DIALOGUE = ["220 drip\r\n", "250 drip\r\n", "250 ok\r\n", "250 ok\r\n", TEXT, ""]


@pytest.mark.parametrize(("said", "left"), [(0, False), (2, False), (6, True)])
def test_a_server_that_answers_drop_by_drop_holds_nobody_longer_than_a_letter_may_take(
    connector: Make, leaving: Leaving, said: int, left: bool
) -> None:
    """Each drop starts the timeout anew, so one such server would hold every worker of the channel for hours."""
    clock = ManualClock()
    with dripping([*DIALOGUE[:said]] or [""]) as (port, begun):
        one = Email(mail_server(f"smtp://127.0.0.1:{port}"), clock, domain="andon.example")
        caught: list[Exception] = []

        def send() -> None:
            try:
                one.send(LETTER, ADA, leaving)
            except (NotSent, Unclear) as error:
                caught.append(error)

        thread = threading.Thread(target=send)
        thread.start()
        assert begun.wait(10)
        clock.advance(LETTER_S + 1)
        thread.join(10)
        assert not thread.is_alive()
        one.close()

    (error,) = caught
    assert isinstance(error, Unclear if left else NotSent)
    assert leaving.times == (1 if left else 0)
    if said:
        assert "took longer than 60 s" in error.because
