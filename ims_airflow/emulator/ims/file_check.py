"""What IMS finds wrong with the file itself, at the submit or in the job."""

from __future__ import annotations

from ims_airflow.emulator.ims.jobs import Failure
from ims_airflow.emulator.ims.rules import Submission
from ims_airflow.emulator.obs.store import Store, StoredObject

_UNUSABLE = Failure("IMG.0057", "The image file does not exist, is empty, or in the incorrect format.")


def check_file(submission: Submission, store: Store) -> Failure | None:
    """Return what is wrong with the file of a request (codes: IMS API reference, 错误码)."""
    settings = store.world.settings
    bucket = store.buckets.get(submission.bucket)
    if bucket is None:
        return Failure("IMG.0069", "The specified bucket cannot be accessed.")
    if bucket.region != settings.region:
        return Failure(
            "IMG.0058",
            "The region of the bucket where the image file is stored is inconsistent with that of the user.",
        )
    stored = bucket.find(submission.key)
    if stored is None or stored.size == 0 or stored.customer_key_md5:
        return _UNUSABLE
    # No page names the code for a class other than STANDARD.
    if {bucket.storage_class, stored.storage_class} != {"STANDARD"}:
        return _UNUSABLE
    if stored.size > settings.largest_file:
        return Failure("IMG.0059", "The size of the image file exceeds the maximum allowed.")
    if virtual_size(stored) > submission.min_disk * 1024**3:
        return Failure("IMG.0055", "The memory or disk size is invalid.")
    return None


def virtual_size(stored: StoredObject) -> int:
    """Return the size in bytes of the disk in a qcow2 file, 0 for every other format."""
    first = stored.stretches[0]
    if first.path is None:
        return 0
    with first.path.open("rb") as file:
        file.seek(first.offset)
        head = file.read(min(32, first.length))
    # qcow2: magic, version, …, virtual size as a big-endian 64-bit number at offset 24.
    return int.from_bytes(head[24:32], "big") if head.startswith(b"QFI\xfb") else 0
