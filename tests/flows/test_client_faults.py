"""
The Python enforcement point against real serving processes on the worst day: the short version of ``make chaos``.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.chaos.__main__ import load_all
from tests.chaos.findings import FAULTS

load_all()


@pytest.mark.parametrize("name", [one.name for one in FAULTS.values() if one.group == "client" and one.short])
def test_gateway_denies_in_time_and_recovers_by_itself(name: str, tmp_path: Path) -> None:
    """Each fault names its promise; ``python -m tests.chaos --list`` shows them."""
    one = FAULTS[name]

    finding = one.run(one.short, tmp_path)

    assert finding.violations == []
    if finding.note.startswith("not tried"):
        pytest.skip(finding.note)
    assert finding.trials >= one.short
