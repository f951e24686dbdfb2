"""Errors in the shapes of the services that send them (API facts: "Body shapes a client must parse")."""

from __future__ import annotations

import secrets

from ims_airflow.emulator.wire import Refused, json_reply, xml_reply
from ims_airflow.emulator.xml import leaf, node

GATEWAY_MESSAGES = {
    "APIGW.0101": "The API does not exist or has not been published in the environment.",
    "APIGW.0201": "Request error.",
    "APIGW.0301": "Incorrect IAM authentication information.",
    "APIGW.0303": "Incorrect app authentication information.",
    "APIGW.0307": "The token must be updated.",
    "APIGW.0310": "The project is unavailable.",
}


def gateway(status: int, code: str, tail: str = "") -> Refused:
    """Refuse as the API gateway in front of IMS and IAM does.

    :param tail: appended to the code's message, as the gateway does for 401.
    """
    message = GATEWAY_MESSAGES[code]
    if tail:
        message = f"{message.rstrip('.')}: {tail}"
    request_id = new_request_id()
    body = {"error_msg": message, "error_code": code, "request_id": request_id}
    return Refused(json_reply(body, status, {"X-Request-Id": request_id}), code)


def ims(code: str, message: str, status: int = 400) -> Refused:
    """Refuse as the extension API of IMS does."""
    return Refused(json_reply({"error": {"message": message, "code": code}}, status), code)


def iam(status: int, message: str, title: str) -> Refused:
    """Refuse as IAM does: its code is an integer."""
    body = {"error": {"code": status, "message": message, "title": title}}
    return Refused(json_reply(body, status), f"IAM {status}")


def obs(status: int, code: str, message: str = "", resource: str = "") -> Refused:
    """Refuse as OBS does."""
    request_id = new_request_id()
    body = node(
        "Error",
        leaf("Code", code),
        leaf("Message", message or code),
        leaf("Resource", resource),
        leaf("RequestId", request_id),
        leaf("HostId", "emulator"),
    )
    return Refused(xml_reply(body, status, {"x-obs-request-id": request_id}), code)


def new_request_id() -> str:
    """Make the id of a request, as support tickets quote it."""
    return secrets.token_hex(16)
