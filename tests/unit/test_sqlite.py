"""What only the SQLite ledger can get wrong: its file, its locks, its crashes."""

from __future__ import annotations

import errno
import os
import shutil
import signal
import sqlite3
import stat
import subprocess
import sys
import tempfile
import textwrap
import threading
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from sqlite_utils import Database

from incidents.errors import Conflicting, HeadMoved, LedgerUnavailable
from incidents.events import LedgerRestored
from incidents.ledger import Answer, AnswerKey, sqlite
from incidents.ledger.backup import backup, restore_as_new, restore_from
from incidents.ledger.schema import ledger_steps
from incidents.ledger.serving import serve_lock
from incidents.ledger.sqlite import STEPS, SqliteLedger
from incidents.ledger.verify import verify
from tests.contracts.ledger_facts import ADA, NOON, noted

ROOT = Path(__file__).parents[2]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "andon.db"


@pytest.fixture
def ledger(path: Path) -> Iterator[SqliteLedger]:
    made = SqliteLedger.create(path)
    yield made
    made.close()


def append(ledger: SqliteLedger, *drafts, **more):
    return ledger.append(drafts, actor=ADA, now=NOON, expected=ledger.head().seq, **more)


def program(code: str, *arguments: object) -> subprocess.Popen[str]:
    """Another program that uses the ledger; says what it did line by line."""
    opening = "import sys\nfrom incidents.ledger.sqlite import SqliteLedger\n"
    opening += "from incidents.errors import HeadMoved, LedgerUnavailable\n"
    opening += "from tests.contracts.ledger_facts import ADA, NOON, noted\n"
    started = subprocess.Popen(
        [sys.executable, "-c", opening + textwrap.dedent(code), *map(str, arguments)],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        text=True,
    )
    _started.append(started)
    return started


_started: list[subprocess.Popen[str]] = []


@pytest.fixture(autouse=True)
def _no_program_outlives_its_test() -> Iterator[None]:
    yield
    while _started:
        left = _started.pop()
        left.kill()
        left.communicate() if not left.stdout.closed else left.wait()


def tampered(path: Path, statement: str) -> None:
    """Change the file past Andon, as somebody with a shell can."""
    connection = sqlite3.connect(path, isolation_level=None)
    for name in ("event_is_never_deleted", "event_is_never_changed", "event_text_is_only_redacted"):
        connection.execute(f"DROP TRIGGER {name}")
    connection.execute(statement)
    connection.close()


def refused(path: Path, complaint: str, **more) -> str:
    """The one line with which opening is refused."""
    with pytest.raises(LedgerUnavailable, match=complaint) as caught:
        SqliteLedger.open(path, **more)
    message = str(caught.value)
    assert str(path) in message
    assert "\n" not in message
    return message


def test_created_ledger_is_private_and_makes_its_folders(tmp_path):
    """It holds partners' affairs; nobody else on the machine may read it."""
    path = tmp_path / "var" / "lib" / "andon.db"
    ledger = SqliteLedger.create(path)
    append(ledger, noted(1))

    assert {stat.S_IMODE(one.stat().st_mode) for one in path.parent.iterdir()} == {0o600}
    ledger.close()
    assert [one.name for one in path.parent.iterdir()] == ["andon.db"]


def test_create_never_touches_what_is_there(path, ledger):
    """A second init must not wipe the evidence."""
    append(ledger, noted(1))

    with pytest.raises(Conflicting, match="exists already"):
        SqliteLedger.create(path)

    assert ledger.head().seq == 1


def test_create_refuses_the_log_of_a_deleted_ledger(path):
    """SQLite would play a leftover write-ahead log into the new file."""
    Path(f"{path}-wal").write_bytes(b"x")

    with pytest.raises(Conflicting, match="-wal is left over"):
        SqliteLedger.create(path)


@pytest.mark.parametrize("point", ["create-tables", "create-id", "create-place"])
def test_create_that_dies_midway_leaves_no_ledger(path, monkeypatch, point):
    """A half-made ledger that opens would take a kill and lose it."""

    def dies(at: str) -> None:
        if at == point:
            raise KeyboardInterrupt

    monkeypatch.setattr(sqlite, "fault", dies)
    with pytest.raises(KeyboardInterrupt):
        SqliteLedger.create(path)

    assert list(path.parent.iterdir()) == []
    refused(path, "there is no ledger")


def test_create_killed_midway_leaves_no_ledger(path):
    """The same with kill -9, where nothing can tidy up; a later init still works."""
    code = """
        import os, signal
        from incidents.ledger import sqlite
        sqlite.fault = lambda point: os.kill(os.getpid(), signal.SIGKILL) if point == "create-id" else None
        SqliteLedger.create(sys.argv[1])
    """
    other = program(code, path)
    other.communicate(timeout=30)
    assert other.returncode == -signal.SIGKILL

    refused(path, "there is no ledger")
    SqliteLedger.create(path).close()


def test_missing_ledger_is_not_created_by_opening(path):
    """A mistyped path must not become an empty ledger that answers everything."""
    message = refused(path, "there is no ledger")

    assert "andon init" in message
    assert not path.exists()


def test_relative_path_is_named_absolutely(tmp_path, monkeypatch):
    """The default is relative; whoever stands in another folder must see where it looked."""
    monkeypatch.chdir(tmp_path)

    with pytest.raises(LedgerUnavailable) as caught:
        SqliteLedger.open("var/andon.db")
    assert str(tmp_path / "var" / "andon.db") in str(caught.value)


def test_things_that_are_no_ledger_are_named(tmp_path):
    """Each mistake has its own way out."""
    text, empty, other = tmp_path / "text", tmp_path / "empty", tmp_path / "other.db"
    text.write_text("not a database, but long enough to look at\n" * 50)
    empty.touch()
    connection = sqlite3.connect(other)
    connection.execute("CREATE TABLE thing (a)")
    connection.close()

    refused(tmp_path, "a directory")
    refused(text, "no SQLite file")
    refused(empty, "no Andon ledger")
    refused(other, "no Andon ledger")
    assert empty.stat().st_size == 0


def test_damaged_ledger_is_named(path, ledger):
    """A truncated copy must not serve, it would allow what its missing pages forbid."""
    append(ledger, *[noted(number, words="x" * 500) for number in range(200)])
    ledger.close()
    with path.open("r+b") as file:
        file.truncate(path.stat().st_size // 2)

    refused(path, "damaged")


def test_ledger_of_a_newer_program_is_left_alone(path, ledger):
    """An old program would not understand a newer hold, and allow."""
    ledger.close()
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("INSERT INTO _sqlite_migrations VALUES (9, 'andon-ledger', 'from_the_future', '')")
    connection.close()

    refused(path, "newer Andon")


def test_ledger_without_its_id_is_refused(path, ledger):
    """Copies are told apart by the id; without one nothing can be granted."""
    ledger.close()
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("DELETE FROM meta")
    connection.close()

    refused(path, "lost its id")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can try it as somebody else")
def test_ledger_of_somebody_else_is_refused():
    """The wrong user gets the reason, not a stack trace from a journal."""
    folder = Path(tempfile.mkdtemp())  # pytest's own folders are closed to others
    folder.chmod(0o755)
    try:
        SqliteLedger.create(folder / "andon.db").close()
        code = """
            import os
            os.setgid(65534), os.setuid(65534)
            try: SqliteLedger.open(sys.argv[1])
            except LedgerUnavailable as error: print(error)
        """
        for mode, complaint in ((0o600, "may not be read"), (0o644, "read-only for this user")):
            (folder / "andon.db").chmod(mode)
            said, _ = program(code, folder / "andon.db").communicate(timeout=30)
            assert complaint in said
    finally:
        shutil.rmtree(folder)


def test_ledger_locked_past_its_time_is_refused_and_works_again_after(path, ledger):
    """A stuck program must cost a clear refusal, not a hanging kill."""
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    impatient = None
    try:
        refused(path, "locked by another program for more than 0.05 s", busy_s=0.05)
        other.execute("ROLLBACK")
        impatient = SqliteLedger.open(path, busy_s=0.05)
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(LedgerUnavailable, match="locked by another program"):
            append(impatient, noted(1))
        assert impatient.head().seq == 0
        other.execute("ROLLBACK")
        assert append(impatient, noted(1))[0].seq == 1
    finally:
        other.close()
        if impatient is not None:
            impatient.close()


def test_full_disk_is_named_and_nothing_is_half_written(path, ledger):
    """A kill that can't be written must be refused as such, so that grants stop."""
    append(ledger, noted(1))
    pages = ledger._writer.execute("PRAGMA page_count").fetchone()[0]
    ledger._writer.execute(f"PRAGMA max_page_count = {pages}")

    with pytest.raises(LedgerUnavailable, match="disk is full") as caught:
        append(ledger, *[noted(number, words="x" * 500) for number in range(100)], directory={"a": "b"})
    assert str(path) in str(caught.value)
    assert (ledger.head().seq, ledger.directory()) == (1, {})

    ledger._writer.execute("PRAGMA max_page_count = 1000000")
    assert append(ledger, noted(2))[0].seq == 2


def test_disk_that_became_read_only_is_named(ledger):
    """Linux remounts a failing disk read-only; the service must say that and no more."""
    ledger._writer.execute("PRAGMA query_only = ON")

    with pytest.raises(LedgerUnavailable, match="read-only"):
        append(ledger, noted(1))

    ledger._writer.execute("PRAGMA query_only = OFF")
    assert append(ledger, noted(1))[0].seq == 1


def test_connection_that_broke_is_replaced(ledger):
    """One bad moment must not end the service's writing for good."""
    ledger._writer.close()

    with pytest.raises(LedgerUnavailable):
        append(ledger, noted(1))

    assert append(ledger, noted(1))[0].seq == 1


@pytest.mark.parametrize("point", ["before-begin", "after-begin", "after-insert", "before-commit"])
def test_append_that_fails_before_commit_leaves_nothing(ledger, monkeypatch, point):
    """Recorded or not recorded, never something between."""

    def fails(at: str) -> None:
        if at == point:
            raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(sqlite, "fault", fails)
        with pytest.raises(KeyboardInterrupt):
            append(ledger, noted(1), directory={"a": "b"})

    assert (ledger.head().seq, ledger.directory()) == (0, {})
    assert append(ledger, noted(1))[0].seq == 1


@pytest.mark.parametrize("point", ["after-insert", "before-commit"])
def test_what_is_appended_together_and_fails_before_commit_leaves_nothing(path, ledger, monkeypatch, point):
    """Several kills share a write; if it is not made, none of them is half in the log, and nobody has read any."""
    other = SqliteLedger.open(path)
    seen = []

    def fails(at: str) -> None:
        seen.append(other.head().seq)
        if at == point and len(seen) > 4:
            raise KeyboardInterrupt

    def written():
        with ledger.together():
            ledger.append([noted(1)], actor=ADA, now=NOON, expected=0)
            ledger.append([noted(2)], actor=ADA, now=NOON, expected=1)
            ledger.append([noted(3)], actor=ADA, now=NOON, expected=2)

    with monkeypatch.context() as patched:
        patched.setattr(sqlite, "fault", fails)
        with pytest.raises(KeyboardInterrupt):
            written()
    other.close()

    assert set(seen) == {0}
    assert ledger.head().seq == 0
    assert append(ledger, noted(1))[0].seq == 1


@pytest.mark.parametrize("how", ["deleted", "moved", "replaced"])
def test_file_taken_away_under_the_service_is_noticed(path, ledger, how):
    """Writing on into a file that nobody else will ever see loses every kill from here on."""
    append(ledger, noted(1))
    match how:
        case "deleted":
            path.unlink()
        case "moved":
            path.rename(path.with_name("elsewhere.db"))
        case _:
            SqliteLedger.create(path.with_name("new.db")).close()
            path.with_name("new.db").rename(path)

    for use in (ledger.moved, lambda: ledger.append([noted(2)], actor=ADA, now=NOON, expected=1)):
        with pytest.raises(LedgerUnavailable, match=r"there is no ledger|moved or replaced") as caught:
            use()
        assert str(path) in str(caught.value)


def test_file_replaced_during_an_append_is_noticed_before_it_counts(path, ledger, monkeypatch):
    """A restore over a running service must not swallow an acknowledged kill."""
    monkeypatch.setattr(sqlite, "fault", lambda at: path.rename(f"{path}.old") if at == "after-insert" else None)

    with pytest.raises(LedgerUnavailable, match="there is no ledger"):
        append(ledger, noted(1))

    Path(f"{path}.old").rename(path)
    assert ledger.head().seq == 0


def test_events_can_not_be_changed_by_accident(path, ledger):
    """A slip in an SQL shell is stopped; that a determined hand is found is verification's part."""
    append(ledger, noted(1, words="hello"))
    connection = sqlite3.connect(path, isolation_level=None)
    for statement in ("DELETE FROM event", "UPDATE event SET kind = 'x'", "UPDATE event SET text = '{}'"):
        with pytest.raises(sqlite3.IntegrityError, match="event"):
            connection.execute(statement)
    connection.close()

    assert verify(ledger.read()).ok


@pytest.mark.parametrize(
    "statement",
    [
        'UPDATE event SET data = \'{"number":9,"tags":[]}\' WHERE seq = 2',
        'UPDATE event SET text = \'{"note":"other"}\' WHERE seq = 2',
        "UPDATE event SET salt = NULL, text = '{}' WHERE seq = 2",
        "UPDATE event SET at = '2026-11-23T11:00:00.000000Z' WHERE seq = 2",
        "UPDATE event SET person = 'bob' WHERE seq = 2",
        "UPDATE event SET incident = NULL WHERE seq = 2",
        "DELETE FROM event WHERE seq = 2",
    ],
)
def test_change_made_in_the_file_is_named(path, ledger, statement):
    """The same promise as for events in memory, through the file that people can reach."""
    append(ledger, *[noted(number, incident="INC-2026-0001", words="hello") for number in (1, 2, 3)])
    tampered(path, statement)

    assert verify(ledger.read()).wrong == 2


@pytest.mark.parametrize("value", ["not json", '{"number":1.0,"tags":[]}'])
def test_event_that_can_not_be_read_is_named(path, ledger, value):
    """Serving without one event could mean serving without a hold."""
    append(ledger, noted(1))
    tampered(path, f"UPDATE event SET data = '{value}'")

    with pytest.raises(LedgerUnavailable, match="event 1 was changed outside of Andon"):
        ledger.read()


def test_redacted_words_are_gone_from_the_files(path, ledger):
    """A redaction that left the name in a free page or in the write-ahead log would be none."""
    append(ledger, noted(1, words="Jane Doe of Acme " * 3))
    append(ledger, noted(2), redact=[1])

    assert [one.name for one in path.parent.iterdir() if b"Jane Doe" in one.read_bytes()] == []


def test_second_service_on_a_ledger_is_refused(path, ledger):
    """Two services would each grant leases that the other does not know of."""
    with serve_lock(path), pytest.raises(LedgerUnavailable, match=f"process {os.getpid()}"):
        serve_lock(path)

    serve_lock(path).release()


def test_serve_lock_ends_with_a_killed_service(path, ledger):
    """After a crash the next start must need no hand."""
    code = """
        from incidents.ledger.serving import serve_lock
        held = serve_lock(sys.argv[1])
        print("held", flush=True)
        sys.stdin.read()
    """
    other = program(code, path)
    assert other.stdout.readline() == "held\n"
    with pytest.raises(LedgerUnavailable, match=f"process {other.pid}"):
        serve_lock(path)
    other.kill()
    other.communicate()

    serve_lock(path).release()


def test_two_programs_that_append_at_once_leave_one_whole_chain(path, ledger):
    """The command line acts beside the service, also in the same millisecond."""
    code = """
        ledger, done = SqliteLedger.open(sys.argv[1]), 0
        while done < 60:
            try:
                ledger.append([noted(done, incident=sys.argv[2])], actor=ADA, now=NOON, expected=ledger.head().seq)
                done += 1
            except HeadMoved:
                pass
    """
    programs = [program(code, path, f"INC-2026-000{number}") for number in (1, 2)]

    for one in programs:
        one.communicate(timeout=60)
    assert [one.returncode for one in programs] == [0, 0]
    events = ledger.read()
    assert [len(ledger.incident(f"INC-2026-000{number}")) for number in (1, 2)] == [60, 60]
    assert verify(events).ok


def test_killed_appender_loses_nothing_that_it_acknowledged(path, ledger):
    """Kill -9 at any moment: what was answered is there, and the chain is whole."""
    code = """
        ledger = SqliteLedger.open(sys.argv[1])
        while True:
            made = ledger.append([noted(1), noted(2)], actor=ADA, now=NOON, expected=ledger.head().seq)
            print(made[-1].seq, flush=True)
    """
    for trial in range(15):
        other = program(code, path)
        acknowledged = [other.stdout.readline() for _ in range(1 + 3 * trial)]
        other.kill()
        rest, _ = other.communicate()
        last = int([*acknowledged, *(line for line in rest.splitlines() if line)][-1])

        events = ledger.read()
        assert len(events) >= last
        assert len(events) % 2 == 0
        assert verify(events).ok


@pytest.mark.parametrize("point", ["after-begin", "after-insert", "before-commit", "after-commit"])
def test_events_and_answer_survive_a_kill_together_or_not_at_all(path, ledger, point):
    """An event without its answer is declared twice by the retry; an answer without its event is a lie."""
    code = """
        import os, signal
        from incidents.ledger import Answer, AnswerKey, sqlite
        sqlite.fault = lambda at: os.kill(os.getpid(), signal.SIGKILL) if at == sys.argv[2] else None
        SqliteLedger.open(sys.argv[1]).append(
            [noted(1)], actor=ADA, now=NOON, expected=0, key=AnswerKey("ada", "r", "k", "b"),
            answer=lambda _: Answer(201, "{}"), directory={"ada": "x"},
        )
    """
    other = program(code, path, point)
    other.communicate(timeout=30)

    stored = (ledger.head().seq, ledger.answer(AnswerKey("ada", "r", "k", "b")), ledger.directory())
    assert other.returncode == -signal.SIGKILL
    assert stored == ((1, Answer(201, "{}", "b"), {"ada": "x"}) if point == "after-commit" else (0, None, {}))


def test_every_connection_syncs_each_commit(ledger):
    """With anything less than FULL a power cut may take back a kill that was answered."""
    pragmas = {name: ledger._writer.execute(f"PRAGMA {name}").fetchone()[0] for name in ("synchronous", "journal_mode")}

    assert pragmas == {"synchronous": 2, "journal_mode": "wal"}
    assert ledger._writer.execute("PRAGMA foreign_keys").fetchone()[0] == 1


def test_file_system_without_hard_links_still_never_overwrites(tmp_path, monkeypatch):
    """Some network and USB file systems have none; init and backup work there too."""

    def no_links(*_: object) -> None:
        raise OSError(errno.EOPNOTSUPP, "no hard links here")

    monkeypatch.setattr(os, "link", no_links)
    SqliteLedger.create(tmp_path / "andon.db").close()

    with pytest.raises(Conflicting):
        SqliteLedger.create(tmp_path / "andon.db")
    assert [one.name for one in tmp_path.iterdir()] == ["andon.db"]


def test_name_taken_at_the_last_moment_is_not_overwritten(path, monkeypatch):
    """Two inits at once: one wins, the other says so."""
    monkeypatch.setattr(sqlite, "fault", lambda at: path.write_text("first") if at == "create-place" else None)

    with pytest.raises(Conflicting, match="exists already"):
        SqliteLedger.create(path)
    assert path.read_text() == "first"


def test_disk_that_can_not_be_written_is_named_by_create(tmp_path):
    """A wrong path in a container is the most common first mistake."""
    (tmp_path / "file").touch()

    with pytest.raises(LedgerUnavailable, match="no ledger can be made there"):
        SqliteLedger.create(tmp_path / "file" / "andon.db")


def test_backup_while_others_append_is_one_consistent_copy(path, ledger, tmp_path):
    """Nobody stops the service for a backup, so a backup must not need it."""
    stop = threading.Event()

    def work() -> None:
        while not stop.is_set():
            append(ledger, noted(1), noted(2))

    thread = threading.Thread(target=work)
    thread.start()
    deadline = time.monotonic() + 30
    copies = []
    for number in range(5):
        while ledger.head().seq < 20 * (number + 1) and time.monotonic() < deadline:
            pass
        copies.append(backup(ledger, tmp_path / f"copy-{number}.db"))
    stop.set()
    thread.join(30)

    for copy in copies:
        assert stat.S_IMODE(copy.path.stat().st_mode) == 0o600
        opened = SqliteLedger.open(copy.path)
        events = opened.read()
        assert (opened.id, opened.head()) == (ledger.id, copy.head)
        assert len(events) % 2 == 0
        assert verify(events).ok
        opened.close()
    assert copies[0].head.seq < copies[-1].head.seq


def test_backup_never_overwrites(path, ledger, tmp_path):
    """Yesterday's backup may be the only good one."""
    target = tmp_path / "copy.db"
    target.write_text("yesterday")

    with pytest.raises(Conflicting, match="exists already"):
        backup(ledger, target)
    assert target.read_text() == "yesterday"


def test_backup_into_a_missing_folder_is_refused_with_the_path(ledger, tmp_path):
    """A nightly job with a typing error must fail in words."""
    target = tmp_path / "no" / "copy.db"

    with pytest.raises(LedgerUnavailable, match="No such file or directory") as caught:
        backup(ledger, target)
    assert str(target) in str(caught.value)


def test_damaged_ledger_is_not_backed_up_as_if_it_were_whole(path, ledger, tmp_path):
    """A backup that nobody can restore is worse than none, because it looks like one."""
    append(ledger, *[noted(number, words="x" * 500) for number in range(200)])
    ledger.close()
    with path.open("r+b") as file:
        file.seek(20 * 4096)
        file.write(b"\xff" * 4096)
    opened = SqliteLedger.open(path)

    with pytest.raises(LedgerUnavailable, match="damaged"):
        backup(opened, tmp_path / "copy.db")
    opened.close()
    assert not (tmp_path / "copy.db").exists()


def test_restored_copy_goes_on_under_a_new_id(ledger, tmp_path):
    """Gateways tell a restored ledger by its id; its chain goes on and still verifies."""
    append(ledger, noted(1, incident="INC-2026-0001"))
    copy = backup(ledger, tmp_path / "copy.db").path

    event = restore_as_new(copy, now=NOON + timedelta(hours=1), actor=ADA)

    restored = SqliteLedger.open(copy)
    assert restored.id != ledger.id
    assert event.kind == LedgerRestored.kind
    assert event.data == {"from_ledger": ledger.id, "to_ledger": restored.id}
    append(restored, noted(2, incident="INC-2026-0001"))
    verdict = verify(restored.read(), ledger=restored.id)
    assert (verdict.ok, verdict.events, verdict.ledgers) == (True, 3, (ledger.id, restored.id))
    restored.close()
    assert ledger.head().seq == 1


def test_backup_is_put_in_the_place_of_a_lost_ledger(path, ledger, tmp_path):
    """The way back after a disaster is one step, and a crash within it leaves nothing half restored."""
    append(ledger, noted(1))
    copy = backup(ledger, tmp_path / "copy.db").path
    with pytest.raises(Conflicting, match="exists already"):
        restore_from(copy, path, now=NOON)
    ledger.close()
    path.rename(tmp_path / "lost.db")

    event = restore_from(copy, path, now=NOON, actor=ADA)

    restored, kept = SqliteLedger.open(path), SqliteLedger.open(copy)
    assert (event.seq, restored.id, kept.id) == (2, event.data["to_ledger"], ledger.id)
    assert verify(restored.read(), ledger=restored.id).ok
    assert kept.head().seq == 1
    restored.close()
    kept.close()


def test_leftover_log_of_the_lost_ledger_stops_a_restore(ledger, tmp_path):
    """SQLite would play the lost ledger's last writes into the restored file and mix the two."""
    copy = backup(ledger, tmp_path / "copy.db").path
    (tmp_path / "new.db-wal").write_bytes(b"x")

    with pytest.raises(Conflicting, match="left over from another database"):
        restore_from(copy, tmp_path / "new.db", now=NOON)
    assert not (tmp_path / "new.db").exists()


def test_restore_of_a_served_ledger_is_refused(path, ledger):
    """Changing the id under a running service would leave its leases without a ledger."""
    with serve_lock(path), pytest.raises(LedgerUnavailable, match="another 'andon serve'"):
        restore_as_new(path, now=NOON)


def test_handle_of_before_a_restore_writes_no_more(path, ledger):
    """It would append under the old id and break the chain for good."""
    restore_as_new(path, now=NOON)

    with pytest.raises(LedgerUnavailable, match="has become ledger"):
        append(ledger, noted(1))


def test_moved_is_not_fooled_by_a_quiet_ledger(path, ledger):
    """Asked twenty times a second for months, it must only say yes when there is something."""
    assert [ledger.moved() for _ in range(5)] == [False] * 5
    other = SqliteLedger.open(path)
    assert not ledger.moved()
    append(other, noted(1))
    other.close()
    assert [ledger.moved() for _ in range(3)] == [True, False, False]


def test_known_steps_are_those_of_the_schema():
    """The list that decides "newer program" stands apart from the steps, so that a start need not load them."""
    database = Database(memory=True)
    assert tuple(step.name for step in ledger_steps.pending(database)) == STEPS
    database.close()


def test_head_moved_is_told_apart_from_a_ledger_that_fails(ledger):
    """The first means decide again at once, the second stop granting."""
    with pytest.raises(HeadMoved) as caught:
        ledger.append([noted(1)], actor=ADA, now=NOON, expected=7)
    assert not isinstance(caught.value, LedgerUnavailable)
