"""The page "IMS images" in a real Airflow: in its menu, out of its API, with its permissions."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest
from selenium.common.exceptions import NoSuchElementException, StaleElementReferenceException
from selenium.webdriver import Chrome
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import WebDriverWait
from system.running import System

from ims_airflow.demo.cloud import BUCKET, DemoCloud
from ims_airflow.demo.dag_files import EXAMPLE_DAG, example_dags
from ims_airflow.demo.disk import write_qcow2
from ims_airflow.demo.keeper import Keeper
from ims_airflow.demo.session import adopt_orphans
from ims_airflow.demo.stack import AirflowStack

HERE = Path(__file__).parent
EVIL = "<img src=x onerror=\"document.title='owned'\">"


@pytest.fixture(scope="module")
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    place = tmp_path_factory.mktemp("page")
    dags = place / "dags"
    shutil.copytree(HERE / "page_dags", dags)
    shutil.copy(example_dags() / f"{EXAMPLE_DAG}.py", dags)
    adopt_orphans()
    with (
        Keeper() as keeper,
        DemoCloud(job_seconds=3) as cloud,
        AirflowStack(place / "airflow", dags, keeper, connections=cloud.connections) as stack,
    ):
        yield System(stack, cloud)


def until(browser: Chrome, condition: Callable[[], Any], timeout: float = 20) -> Any:
    ignored = (NoSuchElementException, StaleElementReferenceException)
    return WebDriverWait(browser, timeout, 0.1, ignored).until(lambda _: condition())


def find(browser: Chrome, selector: str) -> Any:
    return browser.find_element(By.CSS_SELECTOR, selector)


def texts(browser: Chrome, selector: str) -> list[str]:
    return [element.text for element in browser.find_elements(By.CSS_SELECTOR, selector)]


def open_page(browser: Chrome, system: System) -> None:
    browser.get(f"{system.stack.url}/plugin/ims-images")
    until(browser, lambda: find(browser, "iframe[title='IMS images']"))
    browser.switch_to.frame(find(browser, "iframe[title='IMS images']"))
    until(browser, lambda: find(browser, "body").get_attribute("data-state") == "shown")


def test_it_is_in_the_menu_and_says_when_there_is_nothing_yet(browser: Chrome, system: System) -> None:
    browser.get(system.stack.url)
    browse = "//nav//button[contains(., 'Browse')] | //button[contains(., 'Browse')]"
    until(browser, lambda: browser.find_element(By.XPATH, browse)).click()
    entry = "//*[@role='menuitem'][contains(., 'IMS images')] | //a[contains(., 'IMS images')]"
    item = until(browser, lambda: browser.find_element(By.XPATH, entry))
    until(browser, item.is_displayed)
    icon = item.find_element(By.CSS_SELECTOR, "img")
    until(browser, lambda: browser.execute_script("return arguments[0].naturalWidth", icon) > 0)
    item.click()
    until(browser, lambda: browser.current_url.endswith("/plugin/ims-images"))
    browser.switch_to.frame(until(browser, lambda: find(browser, "iframe[title='IMS images']")))
    until(browser, lambda: "No image import yet" in find(browser, "#nothing").text)


def test_a_running_import_moves_on_before_your_eyes(browser: Chrome, system: System, tmp_path: Path) -> None:
    api = system.stack.api
    system.stack.wait_for_dag("page")
    told = {"name": EVIL, "job_id": "job-1", "status": "RUNNING", "process_percent": 0.25}
    until_file = tmp_path / "done"
    run_id = api.trigger("page", {"name": EVIL, "until": str(until_file), "ims_import": told})
    open_page(browser, system)
    until(browser, lambda: texts(browser, ".amount") == ["25 %"], 40)
    assert texts(browser, "#running-list .name") == [EVIL]
    assert browser.execute_script("return document.title") == "IMS images"
    browser.execute_script("document.querySelector('.import').dataset.mark = 'the same'")
    path = f"/dags/page/dagRuns/{run_id}/taskInstances/create/xcomEntries/ims_import"
    api.call("PATCH", path, json={"value": {**told, "process_percent": 0.75}})
    until(browser, lambda: texts(browser, ".amount") == ["75 %"])
    assert find(browser, ".import").get_attribute("data-mark") == "the same"
    until_file.touch()
    until(browser, lambda: texts(browser, "#history-rows .badge") == ["Done"], 40)
    assert texts(browser, ".told") == ["image-1, 3 polls"]
    assert texts(browser, "#running-list .import") == []


def test_a_real_import_shows_from_the_upload_to_the_image_and_leads_to_its_log(
    browser: Chrome, system: System, tmp_path: Path
) -> None:
    api = system.stack.api
    system.stack.wait_for_dag(EXAMPLE_DAG)
    conf = {"bucket": BUCKET, "key": "images/page.qcow2", "name": "page-image", "min_disk": 41}
    run_id = api.trigger(EXAMPLE_DAG, conf)
    open_page(browser, system)
    until(browser, lambda: texts(browser, ".words") == ["Waiting for the upload to be finished"], 40)
    until(browser, lambda: f"{BUCKET}:images/page.qcow2" in find(browser, ".import").text)
    disk = tmp_path / "page.qcow2"
    write_qcow2(disk, data=b"page " * 100)
    system.cloud.upload(disk, "images/page.qcow2")
    assert api.wait_for_run(EXAMPLE_DAG, run_id, timeout=90) == "success"
    row = "//*[@id='history-rows']/tr[contains(., 'page-image')]"
    done = until(browser, lambda: browser.find_element(By.XPATH, f"{row}[contains(., 'Done')]"), 40)
    image_id = api.xcom(EXAMPLE_DAG, run_id, "use_image")
    until(browser, lambda: image_id in done.text)
    assert "Upload check" in done.text
    consoles = [
        link.get_attribute("href") for link in done.find_elements(By.LINK_TEXT, "Image in the IMS console")
    ]
    assert [str(link).startswith("https://console.huaweicloud.com/") for link in consoles] == [True]
    done.find_element(By.LINK_TEXT, "Task log").click()
    browser.switch_to.default_content()
    until(browser, lambda: f"/runs/{run_id}/tasks/wait_for_image" in unquote(browser.current_url))
    until(browser, lambda: image_id in find(browser, "body").text)


def test_it_is_dark_when_airflow_is(browser: Chrome, system: System) -> None:
    shades = {}
    for theme in ("light", "dark"):
        browser.get(system.stack.url)
        browser.execute_script("localStorage.setItem('theme', arguments[0])", theme)
        open_page(browser, system)
        until(browser, lambda: find(browser, f"html[data-theme='{theme}']"))  # noqa: B023  # called at once
        ours, theirs = browser.execute_script(
            "const shade = (page) => getComputedStyle(page.documentElement).backgroundColor;"
            "return [shade(document), shade(parent.document)]"
        )
        assert ours == theirs
        shades[theme] = ours
    assert shades["light"] != shades["dark"]


def test_the_times_are_in_the_zone_that_airflow_shows(browser: Chrome, system: System) -> None:
    shown = []
    for zone in ("UTC", "Asia/Shanghai"):
        browser.get(system.stack.url)
        browser.execute_script("localStorage.setItem('timezone', arguments[0])", json.dumps(zone))
        open_page(browser, system)
        shown.append(until(browser, lambda: texts(browser, "#history-rows time")))
    assert len(shown[0]) == len(shown[1]) > 0
    assert shown[0] != shown[1]


def test_no_component_reports_trouble_with_the_plugin(system: System) -> None:
    plugins = {plugin["name"]: plugin for plugin in system.stack.api.call("GET", "/plugins")["plugins"]}
    assert plugins["ims_airflow"]["external_views"][0]["url_route"] == "ims-images"
    assert system.stack.api.call("GET", "/plugins/importErrors")["import_errors"] == []
