"""
The enforcement routes over real HTTP: what gateways and OpenFeature clients get, allowed, denied and hostile.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import requests
from openfeature import api
from openfeature.contrib.provider.ofrep import OFREPProvider
from openfeature.evaluation_context import EvaluationContext

from incidents.client import Gateway
from incidents.errors import LedgerUnavailable
from incidents.holds import LIVE
from incidents.ledger import PointUse
from tests.support.inprocess import ADMIN, Live, live
from tests.support.servers import wait_for

FLAG = "/ofrep/v1/evaluate/flags/orion-2:tool-use"
# What a client of OFREP 0.3.0 relies on in a success answer (openapi.yaml of the protocol, evaluationSuccess).
SUCCESS = {
    "type": "object",
    "required": ["key", "value", "variant", "reason", "metadata"],
    "properties": {
        "key": {"type": "string"},
        "value": {"type": "boolean"},
        "variant": {"enum": ["on", "off"]},
        "reason": {"enum": ["STATIC", "TARGETING_MATCH", "SPLIT", "DISABLED", "UNKNOWN"]},
        "metadata": {"additionalProperties": {"type": ["boolean", "string", "number"]}},
    },
}


@pytest.fixture
def andon(tmp_path: Any) -> Iterator[Live]:
    with live(tmp_path) as running:
        yield running


def headers(**named: str) -> dict[str, str]:
    base = {"X-Partner": "globex", "X-Model": "orion-2", "X-Capability": "tool-use"}
    return base | {name.replace("_", "-"): value for name, value in named.items()}


def verdict(answer: requests.Response) -> tuple[int, str]:
    return answer.status_code, answer.headers["X-Andon-Reason"]


# --- authorize ------------------------------------------------------------------------------------------------------


def test_allow_is_an_empty_200_that_nothing_may_keep(andon: Live) -> None:
    """nginx reuses its connection only after an empty body, and a cached allow would outlive a kill."""
    answer = andon.ask("GET", "/enforce/v1/authorize", token=andon.point("edge"), headers=headers())

    assert verdict(answer) == (200, "granted")
    assert answer.content == b""
    assert answer.headers["Cache-Control"] == "no-store"
    assert int(answer.headers["X-Andon-Revision"]) == andon.service.desk.snapshot.revision


def test_any_method_on_any_path_gets_200_or_403(andon: Live) -> None:
    """Envoy sends the original method and path; an unexpected status would be an outage or an open gate."""
    token = andon.point("edge")
    for method in ("GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "PROPFIND"):
        for path in ("", "/", "/v1/chat", "/%2e%2e/x", "/a?b=c"):
            url = f"/enforce/v1/authorize{path}"
            allowed = andon.ask(method, url, token=token, headers=headers())
            denied = andon.ask(method, url, token=token, headers=headers(X_Partner="nobody"))

            assert (allowed.status_code, denied.status_code) == (200, 403), (method, path)


def test_partners_key_is_known_by_its_digest(andon: Live) -> None:
    """The gateway hands over what the partner sent; only its digest is stored."""
    token = andon.point("edge")
    key = {"X-Partner-Key": "globex-demo-key", "X-Model": "orion-2", "X-Capability": "tool-use"}

    assert verdict(andon.ask("GET", "/enforce/v1/authorize", token=token, headers=key)) == (200, "granted")
    wrong = key | {"X-Partner-Key": "globex-demo-kez"}
    assert verdict(andon.ask("GET", "/enforce/v1/authorize", token=token, headers=wrong)) == (403, "unknown-partner")
    both = key | {"X-Partner": "acme"}
    assert verdict(andon.ask("GET", "/enforce/v1/authorize", token=token, headers=both)) == (403, "unknown-partner")


def test_header_sent_twice_names_nobody(andon: Live) -> None:
    """Two readers would pick different ones; the safe reading is that nothing was said."""
    from urllib3 import HTTPHeaderDict, PoolManager

    sent = HTTPHeaderDict({"Authorization": f"Bearer {andon.point('edge')}"})
    sent.update({"X-Model": "orion-2", "X-Capability": "tool-use", "X-Partner": "acme"})
    sent.add("X-Partner", "globex")
    with PoolManager() as pool:
        answer = pool.request("GET", andon.url + "/enforce/v1/authorize", headers=sent)

    assert (answer.status, answer.headers["X-Andon-Reason"]) == (403, "unknown-partner")


def test_only_tokens_that_may_ask_are_answered(andon: Live) -> None:
    """A responder's token in a gateway's configuration must not open a gate."""
    for token in (None, "andon_wrong", andon.token("vera", "viewer"), andon.token("root", "admin")):
        answer = andon.ask("GET", "/enforce/v1/authorize", token=token, headers=headers())
        assert verdict(answer) == (403, "token-not-accepted")


def test_partner_token_speaks_for_itself_alone(andon: Live) -> None:
    """Whatever the request says: a partner's token is that partner."""
    token = andon.token("p", "partner", partner="initech")

    answer = andon.ask("GET", "/enforce/v1/authorize", token=token, headers=headers(X_Partner="globex"))
    assert verdict(answer) == (403, "stage")
    answer = andon.ask("POST", FLAG, token=token, json={"context": {"targetingKey": "globex"}})
    assert (answer.json()["value"], answer.json()["metadata"]["reason"]) == (False, "stage")


def test_usage_cap_stops_the_request_that_would_exceed_it(andon: Live) -> None:
    """A cap is part of the same answer, counted where the answer is given."""
    token = andon.point("edge")
    andon.service.operations.declare(
        ADMIN, {"playbook": "break-glass", "parameters": {"capability": "vega-1:browsing"}}
    )
    catalog = andon.service.operations.catalog(ADMIN)
    catalog["grants"] = [g for g in catalog["grants"] if g["partner"] != "globex"] + [
        {"partner": "globex", "model": "orion-2", "capability": "tool-use", "terms": "accepted", "cap": {"per_day": 3}}
    ]
    andon.service.operations.apply_catalog(ADMIN, json.dumps(catalog), "catalog.json")

    answers = [verdict(andon.ask("GET", "/enforce/v1/authorize", token=token, headers=headers())) for _ in range(5)]

    assert answers == [(200, "granted")] * 3 + [(403, "usage-cap")] * 2


# --- OpenFeature ----------------------------------------------------------------------------------------------------


def test_unmodified_openfeature_client_denies_after_a_declaration_even_with_default_true(andon: Live) -> None:
    """The client turns errors into the caller's default; a denial must therefore be an answer."""
    token = andon.point("app")
    provider = OFREPProvider(andon.url, headers_factory=lambda: {"Authorization": f"Bearer {token}"})
    api.set_provider(provider)
    client = api.get_client()
    acme = EvaluationContext(targeting_key="acme")
    assert client.get_boolean_value("orion-2:tool-use", False, acme) is True

    declared = andon.declare(partner="acme")

    details = client.get_boolean_details("orion-2:tool-use", True, acme)
    assert details.value is False
    assert details.error_code is None
    assert details.flag_metadata["reason"] == "partner-revoked"
    assert details.flag_metadata["revision"] >= declared["revision"]
    assert client.get_boolean_value("orion-2:tool-use", True, EvaluationContext(targeting_key="globex")) is True
    assert client.get_boolean_value("orion-2:no-such-thing", True, acme) is False
    api.shutdown()


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (None, "unknown-partner"),
        (b"", "unknown-partner"),
        (b"{}", "unknown-partner"),
        (b'{"context": null}', "unknown-partner"),
        (b'{"context": {"targetingKey": 7}}', "unknown-partner"),
        (b'{"context": {"targetingKey": "globex", "x": [1, {"y": null}]}}', "granted"),
    ],
)
def test_context_may_be_missing_or_odd_and_the_answer_is_still_an_evaluation(
    andon: Live, body: bytes | None, reason: str
) -> None:
    """A client without a context must be denied, not confused."""
    answer = andon.ask("POST", FLAG, token=andon.point("app"), data=body)

    assert answer.status_code == 200
    jsonschema.validate(answer.json(), SUCCESS)
    assert answer.json()["metadata"]["reason"] == reason


def test_keys_that_are_no_flag_never_reach_another_route(andon: Live) -> None:
    """Clients join the key into the URL unescaped."""
    for key in ("../../x", "a/b", "a%20b", "a%3Fb", "orion-2:tool-use%00", "x" * 500):
        answer = andon.ask("POST", f"/ofrep/v1/evaluate/flags/{key}", token=andon.point("app"), json={})
        assert answer.status_code == 404, key
    for key in ("orion-2", "ORION:x", "orion-2:tool_use", "orion-2:"):
        answer = andon.ask("POST", f"/ofrep/v1/evaluate/flags/{key}", token=andon.point("app"), json={})
        assert (answer.status_code, answer.json()["value"]) == (200, False), "merely wrong: denied, no caller's default"
    for body in (b"{", b"[]", b'{"context": []}', b"\xff\xfe", b"[" * 50_000):
        answer = andon.ask("POST", FLAG, token=andon.point("app"), data=body)
        assert answer.status_code == 400
        assert answer.json()["errorCode"] == "PARSE_ERROR"
        assert answer.json()["errorDetails"]


def test_bulk_is_advisory_and_its_etag_covers_the_context(andon: Live) -> None:
    """A browser must not get a 304 for another partner's, region's or revision's answer."""
    token = andon.point("web")
    path = "/ofrep/v1/evaluate/flags"

    def ask(context: dict[str, str], etag: str = "") -> requests.Response:
        return andon.ask("POST", path, token=token, json={"context": context}, headers={"If-None-Match": etag})

    first = ask({"targetingKey": "acme"})
    assert first.status_code == 200
    assert len(first.json()["flags"]) == 6
    for flag in first.json()["flags"]:
        jsonschema.validate(flag, SUCCESS)
        assert flag["metadata"]["advisory"] is True
    assert "etag" in first.headers["Access-Control-Expose-Headers"].lower()
    etag = first.headers["ETag"]
    assert ask({"targetingKey": "acme"}, etag).status_code == 304
    assert ask({"targetingKey": "globex"}, etag).status_code == 200
    assert ask({"targetingKey": "acme", "region": "EU"}, etag).status_code == 200
    andon.declare(partner="acme")
    assert ask({"targetingKey": "acme"}, etag).status_code == 200


def test_browser_stream_says_that_something_changed_and_nothing_else(andon: Live) -> None:
    """The stream's address can't carry a header, so its ticket must be worth nothing to whoever reads it."""
    bulk = andon.ask("POST", "/ofrep/v1/evaluate/flags", token=andon.point("web"), json={}).json()
    uri = bulk["eventStreams"][0]["endpoint"]["requestUri"]

    with requests.get(andon.url + uri, stream=True, timeout=10) as stream:
        lines = stream.iter_lines()
        andon.declare(partner="acme")
        data = next(line for line in lines if line.startswith(b"data:"))
    assert json.loads(data[5:])["type"] == "refetchEvaluation"
    assert b"acme" not in data
    forged = uri[:-1] + ("0" if uri[-1] != "0" else "1")
    assert requests.get(andon.url + forged, timeout=5).status_code == 401


# --- copies ---------------------------------------------------------------------------------------------------------


def lease(andon: Live, token: str, **said: Any) -> requests.Response:
    snapshot = andon.service.desk.snapshot
    base = {"name": "edge", "instance": "i1", "nonce": "n1", "ledger": snapshot.ledger, "revision": snapshot.revision}
    base |= {"digest": snapshot.digest, "applies": ["live", "shadow"]}
    return andon.ask("POST", "/enforce/v1/lease", token=token, json={k: v for k, v in (base | said).items() if v != ""})


def test_lease_is_granted_to_the_newest_copy_only(andon: Live) -> None:
    """Each rule of the lease over the wire, with the answer that a point can act on."""
    token = andon.point("edge")
    now = andon.service.desk.snapshot

    granted = lease(andon, token)
    assert (granted.status_code, granted.json()["lease_seconds"], granted.json()["nonce"]) == (200, 2, "n1")
    assert lease(andon, token, name="other").status_code == 403
    assert lease(andon, token, digest="0" * 64).json()["resync"] is True
    assert lease(andon, token, ledger="other").json()["resync"] is True
    assert lease(andon, token, revision=now.revision + 1).status_code == 409
    old = lease(andon, token, revision=0).json()
    assert (old["lease_seconds"], old.get("resync")) == (0, True)

    andon.declare(partner="acme")
    stale = lease(andon, token, revision=now.revision, digest=now.digest, ledger=now.ledger).json()
    assert stale["lease_seconds"] == 0
    assert stale["change"]["from"] == now.revision
    assert stale["change"]["live"]["set"]["partner:acme"]["revoked"] is True
    assert stale["change"]["digest"] == andon.service.desk.snapshot.digest


SENSELESS = (
    b"",
    b"{",
    b"[]",
    b"null",
    b'{"name": "edge"}',
    b'{"name": "edge", "revision": "7"}',
    b'{"name": "edge", "revision": true}',
    b'{"name": 7, "revision": 1}',
    b'{"name": "edge", "revision": 1, "usage": [7]}',
    b'{"name": "edge", "revision": 1, "applies": "live"}',
    b'{"name": "' + b"x" * 500 + b'", "revision": 1}',
    b'{"name": "edge", "instance": "\\ud800", "revision": 1}',
    b"[" * 100_000,
)


@pytest.mark.parametrize("body", SENSELESS, ids=range(len(SENSELESS)))
def test_lease_request_that_makes_no_sense_is_refused_with_a_reason(andon: Live, body: bytes) -> None:
    """Nothing that a point sends may become a 5xx."""
    answer = andon.ask("POST", "/enforce/v1/lease", token=andon.point("edge"), data=body)

    assert answer.status_code == 422
    assert answer.headers["Content-Type"] == "application/problem+json"


def test_usage_reports_count_once_however_often_they_arrive(andon: Live) -> None:
    """Counts are cumulative per instance and merged by the highest value."""
    token = andon.point("edge")
    start = andon.service.clock.now().strftime("%Y-%m-%dT00:00:00Z")

    def report(instance: str, count: object) -> Any:
        row = {"partner": "acme", "flag": "orion-2:tool-use", "per": "day", "window_start": start, "count": count}
        return lease(andon, token, instance=instance, usage=[row]).json()["usage"]

    assert report("i1", 10)[0]["count"] == 10
    assert report("i1", 10)[0]["count"] == 10
    assert report("i1", 7)[0]["count"] == 10
    assert report("i2", 5)[0]["count"] == 15
    for odd in (-1, 1.5, "9", None, True):
        assert report("i1", odd) == []


def test_snapshot_is_whole_without_keys_and_cacheable_by_revision(andon: Live) -> None:
    """Every point gets everything except what would let it pretend to be a partner."""
    token = andon.point("edge")
    answer = andon.ask("GET", "/enforce/v1/snapshot", token=token)

    assert answer.json()["live"] == andon.service.desk.snapshot.live
    assert "sha256" not in answer.text
    again = andon.ask("GET", "/enforce/v1/snapshot", token=token, headers={"If-None-Match": answer.headers["ETag"]})
    assert again.status_code == 304
    andon.declare(partner="acme")
    again = andon.ask("GET", "/enforce/v1/snapshot", token=token, headers={"If-None-Match": answer.headers["ETag"]})
    assert again.status_code == 200


def events_of(lines: Iterator[bytes], wanted: str) -> dict[str, Any]:
    """The next SSE event of a kind, decoded."""
    kind = ""
    for line in lines:
        if line.startswith(b"event:"):
            kind = line[6:].strip().decode()
        elif line.startswith(b"data:") and kind == wanted:
            return dict(json.loads(line[5:]))
        elif not line:
            kind = ""
    raise AssertionError(f"the stream ended before an event '{wanted}'")


def test_stream_resumes_from_the_revision_applied(andon: Live) -> None:
    """A point that was away for a while gets the difference, not everything, and not nothing."""
    token = andon.point("edge")
    held = andon.service.desk.snapshot
    andon.declare(partner="acme")
    andon.declare("break-glass", model="vega-1")

    resume = {"Last-Event-ID": str(held.revision), "Authorization": f"Bearer {token}"}
    url = f"{andon.url}/enforce/v1/stream?ledger={held.ledger}"
    with requests.get(url, headers=resume, stream=True, timeout=10) as stream:
        change = events_of(stream.iter_lines(chunk_size=1), "change")

    assert (change["from"], change["revision"]) == (held.revision, andon.service.desk.snapshot.revision)
    assert change["live"]["set"] == {
        "partner:acme": {"audience": "trusted-partner", "revoked": True},
        "model:vega-1": {"stage": "limited", "halted": True},
    }
    for odd in ({"Last-Event-ID": "x"}, {"Last-Event-ID": "99999999999999999999"}, {}):
        with requests.get(url, headers=resume | {"Last-Event-ID": ""} | odd, stream=True, timeout=10) as stream:
            assert events_of(stream.iter_lines(chunk_size=1), "resync")["revision"] == change["revision"]


def test_kill_goes_out_at_once_and_takes_what_was_held_back_with_it(andon: Live) -> None:
    """Changes that give something back may wait a second; they must never delay or reorder a kill."""
    token = andon.point("edge")
    first = andon.declare(partner="acme")
    ada, grace = andon.person("ada"), andon.person("grace")
    operations = andon.service.operations
    resume = {"Last-Event-ID": str(andon.service.desk.snapshot.revision), "Authorization": f"Bearer {token}"}
    with requests.get(f"{andon.url}/enforce/v1/stream", headers=resume, stream=True, timeout=10) as stream:
        lines = stream.iter_lines(chunk_size=1)
        andon.declare("break-glass", model="vega-1")
        assert "model:vega-1" in events_of(lines, "change")["live"]["set"]
        asked = operations.ask_restore(ada, first["id"], [], "fine").body
        operations.approve(grace, asked["id"], asked["plan_digest"], checks=asked["plan"]["checks"])
        andon.declare("break-glass", model="orion-2")
        change = events_of(lines, "change")

    assert change["revision"] == andon.service.desk.snapshot.revision
    assert {"partner:acme", "model:orion-2"} <= change["live"]["set"].keys()


def test_partner_that_comes_back_first_is_let_in_everywhere_and_shut_out_again_at_once(
    andon: Live, tmp_path: Path
) -> None:
    """A partner that one kind of gateway lets in and another does not would show nothing; nor may it stay in."""
    token = andon.point("edge")
    held = andon.declare("break-glass", capability="orion-2:tool-use")
    operations, cut = andon.service.operations, []
    asked = operations.ask_restore(andon.person("ada"), held["id"], [], "fine", canary="globex", soak="1h").body

    def everywhere(partner: str) -> set[bool]:
        context = {"context": {"targetingKey": partner}}
        single = andon.ask("POST", FLAG, token=token, json=context).json()["value"]
        flags = andon.ask("POST", "/ofrep/v1/evaluate/flags", token=token, json=context).json()["flags"]
        bulk = next(flag["value"] for flag in flags if flag["key"] == "orion-2:tool-use")
        known = andon.ask("GET", "/enforce/v1/authorize", token=token, headers=headers(X_Partner=partner)).status_code
        own = gateway.decide(partner, "orion-2", "tool-use")
        return {single, bulk, known == 200, own.allowed}

    with Gateway(andon.url, token, "edge", cache_dir=tmp_path / "cache").start() as gateway:
        gateway.on_revoked(lambda *thing: cut.append(thing))
        wait_for(lambda: gateway.decide("globex", "orion-2", "tool-use").reason == "capability-off", "it has a lease")
        operations.approve(andon.person("grace"), asked["id"], asked["plan_digest"], checks=asked["plan"]["checks"])
        wait_for(lambda: everywhere("globex") == {True}, "globex is let in by all of them")
        assert everywhere("acme") == {False}

        operations.stop_restore(andon.person("linus"), asked["id"], "abused again")
        wait_for(lambda: everywhere("globex") == {False}, "globex is shut out by all of them")
        wait_for(lambda: cut == [("globex", "orion-2", "tool-use")], "what it runs is to be cut")
        assert everywhere("acme") == {False}
        wait_for(lambda: operations.containment(ADMIN, held["id"])["state"] == "contained", "the point confirms")


def test_revoked_token_is_refused_at_once_everywhere(andon: Live) -> None:
    """A stolen gateway token ends with one command."""
    token = andon.point("edge")
    assert lease(andon, token).status_code == 200
    andon.service.operations.revoke_token(ADMIN, "edge")

    assert lease(andon, token).status_code == 401
    assert andon.ask("GET", "/enforce/v1/snapshot", token=token).status_code == 401
    assert andon.ask("GET", "/enforce/v1/stream", token=token).status_code == 401
    assert andon.ask("GET", "/enforce/v1/authorize", token=token, headers=headers()).status_code == 403


def test_stream_ends_with_its_token_and_others_go_on(andon: Live) -> None:
    """A client that is still listening learns at once that its token is gone; nothing more is told to it."""
    stolen, kept = andon.point("edge"), andon.point("other")
    with (
        andon.ask("GET", "/enforce/v1/stream", token=stolen, stream=True) as gone,
        andon.ask("GET", "/enforce/v1/stream", token=kept, stream=True) as stays,
    ):
        andon.service.operations.revoke_token(ADMIN, "edge")
        with pytest.raises(requests.exceptions.ChunkedEncodingError):
            list(gone.iter_lines())
        change = andon.declare(partner="acme")["revision"]
        assert events_of(stays.iter_lines(), "change")["revision"] == change


def test_point_that_takes_its_word_back_makes_the_incident_pending_again(andon: Live) -> None:
    """Contained is a statement about the world; evidence against it has to undo it, visibly."""
    token = andon.point("edge")
    lease(andon, token)
    before = andon.service.desk.snapshot
    declared = andon.declare(partner="acme")
    lease(andon, token)
    assert andon.contained(declared["id"])["confirmed"] == 1

    lease(andon, token, revision=before.revision, digest="", refused="the table does not fit into memory")

    wait_for(lambda: andon.containment(declared["id"])["state"] == "pending", "the state goes back to pending")
    point = andon.containment(declared["id"])["points"][0]
    assert point["state"] in ("pending", "refused")
    rows = andon.service.operations.timeline(ADMIN, declared["id"])
    assert "the table does not fit into memory" in next(r for r in rows if r.kind == "incident:life:contradicted").text
    lease(andon, token)
    assert andon.contained(declared["id"])["confirmed"] == 1


def test_flagd_gets_nothing_until_its_use_is_written_down(andon: Live, monkeypatch: pytest.MonkeyPatch) -> None:
    """After a crash nobody would know that its clock error has to be waited for; asking again must not get round it."""

    def full(rows: list[PointUse]) -> None:
        raise LedgerUnavailable("the disk is full")

    token = andon.point("flagd")
    with monkeypatch.context() as broken:
        broken.setattr(andon.service.ledger, "write_point_uses", full)
        answers = [andon.ask("GET", "/flagd/flags.json", token=token).status_code for _ in range(2)]
    assert answers == [503, 503]

    assert andon.ask("GET", "/flagd/flags.json", token=token).status_code == 200
    assert [use.flagd for use in andon.service.ledger.point_uses()] == [True]


def test_flagd_flag_set_carries_a_lease_and_never_the_callers_default(andon: Live) -> None:
    """An unmodified flagd client must deny by itself when it is cut off."""
    token = andon.point("flagd")
    answer = andon.ask("GET", "/flagd/flags.json", token=token)
    flag = answer.json()["flags"]["orion-2:tool-use"]

    assert (flag["state"], flag["defaultVariant"]) == ("ENABLED", "off")
    lease_rule, partners = flag["targeting"]["if"][0]["and"]
    assert lease_rule == {"<": [{"var": "$flagd.timestamp"}, answer.json()["metadata"]["leaseEnds"]]}
    assert partners["in"][1] == ["acme", "globex"]
    declared = andon.declare(partner="acme")
    after = andon.ask("GET", "/flagd/flags.json", token=token, headers={"If-None-Match": answer.headers["ETag"]})
    assert after.json()["flags"]["orion-2:tool-use"]["targeting"]["if"][0]["and"][1]["in"][1] == ["globex"]
    point = andon.containment(declared["id"])["points"][0]
    assert (point["name"], point["state"]) == ("flagd", "pending")


# --- limits and health ----------------------------------------------------------------------------------------------


def test_too_large_is_said_and_nothing_else_happens(andon: Live) -> None:
    """Bodies and headers have a limit; beyond it the answer names the limit."""
    token = andon.point("edge")
    body = b'{"name": "edge", "revision": 1, "nonce": "' + b"x" * (1 << 20) + b'"}'

    assert andon.ask("POST", "/enforce/v1/lease", token=token, data=body).status_code == 413
    answer = andon.ask("GET", "/enforce/v1/snapshot", token=token, headers={"X-Long": "y" * 17_000})
    assert answer.status_code == 413
    assert "16384" in answer.json()["detail"]


def test_authorize_answers_200_or_403_whatever_the_headers_weigh(andon: Live) -> None:
    """nginx makes an error of its own out of any other status, and the caller's cookies are not ours to choose."""
    answer = andon.ask("GET", "/enforce/v1/authorize", token=andon.point("edge"), headers={"X-Junk": "y" * 17_000})
    assert (answer.status_code, answer.headers["X-Andon-Reason"]) == (403, "too-large")


@pytest.mark.parametrize("path", ["/enforce/v1/nothing", "/ofrep/x", "/flagd/x"])
def test_addresses_beside_the_enforcement_routes_are_problems_too(andon: Live, path: str) -> None:
    """A gateway with a typo in its URL reads JSON, not a page."""
    answer = andon.ask("GET", path, token=andon.point("edge"))
    assert (answer.status_code, answer.headers["Content-Type"]) == (404, "application/problem+json")


def test_ready_says_why_it_is_not(andon: Live) -> None:
    """A load balancer needs a status, a tired person needs the reason."""
    assert andon.ask("GET", "/healthz").json() == {"status": "ok"}
    assert andon.ask("GET", "/readyz").status_code == 200
    token = andon.point("edge")
    andon.service.settings.database_path.rename(andon.service.settings.database_path.with_suffix(".gone"))

    wait_for(lambda: andon.ask("GET", "/readyz").status_code == 503, "a moved ledger is noticed", 5)
    assert str(andon.service.settings.database_path) in andon.ask("GET", "/readyz").json()["detail"]
    wait_for(lambda: lease(andon, token).status_code == 503, "grants stop", 5)
    andon.service.settings.database_path.with_suffix(".gone").rename(andon.service.settings.database_path)
    wait_for(lambda: andon.ask("GET", "/readyz").status_code == 200, "ready again", 5)
    assert lease(andon, token).json()["lease_seconds"] == 2


def test_drill_leaves_every_live_answer_as_it_was(andon: Live) -> None:
    """Shadow holds travel the real path beside the live table."""
    before = dict(andon.service.desk.snapshot.live)
    body = {"playbook": "partner-credential-abuse", "parameters": {"partner": "acme"}, "kind": "drill"}
    declared = andon.service.operations.declare(ADMIN, body).body

    snapshot = andon.service.desk.snapshot
    assert declared["id"].startswith("DRILL-")
    assert snapshot.live == before
    assert snapshot.shadow["partner:acme"]["revoked"] is True
    assert snapshot.decide("acme", "orion-2", "tool-use", now=andon.service.clock.now(), table=LIVE).allowed
