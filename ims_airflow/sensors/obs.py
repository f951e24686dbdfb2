"""Waiting for image files in OBS."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from ims_airflow.links.console import ObsObjectLink
from ims_airflow.protocol.data_image import literal_violations
from ims_airflow.protocol.image_file import ImageFileWatch
from ims_airflow.protocol.image_url import parse_image_url
from ims_airflow.protocol.obs import StoredObject
from ims_airflow.protocol.polling import PollPolicy
from ims_airflow.protocol.validation import raise_for
from ims_airflow.sensors.base import WatchSensor
from ims_airflow.triggers.obs import ObsImageFileTrigger

if TYPE_CHECKING:
    from airflow.sdk import XComArg


class ObsImageFileSensor(WatchSensor[StoredObject]):
    """Waits until an image file lies in OBS and is fit for IMS.

    It must exist, hold more than nothing, be of class STANDARD in a bucket of class STANDARD, and lie in the
    region of the IMS call. A missing permission, a missing bucket and an unfit file fail the task at once;
    network trouble and a service in trouble are waited out.

    Returns a mapping with at least ``bucket``, ``key``, ``size`` (bytes), ``etag``, ``last_modified`` and
    ``storage_class``.

    :param image_url: ``bucket:key``, as IMS spells it (templated).
    :param kwargs: as of :class:`~ims_airflow.sensors.base.WatchSensor` and any Airflow sensor.
    """

    template_fields: Sequence[str] = ("image_url", "ims_conn_id", "region")
    operator_extra_links = (ObsObjectLink(),)
    ui_color = "#e8f0fd"

    def __init__(self, *, image_url: str | XComArg, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        raise_for("ObsImageFileSensor", literal_violations({"image_url": image_url}))
        self.image_url = image_url

    @property
    def _subject(self) -> str:
        return str(parse_image_url(self.image_url))

    def _watch(self, policy: PollPolicy, started: float, region: str) -> ImageFileWatch:
        url = parse_image_url(self.image_url)
        return ImageFileWatch(url, region=region, policy=policy, started=started, log=self.log)

    def _trigger(self, **kwargs: Any) -> ObsImageFileTrigger:
        return ObsImageFileTrigger(self._subject, **kwargs)

    def _result(self, found: StoredObject) -> dict[str, Any]:
        return found.as_dict()
