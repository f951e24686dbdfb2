"""What the triggers share: one watch, one event, nothing escapes."""

from __future__ import annotations

import asyncio
import random
import time
import traceback
from abc import abstractmethod
from collections.abc import AsyncIterator
from contextlib import AbstractContextManager, nullcontext
from contextvars import Context, copy_context
from functools import lru_cache
from sys import intern
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from airflow.triggers.base import BaseTrigger, TriggerEvent

from ims_airflow import metrics
from ims_airflow.exceptions import ImsAirflowError
from ims_airflow.hooks.shared import Lent, borrow
from ims_airflow.protocol.ids import DEFAULT_CONN_ID
from ims_airflow.protocol.message import Flow
from ims_airflow.protocol.polling import PollPolicy
from ims_airflow.protocol.waiting import Deadline, Surroundings, Watch, rejoin, step
from ims_airflow.triggers.alarm import wake_after
from ims_airflow.triggers.event import Event, event_of_error

if TYPE_CHECKING:
    from ims_airflow.client.aio import AsyncClient

R = TypeVar("R")
shared_policy = lru_cache(maxsize=64)(PollPolicy)  # there are few of them, and many triggers
_SURROUNDINGS = Surroundings(clock=time.time, chance=random.random)
_NOTHING: AbstractContextManager[Any] = nullcontext()


class WatchTrigger(BaseTrigger, Generic[R]):
    """Follows a watch to its end and sends exactly one event about it.

    :param ims_conn_id: Connection of type ``huaweicloud_ims``. Its secrets are never part of the trigger.
    :param region: overrides the Connection's region.
    :param poll_interval: seconds between two looks, None to adapt it to the elapsed time.
    :param started: epoch seconds from which elapsed time counts.
    :param deadline: epoch seconds at which to give up, None for never. It lives here because Airflow applies
        no ``execution_timeout`` to a deferred task, and lets nobody react to the one of ``defer``.
    :param deadline_name: the argument that set the deadline.
    :param looked: epoch seconds at which the worker last looked, None to look at once.
    :param newer: arguments of a newer version of this package, found in the database after it was rolled
        back. They are named in the log and left alone: what this version knows is enough to follow.
    """

    def __init__(
        self,
        *,
        ims_conn_id: str = DEFAULT_CONN_ID,
        region: str | None = None,
        poll_interval: float | None = None,
        started: float | None = None,
        deadline: float | None = None,
        deadline_name: str = "timeout",
        looked: float | None = None,
        **newer: Any,
    ) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        if newer:
            self.log.warning("%s does not know %s, going on without", type(self).__name__, ", ".join(newer))
        # As they come from the database, each trigger has words of its own; there are thousands of triggers.
        self.ims_conn_id = intern(str(ims_conn_id))
        self.region = intern(str(region)) if region else None
        self.poll_interval = poll_interval
        self.started = started
        self.deadline = deadline
        self.deadline_name = intern(str(deadline_name))
        self.looked = looked

    subject: str  # the argument that names what is followed

    @property
    def _subject(self) -> str:
        return str(getattr(self, self.subject))

    def policy(self) -> PollPolicy:
        """Return when to look again."""
        return shared_policy(self.poll_interval)

    @abstractmethod
    def watch(self, policy: PollPolicy, started: float, region: str) -> Watch[R]:
        """Return what to follow."""

    def beside(self, watch: Any, client: AsyncClient) -> AbstractContextManager[Any]:  # noqa: ARG002
        """Return what is open while a client follows a watch."""
        return _NOTHING

    @abstractmethod
    def result(self, found: R) -> Any:
        """Return what the event carries, as plain JSON."""

    @abstractmethod
    def arguments(self) -> dict[str, Any]:
        """Return the arguments of the subclass for :meth:`serialize`."""

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Return class path and arguments; they lie in the database as plain JSON."""
        shared = ("ims_conn_id", "region", "poll_interval", "started", "deadline", "deadline_name", "looked")
        path = f"{type(self).__module__}.{type(self).__qualname__}"
        return path, {**self.arguments(), **{name: getattr(self, name) for name in shared}}

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Follow to the end. The ``yield`` comes last: whatever ran after it could be taken for a kill.

        This task only waits for the end, and each look is a short task of its own. So nothing is made anew
        for the time between two looks: Python's garbage collector visits all that thousands of triggers keep,
        and takes longer over what is new.
        """
        verdict: BaseException | None = None
        try:
            found = await (await self._open())
            event = Event(self._subject, result=self.result(metrics.found(found)))
        except ImsAirflowError as error:
            verdict, event = error, event_of_error(self._subject, error)
        except Exception as error:  # noqa: BLE001  # Airflow writes what escapes into the task log, unmasked
            verdict, event = error, event_of_error(self._subject, error)
            where = traceback.extract_tb(error.__traceback__)[-1]
            self.log.error(  # noqa: TRY400
                "Unexpected %s at %s:%s", type(error).__name__, where.filename, where.lineno
            )
        except BaseException as error:
            verdict = error
            raise
        finally:
            try:
                await self._close(verdict)
            finally:
                verdict = None  # which knows this frame
        yield TriggerEvent({self.subject: event.subject, **event.payload()})  # type: ignore[no-untyped-call]

    async def _open(self) -> asyncio.Future[R]:
        """Begin to follow; return what is done in the end."""
        self._lent = await borrow(self.ims_conn_id, self.region)
        client = self._lent.client
        started = _SURROUNDINGS.clock() if self.started is None else self.started
        watch = self.watch(self.policy(), started, client.account.region)
        company = self.beside(watch, client)
        company.__enter__()
        self._watch, self._company = watch, company
        metrics.enable_in_triggerer()
        self._span = metrics.begin(watch)
        self._context = copy_context()  # by it Airflow knows whose log a line belongs to
        self._end = end = asyncio.get_running_loop().create_future()
        pause = 0.0 if self.looked is None else rejoin(watch, _SURROUNDINGS, self._limit, self.looked)
        wake_after(pause, self)
        return end

    def wake(self) -> None:
        """Look again, unless it has ended in the meantime."""
        if self._watch is not None and self._lent is not None:
            look = self._look(self._watch, self._lent.client)
            self._looking = asyncio.get_running_loop().create_task(look, context=self._context)

    async def _look(self, watch: Watch[R], client: AsyncClient) -> None:
        try:
            found, pause = await client.run(self._step(watch))
        except asyncio.CancelledError:
            if self._end is not None:
                self._end.cancel()
            raise
        except Exception as error:  # noqa: BLE001  # whoever waits for the end judges it
            if self._end is not None and not self._end.done():
                self._end.set_exception(error)
        else:
            if found is None:
                wake_after(pause, self)
            elif self._end is not None and not self._end.done():
                self._end.set_result(found)
        finally:
            self._looking = None

    def _step(self, watch: Watch[R]) -> Flow[tuple[R | None, float]]:
        return step(watch, _SURROUNDINGS, self._limit)

    async def _close(self, error: BaseException | None) -> None:
        """End what :meth:`_open` has begun.

        :param error: what has ended it, None for a good end.
        """
        lent, watch, looking = self._lent, self._watch, self._looking
        self._lent = self._watch = None
        try:
            if looking is not None:
                looking.cancel()
                await asyncio.wait([looking])
            if watch is not None:
                self._conclude(watch, error)
        finally:
            if lent is not None:
                await lent.give_back()

    def _conclude(self, watch: Watch[R], error: BaseException | None) -> None:
        company, opened = self._company, self._span
        self._company = self._span = _NOTHING
        self._end = self._context = None
        company.__exit__(None, None, None)
        metrics.end(watch, opened, error)

    @property
    def _limit(self) -> Deadline | None:
        return None if self.deadline is None else Deadline(self.deadline, self.deadline_name)

    # While it follows; forgotten then: a watch knows its trigger, and only the collector would part the two.
    _lent: Lent | None = None
    _watch: Watch[R] | None = None
    _looking: asyncio.Task[None] | None = None
    _span = _company = _NOTHING
    _end: asyncio.Future[R] | None = None
    _context: Context | None = None
