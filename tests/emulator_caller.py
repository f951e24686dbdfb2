"""Asks an emulator over HTTP with nothing but `requests` and our signing functions."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote, urlsplit
from xml.etree import ElementTree as ET

import requests

from ims_airflow.emulator import EmulatorServer
from ims_airflow.protocol.credentials import AccessKey
from ims_airflow.protocol.signing import encode_query, sign_obs, sign_sdk

SUBMIT = "/v1/cloudimages/dataimages/action"
KEY = "fedora.qcow2"


class Caller:
    """One client of an emulator.

    :param key: the account's own unless given.
    """

    def __init__(self, server: EmulatorServer, key: AccessKey | None = None) -> None:
        self.server = server
        self.settings = server.settings
        self.key = key or AccessKey(self.settings.ak, self.settings.sk)
        self.session = requests.Session()
        self.session.trust_env = False

    def send(self, method: str, target: str, **how: Any) -> requests.Response:
        """Ask as is."""
        return self.session.request(
            method, f"{self.server.url}{target}", timeout=5, allow_redirects=False, **how
        )

    def gateway(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        query: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        now: float | None = None,
    ) -> requests.Response:
        """Ask IMS or IAM, signed."""
        pairs = list((query or {}).items())
        data = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
        given = {
            "Host": urlsplit(self.server.url).netloc,
            "X-Project-Id": self.settings.project_id,
            "Content-Type": "application/json",
            **(headers or {}),
        }
        signed = sign_sdk(method, path, pairs, given, data, self.key, now or time.time())
        target = path + (f"?{encode_query(pairs)}" if pairs else "")
        return self.send(method, target, data=data, headers=signed)

    def obs(
        self,
        method: str,
        key: str = "",
        body: Any = b"",
        *,
        bucket: str = "image-test",
        query: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        now: float | None = None,
    ) -> requests.Response:
        """Ask OBS, signed, in path style."""
        pairs = list((query or {}).items())
        signed = sign_obs(method, bucket, key, pairs, dict(headers or {}), self.key, now or time.time())
        target = f"/{bucket}/{quote(key, safe='/~')}" if bucket else "/"
        return self.send(
            method, target + (f"?{encode_query(pairs)}" if pairs else ""), data=body, headers=signed
        )

    def submit(self, name: str = "fedora", **fields: Any) -> requests.Response:
        """Ask for a data image."""
        body = {
            "name": name,
            "image_url": f"image-test:{KEY}",
            "min_disk": 40,
            "os_type": "Linux",
            **fields,
        }
        return self.gateway("POST", SUBMIT, {key: value for key, value in body.items() if value is not None})

    def submitted(self, name: str = "fedora", **fields: Any) -> str:
        """Ask for a data image of a file that is there, and return its job's id."""
        self.server.put_object("image-test", KEY, b"some bytes")
        answer = self.submit(name, **fields)
        assert answer.status_code == 200, answer.text
        return str(answer.json()["job_id"])

    def job(self, job_id: str, *, progress: bool = False) -> dict[str, Any]:
        """Ask about a job."""
        path = f"/v1/cloudimages/job/{job_id}" if progress else self.job_path(job_id)
        answer = self.gateway("GET", path)
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    def job_path(self, job_id: str) -> str:
        """The path of the older job query."""
        return f"/v1/{self.settings.project_id}/jobs/{job_id}"

    def images(self, **query: str) -> list[dict[str, Any]]:
        """List images."""
        answer = self.gateway("GET", "/v2/cloudimages", query=query)
        assert answer.status_code == 200, answer.text
        return list(answer.json()["images"])


def code_of(answer: requests.Response) -> str:
    """Return the code in an error of IMS, the gateway or OBS."""
    if "xml" in answer.headers.get("Content-Type", ""):
        return text_of(answer, "Code")
    payload = answer.json()
    return str(payload.get("error_code") or payload["error"]["code"])


def text_of(answer: requests.Response, name: str) -> str:
    """Return the text of the first XML element of a name."""
    return next(
        (one.text or "" for one in ET.fromstring(answer.content).iter() if one.tag.endswith(name)), ""
    )


def texts_of(answer: requests.Response, name: str) -> list[str]:
    """Return the texts of all XML elements of a name."""
    root = ET.fromstring(answer.content)
    return [one.text or "" for one in root.iter() if one.tag.rpartition("}")[2] == name]
