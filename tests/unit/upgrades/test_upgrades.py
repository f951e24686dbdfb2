"""What any released version has left in the database is still understood: deferred tasks outlive upgrades."""

from __future__ import annotations

import json
import logging
from typing import Any

import pytest
from airflow_task import StateStore, TaskInstance, locate
from unit.upgrades.recording import IMAGE_ID, JOB_ID, RECORDED, WHEN, state_of

from ims_airflow import __version__
from ims_airflow.exceptions import JobFailedError, JobNotFollowedError, JobTimeoutError
from ims_airflow.operators.ending import Ending
from ims_airflow.protocol.import_state import parse_import_state
from ims_airflow.protocol.job_watch import JobWatch
from ims_airflow.protocol.obs_listing import ListedObject
from ims_airflow.protocol.obs_news import News
from ims_airflow.protocol.polling import PollPolicy
from ims_airflow.protocol.submission import parse_record
from ims_airflow.task import attempt_started
from ims_airflow.triggers.event import parse_event
from ims_airflow.triggers.ims import ImsJobTrigger

RELEASES = [json.loads(path.read_text()) for path in sorted(RECORDED.glob("*.json"))]
release = pytest.mark.parametrize("state", RELEASES, ids=lambda state: str(state["version"]))


def context(state: dict[str, Any], key: str) -> Any:
    store = StateStore({key: json.dumps(state[key])})
    return {"ti": TaskInstance(try_number=2, max_tries=3), "task_state_store": store}


def test_this_version_is_recorded() -> None:
    advice = "run python tests/unit/upgrades/recording.py once, when a version is released"
    assert __version__ in {state["version"] for state in RELEASES}, advice


def test_the_record_of_this_version_has_the_shape_of_what_it_writes() -> None:
    [state] = [state for state in RELEASES if state["version"] == __version__]
    assert set(state) == set(json.loads(json.dumps(state_of(__version__))))


@release
def test_triggers_are_built_with_what_they_were_told(state: dict[str, Any]) -> None:
    for path, arguments in state["triggers"]:
        now = locate(path)(**arguments).serialize()
        assert now[0] == path
        assert arguments.items() <= now[1].items()


@release
def test_a_trigger_goes_on_where_the_worker_had_looked(state: dict[str, Any]) -> None:
    [(path, arguments)] = [one for one in state["triggers"] if one[1].get("memo")]
    watch = locate(path)(**arguments).watch(PollPolicy(), arguments["started"], "cn-north-4")
    assert watch.memo().items() >= arguments["memo"].items()
    assert parse_import_state(arguments["shown"]).as_dict().items() >= arguments["shown"].items()


@release
def test_events_mean_what_they_meant(state: dict[str, Any]) -> None:
    made, failed, late, lost, unexpected = [parse_event(payload) for payload in state["events"]]
    result = made.outcome()
    assert (result["job_id"], result["image_id"], result["image_status"]) == (JOB_ID, IMAGE_ID, "active")
    with pytest.raises(JobFailedError) as verdict:
        failed.outcome()
    assert (verdict.value.error_code, verdict.value.retryable) == ("IMG.0057", False)
    with pytest.raises(JobTimeoutError) as passed:
        late.outcome()
    assert passed.value.deadline == "execution_timeout"
    for event in (lost, unexpected):
        with pytest.raises(JobNotFollowedError):
            event.outcome()


@release
def test_submissions_go_on_where_they_stood(state: dict[str, Any]) -> None:
    records = [parse_record(stored) for stored in state["ims_submission"]]
    found = [(record.state, record.target) for record in records if record]
    accepted = [("accepted", JOB_ID), ("accepted", f"image:{IMAGE_ID}")]
    assert found == [("sent", ""), ("refused", ""), *accepted]
    assert [record.marker for record in records if record] == ["0123456789abcdef"] * 4


@release
def test_a_task_that_had_ended_is_known_to_have(state: dict[str, Any]) -> None:
    ended = Ending(context(state, "ims_ending"), "abc@cn-north-4").recall()
    assert ended is not None
    assert ended.outcome()["image_id"] == IMAGE_ID


@release
def test_a_try_counts_from_its_own_start(state: dict[str, Any]) -> None:
    assert attempt_started(context(state, "ims_attempt"), now=9e9) == 1795168800.0


@release
def test_a_rescheduled_sensor_remembers_its_trouble(state: dict[str, Any]) -> None:
    watch = JobWatch(JOB_ID, started=0.0, log=logging.getLogger())
    watch.recall(state["ims_watch"]["memo"])
    assert watch.memo().items() >= state["ims_watch"]["memo"].items()


@release
def test_a_watched_bucket_has_no_old_news(state: dict[str, Any]) -> None:
    news = News.recall(state["seen"], existing=True)
    old = ListedObject("image-test", "incoming/a.qcow2", 1, "etag", WHEN, "STANDARD")
    new = ListedObject("image-test", "incoming/b.qcow2", 1, "etag", WHEN, "STANDARD")
    assert news.of([old, new]) == [new]


def test_arguments_of_a_newer_version_are_named_and_left_alone(capfd: pytest.CaptureFixture[str]) -> None:
    arguments: dict[str, Any] = {"poll_interval": 5.0, "colour": "red"}
    trigger = ImsJobTrigger(JOB_ID, **arguments)
    assert "ImsJobTrigger does not know colour" in capfd.readouterr().out
    assert "colour" not in trigger.serialize()[1]
