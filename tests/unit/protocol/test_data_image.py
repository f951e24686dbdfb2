from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ims_airflow.exceptions import InvalidInputError
from ims_airflow.protocol.data_image import DataImageRequest, literal_violations
from ims_airflow.protocol.validation import describe

UUID = "0b8b3f5e-5e5a-4b52-9f6e-0a1b2c3d4e5f"
GOOD: dict[str, Any] = {
    "name": "fedora-data1",
    "image_url": "image-test:fedora_data1.qcow2",
    "min_disk": 40,
    "os_type": "Linux",
}


def request(**changes: Any) -> DataImageRequest:
    return DataImageRequest.from_arguments(**{**GOOD, **changes})


def tags(count: int) -> list[str]:
    return [f"k{n}.v" for n in range(count)]


def test_the_smallest_body() -> None:
    assert request().validated().body() == GOOD


def test_the_fullest_body_has_the_names_and_types_of_the_api() -> None:
    given = {
        **GOOD,
        "description": "fedora的数据盘1\nsecond line",
        "cmk_id": UUID,
        "tags": ["aaa.111", "bbb.222"],
        "enterprise_project_id": "0",
    }
    assert request(**given).validated().body() == given
    json.dumps(given)


@pytest.mark.parametrize(
    "image_tags",
    [
        [{"key": "aaa", "value": "111"}, {"key": "bbb", "value": ""}],
        [{"key": "aaa", "value": "111"}, {"key": "bbb"}],
        {"aaa": "111", "bbb": ""},
        '[{"key": "aaa", "value": "111"}, {"key": "bbb", "value": ""}]',
        "{'aaa': '111', 'bbb': ''}",
    ],
)
def test_image_tags_in_every_spelling(image_tags: object) -> None:
    body = request(image_tags=image_tags).validated().body()
    assert body["image_tags"] == [{"key": "aaa", "value": "111"}, {"key": "bbb", "value": ""}]


@pytest.mark.parametrize("text", ['["aaa.111", "b"]', "['aaa.111', 'b']", "('aaa.111', 'b')"])
def test_tags_as_templates_render_them(text: str) -> None:
    assert request(tags=text).validated().body()["tags"] == ["aaa.111", "b"]


@pytest.mark.parametrize("text", ["40", " 2048 ", "+100"])
def test_min_disk_as_text(text: str) -> None:
    assert request(min_disk=text).validated().body()["min_disk"] == int(text)


@pytest.mark.parametrize("empty", [None, "", [], (), "[]", "None", "null", " "])
@pytest.mark.parametrize("field", ["tags", "image_tags"])
def test_empty_tags_are_absent(field: str, empty: object) -> None:
    assert request(**{field: empty}).validated().body() == GOOD


@pytest.mark.parametrize("field", ["description", "cmk_id", "enterprise_project_id"])
def test_an_empty_optional_field_is_absent(field: str) -> None:
    assert request(**{field: ""}).validated().body() == GOOD
    assert DataImageRequest(**{**GOOD, field: ""}).validated().body() == GOOD


GOOD_VALUES = [
    ("name", "a"),
    ("name", "x" * 128),
    ("name", "数据盘 1_a-b.c"),
    ("min_disk", 2048),
    ("os_type", "Windows"),
    ("description", "x" * 1024),
    ("enterprise_project_id", UUID),
    ("tags", tags(10)),
    ("tags", ["key"]),
    ("tags", ["键.值.with.dots", f"{'k' * 36}.{'v' * 43}"]),
    ("image_tags", [{"key": "k", "value": ""}]),
    ("image_tags", {f"k{n}": "v" for n in range(10)}),
]


@pytest.mark.parametrize(("field", "value"), GOOD_VALUES)
def test_values_at_the_edge_of_what_is_allowed(field: str, value: object) -> None:
    assert request(**{field: value}).violations() == []


BAD_VALUES = [
    ("name", None, "is required"),
    ("name", "", "1 to 128"),
    ("name", "x" * 129, "1 to 128"),
    ("name", " a", "begin or end with a space"),
    ("name", "a ", "begin or end with a space"),
    ("name", "   ", "begin or end with a space"),
    ("name", "a\n", "1 to 128"),
    ("name", "a/b", "1 to 128"),
    ("name", 5, "1 to 128"),
    ("image_url", None, "is required"),
    ("image_url", "obs://b/k", "bucket:key"),
    ("min_disk", None, "is required"),
    ("min_disk", 39, "from 40 to 2048"),
    ("min_disk", 2049, "from 40 to 2048"),
    ("min_disk", True, "from 40 to 2048"),
    ("min_disk", 40.0, "from 40 to 2048"),
    ("min_disk", "40 GB", "from 40 to 2048"),
    ("min_disk", "４０", "from 40 to 2048"),
    ("min_disk", "9" * 5000, "from 40 to 2048"),
    ("min_disk", 10**5000, "from 40 to 2048"),
    ("os_type", None, "is required"),
    ("os_type", "linux", "Windows or Linux"),
    ("os_type", ["Linux"], "Windows or Linux"),
    ("description", "x" * 1025, "at most 1024"),
    ("description", "a\r\nb", "carriage returns"),
    ("description", "a<b", "carriage returns"),
    ("description", "a>b", "carriage returns"),
    ("description", "a\ud800b", "carriage returns"),
    ("description", 5, "must be text"),
    ("cmk_id", "key", "UUID"),
    ("cmk_id", 5, "UUID"),
    ("enterprise_project_id", "1", "default project"),
    ("enterprise_project_id", 0, "default project"),
    ("enterprise_project_id", False, "default project"),
    ("tags", "aaa.111", "list of texts"),
    ("tags", {"a": "b"}, "list of texts"),
    ("tags", ["a.b", 5], "list of texts"),
    ("tags", [".value"], "1 to 36"),
    ("tags", [f"{'k' * 37}.v"], "1 to 36"),
    ("tags", ["k y.v"], "1 to 36"),
    ("tags", [f"k.{'v' * 44}"], "at most 43"),
    ("tags", ["k.a=b"], "at most 43"),
    ("tags", ["k.a\n"], "at most 43"),
    ("tags", ["k.1", "k.2"], "twice"),
    ("tags", tags(11), "at most 10"),
    ("image_tags", ["a.b"], "a mapping of keys"),
    ("image_tags", [{"key": "a", "value": 1}], "a mapping of keys"),
    ("image_tags", [{"value": "b"}], "a mapping of keys"),
    ("image_tags", [{"key": "a", "value": "b", "c": "d"}], "a mapping of keys"),
    ("image_tags", {"key": "a", "value": "b"}, "a mapping of keys"),
    ("image_tags", {5: "b"}, "a mapping of keys"),
    ("image_tags", {"a.b": "c"}, "1 to 36"),
    ("image_tags", [{"key": "k", "value": "1"}, {"key": "k", "value": "2"}], "twice"),
    ("image_tags", "[" * 10_000, "a mapping of keys"),
    ("image_tags", "(" * 10_000, "a mapping of keys"),
    ("tags", "x" * 50_000, "list of texts"),
    ("tags", "5", "list of texts"),
]


@pytest.mark.parametrize(("field", "value", "rule"), BAD_VALUES, ids=range(len(BAD_VALUES)))
def test_a_bad_value_names_field_rule_and_source(field: str, value: object, rule: str) -> None:
    (violation, *_) = request(**{field: value}).violations()
    assert violation.field == field
    assert rule in violation.rule
    with pytest.raises(InvalidInputError, match=field):
        request(**{field: value}).validated()


def test_the_two_spellings_of_tags_exclude_each_other() -> None:
    (violation,) = request(tags=["a.b"], image_tags={"c": "d"}).violations()
    assert violation.field == "image_tags"
    assert "excludes tags" in violation.rule


def test_all_mistakes_are_told_at_once() -> None:
    with pytest.raises(InvalidInputError) as caught:
        request(name="", image_url="x", min_disk=1, os_type="BSD", cmk_id="k").validated()
    for field in ("name", "image_url", "min_disk", "os_type", "cmk_id"):
        assert f"\n{field}: " in str(caught.value)
    assert "IMS API reference" in str(caught.value)


def test_a_request_made_without_arguments_lacks_the_required_fields() -> None:
    found = [violation.field for violation in DataImageRequest.from_arguments().violations()]
    assert found == ["name", "image_url", "min_disk", "os_type"]


def test_equal_requests_have_equal_fingerprints() -> None:
    one = request(tags=["a.1", "b.2"])
    for same in (
        request(tags=["b.2", "a.1"]),
        request(tags='["a.1", "b.2"]', min_disk="40", description=""),
        request(image_tags={"b": "2", "a": "1"}),
    ):
        assert same.fingerprint() == one.fingerprint()
    assert len(one.fingerprint()) == 64


def test_the_fingerprint_does_not_change_between_releases() -> None:
    # It is stored while a submission is under way; another one would submit the same request anew.
    assert request(tags=["a.1"]).fingerprint() == (
        "86881fa8c47f762a597e8acac3daacb0175e6e46e76d1031e78a4816fe8c620d"
    )


CHANGES = [
    ("name", "other"),
    ("image_url", "image-test:other.qcow2"),
    ("min_disk", 41),
    ("os_type", "Windows"),
    ("description", "x"),
    ("cmk_id", UUID),
    ("tags", ["a.1"]),
    ("image_tags", {"a": "2"}),
    ("enterprise_project_id", "0"),
]


def test_every_field_is_part_of_the_fingerprint() -> None:
    prints = {request(**{field: value}).fingerprint() for field, value in CHANGES}
    assert len(prints | {request().fingerprint()}) == len(CHANGES) + 1


@pytest.mark.parametrize(
    ("given", "field", "sent"),
    [
        ({}, "image_tags", [{"key": "m", "value": "v1.2"}]),
        ({"tags": ["a.1"]}, "tags", ["a.1", "m.v1.2"]),
        (
            {"image_tags": {"a": "1"}},
            "image_tags",
            [{"key": "a", "value": "1"}, {"key": "m", "value": "v1.2"}],
        ),
    ],
)
def test_a_marker_is_one_tag_more_in_the_same_spelling(
    given: dict[str, Any], field: str, sent: object
) -> None:
    marked = request(**given).with_tag("m", "v1.2")
    assert marked.validated().body()[field] == sent
    assert marked.has_tag("m", "v1.2")
    assert not request(**given).has_tag("m", "v1.2")


@pytest.mark.parametrize(
    "given", [{"tags": tags(10)}, {"image_tags": {f"k{n}": "v" for n in range(10)}}, {"tags": ["m.other"]}]
)
def test_without_room_for_a_marker_the_request_stays_as_it_is(given: dict[str, Any]) -> None:
    full = request(**given)
    assert full.with_tag("m", "v") is full
    assert not full.has_tag("m", "v")


class Later:
    """Stands for a value that a task will hand over, as Airflow's XComArg does."""


@pytest.mark.parametrize(
    "value",
    ["{{ params.x }}", "{% if a %}b{% endif %}", Later(), ["{{ x }}"], {"k": Later()}, {"k": ["{{ x }}"]}],
)
@pytest.mark.parametrize("field", GOOD)
def test_values_to_come_are_not_judged_before_they_come(field: str, value: object) -> None:
    assert literal_violations({**GOOD, field: value}) == []


@pytest.mark.parametrize(("field", "value", "rule"), BAD_VALUES, ids=range(len(BAD_VALUES)))
def test_literal_values_are_judged_at_once(field: str, value: object, rule: str) -> None:
    (violation, *_) = literal_violations({field: value})
    assert violation.field == field
    assert rule in violation.rule


def test_good_literals_and_foreign_arguments_pass() -> None:
    assert literal_violations({**GOOD, "min_disk": "40", "tags": "", "poll_interval": -1}) == []
    assert literal_violations({}) == []


def test_both_spellings_of_tags_are_noticed_only_when_both_are_literal() -> None:
    assert literal_violations({"tags": ["a.b"], "image_tags": "{{ x }}"}) == []
    assert len(literal_violations({"tags": ["a.b"], "image_tags": {"a": "b"}})) == 1


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=12)
    | st.sampled_from(["40", "a.b", "0", UUID, "b-1:k", "Linux", '["a.b"]', '{"a": "b"}', "[1", "{{ x }}"]),
    lambda parts: (
        st.lists(parts, max_size=3)
        | st.dictionaries(st.text(max_size=3) | st.sampled_from(["key", "value"]), parts, max_size=3)
    ),
    max_leaves=6,
)
FIELDS = st.fixed_dictionaries(
    {name: st.just(value) | JSON for name, value in GOOD.items()},
    optional=dict.fromkeys("description cmk_id tags image_tags enterprise_project_id".split(), JSON),
)


@given(FIELDS)
def test_any_arguments_are_accepted_or_refused(arguments: dict[str, Any]) -> None:
    for made in (DataImageRequest.from_arguments(**arguments), DataImageRequest(**arguments)):
        literal_violations(arguments)
        if broken := made.violations():
            assert describe(broken).encode()
            continue
        found = made.validated()
        body = json.loads(json.dumps(found.body()))
        assert set(GOOD) <= set(body)
        assert DataImageRequest.from_arguments(**body).fingerprint() == found.fingerprint()
        assert found.with_tag("m", "v").violations() == []
