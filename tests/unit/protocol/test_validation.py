from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ims_airflow.exceptions import InvalidInputError
from ims_airflow.protocol.plain_text import masked, one_line, printable
from ims_airflow.protocol.validation import Violation, describe, is_int, is_uuid, raise_for

UUID = "0b8b3f5e-5e5a-4b52-9f6e-0a1b2c3d4e5f"


def test_every_violation_has_its_own_line_with_field_value_rule_and_source() -> None:
    text = describe(
        [Violation("min_disk", 30, "must be 40 to 2048", "page A"), Violation("name", "", "is required")]
    )
    assert text.splitlines() == ["min_disk: 30: must be 40 to 2048 [page A]", "name: '': is required"]


def test_all_violations_are_raised_at_once() -> None:
    broken = [Violation("a", 1, "one"), Violation("b", 2, "two")]
    with pytest.raises(InvalidInputError, match=r"(?s)the thing breaks 2 rules.*a: 1: one.*b: 2: two"):
        raise_for("the thing", broken)


def test_nothing_broken_raises_nothing() -> None:
    raise_for("the thing", [])


@pytest.mark.parametrize("field", ["password", "sk", "extra.security_token", "login"])
def test_the_value_of_a_secret_field_is_never_shown(field: str) -> None:
    violation = Violation(field, "hunter2hunter2", "is wrong")
    assert "hunter2" not in f"{violation} {violation!r} {describe([violation])}"


@pytest.mark.parametrize(
    "value",
    [
        "https://b.obs.r.example.com/k?AccessKeyId=AK123&Expires=1&Signature=abc%3D",
        ["x" * 10_000] * 1000,
        10**5000,
        {"deep": [[[[[[["x"]]]]]]]},
    ],
    ids=["signed", "long", "huge", "deep"],
)
def test_values_are_shown_short_and_without_signatures(value: object) -> None:
    text = str(Violation("image_url", value, "is wrong"))
    assert len(text) < 2000
    assert "AK123" not in text
    assert "abc" not in text


def test_true_is_no_integer_here() -> None:
    assert [is_int(value) for value in (1, True, 1.0, "1")] == [True, False, False, False]


def test_a_uuid_has_hyphens() -> None:
    assert [is_uuid(value) for value in (UUID, UUID.upper(), UUID.replace("-", ""), 0, f"{UUID}\n")] == [
        True,
        True,
        False,
        False,
        False,
    ]


@pytest.mark.parametrize(
    ("text", "secret"),
    [
        ("Get secretKey failed,ak:AKIDEXAMPLE00000001,err:ak not exist", "AKIDEXAMPLE"),
        ("SDK-HMAC-SHA256 Access=AKIDEXAMPLE00000001, SignedHeaders=host, Signature=0f0f", "AKIDEXAMPLE"),
        ("SDK-HMAC-SHA256 Access=A, SignedHeaders=host, Signature=0f0f0f0f", "0f0f0f0f"),
        ("Authorization: OBS AKIDEXAMPLE:y+GGC4WcEgG/P8drxOoOh19S9VI=", "AKIDEXAMPLE"),
        ("Authorization: OBS AKIDEXAMPLE:y+GGC4WcEgG/P8drxOoOh19S9VI=", "P8drxOoOh19S9VI"),
        ('{"password": "two words"}', "words"),
        ('{\\"security_token\\":\\"opaque\\"}', "opaque"),
        ("X-Auth-Token: MIIabc", "MIIabc"),
        ("X-Subject-Token=MIIabc", "MIIabc"),
        ("Bearer 0123456789abcdef0123", "0123456789abcdef"),
        ("secret MFyfvK41ba2giqM7Uio6PznpdUKGpownRZlmVmHc here", "MFyfvK41ba2"),
        ("MIIE" + "a1-B2*" * 100, "a1-B2*"),
    ],
)
def test_secrets_in_the_words_of_others_are_masked(text: str, secret: str) -> None:
    assert secret not in masked(text)


@pytest.mark.parametrize(
    "text",
    [
        "Incorrect IAM authentication information: token expires, expires_at: 2026-01-01T00:00:00Z",
        "The OBS bucket:key image-test:fedora_data1.qcow2 is not there",
        "job ff80808280c204e30180d2784c3c0d86 of 0b8b3f5e-5e5a-4b52-9f6e-0a1b2c3d4e5f",
        "You do not have access: ask the owner",
    ],
)
def test_what_a_person_needs_stays_readable(text: str) -> None:
    assert masked(text) == text


@given(st.text())
def test_a_line_is_one_line_that_every_encoding_takes(text: str) -> None:
    line = one_line(text, 80)
    assert len(line) <= 80
    assert line.encode() is not None
    assert len(line.splitlines()) <= 1


def test_half_characters_and_nulls_do_not_reach_a_database() -> None:
    assert printable("a\ud800b\x00c\x85") == "a b c"
