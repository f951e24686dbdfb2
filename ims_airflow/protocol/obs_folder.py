"""One listing of a folder for all who wait for a file in it.

A HEAD per file and look is cheap for one file and dear for thousands. The first page of a listing tells of
all of them which are not there. Nothing else of it is believed: that a file is there, and what it is like, is
for HEAD to say. Where a listing is not allowed, does not fit one page or cannot be read, HEAD is asked as if
there were no listings. A file of many is noticed up to one interval later than one that is waited for alone.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from ims_airflow.exceptions import ImsAirflowError
from ims_airflow.protocol.message import Flow, Response
from ims_airflow.protocol.obs_listing import ask_folder, read_folder

SEVERAL = 3  # watches from which on they list: one or two ask for less, and may lack the permission


@dataclass(slots=True)
class Folder:
    """A folder and those who wait for files in it.

    :param prefix: what the keys of its files begin with, up to the last ``/``.
    :param watches: how many wait.
    """

    bucket: str
    prefix: str
    watches: int = 0
    _unlisted_until: float = -math.inf
    _answer: Response | None = field(default=None, repr=False)
    _keys: frozenset[str] = field(default=frozenset(), repr=False)

    @property
    def crowded(self) -> bool:
        """Whether one listing is cheaper than a question of each."""
        return self.watches >= SEVERAL

    def lacks(self, key: str, now: float, fresh: float) -> Flow[bool]:
        """Whether a listing answers that a file is not there. False means no more than that HEAD must tell.

        :param now: epoch seconds.
        :param fresh: seconds for which a listing that somebody else asked for will do.
        """
        if not self.crowded or now < self._unlisted_until:
            return False
        try:
            answer = yield ask_folder(self.bucket, self.prefix, fresh)
            if answer is not self._answer:  # read once, whoever shares it
                self._keys, self._answer = read_folder(answer), answer
        except ImsAirflowError as error:
            self._unlisted_until = now + fresh if error.retryable else math.inf
            return False
        return key not in self._keys


@dataclass(slots=True)
class Folders:
    """The folders of those who share a client."""

    _folders: dict[tuple[str, str], Folder] = field(default_factory=dict)

    @contextmanager
    def visit(self, bucket: str, prefix: str) -> Iterator[Folder]:
        """Join those who wait for files in a folder, for as long as the block lasts."""
        folder = self._folders.setdefault((bucket, prefix), Folder(bucket, prefix))
        folder.watches += 1
        try:
            yield folder
        finally:
            folder.watches -= 1
            if not folder.watches:
                del self._folders[bucket, prefix]
