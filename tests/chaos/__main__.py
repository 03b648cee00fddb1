"""
Run faults and print the table: ``python -m tests.chaos [--trials N] [--only NAME] [--group G] [--short] ...``.
"""

from __future__ import annotations

import argparse
import json
import logging
import shutil
import sys
import tempfile
import time
import traceback
from datetime import UTC, datetime
from pathlib import Path

from tests.chaos.findings import FAULTS, Fault, Finding


def load_all() -> dict[str, Fault]:
    """Every fault, in the order of the table."""
    from tests.chaos import client_faults, effects_kills, ledger_faults, ledger_kills, load  # noqa: F401

    return FAULTS


def run(one: Fault, trials: int) -> tuple[Finding, float]:
    folder = Path(tempfile.mkdtemp(prefix="andon-chaos-"))
    began = time.monotonic()
    try:
        finding = one.run(trials, folder)
    except Exception:  # noqa: BLE001 - a fault that can't be tried is reported, and the others go on
        finding = Finding(violations=[f"could not be tried: {traceback.format_exc()}"])
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return finding, time.monotonic() - began


def row(name: str, finding: Finding, seconds: float) -> str:
    worst = "" if finding.worst_s is None else f"{finding.worst_s:.2f} s"
    bound = "" if finding.bound_s is None else f"{finding.bound_s:.2f} s"
    counts = f"{finding.trials:>6} {len(finding.violations):>10} {worst:>8} {bound:>8}"
    return f"{name:<52} {counts} {seconds:>7.1f} s  {finding.note}"


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos")
    parser.add_argument("--trials", type=int, help="of each fault, instead of its own number")
    parser.add_argument("--only", action="append", default=[], help="faults whose name holds this")
    parser.add_argument("--group", help="ledger, effects, client or load")
    parser.add_argument("--short", action="store_true", help="as few trials as among the tests")
    parser.add_argument("--json", type=Path, metavar="FILE")
    parser.add_argument("--list", action="store_true", help="names only")
    asked = parser.parse_args()
    chosen = [
        one
        for one in load_all().values()
        if (not asked.only or any(part in one.name for part in asked.only)) and asked.group in (None, one.group)
    ]
    if not chosen:
        parser.error(f"no fault's name holds {asked.only}; --list shows them")
    if asked.list:
        for one in chosen:
            print(f"{one.name}: {one.promise}")
        return 0
    print(f"{'fault':<52} {'trials':>6} {'violations':>10} {'worst':>8} {'bound':>8} {'took':>9}")
    logging.getLogger("andon").addHandler(logging.NullHandler())  # what the gateways say of all this is not the table's
    results, wrong = [], 0
    for one in chosen:
        finding, seconds = run(one, asked.trials or (one.short if asked.short else one.trials))
        print(row(one.name, finding, seconds), flush=True)
        for violation in finding.violations[:10]:
            print(f"    VIOLATION {violation}", flush=True)
        wrong += len(finding.violations)
        results.append({"fault": one.name, "promise": one.promise, "seconds": round(seconds, 1), **finding.data()})
    if asked.json:
        body = {"at": datetime.now(UTC).isoformat(timespec="seconds"), "faults": results}
        asked.json.write_text(json.dumps(body, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    print(f"{sum(r['trials'] for r in results)} trials, {wrong} violations")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
