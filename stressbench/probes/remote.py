"""A probe's end of the line to its capture in vLLM's workers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, cast

from stressbench.probes.base import RunningEngine
from stressbench.probes.exchange import UNSEEN, Arrays, Plain, Unsupported, unpack

ELSEWHERE: Final = "computed by another data-parallel engine"
_FAILED: Final = "the request failed"


class RemoteCapture:
    """The capture ``path`` ("module:Class") of one probe, in every worker, under one name."""

    def __init__(self, served: RunningEngine, name: str, path: str) -> None:
        self._served = served
        self._name = name
        self._path = path
        self.fault: str | None = None
        """Why nothing is captured; None while something is."""

    async def start(self) -> None:
        """Build the capture; ``fault`` says why that was not possible."""
        await self._say("install", self._path)

    async def expect(self, key: str, settings: Plain) -> None:
        """Announce a request before it goes out."""
        if self.fault is None:
            await self._say("register", key, settings)

    async def collect(self, key: str, *, ok: bool = True) -> Arrays:
        """What was captured of a request that is over.

        Raises ``Unsupported`` with the reason where nothing was: a request that failed
        (``ok`` is false), that another data-parallel engine ran, or that was not understood.
        """
        if self.fault is not None:
            raise Unsupported(self.fault)
        reasons = []
        for answer in await self._call("take", key):
            taken = cast("Mapping[str, object]", answer)
            if "why_null" not in taken:
                return unpack(taken)
            reasons.append(str(taken["why_null"]))
        told = next((each for each in reasons if each != UNSEEN), UNSEEN)
        if told == UNSEEN and not ok:
            told = _FAILED
        elif told == UNSEEN and self._engines() > 1:
            told = ELSEWHERE
        raise Unsupported(told)

    async def stop(self) -> None:
        """End the capture."""
        await self._call("remove")

    def _engines(self) -> int:
        # Dense engines of a data-parallel set are told that they are alone: ask who set them up.
        size = self._served.info.args.get("data_parallel_size", 1)
        return size if isinstance(size, int) else 1

    async def _say(self, method: str, *args: object) -> None:
        reasons = [answer for answer in await self._call(method, *args) if answer is not None]
        self.fault = str(reasons[0]) if reasons else None

    async def _call(self, method: str, *args: object) -> list[object]:
        return await self._served.call_worker(f"stressbench_{method}", self._name, *args)
