"""Short names of the error classes, so that the tables of codes stay readable."""

from __future__ import annotations

from ims_airflow import exceptions

Rejected = exceptions.RequestRejectedError
NotFound = exceptions.NotFoundError
Unauthenticated = exceptions.AuthenticationError
Expired = exceptions.CredentialExpiredError
Denied = exceptions.AccessDeniedError
Quota = exceptions.QuotaExceededError
Throttled = exceptions.ThrottledError
Service = exceptions.ServiceError
