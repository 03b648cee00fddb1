"""
An incident's exported record: two verifiers, written apart, must both name whatever was changed in it.
"""

from __future__ import annotations

import json
import random
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from incidents.decisions import Asker
from incidents.errors import Invalid, Unknown
from incidents.ledger import Head, standalone_verifier
from incidents.ledger.chain import canonical, from_json, to_json
from incidents.ledger.checkpoint import SigningKey, make_key, parse_and_check, sign
from incidents.ledger.export import FIRST_EVENT, Export
from incidents.ledger.export_check import check, is_export
from incidents.ledger.verify import verify
from incidents.reading import Reading
from incidents.settings import Settings
from incidents.testing import ADMIN, Workshop, workshop
from tests.support.acting import approve, ask

INFORMANT = "The informant is Bob of Initech"


@pytest.fixture(scope="module")
def key(tmp_path_factory: pytest.TempPathFactory) -> SigningKey:
    return make_key(tmp_path_factory.mktemp("keys") / "signing.key")


@pytest.fixture(scope="module")
def keyed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workshop]:
    """A service that signs, with one incident that has lived."""
    path = tmp_path_factory.mktemp("keyed") / "signing.key"
    make_key(path)
    shop = workshop(settings=Settings(signing_key=path))
    lived_through(shop)
    yield shop
    shop.service.stop()


def lived_through(shop: Workshop) -> str:
    """Declared, noted, restricted, corrected, redacted, given back, reviewed; another incident's lines in between."""
    ops, ada, grace = shop.service.operations, shop.person("ada", "commander"), shop.person("grace", "commander")
    body = {
        "playbook": "partner-credential-abuse",
        "parameters": {"partner": "acme"},
        "title": "Schlüssel 😀 \u2028 weg",
    }
    id = str(ops.declare(ada, body).body["id"])
    shop.service.cycle()
    shop.clock.advance(5)
    ops.kill(grace, "model", "vega-1", "another one")
    note = ops.note(ada, id, INFORMANT, restricted=True).body["seq"]
    ops.correct(ada, id, note, text=f"{INFORMANT}!", reason=f"it is certain: {INFORMANT}")
    gone = ops.note(ada, id, "their key is hunter2").body["seq"]
    ops.redact(ada, id, gone, "a secret")
    approve(shop, ask(shop, id, ada), grace)
    ops.save_review(ada, id, "# Review\n\nnothing yet\n", 0)
    return id


@pytest.fixture(scope="module")
def record(keyed: Workshop) -> str:
    """As an insider exports it."""
    return exported(keyed, keyed.person("ada", "commander"))


def exported(shop: Workshop, who: Asker, id: str = "INC-2026-0001", **more: Any) -> str:
    return shop.service.records.export(who, id, "json", **more).text


def fingerprint(shop: Workshop) -> str:
    assert shop.service.signing_key is not None
    return shop.service.signing_key.fingerprint


Verifier = Callable[..., tuple[int | None, str]]


def ours(text: bytes, key: str = "", **more: Any) -> tuple[int | None, str]:
    try:
        found = check(text.decode(), pinned=key, **more)
    except UnicodeDecodeError:
        return 0, "not UTF-8"
    return found.line, found.why or ""


def standalone(text: bytes, key: str = "", **more: Any) -> tuple[int | None, str]:
    report = standalone_verifier.check_export(text, key=key or None, **more)
    return report.line, report.why or ""


VERIFIERS: dict[str, Verifier] = {"ours": ours, "standalone": standalone}


@pytest.fixture(params=VERIFIERS)
def verifier(request: pytest.FixtureRequest) -> Verifier:
    return VERIFIERS[request.param]


# --- untouched ------------------------------------------------------------------------------------------------------


def test_untouched_export_is_whole_with_and_without_a_key(keyed: Workshop, record: str, verifier: Verifier) -> None:
    """A check that cries wolf is switched off."""
    assert verifier(record.encode()) == (None, "")
    assert verifier(record.encode(), key=fingerprint(keyed)) == (None, "")


def test_events_are_exactly_the_lines_of_the_log(keyed: Workshop, record: str) -> None:
    """Whoever has both the log and the export can lay them side by side."""
    events = keyed.service.ledger.incident("INC-2026-0001")
    lines = record.split("\n")[FIRST_EVENT - 1 :][: len(events)]

    assert [line.removesuffix(",") for line in lines] == [to_json(event) for event in events]


def test_signed_end_is_a_checkpoint_of_the_whole_log_too(keyed: Workshop, record: str) -> None:
    """An export that was kept elsewhere is one more witness against a rewritten log."""
    point = parse_and_check(json.loads(record)["checkpoint"], fingerprint(keyed))

    assert verify(keyed.service.ledger.read(), against=point).ok
    assert point.seq == keyed.service.ledger.incident("INC-2026-0001")[-1].seq


def test_counts_of_what_is_missing_are_told(keyed: Workshop, record: str) -> None:
    """Redacted is gone for everybody; withheld is there, but not for this reader."""
    inside = check(record)
    outside = check(exported(keyed, keyed.person("grace", "commander")))

    assert (inside.redacted, inside.withheld) == (1, 0)
    assert (outside.redacted, outside.withheld) == (1, 2)
    assert inside.head == outside.head


# --- changed --------------------------------------------------------------------------------------------------------


def test_one_byte_changed_anywhere_is_found(keyed: Workshop, record: str, verifier: Verifier) -> None:
    """In an event and in a view it is named with its line; nowhere does it pass."""
    octets, rng = record.encode(), random.Random(20261123)
    lines = record.split("\n")
    events = sum(line.startswith('{"actor"') for line in lines)
    missed = []
    for _ in range(250):
        at = rng.randrange(len(octets))
        other = rng.choice([b for b in b'0aZ"{}[],:\\ \n\xff' if b != octets[at]])
        changed = octets[:at] + bytes([other]) + octets[at + 1 :]
        line, why = verifier(changed, key=fingerprint(keyed))
        place = octets[:at].count(b"\n") + 1
        exact = FIRST_EVENT <= place < FIRST_EVENT + events or lines[place - 1].startswith('"timeline"')
        if not why or (exact and line not in (0, place, place + 1)):
            missed.append((at, place, line, why, octets[at - 20 : at + 5]))

    assert missed == []


def test_without_a_key_everything_but_the_signature_itself_is_found(record: str, verifier: Verifier) -> None:
    """The chain needs no key; who wrote the file does."""
    octets, rng = record.encode(), random.Random(7)
    until = octets.index(b'"checkpoint":')
    missed = []
    for _ in range(150):
        at = rng.randrange(until)
        changed = octets[:at] + bytes([rng.choice([b for b in b'0aZ"{' if b != octets[at]])]) + octets[at + 1 :]
        if not verifier(changed)[1]:
            missed.append(at)

    assert missed == []


@settings(max_examples=60)
@given(st.data())
def test_line_that_is_dropped_moved_or_doubled_is_found(keyed: Workshop, record: str, data: st.DataObject) -> None:
    """The line that somebody does not like, taken out or put where it reads better."""
    lines = record.split("\n")
    events = [n for n, line in enumerate(lines) if line.startswith('{"actor"')]
    at = data.draw(st.sampled_from(events))
    to = data.draw(st.sampled_from([n for n in events if n != at]))
    bare = [line.removesuffix(",") for line in lines[events[0] : events[-1] + 1]]
    at, to = at - events[0], to - events[0]
    match data.draw(st.sampled_from(["drop", "swap", "double", "move"])):
        case "drop":
            del bare[at]
        case "swap":
            bare[at], bare[to] = bare[to], bare[at]
        case "double":
            bare.insert(to, bare[at])
        case "move":
            bare.insert(to, bare.pop(at))
    changed = "\n".join([*lines[: events[0]], ",\n".join(bare), *lines[events[-1] + 1 :]]).encode()
    for verifier in VERIFIERS.values():
        line, why = verifier(changed)
        assert why
        assert line is not None


@pytest.mark.parametrize("end", [1, 5])
def test_tail_that_is_cut_off_is_found_by_the_signed_end(
    keyed: Workshop, record: str, verifier: Verifier, end: int
) -> None:
    """The chain alone can't miss what was never there; the signature says where the record ended."""
    values = json.loads(record)
    values["events"] = values["events"][:-end]
    forged = Export(**{n: values[n] for n in Export.__slots__}).written()

    line, why = verifier(forged.encode())
    assert "it is signed at event" in why
    assert line == len(forged.rstrip("\n").split("\n"))


def rebuilt(record: str, **changes: Any) -> str:
    """The same file with other values and every digest right: what a careful forger would make."""
    values = json.loads(record) | changes
    return Export(**{name: values[name] for name in Export.__slots__}).written()


def test_forger_who_mends_every_digest_is_caught_by_the_key_alone(
    keyed: Workshop, record: str, key: SigningKey, verifier: Verifier
) -> None:
    """Whoever can write a file can compute digests; only the signature with a key that is kept elsewhere tells."""
    views = json.loads(record)["views"]
    views["incident"]["title"] = "nothing happened"
    forged = rebuilt(record, views=views)
    values = json.loads(forged)
    newest = values["events"][-1]
    signed = sign(newest["ledger"], Head(newest["seq"], newest["digest"]), key, export=values["digest"])
    resigned = rebuilt(forged, checkpoint=signed)

    assert "signed for another export" in verifier(forged.encode())[1]
    assert verifier(resigned.encode()) == (None, "")
    assert "another key" in verifier(resigned.encode(), key=fingerprint(keyed))[1]
    assert verifier(rebuilt(forged, checkpoint=None).encode()) == (None, "")


def test_unsigned_and_unchecked_are_told_apart(keyed: Workshop, record: str) -> None:
    """Nobody must take "whole" for "genuine"."""
    assert check(record).signed == "unchecked"
    assert check(record, pinned=fingerprint(keyed)).signed == "good"
    assert check(rebuilt(record, checkpoint=None), pinned=fingerprint(keyed)).signed == "none"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        "null",
        '{"andon_export":1}',
        '{"andon_export":2,\n"incident":"x"}',
        '{"andon_export":' + "[" * 5000,
        '{"andon_export":1,\n"incident":"INC-1",\n"kind":"real",\n"ledger":"a",\n"exported_at":"",\n"exported_by":"",\n'
        '"withheld":[],\n"events":[\n\n],\n"views":{\n\n},\n"digests":{},\n"digest":"",\n"checkpoint":null}\n',
        '{"andon_export":1,\n"incident":1,\n"kind":2,\n"ledger":3,\n"exported_at":4,\n"exported_by":5,\n"withheld":[7],\n'
        '"events":[\n7\n],\n"views":{\n"a":1\n},\n"digests":7,\n"digest":7,\n"checkpoint":7}\n',
    ],
)
def test_what_is_no_export_is_said_to_be_none(text: str, verifier: Verifier) -> None:
    """A truncated download gets a sentence, never a traceback."""
    assert verifier(text.encode())[1]


@given(st.binary(max_size=300))
def test_any_bytes_get_an_answer(octets: bytes) -> None:
    """Whatever an auditor is sent."""
    for verifier in VERIFIERS.values():
        assert verifier(b'{"andon_export":1,\n' + octets)[1]


@pytest.mark.parametrize("odd", [1.5, 2**60, float("inf"), "\ud800"])
def test_value_that_has_no_canonical_form_is_refused_in_a_view(record: str, odd: Any, verifier: Verifier) -> None:
    """Two readers could understand it differently."""
    text = record.replace('"views":{\n', f'"views":{{\n"a":{json.dumps(odd)},\n', 1)

    assert verifier(text.encode())[1]


def test_views_hold_no_floats(record: str) -> None:
    """They could not be digested; a figure in milliseconds is a whole number."""
    values = json.loads(record, parse_float=lambda text: pytest.fail(f"a float: {text}"))

    assert values["views"].keys() == {"incident", "measures", "review", "timeline"}


def test_view_with_a_float_is_still_one_that_verifies(shop: Workshop, monkeypatch: pytest.MonkeyPatch) -> None:
    """A field that is added one day must not make every export fail its own check."""
    id = lived_through(shop)
    read = shop.service.operations.reading
    more = {"share": 0.25, "whole": 2.0}

    def reading(asker: Asker, id: str) -> Reading:
        found = read(asker, id)
        return replace(found, whole=found.whole | more)

    monkeypatch.setattr(shop.service.operations, "reading", reading)

    text = exported(shop, ADMIN, id)
    assert check(text).ok
    assert json.loads(text)["views"]["incident"]["share"] == "0.25"


# --- against a checkpoint that was kept elsewhere -------------------------------------------------------------------


def test_kept_checkpoint_of_an_earlier_export_holds_in_a_later_one(keyed: Workshop, key: SigningKey) -> None:
    """An older copy of the record binds every later one."""
    id = lived_through(keyed)
    ada = keyed.person("ada", "commander")
    earlier = json.loads(exported(keyed, ada, id))
    keyed.service.operations.note(ada, id, "and then this")
    later = exported(keyed, ada, id)
    point = parse_and_check(earlier["checkpoint"], fingerprint(keyed))
    other = parse_and_check(sign(earlier["ledger"], Head(point.seq, "f" * 64), key), key.fingerprint)

    assert check(later, against=point).ok
    assert "the export another" in str(check(later, against=other).why)
    theirs = standalone_verifier.read_checkpoint(earlier["checkpoint"], fingerprint(keyed))
    assert standalone_verifier.check_export(later.encode(), against=theirs).why is None
    wrong = standalone_verifier.Checkpoint(theirs.ledger, theirs.seq, "f" * 64)
    assert "rewritten" in str(standalone_verifier.check_export(later.encode(), against=wrong).why)


def test_checkpoint_of_another_event_compares_nothing_and_says_so(keyed: Workshop, record: str) -> None:
    """ "Whole" would be taken for an answer."""
    point = parse_and_check(keyed.service.checkpoint(), fingerprint(keyed))

    with pytest.raises(Invalid, match="none of this incident's"):
        check(record, against=point)
    theirs = standalone_verifier.Checkpoint(point.ledger, point.seq, point.digest)
    with pytest.raises(standalone_verifier.CannotCheck, match="none of this incident's"):
        standalone_verifier.check_export(record.encode(), against=theirs)


def test_what_is_no_key_is_the_askers_mistake_and_not_the_files(record: str) -> None:
    """A typing error in the key must not look like a forged record."""
    with pytest.raises(Invalid, match="pinned key"):
        check(record, pinned="nonsense")
    with pytest.raises(standalone_verifier.CannotCheck):
        standalone_verifier.check_export(record.encode(), key="nonsense")


# --- the auditor's program ------------------------------------------------------------------------------------------


def run(*arguments: str | Path, stdin: str = "") -> tuple[int, str]:
    program = [sys.executable, "-I", standalone_verifier.__file__, *map(str, arguments)]
    ran = subprocess.run(program, capture_output=True, text=True, input=stdin, check=False)
    return ran.returncode, ran.stdout + ran.stderr


def test_auditors_program_takes_an_export_by_itself(keyed: Workshop, record: str, tmp_path: Path) -> None:
    """They are handed a file, not a manual: it tells an export from a log, and what was not shown."""
    (tmp_path / "x.json").write_text(record, encoding="utf-8")
    code, said = run(tmp_path / "x.json")
    assert (code, "signature was not checked" in said, "INC-2026-0001" in said) == (0, True, True)

    code, said = run(tmp_path / "x.json", "--key", fingerprint(keyed))
    assert (code, "its signature is of the key that you gave" in said) == (0, True)
    assert run("-", stdin=record.replace("acme revoked", "acme invited"))[0] == 1
    assert run(tmp_path / "x.json", "--key", "nonsense")[0] == 2
    (tmp_path / "log.jsonl").write_text("\n".join(map(to_json, keyed.service.ledger.read())), encoding="utf-8")
    assert run(tmp_path / "log.jsonl")[0] == 0
    assert run(tmp_path / "log.jsonl", "--key", fingerprint(keyed))[0] == 2


# --- who gets what --------------------------------------------------------------------------------------------------


FORMS = ("md", "html", "json")


@pytest.mark.parametrize("form", FORMS)
def test_restricted_words_are_for_insiders_and_what_is_withheld_is_said(keyed: Workshop, form: str) -> None:
    """Neither the note nor its correction, in whatever form; and nobody takes the rest for everything."""
    ada, grace = keyed.person("ada", "commander"), keyed.person("grace", "commander")
    inside, outside, handed_out = (
        keyed.service.records.export(who, "INC-2026-0001", form, handed_out=out).text
        for who, out in ((ada, False), (grace, False), (ada, True))
    )

    assert INFORMANT in inside.replace("\\", "")
    for text in (outside, handed_out):
        assert "informant" not in text
        assert "a restricted note" in text
    if form != "json":
        assert "restricted line" in inside.replace("\\", "")


@pytest.mark.parametrize("form", FORMS)
def test_redacted_words_are_in_no_form(keyed: Workshop, form: str) -> None:
    """Redacted means gone."""
    for who in (ADMIN, keyed.person("ada", "commander")):
        assert "hunter2" not in keyed.service.records.export(who, "INC-2026-0001", form).text


@pytest.mark.parametrize("form", FORMS)
def test_restricted_incident_is_exported_by_insiders_alone(shop: Workshop, form: str) -> None:
    """To everybody else it does not exist, not even as a refusal."""
    ops, ada = shop.service.operations, shop.person("ada", "commander")
    id = ops.declare(
        ada, {"playbook": "break-glass", "parameters": {"partner": "acme"}, "visibility": "restricted"}
    ).body["id"]

    assert id in shop.service.records.export(ada, id, form).text
    with pytest.raises(Unknown, match="unknown incident"):
        shop.service.records.export(shop.person("grace", "commander"), id, form)


@pytest.mark.parametrize("form", FORMS)
def test_another_restricted_incident_is_not_named_to_outsiders(shop: Workshop, form: str) -> None:
    """The evidence lists what others held, and people write ids into notes; the chain still holds."""
    ops, ada, grace = shop.service.operations, shop.person("ada", "commander"), shop.person("grace", "commander")
    secret = ops.declare(
        ada, {"playbook": "break-glass", "parameters": {"partner": "acme"}, "visibility": "restricted"}
    ).body["id"]
    id = ops.kill(ada, "capability", "orion-2:tool-use", "it answers what it must not").body["id"]
    ops.note(ada, id, f"see {secret}")
    ops.save_review(ada, id, f"# Review\n\nas in {secret}\n", 0)
    outside = shop.service.records.export(grace, id, form).text

    assert secret in shop.service.records.export(ada, id, form).text
    assert secret not in outside
    if form == "json":
        found = check(outside)
        assert (found.ok, found.withheld) == (True, 3)
        parts = {(e["part"], e["because"]) for e in json.loads(outside)["withheld"]}
        assert parts == {("data", "names a restricted incident"), ("text", "names a restricted incident")}
        assert standalone(outside.encode()) == (None, "")


def test_unknown_form_and_unknown_incident_are_refused(shop: Workshop) -> None:
    """Each with what there is instead."""
    with pytest.raises(Invalid, match="Did you mean 'html'"):
        shop.service.records.export(ADMIN, "INC-2026-0001", "htm")
    with pytest.raises(Unknown):
        shop.service.records.export(ADMIN, "INC-2026-0001", "md")


def test_service_without_a_key_exports_unsigned(shop: Workshop) -> None:
    """A missing key must not keep people from their record."""
    lived_through(shop)
    text = exported(shop, ADMIN)

    assert json.loads(text)["checkpoint"] is None
    assert (check(text).ok, check(text).signed) == (True, "none")
    assert is_export(text)


def test_lines_of_an_export_can_be_read_as_events(record: str) -> None:
    """What is in the file is the log's own form, whatever stands around it."""
    values = json.loads(record)

    assert [from_json(canonical(line).decode()).seq for line in values["events"]] == [
        e["seq"] for e in values["events"]
    ]
