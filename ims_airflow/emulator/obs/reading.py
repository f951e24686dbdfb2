"""HEAD and GET of an object."""

from __future__ import annotations

import re
from collections.abc import Iterator

from ims_airflow.emulator import refusals
from ims_airflow.emulator.obs.store import ARCHIVED, StoredObject
from ims_airflow.emulator.wire import Ask, Reply, Stretch
from ims_airflow.emulator.world import World
from ims_airflow.protocol.signing import http_date

_RANGE = re.compile(r"bytes=(\d*)-(\d*)")
_ALGORITHM = "x-obs-server-side-encryption-customer-algorithm"


def head_object(ask: Ask, stored: StoredObject, world: World) -> Reply:
    """Answer HEAD: everything about the object but its bytes."""
    _check_customer_key(ask, stored)
    return Reply(200, object_headers(stored, world), length=stored.size)


def get_object(ask: Ask, stored: StoredObject, world: World) -> Reply:
    """Answer GET: the object, or a range of it."""
    _check_customer_key(ask, stored)
    if stored.storage_class in ARCHIVED and not _restored(stored, world):
        raise refusals.obs(403, "InvalidObjectState", "The object is archived and has not been restored.")
    headers = object_headers(stored, world)
    span = _span(ask.header("range"), stored.size)
    if span is None:
        return Reply(200, headers, stretches=stored.stretches)
    start, end = span
    if start >= stored.size:
        if world.settings.range_beyond_end == "whole":
            return Reply(200, headers, stretches=stored.stretches)
        raise refusals.obs(416, "InvalidRange", "The requested range cannot be satisfied.")
    headers["Content-Range"] = f"bytes {start}-{end - 1}/{stored.size}"
    return Reply(206, headers, stretches=tuple(_cut(stored.stretches, start, end)))


def object_headers(stored: StoredObject, world: World) -> dict[str, str]:
    """Describe an object as HEAD and GET do (OBS API reference, "Querying Object Metadata")."""
    headers = {
        "Content-Type": "binary/octet-stream",
        **stored.headers,
        "ETag": f'"{stored.etag}"',
        "Last-Modified": http_date(stored.modified),
        "Accept-Ranges": "bytes",
    }
    if stored.storage_class != "STANDARD":
        headers["x-obs-storage-class"] = stored.storage_class  # absent for STANDARD
    if stored.appendable:
        headers["x-obs-object-type"] = "Appendable"
        headers["x-obs-next-append-position"] = str(stored.size)
    if stored.upload_id:
        headers["x-obs-uploadId"] = stored.upload_id
    if stored.version_id:
        headers["x-obs-version-id"] = stored.version_id
    if stored.restored_at is not None:
        headers["x-obs-restore"] = _restore_header(stored.restored_at, ready=_restored(stored, world))
    return headers


def _restored(stored: StoredObject, world: World) -> bool:
    return stored.restored_at is not None and stored.restored_at <= world.clock.now()


def _restore_header(restored_at: float, *, ready: bool) -> str:
    if not ready:
        return 'ongoing-request="true"'
    return f'ongoing-request="false", expiry-date="{http_date(restored_at + 24 * 3600)}"'


def _check_customer_key(ask: Ask, stored: StoredObject) -> None:
    if stored.customer_key_md5 and ask.header(f"{_ALGORITHM[:-9]}key-md5") != stored.customer_key_md5:
        raise refusals.obs(
            400, "InvalidEncryptionAlgorithmError", "The object is encrypted with a key that must be shown."
        )


def _span(header: str, size: int) -> tuple[int, int] | None:
    """Read a range as (start, end), end exclusive; None for the whole object."""
    found = _RANGE.fullmatch(header.strip())
    if found is None or found.groups() == ("", ""):
        return None
    first, last = found.groups()
    if not first:
        return max(0, size - int(last)), size
    end = min(size, int(last) + 1) if last else size
    return (int(first), end) if not last or int(last) >= int(first) else None


def _cut(stretches: tuple[Stretch, ...], start: int, end: int) -> Iterator[Stretch]:
    position = 0
    for one in stretches:
        first, last = max(start, position), min(end, position + one.length)
        if first < last:
            yield Stretch(one.path, one.offset + first - position, last - first)
        position += one.length
