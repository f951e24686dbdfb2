from __future__ import annotations

from typing import Any

import pytest
from airflow.sdk import Param
from airflow.sdk.exceptions import ParamValidationError

from ims_airflow.params import data_image_params, image_files_params, whole

DATA_IMAGE: dict[str, Any] = {
    "bucket": "exports",
    "key": "a/data.qcow2",
    "name": "data",
    "min_disk": 80,
    "os_type": "Windows",
    "description": "words",
    "tags": ["a.b"],
}
FILES: dict[str, Any] = {
    "bucket": "exports",
    "keys": ["a.qcow2", "b.qcow2"],
    "min_disk": 80,
    "os_type": "Windows",
    "tags": ["a.b"],
}


def test_the_form_shows_the_defaults_that_it_is_given() -> None:
    assert {name: param.resolve() for name, param in data_image_params(**DATA_IMAGE).items()} == DATA_IMAGE
    assert {name: param.resolve() for name, param in image_files_params(**FILES).items()} == FILES


@pytest.mark.parametrize("params", [data_image_params(), image_files_params()])
def test_a_form_without_defaults_asks_for_the_file_only(params: dict[str, Param]) -> None:
    asked = [name for name, param in params.items() if not param.has_value]
    assert asked == [name for name in ("bucket", "key", "keys", "name") if name in params]


@pytest.mark.parametrize("params", [data_image_params(), image_files_params()])
def test_each_field_has_a_title_and_help(params: dict[str, Param]) -> None:
    assert all(param.schema["title"] and param.description for param in params.values())


def test_each_dag_gets_fields_of_its_own() -> None:
    first, second = data_image_params(), data_image_params()
    first["min_disk"].value = 99
    assert second["min_disk"].value == 40


def test_a_default_that_the_form_would_refuse_is_refused() -> None:
    with pytest.raises(ParamValidationError):
        data_image_params(bucket="No Bucket")["bucket"].resolve()


@pytest.mark.parametrize(
    "keys", [[], ["a b"], ["/a"], ["a", "a"], ["a\n"], [""], "a", [f"{number}.raw" for number in range(51)]]
)
def test_keys_that_name_no_files_are_refused(keys: Any) -> None:
    with pytest.raises(ParamValidationError):
        image_files_params()["keys"].resolve(keys)


def test_keys_may_be_chinese() -> None:
    assert image_files_params()["keys"].resolve(["镜像/数据.qcow2"]) == ["镜像/数据.qcow2"]


@pytest.mark.parametrize("text", ["b\n", "ba", "\nb", "ab", ""])
def test_a_pattern_for_the_whole_lets_nothing_through_beside_it(text: str) -> None:
    param = Param(type="string", pattern=whole("a|b"))
    assert param.resolve("b") == "b"
    with pytest.raises(ParamValidationError):
        param.resolve(text)
