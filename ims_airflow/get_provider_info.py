"""What Airflow asks the package about itself."""

from __future__ import annotations

from typing import Any

from ims_airflow import __version__


def get_provider_info() -> dict[str, Any]:
    """Return the provider's metadata; the UI builds the form of the Connection from it."""
    return {
        "package-name": "ims-airflow",
        "name": "Huawei Cloud IMS",
        "description": "Bring disk images from OBS into Huawei Cloud IMS.",
        "versions": [__version__],
        "integrations": [
            {
                "integration-name": "Huawei Cloud Image Management Service",
                "external-doc-url": "https://support.huaweicloud.com/ims/",
                "tags": ["service"],
            }
        ],
        "operators": [_modules("ims_airflow.operators.ims")],
        "sensors": [_modules("ims_airflow.sensors.ims", "ims_airflow.sensors.obs")],
        "hooks": [_modules("ims_airflow.hooks.ims", "ims_airflow.hooks.obs")],
        "triggers": [
            _modules("ims_airflow.triggers.ims", "ims_airflow.triggers.obs", "ims_airflow.triggers.obs_event")
        ],
        "extra-links": ["ims_airflow.links.console.ImsImageLink", "ims_airflow.links.console.ObsObjectLink"],
        "connection-types": [_CONNECTION_TYPE],
    }


def _modules(*names: str) -> dict[str, Any]:
    return {"integration-name": "Huawei Cloud Image Management Service", "python-modules": list(names)}


def _field(label: str, description: str, **schema: Any) -> dict[str, Any]:
    return {"label": label, "description": description, "schema": {"type": ["string", "null"], **schema}}


_CONNECTION_TYPE: dict[str, Any] = {
    "connection-type": "huaweicloud_ims",
    "hook-class-name": "ims_airflow.hooks.ims.ImsHook",
    "hook-name": "Huawei Cloud IMS",
    "ui-field-behaviour": {
        "hidden-fields": ["host", "schema", "port"],
        "relabeling": {"login": "Access key (AK) or IAM user", "password": "Secret key (SK) or password"},
        "placeholders": {"login": "the AK, or the IAM user's name", "password": "never shown again"},
    },
    "conn-fields": {
        "region": _field("Region", "Region of images and buckets, such as cn-north-4."),
        "project_id": _field("Project id", "Looked up from the region when empty."),
        "auth": _field(
            "Authentication",
            "aksk: access key. password: IAM user. metadata: agency of the ECS that Airflow runs on.",
            enum=["aksk", "password", "metadata"],
            default="aksk",
        ),
        "domain_name": _field("Account name", "Only for password: the account that the IAM user belongs to."),
        "security_token": _field("Security token", "Only for a temporary access key.", format="password"),
        "ims_endpoint": _field("IMS endpoint", "Full URL, for other clouds. Empty: the region's own."),
        "obs_endpoint": _field("OBS endpoint", "Full URL, for other clouds. Empty: the region's own."),
        "iam_endpoint": _field("IAM endpoint", "Full URL, for other clouds. Empty: the region's own."),
        "obs_addressing": _field(
            "OBS addressing",
            "virtual: bucket.endpoint. path: endpoint/bucket, for servers that know no virtual hosts.",
            enum=["virtual", "path"],
            default="virtual",
        ),
        "verify": _field("Verify TLS", "true, false, or the path of a CA bundle.", default="true"),
        "connect_timeout": _field("Connect time-out", "Seconds, 10 when empty."),
        "read_timeout": _field("Read time-out", "Seconds between two bytes of an answer, 60 when empty."),
        "max_requests_in_flight": _field(
            "Requests in flight",
            "To IMS and IAM, by one process at a time: a whole number from 1 to 1000, 32 when empty.",
        ),
        "max_requests_per_second": _field(
            "Requests per second",
            "To IMS and IAM, by one process: a number above 0 and at most 1000, 50 when empty.",
        ),
    },
}
