from __future__ import annotations

import os
import pwd
from collections.abc import Iterator
from pathlib import Path

import pytest

from ims_airflow.demo.component import Component
from ims_airflow.demo.keeper import Keeper

SHELL = ("/bin/sh", "-c")


@pytest.fixture
def keeper() -> Iterator[Keeper]:
    with Keeper() as found:
        yield found


def test_a_component_can_be_another_program_than_airflow(tmp_path: Path, keeper: Keeper) -> None:
    words = ['echo "$WORD"']
    component = Component("echo", words, {"WORD": "hello"}, tmp_path / "log", keeper, program=SHELL)
    component.start()
    assert component.wait(5) == 0
    assert component.tail() == "hello\n"


def test_a_component_that_was_killed_can_be_started_again(tmp_path: Path, keeper: Keeper) -> None:
    component = Component("sleep", ["sleep 60"], os.environ, tmp_path / "log", keeper, program=SHELL)
    component.start()
    first = component.pid
    component.kill()
    assert not component.alive
    component.start()
    assert component.alive
    assert component.pid != first
    component.kill()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can start a process for another user")
def test_a_component_can_belong_to_another_user(tmp_path: Path, keeper: Keeper) -> None:
    component = Component(
        "id", ["id -un"], os.environ, tmp_path / "log", keeper, program=SHELL, user="nobody"
    )
    component.start()
    assert component.wait(5) == 0
    assert component.tail() == f"{pwd.getpwnam('nobody').pw_name}\n"
