from __future__ import annotations

from airflow.dag_processing.dagbag import DagBag
from airflow.sdk import DAG, Asset

from ims_airflow.demo.dag_files import example_dags
from ims_airflow.operators.ims import ImsCreateDataImageOperator


def example(dag_id: str) -> DAG:
    bag = DagBag(str(example_dags()), bundle_name="examples")
    assert not bag.import_errors
    found: DAG = bag.dags[dag_id]
    return found


def test_the_consumer_is_scheduled_on_what_the_producer_makes() -> None:
    create = example("example_ims_asset_producer").get_task("create")
    [image] = create.outlets
    assert isinstance(image, Asset)
    assert image.uri == "ims://cn-north-4/nightly-data"
    assert example("example_ims_asset_consumer").schedule == [image]


def test_the_uri_names_the_image_that_is_made() -> None:
    create = example("example_ims_asset_producer").get_task("create")
    assert isinstance(create, ImsCreateDataImageOperator)
    assert create.outlets[0].uri.endswith(f"/{create.name}")
    assert create.wait_for_completion
    assert create.retries == 2
