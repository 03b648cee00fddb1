"""
Two people write one review in two browsers at once: nothing that either typed is lost, with a script and without.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.flows.test_browser_pages import PHONE, WIDE, House, Seen, browser, house, playwright  # noqa: F401 - fixtures

pytestmark = pytest.mark.browser


@pytest.fixture
def linus(house: House, browser: playwright.Browser) -> Iterator[Seen]:  # noqa: F811
    seen = Seen(house, browser, house.secret("linus", "responder"), viewport=WIDE)
    yield seen
    seen.context.close()


@pytest.fixture
def ada(house: House, browser: playwright.Browser) -> Iterator[Seen]:  # noqa: F811
    seen = Seen(house, browser, house.secret("ada", "commander"), viewport=PHONE, java_script_enabled=False)
    yield seen
    seen.context.close()


def change(seen: Seen, old: str, new: str) -> None:
    """Types into the editor, and saves."""
    text = seen.page.input_value("#document-text")
    assert old in text
    seen.page.fill("#document-text", text.replace(old, new, 1))
    seen.page.click("button[value=save]")


def test_two_editors_at_once_lose_nothing(house: House, linus: Seen, ada: Seen) -> None:  # noqa: F811
    """
    He at a desk, she on a phone without a script: his page hears of her save, and his own save brings both together.
    """
    at = f"/incidents/{house.real}/review?edit=1"
    linus.page.goto(at)
    ada.page.goto(at)
    linus.page.wait_for_selector("#live[data-state=live]")
    text = linus.page.input_value("#document-text")
    linus.page.fill("#document-text", text.replace("## Follow-ups", "## Costs\n\nNone.\n\n## Follow-ups"))
    change(ada, "_To be answered._", "She saw it first.")
    ada.page.wait_for_selector(".said.ok:has-text('Saved')")

    linus.page.wait_for_selector("#stale")
    assert "## Costs" in linus.page.input_value("#document-text")
    linus.page.click("button[value=save]")
    linus.page.wait_for_selector("#conflict:has-text('Ada Okafor saved version 1')")
    both = linus.page.input_value("#document-text")
    assert ("She saw it first." in both, "## Costs" in both, "<<<<<<<" in both) == (True, True, False)
    assert "She saw it first." in linus.page.inner_text("#conflict ins >> nth=0")
    linus.page.click("summary:has-text('What you typed, as it was')")
    assert "She saw it first." not in linus.page.input_value("#mine textarea")
    linus.page.click("button[value=save]")
    linus.page.wait_for_selector(".said.ok:has-text('Saved')")

    ada.page.goto(f"/incidents/{house.real}/review")
    assert "Costs" in ada.page.inner_text("#document")
    assert "She saw it first." in ada.page.inner_text("#document")
    assert [c for c in linus.complaints if "409" not in c] == []


def test_live_page_never_moves_the_version_under_a_writer(house: House, linus: Seen) -> None:  # noqa: F811
    """
    A refresh that renewed the hidden version but kept the text would turn the next save into an overwrite.
    """
    ops, grace = house.shop.service.operations, house.shop.person("grace", "commander")
    found = ops.postmortem(grace, house.drill)
    linus.page.goto(f"/incidents/{house.drill}/review?edit=1")
    linus.page.wait_for_selector("#live[data-state=live]")
    linus.page.fill("#document-text", "mine")
    base = linus.page.input_value("input[name=base]", strict=True)
    ops.save_review(grace, house.drill, "hers", found["version"])
    linus.page.wait_for_selector("#stale")

    assert linus.page.input_value("input[name=base]") == base
    assert linus.page.input_value("#document-text") == "mine"


@pytest.mark.parametrize(("size", "scheme"), [(PHONE, "dark"), (WIDE, "light")])
def test_review_fits_the_screen_and_the_paper(
    house: House,  # noqa: F811
    browser: playwright.Browser,  # noqa: F811
    size: dict[str, int],
    scheme: str,
    tmp_path: Path,
) -> None:
    """
    It is read on phones, and signed on paper; the exported file as well.
    """
    seen = Seen(house, browser, house.secret("ada", "commander"), viewport=size, color_scheme=scheme)
    with seen.page.expect_download() as kept:
        seen.page.goto(f"/incidents/{house.real}/review?edit=1&changes=x")
        seen.page.click("a:has-text('One HTML file')")
    kept.value.save_as(tmp_path / "record.html")
    for place in (f"/incidents/{house.real}/review?edit=1", (tmp_path / "record.html").as_uri()):
        seen.page.goto(place)
        seen.page.evaluate("document.querySelectorAll('details').forEach(d => d.open = true)")
        wide = seen.page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        assert wide <= 0, f"{place} is {wide} px too wide"
        seen.page.emulate_media(media="print")
        assert seen.page.locator("button:visible").count() == 0
        pages = len(re.findall(rb"/Type\s*/Page\b", seen.page.pdf(format="A4")))
        assert 1 <= pages <= 12
        seen.page.emulate_media(media="screen")
    assert [c for c in seen.complaints if "ERR_ABORTED" not in c] == []
    seen.context.close()


def test_exported_file_asks_for_nothing(house: House, browser: playwright.Browser, tmp_path: Path) -> None:  # noqa: F811
    """
    Opened without a network, by somebody who has never heard of us: no request leaves it, and no script runs.
    """
    carried = house.shop.service.records.export(house.shop.person("ada", "commander"), house.real, "html")
    path = tmp_path / carried.name
    path.write_text(carried.text, encoding="utf-8")
    context = browser.new_context(offline=True)
    page, asked, complaints = context.new_page(), [], []
    page.on("request", lambda request: asked.append(request.url))
    page.on("console", lambda said: complaints.append(said.text))
    page.goto(path.as_uri())

    assert asked == [path.as_uri()]
    assert complaints == []
    assert page.locator("svg.lanes circle").count() > 2
    assert page.evaluate("document.scripts.length") == 0
    context.close()
