from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ims_airflow.exceptions import InvalidInputError
from ims_airflow.protocol.image_url import ImageUrl, image_url_violations, parse_image_url


@pytest.mark.parametrize(
    ("text", "bucket", "key"),
    [
        ("image-test:fedora_data1.qcow2", "image-test", "fedora_data1.qcow2"),
        ("b.u.c:dir/sub/disk.raw", "b.u.c", "dir/sub/disk.raw"),
        ("abc:time:12:30.vhd", "abc", "time:12:30.vhd"),
        ("abc:目录/镜像.qcow2", "abc", "目录/镜像.qcow2"),
        ("abc:a..b/...c", "abc", "a..b/...c"),
        (f"{'a' * 63}:k", "a" * 63, "k"),
        (f"abc:{'k' * 1024}", "abc", "k" * 1024),
        ("1.2.3.4.5:k", "1.2.3.4.5", "k"),
        ("abc:a%20b", "abc", "a%20b"),
    ],
)
def test_a_good_url_is_split_at_its_first_colon(text: str, bucket: str, key: str) -> None:
    url = parse_image_url(text)
    assert url == ImageUrl(bucket, key)
    assert str(url) == text


@pytest.mark.parametrize(
    ("value", "rule"),
    [
        (None, "must be text"),
        (7, "must be text"),
        ("", "must be text"),
        ("no-colon", "no colon"),
        ("ab:k", "3 to 63"),
        (f"{'a' * 64}:k", "3 to 63"),
        (":k", "3 to 63"),
        ("Upper:k", "3 to 63"),
        ("-abc:k", "3 to 63"),
        ("abc.:k", "3 to 63"),
        ("a_b_c:k", "3 to 63"),
        ("abc\n:k", "3 to 63"),
        ("a..b:k", "two dots"),
        ("192.168.0.1:k", "IP address"),
        ("abc:", "empty"),
        (f"abc:{'k' * 1025}", "1024 bytes"),
        (f"abc:{'镜' * 342}", "1024 bytes"),
        ("abc:my disk.qcow2", "IMG.0175"),
        ("abc:my folder/disk.qcow2", "IMG.0175"),
        ("abc:/disk.qcow2", "start with '/'"),
        ("abc:a/../b", "'.' or '..'"),
        ("abc:./b", "'.' or '..'"),
        ("abc:a\tb", "control characters"),
        ("abc:a\x00b", "control characters"),
        ("abc:a\ud800b", "broken Unicode"),
    ],
)
def test_a_bad_url_names_its_rule(value: object, rule: str) -> None:
    with pytest.raises(InvalidInputError, match="image_url") as caught:
        parse_image_url(value)
    assert rule in str(caught.value)


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("obs://image-test/dir/disk.qcow2", "image-test:dir/disk.qcow2"),
        ("s3://image-test/disk.qcow2", "image-test:disk.qcow2"),
        ("https://image-test.obs.cn-north-4.myhuaweicloud.com/dir/disk.qcow2", "image-test:dir/disk.qcow2"),
        ("https://obs.cn-north-4.myhuaweicloud.com/image-test/disk.qcow2", "image-test:disk.qcow2"),
        ("HTTPS://u:p@image-test.obs.x.com/a%2Bb.raw?Signature=zzz", "image-test:a+b.raw"),
    ],
)
def test_a_web_address_is_told_the_right_spelling(text: str, meant: str) -> None:
    (violation,) = image_url_violations(text)
    assert repr(meant) in violation.rule
    assert "zzz" not in str(violation)


def test_several_mistakes_are_told_at_once() -> None:
    assert len(image_url_violations("A..b:/x y/..")) == 5


@given(st.text() | st.from_regex(r"[a-z0-9.]{2,6}:[ -~]{0,12}"))
def test_any_text_is_either_parsed_or_refused(text: str) -> None:
    if not image_url_violations(text):
        assert str(parse_image_url(text)) == text
