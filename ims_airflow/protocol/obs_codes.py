"""The codes of OBS that its users here can meet: which error each is, what it means, what to do.

Source: OBS API reference, 错误码. Codes about policies, CORS, websites and the like are left out: for them
the HTTP status says enough.
"""

from __future__ import annotations

from ims_airflow.exceptions import ApiError
from ims_airflow.protocol.error_kinds import (
    Denied,
    Expired,
    NotFound,
    Quota,
    Rejected,
    Service,
    Throttled,
    Unauthenticated,
)

WRONG_REGION = "Check obs_endpoint and region of the Connection: the bucket lies somewhere else."
WRONG_CLOCK = "Set this machine's clock: OBS refuses requests that are more than 15 minutes off."

_ACCOUNT = "Let the owner of the account look at its state and balance."
_BUCKET = "Check the bucket's name: 3 to 63 lower-case letters, digits, '-' and '.'."
_KEY = "Check image_url, spelled bucket:key, and that the upload is finished."
_KMS = "Choose another KMS key for the object, or enable this one."

OBS_CODES: dict[str, tuple[type[ApiError], str, str]] = {
    "PermanentRedirect": (Rejected, "the bucket must be addressed elsewhere", WRONG_REGION),
    "TemporaryRedirect": (Rejected, "the bucket is addressed elsewhere for the time being", WRONG_REGION),
    "BadDigest": (Service, "the body arrived changed", ""),
    "EntityTooLarge": (Rejected, "the body is larger than one request may carry", "Upload it in parts."),
    "EntityTooSmall": (Rejected, "a part is smaller than 100 KB", ""),
    "IncompleteBody": (Service, "the body did not arrive whole", ""),
    "InvalidArgument": (Rejected, "an argument is wrong", ""),
    "InvalidBucket": (NotFound, "the bucket does not exist any more", _BUCKET),
    "InvalidBucketName": (Rejected, "the bucket's name is wrong", _BUCKET),
    "InvalidEncryptionAlgorithmError": (
        Rejected,
        "the object is encrypted with a key of its own (SSE-C)",
        "Store it without encryption, or with SSE-KMS: IMS cannot read it otherwise.",
    ),
    "InvalidPart": (Rejected, "a part of the upload is missing or another one", ""),
    "InvalidPartOrder": (Rejected, "the parts of the upload are not in order", ""),
    "InvalidRequest": (Rejected, "the request is wrong", ""),
    "IllegalLocationConstraintException": (Rejected, "the bucket's region is not this one", WRONG_REGION),
    "InvalidLocationConstraint": (Rejected, "there is no such region", WRONG_REGION),
    "KeyTooLongError": (Rejected, "the key is longer than 1024 bytes", ""),
    "KMS.DisabledException": (Rejected, "the KMS key of the object is disabled", _KMS),
    "KMS.NotFoundException": (Rejected, "the KMS key of the object does not exist", _KMS),
    "MissingSecurityHeader": (Rejected, "a required header is missing", ""),
    "TooManyBuckets": (
        Quota,
        "the account has as many buckets as it may have",
        "Delete buckets that nobody needs.",
    ),
    "TooManyWrongSignature": (
        Unauthenticated,
        "too many wrong requests with this key",
        "Stop all use of this key for some minutes, then correct it.",
    ),
    "AccessDenied": (
        Denied,
        "access is denied",
        "Grant the user access in IAM or in the bucket's policy (obs:object:GetObject for reading a file).",
    ),
    "AllAccessDisabled": (Denied, "nobody may do this here", _BUCKET),
    "DeregisterUserId": (Denied, "the account is closed", _ACCOUNT),
    "ExpiredToken": (Expired, "the temporary key has run out", "Obtain a new temporary key."),
    "InArrearOrInsufficientBalance": (Denied, "the account is in arrears", _ACCOUNT),
    "InsufficientStorageSpace": (Quota, "the bucket is full", "Delete objects, or raise the bucket's quota."),
    "InvalidAccessKeyId": (
        Unauthenticated,
        "there is no such access key",
        "Check the access key; a temporary one also needs its security token.",
    ),
    "InvalidObjectState": (
        Rejected,
        "the object is archived",
        "Restore the object and copy it to the STANDARD class, the only one that IMS reads.",
    ),
    "NotSignedUp": (Denied, "the account does not use OBS yet", "Register for OBS."),
    "RequestTimeTooSkewed": (Unauthenticated, "the clocks differ by more than 15 minutes", WRONG_CLOCK),
    "SignatureDoesNotMatch": (
        Unauthenticated,
        "the signature is wrong",
        "Check the secret key of the Connection, and that no proxy changes headers.",
    ),
    "Unauthorized": (Denied, "the account lacks its real-name check", "Let its owner pass the check."),
    "VirtualHostDomainRequired": (
        Rejected,
        "the bucket must be in the host's name",
        "Set obs_addressing of the Connection to virtual.",
    ),
    "NoSuchBucket": (NotFound, "there is no such bucket", "Check the bucket's name, and the region."),
    "NoSuchKey": (NotFound, "there is no such object", _KEY),
    "NoSuchUpload": (NotFound, "there is no such multipart upload", "Start the upload again."),
    "NoSuchVersion": (NotFound, "there is no such version of the object", ""),
    "MethodNotAllowed": (Rejected, "this is not possible here", ""),
    "FsNotSupport": (Rejected, "a parallel file system cannot do this", "Use an object bucket."),
    "RequestTimeout": (Service, "the connection stood still for too long", ""),
    "BucketAlreadyExists": (Rejected, "somebody has a bucket of this name", "Choose another name."),
    "BucketAlreadyOwnedByYou": (Rejected, "the account has this bucket already", ""),
    "BucketNotEmpty": (Rejected, "the bucket is not empty", ""),
    # Another operation holds the object just now; nothing was done.
    "OperationAborted": (Throttled, "another operation is going on", ""),
    "ObjectNotAppendable": (Rejected, "the object cannot be appended to", ""),
    "PreconditionFailed": (Rejected, "a condition of the request does not hold", ""),
    "InvalidRange": (Rejected, "the range lies beyond the end of the object", ""),
    "InternalError": (Service, "an internal error of OBS", ""),
    "ServiceNotImplemented": (Rejected, "this region's OBS cannot do this", ""),
    "ServiceUnavailable": (Service, "OBS is overloaded", ""),
    "SlowDown": (Throttled, "too many requests to OBS", "Use fewer tasks at a time."),
}
