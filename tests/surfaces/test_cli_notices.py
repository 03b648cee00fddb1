"""Notices from the command line, straight on a ledger: what a tired person reads, and that rules hold there too."""

from __future__ import annotations

import base64

import pytest

from incidents.testing import Pigeonhole
from tests.surfaces.test_cli import Shell, bare, shell  # noqa: F401 - fixtures

N1 = "INC-2026-0001-N1"


@pytest.fixture
def declared(shell: Shell) -> Shell:  # noqa: F811
    shell.done("declare", "partner-credential-abuse", "-p", "partner=acme")
    year = shell.done("incidents")["items"][0]["id"].split("-")[1]
    shell.environment["YEAR"] = year
    return shell


def named(shell: Shell) -> str:  # noqa: F811
    return N1.replace("2026", shell.environment["YEAR"])


def posted(shell: Shell) -> Pigeonhole:  # noqa: F811
    """A service runs for a moment; what it sent by mail."""
    import time

    service = shell.opened()
    mail = Pigeonhole("email")
    room = service.postroom
    room.add(mail)
    end = time.monotonic() + 20
    while room.turn() or not room.idle:
        room.wake.wait(0.02)
        room.wake.clear()
        assert time.monotonic() < end
    service.stop()
    return mail


def test_a_notice_is_read_changed_and_approved_by_two_people_and_then_sent(declared: Shell) -> None:
    """With the service down; it sends when it is back."""
    notice = named(declared)
    ada, grace = declared.token_of("ada"), declared.token_of("grace")
    shown = declared.run("notices", "show", notice)
    assert shown.code == 0
    assert "Subject: Your access to our models is limited" in shown.out
    assert "all your access is revoked" in shown.out
    (declared.folder / "text.txt").write_text("Call us on +353 1 555 0100.\n")
    changed = declared.run("notices", "edit", notice, "--file", "text.txt", ANDON_TOKEN=ada)
    assert "has another text" in changed.out

    first = declared.run("notices", "approve", notice, "--yes", ANDON_TOKEN=ada)
    assert (first.code, "1 more to approve text" in first.out) == (0, True)
    assert "Call us on +353" in first.err  # it is printed for whoever decides
    again = declared.run("notices", "approve", notice, "--yes", ANDON_TOKEN=ada)
    assert (again.code, "another person approves it" in again.err) == (1, True)
    second = declared.run("notices", "approve", notice, "--yes", ANDON_TOKEN=grace)
    assert "approved and owed to partner:acme" in second.out

    mail = posted(declared)
    assert [letter.body for address, letter in mail.letters if address.value == "security@acme.example"] == [
        "Call us on +353 1 555 0100.\n"
    ]
    listed = declared.run("notices", "list", "latest")
    assert notice in listed.out
    told = next(line for line in listed.out.splitlines() if line.startswith(f"{notice} "))
    assert "sent" in told
    assert told.endswith("  kept"), "the receipt, not the word alone"


@pytest.mark.parametrize("verb", [["approve"], ["refuse", "--reason", "x"], ["receipt", "--receipt", "x"]])
def test_speaking_for_the_house_takes_a_persons_token(declared: Shell, verb: list[str]) -> None:
    """Whoever can open the file is its administrator, and still nobody in particular."""
    ran = declared.run("notices", verb[0], named(declared), *verb[1:])

    assert ran.code == 1
    assert "takes a person's token" in ran.err


def test_approving_without_a_terminal_asks_for_a_yes(declared: Shell) -> None:
    """A script must say that it means it."""
    ran = declared.run("notices", "approve", named(declared), ANDON_TOKEN=declared.token_of("ada"))

    assert (ran.code, "--yes approves without asking" in ran.err) == (2, True)


def test_a_refused_notice_is_told(declared: Shell) -> None:
    """In the words that the next reader needs."""
    token = declared.token_of("ada")
    ran = declared.run("notices", "refuse", named(declared), "--reason", "told by phone", ANDON_TOKEN=token)

    assert ran.out == f"{named(declared)} is not sent\n"


def test_dead_letters_are_listed_with_exit_1_and_tried_again(declared: Shell) -> None:
    """A watch script needs no parsing to know that something did not get through."""
    owed = declared.run("notices", "owed")
    assert owed.code == 0
    assert "slack:#incidents" in owed.out
    posted(declared)
    dead = declared.run("notices", "dead")
    assert dead.code == 1
    assert "slack: not connected" in dead.out
    message = dead.out.splitlines()[1].split()[0]
    assert declared.run("notices", "retry", message).out == f"{message} is owed again; a running service sends it\n"
    assert declared.run("notices", "dead").code == 0
    assert declared.run("notices", "retry", message).code == 1


def test_the_secret_of_a_webhook_is_the_one_that_signs(declared: Shell) -> None:
    """The receiver's side can be set up without asking anybody."""
    url = "https://status.example/hooks/andon"
    told = declared.run("notices", "secret", url).out.strip()
    service = declared.opened()
    try:
        assert base64.b64decode(told.removeprefix("whsec_")) == service.webhook_key(url)
        assert service.webhook_key("https://status.example/other") == service.webhook_key(url)
        assert service.webhook_key("https://elsewhere.example/") != service.webhook_key(url)
    finally:
        service.stop()
    assert declared.run("notices", "secret", url, ANDON_URL="http://127.0.0.1:1").code == 2
