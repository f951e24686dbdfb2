"""The state of one import, as it is shown while it runs and after it has ended."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from typing import Any

from ims_airflow.exceptions import ImageNotUsableError, JobFailedError
from ims_airflow.protocol.job import Job
from ims_airflow.protocol.job_time import epoch, iso_time
from ims_airflow.protocol.plain_text import one_line


@dataclass(frozen=True, slots=True)
class ImportState:
    """What is known of an import; None for what is not. Times are ISO 8601 in UTC.

    :param status: the job's, as last seen. A task that gives up leaves it as it is: the job goes on.
    :param process_percent: fraction from 0 to 1.
    :param fail_reason: why the job failed, or why nobody follows it any more.
    :param started_at: when the job was first seen to have left the queue; ``begin_time`` is when it was made.
    :param updated_at: when this was written.
    """

    image_url: str | None = None
    name: str | None = None
    region: str | None = None
    job_id: str | None = None
    status: str | None = None
    process_percent: float | None = None
    current_task: str | None = None
    image_id: str | None = None
    error_code: str | None = None
    fail_reason: str | None = None
    submitted_at: str | None = None
    begin_time: str | None = None
    started_at: str | None = None
    end_time: str | None = None
    updated_at: str | None = None

    def seen(self, job: Job, now: float) -> ImportState:
        """Return the state after a look at the job."""
        started = self.started_at or (None if job.is_queued else iso_time(now))
        return replace(self._with(job.as_dict(), now), started_at=started)

    def finished(self, result: Mapping[str, Any], now: float) -> ImportState:
        """Return the state at the good end.

        :param result: what the task returns.
        """
        return replace(self._with(result, now), error_code=None, fail_reason=None)

    def failed(self, error: BaseException, now: float) -> ImportState:
        """Return the state at the bad end. Only a verdict is a FAIL; not being able to tell is none."""
        reason = one_line(str(error), 2000)
        if not isinstance(error, JobFailedError | ImageNotUsableError):
            return replace(self, fail_reason=reason, updated_at=iso_time(now))
        told = self.fail_reason if self.status == "FAIL" else None
        code = str(getattr(error, "error_code", "")) or self.error_code
        return replace(
            self, status="FAIL", error_code=code, fail_reason=told or reason, updated_at=iso_time(now)
        )

    def as_dict(self) -> dict[str, Any]:
        """Return what goes into XCom."""
        return asdict(self)

    def _with(self, known: Mapping[str, Any], now: float) -> ImportState:
        times = {name: _time(known.get(name)) or getattr(self, name) for name in ("begin_time", "end_time")}
        return replace(
            self,
            name=self.name or known.get("image_name"),
            job_id=self.job_id or known.get("job_id"),
            status=known.get("status"),
            process_percent=known.get("process_percent"),
            current_task=known.get("current_task"),
            image_id=known.get("image_id") or self.image_id,
            error_code=known.get("error_code"),
            fail_reason=known.get("fail_reason"),
            updated_at=iso_time(now),
            **times,
        )


def parse_import_state(stored: object) -> ImportState:
    """Read a state as it was written, perhaps by another version of this package."""
    found = stored if isinstance(stored, Mapping) else {}
    return ImportState(**{one.name: found.get(one.name) for one in fields(ImportState)})


def _time(value: object) -> str | None:
    return value if isinstance(value, str) and epoch(value) is not None else None
