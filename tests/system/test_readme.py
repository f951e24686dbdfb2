"""The DAG of the README, as a person copies it: only the bucket is another."""

from __future__ import annotations

import re
from pathlib import Path

from ims_airflow.demo.cloud import BUCKET, DemoCloud
from ims_airflow.demo.disk import write_qcow2
from ims_airflow.demo.keeper import Keeper
from ims_airflow.demo.session import adopt_orphans
from ims_airflow.demo.stack import AirflowStack

README = Path(__file__).parents[2] / "README.md"


def test_the_dag_of_the_readme_makes_an_image(tmp_path: Path) -> None:
    found = re.search(r"^```python\n(.*?)^```$", README.read_text(), re.DOTALL | re.MULTILINE)
    assert found
    dags = tmp_path / "dags"
    dags.mkdir()
    (dags / "data_image.py").write_text(found[1].replace("my-bucket", BUCKET))
    write_qcow2(tmp_path / "data.qcow2", data=b"data " * 1000)
    adopt_orphans()
    with Keeper() as keeper, DemoCloud(job_seconds=3) as cloud:
        cloud.upload(tmp_path / "data.qcow2", "images/data.qcow2")
        with AirflowStack(tmp_path / "airflow", dags, keeper, connections=cloud.connections) as stack:
            stack.wait_for_dag("data_image")
            run_id = stack.api.trigger("data_image")
            assert stack.api.wait_for_run("data_image", run_id, timeout=120) == "success"
            log = "\n".join(stack.api.log("data_image", run_id, "use"))
            image = stack.api.xcom("data_image", run_id, "import_data_image.create_data_image")
            assert f"{image['image_name']} is {image['image_id']}" in log
            assert image["image_name"].startswith("data-20")
            made = cloud.image(image["image_id"])
            assert made is not None
            assert made.status == "active"
