"""The codes of API Gateway and of IAM: which error each is, what it means, what to do.

Sources: API signing guide, api-sign-errorcode (``APIGW.*``; some regions spell ``APIG.*``); IAM API
reference, 错误码 (``IAM.*``) and 状态码 (the numbers, which repeat the HTTP status).
"""

from __future__ import annotations

from ims_airflow.exceptions import ApiError
from ims_airflow.protocol.error_kinds import (
    Denied,
    Expired,
    NotFound,
    Quota,
    Rejected,
    Service,
    Throttled,
    Unauthenticated,
)

Row = tuple[type[ApiError], str, str]

_KEYS = "Check access key, secret key and, for a temporary key, the security token of the Connection."
RENEW = "Nothing, where the Connection can renew it (password, ECS agency); a fixed one must be replaced."
_CLOCK = "Set this machine's clock: more than 15 minutes of difference invalidate a signature."
_ADDRESS = "Check the endpoint and region of the Connection."
_RIGHTS = "Grant the user the permissions of IMS in this project."
_NETWORK = "Ask the administrator of the account which addresses may call."
_LOGIN = "Check login, password and domain_name of the Connection."

_GATEWAY: dict[str, Row] = {
    "0101": (NotFound, "there is no such API, or not with this method", _ADDRESS),
    "0103": (NotFound, "the API's backend was not found", _ADDRESS),
    "0104": (Rejected, "the gateway's plug-ins are set up wrongly", ""),
    "0105": (Rejected, "the gateway's backend is set up wrongly", ""),
    "0106": (Rejected, "the gateway failed at composing the request", ""),
    # One code for six statuses; the 5xx among them become a ServiceError, see errors.error_from.
    "0201": (Rejected, "the request is malformed or too large, or the backend did not answer", ""),
    "0301": (Unauthenticated, "IAM refuses the signature or token", _KEYS),
    "0302": (Denied, "the user may not call this API", _RIGHTS),
    "0303": (Unauthenticated, "the application is not authenticated, or the clocks differ", _CLOCK),
    "0304": (Denied, "the application may not call this API", _RIGHTS),
    "0305": (Unauthenticated, "the request is not authenticated", _KEYS),
    "0306": (Denied, "access to the API is denied", _RIGHTS),
    "0307": (Expired, "the token has run out or is another region's", RENEW),
    "0308": (Throttled, "too many requests", "Poll less often or with fewer tasks at a time."),
    "0310": (Denied, "the project is not available", "Check project_id, and whether the project is frozen."),
    "0311": (Unauthenticated, "the debugging request is not authenticated", _KEYS),
    "0401": (Denied, "the caller's address is not known", _NETWORK),
    "0402": (Denied, "the caller's address is not allowed", _NETWORK),
    "0404": (Denied, "the backend's address is not allowed", ""),
    "0501": (Quota, "the quota of calls is used up", "Apply for a larger quota."),
    "0502": (Quota, "the application is frozen", "Let the owner of the account look at its balance."),
    "0601": (Service, "an internal error of the gateway", ""),
    "0602": (Rejected, "the request is wrong", ""),
    "0605": (Service, "the backend's name could not be resolved", ""),
    "0606": (Service, "the API's settings could not be loaded", ""),
    "0607": (Rejected, "the protocol is not supported", _ADDRESS),
    "0608": (Service, "the gateway obtained no token of its own", ""),
    "0609": (Service, "the VPC's backend was not found", ""),
    "0610": (Service, "no backend is available", ""),
    "0611": (Service, "the backend's port was not found", ""),
    "0612": (Service, "the API calls itself", ""),
    "0613": (Service, "IAM is not available just now", ""),
    "0705": (Service, "the backend's signature could not be calculated", ""),
    "0801": (Denied, "the service is not offered in this region", _ADDRESS),
    "0802": (Denied, "the user may not use this region", "Grant the user access to the region."),
}

_IAM: dict[str, Row] = {
    "IAM.0001": (Unauthenticated, "the request is not authenticated", _LOGIN),
    "IAM.0002": (Denied, "the user may not do this", "Grant the user this permission in IAM."),
    "IAM.0003": (Denied, "a policy forbids this", "Grant the user this permission in IAM."),
    "IAM.0004": (NotFound, "the thing that was asked for does not exist", ""),
    "IAM.0005": (Rejected, "it contradicts something that exists", ""),
    "IAM.0006": (Service, "an unexpected error inside IAM", ""),
    "IAM.0007": (Rejected, "a parameter is wrong", ""),
    "IAM.0009": (Rejected, "X-Subject-Token is wrong", ""),
    "IAM.0011": (Rejected, "the body is wrong", ""),
    "IAM.0012": (
        Throttled,
        "too many requests to IAM",
        "Use fewer processes, or an access key, which needs no token.",
    ),
    "IAM.0020": (Service, "IAM is moving to another region", ""),
    "IAM.0061": (
        Unauthenticated,
        "the user is locked",
        "Wait until the lock ends, then use the right password.",
    ),
    "IAM.0062": (Unauthenticated, "the password is wrong", _LOGIN),
    "IAM.0063": (Unauthenticated, "the access token is refused", _KEYS),
    "IAM.0064": (Denied, "the access token does not cover the request", _RIGHTS),
    "IAM.0065": (Denied, "this kind of user cannot log in here", "Create an IAM user."),
    "IAM.0066": (Expired, "the token has run out", RENEW),
    "IAM.0067": (Unauthenticated, "the token is not valid", _KEYS),
    "IAM.0072": (Rejected, "a required field is missing", ""),
    "IAM.0073": (Rejected, "a field is wrong", ""),
    "IAM.0080": (
        Unauthenticated,
        "the access key is disabled",
        "Enable the access key in IAM, or use another.",
    ),
    "IAM.0081": (Denied, "the user may use the console only", "Allow the user programmatic access in IAM."),
    "IAM.0082": (Unauthenticated, "the user is disabled", "Enable the user in IAM, or use another."),
    "IAM.0083": (Denied, "the user may not use this region", "Grant the user access to the region."),
    "400": (Rejected, "the request is wrong", ""),
    "401": (Unauthenticated, "the request is not authenticated", _LOGIN),
    "403": (Denied, "the user may not do this", "Grant the user this permission in IAM."),
    "404": (NotFound, "the thing that was asked for does not exist", ""),
    "409": (Rejected, "it contradicts something that exists", ""),
    "429": (Throttled, "too many requests", ""),
    "500": (Service, "an internal error", ""),
    "503": (Service, "the service is not available just now", ""),
}

GATEWAY_CODES: dict[str, Row] = {
    **{f"{prefix}.{number}": row for number, row in _GATEWAY.items() for prefix in ("APIGW", "APIG")},
    **_IAM,
}

# APIGW.0301 says what is wrong only in the tail of its message: the piece of text to look for, then as above.
AUTHENTICATION_TAILS: tuple[tuple[str, Row], ...] = (
    ("decrypt token fail", (Expired, "the token cannot be read", RENEW)),
    (
        "failed to reach the limit",
        (
            Unauthenticated,
            "the access key is locked",
            "Stop all use of this key for 5 minutes, then correct it.",
        ),
    ),
    (
        "not exist",
        (Unauthenticated, "there is no such access key", "Check the access key; it may have been deleted."),
    ),
    (
        "signature fail",
        (Unauthenticated, "the signature is wrong", f"Check the secret key. {_CLOCK}"),
    ),
    (
        "x-auth-token not found",
        (Unauthenticated, "the request has no token", "Check for a proxy that drops headers."),
    ),
)
