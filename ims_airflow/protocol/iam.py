"""Calls that turn an identity into a token, a temporary key or a project id."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from ims_airflow.exceptions import (
    AccessDeniedError,
    AgencyRefusedError,
    ApiError,
    InvalidInputError,
    NotFoundError,
    RequestRejectedError,
    ServiceError,
    UnusableAnswerError,
)
from ims_airflow.protocol.credentials import AccessKey, Delegation, Password, Token
from ims_airflow.protocol.errors import json_object
from ims_airflow.protocol.job_time import iso_epoch
from ims_airflow.protocol.message import Call, Flow, Response, Service

_JSON = {"Content-Type": "application/json;charset=utf8"}
_KEYS = "/v3.0/OS-CREDENTIAL/securitytokens"
_IMDS_LIFETIME = {"X-Metadata-Token-Ttl-Seconds": "21600"}


def obtain_token(who: Password, *, region: str = "", project_id: str = "") -> Flow[Token]:
    """Exchange an IAM user's password for a token (IAM, "Obtaining a User Token").

    The token is scoped to the project, without an id to the one that is named like the region, and without
    either to the user's own account.

    :raises AuthenticationError: user or password is wrong.
    """
    user = {"name": who.user, "password": who.password, "domain": {"name": who.domain_name}}
    project = {"id": project_id} if project_id else {"name": region}
    account = {"domain": {"name": who.domain_name}}
    body = {
        "auth": {
            "identity": {"methods": ["password"], "password": {"user": user}},
            "scope": {"project": project} if project_id or region else account,
        }
    }
    response = yield _post("/v3/auth/tokens", body, query=(("nocatalog", "true"),))
    value = response.headers.get("x-subject-token", "")
    if not value:
        raise UnusableAnswerError("IAM answered the token request without an X-Subject-Token header")
    token = _mapping(json_object(response, "the token answer of IAM"), "token")
    found = _mapping(token, "project").get("id")
    return Token(value, iso_epoch(token.get("expires_at")), found if isinstance(found, str) else "")


def obtain_temporary_key(token: Token) -> Flow[AccessKey]:
    """Exchange a token for a temporary key, which OBS needs (IAM, "Temporary Access Key")."""
    body = {"auth": {"identity": {"methods": ["token"], "token": {"id": token.value}}}}
    response = yield _post(_KEYS, body)
    return _key(response, "the temporary key answer of IAM")


def assume_agency(who: Delegation, credential: AccessKey | Token) -> Flow[AccessKey]:
    """Obtain the temporary key of an agency (IAM, "Obtaining a Temporary Access Key … of an Agency").

    :param credential: of the identity that the agency trusts.
    :raises AgencyRefusedError: there is no such agency, or it does not trust the identity.
    :raises AuthenticationError: the identity's own credential is refused.
    """
    asked: dict[str, object] = {"agency_name": who.agency_name, "duration_seconds": who.duration_seconds}
    asked |= {"domain_name": who.domain_name} if who.domain_name else {}
    asked |= {"domain_id": who.domain_id} if who.domain_id else {}
    body = {"auth": {"identity": {"methods": ["assume_role"], "assume_role": asked}}}
    try:
        response = yield _post(_KEYS, body, credential=credential)
    except (AccessDeniedError, NotFoundError, RequestRejectedError) as error:
        raise _refused_agency(who, error) from error
    return _key(response, "the answer of IAM about the agency's key")


def _refused_agency(who: Delegation, error: ApiError) -> AgencyRefusedError:
    return AgencyRefusedError(
        f"IAM hands out no key of the agency {who.agency_name!r} of the account {who.account!r}: "
        f"{error.args[0]}",
        status=error.status,
        code=error.code,
        request_id=error.request_id,
        remedy="Check agency_name and agency_domain_name of the Connection, that the agency trusts the "
        "account of login, and that the user has the permission Agent Operator (iam:agencies:assume).",
    )


def obtain_project_id(region: str) -> Flow[str]:
    """Look up the id of the project that is named like the region (IAM, "Querying Project Information").

    :raises InvalidInputError: there is none, or more than one.
    """
    ids = yield from list_project_ids(region)
    if len(ids) != 1:
        found = f"{len(ids)} projects ({', '.join(ids)})" if ids else "no project"
        raise InvalidInputError(
            f"project_id: IAM knows {found} named {region!r}: check region, or set project_id in the "
            "Connection's extra"
        )
    return ids[0]


def list_project_ids(region: str, *, attempts: int = 4) -> Flow[list[str]]:
    """List the ids of the projects that are named like the region."""
    response = yield Call(Service.IAM, "GET", "/v3/projects", query=(("name", region),), attempts=attempts)
    rows = json_object(response, "the project list of IAM").get("projects")
    rows = [row for row in rows if isinstance(row, dict)] if isinstance(rows, list) else []
    return [str(row["id"]) for row in rows if row.get("id") and row.get("name", region) == region]


def obtain_agency_key() -> Flow[AccessKey]:
    """Fetch the temporary key of the ECS agency from the metadata service.

    Asks with a session token first and without one where the service has none (ECS user guide, "Metadata").
    """
    headers: Mapping[str, str] = {}
    try:
        answer = yield _metadata("PUT", "/meta-data/latest/api/token", _IMDS_LIFETIME)
        headers = {"X-Metadata-Token": answer.body.decode("ascii", "replace").strip()}
    except (NotFoundError, RequestRejectedError, ServiceError) as error:
        if error.status not in {404, 405, 503}:
            raise
    response = yield _metadata("GET", "/openstack/latest/securitykey", headers)
    return _key(response, "the security key answer of the ECS metadata service")


def _post(
    path: str,
    body: object,
    query: tuple[tuple[str, str], ...] = (),
    credential: AccessKey | Token | None = None,
) -> Call:
    return Call(
        Service.IAM,
        "POST",
        path,
        query=query,
        headers=_JSON,
        body=json.dumps(body).encode(),
        signed=False,
        credential=credential,
    )


def _metadata(method: str, path: str, headers: Mapping[str, str]) -> Call:
    return Call(Service.METADATA, method, path, headers=headers, signed=False, attempts=2)


def _mapping(payload: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    value = payload.get(name)
    return value if isinstance(value, dict) else {}


def _key(response: Response, what: str) -> AccessKey:
    credential = _mapping(json_object(response, what), "credential")
    access, secret = credential.get("access"), credential.get("secret")
    if not (isinstance(access, str) and isinstance(secret, str) and access and secret):
        raise UnusableAnswerError(f"{what} holds no access key")
    return AccessKey(
        access, secret, str(credential.get("securitytoken") or ""), iso_epoch(credential.get("expires_at"))
    )
