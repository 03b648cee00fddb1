"""
The parts that some tests use and pip does not bring: nginx and Chromium (Debian names), and axe-core (from npm).

``python -m tests.system_parts`` installs what is missing where it may: system parts as root with apt-get, axe-core
into ``.cache`` where npm is there. Elsewhere it says what to install, and the tests that need it are skipped; with
``CI=true`` they fail instead.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import NoReturn

import pytest

PARTS = {"nginx": "nginx", "chromium": "chromium"}
ROOT = Path(__file__).resolve().parent.parent
AXE_VERSION = "4.14.1"
AXE_FOLDER = ROOT / ".cache" / f"axe-core-{AXE_VERSION}"
AXE = AXE_FOLDER / "node_modules" / "axe-core" / "axe.min.js"


def find(part: str) -> str | None:
    """Where the part's program is; system folders count although they may not be on the PATH."""
    return shutil.which(part, path=os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/sbin", "/usr/bin"]))


def need(part: str) -> str:
    """The program's path for a test; skips, or in CI fails, with a line that says what to install."""
    program = find(part)
    if program is None:
        _missing(f"{part} is not installed; on Debian: apt-get install {PARTS[part]}")
    return program


def need_axe() -> Path:
    """axe-core's script for a test; likewise."""
    if not AXE.exists():
        _missing(f"axe-core {AXE_VERSION} is not installed: install npm, then run python -m tests.system_parts")
    return AXE


def _missing(say: str) -> NoReturn:
    if os.environ.get("CI") == "true":
        pytest.fail(say)
    pytest.skip(say)


def main() -> int:
    missing = [part for part in PARTS if find(part) is None]
    if missing and os.geteuid() == 0 and shutil.which("apt-get"):
        _install_packages([PARTS[part] for part in missing])
    if not AXE.exists() and find("npm") is not None:
        _install_axe(str(find("npm")))
    for part in PARTS:
        if find(part) is None:
            print(f"{part} is missing: tests that need it are skipped (apt-get install {PARTS[part]})")
    if not AXE.exists():
        print(f"axe-core {AXE_VERSION} is missing: tests that need it are skipped (install npm, then run this again)")
    return 0


def _install_packages(packages: list[str]) -> None:
    print(f"installing for the tests: {' '.join(packages)}", flush=True)
    environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    if _run(["apt-get", "update", "-qq"], environment):
        _run(["apt-get", "install", "-y", "-qq", "--no-install-recommends", *packages], environment)


def _install_axe(npm: str) -> None:
    print(f"installing for the tests: axe-core {AXE_VERSION}", flush=True)
    AXE_FOLDER.mkdir(parents=True, exist_ok=True)
    quiet = ["--no-save", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]
    _run([npm, "install", "--prefix", str(AXE_FOLDER), *quiet, f"axe-core@{AXE_VERSION}"], dict(os.environ))


def _run(command: list[str], environment: dict[str, str]) -> bool:
    ran = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if ran.returncode != 0:
        print(f"{' '.join(command)} failed:\n{ran.stderr.strip()}", file=sys.stderr)
    return ran.returncode == 0


if __name__ == "__main__":
    os.chdir(ROOT)
    sys.exit(main())
