"""
What a gateway does alone: a jumping clock, a log in an outage, threads by the hundred. The rest: ``test_chaos_faults``.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.chaos.__main__ import load_all
from tests.chaos.findings import FAULTS

load_all()
ALONE = [one.name for one in FAULTS.values() if one.group == "client" and one.short and one.alone]


@pytest.mark.parametrize("name", ALONE)
def test_gateway_denies_in_time_and_recovers_by_itself(name: str, tmp_path: Path) -> None:
    """Each fault names its promise; ``python -m tests.chaos --list`` shows them."""
    one = FAULTS[name]

    finding = one.run(one.short, tmp_path)

    assert finding.violations == []
    if finding.note.startswith("not tried"):
        pytest.skip(finding.note)
    assert finding.trials >= one.short
