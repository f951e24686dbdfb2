"""New image files in OBS as events that start DAGs."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Hashable, Mapping
from contextlib import aclosing
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any

from airflow.triggers.base import BaseEventTrigger, TriggerEvent

from ims_airflow.exceptions import ImsAirflowError
from ims_airflow.hooks.shared import shared_client
from ims_airflow.protocol.ids import DEFAULT_CONN_ID
from ims_airflow.protocol.obs_listing import ListedObject, list_objects
from ims_airflow.protocol.obs_news import News

if TYPE_CHECKING:
    from ims_airflow.client.aio import AsyncClient


class ObsNewImageFileTrigger(BaseEventTrigger):
    """Watches a bucket for new and for overwritten files; for an ``AssetWatcher``.

    One listing serves all watchers of a bucket and prefix. What was seen is kept in Airflow's asset state
    store and survives restarts. Files that are there when the watcher starts for the first time are not news,
    unless ``existing`` says so. Each event carries the list of all new files of one look, because Airflow can
    leave events that come close together waiting for the next one.

    An object appears in a listing only when its upload is complete.

    :param bucket: the bucket.
    :param prefix: what the keys begin with.
    :param pattern: what the whole key must match (``*``, ``?``, ``[…]``), such as ``exports/*.qcow2``.
    :param ims_conn_id: Connection of type ``huaweicloud_ims``.
    :param region: overrides the Connection's region.
    :param poll_interval: seconds between two listings.
    :param existing: whether files that were there before are news.
    """

    def __init__(
        self,
        bucket: str,
        prefix: str = "",
        pattern: str = "*",
        *,
        ims_conn_id: str = DEFAULT_CONN_ID,
        region: str | None = None,
        poll_interval: float = 60.0,
        existing: bool = False,
    ) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.bucket = bucket
        self.prefix = prefix
        self.pattern = pattern
        self.ims_conn_id = ims_conn_id
        self.region = region
        self.poll_interval = poll_interval
        self.existing = existing

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Return class path and arguments."""
        names = ("bucket", "prefix", "pattern", "ims_conn_id", "region", "poll_interval", "existing")
        path = f"{type(self).__module__}.{type(self).__qualname__}"
        return path, {name: getattr(self, name) for name in names}

    def shared_stream_key(self) -> Hashable:
        """Return what watchers must have in common to share one listing."""
        return ("obs", self.ims_conn_id, self.region, self.bucket, self.prefix, self.poll_interval)

    @classmethod
    async def open_shared_stream(cls, kwargs: dict[str, Any]) -> AsyncGenerator[list[ListedObject], None]:
        """List the bucket again and again; trouble is logged once and waited out, never raised."""
        asking = cls(**kwargs)
        while True:
            try:
                async with (
                    shared_client(asking.ims_conn_id, asking.region) as client,
                    aclosing(asking._listings(client)) as listings,
                ):
                    async for listed in listings:
                        yield listed
            except Exception as error:  # noqa: BLE001  # what escapes would end all watchers of this listing
                asking._warn(str(error) if isinstance(error, ImsAirflowError) else type(error).__name__)
            await asyncio.sleep(asking.poll_interval)

    async def _listings(self, client: AsyncClient) -> AsyncGenerator[list[ListedObject], None]:
        # One client for all looks: it remembers that keys were refused, and does not send them again.
        while True:
            try:
                listed = await client.run(list_objects(self.bucket, self.prefix))
            except ImsAirflowError as error:
                self._warn(str(error))
            else:
                self._said = ""
                yield listed
            await asyncio.sleep(self.poll_interval)

    def _warn(self, words: str) -> None:
        if words != self._said:
            self.log.warning("Cannot list %s just now, keeping at it: %s", self.bucket, words)
            self._said = words

    _said = ""

    async def filter_shared_stream(
        self, stream: AsyncIterator[list[ListedObject]]
    ) -> AsyncGenerator[TriggerEvent, None]:
        """Turn listings into events about what is new for this watcher."""
        news = News.recall(await self._load(), existing=self.existing)
        async for listed in stream:
            new = news.of([file for file in listed if fnmatchcase(file.key, self.pattern)])
            if new:
                yield TriggerEvent(_payload(self.bucket, new))  # type: ignore[no-untyped-call]
            if news.changed:
                await self._save(news.memo())  # after the event: better told twice than never

    async def run(self) -> AsyncGenerator[TriggerEvent, None]:
        """Watch alone, where Airflow shares no stream."""
        async with (
            aclosing(self.open_shared_stream(self.serialize()[1])) as stream,
            aclosing(self.filter_shared_stream(stream)) as events,
        ):
            async for event in events:
                yield event

    async def _load(self) -> Any:
        store = getattr(self, "asset_state_store", None)
        return await store.aget("seen") if store is not None else None

    async def _save(self, memo: Mapping[str, Any]) -> None:
        store = getattr(self, "asset_state_store", None)
        if store is not None:
            await store.aset("seen", dict(memo))


def _payload(bucket: str, files: list[ListedObject]) -> dict[str, Any]:
    rows = [
        {
            "image_url": f"{bucket}:{file.key}",
            "bucket": bucket,
            "key": file.key,
            "size": file.size,
            "etag": file.etag,
            "last_modified": file.last_modified,
        }
        for file in files
    ]
    return {"files": rows}
