from __future__ import annotations

from typing import Any

import pytest
from airflow.sdk import DAG, Asset, XComArg, dag, task, task_group
from airflow.sdk.definitions.mappedoperator import MappedOperator
from airflow.sdk.definitions.taskgroup import MappedTaskGroup
from airflow.serialization.serialized_objects import DagSerialization

from ims_airflow.exceptions import InvalidInputError
from ims_airflow.protocol.image_file import FoundFiles
from ims_airflow.protocol.obs import Bucket, StoredObject
from ims_airflow.protocol.obs_listing import ListedObject
from ims_airflow.task_groups.files import complete, literal_files
from ims_airflow.task_groups.ims import import_data_image, import_data_images
from ims_airflow.triggers.obs_event import _payload

FILE: dict[str, Any] = {
    "image_url": "bucket:a/data.qcow2",
    "name": "data",
    "min_disk": 40,
    "os_type": "Linux",
}
STEPS = ("check_upload", "preflight", "create_data_image")
FIELDS = {"description", "cmk_id", "tags", "image_tags", "enterprise_project_id"}


def new_dag(**more: Any) -> DAG:
    return DAG("imports", schedule=None, **more)


def step(dag: DAG, name: str, group: str = "import_data_image") -> Any:
    return dag.get_task(f"{group}.{name}")


def test_one_call_makes_the_steps_in_their_order() -> None:
    with new_dag() as dag:
        image = import_data_image(**FILE)
    assert set(dag.task_ids) == {f"import_data_image.{name}" for name in STEPS}
    check, preflight, create = (step(dag, name) for name in STEPS)
    assert preflight.upstream_list == [check]
    assert create.upstream_list == [preflight]
    assert isinstance(image, XComArg)
    assert image.roots == [create]


def test_the_fields_reach_every_step_that_knows_them() -> None:
    more: dict[str, Any] = {
        "description": "words",
        "cmk_id": None,
        "tags": ["a.b"],
        "image_tags": None,
        "enterprise_project_id": "0",
    }
    with new_dag() as dag:
        import_data_image(**FILE, **more, expected_size=5, expected_etag="e")
    for name in ("preflight", "create_data_image"):
        assert {field: getattr(step(dag, name), field) for field in FILE | more} == FILE | more
    check = step(dag, "check_upload")
    assert (check.image_url, check.expected_size, check.expected_etag) == (FILE["image_url"], 5, "e")


def test_the_arguments_reach_the_steps_that_they_are_for() -> None:
    result = Asset("result")
    with new_dag() as dag:
        import_data_image(
            **FILE,
            ims_conn_id="other",
            region="cn-south-1",
            deferrable=True,
            upload_poll_interval=5,
            upload_timeout=60,
            poll_interval=6,
            timeout=70,
            preflight="warn",
            outlets=[result],
            default_args={"retries": 3, "pool": "ims"},
        )
    check, preflight, create = (step(dag, name) for name in STEPS)
    for one in (check, preflight, create):
        assert (one.ims_conn_id, one.region, one.retries, one.pool) == ("other", "cn-south-1", 3, "ims")
    assert (check.deferrable, check.poll_interval, check.timeout) == (True, 5.0, 60.0)
    assert (create.deferrable, create.poll_interval, create.timeout) == (True, 6, 70)
    assert create.wait_for_completion
    assert (preflight.mode, create.outlets, check.outlets) == ("warn", [result], [])


def test_what_is_left_out_comes_from_the_default_arguments_of_the_dag() -> None:
    with new_dag(default_args={"retries": 4, "ims_conn_id": "other", "deferrable": True}) as dag:
        import_data_image(**FILE)
    for name in STEPS:
        assert (step(dag, name).retries, step(dag, name).ims_conn_id) == (4, "other")
    assert step(dag, "check_upload").deferrable
    assert step(dag, "create_data_image").deferrable


def test_a_wait_for_an_upload_that_is_not_deferred_holds_no_worker_slot() -> None:
    with new_dag() as dag:
        import_data_image(**FILE, deferrable=False)
    assert step(dag, "check_upload").mode == "reschedule"


def test_the_preflight_can_be_left_out() -> None:
    with new_dag() as dag:
        import_data_image(**FILE, preflight="off")
    assert not dag.has_task("import_data_image.preflight")
    assert step(dag, "create_data_image").upstream_list == [step(dag, "check_upload")]


def test_a_preflight_that_does_not_exist_is_refused() -> None:
    wrong: Any = "ignore"
    with (
        new_dag(),
        pytest.raises(InvalidInputError, match="preflight: 'ignore': must be one of fail, warn, off"),
    ):
        import_data_image(**FILE, preflight=wrong)


def test_a_dag_can_hold_several_imports() -> None:
    with new_dag() as dag:
        first, second = import_data_image(**FILE), import_data_image(**FILE)
        import_data_image(**FILE, group_id="third")
        first >> second
    assert {task_id.partition(".")[0] for task_id in dag.task_ids} == {
        "import_data_image",
        "import_data_image__1",
        "third",
    }
    before = step(dag, "create_data_image", "import_data_image__1").upstream_task_ids
    assert "import_data_image.create_data_image" in before


def test_a_decorated_dag_and_a_group_of_ones_own_can_hold_an_import() -> None:
    @dag(schedule=None)
    def decorated() -> None:
        @task
        def address() -> str:
            return "bucket:key"

        @task_group
        def own(image_url: Any) -> None:
            import_data_image(**{**FILE, "image_url": image_url})

        own(address())

    made = decorated()
    check = step(made, "check_upload", "own.import_data_image")
    assert check.upstream_task_ids == {"address"}


def test_a_mapped_group_of_ones_own_can_hold_an_import() -> None:
    with new_dag() as dag:

        @task_group
        def own(image_url: Any) -> None:
            import_data_image(**{**FILE, "image_url": image_url}, region="{{ params.region }}")

        own.expand(image_url=["bucket:a", "bucket:b"])
    assert step(dag, "create_data_image", "own.import_data_image").get_closest_mapped_task_group()
    DagSerialization.from_dict(DagSerialization.to_dict(dag))


def test_a_literal_mistake_stops_the_parsing() -> None:
    with new_dag(), pytest.raises(InvalidInputError, match=r"min_disk: 39"):
        import_data_image(**{**FILE, "min_disk": 39})


@pytest.mark.parametrize(
    ("strange", "words"),
    [
        ("tag", "got an unexpected keyword argument 'tag'$"),
        ("wait_for_completion", "'wait_for_completion'$"),
        ("retries", r"'retries': put it into default_args, \{'retries': …\}"),
        ("pool", "put it into default_args"),
    ],
)
def test_an_argument_that_nobody_knows_is_refused(strange: str, words: str) -> None:
    more: Any = {strange: 5}
    with new_dag(), pytest.raises(TypeError, match=words):
        import_data_image(**FILE, **more)
    with new_dag(), pytest.raises(TypeError, match=rf"import_data_images\(\).*{words}"):
        import_data_images(["bucket:a"], min_disk=40, os_type="Linux", **more)


def test_many_files_are_one_mapped_group() -> None:
    with new_dag() as dag:

        @task
        def files() -> list[str]:
            return []

        images = import_data_images(files(), min_disk="{{ 40 }}", os_type="Linux", deferrable=True)
    check, preflight, create = (step(dag, name, "import_data_images.each_file") for name in STEPS)
    assert isinstance(create.task_group, MappedTaskGroup)
    assert (check.deferrable, create.deferrable, create.min_disk) == (True, True, "{{ 40 }}")
    assert check.upstream_task_ids == {"files"}
    assert images.roots == [step(dag, "images", "import_data_images")]
    assert images.roots[0].upstream_list == [create]
    assert {one.map_index_template for one in (check, preflight, create)} == {"{{ task.image_url }}"}


def test_the_images_of_many_files_can_be_mapped_on() -> None:
    with new_dag() as dag:

        @task
        def use(image: dict[str, Any]) -> None: ...

        use.expand(image=import_data_images(["bucket:a", "bucket:b"], min_disk=40, os_type="Linux"))
    assert isinstance(dag.get_task("use"), MappedOperator)


@pytest.mark.parametrize("several", [False, True])
def test_the_group_survives_the_way_to_the_scheduler(several: bool) -> None:
    with new_dag() as dag:
        if several:
            import_data_images(["bucket:a"], min_disk=40, os_type="Linux")
        else:
            import_data_image(**FILE)
    again = DagSerialization.from_dict(DagSerialization.to_dict(dag))
    assert set(again.task_dict) == set(dag.task_ids)


def test_a_file_is_completed_with_what_it_leaves_open() -> None:
    found = complete({"image_url": "bucket:a/data.v1.qcow2", "min_disk": 80}, {"os_type"})
    assert found == {
        "image_url": "bucket:a/data.v1.qcow2",
        "name": "data.v1",
        "min_disk": 80,
        **dict.fromkeys(FIELDS),
    }


def test_a_text_is_the_address_of_a_file() -> None:
    assert complete("bucket:数据.qcow2", ())["name"] == "数据"


def test_a_name_for_all_files_is_not_taken_from_the_file() -> None:
    assert "name" not in complete("bucket:data.qcow2", {"name"})


def test_what_the_sensor_tells_of_a_file_may_stay() -> None:
    found = FoundFiles((StoredObject("bucket", "data.qcow2", 5, "e", "t"),), Bucket("bucket", "r"), many=True)
    for told in found.value():
        assert complete(told, ())["image_url"] == "bucket:data.qcow2"


def test_what_the_trigger_tells_of_a_file_may_stay() -> None:
    told = _payload("bucket", [ListedObject("bucket", "data.qcow2", 5, "e", "t", "STANDARD")])["files"]
    assert [complete(file, ())["name"] for file in told] == ["data"]


@pytest.mark.parametrize(
    ("file", "words"),
    [
        ({"image_url": "b:k", "min_dsk": 40}, "min_dsk: 40: is no request field"),
        ({"image_url": "b:k", "os_type": "Linux"}, "os_type: 'Linux': is given for all files already"),
        ({"name": "data"}, "image_url: None: must name the file"),
        ({"image_url": ""}, "image_url: None: must name the file"),
        (5, "files: 5 must be a text bucket:key or a mapping"),
    ],
)
def test_a_file_that_says_something_strange_is_refused(file: object, words: str) -> None:
    with pytest.raises(InvalidInputError, match=words):
        complete(file, {"os_type"})


def test_literal_files_are_checked_with_what_they_share() -> None:
    with pytest.raises(InvalidInputError, match=r"the file bucket:b.*\n.*min_disk: 39"):
        literal_files(["bucket:a", {"image_url": "bucket:b", "min_disk": 39}], {"os_type": "Linux"})


def test_one_file_is_no_list_of_files() -> None:
    with pytest.raises(InvalidInputError, match="must be a list of files"):
        literal_files("bucket:key", {})


@pytest.mark.parametrize("name", ["data-{{ ds }}", "data-{% if x %}y{% endif %}"])
def test_a_template_that_nobody_would_render_is_refused(name: str) -> None:
    with pytest.raises(InvalidInputError, match=r"name: 'data-.*': holds a template"):
        literal_files([{"image_url": "bucket:key", "name": name}], {})


def test_files_whose_images_would_share_a_name_are_refused() -> None:
    files: list[Any] = ["bucket:2026-01-01/data.qcow2", "bucket:2026-01-02/data.qcow2"]
    with pytest.raises(
        InvalidInputError, match=r"name: 'data': .* of bucket:2026-01-01/.* and of bucket:2026"
    ):
        literal_files(files, {})
    with new_dag(), pytest.raises(InvalidInputError, match="the name of two images"):
        import_data_images(files, min_disk=40, os_type="Linux")


def test_files_with_names_of_their_own_or_one_for_all_are_good() -> None:
    first, second = "bucket:a/data.qcow2", "bucket:b/data.qcow2"
    assert len(literal_files([first, {"image_url": second, "name": "other"}], {})) == 2
    assert len(literal_files([first, second], {"name": "data"})) == 2
