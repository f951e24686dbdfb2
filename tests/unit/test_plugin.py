from __future__ import annotations

import importlib
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from ims_airflow.plugin.files import HEADERS, STATIC
from ims_airflow.plugin.plugin import ImsPlugin

PYPROJECT = Path(__file__).parents[2] / "pyproject.toml"
FILES = sorted(path for path in STATIC.iterdir() if path.suffix in {".html", ".js", ".css", ".svg"})
SCRIPTS = [path for path in FILES if path.suffix == ".js"]


def test_the_entry_point_leads_to_the_plugin() -> None:
    points = tomllib.loads(PYPROJECT.read_text())["project"]["entry-points"]["airflow.plugins"]
    assert list(points) == [ImsPlugin.name]
    module, _, name = points["ims_airflow"].partition(":")
    assert getattr(importlib.import_module(module), name) is ImsPlugin


def test_airflow_accepts_the_view_and_the_application() -> None:
    from airflow._shared.plugins_manager import is_valid_plugin
    from airflow.api_fastapi.app import RESERVED_URL_PREFIXES
    from airflow.api_fastapi.core_api.datamodels.plugins import ExternalViewResponse

    assert is_valid_plugin(ImsPlugin)
    [view], [app] = ImsPlugin.external_views, ImsPlugin.fastapi_apps
    assert ExternalViewResponse.model_validate(view).url_route == "ims-images"
    assert app["url_prefix"] == "/ims-images"
    assert not app["url_prefix"].startswith(tuple(RESERVED_URL_PREFIXES))


def test_the_view_holds_below_any_path() -> None:
    [view] = ImsPlugin.external_views
    for address in (view["href"], view["icon"], view["icon_dark_mode"]):
        assert not address.startswith("/")
        assert "://" not in address
    for name in (view["icon"], view["icon_dark_mode"]):
        assert (STATIC / Path(name).name).is_file()


def test_no_component_pays_for_a_web_framework_by_loading_the_plugin() -> None:
    code = """
import sys, airflow.sdk.plugins_manager
before = set(sys.modules)
import ims_airflow.plugin.plugin
print(*sorted({name.partition(".")[0] for name in set(sys.modules) - before}))
"""
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert shown.splitlines()[-1] == "ims_airflow"


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_every_file_that_a_file_names_exists(path: Path) -> None:
    text = path.read_text()
    named = re.findall(r'from "\./([^"]+)"', text) + re.findall(r'(?:src|href)="([^"#]+)"', text)
    assert [name for name in named if not (STATIC / name).is_file()] == []


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_nothing_comes_from_elsewhere_or_stands_inline(path: Path) -> None:
    text = path.read_text().replace("http://www.w3.org/2000/svg", "")
    assert "http://" not in text
    assert "https://" not in text
    assert not re.search(r"<style|<script>|\son\w+=|\sstyle=\"", text)


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.name)
def test_values_never_become_html_or_code(path: Path) -> None:
    assert not re.search(
        r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|Function\(", path.read_text()
    )


def test_the_policy_allows_nothing_inline() -> None:
    policy = dict(part.strip().split(" ", 1) for part in HEADERS["content-security-policy"].split(";"))
    assert policy.pop("default-src") == policy.pop("base-uri") == policy.pop("form-action") == "'none'"
    assert set(policy.values()) == {"'self'"}
