"""What Airflow asks the package about itself."""

from __future__ import annotations

from typing import Any

from ims_airflow import __version__
from ims_airflow.connection_form import CONNECTION_TYPE


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
        "asset-uris": [_asset_uri("obs"), _asset_uri("ims")],
        "connection-types": [CONNECTION_TYPE],
    }


def _modules(*names: str) -> dict[str, Any]:
    return {"integration-name": "Huawei Cloud Image Management Service", "python-modules": list(names)}


def _asset_uri(scheme: str) -> dict[str, Any]:
    module = f"ims_airflow.assets.{scheme}"
    return {
        "schemes": [scheme],
        "handler": f"{module}.sanitize_uri",
        "factory": f"{module}.create_asset",
        "to_openlineage_converter": f"{module}.to_openlineage",
    }
