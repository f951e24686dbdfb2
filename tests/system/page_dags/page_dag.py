"""A DAG whose task tells of an import what a test wants, and goes on until the test lets it go."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from airflow.sdk import DAG, BaseOperator, Context


class ImsCreateDataImageOperator(BaseOperator):
    """Has the name that the page looks for, and no cloud."""

    template_fields = ("name", "image_url")

    def __init__(self, *, name: str, image_url: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.name = name
        self.image_url = image_url

    def execute(self, context: Context) -> dict[str, Any]:
        conf = context["dag_run"].conf or {}
        context["ti"].xcom_push("ims_import", conf["ims_import"])
        while not Path(conf["until"]).exists():
            time.sleep(0.1)
        return {"job_id": "job-1", "status": "SUCCESS", "image_id": "image-1", "polls": 3}


with DAG("page", schedule=None):
    ImsCreateDataImageOperator(
        task_id="create", name="{{ dag_run.conf['name'] }}", image_url="images:data.qcow2"
    )
