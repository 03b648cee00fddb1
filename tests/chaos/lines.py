"""
A TCP proxy that behaves like bad lines do: goes silent without closing, forgets connections, holds streams back.
"""

from __future__ import annotations

import contextlib
import socket
import threading


class BadLine:
    """
    Forwards to ``port`` until told otherwise.

    ``silent``: nothing is forwarded on any connection, none is closed. ``forget()``: the connections of now stay
    silent for ever, new ones work. ``holds_streams``: what answers a request for the stream arrives at its end only.
    """

    def __init__(self, port: int) -> None:
        self._target = port
        self.silent = False
        self.holds_streams = False
        self.connections = 0
        self._generation = 0
        self._closed = threading.Event()
        self._sockets: list[socket.socket] = []
        self._listening = socket.create_server(("127.0.0.1", 0), backlog=256)
        self.url = f"http://127.0.0.1:{self._listening.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    def forget(self) -> None:
        self._generation += 1

    def close(self) -> None:
        self._closed.set()
        with contextlib.suppress(OSError):
            self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()
        for one in self._sockets:
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()

    def __enter__(self) -> BadLine:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _accept(self) -> None:
        while not self._closed.is_set():
            try:
                near, _ = self._listening.accept()
                far = socket.create_connection(("127.0.0.1", self._target), timeout=5)
            except OSError:
                continue
            far.settimeout(None)
            self.connections += 1
            self._sockets += [near, far]
            held: list[bool] = [False]
            for source, target, to_server in ((near, far, True), (far, near, False)):
                threading.Thread(
                    target=self._pump, args=(source, target, to_server, self._generation, held), daemon=True
                ).start()

    def _pump(self, source: socket.socket, target: socket.socket, to_server: bool, born: int, held: list[bool]) -> None:
        kept = b""
        with contextlib.suppress(OSError):
            while portion := source.recv(65536):
                if to_server and b"/enforce/v1/stream" in portion:
                    held[0] = self.holds_streams
                if not self._may_pass(born):
                    return  # both ends stay open and hear nothing more
                if held[0] and not to_server:
                    kept += portion
                    continue
                target.sendall(portion)
            target.sendall(kept)
            target.shutdown(socket.SHUT_WR)

    def _may_pass(self, born: int) -> bool:
        while self.silent and born == self._generation:
            if self._closed.wait(0.01):
                return False
        return born == self._generation and not self._closed.is_set()
