"""
Starting to serve: what must not keep a service from coming up in the middle of an incident.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from incidents.errors import Invalid
from incidents.serve import _apply_catalog
from incidents.testing import ADMIN, Workshop
from tests.support.acting import declare


def test_catalog_file_that_a_hold_forbids_does_not_stop_the_start(
    shop: Workshop, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """
    A service that restarts while a model is rolled back has to come up, with the ladder as it was.
    """
    catalog = shop.service.operations.catalog(ADMIN)
    ladder = list(catalog["stages"])
    declare(shop, "roll-back-stage: {model: orion-2, stages: 1}")
    path = tmp_path / "catalog.yaml"
    path.write_text(json.dumps(catalog | {"stages": [*ladder, "everybody"]}))

    _apply_catalog(shop.service, path)

    assert f"catalog: {path} was not applied: the ladder can't change" in capsys.readouterr().err
    assert shop.service.operations.catalog(ADMIN)["stages"] == ladder


def test_catalog_file_that_is_wrong_stops_the_start(shop: Workshop, tmp_path: Path) -> None:
    """
    A typing error in it is for whoever starts the service to see, with file and line.
    """
    path = tmp_path / "catalog.yaml"
    path.write_text("modles: {}\n")
    with pytest.raises(Invalid, match=r"catalog\.yaml:1"):
        _apply_catalog(shop.service, path)
