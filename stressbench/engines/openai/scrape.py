"""Read a server's metrics ten times a second while requests run."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import Final

from stressbench.clock import Clock
from stressbench.engines.openai.http import Connection
from stressbench.engines.openai.metrics import MetricsSample, read_sample, step_between
from stressbench.engines.openai.server import MetricsPage
from stressbench.errors import EngineError
from stressbench.schema.step import StepReading

_OK: Final = 200
_PAGE_S: Final = 5.0


class Scraper:
    """Turns a metrics page into steps, from ``start`` to ``stop``.

    A page that cannot be fetched leaves a gap in the time series. A page that lacks a metric
    ends the run at the next request.
    """

    def __init__(
        self,
        connection: Connection,
        page: MetricsPage,
        *,
        clock: Clock,
        interval_s: float,
        on_step: Callable[[StepReading], None],
    ) -> None:
        self._connection = connection
        self._page = page
        self._clock = clock
        self._interval_s = interval_s
        self._on_step = on_step
        self._task: asyncio.Task[None] | None = None
        self._before: MetricsSample | None = None
        self._reading = asyncio.Lock()

    def start(self) -> None:
        """Begin reading; needs a running event loop."""
        self._task = asyncio.create_task(self._run())

    def check(self) -> None:
        """Raise the ``EngineError`` that ended the scraping, if one did."""
        if self._task is not None and self._task.done():
            self._task.result()

    async def stop(self) -> None:
        """End. An error that ended the scraping earlier is ignored."""
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            with suppress(asyncio.CancelledError, EngineError):
                await task

    async def _run(self) -> None:
        due_s = asyncio.get_running_loop().time()
        while True:
            await self.read()
            # Count from the time it was due, so that the fetch does not lengthen the
            # interval. A slow server is not asked more often to catch up.
            due_s = max(due_s + self._interval_s, asyncio.get_running_loop().time())
            await asyncio.sleep(due_s - asyncio.get_running_loop().time())

    async def read(self) -> None:
        """Read the page now, and report what happened since the last reading."""
        async with self._reading:  # pages out of order would look like a restart
            now = await self._sample()
            if now is None:
                return
            if self._before is not None:
                self._on_step(step_between(self._before, now, self._clock.now_ns()))
            self._before = now

    async def _sample(self) -> MetricsSample | None:
        try:
            page = await self._connection.get(self._page.url, timeout_s=_PAGE_S)
        except EngineError:
            return None
        if page.status != _OK:
            return None
        return read_sample(page.body, self._page.names, self._page.version)
