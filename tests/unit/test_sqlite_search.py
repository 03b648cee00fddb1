"""What only the index of the SQLite ledger can get wrong: leftovers in the files, half-done steps, other programs."""

from __future__ import annotations

import random
import sqlite3
import string
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from sqlite_utils import Database

from incidents.errors import HeadMoved, LedgerUnavailable
from incidents.ledger import Answer, AnswerKey, index, sqlite
from incidents.ledger.backup import backup, restore_as_new
from incidents.ledger.rows import COLUMNS, PLACES
from incidents.ledger.schema import ledger_steps
from incidents.ledger.sqlite import SqliteLedger
from tests.contracts.ledger_facts import ADA, NOON, declared, noted

ACME, GLOBEX = "INC-2026-0001", "INC-2026-0002"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "andon.db"


@pytest.fixture
def ledger(path: Path) -> Iterator[SqliteLedger]:
    made = SqliteLedger.create(path)
    yield made
    made.close()


@pytest.fixture
def small_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    """So that a few lines already take several steps."""
    monkeypatch.setattr(index, "BATCH", 3)


def append(ledger: SqliteLedger, *drafts, **more):
    return ledger.append(drafts, actor=ADA, now=NOON, expected=ledger.head().seq, **more)


def tidied(ledger: SqliteLedger) -> None:
    """Everything is done; it can't take for ever."""
    assert any(ledger.tidy() for _ in range(200))


def files_with(path: Path, words: str) -> list[str]:
    return [one.name for one in path.parent.iterdir() if words.encode() in one.read_bytes()]


def kept(path: Path) -> dict[str, str]:
    """What the index has written down about itself."""
    with closing(sqlite3.connect(path)) as file:
        return dict(file.execute("SELECT key, value FROM meta"))


def test_an_append_leaves_the_index_to_later(path, ledger):
    """The append is the kill switch's path: nothing that only searches need may make it longer."""
    tidied(ledger)
    with closing(sqlite3.connect(path)) as file:
        before = file.execute("SELECT id, block FROM search_a_data ORDER BY id").fetchall()
        append(ledger, declared(ACME, "Acme leaks"), noted(1, incident=ACME, words="acme"))

        assert file.execute("SELECT id, block FROM search_a_data ORDER BY id").fetchall() == before
    assert ledger.find(["acme"]) == [ACME]
    tidied(ledger)
    assert kept(path)["indexed"] == "2"


def test_words_are_in_the_index_once_it_is_tidy(path, ledger):
    """Were they looked for in the log for ever, a search would take longer each week."""
    append(ledger, declared(ACME, "zanzibar leaks"))
    tidied(ledger)

    with closing(sqlite3.connect(path)) as file:
        assert file.execute("SELECT count(*) FROM search_a WHERE search_a MATCH 'zanz*'").fetchone() == (1,)


def test_long_documents_are_indexed_a_few_at_a_time(path, ledger):
    """A step holds up whoever wants to append; two hundred long reviews in one would do so for seconds."""
    append(ledger, *[noted(n, incident=ACME, words=f"review{n} " + "word " * 10_000) for n in range(6)])

    assert not ledger.tidy(steps=1)

    assert kept(path)["indexed"] == "2"
    assert ledger.find(["review5"]) == [ACME]
    tidied(ledger)
    assert ledger.find(["review5"]) == [ACME]


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_redacted_words_are_gone_from_every_file_whatever_moved_them_before(path, ledger, seed):
    """
    Words are copied when pages are split, indexed, merged, answered with and logged ahead: a redaction has to get
    them all. What was not redacted is still found.
    """
    chance = random.Random(seed)

    def word() -> str:
        return "".join(chance.choices(string.ascii_lowercase, k=14))

    said: dict[int, list[str]] = {}
    redacted: list[str] = []
    for number in range(90):
        incident = f"INC-2026-{chance.randint(1, 5):04d}"
        words = [word() for _ in range(chance.choice([1, 3, 20, 120]))]
        key, told = (
            AnswerKey("ada", "r", str(number), "b"),
            Answer(201, f'{{"id":"{incident}","t":"{" ".join(words)}"}}'),
        )
        draft = chance.choice([noted(number, incident=incident, words=" ".join(words)), declared(incident, words[0])])
        (event,) = append(ledger, draft, key=key, answer=lambda _, told=told: told)
        said[event.seq] = words if len(draft.text) == 1 else words[:1]
        if chance.random() < 0.3:
            ledger.tidy(steps=chance.randint(1, 4))
        if chance.random() < 0.2:
            gone = chance.choice(list(said))
            redacted += said.pop(gone)[:20]
            append(ledger, redact=[gone])
    tidied(ledger)

    raw = b"".join(one.read_bytes() for one in path.parent.iterdir())
    # FTS5 writes a word without what it shares with the one before it.
    assert [one for one in redacted if one[4:].encode() in raw] == []
    assert len(redacted) > 50
    for words in said.values():
        assert words[0][4:].encode() in raw
        assert ledger.find(words[:1])


def test_a_redaction_holds_at_every_moment_until_its_words_have_left_the_files(path, ledger, small_steps):
    """Between the redaction and the last step nobody may find the words, and nothing else may be missing."""
    append(ledger, declared(ACME, "Jane Doe leaks", partner="acme"), declared(GLOBEX, "Globex"))
    append(ledger, *[noted(n, incident=GLOBEX, words=f"word{n:02d}") for n in range(20)])
    tidied(ledger)
    with closing(sqlite3.connect(path, isolation_level=None)) as file:  # as a redaction that died right after it
        file.execute("UPDATE event SET text = NULL, salt = NULL WHERE seq = 1")

    done, steps = False, 0
    while not done:
        done, steps = ledger.tidy(steps=1), steps + 1
        assert ledger.find(["jane"]) == []
        assert ledger.find(["acme"]) == [ACME]
        assert ledger.find(["word07", "word19"]) == [GLOBEX]
    assert 8 < steps < 30
    assert files_with(path, "ane doe") == files_with(path, "Jane Doe") == []


def test_a_second_redaction_while_the_index_is_made_anew_is_not_overlooked(path, ledger, small_steps):
    """Its line may be in the new index already; it has to be made anew once more."""
    append(ledger, *[noted(n, incident=ACME, words=f"ordinary{n:02d} zanzibar{n:02d}") for n in range(12)])
    tidied(ledger)
    with closing(sqlite3.connect(path, isolation_level=None)) as file:
        file.execute("UPDATE event SET text = NULL, salt = NULL WHERE seq = 11")
        ledger.tidy(steps=2)
        assert kept(path)["rebuilt"] == "6"
        file.execute("UPDATE event SET text = NULL, salt = NULL WHERE seq IN (2, 9)")  # behind and before that place
        tidied(ledger)

    for seq in (2, 9, 11):
        assert ledger.find([f"zanzibar{seq - 1:02d}"]) == []
    assert ledger.find(["zanzibar04"]) == [ACME]
    raw = path.read_bytes()
    assert b"zanzibar01" not in raw
    assert b"zanzibar08" not in raw


@pytest.mark.parametrize("broken", range(1, 6))
def test_a_step_that_fails_is_done_again(path, ledger, small_steps, monkeypatch, broken):
    """A full disk or a crash at any step must leave neither a hole in the index nor redacted words in the files."""
    append(ledger, *[noted(n, incident=ACME, words=f"number{n:02d}") for n in range(8)])
    tidied(ledger)
    with closing(sqlite3.connect(path, isolation_level=None)) as file:
        file.execute("UPDATE event SET text = NULL, salt = NULL WHERE seq = 3")
    append(ledger, noted(9, incident=GLOBEX, words="zanzibar"))
    commits = iter(range(1, 100))

    def fail(point: str) -> None:
        if point == "before-commit" and next(commits) == broken:
            raise sqlite3.OperationalError("disk I/O error")

    monkeypatch.setattr(sqlite, "fault", fail)
    with pytest.raises(LedgerUnavailable):
        tidied(ledger)
    monkeypatch.setattr(sqlite, "fault", lambda point: None)
    ledger.close()
    again = SqliteLedger.open(path)
    tidied(again)

    assert again.find(["number02"]) == []
    assert again.find(["number07"]) == [ACME]
    assert again.find(["zanzibar"]) == [GLOBEX]
    again.close()
    assert files_with(path, "number02") == []


def test_a_reader_in_the_way_delays_the_last_step_and_it_is_owed_until_done(path, ledger):
    """The write-ahead log can't be emptied under a reader; it must not be forgotten for that."""
    append(ledger, noted(1, incident=ACME, words="Jane Doe"))
    with closing(sqlite3.connect(path, isolation_level=None)) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT * FROM event").fetchall()
        append(ledger, redact=[1])
        assert not ledger.tidy()
        assert files_with(path, "Jane Doe") != []
    ledger.close()
    again = SqliteLedger.open(path)

    tidied(again)

    assert files_with(path, "Jane Doe") == []
    again.close()


def test_a_ledger_from_before_the_index_is_found_through_at_once_and_indexed_by_and_by(path, ledger):
    """An upgrade must neither lose the past for searches nor stop everything until it is indexed."""
    append(ledger, declared(ACME, "Acme leaks"), *[noted(n, incident=ACME, words=f"word{n}") for n in range(500)])
    old = path.with_name("old.db")
    with closing(Database(old)) as made:
        ledger_steps.apply(made, stop_before="search_index")
        rows = [tuple(row) for row in sqlite3.connect(path).execute(f"SELECT {COLUMNS} FROM event")]
        with made.atomic():
            made.conn.execute("INSERT INTO meta (key, value) VALUES ('ledger', ?)", (ledger.id,))
            made.conn.executemany(f"INSERT INTO event ({COLUMNS}) VALUES ({PLACES})", rows)

    upgraded = SqliteLedger.open(old)
    assert kept(old)["indexed"] == "0"
    assert upgraded.find(["acme", "word499"]) == [ACME]
    tidied(upgraded)

    assert kept(old)["indexed"] == "501"
    assert upgraded.find(["acme", "word499"]) == [ACME]
    upgraded.close()


def test_a_backup_finds_what_the_ledger_finds(ledger, tmp_path):
    """After a disaster people search in what is left."""
    append(ledger, declared(ACME, "Acme leaks"))
    tidied(ledger)
    append(ledger, noted(1, incident=ACME, words="zanzibar"))
    copy = backup(ledger, tmp_path / "copy.db").path
    restore_as_new(copy, now=NOON)

    restored = SqliteLedger.open(copy)
    assert restored.find(["acme", "zanzibar"]) == [ACME]
    tidied(restored)
    assert restored.find(["acme", "zanzibar"]) == [ACME]
    restored.close()


def test_searching_indexing_redacting_and_appending_at_once_never_disagree(path, ledger, small_steps):
    """The engine tidies while people write, search and redact, in several programs."""
    stop, wrong = threading.Event(), []

    def look() -> None:
        while not stop.is_set():
            found, before = other.find(["steady"]), other.find(["gone"])
            if found != [ACME] or before:
                wrong.append((found, before))

    def tidy(one: SqliteLedger) -> None:
        while not stop.is_set():
            one.tidy(steps=2)

    append(ledger, noted(0, incident=ACME, words="steady"), noted(0, incident=ACME, words="gone"))
    append(ledger, redact=[2])
    other = SqliteLedger.open(path)
    threads = [threading.Thread(target=work) for work in (look, look, lambda: tidy(ledger), lambda: tidy(other))]
    for thread in threads:
        thread.start()
    number = 0
    while number < 40:
        try:
            append(ledger, noted(number, incident=GLOBEX, words=f"note{number:02d}"))
            append(ledger, redact=[ledger.head().seq] if number % 5 == 0 else [])
            number += 1
        except HeadMoved:
            continue
    stop.set()
    for thread in threads:
        thread.join(30)
    tidied(other)

    assert wrong == []
    assert [n for n in range(40) if not other.find([f"note{n:02d}"])] == [n for n in range(40) if n % 5 == 0]
    other.close()
