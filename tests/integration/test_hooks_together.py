"""Hooks of one process that use the same Connection at the same time learn about the account once."""

from __future__ import annotations

import json
import os
import threading

import pytest
from integration.clouds import CONN_ID, Cloud, connection

from ims_airflow.hooks.ims import ImsHook
from ims_airflow.hooks.obs import ObsHook
from ims_airflow.hooks.together import _CLIENTS

ENVIRONMENT = f"AIRFLOW_CONN_{CONN_ID.upper()}"


@pytest.fixture
def by_password(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> Cloud:
    """A cloud whose Connection has a name and a password, so that token, key and project are learned."""
    settings = cloud.emulated.settings
    extra = {"auth": "password", "domain_name": settings.domain_name, "project_id": None}
    fields = json.loads(connection(cloud.emulated, **extra))
    fields |= {"login": settings.user_name, "password": settings.password}
    monkeypatch.setenv(ENVIRONMENT, json.dumps(fields))
    return cloud


def learned(cloud: Cloud) -> list[str]:
    return [f"{entry['method']} {entry['path']}" for entry in cloud.emulated.journal("iam")]


def test_two_hooks_ask_for_one_token_and_one_temporary_key(by_password: Cloud) -> None:
    ims, obs, again = ImsHook(), ObsHook(), ObsHook()
    ims.get_conn()
    for hook in (obs, again):
        hook.head_bucket("image-test")
    ims.list_images({})
    asked = learned(by_password)
    assert len(asked) == len(set(asked)) == 2  # the token tells the project
    assert ims.client is obs.client is again.client


def test_many_threads_get_one_client_and_ask_for_one_token(by_password: Cloud) -> None:
    hooks = [ImsHook() for _ in range(8)]
    threads = [threading.Thread(target=hook.list_images, args=({},)) for hook in hooks]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({id(hook.client) for hook in hooks}) == 1
    assert len(learned(by_password)) == 1


def test_a_changed_connection_and_another_region_get_a_client_of_their_own(
    cloud: Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    before, elsewhere = ImsHook(), ImsHook(region="ap-southeast-1")
    assert before.client is not elsewhere.client
    changed = json.loads(os.environ[ENVIRONMENT]) | {"password": "WRONG-KEY"}
    monkeypatch.setenv(ENVIRONMENT, json.dumps(changed))
    after = ImsHook()
    assert after.client is not before.client
    assert "WRONG-KEY" not in repr(list(_CLIENTS.items()))
    before.list_images({})


def test_nothing_is_kept_when_no_hook_needs_it(cloud: Cloud) -> None:
    hook = ImsHook()
    hook.list_images({})
    key = next(key for key, client in _CLIENTS.items() if client is hook.client)
    del hook
    assert key not in _CLIENTS


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs a system that can fork a process")
def test_a_forked_process_has_a_client_of_its_own(cloud: Cloud) -> None:
    parent = ImsHook()
    parent.get_conn()
    child = os.fork()
    if child == 0:
        os._exit(int(ImsHook().client is parent.client))
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
