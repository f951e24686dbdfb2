"""Waiting for IMS jobs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Unpack

from ims_airflow.arguments import WatchSensorArguments, WatchTriggerArguments
from ims_airflow.exceptions import JobFailedError
from ims_airflow.links.console import ImsImageLink
from ims_airflow.protocol.ids import JobQuery, checked_job_id
from ims_airflow.protocol.running_rules import running_violations
from ims_airflow.protocol.validation import called, raise_for
from ims_airflow.sensors.base import WatchSensor
from ims_airflow.upstream import IMPORT_KEY

if TYPE_CHECKING:
    from airflow.providers.openlineage.extractors import OperatorLineage
    from airflow.sdk import Context, XComArg

    from ims_airflow.outputs import MappingOutput
    from ims_airflow.progress import ImportReport
    from ims_airflow.protocol.job_watch import JobWatch, Outcome
    from ims_airflow.protocol.polling import PollPolicy
    from ims_airflow.triggers.ims import ImsJobTrigger


class ImsJobSensor(WatchSensor["Outcome"]):
    """Waits until an IMS job has succeeded and its image is active.

    Returns a mapping with at least ``job_id``, ``status``, ``image_id``, ``image_name``, ``begin_time``,
    ``end_time`` and ``seconds``, the time in the upload check before it, in the queue of IMS and in the job.
    How the job fares stands in the XCom ``ims_import``. Its ``outlets`` get the image like the operator's.

    :param job_id: what ``ImsCreateDataImageOperator`` returned (templated).
    :param trouble_budget: seconds during which IMS may be unable to answer; longer trouble fails the task
        with a retryable error, and the retry goes on with the same job.
    :param job_query: ``ShowJob`` (``/v1/{project_id}/jobs/{job_id}``) or ``ShowJobProgress``
        (``/v1/cloudimages/job/{job_id}``).
    :param verify_image: whether the image must be seen active before the sensor is done.
    :param kwargs: as of :class:`~ims_airflow.sensors.base.WatchSensor` and any Airflow sensor.
    """

    template_fields: Sequence[str] = ("job_id", "ims_conn_id", "region")
    operator_extra_links = (ImsImageLink(),)
    pushed_xcoms: ClassVar[tuple[str, ...]] = (IMPORT_KEY,)
    ui_color = "#fde8e8"
    final_errors = (JobFailedError,)  # asking again cannot change a verdict

    def __init__(
        self,
        *,
        job_id: str | XComArg,
        trouble_budget: float = 900.0,
        job_query: JobQuery = "ShowJob",
        verify_image: bool = True,
        **kwargs: Unpack[WatchSensorArguments],
    ) -> None:
        super().__init__(**kwargs)
        self.job_id = job_id
        self.trouble_budget = trouble_budget
        self.job_query: JobQuery = job_query
        self.verify_image = verify_image
        judged = {"trouble_budget": trouble_budget, "job_query": job_query, "region": self.region}
        raise_for(called(self), running_violations({"job_id": job_id, **judged}))

    if TYPE_CHECKING:

        @property
        def output(self) -> MappingOutput:
            """The job and its image, for the next task."""

    def on_kill(self) -> None:
        """Leave the job to the cloud: IMS can cancel none."""
        self.log.warning("This task was ended from outside. Job %s goes on in the cloud", self.job_id)

    @property
    def _subject(self) -> str:
        return checked_job_id(self.job_id)

    def execute(self, context: Context) -> Any:
        """Wait for the image, and show how the job fares."""
        self._report = self._begin(context)
        with self._report.following():
            return super().execute(context)

    def execute_complete(self, context: Context, event: Mapping[str, Any] | None = None) -> Any:
        """Take what the trigger found."""
        self._report = self._begin(context)
        with self._report.following():
            return super().execute_complete(context, event)

    def get_openlineage_facets_on_complete(self, task_instance: object) -> OperatorLineage[Any, Any]:  # noqa: ARG002
        """Return the lineage of the image, for Airflow's OpenLineage provider."""
        from ims_airflow.lineage.facets import facets
        from ims_airflow.protocol.provenance import Provenance

        return facets(self._report.made if self._report else Provenance())

    _report: ImportReport | None = None

    def _begin(self, context: Context) -> ImportReport:
        from ims_airflow.progress import import_report

        job_id = self.job_id.strip() if isinstance(self.job_id, str) else ""
        return import_report(self, context, job_id or None, self.region)

    def _watch(self, policy: PollPolicy, started: float, region: str) -> JobWatch:
        from ims_airflow.protocol.job_watch import JobWatch

        report = self._report
        if report is not None:
            report.opened(region)
        self._looking = JobWatch(
            self._subject,
            started=started,
            log=self.log,
            policy=policy,
            budget=self.trouble_budget,
            query=self.job_query,
            verify_image=self.verify_image,
            submitted=report.submitted if report else None,
            listener=report,
        )
        return self._looking

    _looking: JobWatch | None = None

    def _trigger(self, **kwargs: Unpack[WatchTriggerArguments]) -> ImsJobTrigger:
        from ims_airflow.triggers.ims import ImsJobTrigger

        return ImsJobTrigger(
            self._subject,
            trouble_budget=self.trouble_budget,
            job_query=self.job_query,
            verify_image=self.verify_image,
            shown=self._report.state.as_dict() if self._report else None,
            memo=self._looking.memo() if self._looking else None,
            **kwargs,
        )

    def _result(self, found: Outcome) -> dict[str, Any]:
        return found.as_dict()

    def _told(self, context: Context, value: Any) -> Any:  # noqa: ARG002
        return self._report.finished(value) if self._report and isinstance(value, Mapping) else value
