"""Both clients against a server that misbehaves: what is sent again, what is not, what nobody may hang on."""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from emulator_caller import Caller

from ims_airflow.client.aio import AsyncClient
from ims_airflow.client.options import HttpOptions
from ims_airflow.client.sync import Client
from ims_airflow.emulator import EmulatorServer
from ims_airflow.exceptions import (
    AnswerLostError,
    AuthenticationError,
    ImsAirflowError,
    NotSentError,
    RequestRejectedError,
    ServiceError,
    ThrottledError,
    UnusableAnswerError,
)
from ims_airflow.protocol import ims, obs
from ims_airflow.protocol.account import Account
from ims_airflow.protocol.credentials import AccessKey, Delegation, EcsAgency, Identity, Password
from ims_airflow.protocol.data_image import DataImageRequest
from ims_airflow.protocol.endpoints import endpoints_for
from ims_airflow.protocol.image_url import ImageUrl
from ims_airflow.protocol.message import Call, FilePart, Flow, Service

QUICK = HttpOptions(connect_timeout=2, read_timeout=1)
REQUEST = DataImageRequest("fedora", "image-test:fedora.qcow2", 40, "Linux")
SUBMIT = {"method": "POST", "path": "dataimages"}
LIST = {"path": "cloudimages$"}
LISTING = Call(Service.IMS, "GET", "/v2/cloudimages")

Run = Callable[..., Any]


def account(
    server: EmulatorServer, identity: Identity | None = None, project_id: str | None = None
) -> Account:
    settings = server.settings
    url = server.url
    return Account(
        identity or AccessKey(settings.ak, settings.sk),
        endpoints_for(settings.region, ims=url, iam=url, obs=url, metadata=url, obs_path_style=True),
        region=settings.region,
        project_id=settings.project_id if project_id is None else project_id,
    )


def run_sync(who: Account, *flows: Flow[Any], options: HttpOptions = QUICK) -> Any:
    naps: list[float] = []
    with Client(who, options, sleep=naps.append, chance=lambda: 0.0) as client:
        results = [client.run(flow) for flow in flows]
    return results[-1], naps


class SkippingLoop(asyncio.SelectorEventLoop):
    """An event loop whose clock can be put forward: a nap that takes no time has lasted all the same."""

    skipped = 0.0

    def time(self) -> float:
        return super().time() + self.skipped


def run_async(who: Account, *flows: Flow[Any], options: HttpOptions = QUICK) -> Any:
    naps: list[float] = []

    async def nap(seconds: float) -> None:
        naps.append(seconds)
        loop = asyncio.get_running_loop()
        assert isinstance(loop, SkippingLoop)
        loop.skipped += seconds

    async def main() -> Any:
        async with AsyncClient(who, options, sleep=nap, chance=lambda: 0.0) as client:
            return [await client.run(flow) for flow in flows]

    with asyncio.Runner(loop_factory=SkippingLoop) as runner:
        return runner.run(main())[-1], naps


@pytest.fixture(params=[run_sync, run_async], ids=["requests", "aiohttp"])
def run(request: pytest.FixtureRequest) -> Run:
    return request.param  # type: ignore[no-any-return]


def asked(server: EmulatorServer, path: str) -> list[dict[str, Any]]:
    return [entry for entry in server.journal() if path in entry["path"]]


def test_connections_are_reused(emulator: EmulatorServer, run: Run) -> None:
    run(account(emulator), *(ims.list_images({}) for _ in range(5)))
    assert len(asked(emulator, "/v2/cloudimages")) == 5


@pytest.mark.parametrize(
    "action",
    [
        {"status": 503, "body": "<html>Service Unavailable</html>"},
        {"status": 502, "body": ""},
        {"drop": "reset"},
        {"drop": "close"},
        {"drop": "half"},
    ],
    ids=["503 HTML", "502 empty", "reset", "closed", "cut in half"],
)
def test_a_query_is_asked_again(emulator: EmulatorServer, run: Run, action: dict[str, Any]) -> None:
    emulator.add_fault({"match": LIST, "times": 2, **action})
    images, _ = run(account(emulator), ims.list_images({}))
    assert images == []
    assert len(asked(emulator, "/v2/cloudimages")) == 3


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("drop", ["reset", "close", "half"])
def test_a_submit_is_never_sent_again_blindly(
    emulator: EmulatorServer, run: Run, when: str, drop: str
) -> None:
    emulator.put_object("image-test", "fedora.qcow2", b"x")
    emulator.add_fault({"match": SUBMIT, "times": 1, "when": when, "drop": drop})
    with pytest.raises((AnswerLostError, UnusableAnswerError)) as caught:
        run(account(emulator), ims.create_data_image(REQUEST))
    assert caught.value.outcome_unknown
    assert len(asked(emulator, "dataimages")) == 1


def test_retry_after_is_obeyed(emulator: EmulatorServer, run: Run) -> None:
    emulator.add_fault({"match": LIST, "times": 1, "status": 429, "headers": {"Retry-After": "7"}})
    _, naps = run(account(emulator), ims.list_images({}))
    assert naps == [7.0]


def test_a_very_long_retry_after_is_left_to_the_caller(emulator: EmulatorServer, run: Run) -> None:
    emulator.add_fault({"match": LIST, "status": 429, "headers": {"Retry-After": "900"}})
    with pytest.raises(ThrottledError) as caught:
        run(account(emulator), ims.list_images({}))
    assert caught.value.retry_after == 900
    assert len(asked(emulator, "/v2/cloudimages")) == 1


def test_flow_control_with_status_400_is_throttling(emulator: EmulatorServer, run: Run) -> None:
    body = '{"error":{"code":"IMG.0060","message":"too many tasks"}}'
    headers = {"X-Request-Id": "request-7"}
    emulator.add_fault({"match": SUBMIT, "times": 1, "status": 400, "headers": headers, "body": body})
    with pytest.raises(ThrottledError, match=r"IMG\.0060.*request-7"):
        run(account(emulator), ims.create_data_image(REQUEST))


def test_trouble_that_lasts_is_reported_after_a_few_tries(emulator: EmulatorServer, run: Run) -> None:
    emulator.add_fault({"match": LIST, "status": 500, "body": "{}"})
    with pytest.raises(ServiceError, match="HTTP 500"):
        run(account(emulator), ims.list_images({}))
    assert len(asked(emulator, "/v2/cloudimages")) == 4


def test_a_wrong_key_is_sent_once(emulator: EmulatorServer, run: Run) -> None:
    who = account(emulator, AccessKey(emulator.settings.ak, "WRONG"))
    for _ in range(3):
        with pytest.raises(AuthenticationError):
            run(who, ims.list_images({}))
    assert len(emulator.journal()) == 1


@pytest.mark.parametrize("kind", ["password", "agency", "looked-up project", "temporary key", "delegation"])
def test_every_identity_works_for_ims_and_obs(emulator: EmulatorServer, run: Run, kind: str) -> None:
    settings = emulator.settings
    own = AccessKey(settings.ak, settings.sk)
    identities: dict[str, Identity] = {
        "password": Password(settings.domain_name, settings.user_name, settings.password),
        "agency": EcsAgency(),
        "looked-up project": own,
        "temporary key": temporary_key(emulator),
        "delegation": Delegation(own, "ops", "delegating"),
    }
    emulator.put_object("image-test", "a/b c+é.qcow2", b"12345")
    who = account(emulator, identities[kind], project_id="")
    found, _ = run(
        who,
        ims.list_images({}),
        ims.list_images({}),
        obs.head_object(ImageUrl("image-test", "a/b c+é.qcow2")),
    )
    assert found.size == 5
    tokens = asked(emulator, "/v3/auth/tokens") + asked(emulator, "/v3/projects")
    assert len(tokens) == 1  # learned once, kept


def temporary_key(server: EmulatorServer) -> AccessKey:
    """A key as people paste it into a Connection, with its token and without its end."""
    found = Caller(server).send("GET", "/openstack/latest/securitykey").json()["credential"]
    return AccessKey(found["access"], found["secret"], found["securitytoken"])


def test_an_expired_token_is_renewed_once(emulator: EmulatorServer, run: Run) -> None:
    settings = emulator.settings
    who = account(emulator, Password(settings.domain_name, settings.user_name, settings.password))
    run(who, ims.list_images({}))
    emulator.advance(25 * 3600)  # only the service's clock: the client believes in its token
    assert run(who, ims.list_images({}))[0] == []
    assert len(asked(emulator, "/v3/auth/tokens")) == 2


def test_a_redirect_is_not_followed(emulator: EmulatorServer, run: Run) -> None:
    with listening() as (url, heard):
        emulator.add_fault({"match": LIST, "redirect": url})
        with pytest.raises(ImsAirflowError, match="redirect"):
            run(account(emulator), ims.list_images({}))
    assert heard == []


def test_an_answer_of_a_hundred_megabytes_is_bounded(emulator: EmulatorServer, run: Run) -> None:
    emulator.add_fault({"match": LIST, "malform": "huge"})
    with pytest.raises(UnusableAnswerError, match="larger than"):
        run(account(emulator), ims.list_images({}, attempts=1))


def test_an_answer_that_drips_is_bounded(emulator: EmulatorServer, run: Run) -> None:
    emulator.add_fault({"match": LIST, "drip": 5})
    options = HttpOptions(connect_timeout=0.1, read_timeout=0.3)
    with pytest.raises(AnswerLostError):
        run(account(emulator), ims.list_images({}, attempts=1), options=options)


def test_a_silent_server_is_bounded(emulator: EmulatorServer, run: Run) -> None:
    emulator.add_fault({"match": LIST, "delay": 5})
    options = HttpOptions(connect_timeout=0.2, read_timeout=0.2)
    with pytest.raises(AnswerLostError):
        run(account(emulator), ims.list_images({}, attempts=1), options=options)


@pytest.mark.parametrize("fault", [{"drip": 5}, {"delay": 5}])
def test_a_job_query_without_a_whole_answer_is_bounded(
    emulator: EmulatorServer, run: Run, fault: dict[str, float]
) -> None:
    emulator.add_fault({"match": {"path": "/jobs/"}, **fault})
    options = HttpOptions(connect_timeout=0.2, read_timeout=0.3)
    with pytest.raises(AnswerLostError):
        run(account(emulator), ims.show_job("j1", attempts=1), options=options)


def test_a_port_where_nobody_listens_counts_as_not_sent(run: Run) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
        endpoints = endpoints_for("r", ims=f"http://127.0.0.1:{port}")
        who = Account(AccessKey("AK", "SK"), endpoints, region="r", project_id="p")
        with pytest.raises(NotSentError):
            run(who, ims.create_data_image(REQUEST))


def test_a_name_that_does_not_resolve_counts_as_not_sent(run: Run) -> None:
    endpoints = endpoints_for("r", ims="http://no-such-host.invalid")
    with pytest.raises(NotSentError):
        run(
            Account(AccessKey("AK", "SK"), endpoints, region="r", project_id="p"),
            ims.create_data_image(REQUEST),
        )


def test_netrc_does_not_replace_our_signature(
    emulator: EmulatorServer, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("default login someone password else\n")
    monkeypatch.setenv("NETRC", str(netrc))
    assert run(account(emulator), ims.list_images({}))[0] == []


def test_a_proxy_from_the_environment_is_used(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    with listening() as (url, heard):
        monkeypatch.setenv("http_proxy", url)
        monkeypatch.setenv("HTTP_PROXY", url)
        monkeypatch.delenv("no_proxy", raising=False)
        monkeypatch.delenv("NO_PROXY", raising=False)
        endpoints = endpoints_for("r", ims="http://ims.example.test")
        images, _ = run(
            Account(AccessKey("AK", "SK"), endpoints, region="r", project_id="p"), ims.list_images({})
        )
    assert images == []
    assert heard[0].startswith("GET http://ims.example.test/v2/cloudimages?limit=500 ")


def test_a_rejection_keeps_code_and_request_id(emulator: EmulatorServer, run: Run) -> None:
    bad = DataImageRequest("fedora", "image-test:no spaces allowed", 40, "Linux")
    with pytest.raises(RequestRejectedError, match=r"IMG\.\d+") as caught:
        run(account(emulator), ims.create_data_image(bad))
    assert caught.value.request_id in str(caught.value)


def test_a_large_file_goes_up_in_parts(emulator: EmulatorServer, tmp_path: Path) -> None:
    path = tmp_path / "disk.raw"
    path.write_bytes(b"0123456789" * 50_000)
    url = ImageUrl("image-test", "parts.raw")
    run_sync(account(emulator), obs.upload_file(url, FilePart(path, 0, 500_000), part_size=200_000))
    found, _ = run_sync(account(emulator), obs.head_object(url))
    assert found.size == 500_000
    assert found.etag.endswith("-3")


def test_an_upload_that_fails_is_aborted(emulator: EmulatorServer, tmp_path: Path) -> None:
    path = tmp_path / "disk.raw"
    path.write_bytes(b"0" * 300_000)
    emulator.add_fault({"match": {"method": "PUT", "path": "parts"}, "skip": 1, "status": 403})
    upload = obs.upload_file(
        ImageUrl("image-test", "parts.raw"), FilePart(path, 0, 300_000), part_size=200_000
    )
    with pytest.raises(ImsAirflowError):
        run_sync(account(emulator), upload)
    assert [entry["method"] for entry in asked(emulator, "parts.raw")] == ["POST", "PUT", "PUT", "DELETE"]


@contextmanager
def listening() -> Iterator[tuple[str, list[str]]]:
    """A server of one's own that writes down request lines and answers with an empty image list."""
    heard: list[str] = []
    body = b'{"images": []}'

    def serve() -> None:
        while True:
            try:
                connection, _ = server.accept()
            except OSError:
                return
            with connection:
                heard.append(connection.recv(65536).decode("latin-1").partition("\r\n")[0])
                head = f"HTTP/1.1 200 OK\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
                connection.sendall(head.encode() + body)

    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.getsockname()[1]}", heard
        server.shutdown(socket.SHUT_RDWR)
    thread.join(2)


async def test_who_waits_behind_a_request_that_reached_nobody_asks_anew_when_the_clock_is_set_back(
    emulator: EmulatorServer,
) -> None:
    now = [time.time() + 500]
    nobody = account(emulator)
    nobody.endpoints = replace(nobody.endpoints, ims="http://127.0.0.1:1")
    async with AsyncClient(nobody, clock=lambda: now[0]) as client:
        with pytest.raises(NotSentError):
            await client.send(LISTING._replace(attempts=1))
        client.account = account(emulator)
        with pytest.raises(NotSentError):  # a moment later nobody tries again
            await client.send(LISTING._replace(attempts=1))
        now[0] -= 500
        assert (await client.send(LISTING._replace(attempts=1))).status == 200


async def test_an_answer_that_says_too_many_slows_all_who_share_the_client(emulator: EmulatorServer) -> None:
    emulator.add_fault({"match": LIST, "times": 1, "status": 429})
    async with AsyncClient(account(emulator)) as client:
        throttle = client.limiter.throttle
        await client.run(ims.list_images({}))
        assert 1.5 < throttle.slowness(asyncio.get_running_loop().time()) <= 2
        assert throttle.in_flight == 0
