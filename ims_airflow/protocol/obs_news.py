"""Which objects of a listing are new, in a memory that stays small."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any, Self

from ims_airflow.protocol.obs_listing import ListedObject

MOST_MARKS = 3000  # 16 bytes each in JSON: Airflow's state store warns above 64 KB


class News:
    """Compares listings with what was seen before.

    Each object is remembered by a mark of key, ETag and time. Time alone would not do: a multipart upload may
    bear the time at which it began, and so appear behind younger objects. Only of very many objects the
    oldest are forgotten, and what is as old as they are counts as seen.

    :param horizon: ``LastModified`` before which everything counts as seen, empty for none.
    :param marks: of the objects that were seen.
    :param silent: whether the first look only remembers.
    """

    def __init__(self, horizon: str, marks: frozenset[str], *, silent: bool) -> None:
        self.changed = False
        self._horizon = horizon
        self._marks = marks
        self._silent = silent

    @classmethod
    def recall(cls, memo: object, *, existing: bool) -> Self:
        """Go on from a memory.

        :param memo: what :meth:`memo` returned, None at the very first start.
        :param existing: whether at the very first look everything counts as new.
        """
        if isinstance(memo, Mapping) and isinstance(memo.get("marks"), list):
            return cls(str(memo.get("horizon") or ""), frozenset(map(str, memo["marks"])), silent=False)
        return cls("", frozenset(), silent=not existing)

    def memo(self) -> dict[str, Any]:
        """Return the memory, as plain JSON."""
        return {"horizon": self._horizon, "marks": sorted(self._marks)}

    def of(self, listed: list[ListedObject]) -> list[ListedObject]:
        """Return what is new in a listing, oldest first, and remember the listing."""
        listed = sorted(listed, key=lambda file: file.last_modified)
        new = [
            file for file in listed if file.last_modified >= self._horizon and _mark(file) not in self._marks
        ]
        silent, self._silent = self._silent, False
        kept = listed[-MOST_MARKS:]
        if len(kept) < len(listed):
            self._horizon = kept[0].last_modified
        marks = frozenset(map(_mark, kept))
        self.changed = silent or marks != self._marks
        self._marks = marks
        return [] if silent else new


def _mark(file: ListedObject) -> str:
    return hashlib.blake2b(f"{file.key}|{file.etag}|{file.last_modified}".encode(), digest_size=6).hexdigest()
