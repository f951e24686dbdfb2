"""The trigger form of the example DAG, as a person fills it in, in a real browser."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from selenium.webdriver import Chrome, Keys
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support import expected_conditions as seen
from selenium.webdriver.support.ui import WebDriverWait
from system.example_runs import runs_of
from system.running import System

from ims_airflow.demo.cloud import BUCKET
from ims_airflow.demo.dag_files import EXAMPLE_DAG as DAG_ID

FORM = {"bucket": BUCKET, "key": "form/data.qcow2", "name": "from the form"}
SUBMIT = (By.CSS_SELECTOR, "[data-testid=trigger-dag-submit]")
PATIENCE = 30  # seconds


class Form:
    """The form, opened."""

    def __init__(self, browser: Chrome, url: str) -> None:
        self.browser = browser
        self._wait = WebDriverWait(browser, PATIENCE)
        browser.get(f"{url}/dags/{DAG_ID}")
        button = (By.CSS_SELECTOR, "[data-testid=trigger-dag-button]")
        self._wait.until(seen.element_to_be_clickable(button)).click()
        self._wait.until(seen.visibility_of_element_located((By.ID, "element_bucket")))

    def field(self, name: str) -> WebElement:
        # Airflow puts its id on the box around a number, and its name on what is inside of every box.
        return self.browser.find_element(By.NAME, f"element_{name}")

    def fill(self, **values: str) -> None:
        for name, value in values.items():
            field = self.field(name)
            field.send_keys(Keys.CONTROL, "a")
            field.send_keys(Keys.DELETE)
            field.send_keys(value, Keys.TAB)

    def submit(self) -> None:
        self._wait.until(seen.element_to_be_clickable(SUBMIT)).click()

    def can_be_submitted(self) -> bool:
        return self.browser.find_element(*SUBMIT).is_enabled()

    def wait_for_words(self, words: str) -> None:
        self._wait.until(lambda browser: words in text(browser))

    def wait_for_run(self) -> str:
        """Return the id of the run whose page the form leads to."""
        self._wait.until(seen.url_contains("/runs/"))
        return self.browser.current_url.partition("/runs/")[2].partition("/")[0].partition("?")[0]


def text(browser: Chrome) -> str:
    return browser.find_element(By.TAG_NAME, "body").text


@pytest.fixture
def form(browser: Chrome, system: System) -> Iterator[Form]:
    system.stack.wait_for_dag(DAG_ID)
    yield Form(browser, system.stack.url)
    browser.get("about:blank")  # the next form starts from nothing


def test_every_field_has_its_title_its_help_and_its_default(form: Form, system: System) -> None:
    shown = text(form.browser)
    params = system.stack.api.call("GET", f"/dags/{DAG_ID}/details")["params"]
    assert len(params) == 7
    for param in params.values():
        assert param["schema"]["title"] in shown
        assert param["description"] in shown
    assert form.field("min_disk").get_attribute("value") == "40"


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"bucket": "No_Bucket"}, "No_Bucket"),
        ({"name": "a/b"}, "a/b"),
        ({"key": "/data.qcow2"}, "/data.qcow2"),
    ],
)
def test_what_ims_would_refuse_is_refused_in_the_form(
    form: Form, system: System, wrong: dict[str, str], words: str
) -> None:
    before = runs_of(system, DAG_ID)
    form.fill(**{**FORM, **wrong})
    form.submit()
    form.wait_for_words(f"'{words}' does not match")
    assert runs_of(system, DAG_ID) == before


def test_a_disk_size_out_of_range_does_not_stay_in_the_form(form: Form) -> None:
    form.fill(min_disk="39")
    assert form.field("min_disk").get_attribute("value") == "40"
    form.fill(min_disk="4000")
    assert form.field("min_disk").get_attribute("value") == "2048"


def test_a_form_that_lacks_something_cannot_be_sent(form: Form) -> None:
    assert not form.can_be_submitted()
    form.fill(**FORM)
    assert form.can_be_submitted()


def test_a_form_filled_in_well_starts_a_run(form: Form, system: System) -> None:
    form.fill(**FORM, min_disk="50")
    form.submit()
    run_id = form.wait_for_run()
    conf = system.stack.api.call("GET", f"/dags/{DAG_ID}/dagRuns/{run_id}")["conf"]
    assert {name: conf[name] for name in FORM} == FORM
    assert conf["min_disk"] == 50
