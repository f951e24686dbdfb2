"""The IMS calls of this package. Each is a flow: run it with a client of :mod:`ims_airflow.client`."""

from __future__ import annotations

import json
from collections.abc import Mapping

from ims_airflow.exceptions import NotFoundError, UnusableAnswerError
from ims_airflow.protocol.data_image import DataImageRequest
from ims_airflow.protocol.errors import json_object
from ims_airflow.protocol.ids import JOB_PATHS, JobQuery, checked_id, is_id
from ims_airflow.protocol.image import Image, parse_image, read_tags
from ims_airflow.protocol.job import Job, parse_job
from ims_airflow.protocol.message import Call, Flow, Response, Service

MOST_IMAGES = 10_000  # of one listing; far above any quota, it ends a listing whose markers run in a circle


def create_data_image(request: DataImageRequest) -> Flow[str]:
    """Submit ``POST /v1/cloudimages/dataimages/action`` once and return the ``job_id``.

    Source: IMS API reference, "Creating a Data Disk Image Using an External Image File". There is no
    idempotency key, so the call is sent again only after an answer that proves that it had no effect.

    :raises ImsAirflowError: with ``outcome_unknown`` set when a job may exist all the same.
    """
    response = yield Call(
        Service.IMS,
        "POST",
        "/v1/cloudimages/dataimages/action",
        headers={"Content-Type": "application/json"},
        body=json.dumps(request.body(), ensure_ascii=False).encode(),
        repeatable=False,
        attempts=1,
    )
    job_id = json_object(response, "the answer to the data image request").get("job_id")
    if not isinstance(job_id, str) or not is_id(job_id):
        raise UnusableAnswerError(
            "IMS accepted the data image request, but its answer holds no usable job_id"
        )
    return job_id


def show_job(job_id: str, *, query: JobQuery = "ShowJob", attempts: int = 4) -> Flow[Job]:
    """Ask how a job fares.

    :param query: which of the two query APIs to use.
    :param attempts: how often to send the call; a caller with patience of its own wants 1.
    """
    checked_id("job_id", job_id)
    response = yield job_call(job_id, query, attempts=attempts)
    return read_job(response, job_id)


def job_call(job_id: str, query: JobQuery, *, attempts: int) -> Call:
    """Return the call of :func:`show_job`, for those who ask the same again and again.

    Source: IMS API reference, "Querying an Asynchronous Job" and "… Job Progress".

    :param job_id: has been checked before.
    """
    return Call(Service.IMS, "GET", JOB_PATHS[query] + job_id, attempts=attempts, brief=True)


def read_job(response: Response, job_id: str) -> Job:
    """Read the answer to :func:`job_call`."""
    return parse_job(json_object(response, f"the answer about job {job_id}"), job_id)


def list_images(filters: Mapping[str, str], *, attempts: int = 4) -> Flow[list[Image]]:
    """List images (``GET /v2/cloudimages``), all pages.

    :param filters: query parameters under the API's own names.
    """
    query = {"limit": "500", **filters}
    found: dict[str, Image] = {}
    while len(found) < MOST_IMAGES:
        response = yield Call(
            Service.IMS, "GET", "/v2/cloudimages", query=tuple(query.items()), attempts=attempts
        )
        payload = json_object(response, "the image list")
        rows = payload.get("images")
        if not isinstance(rows, list):
            raise UnusableAnswerError("the image list of IMS holds no list named images")
        page = [parse_image(row) for row in rows if isinstance(row, dict)]
        new = {image.image_id: image for image in page if image.image_id not in found}
        found.update(new)
        if not new or len(rows) < int(query["limit"]):
            break
        query["marker"] = page[-1].image_id
    return list(found.values())


def show_image(image_id: str, *, attempts: int = 4) -> Flow[Image | None]:
    """Return one image, None when the list does not hold it."""
    checked_id("image_id", image_id)
    images = yield from list_images({"id": image_id}, attempts=attempts)
    return next((image for image in images if image.image_id == image_id), None)


def show_tags(image_id: str, *, attempts: int = 4) -> Flow[frozenset[tuple[str, str]] | None]:
    """Return the tags of one image as pairs of key and value, None when there is no such image.

    Source: IMS API reference, "Querying Tags of an Image". Rows of the image list need not show their tags.
    """
    checked_id("image_id", image_id)
    path = f"/v2/{{project_id}}/images/{image_id}/tags"
    try:
        response = yield Call(Service.IMS, "GET", path, attempts=attempts)
    except NotFoundError as error:
        if is_address(error):
            raise
        return None
    tags = json_object(response, f"the answer about the tags of image {image_id}").get("tags")
    if not isinstance(tags, list):
        raise UnusableAnswerError("the answer about an image's tags holds no list named tags")
    return frozenset(read_tags(tags))


def delete_image(image_id: str) -> Flow[None]:
    """Delete an image (``DELETE /v2/images/{image_id}``). The row disappears some time after the answer."""
    checked_id("image_id", image_id)
    yield Call(Service.IMS, "DELETE", f"/v2/images/{image_id}")


def is_address(error: NotFoundError) -> bool:
    """Whether the gateway means that the address is wrong, rather than IMS that the image is not there."""
    return error.code.startswith("API")
