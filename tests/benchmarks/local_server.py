"""A server in a process of its own that costs next to nothing: the same few answers, as fast as bytes can go.

It knows the job query of IMS and the run query of dbt Cloud, both of a job that never ends, over HTTP and
over TLS. ``PYTHONPATH=tests python -m benchmarks.local_server`` prints its two ports; it ends with its
standard input.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import ipaddress
import json
import ssl
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

JOB = {
    "status": "RUNNING",
    "entities": {"image_name": "fedora", "process_percent": 0.4, "current_task": "ImportImageTask:"},
    "job_id": "8a12fc664fb4daa3014fb4e581380005",
    "job_type": "imsImportDataImageJob",
    "begin_time": "2026-11-24T06:40:00.123Z",
    "end_time": "",
    "error_code": None,
    "fail_reason": None,
}
RUN = {"status": {"code": 200}, "data": {"id": 5, "status": 3}}


def _answer(body: object) -> bytes:
    content = json.dumps(body).encode()
    head = f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {len(content)}\r\n\r\n"
    return head.encode() + content


class _Server(asyncio.Protocol):
    """Answers each head of a request; bodies do not occur. ``/count`` tells how many there were."""

    job, run = _answer(JOB), _answer(RUN)
    count = 0
    transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        self.received = b""

    def data_received(self, data: bytes) -> None:
        *heads, self.received = (self.received + data).split(b"\r\n\r\n")
        for head in heads:
            path = head.partition(b"\r\n")[0]
            if b"/count" in path:
                self.transport.write(_answer({"count": _Server.count}))
            else:
                _Server.count += 1
                self.transport.write(self.run if b"/accounts/" in path else self.job)


def write_certificate(folder: Path) -> Path:
    """Write a key and a certificate for 127.0.0.1 into one file, which is also the CA bundle to trust it."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    today = dt.datetime.now(dt.UTC)
    address = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(today - dt.timedelta(days=1))
        .not_valid_after(today + dt.timedelta(days=1))
        .add_extension(address, critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    path = folder / "certificate.pem"
    path.write_bytes(
        key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        + certificate.public_bytes(pem)
    )
    return path


@dataclass(frozen=True)
class Local:
    """Where the server is.

    :param bundle: the CA bundle that trusts it.
    """

    http: str
    https: str
    bundle: Path


@contextmanager
def local_server(folder: Path) -> Iterator[Local]:
    bundle = write_certificate(folder)
    command = [sys.executable, "-m", "benchmarks.local_server", str(bundle)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin
        assert process.stdout
        plain, tls = process.stdout.readline().split()
        try:
            yield Local(f"http://127.0.0.1:{plain}", f"https://127.0.0.1:{tls}", bundle)
        finally:
            process.stdin.close()


async def serve(bundle: str) -> None:
    loop = asyncio.get_running_loop()
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(bundle)
    servers = [
        await loop.create_server(_Server, "127.0.0.1", 0, ssl=security, backlog=1024)
        for security in (None, context)
    ]
    print(*(server.sockets[0].getsockname()[1] for server in servers), flush=True)
    await asyncio.to_thread(sys.stdin.read)


if __name__ == "__main__":
    asyncio.run(serve(sys.argv[1]))
