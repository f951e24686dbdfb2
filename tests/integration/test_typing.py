"""What type checkers, and so editors, know about the package."""

from __future__ import annotations

import ast
import inspect
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

import pytest

import ims_airflow
from ims_airflow.hooks.base import HuaweiCloudHook
from ims_airflow.hooks.ims import ImsHook
from ims_airflow.hooks.obs import ObsHook

ROOT = Path(__file__).parents[2]
EVERY_NAME = ROOT / "tests" / "typed" / "every_public_name.py"
MISTAKES = ROOT / "tests" / "typed" / "mistakes.py"
# Modules whose classes and functions a DAG file uses.
PUBLIC = [
    "hooks/ims.py",
    "hooks/obs.py",
    "operators/ims.py",
    "params.py",
    "sensors/ims.py",
    "sensors/obs.py",
    "task_groups/ims.py",
    "triggers/ims.py",
    "triggers/obs.py",
    "triggers/obs_event.py",
]
EXCUSE = re.compile(r"  # type: ignore\[([a-z-]+)\]")
FINDING = re.compile(r"^(?P<file>[^:]+):(?P<line>\d+): error: .*\[(?P<code>[a-z-]+)\]$", re.MULTILINE)


def mypy(*files: Path) -> str:
    """Check files as a user would who asks for --strict; the package itself is checked elsewhere."""
    command = [sys.executable, "-m", "mypy", "--strict", "--hide-error-context", "--no-pretty"]
    finished = subprocess.run(
        [*command, *map(str, files)], check=False, cwd=ROOT, capture_output=True, text=True
    )
    assert finished.returncode in {0, 1}, finished.stderr
    return finished.stdout


def names(path: Path) -> set[str]:
    """The names that a file speaks of."""
    nodes = list(ast.walk(ast.parse(path.read_text())))
    return {node.id for node in nodes if isinstance(node, ast.Name)} | {
        node.attr for node in nodes if isinstance(node, ast.Attribute)
    }


def public_names(module: Path) -> set[str]:
    """What a module offers: its ``__all__``, else its classes and functions."""
    tree = ast.parse(module.read_text())
    listed = [
        ast.literal_eval(node.value)
        for node in tree.body
        if isinstance(node, ast.Assign) and [ast.unparse(one) for one in node.targets] == ["__all__"]
    ]
    own = [node.name for node in tree.body if isinstance(node, ast.ClassDef | ast.FunctionDef)]
    return {name for name in (listed[0] if listed else own) if not name.startswith("_")}


def test_a_dag_with_every_public_name_is_free_of_findings() -> None:
    assert mypy(EVERY_NAME).startswith("Success")


def test_each_mistake_is_found_where_it_is_and_nothing_else(tmp_path: Path) -> None:
    lines = MISTAKES.read_text().splitlines()
    expected = {number: found[1] for number, line in enumerate(lines, 1) if (found := EXCUSE.search(line))}
    bare = tmp_path / "mistakes.py"
    bare.write_text("\n".join(EXCUSE.sub("", line) for line in lines) + "\n")
    findings = [found.groupdict() for found in FINDING.finditer(mypy(bare))]
    assert len(expected) > 30
    assert {int(found["line"]): found["code"] for found in findings} == expected
    assert not [line for line, often in Counter(found["line"] for found in findings).items() if often > 1]


@pytest.mark.parametrize("module", PUBLIC)
def test_every_public_name_is_used(module: str) -> None:
    package = Path(inspect.getfile(ims_airflow)).parent
    internal = {"DataImageDefaults", "ImageFilesDefaults", "ImportArguments"}
    assert public_names(package / module) - internal <= names(EVERY_NAME)


@pytest.mark.parametrize("hook", [ImsHook, ObsHook])
def test_every_method_of_the_hooks_is_used(hook: type[HuaweiCloudHook]) -> None:
    own: Mapping[str, object] = vars(hook)
    assert {name for name in own if not name.startswith("_")} <= names(EVERY_NAME)
