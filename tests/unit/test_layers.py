"""Imports point one way: exceptions <- protocol <- client <- hooks <- triggers <- operators, sensors."""

from __future__ import annotations

import ast
import sys
from functools import cache
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[2] / "ims_airflow"
FACE = {"hooks", "metrics", "task", "triggers", "links", "operators", "sensors"}
ALLOWED = {
    "exceptions": set(),
    "protocol": {"exceptions"},
    "client": {"exceptions", "protocol", "__version__"},
    "hooks": {"exceptions", "protocol", "client"},
    "metrics": {"exceptions", "protocol"},
    "task": {"exceptions", "protocol"},
    "triggers": {"exceptions", "protocol", "client", "hooks", "metrics"},
    "links": {"exceptions", "protocol", "hooks"},
    "operators": {*"exceptions protocol client hooks metrics task triggers links inspection".split()},
    "sensors": {"exceptions", "protocol", "client", "hooks", "metrics", "task", "triggers", "links"},
    # Only its access to a cloud, inside of functions, uses more than exceptions and protocol.
    "inspection": {"exceptions", "protocol", "client", "hooks"},
    "emulator": {"exceptions", "protocol", "__version__"},
    "demo": {"exceptions", "protocol", "client", "emulator", "__version__"},
    "cli": {"exceptions", "demo", "emulator", "inspection", "__version__"},
    "__main__": {"cli"},
    "get_provider_info": {"__version__"},
    "__init__": set(),
}
FILES = sorted(PACKAGE.rglob("*.py"))


def part(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


@cache
def imports(path: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            module = node.module or ""
            names = {f"{module}.{alias.name}" for alias in node.names}
            found |= names if module == "ims_airflow" else {module}
    return found


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_point_down(path: Path) -> None:
    own = {name for name in imports(path) if name.partition(".")[0] == "ims_airflow"}
    used = {name.split(".")[1] for name in own} - {part(path)}
    assert used <= ALLOWED[part(path)], f"{path.name} imports {used - ALLOWED[part(path)]}"


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_airflow_is_imported_by_its_face_only_and_through_public_paths(path: Path) -> None:
    airflow = {name for name in imports(path) if name.partition(".")[0] == "airflow"}
    if part(path) not in FACE:
        assert not airflow
    public = ("airflow.sdk", "airflow.triggers.base", "airflow.providers.standard")
    assert all(name.startswith(public) for name in airflow)


def test_protocol_needs_the_standard_library_only() -> None:
    for path in (PACKAGE / "protocol").rglob("*.py"):
        roots = {name.partition(".")[0] for name in imports(path)} - {"ims_airflow"}
        assert roots <= sys.stdlib_module_names, path


@pytest.mark.parametrize("name", ["time", "random", "socket", "os", "asyncio", "threading", "http.client"])
def test_protocol_has_no_clock_no_chance_and_no_network(name: str) -> None:
    assert not [path for path in (PACKAGE / "protocol").rglob("*.py") if name in imports(path)]
