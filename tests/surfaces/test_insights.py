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
