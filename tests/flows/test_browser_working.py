"""
An incident worked in a real browser by three people: command changes hands on a phone without a script, a criterion is
met by keyboard alone, and a mistake costs nobody what they typed.
"""

from __future__ import annotations

from typing import Any

import pytest

from tests.flows import test_browser_pages as pages
from tests.support.acting import contain
from tests.support.axe import violations
from tests.surfaces.test_pages import declare

pytestmark = pytest.mark.browser
browser, quiet_house = pages.browser, pages.quiet_house


def test_incident_is_worked_by_three_people_at_three_screens(quiet_house: pages.House, browser: Any) -> None:
    """
    What one does the others see without reloading; what is refused keeps its words, and focus is where it is wrong.
    """
    house, operations = quiet_house, quiet_house.shop.service.operations
    id = declare(house.shop)
    contain(house.shop)
    ada = pages.Seen(house, browser, house.secret("ada", "commander"), viewport=pages.WIDE)
    grace = pages.Seen(
        house, browser, house.secret("grace", "commander"), viewport=pages.PHONE, color_scheme="dark",
        java_script_enabled=False,
    )  # fmt: skip
    linus = pages.Seen(house, browser, house.secret("linus", "responder"), viewport=pages.WIDE)

    ada.page.goto(f"/incidents/{id}")
    ada.page.click("#people button:has-text('Take command')")
    ada.page.click("#form-commander > summary")
    ada.page.fill("#role-commander-assign-person", "Grace Lim")
    ada.page.click("#form-commander button:has-text('Offer')")
    ada.page.wait_for_selector("#people:has-text('Offered to Grace Lim, who has not accepted yet')")
    ada.page.wait_for_selector("#live[data-state=live]")
    grace.page.goto(f"/incidents/{id}")
    grace.page.click("button:has-text('Accept command')")
    assert "The role is yours" in grace.page.inner_text(".said.ok")
    ada.page.wait_for_selector("#people .person:has-text('Grace Lim')")

    linus.page.goto(f"/incidents/{id}")
    linus.page.wait_for_selector("#live[data-state=live]")
    linus.page.focus("#form-exit-1 > summary")
    for key in ("Enter", "Tab"):
        linus.page.keyboard.press(key)
    linus.page.keyboard.type("none in the gateway's log")
    operations.note(house.shop.person("ada", "commander"), id, "written meanwhile")
    linus.page.wait_for_selector(".note:has-text('written meanwhile')")
    assert linus.page.input_value("#exit-1-reason") == "none in the gateway's log"
    for key in ("Tab", "Enter"):
        linus.page.keyboard.press(key)
    linus.page.wait_for_selector("#life li.met:has-text('none in the gateway')")

    operations.judge_exit(house.shop.person("linus", "responder"), id, 2, True, "all calls are known")
    grace.page.goto(f"/incidents/{id}")
    grace.page.click("#form-status-resolved > summary")
    grace.page.fill("#status-resolved-reason", "Nobody has used the old key for a day.")
    grace.page.fill("#status-resolved-at", "noon")
    assert not violations_of(house, browser, id)
    grace.page.click("#form-status-resolved button:has-text('Resolve')")
    assert "'noon' is not a time" in grace.page.inner_text("#fault-status-resolved")
    assert grace.page.input_value("#status-resolved-reason") == "Nobody has used the old key for a day."
    assert grace.page.locator("#status-resolved-at").evaluate("e => document.activeElement === e")
    grace.page.fill("#status-resolved-at", "")
    grace.page.click("#form-status-resolved button:has-text('Resolve')")
    assert "Resolved. Its review is owed now." in grace.page.inner_text(".said.ok")
    ada.page.wait_for_selector("#life:has-text('It becomes reviewed when its review is published')")
    for seen in (ada, grace, linus):
        assert [c for c in seen.complaints if "status of 422" not in c] == []
        seen.context.close()


def violations_of(house: pages.House, browser: Any, id: str) -> list[str]:
    """Of the page with a refused form on it, on a phone in the dark."""
    secret = house.secret("linus", "responder")
    seen = pages.Seen(house, browser, secret, viewport=pages.PHONE, color_scheme="dark")
    seen.page.goto(f"/incidents/{id}")
    seen.page.click("#note-form > summary")
    seen.page.fill("#note-text", "typed")
    seen.page.fill("#note-at", "noon")
    seen.page.click("button:has-text('Add the note')")
    seen.page.wait_for_selector("#fault-note")
    wide = seen.page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    found = violations(seen.page) + ([f"{wide} px too wide"] if wide > 0 else [])
    seen.context.close()
    return found
