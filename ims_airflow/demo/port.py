from __future__ import annotations

import socket


def free_port() -> int:
    """Return a loopback port that nobody listens on just now; another process may still be faster."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
    return port
