"""The form of the Connection in Airflow's UI, as the provider's metadata describes it.

Airflow draws the standard fields with placeholders, those of the extra without: in their place it offers
the ``examples`` of a text field while one types. What the form lets through is checked where the Connection
is read; the form itself refuses nothing that is allowed there.
"""

from __future__ import annotations

from typing import Any

REGIONS = ["cn-north-4", "cn-east-3", "cn-south-1", "ap-southeast-1", "ap-southeast-3", "eu-west-101"]


def _text(label: str, description: str, *examples: str, **schema: Any) -> dict[str, Any]:
    offered = {"examples": list(examples)} if examples else {}
    kind = {"type": ["string", "null"], **offered, **schema}
    return {"label": label, "description": description, "schema": kind}


def _choice(label: str, description: str, *choices: str) -> dict[str, Any]:
    return _text(label, description, enum=list(choices), default=choices[0])


def _number(label: str, description: str, kind: str, least: float, most: float) -> dict[str, Any]:
    schema = {"type": [kind, "null"], "minimum": least, "maximum": most}
    return {"label": label, "description": description, "schema": schema}


CONNECTION_TYPE: dict[str, Any] = {
    "connection-type": "huaweicloud_ims",
    "hook-class-name": "ims_airflow.hooks.ims.ImsHook",
    "hook-name": "Huawei Cloud IMS",
    "ui-field-behaviour": {
        "hidden-fields": ["host", "schema", "port"],
        "relabeling": {"login": "Access key (AK) or IAM user", "password": "Secret key (SK) or password"},
        "placeholders": {
            "login": "the AK, or the IAM user's name; empty for the ECS agency",
            "password": "the SK, or the user's password; never shown again",
        },
    },
    "conn-fields": {
        "region": _text("Region", "Where images and buckets lie, such as cn-north-4.", *REGIONS),
        "project_id": _text(
            "Project id",
            "32 hexadecimal digits, from the console's page My Credentials. Empty: looked up by the region.",
            "0123456789abcdef0123456789abcdef",
        ),
        "auth": _choice(
            "Authentication",
            "aksk: login and password are an access key. password: they are an IAM user's. "
            "metadata: the agency of the ECS that Airflow runs on, both stay empty.",
            "aksk",
            "password",
            "metadata",
        ),
        "domain_name": _text(
            "Account name", "Only for password: the account that the IAM user belongs to.", "my-account"
        ),
        "security_token": _text(
            "Security token",
            "Only for a temporary access key: the token that came with it.",
            format="password",
        ),
        "agency_name": _text(
            "Agency to assume",
            "Agency of another account that trusts this one: images are then made in that account. "
            "Works with each authentication. Empty: nothing is assumed.",
            "image-import",
        ),
        "agency_domain_name": _text(
            "Delegating account", "Name of the account that created the agency.", "their-account"
        ),
        "agency_domain_id": _text(
            "Delegating account's id",
            "In place of its name, or beside it.",
            "0123456789abcdef0123456789abcdef",
        ),
        "agency_duration_seconds": _number(
            "Life of the agency's key",
            "Seconds, 3600 when empty. The key is renewed before it ends.",
            "integer",
            900,
            86_400,
        ),
        "ims_endpoint": _text(
            "IMS endpoint",
            "Full URL, for other clouds and for the emulator. Empty: the region's own.",
            "https://ims.cn-north-4.myhuaweicloud.com",
            "http://127.0.0.1:8090",
        ),
        "obs_endpoint": _text(
            "OBS endpoint",
            "Full URL without a bucket. Empty: the region's own.",
            "https://obs.cn-north-4.myhuaweicloud.com",
            "http://127.0.0.1:8090",
        ),
        "iam_endpoint": _text(
            "IAM endpoint",
            "Full URL. Empty: the region's own.",
            "https://iam.cn-north-4.myhuaweicloud.com",
            "http://127.0.0.1:8090",
        ),
        "metadata_endpoint": _text(
            "Metadata endpoint",
            "Only for metadata: full URL of the ECS metadata service. Empty: the usual one.",
            "http://169.254.169.254",
        ),
        "obs_addressing": _choice(
            "OBS addressing",
            "virtual: bucket.endpoint. path: endpoint/bucket, for servers that know no virtual hosts.",
            "virtual",
            "path",
        ),
        "verify": _text(
            "Verify TLS",
            "true, false (dangerous), or the path of a CA bundle on every machine of Airflow.",
            "true",
            "false",
            "/etc/ssl/certs/ca-certificates.crt",
            default="true",
        ),
        "connect_timeout": _number("Connect time-out", "Seconds, 10 when empty.", "number", 0, 3600),
        "read_timeout": _number(
            "Read time-out", "Seconds between two bytes of an answer, 60 when empty.", "number", 0, 3600
        ),
        "max_requests_in_flight": _number(
            "Requests in flight",
            "To IMS and IAM, by one process at a time; 32 when empty.",
            "integer",
            1,
            1000,
        ),
        "max_requests_per_second": _number(
            "Requests per second", "To IMS and IAM, by one process; 50 when empty.", "number", 0, 1000
        ),
    },
}
