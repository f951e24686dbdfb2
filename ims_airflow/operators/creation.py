"""One leg of making a data image: what :class:`~ims_airflow.operators.ims.ImsCreateDataImageOperator` does.

Apart from the operator, because a DAG processor imports that again and again, and never runs it.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, suppress
from datetime import timedelta
from typing import TYPE_CHECKING, Any, NoReturn

from airflow.sdk.exceptions import AirflowTaskTimeout

from ims_airflow import metrics
from ims_airflow.exceptions import (
    ImageNotUsableError,
    JobFailedError,
    JobNotFollowedError,
    JobTimeoutError,
    NotFoundError,
)
from ims_airflow.links.pushing import push_links
from ims_airflow.operators.ending import Ending
from ims_airflow.progress import ImportReport, import_report
from ims_airflow.protocol.data_image import DataImageRequest
from ims_airflow.protocol.job_watch import JobWatch
from ims_airflow.protocol.origin import dag_tag
from ims_airflow.protocol.polling import PollPolicy
from ims_airflow.protocol.provenance import Provenance
from ims_airflow.protocol.submission import Submission
from ims_airflow.protocol.waiting import Deadline, follow
from ims_airflow.task import (
    SURROUNDINGS,
    TaskMemory,
    airflow_errors,
    attempt_started,
    deadline,
    origin,
    push,
    telling,
)
from ims_airflow.triggers.event import Event, event_of_error, parse_event
from ims_airflow.triggers.ims import ImsJobTrigger

if TYPE_CHECKING:
    from airflow.sdk import Context

    from ims_airflow.operators.ims import ImsCreateDataImageOperator

LONGEST_NAP = 5.0  # seconds; a deferrable operator gives its worker slot back for longer pauses


class _LongPauseError(Exception):
    """Ends a run that would have to sleep long in a worker."""

    def __init__(self, seconds: float) -> None:
        super().__init__(seconds)
        self.seconds = seconds


class Creation:
    """From the arguments of a task to what it returns, across lost answers, deferrals, retries and clears.

    :param task: the operator, its templates rendered.
    :param context: of the running task.

    ``job_id`` is that of the job that was submitted or found again, empty before.
    """

    def __init__(self, task: ImsCreateDataImageOperator, context: Context) -> None:
        self.job_id = ""
        self._task = task
        self._context = context
        self._hook = task.hook
        self._log = task.log
        self._reporting: ImportReport | None = None

    @property
    def made(self) -> Provenance:
        """Where the image comes from."""
        return self._reporting.made if self._reporting else Provenance()

    def run(self) -> Any:
        """Submit, and wait if asked to."""
        push_links(self._task, self._context)
        with self._telling(), airflow_errors(), _timely():
            submission = self.submission()
            ended = Ending(self._context, submission.fingerprint).recall()
            if ended is not None:
                self._log.warning("Airflow started another try of a task that had ended; answering as it did")
                submission.discard()
                push(self._context, "job_id", ended.subject)
                report = self._report(ended.subject)
                return self._answer(report, ended.outcome())
            return self._create(submission)

    def complete(self, event: Mapping[str, Any] | None) -> Any:
        """Take what the trigger found."""
        with self._telling(), airflow_errors(), _timely():
            submission = self.submission()
            outcome = parse_event(event)
            report = self._report(submission.target or outcome.subject, submission.sent_at)
            if submission.target and not outcome.is_about(submission.target, self._log):
                self._wait_deferred(submission.target, report, {})
            try:
                with self._concluding(submission):
                    return self._finish(submission, report, outcome.outcome())
            except NotFoundError:
                return self._start_over(submission)

    def submission(self) -> Submission:
        """Return the submission of the task's request, which may have begun in an earlier try."""
        profile, asker, task = self._hook.profile, origin(self._context), self._task
        return Submission(
            DataImageRequest.from_arguments(**task.request_fields()).validated(),
            metrics.CountedMemory(TaskMemory(self._context, "ims_submission")),
            scope=f"{profile.region} {profile.project_id} {profile.endpoints.ims}",
            new_marker=lambda: asker.marker(uuid.uuid4().hex) if asker else uuid.uuid4().hex,
            dag_tag=dag_tag(asker.dag_id) if asker else "",
            surroundings=SURROUNDINGS,
            log=self._log,
            settling=task.settling_window,
            budget=task.trouble_budget,
            deadline=self._deadline(),
        )

    def _started(self) -> float:
        return attempt_started(self._context, SURROUNDINGS.clock())

    def _deadline(self) -> Deadline | None:
        task = self._task
        return deadline(self._started(), task.timeout, task.execution_timeout if task.deferrable else None)

    def _create(self, submission: Submission) -> Any:
        try:
            with metrics.span(metrics.SUBMIT_SPAN):
                job_id = self._hook.client.run(submission.run(), pause=self._pause)
        except _LongPauseError as pause:
            from airflow.providers.standard.triggers.temporal import TimeDeltaTrigger

            trigger = TimeDeltaTrigger(timedelta(seconds=pause.seconds))
            self._task.defer(trigger=trigger, method_name="execute_after_pause")
        self.job_id = job_id
        push(self._context, "job_id", job_id)
        report = self._report(job_id, submission.sent_at)
        report.opened()
        if not self._task.wait_for_completion:
            return self._finish(submission, report, {"job_id": job_id})
        try:
            return self._wait(submission, report, job_id)
        except NotFoundError:
            return self._start_over(submission)

    def _start_over(self, submission: Submission) -> Any:
        """Look for the image of a job that IMS has forgotten."""
        if not submission.job_unknown():
            raise JobNotFollowedError(
                f"IMS does not know {submission.target}, which it accepted less than an hour ago: "
                "trying again later rather than asking for a second image"
            )
        return self._create(submission)

    def _pause(self, seconds: float) -> None:
        if self._task.deferrable and seconds > LONGEST_NAP:
            raise _LongPauseError(seconds)
        self._hook.client.sleep(seconds)

    def _report(self, job_id: str, sent_at: float | None = None) -> ImportReport:
        self._reporting = self._new_report(job_id, self._hook.profile.region, sent_at)
        return self._reporting

    def _new_report(self, job_id: str | None, region: str | None, sent_at: float | None) -> ImportReport:
        what = {"image_url": self._task.image_url, "name": self._task.name}
        return import_report(self._task, self._context, job_id, region, sent_at, **what)

    def _telling(self) -> AbstractContextManager[None]:
        """Tell the bad end, also where the request was never accepted."""

        def tell(error: BaseException) -> None:
            with suppress(Exception):  # the error itself is what the task ends with
                (self._reporting or self._unaccepted()).failed(error)

        return telling(tell)

    def _unaccepted(self) -> ImportReport:
        region = self._task.region
        job_id, sent_at = None, None
        with suppress(Exception):  # perhaps what is told is that there is no such Connection
            region = self._hook.profile.region
            # A job that an earlier try has submitted goes on, whatever ends this one.
            submission = self.submission()
            job_id, sent_at = submission.target or None, submission.sent_at
        return self._new_report(job_id, region, sent_at)

    def _wait(self, submission: Submission, report: ImportReport, job_id: str) -> Any:
        watch = JobWatch(
            job_id,
            started=self._started(),
            log=self._log,
            policy=PollPolicy(fixed=self._task.poll_interval),
            budget=self._task.trouble_budget,
            query=self._task.job_query,
            verify_image=self._task.verify_image,
            submitted=submission.sent_at,
            listener=report,
        )
        client = self._hook.client
        with self._concluding(submission):
            with metrics.following(watch):
                if self._task.deferrable:  # looking first spares a deferral that would end at once
                    found = metrics.found(client.run(watch.look(SURROUNDINGS.clock())))
                else:
                    found = metrics.found(client.run(follow(watch, SURROUNDINGS, self._deadline())))
            if found is None:
                self._wait_deferred(job_id, report, watch.memo())
            return self._finish(submission, report, found.as_dict())

    def _wait_deferred(self, job_id: str, report: ImportReport, memo: Mapping[str, Any]) -> NoReturn:
        limit = self._deadline()
        trigger = ImsJobTrigger(
            job_id,
            trouble_budget=self._task.trouble_budget,
            job_query=self._task.job_query,
            verify_image=self._task.verify_image,
            shown=report.state.as_dict(),
            memo=memo,
            ims_conn_id=self._task.ims_conn_id,
            region=self._task.region,
            poll_interval=self._task.poll_interval,
            started=self._started(),
            deadline=limit.at if limit else None,
            deadline_name=limit.name if limit else "timeout",
            looked=SURROUNDINGS.clock(),
        )
        self._task.defer(trigger=trigger, method_name="execute_complete")

    def _finish(self, submission: Submission, report: ImportReport, result: Mapping[str, Any]) -> Any:
        Ending(self._context, submission.fingerprint).save(Event(submission.target, result=result))
        submission.discard()  # clearing the finished task asks for a new image
        return self._answer(report, result)

    def _answer(self, report: ImportReport, result: Mapping[str, Any]) -> Any:
        if self._task.wait_for_completion:
            return report.finished(result)
        report.accepted(result)
        return result["job_id"]

    @contextmanager
    def _concluding(self, submission: Submission) -> Iterator[None]:
        """End the submission with a verdict: what comes after a hopeless one, or a clear, is a new one."""
        try:
            yield
        except (JobFailedError, ImageNotUsableError) as error:
            if not error.retryable:
                Ending(self._context, submission.fingerprint).save(event_of_error(submission.target, error))
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
