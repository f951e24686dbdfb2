from __future__ import annotations

import json

from ims_airflow.exceptions import ImageNotUsableError, JobFailedError, JobNotFollowedError
from ims_airflow.protocol.import_state import ImportState, parse_import_state
from ims_airflow.protocol.job import Job
from ims_airflow.protocol.obs import StoredObject
from ims_airflow.protocol.provenance import provenance, untouched_since

NOW = 1_700_000_000.0
STATE = ImportState(
    image_url="b-1:k", name="fedora", region="r", job_id="j1", submitted_at="2023-11-14T22:00:00Z"
)
RUNNING = Job("j1", "RUNNING", progress=0.4, current_task="Import", begin_time="2023-11-14T22:00:01Z")


def test_a_look_changes_what_it_knows_and_keeps_the_rest() -> None:
    seen = STATE.seen(RUNNING, NOW).as_dict()
    assert seen == {
        "image_url": "b-1:k",
        "name": "fedora",
        "region": "r",
        "job_id": "j1",
        "status": "RUNNING",
        "process_percent": 0.4,
        "current_task": "Import",
        "image_id": None,
        "error_code": None,
        "fail_reason": None,
        "submitted_at": "2023-11-14T22:00:00Z",
        "begin_time": "2023-11-14T22:00:01Z",
        "started_at": "2023-11-14T22:13:20Z",
        "end_time": None,
        "updated_at": "2023-11-14T22:13:20Z",
    }


def test_a_job_has_started_once_a_look_finds_it_out_of_the_queue() -> None:
    queued = STATE.seen(Job("j1", "INIT", begin_time="2023-11-14T22:00:01Z"), NOW)
    assert queued.started_at is None
    running = queued.seen(RUNNING, NOW + 60)
    assert running.started_at == running.seen(RUNNING, NOW + 120).started_at == "2023-11-14T22:14:20Z"


def test_a_time_in_no_known_spelling_is_not_passed_on() -> None:
    assert STATE.seen(Job("j1", "RUNNING", begin_time="noon"), NOW).begin_time is None


def test_the_good_end_clears_what_troubled_before() -> None:
    troubled = STATE.failed(JobNotFollowedError("no answer"), NOW)
    assert troubled.fail_reason == "no answer"
    good = troubled.finished({"status": "SUCCESS", "image_id": "i1"}, NOW)
    assert (good.status, good.image_id, good.fail_reason) == ("SUCCESS", "i1", None)


def test_only_a_verdict_is_a_fail() -> None:
    seen = STATE.seen(RUNNING, NOW)
    given_up = seen.failed(JobNotFollowedError("no answer"), NOW)
    assert (given_up.status, given_up.fail_reason) == ("RUNNING", "no answer")
    failed = seen.failed(JobFailedError("broken", error_code="IMG.0057"), NOW)
    assert (failed.status, failed.error_code, failed.fail_reason) == ("FAIL", "IMG.0057", "broken")
    assert seen.failed(ImageNotUsableError("gone"), NOW).status == "FAIL"


def test_the_cloud_s_own_reason_is_kept() -> None:
    verdict = Job("j1", "FAIL", error_code="IMG.0057", fail_reason="broken file")
    failed = STATE.seen(verdict, NOW).failed(JobFailedError("IMS job j1 ended with FAIL: …"), NOW)
    assert (failed.error_code, failed.fail_reason) == ("IMG.0057", "broken file")


def test_a_reason_never_shows_a_secret() -> None:
    assert "abc" not in str(STATE.failed(JobNotFollowedError("refused: password=abc"), NOW).fail_reason)


def test_what_was_written_is_read_again_and_anything_else_is_nothing() -> None:
    assert parse_import_state(json.loads(json.dumps(STATE.as_dict()))) == STATE
    assert parse_import_state({"job_id": "j1", "later": 1}) == ImportState(job_id="j1")
    assert parse_import_state("nonsense") == ImportState()


def test_the_provenance_is_put_together_from_three_places() -> None:
    result = {"image_id": "i1", "image_name": "fedora", "job_id": "j1", "seconds": {"queue": 2.0, "job": 8.5}}
    assert provenance(STATE, result, {"size": 7, "etag": "e"}).as_dict() == {
        "image_id": "i1",
        "image_name": "fedora",
        "region": "r",
        "job_id": "j1",
        "image_url": "b-1:k",
        "size": 7,
        "etag": "e",
        "duration": 10.5,
    }
    assert provenance(STATE, {"job_id": "j1"}, {}).duration is None


def test_a_file_that_was_replaced_meanwhile_is_not_the_source() -> None:
    found = StoredObject("b-1", "k", 7, "e", "Tue, 14 Nov 2023 22:13:20 GMT")
    assert untouched_since(found, NOW)
    assert not untouched_since(found, NOW - 1)
    assert not untouched_since(StoredObject("b-1", "k", 7, "e", "noon"), NOW)
