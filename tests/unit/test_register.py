"""The register says what is owed; what it may show as an obligation must be right on every day."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest

from playbooks.loader import SHIPPED as SHIPPED_BOOKS
from playbooks.loader import Library, check
from playbooks.regime_terms import period, read_terms
from playbooks.register import Register, UnknownRegime

TODAY = dt.date(2026, 11, 24)
SHIPPED = Register.load()
OWN = """\
id: acme-notice
title: Notice to Acme under its contract
version: 1
jurisdiction: Contract
status: contractual
binds: Us
trigger: An incident that affects Acme
source: {cite: "Master agreement, clause 12.3"}
reviewed: {on: 2026-11-01, every: 180d, by: counsel}
verified: true
verification: Read in the signed copy.
recipient: sec@acme
count: {zone: Europe/Paris, country: FR}
partner: acme
instead_of: contract-partner-notice
deadlines:
  - name: first-notice
    title: First notice
    limits: [{after: 48 hours, from: awareness}]
"""

PLAYBOOK = "id: p\ntitle: P\nversion: 1\nseverity: sev2\ncontain: [{halt-model: {model: m}}]\n"


@pytest.fixture
def company(tmp_path: Path) -> Path:
    (tmp_path / "regimes").mkdir()
    return tmp_path


def write(company: Path, text: str, name: str = "acme-notice.yaml") -> Register:
    (company / "regimes" / name).write_text(text, encoding="utf-8")
    return Register.load(company)


def complaints(company: Path, text: str, name: str = "acme-notice.yaml") -> list[str]:
    return [str(problem) for problem in write(company, text, name).problems]


def left_out(register: Register, *clocks: str, partner: str | None = None) -> dict[str, str]:
    return dict(register.proposals("p", clocks, partner, TODAY)[1])


def taken(register: Register, *clocks: str, partner: str | None = None, playbook: str = "p") -> list[str]:
    return [proposal.terms.id for proposal in register.proposals(playbook, clocks, partner, TODAY)[0]]


# --- what ships ---


def test_everything_that_ships_is_without_a_problem() -> None:
    """A shipped entry with a fault would be found when its deadline is due."""
    assert SHIPPED.problems == ()
    assert len(SHIPPED) >= 24
    assert sum(len(regime.deadlines) for regime in SHIPPED) >= 53


def test_every_clock_that_a_shipped_playbook_names_is_in_the_register() -> None:
    """A clock that resolves to nothing would never run, and nobody would see that it does not."""
    named = {clock for playbook in Library.load() for clock in playbook.clocks}

    assert {"contract-partner-notice", "gdpr-art33"} <= named
    assert named <= set(SHIPPED.ids)


@pytest.mark.parametrize("id", ["us-il-sb315", "us-federal-gaaia-draft", "us-circia", "uk-csr-bill"])
def test_a_bill_is_never_an_obligation(id: str) -> None:
    """Leadership told of a duty that does not exist stops believing in those that do."""
    standing = SHIPPED.standing(id, dt.date(2040, 1, 1))

    assert not standing.enabled
    assert "not law" in standing.because


def test_an_enacted_law_comes_on_by_itself_on_its_day() -> None:
    """Nobody has to remember New Year's night."""
    assert not SHIPPED.standing("us-ny-raise", dt.date(2026, 12, 31)).enabled
    assert SHIPPED.standing("us-ny-raise", dt.date(2027, 1, 1)).enabled


@pytest.mark.parametrize("id", [regime.id for regime in SHIPPED if not regime.verified])
def test_what_was_not_checked_ships_switched_off(id: str) -> None:
    """A number from hearsay must not be shown as a deadline."""
    assert not SHIPPED.standing(id, TODAY).enabled


@pytest.mark.parametrize("id", SHIPPED.ids)
def test_terms_survive_the_log(id: str) -> None:
    """An incident computes for years with what it froze; what was lost on the way would move a deadline."""
    terms = SHIPPED.terms(id)

    assert read_terms(terms.data()) == terms
    assert read_terms(terms.data() | {"of_a_newer_version": 1}).digest == terms.digest


def test_a_register_that_nobody_has_reviewed_is_stale_and_says_which() -> None:
    """Law changes; an old entry looks as certain as a fresh one."""
    assert SHIPPED.stale(TODAY) == []
    assert "gdpr-art33" in [regime.id for regime in SHIPPED.stale(dt.date(2027, 5, 23))]
    assert "us-circia" not in [regime.id for regime in SHIPPED.stale(dt.date(2027, 5, 23))], "it is off anyway"


# --- the company's own ---


def test_a_partners_own_contract_takes_the_place_of_the_stand_in(company: Path) -> None:
    """The contract's number counts for that partner, the stand-in for the others."""
    register = write(company, OWN)

    assert taken(register, "contract-partner-notice", partner="acme") == ["acme-notice"]
    assert taken(register, "contract-partner-notice", partner="globex") == ["contract-partner-notice"]
    assert taken(register, "acme-notice", partner="globex") == []


def test_a_right_list_of_clocks_names_only_what_is_in_force_here(company: Path) -> None:
    """What is switched off or no law can't be missing; a partner's own terms stand in for the general ones."""
    register = write(company, OWN)
    wanted = [
        "contract-partner-notice.first-notice",
        "gdpr-art33.notify-authority",
        "us-federal-gaaia-draft",
        "no-such",
    ]

    assert register.in_force(wanted, "acme", TODAY) == ["acme-notice", "gdpr-art33.notify-authority"]
    assert register.in_force(wanted, "globex", TODAY) == wanted[:2]


def test_a_company_regime_comes_into_every_incident_where_it_says_so(company: Path) -> None:
    """An insurer's condition or a published promise holds whichever playbook was declared."""
    text = OWN.replace("partner: acme\ninstead_of: contract-partner-notice\n", "assess_in: [all]\n")
    register = write(company, text)

    assert taken(register, playbook="break-glass") == ["acme-notice"]
    assert taken(register, "gdpr-art33") == ["gdpr-art33", "acme-notice"]


def test_the_company_says_what_applies_to_it_and_what_does_not(company: Path) -> None:
    """Counsel has checked one entry and knows that another binds somebody else; both with their reason."""
    text = 'on: {us-ca-civ-1798-82: "checked by counsel on 2026-11-20"}\noff: {gdpr-art33: no data of people}\n'
    register = write(company, text, "switches.yaml")

    assert register.problems == ()
    assert taken(register, "us-ca-civ-1798-82", "gdpr-art33") == ["us-ca-civ-1798-82"]
    assert left_out(register, "gdpr-art33") == {"gdpr-art33": "switched off here: no data of people"}


def test_a_bill_can_not_be_switched_on(company: Path) -> None:
    """Who wants to follow one anyway makes a promise of its own, which then looks like one."""
    register = write(company, "on: {us-circia: we are careful}\nof: {}\n", "switches.yaml")
    assert [str(p) for p in register.problems] == ["switches.yaml:2: unknown key 'of'. Did you mean 'off'?"]

    register = write(company, "on:\n  us-circia: we are careful\n  gdpr-art333: x\n", "switches.yaml")
    said = [str(problem) for problem in register.problems]
    assert said == [
        "switches.yaml:2: 'us-circia' is a proposal, not law: to follow it anyway, write it as a regime of your own,"
        " status voluntary",
        "switches.yaml:3: unknown regime 'gdpr-art333'. Did you mean 'gdpr-art33'?",
    ]
    assert not register.standing("us-circia", TODAY).enabled


def test_a_broken_regime_does_not_take_playbooks_down_with_it(company: Path) -> None:
    """A typo in a contract must not cost the kill switch; the clock is missing, and the reason is said."""
    register = write(company, OWN.replace("limits", "limit"))
    playbook = (
        "id: p\ntitle: P\nversion: 1\nseverity: sev2\ncontain: [{halt-model: {model: m}}]\nclocks: [acme-notice]\n"
    )
    (company / "p.yaml").write_text(playbook, encoding="utf-8")

    assert "p" in Library.load(company, register=register)
    assert taken(register, "acme-notice", partner="acme") == []
    with pytest.raises(UnknownRegime, match="can't be read"):
        register.get("acme-notice")
    said = [str(problem) for problem in register.problems]
    assert said == ["acme-notice.yaml:19: unknown key 'limit'. Did you mean 'limits'?"]


def test_a_playbook_that_names_an_unknown_clock_is_refused_with_the_nearest(company: Path) -> None:
    """Found when the file is checked, not in the incident."""
    playbook = (
        "id: p\ntitle: P\nversion: 1\nseverity: sev2\ncontain: [{halt-model: {model: m}}]\nclocks: [gdpr-art333]\n"
    )
    (company / "p.yaml").write_text(playbook, encoding="utf-8")

    said = "p.yaml:6: unknown clock 'gdpr-art333': no regime has this id. Did you mean 'gdpr-art33'?"
    assert [str(problem) for problem in check(company / "p.yaml")] == [said]
    assert "p" not in Library.load(company)


@pytest.mark.parametrize(
    ("was", "becomes", "said"),
    [
        ("from: awareness", "from: awarenes", "19: unknown anchor 'awarenes'. Did you mean 'awareness'?"),
        ("48 hours", "48h", "19: '48h' is not a period: write 72 hours, 15 days, 4 business days or 1 month"),
        ("Europe/Paris", "Europe/Pari", "13: unknown time zone 'Europe/Pari'. Did you mean 'Europe/Paris'?"),
        (
            ", from: awareness",
            "",
            "19: a limit runs 'from' an anchor or 'from_report' of another deadline",
        ),
        ("from: awareness", "from: awareness, when: death", "19: condition 'death' has no question under 'asks'."),
        ("from: awareness", "from_report: first", "19: unknown earlier deadline 'first'. Did you mean 'first-notice'?"),
        ("status: contractual", "status: contract", "5: 'status' must be"),
        ("status: contractual", "status: enacted", "5: an enacted regime needs 'applies_from': the day from which it"),
        ("partner: acme\n", "", "14: 'instead_of' needs 'partner': for whom this replaces the other regime"),
        ("instead_of: contract-partner-notice", "instead_of: contract-partner", "1: 'instead_of': unknown regime"),
        ("id: acme-notice", "id: acme", "1: id 'acme' and file name differ: call the file 'acme.yaml'"),
        ("version: 1", "version: 1\nasks: {death: Did a person die?}", "4: nothing depends on the condition 'death'"),
    ],
)
def test_a_fault_is_told_with_its_line_and_the_way_out(company: Path, was: str, becomes: str, said: str) -> None:
    """Contracts are typed in by people who don't know the schema by heart."""
    assert was in OWN
    found = complaints(company, OWN.replace(was, becomes, 1))

    assert any(line.startswith(f"acme-notice.yaml:{said}") for line in found), found


def test_the_regime_in_the_readme_can_be_used_as_it_stands(company: Path) -> None:
    """People copy it and change the words."""
    readme = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")
    block = next(b for b in readme.split("```yaml\n")[1:] if b.startswith("id: acme-notice"))
    register = write(company, block.partition("```")[0])

    assert register.problems == ()
    assert taken(register, "contract-partner-notice", partner="acme") == ["acme-notice"]


def test_a_drills_right_list_names_clocks_that_there_are(company: Path) -> None:
    """A misspelt one would be missing in every drill."""
    text = (SHIPPED_BOOKS / "partner-credential-abuse.yaml").read_text()
    was = "[contract-partner-notice, gdpr-art33]\n  facts"
    (company / "partner-credential-abuse.yaml").write_text(
        text.replace(was, "[gdpr-art34x, gdpr-art33.notify-autority]\n  facts")
    )

    assert [problem.message for problem in check(company / "partner-credential-abuse.yaml")] == [
        "regime 'gdpr-art33' has no deadline 'notify-autority'. Did you mean 'notify-authority'?",
        "unknown clock 'gdpr-art34x': no regime has this id. Did you mean 'gdpr-art34'?",
    ]


def test_check_reads_the_regimes_beside_the_playbooks(company: Path) -> None:
    """One command tells everything that is wrong in a company's folder."""
    write(company, OWN.replace("FR", "France"))

    assert any("'France' is not a country" in str(problem) for problem in check(company))


def test_a_country_without_known_holidays_is_found_by_the_check(company: Path) -> None:
    """Its deadlines would come out without holidays: early, never late, yet somebody should know."""
    write(company, OWN.replace("FR", "XX"))

    said = "acme-notice.yaml:1: 'count': no holidays are known for XX; Saturdays and Sundays alone count as free"
    assert said in [str(problem) for problem in check(company)]


@pytest.mark.parametrize("written", ["1 month", "72 hours", "4 business days", "15 days", "1 hour"])
def test_a_period_is_read_as_it_is_written(written: str) -> None:
    """What people read is what is counted."""
    assert str(period(written)) == written


@pytest.mark.parametrize("written", ["0 days", "-1 days", "1.5 hours", "10000 days", "3 weeks", "٣ days", ""])
def test_what_is_no_period_is_refused(written: str) -> None:
    """A period that is guessed at is a deadline that is guessed at."""
    with pytest.raises(ValueError, match="is not a period"):
        period(written)
