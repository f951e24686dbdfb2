"""Following IMS jobs in the triggerer."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Unpack

from ims_airflow.arguments import WatchTriggerArguments
from ims_airflow.protocol.ids import JobQuery
from ims_airflow.protocol.import_state import parse_import_state
from ims_airflow.protocol.job import Job
from ims_airflow.protocol.job_watch import JobWatch, Outcome
from ims_airflow.protocol.polling import PollPolicy
from ims_airflow.triggers.base import WatchTrigger
from ims_airflow.triggers.logs import shared_log
from ims_airflow.triggers.news import write_xcom
from ims_airflow.triggers.turns import turns
from ims_airflow.upstream import IMPORT_KEY

NOTHING: Mapping[str, Any] = MappingProxyType({})
PATIENCE = 1.0  # seconds for which the end of a trigger waits for its last write; the worker writes the end


class ImsJobTrigger(WatchTrigger[Outcome]):
    """Follows one IMS job to its image.

    :param job_id: the job, or ``image:<image_id>`` for an adopted image whose job id is lost.
    :param trouble_budget: seconds during which IMS may be unable to answer before the trigger gives up.
    :param job_query: which of IMS's two job queries to use, ``ShowJob`` or ``ShowJobProgress``.
    :param verify_image: whether the image must be seen active before the job counts as done.
    :param shown: what is known of the import, as its XCom shows it.
    :param memo: what the worker's look at the job has found, to go on from.
    :param kwargs: as of :class:`~ims_airflow.triggers.base.WatchTrigger`.
    """

    subject = "job_id"

    def __init__(
        self,
        job_id: str,
        *,
        trouble_budget: float = 900.0,
        job_query: JobQuery = "ShowJob",
        verify_image: bool = True,
        shown: Mapping[str, Any] | None = None,
        memo: Mapping[str, Any] | None = None,
        **kwargs: Unpack[WatchTriggerArguments],
    ) -> None:
        super().__init__(**kwargs)
        self.job_id = job_id
        self.trouble_budget = trouble_budget
        self.job_query: JobQuery = job_query
        self.verify_image = verify_image
        self.shown = shown or NOTHING
        self.memo = memo or NOTHING

    def arguments(self) -> dict[str, Any]:
        """Return the arguments of this class."""
        names = ("job_id", "trouble_budget", "job_query", "verify_image")
        known = {"shown": dict(self.shown), "memo": dict(self.memo)}
        return {name: getattr(self, name) for name in names} | known

    def watch(self, policy: PollPolicy, started: float, region: str) -> JobWatch:  # noqa: ARG002
        """Return the watch of the job."""
        watch = JobWatch(
            self.job_id,
            started=started,
            log=shared_log(self),
            policy=policy,
            budget=self.trouble_budget,
            query=self.job_query,
            verify_image=self.verify_image,
            listener=self,
        )
        watch.recall(self.memo)
        return watch

    def tell(self, job: Job, now: float, spoke: bool) -> None:
        """Show what a look has found, when it was worth a line; no look waits for that."""
        if spoke and self.task_instance is not None:
            self.shown = parse_import_state(self.shown).seen(job, now).as_dict()
            turns().take(self, self.show)

    async def show(self) -> None:
        """Write what is known of the import where the page finds it."""
        try:
            await write_xcom(self.task_instance, IMPORT_KEY, self.shown)
        except Exception as error:  # noqa: BLE001  # what Airflow or an XCom backend may say
            if not self._failed_to_show:
                shared_log(self).warning("The import cannot be shown: %s", type(error).__name__)
            self._failed_to_show = True

    _failed_to_show = False

    async def _close(self, error: BaseException | None) -> None:
        patience = 0.0  # who is killed, even while closing, waits for nothing
        try:
            await super()._close(error)
            if error is None or isinstance(error, Exception):
                patience = PATIENCE
        finally:
            if self.task_instance is not None:
                await turns().leave(self, patience)

    def result(self, found: Outcome) -> Mapping[str, Any]:
        """Return job and image."""
        return found.as_dict()

    async def on_kill(self) -> None:
        """Leave the job to the cloud: IMS can cancel none, and a clear or a retry reattaches to it."""
        self.log.warning(
            "This task was ended from outside. IMS cannot cancel a job: job %s goes on in the cloud, and a "
            "cleared task reattaches to it",
            self.job_id,
        )
