"""Inside of the package, too, imports point one way: only one module knows oslo.utils, one the client."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[2] / "ims_airflow" / "inspection"
FILES = sorted(PACKAGE.rglob("*.py"))


def modules(path: Path) -> set[str]:
    nodes = list(ast.walk(ast.parse(path.read_text(encoding="utf-8"))))
    plain = {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    return plain | {node.module or "" for node in nodes if isinstance(node, ast.ImportFrom)}


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_one_door_each(path: Path) -> None:
    found = modules(path)
    assert path.name == "oslo.py" or not any(name.startswith("oslo") for name in found)
    own = {name.split(".")[1] for name in found if name.startswith("ims_airflow.")}
    assert own <= {"exceptions", "protocol", "inspection"} or path.name == "access.py"


@pytest.mark.parametrize("module", ["operators.ims", "sensors.obs", "triggers.obs", "cli"])
def test_nobody_loads_the_inspection_before_it_is_needed(module: str) -> None:
    program = (
        f"import sys, ims_airflow.{module}; assert not any('oslo_utils' in name for name in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", program], check=True, capture_output=True)
