"""Where the command takes its account from: the environment, and only after that Airflow."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, unquote, urlsplit

from ims_airflow.exceptions import InvalidInputError

if TYPE_CHECKING:
    from ims_airflow.client.sync import Client

# The variables of the vendor's SDK, and those of its Terraform provider where the SDK has none.
_AK, _SK = "HUAWEICLOUD_SDK_AK", "HUAWEICLOUD_SDK_SK"
_EXTRA = {
    "security_token": "HUAWEICLOUD_SDK_SECURITY_TOKEN",
    "project_id": "HUAWEICLOUD_SDK_PROJECT_ID",
    "region": "HW_REGION_NAME",
}


@dataclass(slots=True, repr=False)
class EnvironmentConnection:
    """A Connection as the environment spells it. Never printed: it holds the secret key."""

    conn_id: str
    login: str | None
    password: str | None
    extra: str | None


def open_client(conn_id: str, environment: Mapping[str, str]) -> Client:
    """Return a client for a Connection.

    :param environment: ``AIRFLOW_CONN_<ID>``, or ``HUAWEICLOUD_SDK_AK`` and ``…_SK`` with ``HW_REGION_NAME``.
        When it holds neither, Airflow is asked.
    :raises InvalidInputError: there is no such Connection, or it breaks a rule.
    """
    from ims_airflow.client.sync import Client  # noqa: PLC0415  # a local file needs no HTTP library
    from ims_airflow.hooks.connection import read_connection  # noqa: PLC0415

    connection = connection_in(conn_id, environment)
    if connection is None:
        return _airflow_client(conn_id)
    profile = read_connection(connection)
    return Client(profile.account(), profile.options)


def connection_in(conn_id: str, environment: Mapping[str, str]) -> EnvironmentConnection | None:
    """Return the Connection that the environment holds, None when it holds none.

    :raises InvalidInputError: it is spelled wrongly.
    """
    text = environment.get(f"AIRFLOW_CONN_{conn_id.upper()}", "").strip()
    if text:
        return _from_json(conn_id, text) if text.startswith("{") else _from_uri(conn_id, text)
    if not (environment.get(_AK) and environment.get(_SK)):
        return None
    extra = {name: environment[variable] for name, variable in _EXTRA.items() if environment.get(variable)}
    return EnvironmentConnection(conn_id, environment[_AK], environment[_SK], json.dumps(extra))


def _from_json(conn_id: str, text: str) -> EnvironmentConnection:
    try:
        found = json.loads(text)
    except ValueError:
        # The text may hold a secret: it is not quoted, nor is the parser's message.
        raise InvalidInputError(f"AIRFLOW_CONN_{conn_id.upper()} is not readable JSON") from None
    extra = found.get("extra")
    return EnvironmentConnection(
        conn_id,
        found.get("login"),
        found.get("password"),
        extra if isinstance(extra, str) else json.dumps(extra or {}),
    )


def _from_uri(conn_id: str, text: str) -> EnvironmentConnection:
    try:
        parts = urlsplit(text)
        query = dict(parse_qsl(parts.query, keep_blank_values=True))
    except ValueError:
        raise InvalidInputError(f"AIRFLOW_CONN_{conn_id.upper()} is not a readable URI") from None
    extra = query.get("__extra__") or json.dumps(query)
    return EnvironmentConnection(conn_id, unquote(parts.username or ""), unquote(parts.password or ""), extra)


def _airflow_client(conn_id: str) -> Client:
    from ims_airflow.hooks.obs import ObsHook  # noqa: PLC0415  # brings Airflow with it: seconds

    try:
        return ObsHook(conn_id).client
    except InvalidInputError:
        raise
    except Exception as error:  # whatever Airflow has to say about a Connection that it cannot find
        raise InvalidInputError(
            f"there is no Connection {conn_id!r}: set AIRFLOW_CONN_{conn_id.upper()}, or {_AK} and {_SK} "
            f"with HW_REGION_NAME, or create it in Airflow ({type(error).__name__})"
        ) from error
