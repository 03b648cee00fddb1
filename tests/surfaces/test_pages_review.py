"""
The review's page: a draft that nobody stored, two people who lose nothing, and words about who may do what.
"""

from __future__ import annotations

import html
import re
from typing import Any

import pytest
from flask.testing import FlaskClient

from app import create_app
from incidents.decisions.review import DOCUMENT_LIMIT
from incidents.ledger.export_check import check as check_export
from incidents.testing import Workshop
from tests.support.acting import declare
from tests.surfaces.test_pages import HOSTILE, form_token, hidden, sign_in, words

MORE = "postmortem: {due: 5 business days, ask: ['Why was the key long-lived?', 'Who noticed first?']}\n"
ANSWERED = "# Review\n\n## Why was the key long-lived?\n\nNobody looked.\n\n## Who noticed first?\n\nThey did.\n"


@pytest.fixture
def id(shop: Workshop) -> str:
    ada = shop.person("ada", "commander")
    made = declare(shop, "revoke-partner: {partner: acme}", more=MORE, by=ada)
    shop.service.cycle()
    shop.clock.advance(90)
    shop.service.operations.note(ada, made, "acme called")
    shop.service.operations.move(ada, made, "mitigated")
    shop.service.operations.move(ada, made, "resolved", reason="done")
    return made


def signed_in(shop: Workshop, person: str, role: str) -> FlaskClient:
    http = create_app(service=shop.service).test_client()
    sign_in(http, shop.secret(f"{person}-{role}", role, person=person))
    return http


@pytest.fixture
def linus(shop: Workshop) -> FlaskClient:
    return signed_in(shop, "linus", "responder")


@pytest.fixture
def ada(shop: Workshop) -> FlaskClient:
    return signed_in(shop, "ada", "commander")


@pytest.fixture
def grace(shop: Workshop) -> FlaskClient:
    return signed_in(shop, "grace", "commander")


def page(http: FlaskClient, id: str, query: str = "") -> str:
    answer = http.get(f"/incidents/{id}/review{query}")
    assert answer.status_code == 200
    return answer.text


def edited(text: str, found: str) -> dict[str, str]:
    """The editor's form of a page, with another text in it."""
    return hidden(found, re.search(r'action="(/incidents/[^"]+/review)" enctype', found)[1]) | {"document": text}  # type: ignore[index]


def save(http: FlaskClient, id: str, text: str, found: str, **more: str) -> Any:
    return sent(http, id, edited(text, found) | more)


def sent(http: FlaskClient, id: str, fields: dict[str, str]) -> Any:
    """As a browser sends the editor's form. Put together here: the client's own way leaves temporary files open."""
    parts = "".join(
        f'--edge\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n' for name, value in fields.items()
    )
    body = f"{parts}--edge--\r\n".encode()
    return http.post(f"/incidents/{id}/review", data=body, content_type="multipart/form-data; boundary=edge")


def in_editor(found: str) -> str:
    area = re.search(r'<textarea id="document-text".*?>\n(.*?)</textarea>', found, re.DOTALL)
    assert area is not None
    return html.unescape(area[1])


def act(http: FlaskClient, id: str, what: str, **fields: str) -> Any:
    return http.post(f"/incidents/{id}/review/{what}", data={"csrf": form_token(page(http, id)), **fields})


# --- writing ----------------------------------------------------------------------------------------------------------


def test_draft_is_shown_and_nothing_is_stored_by_looking(shop: Workshop, linus: FlaskClient, id: str) -> None:
    """Opening the page must not write, and must not look as if somebody had written."""
    before = shop.service.ledger.head()
    said = words(page(linus, id, "?edit=1"))

    assert shop.service.ledger.head() == before
    assert "Nothing is written yet" in said
    assert "First draft, not stored" in said
    assert "2 open" in said
    assert "_To be answered._" in in_editor(page(linus, id))


def test_what_is_saved_is_shown_and_who_wrote_it(linus: FlaskClient, id: str) -> None:
    """The first thing to know of a text is whose it is."""
    answer = save(linus, id, ANSWERED.replace("\n", "\r\n"), page(linus, id))
    assert answer.status_code == 303
    assert answer.headers["Location"] == f"/incidents/{id}/review?said=saved#document"
    said = words(page(linus, id))

    assert "Version 1 by Linus Berg" in said
    assert "All answered" in said
    assert in_editor(page(linus, id)) == ANSWERED
    assert "said=already" in save(linus, id, ANSWERED, page(linus, id)).headers["Location"]


def test_second_writer_sees_what_changed_and_saves_both(linus: FlaskClient, ada: FlaskClient, id: str) -> None:
    """The promise of the page: what she wrote, what he wrote, and one more press."""
    hers, his = page(ada, id), page(linus, id)
    text = in_editor(hers)
    save(ada, id, text.replace("_To be answered._", "Nobody looked.", 1), hers)
    answer = save(linus, id, text.replace("## Follow-ups", "## Costs\n\nNone.\n\n## Follow-ups"), his)
    said = words(answer.text)

    assert answer.status_code == 409
    assert "Ada Okafor saved version 1" in said
    assert "Nothing was saved, and nothing is lost" in said
    assert "<del>_To be answered._</del>" in answer.text
    assert "<ins>Nobody looked.</ins>" in answer.text
    both = in_editor(answer.text)
    assert ("Nobody looked." in both, "## Costs" in both, "<<<<<<<" in both) == (True, True, False)
    assert save(linus, id, both, answer.text).status_code == 303
    assert "Version 2 by Linus Berg" in words(page(ada, id))


def test_same_line_twice_is_marked_and_can_not_be_published(linus, ada, grace, id: str, shop: Workshop) -> None:
    """Until a person has decided, both stand there, and what was typed is shown as it was."""
    shop.service.operations.review_owner(shop.person("ada", "commander"), id, "linus")
    save(ada, id, ANSWERED, page(ada, id))
    hers, his = page(ada, id), page(linus, id)
    save(ada, id, ANSWERED.replace("They did.", "She says."), hers)
    answer = save(linus, id, ANSWERED.replace("They did.", "He says."), his)

    both = in_editor(answer.text)
    assert "<<<<<<< yours\nHe says.\n=======\nShe says.\n>>>>>>> version 2, ada\n" in both
    assert "1 place where both of you changed the same lines" in words(answer.text)
    assert "What you typed, as it was" in answer.text
    save(linus, id, both, answer.text)
    assert "is still a mark of a merge" in words(page(grace, id))


def test_second_writer_of_the_first_version_begins_with_the_same_draft(shop: Workshop, linus, ada, id: str) -> None:
    """Two drafts that nobody stored, an hour apart in which figures grew: only what people wrote may conflict."""
    ops = shop.service.operations
    open_id = declare(shop, "halt-model: {model: vega-1}", more=MORE, by=shop.person("ada", "commander"))
    his = page(linus, open_id)
    shop.clock.advance(3600)
    ops.note(shop.person("ada", "commander"), open_id, "an hour later")
    hers = page(ada, open_id)
    save(ada, open_id, in_editor(hers).replace("_To be answered._", "Nobody looked.", 1), hers)
    text = in_editor(his)
    answer = save(linus, open_id, text.replace("## Follow-ups", "## Costs\n\nNone.\n\n## Follow-ups"), his)

    assert "<<<<<<<" not in in_editor(answer.text)
    assert "Nobody looked." in in_editor(answer.text)
    assert "1 h" in in_editor(answer.text)


def test_preview_shows_and_stores_nothing(shop: Workshop, linus: FlaskClient, id: str) -> None:
    """Looking at one's own words comes before putting them out; without a script too."""
    before = shop.service.ledger.head()
    answer = save(linus, id, "# Mine\n\n**bold**", page(linus, id), step="preview")

    assert answer.status_code == 200
    assert "Preview, not saved" in answer.text
    assert "<strong>bold</strong>" in answer.text
    assert in_editor(answer.text) == "# Mine\n\n**bold**"
    assert shop.service.ledger.head() == before


@pytest.mark.parametrize(
    ("text", "why"), [(" ", "the document is empty"), ("x" * (DOCUMENT_LIMIT + 1), "at most 200000 are taken")]
)
def test_refused_text_is_still_in_the_editor(linus: FlaskClient, id: str, text: str, why: str) -> None:
    """An hour of writing must survive a limit."""
    answer = save(linus, id, text, page(linus, id))

    assert answer.status_code == 422
    assert why in answer.text
    assert in_editor(answer.text) == text


def test_longest_text_passes_in_any_script(linus: FlaskClient, id: str) -> None:
    """A form counts octets; the limit counts characters."""
    assert save(linus, id, "語" * DOCUMENT_LIMIT, page(linus, id)).status_code == 303


def test_text_of_a_visitor_who_was_signed_out_is_kept(linus: FlaskClient, id: str) -> None:
    """A session ends while people write; the text must come through signing in again."""
    data = edited("語" * 60_000, page(linus, id))
    linus.delete_cookie("andon_session")
    answer = sent(linus, id, data)

    assert answer.status_code == 401
    assert "語" * 60_000 in answer.text
    assert 'enctype="multipart/form-data"' in answer.text


def test_form_without_its_token_or_version_saves_nothing(shop: Workshop, linus: FlaskClient, id: str) -> None:
    """Another site must not write reviews, and a form that lost its version must not write over one."""
    data = edited("x", page(linus, id))
    for wrong in (data | {"csrf": "0"}, data | {"base": "x"}, {**data, "base": ""}):
        assert sent(linus, id, wrong).status_code in (403, 422)

    assert shop.service.operations.postmortem(shop.person("ada", "commander"), id)["version"] == 0


def test_hostile_document_runs_nowhere(linus: FlaskClient, ada: FlaskClient, id: str) -> None:
    """Rendered, in the editor, in the differences, in the preview."""
    text = f"# {HOSTILE}\n\n</textarea>{HOSTILE}\n\n[x](javascript:alert(1))"
    first = page(ada, id)
    save(linus, id, text, page(linus, id))
    shown = [page(ada, id, "?edit=1&changes=1"), save(ada, id, f"{text} mine", first).text]
    shown.append(save(ada, id, text, page(ada, id), step="preview").text)

    for found in shown:
        assert "<img" not in found
        assert 'href="javascript' not in found
        assert found.count("</textarea>") == found.count("<textarea")


# --- who may do what --------------------------------------------------------------------------------------------------


def test_approval_and_publication_by_two_with_words_for_everybody_else(shop: Workshop, linus, ada, grace, id) -> None:
    """Each reader sees the one button that is theirs, or why there is none."""
    save(linus, id, ANSWERED, page(linus, id))
    assert "You can't approve it: approving a review needs the role 'commander'" in html.unescape(
        words(page(linus, id))
    )
    assert "it has no owner" in words(page(ada, id))
    assert act(linus, id, "owner", person="linus").status_code == 303
    assert "approve it</button>" in page(ada, id)
    assert act(ada, id, "approval", version="1").headers["Location"].endswith("said=approved#standing")
    assert "another person publishes it" in html.unescape(words(page(ada, id)))
    assert "Publish version 1</button>" in page(grace, id)
    assert act(grace, id, "publication", version="1").status_code == 303
    said = words(page(linus, id))

    assert "Published" in said
    assert "Version 1 was published by Grace Lim" in said
    assert "the incident is reviewed" in said


def test_refusal_is_shown_beside_what_stands(ada: FlaskClient, id: str) -> None:
    """Nothing was done, and the page says so with the reason."""
    save(ada, id, ANSWERED, page(ada, id))
    answer = act(ada, id, "approval", version="1")

    assert answer.status_code == 403
    assert "Nothing was done. ada wrote part of this review" in words(answer.text)
    assert act(ada, id, "publication", version="x").status_code == 409


def test_reader_gets_no_form(shop: Workshop, id: str) -> None:
    """Somebody who may only read is not led to a refusal."""
    viewer = signed_in(shop, "ada", "viewer")
    found = page(viewer, id)

    assert re.findall(r'method="post" action="([^"]+)"', found) == ["/logout"]
    assert f'href="/incidents/{id}/export?format=json"' in found


def test_partner_and_stranger_see_nothing_of_it(shop: Workshop, http: FlaskClient, id: str) -> None:
    """A review names partners."""
    sign_in(http, shop.secret("acme", "partner", partner="acme"))
    for path in ("review", "export"):
        assert http.get(f"/incidents/{id}/{path}").status_code == 403
    assert create_app(service=shop.service).test_client().get(f"/incidents/{id}/review").status_code == 303


def test_restricted_incident_has_no_review_for_outsiders(shop: Workshop, grace: FlaskClient) -> None:
    """Not even that there is one."""
    body = {"playbook": "break-glass", "parameters": {"partner": "acme"}, "visibility": "restricted"}
    secret = shop.service.operations.declare(shop.person("ada", "commander"), body).body["id"]

    for path in ("review", "export?format=json"):
        assert grace.get(f"/incidents/{secret}/{path}").status_code == 404


def test_false_alarm_says_that_it_has_none(shop: Workshop, ada: FlaskClient) -> None:
    """The page stays readable; what can't be done is not offered."""
    ops, who = shop.service.operations, shop.person("ada", "commander")
    id = declare(shop, "revoke-partner: {partner: acme}", more=MORE, by=who)
    ops.move(who, id, "false-alarm", reason="their own test")

    assert 'id="document-text"' not in page(ada, id)


# --- facts ------------------------------------------------------------------------------------------------------------


def test_any_two_moments_can_be_measured_without_a_script(linus: FlaskClient, id: str) -> None:
    """The question that nobody thought of beforehand; a note is named by its words."""
    found = page(linus, id)
    note = re.search(r'<option value="(note-\d+)"[^>]*>[^<]*note: acme called', found)
    assert note is not None

    assert f"declared → note: acme called: {'1 min 30 s'}" in words(page(linus, id, f"?from=declared&to={note[1]}"))
    assert 'class="measured"' not in page(linus, id, "?from=declared&to=nothing")


def test_follow_up_has_an_owner_and_the_end_of_a_day(shop: Workshop, linus: FlaskClient, id: str) -> None:
    """It must be on the incident with its owner, and what was typed must survive a wrong date."""
    wrong = act(linus, id, "follow-ups", title="Shorten keys", owner="grace", due="tomorrow")
    assert wrong.status_code == 422
    assert 'value="Shorten keys"' in wrong.text
    assert act(linus, id, "follow-ups", title="Shorten keys", owner="grace", due="2026-12-31").status_code == 303
    task = shop.service.operations.postmortem(shop.person("ada", "commander"), id)["follow_ups"][0]

    assert (task["title"], task["owner"], task["due_at"]) == ("Shorten keys", "grace", "2026-12-31T23:59:59.000Z")
    assert "Shorten keys Grace Lim · due 2026-12-31" in words(page(linus, id))


def test_changes_of_each_version_can_be_read(linus: FlaskClient, ada: FlaskClient, id: str) -> None:
    """Whoever approves wants to see what is new since they last read it."""
    save(linus, id, ANSWERED, page(linus, id))
    save(ada, id, ANSWERED.replace("They did.", "She did."), page(ada, id))
    found = page(linus, id, "?changes=2")

    assert "<del>They did.</del>" in found
    assert "<ins>She did.</ins>" in found
    assert linus.get(f"/incidents/{id}/review?changes=7").status_code == 404
    assert page(linus, id, "?changes=x")


@pytest.mark.parametrize(
    ("form", "media"), [("html", "text/html"), ("md", "text/markdown"), ("json", "application/json")]
)
def test_record_is_handed_over_as_a_file(ada: FlaskClient, id: str, form: str, media: str) -> None:
    """Never shown in place: the page's own policy would not let it look as it should."""
    answer = ada.get(f"/incidents/{id}/export?format={form}")

    assert answer.mimetype == media
    assert answer.headers["Content-Disposition"] == f'attachment; filename="{id}.{form}"'
    if form == "json":
        assert check_export(answer.text).ok
    assert ada.get(f"/incidents/{id}/export?format=pdf").status_code == 422


def test_incident_leads_to_its_review_and_lines_can_be_linked(ada: FlaskClient, id: str) -> None:
    """The draft's links must lead to the very line."""
    assert f'href="/incidents/{id}/review"' in ada.get(f"/incidents/{id}").text
    targets = re.findall(rf'href="/incidents/{id}(\?line=\d+)#(line-\d+)"', page(ada, id))

    assert targets
    assert all(f'id="{line}"' in ada.get(f"/incidents/{id}{wish}").text for wish, line in targets)
