from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from scripted import Answer, Clock, ok, run

from ims_airflow.doctor.check import Check
from ims_airflow.doctor.examination import examine
from ims_airflow.exceptions import (
    AccessDeniedError,
    AuthenticationError,
    InvalidInputError,
    NotSentError,
    RequestRejectedError,
    ServiceError,
    UnusableAnswerError,
)
from ims_airflow.protocol.account import Account
from ims_airflow.protocol.credentials import AccessKey, Delegation, EcsAgency, Identity, Password
from ims_airflow.protocol.endpoints import endpoints_for
from ims_airflow.protocol.message import Call, Response, Service

REGION = "cn-north-4"
BUCKETS = (
    b"<R xmlns='x'><Buckets><Bucket><Name>a</Name></Bucket><Bucket><Name>b</Name></Bucket></Buckets></R>"
)
DENIED = AccessDeniedError("no", status=403)
REFUSED = AuthenticationError("wrong", status=401)
Answers = dict[str, Answer]


def quota(used: int, limit: int) -> Response:
    return ok({"quotas": {"resources": [{"type": "image", "used": used, "quota": limit}]}})


def projects(*ids: str) -> Response:
    return ok({"projects": [{"id": one, "name": REGION} for one in ids]})


class Cloud:
    """Answers by path, remembers what was asked with a credential."""

    def __init__(self, **answers: Answer) -> None:
        self.asked: list[str] = []
        self.answers: Answers = {
            "projects": projects("p1"),
            "cloudimages": ok({"images": []}),
            "quota": quota(3, 100),
            "buckets": Response(200, {}, BUCKETS),
            "securitytokens": ok({"credential": {"access": "T", "secret": "S", "securitytoken": "X"}}, 201),
            "tokens": ok({"token": {}}, 401),
            **answers,
        }

    def __call__(self, call: Call) -> Answer:
        name = call.path.rpartition("/")[2] or "buckets"
        if call.signed or call.credential or name == "tokens":
            self.asked.append(name)
            return self.answers[name]
        return self.answers.get(f"reach_{call.service}", REFUSED)


def checks(cloud: Callable[[Call], Answer], identity: Identity | None = None, **how: Any) -> dict[str, Check]:
    region, project_id = how.get("region", REGION), how.get("project_id", "p1")
    account = Account(
        identity or AccessKey("AK", "SK"), endpoints_for(REGION), region=region, project_id=project_id
    )
    found = run(examine(account, verify=True, clock=Clock()), cloud)
    assert len({check.name for check in found}) == len(found)
    return {check.name: check for check in found}


def statuses(found: dict[str, Check], *names: str) -> list[str]:
    return [found[name].status for name in names]


RIGHTS = ("ims:images:list", "ims:quotas:get", "obs:bucket:ListAllMyBuckets")


def test_everything_in_order() -> None:
    found = checks(cloud := Cloud())
    assert {check.status for check in found.values()} == {"ok", "skipped"}
    skipped = {name for name, check in found.items() if check.status == "skipped"}
    not_tried = {"ims:dataImages:create", "ims:imageJobs:getPercentage", "obs:object:GetObject"}
    not_tried |= {"ims:images:get", "obs:bucket:HeadBucket", "obs:bucket:ListBucket"}
    not_tried |= {"obs:bucket:ListBucketMultipartUploads"}
    assert skipped == {"clock", *not_tried}
    assert "2 buckets" in found["obs:bucket:ListAllMyBuckets"].message
    assert cloud.asked == ["projects", "cloudimages", "quota", "buckets"]


def test_every_permission_of_the_policies_is_tried_or_named() -> None:
    files = sorted((Path(__file__).parents[3] / "docker").glob("iam-policy-*.json"))
    statements = [one for path in files for one in json.loads(path.read_text())["Statement"]]
    actions = {action for one in statements for action in one["Action"]}
    assert actions
    # Needed to look the project up, which the region's check tells.
    assert actions - {"iam:projects:listProjects"} <= checks(Cloud()).keys()


def test_wrong_keys_are_sent_once() -> None:
    found = checks(cloud := Cloud(projects=REFUSED))
    assert cloud.asked == ["projects"]
    assert found["keys"].status == "failed"
    assert "IAM refuses it" in found["keys"].message
    assert set(statuses(found, "region", "project", *RIGHTS)) == {"skipped"}


def test_a_missing_permission_is_no_wrong_key() -> None:
    found = checks(Cloud(cloudimages=DENIED, quota=DENIED, buckets=DENIED))
    assert statuses(found, "keys", *RIGHTS) == ["ok", "failed", "warning", "warning"]
    assert "The keys are right" in found["ims:images:list"].message


def test_a_code_that_is_sent_with_403_is_a_missing_permission_too() -> None:
    error = RequestRejectedError("no", status=403, code="IMG.9999")
    assert "is missing" in checks(Cloud(cloudimages=error))["ims:images:list"].message


def test_projects_that_may_not_be_listed_matter_only_without_an_id() -> None:
    given = checks(Cloud(projects=DENIED))
    assert statuses(given, "keys", "region", "project", "ims:images:list") == ["ok", "skipped", "ok", "ok"]
    without = checks(Cloud(projects=DENIED), project_id="")
    assert statuses(without, "keys", "region", "project", "ims:images:list") == [
        "ok",
        "skipped",
        "failed",
        "skipped",
    ]
    assert "Set project_id" in without["project"].message


@pytest.mark.parametrize(
    ("ids", "given", "region", "project", "words"),
    [
        (["p1"], "", "ok", "ok", "accepts the project p1"),
        ([], "", "failed", "failed", "the region has none"),
        ([], "p1", "failed", "ok", "p1"),
        (["a", "b"], "", "ok", "failed", "several, a, b"),
        (["a", "p1"], "p1", "ok", "ok", "p1"),
        (["a"], "p1", "ok", "warning", "the region's own project is a"),
    ],
)
def test_region_and_project(ids: list[str], given: str, region: str, project: str, words: str) -> None:
    found = checks(Cloud(projects=projects(*ids)), project_id=given)
    assert statuses(found, "region", "project") == [region, project]
    assert words in found["project"].message


def test_a_refused_project_is_told_from_a_missing_permission() -> None:
    frozen = AccessDeniedError("unavailable", status=403, code="APIGW.0310")
    found = checks(Cloud(cloudimages=frozen, quota=frozen))
    assert statuses(found, "keys", "project", *RIGHTS) == ["ok", "failed", "skipped", "skipped", "ok"]


def test_without_a_region_nothing_is_looked_up() -> None:
    found = checks(cloud := Cloud(), region="")
    assert "projects" not in cloud.asked
    assert statuses(found, "region", "project") == ["skipped", "ok"]


def test_a_service_that_does_not_answer_leaves_the_others_alone() -> None:
    found = checks(Cloud(reach_ims=NotSentError("<Request GET x>: refused")))
    assert statuses(found, "ims", "iam", "obs", "keys", *RIGHTS) == [
        "failed",
        "ok",
        "ok",
        "ok",
        "skipped",
        "skipped",
        "ok",
    ]
    assert "ims_endpoint" in found["ims"].message


def test_trouble_a_bad_certificate_and_a_redirect() -> None:
    found = checks(
        Cloud(
            reach_ims=ServiceError("down", status=503),
            reach_iam=InvalidInputError("verify: the TLS certificate is not trusted"),
            reach_obs=UnusableAnswerError("a redirect"),
        )
    )
    assert statuses(found, "ims", "iam", "obs") == ["warning", "failed", "failed"]
    assert "iam_endpoint" not in found["iam"].message  # the certificate is the point


def test_a_quota_that_is_used_up_is_worth_a_warning() -> None:
    assert checks(Cloud(quota=quota(100, 100)))["quota"].status == "warning"
    assert "nothing limits" in checks(Cloud(quota=quota(5, -1)))["quota"].message


def test_other_trouble_with_a_question() -> None:
    odd = UnusableAnswerError("HTML")
    found = checks(Cloud(projects=odd, cloudimages=odd, quota=odd, buckets=odd), project_id="p1")
    assert statuses(found, "keys", "region", *RIGHTS) == ["skipped", "warning", "failed", "warning", "failed"]


def test_the_date_of_an_answer_sets_the_clock_right() -> None:
    late = AuthenticationError("no", status=401, date="Tue, 14 Nov 2023 23:13:20 GMT")  # an hour later
    answer = Response(200, {"date": "Tue, 14 Nov 2023 22:13:20 GMT"}, b"")
    found = checks(Cloud(reach_ims=late, reach_obs=answer))
    assert "3600 s behind" in found["clock"].message


AGENCY = Delegation(AccessKey("AK", "SK"), "ops", "acme")


def test_an_agency_is_a_check_of_its_own() -> None:
    found = checks(cloud := Cloud(), AGENCY)
    assert statuses(found, "keys", "agency") == ["ok", "ok"]
    assert cloud.asked == ["securitytokens", "projects", "cloudimages", "quota", "buckets"]


def test_a_refused_agency_is_no_wrong_key() -> None:
    found = checks(cloud := Cloud(securitytokens=DENIED), AGENCY)
    assert statuses(found, "keys", "agency", *RIGHTS) == ["ok", "failed", "skipped", "skipped", "skipped"]
    assert found["keys"].message.endswith("IAM: an access key.")
    assert cloud.asked == ["securitytokens"]


def test_a_wrong_key_below_an_agency() -> None:
    found = checks(cloud := Cloud(securitytokens=REFUSED), AGENCY)
    assert found["keys"].status == "failed"
    assert "agency" not in found
    assert cloud.asked == ["securitytokens"]


def test_a_wrong_password_is_sent_once() -> None:
    who = Password("acme", "bob", "SECRET")
    found = checks(cloud := Cloud(tokens=REFUSED), who)
    assert cloud.asked == ["tokens"]
    assert found["keys"].status == "failed"
    assert "SECRET" not in " ".join(check.message for check in found.values())


def test_no_iam_no_token() -> None:
    found = checks(cloud := Cloud(reach_iam=NotSentError("refused")), Password("acme", "bob", "pw"))
    assert cloud.asked == []
    assert "IAM does not answer" in found["keys"].message


def test_no_metadata_service_no_key() -> None:
    def cloud(call: Call) -> Answer:
        return (
            NotSentError("<Request PUT http://169.254.169.254/>: no")
            if call.service is Service.METADATA
            else REFUSED
        )

    found = checks(cloud, EcsAgency())
    assert found["keys"].status == "failed"
    assert "169.254.169.254" in found["keys"].message
    assert found["ims:images:list"].message.endswith("there are no keys.")
