from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from ims_airflow.exceptions import InvalidInputError
from ims_airflow.hooks.connection import Profile, read_connection
from ims_airflow.protocol.credentials import AccessKey, Delegation, EcsAgency, Password


@dataclass
class Connection:
    conn_id: str = "huaweicloud_ims_default"
    login: str | None = "AK"
    password: str | None = "SKSECRET"
    extra: str | None = '{"region": "cn-north-4"}'


def read(login: str | None = "AK", password: str | None = "SKSECRET", **extra: Any) -> Profile:
    return read_connection(Connection(login=login, password=password, extra=json.dumps(extra)))


def test_the_least_that_is_needed() -> None:
    profile = read(region="cn-north-4")
    assert profile.identity == AccessKey("AK", "SKSECRET")
    assert profile.endpoints.ims == "https://ims.cn-north-4.myhuaweicloud.com"
    assert profile.options.verify is True


def test_everything_set() -> None:
    profile = read(
        region="cn-north-4",
        project_id="p1",
        security_token="ST",
        ims_endpoint="http://127.0.0.1:8090/",
        obs_endpoint="http://127.0.0.1:8090",
        iam_endpoint="http://127.0.0.1:8090",
        obs_addressing="path",
        verify="false",
        connect_timeout="2.5",
        read_timeout=7,
        max_requests_in_flight="8",
        max_requests_per_second=2.5,
    )
    assert profile.identity == AccessKey("AK", "SKSECRET", "ST")
    assert profile.endpoints.ims == "http://127.0.0.1:8090"
    assert profile.endpoints.obs_path_style
    options = profile.options
    assert (options.verify, options.connect_timeout, options.read_timeout) == (False, 2.5, 7)
    assert (options.max_requests_in_flight, options.max_requests_per_second) == (8, 2.5)


def test_the_other_identities() -> None:
    password = read("user", "pw", region="cn-north-4", auth="password", domain_name="acme").identity
    assert password == Password("acme", "user", "pw")
    assert read(None, None, region="cn-north-4", auth="metadata").identity == EcsAgency()


@pytest.mark.parametrize(("seconds", "expected"), [(None, 3600), ("", 3600), ("900", 900), (86_400, 86_400)])
def test_an_agency_on_top_of_an_identity(seconds: object, expected: int) -> None:
    fields: dict[str, Any] = {
        "agency_name": "ops",
        "agency_domain_name": "acme",
        "agency_duration_seconds": seconds,
    }
    found = read(region="cn-north-4", **fields).identity
    assert found == Delegation(AccessKey("AK", "SKSECRET"), "ops", "acme", "", expected)
    by_id = read(None, None, region="r", auth="metadata", agency_name="ops", agency_domain_id="d1").identity
    assert by_id == Delegation(EcsAgency(), "ops", "", "d1", 3600)


def test_an_empty_form_means_the_defaults() -> None:
    names = [
        "project_id", "auth", "domain_name", "security_token", "agency_name", "agency_domain_name",
        "agency_domain_id", "agency_duration_seconds", "ims_endpoint", "obs_endpoint", "iam_endpoint",
        "obs_addressing", "verify", "connect_timeout", "read_timeout",
    ]  # fmt: skip
    empty = dict.fromkeys(names)  # Airflow's form stores null for each field that is left empty
    assert read(region="cn-north-4", **empty) == read(region="cn-north-4")


def test_what_no_field_is_called_is_told_and_ignored() -> None:
    assert read(region="r", Verify=False, agencyname="x").unknown == ("Verify", "agencyname")
    assert read(region="r", metadata_endpoint="http://127.0.0.1:8090").unknown == ()


def test_an_argument_overrides_the_region() -> None:
    assert read_connection(Connection(), "eu-west-101").region == "eu-west-101"


def test_a_ca_bundle(tmp_path: Path) -> None:
    bundle = tmp_path / "ca.pem"
    bundle.write_text("")
    assert read(region="r", verify=str(bundle)).options.verify == str(bundle)


@pytest.mark.parametrize(
    ("arguments", "field"),
    [
        ({"login": ""}, "login"),
        ({"password": None}, "password"),
        ({"region": ""}, "extra.region"),
        ({"region": 7}, "extra.region"),
        ({"auth": "magic"}, "extra.auth"),
        ({"auth": "password"}, "extra.domain_name"),
        ({"ims_endpoint": "127.0.0.1:8090"}, "extra.ims_endpoint"),
        ({"obs_addressing": "dns"}, "extra.obs_addressing"),
        ({"verify": "/no/such/bundle"}, "extra.verify"),
        ({"connect_timeout": "soon"}, "extra.connect_timeout"),
        ({"read_timeout": 0}, "extra.read_timeout"),
        ({"read_timeout": True}, "extra.read_timeout"),
        ({"agency_name": "ops"}, "extra.agency_domain_name"),
        ({"agency_domain_name": "acme"}, "extra.agency_domain_name"),
        ({"agency_domain_id": "d1"}, "extra.agency_domain_id"),
        ({"agency_name": 7}, "extra.agency_name"),
        *[
            (
                {"agency_name": "ops", "agency_domain_id": "d1", "agency_duration_seconds": seconds},
                "extra.agency_duration_seconds",
            )
            for seconds in (899, 86_401, "soon", True)
        ],
    ],
)
def test_a_wrong_field_is_named(arguments: dict[str, Any], field: str) -> None:
    with pytest.raises(InvalidInputError, match=field) as caught:
        read(**{"region": "cn-north-4", **arguments})
    assert "huaweicloud_ims_default" in str(caught.value)


@pytest.mark.parametrize("region", ["CN North", "None", "cn/north"])
def test_a_text_that_is_no_region_is_named_by_whoever_gave_it(region: str) -> None:
    with pytest.raises(InvalidInputError, match=r"\nextra\.region: .* must be the name of a region"):
        read(region=region)
    with pytest.raises(InvalidInputError, match=r"\nregion: .* must be the name of a region"):
        read_connection(Connection(), region)


def test_all_mistakes_are_told_at_once_and_no_secret() -> None:
    with pytest.raises(InvalidInputError) as caught:
        read("", "SKSECRET", auth="magic", verify="/nope", read_timeout=-1)
    message = str(caught.value)
    assert all(
        field in message for field in ("extra.auth", "extra.region", "extra.verify", "extra.read_timeout")
    )
    assert "SKSECRET" not in message


@pytest.mark.parametrize("extra", ["not json", "[1]", '"text"'])
def test_an_extra_that_is_no_object(extra: str) -> None:
    with pytest.raises(InvalidInputError, match="extra"):
        read_connection(Connection(extra=extra))


def test_a_profile_does_not_print_secrets() -> None:
    assert "SECRET" not in repr(read(region="r", security_token="STSECRET"))


@pytest.mark.parametrize(
    ("arguments", "field"),
    [({"security_token": "abc\ndefSECRET"}, "extra.security_token"), ({"login": "ÄKSECRET"}, "login")],
)
def test_keys_that_fit_no_header_are_refused_unseen(arguments: dict[str, str], field: str) -> None:
    with pytest.raises(InvalidInputError, match=field) as caught:
        read(**{"region": "cn-north-4", **arguments})
    assert "SECRET" not in str(caught.value)


def test_requests_are_limited_unless_told_otherwise() -> None:
    options = read(region="cn-north-4").options
    assert (options.max_requests_in_flight, options.max_requests_per_second) == (32, 50)


@pytest.mark.parametrize("name", ["max_requests_in_flight", "max_requests_per_second"])
@pytest.mark.parametrize("value", [0, -1, 1001, "many", True, "nan"])
def test_a_limit_out_of_range_is_named(name: str, value: Any) -> None:
    with pytest.raises(InvalidInputError, match=rf"extra\.{name}.*above 0 and at most 1000"):
        read(region="cn-north-4", **{name: value})


def test_half_a_request_in_flight_is_none() -> None:
    with pytest.raises(InvalidInputError, match="whole number"):
        read(region="cn-north-4", max_requests_in_flight=1.5)
