"""Records what a released version leaves in Airflow's database, for the versions after it to understand.

Run once for each release: ``python tests/unit/upgrades/recording.py`` writes ``recorded/<version>.json``.
What is recorded is never changed afterwards.
"""

from __future__ import annotations

import json
import logging
from dataclasses import asdict
from pathlib import Path
from typing import Any

from ims_airflow import __version__
from ims_airflow.exceptions import JobFailedError, JobNotFollowedError, JobTimeoutError
from ims_airflow.protocol.course import look
from ims_airflow.protocol.image import Image
from ims_airflow.protocol.import_state import ImportState
from ims_airflow.protocol.job import Job
from ims_airflow.protocol.job_watch import JobWatch, Outcome
from ims_airflow.protocol.obs_listing import ListedObject
from ims_airflow.protocol.obs_news import News
from ims_airflow.protocol.submission import Record
from ims_airflow.triggers.event import Event, event_of_error
from ims_airflow.triggers.ims import ImsJobTrigger
from ims_airflow.triggers.obs import ObsImageFileTrigger
from ims_airflow.triggers.obs_event import ObsNewImageFileTrigger

RECORDED = Path(__file__).parent / "recorded"
JOB_ID = "ff8080814dbd65d7014dbe0d84db0013"
IMAGE_ID = "3e4c1f4b-5d0c-4b7e-a1e5-5c8a0a6f9a11"
WHEN = "2026-11-20T10:00:00.000Z"
TIMES: dict[str, Any] = {
    "ims_conn_id": "huaweicloud_ims_default",
    "region": "cn-north-4",
    "poll_interval": 5.0,
    "started": 1795168800.0,
    "deadline": 1795190400.0,
    "deadline_name": "timeout",
}


RUNNING = Job(job_id=JOB_ID, status="RUNNING", begin_time=WHEN, progress=0.4)


def memo() -> dict[str, Any]:
    """What a watch has found that has seen a job run, and then met trouble."""
    watch = JobWatch(JOB_ID, started=1795168800.0, log=logging.getLogger(), submitted=1795168790.0)
    watch._tell(RUNNING, 1795168830.0, look(watch._course, RUNNING, 1795168830.0))
    trouble = {"since": 1795168900.0, "failures": 2, "unknown_since": 1795168850.0}
    return {**watch.memo(), **trouble, "looks": 4, "troubled": 12.5}


def triggers() -> list[Any]:
    shown = ImportState(job_id=JOB_ID, region="cn-north-4").seen(RUNNING, 1795168830.0).as_dict()
    return [
        ImsJobTrigger(JOB_ID),
        ImsJobTrigger(JOB_ID, trouble_budget=60, job_query="ShowJobProgress", verify_image=False, **TIMES),
        ImsJobTrigger(f"image:{IMAGE_ID}", **TIMES),
        ImsJobTrigger(JOB_ID, shown=shown, memo=memo(), looked=1795168905.0, **TIMES),
        ObsImageFileTrigger("image-test:disk.qcow2"),
        ObsImageFileTrigger("image-test:*.qcow2", longest_interval=300.0, **TIMES),
        ObsNewImageFileTrigger("image-test", "incoming/", "incoming/*.qcow2", poll_interval=5),
    ]


def events() -> list[Event]:
    job = Job(job_id=JOB_ID, status="SUCCESS", begin_time=WHEN, end_time=WHEN, image_id=IMAGE_ID)
    image = Image(image_id=IMAGE_ID, name="fedora", status="active", created_at=WHEN, data_origin="")
    return [
        Event(JOB_ID, result=Outcome(job, image, 12, 30.0).as_dict()),
        event_of_error(JOB_ID, JobFailedError("FAIL", error_code="IMG.0057", retryable=False)),
        event_of_error(JOB_ID, JobTimeoutError("late", deadline="execution_timeout")),
        event_of_error(JOB_ID, JobNotFollowedError("no answer for 900 s")),
        event_of_error(JOB_ID, RuntimeError("unexpected")),
    ]


def submissions() -> list[Record]:
    common: dict[str, Any] = {"fingerprint": "abc@cn-north-4", "marker": "0123456789abcdef", "sent_at": 1.5}
    return [
        Record(**common, state="sent"),
        Record(**common, state="refused", refusals=3),
        Record(**common, state="accepted", job_id=JOB_ID),
        Record(**common, state="accepted", image_id=IMAGE_ID),
    ]


def state_of(version: str) -> dict[str, Any]:
    """Everything that lies in the database between two processes, as plain JSON."""
    news = News.recall(None, existing=False)
    news.of([ListedObject("image-test", "incoming/a.qcow2", 1, "etag", WHEN, "STANDARD")])
    return {
        "version": version,
        "triggers": [trigger.serialize() for trigger in triggers()],
        "events": [event.payload() for event in events()],
        "ims_submission": [asdict(record) for record in submissions()],
        "ims_ending": {"fingerprint": "abc@cn-north-4", "max_tries": 3, "event": events()[0].payload()},
        "ims_attempt": {"try_number": 2, "started": 1795168800.0},
        "ims_watch": {
            "subject": JOB_ID,
            "started": 1795168800.0,
            "memo": memo(),
        },
        "ims_deletion": {"image_id": IMAGE_ID, "image_name": "fedora"},
        "seen": news.memo(),
    }


if __name__ == "__main__":
    text = json.dumps(state_of(__version__), indent=2, ensure_ascii=False)
    (RECORDED / f"{__version__}.json").write_text(f"{text}\n")
