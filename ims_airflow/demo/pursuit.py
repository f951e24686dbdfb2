"""Follows a run of the example DAG and tells its story."""

from __future__ import annotations

import time
from typing import Any

from ims_airflow.demo.api import FINAL, AirflowApi
from ims_airflow.demo.cloud import DemoCloud
from ims_airflow.demo.dag_files import EXAMPLE_DAG
from ims_airflow.demo.story import State, Story
from ims_airflow.exceptions import ImsAirflowError

_WORDS = {
    "scheduled": "scheduled",
    "queued": "in the executor's queue",
    "running": "in a worker",
    "deferred": "deferred, in the triggerer",
    "up_for_reschedule": "rescheduled",
}
_NOT_TO_BLAME = frozenset({None, "success", "upstream_failed", "skipped", "removed"})


class Pursuit:
    """One run of the example DAG.

    :param api: of the Airflow that it runs in.
    :param cloud: that it talks to.
    :param story: has a step for each task, under its id.
    """

    def __init__(self, api: AirflowApi, cloud: DemoCloud, story: Story, run_id: str) -> None:
        self._api = api
        self._cloud = cloud
        self._story = story
        self.run_id = run_id

    def follow(self, timeout: float) -> bool:
        """Follow the run to its end and return whether it succeeded.

        :param timeout: seconds; a run that takes longer has not succeeded.
        """
        end = time.monotonic() + timeout
        while True:
            state = self._api.run_state(EXAMPLE_DAG, self.run_id)
            for row in self._api.task_instances(EXAMPLE_DAG, self.run_id):
                self._tell(row["task_id"], row["state"], row["try_number"])
            if state in FINAL or time.monotonic() > end:
                return state == "success"
            time.sleep(0.4)

    def value(self, task_id: str) -> Any:
        """Return what a task handed over."""
        return self._api.xcom(EXAMPLE_DAG, self.run_id, task_id)

    def failures(self) -> dict[str, list[str]]:
        """Return the end of the log of each task that failed, or did not come to its end."""
        return {
            row["task_id"]: self._log(row["task_id"], row["try_number"])
            for row in self._api.task_instances(EXAMPLE_DAG, self.run_id)
            if row["state"] not in _NOT_TO_BLAME
        }

    def _log(self, task_id: str, try_number: int) -> list[str]:
        lines = self._api.log(EXAMPLE_DAG, self.run_id, task_id, try_number)
        return [line for line in lines if "::group::" not in line and "::endgroup::" not in line][-15:]

    def _tell(self, task_id: str, state: str | None, try_number: int) -> None:
        if state is None or task_id not in self._story.steps:
            return
        if state == "success":
            self._story.finish(task_id, self._result(task_id))
        elif state in {"failed", "upstream_failed", "skipped", "removed"}:
            self._story.tell(task_id, state.replace("_", " "), state=State.FAILED)
        elif state == "up_for_retry":
            self._story.tell(task_id, f"{self._trouble(task_id, try_number)}; Airflow will try again")
        else:
            note = _WORDS.get(state, state) + (f", try {try_number}" if try_number > 1 else "")
            job, progress = self._job() if task_id == "wait_for_image" else ("", None)
            self._story.tell(task_id, f"{job}task {note}", progress=progress)

    def _trouble(self, task_id: str, try_number: int) -> str:
        """Return what went wrong in a try, in one line."""
        errors = [line for line in self._log(task_id, try_number) if line.startswith("ERROR")]
        return errors[-1].removeprefix("ERROR ")[:200] if errors else "the try failed"

    def _result(self, task_id: str) -> str:
        if self._story.steps[task_id].state is State.DONE:
            return self._story.steps[task_id].note  # asked before
        value = self.value(task_id)
        match task_id:
            case "check_upload":
                return f"{value['size']:,} bytes, class {value['storage_class']}"
            case "preflight":
                virtual_size = (value["virtual_size"] or 0) / 1024**3
                return f"{value['format']}, {virtual_size:g} GiB virtual, {len(value['findings'])} findings"
            case "create_data_image":
                return f"job {value}"
            case "wait_for_image":
                return f"job {value['status']}, image {value['image_id']}"
            case _:
                return f"image {value}"

    def _job(self) -> tuple[str, int | None]:
        try:
            job = self._cloud.job(self.value("create_data_image"))
        except ImsAirflowError as error:
            return f"{error}; ", None
        return f"job {job.status}, ", None if job.progress is None else round(job.progress * 100)
