"""
What axe-core finds wrong with a page that a browser shows: the rules of WCAG and the best practices beside them.
"""

from __future__ import annotations

from typing import Any

from tests.system_parts import need_axe

RUN = "async () => (await axe.run(document, {resultTypes: ['violations']})).violations"


def violations(page: Any) -> list[str]:
    """
    One line for each element that breaks a rule: which rule, why, and the element; none for a page without fault.

    Args:
        page: Playwright's page. What is folded away is looked at as well: everything is opened first.
    """
    script = need_axe().read_text(encoding="utf-8")
    page.evaluate("document.querySelectorAll('details').forEach(d => d.open = true)")
    page.evaluate(script)
    found = page.evaluate(RUN)
    return [
        f"{rule['id']} ({rule['impact']}): {rule['help']}: {node['html'][:160]} {node['failureSummary'][:300]}"
        for rule in found
        for node in rule["nodes"]
    ]
