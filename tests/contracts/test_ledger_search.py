"""
What every ledger finds: the same words in the same lines, whatever the log is stored in and however far it is indexed.

A second, naive implementation in this file says what is right.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from incidents.events import Draft, HoldPlaced
from incidents.holds import Hold, HoldKind
from incidents.ledger import Chosen, Hit, Ledger
from incidents.ledger.memory import MemoryLedger
from incidents.ledger.sqlite import SqliteLedger
from tests.contracts import test_ledger as contract
from tests.contracts.ledger_facts import declared, noted

opened, ledger, append = contract.opened, contract.ledger, contract.append

ACME, GLOBEX = "INC-2026-0001", "INC-2026-0002"


@pytest.fixture(params=["appended", "indexed"])
def kept(request: pytest.FixtureRequest, ledger: Ledger) -> Ledger:
    """Two incidents and what was said about them, just appended or indexed since."""
    append(
        ledger,
        declared(ACME, "Key of Acme on a paste site", "seen by Jörg", partner="acme", model="orion-2"),
        Draft(
            HoldPlaced(
                hold=Hold(
                    id="h1", incident=ACME, action=1, kind=HoldKind.FLAG, model="vega-1", capability="tool-use"
                ).data()
            ),
            incident=ACME,
        ),
        declared(GLOBEX, "Globex calls at night", partner="globex"),
    )
    append(ledger, noted(1, incident=ACME, words="The partner's security contact rotates the key"), noted(2))
    append(ledger, noted(3, incident=GLOBEX, words="Straße, ÅNGSTRÖM and 東京電力 were named"))
    if request.param == "indexed":
        assert ledger.tidy(steps=100)
    return ledger


@pytest.mark.parametrize(
    ("words", "found"),
    [
        ("acme", [ACME]),
        ("ACME paste", [ACME]),
        ("key", [ACME]),
        ("rotates acme", [ACME]),  # one word in a note, the other in the title
        ("secur", [ACME]),  # a word that is only begun
        ("ecurity", []),
        ("jorg", [ACME]),
        ("JÖRG", [ACME]),
        ("strasse angstrom", [GLOBEX]),
        ("電力", [GLOBEX]),
        ("東力", []),
        ("partner", [GLOBEX, ACME]),  # of the playbook's id, the newest declared first
        ("inc-2026-0001", [ACME]),
        ("orion-2", [ACME]),
        ("vega-1:tool-use", [ACME]),  # what was held
        ("2-orion", []),  # the same words the other way round
        ("partner's", [ACME]),
        ("site-seen", []),  # the end of the title and the beginning of the summary
        ("acme globex", []),
        ("acme nothing-like-it", []),
        ("- ' acme ,", [ACME]),
        ("---", []),
        ("", []),
    ],
)
def test_words_are_found_wherever_they_were_said(kept: Ledger, words: str, found: list[str]) -> None:
    """Somebody at night remembers a word from a note, without its accent, and half of it."""
    assert kept.find(words.split()) == found


@pytest.mark.parametrize(
    "words",
    [
        '"', "'", "acme'", '"acme', 'acme" OR "globex', "acme*", "^acme", "-acme", "acme:", "words:acme", "(acme",
        "acme)", "{acme", "NEAR(acme", "acme\0", "acme;--", "%acme", "_acme", "\\acme", "acme\u00ad", "\ud800acme",
    ],
)  # fmt: skip
def test_signs_of_a_query_language_mean_nothing(kept: Ledger, words: str) -> None:
    """What people paste must neither fail nor reach anything but the words in it."""
    assert kept.find([words]) in ([], [ACME])
    assert kept.hits([words], [ACME, GLOBEX]) == kept.hits([words], [ACME])


@pytest.mark.parametrize("words", ["AND", "OR", "NOT", "NEAR"])
def test_words_of_a_query_language_are_words(ledger: Ledger, words: str) -> None:
    """Somebody who looks for NEAR means that it was written."""
    append(ledger, noted(1, incident=ACME, words=f"it stood {words.lower()} the door"), noted(2, incident=GLOBEX))
    ledger.tidy()

    assert ledger.find([words]) == [ACME]


def test_newest_declared_come_first_and_a_page_goes_on_behind_another(ledger: Ledger) -> None:
    """A later note must not move an incident to another page."""
    ids = [f"INC-2026-{n:04d}" for n in range(1, 8)]
    append(ledger, *[declared(id, "same words") for id in ids])
    ledger.tidy()
    append(ledger, noted(1, incident=ids[0], words="same words again"))

    assert ledger.find(["same"], limit=3) == ids[:3:-1]
    assert ledger.find(["same"], before=ids[4], limit=3) == ids[3:0:-1]
    assert ledger.find(["same"], before=ids[0]) == []
    assert ledger.find(["same"], before="INC-1999-0001") == []


def test_only_the_chosen_are_found_and_the_next_is_asked_for_only_where_one_was_found(ledger: Ledger) -> None:
    """A filter over a long past is not walked through for a word that hardly anybody wrote."""
    ids = [f"INC-2026-{n:04d}" for n in range(1, 8)]
    append(ledger, *[declared(id, "same words" if id != ids[4] else "others") for id in ids])
    ledger.tidy()
    asked: list[int] = []

    def chosen(*numbers: int) -> Chosen:
        return lambda number: asked.append(number) or max((n for n in numbers if n <= number), default=None)

    assert ledger.find(["same"], limit=2, among=chosen(6, 5, 2, 1)) == [ids[5], ids[1]]
    assert asked == [7, 6, 4, 2]
    assert ledger.find(["others"], among=chosen(7, 6, 5, 4)) == [ids[4]]
    assert ledger.find(["same"], among=chosen()) == []
    assert ledger.find(["same"], among=chosen(6, 5, 4), before=ids[5]) == [ids[3]]
    assert ledger.find(["---"], among=chosen(7)) == []


def test_hidden_incidents_take_nobodys_place(ledger: Ledger) -> None:
    """A limit that counted them would tell that something is hidden, and hide what is not."""
    ids = [f"INC-2026-{n:04d}" for n in range(1, 8)]
    append(ledger, *[declared(id, "same words") for id in ids])
    ledger.tidy()

    def reads(incident: str, for_members: bool) -> bool:
        return incident not in (ids[6], ids[4])

    assert ledger.find(["same"], limit=2, reads=reads) == [ids[5], ids[3]]
    assert {hit.incident for hit in ledger.hits(["same"], ids, reads=reads)} == {*ids} - {ids[6], ids[4]}


@pytest.mark.parametrize("indexed", [False, True])
def test_lines_for_members_are_found_by_members_alone(ledger: Ledger, indexed: bool) -> None:
    """The words of a restricted note must not be guessed by searching for them, one after another."""
    append(ledger, declared(ACME, "Acme"), noted(1, incident=ACME, words="Jane Doe is suspected", restricted=True))
    append(ledger, declared(GLOBEX, "Globex"), noted(1, incident=GLOBEX, words="Jane Doe called"))
    if indexed:
        assert ledger.tidy()

    def outside(incident: str, for_members: bool) -> bool:
        return not for_members

    assert ledger.find(["jane"]) == [GLOBEX, ACME]
    assert ledger.find(["jane"], reads=outside) == [GLOBEX]
    assert ledger.find(["acme", "jane"], reads=outside) == []
    assert ledger.hits(["jane"], [ACME], reads=outside) == []
    assert [hit.snippet for hit in ledger.hits(["jane"], [ACME])] == ["Jane Doe is suspected"]


def test_hits_say_where_it_was_found(kept: Ledger) -> None:
    """A list of incidents alone makes people open each of them."""
    assert kept.hits(["key", "CONTACT"], [GLOBEX, ACME]) == [
        Hit(
            ACME, 4, "test:thing:noted", "note", "The partner's security contact rotates the key", ((23, 30), (43, 46))
        ),
        Hit(ACME, 1, "incident:life:declared", "title", "Key of Acme on a paste site", ((0, 3),)),
    ]
    assert [hit.field for hit in kept.hits(["jorg", "acme"], [ACME])] == ["title", "summary", "parameters"]
    assert [hit.field for hit in kept.hits(["orion-2"], [ACME])] == ["parameters"]
    assert [(hit.kind, hit.snippet) for hit in kept.hits(["vega-1"], [ACME])] == [
        ("access:hold:placed", "vega-1:tool-use switched off")
    ]


def test_hits_are_few_and_none_says_the_same_twice(ledger: Ledger) -> None:
    """Ten versions of a review that all hold the word are one thing to look at."""
    append(ledger, declared(ACME, "leak"), *[noted(n, incident=ACME, words="the leak again") for n in range(9)])
    append(ledger, *[noted(n, incident=ACME, words=f"leak number {n}") for n in range(9)])

    assert [hit.snippet for hit in ledger.hits(["leak"], [ACME], each=3)] == ["leak", "the leak again", "leak number 0"]


def test_redacted_words_are_found_no_more_and_the_rest_still_is(opened: contract.Opened) -> None:
    """A name that was taken out must not live on in the search; the incident itself stays findable."""
    one = opened.ledger
    append(one, declared(ACME, "Jane Doe leaks", "of Acme", partner="acme"), noted(1, incident=ACME, words="Jane"))
    assert one.tidy()
    append(one, noted(2, incident=ACME, words="janeway"))

    append(one, redact=[1, 2, 3])

    for found in (one, opened.beside()):
        assert found.find(["jane"]) == []
        assert found.find(["acme"]) == [ACME]
        assert found.find(["partner-credential"]) == [ACME]
        assert found.hits(["jane"], [ACME]) == []
        assert [hit.field for hit in found.hits(["acme"], [ACME])] == ["parameters"]


def test_answers_that_told_redacted_words_tell_them_no_more(ledger: Ledger) -> None:
    """A repeated request gets its first answer for a week; the words must not come back with it."""
    title = "Jane Doe of Acme leaks"
    told = contract.Answer(201, f'{{"id": "{ACME}", "title": "{title}", "url": "/{title}", "n": [{{"x": "{title}"}}]}}')
    append(ledger, declared(ACME, title), key=contract.KEY, answer=lambda _: told)
    other = contract.AnswerKey("ada", "POST /other", "k-2", "d" * 64)
    append(ledger, noted(1, incident=GLOBEX), key=other, answer=lambda _: contract.Answer(201, f'{{"t":"{title}"}}'))

    append(ledger, redact=[1])

    found = ledger.answer(contract.KEY)
    assert found is not None
    assert "Jane" not in found.json
    assert ACME in found.json
    assert found.body == ""  # a digest of the request's words could be guessed at
    assert ledger.answer(other) == contract.Answer(201, f'{{"t":"{title}"}}', other.body)  # it is about another one


def test_short_redacted_words_do_not_tear_other_words_apart(ledger: Ledger) -> None:
    """Taking out a note that says "ok" must leave the token in an answer whole."""
    told = contract.Answer(201, f'{{"incident":"{ACME}","token":"token","said":"ok"}}')
    append(ledger, noted(1, incident=ACME, words="ok"), key=contract.KEY, answer=lambda _: told)

    append(ledger, redact=[1])

    found = ledger.answer(contract.KEY)
    assert found is not None
    assert found.json == f'{{"incident":"{ACME}","token":"token","said":"[redacted]"}}'


# --- the same, naively ----------------------------------------------------------------------------------------------

PLAIN = str.maketrans({"é": "e", "É": "e", "A": "a", "B": "b", "ß": "ss", "ø": "o", "\u0301": "", "İ": "i"})


def tokens(text: str) -> list[str]:
    return re.findall(r"[a-z0-9]+|漢|字", text.translate(PLAIN))


@dataclass
class Said:
    """One line as a test remembers it."""

    seq: int
    incident: str
    text: str
    restricted: bool

    def has(self, word: str) -> bool:
        wanted, mine = tokens(word), tokens(self.text)
        return any(
            mine[at : at + len(wanted) - 1] == wanted[:-1] and mine[at + len(wanted) - 1].startswith(wanted[-1])
            for at in range(len(mine) - len(wanted) + 1)
        )


@dataclass
class Naive:
    lines: list[Said] = field(default_factory=list)
    order: list[str] = field(default_factory=list)

    def find(self, words: Iterable[str], *, member: bool) -> list[str]:
        wanted = [word for word in words if tokens(word)]
        found = {
            incident
            for incident in self.order
            if wanted
            and all(
                any(line.has(w) for line in self.lines if line.incident == incident and (member or not line.restricted))
                for w in wanted
            )
        }
        return [incident for incident in reversed(self.order) if incident in found]


TEXT = st.text(alphabet="aéÉABßøbİ0 -'漢字\u0301", min_size=1, max_size=8)
STEP = st.one_of(
    st.tuples(st.just("note"), st.integers(1, 4), TEXT, st.booleans()),
    st.tuples(st.just("redact"), st.integers(0, 30)),
    st.tuples(st.just("tidy"), st.integers(1, 3)),
)


@given(st.lists(STEP, min_size=1, max_size=25), st.lists(st.lists(TEXT, max_size=3), min_size=1, max_size=4))
@example([("note", 1, "ab", False), ("tidy", 3), ("note", 1, "a", True), ("redact", 0)], [["a"], ["b"]])
def test_every_ledger_finds_what_a_naive_look_through_all_lines_finds(
    steps: list[tuple], queries: list[list[str]]
) -> None:
    """
    Whatever is said, redacted and indexed in between, and whatever is asked.

    The index and the lines that are not in it yet must together be the log, no more and no less.
    """
    with tempfile.TemporaryDirectory() as folder:
        stores: list[Ledger] = [MemoryLedger(), SqliteLedger.create(Path(folder) / "andon.db")]
        naive = Naive()
        for step in steps:
            take(step, stores, naive)
        for query in queries:
            compare(query, stores, naive)
        for store in stores:
            store.close()


def take(step: tuple, stores: list[Ledger], naive: Naive) -> None:
    match step:
        case ("note", number, text, restricted):
            incident = f"x{number}"
            for store in stores:
                (event,) = append(store, noted(1, incident=incident, words=text, restricted=restricted))
            naive.lines.append(Said(event.seq, incident, text, restricted))
            if incident not in naive.order:
                naive.order.append(incident)
        case ("redact", number) if naive.lines:
            line = naive.lines.pop(number % len(naive.lines))
            for store in stores:
                append(store, redact=[line.seq])
        case ("tidy", number):
            for store in stores:
                store.tidy(steps=number)


def compare(query: list[str], stores: list[Ledger], naive: Naive) -> None:
    for member in (True, False):
        right = naive.find(query, member=member)
        for store in stores:
            found = store.find(query, reads=lambda _, for_members, member=member: member or not for_members)
            assert found == right, (store.name, query, member)
    hits = [store.hits(query, naive.order, each=2) for store in stores]
    assert hits[0] == hits[1]
    assert {hit.incident for hit in hits[0]} >= set(naive.find(query, member=True))
    for hit in hits[0]:
        assert hit.marks
        for start, end in hit.marks:
            assert any(Said(0, "", hit.snippet[start:], False).has(word) for word in query if tokens(word)), (hit, end)
