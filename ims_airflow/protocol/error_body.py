"""What the body of an error answer says, in any of the shapes in which it may come.

IMS ``{"error": {"code", "message"}}``; API Gateway ``{"error_code", "error_msg", "request_id"}``; IAM either,
also with a number for a code; OpenStack calls the same one level deeper; OBS XML; load balancers HTML or
nothing.
Source: the pages on status and error codes of each service.
"""

from __future__ import annotations

import html
import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from ims_airflow.protocol.plain_text import one_line, printable

MOST_BYTES = 64 * 1024  # of an error body that are looked at; real ones have a few hundred
DEEPEST = 4  # levels of nested objects
_CODES = ("error_code", "errorCode", "code", "Code")
_MESSAGES = ("error_msg", "errorMsg", "message", "Message", "title", "error", "detail", "reason")
_REQUEST_IDS = ("request_id", "requestId", "RequestId")
_CODE = re.compile(r"[\w .:/-]{1,64}", re.ASCII)


@dataclass(frozen=True, slots=True)
class ErrorBody:
    """What an error body says; empty where it says nothing.

    :param message: one line, cleaned of secrets.
    """

    code: str = ""
    message: str = ""
    request_id: str = ""


def read_error_body(body: bytes) -> ErrorBody:
    """Read an error body. Raises nothing, whatever it holds."""
    text = body[:MOST_BYTES].decode("utf-8-sig", "replace").strip()
    readers: dict[str, Callable[[str], ErrorBody]] = {"{": _from_json, "[": _from_json, "<": _from_markup}
    return readers.get(text[:1], _from_text)(text)


def _from_json(text: str) -> ErrorBody:
    try:
        levels = list(_levels(json.loads(text)))
    except (ValueError, RecursionError):
        return _from_text(text)
    best = next((found for found in levels if found.code), None)
    best = best or next((found for found in levels if found.message), ErrorBody())
    message = best.message or next((found.message for found in levels if found.message), "")
    request_id = next((found.request_id for found in levels if found.request_id), "")
    return ErrorBody(best.code, message, request_id)


def _levels(value: object, depth: int = 0) -> Iterator[ErrorBody]:
    """Yield what each object inside says, from the top down."""
    if isinstance(value, Mapping):
        yield ErrorBody(_code(value), _first(value, _MESSAGES), _first(value, _REQUEST_IDS, printable)[:100])
        value = list(value.values())
    if isinstance(value, list) and depth < DEEPEST:
        for part in value:
            yield from _levels(part, depth + 1)


def _code(place: Mapping[str, object]) -> str:
    values = (place.get(name) for name in _CODES)
    # IAM's numbers repeat the HTTP status; a larger one is no code of anybody's.
    texts = (
        str(v) if isinstance(v, int) and not isinstance(v, bool) and 0 < v < 10**6 else v for v in values
    )
    return next((code for text in texts if isinstance(text, str) and (code := _clean_code(text))), "")


def _clean_code(text: str) -> str:
    return text.strip() if _CODE.fullmatch(text.strip()) else ""


def _first(
    place: Mapping[str, object], names: tuple[str, ...], clean: Callable[[str], str] = one_line
) -> str:
    values = (place.get(name) for name in names)
    return next((line for value in values if isinstance(value, str) and (line := clean(value))), "")


def _from_markup(text: str) -> ErrorBody:
    # Not parsed: three plain elements are wanted, and no parser means no entities to expand.
    code, message, request_id = (_element(text, name) for name in ("Code", "Message", "RequestId"))
    if code or (message and "<Error" in text):
        return ErrorBody(_clean_code(code), one_line(message), printable(request_id)[:100])
    title = one_line(_element(text.replace("TITLE", "title").replace("H1", "h1"), "(?:title|h1)"), 200)
    kind = "an HTML page" if re.search(r"<(!doctype )?html", text, re.IGNORECASE) else "markup"
    return ErrorBody("", f"{kind} titled {title!r}" if title else f"{kind} without a title")


def _element(text: str, name: str) -> str:
    found = re.search(rf"<(?:\w+:)?{name}(?:\s[^<>]*)?>(?:<!\[CDATA\[)?([^<]*)<", text)
    return html.unescape(found[1].strip().removesuffix("]]>")) if found else ""


def _from_text(text: str) -> ErrorBody:
    return ErrorBody("", one_line(text))
