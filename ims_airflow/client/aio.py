"""The client of the triggerer: ``aiohttp`` does the asking, ``tenacity`` the asking again."""

from __future__ import annotations

import asyncio
import random
import ssl
import time
from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import Self, TypeVar
from urllib.request import getproxies, proxy_bypass

import aiohttp
from tenacity import AsyncRetrying
from yarl import URL

from ims_airflow.client.limiter import AsyncLimiter, limited, too_many
from ims_airflow.client.options import HttpOptions
from ims_airflow.client.patience import Patience
from ims_airflow.client.sharing import SharedAnswers
from ims_airflow.client.transport import USER_AGENT, checked, not_sent, retrying, unspeakable, untrusted
from ims_airflow.exceptions import (
    AnswerLostError,
    ApiError,
    AuthenticationError,
    ImsAirflowError,
    NotSentError,
    UnusableAnswerError,
)
from ims_airflow.protocol.account import Account
from ims_airflow.protocol.message import Call, Flow, Pause, Request, Response, Service

T = TypeVar("T")
_CHUNK = 64 * 1024
_MOMENT = 1.0  # seconds


class AsyncClient:
    """Runs flows over HTTP without blocking the event loop. Belongs to the loop that it is first used on.

    :param account: who asks, and where.
    :param options: time-outs and TLS.
    :param reload: returns the account anew, from where keys are rotated; asked once when they are refused.
    :param clock: returns epoch seconds.
    :param sleep: waits for seconds.
    :param chance: returns a random number in [0, 1), for jitter.
    """

    def __init__(
        self,
        account: Account,
        options: HttpOptions | None = None,
        *,
        reload: Callable[[], Awaitable[Account]] | None = None,
        clock: Callable[[], float] = time.time,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self.account = account
        self.options = options or HttpOptions()
        self._reload = reload
        self.clock = clock
        self.sleep = sleep
        self.chance = chance
        self._learning = asyncio.Lock()
        self._proving = asyncio.Lock()
        self._session: aiohttp.ClientSession | None = None
        self._patience = Patience(self.options.brief)
        self._brief = aiohttp.ClientTimeout(sock_connect=self.options.connect_timeout)
        self._proxies: dict[tuple[str, str | None], str | None] = {}
        self._unreachable = _Unreachable()
        self.limiter = AsyncLimiter(self.options.throttle())
        self._shared = SharedAnswers()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Close all connections."""
        await self._shared.aclose()
        self.limiter.close()
        self._patience.close()
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    async def run(self, flow: Flow[T]) -> T:
        """Run a flow to its result.

        :raises ImsAirflowError: what the flow lets through.
        """
        try:
            step = next(flow)
            while True:
                if isinstance(step, Pause):
                    await self.sleep(step.seconds)
                    step = flow.send(None)
                    continue
                step = _fed(flow, await self._answer(step))  # thousands sleep above: none keeps its answer
        except StopIteration as stop:
            result: T = stop.value
            return result

    async def _answer(self, call: Call) -> Response | Exception:
        try:
            return await self.send(call)
        except Exception as error:  # noqa: BLE001  # the flow decides what an error means
            return error

    async def send(self, call: Call) -> Response:
        """Send a call, again where that is safe and may help, and return its successful answer.

        :raises TransportError: no answer.
        :raises ApiError: an answer that is an error.
        :raises UnusableAnswerError: an answer that cannot be read.
        """
        if call.fresh:
            return await self._shared.ask(call, self._send)
        if call.attempts == 1 and self.account.proven:  # as polls have it
            return await self._renewing(call)
        return await self._send(call)

    async def _send(self, call: Call) -> Response:
        if call.attempts == 1:
            return await self._authorised(call)
        return await AsyncRetrying(sleep=self.sleep, **retrying(call, self.chance))(self._authorised, call)

    async def _authorised(self, call: Call) -> Response:
        if self.account.proven or not call.signed or call.service is Service.IAM:
            return await self._renewing(call)
        async with self._proving:  # wrong keys must not be sent a thousand times at once: six lock them
            self._unreachable.check(self.clock())
            try:
                response = await self._renewing(call)
            except NotSentError as error:
                self._unreachable.note(error, self.clock())
                raise
            except ImsAirflowError:
                self.account.proven = True
                raise
            self.account.proven = True
            return response

    async def _renewing(self, call: Call) -> Response:
        account = self.account
        used = account.credential
        try:
            if account.lacks(call, self.clock()):
                await self._prepare(call)
                used = account.credential
            return await self._exchange(call)
        except AuthenticationError as error:
            if not call.signed or not (account.refused(used, error) or await self._rotated(account)):
                raise
        await self._prepare(call)
        return await self._exchange(call)

    async def _rotated(self, refused: Account) -> bool:
        if self._reload is None or self.account is not refused:
            return self.account is not refused
        fresh = await self._reload()
        if fresh.same_identity(refused):
            return False
        self.account = fresh
        return True

    async def _prepare(self, call: Call) -> None:
        if self.account.lacks(call, self.clock()):
            async with self._learning:
                if self.account.lacks(call, self.clock()):
                    await self._learn(call)

    async def _learn(self, call: Call) -> None:
        try:
            await self.run(self.account.learn(call, self.clock()))
        except ImsAirflowError as error:
            raise not_sent(call, error) from error

    async def _exchange(self, call: Call) -> Response:
        counts = limited(call)
        if counts and not self.limiter.admit():
            await self.limiter.enter()
        try:
            request = self.account.request(call, self.clock())  # signed after the wait
            return checked(call, await self._transfer(call, request))
        except ApiError as error:
            if counts and too_many(call, error):
                self.limiter.refuse(error)
            raise
        finally:
            if counts:
                self.limiter.leave()

    async def _transfer(self, call: Call, request: Request) -> Response:
        if not isinstance(request.body, bytes):
            raise TypeError("the async client sends no files")
        url = URL(request.url, encoded=True)
        limit = call.read_limit
        session = self._open()
        task = self._patience.begin() if call.brief else None
        try:
            async with session.request(
                request.method,
                url,
                headers=request.headers,
                data=request.body or None,
                proxy=None if call.service is Service.METADATA else self._proxy(url),  # never behind one
                timeout=self._brief if call.brief else session.timeout,
                allow_redirects=False,  # a redirect would carry the signature to another host
            ) as answer:
                length = answer.content_length
                # HTTP lets no more through than an answer announces.
                whole = length is not None and length <= limit
                content = await (answer.read() if whole else _read(answer, request, limit))
                return Response(answer.status, answer.headers, content)
        except (aiohttp.ClientError, OSError, ValueError) as error:
            raise _translated(request, error) from None
        except asyncio.CancelledError:
            if task is not None and self._patience.forgive(task):
                seconds = self._patience.seconds
                raise AnswerLostError(f"{request!r}: no answer within {seconds:g} s") from None
            raise
        finally:
            if task is not None:
                self._patience.end(task)

    def _open(self) -> aiohttp.ClientSession:
        if self._session is None:
            timeout = aiohttp.ClientTimeout(
                total=self.options.total,
                sock_connect=self.options.connect_timeout,
                sock_read=self.options.read_timeout,
            )
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(ssl=_tls(self.options.verify), limit=64),
                timeout=timeout,
                headers={"User-Agent": USER_AGENT, "Accept-Encoding": "identity"},
                cookie_jar=aiohttp.DummyCookieJar(),
                auto_decompress=False,
            )
        return self._session

    def _proxy(self, url: URL) -> str | None:
        # Not trust_env: aiohttp would then look into ~/.netrc before each request, in a thread, and refuse
        # to send our Authorization when it finds the host there.
        origin = (url.scheme, url.host_port_subcomponent)  # both of which aiohttp needs, too
        if origin not in self._proxies:
            proxy = None if proxy_bypass(url.authority) else getproxies().get(url.scheme)
            self._proxies[origin] = f"http://{proxy}" if proxy and "://" not in proxy else proxy
        return self._proxies[origin]


def _fed(flow: Flow[T], answer: Response | Exception) -> Call | Pause:
    return flow.throw(answer) if isinstance(answer, Exception) else flow.send(answer)


class _Unreachable:
    """Spares those who wait behind a request that reached nobody the same wait, for a moment."""

    def __init__(self) -> None:
        self._until = 0.0
        self._reason = ""

    def note(self, error: NotSentError, now: float) -> None:
        self._until, self._reason = now + _MOMENT, str(error)

    def check(self, now: float) -> None:
        if 0 < self._until - now <= _MOMENT:  # a clock that was set back makes no long moment of it
            raise NotSentError(self._reason)


async def _read(answer: aiohttp.ClientResponse, request: Request, limit: int) -> bytes:
    content = bytearray()
    async for chunk in answer.content.iter_chunked(_CHUNK):
        content += chunk
        if len(content) > limit:
            answer.close()
            raise UnusableAnswerError(f"{request!r}: the answer is larger than {limit} bytes")
    return bytes(content)


def _tls(verify: bool | str) -> ssl.SSLContext | bool:
    return ssl.create_default_context(cafile=verify) if isinstance(verify, str) else verify


def _translated(request: Request, error: Exception) -> ImsAirflowError:
    """Turn an exception of ``aiohttp`` into ours: was it sent or not, that is the question."""
    if isinstance(error, aiohttp.ClientConnectorCertificateError):  # a ValueError, too
        return untrusted(request, str(error.certificate_error))
    if isinstance(
        error, aiohttp.InvalidURL | ValueError
    ):  # UnicodeError and refused header values among them
        return unspeakable(request, error)
    if isinstance(
        error,
        aiohttp.ClientConnectorError | aiohttp.ConnectionTimeoutError | aiohttp.ClientHttpProxyError,
    ):
        return NotSentError(f"{request!r}: {_reason(error)}")
    return AnswerLostError(f"{request!r}: {_reason(error)}")


def _reason(error: BaseException) -> str:
    return f"{type(error).__name__}: {getattr(error, 'strerror', None) or error}".rstrip(": ")
