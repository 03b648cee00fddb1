"""
What every test may use: a whole Andon in memory, and its Flask client.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from flask.testing import FlaskClient

from app import create_app
from incidents.testing import Workshop, workshop


@pytest.fixture
def shop() -> Iterator[Workshop]:
    made = workshop()
    yield made
    made.service.stop()


@pytest.fixture
def http(shop: Workshop) -> FlaskClient:
    return create_app(service=shop.service).test_client()
