"""The page "IMS images" in an Airflow that asks who one is, below a path of its own."""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterator

import pytest
import requests
from selenium.webdriver import Chrome
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import WebDriverWait

from ims_airflow.demo.component import Component
from ims_airflow.demo.environment import airflow_environment
from ims_airflow.demo.keeper import Keeper
from ims_airflow.demo.port import free_port

PASSWORD = secrets.token_urlsafe(12)


@pytest.fixture(scope="module")
def airflow(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """An API server with one user, who may only look; its address."""
    place = tmp_path_factory.mktemp("login")
    passwords = place / "passwords.json"
    passwords.write_text(json.dumps({"ann": PASSWORD}))
    port = free_port()
    url = f"http://127.0.0.1:{port}/team/airflow"
    environment = {
        **airflow_environment(place, place, port, secrets.token_urlsafe(64)),
        "AIRFLOW__API__BASE_URL": url,
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS": "False",
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS": "ann:viewer",
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": str(passwords),
    }
    with Keeper() as keeper:
        migration = Component("db-migrate", ["db", "migrate"], environment, place / "migrate.log", keeper)
        migration.start()
        assert migration.wait(90) == 0, migration.tail()
        server = Component("api-server", ["api-server"], environment, place / "server.log", keeper)
        server.start()
        try:
            wait_for(server, f"{url}/api/v2/version")
            yield url
        finally:
            server.kill()


def wait_for(server: Component, url: str) -> None:
    # Without total=None, ten tries are all, however many are granted to connecting.
    retries = requests.adapters.Retry(total=None, connect=90, backoff_factor=0.2, backoff_max=1.0)
    with requests.Session() as session:
        session.trust_env = False
        session.mount("http://", requests.adapters.HTTPAdapter(max_retries=retries))
        assert session.get(url, timeout=30).ok, server.tail()


def test_the_page_shows_nothing_before_a_log_in_and_the_users_own_view_after_it(
    browser: Chrome, airflow: str
) -> None:
    wait = WebDriverWait(browser, 30, 0.1)

    def text(selector: str) -> str:
        return browser.find_element(By.CSS_SELECTOR, selector).text

    browser.get(f"{airflow}/ims-images/")
    wait.until(lambda _: "You are not logged in" in text("#notice"))
    shown = browser.find_elements(By.CSS_SELECTOR, "section")
    assert [section for section in shown if section.is_displayed()] == []

    browser.find_element(By.LINK_TEXT, "Log in").click()
    wait.until(lambda _: browser.find_elements(By.NAME, "password"))
    browser.find_element(By.NAME, "username").send_keys("ann")
    browser.find_element(By.NAME, "password").send_keys(PASSWORD)
    browser.find_element(By.CSS_SELECTOR, "button[type=submit]").click()
    wait.until(lambda _: "/login" not in browser.current_url)

    browser.get(f"{airflow}/plugin/ims-images")
    frame = wait.until(lambda _: browser.find_element(By.CSS_SELECTOR, "iframe[title='IMS images']"))
    browser.switch_to.frame(frame)
    wait.until(lambda _: "No image import yet" in text("#nothing"))
    assert not browser.find_element(By.ID, "notice").is_displayed()
