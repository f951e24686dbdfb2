"""Which Connection the command examines, and where it was found."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ims_airflow.inspection.access import airflow_profile, airflow_variable, plain_variables
from ims_airflow.protocol.ids import DEFAULT_CONN_ID

if TYPE_CHECKING:
    from ims_airflow.hooks.connection import Profile


@dataclass(frozen=True, slots=True)
class Source:
    """Where a Connection comes from.

    :param conn_id: its id.
    :param origin: in words.
    :param read: reads it; raises ``InvalidInputError`` when it cannot be found or breaks a rule.
    """

    conn_id: str
    origin: str
    read: Callable[[], Profile]


def find_source(conn_id: str | None, environment: Mapping[str, str]) -> Source:
    """Find the Connection that is meant.

    A Connection that is named comes from ``AIRFLOW_CONN_<ID>`` or from Airflow. Without a name it is the
    default one, for which the variables of the vendor's tools may stand in.

    :raises InvalidInputError: the variable is spelled wrongly.
    """
    from ims_airflow.hooks.connection import read_connection  # noqa: PLC0415  # --help needs none of it

    name = conn_id or DEFAULT_CONN_ID
    found, origin = airflow_variable(name, environment), f"AIRFLOW_CONN_{name.upper()}"
    if found is None and conn_id is None:
        found, origin = plain_variables(name, environment), "environment variables of the vendor's tools"
    if found is None:
        return Source(name, "Airflow", lambda: airflow_profile(name))
    connection = found
    return Source(name, origin, lambda: read_connection(connection))
