"""One answer for all who ask the same: many sensors that watch one bucket and prefix cost one listing."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Hashable
from dataclasses import dataclass, field
from typing import Any

from ims_airflow.protocol.message import Call, Response

FEW = 16  # answers that may lie about, stale or not

Send = Callable[[Call], Coroutine[Any, Any, Response]]


@dataclass(slots=True)
class _Question:
    """A question that was asked.

    :param asked: by the loop's clock.
    :param fresh: seconds for which its answer will do.
    :param waiting: how many have not been told the answer. It may be there a moment before they are.
    """

    asked: float
    fresh: float
    answer: asyncio.Task[Response]
    waiting: int = 0

    def is_open(self, now: float) -> bool:
        if self.waiting or not self.answer.done():
            return True
        failed = self.answer.cancelled() or self.answer.exception() is not None
        return not failed and now - self.asked < self.fresh


@dataclass(slots=True)
class SharedAnswers:
    """The answers of one client that others may use, too, for as long as ``Call.fresh`` says.

    The asking is a task of its own, so that whoever asked first can be cancelled without harm to the others.
    """

    _questions: dict[Hashable, _Question] = field(default_factory=dict)
    _most: int = FEW

    async def ask(self, call: Call, send: Send) -> Response:
        """Return the answer to a call, perhaps one that somebody else got a moment ago."""
        now = asyncio.get_running_loop().time()
        key = (call.service, call.method, call.bucket, call.path, call.query)
        found = self._questions.get(key)
        if (
            found is None
            or not found.is_open(now)
            or (found.answer.done() and now - found.asked >= call.fresh)
        ):
            self._forget(now)
            found = _Question(now, call.fresh, asyncio.create_task(send(call)))
            self._questions[key] = found
        found.waiting += 1
        try:
            return await asyncio.shield(found.answer)
        finally:
            found.waiting -= 1

    async def aclose(self) -> None:
        """End what nobody waits for any more."""
        open_ones = [question.answer for question in self._questions.values()]
        self._questions.clear()
        for answer in open_ones:
            answer.cancel()
        await asyncio.gather(*open_ones, return_exceptions=True)

    def _forget(self, now: float) -> None:
        if len(self._questions) < self._most:
            return
        stale = [key for key, question in self._questions.items() if not question.is_open(now)]
        for key in stale:
            del self._questions[key]
        self._most = max(FEW, 2 * len(self._questions))  # so that forgetting costs each question the same
