"""
A small model gateway with an Andon enforcement point in it: real HTTP, real ``incidents/client.py``.

``/v1/<model>/<capability>`` answers a partner (``X-Partner-Key``) if Andon's table allows it, and 403 with the reason
if not. ``/status`` shows what the enforcement point knows. The "model" only echoes: what matters here is the door.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import FrameType
from typing import Any

from incidents.client import Gateway

KEYS = {"acme-demo-key": "acme", "globex-demo-key": "globex"}  # a gateway knows its partners' keys


class Door(BaseHTTPRequestHandler):
    """Asks the enforcement point, then answers."""

    gateway: Gateway
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_GET(self) -> None:
        if self.path == "/status":
            self._answer(200, self.gateway.status(), 0)
            return
        parts = self.path.partition("?")[0].strip("/").split("/")
        if len(parts) != 3 or parts[0] != "v1":
            self._answer(404, {"error": "ask for /v1/<model>/<capability>"}, 0)
            return
        self._ask(parts[1], parts[2])

    def do_POST(self) -> None:
        self.rfile.read(min(int(self.headers.get("Content-Length") or 0), 1 << 20))
        self.do_GET()

    def _ask(self, model: str, capability: str) -> None:
        partner = KEYS.get(self.headers.get("X-Partner-Key", ""), "")
        decision = self.gateway.decide(partner, model, capability, self.headers.get("X-Region"))
        if decision.allowed:
            body = {"answer": f"{model} did {capability} for {partner}", "revision": decision.revision}
            self._answer(200, body, decision.revision)
        else:
            self._answer(403, {"denied": decision.reason, "revision": decision.revision}, decision.revision)

    def _answer(self, status: int, body: dict[str, Any], revision: int) -> None:
        text = json.dumps(body, default=str).encode() + b"\n"
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(text)))
        self.send_header("Cache-Control", "no-store")
        self.send_header("X-Andon-Revision", str(revision))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, format: str, *args: Any) -> None:
        """Silent: the demo's terminal belongs to Andon."""


class Doorway(ThreadingHTTPServer):
    """Ends with whoever started it: a demo that was killed leaves no gateway behind."""

    parent = os.getppid()

    def service_actions(self) -> None:
        if os.getppid() != self.parent:
            threading.Thread(target=self.shutdown).start()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--andon", required=True, help="URL of the Andon service")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--name", default="demo-gateway")
    given = parser.parse_args()
    gateway = Gateway(given.andon, os.environ["ANDON_GATEWAY_TOKEN"], given.name).start()
    Door.gateway = gateway
    server = Doorway(("127.0.0.1", given.port), Door)

    def stop(number: int, frame: FrameType | None) -> None:
        threading.Thread(target=server.shutdown).start()

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    try:
        server.serve_forever()
    finally:
        gateway.close()
        server.server_close()


if __name__ == "__main__":
    main()
