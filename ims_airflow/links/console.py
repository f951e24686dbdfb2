"""Links from a task to the Huawei Cloud console."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from airflow.sdk import BaseHook, BaseOperatorLink

from ims_airflow.protocol.image_url import parse_image_url

if TYPE_CHECKING:
    from airflow.sdk import BaseOperator
    from airflow.sdk.types import TaskInstanceKey

CONSOLE = "https://console.huaweicloud.com"
EUROPEAN_CONSOLE = "https://console.eu.huaweicloud.com"


class _ConsoleLink(BaseOperatorLink):
    """A page of the console in the task's region. Written by the worker when the task begins."""

    application = "console"

    def page(self, operator: Any) -> str:
        """Return what follows the ``#`` of the page's address."""
        raise NotImplementedError

    def get_link(self, operator: BaseOperator, *, ti_key: TaskInstanceKey) -> str:  # noqa: ARG002  # Airflow's signature
        """Return the address, empty when the region is unknown or nobody can tell it."""
        try:
            region = _region(operator)
            address = f"{_console(region)}/{self.application}/?region={quote(region)}"
            return f"{address}#{self.page(operator)}" if region else ""
        except Exception:  # noqa: BLE001  # a Connection that is not there, too; the task itself has said so
            return ""


class ImsImageLink(_ConsoleLink):
    """The private images in the IMS console.

    No page of the vendor's tells an address per image, so that the list it is. The list's own stands in the
    IMS product description, 访问方式.
    """

    name = "Image in the IMS console"
    application = "ecm"

    def page(self, operator: Any) -> str:  # noqa: ARG002
        """Return the page of private images."""
        return "/ims/manager/imageList/selfImage"


class ObsObjectLink(_ConsoleLink):
    """The bucket of the image file in the OBS console."""

    name = "File in the OBS console"

    def page(self, operator: Any) -> str:
        """Return the page of the bucket's objects."""
        url = parse_image_url(operator.image_url)
        return f"/obs/manage/{quote(url.bucket)}/object/list"


def _console(region: str) -> str:
    # The European cloud (eu-west-101, Dublin) has accounts, and so a console, of its own.
    return EUROPEAN_CONSOLE if region.startswith("eu-west-1") else CONSOLE


def _region(operator: Any) -> str:
    if region := getattr(operator, "region", None):
        return str(region)
    from ims_airflow.hooks.connection import read_connection

    return read_connection(BaseHook.get_connection(operator.ims_conn_id)).region
