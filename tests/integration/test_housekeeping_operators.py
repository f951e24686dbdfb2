"""Deleting, retention and sweep against a cloud: what goes, what stays, and every refusal in between."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowFailException
from airflow_task import Task, TaskInstance
from integration.clouds import CONN_ID, Cloud

from ims_airflow.exceptions import (
    ImagesNotDeletedError,
    InvalidInputError,
    JobTimeoutError,
    ServiceError,
)
from ims_airflow.hooks.ims import ImsHook
from ims_airflow.operators.creation import Creation
from ims_airflow.operators.ims import (
    ImsCreateDataImageOperator,
    ImsDeleteImageOperator,
    ImsRetentionOperator,
    ImsSweepOperator,
)
from ims_airflow.protocol.message import Call, Flow, Service
from ims_airflow.protocol.origin import Origin, dag_tag, digest_in
from ims_airflow.protocol.submission import DAG_TAG, MARKER_TAG

DELETE = {"method": "DELETE", "path": "/v2/images/"}
Peers = dict[tuple[str, str, int], str | None]


@pytest.fixture
def site(cloud: Cloud) -> Cloud:
    cloud.emulated.put_object("image-test", "disk.qcow2", b"QFI\xfb")
    cloud.emulated.configure(job_seconds=0, delete_seconds=0)
    return cloud


def creator(**fields: Any) -> ImsCreateDataImageOperator:
    request = {"name": "disk", "image_url": "image-test:disk.qcow2", "min_disk": 40, "os_type": "Linux"}
    return ImsCreateDataImageOperator(task_id="create", **{**request, **fields})


def make(
    cloud: Cloud,
    run_id: str = "run",
    task_id: str = "create",
    map_index: int = -1,
    *,
    dag_id: str = "nightly",
    **fields: Any,
) -> str:
    """Let a task instance make an image, newer than those before it; return its id."""
    before = {one["image_id"] for one in cloud.emulated.submissions()}
    cloud.emulated.advance(2)
    ti = TaskInstance(dag_id=dag_id, run_id=run_id, task_id=task_id, map_index=map_index)
    Task(lambda: creator(**fields), ti=ti).run()
    [image_id] = {one["image_id"] for one in cloud.emulated.submissions()} - before
    return str(image_id)


def images(cloud: Cloud) -> set[str]:
    assert cloud.emulated
    return {image.image_id for image in ImsHook(CONN_ID).list_images({})}


def patch(image_id: str, path: str, value: object) -> None:
    def flow() -> Flow[None]:
        body = json.dumps([{"op": "replace", "path": path, "value": value}]).encode()
        yield Call(Service.IMS, "PATCH", f"/v2/cloudimages/{image_id}", body=body)

    ImsHook(CONN_ID).run(flow())


def untag(image_id: str, key: str) -> None:
    def flow() -> Flow[None]:
        yield Call(Service.IMS, "DELETE", f"/v2/{{project_id}}/images/{image_id}/tags/{key}")

    ImsHook(CONN_ID).run(flow())


def deletions(cloud: Cloud) -> list[str]:
    return [
        entry["path"].rpartition("/")[2]
        for entry in cloud.emulated.journal("ims")
        if entry["method"] == "DELETE" and entry["path"].startswith("/v2/images/")
    ]


def retain(**arguments: Any) -> dict[str, list[Any]]:
    given = {"keep": 1, "dag_id": "nightly", "min_age": 0, "dry_run": False, **arguments}
    found: dict[str, list[Any]] = Task(lambda: ImsRetentionOperator(task_id="retain", **given)).run()
    return found


@pytest.mark.parametrize(
    "operator",
    [
        lambda: ImsRetentionOperator(task_id="t", keep=1),
        lambda: ImsSweepOperator(task_id="t"),
        lambda: ImsDeleteImageOperator(task_id="t", image_id="00000000-0000-0000-0000-000000000000"),
    ],
    ids=["retention", "sweep", "delete"],
)
def test_the_console_can_be_opened_while_it_runs(site: Cloud, operator: Any) -> None:
    site.emulated.add_fault({"match": {"service": "ims"}, "status": 403, "body": "{}"})
    task = Task(operator)
    with pytest.raises(AirflowFailException):
        task.run()
    assert "#/ims/" in task.ti.xcoms["_link_ImsImageLink"]


def sweep(peers: Peers, **arguments: Any) -> dict[str, list[Any]]:
    given = {"dag_id": "nightly", "min_age": 0, "dry_run": False, **arguments}
    ti = TaskInstance(peers=peers)
    found: dict[str, list[Any]] = Task(lambda: ImsSweepOperator(task_id="sweep", **given), ti=ti).run()
    return found


def reasons(report: dict[str, list[Any]]) -> dict[str, str]:
    return {entry["image_id"]: entry["reason"] for entry in report["skipped"]}


# --- tags ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("tags", [{}, {"tags": ["team.a.b"]}, {"image_tags": {"team": "a.b"}}])
def test_a_request_names_its_dag_and_its_task_instance(site: Cloud, tags: dict[str, Any]) -> None:
    make(site, "run", "create", 2, dag_id="team.nightly", **tags)
    [sent] = site.emulated.submissions()
    assert sent["tags"][DAG_TAG] == "team.nightly"
    assert digest_in(sent["tags"][MARKER_TAG]) == Origin("team.nightly", "run", "create", 2).digest
    assert len(sent["tags"][MARKER_TAG]) == 43
    assert sent["tags"].get("team") == ("a.b" if tags else None)


def test_two_submissions_of_one_task_instance_have_two_markers(site: Cloud) -> None:
    make(site)
    make(site)
    markers = [entry["tags"][MARKER_TAG] for entry in site.emulated.submissions()]
    assert len(set(markers)) == 2
    assert len({digest_in(marker) for marker in markers}) == 1


def test_a_record_of_an_earlier_version_is_taken_up_with_its_bare_marker(site: Cloud) -> None:
    task = Task(lambda: creator(settling_window=0.1))
    fingerprint = Creation(creator(), task.context).submission().fingerprint
    old = {"fingerprint": fingerprint, "marker": "e" * 32, "state": "refused", "sent_at": 0.0}
    task.store.set("ims_submission", old)
    task.run()
    [sent] = site.emulated.submissions()
    assert (sent["tags"][MARKER_TAG], sent["tags"][DAG_TAG]) == ("e" * 32, "nightly")


def test_a_lost_answer_is_adopted_by_the_new_marker(site: Cloud) -> None:
    site.emulated.configure(tags_visible=True)
    fault = {"match": {"path": "dataimages"}, "times": 1, "when": "after", "drop": "reset"}
    site.emulated.add_fault(fault)
    target = Task(lambda: creator(settling_window=5.0)).run()
    [sent] = site.emulated.submissions()
    assert target == f"image:{sent['image_id']}"


# --- deleting one image -------------------------------------------------------------------------------------


def delete(image_id: str, **arguments: Any) -> Task:
    given = {"poll_interval": 0.05, "timeout": 5, **arguments}
    return Task(lambda: ImsDeleteImageOperator(task_id="delete", image_id=image_id, **given))


def test_an_image_is_deleted_and_gone_when_the_task_ends(site: Cloud) -> None:
    site.emulated.configure(delete_seconds=0.3)
    image_id, other = make(site), make(site)
    result = delete(image_id).run()
    assert result == {"image_id": image_id, "image_name": "disk", "deleted": True}
    assert images(site) == {other}


def test_an_image_that_is_gone_already_counts_as_deleted(site: Cloud) -> None:
    result = delete("b2e2a8f0-1c1c-4b60-a1b5-7f2b8f6a0001").run()
    assert result == {"image_id": result["image_id"], "image_name": None, "deleted": False}


def test_an_image_that_must_be_there_is_missed(site: Cloud) -> None:
    with pytest.raises(AirflowFailException, match="image_id: there is no image nobody-knows"):
        delete("nobody-knows", missing_ok=False).run()
    assert deletions(site) == []


def test_a_retry_after_a_lost_answer_knows_that_the_image_was_there(site: Cloud) -> None:
    image_id = make(site)
    site.emulated.add_fault({"match": DELETE, "times": 4, "when": "after", "status": 502, "body": "<html>"})
    task = delete(image_id, missing_ok=False)
    with pytest.raises(ServiceError):
        task.run()
    assert images(site) == set()
    assert task.retry() == {"image_id": image_id, "image_name": "disk", "deleted": True}
    with pytest.raises(AirflowFailException, match="there is no image"):
        task.retry()


def test_a_protected_image_stays_and_the_error_says_what_to_do(site: Cloud) -> None:
    image_id = make(site)
    patch(image_id, "/protected", True)
    with pytest.raises(AirflowFailException, match=r"IMG\.0091: .*protected.* What to do: Set .*protected"):
        delete(image_id).run()
    assert images(site) == {image_id}


def test_an_image_that_is_being_made_is_worth_a_retry(site: Cloud) -> None:
    site.emulated.configure(job_seconds=60)
    image_id = make(site)
    task = delete(image_id)
    with pytest.raises(ServiceError, match=r"IMG\.0090"):
        task.run()
    site.emulated.advance(61)
    assert task.retry()["deleted"]


def test_an_image_that_does_not_go_is_told_after_the_timeout(site: Cloud) -> None:
    site.emulated.configure(delete_seconds=60)
    image_id = make(site)
    with pytest.raises(JobTimeoutError, match=f"the removal of image {image_id} was not done in time"):
        delete(image_id, timeout=timedelta(seconds=0.3)).run()


def test_a_wrong_address_is_no_missing_image(site: Cloud) -> None:
    image_id = make(site)
    body = '{"error_msg": "The API does not exist", "error_code": "APIGW.0101"}'
    site.emulated.add_fault({"match": DELETE, "status": 404, "body": body})
    with pytest.raises(AirflowFailException, match=r"APIGW\.0101"):
        delete(image_id).run()


@pytest.mark.parametrize("image_id", ["", "a/b", "None"])
def test_a_bad_image_id_is_told_when_the_dag_is_parsed(image_id: str) -> None:
    with pytest.raises(InvalidInputError, match=r"image_id: .* must be the id of an image"):
        ImsDeleteImageOperator(task_id="delete", image_id=image_id)


def test_a_template_that_renders_to_nothing_deletes_nothing(site: Cloud) -> None:
    def rendered() -> ImsDeleteImageOperator:
        made = ImsDeleteImageOperator(task_id="delete", image_id="{{ ti.xcom_pull('x') }}")
        made.image_id = "None"  # what rendering makes of a value that is not there
        return made

    with pytest.raises(AirflowFailException, match="image_id"):
        Task(rendered).run()
    assert site.emulated.journal() == []


# --- retention ----------------------------------------------------------------------------------------------


def test_retention_deletes_nothing_by_default(site: Cloud) -> None:
    made = [make(site) for _ in range(3)]
    operator = ImsRetentionOperator(task_id="retain", keep=1, dag_id="nightly", min_age=0)
    report = Task(lambda: operator).run()
    assert report == {"kept": [made[2]], "deleted": [], "would_delete": [made[1], made[0]], "skipped": []}
    assert images(site) == set(made)
    assert deletions(site) == []


@pytest.mark.parametrize("tags_visible", [True, False])
@pytest.mark.parametrize("tag_filter", ["works", "ignored"])
def test_retention_keeps_the_newest_of_its_dag_whatever_the_list_shows(
    site: Cloud, tags_visible: bool, tag_filter: str
) -> None:
    site.emulated.configure(tags_visible=tags_visible, tag_filter=tag_filter)
    ours = [make(site) for _ in range(4)]
    others = [make(site, dag_id="weekly"), make(site, dag_id="d" * 60)]
    report = retain(keep="2")
    assert report["kept"] == [ours[3], ours[2]]
    assert report["deleted"] == [ours[1], ours[0]]
    assert images(site) == {ours[2], ours[3], *others}
    assert set(reasons(report)) == (set(others) if tag_filter == "ignored" else set())


@pytest.mark.parametrize("dag_id", ["d" * 60, "镜像.每日", "naïve dag", "team.nightly-0123456789abcdef"])
def test_a_dag_of_any_id_has_its_retention(site: Cloud, dag_id: str) -> None:
    ours = [make(site, dag_id=dag_id) for _ in range(2)]
    other = make(site, dag_id=f"{dag_id}2")
    assert len(dag_tag(dag_id)) <= 43
    assert retain(dag_id=dag_id)["deleted"] == ours[:1]
    assert images(site) == {ours[1], other}


def test_retention_leaves_alone_what_is_in_doubt(site: Cloud) -> None:
    protected, unmarked, untagged, old, new = (make(site) for _ in range(5))
    patch(protected, "/protected", True)
    untag(unmarked, MARKER_TAG)
    untag(untagged, DAG_TAG)
    site.emulated.configure(job_seconds=1000, tag_filter="ignored")
    growing = make(site)
    report = retain()
    assert (report["kept"], report["deleted"]) == ([new], [old])
    assert reasons(report) == {
        growing: "still being made (queued)",
        untagged: "not tagged ims_airflow_dag=nightly",
        unmarked: "no ims_airflow_marker of this package",
        protected: "protected",
    }
    assert deletions(site) == [old]


def test_a_young_image_is_not_deleted(site: Cloud) -> None:
    old, new = make(site), make(site)
    report = retain(min_age=timedelta(hours=1))
    assert (report["kept"], report["deleted"], reasons(report)) == ([new], [], {old: "younger than 3600 s"})


def test_only_images_of_a_name_are_counted(site: Cloud) -> None:
    a_old, a_new = make(site, name="a-1"), make(site, name="a-2")
    b = make(site, name="b-1")
    report = retain(name_pattern="a-*")
    assert (report["kept"], report["deleted"]) == ([a_new], [a_old])
    assert reasons(report) == {b: "name does not match a-*"}


def test_to_keep_none_must_be_said(site: Cloud) -> None:
    made = [make(site), make(site)]
    assert set(retain(keep=0)["deleted"]) == set(made)
    assert images(site) == set()
    with pytest.raises(TypeError):
        ImsRetentionOperator(task_id="retain")  # type: ignore[call-arg]


def test_one_image_that_cannot_be_deleted_does_not_stop_the_others(site: Cloud) -> None:
    first, second, third, _ = (make(site) for _ in range(4))
    refusal = '{"error": {"message": "Only the owner may.", "code": "IMG.0092"}}'
    path = f"/v2/images/{second}"
    site.emulated.add_fault({"match": {"method": "DELETE", "path": path}, "status": 400, "body": refusal})
    with pytest.raises(AirflowFailException) as caught:
        retain()
    assert f"1 image(s) could not be deleted:\n{second}: HTTP 400 IMG.0092" in str(caught.value)
    assert set(deletions(site)) == {first, second, third}
    assert first not in images(site)
    assert second in images(site)


def test_trouble_while_deleting_is_worth_a_retry_that_ends_the_work(site: Cloud) -> None:
    old, new = make(site), make(site)
    site.emulated.add_fault({"match": DELETE, "times": 4, "status": 503, "when": "before"})
    with pytest.raises(ImagesNotDeletedError, match=old):
        retain()
    assert retain()["deleted"] == [old]
    assert images(site) == {new}


def test_images_that_do_not_go_are_named(site: Cloud) -> None:
    old, _ = make(site), make(site)
    site.emulated.configure(delete_seconds=60)
    with pytest.raises(ImagesNotDeletedError, match=f"{old}: the removal of image {old} was not done"):
        retain(timeout=0.2)


def test_refused_keys_end_the_work_at_once(site: Cloud) -> None:
    for _ in range(4):
        make(site)
    body = '{"error_msg": "Incorrect IAM authentication information", "error_code": "APIGW.0301"}'
    site.emulated.add_fault({"match": DELETE, "status": 401, "body": body})
    with pytest.raises(AirflowFailException, match=r"APIGW\.0301"):
        retain()
    assert len(deletions(site)) == 1


@pytest.mark.parametrize(
    ("wrong", "rule"),
    [
        ({"keep": -1}, "keep: -1: must be a whole number"),
        ({"keep": None}, "keep: None"),
        ({"keep": True}, "keep: True"),
        ({"dag_id": ""}, "dag_id: ''"),
        ({"min_age": -1}, "min_age: -1"),
        ({"dry_run": "perhaps"}, "dry_run: 'perhaps': must be true or false"),
        ({"name_pattern": ""}, "name_pattern: ''"),
    ],
)
def test_bad_literals_are_told_when_the_dag_is_parsed(wrong: dict[str, Any], rule: str) -> None:
    with pytest.raises(InvalidInputError) as caught:
        ImsRetentionOperator(task_id="retain", **{"keep": 1, **wrong})
    assert rule in str(caught.value)


@pytest.mark.parametrize(
    "rendered", [{"keep": "None"}, {"plan_only": "None"}, {"plan_only": ""}, {"of_dag": None}, {"of_dag": ""}]
)
def test_bad_rendered_values_delete_nothing(site: Cloud, rendered: dict[str, Any]) -> None:
    make(site)

    def operator() -> ImsRetentionOperator:
        made = ImsRetentionOperator(
            task_id="retain",
            keep="{{ params.keep }}",
            dag_id="{{ params.dag_id }}",
            dry_run="{{ params.dry_run }}",
        )
        good = {"keep": "0", "of_dag": "nightly", "plan_only": "False"}
        for name, value in {**good, **rendered}.items():  # what rendering the templates does
            setattr(made, name, value)
        return made

    with pytest.raises(AirflowFailException, match="must be"):
        Task(operator).run()
    assert deletions(site) == []


# --- sweep --------------------------------------------------------------------------------------------------


def test_the_sweep_deletes_what_failed_task_instances_left_and_keeps_the_rest(site: Cloud) -> None:
    runs = {
        "good": "success",
        "failed": "failed",
        "skipped": "skipped",
        "busy": "deferred",
        "again": "up_for_retry",
    }
    made = {run_id: make(site, run_id) for run_id in [*runs, "purged"]}
    peers: Peers = {(run_id, "create", -1): state for run_id, state in runs.items()}
    planned = sweep(peers, dry_run=True)
    assert set(planned["would_delete"]) == {made["failed"], made["skipped"]}
    assert images(site) == set(made.values())
    report = sweep(peers)
    assert report["kept"] == [made["good"]]
    assert set(report["deleted"]) == {made["failed"], made["skipped"]}
    assert reasons(report) == {
        made["busy"]: "its task is deferred",
        made["again"]: "its task is up_for_retry",
        made["purged"]: "this Airflow knows no task instance that asked for it",
    }
    assert images(site) == {made[name] for name in ("good", "busy", "again", "purged")}


def test_mapped_task_instances_are_told_apart(site: Cloud) -> None:
    made = [make(site, "run", "create", index) for index in range(3)]
    peers: Peers = {("run", "create", index): "failed" if index == 1 else "success" for index in range(3)}
    assert sweep(peers)["deleted"] == [made[1]]


@pytest.mark.parametrize(("mapped", "plain"), [("success", "failed"), ("failed", "success")])
@pytest.mark.parametrize("mapped_last", [True, False])
def test_a_task_whose_id_looks_mapped_is_not_taken_for_its_twin(
    site: Cloud, mapped: str, plain: str, mapped_last: bool
) -> None:
    """Airflow spells both create[3] and create_3 as create_3, and tells the state of one of them."""
    of_mapped, of_plain = make(site, "run", "create", 3), make(site, "run", "create_3")
    peers: Peers = {("run", "create", 3): mapped, ("run", "create_3", -1): plain}
    report = sweep(peers if not mapped_last else dict(reversed(peers.items())))
    good = of_mapped if mapped == "success" else of_plain
    assert good in images(site)
    assert set(report["deleted"]) <= {of_mapped, of_plain} - {good}


def test_a_task_that_is_cleared_meanwhile_keeps_its_image(site: Cloud) -> None:
    image_id = make(site)

    class Clearing(TaskInstance):
        """Clears the task between the first question and the second."""

        def get_task_states(self, *args: Any, **kwargs: Any) -> dict[str, dict[str, str | None]]:
            found = super().get_task_states(*args, **kwargs)
            self.peers = dict.fromkeys(self.peers, "queued")
            return found

    ti = Clearing(peers={("run", "create", -1): "failed"})
    operator = ImsSweepOperator(task_id="sweep", dag_id="nightly", min_age=0, dry_run=False)
    report = Task(lambda: operator, ti=ti).run()
    assert (report["deleted"], reasons(report)) == ([], {image_id: "its task is queued"})
    assert deletions(site) == []


def test_the_image_of_a_success_stays_though_a_later_one_superseded_it(site: Cloud) -> None:
    made = {make(site), make(site)}  # the task was cleared in between
    report = sweep({("run", "create", -1): "success"})
    assert set(report["kept"]) == made


def test_the_image_of_another_dag_is_not_asked_about(site: Cloud) -> None:
    make(site, dag_id="weekly")
    report = sweep({("run", "create", -1): "failed"})
    assert report == {"kept": [], "deleted": [], "would_delete": [], "skipped": []}


def test_the_remains_of_a_failed_job_go_too(site: Cloud) -> None:
    site.emulated.configure(image_after_success="killed")
    killed = make(site)
    assert retain(keep=0)["deleted"] == []
    assert sweep({("run", "create", -1): "failed"})["deleted"] == [killed]


def test_the_sweep_can_be_told_which_tasks_to_look_at(site: Cloud) -> None:
    one, other = make(site, task_id="one"), make(site, task_id="other")
    peers: Peers = {("run", "one", -1): "failed", ("run", "other", -1): "failed"}
    report = sweep(peers, task_ids=["one"])
    assert report["deleted"] == [one]
    assert set(reasons(report)) == {other}


def test_without_images_airflow_is_not_asked(site: Cloud) -> None:
    assert images(site) == set()
    ti = TaskInstance()
    operator = ImsSweepOperator(task_id="sweep", dag_id="nightly")
    Task(lambda: operator, ti=ti).run()
    assert ti.questions == []


def test_by_default_it_is_about_the_own_dag() -> None:
    for operator in (ImsSweepOperator(task_id="a"), ImsRetentionOperator(task_id="b", keep=1)):
        assert operator.of_dag == "{{ dag.dag_id }}"
        assert {"of_dag", "plan_only"} <= set(operator.template_fields)
