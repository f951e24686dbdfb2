"""Buckets and objects. Bytes lie in files of a directory; an object is a list of stretches of them."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from ims_airflow.emulator.wire import Spooled, Stretch
from ims_airflow.emulator.world import World

ARCHIVED = frozenset({"COLD", "DEEP_ARCHIVE"})


@dataclass(frozen=True, slots=True)
class StoredObject:
    """One version of an object, or the mark that it was deleted.

    :param modified: epoch seconds.
    :param upload_id: of the multipart upload that made it.
    :param headers: given with the upload and shown again: content type, metadata, encryption.
    :param customer_key_md5: with SSE-C, what a reader must show.
    :param restored_at: when an archived object can be read, None where nobody asked for it.
    """

    key: str
    stretches: tuple[Stretch, ...] = ()
    etag: str = ""
    modified: float = 0.0
    storage_class: str = "STANDARD"
    version_id: str = ""
    upload_id: str = ""
    appendable: bool = False
    headers: Mapping[str, str] = field(default_factory=dict)
    customer_key_md5: str = ""
    restored_at: float | None = None
    deleted: bool = False

    @property
    def size(self) -> int:
        """Number of bytes."""
        return sum(one.length for one in self.stretches)


@dataclass(frozen=True, slots=True)
class Part:
    """One part of a multipart upload."""

    number: int
    stretch: Stretch
    etag: str
    modified: float


@dataclass(slots=True)
class Upload:
    """A multipart upload that is neither completed nor aborted."""

    upload_id: str
    template: StoredObject
    initiated: float
    parts: dict[int, Part] = field(default_factory=dict)


@dataclass(slots=True)
class Bucket:
    """A bucket.

    :param objects: versions of each key, the latest last.
    """

    name: str
    region: str
    storage_class: str
    created: float
    versioned: bool = False
    objects: dict[str, list[StoredObject]] = field(default_factory=dict)
    uploads: dict[str, Upload] = field(default_factory=dict)

    def find(self, key: str, version_id: str = "") -> StoredObject | None:
        """Return an object, None where there is none or its latest version is a deletion."""
        versions = self.objects.get(key, [])
        if version_id:
            return next((one for one in versions if one.version_id == version_id), None)
        return versions[-1] if versions and not versions[-1].deleted else None

    def keys(self) -> list[str]:
        """Return the keys of all objects that are there, sorted as a listing shows them."""
        return sorted((key for key in self.objects if self.find(key)), key=str.encode)


class Store:
    """All buckets.

    :param directory: where the bytes go.
    """

    def __init__(self, world: World, directory: Path) -> None:
        self.world = world
        self.directory = directory
        self.buckets: dict[str, Bucket] = {}
        for name in world.settings.buckets:
            self.add_bucket(name, storage_class=world.settings.bucket_storage_class)

    def add_bucket(self, name: str, *, region: str = "", storage_class: str = "STANDARD") -> Bucket:
        """Make a bucket."""
        settings = self.world.settings
        region = region or settings.bucket_region or settings.region
        bucket = Bucket(name, region, storage_class, self.world.clock.now())
        return self.buckets.setdefault(name, bucket)

    def new_file(self) -> Path:
        """Name a file for bytes to come."""
        return self.directory / secrets.token_hex(12)

    def spool(self, data: bytes) -> Spooled:
        """Write bytes to disk as if they had come as the body of a request."""
        path = self.new_file()
        path.write_bytes(data)
        return Spooled(path, len(data), hashlib.md5(data, usedforsecurity=False).hexdigest())

    def keep(self, bucket: Bucket, stored: StoredObject) -> None:
        """Make an object visible. What it replaces goes, unless the bucket keeps versions."""
        before = bucket.objects.setdefault(stored.key, [])
        if not bucket.versioned:
            self._discard(*before)
            before.clear()
        before.append(stored)

    def remove(self, bucket: Bucket, key: str, version_id: str = "") -> None:
        """Delete an object, or put a deletion mark on it where the bucket keeps versions."""
        versions = bucket.objects.get(key, [])
        if bucket.versioned and not version_id:
            mark = StoredObject(
                key, version_id=new_version_id(), modified=self.world.clock.now(), deleted=True
            )
            bucket.objects.setdefault(key, []).append(mark)
            return
        gone = [one for one in versions if version_id in {"", one.version_id}]
        self._discard(*gone)
        bucket.objects[key] = [one for one in versions if one not in gone]
        if not bucket.objects[key]:
            del bucket.objects[key]

    def drop_upload(self, bucket: Bucket, upload: Upload) -> None:
        """Forget an upload and its parts."""
        del bucket.uploads[upload.upload_id]
        for part in upload.parts.values():
            _unlink(part.stretch)

    def _discard(self, *stored: StoredObject) -> None:
        for one in stored:
            for stretch in one.stretches:
                _unlink(stretch)


def new_version_id() -> str:
    """Make the id of an object's version."""
    return f"G001{secrets.token_hex(14).upper()}"


def _unlink(stretch: Stretch) -> None:
    if stretch.path is not None:
        stretch.path.unlink(missing_ok=True)
