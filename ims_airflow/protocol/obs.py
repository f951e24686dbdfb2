"""The OBS calls of this package, as flows. Source: OBS API reference, one page per call."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ims_airflow.exceptions import UnusableAnswerError
from ims_airflow.protocol.image_url import ImageUrl
from ims_airflow.protocol.message import Call, FilePart, Flow, Response, Service
from ims_airflow.protocol.obs_listing import read_xml

STANDARD = "STANDARD"
LARGEST_PUT = 5 * 1000**3  # bytes in one PUT; above it only parts go (OBS, "Uploading Objects - PUT")


@dataclass(frozen=True, slots=True)
class StoredObject:
    """What HEAD tells of an object.

    :param size: bytes.
    :param etag: without quotes; not an MD5 for multipart uploads and encrypted objects.
    :param last_modified: as given, an HTTP date.
    :param storage_class: ``STANDARD``, ``WARM``, ``COLD``, …
    :param appendable: whether it can still grow.
    :param customer_key: whether it is encrypted with a key that only its owner has (SSE-C).
    """

    bucket: str
    key: str
    size: int
    etag: str
    last_modified: str
    storage_class: str = STANDARD
    version_id: str = ""
    appendable: bool = False
    customer_key: bool = False

    @property
    def url(self) -> str:
        """``bucket:key``."""
        return f"{self.bucket}:{self.key}"

    def as_dict(self) -> dict[str, Any]:
        """Return what goes into XCom."""
        return {
            "image_url": self.url,
            "bucket": self.bucket,
            "key": self.key,
            "size": self.size,
            "etag": self.etag,
            "last_modified": self.last_modified,
            "storage_class": self.storage_class,
            "version_id": self.version_id or None,
        }


@dataclass(frozen=True, slots=True)
class Bucket:
    """What HEAD tells of a bucket.

    :param region: where it lies, empty where the answer does not say.
    """

    name: str
    region: str = ""
    storage_class: str = STANDARD


def head_object(url: ImageUrl, *, attempts: int = 4) -> Flow[StoredObject]:
    """Ask for an object's size, ETag and class ("Querying Object Metadata")."""
    response = yield Call(Service.OBS, "HEAD", url.key, bucket=url.bucket, attempts=attempts)
    headers = response.headers
    size = headers.get("content-length", "")
    if not size.isdecimal():
        raise UnusableAnswerError(f"OBS answered HEAD {url} without a usable Content-Length")
    return StoredObject(
        url.bucket,
        url.key,
        size=int(size),
        etag=headers.get("etag", "").strip('"'),
        last_modified=headers.get("last-modified", ""),
        storage_class=_storage_class(headers),
        version_id=headers.get("x-obs-version-id", ""),
        appendable=headers.get("x-obs-object-type", "") == "Appendable",
        customer_key="x-obs-server-side-encryption-customer-algorithm" in headers,
    )


def head_bucket(bucket: str, *, attempts: int = 4, fresh: float = 0.0) -> Flow[Bucket]:
    """Ask for a bucket's region and class ("Obtaining Bucket Metadata").

    :param fresh: seconds for which an answer that somebody else asked for will do.
    """
    response = yield Call(Service.OBS, "HEAD", "", bucket=bucket, attempts=attempts, fresh=fresh)
    headers = response.headers
    region = headers.get("x-obs-bucket-location") or headers.get("x-amz-bucket-region") or ""
    return Bucket(bucket, region, _storage_class(headers))


def create_bucket(bucket: str, region: str) -> Flow[None]:
    """Create a bucket ("Creating a Bucket")."""
    body = (
        f"<CreateBucketConfiguration><Location>{region}</Location></CreateBucketConfiguration>"
        if region
        else ""
    )
    yield Call(Service.OBS, "PUT", "", bucket=bucket, body=body.encode())


def delete_object(url: ImageUrl) -> Flow[None]:
    """Delete an object ("Deleting an Object")."""
    yield Call(Service.OBS, "DELETE", url.key, bucket=url.bucket)


def put_object(url: ImageUrl, body: bytes | FilePart) -> Flow[str]:
    """Store an object of at most 5 GB in one request and return its ETag ("Uploading Objects - PUT")."""
    response = yield Call(Service.OBS, "PUT", url.key, bucket=url.bucket, body=body)
    return _header(response, "etag").strip('"')


def upload_file(url: ImageUrl, file: FilePart, *, part_size: int = 1024**3) -> Flow[str]:
    """Store a file of any size, in parts where one request cannot hold it, and return the object's ETag.

    An upload that fails half-way is aborted, so that no parts stay behind to be paid for.
    """
    if file.length <= min(part_size, LARGEST_PUT):
        return (yield from put_object(url, file))
    answer = yield Call(
        Service.OBS, "POST", url.key, bucket=url.bucket, query=(("uploads", ""),), repeatable=False
    )
    upload = ("uploadId", _xml_text(answer, "UploadId"))
    try:
        parts = yield from _upload_parts(url, file, part_size, upload)
        body = "".join(
            f"<Part><PartNumber>{n}</PartNumber><ETag>{etag}</ETag></Part>" for n, etag in enumerate(parts, 1)
        )
        answer = yield Call(
            Service.OBS,
            "POST",
            url.key,
            bucket=url.bucket,
            query=(upload,),
            body=f"<CompleteMultipartUpload>{body}</CompleteMultipartUpload>".encode(),
        )
    except Exception:
        yield Call(Service.OBS, "DELETE", url.key, bucket=url.bucket, query=(upload,))
        raise
    return _xml_text(answer, "ETag").strip('"')


def _upload_parts(url: ImageUrl, file: FilePart, part_size: int, upload: tuple[str, str]) -> Flow[list[str]]:
    etags = []
    for number, start in enumerate(range(0, file.length, part_size), 1):
        part = FilePart(file.path, file.offset + start, min(part_size, file.length - start))
        query = (("partNumber", str(number)), upload)
        answer = yield Call(Service.OBS, "PUT", url.key, bucket=url.bucket, query=query, body=part)
        etags.append(_header(answer, "etag"))
    return etags


def _storage_class(headers: Mapping[str, str]) -> str:
    # The header is absent for STANDARD ("Querying Object Metadata"); S3 spellings come from V2-style servers.
    found = headers.get("x-obs-storage-class") or headers.get("x-amz-storage-class") or STANDARD
    return {"STANDARD_IA": "WARM", "GLACIER": "COLD"}.get(found, found)


def _header(response: Response, name: str) -> str:
    value = response.headers.get(name, "")
    if not value:
        raise UnusableAnswerError(f"OBS answered without the header {name}")
    return value


def _xml_text(response: Response, name: str) -> str:
    for element in read_xml(response).iter():
        if element.tag.rpartition("}")[2] == name and element.text:
            return element.text.strip()
    raise UnusableAnswerError(f"OBS answered without the element {name}")
