"""Our signatures against those of the vendor's own signers, on generated requests."""

from __future__ import annotations

from urllib.parse import quote

from hypothesis import given, settings
from hypothesis import strategies as st

from ims_airflow.protocol.credentials import AccessKey
from ims_airflow.protocol.signing import sign_obs, sign_sdk

NOW = 1_704_164_645.0
IMS = "ims.cn-north-4.myhuaweicloud.com"

text = st.text(st.characters(codec="utf-8", exclude_categories=("Cs", "Cc")), min_size=1, max_size=20)
word = st.text("abcdefghijklmnopqrstuvwxyzABC0123456789-_.~ %+/", min_size=1, max_size=12)
secret = st.text("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789", min_size=20, max_size=40)


@settings(max_examples=1000, deadline=None)
@given(
    method=st.sampled_from(["GET", "POST", "PUT", "DELETE", "PATCH"]),
    segments=st.lists(text, min_size=1, max_size=4),
    query=st.dictionaries(word, text, max_size=4),
    body=st.binary(max_size=60),
    token=st.one_of(st.just(""), secret),
    ak=secret,
    sk=secret,
)
def test_sdk_signature_equals_the_vendors(
    method: str,
    segments: list[str],
    query: dict[str, str],
    body: bytes,
    token: str,
    ak: str,
    sk: str,
) -> None:
    from huaweicloudsdkcore.sdk_request import SdkRequest
    from huaweicloudsdkcore.signer.signer import Signer

    class Credentials:
        pass

    credentials = Credentials()
    credentials.ak, credentials.sk = ak, sk  # type: ignore[attr-defined]
    path = "/" + "/".join(quote(segment, safe="") for segment in segments)
    pairs = list(query.items())
    ours = sign_sdk(
        method,
        path,
        pairs,
        {"Host": IMS, "Content-Type": "application/json"},
        body,
        AccessKey(ak, sk, token),
        NOW,
    )
    headers = {"Content-Type": "application/json", "X-Sdk-Date": ours["X-Sdk-Date"]}
    if token:
        headers["X-Security-Token"] = token
    theirs = Signer(credentials).sign(
        SdkRequest(
            method=method,
            schema="https",
            host=IMS,
            resource_path=path,
            uri=path,
            query_params=pairs,
            header_params=headers,
            body=body,
        )
    )
    assert ours["Authorization"] == theirs.header_params["Authorization"]


@settings(max_examples=1000, deadline=None)
@given(
    method=st.sampled_from(["GET", "PUT", "HEAD", "POST", "DELETE"]),
    key=st.one_of(st.just(""), text),
    sub=st.sampled_from(["", "uploads", "storageClass", "location", "uploadId", "versionId", "acl"]),
    value=word,
    extra=st.dictionaries(st.from_regex(r"x-obs-meta-[a-z]{1,6}", fullmatch=True), word, max_size=3),
    token=st.one_of(st.just(""), secret),
    sk=secret,
)
def test_obs_signature_equals_the_vendors(
    method: str, key: str, sub: str, value: str, extra: dict[str, str], token: str, sk: str
) -> None:
    from obs.auth import Authentication
    from obs.convertor import Adapter

    headers = {**extra, "Content-Type": "application/octet-stream"}
    ours = sign_obs(
        method, "image-test", key, ((sub, value),) if sub else (), headers, AccessKey("AK", sk, token), NOW
    )
    signer = Authentication(
        "AK", sk, path_style=False, ha=Adapter("obs"), server="obs.example", is_cname=False
    )
    sent = {name: text for name, text in ours.items() if name != "Authorization"}
    theirs = signer.doAuth(method, "image-test", key, {sub: value} if sub else None, sent)
    assert ours["Authorization"] == theirs["Authorization"]
