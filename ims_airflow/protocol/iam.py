"""Calls that turn an identity into a token, a temporary key or a project id."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from ims_airflow.exceptions import (
    InvalidInputError,
    NotFoundError,
    RequestRejectedError,
    ServiceError,
    UnusableAnswerError,
)
from ims_airflow.protocol.credentials import AccessKey, Password, Token
from ims_airflow.protocol.errors import json_object
from ims_airflow.protocol.message import Call, Flow, Response, Service

_JSON = {"Content-Type": "application/json;charset=utf8"}
_IMDS_LIFETIME = {"X-Metadata-Token-Ttl-Seconds": "21600"}


def epoch(text: object) -> float | None:
    """Read an ``expires_at``; None when it is missing or in no known spelling."""
    try:
        moment = datetime.fromisoformat(str(text))
    except ValueError:
        return None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def obtain_token(who: Password, *, region: str, project_id: str) -> Flow[Token]:
    """Exchange an IAM user's password for a project-scoped token (IAM, "Obtaining a User Token").

    :raises AuthenticationError: user or password is wrong.
    """
    user = {"name": who.user, "password": who.password, "domain": {"name": who.domain_name}}
    project = {"id": project_id} if project_id else {"name": region}
    body = {
        "auth": {
            "identity": {"methods": ["password"], "password": {"user": user}},
            "scope": {"project": project},
        }
    }
    response = yield _post("/v3/auth/tokens", body, query=(("nocatalog", "true"),))
    value = response.headers.get("x-subject-token", "")
    if not value:
        raise UnusableAnswerError("IAM answered the token request without an X-Subject-Token header")
    token = _mapping(json_object(response, "the token answer of IAM"), "token")
    found = _mapping(token, "project").get("id")
    return Token(value, epoch(token.get("expires_at")), found if isinstance(found, str) else "")


def obtain_temporary_key(token: Token) -> Flow[AccessKey]:
    """Exchange a token for a temporary key, which OBS needs (IAM, "Temporary Access Key")."""
    body = {"auth": {"identity": {"methods": ["token"], "token": {"id": token.value}}}}
    response = yield _post("/v3.0/OS-CREDENTIAL/securitytokens", body)
    return _key(response, "the temporary key answer of IAM")


def obtain_project_id(region: str) -> Flow[str]:
    """Look up the id of the project that is named like the region (IAM, "Querying Project Information").

    :raises InvalidInputError: there is none, or more than one.
    """
    response = yield Call(Service.IAM, "GET", "/v3/projects", query=(("name", region),))
    rows = json_object(response, "the project list of IAM").get("projects")
    rows = [row for row in rows if isinstance(row, dict)] if isinstance(rows, list) else []
    ids = [str(row["id"]) for row in rows if row.get("id") and row.get("name", region) == region]
    if len(ids) != 1:
        found = f"{len(ids)} projects ({', '.join(ids)})" if ids else "no project"
        raise InvalidInputError(
            f"project_id: IAM knows {found} named {region!r}; set it in the Connection's extra"
        )
    return ids[0]


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


def _post(path: str, body: object, query: tuple[tuple[str, str], ...] = ()) -> Call:
    return Call(
        Service.IAM, "POST", path, query=query, headers=_JSON, body=json.dumps(body).encode(), signed=False
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
        access, secret, str(credential.get("securitytoken") or ""), epoch(credential.get("expires_at"))
    )
