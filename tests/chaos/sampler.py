"""
Asks a service for decisions over one connection until its input closes, then prints how long they took, as JSON.

A program of its own, so that the load which is made beside it does not make it slow: ``HOST PORT TOKEN``.
"""

from __future__ import annotations

import http.client
import json
import select
import sys
import time


def main() -> None:
    host, port, token = sys.argv[1:4]
    headers = {
        "Authorization": f"Bearer {token}",
        "X-Partner": "globex",
        "X-Model": "orion-2",
        "X-Capability": "tool-use",
    }
    connection = http.client.HTTPConnection(host, int(port), timeout=20)
    took: list[float] = []
    wrong = 0
    while not select.select([sys.stdin], [], [], 0.001)[0]:
        began = time.perf_counter()
        try:
            connection.request("GET", "/enforce/v1/authorize", headers=headers)
            answer = connection.getresponse()
            answer.read()
            wrong += answer.status not in (200, 403)
        except (OSError, http.client.HTTPException):
            wrong += 1
            connection.close()
        took.append(time.perf_counter() - began)
    took.sort()
    print(
        json.dumps(
            {
                "asked": len(took),
                "wrong": wrong,
                "p50_ms": round(took[len(took) // 2] * 1000, 2),
                "p99_ms": round(took[len(took) * 99 // 100] * 1000, 2),
                "max_ms": round(took[-1] * 1000, 2),
            }
        )
    )


if __name__ == "__main__":
    main()
