"""The tags of an image, in the two spellings that a request may use.

``tags`` holds ``"key.value"``, split at the first dot; ``image_tags`` holds ``{"key": …, "value": …}``.
Source: IMS API reference, 镜像标签数据格式.
"""

from __future__ import annotations

import ast
import json
import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, TypeGuard

from ims_airflow.protocol.validation import Violation

SOURCE = "IMS API reference, 镜像标签数据格式"
MOST_TAGS = 10  # of one image (IMS API reference, 按标签批量添加删除; IMG.0116 above it)
LONGEST_LITERAL = 20_000  # characters; ten tags of the greatest length need a tenth of it

CHINESE = "\u3400-\u4dbf\u4e00-\u9fff"
_KEY = re.compile(rf"[A-Za-z0-9_{CHINESE}-]{{1,36}}")
_VALUE = re.compile(rf"[A-Za-z0-9_.{CHINESE}-]{{0,43}}")
_KEY_RULE = "a tag's key must have 1 to 36 letters, digits, '_', '-' or Chinese characters"
_VALUE_RULE = "a tag's value must have at most 43 letters, digits, '_', '.', '-' or Chinese characters"


def read_tags(value: object) -> Any:
    """Read ``tags`` as an argument may spell it: a list, or the text of one. None when there are none.

    What cannot be read is returned as it is, for :func:`tag_violations` to name.
    """
    value = _read_text(value)
    return (tuple(value) or None) if isinstance(value, list | tuple) else value


def read_image_tags(value: object) -> Any:
    """Read ``image_tags``: as :func:`read_tags`, or a mapping of keys to values, or the text of one."""
    value = _read_text(value)
    if isinstance(value, Mapping) and set(value) != {"key", "value"}:  # that one is a tag without its list
        value = [{"key": key, "value": text} for key, text in value.items()]
    return (tuple(value) or None) if isinstance(value, list | tuple) else value


def tag_violations(value: object) -> list[Violation]:
    """Return every rule that ``tags`` breaks."""
    if not _is_list(value) or not all(isinstance(tag, str) for tag in value):
        return [Violation("tags", value, 'must be a list of texts of the form "key.value"', SOURCE)]
    return _pair_violations("tags", tag_pairs(value, ()))


def image_tag_violations(value: object) -> list[Violation]:
    """Return every rule that ``image_tags`` breaks."""
    if not _is_list(value) or not all(_is_image_tag(tag) for tag in value):
        rule = 'must be a list of {"key": text, "value": text}, or a mapping of keys to values'
        return [Violation("image_tags", value, rule, SOURCE)]
    return _pair_violations("image_tags", tag_pairs((), value))


def tag_pairs(
    tags: Iterable[str] | None, image_tags: Iterable[Mapping[str, str]] | None
) -> list[tuple[str, str]]:
    """Return the tags as pairs of key and value, whichever spelling they came in."""
    dotted = [tag.partition(".")[::2] for tag in tags or ()]
    return [*dotted, *((tag["key"], tag.get("value", "")) for tag in image_tags or ())]


def _pair_violations(field: str, pairs: Sequence[tuple[str, str]]) -> list[Violation]:
    found = [Violation(field, key, _KEY_RULE, SOURCE) for key, _ in pairs if not _KEY.fullmatch(key)]
    found += [Violation(field, text, _VALUE_RULE, SOURCE) for _, text in pairs if not _VALUE.fullmatch(text)]
    counts = Counter(key for key, _ in pairs)
    found += [
        Violation(field, key, "a tag's key must not occur twice", SOURCE)
        for key, count in counts.items()
        if count > 1
    ]
    if len(pairs) > MOST_TAGS:
        found.append(
            Violation(field, len(pairs), f"an image has at most {MOST_TAGS} tags (IMG.0116)", SOURCE)
        )
    return found


def _is_list(value: object) -> TypeGuard[Sequence[Any]]:
    return isinstance(value, list | tuple)


def _is_image_tag(tag: object) -> bool:
    return (
        isinstance(tag, Mapping)
        and {"key"} <= set(tag) <= {"key", "value"}
        and all(isinstance(text, str) for text in tag.values())
    )


def _read_text(value: object) -> object:
    """Read a list or mapping that a template rendered: as JSON, or as Python, which is what Jinja writes."""
    if not isinstance(value, str):
        return value
    if value.strip() in {"", "None"}:
        return None
    if len(value) > LONGEST_LITERAL:
        return value
    readers: tuple[Callable[[str], object], ...] = (json.loads, ast.literal_eval)
    for read in readers:
        try:
            return read(value.strip())
        except (ValueError, SyntaxError, RecursionError, MemoryError, TypeError):
            continue
    return value
