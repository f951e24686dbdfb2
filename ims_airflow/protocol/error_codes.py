"""What an error code of Huawei Cloud means: its class in our tree, in words, and what a person can do."""

from __future__ import annotations

import re
from dataclasses import dataclass

from ims_airflow.exceptions import ApiError, AuthenticationError, CredentialExpiredError
from ims_airflow.protocol.gateway_codes import AUTHENTICATION_TAILS, GATEWAY_CODES, RENEW
from ims_airflow.protocol.img_codes import IMG_CODES, IMG_REMEDIES
from ims_airflow.protocol.obs_codes import OBS_CODES

# In whatever words a service says that a token has run out ("token expires, expires_at: …").
_EXPIRED = re.compile(r"token\b[^.;]{0,40}\bexpire|\bexpired\b[^.;]{0,20}\btoken", re.IGNORECASE)
_NO_CODE = (
    "IMS gave no code. Look at the file with `ims-airflow inspect bucket:key`: most often its format, its "
    "virtual size or a backing file is the reason."
)


@dataclass(frozen=True, slots=True)
class CodeInfo:
    """What is known about a code.

    :param error: its class; ``retryable`` and ``outcome_unknown`` follow from it.
    :param meaning: a short phrase, without a full stop.
    :param remedy: a sentence for the person who meets it, or empty.
    """

    code: str
    error: type[ApiError]
    meaning: str
    remedy: str = ""


CODES: dict[str, CodeInfo] = {
    code: CodeInfo(code, error, meaning, remedy)
    for code, (error, meaning, remedy) in {
        **{code: (*row, IMG_REMEDIES.get(code, "")) for code, row in IMG_CODES.items()},
        **GATEWAY_CODES,
        **OBS_CODES,
    }.items()
}


def lookup(code: str, message: str = "") -> CodeInfo | None:
    """Return what is known about a code, None for an unknown one.

    :param message: what the service said. Some codes for a refused identity say only there whether it is
        wrong for good or has run out.
    """
    info = CODES.get(code.strip())
    if info is None or not issubclass(info.error, AuthenticationError) or not message:
        return info
    if _EXPIRED.search(message):
        return CodeInfo(info.code, CredentialExpiredError, "the token has run out", RENEW)
    if code.endswith(".0301"):
        tails = (row for tail, row in AUTHENTICATION_TAILS if tail in message.lower())
        return next((CodeInfo(info.code, *row) for row in tails), info)
    return info


def job_failure(error_code: str) -> tuple[bool, str]:
    """Return whether submitting anew can help a job that ended with FAIL, and what a person can do.

    It can where the code blames the service or its load. A FAIL without a code, or with an unknown one,
    counts as hopeless: nearly all rules of the request are checked before it is sent, so what makes a job
    fail in silence is mostly the file, which a second import would only read for many minutes to fail again.
    Who knows better clears the task.
    """
    info = CODES.get(error_code.strip())
    if info is None:
        return False, "" if error_code.strip() else _NO_CODE
    return info.error.retryable, info.remedy
