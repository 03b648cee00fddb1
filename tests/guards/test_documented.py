"""What can be used, set, called or found in the log stands in the README: read from the registries themselves."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

import click
import pytest

from app import create_app
from incidents.cli import cli
from incidents.events import KINDS
from incidents.settings import read_settings
from incidents.testing import workshop
from playbooks.actions import ACTIONS

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")


class Recorded(Mapping[str, str]):
    """An empty environment that remembers what it was asked for."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def __getitem__(self, name: str) -> str:
        self.asked.append(name)
        raise KeyError(name)

    def __iter__(self) -> Iterator[str]:
        return iter(())

    def __len__(self) -> int:
        return 0


def settings() -> list[str]:
    environment = Recorded()
    read_settings(environment)
    return sorted(set(environment.asked))


def commands(group: click.Group = cli, before: str = "andon") -> Iterator[str]:
    for name, command in group.commands.items():
        if command.hidden:
            continue
        if isinstance(command, click.Group):
            yield from commands(command, f"{before} {name}")
        else:
            yield f"{before} {name}"


def flask_routes() -> list[str]:
    shop = workshop()
    rules = {rule.rule for rule in create_app(service=shop.service).url_map.iter_rules()}
    shop.service.stop()
    return sorted(rule for rule in rules if rule.startswith("/api/"))


def front_routes() -> list[str]:
    """The paths that the front takes before Flask, as its own routing has them."""
    tree = ast.parse((ROOT / "incidents/enforcement/front.py").read_text(encoding="utf-8"))
    routing = next(n for n in ast.walk(tree) if isinstance(n, ast.FunctionDef) and n.name == "_route")
    texts = (n.value for n in ast.walk(routing) if isinstance(n, ast.Constant) and isinstance(n.value, str))
    return sorted({text.rstrip("/") for text in texts if text.startswith("/")})


def written(path: str) -> bool:
    """Is the path in the README, whatever it calls its parts?"""
    pattern = re.sub(r"<[^>]+>", "PART", path)
    return re.search(re.escape(pattern).replace("PART", r"[^/\s`]+") + r"(?![\w/-])", README) is not None


def command_is_written(command: str) -> bool:
    """``andon token create``, also as one of ``andon token list|revoke``."""
    *before, last = command.split()
    return re.search(rf"\b{re.escape(' '.join(before))} (?:[\w-]+\|)*{re.escape(last)}(?![\w-])", README) is not None


def test_the_registries_are_read() -> None:
    """A guard that looks at empty lists guards nothing."""
    assert "ANDON_DATABASE_URL" in settings()
    assert "andon kill" in list(commands())
    assert "/api/v1/incidents" in flask_routes()
    assert "/enforce/v1/lease" in front_routes()


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_every_kind_of_event_is_documented(kind: str) -> None:
    """Whoever reads an exported log has to know what its lines mean."""
    assert f"`{kind}`" in README


@pytest.mark.parametrize("action", [action.name for action in ACTIONS])
def test_every_action_of_a_playbook_is_documented(action: str) -> None:
    """The list is closed; it has to be readable without reading the code."""
    assert f"`{action}`" in README


@pytest.mark.parametrize("name", settings())
def test_every_setting_is_documented(name: str) -> None:
    """A setting that nobody knows is a trap."""
    assert f"`{name}`" in README


@pytest.mark.parametrize("command", sorted(commands()))
def test_every_command_is_documented(command: str) -> None:
    """At 3 a.m. the README is what is open."""
    assert command_is_written(command)


@pytest.mark.parametrize("path", flask_routes())
def test_every_route_of_the_api_is_documented(path: str) -> None:
    """The OpenAPI document has the details; the README says that the route is there."""
    assert written(path)


@pytest.mark.parametrize("path", front_routes())
def test_every_route_of_the_front_is_documented(path: str) -> None:
    """Gateways are configured against these by hand."""
    assert written(path)
