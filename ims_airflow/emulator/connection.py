"""The Airflow Connection that leads to an emulated cloud."""

from __future__ import annotations

from typing import Any

from ims_airflow.emulator.settings import Settings


def connection(settings: Settings, url: str, **extra: Any) -> dict[str, Any]:
    """Return the fields of a Connection, as JSON values.

    :param url: the emulator's address.
    :param extra: more keys of the Connection's extra, or other values of the usual ones.
    """
    return {
        "conn_type": "huaweicloud_ims",
        "login": settings.ak,
        "password": settings.sk,
        "extra": {
            "region": settings.region,
            "project_id": settings.project_id,
            "ims_endpoint": url,
            "obs_endpoint": url,
            "iam_endpoint": url,
            "obs_addressing": "path",
            **extra,
        },
    }
