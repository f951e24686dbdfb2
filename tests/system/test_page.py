"""The page "IMS images" in a real browser, before states that Airflow has only in passing."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import requests
from selenium.webdriver import ActionChains, Chrome, Keys
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.ui import WebDriverWait
from system.scripted_airflow import PREFIX, ScriptedAirflow, moment, scripted_airflow

CREATE, WAIT, CHECK = "ImsCreateDataImageOperator", "ImsJobSensor", "ObsImageFileSensor"
FILE = "images:nightly/data.qcow2"
EVIL = "<img src=x onerror=\"document.title='owned'\">"


@pytest.fixture(scope="module")
def server() -> Iterator[ScriptedAirflow]:
    with scripted_airflow() as server:
        yield server


@pytest.fixture
def airflow(server: ScriptedAirflow) -> ScriptedAirflow:
    server.reset()
    return server


# What the page finds in place of the browser's own clock: it counts the looks, each of which sets a timer for
# the next one, and lets that ring or not; the time can be put forward.
CLOCK = """
(() => {
  const [now, ring] = [Date.now, window.setTimeout];
  const forward = %(minute)s ? 30_000 - (now() %% 60_000) : 0;
  Object.assign(window, { looks: 0, later: 0 });
  Date.now = () => now() + forward + window.later;
  window.setTimeout = (what, after, ...rest) => {
    if (after < 1000) return ring(what, after, ...rest);
    window.looks += 1;
    return %(by_itself)s ? ring(what, after, ...rest) : 0;
  };
})();
"""


class Page:
    """The page, in a frame like Airflow's."""

    def __init__(self, browser: Chrome, airflow: ScriptedAirflow) -> None:
        self.browser, self.airflow = browser, airflow
        self.clock = ""

    def open(
        self, *, theme: str = "light", width: int = 1280, by_itself: bool = False, minute: bool = False
    ) -> None:
        """Open it.

        :param by_itself: whether it looks again by itself, and not only when told.
        :param minute: whether its clock begins in the midst of a minute.
        """
        self.forget_clock()
        script = CLOCK % {"by_itself": json.dumps(by_itself), "minute": json.dumps(minute)}
        added = self.browser.execute_cdp_cmd("Page.addScriptToEvaluateOnNewDocument", {"source": script})
        self.clock = added["identifier"]
        size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": False}
        self.browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
        self.browser.get(f"{self.airflow.url}/plugin/ims-images?theme={theme}")
        self.browser.switch_to.frame(0)
        self.until(lambda: self.shown("#notice") or self.find("body").get_attribute("data-state") == "shown")

    def look_again(self) -> None:
        """Let it do what it does when a user comes back to its tab."""
        before = self.looks
        self.run("document.dispatchEvent(new Event('visibilitychange'))")
        self.until(lambda: self.looks > before)

    @property
    def looks(self) -> int:
        return int(self.run("return window.looks"))

    def forget_clock(self) -> None:
        if self.clock:
            self.browser.execute_cdp_cmd(
                "Page.removeScriptToEvaluateOnNewDocument", {"identifier": self.clock}
            )
        self.clock = ""

    def find(self, selector: str) -> WebElement:
        return self.browser.find_element(By.CSS_SELECTOR, selector)

    def texts(self, selector: str) -> list[str]:
        return [element.text for element in self.browser.find_elements(By.CSS_SELECTOR, selector)]

    def shown(self, selector: str) -> bool:
        return any(found.is_displayed() for found in self.browser.find_elements(By.CSS_SELECTOR, selector))

    def run(self, script: str, *arguments: Any) -> Any:
        return self.browser.execute_script(script, *arguments)

    def until(self, condition: Callable[[], Any], timeout: float = 10) -> None:
        WebDriverWait(self.browser, timeout, poll_frequency=0.05).until(lambda _: condition())

    @property
    def notice(self) -> str:
        return self.find("#notice").text


@pytest.fixture
def page(browser: Chrome, airflow: ScriptedAirflow) -> Iterator[Page]:
    page = Page(browser, airflow)
    yield page
    for extra in browser.window_handles[1:]:
        browser.switch_to.window(extra)
        browser.close()
    browser.switch_to.window(browser.window_handles[0])
    page.forget_clock()
    browser.get(
        "about:blank"
    )  # what stays open would go on to ask, and what it asks be counted in the next test


def note(**fields: Any) -> dict[str, Any]:
    """What a task tells of its import while it runs; see ``ims_import``."""
    unknown = dict.fromkeys(
        "image_url name region job_id status process_percent current_task image_id error_code fail_reason "
        "submitted_at begin_time end_time updated_at".split()
    )
    return {**unknown, "updated_at": moment(0), **fields}


def add_running_import(airflow: ScriptedAirflow, **fields: Any) -> None:
    """A job that was begun 100 s ago, after 60 s of check and 30 s in the queue, and is at 40 %."""
    airflow.add(CHECK, "success", started=200, ended=140, rendered_fields={"image_url": FILE})
    airflow.add(
        CREATE, "success", started=135, ended=125, rendered_fields={"name": "data", "image_url": FILE}
    )
    airflow.add(WAIT, "deferred", started=120, rendered_fields={"job_id": "job-1"})
    airflow.hand_over(
        CREATE, "ims_import", note(name="data", image_url=FILE, job_id="job-1", submitted_at=moment(130))
    )
    job = {"job_id": "job-1", "status": "RUNNING", "process_percent": 0.4, "current_task": "__import:"}
    airflow.hand_over(WAIT, "ims_import", note(begin_time=moment(100), **job | fields))


def add_ended_import(airflow: ScriptedAirflow, state: str = "success", run: str = "manual__1") -> None:
    """An import of half an hour ago: 60 s of check, 30 s in the queue, 5 min of job."""
    where = {"dag_run_id": run}
    airflow.add(CHECK, "success", started=1800, ended=1740, rendered_fields={"image_url": FILE}, **where)
    fields = {"name": "data", "image_url": FILE}
    airflow.add(CREATE, "success", started=1735, ended=1725, rendered_fields=fields, **where)
    airflow.add(WAIT, state, started=1720, ended=1395, rendered_fields={"job_id": "job-1"}, **where)
    request = note(name="data", image_url=FILE, job_id="job-1", submitted_at=moment(1730))
    airflow.hand_over(CREATE, "ims_import", request, run)
    end = {"begin_time": moment(1700), "end_time": moment(1400)}
    failure = {"status": "FAIL", "error_code": "IMG.0040", "fail_reason": "the disk is made of cheese"}
    success = {"status": "SUCCESS", "image_id": "image-1"}
    airflow.hand_over(
        WAIT, "ims_import", note(job_id="job-1", **end, **(success if state == "success" else failure)), run
    )
    if state == "success":
        seconds = {"upload_check": 60.0, "queue": 30.0, "job": 300.0}
        result = {"job_id": "job-1", "image_id": "image-1", "image_name": "data", **end, "status": "SUCCESS"}
        airflow.hand_over(
            WAIT, "return_value", {**result, "polls": 12, "trouble_seconds": 35, "seconds": seconds}, run
        )


def test_without_an_import_it_says_so_and_how_to_start_one(page: Page) -> None:
    page.open()
    assert "No image import yet" in page.find("#nothing").text
    assert "example_ims_data_image" in page.find("#nothing").text
    assert not page.shown("#running, #timeline, #history, #notice")


def test_three_tasks_are_one_import_with_its_step_and_progress(page: Page, airflow: ScriptedAirflow) -> None:
    add_running_import(airflow)
    page.open()
    assert page.texts("#running-list .name") == ["data"]
    bar = page.find("[role=progressbar]")
    assert (bar.get_attribute("aria-valuenow"), bar.aria_role) == ("40", "progressbar")
    assert bar.accessible_name == "Progress of data"
    assert page.texts(".amount") == ["40 %"]
    assert page.find("[aria-current=step]").text == "Job"
    assert "__import" in page.find(".state").text
    assert "3 min 2" in page.find(".times").text  # from the start of the check
    assert "about 2 min" in page.find(".times").text  # 100 s brought 40 %
    assert FILE in page.find(".import").text
    assert not page.shown("#history, #nothing, #notice")


def test_an_upload_that_is_waited_for_shows_before_there_is_a_job(
    page: Page, airflow: ScriptedAirflow
) -> None:
    airflow.links = {"File in the OBS console": "https://console.huaweicloud.com/"}
    airflow.add(CHECK, "deferred", started=30, rendered_fields={"image_url": FILE})
    airflow.add(CREATE, None)
    airflow.add(WAIT, None)
    page.open()
    assert page.texts(".words") == ["Waiting for the upload to be finished"]
    assert page.texts(".links a") == ["Task log", "File in the OBS console"]
    bar = page.find("[role=progressbar]")
    assert bar.get_attribute("aria-valuenow") is None
    assert "Waiting for the upload" in str(bar.get_attribute("aria-valuetext"))


def test_a_run_that_has_not_begun_is_no_import(page: Page, airflow: ScriptedAirflow) -> None:
    airflow.add(CREATE, None)
    airflow.add(WAIT, None)
    page.open()
    assert page.shown("#nothing")


def test_each_mapped_task_is_an_import_of_its_own(page: Page, airflow: ScriptedAirflow) -> None:
    airflow.add(CHECK, "success", started=90, ended=80, rendered_fields={"image_url": "images:*.qcow2"})
    for index in range(3):
        fields = {"name": f"image-{index}", "image_url": f"images:{index}.qcow2"}
        airflow.add(CREATE, "success", map_index=index, started=70, ended=60, rendered_fields=fields)
        airflow.add(
            WAIT, "deferred", map_index=index, started=50 - index, rendered_fields={"job_id": f"j{index}"}
        )
        airflow.hand_over(CREATE, "ims_import", note(job_id=f"j{index}", **fields), map_index=index)
        airflow.hand_over(WAIT, "ims_import", note(job_id=f"j{index}", status="INIT"), map_index=index)
    page.open()
    assert sorted(page.texts("#running-list .name")) == ["image-0", "image-1", "image-2"]
    assert page.texts("[aria-current=step]") == ["Queue"] * 3
    assert sorted(page.texts(".task")) == [f"{WAIT} [{index}]" for index in range(3)]


def test_a_task_between_two_tries_says_so(page: Page, airflow: ScriptedAirflow) -> None:
    airflow.add(CREATE, "up_for_retry", started=30, try_number=2, rendered_fields={"name": "data"})
    page.open()
    assert "waits for its next try, try 2" in page.find(".words").text


def test_the_end_of_an_import_tells_duration_image_polls_and_trouble(
    page: Page, airflow: ScriptedAirflow
) -> None:
    add_ended_import(airflow)
    page.open()
    assert page.texts(".badge") == ["Done"]
    assert page.texts("td .took") == ["6 min 45 s"]
    assert page.texts(".parts li") == ["Upload check 1 min 0 s", "Queue 30 s", "Job 5 min 0 s"]
    assert page.texts(".told") == ["image-1, 12 polls, 35 s of trouble"]
    assert page.texts("#idle") == ["Nothing runs just now."]


def test_a_failed_import_tells_its_reason(page: Page, airflow: ScriptedAirflow) -> None:
    add_ended_import(airflow, "failed")
    page.open()
    assert page.texts(".badge") == ["Failed"]
    assert page.texts(".told") == ["IMG.0040: the disk is made of cheese"]


def test_an_import_that_failed_before_its_job_names_what_failed(page: Page, airflow: ScriptedAirflow) -> None:
    airflow.add(CHECK, "failed", started=90, ended=80, rendered_fields={"image_url": FILE})
    airflow.add(CREATE, "upstream_failed", started=80, ended=80)
    airflow.add(WAIT, "upstream_failed", started=80, ended=80)
    page.open()
    assert page.texts(".badge") == ["Failed"]
    assert page.texts(".told") == ["The upload check failed; the task log says why."]


def test_a_failed_upload_check_tells_its_reason_and_its_file(page: Page, airflow: ScriptedAirflow) -> None:
    airflow.add(CHECK, "failed", started=90, ended=80, rendered_fields={"image_url": FILE})
    airflow.add(CREATE, "upstream_failed", try_number=0)
    reason = "the file did not come in 8 s"
    airflow.hand_over(CHECK, "ims_upload_check", {"image_url": FILE, "fail_reason": reason})
    page.open()
    assert page.texts(".badge") == ["Failed"]
    assert page.texts(".told") == [reason]
    assert page.texts("td .name") == ["data.qcow2"]  # nothing will ever tell its name


def test_a_failed_check_without_an_import_is_called_by_its_file(page: Page, airflow: ScriptedAirflow) -> None:
    airflow.add(CHECK, "failed", started=90, ended=80, rendered_fields={"image_url": FILE})
    airflow.add(CHECK, "running", dag_run_id="manual__2", started=5, rendered_fields={"image_url": FILE})
    page.open()
    assert page.texts("td .name") == page.texts("#running-list .name") == ["data.qcow2"]


def test_a_request_that_was_never_accepted_tells_its_reason(page: Page, airflow: ScriptedAirflow) -> None:
    fields = {"name": "data", "image_url": FILE}
    airflow.add(CREATE, "failed", started=90, ended=80, rendered_fields=fields)
    airflow.hand_over(CREATE, "ims_import", note(**fields, fail_reason="the signature does not match"))
    page.open()
    assert page.texts(".badge") == ["Failed"]
    assert page.texts(".told") == ["the signature does not match"]


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (None, "Following job job-1 ended; it may go on in the cloud. The task log says why."),
        ("RUNNING", "Following job job-1 ended; it may go on in the cloud. The task log says why."),
        ("SUCCESS", "Job job-1 was done, but its task failed; the task log says why."),
        ("FAIL", "Job job-1 failed; IMS gave no reason."),
    ],
)
def test_a_task_that_was_killed_did_not_fail_to_request_its_image(
    page: Page, airflow: ScriptedAirflow, status: str | None, words: str
) -> None:
    airflow.add(CREATE, "failed", started=90, ended=20, rendered_fields={"name": "data", "image_url": FILE})
    airflow.hand_over(CREATE, "ims_import", note(name="data", job_id="job-1", status=status))
    page.open()
    assert page.texts(".told") == [words]


def test_a_failed_job_whose_task_has_skipped_itself_is_a_failure(
    page: Page, airflow: ScriptedAirflow
) -> None:
    add_ended_import(airflow, "skipped")  # as by soft_fail
    page.open()
    assert page.texts(".badge") == ["Failed"]
    assert page.texts(".told") == ["IMG.0040: the disk is made of cheese"]


def test_a_skipped_task_without_a_failure_is_called_skipped(page: Page, airflow: ScriptedAirflow) -> None:
    fields = {"name": "data", "image_url": FILE}
    airflow.add(CREATE, "skipped", started=90, ended=80, rendered_fields=fields)
    airflow.add(CREATE, "success", dag_run_id="manual__0", started=190, ended=180, rendered_fields=fields)
    airflow.add(WAIT, "skipped", dag_run_id="manual__0", started=170, ended=160)
    airflow.hand_over(CREATE, "ims_import", note(name="data", job_id="job-1"), run="manual__0")
    page.open()
    assert page.texts(".badge") == ["Skipped", "Skipped"]
    followed = "No task follows the job any more; it may go on in the cloud."
    assert page.texts(".told") == ["IMS was not asked for an image.", followed]


def test_an_import_that_a_branch_has_passed_over_is_none(page: Page, airflow: ScriptedAirflow) -> None:
    for operator in (CHECK, CREATE, WAIT):
        airflow.add(operator, "skipped", try_number=0, started=90, ended=90)
    page.open()
    assert page.shown("#nothing")


def test_a_submitted_image_that_nobody_follows_is_not_called_done(
    page: Page, airflow: ScriptedAirflow
) -> None:
    airflow.add(CREATE, "success", started=90, ended=80, rendered_fields={"name": "data", "image_url": FILE})
    airflow.hand_over(CREATE, "ims_import", note(name="data", job_id="job-1", submitted_at=moment(85)))
    page.open()
    assert page.texts(".badge") == ["Submitted"]
    assert page.texts(".told") == ["IMS has taken the request; no task follows the job."]


def test_the_timeline_shows_check_queue_and_job_in_their_proportions(
    page: Page, airflow: ScriptedAirflow
) -> None:
    add_ended_import(airflow)
    page.open()
    page.find("#by-start").send_keys(Keys.ENTER)
    [track] = page.browser.find_elements(By.CSS_SELECTOR, ".track")
    assert track.accessible_name == "data: Upload check 1 min 0 s, Queue 30 s, Job 5 min 0 s"
    widths = page.run("return [...document.querySelectorAll('.track .segment')].map(s => s.offsetWidth)")
    assert [round(width / widths[1], 1) for width in widths] == pytest.approx([2, 1, 10], rel=0.1)
    assert page.texts(".ticks span") == ["0 s", "2 min", "4 min", "6 min", "8 min"]
    title = page.find(".track .job").get_attribute("title")
    assert title
    assert title.startswith("Job 5 min 0 s (")
    assert page.texts(".legend li") == ["Upload check", "Queue", "Job"]


def test_the_axis_can_be_chosen(page: Page, airflow: ScriptedAirflow) -> None:
    add_ended_import(airflow)
    add_running_import(airflow)
    page.open()
    for chosen, other in (("#by-start", "#by-clock"), ("#by-clock", "#by-start")):
        page.find(chosen).click()
        assert page.find(chosen).get_attribute("aria-pressed") == "true"
        assert page.find(other).get_attribute("aria-pressed") == "false"
    assert all(":" in tick for tick in page.texts(".ticks span"))


def test_a_name_is_text_and_never_html(page: Page, airflow: ScriptedAirflow) -> None:
    add_running_import(airflow, current_task=EVIL, name=EVIL)
    add_ended_import(airflow, "failed", run=f"manual__{EVIL}")
    page.open()
    assert page.texts("#running-list .name") == [EVIL]
    assert EVIL in page.find("#history").text
    assert page.run("return document.querySelectorAll('img, script:not([src])').length") == 0
    assert page.run("return document.title") == "IMS images"


def test_an_address_that_is_no_web_page_is_no_link(page: Page, airflow: ScriptedAirflow) -> None:
    add_running_import(airflow)
    airflow.links = {"Image in the IMS console": "javascript:document.title='owned'"}
    page.open()
    [link] = page.browser.find_elements(
        By.XPATH, "//*[@id='running-list']//a[text()='Image in the IMS console']"
    )
    assert link.get_attribute("href") is None


def test_it_refreshes_by_itself_and_in_place(page: Page, airflow: ScriptedAirflow) -> None:
    add_running_import(airflow)
    page.open(by_itself=True)
    page.run("document.querySelector('.import').dataset.mark = 'the same'")
    airflow.hand_over(WAIT, "ims_import", note(job_id="job-1", status="RUNNING", process_percent=0.9))
    page.until(lambda: page.texts(".amount") == ["90 %"])
    assert page.find(".import").get_attribute("data-mark") == "the same"


def test_a_look_asks_for_four_lists_and_for_what_has_changed(page: Page, airflow: ScriptedAirflow) -> None:
    add_running_import(airflow)
    add_ended_import(airflow, run="manual__0")
    page.open()
    airflow.paths.clear()
    page.look_again()
    assert len(airflow.paths) == 4
    airflow.paths.clear()
    time.sleep(0.01)
    airflow.hand_over(WAIT, "ims_import", note(job_id="job-1", status="RUNNING", process_percent=0.5))
    page.look_again()
    assert len(airflow.paths) == 5
    assert page.texts(".amount") == ["50 %"]


def add_values_of_others(airflow: ScriptedAirflow) -> None:
    """More values than Airflow lists at once, of imports that are none of ours."""
    for index in range(101):
        airflow.hand_over(CREATE, "ims_import", note(), run="manual__of_others", map_index=index)


def test_a_job_that_has_been_quiet_for_long_keeps_its_progress(page: Page, airflow: ScriptedAirflow) -> None:
    fields = {"name": "data", "image_url": FILE}
    airflow.add(CREATE, "deferred", started=8000, rendered_fields=fields)
    job = {"job_id": "job-1", "status": "RUNNING", "process_percent": 0.4}
    airflow.hand_over(CREATE, "ims_import", note(**fields, **job), seconds_ago=7200)
    add_values_of_others(airflow)
    page.open()
    assert page.texts(".amount") == ["40 %"]
    assert page.find("[aria-current=step]").text == "Job"


def test_what_is_not_among_the_listed_values_is_asked_for_once_in_a_while(
    page: Page, airflow: ScriptedAirflow
) -> None:
    airflow.add(CHECK, "success", started=8200, ended=8100, rendered_fields={"image_url": FILE})
    airflow.add(CREATE, "deferred", started=8000, rendered_fields={"name": "data", "image_url": FILE})
    add_values_of_others(airflow)
    page.open(minute=True)
    check, job = f"{CHECK}/xcomEntries/ims_upload_check", f"{CREATE}/xcomEntries/ims_import"
    assert sorted(asked_one_by_one(airflow)) == sorted([check, job, f"{CREATE}/links"])
    airflow.paths.clear()
    page.look_again()
    assert len(airflow.paths) == 4
    assert asked_one_by_one(airflow) == []
    page.run("window.later = 60_000")
    page.look_again()
    assert asked_one_by_one(airflow) == [job]  # the check has ended, and nothing will change about it


def asked_one_by_one(airflow: ScriptedAirflow) -> list[str]:
    return [path.split("/", 5)[5] for path in airflow.paths if not path.startswith("dags/~/")]


def test_a_backfill_does_not_hide_what_runs(page: Page, airflow: ScriptedAirflow) -> None:
    for number in range(110):
        airflow.add(CREATE, None, dag_run_id=f"backfill__{number}")
    add_running_import(airflow)
    page.open()
    assert page.texts("#running-list .name") == ["data"]
    assert page.notice == "More than 100 tasks wait for their turn: older runs may lack some."


def test_nothing_is_asked_while_nobody_looks(page: Page, airflow: ScriptedAirflow) -> None:
    add_running_import(airflow)
    page.open(by_itself=True)
    [first] = page.browser.window_handles
    page.browser.switch_to.new_window("tab")
    time.sleep(0.5)
    airflow.paths.clear()
    time.sleep(6)
    assert airflow.paths == []
    page.browser.switch_to.window(first)
    page.until(lambda: len(airflow.paths) == 4, timeout=2)


def test_an_airflow_in_trouble_is_asked_again_and_what_was_known_stays(
    page: Page, airflow: ScriptedAirflow
) -> None:
    add_running_import(airflow)
    page.open(by_itself=True)
    airflow.refusals = {"taskInstances": 503}
    page.look_again()
    assert "Airflow answered with 503. Trying again" in page.notice
    assert page.texts("#running-list .name") == ["data"]
    airflow.refusals = {}
    page.until(lambda: not page.shown("#notice"))


def test_trouble_with_a_detail_does_not_hide_the_rest(page: Page, airflow: ScriptedAirflow) -> None:
    add_running_import(airflow)
    airflow.refusals = {"/links": 500}
    page.open(by_itself=True)
    assert page.notice == "Some details could not be read: trying again."
    assert page.texts(".amount") == ["40 %"]
    airflow.refusals = {}
    page.until(lambda: not page.shown("#notice"))


def test_a_refusal_is_told_for_as_long_as_it_holds(page: Page, airflow: ScriptedAirflow) -> None:
    add_running_import(airflow)
    airflow.refusals = {"/links": 403}
    page.open()
    page.look_again()
    assert "You may not read XComs or links" in page.notice


def test_who_may_not_read_xcoms_still_sees_the_tasks(page: Page, airflow: ScriptedAirflow) -> None:
    add_running_import(airflow)
    airflow.refusals = {"xcomEntries": 403}
    page.open()
    assert "You may not read XComs" in page.notice
    assert page.texts("#running-list .name") == ["data"]  # from the rendered fields of the task
    assert page.texts(".amount") == [""]


def test_values_that_airflow_does_not_hold_are_told_and_not_guessed_from(
    page: Page, airflow: ScriptedAirflow
) -> None:
    fields = {"name": "data", "image_url": FILE}
    airflow.add(CREATE, "deferred", started=90, rendered_fields=fields)
    airflow.hand_over(CREATE, "ims_import", "s3://values/1")  # what an XCom backend has left in Airflow
    airflow.add(CREATE, "success", dag_run_id="manual__0", started=99, ended=95, rendered_fields=fields)
    airflow.hand_over(CREATE, "ims_import", "s3://values/2", run="manual__0")
    airflow.hand_over(CREATE, "return_value", "s3://values/3", run="manual__0")
    page.open()
    assert page.notice == "XComs lie outside of Airflow's database: progress, steps and reasons are missing."
    assert "s3://" not in page.find("main").text
    assert page.texts(".words") == ["How far the import is cannot be read here"]
    assert page.texts(".told") == ["The task succeeded; what came of it cannot be read here."]
    assert page.texts("#running-list .name") == page.texts("td .name") == ["data"]


def test_who_may_see_no_tasks_is_told_so(page: Page, airflow: ScriptedAirflow) -> None:
    add_running_import(airflow)
    airflow.refusals = {"taskInstances": 403}
    page.open()
    assert page.notice == "You may not see task instances in this Airflow: there is nothing to show."
    assert not page.shown("#running, #history, #nothing")


def test_a_session_that_ends_takes_everything_off_the_page(page: Page, airflow: ScriptedAirflow) -> None:
    add_running_import(airflow)
    page.open()
    airflow.refusals = {"": 401}
    page.look_again()
    assert "You are not logged in" in page.notice
    assert not page.shown("#running, #history, #timeline, #nothing")
    link = urlsplit(str(page.find("#log-in a").get_attribute("href")))
    assert link.path == f"{PREFIX}/api/v2/auth/login"
    assert parse_qs(link.query) == {"next": [f"{PREFIX}/"]}


def test_links_lead_out_of_the_frame(page: Page, airflow: ScriptedAirflow) -> None:
    add_running_import(airflow)
    airflow.links = {"Image in the IMS console": f"{airflow.url}/console"}
    page.open()
    [first] = page.browser.window_handles
    page.find("#running-list .links a:nth-child(2)").click()  # the console, in a window of its own
    page.until(lambda: len(page.browser.window_handles) == 2)
    page.browser.switch_to.window(page.browser.window_handles[1])
    page.until(lambda: page.browser.current_url == f"{airflow.url}/console")
    assert page.run("return window.opener") is None
    page.browser.switch_to.window(first)
    page.browser.switch_to.frame(0)
    log = page.find("#running-list .links a")
    assert log.text == "Task log"
    ActionChains(page.browser).key_down(Keys.CONTROL).click(log).key_up(Keys.CONTROL).perform()
    page.until(lambda: len(page.browser.window_handles) == 3)
    log.send_keys(Keys.ENTER)
    page.browser.switch_to.default_content()
    task = f"{airflow.url}/dags/nightly/runs/manual__1/tasks/{WAIT}?try_number=1"
    page.until(lambda: page.browser.current_url == task)


def test_dark_and_light_follow_airflow(page: Page, airflow: ScriptedAirflow) -> None:
    page.open(theme="dark")
    colour = "return getComputedStyle(document.body).backgroundColor"
    dark = page.run(colour)
    page.run("parent.document.documentElement.className = 'light'")
    page.until(lambda: page.run(colour) != dark)
    page.run("parent.document.documentElement.style.setProperty('--chakra-colors-bg', 'rgb(1, 2, 3)')")
    page.until(lambda: page.run(colour) == "rgb(1, 2, 3)")


@pytest.mark.parametrize("width", [380, 700, 1280])
def test_nothing_hangs_out_of_the_window(page: Page, airflow: ScriptedAirflow, width: int) -> None:
    long = "a-very-long-name-without-a-single-space-" * 3
    add_running_import(airflow, name=long, image_url=f"images:{long}", current_task=long)
    add_ended_import(airflow, "failed", run=f"scheduled__{long}")
    page.open(width=width)
    assert page.run("return document.documentElement.scrollWidth <= innerWidth")
    overhang = """return [...document.querySelectorAll('main *')].filter(e => e.checkVisibility()
        && !e.closest('thead') && e.getBoundingClientRect().right > innerWidth + 1).map(e => e.outerHTML)"""
    assert page.run(overhang) == []


def test_the_browser_finds_nothing_to_complain_about(page: Page, airflow: ScriptedAirflow) -> None:
    add_running_import(airflow)
    add_ended_import(airflow, run="manual__0")
    page.browser.get_log("browser")  # type: ignore[no-untyped-call]
    page.open()
    complaints = [entry["message"] for entry in page.browser.get_log("browser")]  # type: ignore[no-untyped-call]
    ours = [message for message in complaints if "/ims-images/" in message or "/api/" in message]
    assert [message for message in ours if "can escape its sandboxing" not in message] == []


def test_the_files_are_the_same_for_everybody_and_bind_the_browser(airflow: ScriptedAirflow) -> None:
    answer = requests.get(f"{airflow.url}/ims-images/", timeout=5)
    assert answer.headers["content-type"].startswith("text/html")
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert "frame-ancestors 'self'" in policy
    assert answer.headers["x-content-type-options"] == "nosniff"
    etag = {"If-None-Match": answer.headers["etag"]}
    assert requests.get(f"{airflow.url}/ims-images/", headers=etag, timeout=5).status_code == 304
    assert requests.post(f"{airflow.url}/ims-images/", timeout=5).status_code == 405
    for path in ("..%2ffiles.py", "nothing.js"):
        assert requests.get(f"{airflow.url}/ims-images/{path}", timeout=5).status_code == 404


def test_the_operator_that_waits_itself_is_an_import_of_one_task(
    page: Page, airflow: ScriptedAirflow
) -> None:
    airflow.add(CREATE, "success", started=90, ended=20, rendered_fields={"name": "data", "image_url": FILE})
    result = {"job_id": "j", "status": "SUCCESS", "image_id": "image-1", "polls": 4}
    airflow.hand_over(CREATE, "return_value", json.dumps(result))  # as Airflow gives it for some back ends
    page.open()
    assert page.texts(".badge") == ["Done"]
    assert page.texts(".told") == ["image-1, 4 polls"]


def test_two_imports_in_one_run_are_told_apart_by_their_jobs(page: Page, airflow: ScriptedAirflow) -> None:
    for name, job in (("one", "job-1"), ("two", "job-2")):
        fields = {"name": name, "image_url": f"images:{name}"}
        airflow.add(CREATE, "success", task_id=name, started=90, ended=80, rendered_fields=fields)
        airflow.hand_over(name, "ims_import", note(job_id=job, **fields))
    for number, share in ((2, 0.25), (1, 0.75)):
        task = f"wait_{number}"
        fields = {"job_id": f"job-{number}"}
        airflow.add(WAIT, "deferred", task_id=task, started=70 + number, rendered_fields=fields)
        told = note(job_id=f"job-{number}", status="RUNNING", process_percent=share)
        airflow.hand_over(task, "ims_import", told)
    page.open()
    rows = zip(page.texts("#running-list .name"), page.texts(".amount"), page.texts(".task"), strict=True)
    assert sorted(rows) == [("one", "75 %", "wait_1"), ("two", "25 %", "wait_2")]


def test_waiting_tasks_that_are_yet_to_be_mapped_keep_their_imports_running(
    page: Page, airflow: ScriptedAirflow
) -> None:
    for index in range(2):
        fields = {"name": f"image-{index}", "image_url": f"images:{index}"}
        airflow.add(CREATE, "success", map_index=index, started=70, ended=60, rendered_fields=fields)
        airflow.hand_over(CREATE, "ims_import", note(job_id=f"j{index}", **fields), map_index=index)
    airflow.add(WAIT, None)
    page.open()
    assert sorted(page.texts("#running-list .name")) == ["image-0", "image-1"]
    assert not page.shown("#history")


def test_a_job_from_elsewhere_is_an_import_of_its_own(page: Page, airflow: ScriptedAirflow) -> None:
    add_running_import(airflow)
    fields = {"job_id": "job-of-another-system"}
    airflow.add(WAIT, "running", task_id="other", started=10, rendered_fields=fields)
    page.open()
    assert sorted(page.texts(".task")) == [WAIT, "other"]
    assert sorted(page.texts("#running-list .name")) == ["Job job-of-another-system", "data"]


MINUTE = 60_000


@pytest.mark.parametrize(
    ("fraction", "measured", "now", "left"),
    [
        (0.5, 10 * MINUTE, 10 * MINUTE, 600),
        (0.5, 10 * MINUTE, 12 * MINUTE, 480),  # counts down between two looks
        (0.5, 10 * MINUTE, 30 * MINUTE, 0),
        (0.0, 10 * MINUTE, 10 * MINUTE, None),
        (1.0, 10 * MINUTE, 10 * MINUTE, None),
        (None, 10 * MINUTE, 10 * MINUTE, None),
        (0.5, 5_000, 10 * MINUTE, None),  # too early to tell
    ],
)
def test_the_estimate_goes_on_as_the_job_went(
    page: Page, fraction: float | None, measured: int, now: int, left: int | None
) -> None:
    page.open()
    job = {"phase": "job", "from": 1, "to": None}
    row = {"segments": [job], "fraction": fraction, "measured": measured + 1}
    found = call(page, "phases.js", "remainingOf", row, now + 1)
    assert found == (left if left is None else pytest.approx(left))


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (None, "–"),
        (0, "0 s"),
        (59.6, "1 min 0 s"),
        (3600, "1 h 0 min"),
        (7325, "2 h 2 min"),
        (90_000, "1 d 1 h"),
    ],
)
def test_durations_are_spelled_as_people_say_them(page: Page, seconds: float | None, words: str) -> None:
    page.open()
    assert call(page, "words.js", "duration", seconds) == words


def call(page: Page, module: str, function: str, *arguments: Any) -> Any:
    """Call a function of one of the page's modules."""
    script = f"""
        const answer = arguments[arguments.length - 1];
        import("{PREFIX}/ims-images/{module}")
            .then((module) => answer(JSON.stringify(module.{function}(...{json.dumps(arguments)}) ?? null)));
    """
    return json.loads(page.browser.execute_async_script(script))
