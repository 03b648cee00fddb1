"""
Faults of ledger and line that mostly wait, several at a time: the short version of ``make chaos``.
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor

import pytest

from tests.chaos.__main__ import load_all
from tests.chaos.findings import FAULTS, Finding

load_all()
BESIDE = [one for one in FAULTS.values() if one.group != "load" and one.short and not one.alone]
AT_ONCE = 5


@pytest.fixture(scope="module")
def findings(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Future[Finding]]]:
    """Every fault has its own service, files and gateway, and spends its time waiting for a lease to end."""
    with ThreadPoolExecutor(AT_ONCE) as pool:
        yield {one.name: pool.submit(one.run, one.short, tmp_path_factory.mktemp("fault")) for one in BESIDE}
        pool.shutdown(cancel_futures=True)


@pytest.mark.parametrize("name", [one.name for one in BESIDE])
def test_fault_breaks_no_promise(name: str, findings: dict[str, Future[Finding]]) -> None:
    """Each fault names its promise; ``python -m tests.chaos --list`` shows them."""
    finding = findings[name].result(timeout=120)

    assert finding.violations == []
    if finding.note.startswith("not tried"):
        pytest.skip(finding.note)
    assert finding.trials >= FAULTS[name].short
