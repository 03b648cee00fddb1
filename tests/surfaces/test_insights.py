"""
Insights over the API and as a page.
"""

from __future__ import annotations

from flask.testing import FlaskClient

from incidents.testing import Workshop
from tests.support.api import CREDENTIAL_ABUSE, V1, caller, problem
from tests.surfaces.test_api_document import check


def test_insights_answer_as_described_and_as_a_page(shop: Workshop, http: FlaskClient) -> None:
    """Leadership reads the page, the warehouse the API: the same figures."""
    ada = caller(shop, http, "commander", "ada")
    shop.point("edge")
    ada.post("incidents", CREDENTIAL_ABUSE)
    shop.clock.advance(20)
    shop.service.cycle()

    found = check(ada.get("insights"), f"{V1}/insights")
    assert found["measures"]["contain"]["all"]["count"] == 1
    assert check(ada.get("insights?kind=drill"), f"{V1}/insights")["incidents"] == 0
    problem(ada.get("insights?kind=test"), 422)
    page = ada.get("/insights").get_data(as_text=True)
    assert "1 real incident in the last twelve months" in page
    assert "never drilled" in page
    drills = ada.get("/insights?kind=drill").get_data(as_text=True)
    assert "rehearsals alone" in drills
    assert "No figure yet" in drills
    assert ada.get("/insights?kind=nonsense").status_code == 422


def test_drill_that_was_broken_off_does_not_count_as_one(shop: Workshop) -> None:
    """Insights, the board and the drills' page must say the same of a playbook: never rehearsed."""
    ops, ada = shop.service.operations, shop.person("ada", "admin")
    body = {"playbook": "jailbreak-in-the-wild", "parameters": {"model": "orion-2"}, "mode": "shadow"}
    ops.end_drill(ada, ops.start_drill(ada, body).body["id"], "aborted", "wrong day")
    ops.end_drill(ada, ops.start_drill(ada, body | {"playbook": "break-glass"}).body["id"], "finished", "")
    rows = {row["playbook"]: row["last_at"] for row in ops.insights(ada)["drilled"]}
    assert rows["jailbreak-in-the-wild"] is None
    assert rows["break-glass"] is not None
