"""The request that makes a data image from a file in OBS, with its nine fields.

Source: IMS API reference, 使用外部镜像文件制作数据镜像 (``POST /v1/cloudimages/dataimages/action``).
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any, Self

from ims_airflow.protocol.data_image_rules import OPTIONAL, REQUIRED, combined_violations, field_violations
from ims_airflow.protocol.data_image_tags import MOST_TAGS, read_image_tags, read_tags, tag_pairs
from ims_airflow.protocol.validation import Violation, is_literal, raise_for

_WHOLE_NUMBER = re.compile(r"\s*[+-]?[0-9]{1,9}\s*")


@dataclass(frozen=True, slots=True)
class DataImageRequest:
    """What ``POST /v1/cloudimages/dataimages/action`` is asked, under the API's own names.

    Nothing is checked before :meth:`violations` or :meth:`validated` is called. An optional field that is
    empty counts as absent.

    :param name: of the image.
    :param image_url: ``bucket:key`` of the file.
    :param min_disk: GB, 40 to 2048.
    :param os_type: ``Windows`` or ``Linux``. Pages differ on whether it is optional, so it is always sent.
    :param cmk_id: id of the KMS key that encrypts the image.
    :param tags: each ``"key.value"``. Excludes ``image_tags``.
    :param image_tags: each ``{"key": …, "value": …}``.
    :param enterprise_project_id: ``"0"`` or a UUID.
    """

    name: str
    image_url: str
    min_disk: int
    os_type: str
    description: str | None = None
    cmk_id: str | None = None
    tags: Sequence[str] | None = None
    image_tags: Sequence[Mapping[str, str]] | None = None
    enterprise_project_id: str | None = None

    @classmethod
    def from_arguments(
        cls,
        *,
        name: Any = None,
        image_url: Any = None,
        min_disk: Any = None,
        os_type: Any = None,
        description: Any = None,
        cmk_id: Any = None,
        tags: Any = None,
        image_tags: Any = None,
        enterprise_project_id: Any = None,
    ) -> Self:
        """Build a request from values as templates render them. Raises nothing: call :meth:`validated` next.

        :param min_disk: GB, also as text.
        :param tags: a list, or the text of one (JSON, or Python as Jinja writes it).
        :param image_tags: likewise, or a mapping of keys to values.
        """
        return cls(
            name,
            image_url,
            _coerced("min_disk", min_disk),
            os_type,
            _coerced("description", description),
            _coerced("cmk_id", cmk_id),
            _coerced("tags", tags),
            _coerced("image_tags", image_tags),
            _coerced("enterprise_project_id", enterprise_project_id),
        )

    def violations(self) -> list[Violation]:
        """Return every rule that is broken, in the order of the fields."""
        given = self._given()
        found = [one for name in (*REQUIRED, *OPTIONAL) for one in field_violations(name, given.get(name))]
        return found + combined_violations(given)

    def validated(self) -> Self:
        """Return this request when it keeps all rules.

        :raises InvalidInputError: naming every field that breaks a rule.
        """
        raise_for("the data image request", self.violations())
        return self

    def body(self) -> dict[str, Any]:
        """Return the JSON body: the fields that are set. For a valid request only."""
        body = self._given()
        if "tags" in body:
            body["tags"] = list(body["tags"])
        if "image_tags" in body:
            body["image_tags"] = [{"key": key, "value": value} for key, value in self._pairs]
        return body

    def fingerprint(self) -> str:
        """Return a SHA-256 (hex) that is equal for equal requests. For a valid request only.

        Neither the order of the tags nor their spelling matters.
        """
        given = {name: value for name, value in self._given().items() if name not in {"tags", "image_tags"}}
        canonical = {**given, "image_tags": sorted(self._pairs)}
        text = json.dumps(canonical, sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()

    def with_tag(self, key: str, value: str) -> Self:
        """Return this request with one tag more, in the spelling that it uses.

        Unchanged when it has ten tags already, or one of that key: ask :meth:`has_tag`.
        """
        if len(self._pairs) >= MOST_TAGS or key in dict(self._pairs):
            return self
        if self.tags:
            return replace(self, tags=(*self.tags, f"{key}.{value}"))
        return replace(self, image_tags=(*(self.image_tags or ()), {"key": key, "value": value}))

    def has_tag(self, key: str, value: str) -> bool:
        """Whether the request sends this tag, in either spelling."""
        return (key, value) in self._pairs

    @property
    def _pairs(self) -> list[tuple[str, str]]:
        return tag_pairs(self.tags, self.image_tags)

    def _given(self) -> dict[str, Any]:
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        return {
            name: value
            for name, value in values.items()
            if value is not None and not (name in OPTIONAL and _is_empty(value))
        }


# The nine fields, in the API's order.
REQUEST_FIELDS = tuple(field.name for field in fields(DataImageRequest))


def literal_violations(arguments: Mapping[str, Any]) -> list[Violation]:
    """Return the rules that arguments of a DAG break before anything is rendered.

    Passed over: values that hold a template, and objects that stand for a later value (XComArg and its kind).

    :param arguments: request fields under the API's names; those that are missing are not looked at.
    """
    literal = {
        name: _coerced(name, value)
        for name, value in arguments.items()
        if name in (*REQUIRED, *OPTIONAL) and is_literal(value)
    }
    found = [one for name, value in literal.items() for one in field_violations(name, value)]
    return found + combined_violations(literal)


def _whole_number(value: object) -> object:
    return int(value) if isinstance(value, str) and _WHOLE_NUMBER.fullmatch(value) else value


def _text(value: object) -> object:
    return None if _is_empty(value) else value


_COERCIONS: dict[str, Callable[[object], Any]] = {
    "min_disk": _whole_number,
    "description": _text,
    "cmk_id": _text,
    "tags": read_tags,
    "image_tags": read_image_tags,
    "enterprise_project_id": _text,
}


def _coerced(name: str, value: object) -> Any:
    coerce = _COERCIONS.get(name)
    return coerce(value) if coerce else value


def _is_empty(value: object) -> bool:
    return isinstance(value, str | list | tuple | dict) and not value
