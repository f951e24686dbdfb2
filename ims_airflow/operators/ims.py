"""Creating data-disk images."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from datetime import timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar, NoReturn, Unpack

from airflow.sdk import BaseOperator, conf
from airflow.sdk.exceptions import AirflowTaskTimeout

from ims_airflow import metrics
from ims_airflow.arguments import OperatorArguments
from ims_airflow.exceptions import (
    ImageNotUsableError,
    JobFailedError,
    JobNotFollowedError,
    JobTimeoutError,
    NotFoundError,
)
from ims_airflow.hooks.base import DEFAULT_CONN_ID
from ims_airflow.hooks.ims import ImsHook
from ims_airflow.lineage.facets import facets
from ims_airflow.links.console import ImsImageLink, ObsObjectLink
from ims_airflow.links.pushing import push_links
from ims_airflow.operators.ending import Ending
from ims_airflow.operators.preflight import ImsPreflightOperator
from ims_airflow.progress import ImportReport, import_report
from ims_airflow.protocol.data_image import REQUEST_FIELDS, DataImageRequest, literal_violations
from ims_airflow.protocol.ims import JobQuery
from ims_airflow.protocol.job_watch import JobWatch
from ims_airflow.protocol.origin import dag_tag
from ims_airflow.protocol.polling import PollPolicy
from ims_airflow.protocol.provenance import Provenance
from ims_airflow.protocol.running_rules import running_violations, seconds
from ims_airflow.protocol.submission import SETTLING, Submission
from ims_airflow.protocol.validation import Violation, raise_for
from ims_airflow.protocol.waiting import Deadline, follow
from ims_airflow.task import (
    SURROUNDINGS,
    TaskMemory,
    airflow_errors,
    attempt_started,
    called,
    deadline,
    origin,
    push,
    telling,
)
from ims_airflow.triggers.event import Event, event_of_error, parse_event
from ims_airflow.triggers.ims import ImsJobTrigger
from ims_airflow.upstream import IMPORT_KEY

if TYPE_CHECKING:
    from airflow.providers.openlineage.extractors import OperatorLineage
    from airflow.sdk import Context, XComArg

    from ims_airflow.operators.housekeeping import (
        ImsDeleteImageOperator,
        ImsRetentionOperator,
        ImsSweepOperator,
    )

__all__ = [
    "ImsCreateDataImageOperator",
    "ImsDeleteImageOperator",
    "ImsPreflightOperator",
    "ImsRetentionOperator",
    "ImsSweepOperator",
]


if not TYPE_CHECKING:  # to a type checker, every name would then be one of this module's

    def __getattr__(name: str) -> object:
        """Import the operators that tidy up with the first DAG that names one; most only import images."""
        if name in __all__:
            from ims_airflow.operators import housekeeping  # noqa: PLC0415

            return getattr(housekeeping, name)
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


LONGEST_NAP = 5.0  # seconds; a deferrable operator gives its worker slot back for longer pauses


class _LongPauseError(Exception):
    """Ends a run that would have to sleep long in a worker."""

    def __init__(self, seconds: float) -> None:
        super().__init__(seconds)
        self.seconds = seconds


class ImsCreateDataImageOperator(BaseOperator):
    """Makes a data-disk image from an image file in OBS: submits the request once, follows it if asked to.

    The ``job_id`` is pushed to XCom before any waiting starts. Without waiting the operator returns it; with
    waiting it returns a mapping with ``image_id``, ``image_name``, ``job_id``, ``status`` and more.

    Whatever fails in between (a lost answer, a killed worker, a retry, a clear in mid-flight), the next try
    takes up the submission where it stood. It adopts what the cloud has already begun and submits anew only
    when nothing is there. Clearing a task that has succeeded asks for a new image.

    How the import fares stands in the XCom ``ims_import`` from the moment it is accepted. The result's
    ``seconds`` tell the time in the upload check before this task, in the queue of IMS and in the job. An
    ``Asset`` or an ``AssetAlias`` among its ``outlets`` gets the image, and so starts other DAGs.

    Request fields, all templated (IMS API reference, 使用外部镜像文件制作数据镜像):

    :param name: 1 to 128 characters: letters, digits, Chinese, ``-._`` and inner spaces.
    :param image_url: the file, ``bucket:key``; bucket and object of class STANDARD.
    :param min_disk: size of the disk in GB, 40 to 2048, at least the file's virtual size.
    :param os_type: ``Linux`` or ``Windows``.
    :param description: at most 1024 characters, without ``<``, ``>`` and carriage returns.
    :param cmk_id: id of the KMS key for an encrypted image.
    :param tags: at most 10 texts ``key.value``; excludes ``image_tags``.
    :param image_tags: at most 10 mappings ``{"key": …, "value": …}``; excludes ``tags``. Two tags more are
        sent, where there is room for them: ``ims_airflow_marker``, by which the image of a lost answer and
        the image of a killed run are recognised, and ``ims_airflow_dag``, by which
        :class:`~ims_airflow.operators.housekeeping.ImsRetentionOperator` finds the images of a DAG.
    :param enterprise_project_id: ``"0"`` or a UUID.

    Running:

    :param ims_conn_id: Connection of type ``huaweicloud_ims`` (templated).
    :param region: overrides the Connection's region (templated).
    :param wait_for_completion: wait until the image is active.
    :param deferrable: wait in the triggerer, without a worker slot. Default: Airflow's
        ``[operators] default_deferrable``.
    :param poll_interval: seconds between two looks at the job, None to adapt it to the elapsed time.
    :param timeout: how long one try may take, in seconds or as a timedelta; None for no limit. The job
        goes on when it is over, and a retry reattaches to it.
    :param trouble_budget: seconds during which IMS may be unable to answer before the try fails.
    :param settling_window: seconds for which the image of a lost answer is looked for before the request
        counts as not accepted.
    :param job_query: ``ShowJob`` or ``ShowJobProgress``, the API to ask about the job.
    :param verify_image: whether the image must be seen active before a job counts as done.

    :raises InvalidInputError: a literal argument breaks a rule, when the DAG is parsed.
    :raises AirflowFailException: for what no retry can help.
    :raises ImsAirflowError: for what a retry may.
    """

    template_fields: Sequence[str] = (*REQUEST_FIELDS, "ims_conn_id", "region")
    template_fields_renderers: ClassVar[dict[str, str]] = {"tags": "json", "image_tags": "json"}
    operator_extra_links = (ImsImageLink(), ObsObjectLink())
    pushed_xcoms: ClassVar[tuple[str, ...]] = ("job_id", IMPORT_KEY)
    ui_color = "#fde8e8"

    def __init__(
        self,
        *,
        name: str | XComArg,
        image_url: str | XComArg,
        min_disk: int | str | XComArg,
        os_type: str | XComArg,
        description: str | XComArg | None = None,
        cmk_id: str | XComArg | None = None,
        tags: Sequence[str] | str | XComArg | None = None,
        image_tags: Sequence[Mapping[str, str]] | Mapping[str, str] | str | XComArg | None = None,
        enterprise_project_id: str | XComArg | None = None,
        ims_conn_id: str = DEFAULT_CONN_ID,
        region: str | None = None,
        wait_for_completion: bool = False,
        deferrable: bool = conf.getboolean("operators", "default_deferrable", fallback=False),
        poll_interval: float | timedelta | None = None,
        timeout: float | timedelta | None = timedelta(hours=6),
        trouble_budget: float = 900.0,
        settling_window: float = SETTLING,
        job_query: JobQuery = "ShowJob",
        verify_image: bool = True,
        **kwargs: Unpack[OperatorArguments],
    ) -> None:
        super().__init__(**kwargs)
        self.name = name
        self.image_url = image_url
        self.min_disk = min_disk
        self.os_type = os_type
        self.description = description
        self.cmk_id = cmk_id
        self.tags = tags
        self.image_tags = image_tags
        self.enterprise_project_id = enterprise_project_id
        self.ims_conn_id = ims_conn_id
        self.region = region
        self.wait_for_completion = wait_for_completion
        self.deferrable = deferrable
        self.poll_interval = seconds(poll_interval)
        self.timeout = seconds(timeout)
        self.trouble_budget = trouble_budget
        self.settling_window = settling_window
        self.job_query: JobQuery = job_query
        self.verify_image = verify_image
        raise_for(called(self), [*literal_violations(self._fields()), *self._running_violations()])

    def _fields(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in REQUEST_FIELDS}

    def _running_violations(self) -> list[Violation]:
        judged = "poll_interval timeout trouble_budget settling_window job_query region".split()
        return running_violations({name: getattr(self, name) for name in judged})

    if TYPE_CHECKING:

        @property
        def output(self) -> Any:
            """The job_id, for the next task; the image, where this one waits for it."""

    @cached_property
    def hook(self) -> ImsHook:
        """The hook."""
        return ImsHook(self.ims_conn_id, self.region)

    def execute(self, context: Context) -> Any:
        """Submit, and wait if asked to."""
        push_links(self, context)
        with self._telling(context), airflow_errors(), _timely():
            submission = self._submission(context)
            ended = Ending(context, submission.fingerprint).recall()
            if ended is not None:
                self.log.warning("Airflow started another try of a task that had ended; answering as it did")
                submission.discard()
                push(context, "job_id", ended.subject)
                report = self._report(context, ended.subject)
                return self._answer(report, ended.outcome())
            return self._create(context, submission)

    def execute_after_pause(self, context: Context, event: Any = None) -> Any:  # noqa: ARG002
        """Go on after a pause that was spent in the triggerer: the record knows where we were."""
        return self.execute(context)

    def execute_complete(self, context: Context, event: Mapping[str, Any] | None = None) -> Any:
        """Take what the trigger found."""
        with self._telling(context), airflow_errors(), _timely():
            submission = self._submission(context)
            outcome = parse_event(event)
            report = self._report(context, submission.target or outcome.subject, submission.sent_at)
            if submission.target and not outcome.is_about(submission.target, self.log):
                self._wait_deferred(context, submission.target, report, {})
            try:
                with self._concluding(context, submission):
                    return self._finish(context, submission, report, outcome.outcome())
            except NotFoundError:
                return self._start_over(context, submission)

    def on_kill(self) -> None:
        """Leave the job to the cloud: IMS can cancel none, and a retry or a clear reattaches to it."""
        if self._job_id:
            self.log.warning(
                "This task was ended from outside. IMS cannot cancel a job: job %s goes on in the cloud, and "
                "a cleared task reattaches to it",
                self._job_id,
            )

    _job_id = ""

    def _submission(self, context: Context) -> Submission:
        profile, asker = self.hook.profile, origin(context)
        return Submission(
            DataImageRequest.from_arguments(**self._fields()).validated(),
            metrics.CountedMemory(TaskMemory(context, "ims_submission")),
            scope=f"{profile.region} {profile.project_id} {profile.endpoints.ims}",
            new_marker=lambda: asker.marker(uuid.uuid4().hex) if asker else uuid.uuid4().hex,
            dag_tag=dag_tag(asker.dag_id) if asker else "",
            surroundings=SURROUNDINGS,
            log=self.log,
            settling=self.settling_window,
            budget=self.trouble_budget,
            deadline=self._deadline(context),
        )

    def _deadline(self, context: Context) -> Deadline | None:
        started = attempt_started(context, SURROUNDINGS.clock())
        return deadline(started, self.timeout, self.execution_timeout if self.deferrable else None)

    def _create(self, context: Context, submission: Submission) -> Any:
        try:
            with metrics.span(metrics.SUBMIT_SPAN):
                job_id = self.hook.client.run(submission.run(), pause=self._pause)
        except _LongPauseError as pause:
            from airflow.providers.standard.triggers.temporal import TimeDeltaTrigger  # noqa: PLC0415

            trigger = TimeDeltaTrigger(timedelta(seconds=pause.seconds))
            self.defer(trigger=trigger, method_name="execute_after_pause")
        self._job_id = job_id
        push(context, "job_id", job_id)
        report = self._report(context, job_id, submission.sent_at)
        report.opened()
        if not self.wait_for_completion:
            return self._finish(context, submission, report, {"job_id": job_id})
        try:
            return self._wait(context, submission, report, job_id)
        except NotFoundError:
            return self._start_over(context, submission)

    def _start_over(self, context: Context, submission: Submission) -> Any:
        """Look for the image of a job that IMS has forgotten."""
        if not submission.job_unknown():
            raise JobNotFollowedError(
                f"IMS does not know {submission.target}, which it accepted less than an hour ago: "
                "trying again later rather than asking for a second image"
            )
        return self._create(context, submission)

    def _pause(self, seconds: float) -> None:
        if self.deferrable and seconds > LONGEST_NAP:
            raise _LongPauseError(seconds)
        self.hook.client.sleep(seconds)

    def _report(self, context: Context, job_id: str, sent_at: float | None = None) -> ImportReport:
        self._reporting = import_report(
            self, context, job_id, self.hook.profile.region, sent_at, image_url=self.image_url, name=self.name
        )
        return self._reporting

    _reporting: ImportReport | None = None

    def _telling(self, context: Context) -> AbstractContextManager[None]:
        """Tell the bad end, also where the request was never accepted."""

        def tell(error: BaseException) -> None:
            with suppress(Exception):  # the error itself is what the task ends with
                (self._reporting or self._unaccepted(context)).failed(error)

        return telling(tell)

    def _unaccepted(self, context: Context) -> ImportReport:
        region = self.region
        job_id, sent_at = None, None
        with suppress(Exception):  # perhaps what is told is that there is no such Connection
            region = self.hook.profile.region
            # A job that an earlier try has submitted goes on, whatever ends this one.
            submission = self._submission(context)
            job_id, sent_at = submission.target or None, submission.sent_at
        return import_report(self, context, job_id, region, sent_at, image_url=self.image_url, name=self.name)

    def _wait(self, context: Context, submission: Submission, report: ImportReport, job_id: str) -> Any:
        watch = JobWatch(
            job_id,
            started=attempt_started(context, SURROUNDINGS.clock()),
            log=self.log,
            policy=PollPolicy(fixed=self.poll_interval),
            budget=self.trouble_budget,
            query=self.job_query,
            verify_image=self.verify_image,
            submitted=submission.sent_at,
            tell=report.tell,
        )
        client = self.hook.client
        with self._concluding(context, submission):
            with metrics.Following(watch) as following:
                if self.deferrable:  # looking first spares a deferral that would end at once
                    found = following.ended(client.run(watch.look(SURROUNDINGS.clock())))
                else:
                    found = following.ended(client.run(follow(watch, SURROUNDINGS, self._deadline(context))))
            if found is None:
                self._wait_deferred(context, job_id, report, watch.memo())
            return self._finish(context, submission, report, found.as_dict())

    def _wait_deferred(
        self, context: Context, job_id: str, report: ImportReport, memo: Mapping[str, Any]
    ) -> NoReturn:
        limit = self._deadline(context)
        trigger = ImsJobTrigger(
            job_id,
            trouble_budget=self.trouble_budget,
            job_query=self.job_query,
            verify_image=self.verify_image,
            shown=report.state.as_dict(),
            memo=memo,
            ims_conn_id=self.ims_conn_id,
            region=self.region,
            poll_interval=self.poll_interval,
            started=attempt_started(context, SURROUNDINGS.clock()),
            deadline=limit.at if limit else None,
            deadline_name=limit.name if limit else "timeout",
            looked=SURROUNDINGS.clock(),
        )
        self.defer(trigger=trigger, method_name="execute_complete")

    def _finish(
        self, context: Context, submission: Submission, report: ImportReport, result: Mapping[str, Any]
    ) -> Any:
        Ending(context, submission.fingerprint).save(Event(submission.target, result=result))
        submission.discard()  # clearing the finished task asks for a new image
        return self._answer(report, result)

    def _answer(self, report: ImportReport, result: Mapping[str, Any]) -> Any:
        if self.wait_for_completion:
            return report.finished(result)
        report.accepted(result)
        return result["job_id"]

    def get_openlineage_facets_on_complete(self, task_instance: object) -> OperatorLineage[Any, Any]:  # noqa: ARG002
        """Return the lineage of the image, for Airflow's OpenLineage provider."""
        return facets(self._reporting.made if self._reporting else Provenance())

    @contextmanager
    def _concluding(self, context: Context, submission: Submission) -> Iterator[None]:
        """End the submission with a verdict: what comes after a hopeless one, or a clear, is a new one."""
        try:
            yield
        except (JobFailedError, ImageNotUsableError) as error:
            if not error.retryable:
                Ending(context, submission.fingerprint).save(event_of_error(submission.target, error))
            submission.discard()
            raise


@contextmanager
def _timely() -> Iterator[None]:
    """Let a passed ``execution_timeout`` look as it does where Airflow itself applies it."""
    try:
        yield
    except JobTimeoutError as error:
        if error.deadline == "execution_timeout":
            raise AirflowTaskTimeout(str(error)) from None
        raise
