"""
The incident's page: the answers on top in every state, the lines with all that was done to them, and what is folded.
"""

from __future__ import annotations

import json
import re

import pytest
from flask.testing import FlaskClient

from incidents.clock import rfc3339
from incidents.enforcement.usage import window_start
from incidents.testing import Workshop, workshop
from tests.support.acting import change_catalog, lived, restored
from tests.surfaces.test_pages import acknowledge, ada, declare, words


def page(http: FlaskClient, shop: Workshop, id: str, query: str = "", *, name: str = "") -> str:
    """As Ada, or as the person of that name with a responder's token, or a viewer's."""
    role = "viewer" if name == "eve" else "responder"
    headers = (
        shop.headers(shop.secret(f"{name}-{role}", role, person=name if name != "eve" else None)) if name else ada(shop)
    )
    answer = http.get(f"/incidents/{id}{query}", headers=headers)
    assert answer.status_code == 200
    return answer.text


def card(text: str, part: str) -> str:
    """The words of one part of the page."""
    inside = text.split(f'data-part="{part}"')[1].split("data-part=")[0]
    return words(f"<main {inside}")


# --- the answers ------------------------------------------------------------------------------------------------------


def test_severity_is_said_with_its_meaning_and_since_when(http: FlaskClient, shop: Workshop) -> None:
    """
    "SEV 1" alone means something else in every house.
    """
    id = declare(shop)
    shop.clock.advance(600)
    shop.service.operations.set_severity(shop.person("ada", "admin"), id, "sev1", "it is worse")
    said = card(page(http, shop, id), "facts")
    assert "SEV 1, Critical since 12:10:00 UTC" in said
    assert "a safeguard that everybody relies on is gone" in said


def test_nobody_commands_until_somebody_does(http: FlaskClient, shop: Workshop) -> None:
    """
    The most dangerous state of an incident has no name in it.
    """
    id = declare(shop)
    operations, boss = shop.service.operations, shop.person("ada", "admin")
    assert "Nobody commands" in card(page(http, shop, id), "facts")
    operations.role(boss, id, "commander", "assign", person="grace")
    said = card(page(http, shop, id), "facts")
    assert "offered to Grace Lim, who has not accepted yet" in said
    assert "Accept command, offered by ada?" in words(page(http, shop, id))
    operations.role(shop.person("grace", "commander"), id, "commander", "take")
    assert "Grace Lim since" in card(page(http, shop, id), "facts")


def test_people_can_be_reached_and_addresses_are_for_responders(http: FlaskClient, shop: Workshop) -> None:
    """
    At 3 a.m. the name is not enough; and a viewer's token must not be a list of addresses.
    """
    id = declare(shop)
    shop.service.operations.role(shop.person("ada", "admin"), id, "commander", "take")
    for name, reads in (("linus", True), ("eve", False)):
        text = page(http, shop, id, name=name)
        assert ('href="mailto:ada@example.com"' in text) is reads
        assert "U01ADAADA" in text


def test_next_update_is_due_overdue_or_not_promised(http: FlaskClient, shop: Workshop) -> None:
    """
    Whoever waits to hear has to know until when.
    """
    id = declare(shop)
    text = page(http, shop, id)
    assert "in 30 min" in card(text, "facts")
    assert "none was posted yet" in card(text, "facts")
    ada_ = shop.person("ada", "admin")
    shop.service.operations.post_update(ada_, id, "all quiet", rfc3339(shop.clock.now().replace(hour=13)))
    assert "in 1 h" in card(page(http, shop, id), "facts")
    shop.clock.advance(3900)
    assert "over by 5 min" in card(page(http, shop, id), "facts")


def test_deadline_that_runs_next_is_an_open_one(http: FlaskClient, shop: Workshop) -> None:
    """
    What is done must not count down.
    """
    id = declare(shop)
    said = card(page(http, shop, id), "answers")
    assert "in 5 min See that every enforcement point has confirmed (commander)" in said
    operations, boss = shop.service.operations, shop.person("ada", "admin")
    operations.settle_task(boss, id, 1, "done")
    operations.change_task(boss, id, 2, owner="linus")
    said = card(page(http, shop, id), "answers")
    assert "in 15 min End what already runs on the old credentials (Linus Berg)" in said
    shop.clock.advance(1000)
    assert "Past its time: End what already runs on the old credentials" in card(page(http, shop, id), "answers")


def test_who_was_dark_is_told_with_how_long(http: FlaskClient, shop: Workshop) -> None:
    """
    Over is not forgotten: the partner will ask for how long.
    """
    id = declare(shop)
    shop.clock.advance(5400)
    assert "Acme Security on 4 capabilities for 1 h 30 min" in card(page(http, shop, id), "answers")
    restored(shop, id)
    said = card(page(http, shop, id), "answers")
    assert "Nobody" in said
    assert "Was dark, allowed again: Acme Security (1 h 30 min)" in said


def test_cost_of_keeping_somebody_out_is_told_where_gateways_have_counted(http: FlaskClient, shop: Workshop) -> None:
    """
    "Who pays for this" is the next question of whoever decides how long it stays off.
    """
    id, now = declare(shop), shop.clock.now()
    assert "refused" not in card(page(http, shop, id), "answers")
    for per, count in (("day", 40), ("refused", 30)):
        row = {"partner": "acme", "flag": "orion-2:tool-use", "per": per, "count": count}
        shop.service.usage.report("edge/1", [row | {"window_start": window_start(now, per)}], now)
    text = page(http, shop, id)
    assert "30 requests refused since, 40 let in earlier that day." in card(text, "answers")
    assert "30 requests refused" in card(text, "exposure")


def test_two_holds_on_one_model_are_one_model(http: FlaskClient, shop: Workshop) -> None:
    """
    Rolled back and halted is one model that is dark.
    """
    id = declare(shop, "jailbreak-in-the-wild", parameters={"model": "orion-2"})
    shop.service.operations.validate(shop.person("ada", "admin"), id, 4)
    assert "Who is dark 1 model Acme" in card(page(http, shop, id), "answers")


def test_incident_without_a_summary_is_summed_up_from_facts(http: FlaskClient, shop: Workshop) -> None:
    """
    One plain sentence, also when nobody had time to write it.
    """
    id = declare(shop)
    said = card(page(http, shop, id), "head")
    assert (
        "Linus Berg declared an incident with the playbook “A partner&#39;s credentials are abused”: acme revoked."
        in said
    )
    assert "It is summed up." in card(
        page(http, shop, declare(shop, separate=True, summary="It is summed up.")), "head"
    )


def test_probes_have_their_place_and_none_is_claimed(http: FlaskClient, shop: Workshop) -> None:
    """
    What a point says of itself is not yet proof from outside.
    """
    assert "Probes through gateways: none yet." in card(page(http, shop, declare(shop)), "answers")


@pytest.mark.parametrize("step", ["contained", "met", "resolved", "reviewed", "closed"])
def test_every_step_of_its_life_can_be_shown(http: FlaskClient, shop: Workshop, step: str) -> None:
    """
    The page is read longest when everything is over.
    """
    id = lived(shop, step)
    said = card(page(http, shop, id), "facts")
    at_least = {"met": "contained"}.get(step, step)
    assert re.search(rf"{at_least} \d\d:\d\d:\d\d UTC", said)
    assert "no-such" not in said


def test_false_alarm_and_merged_are_said(http: FlaskClient, shop: Workshop) -> None:
    """
    An end that is none of the steps must not look like an open incident.
    """
    boss = shop.person("ada", "admin")
    id, other = declare(shop), declare(shop, separate=True)
    shop.service.operations.move(boss, id, "merged", reason="the same", into=other)
    text = page(http, shop, id)
    assert "It was merged into" in words(text)
    assert f'href="/incidents/{other}"' in text
    shop.service.operations.move(boss, other, "false-alarm", reason="a test key")
    assert "false-alarm" in card(page(http, shop, other), "facts")
    assert "Give back what is held? It is over, and an end lifts nothing." in words(page(http, shop, other))
    restored(shop, other)
    assert "Nothing to decide" in words(page(http, shop, other))


def test_redacted_title_leaves_the_playbooks(http: FlaskClient, shop: Workshop) -> None:
    """
    A page without a heading has lost its subject.
    """
    id = declare(shop, title="secret words", summary="secret words")
    boss = shop.person("ada", "admin")
    first = shop.service.operations.timeline(boss, id)[0]
    shop.service.operations.redact(boss, id, first.seq, "it named a person")
    text = page(http, shop, id)
    assert "A partner&#39;s credentials are abused (title redacted)</h1>" in text
    assert "secret words" not in text


# --- before and now ---------------------------------------------------------------------------------------------------


def test_before_stays_exact_after_the_catalog_has_changed(http: FlaskClient, shop: Workshop) -> None:
    """
    "Before" is that night, not today.
    """
    id = declare(shop, "jailbreak-in-the-wild", parameters={"model": "orion-2"})
    change_catalog(shop, lambda catalog: catalog["models"]["orion-2"].update(stage="general"))
    said = card(page(http, shop, id), "exposure")
    assert "orion-2: stage trusted-partner → red-team" in said
    assert (
        "Globex Research admitted from trusted-partner tool-use allowed the model's stage does not admit"
        in said.replace("&#39;", "'")
    )
    assert "later changes of the catalog don't touch it" in said.replace("&#39;", "'")


def test_three_hundred_partners_fold_with_the_odd_one_on_top(http: FlaskClient) -> None:
    """
    The one that fares differently must not drown among those that fare alike.
    """
    names = [f"partner-{n:03d}" for n in range(300)]
    grants = [{"partner": p, "model": "m-1", "capability": "chat", "terms": "accepted"} for p in names]
    grants[7]["terms"] = "pending"
    catalog = {
        "stages": ["internal", "general"],
        "models": {"m-1": {"title": "M", "stage": "general"}},
        "capabilities": {"chat": {"title": "Chat", "models": ["m-1"]}},
        "partners": {p: {"title": p, "audience": "general"} for p in names},
        "grants": grants,
        "people": {"ada": {"name": "Ada", "roles": ["admin"]}, "linus": {"name": "Linus", "roles": ["responder"]}},
    }
    shop = workshop(catalog=json.dumps(catalog))
    from app import create_app

    client = create_app(service=shop.service).test_client()
    text = page(client, shop, declare(shop, "break-glass", parameters={"model": "m-1"}))
    table = text.split('data-part="exposure"')[1].split("</section>")[0]
    top, _, folded = table.partition("<summary>299 partners</summary>")
    assert re.findall(r"partner-\d{3}", top) == ["partner-007"]
    assert len(re.findall(r"partner-\d{3}", folded)) == 299
    assert "299 partners lost access" in card(text, "answers")
    shop.service.stop()


# --- the lines --------------------------------------------------------------------------------------------------------


def test_corrected_line_shows_what_it_said_who_corrected_it_and_why(http: FlaskClient, shop: Workshop) -> None:
    """
    Struck, never erased.
    """
    id = declare(shop)
    operations, linus = shop.service.operations, shop.person("linus", "responder")
    seq = operations.note(linus, id, "first misuse", "2026-11-23T11:52:00Z").body["seq"]
    operations.correct(linus, id, seq, at="2026-11-23T11:40:00Z", text="first *known* misuse", reason="an older log")
    line = page(http, shop, id).split(f'id="line-{seq}"')[1].split("</li>")[0]
    assert 'datetime="2026-11-23T11:40:00.000Z"' in line.split("<del>")[0]
    assert "<em>known</em>" in line
    assert re.search(r'<del><time datetime="2026-11-23T11:52:00.000Z"', line)
    assert '<del class="lines">first misuse</del>' in line
    assert "Corrected by Linus Berg" in line
    assert "an older log" in line


def test_redacted_restricted_and_pinned_lines_say_that_they_are(http: FlaskClient, shop: Workshop) -> None:
    """
    A gap without a word looks like a fault or a lie.
    """
    id = declare(shop)
    operations, boss = shop.service.operations, shop.person("ada", "admin")
    linus = shop.person("linus", "responder")
    gone = operations.note(linus, id, "a pasted secret").body["seq"]
    operations.redact(boss, id, gone, "customer data")
    inside = operations.note(linus, id, "for members", restricted=True).body["seq"]
    pinned = operations.note(linus, id, "the partner called").body["seq"]
    operations.pin(boss, id, pinned, True)
    text = page(http, shop, id)

    def line(seq: int, of: str = text) -> str:
        return words("<main " + of.split(f'id="line-{seq}"')[1].split("</li>")[0])

    assert "[redacted]" in line(gone)
    assert "the chain still covers it" in line(gone)
    assert "a pasted secret" not in text
    assert "A note for members of the incident" in line(inside)
    assert "for members members only" not in line(inside)
    assert "members only" in line(inside, page(http, shop, id, name="linus"))
    assert "for members" in line(inside, page(http, shop, id, name="linus"))
    assert "pinned" in line(pinned)
    assert "the partner called" in words(page(http, shop, id, "?key=1"))
    assert "the partner called" in text.split("<svg")[2].split("</svg>")[0]


def test_thousand_lines_come_in_pages_that_links_lead_through(http: FlaskClient, shop: Workshop) -> None:
    """
    Works without a script, and says how much there is.
    """
    id = declare(shop)
    for n in range(120):
        shop.clock.advance(1)
        shop.service.operations.note(shop.person("linus", "responder"), id, f"note {n:03d}")
    address, seen, pages = f"/incidents/{id}", [], 0
    while address:
        text = http.get(address.replace("&amp;", "&"), headers=ada(shop)).text
        seen += re.findall(r"<p>note (\d{3})</p>", text)
        pages += 1
        following = re.search(r'rel="next" href="([^"#]+)', text)
        address = following[1] if following else ""
    assert pages == 3
    assert [int(n) for n in seen] == list(range(119, -1, -1))
    said = words(http.get(f"/incidents/{id}?q=NOTE+077", headers=ada(shop)).text)
    assert re.search(r"Lines 1 to 1 of 1 found, 1[2-9]\d in all", said)


def test_filter_that_finds_nothing_says_so(http: FlaskClient, shop: Workshop) -> None:
    """
    An empty list without a word would look like an empty timeline.
    """
    text = page(http, shop, declare(shop), "?q=%3Cscript%3Enothing")
    assert "No line is like that" in words(text)
    assert 'value="&lt;script&gt;nothing"' in text
    assert ">Clear</a>" in text


def test_events_of_an_incident_are_read_once_for_its_page(
    http: FlaskClient, shop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    The page is asked for again with every change while it burns; reading two thousand lines twice doubles its price.
    """
    id = declare(shop)
    reads = []
    real = shop.service.ledger.incident
    monkeypatch.setattr(shop.service.ledger, "incident", lambda which: reads.append(which) or real(which))
    page(http, shop, id)
    page(http, shop, id, name="eve")
    assert reads == [id]
    shop.service.operations.note(shop.person("linus", "responder"), id, "something new")
    assert "something new" in page(http, shop, id)
    assert reads == [id, id]


def test_words_that_are_redacted_leave_the_memory_of_rendered_notes(http: FlaskClient, shop: Workshop) -> None:
    """
    Gone for good includes what was kept to be quick.
    """
    from incidents.web import words as rendered

    id = declare(shop)
    seq = shop.service.operations.note(shop.person("linus", "responder"), id, "xyzzy").body["seq"]
    page(http, shop, id)
    kept = (rendered._rendered, rendered.plain)
    assert all(each.cache_info().currsize > 0 for each in kept)
    shop.service.operations.redact(shop.person("ada", "admin"), id, seq, "a secret")
    assert all(each.cache_info().currsize == 0 for each in kept)


def test_points_that_confirm_are_still_folded_beside_the_three(http: FlaskClient, shop: Workshop) -> None:
    """
    The card's summary says both numbers.
    """
    names = [f"edge-{n:03d}" for n in range(9)]
    for name in names:
        shop.point(name)
    acknowledge(shop, *names)
    id = declare(shop)
    acknowledge(shop, *names[3:])
    assert "6 confirmed , 3 not" in card(page(http, shop, id), "points")


def test_every_card_is_a_part_that_can_be_renewed(http: FlaskClient, shop: Workshop) -> None:
    """
    The script takes over the parts that have changed; a card outside of every part would stay as it was for good.
    """
    id = lived(shop, "resolved")
    for query in ("", "?key=1"):
        text = page(http, shop, id, query)
        cards = re.findall(r"<section [^>]*>", text)
        assert len(cards) > 8
        assert [tag for tag in cards if "data-part=" not in tag] == []
        parts = re.findall(r'data-part="([^"]+)"', text)
        assert len(parts) == len(set(parts))
