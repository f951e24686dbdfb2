"""A real browser without a window: Debian's Chromium, steered through WebDriver."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from selenium.webdriver import Chrome, ChromeOptions, ChromeService

SWITCHES = (
    "--headless=new",
    "--no-sandbox",  # root has none
    "--disable-gpu",
    "--disable-dev-shm-usage",  # containers have little of it
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--window-size=1280,900",
)


@contextmanager
def chromium(profile: Path, *switches: str) -> Iterator[Chrome]:
    """Start Chromium, and end it. Skips the test where Chromium or its driver is missing.

    :param profile: an empty directory for everything that it keeps.
    :param switches: more of its command line.
    """
    program, driver = shutil.which("chromium"), shutil.which("chromedriver")
    if not program or not driver:
        pytest.skip("needs the commands chromium and chromedriver (Debian: chromium, chromium-driver)")
    options = ChromeOptions()
    options.binary_location = program
    for switch in (*SWITCHES, f"--user-data-dir={profile}", *switches):
        options.add_argument(switch)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    # With the path given, Selenium does not look for a driver in the network.
    service = ChromeService(executable_path=driver, log_output=subprocess.DEVNULL)
    browser = Chrome(options=options, service=service)
    try:
        yield browser
    finally:
        browser.quit()
