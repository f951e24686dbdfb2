"""Telling Airflow how an import fares: an XCom while it runs; a last line and an asset event at its end.

Nothing here can harm the task. What cannot be told is logged once, and the import goes on.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager, suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from ims_airflow.assets.events import announce
from ims_airflow.hooks.base import HuaweiCloudHook
from ims_airflow.lineage.facets import is_listening
from ims_airflow.protocol import obs
from ims_airflow.protocol.image_url import parse_image_url
from ims_airflow.protocol.import_state import ImportState, parse_import_state
from ims_airflow.protocol.job import Job
from ims_airflow.protocol.job_time import epoch, iso_time
from ims_airflow.protocol.provenance import Provenance, provenance, untouched_since
from ims_airflow.protocol.summary import summary
from ims_airflow.task import SURROUNDINGS, TaskMemory, push, telling
from ims_airflow.upstream import IMPORT_KEY, own_xcom, submitted_import, upload_check

if TYPE_CHECKING:
    from airflow.sdk import BaseOperator, Context


class JobStart:
    """When a job was first seen to have left the queue.

    Airflow deletes the XComs of a task at each retry and at each poke of a rescheduled sensor. The job goes
    on, so that this outlives them.

    :param context: of the running task.
    :param job_id: the job.
    """

    def __init__(self, context: Context, job_id: str | None) -> None:
        self._memory = TaskMemory(context, "ims_job_start")
        self._job_id = job_id
        self.seen: str | None = None
        with suppress(Exception):  # whatever the store may say, the import goes on
            stored = self._memory.load() or {}
            self.seen = stored.get("started_at") if stored.get("job_id") == job_id else None

    def keep(self, started_at: str | None) -> None:
        """Remember the time once it is known."""
        if started_at and started_at != self.seen:
            self._memory.save({"job_id": self._job_id, "started_at": started_at})
            self.seen = started_at


class ImportReport:
    """What a worker tells of one import.

    :param operator: the task's.
    :param context: of the running task.
    :param state: what is known of the import so far.
    """

    def __init__(self, operator: BaseOperator, context: Context, state: ImportState) -> None:
        self._operator: Any = operator
        self._context = context
        self._failed = False
        self._told = False
        self.made = Provenance()
        # What an earlier leg of this try, or its trigger, has told last.
        earlier = parse_import_state(own_xcom(context, IMPORT_KEY))
        known = earlier if earlier.job_id and earlier.job_id == state.job_id else state
        self._start = JobStart(context, state.job_id)
        self.state = replace(known, started_at=known.started_at or self._start.seen)

    @property
    def submitted(self) -> float | None:
        """When the request was sent, in epoch seconds."""
        return epoch(self.state.submitted_at) if self.state.submitted_at else None

    def opened(self, region: str | None = None) -> None:
        """Tell that somebody looks after the import now.

        :param region: where that was not known before.
        """
        now = iso_time(SURROUNDINGS.clock())
        self._push(replace(self.state, region=self.state.region or region, updated_at=now))

    def tell(self, job: Job, now: float, spoke: bool) -> None:
        """Tell what a look has found, when it was worth a line. A new process has told nobody yet."""
        if spoke or not self._told:
            self._told = True
            self._push(self.state.seen(job, now))

    def accepted(self, result: Mapping[str, Any]) -> None:
        """Tell that the job is submitted, where nobody waits for it."""
        self._announce(result, upload_check(self._operator, self._context, self.state.image_url))

    def finished(self, result: Mapping[str, Any]) -> dict[str, Any]:
        """Tell the good end and return the result with all that is known of its time."""
        checked = upload_check(self._operator, self._context, self.state.image_url)
        seconds = {**(result.get("seconds") or {}), "upload_check": checked.get("seconds")}
        complete = {**result, "seconds": seconds}
        self._push(self.state.finished(complete, SURROUNDINGS.clock()))
        self._operator.log.info("%s", summary(complete))
        self._announce(complete, checked)
        return complete

    def following(self) -> AbstractContextManager[None]:
        """Tell the bad end too."""
        return telling(self.failed)

    def failed(self, error: BaseException) -> None:
        """Tell the bad end."""
        self._push(self.state.failed(error, SURROUNDINGS.clock()))

    def _announce(self, result: Mapping[str, Any], checked: Mapping[str, Any]) -> None:
        outlets = list(self._operator.outlets)
        wanted = bool(outlets) or is_listening()
        source = checked if checked.get("size") is not None or not wanted else self._source()
        self.made = provenance(self.state, result, source)
        announce(outlets, self._context, self.made, self._operator.log)

    def _source(self) -> Mapping[str, Any]:
        """Ask once for the file, and believe the answer only if nobody has replaced the file since."""
        try:
            hook = HuaweiCloudHook(self._operator.ims_conn_id, self._operator.region)
            found = hook.run(obs.head_object(parse_image_url(self.state.image_url), attempts=1))
        except Exception:  # noqa: BLE001  # the import is done, with or without this
            return {}
        same = self.submitted is not None and untouched_since(found, self.submitted)
        return {"size": found.size, "etag": found.etag} if same else {}

    def _push(self, state: ImportState) -> None:
        self.state = state
        try:
            push(self._context, IMPORT_KEY, state.as_dict())
            self._start.keep(state.started_at)
        except Exception as error:  # noqa: BLE001  # whatever an XCom backend may say
            if not self._failed:
                self._operator.log.warning("The import cannot be shown: %s", type(error).__name__)
            self._failed = True


def import_report(
    operator: BaseOperator,
    context: Context,
    job_id: str | None,
    region: str | None,
    sent_at: float | None = None,
    image_url: object = None,
    name: object = None,
) -> ImportReport:
    """Return the report of a task's import; what an operator before this one knows of the job is added.

    :param job_id: None where nothing is accepted yet.
    :param sent_at: epoch seconds of the request.
    """
    earlier = parse_import_state(submitted_import(operator, context, job_id) if job_id else None)
    state = replace(
        earlier,
        job_id=job_id,
        region=region or earlier.region,
        image_url=str(image_url) if image_url else earlier.image_url,
        name=str(name) if name else earlier.name,
        submitted_at=iso_time(sent_at) if sent_at else earlier.submitted_at,
    )
    return ImportReport(operator, context, state)
