"""
A disk, a lock or a file that fails under a running service: a kill that can't be written stops everything, and says so.
"""

from __future__ import annotations

import random
import resource
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager, suppress
from pathlib import Path

from incidents.errors import LedgerUnavailable
from incidents.events import Event
from incidents.ledger.sqlite import SqliteLedger
from incidents.ledger.verify import verify
from tests.chaos.findings import Finding, fault
from tests.chaos.ledger_kills import fresh_ledger
from tests.chaos.programs import BOUND, ROOT, Served, served, watched
from tests.contracts.ledger_facts import ADA, NOON, noted
from tests.support.servers import andon_command, environment_of, free_port

Break = Callable[[Served], AbstractContextManager[None]]
RESUMED = "ledger:write:resumed"
UNWRITTEN = "503, said on /readyz, everything denied within one bound, goes on by itself with a line in the log"


def unrecordable(server: Served, finding: Finding, broken: Break, what: str) -> None:
    """
    A kill while the ledger can't be written: 503, said on /readyz, everything denied within one bound; then the way
    back by itself, and the same request again is recorded.
    """
    with watched(server.url, server.api.token("gw", "enforcer"), "gw") as watch:
        with broken(server):
            reply = server.declare("the-kill")
            answered = time.monotonic()
            finding.expect(reply.status_code == 503, f"{what}: the kill was answered {reply.status_code}: {reply.text}")
            ready = server.ready()
            finding.expect(ready.status_code == 503, f"{what}: /readyz says {ready.status_code} {ready.text}")
            finding.expect(str(server.ledger) in ready.text, f"{what}: /readyz does not name the ledger: {ready.text}")
            watch.until("lease-lapsed")
            finding.took(watch.last_allowed - answered, BOUND, what)
        watch.until("granted")
        finding.expect(server.ready().status_code == 200, f"{what}: not ready after the ledger was well again")
        resumed = [event["data"] for event in server.log() if event["kind"] == RESUMED]
        finding.expect(len(resumed) == 1, f"{what}: {len(resumed)} lines '{RESUMED}' in the log")
        finding.expect(all("acme" in each["what"] for each in resumed), f"{what}: it does not say what: {resumed}")
        reply = server.declare("the-kill")
        finding.expect(reply.status_code == 201, f"{what}: the same kill was answered {reply.status_code} {reply.text}")
        watch.until("partner-revoked")
    finding.trials += 1


def _each(trials: int, folder: Path, broken: Break, what: str) -> Finding:
    finding = Finding()
    for number in range(trials):
        with served(folder / str(number)) as server:
            unrecordable(server, finding, broken, what)
    return finding


@contextmanager
def no_byte_more(server: Served) -> Iterator[None]:
    """The kernel lets the process write no file beyond its first kilobyte."""
    _, hard = old = resource.prlimit(server.pid, resource.RLIMIT_FSIZE)
    resource.prlimit(server.pid, resource.RLIMIT_FSIZE, (1024, hard))
    try:
        yield
    finally:
        resource.prlimit(server.pid, resource.RLIMIT_FSIZE, old)


@contextmanager
def locked(server: Served) -> Iterator[None]:
    """Another program has begun to write and does not end."""
    with closing(sqlite3.connect(server.ledger, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        yield
        other.execute("ROLLBACK")


@contextmanager
def moved(server: Served) -> Iterator[None]:
    """The file is taken away, and put back."""
    away = server.ledger.with_name("away.db")
    server.ledger.rename(away)
    yield
    away.rename(server.ledger)


@fault("writes to the ledger fail", UNWRITTEN, group="ledger", trials=3)
def writes_fail(trials: int, folder: Path) -> Finding:
    return _each(trials, folder, no_byte_more, "no byte more")


@fault("ledger locked past the time-out", UNWRITTEN, group="ledger", trials=2, short=0)
def ledger_locked(trials: int, folder: Path) -> Finding:
    return _each(trials, folder, locked, "locked")


@fault("ledger's file moved while serving", UNWRITTEN, group="ledger", trials=3)
def file_moved(trials: int, folder: Path) -> Finding:
    return _each(trials, folder, moved, "moved")


# --- a disk of its own, where this user may mount one -----------------------------------------------------------------


@contextmanager
def small_disk(folder: Path) -> Iterator[bool]:
    """A file system of 4 MiB at ``folder``; False where none can be mounted."""
    folder.mkdir(parents=True, exist_ok=True)
    try:
        mounting = ["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", str(folder)]
        may = subprocess.run(mounting, check=False, capture_output=True).returncode == 0
    except OSError:
        may = False
    try:
        yield may
    finally:
        if may:
            subprocess.run(["umount", str(folder)], check=False, capture_output=True)


@contextmanager
def filled(folder: Path) -> Iterator[None]:
    """Somebody else's file takes the rest of the disk."""
    filler = folder / "filler"
    with filler.open("wb", buffering=0) as file, suppress(OSError):
        while file.write(b"x" * 4096):
            continue
    yield
    filler.unlink()


def _on_small_disk(trials: int, folder: Path, broken: Break, what: str) -> Finding:
    finding = Finding()
    for number in range(trials):
        disk = folder / f"disk-{number}"
        with small_disk(disk) as may:
            if not may:
                return Finding(note="not tried: this user may not mount a file system")
            with served(folder / str(number), ledger_folder=disk) as server:
                unrecordable(server, finding, broken, what)
    return finding


@fault("disk full", UNWRITTEN, group="ledger", trials=2)
def disk_full(trials: int, folder: Path) -> Finding:
    return _on_small_disk(trials, folder, lambda server: filled(server.ledger.parent), "disk full")


@fault("ledger on a read-only disk", "the start is refused with one line that names it", group="ledger", trials=1)
def read_only(trials: int, folder: Path) -> Finding:
    finding = Finding()
    with small_disk(folder / "disk") as may:
        if not may:
            return Finding(note="not tried: this user may not mount a file system")
        path = fresh_ledger(folder / "disk" / "andon.db")
        subprocess.run(["mount", "-o", "remount,ro", str(path.parent)], check=True, capture_output=True)
        for _ in range(trials):
            _refused_start(path, "Read-only file system", folder, finding)
    return finding


# --- slow, replaced, shared -------------------------------------------------------------------------------------------


@fault(
    "disk that syncs slowly",
    "the kill is answered when it is durable; meanwhile leases end and nothing is granted against an old head",
    group="ledger",
    trials=3,
)
def slow_sync(trials: int, folder: Path) -> Finding:
    finding = Finding()
    for number in range(trials):
        with served(folder / str(number)) as server:
            with watched(server.url, server.api.token("gw", "enforcer"), "gw") as watch:
                server.arm("sleep before-commit 1.5")
                began = time.monotonic()
                reply = server.declare("slow")
                answered = time.monotonic()
                finding.expect(reply.status_code == 201, f"answered {reply.status_code} {reply.text}")
                finding.expect(answered - began >= 1.5, f"answered before it was durable, in {answered - began:.2f} s")
                watch.until("partner-revoked")
                finding.took(watch.last_allowed - answered, BOUND, "slow sync")
            finding.trials += 1
    return finding


@fault(
    "ledger's file replaced while serving",
    "grants stop within one bound and stay stopped; /readyz and a kill answer 503 and name the file",
    group="ledger",
    trials=3,
)
def file_replaced(trials: int, folder: Path) -> Finding:
    finding = Finding()
    for number in range(trials):
        with served(folder / str(number)) as server:
            other = fresh_ledger(server.folder / "other.db")
            with watched(server.url, server.api.token("gw", "enforcer"), "gw") as watch:
                other.rename(server.ledger)
                replaced = time.monotonic()
                watch.until("lease-lapsed")
                finding.took(watch.last_allowed - replaced, BOUND, "replaced")
                ready, reply = server.ready(), server.declare("lost")
                for answer in (ready, reply):
                    said = answer.status_code == 503 and "moved or replaced" in answer.text
                    finding.expect(said, f"answered {answer.status_code} {answer.text}")
            finding.trials += 1
    return finding


def _refused_start(path: Path, complaint: str, folder: Path, finding: Finding) -> None:
    """``andon serve`` ends with 3 and says why in one line."""
    environment = environment_of(folder, ANDON_DATABASE_URL=f"sqlite:///{path}")
    command = andon_command("serve", "--port", str(free_port()))
    ran = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=30, check=False)
    lines = ran.stderr.strip().splitlines()
    finding.expect(ran.returncode == 3, f"it ended with {ran.returncode}: {ran.stderr[-500:]}")
    one_line = len(lines) == 1 and str(path) in lines[0] and complaint in lines[0]
    finding.expect(one_line, f"it said {ran.stderr[-500:]!r}, expected one line with the path and '{complaint}'")
    finding.trials += 1


@fault("a second service on the ledger", "exits 3 with one line that names the ledger", group="ledger", trials=2)
def second_service(trials: int, folder: Path) -> Finding:
    finding = Finding()
    with served(folder) as server:
        for _ in range(trials):
            _refused_start(server.ledger, "another 'andon serve'", folder, finding)
        finding.expect(server.ready().status_code == 200, "the first service was disturbed")
    return finding


WRITER = """
import sys
from pathlib import Path
from incidents.credentials import local_admin
from incidents.service import Service
from incidents.settings import Settings
service = Service.open(Settings(database_url=f"sqlite:///{sys.argv[1]}"))
for number in range(int(sys.argv[2])):
    service.operations.note(local_admin("beside"), "INC-2026-0001", f"beside {number}")
service.ledger.close()
"""


@fault(
    "command line writing beside the service",
    "every acknowledged line of both is there once, in one chain, and the service shows them",
    group="ledger",
    trials=200,
    short=40,
)
def written_beside(trials: int, folder: Path) -> Finding:
    finding = Finding()
    with served(folder) as server:
        server.declare("first", "globex")
        beside = [
            subprocess.Popen([sys.executable, "-c", WRITER, str(server.ledger), str(trials // 2)], cwd=ROOT)
            for _ in range(2)
        ]
        for number in range(trials):
            path = "/api/v1/incidents/INC-2026-0001/notes"
            reply = server.api.call(
                "POST", path, {"text": f"served {number}"}, headers={"Idempotency-Key": f"{number}"}
            )
            finding.expect(reply.status_code == 201, f"a note was answered {reply.status_code} {reply.text}")
            finding.trials += 1
        for one in beside:
            finding.expect(one.wait(timeout=120) == 0, "a program beside the service failed")
        notes = [event["text"]["note"] for event in server.log() if event["kind"] == "incident:note:added"]
        expected = sorted([f"served {n}" for n in range(trials)] + 2 * [f"beside {n}" for n in range(trials // 2)])
        finding.expect(sorted(notes) == expected, f"{len(notes)} notes of {len(expected)} are there")
        _whole(server.ledger, finding)
        last = server.log()[-1]["seq"]
        shown = _until_followed(server, last)
        finding.expect(shown, f"the service does not show event {last}")
    return finding


def _until_followed(server: Served, seq: int) -> bool:
    end = time.monotonic() + 5
    while time.monotonic() < end:
        rows = server.api.call("GET", "/api/v1/incidents/INC-2026-0001/timeline?limit=1000").json()["items"]
        if any(row["seq"] == seq for row in rows):
            return True
    return False


def _whole(path: Path, finding: Finding) -> None:
    ledger = SqliteLedger.open(path)
    try:
        verdict = verify(ledger.read(), ledger=ledger.id)
        finding.expect(verdict.ok, f"the chain is broken: {verdict.why}")
    finally:
        ledger.close()


@fault(
    "kill from the command line beside the service",
    "every point denies within the bound, although the service was not asked",
    group="ledger",
    trials=4,
    short=1,
)
def killed_beside(trials: int, folder: Path) -> Finding:
    finding = Finding()
    for number in range(trials):
        with served(folder / str(number)) as server:
            with watched(server.url, server.api.token("gw", "enforcer"), "gw") as watch:
                environment = environment_of(server.folder, ANDON_DATABASE_URL=f"sqlite:///{server.ledger}")
                command = andon_command("kill", "partner", "acme", "--reason", "leaked", "--json")
                ran = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
                done = time.monotonic()
                finding.expect(ran.returncode == 0, f"andon kill ended with {ran.returncode}: {ran.stderr[-500:]}")
                watch.until("partner-revoked")
                finding.took(watch.last_allowed - done, BOUND, "killed beside")
            finding.trials += 1
    return finding


# --- damaged files ----------------------------------------------------------------------------------------------------


@fault(
    "page or byte of the file damaged",
    "the damage is named, or every event reads as it was: never another log that looks whole",
    group="ledger",
    trials=600,
    short=60,
)
def damaged(trials: int, folder: Path) -> Finding:
    finding, picks = Finding(), random.Random(99)
    base, path = folder / "base.db", folder / "andon.db"
    ledger = SqliteLedger.create(base)
    drafts = [noted(n, incident=f"INC-2026-000{n % 3}", words=f"words {n} " * 20) for n in range(120)]
    ledger.append(drafts, actor=ADA, now=NOON, expected=0)
    original = ledger.read()
    ledger.close()
    whole, named = base.read_bytes(), 0
    for trial in range(trials):
        spoilt = bytearray(whole)
        at = picks.randrange(len(whole))
        if trial % 3:
            spoilt[at] ^= 1 << picks.randrange(8)
        else:
            page = at // 4096 * 4096
            spoilt[page : page + 4096] = picks.randbytes(4096) if trial % 2 else bytes(4096)
        path.write_bytes(spoilt)
        try:
            named += _damage_shows(path, original)
        except AssertionError as error:
            finding.expect(False, f"trial {trial}, at byte {at}: {error}")
        for ending in ("-wal", "-shm"):
            Path(f"{path}{ending}").unlink(missing_ok=True)
        finding.trials += 1
    finding.note = f"{named} named, the others hit nothing that is read"
    finding.expect(named > trials // 4, f"only {named} of {trials} were named")
    return finding


def _damage_shows(path: Path, original: list[Event]) -> bool:
    """True if the damage was named. Any other exception than ours goes up: it would be a traceback for somebody."""
    try:
        ledger = SqliteLedger.open(path)
        try:
            events = ledger.read()
            verdict = verify(events, ledger=ledger.id)
        finally:
            ledger.close()
    except LedgerUnavailable as error:
        if str(path) not in str(error):
            raise AssertionError(f"the message does not name the file: {error}") from error
        return True
    if verdict.ok and events:
        assert events == original, "another log that looks whole"
        return False
    return True


@fault("ledger of a newer program", "refused with one line, the file untouched", group="ledger", trials=1)
def newer_schema(trials: int, folder: Path) -> Finding:
    finding = Finding()
    path = fresh_ledger(folder / "andon.db")
    with closing(sqlite3.connect(path, isolation_level=None)) as file:
        columns = "(migration_set, name, applied_at)"
        file.execute(f"INSERT INTO _sqlite_migrations {columns} VALUES ('andon-ledger', 'from_the_future', '2030')")
        file.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    before = path.read_bytes()
    for _ in range(trials):
        _refused_start(path, "newer Andon", folder, finding)
        finding.expect(path.read_bytes() == before, "the file was changed")
    return finding
