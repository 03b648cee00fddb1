"""
Drills with real processes and real gateways: killed in the middle, beside a declaration, under decisions.
"""

from __future__ import annotations

import json
import subprocess
import threading
from pathlib import Path

from incidents.client import Gateway
from tests.support.inprocess import ADMIN, live
from tests.support.servers import andon, andon_command, environment_of, free_port, serving, wait_for

BODY = {"playbook": "partner-credential-abuse", "parameters": {"partner": "acme"}}
CATALOG = """
models: {orion-2: {stage: general}}
capabilities: {tool-use: {models: [orion-2]}}
partners: {acme: {audience: trusted-partner}}
grants: [{partner: acme, model: orion-2, capability: tool-use, terms: accepted}]
"""


def test_a_service_killed_in_a_drill_comes_back_and_gives_way_to_what_is_real(tmp_path: Path) -> None:
    """
    kill -9 in the middle, something real declared at the prompt while nothing runs: the first cycle of the next
    service ends the drill, and the end of the drill gives nothing of the real one back.
    """
    with andon(tmp_path) as first:
        first.apply(CATALOG)
        drill = first.call("POST", "/api/v1/drills", BODY).json()["id"]
        admin = first.admin
        first.process.kill()
        first.process.wait()
    environment = environment_of(tmp_path)
    told = subprocess.run(
        andon_command("declare", BODY["playbook"], "-p", "partner=acme", "--json"),
        env=environment, capture_output=True, text=True, check=True,
    )  # fmt: skip
    real = json.loads(told.stdout)["id"]

    with serving(tmp_path, admin, environment, free_port()) as again:

        def report() -> dict[str, object]:
            return dict(again.call("GET", f"/api/v1/drills/{drill}/report").json())

        wait_for(lambda: report()["how"] == "aborted", f"{drill} has given way to {real}")
        assert real in str(report()["because"])
        assert again.call("GET", f"/api/v1/incidents/{drill}").json()["holds_standing"] == 0
        decision = again.call("GET", "/api/v1/decision?partner=acme&model=orion-2&capability=tool-use").json()
        assert (decision["reason"], decision["held_by"]) == ("partner-revoked", [real])


def test_a_service_killed_in_a_drill_goes_on_with_it_and_ends_it(tmp_path: Path) -> None:
    """
    Where nothing else has happened the drill is still a drill: it can be ended like any other, with its proof.
    """
    with andon(tmp_path) as first:
        first.apply(CATALOG)
        drill = first.call("POST", "/api/v1/drills", BODY | {"lasts": "1h"}).json()["id"]
        admin = first.admin
        first.process.kill()
        first.process.wait()
    with serving(tmp_path, admin, environment_of(tmp_path), free_port()) as again:
        assert again.call("GET", f"/api/v1/drills/{drill}/report").json()["running"]
        ended = again.call("POST", f"/api/v1/drills/{drill}/end", {}).json()
        assert (ended["how"], ended["equal"], len(ended["lifted"])) == ("finished", True, 1)


def test_gateways_confirm_a_drill_while_every_live_decision_stays_allowed(tmp_path: Path) -> None:
    """
    Real clients on the real stream: they apply the shadow, confirm it and its end, and never refuse anybody.
    """
    with live(tmp_path, catalog=CATALOG) as andon_here:
        gateways = [
            Gateway(andon_here.url, andon_here.point(name), name, cache_dir=None).start() for name in ("eu", "us")
        ]
        for gateway in gateways:
            wait_for(lambda gateway=gateway: gateway.decide("acme", "orion-2", "tool-use"), "the gateway decides")
        denied: list[str] = []
        asked, over = [0], threading.Event()

        def ask() -> None:
            while not over.is_set():
                for gateway in gateways:
                    decision = gateway.decide("acme", "orion-2", "tool-use")
                    asked[0] += 1
                    if not decision.allowed:
                        denied.append(decision.reason)

        asking = threading.Thread(target=ask)
        asking.start()
        try:
            operations = andon_here.service.operations
            drill = operations.start_drill(ADMIN, BODY).body["id"]
            found = andon_here.contained(drill)
            operations.end_drill(ADMIN, drill)
            wait_for(
                lambda: operations.drill_report(ADMIN, drill)["score"]["restore_ms"] is not None,
                "the way back is confirmed",
            )
        finally:
            over.set()
            asking.join()
            for gateway in gateways:
                gateway.close()
        score = operations.drill_report(ADMIN, drill)["score"]

    assert (found["confirmed"], found["total"]) == (2, 2)
    assert (score["confirmed"], score["met"], score["wrong_targets"], score["equal"]) == (2, True, 0, True)
    assert asked[0] > 100
    assert denied == []
