"""
What the pages say, to whom, and that nothing which people typed can run.
"""

from __future__ import annotations

import re

import pytest
from flask.testing import FlaskClient

from incidents.errors import LedgerUnavailable
from incidents.testing import Workshop

HOSTILE = "<img src=x onerror=alert(1)>\"'{{ 1234*5678 }}"


def sign_in(http: FlaskClient, secret: str) -> str:
    """A session for that token; returns the first page."""
    assert http.post("/login", data={"token": secret}).status_code == 303
    return http.get("/").text


def form_token(page: str) -> str:
    found = re.search(r'name="csrf" value="([0-9a-f]+)"', page)
    assert found is not None
    return found[1]


def hidden(page: str, action: str) -> dict[str, str]:
    """The hidden fields of the form with that action."""
    form = page.split(f'action="{action}"')[1].split("</form>")[0]
    return dict(re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)"', form))


def words(page: str) -> str:
    """The page's text without its tags, in one line."""
    return " ".join(re.sub(r"<[^>]+>", " ", page.partition("<main")[2]).split())


def ada(shop: Workshop) -> dict[str, str]:
    return shop.headers(shop.secret("ada-admin", "admin", person="ada"))


def declare(shop: Workshop, playbook: str = "partner-credential-abuse", **more: object) -> str:
    body = {"playbook": playbook, "parameters": {"partner": "acme"}, **more}
    reply = shop.service.operations.declare(shop.person("linus", "responder"), body)
    return str(reply.body["id"])


def acknowledge(shop: Workshop, *names: str) -> None:
    """These points say that they hold the newest revision, and get a lease."""
    service, at, boot = shop.service, shop.clock.now(), shop.clock.boot()
    for name in names:
        service.points.used(name, at=at, copies=True)
        copy = service.points.acknowledge(
            name, "1", service.desk.snapshot.revision, applies=["live", "shadow"], boot=boot, at=at
        )
        service.points.grant(copy, 15, boot)


PAGES = [
    "/",
    "/incidents",
    "/incidents?q=acme&kind=drill",
    "/declare",
    "/declare?playbook=break-glass",
    "/kill",
    "/clocks",
    "/regimes",
    "/regimes/gdpr-art33",
    "/points",
    "/drills",
    "/drills/start?playbook=break-glass",
    "/capabilities",
    "/capabilities/orion-2:tool-use",
    "/models/orion-2",
    "/playbooks",
    "/playbooks/partner-credential-abuse",
    "/runbooks",
    "/runbooks/confirm-containment",
]


@pytest.mark.parametrize("path", PAGES)
def test_every_page_is_closed_against_other_sites(http: FlaskClient, shop: Workshop, path: str) -> None:
    """
    No page may be framed, kept by a proxy, or run a script that is not a file of ours.
    """
    answer = http.get(path, headers=ada(shop))
    assert answer.status_code == 200
    policy = answer.headers["Content-Security-Policy"]
    assert "script-src 'self'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Referrer-Policy"] == "same-origin"
    assert not re.search(r"<script(?! src=)|<style|\son[a-z]+=|\sstyle=", answer.text)


@pytest.mark.parametrize("path", PAGES)
def test_every_link_of_ours_leads_to_a_page(http: FlaskClient, shop: Workshop, path: str) -> None:
    """
    Navigation offers only what exists; a dead end costs minutes at night.
    """
    page = http.get(path, headers=ada(shop)).text
    for href in sorted(set(re.findall(r'href="(/[^"#]*)', page))):
        assert http.get(href.replace("&amp;", "&"), headers=ada(shop), buffered=True).status_code == 200, href


def test_quiet_board_says_that_nothing_is_held(http: FlaskClient, shop: Workshop) -> None:
    """
    Silence must be said, or nobody knows whether the page is broken.
    """
    page = words(http.get("/", headers=ada(shop)).text)
    assert "No incident is open. Nothing is held." in page
    assert "None registered" in page


def test_board_shows_what_is_open_and_who_is_dark(http: FlaskClient, shop: Workshop) -> None:
    """
    The first page answers what is open, who is dark, by which incident, and whether the points are there.
    """
    shop.point("edge-1"), shop.point("edge-2")
    acknowledge(shop, "edge-1")
    id = declare(shop, title="Acme leaks")
    page = http.get("/", headers=ada(shop)).text
    said = words(page)
    assert "1 incident is open" in said
    assert "Acme leaks" in said
    assert "acme revoked" in said
    assert "Not contained yet: 0 of 2 confirmed" in said
    assert "1 of 2 hold a lease" in said
    assert f'href="/incidents/{id}"' in page


def test_drill_stands_apart_and_darkens_nobody(http: FlaskClient, shop: Workshop) -> None:
    """
    Nobody may take a rehearsal for the real thing, nor the other way round.
    """
    id = declare(shop, kind="drill")
    board = http.get("/", headers=ada(shop)).text
    assert "No incident is open. Nothing is held." in words(board)
    assert "Drills and tests: not real" in board
    page = http.get(f"/incidents/{id}", headers=ada(shop)).text
    assert "nobody real is touched" in page
    assert "Who would be dark" in page
    assert "Real incident" not in page
    assert "Real incident" in http.get(f"/incidents/{declare(shop)}", headers=ada(shop)).text


def test_incident_page_answers_before_it_tells(http: FlaskClient, shop: Workshop) -> None:
    """
    Contained, who is dark, next deadline, next decision: in this order, before the long list.
    """
    shop.point("edge-1")
    acknowledge(shop, "edge-1")
    id = declare(shop)
    acknowledge(shop, "edge-1")
    shop.service.cycle()
    said = words(http.get(f"/incidents/{id}", headers=ada(shop)).text)
    places = [
        said.index(q)
        for q in (
            "Contained?",
            "Yes, proven",
            "Who is dark",
            "1 partner",
            "Next deadline",
            "Next decision",
            "What happened",
        )
    ]
    assert places == sorted(places)
    assert "1 of 1 points confirmed in 0 ms" in said
    assert "Acme Security on 4 capabilities for 0 s" in said


def test_pending_containment_names_the_moment_and_the_missing(http: FlaskClient, shop: Workshop) -> None:
    """
    Before the proof is there the page says how many, who is missing, and when the rest denies anyway.
    """
    shop.point("edge-1"), shop.point("edge-2")
    acknowledge(shop, "edge-1", "edge-2")
    id = declare(shop)
    acknowledge(shop, "edge-1")
    page = http.get(f"/incidents/{id}", headers=ada(shop)).text
    assert "Not yet: 1 of 2" in page
    assert "data-until" in page
    assert "edge-2 has not acknowledged yet; may still hold a lease" in words(page)


def test_point_that_lapsed_is_named_after_the_bound(http: FlaskClient, shop: Workshop) -> None:
    """
    A lapsed point denies, yet somebody has to look at it: it stays named.
    """
    shop.point("edge-1"), shop.point("edge-2")
    acknowledge(shop, "edge-1", "edge-2")
    id = declare(shop)
    acknowledge(shop, "edge-1")
    shop.clock.advance(60)
    shop.service.cycle()
    said = words(http.get(f"/incidents/{id}", headers=ada(shop)).text)
    assert "Yes, 1 by lapsing" in said
    assert "edge-2 did not: their leases ran out, so they deny" in said


def test_point_that_does_not_apply_drills_is_not_said_to_deny(http: FlaskClient, shop: Workshop) -> None:
    """
    After a drill it serves as usual; to read "so they deny" there would be a rehearsed mistake.
    """
    shop.point("edge-1")
    id = declare(shop, kind="drill")
    shop.clock.advance(60)
    shop.service.cycle()
    said = words(http.get(f"/incidents/{id}", headers=ada(shop)).text)
    assert "Not proven for 1" in said
    assert "lapsed, denies" not in said
    assert "so they deny" not in said


def test_two_hundred_points_fold_with_the_three_on_top(http: FlaskClient, shop: Workshop) -> None:
    """
    The three that matter must not drown among those that are well.
    """
    names = [f"edge-{n:03d}" for n in range(200)]
    for name in names:
        shop.point(name)
    acknowledge(shop, *names)
    id = declare(shop)
    acknowledge(shop, *names[3:])
    page = http.get(f"/incidents/{id}", headers=ada(shop)).text
    card = page.split('id="points-h"')[1].split("</section>")[0]
    assert "197 confirmed" in card
    top, _, folded = card.partition('<details id="points-confirmed">')
    assert [n for n in names if n in top] == names[:3]
    assert len(re.findall(r"edge-\d{3}", folded)) == 197 + 1  # the slowest is named in the summary too


def test_nothing_that_people_typed_can_run(http: FlaskClient, shop: Workshop) -> None:
    """
    Titles, notes, reasons and parameters come from anybody with a responder's token, and from logs they paste.
    """
    id = declare(shop, title=HOSTILE, summary=HOSTILE)
    linus, boss = shop.person("linus", "responder"), shop.person("ada", "admin")
    shop.service.operations.note(linus, id, f"{HOSTILE}\n\n[x](javascript:alert(1))\n\n<script>alert(2)</script>")
    shop.service.operations.ask_restore(boss, id, [1], HOSTILE)
    for path in (
        "/",
        f"/incidents/{id}",
        f"/kill?name={HOSTILE}",
        f"/declare?playbook=break-glass&p:partner={HOSTILE}",
    ):
        page = http.get(path, headers=ada(shop)).text
        assert "<img src=x" not in page
        assert "<script>alert" not in page
        assert not re.search(r'(href|src)="(?!/|#|https?:|mailto:[\w.%]+@[\w.]+")', page)
    assert "&lt;img src=x onerror=alert(1)&gt;&#34;&#39;{{ 1234*5678 }}" in http.get("/", headers=ada(shop)).text


def test_late_note_stands_where_it_happened_and_says_so(http: FlaskClient, shop: Workshop) -> None:
    """
    What was learnt later belongs where it happened, and the reader must see that it was not known then.
    """
    id = declare(shop)
    shop.clock.advance(600)
    page = http.get(
        f"/incidents/{id}", headers=shop.headers(shop.secret("linus-responder", "responder", person="linus"))
    ).text
    assert "late entry" not in page
    shop.service.operations.note(shop.person("linus", "responder"), id, "first misuse", "2026-11-23T11:40:00Z")
    page = http.get(f"/incidents/{id}", headers=ada(shop)).text
    assert page.index("Declared sev2") < page.index("first misuse</p>") < page.index("late entry")


def test_note_is_added_by_the_form_and_refused_with_its_words_kept(http: FlaskClient, shop: Workshop) -> None:
    """
    A refused note must come back filled in, with the reason beside it.
    """
    id = declare(shop)
    sign_in(http, shop.secret("linus-responder", "responder", person="linus"))
    fields = hidden(http.get(f"/incidents/{id}").text, f"/incidents/{id}/notes")
    answer = http.post(f"/incidents/{id}/notes", data=fields | {"text": "a careful text", "at": "tomorrow"})
    assert answer.status_code == 422
    assert "a careful text</textarea>" in answer.text
    assert "is not a time" in answer.text
    answer = http.post(f"/incidents/{id}/notes", data=fields | {"text": "a careful text", "at": "11:58"})
    assert answer.status_code == 303
    page = http.get(answer.headers["Location"].partition("#")[0]).text
    assert "a careful text" in page
    assert 'datetime="2026-11-23T11:58:00.000Z"' in page


def test_waiting_action_is_done_by_the_validate_button(http: FlaskClient, shop: Workshop) -> None:
    """
    What waits for a person's word must be one press away for those who may give it, and absent for others.
    """
    id = declare(shop, "jailbreak-in-the-wild", parameters={"model": "orion-2"})
    path = f"/incidents/{id}/actions/4/validation"
    assert path not in http.get(f"/incidents/{id}", headers=shop.headers(shop.secret("eve", "viewer"))).text
    sign_in(http, shop.secret("linus-responder", "responder", person="linus"))
    fields = hidden(http.get(f"/incidents/{id}").text, path)
    assert http.post(path, data=fields).status_code == 303
    assert shop.service.desk.snapshot.live["model:orion-2"]["halted"]
    assert http.post(path, data=fields).status_code == 303  # the same press again is answered, not done again
    assert http.post(path, data=fields | {"once": "another"}).status_code == 409


def test_plan_tells_its_own_other_holds_from_those_of_others(http: FlaskClient, shop: Workshop) -> None:
    """
    Whoever approves half of the way back must not go looking for another incident.
    """
    id = declare(shop, parameters={"partner": "acme", "model": "vega-1"})
    other = declare(shop, parameters={"partner": "globex", "model": "vega-1"})
    ops, asked = shop.service.operations, shop.person("ada", "admin")
    ops.ask_restore(asked, id, [1], "key rotated")
    sign_in(http, shop.secret("grace-commander", "commander", person="grace"))
    said = words(http.get(f"/incidents/{id}").text)
    assert "This incident goes on holding: promotion of vega-1 frozen at limited." in said
    assert f"Held by others too, and stays: promotion of vega-1 frozen at limited ( {other} )." in said


def test_restore_takes_two_people_through_the_page(http: FlaskClient, shop: Workshop) -> None:
    """
    The way back: one asks, sees no approve button, another reads the exact plan and approves it.
    """
    id = declare(shop)
    sign_in(http, shop.secret("ada-admin", "admin", person="ada"))
    fields = hidden(http.get(f"/incidents/{id}").text, f"/incidents/{id}/restores")
    assert http.post(f"/incidents/{id}/restores", data=fields | {"reason": "key rotated"}).status_code == 422
    answer = http.post(f"/incidents/{id}/restores", data=fields | {"reason": "key rotated", "only": "1"})
    assert answer.status_code == 303
    page = http.get(f"/incidents/{id}").text
    assert "Another person approves it" in page
    assert f"/restores/{id}-R1/approval" not in page

    second = http.application.test_client()
    sign_in(second, shop.secret("grace-commander", "commander", person="grace"))
    page = second.get(f"/incidents/{id}").text
    assert "key rotated" in page
    assert "lift: acme revoked" in page
    assert "partner attested" in page
    fields = hidden(page, f"/restores/{id}-R1/approval")
    assert len(fields["plan_digest"]) == 64
    stale = second.post(f"/restores/{id}-R1/approval", data=fields | {"plan_digest": "0" * 64})
    assert stale.status_code == 409
    assert "read the plan again" in stale.text
    unsaid = second.post(f"/restores/{id}-R1/approval", data=fields | {"checks": ["partner-attested"]})
    assert unsaid.status_code == 422
    assert "not said of: new-key-issued, old-key-refused" in unsaid.text
    assert 'value="partner-attested" required checked' in unsaid.text
    ticked = {"checks": ["partner-attested", "new-key-issued", "old-key-refused"]}
    answer = second.post(f"/restores/{id}-R1/approval", data=fields | ticked)
    assert answer.headers["Location"] == f"/incidents/{id}?said=lifted#way-back"
    assert "all given back" in second.get(f"/incidents/{id}").text
    assert "revoked" not in shop.service.desk.snapshot.live["partner:acme"]


def test_one_partner_first_through_the_page_and_a_responder_takes_it_back(http: FlaskClient, shop: Workshop) -> None:
    """
    Asked with a partner first, approved with its checks, shown with its next step, stopped by one person.
    """
    id = declare(shop, "break-glass", parameters={"capability": "orion-2:tool-use"})
    sign_in(http, shop.secret("ada-admin", "admin", person="ada"))
    page = http.get(f"/incidents/{id}").text
    assert re.findall(r'<option value="(\w+)">\w+ first', page) == ["acme", "globex"] * 2
    fields = hidden(page, f"/incidents/{id}/restores") | {"reason": "evaluated", "only": "2", "soak": "2h"}
    refused = http.post(f"/incidents/{id}/restores", data=fields | {"canary": "initech"})
    assert refused.status_code == 422
    assert "initech would get nothing back" in refused.text
    assert '<option value="2h" selected>' in refused.text
    http.post(f"/incidents/{id}/restores", data=fields | {"canary": "acme"})
    said = words(http.get(f"/incidents/{id}").text)
    assert "2. Everybody else 2 h after step 1" in said
    assert "Not back yet: orion-2:tool-use." in said

    second = http.application.test_client()
    sign_in(second, shop.secret("grace-commander", "commander", person="grace"))
    path = f"/restores/{id}-R1/approval"
    fields = hidden(second.get(f"/incidents/{id}").text, path) | {"checks": "cause-understood"}
    answer = second.post(path, data=fields)
    assert answer.headers["Location"] == f"/incidents/{id}?said=begun#way-back"
    said = words(second.get(f"/incidents/{id}").text)
    assert "1 of 2 steps done The next is due in 2 h , by itself." in said
    assert "off, but acme: on" in said

    third = http.application.test_client()
    sign_in(third, shop.secret("linus-responder", "responder", person="linus"))
    path = f"/restores/{id}-R1/stop"
    fields = hidden(third.get(f"/incidents/{id}").text, path)
    answer = third.post(path, data=fields | {"reason": "abused again"})
    assert answer.headers["Location"] == f"/incidents/{id}?said=taken-back#way-back"
    page = third.get(f"/incidents/{id}").text
    assert "stopped by Linus Berg" in words(page)
    assert path not in page
    assert "for" not in shop.service.desk.snapshot.live["flag:orion-2:tool-use"]


def test_broken_glass_is_on_the_board_and_on_the_incident_for_a_day(http: FlaskClient, shop: Workshop) -> None:
    """
    Whoever passes over the playbook does it in everybody's sight.
    """
    id = declare(shop)
    sign_in(http, shop.secret("ada-admin", "admin", person="ada"))
    fields = hidden(http.get(f"/incidents/{id}").text, f"/incidents/{id}/restores")
    wish = {"reason": "lives at stake", "only": "1", "break_glass": "1"}
    assert http.post(f"/incidents/{id}/restores", data=fields | wish).status_code == 303
    told = "Break-glass restore asked by Ada Okafor just now"
    for path in ("/", f"/incidents/{id}"):
        said = words(http.get(path).text)
        assert told in said
        assert "without partner attested, new key issued, old key refused" in said
        assert "Anybody who may respond can stop it." in said
    shop.service.operations.refuse(shop.person("grace", "commander"), f"{id}-R1", "not like this")
    for path in ("/", f"/incidents/{id}"):
        said = words(http.get(path).text)
        assert "Break-glass restore asked by Ada Okafor" in said
        assert "can stop it" not in said, "it is refused: there is nothing to stop any more"
    shop.clock.advance(24 * 3600)
    for path in ("/", f"/incidents/{id}"):
        assert told not in words(http.get(path).text)


def test_refused_restore_lifts_nothing_and_says_who(http: FlaskClient, shop: Workshop) -> None:
    """
    A no is an answer with a name and a reason.
    """
    id = declare(shop)
    shop.service.operations.ask_restore(shop.person("ada", "admin"), id, [], "please")
    sign_in(http, shop.secret("grace-commander", "commander", person="grace"))
    path = f"/restores/{id}-R1/refusal"
    fields = hidden(http.get(f"/incidents/{id}").text, path)
    assert http.post(path, data=fields | {"reason": " "}).status_code == 422
    assert http.post(path, data=fields | {"reason": "not yet"}).status_code == 303
    said = words(http.get(f"/incidents/{id}").text)
    assert "refused by Grace Lim" in said
    assert "not yet" in said
    assert shop.service.desk.snapshot.live["partner:acme"]["revoked"]


def test_viewer_sees_no_form_that_would_be_refused(http: FlaskClient, shop: Workshop) -> None:
    """
    Offering what is then refused wastes a night's patience; and the server refuses it all the same.
    """
    id = declare(shop)
    page = sign_in(http, shop.secret("eve", "viewer"))
    assert "/declare" not in page
    page = http.get(f"/incidents/{id}").text
    assert re.findall(r'method="post" action="([^"]+)"', page) == ["/logout"]
    for path, fields in (
        ("/kill", {"what": "model", "name": "orion-2", "reason": "x"}),
        ("/declare", {"playbook": "break-glass", "step": "declare", "p:model": "orion-2"}),
        (f"/incidents/{id}/notes", {"text": "x"}),
        (f"/incidents/{id}/restores", {"reason": "x", "only": "1"}),
        ("/points/edge-1/retirement", {}),
    ):
        assert http.post(path, data=fields | {"csrf": form_token(page)}).status_code == 403, path
    assert "halted" not in shop.service.desk.snapshot.live["model:orion-2"]


def test_partner_sees_its_own_access_and_no_incident(http: FlaskClient, shop: Workshop) -> None:
    """
    Partners learn that they are denied and why; never what happened to whom.
    """
    declare(shop)
    page = sign_in(http, shop.secret("portal", "partner", partner="acme"))
    said = words(page)
    assert "Your access" in said
    assert "the partner is revoked (partner-revoked)" in said
    assert "INC-" not in page
    assert "globex" not in page
    for path in ("/points", "/capabilities", "/incidents/INC-2026-0001", "/runbooks", "/kill", "/playbooks", "/clocks"):
        assert http.get(path).status_code == 403, path


def test_admin_retires_a_point_for_good(http: FlaskClient, shop: Workshop) -> None:
    """
    A gateway that is gone must stop holding containment up, by a person's word.
    """
    shop.point("edge-1")
    sign_in(http, shop.secret("ada-admin", "admin", person="ada"))
    fields = hidden(http.get("/points").text, "/points/edge-1/retirement")
    assert http.post("/points/edge-1/retirement", data=fields).status_code == 303
    assert "Retired" in http.get("/points?said=retired").text
    assert http.post("/points/edge-1/retirement", data=fields).status_code == 409
    responder = http.application.test_client()
    sign_in(responder, shop.secret("linus-responder", "responder", person="linus"))
    assert "retirement" not in responder.get("/points").text


def test_model_page_tells_catalog_from_what_is_in_force(http: FlaskClient, shop: Workshop) -> None:
    """
    The catalog's stage and the stage in force differ exactly when it matters.
    """
    declare(shop, "jailbreak-in-the-wild", parameters={"model": "orion-2"})
    said = words(http.get("/models/orion-2", headers=ada(shop)).text)
    assert "In force at red-team ; the catalog says trusted-partner" in said
    assert "red-team in force" in said
    assert "trusted-partner in the catalog, held back" in said


def test_capability_sheet_tells_rules_use_and_holders(http: FlaskClient, shop: Workshop) -> None:
    """
    The guardrail sheet is what a partner manager reads before answering a partner.
    """
    id = declare(shop, "break-glass", parameters={"capability": "orion-2:tool-use"})
    page = http.get("/capabilities/orion-2:tool-use", headers=ada(shop)).text
    said = words(page)
    assert "call tools that the partner has registered" in said
    assert "0 of 2,000 per day" in said
    assert "denied the capability is off" in said
    assert f'href="/incidents/{id}"' in page


@pytest.mark.parametrize(
    "path",
    [
        "/nope",
        "/incidents/INC-2026-9999",
        "/models/x",
        "/capabilities/x",
        "/playbooks/x",
        "/runbooks/x",
        "/incidents/%00",
        "/incidents/" + "x" * 3000,
        "/points/",
    ],
)
def test_unknown_address_gets_a_page_that_leads_on(http: FlaskClient, shop: Workshop, path: str) -> None:
    """
    A wrong link must end on a page with a way out, never in a stack trace.
    """
    answer = http.get(path, headers=ada(shop))
    assert answer.status_code == 404
    assert "To the board" in answer.text
    assert "Content-Security-Policy" in answer.headers
    assert len(answer.text) < 8000


def test_wrong_method_gets_a_page(http: FlaskClient, shop: Workshop) -> None:
    """
    Reloading the address of a form is a common slip.
    """
    answer = http.get("/incidents/x/notes", headers=ada(shop))
    assert answer.status_code == 405
    assert "only takes what a form sends" in answer.text


def test_api_errors_are_left_to_the_api(http: FlaskClient, shop: Workshop) -> None:
    """
    Programs must not get pages.
    """
    assert "<html" not in http.get("/api/v1/nope", headers=ada(shop)).text


def test_form_larger_than_the_limit_is_refused(http: FlaskClient, shop: Workshop) -> None:
    """
    A megabyte is more than anybody types.
    """
    answer = http.post("/kill", data={"reason": "x" * (1 << 20)}, headers=ada(shop))
    assert answer.status_code == 413
    assert "1 MiB" in answer.text


def test_broken_page_says_so_without_details(
    http: FlaskClient, shop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    A fault of ours must not show its inside to whoever looks.
    """

    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("secret inside")

    monkeypatch.setattr(shop.service.operations, "board", broken)
    answer = http.get("/", headers=ada(shop))
    assert answer.status_code == 500
    assert "Something broke" in answer.text
    assert "secret inside" not in answer.text


def test_unreadable_ledger_stands_on_top_of_every_page(
    http: FlaskClient, shop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    Old knowledge may be shown, but never as if it were fresh.
    """
    shop.service.cycle()
    assert "read its ledger" not in http.get("/points", headers=ada(shop)).text
    shop.service.desk.trouble = "disk I/O error at /srv/andon.db"
    page = http.get("/points", headers=ada(shop)).text
    assert "Andon can&#39;t read its ledger" in page
    assert "disk I/O error" in page

    def gone(*_: object) -> None:
        raise LedgerUnavailable("can't read /srv/andon.db")

    id = declare(shop)
    monkeypatch.setattr(shop.service.ledger, "incident", gone)
    answer = http.get(f"/incidents/{id}", headers=ada(shop))
    assert answer.status_code == 503
    assert "can&#39;t read /srv/andon.db" in answer.text


def test_stopped_grants_are_said_on_every_page(
    http: FlaskClient, shop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    When a kill could not be recorded, points run out of leases: whoever looks must know why.
    """

    def full(*_: object, **__: object) -> None:
        raise LedgerUnavailable("disk full")

    page = sign_in(http, shop.secret("linus-responder", "responder", person="linus"))
    monkeypatch.setattr(shop.service.ledger, "append", full)
    sent = {"what": "partner", "name": "acme", "reason": "leak", "csrf": form_token(page)}
    answer = http.post("/kill", data=sent)
    assert answer.status_code == 503
    assert "leak</textarea>" in answer.text
    assert "Grants have stopped" in answer.text
    assert "Grants have stopped" in http.get("/capabilities").text


def test_style_and_script_may_be_kept_by_browsers(http: FlaskClient, shop: Workshop) -> None:
    """
    They are named by their content, so a new version is fetched and an old one never is again.
    """
    href = re.findall(r'(?:href|src)="(/static/[^"]+)"', http.get("/login").text)
    assert len(href) == 3
    for path in href:
        answer = http.get(path, buffered=True)
        assert answer.status_code == 200
        assert "immutable" in answer.headers["Cache-Control"]
    assert http.get("/static/andon.css", buffered=True).headers["Cache-Control"] == "no-store"
