"""PUT, append, DELETE and restore of an object."""

from __future__ import annotations

import base64
import secrets
from dataclasses import replace

from ims_airflow.emulator import refusals
from ims_airflow.emulator.obs.store import ARCHIVED, Bucket, Store, StoredObject, new_version_id
from ims_airflow.emulator.wire import Ask, Reply, Spooled, Stretch

LARGEST_PUT = 5 * 1024**3  # bytes (OBS, "Uploading Objects - PUT")
CLASSES = {"STANDARD_IA": "WARM", "GLACIER": "COLD"}  # S3 spellings
_SSE = "x-obs-server-side-encryption"
_SSE_C = f"{_SSE}-customer-"
_SHOWN = (
    "content-type",
    "content-disposition",
    "cache-control",
    _SSE,
    f"{_SSE}-kms-key-id",
    f"{_SSE_C}algorithm",
)


def put_object(ask: Ask, store: Store, bucket: Bucket, key: str) -> Reply:
    """Store an object as a whole."""
    if any(name.endswith("-copy-source") for name in ask.headers):
        raise refusals.obs(501, "NotImplemented", "The emulator copies no objects.")
    body = body_of(ask, store)
    stored = replace(
        template(ask, store, bucket, key), stretches=(Stretch(body.path, 0, body.size),), etag=etag(ask, body)
    )
    store.keep(bucket, stored)
    return Reply(200, _answer_headers(stored))


def append_object(ask: Ask, store: Store, bucket: Bucket, key: str) -> Reply:
    """Add to an object that can grow (OBS, "Appending an Object")."""
    body = body_of(ask, store)
    before = bucket.find(key)
    if before and not before.appendable:
        raise refusals.obs(409, "ObjectNotAppendable", "The object is not appendable.")
    position = before.size if before else 0
    if ask.args.get("position") != str(position):
        raise refusals.obs(409, "PositionNotEqualToLength", f"The next position is {position}.")
    stretch = Stretch(body.path, 0, body.size)
    fresh = before or replace(template(ask, store, bucket, key), appendable=True)
    stored = replace(
        fresh,
        stretches=(*fresh.stretches, stretch),
        etag=etag(ask, body),
        modified=store.world.clock.now(),
    )
    bucket.objects[key] = [stored]
    return Reply(200, {**_answer_headers(stored), "x-obs-next-append-position": str(stored.size)})


def delete_object(ask: Ask, store: Store, bucket: Bucket, key: str) -> Reply:
    """Delete an object; one that is not there too."""
    store.remove(bucket, key, ask.args.get("versionId", ""))
    return Reply(204)


def restore_object(store: Store, bucket: Bucket, stored: StoredObject) -> Reply:
    """Start to bring back an archived object (OBS, "Restoring Archive or Deep Archive Objects")."""
    if stored.storage_class not in ARCHIVED:
        raise refusals.obs(403, "InvalidObjectState", "The object is not archived.")
    ready = store.world.clock.now() + store.world.settings.restore_seconds
    versions = bucket.objects[stored.key]
    versions[versions.index(stored)] = replace(stored, restored_at=ready)
    return Reply(202)


def template(ask: Ask, store: Store, bucket: Bucket, key: str) -> StoredObject:
    """Return an object without bytes, as the headers of an upload describe it."""
    headers = {name.replace("x-amz-", "x-obs-"): value for name, value in ask.headers.items()}
    wanted = (
        headers.get("x-obs-storage-class") or headers.get("x-default-storage-class") or bucket.storage_class
    )
    if f"{_SSE_C}algorithm" in headers and headers[f"{_SSE_C}algorithm"] != "AES256":
        raise refusals.obs(400, "InvalidEncryptionAlgorithmError", "The encryption algorithm must be AES256.")
    shown = {
        name: value for name, value in headers.items() if name in _SHOWN or name.startswith("x-obs-meta-")
    }
    return StoredObject(
        key,
        modified=store.world.clock.now(),
        storage_class=CLASSES.get(wanted, wanted),
        version_id=new_version_id() if bucket.versioned else "",
        headers={_written(name): value for name, value in shown.items()},
        customer_key_md5=headers.get(f"{_SSE_C}key-md5", ""),
    )


def body_of(ask: Ask, store: Store) -> Spooled:
    """Return the body on disk, checked against its Content-MD5."""
    body = ask.spooled or store.spool(ask.body)
    stated = ask.header("content-md5")
    if stated and stated != base64.b64encode(bytes.fromhex(body.md5)).decode():
        raise refusals.obs(400, "BadDigest", "The Content-MD5 does not match the body.")
    return body


def etag(ask: Ask, body: Spooled) -> str:
    """Return the MD5 of the bytes; with server-side encryption it is none."""
    return secrets.token_hex(16) if any(name.startswith(_SSE) for name in ask.headers) else body.md5


def _answer_headers(stored: StoredObject) -> dict[str, str]:
    headers = {"ETag": f'"{stored.etag}"'}
    if stored.version_id:
        headers["x-obs-version-id"] = stored.version_id
    if stored.storage_class != "STANDARD":
        headers["x-obs-storage-class"] = stored.storage_class
    return headers | {name: value for name, value in stored.headers.items() if name.startswith(_SSE)}


def _written(name: str) -> str:
    return name if name.startswith("x-") else name.title()
