"""
The README says what the code does: generated parts are fresh, and the five commands work as they stand there.
"""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
from pathlib import Path

from tests.guards.readme_parts import README, with_parts
from tests.support.servers import andon_command, environment_of, free_port, wait_for


def test_generated_parts_are_as_the_code_says() -> None:
    """Help, routes and kinds in the README come from the code (``python -m tests.guards.readme_parts`` writes them)."""
    text = README.read_text(encoding="utf-8")

    assert with_parts(text) == text


def test_every_setting_has_its_line() -> None:
    """An operator finds each variable that the program reads."""
    source = "".join(p.read_text(encoding="utf-8") for p in (README.parent / "incidents").rglob("*.py"))
    read = set(re.findall(r"\"(ANDON_[A-Z_]+)\"", source))
    missing = [name for name in sorted(read) if f"`{name}`" not in README.read_text(encoding="utf-8")]

    assert not missing


def five_commands() -> str:
    found = re.search(r"<!-- five commands.*?```sh\n(.*?)```", README.read_text(encoding="utf-8"), re.DOTALL)
    assert found is not None
    return found[1]


def two_free_ports() -> int:
    """The first of two neighbours: the demo gateway takes the second."""
    for _ in range(50):
        port = free_port()
        try:
            socket.create_server(("127.0.0.1", port + 1)).close()
        except OSError:
            continue
        return port
    raise AssertionError("no two free ports beside each other")


def test_five_commands_of_the_readme_lead_to_a_containment(tmp_path: Path) -> None:
    """What a newcomer copies must work literally; only ports and the place of the command are the test's own."""
    port = two_free_ports()
    environment = environment_of(tmp_path, ANDON_PORT=str(port), XDG_CACHE_HOME=str(tmp_path / "cache"))
    log = tmp_path / "demo.log"
    with log.open("w") as written:
        demo = subprocess.Popen(andon_command("serve", "--demo"), env=environment, stdout=written, stderr=written)
    try:
        wait_for(lambda: "Andon is ready" in log.read_text(), f"the demo is ready ({log})", 20)
        script = five_commands().replace(".venv/bin/andon", f"{sys.executable} -m incidents.cli")
        script = script.replace("8600", str(port)).replace("8601", str(port + 1))
        first = script.split("\n")[0]
        wait_for(lambda: '"answer"' in run(first, environment), "the demo gateway lets Acme in", 20)
        said = run(script, environment)
    finally:
        demo.send_signal(signal.SIGTERM)
        ended = demo.wait(timeout=15)

    assert ended == 0
    assert '"answer": "orion-2 did tool-use for acme"' in said
    assert "preview, nothing was changed" in said
    assert "contained at" in said
    assert '{"denied": "partner-revoked"' in said
    assert "1 of 1 points confirmed" in said


def run(script: str, environment: dict[str, str]) -> str:
    ran = subprocess.run(
        ["sh", "-c", script], env=environment | {"PATH": os.environ["PATH"]}, capture_output=True, text=True, timeout=60
    )
    return ran.stdout
