"""The README is the first thing that a person tries, so what it says must be so."""

from __future__ import annotations

import inspect
import json
import re
from pathlib import Path

import pytest
from airflow.dag_processing.dagbag import DagBag

from ims_airflow.hooks.connection import read_connection
from ims_airflow.operators.ims import (
    ImsCreateDataImageOperator,
    ImsDeleteImageOperator,
    ImsPreflightOperator,
    ImsRetentionOperator,
    ImsSweepOperator,
)
from ims_airflow.protocol.data_image import REQUEST_FIELDS
from ims_airflow.sensors.ims import ImsJobSensor
from ims_airflow.sensors.obs import ObsImageFileSensor
from ims_airflow.task_groups.ims import ImportArguments, import_data_image, import_data_images

PROJECT = Path(__file__).parents[2]
README = (PROJECT / "README.md").read_text()
EVERYWHERE = {"self", "kwargs", "arguments", "ims_conn_id", "region"}
# Named together: "the request fields", "the other request fields".
TOGETHER = {
    "ImsPreflightOperator": set(REQUEST_FIELDS),
    "import_data_image": set(REQUEST_FIELDS) | {"files"},
}


def blocks(language: str) -> list[str]:
    return re.findall(rf"^ *```{language}\n(.*?)^ *```$", README, re.DOTALL | re.MULTILINE)


def section(words: str) -> str:
    """Return the section whose heading holds some words."""
    found = [
        part for part in re.split(r"^##+ ", README, flags=re.MULTILINE)[1:] if words in part.split("\n")[0]
    ]
    assert len(found) == 1
    return found[0]


def test_it_says_in_75_words_what_this_is() -> None:
    intro = README.split("\n\n")[1]
    assert len(intro.split()) <= 75


def test_it_begins_with_the_two_commands() -> None:
    demo, tests, *_ = blocks("sh")
    assert demo.strip().endswith("pip install . && .venv/bin/ims-airflow demo")
    assert tests.strip().endswith("pip install -e '.[test]' && .venv/bin/pytest")


def test_its_dag_can_be_imported_as_it_stands(tmp_path: Path) -> None:
    [text] = blocks("python")
    (tmp_path / "readme_dag.py").write_text(text)
    bag = DagBag(str(tmp_path), bundle_name="readme")
    assert not bag.import_errors
    assert set(bag.dags["data_image"].task_ids) == {
        "import_data_image.check_upload",
        "import_data_image.preflight",
        "import_data_image.create_data_image",
        "use",
    }


@pytest.mark.parametrize(
    "piece",
    [
        ImsCreateDataImageOperator,
        ImsJobSensor,
        ObsImageFileSensor,
        ImsPreflightOperator,
        ImsDeleteImageOperator,
        ImsRetentionOperator,
        ImsSweepOperator,
        import_data_image,
        import_data_images,
    ],
)
def test_every_argument_stands_in_its_section(piece: type) -> None:
    names = set(inspect.signature(piece).parameters) - EVERYWHERE
    if piece.__name__.startswith("import_data_image"):
        names |= set(ImportArguments.__annotations__) - EVERYWHERE
    names -= TOGETHER.get(piece.__name__.rstrip("s"), set())
    told = section(f"`{piece.__name__}`")
    assert not {name for name in names if f"`{name}`" not in told}


def test_its_policies_are_those_of_the_deployment() -> None:
    shown = [json.loads(text) for text in blocks("json")]
    files = sorted((PROJECT / "docker").glob("iam-policy-*.json"))
    assert shown == [json.loads(path.read_text()) for path in files]


def test_its_connections_are_ones() -> None:
    class Connection:
        conn_id = "huaweicloud_ims_default"

    for text in re.findall(r"^ *export AIRFLOW_CONN_\w+='(.*)'$", README, re.MULTILINE):
        fields = json.loads(text)
        connection = Connection()
        connection.login, connection.password = fields["login"], fields["password"]  # type: ignore[attr-defined]
        connection.extra = json.dumps(fields["extra"])  # type: ignore[attr-defined]
        assert read_connection(connection).region == "cn-north-4"  # type: ignore[arg-type]


def test_what_it_links_to_is_there() -> None:
    targets = re.findall(r"\]\(([^)#]+)\)", README)
    assert targets
    assert [target for target in targets if not (PROJECT / target).exists()] == []


def test_its_own_headings_can_be_jumped_to() -> None:
    headings = re.findall(r"^##+ (.+)$", README, re.MULTILINE)
    anchors = {re.sub(r"[^\w -]", "", heading).strip().lower().replace(" ", "-") for heading in headings}
    assert set(re.findall(r"\]\(#([^)]+)\)", README)) <= anchors
