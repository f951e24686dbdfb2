"""The vendor's own IAM client against the emulator, and its model against our request."""

from __future__ import annotations

import json
from typing import Any

import pytest
from scripted import Answer, ok, run

from ims_airflow.emulator import EmulatorServer
from ims_airflow.protocol.credentials import AccessKey, Delegation
from ims_airflow.protocol.iam import assume_agency
from ims_airflow.protocol.message import Call

sdk = pytest.importorskip("huaweicloudsdkiam.v3")
credentials = pytest.importorskip("huaweicloudsdkcore.auth.credentials")
exceptions = pytest.importorskip("huaweicloudsdkcore.exceptions.exceptions")


def client_for(server: EmulatorServer) -> Any:
    settings = server.settings
    credential = credentials.GlobalCredentials(settings.ak, settings.sk, settings.domain_id)
    return sdk.IamClient.new_builder().with_credentials(credential).with_endpoint(server.url).build()


def request(**fields: Any) -> Any:
    role = sdk.IdentityAssumerole(**fields)
    identity = sdk.AgencyAuthIdentity(methods=["assume_role"], assume_role=role)
    body = sdk.CreateTemporaryAccessKeyByAgencyRequestBody(auth=sdk.AgencyAuth(identity=identity))
    return sdk.CreateTemporaryAccessKeyByAgencyRequest(body=body)


def test_the_vendor_assumes_an_agency_of_the_emulator(emulator: EmulatorServer) -> None:
    emulator.configure(agency_name="ops")
    asked = request(agency_name="ops", domain_name="delegating", duration_seconds=900)
    credential = client_for(emulator).create_temporary_access_key_by_agency(asked).credential
    assert credential.access
    assert credential.securitytoken


def test_the_vendor_is_refused_a_wrong_agency(emulator: EmulatorServer) -> None:
    emulator.configure(agency_name="ops")
    with pytest.raises(exceptions.ClientRequestException) as caught:
        client_for(emulator).create_temporary_access_key_by_agency(request(agency_name="x", domain_name="y"))
    assert caught.value.status_code == 403


def test_our_request_is_the_vendors() -> None:
    sent: list[Call] = []

    def iam(call: Call) -> Answer:
        sent.append(call)
        return ok({"credential": {"access": "A", "secret": "S", "securitytoken": "T"}}, 201)

    who = Delegation(AccessKey("AK", "SK"), "ops", "acme", "d1", 7200)
    run(assume_agency(who, AccessKey("AK", "SK")), iam)
    theirs = request(agency_name="ops", domain_name="acme", domain_id="d1", duration_seconds=7200).body
    body = sent[0].body
    assert isinstance(body, bytes)
    assert json.loads(body) == _plain(theirs)


def _plain(model: Any) -> Any:
    """Turn a model of the vendor into JSON values, without what is not set."""
    if hasattr(model, "openapi_types"):
        found = {model.attribute_map[name]: getattr(model, name) for name in model.openapi_types}
        return {name: _plain(value) for name, value in found.items() if value is not None}
    return [_plain(one) for one in model] if isinstance(model, list) else model
