"""The command line straight on a SQLite ledger, with no service running."""

from __future__ import annotations

import json
import os
import re
import sqlite3
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import structlog

from incidents.cli import main
from incidents.enforcement.points import Points
from incidents.service import Service
from incidents.settings import Settings
from incidents.testing import ADMIN, sample_catalog
from incidents.tokens import digest_of

ANDON = [sys.executable, "-c", "import sys; from incidents.cli import main; sys.exit(main())"]
ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Ran:
    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


@dataclass
class Shell:
    """Somebody at a prompt. ``run`` in this interpreter, ``start`` in one of its own."""

    folder: Path
    capture: pytest.CaptureFixture[str]
    patch: pytest.MonkeyPatch
    environment: dict[str, str] = field(default_factory=dict)

    @property
    def ledger(self) -> Path:
        return self.folder / "andon.db"

    def run(self, *arguments: str, **environment: str) -> Ran:
        with self.patch.context() as patch:
            for name in [name for name in os.environ if name.startswith("ANDON_")]:
                patch.delenv(name)
            for name, value in {**self.environment, **environment}.items():
                patch.setenv(name, value)
            patch.chdir(self.folder)
            self.capture.readouterr()
            code = main(arguments)
            said = self.capture.readouterr()
        return Ran(code, said.out, said.err)

    def start(self, *arguments: str, pipe: Any = subprocess.PIPE, **environment: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [*ANDON, *arguments],
            stdin=subprocess.PIPE,
            stdout=pipe,
            stderr=subprocess.PIPE,
            text=True,
            cwd=self.folder,
            env={**self._clean(), **self.environment, **environment, "PYTHONPATH": str(ROOT)},
        )

    def _clean(self) -> Mapping[str, str]:
        return {name: value for name, value in os.environ.items() if not name.startswith("ANDON_")}

    def done(self, *arguments: str, **environment: str) -> Any:
        """The JSON of a command that must succeed."""
        ran = self.run(*arguments, "--json", **environment)
        assert ran.code == 0, ran.err
        return ran.json

    def token_of(self, person: str, role: str = "commander") -> str:
        made = self.done("token", "create", "--name", f"{person}-laptop", "--role", role, "--person", person)
        return str(made["secret"])

    def opened(self) -> Service:
        """The same ledger in another Andon, as the running service has it."""
        return Service.open(Settings(database_url=f"sqlite:///{self.ledger}"))


@pytest.fixture
def bare(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Iterator[Shell]:
    """A prompt on a machine without a ledger."""
    yield Shell(tmp_path, capsys, monkeypatch, {"ANDON_DATABASE_URL": f"sqlite:///{tmp_path}/andon.db"})
    structlog.reset_defaults()


@pytest.fixture
def shell(bare: Shell) -> Shell:
    """A prompt beside a ledger with the sample catalog."""
    (bare.folder / "catalog.yaml").write_text(sample_catalog(), encoding="utf-8")
    bare.done("init")
    bare.done("catalog", "apply", "catalog.yaml")
    return bare


# --- the ledger: there, not there, made -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "command",
    [
        ["incidents"],
        ["kill", "partner", "acme", "--reason", "x"],
        ["verify"],
        ["export-log", "out.jsonl"],
        ["backup", "copy.db"],
        ["token", "list"],
        ["checkpoint"],
    ],
)
def test_missing_ledger_is_named_with_the_way_out_and_never_made(bare: Shell, command: list[str]) -> None:
    """
    A mistyped path that quietly becomes an empty ledger would show a kill that stops nobody.
    """
    ran = bare.run(*command)

    assert (ran.code, ran.out) == (3, "")
    assert ran.err == (
        f"{bare.ledger}: there is no ledger; 'andon init' makes one, ANDON_DATABASE_URL names another place\n"
    )
    assert list(bare.folder.iterdir()) == []


def test_init_prints_token_key_and_paths_once(bare: Shell) -> None:
    """
    What init prints is all that the first admin ever gets: the token works, and the key's file is the owner's alone.
    """
    made = bare.done("init")

    assert made["ledger"] == str(bare.ledger)
    assert Path(made["key"]).stat().st_mode & 0o777 == 0o600
    assert bare.done("token", "list", ANDON_TOKEN=made["token"])["items"][0]["name"] == "first-admin"


def test_init_on_an_existing_ledger_leaves_it_alone(shell: Shell) -> None:
    """
    Running the setup again by mistake must cost nothing.
    """
    before = shell.ledger.read_bytes()

    ran = shell.run("init")

    assert ran.code == 3
    assert f"{shell.ledger} exists already" in ran.err
    assert shell.ledger.read_bytes() == before


def test_wrong_setting_is_wrong_usage_in_one_line(bare: Shell) -> None:
    """
    The line names variable, value and what it takes, so nobody has to read the source at night.
    """
    ran = bare.run("incidents", ANDON_PORT="eighty")

    assert (ran.code, ran.err) == (2, "ANDON_PORT='eighty': it takes a port, 0 to 65535\n")


def test_what_is_no_ledger_is_named(bare: Shell) -> None:
    """
    A damaged file is one clear line and exit code 3, never a traceback.
    """
    bare.ledger.write_bytes(b"this is no database, " * 500)

    ran = bare.run("incidents")

    assert (ran.code, ran.err.count("\n")) == (3, 1)
    assert str(bare.ledger) in ran.err


def test_answers_name_the_ledger_on_stderr_and_leave_stdout_clean(shell: Shell) -> None:
    """
    Two ledgers on one machine look alike: each answer says which it was, without breaking a pipe.
    """
    ran = shell.run("incidents", "--json")

    assert ran.json == {"items": [], "next": None}
    assert ran.err == f"ledger {shell.ledger} at seq 6\n"


# --- declaring ------------------------------------------------------------------------------------------------------


def test_kill_works_with_no_service_and_says_what_is_off(shell: Shell) -> None:
    """
    The cord must work when everything but the ledger is down, and its answer must be enough to act on.
    """
    ran = shell.run("kill", "partner", "acme", "--reason", "key leaked")

    assert ran.code == 0
    assert "INC-2" in ran.out
    assert "off now      acme revoked" in ran.out
    assert "/incidents/INC-" in ran.out
    denied = shell.run("check", "acme", "orion-2:tool-use")
    assert (denied.code, denied.out.startswith("denied: partner-revoked, held by INC-")) == (1, True)
    assert shell.run("check", "globex", "orion-2:tool-use").code == 0


def test_same_kill_again_says_who_was_first(shell: Shell) -> None:
    """
    Two people pull the cord for the same thing; the second must see that it holds, and not start a second incident.
    """
    shell.run("kill", "partner", "acme", "--reason", "key leaked")

    ran = shell.run("kill", "partner", "acme", "--reason", "me too", ANDON_TOKEN=shell.token_of("ada"))

    assert ran.code == 0
    assert "joined INC-" in ran.out
    assert "first declared by local:" in ran.out
    assert len(shell.done("incidents")["items"]) == 1


def test_unknown_partner_is_refused_with_the_nearest_name(shell: Shell) -> None:
    """
    The problem's detail comes first, once, and then the ledger.
    """
    ran = shell.run("kill", "partner", "acmee", "--reason", "x")

    first, second = ran.err.splitlines()
    assert (ran.code, ran.out) == (1, "")
    assert first == "unknown partner 'acmee'. Did you mean 'acme'?"
    assert second.startswith("ledger ")


def test_declare_takes_parameters_with_equals_signs_in_them(shell: Shell) -> None:
    """
    Only the first equals sign parts key and value.
    """
    ran = shell.run("declare", "partner-credential-abuse", "-p", "partner=a=b")

    assert ran.code == 1
    assert "'a=b'" in ran.err


@pytest.mark.parametrize("wrong", [["-p", "partner"], ["-p", "=x"], ["-p", "partner=a", "-p", "partner=b"]])
def test_unusable_parameter_is_wrong_usage(shell: Shell, wrong: list[str]) -> None:
    """
    A parameter that was lost on the way would switch off the wrong thing.
    """
    assert shell.run("declare", "partner-credential-abuse", *wrong).code == 2
    assert shell.done("incidents")["items"] == []


def test_preview_changes_nothing(shell: Shell) -> None:
    """
    A preview that leaves a trace could not be tried out before the decision.
    """
    ran = shell.run("declare", "partner-credential-abuse", "-p", "partner=globex", "--preview")

    assert ran.code == 0
    assert "lose access  globex" in ran.out
    assert shell.done("incidents")["items"] == []


def test_declare_passes_on_title_severity_and_kind(shell: Shell) -> None:
    """
    A drill that was declared as real would take a partner's service away.
    """
    made = shell.done(
        *["declare", "break-glass", "-p", "partner=acme", "--title", "Exercise", "--severity", "sev4"],
        *["--kind", "drill", "--summary", "practice"],
    )

    assert (made["kind"], made["severity"], made["title"]) == ("drill", "sev4", "Exercise")
    assert shell.run("check", "acme", "orion-2:tool-use").code == 0
    assert shell.done("show", made["id"])["summary"] == "practice"


def test_separate_makes_a_second_incident_of_the_same(shell: Shell) -> None:
    """
    Joining is the default, not a cage.
    """
    first = shell.done("declare", "break-glass", "-p", "partner=acme")
    second = shell.done("declare", "break-glass", "-p", "partner=acme", "--separate")

    assert first["id"] != second["id"]


def test_bare_wait_may_stand_before_the_arguments(shell: Shell) -> None:
    """
    Whoever pulls the cord in a hurry must not learn in which place an option may stand.
    """
    ran = shell.run("kill", "--wait", "partner", "acme", "--reason", "x")

    assert ran.code == 0
    assert "contained" in ran.out


def test_wait_that_sees_no_containment_is_false_but_says_that_it_is_recorded(shell: Shell) -> None:
    """
    A gateway that never confirmed must not read as contained, nor must the kill read as lost.
    """
    shell.done("token", "create", "--name", "gw-1", "--role", "enforcer")

    ran = shell.run("kill", "partner", "acme", "--reason", "x", "--wait", "1")

    assert ran.code == 1
    assert "0 of 1 points confirmed" in ran.out
    assert "is recorded, but it is not contained after 1 s" in ran.err


def test_service_beside_the_command_line_follows_its_kill(shell: Shell) -> None:
    """
    The service must deny what was killed behind its back, without being told.
    """
    service = shell.opened()
    try:
        before = service.operations.check(ADMIN, "acme", "orion-2", "tool-use")
        shell.done("kill", "partner", "acme", "--reason", "x")
        service.cycle()
        after = service.operations.check(ADMIN, "acme", "orion-2", "tool-use")
    finally:
        service.stop()

    assert (before["reason"], after["reason"]) == ("granted", "partner-revoked")


def test_command_line_appends_while_the_service_has_appended_meanwhile(shell: Shell) -> None:
    """
    Two writers on one ledger: neither loses a line, and the chain stays whole.
    """
    service = shell.opened()
    try:
        first = shell.done("kill", "partner", "acme", "--reason", "x")
        service.operations.note(ADMIN, first["id"], "from the service")
        shell.done("note", first["id"], "from the prompt")
        service.operations.note(ADMIN, first["id"], "from the service again")
    finally:
        service.stop()

    notes = [r["text"] for r in shell.done("timeline", first["id"])["items"] if r["kind"] == "incident:note:added"]
    assert notes == ["from the service", "from the prompt", "from the service again"]
    assert shell.run("verify").code == 0


def test_wait_straight_on_the_ledger_sees_what_the_service_wrote_down(
    shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    The prompt can't judge who has confirmed; it must still tell when the service has.
    """
    shell.done("token", "create", "--name", "gw-1", "--role", "enforcer")
    service = shell.opened()

    def confirm(seconds: float) -> None:
        service.desk.follow()
        points: Points = service.points
        points.acknowledge(
            *("gw-1", "i1", service.desk.snapshot.revision),
            applies=["live"],
            boot=service.clock.boot(),
            at=service.clock.now(),
        )
        service.cycle()

    monkeypatch.setattr("incidents.cli.declaring.time.sleep", confirm)
    try:
        ran = shell.run("kill", "partner", "acme", "--reason", "x", "--wait")
    finally:
        service.stop()

    assert ran.code == 0, ran.err
    assert "gw-1 confirmed after" in ran.out
    assert "1 of 1 points confirmed" in ran.out


# --- incidents ------------------------------------------------------------------------------------------------------


def test_incident_and_timeline_are_shown_at_the_top_and_below_incidents(shell: Shell) -> None:
    """
    Both spellings are promised; they must be the same command.
    """
    id = shell.done("kill", "model", "orion-2", "--reason", "misbehaves")["id"]

    assert shell.run("show", id).out == shell.run("incidents", "show", id).out
    assert shell.run("timeline", id).out == shell.run("incidents", "timeline", id).out
    assert "misbehaves" in shell.run("show", id).out


def test_list_is_filtered_and_limited(shell: Shell) -> None:
    """
    What is left out by the limit is said: a list that looks complete hides incidents.
    """
    for partner in ("acme", "globex"):
        shell.done("kill", "partner", partner, "--reason", "x")

    found = shell.done("incidents", "--search", "acme", "--kind", "real", "--status", "declared")["items"]
    cut = shell.run("incidents", "--limit", "1")

    assert [row["title"] for row in found] == ["Break glass: acme"]
    assert "older ones are left out" in cut.out
    assert shell.done("incidents", "--kind", "drill")["items"] == []


def test_search_says_below_each_incident_where_the_words_were_found(shell: Shell) -> None:
    """
    With the service down the command line is what people search with; a redaction made there holds there too.
    """
    id = shell.done("kill", "partner", "acme", "--reason", "Jörg saw a key\x1b[2J")["id"]
    shell.done("kill", "partner", "globex", "--reason", "nothing of the kind")
    seq = shell.done("note", id, "the reseller has it too, says Jane Doe")["seq"]

    out = shell.run("incidents", "--search", "RESELLER jorg").out.splitlines()

    assert [line.split()[0] for line in out[:2]] == ["ID", id]
    assert re.fullmatch(r"    summary, line \d+: Jörg saw a key\\x1b\[2J", out[2])
    assert out[3:] == [f"    note, line {seq}: the reseller has it too, says Jane Doe"]
    shell.done("redact", id, str(seq), "--reason", "a name")
    assert shell.run("incidents", "--search", "jane").out == "no incident\n"
    assert [one.name for one in shell.ledger.parent.iterdir() if b"ane doe" in one.read_bytes().lower()] == []


def test_note_keeps_its_time_and_its_lines(shell: Shell) -> None:
    """
    What happened before it was written down must stand at the time when it happened.
    """
    id = shell.done("kill", "partner", "acme", "--reason", "x")["id"]

    shell.done("note", id, "first line\nsecond line", "--at", "2026-01-02T03:04:05+01:00")

    out = shell.run("timeline", id).out
    assert "2026-01-02 02:04:05Z" in out
    assert "first line (recorded" in out
    assert "second line" in [line.strip() for line in out.splitlines()]


def test_waiting_action_is_carried_out_on_a_persons_word(shell: Shell) -> None:
    """
    Halting a model waits for a word; once given, it is off.
    """
    made = shell.done("declare", "jailbreak-in-the-wild", "-p", "model=orion-2")

    ran = shell.run("validate", made["id"], "4")

    assert ran.code == 0
    assert shell.done("show", made["id"])["actions"][3]["state"] == "applied"
    assert shell.run("validate", made["id"], "4").code == 1


def test_hostile_title_can_do_nothing_to_the_terminal(shell: Shell) -> None:
    """
    A title may come from outside: escape sequences in it could clear the screen or forge a line.
    """
    shell.done("declare", "break-glass", "-p", "partner=acme", "--title", "x\x1b[2J\u202ey")

    out = shell.run("incidents").out
    assert "\x1b" not in out
    assert "\u202e" not in out
    assert "x\\x1b[2J\\u202ey" in out


@pytest.mark.parametrize("id", ["..", ".", "", "../../x", "a?b", "%00", "x\0y", "a\nb", "INC-2026-0001#", "ü" * 300])
def test_hostile_ids_are_refused_in_one_line(shell: Shell, id: str) -> None:
    """
    Whatever is typed stays one name: never another route, never a traceback.
    """
    for command in (["show", id], ["timeline", id], ["note", id, "text"], ["token", "revoke", id]):
        ran = shell.run(*command)
        assert (ran.code in (1, 2), ran.out) == (True, ""), ran
        assert "Traceback" not in ran.err


@pytest.mark.parametrize("text", ["with\0null", "\udcff"])
def test_text_that_no_ledger_can_hold_is_refused(shell: Shell, text: str) -> None:
    """
    Broken bytes from a shell must not end in a traceback while the cord is being pulled.
    """
    ran = shell.run("kill", "partner", "acme", "--reason", text)

    assert ran.code in (1, 2)
    assert shell.done("incidents")["items"] == []


def test_newlines_and_quotes_in_a_reason_are_kept(shell: Shell) -> None:
    """
    Reasons are pasted from chats; nothing of them may get lost or break the answer.
    """
    reason = 'he said "off"\n$(rm -rf /) ; <b>now</b>'

    id = shell.done("kill", "partner", "acme", "--reason", reason)["id"]

    assert shell.done("show", id)["summary"] == reason


# --- the way back ---------------------------------------------------------------------------------------------------


def test_two_people_restore_straight_on_the_ledger(shell: Shell) -> None:
    """
    One asks, another approves exactly the plan that was read; then, and only then, access is back.
    """
    ada, grace = shell.token_of("ada"), shell.token_of("grace")
    id = shell.done("kill", "partner", "acme", "--reason", "x")["id"]

    asked = shell.done("restore", id, "--reason", "new key", ANDON_TOKEN=ada)
    assert shell.run("check", "acme", "orion-2:tool-use").code == 1
    ran = shell.run("approve", asked["id"], "--yes", ANDON_TOKEN=grace)

    assert ran.code == 0, ran.err
    assert asked["plan_digest"] in ran.err
    assert "lifts        action 1: acme revoked" in ran.err
    assert "1 hold lifted" in ran.out
    assert shell.run("check", "acme", "orion-2:tool-use").code == 0


def test_asker_cannot_approve_their_own_restore(shell: Shell) -> None:
    """
    The second person is the point of it; a second token of the same person is not one.
    """
    ada = shell.token_of("ada")
    id = shell.done("kill", "partner", "acme", "--reason", "x")["id"]
    asked = shell.done("restore", id, "--reason", "new key", ANDON_TOKEN=ada)

    ran = shell.run("approve", asked["id"], "--yes", ANDON_TOKEN=ada)

    assert ran.code == 1
    assert "another person" in ran.err
    assert shell.run("check", "acme", "orion-2:tool-use").code == 1


@pytest.mark.parametrize(
    "command",
    [["restore", "INC-1", "--reason", "x"], ["approve", "INC-1-R1", "--yes"]],
)
def test_the_way_back_takes_a_token_on_the_ledger_too(shell: Shell, command: list[str]) -> None:
    """
    Whoever can open the file may pull the cord, but not give access back alone.
    """
    ran = shell.run(*command)

    assert ran.code == 1
    assert "set ANDON_TOKEN" in ran.err


def test_approving_without_a_terminal_needs_yes(shell: Shell) -> None:
    """
    A script that reads no plan must say that it doesn't want to.
    """
    ada, grace = shell.token_of("ada"), shell.token_of("grace")
    id = shell.done("kill", "partner", "acme", "--reason", "x")["id"]
    asked = shell.done("restore", id, "--reason", "new key", ANDON_TOKEN=ada)

    started = shell.start("approve", asked["id"], ANDON_TOKEN=grace)
    out, err = started.communicate("yes\n", timeout=60)

    assert (started.returncode, out) == (2, "")
    assert "--yes" in err
    assert shell.run("check", "acme", "orion-2:tool-use").code == 1


@pytest.mark.parametrize(("typed", "code"), [("y\n", 0), ("n\n", 1), ("\n", 1), ("", 1)])
def test_approving_on_a_terminal_asks_and_takes_only_a_yes(
    shell: Shell, monkeypatch: pytest.MonkeyPatch, typed: str, code: int
) -> None:
    """
    An empty line or the end of input is no yes.
    """

    class Terminal:
        def isatty(self) -> bool:
            return True

        def readline(self) -> str:
            return typed

    ada, grace = shell.token_of("ada"), shell.token_of("grace")
    id = shell.done("kill", "partner", "acme", "--reason", "x")["id"]
    asked = shell.done("restore", id, "--reason", "new key", ANDON_TOKEN=ada)
    monkeypatch.setattr("sys.stdin", Terminal())

    ran = shell.run("approve", asked["id"], ANDON_TOKEN=grace)

    assert ran.code == code
    assert "[y/N]" in ran.err
    assert shell.run("check", "acme", "orion-2:tool-use").code == code


def test_who_can_open_the_ledger_may_refuse_a_restore_without_a_token(shell: Shell) -> None:
    """
    To say no keeps things off: one person may always do that.
    """
    id = shell.done("kill", "partner", "acme", "--reason", "x")["id"]
    asked = shell.done("restore", id, "--reason", "new key", ANDON_TOKEN=shell.token_of("ada"))

    assert shell.run("refuse", asked["id"], "--reason", "not yet").code == 0
    assert shell.run("check", "acme", "orion-2:tool-use").code == 1


def test_kill_does_not_need_the_catalog_file_of_the_service(shell: Shell) -> None:
    """
    ANDON_CATALOG is read when the service starts; from another folder the cord must work all the same.
    """
    ran = shell.run("kill", "partner", "acme", "--reason", "x", ANDON_CATALOG="elsewhere.yaml")

    assert ran.code == 0
    assert shell.run("serve", ANDON_CATALOG="elsewhere.yaml").code == 2


def test_wrong_database_url_is_named_without_its_password(shell: Shell) -> None:
    """
    The line ends up in tickets and logs.
    """
    ran = shell.run("incidents", ANDON_DATABASE_URL="postgresql://andon:s3cret@db/andon")

    assert (ran.code, "ANDON_DATABASE_URL='postgresql://" in ran.err) == (2, True)
    assert "s3cret" not in ran.err


def test_refused_restore_stays_off_and_is_not_approved_later(shell: Shell) -> None:
    """
    A no is final for that request.
    """
    ada, grace = shell.token_of("ada"), shell.token_of("grace")
    id = shell.done("kill", "partner", "acme", "--reason", "x")["id"]
    asked = shell.done("restore", id, "--reason", "new key", ANDON_TOKEN=ada)

    assert shell.run("refuse", asked["id"], "--reason", "not yet", ANDON_TOKEN=grace).code == 0
    late = shell.run("approve", asked["id"], "--yes", ANDON_TOKEN=grace)

    assert (late.code, "refused already" in late.err) == (1, True)


def test_only_some_actions_are_restored(shell: Shell) -> None:
    """
    ``--only`` gives back what it names and leaves the rest off.
    """
    ada, grace = shell.token_of("ada"), shell.token_of("grace")
    id = shell.done("declare", "break-glass", "-p", "partner=acme", "-p", "model=vega-1")["id"]

    asked = shell.done("restore", id, "--only", "1", "--reason", "x", ANDON_TOKEN=ada)
    shell.done("approve", asked["id"], "--yes", ANDON_TOKEN=grace)

    assert shell.done("check", "acme", "orion-2:tool-use")["allowed"]
    assert shell.run("check", "acme", "vega-1:tool-use").out.startswith("denied: model-halted")


def test_one_partner_comes_back_first_and_anybody_stops_it_on_the_ledger(shell: Shell) -> None:
    """
    The plan is read in steps, the answer says when the rest follows, and stopping takes no second person.
    """
    ada, grace = shell.token_of("ada"), shell.token_of("grace")
    id = shell.done("kill", "capability", "orion-2:tool-use", "--reason", "x")["id"]

    wrong = shell.run("restore", id, "--canary", "initech", "--reason", "x", ANDON_TOKEN=ada)
    assert (wrong.code, "initech would get nothing back" in wrong.err) == (1, True)
    asked = shell.run("restore", id, "--canary", "acme", "--soak", "2h", "--reason", "x", ANDON_TOKEN=ada)
    assert "1, acme first: spare acme from: orion-2:tool-use switched off" in asked.out
    assert "2, after 2 hours everybody else: orion-2:tool-use switched off" in asked.out
    assert "globex in step 1: Not back yet: orion-2:tool-use." in asked.out

    ran = shell.run("approve", f"{id}-R1", "--yes", ANDON_TOKEN=grace)
    assert (ran.code, "the rest follows at" in ran.out) == (0, True)
    assert "you attest   cause-understood" in ran.err
    assert shell.done("check", "acme", "orion-2:tool-use")["allowed"]
    assert shell.run("check", "globex", "orion-2:tool-use").code == 1

    stopped = shell.run("stop", f"{id}-R1", "--reason", "abused again")
    assert (stopped.code, "1 hold in force again" in stopped.out) == (0, True)
    assert shell.run("check", "acme", "orion-2:tool-use").code == 1
    assert "stopped, asked by ada: a person stopped it" in shell.run("show", id).out


def test_break_glass_restore_says_what_it_leaves_out(shell: Shell) -> None:
    """
    The second person reads what was passed over before they say yes.
    """
    ada, grace = shell.token_of("ada"), shell.token_of("grace")
    id = shell.done("kill", "partner", "acme", "--reason", "x")["id"]

    asked = shell.done("restore", id, "--break-glass", "--reason", "x", ANDON_TOKEN=ada)
    own = shell.run("approve", asked["id"], "--yes", ANDON_TOKEN=ada)
    assert (own.code, "without cause-understood; everybody is told" in own.err) == (1, True)
    assert shell.run("approve", asked["id"], "--yes", ANDON_TOKEN=grace).code == 0
    assert shell.done("check", "acme", "orion-2:tool-use")["allowed"]


# --- tokens, catalog, playbooks, points -----------------------------------------------------------------------------


def test_created_token_is_alone_on_stdout_and_ends_with_its_revocation(shell: Shell) -> None:
    """
    ``TOKEN=$(andon token create ...)`` must hold the token and nothing else.
    """
    made = shell.run("token", "create", "--name", "t", "--role", "viewer")
    secret = made.out.strip()
    id = next(row["id"] for row in shell.done("token", "list")["items"] if row["name"] == "t")

    assert made.out == f"{secret}\n"
    assert shell.run("incidents", ANDON_TOKEN=secret).code == 0
    shell.done("token", "revoke", id)
    refused = shell.run("incidents", ANDON_TOKEN=secret)
    assert refused.code == 1
    assert "unset ANDON_TOKEN" in refused.err
    assert secret not in refused.err


def test_viewers_token_pulls_no_cord_even_beside_the_ledger(shell: Shell) -> None:
    """
    With a token its owner asks, with that owner's rights.
    """
    made = shell.done("token", "create", "--name", "t", "--role", "viewer")

    ran = shell.run("kill", "partner", "acme", "--reason", "x", ANDON_TOKEN=made["secret"])

    assert ran.code == 1
    assert "responder" in ran.err


def test_catalog_error_names_file_line_and_nearest_key(shell: Shell) -> None:
    """
    A catalog of a thousand lines is mended by line numbers, not by guessing. Each problem is said once.
    """
    (shell.folder / "wrong.yaml").write_text("models:\n  nova-1:\n    stag: internal\n    title: Nova\n")

    ran = shell.run("catalog", "check", "wrong.yaml")

    assert (ran.code, ran.out) == (1, "")
    assert "wrong.yaml:3: " in ran.err
    assert "'stage'" in ran.err
    assert len([line for line in ran.err.splitlines() if "stag'" in line]) == 1


def test_catalog_shown_is_taken_again_without_a_difference(shell: Shell) -> None:
    """
    ``show`` is how a lost file is got back.
    """
    (shell.folder / "shown.yaml").write_text(shell.run("catalog", "show").out, encoding="utf-8")

    ran = shell.run("catalog", "apply", "shown.yaml")

    assert (ran.code, ran.out) == (0, "no difference: the catalog stands as the file says\n")


def test_catalog_check_changes_nothing(shell: Shell) -> None:
    """
    The dry run tells the difference and leaves it undone.
    """
    (shell.folder / "new.yaml").write_text("stages: [internal, red-team, trusted-partner, limited, general, beyond]\n")

    ran = shell.run("catalog", "check", "new.yaml")

    assert ran.code == 0
    assert "would apply 1 change" in ran.out
    assert "beyond" not in shell.done("catalog", "show")["stages"]


def test_missing_catalog_file_could_not_be_opened(shell: Shell) -> None:
    """
    Named with its absolute path, because the folder is what is usually wrong.
    """
    ran = shell.run("catalog", "apply", "nowhere.yaml")

    assert ran.code == 3
    assert str(shell.folder / "nowhere.yaml") in ran.err


def test_playbooks_are_listed_and_shown(shell: Shell) -> None:
    """
    What can be declared is found at the prompt.
    """
    assert "break-glass" in shell.run("playbooks", "list").out
    assert shell.run("playbooks", "show", "break-glass").out.startswith("# When there is no time")
    assert "Did you mean 'break-glass'" in shell.run("playbooks", "show", "break-glas").err


def test_playbooks_are_checked_without_any_ledger(bare: Shell) -> None:
    """
    A pipeline checks playbooks where no Andon runs.
    """
    (bare.folder / "mine.yaml").write_text("id: mine\ntitle: Mine\nversion: 1\nseverty: sev2\n")

    wrong = bare.run("playbooks", "check", "mine.yaml")

    assert wrong.code == 1
    assert "mine.yaml:4: " in wrong.out
    assert "'severity'" in wrong.out
    assert bare.run("playbooks", "check").code == 0
    assert bare.run("playbooks", "check", "nowhere").code == 3
    assert bare.run("playbooks", "check", "mine.yaml", "--json").json["good"] is False


def test_points_are_listed_and_retired(shell: Shell) -> None:
    """
    A gateway that is gone for good must not hold up every containment from then on.
    """
    shell.done("token", "create", "--name", "gw-1", "--role", "enforcer")

    assert "gw-1" in shell.run("points").out
    assert shell.run("points", "retire", "gw-1").code == 0
    assert shell.done("kill", "partner", "acme", "--reason", "x")["containment"]["total"] == 0


def test_check_of_something_that_is_no_flag_is_wrong_usage(shell: Shell) -> None:
    """
    Denied and mistyped must not look alike to a script.
    """
    assert shell.run("check", "acme", "tool-use").code == 2


def test_check_knows_regions(shell: Shell) -> None:
    """
    Off in one region only: elsewhere goes on, and whoever doesn't say where is denied.
    """
    folder = shell.folder / "playbooks"
    folder.mkdir()
    (folder / "off-in-eu.yaml").write_text(
        "id: off-in-eu\ntitle: Off in the EU\nversion: 1\nseverity: sev2\n"
        "contain:\n  - switch-off: {capability: orion-2:tool-use, regions: [EU]}\n"
    )
    shell.done("declare", "off-in-eu", ANDON_PLAYBOOKS=str(folder))

    said = [shell.run("check", "acme", "orion-2:tool-use", *where).code for where in (["--region", "US"], [])]
    eu = shell.run("check", "acme", "orion-2:tool-use", "--region", "EU")

    assert said == [0, 1]
    assert (eu.code, eu.out.startswith("denied: region-off")) == (1, True)


# --- proof ----------------------------------------------------------------------------------------------------------


def test_changed_line_is_named_by_verify(shell: Shell) -> None:
    """
    The log is evidence only if a changed line is found, and found by number.
    """
    shell.done("kill", "partner", "acme", "--reason", "x")
    with closing(sqlite3.connect(shell.ledger)) as connection:
        for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
            connection.execute(f'DROP TRIGGER "{name}"')
        connection.execute("UPDATE event SET data = replace(data, 'acme', 'acne') WHERE seq = 9")
        connection.commit()

    ran = shell.run("verify")

    assert ran.code == 1
    assert "event 9: its data was changed" in ran.err
    assert shell.run("verify", "--json").json["wrong"] == 9


@pytest.mark.parametrize("value", ["not json", '{"x": 1.5}', '{"x": "\\ud800"}', "[]"])
def test_line_that_can_not_even_be_read_is_false_and_named(shell: Shell, value: str) -> None:
    """
    The ledger answers, so it is the log that is wrong: exit 1, not 3, and never a traceback.
    """
    with closing(sqlite3.connect(shell.ledger)) as connection:
        for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
            connection.execute(f'DROP TRIGGER "{name}"')
        connection.execute("UPDATE event SET data = ? WHERE seq = 5", (value,))
        connection.commit()

    for command in (["verify"], ["verify", "--json"]):
        ran = shell.run(*command)
        assert (ran.code, "event 5" in ran.err, "Traceback" in ran.err) == (1, True, False), ran
    exported = shell.run("export-log", "log.jsonl")
    assert exported.code in (0, 1)
    assert "Traceback" not in exported.err


def test_checkpoint_kept_elsewhere_proves_the_log_and_finds_a_cut_one(shell: Shell) -> None:
    """
    A log that lost its tail is whole in itself; only what was kept elsewhere tells.
    """
    shell.done("backup", "early.db")
    fingerprint = shell.done("checkpoint")["checkpoint"]  # of the early head
    shell.done("kill", "partner", "acme", "--reason", "x")
    (shell.folder / "kept").write_text(shell.run("checkpoint").out, encoding="utf-8")
    key = fingerprint.split("key ")[1].split("\n")[0]

    good = shell.run("verify", "--against", "kept", "--key", key)
    cut = shell.run("verify", "--against", "kept", ANDON_PINNED_KEY=key, ANDON_DATABASE_URL="sqlite:///early.db")

    assert (good.code, cut.code) == (0, 1)
    assert "goes on from the signed checkpoint at 14" in good.out
    assert "the tail was cut off" in cut.err


def test_checkpoint_is_never_trusted_by_the_ledgers_own_key(shell: Shell) -> None:
    """
    Whoever can rewrite the log can put another key into it: the key comes from the asker or not at all.
    """
    (shell.folder / "kept").write_text(shell.run("checkpoint").out, encoding="utf-8")

    assert shell.run("verify", "--against", "kept").code == 2
    wrong = shell.run("verify", "--against", "kept", "--key", "0" * 64)
    assert (wrong.code, "another key" in wrong.err) == (1, True)


def test_exported_log_is_whole_and_no_file_is_overwritten(shell: Shell) -> None:
    """
    An export is evidence as well: complete, and never in another file's place.
    """
    ran = shell.run("export-log", "log.jsonl")
    lines = (shell.folder / "log.jsonl").read_text().splitlines()

    assert ran.code == 0
    assert [json.loads(line)["seq"] for line in lines] == [1, 2, 3, 4, 5, 6]
    assert shell.run("export-log", "log.jsonl").code == 1
    assert shell.run("export-log", "no-folder/log.jsonl").code == 3


def test_backup_is_a_ledger_and_overwrites_nothing(shell: Shell) -> None:
    """
    A backup that can't be opened is none.
    """
    made = shell.done("backup", "copy.db")

    assert made["seq"] == 6
    assert shell.run("verify", ANDON_DATABASE_URL="sqlite:///copy.db").code == 0
    assert shell.run("backup", "copy.db").code == 1


def test_backup_goes_on_as_a_ledger_of_its_own(shell: Shell) -> None:
    """
    Two ledgers with one id would let gateways mistake one's table for the other's.
    """
    shell.done("backup", "copy.db")
    going_on = shell.done("init", "--from", "copy.db", ANDON_DATABASE_URL="sqlite:///again.db")

    assert going_on["id"] != going_on["was"]
    assert shell.run("verify", ANDON_DATABASE_URL="sqlite:///again.db").code == 0
    assert shell.run("init", "--from", "copy.db", ANDON_DATABASE_URL="sqlite:///again.db").code == 3
    assert shell.run("init", "--from", "nothing.db", ANDON_DATABASE_URL="sqlite:///more.db").code == 3


def test_serve_takes_host_and_port_from_the_line_before_the_settings(
    bare: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    The URL that the service tells others is made of them too.
    """
    asked: list[tuple[str, str, int]] = []
    monkeypatch.setattr("incidents.serve.run", lambda s, demo: asked.append((s.url, s.host, s.port)))

    bare.run("serve", "--host", "0.0.0.0", "--port", "0", ANDON_PORT="9000", ANDON_PUBLIC_URL="https://andon.example")
    bare.run("serve", "--demo", ANDON_PORT="9000")

    assert asked == [
        ("https://andon.example", "0.0.0.0", 0),
        ("http://127.0.0.1:9000", "127.0.0.1", 9000),
    ]


# --- streams and signals --------------------------------------------------------------------------------------------


def test_reader_that_goes_away_is_no_trouble(shell: Shell) -> None:
    """
    ``andon catalog show | head -1`` must not end in a traceback.
    """
    read, write = os.pipe()
    os.close(read)
    try:
        started = shell.start("catalog", "show", pipe=write)
    finally:
        os.close(write)
    _, err = started.communicate(timeout=60)

    assert started.returncode == 141
    assert "Traceback" not in err
    assert "BrokenPipe" not in err


def test_interrupt_ends_quietly(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    """
    Ctrl-C while waiting: the kill stands, the prompt comes back, the shell sees 130.
    """

    def interrupt(seconds: float) -> None:
        raise KeyboardInterrupt

    shell.done("token", "create", "--name", "gw-1", "--role", "enforcer")
    monkeypatch.setattr("incidents.cli.declaring.time.sleep", interrupt)

    ran = shell.run("kill", "partner", "acme", "--reason", "x", "--wait")

    assert ran.code == 130
    assert "Traceback" not in ran.err
    assert shell.run("check", "acme", "orion-2:tool-use").code == 1


def test_full_disk_behind_stdout_is_told(shell: Shell) -> None:
    """
    An answer that could not be written must not look like one that was.
    """
    if not Path("/dev/full").exists():
        pytest.skip("this system has no /dev/full")
    with open("/dev/full", "w") as full:
        started = shell.start("catalog", "show", pipe=full)
        _, err = started.communicate(timeout=60)

    assert started.returncode == 3
    assert "could not be written" in err


def test_terminal_that_lacks_characters_still_gets_the_answer(shell: Shell) -> None:
    """
    An old locale must not turn a list of incidents into a traceback.
    """
    shell.done("declare", "break-glass", "-p", "partner=acme", "--title", "fire 火")

    started = shell.start("incidents", PYTHONIOENCODING="latin-1", PYTHONUTF8="0")
    out, err = started.communicate(timeout=60)

    assert started.returncode == 0, err
    assert "fire \\u706b" in out


def test_answers_of_tokens_never_hold_a_digest(shell: Shell) -> None:
    """
    A digest is what an attacker would try guesses against.
    """
    made = shell.done("token", "create", "--name", "t", "--role", "viewer")

    assert digest_of(made["secret"]) not in shell.run("token", "list", "--json").out
