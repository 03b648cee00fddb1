"""
The parts of the operating system that some tests use: nginx and Chromium (Debian names).

``python -m tests.system_parts`` installs what is missing where it may (root and apt-get). Elsewhere it says what to
install, and the tests that need it are skipped; with ``CI=true`` they fail instead.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

PARTS = {"nginx": "nginx", "chromium": "chromium"}


def find(part: str) -> str | None:
    """Where the part's program is; system folders count although they may not be on the PATH."""
    return shutil.which(part, path=os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/sbin", "/usr/bin"]))


def need(part: str) -> str:
    """The program's path for a test; skips, or in CI fails, with a line that says what to install."""
    program = find(part)
    if program is None:
        say = f"{part} is not installed; on Debian: apt-get install {PARTS[part]}"
        if os.environ.get("CI") == "true":
            pytest.fail(say)
        pytest.skip(say)
    return program


def main() -> int:
    missing = [part for part in PARTS if find(part) is None]
    if not missing:
        return 0
    packages = [PARTS[part] for part in missing]
    if os.geteuid() == 0 and shutil.which("apt-get"):
        print(f"installing for the tests: {' '.join(packages)}", flush=True)
        environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
        commands = (
            ["apt-get", "update", "-qq"],
            ["apt-get", "install", "-y", "-qq", "--no-install-recommends", *packages],
        )
        for command in commands:
            ran = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
            if ran.returncode != 0:
                print(f"{' '.join(command)} failed:\n{ran.stderr.strip()}", file=sys.stderr)
                break
    for part in PARTS:
        if find(part) is None:
            print(f"{part} is missing: tests that need it are skipped (apt-get install {PARTS[part]})")
    return 0


if __name__ == "__main__":
    folder = Path(__file__).resolve().parent.parent
    os.chdir(folder)
    sys.exit(main())
