"""Where the command takes its account from: the environment, and only after that Airflow."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, unquote, urlsplit

from ims_airflow.exceptions import InvalidInputError

if TYPE_CHECKING:
    from ims_airflow.client.sync import Client
    from ims_airflow.hooks.connection import Profile

_AK, _SK = "HUAWEICLOUD_SDK_AK", "HUAWEICLOUD_SDK_SK"
_REGIONS = ("HW_REGION_NAME", "HUAWEICLOUD_REGION")  # the SDK has no such variable


@dataclass(frozen=True, slots=True)
class _Family:
    """The variables that one of the vendor's tools reads. They are never mixed: a key is one whole."""

    ak: str
    sk: str
    extra: Mapping[str, str]


_FAMILIES = (
    _Family(  # the SDK
        _AK,
        _SK,
        {
            "security_token": "HUAWEICLOUD_SDK_SECURITY_TOKEN",
            "project_id": "HUAWEICLOUD_SDK_PROJECT_ID",
        },
    ),
    _Family(  # the Terraform provider
        "HW_ACCESS_KEY",
        "HW_SECRET_KEY",
        {
            "security_token": "HW_SECURITY_TOKEN",
            "project_id": "HW_PROJECT_ID",
            "agency_name": "HW_ASSUME_ROLE_AGENCY_NAME",
            "agency_domain_name": "HW_ASSUME_ROLE_DOMAIN_NAME",
            "agency_domain_id": "HW_ASSUME_ROLE_DOMAIN_ID",
        },
    ),
)


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
    profile = read_connection(connection) if connection else airflow_profile(conn_id)
    return Client(profile.account(), profile.options)


def connection_in(conn_id: str, environment: Mapping[str, str]) -> EnvironmentConnection | None:
    """Return the Connection that the environment holds, None when it holds none.

    :raises InvalidInputError: it is spelled wrongly.
    """
    return airflow_variable(conn_id, environment) or plain_variables(conn_id, environment)


def airflow_variable(conn_id: str, environment: Mapping[str, str]) -> EnvironmentConnection | None:
    """Return the Connection that ``AIRFLOW_CONN_<ID>`` holds, None when it holds none.

    :raises InvalidInputError: it is spelled wrongly.
    """
    text = environment.get(f"AIRFLOW_CONN_{conn_id.upper()}", "").strip()
    if not text:
        return None
    return _from_json(conn_id, text) if text.startswith("{") else _from_uri(conn_id, text)


def plain_variables(conn_id: str, environment: Mapping[str, str]) -> EnvironmentConnection | None:
    """Return what the variables of the vendor's tools amount to, None when they hold no key."""
    for family in _FAMILIES:
        ak, sk = environment.get(family.ak), environment.get(family.sk)
        if ak and sk:
            extra = {name: found for name, var in family.extra.items() if (found := environment.get(var))}
            region = next((found for name in _REGIONS if (found := environment.get(name))), None)
            extra |= {"region": region} if region else {}
            return EnvironmentConnection(conn_id, ak, sk, json.dumps(extra))
    return None


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


def airflow_profile(conn_id: str) -> Profile:
    """Return the Connection that Airflow knows: its secrets backend, or its database.

    :raises InvalidInputError: there is none, or it breaks a rule.
    """
    from ims_airflow.hooks.connection import read_connection  # noqa: PLC0415

    return read_connection(_airflow_connection(conn_id))


def _airflow_connection(conn_id: str) -> EnvironmentConnection:
    """Ask Airflow's own command. Outside of its processes, its library looks at no database."""
    command = (sys.executable, "-m", "airflow", "connections", "get", conn_id, "--output", "json")
    try:
        answer = subprocess.run(command, capture_output=True, timeout=120, check=True)  # noqa: S603
        # Plug-ins of an Airflow may print lines of their own first.
        [found] = json.loads(answer.stdout[answer.stdout.index(b"[{") :])
        return EnvironmentConnection(
            conn_id, found["login"], found["password"], json.dumps(found["extra_dejson"])
        )
    except (OSError, subprocess.SubprocessError, ValueError, LookupError, TypeError) as error:
        # What the command printed is not quoted: it may hold a secret.
        trouble = "" if isinstance(error, subprocess.CalledProcessError) else f" ({type(error).__name__})"
        raise InvalidInputError(
            f"There is no Connection {conn_id!r}: set AIRFLOW_CONN_{conn_id.upper()}, or {_AK} and {_SK} "
            f"with HW_REGION_NAME, or create it in Airflow{trouble}"
        ) from None
