from __future__ import annotations

import pytest

from ims_airflow.doctor.check import all_well, failed, ok, skipped, warning, words
from ims_airflow.doctor.reach import offset
from ims_airflow.doctor.standing import clock_check, connection_check, described, extra_checks, tls_check
from ims_airflow.exceptions import InvalidInputError, NotSentError
from ims_airflow.hooks.connection import FIELDS
from ims_airflow.protocol.account import Account
from ims_airflow.protocol.credentials import AccessKey, Delegation, EcsAgency, Identity, Password
from ims_airflow.protocol.endpoints import endpoints_for

DATE = "Tue, 24 Nov 2026 06:40:00 GMT"
THEN = 1_795_502_400.0  # the same, in epoch seconds


@pytest.mark.parametrize(
    ("identity", "words"),
    [
        (AccessKey("AK", "SECRET"), "an access key"),
        (AccessKey("AK", "SECRET", "SECRET"), "a temporary access key"),
        (Password("acme", "bob", "SECRET"), "the IAM user 'bob' of 'acme'"),
        (EcsAgency(), "the agency of this ECS"),
        (Delegation(EcsAgency(), "a", "acme"), "the agency 'a' of 'acme', on top of the agency of this ECS"),
        (
            Delegation(AccessKey("AK", "SECRET"), "a", "", "d"),
            "the agency 'a' of 'd', on top of an access key",
        ),
    ],
)
def test_an_identity_is_named_and_shows_no_key(identity: Identity, words: str) -> None:
    assert described(identity) == words
    check = connection_check(Account(identity, endpoints_for("r"), region="r"))
    assert check.status == "ok"
    assert "SECRET" not in check.message
    assert "AK" not in check.message


@pytest.mark.parametrize(
    ("unknown", "words"),
    [
        ("agencyname", "extra.agencyname is no field, perhaps agency_name is meant; it is ignored."),
        ("obs_adressing", "extra.obs_adressing is no field, perhaps obs_addressing is meant; it is ignored."),
        ("Verify", "extra.Verify is no field, perhaps verify is meant; it is ignored."),
        ("colour", "extra.colour is no field; it is ignored."),
    ],
)
def test_a_name_that_means_nothing_is_worth_a_warning(unknown: str, words: str) -> None:
    [check] = extra_checks([unknown], FIELDS)
    assert (check.name, check.status, check.message) == (f"extra.{unknown}", "warning", words)


def test_plain_http_and_unverified_tls_are_worth_a_warning() -> None:
    good = endpoints_for("cn-north-4")
    assert tls_check(good, verify=True).status == "ok"
    assert "/ca.pem" in tls_check(good, "/ca.pem").message
    assert tls_check(good, verify=False).status == "warning"
    mixed = tls_check(endpoints_for("r", obs="http://obs"), verify=True)
    assert (mixed.status, mixed.message.partition(":")[0]) == ("warning", "OBS")


@pytest.mark.parametrize(
    ("offsets", "status", "words"),
    [
        ([None, None], "skipped", "no service told its time"),
        ([0.0, None], "ok", "0 s apart"),
        ([2.0, -59.0], "ok", "59 s apart"),
        ([0.0, 61.0], "warning", "61 s behind"),
        ([-900.0], "warning", "900 s ahead of"),
        ([901.0], "failed", "901 s behind"),
        ([0.0, -3600.0], "failed", "3600 s ahead of"),
    ],
)
def test_the_clock_is_judged_by_the_largest_difference(
    offsets: list[float | None], status: str, words: str
) -> None:
    check = clock_check(offsets)
    assert check.status == status
    assert words in check.message


@pytest.mark.parametrize(
    ("before", "after", "ahead"),
    [
        (THEN, THEN + 0.1, 0.0),
        (THEN + 0.9, THEN + 0.95, 0.0),  # Date tells whole seconds
        (THEN - 2, THEN + 3, 0.0),  # a slow answer says nothing about the clock
        (THEN - 62, THEN - 60, 60.0),
        (THEN + 60, THEN + 62, -60.0),
    ],
)
def test_how_far_a_service_is_ahead(before: float, after: float, ahead: float) -> None:
    assert offset(DATE, before, after) == ahead


@pytest.mark.parametrize("date", ["", "now", "Tue, 99 Nov 2026"])
def test_a_date_that_cannot_be_read_tells_nothing(date: str) -> None:
    assert offset(date, THEN, THEN) is None


def test_only_a_failed_check_is_bad() -> None:
    assert all_well([ok("a", "b"), skipped("a", "b"), warning("a", "b")])
    assert not all_well([ok("a", "b"), failed("a", "b")])


def test_a_check_is_a_mark_and_a_sentence() -> None:
    assert [str(make("n", "Words.")) for make in (ok, failed, skipped, warning)] == [
        "✓ Words.",
        "✗ Words.",
        "– Words.",
        "! Words.",
    ]
    assert failed("keys", "No.").as_dict() == {"name": "keys", "status": "failed", "message": "No."}


def test_an_error_becomes_the_end_of_a_sentence() -> None:
    error = NotSentError("<Request GET https://h/p>: NewConnectionError: refused")
    assert words(error) == "NewConnectionError: refused."
    inside = InvalidInputError("verify: the certificate behind <Request GET https://h/p> is not trusted")
    assert words(inside) == f"{inside}."
