"""
Who may import whom, read from the source.

Where the house's plan was drawn before the code: ``enforcement`` holds three registers that decide nothing about
transport (``grants``, ``points``, ``usage``): pure, clocks passed in. Operations and the service may use those; the
rest of ``enforcement`` is an edge like the others.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
OURS = ("incidents", "playbooks", "runbooks", "app")
EDGES = ("incidents.enforcement", "incidents.api", "incidents.web", "incidents.slack")
REGISTERS = {f"incidents.enforcement.{name}" for name in ("grants", "points", "usage")}

PURE = {
    "incidents.errors", "incidents.roles", "incidents.catalog", "incidents.events", "incidents.state",
    "incidents.holds", "incidents.snapshot", "incidents.blast", "incidents.timeline", "incidents.views",
    "incidents.decisions", "incidents.decisions.incident", "incidents.decisions.access", "incidents.decisions.restore",
    "incidents.decisions.restore_plan", "incidents.decisions.restore_steps", "incidents.decisions.restore_telling",
    "incidents.decisions.life", "incidents.decisions.people", "incidents.decisions.tasks",
    "incidents.decisions.entries", "incidents.decisions.review", "incidents.decisions.sharing",
    "incidents.deadlines", "incidents.docket", "incidents.reckoning", "incidents.reminders", "incidents.agenda",
    "incidents.filing", "incidents.filing_document", "incidents.clock_views", "incidents.clock_tellings",
    "incidents.calendar_links", "incidents.decisions.moves",
    "incidents.decisions.clockfacts", "incidents.decisions.duties", "incidents.decisions.persons",
    "incidents.decisions.sight", "incidents.life", "incidents.evidence", "incidents.incident_views",
    "incidents.insights", "incidents.spans", "incidents.scale",
    "incidents.chat", "incidents.decisions.chat",
    "incidents.slack.typed", "incidents.slack.verbs", "incidents.slack.asked", "incidents.slack.line",
    "incidents.slack.grammar", "incidents.slack.grammar_declaring", "incidents.slack.grammar_restoring",
    "incidents.slack.grammar_working", "incidents.slack.limits", "incidents.slack.blocks", "incidents.slack.reader",
    "incidents.slack.incident_message", "incidents.slack.incident_buttons", "incidents.slack.lines",
    "incidents.slack.answers", "incidents.slack.declared_answers", "incidents.slack.plan_answers",
    "incidents.connectors", "incidents.slack.letter_message", "incidents.slack.forms", "incidents.slack.manifest",
    "incidents.slack.moments", "incidents.slack.places", "incidents.typed_times", "incidents.slack.rehearsed",
    "incidents.exposure", "incidents.reading", "incidents.shared_view",
    "incidents.merging", "incidents.review_questions", "incidents.measures", "incidents.moments",
    "incidents.affected", "incidents.shortcomings", "incidents.review_draft", "incidents.review_views",
    "incidents.findings", "incidents.picture", "incidents.record", "incidents.record.contents", "incidents.record.svg",
    "incidents.record.markdown", "incidents.record.html",
    "incidents.catalog_file", "incidents.state_copy", "incidents.tokens", "incidents.enforcement.grants",
    "incidents.outbox", "incidents.notices", "incidents.recipients", "incidents.notice_facts",
    "incidents.notice_views", "incidents.backoff", "incidents.due", "incidents.escalation", "incidents.clock_calls",
    "incidents.decisions.two_people", "incidents.decisions.owing",
    "incidents.decisions.consequences", "incidents.decisions.reminding", "incidents.decisions.effects",
    "incidents.decisions.notices", "incidents.decisions.filings", "incidents.decisions.passing",
    "incidents.drill_runs", "incidents.drills", "incidents.drill_views", "incidents.drill_report",
    "incidents.drill_calls", "incidents.drill_clocks",
    "incidents.decisions.drills", "incidents.decisions.ghosts", "incidents.decisions.drill_schedule",
    "incidents.decisions.drill_reminding",
    "incidents.ledger.search", "incidents.ledger.hits", "incidents.ledger.redaction",
}  # fmt: skip
"""The core. ``incidents.clock`` may be imported for writing and reading times; its clocks may not be called."""

WORLD = {"sqlite3", "sqlite_utils", "flask", "requests", "slack_sdk", "apscheduler", "psycopg", "socket", "subprocess",
         "threading", "asyncio", "uvicorn", "os", "time", "pathlib", "structlog", "logging"}  # fmt: skip


def modules() -> dict[str, Path]:
    """Every module of ours by its dotted name."""
    found = {"app": ROOT / "app.py"}
    for package in OURS[:3]:
        for path in sorted((ROOT / package).rglob("*.py")):
            parts = path.relative_to(ROOT).with_suffix("").parts
            found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


MODULES = modules()


def imports(name: str) -> set[str]:
    """What a module imports, anywhere in it, by dotted name; ``from a import b`` is a.b where that is a module."""
    found = set()
    for node in ast.walk(ast.parse(MODULES[name].read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{name} imports relatively: write the whole name"
            base = node.module or ""
            found |= {f"{base}.{a.name}" if f"{base}.{a.name}" in MODULES else base for a in node.names}
    return found


def ours(name: str) -> set[str]:
    return {i for i in imports(name) if i.split(".")[0] in OURS}


def within(package: str) -> Iterator[str]:
    return (name for name in MODULES if name == package or name.startswith(f"{package}."))


def test_the_modules_are_found() -> None:
    """A guard that looks at nothing guards nothing."""
    assert set(MODULES) >= PURE | REGISTERS
    assert "incidents.snapshot" in ours("incidents.desk")


@pytest.mark.parametrize("name", sorted(within("runbooks")))
def test_runbooks_import_nothing_of_ours(name: str) -> None:
    """Procedures are text for people; they must not depend on how anything is done."""
    assert {i for i in ours(name) if not i.startswith("runbooks")} == set()


@pytest.mark.parametrize("name", sorted(within("playbooks")))
def test_playbooks_import_runbooks_alone(name: str) -> None:
    """A plan can be checked without a service."""
    assert {i for i in ours(name) if i.split(".")[0] not in ("playbooks", "runbooks")} == set()


@pytest.mark.parametrize("name", sorted(PURE))
def test_the_pure_core_imports_itself_and_the_plans(name: str) -> None:
    """What decides about access must be the same in a test, a preview and a replay."""
    allowed = PURE | {"incidents.clock"}
    assert {i for i in ours(name) if i not in allowed and i.split(".")[0] not in ("playbooks", "runbooks")} == set()
    assert {i for i in imports(name) if i.split(".")[0] in WORLD} == set()


@pytest.mark.parametrize("name", sorted(PURE | REGISTERS))
def test_the_pure_core_reads_no_clock_and_no_environment(name: str) -> None:
    """``now`` is an argument; otherwise the past would change with the time at which it is read."""
    for node in ast.walk(ast.parse(MODULES[name].read_text(encoding="utf-8"))):
        if isinstance(node, ast.Attribute):
            assert node.attr not in ("utcnow", "today", "environ", "getenv"), f"{name}:{node.lineno}"
            if node.attr == "now":
                is_call_on_class = isinstance(node.value, ast.Name) and node.value.id in ("datetime", "dt", "date")
                assert not is_call_on_class, f"{name}:{node.lineno} reads the wall clock"
        if isinstance(node, ast.Name):
            assert node.id not in ("SystemClock", "open"), f"{name}:{node.lineno}"


def edge_of(name: str) -> str | None:
    return next((edge for edge in EDGES if name == edge or name.startswith(f"{edge}.")), None)


@pytest.mark.parametrize("name", sorted(name for name in MODULES if edge_of(name) and name not in REGISTERS))
def test_edges_never_import_each_other(name: str) -> None:
    """An edge that knows another can't be left out, and changes with it. The registers are no edge."""
    others = {i for i in ours(name) if edge_of(i) not in (None, edge_of(name)) and i not in REGISTERS}
    assert others == set()


@pytest.mark.parametrize("name", sorted(REGISTERS))
def test_the_registers_know_the_core_and_each_other_alone(name: str) -> None:
    """They are used below the edges, so they may not lean on one."""
    assert ours(name) <= PURE | REGISTERS | {"incidents.clock", "incidents.ledger"}


TOP = {"app"} | {f"incidents.{name}" for name in ("service", "serve", "ticker", "testing", "cli", "demo")}


def on_top(name: str) -> bool:
    """The wiring: what puts everything together may know everything."""
    return any(name == top or name.startswith(f"{top}.") for top in TOP)


@pytest.mark.parametrize(
    "name", sorted(n for n in MODULES if n.startswith("incidents") and not edge_of(n) and not on_top(n))
)
def test_below_the_edges_only_the_registers_are_known_of_them(name: str) -> None:
    """The core, the desk and the ledger can be used by a surface that nobody has thought of yet."""
    assert {i for i in ours(name) if edge_of(i) or on_top(i)} <= REGISTERS


@pytest.mark.parametrize("name", sorted(n for n in MODULES if edge_of(n) and n not in REGISTERS))
def test_edges_do_not_wire(name: str) -> None:
    """They are handed a service; the command line and the demo stand above them."""
    above = {i for i in ours(name) if on_top(i)} - {"incidents.service"}
    assert above == set()


CONNECTORS = sorted(n for n in MODULES if n.startswith("incidents.connectors."))


@pytest.mark.parametrize("name", CONNECTORS)
def test_connectors_know_their_protocol_and_never_each_other(name: str) -> None:
    """One file for each outside system: another can be added, or left out, without looking at the rest."""
    others = {i for i in ours(name) if i.startswith("incidents.connectors.")} - {name}
    assert others == set()


def test_a_drills_way_out_knows_nothing_to_find_an_address_in() -> None:
    """No desk, no ledger, no catalog, no settings: what it can't reach it can't tell."""
    known = {"incidents.connectors", "incidents.outbox"}
    assert ours("incidents.connectors.rehearsal") <= known


@pytest.mark.parametrize("library", ["sqlite_utils", "apscheduler", "psycopg"])
def test_one_file_alone_knows_each_of_these_libraries(library: str) -> None:
    """They have traps; whoever uses them has to know all of them."""
    users = sorted(name for name in MODULES if any(i.split(".")[0] == library for i in imports(name)))
    assert len(users) <= 1, users


def test_the_client_stands_alone() -> None:
    """It is copied into gateways: the standard library and requests, nothing of ours."""
    import sys

    assert ours("incidents.client") == set()
    outside = {i.split(".")[0] for i in imports("incidents.client")} - set(sys.stdlib_module_names) - {"__future__"}
    assert outside == {"requests"}
