"""What surrounds an image file: object and bucket, the name of the image, the quota, the key.

Each check is a flow that returns findings. One that lacks a permission says so and leaves the others alone.
"""

from __future__ import annotations

from ims_airflow.exceptions import AccessDeniedError, AuthenticationError, ImsAirflowError, NotFoundError
from ims_airflow.inspection.finding import (
    NAME_EXISTS,
    NO_ACCESS_TO_BUCKET,
    NO_SUCH_KMS_KEY,
    QUOTA_USED_UP,
    SPACES_IN_KEY,
    WRONG_REGION,
    Finding,
    error,
    note,
    warning,
)
from ims_airflow.protocol.ims import list_images
from ims_airflow.protocol.message import Flow
from ims_airflow.protocol.obs import STANDARD, StoredObject, head_bucket
from ims_airflow.protocol.quota import show_quota
from ims_airflow.protocol.validation import is_uuid

STORAGE_CLASS = "storage-class"  # no page names the code for another class than STANDARD
NOT_CHECKED = "not-checked"


def tolerant(what: str, permission: str, check: Flow[list[Finding]]) -> Flow[list[Finding]]:
    """Run a check; when it cannot be made, return a finding that says so.

    :param what: what is looked at.
    :param permission: that it needs.
    :raises AuthenticationError: the keys are wrong; then nothing else can be checked either.
    """
    try:
        return (yield from check)
    except AccessDeniedError:
        return [note(NOT_CHECKED, f"Not checked: {what}. The permission {permission} is missing.")]
    except AuthenticationError:
        raise
    except ImsAirflowError as trouble:
        return [warning(NOT_CHECKED, f"Not checked: {what}. {trouble}")]


def check_bucket(bucket: str, region: str) -> Flow[list[Finding]]:
    """Check region and storage class of the bucket.

    :param region: where IMS will be called, empty when that is not known.
    """
    return (
        yield from tolerant(
            "region and class of the bucket", "obs:bucket:HeadBucket", _bucket(bucket, region)
        )
    )


def check_name(name: str) -> Flow[list[Finding]]:
    """Check whether another private image has this name."""
    return (yield from tolerant("whether the image's name is free", "ims:images:list", _name(name)))


def check_quota() -> Flow[list[Finding]]:
    """Check whether the account may have one more image."""
    return (yield from tolerant("the quota of images", "ims:quotas:get", _quota()))


def object_findings(stored: StoredObject) -> list[Finding]:
    """Return what HEAD shows to be wrong with an object."""
    found = []
    if stored.storage_class != STANDARD:
        rule = f"The object is of class {stored.storage_class}, and IMS reads STANDARD only."
        found.append(error(STORAGE_CLASS, f"{rule} Change its class, or copy it."))
    if stored.appendable:
        rule = "The object can still be appended to. Make sure that whoever writes it is done."
        found.append(warning("appendable", rule))
    return found


def key_findings(key: str) -> list[Finding]:
    """Return what is wrong with an object's key."""
    if " " not in key:
        return []
    rule = "The key holds spaces. Rename object and folders: IMS takes none with spaces."
    return [error(SPACES_IN_KEY, rule)]


def cmk_id_findings(cmk_id: str | None) -> list[Finding]:
    """Return what is wrong with the id of a KMS key."""
    if not cmk_id or is_uuid(cmk_id):
        return []
    return [error(NO_SUCH_KMS_KEY, "cmk_id is not the id of a KMS key, which is a UUID. Copy it from KMS.")]


def _bucket(name: str, region: str) -> Flow[list[Finding]]:
    try:
        bucket = yield from head_bucket(name)
    except NotFoundError:
        rule = f"There is no bucket {name!r}. Check its name, and region or obs_endpoint of the Connection."
        return [error(NO_ACCESS_TO_BUCKET, rule)]
    found = []
    if bucket.storage_class != STANDARD:
        rule = f"The bucket is of class {bucket.storage_class}, and IMS reads from STANDARD only."
        found.append(error(STORAGE_CLASS, f"{rule} Use another bucket."))
    if region and bucket.region and bucket.region != region:
        rule = (
            f"The bucket lies in {bucket.region}, IMS is called in {region}. Use a bucket of the same region."
        )
        found.append(error(WRONG_REGION, rule))
    return found


def _name(name: str) -> Flow[list[Finding]]:
    images = yield from list_images({"name": name, "__imagetype": "private"})
    same = [image for image in images if image.name == name]
    if not same:
        return []
    # The code exists, but no page says when IMS insists on it.
    rule = f"The image {same[0].image_id} has the name {name!r}, too, and IMS may refuse a second one."
    return [warning(NAME_EXISTS, f"{rule} Choose another.")]


def _quota() -> Flow[list[Finding]]:
    quota = yield from show_quota()
    if quota.left != 0:
        return []
    rule = f"The quota of {quota.limit} private images is used up."
    return [error(QUOTA_USED_UP, f"{rule} Delete images that nobody needs, or have it raised.")]
