from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from selenium.webdriver import Chrome
from system.browser import chromium
from system.running import System

from ims_airflow.demo.cloud import DemoCloud
from ims_airflow.demo.dag_files import example_dags
from ims_airflow.demo.keeper import Keeper
from ims_airflow.demo.session import adopt_orphans
from ims_airflow.demo.stack import AirflowStack

HERE = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the slow tests last: what is wrong shows sooner in the others."""
    items.sort(key=lambda item: HERE in item.path.parents)


@pytest.fixture(scope="module")  # not longer than needed: 1.5 GB of memory
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    place = tmp_path_factory.mktemp("system")
    # All INFO lines of all loggers: the more there is to read, the more a search for secrets is worth.
    settings = {"AIRFLOW__LOGGING__LOGGING_LEVEL": "INFO"}
    adopt_orphans()
    with Keeper() as keeper, DemoCloud(job_seconds=3, tags_visible=True) as cloud:
        home, dags = place / "airflow", example_dags()
        with AirflowStack(home, dags, keeper, connections=cloud.connections, settings=settings) as stack:
            yield System(stack, cloud)


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chrome]:
    """A Chromium of its own, without a window and without a past."""
    with chromium(tmp_path_factory.mktemp("browser")) as browser:
        yield browser
