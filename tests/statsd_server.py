"""A statsd server on a real socket, for what Airflow sends."""

from __future__ import annotations

import re
import socket

LINE = re.compile(r"airflow\.([\w.-]+):([\d.]+)\|(c|ms)")


class Statsd:
    """A statsd server that keeps what it hears."""

    def __init__(self) -> None:
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 22)
        self._socket.bind(("127.0.0.1", 0))
        self._socket.settimeout(0.05)

    @property
    def port(self) -> int:
        port: int = self._socket.getsockname()[1]
        return port

    def heard(self) -> dict[str, list[float]]:
        """The numbers of counters, and the seconds of timers, by name, since the last call."""
        found: dict[str, list[float]] = {}
        try:
            while True:
                line = LINE.fullmatch(self._socket.recv(65536).decode())
                if line is not None:  # gauges are Airflow's own
                    number = float(line[2]) / (1000 if line[3] == "ms" else 1)
                    found.setdefault(line[1], []).append(number)
        except TimeoutError:
            return found

    def close(self) -> None:
        self._socket.close()
