"""
A gateway as people run one: a WSGI application whose enforcement point is started before gunicorn forks its workers.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable
from typing import Any

from incidents.client import Gateway

gateway = Gateway(
    os.environ["CHAOS_URL"], os.environ["CHAOS_TOKEN"], os.environ["CHAOS_POINT"], cache_dir=os.environ["CHAOS_CACHE"]
).start()


def app(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    decision = gateway.decide("acme", "orion-2", "browsing")
    status = gateway.status()
    body = {
        "pid": os.getpid(),
        "allowed": decision.allowed,
        "reason": decision.reason,
        "instance": status["instance"],
        "revision": status["revision"],
    }
    start_response("200 OK", [("Content-Type", "application/json")])
    return [json.dumps(body).encode()]
