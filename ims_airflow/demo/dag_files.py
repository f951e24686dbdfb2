from __future__ import annotations

from pathlib import Path

from ims_airflow.demo.failure import DemoError

EXAMPLE_DAG = "example_ims_data_image"


def example_dags() -> Path:
    """Return the directory of the example DAGs: in the installed package, or beside it in a clone.

    :raises DemoError: neither is there.
    """
    package = Path(__file__).resolve().parents[1]
    for directory in (package / "example_dags", package.parent / "dags"):
        if (directory / f"{EXAMPLE_DAG}.py").is_file():
            return directory
    raise DemoError(f"the example DAGs are missing: {package / 'example_dags'} does not exist")
