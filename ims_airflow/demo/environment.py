"""The environment that makes Airflow private, quiet and quick."""

from __future__ import annotations

import base64
import importlib.util
import json
import os
import secrets
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

Connections = Mapping[str, Mapping[str, Any]]
DATABASE = "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN"


def airflow_environment(home: Path, dags: Path, port: int, jwt_secret: str) -> dict[str, str]:
    """Return the environment of all components of one stack.

    :param home: directory for everything that Airflow writes.
    :param dags: directory of the DAG files.
    :param port: of the API server, on loopback.
    :param jwt_secret: signs the tokens; without a given one, each component would invent its own.
    """
    address = f"http://127.0.0.1:{port}"
    return {
        **_inherited(),
        **_bytecode(home),
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__CORE__DAGS_FOLDER": str(dags),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION": "False",
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS": "True",  # no log-in: it listens on loopback only
        "AIRFLOW__CORE__FERNET_KEY": base64.urlsafe_b64encode(secrets.token_bytes(32)).decode(),
        "AIRFLOW__CORE__EXECUTOR": "LocalExecutor",
        "AIRFLOW__CORE__PARALLELISM": "4",
        "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"{address}/execution/",
        DATABASE: f"sqlite:///{home}/airflow.db",
        "AIRFLOW__API__HOST": "127.0.0.1",
        "AIRFLOW__API__PORT": str(port),
        "AIRFLOW__API__BASE_URL": address,
        "AIRFLOW__API__SECRET_KEY": secrets.token_urlsafe(32),
        "AIRFLOW__API_AUTH__JWT_SECRET": jwt_secret,
        "AIRFLOW__DAG_PROCESSOR__REFRESH_INTERVAL": "5",
        "AIRFLOW__DAG_PROCESSOR__MIN_FILE_PROCESS_INTERVAL": "5",
        "AIRFLOW__DAG_PROCESSOR__BUNDLE_REFRESH_CHECK_INTERVAL": "1",
        "AIRFLOW__SCHEDULER__SCHEDULER_IDLE_SLEEP_TIME": "0.2",
        "AIRFLOW__SCHEDULER__TRIGGER_TIMEOUT_CHECK_INTERVAL": "3",
        "AIRFLOW__LOGGING__LOGGING_LEVEL": "WARNING",
        "AIRFLOW__LOGGING__NAMESPACE_LEVELS": "task=INFO airflow.task=INFO ims_airflow=INFO",
        "PYTHONWARNINGS": "ignore",  # each component prints the deprecations of its dependencies
        "PYTHONUNBUFFERED": "1",
        "NO_PROXY": without_proxy(),
        "no_proxy": without_proxy(),
    }


def connection_variables(connections: Connections) -> dict[str, str]:
    """Spell Connections as Airflow reads them from the environment.

    :param connections: JSON-able fields by connection id.
    """
    return {f"AIRFLOW_CONN_{name.upper()}": json.dumps(fields) for name, fields in connections.items()}


def without_proxy() -> str:
    """Return the value of ``NO_PROXY`` with loopback added: nothing on this machine is behind a proxy."""
    known = os.environ.get("NO_PROXY") or os.environ.get("no_proxy") or ""
    return ",".join(part for part in (known, "127.0.0.1", "localhost") if part)


def _inherited() -> dict[str, str]:
    # Settings of another Airflow on this machine, its database above all, are none of our business.
    return {name: value for name, value in os.environ.items() if not name.startswith("AIRFLOW")}


def _bytecode(home: Path) -> dict[str, str]:
    """Let the components share compiled code where Python was told not to keep any: start-up halves."""
    airflow = importlib.util.find_spec("airflow")
    compiled = airflow and airflow.origin and Path(importlib.util.cache_from_source(airflow.origin))
    if not sys.dont_write_bytecode or (compiled and compiled.exists()):
        return {}
    return {"PYTHONDONTWRITEBYTECODE": "", "PYTHONPYCACHEPREFIX": str(home / "bytecode")}
