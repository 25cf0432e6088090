"""How a probe talks to its capture in vLLM's workers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, cast

from stressbench.probes.base import RunningEngine
from stressbench.probes.exchange import UNSEEN, Arrays, Plain, Unsupported, unpack

ELSEWHERE: Final = "computed by another data-parallel engine"
_FAILED: Final = "the request failed"


class RemoteCapture:
    """One probe's capture, ``path`` ("module:Class"), in every worker, under the name ``name``."""

    def __init__(self, served: RunningEngine, name: str, path: str) -> None:
        self._served = served
        self._name = name
        self._path = path
        self.fault: str | None = None
        """Why nothing is captured; None while the capture works."""

    async def start(self) -> None:
        """Build the capture. If that fails, ``fault`` says why."""
        await self._tell("install", self._path)

    async def expect(self, key: str, settings: Plain) -> None:
        """Announce a request before it is sent."""
        if self.fault is None:
            await self._tell("register", key, settings)

    async def collect(self, key: str, *, ok: bool = True) -> Arrays:
        """What was captured of a request that has ended.

        Raises ``Unsupported`` with the reason if nothing was: the request failed (``ok`` is
        false), another data-parallel engine ran it, or the capture did not understand it.
        """
        if self.fault is not None:
            raise Unsupported(self.fault)
        reasons = []
        for answer in await self._call("take", key):
            taken = cast("Mapping[str, object]", answer)
            if "why_null" not in taken:
                return unpack(taken)
            reasons.append(str(taken["why_null"]))
        reason = next((each for each in reasons if each != UNSEEN), UNSEEN)
        if reason == UNSEEN and not ok:
            reason = _FAILED
        elif reason == UNSEEN and self._engines() > 1:
            reason = ELSEWHERE
        raise Unsupported(reason)

    async def stop(self) -> None:
        """End the capture."""
        await self._call("remove")

    def _engines(self) -> int:
        # With data parallelism, an engine of a dense model reports a size of 1: read the argument.
        size = self._served.info.args.get("data_parallel_size", 1)
        return size if isinstance(size, int) else 1

    async def _tell(self, method: str, *args: object) -> None:
        reasons = [answer for answer in await self._call(method, *args) if answer is not None]
        self.fault = str(reasons[0]) if reasons else None

    async def _call(self, method: str, *args: object) -> list[object]:
        return await self._served.call_worker(f"stressbench_{method}", self._name, *args)
