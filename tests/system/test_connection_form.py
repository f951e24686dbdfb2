"""The Connection, as a person fills it in: in the UI of a real Airflow, with a real browser."""

from __future__ import annotations

import json
from functools import partial

import pytest
from selenium.webdriver import Chrome
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.wait import WebDriverWait
from system.running import System

from ims_airflow.get_provider_info import get_provider_info

[CONNECTION_TYPE] = get_provider_info()["connection-types"]
CONN_ID = "typed_into_the_form"
TOKEN = "token-typed-into-the-form"


@pytest.fixture(scope="module")
def form(system: System, browser: Chrome) -> WebElement:
    """The empty form of a new Connection of our type, all of it unfolded."""
    browser.set_window_size(1280, 2600)
    browser.get(f"{system.stack.url}/connections")
    button(browser, "Add Connection").click()
    dialog = wait(browser, 20).until(lambda page: page.find_element(By.CSS_SELECTOR, "[role=dialog]"))
    assert isinstance(dialog, WebElement)
    kind = dialog.find_element(By.CSS_SELECTOR, "input[role=combobox]")
    kind.send_keys(CONNECTION_TYPE["hook-name"])
    wait(browser, 20).until(lambda page: page.find_elements(By.CSS_SELECTOR, "[role=option]"))
    kind.send_keys(Keys.ENTER)
    wait(browser, 20).until(lambda _: "Extra Fields" in dialog.text)
    return dialog


def wait(browser: Chrome, seconds: float) -> WebDriverWait[Chrome]:
    return WebDriverWait(browser, seconds, poll_frequency=0.1)


def button(place: Chrome | WebElement, name: str) -> WebElement:
    """Return the button of a name, once it is there."""
    browser = place if isinstance(place, Chrome) else place.parent
    found = wait(browser, 20).until(
        lambda _: next(
            (
                one
                for one in place.find_elements(By.TAG_NAME, "button")
                if name in (one.text.strip(), one.get_attribute("aria-label"))
            ),
            None,
        )
    )
    assert isinstance(found, WebElement)
    return found


def unfold(form: WebElement, part: str, name: str) -> None:
    """Unfold a part of the form, until a field of it can be seen."""
    if button(form, part).get_attribute("aria-expanded") == "false":
        button(form, part).click()
    wait(form.parent, 10).until(lambda _: form.find_element(By.NAME, name).is_displayed())


def test_it_asks_for_keys_in_words_of_the_cloud_and_for_nothing_needless(form: WebElement) -> None:
    named = {box.get_attribute("name") for box in form.find_elements(By.CSS_SELECTOR, "input, textarea")}
    assert {"login", "password"} <= named
    assert named.isdisjoint({"host", "schema", "port"})
    assert all(label in form.text for label in CONNECTION_TYPE["ui-field-behaviour"]["relabeling"].values())


def test_what_is_secret_is_typed_blind(form: WebElement) -> None:
    for name in ("password", "element_security_token"):
        assert form.find_element(By.NAME, name).get_attribute("type") == "password"


def test_every_field_has_its_label_and_its_help(form: WebElement) -> None:
    unfold(form, "Extra Fields", "element_region")
    for field in CONNECTION_TYPE["conn-fields"].values():
        assert field["label"] in form.text
        assert field["description"] in form.text


def test_what_is_typed_is_saved_and_no_secret_comes_back(
    form: WebElement, system: System, browser: Chrome
) -> None:
    given = {
        "connection_id": CONN_ID,
        "login": system.cloud.ak,
        "password": system.cloud.sk,
        "element_region": "cn-north-4",
        "element_security_token": TOKEN,
        **{f"element_{name}_endpoint": system.cloud.url for name in ("ims", "obs", "iam")},
    }
    for folded, name in (("Standard Fields", "login"), ("Extra Fields", "element_region")):
        unfold(form, folded, name)
        for box in map(partial(form.find_element, By.NAME), given):
            if box.is_displayed() and not box.get_attribute("value"):
                box.send_keys(given[str(box.get_attribute("name"))])
    button(form, "Save").click()
    wait(browser, 20).until(lambda page: CONN_ID in text_of(page))
    saved = system.stack.api.call("GET", f"/connections/{CONN_ID}")
    extra = json.loads(saved["extra"])
    assert (saved["conn_type"], saved["login"]) == (CONNECTION_TYPE["connection-type"], system.cloud.ak)
    assert (extra["region"], extra["ims_endpoint"]) == ("cn-north-4", system.cloud.url)
    assert system.cloud.sk not in str(saved)
    assert TOKEN not in str(saved)


def test_the_button_says_what_does_not_work(system: System, browser: Chrome, form: WebElement) -> None:
    assert form
    fields = system.stack.api.call("GET", f"/connections/{CONN_ID}")
    kept = {name: fields[name] for name in ("connection_id", "conn_type")}
    # Airflow 3.3.2 tests port 0 where none is given, and complains that it differs (apache/airflow#73298).
    system.stack.api.call(
        "PATCH", f"/connections/{CONN_ID}", params={"update_mask": "port"}, json={**kept, "port": 0}
    )
    browser.get(f"{system.stack.url}/connections")
    button(browser, "Test Connection").click()
    wait(browser, 30).until(lambda page: "Test Connection Failed" in text_of(page))
    assert "APIGW.0301" in text_of(browser)  # the emulator has given out no such token
    assert TOKEN not in browser.page_source


def text_of(page: Chrome) -> str:
    return page.find_element(By.TAG_NAME, "body").text
