"""
What a link that is handed out tells, and above all what it does not.
"""

from __future__ import annotations

import re
from dataclasses import asdict
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from incidents.decisions.tasks import NewTask
from incidents.reading import Reading
from incidents.shared_view import ADDRESS, ELSEWHERE, _cleaner
from incidents.testing import ADMIN, Workshop
from tests.support.acting import LIVED, contain, declare

SECRET = "xyzzy"
MINE = "INC-2026-0001"


def shared(shop: Workshop, id: str) -> Reading:
    made = shop.service.operations.share(ADMIN, id)
    found = shop.service.operations.shared_reading(id, made.body["share"])
    assert found is not None
    return found


def said(found: Reading) -> str:
    return str(asdict(found))


def worked(shop: Workshop, words: str, **more: Any) -> str:
    """An incident into whose every free field somebody has put these words."""
    operations, linus = shop.service.operations, shop.person("linus", "responder")
    steps = LIVED.replace("Call the partner by a known number", '"Call because of {{ why }}"')
    actions = ("revoke-partner: {partner: acme}", "call: {connector: mlflow, action: roll-back-alias}")
    id = declare(shop, *actions, more=steps, by=linus, **{"parameters": {"why": "a leak"}} | more)
    ada = shop.person("ada", "commander")
    operations.role(ada, id, "commander", "take")
    seq = operations.note(linus, id, words).body["seq"]
    operations.correct(linus, id, seq, text=f"{words} again", reason=words)
    operations.post_update(linus, id, words)
    operations.add_task(linus, id, NewTask(title=words, about=words))
    operations.settle_task(linus, id, 1, "skipped", words)
    contain(shop)
    operations.set_severity(ada, id, "sev1", words)
    operations.judge_exit(ada, id, 1, met=True, evidence=words)
    operations.settle_action(ada, id, 2, "declined", words)
    operations.save_review(linus, id, words, 0)
    operations.ask_restore(ada, id, [], words)
    operations.move(ada, id, "mitigated", reason=words)
    return id


def test_other_incidents_and_addresses_are_not_named(shop: Workshop) -> None:
    """
    Who was sent one incident was not sent the others, nor anybody's address.
    """
    other = declare(shop, "revoke-partner: {partner: acme}")
    id = worked(shop, f"as in {other} and {other.lower()}-R1, ask eve.o'neil+x@mail.example.org")
    told = said(shared(shop, id))
    assert other not in told.upper()
    assert ELSEWHERE in told
    assert not re.search(r"\S@\S", told)
    assert ADDRESS in told
    assert id in told


def test_notes_for_members_are_not_even_mentioned(shop: Workshop) -> None:
    """
    That there is a note is already something.
    """
    id = worked(shop, "fine")
    operations, linus = shop.service.operations, shop.person("linus", "responder")
    seq = operations.note(linus, id, SECRET, restricted=True).body["seq"]
    operations.correct(linus, id, seq, text=f"{SECRET}!", reason=SECRET)
    found = shared(shop, id)
    assert SECRET not in said(found)
    assert seq not in [row.seq for row in found.rows]
    assert "fine again" in said(found)


def test_restricted_incident_is_told_without_a_typed_word(shop: Workshop) -> None:
    """
    The link may go round; what somebody wrote in a restricted incident may not.
    """
    id = worked(shop, SECRET, parameters={"partner": "acme", "why": f"{SECRET} of theirs"})
    shop.service.operations.set_visibility(shop.person("ada", "commander"), id, "restricted", SECRET)
    assert SECRET in str(shop.service.operations.reading(ADMIN, id))
    found = shared(shop, id)
    assert SECRET not in said(found)
    assert found.whole["title"] == found.whole["playbook"]["title"] == "P"
    assert found.whole["status"] == "mitigated"
    assert "acme revoked" in said(found)
    assert [row.kind for row in found.rows if row.kind == "incident:note:added"] == []


def test_nothing_of_who_may_see_it_or_has_the_link_is_told(shop: Workshop) -> None:
    """
    Members, tokens, links and denied approvals are the house's own affair.
    """
    id = worked(shop, "fine")
    found = shared(shop, id)
    kinds = {row.kind for row in found.rows}
    assert not any(kind.startswith(("share:", "incident:members:", "incident:visibility:")) for kind in kinds)
    assert not {"shares", "members", "insiders", "evidence", "notices"} & found.whole.keys()
    assert found.people.keys() <= {"ada", "linus", "grace"}
    assert {(p["slack"], p["email"]) for p in found.people.values()} == {(None, None)}
    assert all(not row.data.keys() - {"ms", "partners", "step", "of", "moment"} for row in found.rows)


def test_hold_is_told_once_and_what_still_waits_is_told(shop: Workshop) -> None:
    """Leadership reads what is in force and what is open, not what the plan left out."""
    id = declare(shop, "revoke-partner: {partner: acme}", "call: {connector: mlflow, action: roll-back-alias}")
    told = [row.text for row in shared(shop, id).rows if "acme revoked" in row.text or "Action" in row.text]
    assert told[0] == "In force: acme revoked"
    assert [text[:8] for text in told[1:]] == ["Action 2"]


def test_link_that_ended_or_never_was_reads_nothing(shop: Workshop) -> None:
    """
    The signature is checked elsewhere; the log has the last word.
    """
    from incidents.errors import Unknown

    id = worked(shop, "fine")
    operations = shop.service.operations
    share = operations.share(ADMIN, id, "1h").body["share"]
    assert operations.shared_reading(id, share) is not None
    operations.revoke_share(ADMIN, id, share)
    assert operations.shared_reading(id, share) is None
    late = operations.share(ADMIN, id, "1h").body["share"]
    shop.clock.advance(3600)
    assert operations.shared_reading(id, late) is None
    for incident, name in ((id, "unknown"), ("INC-2026-9999", share)):
        with pytest.raises(Unknown):
            operations.shared_reading(incident, name)


@given(
    st.lists(
        st.sampled_from(
            [MINE, f"{MINE}-R1", "INC-2026-0002", "INC-2026-00012", "drill-2026-0007/h1", "TEST-2025-123456", "a@b.io",
             " ", ".", "-", "x", "(", ",", "\n", "é", "@"]
        ),
        max_size=12,
    )
)  # fmt: skip
def test_cleaning_leaves_no_other_id_and_no_address_however_they_are_joined(parts: list[str]) -> None:
    """
    People write ids into sentences, brackets and file names.
    """
    text = _cleaner(MINE, ())("".join(parts))
    assert not re.search(r"(INC|DRILL|TEST)-\d{4}-\d{3,}", text.replace(MINE, ""), re.IGNORECASE)
    assert not re.search(r"[\w.]@[\w]+\.\w", text)


def test_cleaning_a_long_word_is_quick() -> None:
    """
    A pasted blob of 20,000 characters must not hold the page up.
    """
    import time

    began = time.thread_time()
    _cleaner(MINE, ())("a" * 20_000 + "@" * 50)
    assert time.thread_time() - began < 1
