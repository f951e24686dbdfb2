from __future__ import annotations

import json

import pytest

from ims_airflow.doctor.check import failed, ok
from ims_airflow.doctor.report import Report, version_check, versions
from ims_airflow.doctor.source import find_source
from ims_airflow.exceptions import InvalidInputError
from ims_airflow.inspection.access import plain_variables
from ims_airflow.protocol.credentials import AccessKey, Delegation
from ims_airflow.protocol.endpoints import endpoints_for
from ims_airflow.protocol.ids import DEFAULT_CONN_ID

SDK = {"HUAWEICLOUD_SDK_AK": "ak", "HUAWEICLOUD_SDK_SK": "sk"}
TERRAFORM = {"HW_ACCESS_KEY": "tf-ak", "HW_SECRET_KEY": "tf-sk"}
VARIABLE = "AIRFLOW_CONN_HUAWEICLOUD_IMS_DEFAULT"
CONNECTION = json.dumps({"login": "conn-ak", "password": "conn-sk", "extra": {"region": "r"}})


def test_the_variables_of_the_terraform_provider() -> None:
    given = {
        **TERRAFORM,
        "HW_REGION_NAME": "r",
        "HW_SECURITY_TOKEN": "st",
        "HW_PROJECT_ID": "p",
        "HW_ASSUME_ROLE_AGENCY_NAME": "ops",
        "HW_ASSUME_ROLE_DOMAIN_NAME": "acme",
    }
    profile = find_source(None, given).read()
    assert profile.identity == Delegation(AccessKey("tf-ak", "tf-sk", "st"), "ops", "acme")
    assert (profile.region, profile.project_id) == ("r", "p")


def test_families_are_never_mixed() -> None:
    found = plain_variables(
        "c", {**SDK, **TERRAFORM, "HW_SECURITY_TOKEN": "of the other key", "HUAWEICLOUD_REGION": "r"}
    )
    assert found is not None
    assert (found.login, found.extra) == ("ak", '{"region": "r"}')
    assert plain_variables("c", {"HUAWEICLOUD_SDK_AK": "ak", "HW_SECRET_KEY": "sk"}) is None


def test_a_connection_comes_before_the_plain_variables() -> None:
    source = find_source(None, {**SDK, VARIABLE: CONNECTION, "HW_REGION_NAME": "elsewhere"})
    assert (source.conn_id, source.origin) == (DEFAULT_CONN_ID, VARIABLE)
    assert source.read().identity == AccessKey("conn-ak", "conn-sk")


def test_plain_variables_never_stand_in_for_a_connection_that_is_named() -> None:
    assert find_source("prod", {**SDK, "HW_REGION_NAME": "r"}).origin == "Airflow"
    assert find_source("prod", {"AIRFLOW_CONN_PROD": CONNECTION}).origin == "AIRFLOW_CONN_PROD"


def test_an_incomplete_or_unreadable_connection_is_told() -> None:
    with pytest.raises(InvalidInputError, match=r"extra\.region"):
        find_source(None, SDK).read()
    with pytest.raises(InvalidInputError, match=VARIABLE):
        find_source(None, {VARIABLE: "{"})


@pytest.mark.parametrize(
    ("airflow", "status"), [("3.3.2", "ok"), ("3.10.0rc1", "ok"), ("3.2.9", "failed"), (None, "failed")]
)
def test_versions(airflow: str | None, status: str) -> None:
    assert version_check({"ims-airflow": "1", "python": "3.11", "airflow": airflow}).status == status
    assert version_check(versions()).status == "ok"


def test_a_report_is_one_json_object() -> None:
    report = Report("c", "Airflow", endpoints_for("r"), (ok("a", "Fine."), failed("b", "Broken.")))
    found = json.loads(json.dumps(report.as_dict()))
    assert (found["connection"], found["ok"]) == ("c", False)
    assert found["endpoints"]["ims"] == "https://ims.r.myhuaweicloud.com"
    assert found["checks"][1] == {"name": "b", "status": "failed", "message": "Broken."}
    assert Report("c", "Airflow", None, ()).as_dict()["endpoints"] is None
