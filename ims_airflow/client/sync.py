"""The client of workers: ``requests`` does the asking, ``tenacity`` the asking again."""

from __future__ import annotations

import io
import random
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.cookiejar import DefaultCookiePolicy
from types import TracebackType
from typing import Self, TypeVar

import requests
import urllib3.exceptions
from requests.adapters import HTTPAdapter
from tenacity import Retrying

from ims_airflow.client.limiter import ThreadLimiter, limited, too_many
from ims_airflow.client.options import HttpOptions
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
from ims_airflow.protocol.message import Call, FilePart, Flow, Pause, Request, Response, Service

T = TypeVar("T")
_CHUNK = 64 * 1024


class Client:
    """Runs flows over HTTP. One connection pool, one account; safe to share between threads.

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
        reload: Callable[[], Account] | None = None,
        clock: Callable[[], float] = time.time,
        sleep: Callable[[float], None] = time.sleep,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self.account = account
        self.options = options or HttpOptions()
        self._reload = reload
        self.clock = clock
        self.sleep = sleep
        self.chance = chance
        self._lock = threading.RLock()
        self._limiter = ThreadLimiter(self.options.throttle(), sleep)
        self._session = _session(trust_env=True)
        self._direct = _session(trust_env=False)  # the metadata service is never behind a proxy

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close all connections."""
        self._session.close()
        self._direct.close()

    def run(self, flow: Flow[T], *, pause: Callable[[float], None] | None = None) -> T:
        """Run a flow to its result.

        :param pause: takes the seconds of the flow's pauses, instead of sleeping; may raise to end the run.
        :raises ImsAirflowError: what the flow lets through.
        """
        try:
            step = next(flow)
            while True:
                answer = self._answer(step, pause or self.sleep)
                step = flow.throw(answer) if isinstance(answer, Exception) else flow.send(answer)
        except StopIteration as stop:
            result: T = stop.value
            return result

    def _answer(self, step: Call | Pause, pause: Callable[[float], None]) -> Response | Exception | None:
        if isinstance(step, Pause):
            pause(step.seconds)
            return None
        try:
            return self.send(step)
        except Exception as error:  # noqa: BLE001  # the flow decides what an error means
            return error

    def send(self, call: Call) -> Response:
        """Send a call, again where that is safe and may help, and return its successful answer.

        :raises TransportError: no answer.
        :raises ApiError: an answer that is an error.
        :raises UnusableAnswerError: an answer that cannot be read.
        """
        if call.attempts == 1:
            return self._authorised(call)
        return Retrying(sleep=self.sleep, **retrying(call, self.chance))(self._authorised, call)

    def _authorised(self, call: Call) -> Response:
        if self.account.proven or not call.signed:
            return self._renewing(call)
        with self._lock:  # wrong keys must not be sent many times at once: six refusals lock them
            try:
                response = self._renewing(call)
            except NotSentError:
                raise
            except ImsAirflowError:
                self.account.proven = True
                raise
            self.account.proven = True
            return response

    def _renewing(self, call: Call) -> Response:
        account = self.account
        used = account.credential
        try:
            self._prepare(call)
            used = account.credential
            return self._exchange(call)
        except AuthenticationError as error:
            if not call.signed or not (account.refused(used, error) or self._rotated(account)):
                raise
        self._prepare(call)
        return self._exchange(call)

    def _rotated(self, refused: Account) -> bool:
        if self._reload is None or self.account is not refused:
            return self.account is not refused
        fresh = self._reload()
        if fresh.same_identity(refused):
            return False
        self.account = fresh
        return True

    def _prepare(self, call: Call) -> None:
        if self.account.lacks(call, self.clock()):
            with self._lock:
                if self.account.lacks(call, self.clock()):
                    self._learn(call)

    def _learn(self, call: Call) -> None:
        try:
            self.run(self.account.learn(call, self.clock()))
        except ImsAirflowError as error:
            raise not_sent(call, error) from error

    def _exchange(self, call: Call) -> Response:
        if not limited(call):
            return self._asked(call)
        try:
            with self._limiter.turn():
                return self._asked(call)
        except ApiError as error:
            if too_many(call, error):
                self._limiter.refuse()
            raise

    def _asked(self, call: Call) -> Response:
        request = self.account.request(call, self.clock())  # signed after the wait
        session = self._direct if call.service is Service.METADATA else self._session
        return checked(call, self._transfer(session, request, call.read_limit))

    def _transfer(self, session: requests.Session, request: Request, limit: int) -> Response:
        with _body(request) as body, _translated(request):
            answer = session.request(
                request.method,
                request.url,
                headers=request.headers,
                data=body,
                verify=self.options.verify,
                timeout=(self.options.connect_timeout, self.options.read_timeout),
                allow_redirects=False,  # a redirect would carry the signature to another host
                stream=True,
            )
            with answer:
                content = b"" if request.method == "HEAD" else self._read(answer, request, limit)
        return Response(answer.status_code, answer.headers, content)

    def _read(self, answer: requests.Response, request: Request, limit: int) -> bytes:
        end = time.monotonic() + self.options.total
        content = bytearray()
        while chunk := answer.raw.read1(_CHUNK, decode_content=False):
            content += chunk
            if len(content) > limit:
                raise UnusableAnswerError(f"{request!r}: the answer is larger than {limit} bytes")
            if time.monotonic() > end:
                raise AnswerLostError(f"{request!r}: the answer took longer than {self.options.total:.0f} s")
        return bytes(content)


def _session(*, trust_env: bool) -> requests.Session:
    session = requests.Session()
    session.trust_env = trust_env
    # Without an auth of its own, requests would replace our Authorization by what ~/.netrc holds.
    session.auth = lambda prepared: prepared
    session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
    session.headers.clear()
    session.headers.update({"User-Agent": USER_AGENT, "Accept": "*/*", "Accept-Encoding": "identity"})
    adapter = HTTPAdapter(max_retries=0)
    session.mount("http://", adapter)
    session.mount("https://", adapter)
    return session


class _Part(io.RawIOBase):
    """A stretch of a file that knows its length, as ``requests`` wants it."""

    def __init__(self, part: FilePart) -> None:
        self._file = part.path.open("rb")
        self._file.seek(part.offset)
        self._left = self._length = part.length

    def __len__(self) -> int:
        return self._length

    def read(self, size: int = -1) -> bytes:
        data = self._file.read(self._left if size < 0 else min(size, self._left))
        self._left -= len(data)
        return data

    def close(self) -> None:
        self._file.close()
        super().close()


@contextmanager
def _body(request: Request) -> Iterator[bytes | _Part | None]:
    if isinstance(request.body, bytes):
        yield request.body or None
        return
    part = _Part(request.body)
    try:
        yield part
    finally:
        part.close()


@contextmanager
def _translated(request: Request) -> Iterator[None]:
    """Turn the exceptions of ``requests`` into ours: was it sent or not, that is the question."""
    try:
        yield
    except (requests.exceptions.InvalidHeader, requests.exceptions.InvalidURL, UnicodeError) as error:
        raise unspeakable(request, error) from None
    except requests.exceptions.ConnectTimeout as error:
        raise NotSentError(f"{request!r}: {_reason(error)}") from None
    except requests.exceptions.ConnectionError as error:
        if "CERTIFICATE_VERIFY_FAILED" in str(error):
            raise untrusted(request, _reason(error)) from None
        kind = NotSentError if _never_connected(error) else AnswerLostError
        raise kind(f"{request!r}: {_reason(error)}") from None
    except (requests.exceptions.RequestException, urllib3.exceptions.HTTPError, OSError) as error:
        raise AnswerLostError(f"{request!r}: {_reason(error)}") from None


def _never_connected(error: BaseException) -> bool:
    if isinstance(error, requests.exceptions.ProxyError):
        return True
    reason = getattr(error.args[0] if error.args else None, "reason", None)
    return isinstance(reason, urllib3.exceptions.NewConnectionError | urllib3.exceptions.ConnectTimeoutError)


def _reason(error: BaseException) -> str:
    """Word a network error without its URL, which may hold more than a log should show."""
    inner: object = error
    while isinstance(inner, BaseException):
        found = getattr(inner, "reason", None) or next(
            (arg for arg in inner.args if isinstance(arg, BaseException)), None
        )
        if not isinstance(found, BaseException):
            break
        inner = found
    text = str(inner).rpartition(": ")[2] if isinstance(inner, urllib3.exceptions.HTTPError) else str(inner)
    return f"{type(inner).__name__}: {text}"
