"""
Lines as people type them on a phone, at night, and what is understood by them.
"""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from incidents.slack import asked as a
from incidents.slack.asked import Known, WrongUsage
from incidents.slack.grammar import _READERS, parse
from incidents.slack.typed import Kind, read
from incidents.slack.verbs import OTHER_WORDS, VERBS

KNOWN = Known(
    playbooks={
        "break-glass": ("partner", "capability", "model"),
        "partner-credential-abuse": ("partner", "capability", "model"),
    },
    things={"acme": "partner", "orion-2": "model", "orion-2:tool-use": "capability", "tool-use": "capability"},
)


def understood(text: str) -> a.Asked:
    return parse(text, KNOWN)


def refused(text: str) -> WrongUsage:
    with pytest.raises(WrongUsage) as error:
        parse(text, KNOWN)
    return error.value


# --- words ----------------------------------------------------------------------------------------------------------


def test_what_phones_do_to_quotes_and_blanks_is_undone() -> None:
    """Smart quotes, a non-breaking space, a non-breaking hyphen, something invisible: all typed by autocorrection."""
    typed = read(
        "declare\u00a0p partner=\u201cAcme Corp\u201d model=orion\u20112 \u2018two words\u2019 can\u2019t\u200b"
    )

    assert [w.text for w in typed.words] == [
        "declare", "p", "partner=Acme Corp", "model=orion-2", "two words", "can't",
    ]  # fmt: skip
    assert typed.words[2].pair == ("partner", "Acme Corp")
    assert typed.words[4].quoted


def test_slacks_marks_are_read_as_people_see_them() -> None:
    """Mentions, channels, links and escaped signs become plain text; a note must not hold Slack's spelling."""
    typed = read(
        "note <@U01ADAADA|ada lovelace> in <#C9|incidents>: <https://a.example/?b=1&amp;c=2|the paste> &amp; <!here>"
    )

    assert [w.kind for w in typed.words[1:5]] == [Kind.PERSON, Kind.WORD, Kind.WORD, Kind.LINK]
    assert typed.words[1].id == "U01ADAADA"
    assert typed.rest(1) == "@ada lovelace in #incidents: the paste (https://a.example/?b=1&c=2) & @here"


def test_a_quote_that_nobody_closes_is_a_character() -> None:
    """A kill must not fail because of a stray quotation mark."""
    assert understood('kill partner acme they said "stop') == a.Kill(
        what="partner", name="acme", reason='they said "stop'
    )


# --- verbs ----------------------------------------------------------------------------------------------------------

LINES = [
    ("", a.Help()),
    ("help kill", a.Help(topic="kill")),
    ("list", a.ListThem()),
    ("list acme sev1", a.ListThem(search="acme sev1")),
    ("kill partner acme key on a paste site", a.Kill(what="partner", name="acme", reason="key on a paste site")),
    ("Kill Partner Acme Key leaked", a.Kill(what="partner", name="acme", reason="Key leaked")),
    ("kill acme key leaked", a.Kill(what="partner", name="acme", reason="key leaked")),
    ("kill orion-2:tool-use it calls home", a.Kill(what="capability", name="orion-2:tool-use", reason="it calls home")),
    ('kill model orion-2 "about 10 users"', a.Kill(what="model", name="orion-2", reason="about 10 users")),
    ("declare", a.Declare()),
    ("declare the model tells secrets", a.Declare(text="the model tells secrets")),
    (
        "declare partner-credential-abuse partner=acme two countries at once, a=b",
        a.Declare(
            playbook="partner-credential-abuse", parameters={"partner": "acme"}, text="two countries at once, a=b"
        ),
    ),
    (
        'declare break-glass model=orion-2 severity=2 title="Stop it" kind=test separate=yes',
        a.Declare(
            playbook="break-glass",
            parameters={"model": "orion-2"},
            title="Stop it",
            severity="sev2",
            kind="test",
            separate=True,
        ),
    ),
    (
        "declare break-glass SEV-1 about 10 users",
        a.Declare(playbook="break-glass", severity="sev1", text="about 10 users"),
    ),
    (
        "preview break-glass partner=acme",
        a.Declare(playbook="break-glass", parameters={"partner": "acme"}, preview=True),
    ),
    (
        "drill break-glass partner=acme mode=tabletop lasts=20m",
        a.Declare(playbook="break-glass", parameters={"partner": "acme"}, kind="drill", mode="tabletop", lasts="20m"),
    ),
    (
        "drill run break-glass partner=acme compress=60",
        a.Declare(playbook="break-glass", parameters={"partner": "acme"}, kind="drill", compress="60"),
    ),
    ("drill join", a.DrillPart()),
    ("drill join DRILL-2026-0001 as Observer", a.DrillPart(incident="DRILL-2026-0001", part="observer")),
    ("drill join <@U01GRACEG|grace> facilitator", a.DrillPart(account="U01GRACEG", person="grace", part="facilitator")),
    ("drill leave latest @Grace", a.DrillPart(incident="latest", leave=True, person="grace")),
    ("drill real", a.DrillReal()),
    ("drill real DRILL-2026-0001 their key is out", a.DrillReal(incident="DRILL-2026-0001", text="their key is out")),
    ("drill stop", a.DrillEnd()),
    ("drill end DRILL-2026-0001 went well", a.DrillEnd(incident="DRILL-2026-0001", reason="went well")),
    ("drill abort gateways down", a.DrillEnd(abort=True, reason="gateways down")),
    ("drill break-glass partner=acme", a.Declare(playbook="break-glass", parameters={"partner": "acme"}, kind="drill")),
    ("show", a.Show()),
    ("show inc-2026-1", a.Show(incident="INC-2026-0001")),
    ("show <#C012|inc-2026-0001>", a.Show(incident="#C012")),
    ("show latest", a.Show(incident="latest")),
    ("note called them", a.Note(text="called them")),
    ("note INC-2026-0001 at=14:02 called them", a.Note(incident="INC-2026-0001", at="14:02", text="called them")),
    ('note "INC-2026-0001 is related"', a.Note(text="INC-2026-0001 is related")),
    ("update all gateways deny", a.Update(text="all gateways deny")),
    ("ack INC-2026-0001", a.Acknowledge(incident="INC-2026-0001")),
    ("status mitigated at=14:02 key dead", a.SetStatus(status="mitigated", at="14:02", reason="key dead")),
    ("status merged into=inc-2026-2 same key", a.SetStatus(status="merged", into="INC-2026-0002", reason="same key")),
    ("take over Ada is on a plane", a.Take(over=True, reason="Ada is on a plane")),
    ("status closed clocks=Go-on over", a.SetStatus(status="closed", clocks_go_on=True, reason="over")),
    ("status INC-2026-0001 false_alarm", a.SetStatus(incident="INC-2026-0001", status="false-alarm")),
    ("take", a.Take()),
    ("take DRILL-2026-0002 scribe", a.Take(incident="DRILL-2026-0002", role="scribe")),
    ("assign comms <@U01GRACEG|grace>", a.Assign(role="comms", account="U01GRACEG", person="grace")),
    ("assign INC-2026-0001 comms grace", a.Assign(incident="INC-2026-0001", role="comms", person="grace")),
    ("task 2 done", a.CloseTask(number=2, outcome="done")),
    ("task #3 skip nobody answers", a.CloseTask(number=3, outcome="skip", reason="nobody answers")),
    ("validate 4", a.Validate(number=4)),
    ("restore only=1,3 new key", a.Restore(only=(1, 3), reason="new key")),
    ("restore canary=globex soak=2h new key", a.Restore(canary="globex", soak="2h", reason="new key")),
    ("stop INC-2026-0001-R1 errors are back", a.Stop(request="INC-2026-0001-R1", reason="errors are back")),
    ("stop keep=yes good enough", a.Stop(keep=True, reason="good enough")),
    ("restore INC-2026-0001 new key", a.Restore(incident="INC-2026-0001", reason="new key")),
    ("approve", a.Approve()),
    ("approve inc-2026-1-r1", a.Approve(request="INC-2026-0001-R1")),
    ("refuse INC-2026-0001-R1 not yet", a.Refuse(request="INC-2026-0001-R1", reason="not yet")),
    ("clocks", a.Clocks()),
    ("clocks all", a.Clocks(everything=True)),
    ("fact awareness at=14:02 their mail", a.RecordFact(anchor="awareness", at="14:02", evidence="their mail")),
    ("submit gdpr-art33 case 4711", a.Submit(clock="gdpr-art33", receipt="case 4711")),
    ("postmortem latest", a.Postmortem(incident="latest")),
    ("check Acme orion-2:tool-use DE", a.Check(partner="acme", flag="orion-2:tool-use", region="DE")),
    ("link", a.Link()),
]


@pytest.mark.parametrize(("line", "asked"), LINES, ids=[line or "nothing" for line, _ in LINES])
def test_a_line_is_understood(line: str, asked: a.Asked) -> None:
    """Each verb of the contract, in the spellings that people use."""
    assert understood(line) == asked


WRONG = [
    ("kil partner acme x", "Did you mean 'kill'?", None),
    ("resolve", "Did you mean 'status resolved'?", None),
    ("hlep", "Did you mean 'help'?", None),
    ("kill", "Kill what?", "kill"),
    ("kill partner", "Which partner?", "kill"),
    ("kill partner acme", "needs a reason", "kill"),
    ("kill partnr acme x", "Did you mean 'partner'?", "kill"),
    ("kill globex x", "nothing that can be killed", "kill"),
    ("declare partner-credental-abuse", "Did you mean 'partner-credential-abuse'?", "declare"),
    ("declare break-glass partnr=acme", "Did you mean 'partner'?", "declare"),
    ("declare break-glass severity=about10", "is no severity", "declare"),
    ("declare break-glass kind=fun", "is no kind", "declare"),
    ("preview", "Which playbook?", "preview"),
    ("drill abort", "needs a reason", "drill"),
    ("drill leave latest grace", "'grace' is too much", "drill"),
    ("drill run", "Which playbook?", "drill"),
    ("declare break-glass mode=live", "no parameter 'mode'", "declare"),
    ("drill break-glass kind=real", "of kind drill", "drill"),
    ("show INC-2026-0001 now", "is too much", "show"),
    ("note", "The note is empty", "note"),
    ("status contained", "never typed", "status"),
    ("status resolved clocks=go-on over", "Only 'closed'", "status"),
    ("status closed clocks=no over", "clocks=go-on", "status"),
    ("status merged same key", "Merged into which", "status"),
    ("take commander over", "needs a reason", "take"),
    ("status resolvd", "Did you mean 'resolved'?", "status"),
    ("task two done", "is no number", "task"),
    ("task 2", "done, or is it skipped", "task"),
    ("task 2 skip", "takes a reason", "task"),
    ("assign comms", "Who is to be comms?", "assign"),
    ("restore", "needs a reason", "restore"),
    ("restore only=a,b new key", "no list of action numbers", "restore"),
    ("fact awareness their mail", "When was awareness?", "fact"),
    ("stop acme leak", "To switch something off: 'kill'", "stop"),
    ("stop", "needs a reason", "stop"),
    ("submit gdpr-art33", "What proves it?", "submit"),
    ("check acme tool-use", "is no flag", "check"),
]


@pytest.mark.parametrize(("line", "says", "verb"), WRONG, ids=[line for line, _, _ in WRONG])
def test_a_wrong_line_gets_its_usage(line: str, says: str, verb: str | None) -> None:
    """Never silence: what is wrong, and the verb whose usage helps."""
    error = refused(line)

    assert says in str(error)
    assert (error.verb.name if error.verb else None) == verb


def test_every_verb_is_read_and_its_example_works() -> None:
    """Help that shows what does not work is worse than none."""
    assert VERBS.keys() == _READERS.keys()
    for verb in VERBS.values():
        assert verb.usage.split()[0] == verb.name
        understood(verb.example)
    assert all(word.split()[0] in VERBS for word in OTHER_WORDS.values())
    assert not OTHER_WORDS.keys() & VERBS.keys()


@given(st.sampled_from([*VERBS, "kill partner acme", "task 1", "fact x at=1", "nonsense"]), st.text(max_size=60))
def test_any_text_is_understood_or_refused(verb: str, rest: str) -> None:
    """Whatever is pasted, the answer is an answer, never a crash."""
    with contextlib.suppress(WrongUsage):
        assert isinstance(parse(f"{verb} {rest}", KNOWN), a.Asked)
