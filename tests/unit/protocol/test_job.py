from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ims_airflow.exceptions import UnusableAnswerError
from ims_airflow.protocol.job import Job, parse_job
from ims_airflow.protocol.job_time import normalised_time

JOB = "ff80808280c204e30180d2784c3c0d86"
IMAGE = "498cc67e-0000-4000-8000-000000000000"


def job(status: Any = "FAIL", entities: Any = None, **fields: Any) -> Job:
    return parse_job({"status": status, "entities": entities, **fields}, JOB)


def sub_job(**fields: Any) -> dict[str, Any]:
    return {"sub_jobs_result": [fields]}


def test_a_running_job_in_the_spelling_of_the_progress_page() -> None:
    found = parse_job(
        {
            "job_id": JOB,
            "job_type": "imsCopyImageInRegionJob",
            "begin_time": "2022-05-17T14:42:20.859Z",
            "end_time": "",
            "status": "RUNNING",
            "error_code": None,
            "fail_reason": None,
            "entities": {
                "image_name": "disk",
                "process_percent": 0.40,
                "current_task": "CopyImageInRegionTask:",
                "subJobId": "ff80808280ca6cd30180d278b9db0221",
                "image_id": IMAGE,
            },
        },
        JOB,
    )
    assert found == Job(
        job_id=JOB,
        status="RUNNING",
        job_type="imsCopyImageInRegionJob",
        begin_time="2022-05-17T14:42:20.859Z",
        image_id=IMAGE,
        image_name="disk",
        progress=0.4,
        current_task="CopyImageInRegionTask:",
    )
    assert not found.is_final


def test_a_finished_job_in_the_spelling_of_the_old_page() -> None:
    found = parse_job(
        {
            "status": "SUCCESS",
            "job_type": "createImageByInstance",
            "begin_time": "04-Jun-2015 18:11:06:586",
            "end_time": "04-Jun-2015 18:12:06:001",
            "entities": {"image_id": IMAGE, "process_percent": 0.20},
        }
    )
    assert found.as_dict() == {
        "job_id": "",
        "status": "SUCCESS",
        "job_type": "createImageByInstance",
        "image_id": IMAGE,
        "image_name": None,
        "begin_time": "2015-06-04T18:11:06.586Z",
        "end_time": "2015-06-04T18:12:06.001Z",
        "process_percent": 0.2,
        "current_task": None,
        "error_code": None,
        "fail_reason": None,
    }


@pytest.mark.parametrize(
    ("status", "known", "success", "failed"),
    [
        ("INIT", True, False, False),
        ("RUNNING", True, False, False),
        ("SUCCESS", True, True, False),
        ("FAIL", True, False, True),
        (" success\n", True, True, False),
        ("Fail", True, False, True),
        ("FAILED", False, False, False),
        ("PAUSED", False, False, False),
    ],
)
def test_what_a_status_means(status: str, known: bool, success: bool, failed: bool) -> None:
    for found in (job(status), Job(JOB, status)):
        assert (found.is_known, found.is_success, found.is_failed) == (known, success, failed)
        assert found.is_final == (success or failed)


def test_an_unknown_status_is_kept_as_spelled() -> None:
    assert job("Paused ").status == "Paused"


@pytest.mark.parametrize("status", [None, "", "  ", 1, True, ["SUCCESS"], {}, "\ud800", "null"])
def test_an_answer_without_a_status_is_unusable(status: object) -> None:
    with pytest.raises(UnusableAnswerError, match="no status"):
        job(status)


def test_an_answer_about_another_job_is_unusable() -> None:
    with pytest.raises(UnusableAnswerError, match=f"asked about job {JOB}.*about job other"):
        job("SUCCESS", job_id="other")


@pytest.mark.parametrize("found", [None, "", 7, JOB])
def test_an_answer_that_names_no_job_is_about_the_one_asked_for(found: object) -> None:
    assert job("SUCCESS", job_id=found).job_id == JOB


@pytest.mark.parametrize(
    "entities",
    [
        {"image_id": IMAGE},
        {"image_id": "", "sub_jobs_result": [{"status": "SUCCESS", "entities": {"image_id": IMAGE}}]},
        sub_job(entities=sub_job(entities={"image_id": IMAGE})),
        {"sub_jobs_result": ["id", None, {"entities": None}, {"entities": {"image_id": IMAGE}}]},
        {"results": [{"image_id": IMAGE, "status": "success"}]},
        {"image_id": 5, "sub_jobs_result": {}, "results": [None, {"image_id": IMAGE}]},
        {"image_id": IMAGE, **sub_job(entities={"image_id": "other"})},
    ],
)
def test_the_image_id_is_found_wherever_it_stands(entities: object) -> None:
    assert job("SUCCESS", entities).image_id == IMAGE


def test_long_names_are_not_mistaken_for_secrets() -> None:
    assert job("SUCCESS", {"image_name": "a1" * 60, "image_id": "b2" * 30}).image_name == "a1" * 60


@pytest.mark.parametrize(
    ("fields", "entities", "code", "reason"),
    [
        ({"error_code": "IMG.0057", "fail_reason": "bad file"}, None, "IMG.0057", "bad file"),
        ({}, {"error_code": "IMG.0057", "error": "bad file"}, "IMG.0057", "bad file"),
        ({}, {"addition_error_code": "A.1", "addition_error_msg": "more"}, "A.1", "more"),
        ({}, {"alarm_code": "AL.1"}, "AL.1", ""),
        ({}, sub_job(error_code="IMG.0061", fail_reason="inside"), "IMG.0061", "inside"),
        ({}, sub_job(entities=sub_job(fail_reason="deep")), "", "deep"),
        ({"fail_reason": "same"}, {"error": "same", **sub_job(fail_reason="same")}, "", "same"),
        (
            {"error_code": "IMG.0061", "fail_reason": "x"},
            {"error_code": "IMG.0057"},
            "IMG.0061",
            "x; IMG.0057",
        ),
        ({"error_code": "IMG.0061"}, {"error_code": "IMG.0061"}, "IMG.0061", ""),
        ({"error_code": 400, "fail_reason": {"a": 1}}, {"error": 5}, "400", ""),
        ({"error_code": True, "fail_reason": ["x"]}, "entities", "", ""),
        ({"error_code": "null", "fail_reason": "None"}, {}, "", ""),
    ],
)
def test_the_reason_is_found_wherever_it_stands(
    fields: dict[str, Any], entities: object, code: str, reason: str
) -> None:
    found = job("FAIL", entities, **fields)
    assert (found.error_code, found.fail_reason) == (code, reason)


def test_reasons_are_bounded_clean_and_without_secrets() -> None:
    found = job("FAIL", {"error": "token=abcdef\nnext"}, fail_reason="word " * 10_000)
    assert len(found.fail_reason) <= 2000
    assert "abcdef" not in job("FAIL", {"error": "token=abcdef\nnext"}).fail_reason


def test_endless_sub_jobs_end() -> None:
    nested: dict[str, Any] = {"fail_reason": "bottom"}
    for _ in range(500):
        nested = {"entities": {"sub_jobs_result": [nested] * 2}}
    assert job("FAIL", nested["entities"]).fail_reason == ""


@pytest.mark.parametrize(
    ("value", "progress"),
    [
        (0, 0.0),
        (0.4, 0.4),
        (1, 1.0),
        (40, 0.4),
        (100, 1.0),
        ("0.4", 0.4),
        (" 40 % ", 0.4),
        ("1%", 0.01),
        (101, None),
        (-1, None),
        (True, None),
        (float("nan"), None),
        (float("inf"), None),
        (10**400, None),
        ("", None),
        ("nan", None),
        ("much", None),
        (None, None),
        ([1], None),
    ],
    ids=range(19),
)
def test_progress_is_a_fraction(value: object, progress: float | None) -> None:
    assert job("RUNNING", {"process_percent": value}).progress == progress


@pytest.mark.parametrize(
    ("text", "normalised"),
    [
        ("04-Jun-2015 18:11:06:586", "2015-06-04T18:11:06.586Z"),
        ("2022-05-17T14:42:20.859Z", "2022-05-17T14:42:20.859Z"),
        ("2022-05-17T14:42:20Z", "2022-05-17T14:42:20.000Z"),
        ("2022-05-17 14:42:20.8599", "2022-05-17T14:42:20.859Z"),
        ("2022-05-17T16:42:20.859+02:00", "2022-05-17T14:42:20.859Z"),
        ("", ""),
        ("30-Feb-2015 18:11:06:586", "30-Feb-2015 18:11:06:586"),
        ("04-Jui-2015 18:11:06:586", "04-Jui-2015 18:11:06:586"),
        ("2022-13-17T14:42:20Z", "2022-13-17T14:42:20Z"),
        ("0001-01-01T00:00:00+14:00", "0001-01-01T00:00:00+14:00"),
        ("20220517", "20220517"),
        ("yesterday", "yesterday"),
    ],
)
def test_times_in_either_spelling(text: str, normalised: str) -> None:
    assert normalised_time(text) == normalised


NAMES = st.sampled_from(
    """
    status job_id job_type begin_time end_time error_code fail_reason entities image_id image_name
    current_task process_percent results sub_jobs_result sub_jobs_list error addition_error_msg alarm_code
    """.split()
)
LEAVES = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=20)
    | st.sampled_from(["SUCCESS", "FAIL", JOB, "04-Jun-2015 18:11:06:586", "9999-12-31T23:59:59-14:00"])
)
ANSWERS = st.dictionaries(
    NAMES,
    st.recursive(
        LEAVES,
        lambda parts: st.lists(parts, max_size=3) | st.dictionaries(NAMES, parts, max_size=4),
        max_leaves=12,
    ),
)


@given(ANSWERS, st.sampled_from(["", JOB]))
def test_any_answer_is_read_or_unusable(payload: dict[str, Any], job_id: str) -> None:
    try:
        found = parse_job(payload, job_id)
    except UnusableAnswerError:
        return
    assert found.status
    assert found.progress is None or 0 <= found.progress <= 1
    text = json.dumps(found.as_dict(), allow_nan=False, ensure_ascii=False)
    assert "\x00" not in text
    assert len(text.encode()) < 50_000
