"""Listing a bucket: its objects, and the multipart uploads that are open in it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from ims_airflow.exceptions import RequestRejectedError, UnusableAnswerError
from ims_airflow.protocol.message import Call, Flow, Response, Service

if TYPE_CHECKING:
    from xml.etree import ElementTree as ET

FOLDER_PAGE = 1000  # files of a folder that are listed rather than asked for one by one
MOST_PAGES = 1000  # ends a listing whose markers run in a circle


@dataclass(frozen=True, slots=True)
class ListedObject:
    """One object of a listing.

    :param size: bytes.
    :param last_modified: as given, ISO 8601.
    """

    bucket: str
    key: str
    size: int
    etag: str
    last_modified: str
    storage_class: str


@dataclass(frozen=True, slots=True)
class OpenUpload:
    """A multipart upload that is neither completed nor aborted.

    :param key: of the object that it will make.
    :param initiated: epoch seconds, None where the answer does not say.
    """

    key: str
    upload_id: str
    initiated: float | None


def list_objects(
    bucket: str, prefix: str = "", *, attempts: int = 4, fresh: float = 0.0
) -> Flow[list[ListedObject]]:
    """List objects, all pages ("Listing Objects in a Bucket").

    :param fresh: seconds for which a listing that somebody else asked for will do.
    """
    found: list[ListedObject] = []
    marker = ""
    for _ in range(MOST_PAGES):
        query = (("prefix", prefix), ("max-keys", "1000"), ("marker", marker))
        root = yield from _page(bucket, query, attempts, fresh)
        page = [_listed(bucket, entry) for entry in _children(root, "Contents")]
        found += page
        marker = _text(root, "NextMarker") or (page[-1].key if page else "")
        if _text(root, "IsTruncated") != "true" or not page:
            break
    return found


def ask_folder(bucket: str, prefix: str, fresh: float) -> Call:
    """Return the call that lists the files of a folder, without those of folders in it, on one page.

    :param fresh: seconds for which a listing that somebody else asked for will do.
    """
    query = (("prefix", prefix), ("delimiter", "/"), ("max-keys", str(FOLDER_PAGE)))
    given = tuple((name, value) for name, value in query if value)
    return Call(Service.OBS, "GET", "", bucket=bucket, query=given, attempts=1, fresh=fresh)


def read_folder(response: Response) -> frozenset[str]:
    """Return the keys of a folder's files.

    :raises UnusableAnswerError: this is no listing.
    :raises RequestRejectedError: there are more files than a page holds; asking again does not help.
    """
    root = read_xml(response)
    if root.tag.rpartition("}")[2] != "ListBucketResult":
        raise UnusableAnswerError("OBS answered a listing with something else")
    if _text(root, "IsTruncated") != "false":
        raise RequestRejectedError("the folder does not fit one page", status=response.status)
    return frozenset(_text(entry, "Key") for entry in _children(root, "Contents"))


def list_buckets(*, attempts: int = 4) -> Flow[list[str]]:
    """List the names of the account's buckets ("Listing Buckets")."""
    response = yield Call(Service.OBS, "GET", "", attempts=attempts)
    found = read_xml(response)
    return [
        _text(bucket, "Name")
        for group in _children(found, "Buckets")
        for bucket in _children(group, "Bucket")
    ]


def list_uploads(
    bucket: str, prefix: str, last_key: str = "", *, attempts: int = 4, fresh: float = 0.0
) -> Flow[list[OpenUpload]]:
    """List open multipart uploads, all pages ("Listing Initiated Multipart Uploads").

    An upload over an existing object is seen here only: HEAD goes on to show the old object.

    :param last_key: where the listing, which is in the order of keys, may end.
    :param fresh: seconds for which a listing that somebody else asked for will do.
    """
    found: list[OpenUpload] = []
    markers = ("", "")
    for _ in range(MOST_PAGES):
        query = (
            ("uploads", ""),
            ("prefix", prefix),
            ("max-uploads", "1000"),
            ("key-marker", markers[0]),
            ("upload-id-marker", markers[1]),
        )
        root = yield from _page(bucket, query, attempts, fresh)
        page = [_open_upload(entry) for entry in _children(root, "Upload")]
        found += page
        following = (_text(root, "NextKeyMarker"), _text(root, "NextUploadIdMarker"))
        past = bool(last_key and page and page[-1].key > last_key)
        if _text(root, "IsTruncated") != "true" or past or following in {markers, ("", "")}:
            break
        markers = following
    return found


def read_xml(response: Response) -> ET.Element:
    """Read an answer's XML.

    :raises UnusableAnswerError: it is none, or holds a document type, as OBS never sends and an entity bomb
        would need.
    """
    from xml.etree import ElementTree as ET  # noqa: PLC0415  # parsing a DAG reads no XML

    try:
        if b"<!DOCTYPE" in response.body or b"<!ENTITY" in response.body:
            raise UnusableAnswerError("OBS answered with a document type declaration")
        return ET.fromstring(response.body)  # noqa: S314  # without entities there is nothing to expand
    except ET.ParseError as error:
        raise UnusableAnswerError(f"OBS answered with unreadable XML: {error}") from error


def _page(bucket: str, query: tuple[tuple[str, str], ...], attempts: int, fresh: float) -> Flow[ET.Element]:
    given = tuple((name, value) for name, value in query if value or name == "uploads")
    response = yield Call(Service.OBS, "GET", "", bucket=bucket, query=given, attempts=attempts, fresh=fresh)
    return read_xml(response)


def _listed(bucket: str, entry: ET.Element) -> ListedObject:
    size = _text(entry, "Size")
    if not size.isdecimal() or not _text(entry, "Key"):
        raise UnusableAnswerError(f"the listing of bucket {bucket!r} holds an object without key or size")
    return ListedObject(
        bucket,
        _text(entry, "Key"),
        int(size),
        _text(entry, "ETag").strip('"'),
        _text(entry, "LastModified"),
        _text(entry, "StorageClass") or "STANDARD",
    )


def _open_upload(entry: ET.Element) -> OpenUpload:
    try:
        moment = datetime.fromisoformat(_text(entry, "Initiated"))
        aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        initiated: float | None = aware.timestamp()
    except ValueError:
        initiated = None
    return OpenUpload(_text(entry, "Key"), _text(entry, "UploadId"), initiated)


def _children(element: ET.Element, name: str) -> Iterator[ET.Element]:
    # The namespace names the region's endpoint, so it differs from bucket to bucket.
    return (child for child in element if child.tag.rpartition("}")[2] == name)


def _text(element: ET.Element, name: str) -> str:
    child = next(_children(element, name), None)
    return (child.text or "") if child is not None else ""
