"""
The auditor's verifier and ours, side by side over every change that we could think of.

Written twice on purpose: a mistake that both make would have to be made twice.
"""

from __future__ import annotations

import ast
import random
import re
import shutil
import sqlite3
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from incidents.errors import LedgerUnavailable
from incidents.events import Event
from incidents.ledger import standalone_verifier
from incidents.ledger.chain import canonical
from incidents.ledger.checkpoint import SigningKey
from incidents.ledger.sqlite import SqliteLedger
from incidents.ledger.verify import verify
from tests.chaos.tampering import (
    LOGS,
    VERIFIERS,
    Verifier,
    changed_bytes,
    changes,
    exported,
    line_changes,
    rewritten,
    signing_key,
    witness_of,
)
from tests.contracts.ledger_facts import ADA, NOON, noted

SOURCE = Path(standalone_verifier.__file__)


@pytest.fixture(params=VERIFIERS)
def verifier(request: pytest.FixtureRequest) -> Verifier:
    return VERIFIERS[request.param]


@pytest.fixture(params=LOGS)
def events(request: pytest.FixtureRequest) -> tuple[Event, ...]:
    return LOGS[request.param]()


@pytest.fixture(scope="module")
def key(tmp_path_factory: pytest.TempPathFactory) -> SigningKey:
    return signing_key(tmp_path_factory.mktemp("keys"))


def test_untouched_log_is_whole(verifier, events, key):
    """A check that cries wolf is switched off."""
    found = verifier(exported(list(events)), witness=witness_of(events, key))

    assert found.why == ""
    assert found.redacted == sum(event.text is None and event.text_digest is not None for event in events)


def test_one_byte_changed_anywhere_is_named_with_its_line(verifier, events):
    """The promise of the log in its plainest form; also for bytes that change nothing anybody reads."""
    missed = [
        (change.name, found)
        for change in changed_bytes(events, random.Random(20261123), 400)
        if (found := verifier(change.log)).line != change.line
    ]

    assert missed == []


def test_every_kind_of_forgery_is_named_at_its_first_wrong_line(verifier, events, key):
    """Where only an outside witness can know, the log alone must pass and the witness must name it."""
    witness = witness_of(events, key)
    missed = []
    for change in changes(events):
        alone, witnessed = verifier(change.log).line, verifier(change.log, witness=witness).line
        wrong_by_witness = len(events) if change.name.startswith("rewritten") else change.line
        expected = (None, wrong_by_witness) if change.by_witness else (change.line, change.line)
        if (alone, witnessed) != expected:
            missed.append((change.name, alone, witnessed, expected))

    assert missed == []


def test_tail_cut_is_named_at_the_first_missing_line(verifier, events, key):
    """The event that is gone is the one that somebody did not like."""
    witness = witness_of(events, key)

    found = verifier(exported(list(events[:-2])), witness=witness)

    assert found.line == len(events) - 1
    assert "tail was cut off" in found.why


def test_rewriting_after_the_last_checkpoint_is_beyond_any_witness(verifier, events, key):
    """Why checkpoints are sent out often: what came after the last one rests on nobody's word."""
    at = len(events) // 2
    log = exported(rewritten(events, at + 1))

    assert verifier(log, witness=witness_of(events, key, seq=at)).why == ""
    assert verifier(log, witness=witness_of(events, key, seq=at + 1)).line == at + 1


def test_other_spellings_of_the_same_event_are_named(verifier, events):
    """Two files that differ must not both be the log."""
    found = {change.name: (verifier(change.log).line, change.line) for change in line_changes(events)}

    assert {name: lines for name, lines in found.items() if lines[0] != lines[1]} == {}
    assert len(found) >= 6


def test_redacted_words_leave_the_log_whole_and_are_counted(verifier, events):
    """Taking a name out is allowed, and must still be seen to have happened."""
    found = verifier(exported([replace(event, text=None, salt=None) for event in events]))

    assert (found.line, found.redacted) == (None, sum(event.text_digest is not None for event in events))


def test_one_incidents_export_verifies_alone_and_shows_a_missing_piece(verifier, events):
    """It goes to a partner or regulator who must not see the others, and who must see what was left out."""
    name = next(event.incident for event in events if event.incident)
    export = [event for event in events if event.incident == name]
    others = [event for event in events if event.incident != name]

    assert verifier(exported(export), incident=True).why == ""
    for drop in range(len(export) - 1):
        assert verifier(exported([*export[:drop], *export[drop + 1 :]]), incident=True).line == drop + 1
    assert verifier(exported([*export[:1], others[0], *export[1:]]), incident=True).line == 2
    for change in changed_bytes(tuple(export), random.Random(7), 60):
        assert verifier(change.log, incident=True).line == change.line, change.name


@pytest.mark.parametrize(
    "value",
    [
        {"\ue000": 1, "😀": 2, "a": [None, True, False, -5, 2**53 - 1]},
        {"": '\x00\x1f\x7f\u2028\\"/\b\f\n\r\t', "é": {"z": {}, "Z": []}},
        ["ﬁ", "電話", "\U0010ffff"],
    ],
)
def test_canonical_bytes_are_those_of_the_service(value):
    """Two programs that write one event differently would call each other's logs forged."""
    assert standalone_verifier.canonical(value) == canonical(value)


@pytest.mark.parametrize("value", [1.5, 2**53, "\ud800", {1: "x"}, {"a": b"x"}])
def test_what_no_log_holds_has_no_canonical_bytes(value):
    """Guessing at a form would let something in that was never sealed."""
    with pytest.raises((ValueError, AttributeError)):
        standalone_verifier.canonical(value)


def test_file_of_the_auditor_imports_nothing_of_ours():
    """A verifier that calls the verified program proves nothing; and one file is all that an auditor should carry."""
    tree = ast.parse(SOURCE.read_text(encoding="utf-8"))
    imported = {
        name.split(".")[0]
        for node in ast.walk(tree)
        if isinstance(node, ast.Import | ast.ImportFrom)
        for name in ([node.module or ""] if isinstance(node, ast.ImportFrom) else [a.name for a in node.names])
    }

    assert imported - set(sys.stdlib_module_names) == {"cryptography"}


def run(folder: Path, *arguments: str, bare: bool = False) -> subprocess.CompletedProcess[str]:
    """The file alone in a folder of its own; ``bare``: without any installed package."""
    program = folder / "verifier.py"
    shutil.copy(SOURCE, program)
    isolated = ["-I", "-S"] if bare else ["-I"]
    return subprocess.run(
        [sys.executable, *isolated, str(program), *arguments], cwd=folder, capture_output=True, text=True, check=False
    )


def test_auditors_command_needs_nothing_but_python(tmp_path, events):
    """An auditor's machine has no packages of ours, and none of anybody else's."""
    (tmp_path / "log.jsonl").write_bytes(exported(list(events)))
    spoilt = exported(list(events)).replace(b'"seq":3,', b'"seq":4,', 1)
    (tmp_path / "spoilt.jsonl").write_bytes(spoilt)

    whole = run(tmp_path, "log.jsonl", bare=True)
    wrong = run(tmp_path, "spoilt.jsonl", bare=True)

    assert (whole.returncode, whole.stderr) == (0, "")
    assert f"head {len(events)} {events[-1].digest}" in whole.stdout
    assert wrong.returncode == 1
    assert re.match(r"WRONG: line 3 \(event 3\): in its place stands number 4", wrong.stdout)


@pytest.mark.parametrize("form", ["public", "public_pem", "fingerprint", "file"])
def test_auditors_command_checks_a_checkpoint_with_every_form_of_the_key(tmp_path, events, key, form):
    """People pin what they have at hand."""
    (tmp_path / "log.jsonl").write_bytes(exported(list(events)))
    (tmp_path / "cut.jsonl").write_bytes(exported(list(events[:-1])))
    (tmp_path / "point.txt").write_text(witness_of(events, key).text, encoding="utf-8")
    (tmp_path / "key.pem").write_text(key.public_pem)
    pinned = "key.pem" if form == "file" else getattr(key, form)

    whole = run(tmp_path, "log.jsonl", "--checkpoint", "point.txt", "--key", pinned)
    cut = run(tmp_path, "cut.jsonl", "--checkpoint", "point.txt", "--key", pinned)

    assert (whole.returncode, whole.stdout.splitlines()[1:]) == (
        0,
        [f"it holds the signed checkpoint of event {len(events)}"],
    )
    assert cut.returncode == 1
    assert f"WRONG: line {len(events)} (event {len(events)}): the tail was cut off" in cut.stdout


def test_auditors_command_refuses_a_checkpoint_of_another_key_or_one_that_was_edited(tmp_path, events, key):
    """Whoever rewrites the log can sign it too, but only with a key of their own."""
    (tmp_path / "log.jsonl").write_bytes(exported(list(events)))
    text = witness_of(events, key).text
    (tmp_path / "point.txt").write_text(text, encoding="utf-8")
    (tmp_path / "edited.txt").write_text(text.replace(f"\n{len(events)}\n", "\n2\n", 1), encoding="utf-8")
    other = signing_key(tmp_path)

    foreign = run(tmp_path, "log.jsonl", "--checkpoint", "point.txt", "--key", other.public)
    edited = run(tmp_path, "log.jsonl", "--checkpoint", "edited.txt", "--key", key.fingerprint)
    no_key = run(tmp_path, "log.jsonl", "--checkpoint", "point.txt", "--key", "hello")

    assert (foreign.returncode, "not signed with that key" in foreign.stdout) == (1, True)
    assert (edited.returncode, "changed after it was signed" in edited.stdout) == (1, True)
    assert (no_key.returncode, "is no Ed25519 key" in no_key.stderr) == (2, True)


def test_auditors_command_says_when_it_could_not_check(tmp_path, events, key):
    """Not checked must never look like whole."""
    (tmp_path / "log.jsonl").write_bytes(exported(list(events)))
    (tmp_path / "point.txt").write_text(witness_of(events, key).text, encoding="utf-8")

    missing = run(tmp_path, "nowhere.jsonl")
    without_package = run(tmp_path, "log.jsonl", "--checkpoint", "point.txt", "--key", key.fingerprint, bare=True)

    assert (missing.returncode, "nowhere.jsonl" in missing.stderr) == (2, True)
    assert without_package.returncode == 2
    assert "needs the package 'cryptography'" in without_package.stderr


def test_one_byte_changed_in_any_column_of_the_file_is_named(tmp_path):
    """The same promise for the database itself, where an administrator can reach every column."""
    path = tmp_path / "andon.db"
    ledger = SqliteLedger.create(path)
    drafts = [noted(n, incident=f"INC-2026-000{n % 2}", words=f"wörter {n}", anything={"k": [n]}) for n in range(1, 5)]
    ledger.append(drafts, actor=ADA, now=NOON, expected=0)
    ledger.append([noted(9)], actor=ADA, now=NOON, expected=4, redact=[2])
    file = sqlite3.connect(path, isolation_level=None)
    for name in ("event_is_never_deleted", "event_is_never_changed", "event_text_is_only_redacted"):
        file.execute(f"DROP TRIGGER {name}")
    columns = [row[1] for row in file.execute("PRAGMA table_info(event)") if row[2] in ("TEXT", "BLOB")]
    tried, missed = 0, []
    for seq in (1, 3, 4):
        for column in columns:
            value = file.execute(f"SELECT CAST({column} AS BLOB) FROM event WHERE seq = ?", (seq,)).fetchone()[0]
            kind = "BLOB" if column == "salt" else "TEXT"
            for at, bit in [(at, 1) for at in range(len(value or b""))] + ([(0, 0x80)] if value else []):
                spoilt = value[:at] + bytes([value[at] ^ bit]) + value[at + 1 :]
                file.execute(f"UPDATE event SET {column} = CAST(? AS {kind}) WHERE seq = ?", (spoilt, seq))
                tried += 1
                if not named(ledger, seq):
                    missed.append((seq, column, at, bit, value))
            file.execute(f"UPDATE event SET {column} = CAST(? AS {kind}) WHERE seq = ?", (value, seq))
    file.close()

    assert missed == []
    assert tried > 1400
    assert verify(ledger.read()).ok
    ledger.close()


def named(ledger: SqliteLedger, seq: int) -> bool:
    """Verification stops at the event, or the event can't even be read and is named."""
    try:
        return verify(ledger.read()).wrong == seq
    except LedgerUnavailable as error:
        return f"event {seq} was changed outside of Andon" in str(error)
