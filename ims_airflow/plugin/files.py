"""The page's files over HTTP."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from functools import cached_property
from pathlib import Path
from typing import Any

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

STATIC = Path(__file__).parent / "static"
HEADERS = {
    # Scripts, styles and calls of this server only; nothing inline; in no frame but Airflow's own.
    "content-security-policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'self'",
    "cache-control": "no-cache",  # asked for again each time, answered with 304: an upgrade shows at once
    "referrer-policy": "same-origin",
    "x-content-type-options": "nosniff",
}


class PageFiles:
    """An ASGI application that serves the files of the page, the same ones to everybody.

    They hold no data: the page asks Airflow's own API, with the session of the user who looks at it.
    """

    async def __call__(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        """Answer a request."""

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                more = [(name.encode(), value.encode()) for name, value in HEADERS.items()]
                message["headers"] = [*message["headers"], *more]
            await send(message)

        await self._files(scope, receive, send_with_headers)

    @cached_property
    def _files(self) -> Any:
        # Airflow loads plugins in every component; only the API server has a use for a web framework.
        from starlette.staticfiles import StaticFiles  # noqa: PLC0415

        return StaticFiles(directory=STATIC, html=True)
