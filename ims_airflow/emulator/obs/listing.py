"""Listings: buckets, objects, open multipart uploads. Source: OBS API reference, one page per call."""

from __future__ import annotations

from ims_airflow.emulator import refusals
from ims_airflow.emulator.clock import to_the_millisecond
from ims_airflow.emulator.obs.store import Bucket, Store, StoredObject, Upload
from ims_airflow.emulator.wire import Ask, Reply, xml_reply
from ims_airflow.emulator.world import World
from ims_airflow.emulator.xml import flag, leaf, node

PAGE = 1000


def namespace(region: str) -> str:
    """Return the XML namespace of OBS answers."""
    return f"http://obs.{region}.myhuaweicloud.com/doc/2015-06-30/"


def list_buckets(store: Store) -> Reply:
    """List all buckets."""
    rows = [
        node(
            "Bucket",
            leaf("Name", bucket.name),
            leaf("CreationDate", to_the_millisecond(bucket.created)),
            leaf("Location", bucket.region),
            leaf("BucketType", "OBJECT"),
        )
        for bucket in store.buckets.values()
    ]
    owner = _owner("Owner", store.world)
    xmlns = namespace(store.world.settings.region)
    return xml_reply(node("ListAllMyBucketsResult", owner, node("Buckets", *rows), xmlns=xmlns))


def list_objects(ask: Ask, store: Store, bucket: Bucket) -> Reply:
    """List the objects of a bucket, with prefix, delimiter and pages."""
    args, most = ask.args, _most(ask, "max-keys")
    prefix, marker, delimiter = (args.get(name, "") for name in ("prefix", "marker", "delimiter"))
    names = _rolled(bucket.keys(), prefix, delimiter)
    rest = [name for name in names if name > marker]
    page = rest[:most]
    inner = [
        leaf("Name", bucket.name),
        leaf("Prefix", prefix),
        leaf("Marker", marker),
        leaf("MaxKeys", most),
        leaf("IsTruncated", flag(len(rest) > most)),
    ]
    if len(rest) > most:
        inner.append(leaf("NextMarker", page[-1] if page else ""))
    for name in page:
        stored = bucket.find(name)
        inner.append(_contents(stored, store.world) if stored else _common_prefix(name))
    return xml_reply(node("ListBucketResult", *inner, xmlns=namespace(bucket.region)))


def list_uploads(ask: Ask, store: Store, bucket: Bucket) -> Reply:
    """List open uploads, ordered by key and id, page by page."""
    args, most = ask.args, _most(ask, "max-uploads")
    prefix, key_marker = args.get("prefix", ""), args.get("key-marker", "")
    # Without an id the marker skips all uploads of its key, so it stands behind every id.
    marker = (key_marker, args.get("upload-id-marker", "") or "~" if key_marker else "")
    ordered = sorted(bucket.uploads.values(), key=_place)
    rest = [one for one in ordered if one.template.key.startswith(prefix) and _place(one) > marker]
    page, truncated = rest[:most], len(rest) > most
    inner = [
        leaf("Bucket", bucket.name),
        leaf("KeyMarker", key_marker),
        leaf("UploadIdMarker", args.get("upload-id-marker", "")),
        leaf("NextKeyMarker", page[-1].template.key if truncated and page else ""),
        leaf("NextUploadIdMarker", page[-1].upload_id if truncated and page else ""),
        leaf("Prefix", prefix),
        leaf("MaxUploads", most),
        leaf("IsTruncated", flag(truncated)),
        *(_upload(one, store.world) for one in page),
    ]
    return xml_reply(node("ListMultipartUploadsResult", *inner, xmlns=namespace(bucket.region)))


def _place(upload: Upload) -> tuple[str, str]:
    return upload.template.key, upload.upload_id


def _rolled(keys: list[str], prefix: str, delimiter: str) -> list[str]:
    """Return the keys below a prefix, those with a delimiter further on rolled up to one folder each."""
    found: dict[str, None] = {}
    for key in keys:
        if key.startswith(prefix):
            head, cut, _ = key[len(prefix) :].partition(delimiter) if delimiter else ("", "", "")
            found[f"{prefix}{head}{cut}" if cut else key] = None
    return list(found)


def _contents(stored: StoredObject, world: World) -> str:
    kind = leaf("Type", "Appendable") if stored.appendable else ""
    return node(
        "Contents",
        leaf("Key", stored.key),
        leaf("LastModified", to_the_millisecond(stored.modified)),
        leaf("ETag", f'"{stored.etag}"'),
        leaf("Size", stored.size),
        _owner("Owner", world),
        kind,
        leaf("StorageClass", stored.storage_class),
    )


def _common_prefix(name: str) -> str:
    return node("CommonPrefixes", leaf("Prefix", name))


def _upload(upload: Upload, world: World) -> str:
    return node(
        "Upload",
        leaf("Key", upload.template.key),
        leaf("UploadId", upload.upload_id),
        _owner("Initiator", world),
        _owner("Owner", world),
        leaf("StorageClass", upload.template.storage_class),
        leaf("Initiated", to_the_millisecond(upload.initiated)),
    )


def _owner(name: str, world: World) -> str:
    return node(name, leaf("ID", world.settings.domain_id))


def _most(ask: Ask, name: str) -> int:
    text = ask.args.get(name, "") or str(PAGE)
    if not text.isdecimal():
        raise refusals.obs(400, "InvalidArgument", f"{name} must be a number.")
    return min(int(text), PAGE)
