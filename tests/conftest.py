"""
What every test may use: a whole Andon in memory, and its Flask client.

Property tests draw the same examples in every run of CI, and other ones at every developer's.
"""

from __future__ import annotations

import os
from collections.abc import Iterator

import hypothesis
import pytest
from flask.testing import FlaskClient

from incidents.testing import Workshop, workshop

hypothesis.settings.register_profile("ci", derandomize=True, deadline=None, print_blob=True)
hypothesis.settings.register_profile("developer", deadline=None)
hypothesis.settings.load_profile("ci" if os.environ.get("CI") else "developer")


@pytest.fixture
def shop() -> Iterator[Workshop]:
    made = workshop()
    yield made
    made.service.stop()


@pytest.fixture
def http(shop: Workshop) -> FlaskClient:
    from app import create_app  # only here: tests of the core run without the edges

    return create_app(service=shop.service).test_client()
