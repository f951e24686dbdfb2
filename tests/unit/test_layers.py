"""Imports point one way: exceptions <- protocol <- client <- hooks <- triggers <- operators, sensors."""

from __future__ import annotations

import ast
import sys
from functools import cache
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[2] / "ims_airflow"
FACE = {
    "arguments",
    "assets",
    "hooks",
    "lineage",
    "links",
    "metrics",
    "operators",
    "outputs",
    "params",
    "plugin",
    "progress",
    "sensors",
    "task",
    "task_groups",
    "triggers",
    "upstream",
}
ALLOWED = {
    "exceptions": set(),
    "protocol": {"exceptions"},
    "client": {"exceptions", "protocol", "__version__"},
    "hooks": {"exceptions", "protocol", "client", "doctor"},
    # Its command, and nothing else of it, uses more than exceptions and protocol.
    "doctor": {"exceptions", "protocol", "hooks", "inspection", "__version__"},
    "metrics": {"exceptions", "protocol"},
    "task": {"exceptions", "protocol"},
    "upstream": set(),
    "assets": {"protocol"},
    "lineage": {"protocol"},
    "triggers": {"exceptions", "protocol", "client", "hooks", "metrics", "arguments", "upstream"},
    "links": {"exceptions", "protocol", "hooks", "task"},
    "progress": {"exceptions", "protocol", "hooks", "task", "upstream", "assets", "lineage"},
    "operators": {
        "exceptions",
        "protocol",
        "client",
        "hooks",
        "task",
        "triggers",
        "links",
        "inspection",
        "arguments",
        "outputs",
        "lineage",
        "metrics",
        "progress",
        "upstream",
    },
    "sensors": {
        "exceptions",
        "protocol",
        "client",
        "hooks",
        "task",
        "triggers",
        "links",
        "arguments",
        "outputs",
        "lineage",
        "metrics",
        "progress",
        "upstream",
    },
    "task_groups": {"arguments", "exceptions", "protocol", "operators", "sensors", "outputs"},
    "params": set(),
    "arguments": set(),
    "outputs": set(),
    "plugin": set(),  # the page asks Airflow, never the cloud
    # Only its access to a cloud, inside of functions, uses more than exceptions and protocol.
    "inspection": {"exceptions", "protocol", "client", "hooks"},
    "emulator": {"exceptions", "protocol", "__version__"},
    "demo": {"exceptions", "protocol", "client", "emulator", "__version__"},
    "cli": {"exceptions", "demo", "doctor", "emulator", "inspection", "__version__"},
    "__main__": {"cli"},
    "connection_form": set(),
    "get_provider_info": {"__version__", "connection_form"},
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
    public = (
        "airflow.sdk",
        "airflow.triggers.base",
        "airflow.providers.standard",
        "airflow.providers.openlineage.extractors",
    )
    assert all(name.startswith(public) for name in airflow)


def test_only_the_command_of_doctor_knows_more_than_the_protocol() -> None:
    pure = {"exceptions", "protocol", "doctor"}
    for name in ("check", "reach", "standing", "asking", "rights", "examination"):
        own = {one for one in imports(PACKAGE / "doctor" / f"{name}.py") if one.startswith("ims_airflow.")}
        assert {one.split(".")[1] for one in own} <= pure, name


def test_protocol_needs_the_standard_library_only() -> None:
    for path in (PACKAGE / "protocol").rglob("*.py"):
        roots = {name.partition(".")[0] for name in imports(path)} - {"ims_airflow"}
        assert roots <= sys.stdlib_module_names, path


@pytest.mark.parametrize("name", ["time", "random", "socket", "os", "asyncio", "threading", "http.client"])
def test_protocol_has_no_clock_no_chance_and_no_network(name: str) -> None:
    assert not [path for path in (PACKAGE / "protocol").rglob("*.py") if name in imports(path)]
