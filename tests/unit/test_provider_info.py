from __future__ import annotations

import importlib
import json
from pathlib import Path
from typing import Any

import airflow
import jsonschema
import pytest

from ims_airflow.get_provider_info import get_provider_info
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
    "obs_addressing",
    "verify",
    "connect_timeout",
    "read_timeout",
}


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
