from __future__ import annotations

from typing import Any

import pytest
from airflow.sdk import BaseOperator
from airflow_task import TaskInstance

from ims_airflow.links.console import ImsImageLink, ObsObjectLink
from ims_airflow.links.pushing import push_links
from ims_airflow.sensors.ims import ImsJobSensor
from ims_airflow.sensors.obs import ObsImageFileSensor

KEY: Any = None


@pytest.mark.parametrize(
    ("region", "console"),
    [
        ("cn-north-4", "https://console.huaweicloud.com"),
        ("ap-southeast-3", "https://console.huaweicloud.com"),
        ("eu-west-101", "https://console.eu.huaweicloud.com"),
    ],
)
def test_each_cloud_has_its_console(region: str, console: str) -> None:
    job = ImsJobSensor(task_id="w", job_id="j1", region=region)
    file = ObsImageFileSensor(task_id="c", image_url="demo-images:a/b.raw", region=region)
    images = f"{console}/ecm/?region={region}#/ims/manager/imageList/selfImage"
    objects = f"{console}/console/?region={region}#/obs/manage/demo-images/object/list"
    assert ImsImageLink().get_link(job, ti_key=KEY) == images
    assert ObsObjectLink().get_link(file, ti_key=KEY) == objects


class Broken(ImsImageLink):
    name = "Broken"

    def get_link(self, operator: BaseOperator, *, ti_key: Any) -> str:
        raise KeyError("password=abc")


class Unlinked(ImsJobSensor):
    operator_extra_links = (Broken(), ImsImageLink())  # type: ignore[assignment]


def test_a_link_in_trouble_stops_neither_the_task_nor_the_other_links() -> None:
    ti = TaskInstance()
    context: Any = {"ti": ti}
    push_links(Unlinked(task_id="w", job_id="j1", region="cn-north-4"), context)
    assert set(ti.xcoms) == {"_link_ImsImageLink"}


def test_an_unknown_connection_is_the_task_s_business() -> None:
    ti = TaskInstance()
    context: Any = {"ti": ti}
    sensor = ImsJobSensor(task_id="w", job_id="j1", ims_conn_id="no_such")
    push_links(sensor, context)
    assert ti.xcoms == {}
    # Airflow itself asks once more when the task is over, and prints what escapes.
    assert ImsImageLink().get_link(sensor, ti_key=KEY) == ""
