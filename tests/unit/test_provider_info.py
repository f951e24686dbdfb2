from __future__ import annotations

import importlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import airflow
import jsonschema
import pytest

from ims_airflow.exceptions import InvalidInputError
from ims_airflow.get_provider_info import get_provider_info
from ims_airflow.hooks.connection import FIELDS as KNOWN
from ims_airflow.hooks.connection import read_connection
from ims_airflow.hooks.ims import ImsHook

INFO = get_provider_info()
[CONNECTION] = INFO["connection-types"]
DESIGNED = {
    "region",
    "project_id",
    "security_token",
    "auth",
    "domain_name",
    "ims_endpoint",
    "obs_endpoint",
    "iam_endpoint",
    "metadata_endpoint",
    "obs_addressing",
    "verify",
    "connect_timeout",
    "read_timeout",
    "agency_name",
    "agency_domain_name",
    "agency_domain_id",
    "agency_duration_seconds",
    "max_requests_in_flight",
    "max_requests_per_second",
}
FIELDS: dict[str, dict[str, Any]] = CONNECTION["conn-fields"]
SECRET = {"security_token"}
NUMBERS = {
    "connect_timeout",
    "read_timeout",
    "agency_duration_seconds",
    "max_requests_in_flight",
    "max_requests_per_second",
}


@dataclass
class Form:
    conn_id: str
    login: str | None
    password: str | None
    extra: str | None


def schema(name: str) -> Any:
    return json.loads((Path(str(airflow.__file__)).parent / name).read_text())


def test_airflow_accepts_the_metadata() -> None:
    jsonschema.validate(INFO, schema("provider_info.schema.json"))
    kinds = schema("provider.yaml.schema.json")["properties"]["connection-types"]
    jsonschema.validate(INFO["connection-types"], kinds)


def test_the_form_shows_every_field_with_label_and_help() -> None:
    fields = CONNECTION["conn-fields"]
    assert fields.keys() >= DESIGNED
    assert all(field["label"] and field["description"] for field in fields.values())
    assert fields["security_token"]["schema"]["format"] == "password"


def test_the_form_shows_no_other_field_and_hides_what_nobody_needs() -> None:
    assert FIELDS.keys() == DESIGNED
    behaviour = CONNECTION["ui-field-behaviour"]
    assert set(behaviour["hidden-fields"]) == {"host", "schema", "port"}
    assert behaviour["relabeling"].keys() == {"login", "password"}
    assert behaviour["placeholders"].keys() == {"login", "password"}  # Airflow drops all others


def test_the_form_shows_what_is_read_of_a_connection() -> None:
    assert FIELDS.keys() == KNOWN


def test_every_text_offers_examples_in_place_of_a_placeholder() -> None:
    texts = FIELDS.keys() - SECRET - NUMBERS
    assert all(FIELDS[name]["schema"].keys() & {"examples", "enum"} for name in texts)
    masked = {name for name, field in FIELDS.items() if field["schema"].get("format") == "password"}
    assert masked == SECRET


def test_every_field_may_stay_empty() -> None:
    assert all("null" in field["schema"]["type"] for field in FIELDS.values())


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("region", "a-region-of-another-cloud"),
        ("project_id", "any-id"),
        ("auth", "metadata"),
        ("obs_addressing", "path"),
        ("verify", "/path/of/a/bundle.pem"),
        ("ims_endpoint", "http://[::1]:8090"),
        ("connect_timeout", 0.05),
        ("read_timeout", 3600),
        ("agency_duration_seconds", 86_400),
    ],
)
def test_the_form_lets_through_what_the_reader_takes(name: str, value: object) -> None:
    jsonschema.validate(value, FIELDS[name]["schema"])
    extra = {"region": "r", name: value}
    if name != "verify":  # that bundle does not exist here
        agency = {"agency_name": "a", "agency_domain_id": "d"} if name.startswith("agency") else {}
        assert read_connection(Form("c", "AK", "SK", json.dumps(extra | agency)))


def test_numbers_have_the_limits_of_the_reader() -> None:
    for name in NUMBERS:
        beyond = FIELDS[name]["schema"]["maximum"] + 1
        extra = {"region": "r", "agency_name": "a", "agency_domain_id": "d", name: beyond}
        with pytest.raises(InvalidInputError, match=name):
            read_connection(Form("c", "AK", "SK", json.dumps(extra)))


def test_the_hook_and_the_metadata_agree() -> None:
    assert CONNECTION["connection-type"] == ImsHook.conn_type == "huaweicloud_ims"
    assert CONNECTION["hook-name"] == ImsHook.hook_name


@pytest.mark.parametrize("kind", ["operators", "sensors", "hooks", "triggers"])
def test_every_named_module_exists(kind: str) -> None:
    for entry in INFO[kind]:
        for module in entry["python-modules"]:
            importlib.import_module(module)


def test_every_named_link_exists() -> None:
    for path in INFO["extra-links"]:
        module, _, name = path.rpartition(".")
        assert getattr(importlib.import_module(module), name).name
