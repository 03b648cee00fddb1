"""The catalog as a file and as a difference: what is wrong is named with its line; twice changes nothing."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from incidents import catalog_file
from incidents.catalog import Catalog, difference
from incidents.errors import Forbidden, Invalid
from incidents.testing import ADMIN, Workshop, sample_catalog
from tests.support.acting import change_catalog
from tests.support.small_world import histories, sections

SMALL = """\
models:
  m-1: {stage: general}
capabilities:
  chat: {models: [m-1]}
partners:
  acme: {audience: general}
grants:
  - {partner: acme, model: m-1, capability: chat, terms: accepted}
"""


def problems(text: str) -> list[tuple[str, str]]:
    with pytest.raises(Invalid) as caught:
        catalog_file.read(text, "c.yaml", Catalog())
    return [(error.where, error.message) for error in caught.value.errors]


@pytest.mark.parametrize(
    ("old", "new", "line", "words"),
    [
        ("stage: general", "stage: genral", 2, "Did you mean 'general'?"),
        ("stage:", "stag:", 2, "Did you mean 'stage'?"),
        ("models: [m-1]", "models: [m-2]", 4, "unknown model 'm-2'. Did you mean 'm-1'?"),
        ("audience: general", "audience: everyone", 6, "unknown stage 'everyone'"),
        ("partner: acme,", "partner: acm,", 8, "unknown partner 'acm'. Did you mean 'acme'?"),
        ("capability: chat", "capability: chatt", 8, "unknown capability 'chatt'. Did you mean 'chat'?"),
        ("terms: accepted", "terms: maybe", 8, "maybe"),
        ("m-1: {", "M 1: {", 2, ""),
        ("terms: accepted", "expires: 2026-02-30", 8, "2026-02-30"),
        ("terms: accepted", "cap: {per_day: -1}", 8, ""),
        ("terms: accepted", "cap: {per_week: 1}", 8, "unknown key 'per_week'"),
    ],
)
def test_what_is_wrong_in_the_file_is_named_with_its_line(old: str, new: str, line: int, words: str) -> None:
    """Somebody edits this by hand, once a month, and does not remember the keys."""
    assert catalog_file.read(SMALL, "c.yaml", Catalog()).sections["grants"]
    found = problems(SMALL.replace(old, new))
    assert any(where == f"c.yaml:{line}" and words in message for where, message in found), found


def test_a_second_grant_of_the_same_is_named_with_the_first() -> None:
    """One of the two would silently win."""
    row = SMALL.splitlines()[-1]
    assert problems(SMALL + row + "\n") == [("c.yaml:9", "a second grant of m-1:chat to acme; the first is in line 8")]


def test_a_key_of_two_partners_is_refused() -> None:
    """Nobody could say who asks."""
    key = f"sha256:{'0' * 64}"
    text = f"partners:\n  a: {{audience: general, keys: ['{key}']}}\n  b: {{audience: general, keys: ['{key}']}}\n"
    assert "a key is one partner's" in problems(text)[0][1]


@pytest.mark.parametrize(
    "text", ["", "[]", "a: &a [*a]", "models: {m: {stage: general}}\nmodels: {}", "\x00", "{", "x" * 9]
)
def test_a_file_that_is_no_catalog_is_refused_in_words(text: str) -> None:
    """Never a traceback, whatever was piped in."""
    with pytest.raises(Invalid, match=r"c\.yaml:\d"):
        catalog_file.read(text, "c.yaml", Catalog())


def test_the_sample_catalog_applied_twice_changes_nothing(shop: Workshop) -> None:
    """Automation applies it every hour; the revision must not move, nor every point fetch."""
    before = shop.service.ledger.head()
    said = shop.service.operations.apply_catalog(ADMIN, sample_catalog(), "catalog.yaml")
    assert (said["applied"], said["changes"]) == (False, [])
    assert shop.service.ledger.head() == before


def test_what_show_prints_is_what_apply_takes(shop: Workshop) -> None:
    """Read, edit, write: nothing may get lost on the way, addresses included."""
    whole = shop.service.operations.catalog(ADMIN)
    assert whole["partners"]["acme"]["contact"] == "security@acme.example"
    assert change_catalog(shop, lambda c: None)["changes"] == []


def test_sections_that_are_absent_stay_and_those_present_are_complete(shop: Workshop) -> None:
    """A file of people alone must not take the models away; a list of people is the list."""
    text = "people:\n  ada: {name: Ada Okafor, email: ada@example.com, slack: U01ADAADA, roles: [commander, admin]}\n"
    said = shop.service.operations.apply_catalog(ADMIN, text, "people.yaml")
    assert said["changes"] == [
        "- people/grace",
        "- people/linus",
        "~ people/grace/email: address changed",
        "~ people/linus/email: address changed",
    ]
    assert set(shop.service.operations.catalog(ADMIN)["models"]) == {"orion-2", "vega-1"}


def test_a_check_says_what_would_change_and_changes_nothing(shop: Workshop) -> None:
    """The dry run prints the same lines as the real one."""
    orion = {"title": "Orion 2", "stage": "general", "owner": "release@example.com"}
    vega = {"title": "Vega 1", "stage": "limited", "owner": "release@example.com"}
    text = json.dumps({"models": {"orion-2": orion, "vega-1": vega}})
    before = shop.service.ledger.head()
    dry = shop.service.operations.apply_catalog(ADMIN, text, "c.json", check=True)
    assert (dry["applied"], dry["changed"], shop.service.ledger.head()) == (False, True, before)
    real = shop.service.operations.apply_catalog(ADMIN, text, "c.json")
    assert dry["changes"] == real["changes"] == ["~ models/orion-2: stage trusted-partner -> general"]


def test_the_address_of_who_leaves_the_catalog_is_forgotten(shop: Workshop) -> None:
    """That is what the directory is for: what is gone from the file must be gone from there too."""
    text = "people:\n  ada: {name: Ada Okafor, email: ada@example.com, slack: U01ADAADA, roles: [commander, admin]}\n"
    shop.service.operations.apply_catalog(ADMIN, text, "people.yaml")
    assert [name for name in shop.service.ledger.directory() if name.startswith("people/")] == ["people/ada/email"]


def test_addresses_are_kept_beside_the_log_and_never_in_it(shop: Workshop) -> None:
    """They must be forgettable."""
    change_catalog(shop, lambda c: c["people"]["ada"].update(email="ada.new@example.com"))
    assert shop.service.ledger.directory()["people/ada/email"] == "ada.new@example.com"
    last = shop.service.ledger.read()[-1]
    assert (last.kind, last.data) == ("people:contacts:changed", {"entries": ["people/ada/email"]})
    assert "@example.com" not in "".join(repr(e) for e in shop.service.ledger.read())


@pytest.mark.parametrize(
    ("role", "allowed"), [("viewer", False), ("commander", False), ("release-manager", True), ("admin", True)]
)
def test_who_may_change_the_catalog(shop: Workshop, role: str, allowed: bool) -> None:
    """Rights come from the role, and people need more than the catalog does."""
    asker = shop.credential(shop.secret(f"bot-{role}", role)).asker("api")
    text = json.dumps({"stages": ["internal", "red-team", "trusted-partner", "limited", "beta", "general"]})
    if allowed:
        assert shop.service.operations.apply_catalog(asker, text, "c.json")["applied"]
    else:
        with pytest.raises(Forbidden, match="changing the catalog"):
            shop.service.operations.apply_catalog(asker, text, "c.json")


def test_a_release_manager_cannot_make_people(shop: Workshop) -> None:
    """Otherwise they could make themselves an administrator."""
    manager = shop.credential(shop.secret("rm", "release-manager")).asker("api")
    with pytest.raises(Forbidden, match="changing people needs the role 'admin'"):
        shop.service.operations.apply_catalog(manager, "people: {eve: {name: Eve, roles: [admin]}}\n", "c.yaml")


@given(histories(), st.data())
def test_a_difference_applied_makes_the_one_catalog_the_other(history: tuple[Any, Any], data: st.DataObject) -> None:
    """What the log holds is the difference alone: the folded catalog must come out exactly."""
    other = data.draw(histories())[0]
    one, two = Catalog(), Catalog()
    for catalog, wanted in ((one, [history[0], other]), (two, [other])):
        for each in wanted:
            found = difference(catalog, sections(each))
            catalog.apply(found.changed, found.removed)
    for section in ("models", "capabilities", "partners", "grants"):
        assert one.section(section) == two.section(section)
    assert one.stages == two.stages
    assert not difference(one, sections(other))
