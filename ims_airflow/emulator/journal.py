from __future__ import annotations

from collections import deque
from typing import Any

from ims_airflow.emulator.clock import to_the_millisecond
from ims_airflow.emulator.wire import Ask
from ims_airflow.protocol.message import Service

# Parts of an OBS address that sign it or stand for a credential.
_SECRET_ARGS = frozenset(
    {"accesskeyid", "awsaccesskeyid", "signature", "x-obs-security-token", "x-amz-security-token"}
)


class Journal:
    """The requests that were answered or dropped, the latest ones. Holds no header and no body.

    :param size: number of requests to remember.
    """

    def __init__(self, size: int) -> None:
        self._entries: deque[dict[str, Any]] = deque(maxlen=size)
        self._count = 0

    def note(  # one argument per column
        self,
        ask: Ask,
        service: Service,
        *,
        at: float,
        status: int | None,
        fault: int | None,
        code: str,
    ) -> None:
        """Write down one request.

        :param status: that the client saw, None where no whole answer left.
        :param fault: id of the fault that had a hand in it.
        :param code: the error's code, or empty.
        """
        self._count += 1
        self._entries.append(
            {
                "number": self._count,
                "time": to_the_millisecond(at),
                "service": service.value,
                "method": ask.method,
                "path": ask.path,
                "signed": _scheme(ask),
                "query": {k: "***" if k.lower() in _SECRET_ARGS else v for k, v in ask.query},
                "status": status,
                "outcome": "dropped" if status is None else "answered",
                "fault": fault,
                "code": code,
            }
        )

    def entries(self, service: str = "") -> list[dict[str, Any]]:
        """Return what was noted, oldest first.

        :param service: only requests to this one.
        """
        return [dict(one) for one in self._entries if service in {"", one["service"]}]


def _scheme(ask: Ask) -> str:
    """Name the way in which a request is authorised, and nothing of the credential."""
    if "x-auth-token" in ask.headers:
        return "token"
    in_query = "OBS URL" if "Signature" in ask.args else ""
    return ask.header("authorization").partition(" ")[0] or in_query
