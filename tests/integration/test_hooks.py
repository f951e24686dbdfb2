"""The hooks as people use them directly, the button in the UI, and the links."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from integration.clouds import CONN_ID, Cloud

from ims_airflow.exceptions import InvalidInputError, NotFoundError
from ims_airflow.hooks.ims import ImsHook
from ims_airflow.hooks.obs import ObsHook
from ims_airflow.links.console import ImsImageLink, ObsObjectLink
from ims_airflow.operators.ims import ImsCreateDataImageOperator
from ims_airflow.protocol.data_image import DataImageRequest
from ims_airflow.sensors.obs import ObsImageFileSensor

NAME = f"AIRFLOW_CONN_{CONN_ID.upper()}"


def changed(monkeypatch: pytest.MonkeyPatch, extra: dict[str, Any], **fields: Any) -> None:
    found = json.loads(os.environ[NAME])
    monkeypatch.setenv(NAME, json.dumps({**found, **fields, "extra": {**found["extra"], **extra}}))


def test_the_button_says_that_it_works(cloud: Cloud) -> None:
    good, sentence = ImsHook(CONN_ID).test_connection()
    assert good
    assert "answers" in sentence


@pytest.mark.parametrize(
    ("extra", "fields", "words"),
    [
        ({}, {"password": "WRONG"}, "APIGW.0301"),
        ({"auth": "magic"}, {}, "extra.auth"),
        ({"ims_endpoint": "http://127.0.0.1:9"}, {}, "refused"),
        ({"project_id": "0" * 32}, {}, "project"),
    ],
)
def test_the_button_says_what_is_wrong_and_raises_nothing(
    cloud: Cloud, monkeypatch: pytest.MonkeyPatch, extra: dict[str, str], fields: dict[str, str], words: str
) -> None:
    assert cloud.emulated
    changed(monkeypatch, extra, **fields)
    good, sentence = ImsHook(CONN_ID).test_connection()
    assert not good
    assert words in sentence
    assert "WRONG" not in sentence


@pytest.mark.parametrize("hook", [ImsHook, ObsHook])
def test_the_button_says_one_sentence_for_each_thing(cloud: Cloud, hook: type[ImsHook | ObsHook]) -> None:
    good, text = hook(cloud.conn_id).test_connection()
    assert good
    lines = text.splitlines()
    assert all(line[0] in "✓!–" and line.endswith(".") for line in lines)
    told = ("IMS answers", "OBS answers", "keys", "region", "project", "ims:images:list", "ListAllMyBuckets")
    assert all(any(words in line for line in lines) for words in told)


def test_the_button_sends_wrong_keys_once_and_shows_none(
    cloud: Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    changed(monkeypatch, {"security_token": "TOKENSECRET"}, password="KEYSECRET")
    good, text = ImsHook(CONN_ID).test_connection()
    assert not good
    unsigned, signed = cloud.emulated.journal()[:3], cloud.emulated.journal()[3:]
    assert [entry["service"] for entry in unsigned] == ["ims", "iam", "obs"]
    assert [entry["code"] for entry in signed] == ["APIGW.0301"]
    assert "SECRET" not in text
    assert cloud.emulated.settings.ak not in text


def test_the_button_tells_of_a_connection_that_does_not_exist() -> None:
    good, text = ImsHook("no_such_connection").test_connection()
    assert not good
    assert text.endswith("could not be tested.")


def test_a_life_of_an_image_by_hand(cloud: Cloud, tmp_path: Path) -> None:
    cloud.emulated.configure(job_seconds=0)
    hook, url = ImsHook(CONN_ID), cloud.upload(tmp_path)
    job_id = hook.create_data_image(DataImageRequest("by hand", url, 40, "Linux"))
    job = hook.show_job(job_id)
    assert job.is_success
    assert [image.image_id for image in hook.list_images({"name": "by hand"})] == [job.image_id]
    image = hook.show_image(job.image_id)
    assert image is not None
    assert image.status == "active"
    hook.delete_image(job.image_id)
    ObsHook(CONN_ID).delete_object(url)
    with pytest.raises(NotFoundError):
        ObsHook(CONN_ID).head_object(url)


def test_a_bad_request_by_hand_sends_nothing(cloud: Cloud) -> None:
    with pytest.raises(InvalidInputError):
        ImsHook(CONN_ID).create_data_image(DataImageRequest("", "x", 1, "BeOS"))
    assert cloud.emulated.journal() == []


def test_links_lead_to_the_region(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    region = cloud.emulated.settings.region
    sensor = ObsImageFileSensor(task_id="check", image_url="image-test:a b.qcow2".replace(" ", ""))
    create = ImsCreateDataImageOperator(
        task_id="c", name="n", image_url="image-test:k", min_disk=40, os_type="Linux", region="eu-west-101"
    )
    key: Any = None
    assert f"region={region}#/obs/manage/image-test" in ObsObjectLink().get_link(sensor, ti_key=key)
    assert "region=eu-west-101#/ims" in ImsImageLink().get_link(create, ti_key=key)
    changed(monkeypatch, {"auth": "magic"})
    assert ObsObjectLink().get_link(sensor, ti_key=key) == ""
