"""From an answer to an error: the code decides, and where there is none that we know, the HTTP status."""

from __future__ import annotations

import json
import re
from codecs import BOM_UTF8
from http import HTTPStatus
from typing import Any

from ims_airflow.exceptions import (
    ApiError,
    ImsAirflowError,
    RequestRejectedError,
    ServiceError,
    UnusableAnswerError,
)
from ims_airflow.protocol.error_body import ErrorBody, read_error_body
from ims_airflow.protocol.error_codes import lookup
from ims_airflow.protocol.error_kinds import Denied, NotFound, Rejected, Throttled, Unauthenticated
from ims_airflow.protocol.message import Response, Service
from ims_airflow.protocol.obs_codes import WRONG_REGION
from ims_airflow.protocol.plain_text import printable
from ims_airflow.protocol.retry_after import retry_after

_BY_STATUS: dict[int, type[ApiError]] = {
    401: Unauthenticated,
    403: Denied,
    404: NotFound,
    408: ServiceError,
    425: ServiceError,
    429: Throttled,
    501: Rejected,
}

# For answers that do not say why, above all those to HEAD, which never have a body.
_REMEDIES: dict[tuple[Service, int], str] = {
    (Service.OBS, 403): (
        "Check the keys of the Connection, and that the user may read bucket and object "
        "(obs:object:GetObject, obs:bucket:HeadBucket). Without obs:bucket:ListBucket a missing object looks "
        "the same."
    ),
    (Service.OBS, 404): "Check bucket and key, and that the upload is finished.",
    (Service.IMS, 401): "Check the keys of the Connection and this machine's clock.",
    (Service.IMS, 403): "Grant the user the permissions of IMS, and check project_id and region.",
    (Service.IMS, 404): "Check ims_endpoint and region of the Connection.",
    (Service.IAM, 401): "Check login, password and domain_name of the Connection.",
    (Service.IAM, 404): "Check iam_endpoint of the Connection.",
    (Service.METADATA, 401): "Assign an agency to this ECS.",
    (Service.METADATA, 404): "Use auth=metadata on an ECS of Huawei Cloud only.",
}

_REQUEST_IDS = ("x-request-id", "x-iam-trace-id", "x-obs-request-id", "x-amz-request-id")
_OWN_REQUEST_ID = {Service.IAM: "x-iam-trace-id", Service.OBS: "x-obs-request-id"}
_DECODER = json.JSONDecoder()
_HOST = re.compile(r"(?:https?:)?//(?:[^/?#@\s]*@)?([\w.:\[\]-]{1,255})", re.IGNORECASE)


def error_from(service: Service, response: Response) -> ImsAirflowError | None:
    """Return the error that an answer stands for, None for a success (2xx).

    :param service: who answered.
    """
    if 200 <= response.status < 300:
        return None
    if 300 <= response.status < 400:
        return _redirect(service, response)
    if not 400 <= response.status < 600:
        return UnusableAnswerError(
            f"{_name(service)} answered with HTTP {response.status}, which means nothing"
        )
    return _api_error(service, response)


def json_object(response: Response, what: str) -> dict[str, Any]:
    """Read the body of a success, which must be a JSON object.

    :param what: what the answer is, for the message. The body itself is never quoted: it may hold a token.
    :raises UnusableAnswerError: it is not, whatever it is instead.
    """
    try:
        found = _json(response.body.removeprefix(BOM_UTF8).decode())
    except (ValueError, RecursionError):
        found = None
    if isinstance(found, dict):
        return found
    raise UnusableAnswerError(
        f"{what} is {_kind(response.body, found)} instead of a JSON object{_quoted_id(response)}"
    )


def _json(text: str) -> object:
    if text.startswith("{"):  # as answers do; json.loads would look for white space first, by expressions
        found, end = _DECODER.raw_decode(text)
        if end == len(text):
            return found
    return json.loads(text)


def _api_error(service: Service, response: Response) -> ApiError:
    said = read_error_body(response.body)
    info = lookup(said.code, said.message)
    kind = info.error if info else _kind_of_status(response.status)
    if response.status >= 500 and response.status != 501 and kind is RequestRejectedError:
        # API Gateway uses APIGW.0201 for 400 as well as for 502; and an answer that blames the service may
        # come after the request took effect, whatever its code.
        kind = ServiceError
    return kind(
        said.message or (info.meaning if info else "") or _phrase(response.status),
        status=response.status,
        # IAM's numbers only repeat the status.
        code="" if said.code == str(response.status) else said.code,
        request_id=_request_id(service, response, said),
        remedy=(info.remedy if info else "") or _REMEDIES.get((service, response.status), ""),
        retry_after=retry_after(response.headers),
        date=response.headers.get("date", ""),
    )


def _kind_of_status(status: int) -> type[ApiError]:
    return _BY_STATUS.get(status, ServiceError if status >= 500 else Rejected)


def _redirect(service: Service, response: Response) -> ImsAirflowError:
    found = _HOST.match(response.headers.get("location", "").strip())
    message = f"a redirect to {found[1] if found else 'another address'}, which is not followed"
    if service is not Service.OBS:
        return UnusableAnswerError(
            f"{_name(service)} answered with HTTP {response.status}, {message}. "
            f"Check the endpoint of the Connection{_quoted_id(response)}"
        )
    said = read_error_body(response.body)
    return RequestRejectedError(
        message,
        status=response.status,
        code=said.code,
        request_id=_request_id(service, response, said),
        remedy=WRONG_REGION,
    )


def _request_id(service: Service, response: Response, said: ErrorBody) -> str:
    names = (_OWN_REQUEST_ID.get(service, ""), *_REQUEST_IDS)
    values = (response.headers.get(name, "") for name in names)
    return next((found for value in values if (found := printable(value)[:100])), said.request_id)


def _quoted_id(response: Response) -> str:
    request_id = _request_id(Service.IMS, response, ErrorBody())
    return f" (request id {request_id})" if request_id else ""


def _kind(body: bytes, found: object) -> str:
    if found is not None:
        return f"JSON of another kind ({type(found).__name__})"
    start = body.lstrip()[:1]
    kind = {b"": "empty", b"<": "HTML or XML", b"{": "broken or cut JSON"}.get(start, "not JSON")
    return f"{kind} ({len(body)} bytes)"


def _phrase(status: int) -> str:
    known = {int(one): one.phrase for one in HTTPStatus}
    return f"{known.get(status, 'unknown status')}, without an explanation."


def _name(service: Service) -> str:
    return "the metadata service" if service is Service.METADATA else service.upper()
