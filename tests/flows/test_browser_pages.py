"""
The pages in a real browser, behind the real front: what a person sees and does, with a script and without.
"""

from __future__ import annotations

import contextlib
import os
import re
import signal
import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import uvicorn

from app import create_app
from incidents.clock import parse_rfc3339, rfc3339
from incidents.serve import Server, build_front
from incidents.share_links import share_link
from incidents.testing import Workshop, workshop
from tests.support.axe import violations
from tests.surfaces.test_pages import acknowledge, declare

CHROMIUM = Path("/usr/bin/chromium")
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
PHONE = {"width": 390, "height": 844}
WIDE = {"width": 1280, "height": 900}

pytestmark = pytest.mark.browser

if not CHROMIUM.exists():
    if os.environ.get("CI") == "true":
        raise RuntimeError(f"the browser tests must run here, but there is no {CHROMIUM}: apt-get install chromium")
    pytest.skip(f"no {CHROMIUM}: apt-get install chromium", allow_module_level=True)

playwright = pytest.importorskip("playwright.sync_api", reason="no playwright: pip install -e '.[test]'")


@dataclass
class House:
    """A served workshop with something in every state."""

    shop: Workshop
    url: str
    real: str
    drill: str
    long: str
    share: str

    def secret(self, person: str, role: str) -> str:
        return self.shop.secret(f"{person}-{role}", role, person=person)


def furnish(shop: Workshop) -> tuple[str, str, str]:
    """A real incident with something of everything, a drill, and one with a long timeline."""
    names = [f"edge-{n:03d}" for n in range(40)] + ["a-gateway-with-" + "a-very-" * 5 + "long-name"]
    for name in names:
        shop.point(name)
    acknowledge(shop, *names)
    drill = declare(shop, "jailbreak-in-the-wild", kind="drill", parameters={"model": "orion-2"})
    acknowledge(shop, *names)
    shop.service.cycle()
    shop.clock.advance(700)
    real = declare(shop, title="W" * 90, summary="x" * 300)
    acknowledge(shop, *names[3:])
    worked(shop, real)
    long = declare(shop, "break-glass", parameters={"capability": "vega-1:fine-tuning"}, title="A long one")
    for n in range(130):
        shop.service.operations.note(shop.person("grace", "commander"), long, f"line {n:03d} of many")
    return real, drill, long


def worked(shop: Workshop, id: str) -> None:
    ops, linus, ada = shop.service.operations, shop.person("linus", "responder"), shop.person("ada", "admin")
    first = ops.note(linus, id, "Seen **first** at `edge-007`.", "2026-11-23T11:50:00Z").body["seq"]
    ops.correct(linus, id, first, at="2026-11-23T11:40:00Z", reason="an older log was found")
    ops.pin(ada, id, first, True)
    ops.redact(ada, id, ops.note(linus, id, "a pasted secret").body["seq"], "customer data")
    ops.note(linus, id, "for members", restricted=True)
    ops.role(ada, id, "commander", "take")
    ops.role(ada, id, "comms", "assign", person="grace")
    ops.post_update(ada, id, "Acme is dark.", rfc3339(shop.clock.now().replace(hour=20)))
    ops.settle_task(ada, id, 1, "done", "all there")
    ops.ask_restore(ada, id, [], "The key was rotated.")


def handed_out(shop: Workshop, id: str) -> str:
    """The path of a link to it."""
    made = shop.service.operations.share(shop.person("ada", "admin"), id).body
    url = share_link(shop.service, id, made["share"], parse_rfc3339(made["expires_at"]))
    return url.removeprefix(shop.service.settings.url)


@contextlib.contextmanager
def served(shop: Workshop) -> Iterator[str]:
    """The workshop behind the real front; gives its address."""
    listening = socket.create_server(("127.0.0.1", 0))
    started = threading.Event()
    config = uvicorn.Config(
        build_front(shop.service), log_level="warning", access_log=False, lifespan="on", timeout_graceful_shutdown=2
    )
    server = Server(config, config.app, started.set)  # type: ignore[arg-type]
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
    shop.service.start()
    thread.start()
    assert started.wait(10)
    yield f"http://127.0.0.1:{listening.getsockname()[1]}"
    server.handle_exit(signal.SIGTERM, None)
    thread.join(10)
    shop.service.stop()
    listening.close()


@pytest.fixture(scope="module")
def house() -> Iterator[House]:
    shop = workshop()
    real, drill, long = furnish(shop)
    share = handed_out(shop, real)
    with served(shop) as url:
        yield House(shop, url, real, drill, long, share)


@pytest.fixture
def quiet_house() -> Iterator[House]:
    """Nothing is held but what the test holds."""
    shop = workshop()
    with served(shop) as url:
        yield House(shop, url, "", "", "", "")


@pytest.fixture(scope="module")
def browser() -> Iterator[playwright.Browser]:
    with playwright.sync_playwright() as started:
        made = started.chromium.launch(executable_path=str(CHROMIUM), args=ARGUMENTS)
        yield made
        made.close()


class Seen:
    """One person at one browser; complaints of the browser are collected."""

    def __init__(self, house: House, browser: playwright.Browser, secret: str, **context: object) -> None:
        self.context = browser.new_context(base_url=house.url, timezone_id="Europe/Paris", **context)
        self.page = self.context.new_page()
        self.page.set_default_timeout(8000)
        self.complaints: list[str] = []
        self.page.on("console", lambda said: self.complaints.append(said.text) if said.type == "error" else None)
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.goto("/login")
        self.page.fill("#token", secret)
        self.page.click("main button")
        self.page.wait_for_url("**/")


@pytest.fixture
def linus(house: House, browser: playwright.Browser) -> Iterator[Seen]:
    seen = Seen(house, browser, house.secret("linus", "responder"), viewport=WIDE)
    yield seen
    seen.context.close()


def pages_of(house: House) -> list[str]:
    return [
        "/",
        "/incidents",
        "/incidents?q=www+key+partner&severity=sev2",
        "/incidents?status=nothing-like-it",
        f"/incidents/{house.real}",
        f"/incidents/{house.drill}",
        f"/incidents/{house.long}?q=many&page=2",
        f"/incidents/{house.real}?q=nothing+like+this",
        house.share,
        "/share/nothing.at-all",
        f"/incidents/{house.real}/review",
        f"/incidents/{house.real}/clocks",
        f"/incidents/{house.drill}/clocks",
        "/clocks",
        "/clocks?state=all",
        f"/clocks/{house.real}.gdpr-art33.notify-authority",
        "/regimes",
        "/regimes/eu-dora-art19",
        "/declare",
        "/declare?playbook=partner-credential-abuse",
        "/kill",
        "/points",
        "/capabilities",
        "/capabilities/orion-2:tool-use",
        "/models/orion-2",
        "/playbooks",
        "/playbooks/jailbreak-in-the-wild",
        "/runbooks",
        "/runbooks/confirm-containment",
        "/drills",
        "/drills/start",
        f"/drills/{house.drill}",
        "/insights",
        "/messages",
        f"/notices/{house.real}-N1",
        "/link?x=nothing",  # refused, as a page
        "/no-such-page",
    ]


def test_every_page_there_is_is_looked_at(house: House) -> None:
    """
    A new page that nobody adds to the list would be checked by nobody.
    """
    application = create_app(service=house.shop.service)
    paths = [path.partition("?")[0] for path in pages_of(house)]
    missing = []
    for rule in application.url_map.iter_rules():
        pattern = re.sub(r"<[^>]+>", "[^/]+", rule.rule)
        file = rule.endpoint == "pages.static" or re.search(r"(\.(ics|md|<written>)|/export)$", rule.rule)
        if not rule.endpoint.startswith("pages.") or "GET" not in (rule.methods or ()) or file:
            continue
        if rule.rule != "/login" and not any(re.fullmatch(pattern, path) for path in paths):
            missing.append(rule.rule)
    assert missing == []


@dataclass
class Look:
    """Every page as one kind of screen shows it, with all that is folded opened."""

    broken: dict[str, list[str]]
    too_wide: dict[str, int]
    tall_bars: dict[str, int]
    complaints: list[str]


@pytest.fixture(scope="module", params=[(PHONE, "dark"), (WIDE, "light")], ids=["phone-dark", "wide-light"])
def look(request: pytest.FixtureRequest, house: House, browser: playwright.Browser) -> Look:
    """Both sizes and both schemes, each page opened once: a browser is what costs here."""
    size, scheme = request.param
    seen = Seen(house, browser, house.secret("ada", "admin"), viewport=size, color_scheme=scheme)
    found = Look({}, {}, {}, seen.complaints)
    for path in [*pages_of(house), "/login"]:
        if path == "/login":
            seen.context.clear_cookies()
        seen.page.goto(path)
        seen.page.evaluate("document.querySelectorAll('details').forEach(d => d.open = true)")
        page = "document.documentElement"
        if wide := max(0, seen.page.evaluate(f"{page}.scrollWidth - {page}.clientWidth")):
            found.too_wide[path] = wide
        bar = seen.page.evaluate("document.querySelector('header.bar')?.offsetHeight || 0")
        if size == WIDE and bar > 64:
            found.tall_bars[path] = bar
        if broken := violations(seen.page):
            found.broken[path] = broken
    seen.context.close()
    return found


def test_no_page_breaks_a_rule_of_accessibility(look: Look) -> None:
    """
    Whoever can't see the colours, or sees nothing, works the incident too.
    """
    assert look.broken == {}


def test_no_page_scrolls_sideways(look: Look) -> None:
    """
    At 3 a.m. on a phone, everything has to be on the screen; on a laptop the frame is one row.
    """
    assert look.too_wide == {}
    assert look.tall_bars == {}


def test_no_page_complains(look: Look) -> None:
    """
    A script error would leave the page silently old.
    """
    assert [said for said in look.complaints if not re.search("status of (403|404|422)", said)] == []


def test_person_declares_through_the_preview_and_sees_it_contained(house: House, linus: Seen) -> None:
    """
    The whole way, as a person walks it: choose, fill in, read, press, watch the points confirm without reloading.
    """
    page = linus.page
    page.click("main >> a:has-text('Declare an incident')")
    page.click("main >> a:has-text('credentials are abused')")
    page.fill("#p-partner", "globex")
    page.click("button:has-text('Preview what it would do')")
    assert "nothing has happened yet" in page.inner_text("main").lower()
    page.click("button:has-text('Declare now')")
    page.wait_for_url(re.compile(r"/incidents/INC-2026-\d{4}"))
    assert "NOT YET" in page.inner_text("#contained").upper()
    page.wait_for_selector("#live[data-state=live]")
    page.click("summary:has-text('Write a note')")
    page.fill("#note-text", "half a sent")
    names = [row["name"] for row in house.shop.service.operations.points_overview(house.shop.person("ada", "admin"))]
    acknowledge(house.shop, *names)
    page.wait_for_selector("#contained:has-text('Yes, proven')")
    assert page.input_value("#note-text") == "half a sent"
    assert page.evaluate("document.activeElement.id") == "note-text"
    page.keyboard.type("ence")
    page.click("button:has-text('Add the note')")
    page.wait_for_selector(".note:has-text('half a sentence')")
    assert linus.complaints == []


def test_board_of_a_watcher_follows_without_reloading(house: House, browser: playwright.Browser) -> None:
    """
    The screen on the wall must show a new incident by itself.
    """
    seen = Seen(house, browser, house.shop.secret("wall", "viewer"), viewport=WIDE)
    seen.page.wait_for_selector("#live[data-state=live]")
    declare(house.shop, "break-glass", parameters={"capability": "vega-1:browsing"}, title="Pages inject instructions")
    seen.page.wait_for_selector("h3:has-text('Pages inject instructions')")
    seen.context.close()


def test_page_that_hears_nothing_says_how_old_it_is(house: House, browser: playwright.Browser) -> None:
    """
    A page that has stopped following must never look as if it were live.
    """
    seen = Seen(house, browser, house.shop.secret("wall", "viewer"), viewport=PHONE)
    seen.page.route("**/live", lambda route: route.fulfill(status=503, body=""))
    seen.page.goto("/points")
    seen.page.wait_for_selector("#live[data-state=offline]")
    assert re.fullmatch(r"offline, as of \d\d:\d\d:\d\d", seen.page.inner_text("#live"))
    seen.page.route("**/live", lambda route: route.abort())
    seen.page.goto("/points")
    seen.page.wait_for_selector("#live[data-state=reconnecting]")
    assert seen.page.inner_text("#live") == "reconnecting"
    seen.context.close()


def test_times_stand_in_the_readers_own_zone_too(house: House, linus: Seen) -> None:
    """
    The record is UTC; the person who is woken thinks in local time.
    """
    linus.page.goto(f"/incidents/{house.real}")
    assert "12:40 here" in linus.page.inner_text("ol.log")
    assert "11:40:00 UTC" in linus.page.inner_text("ol.log")


def test_times_of_an_older_day_keep_clear_of_their_dots(house: House, linus: Seen) -> None:
    """
    From midnight on each line of an incident has its day before its time, and it still reads.
    """
    linus.page.goto(f"/incidents/{house.real}")
    for said in ("25 Nov 23:52:06 UTC", "25 Nov 2025 23:52:06 UTC"):
        touching = linus.page.evaluate(
            """said => [...document.querySelectorAll("ol.log > li")].map(line => {
                const [time, dot] = [line.querySelector(":scope > time"), line.querySelector(":scope > .dot")];
                time.textContent = said;
                const words = document.createRange();
                words.selectNodeContents(time);
                return words.getBoundingClientRect().right > dot.getBoundingClientRect().left;
            })""",
            said,
        )
        assert len(touching) > 3
        assert not any(touching)


@pytest.mark.parametrize(("size", "shown", "other"), [(WIDE, "wide", "slim"), (PHONE, "slim", "wide")])
def test_labels_of_the_picture_neither_touch_nor_leave_it(
    house: House, browser: playwright.Browser, size: dict[str, int], shown: str, other: str
) -> None:
    """
    The widths that the server reckons with must be wide enough for the fonts that there are.
    """
    seen = Seen(house, browser, house.secret("linus", "responder"), viewport=size)
    for id in (house.real, house.drill):
        seen.page.goto(f"/incidents/{id}")
        assert not seen.page.is_visible(f"svg.lanes.{other}")
        boxes = seen.page.eval_on_selector_all(
            f"svg.lanes.{shown} text",
            "found => found.map(t => { const b = t.getBBox(); return [b.x, b.y, b.x + b.width, b.y + b.height] })",
        )
        view = (seen.page.get_attribute(f"svg.lanes.{shown}", "viewBox") or "").split()
        width, height = float(view[2]), float(view[3])
        assert len(boxes) > 6
        for n, (left, top, right, bottom) in enumerate(boxes):
            assert left >= 0
            assert right <= width
            assert top >= 0
            assert bottom <= height
            for a, b, c, d in boxes[n + 1 :]:
                assert right <= a or c <= left or bottom - 2 <= b or d - 2 <= top
    seen.context.close()


def test_change_elsewhere_leaves_what_a_person_is_doing_alone(house: House, linus: Seen) -> None:
    """
    A note that comes in must not close a list, move the line that is read, or take the caret out of a field.
    """
    page = linus.page
    page.goto(f"/incidents/{house.long}")
    page.wait_for_selector("#live[data-state=live]")
    page.fill("#f-q", "half a wo")
    page.click("summary:has-text('Write a note')")
    page.fill("#note-text", "half a sent")
    page.evaluate("document.querySelector('[data-part=points]').mine = true")
    line = f"document.getElementById('line-{_seq(house, 'line 100 of many')}')"
    page.evaluate(f"{line}.scrollIntoView()")
    before = page.evaluate(f"{line}.getBoundingClientRect().top")
    for n in range(3):
        house.shop.service.operations.note(house.shop.person("ada", "admin"), house.long, f"something new {n}")
    page.wait_for_selector(".note:has-text('something new 2')")
    after = page.evaluate(f"{line}.getBoundingClientRect().top")
    assert abs(after - before) <= 2
    assert page.input_value("#f-q") == "half a wo"
    assert page.input_value("#note-text") == "half a sent"
    assert page.evaluate("document.activeElement.id") == "note-text"
    assert page.evaluate("document.querySelector('[data-part=points]').mine")
    page.keyboard.type("ence")
    assert page.input_value("#note-text") == "half a sentence"
    assert linus.complaints == []


def _seq(house: House, text: str) -> int:
    rows = house.shop.service.operations.timeline(house.shop.person("ada", "admin"), house.long)
    return next(row.seq for row in rows if row.text == text)


def test_what_changes_in_the_answers_is_spoken(house: House, linus: Seen) -> None:
    """
    Who listens to the page must hear of it as soon as who looks at it.
    """
    page = linus.page
    page.goto(f"/incidents/{house.long}")
    page.wait_for_selector("#live[data-state=live]")
    house.shop.service.operations.role(house.shop.person("grace", "commander"), house.long, "commander", "take")
    page.wait_for_selector("#announce:has-text('Next decision')", state="attached")
    assert page.get_attribute("#announce", "role") == "status"


def test_timeline_is_filtered_and_paged_without_a_script(house: House, browser: playwright.Browser) -> None:
    """
    The list is the whole truth, so it must not hang on a script.
    """
    seen = Seen(house, browser, house.secret("linus", "responder"), viewport=PHONE, java_script_enabled=False)
    page = seen.page
    page.goto(f"/incidents/{house.long}")
    page.fill("#f-q", "of many")
    page.click(".sift button")
    assert "Lines 1 to 50 of 130 found" in page.inner_text(".counted")
    page.click("nav.pages a[rel=next]")
    assert "Lines 51 to 100 of 130 found" in page.inner_text(".counted")
    assert page.input_value("#f-q") == "of many"
    page.click(".sift a:has-text('Clear')")
    page.check("#f-key")
    page.click(".sift button")
    assert "of many" not in page.inner_text("ol.log")
    seen.context.close()


def test_drill_is_named_wherever_one_has_scrolled_to(house: House, linus: Seen) -> None:
    """
    Nobody may take a rehearsal for the real thing, nor the other way round, on any part of the page.
    """
    for id, words in ((house.drill, "DRILL"), (house.real, "REAL INCIDENT")):
        linus.page.goto(f"/incidents/{id}")
        linus.page.evaluate("window.scrollTo(0, document.body.scrollHeight)")
        box = linus.page.locator(".band.kind").bounding_box()
        assert box is not None
        assert 0 <= box["y"] <= 2
        assert words in linus.page.inner_text(".band.kind").upper()


def test_link_is_made_copied_and_followed_by_somebody_without_a_session(
    house: House, browser: playwright.Browser
) -> None:
    """
    From the press to the board member's phone.
    """
    seen = Seen(house, browser, house.secret("grace", "commander"), viewport=WIDE)
    seen.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page = seen.page
    page.goto(f"/incidents/{house.long}")
    page.click("summary:has-text('Make a link')")
    page.select_option("#share-for", "1h")
    page.click("button:has-text('Make the link')")
    page.click("button.copy")
    page.wait_for_selector("button.copy:has-text('Copied')")
    url = page.evaluate("navigator.clipboard.readText()")
    path = url.removeprefix(house.shop.service.settings.url)
    assert path.startswith("/share/")
    phone = browser.new_context(base_url=house.url, viewport=PHONE)
    stranger = phone.new_page()
    stranger.clock.install()
    stranger.goto(path)
    assert "A long one" in stranger.inner_text("h1")
    assert stranger.locator("form[method=post], header.bar, a[href^='/incidents']").count() == 0
    house.shop.service.operations.note(house.shop.person("ada", "admin"), house.long, "for those who wait")
    stranger.clock.fast_forward(31_000)
    stranger.wait_for_selector(".note:has-text('for those who wait')")
    page.click(".shared button:has-text('Revoke')")
    page.wait_for_selector(".said:has-text('Revoked')")
    stranger.clock.fast_forward(31_000)
    stranger.wait_for_selector("h1:has-text('This link shows nothing')")
    phone.close()
    seen.context.close()


def test_page_prints_what_matters_and_nothing_to_press(house: House, linus: Seen, tmp_path: Path) -> None:
    """
    The regulator's copy is paper: the answers, everything that was folded, and no buttons.
    """
    page = linus.page
    page.goto(f"/incidents/{house.real}")
    page.wait_for_selector("#live[data-state=live]")
    folded = page.locator("#points-confirmed li").last
    assert not folded.is_visible()
    page.emulate_media(media="print")
    for gone in ("nav[aria-label=Main]", ".sift", "summary.button", ".jump", "button", "#live"):
        assert page.locator(f"{gone} >> visible=true").count() == 0, gone
    for there in (".band.kind", "h1", "#contained", "#dark", "svg.lanes.wide", "table.exposure", "ol.log"):
        assert page.locator(there).first.is_visible(), there
    assert page.evaluate("document.getElementById('points-confirmed').getBoundingClientRect().height") > 400
    printed = page.pdf(path=str(tmp_path / "page.pdf"), format="A4")
    assert printed.startswith(b"%PDF")
    assert len(re.findall(rb"/Type\s*/Page\b", printed)) > 2
    page.emulate_media(media="screen")


def test_person_without_a_script_can_kill(house: House, browser: playwright.Browser) -> None:
    """
    A locked-down browser must not stand between a person and the switch.
    """
    seen = Seen(house, browser, house.secret("linus", "responder"), viewport=PHONE, java_script_enabled=False)
    seen.page.click("header >> a:has-text('Kill')")
    seen.page.check("input[value=model]")
    seen.page.fill("#name", "vega-1")
    seen.page.fill("#reason", "it answers what it must not")
    seen.page.click("button:has-text('Kill it now')")
    seen.page.wait_for_url("**/incidents/INC-*")
    assert "vega-1 halted" in seen.page.inner_text("main")
    seen.context.close()


def test_person_without_a_script_finds_a_note_and_the_line_it_stands_in(
    house: House, browser: playwright.Browser
) -> None:
    """
    Somebody remembers two words of a note: from the board to the line itself, with what matched marked.
    """
    seen = Seen(house, browser, house.secret("linus", "responder"), viewport=PHONE, java_script_enabled=False)
    page = seen.page
    page.fill("#find", "seen EDGE-007")
    page.click("form.finder >> button:has-text('Search')")
    page.wait_for_url("**/incidents?q=seen+EDGE-007")
    assert page.locator("ol.found > li").count() == 1
    assert page.locator(".hits mark").all_inner_texts() == ["Seen", "edge-007"]
    page.select_option("#f-kind", "drill")
    page.click("form.finder >> button:has-text('Search')")
    assert "No incident has all of this with these filters." in page.inner_text("main")
    assert page.input_value("#find") == "seen EDGE-007"
    page.go_back()
    page.click(".hits a:has-text('Note')")
    page.wait_for_url(re.compile(rf"/incidents/{house.real}\?line=(\d+)#line-\1$"))
    assert "Seen first at edge-007." in page.inner_text("li:target")
    seen.context.close()


def test_keyboard_reaches_the_page_first_and_focus_is_seen(house: House, linus: Seen) -> None:
    """
    Who works by keyboard must get past the navigation and see where they are.
    """
    linus.page.goto("/points")
    linus.page.keyboard.press("Tab")
    assert linus.page.evaluate("document.activeElement.textContent") == "Skip to the page"
    linus.page.keyboard.press("Enter")
    linus.page.keyboard.press("Tab")
    assert linus.page.evaluate("document.getElementById('main').contains(document.activeElement)")
    assert linus.page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"


def test_one_partner_comes_back_first_and_a_responder_stops_it(quiet_house: House, browser: playwright.Browser) -> None:
    """
    Ask as one person, tick and approve as another, watch the first partner come back, stop it as a third, by phone.
    """
    house = quiet_house
    id = declare(house.shop, "break-glass", parameters={"capability": "orion-2:tool-use"})
    live = house.shop.service.desk
    asker = Seen(house, browser, house.secret("ada", "admin"), viewport=WIDE)
    asker.page.goto(f"/incidents/{id}")
    asker.page.select_option("#ask-canary", "globex")
    asker.page.select_option("#ask-soak", "2h")
    asker.page.fill("#ask-reason", "evaluated on prompts that the fix has not seen")
    asker.page.click("button:has-text('Ask for this restore')")
    asker.page.wait_for_selector("#way-back:has-text('Another person approves it')")

    second = Seen(house, browser, house.secret("grace", "commander"), viewport=PHONE, java_script_enabled=False)
    second.page.goto(f"/incidents/{id}")
    assert "globex first" in second.page.inner_text("#way-back")
    second.page.check("input[name=checks]")
    second.page.click("button:has-text('Approve this plan')")
    assert "due in 2 h" in second.page.inner_text("#way-back ol.steps")
    assert live.snapshot.live["flag:orion-2:tool-use"]["for"] == {"globex": {}}

    asker.page.wait_for_selector("#way-back .request.running")
    third = Seen(house, browser, house.secret("linus", "responder"), viewport=PHONE, color_scheme="dark")
    third.page.goto(f"/incidents/{id}")
    third.page.wait_for_selector("#live[data-state=live]")
    third.page.fill(f"#stop-{id}-R1", "globex is abused")
    house.shop.clock.advance(3600)
    house.shop.service.operations.note(house.shop.person("grace", "commander"), id, "an hour of quiet")
    third.page.wait_for_selector("#way-back ol.steps:has-text('due in 1 h')")
    assert third.page.input_value(f"#stop-{id}-R1") == "globex is abused"
    third.page.click("#way-back button:has-text('Stop')")
    third.page.wait_for_selector(".said.ok:has-text('what was given back is held again')")
    assert "for" not in live.snapshot.live["flag:orion-2:tool-use"]
    asker.page.wait_for_selector("#way-back .request.stopped")
    for seen in (asker, second, third):
        assert seen.complaints == []
        seen.context.close()
