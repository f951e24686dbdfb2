"""The emulated IMS, asked over HTTP."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest
from emulator_caller import KEY, SUBMIT, Caller, code_of

from ims_airflow.emulator import EmulatorServer


@pytest.fixture
def caller(emulator: EmulatorServer) -> Caller:
    return Caller(emulator)


def test_a_request_becomes_an_image(caller: Caller) -> None:
    caller.server.configure(job_seconds=100, tags_visible=True)
    job_id = caller.submitted(image_tags=[{"key": "team", "value": "a.b"}], description="of mine")
    assert caller.job(job_id)["status"] == "INIT"
    caller.server.advance(50)
    assert caller.job(job_id)["status"] == "RUNNING"
    assert caller.images()[0]["status"] == "saving"
    caller.server.advance(51)
    answer = caller.job(job_id)
    assert (answer["status"], answer["job_type"]) == ("SUCCESS", "imsImportDataImageJob")
    (row,) = caller.images(name="fedora")
    assert row["id"] == answer["entities"]["image_id"]
    assert row["status"] == "active"
    assert row["__data_origin"] == f"file,image-test:{KEY}"
    assert row["__root_origin"] == "file"
    assert row["virtual_env_type"] == "DataImage"
    assert row["__image_size"] == str(len(b"some bytes"))
    assert row["tags"] == ["team=a.b"]
    assert row["__description"] == "of mine"


def test_the_end_time_is_when_the_job_ended_and_not_when_somebody_looked(caller: Caller) -> None:
    caller.server.configure(job_seconds=10)
    job_id = caller.submitted()
    caller.server.advance(5000)
    answer = caller.job(job_id)
    begun, ended = (datetime.fromisoformat(answer[name]) for name in ("begin_time", "end_time"))
    assert (ended - begun).total_seconds() == pytest.approx(10, abs=0.002)


def test_reads_can_move_a_job(caller: Caller) -> None:
    caller.server.configure(job_advance="reads", job_reads=2)
    job_id = caller.submitted()
    seen = [caller.job(job_id, progress=True)["status"] for _ in range(8)]
    assert seen == ["INIT"] + ["RUNNING"] * 6 + ["SUCCESS"]


def test_a_job_can_be_moved_and_ended_by_hand(caller: Caller) -> None:
    caller.server.configure(job_advance="hand")
    first, second = caller.submitted("one"), caller.submitted("two")
    caller.server.advance(10_000)
    assert caller.job(first)["status"] == "INIT"
    caller.server.advance_job(first, 4)
    caller.server.fail_job(second, "IMG.0061", "Unknown system error.")
    assert caller.job(first)["status"] == "SUCCESS"
    assert caller.job(second)["error_code"] == "IMG.0061"


@pytest.mark.parametrize(
    ("arrange", "code"),
    [
        ({"key": "other"}, "IMG.0057"),
        ({"data": b""}, "IMG.0057"),
        ({"storage_class": "WARM"}, "IMG.0057"),
        ({"customer_key_md5": "abc"}, "IMG.0057"),
        ({"size": 128 * 1024**3 + 1}, "IMG.0059"),
        ({"data": b"QFI\xfb" + bytes(20) + (41 * 1024**3).to_bytes(8, "big")}, "IMG.0055"),
    ],
)
@pytest.mark.parametrize("checks_at", ["job", "submit"])
def test_a_wrong_file_is_noticed_at_the_submit_or_in_the_job(
    caller: Caller, arrange: dict[str, Any], code: str, checks_at: str
) -> None:
    caller.server.configure(checks_at=checks_at, job_seconds=0)
    caller.server.put_object("image-test", **{"key": KEY, "data": b"x", **arrange})
    answer = caller.submit()
    if checks_at == "submit":
        assert code_of(answer) == code
        assert caller.images() == []
        return
    job = caller.job(answer.json()["job_id"])
    assert (job["status"], job["error_code"]) == ("FAIL", code)
    assert caller.images()[0]["status"] == "killed"


@pytest.mark.parametrize(
    ("bucket", "settings", "code"),
    [("elsewhere", {}, "IMG.0069"), ("far-away", {}, "IMG.0058"), ("warm-one", {}, "IMG.0057")],
)
def test_a_wrong_bucket(caller: Caller, bucket: str, settings: dict[str, Any], code: str) -> None:
    caller.server.configure(checks_at="submit", **settings)
    caller.server.add_bucket("far-away", region="cn-south-1")
    caller.server.add_bucket("warm-one", storage_class="WARM")
    for name in ("far-away", "warm-one"):
        caller.server.put_object(name, KEY, b"x")
    assert code_of(caller.submit(image_url=f"{bucket}:{KEY}")) == code


def test_limits_of_the_account(caller: Caller) -> None:
    caller.submitted()
    caller.server.configure(duplicate_names="refuse")
    assert code_of(caller.submit()) == "IMG.0009"
    caller.server.configure(most_jobs=2, job_seconds=60)
    caller.submitted("second")
    assert code_of(caller.submit("third")) == "IMG.0060"
    caller.server.configure(image_quota=2)
    assert code_of(caller.submit("third")) == "IMG.0015"
    quota = caller.gateway("GET", "/v1/cloudimages/quota").json()["quotas"]["resources"][0]
    assert (quota["used"], quota["quota"]) == (2, 2)


def test_a_broken_rule_is_answered_with_its_code(caller: Caller) -> None:
    assert code_of(caller.submit(min_disk=10)) == "IMG.0055"
    assert code_of(caller.gateway("POST", SUBMIT, b"{")) == "IMG.0001"
    assert caller.server.submissions() == []


def test_a_row_can_appear_late(caller: Caller) -> None:
    caller.server.configure(row_visible_after=30, job_seconds=100)
    caller.submitted()
    assert caller.images() == []
    caller.server.advance(31)
    assert len(caller.images()) == 1


def test_a_row_can_wait_for_the_job_to_run(caller: Caller) -> None:
    caller.server.configure(row_appears="running", job_seconds=100)
    caller.submitted()
    assert caller.images() == []
    caller.server.advance(15)
    assert caller.images()[0]["status"] == "saving"


@pytest.mark.parametrize("state", ["active", "queued", "killed", "gone"])
def test_what_becomes_of_the_image_is_a_switch(caller: Caller, state: str) -> None:
    caller.server.configure(job_seconds=0, image_after_success=state)
    caller.submitted()
    assert [row["status"] for row in caller.images()] == ([] if state == "gone" else [state])


def test_a_failed_image_can_be_gone(caller: Caller) -> None:
    caller.server.configure(job_seconds=0, failed_image="gone")
    caller.submit()
    assert caller.images() == []


@pytest.mark.parametrize("status", ["400", "404"])
def test_an_unknown_job(caller: Caller, status: str) -> None:
    caller.server.configure(unknown_job=status)
    answer = caller.gateway("GET", caller.job_path("0" * 32))
    assert (answer.status_code, code_of(answer)) == (int(status), "IMG.0023")


def test_finished_jobs_can_be_forgotten(caller: Caller) -> None:
    caller.server.configure(job_seconds=1, forget_jobs_after=60)
    job_id = caller.submitted()
    caller.server.advance(59)
    assert caller.job(job_id)["status"] == "SUCCESS"
    caller.server.advance(3)
    assert caller.gateway("GET", caller.job_path(job_id)).status_code == 400


def test_a_job_of_another_project_is_refused(caller: Caller) -> None:
    other = "0" * 32
    assert code_of(caller.gateway("GET", f"/v1/{other}/jobs/{'1' * 32}")) == "IMG.0030"
    answer = caller.gateway("GET", "/v2/cloudimages", headers={"X-Project-Id": other})
    assert (answer.status_code, code_of(answer)) == (403, "APIGW.0310")


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ({}, {"alpha", "beta"}),
        ({"name": "alpha"}, {"alpha"}),
        ({"name": "alph"}, set()),
        ({"status": "active"}, {"alpha", "beta"}),
        ({"status": "queued"}, set()),
        ({"__imagetype": "private", "virtual_env_type": "DataImage"}, {"alpha", "beta"}),
        ({"__imagetype": "gold"}, set()),
        ({"__os_type": "Windows"}, {"beta"}),
        ({"min_disk": "50"}, {"beta"}),
        ({"protected": "false"}, {"alpha", "beta"}),
        ({"tag": "team=a"}, {"alpha"}),
        ({"tag": "team=z"}, set()),
        ({"enterprise_project_id": "all_granted_eps"}, {"alpha", "beta"}),
        ({"enterprise_project_id": "0"}, {"alpha", "beta"}),
        ({"created_at": "gte:2020-01-01T00:00:00Z"}, {"alpha", "beta"}),
        ({"created_at": "lt:2020-01-01T00:00:00Z"}, set()),
        ({"disk_format": "zvhd2"}, {"alpha", "beta"}),
    ],
)
def test_filters(caller: Caller, query: dict[str, str], names: set[str]) -> None:
    caller.server.configure(job_seconds=0)
    caller.submitted("alpha", tags=["team.a"])
    caller.submitted("beta", os_type="Windows", min_disk=50)
    assert {row["name"] for row in caller.images(**query)} == names


@pytest.mark.parametrize(
    "query",
    [
        {"created_at": "2020-01-01"},
        {"created_at": "ab:2020-01-01T00:00:00Z"},
        {"limit": "x"},
        {"sort_dir": "up"},
    ],
)
def test_a_filter_with_an_impossible_value(caller: Caller, query: dict[str, str]) -> None:
    caller.submitted()
    assert code_of(caller.gateway("GET", "/v2/cloudimages", query=query)) == "IMG.0001"


def test_the_tag_filter_can_be_without_effect_and_tags_can_be_hidden(caller: Caller) -> None:
    caller.server.configure(tag_filter="ignored")
    caller.submitted(tags=["team.a"])
    (row,) = caller.images(tag="no=such")
    assert row["tags"] == []


def test_pages(caller: Caller) -> None:
    for name in ("one", "two", "three"):
        caller.submitted(name)
    query = {"limit": "2", "sort_key": "name", "sort_dir": "asc"}
    first = caller.gateway("GET", "/v2/cloudimages", query=query).json()
    assert [row["name"] for row in first["images"]] == ["one", "three"]
    query["marker"] = first["page_info"]["next_marker"]
    last = caller.gateway("GET", "/v2/cloudimages", query=query).json()
    assert [row["name"] for row in last["images"]] == ["two"]
    assert "page_info" not in last
    query["marker"] = "unknown"
    assert code_of(caller.gateway("GET", "/v2/cloudimages", query=query)) == "IMG.0027"


def test_an_image_is_deleted_some_time_after_the_answer(caller: Caller) -> None:
    caller.server.configure(job_seconds=10, delete_seconds=5)
    caller.submitted()
    path = f"/v2/images/{caller.images()[0]['id']}"
    assert code_of(caller.gateway("DELETE", path)) == "IMG.0090"
    caller.server.advance(11)
    assert caller.gateway("GET", path).json()["status"] == "active"
    assert caller.gateway("DELETE", path).status_code == 204
    assert len(caller.images()) == 1
    caller.server.advance(6)
    assert caller.images() == []
    assert caller.gateway("DELETE", path).status_code == 404


def test_an_image_is_changed(caller: Caller) -> None:
    caller.server.configure(job_seconds=10)
    caller.submitted()
    path = f"/v2/cloudimages/{caller.images()[0]['id']}"
    rename = [{"op": "replace", "path": "/name", "value": "new"}]
    assert code_of(caller.gateway("PATCH", path, rename)) == "IMG.0046"
    caller.server.advance(11)
    assert caller.gateway("PATCH", path, rename).json()["name"] == "new"
    describe = [{"op": "replace", "path": "/__description", "value": "text"}]
    assert code_of(caller.gateway("PATCH", path, describe)) == "IMG.0035"
    describe[0]["op"] = "add"
    assert caller.gateway("PATCH", path, describe).json()["__description"] == "text"


def test_tags_of_an_image(caller: Caller) -> None:
    caller.submitted(tags=["a.1"])
    base = f"/v2/{caller.settings.project_id}/images"
    path = f"{base}/{caller.images()[0]['id']}/tags"
    assert caller.gateway("POST", path, {"tag": {"key": "b", "value": "2"}}).status_code == 204
    batch = {"action": "create", "tags": [{"key": "c", "value": "3"}, {"key": "a", "value": "9"}]}
    assert caller.gateway("POST", f"{path}/action", batch).status_code == 204
    found = {one["key"]: one["value"] for one in caller.gateway("GET", path).json()["tags"]}
    assert found == {"a": "9", "b": "2", "c": "3"}
    assert caller.gateway("DELETE", f"{path}/c").status_code == 204
    assert caller.gateway("DELETE", f"{path}/c").status_code == 404
    batch = {"action": "delete", "tags": [{"key": "a"}, {"key": "nothing"}]}
    assert caller.gateway("POST", f"{path}/action", batch).status_code == 204
    everything = caller.gateway("GET", f"{base}/tags").json()["tags"]
    assert everything == [{"key": "b", "values": ["2"]}]
    assert [row["name"] for row in caller.images(tag="b=2")] == ["fedora"]


def test_images_are_found_by_tags(caller: Caller) -> None:
    caller.submitted("fedora-one", tags=["team.a"])
    caller.submitted("debian-two")
    path = f"/v2/{caller.settings.project_id}/images/resource_instances/action"

    def find(**body: Any) -> list[str]:
        answer = caller.gateway("POST", path, {"action": "filter", **body}).json()
        return [one["resource_name"] for one in answer["resources"]]

    assert find(tags=[{"key": "team", "values": ["a", "b"]}]) == ["fedora-one"]
    assert find(not_tags_any=[{"key": "team", "values": []}]) == ["debian-two"]
    assert find(matches=[{"key": "resource_name", "value": "ian"}]) == ["debian-two"]
    assert find(without_any_tag=True) == ["debian-two"]
    assert find(limit="1", offset="1") == ["debian-two"]
    assert caller.gateway("POST", path, {"action": "count"}).json() == {"total_count": 2}
    assert code_of(caller.gateway("POST", path, {"action": "filter", "limit": "x"})) == "IMG.0001"


def test_a_call_that_is_not_there(caller: Caller) -> None:
    answer = caller.gateway("GET", "/v2/nothing")
    assert (answer.status_code, code_of(answer)) == (404, "APIGW.0101")
    assert answer.headers["X-Request-Id"] == answer.json()["request_id"]


def test_what_was_accepted_is_told(caller: Caller) -> None:
    caller.submitted("mine", tags=["a.1"])
    (told,) = caller.server.submissions()
    assert (told["name"], told["image_url"], told["min_disk"]) == ("mine", f"image-test:{KEY}", 40)
    assert told["tags"] == {"a": "1"}
