"""Drills over the API, at the prompt and on the pages: the same rules, and never mistaken for something real."""

from __future__ import annotations

from typing import Any

import pytest
from flask.testing import FlaskClient

from incidents.testing import Workshop
from tests.support.api import V1, Caller, caller, problem
from tests.surfaces.test_api_document import check
from tests.surfaces.test_cli import Shell, bare, shell  # noqa: F401 - fixtures
from tests.surfaces.test_pages import form_token, hidden, sign_in, words

ID = "DRILL-2026-0001"
BODY = {"playbook": "partner-credential-abuse", "parameters": {"partner": "acme"}}
DRILLS, ONE = f"{V1}/drills", f"{V1}/drills/{{id}}"


@pytest.fixture
def ada(shop: Workshop, http: FlaskClient) -> Caller:
    return caller(shop, http, "commander", "ada")


# --- the API ----------------------------------------------------------------------------------------------------------


def test_a_drill_goes_all_the_way_over_the_api(shop: Workshop, ada: Caller) -> None:
    """Every answer is as the document says it."""
    shop.point("edge")
    started = check(ada.post("drills", BODY | {"lasts": "20m"}), DRILLS, "post")
    assert (started["id"], started["kind"], started["drill"]["mode"]) == (ID, "drill", "shadow")
    check(ada.post(f"drills/{ID}/people", {"part": "facilitator"}), f"{ONE}/people", "post")
    running = check(ada.get(f"drills/{ID}/report"), f"{ONE}/report")
    assert {"somebody acknowledges", "confirmation from edge", "it ends by itself"} < {
        n["what"] for n in running["next"]
    }
    check(ada.get(f"incidents/{ID}"), f"{V1}/incidents/{{id}}")
    ended = check(ada.post(f"drills/{ID}/end"), f"{ONE}/end", "post")
    assert (ended["how"], ended["equal"], ended["left"]) == ("finished", True, [])
    check(ada.get(f"incidents/{ID}"), f"{V1}/incidents/{{id}}")
    report = check(ada.get(f"drills/{ID}/report"), f"{ONE}/report")
    assert (report["how"], report["next"]) == ("finished", [])
    listed = check(ada.get("drills"), DRILLS)
    assert [row["id"] for row in listed["items"]] == [ID]
    check(ada.get("drills/evidence?days=7"), f"{DRILLS}/evidence")


def test_real_is_called_over_the_api(ada: Caller) -> None:
    """One request: the drill is off, the real one is on."""
    ada.post("drills", BODY)
    real = check(ada.post(f"drills/{ID}/real", {"severity": "sev1"}), f"{ONE}/real", "post")

    assert (real["kind"], real["severity"]) == ("real", "sev1")
    assert ada.get(f"drills/{ID}/report").json["real"] == real["id"]


def test_a_report_is_handed_on_as_markdown_marked_at_both_ends(ada: Caller) -> None:
    """Whoever finds it in a mailbox must not take it for an incident; words of people add no heading to it."""
    ada.post("drills", BODY | {"title": "Q4 | rehearsal # of [keys](http://x)"})
    ada.post(f"incidents/{ID}/notes", {"text": "the pager\n# was silent"})
    ada.post(f"drills/{ID}/end", {"reason": "next time with a pager"})
    task = {"title": "Charge the pager", "owner": "linus", "due_at": "2026-12-01T12:00:00Z", "follow_up": True}
    assert ada.post(f"incidents/{ID}/tasks", task).status_code == 201
    answer = ada.get(f"drills/{ID}/report?format=md")

    assert answer.content_type.startswith("text/markdown")
    lines = answer.get_data(as_text=True).strip().splitlines()
    assert lines[0] == lines[-1] == f"**DRILL {ID}: an exercise, not a real incident.**"
    assert r"# Q4 \| rehearsal \# of \[keys\](http://x)" in lines
    assert "- Charge the pager: linus, due 2026-12-01, open" in lines
    said = lines[lines.index("## What people said") :]
    assert any(line.endswith(r": the pager \# was silent") for line in said)
    assert any("next time with a pager" in line for line in said)


@pytest.mark.parametrize(
    ("body", "status", "words"),
    [
        ({"mode": "loud"}, 422, "tabletop, dry-run, shadow, live"),
        ({"mode": "live"}, 403, "ghost partners alone"),
        ({"lasts": "3 business days"}, 422, "minutes or hours"),
        ({"parameters": {}}, 422, "partner"),
    ],
)
def test_a_drill_that_can_t_be_held_says_why(ada: Caller, body: dict[str, Any], status: int, words: str) -> None:
    """Nothing is started, and the way out is named."""
    assert words in problem(ada.post("drills", BODY | body), status)["detail"]


def test_drills_are_listed_page_by_page(ada: Caller) -> None:
    """A year of weekly drills is more than one page."""
    for _ in range(3):
        ada.post("drills", BODY)
    first = ada.get("drills?limit=2").json
    second = ada.get(f"drills?limit=2&cursor={first['next']}").json

    assert [row["id"][-1] for row in first["items"] + second["items"]] == ["3", "2", "1"]
    assert second["next"] is None
    assert problem(ada.get("drills?cursor=INC-2026-0001"), 422)


# --- the prompt -------------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("shell")
def test_a_drill_at_the_prompt(shell: Shell) -> None:  # noqa: F811
    """With the service down too: run, take part, stop, read."""
    run = shell.run(
        "drill", "run", "partner-credential-abuse", "-p", "partner=acme", "--lasts", "20m", "--compress", "60"
    )
    assert f"andon drill stop {ID} ends it" in run.out
    ada = shell.token_of("ada")
    assert "takes part as observer" in shell.run("drill", "join", ID, "--as", "observer", ANDON_TOKEN=ada).out
    assert "it ends by itself" in shell.run("drill", "report", ID).out
    assert "60 times as fast in this drill" in shell.run("clocks", f"{ID}.gdpr-art33.notify-authority").out
    assert "the live table is as it was before" in shell.run("drill", "stop", ID).out
    report = shell.run("drill", "report", ID).out
    assert f"DRILL {ID}" in report
    assert "Drill finished" in report
    assert ID in shell.run("drill", "report").out
    assert shell.run("drill", "report", ID, "--format", "md").out.startswith("**DRILL")
    assert "partner-credential-abuse" in shell.run("drill", "schedule").out
    evidence = shell.run("drill", "evidence")
    assert (evidence.code, "no gateway is registered" in evidence.out) == (1, True)


def test_real_at_the_prompt(shell: Shell) -> None:  # noqa: F811
    """Three words on the phone, four at the prompt."""
    shell.done("drill", "run", "partner-credential-abuse", "-p", "partner=acme")
    real = shell.done("drill", "real", ID, "--summary", "their key is out")

    assert (real["id"], real["kind"]) == ("INC-2026-0001", "real")
    assert "INC-2026-0001" in shell.run("timeline", ID).out


# --- the pages --------------------------------------------------------------------------------------------------------


@pytest.fixture
def page(shop: Workshop, http: FlaskClient) -> FlaskClient:
    sign_in(http, shop.secret("ada-commander", "commander", person="ada"))
    return http


def post(page: FlaskClient, path: str, **fields: str) -> Any:
    """Send a form as the browser would, with the session's token."""
    return page.post(path, data={"csrf": form_token(page.get("/drills").text), **fields})


def test_a_drill_is_started_run_and_ended_without_a_script(page: FlaskClient, shop: Workshop) -> None:
    """From the list to the report with plain forms; banner and word on every page of it."""
    shop.point("edge")
    form = page.get("/drills/start?playbook=partner-credential-abuse").text
    assert hidden(form, "/drills")["playbook"] == "partner-credential-abuse"
    fields = {"playbook": BODY["playbook"], "p:partner": "acme", "mode": "shadow", "lasts": "20m", "title": "Autumn",
              "compress": "60"}  # fmt: skip
    assert post(page, "/drills", **fields).location == f"/drills/{ID}?said=started"
    running = page.get(f"/drills/{ID}").text
    assert 'class="band kind drill"' in running
    assert "Comes next somebody acknowledges" in words(running)
    assert "clocks 60 times as fast" in words(running)
    assert "Clock list Not right yet Nobody has confirmed awareness." in words(running)
    assert "It is REAL…" in words(page.get(f"/incidents/{ID}").text)
    assert "1 drill runs now" in words(page.get("/drills").text)
    assert post(page, f"/drills/{ID}/people", act="join", part="facilitator").status_code == 303
    assert post(page, f"/drills/{ID}/notes", text="the pager was silent").status_code == 303
    assert post(page, f"/drills/{ID}/end", how="finished").location == f"/drills/{ID}?said=finished"
    over = words(page.get(f"/drills/{ID}").text)
    assert "The live table after it is the live table before it" in over
    assert "facilitator" in over
    assert "What people said the pager was silent Ada Okafor" in over
    assert "the pager was silent" in words(page.get(f"/incidents/{ID}").text)
    assert "attachment" in page.get(f"/drills/{ID}/report.md").headers["Content-Disposition"]


@pytest.mark.parametrize(("field", "typed", "said"), [
    ("compress", "fast", "say how many times as fast"),
    ("compress", "5000", "1 to 1000 times as fast"),
    ("lasts", "a while", "a while"),
])  # fmt: skip
def test_what_is_typed_wrong_is_named_and_kept(page: FlaskClient, field: str, typed: str, said: str) -> None:
    """Nothing is started, and nobody types the rest again."""
    answer = post(page, "/drills", playbook=BODY["playbook"], **{"p:partner": "acme", field: typed})

    assert answer.status_code == 422
    assert said in words(answer.text)
    assert f'value="{typed}"' in answer.text
    assert 'value="acme"' in answer.text


def test_an_abort_without_a_reason_is_refused_on_the_page(page: FlaskClient) -> None:
    """The drill runs on, and the page says why."""
    post(page, "/drills", playbook=BODY["playbook"], **{"p:partner": "acme"})
    answer = post(page, f"/drills/{ID}/end", how="aborted")

    assert answer.status_code == 422
    assert "aborting a drill needs a reason" in words(answer.text)
    assert "Comes next" in words(answer.text)


def test_the_real_button_leads_to_the_real_incident(page: FlaskClient) -> None:
    """Whoever presses it has to see from then on what is real."""
    post(page, "/drills", playbook=BODY["playbook"], **{"p:partner": "acme"})
    answer = post(page, f"/drills/{ID}/real", summary="the key is out")

    assert answer.location == "/incidents/INC-2026-0001?said=declared"
    assert 'class="band kind real"' in page.get("/incidents/INC-2026-0001").text
    assert "The real one is INC-2026-0001" in words(page.get(f"/drills/{ID}").text)


def test_the_board_names_playbooks_that_are_overdue(page: FlaskClient, shop: Workshop) -> None:
    """A kill switch that nobody has pulled for a quarter is news for the first page; so is a plan nobody has tried."""
    assert "Drills wanted" in words(page.get("/").text)
    for book in shop.service.playbooks:
        if book.drill is not None:
            given = {"partner": "acme", "capability": "orion-2:tool-use", "model": "orion-2"}
            parameters = {name: given[name] for name in list(book.parameters)[:1]}
            id = shop.service.operations.start_drill(
                shop.person("ada", "commander"), {"playbook": book.id, "parameters": parameters, "mode": "tabletop"}
            ).body["id"]
            shop.service.operations.end_drill(shop.person("ada", "commander"), id)
    assert "Drills wanted" not in words(page.get("/").text)
    with shop.service.desk.read() as state:
        next(iter(state.drills.runs.values())).playbook_digest = "0" * 64
    assert "its text has changed" in words(page.get("/").text)


def test_words_of_people_can_not_run_on_a_drills_page(page: FlaskClient) -> None:
    """A title is typed by anybody who may respond."""
    post(page, "/drills", playbook=BODY["playbook"], title="<img src=x onerror=alert(1)>", **{"p:partner": "acme"})

    assert "<img" not in page.get(f"/drills/{ID}").text.partition("<main")[2]
    assert "<img" not in page.get("/drills").text.partition("<main")[2]


def test_the_waterfall_has_a_bar_for_every_gateway_and_step(page: FlaskClient, shop: Workshop) -> None:
    """What the picture leaves out, nobody looks for."""
    for name in ("eu-1", "us-1"):
        shop.point(name)
    post(page, "/drills", playbook=BODY["playbook"], **{"p:partner": "acme"})
    now, boot = shop.clock.now(), shop.clock.boot()
    for name in ("eu-1", "us-1"):
        revision = shop.service.desk.snapshot.revision
        shop.service.points.acknowledge(name, "1", revision, applies=["live", "shadow"], boot=boot, at=now)
    shop.service.cycle()
    drawn = page.get(f"/drills/{ID}").text.partition('<svg class="lanes waterfall"')[2].partition("</svg>")[0]

    assert drawn.count("<rect") >= 2
    assert all(name in drawn for name in ("eu-1", "us-1", "Command taken", "Decide which notices are owed"))
