"""Puts objects into a store without HTTP, for tests and the control path."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

from ims_airflow.emulator.obs.store import Store, StoredObject, new_version_id
from ims_airflow.emulator.wire import Stretch


def arrange_object(
    store: Store,
    bucket: str,
    key: str,
    data: bytes = b"",
    *,
    size: int | None = None,
    storage_class: str = "STANDARD",
    appendable: bool = False,
    restored: bool = False,
    customer_key_md5: str = "",
    headers: Mapping[str, str] | None = None,
) -> StoredObject:
    """Store an object; its bucket is made where it is missing.

    :param size: pads with zeros to this many bytes, which costs neither disk nor memory.
    :param restored: whether an archived object can be read.
    :param customer_key_md5: makes it an SSE-C object.
    :param headers: shown by HEAD and GET, such as ``x-obs-server-side-encryption``.
    """
    found = store.buckets.get(bucket) or store.add_bucket(bucket)
    spooled = store.spool(data)
    padding = max(0, size - len(data)) if size is not None else 0
    stretches = [Stretch(spooled.path, 0, spooled.size)]
    etag = spooled.md5
    if padding:
        stretches.append(Stretch(None, 0, padding))
        # Hashing many GB of zeros takes minutes, and an ETag of this form is no MD5 anyway.
        name = f"{spooled.md5}:{size}".encode()
        etag = f"{hashlib.md5(name, usedforsecurity=False).hexdigest()}-2"
    stored = StoredObject(
        key,
        tuple(stretches),
        etag,
        modified=store.world.clock.now(),
        storage_class=storage_class,
        version_id=new_version_id() if found.versioned else "",
        appendable=appendable,
        headers=dict(headers or {}),
        customer_key_md5=customer_key_md5,
        restored_at=store.world.clock.now() if restored else None,
    )
    store.keep(found, stored)
    return stored
