"""
Finding incidents by their words: over the API, on the pages and on the command line, and never what is hidden.
"""

from __future__ import annotations

import re
from html import unescape
from typing import Any

import pytest
from flask.testing import FlaskClient

from incidents import finding
from incidents.life import Over
from incidents.state_copy import dump_state
from incidents.testing import ADMIN, Workshop
from tests.support.api import CREDENTIAL_ABUSE, JAILBREAK, V1, Caller, caller, problem
from tests.surfaces.test_api_document import check

ACME, DRILL = "INC-2026-0001", "DRILL-2026-0001"


@pytest.fixture
def ada(shop: Workshop, http: FlaskClient) -> Caller:
    return caller(shop, http, "commander", "ada")


@pytest.fixture
def grace(shop: Workshop, http: FlaskClient) -> Caller:
    return caller(shop, http, "commander", "grace")


@pytest.fixture
def past(ada: Caller) -> None:
    """An incident and a drill with something said about both."""
    ada.post("incidents", CREDENTIAL_ABUSE | {"title": "Key of Acme on a paste site", "severity": "sev3"})
    ada.post(f"incidents/{ACME}/notes", {"text": "Jörg saw the same <b>key</b> at a reseller in Ålesund."})
    ada.post("incidents", JAILBREAK | {"kind": "drill", "title": "Quarterly rehearsal"})
    ada.post(f"incidents/{DRILL}/notes", {"text": "The pager was silent; the key question is why."})
    ada.post(f"incidents/{ACME}/severity", {"severity": "sev1", "reason": "worse"})  # beside which no drill begins


def found(who: Caller, query: str) -> list[dict[str, Any]]:
    answer = who.get(f"incidents?{query}")
    items: list[dict[str, Any]] = check(answer, f"{V1}/incidents")["items"]
    return items


def ids(who: Caller, query: str) -> list[str]:
    return [row["id"] for row in found(who, query)]


def shown(hit: dict[str, Any]) -> list[str]:
    """What is marked in a hit."""
    return [hit["snippet"][start:end] for start, end in hit["marks"]]


@pytest.mark.usefixtures("past")
def test_an_answer_says_where_the_words_were_found(ada: Caller) -> None:
    """A list of twenty incidents that all hold the word somewhere helps nobody."""
    (drill, real) = found(ada, "q=KEY")

    assert (drill["id"], real["id"]) == (DRILL, ACME)
    assert [(h["place"], shown(h)) for h in drill["hits"]] == [("note", ["key"])]
    assert [(h["place"], shown(h)) for h in real["hits"]] == [("title", ["Key"]), ("note", ["key"])]
    row = next(r for r in ada.get(f"incidents/{ACME}/timeline").json["items"] if r["seq"] == real["hits"][1]["seq"])
    assert row["text"].startswith("Jörg")


@pytest.mark.usefixtures("past")
@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("q=jorg", [ACME]),
        ("q=alesund+KEY", [ACME]),
        ("q=key&kind=drill", [DRILL]),
        ("q=key&severity=sev1", [ACME]),
        ("q=key&status=closed", []),
        ("severity=sev1", [ACME]),
        ("kind=real&severity=sev2", []),
        ("q=acme+revoked", [ACME]),  # what is held
        ("q=partner-credential-abuse", [ACME]),
        (f"q={DRILL.lower()}", [DRILL]),
        ("q=orion-2", [DRILL]),
        ("q=%22key%22+OR+nothing", []),
        ("q=%F0%9F%94%A5", []),
        ("q=+++", [DRILL, ACME]),
    ],
)
def test_words_and_filters_narrow_together(ada: Caller, query: str, expected: list[str]) -> None:
    """A filter that is dropped because words came with it shows the wrong incidents."""
    assert ids(ada, query) == expected


@pytest.mark.usefixtures("past")
def test_without_words_the_answer_is_as_it_was(ada: Caller) -> None:
    """Programs that list incidents must not find a field that says nothing."""
    assert all("hits" not in row for row in found(ada, "kind=drill"))


def test_pages_of_a_search_leave_no_gap_and_repeat_nothing(ada: Caller) -> None:
    """Also when something new is declared between two pages."""
    for number in range(5):
        ada.post("incidents", CREDENTIAL_ABUSE | {"separate": True, "title": f"leak {number}"})

    first = ada.get("incidents?q=leak&limit=2").json
    ada.post("incidents", CREDENTIAL_ABUSE | {"separate": True, "title": "leak, a new one"})
    second = ada.get(f"incidents?q=leak&limit=2&cursor={first['next']}").json
    third = ada.get(f"incidents?q=leak&limit=2&cursor={second['next']}").json

    seen = [row["id"] for page in (first, second, third) for row in page["items"]]
    assert seen == [f"INC-2026-000{n}" for n in (5, 4, 3, 2, 1)]
    assert third["next"] is None


@pytest.mark.parametrize("query", ["q=" + "+".join("abcdefghijklm"), "cursor=INC-1999-0001&q=a"])
def test_what_can_not_be_looked_for_is_refused(ada: Caller, query: str) -> None:
    """Each word costs a look through the index; a cursor that is quietly ignored begins from the start again."""
    assert problem(ada.get(f"incidents?{query}"), 422)["errors"][0]["where"] in ("q", "cursor")


# --- what is hidden -------------------------------------------------------------------------------------------------


@pytest.fixture
def hidden(ada: Caller) -> None:
    """Ada's restricted incident between two open ones that say the same."""
    for title in ("leak one", "leak two", "leak three"):
        ada.post("incidents", CREDENTIAL_ABUSE | {"separate": True, "title": title})
    ada.post("incidents/INC-2026-0002/visibility", {"visibility": "restricted", "reason": "an insider named zanzibar"})


@pytest.mark.usefixtures("hidden")
def test_restricted_incidents_are_found_by_insiders_alone_and_take_nobodys_place(ada: Caller, grace: Caller) -> None:
    """Neither a hit nor a page that is one short may betray that there is one."""
    page = grace.get("incidents?q=leak&limit=2").json

    assert [row["id"] for row in page["items"]] == ["INC-2026-0003", "INC-2026-0001"]
    assert page["next"] is None
    assert ids(grace, "limit=2") == ["INC-2026-0003", "INC-2026-0001"]
    assert ids(grace, "q=zanzibar") == []
    assert ids(ada, "q=zanzibar") == ["INC-2026-0002"]


@pytest.mark.usefixtures("hidden")
def test_a_restricted_incident_is_no_cursor(grace: Caller) -> None:
    """Trying ids one after another would tell which exist."""
    hidden, unknown = (
        problem(grace.get(f"incidents?cursor={id}"), 422)["detail"].replace(id, "ID")
        for id in ("INC-2026-0002", "INC-2026-0009")
    )

    assert hidden == unknown


@pytest.mark.usefixtures("hidden")
@pytest.mark.parametrize("query", ["inc-2026-0002", "2026-0002", "0002 same"])
def test_mentions_of_a_restricted_incident_can_not_be_searched_for(ada: Caller, grace: Caller, query: str) -> None:
    """An open incident's note shows "a restricted incident" in its place; finding the note by the id would name it."""
    ada.post("incidents/INC-2026-0001/notes", {"text": "It is the same as INC-2026-0002, I think."})

    assert ids(ada, f"q={query.replace(' ', '+')}") != []
    assert ids(grace, f"q={query.replace(' ', '+')}") == []
    (row,) = found(grace, "q=same")
    assert "INC-2026-0002" not in str(row)
    assert shown(row["hits"][0]) == ["same"]


def test_restricted_notes_are_found_by_members_alone(ada: Caller, grace: Caller) -> None:
    """Also in the words that a correction put in their place."""
    ada.post("incidents", CREDENTIAL_ABUSE)
    note = ada.post(f"incidents/{ACME}/notes", {"text": "Eve is suspected", "restricted": True}).json
    ada.post(f"incidents/{ACME}/lines/{note['seq']}/correction", {"text": "Mallory is suspected", "reason": "mixed up"})

    for word in ("eve", "mallory", "suspected"):
        assert ids(ada, f"q={word}") == [ACME]
        assert ids(grace, f"q={word}") == []
    assert found(grace, "q=acme")[0]["hits"] != []


def test_redacted_words_are_found_no_more_by_anybody(ada: Caller) -> None:
    """Neither in the search, nor in the title that is kept at hand, nor in what a repeated request is answered."""
    body = CREDENTIAL_ABUSE | {"title": "Jane Doe lost her key"}
    first = ada.post("incidents", body, key="k-1")
    seq = ada.get(f"incidents/{ACME}/timeline").json["items"][0]["seq"]
    assert ids(ada, "q=jane") == [ACME]

    ada.post(f"incidents/{ACME}/lines/{seq}/redaction", {"reason": "a name stood there"})

    assert ids(ada, "q=jane") == []
    assert ids(ada, "q=acme") == [ACME]
    assert "Jane" in first.get_data(as_text=True)
    again = ada.post("incidents", body, key="k-1")
    problem(again, 422)  # the digest of the words is gone as well, so nobody can try what they were
    assert "Jane" not in ada.get("incidents?limit=5").get_data(as_text=True)


def test_the_kept_state_holds_no_free_words(shop: Workshop, ada: Caller, past: None) -> None:
    """It is written beside the log at any moment, and no redaction looks into it."""
    with shop.service.desk.read() as state:
        kept = dump_state(state)

    assert b"INC-2026-0001" in kept
    for word in (b"paste", b"reseller", b"rehearsal", b"pager"):
        assert word not in kept


# --- a long list ----------------------------------------------------------------------------------------------------


def test_a_list_looks_at_no_more_than_it_shows(shop: Workshop, monkeypatch: pytest.MonkeyPatch) -> None:
    """With 100,000 incidents behind it no page of them may cost a walk over all."""
    looked: list[object] = []
    fits = finding.Wanted.fits
    monkeypatch.setattr(finding.Wanted, "fits", lambda wanted, known: looked.append(known) or fits(wanted, known))
    with shop.service.desk.read() as state:
        state.order.extend(f"INC-2020-{n:05d}" for n in range(100_000))
        state.over.update(
            {
                id: Over(kind="real", status="closed", severity="sev2", seq=n - 100_000)
                for n, id in enumerate(state.order)
            }
        )
    finder = finding.Finder(shop.service.desk, ADMIN, finding.Wanted(severity="sev2"))

    assert finder.ids(after="", limit=3) == ["INC-2020-99999", "INC-2020-99998", "INC-2020-99997"]
    assert finder.ids(after="INC-2020-50000", limit=2) == ["INC-2020-49999", "INC-2020-49998"]
    assert len(looked) == 5


# --- pages ----------------------------------------------------------------------------------------------------------


def page(http: FlaskClient, shop: Workshop, path: str, status: int = 200) -> str:
    answer = http.get(path, headers=shop.headers(shop.secret("ada-commander", "commander", person="ada")))
    assert answer.status_code == status
    return answer.text


def words(text: str) -> str:
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", text.partition("<main")[2])).split())


@pytest.mark.usefixtures("past")
def test_the_board_leads_to_a_search_and_the_result_shows_where(http: FlaskClient, shop: Workshop) -> None:
    """A form that works without a script; what was typed and chosen stays in it."""
    assert '<form class="finder" action="/incidents" role="search">' in page(http, shop, "/")

    text = page(http, shop, "/incidents?q=jorg+key&severity=sev1")

    assert 'value="jorg key"' in text
    assert '<option value="sev1" selected>SEV 1</option>' in text
    assert "<mark>Jörg</mark> saw the same &lt;b&gt;<mark>key</mark>&lt;/b&gt; at a reseller" in text
    assert re.search(rf'href="/incidents/{ACME}\?line=(\d+)#line-\1">Note<', text)
    assert f'<a href="/incidents/{ACME}"><mark>Key</mark> of Acme on a paste site</a>' in text
    assert "Quarterly" not in text


@pytest.mark.usefixtures("past")
def test_the_line_that_a_hit_leads_to_is_on_the_incidents_page(http: FlaskClient, shop: Workshop) -> None:
    """A link that only opens the top of a long page leaves the reader searching again."""
    seq = re.search(r"\?line=(\d+)#line-", page(http, shop, "/incidents?q=reseller"))

    assert seq is not None
    assert f'id="line-{seq[1]}"' in page(http, shop, f"/incidents/{ACME}?line={seq[1]}")


def test_the_list_is_turned_page_by_page_with_its_filters(http: FlaskClient, shop: Workshop, ada: Caller) -> None:
    """Whoever filtered for drills must not see others on the second page."""
    for number in range(27):
        ada.post("incidents", CREDENTIAL_ABUSE | {"separate": True, "kind": "drill", "title": f"drill {number}"})
    ada.post("incidents", CREDENTIAL_ABUSE)

    first = page(http, shop, "/incidents?kind=drill&q=drill")
    older = re.search(r'href="(/incidents\?[^"]+)" rel="next"', first)
    assert older is not None
    second = page(http, shop, unescape(older[1]))

    assert first.count("<h3>") == 25
    assert second.count("<h3>") == 2
    assert "DRILL-2026-0001" in second
    assert "These are the oldest." in second
    assert '"/incidents?q=drill&amp;kind=drill">Newest' in second


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("/incidents?status=contain", "Did you mean 'contained'?"),
        ("/incidents?kind=INC", "real, drill, test"),
        ("/incidents?cursor=INC-1999-0001", "unknown cursor"),
        (f"/incidents?q={'x' * 501}", "at most 500"),
        ("/incidents?q=" + "+".join("abcdefghijklm"), "at most 12"),
    ],
)
def test_a_wrong_filter_is_said_on_the_page(http: FlaskClient, shop: Workshop, path: str, said: str) -> None:
    """A list that ignores it looks as if nothing else were there."""
    text = page(http, shop, path, 422)

    assert said in words(text)
    assert "Nothing was looked for." in words(text)


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("/incidents", "No incident has been declared yet."),
        ("/incidents?q=%3Cscript%3E", "No incident has all of this. Each word"),
        ("/incidents?q=x&kind=drill", "with these filters"),
        ("/incidents?kind=drill", "No incident is like that."),
    ],
)
def test_an_empty_result_says_what_was_looked_at(http: FlaskClient, shop: Workshop, path: str, said: str) -> None:
    """Silence looks like a broken page, and what was typed must not run."""
    text = page(http, shop, path)

    assert said in words(text)
    assert "<script>" not in text


@pytest.mark.usefixtures("hidden")
def test_pages_hide_what_the_api_hides(http: FlaskClient, shop: Workshop) -> None:
    """They ask the same operation; this holds it."""
    headers = shop.headers(shop.secret("grace-commander", "commander", person="grace"))

    text = http.get("/incidents?q=leak", headers=headers).text

    assert "leak three" in words(text)
    assert "INC-2026-0002" not in text
