from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
from hypothesis import settings

from ims_airflow.emulator import EmulatorServer, Settings

# HYPOTHESIS_PROFILE=thorough searches long; the default is for every run.
settings.register_profile("quick", max_examples=100, deadline=None)
settings.register_profile("thorough", max_examples=10_000, deadline=None)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "quick"))


@pytest.fixture
def emulator() -> Iterator[EmulatorServer]:
    """An emulated cloud of its own for one test: starts in a few milliseconds, on a free loopback port."""
    with EmulatorServer(Settings()) as server:
        yield server
