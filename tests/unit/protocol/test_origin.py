from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ims_airflow.protocol.data_image import DataImageRequest
from ims_airflow.protocol.data_image_tags import MOST_TAGS
from ims_airflow.protocol.origin import LONGEST_VALUE, Origin, dag_tag, digest_in, is_marker

UNIQUE = "0123456789abcdef" * 2
IDS = st.text(max_size=60) | st.from_regex(r"[\w.-]{1,250}", fullmatch=True)
ORIGINS = st.builds(Origin, IDS, IDS, IDS, st.integers(-1, 1000))


def is_tag_value(value: str) -> bool:
    request = DataImageRequest("n", "bucket:key", 40, "Linux", image_tags=[{"key": "k", "value": value}])
    return request.violations() == []


@given(ORIGINS)
def test_a_marker_fits_a_tag_and_gives_its_digest_back(origin: Origin) -> None:
    marker = origin.marker(UNIQUE)
    assert len(marker) == LONGEST_VALUE
    assert is_tag_value(marker)
    assert is_marker(marker)
    assert digest_in(marker) == origin.digest


def test_the_digest_of_a_task_instance_never_changes() -> None:
    # Images carry it for years.
    assert Origin("nightly", "manual__1", "create", 3).digest == "68ae362fc8"


@given(ORIGINS, ORIGINS)
def test_two_task_instances_have_two_digests(one: Origin, other: Origin) -> None:
    assert (one.digest == other.digest) == (one == other)


def test_ids_are_joined_without_ambiguity() -> None:
    digests = {
        Origin("a", "bc", "d").digest,
        Origin("ab", "c", "d").digest,
        Origin("a", "b", "cd").digest,
        Origin("a", "b", "c", 1).digest,
        Origin("a", "b", "c1").digest,
        Origin("a,b", "c", "").digest,
        Origin("a", "b,c", "").digest,
    }
    assert len(digests) == 7


def test_a_marker_of_an_earlier_version_is_known_but_tells_no_origin() -> None:
    assert is_marker(UNIQUE)
    assert digest_in(UNIQUE) == ""


@pytest.mark.parametrize(
    "marker",
    ["", "mine", UNIQUE[1:], f"{UNIQUE}0", f"xyz-{UNIQUE}", f"0123456789-{UNIQUE}\n", UNIQUE.upper()],
)
def test_what_people_tag_by_hand_is_no_marker(marker: str) -> None:
    assert not is_marker(marker)
    assert digest_in(marker) == ""


@pytest.mark.parametrize(
    "dag_id", ["nightly", "a", "team.dag_1-x", "镜像.每日", "d" * 43, "a-0123456789abcde"]
)
def test_an_id_that_fits_stays_as_it_is(dag_id: str) -> None:
    assert dag_tag(dag_id) == dag_id


@pytest.mark.parametrize(
    ("dag_id", "start"),
    [
        ("d" * 44, "d" * 26),
        ("export_of_all_disks_of_the_storage_team_to_ims", "export_of_all_disks_of_the"),
        ("naïve dag", "na_ve_dag"),
        ("a-0123456789abcdef", "a-0123456789abcdef"),  # looks as if it had been shortened
    ],
)
def test_another_id_keeps_a_readable_start(dag_id: str, start: str) -> None:
    assert re.fullmatch(re.escape(start) + "-[0-9a-f]{16}", dag_tag(dag_id))


@given(IDS)
def test_every_id_becomes_a_tag_value(dag_id: str) -> None:
    assert is_tag_value(dag_tag(dag_id))
    assert dag_tag(dag_id)


@given(IDS, IDS)
def test_two_dags_have_two_tags(one: str, other: str) -> None:
    assert (dag_tag(one) == dag_tag(other)) == (one == other)


@given(IDS)
def test_no_dag_can_pass_for_another_by_taking_its_tag_as_id(dag_id: str) -> None:
    tag = dag_tag(dag_id)
    assert tag == dag_id or dag_tag(tag) != tag


@pytest.mark.parametrize(("given_tags", "sent"), [(8, 2), (9, 1), (10, 0)])
@pytest.mark.parametrize("spelling", ["tags", "image_tags"])
def test_the_tags_of_the_package_never_push_one_of_the_users_out(
    given_tags: int, sent: int, spelling: str
) -> None:
    names = [f"key{number}" for number in range(given_tags)]
    tags: dict[str, object] = {
        "tags": [f"{name}.v.w" for name in names],
        "image_tags": [{"key": name, "value": "v.w"} for name in names],
    }
    request = DataImageRequest.from_arguments(
        name="n", image_url="bucket:key", min_disk=40, os_type="Linux", **{spelling: tags[spelling]}
    )
    tagged = request.with_tag("m", UNIQUE).with_tag("d", "a.b")
    assert tagged.violations() == []
    assert all(tagged.has_tag(name, "v.w") for name in names)
    assert tagged.has_tag("m", UNIQUE) == (sent >= 1)
    assert tagged.has_tag("d", "a.b") == (sent == 2)
    assert len(tagged.body()[spelling]) <= MOST_TAGS
