"""
``andon serve`` with a hook at the ledger's commit points, armed by a file: ``python -m tests.chaos.serve_child PORT``.

The file (``ANDON_CHAOS_ARMED``) holds one line: ``kill POINT`` or ``sleep POINT SECONDS``. While it is not there,
nothing happens. Only tests start this.
"""

from __future__ import annotations

import dataclasses
import os
import signal
import sys
import time
from pathlib import Path

from incidents.errors import AndonError
from incidents.ledger import sqlite
from incidents.serve import run
from incidents.settings import read_settings


def hook(armed: Path, point: str) -> None:
    try:
        order, at, *more = armed.read_text().split()
    except (FileNotFoundError, ValueError):
        return
    if at != point:
        return
    if order == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    elif order == "sleep":
        armed.unlink(missing_ok=True)
        time.sleep(float(more[0]))


def main() -> int:
    armed = Path(os.environ["ANDON_CHAOS_ARMED"])
    sqlite.fault = lambda point: hook(armed, point)
    try:
        run(dataclasses.replace(read_settings(os.environ), port=int(sys.argv[1])))
    except AndonError as error:
        print(error, file=sys.stderr)
        return 3
    return 0


if __name__ == "__main__":
    sys.exit(main())
