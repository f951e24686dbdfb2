"""What Airflow loads: the page's files and its place in the menu."""

from __future__ import annotations

from airflow.sdk.plugins_manager import AirflowPlugin

from ims_airflow.plugin.files import PageFiles

ROUTE = "ims-images"
_APP = {"name": "IMS images", "app": PageFiles(), "url_prefix": f"/{ROUTE}"}
_VIEW = {
    "name": "IMS images",
    "url_route": ROUTE,
    "category": "browse",
    "destination": "nav",
    # Relative to Airflow's own <base>, so that they also hold below a path of a proxy.
    "href": f"{ROUTE}/",
    "icon": f"{ROUTE}/icon.svg",
    "icon_dark_mode": f"{ROUTE}/icon-dark.svg",
}


class ImsPlugin(AirflowPlugin):
    """Adds the page "IMS images" to the menu "Browse".

    Airflow loads it by the entry point ``airflow.plugins``, in every component; plugins that a provider's
    metadata names are skipped while ``[core] lazy_discover_providers`` has its default.
    """

    name = "ims_airflow"
    fastapi_apps = [_APP]  # noqa: RUF012  # Airflow's own class declares it like this
    external_views = [_VIEW]  # noqa: RUF012
