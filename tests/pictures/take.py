"""Take the pictures of the README anew: `python tests/pictures/take.py`; needs Chromium and its driver."""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

import requests
from selenium.webdriver import Chrome
from selenium.webdriver.common.by import By
from selenium.webdriver.support.wait import WebDriverWait
from system.browser import chromium

from ims_airflow.demo.cloud import BUCKET, DemoCloud
from ims_airflow.demo.dag_files import EXAMPLE_DAG, example_dags
from ims_airflow.demo.disk import write_qcow2
from ims_airflow.demo.keeper import Keeper
from ims_airflow.demo.stack import AirflowStack

HERE = Path(__file__).parent
WIDTH = 1280
FIELDS = {"bucket": BUCKET, "key": "exports/friday.qcow2", "name": "warehouse-friday"}


class Photographer:
    """A person at the browser.

    :param stack: the Airflow to look at.
    :param cloud: what it talks to.
    :param disk: the file that is imported.
    """

    def __init__(self, stack: AirflowStack, cloud: DemoCloud, browser: Chrome, disk: Path) -> None:
        self._stack = stack
        self._cloud = cloud
        self._browser = browser
        self._disk = disk

    def work(self) -> None:
        """Let a week pass in two minutes, and take a picture of each thing that the README shows."""
        self._stack.wait_for_dag(EXAMPLE_DAG)
        done = [self._trigger("monday", early=True), self._trigger("tuesday", early=False)]
        failed = self._trigger("wednesday", early=True)
        self._fail(failed)
        time.sleep(8)
        self._upload("tuesday")
        for run_id in (*done, failed):
            self._stack.api.wait_for_run(EXAMPLE_DAG, run_id, timeout=180)
        self._trigger("thursday", early=True)
        going = self._trigger("friday", early=True)
        self._stack.api.wait_for_task(EXAMPLE_DAG, going, "wait_for_image", {"deferred"}, timeout=60)
        time.sleep(15)
        self._page()
        self._graph(going)
        self._form()

    def _trigger(self, day: str, *, early: bool) -> str:
        if early:
            self._upload(day)
        conf = {"bucket": BUCKET, "key": f"exports/{day}.qcow2", "name": f"warehouse-{day}"}
        return self._stack.api.trigger(EXAMPLE_DAG, conf)

    def _upload(self, day: str) -> None:
        self._cloud.upload(self._disk, f"exports/{day}.qcow2")

    def _fail(self, run_id: str) -> None:
        self._stack.api.wait_for_task(EXAMPLE_DAG, run_id, "create_data_image", {"success"}, timeout=60)
        job_id = self._stack.api.xcom(EXAMPLE_DAG, run_id, "create_data_image")
        verdict = {"error_code": "IMG.0057", "fail_reason": "The image file is in the incorrect format."}
        requests.post(f"{self._cloud.url}/_emulator/jobs/{job_id}/fail", json=verdict, timeout=5)

    def _page(self) -> None:
        self._open("/plugin/ims-images", height=1000)
        self._until(lambda: self._browser.find_elements(By.CSS_SELECTOR, "iframe[title='IMS images']"))
        self._browser.switch_to.frame(
            self._browser.find_element(By.CSS_SELECTOR, "iframe[title='IMS images']")
        )
        self._until(lambda: "warehouse-monday" in self._text() and "warehouse-friday" in self._text())
        self._browser.switch_to.default_content()
        self._save("page")

    def _graph(self, run_id: str) -> None:
        self._open(f"/dags/{EXAMPLE_DAG}/runs/{run_id}", height=760)
        self._press("Show Graph (Press g)")
        self._until(lambda: "wait_for_image" in self._text())
        self._save("graph")

    def _form(self) -> None:
        self._open(f"/dags/{EXAMPLE_DAG}", height=1250)
        self._press("Trigger Dag")
        self._until(lambda: "Disk size (GB)" in self._text())
        for name, text in FIELDS.items():
            self._browser.find_element(By.NAME, f"element_{name}").send_keys(text)
        self._save("form")

    def _open(self, path: str, *, height: int) -> None:
        self._browser.set_window_size(WIDTH, height)
        self._browser.get(f"{self._stack.url}{path}")

    def _press(self, name: str) -> None:
        button = f'button[aria-label="{name}"]'
        self._until(lambda: self._browser.find_elements(By.CSS_SELECTOR, button))
        self._browser.find_element(By.CSS_SELECTOR, button).click()

    def _until(self, ready: Callable[[], object]) -> None:
        WebDriverWait(self._browser, 30).until(lambda _: ready())

    def _text(self) -> str:
        return self._browser.find_element(By.TAG_NAME, "body").text

    def _save(self, name: str) -> None:
        time.sleep(1.5)  # for what slides and fades in
        self._browser.save_screenshot(str(HERE / f"{name}.png"))
        print(HERE / f"{name}.png")


def main() -> None:
    """Run the example DAG in a real Airflow, and photograph what a person sees of it."""
    with tempfile.TemporaryDirectory() as directory, Keeper() as keeper, DemoCloud(job_seconds=60) as cloud:
        place = Path(directory)
        disk = place / "data.qcow2"
        write_qcow2(disk, data=b"picture " * 100_000)
        with (
            AirflowStack(place / "airflow", example_dags(), keeper, connections=cloud.connections) as stack,
            chromium(place / "browser") as browser,
        ):
            Photographer(stack, cloud, browser, disk).work()


if __name__ == "__main__":
    main()
