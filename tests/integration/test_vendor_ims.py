"""The vendor's own IMS client, unmodified, against the emulator."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ims_airflow.emulator import EmulatorServer

sdk = pytest.importorskip("huaweicloudsdkims.v2")
credentials = pytest.importorskip("huaweicloudsdkcore.auth.credentials")
exceptions = pytest.importorskip("huaweicloudsdkcore.exceptions.exceptions")

# The SDK calls show_job deprecated, and everybody uses it.
pytestmark = pytest.mark.filterwarnings("ignore:Method:DeprecationWarning")

KEY = "fedora_data1.qcow2"


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The SDK writes a file into ~/.huaweicloud, and remembers project ids for as long as it is imported."""
    monkeypatch.setenv("HOME", str(tmp_path))
    credentials.Credentials._CACHE.clear()
    yield
    credentials.Credentials._CACHE.clear()


def client_with(server: EmulatorServer, credential: Any) -> Any:
    return sdk.ImsClient.new_builder().with_credentials(credential).with_endpoint(server.url).build()


@pytest.fixture
def client(emulator: EmulatorServer) -> Any:
    settings = emulator.settings
    emulator.put_object("image-test", KEY, b"content")
    credential = credentials.BasicCredentials(settings.ak, settings.sk, settings.project_id)
    return client_with(emulator, credential)


def create(client: Any, **fields: Any) -> str:
    body = {"name": "fedora", "image_url": f"image-test:{KEY}", "min_disk": 40, "os_type": "Linux", **fields}
    request = sdk.CreateDataImageRequest(body=sdk.CreateDataImageRequestBody(**body))
    return str(client.create_data_image(request).job_id)


def refusal(ask: Any, request: Any) -> Any:
    with pytest.raises(exceptions.ClientRequestException) as caught:
        ask(request)
    return caught.value


def test_a_data_image_from_the_request_to_its_deletion(emulator: EmulatorServer, client: Any) -> None:
    emulator.configure(job_seconds=100)
    job_id = create(client, image_tags=[sdk.ImageTag(key="team", value="a")], description="说明")
    job = client.show_job(sdk.ShowJobRequest(job_id=job_id))
    assert (job.status, job.job_type, job.end_time) == ("INIT", "imsImportDataImageJob", "")
    emulator.advance(60)
    progress = client.show_job_progress(sdk.ShowJobProgressRequest(job_id=job_id))
    assert progress.status == "RUNNING"
    assert 0.5 < progress.entities.process_percent < 0.7
    assert progress.entities.sub_job_id
    emulator.advance(60)
    job = client.show_job(sdk.ShowJobRequest(job_id=job_id))
    assert (job.status, job.error_code) == ("SUCCESS", None)

    request = sdk.ListImagesRequest(
        name="fedora", tag="team=a", imagetype="private", virtual_env_type="DataImage"
    )
    (image,) = client.list_images(request).images
    assert image.id == job.entities.image_id
    assert (image.status, image.root_origin, image.min_disk) == ("active", "file", 40)
    assert image.data_origin == f"file,image-test:{KEY}"
    assert image.description == "说明"

    client.glance_delete_image(sdk.GlanceDeleteImageRequest(image_id=image.id))
    emulator.advance(10)
    assert client.list_images(sdk.ListImagesRequest(id=image.id)).images == []


def test_failure_and_its_reason(emulator: EmulatorServer, client: Any) -> None:
    emulator.configure(job_seconds=0)
    job = client.show_job(sdk.ShowJobRequest(job_id=create(client, image_url="image-test:none")))
    assert (job.status, job.error_code) == ("FAIL", "IMG.0057")
    emulator.configure(fail_reason_at="entities")
    job = client.show_job(sdk.ShowJobRequest(job_id=create(client, image_url="image-test:none")))
    assert job.entities.error_code == "IMG.0057"


def test_pages_and_time_filters(emulator: EmulatorServer, client: Any) -> None:
    emulator.configure(job_seconds=0)
    for name in ("a", "b", "c"):
        create(client, name=name)
    request = sdk.ListImagesRequest(
        limit=2, sort_key="name", sort_dir="asc", created_at="gte:2024-01-01T00:00:00Z"
    )
    first = client.list_images(request)
    assert [image.name for image in first.images] == ["a", "b"]
    request.marker = first.page_info.next_marker
    assert [image.name for image in client.list_images(request).images] == ["c"]


def test_tags_and_quota(emulator: EmulatorServer, client: Any) -> None:
    emulator.configure(job_seconds=0)
    create(client, tags=["a.1"])
    image_id = client.list_images(sdk.ListImagesRequest()).images[0].id
    tag = sdk.ResourceTag(key="b", value="2")
    client.add_image_tag(sdk.AddImageTagRequest(image_id=image_id, body=sdk.AddImageTagRequestBody(tag=tag)))
    body = sdk.BatchAddOrDeleteTagsRequestBody(action="create", tags=[sdk.ResourceTag(key="c", value="3")])
    client.batch_add_or_delete_tags(sdk.BatchAddOrDeleteTagsRequest(image_id=image_id, body=body))
    client.delete_image_tag(sdk.DeleteImageTagRequest(image_id=image_id, key="a"))
    tags = client.list_image_tags(sdk.ListImageTagsRequest(image_id=image_id)).tags
    assert {(tag.key, tag.value) for tag in tags} == {("b", "2"), ("c", "3")}
    wanted = sdk.Tags(key="b", values=["2"])
    found = client.list_image_by_tags(
        sdk.ListImageByTagsRequest(body=sdk.ListImageByTagsRequestBody(action="filter", tags=[wanted]))
    )
    assert found.resources[0].resource_id == image_id
    quota = client.show_image_quota(sdk.ShowImageQuotaRequest()).quotas.resources[0]
    assert (quota.type, quota.used, quota.quota) == ("image", 1, 100)


def test_an_image_is_renamed(emulator: EmulatorServer, client: Any) -> None:
    emulator.configure(job_seconds=0)
    create(client)
    image_id = client.list_images(sdk.ListImagesRequest()).images[0].id
    change = sdk.UpdateImageRequestBody(op="replace", path="/name", value="renamed")
    client.update_image(sdk.UpdateImageRequest(image_id=image_id, body=[change]))
    assert client.glance_show_image(sdk.GlanceShowImageRequest(image_id=image_id)).name == "renamed"


def test_a_protected_image_cannot_be_deleted_until_it_is_free(emulator: EmulatorServer, client: Any) -> None:
    emulator.configure(job_seconds=0)
    create(client)
    image_id = client.list_images(sdk.ListImagesRequest()).images[0].id
    change = sdk.UpdateImageRequestBody(op="replace", path="/protected", value=True)
    client.update_image(sdk.UpdateImageRequest(image_id=image_id, body=[change]))
    [image] = client.list_images(sdk.ListImagesRequest(protected=True)).images
    assert (image.id, image.protected) == (image_id, True)
    error = refusal(client.glance_delete_image, sdk.GlanceDeleteImageRequest(image_id=image_id))
    assert (error.status_code, error.error_code) == (400, "IMG.0091")
    change.value = False
    client.update_image(sdk.UpdateImageRequest(image_id=image_id, body=[change]))
    client.glance_delete_image(sdk.GlanceDeleteImageRequest(image_id=image_id))
    emulator.advance(10)
    assert client.list_images(sdk.ListImagesRequest()).images == []


def test_an_image_that_is_being_made_cannot_be_deleted(emulator: EmulatorServer, client: Any) -> None:
    emulator.configure(job_seconds=100)
    create(client)
    image_id = client.list_images(sdk.ListImagesRequest()).images[0].id
    error = refusal(client.glance_delete_image, sdk.GlanceDeleteImageRequest(image_id=image_id))
    assert (error.status_code, error.error_code) == (400, "IMG.0090")


def test_images_of_a_dag_are_found_by_its_tag(emulator: EmulatorServer, client: Any) -> None:
    emulator.configure(job_seconds=0)
    for name, dag in (("a", "nightly.export"), ("b", "weekly")):
        create(client, name=name, image_tags=[sdk.ImageTag(key="ims_airflow_dag", value=dag)])
    request = sdk.ListImagesRequest(tag="ims_airflow_dag=nightly.export", imagetype="private")
    [image] = client.list_images(request).images
    assert image.name == "a"
    [tag] = client.list_image_tags(sdk.ListImageTagsRequest(image_id=image.id)).tags
    assert (tag.key, tag.value) == ("ims_airflow_dag", "nightly.export")


def test_a_broken_rule_comes_back_with_its_code_and_a_request_id(client: Any) -> None:
    body = sdk.CreateDataImageRequestBody(name="x", image_url="image-test:a", min_disk=1, os_type="Linux")
    error = refusal(client.create_data_image, sdk.CreateDataImageRequest(body=body))
    assert (error.status_code, error.error_code) == (400, "IMG.0055")
    assert error.request_id


def test_wrong_keys_are_refused(emulator: EmulatorServer) -> None:
    settings = emulator.settings
    for ak, sk in ((settings.ak, "wrong"), ("unknown", settings.sk)):
        client = client_with(emulator, credentials.BasicCredentials(ak, sk, settings.project_id))
        error = refusal(client.list_images, sdk.ListImagesRequest())
        assert (error.status_code, error.error_code) == (401, "APIGW.0301")


def test_a_wrong_project_is_refused(emulator: EmulatorServer) -> None:
    settings = emulator.settings
    client = client_with(emulator, credentials.BasicCredentials(settings.ak, settings.sk, "0" * 32))
    assert refusal(client.list_images, sdk.ListImagesRequest()).error_code == "APIGW.0310"


def region_client(server: EmulatorServer) -> Any:
    region = pytest.importorskip("huaweicloudsdkcore.region.region")
    credential = credentials.BasicCredentials(server.settings.ak, server.settings.sk)
    credential = credential.with_iam_endpoint(server.url)
    builder = sdk.ImsClient.new_builder().with_credentials(credential)
    return builder.with_region(region.Region(server.settings.region, server.url)).build()


def test_the_project_is_looked_up_by_region(emulator: EmulatorServer) -> None:
    client = region_client(emulator)
    assert client.list_images(sdk.ListImagesRequest()).images == []
    looked = emulator.journal("iam")
    assert [(one["path"], one["query"]) for one in looked] == [("/v3/projects", {"name": "cn-north-4"})]


@pytest.mark.parametrize(("rows", "text"), [(0, "Failed to get project id"), (2, "Multiple project ids")])
def test_an_ambiguous_look_up(emulator: EmulatorServer, rows: int, text: str) -> None:
    emulator.configure(projects_found=rows)
    with pytest.raises(exceptions.SdkException, match=text):
        region_client(emulator).list_images(sdk.ListImagesRequest())


@pytest.mark.parametrize("imdsv2", ["optional", "required", "absent"])
def test_keys_of_an_ecs_agency(
    emulator: EmulatorServer, monkeypatch: pytest.MonkeyPatch, imdsv2: str
) -> None:
    internal = pytest.importorskip("huaweicloudsdkcore.auth.internal")
    monkeypatch.setattr(internal.MetadataAccessor, "_METADATA_ENDPOINT", emulator.url)
    emulator.configure(imdsv2=imdsv2)
    credential = credentials.BasicCredentials(project_id=emulator.settings.project_id)
    credential.update_security_token_from_metadata()
    assert credential._expire_at > time.time()
    client = client_with(emulator, credential)
    assert client.list_images(sdk.ListImagesRequest()).images == []
    emulator.advance(3601)
    assert refusal(client.list_images, sdk.ListImagesRequest()).error_code == "APIGW.0301"
