"""OBS as a whole: lets requests in and hands each to its handler."""

from __future__ import annotations

import re
from collections.abc import Callable

from ims_airflow.emulator import refusals
from ims_airflow.emulator.keys import KeyRing
from ims_airflow.emulator.obs import listing, multipart, reading, signature, writing
from ims_airflow.emulator.obs.store import Bucket, Store, StoredObject
from ims_airflow.emulator.routing import Address, obs_address
from ims_airflow.emulator.wire import Ask, Reply, xml_reply
from ims_airflow.emulator.xml import leaf, node
from ims_airflow.protocol.signing import OBS_SUB_RESOURCES

_NAME = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
_LOCATION = re.compile(rb"<Location(?:Constraint)?>\s*([^<]+?)\s*</Location")
# These say more about a request and do not make it another one.
_MODIFIER = re.compile(r"versionId|partNumber|position|response-|x-obs-")
_S3_CLASSES = {"WARM": "STANDARD_IA", "COLD": "GLACIER"}
# The S3 spelling of what is more than x-obs- becoming x-amz-. Append is no S3 call, so its headers stay.
_S3_HEADERS = {
    "x-obs-bucket-location": "x-amz-bucket-region",
    "x-obs-next-append-position": "x-obs-next-append-position",
    "x-obs-object-type": "x-obs-object-type",
}


class Obs:
    """The object store of the emulated account."""

    def __init__(self, store: Store, ring: KeyRing) -> None:
        self.store = store
        self._ring = ring

    def answer(self, ask: Ask) -> Reply:
        """Answer a request.

        :raises Refused: it is not granted.
        """
        if "apiversion" in ask.args:
            return self._api_version(ask)  # the vendor's SDK asks this before anything else, unsigned
        address = obs_address(ask, self.store.buckets)
        signature.let_in(ask, address, self._ring)
        if address.bucket and not address.virtual and self.store.world.settings.path_style == "refuse":
            raise refusals.obs(403, "VirtualHostDomainRequired", "Address the bucket in the host name.")
        reply = self._dispatch(ask, address)
        return _in_s3_spelling(reply, address) if signature.prefix_of(ask) == "x-amz-" else reply

    def _dispatch(self, ask: Ask, address: Address) -> Reply:
        if not address.bucket:
            if ask.method != "GET":
                raise _not_allowed()
            return listing.list_buckets(self.store)
        if not address.key and ask.method == "PUT" and not _sub_resource(ask):
            return self._create_bucket(ask, address.bucket)
        bucket = self.store.buckets.get(address.bucket)
        if bucket is None:
            raise refusals.obs(404, "NoSuchBucket", "The bucket does not exist.", f"/{address.bucket}")
        if not address.key:
            return self._bucket(ask, bucket)
        return self._object(ask, bucket, address.key)

    def _api_version(self, ask: Ask) -> Reply:
        address = obs_address(ask, self.store.buckets)
        if address.bucket and address.bucket not in self.store.buckets:
            raise refusals.obs(404, "NoSuchBucket", "The bucket does not exist.", f"/{address.bucket}")
        return Reply(200, {"x-obs-api": "3.0"} if self.store.world.settings.obs_api == "obs" else {})

    def _create_bucket(self, ask: Ask, name: str) -> Reply:
        if not _NAME.fullmatch(name):
            raise refusals.obs(400, "InvalidBucketName", "The name of the bucket is not valid.")
        found = _LOCATION.search(ask.body)
        wanted = ask.header("x-obs-storage-class") or ask.header("x-default-storage-class") or "STANDARD"
        self.store.add_bucket(
            name, region=found[1].decode() if found else "", storage_class=writing.CLASSES.get(wanted, wanted)
        )
        return Reply(200, {"Location": f"/{name}"})

    def _bucket(self, ask: Ask, bucket: Bucket) -> Reply:
        handlers: dict[tuple[str, str], Callable[[], Reply]] = {
            ("HEAD", ""): lambda: _head_bucket(bucket),
            ("GET", ""): lambda: listing.list_objects(ask, self.store, bucket),
            ("DELETE", ""): lambda: self._delete_bucket(bucket),
            ("GET", "uploads"): lambda: listing.list_uploads(ask, self.store, bucket),
            ("GET", "location"): lambda: _location(ask, bucket),
            ("GET", "storageClass"): lambda: _storage_class(bucket),
            ("GET", "storagePolicy"): lambda: _storage_policy(bucket),
            ("GET", "versioning"): lambda: _versioning(bucket),
            ("PUT", "versioning"): lambda: _set_versioning(ask, bucket),
        }
        handler = handlers.get((ask.method, _sub_resource(ask)))
        if handler is None:
            raise _not_allowed()
        return handler()

    def _delete_bucket(self, bucket: Bucket) -> Reply:
        if bucket.objects or bucket.uploads:
            raise refusals.obs(409, "BucketNotEmpty", "The bucket is not empty.")
        del self.store.buckets[bucket.name]
        return Reply(204)

    def _object(self, ask: Ask, bucket: Bucket, key: str) -> Reply:
        store = self.store
        handlers: dict[tuple[str, str], Callable[[], Reply]] = {
            ("HEAD", ""): lambda: reading.head_object(ask, _find(ask, bucket, key), store.world),
            ("GET", ""): lambda: reading.get_object(ask, _find(ask, bucket, key), store.world),
            ("PUT", ""): lambda: writing.put_object(ask, store, bucket, key),
            ("DELETE", ""): lambda: writing.delete_object(ask, store, bucket, key),
            ("POST", "append"): lambda: writing.append_object(ask, store, bucket, key),
            ("POST", "restore"): lambda: writing.restore_object(store, bucket, _find(ask, bucket, key)),
            ("POST", "uploads"): lambda: multipart.initiate(ask, store, bucket, key),
            ("PUT", "uploadId"): lambda: multipart.put_part(ask, store, bucket, key),
            ("GET", "uploadId"): lambda: multipart.list_parts(ask, bucket, key),
            ("POST", "uploadId"): lambda: multipart.complete(ask, store, bucket, key),
            ("DELETE", "uploadId"): lambda: multipart.abort(ask, store, bucket, key),
        }
        handler = handlers.get((ask.method, _sub_resource(ask)))
        if handler is None:
            raise _not_allowed()
        return handler()


def _sub_resource(ask: Ask) -> str:
    """Return the name of the sub-resource that a request is about, known here or not."""
    return next((name for name in ask.args if name in OBS_SUB_RESOURCES and not _MODIFIER.match(name)), "")


def _not_allowed() -> Exception:
    return refusals.obs(405, "MethodNotAllowed", "The method is not allowed against this resource.")


def _find(ask: Ask, bucket: Bucket, key: str) -> StoredObject:
    version_id = ask.args.get("versionId", "")
    stored = bucket.find(key, version_id)
    if stored is None:
        code = "NoSuchVersion" if version_id else "NoSuchKey"
        raise refusals.obs(404, code, "The object does not exist.", f"/{bucket.name}/{key}")
    return stored


def _head_bucket(bucket: Bucket) -> Reply:
    headers = {
        "x-obs-bucket-location": bucket.region,
        "x-obs-storage-class": bucket.storage_class,  # here always, STANDARD too
        "x-obs-version": "3.0",
        "x-obs-epid": "0",
    }
    return Reply(200, headers)


def _location(ask: Ask, bucket: Bucket) -> Reply:
    if signature.prefix_of(ask) == "x-amz-":
        return xml_reply(node("CreateBucketConfiguration", leaf("LocationConstraint", bucket.region)))
    return xml_reply(_spaced("Location", bucket, bucket.region))


def _storage_class(bucket: Bucket) -> Reply:
    return xml_reply(_spaced("StorageClass", bucket, bucket.storage_class))


def _storage_policy(bucket: Bucket) -> Reply:
    spelled = _S3_CLASSES.get(bucket.storage_class, bucket.storage_class)
    return xml_reply(node("StoragePolicy", leaf("DefaultStorageClass", spelled)))


def _versioning(bucket: Bucket) -> Reply:
    state = leaf("Status", "Enabled") if bucket.versioned else ""
    return xml_reply(node("VersioningConfiguration", state))


def _set_versioning(ask: Ask, bucket: Bucket) -> Reply:
    bucket.versioned = b">Enabled<" in ask.body
    return Reply(200)


def _spaced(name: str, bucket: Bucket, text: str) -> str:
    return node(name, text, xmlns=listing.namespace(bucket.region))


def _in_s3_spelling(reply: Reply, address: Address) -> Reply:
    headers = {}
    for name, value in reply.headers.items():
        if name == "x-obs-storage-class":
            of = "x-amz-storage-class" if address.key else "x-default-storage-class"
            headers[of] = _S3_CLASSES.get(value, value)
        else:
            headers[_S3_HEADERS.get(name, name.replace("x-obs-", "x-amz-"))] = value
    return Reply(reply.status, headers, reply.body, reply.stretches, reply.length)
