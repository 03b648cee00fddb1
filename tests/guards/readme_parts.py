"""
The parts of the README that come from the code: help, routes and kinds of events.

``python -m tests.guards.readme_parts`` writes them; a guard compares.
"""

from __future__ import annotations

import re
from pathlib import Path

from click.testing import CliRunner

from incidents.api.openapi import document
from incidents.cli import cli
from incidents.events import KINDS

README = Path(__file__).parents[2] / "README.md"


def parts() -> dict[str, str]:
    """Name of the part -> its Markdown."""
    return {"help": _help(), "routes": _routes(), "kinds": _kinds()}


def _help() -> str:
    shown = CliRunner().invoke(cli, ["--help"], prog_name="andon", terminal_width=100).output
    return f"```\n{shown.strip()}\n```"


def _routes() -> str:
    lines = ["| route | what |", "|---|---|"]
    for path, item in sorted(document()["paths"].items()):
        for method, operation in item.items():
            if isinstance(operation, dict) and "summary" in operation:
                lines.append(f"| `{method.upper()} {path}` | {operation['summary'].rstrip('.')} |")
    return "\n".join(lines)


def _kinds() -> str:
    lines = ["| kind | what it says |", "|---|---|"]
    for kind in sorted(KINDS):
        said = (KINDS[kind].__doc__ or "").strip().split("\n")[0]
        lines.append(f"| `{kind}` | {said} |")
    return "\n".join(lines)


def with_parts(text: str) -> str:
    """The README with its generated parts as they should be."""
    for name, made in parts().items():
        block = f"<!-- {name}: generated -->\n\n{made}\n\n<!-- end of {name} -->"
        text, count = re.subn(
            rf"<!-- {name}: generated -->.*?<!-- end of {name} -->", lambda _, block=block: block, text, flags=re.DOTALL
        )
        if count != 1:
            raise ValueError(f"README.md has {count} places for '{name}', not one")
    return text


if __name__ == "__main__":
    README.write_text(with_parts(README.read_text(encoding="utf-8")), encoding="utf-8")
