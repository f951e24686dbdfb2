from __future__ import annotations

from typing import Any

import pytest
from airflow.sdk import BaseOperator

from ims_airflow.operators.ims import ImsCreateDataImageOperator, ImsPreflightOperator
from ims_airflow.protocol.data_image import REQUEST_FIELDS
from ims_airflow.sensors.ims import ImsJobSensor
from ims_airflow.sensors.obs import ObsImageFileSensor

ADDRESS: dict[str, Any] = {"image_url": "{{ params.image_url }}"}
REQUEST: dict[str, Any] = {
    **ADDRESS,
    "name": "{{ params.name }}",
    "min_disk": "{{ params.min_disk }}",
    "os_type": "{{ params.os_type }}",
    "description": "{{ params.description }}",
    "cmk_id": "{{ params.cmk_id }}",
    "tags": ["{{ params.tag }}"],
    "enterprise_project_id": "{{ params.enterprise_project_id }}",
}
PLACE: dict[str, Any] = {"ims_conn_id": "{{ params.ims_conn_id }}", "region": "{{ params.region }}"}
PARAMS: dict[str, Any] = {
    "image_url": "bucket:key",
    "name": "2024",
    "min_disk": 41,
    "os_type": "Linux",
    "description": "words",
    "cmk_id": "key",
    "tag": "a.b",
    "enterprise_project_id": "0",
    "ims_conn_id": "other",
    "region": "cn-south-1",
    "size": 5,
    "etag": "e",
    "job_id": "job",
    "dry_run": True,
}


def rendered(operator: BaseOperator) -> dict[str, Any]:
    """The template fields as a worker sees them."""
    context: Any = {"params": PARAMS}
    operator.render_template_fields(context)
    return {name: getattr(operator, name) for name in operator.template_fields}


def test_every_request_field_is_rendered() -> None:
    fields = rendered(ImsCreateDataImageOperator(task_id="t", **REQUEST, **PLACE))
    expected = {name: str(PARAMS.get(name)) for name in REQUEST_FIELDS if name in PARAMS}
    assert fields == {
        **expected,
        "tags": ["a.b"],
        "image_tags": None,
        "ims_conn_id": "other",
        "region": "cn-south-1",
    }


def test_the_preflight_renders_the_same_and_its_flag() -> None:
    operator = ImsPreflightOperator(task_id="t", **REQUEST, **PLACE, dry_run="{{ params.dry_run }}")
    create = rendered(ImsCreateDataImageOperator(task_id="t", **REQUEST, **PLACE))
    assert rendered(operator) == {**create, "show_request": "True"}


def test_what_an_upload_must_be_is_rendered() -> None:
    size = "{{ params.size }}"
    sensor = ObsImageFileSensor(
        task_id="t", **ADDRESS, **PLACE, expected_size=size, min_size=size, expected_etag="{{ params.etag }}"
    )
    fields = rendered(sensor)
    assert fields.pop("image_url") == "bucket:key"
    assert fields == {
        "expected_size": "5",
        "min_size": "5",
        "expected_etag": "e",
        "ims_conn_id": "other",
        "region": "cn-south-1",
    }
    expectation = sensor._expectation
    assert (expectation.expected_size, expectation.min_size, expectation.expected_etag) == (5, 5, "e")


def test_a_least_size_that_renders_to_nothing_is_one_byte() -> None:
    assert ObsImageFileSensor(task_id="t", image_url="bucket:key", min_size="")._expectation.min_size == 1


def test_the_job_is_rendered() -> None:
    sensor = ImsJobSensor(task_id="t", job_id="{{ params.job_id }}", **PLACE)
    assert rendered(sensor) == {"job_id": "job", "ims_conn_id": "other", "region": "cn-south-1"}


@pytest.mark.parametrize("kind", [ImsCreateDataImageOperator, ImsPreflightOperator])
def test_lists_are_shown_as_lists(kind: type[BaseOperator]) -> None:
    assert kind.template_fields_renderers == {"tags": "json", "image_tags": "json"}
