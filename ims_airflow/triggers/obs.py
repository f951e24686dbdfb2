"""Waiting for image files in the triggerer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ims_airflow.protocol.image_file import ImageFileWatch
from ims_airflow.protocol.image_url import parse_image_url
from ims_airflow.protocol.obs import StoredObject
from ims_airflow.protocol.polling import PollPolicy
from ims_airflow.triggers.base import WatchTrigger


class ObsImageFileTrigger(WatchTrigger[StoredObject]):
    """Waits until an image file lies in OBS and is fit for IMS.

    :param image_url: ``bucket:key``.
    :param kwargs: as of :class:`~ims_airflow.triggers.base.WatchTrigger`.
    """

    subject = "image_url"

    def __init__(self, image_url: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.image_url = image_url

    def arguments(self) -> dict[str, Any]:
        """Return the arguments of this class."""
        return {"image_url": self.image_url}

    def watch(self, policy: PollPolicy, started: float, region: str) -> ImageFileWatch:
        """Return the watch of the file."""
        url = parse_image_url(self.image_url)
        return ImageFileWatch(url, region=region, policy=policy, started=started, log=self.log)

    def result(self, found: StoredObject) -> Mapping[str, Any]:
        """Return what is known of the file."""
        return found.as_dict()
