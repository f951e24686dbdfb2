"""What the triggers share: one watch, one event, nothing escapes."""

from __future__ import annotations

import random
import time
import traceback
from abc import abstractmethod
from collections.abc import AsyncIterator
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from airflow.triggers.base import BaseTrigger, TriggerEvent

from ims_airflow import metrics
from ims_airflow.exceptions import ImsAirflowError
from ims_airflow.hooks.shared import SharedClient
from ims_airflow.protocol.ids import DEFAULT_CONN_ID
from ims_airflow.protocol.polling import ADAPTIVE, PollPolicy
from ims_airflow.protocol.waiting import Deadline, Surroundings, Watch, follow
from ims_airflow.triggers.event import Event, event_of_error

if TYPE_CHECKING:
    from ims_airflow.client.aio import AsyncClient

R = TypeVar("R")
_SURROUNDINGS = Surroundings(clock=time.time, chance=random.random)
_NOTHING: AbstractContextManager[None] = nullcontext()


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
        self.ims_conn_id = ims_conn_id
        self.region = region
        self.poll_interval = poll_interval
        self.started = started
        self.deadline = deadline
        self.deadline_name = deadline_name
        self.looked = looked

    subject: str  # the argument that names what is followed

    @property
    def _subject(self) -> str:
        return str(getattr(self, self.subject))

    def policy(self) -> PollPolicy:
        """Return when to look again."""
        return ADAPTIVE if self.poll_interval is None else PollPolicy(fixed=self.poll_interval)

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
        """Follow to the end. The ``yield`` comes last: whatever ran after it could be taken for a kill."""
        event = await self._event()
        yield TriggerEvent({self.subject: event.subject, **event.payload()})  # type: ignore[no-untyped-call]

    async def _event(self) -> Event:
        try:
            found = await self._follow()
        except ImsAirflowError as error:
            return event_of_error(self._subject, error)
        except Exception as error:  # noqa: BLE001  # Airflow writes what escapes into the task log, unmasked
            where = traceback.extract_tb(error.__traceback__)[-1]
            self.log.error(  # noqa: TRY400
                "Unexpected %s at %s:%s", type(error).__name__, where.filename, where.lineno
            )
            return event_of_error(self._subject, error)
        return Event(self._subject, result=self.result(found))

    async def _follow(self) -> R:
        limit = None if self.deadline is None else Deadline(self.deadline, self.deadline_name)
        async with SharedClient(self.ims_conn_id, self.region) as client:
            started = _SURROUNDINGS.clock() if self.started is None else self.started
            watch = self.watch(self.policy(), started, client.account.region)
            metrics.enable_in_triggerer()
            with self.beside(watch, client), metrics.Following(watch) as following:
                return following.ended(await client.run(follow(watch, _SURROUNDINGS, limit, self.looked)))
