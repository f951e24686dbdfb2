"""Where a benchmark leaves its figures: a JSON file, with the machine and the versions that made them."""

from __future__ import annotations

import json
import os
import platform
import tempfile
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

PACKAGES = ("aiohttp", "apache-airflow", "apache-airflow-providers-dbt-cloud", "httpx", "requests")


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def machine() -> dict[str, Any]:
    return {
        "machine": platform.machine(),
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        "packages": {package: _version(package) for package in PACKAGES},
    }


def save(name: str, figures: dict[str, Any], path: str | None = None) -> None:
    """Write the figures of a benchmark and say where.

    :param path: of the file; in the temporary directory when left out.
    """
    place = Path(path) if path else Path(tempfile.gettempdir()) / f"ims-airflow-{name}.json"
    place.write_text(json.dumps({"benchmark": name, **machine(), "figures": figures}, indent=1))
    print(f"\nwritten to {place}")
