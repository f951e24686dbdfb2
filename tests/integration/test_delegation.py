"""Agency delegation: temporary keys of another account, obtained on top of each identity of one's own."""

from __future__ import annotations

import asyncio
import json
import time
from typing import Any

import pytest
from integration.clouds import CONN_ID, Cloud, connection

from ims_airflow.client.aio import AsyncClient
from ims_airflow.emulator import EmulatorServer
from ims_airflow.exceptions import AgencyRefusedError, AuthenticationError
from ims_airflow.hooks.connection import Profile, read_connection
from ims_airflow.hooks.ims import ImsHook
from ims_airflow.hooks.obs import ObsHook
from ims_airflow.hooks.shared import shared_client
from ims_airflow.protocol import ims, obs
from ims_airflow.protocol.image_url import ImageUrl
from ims_airflow.protocol.message import Flow

PROJECT = "0f0f0f0f0f0f4f0f8f0f0f0f0f0f0f0f"  # the delegating account's
AGENCY = {"agency_name": "ops", "agency_domain_name": "delegating"}
DISK = ImageUrl("image-test", "disk.qcow2")
SECURITY_TOKENS = "/v3.0/OS-CREDENTIAL/securitytokens"


@pytest.fixture(autouse=True)
def agency(cloud: Cloud) -> None:
    cloud.emulated.configure(agency_name="ops", agency_project_id=PROJECT)
    cloud.emulated.put_object(DISK.bucket, DISK.key, b"12345")


def fields(server: EmulatorServer, auth: str, **extra: Any) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(
        connection(server, auth=auth, project_id="", metadata_endpoint=server.url, **{**AGENCY, **extra})
    )
    if auth == "password":
        found |= {"login": server.settings.user_name, "password": server.settings.password}
        found["extra"]["domain_name"] = server.settings.domain_name
    return found


def use(monkeypatch: pytest.MonkeyPatch, cloud: Cloud, auth: str, **extra: Any) -> None:
    text = json.dumps(fields(cloud.emulated, auth, **extra))
    monkeypatch.setenv(f"AIRFLOW_CONN_{CONN_ID.upper()}", text)


def ask(driver: str, *flows: Flow[Any]) -> list[Any]:
    if driver == "sync":
        hook = ImsHook(CONN_ID)
        return [hook.run(flow) for flow in flows]

    async def together() -> list[Any]:
        async with shared_client(CONN_ID, None) as client:
            return [await client.run(flow) for flow in flows]

    return asyncio.run(together())


def asked(cloud: Cloud, path: str) -> list[dict[str, Any]]:
    return [entry for entry in cloud.emulated.journal() if path in entry["path"]]


@pytest.mark.parametrize("driver", ["sync", "async"])
@pytest.mark.parametrize("auth", ["aksk", "password", "metadata"])
def test_ims_and_obs_are_asked_as_the_delegating_account(
    cloud: Cloud, monkeypatch: pytest.MonkeyPatch, auth: str, driver: str
) -> None:
    use(monkeypatch, cloud, auth)
    images, stored = ask(driver, ims.list_images({}), obs.head_object(DISK))
    assert (images, stored.size) == ([], 5)
    assert len(asked(cloud, SECURITY_TOKENS)) == len(asked(cloud, "/v3/projects")) == 1
    assert {entry["status"] for entry in asked(cloud, "/v2/cloudimages")} == {200}  # as another project: 403


@pytest.mark.parametrize("driver", ["sync", "async"])
@pytest.mark.parametrize("wrong", [{"agency_name": "nobody"}, {"agency_domain_name": "elsewhere"}])
def test_a_wrong_agency_is_told_and_not_asked_for_again(
    cloud: Cloud, monkeypatch: pytest.MonkeyPatch, wrong: dict[str, str], driver: str
) -> None:
    use(monkeypatch, cloud, "aksk", **wrong)
    with pytest.raises(AgencyRefusedError, match=next(iter(wrong.values()))):
        ask(driver, ims.list_images({}))
    assert len(cloud.emulated.journal()) == 1


def test_a_wrong_key_of_ones_own_is_sent_once(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    text = json.dumps(fields(cloud.emulated, "aksk") | {"password": "WRONG"})
    monkeypatch.setenv(f"AIRFLOW_CONN_{CONN_ID.upper()}", text)
    hook = ImsHook(CONN_ID)
    for _ in range(3):
        with pytest.raises(AuthenticationError):
            hook.list_images({})
    assert len(cloud.emulated.journal()) == 1


def test_the_key_is_renewed_before_it_ends(cloud: Cloud) -> None:
    profile = profile_of(cloud, agency_duration_seconds=900)
    now = 0.0

    async def hours() -> None:
        nonlocal now
        async with AsyncClient(profile.account(), profile.options, clock=lambda: now) as client:
            for now in (start, start + 599, start + 601):  # noqa: B007  # the client's clock reads it
                await client.run(ims.list_images({}))

    start = time.time()
    asyncio.run(hours())
    assert len(asked(cloud, SECURITY_TOKENS)) == 2


def test_a_key_that_the_service_calls_expired_is_renewed_once(
    cloud: Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    use(monkeypatch, cloud, "aksk")
    hook = ImsHook(CONN_ID)
    hook.list_images({})
    cloud.emulated.advance(3601)  # only the service's clock: the client believes in its key
    assert hook.list_images({}) == []
    assert len(asked(cloud, SECURITY_TOKENS)) == 2


def test_the_project_is_looked_up_in_the_delegating_account_and_only_for_ims(
    cloud: Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    use(monkeypatch, cloud, "metadata")
    assert ObsHook(CONN_ID).head_object(str(DISK)).size == 5
    assert asked(cloud, "/v3/projects") == []
    hook = ImsHook(CONN_ID)
    assert hook.list_images({}) == []
    assert hook.client.account.project_id == PROJECT


def profile_of(cloud: Cloud, **extra: Any) -> Profile:
    from ims_airflow.inspection.access import connection_in

    text = json.dumps(fields(cloud.emulated, "aksk", **extra))
    found = connection_in("x", {"AIRFLOW_CONN_X": text})
    assert found
    return read_connection(found)
