"""What is to be imported of several files: one complete set of request fields for each."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from pathlib import PurePosixPath
from typing import Any, TypedDict

from ims_airflow.exceptions import InvalidInputError
from ims_airflow.protocol.data_image import REQUEST_FIELDS, literal_violations
from ims_airflow.protocol.image_url import parse_image_url
from ims_airflow.protocol.validation import Violation, is_literal, raise_for

# What ObsImageFileSensor and ObsNewImageFileTrigger tell of a file beside its image_url.
_FACTS = frozenset("bucket key size etag last_modified storage_class version_id region".split())


class ImageFile(TypedDict, total=False):
    """One file, and what its image is to be: request fields under the API's names."""

    image_url: str
    name: str
    min_disk: int | str
    os_type: str
    description: str | None
    cmk_id: str | None
    tags: Sequence[str] | None
    image_tags: Sequence[Mapping[str, str]] | None
    enterprise_project_id: str | None


def complete(file: object, shared: Collection[str]) -> dict[str, Any]:
    """Return a file with all request fields but the shared ones, None for what it leaves open.

    :param file: ``bucket:key``, or a mapping with ``image_url``. Without a ``name`` the image is called like
        the file, without folders and suffix.
    :param shared: names of the fields that are the same for all files.
    :raises InvalidInputError: naming every entry that does not belong there.
    """
    given = {"image_url": file} if isinstance(file, str) else file
    if not isinstance(given, Mapping):
        raise InvalidInputError(f"files: {file!r} must be a text bucket:key or a mapping with image_url")
    raise_for("a file", _misplaced(given, shared))
    own: dict[str, Any] = {name: given.get(name) for name in REQUEST_FIELDS if name not in shared}
    if "name" in own and own["name"] is None:
        own["name"] = PurePosixPath(parse_image_url(own["image_url"]).key).stem
    return own


def literal_files(files: Sequence[object], shared: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Complete and check a list that stands in the DAG file.

    :param shared: the fields that are the same for all files.
    :raises InvalidInputError: a file breaks a rule, or two files would give images of one name.
    """
    if isinstance(files, str):
        raise InvalidInputError(
            f"files: {files!r} must be a list of files; for a single one put it into a list"
        )
    found = [complete(file, shared) for file in files]
    raise_for("a list of files", [one for file in found for one in _templates(file)])
    for file in found:
        asked = {**shared, **{name: value for name, value in file.items() if value is not None}}
        raise_for(f"the file {file['image_url']}", literal_violations(asked))
    raise_for("a list of files", _namesakes(found))
    return found


def _misplaced(given: Mapping[str, Any], shared: Collection[str]) -> list[Violation]:
    twice = [
        Violation(name, given[name], "is given for all files already, not for one")
        for name in given
        if name in shared
    ]
    strange = [
        Violation(str(name), given[name], f"is no request field; those are {', '.join(REQUEST_FIELDS)}")
        for name in given
        if name not in REQUEST_FIELDS and name not in _FACTS
    ]
    missing = (
        [] if given.get("image_url") else [Violation("image_url", None, "must name the file, bucket:key")]
    )
    return twice + strange + missing


def _templates(file: Mapping[str, Any]) -> list[Violation]:
    rule = "holds a template, which nobody renders here: give it for all files, or let a task make the list"
    return [Violation(name, value, rule) for name, value in file.items() if not is_literal(value)]


def _namesakes(files: Sequence[Mapping[str, Any]]) -> list[Violation]:
    """Return the names that two files would give to their images. One for all files is meant so."""
    owners: dict[str, str] = {}
    found = []
    for file in files:
        name, image_url = file.get("name"), file["image_url"]
        if name in owners:
            rule = f"is to be the name of two images, of {owners[name]} and of {image_url}: give one another"
            found.append(Violation("name", name, rule))
        elif name is not None:
            owners[name] = image_url
    return found
