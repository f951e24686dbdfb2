"""Multipart uploads: initiate, parts, list, complete, abort. Source: OBS API reference, one page per call."""

from __future__ import annotations

import hashlib
import re
import secrets
from dataclasses import replace

from ims_airflow.emulator import refusals
from ims_airflow.emulator.clock import to_the_millisecond
from ims_airflow.emulator.obs.store import Bucket, Part, Store, Upload
from ims_airflow.emulator.obs.writing import body_of, etag, template
from ims_airflow.emulator.wire import Ask, Reply, Stretch, xml_reply
from ims_airflow.emulator.xml import flag, leaf, node

SMALLEST_PART = 100 * 1024  # bytes; the last part may be smaller
MOST_PARTS = 10_000

_PART = re.compile(rb"<Part>(.*?)</Part>", re.DOTALL)
_NUMBER = re.compile(rb"<PartNumber>\s*(\d+)\s*</PartNumber>")
_ETAG = re.compile(rb"<ETag>\s*(?:\"|&quot;)?([0-9a-f-]+)(?:\"|&quot;)?\s*</ETag>")


def initiate(ask: Ask, store: Store, bucket: Bucket, key: str) -> Reply:
    """Open an upload."""
    upload_id = secrets.token_hex(16).upper()
    bucket.uploads[upload_id] = Upload(upload_id, template(ask, store, bucket, key), store.world.clock.now())
    inner = (leaf("Bucket", bucket.name), leaf("Key", key), leaf("UploadId", upload_id))
    return xml_reply(node("InitiateMultipartUploadResult", *inner))


def put_part(ask: Ask, store: Store, bucket: Bucket, key: str) -> Reply:
    """Take one part; a part of the same number is replaced."""
    upload = find_upload(ask, bucket, key)
    number = ask.args.get("partNumber", "")
    if not number.isdecimal() or not 1 <= int(number) <= MOST_PARTS:
        raise refusals.obs(400, "InvalidArgument", "partNumber must be a number from 1 to 10000.")
    body = body_of(ask, store)
    tag = etag(ask, body)
    before = upload.parts.get(int(number))
    if before and before.stretch.path:
        before.stretch.path.unlink(missing_ok=True)
    stretch = Stretch(body.path, 0, body.size)
    upload.parts[int(number)] = Part(int(number), stretch, tag, store.world.clock.now())
    return Reply(200, {"ETag": f'"{tag}"'})


def list_parts(ask: Ask, bucket: Bucket, key: str) -> Reply:
    """Show the parts of an upload, page by page."""
    upload = find_upload(ask, bucket, key)
    marker, most = int(ask.args.get("part-number-marker") or 0), int(ask.args.get("max-parts") or 1000)
    rest = [part for number, part in sorted(upload.parts.items()) if number > marker]
    page = rest[:most]
    inner = [
        leaf("Bucket", bucket.name),
        leaf("Key", key),
        leaf("UploadId", upload.upload_id),
        leaf("StorageClass", upload.template.storage_class),
        leaf("PartNumberMarker", marker),
        leaf("NextPartNumberMarker", page[-1].number if page else 0),
        leaf("MaxParts", most),
        leaf("IsTruncated", flag(len(rest) > most)),
    ]
    inner += [
        node(
            "Part",
            leaf("PartNumber", part.number),
            leaf("LastModified", to_the_millisecond(part.modified)),
            leaf("ETag", f'"{part.etag}"'),
            leaf("Size", part.stretch.length),
        )
        for part in page
    ]
    return xml_reply(node("ListPartsResult", *inner))


def complete(ask: Ask, store: Store, bucket: Bucket, key: str) -> Reply:
    """Make an object of the parts that the body lists. No byte is copied."""
    upload = find_upload(ask, bucket, key)
    parts = _listed(ask, upload)
    joined = hashlib.md5(b"".join(bytes.fromhex(part.etag) for part in parts), usedforsecurity=False)
    stored = replace(
        upload.template,
        stretches=tuple(part.stretch for part in parts),
        etag=f"{joined.hexdigest()}-{len(parts)}",
        modified=store.world.clock.now(),
        upload_id=upload.upload_id,
    )
    kept = {part.number for part in parts}
    upload.parts = {number: part for number, part in upload.parts.items() if number not in kept}
    store.drop_upload(bucket, upload)
    store.keep(bucket, stored)
    host = f"{bucket.name}.obs.{bucket.region}.myhuaweicloud.com"
    inner = (
        leaf("Location", f"http://{host}/{key}"),
        leaf("Bucket", bucket.name),
        leaf("Key", key),
        leaf("ETag", f'"{stored.etag}"'),
    )
    version = {"x-obs-version-id": stored.version_id} if stored.version_id else {}
    return xml_reply(node("CompleteMultipartUploadResult", *inner), headers=version)


def abort(ask: Ask, store: Store, bucket: Bucket, key: str) -> Reply:
    """Throw an upload away."""
    store.drop_upload(bucket, find_upload(ask, bucket, key))
    return Reply(204)


def find_upload(ask: Ask, bucket: Bucket, key: str) -> Upload:
    """Return the upload that a request names.

    :raises Refused: there is none of this id for this key.
    """
    upload = bucket.uploads.get(ask.args.get("uploadId", ""))
    if upload is None or upload.template.key != key:
        raise refusals.obs(404, "NoSuchUpload", "The multipart upload does not exist.")
    return upload


def _listed(ask: Ask, upload: Upload) -> list[Part]:
    found: list[Part] = []
    for entry in _PART.findall(ask.body):
        number, tag = _NUMBER.search(entry), _ETAG.search(entry)
        part = upload.parts.get(int(number[1])) if number else None
        if part is None or tag is None or part.etag != tag[1].decode():
            raise refusals.obs(400, "InvalidPart", "A part was not found or its ETag does not match.")
        found.append(part)
    if not found:
        raise refusals.obs(400, "MalformedXML", "The body lists no parts.")
    if [part.number for part in found] != sorted({part.number for part in found}):
        raise refusals.obs(400, "InvalidPartOrder", "The parts are not in ascending order.")
    if any(part.stretch.length < SMALLEST_PART for part in found[:-1]):
        raise refusals.obs(400, "EntityTooSmall", "A part other than the last is smaller than 100 KB.")
    return found
