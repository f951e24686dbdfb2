"""Waiting for image files in the triggerer."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, Unpack
from weakref import WeakKeyDictionary

from ims_airflow.arguments import WatchTriggerArguments
from ims_airflow.protocol.image_file import Expectation, FoundFiles
from ims_airflow.protocol.image_file_watch import ImageFileWatch
from ims_airflow.protocol.image_url import parse_image_url
from ims_airflow.protocol.obs_folder import Folders
from ims_airflow.protocol.polling import PollPolicy
from ims_airflow.triggers.base import WatchTrigger, shared_policy
from ims_airflow.triggers.logs import shared_log

if TYPE_CHECKING:
    from ims_airflow.client.aio import AsyncClient

_FOLDERS: WeakKeyDictionary[AsyncClient, Folders] = WeakKeyDictionary()


class ObsImageFileTrigger(WatchTrigger[FoundFiles]):
    """Waits until image files lie in OBS, whole and fit for IMS.

    :param image_url: ``bucket:key``; ``*``, ``?`` and ``[…]`` in the key make it a pattern.
    :param expectation: when an upload counts as finished, the fields of
        :class:`~ims_airflow.protocol.image_file.Expectation`.
    :param longest_interval: seconds up to which the poll interval grows, None for one that stays.
    :param kwargs: as of :class:`~ims_airflow.triggers.base.WatchTrigger`.
    """

    subject = "image_url"

    def __init__(
        self,
        image_url: str,
        *,
        expectation: dict[str, Any] | None = None,
        longest_interval: float | None = None,
        **kwargs: Unpack[WatchTriggerArguments],
    ) -> None:
        super().__init__(**kwargs)
        self.image_url = image_url
        self.expectation = expectation or asdict(Expectation())
        self.longest_interval = longest_interval

    def arguments(self) -> dict[str, Any]:
        """Return the arguments of this class."""
        names = ("image_url", "expectation", "longest_interval")
        return {name: getattr(self, name) for name in names}

    def policy(self) -> PollPolicy:
        """Return when to look again."""
        return shared_policy(self.poll_interval or 60.0, self.longest_interval)

    def watch(self, policy: PollPolicy, started: float, region: str) -> ImageFileWatch:
        """Return the watch of the file."""
        return ImageFileWatch(
            parse_image_url(self.image_url),
            region=region,
            policy=policy,
            started=started,
            log=shared_log(self),
            expectation=Expectation(**self.expectation),
        )

    @contextmanager
    def beside(self, watch: ImageFileWatch, client: AsyncClient) -> Iterator[None]:
        """Let those who wait for files of one folder list it together."""
        with _FOLDERS.setdefault(client, Folders()).visit(*watch.place) as watch.folder:
            yield

    def result(self, found: FoundFiles) -> Any:
        """Return what is known of the files."""
        return found.value()
