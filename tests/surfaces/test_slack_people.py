"""
Who is who: accounts of the catalog, links that say who one is, rights of this moment, and two people who are two.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from flask.testing import FlaskClient

from app import create_app
from incidents.testing.slack_person import SlackPerson
from incidents.testing.slack_reading import as_read, view_as_read
from tests.support.acting import change_catalog
from tests.support.slack import Scene, slack_scene


@pytest.fixture
def scene() -> Iterator[Scene]:
    with slack_scene() as made:
        yield made


def link_in(said: str) -> str:
    found = re.search(r"https://andon\.example(/link\?x=[\w.-]+)", said)
    assert found is not None, said
    return found[1]


def signed_in(scene: Scene, person: str, role: str) -> FlaskClient:
    """A browser in which somebody has signed in with their own token."""
    browser = create_app(service=scene.shop.service).test_client()
    browser.post("/login", data={"token": scene.shop.secret(f"{person}-{role}", role, person=person)})
    return browser


def confirm(browser: FlaskClient, path: str) -> str:
    """Look at the link, press its button; the page that comes."""
    page = browser.get(path).get_data(as_text=True)
    csrf = re.search(r'name="csrf" value="([^"]*)"><input type="hidden" name="x"', page)
    assert csrf is not None, page
    answer = browser.post("/link", data={"csrf": csrf[1], "x": path.partition("x=")[2]})
    return answer.get_data(as_text=True)


def incidents(scene: Scene) -> list[str]:
    with scene.shop.service.desk.read() as state:
        return list(state.order)


# --- strangers ------------------------------------------------------------------------------------------------------


def test_a_stranger_gets_a_link_and_nothing_else(scene: Scene) -> None:
    """Nothing is done, and nothing is told about what there is."""
    said = scene.types(scene.nobody, "list")

    assert "does not know this Slack account" in said
    assert "acme" not in scene.types(scene.nobody, "check acme orion-2:tool-use").replace("`/incident check acme", "")


def test_the_link_says_who_one_is_and_does_what_was_typed(scene: Scene) -> None:
    """At three in the morning the command is not typed twice."""
    change_catalog(scene.shop, lambda c: c["people"].update(mira={"name": "Mira Holt", "roles": ["responder"]}))
    path = link_in(scene.types(scene.nobody, "kill partner acme key on a paste site"))
    browser = signed_in(scene, "mira", "responder")

    page = confirm(browser, path)

    assert incidents(scene) == ["INC-2026-0001"]
    assert "INC-2026-0001" in page
    declared = scene.shop.service.ledger.incident("INC-2026-0001")[0]
    assert (declared.actor.person, declared.actor.token, declared.actor.via) == ("mira", "slack:U0STRANGER", "slack")
    assert "Mira Holt" in scene.types(scene.nobody, "show latest")


def test_looking_at_the_link_does_nothing(scene: Scene) -> None:
    """Chat programs open links to preview them."""
    path = link_in(scene.types(scene.nobody, "kill partner acme leak"))
    browser = signed_in(scene, "linus", "responder")

    assert browser.get(path).status_code == 200
    assert browser.get(path).status_code == 200
    assert incidents(scene) == []


def test_a_link_works_once_and_for_ten_minutes(scene: Scene) -> None:
    """A link that lies around must not open anything."""
    change_catalog(scene.shop, lambda c: c["people"].update(mira={"roles": ["responder"]}))
    first = link_in(scene.types(scene.nobody, "kill partner acme leak"))
    old = link_in(scene.types(scene.nobody, "list"))
    browser = signed_in(scene, "mira", "responder")
    confirm(browser, first)

    assert "used already" in confirm(browser, first)
    scene.shop.clock.advance(601)
    assert browser.get(old).status_code == 403
    assert incidents(scene) == ["INC-2026-0001"]


def test_a_changed_link_is_refused(scene: Scene) -> None:
    """It is signed: another account or another line can't be written into it."""
    path = link_in(scene.types(scene.nobody, "kill partner acme leak"))
    text, _, mac = path.partition("x=")[2].partition(".")
    browser = signed_in(scene, "linus", "responder")

    for wrong in (f"{text}x.{mac}", f"{text}.{mac[:-1]}A", text, "", "a.b"):
        assert browser.get(f"/link?x={wrong}").status_code == 403


def test_nobody_can_link_an_account_that_is_somebody_elses(scene: Scene) -> None:
    """Linus can't take over what Ada's account asks for, nor have two accounts where the catalog names one."""
    stranger = link_in(scene.types(scene.nobody, "list"))
    browser = signed_in(scene, "linus", "responder")

    assert "Linus" not in scene.types(scene.nobody, "list")
    assert "the catalog says that linus" in confirm(browser, stranger)
    adas = link_in(scene.types(scene.ada, "link"))
    assert "ada&#39;s already" in confirm(browser, adas)


def test_the_pages_cookie_is_needed(scene: Scene) -> None:
    """A link alone says whose Slack account it is, not who is reading."""
    path = link_in(scene.types(scene.nobody, "list"))
    anybody = create_app(service=scene.shop.service).test_client()

    answer = anybody.get(path)

    assert answer.status_code == 303
    assert answer.headers["Location"].startswith("/login?next=/link")


# --- rights of this moment ------------------------------------------------------------------------------------------


def test_who_lost_a_role_loses_it_at_once(scene: Scene) -> None:
    """Rights are those of the person now, not of the account when it was written down."""
    scene.types(scene.ada, "kill partner acme leak")
    change_catalog(scene.shop, lambda c: c["people"]["linus"].update(roles=["viewer"]))

    said = scene.types(scene.linus, "note latest seen")

    assert "needs the role 'responder'" in said
    assert "Who can:" in said


def test_who_left_the_catalog_is_a_stranger(scene: Scene) -> None:
    """Somebody who was let go must not stop or start anything."""
    change_catalog(scene.shop, lambda c: c["people"].pop("linus"))

    assert "does not know this Slack account" in scene.types(scene.linus, "kill partner acme leak")
    assert incidents(scene) == []


def test_an_account_given_to_another_person_acts_as_that_one(scene: Scene) -> None:
    """The catalog is the word on whose account it is."""

    def swap(catalog) -> None:
        catalog["people"]["linus"].pop("slack")
        catalog["people"]["grace"]["slack"] = scene.linus.user

    change_catalog(scene.shop, swap)

    scene.types(scene.linus, "kill partner acme leak")
    assert scene.shop.service.ledger.incident("INC-2026-0001")[0].actor.person == "grace"
    assert "does not know" in scene.types(scene.grace, "list")


def test_an_account_can_be_revoked_like_a_token(scene: Scene) -> None:
    """A phone was lost: an administrator cuts the account off without touching the catalog."""
    from incidents.testing import ADMIN

    scene.shop.service.operations.revoke_token(ADMIN, f"slack:{scene.linus.user}")

    assert "does not know" in scene.types(scene.linus, "kill partner acme leak")


def test_two_people_with_one_account_are_refused(scene: Scene) -> None:
    """An account is one person's, or two-person rules would mean nothing."""
    from incidents.errors import Invalid

    with pytest.raises(Invalid, match="an account is one person's"):
        change_catalog(scene.shop, lambda c: c["people"]["linus"].update(slack=scene.ada.user))


def test_no_header_opens_anything_as_an_account(scene: Scene) -> None:
    """An account has no secret: its id is no token."""
    for secret in ("slack:U01ADAADA", "", "U01ADAADA"):
        answer = scene.http.get("/api/v1/incidents", headers={"Authorization": f"Bearer {secret}"})
        assert answer.status_code == 401


# --- two people -----------------------------------------------------------------------------------------------------


def approve(scene: Scene, who: SlackPerson, request: str = "INC-2026-0001-R1") -> str:
    """Through the form: read the plan, say that its checks are true, approve."""
    message = who.command(f"approve {request}").json
    who.press(message, "Approve exactly this ...")
    scene.settle()
    checks = [
        o["value"] for b in who.view()["blocks"] if b.get("block_id") == "checks" for o in b["element"]["options"]
    ]
    who.submit({"I say that these are true": checks, "Your decision": "approve"})
    return view_as_read(who.view())


def off(scene: Scene) -> bool:
    with scene.shop.service.desk.read() as state:
        return bool(state.holds)


def test_one_asks_and_another_approves_in_slack(scene: Scene) -> None:
    """The way back works where responders are, with both names in the log."""
    scene.types(scene.linus, "kill partner acme leak")
    scene.types(scene.grace, "restore latest new key issued")

    said = approve(scene, scene.ada)

    assert "is approved" in said
    assert not off(scene)
    by = {e.kind: e.actor.person for e in scene.shop.service.ledger.incident("INC-2026-0001")}
    assert (by["restore:request:asked"], by["restore:request:approved"]) == ("grace", "ada")


def test_the_asker_can_not_approve_by_any_credential(scene: Scene) -> None:
    """A person is a person, whatever token or Slack account."""
    scene.types(scene.linus, "kill partner acme leak")
    scene.types(scene.grace, "restore latest new key issued")
    request = scene.shop.service.operations.restore_request(scene.shop.person("ada", "commander"), "INC-2026-0001-R1")

    shown = scene.types(scene.grace, "approve latest")
    value = {"a": "approve", "r": request["id"], "d": request["plan_digest"]}
    from incidents.slack.blocks import button

    forged = {
        "ts": "1",
        "blocks": [{"type": "actions", "block_id": "x", "elements": [button("andon.approve", "Yes", value)]}],
    }
    scene.grace.press(forged, "Yes", channel=scene.grace.channel)

    assert "Approve" not in shown.splitlines()[-2]
    assert "another person approves it" in scene.hears(scene.grace)
    assert off(scene)
    assert "restore:approval:denied" in scene.kinds("INC-2026-0001")


def test_asked_with_a_token_is_not_approved_from_slack_by_the_same_person(scene: Scene) -> None:
    """Two doors, one person."""
    scene.types(scene.linus, "kill partner acme leak")
    grace = scene.shop.person("grace", "commander")
    scene.shop.service.operations.ask_restore(grace, "INC-2026-0001", [], "new key")

    scene.types(scene.grace, "approve latest")
    assert scene.types(scene.grace, "approve latest").count("[") == 1  # only to take it back
    assert off(scene)


def test_an_account_that_the_asker_wrote_into_the_catalog_does_not_count(scene: Scene) -> None:
    """Ada, an administrator, gives Grace's name an account of her own and approves herself with it."""
    ada = scene.shop.person("ada", "admin")
    catalog = scene.shop.service.operations.catalog(ada)
    catalog["people"]["grace"]["slack"] = "U0ADASECOND"
    import json

    scene.shop.service.operations.apply_catalog(ada, json.dumps(catalog), "catalog.yaml")
    second = scene.out.person("U0ADASECOND", "#incidents")
    scene.types(scene.linus, "kill partner acme leak")
    scene.types(scene.ada, "restore latest trust me")

    said = approve(scene, second)

    assert "goes back to ada" in said
    assert off(scene)


def test_what_was_asked_with_such_an_account_is_not_approved_by_its_maker(scene: Scene) -> None:
    """The other way round: the second account asks, Ada approves."""
    import json

    ada = scene.shop.person("ada", "admin")
    catalog = scene.shop.service.operations.catalog(ada)
    catalog["people"]["grace"]["slack"] = "U0ADASECOND"
    scene.shop.service.operations.apply_catalog(ada, json.dumps(catalog), "catalog.yaml")
    second = scene.out.person("U0ADASECOND", "#incidents")
    scene.types(scene.linus, "kill partner acme leak")
    scene.types(second, "restore latest trust me")

    said = approve(scene, scene.ada)

    assert "goes back to ada" in said
    assert off(scene)


def test_an_account_that_its_person_confirmed_counts(scene: Scene) -> None:
    """The way out: Grace says herself, signed in, that the account is hers."""
    import json

    ada = scene.shop.person("ada", "admin")
    catalog = scene.shop.service.operations.catalog(ada)
    catalog["people"]["grace"]["slack"] = "U0GRACENEW"
    scene.shop.service.operations.apply_catalog(ada, json.dumps(catalog), "catalog.yaml")
    grace = scene.out.person("U0GRACENEW", "#incidents")
    confirm(signed_in(scene, "grace", "commander"), link_in(scene.types(grace, "link")))
    scene.types(scene.linus, "kill partner acme leak")
    scene.types(scene.ada, "restore latest new key issued")

    assert "is approved" in approve(scene, grace)
    assert not off(scene)


def test_a_plan_that_changed_after_it_was_read_is_refused(scene: Scene) -> None:
    """What is approved is exactly what was read."""
    scene.types(scene.linus, "kill partner acme leak")
    scene.types(scene.grace, "restore latest new key issued")
    message = scene.ada.command("approve latest").json
    scene.ada.press(message, "Approve exactly this ...")
    scene.settle()
    scene.types(scene.linus, "kill model orion-2 worse than we thought")
    view = scene.ada.view()
    checks = [o["value"] for b in view["blocks"] if b.get("block_id") == "checks" for o in b["element"]["options"]]

    answered = scene.ada.submit({"I say that these are true": checks, "Your decision": "approve"})

    assert "has changed since" in answered.text
    assert off(scene)


def test_one_partner_first_and_anybody_stops_it(scene: Scene) -> None:
    """Asked for with a canary, approved, running; then one responder presses Stop and it is held again."""
    scene.types(scene.linus, "kill capability tool-use it calls home")
    asked = scene.types(scene.grace, "restore latest canary=globex soak=1h cause understood")
    approved = approve(scene, scene.ada)
    scene.posts(5)
    message = scene.top()[0]
    running = as_read(message)
    scene.linus.press(message, "Stop the restore")
    scene.settle()
    scene.linus.submit({"What it gave back": "back", "Why?": "errors are back"})
    stopped = view_as_read(scene.linus.view())

    assert "Step 1: globex first" in asked
    assert "Step 2: everybody else*, 60 min after the one before" in asked
    assert "the next step is at 13:00:00 UTC" in approved
    assert "INC-2026-0001-R1 runs: 1 of 2 steps done, the next at 13:00:00 UTC" in running
    assert "is stopped, 1 holds in force again" in stopped
    assert scene.types(scene.linus, "check globex orion-2:tool-use").startswith(":no_entry: *denied*")


def test_what_a_second_incident_holds_stays_off_and_the_plan_says_so(scene: Scene) -> None:
    """Approving one way back must not look as if it gave back what another incident keeps."""
    scene.types(scene.linus, "kill partner acme leak")
    scene.types(scene.linus, "declare partner-credential-abuse partner=acme separate=yes another leak")
    asked = scene.types(scene.grace, "restore INC-2026-0001 new key issued")

    approve(scene, scene.ada)

    assert "no grant's answer changes: something else holds it" in asked
    assert "held by <https://andon.example/incidents/INC-2026-0002|INC-2026-0002>" in scene.types(
        scene.linus, "check acme orion-2:tool-use"
    )
