"""
``python -m tests.bench``: take the figures, print the table, and keep raw figures and picture where asked.
"""

from __future__ import annotations

import argparse
import json
import resource
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from tests.bench import deciding, drilling, finding, logs, owed, pages, pending, picture, slack, switch, table
from tests.bench.figures import machine

MEASURES = (
    *("switch", "decisions", "log", "past", "preview", "finding", "pending", "pages", "owed", "slack"),
    "drill",
)


def main(arguments: Sequence[str] | None = None) -> int:
    asked = _parser().parse_args(arguments)
    found: dict[str, Any] = {"machine": machine()}
    with tempfile.TemporaryDirectory(prefix="andon-bench-") as folder:
        for name in asked.only or MEASURES:
            began = time.monotonic()
            found[name] = measures(asked.quick)[name](Path(folder) / name)
            print(f"{name}: {time.monotonic() - began:.0f} s", file=sys.stderr, flush=True)
        if asked.unleash:
            from tests.bench import unleash

            found["unleash"] = unleash.measure(Path(folder) / "unleash", found, quick=asked.quick)
    print("\n".join(table.lines(found)))
    if asked.json:
        asked.json.write_text(json.dumps(found, indent=1) + "\n")
    if asked.svg and "switch" in found:
        asked.svg.write_text(picture.draw(found))
    return 0


def measures(quick: bool) -> dict[str, Callable[[Path], Any]]:
    """Each measure by its name; ``quick`` is for a look, not for quoting."""
    counts = {1: 60, 100: 60, 1_000: 40} if quick else {1: 200, 100: 200, 1_000: 100, most_points(): 30}
    rounds, seconds = (3, 0.5) if quick else (7, 1.0)
    events, closed, declares = (20_000, 5_000, 200) if quick else (100_000, 100_000, 600)
    return {
        "switch": lambda folder: [switch.measure(folder / str(n), n, times) for n, times in counts.items()],
        "decisions": lambda folder: deciding.measure(folder, rounds=rounds, seconds=seconds),
        "log": lambda folder: logs.measure_log(folder, events=events, appends=1_000),
        "past": lambda folder: logs.measure_past(folder, closed=closed, declares=declares),
        "pending": lambda folder: pending.measure(
            folder, few=100, many=10_000 if quick else 100_000, ticks=20 if quick else 60
        ),
        "preview": lambda folder: logs.measure_preview(folder, grants=2_000, times=10 if quick else 40),
        "drill": lambda folder: [
            drilling.measure(folder / str(n), n, 5 if quick else 20) for n in ((100, 1_000) if quick else counts)
        ],
        "owed": lambda folder: owed.measure(folder, due=1_000 if quick else 5_000, waiting=closed),
        "pages": lambda folder: pages.measure(
            folder, lines=2_000, points=200, closed=closed, times=20 if quick else 100
        ),
        "finding": lambda folder: finding.measure(folder, closed=closed, rounds=10 if quick else 40),
        "slack": lambda folder: slack.measure(folder, services=1 if quick else 4),
    }


def most_points() -> int:
    """5,000, or what the limit on open files allows: each point takes four, ours and the bare server's."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    return min(5_000, (hard - 400) // 4)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer rounds and smaller numbers, about two minutes")
    parser.add_argument("--only", action="append", choices=MEASURES, help="this measure alone; may be given again")
    parser.add_argument("--unleash", action="store_true", help="also run Unleash as a peer (PostgreSQL, node and npm)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every figure there")
    parser.add_argument("--svg", type=Path, metavar="FILE", help="draw the switch there")
    return parser


if __name__ == "__main__":
    sys.exit(main())
