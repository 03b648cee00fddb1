"""
Whatever somebody posts: an answer below 500, and a problem where it is refused.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app import create_app
from incidents.api.registry import ROUTES, Route
from incidents.testing import workshop
from tests.support.api import CREDENTIAL_ABUSE, Caller, caller

POSTS = [route for route in ROUTES if route.method == "POST"]
WORDS = st.sampled_from(
    [
        "",
        "acme",
        "orion-2",
        "orion-2:tool-use",
        "break-glass",
        "partner",
        "model",
        "drill",
        "viewer",
        "ada",
        "\0",
        "\ud800",
    ]
)
SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20) | WORDS
ANYTHING = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4)
)
PARAMETERS = st.dictionaries(st.sampled_from(["partner", "model", "capability", "x"]), WORDS, max_size=3)


def almost(route: Route) -> st.SearchStrategy[Any]:
    """Objects with the route's own fields and any values: what gets past the first look."""
    fields = list(route.form.model_fields) if route.form is not None else []
    values = WORDS | PARAMETERS | ANYTHING
    return st.fixed_dictionaries({}, optional=dict.fromkeys(fields, values)) if fields else st.just({})


@pytest.fixture(scope="module")
def ada() -> Iterator[Caller]:
    shop = workshop()
    made = caller(shop, create_app(service=shop.service).test_client(), "admin", "ada")
    made.post("incidents", CREDENTIAL_ABUSE)
    yield made
    shop.service.stop()


@pytest.mark.parametrize("route", POSTS, ids=lambda route: route.name)
def test_no_body_makes_a_post_route_fail(ada: Caller, route: Route) -> None:
    """A 5xx by a body is a crash that anybody with a token could cause."""
    path = route.path.replace("{id}", "INC-2026-0001").replace("{n}", "1").replace("{name}", "edge")

    @settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
    @given(body=ANYTHING | almost(route) | almost(route))
    def holds(body: Any) -> None:
        octets = json.dumps(body).encode()
        answer = ada.post(path, data=octets, content_type="application/json")
        assert answer.status_code < 500
        if answer.status_code >= 400:
            assert answer.content_type == "application/problem+json"
            assert answer.json["status"] == answer.status_code
        else:
            assert answer.content_type == "application/json"

    holds()


@settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))
@given(octets=st.binary(max_size=60), kind=st.sampled_from(["application/json", "application/yaml", "text/plain"]))
def test_no_octets_make_a_route_fail(ada: Caller, octets: bytes, kind: str) -> None:
    """The same for what is no JSON at all, and for catalogs."""
    for method, path in (("POST", "incidents"), ("PUT", "catalog?check=true")):
        assert ada.send(method, path, data=octets, content_type=kind).status_code < 500
