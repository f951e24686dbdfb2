"""What the sensors share: the three modes of waiting, over one watch."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime, timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar, Generic, NoReturn, TypeVar, Unpack

from airflow.sdk import BaseSensorOperator, PokeReturnValue, conf
from airflow.sdk.exceptions import (
    AirflowFailException,
    AirflowSensorTimeout,
    AirflowSkipException,
    AirflowTaskTimeout,
)

from ims_airflow.arguments import SensorArguments, WatchTriggerArguments
from ims_airflow.exceptions import ImsAirflowError, JobTimeoutError
from ims_airflow.protocol.ids import DEFAULT_CONN_ID
from ims_airflow.protocol.polling import PollPolicy
from ims_airflow.protocol.waiting import Watch
from ims_airflow.task import SURROUNDINGS, TaskMemory, airflow_errors, attempt_started, deadline

if TYPE_CHECKING:
    from airflow.sdk import Context

    from ims_airflow.client.sync import Client
    from ims_airflow.triggers.base import WatchTrigger

R = TypeVar("R")


class WatchSensor(BaseSensorOperator, Generic[R]):
    """Waits for a watch in poke, reschedule or deferrable mode.

    :param ims_conn_id: Connection of type ``huaweicloud_ims``.
    :param region: overrides the Connection's region.
    :param deferrable: wait in the triggerer, without a worker slot. Default: Airflow's
        ``[operators] default_deferrable``.
    :param poll_interval: seconds between two looks in every mode. Left out, the deferrable mode uses
        ``poke_interval`` where that is given.
    :param poke_interval: Airflow's own name of the same, for the other modes 60 where neither is given.
    :param kwargs: as of any Airflow sensor; ``timeout`` and ``execution_timeout`` hold while deferred too.
    """

    final_errors: ClassVar[tuple[type[ImsAirflowError], ...]] = ()

    def __init__(
        self,
        *,
        ims_conn_id: str = DEFAULT_CONN_ID,
        region: str | None = None,
        deferrable: bool = conf.getboolean("operators", "default_deferrable", fallback=False),
        poll_interval: timedelta | float | None = None,
        poke_interval: timedelta | float | None = None,
        **kwargs: Unpack[SensorArguments],
    ) -> None:
        chosen = poke_interval if poll_interval is None else poll_interval
        super().__init__(poke_interval=60 if chosen is None else chosen, **kwargs)
        self.ims_conn_id = ims_conn_id
        self.region = region
        self.deferrable = deferrable
        self.poll_interval = None if chosen is None else self.poke_interval

    @abstractmethod
    def _watch(self, policy: PollPolicy, started: float, region: str) -> Watch[R]:
        """Return what to look at."""

    @abstractmethod
    def _trigger(self, **kwargs: Unpack[WatchTriggerArguments]) -> WatchTrigger[R]:
        """Return the trigger that follows the same."""

    @abstractmethod
    def _result(self, found: R) -> Any:
        """Return what goes into XCom."""

    @cached_property
    def _client(self) -> Client:
        from ims_airflow.hooks.base import HuaweiCloudHook

        return HuaweiCloudHook(self.ims_conn_id, self.region).client

    @cached_property
    def _policy(self) -> PollPolicy:
        return PollPolicy(fixed=self.poll_interval)

    def _told(self, context: Context, value: Any) -> Any:  # noqa: ARG002
        """Tell the result to others too, and return it."""
        return value

    def execute(self, context: Context) -> Any:
        """Wait, and return what was found.

        :raises AirflowFailException: for what no retry can help.
        :raises ImsAirflowError: for what a retry may.
        """
        from ims_airflow.links.pushing import push_links

        push_links(self, context)
        if not self.deferrable:
            return super().execute(context)
        started = attempt_started(context, SURROUNDINGS.clock())
        with self._skipping(), airflow_errors(*self.final_errors):
            watch = self._watch(self._policy, started, self._client.account.region)
            # Looking before deferring spares a deferral that would end at once.
            found = self._looked(watch)
        if found is None:
            self._wait_deferred(started)
        return self._told(context, self._result(found))

    @contextmanager
    def _skipping(self) -> Iterator[None]:
        """Skip the task where a person asked for that, as Airflow does in the other modes.

        Airflow's own ``resume_execution`` does so for its own errors only.
        """
        try:
            yield
        except (AirflowFailException, ImsAirflowError) as error:
            if self.never_fail or (self.soft_fail and isinstance(error, AirflowFailException)):
                raise AirflowSkipException(f"Skipping instead of failing: {error}") from error
            raise

    def _wait_deferred(self, started: float) -> NoReturn:
        limit = deadline(started, self.timeout, self.execution_timeout)
        trigger = self._trigger(
            ims_conn_id=self.ims_conn_id,
            region=self.region,
            poll_interval=self.poll_interval,
            started=started,
            deadline=limit.at if limit else None,
            deadline_name=limit.name if limit else "timeout",
            looked=SURROUNDINGS.clock(),
        )
        self.defer(trigger=trigger, method_name="execute_complete")

    def execute_complete(self, context: Context, event: Mapping[str, Any] | None = None) -> Any:
        """Take what the trigger found."""
        with self._skipping(), airflow_errors(*self.final_errors):
            from ims_airflow.triggers.event import parse_event

            outcome = parse_event(event)
            if not outcome.is_about(self._subject, self.log):
                self._wait_deferred(attempt_started(context, SURROUNDINGS.clock()))
            try:
                return self._told(context, outcome.outcome())
            except JobTimeoutError as error:
                kind = AirflowTaskTimeout if error.deadline == "execution_timeout" else AirflowSensorTimeout
                raise kind(str(error)) from None

    @property
    @abstractmethod
    def _subject(self) -> str:
        """What is waited for, as the trigger's event names it."""

    def poke(self, context: Context) -> PokeReturnValue:
        """Look once."""
        with airflow_errors(*self.final_errors):
            watch = self._poked(context)
            found = self._looked(watch)
        if self.reschedule:
            self._remember(context, {} if found is not None else watch.memo())
        if found is None:
            return PokeReturnValue(is_done=False)
        return PokeReturnValue(is_done=True, xcom_value=self._told(context, self._result(found)))

    def _looked(self, watch: Watch[R]) -> R | None:
        from ims_airflow import metrics

        with metrics.following(watch):
            return metrics.found(self._client.run(watch.look(SURROUNDINGS.clock())))

    def _poked(self, context: Context) -> Watch[R]:
        if self._poked_watch is None:
            started = attempt_started(context, SURROUNDINGS.clock())
            self._poked_watch = self._watch(self._policy, started, self._client.account.region)
            if self.reschedule:
                self._poked_watch.recall(self._remembered(context))
        return self._poked_watch

    def _remember(self, context: Context, memo: Mapping[str, Any]) -> None:
        """Hand what this poke has learned to the next one, which runs in another process."""
        if memo != self._remembered(context):
            mark = {"subject": self._subject, "started": attempt_started(context, SURROUNDINGS.clock())}
            TaskMemory(context, "ims_watch").save({**mark, "memo": dict(memo)})

    def _remembered(self, context: Context) -> Mapping[str, Any]:
        stored = TaskMemory(context, "ims_watch").load() or {}
        # What another try has met, or a task that was cleared since, is none of this one's business.
        mark = (self._subject, attempt_started(context, SURROUNDINGS.clock()))
        memo = stored.get("memo") if (stored.get("subject"), stored.get("started")) == mark else None
        return memo if isinstance(memo, Mapping) else {}

    _poked_watch: Watch[R] | None = None

    def _get_next_poke_interval(
        self, started_at: datetime | float, run_duration: Callable[[], float], poke_count: int
    ) -> float:
        # A poke_interval longer than what is left of the timeout would make the timeout late.
        usual = super()._get_next_poke_interval(started_at, run_duration, poke_count)
        return max(min(usual, self.timeout - run_duration() + 0.01), 0.0)
