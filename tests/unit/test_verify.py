"""Whatever is changed in a log, verification names it; nothing that was not changed is ever called forged."""

from __future__ import annotations

import base64
import stat
from dataclasses import fields, replace
from datetime import timedelta

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from incidents.errors import Conflicting, Invalid, Unavailable
from incidents.events import Actor, Draft, Event, LedgerRestored
from incidents.ledger import GENESIS, Head
from incidents.ledger.chain import Tip, digest_of_header, from_lines, seal_all, to_json
from incidents.ledger.checkpoint import load_key, make_key, parse_and_check, sign
from incidents.ledger.verify import against, verify, verify_incident
from tests.contracts.ledger_facts import ADA, NOON, noted


def log(
    *drafts: Draft, ledger: str = "a1", tip: Tip | None = None, newest: dict[str, str] | None = None
) -> list[Event]:
    return seal_all(drafts, actor=ADA, now=NOON, ledger=ledger, tip=tip or Tip(), newest_of=(newest or {}).get)


def forged(event: Event, **changes) -> Event:
    """A changed event with its own digest made right again, as somebody who can compute would leave it."""
    changed = replace(event, **changes)
    return replace(changed, digest=digest_of_header(changed))


WHOLE = log(
    noted(1, incident="INC-2026-0001", words="first"),
    noted(2, words="second"),
    noted(3, incident="INC-2026-0002", anything={"deep": ["x", None, True]}),
    noted(4, incident="INC-2026-0001"),
    noted(5, incident="INC-2026-0001", words="fünfte 😀"),
)


def _other(value: object) -> st.SearchStrategy[object]:
    """Values that could stand where this one stands, but differ."""
    match value:
        case None:
            made = st.sampled_from(["x", "f" * 64])
        case int():
            made = st.integers(0, 9)
        case str():
            made = st.text(max_size=8) | st.just(value[:-1] + ("0" if value[-1:] != "0" else "1"))
        case bytes():
            made = st.none() | st.binary(min_size=16, max_size=16)
        case Actor():
            made = st.builds(
                Actor, st.none() | st.text(max_size=3), st.none() | st.text(max_size=3), st.text(max_size=3)
            )
        case dict():
            made = st.none() | st.dictionaries(st.text(max_size=3), st.text(max_size=3), max_size=2)
        case _:
            made = st.timedeltas(timedelta(microseconds=1), timedelta(days=9)).map(lambda by: value + by)
    return made.filter(lambda one: one != value)


@given(st.data())
def test_any_changed_field_is_named(data):
    """The one promise of the log: a single changed field, anywhere, is found and its event is named."""
    place = data.draw(st.integers(0, len(WHOLE) - 1))
    name = data.draw(st.sampled_from([field.name for field in fields(Event)]))
    value = getattr(WHOLE[place], name)
    changed = [*WHOLE]
    if name == "text" and value is None:
        new: object = {"note": "was never there"}
    elif name == "salt" and value is None:
        new = b"0" * 16
    else:
        new = data.draw(_other(value))
    changed[place] = replace(WHOLE[place], **{name: new})

    verdict = verify(changed)

    assert verdict.wrong == place + 1
    assert verdict.why is not None
    assert verdict.events == place


def test_untouched_log_is_whole():
    """A check that cries wolf is switched off."""
    verdict = verify(iter(WHOLE), ledger="a1")

    assert verdict.ok
    assert (verdict.events, verdict.redacted, verdict.ledgers) == (5, 0, ("a1",))
    assert verdict.head == Head(5, WHOLE[-1].digest)


def test_empty_log_is_whole():
    """A ledger is checked from its first minute on."""
    assert verify([]).head == Head(0, GENESIS)
    assert verify([], ledger="a1").ok


def test_exported_log_verifies_like_the_log():
    """The proof travels with the file."""
    assert verify(from_lines(map(to_json, WHOLE))).ok


def test_redacted_events_are_counted_and_not_wrong():
    """Taking a name out is allowed, and must still be seen to have happened."""
    verdict = verify([replace(event, text=None, salt=None) for event in WHOLE])

    assert (verdict.ok, verdict.redacted) == (True, 3)


@pytest.mark.parametrize(
    ("changed", "wrong", "why"),
    [
        ([*WHOLE[:2], *WHOLE[3:]], 3, "in its place stands number 4"),
        (WHOLE[1:], 1, "in its place stands number 2"),
        ([WHOLE[0], WHOLE[0]], 2, "in its place stands number 1"),
        ([WHOLE[0], forged(WHOLE[1], kind="test:other:noted"), *WHOLE[2:]], 3, "not the digest of event 2"),
        (
            [*WHOLE[:4], forged(WHOLE[4], incident_prev=WHOLE[0].digest)],
            5,
            "its link to the event before it of INC-2026",
        ),
        ([*WHOLE[:4], forged(WHOLE[4], recorded_at=NOON - timedelta(1))], 5, "before the event in front of it"),
        ([*WHOLE[:4], forged(WHOLE[4], ledger="b2")], 5, "no restore is recorded"),
        ([*WHOLE[:4], forged(WHOLE[4], v=2)], 5, "envelope version is 2"),
        ([replace(WHOLE[0], text={"note": "other"})], 1, "its text was changed"),
        ([replace(WHOLE[0], text=None)], 1, "not by a redaction"),
        ([replace(WHOLE[3], text={"note": "x"}, seq=1)], 1, "not the start of a log"),
        ([replace(WHOLE[0], data={"number": float("nan")})], 1, "its data was changed"),
        ([replace(WHOLE[0], data={"number": {1, 2}})], 1, "no sealed event can hold"),
    ],
)
def test_what_is_wrong_is_said_in_a_sentence(changed, wrong, why):
    """Whoever is woken by a broken chain must read what happened to it, not that two strings differ."""
    verdict = verify(changed)

    assert verdict.wrong == wrong
    assert verdict.why is not None
    assert verdict.why.startswith(f"event {wrong}: ")
    assert why in verdict.why


def test_ledger_that_calls_itself_otherwise_is_named():
    """Events of another ledger put into this file are somebody else's truth."""
    verdict = verify(WHOLE, ledger="b2")

    assert not verdict.ok
    assert "calls itself b2" in (verdict.why or "")


def restored(old: str = "a1", new: str = "b2", said_by: str = "b2") -> list[Event]:
    tip = Tip(5, WHOLE[-1].digest, NOON)
    fact = LedgerRestored(from_ledger=old, to_ledger=new)
    return [*WHOLE, *log(Draft(fact), noted(7), ledger=said_by, tip=tip)]


def test_restored_ledger_goes_on_under_its_new_id():
    """A backup that lives on is one chain with two names, and that is no forgery."""
    verdict = verify(restored(), ledger="b2")

    assert verdict.ok
    assert verdict.ledgers == ("a1", "b2")


@pytest.mark.parametrize("lie", [{"old": "zz"}, {"new": "zz"}, {"said_by": "a1"}, {"new": "a1", "said_by": "a1"}])
def test_restore_that_names_other_ledgers_is_wrong(lie):
    """Only the exact change of name is accepted, or any foreign tail could be hung on."""
    assert verify(restored(**lie)).wrong == 6


def test_one_incident_verifies_without_the_rest():
    """An incident's export goes to a partner or regulator who must not see the others."""
    alone = [event for event in WHOLE if event.incident == "INC-2026-0001"]
    verdict = verify_incident(alone)

    assert verdict.ok
    assert (verdict.events, verdict.head) == (3, Head(5, WHOLE[4].digest))


@pytest.mark.parametrize(
    ("events", "wrong", "why"),
    [
        ([WHOLE[0], WHOLE[4]], 5, "its link"),
        ([WHOLE[3], WHOLE[4]], 4, "its link"),
        ([WHOLE[0], WHOLE[2]], 3, "it belongs to INC-2026-0002"),
        ([WHOLE[0], WHOLE[1]], 2, "belongs to no incident"),
        ([WHOLE[0], replace(WHOLE[3], at=NOON + timedelta(1))], 4, "its header was changed"),
        ([WHOLE[0], WHOLE[0]], 1, "out of order"),
    ],
)
def test_incident_export_with_a_piece_missing_or_changed_is_named(events, wrong, why):
    """Leaving out the embarrassing event must show."""
    verdict = verify_incident(events)

    assert verdict.wrong == wrong
    assert why in (verdict.why or "")


@pytest.fixture
def key(tmp_path):
    return make_key(tmp_path / "keys" / "signing.pem")


@pytest.fixture
def signed(key):
    return sign("a1", Head(4, WHOLE[3].digest), key, at=NOON)


def test_checkpoint_is_a_signed_note_of_c2sp(key, signed):
    """Any tool that reads signed notes can check it; so the form is fixed to the letter."""
    origin, size, root, time, public, empty, signature, end = signed.split("\n")

    assert (origin, size) == ("andon/a1", "4")
    assert base64.b64decode(root).hex() == WHOLE[3].digest
    assert time == "time 2026-11-23T12:00:07.123456Z"
    assert public == f"key {key.public}"
    assert (empty, end) == ("", "")
    dash, name, blob = signature.split(" ")
    assert (dash, name, len(base64.b64decode(blob))) == ("—", "andon/a1", 68)


def test_checkpoint_is_accepted_with_key_pem_or_fingerprint(key, signed):
    """People pin what they have at hand: the printed key, its file, or the fingerprint on paper."""
    for pinned in (key.public, key.public_pem, key.fingerprint, f" {key.fingerprint.upper()}\n"):
        found = parse_and_check(signed, pinned)
        assert (found.ledger, found.seq, found.digest, found.at) == ("a1", 4, WHOLE[3].digest, NOON)
        assert found.fingerprint == key.fingerprint


def test_witness_signature_beside_ours_does_not_disturb(key, signed):
    """C2SP lets others sign the same text; they add lines."""
    witness = f"— witness.example {base64.b64encode(b'x' * 68).decode()}\n"

    assert parse_and_check(signed + witness, key.public).seq == 4
    assert parse_and_check(signed.replace("\n\n", f"\n\n{witness}"), key.public).seq == 4


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (lambda text: text.replace("\n4\n", "\n3\n"), "changed after it was signed"),
        (lambda text: text.replace("time 2026", "time 2025"), "changed after it was signed"),
        (lambda text: text.replace("andon/a1", "andon/b2"), "not signed with the pinned key"),
        (lambda text: text.split("\n\n")[0] + "\n\n", "not signed with the pinned key"),
        (lambda text: text.split("\n\n")[0], "not a checkpoint"),
        (lambda _: "hello", "not a checkpoint"),
        (lambda text: text.replace("— andon/a1 ", "— andon/a1 !"), "not base64"),
    ],
)
def test_changed_checkpoint_is_refused(key, signed, change, complaint):
    """A checkpoint that could be edited would prove whatever the editor likes."""
    with pytest.raises(Invalid, match=complaint):
        parse_and_check(change(signed), key.public)


def test_checkpoint_of_another_key_is_refused(tmp_path, signed):
    """Whoever rewrites the log can also sign it, but only with a key of their own."""
    other = make_key(tmp_path / "other.pem")

    with pytest.raises(Invalid, match="not signed with the pinned key"):
        parse_and_check(signed, other.public)
    with pytest.raises(Invalid, match="signed with another key"):
        parse_and_check(signed, other.fingerprint)


@pytest.mark.parametrize(("seq", "digest"), [(4, GENESIS), (0, "f" * 64), (4, "ff")])
def test_signed_nonsense_is_refused(key, seq, digest):
    """A signature says who wrote it, not that it can be true: no event has the digest of the start."""
    with pytest.raises(Invalid, match="no digest of event"):
        parse_and_check(sign("a1", Head(seq, digest), key), key.public)


def test_fingerprint_needs_the_key_in_the_text(key, signed):
    """A fingerprint alone can't check a signature, and guessing is no option."""
    with pytest.raises(Invalid, match="carries no public key"):
        parse_and_check(signed.replace(f"key {key.public}\n", ""), key.fingerprint)


@pytest.mark.parametrize("pinned", ["", "hello", "aGVsbG8=", "-----BEGIN PUBLIC KEY-----\nx\n-----END PUBLIC KEY-----"])
def test_pinned_key_that_is_none_is_refused(signed, pinned):
    """A mistyped key must never count as a check that passed."""
    with pytest.raises(Invalid, match="pinned key"):
        parse_and_check(signed, pinned)


def test_log_that_holds_the_checkpoint_is_confirmed(key, signed):
    """Also when it has grown since."""
    assert against(WHOLE, signed, key.public, ledger="a1").ok
    assert against(WHOLE[:4], signed, key.fingerprint).ok


def test_tail_cut_off_is_named(key, signed):
    """A shorter log is whole in itself; only the checkpoint knows that there was more."""
    verdict = against(WHOLE[:3], signed, key.public)

    assert verdict.wrong == 4
    assert "tail was cut off" in (verdict.why or "")


def test_rewritten_log_is_named(key, signed):
    """A log written anew from the start is whole in itself; its digests are not those that were signed."""
    verdict = against(log(*[noted(number) for number in range(9)]), signed, key.public)

    assert verdict.wrong == 4
    assert "rewritten" in (verdict.why or "")


def test_checkpoint_of_another_ledger_is_named(key):
    """The right number with another ledger's digest proves nothing here."""
    for seq, digest, wrong in ((4, WHOLE[3].digest, 4), (0, GENESIS, 1)):
        verdict = against(WHOLE, sign("zz", Head(seq, digest), key), key.public)
        assert verdict.wrong == wrong
        assert "checkpoint is of ledger zz" in (verdict.why or "")


def test_checkpoint_before_the_first_event_is_kept(key):
    """init may sign the empty log; every later log holds that."""
    text = sign("a1", Head(0, GENESIS), key)

    assert against(WHOLE, text, key.public).ok
    assert against([], text, key.public, ledger="a1").ok


def test_key_file_is_private_and_never_overwritten(tmp_path):
    """The key is what makes a rewritten log visible; losing or leaking it undoes that."""
    path = tmp_path / "signing.pem"
    key = make_key(path)

    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert load_key(path).fingerprint == key.fingerprint
    with pytest.raises(Conflicting, match="exists already"):
        make_key(path)
    assert load_key(path).fingerprint == key.fingerprint
    assert [one.name for one in tmp_path.iterdir()] == ["signing.pem"]
    assert repr(key) == f"SigningKey({key.fingerprint})"


def test_missing_or_foreign_key_is_refused_with_the_path(tmp_path):
    """The operator must read which file is meant and how to get one."""
    other = tmp_path / "x25519.pem"
    other.write_bytes(
        X25519PrivateKey.generate().private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    rubbish = tmp_path / "rubbish.pem"
    rubbish.write_text("hello")

    for path, complaint in (
        (tmp_path / "none.pem", "andon init"),
        (other, "another kind"),
        (rubbish, "not a signing key"),
    ):
        with pytest.raises(Unavailable, match=complaint) as caught:
            load_key(path)
        assert str(path) in str(caught.value)
